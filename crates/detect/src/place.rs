//! Where a request comes from, as far as a thief's place can be told from the owner's.

use crate::context::Context;
use core::net::IpAddr;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};
use stilt_model::{Actor, ActorId, ActorKind, IdBuilder, SmolStr};

/// Network and make of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The address.
    pub(crate) ip: IpAddr,
    /// The letters of its user agent: versions change, makes do not.
    pub(crate) make: u64,
    /// Order of its headers.
    pub(crate) order: u64,
}

impl Place {
    /// Where a transaction comes from.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        let request = context.tx.request.as_ref();
        let agent = request.and_then(|request| request.user_agent.as_deref()).unwrap_or_default();
        let mut hasher = FixedState::with_seed(7).build_hasher();
        for byte in agent.bytes().filter(u8::is_ascii_alphabetic).take(256) {
            hasher.write_u8(byte);
        }
        Self {
            ip: context.seen.client_ip,
            make: hasher.finish(),
            order: request.map_or(0, |request| request.header_order),
        }
    }

    /// Who asks from there, where no transaction is at hand.
    pub(crate) fn client(&self) -> Actor {
        let name = IdBuilder::new("place").text(&self.ip.to_string()).number(self.make);
        Actor {
            id: ActorId(name.finish()),
            kind: ActorKind::Client,
            name: format!("client:{}", self.ip),
            user: None,
            roles: Vec::new(),
            identified_by: SmolStr::new_static("address and make of client"),
        }
    }

    /// The same network: /24 of IPv4, /48 of IPv6.
    pub(crate) fn near(&self, other: &Self) -> bool {
        match (self.ip, other.ip) {
            (IpAddr::V4(one), IpAddr::V4(two)) => one.octets()[..3] == two.octets()[..3],
            (IpAddr::V6(one), IpAddr::V6(two)) => one.octets()[..6] == two.octets()[..6],
            _ => false,
        }
    }

    /// The same program, or a later version of it.
    pub(crate) fn alike(&self, other: &Self) -> bool {
        self.make == other.make
    }

    /// Another address or another program.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.ip != other.ip || !self.alike(other)
    }

    /// A key of network and make.
    pub(crate) fn key(&self) -> u64 {
        let mut hasher = FixedState::with_seed(13).build_hasher();
        match self.ip {
            IpAddr::V4(ip) => hasher.write(&ip.octets()[..3]),
            IpAddr::V6(ip) => hasher.write(&ip.octets()[..6]),
        }
        hasher.write_u64(self.make);
        hasher.finish()
    }
}
