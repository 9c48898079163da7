//! The HTTP conversation of one connection: who is the client, and which response answers which
//! request.
//!
//! Responses answer requests in order (RFC 9112 §9.3.2). After a hole, or where the connection was
//! joined midway, order alone would shift every later pair: there the acknowledgement number of a
//! response's first segment tells which request it answers.

mod ends;
mod frames;
mod hello;
mod judge;
mod pairs;
mod preface;
mod running;
mod told;
mod unsent;

use super::Work;
use super::queue::Queue;
use crate::segment::SegmentHead;
use pairs::{Answer, Asked};
use preface::Around;
use stilt_model::{Mark, Timestamp};
use stilt_protocol::http1::{
    Framing, Likeness, Packed, Parser, Side, Step, after_blank_lines, looks_like_request,
    looks_like_request_loosely, looks_like_response,
};
use unsent::{Place, Unsent};

/// Bytes of one side, with what their packet tells of the other.
pub(super) struct Said<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: u64,
    pub(super) mark: Mark,
    pub(super) fresh: bool,
    /// The packet that made these bytes readable.
    pub(super) now: Mark,
    /// How much of the other side their packet acknowledges.
    pub(super) acked: Option<u64>,
    pub(super) other_seen: bool,
    pub(super) other_next: u64,
    /// The SYN of their side was seen: nothing came before them unseen.
    pub(super) begun: bool,
}

/// One side's reader.
#[derive(Debug, Default)]
struct Voice {
    parser: Option<Box<Parser>>,
    /// The same in its small form, between two segments of one head.
    packed: Option<Box<Packed>>,
    /// Segments that began no message.
    misses: u8,
    /// Bytes were lost before or in the present message.
    gap: bool,
    snaplen: bool,
    overlap: bool,
    /// Messages were read on this side.
    spoke: bool,
}

impl Voice {
    /// Where the head that is being read began.
    fn head_from(&self) -> Option<u64> {
        let parser = self.parser.as_ref().filter(|parser| parser.is_in_head());
        let packed = self.packed.as_ref().map(|packed| packed.offset());
        packed.or_else(|| parser.map(|parser| parser.message().offset))
    }

    /// Nothing is begun.
    fn is_idle(&self) -> bool {
        self.parser.is_none() && self.packed.is_none()
    }
}

/// How much of the other side a packet acknowledges, where it does: in one word.
#[derive(Clone, Copy, Debug)]
struct Acked(u64);

impl Default for Acked {
    fn default() -> Self {
        Self(u64::MAX)
    }
}

impl From<Option<u64>> for Acked {
    fn from(acked: Option<u64>) -> Self {
        Self(acked.unwrap_or(u64::MAX))
    }
}

impl Acked {
    fn get(self) -> Option<u64> {
        (self.0 != u64::MAX).then_some(self.0)
    }
}

/// A step of the allocator: one byte more costs 32.
const _: () = assert!(size_of::<Conversation>() <= 160);

/// There may be a million of these, most with one request begun: they are kept small.
#[derive(Debug)]
pub(super) struct Conversation {
    /// VLAN tags, tunnel and the client that a proxy has named, where there are any.
    around: Option<Box<Around>>,
    midstream: bool,
    voices: [Voice; 2],
    /// Which side asks.
    client: Option<u8>,
    /// Its name, once somebody asked for it; before that, when it was opened, in nanoseconds.
    id: i64,
    named: bool,
    ordinal: u64,
    asked: Queue<Asked>,
    /// The request whose response is being read.
    answering: Option<Box<Asked>>,
    /// A request that is still being read, with its response, which was complete before it.
    held: Option<Box<(Asked, Answer)>>,
    early: Queue<Answer>,
    /// What the response being read acknowledges.
    acked: Acked,
    /// The head of the response being read was whole, and its request looked for.
    announced: bool,
    /// Order alone can't be trusted now.
    doubt: bool,
    repaired: bool,
    both_seen: bool,
    opaque: bool,
    /// It was handed over, and HTTP may follow all the same.
    tunnel: bool,
    /// What the client said while a body was due, and may be the next request.
    unsent: Option<Box<Unsent>>,
    /// The same, read as a body because there is too much of it.
    spilled: Option<Box<Unsent>>,
    /// What is missing on its side was heard, and is of the request that the next answer is to.
    unread: bool,
    /// What it says before this offset is known to be no such thing.
    sure_until: u64,
    /// Where in its stream the client is.
    heard: u64,
}

