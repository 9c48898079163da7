//! Links and tunnels undone: from a frame to the TCP segment inside it.
//!
//! Decoders are rows of three tables, [`LINKS`] by link type, [`ETHERTYPES`] by the type of an
//! Ethernet payload, and [`TUNNELS`] by what of IP carries them; each turns bytes into the
//! next [`Layer`], up to a depth limit. Nothing is copied, but for IP fragments that must be put
//! together.

mod chdlc;
mod checksum;
mod counters;
mod etherip;
mod ethernet;
mod fragments;
mod framerelay;
mod geneve;
mod gre;
mod gtp;
mod ip;
mod ipip;
mod l2tp;
mod linux;
mod macsec;
mod mpls;
mod nsh;
mod path;
mod pbb;
mod porttag;
mod ppp;
mod pppoe;
mod raw;
mod teredo;
mod tzsp;
mod vlan;
mod vxlan;
mod wifi;

use crate::segment::{SegmentHead, TcpFlags};
use crate::source::Frame;
use core::net::SocketAddr;
use core::ops::Range;
pub use counters::Counters;
use counters::one;
use fragments::Fragments;
use path::digest;
pub use path::{Names, Path};
use serde::{Deserialize, Serialize};

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
            depth_max: 16,
            fragment_bytes_max: 16 << 20,
            fragment_wait_secs: 30,
            checksums: Checksums::Ignore,
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
    /// One payload of several in an 802.11 frame.
    Subframe,
    /// Nothing that can carry TCP.
    NotIp,
    /// What it carries is encrypted.
    Encrypted,
    /// Headers make no sense.
    Malformed,
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

/// What an `EtherType` leads to.
pub struct EtherSpec {
    /// Name.
    pub name: &'static str,
    /// Its types.
    pub kinds: &'static [u16],
    /// Gives the next layer and where it starts.
    pub decode: fn(&[u8], &mut Path) -> (Layer, usize),
}

/// Link types that are known.
pub const LINKS: &[&LinkSpec] = &[
    &ethernet::ETHERNET,
    &raw::RAW,
    &linux::SLL,
    &linux::SLL2,
    &raw::NULL,
    &ppp::PPP,
    &ppp::PPP_DIRECTED,
    &pppoe::PPP_ETHER,
    &chdlc::CHDLC,
    &chdlc::CHDLC_DIRECTED,
    &framerelay::FRAME_RELAY,
    &framerelay::FRAME_RELAY_DIRECTED,
    &wifi::RADIOTAP,
    &wifi::IEEE802_11,
    &wifi::PPI,
    &wifi::PRISM,
    &linux::NFLOG,
];

/// Payloads of Ethernet that are known, the most frequent first.
pub const ETHERTYPES: &[&EtherSpec] = &[
    &ethernet::IP,
    &vlan::VLAN,
    &mpls::MPLS,
    &pppoe::PPPOE,
    &ethernet::BRIDGED,
    &porttag::VNTAG,
    &porttag::ETAG,
    &pbb::PBB,
    &nsh::NSH,
    &macsec::MACSEC,
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
    &mpls::MPLS_IN_IP,
    &etherip::ETHERIP,
    &l2tp::L2TP,
    &tzsp::TZSP,
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
    /// Where the next payload of the present frame begins, where it has several.
    after: Option<(usize, Path)>,
    counters: Counters,
}

/// Where the decoder stands in a frame.
struct Place {
    layer: Layer,
    at: usize,
    path: Path,
    depth: usize,
}

