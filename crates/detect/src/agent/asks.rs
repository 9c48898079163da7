//! What users ask of an agent, in languages whose verbs nobody has listed: an ask that often led to
//! nothing but reading does not explain a deed, one that was never heard may be just that deed.

use super::text_key;
use crate::agents::AgentSeen;
use crate::agents::words::{is_unspaced, reads_little_of};
use crate::context::Context;
use crate::keep::Keep;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Talk, TrustRole};

const AGENTS_MAX: usize = 2_000;
const WORDS_MAX: usize = 4_096;
/// Words of one ask.
const ASK_MAX: usize = 256;
/// Of so many percent of its words other conversations know, where an ask is a usual one.
const USUAL_PERCENT: usize = 75;

/// Words of users, and the conversation in which each was heard first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asks(Keep<u64, BTreeMap<u64, u64>>);

impl Default for Asks {
    fn default() -> Self {
        Self(Keep::new(AGENTS_MAX))
    }
}

/// Words of what users say in a talk; of writing without blanks, each two letters.
fn words(talk: &Talk) -> BTreeSet<u64> {
    let turns = talk.asked().filter(|turn| turn.role == TrustRole::User);
    let mut out = BTreeSet::new();
    for turn in turns {
        let words = turn.text.shown.split(|char: char| !char.is_alphabetic());
        for word in words.filter(|word| !word.is_empty()) {
            if out.len() >= ASK_MAX {
                return out;
            }
            if word.chars().any(is_unspaced) {
                let letters: Vec<char> = word.chars().take(ASK_MAX).collect();
                let pairs = letters.windows(2).map(|pair| pair.iter().collect::<String>());
                out.extend(pairs.map(|pair| text_key(&pair)));
            } else {
                out.insert(text_key(&word.to_lowercase()));
            }
        }
    }
    out
}

impl Asks {
    /// Whether what the user asks can explain a deed though no verb of it is known: it is in a
    /// language that is little read, and is not what users of this agent ask all the time.
    pub(super) fn may_explain(&self, talk: &Talk, agent: &AgentSeen) -> bool {
        let turns = talk.asked().filter(|turn| turn.role == TrustRole::User);
        let unread = turns.into_iter().any(|turn| reads_little_of(&turn.text.shown));
        if !unread {
            return false;
        }
        let words = words(talk);
        let known = self.0.get(&agent.agent);
        let usual = words.iter().filter(|word| {
            let first = known.and_then(|known| known.get(word));
            first.is_some_and(|first| *first != agent.conversation)
        });
        usual.count() * 100 < words.len() * USUAL_PERCENT
    }

    /// Learns what was asked where nothing was done, and takes it back where something was.
    pub(super) fn learn(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        deed: bool,
    ) {
        let known = self.0.touch(context.at(), agent.agent, BTreeMap::new);
        if deed {
            let own = words(talk);
            known.retain(|word, first| *first != agent.conversation || !own.contains(word));
            return;
        }
        for word in words(talk) {
            if known.len() < WORDS_MAX {
                known.entry(word).or_insert(agent.conversation);
            }
        }
    }
}
