//! What detections of suspect texts share: what the text does, in words; whether the model went
//! along; and what texts are an application's own.

use super::{hash, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::talk::{Act, Suspicion, Text, TrustRole, Turn};
use stilt_model::{Outcome, Signal, Talk};

/// Acts by which somebody wants a model without limits, rather than one that obeys somebody else.
pub(super) const LIMITLESS: &[Act] = &[Act::Unbound, Act::Mode, Act::NoRefusal];

/// Where the suspect part of a text stands. What it says is never told: it may be anybody's mail.
fn place(text: &Text, suspicion: &Suspicion) -> String {
    let (from, to) = suspicion.span;
    format!("bytes {from} to {to} of {}", text.bytes)
}

/// What a text does, as signals and as words for a message.
pub(super) fn reasons(text: &Text, suspicion: &Suspicion) -> (Vec<Signal>, String) {
    let says: Vec<&str> = suspicion.acts.iter().filter_map(|act| act.says()).take(4).collect();
    let words = if says.is_empty() { "reads like one".to_owned() } else { says.join(", ") };
    let score = format!("{:.2}", suspicion.score());
    let why = vec![
        signal("prompt_score", score, "below 0.5"),
        signal("text_does", words.clone(), "no orders to the model"),
        signal("stands_at", place(text, suspicion), "no such text"),
    ];
    (why, words)
}

/// Words by which models refuse, in the beginning of an answer.
const REFUSALS: &[&str] = &[
    "i can't",
    "i can’t",
    "i cannot",
    "i can not",
    "i'm sorry",
    "i’m sorry",
    "i am sorry",
    "i won't",
    "i won’t",
    "i will not",
    "i'm not able",
    "i’m not able",
    "i am not able",
    "i'm unable",
    "i am unable",
    "i must decline",
    "i'm going to decline",
    "not comfortable",
    "i don't have access",
    "i do not have access",
    "against my",
    "i only can help",
    "i can only help",
    "i can only assist",
    "can't help with",
    "cannot help with",
    "can't assist",
    "cannot assist",
    "can't share",
    "cannot share",
    "can't comply",
    "cannot comply",
    "won't be able",
    "es tut mir leid",
    "ich kann das nicht",
    "ich kann nicht",
    "ich darf nicht",
    "kann ich leider nicht",
    "kann ich nicht",
    "darf ich leider nicht",
    "darf ich nicht",
    "leider nicht möglich",
    "nicht weitergeben",
    "das geht leider nicht",
    "je ne suis pas en mesure",
    "no me es posible",
    "non mi è possibile",
    "non sono in grado",
    "kan ik niet",
    "mag ik niet",
    "kan jag inte",
    "kan jeg ikke",
    "nie mogę",
    "nemohu",
    "je suis désolé",
    "je ne peux pas",
    "lo siento",
    "no puedo",
    "mi dispiace",
    "non posso",
    "não posso",
    "desculpe",
    "抱歉",
    "我不能",
    "申し訳",
    "извините",
    "я не могу",
];
/// Characters of an answer within which it refuses, if it does.
const REFUSAL_WITHIN: usize = 240;

/// Whether a turn of the model refuses.
pub(super) fn refuses(turn: &Turn) -> bool {
    let begin: String = turn.text.shown.chars().take(REFUSAL_WITHIN).collect();
    let begin = begin.to_lowercase();
    turn.refused || REFUSALS.iter().any(|words| begin.contains(words))
}

/// What the model made of the newest turns, as the answer in the same exchange shows.
pub(super) fn made_of(context: &Context<'_>, talk: &Talk) -> Outcome {
    let failed = context.tx.status().is_some_and(|status| status >= 400);
    let blocked = talk.guard.as_deref().is_some_and(|word| {
        ["block", "deny", "denied", "reject"].iter().any(|stem| word.to_lowercase().contains(stem))
    });
    let mut answers = talk.answers().filter(|turn| turn.role == TrustRole::Assistant).peekable();
    if failed || blocked {
        return Outcome::Failure;
    }
    if answers.peek().is_none() {
        return Outcome::Unknown;
    }
    if answers.any(refuses) { Outcome::Failure } else { Outcome::Unknown }
}

/// The answer begins with words that the suspect text put in quotation marks for it.
pub(super) fn says_as_told(talk: &Talk, text: &Text) -> bool {
    let answer = talk.answers().find(|turn| turn.role == TrustRole::Assistant);
    let Some(answer) = answer else { return false };
    let begin: String = answer.text.shown.trim_start().chars().take(64).collect();
    let begin = begin.to_lowercase();
    let pieces = text.shown.split(['"', '“', '”', '`']).skip(1).step_by(2).take(16);
    pieces
        .map(|piece| piece.trim().trim_end_matches(['.', '!', ',']).to_lowercase())
        .any(|piece| piece.chars().count() >= 4 && begin.starts_with(&piece))
}

/// Tools that agents use, so that a new one is seen.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Habits(Keep<u64, BTreeSet<u64>>);

/// Agents remembered, tools of one, and calls after which a new tool is news.
const AGENTS_MAX: usize = 10_000;
const TOOLS_MAX: usize = 256;

impl Default for Habits {
    fn default() -> Self {
        Self(Keep::new(AGENTS_MAX))
    }
}

impl Habits {
    /// A tool that the answer wants called, and that neither the agent nor this conversation has
    /// used before; it counts as used from now on.
    pub(super) fn news(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
    ) -> Option<String> {
        if !talk.dialect.is_model() {
            return None;
        }
        let used = self.0.touch(context.at(), agent.agent, BTreeSet::new);
        for call in talk.asked().flat_map(|turn| &turn.calls) {
            if used.len() < TOOLS_MAX {
                used.insert(text_key(&call.name));
            }
        }
        let mut news = None;
        for call in talk.calls().take(64) {
            let key = text_key(&call.name);
            if !used.contains(&key) {
                news = news.or_else(|| Some(call.name.to_string()));
                if used.len() < TOOLS_MAX {
                    used.insert(key);
                }
            }
        }
        news
    }
}

/// Passages that tools bring again and again: what comes back in conversations of different users
/// is the house's own text (a handbook, terms, a help page), however it reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct House(Keep<u64, Passage>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Passage {
    conversations: u64,
    last: u64,
    users: BTreeSet<u64>,
}

