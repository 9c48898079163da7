//! Chunked transfer coding (RFC 9112 §7.1), with extensions and trailers.

use super::Limits;
use stilt_model::Anomaly;

/// Longest line of chunk size and extensions.
const SIZE_LINE_MAX: usize = 8192;

#[derive(Clone, Debug, Default)]
enum Part {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
}

/// State between calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunked {
    part: Part,
    /// The line that is being read.
    line: Vec<u8>,
    trailer: usize,
    begun: bool,
}

/// What the coding yields.
pub(super) enum Event<'a> {
    Data(&'a [u8]),
    /// A line of the trailer section, its end left out.
    Trailer(&'a [u8]),
    Odd(Anomaly),
}

/// Whether the body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    NotYet,
    Whole,
    Broken,
}

impl Chunked {
    /// Bytes held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.line.len()
    }

    /// A line with a size comes next.
    pub(super) fn awaits_size(&self) -> bool {
        matches!(self.part, Part::Size) && self.line.is_empty()
    }

    /// Nothing was taken yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.awaits_size() && !self.begun
    }

    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        mut on: impl FnMut(Event<'_>),
    ) -> (usize, End) {
        let mut at = 0_usize;
        self.begun |= !bytes.is_empty();
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            match &mut self.part {
                Part::Data(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    on(Event::Data(rest.get(..take).unwrap_or_default()));
                    *left = left.saturating_sub(take as u64);
                    at = at.saturating_add(take);
                    if *left == 0 {
                        self.part = Part::DataEnd;
                    }
                }
                Part::DataEnd => {
                    let skip = match rest {
                        [b'\r', b'\n', ..] => 2,
                        [b'\n', ..] => 1,
                        [b'\r'] => {
                            // The line feed comes with the next bytes.
                            return (bytes.len(), End::NotYet);
                        }
                        _ => {
                            on(Event::Odd(Anomaly::BadChunk));
                            return (at, End::Broken);
                        }
                    };
                    at = at.saturating_add(skip);
                    self.part = Part::Size;
                }
                Part::Size | Part::Trailer => {
                    let Some(end) = memchr::memchr(b'\n', rest) else {
                        self.line.extend_from_slice(rest);
                        if self.line.len() > SIZE_LINE_MAX.max(limits.trailer_max) {
                            on(Event::Odd(Anomaly::BadChunk));
                            return (bytes.len(), End::Broken);
                        }
                        return (bytes.len(), End::NotYet);
                    };
                    at = at.saturating_add(end).saturating_add(1);
                    let mut line = core::mem::take(&mut self.line);
                    line.extend_from_slice(rest.get(..end).unwrap_or_default());
                    let ended = self.line(&line, limits, &mut on);
                    line.clear();
                    self.line = line;
                    if ended != End::NotYet {
                        return (at, ended);
                    }
                }
            }
        }
        (at, End::NotYet)
    }

    fn line(&mut self, line: &[u8], limits: &Limits, on: &mut impl FnMut(Event<'_>)) -> End {
        let bare = !line.ends_with(b"\r");
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Part::Trailer = self.part {
            self.trailer = self.trailer.saturating_add(line.len());
            if line.is_empty() {
                return End::Whole;
            }
            if self.trailer > limits.trailer_max {
                return End::Broken;
            }
            on(Event::Trailer(line));
            return End::NotYet;
        }
        if bare {
            on(Event::Odd(Anomaly::BareLf));
        }
        match size(line) {
            Some((size, odd)) => {
                if odd {
                    on(Event::Odd(Anomaly::BadChunk));
                }
                self.part = if size == 0 { Part::Trailer } else { Part::Data(size) };
            }
            None => {
                on(Event::Odd(Anomaly::BadChunk));
                return End::Broken;
            }
        }
        End::NotYet
    }
}

/// The size, and whether something odd stood around it. Like most readers it takes the digits that
/// a line begins with, whatever follows them.
fn size(line: &[u8]) -> Option<(u64, bool)> {
    let number = line.trim_ascii_start();
    let digits = number.iter().take(17).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 || digits > 16 {
        return None;
    }
    let text = core::str::from_utf8(number.get(..digits)?).ok()?;
    // Blanks before an extension are allowed, if bad (RFC 9112 §7.1.1).
    let after = number.get(digits..).unwrap_or_default().trim_ascii_start();
    let odd = number.len() != line.len() || after.first().is_some_and(|byte| *byte != b';');
    Some((u64::from_str_radix(text, 16).ok()?, odd))
}
