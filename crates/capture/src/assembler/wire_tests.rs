//! What mirrors and stacks do to the segments of a connection, and that it changes nothing.

use super::tests::{ACK, CLIENT, FIN, Part, SERVER, SYN, Script, TURNS, WHOLE, exchanges, show};
use super::*;
use crate::segment::{SegmentHead, TcpFlags};

/// A segment as a mirror shows it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) part: Part,
    pub(super) lan: u32,
    pub(super) nest: u32,
    pub(super) way: u32,
    pub(super) ident: u32,
    pub(super) millis: i64,
}

impl Shown {
    /// The same in a VLAN.
    pub(super) fn within(self, lan: u32) -> Self {
        Self { lan, ..self }
    }
}

/// Every part once, a millisecond apart, numbered.
pub(super) fn shown(parts: &[Part]) -> Vec<Shown> {
    let each = parts.iter().zip(1_u32..);
    each.map(|(part, ident)| Shown {
        part: part.clone(),
        lan: 0,
        nest: 0,
        way: 0,
        ident,
        millis: i64::from(ident),
    })
    .collect()
}

fn within(lan: u32, nest: u32, parts: &[Part]) -> Vec<Shown> {
    shown(parts).into_iter().map(|seen| Shown { lan, nest, ..seen }).collect()
}

/// One of each in turn.
pub(super) fn zip(first: Vec<Shown>, second: Vec<Shown>) -> Vec<Shown> {
    first.into_iter().zip(second).flat_map(|(a, b)| [a, b]).collect()
}

pub(super) fn watch(limits: &Limits, seen: &[Shown]) -> (Vec<String>, Counters) {
    let mut assembler = Assembler::new(limits);
    let mut out = Vec::new();
    let (client, server): (SocketAddr, SocketAddr) =
        (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    for (packet, seen) in (1..).zip(seen) {
        let part = &seen.part;
        let time = Timestamp::from_nanos(seen.millis * 1_000_000);
        let (source, destination) =
            if part.from_client { (client, server) } else { (server, client) };
        let head = SegmentHead {
            flags: TcpFlags(part.flags),
            seq: part.seq,
            ack: part.ack,
            missing: part.missing,
            lan: seen.lan,
            nest: seen.nest,
            way: seen.way,
            ident: seen.ident,
            ..SegmentHead::new(Mark { time, packet }, source, destination)
        };
        assembler.segment(&Segment { head, payload: &part.data }, &mut out);
    }
    let packet = seen.len() as u64 + 1;
    assembler.tick(Timestamp::from_secs(3000), packet, &mut out);
    assembler.finish(Mark { time: Timestamp::from_secs(3000), packet }, &mut out);
    (out.iter().map(show).collect(), *assembler.counters())
}

pub(super) fn check(seen: &[Shown], expected: &[&str]) -> Counters {
    let (mut told, counters) = watch(&Limits::default(), seen);
    let mut expected = expected.to_vec();
    told.sort();
    expected.sort_unstable();
    assert_eq!(told, expected, "{counters:?}");
    counters
}

fn carrying(parts: &[Part]) -> u64 {
    parts.iter().filter(|part| !part.data.is_empty() || part.flags & 3 != 0).count() as u64
}

#[test]
fn copies_of_a_mirror_are_dropped_and_counted() {
    let parts = Script::talk(7, &TURNS, 20);
    let counters = check(&zip(shown(&parts), shown(&parts)), &WHOLE);
    // The last FIN closes the connection: of what is closed nothing is looked at any more.
    assert_eq!(counters.duplicates, carrying(&parts) - 1);
    assert_eq!((counters.flows, counters.streams.retransmitted_bytes), (1, 0));
}

#[test]
fn what_is_sent_again_is_no_copy() {
    let parts = Script::talk(7, &TURNS, 20);
    let again = shown(&parts).into_iter().map(|seen| Shown { ident: seen.ident + 500, ..seen });
    let counters = check(&zip(shown(&parts), again.collect()), &WHOLE);
    assert_eq!(counters.duplicates, 0);
    assert!(counters.streams.retransmitted_bytes > 0);
    // Without a number, what comes after the shortest retransmission timer is sent again.
    let bare = shown(&parts).into_iter().map(|seen| Shown { ident: 0, ..seen });
    let late = bare.clone().map(|seen| Shown { millis: seen.millis + 200, ..seen });
    assert_eq!(check(&zip(bare.collect(), late.collect()), &WHOLE).duplicates, 0);
}

#[test]
fn one_connection_mirrored_in_two_vlans_is_one() {
    let parts = Script::talk(7, &TURNS, 20);
    for (first, second) in [(10, 20), (0, 20), (10, 0)] {
        let mut both = zip(within(first, 0, &parts), within(second, 0, &parts));
        let counters = check(&both, &WHOLE);
        assert_eq!((counters.flows, counters.joined), (1, 1), "{first} {second}");
        // Which copy comes first is chance.
        for at in (0..both.len() - 1).step_by(6) {
            both.swap(at, at + 1);
        }
        assert_eq!(check(&both, &WHOLE).flows, 1, "{first} {second}");
    }
    let apart = Limits { duplicates_across: Across::None, ..Limits::default() };
    let both = zip(within(10, 0, &parts), within(20, 0, &parts));
    assert_eq!(watch(&apart, &both).1.flows, 2);
}

#[test]
fn tenants_of_equal_addresses_and_numbers_never_mix() {
    let other = [TURNS[2], ("GET /9 HTTP/1.1\r\n\r\n", TURNS[0].1)];
    let (one, two) = (Script::talk(7, &TURNS[..2], 9), Script::talk(7, &other, 9));
    let all = [WHOLE[0], WHOLE[1], WHOLE[2], "GET /9 → 200 \"first\""];
    for ((lan, nest), (other_lan, other_nest)) in [
        ((10, 0), (20, 0)),
        ((0, 1), (0, 2)),
        ((0, 1), (0, 0)),
        ((10, 1), (10, 2)),
        ((10, 1), (20, 1)),
    ] {
        let mut seen = zip(within(lan, nest, &one), within(other_lan, other_nest, &two));
        let longer = two.len().max(one.len()) - two.len().min(one.len());
        let (rest, at) = if one.len() > two.len() {
            (within(lan, nest, &one), two.len())
        } else {
            (within(other_lan, other_nest, &two), one.len())
        };
        seen.extend_from_slice(&rest[at..]);
        assert_eq!(rest.len() - at, longer);
        assert_eq!(check(&seen, &all).flows, 2);
    }
}

#[test]
fn tunnels_keep_even_equal_bytes_apart_unless_told_otherwise() {
    let parts = Script::talk(7, &TURNS[..1], 20);
    let both = zip(within(0, 1, &parts), within(0, 2, &parts));
    check(&both, &[WHOLE[0], WHOLE[0]]);
    let one = Limits { duplicates_across: Across::Tunnels, ..Limits::default() };
    assert_eq!(watch(&one, &both).0, [WHOLE[0]]);
}

#[test]
fn directions_in_vlans_of_their_own_meet() {
    let parts = Script::talk(7, &TURNS, 20);
    let side = |seen: Shown| Shown { lan: if seen.part.from_client { 10 } else { 20 }, ..seen };
    let mut seen: Vec<Shown> = shown(&parts).into_iter().map(side).collect();
    assert_eq!(check(&seen, &WHOLE).joined, 1);
    // Joined midway, with the first request.
    seen.drain(..3);
    let told = watch(&Limits::default(), &seen).0;
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| told.ends_with(" midstream")), "{told:?}");
}

