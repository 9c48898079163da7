//! One connection: two streams and the conversation in them.

use super::conversation::{Conversation, Said};
use super::{Counters, Work};
use crate::segment::{Segment, SegmentHead};
use crate::tcp::{Chunk, SeqNumber, Stream};
use stilt_model::{Mark, Timestamp};

/// One connection. Side 0 is the lower address.
pub(super) struct Flow {
    streams: [Stream; 2],
    /// Begun with the first byte that is said: many connections never say any.
    talk: Option<Box<Conversation>>,
    opened: Timestamp,
    last: Timestamp,
    midstream: bool,
    reset: bool,
    /// Some segment carried bytes.
    carried: bool,
    /// What its bodies held when it was last weighed, in bytes.
    weight: u32,
}

/// Distance of numbers, in bytes, at which a segment is of the same connection.
const NEAR: u64 = 256 << 10;

/// Bytes that the bodies of a connection may always hold.
const SMALL: usize = 4 << 10;

/// Index of the sender of a segment.
fn side_of(head: &SegmentHead) -> usize {
    usize::from(head.source != head.pair().0)
}

impl Flow {
    pub(super) fn new(head: &SegmentHead, counters: &mut Counters) -> Self {
        counters.flows = counters.flows.saturating_add(1);
        let midstream = !head.flags.syn();
        if midstream {
            counters.midstream = counters.midstream.saturating_add(1);
        }
        Self {
            streams: [Stream::default(), Stream::default()],
            talk: None,
            opened: head.mark.time,
            last: head.mark.time,
            midstream,
            reset: false,
            carried: false,
            weight: 0,
        }
    }

    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.streams.iter().any(Stream::is_waiting)
            || self.talk.as_ref().is_some_and(|talk| talk.holds_back())
    }

    pub(super) fn opened(&self) -> Timestamp {
        self.opened
    }

    /// Whether a segment of a side that was never heard acknowledges exactly what the other side
    /// said: its number has 32 bits, which chance does not hit.
    pub(super) fn is_answered_by(&self, segment: &Segment<'_>) -> bool {
        let head = &segment.head;
        let (own, other) = self.sides(head);
        let says = head.flags.syn() || !segment.payload.is_empty();
        !own.is_seen() && head.flags.ack() && says && other.distance(SeqNumber(head.ack)) == Some(0)
    }

    /// Whether a segment that came another way (under another label, say) has numbers near those
    /// of this connection, on each side that was seen.
    pub(super) fn goes_on_with(&self, segment: &Segment<'_>) -> bool {
        let head = &segment.head;
        let (own, other) = self.sides(head);
        let near = |stream: &Stream, number: u32| {
            stream.distance(SeqNumber(number)).map(|far| far.unsigned_abs() <= NEAR)
        };
        let acks = if head.flags.ack() { near(other, head.ack) } else { None };
        match (near(own, head.seq), acks) {
            (Some(own), acks) => own && acks.unwrap_or(true),
            (None, acks) => acks.unwrap_or(false),
        }
    }

    /// The stream of who sends, and the other.
    fn sides(&self, head: &SegmentHead) -> (&Stream, &Stream) {
        let [low, high] = &self.streams;
        if side_of(head) == 0 { (low, high) } else { (high, low) }
    }

    /// Bytes were said, not only the handshake.
    pub(super) fn has_spoken(&self) -> bool {
        self.talk.is_some()
    }

    /// Closed on both sides, or reset.
    pub(super) fn is_over(&self) -> bool {
        self.reset || self.streams.iter().all(Stream::is_closed)
    }

    /// Bytes were sent: what comes after the end may be late bytes of it.
    pub(super) fn has_carried(&self) -> bool {
        self.carried
    }

    /// Keeps what bodies hold in all connections under its cap: `total` is what they held, this one
    /// among them, and becomes what they hold now. Gives whether this one had to drop its own.
    pub(super) fn weigh(&mut self, total: &mut usize, now: Mark, work: &mut Work<'_>) -> bool {
        let Some(talk) = &mut self.talk else { return false };
        *total = total.saturating_sub(self.weight as usize);
        let mut weight = talk.weight();
        // What is small may stay: else a few large ones would make all others blind.
        let over = weight > SMALL && total.saturating_add(weight) > work.limits.bodies_max;
        if over {
            talk.settle_unsent(now, work);
            talk.shed();
            weight = talk.weight();
        }
        self.weight = u32::try_from(weight).unwrap_or(u32::MAX);
        *total = total.saturating_add(self.weight as usize);
        over
    }

    /// What bodies held here when it was last weighed.
    pub(super) fn weight(&self) -> usize {
        self.weight as usize
    }

    /// A SYN of another connection between the same ports.
    pub(super) fn is_another(&mut self, head: &SegmentHead) -> bool {
        match self.streams.get_mut(side_of(head)) {
            Some(stream) => stream.is_seen() && stream.syn(SeqNumber(head.seq)),
            None => false,
        }
    }

    pub(super) fn segment(&mut self, segment: &Segment<'_>, work: &mut Work<'_>) {
        let head = &segment.head;
        self.last = self.last.max(head.mark.time);
        self.carried |= !segment.payload.is_empty() || head.missing > 0;
        let [low, high] = &mut self.streams;
        let side = side_of(head);
        let (own, other) = if side == 0 { (low, high) } else { (high, low) };
        if head.flags.syn() {
            own.syn(SeqNumber(head.seq));
        }
        if head.flags.ack() {
            other.acknowledge(SeqNumber(head.ack), head.flags.syn());
        }
        if head.flags.rst() {
            // A reset far from the stream is not the peer's.
            let near = own
                .distance(SeqNumber(head.seq))
                .is_none_or(|far| far.unsigned_abs() <= u64::from(u16::MAX).saturating_mul(16));
            self.reset |= near;
            if !near {
                let streams = &mut work.counters.streams;
                streams.out_of_window = streams.out_of_window.saturating_add(1);
            }
            return;
        }
        if segment.payload.is_empty() && head.missing == 0 && !head.flags.fin() {
            if own.is_waiting() || other.is_waiting() {
                self.tick(head.mark, work);
            }
            return;
        }
        if self.talk.is_none() && (!segment.payload.is_empty() || head.missing > 0) {
            if matches!(segment.payload, [0x14..=0x17, 3, 0..=4, ..]) {
                work.counters.tls = work.counters.tls.saturating_add(1);
            }
            let talk = Conversation::new(head, self.opened, self.midstream);
            self.talk = Some(Box::new(talk));
        }
        let mut talk = self.talk.as_deref_mut();
        let mut counters = core::mem::take(&mut work.counters.streams);
        let (was_closed, begun) = (own.is_closed(), own.syn);
        own.push(segment, work.limits, &mut counters, |chunk| {
            if let Some(talk) = talk.as_deref_mut() {
                hear(talk, (side, begun), chunk, other, head.mark, work);
            }
        });
        work.counters.streams = counters;
        let Some(talk) = talk else { return };
        if own.differs {
            own.differs = false;
            talk.overlap(side);
        }
        if !was_closed && own.is_closed() {
            talk.close(side, head.mark, work);
        }
    }

    /// Counts a connection of which one direction alone was seen. Who the client is is known where
    /// HTTP was read.
    fn count_one_way(&self, counters: &mut Counters) {
        let side = match self.streams.each_ref().map(Stream::is_seen) {
            [true, false] => 0,
            [false, true] => 1,
            _ => return,
        };
        let Some(client) = self.talk.as_ref().and_then(|talk| talk.client()) else { return };
        let only =
            if client == side { &mut counters.only_client } else { &mut counters.only_server };
        *only = only.saturating_add(1);
    }

    /// Time passes: holes may have been waited for long enough.
    pub(super) fn tick(&mut self, mark: Mark, work: &mut Work<'_>) {
        let mut counters = core::mem::take(&mut work.counters.streams);
        for side in [0, 1] {
            let [low, high] = &mut self.streams;
            let (own, other) = if side == 0 { (low, high) } else { (high, low) };
            let Some(talk) = &mut self.talk else { continue };
            let (was_closed, begun) = (own.is_closed(), own.syn);
            own.tick(mark.time, work.limits, &mut counters, &mut |chunk: Chunk<'_>| {
                hear(talk, (side, begun), chunk, other, mark, work);
            });
            if !was_closed && own.is_closed() {
                talk.close(side, mark, work);
            }
        }
        work.counters.streams = counters;
        if let Some(talk) = &mut self.talk {
            talk.tick(mark, work);
        }
    }

    /// Nothing more will come: holes are passed over, what is open is handed over.
    pub(super) fn finish(&mut self, mark: Mark, work: &mut Work<'_>) {
        self.count_one_way(work.counters);
        let mut counters = core::mem::take(&mut work.counters.streams);
        for side in [0, 1] {
            let [low, high] = &mut self.streams;
            let (own, other) = if side == 0 { (low, high) } else { (high, low) };
            let Some(talk) = &mut self.talk else { continue };
            let begun = own.syn;
            for _ in 0..=work.limits.holes_max {
                if !own.is_waiting() {
                    break;
                }
                own.give_up_hole(&mut counters, &mut |chunk: Chunk<'_>| {
                    hear(talk, (side, begun), chunk, other, mark, work);
                });
            }
        }
        work.counters.streams = counters;
        let clean = self.streams.each_ref().map(|stream| stream.is_closed());
        if let Some(talk) = &mut self.talk {
            talk.finish(clean, mark, work);
        }
    }
}

/// Hands a chunk to the conversation.
fn hear(
    talk: &mut Conversation,
    (side, begun): (usize, bool),
    chunk: Chunk<'_>,
    other: &Stream,
    now: Mark,
    work: &mut Work<'_>,
) {
    match chunk {
        Chunk::Data { bytes, offset, mark, fresh, ack } => {
            let said = Said {
                bytes,
                offset,
                mark,
                fresh,
                now,
                acked: ack.and_then(|ack| other.offset_of(ack)),
                other_seen: other.is_seen(),
                other_next: other.next(),
                begun,
            };
            talk.hear(side, &said, work);
        }
        Chunk::Gap { bytes, snaplen, end } => talk.gap(side, bytes, snaplen, end, now, work),
    }
}
