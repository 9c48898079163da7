//! Hides what is secret in the short words of a talk: ids, names, reasons, parameters.
//!
//! Whoever speaks chooses them, so that a key may stand in any; their texts are hidden where they
//! are made.

use super::draft::WORD_MAX;
use crate::mask::Masker;
use std::borrow::Cow;
use stilt_model::SmolStr;
use stilt_model::talk::{Mcp, Talk};

fn hide(masker: &Masker, word: &mut SmolStr) {
    if let Cow::Owned(shown) = masker.text_max(word, WORD_MAX) {
        *word = shown.into();
    }
}

/// Hides what is secret in all words of a talk.
pub(super) fn words(talk: &mut Talk, masker: &Masker) {
    let named = [
        &mut talk.model_asked,
        &mut talk.model_answered,
        &mut talk.response_id,
        &mut talk.previous,
        &mut talk.user,
        &mut talk.error,
        &mut talk.guard,
    ];
    named.into_iter().flatten().chain(&mut talk.finish).for_each(|word| hide(masker, word));
    if let Some(mcp) = &mut talk.mcp {
        of_mcp(mcp, masker);
    }
    for param in talk.tools.iter_mut().flat_map(|tool| &mut tool.params) {
        hide(masker, &mut param.name);
        param.allowed.iter_mut().for_each(|word| hide(masker, word));
    }
    for turn in &mut talk.turns {
        let ids = turn.call_id.iter_mut();
        let calls = turn.calls.iter_mut().filter_map(|call| call.id.as_mut());
        ids.chain(calls).for_each(|word| hide(masker, word));
    }
}

fn of_mcp(mcp: &mut Mcp, masker: &Masker) {
    hide(masker, &mut mcp.method);
    let told = [&mut mcp.target, &mut mcp.protocol, &mut mcp.header_method, &mut mcp.header_name];
    told.into_iter().flatten().for_each(|word| hide(masker, word));
    for named in [&mut mcp.client, &mut mcp.server].into_iter().flatten() {
        hide(masker, &mut named.name);
        hide(masker, &mut named.version);
    }
    for (header, says, body) in &mut mcp.mismatch {
        [header, says, body].into_iter().for_each(|word| hide(masker, word));
    }
    mcp.offers.iter_mut().for_each(|offer| hide(masker, &mut offer.name));
    for ask in &mut mcp.asks {
        hide(masker, &mut ask.method);
        ask.id.iter_mut().for_each(|word| hide(masker, word));
    }
    if let Some((id, how)) = &mut mcp.reply {
        hide(masker, id);
        hide(masker, how);
    }
}
