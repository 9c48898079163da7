//! Requests that stand where a body was announced (RFC 9110 §10.1.1, RFC 9112 §9.3).
//!
//! A server may answer before it has the body: an expectation that it refuses, two lengths, too
//! large, not signed in. A client that then leaves the body out and asks on makes its next requests
//! look like that body. The bytes alone can't tell, since a body may well hold a request (what a
//! proxy passes on, a batch); the server can: it answers requests, and no bodies. So bytes that may
//! be either are held, under a cap, until something tells:
//!
//! * a request head where the size of a chunk is due is a request;
//! * another final answer, to a request that was answered already, makes them requests, unless it
//!   can answer one that stands behind the body;
//! * bytes that begin no request head, and a body that is there in full and was sent before the
//!   answer was seen, are a body;
//! * at the end, or at a hole: requests if the client had seen the answer whole before it sent the
//!   first of them, had sent nothing of the body, and did not send all of it; else a body;
//! * beyond the cap they are read as a body, and what was held is kept in case that another answer
//!   shows that it was requests.

use super::Said;
use std::collections::VecDeque;
use stilt_model::Mark;
use stilt_protocol::http1::{
    Ahead, BodyEnd, Likeness, Limits, after_blank_lines, begins_with_request_head, head_end,
    looks_like_request,
};

/// Most memory that held bytes and their marks may take, for one connection.
const HELD_MAX: usize = 64 << 10;
/// Length up to which an unfinished start line is looked at again with every piece.
const SHORT: usize = 64;
/// Longest start line that is waited for.
const START_LINE_MAX: usize = 32 << 10;

/// Where in a connection bytes may be a request though a body is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Nothing of the body was sent.
    pub(super) at_start: bool,
    /// Their segment acknowledges a whole final answer to the request whose body is due.
    pub(super) acked: bool,
    /// The size of a chunk is due.
    pub(super) at_size: bool,
}

/// Bytes of one segment.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Where in what is held they end.
    end: usize,
    mark: Mark,
    fresh: bool,
    acked: Option<u64>,
    other_seen: bool,
}

/// What the held bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Body,
    Request,
    Open,
    /// There is too much of it.
    Spill,
}

/// Bytes that may be a body or requests.
#[derive(Debug)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// Offset of the first of `bytes` in the stream.
    offset: u64,
    /// How many of `bytes` were read.
    pub(super) from: usize,
    /// Pieces not wholly read.
    pub(super) pieces: VecDeque<Piece>,
    pub(super) place: Place,
    /// How far a line end or the end of the head was looked for.
    scanned: usize,
    line: Likeness,
    /// Length of the head they begin with.
    head: Option<usize>,
    /// What looks for the end of the body, and how far it has looked.
    pub(super) ahead: Option<Ahead>,
    looked: usize,
    /// Where the body ends, from where they begin.
    pub(super) body: BodyEnd,
}

impl Unsent {
    pub(super) fn new(said: &Said<'_>, from: usize, place: Place) -> Self {
        let mut new = Self {
            bytes: Vec::new(),
            offset: said.offset.saturating_add(from as u64),
            from: 0,
            pieces: VecDeque::new(),
            place,
            scanned: 0,
            line: Likeness::Maybe,
            head: None,
            ahead: None,
            looked: 0,
            body: BodyEnd::NotYet,
        };
        new.push(said.bytes.get(from..).unwrap_or_default(), said, from == 0 && said.fresh);
        new
    }

    pub(super) fn push(&mut self, bytes: &[u8], said: &Said<'_>, fresh: bool) {
        self.bytes.extend_from_slice(bytes);
        let (mark, acked, other_seen) = (said.mark, said.acked, said.other_seen);
        self.pieces.push_back(Piece { end: self.bytes.len(), mark, fresh, acked, other_seen });
    }

    /// Bytes of memory held.
    pub(super) fn weight(&self) -> usize {
        self.pieces.len().saturating_mul(size_of::<Piece>()).saturating_add(self.bytes.len())
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    pub(super) fn start(&self) -> u64 {
        self.offset.saturating_add(self.from as u64)
    }

    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    /// The next piece, as it was said.
    pub(super) fn next(&self, now: Mark) -> Option<Said<'_>> {
        let piece = self.pieces.front()?;
        Some(Said {
            bytes: self.bytes.get(self.from..piece.end)?,
            offset: self.start(),
            mark: piece.mark,
            fresh: piece.fresh,
            now,
            acked: piece.acked,
            other_seen: piece.other_seen,
            other_next: u64::MAX,
            begun: true,
        })
    }

