//! What headers of a gateway say of a user beside who it is: its tenant, and its roles.
//!
//! A header names tenants where its values part the users: each user keeps to one, and several
//! share each. It is known by its usual name, or because answers name its values, nearly always the
//! asker's own. What a user has kept to is its home: another value that comes along once is a
//! claim.

use crate::gateways::{key, words};
use crate::told;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_model::SmolStr;

const HEADERS_MAX: usize = 16;
const USERS_MAX: usize = 50_000;
const VALUES_MAX: usize = 4096;
/// Users of one value told apart.
const MEMBERS_MAX: usize = 2;
/// Requests of a user from which on it says something of the header.
const USES_MIN: u32 = 8;
/// Such users, and values of several users, where the name of the header is usual, or not.
const USUAL: (usize, usize) = (3, 0);
const UNUSUAL: (usize, usize) = (12, 3);
/// At most one user in so many, or one alone, is said to be of several.
const PARTED_ONE_IN: usize = 10;
/// Answers that name a value, where the name is not usual.
const NAMED_MIN: u32 = 30;
/// Roles that one value names.
const ROLES_MAX: usize = 8;

/// What headers say of one user.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tenants: Vec<String>,
    pub(crate) roles: Vec<String>,
    /// The tenant that it keeps to, and another that is claimed.
    pub(crate) strays: Option<(Arc<str>, Arc<str>)>,
}

/// What one user was said to be.
#[derive(Debug, Serialize, Deserialize)]
struct Home {
    value: SmolStr,
    uses: u32,
    /// Requests with other values.
    others: u32,
    several: bool,
}

/// One header.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Trait {
    homes: HashMap<u64, Home, RandomState>,
    members: BTreeMap<u64, BTreeSet<u64>>,
    /// Users with enough requests, those of them with several values, and values of several users.
    settled: usize,
    parted: usize,
    peopled: usize,
    /// Answers that name the asker's value, and those that name another one.
    own: u32,
    foreign: u32,
}

/// All headers of a service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Traits(BTreeMap<SmolStr, Trait>);

impl Traits {
    /// Learns from what headers say of a user; gives its tenants and roles.
    pub(crate) fn see<'a>(
        &mut self,
        user: u64,
        said: impl Iterator<Item = &'a (SmolStr, SmolStr)>,
    ) -> Seen {
        let mut seen = Seen::default();
        for (name, value) in said {
            if names_roles(name) {
                let some = value.split([',', ' ', ';', '|']).filter(|role| !role.is_empty());
                seen.roles.extend(some.take(ROLES_MAX).map(str::to_owned));
                continue;
            }
            if self.0.len() >= HEADERS_MAX && !self.0.contains_key(name) {
                continue;
            }
            let header = self.0.entry(name.clone()).or_default();
            header.note(user, value);
            if let Some(home) = header.tenant_of(user, value, names_tenants(name)) {
                if header.is_settled(user) && home != value.as_str() {
                    seen.strays = Some((Arc::from(&*home), Arc::from(value.as_str())));
                }
                seen.tenants.push(home);
            }
        }
        seen
    }

    /// The header says something of users.
    pub(crate) fn knows(&self, name: &SmolStr) -> bool {
        let tenants = || self.0.get(name).is_some_and(|header| header.names_tenants(false));
        names_roles(name) || names_tenants(name) || tenants()
    }

    /// Learns which values answers name.
    pub(crate) fn answered(&mut self, said: &[(SmolStr, SmolStr)], texts: &BTreeSet<u64>) {
        for (name, value) in said {
            let Some(header) = self.0.get_mut(name) else { continue };
            let own = texts.contains(&key(value));
            let other = !own && texts.iter().any(|text| header.members.contains_key(text));
            header.own = header.own.saturating_add(u32::from(own));
            header.foreign = header.foreign.saturating_add(u32::from(other));
        }
    }
}

impl Trait {
    fn note(&mut self, user: u64, value: &SmolStr) {
        if self.homes.len() >= USERS_MAX && !self.homes.contains_key(&user) {
            return;
        }
        let fresh = || Home { value: value.clone(), uses: 0, others: 0, several: false };
        let home = self.homes.entry(user).or_insert_with(fresh);
        let settled = home.uses.saturating_add(home.others) >= USES_MIN;
        if home.value == *value {
            home.uses = home.uses.saturating_add(1);
        } else {
            home.others = home.others.saturating_add(1);
            if !home.several && settled {
                self.parted = self.parted.saturating_add(1);
            }
            home.several = true;
            // Who has moved is at home there once it was there for longer.
            if home.others > home.uses.saturating_mul(2) {
                (home.value, home.uses, home.others) = (value.clone(), home.others, 0);
            }
        }
        if !settled && home.uses.saturating_add(home.others) >= USES_MIN {
            self.settled = self.settled.saturating_add(1);
            self.parted = self.parted.saturating_add(usize::from(home.several));
        }
        let value = key(value);
        if self.members.len() < VALUES_MAX || self.members.contains_key(&value) {
            let members = self.members.entry(value).or_default();
            if members.len() < MEMBERS_MAX && members.insert(user) {
                self.peopled += usize::from(members.len() == MEMBERS_MAX);
            }
        }
    }

