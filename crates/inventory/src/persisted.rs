//! Persisted queries of GraphQL: requests that name a document by number or hash in place of
//! sending it (Apollo's automatic persisted queries, Relay's `doc_id`). Which function it is stands
//! in the document where that was sent once, else in the answer, whose `data` holds it.

use crate::operation::{Operation, root_field};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{IdBuilder, Leaf, Request, Response, Value};

/// Documents remembered of one service.
const DOCUMENTS_MAX: usize = 4096;
/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 64;
/// How a document is named, by the ends of paths.
const NAMED: [&str; 7] = [
    "extensions.persistedQuery.sha256Hash",
    "doc_id",
    "docId",
    "documentId",
    "document_id",
    "queryId",
    "query_id",
];

/// The documents of one service: hash of the name → root field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Persisted(BTreeMap<u64, Box<str>>);

impl Persisted {
    /// The function that a request names by its document, where it does.
    pub(crate) fn of(&mut self, request: &Request, answer: Option<&Response>) -> Option<Operation> {
        let leaves = || request.leaves.iter().take(LEAVES_MAX);
        let named = leaves().find(|leaf| NAMED.contains(&leaf.path.as_str()))?;
        // Others have documents as well.
        let graph = named.path.starts_with("extensions.")
            || request.path.to_ascii_lowercase().contains("graphql")
            || leaves().any(|leaf| leaf.path.starts_with("variables"));
        let key = named.value.as_key().filter(|_| graph)?;
        let key = IdBuilder::new("document").text(&key).finish();
        let sent = leaves().find_map(|leaf| match &leaf.value {
            Value::Text(text) if leaf.path == "query" => root_field(text),
            _ => None,
        });
        let field: Box<str> = match sent {
            Some(field) => field.into(),
            None => match self.0.get(&key) {
                Some(known) => return Some(Operation::of_field(known)),
                None => answered(answer?)?.into(),
            },
        };
        let operation = Operation::of_field(&field);
        if self.0.len() < DOCUMENTS_MAX || self.0.contains_key(&key) {
            self.0.insert(key, field);
        }
        Some(operation)
    }
}

/// The first root field of an answer that is one of GraphQL.
fn answered(answer: &Response) -> Option<&str> {
    let leaves = || answer.leaves.iter().take(LEAVES_MAX);
    let own = |leaf: &Leaf| {
        let top = leaf.path.split(['.', '[']).next().unwrap_or_default();
        matches!(top, "data" | "errors" | "extensions")
    };
    if !leaves().all(own) {
        return None;
    }
    let data = leaves().find_map(|leaf| leaf.path.as_str().strip_prefix("data."));
    // Where it failed (GraphQL, October 2021, §7.1.2): the path begins with the root field.
    let failed = || {
        leaves().find_map(|leaf| match &leaf.value {
            Value::Text(text) if leaf.path == "errors[].path[]" => Some(text.as_str()),
            _ => None,
        })
    };
    let field = data.or_else(failed)?.split(['.', '[']).next().unwrap_or_default();
    let plain = field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && (1..=64).contains(&field.len())).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, post};

    fn name(persisted: &mut Persisted, tx: Tx) -> Option<String> {
        let tx = World::new().tx(tx);
        let found = persisted.of(tx.request.as_ref().unwrap(), tx.response.as_ref());
        found.map(|found| found.suffix)
    }

    #[test]
    fn a_document_is_told_by_its_text_or_by_what_it_is_answered_with() {
        let persisted = &mut Persisted::default();
        let hash = r#""extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab12"}}"#;
        let text = format!(r#"{{"query":"{{ mine: orders {{ id }} }}",{hash}}}"#);
        let short = format!("{{{hash}}}");
        let answer = r#"{"data":{"mine":[{"id":1}]}}"#;
        let ask = |body: &str| post("/api").json(body).answer(answer);
        assert_eq!(name(persisted, ask(&text)).as_deref(), Some("#orders"));
        assert_eq!(name(persisted, ask(&short)).as_deref(), Some("#orders"));
        let by_number = r#"{"doc_id":"77","variables":{"id":5}}"#;
        let failed = r#"{"data":null,"errors":[{"message":"no","path":["pay"]}]}"#;
        let own = post("/api").json(r#"{"doc_id":"9","variables":{"id":5}}"#).answer(failed);
        assert_eq!(name(persisted, own).as_deref(), Some("#pay"));
        let own = post("/api").json(by_number).answer(r#"{"data":{"author":null}}"#);
        assert_eq!(name(persisted, own).as_deref(), Some("#author"));
        // Once known it is told of failures too.
        let failed = post("/api").json(by_number).answer(r#"{"errors":[{"message":"no"}]}"#);
        assert_eq!(name(persisted, failed).as_deref(), Some("#author"));
    }

    #[test]
    fn a_document_of_another_kind_is_none() {
        let persisted = &mut Persisted::default();
        let own = post("/sign").json(r#"{"doc_id":"77"}"#).answer(r#"{"data":{"pages":3}}"#);
        assert_eq!(name(persisted, own), None);
        let own = post("/graphql").json(r#"{"doc_id":"7"}"#).answer(r#"{"id":1,"data":{"a":3}}"#);
        assert_eq!(name(persisted, own), None);
    }
}
