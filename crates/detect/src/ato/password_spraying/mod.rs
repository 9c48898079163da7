//! Password spraying (OWASP API2:2023, ATT&CK T1110.003).
//!
//! One secret is tried on many accounts, so that none of them is locked. Counted are accounts that
//! refused the very same secret and that the client which gave it did not then get into: a common
//! typing error is put right. A secret that is mistyped every day by somebody or other (on a large
//! application that is any common password) must be three times as frequent as it ever was.

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
use crate::usual::Usual;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use stilt_inventory::Login;
use stilt_model::{
    Actor, ActorId, Evidence, Finding, Observed, Outcome, Rule, Severity, Timestamp,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.password_spraying",
        title: "Password spraying",
        owasp: &["API2:2023"],
        attack: &["T1110.003"],
        references: &["OAT-007", "CWE-307"],
    },
    severity: Severity::Critical,
    looks_for: "One and the same secret tried on many accounts and refused by nearly all of them, \
                from any number of clients. An account that gives in makes it critical.",
    needs: "Sign-in requests with their answers.",
    look_alikes: "A shared or default password that lets most in; a common typing error (put \
                  right); a password that many mistype every day (three times as often as ever); \
                  an empty password; an outage.",
    tuning: &[
        Tuning { key: "accounts_min", meaning: "accounts that refuse one secret in an hour" },
        Tuning { key: "accounts_day_min", meaning: "accounts that refuse one secret in 24 hours" },
        Tuning { key: "failing_ratio", meaning: "share of accounts that must refuse it, 0 to 1" },
        Tuning { key: "secrets_max", meaning: "refused secrets remembered" },
    ],
    build: |settings| Ok(Box::new(PasswordSpraying::new(settings)?)),
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Accounts of one secret remembered.
const ACCOUNTS_MAX: usize = 1024;
/// Refusals of one account remembered, to take them back when it is put right.
const RECENT_MAX: usize = 8;
/// Evidence kept before anything is told.
const KEPT_MAX: u64 = 30;
/// Successes with one secret that are kept until it is known that somebody sprays.
const ENTERED_MAX: usize = 8;
/// Services remembered at most.
const SERVICES_MAX: usize = 256;
/// Accounts whose right secrets are remembered per service.
const KNOWN_MAX: usize = 500_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    accounts_min: u64,
    accounts_day_min: u64,
    failing_ratio: f64,
    secrets_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { accounts_min: 10, accounts_day_min: 25, failing_ratio: 0.8, secrets_max: 100_000 }
    }
}

/// One secret.
#[derive(Serialize, Deserialize)]
struct Spray {
    hour: Distinct,
    day: Distinct,
    /// Accounts that let it in.
    inside: Distinct,
    usual: [Usual; 2],
    who: Guessers,
    tale: Tale,
    story: Option<Actor>,
    outcome: Outcome,
    /// Accounts that let the sprayers in.
    #[serde(default)]
    taken: u64,
    /// Who got in before it was known that somebody sprays.
    #[serde(default)]
    entered: Vec<Entered>,
}

/// A success with the secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entered {
    client: ActorId,
    user: String,
    evidence: Evidence,
    ip: IpAddr,
    observed: Observed,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct PasswordSpraying {
    #[serde(skip)]
    limits: Limits,
    accounts: BTreeMap<Arc<str>, Accounts>,
    sprays: Keep<u64, Spray>,
    /// Secrets that let in one account and were never refused: nearly all, so that no more is kept
    /// of them.
    own: Keep<u64, u64>,
    /// By account: the secrets refused lately, and to whom.
    recent: Keep<u64, VecDeque<(u64, ActorId)>>,
    unanswered: u64,
    answered: u64,
}

impl PasswordSpraying {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            accounts: BTreeMap::new(),
            sprays: Keep::new(limits.secrets_max),
            own: Keep::new(limits.secrets_max),
            recent: Keep::new(limits.secrets_max),
            limits,
            unanswered: 0,
            answered: 0,
        })
    }

    fn attempt(&mut self, context: &Context<'_>, login: &Login, findings: &mut Vec<Finding>) {
        let service = &context.sighting.service;
        let account = tell::key(&context.sighting.realm, &login.user);
        let throttled = context.tx.status() == Some(429);
        if login.outcome == Outcome::Unknown && !throttled {
            self.unanswered = self.unanswered.saturating_add(1);
            return;
        }
        self.answered = self.answered.saturating_add(1);
        let Some(mark) = login.secret else { return };
        let secret = tell::secret(mark) ^ tell::key(service, "");
        if self.accounts.len() >= SERVICES_MAX && !self.accounts.contains_key(service) {
            return;
        }
        let accounts = self.accounts.entry(Arc::clone(service)).or_default();
        let now = context.at();
        if login.outcome == Outcome::Success {
            accounts.succeeded(account, login.secret, KNOWN_MAX);
            self.put_right(account, context.seen.client);
            let one = *self.own.touch(now, secret, || account);
            if one == account && self.sprays.get(&secret).is_none() {
                return;
            }
            let spray = self.sprays.touch(now, secret, Spray::new);
            let new = !spray.inside.holds(account);
            spray.inside.add(now, one);
            spray.inside.add(now, account);
            if spray.story.is_some() && spray.who.has(context.seen.client) {
                spray.outcome = Outcome::Success;
                spray.tale.add(context, format!("account {} let in", login.user), true);
                spray.tale.user(&login.user);
                if new {
                    spray.taken = spray.taken.saturating_add(1);
                    spray.tale.news();
                }
                spray.tell(context, findings);
            } else if spray.story.is_none() {
                spray.entered(context, login);
            }
            return;
        }
        if accounts.is_own_secret(now, account, login.secret) || accounts.outage(now) {
            return;
        }
        let recent = self.recent.touch(now, account, VecDeque::new);
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back((secret, context.seen.client));
        let one = self.own.get(&secret).copied();
        let spray = self.sprays.touch(now, secret, || {
            let mut spray = Spray::new();
            if let Some(one) = one {
                spray.inside.add(now, one);
            }
            spray
        });
        spray.refused(context, login, account);
        if spray.story.is_none() && spray.is_spray(&self.limits, now) {
            let actor = spray.who.actor(SPEC.rule.id, service, secret, &mut spray.tale);
            spray.story = Some(actor);
        }
        if spray.story.is_some() {
            spray.look_back();
            spray.tell(context, findings);
        }
    }

    /// A client gets into an account it was refused by: those attempts were typing errors.
    fn put_right(&mut self, account: u64, client: ActorId) {
        let Some(recent) = self.recent.get_mut(&account) else { return };
        for (secret, by) in recent.iter() {
            if *by == client
                && let Some(spray) = self.sprays.get_mut(secret)
                && spray.story.is_none()
            {
                spray.hour.forget(account);
                spray.day.forget(account);
            }
        }
        recent.retain(|(_, by)| *by != client);
    }
}

