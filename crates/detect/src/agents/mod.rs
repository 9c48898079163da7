//! Agents and what they talk about, over many transactions: who the agent is, which conversation a
//! talk goes on with, what of it is new, where the values of a call came from, and what it cost.
//!
//! Most dialects send the whole history again with every request. A turn is known again by its
//! keyed hash, so that nothing is judged twice.

mod conversations;
mod identity;
mod known;
mod prices;
mod provenance;
#[cfg(test)]
mod tests;
mod waiting;
pub(crate) mod words;

pub use known::{KnownAgent, KnownModel, KnownServer, KnownTool};
pub(crate) use prices::fits as prices_fit;
pub use prices::{Ai, Budget, Prices, PricesError};

use crate::keep::Keep;
use conversations::{Conversations, Placed};
use known::Known;
use provenance::Origin;
pub(crate) use provenance::{passages, prose_names};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::saved::Unfit;
use stilt_model::talk::Summary;
use stilt_model::{Key, SmolStr, Talk, Transaction, TransactionId, TrustRole};
use stilt_session::Seen;

/// A tool that was run, and what came of it.
#[derive(Clone, Debug)]
pub struct Done {
    /// The tool.
    pub tool: SmolStr,
    /// Hash of its arguments.
    pub arguments: u64,
    /// Hash of what it gave.
    pub result: u64,
    /// It failed.
    pub failed: bool,
    /// It says that what was asked about is still under way.
    pub under_way: bool,
}

/// A value of a call that stands only in a text that nobody vouches for.
#[derive(Clone, Debug)]
pub struct Borrowed {
    /// Which of the talk's calls.
    pub call: usize,
    /// Path of the argument.
    pub argument: String,
    /// The tool whose answer held it.
    pub source: SmolStr,
}

/// What is known of one talk beyond itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AgentSeen {
    /// Key of the agent: its credential or client, and what it was built with.
    pub agent: u64,
    /// As records show it.
    pub name: String,
    /// The conversation that the talk belongs to.
    pub conversation: u64,
    /// It began with this talk.
    pub begun: bool,
    /// Which turns were not seen before, in the order of the talk's.
    pub fresh: Vec<bool>,
    /// For turns that are what a tool gave: the tool, in the order of the talk's.
    pub tools: Vec<Option<SmolStr>>,
    /// The user on whose behalf.
    pub user: Option<SmolStr>,
    /// Tools that were run, told for the first time.
    pub done: Vec<Done>,
    /// Values of the answer's calls that come from texts nobody vouches for.
    pub borrowed: Vec<Borrowed>,
    /// Texts of the answer's calls that were copied from what tools gave: call and argument.
    pub copied: Vec<(usize, usize)>,
    /// What the user speaks of doing, and the agent's maker, as sets of [`words::Deed`]s.
    pub(crate) meant: [u16; 2],
    /// Billionths of a dollar, where the price of the model is known.
    pub cost: Option<u64>,
    /// What was configured of AI.
    pub ai: Arc<Ai>,
}

impl AgentSeen {
    /// Adds what is known of agent and conversation to what records tell of a talk.
    pub fn name_in(&self, talk: &mut Summary) {
        talk.agent = Some((self.name.clone(), self.agent));
        talk.conversation = Some(self.conversation);
        talk.cost = self.cost;
    }

    /// What tools gave that was not seen before, and the tools.
    pub fn new_results<'t>(
        &'t self,
        talk: &'t Talk,
    ) -> impl Iterator<Item = (&'t stilt_model::Turn, &'t str)> {
        let tools = self.tools.iter().map(|tool| tool.as_deref().unwrap_or("a tool"));
        let flags =
            self.fresh.iter().copied().zip(tools).chain(core::iter::repeat((true, "a tool")));
        let all = talk.turns.iter().zip(flags);
        all.filter(|(turn, (fresh, _))| *fresh && turn.role == TrustRole::ToolResult)
            .map(|(turn, (_, tool))| (turn, tool))
    }

    /// Turns that were not seen before.
    pub fn new_turns<'t>(&self, talk: &'t Talk) -> impl Iterator<Item = &'t stilt_model::Turn> {
        let fresh = self.fresh.clone();
        let flags = fresh.into_iter().chain(core::iter::repeat(true));
        talk.turns.iter().zip(flags).filter_map(|(turn, fresh)| fresh.then_some(turn))
    }
}

/// Everything that is remembered of agents.
#[derive(Serialize, Deserialize)]
pub struct Agents {
    /// Keyed, so that a saved memory of texts tells nothing without the installation's key.
    #[serde(skip)]
    seed: u64,
    #[serde(skip)]
    ai: Arc<Ai>,
    conversations: Conversations,
    known: Known,
    /// Where talks belong whose answers are still being sent.
    #[serde(default)]
    running: Running,
}

