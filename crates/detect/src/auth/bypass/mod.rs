//! Authentication bypass (OWASP API2:2023, CWE-306, CWE-287).
//!
//! An endpoint that lets nobody in without a credential answers one who shows none, in the very way
//! it answers those who do. Where many come in so, it was opened on purpose. Attempts are told
//! where one program shows nothing, this and that at one closed door, as no user's program does.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::guarded::{Guarded, shows_something};
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted};
use crate::tell::{self, signal};
use core::time::Duration;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use stilt_inventory::EndpointKind;
use stilt_model::{Actor, CredentialKind, EndpointId, Finding, Outcome, Rule, Severity, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "auth.bypass",
        title: "Authentication bypass",
        owasp: &["API2:2023"],
        attack: &["T1190", "T1078"],
        references: &["CWE-306", "CWE-287"],
    },
    severity: Severity::Critical,
    looks_for: "An endpoint that answers only those who show a credential answers one who shows \
                none, in the same way, or answers so a program that it has just refused the same \
                page; or one who names a user in the header of a gateway, from where none sits; \
                or one client tries several sorts of credentials and of \
                headers at one closed door.",
    needs: "Whole requests with their answers; an endpoint that has refused somebody before, and \
            at least thirty answers to callers with credentials (eight where the whole service \
            is guarded, one where the same page was refused to the same program before).",
    look_alikes: "An endpoint that was opened on purpose (three clients or more); public endpoints \
                  (many come without credentials); an expired session (one credential, repeated); \
                  requests whose heads were cut.",
    tuning: &[
        Tuning { key: "clients_open", meaning: "clients from which on a door stands open" },
        Tuning {
            key: "manners_min",
            meaning: "different ways tried at closed doors in 10 minutes",
        },
        Tuning { key: "sorts_min", meaning: "sorts of credentials among them" },
    ],
    build: |settings| Ok(Box::new(Bypass::new(settings)?)),
};

const SPAN: Duration = Duration::from_secs(600);
const CLIENTS_MAX: usize = 20_000;
/// Credentials that were good, remembered at most.
const GOOD_MAX: usize = 200_000;
const MANNERS_MAX: usize = 64;
const SERVICES_MAX: usize = 1000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    clients_open: usize,
    manners_min: usize,
    sorts_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients_open: 3, manners_min: 4, sorts_min: 3 }
    }
}

/// One way to ask: what was shown, and with which headers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Manner {
    shown: u64,
    sort: u64,
    order: u64,
}

