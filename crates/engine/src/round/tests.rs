//! A run that is stopped, saved and begun again anywhere tells what one that went on tells.

use super::Round;
use crate::config::Config;
use crate::evidence::WITHIN;
use crate::front::Front;
use crate::intake::Intake;
use crate::load::Load;
use crate::outputs::Target;
use crate::run::Options;
use crate::state::Parts;
use crate::summary::Summary;
use crate::testing::Scratch;
use crate::ticks::Tick;
use std::path::{Path, PathBuf};
use stilt_capture::source;
use stilt_model::{Key, Mark, Transaction};

const KEY: [u8; 32] = [7; 32];

/// What the flow workers make of a capture: transactions in their order, and ticks in theirs.
struct Told {
    transactions: Vec<Transaction>,
    ticks: Vec<Tick>,
    end: Mark,
}

fn told(capture: &Path) -> Told {
    let (config, key) = (Config::default(), Key::new(KEY));
    let source = source::open(&[capture.to_owned()], &source::Options::default()).unwrap();
    let mut intake = Intake::new(&config, &key, source, false).unwrap();
    let mut front = Front::new(&key, &config.capture, &config.content, 0, 1);
    let (mut load, mut transactions, mut ticks) = (Load::default(), Vec::new(), Vec::new());
    loop {
        let more = intake.next(&mut load).unwrap();
        front.take(&load, &mut transactions);
        ticks.extend(load.ticks());
        if !more {
            break;
        }
    }
    let end = intake.end();
    transactions.sort_unstable_by_key(|tx| tx.order);
    let before = transactions.len();
    for shard in front.ends() {
        front.finish(shard, end, &mut transactions);
    }
    transactions[before..].sort_unstable_by_key(|tx| tx.order);
    Told { transactions, ticks, end }
}

/// Alerts, transactions and sessions of a run that is begun anew before each of `restarts`.
fn run(told: &Told, restarts: &[usize]) -> [String; 3] {
    let scratch = Scratch::new("restarts");
    let mut written = [const { String::new() }; 3];
    let (mut memory, mut ticks, mut from) = (None::<Parts>, told.ticks.iter().peekable(), 0);
    let ends = restarts.iter().copied().chain([told.transactions.len()]);
    for (part, end) in ends.enumerate() {
        let files = ["alerts", "transactions", "sessions"]
            .map(|name| scratch.path(&format!("{name}-{part}")).to_str().unwrap().to_owned());
        let target = |at: usize| Target::Lines(files[at].clone());
        let options = Options {
            alerts: target(0),
            transactions: target(1),
            sessions: target(2),
            ..Options::default()
        };
        let mut round = Round::new(&Config::default(), &options, &Key::new(KEY)).unwrap();
        if let Some(parts) = memory.take() {
            round.recall(parts.clone());
            assert_eq!(round.warnings(), [""; 0]);
            for (name, part) in round.memory().unwrap() {
                assert!(parts.get(&name) == Some(&part), "{name}: the same memory, other bytes");
            }
        }
        for tx in &told.transactions[from..end] {
            let due = core::iter::from_fn(|| ticks.next_if(|tick| tick.packet <= tx.order.packet));
            round.take(&mut vec![tx.clone()], due.copied()).unwrap();
        }
        from = end;
        if end == told.transactions.len() {
            round.take(&mut Vec::new(), ticks.by_ref().copied()).unwrap();
            round.finish(&options, told.end.time, &mut Summary::default()).unwrap();
        } else {
            round.flush().unwrap();
            memory = Some(round.memory().unwrap());
        }
        for (all, file) in written.iter_mut().zip(&files) {
            all.push_str(&std::fs::read_to_string(file).unwrap());
        }
    }
    written
}

/// What a run tells that begins at `from`: with all before it, passed over by the state of then.
fn after(told: &Told, from: Tick) -> (String, String) {
    let scratch = Scratch::new("within");
    let begin = |alerts: &str| {
        let lines = |name: &str| Target::Lines(scratch.path(name).to_str().unwrap().to_owned());
        let options =
            Options { alerts: lines(alerts), transactions: lines("t"), ..Options::default() };
        (Round::new(&Config::default(), &options, &Key::new(KEY)).unwrap(), options)
    };
    let go = |round: &mut Round, upto: Option<Tick>| {
        let early = |tick: &&Tick| upto.is_none_or(|upto| tick.time <= upto.time);
        let mut ticks = told.ticks.iter().take_while(early).copied().peekable();
        for tx in &told.transactions {
            if upto.is_some_and(|upto| tx.order.packet >= upto.packet) {
                break;
            }
            let due = core::iter::from_fn(|| ticks.next_if(|tick| tick.packet <= tx.order.packet));
            round.take(&mut vec![tx.clone()], due).unwrap();
        }
        round.take(&mut Vec::new(), ticks).unwrap();
    };
    let (mut round, _) = begin("first");
    go(&mut round, Some(from));
    let mut parts = round.memory().unwrap();
    parts.insert(WITHIN.to_owned(), from.time.nanos().to_le_bytes().to_vec());
    round.flush().unwrap();
    let before = std::fs::read_to_string(scratch.path("first")).unwrap();
    let (mut round, options) = begin("second");
    round.recall(parts);
    go(&mut round, None);
    round.finish(&options, told.end.time, &mut Summary::default()).unwrap();
    (before, std::fs::read_to_string(scratch.path("second")).unwrap())
}

#[test]
fn what_a_state_holds_of_the_packets_before_it_is_passed_over() {
    let mut second = 0;
    for fixture in fixtures() {
        let told = told(&fixture);
        let whole = &run(&told, &[])[0];
        for part in [1, 2] {
            let from = told.ticks[told.ticks.len() * part / 3];
            let (before, after) = after(&told, from);
            assert_eq!(&format!("{before}{after}"), whole, "{}: {from:?}", fixture.display());
            second += after.lines().count();
        }
    }
    assert!(second > 0);
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("truth.json").is_file())
        .map(|path| {
            let truth = std::fs::read(path.join("truth.json")).unwrap();
            let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
            path.join(truth["capture"]["file"].as_str().unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_restart_anywhere_changes_nothing_that_is_told() {
    let mut raised = 0;
    for fixture in fixtures() {
        let told = told(&fixture);
        let all = told.transactions.len();
        let whole = run(&told, &[]);
        raised += whole[0].lines().count();
        let restarts: Vec<usize> = (1..=4).map(|part| all * part / 5 + part % 3).collect();
        let parts = run(&told, &restarts);
        for (name, (one, other)) in
            ["alerts", "transactions", "sessions"].iter().zip(whole.iter().zip(&parts))
        {
            for (number, (one, other)) in one.lines().zip(other.lines()).enumerate() {
                assert_eq!(one, other, "{}: {name} line {number}", fixture.display());
            }
            assert_eq!(one.len(), other.len(), "{}: {name}", fixture.display());
        }
    }
    assert!(raised > 0, "the fixtures raise alerts");
}
