//! Who gave itself a role: a principal by its own request, or an account by the request that made
//! it.
//!
//! The mark hangs on the one who wrote, from then on. Names in such a request are whatever its
//! sender chose (the real holders of the role among them): they mark nobody who was known before,
//! and only where the request makes an account.

use crate::context::Context;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashSet;
use stilt_inventory::EndpointKind;
use stilt_model::{ActorId, Leaf, Value, saved};
use stilt_session::Seen;

/// Principals, and names of new accounts, that are marked at most.
const MARKED_MAX: usize = 20_000;
/// Leaves of a request that may name the account that it makes.
const LEAVES_MAX: usize = 8;
/// Leaves of an answer that may say whom it is about.
const LEAVES_LOOKED: usize = 64;
/// Claims of one principal that are kept.
const CLAIMS_MAX: usize = 4;

/// Principals and accounts that gave themselves a role.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Selfmade {
    #[serde(serialize_with = "saved::sorted")]
    principals: HashSet<ActorId, RandomState>,
    /// What new accounts are called.
    #[serde(serialize_with = "saved::sorted")]
    accounts: HashSet<String, RandomState>,
    /// Roles that were written to what may be a thing of its own sort (`role: worker` of a
    /// machine), until they turn out to be the writer's.
    #[serde(default)]
    claimed: BTreeMap<ActorId, Vec<(String, String)>>,
}

impl Selfmade {
    /// Somebody without rights above users wrote a role that others there don't: `roles` are names
    /// and values of the fields.
    pub(super) fn note<'a>(
        &mut self,
        context: &Context<'_>,
        roles: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let room = self.principals.len() < MARKED_MAX && self.claimed.len() < MARKED_MAX;
        if let Some(principal) = context.seen.principal.filter(|_| room) {
            if context.sighting.kind == EndpointKind::Signup || is_about(context) {
                self.principals.insert(principal);
            } else {
                let claimed = self.claimed.entry(principal).or_default();
                for (name, value) in roles {
                    if claimed.len() < CLAIMS_MAX && value.len() <= 64 {
                        claimed.push((name.to_owned(), value.to_owned()));
                    }
                }
            }
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
    pub(super) fn is(&self, actor: ActorId, seen: &Seen) -> bool {
        let has = |(name, value): &(String, String)| {
            let roles = seen.best_roles();
            roles.iter().any(|role| role == value || (value == "true" && name.contains(&**role)))
        };
        self.principals.contains(&actor)
            || self.claimed.get(&actor).is_some_and(|claimed| claimed.iter().any(has))
            || seen.aliases.iter().any(|alias| self.accounts.contains(alias))
    }
}

/// What was written is about the writer: the answer, or the path, names it.
fn is_about(context: &Context<'_>) -> bool {
    let own = |name: &String| context.seen.aliases.binary_search(name).is_ok();
    let leaves = context.tx.response.iter().flat_map(|response| &response.leaves);
    let mut leaves = leaves.take(LEAVES_LOOKED).filter(|leaf| !leaf.path.in_array());
    leaves.any(|leaf| leaf.value.as_key().is_some_and(|name| own(&name)))
        || context.sighting.objects.iter().any(|object| own(&object.id))
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
