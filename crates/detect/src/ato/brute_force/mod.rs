//! Brute force on one account (OWASP API2:2023, ATT&CK T1110.001, OAT-007).
//!
//! Many *different* secrets are tried on one account and refused, by one client or by many. Who
//! repeats one old secret guesses nothing, and who has signed in from that very client before is
//! more likely to have forgotten a password: there it takes three times as much. Attempts that are
//! answered "come back later" (429) are guesses as well: the application saw through them. The keys
//! of an interface are guessed likewise, although they name no account ([`keys`]).

mod keys;
#[cfg(test)]
mod tests;

use crate::ato::accounts::Accounts;
use crate::ato::guessers::{self, Guessers};
use crate::context::{Context, Observation};
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use core::time::Duration;
use keys::Keys;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_inventory::Login;
use stilt_model::{Actor, ActorId, Finding, Outcome, Rule, Severity, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.brute_force",
        title: "Brute force on one account",
        owasp: &["API2:2023"],
        attack: &["T1110.001"],
        references: &["OAT-007", "CWE-307"],
    },
    severity: Severity::Critical,
    looks_for: "Many different secrets tried on one account and refused, by one client or many, in \
                minutes or over a day. A success of one who guessed makes it critical.",
    needs: "Sign-in requests with their answers.",
    look_alikes: "A stale client that repeats one old password (one secret); a password manager or \
                  a forgetful user (few secrets; more are allowed to clients that have signed in \
                  to the account before); an outage (right passwords refused).",
    tuning: &[
        Tuning { key: "failures_min", meaning: "refused attempts on one account in 10 minutes" },
        Tuning { key: "secrets_min", meaning: "different secrets among them" },
        Tuning { key: "secrets_hour_min", meaning: "different secrets on one account in an hour" },
        Tuning { key: "secrets_day_min", meaning: "different secrets on one account in 24 hours" },
        Tuning {
            key: "house_factor",
            meaning: "how many times as much it takes from a client that has signed in before",
        },
        Tuning { key: "accounts_max", meaning: "accounts under attempt that are remembered" },
    ],
    build: |settings| Ok(Box::new(BruteForce::new(settings)?)),
};

const FAST: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Attempts of one account remembered.
const ATTEMPTS_MAX: usize = 1024;
/// Clients of an account's owner remembered.
const HOUSE_MAX: usize = 16;
/// Evidence kept before anything is told.
const KEPT_MAX: u64 = 40;
/// Services remembered at most.
const SERVICES_MAX: usize = 256;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    failures_min: u64,
    secrets_min: u64,
    secrets_hour_min: u64,
    secrets_day_min: u64,
    house_factor: u64,
    accounts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures_min: 10,
            secrets_min: 5,
            secrets_hour_min: 15,
            secrets_day_min: 30,
            house_factor: 3,
            accounts_max: 100_000,
        }
    }
}

/// Guesses at one account from one sort of client.
#[derive(Serialize, Deserialize)]
struct Guesses {
    fast: Distinct,
    hour: Distinct,
    day: Distinct,
}

/// An account that is being tried.
#[derive(Serialize, Deserialize)]
struct Target {
    /// Guesses of strangers, and of clients from which the owner has signed in.
    guesses: [Guesses; 2],
    who: Guessers,
    tale: Tale,
    story: Option<Actor>,
    outcome: Outcome,
    last: Timestamp,
}

/// What told.
#[derive(Clone, Copy)]
struct Told {
    secrets: u64,
    window: &'static str,
    expected: &'static str,
}

#[derive(Serialize, Deserialize)]
struct BruteForce {
    #[serde(skip)]
    limits: Limits,
    accounts: BTreeMap<Arc<str>, Accounts>,
    /// Clients from which each account was signed in to.
    house: Keep<u64, BTreeSet<ActorId>>,
    targets: Keep<u64, Target>,
    #[serde(default)]
    keys: Keys,
    unanswered: u64,
    answered: u64,
}

