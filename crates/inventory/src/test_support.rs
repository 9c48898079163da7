//! Transactions for tests: an exchange is written down as HTTP, and read as the real reader does.
//!
//! ```
//! use stilt_inventory::test_support::{World, get, post};
//! let mut world = World::new();
//! let login = world.tx(
//! post("/login").json(r#"{"username":"ann","password":"x"}"#).answer(r#"{"token":"abcdefgh1"}"#),
//! );
//! let read = world.tx(get("/orders/17").bearer("abcdefgh1").from("10.9.9.9").status(404));
//! # assert_eq!((login.status(), read.status()), (Some(200), Some(404)));
//! ```

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use stilt_content::{Config, Reader};
use stilt_model::{
    Body, Exchange, Flags, Flow, Head, HttpVersion, Key, Mark, Message, Pseudonym, SecretKind,
    Stage, Timestamp, Transaction,
};
use stilt_protocol::events;

/// Start of packet time in a [`World`]: 2026-11-22T00:00:00Z.
pub const EPOCH: i64 = 1_795_305_600;

/// Gives transactions their ids, order and time, and masks under one fixed key.
pub struct World {
    reader: Reader,
    key: Key,
    next: u64,
    now: Timestamp,
    /// Time between transactions whose time was not set.
    pub step: Duration,
    /// Server of all transactions that name none.
    pub server: SocketAddr,
    /// Host of all transactions that name none.
    pub host: Option<String>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with one server, `10.0.0.1:8080`, known as `app.test`; one second between requests.
    #[must_use]
    pub fn new() -> Self {
        let key = Key::new([7; 32]);
        Self {
            reader: Reader::new(key.clone(), &Config::default()),
            key,
            next: 0,
            now: Timestamp::from_secs(EPOCH),
            step: Duration::from_secs(1),
            server: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 8080),
            host: Some("app.test".to_owned()),
        }
    }

    /// Has the values of these headers kept, as where a configuration asks for them.
    pub fn keep_headers(&mut self, names: Vec<String>) {
        let config = Config { named_headers: names, ..Config::default() };
        self.reader = Reader::new(self.key.clone(), &config);
    }

    /// Reads what `tx` says into a transaction, the next in order.
    pub fn tx(&mut self, tx: Tx) -> Transaction {
        self.next = self.next.saturating_add(1);
        let packet = self.next.saturating_mul(4);
        self.now = tx.at.unwrap_or_else(|| self.now.plus(self.step));
        let port =
            tx.port.unwrap_or_else(|| 20_000 + u16::try_from(self.next % 40_000).unwrap_or(0));
        let flow = Flow {
            client: SocketAddr::new(tx.client, port),
            server: tx.server.unwrap_or(self.server),
            vlan: Vec::new(),
            tunnel: None,
        };
        let end = self.now.plus(tx.latency);
        let host = tx.host.clone().or_else(|| self.host.clone());
        let message = |raw: String, body: &[u8], time: Timestamp, packet: u64| {
            let head = head(raw);
            let events =
                events::Kind::of(&head).map(|kind| Box::new(events::read(kind, body, b"", true)));
            Message {
                head,
                body: Body {
                    events,
                    kept: body.to_vec(),
                    bytes: body.len() as u64,
                    encoded_bytes: body.len() as u64,
                    complete: true,
                    ..Body::default()
                },
                start: Mark { time, packet },
                end: Mark { time, packet },
                offset: self.next,
                anomalies: Vec::new(),
                trailers: Vec::new(),
            }
        };
        let request = tx.asked.then(|| {
            message(tx.request_head(host.as_deref()), &tx.body, self.now, packet.saturating_add(1))
        });
        let response = tx
            .answered
            .then(|| message(tx.response_head(), &tx.answer, end, packet.saturating_add(2)));
        if tx.running {
            // It will be read again.
            self.next = self.next.saturating_sub(1);
        }
        let stage = if tx.running { Stage::Running } else { Stage::Over };
        self.reader.read(Exchange {
            flow_id: flow.id(0),
            flow,
            proxied: None,
            ordinal: packet,
            request,
            response,
            flags: tx.flags,
            completed: Mark { time: end, packet: packet.saturating_add(2) },
            stage,
        })
    }

    /// Packet time of the last transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The mark that stands for `secret`.
    #[must_use]
    pub fn mark(&self, kind: SecretKind, secret: &str) -> Pseudonym {
        stilt_content::Masker::new(self.key.clone()).mark(kind, secret)
    }

    /// The mark of a token, cookie or key, as credentials and issued credentials show it.
    #[must_use]
    pub fn credential(&self, value: &str) -> Pseudonym {
        stilt_content::Masker::new(self.key.clone()).credential(value)
    }
}

