//! Which peers are believed when they say for whom they ask.
//!
//! Configured peers are. Another peer earns it by always sending the header, from its first request
//! on, for clients that come back and differ among each other: a gateway does; one client that
//! forges
//! a new address with each request does not.

use core::hash::BuildHasher;
use core::net::IpAddr;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::Request;

/// Peers remembered at most; those that ask for themselves go first.
const PEERS_MAX: usize = 10_000;
const CLIENTS_MAX: usize = 64;
const PRINTS_MAX: usize = 16;
/// Pages a gateway probes by itself.
const PROBES_MAX: usize = 2;
/// Clients, and requests per client, that a gateway has served before it is believed.
const CLIENTS_MIN: usize = 2;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Peer {
    requests: u64,
    bare: bool,
    clients: BTreeSet<IpAddr>,
    prints: BTreeSet<u64>,
    /// Pages that it asks for itself, without a credential: whether what stands behind it is up.
    probes: BTreeSet<u64>,
    trusted: bool,
}

impl Peer {
    /// The request is a probe: of one or two pages, by nobody in particular.
    fn probes(&mut self, request: &Request) -> bool {
        let plain = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
            && request.credentials.is_empty()
            && request.query.is_none();
        let page = FixedState::with_seed(11).hash_one(request.path.as_str());
        let room = self.probes.len() < PROBES_MAX || self.probes.contains(&page);
        if plain && room {
            self.probes.insert(page);
        }
        plain && room
    }

    fn has_earned(&self) -> bool {
        let clients = self.clients.len();
        let come_back = self.requests >= 2 * clients as u64;
        !self.bare
            && clients >= CLIENTS_MIN
            && ((self.prints.len() >= 2 && self.requests >= 4) || (clients >= 3 && come_back))
    }
}

/// An address or network in CIDR form.
#[derive(Clone, Copy, Debug)]
struct Network {
    base: IpAddr,
    length: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(length.parse().ok()?)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().ok()?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(widest);
        (length <= widest).then_some(Self { base, length })
    }

    fn holds(self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - self.length).unwrap_or(0);
                u32::from(base) & mask == u32::from(ip) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - self.length).unwrap_or(0);
                u128::from(base) & mask == u128::from(ip) & mask
            }
            _ => false,
        }
    }
}

/// Whether `text` is an address or network, as configuration may name it.
#[must_use]
pub fn is_network(text: &str) -> bool {
    Network::parse(text).is_some()
}

/// Peers and what they have earned.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Proxies {
    #[serde(skip)]
    configured: Vec<Network>,
    peers: BTreeMap<IpAddr, Peer>,
}

impl Proxies {
    pub(crate) fn new(networks: &[String]) -> Self {
        let configured = networks.iter().filter_map(|text| Network::parse(text)).collect();
        Self { configured, peers: BTreeMap::new() }
    }

    /// Takes the settings of others; what was earned stays.
    pub(crate) fn configure(&mut self, others: &mut Self) {
        self.configured = core::mem::take(&mut others.configured);
    }

    fn is_trusted(&self, ip: IpAddr) -> bool {
        self.configured.iter().any(|network| network.holds(ip))
            || self.peers.get(&ip).is_some_and(|peer| peer.trusted)
    }

    /// Room for a peer that is new: a flood of them must not keep a gateway from being known.
    fn make_room(&mut self, peer: IpAddr) {
        if self.peers.len() < PEERS_MAX || self.peers.contains_key(&peer) {
            return;
        }
        let keeps: [fn(&Peer) -> bool; 3] = [|peer| !peer.bare, |peer| peer.trusted, |_| false];
        for keep in keeps {
            self.peers.retain(|_, peer| keep(peer));
            if self.peers.len() <= PEERS_MAX / 2 {
                return;
            }
        }
    }

