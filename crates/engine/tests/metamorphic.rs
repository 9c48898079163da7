//! The same conversations, carried otherwise, are the same: cut anew, out of order, one side late,
//! sent again, mirrored twice, in fragments, in other files, among others, in every sort of tunnel.
//!
//! The transactions of a window of every saved capture are compared for each way, and the alerts of
//! the demo for several ways at once.
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

/// Packets of a window of a saved capture.
const WINDOW: usize = 500;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn golden() -> Packets {
    let mut packets = remake::read(&fixtures().join("demo/capture.pcap.zst"));
    packets.truncate(PACKETS);
    packets
}

/// A window of each saved capture.
fn windows() -> Vec<(String, Packets)> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("capture.pcap.zst").is_file())
        .collect();
    found.sort();
    let window = |path: PathBuf| {
        let packets = remake::read(&path.join("capture.pcap.zst"));
        // Where connections are few and long, only the beginning holds whole ones.
        let late = remake::window(&packets, packets.len() / 3, WINDOW);
        let chosen = if late.len() < WINDOW { remake::window(&packets, 0, WINDOW) } else { late };
        (path.file_name().unwrap().to_string_lossy().into_owned(), chosen)
    };
    found.into_iter().map(window).collect()
}

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a replay told.
struct Told {
    /// What of the alerts must be the same: ids and addresses may change.
    alerts: Vec<Value>,
    /// What of the transactions must be the same.
    transactions: Vec<Value>,
    summary: Summary,
}

fn replay(files: &[Vec<u8>]) -> Told {
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
    let [alerts, transactions] = ["alerts", "transactions"].map(|name| scratch.0.join(name));
    let target = |path: &Path| Target::Lines(path.to_str().unwrap().to_owned());
    let options = Options {
        captures,
        threads: 2,
        alerts: target(&alerts),
        transactions: target(&transactions),
        ..Options::default()
    };
    let key = Key::new([7; 32]);
    let stop = AtomicBool::new(false);
    let (summary, _) = run(&Config::default(), &key, &options, &stop, &mut Silent).unwrap();
    let records = |path: &Path| -> Vec<Value> {
        let told = std::fs::read_to_string(path).unwrap();
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut last = std::collections::BTreeMap::new();
    for alert in records(&alerts) {
        last.insert(alert["event"]["id"].as_str().unwrap().to_owned(), essence(&alert));
    }
    let sorted = |mut values: Vec<Value>| {
        values.sort_by_key(Value::to_string);
        values
    };
    Told {
        alerts: sorted(last.into_values().collect()),
        transactions: sorted(records(&transactions).iter().map(said).collect()),
        summary,
    }
}

/// What was said, whoever carried it: ends are told by their ports.
fn said(record: &Value) -> Value {
    let http = &record["http"];
    json!({
        "ports": [record["source"]["port"], record["destination"]["port"]],
        "url": record["url"]["original"],
        "method": http["request"]["method"],
        "sent": http["request"]["body"]["bytes"],
        "status": http["response"]["status_code"],
        "got": http["response"]["body"]["bytes"],
        "observed": record["stilt"]["observed"],
    })
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

/// Replays what was made of the demo, and compares its alerts.
fn check(made: &[(&str, Vec<Vec<u8>>)]) -> Vec<Summary> {
    let plain = replay(&[remake::pcap(&golden())]);
    assert!(plain.alerts.len() >= 2, "{:?}", plain.alerts);
    made.iter()
        .map(|(name, files)| {
            let told = replay(files);
            assert_eq!(told.alerts, plain.alerts, "{name}");
            let flows = |summary: &Summary| (summary.flows.flows, summary.transactions);
            assert_eq!(flows(&told.summary), flows(&plain.summary), "{name}");
            told.summary
        })
        .collect()
}

#[test]
fn the_same_alerts_however_carried() {
    let packets = golden();
    let mut dice = Dice(1);
    let cut = remake::cut(&packets, &mut dice);
    let worn = remake::sent_again(&remake::shuffle(&cut, &mut dice), &mut dice);
    let tunnel = remake::WRAPS.iter().find(|(name, _)| *name == "VXLAN").unwrap().1;
    let apart = remake::wrap(&remake::fragment(&packets, 256), tunnel);
    let summaries = check(&[
        ("cut, out of order, sent again", vec![remake::pcap(&worn)]),
        ("fragments in a tunnel", vec![remake::pcap(&apart)]),
        ("mirrored in two VLANs", vec![remake::pcap(&remake::twice(&packets, true))]),
    ]);
    assert!(summaries[2].flows.duplicates > 10_000 && summaries[2].flows.joined > 500);
}

/// For each window: what is made of it tells the same transactions.
fn check_windows(made: impl Fn(&Packets) -> Vec<(&'static str, Vec<Vec<u8>>)>) {
    for (fixture, packets) in windows() {
        let plain = replay(&[remake::pcap(&packets)]);
        assert!(plain.transactions.len() > 20, "{fixture}: {}", plain.transactions.len());
        for (name, files) in made(&packets) {
            let told = replay(&files);
            assert_same(&told.transactions, &plain.transactions, &format!("{fixture}, {name}"));
            assert_eq!(told.summary.flows.flows, plain.summary.flows.flows, "{fixture}, {name}");
        }
    }
}

fn assert_same(told: &[Value], expected: &[Value], what: &str) {
    let lacking: Vec<_> = expected.iter().filter(|value| !told.contains(value)).take(3).collect();
    let beside: Vec<_> = told.iter().filter(|value| !expected.contains(value)).take(3).collect();
    assert!(told == expected, "{what}: not told {lacking:#?}, told instead {beside:#?}");
}

#[test]
fn cut_anew_out_of_order_sent_again_and_in_fragments() {
    check_windows(|packets| {
        let mut dice = Dice(7);
        [
            ("cut", remake::cut(packets, &mut dice)),
            ("shuffled", remake::shuffle(packets, &mut dice)),
            ("again", remake::sent_again(packets, &mut dice)),
            ("fragments", remake::fragment(packets, 256)),
            ("requests late", remake::delayed(packets, true, 40_000_000)),
            ("responses late", remake::delayed(packets, false, 40_000_000)),
        ]
        .map(|(name, packets)| (name, vec![remake::pcap(&packets)]))
        .to_vec()
    });
}

#[test]
fn mirrored_twice_and_in_other_files() {
    check_windows(|packets| {
        let third = packets.len() / 3;
        vec![
            ("mirrored", vec![remake::pcap(&remake::twice(packets, false))]),
            ("two VLANs", vec![remake::pcap(&remake::twice(packets, true))]),
            ("files", packets.chunks(third + 1).map(remake::pcap).collect()),
            ("pcapng", vec![remake::pcapng(packets)]),
        ]
    });
}

#[test]
fn in_tunnels_of_every_sort_and_moved_to_ipv6() {
    check_windows(|packets| {
        let wraps = remake::WRAPS.iter();
        wraps.map(|(name, how)| (*name, vec![remake::pcap(&remake::wrap(packets, *how))])).collect()
    });
}

#[test]
fn among_the_packets_of_another_capture() {
    let windows = windows();
    let next = windows.iter().cycle().skip(1);
    for ((fixture, packets), (other, beside)) in windows.iter().zip(next) {
        let alone = |packets: &Packets| replay(&[remake::pcap(packets)]).transactions;
        let mut expected = [alone(packets), alone(beside)].concat();
        expected.sort_by_key(Value::to_string);
        let both = replay(&[remake::pcap(&remake::interleaved(packets, beside))]);
        assert_same(&both.transactions, &expected, &format!("{fixture} and {other}"));
    }
}
