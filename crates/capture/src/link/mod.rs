//! Links and tunnels undone: from a frame to the TCP segment inside it.
//!
//! Decoders are rows of two tables, [`LINKS`] by link type and [`TUNNELS`] by what carries them;
//! each turns bytes into the next [`Layer`], up to a depth limit. Nothing is copied, but for IP
//! fragments that must be put together.

mod checksum;
mod ethernet;
mod fragments;
mod geneve;
mod gre;
mod gtp;
mod ip;
mod ipip;
mod linux;
mod mpls;
mod ppp;
mod raw;
mod teredo;
mod vxlan;
mod wifi;

use crate::segment::{SegmentHead, TcpFlags};
use crate::source::Frame;
use core::hash::{BuildHasher, Hash};
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;
use fragments::Fragments;
use serde::{Deserialize, Serialize};
use stilt_model::Tunnel;

/// What is done about checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksums {
    /// Nothing: where the sender's own packets are captured, its hardware has not filled them in.
    #[default]
    Ignore,
    /// Segments with a wrong one are counted and dropped, as their receiver would drop them.
    Verify,
}

/// Limits of the decoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Layers inside each other that are followed.
    pub depth_max: usize,
    /// Bytes of IP fragments kept until their datagram is whole.
    pub fragment_bytes_max: usize,
    /// Seconds a datagram waits for its fragments.
    pub fragment_wait_secs: u64,
    /// TCP checksums; set a floor above, beside what else concerns TCP.
    #[serde(skip)]
    pub checksums: Checksums,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth_max: 12,
            fragment_bytes_max: 16 << 20,
            fragment_wait_secs: 30,
            checksums: Checksums::Ignore,
        }
    }
}

/// What the links counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Frames seen.
    pub frames: u64,
    /// Bytes captured.
    pub bytes: u64,
    /// TCP segments handed over.
    pub segments: u64,
    /// UDP datagrams that are no tunnel.
    pub udp: u64,
    /// IP packets of other protocols.
    pub other_ip: u64,
    /// Frames that carry no IP.
    pub not_ip: u64,
    /// Frames whose headers make no sense or are cut off.
    pub malformed: u64,
    /// Frames of a link type that is not known.
    pub unknown_link: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Datagrams put together from fragments.
    pub reassembled: u64,
    /// Fragments given up.
    pub fragments_lost: u64,
    /// Fragments that overlap with other bytes; the first copy was kept.
    pub fragments_differing: u64,
    /// Segments with a wrong checksum, dropped.
    pub bad_checksums: u64,
    /// Frames cut by the capture length.
    pub cut: u64,
    /// Frames with more layers than are followed.
    pub too_deep: u64,
}

impl Counters {
    /// Adds the counts of another decoder.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.frames, other.frames),
            (&mut self.bytes, other.bytes),
            (&mut self.segments, other.segments),
            (&mut self.udp, other.udp),
            (&mut self.other_ip, other.other_ip),
            (&mut self.not_ip, other.not_ip),
            (&mut self.malformed, other.malformed),
            (&mut self.unknown_link, other.unknown_link),
            (&mut self.fragments, other.fragments),
            (&mut self.reassembled, other.reassembled),
            (&mut self.fragments_lost, other.fragments_lost),
            (&mut self.fragments_differing, other.fragments_differing),
            (&mut self.bad_checksums, other.bad_checksums),
            (&mut self.cut, other.cut),
            (&mut self.too_deep, other.too_deep),
        ] {
            *to = to.saturating_add(from);
        }
    }
}

/// What a layer carries, with where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A payload named by its `EtherType`.
    Ether(u16),
    /// An Ethernet frame.
    Ethernet,
    /// IPv4 or IPv6, told by its first nibble.
    Ip,
    /// A payload named by its PPP protocol number.
    Ppp(u16),
    /// A payload named by its IP protocol number.
    Transport(u8),
    /// Nothing that can carry TCP.
    NotIp,
    /// Headers make no sense.
    Malformed,
}

