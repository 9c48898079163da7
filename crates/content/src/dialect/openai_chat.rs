//! OpenAI chat completions, and what speaks like it: Azure, vLLM, llama.cpp, LiteLLM, Groq, Mistral
//! and many more.

use super::draft::{Draft, RawCall, RawTool, RawTurn, json, word};
use super::{Said, Spec};
use crate::tree::Node;
use std::collections::BTreeMap;
use stilt_model::talk::{Hints, Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Answers put together side by side.
const CHOICES_MAX: usize = 32;
/// Calls put together in one answer.
const CALLS_MAX: usize = 128;

fn speaks(said: &Said<'_>) -> bool {
    let ask = said.ask();
    let turns = ask.get("messages").items();
    let asks = turns.first().is_some_and(|turn| turn.has("role"));
    let chosen = |node: &Node<'_>| {
        let choice = node.get("choices").items().first();
        choice.is_some_and(|choice| choice.has("message") || choice.has("delta"))
    };
    let answered = said.answers().take(4).any(chosen);
    (asks && (ask.has("model") || said.path.contains("/chat/completions"))) || answered
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::OpenAiChat, Operation::Chat);
    draft.reckon = true;
    common(&mut draft, said);
    for message in ask.get("messages").items() {
        turn(&mut draft, message, false);
    }
    tools(&mut draft, ask);
    answer(&mut draft, said);
    draft
}

/// What every request of OpenAI's kind has.
pub(super) fn common<'a>(draft: &mut Draft<'a>, said: &'a Said<'a>) {
    let ask = said.ask();
    let deployment = || said.path.split("/deployments/").nth(1)?.split('/').next();
    let talk = &mut draft.talk;
    talk.model_asked = ask.str("model").or_else(deployment).map(word);
    talk.user = ask.str("user").or_else(|| ask.str("safety_identifier")).map(word);
    talk.streamed = ask.bool("stream") == Some(true);
    talk.knobs.max_tokens = ["max_completion_tokens", "max_tokens", "max_output_tokens"]
        .iter()
        .find_map(|name| ask.count(name));
    talk.knobs.temperature = ask.number("temperature");
    talk.knobs.choices = ask.count("n").and_then(|n| u32::try_from(n).ok());
    talk.knobs.logprobs = ask.bool("logprobs") == Some(true)
        || ask.count("top_logprobs").or_else(|| ask.count("logprobs")).is_some_and(|n| n > 0);
    let error = said.first_answer().get("error");
    let named = error.str("code").or_else(|| error.str("type")).or_else(|| error.text());
    talk.error = named.map(word);
}

/// Tools on offer, in the manner of chat completions or of responses, old functions too.
pub(super) fn tools<'a>(draft: &mut Draft<'a>, ask: &'a Node<'a>) {
    let all = ask.get("tools").items().iter().chain(ask.get("functions").items());
    for tool in all {
        let inner = if tool.get("function").is_object() { tool.get("function") } else { tool };
        let name = inner.str("name").or_else(|| tool.str("type")).unwrap_or_default();
        let hosted = inner.str("name").is_none();
        let name = tool.str("server_label").filter(|_| hosted).unwrap_or(name);
        draft.tool(RawTool {
            name,
            description: inner.str("description").unwrap_or_default(),
            schema: if inner.has("parameters") {
                inner.get("parameters")
            } else {
                inner.get("input_schema")
            },
            whole: inner,
            hints: Hints::default(),
            hosted,
        });
    }
}

/// Whose words a message is.
pub(super) fn role(name: &str) -> TrustRole {
    match name {
        "system" | "developer" => TrustRole::System,
        "assistant" | "model" => TrustRole::Assistant,
        "tool" | "function" | "ipython" | "observation" => TrustRole::ToolResult,
        _ => TrustRole::User,
    }
}

/// Text and other parts of a content.
pub(super) fn content(turn: &mut RawTurn, content: &Node<'_>) {
    for part in content.each() {
        match part {
            Node::Text(text) => turn.say(text),
            Node::Object(_) => {
                if let Some(refusal) = part.str("refusal") {
                    turn.refused = true;
                    turn.say(refusal);
                } else if let Some(text) =
                    part.str("text").or_else(|| part.get("text").str("value"))
                {
                    turn.say(text);
                } else if part.str("type") != Some("reasoning") {
                    turn.show();
                }
            }
            _ => {}
        }
    }
}

fn turn(draft: &mut Draft<'_>, message: &Node<'_>, answered: bool) {
    let role = role(message.str("role").unwrap_or(if answered { "assistant" } else { "user" }));
    let mut turn = RawTurn::new(role, answered);
    content(&mut turn, message.get("content"));
    if let Some(refusal) = message.str("refusal").filter(|refusal| !refusal.is_empty()) {
        turn.refused = true;
        turn.say(refusal);
    }
    let calls = message.get("tool_calls").items().iter().map(call);
    turn.calls.extend(calls.take(CALLS_MAX));
    if message.get("function_call").is_object() {
        turn.calls.push(call(message));
    }
    if role == TrustRole::ToolResult {
        turn.call_id = message.str("tool_call_id").map(str::to_owned);
        turn.tool = message.str("name").or_else(|| message.str("tool_name")).map(str::to_owned);
    }
    if !turn.is_empty() || role == TrustRole::ToolResult {
        draft.turn(turn);
    }
}

