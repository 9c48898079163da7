//! What a client was refused, until it is known whose attempts belong to an attack.
//!
//! Behind one address people mistype their passwords and put it right. Their attempts are no
//! evidence of what somebody else does there.

use crate::context::Context;
use crate::tell;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_inventory::Login;
use stilt_model::{Evidence, Observed, Timestamp};

/// Refusals kept with their evidence.
const KEPT_MAX: usize = 24;
/// Secrets of the latest refusals remembered.
const SECRETS_MAX: usize = 32;
/// So many refusals tell whether one secret is tried on all.
const SECRETS_MIN: usize = 8;

/// Letters of a name that a slip changes.
const SLIP_MAX: usize = 2;

/// One refusal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) account: u64,
    pub(super) user: String,
    pub(super) evidence: Evidence,
    pub(super) ip: IpAddr,
    pub(super) observed: Observed,
    pub(super) at: Timestamp,
}

/// Refusals of one client.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Held {
    refusals: VecDeque<Refusal>,
    /// Account and secret.
    secrets: VecDeque<(u64, u64)>,
}

impl Held {
    /// An attempt was refused.
    pub(super) fn add(&mut self, context: &Context<'_>, account: u64, login: &Login, note: String) {
        if let Some(secret) = login.secret {
            if self.secrets.len() >= SECRETS_MAX {
                self.secrets.pop_front();
            }
            self.secrets.push_back((account, tell::secret(secret)));
        }
        if self.refusals.len() >= KEPT_MAX {
            self.refusals.pop_front();
        }
        self.refusals.reserve_exact(usize::from(self.refusals.is_empty()));
        self.refusals.push_back(Refusal {
            account,
            user: login.user.clone(),
            evidence: context.evidence(note),
            ip: context.seen.client_ip,
            observed: context.observed(),
            at: context.at(),
        });
    }

    /// The account was let in.
    pub(super) fn forget(&mut self, account: u64) {
        self.refusals.retain(|one| one.account != account);
        self.secrets.retain(|(one, _)| *one != account);
    }

    /// All that is held.
    pub(super) fn take(&mut self) -> VecDeque<Refusal> {
        core::mem::take(&mut self.refusals)
    }

    /// Somebody gets in with the password that was refused with nearly the same name: a slip.
    pub(super) fn is_slip(&self, login: &Login) -> bool {
        let Some(secret) = login.secret.map(tell::secret) else { return false };
        let same = |account: u64| self.secrets.contains(&(account, secret));
        self.refusals
            .iter()
            .any(|one| same(one.account) && strsim::levenshtein(&one.user, &login.user) <= SLIP_MAX)
    }

    /// One secret is tried on most of the accounts: that is spraying, and told as such.
    pub(super) fn is_one_secret(&self) -> bool {
        let count = |secret: u64| self.secrets.iter().filter(|(_, one)| *one == secret).count();
        let most = self.secrets.iter().map(|(_, secret)| count(*secret)).max().unwrap_or(0);
        most >= SECRETS_MIN && most.saturating_mul(3) >= self.secrets.len().saturating_mul(2)
    }
}
