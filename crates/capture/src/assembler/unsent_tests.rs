//! Bodies that were announced and not sent, and bodies that only look like requests.

use super::tests::{ACK, FIN, Part, Script, play};

const REFUSED: &str = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
const GET: &str = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// Heads that announce a body.
const HEADS: [&str; 5] = [
    "POST /1 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n",
    "POST /1 HTTP/1.1\r\nContent-Length: 4000\r\nContent-Length: 1\r\n\r\n",
    "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /1 HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nContent-Length: 7000\r\n\r\n",
    "POST /1 HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 7000\r\n\r\n",
];

fn script(turns: &[(bool, &str)], size: usize) -> Vec<Part> {
    let mut script = Script::new(77);
    for (from_client, text) in turns {
        script.say(*from_client, text, size);
    }
    script.control(true, FIN);
    script.control(false, FIN);
    script.parts
}

fn check(turns: &[(bool, &str)], expected: &[&str]) {
    for size in [1, 7, 1400, usize::MAX] {
        assert_eq!(play(&script(turns, size)), expected, "{turns:?} {size}");
    }
}

#[test]
fn requests_that_stand_where_a_body_was_due_are_read() {
    for head in HEADS {
        check(
            &[(true, head), (false, REFUSED), (true, GET), (false, OK), (true, GET), (false, OK)],
            &["POST /1 → 417 \"\" incomplete", "GET /evil → 200 \"hi\"", "GET /evil → 200 \"hi\""],
        );
        // Behind empty lines; one that has a body itself; one that is never answered.
        let post = "\r\n\r\nPOST /evil HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        check(
            &[(true, head), (false, REFUSED), (true, post), (false, OK), (true, GET)],
            &[
                "POST /1 → 417 \"\" incomplete",
                "POST /evil → 200 \"hi\"",
                "GET /evil → ? incomplete",
            ],
        );
    }
}

#[test]
fn one_body_after_the_other_may_be_left_out() {
    for head in HEADS {
        let turn = [(true, head), (false, REFUSED)];
        let turns = [turn, turn, turn, turn].concat();
        check(&turns, &["POST /1 → 417 \"\" incomplete"; 4]);
    }
}

#[test]
fn requests_sent_without_waiting_are_told_by_their_answers() {
    for head in HEADS {
        let all = format!("{head}{GET}{GET}");
        let answers = format!("{REFUSED}{OK}{OK}");
        let expected =
            ["POST /1 → 417 \"\" incomplete", "GET /evil → 200 \"hi\"", "GET /evil → 200 \"hi\""];
        check(&[(true, &all), (false, &answers)], &expected);
        check(&[(true, head), (true, GET), (true, GET), (false, &answers)], &expected);
        check(
            &[(true, &all), (false, REFUSED), (false, OK), (false, OK), (true, GET), (false, OK)],
            &[&expected[..], &["GET /evil → 200 \"hi\""]].concat(),
        );
    }
}

#[test]
fn the_body_that_was_left_out_is_told_as_an_anomaly() {
    use super::*;
    let parts = script(&[(true, HEADS[0]), (false, REFUSED), (true, GET), (false, OK)], 1400);
    let told = tests::exchanges(&Limits::default(), &parts);
    let odd = |at: usize| told[at].request.as_ref().unwrap().anomalies.clone();
    assert_eq!(odd(0), [stilt_model::Anomaly::BodyNotSent]);
    assert!(odd(1).is_empty() && told[0].flags.incomplete && !told[1].flags.incomplete);
}

/// A body that is sent counts as such, whatever stands in it and whenever it was answered.
#[test]
fn bodies_that_hold_requests_are_bodies() {
    let inner = GET.repeat(3);
    let head = format!("POST /1 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", inner.len());
    let chunked = "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    let expected = ["POST /1 → 417 \"\"", "GET /evil → 200 \"hi\""];
    for (head, body) in [(head.as_str(), inner.as_str()), (chunked, &chunks)] {
        // Answered when it is there; before it is sent; in the middle of it.
        let (first, second) = body.split_at(GET.len() + 4);
        check(&[(true, head), (true, body), (false, REFUSED), (true, GET), (false, OK)], &expected);
        check(&[(true, head), (false, REFUSED), (true, body), (true, GET), (false, OK)], &expected);
        check(
            &[
                (true, head),
                (true, first),
                (false, REFUSED),
                (true, second),
                (true, GET),
                (false, OK),
            ],
            &expected,
        );
    }
    // Cut so that segments begin with what looks like a request.
    for answered in 0..4 {
        let mut turns = vec![(true, head.as_str())];
        turns.extend([(true, GET); 3]);
        turns.insert(1 + answered, (false, REFUSED));
        turns.extend([(true, GET), (false, OK)]);
        check(&turns, &expected);
    }
}

