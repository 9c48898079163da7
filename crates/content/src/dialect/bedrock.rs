//! Bedrock converse, whole or as a binary stream of events.

use super::draft::{Draft, RawCall, RawTool, RawTurn, json, word};
use super::gemini::given;
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
    let answered = first.get("output").get("message").is_object() && first.has("stopReason");
    let part = |turn: &Node<'_>| {
        let first = turn.get("content").items().first();
        // Parts are told by their member, not by a type.
        first.is_some_and(|part| {
            let bare = !part.has("type");
            bare && ["text", "toolUse", "toolResult", "image", "document"]
                .iter()
                .any(|m| part.has(m))
        })
    };
    let asks = ask.get("messages").items().iter().take(4).any(part) && !ask.has("model");
    let streamed = said.events.iter().any(|(name, _)| {
        matches!(name.as_ref(), "messageStart" | "contentBlockDelta" | "messageStop")
    });
    answered || asks || streamed
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::Bedrock, Operation::Chat);
    draft.reckon = true;
    let model = said.path.split("/model/").nth(1).and_then(|rest| rest.split('/').next());
    let model = model.map(|model| crate::bytes::percent_decode(model, false));
    let settings = ask.get("inferenceConfig");
    draft.talk.model_asked = model.as_deref().map(word);
    draft.talk.streamed = said.path.contains("converse-stream");
    draft.talk.knobs.max_tokens = settings.count("maxTokens");
    draft.talk.knobs.temperature = settings.number("temperature");
    let mut system = RawTurn::new(TrustRole::System, false);
    for part in ask.get("system").items() {
        system.say(part.str("text").unwrap_or_default());
    }
    if !system.is_empty() {
        draft.turn(system);
    }
    for message in ask.get("messages").items() {
        let assistant = message.str("role") == Some("assistant");
        let role = if assistant { TrustRole::Assistant } else { TrustRole::User };
        parts(&mut draft, role, message.get("content"), false);
    }
    for tool in ask.get("toolConfig").get("tools").items() {
        let spec = tool.get("toolSpec");
        draft.tool(RawTool {
            name: spec.str("name").unwrap_or_default(),
            description: spec.str("description").unwrap_or_default(),
            schema: spec.get("inputSchema").get("json"),
            whole: spec,
            hints: Hints::default(),
            hosted: false,
        });
    }
    let whole = said.first_answer();
    if whole.get("output").is_object() {
        parts(
            &mut draft,
            TrustRole::Assistant,
            whole.get("output").get("message").get("content"),
            true,
        );
        stopped(&mut draft, whole.str("stopReason"));
        draft.talk.usage = usage(whole.get("usage"));
    } else {
        stream(&mut draft, said);
    }
    draft
}

fn parts(draft: &mut Draft<'_>, role: TrustRole, content: &Node<'_>, answered: bool) {
    let mut own = RawTurn::new(role, answered);
    for part in content.items() {
        let (call, result) = (part.get("toolUse"), part.get("toolResult"));
        if call.is_object() {
            own.calls.push(RawCall {
                id: call.str("toolUseId").map(str::to_owned),
                name: call.str("name").unwrap_or_default().to_owned(),
                arguments: json(call.get("input")),
                hosted: false,
            });
        } else if result.is_object() {
            let mut turn = RawTurn::new(TrustRole::ToolResult, answered);
            for block in result.get("content").each() {
                let json = block.get("json");
                given(&mut turn, if json.is_object() || json.is_list() { json } else { block });
            }
            turn.call_id = result.str("toolUseId").map(str::to_owned);
            turn.failed = result.str("status") == Some("error");
            draft.turn(turn);
        } else if let Some(text) = part.str("text") {
            own.say(text);
        } else if !part.has("reasoningContent") {
            own.show();
        }
    }
    if !own.is_empty() {
        draft.turn(own);
    }
}

/// One block of a stream being put together: its text, or its call.
#[derive(Default)]
struct Block {
    text: String,
    call: Option<RawCall>,
}

fn stream(draft: &mut Draft<'_>, said: &Said<'_>) {
    let mut built: BTreeMap<u64, Block> = BTreeMap::new();
    let (mut begun, mut ended) = (false, false);
    for (name, node) in &said.events {
        let index = node.count("contentBlockIndex").unwrap_or(0);
        match name.as_ref() {
            "messageStart" => begun = true,
            "contentBlockStart" if built.len() < BLOCKS_MAX => {
                let call = node.get("start").get("toolUse");
                let block = built.entry(index).or_default();
                block.call = call.is_object().then(|| RawCall {
                    id: call.str("toolUseId").map(str::to_owned),
                    name: call.str("name").unwrap_or_default().to_owned(),
                    ..RawCall::default()
                });
            }
            "contentBlockDelta" if built.len() < BLOCKS_MAX || built.contains_key(&index) => {
                let delta = node.get("delta");
                let block = built.entry(index).or_default();
                block.text.push_str(delta.str("text").unwrap_or_default());
                if let (Some(call), Some(piece)) =
                    (&mut block.call, delta.get("toolUse").str("input"))
                {
                    call.arguments.push_str(piece);
                }
            }
            "messageStop" => {
                ended = true;
                stopped(draft, node.str("stopReason"));
            }
            "metadata" => draft.talk.usage = usage(node.get("usage")),
            name if name.ends_with("Exception") => draft.talk.error = Some(word(name)),
            _ => {}
        }
    }
    draft.talk.broken_off = begun && !ended;
    let mut own = RawTurn::new(TrustRole::Assistant, true);
    for block in built.into_values() {
        own.say(&block.text);
        own.calls.extend(block.call);
    }
    if !own.is_empty() {
        draft.turn(own);
    }
}

fn stopped(draft: &mut Draft<'_>, why: Option<&str>) {
    draft.finished(why);
    if matches!(why, Some("guardrail_intervened" | "content_filtered"))
        && let Some(turn) = draft.turns.last_mut().filter(|turn| turn.answered)
    {
        turn.refused = true;
    }
}

fn usage(told: &Node<'_>) -> Option<Usage> {
    Some(Usage {
        input: told.count("inputTokens")?,
        output: told.count("outputTokens").unwrap_or(0),
        cached: told.count("cacheReadInputTokens").unwrap_or(0),
        cache_written: told.count("cacheWriteInputTokens").unwrap_or(0),
        cached_apart: true,
        ..Usage::default()
    })
}
