//! What the fuzzer calls: frames, segments and files as they may come. A panic is a finding, and so
//! is whatever breaks one of the promises asserted here. The same functions run on the saved
//! corpora with every test run (`tests/fuzz.rs`).

use core::net::SocketAddr;
use std::path::PathBuf;
use stilt_capture::assembler::{Assembler, Limits};
use stilt_capture::link::{self, Decoder};
use stilt_capture::source::{self, Batch, Frame};
use stilt_capture::{Segment, SegmentHead, TcpFlags};
use stilt_model::{Mark, Timestamp};

/// Takes numbers and pieces off the front of an input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn mark(number: u32) -> Mark {
    let time = Timestamp::from_nanos(i64::from(number) * 300_000_000);
    Mark { time, packet: u64::from(number) + 1 }
}

/// Frames: a link type, then each with its length and what of it is missing.
pub fn frames(data: &[u8]) {
    let mut input = Input(data);
    let link = match input.byte() {
        row if usize::from(row) < link::LINKS.len() => link::LINKS[usize::from(row)].types[0],
        other => u16::from(other),
    };
    let limits = link::Limits { fragment_bytes_max: 64 << 10, ..link::Limits::default() };
    let mut decoder = Decoder::new(&limits);
    let mut assembler = Assembler::new(&Limits::default());
    let mut out = Vec::new();
    for number in 0..256 {
        if input.0.is_empty() {
            break;
        }
        let (length, cut) = (usize::from(input.short()), u32::from(input.byte()));
        let bytes = input.take(length);
        let len = u32::try_from(bytes.len()).unwrap();
        let wire_len = len + if cut > 200 { cut } else { 0 };
        let frame = Frame { mark: mark(number), link, start: 0, len, wire_len, interface: 0 };
        if let Some(decoded) = decoder.decode(&frame, bytes) {
            let all = if decoded.reassembled { decoder.reassembled() } else { bytes };
            let payload = all.get(decoded.payload).expect("a payload lies inside its packet");
            assembler.segment(&Segment { head: decoded.head, payload }, &mut out);
        }
    }
    assembler.finish(mark(300), &mut out);
    ledger(&decoder.counters(), link);
}

/// Each frame ends in one of the outcomes, and in no more; but what 802.11 packs together, and
/// fragments, which are accounted for as such until they are whole.
fn ledger(counters: &link::Counters, link: u16) {
    let told = [
        counters.segments,
        counters.udp,
        counters.other_ip,
        counters.not_ip,
        counters.encrypted,
        counters.malformed,
        counters.unknown_link,
        counters.bad_checksums,
        counters.too_deep,
    ];
    let told: u64 = told.iter().sum();
    let ended = told + counters.fragments - counters.reassembled;
    let several = [105, 119, 127, 163, 192].contains(&link);
    assert!(ended == counters.frames || (several && ended > counters.frames), "{counters:?}");
}

