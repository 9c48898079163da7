//! `stilt doctor`: one line each of why nothing would be seen.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Scratch, records, shop};

#[test]
fn a_capture_with_traffic_in_clear_is_fine() {
    let scratch = Scratch::new("doctor");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let ran = scratch.run(&["doctor", &capture]).good();
    assert!(ran.err.is_empty() && !ran.out.contains("problem"), "{ran:?}");
    for word in ["packets", "direction", "http"] {
        assert!(ran.out.contains(word), "{ran:?}");
    }
    let json = records(&scratch.run(&["doctor", &capture, "--format", "json"]).good().out);
    assert_eq!(json.len(), ran.out.lines().count());
    assert!(json.iter().all(|check| check["state"] == "good" && check["text"].is_string()));
}

#[test]
fn a_filter_that_excludes_everything_is_a_problem() {
    let scratch = Scratch::new("doctor-filter");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let ran = scratch.run(&["doctor", &capture, "--filter", "tcp port 1"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("lets 0 of") && ran.out.contains("to do:"), "{ran:?}");
    scratch.run(&["doctor", &capture, "--filter", "tcp"]).good();
}

#[test]
fn what_is_asked_wrongly_is_told_in_one_line() {
    let scratch = Scratch::new("doctor-wrong");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    scratch.write("notes.txt", b"Meeting at noon about the parcels.\n");
    for (args, code, words) in [
        (&["nosuch.pcap"][..], 1, "nosuch.pcap"),
        (&["notes.txt"], 1, "text"),
        (&[&capture, "--filter", "tcp prot 80"], 2, "tcp prot 80"),
        (&[&capture, "-i", "lo"], 2, "--interface"),
        (&["-i", "lo", "--seconds", "0"], 2, "--seconds"),
        (&["--config", "nosuch.toml"], 2, "nosuch.toml"),
    ] {
        let ran = scratch.run(&[&["doctor"][..], args].concat());
        assert_eq!((ran.code, ran.err.lines().count()), (code, 1), "{args:?}: {ran:?}");
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{args:?}: {ran:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_that_is_not_there_is_told_with_those_that_are() {
    let scratch = Scratch::new("doctor-interface");
    let ran = scratch.run(&["doctor", "-i", "nosuch0", "--seconds", "1"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("nosuch0: no such interface; there are"), "{ran:?}");
    let ran = scratch.run(&["doctor"]);
    assert!(ran.out.contains("privilege"), "{ran:?}");
}
