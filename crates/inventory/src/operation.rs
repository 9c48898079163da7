//! One address for many functions: which of them a request names.
//!
//! GraphQL, JSON-RPC 2.0 (MCP among it), SOAP, and pages that take an `action`. The function
//! belongs to the endpoint, for nothing that is learned of one of them holds for another. GraphQL
//! is told by its first root field: the operation's name is the client's to choose.

use crate::login::steps::About;
use crate::path::split_extension;
use crate::template::{Hint, Part, Template};
use crate::words::{is_function, singular, words};
use stilt_model::{Leaf, Place, Request, Response, Value};

/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 64;
/// Longest name.
const NAME_MAX: usize = 64;

/// What a request asks its address to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// As it follows the path: `#order`, `?action=login`.
    pub(crate) suffix: String,
    name: String,
    /// JSON-RPC: `id` at the top numbers the call.
    pub(crate) numbered: bool,
}

/// Parameters of a query that choose a function, and those of a body.
const IN_QUERY: &[&str] = &[
    "action",
    "act",
    "cmd",
    "command",
    "op",
    "operation",
    "method",
    "func",
    "function",
    "fn",
    "do",
];
/// Those that choose one of a program's (`/index.php?route=cart/add`), in its query and in a form.
/// Elsewhere they are data: the route of a bus, a task to do.
const OF_PROGRAM: &[&str] = &["route", "task"];
const IN_FORM: &[&str] = &["method", "do", "act", "task", "dispatch", "mode"];
/// Short ones, where the value is a path (`r=site/login`) or a component (`option=com_content`).
const IN_SHORT: &[&str] = &["r", "option"];
const IN_BODY: &[&str] = &["action", "cmd", "command", "op", "operation", "func", "function"];

/// Leaves of an answer in which an error is looked for; longer answers are things.
const ERROR_MAX: usize = 12;

/// Whether an answer says that there is no such function at its address: JSON-RPC 2.0 §5.1, a tool
/// or prompt that a Model Context Protocol server does not have, a persisted query or a root field
/// that a GraphQL server does not know. It comes under 200, and is to a function what 404 is to a
/// path.
pub(crate) fn is_unknown(response: Option<&Response>) -> bool {
    const METHOD_NOT_FOUND: i64 = -32601;
    let leaves = response.map_or(&[][..], |response| &response.leaves);
    if leaves.len() > ERROR_MAX {
        return false;
    }
    let failed = leaves.iter().any(|leaf| {
        matches!(&leaf.value, Value::Bool(true)) && leaf.path == "result.isError"
            || leaf.path.starts_with("error")
    });
    failed
        && leaves.iter().any(|leaf| match (leaf.path.as_str(), &leaf.value) {
            ("error.code", Value::Integer(code)) => *code == METHOD_NOT_FOUND,
            ("error.message" | "result.content[].text", Value::Text(text)) => {
                starts(text, &["unknown tool", "unknown prompt", "tool not found"])
            }
            ("errors[].message", Value::Text(text)) => {
                let root = ["\"Query\"", "\"Mutation\"", "\"Subscription\""];
                starts(text, &["persistedquerynotfound", "unknown operation"])
                    || (starts(text, &["cannot query field"])
                        && root.iter().any(|root| text.contains(root)))
            }
            ("errors[].extensions.code", Value::Text(text)) => {
                starts(text, &["persisted_query_not_found"])
            }
            _ => false,
        })
}

/// The text begins with one of some small letters.
fn starts(text: &str, heads: &[&str]) -> bool {
    heads
        .iter()
        .any(|head| text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head)))
}