    /// So many of the bytes were read.
    pub(super) fn advance(&mut self, taken: usize) {
        self.from = self.from.saturating_add(taken);
        while let Some(piece) = self.pieces.front_mut() {
            if piece.end > self.from {
                piece.fresh &= taken == 0;
                return;
            }
            let ends_here = piece.end == self.from;
            self.pieces.pop_front();
            if ends_here {
                return;
            }
        }
    }

    /// What begins here may be a request, too.
    pub(super) fn begin(&mut self, place: Place) {
        self.place = place;
        (self.scanned, self.line, self.head) = (0, Likeness::Maybe, None);
        (self.ahead, self.looked, self.body) = (None, 0, BodyEnd::NotYet);
        if self.from > self.bytes.len() / 2 {
            self.bytes.drain(..self.from);
            for piece in &mut self.pieces {
                piece.end = piece.end.saturating_sub(self.from);
            }
            self.offset = self.offset.saturating_add(self.from as u64);
            self.from = 0;
        }
    }

    /// Looks for a request head at their start; nothing is looked at twice for long.
    pub(super) fn look(&mut self) {
        let rest = after_blank_lines(self.bytes.get(self.from..).unwrap_or_default());
        if rest.is_empty() || self.line == Likeness::No || self.head.is_some() {
            return;
        }
        if self.line == Likeness::Maybe {
            let news = rest.get(self.scanned..).unwrap_or_default();
            if news.contains(&b'\n') || rest.len() <= SHORT || rest.len() >= START_LINE_MAX {
                self.line = looks_like_request(rest);
            }
        }
        if self.line == Likeness::Yes {
            let blank = self.bytes.len().saturating_sub(self.from).saturating_sub(rest.len());
            self.head = head_end(rest, self.scanned).map(|end| end.saturating_add(blank));
        }
        self.scanned = rest.len();
    }

    /// Looks for the end of the body.
    pub(super) fn look_ahead(&mut self, limits: &Limits) {
        let rest = self.bytes.get(self.from..).unwrap_or_default();
        let news = rest.get(self.looked..).unwrap_or_default();
        if let (Some(ahead), BodyEnd::NotYet) = (&mut self.ahead, self.body) {
            self.body = match ahead.look(news, limits) {
                BodyEnd::At(end) => BodyEnd::At(self.looked.saturating_add(end)),
                other => other,
            };
            self.looked = rest.len();
        }
    }

    /// What they are, by what is there; `answered`: the request whose body is due was.
    pub(super) fn verdict(&self, answered: bool) -> Verdict {
        if self.line == Likeness::No {
            return Verdict::Body;
        }
        let chunk = self.place.at_size || self.body == BodyEnd::Nowhere;
        if chunk && self.head.is_some() {
            return Verdict::Request;
        }
        if let BodyEnd::At(end) = self.body {
            if !answered || !self.place.acked {
                return Verdict::Body;
            }
            let behind = after_blank_lines(self.behind(end));
            let fits = behind.is_empty() || looks_like_request(behind) != Likeness::No;
            if !fits && self.head.is_some() {
                return Verdict::Request;
            }
        }
        if self.weight() > HELD_MAX { Verdict::Spill } else { Verdict::Open }
    }

    fn behind(&self, end: usize) -> &[u8] {
        self.rest().get(end..).unwrap_or_default()
    }

    /// What they are where nothing tells.
    pub(super) fn leaning(&self) -> Verdict {
        let Place { at_start, acked, .. } = self.place;
        let body_is_here = matches!(self.body, BodyEnd::At(_));
        if at_start && acked && self.head.is_some() && !body_is_here {
            Verdict::Request
        } else {
            Verdict::Body
        }
    }

    /// What they are if a final answer, to a request that was answered before, acknowledges so
    /// much, of a stream that was read up to `read`.
    pub(super) fn answered_up_to(&self, acked: u64, read: u64) -> Verdict {
        let Some(head) = self.head else { return Verdict::Open };
        if acked < self.start().saturating_add(head as u64) || acked > read {
            return Verdict::Open;
        }
        if let BodyEnd::At(end) = self.body
            && acked > self.start().saturating_add(end as u64)
            && begins_with_request_head(self.behind(end))
        {
            return Verdict::Body;
        }
        Verdict::Request
    }
}
