//! Several root fields in one GraphQL document: each is answered under its own name or alias, and
//! what it takes and gives is its own (GraphQL, §7.1.2 and §2.6).

use crate::batch;
use stilt_model::{Leaf, Outcome, Place, Response, Transaction, Value};

/// Root fields of one document that are told apart, and bytes of a document.
const ROOTS_MAX: usize = 32;
const DOCUMENT_MAX: usize = 16_384;
/// Leaves of a request among which the document is looked for.
const LEAVES_MAX: usize = 64;

/// One root field.
#[derive(Debug, PartialEq, Eq)]
struct Root<'a> {
    /// Its name in the answer.
    key: &'a str,
    field: &'a str,
    /// Its arguments and what it selects.
    text: &'a str,
}

/// One root field of a transaction, as if it had been asked for alone.
pub(crate) struct Alone {
    pub(crate) field: String,
    pub(crate) tx: Transaction,
    pub(crate) outcome: Outcome,
}

/// The root fields of a transaction that asks for several different ones; empty where it asks for
/// one, and where the document is cut or holds fragments at its root.
pub(crate) fn apart(tx: &Transaction) -> Vec<Alone> {
    let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return Vec::new() };
    let document = request.leaves.iter().take(LEAVES_MAX).find_map(|leaf| match &leaf.value {
        Value::Text(text) if leaf.path == "query" => Some(text.as_str()),
        _ => None,
    });
    let Some(roots) = document.and_then(roots) else { return Vec::new() };
    let Some(first) = roots.first() else { return Vec::new() };
    if roots.iter().all(|root| root.field == first.field) {
        return Vec::new();
    }
    roots.iter().map(|root| alone(tx, request, response, root)).collect()
}

fn alone(
    tx: &Transaction,
    request: &stilt_model::Request,
    response: &Response,
    root: &Root<'_>,
) -> Alone {
    let own = |leaf: &&Leaf| asks(leaf, root);
    let mut asked = request.clone();
    asked.leaves = request.leaves.iter().filter(own).cloned().collect();
    asked.sensitive = batch::counted(&asked.leaves);
    let mut answer = response.clone();
    let gives = |leaf: &&Leaf| {
        below(leaf.path.as_str(), "data", root.key) || leaf.path.starts_with("errors")
    };
    answer.leaves = response.leaves.iter().filter(gives).cloned().collect();
    answer.sensitive = batch::counted(&answer.leaves);
    answer.issued.retain(|issued| {
        let held =
            |leaf: &Leaf| matches!(&leaf.value, Value::Masked { mark, .. } if *mark == issued.mark);
        answer.leaves.iter().any(held)
    });
    let told = answer.leaves.iter().filter(|leaf| leaf.path.starts_with("data"));
    let nothing = |leaf: &Leaf| leaf.value == Value::Null && leaf.path.matches('.').count() == 1;
    let given = told.clone().count() > 0 && !told.clone().all(nothing);
    let failed = response.leaves.iter().any(|leaf| leaf.path.starts_with("errors"));
    let outcome = match (given, failed) {
        (true, _) => Outcome::Success,
        (false, true) => Outcome::Failure,
        (false, false) => Outcome::Unknown,
    };
    let tx = Transaction { request: Some(asked), response: Some(answer), ..tx.clone() };
    Alone { field: root.field.to_owned(), tx, outcome }
}

/// `data.KEY` or what lies below it.
fn below(path: &str, head: &str, key: &str) -> bool {
    path.strip_prefix(head)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_prefix(key))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The leaf is the root field's, or of the message as a whole: a variable is of those that name it.
fn asks(leaf: &Leaf, root: &Root<'_>) -> bool {
    let Some(name) = leaf.path.strip_prefix("variables.") else {
        let argument = leaf.path.strip_prefix("args.").filter(|_| leaf.place == Place::Json);
        return argument.is_none_or(|name| root.text.contains(name));
    };
    let name = name.split(['.', '[']).next().unwrap_or_default();
    root.text.match_indices('$').any(|(at, _)| {
        let rest = root.text.get(at.saturating_add(1)..).unwrap_or_default();
        word(rest).0 == name
    })
}