impl Spray {
    fn new() -> Self {
        Self {
            hour: Distinct::new(HOUR, ACCOUNTS_MAX),
            day: Distinct::new(DAY, ACCOUNTS_MAX),
            inside: Distinct::new(DAY, ACCOUNTS_MAX),
            usual: [Usual::default(); 2],
            who: Guessers::default(),
            tale: Tale::default(),
            story: None,
            outcome: Outcome::Failure,
            taken: 0,
            entered: Vec::new(),
        }
    }

    /// Somebody gets in with the secret, who may turn out to spray.
    fn entered(&mut self, context: &Context<'_>, login: &Login) {
        if self.entered.len() >= ENTERED_MAX {
            self.entered.remove(0);
        }
        self.entered.push(Entered {
            client: context.seen.client,
            user: login.user.clone(),
            evidence: context.evidence(format!("account {} let in", login.user)),
            ip: context.seen.client_ip,
            observed: context.observed(),
            at: context.at(),
        });
    }

    /// Who got in before and was refused elsewhere was let in by this.
    fn look_back(&mut self) {
        let (who, story) = (&self.who, self.story.as_ref());
        let sprays = |entered: &mut Entered| {
            who.has(entered.client) && guessers::belongs(story, entered.client)
        };
        let found: Vec<Entered> = self.entered.extract_if(.., sprays).collect();
        for Entered { user, evidence, ip, observed, at, .. } in found {
            self.outcome = Outcome::Success;
            self.taken = self.taken.saturating_add(1);
            self.tale.add_evidence(evidence, ip, observed, at, true);
            self.tale.user(&user);
            self.tale.news();
        }
    }

    fn refused(&mut self, context: &Context<'_>, login: &Login, account: u64) {
        let now = context.at();
        if !self.day.holds(account) {
            let [hour, day] = &mut self.usual;
            hour.add(now, HOUR);
            day.add(now, DAY);
        }
        self.hour.add(now, account);
        self.day.add(now, account);
        self.who.add(context);
        let own = guessers::belongs(self.story.as_ref(), context.seen.client);
        if own && (self.tale.count < KEPT_MAX || self.story.is_some()) {
            self.tale.add(context, format!("account {} refused it", login.user), false);
            self.tale.user(&login.user);
        }
    }

    fn is_spray(&mut self, limits: &Limits, now: Timestamp) -> bool {
        let [usual_hour, usual_day] = self.usual.map(|usual| usual.most().saturating_mul(3));
        let (hour, day) = (self.hour.different(), self.day.different());
        let many = (hour >= limits.accounts_min && hour >= usual_hour)
            || (day >= limits.accounts_day_min && day >= usual_day);
        self.inside.roll(now);
        let inside = self.inside.different();
        let ratio = crate::stats::to_f64(day) / crate::stats::to_f64((day + inside).max(1));
        many && ratio >= limits.failing_ratio
    }

    fn tell(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
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
            "one secret tried on {} by {} in {}, {}",
            counted(self.day.different().max(self.tale.users()), "account"),
            counted(self.who.clients(), "client"),
            lasting(finding.end.since(finding.start)),
            match self.taken {
                0 if taken => "at least one let in".to_owned(),
                0 => "none let in".to_owned(),
                inside => format!("{} let in", counted(inside, "account")),
            },
        );
        finding.why = vec![
            signal(
                "accounts_that_refused_one_secret",
                format!("{} in 24 hours", self.day.different()),
                "fewer than 10 in an hour, 25 in a day",
            ),
            signal(
                "accounts_that_let_it_in",
                self.inside.different().to_string(),
                "most, where it is shared or set by default",
            ),
        ];
        finding.remediation = if taken {
            "reset the accounts that were let in and end their sessions; forbid common passwords"
                .to_owned()
        } else {
            format!("slow down per secret and per client on {}", finding.endpoint)
        };
        findings.push(finding);
    }
}

impl Detector for PasswordSpraying {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.sprays.resize(self.limits.secrets_max);
        self.recent.resize(self.limits.secrets_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation
            && let Some(login) = &context.sighting.login
        {
            self.attempt(context, login, findings);
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
