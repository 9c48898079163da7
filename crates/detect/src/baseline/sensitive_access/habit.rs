//! What one caller usually does, whatever function it calls: when, and from where.

use super::circle::odd_hour;
use crate::context::Context;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::Timestamp;

/// Networks and makes of clients remembered of one caller; one with more is everywhere at home.
const PLACES_MAX: usize = 8;
/// Requests until its hours are known.
const HOURS_MIN: u64 = 50;

/// One caller.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Habit {
    requests: u64,
    hours: [u32; 24],
    first: Option<Timestamp>,
    networks: BTreeSet<IpAddr>,
    makes: BTreeSet<u64>,
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
        let now = context.at();
        self.first.get_or_insert(now);
        self.requests = self.requests.saturating_add(1);
        let hour = usize::try_from(now.secs().rem_euclid(86_400) / 3600).unwrap_or(0);
        if let Some(count) = self.hours.get_mut(hour) {
            *count = count.saturating_add(1);
        }
        if self.networks.len() <= PLACES_MAX {
            self.networks.insert(network(context.seen.client_ip));
        }
        if self.makes.len() <= PLACES_MAX {
            self.makes.insert(context.seen.cluster.0);
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn places(&self) -> u64 {
        self.networks.len() as u64
    }

    /// It never came within an hour of this time of day.
    pub(super) fn is_odd_hour(&self, now: Timestamp) -> bool {
        odd_hour(&self.hours, self.first, now, HOURS_MIN)
    }

    /// It never came from this network, nor with this make of client.
    pub(super) fn is_elsewhere(&self, context: &Context<'_>) -> bool {
        let rooted = self.networks.len() < PLACES_MAX && self.makes.len() < PLACES_MAX;
        rooted
            && !self.networks.contains(&network(context.seen.client_ip))
            && !self.makes.contains(&context.seen.cluster.0)
    }
}
