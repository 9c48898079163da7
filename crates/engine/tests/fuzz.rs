//! A short fuzz of the whole path, from saved captures: bytes are changed, cut, doubled and moved,
//! and
//! nothing may panic, hang or fail. Seeded, so that a failure comes back.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use stilt_capture::source::{self, Batch};
use stilt_engine::{Config, Options, Progress, Watcher, run};
use stilt_model::Key;

/// Rounds per saved capture.
const ROUNDS: u64 = 12;
/// Packets taken of each.
const PACKETS: usize = 1500;

struct Silent;

impl Watcher for Silent {
    fn progress(&mut self, _: Progress) {}
    fn warn(&mut self, _: &str) {}
}

/// xorshift64* (Vigna, 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end.max(1)
    }
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("capture.pcap.zst"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// The packets from somewhere in a capture, as link-layer bytes.
fn packets(path: &Path, skip: usize) -> (u16, Vec<(i64, Vec<u8>)>) {
    let mut source = source::open(&[path.to_path_buf()], &source::Options::default()).unwrap();
    let (mut batch, mut out, mut link) = (Batch::default(), Vec::new(), 1);
    while out.len() < skip + PACKETS && source.fill(&mut batch).unwrap() {
        for frame in &batch.frames {
            link = frame.link;
            out.push((frame.mark.time.nanos(), batch.bytes(frame).to_vec()));
        }
    }
    out.truncate(skip + PACKETS);
    (link, out.split_off(skip.min(out.len())))
}

fn pcap(link: u16, packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, u32::from(link)] {
        out.extend(word.to_le_bytes());
    }
    for (nanos, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        let second = u32::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(0);
        let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap();
        for word in [second, rest, length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}

/// Changes packets: bytes, lengths, order, copies, loss, time.
fn spoil(packets: &mut Vec<(i64, Vec<u8>)>, random: &mut Random) {
    for _ in 0..packets.len() / 4 {
        let at = random.below(packets.len());
        let (time, bytes) = &mut packets[at];
        match random.below(12) {
            0..=4 if !bytes.is_empty() => {
                // Mostly behind the TCP header, where the messages are.
                let from = if random.below(3) == 0 { 0 } else { 66.min(bytes.len() - 1) };
                let place = from + random.below(bytes.len() - from);
                bytes[place] = u8::try_from(random.next() & 0xff).unwrap();
            }
            5 => bytes.truncate(random.below(bytes.len() + 1)),
            6 => {
                let copy = packets[at].clone();
                let to = (at + random.below(8)).min(packets.len());
                packets.insert(to, copy);
            }
            7 => {
                packets.remove(at);
            }
            8 => {
                let to = (at + random.below(6)).min(packets.len() - 1);
                packets.swap(at, to);
            }
            9 => *time += i64::try_from(random.next() >> 24).unwrap() - (1 << 39),
            10 => {
                let piece: Vec<u8> = bytes.iter().rev().take(40).copied().collect();
                bytes.extend(piece);
            }
            _ => {}
        }
    }
}

fn analyse(bytes: &[u8], name: &str, threads: usize) {
    let path = std::env::temp_dir().join(format!("stilt-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let options = Options { captures: vec![path.clone()], threads, ..Options::default() };
    let key = Key::new([7; 32]);
    let ran = run(&Config::default(), &key, &options, &AtomicBool::new(false), &mut Silent);
    std::fs::remove_file(&path).unwrap();
    let (summary, _) = ran.unwrap();
    assert_eq!(summary.panics, 0, "{name}");
}

#[test]
fn spoiled_packets_break_nothing() {
    for (number, capture) in corpus().iter().enumerate() {
        for round in 0..ROUNDS {
            let mut random = Random(0x9e37_79b9 + round * 7919 + number as u64);
            let (link, mut saved) = packets(capture, random.below(4000));
            spoil(&mut saved, &mut random);
            let name = format!("packets-{number}-{round}");
            analyse(&pcap(link, &saved), &name, 1 + random.below(2));
        }
    }
}

#[test]
fn spoiled_files_break_nothing() {
    for (number, capture) in corpus().iter().enumerate() {
        for round in 0..ROUNDS {
            let mut random = Random(0x1234_5678 + round * 104_729 + number as u64);
            let (link, saved) = packets(capture, random.below(4000));
            let mut bytes = pcap(link, &saved);
            for _ in 0..1 + random.below(40) {
                // The file header stays: without it the file is no capture.
                let at = 24 + random.below(bytes.len() - 24);
                bytes[at] = u8::try_from(random.next() & 0xff).unwrap();
            }
            bytes.truncate(24 + random.below(bytes.len() - 23));
            analyse(&bytes, &format!("file-{number}-{round}"), 1);
        }
    }
}
