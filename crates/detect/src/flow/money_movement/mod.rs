//! Money leaves an account that has just changed hands (MITRE ATT&CK T1657, OWASP OAT-012).
//!
//! New payees and large sums are everyday; so are new telephones and changed passwords. An account
//! that was taken over shows them together within a day: who enters it changed, and it sends, to
//! somebody it never paid, more than it ever did. Several payees that are made and paid so within
//! an hour tell by themselves (`made.rs`).

mod made;
mod payouts;
#[cfg(test)]
mod tests;
mod transfer;

use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::signal;
use core::time::Duration;
use made::Made;
use payouts::Payouts;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, Evidence, Finding, Outcome, Rule, Severity, Timestamp};
use transfer::Transfer;

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "flow.money_movement",
        title: "Money leaves an account that changed hands",
        owasp: &["API6:2023"],
        attack: &["T1657"],
        references: &["OAT-012"],
    },
    severity: Severity::High,
    looks_for: "Within a day of a new password, a new address of the owner or a first use from \
                another network and program, an account sends somebody whom it never paid more \
                than it ever sent (or, where it has no past, more than anybody did), or pays three \
                such within an hour; or it makes three payees and pays each within an hour more \
                than it ever sent.",
    needs: "Transfers with an amount and a payee in their requests, with their answers, and a \
            user known by name or session; past transfers of the account, or fifty of ten others.",
    look_alikes: "A large sum to a new payee, or a new telephone, alone; the runs of those who \
                  pay many; a changed password and the usual payments.",
    tuning: &[
        Tuning { key: "own_min", meaning: "past transfers that tell what an account sends" },
        Tuning { key: "above", meaning: "times its highest that a sum must be" },
        Tuning { key: "payees_min", meaning: "new payees in one hour" },
    ],
    build: |settings| Ok(Box::new(MoneyMovement::new(settings)?)),
};

/// What happened to the account counts for so long.
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);
const ACCOUNTS_MAX: usize = 100_000;
const SERVICES_MAX: usize = 1000;
const PAYEES_MAX: usize = 256;
const PLACES_MAX: usize = 8;
/// Transactions from a place after which it is one of the account's own.
const AT_HOME: u32 = 5;
/// Transfers and people that tell what is usual for everybody.
const ALL_MIN: u64 = 50;
const PEOPLE_MIN: usize = 10;
/// Transfers of people who made several before, that tell whether payees are always new.
const LATER_MIN: u64 = 20;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    own_min: u64,
    above: f64,
    payees_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { own_min: 5, above: 1.5, payees_min: 3 }
    }
}

/// A sign that somebody else has the account.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Change {
    at: Timestamp,
    what: String,
    evidence: Evidence,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Home {
    place: Place,
    since: Timestamp,
    uses: u32,
    evidence: Evidence,
}

/// One account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Account {
    transfers: u64,
    most: f64,
    payees: BTreeSet<u64>,
    /// First payments of the last hour.
    fresh: VecDeque<Timestamp>,
    /// Most first payments that an hour ever had before this one.
    fresh_most: usize,
    changed: Option<Change>,
    made: Made,
    #[serde(default)]
    payouts: Payouts,
    homes: Vec<Home>,
    tale: Tale,
}

/// What all accounts of a service do.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Everybody {
    transfers: u64,
    people: BTreeSet<ActorId>,
    most: f64,
    /// Transfers of those who have made several, and how many of them went to somebody new.
    #[serde(default)]
    later: u64,
    #[serde(default)]
    later_new: u64,
    /// Most first payments that an hour of anybody had.
    #[serde(default)]
    fresh_most: usize,
}

#[derive(Serialize, Deserialize)]
struct MoneyMovement {
    #[serde(skip)]
    limits: Limits,
    accounts: Keep<ActorId, Account>,
    everybody: BTreeMap<String, Everybody>,
}

