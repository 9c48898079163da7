//! One JSON value per line.

use super::{EVENT_MAX, push};
use stilt_model::StreamEvents;

/// A reader of lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    /// The rest of the line is left out.
    lost: bool,
}

impl Lines {
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut StreamEvents) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if self.line.len().saturating_add(part.len()) > EVENT_MAX {
                self.lost = true;
                out.cut = true;
            }
            if self.lost {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let Some(end) = end else { return };
            self.line_end(out);
            rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        }
    }

    fn line_end(&mut self, out: &mut StreamEvents) {
        let line = self.line.trim_ascii();
        if !line.is_empty() && !self.lost {
            push(out, b"", line);
        }
        self.line.clear();
        self.lost = false;
    }

    pub(super) fn gap(&mut self) {
        self.line.clear();
        self.lost = true;
    }

    pub(super) fn end(mut self, out: &mut StreamEvents) {
        self.line_end(out);
    }
}
