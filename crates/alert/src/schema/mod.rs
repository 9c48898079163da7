//! JSON Schemas (draft 2020-12) of the records: part of the contract.
//!
//! Objects that ECS names stay open, since fields may be added; those that are wholly ours are
//! closed, so that a slip of the pen is an error.

mod alert;
mod gen_ai;
mod parts;
mod traffic;

pub use alert::{alert, posture};
pub use traffic::{session, transaction, visibility};

use serde_json::Value;

/// Name of a schema, as `stilt schema` takes it, and what makes it.
pub type Entry = (&'static str, fn() -> Value);

/// Every record schema.
pub const SCHEMAS: &[Entry] = &[
    ("alert", alert),
    ("posture", posture),
    ("transaction", transaction),
    ("session", session),
    ("visibility", visibility),
];

/// The schema of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<Value> {
    SCHEMAS.iter().find(|(own, _)| *own == name).map(|(_, schema)| schema())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Fails where `record` breaks `schema`.
    pub(crate) fn check(schema: &Value, record: &Value) {
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(record)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{record:#}");
    }

    #[test]
    fn every_schema_is_itself_valid_and_titled() {
        for (name, schema) in SCHEMAS {
            let schema = schema();
            assert!(jsonschema::meta::is_valid(&schema), "{name}");
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            assert_eq!(by_name(name), Some(schema));
        }
        assert_eq!(by_name("other"), None);
    }
}
