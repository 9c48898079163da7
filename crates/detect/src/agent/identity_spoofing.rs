//! Somebody else with an agent's key (ASI03, ASI07): agent identity spoofing.
//!
//! A key that one program used from one place for long is used by another program from another
//! network, while the first goes on: two hosts claim to be the same agent.

use super::{Stories, Stranger, Word, detector, hash};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::spec::{Spec, Tuning};
use crate::tell::{secret, signal};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{CredentialKind, Finding, Outcome, Rule, Severity, Talk, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.identity_spoofing",
        title: "Two programs claim to be the same agent",
        owasp: &["ASI03:2026", "ASI07:2026", "API2:2023"],
        attack: &["AML.T0073"],
        references: &["CWE-290"],
    },
    severity: Severity::High,
    looks_for: "The key of an agent that one program used, from one network and with one order of \
                headers, is used by a program that differs in all three, and the first one goes on \
                in the same ten minutes.",
    needs: "Thirty requests of the agent before.",
    look_alikes: "Deployments (another program, and the first is gone); several hosts of one program; \
                  keys that many programs share.",
    tuning: &[Tuning { key: "requests_min", meaning: "requests of the agent before it is known" }],
    build: |settings| Ok(Box::new(IdentitySpoofing::new(settings)?)),
};

const KEYS_MAX: usize = 20_000;
const WITHIN: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    requests_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_min: 30 }
    }
}

/// What is known of a key's bearer.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Bearer {
    requests: u64,
    makes: BTreeSet<u64>,
    orders: BTreeSet<u64>,
    home: Option<Place>,
    stranger: Option<Box<Stranger>>,
    last: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct IdentitySpoofing {
    #[serde(skip)]
    limits: Limits,
    keys: Keep<u64, Bearer>,
    stories: Stories,
}

impl Default for IdentitySpoofing {
    fn default() -> Self {
        Self { limits: Limits::default(), keys: Keep::new(KEYS_MAX), stories: Stories::default() }
    }
}

impl IdentitySpoofing {
    fn see(&mut self, context: &Context<'_>, _: &Talk, agent: &AgentSeen, out: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let own = request
            .credentials
            .iter()
            .find(|own| matches!(own.kind, CredentialKind::Bearer | CredentialKind::ApiKey));
        let (Some(own), true) = (own, context.tx.status().is_some_and(|status| status < 400))
        else {
            return;
        };
        let place = Place::of(context);
        let bearer = self.keys.touch(context.at(), secret(own.mark), Bearer::default);
        let known = bearer.requests >= self.limits.requests_min
            && bearer.makes.len() == 1
            && bearer.orders.len() <= 3;
        let home = *bearer.home.get_or_insert(place);
        let strange = !home.near(&place)
            && !bearer.makes.contains(&place.make)
            && !bearer.orders.contains(&place.order);
        if known && strange {
            if context.at().since(bearer.last) <= WITHIN {
                Stranger::note(&mut bearer.stranger, context, place);
            }
            return;
        }
        let stranger = bearer.stranger.take();
        let stranger = stranger.filter(|other| context.at().since(other.last) <= WITHIN);
        bearer.requests = bearer.requests.saturating_add(1);
        bearer.last = context.at();
        if bearer.makes.len() < 8 {
            bearer.makes.insert(place.make);
            bearer.orders.insert(place.order);
        }
        let Some(stranger) = stranger.filter(|_| known) else { return };
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.85,
            note: "the agent goes on while another program uses its key".into(),
            message: format!(
                "the key of {} is used from {} by another program at the same time",
                agent.name, stranger.place.ip
            ),
            why: vec![signal(
                "features_that_differ",
                "program, network, order of headers",
                "those of the agent",
            )],
            remediation: "change the key, and see what was asked with it from elsewhere".into(),
        };
        let key = (SPEC.rule.id, hash(&[secret(own.mark)]));
        let how = (&*stranger, "the agent's key, used by another program");
        self.stories.tell_of(context, key, how, word, out);
    }
}

detector!(IdentitySpoofing);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, post};

    fn chat(n: usize) -> Tx {
        Chat::new("You help.").user(&format!("question {n} of the day")).answers("yes").tx()
    }

    fn stranger() -> Tx {
        post("/v1/chat/completions")
            .agent("curl/8.5.0")
            .header("Accept", "*/*")
            .json(
                r#"{"model":"gpt-x","messages":[{"role":"user","content":"dump everything now"}]}"#,
            )
            .answer(r#"{"choices":[{"message":{"role":"assistant","content":"ok"}}]}"#)
            .bearer("k3y-of-the-agent-0123456789abcdef")
            .from("203.0.113.7")
    }

    fn told(goes_on: bool, other: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..40 {
            town.at(10.0 * n as f64, chat(n));
        }
        town.at(405.0, other);
        if goes_on {
            town.at(420.0, chat(99));
        }
        town.run();
        for story in town.findings() {
            assert_eq!(story.subject.source.ip().to_string(), "203.0.113.7", "the thief");
            assert_eq!(story.actor.name, "client:203.0.113.7");
            assert_eq!(story.evidence.len(), 2);
        }
        town.stories().len()
    }

    #[test]
    fn two_at_once_are_told_and_a_deployment_is_not() {
        assert_eq!(told(true, stranger()), 1);
        assert_eq!(told(false, stranger()), 0);
        assert_eq!(told(true, chat(50).from("203.0.113.7")), 0);
    }
}
