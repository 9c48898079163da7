//! Password-reset abuse (OWASP API2:2023, ATT&CK T1098, T1110).
//!
//! Four ways: new passwords asked for many people by one client; a link made to lead elsewhere, by
//! a host that the application was never called by; tokens of such links guessed; and a password
//! set for somebody else, with which the one who set it then signs in.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use crate::usual::Usual;
use core::net::SocketAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_inventory::{Login, Step, StepKind};
use stilt_model::{Evidence, Finding, Outcome, Rule, Severity, Signal, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.password_reset_abuse",
        title: "Password-reset abuse",
        owasp: &["API2:2023"],
        attack: &["T1098", "T1110"],
        references: &["OAT-007", "CWE-640"],
    },
    severity: Severity::Critical,
    looks_for: "New passwords asked for many people by one client; a host name the application was \
                never called by where a link is sent; tokens of links guessed; a password set for \
                another user and used at once by the one who set it.",
    needs: "Requests with their answers.",
    look_alikes: "A help desk (as many as ever; staff roles may set passwords); a person who asks \
                  again and again for one address; a link that has expired (one token).",
    tuning: &[
        Tuning { key: "names_min", meaning: "people one client asks new passwords for in an hour" },
        Tuning {
            key: "tokens_min",
            meaning: "different refused tokens of one client in 10 minutes",
        },
        Tuning { key: "host_requests_min", meaning: "requests that make a host name a known one" },
        Tuning { key: "clients_max", meaning: "clients remembered" },
    ],
    build: |settings| Ok(Box::new(PasswordResetAbuse::new(settings)?)),
};

const FAST: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const EVENTS_MAX: usize = 512;
const KEPT_MAX: u64 = 30;
const HOSTS_MAX: usize = 64;
const SERVERS_MAX: usize = 1024;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    names_min: u64,
    tokens_min: u64,
    host_requests_min: u64,
    clients_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { names_min: 20, tokens_min: 5, host_requests_min: 20, clients_max: 50_000 }
    }
}

/// One client.
#[derive(Serialize, Deserialize)]
struct Client {
    names: Distinct,
    usual: Usual,
    tokens: Distinct,
    /// Tokens that were answered by a page, which may say anything.
    unclear: Distinct,
    asking: Tale,
    guessing: Tale,
    guessed: bool,
    right: bool,
    /// A link of it was refused when it was opened.
    #[serde(default)]
    turned_back: bool,
}

/// A password that somebody set while signed in.
#[derive(Serialize, Deserialize)]
struct Set {
    at: Timestamp,
    place: Place,
    by: Vec<String>,
    name: String,
    evidence: Evidence,
}

#[derive(Serialize, Deserialize)]
struct PasswordResetAbuse {
    #[serde(skip)]
    limits: Limits,
    clients: Keep<u64, Client>,
    hosts: BTreeMap<SocketAddr, BTreeMap<String, u64>>,
    set: Keep<u64, Set>,
    known: Keep<u64, ()>,
}

/// What is told.
struct Told<'a> {
    severity: Severity,
    outcome: Outcome,
    message: String,
    why: Vec<Signal>,
    remediation: &'a str,
}

