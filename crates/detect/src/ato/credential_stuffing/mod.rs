//! Credential stuffing (OWASP API2:2023, ATT&CK T1110.004, OAT-008).
//!
//! Somebody tries pairs of user and password that leaked elsewhere: many accounts, each tried once
//! or twice, nearly all refused. Told on three levels: one client within minutes, one client (or
//! clients of one make) over days, and many clients that each fail on an account or two and never
//! get in (`strangers.rs`). What counts is *accounts whose every attempt from a client failed*: a
//! typing error that is put right, a stale client that repeats one password, and users behind one
//! address do not add up. Refusals of passwords that were right before are an outage, not guesses.
//! Pairs that an answer of this application showed before are told by where they come from
//! (`leaked.rs`): nothing fails then.

mod campaign;
mod held;
mod leaked;
mod strangers;
#[cfg(test)]
mod tests;
mod window;

use crate::ato::accounts::Accounts;
use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::stats::{rate_lower, to_f64};
use crate::tale::{Tale, counted, lasting};
use crate::tell::signal;
use campaign::Campaign;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use foldhash::fast::RandomState;
use held::Held;
use leaked::Leaked;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_inventory::Login;
use stilt_model::{
    Actor, ActorId, ActorKind, Finding, Outcome, Rule, Severity, SmolStr, Timestamp, saved::Keyed,
};
use strangers::{Strangers, Surge};
use window::{Count, Window};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.credential_stuffing",
        title: "Credential stuffing",
        owasp: &["API2:2023"],
        attack: &["T1110.004"],
        references: &["OAT-008"],
    },
    severity: Severity::Critical,
    looks_for: "One client, clients of one make, or many clients that never signed in before try \
                many accounts, each once or twice, and are refused on nearly all. An account that \
                gives in makes it critical. One client that opens several accounts, where they \
                never signed in, with passwords that an answer has shown before.",
    needs: "Sign-in requests with their answers. The distributed variant needs 20 minutes of \
            sign-ins from before the attack.",
    look_alikes: "Users behind one address (most get in); typing errors (put right within \
                  minutes); a stale client with one old password (one account); an outage of \
                  sign-in (passwords that were right before are refused); a busy morning (more \
                  who fail, but more who get in as well).",
    tuning: &[
        Tuning { key: "accounts_min", meaning: "failing accounts of one client in 10 minutes" },
        Tuning { key: "accounts_slow_min", meaning: "failing accounts of one client in 7 days" },
        Tuning {
            key: "failing_ratio",
            meaning: "share of a client's accounts that must fail, 0 to 1",
        },
        Tuning { key: "attempts_median_max", meaning: "median of attempts per failing account" },
        Tuning { key: "clients_min", meaning: "clients of the distributed variant" },
        Tuning {
            key: "chance_max",
            meaning: "probability that the surge of failing clients is chance",
        },
        Tuning { key: "clients_max", meaning: "clients remembered per service" },
        Tuning { key: "accounts_max", meaning: "accounts remembered per service" },
    ],
    build: |settings| Ok(Box::new(CredentialStuffing::new(settings)?)),
};

const FAST: Duration = Duration::from_secs(600);
const SLOW: Duration = Duration::from_secs(7 * 86_400);
/// Attempts of one client remembered at most.
const ATTEMPTS_MAX: usize = 4096;
/// Services remembered at most.
const SERVICES_MAX: usize = 256;
/// Error allowed to the bound on the failing share.
const ALPHA: f64 = 0.025;
/// Packet time between two looks at the distributed variant.
const LOOK: Duration = Duration::from_secs(60);
/// Accounts let in from one client before anything is told, from which on it is a house.
const RESIDENTS: u64 = 5;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    accounts_min: u64,
    accounts_slow_min: u64,
    failing_ratio: f64,
    attempts_median_max: f64,
    clients_min: u64,
    chance_max: f64,
    clients_max: usize,
    accounts_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            accounts_min: 10,
            accounts_slow_min: 20,
            failing_ratio: 0.8,
            attempts_median_max: 3.0,
            clients_min: 10,
            chance_max: 1e-6,
            clients_max: 50_000,
            accounts_max: 500_000,
        }
    }
}

