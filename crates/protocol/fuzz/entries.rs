//! What the fuzzer calls: bytes as they may come from the wire. A panic is a finding, and so is
//! whatever breaks one of the promises asserted here. The same functions run on the saved corpora
//! with every test run (`tests/fuzz.rs`).

use stilt_model::{Mark, Message, StreamEvents};
use stilt_protocol::events::{self, Kind};
use stilt_protocol::http1::{Framing, Limits, Parser, Side, Step};
use stilt_protocol::preface::{self, PREFACE_MAX, Preface};
use stilt_protocol::tls::{self, Opening};

/// Small caps, so that short inputs reach them.
fn limits() -> Limits {
    Limits {
        head_max: 2048,
        headers_max: 16,
        body_kept_max: 512,
        decoded_max: 64 << 10,
        trailer_max: 256,
        ..Limits::default()
    }
}

/// Reads a stream, cut after as many bytes as `cuts` say in turn; gives what it said, in short,
/// and whether it lost its place on the way.
fn read(side: Side, stream: &[u8], cuts: &[u8], method: &[u8]) -> (Vec<String>, bool) {
    let (limits, mut parser, mut out) = (limits(), Parser::new(side, false), Vec::new());
    let mut lost = false;
    let (mut start, mut turn) = (0, 0);
    while start < stream.len() {
        let step = cuts.get(turn % cuts.len().max(1)).map_or(usize::MAX, |cut| 1 + *cut as usize);
        turn += 1;
        let end = start.saturating_add(step).min(stream.len());
        let (mut at, mut idle, mut first) = (start, 0, true);
        while at < end {
            let (taken, step) =
                parser.advance(&stream[at..end], at as u64, Mark::default(), first, &limits);
            at += taken;
            first &= taken == 0;
            idle = if taken == 0 { idle + 1 } else { 0 };
            assert!(idle < 32 && at <= end, "no progress at {at}");
            match step {
                Step::More => {}
                Step::NotHttp => first = false,
                Step::Message(message) => out.push(show(&message, &limits)),
                Step::Head => {
                    let message = parser.message_mut();
                    let framing = match side {
                        Side::Request => Framing::of_request(message),
                        Side::Response => Framing::of_response(message, method),
                    };
                    out.extend(parser.frame(framing).map(|message| show(&message, &limits)));
                }
            }
            assert!(parser.weight() < 64 << 20, "{}", parser.weight());
            lost |= parser.is_lost();
        }
        start = end;
    }
    out.extend(parser.end(true).map(|message| show(&message, &limits)));
    (out, lost)
}

fn show(message: &Message, limits: &Limits) -> String {
    let (head, body) = (&message.head, &message.body);
    assert!(head.raw.len() <= limits.head_max + 1 && body.kept.len() <= limits.body_kept_max);
    assert!(body.kept.len() as u64 <= body.bytes.max(limits.decoded_max * 2));
    for (name, value) in head.headers() {
        assert!(!name.is_empty() && name.len() + value.len() <= head.raw.len());
    }
    format!(
        "{:?} {:?} {} {}h {}b {:?} {} {:?}",
        String::from_utf8_lossy(head.method()),
        String::from_utf8_lossy(head.target()),
        head.status,
        head.headers.len(),
        body.bytes,
        String::from_utf8_lossy(&body.kept),
        body.complete,
        message.anomalies,
    )
}

/// However a stream is cut, it says the same: what follows bytes that begin no message is looked
/// for where a segment begins, so only streams that are read to their end are compared.
fn same(side: Side, stream: &[u8], cuts: &[u8], method: &[u8]) {
    let (whole, lost) = read(side, stream, &[], method);
    let (pieces, _) = read(side, stream, cuts, method);
    let proper =
        |told: &[String]| !told.is_empty() && told.iter().all(|told| told.ends_with("true []"));
    if !lost && proper(&whole) && proper(&pieces) {
        assert_eq!(whole, pieces);
    }
}

