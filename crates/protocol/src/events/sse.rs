//! Server-sent events: lines of fields, and an empty line behind each event.

use super::{EVENT_MAX, push};
use stilt_model::StreamEvents;

/// Bytes of an event's name.
const NAME_MAX: usize = 128;

/// A reader of `text/event-stream`.
#[derive(Debug, Default)]
pub(super) struct Sse {
    /// The line so far.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR: an LF behind it belongs to it.
    after_cr: bool,
    /// Something was lost: nothing counts until the next empty line.
    lost: bool,
    begun: bool,
}

impl Sse {
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut StreamEvents) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.after_cr {
                self.after_cr = false;
                if *first == b'\n' {
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.add(rest, out);
                return;
            };
            self.add(rest.get(..end).unwrap_or_default(), out);
            self.after_cr = rest.get(end) == Some(&b'\r');
            self.line_end(out);
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }

    fn add(&mut self, part: &[u8], out: &mut StreamEvents) {
        if self.line.len().saturating_add(part.len()) > EVENT_MAX {
            self.lost = true;
            out.cut = true;
            // So much that the line is not empty.
            self.line.truncate(1);
            return;
        }
        self.line.extend_from_slice(part);
    }

    fn line_end(&mut self, out: &mut StreamEvents) {
        let mut line = core::mem::take(&mut self.line);
        if !self.begun {
            self.begun = true;
            if line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
        }
        if line.is_empty() {
            self.event(out);
            self.lost = false;
        } else if !self.lost {
            self.field(&line, out);
        }
        line.clear();
        self.line = line;
    }

    fn field(&mut self, line: &[u8], out: &mut StreamEvents) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, b""));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.name = value.get(..NAME_MAX).unwrap_or(value).to_vec(),
            b"data" => {
                if self.data.len().saturating_add(value.len()) >= EVENT_MAX {
                    self.lost = true;
                    out.cut = true;
                    return;
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            _ => {}
        }
    }

    fn event(&mut self, out: &mut StreamEvents) {
        if self.has_data && !self.lost {
            push(out, &self.name, &self.data);
        }
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }

    pub(super) fn gap(&mut self) {
        self.lost = true;
        self.after_cr = false;
        // What comes next is the rest of some line.
        self.line = vec![b':'];
    }

    pub(super) fn end(mut self, out: &mut StreamEvents) {
        // The standard drops an event without its empty line; servers forget it at the very end.
        if !self.line.is_empty() {
            self.line_end(out);
        }
        self.event(out);
    }
}
