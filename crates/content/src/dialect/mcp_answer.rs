//! What an MCP server answers: results, lists, and questions of its own.

use super::Said;
use super::draft::{Draft, RawTool, RawTurn, json, word};
use super::mcp::{META_SERVER, id, named};
use crate::tree::Node;
use stilt_model::TrustRole;
use stilt_model::talk::{Hints, Mcp, McpError, Offer, OfferKind, ServerAsk};

/// Resources and prompts kept of one answer, and questions.
const OFFERS_MAX: usize = 256;
const ASKS_MAX: usize = 16;
/// Handles gathered.
const HANDLES_MAX: usize = 16;

pub(super) fn read<'a>(draft: &mut Draft<'a>, mcp: &mut Mcp, said: &'a Said<'a>) {
    for node in said.answers() {
        if node.has("method") {
            server_says(draft, mcp, node);
        } else if node.get("result").is_object() {
            result(draft, mcp, node);
        } else if node.get("error").is_object() {
            let code = match node.get("error").get("code") {
                Node::Number(text) => text.parse().unwrap_or(0),
                _ => 0,
            };
            mcp.error = Some(McpError { code });
        }
    }
}

/// A notice or a question of the server.
fn server_says(draft: &mut Draft<'_>, mcp: &mut Mcp, node: &Node<'_>) {
    let (method, params) = (node.str("method").unwrap_or_default(), node.get("params"));
    mcp.list_changed |= method.ends_with("/list_changed");
    let number = id(node);
    asks(draft, mcp, method, number.as_deref(), params);
}

/// What the server wants, where it has a number or name to be answered by.
fn asks(
    draft: &mut Draft<'_>,
    mcp: &mut Mcp,
    method: &str,
    number: Option<&str>,
    params: &Node<'_>,
) {
    if let Some(number) = number.filter(|_| mcp.asks.len() < ASKS_MAX) {
        let digest = stilt_model::IdBuilder::new("ask").text(&json(params)).finish();
        mcp.asks.push(ServerAsk { method: word(method), id: Some(word(number)), digest });
    }
    // What a server wants a model or a person to be told is as good as what a tool says.
    let mut turn = RawTurn::new(TrustRole::ToolResult, true);
    turn.tool = Some(method.to_owned());
    match method {
        "sampling/createMessage" => {
            turn.say(params.str("systemPrompt").unwrap_or_default());
            for message in params.get("messages").items() {
                content(&mut turn, message.get("content"));
            }
        }
        "elicitation/create" => turn.say(params.str("message").unwrap_or_default()),
        _ => {}
    }
    if !turn.is_empty() {
        draft.turn(turn);
    }
}

fn result<'a>(draft: &mut Draft<'a>, mcp: &mut Mcp, node: &'a Node<'a>) {
    let result = node.get("result");
    mcp.server = named(result.get("serverInfo"))
        .or_else(|| named(result.get("_meta").get(META_SERVER)))
        .or(mcp.server.take());
    mcp.protocol = result.str("protocolVersion").map(word).or(mcp.protocol.take());
    mcp.ttl_ms = result.count("ttlMs").or(mcp.ttl_ms);
    mcp.shared = result.str("cacheScope").map(|scope| scope == "public").or(mcp.shared);
    mcp.partial |= result.has("nextCursor");
    mcp.awaits_input |= result.str("resultType") == Some("input_required");
    for (name, ask) in result.get("inputRequests").members().iter().take(ASKS_MAX) {
        asks(draft, mcp, ask.str("method").unwrap_or_default(), Some(name), ask.get("params"));
    }
    for one in result.get("tools").items() {
        tool(draft, one);
    }
    for (list, name, kind) in [
        ("resources", "uri", OfferKind::Resource),
        ("resourceTemplates", "uriTemplate", OfferKind::Resource),
        ("prompts", "name", OfferKind::Prompt),
    ] {
        for one in result.get(list).items() {
            if let Some(name) = one.str(name).filter(|_| mcp.offers.len() < OFFERS_MAX) {
                mcp.offers.push(Offer { kind, name: word(name) });
            }
        }
    }
    let answers = ["content", "contents", "messages", "structuredContent"];
    if answers.iter().any(|name| result.has(name)) {
        let mut turn = RawTurn::new(TrustRole::ToolResult, true);
        content(&mut turn, result.get("content"));
        content(&mut turn, result.get("contents"));
        for message in result.get("messages").items() {
            content(&mut turn, message.get("content"));
        }
        if turn.text.is_empty() && result.has("structuredContent") {
            turn.say(&json(result.get("structuredContent")));
        }
        turn.call_id = id(node);
        turn.tool = (mcp.method != "tools/call").then(|| mcp.method.to_string());
        turn.tool = turn.tool.filter(|method| !method.is_empty());
        turn.failed = result.bool("isError") == Some(true);
        issued(result, &mut draft.marks.handles_issued);
        draft.turn(turn);
    }
}

/// Texts and other parts of what a tool, a resource or a prompt gives.
fn content(turn: &mut RawTurn, content: &Node<'_>) {
    for part in content.each() {
        let inner = part.get("resource");
        match part.text().or_else(|| part.str("text")).or_else(|| inner.str("text")) {
            Some(text) => turn.say(text),
            None => turn.show(),
        }
    }
}

fn tool<'a>(draft: &mut Draft<'a>, tool: &'a Node<'a>) {
    let hints = tool.get("annotations");
    draft.tool(RawTool {
        name: tool.str("name").unwrap_or_default(),
        description: tool.str("description").unwrap_or_default(),
        schema: tool.get("inputSchema"),
        whole: tool,
        hints: Hints {
            read_only: hints.bool("readOnlyHint"),
            destructive: hints.bool("destructiveHint"),
            idempotent: hints.bool("idempotentHint"),
            open_world: hints.bool("openWorldHint"),
        },
        hosted: false,
    });
}

/// A name under which a server hands out something to come back with.
fn is_handle(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    const ENDS: &[&str] = &[
        "handle",
        "sessionid",
        "taskid",
        "cursor",
        "continuation",
        "contextid",
        "threadid",
        "basketid",
        "uploadid",
        "jobid",
    ];
    ENDS.iter().any(|end| plain.ends_with(end))
}

/// Values that came back, or were handed out: long enough not to be a plain number.
pub(super) fn handles(node: &Node<'_>, depth: usize, out: &mut Vec<String>) {
    if depth > 8 {
        return;
    }
    for (name, value) in node.members() {
        match value {
            Node::Text(text) if is_handle(name) && text.len() >= 6 && out.len() < HANDLES_MAX => {
                out.push(text.to_string());
            }
            Node::List(items) => {
                items.iter().for_each(|item| handles(item, depth.saturating_add(1), out));
            }
            Node::Object(_) => handles(value, depth.saturating_add(1), out),
            _ => {}
        }
    }
}

/// Handles in a result: in what is structured, else in texts that are JSON.
fn issued(result: &Node<'_>, out: &mut Vec<String>) {
    handles(result.get("structuredContent"), 0, out);
    if result.has("structuredContent") {
        return;
    }
    for part in result.get("content").items().iter().take(8) {
        let text = part.str("text").unwrap_or_default();
        if text.len() < 65_536 && crate::leaves::json::looks_like(text.as_bytes()) {
            handles(&Node::parse(text.as_bytes()).0, 0, out);
        }
    }
}
