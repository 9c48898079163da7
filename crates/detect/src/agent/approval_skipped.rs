//! A person's approval is passed over (ASI09, API6:2023).
//!
//! A tool that asks a person before it acts (`elicitation/create`, in a stream or as the call's
//! first result) acts without asking, or against the answer. Answers that come faster than anybody
//! reads are a rubber stamp.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_lower;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, SmolStr, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.approval_skipped",
        title: "A tool acts without the approval it asks for",
        owasp: &["ASI09:2026", "API6:2023", "ASI02:2026"],
        attack: &["T1548"],
        references: &["CWE-862"],
    },
    severity: Severity::High,
    looks_for: "A tool runs although the person who was asked declined; a tool that asked before \
                nearly every call (99 % of those seen, 90 % by bound) runs without asking.",
    needs: "The stream of the tool server, and the client's answers to it; thirty calls of the tool.",
    look_alikes: "Calls that fail or are refused; tools that ask now and then.",
    tuning: &[Tuning { key: "calls_min", meaning: "calls of a tool before its asking is usual" }],
    build: |settings| Ok(Box::new(ApprovalSkipped::new(settings)?)),
};

const TOOLS_MAX: usize = 20_000;
const REPLIES_MAX: usize = 20_000;
/// What a person who was asked answers.
const ACTIONS: &[&str] = &["accept", "decline", "cancel"];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 30 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Asked {
    asked: u64,
    all: u64,
}

#[derive(Serialize, Deserialize)]
struct ApprovalSkipped {
    #[serde(skip)]
    limits: Limits,
    tools: Keep<u64, Asked>,
    /// What was answered, by conversation and number of the question.
    replies: Keep<u64, SmolStr>,
    stories: Stories,
}

impl Default for ApprovalSkipped {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            tools: Keep::new(TOOLS_MAX),
            replies: Keep::new(REPLIES_MAX),
            stories: Stories::default(),
        }
    }
}

impl ApprovalSkipped {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let Some(mcp) = talk.mcp.as_deref().filter(|_| talk.dialect == Dialect::Mcp) else {
            return;
        };
        let service = text_key(&context.sighting.service);
        let place = |id: &str| hash(&[service, agent.conversation, text_key(id)]);
        if let Some((id, how)) = &mcp.reply {
            self.replies.touch(context.at(), place(id), || how.clone());
        }
        let Some(tool) = talk.calls().next().map(|call| call.name.clone()) else { return };
        if outcome_of(context, talk) != Outcome::Success {
            return;
        }
        let asks = mcp.asks.iter().filter(|ask| ask.method == "elicitation/create");
        let mut replies: Vec<Option<SmolStr>> = asks
            .map(|ask| self.replies.remove(&place(ask.id.as_deref().unwrap_or_default())))
            .collect();
        // Without sessions, the answer comes with the call that was made again.
        let with_call = mcp.replies.iter().map(|(_, how)| how);
        replies.extend(with_call.filter(|how| ACTIONS.contains(&how.as_str())).cloned().map(Some));
        let declined = replies.iter().flatten().any(|how| how == "decline" || how == "cancel");
        let key = hash(&[service, text_key(&tool)]);
        let known = self.tools.touch(context.at(), key, Asked::default);
        let usual = known.all >= self.limits.calls_min
            && known.asked * 100 >= known.all * 99
            && rate_lower(known.asked, known.all, 0.05) >= 0.9;
        let figures = format!("{} of {} calls asked", known.asked, known.all);
        let skipped = usual && replies.is_empty();
        if !skipped {
            known.all = known.all.saturating_add(1);
            known.asked = known.asked.saturating_add(u64::from(!replies.is_empty()));
        }
        // A tool that tells that nothing was done keeps to the answer.
        let did = talk.answers().any(|turn| {
            let lower = turn.text.shown.to_lowercase();
            turn.call_id.is_some()
                && !["cancel", "declin", "not ", "abort", "reject", "denied", "nothing", "skipp"]
                    .iter()
                    .any(|word| lower.contains(word))
        });
        let what = match (declined && did, skipped) {
            (true, _) => "the person who was asked declined".to_owned(),
            (_, true) => format!("nobody was asked ({figures} before)"),
            _ => return,
        };
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: if declined { 0.85 } else { 0.75 },
            note: format!("{tool}: {what}"),
            message: format!("{tool} of {} ran although {what}", context.sighting.service),
            why: vec![signal("approval", what.clone(), "asked for, and given")],
            remediation: format!("undo what {tool} did, and let the server wait for the answer"),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

detector!(ApprovalSkipped);

#[cfg(test)]
mod tests {
    use super::super::testing::{call, rpc};
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, post};

