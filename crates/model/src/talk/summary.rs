//! What records tell of a talk: names and numbers, never what was said.

use super::{Talk, Usage};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Calls named in one summary.
const CALLS_MAX: usize = 16;

/// A talk in names and numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Wire format.
    pub dialect: SmolStr,
    /// `gen_ai.operation.name`.
    pub operation: Option<SmolStr>,
    /// `gen_ai.provider.name`.
    pub provider: Option<SmolStr>,
    /// Model asked for.
    pub model_asked: Option<SmolStr>,
    /// Model that answered.
    pub model_answered: Option<SmolStr>,
    /// The answer's id.
    pub response_id: Option<SmolStr>,
    /// Why it ended.
    pub finish: Vec<SmolStr>,
    /// Most tokens that may be written.
    pub max_tokens: Option<u64>,
    /// Randomness.
    pub temperature: Option<f64>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Tools that are called, and the number of the first call.
    pub calls: Vec<SmolStr>,
    /// Id of the first call.
    pub call_id: Option<SmolStr>,
    /// Turns, and tools on offer.
    pub turns: u32,
    /// Tools on offer.
    pub tools: u32,
    /// It came as a stream.
    pub streamed: bool,
    /// The stream was broken off.
    pub broken_off: bool,
    /// The agent as records show it, and its key.
    pub agent: Option<(String, u64)>,
    /// The conversation.
    pub conversation: Option<u64>,
    /// Billionths of a dollar.
    pub cost: Option<u64>,
    /// What only tool servers and agents have.
    pub mcp: Option<McpSummary>,
}

/// The part of a summary that only tool servers and agents have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct McpSummary {
    /// Method.
    pub method: SmolStr,
    /// Tool, prompt or resource.
    pub target: Option<SmolStr>,
    /// Mark of the session.
    pub session: Option<SmolStr>,
    /// Revision.
    pub protocol: Option<SmolStr>,
    /// Client, with its version.
    pub client: Option<SmolStr>,
    /// Server, with its version.
    pub server: Option<SmolStr>,
    /// Code of the error.
    pub error: Option<i64>,
}

impl Talk {
    /// What records tell of it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let named = |named: &super::Named| -> SmolStr {
            format!("{} {}", named.name, named.version).trim().into()
        };
        let mcp = self.mcp.as_ref().map(|mcp| McpSummary {
            method: mcp.method.clone(),
            target: mcp.target.clone(),
            session: mcp.session.or(mcp.session_issued).map(|mark| mark.to_string().into()),
            protocol: mcp.protocol.clone(),
            client: mcp.client.as_ref().map(named),
            server: mcp.server.as_ref().map(named),
            error: mcp.error.map(|error| error.code),
        });
        Summary {
            dialect: self.dialect.name().into(),
            operation: self.operation.name().map(Into::into),
            provider: self.provider.clone(),
            model_asked: self.model_asked.clone(),
            model_answered: self.model_answered.clone(),
            response_id: self.response_id.clone(),
            finish: self.finish.clone(),
            max_tokens: self.knobs.max_tokens,
            temperature: self.knobs.temperature,
            usage: self.usage,
            calls: self.calls().take(CALLS_MAX).map(|call| call.name.clone()).collect(),
            call_id: self.calls().next().and_then(|call| call.id.clone()),
            turns: count(self.turns.len()),
            tools: count(self.tools.len()),
            streamed: self.streamed,
            broken_off: self.broken_off,
            agent: None,
            conversation: None,
            cost: None,
            mcp,
        }
    }
}
