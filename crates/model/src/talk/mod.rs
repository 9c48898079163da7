//! What an agent, a model and its tools say to each other in one transaction, whatever dialect they
//! speak.
//!
//! A [`Talk`] is what one request and its answer hold: the turns that were sent (most of them sent
//! before, since most dialects repeat the whole history), the answer, the tools that are on offer,
//! and what was used up. Texts are masked as everything else is. All of it is bounded; what was
//! left out is flagged.

mod mcp;
mod summary;
mod suspicion;
mod tools;

pub use mcp::{Mcp, McpError, Named, Offer, OfferKind, ServerAsk};
pub use summary::{McpSummary, Summary};
pub use suspicion::{Act, Suspicion};
pub use tools::{Hints, Kinds, Param, ToolCall, ToolDef};

use crate::sensitive::{Sensitive, SensitiveCounts};
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The wire format of a talk, told by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI chat completions, and the many that speak like it.
    OpenAiChat,
    /// OpenAI text completions.
    OpenAiCompletion,
    /// OpenAI responses.
    OpenAiResponses,
    /// OpenAI embeddings.
    OpenAiEmbeddings,
    /// Anthropic messages.
    Anthropic,
    /// Gemini `generateContent`.
    Gemini,
    /// Ollama `/api/chat` and `/api/generate`.
    Ollama,
    /// Bedrock converse.
    Bedrock,
    /// Text generation inference and llama.cpp's own way.
    TextGeneration,
    /// Model Context Protocol.
    Mcp,
    /// Agent2Agent.
    A2a,
    /// A gateway's own JSON.
    Own,
}

impl Dialect {
    /// As records show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai.chat",
            Self::OpenAiCompletion => "openai.completion",
            Self::OpenAiResponses => "openai.responses",
            Self::OpenAiEmbeddings => "openai.embeddings",
            Self::Anthropic => "anthropic.messages",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Bedrock => "bedrock.converse",
            Self::TextGeneration => "text_generation",
            Self::Own => "own",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
        }
    }

    /// A model answers, not a tool server or another agent.
    #[must_use]
    pub const fn is_model(self) -> bool {
        !matches!(self, Self::Mcp | Self::A2a)
    }
}

/// Who a text comes from, and so how far it may be trusted to say what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustRole {
    /// Whoever built the agent: system and developer text.
    System,
    /// Who uses the agent.
    User,
    /// The model.
    Assistant,
    /// What a tool says of itself.
    ToolDefinition,
    /// What a tool, a page, a mail or a document said: nobody vouches for it.
    ToolResult,
}

/// What was asked for, as in `gen_ai.operation.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An answer to a conversation.
    Chat,
    /// A text that goes on.
    TextCompletion,
    /// Vectors of texts.
    Embeddings,
    /// A tool is run.
    ExecuteTool,
    /// Another agent is asked.
    InvokeAgent,
    /// Anything else: lists, handshakes, notices.
    Other,
}

impl Operation {
    /// As in `gen_ai.operation.name`; `None` where that has no word for it.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Chat => Some("chat"),
            Self::TextCompletion => Some("text_completion"),
            Self::Embeddings => Some("embeddings"),
            Self::ExecuteTool => Some("execute_tool"),
            Self::InvokeAgent => Some("invoke_agent"),
            Self::Other => None,
        }
    }
}

/// A text, masked, and what was hidden in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Text {
    /// What it says, with marks for secrets and personal data; cut on a character boundary.
    pub shown: String,
    /// Length of the whole in bytes.
    pub bytes: u32,
    /// Keyed hash of the whole as it was sent: equal for equal texts.
    pub digest: u64,
    /// Not all of it is shown.
    pub cut: bool,
    /// What was hidden: its kind and the shown half of its mark; at most 32, in order.
    pub hidden: Vec<(Sensitive, u64)>,
    /// What the prompt classifier says of it, where that is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<Suspicion>,
}

/// One turn of a conversation. Each has one role: what tools answer is a turn per answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Whose words they are.
    pub role: TrustRole,
    /// It is of the answer, not of the request.
    pub answered: bool,
    /// What is said; several parts are joined by line ends.
    pub text: Text,
    /// Images, files and sounds beside the text.
    pub media: u16,
    /// Tools that are to be called.
    pub calls: Vec<ToolCall>,
    /// For a tool result: the call it answers.
    pub call_id: Option<SmolStr>,
    /// For a tool result: the tool, where the dialect names it or the call was in the same talk.
    pub tool: Option<SmolStr>,
    /// For a tool result: the tool failed.
    pub failed: bool,
    /// The model refused (a refusal part, or a finish for reasons of safety).
    pub refused: bool,
    /// Keyed hash of role, text, calls and answers: equal for the same turn sent again.
    pub digest: u64,
}

