//! Header and body of a tool call disagree (MCP07:2025, CWE-436).
//!
//! Since revision 2026-07-28 headers repeat what a call is about, so that gateways need not read
//! bodies. Where they disagree and the server runs the body all the same, what was allowed and what
//! was done are two things. So are two members of one name in one body.

use super::{Stories, Word, detector, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_desync",
        title: "Header and body of a tool call disagree, and it is run",
        owasp: &["MCP07:2025", "ASI02:2026"],
        attack: &["T1190"],
        references: &["CWE-436", "CWE-444"],
    },
    severity: Severity::High,
    looks_for: "`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` or `MCP-Protocol-Version` say something else \
                than the body, or a member occurs twice in it, and the server answers with a \
                result instead of an error.",
    needs: "Requests and answers.",
    look_alikes: "Names in base64; servers that refuse (HeaderMismatch).",
    tuning: &[Tuning { key: "told_min", meaning: "accepted calls that disagree" }],
    build: |settings| Ok(Box::new(McpDesync::new(settings)?)),
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    told_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { told_min: 1 }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct McpDesync {
    #[serde(skip)]
    limits: Limits,
    seen: std::collections::BTreeMap<u64, u64>,
    stories: Stories,
}

impl McpDesync {
    fn see(&mut self, context: &Context<'_>, talk: &Talk, _: &AgentSeen, out: &mut Vec<Finding>) {
        let Some(mcp) = talk.mcp.as_deref().filter(|_| talk.dialect == Dialect::Mcp) else {
            return;
        };
        let disagree = mcp.mismatch.first();
        if disagree.is_none() && !mcp.duplicate_keys {
            return;
        }
        if outcome_of(context, talk) != Outcome::Success {
            return;
        }
        let service = text_key(&context.sighting.service);
        if self.seen.len() < 4096 || self.seen.contains_key(&service) {
            let count = self.seen.entry(service).or_default();
            *count = count.saturating_add(1);
            if *count < self.limits.told_min {
                return;
            }
        }
        let (what, severity) = match disagree {
            Some((header, says, body)) if body.is_empty() => {
                (format!("{header} says {says}, the body says no such thing"), SPEC.severity)
            }
            Some((header, says, body)) => {
                (format!("{header} says {says}, the body {body}"), SPEC.severity)
            }
            None => ("a member occurs twice in the body".to_owned(), Severity::Medium),
        };
        let word = Word {
            severity,
            outcome: Outcome::Success,
            confidence: 0.9,
            note: what.clone(),
            message: format!("{} ran a call of which {what}", context.sighting.service),
            why: vec![signal("disagreement", what.clone(), "an error (-32020 HeaderMismatch)")],
            remediation: "let the server refuse calls whose headers and body disagree".into(),
        };
        self.stories.tell(context, (SPEC.rule.id, service), word, out);
    }
}

detector!(McpDesync);

#[cfg(test)]
mod tests {
    use super::super::testing::{call, refused};
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, post};

    fn told(tx: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        town.at(1.0, tx);
        town.run();
        town.stories().len()
    }

    #[test]
    fn a_call_that_is_run_against_its_headers_is_told() {
        let header =
            |tx: Tx, name: &str| tx.header("Mcp-Method", "tools/call").header("Mcp-Name", name);
        assert_eq!(told(header(call("delete_all", "{}", "done"), "read")), 1);
        assert_eq!(told(header(call("read", "{}", "done"), "read")), 0);
        assert_eq!(told(header(refused("delete_all", "{}"), "read")), 0);
        let twice = post("/mcp")
            .json(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"wipe","arguments":{}}}"#)
            .answer(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
        assert_eq!(told(twice), 1);
    }
}
