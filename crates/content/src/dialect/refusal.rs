//! Refusals of policy: an answer that says a check stopped the question, or what was answered to
//! it.
//!
//! Gateways and providers say so in different places, and under different codes; what they have in
//! common is that type, code or message speaks of it.

use super::Said;

/// Letters of a message that are read.
const MESSAGE_MAX: usize = 1024;

/// What is said where a check of what is asked or answered stops it.
const POLICY: &[&str] = &[
    "guardrail",
    "content filter",
    "contentfilter",
    "content policy",
    "contentpolicy",
    "content management policy",
    "content blocked",
    "content was blocked",
    "content is blocked",
    "prompt blocked",
    "prompt was blocked",
    "input blocked",
    "request blocked by policy",
    "blocked by policy",
    "blocked by safety",
    "policy violation",
    "violates our policy",
    "moderation",
    "responsible ai",
    "responsibleai",
    "prompt injection",
    "jailbreak",
];

/// `blocked`, or `output_blocked` where it is the answer that was held back.
pub(super) fn of(said: &Said<'_>) -> Option<&'static str> {
    if said.status < 400 {
        return None;
    }
    let whole = said.first_answer();
    let mut told = String::new();
    for node in [whole, whole.get("error"), whole.get("detail"), whole.get("detail").get("error")] {
        say(&mut told, node.text());
        for name in ["code", "type", "status", "message", "error", "reason"] {
            say(&mut told, node.str(name));
        }
        say(&mut told, node.get("innererror").str("code"));
        say(&mut told, node.get("inner_error").str("code"));
    }
    let has = |word: &&str| told.contains(*word);
    if !POLICY.iter().any(&has) {
        return None;
    }
    let of_question = ["prompt", "input", "request", "question"].iter().any(has);
    let of_answer = ["output", "response", "completion", "answer", "post call"].iter().any(has);
    Some(if of_answer && !of_question { "output_blocked" } else { "blocked" })
}

/// Adds words in lower case, joined by spaces whatever joined them.
fn say(told: &mut String, text: Option<&str>) {
    let Some(text) = text else { return };
    let plain = |char: char| if matches!(char, '_' | '-' | '.') { ' ' } else { char };
    told.extend(text.chars().take(MESSAGE_MAX).flat_map(char::to_lowercase).map(plain));
    told.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::tests::{post, refused};

    fn told(error: &str) -> Option<String> {
        let ask = r#"{"model":"m","messages":[{"role":"user","content":"Hello"}]}"#;
        let ask = post("/v1/chat/completions", ask);
        let told = refused(&ask, 400, "application/json", error.as_bytes());
        told.unwrap().guard.map(|word| word.to_string())
    }

    #[test]
    fn refusals_of_policy_are_known_in_any_shape() {
        for error in [
            r#"{"error":{"message":"Blocked by guardrail: pii","type":"None","code":"400"}}"#,
            r#"{"error":{"message":"No.","type":"content_policy_violation","code":"400"}}"#,
            r#"{"error":{"message":"Content blocked: pattern pii","type":"None","code":"400"}}"#,
            r#"{"error":{"message":"Filtered","code":null,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            r#"{"detail":{"error":"Violated moderation policy"}}"#,
            r#"{"detail":"Prompt injection detected"}"#,
        ] {
            assert_eq!(told(error).as_deref(), Some("blocked"), "{error}");
        }
        let held = r#"{"error":{"message":"Guardrail blocked the output","type":"None"}}"#;
        assert_eq!(told(held).as_deref(), Some("output_blocked"));
    }

    #[test]
    fn other_refusals_are_none() {
        for error in [
            r#"{"error":{"message":"Budget has been exceeded","type":"budget_exceeded","code":"400"}}"#,
            r#"{"error":{"message":"Your key is blocked","type":"auth_error","code":"401"}}"#,
            r#"{"error":{"message":"Your organization's policy allows no access to this model"}}"#,
            r#"{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}"#,
        ] {
            assert_eq!(told(error), None, "{error}");
        }
    }
}
