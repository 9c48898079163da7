//! Which response answers which request: by order, and by acknowledgement where order can't tell.

use super::running::Shown;
use super::{Conversation, Said, Voice};
use crate::assembler::Work;
use core::time::Duration;
use stilt_model::{Mark, Message};

/// Responses that came before their request and wait for it.
const EARLY_MAX: usize = 64;

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
    /// What of its answer was handed over while it runs.
    pub(super) shown: Shown,
}

impl Asked {
    fn fill(&mut self, message: Box<Message>, end: u64, gap: bool, snaplen: bool) {
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
    /// Offset behind it.
    pub(super) end: u64,
    pub(super) gap: bool,
    pub(super) snaplen: bool,
}

impl Conversation {
    /// The request that the response beginning now answers.
    pub(super) fn match_request(&mut self, said: &Said<'_>, work: &mut Work<'_>) -> Option<Asked> {
        let acked = self.acked.get();
        if !self.doubt {
            // Those that came before this one have requests of their own to wait for.
            return if self.early.is_empty() { self.asked.pop_front() } else { None };
        }
        let acked = acked?;
        // A request that was sent after this answer is not what it answers.
        if self.asked.front()?.start >= acked {
            return None;
        }
        // What it acknowledges ends in a request that was not seen (yet): that one it answers,
        // unless what was not seen is of the body of the last that was.
        let unseen = said.other_seen && acked > said.other_next;
        let fits = |asked: &Asked| {
            asked.end == Some(acked) || (asked.end.is_none() && asked.due >= Some(acked))
        };
        if unseen && !self.asked.iter().any(fits) {
            return None;
        }
        // Of those acknowledged the last is answered, unless they were sent in one go.
        while let Some(next) = self.asked.get(1) {
            if next.end.or(next.due).is_none_or(|end| end > acked) {
                break;
            }
            self.repaired = true;
            let lost = self.asked.pop_front();
            self.emit(lost, None, said.now, work);
        }
        if !core::mem::take(&mut self.unread) && self.is_lost_behind_first(acked, said) {
            return None;
        }
        if self.asked.len() <= 1 {
            self.doubt = false;
        }
        self.asked.pop_front()
    }

    /// Whether bytes were lost behind the first request that an answer acknowledges as well: then
    /// they held the one it answers.
    fn is_lost_behind_first(&self, acked: u64, said: &Said<'_>) -> bool {
        let end = self.asked.front().and_then(|asked| asked.end);
        let Some(end) = end.filter(|end| *end < acked) else { return false };
        let client = self.client().and_then(|client| self.voices.get(client));
        // What was lost before a message is noted with it once it is read.
        let (gap, next) = match self.asked.get(1) {
            Some(next) if next.message.is_some() => (next.gap, Some(next.start)),
            Some(next) => (client.is_some_and(|voice| voice.gap), Some(next.start)),
            None => (client.is_some_and(|voice| voice.gap), client.and_then(Voice::head_from)),
        };
        // Empty lines may stand between requests (RFC 9112 §2.2).
        gap && next.unwrap_or(said.other_next) > end.saturating_add(4)
    }

    /// A message is complete, or given up.
    pub(super) fn message(
        &mut self,
        side: usize,
        mut message: Box<Message>,
        end: u64,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) {
        let (gap, snaplen) = self.flags_of(side, &mut message);
        if let Some(voice) = self.voices.get_mut(side) {
            voice.spoke = true;
        }
        if self.client() == Some(side) {
            self.spilled = None;
            work.counters.requests = work.counters.requests.saturating_add(1);
            self.request(message, end, (gap, snaplen), said.now, work);
            return;
        }
        let status = message.head.status;
        if (100..200).contains(&status) && status != 101 {
            return;
        }
        work.counters.responses = work.counters.responses.saturating_add(1);
        let announced = core::mem::take(&mut self.announced);
        // Its own head was cut off, or that of its request, which is known by now.
        let late = self.asked.front().is_some_and(|asked| Some(asked.start) < self.acked.get());
        if self.answering.is_none() && (!announced || late) {
            self.answering = self.match_request(said, work).map(Box::new);
        }
        let answer = Answer { message, acked: self.acked.get(), end, gap, snaplen };
        match self.answering.take().map(|asked| *asked) {
            Some(asked) if asked.message.is_some() => {
                self.emit(Some(asked), Some(answer), said.now, work);
            }
            Some(asked) => {
                // The server answered before the whole request was sent, or seen.
                let before = self.held.replace(Box::new((asked, answer)));
                if let Some((asked, answer)) = before.map(|held| *held) {
                    self.emit(Some(asked), Some(answer), said.now, work);
                }
            }
            None if self.may_be_asked_still(said) || (!self.doubt && !self.early.is_empty()) => {
                if self.early.len() >= EARLY_MAX {
                    let oldest = self.early.pop_front();
                    self.emit(None, oldest, said.now, work);
                }
                self.early.push_back(answer);
                self.meet_early(said.now, work);
            }
            // Its head came before its request, which has come meanwhile.
            None if self.asked.iter().any(|asked| self.answers(&answer, asked)) => {
                self.early.push_back(answer);
                self.meet_early(said.now, work);
            }
            None => self.emit(None, Some(answer), said.now, work),
        }
    }

