//! What one caller usually does, whatever function it calls: when, and from where.

use super::circle::{HOUR, odd_hour};
use crate::context::Context;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::Timestamp;

/// Networks and makes of clients remembered of one caller; one with more is everywhere at home.
const PLACES_MAX: usize = 8;
/// Quiet that ends a stretch of requests.
const PAUSE: Duration = Duration::from_secs(3 * 3600);
/// Requests until its hours are known.
const HOURS_MIN: u64 = 50;

/// One caller. Most come once or twice: what only the others need is kept apart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Habit {
    requests: u64,
    first: Option<First>,
    more: Option<Box<More>>,
}

/// The first request.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    at: Timestamp,
    network: IpAddr,
    make: u64,
}

/// All requests, from the second on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct More {
    hours: [u32; 24],
    /// The hours of the stretch of requests at hand, which teach once it is over.
    #[serde(default)]
    stretch: Vec<(u8, u32)>,
    #[serde(default)]
    last: Timestamp,
    networks: BTreeSet<IpAddr>,
    makes: BTreeSet<u64>,
    /// The network and make that were new together last.
    #[serde(default)]
    elsewhere: Option<First>,
}

impl More {
    fn see(&mut self, at: Timestamp, network: IpAddr, make: u64) {
        if !self.makes.is_empty() && self.is_new(network, make) {
            self.elsewhere = Some(First { at, network, make });
        }
        if at.since(self.last) > PAUSE {
            for (hour, requests) in core::mem::take(&mut self.stretch) {
                if let Some(count) = self.hours.get_mut(usize::from(hour)) {
                    *count = count.saturating_add(requests);
                }
            }
        }
        self.last = at;
        let hour = u8::try_from(at.secs().rem_euclid(86_400) / 3600).unwrap_or(0);
        if let Some((_, requests)) = self.stretch.iter_mut().find(|(known, _)| *known == hour) {
            *requests = requests.saturating_add(1);
        } else {
            self.stretch.push((hour, 1));
        }
        if self.networks.len() <= PLACES_MAX {
            self.networks.insert(network);
        }
        if self.makes.len() <= PLACES_MAX {
            self.makes.insert(make);
        }
    }
}

impl More {
    fn is_new(&self, network: IpAddr, make: u64) -> bool {
        let rooted = self.networks.len() < PLACES_MAX && self.makes.len() < PLACES_MAX;
        rooted && !self.networks.contains(&network) && !self.makes.contains(&make)
    }
}

/// The network of an address: 24 bits, or 48.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
        }
    }
}

impl Habit {
    /// Takes a request in.
    pub(super) fn see(&mut self, context: &Context<'_>) {
        let (now, network) = (context.at(), network(context.seen.client_ip));
        let make = context.seen.cluster.0;
        self.requests = self.requests.saturating_add(1);
        let Some(first) = &self.first else {
            self.first = Some(First { at: now, network, make });
            return;
        };
        let more = self.more.get_or_insert_with(|| {
            let mut more = Box::<More>::default();
            more.see(first.at, first.network, first.make);
            more
        });
        more.see(now, network, make);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn places(&self) -> u64 {
        let first = u64::from(self.first.is_some());
        self.more.as_ref().map_or(first, |more| more.networks.len() as u64)
    }

    /// It never came within an hour of this time of day.
    pub(super) fn is_odd_hour(&self, now: Timestamp) -> bool {
        let first = self.first.as_ref().map(|first| first.at);
        self.more.as_ref().is_some_and(|more| odd_hour(&more.hours, first, now, HOURS_MIN))
    }

    /// Until an hour ago it never came from this network, nor with this make of client.
    pub(super) fn is_elsewhere(&self, context: &Context<'_>) -> bool {
        let (network, make) = (network(context.seen.client_ip), context.seen.cluster.0);
        match (&self.more, &self.first) {
            (Some(more), _) => {
                let now = context.at();
                let lately = more.elsewhere.as_ref().is_some_and(|new| {
                    (new.network, new.make) == (network, make) && now.since(new.at) <= HOUR
                });
                lately || more.is_new(network, make)
            }
            (None, Some(first)) => first.network != network && first.make != make,
            (None, None) => true,
        }
    }
}
