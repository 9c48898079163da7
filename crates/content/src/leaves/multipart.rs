//! `multipart/form-data` (RFC 7578): the fields, and of files name, type and length.

use super::{Sink, form};
use crate::bytes::part;
use memchr::memmem;
use std::borrow::Cow;
use stilt_model::Place;

const PARTS_MAX: usize = 1024;

/// The boundary of a `Content-Type`.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.find("boundary=")?.saturating_add(9);
    let rest = part(content_type, at, content_type.len());
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', ' ', ',']).next()?,
    };
    (!value.is_empty() && value.len() <= 200).then_some(value)
}

/// Reads the fields of `body`; a part whose end was not seen is left out.
pub(crate) fn read(body: &[u8], boundary: &str, sink: &mut Sink<'_>) {
    let delimiter = format!("--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let mut rest =
        match finder.find(body).and_then(|at| body.get(at.saturating_add(delimiter.len())..)) {
            Some(rest) => rest,
            None => {
                sink.cut = true;
                return;
            }
        };
    for _ in 0..PARTS_MAX {
        if rest.starts_with(b"--") {
            return;
        }
        let Some(end) = finder.find(rest) else {
            sink.cut = true;
            return;
        };
        let one = rest.get(..end).unwrap_or_default();
        if !field(one, sink) {
            return;
        }
        rest = rest.get(end.saturating_add(delimiter.len())..).unwrap_or_default();
    }
    sink.cut = true;
}

fn field(one: &[u8], sink: &mut Sink<'_>) -> bool {
    let (gap, size) = match memmem::find(one, b"\r\n\r\n") {
        Some(at) => (at, 4_usize),
        None => match memmem::find(one, b"\n\n") {
            Some(at) => (at, 2),
            None => return true,
        },
    };
    let head = crate::bytes::lossy(one.get(..gap).unwrap_or_default()).into_owned();
    let value = one.get(gap.saturating_add(size)..).unwrap_or_default();
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let disposition = header(&head, "content-disposition:");
    let Some(disposition) = disposition else { return true };
    let Some(name) = parameter(disposition, "name=") else { return true };
    let media = header(&head, "content-type:").map(str::trim).unwrap_or_default();
    if let Some(file) = parameter(disposition, "filename=") {
        // What a form says of a file; its content is no leaf.
        let length = value.len().to_string();
        let said = [("filename", file), ("type", media), ("length", length.as_str())];
        return said.into_iter().filter(|(_, text)| !text.is_empty()).all(|(what, text)| {
            form::field(&format!("{name}.{what}"), Cow::Borrowed(text), Place::Form, sink)
        });
    }
    form::field(name, crate::bytes::lossy(value), Place::Form, sink)
}

/// What follows the name of a header.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn parameter<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    line.split(';').map(str::trim).find_map(|piece| {
        let value = piece.strip_prefix(wanted)?;
        Some(value.trim_matches('"'))
    })
}
