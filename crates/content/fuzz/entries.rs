//! What the fuzzer calls: messages as they may come from the wire. A panic is a finding, and so is
//! whatever breaks one of the promises asserted here. The same functions run on the saved corpora
//! with every test run (`tests/fuzz.rs`).

use std::cell::RefCell;
use stilt_content::{Config, Masker, Reader};
use stilt_model::{
    Body, Exchange, Flags, Flow, FlowId, Head, Key, Mark, Message, StreamEvents, Timestamp,
};

fn key() -> Key {
    Key::new([5; 32])
}

fn config() -> Config {
    Config { leaves_request_max: 40, leaves_response_max: 60, ..Config::default() }
}

// Made once: what is read must not depend on what was read before.
thread_local! {
    static READER: RefCell<Reader> = RefCell::new(Reader::new(key(), &config()));
    static MASKER: Masker = Masker::new(key());
}

/// A head made of lines: the first is the start line, `Name: value` the others.
fn head(text: &[u8], status: u16) -> Head {
    let mut head = Head { raw: text.to_vec(), status, ..Head::default() };
    let span = |start: usize, end: usize| {
        (u32::try_from(start).unwrap(), u32::try_from(end.max(start)).unwrap())
    };
    let mut at = 0;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let trimmed = line.strip_suffix(b"\r").unwrap_or(line);
        let end = at + trimmed.len();
        if number == 0 && status == 0 {
            let first = trimmed.iter().position(|byte| *byte == b' ').unwrap_or(trimmed.len());
            let last = trimmed.iter().rposition(|byte| *byte == b' ').unwrap_or(trimmed.len());
            head.method = span(at, at + first);
            head.target = span((at + first + 1).min(end), at + last);
        } else if let Some(colon) = trimmed.iter().position(|byte| *byte == b':') {
            let skip = usize::from(trimmed.get(colon + 1) == Some(&b' '));
            head.headers.push((span(at, at + colon), span(at + colon + 1 + skip, end)));
        }
        at += line.len() + 1;
    }
    head
}

fn message(head: Head, body: &[u8], whole: bool) -> Message {
    let bytes = body.len() as u64;
    let time = Timestamp::from_secs(1_700_000_000);
    let body = Body {
        kept: body.to_vec(),
        bytes: if whole { bytes } else { bytes + 9 },
        encoded_bytes: bytes,
        complete: whole,
        ..Body::default()
    };
    let mark = Mark { time, packet: 3 };
    Message { head, body, start: mark, end: mark, ..Message::default() }
}

fn read(request: Option<Message>, response: Option<Message>) {
    let exchange = Exchange {
        flow: Flow {
            client: "10.0.0.1:40000".parse().unwrap(),
            server: "10.0.0.2:80".parse().unwrap(),
            vlan: Vec::new(),
            tunnel: None,
        },
        proxied: None,
        flow_id: FlowId(7),
        ordinal: 0,
        request,
        response,
        flags: Flags::default(),
        completed: Mark::default(),
        stage: stilt_model::Stage::Over,
    };
    let config = config();
    let first = READER.with_borrow_mut(|reader| {
        let first = reader.read(exchange.clone());
        assert_eq!(reader.read(exchange), first);
        first
    });
    if let Some(request) = &first.request {
        assert!(request.leaves.len() <= config.leaves_request_max);
        assert!(request.credentials.len() <= config.credentials_max);
        assert!(request.target.len() <= config.target_max + 64, "{}", request.target.len());
    }
    if let Some(response) = &first.response {
        assert!(response.leaves.len() <= config.leaves_response_max);
    }
    if let Some(talk) = &first.talk {
        assert!(talk.turns.len() <= 512 && talk.tools.len() <= 256);
        let shown: usize = talk.turns.iter().map(|turn| turn.text.shown.len()).sum();
        assert!(shown <= config.talk_text_max);
        for call in talk.turns.iter().flat_map(|turn| &turn.calls) {
            assert!(call.arguments.len() <= 64);
        }
    }
}

fn body(media: &str, data: &[u8]) {
    for whole in [true, false] {
        let asked = format!("POST /login?a=b HTTP/1.1\r\nContent-Type: {media}");
        let answered = format!("HTTP/1.1 200 OK\r\nContent-Type: {media}");
        let request = message(head(asked.as_bytes(), 0), data, whole);
        let response = message(head(answered.as_bytes(), 200), data, whole);
        read(Some(request), Some(response));
    }
}

