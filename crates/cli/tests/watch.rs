//! `stilt watch` on a SPAN port: a real application and real clients, mirrored by the kernel.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt};
use common::{Running, Scratch, parts, records, wait_until};
use serde_json::Value;

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

const SERVER: &str = "10.77.0.1:8080";

/// An application, its clients, and a port that what passes between them is mirrored to.
fn span(test: &str) -> Option<Lab> {
    let lab = Lab::new(test, &["app", "user", "tap"])?;
    lab.join(("app", "eth0"), ("user", "eth0"));
    lab.address("app", "eth0", "10.77.0.1/24");
    lab.address("user", "eth0", "10.77.0.2/24");
    lab.join(("app", "span"), ("tap", "mon0"));
    lab.mirror("app", "eth0", "ingress", "span");
    lab.mirror("app", "eth0", "egress", "span");
    Some(lab)
}

/// What an alert says, whatever the clock and the numbers of packets were.
fn told(alerts: &str) -> Vec<Value> {
    let timeless = |alert: Value| {
        let seen = |one: &Value| {
            serde_json::json!([one["method"], one["path"], one["status"], one["note"]])
        };
        let evidence = alert["stilt"]["evidence"].as_array().unwrap();
        let evidence: Vec<Value> = evidence.iter().map(seen).collect();
        serde_json::json!([
            alert["rule"]["id"],
            alert["event"]["severity"],
            alert["event"]["outcome"],
            alert["stilt"]["actor"]["id"],
            alert["stilt"]["endpoint"],
            alert["stilt"]["count"],
            evidence
        ])
    };
    let alerts = records(alerts).into_iter();
    alerts.filter(|record| record["event"]["kind"] == "alert").map(timeless).collect()
}

fn lines(scratch: &Scratch, name: &str) -> usize {
    std::fs::read_to_string(scratch.path(name)).map_or(0, |text| text.lines().count())
}

#[test]
fn alerts_of_a_span_port_are_those_of_replaying_what_it_carried() {
    let Some(lab) = span("span") else { return };
    let scratch = Scratch::new("span");
    let _app = lab.part("app", "serve", &[SERVER]);
    let mut recorder = lab.part("tap", "record", &["mon0", &scratch.arg("seen.pcap")]);
    assert!(wait_until(|| scratch.path("seen.pcap.ready").exists()));
    let args = ["-i", "mon0", "--transactions", "t"];
    let mut running = lab.watch("tap", &scratch, &args);
    let before = lab.sent("tap", "mon0");
    lab.part("user", "visit", &[SERVER, "20"]).done();
    lab.part("user", "stuff", &[SERVER]).done();
    let all = 20 * 3 + parts::TRIED;
    assert!(wait_until(|| lines(&scratch, "t") == all), "{}", lines(&scratch, "t"));
    recorder.done();
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("unseen   nothing"), "{}", ran.err);
    assert_eq!(lab.sent("tap", "mon0"), before, "something was sent on the mirror port");

    let replayed = scratch.run(&["replay", "seen.pcap", "--transactions", "u"]).good();
    assert_eq!(lines(&scratch, "u"), all);
    let live = told(&ran.out);
    assert!(!live.is_empty());
    assert_eq!(live, told(&replayed.out));
    let alert = &records(&ran.out)[0];
    assert_eq!(alert["observer"]["ingress"]["interface"]["name"], "mon0");
}

/// It told `count` transactions in all.
fn reaches(scratch: &Scratch, count: usize, running: &Running) {
    let so = wait_until(|| lines(scratch, "t") >= count);
    assert!(so, "{} of {count}: {}", lines(scratch, "t"), running.said());
}

#[test]
fn the_two_halves_of_a_tap_are_one_timeline() {
    let Some(lab) = Lab::new("tap2", &["app", "user", "tap"]) else { return };
    lab.join(("app", "eth0"), ("user", "eth0"));
    lab.address("app", "eth0", "10.77.0.1/24");
    lab.address("user", "eth0", "10.77.0.2/24");
    for (way, span, mon) in [("ingress", "span0", "mon0"), ("egress", "span1", "mon1")] {
        lab.join(("app", span), ("tap", mon));
        lab.mirror("app", "eth0", way, span);
    }
    let scratch = Scratch::new("tap2");
    let _app = lab.part("app", "serve", &[SERVER]);
    let mut running =
        lab.watch("tap", &scratch, &["-i", "mon0", "-i", "mon1", "--transactions", "t"]);
    lab.part("user", "visit", &[SERVER, "20"]).done();
    reaches(&scratch, 60, &running);
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("unseen   nothing"), "{}", ran.err);
    for record in records(&scratch.read("t")) {
        assert_eq!(record["http"]["response"]["status_code"], 200, "{record}");
        assert_eq!(record["stilt"]["observed"]["complete"], true, "{record}");
    }
    assert_eq!((lab.sent("tap", "mon0"), lab.sent("tap", "mon1")), (0, 0));
}
