//! OpenAPI 3.0 and 3.1 documents, JSON or YAML, brought to what traffic can be compared with.
//!
//! Only references inside the document are followed; nothing is ever fetched.

use super::matching::{Document, Operation};
use super::shape::{FIELDS_MAX, Shape, Types, Want};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Longest document, in bytes.
const BYTES_MAX: usize = 32 << 20;
/// References followed one after the other, and levels of a schema.
const DEPTH_MAX: usize = 16;
/// Operations of one document.
const OPERATIONS_MAX: usize = 20_000;

const METHODS: &[&str] =
    &["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// A document that can't be used.
#[derive(Debug)]
pub enum DocumentError {
    /// It is neither JSON nor YAML.
    Syntax(String),
    /// It is no OpenAPI document of a version that is understood.
    Version(String),
    /// It is too long, or describes too much.
    Size(String),
    /// It has no operation.
    Empty,
}

impl core::fmt::Display for DocumentError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Syntax(why) => write!(f, "neither JSON nor YAML: {why}"),
            Self::Version(found) => {
                write!(f, "{found}; OpenAPI 3.0 and 3.1 are understood, convert it first")
            }
            Self::Size(why) => f.write_str(why),
            Self::Empty => f.write_str("it has no operation under `paths`"),
        }
    }
}

impl core::error::Error for DocumentError {}

/// Reads a document.
pub(super) fn read(name: &str, text: &str) -> Result<Document, DocumentError> {
    if text.len() > BYTES_MAX {
        return Err(DocumentError::Size(format!("longer than {} MiB", BYTES_MAX >> 20)));
    }
    let root = parse(text)?;
    let version = root.get("openapi").and_then(Value::as_str);
    match version {
        Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => {}
        Some(version) => return Err(DocumentError::Version(format!("openapi: {version}"))),
        None if root.get("swagger").is_some() => {
            return Err(DocumentError::Version("swagger: 2.0".to_owned()));
        }
        None => return Err(DocumentError::Version("no `openapi` key".to_owned())),
    }
    let info = |key: &str| {
        let text = root.get("info").and_then(|info| info.get(key)).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let mut document = Document::new(name, info("title"), info("version"));
    for server in list(root.get("servers")) {
        document.server(server.get("x-stilt-service").and_then(Value::as_str), &url(server));
    }
    let reader = Reader { root: &root };
    let paths = root.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
        let item = reader.follow(item);
        let shared = list(item.get("parameters"));
        for method in METHODS {
            let Some(operation) = item.get(*method).map(|operation| reader.follow(operation))
            else {
                continue;
            };
            if document.operations().len() >= OPERATIONS_MAX {
                return Err(DocumentError::Size(format!("more than {OPERATIONS_MAX} operations")));
            }
            document.add(reader.operation(path, method, operation, shared));
        }
    }
    if document.operations().is_empty() {
        return Err(DocumentError::Empty);
    }
    Ok(document)
}

