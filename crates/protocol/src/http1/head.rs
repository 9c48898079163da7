//! Start lines and headers: told from other bytes, found, and read (RFC 9112 §2–5).

use super::{Limits, Side, note};
use stilt_model::wire::Head;
use stilt_model::{Anomaly, HttpVersion, Message};

/// Longest method.
pub(super) const METHOD_MAX: usize = 32;
/// Longest start line that is waited for.
pub(super) const START_LINE_MAX: usize = 32 << 10;

/// Whether bytes begin a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They do.
    Yes,
    /// They may: too little is there.
    Maybe,
    /// They do not.
    No,
}

/// `bytes` behind the empty lines that may stand before a start line (RFC 9112 §2.2).
#[must_use]
pub fn after_blank_lines(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(blank..).unwrap_or_default()
}

/// A line that a server would answer, though it is no proper request line: it ends in a version,
/// or (`known`: the connection has carried HTTP before) a path follows a method. Only worth asking
/// where a connection begins, and where a message has just ended.
#[must_use]
pub fn looks_like_request_loosely(bytes: &[u8], known: bool) -> Likeness {
    let strictly = looks_like_request(bytes);
    let window = bytes.get(..bytes.len().min(START_LINE_MAX)).unwrap_or_default();
    if strictly != Likeness::No {
        return strictly;
    }
    let printable = |line: &[u8]| line.iter().all(|byte| *byte >= 0x20 || *byte == b'\t');
    let Some(end) = memchr::memchr(b'\n', window) else {
        // It may still end in a version: a cut must not decide that.
        let rest = window.strip_suffix(b"\r").unwrap_or(window);
        let open = window.len() < START_LINE_MAX && window.first() != Some(&b' ');
        return if open && printable(rest) { Likeness::Maybe } else { Likeness::No };
    };
    let line = window.get(..end).unwrap_or_default().trim_ascii_end();
    let version = line.strip_suffix(b".").or_else(|| match line {
        [rest @ .., b'.', digit] if digit.is_ascii_digit() => Some(rest),
        _ => None,
    });
    let ends_in_version =
        version.is_some_and(|rest| rest.to_ascii_uppercase().ends_with(b"HTTP/1"));
    let method = line.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let rest = line.get(method..).unwrap_or_default();
    // Of HTTP/0.9 there is but one method, and nothing behind the target.
    let oldest = line.starts_with(b"GET /") && !rest.trim_ascii().contains(&b' ');
    let path = (known || oldest) && (1..=METHOD_MAX).contains(&method) && rest.starts_with(b" /");
    if (ends_in_version || path) && printable(line) && line.first() != Some(&b' ') {
        Likeness::Yes
    } else {
        Likeness::No
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `HTTP/1.x` at the start of `bytes`, or as much of it as is there.
fn version(bytes: &[u8]) -> Likeness {
    const NAME: &[u8] = b"HTTP/1.";
    let shared = bytes.len().min(NAME.len());
    let (Some(have), Some(want)) = (bytes.get(..shared), NAME.get(..shared)) else {
        return Likeness::No;
    };
    if !have.eq_ignore_ascii_case(want) {
        return Likeness::No;
    }
    match bytes.get(NAME.len()) {
        Some(digit) if digit.is_ascii_digit() => Likeness::Yes,
        Some(_) => Likeness::No,
        None => Likeness::Maybe,
    }
}

/// `HTTP/x.y` at the start of `bytes`, or as much of it as is there.
fn any_version(bytes: &[u8]) -> Likeness {
    let plain = |at: usize| bytes.get(at).map(u8::is_ascii_digit);
    match (plain(5), bytes.get(6), plain(7)) {
        (None | Some(true), None | Some(b'.'), None | Some(true)) => {}
        _ => return Likeness::No,
    }
    let name = bytes.get(..bytes.len().min(5)).unwrap_or_default();
    let fits = b"HTTP/".get(..name.len()).is_some_and(|want| name.eq_ignore_ascii_case(want));
    match (fits, bytes.len() >= 8) {
        (false, _) => Likeness::No,
        (true, true) => Likeness::Yes,
        (true, false) => Likeness::Maybe,
    }
}

/// Method, blank, target, blank, `HTTP/1.x`: nothing less is taken for a request, because other
/// text protocols (NATS, SIP, RTSP, SMTP, IRC…) begin lines with a word as well.
#[must_use]
pub fn looks_like_request(bytes: &[u8]) -> Likeness {
    let window = bytes.get(..bytes.len().min(START_LINE_MAX)).unwrap_or_default();
    let line = match memchr::memchr(b'\n', window) {
        Some(end) => window.get(..end).unwrap_or_default(),
        None if bytes.len() >= START_LINE_MAX && !begins_request_line(window) => {
            return Likeness::No;
        }
        None => window,
    };
    let ended = line.len() < window.len();
    let method = line.iter().take_while(|byte| is_token(**byte)).count();
    if method == 0 || method > METHOD_MAX || !line.first().is_some_and(u8::is_ascii_alphabetic) {
        return Likeness::No;
    }
    match line.get(method) {
        Some(b' ' | b'\t') => {}
        None if !ended => return Likeness::Maybe,
        _ => return Likeness::No,
    }
    if ended {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
        let at = memchr::memrchr2(b' ', b'\t', line).map_or(0, |at| at.saturating_add(1));
        let last = line.get(at..).unwrap_or_default();
        // Something must stand between method and version.
        let target = line.get(method..at).unwrap_or_default().trim_ascii();
        let fits = !target.is_empty() && last.len() == 8 && version(last) == Likeness::Yes;
        return if fits { Likeness::Yes } else { Likeness::No };
    }
    // `CONNECT {` and `PUB subject 12` never grow a version, and bytes that are no text seldom do:
    // but that shows only at the line's end, and a cut must not decide what is read.
    Likeness::Maybe
}

/// Method, blank and the beginning of a target, all of it text: what no other protocol goes on with
/// for [`START_LINE_MAX`] bytes.
pub(super) fn begins_request_line(line: &[u8]) -> bool {
    let method = line.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let target = line.get(method..).and_then(|rest| rest.strip_prefix(b" ")).unwrap_or_default();
    let absolute = [&b"http://"[..], b"https://"].iter().any(|scheme| target.starts_with(scheme));
    (1..=METHOD_MAX).contains(&method)
        && (target.starts_with(b"/") || absolute)
        && target.iter().all(|byte| byte.is_ascii_graphic() || *byte >= 0x80)
}

/// `HTTP/x.y`, blank, three digits: servers send odd versions, and clients accept them.
#[must_use]
pub fn looks_like_response(bytes: &[u8]) -> Likeness {
    match any_version(bytes) {
        Likeness::Yes => {}
        other => return other,
    }
    let rest = bytes.get(8..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if blank == 0 {
        return if rest.is_empty() { Likeness::Maybe } else { Likeness::No };
    }
    let code = rest.get(blank..).unwrap_or_default();
    let digits = code.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, code.len()) {
        (3, _) => match code.get(3) {
            Some(byte) if byte.is_ascii_alphabetic() => Likeness::No,
            Some(_) => Likeness::Yes,
            None => Likeness::Maybe,
        },
        (digits, len) if digits == len => Likeness::Maybe,
        _ => Likeness::No,
    }
}

/// End of the head: after the first empty line, looked for from `from`.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = memchr::memchr(b'\n', bytes.get(at..)?)?;
        let next = at.saturating_add(found).saturating_add(1);
        match bytes.get(next..) {
            Some([b'\n', ..]) => return next.checked_add(1),
            Some([b'\r', b'\n', ..]) => return next.checked_add(2),
            // Seen in the wild, and read as an empty line by everybody.
            Some([b'\r', b'\r', b'\n', ..]) => return next.checked_add(3),
            _ => at = next,
        }
    }
}

