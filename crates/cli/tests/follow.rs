//! `--follow`: a capture is read while it is being written.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Running, Scratch, records, shop, wait_until};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

#[test]
fn a_growing_file_is_read_as_it_grows_and_nothing_is_lost() {
    let scratch = Scratch::new("follow");
    let bytes = shop::lively().pcap(Ticks::Micro);
    let whole = scratch.write("whole.pcap", &bytes);
    scratch.run(&["replay", "--quiet", "--alerts", "expected", "--transactions", "all", &whole]);
    // It ends inside a record at first, and again later.
    let cuts = [bytes.len() / 3, bytes.len() / 2 + 9, bytes.len()];
    let growing = scratch.write("growing.pcap", &bytes[..cuts[0]]);
    let args = ["replay", &growing, "--follow", "--alerts", "a", "--transactions", "t"];
    let mut running = Running::start(&scratch, &args);
    let mut file = OpenOptions::new().append(true).open(&growing).unwrap();
    let lines = || std::fs::read_to_string(scratch.path("t")).map_or(0, |t| t.lines().count());
    let mut before = 0;
    for to in cuts.windows(2) {
        assert!(wait_until(|| lines() > before), "nothing is told of what has been written");
        before = lines();
        file.write_all(&bytes[to[0]..to[1]]).unwrap();
    }
    let expected = scratch.read("all");
    assert!(wait_until(|| lines() == expected.lines().count()));
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    assert_eq!(scratch.read("t"), expected);
    assert_eq!(scratch.read("a"), scratch.read("expected"));
    assert!(!records(&scratch.read("a")).is_empty());
}

#[test]
fn a_compressed_file_is_not_followed() {
    let scratch = Scratch::new("follow-gz");
    let path = scratch.write("x.pcap.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    let ran = scratch.run(&["replay", &path, "--follow"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("x.pcap.gz") && ran.err.contains("unpack"), "{}", ran.err);
}
