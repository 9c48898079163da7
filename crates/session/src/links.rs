//! Who uses a connection and a client: what comes without a credential is of the one whose
//! credential came there last, as long as no other's did. Proxies put many users on one connection,
//! an office many on one client; where that was seen nothing is concluded any more.

use core::hash::Hash;
use core::net::IpAddr;
use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use stilt_model::{Actor, ActorId, FlowId, Timestamp};

/// Connections and clients remembered at most, and peers that mix users; the older half goes first.
const LINKS_MAX: usize = 200_000;
const PEERS_MAX: usize = 10_000;

/// A table of which the older half is forgotten when it is full.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize",
    deserialize = "K: Deserialize<'de> + Eq + Hash, V: Deserialize<'de>"
))]
struct Halves<K, V>([HashMap<K, V, RandomState>; 2]);

impl<K, V> Default for Halves<K, V> {
    fn default() -> Self {
        Self([HashMap::default(), HashMap::default()])
    }
}

impl<K: Copy + Eq + Hash, V> Halves<K, V> {
    fn get(&self, key: K) -> Option<&V> {
        self.0.iter().find_map(|half| half.get(&key))
    }

    fn put(&mut self, key: K, value: V) {
        let [young, old] = &mut self.0;
        if young.len() >= LINKS_MAX / 2 {
            *old = core::mem::take(young);
        }
        young.insert(key, value);
    }
}

/// Who uses a client.
#[derive(Clone, Serialize, Deserialize)]
enum User {
    One(Arc<Actor>, Timestamp),
    Several,
    /// Nobody since somebody signed out.
    Gone,
}

/// From where a request comes.
#[derive(Clone, Copy)]
pub(crate) struct From {
    pub(crate) flow: FlowId,
    pub(crate) peer: IpAddr,
    pub(crate) client: ActorId,
    /// A proxy stands between: the connection is nobody's.
    pub(crate) forwarded: bool,
    pub(crate) at: Timestamp,
}

/// Connections, clients and who uses them.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Links {
    flows: Halves<FlowId, Option<Arc<Actor>>>,
    clients: Halves<ActorId, User>,
    mixed: BTreeSet<IpAddr>,
}

impl Links {
    /// A request was of `actor`.
    pub(crate) fn used(&mut self, from: From, actor: &Arc<Actor>) {
        let user = match self.clients.get(from.client) {
            Some(User::Several) => User::Several,
            Some(User::One(known, _)) if known.id != actor.id => User::Several,
            _ => User::One(Arc::clone(actor), from.at),
        };
        self.clients.put(from.client, user);
        if from.forwarded {
            return;
        }
        match self.flows.get(from.flow) {
            Some(Some(known)) if known.id == actor.id => {}
            Some(Some(_)) => {
                if self.mixed.len() < PEERS_MAX {
                    self.mixed.insert(from.peer);
                }
            }
            _ => self.flows.put(from.flow, Some(Arc::clone(actor))),
        }
    }

    /// Who was there signed out.
    pub(crate) fn left(&mut self, from: From) {
        self.flows.put(from.flow, None);
        if !matches!(self.clients.get(from.client), Some(User::Several)) {
            self.clients.put(from.client, User::Gone);
        }
    }

    /// Whose a request without a credential is; a client is one's own for so long.
    pub(crate) fn user(&self, from: From, idle: Duration) -> Option<Arc<Actor>> {
        let connection = || {
            let known = self.flows.get(from.flow).filter(|_| !from.forwarded);
            known.filter(|_| !self.mixed.contains(&from.peer)).cloned().flatten()
        };
        match self.clients.get(from.client) {
            Some(User::One(actor, last)) if from.at.since(*last) <= idle => Some(Arc::clone(actor)),
            Some(User::Several) => connection(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::ActorKind;

    fn actor(id: u64) -> Arc<Actor> {
        Arc::new(Actor {
            id: ActorId(id),
            kind: ActorKind::Principal,
            name: format!("user:{id}"),
            user: None,
            roles: Vec::new(),
            identified_by: stilt_model::SmolStr::default(),
        })
    }

    fn from(flow: u64, client: u64, at: i64) -> From {
        let peer = IpAddr::from([10, 0, 0, 1]);
        let (flow, client, at) = (FlowId(flow), ActorId(client), Timestamp::from_secs(at));
        From { flow, peer, client, forwarded: false, at }
    }

    fn user(links: &Links, from: From) -> Option<u64> {
        links.user(from, Duration::from_secs(1800)).map(|actor| actor.id.0)
    }

    #[test]
    fn a_client_is_its_users_for_a_while_until_it_is_several_peoples() {
        let mut links = Links::default();
        assert_eq!(user(&links, from(1, 5, 0)), None);
        links.used(from(1, 5, 0), &actor(7));
        assert_eq!(user(&links, from(2, 5, 60)), Some(7), "on another connection");
        assert_eq!(user(&links, from(2, 5, 6000)), None, "much later");
        assert_eq!(user(&links, from(2, 6, 60)), None, "another client");
        links.used(from(3, 5, 70), &actor(8));
        assert_eq!(user(&links, from(2, 5, 80)), None, "an office");
        assert_eq!(user(&links, from(3, 5, 80)), Some(8), "its connections are still one's own");
        links.left(from(3, 5, 90));
        assert_eq!(user(&links, from(3, 5, 91)), None);
    }

    #[test]
    fn a_connection_of_several_tells_that_its_peer_mixes() {
        let mut links = Links::default();
        links.used(from(1, 5, 0), &actor(7));
        links.used(from(1, 5, 1), &actor(8));
        links.used(from(2, 5, 2), &actor(9));
        assert_eq!(user(&links, from(2, 5, 3)), None);
        for flow in 0..300_000 {
            links.used(from(flow, flow, 4), &actor(7));
        }
        assert!(links.flows.0.iter().map(HashMap::len).sum::<usize>() <= LINKS_MAX);
    }
}