impl PasswordResetAbuse {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            clients: Keep::new(limits.clients_max),
            hosts: BTreeMap::new(),
            set: Keep::new(limits.clients_max),
            known: Keep::new(500_000),
            limits,
        })
    }

    fn client(&mut self, context: &Context<'_>) -> &mut Client {
        let place = Place::of(context);
        let key = tell::key(&context.sighting.service, &place.ip.to_string()) ^ place.make;
        self.clients.touch(context.at(), key, Client::new)
    }

    fn asked(&mut self, context: &Context<'_>, step: &Step, findings: &mut Vec<Finding>) {
        let Some(user) = &step.user else { return };
        self.host(context, user, findings);
        let (now, name) = (context.at(), tell::key(&context.sighting.realm, user));
        let least = self.limits.names_min;
        let client = self.client(context);
        if !client.names.holds(name) {
            client.usual.add(now, HOUR);
        }
        let names = client.names.add(now, name);
        if client.asking.count < KEPT_MAX || client.asking.was_told() {
            client.asking.add(context, format!("a new password for {user}"), false);
            client.asking.user(user);
        }
        if names < least || names < client.usual.most().saturating_mul(3) {
            return;
        }
        let told = Told {
            severity: Severity::Medium,
            outcome: context.sighting.outcome,
            message: format!(
                "new passwords asked for {} by one client within an hour",
                counted(names, "person").replace("persons", "people")
            ),
            why: vec![signal("people_asked_for", names.to_string(), "fewer than 20 in an hour")],
            remediation: "limit requests per client, and answer alike whether a person exists",
        };
        told.push(context, &mut client.asking, findings);
    }

    /// A link would lead to a host that the application was never called by.
    fn host(&mut self, context: &Context<'_>, user: &str, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let Some(hosts) = self.hosts.get(&context.tx.flow.server) else { return };
        let least = self.limits.host_requests_min;
        let known = |host: &String| hosts.get(host).is_some_and(|count| *count >= 3);
        let established = hosts.values().any(|count| *count >= least);
        let forwarded = request.forwarded_host.as_ref();
        let strange = request.host.iter().chain(forwarded).find(|host| !known(host));
        let Some(host) = strange.filter(|_| established) else { return };
        if context.sighting.outcome != Outcome::Success {
            return;
        }
        let mut tale = Tale::default();
        tale.add(context, format!("the link for {user} would lead to {host}"), true);
        tale.user(user);
        let told = Told {
            severity: Severity::High,
            outcome: Outcome::Success,
            message: format!(
                "a new password for {user} asked for by the host name {host}, to which the link \
                 would lead"
            ),
            why: vec![signal("host", host.as_str(), "one the application is called by")],
            remediation: "make links of a configured name, never of the request's host",
        };
        told.push(context, &mut tale, findings);
    }

    fn done(&mut self, context: &Context<'_>, step: &Step, findings: &mut Vec<Finding>) {
        let Some(token) = step.secret else { return };
        let (now, least) = (context.at(), self.limits.tokens_min);
        let outcome = context.sighting.outcome;
        let throttled = context.tx.status() == Some(429);
        let client = self.client(context);
        // Where wrong ones are refused outright, a page is no refusal.
        let page = is_page(context) && client.tokens.different() == 0;
        client.turned_back |= outcome == Outcome::Failure && !is_sent(context);
        match outcome {
            // The form that any token opens, where it is judged when the form is sent.
            Outcome::Success if is_page(context) && !is_sent(context) && !client.turned_back => {
                return;
            }
            Outcome::Success if client.guessed && !page => {
                client.right = true;
                client.guessing.add(context, "a token is right".to_owned(), true);
            }
            // Links are opened by what scans mails; what is sent from them is not.
            Outcome::Success if page => {
                if !is_sent(context) {
                    return;
                }
                client.unclear.add(now, token);
                if client.guessing.count < KEPT_MAX {
                    client.guessing.add(context, "a page answers a token".to_owned(), false);
                }
            }
            Outcome::Success => {
                client.tokens.forget_all();
                client.unclear.forget_all();
                return;
            }
            Outcome::Unknown if !throttled => return,
            _ => {
                client.tokens.add(now, token);
                if client.guessing.count < KEPT_MAX || client.guessed {
                    client.guessing.add(context, "a token is refused".to_owned(), false);
                }
            }
        }
        // Nobody asked for so many, and none of them led anywhere.
        let unclear = client.unclear.different();
        let unasked = client.names.different().saturating_mul(2) < unclear;
        let drawn = unclear >= least.saturating_mul(2) && unasked;
        client.guessed |= client.tokens.different() >= least || drawn;
        if !client.guessed {
            return;
        }
        let tokens = client.tokens.different().max(unclear);
        let told = Told {
            severity: if client.right { Severity::Critical } else { Severity::Medium },
            outcome: if client.right { Outcome::Success } else { Outcome::Failure },
            message: format!(
                "{} of links for new passwords tried by one client, {}",
                counted(tokens, "different token"),
                if client.right { "one of them right" } else { "all refused" }
            ),
            why: vec![signal("different_tokens", tokens.to_string(), "one, from a mail")],
            remediation: "make tokens long and random, and end them after a few wrong ones",
        };
        told.push(context, &mut client.guessing, findings);
    }

    /// A password is set by one who is signed in.
    fn password(&mut self, context: &Context<'_>, step: &Step) {
        let Some(secret) = step.secret else { return };
        let staff = context.seen.roles.iter().any(|role| {
            let role = role.to_ascii_lowercase();
            ["admin", "support", "staff", "help", "operator", "root"]
                .iter()
                .any(|word| role.contains(word))
        });
        if staff || context.seen.principal.is_none() || context.sighting.outcome != Outcome::Success
        {
            return;
        }
        let (now, key) = (context.at(), secret ^ tell::key(&context.sighting.service, ""));
        self.set.remove(&key);
        self.set.touch(now, key, || Set {
            at: now,
            place: Place::of(context),
            by: context.seen.aliases.to_vec(),
            name: context.seen.actor.user.clone().unwrap_or_default(),
            evidence: context.evidence("sets the password"),
        });
    }

    fn signed_in(&mut self, context: &Context<'_>, login: &Login, findings: &mut Vec<Finding>) {
        let now = context.at();
        let account = tell::key(&context.sighting.realm, &login.user);
        let before = self.known.get(&account).is_some();
        self.known.touch(now, account, || ());
        let Some(secret) = login.secret.filter(|_| before) else { return };
        let key = tell::secret(secret) ^ tell::key(&context.sighting.service, "");
        let Some(set) = self.set.get(&key) else { return };
        let own = set.by.contains(&login.user);
        let same = set.place.ip == Place::of(context).ip;
        if own || set.by.is_empty() || !same || now.since(set.at) > DAY {
            return;
        }
        let mut tale = Tale::default();
        let (at, ip) = (set.evidence.time, set.place.ip);
        tale.add_evidence(set.evidence.clone(), ip, context.observed(), at, true);
        tale.add(context, format!("signs in as {} with it", login.user), true);
        tale.user(&login.user);
        let by = set.name.clone();
        let told = Told {
            severity: Severity::Critical,
            outcome: Outcome::Success,
            message: format!(
                "{by} set a password and signed in with it as {}, {} later",
                login.user,
                lasting(now.since(set.at))
            ),
            why: vec![
                signal("password_set_by", by, format!("{} alone", login.user)),
                signal("signed_in_from", ip.to_string(), "the owner's own place"),
            ],
            remediation: "give the account back to its owner; let nobody set another's password",
        };
        told.push(context, &mut tale, findings);
    }

    fn learn_host(&mut self, context: &Context<'_>) {
        let Some(request) = &context.tx.request else { return };
        let server = context.tx.flow.server;
        if self.hosts.len() >= SERVERS_MAX && !self.hosts.contains_key(&server) {
            return;
        }
        let hosts = self.hosts.entry(server).or_default();
        for host in request.host.iter().chain(&request.forwarded_host) {
            if let Some(count) = hosts.get_mut(host) {
                *count = count.saturating_add(1);
            } else if hosts.len() < HOSTS_MAX {
                hosts.insert(host.clone(), 1);
            }
        }
    }
}