/// A call, whole: its function under one of its names, arguments as text or as they are.
pub(super) fn call(call: &Node<'_>) -> RawCall {
    let function = ["function", "function_call", "custom"];
    let function = function.iter().map(|name| call.get(name)).find(|node| node.is_object());
    let function = function.unwrap_or(call);
    let arguments =
        if function.has("arguments") { function.get("arguments") } else { function.get("input") };
    RawCall {
        id: call.str("id").map(str::to_owned),
        name: function.str("name").unwrap_or_default().to_owned(),
        arguments: arguments.text().map_or_else(|| json(arguments), str::to_owned),
        hosted: false,
    }
}

/// One answer of a stream being put together.
#[derive(Default)]
struct Choice {
    text: String,
    refusal: String,
    calls: BTreeMap<u64, RawCall>,
    finish: Option<String>,
}

fn answer(draft: &mut Draft<'_>, said: &Said<'_>) {
    let mut choices: BTreeMap<u64, Choice> = BTreeMap::new();
    let mut chunks = false;
    for node in said.answers() {
        let talk = &mut draft.talk;
        if let Some(model) = node.str("model").filter(|model| !model.is_empty()) {
            talk.model_answered = Some(word(model));
        }
        if let Some(id) = node.str("id").filter(|id| !id.is_empty()) {
            talk.response_id = Some(word(id));
        }
        if let Some(usage) = usage(node) {
            talk.usage = Some(usage);
        }
        for choice in node.get("choices").items() {
            let finish = choice.str("finish_reason");
            if choice.get("message").is_object() {
                turn(draft, choice.get("message"), true);
                draft.finished(finish);
                mark_filtered(draft, finish);
                continue;
            }
            chunks = true;
            let index = choice.count("index").unwrap_or(0);
            if choices.len() < CHOICES_MAX || choices.contains_key(&index) {
                let known = choices.entry(index).or_default();
                delta(known, choice.get("delta"));
                known.finish = finish.map(str::to_owned).or(known.finish.take());
            }
        }
    }
    draft.talk.broken_off =
        chunks && !said.done && choices.values().all(|choice| choice.finish.is_none());
    for choice in choices.into_values() {
        let mut turn = RawTurn::new(TrustRole::Assistant, true);
        turn.refused = !choice.refusal.is_empty();
        turn.say(&choice.text);
        turn.say(&choice.refusal);
        turn.calls = choice.calls.into_values().collect();
        if !turn.is_empty() {
            draft.turn(turn);
        }
        draft.finished(choice.finish.as_deref());
        mark_filtered(draft, choice.finish.as_deref());
    }
}

/// An answer that was stopped by the provider's own filter is a refusal.
fn mark_filtered(draft: &mut Draft<'_>, finish: Option<&str>) {
    if finish == Some("content_filter")
        && let Some(turn) = draft.turns.last_mut().filter(|turn| turn.answered)
    {
        turn.refused = true;
    }
}

fn delta(choice: &mut Choice, delta: &Node<'_>) {
    choice.text.push_str(delta.str("content").unwrap_or_default());
    choice.refusal.push_str(delta.str("refusal").unwrap_or_default());
    let old = delta.find("function_call").filter(|call| call.is_object());
    for (at, piece) in delta.get("tool_calls").items().iter().chain(old).enumerate() {
        let index = piece.count("index").unwrap_or(at as u64);
        if choice.calls.len() >= CALLS_MAX && !choice.calls.contains_key(&index) {
            continue;
        }
        let known = choice.calls.entry(index).or_default();
        let function =
            if piece.get("function").is_object() { piece.get("function") } else { piece };
        if let Some(id) = piece.str("id").filter(|id| !id.is_empty()) {
            known.id = Some(id.to_owned());
        }
        known.name.push_str(function.str("name").unwrap_or_default());
        let arguments = function.get("arguments");
        match arguments.text() {
            Some(text) => known.arguments.push_str(text),
            None if arguments.is_object() => known.arguments = json(arguments),
            None => {}
        }
    }
}

/// Tokens, by either of OpenAI's two sets of names.
pub(super) fn usage(node: &Node<'_>) -> Option<Usage> {
    let usage = node.find("usage").filter(|usage| usage.is_object())?;
    let of = |names: [&str; 2]| names.iter().find_map(|name| usage.count(name));
    let input = of(["prompt_tokens", "input_tokens"]);
    let output = of(["completion_tokens", "output_tokens"]);
    (input.is_some() || output.is_some()).then(|| {
        let detail = |of: &str, tokens: &str, name: &str| {
            let both = [usage.get(of), usage.get(tokens)];
            both.iter().find_map(|details| details.count(name)).unwrap_or(0)
        };
        Usage {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            cached: detail("prompt_tokens_details", "input_tokens_details", "cached_tokens"),
            reasoning: detail(
                "completion_tokens_details",
                "output_tokens_details",
                "reasoning_tokens",
            ),
            ..Usage::default()
        }
    })
}
