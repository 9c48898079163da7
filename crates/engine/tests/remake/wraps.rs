//! Ways to carry a packet inside another: every sort of tunnel that is undone.

use super::{Packets, parts};

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut out = vec![0x45, 0, total[0], total[1], 0, 9, 0, 0, 64, protocol, 0, 0];
    out.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    out.extend(payload);
    out
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    for last in [1, 2] {
        out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    out.extend(payload);
    out
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![4; 12];
    out.extend(kind.to_be_bytes());
    out.extend(payload);
    out
}

fn udp(port: u16, head: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 0];
    out.extend(port.to_be_bytes());
    out.extend(u16::try_from(8 + head.len() + payload.len()).unwrap().to_be_bytes());
    out.extend([0, 0]);
    out.extend(head);
    out.extend(payload);
    ethernet(0x0800, &ipv4(17, &out))
}

/// Behind a tag: its type, then its bytes, the old type the last of them.
fn tag(packet: &[u8], tag: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    out.splice(12..12, tag.iter().copied());
    out
}

fn in_ip(protocol: u8, head: &[u8], payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(protocol, &[head, payload].concat()))
}

/// A number that differs by direction, as ends of tunnels and labels do: the servers of the saved
/// captures have the lower ports.
fn direction(packet: &[u8]) -> u8 {
    let tcp = parts(packet).1;
    if packet[tcp..tcp + 2] < packet[tcp + 2..tcp + 4] { 1 } else { 2 }
}

/// The packet in IPv6, with these headers between IP and TCP.
fn moved(packet: &[u8], first: u8, headers: &[u8]) -> Vec<u8> {
    let (ip, tcp, _) = parts(packet);
    let length = u16::try_from(packet.len() - tcp + headers.len()).unwrap().to_be_bytes();
    let mut out = vec![0x60, 0, 0, 0, length[0], length[1], first, 64];
    for address in [&packet[ip + 12..ip + 16], &packet[ip + 16..ip + 20]] {
        out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(address);
    }
    out.extend(headers);
    out.extend(&packet[tcp..]);
    ethernet(0x86dd, &out)
}

/// A way to carry a packet inside another, by name.
pub type Wrap = (&'static str, fn(&[u8]) -> Vec<u8>);

pub const WRAPS: &[Wrap] = &[
    ("VLAN", |packet| tag(packet, &[0x81, 0, 0x20, 7])),
    ("QinQ", |packet| tag(packet, &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9])),
    ("VN-Tag", |packet| tag(packet, &[0x89, 0x26, 0, 0, 0, direction(packet)])),
    ("E-Tag", |packet| tag(packet, &[0x89, 0x3f, 0, 0, 0, 0, 0, direction(packet)])),
    ("MACsec", |packet| tag(packet, &[0x88, 0xe5, 0, 0, 0, 0, 0, 1])),
    ("802.1ah", |packet| ethernet(0x88e7, &[&[0, 0, 0, 5], packet].concat())),
    ("NSH", |packet| {
        let head = [0, 2, 2, 3, 0, 0, direction(packet), 255];
        ethernet(0x894f, &[&head, packet].concat())
    }),
    ("MPLS", |packet| {
        let labels = [0, 6, 0x40, 64, 0, direction(packet), 0x11, 64];
        ethernet(0x8847, &[&labels, &packet[14..]].concat())
    }),
    ("pseudo-wire", |packet| {
        let labels = [0, 6, direction(packet) << 4 | 1, 64, 0, 0, 0, 0];
        ethernet(0x8847, &[&labels, packet].concat())
    }),
    ("MPLS in UDP", |packet| udp(6635, &[0, 6, 0x41, 64], &packet[14..])),
    ("PPPoE", |packet| {
        ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 0, 0, 0x21], &packet[14..]].concat())
    }),
    ("PPPoE, short", |packet| {
        ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 0, 0x21], &packet[14..]].concat())
    }),
    ("L2TP", |packet| udp(1701, &[0, 2, 0, 1, 0, direction(packet), 0x21], &packet[14..])),
    ("VXLAN", |packet| udp(4789, &[8, 0, 0, 0, 0, 1, 0, 0], packet)),
    ("VXLAN-GPE", |packet| udp(4790, &[0x0c, 0, 0, 1, 0, 0, 5, 0], &packet[14..])),
    ("GENEVE", |packet| udp(6081, &[1, 0, 0x65, 0x58, 0, 1, 0, 0, 1, 2, 3, 4], packet)),
    ("VXLAN in GENEVE", |packet| {
        let nested = udp(4789, &[8, 0, 0, 0, 0, 1, 0, 0], packet);
        udp(6081, &[0, 0, 8, 0, 0, 1, 0, 0], &nested[14..])
    }),
    ("GRE", |packet| in_ip(47, &[0x20, 0, 8, 0, 0, 0, 0, 5], &packet[14..])),
    ("NVGRE", |packet| in_ip(47, &[0x20, 0, 0x65, 0x58, 0, 0, 5, 1], packet)),
    ("ERSPAN I", |packet| in_ip(47, &[0, 0, 0x88, 0xbe], packet)),
    ("ERSPAN II", |packet| {
        let head = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0, direction(packet), 0, 0, 0, 0];
        in_ip(47, &head, packet)
    }),
    ("ERSPAN III", |packet| {
        let mut head = vec![0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 0, direction(packet)];
        head.resize(20, 0);
        in_ip(47, &head, packet)
    }),
    ("GTP-U", |packet| udp(2152, &[0x30, 255, 0, 0, 0, 0, 0, direction(packet)], &packet[14..])),
    ("TZSP", |packet| udp(37_008, &[1, 0, 0, 1, 1], packet)),
    ("EtherIP", |packet| in_ip(97, &[0x30, 0], packet)),
    ("IP in IP", |packet| in_ip(4, &[], &packet[14..])),
    ("4in6", |packet| ethernet(0x86dd, &ipv6(4, &packet[14..]))),
    ("6in4", |packet| in_ip(41, &[], &moved(packet, 6, &[])[14..])),
    ("Teredo", |packet| udp(3544, &[], &moved(packet, 6, &[])[14..])),
    ("IPv6", |packet| moved(packet, 6, &[])),
    ("IPv6 with options", |packet| {
        moved(packet, 0, &[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0])
    }),
    ("IPv6, atomic fragment", |packet| moved(packet, 44, &[6, 0, 0, 0, 0, 0, 0, 7])),
    ("authentication header", |packet| {
        let mut head = vec![51, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        head.resize(24, 9);
        head[0] = 6;
        moved(packet, 51, &head)
    }),
];

pub fn wrap(packets: &[(i64, Vec<u8>)], how: fn(&[u8]) -> Vec<u8>) -> Packets {
    packets.iter().map(|(time, packet)| (*time, how(packet))).collect()
}
