//! Token replay (OWASP API2:2023, ATT&CK T1550, CWE-613).
//!
//! A token is used after its owner signed out, or a refresh token after it was exchanged for a
//! newer one. That the application lets it pass is a weakness of its own, told as posture; that
//! another client does it is an attack.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::guarded::Guarded;
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, lasting};
use crate::tell::{self, signal};
use crate::tokens::{Tokens, let_through};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use stilt_inventory::{EndpointKind, StepKind};
use stilt_model::{
    Actor, CredentialKind, Finding, Outcome, Request, Rule, SecretKind, Severity, Timestamp, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.token_replay",
        title: "Token replay",
        owasp: &["API2:2023"],
        attack: &["T1550.001", "T1550.004"],
        references: &["CWE-613"],
    },
    severity: Severity::High,
    looks_for: "A token or session that opens a guarded endpoint after its owner signed out, or a \
                refresh token that is used again after it was exchanged. From another client it is \
                an alert; from its own, a weakness of the application (posture).",
    needs: "Sign-ins, sign-outs and renewals with their answers.",
    look_alikes: "Requests in flight at sign-out (30 s); a session that goes on as a guest's \
                  (guarded endpoints only); signing out another device; a renewal that is retried; \
                  refresh tokens that are not exchanged.",
    tuning: &[
        Tuning { key: "grace_secs", meaning: "seconds in which requests may still be in flight" },
        Tuning { key: "tokens_max", meaning: "ended tokens remembered" },
    ],
    build: |settings| Ok(Box::new(TokenReplay::new(settings)?)),
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    grace_secs: u64,
    tokens_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { grace_secs: 30, tokens_max: 200_000 }
    }
}

/// A token that should be of no use any more.
#[derive(Serialize, Deserialize)]
struct Ended {
    at: Timestamp,
    place: Place,
    /// It was exchanged for a newer one, not signed out.
    exchanged: bool,
    /// It was handed out together with one that signed out: it renews nothing any more.
    #[serde(default)]
    renews: bool,
    user: Option<String>,
    replay: Option<(Actor, Tale, Outcome)>,
}

#[derive(Serialize, Deserialize)]
struct TokenReplay {
    #[serde(skip)]
    limits: Limits,
    tokens: Tokens,
    doors: Guarded,
    ended: Keep<u64, Ended>,
    /// Tokens that were handed out in one answer, by each of them: an access token and the one
    /// that renews it (RFC 6749, 5.1).
    kin: Keep<u64, Vec<u64>>,
}

/// Tokens of one answer that are kept together.
const KIN_MAX: usize = 4;

impl TokenReplay {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            tokens: Tokens::new(limits.tokens_max),
            doors: Guarded::default(),
            ended: Keep::new(limits.tokens_max),
            kin: Keep::new(limits.tokens_max),
            limits,
        })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let kind = context.sighting.kind;
        let success = context.sighting.outcome == Outcome::Success;
        match kind {
            EndpointKind::Refresh => self.refresh(context, request, findings),
            EndpointKind::Logout if success => self.sign_out(context, request),
            EndpointKind::Logout => {}
            _ if context.sighting.login.is_some() || is_second_step(context) => {
                if success {
                    // A session may go on under its old name after a new sign-in.
                    for own in &request.credentials {
                        self.ended.remove(&self.tokens.root(tell::secret(own.mark)));
                    }
                    self.join(context, []);
                }
            }
            _ => self.used(context, findings),
        }
        self.tokens.learn(context);
        self.doors.learn(context);
    }

    /// The tokens of a request that signs out are of no use from now on.
    fn sign_out(&mut self, context: &Context<'_>, request: &Request) {
        // One of several sessions is named: that of another device.
        if !context.sighting.objects.is_empty() {
            return;
        }
        let cleared = |name: &str| {
            context.tx.response.as_ref().is_some_and(|response| {
                response.issued.iter().any(|issued| issued.cleared && issued.name == name)
            })
        };
        let carried: Vec<u64> = self.tokens.carried(context).map(|(key, _)| key).collect();
        let cookies = request.credentials.iter().filter(|own| {
            own.kind == CredentialKind::Cookie && own.length >= 12 && cleared(&own.name)
        });
        let cookies: Vec<u64> = cookies.map(|own| tell::secret(own.mark)).collect();
        let all: Vec<u64> = carried.into_iter().chain(cookies).chain(tokens_in(request)).collect();
        for key in all.iter().take(8) {
            self.end(context, *key, false);
        }
        // What renews the session goes with it. Elsewhere than where tokens are renewed it may
        // stand for something else.
        for key in all.iter().take(8) {
            for kin in self.kin.remove(key).into_iter().flatten() {
                if !all.contains(&kin) {
                    self.end(context, kin, false);
                    if let Some(ended) = self.ended.get_mut(&kin) {
                        ended.renews = true;
                    }
                }
            }
        }
    }

    /// Notes the tokens of an answer, and those `shown` for them, as of one sign-in.
    fn join(&mut self, context: &Context<'_>, shown: impl IntoIterator<Item = u64>) {
        let Some(response) = &context.tx.response else { return };
        let issued = response.issued.iter().filter(|issued| !issued.cleared);
        let issued = issued.map(|issued| tell::secret(issued.mark));
        let all: Vec<u64> = issued.chain(shown).take(KIN_MAX).collect();
        for key in all.iter().filter(|_| all.len() > 1) {
            let others = all.iter().filter(|other| *other != key).copied().collect();
            // A token is of its latest answer.
            *self.kin.touch(context.at(), *key, Vec::new) = others;
        }
    }

    fn end(&mut self, context: &Context<'_>, key: u64, exchanged: bool) {
        let place = Place::of(context);
        let user = self.tokens.get(key).and_then(|token| token.user.clone());
        let ended = Ended { at: context.at(), place, exchanged, renews: false, user, replay: None };
        self.ended.touch(context.at(), key, || ended);
    }

    /// A request that opens something.
    fn used(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let surely = self.doors.door(context).is_some_and(crate::guarded::Door::is_guarded);
        if !let_through(context.tx, context)
            || !(surely || self.doors.answers_as_signed_in(context))
        {
            return;
        }
        let carried: Vec<u64> = self.tokens.carried(context).map(|(key, _)| key).collect();
        // Another token beside it may be the one that opens.
        let [key] = carried.as_slice() else { return };
        let grace = Duration::from_secs(self.limits.grace_secs);
        let Some(ended) = self.ended.get_mut(key) else { return };
        if ended.exchanged || ended.renews || context.at().since(ended.at) <= grace {
            return;
        }
        // Where nobody was ever turned away, only somebody else tells that it is no open page.
        let place = Place::of(context);
        if !surely && (place.near(&ended.place) || place.alike(&ended.place)) {
            return;
        }
        ended.replayed(context, Outcome::Success, findings);
    }

    /// A token is renewed.
    fn refresh(&mut self, context: &Context<'_>, request: &Request, findings: &mut Vec<Finding>) {
        let Some(response) = &context.tx.response else { return };
        let grace = Duration::from_secs(self.limits.grace_secs);
        let cookies = request.credentials.iter().filter(|own| own.kind == CredentialKind::Cookie);
        let cookies = cookies.filter(|own| own.length >= 12).map(|own| tell::secret(own.mark));
        let shown: Vec<u64> = tokens_in(request).chain(cookies).take(8).collect();
        let success = context.sighting.outcome == Outcome::Success && !response.issued.is_empty();
        for key in &shown {
            if let Some(ended) = self.ended.get_mut(key)
                && context.at().since(ended.at) > grace
            {
                let outcome = if success { Outcome::Success } else { Outcome::Failure };
                ended.replayed(context, outcome, findings);
                return;
            }
        }
        if !success {
            return;
        }
        let renews = |name: &str| name.to_ascii_lowercase().contains("refresh");
        let newer = response.issued.iter().any(|issued| {
            renews(&issued.name) && !issued.cleared && !shown.contains(&tell::secret(issued.mark))
        });
        self.join(context, shown.iter().copied().filter(|_| !newer));
        if newer {
            for key in tokens_in(request) {
                self.end(context, key, true);
            }
            let replaced = request.credentials.iter().filter(|own| {
                own.kind == CredentialKind::Cookie
                    && response.issued.iter().any(|issued| {
                        issued.kind == CredentialKind::Cookie
                            && renews(&own.name)
                            && issued.name == own.name
                            && issued.mark != own.mark
                    })
            });
            let replaced: Vec<u64> = replaced.map(|own| tell::secret(own.mark)).collect();
            for key in replaced {
                self.end(context, key, true);
            }
        }
    }
}