/// Segments of one connection: each with flags, where it stands, what it acknowledges, its length.
pub fn segments(data: &[u8]) {
    let mut input = Input(data);
    let limits = Limits {
        hole_bytes_max: 4096,
        holes_max: 8,
        pipeline_max: 8,
        flows_max: 4,
        bodies_max: 64 << 10,
        ..Limits::default()
    };
    let mut assembler = Assembler::new(&limits);
    let mut out = Vec::new();
    let ends: [SocketAddr; 2] = ["10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
    let mut next = [u32::MAX - 300, 7_u32];
    let mut number = 0;
    while !input.0.is_empty() && number < 512 {
        number += 1;
        let control = input.byte();
        let side = usize::from(control >> 7);
        let flags = match control & 7 {
            0..=3 => 0x10,
            4 if side == 1 => 0x12,
            4 => 0x02,
            5 => 0x11,
            6 => 0x04,
            _ => 0,
        };
        // Most stand where they should; the others a little before or behind it.
        let (off, back) = match (control >> 3) & 7 {
            0 => (u32::from(input.byte()), 0),
            1 => (0, u32::from(input.byte())),
            2 => (0, u32::from(input.short()) << 12),
            _ => (0, 0),
        };
        let missing = if control & 0x40 == 0 { 0 } else { u32::from(input.byte()) % 8 };
        let length = usize::from(input.byte());
        let payload = input.take(length);
        let seq = next[side].wrapping_add(off).wrapping_sub(back);
        let head = SegmentHead {
            flags: TcpFlags(flags),
            seq,
            ack: next[1 - side],
            missing,
            ..SegmentHead::new(mark(number), ends[side], ends[1 - side])
        };
        assembler.segment(&Segment { head, payload }, &mut out);
        let counts = u32::from(flags & 3 != 0);
        next[side] = seq.wrapping_add(u32::try_from(payload.len()).unwrap() + missing + counts);
        if number % 16 == 0 {
            assembler.tick(mark(number).time, u64::from(number), &mut out);
        }
    }
    assembler.finish(mark(number + 1), &mut out);
    let counters = assembler.counters();
    assert_eq!(counters.exchanges, out.len() as u64);
    assert!(counters.unanswered + counters.unasked <= counters.exchanges);
    // What is not whole says so.
    for one in &out {
        let cut = |message: &Option<stilt_model::Message>| {
            message.as_ref().is_none_or(|message| !message.body.complete)
        };
        let unasked = one.response.as_ref().is_some_and(|response| {
            response.anomalies.contains(&stilt_model::Anomaly::UnexpectedResponse)
        });
        let lacks = cut(&one.request) && !(unasked && one.request.is_none());
        assert!(!one.flags.whole() || !(lacks || cut(&one.response)), "{:?}", one.flags);
    }
    // Nothing is told twice.
    let told = |side: fn(&stilt_model::Exchange) -> Option<u64>| {
        let mut offsets: Vec<u64> = out.iter().filter_map(side).collect();
        let all = offsets.len();
        offsets.sort_unstable();
        offsets.dedup();
        (all, offsets.len())
    };
    if counters.flows == 1 {
        let (all, apart) = told(|one| one.request.as_ref().map(|message| message.offset));
        assert_eq!(all, apart, "a request is told twice");
        let (all, apart) = told(|one| one.response.as_ref().map(|message| message.offset));
        assert_eq!(all, apart, "a response is told twice");
    }
}

fn saved(name: &str, data: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stilt-fuzz-{name}-{}", std::process::id()));
    std::fs::write(&path, data).unwrap();
    path
}

fn read(name: &str, data: &[u8], filter: Option<&str>) {
    let path = saved(name, data);
    let filter = filter.map(str::to_owned);
    let options = source::Options { packet_max: 1 << 16, filter, ..source::Options::default() };
    if let Ok(mut source) = source::open(&[path], &options) {
        let mut batch = Batch::default();
        let mut packets = 0;
        while let Ok(true) = source.fill(&mut batch) {
            for frame in &batch.frames {
                assert_eq!(batch.bytes(frame).len(), frame.len as usize);
                packets += 1;
            }
        }
        // A record takes some bytes, unless the file is packed.
        let packed = data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        assert!(packed || packets <= data.len() / 8, "{packets} packets");
        assert!(source.take_warnings().len() <= data.len() + 2);
    }
}

/// A file in the classic format; without its magic number it is given one.
pub fn pcap(data: &[u8]) {
    let magic = [0xd4, 0xc3, 0xb2, 0xa1];
    let own = data.get(..4).is_some_and(|start| start.contains(&0xa1));
    let file = if own { data.to_vec() } else { [&magic, data].concat() };
    read("pcap", &file, None);
}

/// A file of blocks; without a section header it is given one.
pub fn pcapng(data: &[u8]) {
    const SECTION: [u8; 28] = [
        10, 13, 13, 10, 28, 0, 0, 0, 77, 60, 43, 26, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255,
        255, 28, 0, 0, 0,
    ];
    let own = data.starts_with(&SECTION[..4]);
    let file = if own { data.to_vec() } else { [&SECTION, data].concat() };
    read("pcapng", &file, None);
}

/// A compiled filter on hostile packets.
pub fn filter(data: &[u8]) {
    const FILTERS: [&str; 8] = [
        "tcp port 80",
        "ip6 and tcp",
        "vlan and ip",
        "host 10.0.0.1 or net 192.168.0.0/16",
        "tcp[tcpflags] & tcp-syn != 0",
        "ip[6:2] & 0x1fff = 0 and greater 60",
        "ether host 00:00:00:00:00:01",
        "mpls and pppoes",
    ];
    let mut input = Input(data);
    let text = FILTERS[usize::from(input.byte()) % FILTERS.len()];
    let link = u32::from(input.byte());
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, link] {
        file.extend(word.to_le_bytes());
    }
    while !input.0.is_empty() {
        let length = usize::from(input.byte());
        let bytes = input.take(length);
        let length = u32::try_from(bytes.len()).unwrap();
        for word in [1, 0, length, length] {
            file.extend(u32::to_le_bytes(word));
        }
        file.extend(bytes);
    }
    read("filter", &file, Some(text));
}

/// A target: the name of its corpus, and what is called.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("frames", frames),
    ("segments", segments),
    ("pcap", pcap),
    ("pcapng", pcapng),
    ("filter", filter),
];
