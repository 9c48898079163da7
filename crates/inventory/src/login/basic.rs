//! HTTP Basic (RFC 7617): a password in every request, which is tried when it is refused, or
//! accepted for the first time.

use crate::login::fields::{self, Grant};
use crate::outcome::Verdict;
use crate::sighting::Login;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use stilt_model::{CredentialKind, Outcome, Pseudonym, Request, Transaction, saved};

/// Accepted pairs in one generation; there are two, and the older one is dropped.
const ACCEPTED_MAX: usize = 4096;

/// What is remembered of Basic credentials on one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Basic {
    /// It refuses those who give none or wrong ones: the credentials are looked at.
    checked: bool,
    hasher: saved::Keyed,
    #[serde(serialize_with = "saved::sorted")]
    now: HashSet<u64, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    before: HashSet<u64, RandomState>,
}

impl Basic {
    /// The attempt a request makes, if it makes one.
    pub(crate) fn attempt(
        &mut self,
        tx: &Transaction,
        request: &Request,
        verdict: Verdict,
    ) -> Option<Login> {
        let basic = request.credentials.iter().find(|own| own.kind == CredentialKind::Basic);
        // A SOAP message with a wrong user name token is answered by a fault under any status.
        let status = match basic {
            Some(own) if own.name == "wsse" && faults_caller(tx) => Some(401),
            _ => tx.status(),
        };
        let basic = basic.and_then(|own| Some((own.user.clone()?, own.password)));
        self.checked |= status == Some(401) && (basic.is_some() || request.credentials.is_empty());
        let (user, secret) = match basic {
            Some(basic) => basic,
            None if fields::grant(request) == Some(Grant::Client) => {
                return came_out(tx, verdict, fields::client(request)?);
            }
            None => return None,
        };
        // Where a grant is asked for, Basic names the client (RFC 6749 §2.3.1): that signs in by
        // itself with one grant only.
        match fields::grant(request) {
            Some(Grant::Client) => return came_out(tx, verdict, (user, secret)),
            Some(_) => return None,
            None => {}
        }
        // The same pair from elsewhere is a sign-in of its own: that of one who found it out.
        let client = request.forwarded.last().copied().unwrap_or_else(|| tx.source().ip());
        let pair = self.hasher.hash_one((user.as_str(), secret, client));
        match status {
            Some(401) => Some(Login { user, secret, outcome: Outcome::Failure }),
            Some(_) if self.checked && verdict.outcome() == Outcome::Success => {
                if self.before.contains(&pair) || !self.now.insert(pair) {
                    return None;
                }
                if self.now.len() >= ACCEPTED_MAX {
                    self.before = core::mem::take(&mut self.now);
                }
                Some(Login { user, secret, outcome: Outcome::Success })
            }
            _ => None,
        }
    }
}

/// A fault says that it is who asks that was turned down (WS-Security 1.1.1 §12): not what for.
fn faults_caller(tx: &Transaction) -> bool {
    const CALLER: &[&str] = &["authenticat", "invalidsecurity", "failedcheck", "password"];
    let Some(response) = &tx.response else { return false };
    let leaves = response.leaves.iter().filter(|leaf| leaf.path.contains("Fault")).take(16);
    leaves.filter_map(|leaf| leaf.value.as_key()).any(|text| {
        let lower = text.to_lowercase();
        CALLER.iter().any(|word| lower.contains(word))
    })
}

/// What came of a program's signing in: it is turned down by 400 or 401 (RFC 6749 §5.2), and let in
/// where a token is handed out.
fn came_out(
    tx: &Transaction,
    verdict: Verdict,
    (user, secret): (String, Option<Pseudonym>),
) -> Option<Login> {
    let response = tx.response.as_ref()?;
    let issued = response.issued.iter().any(|issued| !issued.cleared);
    let outcome = match response.status {
        400 | 401 => Outcome::Failure,
        200..=299 if issued && verdict.outcome() == Outcome::Success => Outcome::Success,
        _ => Outcome::Unknown,
    };
    Some(Login { user, secret, outcome })
}

#[cfg(test)]
mod tests {
    use crate::test_support::{Tx, World, post};
    use crate::{Config, Inventory};
    use stilt_model::Outcome;

    fn login(tx: Tx) -> Option<(String, Outcome)> {
        let tx = World::new().tx(tx);
        let login = Inventory::new(&Config::default()).observe(&tx).login?;
        Some((login.user, login.outcome))
    }

    #[test]
    fn a_program_signs_in_with_its_secret() {
        let refused = r#"{"error":"invalid_client"}"#;
        let given = r#"{"access_token":"8f0c1a77d2e94b06b7a14f1c8a77d2e9","token_type":"Bearer"}"#;
        let body = "grant_type=client_credentials&client_id=shop-7&client_secret=8f0c1a77d2e94b06";
        let asked = || post("/oauth2/token").form(body);
        let app = || Some("shop-7".to_owned());
        let turned_down = asked().status(401).answer(refused);
        assert_eq!(login(turned_down), app().map(|app| (app, Outcome::Failure)));
        assert_eq!(login(asked().answer(given)), app().map(|app| (app, Outcome::Success)));
        let code =
            "grant_type=authorization_code&client_id=shop-7&client_secret=8f0c1a77d2e9&code=x";
        assert_eq!(login(post("/oauth2/token").form(code).answer(given)), None);
    }
}
