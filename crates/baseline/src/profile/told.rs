//! A profile in words, for `stilt baseline show`.

use super::endpoint::Profile;
use super::facts::By;
use core::fmt::Write;

/// Turns until the bounds on rare things are of use.
const KNOWN_TURNS: u32 = 200;
/// Actors without whom nothing is judged.
const KNOWN_ACTORS: u64 = 10;

/// One endpoint: a line, or with all its parameters.
pub(super) fn profile(known: &Profile, fully: bool) -> String {
    let (turns, actors) = (known.whole.turns, known.actors());
    let state = if actors <= KNOWN_ACTORS {
        format!("learning, {actors} of {} actors", KNOWN_ACTORS + 1)
    } else if turns < KNOWN_TURNS {
        format!("learning, {turns} of {KNOWN_TURNS} turns")
    } else {
        "known".to_owned()
    };
    let (params, scores) = (known.params(), known.recent.len());
    let mut out = format!(
        "{}\n    {state}; {turns} turns of about {actors} actors, {} parameters, {scores} scores, \
         about {:.1} KB\n",
        known.name,
        params.len(),
        known.bytes() as f64 / 1024.0,
    );
    if !fully {
        return out;
    }
    let statuses: Vec<String> =
        known.statuses().iter().map(|(code, turns)| format!("{code} ({turns})")).collect();
    let (size, latency) = known.answers(By::default());
    let _ = writeln!(
        out,
        "    answers: {}; at most {size:.0} bytes within {latency:.0} ms",
        statuses.join(", ")
    );
    for param in params {
        let _ = writeln!(
            out,
            "    {}  in {:.0} %: {}",
            param.name,
            100.0 * known.share(param),
            param.told()
        );
    }
    out
}