impl MoneyMovement {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            accounts: Keep::new(ACCOUNTS_MAX),
            everybody: BTreeMap::new(),
        })
    }

    fn see(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        let Some(principal) = context.seen.principal else { return };
        let now = context.at();
        let changed = transfer::takes_over(context);
        let account = self.accounts.touch(now, principal, Account::default);
        let transfer = transfer::read(context, &|payee| account.payouts.holds(payee));
        account.enter(context);
        if let Some(what) = changed {
            let evidence = context.evidence(what);
            account.changed = Some(Change { at: now, what: what.to_owned(), evidence });
        }
        let Some(transfer) = transfer else {
            account.made.learn(context);
            // A payee whose account number is another now was never paid.
            for payee in account.payouts.learn(context) {
                account.payees.remove(&payee);
            }
            return;
        };
        let service = context.sighting.service.to_string();
        if self.everybody.len() >= SERVICES_MAX && !self.everybody.contains_key(&service) {
            return;
        }
        let everybody = self.everybody.entry(service).or_default();
        let first = !account.payees.contains(&transfer.payee);
        if first {
            account.pays_somebody_new(now);
        }
        everybody.fresh_most = everybody.fresh_most.max(account.fresh_most);
        everybody.note(account.transfers >= self.limits.own_min, first);
        if !first || !account.judge(&self.limits, everybody, transfer, context, out) {
            account.learn(transfer, now);
            everybody.learn(transfer, principal);
        }
    }
}

impl Everybody {
    fn learn(&mut self, transfer: Transfer, who: ActorId) {
        self.transfers = self.transfers.saturating_add(1);
        self.most = self.most.max(transfer.amount);
        if self.people.len() < PEOPLE_MIN {
            self.people.insert(who);
        }
    }

    fn note(&mut self, later: bool, new: bool) {
        self.later = self.later.saturating_add(u64::from(later));
        self.later_new = self.later_new.saturating_add(u64::from(later && new));
    }

    /// Everybody pays somebody else each time: that a payee is new says nothing.
    fn pays_strangers(&self) -> bool {
        self.later >= LATER_MIN && self.later_new.saturating_mul(5) >= self.later.saturating_mul(4)
    }

    /// Where two signs come together, half of it is enough.
    fn is_known(&self, signs: usize) -> bool {
        let (transfers, people) =
            if signs > 1 { (ALL_MIN / 2, PEOPLE_MIN / 2) } else { (ALL_MIN, PEOPLE_MIN) };
        self.transfers >= transfers && self.people.len() >= people
    }
}

impl Account {
    /// Notes where the account is used from.
    fn enter(&mut self, context: &Context<'_>) {
        let place = Place::of(context);
        let known = |home: &&mut Home| home.place.near(&place) || home.place.alike(&place);
        if let Some(home) = self.homes.iter_mut().find(known) {
            home.uses = home.uses.saturating_add(1);
            return;
        }
        if self.homes.len() >= PLACES_MAX {
            self.homes.remove(0);
        }
        let evidence = context.evidence("first use from another network and program");
        self.homes.push(Home { place, since: context.at(), uses: 1, evidence });
    }

    /// What tells that somebody else may have the account now.
    fn signs(&self, context: &Context<'_>) -> Vec<(String, Evidence)> {
        let now = context.at();
        let mut signs = Vec::new();
        if let Some(changed) = &self.changed
            && now.since(changed.at) <= DAY
        {
            let ago = lasting(now.since(changed.at));
            signs.push((format!("{} {ago} before", changed.what), changed.evidence.clone()));
        }
        let place = Place::of(context);
        let here =
            self.homes.iter().find(|home| home.place.near(&place) || home.place.alike(&place));
        if let Some(here) = here
            && now.since(here.since) <= DAY
            && self.homes.iter().any(|home| home.since < here.since && home.uses >= AT_HOME)
        {
            let ago = lasting(now.since(here.since));
            let what = format!("used from another network and program since {ago}");
            signs.push((what, here.evidence.clone()));
        }
        signs
    }

    /// Why the sum is out of the ordinary.
    fn excess(
        &self,
        limits: &Limits,
        everybody: &Everybody,
        (amount, signs): (f64, usize),
    ) -> Option<String> {
        if self.transfers >= limits.own_min {
            let most = self.most;
            return (amount > most * limits.above).then(|| {
                format!("at most {most} in {} before", counted(self.transfers, "transfer"))
            });
        }
        (everybody.is_known(signs) && amount > everybody.most).then(|| {
            let count = counted(everybody.transfers, "transfer");
            format!("at most {} in {count} of everybody", everybody.most)
        })
    }