/// Passages remembered, and users told apart.
const PASSAGES_MAX: usize = 20_000;
const USERS_MAX: usize = 8;
/// Conversations and users after which a passage is the house's own; without users, conversations.
const CONVERSATIONS_MIN: u64 = 3;
const USERS_MIN: usize = 3;
const NAMELESS_MIN: u64 = 6;

impl Default for House {
    fn default() -> Self {
        Self(Keep::new(PASSAGES_MAX))
    }
}

impl House {
    /// Whether a passage is the house's own by what was seen before. Counts it.
    pub(super) fn is_own(&mut self, context: &Context<'_>, agent: &AgentSeen, piece: u64) -> bool {
        let user = agent.user.as_deref().map(text_key);
        let user = user.or(context.seen.principal.map(|id| id.0));
        let known = self.0.touch(context.at(), piece, Passage::default);
        let many = known.users.len() >= USERS_MIN && known.conversations >= CONVERSATIONS_MIN;
        let own = many || known.conversations >= NAMELESS_MIN;
        if known.last != agent.conversation {
            known.last = agent.conversation;
            known.conversations = known.conversations.saturating_add(1);
        }
        if known.users.len() < USERS_MAX {
            known.users.extend(user);
        }
        own
    }
}

/// Openings of user texts, by agent: what most of its conversations begin with is the
/// application's own wording around what the user said, however it reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Openings {
    of_agent: Keep<u64, u64>,
    of_text: Keep<u64, (u64, u64)>,
}

/// Openings remembered, and letters of one.
const OPENINGS_MAX: usize = 50_000;
const OPENING: usize = 48;
/// Conversations with an opening before it can be the application's own, and their share in ten.
const OWN_MIN: u64 = 6;
const OWN_TENTHS: u64 = 3;

impl Default for Openings {
    fn default() -> Self {
        Self { of_agent: Keep::new(AGENTS_MAX), of_text: Keep::new(OPENINGS_MAX) }
    }
}

impl Openings {
    /// Whether a user's text begins as a good part of this agent's conversations does. Counts it.
    pub(super) fn is_own(&mut self, context: &Context<'_>, agent: &AgentSeen, text: &Text) -> bool {
        let opening: String =
            text.shown.chars().filter(|c| c.is_alphabetic()).take(OPENING).collect();
        let service = text_key(&context.sighting.service);
        let place = hash(&[service, text_key(&context.sighting.name)]);
        let all = self.of_agent.touch(context.at(), place, || 0);
        *all = all.saturating_add(1);
        let all = *all;
        let key = hash(&[place, text_key(&opening)]);
        let (count, last) = self.of_text.touch(context.at(), key, || (0, 0));
        // One caller who repeats himself makes no custom.
        let who = hash(&[context.seen.actor.id.0, agent.conversation]);
        if *last != who {
            *count = count.saturating_add(1);
        }
        *last = who;
        *count >= OWN_MIN && count.saturating_mul(10) >= all.saturating_mul(OWN_TENTHS)
    }
}