/// A page under a status of success: it may say that it did not work.
fn is_page(context: &Context<'_>) -> bool {
    context.tx.response.as_ref().is_some_and(|response| {
        response.status < 300
            && response.content_type.as_deref().is_some_and(|media| media.contains("html"))
    })
}

/// The request sends something, rather than opening a link.
fn is_sent(context: &Context<'_>) -> bool {
    context.tx.request.as_ref().is_some_and(|request| request.method != "GET")
}

impl Told<'_> {
    fn push(self, context: &Context<'_>, tale: &mut Tale, findings: &mut Vec<Finding>) {
        if !tale.due(context.at(), self.outcome) {
            return;
        }
        let mut finding = context.finding(SPEC.rule.id, self.severity, tell::client(context));
        tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        finding.message = self.message;
        finding.why = self.why;
        finding.remediation = self.remediation.to_owned();
        findings.push(finding);
    }
}

impl Client {
    fn new() -> Self {
        Self {
            names: Distinct::new(HOUR, EVENTS_MAX),
            usual: Usual::default(),
            tokens: Distinct::new(FAST, EVENTS_MAX),
            unclear: Distinct::new(FAST, EVENTS_MAX),
            asking: Tale::default(),
            guessing: Tale::default(),
            guessed: false,
            right: false,
            turned_back: false,
        }
    }
}

impl Detector for PasswordResetAbuse {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.clients.resize(self.limits.clients_max);
        self.set.resize(self.limits.clients_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        if let Some(login) = &context.sighting.login
            && login.outcome == Outcome::Success
        {
            self.signed_in(context, login, findings);
        }
        let asks = match &context.sighting.step {
            Some(step) => {
                match step.kind {
                    StepKind::ResetAsked => self.asked(context, step, findings),
                    StepKind::ResetDone => self.done(context, step, findings),
                    StepKind::PasswordSet => self.password(context, step),
                    _ => {}
                }
                step.kind == StepKind::ResetAsked
            }
            None => false,
        };
        // What is judged teaches nothing.
        if !asks {
            self.learn_host(context);
        }
    }
}