#[test]
fn ports_used_again_with_the_same_numbers_are_another_connection() {
    let parts = Script::talk(7, &TURNS[..1], 1400);
    let mut seen = shown(&parts);
    seen.extend(
        shown(&parts).into_iter().map(|again| Shown { millis: again.millis + 50, ..again }),
    );
    assert_eq!(check(&seen, &[WHOLE[0], WHOLE[0]]).flows, 2);
}

#[test]
fn a_request_may_come_amid_its_response() {
    let parts = Script::talk(7, &TURNS, 20);
    let first = |from_client| {
        parts.iter().position(|part| part.from_client == from_client && !part.data.is_empty())
    };
    let (asks, answers) = (first(true).unwrap(), first(false).unwrap());
    let until = parts.iter().skip(answers).position(|part| part.from_client).unwrap();
    for moved in 1..until {
        let mut seen = parts.clone();
        seen[asks..answers + moved].rotate_left(answers - asks);
        check(&shown(&seen), &WHOLE);
    }
}

#[test]
fn keep_alives_and_closed_windows_say_nothing() {
    let mut script = Script::new(u32::MAX - 30);
    for (request, response) in TURNS {
        script.say(true, request, 1400);
        for (from_client, garbage) in [(true, &b""[..]), (false, b""), (true, b"x"), (false, b"x")]
        {
            let side = usize::from(!from_client);
            let probe = Part {
                from_client,
                flags: ACK,
                seq: script.next[side].wrapping_sub(1),
                ack: script.next[1 - side],
                data: garbage.to_vec(),
                missing: 0,
            };
            script.parts.push(probe);
        }
        script.say(false, response, 1400);
    }
    script.control(true, FIN);
    script.control(false, FIN);
    assert_eq!(check(&shown(&script.parts), &WHOLE).streams.overlaps_differing, 0);
}

