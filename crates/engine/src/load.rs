//! A batch of packets as it goes to the flow workers.

use crate::shard::Sharder;
use crate::shed::{Shed, Shedder, Verdict};
use crate::ticks::{Clock, Tick};
use stilt_capture::link::{Counters, Decoder};
use stilt_capture::segment::{Segment, SegmentHead};
use stilt_capture::source::{Batch, Losses, Source, SourceError, Warning};
use stilt_model::{Mark, Timestamp};

/// A segment of a batch.
pub(crate) struct Item {
    head: SegmentHead,
    start: u32,
    len: u32,
    /// Its payload was put together from fragments.
    apart: bool,
    /// Its connection is left out from here on.
    cut: bool,
    pub(crate) shard: u8,
}

/// Packets, the segments found in them, and the ticks that fall among them.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) batch: Batch,
    items: Vec<Item>,
    /// Payloads that lie in no packet as a whole.
    apart: Vec<u8>,
    /// Ticks with the number of segments that come before them.
    ticks: Vec<(usize, Tick)>,
    /// Damage found while the batch was read.
    pub(crate) warnings: Vec<Warning>,
    pub(crate) packets: u64,
    pub(crate) position: (u64, Option<u64>),
    /// What a live source has to say.
    pub(crate) notices: Vec<String>,
    /// What it received and lost so far.
    pub(crate) losses: Losses,
    /// Time up to which a live link was quiet.
    pub(crate) passed: Option<Timestamp>,
    /// Packet time after it.
    pub(crate) now: Timestamp,
    /// Connections left out so far, and whether some are at present.
    pub(crate) shed: Shed,
    pub(crate) shedding: bool,
    /// Memory is short: idle connections are to be given up.
    pub(crate) evict: bool,
    /// Bytes in memory, when it was looked last.
    pub(crate) memory: u64,
    /// What the links counted so far.
    pub(crate) links: Counters,
}

/// What a worker does next.
pub(crate) enum Event<'a> {
    Tick(Tick),
    Segment(u8, Segment<'a>),
    /// The connection of this segment is left out from here on.
    Cut(u8, SegmentHead),
}

impl Load {
    /// Reads the next packets and what the source has to say beside them; `false` at the end.
    pub(crate) fn fill(&mut self, source: &mut dyn Source) -> Result<bool, SourceError> {
        let more = source.fill(&mut self.batch)?;
        self.warnings = source.take_warnings();
        self.notices = source.take_notices();
        self.losses = source.losses();
        self.passed = source.passed();
        self.position = source.position();
        Ok(more)
    }

    /// Finds the segments of the packets that were just read.
    pub(crate) fn sort(
        &mut self,
        decoder: &mut Decoder,
        sharder: &Sharder,
        clock: &mut Clock,
        shedder: Option<&mut Shedder>,
    ) {
        self.items.clear();
        self.apart.clear();
        self.ticks.clear();
        self.packets = self.batch.frames.len() as u64;
        let mut shedder = shedder.filter(|shedder| !shedder.is_idle());
        let mut ticks = Vec::new();
        for frame in &self.batch.frames {
            clock.advance(frame.mark, &mut ticks);
            let before = self.items.len();
            self.ticks.extend(ticks.drain(..).map(|tick| (before, tick)));
            let bytes = self.batch.bytes(frame);
            let mut found = decoder.decode(frame, bytes);
            while let Some(decoded) = found {
                let verdict = shedder.as_mut().map_or(Verdict::Keep, |by| by.judge(&decoded.head));
                if verdict == Verdict::Drop {
                    found = decoder.more(frame, bytes);
                    continue;
                }
                let start = if decoded.reassembled {
                    let from = self.apart.len();
                    let bytes = decoder.reassembled().get(decoded.payload.clone());
                    self.apart.extend_from_slice(bytes.unwrap_or_default());
                    u32::try_from(from).unwrap_or(u32::MAX)
                } else {
                    let inside = u32::try_from(decoded.payload.start).unwrap_or(u32::MAX);
                    frame.start.saturating_add(inside)
                };
                self.items.push(Item {
                    shard: sharder.shard(&decoded.head),
                    start,
                    len: u32::try_from(decoded.payload.len()).unwrap_or(0),
                    apart: decoded.reassembled,
                    cut: verdict == Verdict::Cut,
                    head: decoded.head,
                });
                found = decoder.more(frame, bytes);
            }
        }
        if let Some(passed) = self.passed {
            clock.pass(passed, &mut ticks);
            self.ticks.extend(ticks.drain(..).map(|tick| (self.items.len(), tick)));
        }
        self.now = clock.latest().unwrap_or_default().time;
        if !self.ticks.is_empty() {
            self.links = counted(decoder);
        }
    }

    /// The moment behind its last packet.
    pub(crate) fn end(&self) -> Mark {
        let packet = self.batch.frames.last().map_or(0, |frame| frame.mark.packet);
        Mark { time: self.now, packet }
    }

    /// Ticks of this batch, in order.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = Tick> {
        self.ticks.iter().map(|(_, tick)| *tick)
    }

    /// Segments and ticks in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let mut ticks = self.ticks.iter().peekable();
        let mut items = self.items.iter().enumerate().peekable();
        core::iter::from_fn(move || {
            let at = items.peek().map_or(self.items.len(), |(at, _)| *at);
            if let Some((_, tick)) = ticks.next_if(|(before, _)| *before <= at) {
                return Some(Event::Tick(*tick));
            }
            let (_, item) = items.next()?;
            if item.cut {
                return Some(Event::Cut(item.shard, item.head));
            }
            let from = if item.apart { &self.apart } else { &self.batch.data };
            let start = item.start as usize;
            let payload = from.get(start..start.saturating_add(item.len as usize));
            let payload = payload.unwrap_or_default();
            Some(Event::Segment(item.shard, Segment { head: item.head, payload }))
        })
    }
}

/// What the links counted, as a sum.
pub(crate) fn counted(decoder: &Decoder) -> Counters {
    decoder.counters()
}
