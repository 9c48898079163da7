//! Capture files as they come: mixed, cut off, damaged.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use stilt_capture::source::{self, Batch, Options};

/// Nanoseconds, link type, bytes.
type Packet = (i64, u16, Vec<u8>);

/// What a file gives: its packets, and its warnings.
fn read(bytes: &[u8]) -> (Vec<Packet>, Vec<String>) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf =
        std::env::temp_dir().join(format!("stilt-files-{}-{number}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let mut source = source::open(std::slice::from_ref(&path), &Options::default()).unwrap();
    let (mut batch, mut packets, mut more) = (Batch::default(), Vec::new(), true);
    while more {
        more = source.fill(&mut batch).unwrap();
        for frame in &batch.frames {
            packets.push((frame.mark.time.nanos(), frame.link, batch.bytes(frame).to_vec()));
        }
    }
    std::fs::remove_file(&path).unwrap();
    let name = path.display().to_string();
    let told = |warning: source::Warning| {
        assert_eq!(warning.file, name);
        format!("{}: {}", warning.offset, warning.text)
    };
    (packets, source.take_warnings().into_iter().map(told).collect())
}

/// Blocks in one byte order.
struct Writer {
    big: bool,
    out: Vec<u8>,
}

impl Writer {
    fn section(big: bool) -> Self {
        let mut writer = Self { big, out: Vec::new() };
        let mut body = writer.words(&[0x1a2b_3c4d]);
        body.extend(if big { [0, 1, 0, 0] } else { [1, 0, 0, 0] });
        body.extend([255; 8]);
        writer.block(0x0a0d_0d0a, &body);
        writer
    }

    fn words(&self, words: &[u32]) -> Vec<u8> {
        let bytes = |word: &u32| if self.big { word.to_be_bytes() } else { word.to_le_bytes() };
        words.iter().flat_map(bytes).collect()
    }

    fn half(&self, half: u16) -> [u8; 2] {
        if self.big { half.to_be_bytes() } else { half.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let pad = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + pad + 12).unwrap();
        self.out.extend(self.words(&[kind, length]));
        self.out.extend(body);
        self.out.extend(&[0; 3][..pad]);
        self.out.extend(self.words(&[length]));
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut out = self.half(code).to_vec();
        out.extend(self.half(u16::try_from(value.len()).unwrap()));
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn interface(&mut self, link: u16, resolution: Option<u8>) {
        let mut body = self.half(link).to_vec();
        body.extend([0; 6]);
        body.extend(self.option(1, b"a comment"));
        if let Some(resolution) = resolution {
            body.extend(self.option(9, &[resolution]));
        }
        body.extend([0; 4]);
        self.block(1, &body);
    }

    fn packet(&mut self, interface: u32, ticks: u64, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap();
        let (high, low) = ((ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32);
        let mut body = self.words(&[interface, high, low, length, length]);
        body.extend(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.option(1, b"seen at the gate"));
        body.extend([0; 4]);
        self.block(6, &body);
    }
}

/// One section with every sort of block; three packets a second apart, the first at `second`.
fn lively(big: bool, second: u64) -> Vec<u8> {
    let mut file = Writer::section(big);
    file.interface(1, None);
    file.interface(101, Some(9));
    file.block(4, &[0; 8]);
    file.packet(0, second * 1_000_000 + 5, b"micro");
    file.block(5, &[0; 12]);
    file.block(0x0bad, b"whose?");
    file.block(0x7777_7777, b"what?");
    file.interface(113, Some(0x80 | 10));
    file.packet(1, (second + 1) * 1_000_000_000 + 7, b"nanoseconds");
    file.packet(2, (second + 2) * 1024 + 512, b"binary");
    file.out
}

fn expected(second: i64) -> Vec<Packet> {
    vec![
        (second * 1_000_000_000 + 5000, 1, b"micro".to_vec()),
        ((second + 1) * 1_000_000_000 + 7, 101, b"nanoseconds".to_vec()),
        ((second + 2) * 1_000_000_000 + 500_000_000, 113, b"binary".to_vec()),
    ]
}

#[test]
fn sections_of_both_byte_orders_with_every_sort_of_block() {
    let file = [lively(false, 100), lively(true, 200), lively(false, 300)].concat();
    let all = [expected(100), expected(200), expected(300)].concat();
    assert_eq!(read(&file), (all, Vec::new()));
}

#[test]
fn simple_packets_have_no_time_and_the_obsolete_block_has_one() {
    let mut file = Writer::section(true);
    file.interface(1, None);
    let mut simple = file.words(&[6]);
    simple.extend(b"simple");
    file.block(3, &simple);
    let mut old = file.half(0).to_vec();
    old.extend(file.half(3));
    old.extend(file.words(&[0, 2_000_000, 3, 3]));
    old.extend(b"old");
    file.block(2, &old);
    let packets = vec![(0, 1, b"simple".to_vec()), (2_000_000_000, 1, b"old".to_vec())];
    assert_eq!(read(&file.out), (packets, Vec::new()));
}

#[test]
fn a_damaged_block_is_passed_over_and_told_with_its_place() {
    let whole = lively(false, 100);
    let at = whole.windows(5).position(|part| part == b"micro").unwrap() - 28;
    for (place, value) in [(4, 0xff), (5, 0xff), (7, 0x7f)] {
        let mut file = [whole.clone(), lively(true, 200)].concat();
        file[at + place] ^= value;
        let (packets, warnings) = read(&file);
        assert_eq!(packets, [&expected(100)[1..], &expected(200)].concat(), "{place}");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(&format!("{at}: ")), "{warnings:?}");
    }
    // A packet that claims more bytes than its block has, or an interface that is not there.
    for (place, value) in [(20, 0xff), (8, 9)] {
        let mut file = whole.clone();
        file[at + place] ^= value;
        let (packets, warnings) = read(&file);
        assert_eq!((packets, warnings.len()), (expected(100)[1..].to_vec(), 1));
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_what_came_before() {
    let whole = lively(true, 100);
    for length in 28..whole.len() {
        let (packets, warnings) = read(&whole[..length]);
        assert_eq!(packets, expected(100)[..packets.len()]);
        assert!(warnings.len() <= 1 && warnings.iter().all(|told| told.contains("cut off")));
    }
}

#[test]
fn a_damaged_record_of_a_classic_file_is_passed_over() {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for second in 1_700_000_000..1_700_000_010_u32 {
        for word in [second, 7, 4, 4] {
            file.extend(word.to_le_bytes());
        }
        file.extend(second.to_be_bytes());
    }
    let at = 24 + 20 * 3;
    // A length that can't be, and one that could be if the file were longer.
    for byte in [11, 9] {
        let mut file = file.clone();
        file[at + byte] = 0xee;
        let (packets, warnings) = read(&file);
        let seconds: Vec<i64> =
            packets.iter().map(|packet| packet.0 / 1_000_000_000 % 100).collect();
        assert_eq!(seconds, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(warnings, [format!("{at}: a damaged record; 20 bytes were skipped")]);
    }
}