#[test]
fn large_bodies_that_begin_like_a_request_are_bodies() {
    let text = format!("{GET}{}", "and so on\n".repeat(20_000));
    let head = format!("POST /1 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", text.len());
    let (first, second) = text.split_at(9000);
    for answered in [1, 2, 3] {
        let mut turns = vec![(true, head.as_str()), (true, first), (true, second)];
        turns.insert(answered, (false, REFUSED));
        if answered > 1 {
            turns.extend([(true, GET), (false, OK)]);
        }
        let told = play(&script(&turns, 1400));
        assert_eq!(told[0], "POST /1 → 417 \"\"");
        assert_eq!(told.len(), if answered > 1 { 2 } else { 1 });
    }
}

#[test]
fn a_request_with_more_behind_it_than_is_held_is_told_by_its_answer() {
    let text = format!("{GET}{}", "and so on\n".repeat(9000));
    let post = format!("POST /evil HTTP/1.1\r\nContent-Length: 90000\r\n\r\n{}", &text[..90_000]);
    for waits in [true, false] {
        for (second, third) in [(&post, "GET /evil → 200 \"hi\""), (&text, "")] {
            let mut turns = vec![(true, HEADS[0]), (false, REFUSED), (true, second), (false, OK)];
            if !waits {
                turns.swap(1, 2);
            }
            if !third.is_empty() {
                turns.extend([(true, GET), (false, OK)]);
            }
            let told = play(&script(&turns, 1400));
            assert_eq!(told[0], "POST /1 → 417 \"\" incomplete");
            assert!(told[1].contains("/evil → 200 \"hi\""), "{told:?}");
            assert_eq!(told.get(2).map_or("", |told| told), third);
        }
    }
}

#[test]
fn words_that_wait_for_their_line_end_are_a_body_when_it_is_there() {
    for text in ["hello", "hello world", "GET /a HTTP/1.1", "a", "\r\n\r\n"] {
        let head = format!("POST /1 HTTP/1.1\r\nContent-Length: {}\r\n\r\n", text.len());
        let expected = ["POST /1 → 417 \"\"", "GET /evil → 200 \"hi\""];
        for at in [1, 2] {
            let mut turns = vec![(true, head.as_str()), (true, text)];
            turns.insert(at, (false, REFUSED));
            turns.extend([(true, GET), (false, OK)]);
            check(&turns, &expected);
        }
    }
}

#[test]
fn what_is_held_is_bounded_and_read_in_few_steps() {
    use super::*;
    // Every piece may be the next request, each takes a new judgement.
    for (piece, size) in [("a b ", 1), ("a b ", 2), ("POST /1 HTTP/1.1\r\n", 18), (HEADS[2], 59)] {
        let mut script = Script::new(5);
        script.say(true, HEADS[0], 1400);
        script.say(false, REFUSED, 1400);
        script.say(true, &piece.repeat(60_000 / piece.len()), size);
        let mut assembler = Assembler::new(&Limits::default());
        let mut out = Vec::new();
        tests::feed(&mut assembler, &script.parts, &mut out, |assembler| {
            assert!(assembler.bodies <= 512 << 10, "{}", assembler.bodies);
        });
    }
}

proptest::proptest! {
    /// Whatever is announced, left out or sent, and however it is cut: the server, who alone knows,
    /// says so by its answers, and every answer meets its request.
    #[test]
    fn answers_tell_what_was_a_request(
        turns in proptest::collection::vec((0..HEADS.len(), 0_u8..4), 1..8),
        size in 1_usize..200,
    ) {
        let (mut said, mut expected) = (Vec::new(), Vec::new());
        for (number, (head, kind)) in turns.iter().enumerate() {
            let head = HEADS[*head].replace(" /1", &format!(" /{number}"));
            let (status, body) = (200 + number, GET.repeat(2));
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
            let sent = format!("POST /{number} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
            let cut = match kind {
                0 => {
                    said.extend([(true, head), (false, answer)]);
                    number + 1 < turns.len()
                }
                1 => {
                    said.extend([(true, sent + &body), (false, answer)]);
                    false
                }
                2 => {
                    said.extend([(true, sent), (false, answer), (true, body)]);
                    false
                }
                _ => {
                    said.extend([(true, format!("GET /{number} HTTP/1.1\r\n\r\n")), (false, answer)]);
                    false
                }
            };
            let method = if *kind == 3 { "GET" } else { "POST" };
            let flag = if cut || *kind == 0 { " incomplete" } else { "" };
            expected.push(format!("{method} /{number} → {status} \"\"{flag}"));
        }
        let said: Vec<(bool, &str)> = said.iter().map(|(who, text)| (*who, text.as_str())).collect();
        proptest::prop_assert_eq!(play(&script(&said, size)), expected);
    }
}

/// Segments without an acknowledgement tell nothing of what was seen.
#[test]
fn without_an_acknowledgement_nothing_is_split() {
    let mut parts = script(&[(true, HEADS[0]), (false, REFUSED), (true, GET)], 1400);
    for part in parts.iter_mut().filter(|part| part.data.starts_with(b"GET")) {
        part.flags &= !ACK;
    }
    assert_eq!(play(&parts), ["POST /1 → 417 \"\" incomplete"]);
}
