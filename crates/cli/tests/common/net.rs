//! Captures: classic pcap of Ethernet, IPv4 and TCP.

use std::net::SocketAddrV4;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
const MSS: usize = 1400;
const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// Ticks of the packet times in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ticks {
    Micro,
    Nano,
}

/// Packets with their time (nanoseconds since 1970).
#[derive(Default)]
pub struct Capture {
    packets: Vec<(u64, Vec<u8>)>,
}

impl Capture {
    /// As one pcap file.
    pub fn pcap(&self, ticks: Ticks) -> Vec<u8> {
        self.cut(1, ticks).remove(0)
    }

    /// As `count` pcap files, each with the packets that follow those of the file before.
    pub fn cut(&self, count: usize, ticks: Ticks) -> Vec<Vec<u8>> {
        let mut sorted: Vec<&(u64, Vec<u8>)> = self.packets.iter().collect();
        sorted.sort_by_key(|(time, _)| *time);
        let each = sorted.len().div_ceil(count).max(1);
        sorted.chunks(each).map(|part| file(part, ticks)).collect()
    }

    /// As two pcap files: what passed before a time, and the rest.
    pub fn cut_at(&self, time: u64, ticks: Ticks) -> [Vec<u8>; 2] {
        let mut sorted: Vec<&(u64, Vec<u8>)> = self.packets.iter().collect();
        sorted.sort_by_key(|(time, _)| *time);
        let (before, after) = sorted.split_at(sorted.partition_point(|(at, _)| *at < time));
        [before, after].map(|part| file(part, ticks))
    }

    pub fn len(&self) -> usize {
        self.packets.len()
    }
}

/// Bytes of the file header.
pub const FILE_HEADER: usize = 24;
/// Bytes of a record header.
pub const RECORD_HEADER: usize = 16;

fn file(packets: &[&(u64, Vec<u8>)], ticks: Ticks) -> Vec<u8> {
    let (magic, unit): (u32, u64) = match ticks {
        Ticks::Micro => (0xa1b2_c3d4, 1000),
        Ticks::Nano => (0xa1b2_3c4d, 1),
    };
    let mut out = Vec::new();
    out.extend(magic.to_le_bytes());
    out.extend([2, 0, 4, 0]);
    out.extend([0; 8]);
    out.extend(262_144_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    for (time, packet) in packets {
        let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
        out.extend(u32::try_from(time / SECOND).unwrap().to_le_bytes());
        out.extend(u32::try_from(time % SECOND / unit).unwrap().to_le_bytes());
        out.extend(length);
        out.extend(length);
        out.extend(packet);
    }
    out
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

/// A TCP connection, from its handshake to its end.
pub struct Connection<'a> {
    capture: &'a mut Capture,
    client: SocketAddrV4,
    server: SocketAddrV4,
    /// Next sequence number of client and server.
    next: [u32; 2],
    ident: u16,
    /// Time of the next packet.
    pub now: u64,
}

impl<'a> Connection<'a> {
    pub fn open(capture: &'a mut Capture, client: &str, server: &str, at: u64) -> Self {
        let mut connection = Self {
            capture,
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            next: [1000, 9000],
            ident: 1,
            now: at,
        };
        connection.packet(0, SYN, b"");
        connection.packet(1, SYN | ACK, b"");
        connection.packet(0, ACK, b"");
        connection
    }

    /// One request and its response.
    pub fn exchange(&mut self, request: &[u8], response: &[u8]) {
        self.send(0, request);
        self.now += 3_000_000;
        self.send(1, response);
    }

    fn send(&mut self, side: usize, bytes: &[u8]) {
        for part in bytes.chunks(MSS) {
            self.packet(side, PSH | ACK, part);
        }
        self.packet(1 - side, ACK, b"");
    }

    /// Time goes by.
    pub fn pause(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    pub fn close(mut self) {
        self.packet(0, FIN | ACK, b"");
        self.packet(1, FIN | ACK, b"");
        self.packet(0, ACK, b"");
    }

    fn packet(&mut self, side: usize, flags: u8, data: &[u8]) {
        let ends = [self.client, self.server];
        let (from, to) = (ends[side], ends[1 - side]);
        let sequence = self.next[side];
        let acknowledged = if flags & ACK == 0 { 0 } else { self.next[1 - side] };
        let mut tcp = Vec::new();
        tcp.extend(from.port().to_be_bytes());
        tcp.extend(to.port().to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(data);
        let length = u16::try_from(tcp.len()).unwrap();
        let (source, target) = (from.ip().octets(), to.ip().octets());
        let sum = checksum(&[&source, &target, &[0, 6], &length.to_be_bytes(), &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let mut ip = vec![0x45, 0];
        ip.extend((length + 20).to_be_bytes());
        ip.extend(self.ident.to_be_bytes());
        ip.extend([0x40, 0, 64, 6, 0, 0]);
        ip.extend(source);
        ip.extend(target);
        let sum = checksum(&[&ip]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend(ip);
        frame.extend(tcp);
        self.capture.packets.push((self.now, frame));
        self.now += 40_000;
        self.ident = self.ident.wrapping_add(1);
        let taken = u32::try_from(data.len()).unwrap() + u32::from(flags & (SYN | FIN) != 0);
        self.next[side] = sequence.wrapping_add(taken);
    }
}

/// A message with its `Content-Length`.
pub fn message(start: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut out = format!("{start}\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || start.starts_with("HTTP/") || start.starts_with("POST") {
        out.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    out.push_str(body);
    out.into_bytes()
}
