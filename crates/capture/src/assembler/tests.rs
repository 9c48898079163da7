use super::*;
use crate::segment::{SegmentHead, TcpFlags};
use core::net::SocketAddr;

pub(super) const CLIENT: &str = "10.0.0.1:40000";
pub(super) const SERVER: &str = "10.0.0.2:80";
pub(super) const SYN: u8 = 2;
pub(super) const ACK: u8 = 16;
pub(super) const FIN: u8 = 17;
const RST: u8 = 4;

/// One segment of a script.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) from_client: bool,
    pub(super) flags: u8,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) data: Vec<u8>,
    pub(super) missing: u32,
}

/// A connection with its own numbers, written down turn by turn.
pub(super) struct Script {
    pub(super) next: [u32; 2],
    pub(super) parts: Vec<Part>,
}

impl Script {
    pub(super) fn new(isn: u32) -> Self {
        let mut script = Self { next: [isn, isn.wrapping_mul(3)], parts: Vec::new() };
        script.control(true, SYN);
        script.control(false, SYN | ACK);
        script.control(true, ACK);
        script
    }

    pub(super) fn part(&mut self, from_client: bool, flags: u8, data: &[u8]) {
        let side = usize::from(!from_client);
        self.parts.push(Part {
            from_client,
            flags,
            seq: self.next[side],
            ack: self.next[1 - side],
            data: data.to_vec(),
            missing: 0,
        });
        let counts = u32::from(flags & 3 != 0);
        let length = u32::try_from(data.len()).unwrap();
        self.next[side] = self.next[side].wrapping_add(length).wrapping_add(counts);
    }

    pub(super) fn control(&mut self, from_client: bool, flags: u8) {
        self.part(from_client, flags, b"");
    }

    pub(super) fn say(&mut self, from_client: bool, text: &str, size: usize) {
        self.say_bytes(from_client, text.as_bytes(), size);
    }

    pub(super) fn say_bytes(&mut self, from_client: bool, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size.max(1)) {
            self.part(from_client, ACK, piece);
        }
    }

    pub(super) fn talk(isn: u32, turns: &[(&str, &str)], size: usize) -> Vec<Part> {
        let mut script = Self::new(isn);
        for (request, response) in turns {
            script.say(true, request, size);
            script.say(false, response, size);
        }
        script.control(true, FIN);
        script.control(false, FIN);
        script.parts
    }
}

pub(super) fn play(parts: &[Part]) -> Vec<String> {
    exchanges(&Limits::default(), parts).iter().map(show).collect()
}

pub(super) fn exchanges(limits: &Limits, parts: &[Part]) -> Vec<Exchange> {
    let mut assembler = Assembler::new(limits);
    let mut out = Vec::new();
    feed(&mut assembler, parts, &mut out, |_| ());
    let packet = parts.len() as u64 + 1;
    assembler.tick(Timestamp::from_secs(100), packet, &mut out);
    assembler.finish(Mark { time: Timestamp::from_secs(101), packet }, &mut out);
    out
}

/// Gives an assembler the parts of a script, a millisecond apart.
pub(super) fn feed(
    assembler: &mut Assembler,
    parts: &[Part],
    out: &mut Vec<Exchange>,
    mut look: impl FnMut(&Assembler),
) {
    for (number, part) in parts.iter().enumerate() {
        let time = Timestamp::from_nanos(i64::try_from(number).unwrap() * 1_000_000);
        feed_one(assembler, part, Mark { time, packet: number as u64 + 1 }, out);
        look(assembler);
    }
}

pub(super) fn feed_one(
    assembler: &mut Assembler,
    part: &Part,
    mark: Mark,
    out: &mut Vec<Exchange>,
) {
    let (client, server): (SocketAddr, SocketAddr) =
        (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let (source, destination) = if part.from_client { (client, server) } else { (server, client) };
    let head = SegmentHead {
        flags: TcpFlags(part.flags),
        seq: part.seq,
        ack: part.ack,
        window: 1000,
        missing: part.missing,
        ..SegmentHead::new(mark, source, destination)
    };
    assembler.segment(&Segment { head, payload: &part.data }, out);
}

/// `GET /1 → 200 "body" flags`
pub(super) fn show(exchange: &Exchange) -> String {
    let request = exchange.request.as_ref().map_or_else(
        || "?".to_owned(),
        |message| {
            let head = &message.head;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{} {}", text(head.method()), text(head.target()))
        },
    );
    let response = exchange.response.as_ref().map_or_else(
        || "?".to_owned(),
        |message| {
            let body = String::from_utf8_lossy(&message.body.kept).into_owned();
            format!("{} {body:?}", message.head.status)
        },
    );
    format!("{request} → {response} {}", exchange.flags.names().join(" ")).trim_end().to_owned()
}

pub(super) const TURNS: [(&str, &str); 3] = [
    ("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"),
    (
        "POST /2 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n",
    ),
    ("GET /3 HTTP/1.1\r\n\r\n", "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nthird"),
];
pub(super) const WHOLE: [&str; 3] =
    ["GET /1 → 200 \"first\"", "POST /2 → 201 \"second\"", "GET /3 → 404 \"third\""];

#[test]
fn requests_meet_their_responses_whatever_the_first_sequence_number() {
    for isn in [0, 1, u32::MAX, u32::MAX - 40, u32::MAX / 3 + 1] {
        for size in [1, 7, 1400] {
            assert_eq!(play(&Script::talk(isn, &TURNS, size)), WHOLE, "{isn} {size}");
        }
    }
}

#[test]
fn a_lost_request_leaves_its_response_alone_and_shifts_nothing() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    let lost = parts.iter().position(|part| part.data.starts_with(b"POST")).unwrap();
    parts.remove(lost);
    let told = play(&parts);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.contains(&"? → 201 \"second\"".to_owned()) || told[1].starts_with("? → 201"));
    assert!(told.iter().any(|exchange| exchange.starts_with("GET /3 → 404 \"third\"")), "{told:?}");
}

