//! JSON Schema of the configuration, read off the effective defaults, so that it cannot fall
//! behind them.

use super::Config;
use serde_json::{Map, Value, json};

/// Keys whose entries the user names.
const MAPS: &[&str] = &["services.names", "detections", "assets.services"];

/// The schema (draft 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut shown = Config::default();
    // What has no value by default still has a type.
    shown.privacy.key_file = Some("key".into());
    shown.sandbox.user = Some("nobody".into());
    shown.metrics.listen = Some("9464".into());
    (shown.evidence.folder, shown.evidence.size_max) = (Some("evidence".into()), Some(1 << 30));
    shown.evidence.keep_secs = Some(86_400);
    shown.ai.prices = Some("prices.toml".into());
    shown.assets.file = Some("assets.csv".into());
    let defaults = serde_json::to_value(&shown).unwrap_or_default();
    let mut schema = of(&defaults, "");
    if let Value::Object(root) = &mut schema {
        root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".into(), json!("Stilt configuration"));
        if let Some(privacy) = root
            .get_mut("properties")
            .and_then(|properties| properties.get_mut("privacy"))
            .and_then(|privacy| privacy.get_mut("properties"))
            .and_then(Value::as_object_mut)
        {
            privacy.insert(
                "identities".into(),
                json!({"enum": ["clear", "pseudonym"], "default": "clear"}),
            );
            privacy.insert("key_file".into(), json!({"type": "string"}));
        }
        // What is shown of them is no default.
        for (section, key) in [
            ("sandbox", "user"),
            ("metrics", "listen"),
            ("ai", "prices"),
            ("assets", "file"),
            ("evidence", "folder"),
            ("evidence", "size_max"),
            ("evidence", "keep_secs"),
        ] {
            if let Some(schema) = schema_of(root, section, key).and_then(Value::as_object_mut) {
                schema.remove("default");
            }
        }
    }
    schema
}

/// The schema of one key.
fn schema_of<'a>(
    root: &'a mut Map<String, Value>,
    section: &str,
    key: &str,
) -> Option<&'a mut Value> {
    root.get_mut("properties")?.get_mut(section)?.get_mut("properties")?.get_mut(key)
}

fn of(value: &Value, path: &str) -> Value {
    let typed = |name: &str| json!({"type": name, "default": value});
    match value {
        Value::Null => json!({}),
        Value::Bool(_) => typed("boolean"),
        Value::Number(number) if number.is_f64() => typed("number"),
        Value::Number(_) => json!({"type": "integer", "minimum": 0, "default": value}),
        Value::String(_) => typed("string"),
        Value::Array(_) if path == "ai.budgets" => {
            let budget = serde_json::to_value(stilt_detect::Budget::default()).unwrap_or_default();
            json!({"type": "array", "items": of(&budget, "")})
        }
        Value::Array(_) if path == "identity.keys" => {
            json!({"type": "array", "items": identity_key()})
        }
        Value::Array(_) if path == "suppress" => json!({"type": "array", "items": suppress()}),
        Value::Array(items) => {
            let items = items.first().map_or_else(
                || json!({"type": "string"}),
                |item| {
                    let mut item = of(item, "");
                    item.as_object_mut().and_then(|item| item.remove("default"));
                    item
                },
            );
            json!({"type": "array", "items": items, "default": value})
        }
        Value::Object(fields) => object(fields, path),
    }
}

fn object(fields: &Map<String, Value>, path: &str) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            (key.clone(), of(value, &path))
        })
        .collect();
    let others = match path {
        "services.names" => json!({"type": "string"}),
        _ if MAPS.contains(&path) => json!({"type": "object"}),
        _ => json!(false),
    };
    json!({"type": "object", "properties": properties, "additionalProperties": others})
}

fn identity_key() -> Value {
    let text = || json!({"type": "string"});
    let place = "^(header|cookie|query|claim|body):.+";
    json!({
        "type": "object",
        "properties": {
            "names": {"enum": ["user", "role", "tenant", "agent"]},
            "at": {"type": "string", "pattern": place},
            "of": {"enum": ["request", "response"], "default": "request"},
            "service": text(), "pattern": text()
        },
        "required": ["names", "at"],
        "additionalProperties": false
    })
}

fn suppress() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "rule": text(), "actor": text(), "user": text(), "source": text(), "service": text(),
            "endpoint": text(), "reason": text(), "expires": {}
        },
        "required": ["reason"],
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_of_the_defaults_is_described_and_nothing_else_is_allowed() {
        let schema = schema();
        let defaults = serde_json::to_value(Config::default()).unwrap();
        for section in defaults.as_object().unwrap().keys() {
            assert!(schema["properties"].get(section).is_some(), "{section}");
        }
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["identity"]["additionalProperties"], false);
        assert_eq!(
            schema["properties"]["identity"]["properties"]["session_idle_secs"]["type"],
            "integer"
        );
        assert_eq!(
            schema["properties"]["services"]["properties"]["names"]["additionalProperties"]["type"],
            "string"
        );
    }
}
