//! OpenAI text completions: a prompt that is gone on with.

use super::draft::{Draft, RawTurn, word};
use super::openai_chat::{common, usage};
use super::{Said, Spec};
use crate::tree::Node;
use std::collections::BTreeMap;
use stilt_model::talk::Operation;
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

fn speaks(said: &Said<'_>) -> bool {
    let texts = |node: &Node<'_>| {
        node.get("choices").items().first().is_some_and(|choice| choice.has("text"))
    };
    let asks = said.ask().has("prompt") && !said.ask().has("messages");
    asks && (said.answers().take(4).any(texts) || said.ends("/v1/completions"))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let mut draft = Draft::new(Dialect::OpenAiCompletion, Operation::TextCompletion);
    draft.reckon = true;
    common(&mut draft, said);
    for prompt in said.ask().get("prompt").each() {
        draft.text(TrustRole::User, false, prompt.text().unwrap_or_default());
    }
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for node in said.answers() {
        draft.talk.model_answered =
            node.str("model").map(word).or(draft.talk.model_answered.take());
        draft.talk.response_id = node.str("id").map(word).or(draft.talk.response_id.take());
        draft.talk.usage = usage(node).or(draft.talk.usage);
        for choice in node.get("choices").items().iter().take(32) {
            let text = texts.entry(choice.count("index").unwrap_or(0)).or_default();
            text.push_str(choice.str("text").unwrap_or_default());
            draft.finished(choice.str("finish_reason"));
        }
    }
    draft.talk.broken_off = said.streamed() && !said.done && draft.talk.finish.is_empty();
    for text in texts.into_values() {
        let mut turn = RawTurn::new(TrustRole::Assistant, true);
        turn.say(&text);
        draft.turn(turn);
    }
    draft
}
