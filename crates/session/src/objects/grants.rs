//! Who gave whom access: sharing, delegation and transfer, as the requests that do so show it.
//!
//! A request that changes something of the asker's and names somebody else gives that somebody a
//! right to it; so does one that opens it to a wider circle. Taking a right away is not learned:
//! who was once let in is no stranger.

use super::generations::Generations;
use super::keys::Keys;
use super::owners::Owners;
use crate::seen::Seen;
use serde::{Deserialize, Serialize};
use stilt_inventory::Sighting;
use stilt_model::{ActorId, Leaf, LeafPath, Question, Transaction, Value};

/// Rights remembered at most; the half that was given longest ago goes first.
const GIVEN_MAX: usize = 200_000;
/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 64;
/// Persons named in one request.
const NAMED_MAX: usize = 32;

/// Words of paths and leaves that speak of letting somebody in.
const LETS_IN: [&str; 39] = [
    "share",
    "sharing",
    "shares",
    "shared",
    "member",
    "members",
    "collaborator",
    "collaborators",
    "participant",
    "participants",
    "permission",
    "permissions",
    "acl",
    "grant",
    "grants",
    "grantee",
    "invite",
    "invites",
    "invitation",
    "invitations",
    "delegate",
    "delegates",
    "delegation",
    "delegations",
    "proxy",
    "proxies",
    "viewer",
    "viewers",
    "editor",
    "editors",
    "access",
    "assignee",
    "assign",
    "transfer",
    "recipients",
    "guests",
    "public",
    "visibility",
    "publish",
];

/// Values that let in everybody.
const OPENS: [&str; 8] =
    ["public", "everyone", "everybody", "anyone", "all", "world", "link", "unlisted"];

/// Rights that were given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Grants {
    given: Generations<()>,
}

/// What one request gives away.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Hashes of the names it lets in.
    names: Vec<u64>,
    /// It speaks of letting in, whomever.
    wider: bool,
    /// It opens to all.
    open: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Self { given: Generations::new(GIVEN_MAX) }
    }
}

impl Given {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.wider && !self.open
    }

    /// Reads a request that was answered and changed something.
    pub(super) fn read(
        keys: &Keys,
        owners: &Owners,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
    ) -> Self {
        let Some(request) = &tx.request else { return Self::default() };
        if !sighting.changes_state || sighting.login.is_some() || request.method == "DELETE" {
            return Self::default();
        }
        // What the request is about stands last: `/orders/7/share`, `/orders/7/members/bob`.
        let place = request.path.rsplit('/').take(2).any(lets_in);
        let mut given = Self { names: Vec::new(), wider: place, open: false };
        for leaf in request.leaves.iter().take(LEAVES_MAX) {
            let closes = match &leaf.value {
                Value::Bool(open) => !open,
                Value::Text(text) => ["private", "none", "off"].contains(&text.as_str()),
                Value::Null => true,
                _ => false,
            };
            if closes {
                continue;
            }
            let everybody = matches!(&leaf.value, Value::Text(text)
                if OPENS.iter().any(|open| text.eq_ignore_ascii_case(open)));
            let named = leaf.path.says(Question::LetsIn, |path| lets_in(path.name()));
            if everybody && (place || named) {
                given.open = true;
                continue;
            }
            let telling = place || named || speaks_of_letting_in(leaf);
            given.wider |= named;
            if let Some(name) = owners.person_in(keys, leaf, telling) {
                given.name(keys, seen, name);
            }
        }
        for object in sighting.objects.iter().filter(|object| object.in_path && place).skip(1) {
            given.name(keys, seen, keys.name(&object.id));
        }
        given
    }

    fn name(&mut self, keys: &Keys, seen: &Seen, name: u64) {
        let own = seen.aliases.iter().any(|alias| keys.name(alias) == name);
        if !own && self.names.len() < NAMED_MAX && !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// It names nobody: whoever is let in is not known.
    fn to_anybody(&self) -> bool {
        self.open || (self.wider && self.names.is_empty())
    }
}

impl Grants {
    /// `given` holds for an object.
    pub(super) fn object(&mut self, keys: &Keys, object: u64, given: &Given) {
        for name in &given.names {
            self.given.merge(keys.pair(object, *name), |_| ());
        }
        if given.to_anybody() {
            self.given.merge(keys.pair(object, ANYBODY), |_| ());
        }
    }

    /// `given` holds for all that is the giver's.
    pub(super) fn all_of(&mut self, keys: &Keys, giver: ActorId, given: &Given) {
        for name in given.names.iter().filter(|_| given.wider) {
            self.given.merge(keys.pair(giver.0, *name), |_| ());
        }
    }

    /// Whether the asker was let in: to the object, or to all of its owner's.
    pub(super) fn lets(
        &self,
        keys: &Keys,
        seen: &Seen,
        object: u64,
        owner: Option<ActorId>,
    ) -> bool {
        if self.given.len() == 0 {
            return false;
        }
        let has = |above: u64, name: u64| self.given.get(keys.pair(above, name)).is_some();
        has(object, ANYBODY)
            || seen.aliases.iter().any(|alias| {
                let name = keys.name(alias);
                has(object, name) || owner.is_some_and(|owner| has(owner.0, name))
            })
    }
}

/// In the place of a name.
const ANYBODY: u64 = 0;

/// A word of a path, or the name of a leaf, that speaks of letting somebody in.
fn lets_in(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        // The last word of a camel-case name, too.
        let last = word.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
        [word, word.get(last..).unwrap_or(word)]
            .iter()
            .any(|word| LETS_IN.iter().any(|known| word.eq_ignore_ascii_case(known)))
    })
}

/// A key of the leaf's path speaks of letting somebody in.
fn speaks_of_letting_in(leaf: &Leaf) -> bool {
    let somewhere = |path: &LeafPath| path.split('.').any(|step| lets_in(unlisted(step)));
    leaf.path.says(Question::LetsInSomewhere, somewhere)
}

/// A step without its arrays.
fn unlisted(step: &str) -> &str {
    step.trim_end_matches("[]")
}

/// Whether an answer lists the asker among those who may see what it is about.
pub(super) fn names_asker(keys: &Keys, owners: &Owners, leaves: &[Leaf], seen: &Seen) -> bool {
    leaves.iter().filter(|leaf| leaf.path.in_array()).take(256).any(|leaf| {
        speaks_of_letting_in(leaf)
            && owners
                .person_in(keys, leaf, true)
                .is_some_and(|name| owners.is_called(keys, seen, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_let_somebody_in() {
        for (word, expected) in [
            ("share", true),
            ("shared_with", true),
            ("sharedWithMembers", true),
            ("isPublic", true),
            ("accessories", false),
            ("teammate", false),
            ("orders", false),
        ] {
            assert_eq!(lets_in(word), expected, "{word}");
        }
    }
}