/// One exchange in the making; answered with 200 and no body unless told otherwise.
#[derive(Clone, Debug)]
pub struct Tx {
    method: String,
    target: String,
    host: Option<String>,
    client: IpAddr,
    port: Option<u16>,
    server: Option<SocketAddr>,
    at: Option<Timestamp>,
    latency: Duration,
    headers: String,
    cookies: String,
    body: Vec<u8>,
    asked: bool,
    answered: bool,
    status: u16,
    answer_headers: String,
    answer: Vec<u8>,
    flags: Flags,
    running: bool,
}

/// A GET of `target` (path with query).
#[must_use]
pub fn get(target: &str) -> Tx {
    Tx::new("GET", target)
}

/// A POST to `target`.
#[must_use]
pub fn post(target: &str) -> Tx {
    Tx::new("POST", target)
}

/// A PUT to `target`.
#[must_use]
pub fn put(target: &str) -> Tx {
    Tx::new("PUT", target)
}

/// A DELETE of `target`.
#[must_use]
pub fn delete(target: &str) -> Tx {
    Tx::new("DELETE", target)
}

impl Tx {
    /// A request of that method for `target`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: None,
            client: IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)),
            port: None,
            server: None,
            at: None,
            latency: Duration::from_millis(20),
            headers: String::new(),
            cookies: String::new(),
            body: Vec::new(),
            asked: true,
            answered: true,
            status: 200,
            answer_headers: String::new(),
            answer: Vec::new(),
            flags: Flags::default(),
            running: false,
        }
    }

    /// Host header.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// Client, as `address` or `address:port`; what is neither leaves the client as it was.
    #[must_use]
    pub fn from(mut self, client: &str) -> Self {
        if let Ok(address) = client.parse::<SocketAddr>() {
            self.client = address.ip();
            self.port = Some(address.port());
        } else if let Ok(address) = client.parse() {
            self.client = address;
        }
        self
    }

    /// Server address and port.
    #[must_use]
    pub fn to(mut self, server: &str) -> Self {
        self.server = server.parse().ok().or(self.server);
        self
    }

    /// Seconds after [`EPOCH`].
    #[must_use]
    pub fn at(mut self, secs: f64) -> Self {
        let start = Timestamp::from_secs(EPOCH);
        self.at = Some(start.plus(Duration::try_from_secs_f64(secs).unwrap_or_default()));
        self
    }

    /// Time until the answer starts.
    #[must_use]
    pub fn latency(mut self, millis: u64) -> Self {
        self.latency = Duration::from_millis(millis);
        self
    }

    /// The answer is still being sent: the next that is read at the same time is all of it.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.running = true;
        self
    }

    /// A request header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    /// `User-Agent`.
    #[must_use]
    pub fn agent(self, agent: &str) -> Self {
        self.header("User-Agent", agent)
    }

    /// `X-Forwarded-For`.
    #[must_use]
    pub fn forwarded(self, client: &str) -> Self {
        self.header("X-Forwarded-For", client)
    }

    /// `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic`.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let encoded = base64(format!("{user}:{password}").as_bytes(), b"+/", true);
        self.header("Authorization", &format!("Basic {encoded}"))
    }

    /// A cookie.
    #[must_use]
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        let sign = if self.cookies.is_empty() { "" } else { "; " };
        let _ = write!(self.cookies, "{sign}{name}={value}");
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self.header("Content-Type", "application/json")
    }

    /// An XML body.
    #[must_use]
    pub fn asks_xml(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self.header("Content-Type", "text/xml")
    }

    /// A form body, already encoded (`user=ann&pass=x`).
    #[must_use]
    pub fn form(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// A body in XML.
    #[must_use]
    pub fn xml_sent(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self.header("Content-Type", "text/xml; charset=utf-8")
    }

    /// A body whose kind a header of its own tells.
    #[must_use]
    pub fn sends(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self
    }

    /// The same of the answer.
    #[must_use]
    pub fn tells(mut self, text: &str) -> Self {
        self.answer = text.as_bytes().to_vec();
        self
    }

    /// Status of the answer.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header of the answer.
    #[must_use]
    pub fn answer_header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.answer_headers, "{name}: {value}\r\n");
        self
    }

    /// A JSON answer.
    #[must_use]
    pub fn answer(mut self, text: &str) -> Self {
        self.answer = text.as_bytes().to_vec();
        self.answer_header("Content-Type", "application/json")
    }

    /// An answer in XML.
    #[must_use]
    pub fn xml(mut self, text: &str) -> Self {
        self.answer = text.as_bytes().to_vec();
        self.answer_header("Content-Type", "text/xml; charset=utf-8")
    }

    /// An answer of server-sent events, already written as such.
    #[must_use]
    pub fn events(mut self, text: &str) -> Self {
        self.answer = text.as_bytes().to_vec();
        self.answer_header("Content-Type", "text/event-stream")
    }

    /// An HTML answer.
    #[must_use]
    pub fn html(mut self, text: &str) -> Self {
        self.answer = text.as_bytes().to_vec();
        self.answer_header("Content-Type", "text/html; charset=utf-8")
    }

    /// A cookie the answer sets; an empty value clears it.
    #[must_use]
    pub fn set_cookie(self, name: &str, value: &str) -> Self {
        self.answer_header("Set-Cookie", &format!("{name}={value}; Path=/; HttpOnly"))
    }

    /// `Location`, with status 302 unless another 3xx was set.
    #[must_use]
    pub fn location(mut self, target: &str) -> Self {
        if !(300..400).contains(&self.status) && self.status != 201 {
            self.status = 302;
        }
        self.answer_header("Location", target)
    }

    /// The answer was not seen.
    #[must_use]
    pub fn unanswered(mut self) -> Self {
        self.answered = false;
        self.flags.incomplete = true;
        self
    }

    /// The request was not seen.
    #[must_use]
    pub fn unasked(mut self) -> Self {
        self.asked = false;
        self.flags.one_sided = true;
        self
    }

    /// What is missing of the picture.
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    fn request_head(&self, host: Option<&str>) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if let Some(host) = host {
            let _ = write!(head, "Host: {host}\r\n");
        }
        head.push_str(&self.headers);
        if !self.cookies.is_empty() {
            let _ = write!(head, "Cookie: {}\r\n", self.cookies);
        }
        head + "\r\n"
    }

    fn response_head(&self) -> String {
        format!("HTTP/1.1 {} X\r\n{}\r\n", self.status, self.answer_headers)
    }
}

