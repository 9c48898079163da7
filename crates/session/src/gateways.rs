//! Services behind a gateway that has signed its users in: no credential comes with their requests,
//! and headers say who asks (`X-User-Id`, `X-Forwarded-User`), of which organization, in which
//! role.
//!
//! A header names users where requests show no credential, at least half of them bear it, and its
//! values come back as users do. It is known by its usual name, or by values that answers name,
//! too.
//! What else such a service is told of its users is learned in [`traits`](crate::traits).

use crate::traits::Traits;
use core::net::IpAddr;
use foldhash::fast::{FixedState, RandomState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use stilt_model::{ActorId, CredentialKind, Request, Response, SmolStr, Value};

const SERVICES_MAX: usize = 256;
const HEADERS_MAX: usize = 24;
/// Values of one header told apart.
const VALUES_MAX: usize = 4096;
/// Requests without a credential that are known of a service before anything is concluded.
const BARE_MIN: u64 = 20;
/// At most one request in so many shows a credential.
const SHOWN_ONE_IN: u64 = 20;
/// Users that have come back, and how often each.
const USERS_MIN: usize = 3;
const RETURNS: u32 = 3;
/// Values of a header without a usual name: so many come back, and answers name so many of them.
const UNUSUAL_MIN: usize = 12;
const NAMED_MIN: usize = 4;
/// Leaves of an answer among which values are looked for.
const LEAVES_MAX: usize = 256;
/// Clients of a service, and users that one of them names.
const CLIENTS_MAX: usize = 20_000;
const NAMED_MAX: usize = 64;
/// A client that names more users than this, most of them once or twice, tries what it may become.
const TRIED_MAX: usize = 8;

/// Connection peers of a service, users of one told apart, and header orders of gateways.
const PEERS_MAX: usize = 1024;
const PEER_USERS_MAX: usize = 16;
const ORDERS_MAX: usize = 1024;
/// Users that came back, from which on a peer is a gateway: of the first ones, and of later ones.
const GATE_USERS: usize = 4;
const LATER_USERS: usize = 8;
/// Requests for users since there is a gateway; of all but one in so many it is the sender.
const GATED_MIN: u64 = 100;
const PAST_ONE_IN: u64 = 20;

/// What is seen of one header.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Header {
    requests: u64,
    values: HashMap<u64, u32, RandomState>,
    /// Values that came back.
    back: usize,
    /// Values that answers named.
    named: BTreeSet<u64>,
}

impl Header {
    fn note(&mut self, value: u64) {
        self.requests = self.requests.saturating_add(1);
        if self.values.len() >= VALUES_MAX && !self.values.contains_key(&value) {
            return;
        }
        let count = self.values.entry(value).or_default();
        *count = count.saturating_add(1);
        self.back += usize::from(*count == RETURNS);
    }

    /// It names users, of a service with so many requests without a credential.
    fn names_users(&self, bare: u64, usual: bool) -> bool {
        let often = self.requests.saturating_mul(2) >= bare;
        let come_back = self.back >= USERS_MIN && self.back.saturating_mul(2) >= self.values.len();
        let unusual = self.back >= UNUSUAL_MIN && self.named.len() >= NAMED_MIN;
        often && come_back && (usual || unusual)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Service {
    bare: u64,
    shown: u64,
    headers: BTreeMap<SmolStr, Header>,
    /// The header that names users.
    user: Option<SmolStr>,
    /// Users that each client names.
    clients: HashMap<ActorId, BTreeMap<u64, u32>, RandomState>,
    traits: Traits,
    gates: Gates,
}

/// Where the gateways of a service sit: peers that speak for several users.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Gates {
    peers: BTreeMap<IpAddr, Peer>,
    /// Orders of headers that gateways send.
    orders: BTreeSet<u64>,
    /// Requests for users since there is one, and those that came through one.
    all: u64,
    through: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Peer {
    users: BTreeMap<u64, u32>,
    gate: bool,
}

/// What a request says of its user.
pub(crate) enum Says {
    /// Nothing, or nothing that is believed.
    Nothing,
    /// The user.
    User(String),
    /// A user, named from where no gateway sits; known by its gateways, or not.
    Pretends(Option<String>),
}

/// What headers say of a user beside who it is.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Its tenants: sorted.
    pub(crate) tenants: Vec<String>,
    /// Its roles.
    pub(crate) roles: Vec<String>,
    /// The tenant that it keeps to, and the one that is claimed now.
    pub(crate) strays: Option<(Arc<str>, Arc<str>)>,
}

/// Services behind gateways.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Gateways(BTreeMap<Arc<str>, Service>);

/// A key of a value: the same in every run.
pub(crate) fn key(text: &str) -> u64 {
    FixedState::with_seed(23).hash_one(text)
}

impl Gateways {
    /// Learns from a request, and gives the user that it names where that is believed.
    pub(crate) fn user(
        &mut self,
        service: &Arc<str>,
        request: &Request,
        client: ActorId,
        peer: IpAddr,
    ) -> Says {
        if self.0.len() >= SERVICES_MAX && !self.0.contains_key(service) {
            return Says::Nothing;
        }
        if request.said.is_empty() && !self.0.contains_key(service) {
            return Says::Nothing;
        }
        let known = self.0.entry(Arc::clone(service)).or_default();
        let shown = request
            .credentials
            .iter()
            .any(|own| own.kind != CredentialKind::Cookie || own.length >= 16);
        if shown {
            known.shown = known.shown.saturating_add(1);
            return Says::Nothing;
        }
        known.bare = known.bare.saturating_add(1);
        for (name, value) in &request.said {
            if known.headers.len() < HEADERS_MAX || known.headers.contains_key(name) {
                known.headers.entry(name.clone()).or_default().note(key(value));
            }
        }
        if known.user.is_none() {
            known.user = known.choose();
        }
        let own = known.user.as_ref();
        let own = own.and_then(|own| request.said.iter().find(|(name, _)| name == own));
        let Some((name, user)) = own else { return Says::Nothing };
        let user = user.to_string();
        let uses = known.headers.get(name).and_then(|header| header.values.get(&key(&user)));
        let is_known = uses.is_some_and(|uses| *uses > RETURNS);
        if !known.gates.admit(peer, request.header_order, key(&user)) {
            return Says::Pretends(is_known.then_some(user));
        }
        if known.believes(client, &user) { Says::User(user) } else { Says::Nothing }
    }

