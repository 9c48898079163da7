//! Model Context Protocol over HTTP: revisions 2024-11-05 (a stream of events and posts beside it),
//! 2025-03-26 to 2025-11-25 (streamable, with sessions) and 2026-07-28 (every request by itself).

use super::draft::{Draft, RawCall, RawTurn, json, word};
use super::{Said, Spec, mcp_answer};
use crate::tree::Node;
use base64::Engine;
use std::borrow::Cow;
use stilt_model::talk::{Mcp, Named, Operation};
use stilt_model::{Dialect, Message, SmolStr, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Messages read of one batch.
const BATCH_MAX: usize = 256;
/// Answers to a server's questions, read of one call.
const REPLIES_MAX: usize = 16;
/// Members of a request's `_meta` (2026-07-28).
pub(super) const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
pub(super) const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";
const META_PROTOCOL: &str = "io.modelcontextprotocol/protocolVersion";

/// The answer begins as the stream of a legacy server does.
pub(super) fn is_listening(response: &Message) -> bool {
    let kept = &response.body.kept;
    let begin = kept.get(..256).unwrap_or(kept);
    response.body.events.is_some() && memchr::memmem::find(begin, b"event: endpoint").is_some()
}

/// A method that no other protocol over JSON-RPC has.
pub(super) fn is_method(node: &Node<'_>) -> bool {
    const PREFIXES: &[&str] = &[
        "notifications/",
        "tools/",
        "resources/",
        "prompts/",
        "sampling/",
        "elicitation/",
        "roots/",
        "logging/",
        "completion/",
        "server/discover",
    ];
    let method = node.str("method").unwrap_or_default();
    PREFIXES.iter().any(|prefix| method.starts_with(prefix))
        || (method == "initialize" && node.get("params").has("protocolVersion"))
}

fn speaks(said: &Said<'_>) -> bool {
    let rpc = |node: &Node<'_>| node.str("jsonrpc") == Some("2.0");
    let named = ["mcp-session-id", "mcp-protocol-version", "mcp-method"]
        .iter()
        .any(|name| said.header(name).is_some());
    let asks = said.asked.iter().any(|node| rpc(node) && (named || is_method(node)));
    let legacy = said.events.first().is_some_and(|(name, _)| name == "endpoint");
    let told = |node: &Node<'_>| rpc(node) && (is_method(node) || node.get("result").has("tools"));
    let unasked = said.asked.is_empty() && said.answers().take(8).any(told);
    asks || (named && (said.asked.is_empty() || said.ask().has("jsonrpc"))) || legacy || unasked
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let mut draft = Draft::new(Dialect::Mcp, Operation::Other);
    let mut mcp = Mcp {
        messages: u16::try_from(said.asked.len()).unwrap_or(u16::MAX),
        duplicate_keys: said.asked_odd.duplicate_keys,
        protocol: said.header("mcp-protocol-version").map(|text| word(&text)),
        header_method: said.header("mcp-method").map(|text| word(&text)),
        header_name: said.header("mcp-name").map(|text| word(&decoded(&text))),
        ..Mcp::default()
    };
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    draft.marks.session =
        owned(said.header("mcp-session-id")).or_else(|| legacy_session(said.query));
    draft.marks.session_issued = owned(said.answer_header("mcp-session-id"));
    if let Some((_, endpoint)) = said.events.first().filter(|(name, _)| name == "endpoint") {
        let query = endpoint.text().and_then(|url| url.split_once('?')).map(|(_, query)| query);
        draft.marks.session_issued = query.and_then(legacy_session);
    }
    draft.talk.tools_cut |= said.asked.len() > BATCH_MAX;
    for (at, node) in said.asked.iter().take(BATCH_MAX).enumerate() {
        message(&mut draft, &mut mcp, node, at == 0);
    }
    if let Some(first) = said.asked.first() {
        compare(said, &mut mcp, first);
    }
    mcp_answer::read(&mut draft, &mut mcp, said);
    draft.talk.error = mcp.error.map(|error| error.code.to_string().into());
    draft.talk.mcp = Some(Box::new(mcp));
    draft
}

/// The session in the query of a legacy server's posts.
fn legacy_session(query: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(name, _)| matches!(*name, "session_id" | "sessionId" | "sessionid"))
        .map(|(_, value)| value.to_owned())
}

