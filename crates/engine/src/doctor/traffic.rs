//! What packets say: of which sort they are, and what of them can't be read.

use super::Check;
use crate::error::Error;
use foldhash::HashMap;
use foldhash::HashMapExt as _;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use stilt_capture::link::{Decoder, Limits};
use stilt_capture::segment::SegmentHead;
use stilt_capture::source::{Filter, Frame};
use stilt_model::Timestamp;

/// Connections that are told apart; later ones are counted as packets only.
const FLOWS_MAX: usize = 100_000;
/// Link types that are named.
const LINKS_MAX: usize = 8;
/// Bytes of a frame in which a UDP header is looked for.
const UDP_LOOK: usize = 160;
/// Ethernet header with two VLAN tags: what an MTU does not count.
const ETHERNET: u32 = 22;
/// 2000-01-01.
const LONG_AGO: i64 = 946_684_800_000_000_000;

/// What the first bytes of a direction look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Http1,
    Http2,
    Tls,
    Other,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    seen: [bool; 2],
    said: [Option<Speech>; 2],
}

impl Flow {
    fn speaks(&self, speech: Speech) -> bool {
        self.said.contains(&Some(speech))
    }
}

/// What was seen.
pub(super) struct Traffic {
    decoder: Decoder,
    filter: Option<(String, Filter)>,
    flows: HashMap<(SocketAddr, SocketAddr, u64), Flow>,
    packets: u64,
    passed: u64,
    quic: u64,
    joined: u64,
    unknown: BTreeMap<u16, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    pub(super) damaged: u64,
    /// Of the interface, where there is one.
    pub(super) mtu: Option<u32>,
}

impl Traffic {
    pub(super) fn new(limits: &Limits, filter: Option<&str>) -> Result<Self, Error> {
        let filter = filter.map(|text| Ok::<_, Error>((text.to_owned(), Filter::new(text)?)));
        Ok(Self {
            decoder: Decoder::new(limits),
            filter: filter.transpose()?,
            flows: HashMap::new(),
            packets: 0,
            passed: 0,
            quic: 0,
            joined: 0,
            unknown: BTreeMap::new(),
            first: None,
            last: None,
            damaged: 0,
            mtu: None,
        })
    }

    pub(super) fn see(&mut self, frame: &Frame, bytes: &[u8]) -> Result<(), Error> {
        self.packets = self.packets.saturating_add(1);
        self.first = Some(self.first.map_or(frame.mark.time, |first| first.min(frame.mark.time)));
        self.last = self.last.max(Some(frame.mark.time));
        if let Some((_, filter)) = &mut self.filter
            && !filter.passes(frame.link, bytes)?
        {
            return Ok(());
        }
        self.passed = self.passed.saturating_add(1);
        let longest = self.mtu.map_or(9_022, |mtu| mtu.saturating_add(ETHERNET));
        self.joined = self.joined.saturating_add(u64::from(frame.wire_len > longest));
        let before = self.decoder.counters();
        let before = (before.unknown_link, before.udp);
        let decoded = self.decoder.decode(frame, bytes);
        let after = self.decoder.counters();
        if after.unknown_link > before.0 && self.unknown.len() < LINKS_MAX {
            let count = self.unknown.entry(frame.link).or_default();
            *count = count.saturating_add(1);
        }
        if after.udp > before.1 && is_quic(bytes) {
            self.quic = self.quic.saturating_add(1);
        }
        let Some(decoded) = decoded else { return Ok(()) };
        let from = if decoded.reassembled { self.decoder.reassembled() } else { bytes };
        let payload = from.get(decoded.payload).unwrap_or_default();
        let speech = (!payload.is_empty()).then(|| speech(payload));
        self.segment(&decoded.head, speech);
        Ok(())
    }