    /// What headers say of a user; `user`: as it was named, by a gateway or by a service that asks
    /// for many.
    pub(crate) fn traits(&mut self, service: &Arc<str>, request: &Request, user: &str) -> Said {
        if self.0.len() >= SERVICES_MAX && !self.0.contains_key(service) {
            return Said::default();
        }
        let known = self.0.entry(Arc::clone(service)).or_default();
        let own = known.user.clone();
        let rest = request.said.iter().filter(|(name, value)| {
            Some(name) != own.as_ref() && **value != *user && !names_user(name)
        });
        let seen = known.traits.see(key(user), rest);
        let (mut tenants, roles) = (seen.tenants, seen.roles);
        tenants.sort();
        tenants.dedup();
        Said { tenants, roles, strays: seen.strays }
    }

    /// The request bears a header that only a gateway of the service sets.
    pub(crate) fn vouches(&self, service: &str, request: &Request) -> bool {
        let Some(known) = self.0.get(service) else { return false };
        let Some(user) = &known.user else { return false };
        request.said.iter().any(|(name, _)| name == user || known.traits.knows(name))
    }

    /// Learns which values of headers answers name.
    pub(crate) fn answered(&mut self, service: &str, request: &Request, response: &Response) {
        let Some(known) = self.0.get_mut(service) else { return };
        if request.said.is_empty() {
            return;
        }
        let texts = response.leaves.iter().take(LEAVES_MAX).filter_map(|leaf| match &leaf.value {
            Value::Text(text) if text.len() >= 2 => Some(key(text)),
            Value::Integer(number) => Some(key(&number.to_string())),
            _ => None,
        });
        let texts: BTreeSet<u64> = texts.collect();
        if known.user.is_none() {
            for header in known.headers.values_mut() {
                let named = texts.iter().filter(|text| header.values.contains_key(text));
                header.named.extend(named);
                while header.named.len() > NAMED_MAX {
                    header.named.pop_last();
                }
            }
        }
        known.traits.answered(&request.said, &texts);
    }
}

impl Gates {
    /// Notes that a peer speaks for a user; whether that is believed. Where everything comes
    /// through gateways, a stranger that sends other headers than they do is none.
    fn admit(&mut self, peer: IpAddr, order: u64, user: u64) -> bool {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&peer) {
            self.peers.retain(|_, known| known.gate);
            if self.peers.len() >= PEERS_MAX {
                return true;
            }
        }
        let few = self.through.saturating_mul(PAST_ONE_IN) < self.all.saturating_mul(19);
        let gated = self.all >= GATED_MIN && !few;
        let known = self.peers.entry(peer).or_default();
        if !known.gate && (known.users.len() < PEER_USERS_MAX || known.users.contains_key(&user)) {
            let uses = known.users.entry(user).or_default();
            *uses = uses.saturating_add(1);
            let back = known.users.values().filter(|uses| **uses >= RETURNS).count();
            known.gate = back >= if gated { LATER_USERS } else { GATE_USERS };
            known.gate |= gated && self.orders.contains(&order);
        }
        let gate = known.gate;
        if gate {
            known.users.clear();
            if self.orders.len() < ORDERS_MAX {
                self.orders.insert(order);
            }
        }
        if gate || self.all > 0 {
            self.all = self.all.saturating_add(1);
            self.through = self.through.saturating_add(u64::from(gate));
        }
        gate || !gated
    }
}

