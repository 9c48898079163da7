//! Anthropic messages, from the vendor, Bedrock (`invoke`) and Vertex AI.

use super::draft::{Draft, RawCall, RawTool, RawTurn, json, word};
use super::{Said, Spec};
use crate::tree::Node;
use std::collections::BTreeMap;
use stilt_model::talk::{Hints, Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Blocks put together of one stream.
const BLOCKS_MAX: usize = 256;

fn speaks(said: &Said<'_>) -> bool {
    let (ask, first) = (said.ask(), said.first_answer());
    let answered = first.str("type") == Some("message") && first.get("content").is_list()
        || first.str("type") == Some("message_start") && first.get("message").is_object();
    let error = first.str("type") == Some("error") && first.get("error").is_object();
    let asks = ask.get("messages").is_list() && ask.has("max_tokens");
    let named = said.header("anthropic-version").is_some() || ask.has("anthropic_version");
    let path = said.ends("/messages") && !first.has("choices");
    answered || (asks && (named || error || path))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::Anthropic, Operation::Chat);
    draft.reckon = true;
    // Clouds name the model in the path.
    let in_path = || {
        let rest =
            said.path.split("/model/").nth(1).or_else(|| said.path.split("/models/").nth(1))?;
        rest.split(['/', ':']).next().filter(|_| !ask.has("model"))
    };
    let talk = &mut draft.talk;
    talk.model_asked = ask.str("model").or_else(in_path).map(word);
    talk.user = ask.get("metadata").str("user_id").map(word);
    talk.streamed = ask.bool("stream") == Some(true);
    talk.knobs.max_tokens = ask.count("max_tokens");
    talk.knobs.temperature = ask.number("temperature");
    talk.error = said.first_answer().get("error").str("type").map(word);
    let mut system = RawTurn::new(TrustRole::System, false);
    blocks_text(&mut system, ask.get("system"));
    if !system.is_empty() {
        draft.turn(system);
    }
    for message in ask.get("messages").items() {
        let role = match message.str("role") {
            Some("assistant") => TrustRole::Assistant,
            Some("system") => TrustRole::System,
            _ => TrustRole::User,
        };
        blocks(&mut draft, role, message.get("content"), false);
    }
    for tool in ask.get("tools").items() {
        let hosted = !tool.has("input_schema");
        draft.tool(RawTool {
            name: tool.str("name").unwrap_or_default(),
            description: tool.str("description").unwrap_or_default(),
            schema: tool.get("input_schema"),
            whole: tool,
            hints: Hints::default(),
            hosted,
        });
    }
    answer(&mut draft, said);
    draft
}

/// The texts of blocks, and how many others there are.
fn blocks_text(turn: &mut RawTurn, content: &Node<'_>) {
    for block in content.each() {
        match block.text().or_else(|| block.str("text")) {
            Some(text) => turn.say(text),
            None => {
                // A document or a search result brings its own text.
                let source = block.get("source");
                let inner = source.str("data").filter(|_| source.str("type") == Some("text"));
                match inner {
                    Some(text) => turn.say(text),
                    None if block.get("content").is_list() => {
                        for inner in block.get("content").items() {
                            turn.say(inner.str("text").unwrap_or_default());
                        }
                    }
                    None => turn.show(),
                }
            }
        }
    }
}

/// The blocks of one message: its own text and calls in one turn, each answer of a tool in another.
fn blocks(draft: &mut Draft<'_>, role: TrustRole, content: &Node<'_>, answered: bool) {
    let mut own = RawTurn::new(role, answered);
    let mut results = Vec::new();
    for block in content.each() {
        let kind = block.str("type").unwrap_or("text");
        match kind {
            "tool_use" | "server_tool_use" | "mcp_tool_use" => own.calls.push(RawCall {
                id: block.str("id").map(str::to_owned),
                name: block.str("name").unwrap_or_default().to_owned(),
                arguments: json(block.get("input")),
                hosted: kind != "tool_use",
            }),
            "thinking" | "redacted_thinking" => {}
            _ if kind.ends_with("tool_result") => {
                let mut turn = RawTurn::new(TrustRole::ToolResult, answered);
                blocks_text(&mut turn, block.get("content"));
                turn.call_id = block.str("tool_use_id").map(str::to_owned);
                turn.failed = block.bool("is_error") == Some(true);
                results.push(turn);
            }
            _ => blocks_text(&mut own, block),
        }
    }
    // A user's words behind the answers of tools are newer than those.
    if answered {
        draft.turns.extend((!own.is_empty()).then_some(own));
        draft.turns.extend(results);
    } else {
        draft.turns.extend(results);
        draft.turns.extend((!own.is_empty()).then_some(own));
    }
}

