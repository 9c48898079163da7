//! Departures from what a day of traffic taught, for services that nobody documented.
//!
//! A field that some messages have by nature shows itself in a day: what a share `s` of messages
//! has by nature is in none of `looked` of them with probability (1 - s)^looked. What is told is so
//! frequent that this is below one in twenty thousand ([`EVIDENCE`]).

use super::{Limits, Messages, Part};
use crate::context::Context;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_inventory::knowledge::Schema;
use stilt_inventory::openapi::{Departure, Shape};
use stilt_model::{EndpointId, Finding, Leaf, Outcome, Place, Request};

/// Messages that were looked at, and callers, before a schema is taken as learned.
const LOOKED_MIN: u64 = 100;
const CALLERS_MIN: u64 = 5;
/// Expected number of messages, of those that taught, that would have shown what is told.
const EVIDENCE: f64 = 10.0;
/// Stretches of five minutes in which it must show.
const TIMES_MIN: usize = 2;
/// Messages after which counting begins anew: what was true of old ones says little of new ones.
const MESSAGES_MAX: u64 = 2000;
const MEND: &str = "see whether the change was meant, and who reads what is new in it";
/// Schemas held, and fields of all together.
const SCHEMAS_MAX: usize = 4096;
const FIELDS_MAX: usize = 50_000;

/// One part of an endpoint's messages.
#[derive(Serialize, Deserialize)]
struct Usual {
    shape: Shape,
    /// Messages that taught it.
    looked: u64,
    messages: Messages,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Learned {
    usual: BTreeMap<(EndpointId, Part), Usual>,
    fields: usize,
}

impl Learned {
    pub(super) fn judge(
        &mut self,
        context: &Context<'_>,
        limits: &Limits,
        findings: &mut Vec<Finding>,
    ) {
        let sighting = context.sighting;
        if !sighting.merged.is_empty() {
            self.forget(&sighting.merged);
            self.forget(&[sighting.endpoint]);
        }
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        // Functions of one address answer as they are asked to.
        if sighting.outcome != Outcome::Success
            || sighting.name.contains(['#', '?'])
            || chooses_fields(request)
        {
            return;
        }
        let of = |leaves: &'_ [Leaf]| leaves.iter().any(|leaf| leaf.place == Place::Json);
        if of(&request.leaves) {
            let whole = !request.leaves_cut;
            self.part(context, limits, (Part::Request, request.leaves.as_slice(), whole), findings);
        }
        if of(&response.leaves) {
            let leaves = response.leaves.as_slice();
            let part = (Part::Response(response.status), leaves, !response.leaves_cut);
            self.part(context, limits, part, findings);
        }
    }

    fn part(
        &mut self,
        context: &Context<'_>,
        limits: &Limits,
        (part, leaves, whole): (Part, &[Leaf], bool),
        findings: &mut Vec<Finding>,
    ) {
        let key = (context.sighting.endpoint, part);
        if !self.usual.contains_key(&key) && !self.settle(context, limits, key) {
            return;
        }
        let Some(usual) = self.usual.get_mut(&key) else { return };
        let messages = &mut usual.messages;
        if messages.count >= MESSAGES_MAX {
            messages.count = 0;
            messages.departures.clear();
        }
        messages.count += 1;
        let json = leaves.iter().filter(|leaf| leaf.place == Place::Json);
        for departure in usual.shape.news(json, whole) {
            #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
            let share = limits.share_min.max(EVIDENCE / usual.looked as f64);
            let guards = (limits.actors_min, share, TIMES_MIN);
            let Some(support) = usual.messages.borne_out(context, &departure, guards) else {
                continue;
            };
            let (observed, _) = departure.told();
            let before = match departure {
                Departure::Missing(_) => format!("in all of {} messages before", usual.looked),
                _ => format!("in none of {} messages before", usual.looked),
            };
            let of = usual.messages.count;
            let field = departure.field().to_owned();
            let told = super::Told { field, observed, expected: before, support };
            findings.extend(super::drift(context, part, &[told], of, MEND));
            // It is told once: that is how messages are from now on.
            usual.messages.departures.remove(&departure);
            usual.shape.adopt(&departure);
        }
    }

    /// Takes what was learned as what is usual, once that is enough.
    fn settle(&mut self, context: &Context<'_>, limits: &Limits, key: (EndpointId, Part)) -> bool {
        let hours = Duration::from_secs(limits.learn_hours.saturating_mul(3600));
        let Some(known) = context.inventory.known_endpoint(key.0) else { return false };
        let knowledge = known.knowledge;
        if hours.is_zero()
            || context.at().since(knowledge.first) < hours
            || self.usual.len() >= SCHEMAS_MAX
            || knowledge.actors.count() < CALLERS_MIN
        {
            return false;
        }
        let schema: Option<&Schema> = match key.1 {
            Part::Query => None,
            Part::Request => Some(&knowledge.body),
            Part::Response(status) => {
                let answer = knowledge.answers.iter().find(|answer| answer.status == status);
                answer.map(|answer| &answer.schema)
            }
        };
        let Some(schema) = schema.filter(|schema| schema.looked() >= LOOKED_MIN) else {
            return false;
        };
        let Some(shape) = Shape::learned(schema) else { return false };
        if self.fields + shape.len() > FIELDS_MAX {
            return false;
        }
        self.fields += shape.len();
        let usual = Usual { shape, looked: schema.looked(), messages: Messages::default() };
        self.usual.insert(key, usual);
        true
    }

    /// These endpoints are others now.
    fn forget(&mut self, endpoints: &[EndpointId]) {
        let fields = &mut self.fields;
        self.usual.retain(|(endpoint, _), usual| {
            let stays = !endpoints.contains(endpoint);
            if !stays {
                *fields = fields.saturating_sub(usual.shape.len());
            }
            stays
        });
    }
}

/// The request says itself which fields it wants.
fn chooses_fields(request: &Request) -> bool {
    const WORDS: [&str; 9] = [
        "fields",
        "select",
        "include",
        "expand",
        "embed",
        "exclude",
        "projection",
        "properties",
        "attributes",
    ];
    let query = request.leaves.iter().filter(|leaf| leaf.place == Place::Query).take(32);
    query.map(|leaf| leaf.name()).any(|name| {
        let name = name.trim_start_matches(['$', '_']);
        WORDS.iter().any(|word| name.eq_ignore_ascii_case(word))
    })
}