    const ID: &str = "8f14e45fceea167a5a36dedd4bea2543";

    /// A call in whose stream the server asks, and the answer to that.
    fn asked(town: &mut Town, at: f64, n: usize, how: &str, text: &str) {
        let reply = format!(r#"{{"jsonrpc":"2.0","id":"e{n}","result":{{"action":"{how}"}}}}"#);
        town.at(at, post("/mcp").json(&reply).header("Mcp-Session-Id", ID).status(202));
        let events = format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":\"e{n}\",\"method\":\"elicitation/create\",\"params\":{{\"message\":\"Sure?\"}}}}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}\n\n"
        );
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wipe_disk","arguments":{}}}"#;
        let tx = post("/mcp").json(body).header("Mcp-Session-Id", ID).events(&events);
        town.at(at + 1.0, tx);
    }

    /// A call whose first result asks, made again with the answer to that.
    fn asked_first(town: &mut Town, at: f64, how: &str, text: &str) {
        let ask = r#"{"resultType":"input_required","inputRequests":{"sure":{"method":"elicitation/create","params":{"message":"Sure?"}}}}"#;
        town.at(at, rpc("tools/call", r#"{"name":"wipe_disk","arguments":{}}"#, ask));
        let again = format!(
            r#"{{"name":"wipe_disk","arguments":{{}},"inputResponses":{{"sure":{{"action":"{how}"}}}}}}"#
        );
        let done = format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#);
        town.at(at + 1.0, rpc("tools/call", &again, &done));
    }

    #[test]
    fn without_sessions_the_answer_counts_as_much() {
        let told = |how: &str, text: &str, usual: bool, last: Option<Tx>| {
            let mut town = Town::new(super::SPEC.rule.id);
            if usual {
                (0..35).for_each(|n| asked_first(&mut town, 10.0 * n as f64, "accept", "wiped"));
            }
            match last {
                Some(last) => town.at(900.0, last),
                None => asked_first(&mut town, 900.0, how, text),
            }
            town.run();
            town.stories().len()
        };
        assert_eq!(told("decline", "wiped", false, None), 1);
        assert_eq!(told("cancel", "wiped", true, None), 1);
        assert_eq!(told("decline", "Cancelled by the user", false, None), 0);
        assert_eq!(told("accept", "wiped", true, None), 0);
        assert_eq!(told("", "", true, Some(call("wipe_disk", "{}", "wiped"))), 1);
        let only_asks = r#"{"resultType":"input_required","inputRequests":{}}"#;
        let params = r#"{"name":"wipe_disk","arguments":{}}"#;
        assert_eq!(told("", "", true, Some(rpc("tools/call", params, only_asks))), 0);
    }

    fn plain() -> Tx {
        call("wipe_disk", "{}", "wiped").header("Mcp-Session-Id", ID)
    }

    #[test]
    fn what_is_done_against_the_answer_or_without_one_is_told() {
        let told = |plan: &dyn Fn(&mut Town)| {
            let mut town = Town::new(super::SPEC.rule.id);
            plan(&mut town);
            town.run();
            town.stories().len()
        };
        assert_eq!(told(&|town| asked(town, 1.0, 1, "decline", "wiped")), 1);
        assert_eq!(told(&|town| asked(town, 1.0, 1, "decline", "Cancelled by the user")), 0);
        assert_eq!(told(&|town| asked(town, 1.0, 1, "accept", "wiped")), 0);
        let usual = |town: &mut Town| {
            (0..35).for_each(|n| asked(town, 10.0 * n as f64, n, "accept", "wiped"))
        };
        assert_eq!(
            told(&|town| {
                usual(town);
                town.at(900.0, plain());
            }),
            1
        );
        assert_eq!(told(&|town| (0..9).for_each(|n| town.at(9.0 * n as f64, plain()))), 0);
    }
}
