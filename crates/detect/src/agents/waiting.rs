//! Whether an answer says that what was asked about is still under way.

/// Bytes of an answer that is read.
const READ_MAX: usize = 4_096;
/// Words of an answer in prose: what is longer reports more than a state.
const WORDS_MAX: usize = 16;

/// States of work that is not done yet.
const STATES: &[&str] = &[
    "running",
    "pending",
    "queued",
    "in progress",
    "inprogress",
    "progressing",
    "processing",
    "waiting",
    "scheduled",
    "starting",
    "building",
    "deploying",
    "provisioning",
    "creating",
    "updating",
    "not ready",
    "not yet",
];
/// Words that make a state of one in prose.
const STILL: &[&str] = &["still", "is", "currently", "noch", "encore"];

/// Whether a result says so: a field or line that is nothing but such a state, or a short sentence.
pub(super) fn under_way(text: &str) -> bool {
    let end = (0..=READ_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let text = text.get(..end.unwrap_or(0)).unwrap_or_default().to_lowercase();
    let text = text.replace(['_', '-'], " ");
    let mut fields =
        text.split(['"', '{', '}', '[', ']', ',', ';', ':', '=', '|', '\n', '.', '<', '>']);
    if fields.any(|field| STATES.contains(&field.trim())) {
        return true;
    }
    let words: Vec<&str> = text.split_whitespace().take(WORDS_MAX.saturating_add(1)).collect();
    if words.len() > WORDS_MAX {
        return false;
    }
    let sentence = words.join(" ");
    let said = |state: &&&str| {
        STILL.iter().any(|still| sentence.contains(&format!("{still} {state}")))
            || state.contains(' ') && sentence.contains(**state)
    };
    STATES.iter().any(|state| said(&state))
}

#[cfg(test)]
mod tests {
    use super::under_way;

    #[test]
    fn a_state_is_told_from_a_report() {
        for text in [
            r#"{"run_id":"R1","state":"running"}"#,
            r#"{"status":"IN_PROGRESS","pct":40}"#,
            "status: queued",
            "Run 7 is still running",
            "pending",
            "The export is not ready.",
        ] {
            assert!(under_way(text), "{text}");
        }
        for text in [
            "",
            "nothing found",
            "Running 3 tests ... FAILED test_total: expected 3 got 4",
            r#"{"state":"passed"}"#,
            r#"{"note":"keep it running on Monday"}"#,
            "ok, 0 problems",
        ] {
            assert!(!under_way(text), "{text}");
        }
    }
}
