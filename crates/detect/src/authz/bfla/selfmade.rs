//! Who gave itself a role: a principal by its own request, or an account by the request that made
//! it.
//!
//! The mark hangs on the one who wrote, from then on. Names in such a request are whatever its
//! sender chose (the real holders of the role among them): they mark nobody who was known before,
//! and only where the request makes an account.

use crate::context::Context;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use stilt_inventory::EndpointKind;
use stilt_model::{ActorId, Leaf, Value, saved};

/// Principals, and names of new accounts, that are marked at most.
const MARKED_MAX: usize = 20_000;
/// Leaves of a request that may name the account that it makes.
const LEAVES_MAX: usize = 8;

/// Principals and accounts that gave themselves a role.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Selfmade {
    #[serde(serialize_with = "saved::sorted")]
    principals: HashSet<ActorId, RandomState>,
    /// What new accounts are called.
    #[serde(serialize_with = "saved::sorted")]
    accounts: HashSet<String, RandomState>,
}

impl Selfmade {
    /// Somebody without rights above users wrote a role that others there don't.
    pub(super) fn note(&mut self, context: &Context<'_>) {
        if self.principals.len() < MARKED_MAX {
            self.principals.extend(context.seen.principal);
        }
        if context.sighting.kind != EndpointKind::Signup || self.accounts.len() >= MARKED_MAX {
            return;
        }
        let called = context.sighting.step.as_ref().and_then(|step| step.user.clone());
        let leaves = context.tx.request.iter().flat_map(|request| &request.leaves);
        let named = leaves.take(LEAVES_MAX).filter(|leaf| {
            let value = leaf.value.as_key();
            names_account(leaf) || (called.is_some() && value == called)
        });
        for leaf in named.filter(|leaf| context.objects.person_named(leaf).is_none()) {
            self.accounts.extend(leaf.value.as_key());
        }
    }

    /// The principal gave itself a role, or was made with one.
    pub(super) fn is(&self, actor: ActorId, aliases: &[String]) -> bool {
        self.principals.contains(&actor)
            || aliases.iter().any(|alias| self.accounts.contains(alias))
    }
}

/// A text by which an account may be known: no number, no flag, no word of a list.
fn names_account(leaf: &Leaf) -> bool {
    const NAMES: [&str; 8] =
        ["user", "login", "mail", "account", "name", "benutzer", "usuario", "utilisateur"];
    let name = leaf.name().to_ascii_lowercase();
    let named = NAMES.iter().any(|word| name.contains(word));
    let text = match &leaf.value {
        Value::Text(text) => text.len() >= 3 && text.bytes().any(|byte| !byte.is_ascii_digit()),
        Value::Masked { .. } => true,
        _ => false,
    };
    named && text
}
