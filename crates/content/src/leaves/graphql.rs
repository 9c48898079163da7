//! Arguments that stand in a GraphQL document itself: `order(id: 5)`.
//!
//! Read as leaves `args.NAME`, whatever field they belong to; variables come as JSON anyway.

use super::paths::ROOT;
use super::{Scalar, Sink};
use std::borrow::Cow;
use stilt_model::{GraphQl, Place};

/// Longest document that is looked at, in bytes; more than that is cut.
const DOCUMENT_MAX: usize = 262_144;
/// Arguments of the documents of one request.
const ARGUMENTS_MAX: usize = 1024;

/// Whether a text is a document.
pub(crate) fn looks_like(text: &str) -> bool {
    let start = text.trim_start();
    ["{", "query", "mutation", "subscription", "fragment"]
        .iter()
        .any(|word| start.starts_with(word))
        && text.contains('{')
}

/// Reads the arguments of `documents`, and sums up what they ask for.
pub(crate) fn read(documents: &[String], sink: &mut Sink<'_>) -> Option<GraphQl> {
    let args = sink.child(ROOT, b"args");
    let mut left = ARGUMENTS_MAX;
    let mut sum = GraphQl::default();
    for document in documents {
        let seen = crate::bytes::prefix(document, DOCUMENT_MAX);
        sink.cut |= seen.len() < document.len();
        if seen.contains('(') {
            each(seen, |name, value| {
                let at = sink.child(args, name.as_bytes());
                left = left.saturating_sub(1);
                sink.cut |= left == 0;
                sink.add(Place::Json, at, 0, value) && left > 0
            });
        }
        super::selection::add(seen, &mut sum);
    }
    (sum.documents > 0).then_some(sum)
}

/// Calls `found` with each argument that has a plain value, until it says no.
fn each(document: &str, mut found: impl FnMut(&str, Scalar<'_>) -> bool) {
    let mut rest = document;
    let (mut depth, mut name): (u32, Option<&str>) = (0, None);
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '"' => {
                let (text, after) = string(rest);
                if depth > 0
                    && let Some(name) = name.take()
                    && !found(name, Scalar::Text(text))
                {
                    return;
                }
                after
            }
            '-' | '0'..='9' => {
                let (number, after) =
                    split(rest, |b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
                if depth > 0
                    && let Some(name) = name.take()
                    && !found(name, Scalar::Number(number))
                {
                    return;
                }
                after
            }
            '_' | 'a'..='z' | 'A'..='Z' => {
                let (word, after) = split(rest, |b| b.is_ascii_alphanumeric() || b == b'_');
                name = after.trim_start().starts_with(':').then_some(word);
                after
            }
            '#' => after.split_once('\n').map_or("", |(_, after)| after),
            _ => {
                match first {
                    '(' => depth = depth.saturating_add(1),
                    ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                // A variable or an object takes the place of a value.
                if !matches!(first, ':' | '[') && !first.is_whitespace() {
                    name = None;
                }
                after
            }
        };
    }
}

pub(super) fn split(text: &str, part: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().take_while(|byte| part(*byte)).count().max(1);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A string with its quotes taken off, and what follows it.
pub(super) fn string(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let (inner, after) = block.split_once("\"\"\"").unwrap_or((block, ""));
        return (inner.trim().into(), after);
    }
    let inner = text.get(1..).unwrap_or_default();
    let mut escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let end = end.unwrap_or(inner.len());
    let (body, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
    let after = after.get(1..).unwrap_or_default();
    if body.contains('\\') {
        return (body.replace("\\\"", "\"").replace("\\\\", "\\").into(), after);
    }
    (body.into(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(document: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        each(document, |name, value| {
            let value = match value {
                Scalar::Text(text) => text.into_owned(),
                Scalar::Number(number) => number.to_owned(),
                _ => String::new(),
            };
            all.push((name.to_owned(), value));
            true
        });
        all
    }

    #[test]
    fn plain_values_are_arguments_and_the_rest_is_none() {
        let check = |document: &str, expected: &[(&str, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(arguments(document), expected, "{document}");
        };
        check("{ order(id: 5) { id } }", &[("id", "5")]);
        check("{ a: order(id: \"x-1\") { total: sum } }", &[("id", "x-1")]);
        check(
            "mutation { signIn(input: {user: \"ann\", password: \"p\\\"1\"}) { token } }",
            &[("user", "ann"), ("password", "p\"1")],
        );
        check("query Q($id: ID! = 3) { order(id: $id, n: -2.5) { id } }", &[("n", "-2.5")]);
        check(
            "{ x(t: \"\"\" long \"text\" \"\"\", ids: [7, 8]) }",
            &[("t", "long \"text\""), ("ids", "7")],
        );
        check("{ x(id: \"never ends", &[("id", "never ends")]);
        check("{ a # (id: 5)\n b(é: 1, c: 2) }", &[("c", "2")]);
    }
}
