//! Bodies that are streams of events: server-sent events (WHATWG HTML §9.2), lines of JSON, and the
//! binary event stream of AWS.
//!
//! A reader takes what there is, cut anywhere, and gives each event once it is whole. Bytes that
//! were lost end the event they stood in; the next one that begins is read again.

mod amazon;
mod lines;
mod sse;
#[cfg(test)]
mod tests;

use stilt_model::{Head, StreamEvents};

/// Bytes of one event; what is longer is dropped.
const EVENT_MAX: usize = 1 << 20;
/// Events kept of one body.
const EVENTS_MAX: usize = 65_536;

/// How events are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text/event-stream`.
    Sse,
    /// One JSON value per line.
    Lines,
    /// `application/vnd.amazon.eventstream`.
    Amazon,
}

impl Kind {
    /// The kind that the media type of a message names.
    #[must_use]
    pub fn of(head: &Head) -> Option<Self> {
        let media = head.header("content-type")?;
        let media = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        const KINDS: &[(&str, Kind)] = &[
            ("text/event-stream", Kind::Sse),
            ("application/x-ndjson", Kind::Lines),
            ("application/ndjson", Kind::Lines),
            ("application/jsonl", Kind::Lines),
            ("application/x-jsonlines", Kind::Lines),
            ("application/stream+json", Kind::Lines),
            ("application/vnd.amazon.eventstream", Kind::Amazon),
        ];
        let named = |(name, _): &&(&str, Self)| media.eq_ignore_ascii_case(name.as_bytes());
        KINDS.iter().find(named).map(|(_, kind)| *kind)
    }

    /// The kind of a body whose message does not name it: servers send events as plain text.
    #[must_use]
    pub fn guess(head: &Head, body: &[u8]) -> Option<Self> {
        let plain =
            head.header("content-type").is_none_or(|media| media.starts_with(b"text/plain"));
        let begins = body.starts_with(b"data: ") || body.starts_with(b"event: ");
        (plain && begins).then_some(Self::Sse)
    }
}

/// Reads one body.
#[derive(Debug)]
pub struct Reader(State);

#[derive(Debug)]
enum State {
    Sse(sse::Sse),
    Lines(lines::Lines),
    Amazon(amazon::Amazon),
}

impl Reader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self(match kind {
            Kind::Sse => State::Sse(sse::Sse::default()),
            Kind::Lines => State::Lines(lines::Lines::default()),
            Kind::Amazon => State::Amazon(amazon::Amazon::default()),
        })
    }

    /// Takes bytes.
    pub fn feed(&mut self, bytes: &[u8], out: &mut StreamEvents) {
        match &mut self.0 {
            State::Sse(sse) => sse.feed(bytes, out),
            State::Lines(lines) => lines.feed(bytes, out),
            State::Amazon(amazon) => amazon.feed(bytes, out),
        }
    }

    /// Bytes were lost here.
    pub fn gap(&mut self, out: &mut StreamEvents) {
        out.cut = true;
        match &mut self.0 {
            State::Sse(sse) => sse.gap(),
            State::Lines(lines) => lines.gap(),
            State::Amazon(amazon) => amazon.gap(),
        }
    }

    /// The body is over.
    pub fn end(self, out: &mut StreamEvents) {
        match self.0 {
            State::Sse(sse) => sse.end(out),
            State::Lines(lines) => lines.end(out),
            State::Amazon(_) => {}
        }
    }
}

/// The events of a body of which the beginning and, where it was longer, the end were kept.
#[must_use]
pub fn read(kind: Kind, kept: &[u8], tail: &[u8], whole: bool) -> StreamEvents {
    let mut out = StreamEvents::default();
    let mut reader = Reader::new(kind);
    reader.feed(kept, &mut out);
    if !whole {
        reader.gap(&mut out);
    }
    reader.feed(tail, &mut out);
    reader.end(&mut out);
    out
}

/// The events of a body that is still being sent: the one it stands in is not among them.
#[must_use]
pub fn begun(kind: Kind, kept: &[u8], tail: &[u8]) -> StreamEvents {
    let mut out = StreamEvents::default();
    let mut reader = Reader::new(kind);
    reader.feed(kept, &mut out);
    if !tail.is_empty() {
        reader.gap(&mut out);
        reader.feed(tail, &mut out);
    }
    out
}

/// Adds an event, where there is room for it.
fn push(out: &mut StreamEvents, name: &[u8], data: &[u8]) {
    if out.len() >= EVENTS_MAX {
        out.cut = true;
        return;
    }
    out.push(name, data);
}
