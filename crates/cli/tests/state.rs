//! What a run remembers is kept over restarts and kills, and nothing else is taken for it.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Scratch, records, shop};
use std::fs;

/// Rule and actor of each alert.
fn told(out: &str) -> Vec<String> {
    let mut told: Vec<String> = records(out)
        .iter()
        .filter(|record| record["event"]["kind"] == "alert")
        .map(|alert| format!("{} {}", alert["rule"]["id"], alert["stilt"]["actor"]["id"]))
        .collect();
    told.sort();
    told.dedup();
    told
}

#[test]
fn a_run_that_begins_again_goes_on_with_what_it_knew() {
    let scratch = Scratch::new("goes-on");
    let lively = shop::lively();
    let whole = scratch.write("whole.pcap", &lively.pcap(Ticks::Micro));
    let [before, after] = lively.cut_at(shop::MIDDLE_OF_BURST, Ticks::Micro);
    let parts = [scratch.write("before.pcap", &before), scratch.write("after.pcap", &after)];
    let expected = scratch.run(&["replay", "--quiet", &whole]).good().out;
    let (mut out, mut without) = (String::new(), String::new());
    for part in &parts {
        let ran = scratch.run(&["replay", "--quiet", part, "--state", "s"]).good();
        assert_eq!(ran.err, "");
        out.push_str(&ran.out);
        without.push_str(&scratch.run(&["replay", "--quiet", part]).good().out);
    }
    assert_eq!(told(&out), told(&expected));
    assert_ne!(told(&without), told(&expected), "each part by itself tells as much");
    // What was seen before raises nothing that is new.
    let again = scratch.run(&["replay", "--quiet", &whole, "--state", "s"]).good().out;
    let ids = |out: &str| -> Vec<String> {
        let alerts = records(out).into_iter().filter(|one| one["event"]["kind"] == "alert");
        alerts.map(|alert| alert["event"]["id"].to_string()).collect()
    };
    let known = ids(&out);
    assert!(ids(&again).iter().all(|id| known.contains(id)), "{again}");
}

#[test]
fn the_same_run_leaves_the_same_state() {
    let scratch = Scratch::new("same-state");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let state = |folder: &str, threads: &str| {
        let args = ["replay", "--quiet", &capture, "--state", folder, "--threads", threads];
        scratch.run(&args).good();
        fs::read(scratch.path(folder).join("stilt.state")).unwrap()
    };
    let one = state("one", "1");
    assert!(one.len() > 10_000, "{}", one.len());
    assert!(one == state("two", "2"), "the same run, another state");
    assert!(one == state("three", "1"), "the same run, another state");
}

#[test]
fn what_is_no_state_of_this_installation_is_refused_in_one_line_and_stays() {
    let scratch = Scratch::new("refused");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let args = ["replay", "--quiet", &capture, "--state", "s"];
    scratch.run(&args).good();
    let path = scratch.path("s/stilt.state");
    let good = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        fs::write(&path, bytes).unwrap();
        let ran = scratch.run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{why}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(ran.err.contains(why) && ran.err.contains("stilt.state"), "{}", ran.err);
        assert!(fs::read(&path).unwrap() == bytes, "it was changed");
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    refused(&with(8, 99), "written in format 99");
    refused(&with(200, !good[200]), "damaged");
    refused(&good[..good.len() / 2], "damaged");
    refused(b"", "not a state file");
    let key = scratch.read("key");
    scratch.write("key", "33".repeat(32).as_bytes());
    refused(&good, "another installation key");
    scratch.write("key", key.as_bytes());
    fs::write(&path, &good).unwrap();
    scratch.run(&args).good();
}
