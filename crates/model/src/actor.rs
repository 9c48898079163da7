//! Who acts.

use crate::saved::hexadecimal;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// The level an actor is named on (`detections.md`: client → session → principal → tenant →
/// cluster).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An address with a client fingerprint.
    Client,
    /// One credential whose owner is not known.
    Session,
    /// A user, service or agent known by name.
    Principal,
    /// A tenant.
    Tenant,
    /// Clients that look and act alike.
    Cluster,
}

impl ActorKind {
    /// As in `stilt.actor.kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Session => "session",
            Self::Principal => "principal",
            Self::Tenant => "tenant",
            Self::Cluster => "cluster",
        }
    }
}

/// Compact id of an actor, derived from kind and name; the key of every per-actor table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub u64);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for ActorId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hexadecimal::serialize(self, self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for ActorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal::deserialize(deserializer).map(Self)
    }
}

/// An actor as records show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Key in tables.
    pub id: ActorId,
    /// Level.
    pub kind: ActorKind,
    /// Shown as `stilt.actor.id`: `user:alice`, `client:10.0.0.1`, `token:…`, `cluster:…`. Holds no
    /// secret.
    pub name: String,
    /// User name in clear, for `user.id`, where the actor is a named principal.
    pub user: Option<String>,
    /// Roles known of it.
    pub roles: Vec<String>,
    /// How it was identified ("JWT subject", "cookie sid bound at login", "address and client
    /// fingerprint").
    pub identified_by: SmolStr,
}
