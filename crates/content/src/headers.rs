//! What the head of a request says beside its credentials.

use crate::bytes::{FNV_START, fnv, prefix};
use crate::header_names::HeaderNames;
use core::net::IpAddr;
use stilt_model::{Head, Message};

/// Headers in which a gateway or backend names the user it asks for, in order of preference.
const ON_BEHALF: &[&str] = &[
    "x-user-id",
    "x-userid",
    "x-authenticated-userid",
    "x-auth-user-id",
    "x-authenticated-user",
    "x-auth-request-user",
    "x-forwarded-user",
    "x-remote-user",
    "remote-user",
    "x-end-user-id",
    "x-end-user",
    "x-on-behalf-of",
    "x-impersonate-user",
    "x-principal",
    "x-subject",
    "x-user-name",
    "x-username",
    "x-user",
    "x-auth-request-email",
    "x-forwarded-email",
    "x-user-email",
    "x-customer-id",
];

/// The user that a request is made for, as the caller says.
pub(crate) fn on_behalf(head: &Head) -> Option<std::borrow::Cow<'_, str>> {
    let known = |name: &[u8]| {
        // Most names are told by their first letter.
        matches!(name.first(), Some(b'x' | b'X' | b'r' | b'R'))
            .then(|| ON_BEHALF.iter().position(|own| name.eq_ignore_ascii_case(own.as_bytes())))
            .flatten()
    };
    head.headers()
        .filter_map(|(name, value)| Some((known(name)?, value.trim_ascii())))
        .filter(|(_, value)| !value.is_empty())
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, value)| String::from_utf8_lossy(value))
}

/// Headers that may say who a request is for, and their longest value, in bytes.
const SAID_MAX: usize = 12;
const SAID_VALUE_MAX: usize = 128;

/// A name of a header that gateways make up: in an extension of the application (`X-Org`), or one
/// that speaks of people. Those of proxies and traces say how a request came, not for whom.
pub(crate) fn may_say_who(lower: &[u8], varies: bool) -> bool {
    const PEOPLE: [&str; 10] = [
        "user",
        "tenant",
        "group",
        "role",
        "subject",
        "principal",
        "consumer",
        "account",
        "customer",
        "member",
    ];
    let Ok(name) = core::str::from_utf8(lower) else { return false };
    if REQUEST_IDS.contains(&name) || name == "user-agent" || name.starts_with("sec-") {
        return false;
    }
    let people = PEOPLE.iter().any(|word| name.contains(word));
    let own = name.starts_with("x-") && !name.contains("forwarded");
    ON_BEHALF.contains(&name) || people || (own && !varies)
}

/// What such headers say, with lower-case names, in wire order.
pub(crate) fn said<'a>(
    head: &'a Head,
    names: &mut HeaderNames,
) -> Vec<(String, std::borrow::Cow<'a, str>)> {
    let mut said = Vec::new();
    for (name, value) in head.headers() {
        let value = value.trim_ascii();
        let fits = !value.is_empty() && value.len() <= SAID_VALUE_MAX && said.len() < SAID_MAX;
        if fits && names.of(name).says_who {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            said.push((name, String::from_utf8_lossy(value)));
        }
    }
    said
}

/// Headers that vary from request to request of one client.
pub(crate) fn varies(name: &[u8]) -> bool {
    const EXACT: &[&str] = &[
        "cookie",
        "authorization",
        "proxy-authorization",
        "range",
        "traceparent",
        "tracestate",
        "baggage",
        "forwarded",
        "via",
        "x-real-ip",
        "x-request-id",
        "x-correlation-id",
        "referer",
        "origin",
        "transfer-encoding",
        "expect",
        "cache-control",
        "pragma",
        "x-amzn-trace-id",
        "x-csrf-token",
        "x-xsrf-token",
        "x-api-key",
        "idempotency-key",
        "te",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-sampled",
        "request-id",
        "date",
        "upgrade",
        "x-client-trace-id",
    ];
    const PREFIXES: &[&str] = &["content-", "if-", "x-forwarded-", "x-b3-", "cf-"];
    let starts = |word: &str| {
        name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    };
    EXACT.iter().chain(ON_BEHALF).any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
        || PREFIXES.iter().any(|word| starts(word))
}