/// The function a request names, if its address has several.
pub(crate) fn of(request: &Request) -> Option<Operation> {
    let leaves = || request.leaves.iter().take(LEAVES_MAX);
    let text = |path: &str| {
        leaves().find(|leaf| leaf.path == path).and_then(|leaf| match &leaf.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    };
    if leaves().any(|leaf| leaf.path == "jsonrpc") {
        let name = text("method").filter(|name| is_name(name))?;
        // Tools and prompts of a Model Context Protocol server are functions of their own.
        let of_many = matches!(name, "tools/call" | "prompts/get");
        return Some(match text("params.name").filter(|tool| of_many && is_name(tool)) {
            Some(tool) => Operation::new('#', &format!("{name}:"), tool, true),
            None => Operation::new('#', "", name, true),
        });
    }
    if let Some(action) = request.soap_action.as_deref()
        && let Some(name) = action.rsplit(['/', '#', ':']).find(|part| is_name(part))
    {
        return Some(Operation::new('#', "", name, false));
    }
    if let Some(name) = in_xml(request) {
        return Some(Operation::new('#', "", name, false));
    }
    // With files a document stands in a part of its own (GraphQL multipart request).
    if let Some(query) = text("query").or_else(|| text("operations.query"))
        && let Some(field) = root_field(query)
    {
        return Some(Operation::new('#', "", field, false));
    }
    if leaves().any(|leaf| leaf.path.starts_with("extensions.persistedQuery")) {
        let name = text("operationName").filter(|name| is_name(name))?;
        return Some(Operation::new('#', "", name, false));
    }
    leaves().find_map(|leaf| {
        let known: &[&str] = match leaf.place {
            Place::Query => IN_QUERY,
            _ => IN_BODY,
        };
        let own = |name: &&&str| leaf.path.eq_ignore_ascii_case(name);
        let of_program = || match leaf.place {
            Place::Query => OF_PROGRAM.iter().find(own).or_else(|| short(leaf)),
            Place::Form => IN_FORM.iter().find(own),
            _ => None,
        };
        let program = || is_program(&request.path).then(of_program).flatten();
        let name = known.iter().find(own).or_else(program)?;
        match &leaf.value {
            Value::Text(value) if is_name(value) => Some(Operation::new('?', name, value, false)),
            _ => None,
        }
    })
}

/// The path is that of a program by its extension (`/person.do`, `/index.php`).
fn is_program(path: &str) -> bool {
    split_extension(path.rsplit('/').next().unwrap_or_default())
        .1
        .is_some_and(|extension| crate::learn::PROGRAMS.contains(&&*extension.to_ascii_lowercase()))
}

/// A short parameter of a query whose value is the path of a function, or names a component.
fn short(leaf: &Leaf) -> Option<&'static &'static str> {
    let Value::Text(value) = &leaf.value else { return None };
    let step = |part: &str| {
        (2..=32).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b"-_".contains(&b))
    };
    let path = (2..=3).contains(&value.split('/').count()) && value.split('/').all(step);
    let chooses = path || value.starts_with("com_") && leaf.path == "option";
    IN_SHORT.iter().find(|name| leaf.path == **name).filter(|_| chooses)
}

/// The function that an XML body names: the first element of a SOAP body (document style, WSDL 1.1
/// §3.5), where the header leaves it open (SOAP 1.1 §6.1.1: `SOAPAction: ""`), or the method of an
/// XML-RPC call.
fn in_xml(request: &Request) -> Option<&str> {
    let leaves = request.leaves.iter().take(LEAVES_MAX).filter(|leaf| leaf.place == Place::Xml);
    leaves.clone().find_map(|leaf| match &leaf.value {
        Value::Text(name) if leaf.path == "methodCall.methodName" && is_name(name) => {
            Some(name.as_str())
        }
        _ => {
            let inside = leaf.path.as_str().strip_prefix("Envelope.Body.")?;
            inside.split(['.', '[', '@']).next().filter(|name| is_name(name) && *name != "Fault")
        }
    })
}

impl Operation {
    fn new(mark: char, parameter: &str, name: &str, numbered: bool) -> Self {
        let equals = if parameter.is_empty() || mark == '#' { "" } else { "=" };
        let suffix = format!("{mark}{parameter}{equals}{name}");
        Self { suffix, name: name.to_owned(), numbered }
    }

