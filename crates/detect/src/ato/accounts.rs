//! What is known of accounts: the secrets that were right, and whether sign-in itself is broken.

use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use stilt_model::{Pseudonym, Timestamp};

/// Right secrets refused for so many accounts mean that sign-in is broken.
const OUTAGE_ACCOUNTS: usize = 2;
/// How long a refusal of a right secret speaks for an outage.
const OUTAGE_SPAN: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Account {
    /// The two latest secrets that were right: a stale client still sends the one before.
    good: [Option<Pseudonym>; 2],
    /// It was refused while others got in: its client is stale, and speaks for no outage.
    stale: bool,
}

/// Accounts of one service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::ato) struct Accounts {
    known: HashMap<u64, Account, RandomState>,
    refused: BTreeMap<u64, Timestamp>,
}

impl Accounts {
    /// Notes a success.
    pub(in crate::ato) fn succeeded(
        &mut self,
        account: u64,
        secret: Option<Pseudonym>,
        max: usize,
    ) {
        // Somebody gets in: sign-in works, and who was refused has an old secret.
        for (refused, _) in core::mem::take(&mut self.refused) {
            if let Some(known) = self.known.get_mut(&refused) {
                known.stale = true;
            }
        }
        let Some(secret) = secret else { return };
        if self.known.len() >= max && !self.known.contains_key(&account) {
            return;
        }
        let entry = self.known.entry(account).or_insert(Account { good: [None; 2], stale: false });
        entry.stale = false;
        if entry.good[0] != Some(secret) {
            entry.good = [Some(secret), entry.good[0]];
        }
    }

    /// A refusal of a secret that was right before: no guess, whatever it is.
    pub(in crate::ato) fn is_own_secret(
        &mut self,
        now: Timestamp,
        account: u64,
        secret: Option<Pseudonym>,
    ) -> bool {
        let known = self.known.get(&account).filter(|known| known.good.contains(&secret));
        let own = secret.is_some() && known.is_some();
        if own && known.is_some_and(|known| !known.stale) {
            self.refused.insert(account, now);
            if self.refused.len() > 64 {
                self.refused.pop_first();
            }
        }
        own
    }

    /// Sign-in is broken now: right secrets of several accounts were refused, and none accepted
    /// since.
    pub(in crate::ato) fn outage(&self, now: Timestamp) -> bool {
        self.refused.values().filter(|at| now.since(**at) <= OUTAGE_SPAN).count() >= OUTAGE_ACCOUNTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::{Key, SecretKind};

    fn secret(text: &str) -> Option<Pseudonym> {
        Some(Key::new([1; 32]).pseudonym(SecretKind::Password, text.as_bytes()))
    }

    #[test]
    fn right_secrets_refused_for_two_accounts_are_an_outage_until_one_gets_in() {
        let mut accounts = Accounts::default();
        let at = Timestamp::from_secs;
        for account in [1, 2] {
            accounts.succeeded(account, secret("right"), 10);
        }
        assert!(!accounts.is_own_secret(at(5), 1, secret("guess")));
        assert!(accounts.is_own_secret(at(5), 1, secret("right")));
        assert!(!accounts.outage(at(5)));
        assert!(accounts.is_own_secret(at(6), 2, secret("right")));
        assert!(accounts.outage(at(7)) && !accounts.outage(at(700)));
        accounts.succeeded(3, secret("x"), 10);
        assert!(!accounts.outage(at(8)));
    }

    #[test]
    fn secrets_refused_while_others_got_in_are_stale_and_no_outage() {
        let mut accounts = Accounts::default();
        let at = Timestamp::from_secs;
        for account in [1, 2] {
            accounts.succeeded(account, secret("right"), 10);
            accounts.is_own_secret(at(5), account, secret("right"));
        }
        accounts.succeeded(3, secret("x"), 10);
        assert!(accounts.is_own_secret(at(9), 1, secret("right")));
        assert!(accounts.is_own_secret(at(9), 2, secret("right")));
        assert!(!accounts.outage(at(9)));
        accounts.succeeded(1, secret("right"), 10);
        accounts.succeeded(2, secret("right"), 10);
        accounts.is_own_secret(at(10), 1, secret("right"));
        accounts.is_own_secret(at(10), 2, secret("right"));
        assert!(accounts.outage(at(10)), "right again, and refused again");
    }

    #[test]
    fn the_secret_before_the_last_is_still_ones_own() {
        let mut accounts = Accounts::default();
        accounts.succeeded(1, secret("old"), 10);
        accounts.succeeded(1, secret("new"), 10);
        assert!(accounts.is_own_secret(Timestamp::ZERO, 1, secret("old")));
        accounts.succeeded(2, secret("x"), 1);
        assert!(!accounts.known.contains_key(&2), "bounded");
    }
}
