//! A finished transaction: what crosses from the flow workers to everything above.

use crate::exposure::Exposures;
use crate::flow::Flow;
use crate::id::{FlowId, TransactionId};
use crate::leaf::Leaf;
use crate::pseudonym::Pseudonym;
use crate::sensitive::{NumberColumn, SensitiveCounts};
use crate::talk::Talk;
use crate::time::Timestamp;
use crate::wire::{Anomaly, HttpVersion, Stage};
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Place in the capture's order: packet that completed it, then flow, then ordinal in the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Order {
    /// Number of the packet that completed the transaction.
    pub packet: u64,
    /// Its flow.
    pub flow: FlowId,
    /// Ordinal inside the flow.
    pub ordinal: u64,
}

/// What keeps the picture of a transaction from being whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Flags {
    /// The flow was joined after its start.
    pub midstream: bool,
    /// Only one direction of the flow was seen.
    pub one_sided: bool,
    /// Bytes were lost inside the transaction, or just before it on its flow.
    pub gap: bool,
    /// Packets were cut by the capture length.
    pub snaplen: bool,
    /// The response was still running, or the flow ended before it did.
    pub incomplete: bool,
    /// The body was longer than what was kept for analysis.
    pub body_cut: bool,
    /// Request and response were matched by acknowledgement, not by order.
    pub repaired: bool,
    /// The request's head never came whole and nothing answered it: who sent it, and what for, is
    /// not known.
    pub head_cut: bool,
}

impl Flags {
    /// Names of the flags that are set, in a fixed order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [
            (self.midstream, "midstream"),
            (self.one_sided, "one_sided"),
            (self.gap, "gap"),
            (self.snaplen, "snaplen"),
            (self.incomplete, "incomplete"),
            (self.body_cut, "body_cut"),
            (self.repaired, "repaired"),
            (self.head_cut, "head_cut"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect()
    }

    /// Nothing is missing that a rule on absence would need.
    #[must_use]
    pub fn whole(self) -> bool {
        !(self.one_sided || self.gap || self.snaplen || self.incomplete)
    }
}

/// How a credential was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// `Authorization: Bearer` or a like scheme with an opaque token or JWT.
    Bearer,
    /// HTTP Basic (RFC 7617).
    Basic,
    /// A cookie.
    Cookie,
    /// A key in a header or query parameter.
    ApiKey,
    /// Any other scheme (Digest, signature, …).
    Other,
}

/// A credential a request carried, masked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Credential {
    /// How it was carried.
    pub kind: CredentialKind,
    /// Name of the cookie, header or parameter; scheme for `Authorization`. Lower case but for
    /// cookies.
    pub name: String,
    /// What stands for it.
    pub mark: Pseudonym,
    /// Length in bytes.
    pub length: u32,
    /// User name inside it (Basic), in clear.
    pub user: Option<String>,
    /// Mark of the password inside it (Basic).
    pub password: Option<Pseudonym>,
    /// Its claims, where it is a JWT.
    pub jwt: Option<Arc<Jwt>>,
}

/// Decoded header and claims of a JWT (RFC 7519). The signature is not verified here.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Jwt {
    /// `alg`.
    pub alg: String,
    /// `kid`.
    pub kid: Option<String>,
    /// `iss`.
    pub iss: Option<String>,
    /// `sub`, or the first of `preferred_username`, `username`, `user_id`, `uid`, `email`, `upn`
    /// present.
    pub sub: Option<String>,
    /// The claim that `sub` was read from; empty where there is none.
    #[serde(skip)]
    pub sub_claim: &'static str,
    /// `iat`, seconds.
    pub iat: Option<i64>,
    /// `exp`, seconds.
    pub exp: Option<i64>,
    /// Roles and scopes (`role`, `roles`, `scope`, `scp`, `groups`, `permissions`,
    /// `realm_access.roles`).
    pub roles: Vec<String>,
    /// Tenant (`tenant`, `tid`, `org`, `org_id`, …).
    pub tenant: Option<String>,
    /// Other scalar claims, masked where personal; at most 32.
    pub claims: BTreeMap<String, String>,
    /// Keyed hash of the signature; `None` where there is none.
    #[serde(skip)]
    pub signature: Option<u64>,
    /// The header brings or names a key of its own (`jwk`, `jku`, `x5u`, `x5c`; RFC 7515 §4.1).
    #[serde(skip)]
    pub own_key: bool,
    /// `nbf`, seconds.
    #[serde(skip)]
    pub nbf: Option<i64>,
    /// `aud`, sorted; at most 8.
    #[serde(skip)]
    pub aud: Vec<String>,
    /// The token itself, where its signature can be checked.
    #[serde(skip)]
    pub sealed: Option<Sealed>,
}

/// A token as it was sent, for its signature to be checked; it can be neither printed nor written.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// Seals `token`.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// The token, for who checks its signature.
    #[must_use]
    pub fn open(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// A key that tokens are signed with (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// `kid`.
    pub kid: Option<String>,
    /// The key.
    pub material: KeyMaterial,
}