    /// Whether the request that the response just read answers may still come: it was on the wire,
    /// and was not read yet, or its head was not.
    fn may_be_asked_still(&self, said: &Said<'_>) -> bool {
        let Some(acked) = self.acked.get() else { return false };
        let heading = self
            .client()
            .and_then(|client| self.voices.get(client))
            .and_then(Voice::head_from)
            .is_some_and(|offset| offset < acked);
        // Of a side that was never heard it can't be told but where the connection began.
        let awaited = said.other_seen || (said.begun && !self.midstream);
        heading || (awaited && acked > said.other_next)
    }

    /// Responses wait for requests of a side of which nothing was seen.
    pub(in crate::assembler) fn holds_back(&self) -> bool {
        !self.both_seen && !self.early.is_empty()
    }

    /// Time passes: a side of which nothing is seen for so long is not in the capture.
    pub(in crate::assembler) fn tick(&mut self, now: Mark, work: &mut Work<'_>) {
        let wait = Duration::from_millis(work.limits.acked_wait_ms);
        let late = |answer: &Answer| now.time.since(answer.message.end.time) > wait;
        while self.holds_back() && self.early.front().is_some_and(late) {
            let answer = self.early.pop_front();
            self.emit(None, answer, now, work);
        }
    }

    fn request(
        &mut self,
        message: Box<Message>,
        end: u64,
        (gap, snaplen): (bool, bool),
        now: Mark,
        work: &mut Work<'_>,
    ) {
        if self.asked.back().is_none_or(|asked| asked.message.is_some()) {
            if let Some((mut asked, answer)) = self.held.take().map(|held| *held) {
                asked.fill(message, end, gap, snaplen);
                self.emit(Some(asked), Some(answer), now, work);
                self.meet_early(now, work);
                return;
            }
            if let Some(asked) = self.answering.as_mut().filter(|asked| asked.message.is_none()) {
                asked.fill(message, end, gap, snaplen);
                return;
            }
            // Its head was cut off: it was not noted when it ended.
            let method = message.head.method().to_vec();
            self.asked.push_back(Asked { start: message.offset, method, ..Asked::default() });
        }
        if let Some(asked) = self.asked.back_mut() {
            asked.fill(message, end, gap, snaplen);
        }
        self.meet_early(now, work);
        let end = self.asked.front().and_then(|asked| asked.end);
        if let Some(client) = self.client()
            && end.is_some()
            && end == self.acked.get()
        {
            self.settle_frame(1_usize.saturating_sub(client), false, u64::MAX, now, work);
        }
    }

    /// Whether an early response can be the one to this request: it acknowledges all of it, and
    /// where
    /// order can't be trusted nothing beyond it.
    pub(super) fn answers(&self, answer: &Answer, asked: &Asked) -> bool {
        match (answer.acked, asked.end) {
            (Some(acked), Some(end)) => acked == end || (acked > end && !self.doubt),
            _ => false,
        }
    }

    /// Pairs responses that were captured before their requests.
    fn meet_early(&mut self, now: Mark, work: &mut Work<'_>) {
        while self.answering.is_none()
            && let (Some(asked), Some(answer)) = (self.asked.front(), self.early.front())
            && asked.message.is_some()
            && let (Some(end), Some(acked)) = (asked.end, answer.acked)
        {
            if acked <= asked.start {
                // It was sent before this request: its own was lost.
                let answer = self.early.pop_front();
                self.emit(None, answer, now, work);
            } else if acked > end && self.doubt {
                let exact = self.asked.iter().any(|asked| asked.end == Some(acked));
                let behind = self.asked.back().and_then(|asked| asked.end);
                if !exact && behind.is_none_or(|behind| behind < acked) {
                    // Its request is still to come.
                    return;
                }
                self.repaired = true;
                let lost = self.asked.pop_front();
                self.emit(lost, None, now, work);
            } else {
                let (asked, answer) = (self.asked.pop_front(), self.early.pop_front());
                self.emit(asked, answer, now, work);
                self.doubt &= !(self.asked.is_empty() && self.early.is_empty());
            }
        }
    }
}