#[test]
fn both_may_open_at_once() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    // SYN and SYN cross, then each is answered by a SYN/ACK.
    let syn = Part { flags: SYN, ack: 0, ..parts[1].clone() };
    let answer = Part { flags: SYN | ACK, ack: parts[1].seq.wrapping_add(1), ..parts[0].clone() };
    parts.insert(1, syn);
    parts.insert(2, answer);
    check(&shown(&parts), &WHOLE);
}

#[test]
fn time_may_run_backwards_and_urgent_bytes_stay_in_line() {
    let mut seen = shown(&Script::talk(7, &TURNS, 9));
    let count = seen.len();
    for (at, seen) in seen.iter_mut().enumerate() {
        seen.millis = 1000 + i64::try_from((count - at) % 7).unwrap() * 40;
        seen.part.flags |= if at % 5 == 4 { 0x20 } else { 0 };
    }
    check(&seen, &WHOLE);
}

#[test]
fn segments_larger_than_a_packet_are_taken_as_they_are() {
    let body = "b".repeat(60_000);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{body}");
    let turns = [("GET /1 HTTP/1.1\r\n\r\n", response.as_str())];
    check(
        &shown(&Script::talk(u32::MAX - 9, &turns, 64_000)),
        &[&format!("GET /1 → 200 {body:?}")],
    );
}

#[test]
fn a_flood_of_syns_pushes_out_no_conversation() {
    let limits = Limits { flows_max: 1000, ..Limits::default() };
    let mut assembler = Assembler::new(&limits);
    let mut out = Vec::new();
    let server: SocketAddr = SERVER.parse().unwrap();
    let mut play = |parts: &[Part], flood: u32| {
        for part in parts {
            let client: SocketAddr = CLIENT.parse().unwrap();
            let (from, to) = if part.from_client { (client, server) } else { (server, client) };
            let head = SegmentHead {
                flags: TcpFlags(part.flags),
                seq: part.seq,
                ack: part.ack,
                ..SegmentHead::new(Mark::default(), from, to)
            };
            assembler.segment(&Segment { head, payload: &part.data }, &mut out);
        }
        for number in 0..flood {
            let [_, a, b, c] = number.to_be_bytes();
            let from = SocketAddr::new([198, a, b, c].into(), 1024);
            let flags = TcpFlags(SYN);
            let head = SegmentHead { flags, ..SegmentHead::new(Mark::default(), from, server) };
            assembler.segment(&Segment { head, payload: b"" }, &mut out);
            assert!(assembler.half_open() <= 250);
        }
    };
    let parts = Script::talk(7, &TURNS, 1400);
    play(&parts[..4], 200_000);
    play(&parts[4..], 0);
    assert_eq!(assembler.counters().half_open_evicted, 200_000 - 250);
    assert_eq!(out.iter().map(show).collect::<Vec<_>>(), WHOLE);
}

#[test]
fn a_load_balancer_may_say_first_for_whom_it_opens_the_connection() {
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([203, 0, 113, 7, 10, 0, 0, 1, 0, 9, 0, 80]);
    let text = b"PROXY TCP4 203.0.113.7 10.0.0.1 9 80\r\n".to_vec();
    for preface in [text, binary] {
        for size in [1, 5, 7, 1400] {
            let mut script = Script::new(7);
            script.say_bytes(true, &preface, size);
            for (request, response) in TURNS {
                script.say(true, request, size);
                script.say(false, response, size);
            }
            check(&shown(&script.parts), &WHOLE);
        }
    }
    // It names the client, also where it comes with the request in one segment.
    let mut script = Script::new(7);
    script.say(true, &format!("PROXY TCP4 203.0.113.7 10.0.0.1 9 80\r\n{}", TURNS[0].0), 1400);
    script.say(false, TURNS[0].1, 1400);
    let told = exchanges(&Limits::default(), &script.parts);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].proxied, "203.0.113.7".parse().ok());
    // What only begins like one is read as what it is.
    for size in [1, 3, 1400] {
        let mut script = Script::new(7);
        script.say(true, "PROPFIND /a HTTP/1.1\r\n\r\n", size);
        script.say(false, TURNS[0].1, size);
        check(&shown(&script.parts), &["PROPFIND /a → 200 \"first\""]);
    }
}

#[test]
fn a_request_line_longer_than_is_kept_is_told_with_its_response() {
    for size in [1400, 60_000, 200_000] {
        let mut script = Script::new(7);
        script.say(true, &format!("GET /long?{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)), size);
        script.say(false, TURNS[0].1, 1400);
        script.say(true, TURNS[1].0, 1400);
        script.say(false, TURNS[1].1, 1400);
        let (told, _) = watch(&Limits::default(), &shown(&script.parts));
        assert!(
            told[0].starts_with("GET /long?aaa") && told[0].contains("200"),
            "{:.200}",
            told[0]
        );
        assert_eq!(told[1..], WHOLE[1..2], "{size}");
    }
}