/// What going on from a place came to.
enum Step {
    Found(Option<Decoded>),
    /// Fragments have made a whole datagram: the way goes on inside it.
    Datagram(Box<Place>),
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            fragments: Fragments::new(limits.fragment_bytes_max, limits.fragment_wait_secs),
            whole: Vec::new(),
            after: None,
            counters: Counters::default(),
        }
    }

    /// What was counted; fragments that wait still are counted as given up.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        let waiting = self.fragments.waiting();
        counters.fragments_lost = counters.fragments_lost.saturating_add(waiting);
        counters
    }

    /// The datagram that was last put together.
    #[must_use]
    pub fn reassembled(&self) -> &[u8] {
        &self.whole
    }

    /// Finds the TCP segment in a frame, if there is one. Others in the same frame are given by
    /// [`Decoder::more`].
    pub fn decode(&mut self, frame: &Frame, bytes: &[u8]) -> Option<Decoded> {
        one(&mut self.counters.frames);
        self.counters.bytes = self.counters.bytes.saturating_add(bytes.len() as u64);
        if (frame.wire_len as usize) > bytes.len() {
            one(&mut self.counters.cut);
        }
        self.after = None;
        let mut path = Path::new(frame, bytes.len());
        let Some(spec) = LINKS.iter().find(|spec| spec.types.contains(&frame.link)) else {
            one(&mut self.counters.unknown_link);
            return None;
        };
        let (layer, at) = (spec.decode)(bytes, &mut path);
        let found = self.walk(frame, bytes, Place { layer, at, path, depth: 0 });
        found.or_else(|| self.more(frame, bytes))
    }

    /// Finds the next segment in a frame that carries several payloads.
    pub fn more(&mut self, frame: &Frame, bytes: &[u8]) -> Option<Decoded> {
        while let Some((at, path)) = self.after.take() {
            let place = Place { layer: Layer::Subframe, at, path, depth: 0 };
            let found = self.walk(frame, bytes, place);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn walk(&mut self, frame: &Frame, bytes: &[u8], place: Place) -> Option<Decoded> {
        let mut step = self.follow(frame, bytes, place);
        let mut reassembled = false;
        loop {
            match step {
                Step::Found(found) => {
                    return found.map(|decoded| Decoded { reassembled, ..decoded });
                }
                Step::Datagram(place) => {
                    reassembled = true;
                    let whole = core::mem::take(&mut self.whole);
                    step = self.follow(frame, &whole, *place);
                    if matches!(step, Step::Found(_)) {
                        self.whole = whole;
                    }
                }
            }
        }
    }

    fn follow(&mut self, frame: &Frame, bytes: &[u8], place: Place) -> Step {
        let Place { mut layer, mut at, mut path, mut depth } = place;
        loop {
            depth = depth.saturating_add(1);
            if depth > self.limits.depth_max {
                one(&mut self.counters.too_deep);
                return Step::Found(None);
            }
            let rest = bytes.get(at..path.end).unwrap_or_default();
            let next = match layer {
                Layer::Ether(kind) => next(ethernet::payload(kind, rest, &mut path)),
                Layer::Ethernet => next(ethernet::decode(rest, &mut path)),
                Layer::Ppp(protocol) => next(ppp::payload(protocol, rest, &mut path)),
                Layer::Ip => ip::decode(rest, at, &mut path),
                Layer::Subframe => {
                    let (layer, skip, whole) = wifi::subframe(rest);
                    if whole > 0 && whole < rest.len() {
                        self.after = Some((at.saturating_add(whole), path));
                    }
                    next((layer, skip))
                }
                Layer::Transport(6) => {
                    return Step::Found(self.tcp(frame, rest, at, &path));
                }
                Layer::Transport(protocol) => self.transport(protocol, rest, at, &mut path),
                Layer::NotIp | Layer::Encrypted | Layer::Malformed => {
                    one(match layer {
                        Layer::NotIp => &mut self.counters.not_ip,
                        Layer::Encrypted => &mut self.counters.encrypted,
                        _ => &mut self.counters.malformed,
                    });
                    return Step::Found(None);
                }
            };
            match next {
                ip::Ip::Next(to, skip) => {
                    layer = to;
                    at = at.saturating_add(skip);
                }
                ip::Ip::Fragment(fragment) => {
                    let (time, counters) = (frame.mark.time, &mut self.counters);
                    let whole = self.fragments.add(fragment, rest, time, &mut self.whole, counters);
                    let Some(protocol) = whole else { return Step::Found(None) };
                    (path.end, path.missing, path.cut) = (self.whole.len(), 0, 0);
                    let layer = Layer::Transport(protocol);
                    return Step::Datagram(Box::new(Place { layer, at: 0, path, depth }));
                }
                ip::Ip::Nothing => return Step::Found(None),
            }
        }
    }

    /// What an IP protocol other than TCP leads to.
    fn transport(&mut self, protocol: u8, rest: &[u8], at: usize, path: &mut Path) -> ip::Ip {
        let v6 = path.addresses.is_some_and(|(source, _)| source.is_ipv6());
        match protocol {
            17 => match udp(rest) {
                Some((spec, layer, skip)) => {
                    self.undone(spec);
                    path.enter(spec, rest.get(8..).unwrap_or_default());
                    ip::Ip::Next(layer, skip)
                }
                None => {
                    one(&mut self.counters.udp);
                    ip::Ip::Nothing
                }
            },
            // Encapsulating security payload.
            50 => ip::Ip::Next(Layer::Encrypted, 0),
            _ if v6 && ip::is_extension(protocol) => ip::extensions(protocol, rest, 0, at, path),
            _ => match TUNNELS.iter().find(|spec| spec.protocol == Some(protocol)) {
                Some(spec) => {
                    self.undone(spec);
                    path.enter(spec, rest);
                    next((spec.decode)(rest))
                }
                None => {
                    one(&mut self.counters.other_ip);
                    ip::Ip::Nothing
                }
            },
        }
    }

    /// Counts a tunnel.
    fn undone(&mut self, spec: &TunnelSpec) {
        let known = TUNNELS.iter().zip(&mut self.counters.tunnels);
        known.filter(|(one, _)| one.name == spec.name).for_each(|(_, count)| one(count));
    }

    fn tcp(&mut self, frame: &Frame, rest: &[u8], at: usize, path: &Path) -> Option<Decoded> {
        let header = tcp_header(rest);
        let (Some((head, skip)), Some((source, destination))) = (header, path.addresses) else {
            one(&mut self.counters.malformed);
            return None;
        };
        if self.limits.checksums == Checksums::Verify
            && path.missing == 0
            && !checksum::is_right(source, destination, rest)
        {
            one(&mut self.counters.bad_checksums);
            return None;
        }
        one(&mut self.counters.segments);
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
                way: path.way,
                tunnel: path.tunnel,
            },
            payload: start..path.end,
            reassembled: false,
        })
    }
}

/// A step that stays in the same bytes.
const fn next((layer, skip): (Layer, usize)) -> ip::Ip {
    ip::Ip::Next(layer, skip)
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
