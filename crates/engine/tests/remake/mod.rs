//! Captures made anew: the same conversations, carried otherwise.

mod wraps;

use std::path::Path;
use stilt_capture::source::{self, Batch};
pub use wraps::{WRAPS, wrap};

/// Packets with their time in nanoseconds.
pub type Packets = Vec<(i64, Vec<u8>)>;

/// Draws that are the same on every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 8).unwrap() % end.max(1)
    }
}

/// The Ethernet packets of a capture.
pub fn read(path: &Path) -> Packets {
    let mut source = source::open(&[path.to_path_buf()], &source::Options::default()).unwrap();
    let (mut batch, mut out) = (Batch::default(), Vec::new());
    while source.fill(&mut batch).unwrap() {
        for frame in &batch.frames {
            assert_eq!(frame.link, 1);
            out.push((frame.mark.time.nanos(), batch.bytes(frame).to_vec()));
        }
    }
    out
}

/// A pcap file.
pub fn pcap(packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        out.extend(word.to_le_bytes());
    }
    for (nanos, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        let second = u32::try_from(nanos.div_euclid(1_000_000_000)).unwrap();
        let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap();
        for word in [second, rest, length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}

/// A pcapng file of big-endian words, with two interfaces of different clocks used in turn.
pub fn pcapng(packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let pad = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + pad + 12).unwrap().to_be_bytes();
        out.extend(kind.to_be_bytes());
        out.extend(length);
        out.extend(body);
        out.extend(&[0; 3][..pad]);
        out.extend(length);
    };
    block(
        0x0a0d_0d0a,
        &[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
    );
    block(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0x80 | 30, 0, 0, 0, 0, 0, 0, 0]);
    for (number, (nanos, bytes)) in packets.iter().enumerate() {
        let interface = u32::from(number % 2 == 1);
        let ticks = match interface {
            0 => u64::try_from(*nanos).unwrap(),
            _ => u64::try_from((i128::from(*nanos) << 30) / 1_000_000_000 + 1).unwrap(),
        };
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut body = interface.to_be_bytes().to_vec();
        body.extend(ticks.to_be_bytes());
        body.extend(length);
        body.extend(length);
        body.extend(bytes);
        block(6, &body);
    }
    out
}

/// Where the IPv4 header, the TCP header and the payload of an Ethernet packet begin.
fn parts(packet: &[u8]) -> (usize, usize, usize) {
    assert_eq!(packet[12..14], [8, 0]);
    let tcp = 14 + usize::from(packet[14] & 15) * 4;
    (14, tcp, tcp + usize::from(packet[tcp + 12] >> 4) * 4)
}

fn set_length(packet: &mut [u8]) {
    let length = u16::try_from(packet.len() - 14).unwrap();
    packet[16..18].copy_from_slice(&length.to_be_bytes());
}

/// Each payload cut at random places.
pub fn cut(packets: &[(i64, Vec<u8>)], dice: &mut Dice) -> Packets {
    let mut out = Vec::new();
    for (time, packet) in packets {
        let (_, tcp, start) = parts(packet);
        let mut at = start;
        while at == start || at < packet.len() {
            let left = packet.len() - at;
            let take = if left > 1 { 1 + dice.below(left.min(700)) } else { left };
            let mut piece = packet[..start].to_vec();
            piece.extend(&packet[at..at + take]);
            set_length(&mut piece);
            let seq = u32::from_be_bytes(packet[tcp + 4..tcp + 8].try_into().unwrap());
            let seq = seq.wrapping_add(u32::try_from(at - start).unwrap());
            piece[tcp + 4..tcp + 8].copy_from_slice(&seq.to_be_bytes());
            if at + take < packet.len() {
                piece[tcp + 13] &= !1;
            }
            out.push((*time, piece));
            at += take.max(1);
        }
    }
    out
}

/// Packets that are nearer in time than any answer change places, the handshakes apart.
pub fn shuffle(packets: &[(i64, Vec<u8>)], dice: &mut Dice) -> Packets {
    let mut out = packets.to_vec();
    let bare = |packet: &[u8]| packet[parts(packet).1 + 13] & 7 != 0;
    for at in 0..out.len().saturating_sub(3) {
        let to = at + 1 + dice.below(2);
        let near = out[to].0 - out[at].0 < 200_000;
        let plain = (at..=to).all(|at| !bare(&out[at].1));
        if near && plain && dice.below(4) == 0 {
            let (one, two) = out.split_at_mut(to);
            core::mem::swap(&mut one[at].1, &mut two[0].1);
        }
    }
    out
}