impl BruteForce {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            accounts: BTreeMap::new(),
            house: Keep::new(limits.accounts_max.saturating_mul(5)),
            targets: Keep::new(limits.accounts_max),
            keys: Keys::default(),
            limits,
            unanswered: 0,
            answered: 0,
        })
    }

    fn attempt(&mut self, context: &Context<'_>, login: &Login, findings: &mut Vec<Finding>) {
        let account = tell::key(&context.sighting.realm, &login.user);
        match login.outcome {
            Outcome::Success => {
                self.answered = self.answered.saturating_add(1);
                self.let_in(context, login, account, findings);
            }
            Outcome::Unknown if context.tx.status() != Some(429) => {
                self.unanswered = self.unanswered.saturating_add(1);
            }
            _ => {
                self.answered = self.answered.saturating_add(1);
                self.refused(context, login, account, findings);
            }
        }
    }

    /// The accounts of a service; `None` where there are too many services.
    fn accounts(&mut self, service: &Arc<str>) -> Option<&mut Accounts> {
        if self.accounts.len() >= SERVICES_MAX && !self.accounts.contains_key(service) {
            return None;
        }
        Some(self.accounts.entry(Arc::clone(service)).or_default())
    }

    fn let_in(
        &mut self,
        context: &Context<'_>,
        login: &Login,
        account: u64,
        findings: &mut Vec<Finding>,
    ) {
        let max = self.limits.accounts_max.saturating_mul(5);
        if let Some(accounts) = self.accounts(&context.sighting.service) {
            accounts.succeeded(account, login.secret, max);
        }
        let (now, client) = (context.at(), context.seen.client);
        let guessed = self.targets.get(&account).is_some_and(|target| target.who.has(client));
        let story = self.targets.get(&account).is_some_and(|target| target.story.is_some());
        if !(guessed && story) {
            // The owner, perhaps after some typing errors: these were no guesses then.
            let house = self.house.touch(now, account, BTreeSet::new);
            if house.len() < HOUSE_MAX {
                house.insert(client);
            }
            if guessed && self.targets.get(&account).is_some_and(|one| one.who.clients() == 1) {
                self.targets.remove(&account);
            }
            return;
        }
        let Some(target) = self.targets.get_mut(&account) else { return };
        let house = self.house.get(&account).is_some_and(|house| house.contains(&client));
        if house || now.since(target.last) > DAY {
            return;
        }
        target.outcome = Outcome::Success;
        target.tale.add(context, format!("account {} let in", login.user), true);
        let told = Told {
            secrets: target.strange(now),
            window: "24 hours",
            expected: "few, put right by the owner",
        };
        target.tell(context, login, told, findings);
    }

    fn refused(
        &mut self,
        context: &Context<'_>,
        login: &Login,
        account: u64,
        findings: &mut Vec<Finding>,
    ) {
        let (now, client) = (context.at(), context.seen.client);
        let Some(secret) = login.secret else { return };
        let Some(accounts) = self.accounts(&context.sighting.service) else { return };
        if accounts.is_own_secret(now, account, login.secret) || accounts.outage(now) {
            return;
        }
        let house = self.house.get(&account).is_some_and(|house| house.contains(&client));
        let target = self.targets.touch(now, account, Target::new);
        if now.since(target.last) > DAY {
            *target = Target::new();
        }
        target.last = now;
        target.who.add(context);
        let own = guessers::belongs(target.story.as_ref(), client);
        if own && (target.tale.count < KEPT_MAX || target.story.is_some()) {
            target.tale.add(context, format!("account {} refused", login.user), false);
            target.tale.user(&login.user);
        }
        let sort = usize::from(house);
        let Some(guesses) = target.guesses.get_mut(sort) else { return };
        let told = guesses.add(now, tell::secret(secret), &self.limits, house);
        if let Some(told) = told {
            target.open(&context.sighting.service, account);
            target.tell(context, login, told, findings);
        } else if own && target.story.is_some() {
            let told = Told {
                secrets: target.strange(now),
                window: "24 hours",
                expected: "few, put right by the owner",
            };
            target.tell(context, login, told, findings);
        }
    }
}

