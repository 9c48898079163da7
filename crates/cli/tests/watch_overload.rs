//! `stilt watch` when more comes than can be analysed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt, signal};
use common::net::Ticks;
use common::{Scratch, parts, records, shop, wait_until};
use std::thread;
use std::time::Duration;

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

fn lines(scratch: &Scratch, name: &str) -> usize {
    std::fs::read_to_string(scratch.path(name)).map_or(0, |text| text.lines().count())
}

/// Transactions told, once no more come.
fn settled(scratch: &Scratch) -> usize {
    let (mut count, mut same) = (0, 0);
    assert!(wait_until(|| {
        let now = lines(scratch, "t");
        same = if now == count { same + 1 } else { 0 };
        count = now;
        same > 100
    }));
    count
}

#[test]
fn a_flood_is_told_alarms_nobody_and_leaves_nothing_behind() {
    let Some(lab) = Lab::new("flood", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("flood");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    scratch.run(&["replay", &file, "--alerts", "/dev/null", "--transactions", "all"]).good();
    let all = lines(&scratch, "all");
    let args = ["-i", "mon0", "--threads", "1", "--ring", "24", "--transactions", "t"];
    let mut running = lab.watch("tap", &scratch, &args);
    lab.part("far", "send", &["span", &file, "plain", "60"]).done();

    // It comes to rest: nothing is left out any more.
    let rested = (0..240).any(|_| {
        let before = running.said().matches("MiB in memory").count();
        signal(&running, "USR1");
        wait_until(|| running.said().matches("MiB in memory").count() > before);
        thread::sleep(Duration::from_millis(250));
        let said = running.said();
        said.lines()
            .rfind(|line| line.contains("MiB in memory"))
            .is_some_and(|line| !line.contains("at present connections are left out"))
    });
    assert!(rested, "{}", running.said());
    // A machine that is busy otherwise may lose packets of any pass; but nothing is left out for
    // what was.
    let seen_again = (0..5).any(|_| {
        let before = settled(&scratch);
        lab.part("far", "send", &["span", &file, "plain", "1"]).done();
        settled(&scratch) - before > all / 2
    });
    assert!(seen_again, "{}", running.said());
    let ran = interrupt(&mut running);
    let told = ran.err.contains("dropped by the kernel") || ran.err.contains("left out");
    assert!(told, "the flood did not flood: {}", ran.err);
    let records = records(&ran.out);
    let seen = |dataset: &str| {
        records.iter().filter(|record| record["event"]["dataset"] == dataset).count()
    };
    assert!(seen("stilt.visibility") > 0, "{}", ran.out);
    for record in &records {
        // Who opens what is theirs was shown it, if not before our eyes.
        let rule = record["rule"]["id"].as_str().unwrap_or_default();
        assert!(!rule.starts_with("authz."), "{record}");
    }
}
