//! `stilt watch` where something runs out: memory, the disk, a reader's patience.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, SmallDisk, interrupt, signal};
use common::net::{Capture, Connection, SECOND, Ticks, message};
use common::{Running, Scratch, parts, records, shop, wait_until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

const NOBODY: u32 = 65534;

fn wire(test: &str) -> Option<(Lab, Scratch)> {
    let lab = Lab::new(test, &["far", "tap"])?;
    lab.join(("far", "span"), ("tap", "mon0"));
    Some((lab, Scratch::new(test)))
}

fn send(lab: &Lab, file: &str, times: &str) {
    lab.part("far", "send", &["span", file, "plain", times]).done();
}

/// Kilobytes that a process takes: now, or at most so far.
fn memory(running: &Running, name: &str) -> u64 {
    let path = format!("/proc/{}/status", running.child.id());
    let status = fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Waits until all packets that were sent have been read.
fn settle(running: &Running) {
    let (mut before, mut same) = (String::new(), 0);
    assert!(wait_until(|| {
        let count = running.said().matches("MiB in memory").count();
        signal(running, "USR1");
        wait_until(|| running.said().matches("MiB in memory").count() > count);
        let said = running.said();
        let line = said.lines().rfind(|line| line.contains("MiB in memory")).unwrap_or_default();
        let packets = line.split(" packets").next().unwrap_or_default().to_owned();
        let packets = packets.rsplit(' ').next().unwrap_or_default().to_owned();
        same = if packets == before { same + 1 } else { 0 };
        before = packets;
        std::thread::sleep(std::time::Duration::from_millis(100));
        same > 20
    }));
}

/// Uploads that stop in their middle, with a good deal of each.
fn uploads() -> Vec<u8> {
    let mut capture = Capture::default();
    let half = "x".repeat(20_000);
    for number in 0..2000_u64 {
        let client = format!("10.9.{}.{}:40000", number / 200, number % 200 + 1);
        let at = 1_750_000_000 * SECOND + number * SECOND / 100;
        let mut connection = Connection::open(&mut capture, &client, "10.9.99.9:80", at);
        let length = ("Content-Length", "40000");
        let head = message("PUT /files HTTP/1.1", &[("Host", "files.example"), length], "");
        connection.ask(&[head, half.clone().into_bytes()].concat());
    }
    capture.pcap(Ticks::Nano)
}

#[test]
fn memory_stays_below_its_ceiling_and_what_that_costs_is_told() {
    let Some((lab, scratch)) = wire("ceiling") else { return };
    let file = scratch.write("uploads.pcap", &uploads());
    let args = ["-i", "mon0", "--threads", "1", "--ring", "16"];
    // What it takes where nothing holds it back.
    let mut running = lab.watch("tap", &scratch, &args);
    send(&lab, &file, "1");
    settle(&running);
    let first = memory(&running, "VmRSS:");
    let free = memory(&running, "VmHWM:");
    interrupt(&mut running);
    let mut running = lab.watch("tap", &scratch, &args);
    let empty = memory(&running, "VmRSS:");
    interrupt(&mut running);
    assert!(free > empty + 12_000, "{empty} kB at first, {first} then, {free} at most");
    let max = empty + (free - empty) / 3;
    let config = format!("[capture]\nmemory_max = {}\n", max << 10);
    let config = scratch.write("stilt.toml", config.as_bytes());
    let mut running = lab.watch("tap", &scratch, &[&args[..], &["--config", &config]].concat());
    for _ in 0..2 {
        send(&lab, &file, "1");
        settle(&running);
    }
    let most = memory(&running, "VmHWM:");
    assert!(most < max + (free - empty) / 4, "{empty} kB at first, {most} at most, {max} allowed");
    let ran = interrupt(&mut running);
    let told = ran.err.contains("flows evicted") || ran.err.contains("left out");
    assert!(told, "{}", ran.err);
}

#[test]
fn a_full_disk_is_told_once_and_no_record_is_torn_or_missing_when_there_is_room_again() {
    let Some((lab, scratch)) = wire("full") else { return };
    let file = scratch.write("usual.pcap", &shop::lively().pcap(Ticks::Nano));
    let Some(mut disk) = SmallDisk::mount(&scratch, "d", "128k", NOBODY) else { return };
    let args = ["-i", "mon0", "--alerts", "d/a", "--transactions", "d/t", "--sessions", "s"];
    let mut running = lab.watch("tap", &scratch, &[&args[..], &["--ring", "128"]].concat());
    let says = |running: &Running, text: &str| running.said().matches(text).count();
    let full = (0..5).any(|_| {
        send(&lab, &file, "1");
        says(&running, "cannot write to d/t: No space left") > 0
    });
    assert!(full, "{}", running.said());
    send(&lab, &file, "1");
    settle(&running);
    assert_eq!(says(&running, "cannot write to d/t: No space left"), 1, "{}", running.said());
    disk.grow("64m");
    assert!(wait_until(|| says(&running, "d/t: takes records again") > 0), "{}", running.said());
    let before = scratch.read("d/t").lines().count();
    send(&lab, &file, "1");
    assert!(wait_until(|| scratch.read("d/t").lines().count() > before), "{}", running.said());
    let ran = interrupt(&mut running);
    let told = records(&scratch.read("d/t")).len();
    let saw = ran.err.lines().find(|line| line.starts_with("saw ")).unwrap().replace(',', "");
    assert!(saw.contains(&format!(" {told} transactions")), "{told}: {saw}");
    assert!(!records(&scratch.read("d/a")).is_empty());
}

#[test]
fn a_reader_that_stops_is_told_holds_nothing_up_and_gets_whole_lines_when_it_goes_on() {
    let Some((lab, scratch)) = wire("stops") else { return };
    let file = scratch.write("usual.pcap", &shop::lively().pcap(Ticks::Nano));
    let config = scratch.write("stilt.toml", b"[alerts]\nwaiting_max = 65536\n");
    let mut command = lab.command("tap", env!("CARGO_BIN_EXE_stilt"));
    let args = ["watch", "-i", "mon0", "--config", &config, "--ring", "128"];
    let mut child = command
        .args(args)
        .args(["--alerts", "-", "--transactions", "-"])
        .current_dir(scratch.path(""))
        .env("STILT_KEY_FILE", scratch.path("key"))
        .stdout(Stdio::piped())
        .stderr(fs::File::create(scratch.path("err")).unwrap())
        .spawn()
        .unwrap();
    assert!(wait_until(|| scratch.read("err").contains("watching")));
    // The pipe, then what may wait, then no more; and packets go on being read.
    let told = (0..20).any(|_| {
        send(&lab, &file, "1");
        scratch.read("err").contains("takes no more records")
    });
    let reader = child.stdout.take().unwrap();
    let lines = std::thread::spawn(move || {
        let lines = BufReader::new(reader).lines();
        lines.map_while(Result::ok).collect::<Vec<String>>()
    });
    let recovered = wait_until(|| scratch.read("err").contains(" records were lost"));
    let before = scratch.read("err").matches("takes no more records").count();
    let id = child.id().to_string();
    send(&lab, &file, "1");
    let ended = std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success();
    let mut code = None;
    let ended = ended
        && wait_until(|| {
            code = child.try_wait().unwrap();
            code.is_some()
        });
    if !ended {
        let _ = child.kill();
    }
    let said = scratch.read("err");
    assert!(told && recovered && ended, "{said}");
    assert_eq!(before, 1, "told more than once: {said}");
    let lines = lines.join().unwrap();
    assert!(records(&lines.join("\n")).len() > 200, "{}", lines.len());
    let lost: u64 = said
        .lines()
        .filter_map(|line| {
            line.split(": ").last()?.strip_suffix(" records were lost")?.parse::<u64>().ok()
        })
        .sum();
    let saw = said.lines().find(|line| line.starts_with("saw ")).unwrap().replace(',', "");
    let all: u64 =
        saw.split(" transactions").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    let told = lines.iter().filter(|line| line.contains("stilt.transaction")).count() as u64;
    assert!(lost > 0 && told < all && told + lost >= all, "{told} + {lost} of {all}: {said}");
}
