//! Calls that break a tool's schema (MCP05:2025, CWE-20).
//!
//! Somebody tries a server out with calls it never offered. A single call that does not fit is a
//! client with an old list, or a model's slip; that the server accepts it is a weakness of its own.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_lower;
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::talk::{Kinds, Param};
use stilt_model::{
    Dialect, Finding, Leaf, Outcome, Rule, Severity, SmolStr, Talk, Timestamp, ToolCall, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_invalid_call",
        title: "Calls that a tool's schema does not allow",
        owasp: &["ASI02:2026", "API8:2023", "MCP05:2025"],
        attack: &["T1190"],
        references: &["CWE-20"],
    },
    severity: Severity::Medium,
    looks_for: "Five different calls in ten minutes that break the schemas of their tools, or name \
                tools that there are not. A server that accepts such a call is told as posture.",
    needs: "The server's list of tools.",
    look_alikes: "Single slips of a model; a client whose list is older than the server's; schemas \
                  that say more than a list of parameters.",
    tuning: &[Tuning { key: "calls_min", meaning: "different invalid calls in ten minutes" }],
    build: |settings| Ok(Box::new(McpInvalidCall::new(settings)?)),
};

const SERVERS_MAX: usize = 5_000;
const TOOLS_MAX: usize = 512;
const CALLERS_MAX: usize = 20_000;
const WITHIN: Duration = Duration::from_secs(600);
/// A list that is newer than this may not have reached every client.
const STALE: Duration = Duration::from_secs(300);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 5 }
    }
}

/// A tool as it was last listed.
#[derive(Debug, Serialize, Deserialize)]
struct Tool {
    params: Vec<Param>,
    closed: bool,
    partly: bool,
    digest: u64,
    since: Timestamp,
    /// It was another one before.
    renewed: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Server {
    tools: BTreeMap<SmolStr, Tool>,
    /// The whole list was seen.
    whole: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Tries {
    since: Timestamp,
    /// Calls, valid ones included.
    all: u64,
    wrong: BTreeSet<u64>,
    count: u64,
}

#[derive(Serialize, Deserialize)]
struct McpInvalidCall {
    #[serde(skip)]
    limits: Limits,
    servers: Keep<u64, Server>,
    callers: Keep<u64, Tries>,
    accepted: BTreeSet<u64>,
    stories: Stories,
}

impl Default for McpInvalidCall {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            servers: Keep::new(SERVERS_MAX),
            callers: Keep::new(CALLERS_MAX),
            accepted: BTreeSet::new(),
            stories: Stories::default(),
        }
    }
}

impl McpInvalidCall {
    fn see(&mut self, context: &Context<'_>, talk: &Talk, _: &AgentSeen, out: &mut Vec<Finding>) {
        let Some(mcp) = talk.mcp.as_deref().filter(|_| talk.dialect == Dialect::Mcp) else {
            return;
        };
        let service = text_key(&context.sighting.service);
        let server = self.servers.touch(context.at(), service, Server::default);
        if !talk.tools.is_empty() {
            server.whole |= !mcp.partial && !talk.tools_cut;
            for tool in talk.tools.iter().take(TOOLS_MAX) {
                let known = server.tools.get(&tool.name);
                let since = known
                    .filter(|known| known.digest == tool.digest)
                    .map_or(context.at(), |known| known.since);
                if server.tools.len() < TOOLS_MAX || known.is_some() {
                    let (params, digest) = (tool.params.clone(), tool.digest);
                    let (closed, partly) = (tool.closed, tool.partly);
                    let renewed =
                        known.is_some_and(|known| known.renewed || known.digest != digest);
                    server.tools.insert(
                        tool.name.clone(),
                        Tool { params, closed, partly, digest, since, renewed },
                    );
                }
            }
            return;
        }
        let wrong: Vec<(SmolStr, String, u64)> = talk
            .calls()
            .filter_map(|call| {
                Some((call.name.clone(), breaks(server, call, context.at())?, call.digest))
            })
            .collect();
        let outcome = outcome_of(context, talk);
        let caller = hash(&[service, context.seen.actor.id.0]);
        let tries = self.callers.touch(context.at(), caller, Tries::default);
        if context.at().since(tries.since) > WITHIN {
            *tries = Tries { since: context.at(), ..Tries::default() };
        }
        tries.all = tries.all.saturating_add(talk.calls().count() as u64);
        for (tool, why, digest) in wrong {
            if outcome == Outcome::Success {
                self.accepted(context, service, &tool, &why, out);
            }
            let tries = self.callers.touch(context.at(), caller, Tries::default);
            tries.count = tries.count.saturating_add(1);
            if tries.wrong.len() < 64 {
                tries.wrong.insert(hash(&[text_key(&tool), digest]));
            }
            let count = tries.wrong.len();
            // A busy agent's model makes slips, now and then.
            let often = rate_lower(tries.count, tries.all, 0.05) >= 0.2;
            if count < self.limits.calls_min || !often {
                continue;
            }
            let word = Word {
                severity: if outcome == Outcome::Success { Severity::High } else { SPEC.severity },
                outcome,
                confidence: 0.8,
                note: format!("{tool}: {why}"),
                message: format!(
                    "{count} different calls in ten minutes that {} never offered",
                    context.sighting.service
                ),
                why: vec![signal("invalid_calls", count.to_string(), "a slip now and then")],
                remediation:
                    "see who tries the server out, and let it check arguments against its schemas"
                        .into(),
            };
            self.stories.tell(context, (SPEC.rule.id, service), word, out);
        }
    }

