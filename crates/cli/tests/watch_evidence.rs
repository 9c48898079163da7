//! `[evidence]`: what a live run keeps raises its alerts again, also when the ring has gone on.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt};
use common::net::Ticks;
use common::{Scratch, parts, records, shop, wait_until};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

const NOBODY: u32 = 65534;

/// Ids of the alerts of one rule about an address, as far as lines are whole.
fn ids(text: &str, address: &str) -> Vec<String> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let of = |alert: &serde_json::Value| {
        alert["rule"]["id"] == "ato.credential_stuffing" && alert["source"]["ip"] == address
    };
    let mut ids: Vec<String> = records(whole)
        .iter()
        .filter(|alert| of(alert))
        .map(|alert| alert["event"]["id"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    ids
}

fn files(scratch: &Scratch, start: &str, end: &str) -> usize {
    let names = fs::read_dir(scratch.path("e")).unwrap().flatten();
    let names = names.map(|one| one.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(start) && name.ends_with(end)).count()
}

/// A folder for packets that the user whom a run becomes may write, and settings that name it.
fn settings(scratch: &Scratch, size: u32) -> String {
    fs::create_dir(scratch.path("e")).unwrap();
    chown(scratch.path("e"), Some(NOBODY), Some(NOBODY)).unwrap();
    let text = format!("[evidence]\nfolder = \"e\"\nsize_max = {size}\nkeep_secs = 3600\n");
    scratch.write("stilt.toml", text.as_bytes())
}

#[test]
fn an_alert_is_cut_out_of_what_was_kept_with_the_state_that_it_rests_on() {
    let Some(lab) = Lab::new("evidence", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("evidence");
    let usual = shop::lively().pcap(Ticks::Nano);
    // The same, from another address.
    let attacker: std::net::Ipv4Addr = shop::ATTACKER.parse().unwrap();
    let mut other = usual.clone();
    for at in 0..other.len() - 3 {
        if other[at..at + 4] == attacker.octets() {
            other[at + 3] = 78;
        }
    }
    let usual = scratch.write("usual.pcap", &usual);
    let other = scratch.write("other.pcap", &other);
    let config = settings(&scratch, 4 << 20);
    let args = ["-i", "mon0", "--config", &config, "--alerts", "a", "--ring", "128"];
    let mut running = lab.watch("tap", &scratch, &args);
    let send = |file: &str| lab.part("far", "send", &["span", file, "plain", "1"]).done();
    // The state is kept with the packets ever again.
    let state_kept = (0..60).any(|_| {
        send(&usual);
        files(&scratch, "ring-", ".state") > 0 && files(&scratch, "ring-0000000000", ".state") == 0
    });
    assert!(state_kept, "{}", running.said());
    let told = |address: &str| ids(&scratch.read("a"), address);
    let raised = (0..5).any(|_| {
        send(&other);
        wait_until(|| !told("198.51.100.78").is_empty())
    });
    assert!(raised, "{}", running.said());
    let id = told("198.51.100.78").remove(0);
    assert!(wait_until(|| files(&scratch, &format!("alert-{id}"), ".json") == 1));
    let carve = |out: &str| {
        let args = ["carve", "--alert", &id, "e", "-o", out, "--config", &config];
        let ran = scratch.run(&args).good();
        assert!(ran.err.contains(&format!("{id} again")), "{ran:?}");
    };
    let replayed = |out: &str, state: &str| {
        let args = ["replay", out, "--state", state, "--config", &config];
        ids(&scratch.run(&args).good().out, "198.51.100.78")
    };
    // While it goes on, from the ring; and when the ring has gone on, from what is pinned.
    carve("now.pcapng");
    assert_eq!(replayed("now.pcapng", "now.state"), std::slice::from_ref(&id));
    let gone = (0..20).any(|_| {
        send(&usual);
        files(&scratch, "kept-", ".pcapng") > 0
            && files(&scratch, "kept-", ".state") > 0
            && files(&scratch, "ring-", ".pcapng") > 7
    });
    assert!(gone, "{}", running.said());
    send(&usual);
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("not kept"), "{}", ran.err);
    carve("later.pcapng");
    assert_eq!(replayed("later.pcapng", "later.state"), std::slice::from_ref(&id));
    let size = |name: &str| fs::metadata(scratch.path(name)).unwrap().len();
    assert!(size("later.pcapng") < size("usual.pcap") / 4, "{}", size("later.pcapng"));
    for entry in fs::read_dir(scratch.path("e")).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    assert!(size("now.state") > 1000);
    let mode = fs::metadata(scratch.path("later.state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ran = scratch.run(&["carve", "--alert", "00000000deadbeef", "e", "-o", "no.pcapng"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("no alert `00000000deadbeef`"), "{ran:?}");
}

#[test]
fn a_folder_that_fills_up_is_told_once_and_gone_on_with_when_there_is_room() {
    let Some(lab) = Lab::new("evidence-full", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("evidence-full");
    let file = scratch.write("usual.pcap", &shop::lively().pcap(Ticks::Nano));
    let config = settings(&scratch, 64 << 20);
    let Some(mut disk) = common::lab::SmallDisk::mount(&scratch, "e", "2m", NOBODY) else { return };
    let args = ["-i", "mon0", "--config", &config, "--transactions", "t"];
    let mut running = lab.watch("tap", &scratch, &args);
    let send = || lab.part("far", "send", &["span", &file, "plain", "1"]).done();
    let says = |running: &common::Running, text: &str| running.said().matches(text).count();
    let full = (0..20).any(|_| {
        send();
        says(&running, "no space left on the device; packets are not kept") > 0
    });
    assert!(full, "{}", running.said());
    send();
    assert_eq!(says(&running, "no space left"), 1, "{}", running.said());
    let lines = || fs::read_to_string(scratch.path("t")).map_or(0, |text| text.lines().count());
    let before = lines();
    disk.grow("64m");
    let again = (0..20).any(|_| {
        send();
        says(&running, "packets are kept again") > 0
    });
    assert!(again, "{}", running.said());
    // Nothing else was held up by it.
    assert!(wait_until(|| lines() > before + 100), "{}", running.said());
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("packets not kept as evidence"), "{}", ran.err);
    // What is there can be read: no packet is there in part.
    let names = fs::read_dir(scratch.path("e")).unwrap().flatten();
    let names = names.map(|one| format!("e/{}", one.file_name().into_string().unwrap()));
    let names: Vec<String> = names.filter(|name| name.ends_with(".pcapng")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ran = scratch.run(&[&["replay", "--only", "none"], names.as_slice()].concat()).good();
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

#[test]
fn a_folder_that_can_t_be_used_is_told_before_anything_is_begun() {
    let Some(lab) = Lab::new("evidence-wrong", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new("evidence-wrong");
    let config = settings(&scratch, 1 << 20);
    chown(scratch.path("e"), Some(0), Some(0)).unwrap();
    fs::set_permissions(scratch.path("e"), fs::Permissions::from_mode(0o700)).unwrap();
    let args = ["watch", "-i", "mon0", "--config", &config];
    let ran = lab.stilt("tap", &scratch, &args).end();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("e: permission denied; the user that the run becomes"), "{ran:?}");
    let config = scratch.write("half.toml", b"[evidence]\nfolder = \"e\"\n");
    let ran = scratch.run(&["config", "check", &config]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("half.toml:2:1: `evidence.folder` is given without"), "{ran:?}");
}
