//! What an answer gives away of the application behind it: told from headers, and from the text of
//! errors and pages.

use crate::bytes::lossy;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use std::sync::OnceLock;
use stilt_model::{Exposure, Exposures, Head, Message};

/// Bytes of a body that are looked at.
const BODY_MAX: usize = 16 * 1024;
/// Longest origin that is remembered.
const ORIGIN_MAX: usize = 128;

/// Text that shows a trace of code by itself, in lower case.
const TRACES: &[&str] = &[
    "traceback (most recent call last)",
    "goroutine 1 [running]",
    "exception in thread \"",
    "stack trace:\n#0 ",
    "<b>fatal error</b>:",
    "ora-06512",
    "(.java:",
    ".java:",
    " at system.",
    "microsoft.aspnetcore.",
    "/node_modules/",
    "werkzeug debugger",
    "whoops, looks like something went wrong",
    "action controller: exception caught",
    "rust_backtrace=",
];
/// Pages for developers.
const CONSOLES: &[&str] = &["graphql playground", "graphiql", "apollo sandbox", "altair graphql"];
/// Pages that list a folder.
const LISTINGS: &[&str] = &[
    "<title>index of /",
    "<h1>index of /",
    "<title>directory listing for",
    "[to parent directory]",
];

struct Needles(Option<AhoCorasick>);

impl Needles {
    fn new(all: &[&str]) -> Self {
        Self(AhoCorasickBuilder::new().ascii_case_insensitive(true).build(all).ok())
    }

    fn any(&self, body: &[u8]) -> bool {
        let body = body.get(..BODY_MAX).unwrap_or(body);
        self.0.as_ref().is_some_and(|needles| needles.is_match(body))
    }
}

fn traces() -> &'static Needles {
    static NEEDLES: OnceLock<Needles> = OnceLock::new();
    NEEDLES.get_or_init(|| Needles::new(TRACES))
}

fn pages() -> &'static (Needles, Needles) {
    static NEEDLES: OnceLock<(Needles, Needles)> = OnceLock::new();
    NEEDLES.get_or_init(|| (Needles::new(CONSOLES), Needles::new(LISTINGS)))
}

/// What a response to `request` gives away.
pub(crate) fn read(request: Option<&Head>, message: &Message, media: Option<&str>) -> Exposures {
    let head = &message.head;
    let mut found = Exposures::default();
    for (name, value) in head.headers() {
        if let Some(exposure) = header(name, value) {
            found.add(exposure);
        }
    }
    let body = message.body.kept.as_slice();
    let traced = request.is_some_and(|request| request.method().eq_ignore_ascii_case(b"TRACE"));
    if traced && head.status == 200 && media == Some("message/http") {
        found.add(Exposure::Trace);
    }
    if body.is_empty() {
        return found;
    }
    if head.status >= 400 && traces().any(body) {
        found.add(Exposure::StackTrace);
    }
    if head.status == 200 && media == Some("text/html") {
        let (consoles, listings) = pages();
        if consoles.any(body) {
            found.add(Exposure::Console);
        }
        if listings.any(body) {
            found.add(Exposure::DirectoryListing);
        }
    }
    found
}

/// The origin of the request, where the answer lets just that one read it with credentials.
pub(crate) fn echoed_origin(request: Option<&Head>, head: &Head) -> Option<String> {
    let allowed = head.header("access-control-allow-origin")?.trim_ascii();
    let with = head.header("access-control-allow-credentials")?.trim_ascii();
    let origin = request?.header("origin")?.trim_ascii();
    let echoed = with.eq_ignore_ascii_case(b"true") && allowed == origin;
    let plain = origin.len() <= ORIGIN_MAX && origin.iter().all(u8::is_ascii_graphic);
    (echoed && plain).then(|| lossy(origin).into_owned())
}

fn header(name: &[u8], value: &[u8]) -> Option<Exposure> {
    const VERSIONS: &[&[u8]] = &[
        b"server",
        b"x-powered-by",
        b"x-aspnet-version",
        b"x-aspnetmvc-version",
        b"x-generator",
        b"x-runtime-version",
    ];
    const DEBUG: &[&[u8]] =
        &[b"x-debug-token", b"x-debug-token-link", b"x-debug-exception", b"x-debug-info"];
    let first = name.first()?.to_ascii_lowercase();
    if !matches!(first, b's' | b'x') {
        return None;
    }
    let is = |all: &[&[u8]]| all.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(VERSIONS) && has_version(value) {
        return Some(Exposure::Version);
    }
    is(DEBUG).then_some(Exposure::DebugHeader)
}

/// `nginx/1.22.1`, `PHP/8.2`, `4.0.30319`: numbers joined by a dot.
fn has_version(value: &[u8]) -> bool {
    value
        .windows(3)
        .any(|three| matches!(three, [a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_numbers_and_a_name_is_none() {
        let check = |name: &str, value: &str, expected: Option<Exposure>| {
            assert_eq!(header(name.as_bytes(), value.as_bytes()), expected, "{name}: {value}");
        };
        check("Server", "nginx/1.22.1", Some(Exposure::Version));
        check("server", "nginx", None);
        check("X-Powered-By", "PHP/8.2.7", Some(Exposure::Version));
        check("X-Powered-By", "Express", None);
        check("X-Debug-Token", "a1b2", Some(Exposure::DebugHeader));
        check("X-Request-Id", "1.2.3", None);
        check("", "", None);
    }
}