#[test]
fn a_lost_response_leaves_its_request_alone_and_shifts_nothing() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    let lost = parts.iter().position(|part| part.data.starts_with(b"HTTP/1.1 201")).unwrap();
    parts.remove(lost);
    let told = play(&parts);
    assert!(told.iter().any(|exchange| exchange.starts_with("POST /2 → ?")), "{told:?}");
    assert!(told.iter().any(|exchange| exchange.starts_with("GET /3 → 404 \"third\"")), "{told:?}");
}

#[test]
fn a_request_whose_end_was_not_captured_meets_its_response() {
    // Its body is missing; its head is cut off; the response is cut off as well.
    for (length, cut) in [(4, 0), (10, 0), (10, 2), (20, 2)] {
        let mut parts = Script::talk(7, &TURNS[1..2], 1400);
        parts.truncate(parts.len() - 2);
        for (at, length) in [(3, length), (4, cut)] {
            let end = parts[at].data.len() - length;
            parts[at].data.truncate(end);
        }
        let told = play(&parts);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("POST /2 → 201") && told[0].ends_with("incomplete"),
            "{told:?}"
        );
    }
}

#[test]
fn a_reset_before_any_byte_that_nobody_heeds_ends_nothing() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    let mut forged = parts[2].clone();
    forged.flags = RST;
    parts.insert(3, forged.clone());
    let told = play(&parts);
    assert_eq!(told.len(), 3);
    assert!(told.iter().zip(WHOLE).all(|(told, whole)| told.starts_with(whole)), "{told:?}");
    // After bytes were sent it is believed, and late bytes begin nothing.
    parts.remove(3);
    forged.seq = parts[4].ack;
    parts.insert(5, forged);
    assert_eq!(play(&parts), WHOLE[..1]);
}

