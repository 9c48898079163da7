//! The distributed variant: many clients that never signed in, each failing on an account or two.
//!
//! One such client is somebody who forgot a password and gave up. Their number over time is what
//! tells: it is compared with what the service has seen of them before, as a rate per time and as a
//! share of those who do sign in, each with its statistical bound, so that neither a busy morning
//! nor a small application raises an alert, and so that an attack does not teach.

use crate::stats::{mean_upper, poisson_tail, to_f64};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, Timestamp};

/// Width of a bin of history.
const BIN_SECS: i64 = 600;
/// Bins kept: 14 days.
const BINS_MAX: usize = 2016;
/// Windows looked at, in bins: 20 minutes, an hour, 6 hours, a day, a week.
const WINDOWS: [usize; 5] = [2, 6, 36, 144, 1008];
/// A typing error is given this long to be put right.
pub(super) const SETTLE: Duration = Duration::from_secs(300);
/// Error allowed to the bounds on what is usual.
const ALPHA: f64 = 0.05;

/// Accounts of which is remembered how many clients tried them, and clients of each.
const ACCOUNTS_MAX: usize = 100_000;
/// So many clients that try one account guess at it: that is no list of pairs.
const BESIEGED: usize = 4;

/// A client that failed and never got in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stranger {
    pub(super) first: Timestamp,
    pub(super) accounts: BTreeSet<u64>,
    pub(super) attempts: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Bin {
    strangers: u32,
    welcome: u32,
}

/// What raised the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Surge {
    pub(super) clients: u64,
    pub(super) accounts: u64,
    pub(super) attempts: u64,
    pub(super) expected: f64,
    pub(super) span: Duration,
}

/// Strangers of one service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Strangers {
    waiting: BTreeMap<ActorId, Stranger>,
    settled: BTreeMap<(Timestamp, ActorId), Stranger>,
    where_settled: BTreeMap<ActorId, Timestamp>,
    /// Clients that failed on an account.
    #[serde(default)]
    tried: BTreeMap<u64, Vec<ActorId>>,
    bins: VecDeque<Bin>,
    /// Start of the newest bin, in bins since the epoch.
    newest: i64,
    begun: Option<i64>,
}

impl Strangers {
    /// A client failed on an account.
    pub(super) fn failed(&mut self, now: Timestamp, client: ActorId, account: u64, max: usize) {
        self.roll(now);
        if self.tried.len() >= ACCOUNTS_MAX {
            self.tried.clear();
        }
        let tried = self.tried.entry(account).or_default();
        if tried.len() < BESIEGED && !tried.contains(&client) {
            tried.push(client);
        }
        let known = self.where_settled.get(&client).map(|first| (*first, client));
        let stranger = match known.and_then(|key| self.settled.get_mut(&key)) {
            Some(stranger) => stranger,
            None if self.waiting.len() >= max && !self.waiting.contains_key(&client) => return,
            None => self.waiting.entry(client).or_insert_with(|| Stranger {
                first: now,
                accounts: BTreeSet::new(),
                attempts: 0,
            }),
        };
        stranger.attempts = stranger.attempts.saturating_add(1);
        if stranger.accounts.len() < 32 {
            stranger.accounts.insert(account);
        }
    }

    /// A client got into an account it had failed on, or one that is judged by itself now: no
    /// stranger.
    pub(super) fn forget(&mut self, client: ActorId) {
        self.waiting.remove(&client);
        if let Some(first) = self.where_settled.remove(&client) {
            self.settled.remove(&(first, client));
            self.bin_at(first, |bin| bin.strangers = bin.strangers.saturating_sub(1));
        }
    }

    /// Somebody got in who had not failed before.
    pub(super) fn welcome(&mut self, now: Timestamp) {
        self.roll(now);
        self.bin_at(now, |bin| bin.welcome = bin.welcome.saturating_add(1));
    }

    /// The client is a stranger, waiting or settled.
    pub(super) fn get(&self, client: ActorId) -> Option<&Stranger> {
        self.waiting.get(&client).or_else(|| {
            let first = self.where_settled.get(&client)?;
            self.settled.get(&(*first, client))
        })
    }

    /// All that the client tried is one account at which several others guess.
    pub(super) fn besieges(&self, client: ActorId) -> bool {
        let besieged =
            |account: &u64| self.tried.get(account).is_some_and(|all| all.len() >= BESIEGED);
        self.get(client)
            .is_some_and(|one| one.accounts.len() == 1 && one.accounts.iter().all(besieged))
    }

    /// Moves on; gives the clients that have just settled.
    pub(super) fn settle(&mut self, now: Timestamp) -> Vec<ActorId> {
        self.roll(now);
        let ready: Vec<ActorId> = self
            .waiting
            .iter()
            .filter(|(_, stranger)| now.since(stranger.first) >= SETTLE)
            .map(|(client, _)| *client)
            .collect();
        for client in &ready {
            if let Some(stranger) = self.waiting.remove(client) {
                let first = stranger.first;
                self.bin_at(first, |bin| bin.strangers = bin.strangers.saturating_add(1));
                self.where_settled.insert(*client, first);
                self.settled.insert((first, *client), stranger);
            }
        }
        ready
    }

