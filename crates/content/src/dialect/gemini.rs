//! Gemini `generateContent` and `streamGenerateContent`, from Google's API and Vertex AI.

use super::draft::{Draft, RawCall, RawTool, RawTurn, json, word};
use super::{Said, Spec};
use crate::tree::Node;
use std::collections::BTreeMap;
use stilt_model::talk::{Hints, Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

fn speaks(said: &Said<'_>) -> bool {
    let asks = said.ask().get("contents").each().first().is_some_and(|one| one.has("parts"));
    let first = said.first_answer();
    let answered = first.get("candidates").is_list() && first.has("usageMetadata");
    asks || answered
}

/// A member by its name in either case.
fn either<'n, 'a>(node: &'n Node<'a>, camel: &str, snake: &str) -> &'n Node<'a> {
    if node.has(camel) { node.get(camel) } else { node.get(snake) }
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::Gemini, Operation::Chat);
    draft.reckon = true;
    let (path, stream) = (said.path, said.path.contains(":streamGenerateContent"));
    let model = path.rsplit("/models/").next().filter(|_| path.contains("/models/"));
    let settings = either(ask, "generationConfig", "generation_config");
    let talk = &mut draft.talk;
    talk.model_asked = model.and_then(|rest| rest.split([':', '/']).next()).map(word);
    talk.streamed = stream;
    talk.knobs.max_tokens = settings.count("maxOutputTokens");
    talk.knobs.temperature = settings.number("temperature");
    talk.knobs.choices = settings.count("candidateCount").and_then(|n| u32::try_from(n).ok());
    talk.knobs.logprobs = settings.bool("responseLogprobs") == Some(true);
    talk.error = said.first_answer().get("error").str("status").map(word);
    let mut system = RawTurn::new(TrustRole::System, false);
    for part in either(ask, "systemInstruction", "system_instruction").get("parts").each() {
        system.say(part.str("text").unwrap_or_default());
    }
    if !system.is_empty() {
        draft.turn(system);
    }
    for content in ask.get("contents").each() {
        let role = match content.str("role") {
            Some("model") => TrustRole::Assistant,
            Some("function" | "tool") => TrustRole::ToolResult,
            _ => TrustRole::User,
        };
        parts(&mut draft, role, content.get("parts").each().iter(), false);
    }
    for group in ask.get("tools").each() {
        tools(&mut draft, group);
    }
    answer(&mut draft, said);
    draft
}

fn tools<'a>(draft: &mut Draft<'a>, group: &'a Node<'a>) {
    let declared = either(group, "functionDeclarations", "function_declarations");
    for tool in declared.items() {
        let schema = ["parameters", "parametersJsonSchema", "parameters_json_schema"];
        let schema = schema.iter().map(|name| tool.get(name)).find(|node| node.is_object());
        draft.tool(RawTool {
            name: tool.str("name").unwrap_or_default(),
            description: tool.str("description").unwrap_or_default(),
            schema: schema.unwrap_or(tool.get("parameters")),
            whole: tool,
            hints: Hints::default(),
            hosted: false,
        });
    }
    for (name, whole) in group.members() {
        if !name.to_ascii_lowercase().starts_with("function") {
            draft.tool(RawTool {
                name,
                description: "",
                schema: whole,
                whole,
                hints: Hints::default(),
                hosted: true,
            });
        }
    }
}

fn parts<'n, 'a: 'n>(
    draft: &mut Draft<'_>,
    role: TrustRole,
    parts: impl Iterator<Item = &'n Node<'a>>,
    answered: bool,
) {
    let mut own = RawTurn::new(role, answered);
    for part in parts {
        let call = either(part, "functionCall", "function_call");
        let result = either(part, "functionResponse", "function_response");
        if call.is_object() {
            own.calls.push(RawCall {
                id: call.str("id").map(str::to_owned),
                name: call.str("name").unwrap_or_default().to_owned(),
                arguments: json(call.get("args")),
                hosted: false,
            });
        } else if result.is_object() {
            let mut turn = RawTurn::new(TrustRole::ToolResult, answered);
            turn.tool = result.str("name").map(str::to_owned);
            turn.call_id = result.str("id").map(str::to_owned);
            given(&mut turn, result.get("response"));
            turn.failed = result.get("response").has("error");
            draft.turn(turn);
        } else if part.bool("thought") == Some(true) {
            // What the model thinks is not said to anybody.
        } else if let Some(text) = part.str("text") {
            // Pieces of a stream follow one another without a break.
            own.text.push_str(text);
        } else {
            own.show();
        }
    }
    if !own.is_empty() {
        draft.turn(own);
    }
}

/// What a tool gave: the text, where it is no more than one, else its JSON, so that what were
/// fields of their own stay told from what stands in a text.
pub(super) fn given(turn: &mut RawTurn, node: &Node<'_>) {
    match only_text(node, 0) {
        Some(text) => turn.say(text),
        None if *node == Node::Null => {}
        None => turn.say(&json(node)),
    }
}

/// The text that is all of a value.
fn only_text<'n>(node: &'n Node<'_>, depth: usize) -> Option<&'n str> {
    match node {
        Node::Text(text) => Some(text),
        Node::Number(text) => Some(text),
        Node::List(items) if depth < 16 => match items.as_slice() {
            [one] => only_text(one, depth.saturating_add(1)),
            _ => None,
        },
        Node::Object(members) if depth < 16 => match members.as_slice() {
            [(_, one)] => only_text(one, depth.saturating_add(1)),
            _ => None,
        },
        _ => None,
    }
}

fn answer<'a>(draft: &mut Draft<'a>, said: &'a Said<'a>) {
    let mut built: BTreeMap<u64, Vec<&Node<'a>>> = BTreeMap::new();
    let mut answered = false;
    for node in said.answers() {
        answered |= node.has("candidates");
        draft.talk.model_answered =
            node.str("modelVersion").map(word).or(draft.talk.model_answered.take());
        draft.talk.response_id = node.str("responseId").map(word).or(draft.talk.response_id.take());
        draft.talk.usage = usage(node.get("usageMetadata")).or(draft.talk.usage);
        draft.finished(node.get("promptFeedback").str("blockReason"));
        for candidate in node.get("candidates").items().iter().take(32) {
            let known = built.entry(candidate.count("index").unwrap_or(0)).or_default();
            known.extend(candidate.get("content").get("parts").each());
            draft.finished(candidate.str("finishReason"));
        }
    }
    draft.talk.broken_off = said.streamed() && answered && draft.talk.finish.is_empty();
    const STOPS: &[&str] = &["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"];
    let refused = draft.talk.finish.iter().any(|why| STOPS.contains(&why.as_str()));
    for candidate in built.into_values() {
        parts(draft, TrustRole::Assistant, candidate.into_iter(), true);
    }
    if refused {
        let mut turn = RawTurn::new(TrustRole::Assistant, true);
        turn.refused = true;
        draft.turn(turn);
    }
}

fn usage(told: &Node<'_>) -> Option<Usage> {
    let thoughts = told.count("thoughtsTokenCount").unwrap_or(0);
    let written = told.count("candidatesTokenCount");
    let total = told.count("totalTokenCount");
    (told.is_object() && (total.is_some() || written.is_some())).then(|| Usage {
        input: told.count("promptTokenCount").unwrap_or(0),
        output: written.unwrap_or(0).saturating_add(thoughts),
        cached: told.count("cachedContentTokenCount").unwrap_or(0),
        reasoning: thoughts,
        ..Usage::default()
    })
}
