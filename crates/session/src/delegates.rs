//! Service credentials: one credential under which a gateway or backend asks for all its users.
//!
//! The user is then named beside it (`X-User-Id` and the like). Who names users is believed once it
//! has named several that came back, as a gateway does; a caller that names one after another, each
//! once or twice, tries what it may become, and stays itself.

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stilt_model::{CredentialKind, Request};

/// Credentials remembered at most; those that earned nothing go first.
const CALLERS_MAX: usize = 10_000;
/// Users of one of them told apart.
const USERS_MAX: usize = 64;
/// Users that have come back before the caller is believed, and how often on average.
const USERS_MIN: usize = 3;
const RETURNS: u64 = 3;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Caller {
    /// Users named, and requests for each.
    users: HashMap<String, u64, RandomState>,
    requests: u64,
    trusted: bool,
}

/// Those who ask for others.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Delegates(HashMap<[u64; 2], Caller, RandomState>);

/// For whom a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For<'a> {
    /// The bearer of its credential.
    Itself,
    /// That user.
    User(&'a str),
    /// Somebody who is not named: the credential is that of a service.
    Anybody,
}

impl Delegates {
    /// Learns from a request, and says for whom it is.
    pub(crate) fn see<'a>(&mut self, request: &'a Request) -> For<'a> {
        let caller = request
            .credentials
            .iter()
            .filter(|credential| credential.kind != CredentialKind::Cookie)
            .min_by_key(|credential| credential.kind)
            .map(|credential| credential.mark.digest);
        let Some(key) = caller else { return For::Itself };
        let Some(user) = request.on_behalf.as_deref() else {
            let service = self.0.get(&key).is_some_and(|caller| caller.trusted);
            return if service { For::Anybody } else { For::Itself };
        };
        if self.0.len() >= CALLERS_MAX && !self.0.contains_key(&key) {
            // Made-up credentials must not keep a gateway that comes later from being known.
            self.0.retain(|_, caller| caller.trusted);
            if self.0.len() > CALLERS_MAX / 2 {
                // Who asks for many soon earns it again.
                self.0.clear();
            }
        }
        let caller = self.0.entry(key).or_default();
        if !caller.trusted {
            caller.requests = caller.requests.saturating_add(1);
            if caller.users.len() < USERS_MAX || caller.users.contains_key(user) {
                let count = caller.users.entry(user.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
            let back = caller.users.values().filter(|count| **count >= RETURNS).count();
            let users = caller.users.len();
            caller.trusted = back >= USERS_MIN && back.saturating_mul(2) >= users;
        }
        if caller.trusted { For::User(user) } else { For::Itself }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_inventory::test_support::{World, get};

    fn asks(delegates: &mut Delegates, token: &str, user: &str) -> String {
        let tx = World::new().tx(get("/orders").bearer(token).header("X-User-Id", user));
        match delegates.see(tx.request.as_ref().unwrap()) {
            For::Itself => "itself".to_owned(),
            For::User(user) => user.to_owned(),
            For::Anybody => "anybody".to_owned(),
        }
    }

    #[test]
    fn a_gateway_is_believed_once_its_users_have_come_back() {
        let mut delegates = Delegates::default();
        for _ in 0..3 {
            for user in ["7", "8", "9"] {
                asks(&mut delegates, "service-credential-1", user);
            }
        }
        assert_eq!(asks(&mut delegates, "service-credential-1", "12"), "12");
        let bare = World::new().tx(get("/x").bearer("service-credential-1"));
        assert_eq!(delegates.see(bare.request.as_ref().unwrap()), For::Anybody);
    }

    #[test]
    fn made_up_credentials_keep_no_gateway_out() {
        let mut delegates = Delegates::default();
        let mut request = World::new().tx(get("/x").bearer("made-up-1").header("X-User-Id", "1"));
        let request = request.request.as_mut().unwrap();
        for number in 0..CALLERS_MAX as u64 {
            request.credentials.first_mut().unwrap().mark.digest = [number, 1];
            delegates.see(request);
        }
        for _ in 0..3 {
            for user in ["7", "8", "9"] {
                asks(&mut delegates, "service-credential-1", user);
            }
        }
        assert_eq!(asks(&mut delegates, "service-credential-1", "7"), "7");
        assert!(delegates.0.len() < CALLERS_MAX);
    }

    #[test]
    fn who_tries_one_user_after_another_stays_itself() {
        let mut delegates = Delegates::default();
        for user in 0..200 {
            assert_eq!(asks(&mut delegates, "own-credential-22", &user.to_string()), "itself");
        }
        for _ in 0..20 {
            assert_eq!(asks(&mut delegates, "own-credential-33", "5"), "itself");
        }
    }
}
