//! XML and SOAP bodies: a pull reader under caps. Entities are never expanded: the five that XML
//! defines and character numbers are read, all others are left out.

use super::paths::{PathId, ROOT};
use super::{Scalar, Sink};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
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
    let mut open: Vec<PathId> = Vec::new();
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
                match start(&element, open.last().copied(), sink) {
                    Some(path) => open.push(path),
                    None => return,
                }
            }
            Ok(Event::Empty(element)) if too_deep == 0 => {
                text.clear();
                if start(&element, open.last().copied(), sink).is_none() {
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
                let Some(path) = open.pop() else { return };
                if !said.trim().is_empty()
                    && !sink.add(Place::Xml, path, 0, Scalar::Text(said.trim().into()))
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

/// The path of an element that begins, its attributes read; `None` where no more leaves are taken.
fn start(element: &BytesStart<'_>, above: Option<PathId>, sink: &mut Sink<'_>) -> Option<PathId> {
    let path = sink.child(above.unwrap_or(ROOT), element.local_name().as_ref().as_bytes());
    let mut attributes = element.attributes();
    for attribute in attributes.with_checks(false).flatten().take(ATTRIBUTES_MAX) {
        let key = attribute.key;
        if key.as_ref().starts_with("xmlns") {
            continue;
        }
        let name = format!("@{}", key.local_name().as_ref());
        let at = sink.child(path, name.as_bytes());
        if !sink.add(Place::Xml, at, 0, Scalar::Text(unescape(&attribute.value))) {
            return None;
        }
    }
    Some(path)
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