/// Reads the head in `message.head.raw`; `false` where even a lenient reader makes nothing of it.
pub(super) fn parse(message: &mut Message, side: Side, limits: &Limits) -> bool {
    strict(&mut message.head, side) || lenient(message, side, limits)
}

/// Reads a head that was cut off, where at least its start line is whole.
pub(super) fn parse_partial(message: &mut Message, side: Side, limits: &Limits) -> bool {
    let Some(end) = memchr::memrchr(b'\n', &message.head.raw) else { return false };
    message.head.raw.truncate(end.saturating_add(1));
    lenient(message, side, limits)
}

/// The well-formed head, read by httparse; spans are told by where its slices lie.
fn strict(head: &mut Head, side: Side) -> bool {
    const HEADERS: usize = 64;
    let mut slots = [httparse::EMPTY_HEADER; HEADERS];
    let raw = &head.raw;
    let base = raw.as_ptr() as usize;
    let span = |part: &[u8]| -> (u32, u32) {
        let start = (part.as_ptr() as usize).saturating_sub(base);
        let end = start.saturating_add(part.len());
        (u32::try_from(start).unwrap_or(0), u32::try_from(end).unwrap_or(0))
    };
    let mut headers = Vec::new();
    let mut keep = |found: &[httparse::Header<'_>]| {
        headers.reserve_exact(found.len());
        headers.extend(found.iter().map(|h| (span(h.name.as_bytes()), span(h.value))));
    };
    let (method, target, status, minor) = match side {
        Side::Request => {
            let mut request = httparse::Request::new(&mut slots);
            let Ok(httparse::Status::Complete(_)) = request.parse(raw) else { return false };
            let (Some(method), Some(path), Some(minor)) =
                (request.method, request.path, request.version)
            else {
                return false;
            };
            keep(request.headers);
            (span(method.as_bytes()), span(path.as_bytes()), 0, minor)
        }
        Side::Response => {
            let mut response = httparse::Response::new(&mut slots);
            let Ok(httparse::Status::Complete(_)) = response.parse(raw) else { return false };
            let (Some(code), Some(minor)) = (response.code, response.version) else { return false };
            keep(response.headers);
            ((0, 0), (0, 0), code, minor)
        }
    };
    head.headers = headers;
    head.method = method;
    head.target = target;
    head.status = status;
    head.version = version_of(minor);
    true
}

