//! What a body still waits for, and how it is given up where the next message stands in its place.

use super::chunked::{Chunked, End};
use super::{
    Framing, Likeness, Limits, Parser, State, after_blank_lines, head, looks_like_request, note,
};
use stilt_model::{Anomaly, Message};

/// Finds where a body ends, ahead of the parser that reads it.
#[derive(Debug)]
pub struct Ahead(Way);

#[derive(Debug)]
enum Way {
    Left(u64),
    Chunked(Chunked),
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// Behind what was looked at.
    NotYet,
    /// So far into what was looked at last.
    At(usize),
    /// Nowhere: it is no proper body.
    Nowhere,
}

impl Ahead {
    /// Looks at bytes that follow what it looked at before.
    pub fn look(&mut self, bytes: &[u8], limits: &Limits) -> BodyEnd {
        match &mut self.0 {
            Way::Left(left) => match usize::try_from(*left) {
                Ok(end) if end <= bytes.len() => BodyEnd::At(end),
                _ => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    BodyEnd::NotYet
                }
            },
            Way::Chunked(chunked) => match chunked.advance(bytes, limits, |_| ()) {
                (_, End::NotYet) => BodyEnd::NotYet,
                (taken, End::Whole) => BodyEnd::At(taken),
                (_, End::Broken) => BodyEnd::Nowhere,
            },
        }
    }
}

impl Parser {
    /// A body is being read, and its end is not that of the connection.
    #[must_use]
    pub fn is_body_due(&self) -> bool {
        match &self.state {
            State::Length(_) | State::Chunked(_) => true,
            State::Doubtful { held, or: Framing::Length(_) } => held.is_empty(),
            _ => false,
        }
    }

    /// What finds its end from here on.
    #[must_use]
    pub fn ahead(&self) -> Option<Ahead> {
        match &self.state {
            State::Length(left) => Some(Ahead(Way::Left(*left))),
            State::Chunked(chunked) => Some(Ahead(Way::Chunked(chunked.clone()))),
            State::Doubtful { or: Framing::Length(left), .. } if self.is_body_due() => {
                Some(Ahead(Way::Left(*left)))
            }
            _ => None,
        }
    }

    /// The line with the size of a chunk is due.
    #[must_use]
    pub fn is_chunk_size_due(&self) -> bool {
        matches!(&self.state, State::Chunked(chunked) if chunked.awaits_size())
    }

    /// A body is due of which nothing has come yet.
    #[must_use]
    pub fn is_at_body_start(&self) -> bool {
        let body = &self.message.body;
        body.encoded_bytes == 0
            && body.lost == 0
            && self.pending.is_empty()
            && match &self.state {
                State::Chunked(chunked) => chunked.is_untouched(),
                _ => self.is_body_due(),
            }
    }

    /// Gives up the body being read: another message stands where it was due, and is read next.
    pub fn abandon_body(&mut self) -> Option<Box<Message>> {
        if !self.is_body_due() {
            return None;
        }
        note(&mut self.message, Anomaly::BodyNotSent);
        let message = self.take(false);
        self.known = true;
        message
    }
}

/// Where the head ends that `bytes` begin with, if it ends behind `from`; without empty lines
/// before it.
#[must_use]
pub fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    head::end(bytes, from.saturating_sub(4))
}

/// `bytes` begin with a request line, and hold the empty line that ends its head.
#[must_use]
pub fn begins_with_request_head(bytes: &[u8]) -> bool {
    let bytes = after_blank_lines(bytes);
    looks_like_request(bytes) == Likeness::Yes && head::end(bytes, 0).is_some()
}
