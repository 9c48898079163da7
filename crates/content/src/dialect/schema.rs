//! What a tool says of itself: its texts, its parameters, and digests of both.

use super::draft::{RawTool, word};
use super::texts::Texts;
use crate::tree::Node;
use stilt_model::talk::{Kinds, Param, ToolDef, TrustRole};

/// Bytes shown of a description, and of the texts inside a schema.
const DESCRIPTION_MAX: usize = 8192;
/// Parameters kept of one tool, and values of one that lists them.
const PARAMS_MAX: usize = 64;
const ALLOWED_MAX: usize = 64;
/// Texts gathered of one schema, and nesting.
const TEXTS_MAX: usize = 256;
const DEPTH_MAX: usize = 16;

/// The definition of a tool.
pub(super) fn definition(raw: &RawTool<'_>, texts: &mut Texts<'_>) -> ToolDef {
    let mut inner = String::new();
    gather(raw.schema, 0, &mut (TEXTS_MAX, &mut inner));
    let canonical = |node: &Node<'_>| {
        let mut out = Vec::new();
        node.canonical(&mut out);
        out
    };
    let members = raw.schema.get("properties").members();
    let mut params: Vec<Param> = members
        .iter()
        .take(PARAMS_MAX)
        .map(|(name, node)| param(name, node, raw.schema.get("required").items()))
        .collect();
    params.sort_by(|one, other| one.name.cmp(&other.name));
    const MORE: &[&str] =
        &["$ref", "oneOf", "anyOf", "allOf", "not", "if", "patternProperties", "dependentRequired"];
    ToolDef {
        name: texts.masker.text_max(raw.name, 128).into(),
        description: texts.said(raw.description, TrustRole::ToolDefinition, DESCRIPTION_MAX),
        schema_text: texts.said(&inner, TrustRole::ToolDefinition, DESCRIPTION_MAX),
        params,
        closed: raw.schema.bool("additionalProperties") == Some(false),
        partly: members.len() > PARAMS_MAX || MORE.iter().any(|word| raw.schema.has(word)),
        schema: texts.masker.hash("schema", &canonical(raw.schema)),
        digest: texts.masker.hash("tool", &canonical(raw.whole)),
        hints: raw.hints,
        hosted: raw.hosted,
    }
}

fn param(name: &str, node: &Node<'_>, required: &[Node<'_>]) -> Param {
    let mut kinds = Kinds::default();
    let mut add = |node: &Node<'_>| {
        for kind in node.get("type").each() {
            kinds = kinds.or(Kinds::of(&kind.text().unwrap_or_default().to_ascii_lowercase()));
        }
    };
    add(node);
    let choices = node.get("anyOf").items().iter().chain(node.get("oneOf").items());
    // What is said elsewhere may be anything.
    let open = ["$ref", "allOf", "not"].iter().any(|word| node.has(word))
        || choices.clone().any(|choice| !choice.has("type"));
    choices.for_each(&mut add);
    if open {
        kinds = Kinds::default();
    }
    let listed = node.get("enum").items();
    let allowed = listed.iter().take(ALLOWED_MAX).filter_map(|value| match value {
        Node::Text(text) => Some(word(text)),
        Node::Number(text) => Some(word(text)),
        Node::Bool(bool) => Some(word(if *bool { "true" } else { "false" })),
        _ => None,
    });
    let allowed: Vec<_> = allowed.collect();
    let bound = ["pattern", "format", "const"].iter().any(|word| node.has(word));
    Param {
        name: word(name),
        kinds,
        required: required.iter().any(|one| one.text() == Some(name)),
        allowed_cut: listed.len() != allowed.len(),
        free: kinds.takes(Kinds::TEXT) && !kinds.is_any() && listed.is_empty() && !bound,
        allowed,
    }
}

/// Every text of a schema that a model reads: names aside, those are in the list of parameters.
fn gather(node: &Node<'_>, depth: usize, out: &mut (usize, &mut String)) {
    if depth > DEPTH_MAX {
        return;
    }
    for (key, value) in node.members() {
        let speaks = matches!(
            key.as_ref(),
            "description" | "title" | "default" | "enum" | "const" | "examples" | "$comment"
        );
        for item in value.each() {
            match item {
                Node::Text(text) if speaks && out.0 > 0 && !text.is_empty() => {
                    out.0 = out.0.saturating_sub(1);
                    out.1.push_str(text);
                    out.1.push('\n');
                }
                Node::Object(_) => gather(item, depth.saturating_add(1), out),
                _ => {}
            }
        }
    }
}
