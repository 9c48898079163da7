//! A token that jumps between countries.

use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use stilt_model::{Origin, Timestamp};

/// Nobody travels faster, in kilometres an hour, and nothing is concluded of less distance.
const SPEED_MAX: f64 = 1000.0;
const FAR_KM: f64 = 500.0;
/// Jumps within the window: one is a VPN that is turned on, two that it is turned off again.
const JUMPS_MIN: u8 = 3;

/// Where a token was last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Travel {
    last: Option<(Timestamp, IpAddr, Origin)>,
    jumps: u8,
    jumped: Timestamp,
}

impl Travel {
    /// It is used at another time and place; whether it has jumped too often by now.
    pub(super) fn goes_to(
        &mut self,
        now: Timestamp,
        ip: IpAddr,
        origin: &Origin,
        window: Duration,
    ) -> bool {
        let jumps = self.last.as_ref().is_some_and(|(at, before, from)| {
            *before != ip && is_jump(from, origin, now.since(*at))
        });
        if now.since(self.jumped) > window {
            self.jumps = 0;
        }
        if jumps {
            self.jumps = self.jumps.saturating_add(1);
            self.jumped = now;
        }
        self.last = Some((now, ip, origin.clone()));
        self.jumps >= JUMPS_MIN
    }
}

/// Another country and another network, further than anybody gets in that time.
fn is_jump(from: &Origin, to: &Origin, took: Duration) -> bool {
    let other = |one: bool, same: bool| one && !same;
    let country = other(from.country.is_some() && to.country.is_some(), from.country == to.country);
    let network = other(from.network.is_some() && to.network.is_some(), from.network == to.network);
    let hours = took.as_secs_f64() / 3600.0;
    let far = from.apart(to).is_none_or(|km| km > FAR_KM && km > SPEED_MAX * hours);
    let soon = from.place.is_some() && to.place.is_some() || hours < 1.0;
    country && network && far && soon
}
