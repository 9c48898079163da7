//! Keys of an interface that are guessed: one client shows one after another, and none was ever
//! accepted from anybody.

use super::{DAY, HOUR, SPEC};
use crate::context::Context;
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::place::Place;
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use serde::{Deserialize, Serialize};
use stilt_model::{Actor, CredentialKind, Finding, Outcome, Severity};

/// Keys that were accepted, and clients that show keys, remembered.
const KEYS_MAX: usize = 200_000;
const CLIENTS_MAX: usize = 20_000;
/// Keys of one client told apart.
const EVENTS_MAX: usize = 512;
/// Evidence kept before anything is told.
const KEPT_MAX: u64 = 40;

/// One client that shows keys.
#[derive(Serialize, Deserialize)]
struct Trier {
    hour: Distinct,
    /// Answered with a key.
    accepted: u64,
    tale: Tale,
    story: Option<Actor>,
    outcome: Outcome,
}

/// Keys and those who try them.
#[derive(Serialize, Deserialize)]
pub(super) struct Keys {
    good: Keep<u64, ()>,
    triers: Keep<u64, Trier>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { good: Keep::new(KEYS_MAX), triers: Keep::new(CLIENTS_MAX) }
    }
}

impl Keys {
    /// A request that is no attempt to sign in; `least`: different keys of an hour.
    pub(super) fn see(&mut self, context: &Context<'_>, least: u64, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let mut shown = request.credentials.iter();
        let Some(own) = shown.find(|own| own.kind == CredentialKind::ApiKey) else { return };
        let (now, key) = (context.at(), tell::secret(own.mark));
        let place = Place::of(context);
        let client = tell::key(&context.sighting.service, &place.ip.to_string()) ^ place.make;
        let refused = matches!(context.tx.status(), Some(401 | 403));
        if context.sighting.outcome == Outcome::Success {
            let new = self.good.get(&key).is_none();
            self.good.touch(now, key, || ());
            let trier = self.triers.touch(now, client, Trier::new);
            trier.accepted = trier.accepted.saturating_add(1);
            if new && trier.story.is_some() {
                trier.outcome = Outcome::Success;
                trier.tale.add(context, "a key is accepted".to_owned(), true);
                trier.tell(context, findings);
            }
            return;
        }
        // One that was good, and is not any more or not here, was not guessed.
        if !refused || self.good.get(&key).is_some() {
            return;
        }
        let trier = self.triers.touch(now, client, Trier::new);
        if now.since(trier.tale.end) > DAY && trier.tale.count > 0 {
            *trier = Trier::new();
        }
        let keys = trier.hour.add(now, key);
        if trier.tale.count < KEPT_MAX || trier.story.is_some() {
            trier.tale.add(context, "a key is refused".to_owned(), false);
        }
        // Through a gateway come many, and most of them with their own keys.
        if keys >= least && keys > trier.accepted.saturating_mul(4) {
            trier.story.get_or_insert_with(|| tell::client(context));
        }
        trier.tell(context, findings);
    }
}

impl Trier {
    fn new() -> Self {
        Self {
            hour: Distinct::new(HOUR, EVENTS_MAX),
            accepted: 0,
            tale: Tale::default(),
            story: None,
            outcome: Outcome::Failure,
        }
    }

    fn tell(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(actor) = self.story.clone() else { return };
        if !self.tale.due(context.at(), self.outcome) {
            return;
        }
        let right = self.outcome == Outcome::Success;
        let severity = if right { Severity::Critical } else { Severity::Medium };
        let mut finding = context.finding(SPEC.rule.id, severity, actor);
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        finding.confidence = 0.9;
        let keys = counted(self.hour.different(), "different API key");
        finding.message = format!(
            "{keys} tried from {} in {}, {}",
            context.seen.client_ip,
            lasting(finding.end.since(finding.start)),
            if right { "one of them accepted" } else { "none accepted" },
        );
        finding.why = vec![signal(
            "keys_never_accepted",
            format!("{} in an hour", self.hour.different()),
            "one old key, sent again and again",
        )];
        finding.remediation = format!(
            "slow such clients down on {}, and make keys long and random",
            finding.endpoint
        );
        findings.push(finding);
    }
}