/// A code is given, after the password.
fn is_second_step(context: &Context<'_>) -> bool {
    context.sighting.step.as_ref().is_some_and(|step| step.kind == StepKind::CodeGiven)
}

/// Tokens in the body of a request.
fn tokens_in(request: &Request) -> impl Iterator<Item = u64> {
    request.leaves.iter().take(16).filter_map(|leaf| match &leaf.value {
        Value::Masked { mark, .. }
            if matches!(mark.kind, SecretKind::Token | SecretKind::Jwt)
                && !leaf.name().to_ascii_lowercase().contains("csrf") =>
        {
            Some(tell::secret(*mark))
        }
        _ => None,
    })
}

impl Ended {
    fn replayed(&mut self, context: &Context<'_>, outcome: Outcome, findings: &mut Vec<Finding>) {
        let foreign = Place::of(context).differs(&self.place);
        if outcome == Outcome::Failure && !foreign {
            return;
        }
        let after = context.at().since(self.at);
        let (actor, tale, worst) = self
            .replay
            .get_or_insert_with(|| (tell::client(context), Tale::default(), Outcome::Failure));
        *worst = (*worst).max(outcome);
        tale.add(context, "the token is used again".to_owned(), true);
        if let Some(user) = &self.user {
            tale.user(user);
        }
        if !tale.due(context.at(), *worst) {
            return;
        }
        let severity = match (foreign, *worst) {
            (true, Outcome::Success) => Severity::High,
            (true, _) => Severity::Medium,
            (false, _) => Severity::Low,
        };
        let mut finding = context.finding(SPEC.rule.id, severity, actor.clone());
        tale.fill(&mut finding);
        finding.posture = !foreign;
        finding.session = None;
        finding.outcome = *worst;
        finding.confidence = 0.9;
        let (what, end) = match (self.exchanged, self.renews) {
            (true, _) => ("a refresh token", "it was exchanged for a newer one"),
            (false, true) => ("a refresh token", "its owner signed out"),
            (false, false) => ("a token", "its owner signed out"),
        };
        let result = if *worst == Outcome::Success { "accepted" } else { "refused" };
        let by = if foreign { "by another client" } else { "by its own client" };
        finding.message = format!("{what} used {by} {} after {end}, {result}", lasting(after));
        finding.why = vec![
            signal("used_after_its_end", lasting(after), "30 s at most, for requests in flight"),
            signal("client", by, "that which ended it"),
        ];
        finding.remediation =
            "revoke tokens at sign-out and at exchange, and end the whole family \
                               of tokens when an old one comes back"
                .to_owned();
        findings.push(finding);
    }
}

impl Detector for TokenReplay {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.tokens.resize(self.limits.tokens_max);
        self.ended.resize(self.limits.tokens_max);
        self.kin.resize(self.limits.tokens_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}
