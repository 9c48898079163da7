//! HTTP/1.0 and HTTP/1.1 (RFC 9112), one direction of a connection.
//!
//! [`Parser::advance`] eats bytes and says what came of it. After [`Step::Head`] the owner says how
//! the body is framed ([`Parser::frame`]), because a response to `HEAD` looks like any other. A gap
//! inside a body of known length is counted and passed over; any other makes the parser look for
//! the next start line at the start of a segment.

mod body;
mod chunked;
mod framing;
mod head;
mod packed;

use body::Decoder;
use chunked::Chunked;
use serde::{Deserialize, Serialize};
use stilt_model::{Anomaly, Mark, Message};

pub use framing::Framing;
pub use head::{Likeness, looks_like_request, looks_like_request_loosely, looks_like_response};
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
    /// In a head; so many bytes of it hold no end.
    Head { scanned: usize },
    /// A head is complete and waits for [`Parser::frame`].
    Framed,
    /// In a body with so many bytes left.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunked),
    /// In a body that ends with the connection.
    UntilClose,
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
}

impl Parser {
    /// A parser at the start of a message, or, in mid-connection, looking for one.
    #[must_use]
    pub fn new(side: Side, midstream: bool) -> Self {
        Self {
            side,
            state: if midstream { State::Lost } else { State::Idle },
            message: Box::default(),
            decoder: Decoder::Identity,
            loose: false,
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
        match &mut self.state {
            State::Opaque => (bytes.len(), Step::More),
            State::Lost => {
                if fresh && self.likeness(bytes) == Likeness::Yes {
                    self.state = State::Idle;
                    return (0, Step::More);
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

    fn likeness(&self, bytes: &[u8]) -> Likeness {
        match self.side {
            Side::Request if self.loose && !self.is_lost() => looks_like_request_loosely(bytes),
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
        self.decoder = Decoder::Identity;
        self.state = State::Head { scanned: 0 };
        (blank, Step::More)
    }

    fn read_head(&mut self, bytes: &[u8], mark: Mark, limits: &Limits) -> (usize, Step) {
        let State::Head { scanned } = &mut self.state else { return (0, Step::More) };
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
            *scanned = raw.len();
            let hopeless = self.likeness(&self.message.head.raw) == Likeness::No;
            if self.message.head.raw.len() > limits.head_max || hopeless {
                self.state = State::Lost;
                return (taken, Step::NotHttp);
            }
            return (taken, Step::More);
        }
        if head::parse(&mut self.message, self.side, limits) {
            self.state = State::Framed;
            (taken, Step::Head)
        } else {
            self.state = State::Lost;
            (taken, Step::NotHttp)
        }
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
            State::Head { .. } | State::Framed | State::Chunked(_) => {
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
        match &self.state {
            State::UntilClose => self.take(clean),
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
mod tests;