    fn segment(&mut self, head: &SegmentHead, speech: Option<Speech>) {
        let (low, high) = head.pair();
        let key = (low, high, head.network());
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&key) {
            return;
        }
        let flow = self.flows.entry(key).or_default();
        let side = usize::from(head.source != low);
        if let Some(seen) = flow.seen.get_mut(side) {
            *seen = true;
        }
        if let Some(said) = flow.said.get_mut(side) {
            *said = said.or(speech);
        }
    }

    /// What is to be said of it.
    pub(super) fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        if self.packets == 0 {
            let mend = "look whether the mirror is on, and where to; wait longer with --seconds";
            checks.push(Check::problem("packets", "not one packet was seen", mend));
            return checks;
        }
        checks.push(Check::good("packets", format!("{} packets were seen", self.packets)));
        if let Some((text, _)) = &self.filter {
            let check = format!("`{text}` lets {} of {} through", self.passed, self.packets);
            checks.push(match self.passed {
                0 => Check::problem(
                    "filter",
                    check,
                    "widen it; behind VLAN tags begin with `vlan and`, in a tunnel name the outside",
                ),
                _ => Check::good("filter", check),
            });
            if self.passed == 0 {
                return checks;
            }
        }
        self.links(&mut checks);
        self.directions(&mut checks);
        self.content(&mut checks);
        self.lesser(&mut checks);
        checks
    }

    fn links(&self, checks: &mut Vec<Check>) {
        let counters = self.decoder.counters();
        for (link, count) in &self.unknown {
            let text = format!("{count} packets of link type {link}, which is not known");
            checks.push(Check::problem("link", text, "capture on another interface, or tell us"));
        }
        let odd = counters.malformed.saturating_add(counters.not_ip);
        if odd.saturating_mul(2) > self.passed {
            let text = format!("{odd} of {} packets hold no IP that can be found", self.passed);
            let mend =
                "an encapsulation that is not known, or none of your traffic: look with tcpdump";
            checks.push(Check::problem("link", text, mend));
        }
        if counters.cut > 0 {
            let text = format!("{} packets were cut short when they were captured", counters.cut);
            checks.push(Check::problem("snaplen", text, "capture whole packets (tcpdump -s 0)"));
        }
    }

    fn directions(&self, checks: &mut Vec<Check>) {
        let one = self.flows.values().filter(|flow| flow.seen != [true; 2]).count();
        let all = self.flows.len();
        let mend = "mirror both directions of the port; of a tap, name both interfaces (-i A -i B)";
        if all > 0 && one.saturating_mul(2) > all {
            let text = format!("of {one} of {all} connections one direction only was seen");
            checks.push(Check::problem("direction", text, mend));
        } else if one > 0 {
            let text = format!("of {one} of {all} connections one direction only was seen");
            checks.push(Check::note("direction", text));
        } else if all > 0 {
            checks.push(Check::good("direction", format!("both, of all {all} connections")));
        }
    }

    fn content(&self, checks: &mut Vec<Check>) {
        let count = |speech| self.flows.values().filter(|flow| flow.speaks(speech)).count();
        let (http1, http2, tls) = (count(Speech::Http1), count(Speech::Http2), count(Speech::Tls));
        let mut told = |name: &'static str, any: bool, text: String, mend: &str| {
            if !any {
                return;
            }
            // Beside traffic that can be read it is worth knowing, no more.
            checks.push(match http1 {
                0 => Check::problem(name, text, mend),
                _ => Check::note(name, text),
            });
        };
        told(
            "tls",
            tls > 0,
            format!("{tls} connections are TLS: what they say can't be seen"),
            "mirror where it is in clear, behind what ends TLS: docs/deployment.md",
        );
        told(
            "quic",
            self.quic > 0,
            format!("{} packets are QUIC (HTTP/3): what they say can't be seen", self.quic),
            "mirror behind what ends it: docs/deployment.md",
        );
        told(
            "http2",
            http2 > 0,
            format!("{http2} connections are HTTP/2 in clear"),
            "let what ends TLS speak HTTP/1.1 to the application, where HTTP/2 can't be read yet",
        );
        checks.push(match (http1, self.flows.len()) {
            (0, 0) => Check::problem("http", "no TCP at all", "mirror the API's own traffic"),
            (0, all) => Check::problem(
                "http",
                format!("none of {all} connections is HTTP/1 in clear"),
                "mirror the API's own traffic, in clear: docs/deployment.md",
            ),
            (http1, all) => Check::good("http", format!("{http1} of {all} connections are HTTP/1")),
        });
    }

    fn lesser(&self, checks: &mut Vec<Check>) {
        if self.joined > 0 {
            let text = format!(
                "{} packets are longer than the link's: offloads (GRO, LRO, TSO) join segments, \
                 which does no harm",
                self.joined
            );
            checks.push(Check::note("offload", text));
        }
        if self.damaged > 0 {
            let text = format!("{} places in the capture are damaged", self.damaged);
            checks.push(Check::problem("damage", text, "capture anew; what can be read is read"));
        }
        if self.first.is_some_and(|first| first.nanos() < LONG_AGO) {
            let text = "packets have stamps of before the year 2000";
            checks.push(Check::problem("clock", text, "set the clock of the capturing machine"));
        }
    }
}

