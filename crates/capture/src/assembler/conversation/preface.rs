//! What a load balancer says before the client does: for whom it has opened the connection.

use super::{Conversation, Said, hello};
use crate::assembler::Work;
use core::net::IpAddr;
use stilt_model::{Mark, Tunnel};
use stilt_protocol::preface::{self, PREFACE_MAX, Preface};
use stilt_protocol::tls;

/// What stands around a conversation, where anything does.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    pub(super) vlan: Vec<u16>,
    pub(super) tunnel: Option<Tunnel>,
    /// The client that a proxy has named as it opened the connection.
    pub(super) client: Option<IpAddr>,
    /// The first bytes of a side, while they may be a preface.
    held: Option<Held>,
    /// Those of a client's first message of TLS.
    pub(super) hello: Option<Box<hello::Held>>,
}

impl Around {
    pub(super) fn new(vlan: &[u16], tunnel: Option<Tunnel>) -> Self {
        Self { vlan: vlan.to_vec(), tunnel, client: None, held: None, hello: None }
    }
}

#[derive(Clone, Debug)]
struct Held {
    side: usize,
    bytes: Vec<u8>,
    mark: Mark,
}

impl Conversation {
    /// Takes bytes of one side.
    pub(in crate::assembler) fn hear(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) {
        let opens = said.offset == 0 || self.tunnel;
        if opens && tls::may_open(said.bytes) || self.is_greeting(side) {
            self.greet(side, said, opens, work);
        }
        let held = self.around.as_ref().and_then(|around| around.held.as_ref());
        let before = held.filter(|held| held.side == side).map_or(0, |held| held.bytes.len());
        if !said.begun || said.offset != before as u64 || (before == 0 && !may_open(said.bytes)) {
            return self.hear_on(side, said, work);
        }
        let around = self.around.get_or_insert_default();
        let held = around.held.get_or_insert_with(|| Held { side, bytes: vec![], mark: said.mark });
        let more = said.bytes.get(..said.bytes.len().min(PREFACE_MAX)).unwrap_or_default();
        held.bytes.extend_from_slice(more);
        let skip = match preface::read(&held.bytes) {
            Preface::Maybe => return,
            Preface::Whole { length, client } => {
                around.client = client;
                length.saturating_sub(before)
            }
            Preface::None => {
                // It only began like one.
                held.bytes.truncate(before);
                let first = around.held.take();
                if let Some(held) = first.filter(|_| before > 0) {
                    let early = Said { bytes: &held.bytes, offset: 0, mark: held.mark, ..*said };
                    self.hear_on(side, &early, work);
                }
                0
            }
        };
        if let Some(around) = &mut self.around {
            around.held = None;
        }
        let rest = said.bytes.get(skip..).unwrap_or_default();
        if !rest.is_empty() {
            let offset = said.offset.saturating_add(skip as u64);
            let rest = Said { bytes: rest, offset, ..*said };
            if skip > 0 {
                self.greet(side, &rest, true, work);
            }
            self.hear_on(side, &rest, work);
        }
    }
}

impl Conversation {
    /// The beginning of a client's first message of TLS is held.
    fn is_greeting(&self, side: usize) -> bool {
        self.around
            .as_ref()
            .and_then(|around| around.hello.as_ref())
            .is_some_and(|held| held.side == side)
    }
}

/// Looked at before anything is held: nearly all connections begin with something else.
fn may_open(bytes: &[u8]) -> bool {
    preface::read(bytes) != Preface::None
}