impl Conversation {
    /// The side that asks, where it is known.
    pub(super) fn client(&self) -> Option<usize> {
        self.client.map(usize::from)
    }

    fn set_client(&mut self, side: usize) {
        self.client = u8::try_from(side).ok();
    }

    pub(super) fn new(head: &SegmentHead, opened: Timestamp, midstream: bool) -> Self {
        let around = (head.vlan_count > 0 || head.tunnel.is_some())
            .then(|| Box::new(Around::new(head.vlan_tags(), head.tunnel)));
        Self {
            around,
            midstream,
            voices: [Voice::default(), Voice::default()],
            client: None,
            id: opened.nanos(),
            named: false,
            ordinal: 0,
            asked: Queue::default(),
            answering: None,
            held: None,
            early: Queue::default(),
            acked: Acked::default(),
            announced: false,
            doubt: midstream,
            repaired: false,
            both_seen: false,
            opaque: false,
            tunnel: false,
            unsent: None,
            spilled: None,
            heard: 0,
            unread: false,
            sure_until: 0,
        }
    }

    /// Segments of this side overlapped with different bytes.
    pub(super) fn overlap(&mut self, side: usize) {
        if let Some(voice) = self.voices.get_mut(side) {
            voice.overlap = true;
        }
    }

    /// Takes bytes of one side, behind what a proxy may have said first.
    fn hear_on(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) {
        self.unpack(side);
        let asks = self.client() == Some(side);
        if asks {
            self.heard = said.offset.saturating_add(said.bytes.len() as u64);
        }
        if asks && let Some(unsent) = self.unsent.take() {
            self.hold_more(unsent, said, work);
        } else if let Some(stop) = self.listen(side, said, work) {
            self.hold(said, stop, work);
        }
        self.show_running(side, said, work);
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

    /// Reads what one side says, up to what may be the next request though a body is due.
    fn listen(
        &mut self,
        side: usize,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) -> Option<(usize, Place)> {
        self.both_seen |= said.other_seen;
        if self.opaque {
            pass_over(said.bytes.len(), work);
            return None;
        }
        if !self.ready(side, said, work) {
            return None;
        }
        let mut at = 0_usize;
        let mut first = true;
        while at < said.bytes.len() {
            let asks = self.client() == Some(side);
            let rest = said.bytes.get(at..).unwrap_or_default();
            let offset = said.offset.saturating_add(at as u64);
            let fresh = said.fresh && first;
            if asks && let Some(place) = self.may_be_unsent(side, rest, offset, fresh, said.acked) {
                return Some((at, place));
            }
            let voice = self.voices.get_mut(side)?;
            let parser = voice.parser.as_mut()?;
            if !asks && !parser.is_open() {
                self.acked = Acked::from(said.acked);
            }
            let (taken, step) = parser.advance(rest, offset, said.mark, fresh, &work.limits.http);
            at = at.saturating_add(taken);
            first &= taken == 0;
            if self.tunnel && parser.is_lost() {
                pass_over(taken, work);
            }
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
                        return None;
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
                pass_over(said.bytes.len().saturating_sub(at), work);
                return None;
            }
        }
        None
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
        if self.client().is_none() {
            self.set_client(if asks { side } else { 1_usize.saturating_sub(side) });
        }
        true
    }

    /// A head is complete: frames its body, and finds the request of a response.
    fn head(&mut self, side: usize, end: u64, said: &Said<'_>, work: &mut Work<'_>) {
        let asks = self.client() == Some(side);
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
        self.frame_response(side, (rest, None), end, said, work);
    }
}

/// Counts bytes of a connection that was handed over.
fn pass_over(bytes: usize, work: &mut Work<'_>) {
    let passed = &mut work.counters.handed_over_bytes;
    *passed = passed.saturating_add(bytes as u64);
}
