//! Elastic Common Schema, the default.

use super::{Act, Format, Telling};
use crate::record;

/// Field names of the Elastic Common Schema; what it lacks is under `stilt`.
#[derive(Clone, Copy, Debug)]
pub struct Ecs;

impl Format for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn about(&self) -> &'static str {
        "Elastic Common Schema 9.4, one JSON object per line"
    }

    fn render(&self, telling: &Telling<'_>) -> Option<String> {
        match (telling.act, telling.finding.posture) {
            // The contract has no closing record: a reader knows a story by its last line.
            (Act::Close, _) => None,
            (_, true) => Some(record::posture(telling)),
            (_, false) => Some(record::alert(telling)),
        }
    }
}
