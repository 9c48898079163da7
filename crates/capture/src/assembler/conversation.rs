//! The HTTP conversation of one connection: who is the client, and which response answers which
//! request.
//!
//! Responses answer requests in order (RFC 9112 §9.3.2). After a hole, or where the connection was
//! joined midway, order alone would shift every later pair: there the acknowledgement number of a
//! response's first segment tells which request it answers.

use super::Work;
use super::parts::{Answer, Asked, Said, Voice};
use super::queue::Queue;
use crate::segment::SegmentHead;
use core::time::Duration;
use stilt_model::{Anomaly, Exchange, Flags, Flow, FlowId, Mark, Message, Timestamp, Tunnel};
use stilt_protocol::http1::{
    Framing, Likeness, Parser, Side, Step, after_blank_lines, looks_like_request,
    looks_like_request_loosely, looks_like_response,
};

/// No offset: streams are shorter.
const NOWHERE: u64 = u64::MAX;
/// Responses that came before their request and wait for it.
const EARLY_MAX: usize = 64;

/// There may be a million of these, most with one request begun: they are kept small.
#[derive(Debug)]
pub(super) struct Conversation {
    /// VLAN tags and tunnel, where there are any.
    around: Option<Box<(Vec<u16>, Option<Tunnel>)>>,
    opened: Timestamp,
    midstream: bool,
    voices: [Voice; 2],
    /// Which side asks.
    client: Option<u8>,
    /// 0 where nobody asked for it yet.
    id: FlowId,
    ordinal: u64,
    asked: Queue<Asked>,
    /// The request whose response is being read.
    answering: Option<Box<Asked>>,
    /// A request that is still being read, with its response, which was complete before it.
    held: Option<Box<(Asked, Answer)>>,
    early: Queue<Answer>,
    /// What the response being read acknowledges, or [`NOWHERE`].
    acked: u64,
    /// The head of the response being read was whole, and its request looked for.
    announced: bool,
    /// Order alone can't be trusted now.
    doubt: bool,
    repaired: bool,
    both_seen: bool,
    opaque: bool,
}

impl Conversation {
    pub(super) fn new(head: &SegmentHead, opened: Timestamp, midstream: bool) -> Self {
        let around = (head.vlan_count > 0 || head.tunnel.is_some())
            .then(|| Box::new((head.vlan_tags().to_vec(), head.tunnel)));
        Self {
            around,
            opened,
            midstream,
            voices: [Voice::default(), Voice::default()],
            client: None,
            id: FlowId(0),
            ordinal: 0,
            asked: Queue::default(),
            answering: None,
            held: None,
            early: Queue::default(),
            acked: NOWHERE,
            announced: false,
            doubt: midstream,
            repaired: false,
            both_seen: false,
            opaque: false,
        }
    }

    fn client(&self) -> Option<usize> {
        self.client.map(usize::from)
    }

    fn asks(&self, side: usize) -> bool {
        self.client() == Some(side)
    }

    fn acked(&self) -> Option<u64> {
        Some(self.acked).filter(|acked| *acked != NOWHERE)
    }

    /// Segments of this side overlapped with different bytes.
    pub(super) fn overlap(&mut self, side: usize) {
        if let Some(voice) = self.voices.get_mut(side) {
            voice.overlap = true;
        }
    }

    /// Takes bytes of one side.
    pub(super) fn hear(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) {
        self.unpack(side);
        self.listen(side, said, work);
        if let Some(voice) = self.voices.get_mut(side)
            && let Some(packed) = voice.parser.as_mut().and_then(|parser| parser.pack())
        {
            voice.packed = Some(Box::new(packed));
            voice.parser = None;
        }
    }

    fn unpack(&mut self, side: usize) {
        if let Some(voice) = self.voices.get_mut(side)
            && let Some(packed) = voice.packed.take()
        {
            voice.parser = Some(Box::new(packed.unpack()));
        }
    }