fn version_of(minor: u8) -> HttpVersion {
    if minor == 0 { HttpVersion::Http10 } else { HttpVersion::Http11 }
}

/// What servers accept all the same: bare line feeds, continued lines, odd names.
fn lenient(message: &mut Message, side: Side, limits: &Limits) -> bool {
    let raw = core::mem::take(&mut message.head.raw);
    let mut odd = Vec::new();
    let mut lines = Lines { raw: &raw, at: 0 };
    let found = lines.next().and_then(|line| start_line(&raw, line, side, &mut odd));
    if let Some((method, target, status, minor)) = found {
        message.head.method = method;
        message.head.target = target;
        message.head.status = status;
        message.head.version = version_of(minor);
        message.head.headers = headers(&raw, lines, limits, &mut odd);
    }
    message.head.raw = raw;
    for anomaly in odd {
        note(message, anomaly);
    }
    found.is_some()
}

/// Lines as (start, end without line end, it ended in a bare LF).
struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = (usize, usize, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let found = memchr::memchr(b'\n', self.raw.get(start..)?)?;
        let end = start.saturating_add(found);
        self.at = end.saturating_add(1);
        let cr = end > start && self.raw.get(end.saturating_sub(1)) == Some(&b'\r');
        Some((start, if cr { end.saturating_sub(1) } else { end }, !cr))
    }
}

type Start = ((u32, u32), (u32, u32), u16, u8);

