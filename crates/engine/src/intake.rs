//! The reader's work: packets become segments, and what can't be analysed is left out.

use crate::config::Config;
use crate::error::Error;
use crate::load::{Load, counted};
use crate::memory::{Memory, Room};
use crate::networks::Networks;
use crate::shard::Sharder;
use crate::shed::Shedder;
use crate::ticks::Clock;
use stilt_capture::link::{Counters, Decoder};
use stilt_capture::source::Source;
use stilt_model::{Key, Mark};

/// Reads packets and finds the segments in them.
pub(crate) struct Intake {
    source: Box<dyn Source>,
    decoder: Decoder,
    sharder: Sharder,
    clock: Clock,
    /// Live only: a capture file waits until it is read.
    overload: Option<Overload>,
}

struct Overload {
    shedder: Shedder,
    memory: Memory,
}

impl Intake {
    pub(crate) fn new(
        config: &Config,
        key: &Key,
        source: Box<dyn Source>,
        live: bool,
    ) -> Result<Self, Error> {
        let last = Networks::parse(&config.capture.shed_last)
            .map_err(|text| Error::Usage(format!("capture.shed_last: {text}")))?;
        let overload = live.then(|| Overload {
            shedder: Shedder::new(key, last),
            memory: Memory::new(config.capture.memory_max),
        });
        Ok(Self {
            source,
            decoder: Decoder::new(&config.capture.link_limits()),
            sharder: Sharder::new(key),
            clock: Clock::default(),
            overload,
        })
    }

    pub(crate) fn source(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// Reads the next batch; `false` at the end.
    pub(crate) fn next(&mut self, load: &mut Load) -> Result<bool, Error> {
        let more = load.fill(self.source.as_mut())?;
        let shedder = self.overload.as_mut().map(|overload| &mut overload.shedder);
        load.sort(&mut self.decoder, &self.sharder, &mut self.clock, shedder);
        if let Some(overload) = &mut self.overload {
            overload.note(self.source.pressure(), load);
        }
        Ok(more)
    }

    /// The moment behind the last packet.
    pub(crate) fn end(&self) -> Mark {
        let last = self.clock.latest().unwrap_or_default();
        Mark { packet: last.packet.saturating_add(1), ..last }
    }

    /// What the links counted.
    pub(crate) fn links(&self) -> Counters {
        counted(&self.decoder)
    }
}

impl Overload {
    /// Decides, after a batch, what is left out of the next.
    fn note(&mut self, pressure: u16, load: &mut Load) {
        let room = self.memory.room(load.ticks().next().is_some());
        load.evict = room == Room::None;
        if load.evict {
            self.memory.look_again();
        }
        self.shedder.note(pressure, room != Room::Enough, load.now);
        load.shed = self.shedder.shed;
        load.shedding = !self.shedder.is_idle();
        load.memory = self.memory.used_last();
    }
}
