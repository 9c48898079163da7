//! What the round has a part in where packets are kept: the state at the beginning of segments, and
//! which alerts hold them.

use super::Round;
use crate::error::Error;
use crate::evidence::{Cut, Marks, Pin};
use crate::load::Load;
use crate::stopwatch;
use crate::ticks::Tick;
use core::time::Duration;
use std::sync::Arc;
use stilt_model::Timestamp;

/// Packet time between two states at least, and how much of the time taking them may take: a
/// hundredth.
const CUTS_APART: Duration = Duration::from_secs(10);
const CUT_SHARE: u32 = 100;

impl Round {
    /// Begins to keep packets, on what is known now.
    pub(super) fn keep_packets(&mut self) -> Result<(), Error> {
        if self.evidence.is_some() {
            let parts = self.memory().map_err(|error| Error::Unsaved(error.to_string()))?;
            self.marks.cuts.push(Cut { packet: 0, time: None, parts });
        }
        self.evidence.as_mut().map_or(Ok(()), |evidence| evidence.start())
    }

    /// Gives the state after a tick, where one is asked for.
    pub(super) fn cut(&mut self, tick: Tick) {
        let wanted = self.evidence.as_ref().is_some_and(|evidence| evidence.wants_state());
        if !wanted || tick.time < self.next_cut {
            return;
        }
        let begun = stopwatch::now();
        match self.memory() {
            Ok(parts) => {
                let cut = Cut { packet: tick.packet, time: Some(tick.time), parts };
                self.marks.cuts.push(cut);
            }
            Err(error) => self.told.push(format!("the state can't be saved: {error}")),
        }
        self.next_cut = tick.time.plus(CUTS_APART.max(begun.elapsed() * CUT_SHARE));
        self.evidence.iter().for_each(|evidence| evidence.has_state());
    }

    /// Hands a batch over that has gone through, to be kept; gives one to be filled again, where
    /// one is at hand.
    pub(crate) fn keep(&mut self, load: Arc<Load>) -> Option<Load> {
        let Some(evidence) = &mut self.evidence else { return Arc::into_inner(load) };
        let mut marks = core::mem::take(&mut self.marks);
        marks.pins.extend(self.alerts.take_told().into_iter().map(Pin::of));
        evidence.take(load, marks)
    }

    /// All packets were read: gives how many were not kept that should have been.
    pub(super) fn end_evidence(&mut self, now: Timestamp, notices: &mut Vec<String>) -> u64 {
        let Some(evidence) = &mut self.evidence else { return 0 };
        let pins = self.alerts.take_told().into_iter().map(Pin::of).collect();
        let marks = Marks { pins, ..core::mem::take(&mut self.marks) };
        evidence.finish(marks, now, notices);
        evidence.kept().lost
    }
}
