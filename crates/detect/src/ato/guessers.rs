//! Who makes the attempts of a story: one client, or several that do one thing.

use crate::context::Context;
use crate::tale::Tale;
use crate::tell;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{Actor, ActorId, ActorKind};

/// Clients of one story told apart.
const CLIENTS_MAX: usize = 256;

/// Clients and the attempts of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::ato) struct Guessers {
    clients: BTreeMap<ActorId, u64>,
    lead: Option<(Actor, IpAddr)>,
    all: u64,
}

impl Guessers {
    /// One more attempt of a client.
    pub(in crate::ato) fn add(&mut self, context: &Context<'_>) {
        self.all = self.all.saturating_add(1);
        let id = context.seen.client;
        if self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&id) {
            let count = self.clients.entry(id).or_default();
            *count = count.saturating_add(1);
        }
        let own = self.clients.get(&id).copied().unwrap_or(0);
        let lead = self.lead.as_ref().and_then(|(lead, _)| self.clients.get(&lead.id));
        if lead.is_none_or(|lead| own > *lead) {
            self.lead = Some((tell::client(context), context.seen.client_ip));
        }
    }

    /// The client is one of them.
    pub(in crate::ato) fn has(&self, client: ActorId) -> bool {
        self.clients.contains_key(&client)
    }

    /// Clients there are.
    pub(in crate::ato) fn clients(&self) -> u64 {
        self.clients.len() as u64
    }

    /// The one client that makes most of the attempts, of whom alone `tale` then tells; else
    /// all together, by a name made of what they are `about`.
    pub(in crate::ato) fn actor(
        &self,
        rule: &str,
        service: &str,
        about: u64,
        tale: &mut Tale,
    ) -> Actor {
        let most = |(lead, _): &&(Actor, IpAddr)| {
            let own = self.clients.get(&lead.id).copied().unwrap_or(0);
            own.saturating_mul(2) >= self.all
        };
        match self.lead.as_ref().filter(most) {
            Some((lead, ip)) => {
                tale.only(*ip);
                lead.clone()
            }
            None => tell::cluster(rule, service, about, "clients that guess alike"),
        }
    }
}

/// A further attempt of `client` belongs to the story of `actor`.
pub(in crate::ato) fn belongs(actor: Option<&Actor>, client: ActorId) -> bool {
    actor.is_none_or(|actor| actor.kind != ActorKind::Client || actor.id == client)
}