/// A number as text, so that `1` and `"1"` differ no more than readers make them.
pub(super) fn id(node: &Node<'_>) -> Option<String> {
    match node.get("id") {
        Node::Text(text) => Some(text.to_string()),
        Node::Number(text) => Some((*text).to_owned()),
        _ => None,
    }
}

pub(super) fn named(node: &Node<'_>) -> Option<Named> {
    let name = node.str("name")?;
    Some(Named { name: word(name), version: word(node.str("version").unwrap_or_default()) })
}

/// One message of the request.
fn message(draft: &mut Draft<'_>, mcp: &mut Mcp, node: &Node<'_>, first: bool) {
    let (method, params) = (node.str("method").unwrap_or_default(), node.get("params"));
    let meta = params.get("_meta");
    let client = named(params.get("clientInfo")).or_else(|| named(meta.get(META_CLIENT)));
    mcp.client = mcp.client.take().or(client);
    mcp.protocol = mcp.protocol.take().or_else(|| {
        let own = params.str("protocolVersion").filter(|_| method == "initialize");
        meta.str(META_PROTOCOL).or(own).map(word)
    });
    if first {
        mcp.method = word(method);
        mcp.notice = node.has("method") && !node.has("id");
        mcp.target = target(params).map(word);
        mcp.partial = params.has("cursor");
    }
    match method {
        "" => {
            // An answer to what the server asked.
            let other = if node.has("error") { "error" } else { "result" };
            let how = node.get("result").str("action").unwrap_or(other);
            mcp.reply = mcp.reply.take().or_else(|| Some((word(&id(node)?), word(how))));
        }
        "tools/call" => {
            draft.talk.operation = Operation::ExecuteTool;
            let arguments = params.get("arguments");
            let replies = params.get("inputResponses").members().iter().take(REPLIES_MAX);
            mcp.replies.extend(
                replies
                    .map(|(name, how)| (word(name), word(how.str("action").unwrap_or("result")))),
            );
            mcp_answer::handles(arguments, 0, &mut draft.marks.handles_used);
            let mut turn = RawTurn::new(TrustRole::Assistant, false);
            turn.calls.push(RawCall {
                id: id(node),
                name: params.str("name").unwrap_or_default().to_owned(),
                arguments: json(arguments),
                hosted: false,
            });
            draft.turn(turn);
        }
        _ => {}
    }
}

/// What a request is about.
fn target<'n>(params: &'n Node<'_>) -> Option<&'n str> {
    ["name", "uri", "taskId"].iter().find_map(|name| params.str(name))
}

/// A header's value as its sender meant it: `=?base64?…?=` where it is no plain ASCII.
fn decoded(value: &str) -> Cow<'_, str> {
    let inner = value.trim().strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes =
        inner.and_then(|inner| base64::engine::general_purpose::STANDARD.decode(inner).ok());
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(value.trim()),
    }
}