/// Hash of the header names in wire order, without those that vary.
pub(crate) fn order(head: &Head, names: &mut HeaderNames) -> u64 {
    head.headers().filter(|(name, _)| !names.of(name).varies).fold(FNV_START, |hash, (name, _)| {
        fnv(fnv(hash, name.iter().map(u8::to_ascii_lowercase)), [b'\n'])
    })
}

/// A header's text; bytes that are no UTF-8 are replaced.
pub(crate) fn text<'a>(head: &'a Head, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    head.header(name).map(crate::bytes::lossy)
}

/// What a SOAP request asks for: `SOAPAction` (SOAP 1.1), or `action` of the media type (SOAP 1.2).
/// The outcome of a gRPC call (gRPC over HTTP/2, "Responses"): in a trailer, or in the head of an
/// answer without messages.
pub(crate) fn grpc_status(message: &Message) -> Option<u8> {
    let trailer = message
        .trailers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"grpc-status"))
        .map(|(_, value)| crate::bytes::lossy(value));
    trailer.or_else(|| text(&message.head, "grpc-status"))?.trim().parse().ok()
}

pub(crate) fn soap_action(head: &Head) -> Option<String> {
    let media = head.header("content-type")?;
    memchr::memmem::find(media, b"xml")?;
    let header = text(head, "soapaction").map(|value| value.into_owned());
    let action = header.or_else(|| {
        let media = crate::bytes::lossy(media).into_owned();
        media.split(';').find_map(|part| Some(part.trim().strip_prefix("action=")?.to_owned()))
    })?;
    let action = action.trim().trim_matches('"');
    (!action.is_empty()).then(|| action.to_owned())
}

/// Media type without parameters, lower case.
pub(crate) fn media_type(head: &Head, max: usize) -> Option<String> {
    let value = text(head, "content-type")?;
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let plain = media.bytes().all(|b| b.is_ascii_graphic());
    (plain && !media.is_empty()).then(|| prefix(&media, max).to_owned())
}

/// Forwarded clients, leftmost first (RFC 7239, else `X-Forwarded-For`, else `X-Real-IP`).
pub(crate) fn forwarded(head: &Head, max: usize) -> Vec<IpAddr> {
    let all = |wanted: &'static str| {
        head.headers()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
            .map(|(_, value)| crate::bytes::lossy(value))
    };
    let mut found = Vec::new();
    for value in all("forwarded") {
        for pair in value.split([',', ';']) {
            let Some((key, node)) = pair.split_once('=') else { continue };
            if key.trim().eq_ignore_ascii_case("for") {
                found.extend(address(node));
            }
        }
    }
    for name in ["x-forwarded-for", "x-real-ip"] {
        if found.is_empty() {
            for value in all(name) {
                found.extend(value.split(',').filter_map(address));
            }
        }
    }
    // Who stands last was added last, by the proxy that is nearest: those before are hearsay.
    found.drain(..found.len().saturating_sub(max));
    found
}

/// Whether a proxy says that the client's own leg is encrypted (RFC 7239 §5.4 and the names that
/// are older).
pub(crate) fn encrypted_before(head: &Head) -> bool {
    const SCHEMES: &[&str] =
        &["x-forwarded-proto", "x-forwarded-scheme", "cloudfront-forwarded-proto"];
    const FLAGS: &[&str] = &["x-forwarded-ssl", "front-end-https"];
    head.headers().any(|(name, value)| {
        let one_of =
            |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        let starts = |word: &[u8]| {
            value.trim_ascii().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        match name.first() {
            Some(b'x' | b'X' | b'c' | b'C') if one_of(SCHEMES) => {
                starts(b"https") || starts(b"wss")
            }
            Some(b'x' | b'X' | b'f' | b'F') if one_of(FLAGS) => starts(b"on"),
            Some(b'f' | b'F') if one_of(&["forwarded"]) => {
                let value = value.to_ascii_lowercase();
                memchr::memmem::find(&value, b"proto=https").is_some()
            }
            _ => false,
        }
    })
}

/// An address with or without quotes, brackets and port; `unknown` and hidden names give nothing.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    if let Some(rest) = node.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    node.parse().ok().or_else(|| node.rsplit_once(':')?.0.parse().ok())
}

