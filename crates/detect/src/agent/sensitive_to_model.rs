//! Secrets and personal data told to a model (LLM02:2025).
//!
//! Keys that open something have no place in a prompt, whoever serves the model. Card, account and
//! identity numbers are told where several people's reach a model that is not one's own. Each is
//! told when it first appears in a conversation, not when the history is sent again.

use super::persons::Persons;
use super::{Stories, Word, detector, hash, text_key};
use crate::agents::{AgentSeen, prices_fit as fits};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Finding, Outcome, Rule, Sensitive, Severity, Talk, TrustRole, Turn};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.sensitive_to_model",
        title: "Secrets or personal data are sent to a model",
        owasp: &["LLM02:2025", "MCP01:2025", "MCP10:2025"],
        attack: &["AML.T0057"],
        references: &["CWE-200", "CWE-312"],
    },
    severity: Severity::High,
    looks_for: "Private keys, keys of clouds and vendors, signed tokens and connection strings in a \
                prompt, a tool's answer or an input of embeddings (high); card, account and \
                identity numbers of several people (medium). Each at its first appearance. Persons \
                are counted, not numbers: what one record, or the record around it, says of its \
                owner is one person's, and so is a short list that names nobody.",
    needs: "The talk with the model.",
    look_alikes: "Card numbers that are published for tests; one's own account number, and all \
                  accounts of one customer; as many numbers without names as a tool of the agent \
                  gives in its conversations; hosts under `[ai] trusted_hosts`; history that is \
                  sent again.",
    tuning: &[Tuning {
        key: "people_min",
        meaning: "different numbers of persons in one conversation",
    }],
    build: |settings| Ok(Box::new(SensitiveToModel::new(settings)?)),
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    people_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { people_min: 3 }
    }
}

#[derive(Serialize, Deserialize)]
struct SensitiveToModel {
    #[serde(skip)]
    limits: Limits,
    /// What tools of an agent give as a rule.
    #[serde(default = "usual")]
    usual: Keep<u64, Usual>,
    stories: Stories,
}

impl Default for SensitiveToModel {
    fn default() -> Self {
        Self { limits: Limits::default(), usual: usual(), stories: Stories::default() }
    }
}

/// Numbers without names that a tool gave in conversations.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Usual {
    conversations: u64,
    last: u64,
    most: usize,
}

const USUAL_MAX: usize = 10_000;
/// Conversations after which it is what the tool is for.
const USUAL_MIN: u64 = 3;

fn usual() -> Keep<u64, Usual> {
    Keep::new(USUAL_MAX)
}

/// It opens something, by its form alone.
pub(super) fn is_key(kind: Sensitive) -> bool {
    matches!(
        kind,
        Sensitive::PrivateKey | Sensitive::ApiKey | Sensitive::ConnectionString | Sensitive::Jwt
    )
}

/// A number that belongs to one person.
pub(super) fn is_personal(kind: Sensitive) -> bool {
    matches!(kind, Sensitive::Card | Sensitive::Iban | Sensitive::NationalId)
}

/// The kinds among some turns, each with how many different values.
pub(super) fn kinds<'t>(
    turns: impl Iterator<Item = &'t Turn>,
    wanted: impl Fn(Sensitive, u64) -> bool,
) -> BTreeMap<Sensitive, BTreeSet<u64>> {
    let mut found: BTreeMap<Sensitive, BTreeSet<u64>> = BTreeMap::new();
    for (kind, mark) in turns.flat_map(|turn| &turn.text.hidden) {
        if wanted(*kind, *mark) {
            found.entry(*kind).or_default().insert(*mark);
        }
    }
    found
}

/// "2 ibans, 1 api key".
pub(super) fn listed(kinds: &BTreeMap<Sensitive, BTreeSet<u64>>) -> String {
    let all: Vec<String> = kinds
        .iter()
        .map(|(kind, marks)| {
            crate::tale::counted(marks.len() as u64, &kind.name().replace('_', " "))
        })
        .collect();
    all.join(", ")
}

