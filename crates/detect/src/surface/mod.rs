//! The surface an application shows: what is documented of it, and what it gives away of itself.

pub(crate) mod misconfiguration;
pub(crate) mod schema_drift;
pub(crate) mod undocumented_endpoint;

use crate::context::Context;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{ActorId, Finding, Severity, Signal};

/// Actors and stretches of time that are told apart of one weakness.
const ACTORS_MAX: usize = 16;
const TIMES_MAX: usize = 8;
/// What happens within it happens at one time.
const TIME: Duration = Duration::from_secs(300);

/// How well borne out a weakness is: by how many, how often, and over how long.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Support {
    count: u64,
    actors: BTreeSet<ActorId>,
    times: BTreeSet<i64>,
}

impl Support {
    fn add(&mut self, context: &Context<'_>) {
        self.count = self.count.saturating_add(1);
        if self.actors.len() < ACTORS_MAX {
            self.actors.insert(context.seen.actor.id);
        }
        if self.times.len() < TIMES_MAX {
            let time = i64::try_from(TIME.as_secs()).unwrap_or(i64::MAX);
            self.times.insert(context.at().secs().div_euclid(time));
        }
    }
}

impl Support {
    /// Takes in what bears out the same weakness.
    fn join(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.actors.extend(other.actors);
        self.times.extend(other.times);
        while self.actors.len() > ACTORS_MAX {
            self.actors.pop_last();
        }
        while self.times.len() > TIMES_MAX {
            self.times.pop_last();
        }
    }
}

/// Operations remembered for the parameters in their paths.
const OPERATIONS_MAX: usize = 4096;

/// Documented operations whose parameters in the path are known to take values.
#[derive(Default, Serialize, Deserialize)]
struct Parameters(BTreeSet<(usize, usize)>);

impl Parameters {
    /// Whether an endpoint has a name of its own where the operation has a parameter that other
    /// paths fill with values: a function that the parameter happens to take (`/products/featured`
    /// beside `/products/{id}`).
    fn beside(&mut self, operation: (usize, usize), endpoint: &str, path: &str) -> bool {
        let template = endpoint.split_once(' ').map_or(endpoint, |(_, template)| template);
        let template = template.split(['#', '?']).next().unwrap_or_default();
        // A document may leave out the beginning that all paths have.
        let pairs = || template.rsplit('/').zip(path.rsplit('/'));
        let is_slot = |step: &str| step.contains('{');
        let mut own = false;
        let mut takes = false;
        for (seen, _) in pairs().filter(|(_, documented)| is_slot(documented)) {
            own |= !is_slot(seen);
            takes |= is_slot(seen);
        }
        if !own && takes && self.0.len() < OPERATIONS_MAX {
            self.0.insert(operation);
        }
        own && self.0.contains(&operation)
    }
}

/// A weakness of the application: nobody's act, told once per endpoint and `why`.
fn weakness(
    context: &Context<'_>,
    rule: &'static str,
    severity: Severity,
    why: Vec<Signal>,
) -> Finding {
    let actor = (*context.seen.actor).clone();
    let mut finding = context.finding(rule, severity, actor);
    finding.posture = true;
    finding.session = None;
    finding.outcome = context.sighting.outcome;
    finding.related_ips = Vec::new();
    finding.why = why;
    finding
}
