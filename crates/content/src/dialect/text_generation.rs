//! Text generation inference (`inputs` → `generated_text`) and llama.cpp's own completion.

use super::draft::{Draft, RawTurn, word};
use super::{Said, Spec};
use crate::tree::Node;
use stilt_model::talk::{Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

fn generated(node: &Node<'_>) -> bool {
    node.has("generated_text") || node.get("token").has("text")
}

fn continued(node: &Node<'_>) -> bool {
    node.has("content") && (node.has("tokens_predicted") || node.bool("stop").is_some())
}

fn speaks(said: &Said<'_>) -> bool {
    let ask = said.ask();
    let tgi = ask.get("inputs").text().is_some() && said.answers().any(generated);
    let llama = ask.get("prompt").text().is_some() && said.answers().any(continued);
    tgi || llama
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let ask = said.ask();
    let mut draft = Draft::new(Dialect::TextGeneration, Operation::TextCompletion);
    draft.reckon = true;
    let prompt = ask.str("inputs").or_else(|| ask.str("prompt")).unwrap_or_default();
    draft.text(TrustRole::User, false, prompt);
    let parameters = ask.get("parameters");
    draft.talk.model_asked = ask.str("model").map(word);
    draft.talk.knobs.max_tokens =
        parameters.count("max_new_tokens").or_else(|| ask.count("n_predict"));
    draft.talk.knobs.temperature =
        parameters.number("temperature").or_else(|| ask.number("temperature"));
    let (mut pieces, mut whole, mut ended) = (String::new(), None, false);
    for node in said.answers() {
        draft.talk.model_answered =
            node.str("model").map(word).or(draft.talk.model_answered.take());
        let piece = node.get("token").str("text").or_else(|| node.str("content"));
        pieces.push_str(piece.unwrap_or_default());
        whole = node.str("generated_text").or(whole);
        let details = node.get("details");
        draft.finished(details.str("finish_reason").or_else(|| node.str("stop_type")));
        ended |= node.bool("stop") == Some(true) || node.has("generated_text");
        let output = details.count("generated_tokens").or_else(|| node.count("tokens_predicted"));
        let prefill = details.get("prefill").items().len() as u64;
        let input = node.count("tokens_evaluated").or((prefill > 0).then_some(prefill));
        if let (Some(input), Some(output)) = (input, output) {
            draft.talk.usage = Some(Usage { input, output, ..Usage::default() });
        }
    }
    draft.talk.broken_off = said.streamed() && !ended;
    let mut turn = RawTurn::new(TrustRole::Assistant, true);
    turn.say(whole.unwrap_or(&pieces));
    if !turn.is_empty() {
        draft.turn(turn);
    }
    draft
}