    fn accepted(
        &mut self,
        context: &Context<'_>,
        service: u64,
        tool: &str,
        why: &str,
        out: &mut Vec<Finding>,
    ) {
        let key = hash(&[service, text_key(tool)]);
        if self.accepted.len() >= 4096 || !self.accepted.insert(key) {
            return;
        }
        let word = Word {
            severity: Severity::Low,
            outcome: Outcome::Success,
            confidence: 0.8,
            note: format!("{tool}: {why}"),
            message: format!("{} ran {tool} although {why}", context.sighting.service),
            why: vec![signal("schema_not_checked", why, "an error")],
            remediation: "let the server check arguments against its schema".into(),
        };
        self.stories.posture(context, (SPEC.rule.id, hash(&[key, 1])), word, out);
    }
}

/// How a call breaks the schema of its tool.
fn breaks(server: &Server, call: &ToolCall, now: Timestamp) -> Option<String> {
    let Some(tool) = server.tools.get(&call.name) else {
        return (server.whole && !call.name.is_empty()).then(|| "there is no such tool".to_owned());
    };
    // A client may still have the list before this one.
    if tool.partly || call.cut || (tool.renewed && now.since(tool.since) < STALE) {
        return None;
    }
    let top =
        |leaf: &Leaf| leaf.path.as_str().split(['.', '[']).next().unwrap_or_default().to_owned();
    let given: BTreeSet<String> = call.arguments.iter().map(top).collect();
    for param in &tool.params {
        // An empty object or list leaves no leaf behind: only scalars can be missed.
        let scalar = !param.kinds.is_any()
            && !param.kinds.takes(Kinds::OBJECT)
            && !param.kinds.takes(Kinds::LIST);
        if param.required && scalar && !given.contains(param.name.as_str()) {
            return Some(format!("{} is missing", param.name));
        }
    }
    for leaf in &call.arguments {
        let name = top(leaf);
        let Some(param) = tool.params.iter().find(|param| param.name == name) else {
            if tool.closed && !name.is_empty() {
                return Some(format!("there is no parameter {name}"));
            }
            continue;
        };
        if leaf.path.as_str() == name && !fits(param, &leaf.value) {
            return Some(format!("{name} is of another type"));
        }
        if leaf.path.as_str() == name && !param.allowed.is_empty() && !param.allowed_cut {
            let value = match &leaf.value {
                Value::Text(text) => text.to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Bool(bool) => bool.to_string(),
                _ => continue,
            };
            if !param.allowed.iter().any(|one| *one == value) {
                return Some(format!("{name} is none of its values"));
            }
        }
    }
    None
}

fn fits(param: &Param, value: &Value) -> bool {
    let kind = match value {
        Value::Null => Kinds::NULL,
        Value::Bool(_) => Kinds::BOOL,
        Value::Integer(_) => Kinds::INTEGER,
        Value::Number(_) => Kinds::NUMBER,
        Value::Text(_) => Kinds::TEXT,
        // What was hidden may have been text or number.
        Value::Masked { .. } => return true,
    };
    param.kinds.takes(kind)
}

detector!(McpInvalidCall);

#[cfg(test)]
mod tests {
    use super::super::testing::{call, list, refused, tool};
    use crate::testing::Town;
    use stilt_inventory::test_support::Tx;

    fn told(calls: Vec<Tx>) -> (usize, usize) {
        let mut town = Town::new(super::SPEC.rule.id);
        let params = r#""id":{"type":"integer"},"kind":{"type":"string","enum":["a","b"]}"#;
        town.at(1.0, list(&[tool("read_row", "Reads a row", params, "\"id\"")]));
        for (at, tx) in calls.into_iter().enumerate() {
            town.at(400.0 + 8.0 * at as f64, tx);
        }
        town.run();
        (town.stories().len(), town.notices().len())
    }

    #[test]
    fn trying_a_server_out_is_told() {
        let tries = [
            "{}",
            r#"{"id":"x"}"#,
            r#"{"id":1,"kind":"z"}"#,
            r#"{"id":1,"more":1}"#,
            r#"{"id":true}"#,
        ];
        assert_eq!(told(tries.iter().map(|text| refused("read_row", text)).collect()), (1, 0));
        let names = (0..6).map(|n| refused(&format!("admin_{n}"), "{}")).collect();
        assert_eq!(told(names), (1, 0));
    }

    #[test]
    fn slips_are_silent_and_a_server_that_accepts_them_is_weak() {
        assert_eq!(
            told(vec![refused("read_row", "{}"), refused("read_row", r#"{"id":"x"}"#)]),
            (0, 0)
        );
        assert_eq!(told(vec![call("read_row", r#"{"id":"x"}"#, "row")]), (0, 1));
        let fine = (0..9)
            .map(|n| call("read_row", &format!(r#"{{"id":{n},"kind":"a"}}"#), "row"))
            .collect();
        assert_eq!(told(fine), (0, 0));
        let busy = (0..60).map(|n| {
            let good = format!(r#"{{"id":{n}}}"#);
            if n % 10 == 9 {
                refused("read_row", &format!(r#"{{"id":"x{n}"}}"#))
            } else {
                call("read_row", &good, "row")
            }
        });
        assert_eq!(told(busy.collect()).0, 0);
    }
}
