//! Which conversation a talk goes on with, and which of its turns are new.

use super::Done;
use super::provenance::Origins;
use crate::keep::Keep;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use stilt_model::{Dialect, SmolStr, Talk, Timestamp, TrustRole, Turn};

/// Conversations remembered, and places in them by which they are found again.
const CONVERSATIONS_MAX: usize = 20_000;
const HEADS_MAX: usize = 100_000;
/// Turns whose words are long enough to tell a conversation by themselves.
const TELLING_BYTES: u32 = 24;
/// Calls remembered of a conversation.
const CALLS_MAX: usize = 64;
/// Turns remembered of a conversation.
const TURNS_MAX: usize = 2048;

/// One conversation.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Conversation {
    /// Hashes of its turns, and how often each was said.
    turns: BTreeMap<u64, u32>,
    /// Where its values come from.
    pub(super) origins: Origins,
    /// What the client program called itself when it began.
    #[serde(default)]
    pub(super) client: String,
    /// The last calls: id, tool and arguments. Where the server keeps the history, what a tool gave
    /// comes without the call.
    #[serde(default)]
    calls: VecDeque<(SmolStr, SmolStr, u64)>,
}

impl Conversation {
    /// Remembers what the answer of a talk wants called.
    pub(super) fn called(&mut self, talk: &Talk) {
        for call in talk.calls().take(CALLS_MAX) {
            let Some(id) = &call.id else { continue };
            if self.calls.len() >= CALLS_MAX {
                self.calls.pop_front();
            }
            self.calls.push_back((id.clone(), call.name.clone(), call.digest));
        }
    }

    /// The tool whose answer a turn is, and the arguments it had.
    pub(super) fn call_of(&self, turn: &Turn) -> Option<(SmolStr, u64)> {
        let id = turn.call_id.as_ref()?;
        let call = self.calls.iter().rev().find(|(own, ..)| own == id)?;
        Some((call.1.clone(), call.2))
    }
}

/// Where a talk belongs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) id: u64,
    pub(super) begun: bool,
    pub(super) fresh: Vec<bool>,
}

/// All conversations.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Conversations {
    all: Keep<u64, Conversation>,
    /// Conversation by the hash of agent and all turns up to a point, or of one telling turn.
    heads: Keep<u64, u64>,
}

impl Default for Conversations {
    fn default() -> Self {
        Self { all: Keep::new(CONVERSATIONS_MAX), heads: Keep::new(HEADS_MAX) }
    }
}

fn join(one: u64, other: u64) -> u64 {
    let mut hasher = FixedState::with_seed(29).build_hasher();
    hasher.write_u64(one);
    hasher.write_u64(other);
    hasher.finish()
}

/// Three turns in a row, where they say enough.
fn of_three(agent: u64, turns: &[&Turn]) -> Option<u64> {
    let bytes = turns.iter().fold(0_u32, |sum, turn| sum.saturating_add(turn.text.bytes));
    let joined = turns.iter().fold(agent.rotate_left(7), |hash, turn| join(hash, turn.digest));
    (bytes >= TELLING_BYTES).then_some(joined)
}

