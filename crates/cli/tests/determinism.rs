//! The same packets give the same bytes, however they come and however many threads there are.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Scratch, records, shop};
use std::io::Write;

/// Alerts, transactions and sessions of one run.
#[derive(PartialEq, Eq)]
struct Outcome(String, String, String);

fn outcome(scratch: &Scratch, args: &[&str], input: &[u8]) -> Outcome {
    let files = ["alerts", "transactions", "sessions"];
    let targets = files.map(|file| scratch.arg(file));
    let mut all = vec!["replay", "--quiet"];
    for (option, target) in ["--alerts", "--transactions", "--sessions"].iter().zip(&targets) {
        all.extend([*option, target.as_str()]);
    }
    all.extend(args);
    let ran = scratch.feed(&all, input).good();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{args:?}");
    let [alerts, transactions, sessions] = files.map(|file| scratch.read(file));
    Outcome(alerts, transactions, sessions)
}

/// Points at the first line that differs rather than showing both outputs whole.
fn same(one: &Outcome, two: &Outcome, what: &str) {
    for (one, two, sort) in
        [(&one.0, &two.0, "alerts"), (&one.1, &two.1, "transactions"), (&one.2, &two.2, "sessions")]
    {
        for (number, (a, b)) in one.lines().zip(two.lines()).enumerate() {
            assert_eq!(a, b, "{what}: {sort} line {}", number + 1);
        }
        assert_eq!(one.len(), two.len(), "{what}: {sort}: one has more lines");
        assert!(one == two, "{what}: {sort}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The outcome that all others must equal, known not to be empty.
fn expected(scratch: &Scratch, capture: &str) -> Outcome {
    let outcome = outcome(scratch, &["--threads", "1", capture], b"");
    let alerts = records(&outcome.0);
    let raised = |id: &str| alerts.iter().any(|alert| alert["rule"]["id"] == id);
    assert!(raised("ato.credential_stuffing"), "{}", outcome.0);
    assert!(records(&outcome.1).len() > 700, "{}", outcome.1.lines().count());
    assert!(records(&outcome.2).len() >= 40, "{}", outcome.2);
    outcome
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let scratch = Scratch::new("threads");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let one = expected(&scratch, &capture);
    for threads in ["1", "2", "4", "7"] {
        let many = outcome(&scratch, &["--threads", threads, &capture], b"");
        same(&one, &many, &format!("{threads} threads"));
    }
    same(&one, &outcome(&scratch, &[&capture], b""), "as many threads as cores");
}

#[test]
fn the_way_the_packets_come_changes_no_byte() {
    let scratch = Scratch::new("ways");
    let lively = shop::lively();
    let whole = lively.pcap(Ticks::Micro);
    let capture = scratch.write("lively.pcap", &whole);
    let one = expected(&scratch, &capture);

    let parts: Vec<String> = lively
        .cut(3, Ticks::Micro)
        .iter()
        .enumerate()
        .map(|(number, part)| scratch.write(&format!("part{number}.pcap"), part))
        .collect();
    let [a, b, c] = parts.as_slice() else { panic!("three parts") };
    for threads in ["1", "2"] {
        let cut = outcome(&scratch, &["--threads", threads, a, b, c], b"");
        same(&one, &cut, "three files");
        let shuffled = outcome(&scratch, &["--threads", threads, c, a, b], b"");
        same(&one, &shuffled, "three files in another order");

        let packed = scratch.write("lively.pcap.gz", &gzip(&whole));
        same(&one, &outcome(&scratch, &["--threads", threads, &packed], b""), "gzip");
        same(&one, &outcome(&scratch, &["--threads", threads, "-"], &whole), "standard input");
        let piped = outcome(&scratch, &["--threads", threads, "-"], &gzip(&whole));
        same(&one, &piped, "gzip on standard input");
        // Its packet times are whole microseconds.
        let nano = scratch.write("nano.pcap", &lively.pcap(Ticks::Nano));
        same(&one, &outcome(&scratch, &["--threads", threads, &nano], b""), "nanoseconds");
    }
}