/// Talks whose answers are being sent at once.
const RUNNING_MAX: usize = 4_096;

#[derive(Serialize, Deserialize)]
struct Running(Keep<TransactionId, Placed>);

impl Default for Running {
    fn default() -> Self {
        Self(Keep::new(RUNNING_MAX))
    }
}

impl Agents {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(key: &Key, ai: Ai) -> Self {
        Self {
            seed: key.hash("agents", b""),
            ai: Arc::new(ai),
            conversations: Conversations::default(),
            known: Known::default(),
            running: Running::default(),
        }
    }

    /// Takes what was remembered of another run; key and configuration stay.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        let saved: Self = stilt_model::saved::read(memory)?;
        *self = Self { seed: self.seed, ai: Arc::clone(&self.ai), ..saved };
        Ok(())
    }

    /// Takes a transaction; `None` where nobody talks to a model, a tool server or an agent.
    pub fn observe(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
    ) -> Option<AgentSeen> {
        let talk = tx.talk.as_deref()?;
        let mut identity = identity::of(tx, talk, seen);
        let known = self.running.0.remove(&tx.id);
        let was_running = known.is_some();
        let place = if tx.is_running() {
            // What is answered is not all there: it is not what will be sent again.
            let mut asked = talk.clone();
            asked.turns.retain(|turn| !turn.answered);
            let place = self.conversations.place(tx.end, &asked, identity.agent, self.seed, known);
            self.running.0.touch(tx.end, tx.id, || place.clone());
            place
        } else {
            self.conversations.place(tx.end, talk, identity.agent, self.seed, known)
        };
        let conversation = self.conversations.touch(tx.end, place.id);
        let named = talk.mcp.as_ref().is_some_and(|mcp| mcp.client.is_some());
        if named {
            conversation.client.clone_from(&identity.client);
        } else if !conversation.client.is_empty() {
            identity.call(&conversation.client);
        }
        let (mut borrowed, mut copied) = (Vec::new(), Vec::new());
        for (turn, _) in talk.turns.iter().zip(&place.fresh).filter(|(_, fresh)| **fresh) {
            let learned = was_running && !turn.answered;
            if learned || turn.answered && turn.role == TrustRole::Assistant {
                continue;
            }
            let tool = turn.tool.clone();
            let tool = tool.or_else(|| Some(conversation.call_of(turn)?.0));
            conversation.origins.learn(turn, tool.as_deref().unwrap_or_default(), self.seed);
        }
        if talk.dialect.is_model() {
            for (at, call) in talk.calls().enumerate().take(64) {
                for (number, leaf) in call.arguments.iter().enumerate() {
                    if conversation.origins.is_copy(leaf, self.seed) {
                        copied.push((at, number));
                    }
                    if let Origin::Prose(source) = conversation.origins.of(leaf, self.seed) {
                        let argument = leaf.path.to_string();
                        borrowed.push(Borrowed { call: at, argument, source });
                    }
                }
            }
        }
        let meant = conversation.origins.meant();
        if !tx.is_running() {
            for turn in talk.answers().filter(|turn| turn.role == TrustRole::Assistant) {
                conversation.origins.said(turn, self.seed);
            }
            if talk.dialect.is_model() {
                conversation.called(talk);
            }
        }
        let done = conversations::done(talk, &place.fresh, conversation);
        let tools = talk
            .turns
            .iter()
            .map(|turn| turn.tool.clone().or_else(|| Some(conversation.call_of(turn)?.0)));
        let tools = tools.collect();
        let cost = self.ai.cost(talk);
        if !tx.is_running() {
            self.known.learn(tx, talk, sighting, &identity, cost);
        }
        let user = talk.user.clone().or_else(|| {
            let asked = tx.request.as_ref()?.on_behalf.as_deref()?;
            Some(asked.into())
        });
        Some(AgentSeen {
            agent: identity.agent,
            name: identity.name,
            conversation: place.id,
            begun: place.begun,
            fresh: place.fresh,
            tools,
            user,
            done,
            borrowed,
            copied,
            meant,
            cost,
            ai: Arc::clone(&self.ai),
        })
    }

    /// What was configured of AI.
    #[must_use]
    pub fn ai(&self) -> &Ai {
        &self.ai
    }

    /// What was seen of agents, in a fixed order.
    #[must_use]
    pub fn agents(&self) -> Vec<&KnownAgent> {
        self.known.agents()
    }

    /// What was seen of models.
    #[must_use]
    pub fn models(&self) -> Vec<&KnownModel> {
        self.known.models()
    }

    /// What was seen of tool servers.
    #[must_use]
    pub fn servers(&self) -> Vec<&KnownServer> {
        self.known.servers()
    }
}
