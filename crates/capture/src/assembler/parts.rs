//! What a conversation is made of: bytes as they are heard, requests that wait, answers, readers.

use stilt_model::{Mark, Message};
use stilt_protocol::http1::{Packed, Parser};

/// Bytes of one side, with what their packet tells of the other.
pub(super) struct Said<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: u64,
    pub(super) mark: Mark,
    pub(super) fresh: bool,
    /// The packet that made these bytes readable.
    pub(super) now: Mark,
    /// How much of the other side their packet acknowledges.
    pub(super) acked: Option<u64>,
    pub(super) other_seen: bool,
    pub(super) other_next: u64,
    /// The SYN of their side was seen: nothing came before them unseen.
    pub(super) begun: bool,
}

/// A request that waits for its response.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// `None` while it is being read.
    pub(super) message: Option<Box<Message>>,
    pub(super) method: Vec<u8>,
    pub(super) start: u64,
    /// Offset behind it, once known.
    pub(super) end: Option<u64>,
    /// Offset behind it as its head declares.
    pub(super) due: Option<u64>,
    pub(super) gap: bool,
    pub(super) snaplen: bool,
}

impl Asked {
    pub(super) fn fill(&mut self, message: Box<Message>, end: u64, gap: bool, snaplen: bool) {
        self.message = Some(message);
        self.end = Some(end);
        (self.gap, self.snaplen) = (gap, snaplen);
    }
}

/// A response, with the request it answers where that is known.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) message: Box<Message>,
    pub(super) acked: Option<u64>,
    pub(super) gap: bool,
    pub(super) snaplen: bool,
}

/// One side's reader.
#[derive(Debug, Default)]
pub(super) struct Voice {
    pub(super) parser: Option<Box<Parser>>,
    /// The same in its small form, between two segments of one head.
    pub(super) packed: Option<Box<Packed>>,
    /// Segments that began no message.
    pub(super) misses: u8,
    /// Bytes were lost before or in the present message.
    pub(super) gap: bool,
    pub(super) snaplen: bool,
    pub(super) overlap: bool,
    /// Messages were read on this side.
    pub(super) spoke: bool,
}

impl Voice {
    /// Where the head that is being read began.
    pub(super) fn head_from(&self) -> Option<u64> {
        let parser = self.parser.as_ref().filter(|parser| parser.is_in_head());
        let packed = self.packed.as_ref().map(|packed| packed.offset());
        packed.or_else(|| parser.map(|parser| parser.message().offset))
    }

    /// Nothing is begun.
    pub(super) fn is_idle(&self) -> bool {
        self.parser.is_none() && self.packed.is_none()
    }
}