/// One program at one address.
#[derive(Serialize, Deserialize)]
struct Picker {
    actor: Actor,
    tale: Tale,
    outcome: Outcome,
    manners: Vec<(Timestamp, Manner, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Bypass {
    #[serde(skip)]
    limits: Limits,
    doors: Guarded,
    pickers: Keep<u64, Picker>,
    /// Clients that came in without anything, by endpoint.
    without: Keep<EndpointId, BTreeSet<core::net::IpAddr>>,
    /// Credentials that were accepted somewhere.
    good: Keep<u64, ()>,
    /// Services behind a gateway that says in headers who asks.
    gateways: Keep<u64, ()>,
    cut: u64,
}

impl Bypass {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            doors: Guarded::default(),
            pickers: Keep::new(CLIENTS_MAX),
            without: Keep::new(CLIENTS_MAX),
            good: Keep::new(settings.room(GOOD_MAX)),
            gateways: Keep::new(SERVICES_MAX),
            cut: 0,
        })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        let signs = context.sighting.login.is_some()
            || context.sighting.step.is_some()
            || context.sighting.kind != EndpointKind::Other;
        if signs || request.method == "OPTIONS" {
            return;
        }
        let success = context.sighting.outcome == Outcome::Success && response.status < 300;
        if success && context.seen.authenticated {
            for own in request.credentials.iter().take(4) {
                self.good.touch(context.at(), tell::secret(own.mark), || ());
            }
        }
        if context.seen.vouched {
            self.gateways.touch(context.at(), tell::key(&context.sighting.service, ""), || ());
        }
        let mut flagged = false;
        if success && !shows_something(context) && !context.seen.authenticated {
            flagged = self.came_in(context, response.shape, response.leaves.len(), findings);
        } else if context.sighting.outcome == Outcome::Failure
            && (matches!(response.status, 401 | 403)
                || (context.sighting.refused && response.status < 300))
            && self.doors.door(context).is_some()
        {
            self.refused(context, findings);
        }
        if !flagged {
            self.doors.learn(context);
        }
    }

    /// Somebody who shows nothing is answered.
    fn came_in(
        &mut self,
        context: &Context<'_>,
        shape: u64,
        leaves: usize,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let Some(door) = self.doors.door(context) else { return false };
        let closed = self.doors.is_surely_closed(context);
        // The same page was refused to the same program a moment ago, and to nobody answered.
        let turned = !closed && door.without == 0 && door.with > 0 && self.was_refused(context);
        let pretends =
            context.seen.pretends.is_some() && self.doors.is_mostly_for_the_vouched(context);
        let past = !closed && !turned && !pretends && self.is_past_gateway(context);
        if !((closed || turned || past || pretends) && door.answers(shape) && leaves >= 1) {
            return false;
        }
        if !context.tx.flags.whole() || context.tx.lost_bytes > 0 {
            self.cut = self.cut.saturating_add(1);
            return false;
        }
        let (with, refused) = (door.with, door.refused);
        let clients = self.without.touch(context.at(), context.sighting.endpoint, BTreeSet::new);
        clients.insert(context.seen.client_ip);
        if clients.len() >= self.limits.clients_open {
            // It stands open: that is learned from now on.
            if clients.len() == self.limits.clients_open {
                let mut finding =
                    context.finding(SPEC.rule.id, Severity::Medium, tell::client(context));
                finding.posture = true;
                finding.message = "an endpoint that asked for credentials no longer does".into();
                finding.evidence = vec![context.evidence("answered without a credential")];
                finding.remediation = "make sure that this was meant".to_owned();
                findings.push(finding);
            }
            return false;
        }
        let picker = self.picker(context);
        picker.outcome = Outcome::Success;
        picker.tale.add(context, "answered without a credential".to_owned(), true);
        let name = context.seen.pretends.as_deref();
        let shown = match (past, name) {
            (true, _) => signal("headers_of_the_gateway", "none", "those that say who asks"),
            (_, Some(name)) => signal("user_named_in_a_header", name, "from a gateway only"),
            _ => signal("credential", "none", "one, as in all answers before"),
        };
        let why = vec![
            shown,
            signal("answered_with_credential", with.to_string(), "all"),
            signal("refused_before", refused.to_string(), "whoever shows none"),
        ];
        let message = match (past, pretends) {
            (_, true) => {
                "a header that only the gateway sets names a user, in a request that did not come \
                 from a gateway; it was answered as if it had"
            }
            (true, _) => {
                "an endpoint that is used only by those for whom a gateway says who they are \
                 answered one of whom it said nothing, and who was refused just before"
            }
            _ => "an endpoint that answers only callers with credentials answered one without any",
        }
        .to_owned();
        picker.tell(context, Severity::Critical, message, why, findings);
        true
    }

    /// The service is behind a gateway that says who asks; of this program it said nothing. It was
    /// refused for that within the last minutes, and is answered where hardly anybody else comes
    /// so.
    fn is_past_gateway(&self, context: &Context<'_>) -> bool {
        let service = tell::key(&context.sighting.service, "");
        let recent = |at: &Timestamp| context.at().since(*at) <= SPAN;
        self.gateways.get(&service).is_some()
            && self.doors.is_for_the_vouched(context)
            && self
                .pickers
                .get(&picker_key(context))
                .is_some_and(|picker| picker.manners.iter().any(|(at, ..)| recent(at)))
    }

    /// The program was refused this very page within the last minutes, and shown nothing better.
    fn was_refused(&self, context: &Context<'_>) -> bool {
        let Some(request) = &context.tx.request else { return false };
        let path = tell::key(&context.sighting.service, &request.path);
        self.pickers.get(&picker_key(context)).is_some_and(|picker| {
            let recent = |at: Timestamp| context.at().since(at) <= SPAN;
            picker.manners.iter().any(|(at, _, other)| *other == path && recent(*at))
        })
    }

    /// A closed door stays closed.
    fn refused(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let known = |key: &u64| self.good.get(key).is_some();
        if request.credentials.iter().any(|own| known(&tell::secret(own.mark))) {
            return;
        }
        let mut hasher = FixedState::with_seed(3).build_hasher();
        let mut sort = 0_u64;
        for own in &request.credentials {
            hasher.write_u64(tell::secret(own.mark));
            sort |= match own.kind {
                CredentialKind::Bearer => 1,
                CredentialKind::Basic => 2,
                CredentialKind::Cookie => 4,
                CredentialKind::ApiKey => 8,
                CredentialKind::Other => 16,
            };
        }
        let manner = Manner { shown: hasher.finish(), sort, order: request.header_order };
        let path = tell::key(&context.sighting.service, &request.path);
        let (now, limits) = (context.at(), self.limits.clone());
        let picker = self.picker(context);
        picker.manners.retain(|(at, ..)| now.since(*at) <= SPAN);
        if picker.manners.is_empty() && !picker.tale.was_told() {
            picker.tale = Tale::default();
        }
        if picker.manners.len() < MANNERS_MAX {
            picker.manners.push((now, manner, path));
        }
        picker.tale.add(context, "refused".to_owned(), false);
        let at_one = picker.manners.iter().filter(|(.., other)| *other == path);
        let manners: BTreeSet<Manner> = at_one.map(|(_, manner, _)| *manner).collect();
        let sorts: BTreeSet<(u64, u64)> =
            manners.iter().map(|manner| (manner.sort, manner.order)).collect();
        if manners.len() < limits.manners_min || sorts.len() < limits.sorts_min {
            return;
        }
        let message = format!(
            "{} tried at one closed door, all refused",
            counted(manners.len() as u64, "way to ask").replace("way to asks", "ways to ask")
        );
        let why = vec![
            signal("ways_to_ask", manners.len().to_string(), "one, repeated"),
            signal("sorts_of_credentials_and_headers", sorts.len().to_string(), "1"),
        ];
        picker.tell(context, Severity::Medium, message, why, findings);
    }

    /// The program that sends a request: headers may change, its make and address do not.
    fn picker(&mut self, context: &Context<'_>) -> &mut Picker {
        self.pickers.touch(context.at(), picker_key(context), || Picker {
            actor: tell::client(context),
            tale: Tale::default(),
            outcome: Outcome::Failure,
            manners: Vec::new(),
        })
    }
}