    /// A root field of GraphQL.
    pub(crate) fn of_field(field: &str) -> Self {
        Self::new('#', "", field, false)
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// It is a tool that is called.
    pub(crate) fn is_tool(&self) -> bool {
        self.suffix.starts_with("#tools/call:")
    }

    /// The template of the function at the address `path`, which is about `resource`.
    pub(crate) fn template(
        &self,
        path: &str,
        resource: &str,
        hint: Hint,
        about: About,
    ) -> Template {
        // What stands behind a dot is no extension here (`user.login`).
        let mut template = Template::new(&[Part::Name(&self.name.replace('.', "-"))]);
        template.text = format!("{path}{}", self.suffix);
        template.resource = self.thing().map_or_else(|| resource.into(), Into::into);
        template.about = template.about.and(about);
        if template.hint == Hint::None {
            template.hint = hint;
        }
        template
    }

    /// The thing that the name speaks of: `order` in `getOrderById`, `order.read` and `orders`.
    pub(crate) fn thing(&self) -> Option<String> {
        const VERBS: &[&str] = &[
            "get", "list", "read", "find", "fetch", "load", "show", "view", "query", "my", "all",
            "one", "by", "id", "ids", "create", "add", "make", "update", "edit", "set", "delete",
            "remove", "detail", "details", "info", "page", "data", "of", "for", "the", "a", "do",
        ];
        words(&self.name)
            .iter()
            .rev()
            .find(|word| !VERBS.contains(&word.as_str()) && !is_function(word))
            .map(|word| singular(word))
    }
}

fn is_name(text: &str) -> bool {
    (2..=NAME_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:".contains(&b))
}

/// The first field of a GraphQL document's first selection.
pub(crate) fn root_field(query: &str) -> Option<&str> {
    let text = skip_to_operation(query);
    let keyed = ["query", "mutation", "subscription"].iter().any(|word| text.starts_with(word));
    if !keyed && !text.starts_with('{') {
        return None;
    }
    // Definitions of variables may hold braces of their own.
    let mut depth = 0_u32;
    let open = text.char_indices().find(|(_, char)| {
        match char {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *char == '{' && depth == 0
    })?;
    let rest = text.get(open.0.saturating_add(1)..)?.trim_start();
    let (first, rest) = word(rest)?;
    match rest.trim_start().strip_prefix(':').map(str::trim_start) {
        Some(rest) => word(rest).map(|(field, _)| field),
        None => Some(first),
    }
}

/// The document from its first operation on: comments and fragments may stand before it.
fn skip_to_operation(document: &str) -> &str {
    let mut text = document;
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if text.starts_with('#') {
            text = text.split_once('\n').map_or("", |(_, rest)| rest);
        } else if text.starts_with("fragment ") {
            let mut depth = 0_u32;
            let end = text.char_indices().find(|(_, char)| {
                let opens = *char == '{';
                depth = if opens { depth.saturating_add(1) } else { depth };
                if *char == '}' {
                    depth = depth.saturating_sub(1);
                    return depth == 0;
                }
                false
            });
            let after = end.and_then(|(at, _)| text.get(at.saturating_add(1)..));
            text = after.unwrap_or_default();
        } else {
            return text;
        }
    }
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    (1..=NAME_MAX).contains(&end).then(|| text.split_at(end))
}

/// The leaf numbers the call, and names nothing.
pub(crate) fn is_call_number(leaf: &Leaf, operation: Option<&Operation>) -> bool {
    leaf.path == "id" && operation.is_some_and(|operation| operation.numbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, get, post};

    fn check(tx: Tx, suffix: Option<&str>, thing: Option<&str>) {
        let tx = World::new().tx(tx);
        let found = of(tx.request.as_ref().unwrap());
        assert_eq!(found.as_ref().map(|found| found.suffix.as_str()), suffix);
        assert_eq!(found.and_then(|found| found.thing()).as_deref(), thing);
    }

    #[test]
    fn functions_are_told_apart_where_one_address_has_many() {
        let graph = |query: &str| {
            let body = format!("{{\"operationName\":\"Anything\",\"query\":\"{query}\"}}");
            post("/graphql").json(&body)
        };
        check(graph("query Q($id: ID!) { order(id: $id) { id } }"), Some("#order"), Some("order"));
        check(graph("{ mine: orders { id } }"), Some("#orders"), Some("order"));
        check(
            graph("query Q($f: F = {a: 1}) { getItems { id } }"),
            Some("#getItems"),
            Some("item"),
        );
        check(graph("not a query"), None, None);
        check(graph("# Orders\\nquery { orders { id } }"), Some("#orders"), Some("order"));
        check(
            graph("fragment F on Order { id lines { n } } query { orders { ...F } }"),
            Some("#orders"),
            Some("order"),
        );
        let call = r#"{"jsonrpc":"2.0","id":7,"method":"order.read","params":{"id":5}}"#;
        check(post("/rpc").json(call), Some("#order.read"), Some("order"));
        let tool =
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_order"}}"#;
        check(post("/mcp").json(tool), Some("#tools/call:get_order"), Some("order"));
        let soap = post("/ws").header("Content-Type", "text/xml");
        let soap = soap.header("SOAPAction", "\"http://shop.test/orders/GetOrder\"");
        check(soap, Some("#GetOrder"), Some("order"));
        let soap = post("/ws").header(
            "Content-Type",
            "application/soap+xml; charset=utf-8; action=\"urn:ListItems\"",
        );
        check(soap, Some("#ListItems"), Some("item"));
        let named = |body: &str| post("/ws").header("SOAPAction", "\"\"").asks_xml(body);
        check(
            named(
                "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><t>x</t>\
                 </s:Header><s:Body><o:CancelOrder><o:id>7</o:id></o:CancelOrder></s:Body>\
                 </s:Envelope>",
            ),
            Some("#CancelOrder"),
            Some("order"),
        );
        check(
            named("<methodCall><methodName>order.read</methodName><params/></methodCall>"),
            Some("#order.read"),
            Some("order"),
        );
        check(get("/index.php?action=login&x=1"), Some("?action=login"), None);
        check(get("/index.php?r=site/login"), Some("?r=site/login"), Some("site"));
        check(get("/index.php?route=product/list"), Some("?route=product/list"), Some("product"));
        check(get("/index.php?option=com_users"), Some("?option=com_users"), Some("user"));
        check(post("/person.do").form("method=suchen"), Some("?method=suchen"), Some("suchen"));
        check(post("/ajax").json(r#"{"cmd":"listUsers"}"#), Some("?cmd=listUsers"), Some("user"));
    }

    #[test]
    fn what_varies_like_a_value_is_no_function() {
        check(get("/search?q=order&action=17"), None, None);
        check(get("/search?query=shoes"), None, None);
        check(get("/s?q=shoes"), None, None);
        check(get("/index.php?r=17/4"), None, None);
        check(get("/login?r=account/orders"), None, None);
        check(get("/stops?route=north-line"), None, None);
        check(get("/reminders?task=call-home"), None, None);
        check(post("/pay").form("method=card"), None, None);
        check(post("/pay").json(r#"{"method":"card"}"#), None, None);
        check(post("/x").json(r#"{"action":"a long text that says something"}"#), None, None);
    }
}
