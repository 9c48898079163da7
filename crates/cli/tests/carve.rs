//! `stilt carve`: what is carved raises the same alert, and nothing else is touched.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Scratch, records, shop};
use std::fs;

fn with_alerts(test: &str) -> (Scratch, String, Vec<serde_json::Value>) {
    let scratch = Scratch::new(test);
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let alerts = records(&scratch.run(&["replay", "--quiet", &capture]).good().out);
    assert!(!alerts.is_empty());
    (scratch, capture, alerts)
}

fn id(alert: &serde_json::Value) -> String {
    alert["event"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_alert_comes_back_from_what_was_carved_of_it() {
    let (scratch, capture, alerts) = with_alerts("carve");
    for alert in &alerts {
        let id = id(alert);
        let ran = scratch.run(&["carve", "--alert", &id, &capture, "-o", "cut.pcap"]).good();
        assert!(ran.out.is_empty() && ran.err.contains(&id), "{ran:?}");
        let again = records(&scratch.run(&["replay", "--quiet", "cut.pcap"]).good().out);
        let found = again.iter().find(|one| one["event"]["id"] == id.as_str()).unwrap();
        assert_eq!(found["rule"]["id"], alert["rule"]["id"]);
        let (whole, cut) =
            (fs::metadata(&capture).unwrap(), fs::metadata(scratch.path("cut.pcap")));
        // One burst among forty people's visits.
        assert!(cut.as_ref().unwrap().len() * 2 < whole.len(), "{cut:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(cut.unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let left = fs::read_dir(scratch.path("")).unwrap().flatten();
    assert!(left.map(|one| one.file_name()).all(|name| !name.to_str().unwrap().ends_with(".part")));
}

#[test]
fn an_alert_that_rests_on_an_earlier_run_comes_back_from_its_state() {
    let scratch = Scratch::new("carve-state");
    let [before, after] = shop::lively().cut_at(shop::MIDDLE_OF_BURST, Ticks::Micro);
    let before = scratch.write("before.pcap", &before);
    let after = scratch.write("after.pcap", &after);
    scratch.run(&["replay", "--quiet", &before, "--state", "s"]).good();
    let state = || fs::read(scratch.path("s/stilt.state")).unwrap();
    let known = state();
    fs::create_dir(scratch.path("copy")).unwrap();
    fs::copy(scratch.path("s/stilt.state"), scratch.path("copy/stilt.state")).unwrap();
    let alerts = records(&scratch.run(&["replay", "--quiet", &after, "--state", "s"]).good().out);
    let alert = alerts.iter().find(|one| one["event"]["kind"] == "alert").unwrap();
    let args = ["carve", "--alert", &id(alert), &after, "-o", "cut.pcap"];
    let ran = scratch.run(&args);
    assert_eq!(ran.code, 1, "it rests on nothing: {ran:?}");
    let ran = scratch.run(&[&args[..], &["--state", "copy"]].concat()).good();
    assert!(ran.err.contains("again"), "{ran:?}");
    assert!(fs::read(scratch.path("copy/stilt.state")).unwrap() == known, "it was changed");
    assert!(fs::metadata(scratch.path("cut.pcap")).unwrap().len() > 100);
    let ran = scratch.run(&[&args[..], &["--state", "nowhere"]].concat());
    assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{ran:?}");
}

#[test]
fn what_can_t_be_carved_is_told_and_nothing_is_written() {
    let (scratch, capture, alerts) = with_alerts("carve-wrong");
    let id = id(&alerts[0]);
    let before = fs::read(&capture).unwrap();
    for (args, code, words) in [
        (
            &["--alert", "00000000deadbeef", &capture, "-o", "cut"][..],
            1,
            "no alert `00000000deadbeef`",
        ),
        (&["--alert", "../x", &capture, "-o", "cut"], 2, "event.id"),
        (&["--alert", "", &capture, "-o", "cut"], 2, "event.id"),
        (&["--alert", &id, "-", "-o", "cut"], 2, "standard input"),
        (&["--alert", &id, &capture, "-o", &capture], 2, "both"),
        (&["--alert", &id, "nosuch.pcap", "-o", "cut"], 1, "nosuch.pcap"),
        (&["--alert", &id, &capture], 2, "--output"),
        (&[&capture, "-o", "cut"], 2, "--alert"),
        (&["--alert", &id, &capture, "-o", "no/such/folder/cut"], 1, "no/such/folder"),
        (&["--alert", &id, &capture, "-o", "/dev/null"], 1, "not a file"),
    ] {
        let ran = scratch.run(&[&["carve"][..], args].concat());
        assert_eq!((ran.code, ran.err.lines().count()), (code, 1), "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {ran:?}");
        assert!(!scratch.path("cut").exists() && !scratch.path("cut.part").exists());
    }
    assert!(fs::read(&capture).unwrap() == before);
}
