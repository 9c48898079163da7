//! A parser in the middle of a head, made small: of a million connections most may be just there.

use super::{Decoder, Parser, Side, State};
use crate::squeeze::{self, Squeezed};
use stilt_model::{Mark, Message};

/// Longest beginning of a head that is packed.
const PACKED_MAX: usize = squeeze::TEXT_MAX;

/// What is known of a head that has begun, and no more.
#[derive(Debug)]
pub struct Packed {
    raw: Squeezed,
    start: Mark,
    end: Mark,
    offset: u64,
    scanned: u16,
    started: bool,
    side: Side,
    loose: bool,
    known: bool,
}

/// A step of the allocator: one byte more costs 16.
const _: () = assert!(size_of::<Packed>() <= 64);

impl Parser {
    /// The parser in its small form, where it is in the middle of a head; it is used up then.
    #[must_use]
    pub fn pack(&mut self) -> Option<Packed> {
        let State::Head { scanned, started } = self.state else { return None };
        let message = &mut self.message;
        // A long head that comes in many pieces would be moved too often.
        if !message.anomalies.is_empty()
            || !self.pending.is_empty()
            || message.head.raw.len() > PACKED_MAX
        {
            return None;
        }
        let scanned = u16::try_from(scanned).ok()?;
        Some(Packed {
            raw: squeeze::squeeze(core::mem::take(&mut message.head.raw)),
            start: message.start,
            end: message.end,
            offset: message.offset,
            scanned,
            started,
            side: self.side,
            loose: self.loose,
            known: self.known,
        })
    }
}

impl Packed {
    /// Where the head began in the stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The parser as it was.
    #[must_use]
    pub fn unpack(self) -> Parser {
        let mut message =
            Message { start: self.start, end: self.end, offset: self.offset, ..Message::default() };
        message.head.raw = self.raw.into_bytes();
        let parser = Parser::new(self.side, false);
        let scanned = usize::from(self.scanned);
        Parser {
            state: State::Head { scanned, started: self.started },
            message: Box::new(message),
            decoder: Decoder::default(),
            loose: self.loose,
            known: self.known,
            ..parser
        }
    }
}
