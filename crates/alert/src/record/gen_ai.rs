//! `gen_ai.*` and what stands beside it: which model, which tools, how many tokens. Never what was
//! said.

use super::cap;
use super::parts::Id;
use serde::Serialize;
use std::borrow::Cow;
use stilt_model::talk::Summary;

#[derive(Serialize)]
struct Name<'a> {
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Agent<'a> {
    id: String,
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Serialize)]
struct Response<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    finish_reasons: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Id<Cow<'a, str>>>,
}

/// `gen_ai.*` (ECS 9.4; OpenTelemetry's conventions for generative AI).
#[derive(Serialize)]
pub(super) struct GenAi<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Name<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Name<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Agent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<Id<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Request<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Response<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<Tool<'a>>,
}

/// What ECS has no field for: `stilt.talk`.
#[derive(Serialize)]
pub(super) struct Talk<'a> {
    dialect: Cow<'a, str>,
    turns: u32,
    tools: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Cow<'a, str>>,
    streamed: bool,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    broken_off: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<Mcp<'a>>,
}

#[derive(Serialize)]
struct Tokens {
    cached: u64,
    cache_written: u64,
    reasoning: u64,
    estimated: bool,
}

#[derive(Serialize)]
struct Mcp<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    method: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<i64>,
}

impl<'a> GenAi<'a> {
    /// The fields of a talk.
    pub(super) fn of(talk: &'a Summary) -> Self {
        let name = |name: &'a str| Name { name: cap(name) };
        let asks = talk.model_asked.is_some() || talk.max_tokens.is_some();
        let answers = talk.model_answered.is_some() || talk.response_id.is_some();
        Self {
            operation: talk.operation.as_deref().map(name),
            provider: talk.provider.as_deref().map(name),
            agent: talk
                .agent
                .as_ref()
                .map(|(name, key)| Agent { id: format!("{key:016x}"), name: cap(name) }),
            conversation: talk.conversation.map(|id| Id { id: format!("{id:016x}") }),
            request: asks.then(|| Request {
                model: talk.model_asked.as_deref().map(cap),
                max_tokens: talk.max_tokens,
                temperature: talk.temperature,
            }),
            response: (answers || !talk.finish.is_empty()).then(|| Response {
                id: talk.response_id.as_deref().map(cap),
                model: talk.model_answered.as_deref().map(cap),
                finish_reasons: talk.finish.iter().map(|why| cap(why)).collect(),
            }),
            usage: talk
                .usage
                .map(|usage| Usage { input_tokens: usage.input, output_tokens: usage.output }),
            tool: talk.calls.first().map(|name| Tool {
                name: cap(name),
                call: talk.call_id.as_deref().map(|id| Id { id: cap(id) }),
            }),
        }
    }
}

impl<'a> Talk<'a> {
    /// What ECS has no field for.
    pub(super) fn of(talk: &'a Summary) -> Self {
        Self {
            dialect: cap(&talk.dialect),
            turns: talk.turns,
            tools: talk.tools,
            calls: talk.calls.iter().map(|name| cap(name)).collect(),
            streamed: talk.streamed,
            broken_off: talk.broken_off,
            tokens: talk.usage.map(|usage| Tokens {
                cached: usage.cached,
                cache_written: usage.cache_written,
                reasoning: usage.reasoning,
                estimated: usage.estimated,
            }),
            cost_usd: talk.cost.map(|cost| cost as f64 / 1e9),
            mcp: talk.mcp.as_ref().map(|mcp| Mcp {
                method: cap(&mcp.method),
                target: mcp.target.as_deref().map(cap),
                session: mcp.session.as_deref().map(cap),
                protocol: mcp.protocol.as_deref().map(cap),
                client: mcp.client.as_deref().map(cap),
                server: mcp.server.as_deref().map(cap),
                error: mcp.error,
            }),
        }
    }
}
