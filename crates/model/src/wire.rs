//! Messages as they stood on the wire, before masking. These types never leave the flow workers.

use crate::flow::Flow;
use crate::id::FlowId;
use crate::time::Timestamp;
use core::fmt;
use serde::Serialize;

/// Version of HTTP a message was sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum HttpVersion {
    /// HTTP/1.0 (and 0.9, flagged by an anomaly).
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "2")]
    Http2,
}

impl HttpVersion {
    /// As in `http.version`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// Where and when in a capture a byte was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Time of the packet that carried it.
    pub time: Timestamp,
    /// Number of that packet in the run, from 1.
    pub packet: u64,
}

/// What was odd on the wire. Data, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// Segments that overlap with different bytes; the first copy was kept.
    OverlapDiffers,
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.1).
    LengthAndChunked,
    /// Several Content-Length values that differ, or one that is no number.
    BadContentLength,
    /// A Transfer-Encoding whose last coding is not `chunked`, or is obfuscated.
    BadTransferEncoding,
    /// A chunk size or chunk end that is malformed.
    BadChunk,
    /// A line that ends in a bare LF.
    BareLf,
    /// White space before a header's colon, or other header syntax outside the grammar.
    BadHeader,
    /// A header continued on a second line (obs-fold).
    ObsFold,
    /// A request or status line outside the grammar that was read all the same.
    BadStartLine,
    /// A body whose content coding could not be undone.
    BadContentCoding,
    /// A body that decompressed beyond the caps.
    DecompressionCap,
    /// A head larger than the cap: what lies beyond it was not read, nor was the body.
    HeadCap,
    /// A response that fits no request seen.
    UnexpectedResponse,
    /// HTTP/0.9.
    Http09,
    /// A body that was announced and not sent: the next request stood in its place.
    BodyNotSent,
}

/// Head of one message: raw bytes plus where its parts are.
#[derive(Clone, Default)]
pub struct Head {
    /// The bytes of the head, start line included.
    pub raw: Vec<u8>,
    /// `(start, end)` of each name and value inside `raw`, in wire order.
    pub headers: Vec<((u32, u32), (u32, u32))>,
    /// Method; empty in a response.
    pub method: (u32, u32),
    /// Request target; empty in a response.
    pub target: (u32, u32),
    /// Status code; 0 in a request.
    pub status: u16,
    /// HTTP version.
    pub version: HttpVersion,
}

impl Head {
    /// The bytes of a span; empty where the span is outside the head.
    #[must_use]
    pub fn bytes(&self, (start, end): (u32, u32)) -> &[u8] {
        self.raw.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Method as it was sent.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.bytes(self.method)
    }

    /// Request target as it was sent.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.bytes(self.target)
    }

    /// All headers in wire order.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (self.bytes(*name), self.bytes(*value)))
    }

    /// The first header of that name, ASCII case ignored.
    #[must_use]
    pub fn header(&self, wanted: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} bytes, {} headers)", self.raw.len(), self.headers.len())
    }
}

/// The events of a body that is a stream of them, one after another in one buffer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StreamEvents {
    bytes: Vec<u8>,
    /// Ends of each event's name and data in `bytes`.
    ends: Vec<(u32, u32)>,
    /// Events are missing, or were cut.
    pub cut: bool,
}

impl StreamEvents {
    /// Adds an event.
    pub fn push(&mut self, name: &[u8], data: &[u8]) {
        let end = |bytes: &Vec<u8>| u32::try_from(bytes.len());
        let before = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let named = end(&self.bytes);
        self.bytes.extend_from_slice(data);
        if let (Ok(named), Ok(all)) = (named, end(&self.bytes)) {
            self.ends.push((named, all));
        } else {
            self.bytes.truncate(before);
            self.cut = true;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Name and data of each, in order. The name is empty where the stream gives none.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let starts = core::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, (named, end))| {
            let part =
                |from: u32, to: u32| self.bytes.get(from as usize..to as usize).unwrap_or_default();
            (part(start, *named), part(*named, *end))
        })
    }
}

impl fmt::Debug for StreamEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamEvents({})", self.len())
    }
}

/// Body of one message after transfer and content decoding.
#[derive(Clone, Default)]
pub struct Body {
    /// The first decoded bytes, at most the configured cap.
    pub kept: Vec<u8>,
    /// Length of the whole body after transfer and content decoding.
    pub bytes: u64,
    /// Length after transfer decoding only.
    pub encoded_bytes: u64,
    /// Its end was seen.
    pub complete: bool,
    /// Bytes inside it that were lost on the wire.
    pub lost: u64,
    /// What was kept of it was dropped, because memory was short.
    pub shed: bool,
    /// SHA-256 of the whole body after decoding, where it was asked for, and all of it was there.
    pub sha256: Option<Box<[u8; 32]>>,
    /// The last decoded bytes of a stream of events that is longer than what is kept: its end says
    /// what it cost.
    pub tail: Vec<u8>,
    /// Its events, where it is a stream of them.
    pub events: Option<Box<StreamEvents>>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes, {} kept)", self.bytes, self.kept.len())
    }
}

/// One message of one direction.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Start line and headers.
    pub head: Head,
    /// Body.
    pub body: Body,
    /// Its first byte.
    pub start: Mark,
    /// Its last byte.
    pub end: Mark,
    /// Offset of its first byte in the direction's stream.
    pub offset: u64,
    /// What was odd.
    pub anomalies: Vec<Anomaly>,
    /// Names and values of the trailer section of a chunked body (RFC 9112 §7.1.2).
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The first message of a TLS client, as far as it tells whom it wants to speak to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Host it asks for, lower case.
    pub server_name: Option<String>,
    /// Protocols it would speak, the best first.
    pub protocols: Vec<String>,
    /// It says that the true name is hidden; many say so who hide nothing.
    pub encrypted: bool,
}

/// Why something is handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The exchange is over, or nothing more of it will be seen.
    #[default]
    Over,
    /// Its answer is a stream of events that goes on: it will be handed over again.
    Running,
    /// It is none: a client opens a connection for TLS.
    Tls(Box<ClientHello>),
}

/// A request with its response, as paired on one flow.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The flow, seen from the client.
    pub flow: Flow,
    /// The client for whom a proxy has opened the connection, as it said so at its beginning
    /// (PROXY protocol).
    pub proxied: Option<core::net::IpAddr>,
    /// Id of the flow.
    pub flow_id: FlowId,
    /// Ordinal of this exchange in its flow, from 0.
    pub ordinal: u64,
    /// The request, where it was seen.
    pub request: Option<Message>,
    /// The final response, where it was seen.
    pub response: Option<Message>,
    /// What keeps this picture from being whole.
    pub flags: crate::transaction::Flags,
    /// Packet at which the exchange was complete, or given up: its place in the capture's order.
    pub completed: Mark,
    /// Whether that is all of it.
    pub stage: Stage,
}