fn picker_key(context: &Context<'_>) -> u64 {
    let place = Place::of(context);
    let mut hasher = FixedState::with_seed(5).build_hasher();
    hasher.write(context.sighting.service.as_bytes());
    hasher.write(place.ip.to_string().as_bytes());
    hasher.write_u64(place.make);
    hasher.finish()
}

impl Picker {
    fn tell(
        &mut self,
        context: &Context<'_>,
        severity: Severity,
        message: String,
        why: Vec<stilt_model::Signal>,
        findings: &mut Vec<Finding>,
    ) {
        if !self.tale.due(context.at(), self.outcome) {
            return;
        }
        let mut finding = context.finding(SPEC.rule.id, severity, self.actor.clone());
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        finding.confidence = 0.85;
        finding.message = message;
        finding.why = why;
        finding.remediation = if self.outcome == Outcome::Success {
            format!("close {} to callers without credentials", finding.endpoint)
        } else {
            "watch the client, and whether any of its later requests is answered".to_owned()
        };
        findings.push(finding);
    }
}

impl Detector for Bypass {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.good.resize(settings.room(GOOD_MAX));
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let reason = "answers at closed doors whose requests were not whole".to_owned();
        let told = NotEvaluated { rule: SPEC.rule.id, count: self.cut, reason };
        (self.cut > 0).then_some(told).into_iter().collect()
    }
}
