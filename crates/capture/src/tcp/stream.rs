//! One direction of a connection: segments in, ordered bytes and gaps out.
//!
//! In-order payload is passed on as it lies in the packet. What comes early is kept within bounds;
//! the first copy of a byte wins. A hole is waited for, even where it was acknowledged, because
//! mirrors reorder the two directions; then it is passed over as a gap.

use super::SeqNumber;
use crate::assembler::Limits;
use crate::segment::Segment;
use core::hash::{BuildHasher, Hasher};
use serde::Serialize;
use stilt_model::{Mark, Timestamp};

/// What a stream yields, in order.
#[derive(Clone, Copy, Debug)]
pub enum Chunk<'a> {
    /// Bytes that follow what came before.
    Data {
        /// The bytes.
        bytes: &'a [u8],
        /// Offset of the first in the stream.
        offset: u64,
        /// Packet that brought them.
        mark: Mark,
        /// They begin where a segment begins.
        fresh: bool,
        /// What that packet acknowledged of the other direction, as it was numbered.
        ack: Option<SeqNumber>,
    },
    /// Bytes that never came.
    Gap {
        /// How many.
        bytes: u64,
        /// They were on the wire and cut by the capture length.
        snaplen: bool,
        /// Offset behind them.
        end: u64,
    },
}

/// What streams counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamCounters {
    /// Payload bytes that had been seen before.
    pub retransmitted_bytes: u64,
    /// Segments that came before their turn.
    pub out_of_order: u64,
    /// Segments that overlap with different bytes.
    pub overlaps_differing: u64,
    /// Holes passed over.
    pub gaps: u64,
    /// Bytes in them.
    pub lost_bytes: u64,
    /// Bytes cut by the capture length.
    pub cut_bytes: u64,
    /// Segments far outside the window, passed over.
    pub out_of_window: u64,
    /// Bytes that wait for a hole to be filled, now.
    pub waiting_bytes: u64,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
    missing: u32,
    mark: Mark,
    ack: Option<SeqNumber>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64).saturating_add(u64::from(self.missing))
    }
}

/// Segments of which a digest is kept, to tell a retransmission that differs.
const RECENT: usize = 5;
/// A segment further ahead than this belongs to no window that is in use.
const WINDOW_MAX: u64 = 64 << 20;
/// After so many of them in a row the stream has moved on.
const STRAYS_MAX: u8 = 8;

/// Further ahead than this only what the other side has acknowledged is believed, where it
/// acknowledges at all.
const LEAP_MAX: u64 = 1 << 20;

/// What a stream needs only while something is missing; most never do.
#[derive(Debug, Default)]
struct Hole {
    pieces: Vec<Piece>,
    bytes: usize,
    /// When it was noticed, and segments seen since.
    noticed: Option<(Timestamp, u32)>,
}

/// Sequence numbers and digests of the segments that came before the last one.
#[derive(Debug, Default)]
struct Recent {
    seen: [(u32, u32); RECENT],
    at: u8,
}

/// No offset: streams are shorter.
const NOWHERE: u64 = u64::MAX;

/// One direction of a connection. There may be two million of them: what is rare is kept apart.
#[derive(Debug)]
pub struct Stream {
    next: u64,
    /// Highest offset that the other side has acknowledged.
    acked: u64,
    /// Offset of the FIN.
    fin: u64,
    hole: Option<Box<Hole>>,
    recent: Option<Box<Recent>>,
    /// The segment that came last, as they are in `recent`; digest 0 where none did. Of most
    /// connections that only stand open there is but one.
    latest: (u32, u32),
    /// Sequence number of offset `next`, once it is `known`.
    at: SeqNumber,
    /// Where else the stream may begin, if it `may`: a second SYN/ACK said so.
    other: SeqNumber,
    known: bool,
    may: bool,
    seen: bool,
    closed: bool,
    strays: u8,
    /// The SYN was seen.
    pub syn: bool,
    /// Overlaps differed since this was last asked.
    pub differs: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            next: 0,
            acked: 0,
            fin: NOWHERE,
            hole: None,
            recent: None,
            latest: (0, 0),
            at: SeqNumber::default(),
            other: SeqNumber::default(),
            known: false,
            may: false,
            seen: false,
            closed: false,
            strays: 0,
            syn: false,
            differs: false,
        }
    }
}