#[test]
fn one_answer_may_come_before_its_request_has_ended_and_interim_ones_are_no_answers() {
    let mut script = Script::new(5);
    script.say(true, "POST /2 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", 1400);
    script.say(false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n", 1400);
    script.say(true, "bo", 1400);
    script.say(false, "HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n", 1400);
    script.say(true, "dy", 1400);
    script.say(true, TURNS[2].0, 1400);
    script.say(false, TURNS[2].1, 1400);
    assert_eq!(play(&script.parts), ["POST /2 → 413 \"\"", WHOLE[2]]);
}

#[test]
fn a_connection_known_to_carry_http_may_go_on_with_a_bad_request() {
    let turns =
        [TURNS[0], ("GET /x HTTP\r\n\r\n", "\r\nHTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")];
    assert_eq!(play(&Script::talk(7, &turns, 1400)), [WHOLE[0], "GET /x → 400 \"\""]);
    // Other text protocols begin so as well: at first sight it is no HTTP.
    assert!(play(&Script::talk(7, &[("GET /x HTTP\r\n\r\n", "END\r\n")], 1400)).is_empty());
}

#[test]
fn after_a_hand_over_only_http_is_read() {
    let ok = "HTTP/1.1 200 OK\r\n\r\n";
    let connect = ("CONNECT h:443 HTTP/1.1\r\n\r\n", ok);
    let tls = ("\x16\x03\x01\x02 GET / HTTP/1.1\r\n\r\n", "\x16\x03\x03 HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(play(&Script::talk(7, &[connect, tls], 1400)), ["CONNECT h:443 → 200 \"\""]);
    let inner = play(&Script::talk(7, &[connect, TURNS[0], TURNS[1]], 1400));
    assert_eq!(inner, ["CONNECT h:443 → 200 \"\"", WHOLE[0], WHOLE[1]]);
    // A tunnel that was refused is none.
    let refused = (connect.0, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    let told = play(&Script::talk(7, &[refused, TURNS[0]], 1400));
    assert_eq!(told, ["CONNECT h:443 → 403 \"no\"", WHOLE[0]]);
    for (name, rest) in [("websocket", &WHOLE[..0]), ("h2c", &WHOLE[..0]), ("tcp", &WHOLE[..1])] {
        let request = format!("GET /up HTTP/1.1\r\nUpgrade: {name}\r\n\r\n");
        let response = format!("HTTP/1.1 101 x\r\nUpgrade: {name}\r\n\r\n");
        let told = play(&Script::talk(7, &[(&request, &response), TURNS[0]], 1400));
        assert_eq!(told[0], "GET /up → 101 \"\"");
        assert_eq!(told[1..], *rest, "{name}");
    }
}

#[test]
fn many_requests_in_one_segment_meet_many_responses_in_one() {
    let requests: String = (0..300).map(|n| format!("GET /{n} HTTP/1.1\r\n\r\n")).collect();
    let responses: String =
        (0..300).map(|n| format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{n:03}")).collect();
    for size in [1, 100, usize::MAX] {
        let told = play(&Script::talk(7, &[(&requests, &responses)], size));
        assert_eq!(told.len(), 300);
        for (number, told) in told.iter().enumerate() {
            assert_eq!(*told, format!("GET /{number} → 200 \"{number:03}\""));
        }
    }
}

#[test]
fn bodies_of_all_connections_together_stay_under_their_cap() {
    use std::io::Write;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&[b'x'; 200 << 10]).unwrap();
    let bomb = bomb.finish().unwrap();
    let head = |more: usize| {
        let length = bomb.len() + more;
        format!("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n")
    };
    let limits = Limits { bodies_max: 2 << 20, ..Limits::default() };
    // Bodies that never end, and whole ones that wait for their response, many on one connection.
    let open = [head(9).as_bytes(), &bomb].concat();
    let whole = [head(0).as_bytes(), &bomb].concat().repeat(3);
    for payload in [open, whole] {
        let mut assembler = Assembler::new(&limits);
        let mut out = Vec::new();
        for port in 1..120_u16 {
            let mark = Mark { time: Timestamp::from_secs(1), packet: u64::from(port) };
            let from = SocketAddr::new("10.0.0.1".parse().unwrap(), port);
            let to = SERVER.parse().unwrap();
            let flags = TcpFlags(ACK);
            let head = SegmentHead { flags, seq: 5, ack: 5, ..SegmentHead::new(mark, from, to) };
            assembler.segment(&Segment { head, payload: &payload }, &mut out);
            assert!(assembler.bodies <= (2 << 20) + (1 << 20), "{}", assembler.bodies);
        }
        assert!(assembler.counters().bodies_shed > 80);
        assembler.finish(Mark::default(), &mut out);
        // All are told, the first with their bodies, the others with the length at least.
        let kept = |exchange: &Exchange| exchange.request.as_ref().unwrap().body.kept.len();
        assert!(out.len() >= 119 && kept(&out[0]) == 200 << 10);
        let last = out.last().unwrap().request.as_ref().unwrap();
        assert!(last.body.kept.is_empty() && last.body.shed && last.body.bytes >= 200 << 10);
    }
}

#[test]
fn a_connection_joined_midway_and_one_seen_from_one_side_are_told_as_such() {
    let parts = Script::talk(7, &TURNS, 1400);
    let midway = &parts[3..];
    assert!(play(midway)[0].ends_with("midstream"), "{:?}", play(midway));
    let client: Vec<Part> = parts.iter().filter(|part| part.from_client).cloned().collect();
    assert_eq!(play(&client)[0], "GET /1 → ? one_sided incomplete");
    let server: Vec<Part> = parts.iter().filter(|part| !part.from_client).cloned().collect();
    assert_eq!(play(&server)[0], "? → 200 \"first\" one_sided");
}

#[test]
fn a_response_until_close_ends_with_the_fin_and_not_with_a_reset() {
    let turns = [("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nuntil close")];
    let mut parts = Script::talk(7, &turns, 1400);
    assert_eq!(play(&parts), ["GET / → 200 \"until close\""]);
    parts.truncate(parts.len() - 2);
    let mut reset = parts[parts.len() - 1].clone();
    reset.seq = reset.seq.wrapping_add(u32::try_from(reset.data.len()).unwrap());
    (reset.flags, reset.data) = (RST, Vec::new());
    parts.push(reset);
    assert_eq!(play(&parts), ["GET / → 200 \"until close\" incomplete"]);
}

#[test]
fn the_same_ports_used_again_are_another_connection() {
    let mut parts = Script::talk(7, &TURNS[..1], 1400);
    parts.extend(Script::talk(900_000, &TURNS[2..], 1400));
    assert_eq!(play(&parts), [WHOLE[0], WHOLE[2]]);
}

#[test]
fn of_two_answers_to_a_syn_the_one_counts_that_the_data_follows() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    let mut other = parts[1].clone();
    other.seq = other.seq.wrapping_add(77_777);
    parts.insert(1, other.clone());
    assert_eq!(play(&parts), WHOLE);
    parts.swap(1, 2);
    assert_eq!(play(&parts), WHOLE);
}