/// The part of a key that signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// RSA: modulus and exponent, big-endian.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
    /// A point of P-384, uncompressed.
    P384(Vec<u8>),
    /// Ed25519.
    Ed25519(Vec<u8>),
    /// A shared secret, from configuration only.
    Secret(Vec<u8>),
}

impl core::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Rsa { .. } => "Rsa",
            Self::P256(_) => "P256",
            Self::P384(_) => "P384",
            Self::Ed25519(_) => "Ed25519",
            Self::Secret(_) => "Secret(…)",
        })
    }
}

/// A credential a response handed out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Issued {
    /// As a cookie, or a token in the body or a header.
    pub kind: CredentialKind,
    /// Cookie name, or path of the leaf.
    pub name: String,
    /// What stands for it: equal to the mark of the credential when it comes back.
    pub mark: Pseudonym,
    /// The cookie is being deleted (`Max-Age=0`, empty value, or expiry in the past).
    pub cleared: bool,
    /// Its claims, where it is a JWT.
    pub jwt: Option<Arc<Jwt>>,
}

/// A name in clear that must not be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginName(pub String);

impl core::fmt::Debug for LoginName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LoginName(…)")
    }
}

/// What the GraphQL documents of a request ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GraphQl {
    /// Documents: more than one where requests are batched.
    pub documents: u32,
    /// Fields selected, those of fragments once each.
    pub fields: u32,
    /// Fields that are given another name.
    pub aliases: u32,
    /// Deepest nesting of selections, fragments put in their places.
    pub depth: u32,
    /// Estimated number of values asked for: the sum over fields, each times the sizes of the lists
    /// above it (`first`, `last`, `limit`, …).
    pub cost: u64,
    /// It asks for the schema (`__schema`, `__type`).
    pub introspection: bool,
}

/// What more is told of a message as it was sent. Most have nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AsSent {
    /// Length of the body after transfer decoding only, where it differs from the decoded one.
    pub encoded_bytes: Option<u64>,
    /// SHA-256 of the decoded body, where it was asked for, and all of it was there.
    pub sha256: Option<[u8; 32]>,
    /// Trailers (RFC 9112 §7.1.2) in wire order, masked like headers.
    pub trailers: Vec<(String, String)>,
}

/// The mark of a leaf that is shown in clear, in case it turns out to be a secret: no name says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Which leaf.
    pub leaf: u32,
    /// What would stand for it.
    pub mark: Pseudonym,
}

/// What the client asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Request {
    /// Method as sent.
    pub method: String,
    /// Host: authority of an absolute target, else the Host header; lower case, port kept where not
    /// 80/443.
    pub host: Option<String>,
    /// Request target as sent, secrets masked.
    pub target: String,
    /// Path of the target, secrets masked, percent-encoding kept.
    pub path: String,
    /// Query of the target, secrets masked.
    pub query: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<Arc<str>>,
    /// Hash of the header names in wire order, those that vary per request left out
    /// (content-*, cookie, authorization, if-*, range, x-forwarded-*, traceparent, …).
    pub header_order: u64,
    /// Names of the headers that tell something of the endpoint: lower case, sorted, at most 32;
    /// without those of connections, proxies and traces, and those that carry credentials.
    #[serde(skip)]
    pub headers: Arc<[SmolStr]>,
    /// Forwarded clients, leftmost first (`Forwarded`, `X-Forwarded-For`, else `X-Real-IP`).
    pub forwarded: Vec<IpAddr>,
    /// Host that a proxy says it was asked for (`X-Forwarded-Host`), lower case.
    #[serde(skip)]
    pub forwarded_host: Option<String>,
    /// A proxy says that the client's own leg is encrypted (`X-Forwarded-Proto: https` and the
    /// like).
    #[serde(skip)]
    pub encrypted_before: bool,
    /// Media type of the body, without parameters.
    pub content_type: Option<String>,
    /// Length of the body after decoding.
    pub body_bytes: u64,
    /// What more is told of it as it was sent.
    pub as_sent: Option<Box<AsSent>>,
    /// Credentials carried.
    pub credentials: Vec<Credential>,
    /// What query and body say; at most 512.
    pub leaves: Vec<Leaf>,
    /// Leaves that look drawn by chance, as credentials.
    #[serde(skip)]
    pub drawn: Vec<Drawn>,
    /// Texts of a short form that comes without a credential, as passwords.
    #[serde(skip)]
    pub typed: Vec<Drawn>,
    /// Whom a handle in it stands for: the one who was named when it was given out.
    #[serde(skip)]
    pub person: Option<String>,
    /// There were more leaves than were kept, or the body was cut.
    pub leaves_cut: bool,
    /// Sensitive data in path, query and body, whatever was kept of it as leaves.
    pub sensitive: SensitiveCounts,
    /// What its GraphQL documents ask for.
    pub graphql: Option<GraphQl>,
    /// The e-mail address that was given as a user name beside a password, in clear: leaves hold
    /// its
    /// mark. For naming the principal only; no record shows it outside `user.id`.
    #[serde(skip)]
    pub login_name: Option<LoginName>,
    /// The user that the caller says it asks for (`X-User-Id` and the like), masked where personal.
    pub on_behalf: Option<String>,
    /// Headers that may say for whom it is, by their lower-case names, in wire order; values masked
    /// where personal. None where a signed token says it.
    #[serde(skip)]
    pub said: Vec<(SmolStr, SmolStr)>,
    /// Action of a SOAP call (SOAP 1.1 §6.1.1 header, or the media type's parameter of 1.2),
    /// without quotes.
    pub soap_action: Option<String>,
    /// `X-Request-Id` or like.
    pub request_id: Option<String>,
    /// Trace id of `traceparent`.
    pub trace_id: Option<String>,
}

