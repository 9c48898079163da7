//! JSON as a tree, for bodies that must be read as a whole; one that is cut off gives what there
//! is.

use crate::leaves::json::unescape;
use std::borrow::Cow;

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 48;
/// Values of one tree; beyond it the rest is left out.
const NODES_MAX: usize = 200_000;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// What was odd about a text of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// It ends too early, or goes on as no JSON does, or is too much.
    pub(crate) cut: bool,
    /// An object has two members of one name.
    pub(crate) duplicate_keys: bool,
}

/// Nothing, for members that are not there.
const NOTHING: &Node<'static> = &Node::Null;

impl<'a> Node<'a> {
    /// The first value of a text.
    pub(crate) fn parse(bytes: &'a [u8]) -> (Self, Oddities) {
        let mut parser = Parser { bytes, at: 0, left: NODES_MAX, odd: Oddities::default() };
        let node = parser.value(0);
        (node, parser.odd)
    }

    /// Every value of a text: one, or several on lines of their own.
    pub(crate) fn parse_all(bytes: &'a [u8]) -> (Vec<Self>, Oddities) {
        let mut parser = Parser { bytes, at: 0, left: NODES_MAX, odd: Oddities::default() };
        let mut all = Vec::new();
        parser.space();
        while parser.at < bytes.len() && !parser.odd.cut {
            all.push(parser.value(0));
            parser.space();
        }
        (all, parser.odd)
    }

    /// A member of an object: the last of that name, as most readers take it.
    pub(crate) fn find(&self, name: &str) -> Option<&Node<'a>> {
        match self {
            Self::Object(members) => {
                members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// As [`Self::find`]; nothing where it is not there.
    pub(crate) fn get(&self, name: &str) -> &Node<'a> {
        match self.find(name) {
            Some(node) => node,
            None => NOTHING,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some_and(|node| *node != Self::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a member.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.get(name).text()
    }

    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Self::Number(text) => text.parse().ok().or_else(|| {
                // `12.0` is twelve to most readers.
                text.strip_suffix(".0")?.parse().ok()
            }),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Self::Number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node<'a>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The elements of a list, or the thing itself.
    pub(crate) fn each(&self) -> &[Node<'a>] {
        match self {
            Self::List(items) => items,
            Self::Null => &[],
            other => core::slice::from_ref(other),
        }
    }

    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// Canonical form: members in order of their names, no spaces.
    pub(crate) fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(bool) => out.extend_from_slice(if *bool { b"true" } else { b"false" }),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push(b'[');
                for item in items {
                    item.canonical(out);
                    out.push(b',');
                }
                out.push(b']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
                out.push(b'{');
                for (key, value) in sorted {
                    quote(key, out);
                    out.push(b':');
                    value.canonical(out);
                    out.push(b',');
                }
                out.push(b'}');
            }
        }
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
    odd: Oddities,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> u8 {
        crate::bytes::byte(self.bytes, self.at)
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        self.at = crate::bytes::run_end(self.bytes, self.at, |b| b.is_ascii_whitespace());
    }

    /// Gives up: nothing more is read.
    fn stop<T>(&mut self, with: T) -> T {
        self.odd.cut = true;
        self.at = self.bytes.len();
        with
    }

    fn value(&mut self, depth: usize) -> Node<'a> {
        self.space();
        if self.left == 0 || depth > DEPTH_MAX {
            return self.stop(Node::Null);
        }
        self.left = self.left.saturating_sub(1);
        match self.peek() {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map_or(Node::Null, Node::Text),
            b't' => self.word(b"true", Node::Bool(true)),
            b'f' => self.word(b"false", Node::Bool(false)),
            b'n' => self.word(b"null", Node::Null),
            b'-' | b'0'..=b'9' => {
                let end = crate::bytes::run_end(self.bytes, self.at, |b| {
                    b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E')
                });
                let raw = self.bytes.get(self.at..end).unwrap_or_default();
                self.at = end;
                core::str::from_utf8(raw).map_or(Node::Null, Node::Number)
            }
            _ => self.stop(Node::Null),
        }
    }

    fn word(&mut self, word: &[u8], node: Node<'a>) -> Node<'a> {
        let end = self.at.saturating_add(word.len());
        if self.bytes.get(self.at..end) != Some(word) {
            return self.stop(Node::Null);
        }
        self.at = end;
        node
    }

    fn object(&mut self, depth: usize) -> Node<'a> {
        self.step();
        let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        loop {
            self.space();
            match self.peek() {
                b'}' => {
                    self.step();
                    break;
                }
                b',' => {
                    self.step();
                    continue;
                }
                b'"' => {}
                _ => {
                    self.stop(());
                    break;
                }
            }
            let Some(key) = self.string() else { break };
            self.space();
            if self.peek() != b':' {
                self.stop(());
                break;
            }
            self.step();
            let value = self.value(depth.saturating_add(1));
            // Looked for among the first only: large objects are data, not calls.
            let known = members.iter().take(64).any(|(known, _)| *known == key);
            self.odd.duplicate_keys |= known;
            members.push((key, value));
            if self.odd.cut {
                break;
            }
        }
        Node::Object(members)
    }

    fn list(&mut self, depth: usize) -> Node<'a> {
        self.step();
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                b']' => {
                    self.step();
                    break;
                }
                b',' => {
                    self.step();
                    continue;
                }
                _ => {}
            }
            if self.at >= self.bytes.len() {
                self.stop(());
                break;
            }
            items.push(self.value(depth.saturating_add(1)));
            if self.odd.cut {
                break;
            }
        }
        Node::List(items)
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.step();
        let start = self.at;
        let mut escaped = false;
        let end = loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                // Cut inside: what there is of a text is told.
                let end = self.bytes.len();
                self.stop(());
                break end;
            };
            let found = self.at.saturating_add(found);
            if crate::bytes::byte(self.bytes, found) == b'"' {
                self.at = found.saturating_add(1);
                break found;
            }
            escaped = true;
            self.at = found.saturating_add(2);
        };
        let text = crate::bytes::lossy(self.bytes.get(start..end)?);
        Some(if escaped { Cow::Owned(unescape(&text)) } else { text })
    }
}

