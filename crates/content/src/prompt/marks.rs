//! Signs in the raw text that belong to prompts or hide text: chat-template tokens, tags, invisible
//! places of a page, dialogues that never were.

use super::acts::{Act, Tally};
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

const MARKS: &[(Act, &[&str])] = &[
    (
        Act::ChatToken,
        &[
            "<|",
            "[inst]",
            "[/inst]",
            "<<sys>>",
            "<</sys>>",
            "<start_of_turn>",
            "<end_of_turn>",
            "### instruction",
            "### response:",
            "### system",
            "\\n\\nhuman:",
            "\n\nhuman:",
            "\n\nassistant:",
            "<function_calls>",
            "</function_results>",
            "<tool_call>",
            "</tool_response>",
            "</tool_result>",
        ],
    ),
    (
        Act::PromptTag,
        &[
            "<system>",
            "</system>",
            "[system]",
            "[system",
            "</user",
            "<admin",
            "system:",
            "<important",
            "<information>",
            "<instruction",
            "</instruction",
            "</context>",
            "</document>",
            "</data>",
            "</email>",
            "</result>",
            "</results>",
            "</output>",
            "</page>",
            "</search_results>",
            "<tool_result>",
            "<task>",
            "<user>",
            "[user]",
            "[new ",
            "end of email",
            "end of page",
            "end of results",
            "end of document",
            "end of tool",
            "\"role\": \"system",
            "\"role\":\"system",
            "'role': 'system",
            "[end of",
            "system prompt:",
            "system message",
            "system note",
            "system override",
            "system update",
            "assistant:",
            "[admin",
            "note to ai",
            "note to the ai",
            "ai instruction",
            "instructions for ai",
            "instruction for the",
        ],
    ),
    (
        Act::HiddenPlace,
        &[
            "<!--",
            "display:none",
            "display: none",
            "visibility:hidden",
            "visibility: hidden",
            "font-size:0",
            "font-size: 0",
            "color:white",
            "color: white",
            "color:#fff",
            "color: #fff",
            "opacity:0",
            "opacity: 0",
            "[//]: #",
        ],
    ),
    (Act::Dialogue, &["\nuser:", "\nhuman:", "\nq:", "\nassistant:", "\na:", "\nbot:"]),
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let all = MARKS.iter().flat_map(|(_, marks)| marks.iter());
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(all)
        .ok()
});

static OF: LazyLock<Vec<Act>> =
    LazyLock::new(|| MARKS.iter().flat_map(|(act, marks)| marks.iter().map(|_| *act)).collect());

/// Counts the marks of `text`.
pub(super) fn marks(text: &str, tally: &mut Tally) {
    let Some(finder) = FINDER.as_ref() else { return };
    for found in finder.find_iter(text) {
        if let Some(act) = OF.get(found.pattern().as_usize()) {
            tally.add(*act);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_any_case() {
        let mut tally = Tally::default();
        marks("a <|IM_START|>system\nUser: hi <!-- x -->", &mut tally);
        assert_eq!(tally.of(Act::ChatToken), 1);
        assert_eq!(tally.of(Act::Dialogue), 1);
        assert_eq!(tally.of(Act::HiddenPlace), 1);
    }

    #[test]
    fn the_finder_can_be_built() {
        assert!(FINDER.is_some());
    }
}