    /// Judges the windows; the shortest that tells is given.
    pub(super) fn surge(&self, now: Timestamp, clients_min: u64, chance_max: f64) -> Option<Surge> {
        WINDOWS.iter().find_map(|window| self.surge_in(now, *window, clients_min, chance_max))
    }

    fn surge_in(
        &self,
        now: Timestamp,
        window: usize,
        clients_min: u64,
        chance: f64,
    ) -> Option<Surge> {
        let width = i64::try_from(window).ok()?;
        let span = Duration::from_secs(u64::try_from(width.saturating_mul(BIN_SECS)).ok()?);
        let since = now.minus(span).minus(SETTLE);
        let recent = self.settled.range((since, ActorId(0))..);
        let (mut clients, mut attempts, mut accounts) = (0_u64, 0_u64, BTreeSet::new());
        for (_, stranger) in recent {
            clients += 1;
            attempts += stranger.attempts;
            accounts.extend(stranger.accounts.iter().copied());
        }
        let accounts = accounts.len() as u64;
        if clients < clients_min || accounts < clients_min || accounts * 2 < clients {
            return None;
        }
        if attempts > accounts.saturating_mul(3) {
            return None;
        }
        let edge = since.secs().div_euclid(BIN_SECS);
        let begun = self.begun?;
        let exposure = u64::try_from(edge.saturating_sub(begun)).ok().filter(|bins| *bins >= 2)?;
        let (mut before, mut welcome_before, mut welcome_now) = (0_u64, 0_u64, 0_u64);
        let mut busiest = 0_u64;
        let mut sliding = VecDeque::new();
        let mut sum = 0_u64;
        for (index, bin) in self.bins.iter().enumerate() {
            let number = self.newest.saturating_sub(i64::try_from(index).unwrap_or(i64::MAX));
            if number >= edge {
                welcome_now += u64::from(bin.welcome);
                continue;
            }
            before += u64::from(bin.strangers);
            welcome_before += u64::from(bin.welcome);
            sliding.push_back(u64::from(bin.strangers));
            sum += u64::from(bin.strangers);
            if sliding.len() > window {
                sum -= sliding.pop_front().unwrap_or(0);
            }
            busiest = busiest.max(sum);
        }
        let exposure = to_f64(exposure.min(BINS_MAX as u64));
        let share = to_f64(window as u64) / exposure;
        let upper = mean_upper(before, ALPHA);
        let by_time = upper * share;
        let by_volume = if welcome_before == 0 {
            0.0
        } else {
            upper / to_f64(welcome_before) * to_f64(welcome_now)
        };
        let usual = by_time.max(by_volume);
        let expected = (to_f64(before) + 0.5) * share;
        let seen = to_f64(clients);
        let lifted = seen >= 3.0 * expected
            && seen >= 1.5 * to_f64(busiest)
            && poisson_tail(clients, usual) < chance;
        lifted.then_some(Surge { clients, accounts, attempts, expected, span })
    }

    /// Those settled within `span` before `now`; they no longer count as usual.
    pub(super) fn take(&mut self, now: Timestamp, span: Duration) -> Vec<(ActorId, Stranger)> {
        let since = now.minus(span).minus(SETTLE);
        let taken: Vec<_> = self
            .settled
            .range((since, ActorId(0))..)
            .map(|((_, client), stranger)| (*client, stranger.clone()))
            .collect();
        for (client, _) in &taken {
            self.forget(*client);
        }
        taken
    }

    fn bin_at(&mut self, at: Timestamp, change: impl FnOnce(&mut Bin)) {
        let back = self.newest.saturating_sub(at.secs().div_euclid(BIN_SECS));
        if let Some(bin) = usize::try_from(back).ok().and_then(|back| self.bins.get_mut(back)) {
            change(bin);
        }
    }

    fn roll(&mut self, now: Timestamp) {
        let bin = now.secs().div_euclid(BIN_SECS);
        if self.begun.is_none() {
            self.begun = Some(bin);
            self.newest = bin;
            self.bins.push_front(Bin::default());
        }
        let ahead = bin.saturating_sub(self.newest);
        let steps = usize::try_from(ahead).unwrap_or(0).min(BINS_MAX);
        for _ in 0..steps {
            self.bins.push_front(Bin::default());
        }
        self.bins.truncate(BINS_MAX);
        self.newest = self.newest.max(bin);
        let keep = now.minus(Duration::from_secs(7 * 86_400 + 3600));
        while let Some(((first, client), _)) = self.settled.first_key_value() {
            if *first >= keep {
                break;
            }
            let key = (*first, *client);
            self.settled.remove(&key);
            self.where_settled.remove(&key.1);
        }
    }

    /// Notes that a service is being watched since `now`.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.roll(now);
    }
}
