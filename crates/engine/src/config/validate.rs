//! Values that are well-formed but make no sense.

use super::Config;
use super::load::Wrong;
use serde_json::Value;

/// The first thing that is wrong, in the order of the keys.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let whole = serde_json::to_value(config).unwrap_or_default();
    positive(&whole, &mut Vec::new())?;
    if config.identity.session_max_secs < config.identity.session_idle_secs {
        return Err(wrong(
            &["identity", "session_max_secs"],
            "must not be less than `identity.session_idle_secs`",
        ));
    }
    let capture = |key: &str, text: String| wrong(&["capture", key], &text);
    crate::networks::Networks::parse(&config.capture.shed_last)
        .map_err(|text| capture("shed_last", text))?;
    for listen in &config.capture.listen {
        stilt_capture::source::live::parse_listener(listen)
            .map_err(|text| capture("listen", text))?;
    }
    config.identity.check().map_err(|(own, text)| {
        let mut key = vec!["identity".to_owned()];
        key.extend(own);
        let said: Vec<&str> =
            key.iter().map(String::as_str).filter(|part| !is_number(part)).collect();
        let message = format!("`{}`: {text}", said.join("."));
        Wrong { key, message }
    })?;
    if let Err(error) = stilt_detect::Detectors::new(&config.detections, &[], &[]) {
        let mut key = vec!["detections".to_owned()];
        if let stilt_detect::Unknown::Settings(error) = &error {
            key.push(error.id.clone());
            key.extend(error.key.clone());
        }
        return Err(Wrong { key, message: error.to_string() });
    }
    evidence(config)?;
    for (at, budget) in config.ai.budgets.iter().enumerate() {
        if budget.usd_per_day <= 0.0 && budget.tokens_per_day == 0 {
            return Err(Wrong {
                key: vec!["ai".to_owned(), "budgets".to_owned(), at.to_string()],
                message: "`ai.budgets`: needs `usd_per_day` or `tokens_per_day`".to_owned(),
            });
        }
    }
    if let Some(Err(text)) = config.metrics.listen.as_deref().map(crate::metrics::parse) {
        return Err(wrong(&["metrics", "listen"], &format!(": {text}")));
    }
    if let Some(Err(text)) = config.sandbox.user.as_deref().map(crate::guard::Account::find) {
        return Err(wrong(&["sandbox", "user"], &format!(": {text}")));
    }
    for (at, suppress) in config.suppress.iter().enumerate() {
        let Some(rule) = &suppress.rule else { continue };
        if !stilt_detect::DETECTORS.iter().any(|spec| stilt_alert::names_rule(rule, spec.rule.id)) {
            return Err(Wrong {
                key: vec!["suppress".to_owned(), at.to_string(), "rule".to_owned()],
                message: format!(
                    "`suppress.rule`: no detection or family `{rule}`; `stilt detections` lists them"
                ),
            });
        }
    }
    if config.observer.name.trim().is_empty() {
        return Err(wrong(&["observer", "name"], "must not be empty"));
    }
    Ok(())
}

/// Packets are kept only where it is said where, how many and for how long.
fn evidence(config: &Config) -> Result<(), Wrong> {
    let kept = &config.evidence;
    let given = [
        ("folder", kept.folder.is_some()),
        ("size_max", kept.size_max.is_some()),
        ("keep_secs", kept.keep_secs.is_some()),
    ];
    let missing = given.iter().find(|(_, given)| !given);
    if let (Some((missing, _)), Some((given, _))) = (missing, given.iter().find(|one| one.1)) {
        return Err(wrong(
            &["evidence", given],
            &format!(
                "is given without `evidence.{missing}`; packets are kept where there are \
                 `folder`, `size_max` (bytes) and `keep_secs`"
            ),
        ));
    }
    if kept.size_max.is_some_and(|size| size < EVIDENCE_MIN) {
        let text = format!("must be at least {EVIDENCE_MIN} (bytes)");
        return Err(wrong(&["evidence", "size_max"], &text));
    }
    Ok(())
}

/// Bytes below which a ring would hold next to nothing.
const EVIDENCE_MIN: u64 = 1 << 20;

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn wrong(key: &[&str], message: &str) -> Wrong {
    Wrong {
        key: key.iter().map(|key| (*key).to_owned()).collect(),
        message: format!("`{}` {message}", key.join(".")),
    }
}

/// A cap or a time-out of zero would keep or wait for nothing.
fn positive(value: &Value, path: &mut Vec<String>) -> Result<(), Wrong> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (key, value) in fields {
        path.push(key.clone());
        let counts = ["_max", "_min", "_secs"].iter().any(|end| key.ends_with(end));
        if counts && value.as_f64().is_some_and(|number| number <= 0.0) {
            let message = format!("`{}` must be at least 1", path.join("."));
            return Err(Wrong { key: path.clone(), message });
        }
        positive(value, path)?;
        path.pop();
    }
    Ok(())
}