/// Trace id of `traceparent` (W3C Trace Context).
pub(crate) fn trace_id(head: &Head) -> Option<String> {
    let value = text(head, "traceparent")?;
    let id = value.trim().split('-').nth(1)?.to_ascii_lowercase();
    let valid = id.len() == 32
        && id.bytes().all(|b| b.is_ascii_hexdigit())
        && id.bytes().any(|b| b != b'0');
    valid.then_some(id)
}

/// Names under which requests carry their own id.
pub(crate) const REQUEST_IDS: &[&str] =
    &["x-request-id", "request-id", "x-correlation-id", "x-amzn-trace-id", "x-trace-id", "cf-ray"];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A head as the protocol crate would hand it over.
    pub(crate) fn head(start: (&str, &str), status: u16, headers: &[(&str, &str)]) -> Head {
        let mut head = Head { status, ..Head::default() };
        let mut push = |text: &str| {
            let from = u32::try_from(head.raw.len()).unwrap();
            head.raw.extend_from_slice(text.as_bytes());
            (from, u32::try_from(head.raw.len()).unwrap())
        };
        let (method, target) = (push(start.0), push(start.1));
        let headers = headers.iter().map(|(n, v)| (push(n), push(v))).collect();
        (head.method, head.target, head.headers) = (method, target, headers);
        head
    }

    #[test]
    fn forwarded_addresses_are_read_in_all_their_forms() {
        let check = |headers: &[(&str, &str)], expected: &[&str]| {
            let found = forwarded(&head(("GET", "/"), 0, headers), 16);
            let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(found, expected, "{headers:?}");
        };
        check(&[("X-Forwarded-For", "10.1.2.3, 10.0.0.1:443, unknown")], &["10.1.2.3", "10.0.0.1"]);
        check(
            &[("Forwarded", "for=\"[2001:db8::1]:4711\";proto=https, for=192.0.2.60, for=_hidden")],
            &["2001:db8::1", "192.0.2.60"],
        );
        check(&[("X-Real-IP", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.9")], &["192.0.2.9"]);
        check(&[("X-Real-IP", "2001:db8::2")], &["2001:db8::2"]);
        check(&[("X-Forwarded-For", "nonsense")], &[]);
    }

    #[test]
    fn a_proxy_says_that_the_leg_before_it_is_encrypted() {
        let check = |name: &str, value: &str| {
            encrypted_before(&head(("GET", "/"), 0, &[("Host", "a"), (name, value)]))
        };
        assert!(check("X-Forwarded-Proto", "https") && check("Front-End-Https", "on"));
        assert!(check("Forwarded", "for=1.2.3.4;proto=https"));
        assert!(!check("X-Forwarded-Proto", "http") && !check("X-Forwarded-For", "1.2.3.4"));
    }

    #[test]
    fn header_order_ignores_what_varies_and_case() {
        let a = head(("GET", "/"), 0, &[("Host", "a"), ("Accept", "*"), ("Cookie", "x=1")]);
        let b = head(("GET", "/"), 0, &[("host", "b"), ("Content-Length", "3"), ("accept", "x")]);
        let c = head(("GET", "/"), 0, &[("Accept", "*"), ("Host", "a")]);
        let order = |head| order(head, &mut HeaderNames::default());
        assert_eq!(order(&a), order(&b));
        assert_ne!(order(&a), order(&c));
    }

    #[test]
    fn headers_that_may_say_who_are_those_of_the_application_and_of_people() {
        let headers = [
            ("Host", "a"),
            ("User-Agent", "curl"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("X-Forwarded-User", "ann"),
            ("X-Request-Id", "77"),
            ("X-Org", " ORG1 "),
            ("Remote-User", "ann"),
            ("X-Session-Token", "5f3c9a0d12"),
            ("X-B3-TraceId", "1"),
            ("X-User-Groups", ""),
        ];
        let head = head(("GET", "/"), 0, &headers);
        let said = said(&head, &mut HeaderNames::default());
        let said: Vec<(&str, &str)> = said.iter().map(|(n, v)| (n.as_str(), &**v)).collect();
        assert_eq!(said, [("x-forwarded-user", "ann"), ("x-org", "ORG1"), ("remote-user", "ann")]);
    }

    #[test]
    fn a_trace_id_is_taken_only_where_it_is_valid() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(
                trace_id(&head(("GET", "/"), 0, &[("traceparent", value)])).as_deref(),
                expected
            );
        };
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        );
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None);
        check("secret", None);
    }
}
