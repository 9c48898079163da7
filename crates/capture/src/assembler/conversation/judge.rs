//! Holding what may be requests though a body is due, and reading it once that is known.

use super::unsent::{Place, Unsent, Verdict};
use super::{Conversation, Said};
use crate::assembler::Work;
use stilt_model::Mark;
use stilt_protocol::http1::{BodyEnd, Likeness, Limits, after_blank_lines, looks_like_request};

/// Why they are judged now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// There are more of them.
    Bytes,
    /// A final answer begins that acknowledges so much.
    Answer(u64),
    /// Nothing more will tell.
    End,
}

impl Conversation {
    /// Whether the bytes that the client says next, while a body is due, may be a request.
    pub(super) fn may_be_unsent(
        &self,
        side: usize,
        rest: &[u8],
        offset: u64,
        fresh: bool,
        acked: Option<u64>,
    ) -> Option<Place> {
        let parser = self.voices.get(side)?.parser.as_ref()?;
        if !parser.is_body_due() || offset < self.sure_until || self.spilled.is_some() {
            return None;
        }
        let at_start = parser.is_at_body_start();
        let acked = self.held.as_ref().is_some_and(|held| acked >= Some(held.1.end));
        if !(at_start || acked && fresh) {
            return None;
        }
        let line = after_blank_lines(rest);
        let fits = line.is_empty() || looks_like_request(line) != Likeness::No;
        fits.then_some(Place { at_start, acked, at_size: parser.is_chunk_size_due() })
    }

    /// Takes bytes of the client while others are held.
    pub(super) fn hold_more(
        &mut self,
        mut unsent: Box<Unsent>,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) {
        self.both_seen |= said.other_seen;
        unsent.push(said.bytes, said, said.fresh);
        self.judge(unsent, Cause::Bytes, said.now, work);
    }

    /// Holds what was said from `from` on.
    pub(super) fn hold(
        &mut self,
        said: &Said<'_>,
        (from, place): (usize, Place),
        work: &mut Work<'_>,
    ) {
        let unsent = Box::new(Unsent::new(said, from, place));
        self.judge(unsent, Cause::Bytes, said.now, work);
    }

    /// A final answer begins: it may be one to what is held.
    pub(super) fn answer_begins(&mut self, now: Mark, work: &mut Work<'_>) {
        let Some(acked) = self.acked.get().filter(|_| self.held.is_some() && self.asked.is_empty())
        else {
            return;
        };
        if let Some(unsent) = self.unsent.take() {
            self.judge(unsent, Cause::Answer(acked), now, work);
        } else {
            self.answer_to_spilled(acked, now, work);
        }
    }

    /// The same for what was read as a body since, because there was too much of it.
    fn answer_to_spilled(&mut self, acked: u64, now: Mark, work: &mut Work<'_>) {
        let Some(mut spilled) = self.spilled.take() else { return };
        let Some(client) = self.client() else { return };
        if !self.is_body_due(client) {
            return;
        }
        if spilled.answered_up_to(acked, self.heard) != Verdict::Request {
            self.spilled = Some(spilled);
            return;
        }
        self.leave_body(client, spilled.start(), now, work);
        self.read_held(client, &mut spilled, now, work);
        let missing = self.heard.saturating_sub(spilled.end());
        if missing > 0 {
            self.gap(client, missing, false, self.heard, now, work);
            self.unread = true;
        }
    }

    /// Nothing more will tell what the held bytes are.
    pub(in crate::assembler) fn settle_unsent(&mut self, now: Mark, work: &mut Work<'_>) {
        self.spilled = None;
        if let Some(unsent) = self.unsent.take() {
            self.judge(unsent, Cause::End, now, work);
        }
    }

    /// Reads what is held as far as it is known what it is.
    fn judge(&mut self, mut unsent: Box<Unsent>, mut cause: Cause, now: Mark, work: &mut Work<'_>) {
        let Some(client) = self.client() else { return };
        loop {
            match self.verdict(client, &mut unsent, cause, &work.limits.http) {
                Verdict::Open => {
                    self.unsent = Some(unsent);
                    return;
                }
                Verdict::Request => self.leave_body(client, unsent.start(), now, work),
                Verdict::Body => self.sure_until = unsent.end(),
                Verdict::Spill => {
                    self.sure_until = unsent.end();
                    let (from, pieces) = (unsent.from, unsent.pieces.clone());
                    self.read_held(client, &mut unsent, now, work);
                    if unsent.body == BodyEnd::NotYet {
                        (unsent.from, unsent.pieces) = (from, pieces);
                        self.spilled = Some(unsent);
                    }
                    return;
                }
            }
            // An answer is one to the first of them.
            if let Cause::Answer(_) = cause {
                cause = Cause::Bytes;
            }
            if !self.read_held(client, &mut unsent, now, work) {
                return;
            }
        }
    }

    /// Reads held bytes; `true` where some are left that may be the next request again.
    fn read_held(
        &mut self,
        client: usize,
        unsent: &mut Unsent,
        now: Mark,
        work: &mut Work<'_>,
    ) -> bool {
        while let Some(said) = unsent.next(now) {
            let all = said.bytes.len();
            let stop = self.listen(client, &said, work);
            unsent.advance(stop.map_or(all, |(taken, _)| taken));
            if let Some((_, place)) = stop {
                unsent.begin(place);
                return true;
            }
        }
        false
    }

    fn is_body_due(&self, client: usize) -> bool {
        let parser = self.voices.get(client).and_then(|voice| voice.parser.as_ref());
        parser.is_some_and(|parser| parser.is_body_due())
    }

    fn verdict(
        &self,
        client: usize,
        unsent: &mut Unsent,
        cause: Cause,
        limits: &Limits,
    ) -> Verdict {
        let parser = self.voices.get(client).and_then(|voice| voice.parser.as_ref());
        let Some(parser) = parser.filter(|parser| parser.is_body_due()) else {
            return Verdict::Body;
        };
        unsent.look();
        if !unsent.place.at_size {
            if unsent.ahead.is_none() {
                unsent.ahead = parser.ahead();
            }
            unsent.look_ahead(limits);
        }
        let answered = self.held.is_some();
        let acked = match cause {
            Cause::Answer(acked) => Some(acked),
            // An answer that was captured before what it answers.
            _ => self.early.front().and_then(|answer| answer.acked),
        };
        if answered && let Some(acked) = acked {
            let verdict = unsent.answered_up_to(acked, unsent.end());
            if verdict != Verdict::Open {
                return verdict;
            }
        }
        match unsent.verdict(answered) {
            Verdict::Open | Verdict::Spill if cause == Cause::End => unsent.leaning(),
            verdict => verdict,
        }
    }

    /// The body that is due was not sent: the next request stands at `at`.
    fn leave_body(&mut self, client: usize, at: u64, now: Mark, work: &mut Work<'_>) {
        let voice = self.voices.get_mut(client);
        let message = voice.and_then(|voice| voice.parser.as_mut()).and_then(|p| p.abandon_body());
        if let Some(message) = message {
            let said = self.said_nothing(now, at);
            self.message(client, message, at, &said, work);
        }
    }
}
