//! Connections whose directions have labels, tunnel ends or mirror sessions of their own.

use super::tests::{Script, TURNS, WHOLE};
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
