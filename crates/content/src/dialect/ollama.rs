//! Ollama's own chat and generation: lines of JSON until one says that it is done.

use super::draft::{Draft, RawCall, RawTurn, word};
use super::openai_chat::{call, role, tools};
use super::{Said, Spec};
use crate::tree::Node;
use stilt_model::talk::{Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

fn speaks(said: &Said<'_>) -> bool {
    let (ask, first) = (said.ask(), said.first_answer());
    let answered = first.bool("done").is_some()
        && first.has("model")
        && (first.has("message") || first.has("response"));
    let unseen = said.answers().next().is_none();
    let asks = ask.has("model") && (ask.has("messages") || ask.has("prompt"));
    answered || (unseen && asks && (said.ends("/api/chat") || said.ends("/api/generate")))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let generates = ask.has("prompt") || said.first_answer().has("response");
    let operation = if generates { Operation::TextCompletion } else { Operation::Chat };
    let mut draft = Draft::new(Dialect::Ollama, operation);
    draft.reckon = true;
    draft.talk.model_asked = ask.str("model").map(word);
    draft.talk.streamed = ask.bool("stream") != Some(false);
    draft.talk.knobs.max_tokens = ask.get("options").count("num_predict");
    draft.talk.knobs.temperature = ask.get("options").number("temperature");
    draft.text(TrustRole::System, false, ask.str("system").unwrap_or_default());
    draft.text(TrustRole::User, false, ask.str("prompt").unwrap_or_default());
    for message in ask.get("messages").items() {
        let role = role(message.str("role").unwrap_or("user"));
        let mut turn = RawTurn::new(role, false);
        turn.say(message.str("content").unwrap_or_default());
        message.get("images").items().iter().for_each(|_| turn.show());
        turn.calls.extend(message.get("tool_calls").items().iter().take(64).map(call));
        turn.tool = message.str("tool_name").or_else(|| message.str("name")).map(str::to_owned);
        if !turn.is_empty() {
            draft.turn(turn);
        }
    }
    tools(&mut draft, ask);
    answer(&mut draft, said);
    draft
}

fn answer(draft: &mut Draft<'_>, said: &Said<'_>) {
    let mut turn = RawTurn::new(TrustRole::Assistant, true);
    let (mut begun, mut done) = (false, false);
    let mut calls: Vec<RawCall> = Vec::new();
    for node in said.answers() {
        begun = true;
        draft.talk.model_answered =
            node.str("model").map(word).or(draft.talk.model_answered.take());
        let message = node.get("message");
        let text = message.str("content").or_else(|| node.str("response"));
        turn.text.push_str(text.unwrap_or_default());
        calls.extend(message.get("tool_calls").items().iter().take(64).map(call));
        if node.bool("done") == Some(true) {
            done = true;
            draft.finished(node.str("done_reason"));
            draft.talk.usage = usage(node);
        }
        if let Some(error) = node.str("error") {
            draft.talk.error = Some(word(error));
        }
    }
    calls.truncate(128);
    turn.calls = calls;
    draft.talk.broken_off = begun && !done && draft.talk.error.is_none();
    if !turn.is_empty() {
        draft.turn(turn);
    }
}

fn usage(node: &Node<'_>) -> Option<Usage> {
    let output = node.count("eval_count")?;
    Some(Usage { input: node.count("prompt_eval_count").unwrap_or(0), output, ..Usage::default() })
}