/// An unsigned-looking but well-formed JWT with these claims (`{"sub":"ann"}`).
#[must_use]
pub fn jwt(claims: &str) -> String {
    token(r#"{"alg":"HS256","typ":"JWT"}"#, claims, claims)
}

/// A JWT of that header and these claims, its signature made of `seed`; none where that is empty.
#[must_use]
pub fn token(header: &str, claims: &str, seed: &str) -> String {
    let part = |text: &str| base64(text.as_bytes(), b"-_", false);
    let signature = stilt_model::IdBuilder::new("signature").text(seed).finish();
    let signature = if seed.is_empty() { String::new() } else { format!("{signature:032x}") };
    format!("{}.{}.{}", part(header), part(claims), part(&signature))
}

/// Where the parts of a head are; a first line of three words, then `name: value` lines.
fn head(raw: String) -> Head {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let span = |part: &str| {
        let start = (part.as_ptr() as usize).saturating_sub(raw.as_ptr() as usize);
        (offset(start), offset(start.saturating_add(part.len())))
    };
    let mut lines = raw.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().splitn(3, ' ').collect();
    let (first, second) =
        (words.first().copied().unwrap_or_default(), words.get(1).copied().unwrap_or_default());
    let response = first.starts_with("HTTP/");
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (span(name), span(value)))
        .collect();
    Head {
        headers,
        method: if response { (0, 0) } else { span(first) },
        target: if response { (0, 0) } else { span(second) },
        status: if response { second.parse().unwrap_or(0) } else { 0 },
        version: HttpVersion::Http11,
        raw: raw.into_bytes(),
    }
}

