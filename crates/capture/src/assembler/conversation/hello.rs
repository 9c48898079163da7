//! Clients that open a connection for TLS: whom they want to speak to.

use super::preface::Around;
use super::{Conversation, Said};
use crate::assembler::Work;
use stilt_model::{ClientHello, Exchange, Flags, Stage};
use stilt_protocol::tls::{self, Opening};

/// The beginning of a client's first message.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) side: usize,
    bytes: Vec<u8>,
    /// Where in the stream it goes on.
    next: u64,
    /// Bytes that are needed to tell more.
    need: usize,
}

impl Conversation {
    /// Looks at what may be of a client's first message of TLS; `opens` where it may begin here.
    pub(super) fn greet(&mut self, side: usize, said: &Said<'_>, opens: bool, work: &mut Work<'_>) {
        let held = self.around.as_mut().and_then(|around| around.hello.take());
        let goes_on = |held: &Held| held.side == side && held.next == said.offset;
        let mut held = match held.filter(|held| goes_on(held)) {
            Some(held) => held,
            None if opens && tls::may_open(said.bytes) => {
                Box::new(Held { side, bytes: Vec::new(), next: said.offset, need: 0 })
            }
            None => return,
        };
        held.next = held.next.saturating_add(said.bytes.len() as u64);
        let room = tls::HELLO_MAX.saturating_mul(2).saturating_sub(held.bytes.len());
        held.bytes.extend_from_slice(said.bytes.get(..room).unwrap_or(said.bytes));
        if held.bytes.len() >= held.need {
            match tls::read(&held.bytes) {
                Opening::None => return,
                Opening::Hello(hello) => return self.tell_hello(side, hello, said, work),
                Opening::Maybe(need) => held.need = need,
            }
        }
        if room > 0 {
            self.around.get_or_insert_with(Box::<Around>::default).hello = Some(held);
        }
    }

    fn tell_hello(
        &mut self,
        side: usize,
        hello: ClientHello,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) {
        let (flow, flow_id) = self.flow(side, work);
        work.out.push(Exchange {
            flow,
            proxied: self.around.as_deref().and_then(|around| around.client),
            flow_id,
            ordinal: self.ordinal,
            request: None,
            response: None,
            flags: Flags::default(),
            completed: said.now,
            stage: Stage::Tls(Box::new(hello)),
        });
    }
}