/// What the decoders write down as they go through a frame.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Digest of every VLAN tag on the way, 0 where there were none.
    pub lan: u32,
    /// Digest of every tunnel on the way, 0 where there was none.
    pub nest: u32,
    /// The innermost tunnel.
    pub tunnel: Option<Tunnel>,
    /// Identification of the innermost IPv4 header, 0 elsewhere.
    pub ip_id: u16,
    /// VLAN tags since the last IP header.
    pub vlan: [u16; 4],
    /// How many of them.
    pub vlan_count: u8,
    /// Addresses of the innermost IP header.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// End of the innermost IP payload in the bytes that were captured.
    pub end: usize,
    /// Bytes of that payload that were on the wire but not captured.
    pub missing: usize,
    /// Bytes of the frame that were on the wire but not captured.
    pub cut: usize,
}

impl Path {
    fn new(frame: &Frame, len: usize) -> Self {
        Self {
            lan: 0,
            nest: 0,
            tunnel: None,
            ip_id: 0,
            vlan: [0; 4],
            vlan_count: 0,
            addresses: None,
            end: len,
            missing: 0,
            cut: (frame.wire_len as usize).saturating_sub(len),
        }
    }

    /// Notes a VLAN tag.
    pub fn tag(&mut self, tag: u16) {
        self.lan = digest(&(self.lan, tag & 0x0fff));
        if let Some(slot) = self.vlan.get_mut(usize::from(self.vlan_count)) {
            *slot = tag & 0x0fff;
            self.vlan_count = self.vlan_count.saturating_add(1);
        }
    }
}

impl Path {
    /// Notes that a tunnel begins between the present addresses.
    fn enter(&mut self, spec: &TunnelSpec, bytes: &[u8]) {
        let (Some(names), Some((from, to))) = (spec.names, self.addresses) else { return };
        let (kind, id) = names(bytes);
        let tunnel = Tunnel { kind, id, outer: [from.min(to), from.max(to)] };
        self.nest = digest(&(self.nest, tunnel));
        self.tunnel = Some(tunnel);
    }
}

/// A digest that is the same in every run, and never 0.
fn digest(what: &impl Hash) -> u32 {
    let hash = foldhash::quality::FixedState::with_seed(0x11_4c).hash_one(what);
    u32::try_from(hash >> 32).unwrap_or(0).max(1)
}

/// A link type that can be undone.
pub struct LinkSpec {
    /// Name as registered.
    pub name: &'static str,
    /// `LINKTYPE_…` numbers.
    pub types: &'static [u16],
    /// Gives the next layer and where it starts.
    pub decode: fn(&[u8], &mut Path) -> (Layer, usize),
}

/// A tunnel that can be undone: given the bytes after the transport header.
pub struct TunnelSpec {
    /// Name.
    pub name: &'static str,
    /// UDP ports of it, either side; empty for a protocol directly on IP.
    pub ports: &'static [u16],
    /// IP protocol number, where it stands directly on IP.
    pub protocol: Option<u8>,
    /// Gives the next layer and where it starts; `NotIp` where the bytes are not this tunnel's.
    pub decode: fn(&[u8]) -> (Layer, usize),
    /// What it names, where its outer addresses and its id are those of a network of its own.
    pub names: Option<fn(&[u8]) -> Names>,
}

/// How a tunnel is called, and the network identifier in it (VNI, key).
pub type Names = (&'static str, Option<u32>);

/// Link types that are known.
pub const LINKS: &[&LinkSpec] = &[
    &ethernet::ETHERNET,
    &raw::RAW,
    &linux::SLL,
    &linux::SLL2,
    &raw::NULL,
    &ppp::PPP,
    &wifi::RADIOTAP,
    &wifi::IEEE802_11,
    &linux::NFLOG,
];

/// Tunnels that are known.
pub const TUNNELS: &[&TunnelSpec] = &[
    &gre::GRE,
    &ipip::IPIP,
    &ipip::IP6IN4,
    &ipip::AH,
    &vxlan::VXLAN,
    &vxlan::VXLAN_GPE,
    &geneve::GENEVE,
    &gtp::GTPU,
    &teredo::TEREDO,
];

/// A TCP segment found in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its headers.
    pub head: SegmentHead,
    /// Where its payload is: in the frame's bytes, or in [`Decoder::reassembled`].
    pub payload: Range<usize>,
    /// The payload is in [`Decoder::reassembled`].
    pub reassembled: bool,
}