/// One client at one service.
#[derive(Serialize, Deserialize)]
struct Client {
    fast: Window,
    slow: Window,
    /// It got in before it failed on anything: a client of the house.
    welcome: bool,
    /// Clients of its make.
    cluster: ActorId,
    /// Refusals that may turn out to be typing errors of people who share the address.
    held: Held,
    /// Accounts it let in before there was a story, and since then, for the first time here.
    residents: u64,
    inside: u64,
    tale: Tale,
    story: Option<Variant>,
    outcome: Outcome,
    last: Timestamp,
}

impl Client {
    /// Many sign in from there: a building behind one address.
    fn is_house(&self) -> bool {
        self.residents >= RESIDENTS
    }

    /// Moves what was held of accounts that were never let in into the story.
    fn gather(&mut self) {
        for one in self.held.take() {
            if self.slow.fails(one.account) {
                let (at, evidence) = (one.at, one.evidence);
                self.tale.add_evidence(evidence, one.ip, one.observed, at, false);
                self.tale.user(&one.user);
            }
        }
    }
}

/// Which rule told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Variant {
    Fast(Count),
    Slow(Count),
}

#[derive(Serialize, Deserialize)]
struct Service {
    accounts: Accounts,
    clients: HashMap<ActorId, Client, RandomState>,
    idle: BTreeSet<(Timestamp, ActorId)>,
    strangers: Strangers,
    /// Accounts that several failing clients of one make tried.
    makes: HashMap<ActorId, Window, RandomState>,
    campaign: Option<Campaign>,
    /// A sign-in endpoint as findings show it.
    latest: Option<Finding>,
}

#[derive(Serialize, Deserialize)]
struct CredentialStuffing {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    services: BTreeMap<Arc<str>, Service>,
    leaked: Leaked,
    begun: Option<Timestamp>,
    looked: Timestamp,
    unanswered: u64,
    answered: u64,
}

impl CredentialStuffing {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            services: BTreeMap::new(),
            leaked: Leaked::default(),
            begun: None,
            looked: Timestamp::ZERO,
            unanswered: 0,
            answered: 0,
        })
    }

    fn attempt(&mut self, context: &Context<'_>, login: &Login, findings: &mut Vec<Finding>) {
        if login.outcome == Outcome::Unknown {
            self.unanswered = self.unanswered.saturating_add(1);
            return;
        }
        self.answered = self.answered.saturating_add(1);
        let now = context.at();
        let name = &context.sighting.service;
        if !self.services.contains_key(name) {
            if self.services.len() >= SERVICES_MAX {
                return;
            }
            let mut service = Service::new();
            service.strangers.begin(self.begun.unwrap_or(now));
            self.services.insert(Arc::clone(name), service);
        }
        let mut hasher = self.hasher.build_hasher();
        if context.sighting.realm != *name {
            hasher.write(context.sighting.realm.as_bytes());
        }
        hasher.write(login.user.as_bytes());
        let account = hasher.finish();
        if let Some(service) = self.services.get_mut(name) {
            service.attempt(&self.limits, context, login, account, findings);
        }
    }
}

impl Detector for CredentialStuffing {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        match observation {
            Observation::Transaction(context) => {
                self.begun.get_or_insert(context.tx.start);
                self.leaked.shown(context);
                if let Some(login) = &context.sighting.login {
                    if login.outcome == Outcome::Success {
                        self.leaked.signed_in(context, login, findings);
                    }
                    self.attempt(context, login, findings);
                }
            }
            Observation::Running(_) | Observation::Tls(_) | Observation::End(_) => {}
            Observation::Tick(now) => {
                if now.since(self.looked) >= LOOK {
                    self.looked = *now;
                    for service in self.services.values_mut() {
                        service.look(*now, &self.limits, findings);
                    }
                }
            }
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let blind = self.unanswered > 0 && self.unanswered > self.answered;
        let reason = "sign-in attempts whose answers were not seen or tell nothing";
        blind
            .then(|| NotEvaluated {
                rule: SPEC.rule.id,
                count: self.unanswered,
                reason: reason.to_owned(),
            })
            .into_iter()
            .collect()
    }
}

impl Service {
    fn new() -> Self {
        Self {
            accounts: Accounts::default(),
            clients: HashMap::default(),
            idle: BTreeSet::new(),
            strangers: Strangers::default(),
            makes: HashMap::default(),
            campaign: None,
            latest: None,
        }
    }

