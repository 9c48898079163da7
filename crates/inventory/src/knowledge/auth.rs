//! Which credentials an endpoint is asked with, and whether it can do without.

use super::doors::Doors;
use crate::login::cookies::Cookies;
use serde::{Deserialize, Serialize};
use stilt_model::{Credential, CredentialKind, Outcome, SmolStr};

/// Ways of carrying a credential told apart.
const CARRIERS_MAX: usize = 8;
/// Longest name of a header or cookie that is kept.
const NAME_MAX: usize = 64;
/// Shorter cookies than this are none that let somebody in.
const COOKIE_MIN: u32 = 8;

/// One way in which a credential was carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// How.
    pub kind: CredentialKind,
    /// Name of the cookie, header or parameter, or the scheme.
    pub name: Box<str>,
    /// It was a signed token (JWT).
    pub jwt: bool,
    /// Successful requests of authenticated callers that carried it.
    pub count: u64,
}

/// What a request showed of itself.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// Credentials.
    pub(crate) credentials: &'a [Credential],
    /// Names of other headers.
    pub(crate) headers: &'a [SmolStr],
    /// What is known of the cookies of the service.
    pub(crate) cookies: Option<&'a Cookies>,
}

impl<'a> Shown<'a> {
    /// The credentials that may have let it in. Cookies for other purposes (consent, a theme, a
    /// mark against forged requests) are short, or are not those that a sign-in sets.
    fn keys(self) -> impl Iterator<Item = &'a Credential> {
        let cookie = |one: &Credential| one.kind == CredentialKind::Cookie;
        let lets_in = move |one: &Credential| {
            cookie(one) && self.cookies.is_some_and(|cookies| cookies.lets_in(&one.name))
        };
        let known = self.credentials.iter().any(lets_in);
        self.credentials
            .iter()
            .filter(move |one| !cookie(one) || one.length >= COOKIE_MIN && (!known || lets_in(one)))
    }
}

/// Whether successful requests were authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing succeeded, so that nothing is known.
    Unknown,
    /// None was.
    None,
    /// Some were.
    Some,
    /// All were.
    Always,
}

impl Level {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Some => "some",
            Self::Always => "always",
        }
    }
}

/// Credentials shown to an endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Auth {
    /// Ways of carrying a credential, in the order they came.
    pub carriers: Vec<Carrier>,
    /// Successful requests of authenticated callers…
    pub with: u64,
    /// …and of others.
    pub without: u64,
    /// Requests refused as unauthenticated (401).
    pub challenged: u64,
    /// Headers that turn out to be credentials.
    #[serde(default)]
    pub(super) doors: Doors,
}

impl Auth {
    /// Takes in a request with the credentials and other headers it had; `true` where one of these
    /// may have turned out to be a credential.
    pub(crate) fn see(
        &mut self,
        shown: Shown<'_>,
        authenticated: bool,
        outcome: Outcome,
        status: Option<u16>,
    ) -> bool {
        self.challenged = self.challenged.saturating_add(u64::from(status == Some(401)));
        let passed = outcome == Outcome::Success;
        if !authenticated {
            self.without = self.without.saturating_add(u64::from(passed));
            return self.doors.see(shown.headers, outcome, status, self.without);
        }
        if !passed {
            return false;
        }
        self.with = self.with.saturating_add(1);
        for credential in shown.keys().take(CARRIERS_MAX) {
            self.carried(credential.kind, &credential.name, credential.jwt.is_some(), 1);
        }
        false
    }

    fn carried(&mut self, kind: CredentialKind, name: &str, jwt: bool, count: u64) {
        let room = self.carriers.len() < CARRIERS_MAX && name.len() <= NAME_MAX;
        let known = self.carriers.iter_mut().find(|one| one.kind == kind && *one.name == *name);
        match known {
            Some(known) => {
                known.count = known.count.saturating_add(count);
                known.jwt |= jwt;
            }
            None if room => {
                self.carriers.push(Carrier { kind, name: name.into(), jwt, count });
            }
            None => {}
        }
    }

    /// Whether successful requests were authenticated.
    #[must_use]
    pub fn level(&self) -> Level {
        let opened = self.doors.opened();
        match (self.with.saturating_add(opened), self.without.saturating_sub(opened)) {
            (0, 0) => Level::Unknown,
            (0, _) => Level::None,
            (_, 0) => Level::Always,
            _ => Level::Some,
        }
    }

    /// The carriers that matter, the strongest first: those that at least one authenticated request
    /// in five had. Cookies that come along with a token are left out.
    #[must_use]
    pub fn telling(&self) -> Vec<&Carrier> {
        let with = self.with.saturating_add(self.doors.opened());
        let often = |one: &&Carrier| one.count.saturating_mul(5) >= with && one.count > 0;
        let all = self.carriers.iter().chain(self.doors.proven());
        let mut found: Vec<&Carrier> = all.filter(often).collect();
        found.sort_by_key(|one| (one.kind, core::cmp::Reverse(one.count), one.name.clone()));
        let covered: u64 = found
            .iter()
            .filter(|one| one.kind != CredentialKind::Cookie)
            .map(|one| one.count)
            .max()
            .unwrap_or(0);
        if covered.saturating_mul(10) >= with.saturating_mul(9) && covered > 0 {
            found.retain(|one| one.kind != CredentialKind::Cookie);
        }
        found
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.with = self.with.saturating_add(other.with);
        self.without = self.without.saturating_add(other.without);
        self.challenged = self.challenged.saturating_add(other.challenged);
        for one in &other.carriers {
            self.carried(one.kind, &one.name, one.jwt, one.count);
        }
        self.doors.absorb(&other.doors);
    }
}