    fn listen(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) {
        self.both_seen |= said.other_seen;
        if self.opaque || !self.ready(side, said, work) {
            return;
        }
        let mut at = 0_usize;
        let mut first = true;
        while at < said.bytes.len() {
            let asks = self.asks(side);
            let Some(voice) = self.voices.get_mut(side) else { return };
            let Some(parser) = &mut voice.parser else { return };
            if !asks && !parser.is_open() {
                self.acked = said.acked.unwrap_or(NOWHERE);
            }
            let rest = said.bytes.get(at..).unwrap_or_default();
            let offset = said.offset.saturating_add(at as u64);
            let fresh = said.fresh && first;
            let (taken, step) = parser.advance(rest, offset, said.mark, fresh, &work.limits.http);
            at = at.saturating_add(taken);
            first &= taken == 0;
            match step {
                Step::More => {}
                Step::NotHttp => {
                    // What was judged is not judged again, whatever the parser makes of it then.
                    first = false;
                    if !voice.spoke {
                        voice.parser = None;
                        voice.misses = voice.misses.saturating_add(1);
                        if self.voices.iter().all(Voice::is_idle) {
                            // It only began like one: who asks is open again.
                            self.client = None;
                        }
                        return;
                    }
                    self.doubt = true;
                }
                Step::Head => {
                    let end = said.offset.saturating_add(at as u64);
                    self.head(side, end, said, work);
                }
                Step::Message(message) => {
                    let end = said.offset.saturating_add(at as u64);
                    self.message(side, message, end, said, work);
                }
            }
            if self.opaque {
                return;
            }
        }
    }

    /// Makes sure the side has a parser; `false` where the bytes begin nothing.
    fn ready(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) -> bool {
        let client = self.client();
        let other = client.is_some_and(|client| client != side);
        let Some(voice) = self.voices.get_mut(side) else { return false };
        if voice.parser.is_some() {
            return true;
        }
        if voice.misses > work.limits.not_http_max || !said.fresh {
            return false;
        }
        let bytes = after_blank_lines(said.bytes);
        if bytes.is_empty() {
            return false;
        }
        let strictly = !other && looks_like_request(bytes) != Likeness::No;
        // What opens a connection may be a request that only a server can love.
        let loosely = !other
            && said.offset == 0
            && !self.midstream
            && looks_like_request_loosely(bytes, false) == Likeness::Yes;
        let asks = strictly || loosely;
        let answers = !asks && client != Some(side) && looks_like_response(bytes) != Likeness::No;
        if !asks && !answers {
            voice.misses = voice.misses.saturating_add(1);
            return false;
        }
        let role = if asks { Side::Request } else { Side::Response };
        let parser = Parser::new(role, false);
        let parser = if asks && !strictly { parser.loosely() } else { parser };
        voice.parser = Some(Box::new(parser));
        voice.gap |= voice.misses > 0;
        self.doubt |= !said.begun;
        if self.client.is_none() {
            self.client = Some(u8::from((side == 0) != asks));
        }
        true
    }

    /// A head is complete: frames its body, and finds the request of a response.
    fn head(&mut self, side: usize, end: u64, said: &Said<'_>, work: &mut Work<'_>) {
        let asks = self.asks(side);
        if self.voices.iter().all(|voice| !voice.spoke) {
            work.counters.http_flows = work.counters.http_flows.saturating_add(1);
        }
        let Some(voice) = self.voices.get_mut(side) else { return };
        let Some(parser) = &mut voice.parser else { return };
        voice.spoke = true;
        if asks {
            let mut asked = Asked {
                method: parser.message().head.method().to_vec(),
                start: parser.message().offset,
                ..Asked::default()
            };
            let framing = Framing::of_request(parser.message_mut());
            if let Framing::Length(length) = framing {
                asked.due = Some(end.saturating_add(length));
            }
            let whole = parser.frame(framing);
            if self.asked.len() >= work.limits.pipeline_max
                && let Some(oldest) = self.asked.pop_front()
            {
                self.emit(Some(oldest), None, said.now, work);
            }
            self.asked.push_back(asked);
            if let Some(message) = whole {
                self.message(side, message, end, said, work);
            }
            return;
        }
        let status = parser.message().head.status;
        if (100..200).contains(&status) && status != 101 {
            // Interim: the final response is still to come.
            parser.frame(Framing::None);
            return;
        }
        let rest = end.checked_sub(said.offset).and_then(|at| usize::try_from(at).ok());
        let rest = rest.and_then(|at| said.bytes.get(at..)).unwrap_or_default();
        self.frame_response(side, rest, None, end, said, work);
    }

    /// Says how the body of a response is framed whose head is whole; `rest` is what came behind.
    ///
    /// A response to `HEAD` has no body, whatever it declares. Where its request was not read,
    /// what comes next tells. It is waited for, unless it is `told` whether there is no body.
    fn frame_response(
        &mut self,
        side: usize,
        rest: &[u8],
        told: Option<bool>,
        end: u64,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) {
        if self.answering.is_none() {
            self.answering = self.match_request(said, work).map(Box::new);
        }
        self.announced = true;
        let method = self.answering.as_ref().map(|asked| asked.method.clone());
        let Some(parser) = self.voices.get_mut(side).and_then(|voice| voice.parser.as_mut()) else {
            return;
        };
        let wait = told.is_none() && rest.is_empty() && may_have_body(parser.message());
        if method.is_none() && wait {
            return;
        }
        let bare = told.unwrap_or_else(|| looks_like_response(rest) == Likeness::Yes);
        let bare = bare && method.is_none();
        let method = if bare { b"HEAD".to_vec() } else { method.unwrap_or_default() };
        let status = parser.message().head.status;
        let framing = Framing::of_response(parser.message_mut(), &method);
        // Behind an accepted CONNECT or upgrade anything may follow, HTTP too: content will tell,
        // unless it is named.
        let handed_over = framing == Framing::Opaque;
        let upgrade = status == 101 && names_other_protocol(parser.message());
        let tunnel = handed_over && !upgrade;
        let whole = parser.frame(if tunnel { Framing::None } else { framing });
        if tunnel {
            parser.lose();
        }
        if let Some(message) = whole {
            self.message(side, message, end, said, work);
        }
        self.opaque |= upgrade;
    }