/// The first byte tells how many of those behind it say where the stream is cut.
fn cuts(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((count, rest)) = data.split_first() else { return (&[], &[]) };
    rest.split_at((*count as usize % 8).min(rest.len()))
}

/// What a client says.
pub fn request(data: &[u8]) {
    let (cuts, stream) = cuts(data);
    same(Side::Request, stream, cuts, b"");
}

/// What a server says.
pub fn response(data: &[u8]) {
    let (cuts, stream) = cuts(data);
    for method in [&b"GET"[..], b"HEAD", b"CONNECT"] {
        same(Side::Response, stream, cuts, method);
    }
}

/// A chunked body.
pub fn chunked(data: &[u8]) {
    let (cuts, body) = cuts(data);
    let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    same(Side::Request, &[head, body].concat(), cuts, b"");
}

/// A coded body: the first byte names the codings, two bits each.
pub fn coding(data: &[u8]) {
    let Some((names, rest)) = data.split_first() else { return };
    let (cuts, body) = cuts(rest);
    let names: Vec<&str> = (0..4)
        .map(|at| ["br", "gzip", "deflate", "zstd"][usize::from(names >> (2 * at)) & 3])
        .take(1 + body.len() % 3)
        .collect();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n",
        names.join(", "),
        body.len()
    );
    same(Side::Response, &[head.as_bytes(), body].concat(), cuts, b"GET");
}

/// What may stand before a connection's first request: every beginning of it waits or says the
/// same, and no more is claimed than is there.
pub fn preface(data: &[u8]) {
    let whole = preface::read(data);
    for cut in 0..data.len().min(PREFACE_MAX) {
        match preface::read(&data[..cut]) {
            Preface::Maybe => {}
            early => assert_eq!(early, whole, "{cut}"),
        }
    }
    if let Preface::Whole { length, .. } = whole {
        assert!(length <= data.len() && length <= PREFACE_MAX);
    } else if whole == Preface::Maybe {
        assert!(data.len() < PREFACE_MAX);
    }
}

/// A stream of events, of each kind: however it is cut it says the same, and no more than there is.
pub fn events(data: &[u8]) {
    let (cuts, body) = cuts(data);
    for kind in [Kind::Sse, Kind::Lines, Kind::Amazon] {
        let whole = events::read(kind, body, b"", true);
        let (mut reader, mut pieces) = (events::Reader::new(kind), StreamEvents::default());
        let (mut rest, mut turn) = (body, 0);
        while !rest.is_empty() {
            let step =
                cuts.get(turn % cuts.len().max(1)).map_or(rest.len(), |cut| 1 + *cut as usize);
            turn += 1;
            let (now, later) = rest.split_at(step.min(rest.len()));
            reader.feed(now, &mut pieces);
            rest = later;
        }
        reader.end(&mut pieces);
        assert!(whole.iter().eq(pieces.iter()));
        let told: usize = whole.iter().map(|(name, data)| name.len() + data.len()).sum();
        assert!(told <= body.len());
        let (first, last) = body.split_at(body.len() / 2);
        assert!(events::read(kind, first, last, false).len() <= whole.len() + 2);
    }
}

/// What may be the first message of a TLS client: every beginning of it waits for more than it has,
/// or says the same.
pub fn hello(data: &[u8]) {
    let whole = tls::read(data);
    for cut in 1..data.len() {
        match tls::read(&data[..cut]) {
            Opening::Maybe(need) => assert!(need > cut),
            early => assert_eq!(early, whole, "{cut}"),
        }
    }
    if let Opening::Hello(hello) = whole {
        assert!(hello.server_name.is_none_or(|name| !name.is_empty() && name.len() <= 255));
        assert!(hello.protocols.len() <= 8);
    }
}

/// A target: the name of its corpus, and what is called.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("request", request),
    ("response", response),
    ("chunked", chunked),
    ("coding", coding),
    ("events", events),
    ("preface", preface),
    ("hello", hello),
];
