//! One port with the packets of it that were read and not yet handed over.

use super::clock::Clock;
use super::device::Device;
use super::listen::Listener;
use crate::source::{Batch, Frame, Losses};
use std::os::fd::BorrowedFd;
use stilt_model::{Mark, Timestamp};

/// Packets that wait for their turn.
#[derive(Default)]
pub(super) struct Queue {
    batch: Batch,
    next: usize,
}

impl Queue {
    /// All were handed over.
    pub(super) fn is_empty(&self) -> bool {
        self.next >= self.batch.frames.len()
    }

    pub(super) fn clear(&mut self) {
        self.batch.clear();
        self.next = 0;
    }

    /// Changes places with a batch, whose memory is used again.
    pub(super) fn swap(&mut self, batch: &mut Batch) {
        core::mem::swap(&mut self.batch, batch);
        self.next = 0;
    }

    /// Packets, those that were handed over too.
    pub(super) fn len(&self) -> usize {
        self.batch.frames.len()
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> usize {
        self.batch.data.len()
    }

    /// Time of the first.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.batch.frames.get(self.next).map(|frame| frame.mark.time)
    }

    /// Adds a packet.
    pub(super) fn push(
        &mut self,
        time: Timestamp,
        link: u16,
        interface: u16,
        wire_len: u32,
        parts: &[&[u8]],
    ) {
        let start = self.batch.data.len();
        for part in parts {
            self.batch.data.extend_from_slice(part);
        }
        let len = self.batch.data.len().saturating_sub(start);
        self.batch.frames.push(Frame {
            mark: Mark { time, packet: 0 },
            link,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(len).unwrap_or(u32::MAX),
            wire_len,
            interface,
        });
    }

    /// Hands the first over, as the packet of that number.
    pub(super) fn take(&mut self, number: u64, to: &mut Batch) {
        let Some(frame) = self.batch.frames.get(self.next) else { return };
        let start = u32::try_from(to.data.len()).unwrap_or(u32::MAX);
        to.data.extend_from_slice(self.batch.bytes(frame));
        to.frames.push(Frame {
            mark: Mark { time: frame.mark.time, packet: number },
            start,
            ..*frame
        });
        self.next = self.next.saturating_add(1);
    }
}

/// Where packets come from.
pub(super) enum Tap {
    Device(Device),
    Listener(Listener),
}

/// An interface or a listener.
pub(super) struct Port {
    pub(super) queue: Queue,
    tap: Tap,
    /// Time up to which all that came is known to have been read.
    pub(super) shown: Timestamp,
}

impl Port {
    pub(super) fn new(tap: Tap) -> Self {
        Self { queue: Queue::default(), tap, shown: Timestamp::ZERO }
    }

    /// Whether all that came was read, as far as that can be known.
    pub(super) fn is_drained(&mut self) -> bool {
        match &mut self.tap {
            Tap::Device(device) => device.is_drained(),
            // Its last read found nothing.
            Tap::Listener(_) => true,
        }
    }

    /// Reads at most `most` packets into the queue, without waiting.
    pub(super) fn read(
        &mut self,
        interface: u16,
        most: usize,
        clock: &Clock,
        notices: &mut Vec<String>,
    ) {
        match &mut self.tap {
            Tap::Device(device) => device.read(interface, most, clock, &mut self.queue, notices),
            Tap::Listener(listener) => listener.read(interface, most, clock, &mut self.queue),
        }
    }

    /// Looks after counters, and after an interface that is down.
    pub(super) fn check(&mut self, notices: &mut Vec<String>) {
        match &mut self.tap {
            Tap::Device(device) => device.check(notices),
            Tap::Listener(listener) => listener.check(),
        }
    }

    /// Nothing can come at present.
    pub(super) fn is_down(&self) -> bool {
        match &self.tap {
            Tap::Device(device) => device.is_down(),
            Tap::Listener(_) => false,
        }
    }

    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.tap {
            Tap::Device(device) => device.descriptor(),
            Tap::Listener(listener) => Some(listener.descriptor()),
        }
    }

    pub(super) fn losses(&self) -> &Losses {
        match &self.tap {
            Tap::Device(device) => &device.losses,
            Tap::Listener(listener) => &listener.losses,
        }
    }
}
