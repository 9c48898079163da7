//! OpenAI embeddings, and Ollama's.

use super::draft::{Draft, RawTurn, word};
use super::openai_chat::{common, usage};
use super::{Said, Spec};
use crate::tree::Node;
use stilt_model::talk::{Operation, Usage};
use stilt_model::{Dialect, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

fn speaks(said: &Said<'_>) -> bool {
    let (ask, first) = (said.ask(), said.first_answer());
    let listed = first.get("data").items().first();
    let answered = listed.is_some_and(|one| one.has("embedding"))
        || first.has("embeddings")
        || first.has("embedding");
    let texts = ask.has("input") || ask.has("prompt");
    ask.has("model") && texts && (answered || said.path.contains("embed"))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let (ask, first) = (said.ask(), said.first_answer());
    let mut draft = Draft::new(Dialect::OpenAiEmbeddings, Operation::Embeddings);
    draft.reckon = true;
    common(&mut draft, said);
    let mut turn = RawTurn::new(TrustRole::User, false);
    let texts = if ask.has("input") { ask.get("input") } else { ask.get("prompt") };
    for text in texts.each() {
        match text {
            Node::Text(text) => turn.say(text),
            Node::Object(_) => turn.say(text.str("text").unwrap_or_default()),
            _ => {}
        }
    }
    if !turn.is_empty() {
        draft.turn(turn);
    }
    draft.talk.model_answered = first.str("model").map(word);
    draft.talk.usage = usage(first).or_else(|| {
        let input = first.count("prompt_eval_count")?;
        Some(Usage { input, ..Usage::default() })
    });
    draft
}