    /// Its values part the users.
    fn names_tenants(&self, usual: bool) -> bool {
        let (users, values) = if usual { USUAL } else { UNUSUAL };
        let named = self.own >= NAMED_MIN && self.foreign.saturating_mul(10) <= self.own;
        self.settled >= users
            && self.members.len() >= 2
            && self.peopled >= values
            && self.parted.saturating_mul(PARTED_ONE_IN) <= self.settled.max(PARTED_ONE_IN)
            && (usual || (named && self.members.len().saturating_mul(2) <= self.settled))
    }

    /// The user has been at home for long.
    fn is_settled(&self, user: u64) -> bool {
        self.homes.get(&user).is_some_and(|home| home.uses >= USES_MIN)
    }

    /// The tenant of a user that is now said to be of `value`: where each keeps to one, that one.
    fn tenant_of(&self, user: u64, value: &SmolStr, usual: bool) -> Option<String> {
        if self.names_tenants(usual) {
            return self.homes.get(&user).map(|home| home.value.to_string());
        }
        usual.then(|| value.to_string())
    }
}

/// A usual name of a header that names a tenant.
fn names_tenants(name: &str) -> bool {
    let words: Vec<&str> = words(name).filter(|word| *word != "user").collect();
    !words.is_empty() && told::names_tenant(&words.concat())
}

/// A usual name of a header that names roles.
fn names_roles(name: &str) -> bool {
    const ROLES: [&str; 18] = [
        "role",
        "roles",
        "group",
        "groups",
        "scope",
        "scopes",
        "permissions",
        "authorities",
        "entitlements",
        "rolle",
        "rollen",
        "rol",
        "papel",
        "perfil",
        "profil",
        "ruolo",
        "grupos",
        "groupes",
    ];
    words(name).any(|word| ROLES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty users with ten requests each, of the tenants that `of` gives; then what one more
    /// request of the first, that claims `globex`, is taken to be of.
    fn tenants(name: &str, of: impl Fn(u64) -> Vec<&'static str>, named: bool) -> Vec<String> {
        let mut traits = Traits::default();
        let pair = |value: &str| (SmolStr::from(name), SmolStr::from(value));
        for turn in 0..10 {
            for user in 0..20 {
                let own = of(user);
                let said = [pair(own[turn % own.len()])];
                traits.see(user, said.iter());
                let texts = if named { BTreeSet::from([key(&said[0].1)]) } else { BTreeSet::new() };
                traits.answered(&said, &texts);
            }
        }
        traits.see(0, [pair("globex")].iter()).tenants
    }

    const ORGS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

    #[test]
    fn who_keeps_to_one_tenant_stays_in_it_whatever_is_claimed_once() {
        let home = |user: u64| vec![ORGS[usize::try_from(user % 4).unwrap()]];
        assert_eq!(tenants("x-org", home, false), ["acme"]);
        assert_eq!(tenants("x-tenant-id", home, false), ["acme"]);
        // By a name of its own only where answers name its values.
        assert_eq!(tenants("x-haus", home, true), ["acme"]);
        assert_eq!(tenants("x-haus", home, false), [""; 0]);
        // Where people are of several, a request is of the one that it names.
        let two = |user: u64| match user % 4 {
            0 => vec!["acme", "globex"],
            other => vec![ORGS[usize::try_from(other).unwrap()]],
        };
        assert_eq!(tenants("x-org", two, false), ["globex"]);
        // A language is no tenant: answers name none, and one in each is nobody's own.
        assert_eq!(tenants("x-locale", home, false), [""; 0]);
    }

    #[test]
    fn who_moves_for_good_is_at_home_there() {
        let mut traits = Traits::default();
        let pair = |value: &str| [(SmolStr::from("x-org"), SmolStr::from(value))];
        for user in 0..9 {
            for _ in 0..10 {
                traits.see(user, pair(if user % 2 == 0 { "acme" } else { "globex" }).iter());
            }
        }
        let moved: Vec<String> =
            (0..25).flat_map(|_| traits.see(3, pair("acme").iter()).tenants).collect();
        assert_eq!(
            (moved.first().unwrap().as_str(), moved.last().unwrap().as_str()),
            ("globex", "acme")
        );
    }

    #[test]
    fn roles_are_read_from_headers_of_usual_names() {
        let said = [
            (SmolStr::from("x-user-groups"), SmolStr::from("staff, clerk")),
            (SmolStr::from("x-locale"), SmolStr::from("de")),
        ];
        assert_eq!(Traits::default().see(1, said.iter()).roles, ["staff", "clerk"]);
    }
}
