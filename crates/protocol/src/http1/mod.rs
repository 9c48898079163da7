//! HTTP/1.0 and HTTP/1.1 (RFC 9112), one direction of a connection.
//!
//! [`Parser::advance`] eats bytes and says what came of it. After [`Step::Head`] the owner says how
//! the body is framed ([`Parser::frame`]), because a response to `HEAD` looks like any other. A gap
//! inside a body of known length is counted and passed over; any other makes the parser look for
//! the next start line at the start of a segment.

mod body;
mod chunked;
mod coding;
mod due;
mod framing;
mod head;
mod packed;
mod streams;

use crate::events;
use body::Decoder;
use chunked::Chunked;
use serde::{Deserialize, Serialize};
use stilt_model::{Anomaly, Body, Mark, Message};

pub use due::{Ahead, BodyEnd, begins_with_request_head, head_end};
pub use framing::Framing;
pub use head::{
    Likeness, after_blank_lines, looks_like_request, looks_like_request_loosely,
    looks_like_response,
};
pub use packed::Packed;

/// Caps of the parser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one head.
    pub head_max: usize,
    /// Headers of one head.
    pub headers_max: usize,
    /// Decoded bytes kept of one body.
    pub body_kept_max: usize,
    /// Bytes that one body may decompress to; what lies beyond is not decoded.
    pub decoded_max: u64,
    /// How many times its size a body may decompress to, once it is larger than a megabyte.
    pub ratio_max: u64,
    /// Bytes of the trailer section of a chunked body.
    pub trailer_max: usize,
    /// SHA-256 of decoded bodies is worked out; set a floor above, in `[capture]`.
    #[serde(skip)]
    pub body_hash: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_max: 64 << 10,
            headers_max: 256,
            body_kept_max: 256 << 10,
            decoded_max: 64 << 20,
            ratio_max: 2048,
            trailer_max: 16 << 10,
            body_hash: false,
        }
    }
}

/// Which side of the conversation the bytes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Request,
    /// The server's.
    Response,
}

/// What came of some bytes.
#[derive(Debug)]
pub enum Step {
    /// All was taken; more is needed.
    More,
    /// A head is complete: see [`Parser::head`], then call [`Parser::frame`].
    Head,
    /// A message is complete.
    Message(Box<Message>),
    /// These bytes begin no message.
    NotHttp,
}

#[derive(Debug)]
enum State {
    /// Between messages.
    Idle,
    /// In a head; so many bytes of it hold no end, and its start line is whole and fits.
    Head { scanned: usize, started: bool },
    /// A head is complete and waits for [`Parser::frame`].
    Framed,
    /// In a body with so many bytes left.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunked),
    /// In a body that ends with the connection.
    UntilClose,
    /// At the start of a body whose framing its first bytes will tell; else it is the framing held.
    Doubtful { held: Vec<u8>, or: Framing },
    /// Looking for the next start line.
    Lost,
    /// What follows is no HTTP (after CONNECT or Upgrade).
    Opaque,
}

/// Parser of one direction.
#[derive(Debug)]
pub struct Parser {
    side: Side,
    state: State,
    message: Box<Message>,
    decoder: Decoder,
    /// Request lines that are not proper are read as well.
    loose: bool,
    /// A message was read to its end.
    known: bool,
    /// Bytes taken before, of which only now is known what they are.
    pending: Vec<u8>,
}

impl Parser {
    /// A parser at the start of a message, or, in mid-connection, looking for one.
    #[must_use]
    pub fn new(side: Side, midstream: bool) -> Self {
        Self {
            side,
            state: if midstream { State::Lost } else { State::Idle },
            message: Box::default(),
            decoder: Decoder::default(),
            loose: false,
            known: false,
            pending: Vec::new(),
        }
    }

    /// Reads request lines that are not proper as well, where they end in a version.
    #[must_use]
    pub fn loosely(mut self) -> Self {
        self.loose = true;
        self
    }

    /// The message that is being read: its head after [`Step::Head`].
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The same, for [`Framing`] to note what is odd.
    pub fn message_mut(&mut self) -> &mut Message {
        &mut self.message
    }

    /// What follows may be anything; the next start line at the start of a segment is looked for.
    pub fn lose(&mut self) {
        self.state = State::Lost;
    }

