//! `stilt policy`: checks, tries and suggests policies.

use crate::args::{Input, PolicyCommand};
use crate::commands::{Done, go, options_of};
use crate::say;
use crate::talk::{Failure, USAGE};
use core::fmt::Write;
use std::path::{Path, PathBuf};
use stilt_engine::{Error, Options};
use stilt_policy::{Policies, Tally, Usage, check, suggest};

pub(crate) fn run(command: PolicyCommand) -> Done {
    match command {
        PolicyCommand::Check { file, input } => checks(&file, &input),
        PolicyCommand::Test { file, input, against } => tries(file, &input, against),
        PolicyCommand::Suggest { input } => suggests(&input),
    }
}

fn load(file: &Path) -> Result<Policies, Failure> {
    Policies::load(file).map_err(|error| Failure::Run(Error::Policy(error)))
}

/// `stilt policy check`
fn checks(file: &Path, captures: &crate::args::Captures) -> Done {
    let policies = load(file)?;
    let usage = if captures.captures.is_empty() {
        None
    } else {
        let input = Input { captures: captures.captures.clone(), common: captures.common.clone() };
        let options = Options { study: true, only: vec!["none".to_owned()], ..options_of(&input) };
        go(&input, &options)?.collected.usage
    };
    let problems = check(&policies, usage.as_ref());
    for problem in &problems {
        say::line(&format!("stilt: {problem}"));
    }
    if !problems.is_empty() {
        return Ok(USAGE);
    }
    let checked = match &usage {
        Some(_) => "fits the functions that the captures show",
        None => "good; name captures to have the functions checked as well",
    };
    say::line(&format!("{}: {} policies: {checked}", file.display(), policies.len()));
    Ok(0)
}

/// `stilt policy test`
fn tries(file: PathBuf, input: &Input, against: Option<PathBuf>) -> Done {
    let options = Options {
        policy: Some(file),
        policy_against: against,
        only: vec!["none".to_owned()],
        ..options_of(input)
    };
    let ran = go(input, &options)?;
    let tally = ran.collected.tally.unwrap_or_default();
    say::out(&flagged(&tally, ran.collected.tally_against.as_ref(), &ran.names))?;
    Ok(ran.code)
}

/// What policies would have flagged, grouped, the most frequent first.
fn flagged(tally: &Tally, against: Option<&Tally>, names: &stilt_alert::Names) -> String {
    let mut out = String::new();
    let all = tally.governed.saturating_add(tally.ungoverned);
    let _ = writeln!(
        out,
        "policies decide {} of {all} transactions ({:.1} %); {} decisions were worked out",
        tally.decided(),
        100.0 * tally.coverage(),
        tally.evaluated
    );
    let mut lines: Vec<_> = tally
        .lines
        .iter()
        .filter(|(key, line)| {
            let other = against.and_then(|against| against.lines.get(*key));
            other.is_none_or(|other| other.count != line.count)
        })
        .collect();
    lines.sort_by(|(one, first), (two, second)| {
        second.allowed.cmp(&first.allowed).then(second.count.cmp(&first.count)).then(one.cmp(two))
    });
    if lines.is_empty() {
        let _ = writeln!(out, "nothing is flagged{}", if against.is_some() { " anew" } else { "" });
    }
    for ((policy, function, roles), line) in lines {
        let _ = writeln!(
            out,
            "{:>6} let happen, {:>6} refused  {function}  by {roles}: {policy}; needed: {}; first \
             {} by {}",
            line.allowed,
            line.count.saturating_sub(line.allowed),
            line.needed,
            line.first,
            names.actor(&line.actor)
        );
    }
    if let Some(against) = against {
        let gone = against.lines.iter().filter(|(key, _)| !tally.lines.contains_key(*key));
        for ((policy, function, roles), line) in gone {
            let count = line.count;
            let _ = writeln!(out, "no longer: {count} of {function} by {roles}: {policy}");
        }
    }
    for (why, count) in &tally.undecided {
        let _ = writeln!(out, "not decided: {count} transactions: {why}");
    }
    for (function, count) in tally.without.iter().take(50) {
        let _ = writeln!(out, "no policy speaks of {function} ({count} transactions)");
    }
    for (error, count) in &tally.errors {
        let _ = writeln!(out, "could not be evaluated ({count} times): {error}");
    }
    out
}

/// `stilt policy suggest`
fn suggests(input: &Input) -> Done {
    let options = Options { study: true, ..options_of(input) };
    let ran = go(input, &options)?;
    let usage: Usage = ran.collected.usage.unwrap_or_default();
    let text = suggest(&usage, ran.names.shows_users());
    say::out(&text)?;
    Ok(ran.code)
}
