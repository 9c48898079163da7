//! Segments made to mislead: bounded, counted, and the conversation they are aimed at goes on.

use super::tests::{ACK, FIN, Part, SYN, Script, TURNS, WHOLE};
use super::wire_tests::{Shown, check, shown, watch};
use super::*;
use crate::segment::SegmentHead;

const RST: u8 = 4;

/// A segment that somebody else sends in the name of one side, so far from where that side is.
fn forged(like: &Part, flags: u8, ahead: i64, data: &[u8]) -> Part {
    let far = u32::try_from(ahead.rem_euclid(1 << 32)).unwrap();
    Part { flags, seq: like.seq.wrapping_add(far), data: data.to_vec(), ..like.clone() }
}

/// The talk with something put before each of its segments but the handshake.
fn between(turns: &[(&str, &str)], isn: u32, forge: impl Fn(&Part) -> Vec<Part>) -> Vec<Shown> {
    let parts = Script::talk(isn, turns, 20);
    let mut all = parts[..3].to_vec();
    for part in &parts[3..] {
        all.extend(forge(part));
        all.push(part.clone());
    }
    shown(&all)
}

#[test]
fn bytes_outside_of_any_window_change_nothing_and_are_counted() {
    for isn in [7, u32::MAX - 40, 0x7fff_fff0] {
        for ahead in [70 << 20, 1 << 30, -(70 << 20), -(1 << 30)] {
            let one = |part: &Part| vec![forged(part, ACK, ahead, b"GET /forged HTTP/1.1\r\n\r\n")];
            let counters = check(&between(&TURNS, isn, one), &WHOLE);
            assert!(counters.streams.out_of_window > 10, "{isn} {ahead}: {counters:?}");
        }
    }
}

#[test]
fn bytes_far_ahead_that_nobody_acknowledges_blind_no_stream() {
    // Inside of what a window may be, for longer than any hole is waited for.
    let one = |part: &Part| vec![forged(part, ACK, 30 << 20, b"forged")];
    let mut seen = between(&TURNS, 7, one);
    for (at, seen) in (0..).zip(&mut seen) {
        seen.millis = at * 1500;
    }
    let counters = check(&seen, &WHOLE);
    assert!(counters.streams.out_of_window > 0);
    assert_eq!((counters.streams.lost_bytes, counters.streams.waiting_bytes), (0, 0));
}

#[test]
fn ends_and_resets_out_of_place_close_nothing() {
    for ahead in [-(1 << 30), -(40 << 20), 40 << 20, 1 << 30] {
        for flags in [FIN, RST, RST | ACK] {
            let counters =
                check(&between(&TURNS, 7, |part| vec![forged(part, flags, ahead, b"")]), &WHOLE);
            assert_eq!(counters.flows, 1, "{flags} {ahead}");
        }
    }
    // An end before what has come already is none either.
    let seen = between(&TURNS, 7, |part| vec![forged(part, FIN, -1, b"")]);
    assert_eq!(check(&seen, &WHOLE).flows, 1);
}

#[test]
fn of_segments_that_overlap_with_other_bytes_the_first_stays() {
    // The same place again with other bytes, right behind the true one.
    let parts = Script::talk(u32::MAX - 60, &TURNS, 1400);
    let mut all = Vec::new();
    for part in &parts {
        all.push(part.clone());
        if !part.data.is_empty() {
            all.push(Part { data: vec![b'#'; part.data.len()], ..part.clone() });
        }
    }
    let counters = check(&shown(&all), &WHOLE);
    assert_eq!(counters.streams.overlaps_differing, 6);
    // The same while both wait for what comes before them.
    let mut early = parts[..3].to_vec();
    let request = &parts[3];
    let (head, tail) = request.data.split_at(10);
    let seq = request.seq.wrapping_add(10);
    early.push(Part { seq, data: tail.to_vec(), ..request.clone() });
    early.push(Part { seq, data: vec![b'#'; tail.len()], ..request.clone() });
    early.push(Part { data: head.to_vec(), ..request.clone() });
    early.extend_from_slice(&parts[4..]);
    assert_eq!(check(&shown(&early), &WHOLE).streams.overlaps_differing, 1);
}

#[test]
fn pieces_that_wait_are_bounded_in_number_and_in_bytes() {
    // A hole that is never filled, then bytes one by one with a hole before each.
    let mut script = Script::new(9);
    script.next[0] = script.next[0].wrapping_add(1);
    for _ in 0..200_000 {
        script.part(true, ACK, b"x");
        script.next[0] = script.next[0].wrapping_add(1);
    }
    let seen: Vec<Shown> =
        shown(&script.parts).into_iter().map(|seen| Shown { millis: 1, ..seen }).collect();
    let limits = Limits { holes_max: 64, ..Limits::default() };
    let (told, counters) = watch(&limits, &seen);
    assert!(told.is_empty());
    assert!(counters.streams.gaps >= 200_000 - 65, "{counters:?}");
    assert_eq!(counters.streams.waiting_bytes, 0);
}

#[test]
fn flows_that_say_half_a_request_are_bounded_and_the_evicted_are_counted_and_told() {
    let limits = Limits { flows_max: 500, ..Limits::default() };
    let mut assembler = Assembler::new(&limits);
    let mut out = Vec::new();
    let server: SocketAddr = tests::SERVER.parse().unwrap();
    for number in 0..20_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let from = SocketAddr::new([198, a, b, c].into(), 1024);
        let mark = Mark { time: Timestamp::from_secs(1), packet: u64::from(number) };
        for (flags, seq, payload) in
            [(SYN, 1, &b""[..]), (ACK, 2, b"POST /half HTTP/1.1\r\nContent-Length: 9\r\n\r\n1234")]
        {
            let flags = crate::segment::TcpFlags(flags);
            let head = SegmentHead { flags, seq, ..SegmentHead::new(mark, from, server) };
            assembler.segment(&Segment { head, payload }, &mut out);
        }
        assert!(assembler.open() <= 500 && assembler.half_open() <= 125);
    }
    assert_eq!(assembler.counters().evicted, 20_000 - 500);
    assert_eq!(out.len(), 20_000 - 500);
    assert!(out.iter().all(|exchange| exchange.flags.incomplete));
}
