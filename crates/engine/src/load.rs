//! A batch of packets as it goes to the flow workers.

use crate::shard::Sharder;
use crate::ticks::{Clock, Tick};
use stilt_capture::link::{Counters, Decoder};
use stilt_capture::segment::{Segment, SegmentHead};
use stilt_capture::source::{Batch, Losses, Source, SourceError, Warning};
use stilt_model::Timestamp;

/// A segment of a batch.
pub(crate) struct Item {
    head: SegmentHead,
    start: u32,
    len: u32,
    /// Its payload was put together from fragments.
    apart: bool,
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
}

/// What a worker does next.
pub(crate) enum Event<'a> {
    Tick(Tick),
    Segment(u8, Segment<'a>),
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
    pub(crate) fn sort(&mut self, decoder: &mut Decoder, sharder: &Sharder, clock: &mut Clock) {
        self.items.clear();
        self.apart.clear();
        self.ticks.clear();
        self.packets = self.batch.frames.len() as u64;
        let mut ticks = Vec::new();
        for frame in &self.batch.frames {
            clock.advance(frame.mark, &mut ticks);
            let before = self.items.len();
            self.ticks.extend(ticks.drain(..).map(|tick| (before, tick)));
            let bytes = self.batch.bytes(frame);
            let mut found = decoder.decode(frame, bytes);
            while let Some(decoded) = found {
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
                    head: decoded.head,
                });
                found = decoder.more(frame, bytes);
            }
        }
        if let Some(passed) = self.passed {
            clock.pass(passed, &mut ticks);
            self.ticks.extend(ticks.drain(..).map(|tick| (self.items.len(), tick)));
        }
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
