//! Orders in which a conversation may be seen, and answers that stand for themselves.

use super::tests::{Part, Script, TURNS, WHOLE, exchanges, play, show};
use super::*;

fn asks(count: usize) -> (String, String, Vec<String>) {
    let requests = (0..count).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let answers =
        (0..count).map(|n| format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{n:03}")).collect();
    let told = (0..count).map(|n| format!("GET /{n} → 200 \"{n:03}\"")).collect();
    (requests, answers, told)
}

#[test]
fn a_hundred_requests_in_a_row_are_answered_in_a_row() {
    let (requests, answers, expected) = asks(100);
    for size in [1, 33, 1400, usize::MAX] {
        assert_eq!(play(&Script::talk(7, &[(&requests, &answers)], size)), expected, "{size}");
    }
}

/// The mirror of one direction lags behind that of the other.
#[test]
fn answers_captured_before_what_they_answer_meet_it() {
    let (requests, answers, expected) = asks(40);
    let both = [(requests.as_str(), answers.as_str())];
    for (turns, expected) in [(&both[..], &expected[..]), (&TURNS, &WHOLE.map(str::to_owned))] {
        for size in [20, 1400] {
            let mut parts = Script::talk(7, turns, size);
            let last = parts.len() - 2;
            // Stable: every direction keeps its order.
            parts[3..last].sort_by_key(|part| part.from_client);
            let told: Vec<String> = play(&parts);
            let pairs: Vec<&str> =
                told.iter().map(|told| told.trim_end_matches(" repaired")).collect();
            assert_eq!(pairs, expected, "{size}");
        }
    }
}

#[test]
fn answers_without_a_body_and_interim_ones_keep_the_order() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n".repeat(3);
    let last = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let turns = [
        ("HEAD /1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("GET /2 HTTP/1.1\r\n\r\n", "HTTP/1.1 304 x\r\nContent-Length: 99\r\n\r\n"),
        ("DELETE /3 HTTP/1.1\r\n\r\n", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD /4 HTTP/1.1\r\n\r\n", "HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("POST /5 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", &last),
    ];
    let expected = [
        "HEAD /1 → 200 \"\"",
        "GET /2 → 304 \"\"",
        "DELETE /3 → 204 \"\"",
        "HEAD /4 → 404 \"\"",
        "POST /5 → 200 \"hi\"",
    ];
    for size in [1, 1400] {
        assert_eq!(play(&Script::talk(7, &turns, size)), expected);
    }
    // All in one go, too.
    let (asked, answered): (Vec<&str>, Vec<&str>) = turns.into_iter().unzip();
    assert_eq!(play(&Script::talk(7, &[(&asked.concat(), &answered.concat())], 1400)), expected);
}

#[test]
fn a_stream_that_lasts_all_day_stays_paired() {
    let mut script = Script::new(7);
    script.say(true, "GET /events HTTP/1.1\r\n\r\n", 1400);
    script.say(false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1400);
    let start = script.parts.len();
    for _ in 0..48 {
        script.say(false, "9\r\ndata: x\n\n\r\n", 1400);
    }
    script.say(false, "0\r\n\r\n", 1400);
    script.say(true, TURNS[0].0, 1400);
    script.say(false, TURNS[0].1, 1400);
    let mut assembler = Assembler::new(&Limits::default());
    let mut out = Vec::new();
    // An event every half hour.
    for (number, part) in script.parts.iter().enumerate() {
        let secs = i64::try_from(number.saturating_sub(start) * 1800).unwrap();
        let mark = Mark { time: Timestamp::from_secs(secs), packet: number as u64 + 1 };
        assembler.tick(mark.time, mark.packet, &mut out);
        tests::feed_one(&mut assembler, part, mark, &mut out);
    }
    let told: Vec<String> = out.iter().map(show).collect();
    assert_eq!(
        told,
        [format!("GET /events → 200 {:?}", "data: x\n\n".repeat(48)).as_str(), WHOLE[0]]
    );
    assert_eq!(assembler.counters().timed_out, 0);
}

#[test]
fn one_side_alone_is_told_whole_and_flagged() {
    let (requests, answers, _) = asks(100);
    let parts = Script::talk(7, &[(&requests, &answers)], 100);
    for from_client in [true, false] {
        let half: Vec<Part> =
            parts.iter().filter(|part| part.from_client == from_client).cloned().collect();
        let told = exchanges(&Limits::default(), &half);
        assert_eq!(told.len(), 100);
        assert!(told.iter().all(|one| one.flags.one_sided));
        assert!(told.iter().all(|one| one.request.is_some() == from_client));
    }
}

#[test]
fn what_was_handed_over_is_counted_as_such() {
    let connect = ("CONNECT h:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n");
    let upgrade = (
        "GET /up HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
    );
    let inside = ("\x16\x03\x01 hello", "\x16\x03\x03 hello, too");
    for first in [connect, upgrade] {
        for size in [1, 5, 1400] {
            let mut assembler = Assembler::new(&Limits::default());
            let parts = Script::talk(7, &[first, inside, inside], size);
            tests::feed(&mut assembler, &parts, &mut Vec::new(), |_| ());
            let counters = assembler.counters();
            let bytes = 2 * (inside.0.len() + inside.1.len()) as u64;
            assert_eq!((counters.handed_over, counters.handed_over_bytes), (1, bytes), "{size}");
        }
    }
    let mut assembler = Assembler::new(&Limits::default());
    let parts = Script::talk(7, &[connect, TURNS[0]], 1400);
    tests::feed(&mut assembler, &parts, &mut Vec::new(), |_| ());
    assert_eq!(assembler.counters().handed_over_bytes, 0);
}

#[test]
fn digests_are_told_where_they_are_asked_for() {
    let parts = Script::talk(7, &TURNS, 5);
    for body_hash in [false, true] {
        let told = exchanges(&Limits { body_hash, ..Limits::default() }, &parts);
        let hashed = told.iter().filter(|one| {
            one.response.as_ref().is_some_and(|message| message.body.sha256.is_some())
        });
        assert_eq!(hashed.count(), if body_hash { 3 } else { 0 });
    }
}