/// Names of the members of the outermost object (of a list: of its first element), each once asked
/// for: told without reading what they hold.
pub(crate) fn names(bytes: &[u8]) -> Vec<&[u8]> {
    const NAMES_MAX: usize = 64;
    let mut names = Vec::new();
    let (mut at, mut depth) = (0_usize, 0_usize);
    let mut base = 1_usize;
    let mut key = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let start = at.saturating_add(1);
                let Some(end) = string_end(bytes, start) else { break };
                let after = crate::bytes::run_end(bytes, end.saturating_add(1), |b| {
                    b.is_ascii_whitespace()
                });
                if key && depth == base && bytes.get(after) == Some(&b':') {
                    names.push(bytes.get(start..end).unwrap_or_default());
                    if names.len() >= NAMES_MAX {
                        break;
                    }
                }
                key = false;
                at = end;
            }
            b'{' | b'[' => {
                if *byte == b'[' && depth == 0 {
                    base = 2;
                }
                depth = depth.saturating_add(1);
                key = *byte == b'{';
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth < base {
                    break;
                }
            }
            b',' => key = true,
            _ => {}
        }
        at = at.saturating_add(1);
    }
    names
}

fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let found = at.saturating_add(memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?);
        if bytes.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found.saturating_add(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        Node::parse(text.as_bytes()).0.canonical(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn order_of_members_does_not_matter_and_content_does() {
        assert_eq!(
            canonical(r#"{"b":[1,"x"],"a":null}"#),
            canonical(r#"{ "a" : null,"b":[1,"x"]}"#)
        );
        assert_ne!(canonical(r#"{"a":1}"#), canonical(r#"{"a":"1"}"#));
        assert_ne!(canonical(r#"["a\",\"b"]"#), canonical(r#"["a","b"]"#));
    }

    #[test]
    fn what_is_cut_off_gives_what_there_is() {
        let (node, odd) = Node::parse(br#"{"m":[{"role":"user","content":"hel"#);
        assert!(odd.cut);
        assert_eq!(node.get("m").items()[0].str("content"), Some("hel"));
        assert!(Node::parse("[".repeat(10_000).as_bytes()).1.cut);
        assert!(!Node::parse(br#"{"a":1,"b":{"a":2}}"#).1.duplicate_keys);
        assert!(Node::parse(br#"{"a":1,"a":2}"#).1.duplicate_keys);
    }

    #[test]
    fn names_of_members_are_told_without_their_values() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<_> =
                names(text.as_bytes()).into_iter().map(crate::bytes::lossy).collect();
            assert_eq!(found, expected, "{text}");
        };
        check(
            r#"{"model":"m","messages":[{"role":"x"}],"a\"b":{"q":1}}"#,
            &["model", "messages", "a\\\"b"],
        );
        check(r#"[{"jsonrpc":"2.0","id":1},{"x":2}]"#, &["jsonrpc", "id"]);
        check(r#""a""#, &[]);
        check(r#"{"a":"b","#, &["a"]);
    }
}
