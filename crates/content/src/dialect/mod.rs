//! What is said to models, tool servers and other agents: many dialects, one [`Talk`].
//!
//! A dialect is recognised by the shape of what is said, never by who serves it: the same words are
//! spoken by the vendor, by its clouds, by proxies and by servers of one's own.

mod a2a;
mod anthropic;
mod bedrock;
mod draft;
mod gemini;
mod hide;
mod mcp;
mod mcp_answer;
#[cfg(test)]
mod mcp_tests;
mod ollama;
mod openai_chat;
mod openai_completion;
mod openai_embeddings;
mod openai_responses;
mod own;
mod own_stream;
mod provider;
mod refusal;
mod schema;
#[cfg(test)]
mod tests;
mod text_generation;
mod texts;

use crate::config::Config;
use crate::leaves::paths::Paths;
use crate::mask::Masker;
use crate::prompt::Judged;
use crate::tree::{self, Node, Oddities};
use base64::Engine;
use draft::Draft;
use std::borrow::Cow;
use stilt_model::{Exchange, Head, SmolStr, Stage, Talk};

/// One dialect.
pub(crate) struct Spec {
    /// Whether what is said has its shape.
    speaks: fn(&Said<'_>) -> bool,
    /// What it says.
    read: for<'a> fn(&'a Said<'a>) -> Draft<'a>,
}

/// Every dialect there is; the first that fits is taken, so the most particular come first.
const DIALECTS: &[&Spec] = &[
    &mcp::SPEC,
    &a2a::SPEC,
    &bedrock::SPEC,
    &anthropic::SPEC,
    &ollama::SPEC,
    &gemini::SPEC,
    &openai_embeddings::SPEC,
    &openai_responses::SPEC,
    &openai_completion::SPEC,
    &text_generation::SPEC,
    &openai_chat::SPEC,
    &own::SPEC,
];

/// Names of members that some dialect's request has at the top.
const ASKS: &[&[u8]] =
    &[b"messages", b"input", b"inputs", b"prompt", b"contents", b"jsonrpc", b"content"];
/// Words that some dialect's answer begins with, for where the request was not seen.
const ANSWERS: &[&[u8]] = &[
    b"\"jsonrpc\"",
    b"\"chat.completion",
    b"\"message_start\"",
    b"\"choices\"",
    b"\"candidates\"",
];
/// Bytes of an answer in which they are looked for.
const BEGIN: usize = 1024;

/// What was said, as trees.
pub(crate) struct Said<'a> {
    /// Path of the target.
    pub(crate) path: &'a str,
    /// Query of the target.
    pub(crate) query: &'a str,
    /// Host, lower case.
    pub(crate) host: String,
    pub(crate) method: &'a [u8],
    pub(crate) head: Option<&'a Head>,
    pub(crate) answer_head: Option<&'a Head>,
    /// The body of the request: one value, or none, or several messages of a batch.
    pub(crate) asked: Vec<Node<'a>>,
    pub(crate) asked_odd: Oddities,
    /// The values of the answer: one, or a line each.
    pub(crate) answer: Vec<Node<'a>>,
    /// The events of the answer, where it is a stream: name and value.
    pub(crate) events: Vec<(Cow<'a, str>, Node<'a>)>,
    /// The stream said that it is done (`[DONE]`).
    pub(crate) done: bool,
    pub(crate) status: u16,
}

const NOTHING: &Node<'static> = &Node::Null;

impl<'a> Said<'a> {
    /// The request's body.
    pub(crate) fn ask(&self) -> &Node<'a> {
        self.asked.first().unwrap_or(NOTHING)
    }

    /// The answer's body, or the first event of the stream.
    pub(crate) fn first_answer(&self) -> &Node<'a> {
        self.answer.first().or_else(|| self.events.first().map(|(_, node)| node)).unwrap_or(NOTHING)
    }

    /// Everything that was answered, in order.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Node<'a>> {
        self.answer.iter().chain(self.events.iter().map(|(_, node)| node))
    }

    /// It was answered piece by piece.
    pub(crate) fn streamed(&self) -> bool {
        !self.events.is_empty() || self.answer.len() > 1
    }

    /// A header of the request.
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.head?.header(name).map(crate::bytes::lossy)
    }

    /// A header of the answer.
    pub(crate) fn answer_header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.answer_head?.header(name).map(crate::bytes::lossy)
    }

    /// The path ends so, whatever is before it.
    pub(crate) fn ends(&self, end: &str) -> bool {
        self.path.trim_end_matches('/').ends_with(end)
    }
}