    /// Something is begun and not finished.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Idle | State::Lost | State::Opaque)
    }

    /// A head is begun and not finished.
    #[must_use]
    pub fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head { .. })
    }

    /// A head is whole, and how its body is framed was not said yet.
    #[must_use]
    pub fn is_unframed(&self) -> bool {
        matches!(self.state, State::Framed)
    }

    /// Bytes of memory that the body being read holds, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let body = &self.message.body;
        let kept = body.kept.capacity().saturating_add(body.tail.capacity());
        self.decoder.weight().saturating_add(kept)
    }

    /// Decoded bytes so far of the body being read, where it is a stream of events.
    #[must_use]
    pub fn streamed(&self) -> Option<u64> {
        let reads = matches!(self.state, State::Length(_) | State::Chunked(_) | State::UntilClose);
        let bytes = || self.decoder.so_far(&self.message.body).2;
        (reads && events::Kind::of(&self.message.head).is_some()).then(bytes)
    }

    /// A copy of the message being read, with the events of its body so far, where it is a stream
    /// of them.
    #[must_use]
    pub fn so_far(&self) -> Option<Box<Message>> {
        self.streamed()?;
        let kind = events::Kind::of(&self.message.head)?;
        let (kept, tail, bytes) = self.decoder.so_far(&self.message.body);
        let events = events::begun(kind, kept, body::end_of(tail));
        let own = &self.message.body;
        let body = Body {
            bytes,
            encoded_bytes: own.encoded_bytes,
            lost: own.lost,
            events: (!events.is_empty()).then(|| Box::new(events)),
            ..Body::default()
        };
        let message = &self.message;
        Some(Box::new(Message {
            head: message.head.clone(),
            body,
            start: message.start,
            end: message.end,
            offset: message.offset,
            anomalies: message.anomalies.clone(),
            trailers: Vec::new(),
        }))
    }

    /// Memory is short: of the body being read nothing is kept, and no coding undone.
    pub fn shed(&mut self) {
        if matches!(self.state, State::Length(_) | State::Chunked(_) | State::UntilClose) {
            self.decoder.shed(&mut self.message);
        }
    }

    /// It looks for a start line.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Takes bytes that follow what it took before; `offset` is where they stand in the stream,
    /// `fresh` tells that they begin a segment. Gives how many were taken and what came of them.
    pub fn advance(
        &mut self,
        bytes: &[u8],
        offset: u64,
        mark: Mark,
        fresh: bool,
        limits: &Limits,
    ) -> (usize, Step) {
        if !self.pending.is_empty() {
            return self.advance_pending(offset, mark, limits);
        }
        match &mut self.state {
            State::Opaque => (bytes.len(), Step::More),
            State::Doubtful { .. } => self.settle_framing(bytes),
            State::Lost => {
                if fresh && self.likeness(after_blank_lines(bytes)) == Likeness::Yes {
                    // Where it has begun some bytes are taken: the same are not looked at twice.
                    let (taken, step) = self.begin(bytes, offset, mark);
                    if !self.is_lost() {
                        return (taken, step);
                    }
                }
                (bytes.len(), Step::More)
            }
            State::Idle => self.begin(bytes, offset, mark),
            State::Head { .. } => self.read_head(bytes, mark, limits),
            State::Framed => (0, Step::Head),
            State::Length(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let body = bytes.get(..take).unwrap_or_default();
                *left = left.saturating_sub(take as u64);
                let done = *left == 0;
                self.decoder.feed(body, &mut self.message, limits);
                self.message.end = mark;
                if done { (take, self.finish(true)) } else { (take, Step::More) }
            }
            State::Chunked(chunked) => {
                let decoder = &mut self.decoder;
                let message = &mut self.message;
                let (taken, ended) = chunked.advance(bytes, limits, |event| match event {
                    chunked::Event::Data(data) => decoder.feed(data, message, limits),
                    chunked::Event::Odd(anomaly) => note(message, anomaly),
                    chunked::Event::Trailer(line) => head::trailer(line, message, limits),
                });
                self.message.end = mark;
                match ended {
                    chunked::End::NotYet => (taken, Step::More),
                    chunked::End::Whole => (taken, self.finish(true)),
                    chunked::End::Broken => {
                        let step = self.finish(false);
                        self.state = State::Lost;
                        (taken, step)
                    }
                }
            }
            State::UntilClose => {
                self.decoder.feed(bytes, &mut self.message, limits);
                self.message.end = mark;
                (bytes.len(), Step::More)
            }
        }
    }

    /// Reads on in bytes that were taken before; takes none of the new ones.
    fn advance_pending(&mut self, offset: u64, mark: Mark, limits: &Limits) -> (usize, Step) {
        let held = core::mem::take(&mut self.pending);
        let start = offset.saturating_sub(held.len() as u64);
        let (taken, step) = self.advance(&held, start, mark, false, limits);
        self.pending = held.get(taken..).unwrap_or_default().to_vec();
        (0, step)
    }

    /// Decides how the body that begins here is framed, as soon as enough of it is there.
    fn settle_framing(&mut self, bytes: &[u8]) -> (usize, Step) {
        let State::Doubtful { held, or } = &mut self.state else { return (0, Step::More) };
        let (before, or) = (held.len(), *or);
        // A size of 16 digits and its line end.
        let want = 18_usize.saturating_sub(before).min(bytes.len());
        held.extend_from_slice(bytes.get(..want).unwrap_or_default());
        let framing = match framing::looks_chunked(held) {
            Likeness::Yes => Framing::Chunked,
            Likeness::No => or,
            Likeness::Maybe => return (want, Step::More),
        };
        held.truncate(before);
        self.pending = core::mem::take(held);
        self.state = State::Framed;
        match self.frame(framing) {
            Some(message) => (0, Step::Message(message)),
            None => (0, Step::More),
        }
    }

    fn likeness(&self, bytes: &[u8]) -> Likeness {
        match self.side {
            Side::Request if (self.loose || self.known) && !self.is_lost() => {
                looks_like_request_loosely(bytes, self.known)
            }
            Side::Request => looks_like_request(bytes),
            Side::Response => looks_like_response(bytes),
        }
    }

    fn begin(&mut self, bytes: &[u8], offset: u64, mark: Mark) -> (usize, Step) {
        // RFC 9112 §2.2: empty lines before a start line are passed over.
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let rest = bytes.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return (bytes.len(), Step::More);
        }
        if self.likeness(rest) == Likeness::No {
            self.state = State::Lost;
            return (0, Step::NotHttp);
        }
        *self.message = Message {
            start: mark,
            end: mark,
            offset: offset.saturating_add(blank as u64),
            ..Message::default()
        };
        self.decoder = Decoder::default();
        self.state = State::Head { scanned: 0, started: false };
        (blank, Step::More)
    }

    fn read_head(&mut self, bytes: &[u8], mark: Mark, limits: &Limits) -> (usize, Step) {
        let State::Head { scanned, started } = self.state else { return (0, Step::More) };
        self.message.end = mark;
        let raw = &mut self.message.head.raw;
        let before = raw.len();
        // In the common case the whole head is here and is copied once.
        let (end, taken) = if before == 0 {
            match head::end(bytes, 0) {
                Some(end) => {
                    raw.extend_from_slice(bytes.get(..end).unwrap_or_default());
                    (Some(end), end)
                }
                None => {
                    raw.extend_from_slice(bytes);
                    (None, bytes.len())
                }
            }
        } else {
            raw.extend_from_slice(bytes);
            match head::end(raw, scanned.saturating_sub(4)) {
                Some(end) => {
                    raw.truncate(end);
                    (Some(end), end.saturating_sub(before))
                }
                None => (None, bytes.len()),
            }
        };
        if end.is_none() {
            let raw = &self.message.head.raw;
            let whole =
                started || memchr::memchr(b'\n', raw.get(before..).unwrap_or_default()).is_some();
            // Looked at while it is short and when it ends: else many small pieces cost too much.
            let look = !started && (whole || before < head::METHOD_MAX);
            self.state = State::Head { scanned: raw.len(), started: whole };
            if look && self.likeness(raw) == Likeness::No {
                self.state = State::Lost;
                return (taken, Step::NotHttp);
            }
            if !whole && raw.len() > head::START_LINE_MAX {
                return (taken, self.cut_start_line(limits));
            }
            if raw.len() > limits.head_max {
                return (taken, self.cut_head(limits));
            }
            return (taken, Step::More);
        }
        if self.message.head.raw.len() > limits.head_max {
            return (taken, self.cut_head(limits));
        }
        // However it was cut, a start line is judged once it is whole.
        if before > 0 && !started && self.likeness(&self.message.head.raw) == Likeness::No {
            self.state = State::Lost;
            return (taken, Step::NotHttp);
        }
        if head::parse(&mut self.message, self.side, limits) {
            self.state = State::Framed;
            (taken, Step::Head)
        } else {
            self.state = State::Lost;
            (taken, Step::NotHttp)
        }
    }

    /// Of a request line that is too long (some servers read a megabyte of it) method and
    /// beginning of the target are told.
    fn cut_start_line(&mut self, limits: &Limits) -> Step {
        let raw = &mut self.message.head.raw;
        raw.truncate(head::START_LINE_MAX);
        if self.side == Side::Request && head::begins_request_line(raw) {
            raw.extend_from_slice(b" HTTP/1.1\r\n");
            return self.cut_head(&Limits { head_max: usize::MAX, ..limits.clone() });
        }
        self.state = State::Lost;
        Step::NotHttp
    }

    /// Of a head that is too large its beginning is read; where its body ends is not known.
    fn cut_head(&mut self, limits: &Limits) -> Step {
        self.message.head.raw.truncate(limits.head_max);
        if memchr::memchr(b'\n', &self.message.head.raw).is_none() {
            return self.cut_start_line(limits);
        }
        let step = if head::parse_partial(&mut self.message, self.side, limits) {
            note(&mut self.message, Anomaly::HeadCap);
            self.finish(false)
        } else {
            Step::NotHttp
        };
        self.state = State::Lost;
        step
    }

    /// Says how the body of the head that was just read is framed; gives the message where it has
    /// none.
    pub fn frame(&mut self, framing: Framing) -> Option<Box<Message>> {
        if !matches!(self.state, State::Framed) {
            return None;
        }
        let empty = matches!(framing, Framing::None | Framing::Opaque | Framing::Length(0));
        if !empty {
            self.decoder = Decoder::of(&mut self.message);
        }
        self.state = match framing {
            Framing::Chunked => State::Chunked(Chunked::default()),
            Framing::UntilClose => State::UntilClose,
            Framing::Length(length) if length > 0 => State::Length(length),
            Framing::Doubtful(length) => {
                let or = match (length, self.side) {
                    (Some(length), _) => Framing::Length(length),
                    (None, Side::Request) => Framing::None,
                    (None, Side::Response) => Framing::UntilClose,
                };
                State::Doubtful { held: Vec::new(), or }
            }
            _ => {
                let step = self.finish(true);
                if framing == Framing::Opaque {
                    self.state = State::Opaque;
                }
                return match step {
                    Step::Message(message) => Some(message),
                    _ => None,
                };
            }
        };
        None
    }

    fn finish(&mut self, complete: bool) -> Step {
        let mut message = core::mem::take(&mut self.message);
        core::mem::take(&mut self.decoder).end(&mut message);
        message.body.complete = complete && message.body.lost == 0;
        if !message.body.complete {
            message.body.sha256 = None;
        }
        self.known |= complete;
        self.state = State::Idle;
        Step::Message(message)
    }

    /// So many bytes are missing here. Gives what had to be given up, or what ended inside the gap.
    pub fn gap(&mut self, bytes: u64, mark: Mark) -> Option<Box<Message>> {
        match &mut self.state {
            State::Opaque | State::Lost => None,
            State::Idle => {
                self.state = State::Lost;
                None
            }
            State::Length(left) if *left >= bytes => {
                *left = left.saturating_sub(bytes);
                let done = *left == 0;
                self.decoder.lose(bytes, &mut self.message);
                self.message.end = mark;
                if done { self.take(true) } else { None }
            }
            State::Length(left) => {
                let left = *left;
                self.decoder.lose(left, &mut self.message);
                let message = self.take(true);
                self.state = State::Lost;
                message
            }
            State::UntilClose => {
                self.decoder.lose(bytes, &mut self.message);
                None
            }
            State::Head { .. } | State::Framed | State::Doubtful { .. } | State::Chunked(_) => {
                self.message.body.lost = self.message.body.lost.saturating_add(bytes);
                self.give_up()
            }
        }
    }

    fn take(&mut self, complete: bool) -> Option<Box<Message>> {
        match self.finish(complete) {
            Step::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Nothing of the present message will come any more; what is known of it is given, if its
    /// start line was seen.
    pub fn give_up(&mut self) -> Option<Box<Message>> {
        let message = match &self.state {
            State::Idle | State::Lost | State::Opaque => None,
            State::Head { .. } => {
                let limits = Limits::default();
                head::parse_partial(&mut self.message, self.side, &limits)
                    .then(|| self.take(false))
                    .flatten()
            }
            _ => self.take(false),
        };
        if !matches!(self.state, State::Opaque) {
            self.state = State::Lost;
        }
        message
    }

    /// The sender has closed. `clean` tells a FIN from a reset or time-out.
    pub fn end(&mut self, clean: bool) -> Option<Box<Message>> {
        self.pending.clear();
        match &mut self.state {
            State::UntilClose => self.take(clean),
            // Too little came to tell; where nothing is declared, nothing is missing.
            State::Doubtful { held, or } => {
                let (held, or) = (core::mem::take(held), *or);
                self.state = State::Framed;
                self.frame(or).or_else(|| {
                    self.decoder.feed(&held, &mut self.message, &Limits::default());
                    let whole = match or {
                        Framing::Length(length) => length == held.len() as u64,
                        _ => clean,
                    };
                    self.take(whole)
                })
            }
            _ => self.give_up(),
        }
    }
}

/// Notes an anomaly once.
fn note(message: &mut Message, anomaly: Anomaly) {
    if !message.anomalies.contains(&anomaly) {
        message.anomalies.push(anomaly);
    }
}

#[cfg(test)]
mod coding_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