impl Service {
    /// The header that names users, where one does: by its usual name, else the one that tells most
    /// apart.
    fn choose(&self) -> Option<SmolStr> {
        if self.bare < BARE_MIN || self.shown.saturating_mul(SHOWN_ONE_IN) > self.bare {
            return None;
        }
        let usual = self.headers.iter().filter(|(name, _)| names_user(name));
        let usual = usual.filter(|(_, header)| header.names_users(self.bare, true));
        let usual = usual.max_by_key(|(name, header)| (header.back, is_id(name)));
        if let Some((name, _)) = usual {
            return Some(name.clone());
        }
        let fits = |(name, header): &(&SmolStr, &Header)| {
            header.names_users(self.bare, false) && !self.traits.knows(name)
        };
        let best = self.headers.iter().filter(fits).max_by_key(|(_, header)| header.back);
        best.map(|(name, _)| name.clone())
    }

    /// Notes the user that a client names; one that names many, none of whom comes back, is not
    /// believed.
    fn believes(&mut self, client: ActorId, user: &str) -> bool {
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            self.clients.clear();
        }
        let named = self.clients.entry(client).or_default();
        let value = key(user);
        if named.len() < NAMED_MAX || named.contains_key(&value) {
            let count = named.entry(value).or_default();
            *count = count.saturating_add(1);
        }
        let back = named.values().filter(|count| **count >= RETURNS).count();
        named.len() <= TRIED_MAX || back.saturating_mul(2) >= named.len()
    }
}

/// Words of a header's name, those left out that say that it is one of a gateway.
pub(crate) fn words(name: &str) -> impl Iterator<Item = &str> {
    let said = ["x", "auth", "forwarded", "authenticated", "request", "http", "current"];
    name.split(['-', '_']).filter(move |word| !word.is_empty() && !said.contains(word))
}

/// A usual name of a header that names a user.
fn names_user(name: &str) -> bool {
    const USERS: [&str; 18] = [
        "user",
        "userid",
        "username",
        "subject",
        "sub",
        "principal",
        "member",
        "employee",
        "benutzer",
        "nutzer",
        "usuario",
        "utilisateur",
        "utente",
        "identity",
        "login",
        "uid",
        "customer",
        "person",
    ];
    const AFTER: [&str; 8] = ["id", "name", "email", "uuid", "preferred", "end", "remote", "uid"];
    let mut known = false;
    for word in words(name) {
        let user = USERS.contains(&word);
        if !(user || AFTER.contains(&word)) {
            return false;
        }
        known |= user;
    }
    known || matches!(name, "x-on-behalf-of" | "x-forwarded-email" | "x-auth-request-email")
}

/// A user's number rather than its name or address.
fn is_id(name: &str) -> bool {
    words(name).any(|word| word.ends_with("id") || word == "sub")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_from_elsewhere_with_other_headers_is_no_gateway() {
        let ip = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mut gates = Gates::default();
        for turn in 0..200 {
            assert!(gates.admit(ip(3), turn % 5, turn % 9));
        }
        assert!(!gates.admit(ip(77), 99, 4), "somebody with a header of its own");
        assert!(gates.admit(ip(4), 2, 4), "another gateway, of the same make");
        // A service that begins to ask for many becomes one.
        let asks = |gates: &mut Gates| (0..40).map(|turn| gates.admit(ip(5), 50, turn % 9)).last();
        assert_eq!(asks(&mut gates), Some(true));
        // Where each comes for itself there is none, and all are believed.
        let mut open = Gates::default();
        for turn in 0..200_u64 {
            let own = u8::try_from(turn % 40).unwrap();
            assert!(open.admit(ip(own), turn % 5, turn % 40));
        }
        assert!(open.admit(ip(99), 99, 4));
    }

    #[test]
    fn usual_names_of_headers_that_name_users() {
        for (name, expected) in [
            ("x-user-id", true),
            ("x-forwarded-user", true),
            ("remote-user", true),
            ("x-authenticated-userid", true),
            ("x-usuario", true),
            ("x-user-groups", false),
            ("x-user-org", false),
            ("x-consumer-username", false),
            ("x-forwarded-email", true),
            ("x-org", false),
        ] {
            assert_eq!(names_user(name), expected, "{name}");
        }
    }
}
