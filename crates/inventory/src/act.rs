//! Whether what a request asks for changes something, or only reads: by its method, and, where
//! everything is posted, by what the function is called.

use crate::operation::Operation;
use crate::tree::Method;
use crate::words::words;
use stilt_model::{Dialect, Request, Transaction, Value};

/// First words of functions that look at something.
const READS: &[&str] = &[
    "get",
    "list",
    "read",
    "find",
    "fetch",
    "load",
    "show",
    "view",
    "query",
    "search",
    "lookup",
    "describe",
    "count",
    "retrieve",
    "browse",
    "inspect",
    "preview",
    "calculate",
    "estimate",
    "compare",
    "explain",
    "summarize",
    "ping",
    "liste",
    "lese",
    "suche",
    "zeige",
    "hole",
    "buscar",
    "busca",
    "listar",
    "consultar",
    "obter",
    "obtener",
    "ver",
    "lister",
    "chercher",
    "afficher",
    "lire",
    "trova",
    "cerca",
    "elenca",
    "leggi",
];
/// Words of functions that do something, wherever they stand before one that looks.
const CHANGES: &[&str] = &[
    "add", "create", "make", "set", "update", "edit", "change", "delete", "remove", "cancel",
    "send", "write", "save", "submit", "insert", "approve", "reject", "pay", "transfer", "move",
    "grant", "revoke", "reset", "execute", "run", "upsert", "register", "close", "open", "book",
    "redeem", "apply", "start", "stop", "upload", "import", "merge", "assign", "release",
];
/// Words between two things that one function does.
const JOINS: &[&str] = &["and", "or", "then"];
/// Last steps of posted paths that are a view of something.
const VIEWS: &[&str] = &[
    "search",
    "query",
    "lookup",
    "find",
    "filter",
    "list",
    "count",
    "preview",
    "balance",
    "statement",
    "history",
    "suche",
    "kontostand",
    "umsaetze",
    "busca",
    "saldo",
    "extrato",
    "historico",
    "buscar",
    "extracto",
    "historial",
    "recherche",
    "solde",
    "ricerca",
    "estratto",
];
/// Words at the start of a name that are looked at: what stands before is a name of the house.
const WORDS_LOOKED: usize = 3;

/// What is asked for changes something.
pub(crate) fn changes_state(
    tx: Option<&Transaction>,
    request: &Request,
    method: Method,
    operation: Option<&Operation>,
) -> bool {
    if method != Method::POST {
        return method.changes_state();
    }
    let dialect = tx.and_then(|tx| tx.talk.as_deref()).map(|talk| talk.dialect);
    if dialect.is_some_and(Dialect::is_model) {
        return false;
    }
    let query = request.leaves.iter().take(8).find(|leaf| leaf.path == "query");
    if let Some(Value::Text(text)) = query.map(|leaf| &leaf.value) {
        let text = text.trim_start();
        if ["{", "query", "subscription"].iter().any(|start| text.starts_with(start)) {
            return false;
        }
        if text.starts_with("mutation") {
            return true;
        }
    }
    if dialect == Some(Dialect::Mcp) && !operation.is_some_and(Operation::is_tool) {
        // Handshakes, lists, prompts and resources.
        return false;
    }
    if let Some(operation) = operation {
        return !reads(operation.name());
    }
    let last = request.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.split('.').next().unwrap_or_default();
    let view = words(last).last().is_some_and(|word| VIEWS.contains(&word.as_str()));
    !(view || (words(last).len() > 1 && reads(last)))
}

/// A function of that name only looks at something: `getOrder`, `crm_search_contacts`.
fn reads(name: &str) -> bool {
    let words = words(name);
    let is = |word: &String, list: &[&str]| list.contains(&word.as_str());
    let mut said = words.iter().take(WORDS_LOOKED);
    let first = said.find(|word| is(word, READS) || is(word, CHANGES));
    let joined = || {
        words.windows(2).any(|pair| match pair {
            [join, next] => is(join, JOINS) && is(next, CHANGES),
            _ => false,
        })
    };
    first.is_some_and(|word| is(word, READS)) && !joined()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, post};

    #[test]
    fn functions_are_told_by_what_they_are_called() {
        for (name, expected) in [
            ("getOrder", true),
            ("get_order", true),
            ("crm_search_contacts", true),
            ("FindClaims", true),
            ("list_transfers", true),
            ("SetPayee", false),
            ("cancelOrder", false),
            ("get_or_create_user", false),
            ("order", false),
            ("transfer_get", false),
            ("target", false),
        ] {
            assert_eq!(reads(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_posted_changes_something_but_where_its_name_tells_otherwise() {
        let check = |tx: Tx, expected: bool| {
            let tx = World::new().tx(tx);
            let request = tx.request.as_ref().unwrap();
            let operation = crate::operation::of(request);
            let found = changes_state(Some(&tx), request, Method::POST, operation.as_ref());
            assert_eq!(found, expected, "{}", request.path);
        };
        check(post("/orders").json(r#"{"sku":1}"#), true);
        check(post("/orders/7/cancel").json("{}"), true);
        check(post("/conta/7/saldo").json("{}"), false);
        check(post("/orders/search").json(r#"{"q":"x"}"#), false);
        check(post("/rpc/getInvoice").json(r#"{"id":7}"#), false);
        check(post("/rpc/payInvoice").json(r#"{"id":7}"#), true);
        check(post("/get").json(r#"{"id":7}"#), true);
        let call = |name: &str| {
            let params = format!(r#"{{"name":"{name}","arguments":{{"id":"K-7"}}}}"#);
            let body =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            post("/mcp").json(&body)
        };
        check(call("get_contract"), false);
        check(call("close_contract"), true);
        let asks = r#"{"model":"m-1","messages":[{"role":"user","content":"Hello there"}]}"#;
        check(post("/v1/chat/completions").json(asks), false);
    }
}
