//! What a request says of its own sender.

use super::LEAVES_MAX;
use crate::told;
use stilt_inventory::Sighting;
use stilt_model::{Credential, CredentialKind, Leaf, Pseudonym, Request, Transaction, Value};

/// Roles that a request gives to its sender: it names nobody, or the sender itself.
pub(super) fn written_to_itself(
    tx: &Transaction,
    sighting: &Sighting,
    aliases: &[String],
) -> Vec<String> {
    let Some(request) = &tx.request else { return Vec::new() };
    let written = told::written(&request.leaves);
    if written.is_empty() {
        return written;
    }
    if is_of_itself(&request.leaves, sighting, aliases) { written } else { Vec::new() }
}

/// A request is about its sender: it names nobody, or the sender itself.
pub(super) fn is_of_itself(leaves: &[Leaf], sighting: &Sighting, aliases: &[String]) -> bool {
    let is_own = |name: &String| aliases.binary_search(name).is_ok();
    let leaves = leaves.iter().take(LEAVES_MAX);
    let named = leaves.filter_map(|leaf| leaf.value.as_key()).any(|name| is_own(&name));
    let asked = sighting.objects.iter().any(|object| is_own(&object.id));
    named || asked || sighting.objects.is_empty()
}

/// A session that calls carry as a value of their bodies, beside what they ask for.
pub(super) fn in_body(request: &Request, own: &Credential) -> bool {
    own.kind == CredentialKind::Bearer && masked(&request.leaves).any(|mark| mark == own.mark)
}

pub(super) fn masked(leaves: &[Leaf]) -> impl Iterator<Item = Pseudonym> {
    leaves.iter().filter_map(|leaf| match leaf.value {
        Value::Masked { mark, .. } => Some(mark),
        _ => None,
    })
}

/// Leaves show an e-mail address by its mark; the principal goes by its name.
pub(super) fn name_given<'a>(tx: &'a Transaction, user: &'a str) -> &'a str {
    let given = tx.request.as_ref().and_then(|request| request.login_name.as_ref());
    let marked = user.starts_with("<email:");
    given.filter(|_| marked).map_or(user, |name| &name.0)
}
