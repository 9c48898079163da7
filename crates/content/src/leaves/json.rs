//! JSON bodies, whole or cut off: a pull reader that stops at its caps.

use super::paths::{PathId, ROOT};
use super::{Scalar, Sink};
use crate::bytes::{byte, run_end};
use std::borrow::Cow;
use stilt_model::Place;

/// Deepest nesting whatever the configuration says: the reader recurses.
const DEPTH_CAP: usize = 256;
/// Nesting that is followed inside a value.
const INNER_DEPTH: usize = 32;

/// What stops the reader.
enum Stop {
    /// The text ended, or went on in a way no JSON does.
    End,
    /// No more leaves are taken.
    Full,
}

/// Whether a body looks like JSON from its first byte.
pub(crate) fn looks_like(body: &[u8]) -> bool {
    matches!(body.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// Reads one value, or several after one another (JSON lines).
pub(crate) fn read(body: &[u8], depth_max: usize, sink: &mut Sink<'_>) {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.strip_prefix(b")]}',").unwrap_or(body);
    let mut reader =
        Reader { bytes: body, at: 0, depth_max: depth_max.min(DEPTH_CAP), record: 0, arrays: 0 };
    loop {
        reader.space();
        if reader.at >= body.len() {
            return;
        }
        if reader.value(0, ROOT, sink).is_err() {
            sink.cut = true;
            return;
        }
    }
}

/// Reads a value that stands inside another, under the path of that one.
pub(crate) fn read_at(body: &[u8], path: PathId, sink: &mut Sink<'_>) {
    let mut reader = Reader { bytes: body, at: 0, depth_max: INNER_DEPTH, record: 0, arrays: 0 };
    reader.space();
    sink.cut |= reader.value(0, path, sink).is_err();
}

/// Reads the JSON of `data:` lines of a stream of events.
pub(crate) fn read_events(body: &[u8], depth_max: usize, sink: &mut Sink<'_>) {
    for line in body.split(|byte| *byte == b'\n') {
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        if looks_like(data) && !sink.cut {
            read(data, depth_max, sink);
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_max: usize,
    record: u32,
    arrays: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> u8 {
        byte(self.bytes, self.at)
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        self.at = run_end(self.bytes, self.at, |b| matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Stop> {
        self.space();
        if self.peek() == wanted && self.at < self.bytes.len() {
            self.step();
            return Ok(());
        }
        Err(Stop::End)
    }

    fn value(&mut self, depth: usize, path: PathId, sink: &mut Sink<'_>) -> Result<(), Stop> {
        self.space();
        let scalar = match self.peek() {
            b'{' | b'[' if depth >= self.depth_max => {
                sink.cut = true;
                return self.skip();
            }
            b'{' => return self.object(depth, path, sink),
            b'[' => return self.array(depth, path, sink),
            b'"' => Scalar::Text(self.string()?),
            b't' => self.word(b"true", Scalar::Bool(true))?,
            b'f' => self.word(b"false", Scalar::Bool(false))?,
            b'n' => self.word(b"null", Scalar::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(Stop::End),
        };
        let record = if self.arrays > 0 { self.record } else { 0 };
        if sink.add(Place::Json, path, record, scalar) { Ok(()) } else { Err(Stop::Full) }
    }

    fn object(&mut self, depth: usize, path: PathId, sink: &mut Sink<'_>) -> Result<(), Stop> {
        self.step();
        self.space();
        if self.peek() == b'}' {
            self.step();
            return Ok(());
        }
        loop {
            self.space();
            let (raw, escaped) = self.raw_string()?;
            self.expect(b':')?;
            let child = if escaped {
                sink.child(path, unescape(&crate::bytes::lossy(raw)).as_bytes())
            } else {
                sink.child(path, raw)
            };
            self.value(depth.saturating_add(1), child, sink)?;
            self.space();
            match self.peek() {
                b',' => self.step(),
                b'}' => {
                    self.step();
                    return Ok(());
                }
                _ => return Err(Stop::End),
            }
        }
    }

    fn array(&mut self, depth: usize, path: PathId, sink: &mut Sink<'_>) -> Result<(), Stop> {
        self.step();
        self.space();
        if self.peek() == b']' {
            self.step();
            return Ok(());
        }
        let element = sink.paths.element(path);
        let outermost = self.arrays == 0;
        self.arrays = self.arrays.saturating_add(1);
        if outermost {
            self.record = 0;
        }
        loop {
            self.value(depth.saturating_add(1), element, sink)?;
            self.space();
            match self.peek() {
                b',' => self.step(),
                b']' => {
                    self.step();
                    break;
                }
                _ => return Err(Stop::End),
            }
            if outermost {
                self.record = self.record.saturating_add(1);
            }
        }
        self.arrays = self.arrays.saturating_sub(1);
        Ok(())
    }

    /// Steps over a container that is nested too deeply.
    fn skip(&mut self) -> Result<(), Stop> {
        let mut open = 0_usize;
        while self.at < self.bytes.len() {
            match self.peek() {
                b'"' => {
                    self.raw_string()?;
                    continue;
                }
                b'{' | b'[' => open = open.saturating_add(1),
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.step();
            if open == 0 {
                return Ok(());
            }
        }
        Err(Stop::End)
    }

    fn word(&mut self, word: &[u8], scalar: Scalar<'a>) -> Result<Scalar<'a>, Stop> {
        let end = self.at.saturating_add(word.len());
        if self.bytes.get(self.at..end) != Some(word) {
            return Err(Stop::End);
        }
        self.at = end;
        Ok(scalar)
    }

    fn number(&mut self) -> Result<Scalar<'a>, Stop> {
        let end = run_end(self.bytes, self.at, |b| {
            b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E')
        });
        // A number at the very end of a cut body may go on; alone in a body it is whole.
        let text = self.bytes.get(self.at..end).and_then(|raw| core::str::from_utf8(raw).ok());
        if end >= self.bytes.len() && self.at > 0 {
            return Err(Stop::End);
        }
        self.at = end;
        text.map(Scalar::Number).ok_or(Stop::End)
    }

    /// The raw bytes of the string that starts here, and whether they hold escapes.
    fn raw_string(&mut self) -> Result<(&'a [u8], bool), Stop> {
        if self.peek() != b'"' {
            return Err(Stop::End);
        }
        self.step();
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let at = memchr::memchr2(b'"', b'\\', rest).ok_or(Stop::End)?;
            let found = self.at.saturating_add(at);
            if byte(self.bytes, found) == b'"' {
                self.at = found.saturating_add(1);
                return Ok((self.bytes.get(start..found).unwrap_or_default(), escaped));
            }
            escaped = true;
            self.at = found.saturating_add(2);
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Stop> {
        let (raw, escaped) = self.raw_string()?;
        let text = crate::bytes::lossy(raw);
        if escaped { Ok(Cow::Owned(unescape(&text))) } else { Ok(text) }
    }
}

/// Undoes escapes (RFC 8259 §7); halves of surrogate pairs that stand alone are replaced.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut high: Option<u32> = None;
    while let Some(char) = chars.next() {
        let mut plain = char;
        if char == '\\' {
            match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let unit = u32::from_str_radix(&digits, 16).unwrap_or(0xfffd);
                    if (0xd800..0xdc00).contains(&unit) {
                        if high.replace(unit).is_some() {
                            out.push('\u{fffd}');
                        }
                        continue;
                    }
                    let code = match high.take() {
                        Some(first) if (0xdc00..0xe000).contains(&unit) => {
                            let upper = first.saturating_sub(0xd800).saturating_mul(0x400);
                            let lower = unit.saturating_sub(0xdc00);
                            upper.saturating_add(lower).saturating_add(0x1_0000)
                        }
                        Some(_) => {
                            out.push('\u{fffd}');
                            unit
                        }
                        None => unit,
                    };
                    out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    continue;
                }
                Some('n') => plain = '\n',
                Some('t') => plain = '\t',
                Some('r') => plain = '\r',
                Some('b') => plain = '\u{8}',
                Some('f') => plain = '\u{c}',
                Some(other) => plain = other,
                None => break,
            }
        }
        if high.take().is_some() {
            out.push('\u{fffd}');
        }
        out.push(plain);
    }
    out
}