/// Base64 (RFC 4648) with the two last letters of the alphabet in `last`.
fn base64(bytes: &[u8], last: &[u8; 2], pad: bool) -> String {
    let letter = |six: u8| match six {
        0..=25 => b'A' + six,
        26..=51 => b'a' + six - 26,
        52..=61 => b'0' + six - 52,
        62 => last[0],
        _ => last[1],
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let bits = u32::from(byte(0)) << 16 | u32::from(byte(1)) << 8 | u32::from(byte(2));
        for at in 0..4_usize {
            let six = u8::try_from(bits >> (18 - 6 * at) & 63).unwrap_or(0);
            match (at <= chunk.len(), pad) {
                (true, _) => out.push(char::from(letter(six))),
                (false, true) => out.push('='),
                (false, false) => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::{CredentialKind, Value};

    #[test]
    fn an_exchange_is_read_as_the_real_reader_reads_it() {
        let mut world = World::new();
        let tx = world.tx(post("/login?next=%2Fhome")
            .json(r#"{"username":"ann","password":"s3cret"}"#)
            .from("10.2.3.4:4444")
            .at(60.0)
            .basic("ann", "pw")
            .cookie("sid", "c00kie-value")
            .status(201)
            .answer(r#"{"token":"abcdefgh1"}"#)
            .set_cookie("sid", "n3w-cookie"));
        let (request, response) = (tx.request.unwrap(), tx.response.unwrap());
        assert_eq!(tx.flow.client.to_string(), "10.2.3.4:4444");
        assert_eq!(tx.start.secs(), EPOCH + 60);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/login"));
        assert_eq!(request.leaves.len(), 3);
        let password = world.mark(SecretKind::Password, "s3cret");
        assert!(matches!(request.leaves[2].value, Value::Masked { mark, .. } if mark == password));
        let kinds: Vec<_> = request.credentials.iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [CredentialKind::Basic, CredentialKind::Cookie]);
        assert_eq!(request.credentials[0].user.as_deref(), Some("ann"));
        assert_eq!(response.status, 201);
        let marks: Vec<_> = response.issued.iter().map(|issued| issued.mark).collect();
        assert_eq!(marks, [world.credential("n3w-cookie"), world.credential("abcdefgh1")]);
    }

    #[test]
    fn transactions_follow_one_another_and_have_ids_of_their_own() {
        let mut world = World::new();
        let (a, b) = (world.tx(get("/")), world.tx(get("/")));
        assert!(a.order < b.order && a.start < b.start && a.id != b.id);
    }

    #[test]
    fn a_made_up_jwt_is_read_as_one() {
        let mut world = World::new();
        let token = jwt(r#"{"sub":"ann"}"#);
        let tx = world.tx(get("/").bearer(&token));
        let claims = tx.request.unwrap().credentials[0].jwt.clone().unwrap();
        assert_eq!(claims.sub.as_deref(), Some("ann"));
    }
}