    /// Nothing will tell more of a response whose framing was waited for.
    fn settle(&mut self, side: usize, bare: bool, end: u64, now: Mark, work: &mut Work<'_>) {
        let parser = self.voices.get(side).and_then(|voice| voice.parser.as_ref());
        if !self.asks(side) && parser.is_some_and(|parser| parser.is_unframed()) {
            let said = self.said_nothing(side, now, end);
            self.frame_response(side, &[], Some(bare), end, &said, work);
        }
    }

    /// The request that the response beginning now answers.
    fn match_request(&mut self, said: &Said<'_>, work: &mut Work<'_>) -> Option<Asked> {
        let acked = self.acked();
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
            if next.end.is_none_or(|end| end > acked) {
                break;
            }
            self.repaired = true;
            let lost = self.asked.pop_front();
            self.emit(lost, None, said.now, work);
        }
        if self.asked.len() <= 1 {
            self.doubt = false;
        }
        self.asked.pop_front()
    }

    /// A message is complete, or given up.
    fn message(
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
        if self.asks(side) {
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
        let late = self.asked.front().is_some_and(|asked| Some(asked.start) < self.acked());
        if self.answering.is_none() && (!announced || late) {
            self.answering = self.match_request(said, work).map(Box::new);
        }
        let answer = Answer { message, acked: self.acked(), gap, snaplen };
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
        let Some(acked) = self.acked() else { return false };
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
    pub(super) fn holds_back(&self) -> bool {
        !self.both_seen && !self.early.is_empty()
    }

    /// Time passes: a side of which nothing is seen for so long is not in the capture.
    pub(super) fn tick(&mut self, now: Mark, work: &mut Work<'_>) {
        let wait = Duration::from_millis(work.limits.acked_wait_ms);
        while self.holds_back()
            && self
                .early
                .front()
                .is_some_and(|answer| now.time.since(answer.message.end.time) > wait)
        {
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
        let answers = self
            .asked
            .front()
            .is_some_and(|asked| asked.end.is_some() && asked.end == self.acked());
        if let Some(client) = self.client()
            && answers
        {
            self.settle(1_usize.saturating_sub(client), false, u64::MAX, now, work);
        }
    }

    /// Whether an early response can be the one to this request: it acknowledges all of it, and
    /// where
    /// order can't be trusted nothing beyond it.
    fn answers(&self, answer: &Answer, asked: &Asked) -> bool {
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

    /// Takes what is known to be missing in and before a message.
    fn flags_of(&mut self, side: usize, message: &mut Message) -> (bool, bool) {
        let Some(voice) = self.voices.get_mut(side) else { return (false, false) };
        if core::mem::take(&mut voice.overlap)
            && !message.anomalies.contains(&Anomaly::OverlapDiffers)
        {
            message.anomalies.push(Anomaly::OverlapDiffers);
        }
        let gap = core::mem::take(&mut voice.gap);
        let snaplen = core::mem::take(&mut voice.snaplen);
        ((gap || message.body.lost > 0) && !snaplen, snaplen)
    }

    /// Bytes of memory that bodies hold here, about.
    pub(super) fn weight(&self) -> usize {
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
            .fold(0, usize::saturating_add)
    }

    /// Memory is short: bodies that are here are dropped, and those being read only counted.
    pub(super) fn shed(&mut self) {
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
    }

    /// Bytes of one side are missing.
    pub(super) fn gap(
        &mut self,
        side: usize,
        bytes: u64,
        snaplen: bool,
        end: u64,
        now: Mark,
        work: &mut Work<'_>,
    ) {
        self.unpack(side);
        self.settle(side, false, end.saturating_sub(bytes), now, work);
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
            let said = self.said_nothing(side, now, end);
            self.message(side, message, end, &said, work);
        }
        if !lost {
            return;
        }
        self.doubt = true;
        if let Some(voice) = self.voices.get_mut(side) {
            voice.gap |= !snaplen;
        }
        if self.asks(side) {
            // What answered a request inside the hole will never meet it.
            while self.early.front().is_some_and(|answer| answer.acked.is_none_or(|a| a <= end)) {
                let answer = self.early.pop_front();
                self.emit(None, answer, now, work);
            }
        }
    }

    fn said_nothing(&self, _side: usize, now: Mark, offset: u64) -> Said<'static> {
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
    pub(super) fn close(&mut self, side: usize, now: Mark, work: &mut Work<'_>) {
        self.end_side(side, true, now, work);
    }

    fn end_side(&mut self, side: usize, clean: bool, now: Mark, work: &mut Work<'_>) {
        self.unpack(side);
        self.settle(side, clean, u64::MAX, now, work);
        let Some(voice) = self.voices.get_mut(side) else { return };
        let Some(parser) = &mut voice.parser else { return };
        if let Some(message) = parser.end(clean) {
            let said = self.said_nothing(side, now, u64::MAX);
            self.message(side, message, u64::MAX, &said, work);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, clean: [bool; 2], now: Mark, work: &mut Work<'_>) {
        // The asking side first, so that a request that was cut off meets its response.
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

    fn emit(
        &mut self,
        asked: Option<Asked>,
        answer: Option<Answer>,
        completed: Mark,
        work: &mut Work<'_>,
    ) {
        let client = self.client().unwrap_or(0);
        let (near, far) = match work.ends {
            [low, high] if client == 0 => (low, high),
            [low, high] => (high, low),
        };
        let (vlan, tunnel) = self.around.as_deref().cloned().unwrap_or_default();
        let flow = Flow { client: near, server: far, vlan, tunnel };
        let opened = self.opened.nanos();
        if self.id == FlowId(0) {
            self.id = flow.id(opened);
        }
        let (asked_gap, asked_cut) =
            asked.as_ref().map_or((false, false), |asked| (asked.gap, asked.snaplen));
        let (answer_gap, answer_cut) =
            answer.as_ref().map_or((false, false), |answer| (answer.gap, answer.snaplen));
        let request = asked.and_then(|asked| asked.message).map(|message| *message);
        let mut response = answer.map(|answer| *answer.message);
        if request.is_none() && response.is_none() {
            return;
        }
        // Nothing was lost that could have held its request.
        let unasked = request.is_none() && self.both_seen && !self.doubt;
        if let (true, Some(response)) = (unasked, &mut response) {
            response.anomalies.push(Anomaly::UnexpectedResponse);
        }
        let lost = request.is_none() && self.both_seen && !unasked;
        let lacks = response.is_none() || lost;
        let cut = |message: &Option<Message>| {
            message.as_ref().is_some_and(|message| !message.body.complete && message.body.lost == 0)
        };
        let repaired = core::mem::take(&mut self.repaired) && response.is_some();
        let flags = Flags {
            midstream: self.midstream,
            one_sided: !self.both_seen,
            gap: asked_gap || answer_gap,
            snaplen: asked_cut || answer_cut,
            incomplete: cut(&request) || cut(&response) || lacks,
            body_cut: false,
            repaired,
            head_cut: response.is_none() && request.as_ref().is_some_and(is_head_cut),
        };
        let counters = &mut work.counters;
        for (count, counts) in [
            (&mut counters.exchanges, true),
            (&mut counters.unanswered, response.is_none()),
            (&mut counters.unasked, request.is_none()),
            (&mut counters.one_sided, flags.one_sided),
            (&mut counters.repaired, repaired),
        ] {
            *count = count.saturating_add(u64::from(counts));
        }
        work.out.push(Exchange {
            flow,
            flow_id: self.id,
            ordinal: self.ordinal,
            request,
            response,
            flags,
            completed,
        });
        self.ordinal = self.ordinal.saturating_add(1);
    }
}

/// The protocol that a 101 response switches to is known not to be HTTP/1.
fn names_other_protocol(message: &Message) -> bool {
    let upgrade = message.head.header("upgrade").unwrap_or_default();
    [&b"websocket"[..], b"h2c"].iter().any(|name| upgrade.trim_ascii().eq_ignore_ascii_case(name))
}

/// Whether a response may have a body, unless it answers `HEAD`.
fn may_have_body(message: &Message) -> bool {
    let length = message.head.header("content-length");
    !matches!(message.head.status, 100..=199 | 204 | 304) && length.is_none_or(|text| text != b"0")
}

/// A head that ends before its empty line.
fn is_head_cut(message: &Message) -> bool {
    let raw = &message.head.raw;
    !(raw.ends_with(b"\n\r\n") || raw.ends_with(b"\n\n"))
}