/// Each packet as a mirror shows it that copies both what comes in and what goes out.
pub fn twice(packets: &[(i64, Vec<u8>)], tag: bool) -> Packets {
    let mut out = Vec::new();
    for (time, packet) in packets {
        let mut copy = packet.clone();
        copy[..12].copy_from_slice(&[2; 12]);
        copy[22] = copy[22].wrapping_sub(1);
        copy[24] ^= 1;
        if tag {
            copy.splice(12..12, [0x81, 0, 0, 20]);
        }
        out.push((*time, packet.clone()));
        out.push((*time + 2000, copy));
    }
    out
}

/// One packet in ten is sent again, a while later and under another number.
pub fn sent_again(packets: &[(i64, Vec<u8>)], dice: &mut Dice) -> Packets {
    let mut out = packets.to_vec();
    for (time, packet) in packets.iter().filter(|_| dice.below(10) == 0) {
        let mut again = packet.clone();
        again[18..20].copy_from_slice(&[0xee, 0xee]);
        out.push((time + 210_000_000, again));
    }
    out.sort_by_key(|(time, _)| *time);
    out
}

/// The IP packets cut into fragments of at most `size` bytes, the last one first.
pub fn fragment(packets: &[(i64, Vec<u8>)], size: usize) -> Packets {
    let mut out = Vec::new();
    for (number, (time, packet)) in packets.iter().enumerate() {
        let (ip, data, _) = parts(packet);
        let pieces: Vec<usize> = (data..packet.len()).step_by(size / 8 * 8).collect();
        for (at, from) in pieces.iter().enumerate().rev() {
            let to = packet.len().min(from + size / 8 * 8);
            let mut piece = packet[..data].to_vec();
            piece.extend(&packet[*from..to]);
            set_length(&mut piece);
            let more = if at + 1 < pieces.len() { 0x2000 } else { 0 };
            let field = u16::try_from((from - data) / 8).unwrap() | more;
            piece[ip + 6..ip + 8].copy_from_slice(&field.to_be_bytes());
            let id = u16::try_from(number % 65_535).unwrap();
            piece[ip + 4..ip + 6].copy_from_slice(&id.to_be_bytes());
            out.push((*time, piece));
        }
    }
    out
}

/// The conversations that begin in a window of a capture, as far as they go in it, with no pause of
/// more than a second. What began before would be cut anew by whatever is done to it.
pub fn window(packets: &[(i64, Vec<u8>)], from: usize, count: usize) -> Packets {
    let ends = |packet: &[u8]| {
        let (ip, tcp, _) = parts(packet);
        let (a, b) = (
            [&packet[ip + 12..ip + 16], &packet[tcp..tcp + 2]].concat(),
            [&packet[ip + 16..ip + 20], &packet[tcp + 2..tcp + 4]].concat(),
        );
        if a < b { (a, b) } else { (b, a) }
    };
    let mut begun = std::collections::BTreeSet::new();
    let mut out: Packets = Vec::new();
    let mut pause = 0;
    for (time, packet) in packets.iter().skip(from) {
        let flags = packet[parts(packet).1 + 13];
        if flags & 0x12 == 2 {
            begun.insert(ends(packet));
        }
        if out.len() < count && begun.contains(&ends(packet)) {
            let last = out.last().map_or(*time, |(last, _)| *last);
            pause += (time - pause - last - 1_000_000_000).max(0);
            out.push((time - pause, packet.clone()));
        }
    }
    out
}

/// What one side sends comes so much later. The order within each side stays.
pub fn delayed(packets: &[(i64, Vec<u8>)], of_clients: bool, nanos: i64) -> Packets {
    let mut out = packets.to_vec();
    for (time, packet) in &mut out {
        let tcp = parts(packet).1;
        let client = packet[tcp..tcp + 2] > packet[tcp + 2..tcp + 4];
        *time += if client == of_clients { nanos } else { 0 };
    }
    out.sort_by_key(|(time, _)| *time);
    out
}

/// Two captures at once, the second between other addresses.
pub fn interleaved(first: &[(i64, Vec<u8>)], second: &[(i64, Vec<u8>)]) -> Packets {
    let start = |packets: &[(i64, Vec<u8>)]| packets.first().map_or(0, |(time, _)| *time);
    let shift = start(first) - start(second);
    let mut out = first.to_vec();
    for (time, packet) in second {
        let (ip, ..) = parts(packet);
        let mut packet = packet.clone();
        for at in [ip + 13, ip + 17] {
            packet[at] ^= 0x80;
        }
        out.push((time + shift, packet));
    }
    out.sort_by_key(|(time, _)| *time);
    out
}
