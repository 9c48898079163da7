//! Which actors are peers: those of one role, or, where no roles are told, of one sort of
//! credential.

use crate::context::Context;
use core::hash::{BuildHasher, Hasher};
use serde::{Deserialize, Serialize};
use stilt_model::saved::Keyed;

/// Key of a group of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Group(u64);

impl Group {
    /// Callers that show no credential.
    pub(crate) const ANONYMOUS: Self = Self(0);

    /// The group of whoever sent a transaction.
    pub(crate) fn of(hasher: &Keyed, context: &Context<'_>) -> Self {
        let mut state = hasher.build_hasher();
        if !context.seen.roles.is_empty() {
            for role in context.seen.roles.iter() {
                state.write(role.as_bytes());
                state.write_u8(0);
            }
            return Self(state.finish() | 1);
        }
        if context.seen.vouched {
            state.write_u8(u8::MAX);
            return Self(state.finish() | 1);
        }
        let credentials = context.tx.request.as_ref().map(|request| &request.credentials);
        let Some(credentials) = credentials.filter(|credentials| !credentials.is_empty()) else {
            return Self::ANONYMOUS;
        };
        // The strongest sort that is there: cookies come along with everything.
        let kind = credentials.iter().map(|credential| credential.kind).min();
        state.write_u8(kind.map_or(0, |kind| kind as u8));
        Self(state.finish() | 1)
    }
}
