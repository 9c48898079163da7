//! HTTP Basic (RFC 7617): a password in every request, which is tried when it is refused, or
//! accepted for the first time.

use crate::login::fields;
use crate::outcome::Verdict;
use crate::sighting::Login;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use stilt_model::{CredentialKind, Outcome, Request, Transaction, saved};

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
        let status = tx.status();
        let basic = request
            .credentials
            .iter()
            .find(|own| own.kind == CredentialKind::Basic)
            .and_then(|own| Some((own.user.clone()?, own.password)));
        self.checked |= status == Some(401) && (basic.is_some() || request.credentials.is_empty());
        let (user, secret) = basic?;
        // Where a grant is asked for, Basic names the client (RFC 6749 §2.3.1).
        if fields::grant(request).is_some() {
            return None;
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
