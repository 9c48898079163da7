//! Which service is it: by name, by host, else by address.

use crate::inventory::Limits;
use core::net::SocketAddr;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Longest host name (RFC 1035 §2.3.4), with a port.
const HOST_MAX: usize = 261;
/// Hosts that share a service with others, and services that one is compared with.
const JOINED_MAX: usize = 20_000;
const SIBLINGS_MAX: usize = 64;

/// The services seen, and by which names and addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Hosts {
    servers: HashMap<SocketAddr, Server, RandomState>,
    services: HashMap<Box<str>, u32, RandomState>,
    names: Vec<Arc<str>>,
    /// Hosts of an application that serves several, by which service it is.
    #[serde(default)]
    joined: HashMap<Box<str>, Joined, RandomState>,
    /// Places of services that went into others.
    #[serde(default)]
    free: Vec<u32>,
    /// Hosts that did not fit, and were counted under their server's address.
    pub(crate) folded: u64,
}

/// A host beside others of one application.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Joined {
    service: u32,
    /// The host itself: its accounts are its own.
    realm: Arc<str>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Server {
    hosts: HashMap<Box<str>, u32, RandomState>,
    own: Option<u32>,
}

impl Hosts {
    /// The service of a request to `server` under `host`: an index, and its name.
    pub(crate) fn service(
        &mut self,
        config: &BTreeMap<String, String>,
        limits: &Limits,
        server: SocketAddr,
        host: Option<&str>,
    ) -> u32 {
        let host = host.filter(|host| is_host(host));
        if let Some(joined) = host.and_then(|host| self.joined.get(host)) {
            return joined.service;
        }
        if !self.servers.contains_key(&server) && self.servers.len() >= limits.services_max {
            self.folded = self.folded.saturating_add(1);
            return self.named(limits, "other");
        }
        let known = self.servers.entry(server).or_default();
        if let Some(found) = host.and_then(|host| known.hosts.get(host)).or(match host {
            None => known.own.as_ref(),
            Some(_) => None,
        }) {
            return *found;
        }
        let full = known.hosts.len() >= limits.hosts_max;
        let named =
            host.and_then(|host| config.get(host).or_else(|| config.get(without_port(host))));
        if let (None, Some(host)) = (named, host)
            && let Some(name) = config.get(&wildcard(host))
        {
            let service = self.named(limits, name);
            self.join_one(host, service);
            return service;
        }
        let configured = named
            .or_else(|| config.get(&server.to_string()))
            .or_else(|| config.get(&server.ip().to_string()));
        let name = match (configured, host) {
            (Some(name), _) => name.clone(),
            (None, Some(host)) if !full => host.to_owned(),
            _ => server.to_string(),
        };
        if full && host.is_some() {
            self.folded = self.folded.saturating_add(1);
        }
        let service = self.named(limits, &name);
        if let Some(server) = self.servers.get_mut(&server) {
            match host {
                Some(host) if !full => {
                    server.hosts.insert(host.into(), service);
                }
                Some(_) => {}
                None => server.own = Some(service),
            }
        }
        service
    }

    fn named(&mut self, limits: &Limits, name: &str) -> u32 {
        if let Some(service) = self.services.get(name) {
            return *service;
        }
        let full = self.services.len() >= limits.services_max;
        let name = if full { "other" } else { name };
        if let Some(service) = self.services.get(name) {
            return *service;
        }
        let freed = self.free.pop();
        let service = match freed.and_then(|at| Some((at, self.names.get_mut(at as usize)?))) {
            Some((at, place)) => {
                *place = name.into();
                at
            }
            None => {
                self.names.push(name.into());
                u32::try_from(self.names.len().saturating_sub(1)).unwrap_or(u32::MAX)
            }
        };
        self.services.insert(name.into(), service);
        service
    }

    /// Whose accounts a request under `host` is about: the host's, where an application serves
    /// several of them, else the service's.
    pub(crate) fn realm(&self, host: Option<&str>) -> Option<Arc<str>> {
        self.joined.get(host?).map(|joined| Arc::clone(&joined.realm))
    }

    /// Services that may be the same application as one: named after hosts, at an address of it, or
    /// under its domain; the oldest first.
    pub(crate) fn siblings(&self, service: u32) -> Vec<u32> {
        let own = self.name(service);
        if !is_name(&own) {
            return Vec::new();
        }
        let mut found = BTreeSet::new();
        for server in self.servers.values() {
            let here = server.hosts.values().any(|other| *other == service);
            for (host, other) in &server.hosts {
                let named = self.names.get(*other as usize).is_some_and(|name| **name == **host);
                let near = here || parent(host).is_some_and(|above| Some(above) == parent(&own));
                if named && near && *other != service && is_name(host) {
                    found.insert(*other);
                }
            }
        }
        found.into_iter().take(SIBLINGS_MAX).collect()
    }

    /// Takes the host that a service is named after, and those that joined it, for hosts of
    /// another; `false` where there is no room.
    pub(crate) fn join(&mut self, service: u32, into: u32) -> bool {
        let name = self.name(service);
        let more = self.joined.values().filter(|joined| joined.service == service).count();
        if self.joined.len().saturating_add(more) >= JOINED_MAX {
            return false;
        }
        for joined in self.joined.values_mut().filter(|joined| joined.service == service) {
            joined.service = into;
        }
        self.join_one(&name, into);
        for server in self.servers.values_mut() {
            server.hosts.retain(|_, other| *other != service);
        }
        self.services.remove(&*name);
        self.free.push(service);
        true
    }

    fn join_one(&mut self, host: &str, service: u32) {
        if self.joined.len() < JOINED_MAX {
            self.joined.insert(host.into(), Joined { service, realm: host.into() });
        }
    }

    /// The service of a name.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.services.get(name).copied()
    }

    /// The name of the service that a host went into.
    pub(crate) fn joined(&self, host: &str) -> Option<Arc<str>> {
        self.joined.get(host).map(|joined| self.name(joined.service))
    }

    pub(crate) fn name(&self, service: u32) -> Arc<str> {
        self.names.get(service as usize).map_or_else(|| Arc::from(""), Arc::clone)
    }

    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }

    /// Places of services, free ones among them.
    pub(crate) fn places(&self) -> usize {
        self.names.len()
    }

    /// A service bears that name.
    pub(crate) fn is_called(&self, service: u32, name: &str) -> bool {
        self.names.get(service as usize).is_some_and(|own| **own == *name)
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= HOST_MAX
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// A name rather than an address.
fn is_name(host: &str) -> bool {
    let bare = without_port(host);
    bare.parse::<core::net::IpAddr>().is_err() && bare.bytes().any(|b| b.is_ascii_alphabetic())
}

/// The domain above a host, where it has more than one label itself.
fn parent(host: &str) -> Option<&str> {
    host.split_once('.').map(|(_, above)| above).filter(|above| above.contains('.'))
}

/// How all hosts below the same domain are configured: `*.app.example`.
fn wildcard(host: &str) -> String {
    format!("*.{}", parent(without_port(host)).unwrap_or_default())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !bare.is_empty() => bare,
        _ => host,
    }
}
