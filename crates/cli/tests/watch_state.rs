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
    let args = [&args[..], &["--ring", "128"]].concat();
    let send = || lab.part("far", "send", &["span", &file, "plain", "1"]).done();
    let state = scratch.path("s/stilt.state");
    let size = || fs::metadata(&state).map_or(0, |about| about.len());

    // The attack, by the ids of what is told of it.
    let stories = |text: &str| -> std::collections::BTreeSet<String> {
        // The last line may be on its way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let told = records(whole).into_iter();
        told.filter(|one| one["rule"]["id"] == "ato.credential_stuffing")
            .map(|one| one["event"]["id"].to_string())
            .collect()
    };
    let alerts = || stories(&scratch.read("a"));
    let mut running = lab.watch("tap", &scratch, &args);
    // A machine that is busy otherwise may lose packets of any pass.
    let told = (0..5).any(|_| {
        send();
        wait_until(|| !alerts().is_empty())
    });
    assert!(told, "{}", running.said());
    // All that was sent is in what is saved: it is the same for some seconds.
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
    let known = stories(&told);
    assert_eq!(known.len(), 1, "{told}");

    // The story is known: the same attack goes on with it, and begins no other.
    let mut running = lab.watch("tap", &scratch, &args);
    send();
    assert!(wait_until(|| size() != before), "{}", running.said());
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("begin anew"), "{}", ran.err);
    assert_eq!(alerts(), known, "{}", scratch.read("a"));
    assert_eq!(fs::read_dir(scratch.path("s")).unwrap().count(), 2, "a draft was left");
}

/// Packet time of the last transaction told, in whole seconds.
fn last_second(scratch: &Scratch) -> i64 {
    let text = fs::read_to_string(scratch.path("t")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let Some(line) = whole.lines().last() else { return 0 };
    let at = records(line)[0]["@timestamp"].as_str().unwrap().to_owned();
    let part = |from: usize| at[from..from + 2].parse::<i64>().unwrap();
    // Of the day; no test goes on over midnight twice.
    part(11) * 3600 + part(14) * 60 + part(17)
}

#[test]
fn a_run_killed_in_full_flight_has_lost_no_more_than_an_interval() {
    let Some(lab) = Lab::new("flight", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("flight");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    let config = scratch.write("stilt.toml", b"[state]\nsave_secs = 1\n");
    fs::create_dir(scratch.path("s")).unwrap();
    chown(scratch.path("s"), Some(NOBODY), Some(NOBODY)).unwrap();
    let args = ["-i", "mon0", "--config", &config, "--state", "s", "--ring", "128"];
    let args = [&args[..], &["--alerts", "a", "--transactions", "t"]].concat();
    let send = || lab.part("far", "send", &["span", &file, "plain", "1"]).done();
    let stuffed = || {
        let text = fs::read_to_string(scratch.path("a")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let told = records(whole).into_iter();
        told.filter(|one| one["rule"]["id"] == "ato.credential_stuffing")
            .map(|one| one["event"]["id"].to_string())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let mut running = lab.watch("tap", &scratch, &args);
    let told = (0..20).any(|_| {
        send();
        !stuffed().is_empty()
    });
    assert!(told, "{}", running.said());
    let known = stuffed();
    // A few intervals of packet time go by, with packets all the while.
    let from = last_second(&scratch);
    assert!((0..60).any(|_| {
        send();
        (last_second(&scratch) - from).rem_euclid(86_400) > 8
    }));
    let mut sender = lab.part("far", "send", &["span", &file, "plain", "1"]);
    let before = fs::metadata(scratch.path("t")).unwrap().len();
    assert!(wait_until(|| fs::metadata(scratch.path("t")).unwrap().len() > before + 10_000));
    signal(&running, "KILL");
    let _ = running.child.wait();
    sender.done();

    let mut running = lab.watch("tap", &scratch, &args);
    let lines = || scratch.read("t").lines().count();
    let before = lines();
    send();
    assert!(wait_until(|| lines() > before + 100), "{}", running.said());
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("begin anew"), "{}", ran.err);
    // What was told intervals ago is known, every line is whole, and nothing begins a new story.
    assert_eq!(stuffed(), known, "{}", scratch.read("a"));
    assert_eq!(records(&scratch.read("t")).len(), lines());
    assert!(scratch.read("a").ends_with('\n') && scratch.read("t").ends_with('\n'));
}

#[test]
fn how_it_stands_is_shown_from_within_the_sandbox() {
    let Some(lab) = Lab::new("metrics", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("metrics");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    let text = b"[metrics]\nlisten = \"9464\"\n[[suppress]]\nrule = \"surface\"\nreason = \"x\"\n";
    let config = scratch.write("stilt.toml", text);
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
    for (series, least) in [
        ("stilt_tcp_flows{state=\"closed\"}", 100),
        ("stilt_tcp_flows{state=\"open\"}", 0),
        ("stilt_tcp_oneway_flows_total{dir=\"request\"}", 0),
        ("stilt_decap_total{proto=\"vxlan\"}", 0),
        ("stilt_tls_flows_total{status=\"unsupported\"}", 0),
        ("stilt_redactions_total{kind=\"token\"}", 100),
        ("stilt_redactions_total{kind=\"password\"}", 10),
        ("stilt_detector_eval_seconds_count{detector=\"ato.credential_stuffing\"}", 1),
        ("stilt_endpoints_known{state=\"known\"}", 2),
    ] {
        let there = text.lines().any(|line| line.starts_with(series));
        assert!(there && value(&text, series) >= least, "{series}: {text}");
    }
    interrupt(&mut running);

    // An address that can't be had is told before anything is begun.
    let wrong = scratch.write("wrong.toml", b"[metrics]\nlisten = \"192.0.2.1:9464\"\n");
    let mut running = lab.stilt("tap", &scratch, &["watch", "-i", "mon0", "--config", &wrong]);
    let ran = running.end();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("192.0.2.1:9464: no address of this machine"), "{}", ran.err);
}
