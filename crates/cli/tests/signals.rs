//! Ctrl-C ends a run cleanly: what was seen is written.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Running, Scratch, records, shop, wait_until};
use std::io::Write;
use std::process::{ChildStdin, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

fn signal(running: &Running, name: &str) {
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// Goes on writing, a little at a time, until told to end or nobody reads any more.
fn drip(mut stdin: ChildStdin, bytes: Vec<u8>, end: Arc<AtomicBool>) -> thread::JoinHandle<bool> {
    thread::spawn(move || {
        for piece in bytes.chunks(500) {
            if end.load(Ordering::Relaxed) || stdin.write_all(piece).is_err() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    })
}

/// A run that has read the first half of a capture, and the second half of it.
fn halfway(scratch: &Scratch, threads: &str) -> (Running, ChildStdin, Vec<u8>) {
    let bytes = shop::lively().pcap(Ticks::Micro);
    let args = [
        "replay",
        "-",
        "--threads",
        threads,
        "--alerts",
        "a",
        "--transactions",
        "t",
        "--sessions",
        "s",
        "--save-baseline",
        "b",
    ];
    let mut running = Running::start(scratch, &args);
    let mut stdin = running.child.stdin.take().unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stdin.write_all(first).unwrap();
    let written = || std::fs::metadata(scratch.path("t")).is_ok_and(|about| about.len() > 0);
    assert!(wait_until(written), "no transaction is written while the pipe is open");
    (running, stdin, second.to_vec())
}

/// Waits until all that could be read was read, so that the run waits for more.
fn quiet(scratch: &Scratch) {
    let (mut size, mut same) = (0, 0);
    assert!(wait_until(|| {
        let now = scratch.path("t").metadata().unwrap().len();
        same = if now == size { same + 1 } else { 0 };
        size = now;
        same > 100
    }));
}

/// It ended as a run that was stopped ends, with all outputs whole.
fn stopped(scratch: &Scratch, running: &mut Running) {
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.err.contains("stopped before the end"), "{}", ran.err);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let transactions = records(&scratch.read("t"));
    assert!(transactions.len() > 50, "{}", transactions.len());
    let requests: u64 = records(&scratch.read("s"))
        .iter()
        .map(|session| session["stilt"]["requests"].as_u64().unwrap())
        .sum();
    assert_eq!(requests, transactions.len() as u64, "a session is missing");
    records(&scratch.read("a"));
    assert!(scratch.path("b").metadata().unwrap().len() > 0);
}

#[test]
fn ctrl_c_while_packets_drip_in_ends_the_run_cleanly() {
    for (threads, name) in [("1", "INT"), ("2", "INT"), ("1", "TERM")] {
        let scratch = Scratch::new(&format!("drip-{threads}-{name}"));
        let (mut running, stdin, rest) = halfway(&scratch, threads);
        let end = Arc::new(AtomicBool::new(false));
        let dripping = drip(stdin, rest, Arc::clone(&end));
        signal(&running, name);
        stopped(&scratch, &mut running);
        end.store(true, Ordering::Relaxed);
        assert!(!dripping.join().unwrap(), "it was read to its end before it stopped");
    }
}

#[test]
fn ctrl_c_while_nothing_comes_ends_the_run_cleanly() {
    for threads in ["1", "2"] {
        let scratch = Scratch::new(&format!("idle-{threads}"));
        let (mut running, stdin, _) = halfway(&scratch, threads);
        quiet(&scratch);
        signal(&running, "INT");
        stopped(&scratch, &mut running);
        drop(stdin);
    }
}

/// The program handles Ctrl-C from now on.
#[cfg(target_os = "linux")]
fn handles_interrupts(running: &Running) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id()));
    let caught = status.unwrap_or_default();
    let caught = caught.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    caught.is_some_and(|signals| signals & 0b10 != 0)
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_before_the_first_byte_ends_at_once() {
    let scratch = Scratch::new("silent");
    let mut running = Running::start(&scratch, &["replay", "-"]);
    let stdin = running.child.stdin.take().unwrap();
    assert!(wait_until(|| handles_interrupts(&running)));
    signal(&running, "INT");
    let ran = running.end();
    assert_eq!((ran.code, ran.out.as_str()), (130, ""), "{ran:?}");
    assert!(ran.err.contains("before anything was read"), "{ran:?}");
    drop(stdin);
}