    fn attempt(
        &mut self,
        limits: &Limits,
        context: &Context<'_>,
        login: &Login,
        account: u64,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let id = context.seen.client;
        let failed = login.outcome == Outcome::Failure;
        if failed && self.accounts.is_own_secret(now, account, login.secret) {
            return;
        }
        if failed && self.accounts.outage(now) {
            return;
        }
        if !failed {
            self.accounts.succeeded(account, login.secret, limits.accounts_max);
        }
        self.touch(limits, id, context.seen.cluster, now);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let first = client.slow.attempts() == 0;
        let put_right = !failed && client.slow.fails(account);
        let new_here = !failed && !client.slow.lets_in(account);
        let fast = client.fast.add(now, account, failed);
        let slow = client.slow.add(now, account, failed);
        if !failed && first {
            client.welcome = true;
            self.strangers.welcome(now);
        }
        let note = if failed {
            format!("account {} refused", login.user)
        } else {
            format!("account {} let in", login.user)
        };
        let told = client.story.is_some();
        if failed {
            client.held.add(context, account, login, note.clone());
        } else {
            client.held.forget(account);
            client.residents = client.residents.saturating_add(u64::from(!told && new_here));
        }
        let variant = limits.judge(&client.fast, fast, slow);
        // One secret tried on all behind an address that many share is told as spraying alone.
        if variant.is_some() && !(client.is_house() && client.held.is_one_secret()) {
            client.story = variant.or(client.story);
        }
        if client.story.is_some() {
            // In a house people come and go: who is let in is told only where few ever were.
            if !failed && !client.is_house() && (told || slow.failing > 0) {
                client.outcome = Outcome::Success;
                client.inside = client.inside.saturating_add(u64::from(new_here));
                client.tale.add(context, note.clone(), true);
                client.tale.user(&login.user);
                if new_here {
                    client.tale.news();
                }
            }
            client.gather();
            self.strangers.forget(id);
            if client.tale.count > 0 && client.tale.due(now, client.outcome) {
                findings.push(tell_client(context, client));
            }
            return;
        }
        if failed {
            if !client.welcome {
                self.strangers.failed(now, id, account, limits.clients_max);
                self.alike(limits, context, account, findings);
            }
        } else if put_right {
            self.strangers.forget(id);
        }
        self.latest = Some(context.finding(SPEC.rule.id, Severity::Medium, client_actor(context)));
        self.join_campaign(context, login, (new_here, note), findings);
    }

    /// Several clients of one make, each a stranger that fails on more than one account.
    fn alike(
        &mut self,
        limits: &Limits,
        context: &Context<'_>,
        account: u64,
        findings: &mut Vec<Finding>,
    ) {
        let id = context.seen.client;
        let several = self.strangers.get(id).is_some_and(|stranger| stranger.accounts.len() > 1);
        if !several || self.campaign.is_some() {
            return;
        }
        let cluster = context.seen.cluster;
        let window = self.makes.entry(cluster).or_insert_with(|| Window::new(SLOW, ATTEMPTS_MAX));
        let count = window.add(context.at(), account, true);
        if count.failing < limits.accounts_slow_min {
            return;
        }
        let clients: Vec<ActorId> = self
            .clients
            .iter()
            .filter(|(id, client)| {
                client.cluster == cluster
                    && self.strangers.get(**id).is_some_and(|one| one.accounts.len() > 1)
            })
            .map(|(id, _)| *id)
            .collect();
        if clients.len() < 2 {
            return;
        }
        let surge = Surge {
            clients: clients.len() as u64,
            accounts: count.failing,
            attempts: window.attempts() as u64,
            expected: 0.0,
            span: SLOW,
        };
        self.makes.remove(&cluster);
        let latest = context.finding(SPEC.rule.id, Severity::Medium, client_actor(context));
        self.open_campaign(clients, surge, latest, context.at(), findings);
    }

    /// A minute has passed: strangers settle, and their number is judged.
    fn look(&mut self, now: Timestamp, limits: &Limits, findings: &mut Vec<Finding>) {
        let settled = self.strangers.settle(now);
        if let Some(campaign) = &mut self.campaign {
            if now.since(campaign.last) > campaign.surge.span.min(Duration::from_secs(86_400)) {
                self.campaign = None;
            } else {
                for id in settled {
                    if !self.strangers.besieges(id) {
                        self.enlist(id, now, findings);
                    }
                }
                return;
            }
        }
        if self.accounts.outage(now) {
            return;
        }
        let Some(surge) = self.strangers.surge(now, limits.clients_min, limits.chance_max) else {
            return;
        };
        let Some(latest) = self.latest.clone() else { return };
        let clients = self.strangers.take(now, surge.span).into_iter().map(|(id, _)| id).collect();
        self.open_campaign(clients, surge, latest, now, findings);
    }