#[test]
fn what_overlaps_with_other_bytes_is_flagged_and_the_first_copy_stays() {
    let mut parts = Script::talk(7, &TURNS[..1], 1400);
    let at = parts.iter().position(|part| part.data.starts_with(b"HTTP")).unwrap();
    let mut forged = parts[at].clone();
    let end = forged.data.len();
    forged.data[end - 5..].copy_from_slice(b"FORGE");
    parts.insert(at + 1, forged);
    assert_eq!(play(&parts), [WHOLE[0]]);
    let limits = Limits::default();
    let mut assembler = Assembler::new(&limits);
    let mut out = Vec::new();
    assembler.finish(Mark::default(), &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_capture_length_that_cuts_bodies_keeps_in_step() {
    let mut parts = Script::talk(7, &TURNS, 1400);
    for part in &mut parts {
        if part.data.ends_with(b"first") {
            let end = part.data.len() - 5;
            part.data.truncate(end);
            part.missing = 5;
        }
    }
    let told = play(&parts);
    assert_eq!(told[0], "GET /1 → 200 \"\" snaplen");
    assert_eq!(told[1..], WHOLE[1..]);
}

#[test]
fn tables_are_bounded_and_the_longest_idle_is_handed_over() {
    let limits = Limits { flows_max: 10, ..Limits::default() };
    let mut assembler = Assembler::new(&limits);
    let mut out = Vec::new();
    for port in 1..200_u16 {
        let head = SegmentHead {
            flags: TcpFlags(ACK),
            seq: 5,
            ack: 5,
            ..SegmentHead::new(
                Mark { time: Timestamp::from_secs(1), packet: u64::from(port) },
                SocketAddr::new("10.0.0.1".parse().unwrap(), port),
                SERVER.parse().unwrap(),
            )
        };
        assembler.segment(&Segment { head, payload: b"GET / HTTP/1.1\r\n\r\n" }, &mut out);
    }
    assert_eq!((assembler.open(), out.len()), (10, 189));
    assert_eq!(assembler.counters().evicted, 189);
}

proptest::proptest! {
    #[test]
    fn order_within_a_window_and_copies_change_nothing(
        isn in 0_u32..,
        size in 1_usize..40,
        swaps in proptest::collection::vec((0_usize.., 0_usize..4), 0..30),
        copies in proptest::collection::vec((0_usize.., 0_usize..6), 0..20),
    ) {
        let mut parts = Script::talk(isn, &TURNS, size);
        // The handshake stays first and the end last; data of one side moves within a few places.
        let (first, last) = (3, parts.len() - 2);
        for (at, by) in swaps {
            let from = first + at % (last - first);
            let to = (from + by).min(last - 1);
            if parts[from..=to].iter().all(|part| part.from_client == parts[from].from_client) {
                parts.swap(from, to);
            }
        }
        for (at, by) in copies {
            let from = first + at % (last - first);
            let copy = parts[from].clone();
            parts.insert((from + by).min(last), copy);
        }
        proptest::prop_assert_eq!(play(&parts), WHOLE);
    }

    #[test]
    fn losing_a_segment_never_pairs_wrongly(
        size in 1_usize..60,
        lost in proptest::collection::vec(0_usize.., 0..2),
    ) {
        let mut parts = Script::talk(99, &TURNS, size);
        for at in lost {
            let at = at % parts.len();
            parts.remove(at);
        }
        for told in play(&parts) {
            let (request, response) = told.split_once(" → ").unwrap();
            let pairs = [("/1", "200"), ("/2", "201"), ("/3", "404")];
            let own = pairs.iter().find(|(path, _)| request.ends_with(path));
            if let (Some((_, status)), false) = (own, response.starts_with('?')) {
                proptest::prop_assert!(response.starts_with(status), "{}", told);
            }
        }
    }
}

/// What one test takes for a request and another does not must not be judged for ever.
#[test]
fn a_request_with_odd_bytes_after_another_ends() {
    let mut script = Script::new(9);
    script.say(true, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 999);
    script.say(false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 999);
    script.say(true, "GET /\u{1}b HTTP/1.1\r\nHost: x\r\n\r\n", 999);
    script.say(false, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 999);
    assert_eq!(play(&script.parts).len(), 2);
}