/// Undoes links and tunnels. One per reader: fragments of a datagram must meet.
pub struct Decoder {
    limits: Limits,
    fragments: Fragments,
    whole: Vec<u8>,
    counters: Counters,
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            fragments: Fragments::new(limits.fragment_bytes_max, limits.fragment_wait_secs),
            whole: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The datagram that was last put together.
    #[must_use]
    pub fn reassembled(&self) -> &[u8] {
        &self.whole
    }

    /// Finds the TCP segment in a frame, if there is one.
    pub fn decode(&mut self, frame: &Frame, bytes: &[u8]) -> Option<Decoded> {
        self.counters.frames = self.counters.frames.saturating_add(1);
        self.counters.bytes = self.counters.bytes.saturating_add(bytes.len() as u64);
        if (frame.wire_len as usize) > bytes.len() {
            self.counters.cut = self.counters.cut.saturating_add(1);
        }
        let mut path = Path::new(frame, bytes.len());
        let Some(spec) = LINKS.iter().find(|spec| spec.types.contains(&frame.link)) else {
            self.counters.unknown_link = self.counters.unknown_link.saturating_add(1);
            return None;
        };
        let (layer, at) = (spec.decode)(bytes, &mut path);
        match self.follow(frame, bytes, layer, at, path, 0) {
            Ok(decoded) => decoded,
            Err(datagram) => {
                // The fragments make a datagram: go on inside it.
                let Datagram { protocol, path, depth } = *datagram;
                let whole = core::mem::take(&mut self.whole);
                let layer = Layer::Transport(protocol);
                let found = self.follow(frame, &whole, layer, 0, path, depth).ok().flatten();
                self.whole = whole;
                found.map(|decoded| Decoded { reassembled: true, ..decoded })
            }
        }
    }

    fn follow(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        mut layer: Layer,
        mut at: usize,
        mut path: Path,
        mut depth: usize,
    ) -> Result<Option<Decoded>, Box<Datagram>> {
        loop {
            depth = depth.saturating_add(1);
            if depth > self.limits.depth_max {
                self.counters.too_deep = self.counters.too_deep.saturating_add(1);
                return Ok(None);
            }
            let rest = bytes.get(at..path.end).unwrap_or_default();
            let (next, skip) = match layer {
                Layer::Ether(kind) => ethernet::payload(kind, rest, &mut path),
                Layer::Ethernet => ethernet::decode(rest, &mut path),
                Layer::Ppp(protocol) => ppp::payload(protocol, rest),
                Layer::Ip => match ip::decode(rest, at, &mut path) {
                    ip::Ip::Next(layer, skip) => (layer, skip),
                    ip::Ip::Fragment(fragment) => {
                        self.counters.fragments = self.counters.fragments.saturating_add(1);
                        let whole = self.fragments.add(
                            fragment,
                            rest,
                            frame.mark.time,
                            &mut self.whole,
                            &mut self.counters,
                        );
                        let Some(protocol) = whole else { return Ok(None) };
                        path.end = self.whole.len();
                        path.missing = 0;
                        return Err(Box::new(Datagram { protocol, path, depth }));
                    }
                },
                Layer::Transport(6) => return Ok(self.tcp(frame, rest, at, &path)),
                Layer::Transport(17) => match udp(rest) {
                    Some((spec, layer, skip)) => {
                        path.enter(spec, rest.get(8..).unwrap_or_default());
                        (layer, skip)
                    }
                    None => {
                        self.counters.udp = self.counters.udp.saturating_add(1);
                        return Ok(None);
                    }
                },
                Layer::Transport(protocol) => {
                    match TUNNELS.iter().find(|spec| spec.protocol == Some(protocol)) {
                        Some(spec) => {
                            path.enter(spec, rest);
                            (spec.decode)(rest)
                        }
                        None => {
                            self.counters.other_ip = self.counters.other_ip.saturating_add(1);
                            return Ok(None);
                        }
                    }
                }
                Layer::NotIp => {
                    self.counters.not_ip = self.counters.not_ip.saturating_add(1);
                    return Ok(None);
                }
                Layer::Malformed => {
                    self.counters.malformed = self.counters.malformed.saturating_add(1);
                    return Ok(None);
                }
            };
            layer = next;
            at = at.saturating_add(skip);
        }
    }