/// One block of a stream being put together.
#[derive(Default)]
struct Block<'n> {
    start: Option<&'n Node<'n>>,
    text: String,
    arguments: String,
}

fn answer<'a>(draft: &mut Draft<'a>, said: &'a Said<'a>) {
    let mut built: BTreeMap<u64, Block<'a>> = BTreeMap::new();
    let (mut begun, mut ended) = (false, false);
    for node in said.answers() {
        let index = node.count("index").unwrap_or(0);
        match node.str("type").unwrap_or_default() {
            "message" => {
                head(draft, node);
                blocks(draft, TrustRole::Assistant, node.get("content"), true);
                stopped(draft, node.str("stop_reason"));
            }
            "message_start" => {
                begun = true;
                head(draft, node.get("message"));
            }
            "content_block_start" if built.len() < BLOCKS_MAX => {
                let start = node.get("content_block");
                let block = built.entry(index).or_default();
                block.text.push_str(start.str("text").unwrap_or_default());
                block.start = Some(start);
            }
            "content_block_delta" => {
                if let Some(block) = built.get_mut(&index) {
                    let delta = node.get("delta");
                    block.text.push_str(delta.str("text").unwrap_or_default());
                    block.arguments.push_str(delta.str("partial_json").unwrap_or_default());
                }
            }
            "message_delta" => {
                let why = node.get("delta").str("stop_reason");
                ended |= why.is_some();
                add_usage(draft, node.get("usage"));
                stopped(draft, why);
            }
            "message_stop" => ended = true,
            "error" => draft.talk.error = node.get("error").str("type").map(word),
            _ => {}
        }
    }
    draft.talk.broken_off = begun && !ended;
    if begun && !ended {
        // What it began with says nothing of what was written then.
        draft.talk.usage = None;
    }
    put_together(draft, built.into_values());
}

fn put_together<'n>(draft: &mut Draft<'_>, built: impl Iterator<Item = Block<'n>>) {
    let mut own = RawTurn::new(TrustRole::Assistant, true);
    own.refused = draft.talk.finish.iter().any(|why| why == "refusal");
    for block in built {
        let Some(start) = block.start else { continue };
        match start.str("type").unwrap_or_default() {
            kind @ ("tool_use" | "server_tool_use" | "mcp_tool_use") => own.calls.push(RawCall {
                id: start.str("id").map(str::to_owned),
                name: start.str("name").unwrap_or_default().to_owned(),
                arguments: if block.arguments.is_empty() {
                    json(start.get("input"))
                } else {
                    block.arguments
                },
                hosted: kind != "tool_use",
            }),
            kind if kind.ends_with("tool_result") => {
                let mut turn = RawTurn::new(TrustRole::ToolResult, true);
                blocks_text(&mut turn, start.get("content"));
                turn.call_id = start.str("tool_use_id").map(str::to_owned);
                draft.turn(turn);
            }
            "text" => own.say(&block.text),
            _ => {}
        }
    }
    if !own.is_empty() {
        draft.turn(own);
    }
}

fn head(draft: &mut Draft<'_>, message: &Node<'_>) {
    draft.talk.model_answered = message.str("model").map(word);
    draft.talk.response_id = message.str("id").map(word);
    add_usage(draft, message.get("usage"));
}

/// Counts only grow: each that is told replaces the one before it.
fn add_usage(draft: &mut Draft<'_>, told: &Node<'_>) {
    if !told.is_object() {
        return;
    }
    let mut usage = draft.talk.usage.unwrap_or(Usage { cached_apart: true, ..Usage::default() });
    let parts = [
        ("input_tokens", &mut usage.input),
        ("output_tokens", &mut usage.output),
        ("cache_read_input_tokens", &mut usage.cached),
        ("cache_creation_input_tokens", &mut usage.cache_written),
    ];
    for (name, count) in parts {
        *count = told.count(name).unwrap_or(*count);
    }
    draft.talk.usage = Some(usage);
}

fn stopped(draft: &mut Draft<'_>, why: Option<&str>) {
    draft.finished(why);
    if why == Some("refusal")
        && let Some(turn) = draft.turns.last_mut().filter(|turn| turn.answered)
    {
        turn.refused = true;
    }
}
