//! Headers that open an endpoint without looking like a credential (`X-Signature`, `Device-Token`):
//! told by what happens without them.
//!
//! Who carries the header is let in, who does not is turned away, and nobody gets in without. Names
//! narrow down what is looked at, since clients of one kind have many headers in common that
//! scanners lack; they alone prove nothing.

use super::auth::{Auth, Carrier};
use serde::{Deserialize, Serialize};
use stilt_model::{CredentialKind, Outcome, SmolStr};

/// Headers looked at for one endpoint.
const NAMES_MAX: usize = 8;
/// Requests without the header that must have been turned away, and those with it let in.
const LACKING_MIN: u64 = 2;
const OPENED_MIN: u64 = 2;

/// One header that may be a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Door {
    /// How it would be told; counts those let in with it and without any known credential.
    carrier: Carrier,
    /// Requests turned away (401, 403) that had it too.
    refused: u64,
    /// It is one, here or at another endpoint of the service.
    proven: bool,
}

/// The headers of one endpoint that may be credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Doors {
    list: Vec<Door>,
    /// Requests without any known credential that were turned away.
    refused: u64,
}

impl Doors {
    /// A request without a known credential; `true` where what is told may have changed.
    pub(super) fn see(
        &mut self,
        headers: &[SmolStr],
        outcome: Outcome,
        status: Option<u16>,
        without: u64,
    ) -> bool {
        let refused = matches!(status, Some(401 | 403));
        if !refused && outcome != Outcome::Success {
            return false;
        }
        self.refused = self.refused.saturating_add(u64::from(refused));
        let mut news = refused;
        for name in headers.iter().filter(|name| may_open(name)) {
            let at = self.list.iter().position(|door| *door.carrier.name == **name);
            let at = at.unwrap_or_else(|| {
                news = true;
                let (kind, name) = (CredentialKind::ApiKey, name.as_str().into());
                let carrier = Carrier { kind, name, jwt: false, count: 0 };
                self.list.push(Door { carrier, refused: 0, proven: false });
                self.list.len().saturating_sub(1)
            });
            if let Some(door) = self.list.get_mut(at) {
                door.refused = door.refused.saturating_add(u64::from(refused));
                door.carrier.count = door.carrier.count.saturating_add(u64::from(!refused));
            }
        }
        self.list.truncate(NAMES_MAX);
        self.prove(without);
        news
    }

    /// Proves what this endpoint's own requests prove.
    fn prove(&mut self, without: u64) {
        for door in &mut self.list {
            let lacking = self.refused.saturating_sub(door.refused);
            door.proven |= door.carrier.count >= without
                && door.carrier.count >= OPENED_MIN
                && lacking >= LACKING_MIN;
        }
    }

    /// Requests let in without a known credential that had one of these.
    pub(super) fn opened(&self) -> u64 {
        self.proven().map(|carrier| carrier.count).max().unwrap_or(0)
    }

    /// Those that are credentials.
    pub(super) fn proven(&self) -> impl Iterator<Item = &Carrier> {
        self.list.iter().filter(|door| door.proven).map(|door| &door.carrier)
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.refused = self.refused.saturating_add(other.refused);
        for one in &other.list {
            let room = self.list.len() < NAMES_MAX;
            match self.list.iter_mut().find(|door| door.carrier.name == one.carrier.name) {
                Some(door) => {
                    door.carrier.count = door.carrier.count.saturating_add(one.carrier.count);
                    door.refused = door.refused.saturating_add(one.refused);
                    door.proven |= one.proven;
                }
                None if room => self.list.push(one.clone()),
                None => {}
            }
        }
    }
}

impl Auth {
    /// Requests let in with a header that was proven to be a credential, and no other.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.doors.opened()
    }

    /// Headers that were proven to be credentials.
    pub(crate) fn doors(&self) -> impl Iterator<Item = &str> {
        self.doors.proven().map(|carrier| &*carrier.name)
    }

    /// A header opens the service at another endpoint: it is a credential here as well, where
    /// nobody gets in without.
    pub(crate) fn opens(&mut self, name: &str) {
        let without = self.without;
        let own = self.doors.list.iter_mut().find(|door| *door.carrier.name == *name);
        if let Some(door) = own {
            door.proven |= door.carrier.count >= without;
        }
    }
}

/// The header's name speaks of keys, tokens or signatures.
fn may_open(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "key",
        "token",
        "auth",
        "sign",
        "hmac",
        "secret",
        "session",
        "credential",
        "cert",
        "pass",
        "-sig",
        "-mac",
        "-s-dn",
        "client-dn",
        "remote-user",
        "forwarded-user",
        "mtls",
    ];
    const OTHERS: [&str; 8] =
        ["csrf", "xsrf", "idempotency", "surrogate", "design", "content-", "author-", "keyword"];
    WORDS.iter().any(|word| name.contains(word)) && !OTHERS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::auth::Shown;
    use super::*;

    fn auth(requests: &[(&[&str], u16)]) -> Auth {
        let mut auth = Auth::default();
        for (headers, status) in requests {
            let headers: Vec<SmolStr> = headers.iter().map(SmolStr::new).collect();
            let outcome = if *status < 300 { Outcome::Success } else { Outcome::Failure };
            let shown = Shown { credentials: &[], headers: &headers, cookies: None };
            auth.see(shown, false, outcome, Some(*status));
        }
        auth
    }

    #[test]
    fn what_lets_in_and_whose_lack_turns_away_is_a_credential() {
        let with: (&[&str], u16) = (&["x-signature", "x-app-version"], 200);
        let told = auth(&[with, with, (&[], 401), (&["x-app-version"], 403)]);
        assert_eq!(told.level(), Level::Always);
        let by: Vec<&str> = told.telling().iter().map(|carrier| &*carrier.name).collect();
        assert_eq!(by, ["x-signature"]);
    }

    #[test]
    fn what_nobody_was_refused_for_is_none() {
        let with: (&[&str], u16) = (&["x-client-token"], 200);
        // Nobody came without, or who did was let in, or who was refused had it too.
        assert_eq!(auth(&[with; 20]).level(), Level::None);
        let open = auth(&[with, with, (&[], 200), (&[], 401), (&[], 401)]);
        assert_eq!(open.level(), Level::None);
        let other = auth(&[with, with, (&["x-client-token"], 401), (&["x-client-token"], 403)]);
        assert_eq!(other.level(), Level::None);
    }
}