fn of_text(seed: u64, text: &str) -> u64 {
    let mut hasher = FixedState::with_seed(seed).build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl Conversations {
    /// The conversation of that id.
    pub(super) fn touch(&mut self, now: Timestamp, id: u64) -> &mut Conversation {
        self.all.touch(now, id, Conversation::default)
    }

    /// Finds or opens the conversation of a talk.
    ///
    /// Where a talk is `known` whose answer was still being sent, it stays where it is, and what
    /// was new of it is so still.
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        talk: &Talk,
        agent: u64,
        seed: u64,
        known: Option<Placed>,
    ) -> Placed {
        if !talk.dialect.is_model() {
            return self.beside(now, talk, agent, seed);
        }
        // What was said before the last answer and what followed it.
        let asked: Vec<&Turn> = talk.asked().collect();
        let mut chain = Vec::with_capacity(asked.len());
        let mut hash = agent;
        for turn in asked.iter().filter(|turn| turn.role != TrustRole::System) {
            hash = join(hash, turn.digest);
            chain.push(hash);
        }
        let named = talk.previous.as_deref().map(|name| join(agent, of_text(seed, name)));
        let by_name = named.and_then(|head| self.heads.get(&head).copied());
        // A first turn alone is the same in many conversations: it opens a new one.
        let by_chain = || {
            let heads = chain.iter().rev().take(64);
            let found = |head: &u64| self.heads.get(head).copied();
            if chain.len() > 1 { heads.copied().find_map(|head| found(&head)) } else { None }
        };
        let by_turn = || {
            let telling =
                |turn: &&&Turn| turn.role != TrustRole::System && turn.text.bytes >= TELLING_BYTES;
            let turns = asked.iter().rev().skip(1).filter(telling).take(16);
            turns
                .map(|turn| join(!agent, turn.digest))
                .find_map(|head| self.heads.get(&head).copied())
        };
        let by_three = || {
            let own = asked.iter().copied().filter(|turn| turn.role != TrustRole::System);
            let own: Vec<&Turn> = own.collect();
            let mut threes = own.windows(3).rev().take(16);
            threes.find_map(|three| self.heads.get(&of_three(agent, three)?).copied())
        };
        let before = known.as_ref().map(|known| known.id);
        let found = before.or(by_name).or_else(by_chain).or_else(by_turn).or_else(by_three);
        let found = found.filter(|id| self.all.get(id).is_some());
        let id = found.unwrap_or_else(|| {
            let start = join(agent, chain.first().copied().unwrap_or(0));
            join(start, u64::from_le_bytes(now.nanos().to_le_bytes()))
        });
        let mut fresh = self.fresh(now, talk, id);
        self.remember(now, talk, (agent, id, seed), &chain, &asked);
        let begun = known.as_ref().map_or(found.is_none(), |known| known.begun);
        let before = known.map(|known| known.fresh).unwrap_or_default();
        let asked = fresh.iter_mut().zip(&talk.turns).filter(|(_, turn)| !turn.answered);
        for ((fresh, _), before) in asked.zip(before) {
            *fresh |= before;
        }
        Placed { id, begun, fresh }
    }

    /// Tool servers and agents: by session, or by agent.
    fn beside(&mut self, now: Timestamp, talk: &Talk, agent: u64, seed: u64) -> Placed {
        let mcp = talk.mcp.as_deref();
        let session = mcp.and_then(|mcp| mcp.session.or(mcp.session_issued));
        let context = talk.previous.as_deref().or(talk.response_id.as_deref());
        let id = match (session, context) {
            (Some(session), _) => join(agent, crate::tell::secret(session)),
            (None, Some(context)) if talk.dialect == Dialect::A2a => {
                join(agent, of_text(seed, context))
            }
            _ => join(agent, 1),
        };
        let begun = self.all.get(&id).is_none();
        self.all.touch(now, id, Conversation::default);
        // Each exchange says its own words once.
        Placed { id, begun, fresh: vec![true; talk.turns.len()] }
    }

    /// Which turns were not said before; they count as said from now on.
    fn fresh(&mut self, now: Timestamp, talk: &Talk, id: u64) -> Vec<bool> {
        let conversation = self.all.touch(now, id, Conversation::default);
        let mut again: BTreeMap<u64, u32> = BTreeMap::new();
        let mut fresh = Vec::with_capacity(talk.turns.len());
        for turn in &talk.turns {
            let times = again.entry(turn.digest).or_default();
            *times = times.saturating_add(1);
            let before = conversation.turns.get(&turn.digest).copied().unwrap_or(0);
            // An answer is always new: nobody answers by sending it again.
            let new = turn.answered || *times > before;
            fresh.push(new);
            let full = conversation.turns.len() >= TURNS_MAX;
            if new && !(full && before == 0) {
                let known = conversation.turns.entry(turn.digest).or_default();
                *known = (*known).max(*times);
            }
        }
        fresh
    }

    /// Remembers the ways by which the next talk finds this conversation.
    fn remember(
        &mut self,
        now: Timestamp,
        talk: &Talk,
        (agent, id, seed): (u64, u64, u64),
        chain: &[u64],
        asked: &[&Turn],
    ) {
        let mut head = |head: u64| {
            *self.heads.touch(now, head, || id) = id;
        };
        if let Some(last) = chain.last() {
            head(*last);
            let mut hash = *last;
            for turn in talk.answers() {
                hash = join(hash, turn.digest);
                head(hash);
            }
        }
        if let Some(answer) = talk.response_id.as_deref() {
            head(join(agent, of_text(seed, answer)));
        }
        if let Some(name) = talk.previous.as_deref() {
            head(join(agent, of_text(seed, name)));
        }
        let newest: Vec<&Turn> = asked
            .iter()
            .copied()
            .chain(talk.answers())
            .filter(|turn| turn.role != TrustRole::System)
            .collect();
        let from = newest.len().saturating_sub(8);
        for three in newest.get(from..).unwrap_or_default().windows(3) {
            if let Some(three) = of_three(agent, three) {
                head(three);
            }
        }
        let last = asked.last().into_iter().copied();
        for turn in last.chain(talk.answers()) {
            if turn.role != TrustRole::System && turn.text.bytes >= TELLING_BYTES {
                head(join(!agent, turn.digest));
            }
        }
    }
}

/// Tools whose answers are told for the first time, with the calls they answer.
pub(super) fn done(talk: &Talk, fresh: &[bool], conversation: &Conversation) -> Vec<Done> {
    let called = |id: &str| {
        let mut calls = talk.turns.iter().flat_map(|turn| &turn.calls);
        calls.rfind(|call| call.id.as_deref() == Some(id))
    };
    let results = talk
        .turns
        .iter()
        .zip(fresh)
        .filter(|(turn, fresh)| **fresh && turn.role == TrustRole::ToolResult);
    results
        .map(|(turn, _)| {
            let call = turn.call_id.as_deref().and_then(called);
            let call = call.map(|call| (call.name.clone(), call.digest));
            let call = call.or_else(|| conversation.call_of(turn));
            let arguments = call.as_ref().map_or(0, |(_, arguments)| *arguments);
            let tool = call.map(|(tool, _)| tool).or_else(|| turn.tool.clone());
            Done {
                tool: tool.unwrap_or_default(),
                arguments,
                result: turn.text.digest,
                failed: turn.failed,
                under_way: super::waiting::under_way(&turn.text.shown),
            }
        })
        .filter(|done| !done.tool.is_empty())
        .collect()
}