    fn judge(
        &mut self,
        limits: &Limits,
        everybody: &Everybody,
        transfer: Transfer,
        context: &Context<'_>,
        out: &mut Vec<Finding>,
    ) -> bool {
        let now = context.at();
        let signs = self.signs(context);
        // A payee that was made just before is no sign by itself, but goes with another.
        let made = !signs.is_empty() && self.made.is_fresh(transfer.payee, now);
        let known_by = signs.len().saturating_add(usize::from(made));
        let excess = self.excess(limits, everybody, (transfer.amount, known_by));
        if excess.is_some() {
            self.made.paid(context, transfer);
        }
        let run = signs.is_empty() && self.made.payees(now) >= limits.payees_min;
        if signs.is_empty() && !run {
            return false;
        }
        let fresh = self.fresh.len();
        let many = self.transfers >= limits.own_min
            && fresh >= limits.payees_min
            && fresh > self.fresh_most.saturating_mul(2)
            && fresh > everybody.fresh_most;
        if signs.len() == 1 && everybody.pays_strangers() {
            return false;
        }
        if excess.is_none() && !many {
            return false;
        }
        if !self.tale.was_told() {
            for (what, evidence) in self.made.evidence(run).chain(&signs) {
                let (ip, at) = (evidence.client.unwrap_or(evidence.source.ip()), evidence.time);
                let evidence = Evidence { note: what.clone(), ..evidence.clone() };
                self.tale.add_evidence(evidence, ip, context.observed(), at, true);
            }
        }
        let amount = transfer.amount;
        if !run || self.tale.was_told() {
            self.tale.add(context, format!("{amount} to a payee never paid before"), true);
        }
        if !self.tale.due(now, Outcome::Success) {
            return true;
        }
        let grave = signs.len() > 1;
        let severity = match (grave, run) {
            (true, _) => Severity::Critical,
            (false, false) => SPEC.severity,
            (false, true) => Severity::Medium,
        };
        let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
        self.tale.fill(&mut finding);
        finding.outcome = Outcome::Success;
        finding.confidence = if grave { 0.9 } else { 0.75 };
        let what = if many {
            format!("{} never paid before within an hour", counted(fresh as u64, "payee"))
        } else {
            format!("{amount} to a payee never paid before")
        };
        let signs: Vec<String> = signs.into_iter().map(|(what, _)| what).collect();
        finding.message = if run {
            let payees = counted(self.made.payees(now) as u64, "payee");
            format!("{payees} made and paid within an hour, each more than was ever paid")
        } else {
            format!("{what}, and {}", signs.join("; "))
        };
        finding.why = signs
            .iter()
            .map(|sign| signal("account_changed", sign.clone(), "no change within a day"))
            .collect();
        if let Some(excess) = excess {
            finding.why.push(signal("amount", amount.to_string(), &excess));
        }
        let usual = format!("at most {} in an hour", self.fresh_most);
        finding.why.push(signal("new_payees", fresh.to_string(), &usual));
        finding.remediation = "hold the transfer and ask the owner by a way that was not changed; \
                               end the account's sessions"
            .to_owned();
        out.push(finding);
        true
    }

    /// Counts first payments within the hour.
    fn pays_somebody_new(&mut self, now: Timestamp) {
        let before = self.fresh.len();
        while self.fresh.front().is_some_and(|at| now.since(*at) > HOUR) {
            self.fresh_most = self.fresh_most.max(before);
            self.fresh.pop_front();
        }
        if self.fresh.len() < PAYEES_MAX {
            self.fresh.push_back(now);
        }
    }

    fn learn(&mut self, transfer: Transfer, now: Timestamp) {
        self.transfers = self.transfers.saturating_add(1);
        // What goes to payees just made counts as usual when an hour has gone by.
        let own = if self.made.holds(transfer.payee) { 0.0 } else { transfer.amount };
        self.most = self.most.max(own).max(self.made.settle(now));
        if self.payees.len() < PAYEES_MAX {
            self.payees.insert(transfer.payee);
        }
    }
}

impl Detector for MoneyMovement {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}
