//! OpenAI responses: items in, items out, and a server that may keep the history.

use super::draft::{Draft, RawCall, RawTurn, json, word};
use super::openai_chat::{common, content, role, tools, usage};
use super::{Said, Spec};
use crate::tree::Node;
use std::collections::BTreeMap;
use stilt_model::talk::Operation;
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Items put together of one stream.
const ITEMS_MAX: usize = 256;

fn speaks(said: &Said<'_>) -> bool {
    let ask = said.ask();
    let first = said.first_answer();
    let answered = first.str("object") == Some("response")
        || first.get("response").str("object") == Some("response");
    let item = |item: &Node<'_>| item.has("role") || item.has("call_id") || item.has("type");
    let items = ask.get("input").items().first().is_some_and(item);
    let named = ask.has("previous_response_id") || ask.has("instructions") || items;
    answered || (ask.has("model") && ask.has("input") && (named || said.ends("/responses")))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::OpenAiResponses, Operation::Chat);
    draft.reckon = true;
    common(&mut draft, said);
    let conversation = ask.get("conversation");
    let conversation = conversation.text().or_else(|| conversation.str("id"));
    let previous = ask.str("previous_response_id");
    draft.talk.previous = previous.or(conversation).map(word);
    draft.text(TrustRole::System, false, ask.str("instructions").unwrap_or_default());
    for item in ask.get("input").each() {
        self::item(&mut draft, item, false);
    }
    tools(&mut draft, ask);
    answer(&mut draft, said);
    draft
}

/// One item: a message, a call, the answer to one, or both of a tool that the provider runs.
fn item(draft: &mut Draft<'_>, item: &Node<'_>, answered: bool) {
    if let Node::Text(text) = item {
        return draft.text(TrustRole::User, answered, text);
    }
    let kind = item.str("type").unwrap_or("message");
    match kind {
        "message" => {
            let mut turn = RawTurn::new(role(item.str("role").unwrap_or("user")), answered);
            content(&mut turn, item.get("content"));
            if !turn.is_empty() {
                draft.turn(turn);
            }
        }
        "function_call_output"
        | "custom_tool_call_output"
        | "local_shell_call_output"
        | "computer_call_output" => {
            let mut turn = RawTurn::new(TrustRole::ToolResult, answered);
            content(&mut turn, item.get("output"));
            turn.call_id = item.str("call_id").map(str::to_owned);
            turn.failed = item.str("status") == Some("failed");
            draft.turn(turn);
        }
        "reasoning" | "item_reference" | "mcp_list_tools" => {}
        _ if kind.ends_with("_call") => called(draft, item, kind, answered),
        _ => {
            let mut turn = RawTurn::new(TrustRole::User, answered);
            content(&mut turn, item.get("content"));
            if !turn.is_empty() {
                draft.turn(turn);
            }
        }
    }
}

fn called(draft: &mut Draft<'_>, item: &Node<'_>, kind: &str, answered: bool) {
    let own = matches!(kind, "function_call" | "custom_tool_call");
    let arguments = ["arguments", "input", "action", "queries"];
    let arguments = arguments.iter().map(|name| item.get(name)).find(|node| **node != Node::Null);
    let id = item.str("call_id").or_else(|| item.str("id")).map(str::to_owned);
    let call = RawCall {
        id: id.clone(),
        name: item.str("name").unwrap_or(kind.trim_end_matches("_call")).to_owned(),
        arguments: arguments
            .map(|node| node.text().map_or_else(|| json(node), str::to_owned))
            .unwrap_or_default(),
        hosted: !own,
    };
    let mut turn = RawTurn::new(TrustRole::Assistant, answered);
    turn.calls.push(call);
    draft.turn(turn);
    let results = item.get("results");
    if item.has("output") || results.is_list() {
        let mut turn = RawTurn::new(TrustRole::ToolResult, answered);
        content(&mut turn, if item.has("output") { item.get("output") } else { results });
        turn.call_id = id;
        turn.failed = item.has("error");
        draft.turn(turn);
    }
}

fn answer(draft: &mut Draft<'_>, said: &Said<'_>) {
    // The last whole response says it all; without it, the items that were finished, and pieces.
    let whole = said.answers().rev_response();
    if let Some(response) = whole {
        head(draft, response);
        let status = response.str("status");
        for one in response.get("output").items() {
            item(draft, one, true);
        }
        draft.finished(status);
        return;
    }
    let mut done: BTreeMap<u64, &Node<'_>> = BTreeMap::new();
    let mut pieces: BTreeMap<u64, (String, Option<RawCall>)> = BTreeMap::new();
    for node in said.answers() {
        if node.get("response").is_object() {
            head(draft, node.get("response"));
        }
        let index = node.count("output_index").unwrap_or(0);
        if pieces.len() >= ITEMS_MAX && !pieces.contains_key(&index) {
            continue;
        }
        let delta = node.str("delta").unwrap_or_default();
        match node.str("type").unwrap_or_default() {
            "response.output_item.added" if node.get("item").has("name") => {
                let started = node.get("item");
                let call = RawCall {
                    id: started.str("call_id").map(str::to_owned),
                    name: started.str("name").unwrap_or_default().to_owned(),
                    ..RawCall::default()
                };
                pieces.entry(index).or_default().1 = Some(call);
            }
            "response.output_item.done" => {
                done.insert(index, node.get("item"));
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                pieces.entry(index).or_default().0.push_str(delta);
            }
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => {
                if let (_, Some(call)) = pieces.entry(index).or_default() {
                    call.arguments.push_str(delta);
                }
            }
            _ => {}
        }
    }
    draft.talk.broken_off = said.streamed();
    for (index, one) in &done {
        pieces.remove(index);
        item(draft, one, true);
    }
    for (text, call) in pieces.into_values() {
        let mut turn = RawTurn::new(TrustRole::Assistant, true);
        turn.say(&text);
        turn.calls.extend(call);
        if !turn.is_empty() {
            draft.turn(turn);
        }
    }
}

fn head(draft: &mut Draft<'_>, response: &Node<'_>) {
    let talk = &mut draft.talk;
    if let Some(model) = response.str("model") {
        talk.model_answered = Some(word(model));
    }
    if let Some(id) = response.str("id") {
        talk.response_id = Some(word(id));
    }
    talk.usage = usage(response).or(talk.usage);
    if let Some(error) = response.get("error").str("code") {
        talk.error = Some(word(error));
    }
}

/// Finds the response among what was answered.
trait Last<'n, 'a: 'n>: Iterator<Item = &'n Node<'a>> + Sized {
    /// The last that is whole: a plain answer, or what the last event of a stream brings.
    fn rev_response(self) -> Option<&'n Node<'a>> {
        self.filter_map(|node| {
            let kind = node.str("type").unwrap_or_default();
            let ended = ["response.completed", "response.incomplete", "response.failed"];
            if node.str("object") == Some("response") {
                return Some(node);
            }
            ended.contains(&kind).then(|| node.get("response"))
        })
        .last()
    }
}

impl<'n, 'a: 'n, I: Iterator<Item = &'n Node<'a>>> Last<'n, 'a> for I {}