fn parse(text: &str) -> Result<Value, DocumentError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| DocumentError::Syntax(error.to_string()));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| DocumentError::Syntax(error.to_string()))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The URL of a server, variables filled in with their defaults.
fn url(server: &Value) -> String {
    let mut url = server.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten().take(16) {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    url
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    /// What a reference leads to; a value that is none stays. A `$ref` that leads nowhere, or out
    /// of the document, is an empty schema: it may be anything.
    fn follow(&self, value: &'a Value) -> &'a Value {
        let mut value = value;
        for _ in 0..DEPTH_MAX {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
            let Some(pointer) = reference.strip_prefix('#') else { return &Value::Null };
            let pointer = super::matching::decoded(pointer);
            let Some(found) = self.root.pointer(&pointer) else { return &Value::Null };
            value = found;
        }
        &Value::Null
    }

    fn operation(
        &self,
        path: &str,
        method: &str,
        operation: &'a Value,
        shared: &'a [Value],
    ) -> Operation {
        let mut query = Shape::default();
        query.add("", Want { types: Types(Types::OBJECT), ..Want::default() });
        let own = list(operation.get("parameters"));
        let mut named: BTreeMap<&str, (&Value, bool)> = BTreeMap::new();
        let mut numbers = BTreeSet::new();
        for parameter in shared.iter().chain(own) {
            let parameter = self.follow(parameter);
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            match parameter.get("in").and_then(Value::as_str) {
                Some("query") => {
                    let required = parameter.get("required").and_then(Value::as_bool) == Some(true);
                    named.insert(name, (parameter, required));
                }
                Some("path") => {
                    let schema = parameter.get("schema").map(|schema| self.follow(schema));
                    let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
                    if kind == Some("integer") {
                        numbers.insert(name.into());
                    }
                }
                _ => {}
            }
        }
        for (name, (parameter, required)) in named {
            // As leaves are called: `filter[state]` is `filter.state`, and `ids[]` a list.
            let leaf = unbracketed(name);
            let name = leaf.trim_end_matches("[]");
            match parameter.get("schema") {
                Some(schema) => self.schema(schema, name, false, 0, &mut query),
                None => query.add(name, Want { open: true, ..Want::default() }),
            }
            self.spread(name, parameter, &mut query);
            if leaf.len() > name.len() {
                query.add(&leaf, Want { open: true, ..Want::default() });
            }
            if required {
                query.required.insert(leaf.as_str().into());
            }
        }
        query.settle();
        let mut answers = BTreeMap::new();
        let responses = operation.get("responses").and_then(Value::as_object);
        for (status, response) in responses.into_iter().flatten() {
            answers.insert(status.to_ascii_uppercase().into(), self.body(self.follow(response)));
        }
        let request = operation.get("requestBody").map(|body| self.body(self.follow(body)));
        Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            numbers,
            deprecated: operation.get("deprecated").and_then(Value::as_bool) == Some(true),
            query,
            body: request.unwrap_or_default(),
            answers,
        }
    }

    /// An exploded object or list of a query is written as names of their own.
    fn spread(&self, name: &str, parameter: &'a Value, query: &mut Shape) {
        let Some(schema) = parameter.get("schema").map(|schema| self.follow(schema)) else {
            return;
        };
        let object = schema.get("properties").is_some()
            || schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
        let list = schema.get("items").is_some();
        if list && let Some(want) = query.places.get_mut(name) {
            // `a=1&a=2` and `a=1,2`: each is text.
            want.types.0 |= Types::STRING | Types::INTEGER | Types::NUMBER | Types::BOOLEAN;
            query.add(&format!("{name}[]"), Want { open: true, ..Want::default() });
        }
        if object {
            let keys = schema.get("properties").and_then(Value::as_object);
            for key in keys.into_iter().flat_map(|keys| keys.keys()) {
                query.add(key, Want { open: true, ..Want::default() });
                query.add(&format!("{name}.{key}"), Want { open: true, ..Want::default() });
            }
            if keys.is_none() {
                query.add("", Want { open: true, ..Want::default() });
            }
        }
    }

    /// Bodies of all media types together.
    fn body(&self, body: &'a Value) -> Shape {
        let mut shape = Shape::default();
        let content = body.get("content").and_then(Value::as_object);
        for (media, content) in content.into_iter().flatten() {
            let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            shape.media.push(media.into());
            match content.get("schema") {
                Some(schema) => self.schema(schema, "", true, 0, &mut shape),
                None => shape.add("", Want { open: true, ..Want::default() }),
            }
        }
        shape.settle();
        shape
    }

    /// Adds what `schema` says of the place `path`, and of those below it. `sure`: the place must
    /// be there.
    fn schema(&self, schema: &'a Value, path: &str, sure: bool, depth: usize, out: &mut Shape) {
        let schema = self.follow(schema);
        let anything = schema.as_object().is_none_or(serde_json::Map::is_empty);
        if anything || depth > DEPTH_MAX || out.places.len() >= FIELDS_MAX {
            out.add(path, Want { open: true, ..Want::default() });
            return;
        }
        let one_of = || ["oneOf", "anyOf"].into_iter().flat_map(|key| list(schema.get(key)));
        for part in list(schema.get("allOf")).iter().filter(|part| says_something(part)) {
            self.schema(part, path, sure, depth.saturating_add(1), out);
        }
        for part in one_of() {
            self.schema(part, path, false, depth.saturating_add(1), out);
        }
        let composed = !list(schema.get("allOf")).is_empty() || one_of().next().is_some();
        let types = types_of(schema);
        let has = |key: &str| schema.get(key).is_some();
        let free = if types == 0 {
            !composed
        } else {
            let bare = !has("properties") && !has("additionalProperties") && !composed;
            schema.get("additionalProperties") == Some(&Value::Bool(true))
                || has("patternProperties")
                || (types & Types::OBJECT != 0 && bare)
        };
        if !composed || types != 0 {
            let values = values_of(schema);
            out.add(path, Want { types: Types(types), values, open: free });
        }
        if nullable(schema)
            && let Some(want) = out.places.get_mut(path).filter(|want| want.types.0 != 0)
        {
            want.types.0 |= Types::NULL;
        }
        self.below(schema, path, sure, depth, out);
    }

    fn below(&self, schema: &'a Value, path: &str, sure: bool, depth: usize, out: &mut Shape) {
        let required: Vec<&str> =
            list(schema.get("required")).iter().filter_map(Value::as_str).collect();
        let dot = if path.is_empty() { "" } else { "." };
        let keys = schema.get("properties").and_then(Value::as_object);
        for (key, below) in keys.into_iter().flatten() {
            let sure = sure && required.contains(&key.as_str());
            let place = format!("{path}{dot}{key}");
            let hidden = below.get("writeOnly").and_then(Value::as_bool) == Some(true)
                || below.get("readOnly").and_then(Value::as_bool) == Some(true);
            if sure && !hidden {
                out.required.insert(place.as_str().into());
            }
            self.schema(below, &place, sure, depth.saturating_add(1), out);
        }
        if let Some(more) = schema.get("additionalProperties").filter(|more| more.is_object()) {
            let place = format!("{path}{dot}*");
            self.schema(more, &place, false, depth.saturating_add(1), out);
        }
        let place = format!("{path}[]");
        match schema.get("items") {
            Some(items) => self.schema(items, &place, false, depth.saturating_add(1), out),
            None if types_of(schema) & Types::ARRAY != 0 => {
                out.add(&place, Want { open: true, ..Want::default() });
            }
            None => {}
        }
    }
}

/// Types that a schema names, or that follow from its keywords; none where it may be any.
fn types_of(schema: &Value) -> u8 {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Types::named(name),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).fold(0, |bits, name| bits | Types::named(name))
        }
        _ => {
            let object =
                schema.get("properties").is_some() || schema.get("additionalProperties").is_some();
            let array = schema.get("items").is_some();
            (u8::from(object) * Types::OBJECT) | (u8::from(array) * Types::ARRAY)
        }
    };
    if nullable(schema) && named != 0 { named | Types::NULL } else { named }
}