fn start_line(
    raw: &[u8],
    (start, end, bare): (usize, usize, bool),
    side: Side,
    odd: &mut Vec<Anomaly>,
) -> Option<Start> {
    if bare {
        odd.push(Anomaly::BareLf);
    }
    let line = raw.get(start..end)?;
    let words: Vec<(usize, usize)> = words(line);
    let at = |(from, to): (usize, usize)| -> Option<(u32, u32)> {
        let shift = |at: usize| u32::try_from(start.checked_add(at)?).ok();
        Some((shift(from)?, shift(to)?))
    };
    let text = |(from, to): (usize, usize)| line.get(from..to).unwrap_or_default();
    odd.push(Anomaly::BadStartLine);
    match side {
        Side::Request => {
            let (first, last) = (*words.first()?, *words.last()?);
            let minor = text(last).last().map_or(1, |digit| digit.saturating_sub(b'0'));
            let plain = words.len() == 3 && line.iter().filter(|byte| **byte == b' ').count() == 2;
            if plain && text(first).iter().all(|byte| is_token(*byte)) {
                odd.retain(|anomaly| *anomaly != Anomaly::BadStartLine);
            }
            if text(first) == b"GET" && words.len() == 2 && text(last).starts_with(b"/") {
                // Method and target, nothing else (RFC 1945 §4.1): no server of today answers.
                odd.push(Anomaly::Http09);
            }
            // Blanks inside a target are kept with it; of two words the second is the target.
            let target = match (words.get(1), words.len().checked_sub(2)) {
                (Some(from), Some(to)) if to > 0 => (from.0, words.get(to)?.1),
                (Some(second), _) => *second,
                (None, _) => (first.1, first.1),
            };
            Some((at(first)?, at(target)?, 0, minor))
        }
        Side::Response => {
            let minor = text(*words.first()?).last()?.checked_sub(b'0')?;
            let code = text(*words.get(1)?).get(..3)?;
            let status: u16 = core::str::from_utf8(code).ok()?.parse().ok()?;
            if line.get(8) == Some(&b' ') && line.get(9).is_some_and(u8::is_ascii_digit) {
                odd.retain(|anomaly| *anomaly != Anomaly::BadStartLine);
            }
            Some(((0, 0), (0, 0), status, minor))
        }
    }
}

/// Spans between blanks.
fn words(line: &[u8]) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, byte) in line.iter().enumerate() {
        let blank = matches!(byte, b' ' | b'\t');
        match (blank, start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        words.push((from, line.len()));
    }
    words
}

/// Keeps a line of a trailer section, where it is a proper field (RFC 9112 §7.1.2).
pub(super) fn trailer(line: &[u8], message: &mut Message, limits: &Limits) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return note(message, Anomaly::BadHeader);
    };
    let name = line.get(..colon).unwrap_or_default();
    let value = line.get(colon.saturating_add(1)..).unwrap_or_default().trim_ascii();
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return note(message, Anomaly::BadHeader);
    }
    if message.trailers.len() < limits.headers_max {
        message.trailers.push((name.to_vec(), value.to_vec()));
    }
}

fn headers(
    raw: &[u8],
    lines: Lines<'_>,
    limits: &Limits,
    odd: &mut Vec<Anomaly>,
) -> Vec<((u32, u32), (u32, u32))> {
    let mut headers: Vec<((u32, u32), (u32, u32))> = Vec::new();
    let to_u32 = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for (start, end, bare) in lines {
        if start == end {
            break;
        }
        if bare {
            odd.push(Anomaly::BareLf);
        }
        let line = raw.get(start..end).unwrap_or_default();
        if matches!(line.first(), Some(b' ' | b'\t')) {
            odd.push(Anomaly::ObsFold);
            if let Some((_, value)) = headers.last_mut() {
                value.1 = to_u32(end);
            }
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            odd.push(Anomaly::BadHeader);
            continue;
        };
        let name = line.get(..colon).unwrap_or_default();
        // What C calls a space is dropped around a name, as many readers do.
        let space = |byte: u8| matches!(byte, b'\t'..=b'\r' | b' ');
        let lead = name.iter().take_while(|byte| space(**byte)).count();
        let end = name.iter().rposition(|byte| !space(*byte)).map_or(0, |at| at.saturating_add(1));
        let trimmed = name.get(lead..end).unwrap_or_default();
        if trimmed.len() != name.len() || !trimmed.iter().all(|byte| is_token(*byte)) {
            odd.push(Anomaly::BadHeader);
        }
        if trimmed.is_empty() || headers.len() >= limits.headers_max {
            continue;
        }
        let value = line.get(colon.saturating_add(1)..).unwrap_or_default();
        let gap = value.len().saturating_sub(value.trim_ascii_start().len());
        let from = start.saturating_add(colon).saturating_add(1).saturating_add(gap);
        let name_from = start.saturating_add(lead);
        headers.push((
            (to_u32(name_from), to_u32(name_from.saturating_add(trimmed.len()))),
            (to_u32(from), to_u32(from.saturating_add(value.trim_ascii().len()))),
        ));
    }
    headers
}