/// The first bytes of a direction.
fn speech(payload: &[u8]) -> Speech {
    let method = payload.iter().position(|byte| *byte == b' ').and_then(|end| payload.get(..end));
    match payload {
        [b'P', b'R', b'I', b' ', b'*', ..] => Speech::Http2,
        [0x14..=0x17, 3, 0..=4, ..] => Speech::Tls,
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => Speech::Http1,
        _ if method.is_some_and(|method| {
            (3..=20).contains(&method.len()) && method.iter().all(u8::is_ascii_uppercase)
        }) && holds(payload.get(..4096).unwrap_or(payload), b" HTTP/1.") =>
        {
            Speech::Http1
        }
        _ => Speech::Other,
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A UDP header of port 443 followed by a long header of QUIC (RFC 9000 §17.2) of version 1 or 2,
/// somewhere near the front of a frame.
fn is_quic(bytes: &[u8]) -> bool {
    let near = bytes.get(..UDP_LOOK).unwrap_or(bytes);
    near.windows(13).any(|window| {
        let [s0, s1, d0, d1, _, _, _, _, first, version @ ..] = window else { return false };
        let https = [[*s0, *s1], [*d0, *d1]].contains(&443_u16.to_be_bytes());
        let known = matches!(version, [0, 0, 0, 1] | [0x6b, 0x33, 0x43, 0xcf]);
        https && known && first & 0xc0 == 0xc0
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn seen(flows: &[([bool; 2], &[u8])]) -> Vec<(&'static str, State)> {
        let mut traffic = Traffic::new(&Limits::default(), None).unwrap();
        for (at, (sides, bytes)) in flows.iter().enumerate() {
            traffic.packets += 1;
            let ends = [format!("10.0.0.{at}:40000"), "10.9.9.9:443".to_owned()];
            let [from, to] = ends.map(|end| end.parse().unwrap());
            let mark = stilt_model::Mark { time: Timestamp::ZERO, packet: 1 };
            if sides[0] {
                traffic.segment(&SegmentHead::new(mark, from, to), Some(speech(bytes)));
            }
            if sides[1] {
                traffic.segment(&SegmentHead::new(mark, to, from), None);
            }
        }
        traffic.checks().iter().map(|check| (check.check, check.state)).collect()
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

    #[test]
    fn each_reason_why_nothing_is_seen_is_told() {
        assert_eq!(seen(&[]), [("packets", State::Problem)]);
        let both = [true, true];
        let good = seen(&[(both, REQUEST)]);
        assert!(good.iter().all(|(_, state)| *state == State::Good), "{good:?}");
        for (flows, name) in [
            (&[(both, HELLO)][..], "tls"),
            (&[(both, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")], "http2"),
            (&[(both, b"SSH-2.0-x\r\n")], "http"),
            (&[([true, false], REQUEST)], "direction"),
        ] {
            assert!(seen(flows).contains(&(name, State::Problem)), "{name}: {:?}", seen(flows));
        }
        // Beside what can be read it is no problem.
        let mixed = seen(&[(both, HELLO), (both, REQUEST)]);
        assert!(mixed.contains(&("tls", State::Note)), "{mixed:?}");
    }

    #[test]
    fn quic_is_known_by_its_version_behind_a_udp_header() {
        let mut frame = vec![0; 42];
        frame.extend([0xd0, 0x12, 0x01, 0xbb, 0x04, 0xd8, 0, 0, 0xc3, 0, 0, 0, 1, 8, 1, 2, 3]);
        assert!(is_quic(&frame));
        frame[46] = 0;
        frame[45] = 53;
        assert!(!is_quic(&frame[..40]) && !is_quic(&[]));
    }
}