impl Stream {
    /// Something was seen of this direction.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The FIN was reached.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A hole is being waited for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.hole.is_some()
    }

    /// How far a sequence number is ahead of the next byte; negative where it is behind.
    #[must_use]
    pub fn distance(&self, seq: SeqNumber) -> Option<i64> {
        self.known.then(|| seq.ahead_of(self.at))
    }

    /// The stream offset of a sequence number, near the present one.
    #[must_use]
    pub fn offset_of(&self, seq: SeqNumber) -> Option<u64> {
        Some(self.next.saturating_add_signed(self.distance(seq)?))
    }

    /// Takes a SYN; gives whether it starts another connection than the one being followed.
    pub fn syn(&mut self, seq: SeqNumber) -> bool {
        let first = seq.plus(1);
        if !core::mem::replace(&mut self.seen, true) {
            (self.at, self.known, self.syn) = (first, true, true);
            return false;
        }
        // Nothing has come yet: which of the two the data follows will show.
        if self.next == 0 && self.at != first {
            (self.other, self.may, self.syn) = (first, true, true);
            return false;
        }
        let said = u32::try_from(self.next & 0xffff_ffff).unwrap_or(0);
        SeqNumber(self.at.0.wrapping_sub(said)) != first
    }

    /// The other side acknowledges up to `seq`; where it `opens`, that is where this one begins.
    pub fn acknowledge(&mut self, seq: SeqNumber, opens: bool) {
        if opens && !self.known {
            (self.at, self.known) = (seq, true);
        }
        if let Some(offset) = self.offset_of(seq)
            && offset <= self.next.saturating_add(WINDOW_MAX)
        {
            self.acked = self.acked.max(offset);
        }
    }

    /// The sender closes at the end of this segment.
    pub fn finish_at(&mut self, seq: SeqNumber, payload: u64) {
        let Some(ahead) = self.distance(seq) else { return };
        // An end before bytes that have come, or behind another end, is not the sender's.
        if ahead.saturating_add_unsigned(payload) >= 0 {
            let end = self.next.saturating_add_signed(ahead.saturating_add_unsigned(payload));
            self.fin = self.fin.min(end);
        }
    }

    fn settle(&mut self) {
        self.closed |= self.hole.is_none() && self.next >= self.fin;
    }

    /// Takes the payload of a segment.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        limits: &Limits,
        counters: &mut StreamCounters,
        mut out: impl FnMut(Chunk<'_>),
    ) {
        let head = &segment.head;
        let seq = SeqNumber(head.seq).plus(u32::from(head.flags.syn()));
        let length = (segment.payload.len() as u64).saturating_add(u64::from(head.missing));
        let begins = self.may && length > 0 && self.next == 0 && self.hole.is_none();
        if !self.known || (begins && self.other == seq) {
            (self.at, self.known) = (seq, true);
        }
        self.seen = true;
        self.may &= length == 0;
        let ahead = seq.ahead_of(self.at);
        if ahead.unsigned_abs() > WINDOW_MAX {
            counters.out_of_window = counters.out_of_window.saturating_add(1);
            self.strays = self.strays.saturating_add(1);
            if ahead < 0 || self.strays < STRAYS_MAX {
                return;
            }
        }
        self.strays = 0;
        if head.flags.fin() {
            self.finish_at(seq, length);
        }
        let ack = head.flags.ack().then_some(SeqNumber(head.ack));
        if length > 0 {
            self.place(segment, ahead, ack, counters, &mut out);
        }
        if let Some(hole) = &mut self.hole {
            let noticed = hole.noticed.get_or_insert((head.mark.time, 0));
            noticed.1 = noticed.1.saturating_add(1);
            if self.must_give_up(head.mark.time, limits, counters) {
                self.give_up_hole(counters, &mut out);
            }
        }
        self.settle();
    }

    /// Puts a payload where it belongs: passed on, kept, or dropped as known.
    fn place(
        &mut self,
        segment: &Segment<'_>,
        ahead: i64,
        ack: Option<SeqNumber>,
        counters: &mut StreamCounters,
        out: &mut impl FnMut(Chunk<'_>),
    ) {
        let head = &segment.head;
        let payload = segment.payload;
        if ahead > 0 {
            counters.out_of_order = counters.out_of_order.saturating_add(1);
            let offset = self.next.saturating_add_signed(ahead);
            self.keep(offset, payload, head.missing, head.mark, ack, counters);
            return;
        }
        let known = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX);
        if known > 0 {
            let seq = SeqNumber(head.seq).plus(u32::from(head.flags.syn()));
            self.compare(seq, payload, counters);
            let again = known.min(payload.len()) as u64;
            counters.retransmitted_bytes = counters.retransmitted_bytes.saturating_add(again);
        }
        let whole = payload.len().saturating_add(head.missing as usize);
        if known >= whole {
            return;
        }
        let fresh = payload.get(known..).unwrap_or_default();
        let past = known.saturating_sub(payload.len());
        let missing = u64::from(head.missing).saturating_sub(past as u64);
        if known == 0 {
            self.note_recent(payload);
        }
        self.pass(fresh, missing, head.mark, known == 0, ack, counters, out);
        self.drain(counters, out);
        if let Some(hole) = &mut self.hole {
            // The sender has not come to the hole yet.
            hole.noticed = None;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a chunk says")]
    fn pass(
        &mut self,
        bytes: &[u8],
        missing: u64,
        mark: Mark,
        fresh: bool,
        ack: Option<SeqNumber>,
        counters: &mut StreamCounters,
        out: &mut impl FnMut(Chunk<'_>),
    ) {
        let offset = self.next;
        self.advance((bytes.len() as u64).saturating_add(missing));
        if !bytes.is_empty() {
            out(Chunk::Data { bytes, offset, mark, fresh, ack });
        }
        if missing > 0 {
            counters.cut_bytes = counters.cut_bytes.saturating_add(missing);
            out(Chunk::Gap { bytes: missing, snaplen: true, end: self.next });
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.next = self.next.saturating_add(bytes);
        let wrapped = u32::try_from(bytes & 0xffff_ffff).unwrap_or(0);
        self.at = self.at.plus(wrapped);
    }

    fn keep(
        &mut self,
        offset: u64,
        payload: &[u8],
        missing: u32,
        mark: Mark,
        ack: Option<SeqNumber>,
        counters: &mut StreamCounters,
    ) {
        let hole = self.hole.get_or_insert_default();
        let at = hole.pieces.partition_point(|piece| piece.offset < offset);
        let end = offset.saturating_add(payload.len() as u64);
        let near = at.saturating_sub(1)..hole.pieces.len().min(at.saturating_add(1));
        for piece in hole.pieces.get(near).unwrap_or_default() {
            if differ((piece.offset, &piece.bytes), (offset, payload)) {
                counters.overlaps_differing = counters.overlaps_differing.saturating_add(1);
                self.differs = true;
            }
        }
        if hole.pieces.get(at).is_some_and(|piece| piece.offset == offset && piece.end() >= end) {
            let again = payload.len() as u64;
            counters.retransmitted_bytes = counters.retransmitted_bytes.saturating_add(again);
            return;
        }
        hole.bytes = hole.bytes.saturating_add(payload.len());
        counters.waiting_bytes = counters.waiting_bytes.saturating_add(payload.len() as u64);
        let piece = Piece { offset, bytes: payload.to_vec(), missing, mark, ack };
        hole.pieces.insert(at, piece);
    }

    /// Passes on what has become next.
    fn drain(&mut self, counters: &mut StreamCounters, out: &mut impl FnMut(Chunk<'_>)) {
        // Taken out while it is worked on, so that the stream can move on.
        let Some(mut hole) = self.hole.take() else { return };
        let mut taken = 0_usize;
        while let Some(piece) = hole.pieces.get_mut(taken) {
            if piece.offset > self.next {
                break;
            }
            taken = taken.saturating_add(1);
            let bytes = core::mem::take(&mut piece.bytes);
            let (offset, missing, mark, ack) = (piece.offset, piece.missing, piece.mark, piece.ack);
            hole.bytes = hole.bytes.saturating_sub(bytes.len());
            counters.waiting_bytes = counters.waiting_bytes.saturating_sub(bytes.len() as u64);
            let known = usize::try_from(self.next.saturating_sub(offset)).unwrap_or(usize::MAX);
            if known >= bytes.len().saturating_add(missing as usize) {
                continue;
            }
            let fresh = bytes.get(known..).unwrap_or_default();
            let past = known.saturating_sub(bytes.len());
            let missing = u64::from(missing).saturating_sub(past as u64);
            self.pass(fresh, missing, mark, known == 0, ack, counters, out);
        }
        if taken > 0 {
            hole.pieces.drain(..taken);
            hole.noticed = None;
        }
        if !hole.pieces.is_empty() {
            self.hole = Some(hole);
        }
    }

    /// Whether the present hole has been waited for long enough.
    fn must_give_up(&self, now: Timestamp, limits: &Limits, counters: &StreamCounters) -> bool {
        let Some(hole) = &self.hole else { return false };
        let Some((since, segments)) = hole.noticed else { return false };
        let waited = now.since(since).as_millis();
        let acked = hole.pieces.first().is_some_and(|piece| self.acked >= piece.offset);
        hole.bytes > limits.hole_bytes_max
            || hole.pieces.len() > limits.holes_max
            || counters.waiting_bytes > limits.waiting_bytes_max
            || waited >= u128::from(limits.gap_wait_ms)
            || (acked
                && (waited >= u128::from(limits.acked_wait_ms)
                    || segments > limits.acked_segments_max))
    }

    /// Passes over the present hole.
    pub fn give_up_hole(&mut self, counters: &mut StreamCounters, out: &mut impl FnMut(Chunk<'_>)) {
        let first = self.hole.as_ref().and_then(|hole| hole.pieces.first());
        let Some(first) = first.map(|piece| piece.offset) else { return };
        let bytes = first.saturating_sub(self.next);
        if bytes > LEAP_MAX && self.acked > 0 && self.acked < first {
            return self.forget_strays(counters);
        }
        if bytes > 0 {
            counters.gaps = counters.gaps.saturating_add(1);
            counters.lost_bytes = counters.lost_bytes.saturating_add(bytes);
            self.advance(bytes);
            out(Chunk::Gap { bytes, snaplen: false, end: self.next });
        }
        self.drain(counters, out);
        self.settle();
    }

    /// What waits is far from what the two sides are talking about: somebody else sent it.
    fn forget_strays(&mut self, counters: &mut StreamCounters) {
        let Some(hole) = self.hole.take() else { return };
        let pieces = hole.pieces.len() as u64;
        counters.out_of_window = counters.out_of_window.saturating_add(pieces);
        counters.waiting_bytes = counters.waiting_bytes.saturating_sub(hole.bytes as u64);
        self.settle();
    }

    /// Time has passed without a segment.
    pub fn tick(
        &mut self,
        now: Timestamp,
        limits: &Limits,
        counters: &mut StreamCounters,
        out: &mut impl FnMut(Chunk<'_>),
    ) {
        if let Some(hole) = &mut self.hole {
            hole.noticed.get_or_insert((now, 0));
            if self.must_give_up(now, limits, counters) {
                self.give_up_hole(counters, out);
            }
        }
    }

    fn note_recent(&mut self, payload: &[u8]) {
        let earlier = core::mem::replace(&mut self.latest, (self.at.0, digest(payload)));
        if earlier.1 == 0 {
            return;
        }
        let recent = self.recent.get_or_insert_default();
        let place = usize::from(recent.at) % RECENT;
        if let Some(slot) = recent.seen.get_mut(place) {
            *slot = earlier;
        }
        recent.at = recent.at.wrapping_add(1);
    }

    /// Tells a retransmission of a recent segment whose bytes differ.
    fn compare(&mut self, seq: SeqNumber, payload: &[u8], counters: &mut StreamCounters) {
        let recent = self.recent.iter().flat_map(|recent| &recent.seen);
        // Only a segment that begins and ends alike is compared: others are cut anew, not forged.
        let same_place = recent.chain([&self.latest]).find(|(at, known)| {
            *at == seq.0 && *known & LENGTH_BITS == length_bits(payload) && !payload.is_empty()
        });
        if same_place.is_some_and(|(_, known)| *known != digest(payload)) {
            counters.overlaps_differing = counters.overlaps_differing.saturating_add(1);
            self.differs = true;
        }
    }
}

/// Whether two pieces disagree where they overlap.
fn differ((first_at, first): (u64, &[u8]), (second_at, second): (u64, &[u8])) -> bool {
    let start = first_at.max(second_at);
    let end = first_at
        .saturating_add(first.len() as u64)
        .min(second_at.saturating_add(second.len() as u64));
    if end <= start {
        return false;
    }
    let part = |at: u64, bytes: &[u8]| -> Option<(usize, usize)> {
        let from = usize::try_from(start.checked_sub(at)?).ok()?;
        let to = usize::try_from(end.checked_sub(at)?).ok()?;
        (to <= bytes.len()).then_some((from, to))
    };
    match (part(first_at, first), part(second_at, second)) {
        (Some((a, b)), Some((c, d))) => first.get(a..b) != second.get(c..d),
        _ => false,
    }
}

/// The bits of a digest that tell the length of a segment.
const LENGTH_BITS: u32 = 0xfff;

fn length_bits(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX) & LENGTH_BITS
}

/// Length and digest within one run; it never leaves it.
fn digest(bytes: &[u8]) -> u32 {
    let mut hasher = foldhash::fast::FixedState::with_seed(0x5711).build_hasher();
    hasher.write(bytes);
    let high = u32::try_from(hasher.finish() >> 32).unwrap_or(0);
    (high & !LENGTH_BITS) | length_bits(bytes)
}
