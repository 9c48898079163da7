//! Identity downgrade (ASI03, MCP02:2025): an agent acts as itself where it should act for a user.
//!
//! Calls of a tool server that were always made for a named user are suddenly made in the agent's
//! own name, and work; or the user that a header names is another one than the token's.

use super::{Stories, Word, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::stats::rate_lower;
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{CredentialKind, Dialect, Finding, Outcome, Rule, Severity, Talk, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.identity_downgrade",
        title: "An agent acts in its own name where it always acted for a user",
        owasp: &["ASI03:2026", "MCP02:2025", "API5:2023"],
        attack: &["T1550.001"],
        references: &["CWE-266", "CWE-441"],
    },
    severity: Severity::Medium,
    looks_for: "A tool that an agent called with success for named users in at least nineteen of \
                twenty calls by bound, called without one (medium); a header that names another \
                user than the token does, where they were always the same (high). The same of a \
                service that asks an API for its users with one credential: objects of a kind that \
                it only ever asked for in the name of users, five of them asked for in its own \
                within an hour (medium).",
    needs: "Calls of tool servers, or requests of a service with its own credential, that name the \
            user: a header, or the claims of a token.",
    look_alikes: "Tools that are called in both ways; jobs that have no user from the first call on, \
                  or another client; one request without a user; refusals.",
    tuning: &[
        Tuning { key: "calls_min", meaning: "calls for users before anything is usual" },
        Tuning { key: "objects_min", meaning: "objects asked for in nobody's name within an hour" },
    ],
    build: |settings| Ok(Box::new(IdentityDowngrade::new(settings)?)),
};

const PLACES_MAX: usize = 20_000;
/// Users told apart, and how many a service asks for at least.
const USERS_MAX: usize = 16;
const USERS_MIN: usize = 3;
/// Objects asked for in nobody's name that are kept, and for how long.
const OBJECTS_MAX: usize = 64;
const WITHIN: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: u64,
    objects_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 60, objects_min: 5 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Calls {
    with: u64,
    all: u64,
    same: u64,
    both: u64,
    /// Users named, a few.
    #[serde(default)]
    users: BTreeSet<u64>,
    /// Objects asked for in nobody's name, and since when.
    #[serde(default)]
    nobodys: BTreeSet<u64>,
    #[serde(default)]
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct IdentityDowngrade {
    #[serde(skip)]
    limits: Limits,
    calls: Keep<u64, Calls>,
    stories: Stories,
}

impl Default for IdentityDowngrade {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            calls: Keep::new(PLACES_MAX),
            stories: Stories::default(),
        }
    }
}