    /// The client behind a request: the peer, or whom it speaks for.
    pub(crate) fn client(&mut self, peer: IpAddr, request: &Request) -> (IpAddr, bool) {
        self.make_room(peer);
        let Some(last) = request.forwarded.last().copied() else {
            // One that has asked for itself is no gateway, but for its probes.
            let known = self.peers.entry(peer).or_default();
            known.bare |= !known.trusted && !known.probes(request);
            return (peer, false);
        };
        if !self.configured.iter().any(|network| network.holds(peer)) {
            let known = self.peers.entry(peer).or_default();
            known.requests = known.requests.saturating_add(1);
            if known.clients.len() < CLIENTS_MAX {
                known.clients.insert(last);
            }
            if known.prints.len() < PRINTS_MAX {
                let agent = request.user_agent.as_deref().unwrap_or_default();
                known.prints.insert(crate::identity::agent_family(agent) ^ request.header_order);
            }
            known.trusted |= known.has_earned();
        }
        if !self.is_trusted(peer) {
            return (peer, false);
        }
        // The rightmost address that no trusted peer has: what stands left of it is hearsay.
        let client = request.forwarded.iter().rev().find(|ip| !self.is_trusted(**ip));
        (client.copied().unwrap_or(last), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(proxies: &mut Proxies, peer: &str, forwarded: &[&str], agent: &str) -> String {
        let request = Request {
            forwarded: forwarded.iter().map(|ip| ip.parse().unwrap()).collect(),
            user_agent: Some(agent.into()),
            ..Request::default()
        };
        proxies.client(peer.parse().unwrap(), &request).0.to_string()
    }

    #[test]
    fn a_configured_peer_is_believed_at_once_and_hearsay_behind_it_is_not() {
        let mut proxies = Proxies::new(&["10.0.0.0/24".to_owned()]);
        assert_eq!(asks(&mut proxies, "10.0.0.9", &["1.1.1.1", "2.2.2.2"], "a"), "2.2.2.2");
        assert_eq!(asks(&mut proxies, "10.0.0.9", &["2.2.2.2", "10.0.0.8"], "a"), "2.2.2.2");
        assert_eq!(asks(&mut proxies, "10.0.1.9", &["1.1.1.1"], "a"), "10.0.1.9");
    }

    #[test]
    fn a_gateway_earns_it_and_one_that_forges_does_not() {
        let mut proxies = Proxies::default();
        for round in 0..3 {
            for client in ["1.1.1.1", "2.2.2.2"] {
                let agent = if client == "1.1.1.1" { "curl/8" } else { "Mozilla/5" };
                let seen = asks(&mut proxies, "10.0.0.9", &[client], agent);
                assert_eq!(
                    seen == client,
                    round >= 2 || (round == 1 && client == "2.2.2.2"),
                    "{round}"
                );
            }
        }
        for forged in 1..60 {
            let forged = format!("9.9.9.{forged}");
            assert_eq!(asks(&mut proxies, "6.6.6.6", &[&forged], "curl/8"), "6.6.6.6");
        }
    }

    #[test]
    fn one_that_has_asked_for_itself_is_no_gateway() {
        let mut proxies = Proxies::default();
        asks(&mut proxies, "6.6.6.6", &[], "curl/8");
        for forged in ["1.1.1.1", "2.2.2.2", "1.1.1.1", "2.2.2.2", "1.1.1.1", "3.3.3.3"] {
            assert_eq!(asks(&mut proxies, "6.6.6.6", &[forged], forged), "6.6.6.6");
        }
    }

    #[test]
    fn a_flood_of_peers_keeps_no_gateway_out() {
        let mut proxies = Proxies::default();
        for number in 0..PEERS_MAX {
            let peer = IpAddr::from([7, 7, (number >> 8) as u8, number as u8]).to_string();
            let forwarded: &[&str] = if number % 2 == 0 { &[] } else { &["9.9.9.9"] };
            asks(&mut proxies, &peer, forwarded, "curl/8");
        }
        for _ in 0..3 {
            for client in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
                asks(&mut proxies, "10.0.0.9", &[client], client);
            }
        }
        assert_eq!(asks(&mut proxies, "10.0.0.9", &["1.1.1.1"], "a"), "1.1.1.1");
        assert!(proxies.peers.len() < PEERS_MAX);
    }

    #[test]
    fn a_gateway_may_probe_what_stands_behind_it() {
        let bare = |path: &str| Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            ..Request::default()
        };
        let earns = |pages: &[&str]| {
            let mut proxies = Proxies::default();
            for page in pages {
                proxies.client("10.0.0.9".parse().unwrap(), &bare(page));
            }
            for _ in 0..3 {
                for client in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
                    asks(&mut proxies, "10.0.0.9", &[client], client);
                }
            }
            asks(&mut proxies, "10.0.0.9", &["1.1.1.1"], "a") == "1.1.1.1"
        };
        assert!(earns(&["/healthz", "/healthz", "/ready"]));
        assert!(!earns(&["/a", "/b", "/c"]), "one that browses");
    }
}
