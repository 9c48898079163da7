//! The truth value that an application puts into its answers, whatever it is called: `{"erfolg":
//! false, "meldung": …}`.
//!
//! A flag that is true in answers of several sorts, and false only in short ones of a sort that is
//! never seen with it true, tells whether things worked. A flag of a thing (`active`) is true and
//! false in answers of one sort.

use crate::outcome::Verdict;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stilt_model::{Outcome, Response, Value};

/// Names remembered for a service.
const NAMES_MAX: usize = 64;
/// Sorts of answers remembered for a name; with more, what is new is not known to be.
const SHAPES_MAX: usize = 96;
/// Leaves among which a flag is looked for.
const LEAVES_MAX: usize = 16;
/// Longer answers are things.
const SMALL: usize = 6;
/// Sorts of answers, and answers, in which a flag was true before it tells.
const SHAPES_MIN: usize = 3;
const TRUE_MIN: u32 = 10;

/// Flags of one service, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Envelope(HashMap<Box<str>, Flag, RandomState>);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Flag {
    /// Sorts of answers in which it was true.
    shapes: Vec<u64>,
    truths: u32,
}

impl Envelope {
    /// Learns from an answer, and judges it where the verdict on it is success.
    pub(crate) fn refine(&mut self, response: &Response, verdict: Verdict) -> Verdict {
        let mut failed = false;
        for leaf in response.leaves.iter().take(LEAVES_MAX) {
            let Value::Bool(truth) = leaf.value else { continue };
            if leaf.path.contains(['.', '[']) {
                continue;
            }
            let name: &str = &leaf.path;
            if !self.0.contains_key(name) {
                if self.0.len() >= NAMES_MAX || !truth {
                    continue;
                }
                self.0.insert(name.into(), Flag::default());
            }
            let Some(flag) = self.0.get_mut(name) else { continue };
            let seen = flag.shapes.contains(&response.shape);
            if truth {
                flag.truths = flag.truths.saturating_add(1);
                if !seen && flag.shapes.len() < SHAPES_MAX {
                    flag.shapes.push(response.shape);
                }
            } else {
                let known = (SHAPES_MIN..SHAPES_MAX).contains(&flag.shapes.len());
                failed |= !seen && known && flag.truths >= TRUE_MIN;
            }
        }
        let short = response.leaves.len() <= SMALL;
        if failed && short && verdict.outcome() == Outcome::Success {
            return Verdict { outcome: Some(Outcome::Failure), body_error: true, ..verdict };
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, get};

    fn outcome(envelope: &mut Envelope, tx: Tx) -> Outcome {
        let tx = World::new().tx(tx);
        let verdict = crate::outcome::judge(&tx);
        envelope.refine(tx.response.as_ref().unwrap(), verdict).outcome()
    }

    #[test]
    fn a_flag_of_the_application_tells_failure_in_any_language() {
        let mut envelope = Envelope::default();
        let wrong = || get("/x").answer(r#"{"gelukt":false,"melding":"Wachtwoord klopt niet"}"#);
        assert_eq!(outcome(&mut envelope, wrong()), Outcome::Success, "not known yet");
        for _ in 0..5 {
            for body in
                [r#"{"gelukt":true}"#, r#"{"gelukt":true,"id":1}"#, r#"{"gelukt":true,"x":[1]}"#]
            {
                assert_eq!(outcome(&mut envelope, get("/x").answer(body)), Outcome::Success);
            }
        }
        assert_eq!(outcome(&mut envelope, wrong()), Outcome::Failure);
    }

    #[test]
    fn a_flag_of_a_thing_tells_nothing() {
        let mut envelope = Envelope::default();
        for n in 0..60 {
            let more = ["", r#","a":1"#, r#","a":"x""#, r#","b":1"#][n % 4];
            let body = format!(r#"{{"id":{n},"aktiv":{}{more}}}"#, n % 3 != 0);
            assert_eq!(outcome(&mut envelope, get("/x").answer(&body)), Outcome::Success);
        }
    }
}