/// What the server answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Media type of the body, without parameters.
    pub content_type: Option<String>,
    /// Length of the body after decoding.
    pub body_bytes: u64,
    /// What more is told of it as it was sent.
    pub as_sent: Option<Box<AsSent>>,
    /// Names of the headers that tell something of the endpoint, as in a request.
    #[serde(skip)]
    pub headers: Arc<[SmolStr]>,
    /// Headers that the configuration asks for, by their lower-case names; values masked where
    /// personal.
    #[serde(skip)]
    pub said: Vec<(SmolStr, SmolStr)>,
    /// First byte of the response.
    pub start: Timestamp,
    /// The server's own clock (`Date`, RFC 9110 §6.6.1), seconds.
    #[serde(skip)]
    pub date: Option<i64>,
    /// What the body says; at most 2,048.
    pub leaves: Vec<Leaf>,
    /// There were more leaves than were kept, or the body was cut.
    pub leaves_cut: bool,
    /// Sensitive data in body and `Location`.
    pub sensitive: SensitiveCounts,
    /// Public keys that the body lists (RFC 7517 §5).
    #[serde(skip)]
    pub keys: Vec<SigningKey>,
    /// Credentials handed out.
    pub issued: Vec<Issued>,
    /// Leaves of a short answer that look drawn by chance, as credentials.
    #[serde(skip)]
    pub drawn: Vec<Drawn>,
    /// `Location`, secrets masked.
    pub location: Option<String>,
    /// Hash of the set of (leaf path, kind), array lengths left out: which sort of answer it was.
    pub shape: u64,
    /// Outcome of a gRPC call (`grpc-status`, in the head or a trailer): 0 is success.
    #[serde(skip)]
    pub grpc_status: Option<u8>,
    /// Hashes of what a page says, numbers and drawn texts left out, and of the same without the
    /// path it was asked by; 0 where it is no page.
    #[serde(skip)]
    pub page: [u64; 2],
    /// Hash of what a page is built of (tags, classes, fields of forms, headings of tables),
    /// whatever it says; 0 where it is no page, or one that is built of too little.
    #[serde(skip)]
    pub skeleton: u64,
    /// Numbers of a text without fields.
    #[serde(skip)]
    pub columns: Vec<NumberColumn>,
    /// A page whose title says that it did not work; `true`: for lack of right or existence.
    #[serde(skip)]
    pub page_failed: Option<bool>,
    /// A page that holds the form again that was sent.
    pub form_again: bool,
    /// What it gives away of the application behind it.
    pub exposed: Exposures,
    /// The request's `Origin`, where the answer lets just that one read it with credentials.
    pub echoed_origin: Option<String>,
}

/// A request with its response, understood and masked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transaction {
    /// Derived id.
    pub id: TransactionId,
    /// Place in the capture's order.
    pub order: Order,
    /// The flow.
    pub flow: Flow,
    /// First byte of the request (of the response where no request was seen).
    pub start: Timestamp,
    /// Last byte seen.
    pub end: Timestamp,
    /// Number of the first packet.
    pub first_packet: u64,
    /// Number of the last packet.
    pub last_packet: u64,
    /// HTTP version (of the response where both were seen and differ: of the request).
    pub version: HttpVersion,
    /// The request, where it was seen.
    pub request: Option<Request>,
    /// The response, where it was seen.
    pub response: Option<Response>,
    /// What is missing.
    pub flags: Flags,
    /// Bytes lost inside it.
    pub lost_bytes: u64,
    /// What was odd.
    pub anomalies: Vec<Anomaly>,
    /// What it says, where a model, a tool server or an agent is talked to.
    pub talk: Option<Box<Talk>>,
    /// Whether that is all of it.
    #[serde(skip)]
    pub stage: Stage,
}

impl Transaction {
    /// Its answer is still being sent.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Status code, where the response was seen.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// TCP peer that sent the request.
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.flow.client
    }
}
