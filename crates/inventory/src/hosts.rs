//! Which service is it: by name, by host, else by address.

use crate::inventory::Limits;
use core::net::SocketAddr;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Longest host name (RFC 1035 §2.3.4), with a port.
const HOST_MAX: usize = 261;

/// The services seen, and by which names and addresses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Hosts {
    servers: HashMap<SocketAddr, Server, RandomState>,
    services: HashMap<Box<str>, u32, RandomState>,
    names: Vec<Arc<str>>,
    /// Hosts that did not fit, and were counted under their server's address.
    pub(crate) folded: u64,
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
        if !self.servers.contains_key(&server) && self.servers.len() >= limits.services_max {
            self.folded = self.folded.saturating_add(1);
            return self.named(limits, "other");
        }
        let known = self.servers.entry(server).or_default();
        let host = host.filter(|host| is_host(host));
        if let Some(found) = host.and_then(|host| known.hosts.get(host)).or(match host {
            None => known.own.as_ref(),
            Some(_) => None,
        }) {
            return *found;
        }
        let full = known.hosts.len() >= limits.hosts_max;
        let configured = host
            .and_then(|host| config.get(host).or_else(|| config.get(without_port(host))))
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
        let name = if self.names.len() >= limits.services_max { "other" } else { name };
        if let Some(service) = self.services.get(name) {
            return *service;
        }
        let service = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.services.insert(name.into(), service);
        service
    }

    pub(crate) fn name(&self, service: u32) -> Arc<str> {
        self.names.get(service as usize).map_or_else(|| Arc::from(""), Arc::clone)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= HOST_MAX
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !bare.is_empty() => bare,
        _ => host,
    }
}