    fn touch(&mut self, limits: &Limits, id: ActorId, cluster: ActorId, now: Timestamp) {
        match self.clients.get_mut(&id) {
            Some(client) => {
                self.idle.remove(&(client.last, id));
                client.last = now;
            }
            None => {
                while self.clients.len() >= limits.clients_max.max(1) {
                    let Some((_, oldest)) = self.idle.pop_first() else { break };
                    self.clients.remove(&oldest);
                }
                self.clients.insert(
                    id,
                    Client {
                        fast: Window::new(FAST, ATTEMPTS_MAX),
                        slow: Window::new(SLOW, ATTEMPTS_MAX),
                        welcome: false,
                        cluster,
                        held: Held::default(),
                        residents: 0,
                        inside: 0,
                        tale: Tale::default(),
                        story: None,
                        outcome: Outcome::Failure,
                        last: now,
                    },
                );
            }
        }
        self.idle.insert((now, id));
    }
}

impl Limits {
    fn judge(&self, window: &Window, fast: Count, slow: Count) -> Option<Variant> {
        let ratio = |count: Count| to_f64(count.failing) / to_f64(count.accounts.max(1));
        let many = fast.accounts >= self.accounts_min && fast.failing >= self.accounts_min.min(8);
        if many
            && ratio(fast) >= self.failing_ratio
            && window.median_attempts() <= self.attempts_median_max
        {
            return Some(Variant::Fast(fast));
        }
        let certain = slow.accounts >= self.accounts_min
            && rate_lower(slow.failing, slow.accounts, ALPHA) >= self.failing_ratio;
        let enough = slow.accounts >= self.accounts_slow_min && ratio(slow) >= self.failing_ratio;
        (certain || enough).then_some(Variant::Slow(slow))
    }
}

fn client_actor(context: &Context<'_>) -> Actor {
    Actor {
        id: context.seen.client,
        kind: ActorKind::Client,
        name: format!("client:{}", context.seen.client_ip),
        user: None,
        roles: Vec::new(),
        identified_by: SmolStr::new_static("address and client fingerprint"),
    }
}

fn severity(outcome: Outcome) -> Severity {
    if outcome == Outcome::Success { Severity::Critical } else { Severity::Medium }
}

fn tell_client(context: &Context<'_>, client: &Client) -> Finding {
    let mut finding =
        context.finding(SPEC.rule.id, severity(client.outcome), client_actor(context));
    client.tale.fill(&mut finding);
    finding.session = None;
    finding.outcome = client.outcome;
    let slow = client.slow.count();
    let (count, window, usual) = match client.story {
        Some(Variant::Fast(count)) => (count, "10 min", "fewer than 10, most of which get in"),
        Some(Variant::Slow(count)) => (count, "7 days", "fewer than 20, most of which get in"),
        None => (slow, "7 days", "most get in"),
    };
    let last = if client.outcome == Outcome::Success {
        format!("{} let in", counted(client.inside.max(1), "account"))
    } else {
        "none of them let in".to_owned()
    };
    let tried = if client.is_house() { slow.failing } else { slow.accounts };
    finding.message = format!(
        "{} tried from {} in {}, {last}",
        counted(tried, "account"),
        context.seen.client_ip,
        lasting(finding.end.since(finding.start)),
    );
    finding.confidence = 0.95;
    finding.why = vec![
        signal("distinct_accounts", format!("{} in {window}", count.accounts), usual),
        signal(
            "accounts_that_only_failed",
            format!("{} of {}", count.failing, count.accounts),
            "under 80 % of a client's accounts",
        ),
        signal(
            "attempts_per_account",
            format!("median {}", client.slow.median_attempts()),
            "one account tried again and again, or put right",
        ),
    ];
    finding.remediation = remediation(client.outcome, &finding.endpoint);
    finding
}

fn remediation(outcome: Outcome, endpoint: &str) -> String {
    if outcome == Outcome::Success {
        format!(
            "reset the accounts that were let in and end their sessions; slow down and require a \
             second factor on {endpoint}"
        )
    } else {
        format!("slow down or challenge these clients on {endpoint}; watch for a success")
    }
}
