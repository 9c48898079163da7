//! `stilt watch` and what it keeps and shows: a state that outlives a kill, metrics; from within the
//! sandbox.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt, signal};
use common::net::Ticks;
use common::{Scratch, parts, records, shop, wait_until};
use std::fs;
use std::os::unix::fs::chown;

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

const NOBODY: u32 = 65534;

#[test]
fn a_killed_run_is_gone_on_with_from_what_it_saved_last() {
    let Some(lab) = Lab::new("state", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("watch-state");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    let config = scratch.write("stilt.toml", b"[state]\nsave_secs = 1\n");
    // The user that it becomes must be able to save there.
    fs::create_dir(scratch.path("s")).unwrap();
    chown(scratch.path("s"), Some(NOBODY), Some(NOBODY)).unwrap();
    let args = ["-i", "mon0", "--config", &config, "--state", "s", "--alerts", "a"];
    let send = || lab.part("far", "send", &["span", &file, "plain", "1"]).done();
    let state = scratch.path("s/stilt.state");
    let size = || fs::metadata(&state).map_or(0, |about| about.len());

    let mut running = lab.watch("tap", &scratch, &args);
    send();
    // All that was sent is in what is saved: a second later it is as long as another second later.
    assert!(wait_until(|| size() > 10_000), "{}", running.said());
    let known = |text: &str| records(text).len();
    assert!(wait_until(|| known(&scratch.read("a")) > 0), "{}", running.said());
    let (mut before, mut same) = (0, 0);
    assert!(wait_until(|| {
        same = if size() == before { same + 1 } else { 0 };
        before = size();
        same > 250
    }));
    signal(&running, "KILL");
    let _ = running.child.wait();
    let told = scratch.read("a");
    assert!(told.ends_with('\n'), "a torn line: {told}");
    let stories = |text: &str| {
        let created = records(text).into_iter().filter(|one| one["event"]["kind"] == "alert");
        let ids: std::collections::BTreeSet<String> =
            created.map(|one| one["event"]["id"].to_string()).collect();
        ids.len()
    };
    let alerts = stories(&told);
    assert!(alerts > 0, "{told}");

    // The story is known: the same attack goes on with it, and begins no other.
    let mut running = lab.watch("tap", &scratch, &args);
    send();
    assert!(wait_until(|| size() != before), "{}", running.said());
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("begin anew"), "{}", ran.err);
    assert_eq!(stories(&scratch.read("a")), alerts, "{}", scratch.read("a"));
    assert_eq!(fs::read_dir(scratch.path("s")).unwrap().count(), 2, "a draft was left");
}

#[test]
fn how_it_stands_is_shown_from_within_the_sandbox() {
    let Some(lab) = Lab::new("metrics", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("metrics");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    let config = scratch.write("stilt.toml", b"[metrics]\nlisten = \"9464\"\n");
    let mut running = lab.watch("tap", &scratch, &["-i", "mon0", "--config", &config]);
    let get = |path: &str| {
        let ask = format!("GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
        let line = format!("exec 3<>/dev/tcp/127.0.0.1/9464; printf \"{ask}\" >&3; cat <&3");
        lab.sh("tap", &format!("bash -c '{line}'"))
    };
    assert!(wait_until(|| get("/ready").starts_with("HTTP/1.1 200")), "{}", running.said());
    assert!(get("/live").starts_with("HTTP/1.1 200"));
    lab.part("far", "send", &["span", &file, "plain", "1"]).done();
    let value = |text: &str, series: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0, |value| value.trim().parse().unwrap())
    };
    let mut text = String::new();
    let shown = wait_until(|| {
        text = get("/metrics");
        value(&text, "stilt_transactions_total") > 100
            && value(&text, "stilt_http_messages_total{version=\"1\",dir=\"request\"}") > 100
            && value(&text, "stilt_capture_packets_total{source=\"mon0\"}") > 1000
            && value(&text, "stilt_memory_bytes{pool=\"process\"}") > 1 << 20
    });
    assert!(shown, "{text}\n{}", running.said());
    interrupt(&mut running);

    // An address that can't be had is told before anything is begun.
    let wrong = scratch.write("wrong.toml", b"[metrics]\nlisten = \"192.0.2.1:9464\"\n");
    let mut running = lab.stilt("tap", &scratch, &["watch", "-i", "mon0", "--config", &wrong]);
    let ran = running.end();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("192.0.2.1:9464: no address of this machine"), "{}", ran.err);
}