    fn tcp(&mut self, frame: &Frame, rest: &[u8], at: usize, path: &Path) -> Option<Decoded> {
        let header = tcp_header(rest);
        let (Some((head, skip)), Some((source, destination))) = (header, path.addresses) else {
            self.counters.malformed = self.counters.malformed.saturating_add(1);
            return None;
        };
        if self.limits.checksums == Checksums::Verify
            && path.missing == 0
            && !checksum::is_right(source, destination, rest)
        {
            self.counters.bad_checksums = self.counters.bad_checksums.saturating_add(1);
            return None;
        }
        self.counters.segments = self.counters.segments.saturating_add(1);
        let start = at.saturating_add(skip).min(path.end);
        Some(Decoded {
            head: SegmentHead {
                mark: frame.mark,
                source: SocketAddr::new(source, head.ports.0),
                destination: SocketAddr::new(destination, head.ports.1),
                vlan: path.vlan,
                vlan_count: path.vlan_count,
                flags: TcpFlags(head.flags),
                seq: head.seq,
                ack: head.ack,
                window: head.window,
                missing: u32::try_from(path.missing).unwrap_or(u32::MAX),
                ident: ident(path.ip_id, rest.get(20..skip).unwrap_or_default()),
                lan: path.lan,
                nest: path.nest,
                tunnel: path.tunnel,
            },
            payload: start..path.end,
            reassembled: false,
        })
    }
}

/// Fragments have made a whole datagram.
struct Datagram {
    protocol: u8,
    path: Path,
    depth: usize,
}

struct TcpHeader {
    ports: (u16, u16),
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
}

/// RFC 9293 §3.1. The options are skipped; a header that is cut off is malformed.
fn tcp_header(bytes: &[u8]) -> Option<(TcpHeader, usize)> {
    let fixed: &[u8; 20] = bytes.first_chunk()?;
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, ..] = *fixed;
    let length = usize::from(offset >> 4).saturating_mul(4);
    if length < 20 {
        return None;
    }
    let header = TcpHeader {
        ports: (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
    };
    Some((header, length))
}

/// What tells one sending of a segment from another: the packet's number and the TCP options,
/// which hold the time; 0 where it has neither.
fn ident(ip_id: u16, options: &[u8]) -> u32 {
    if ip_id == 0 && options.is_empty() { 0 } else { digest(&(ip_id, options)) }
}

/// A UDP datagram that is a tunnel.
fn udp(bytes: &[u8]) -> Option<(&'static TunnelSpec, Layer, usize)> {
    let [s0, s1, d0, d1, ..] = *bytes.first_chunk::<8>()?;
    let ports = [u16::from_be_bytes([d0, d1]), u16::from_be_bytes([s0, s1])];
    TUNNELS
        .iter()
        .filter(|spec| ports.iter().any(|port| spec.ports.contains(port)))
        .map(|spec| (*spec, (spec.decode)(bytes.get(8..).unwrap_or_default())))
        .find(|(_, (layer, _))| !matches!(layer, Layer::NotIp | Layer::Malformed))
        .map(|(spec, (layer, skip))| (spec, layer, skip.saturating_add(8)))
}

/// A big-endian 16-bit field.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let field: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(field))
}

#[cfg(test)]
mod tests;