impl Guesses {
    fn new() -> Self {
        Self {
            fast: Distinct::new(FAST, ATTEMPTS_MAX),
            hour: Distinct::new(HOUR, ATTEMPTS_MAX),
            day: Distinct::new(DAY, ATTEMPTS_MAX),
        }
    }

    fn add(&mut self, now: Timestamp, secret: u64, limits: &Limits, house: bool) -> Option<Told> {
        let factor = if house { limits.house_factor.max(1) } else { 1 };
        let fast = self.fast.add(now, secret);
        let hour = self.hour.add(now, secret);
        let day = self.day.add(now, secret);
        let least = |min: u64| min.saturating_mul(factor);
        if self.fast.events() >= least(limits.failures_min) && fast >= least(limits.secrets_min) {
            return Some(Told { secrets: fast, window: "10 min", expected: "fewer than 5" });
        }
        if hour >= least(limits.secrets_hour_min) {
            return Some(Told { secrets: hour, window: "an hour", expected: "fewer than 15" });
        }
        (day >= least(limits.secrets_day_min)).then_some(Told {
            secrets: day,
            window: "24 hours",
            expected: "fewer than 30",
        })
    }
}

impl Target {
    fn new() -> Self {
        Self {
            guesses: [Guesses::new(), Guesses::new()],
            who: Guessers::default(),
            tale: Tale::default(),
            story: None,
            outcome: Outcome::Failure,
            last: Timestamp::ZERO,
        }
    }

    /// Different secrets of a day.
    fn strange(&mut self, now: Timestamp) -> u64 {
        self.guesses.iter_mut().fold(0, |sum: u64, guesses| {
            guesses.day.roll(now);
            sum.saturating_add(guesses.day.different())
        })
    }

    fn open(&mut self, service: &str, account: u64) {
        if self.story.is_none() {
            self.story = Some(self.who.actor(SPEC.rule.id, service, account, &mut self.tale));
        }
    }

    fn tell(
        &mut self,
        context: &Context<'_>,
        login: &Login,
        told: Told,
        findings: &mut Vec<Finding>,
    ) {
        if !self.tale.due(context.at(), self.outcome) {
            return;
        }
        let Some(actor) = self.story.clone() else { return };
        let taken = self.outcome == Outcome::Success;
        let severity = if taken { Severity::Critical } else { Severity::Medium };
        let mut finding = context.finding(SPEC.rule.id, severity, actor);
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        finding.confidence = 0.96;
        finding.message = format!(
            "{} tried on account {} by {} in {}, {}",
            counted(told.secrets, "different secret"),
            login.user,
            counted(self.who.clients(), "client"),
            lasting(finding.end.since(finding.start)),
            if taken { "which then let one in" } else { "all refused" },
        );
        finding.why = vec![
            signal(
                "distinct_secrets",
                format!("{} in {}", told.secrets, told.window),
                told.expected,
            ),
            signal("refused_attempts", self.tale.count.to_string(), "one or two, then let in"),
        ];
        finding.remediation = if taken {
            format!(
                "reset account {}, end its sessions, and undo what was done since; require a \
                 second factor and slow down on {}",
                login.user, finding.endpoint
            )
        } else {
            format!("lock or challenge account {} on {}", login.user, finding.endpoint)
        };
        findings.push(finding);
    }
}

impl Detector for BruteForce {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.house.resize(self.limits.accounts_max.saturating_mul(5));
        self.targets.resize(self.limits.accounts_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        match &context.sighting.login {
            Some(login) => self.attempt(context, login, findings),
            None => self.keys.see(context, self.limits.secrets_hour_min, findings),
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let blind = self.unanswered > 0 && self.unanswered > self.answered;
        let reason = "sign-in attempts whose answers were not seen or tell nothing";
        let rule = SPEC.rule.id;
        let told = NotEvaluated { rule, count: self.unanswered, reason: reason.to_owned() };
        blind.then_some(told).into_iter().collect()
    }
}
