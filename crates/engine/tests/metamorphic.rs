//! The same conversations, carried otherwise, raise the same alerts: cut anew, out of order, sent
//! again, mirrored twice, in fragments, in other files, in every sort of tunnel.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod remake;

use remake::{Dice, Packets};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use stilt_engine::{Config, Options, Progress, Summary, Target, Watcher, run};
use stilt_model::Key;

/// Packets taken of the capture; an enumeration and a stuffing are among them.
const PACKETS: usize = 24_000;

struct Silent;

impl Watcher for Silent {
    fn progress(&mut self, _: Progress) {}
    fn warn(&mut self, text: &str) {
        assert!(text.is_empty(), "{text}");
    }
}

fn golden() -> Packets {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/demo/capture.pcap.zst");
    let mut packets = remake::read(&path);
    packets.truncate(PACKETS);
    packets
}

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What of the alerts must be the same: ids and addresses may change.
fn replay(files: &[Vec<u8>]) -> (Vec<Value>, Summary) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let root = std::env::temp_dir().join(format!("stilt-meta-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let scratch = Scratch(root);
    let mut captures = Vec::new();
    for (number, bytes) in files.iter().enumerate() {
        captures.push(scratch.0.join(format!("{number}.pcap")));
        std::fs::write(captures.last().unwrap(), bytes).unwrap();
    }
    let alerts = scratch.0.join("alerts");
    let options = Options {
        captures,
        threads: 2,
        alerts: Target::Lines(alerts.to_str().unwrap().to_owned()),
        ..Options::default()
    };
    let key = Key::new([7; 32]);
    let stop = AtomicBool::new(false);
    let (summary, _) = run(&Config::default(), &key, &options, &stop, &mut Silent).unwrap();
    let told = std::fs::read_to_string(&alerts).unwrap();
    let mut last = std::collections::BTreeMap::new();
    for alert in told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        last.insert(alert["event"]["id"].as_str().unwrap().to_owned(), essence(&alert));
    }
    let mut told: Vec<Value> = last.into_values().collect();
    told.sort_by_key(Value::to_string);
    (told, summary)
}

fn essence(alert: &Value) -> Value {
    let stilt = &alert["stilt"];
    let evidence: Vec<Value> = stilt["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seen| json!([seen["method"], seen["path"], seen["status"]]))
        .collect();
    json!({
        "rule": alert["rule"]["id"],
        "actor": stilt["actor"]["kind"],
        "severity": stilt["severity"],
        "outcome": alert["event"]["outcome"],
        "endpoint": stilt["endpoint"],
        "count": stilt["count"],
        "evidence": evidence,
    })
}

/// Replays what was made of the capture, and compares.
fn check(made: &[(&str, Vec<Vec<u8>>)]) -> Vec<Summary> {
    let packets = golden();
    let (expected, plain) = replay(&[remake::pcap(&packets)]);
    assert!(expected.len() >= 2, "{expected:?}");
    made.iter()
        .map(|(name, files)| {
            let (told, summary) = replay(files);
            assert_eq!(told, expected, "{name}");
            let flows = |summary: &Summary| (summary.flows.flows, summary.transactions);
            assert_eq!(flows(&summary), flows(&plain), "{name}");
            summary
        })
        .collect()
}

#[test]
fn cut_anew_out_of_order_sent_again_and_in_fragments() {
    let packets = golden();
    let mut dice = Dice(1);
    let cut = remake::cut(&packets, &mut dice);
    check(&[
        ("cut", vec![remake::pcap(&cut)]),
        ("shuffled", vec![remake::pcap(&remake::shuffle(&packets, &mut dice))]),
        ("again", vec![remake::pcap(&remake::sent_again(&packets, &mut dice))]),
        ("fragments", vec![remake::pcap(&remake::fragment(&packets, 256))]),
    ]);
}

#[test]
fn mirrored_twice_and_in_other_files() {
    let packets = golden();
    let third = packets.len() / 3;
    let parts = packets.chunks(third + 1).map(remake::pcap).collect();
    let summaries = check(&[
        ("mirrored", vec![remake::pcap(&remake::twice(&packets, false))]),
        ("two VLANs", vec![remake::pcap(&remake::twice(&packets, true))]),
        ("files", parts),
        ("pcapng", vec![remake::pcapng(&packets)]),
    ]);
    assert!(summaries[..2].iter().all(|summary| summary.flows.duplicates > 10_000));
    assert!(summaries[1].flows.joined > 500 && summaries[0].flows.joined == 0);
}

#[test]
fn in_tunnels_and_moved_to_ipv6() {
    let packets = golden();
    let made: Vec<_> = remake::WRAPS
        .iter()
        .map(|(name, how)| (*name, vec![remake::pcap(&remake::wrap(&packets, *how))]))
        .collect();
    check(&made);
}