impl SensitiveToModel {
    /// Whether what is new holds numbers of several persons, beyond what is usual.
    fn many(&mut self, context: &Context<'_>, talk: &Talk, agent: &AgentSeen) -> bool {
        let said = agent.new_turns(talk).filter(|turn| {
            !turn.answered && !matches!(turn.role, TrustRole::Assistant | TrustRole::ToolResult)
        });
        let mut all = Persons::default();
        said.for_each(|turn| all.add(&turn.text));
        for (turn, tool) in agent.new_results(talk).filter(|(turn, _)| !turn.answered) {
            let mut given = Persons::default();
            given.add(&turn.text);
            all.named.append(&mut given.named);
            if given.loose.len() < self.limits.people_min {
                all.loose.append(&mut given.loose);
                continue;
            }
            let key = hash(&[agent.agent, text_key(tool)]);
            let usual = self.usual.touch(context.at(), key, Usual::default);
            let known = usual.conversations >= USUAL_MIN && given.loose.len() <= usual.most;
            if usual.last != agent.conversation {
                usual.conversations = usual.conversations.saturating_add(1);
            }
            usual.last = agent.conversation;
            usual.most = usual.most.max(given.loose.len());
            if !known {
                all.loose.append(&mut given.loose);
            }
        }
        all.count() >= self.limits.people_min
    }

    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let host = &*context.sighting.service;
        if !talk.dialect.is_model() || agent.ai.trusted_hosts.iter().any(|own| fits(own, host)) {
            return;
        }
        let asked = || {
            agent.new_turns(talk).filter(|turn| !turn.answered && turn.role != TrustRole::Assistant)
        };
        let keys = kinds(asked(), |kind, _| is_key(kind));
        let people = kinds(asked(), |kind, _| is_personal(kind));
        let many = !people.is_empty() && self.many(context, talk, agent);
        if keys.is_empty() && !many {
            return;
        }
        let (found, severity) =
            if keys.is_empty() { (&people, Severity::Medium) } else { (&keys, SPEC.severity) };
        let what = listed(found);
        let by_tool = asked().any(|turn| {
            turn.role == TrustRole::ToolResult
                && turn.text.hidden.iter().any(|(kind, _)| found.contains_key(kind))
        });
        let word = Word {
            severity,
            outcome: if context.tx.status().is_some_and(|status| status < 400) {
                Outcome::Success
            } else {
                Outcome::Unknown
            },
            confidence: 0.85,
            note: format!("tells the model {what}"),
            message: format!(
                "{} told {} {what}{}",
                agent.name,
                talk.model().unwrap_or("a model"),
                if by_tool { ", from what a tool gave" } else { "" }
            ),
            why: vec![signal("secrets_in_prompt", what.clone(), "none, or marks in their place")],
            remediation:
                "change the keys that were told, and hide such values before they reach the model"
                    .into(),
        };
        let kind = found.keys().map(|kind| text_key(kind.name())).next().unwrap_or(0);
        self.stories.tell(context, (SPEC.rule.id, hash(&[agent.conversation, kind])), word, out);
    }
}

