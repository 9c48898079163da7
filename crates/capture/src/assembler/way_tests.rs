//! Connections whose directions have labels, tunnel ends or mirror sessions of their own.

use super::tests::{Part, Script, TURNS, WHOLE};
use super::wire_tests::{Shown, check, shown, watch, zip};
use super::*;

/// What the client sends goes one way, what the server sends another.
fn along(there: u32, back: u32, seen: Vec<Shown>) -> Vec<Shown> {
    let way = |seen: Shown| Shown { way: if seen.part.from_client { there } else { back }, ..seen };
    seen.into_iter().map(way).collect()
}

#[test]
fn directions_with_ends_of_their_own_are_one_connection() {
    let parts = Script::talk(7, &TURNS, 20);
    for across in [Across::None, Across::Vlans, Across::Tunnels] {
        let limits = Limits { duplicates_across: across, ..Limits::default() };
        for (there, back) in [(1, 2), (1, 0), (0, 2), (3, 3)] {
            let (told, counters) = watch(&limits, &along(there, back, shown(&parts)));
            assert_eq!(told, WHOLE, "{there} {back}");
            // Nothing was joined: it never was in two networks.
            assert_eq!((counters.flows, counters.joined), (1, 0));
        }
    }
}

#[test]
fn directions_meet_midway_and_where_the_answer_overtook_the_syn() {
    let mut seen = along(1, 2, shown(&Script::talk(7, &TURNS, 20)));
    seen.swap(0, 1);
    assert_eq!(check(&seen, &WHOLE).flows, 1);
    seen.drain(..3);
    let (told, counters) = watch(&Limits::default(), &seen);
    assert_eq!((told.len(), counters.flows), (3, 1));
    assert!(told.iter().all(|told| told.ends_with(" midstream")), "{told:?}");
}

#[test]
fn a_path_that_changes_midway_carries_the_same_connection() {
    let mut seen = along(1, 2, shown(&Script::talk(7, &TURNS, 20)));
    let half = seen.len() / 2;
    for seen in &mut seen[half..] {
        seen.way += 10;
    }
    assert_eq!(check(&seen, &WHOLE).flows, 1);
}

#[test]
fn tenants_behind_one_pair_of_ends_never_mix() {
    // Equal addresses and ports at the same time; each has numbers of its own, as hosts draw them.
    let other = [TURNS[2], ("GET /9 HTTP/1.1\r\n\r\n", TURNS[0].1)];
    let all = [WHOLE[0], WHOLE[1], WHOLE[2], "GET /9 → 200 \"first\""];
    let one = along(1, 2, shown(&Script::talk(7, &TURNS[..2], 9)));
    for isn in [0x4000_0000, 0x7fff_ff00, 0xc000_0000] {
        let two = along(3, 4, shown(&Script::talk(isn, &other, 9)));
        let both = one.len().min(two.len());
        let mut seen = zip(one.clone(), two.clone());
        seen.extend_from_slice(&one[both..]);
        seen.extend_from_slice(&two[both..]);
        assert_eq!(check(&seen, &all).flows, 2, "{isn}");
    }
}

#[test]
fn mirror_sessions_that_show_a_connection_twice_are_copies() {
    let parts = shown(&Script::talk(7, &TURNS, 20));
    let counters = check(&zip(along(1, 1, parts.clone()), along(2, 2, parts.clone())), &WHOLE);
    assert_eq!(counters.flows, 1);
    let carrying = |seen: &&Shown| !seen.part.data.is_empty();
    assert!(counters.duplicates >= parts.iter().filter(carrying).count() as u64);
}

#[test]
fn an_answer_far_behind_what_was_said_is_of_another_network() {
    // Numbers wrap: what lies far behind the first byte must not pass for the first byte.
    let one = Script::talk(0x9000_0000, &TURNS[..1], 1400);
    let two = Script::talk(0x1000_0000, &TURNS[1..2], 1400);
    let place = |lan: u32, seen: Vec<Shown>| {
        seen.into_iter().map(move |seen| seen.within(lan)).collect::<Vec<_>>()
    };
    let mut seen = place(10, shown(&one[..1]));
    // Of the other only the server was heard.
    let heard = two.iter().filter(|part| !part.from_client).cloned().collect::<Vec<_>>();
    seen.extend(place(20, shown(&heard)));
    seen.extend(place(10, shown(&one[1..])));
    let (told, counters) = watch(&Limits::default(), &seen);
    assert_eq!((counters.flows, counters.joined), (2, 0));
    assert!(told.contains(&WHOLE[0].to_owned()), "{told:?}");
}

/// A talk of which the second request is lost, so that the third waits behind a hole while the
/// responses come.
fn behind_a_hole() -> Vec<Part> {
    let head = ("HEAD /3 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
    let last = ("GET /4 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    let mut parts = Script::talk(7, &[TURNS[0], TURNS[1], head, last, head], 1400);
    parts.retain(|part| !part.data.starts_with(b"POST"));
    parts
}

#[test]
fn a_response_to_head_has_no_body_though_its_request_was_not_read_yet() {
    let counters = check(
        &shown(&behind_a_hole()),
        &[
            WHOLE[0],
            "? → 201 \"second\" incomplete",
            "HEAD /3 → 200 \"\" gap",
            "GET /4 → 200 \"last\"",
            "HEAD /3 → 200 \"\"",
        ],
    );
    assert_eq!(counters.streams.gaps, 1);
}

#[test]
fn a_response_to_head_has_no_body_though_its_side_alone_was_seen() {
    let one: Vec<Part> = behind_a_hole().into_iter().filter(|part| !part.from_client).collect();
    let (told, _) = watch(&Limits::default(), &shown(&one));
    assert!(told.contains(&"? → 200 \"last\" one_sided".to_owned()), "{told:?}");
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn requests_that_come_later_than_their_responses_meet_them_in_order() {
    let turns = [TURNS[0], TURNS[1], TURNS[2], TURNS[1]];
    let parts = shown(&Script::talk(7, &turns, 20));
    for late in [3, 30, 90] {
        let mut seen = parts.clone();
        for seen in seen.iter_mut().filter(|seen| seen.part.from_client) {
            seen.millis += late;
        }
        seen.sort_by_key(|seen| seen.millis);
        let told = check(&seen, &[WHOLE[0], WHOLE[1], WHOLE[2], WHOLE[1]]);
        assert_eq!(told.flows, 1, "{late}");
    }
}