/// Tokens used, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read, as the provider counts: see `cached_apart`.
    pub input: u64,
    /// Written, reasoning included.
    pub output: u64,
    /// Read from a cache.
    pub cached: u64,
    /// Written to a cache.
    pub cache_written: u64,
    /// What was read from or written to a cache comes on top of `input` (Anthropic, Bedrock);
    /// elsewhere `input` includes it.
    pub cached_apart: bool,
    /// Of the output: spent on reasoning that is not shown.
    pub reasoning: u64,
    /// Nobody said: reckoned from the length of the texts.
    pub estimated: bool,
}

impl Usage {
    /// All that was read, whatever was cached.
    #[must_use]
    pub const fn read(&self) -> u64 {
        if self.cached_apart {
            self.input.saturating_add(self.cached).saturating_add(self.cache_written)
        } else {
            self.input
        }
    }

    /// All that was read and written.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.read().saturating_add(self.output)
    }
}

/// What the caller set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knobs {
    /// Most tokens that may be written.
    pub max_tokens: Option<u64>,
    /// Randomness.
    pub temperature: Option<f64>,
    /// Answers asked for.
    pub choices: Option<u32>,
    /// Probabilities of tokens are asked for.
    pub logprobs: bool,
}

/// One transaction with a model, a tool server or another agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Talk {
    /// The wire format.
    pub dialect: Dialect,
    /// What was asked for.
    pub operation: Operation,
    /// Who serves, as far as shape and host say (`gen_ai.provider.name`): `openai`, `anthropic`,
    /// `azure.ai.openai`, `aws.bedrock`, `gcp.gemini`, `gcp.vertex_ai`, `ollama`, …
    pub provider: Option<SmolStr>,
    /// Model asked for.
    pub model_asked: Option<SmolStr>,
    /// Model that answered, as the answer says.
    pub model_answered: Option<SmolStr>,
    /// The answer's own id.
    pub response_id: Option<SmolStr>,
    /// The answer that this one goes on from, or the conversation it belongs to, where the server
    /// keeps the history.
    pub previous: Option<SmolStr>,
    /// The end user as the caller names it (`user`, `metadata.user_id`), masked where personal.
    pub user: Option<SmolStr>,
    /// The answer came as a stream.
    pub streamed: bool,
    /// The stream ended before the answer did.
    pub broken_off: bool,
    /// Turns in their order: those of the request, then those of the answer.
    pub turns: Vec<Turn>,
    /// There were more turns, or parts of one, than were kept: the middle ones are left out.
    pub turns_cut: bool,
    /// Tools on offer: in the request to a model, in the answer of a tool server.
    pub tools: Vec<ToolDef>,
    /// There were more tools.
    pub tools_cut: bool,
    /// Why the answer ended, in the dialect's own words.
    pub finish: Vec<SmolStr>,
    /// Tokens used; `None` where none could be (refused, not seen, no model).
    pub usage: Option<Usage>,
    /// What the caller set.
    pub knobs: Knobs,
    /// The error that the answer tells, in the dialect's own word or number.
    pub error: Option<SmolStr>,
    /// What a gateway says of its own checks: masked, blocked, flagged.
    pub guard: Option<SmolStr>,
    /// What only the Model Context Protocol has (A2A: method and agents).
    pub mcp: Option<Box<Mcp>>,
    /// Sensitive data in the texts of the request, and of the answer.
    pub sensitive: [SensitiveCounts; 2],
}

impl Talk {
    /// A talk of which nothing is known yet.
    #[must_use]
    pub fn new(dialect: Dialect, operation: Operation) -> Self {
        Self {
            dialect,
            operation,
            provider: None,
            model_asked: None,
            model_answered: None,
            response_id: None,
            previous: None,
            user: None,
            streamed: false,
            broken_off: false,
            turns: Vec::new(),
            turns_cut: false,
            tools: Vec::new(),
            tools_cut: false,
            finish: Vec::new(),
            usage: None,
            knobs: Knobs::default(),
            error: None,
            guard: None,
            mcp: None,
            sensitive: [SensitiveCounts::default(); 2],
        }
    }

    /// The model that answered, else the one asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model_answered.as_deref().or(self.model_asked.as_deref())
    }

    /// Turns of the request.
    pub fn asked(&self) -> impl DoubleEndedIterator<Item = &Turn> {
        self.turns.iter().filter(|turn| !turn.answered)
    }

    /// Turns of the answer.
    pub fn answers(&self) -> impl DoubleEndedIterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.answered)
    }

    /// Tools that the answer wants called (of a tool server: that the request calls).
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        let of_server = !self.dialect.is_model();
        let wanted = self.turns.iter().filter(move |turn| turn.answered != of_server);
        wanted.flat_map(|turn| &turn.calls)
    }
}

impl Transaction {
    /// The talk of a transaction with a model.
    #[must_use]
    pub fn model_talk(&self) -> Option<&Talk> {
        self.talk.as_deref().filter(|talk| talk.dialect.is_model())
    }

    /// What a transaction with a tool server is about.
    #[must_use]
    pub fn mcp(&self) -> Option<(&Talk, &Mcp)> {
        let talk = self.talk.as_deref().filter(|talk| talk.dialect == Dialect::Mcp)?;
        Some((talk, talk.mcp.as_deref()?))
    }
}