fn word(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The root fields of the one operation of a document.
fn roots(document: &str) -> Option<Vec<Root<'_>>> {
    let document = document.trim();
    if document.len() > DOCUMENT_MAX {
        return None;
    }
    let head = ["{", "query", "mutation"].iter().any(|word| document.starts_with(word));
    let start = skip(document, |_, depth, byte| depth == 0 && byte == b'{')?;
    let inside = document.get(start.saturating_add(1)..).filter(|_| head)?;
    let mut found: Vec<Root<'_>> = Vec::new();
    let mut rest = inside.trim_start_matches(separates);
    while !rest.starts_with('}') {
        let (first, after) = word(rest);
        if first.is_empty() || found.len() >= ROOTS_MAX {
            return None;
        }
        let aliased = after.trim_start().strip_prefix(':').map(|after| word(after.trim_start()));
        let (field, after) = match aliased {
            Some(("", _)) => return None,
            Some((field, after)) => (field, after),
            None => (first, after),
        };
        // It ends where the next name begins outside of its brackets, or the selection does.
        let end = skip(after, |_, depth, byte| {
            depth == 0
                && (byte == b'}' || byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.'))
        })?;
        let (text, next) = after.split_at_checked(end)?;
        found.push(Root { key: first, field, text });
        rest = next.trim_start_matches(separates);
    }
    Some(found)
}

fn separates(char: char) -> bool {
    char.is_whitespace() || char == ','
}

/// Where `ends` first holds, asked outside of strings with the depth of brackets before the byte.
/// A directive (`@include`) belongs to the field before it.
fn skip(text: &str, ends: impl Fn(usize, u32, u8) -> bool) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped, mut directive) = (0_u32, false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            quoted = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        directive = byte == b'@' || directive && byte.is_ascii_alphanumeric();
        if !directive && ends(at, depth, byte) {
            return Some(at);
        }
        match byte {
            b'"' => quoted = true,
            b'(' | b'{' | b'[' => depth = depth.saturating_add(1),
            b')' | b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{World, post};
    use crate::{Config, Inventory, Who};
    use stilt_model::{ActorId, Sensitive};

    fn check(document: &str, expected: Option<&[(&str, &str)]>) {
        let found = roots(document);
        let found = found.as_ref().map(|found| {
            found.iter().map(|root| (root.key, root.field)).collect::<Vec<(&str, &str)>>()
        });
        assert_eq!(found.as_deref(), expected, "{document}");
    }

    #[test]
    fn root_fields_are_found_with_their_names_in_the_answer() {
        check("{ me { id } }", Some(&[("me", "me")]));
        check(
            "query Q($id: ID!, $f: F = {a: 1}) { left: user(id: $id) { id } orders @include(if: $x) { id } }",
            Some(&[("left", "user"), ("orders", "orders")]),
        );
        check("{ a(x: \"}{\") b }", Some(&[("a", "a"), ("b", "b")]));
        check("mutation { a, b { c d { e } } }", Some(&[("a", "a"), ("b", "b")]));
        for cut in ["query { a { b", "{ ...F } fragment F on Q { a }", "", "{", "shoes {", "}{"] {
            check(cut, None);
        }
    }

    #[test]
    fn what_one_root_field_gives_is_not_the_others() {
        let query = "query Q($to: String!) { me { id email } books { id title } ask(mail: $to) }";
        let body = format!(r#"{{"query":"{query}","variables":{{"to":"eve@example.com"}}}}"#);
        let answer = r#"{"data":{"me":{"id":7,"email":"ann@example.com"},
            "books":[{"id":1,"title":"x"}],"ask":null},"errors":[{"message":"no","path":["ask"]}]}"#;
        let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
        let tx = world.tx(post("/graphql").json(&body).answer(answer));
        let sighting = inventory.observe(&tx);
        let who = Who { actor: ActorId(1), authenticated: true, roles: &[] };
        inventory.learn(&tx, &sighting, who, false);
        let told = |name: &str| {
            let all = inventory.known();
            let one = all.iter().find(|one| &*one.endpoint.name == name).copied().unwrap();
            let kinds = |seen: &crate::knowledge::SensitiveSeen| -> Vec<Sensitive> {
                seen.iter().map(|kind| kind.kind).collect()
            };
            let knowledge = one.knowledge;
            (kinds(&knowledge.given), knowledge.requests, knowledge.successes)
        };
        assert_eq!(told("POST /graphql#me"), (vec![Sensitive::Email], 1, 1));
        assert_eq!(told("POST /graphql#books"), (vec![], 1, 1));
        assert_eq!(told("POST /graphql#ask"), (vec![], 1, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_document_panics(text in "\\PC{0,200}") {
            let _ = roots(&text);
        }
    }
}