impl IdentityDowngrade {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let tool = talk.calls().next().map(|call| call.name.as_str());
        let (Dialect::Mcp, Some(tool)) = (talk.dialect, tool) else { return };
        let (Some(request), Outcome::Success) = (&context.tx.request, outcome_of(context, talk))
        else {
            return;
        };
        let named = request.on_behalf.as_deref();
        let claims = request.credentials.iter().find_map(|own| own.jwt.as_deref());
        let subject = claims.and_then(|claims| claims.sub.as_deref());
        let service = text_key(&context.sighting.service);
        let key = hash(&[service, text_key(tool), context.seen.client.0]);
        let calls = self.calls.touch(context.at(), key, Calls::default);
        let usual =
            calls.with >= self.limits.calls_min && rate_lower(calls.with, calls.all, 0.05) >= 0.95;
        let alike = calls.both >= self.limits.calls_min && calls.same == calls.both;
        let wrong = match (named, subject) {
            (Some(named), Some(subject)) if alike && named != subject => {
                Some((Severity::High, "the header names another user than the token".to_owned()))
            }
            (None, _) if usual => Some((
                SPEC.severity,
                format!("no user is named; {} of {} calls before named one", calls.with, calls.all),
            )),
            _ => None,
        };
        let Some((severity, what)) = wrong else {
            calls.all = calls.all.saturating_add(1);
            calls.with = calls.with.saturating_add(u64::from(named.is_some()));
            if let (Some(named), Some(subject)) = (named, subject) {
                calls.both = calls.both.saturating_add(1);
                calls.same = calls.same.saturating_add(u64::from(named == subject));
            }
            return;
        };
        let word = Word {
            severity,
            outcome: Outcome::Success,
            confidence: 0.7,
            note: format!("{tool}: {what}"),
            message: format!(
                "{} called {tool} of {}: {what}",
                agent.name, context.sighting.service
            ),
            why: vec![signal("user_of_the_call", what.clone(), "the user the agent acts for")],
            remediation:
                "let the server refuse calls that are made for nobody, and compare header and token"
                    .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

impl IdentityDowngrade {
    /// A service that asks an API for its users.
    fn serve(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        let (Some(request), false) = (&context.tx.request, context.sighting.objects.is_empty())
        else {
            return;
        };
        let own = request.credentials.iter().find(|own| own.kind != CredentialKind::Cookie);
        let Some(own) = own.filter(|_| context.sighting.outcome == Outcome::Success) else {
            return;
        };
        let [credential, other] = own.mark.digest;
        let key = hash(&[
            text_key(&context.sighting.service),
            text_key(&context.sighting.resource),
            u64::from(context.sighting.changes_state),
            credential,
            other,
            context.seen.client.0,
        ]);
        let calls = self.calls.touch(context.at(), key, Calls::default);
        if let Some(user) = request.on_behalf.as_deref() {
            calls.all = calls.all.saturating_add(1);
            calls.with = calls.with.saturating_add(1);
            if calls.users.len() < USERS_MAX {
                calls.users.insert(text_key(user));
            }
            return;
        }
        let usual = calls.with >= self.limits.calls_min
            && calls.users.len() >= USERS_MIN
            && rate_lower(calls.with, calls.all, 0.05) >= 0.95;
        if !usual {
            calls.all = calls.all.saturating_add(1);
            return;
        }
        if context.at().since(calls.since) > WITHIN {
            // What was asked so a while ago is a custom by now.
            calls.all = calls.all.saturating_add(calls.nobodys.len() as u64);
            calls.nobodys.clear();
            calls.since = context.at();
        }
        for object in context.sighting.objects.iter().take(OBJECTS_MAX) {
            if calls.nobodys.len() < OBJECTS_MAX {
                calls.nobodys.insert(text_key(&object.id));
            }
        }
        let objects = calls.nobodys.len();
        if objects < self.limits.objects_min {
            return;
        }
        let resource = &context.sighting.resource;
        let what = format!(
            "{objects} objects without naming a user; {} of {} requests before named one",
            calls.with, calls.all
        );
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.7,
            note: "asks for an object in nobody's name".to_owned(),
            message: format!(
                "a service that asks {} for its users asked for {resource} in nobody's name: {what}",
                context.sighting.service
            ),
            why: vec![signal("user_of_the_call", what.clone(), "the user the service acts for")],
            remediation: "let the API refuse the service's credential where no user is named, and \
                          look at who asked the service for these objects"
                .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }

    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self { limits: settings.own()?, ..Self::default() })
    }
}

impl Detector for IdentityDowngrade {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, out: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        match (context.tx.talk.as_deref(), context.agent) {
            (Some(talk), Some(agent)) => self.see(context, talk, agent, out),
            (None, _) => self.serve(context, out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::call;
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, get};

    fn read(user: Option<&str>) -> Tx {
        let tx = call("read_file", r#"{"path":"a"}"#, "text").bearer("s3rvice-0123456789abcdef");
        match user {
            Some(user) => tx.header("X-User-Id", user),
            None => tx,
        }
    }

    fn told(before: impl Fn(usize) -> bool, last: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..90 {
            town.at(
                5.0 * n as f64,
                read(before(n).then_some(if n % 2 == 0 { "ann" } else { "bob" })),
            );
        }
        town.at(600.0, last);
        town.run();
        town.stories().len()
    }

    fn contract(n: usize, user: Option<&str>, program: &str) -> Tx {
        let tx = get(&format!("/v1/contracts/{}", 410_200 + n))
            .bearer("s3rvice-0123456789abcdef")
            .agent(program)
            .answer(&format!(r#"{{"contract":{},"owner":"u{n}"}}"#, 410_200 + n));
        match user {
            Some(user) => tx.header("X-User", user),
            None => tx,
        }
    }

    #[test]
    fn a_service_that_drops_its_users_is_told() {
        let served = |users: bool, last: usize, program: &str| {
            let mut town = Town::new(super::SPEC.rule.id);
            for n in 0..120 {
                let user = format!("u{}", n % 12);
                let named = users || n % 4 > 0;
                town.at(5.0 * n as f64, contract(n % 12, named.then_some(&user), "sol/3.2"));
            }
            for n in 0..last {
                town.at(700.0 + 5.0 * n as f64, contract(20 + n, None, program));
            }
            town.run();
            town.stories().len()
        };
        assert_eq!(served(true, 9, "sol/3.2"), 1);
        assert_eq!(served(true, 3, "sol/3.2"), 0);
        assert_eq!(served(true, 9, "nightly-sync/1"), 0);
        assert_eq!(served(false, 9, "sol/3.2"), 0);
    }

    #[test]
    fn a_call_for_nobody_is_told_where_all_were_for_somebody() {
        assert_eq!(told(|_| true, read(None)), 1);
        assert_eq!(told(|n| n % 3 > 0, read(None)), 0);
        assert_eq!(told(|_| true, read(Some("eve"))), 0);
        assert_eq!(told(|_| true, read(None).status(403)), 0);
    }
}
