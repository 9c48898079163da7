//! What only the Model Context Protocol has (revisions 2024-11-05 to 2026-07-28), and, in the same
//! words, Agent2Agent.

use crate::pseudonym::Pseudonym;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A program by name and version (`clientInfo`, `serverInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Named {
    /// Name.
    pub name: SmolStr,
    /// Version.
    pub version: SmolStr,
}

/// What a server offers beside tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferKind {
    /// A resource or a template of resources.
    Resource,
    /// A prompt.
    Prompt,
}

/// One thing on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it is.
    pub kind: OfferKind,
    /// Its name or address, masked.
    pub name: SmolStr,
}

/// What the server asks the client for (`sampling/createMessage`, `elicitation/create`, …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAsk {
    /// The method.
    pub method: SmolStr,
    /// The call's number.
    pub id: Option<SmolStr>,
    /// Digest of what it is about, for comparing with what is done then.
    pub digest: u64,
}

/// An error of JSON-RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpError {
    /// Its code.
    pub code: i64,
}

/// One exchange with an MCP server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Mcp {
    /// Method of the first message, empty for an answer or a stream that is only listened to.
    pub method: SmolStr,
    /// What it is about: name of the tool or prompt, address of the resource; masked.
    pub target: Option<SmolStr>,
    /// Messages in the request: more than one where they are batched (2025-03-26).
    pub messages: u16,
    /// The message expects no answer.
    pub notice: bool,
    /// Session that the request names (`Mcp-Session-Id`, until 2025-11-25; `sessionId` of legacy
    /// SSE).
    pub session: Option<Pseudonym>,
    /// Session that the answer hands out.
    pub session_issued: Option<Pseudonym>,
    /// Bits of chance in that session's id, at most, as its length and letters say.
    pub session_bits: Option<u16>,
    /// Handles the server minted: values of the answer's structured content under a name that ends
    /// in `handle`, `cursor`, `session_id`, `task_id` and the like; keyed hashes, at most 16.
    pub handles_issued: Vec<u64>,
    /// Such values among the arguments.
    pub handles_used: Vec<u64>,
    /// Revision in use, as header or message says.
    pub protocol: Option<SmolStr>,
    /// Who asks (`clientInfo`).
    pub client: Option<Named>,
    /// Who answers (`serverInfo`).
    pub server: Option<Named>,
    /// `Mcp-Method` header.
    pub header_method: Option<SmolStr>,
    /// `Mcp-Name` header, decoded and masked.
    pub header_name: Option<SmolStr>,
    /// Header and body disagree: which header, what it says and what the body says.
    pub mismatch: Vec<(SmolStr, SmolStr, SmolStr)>,
    /// A member occurs twice in one object of the request: readers may differ in which counts.
    pub duplicate_keys: bool,
    /// The list of the answer goes on (`nextCursor`), or the request asks for a later part of it.
    pub partial: bool,
    /// Resources and prompts on offer; at most 256.
    pub offers: Vec<Offer>,
    /// Milliseconds for which a list holds (`ttlMs`).
    pub ttl_ms: Option<u64>,
    /// Who may share a cached list (`cacheScope: public`).
    pub shared: Option<bool>,
    /// Lists are told to have changed.
    pub list_changed: bool,
    /// Error that was answered.
    pub error: Option<McpError>,
    /// What the server asks of the client.
    pub asks: Vec<ServerAsk>,
    /// An answer of the client to such a question: number and what was answered (`accept`,
    /// `decline`, `cancel`; `result`, `error`).
    pub reply: Option<(SmolStr, SmolStr)>,
    /// Answers to such questions that come with the call itself (`inputResponses`, 2026-07-28):
    /// name of the question and what was answered.
    pub replies: Vec<(SmolStr, SmolStr)>,
    /// The result only asks (`resultType: input_required`): nothing has been done yet.
    pub awaits_input: bool,
}
