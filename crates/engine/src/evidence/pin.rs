//! What an alert holds: segments by number, and the addresses whose connections are kept of them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use stilt_alert::Told;
use stilt_model::Timestamp;

/// Addresses that one alert holds; one that rests on more holds those it named first.
const ADDRESSES_MAX: usize = 1000;

/// An alert, as far as its packets are kept for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    /// `event.id`.
    pub(crate) id: String,
    /// What names its story: `rule.id`, `stilt.actor.id`, `stilt.service`, `stilt.endpoint`.
    pub(crate) rule: String,
    pub(crate) actor: String,
    pub(crate) service: String,
    pub(crate) endpoint: String,
    /// Clients in its evidence.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// Its first act, and when it was told last: nanoseconds since 1970.
    #[serde(with = "nanos")]
    pub(crate) first: Timestamp,
    #[serde(with = "nanos")]
    pub(crate) told: Timestamp,
    /// The segment with the state that its packets follow on, if one has it.
    #[serde(default)]
    pub(crate) anchor: Option<u64>,
    /// First and last segment.
    #[serde(default)]
    pub(crate) segments: (u64, u64),
}

impl Pin {
    /// What is to be kept for an alert; which segments is known to the ring.
    pub(crate) fn of(told: Told) -> Self {
        Self {
            id: told.id,
            rule: told.rule.to_owned(),
            actor: told.actor,
            service: told.service,
            endpoint: told.endpoint,
            addresses: told.addresses.into_iter().take(ADDRESSES_MAX).collect(),
            first: told.first,
            told: told.at,
            anchor: None,
            segments: (0, 0),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Name of its file, without extension.
    pub(crate) fn name(&self) -> String {
        format!("alert-{}", self.id)
    }

    /// Whether connections of that segment are kept for it.
    pub(crate) fn covers(&self, number: u64) -> bool {
        (self.segments.0..=self.segments.1).contains(&number)
    }

    /// It was told again, with what has come to it.
    pub(crate) fn grow(&mut self, again: Self) {
        self.told = self.told.max(again.told);
        self.segments.1 = self.segments.1.max(again.segments.1);
        self.addresses.extend(again.addresses);
        while self.addresses.len() > ADDRESSES_MAX {
            self.addresses.pop_last();
        }
    }
}

/// A moment as a number, which is read back as it was.
mod nanos {
    use serde::{Deserialize, Deserializer, Serializer};
    use stilt_model::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.nanos())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_nanos)
    }
}