/// Payloads inside events that are base64 themselves (Bedrock's `chunk`).
fn inner_payloads(events: &stilt_model::StreamEvents) -> Vec<Option<Vec<u8>>> {
    let decode = |name: &[u8], data: &[u8]| {
        if name != b"chunk" {
            return None;
        }
        let (node, _) = Node::parse(data);
        base64::engine::general_purpose::STANDARD.decode(node.str("bytes")?).ok()
    };
    events.iter().map(|(name, data)| decode(name, data)).collect()
}

/// Whether the exchange may be a talk at all; cheap, for every transaction is asked.
fn may_be(exchange: &Exchange) -> bool {
    if let Some(request) = &exchange.request {
        let kept = &request.body.kept;
        if crate::leaves::json::looks_like(kept)
            && tree::names(kept).iter().any(|name| ASKS.contains(name))
        {
            return true;
        }
        if crate::leaves::json::looks_like(kept) && own::may_be(kept, exchange.response.as_ref()) {
            return true;
        }
        // A stream of an MCP server that is only listened to.
        if request.head.header("mcp-protocol-version").is_some()
            || request.head.header("mcp-session-id").is_some()
            || a2a::is_card(request)
        {
            return true;
        }
    }
    let Some(response) = &exchange.response else { return false };
    let kept = &response.body.kept;
    let begin = kept.get(..BEGIN).unwrap_or(kept);
    let shaped = response.body.events.is_some()
        || exchange.request.is_none() && crate::leaves::json::looks_like(begin);
    shaped && ANSWERS.iter().any(|word| memchr::memmem::find(begin, word).is_some())
        || mcp::is_listening(response)
}

/// What a model, a tool server or an agent is told and answers; `None` for everything else.
pub(crate) fn read(
    exchange: &Exchange,
    (masker, judged): (&mut Masker, &mut Judged),
    paths: &mut Paths,
    config: &Config,
) -> Option<Box<Talk>> {
    if !may_be(exchange) {
        return None;
    }
    let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
    let target = request.map(|message| crate::bytes::lossy(message.head.target()));
    let target = target.as_deref().unwrap_or_default();
    let parts = crate::target::parse(target, false);
    let events = response.and_then(|message| message.body.events.as_deref());
    let inner = events.map(inner_payloads).unwrap_or_default();
    let (asked, asked_odd) = request.map(|message| values(&message.body.kept)).unwrap_or_default();
    let mut said = Said {
        path: parts.path,
        query: parts.query.unwrap_or_default(),
        host: request
            .and_then(|message| message.head.header("host"))
            .map(|host| crate::bytes::lossy(host).to_ascii_lowercase())
            .unwrap_or_default(),
        method: request.map(|message| message.head.method()).unwrap_or_default(),
        head: request.map(|message| &message.head),
        answer_head: response.map(|message| &message.head),
        asked,
        asked_odd,
        answer: Vec::new(),
        events: Vec::new(),
        done: false,
        status: response.map_or(0, |message| message.head.status),
    };
    match (events, response) {
        (Some(events), _) => {
            for ((name, data), inner) in events.iter().zip(&inner) {
                let data = inner.as_deref().unwrap_or(data);
                said.done |= data.trim_ascii() == b"[DONE]";
                if crate::leaves::json::looks_like(data) {
                    said.events.push((crate::bytes::lossy(name), Node::parse(data).0));
                } else if name == b"endpoint" {
                    let text = Node::Text(crate::bytes::lossy(data));
                    said.events.push((crate::bytes::lossy(name), text));
                }
            }
        }
        (None, Some(message)) if crate::leaves::json::looks_like(&message.body.kept) => {
            said.answer = values(&message.body.kept).0;
        }
        _ => {}
    }
    let spec = DIALECTS.iter().find(|spec| (spec.speaks)(&said))?;
    let mut draft = (spec.read)(&said);
    draft.talk.streamed |= said.streamed();
    draft.talk.guard = refusal::of(&said).map(SmolStr::new_static);
    let mut talk = draft.finish(&said, (masker, judged), paths, config);
    if exchange.stage == Stage::Running {
        // A call that is not said to its end may yet say anything.
        for turn in talk.turns.iter_mut().filter(|turn| turn.answered) {
            turn.calls.retain(|call| !call.cut && !call.arguments.is_empty());
        }
    }
    Some(Box::new(talk))
}

/// The values of a body: of one list of objects, those in it.
fn values(body: &[u8]) -> (Vec<Node<'_>>, Oddities) {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let (mut all, odd) = Node::parse_all(body);
    if let [Node::List(items)] = all.as_mut_slice()
        && items.first().is_some_and(Node::is_object)
    {
        all = core::mem::take(items);
    }
    (all, odd)
}
