//! XML and SOAP bodies: a pull reader under caps. Entities are never expanded: the five that XML
//! defines and character numbers are read, all others are left out.

use super::paths::{PathId, ROOT};
use super::{Scalar, Sink};
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::Place;

/// Deepest nesting whatever the configuration says.
const DEPTH_CAP: usize = 256;
/// Attributes read of one element.
const ATTRIBUTES_MAX: usize = 64;
/// Bytes kept of one element's text.
const TEXT_MAX: usize = 65_536;

/// Whether a body looks like XML from its start: a declaration, or an element that is no page's.
pub(crate) fn looks_like(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    if body.starts_with(b"<?xml") {
        return true;
    }
    let head = body.get(..15).unwrap_or(body).to_ascii_lowercase();
    head.first() == Some(&b'<')
        && head.get(1).is_some_and(u8::is_ascii_alphabetic)
        && !head.starts_with(b"<html")
}

/// Reads elements as `a.b.c` and attributes as `a.b.@c`, without prefixes of namespaces.
pub(crate) fn read(body: &[u8], depth_max: usize, sink: &mut Sink<'_>) {
    let body = crate::bytes::lossy(body);
    let mut reader = Reader::from_str(&body);
    // What is cut off or wrongly nested is read as far as it goes.
    reader.config_mut().check_end_names = false;
    let depth_max = depth_max.min(DEPTH_CAP);
    let lists = Lists::of(&body, depth_max);
    let mut open: Vec<Open> = Vec::new();
    let mut too_deep = 0_usize;
    let mut text = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) if too_deep > 0 || open.len() >= depth_max => {
                sink.cut = true;
                too_deep = too_deep.saturating_add(1);
            }
            Ok(Event::Start(element)) => {
                text.clear();
                let element = start(&element, open.last_mut(), &lists, sink);
                let Some(element) = element else { return };
                open.push(element);
            }
            Ok(Event::Empty(element)) if too_deep == 0 => {
                text.clear();
                if start(&element, open.last_mut(), &lists, sink).is_none() {
                    return;
                }
            }
            Ok(Event::Text(more)) if too_deep == 0 => push(&mut text, &more),
            Ok(Event::CData(more)) if too_deep == 0 => push(&mut text, &more),
            Ok(Event::GeneralRef(name)) if too_deep == 0 => {
                if let Some(char) = reference(&name) {
                    text.push(char);
                }
            }
            Ok(Event::End(_)) if too_deep > 0 => too_deep = too_deep.saturating_sub(1),
            Ok(Event::End(_)) => {
                let said = core::mem::take(&mut text);
                let Some(Open { path, record, .. }) = open.pop() else { return };
                let record = record.unwrap_or(0);
                if !said.trim().is_empty()
                    && !sink.add(Place::Xml, path, record, Scalar::Text(said.trim().into()))
                {
                    return;
                }
            }
            Ok(Event::Eof) => {
                sink.cut |= !open.is_empty();
                return;
            }
            Ok(_) => {}
            Err(_) => {
                sink.cut = true;
                return;
            }
        }
    }
}

fn push(text: &mut String, more: &str) {
    if text.len().saturating_add(more.len()) <= TEXT_MAX {
        text.push_str(more);
    }
}

/// An element that has begun.
struct Open {
    path: PathId,
    /// Its name and those above it.
    chain: u64,
    /// Which one it is of the outermost list that it stands in.
    record: Option<u32>,
    /// Elements in it that stand in lists, by their chain.
    inside: BTreeMap<u64, u32>,
}

/// Names of elements that stand several times beside each other: they are lists, as arrays of JSON
/// are.
struct Lists {
    repeated: BTreeSet<u64>,
    hasher: RandomState,
}

impl Lists {
    fn of(body: &str, depth_max: usize) -> Self {
        let mut lists = Self { repeated: BTreeSet::new(), hasher: RandomState::default() };
        let mut reader = Reader::from_str(body);
        reader.config_mut().check_end_names = false;
        let mut open: Vec<(u64, BTreeSet<u64>)> = Vec::new();
        let mut too_deep = 0_usize;
        loop {
            match reader.read_event() {
                Ok(Event::Start(_)) if too_deep > 0 || open.len() >= depth_max => {
                    too_deep = too_deep.saturating_add(1);
                }
                Ok(Event::Start(element)) => {
                    let chain = lists.meet(&mut open, element.local_name().as_ref().as_bytes());
                    open.push((chain, BTreeSet::new()));
                }
                Ok(Event::Empty(element)) if too_deep == 0 => {
                    lists.meet(&mut open, element.local_name().as_ref().as_bytes());
                }
                Ok(Event::End(_)) if too_deep > 0 => too_deep = too_deep.saturating_sub(1),
                Ok(Event::End(_)) => {
                    open.pop();
                }
                Ok(Event::Eof) | Err(_) => return lists,
                Ok(_) => {}
            }
        }
    }

    fn chain(&self, above: Option<u64>, name: &[u8]) -> u64 {
        self.hasher.hash_one((above, name))
    }

    fn meet(&mut self, open: &mut [(u64, BTreeSet<u64>)], name: &[u8]) -> u64 {
        let Some((above, met)) = open.last_mut() else { return self.chain(None, name) };
        let chain = self.chain(Some(*above), name);
        if !met.insert(chain) {
            self.repeated.insert(chain);
        }
        chain
    }
}

/// An element that begins, its attributes read; `None` where no more leaves are taken.
fn start(
    element: &BytesStart<'_>,
    mut above: Option<&mut Open>,
    lists: &Lists,
    sink: &mut Sink<'_>,
) -> Option<Open> {
    let name = element.local_name();
    let name = name.as_ref().as_bytes();
    let chain = lists.chain(above.as_ref().map(|above| above.chain), name);
    let mut path = sink.child(above.as_ref().map_or(ROOT, |above| above.path), name);
    let mut record = above.as_ref().and_then(|above| above.record);
    if lists.repeated.contains(&chain) {
        path = sink.paths.element(path);
        let at = above.as_mut().map(|above| above.inside.entry(chain).or_default());
        let at = at.map_or(0, |at| core::mem::replace(at, at.saturating_add(1)));
        record = record.or(Some(at));
    }
    let mut attributes = element.attributes();
    for attribute in attributes.with_checks(false).flatten().take(ATTRIBUTES_MAX) {
        let key = attribute.key;
        if key.as_ref().starts_with("xmlns") {
            continue;
        }
        let name = format!("@{}", key.local_name().as_ref());
        let at = sink.child(path, name.as_bytes());
        let value = Scalar::Text(unescape(&attribute.value));
        if !sink.add(Place::Xml, at, record.unwrap_or(0), value) {
            return None;
        }
    }
    Some(Open { path, chain, record, inside: BTreeMap::new() })
}

/// The character that a reference stands for, where XML itself defines it.
fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once(';').map(|(name, rest)| (reference(name), rest)) {
            Some((Some(char), rest)) => {
                out.push(char);
                out.push_str(rest);
            }
            _ => out.push_str(part),
        }
    }
    Cow::Owned(out)
}
