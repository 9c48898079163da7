//! Holes, ends, and memory that is short.

use super::pairs::{Answer, Asked};
use super::unsent::Unsent;
use super::{Conversation, Said};
use crate::assembler::Work;
use stilt_model::{Mark, Message};

impl Conversation {
    /// Bytes of memory that bodies hold here, about.
    pub(in crate::assembler) fn weight(&self) -> usize {
        let message = |message: &Message| message.body.kept.capacity();
        let asked = |asked: &Asked| asked.message.as_deref().map_or(0, message);
        let answer = |answer: &Answer| message(&answer.message);
        let held = self.held.iter().map(|held| asked(&held.0).saturating_add(answer(&held.1)));
        self.voices
            .iter()
            .filter_map(|voice| voice.parser.as_ref())
            .map(|parser| parser.weight())
            .chain(self.asked.iter().chain(self.answering.as_deref()).map(asked))
            .chain(self.early.iter().map(answer))
            .chain(held)
            .chain(self.unsent.as_deref().map(Unsent::weight))
            .chain(self.spilled.as_deref().map(Unsent::weight))
            .fold(0, usize::saturating_add)
    }

    /// Memory is short: bodies that are here are dropped, and those being read only counted.
    pub(in crate::assembler) fn shed(&mut self) {
        let drop = |message: &mut Message| {
            message.body.kept = Vec::new();
            message.body.shed = true;
        };
        for voice in &mut self.voices {
            if let Some(parser) = &mut voice.parser {
                parser.shed();
            }
        }
        let asked = self.asked.iter_mut().chain(self.answering.as_deref_mut());
        asked.filter_map(|asked| asked.message.as_deref_mut()).for_each(drop);
        self.early.iter_mut().for_each(|answer| drop(&mut answer.message));
        if let Some((_, answer)) = self.held.as_deref_mut() {
            drop(&mut answer.message);
        }
    }

    /// Bytes of one side are missing.
    pub(in crate::assembler) fn gap(
        &mut self,
        side: usize,
        bytes: u64,
        snaplen: bool,
        end: u64,
        now: Mark,
        work: &mut Work<'_>,
    ) {
        if self.client() == Some(side) {
            self.settle_unsent(now, work);
        }
        self.unpack(side);
        self.settle_frame(side, false, end.saturating_sub(bytes), now, work);
        let Some(voice) = self.voices.get_mut(side) else { return };
        voice.gap |= !snaplen;
        voice.snaplen |= snaplen;
        let Some(parser) = &mut voice.parser else {
            // Whole messages may have been lost before the first that is read.
            self.doubt = true;
            return;
        };
        let given_up = parser.gap(bytes, now);
        let lost = parser.is_lost();
        if let Some(message) = given_up {
            let said = self.said_nothing(now, end);
            self.message(side, message, end, &said, work);
        }
        if !lost {
            return;
        }
        self.doubt = true;
        if let Some(voice) = self.voices.get_mut(side) {
            voice.gap |= !snaplen;
        }
        if self.client() == Some(side) {
            // What answered a request inside the hole will never meet it.
            while self.early.front().is_some_and(|answer| answer.acked.is_none_or(|a| a <= end)) {
                let answer = self.early.pop_front();
                self.emit(None, answer, now, work);
            }
        }
    }

    pub(super) fn said_nothing(&self, now: Mark, offset: u64) -> Said<'static> {
        Said {
            bytes: &[],
            offset,
            mark: now,
            fresh: false,
            now,
            acked: None,
            other_seen: self.both_seen,
            other_next: u64::MAX,
            begun: true,
        }
    }

    /// One side has closed cleanly.
    pub(in crate::assembler) fn close(&mut self, side: usize, now: Mark, work: &mut Work<'_>) {
        if self.unsent.is_some() && self.client() == Some(side) {
            // The server may still say what its last bytes were.
            return;
        }
        self.end_side(side, true, now, work);
    }

    fn end_side(&mut self, side: usize, clean: bool, now: Mark, work: &mut Work<'_>) {
        self.unpack(side);
        self.settle_frame(side, clean, u64::MAX, now, work);
        let Some(voice) = self.voices.get_mut(side) else { return };
        let Some(parser) = &mut voice.parser else { return };
        if let Some(message) = parser.end(clean) {
            let said = self.said_nothing(now, u64::MAX);
            self.message(side, message, u64::MAX, &said, work);
        }
    }

    /// Nothing more will come.
    pub(in crate::assembler) fn finish(
        &mut self,
        clean: [bool; 2],
        now: Mark,
        work: &mut Work<'_>,
    ) {
        // The asking side first, so that a request that was cut off meets its response.
        self.settle_unsent(now, work);
        let client = self.client().unwrap_or(0);
        for side in [client, 1_usize.saturating_sub(client)] {
            let clean = clean.get(side).copied().unwrap_or(false);
            self.end_side(side, clean, now, work);
        }
        if let Some((asked, answer)) = self.held.take().map(|held| *held) {
            self.emit(Some(asked), Some(answer), now, work);
        }
        if let Some(asked) = self.answering.take() {
            self.emit(Some(*asked), None, now, work);
        }
        while let Some(asked) = self.asked.pop_front() {
            let meets = self.early.front().is_some_and(|answer| self.answers(answer, &asked));
            let answer = if meets { self.early.pop_front() } else { None };
            self.emit(Some(asked), answer, now, work);
        }
        while let Some(answer) = self.early.pop_front() {
            self.emit(None, Some(answer), now, work);
        }
    }
}