/// Headers that say what the body says: whether they do.
fn compare(said: &Said<'_>, mcp: &mut Mcp, node: &Node<'_>) {
    let params = node.get("params");
    let mut differ = |header: &str, says: &str, body: &str| {
        if mcp.mismatch.len() < 8 {
            mcp.mismatch.push((word(header), word(says), word(body)));
        }
    };
    let Some(method) = node.str("method") else { return };
    if let Some(header) = said.header("mcp-method")
        && decoded(&header) != method
    {
        differ("Mcp-Method", &decoded(&header), method);
    }
    if let Some(header) = said.header("mcp-name") {
        let name = target(params).unwrap_or_default();
        if decoded(&header) != name {
            differ("Mcp-Name", &decoded(&header), name);
        }
    }
    if let (Some(header), Some(body)) =
        (said.header("mcp-protocol-version"), params.get("_meta").str(META_PROTOCOL))
        && header.trim() != body
    {
        differ("MCP-Protocol-Version", header.trim(), body);
    }
    let Some(head) = said.head else { return };
    let mut arguments = Vec::new();
    plain_values(params.get("arguments"), 0, &mut arguments);
    for (name, value) in head.headers() {
        let lower = name.to_ascii_lowercase();
        let (Some(param), false) = (lower.strip_prefix(b"mcp-param-"), said.asked_odd.cut) else {
            continue;
        };
        let value = crate::bytes::lossy(value);
        let value = decoded(&value);
        if !arguments.iter().any(|argument| *argument == value) {
            differ(&format!("Mcp-Param-{}", crate::bytes::lossy(param)), &value, "");
        }
    }
}

/// Every scalar among arguments, as a header would say it.
fn plain_values(node: &Node<'_>, depth: usize, out: &mut Vec<String>) {
    if depth > 8 || out.len() > 256 {
        return;
    }
    match node {
        Node::Text(text) => out.push(text.trim().to_owned()),
        Node::Number(text) => out.push((*text).to_owned()),
        Node::Bool(bool) => out.push(bool.to_string()),
        Node::List(items) => {
            items.iter().for_each(|item| plain_values(item, depth.saturating_add(1), out));
        }
        Node::Object(members) => {
            for (_, value) in members {
                plain_values(value, depth.saturating_add(1), out);
            }
        }
        Node::Null => {}
    }
}

/// Bits of chance that an id may hold at most, by its length and letters.
pub(super) fn bits(id: &str) -> u16 {
    let all = |wanted: fn(&u8) -> bool| id.bytes().all(|byte| wanted(&byte) || byte == b'-');
    let letters = id.bytes().filter(|byte| *byte != b'-').count();
    let tenths = if all(u8::is_ascii_digit) {
        33
    } else if all(u8::is_ascii_hexdigit) {
        40
    } else {
        // Of one case with digits: 36 letters; else 64.
        let one_case = !id.bytes().any(|b| b.is_ascii_uppercase())
            || !id.bytes().any(|b| b.is_ascii_lowercase());
        if one_case { 51 } else { 60 }
    };
    u16::try_from(letters.saturating_mul(tenths).checked_div(10).unwrap_or(0)).unwrap_or(u16::MAX)
}

/// What a draft keeps of ids, until they are replaced by marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) session: Option<String>,
    pub(super) session_issued: Option<String>,
    pub(super) handles_issued: Vec<String>,
    pub(super) handles_used: Vec<String>,
}

impl Marks {
    /// Puts the marks in the place of ids, and hides what else must be hidden.
    pub(super) fn settle(self, mcp: &mut Mcp, masker: &mut crate::mask::Masker) {
        mcp.session = self.session.map(|id| masker.credential(id.trim()));
        mcp.session_bits = self.session_issued.as_deref().map(|id| bits(id.trim()));
        mcp.session_issued = self.session_issued.map(|id| masker.credential(id.trim()));
        let hash = |all: Vec<String>| {
            all.iter().take(16).map(|one| masker.hash("handle", one.as_bytes())).collect()
        };
        mcp.handles_issued = hash(self.handles_issued);
        mcp.handles_used = hash(self.handles_used);
        let hide = |text: &mut SmolStr| {
            if let Cow::Owned(hidden) = masker.text_max(text, 256) {
                *text = hidden.into();
            }
        };
        mcp.target.iter_mut().for_each(hide);
        mcp.header_name.iter_mut().for_each(hide);
        mcp.offers.iter_mut().for_each(|offer| hide(&mut offer.name));
        for (_, header, body) in &mut mcp.mismatch {
            hide(header);
            hide(body);
        }
    }
}