detector!(SensitiveToModel);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::agents::Ai;
    use crate::testing::Town;
    use stilt_model::Severity;

    const KEY: &str = "AKIAQ3EGRJ7XZ5PLM2WT";

    fn told(chats: &[Chat], ai: Ai) -> Vec<Severity> {
        let mut town = Town::new(super::SPEC.rule.id);
        town.has_ai(ai);
        for (at, chat) in chats.iter().enumerate() {
            town.at(10.0 * at as f64, chat.tx());
        }
        town.run();
        town.findings().iter().map(|one| one.severity).collect()
    }

    #[test]
    fn keys_in_prompts_are_told_once_per_conversation() {
        let first = Chat::new("You code.").user(&format!("Use {KEY} please")).answers("Fine");
        let next = Chat::new("You code.")
            .user(&format!("Use {KEY} please"))
            .assistant("Fine")
            .user("And now test it")
            .answers("Done");
        assert_eq!(told(&[first.clone(), next], Ai::default()), [Severity::High]);
        let own = Ai { trusted_hosts: vec!["app.*".into()], ..Ai::default() };
        assert_eq!(told(&[first], own), []);
    }

    #[test]
    fn numbers_of_several_people_from_a_tool_are_told_and_ones_own_is_not() {
        let rows =
            "DE89370400440532013000 and GB29NWBK60161331926819 and FR1420041010050500013M02606";
        let chat = Chat::new("You help.")
            .user("Sum up the accounts")
            .tool("accounts", "{}", rows)
            .answers("Three");
        assert_eq!(told(&[chat], Ai::default()), [Severity::Medium]);
        let cards = [4532018203974234_u64, 4532015216122496, 4532015394273509, 4539578763621486];
        let listed: Vec<String> = cards
            .iter()
            .zip(["Ann Lee", "Bo Ek", "Cy Dahl", "Di Fox"])
            .map(|(number, name)| {
                format!(r#"{{"name":"{name}","card_number":"{number}","expiry":"11/28"}}"#)
            })
            .collect();
        let spaced = cards.map(|number| {
            let text = number.to_string();
            let groups: Vec<&str> = [0, 4, 8, 12].iter().map(|at| &text[*at..*at + 4]).collect();
            format!("Ann Lee paid with card {}", groups.join(" "))
        });
        for rows in [format!("[{}]", listed.join(",")), spaced.join("\n")] {
            let chat = Chat::new("You help.")
                .user("Show the payments of today")
                .tool("payments", "{}", &rows)
                .answers("There are three.");
            let first =
                Chat::new("You help.").user("Show the payments of today").calls("payments", "{}");
            assert_eq!(told(&[first, chat], Ai::default()), [Severity::Medium], "{rows}");
        }
        let own =
            Chat::new("You help.").user("My account is DE89370400440532013000").answers("Thanks");
        assert_eq!(told(&[own], Ai::default()), []);
        let test = Chat::new("You code.")
            .user(
                "Test it with 4242 4242 4242 4242 and 5555 5555 5555 4444 and 4111 1111 1111 1111",
            )
            .answers("Ok");
        assert_eq!(told(&[test], Ai::default()), []);
    }

    #[test]
    fn accounts_of_one_customer_are_one_persons() {
        const IBANS: [&str; 3] =
            ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"];
        let given = |rows: &str| {
            let chat = Chat::new("You help.").user("My balance?").tool("accounts", "{}", rows);
            told(&[chat.answers("It is 12 EUR")], Ai::default()).len()
        };
        let [a, b, c] = IBANS;
        let own = format!(
            r#"[{{"iban":"{a}","kind":"Main"}},{{"iban":"{b}","tags":["x"]}},{{"iban":"{c}","n":1}}]"#
        );
        assert_eq!(given(&format!(r#"{{"accounts":{own}}}"#)), 0);
        assert_eq!(given(&own), 0);
        assert_eq!(given(&format!(r#"{{"owner":{{"name":"Ann Lee"}},"accounts":{own}}}"#)), 0);
        let one = IBANS.map(|iban| format!(r#"{{"iban":"{iban}","holder":"Ann Lee"}}"#));
        assert_eq!(given(&format!("[{}]", one.join(","))), 0);
        let names = ["Ann Lee", "Bo Ek", "Cy Dahl"];
        let rows: Vec<String> = IBANS
            .iter()
            .zip(names)
            .map(|(iban, name)| format!(r#"{{"bank":{{"iban":"{iban}"}},"name":"{name}"}}"#))
            .collect();
        assert_eq!(given(&format!(r#"{{"members":[{}]}}"#, rows.join(","))), 1);
        // Cut before it ends.
        assert_eq!(given(&format!(r#"{{"members":[{}"#, rows.join(","))), 1);
    }

    #[test]
    fn what_a_tool_always_gives_is_usual_and_more_is_not() {
        let chat = |n: u64, rows: &str| {
            let chat = Chat::new("You help.").user(&format!("Where does my order {n} go to?"));
            chat.tool("accounts", "{}", rows).answers("There.")
        };
        let rows = "DE89370400440532013000, GB29NWBK60161331926819, FR1420041010050500013M02606";
        let mut chats: Vec<Chat> = (0..8).map(|n| chat(n, rows)).collect();
        let usual = told(&chats, Ai::default()).len();
        assert!(usual <= 3, "{usual}");
        chats.push(chat(9, &format!("{rows}, NL91ABNA0417164300, BE68539007547034")));
        assert_eq!(told(&chats, Ai::default()).len(), usual + 1);
    }
}
