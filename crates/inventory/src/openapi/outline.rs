//! JSON Schemas from what was learned of fields.

use crate::knowledge::class::Class;
use crate::knowledge::field::Field;
use crate::knowledge::schema::Schema;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use stilt_model::SecretKind;

/// Messages from which on a field that all of them had is called required.
const REQUIRED_MIN: u64 = 5;

/// One place of a body: the values seen there, and what lies below.
#[derive(Default)]
struct Node<'a> {
    field: Option<&'a Field>,
    keys: BTreeMap<&'a str, Node<'a>>,
    /// Elements, where it is an array.
    items: Option<Box<Node<'a>>>,
    /// Values of keys that vary.
    any: Option<Box<Node<'a>>>,
}

impl<'a> Node<'a> {
    /// The place of a path below this one, made where it is not there.
    fn at(&mut self, path: &'a str) -> &mut Self {
        let mut node = self;
        for key in path.split('.') {
            let name = key.trim_end_matches("[]");
            if name == "*" {
                node = node.any.get_or_insert_with(Box::default);
            } else if !name.is_empty() {
                node = node.keys.entry(name).or_default();
            }
            for _ in 0..key.len().saturating_sub(name.len()) / 2 {
                node = node.items.get_or_insert_with(Box::default);
            }
        }
        node
    }

    /// Messages that had something here.
    fn messages(&self) -> u64 {
        let own = self.field.map_or(0, |field| field.messages);
        let below = self.keys.values().chain(self.items.as_deref()).chain(self.any.as_deref());
        below.map(Self::messages).max().unwrap_or(0).max(own)
    }

    fn schema(&self, examples: bool) -> Value {
        let mut types: Vec<&str> = Vec::new();
        let mut schema = Map::new();
        if let Some(field) = self.field {
            types = scalars(field);
            describe(field, &types, examples, &mut schema);
        }
        if self.items.is_some() {
            types.push("array");
        }
        if !self.keys.is_empty() || self.any.is_some() {
            types.push("object");
        }
        if let Some(items) = &self.items {
            schema.insert("items".to_owned(), items.schema(examples));
        }
        if !self.keys.is_empty() {
            let of = |(key, node): (&&str, &Node<'_>)| ((*key).to_owned(), node.schema(examples));
            schema.insert("properties".to_owned(), self.keys.iter().map(of).collect());
        }
        if let Some(any) = &self.any {
            schema.insert("additionalProperties".to_owned(), any.schema(examples));
        }
        match types.as_slice() {
            [] => {}
            [one] => {
                schema.insert("type".to_owned(), json!(one));
            }
            many => {
                schema.insert("type".to_owned(), json!(many));
            }
        }
        Value::Object(schema)
    }

    /// Adds `required` to objects that are no elements of arrays: of those it is not known how many
    /// there were.
    fn require(&self, messages: u64, schema: &mut Value) {
        if messages < REQUIRED_MIN {
            return;
        }
        let required: Vec<&str> = self
            .keys
            .iter()
            .filter(|(_, node)| node.messages() >= messages)
            .map(|(key, _)| *key)
            .collect();
        for (key, node) in &self.keys {
            if let Some(below) = schema.get_mut("properties").and_then(|all| all.get_mut(*key)) {
                node.require(node.messages(), below);
            }
        }
        if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
            schema.insert("required".to_owned(), json!(required));
        }
    }
}

/// The schema of a body.
pub(crate) fn body(schema: &Schema, examples: bool) -> Value {
    let mut root = Node::default();
    for (path, field) in &schema.fields {
        root.at(path).field = Some(field);
    }
    let mut out = root.schema(examples);
    if let Some(field) = schema.fields.values().find(|field| schema.always(field)) {
        // Every message had it, so that its count is that of the messages.
        root.require(field.messages, &mut out);
    }
    if schema.open
        && let Some(object) = out.as_object_mut()
    {
        object.entry("additionalProperties").or_insert(Value::Bool(true));
    }
    out
}

/// The schema of a parameter.
pub(super) fn parameter(field: &Field, examples: bool) -> Value {
    let mut schema = Map::new();
    let types = match field.class() {
        Some(Class::Integer) if field.numbers == 0 && field.bools == 0 => vec!["integer"],
        Some(Class::Decimal) => vec!["number"],
        Some(Class::Truth) => vec!["boolean"],
        None if field.text_count() == 0 && field.integers > 0 && field.numbers == 0 => {
            vec!["integer"]
        }
        None if field.text_count() == 0 && field.integers + field.numbers > 0 => vec!["number"],
        None if field.text_count() == 0 && field.bools > 0 => vec!["boolean"],
        _ => vec!["string"],
    };
    describe(field, &types, examples, &mut schema);
    if let [one] = types.as_slice() {
        schema.insert("type".to_owned(), json!(one));
    }
    Value::Object(schema)
}

fn scalars(field: &Field) -> Vec<&'static str> {
    // Of these it is not known whether they were written as text.
    let maybe_number = |kind: SecretKind| {
        use SecretKind::{Card, Code, NationalId, Phone, Secret, User};
        matches!(kind, Card | Code | NationalId | Phone | Secret | User)
    };
    let open = field.secrets().any(maybe_number);
    [
        (field.bools > 0, "boolean"),
        (field.integers > 0 && field.numbers == 0 || open, "integer"),
        (field.numbers > 0, "number"),
        (field.text_count() > 0, "string"),
        (field.nulls > 0, "null"),
    ]
    .into_iter()
    .filter_map(|(is, name)| is.then_some(name))
    .collect()
}

/// Format, enumeration, range, and what is masked.
fn describe(field: &Field, types: &[&str], examples: bool, schema: &mut Map<String, Value>) {
    let text = types.contains(&"string");
    let format = field.class().filter(|_| text && field.texts_of(Class::Empty) == 0);
    let format = match format {
        Some(Class::Uuid) => Some("uuid"),
        Some(Class::Date) => Some("date"),
        Some(Class::DateTime) => Some("date-time"),
        Some(Class::Url) => Some("uri"),
        _ => None,
    };
    if let Some(format) = format {
        schema.insert("format".to_owned(), json!(format));
    }
    let masked: Vec<&str> = field.secrets().map(SecretKind::name).collect();
    if !masked.is_empty() {
        schema.insert("x-stilt-masked".to_owned(), json!(masked));
    }
    if let Some(values) = field.enumeration() {
        let mut values: Vec<Value> = values.into_iter().map(|value| json!(value)).collect();
        if field.nulls > 0 {
            values.push(Value::Null);
        }
        if field.bools == 0 {
            schema.insert("enum".to_owned(), Value::Array(values));
        }
    } else if examples && let Some(example) = field.example() {
        let example = match example.parse::<i64>() {
            Ok(number) if !text => json!(number),
            _ => json!(example),
        };
        schema.insert("examples".to_owned(), json!([example]));
    }
    if let Some((least, greatest)) = field.range {
        schema.insert("x-stilt-range".to_owned(), json!([number(least), number(greatest)]));
    }
}

/// A whole number is written as one.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it is in the range where all are exact")]
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}