/// 3.0 writes what may be null apart.
fn nullable(schema: &Value) -> bool {
    schema.get("nullable").and_then(Value::as_bool) == Some(true)
}

/// A part of an `allOf` that is more than words.
fn says_something(part: &Value) -> bool {
    const KEYS: &[&str] = &[
        "$ref",
        "type",
        "properties",
        "items",
        "additionalProperties",
        "patternProperties",
        "allOf",
        "oneOf",
        "anyOf",
        "enum",
        "const",
    ];
    KEYS.iter().any(|key| part.get(key).is_some())
}

/// Texts of `enum` or `const`; none where other values are listed as well.
fn values_of(schema: &Value) -> Option<BTreeSet<Box<str>>> {
    let one = schema.get("const").into_iter();
    let all: Vec<&Value> = list(schema.get("enum")).iter().chain(one).collect();
    if all.is_empty() {
        return None;
    }
    Some(all.into_iter().filter_map(Value::as_str).map(Into::into).collect())
}

/// The name of a parameter of a query as its leaf is called.
fn unbracketed(name: &str) -> String {
    let mut parts = name.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.strip_suffix(']') {
            Some("") | None => out.push_str("[]"),
            Some(key) => {
                out.push('.');
                out.push_str(key);
            }
        }
    }
    out
}