/// A body of JSON, GraphQL in it.
pub fn json(data: &[u8]) {
    body("application/json", data);
}

/// Events of a stream.
pub fn events(data: &[u8]) {
    body("text/event-stream", data);
}

/// A form.
pub fn form(data: &[u8]) {
    body("application/x-www-form-urlencoded", data);
}

/// A form in parts.
pub fn multipart(data: &[u8]) {
    body("multipart/form-data; boundary=xYz", data);
}

/// A page.
pub fn html(data: &[u8]) {
    body("text/html", data);
}

/// A document of XML.
pub fn xml(data: &[u8]) {
    body("application/xml", data);
}

/// Messages of protobuf, bare and as gRPC frames them.
pub fn protobuf(data: &[u8]) {
    body("application/x-protobuf", data);
    body("application/grpc", data);
}

/// A bare token, or text.
pub fn token(data: &[u8]) {
    body("text/plain", data);
}

/// Start line and headers of a request, then of a response.
pub fn heads(data: &[u8]) {
    let at = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (asked, answered) = data.split_at(at);
    let request = message(head(asked, 0), b"", true);
    let response = message(head(answered.get(2..).unwrap_or_default(), 302), b"", true);
    read(Some(request.clone()), Some(response.clone()));
    read(None, Some(response));
    read(Some(request), None);
}

/// Text that may hold secrets.
pub fn mask(data: &[u8]) {
    MASKER.with(|masker| mask_text(masker, &String::from_utf8_lossy(data)));
}

fn mask_text(masker: &Masker, text: &str) {
    let masked = masker.text(text).into_owned();
    assert_eq!(masker.text(text), masked);
    for max in [0, 5, 64] {
        assert!(masker.text_max(text, max).len() <= max.max(text.len()) * 24 + 64);
    }
    // A token is found whatever stands around it, if blanks set it apart.
    let secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWl0";
    let around = format!("{secret} {text}");
    assert!(!masker.text(&around).contains(secret));
}

/// What is said to a model or a tool server, and its answer behind a line of dashes: whole, and as
/// events of one line each. The first byte chooses the path.
pub fn talk(data: &[u8]) {
    const PATHS: &[&str] = &[
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/responses",
        "/v1beta/models/m:generateContent",
        "/model/m/converse-stream",
        "/api/chat",
        "/mcp",
        "/v1/embeddings",
    ];
    let Some((which, data)) = data.split_first() else { return };
    let path = PATHS[usize::from(*which) % PATHS.len()];
    let sign = b"\n---\n";
    let at = data.windows(sign.len()).position(|part| part == sign).unwrap_or(data.len());
    let (asked, answered) = data.split_at(at);
    let answered = answered.get(sign.len()..).unwrap_or_default();
    let head_of =
        |media: &str| format!("HTTP/1.1 200 OK\nContent-Type: {media}\nMcp-Session-Id: a1");
    let ask = format!("POST {path} HTTP/1.1\nContent-Type: application/json\nMcp-Name: x");
    for whole in [true, false] {
        let request = message(head(ask.as_bytes(), 0), asked, whole);
        let plain = head(head_of("application/json").as_bytes(), 200);
        read(Some(request.clone()), Some(message(plain, answered, whole)));
        let mut stream =
            message(head(head_of("text/event-stream").as_bytes(), 200), answered, whole);
        let mut events = StreamEvents::default();
        for line in answered.split(|byte| *byte == b'\n') {
            let colon = line.iter().position(|byte| *byte == b'|');
            let (name, data) = colon.map_or((&b""[..], line), |at| (&line[..at], &line[at + 1..]));
            events.push(name, data);
        }
        stream.body.events = Some(Box::new(events));
        read(Some(request), Some(stream.clone()));
        read(None, Some(stream));
    }
}

/// A target: the name of its corpus, and what is called.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: &[Entry] = &[
    ("json", json),
    ("events", events),
    ("form", form),
    ("multipart", multipart),
    ("html", html),
    ("xml", xml),
    ("protobuf", protobuf),
    ("token", token),
    ("heads", heads),
    ("mask", mask),
    ("talk", talk),
];
