//! Paths cut into segments, and what each segment is by its own looks.

use crate::drawn::is_drawn;
use crate::sighting::SlotKind;
use crate::words::is_version;

/// Segments of a path that are told apart; what lies deeper is left out.
const SEGMENTS_MAX: usize = 16;
/// Longest text that can be a name of the application's own.
const LITERAL_MAX: usize = 64;
/// Bytes of a path that are looked at.
const BYTES_MAX: usize = 4096;

/// What the segment before a key ends with: `Products(12)` is `Products(` and `12`.
const KEYED: char = '(';
/// What a custom method begins with: `topics/clicks:publish` is `topics`, `clicks`, `:publish`.
const METHOD: char = ':';

/// The plain name in a step: that of what a key stands behind, or of a custom method.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix(METHOD).or_else(|| name.strip_suffix(KEYED)).unwrap_or(name)
}

/// The step is what a key stands behind (`Products(`).
pub(crate) fn is_keyed(name: &str) -> bool {
    name.ends_with(KEYED)
}

/// The step is a custom method (`:publish`).
pub(crate) fn is_method(name: &str) -> bool {
    name.starts_with(METHOD)
}

/// A path in its normal form. Reused between transactions, so that nothing is allocated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// Decoded segments, one after another.
    text: String,
    /// The same in ASCII lower case, at the same offsets.
    lower: String,
    spans: Vec<(u32, u32)>,
}

impl Path {
    /// Cuts `path`: percent-decoded, empty and `.` segments and matrix parameters left out; keys
    /// and custom methods are steps of their own.
    pub(crate) fn parse(&mut self, path: &str) {
        self.text.clear();
        self.spans.clear();
        let path = path.get(..BYTES_MAX).unwrap_or(path);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        for segment in path.split('/') {
            let segment = segment.split(';').next().unwrap_or_default();
            if segment.is_empty() || segment == "." || self.spans.len() >= SEGMENTS_MAX {
                continue;
            }
            let start = self.text.len();
            decode(segment, &mut self.text);
            self.cut(start);
        }
        self.cut_method();
        self.lower.clear();
        self.lower.push_str(&self.text);
        self.lower.make_ascii_lowercase();
    }

    /// Ends the segment that begins at `start`: one step, or the name and the key of a thing.
    fn cut(&mut self, start: usize) {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let segment = self.text.get(start..).unwrap_or_default();
        let keyed = key(segment).filter(|_| self.spans.len().saturating_add(1) < SEGMENTS_MAX);
        if let Some((name, key)) = keyed {
            let (open, from) = (start.saturating_add(name), start.saturating_add(key.start));
            self.spans.push((offset(start), offset(open)));
            self.spans.push((offset(from), offset(start.saturating_add(key.end))));
        } else {
            self.spans.push((offset(start), offset(self.text.len())));
        }
    }

    /// Parts a custom method from what it is done to.
    fn cut_method(&mut self) {
        let Some((start, end)) = self.spans.last().copied() else { return };
        let last = self.text.get(start as usize..end as usize).unwrap_or_default();
        let Some((thing, method)) = last.rsplit_once(METHOD) else { return };
        if thing.is_empty() || thing.contains(METHOD) || !is_verb(method) {
            return;
        }
        if self.spans.len() < SEGMENTS_MAX
            && let Ok(length) = u32::try_from(thing.len())
            && let Some(span) = self.spans.last_mut()
        {
            let middle = start.saturating_add(length);
            span.1 = middle;
            self.spans.push((middle, end));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    fn span(&self, at: usize) -> core::ops::Range<usize> {
        self.spans.get(at).map_or(0..0, |(start, end)| *start as usize..*end as usize)
    }

    /// Segment as sent, decoded.
    pub(crate) fn segment(&self, at: usize) -> &str {
        self.text.get(self.span(at)).unwrap_or_default()
    }

    /// Segment in lower case, by which plain names are compared.
    pub(crate) fn lower(&self, at: usize) -> &str {
        self.lower.get(self.span(at)).unwrap_or_default()
    }

    /// What segment `at` is by its looks; `None` for a plain name.
    pub(crate) fn kind(&self, at: usize) -> Option<SlotKind> {
        let segment = self.segment(at);
        if at > 0 && is_keyed(self.segment(at.saturating_sub(1))) {
            return Some(kind(segment).unwrap_or(SlotKind::Slug));
        }
        if is_keyed(segment) {
            return None;
        }
        let kind = kind(segment)?;
        // A date that leads the path, or follows `api`, is the version of an interface.
        let leads =
            at == 0 || matches!(self.lower(at.saturating_sub(1)), "api" | "version" | "apis");
        if kind == SlotKind::Date
            && leads
            && segment.len() == 10
            && at.saturating_add(1) < self.len()
        {
            return None;
        }
        if kind == SlotKind::Slug
            && (leads && is_release(segment) || is_decimal(segment) && (leads || self.is_rest(at)))
            && at.saturating_add(1) < self.len()
        {
            return None;
        }
        Some(kind)
    }

    /// What stands before is a name that versions stand behind.
    fn is_rest(&self, at: usize) -> bool {
        matches!(self.lower(at.saturating_sub(1)), "rest" | "services" | "ws" | "soap" | "rpc")
    }
}

/// Length of the name with its bracket, and where the key in it lies: `Products(12)`,
/// `Customers('ALFKI')`, `Lines(Order=1,No=2)` (OData 4.01, part 2, §4.3). `Titanic_(1997)` is a
/// name.
fn key(segment: &str) -> Option<(usize, core::ops::Range<usize>)> {
    let inside = segment.strip_suffix(')')?;
    let open = inside.find(KEYED)?;
    let (name, key) = (segment.get(..open)?, inside.get(open.saturating_add(1)..)?);
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let from = open.saturating_add(1);
    let quoted = key.len() > 2 && key.starts_with('\'') && key.ends_with('\'');
    let pairs = || key.split(',').all(|pair| pair.split_once('=').is_some_and(|(n, v)| n != v));
    let number = key.bytes().any(|b| b.is_ascii_digit())
        && key
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'.' | b':' | b'T' | b'Z'));
    if !named || key.is_empty() || key.contains(['(', ')']) && !quoted {
        return None;
    }
    let to = from.saturating_add(key.len());
    if quoted {
        return Some((from, from.saturating_add(1)..to.saturating_sub(1)));
    }
    (number || pairs()).then_some((from, from..to))
}

/// Verbs of custom methods (Google AIP-136), beside those of several words (`batchGet`).
const VERBS: &[&str] = &[
    "publish",
    "pull",
    "acknowledge",
    "cancel",
    "search",
    "undelete",
    "move",
    "copy",
    "lookup",
    "query",
    "run",
    "start",
    "stop",
    "export",
    "import",
    "enable",
    "disable",
    "validate",
    "predict",
    "invoke",
    "commit",
    "rollback",
    "listen",
    "annotate",
    "recognize",
    "translate",
    "detect",
    "resolve",
    "approve",
    "reject",
    "archive",
    "restore",
    "activate",
    "deactivate",
    "purge",
    "seek",
    "detach",
    "attach",
    "close",
    "open",
    "reset",
    "clone",
    "rename",
    "refresh",
    "execute",
    "send",
    "undo",
    "redo",
    "mutate",
    "generate",
    "suspend",
    "resume",
    "wait",
];

/// The name of a custom method.
fn is_verb(text: &str) -> bool {
    let camel = text.len() >= 6
        && text.bytes().all(|b| b.is_ascii_alphabetic())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase());
    camel || VERBS.contains(&text)
}

/// A number with decimals: a coordinate, a price. One with a single digit behind the point is a
/// version as often.
fn is_decimal(text: &str) -> bool {
    let Some((whole, rest)) = text.strip_prefix('-').unwrap_or(text).split_once('.') else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(rest) && (rest.len() > 1 || text.starts_with('-'))
}

/// `1.4.2`, `2.0.0-rc.1`: a version of a thing (Semantic Versioning 2.0, §2 and §9).
fn is_release(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let number =
        |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(number)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b))
}

/// `800x600`: width and height.
fn is_size(text: &str) -> bool {
    let side =
        |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('x').is_some_and(|(width, height)| side(width) && side(height))
}

/// `WELCOME10`: capitals with a number behind; what a path names is written small, or in camels.
fn is_coupon(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = text.len().saturating_sub(letters);
    letters >= 4 && digits >= 2 && text.bytes().skip(letters).all(|b| b.is_ascii_digit())
}

/// `MzA`: a number in base64 (RFC 4648 §5), as links for new passwords name whom they are for.
fn is_number_in_base64(text: &str) -> bool {
    // Three characters in four are of digits where the text is of a number: `MDAw`, `MTIz`.
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        _ => None,
    };
    let bytes = text.as_bytes();
    let mixed =
        bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase);
    if !mixed || !(3..=16).contains(&bytes.len()) || bytes.len() % 4 == 1 {
        return false;
    }
    bytes.chunks(4).all(|chunk| {
        let bits = chunk.iter().try_fold(0, |bits, byte| Some(bits << 6 | sextet(*byte)?));
        let Some(bits) = bits else { return false };
        let bits = bits << (6 * (4 - chunk.len()));
        let decoded = [bits >> 16 & 255, bits >> 8 & 255, bits & 255];
        let (digits, rest) = decoded.split_at(chunk.len().saturating_sub(1));
        digits.iter().all(|byte| (48..=57).contains(byte)) && rest.iter().all(|byte| *byte == 0)
    })
}

/// `@alice`: what somebody is called. `@me` is whoever asks, `@vite/client` a tool's own.
fn is_handle(text: &str) -> bool {
    const NAMES: [&str; 8] = ["me", "self", "current", "original", "all", "vite", "fs", "id"];
    let plain = |name: &&str| {
        name.len() >= 2 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    text.strip_prefix('@').filter(plain).is_some_and(|name| !NAMES.contains(&name))
}

/// It begins with the status of an error.
fn is_status(text: &str) -> bool {
    text.get(..3)
        .and_then(|code| code.parse().ok())
        .is_some_and(|code: u16| matches!(code, 400..=418 | 421..=431 | 500..=511))
}

/// `468-canyon-willow`: a number, and in words what it stands for.
fn is_numbered(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let words = rest.split('-').filter(|word| word.len() > 1).count();
    // `404-not-found`, `365-days-of-code` are names of pages.
    (digits >= 4 && words > 0 || digits == 3 && words >= 2 && !is_status(text))
        && rest.starts_with(|c: char| c.is_alphabetic())
}

/// Undoes percent-encoding once; bytes that are no UTF-8 are replaced.
fn decode(segment: &str, out: &mut String) {
    if !segment.contains('%') {
        out.push_str(segment);
        return;
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let raw = segment.as_bytes();
    let mut at = 0_usize;
    while let Some(&byte) = raw.get(at) {
        let hex = |offset: usize| {
            raw.get(at.saturating_add(offset)).and_then(|b| char::from(*b).to_digit(16))
        };
        match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// What a value is by its looks: number, UUID, hash, date, or text no application would use as a
/// plain name of its own; `None` for a plain name.
pub(crate) fn kind(segment: &str) -> Option<SlotKind> {
    let (stem, extension) = split_extension(segment);
    let bytes = stem.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if bytes.is_empty() {
        return None;
    }
    if segment.starts_with('<') && segment.ends_with('>') {
        return Some(if segment.starts_with("<email") { SlotKind::Slug } else { SlotKind::Hash });
    }
    let signless = stem.strip_prefix('-').unwrap_or(stem);
    if digits > 0 && signless.bytes().all(|b| b.is_ascii_digit()) {
        return Some(SlotKind::Integer);
    }
    if is_version(segment) {
        return None;
    }
    if is_uuid(bytes) || is_ulid(bytes) {
        return Some(SlotKind::Uuid);
    }
    if is_date(stem) {
        return Some(SlotKind::Date);
    }
    if is_hash(bytes) || is_short_hash(bytes) || is_drawn(stem) {
        return Some(SlotKind::Hash);
    }
    if is_address(segment) {
        return Some(SlotKind::Slug);
    }
    let strange = |c: char| !(c.is_ascii_alphanumeric() || "-_.~@+:$!".contains(c));
    if segment.len() > LITERAL_MAX
        || segment.contains(strange)
        || is_code(stem)
        || is_release(stem)
        || is_decimal(segment)
        || is_numbered(stem)
        || is_size(stem)
        || is_coupon(stem)
        || is_number_in_base64(segment)
        || is_handle(segment)
        || (segment.len() > 3 && segment.contains('@') && !segment.starts_with('@'))
    {
        return Some(SlotKind::Slug);
    }
    // `app.3f2a9c8d.js`: one file of a build.
    let built = extension.is_some()
        && stem.split(['.', '-']).skip(1).any(|part| {
            part.len() >= 8
                && part.bytes().all(|b| b.is_ascii_hexdigit())
                && part.bytes().any(|b| b.is_ascii_digit())
        });
    built.then_some(SlotKind::Hash)
}

/// A name and its file extension (1 to 5 letters or digits, one a letter).
pub(crate) fn split_extension(segment: &str) -> (&str, Option<&str>) {
    match segment.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=5).contains(&extension.len())
                && extension.bytes().all(|b| b.is_ascii_alphanumeric())
                && extension.bytes().any(|b| b.is_ascii_alphabetic()) =>
        {
            (stem, Some(extension))
        }
        _ => (segment, None),
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_ulid(bytes: &[u8]) -> bool {
    bytes.len() == 26
        && matches!(bytes.first(), Some(b'0'..=b'7'))
        && bytes.iter().all(|b| {
            b.is_ascii_alphanumeric()
                && !matches!(b.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U')
        })
}

/// The first digits of a hash (`50336bc`, `a31b0f2`): hexadecimal, and begun with a digit, or
/// digits
/// and letters taking turns.
fn is_short_hash(bytes: &[u8]) -> bool {
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let turns = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [one, two] if one.is_ascii_digit() != two.is_ascii_digit()));
    (7..16).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && (2..bytes.len()).contains(&digits)
        && (turns.count() >= 2 || bytes.first().is_some_and(u8::is_ascii_digit))
}

/// An address of a network: IPv4, IPv6, or of a device (EUI-48).
fn is_address(text: &str) -> bool {
    let device = |mark: char| {
        text.len() == 17
            && text.split(mark).count() == 6
            && text
                .split(mark)
                .all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    device(':')
        || device('-')
        || text.contains(['.', ':']) && text.parse::<core::net::IpAddr>().is_ok()
}

/// `2024-01-31`, `2024-01`, `2024-W05`, `2024-01-31T10:00:00Z`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: core::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let month = digits(0..4) && bytes.get(4) == Some(&b'-') && digits(5..7);
    let year = matches!(bytes.first(), Some(b'1' | b'2'));
    match bytes.len() {
        7 => year && month,
        8 => year && digits(0..4) && matches!(bytes.get(4..6), Some(b"-W" | b"-w")) && digits(6..8),
        10 => year && month && bytes.get(7) == Some(&b'-') && digits(8..10),
        16..=35 => {
            year && month
                && bytes.get(7) == Some(&b'-')
                && digits(8..10)
                && matches!(bytes.get(10), Some(b'T' | b't' | b' '))
        }
        _ => false,
    }
}

/// Drawn text of at least 16 characters: hexadecimal, or letters and digits mixed beyond what
/// words do.
fn is_hash(bytes: &[u8]) -> bool {
    if bytes.len() < 16 || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(b)) {
        return false;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if bytes.iter().all(u8::is_ascii_hexdigit) {
        return digits > 0;
    }
    let upper = bytes.iter().any(u8::is_ascii_uppercase);
    let lower = bytes.iter().any(u8::is_ascii_lowercase);
    let changes = bytes
        .windows(2)
        .filter(|pair| {
            let class = |at: usize| {
                pair.get(at).map_or(0, |b| match b {
                    b'0'..=b'9' => 1,
                    b'A'..=b'Z' => 2,
                    b'a'..=b'z' => 3,
                    _ => 0,
                })
            };
            class(0) != class(1) && class(0) != 0 && class(1) != 0
        })
        .count();
    (digits >= 2 && changes >= 5) || (digits > 0 && upper && lower && changes >= 6)
}

/// Letters followed by a running number: `ORD-1001`, `inv_2024_017`, `SKU12345`, `ORD-1001-A`.
fn is_code(text: &str) -> bool {
    // A part of it, or its check character.
    let part = text.rsplit_once(['-', '_']).filter(|(head, tail)| {
        let digits = head.bytes().filter(u8::is_ascii_digit).count();
        digits >= 3 && tail.len() == 1 && tail.bytes().all(|b| b.is_ascii_uppercase())
    });
    let text = part.map_or(text, |(head, _)| head);
    let bytes = text.as_bytes();
    let letters = bytes.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let rest = bytes.get(letters..).unwrap_or_default();
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    let tail = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    (1..=6).contains(&letters)
        && rest.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        && match rest.first() {
            Some(b'-' | b'_') => tail >= 2,
            _ => digits == rest.len() && digits >= 4,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_names() {
        let check = |segment: &str, expected: Option<SlotKind>| {
            assert_eq!(kind(segment), expected, "{segment}");
        };
        check("17", Some(SlotKind::Integer));
        check("-1", Some(SlotKind::Integer));
        check("17.json", Some(SlotKind::Integer));
        check("3f2504e0-4f89-11d3-9a0c-0305e82c3301", Some(SlotKind::Uuid));
        check("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some(SlotKind::Uuid));
        check("5f43a1b2c3d4e5f60718293a", Some(SlotKind::Hash));
        check("V1StGXR8_Z5jdHi6B-myT", Some(SlotKind::Hash));
        check("cjld2cjxh0000qzrmn831i7rn", Some(SlotKind::Hash));
        check("main.8f3a2b1c.js", Some(SlotKind::Hash));
        check("2024-01-31", Some(SlotKind::Date));
        check("2024-W05", Some(SlotKind::Date));
        check("50336bc", Some(SlotKind::Hash));
        check("XHdaoRVWExkfeymK", Some(SlotKind::Hash));
        check("10.1.2.3", Some(SlotKind::Slug));
        check("fe80::1", Some(SlotKind::Slug));
        check("00:1b:44:11:3a:b7", Some(SlotKind::Slug));
        check("ORD-3300-A", Some(SlotKind::Slug));
        check("ORD-1001", Some(SlotKind::Slug));
        check("SKU12345", Some(SlotKind::Slug));
        check("<email:0123456789abcdef>", Some(SlotKind::Slug));
        check("x' OR '1'='1", Some(SlotKind::Slug));
        check("468-canyon-willow", Some(SlotKind::Slug));
        check("1.4.2", Some(SlotKind::Slug));
        check("1200x900", Some(SlotKind::Slug));
        check("WELCOME10", Some(SlotKind::Slug));
        check("MzA", Some(SlotKind::Slug));
        check("MTIzNDU", Some(SlotKind::Slug));
        check("@ana.k", Some(SlotKind::Slug));
        check("2.0.0-rc.1", Some(SlotKind::Slug));
        for name in [
            "orders",
            "v1",
            "v2.1",
            "me",
            "oauth2",
            "anna60",
            "the-hobbit",
            "macbook-pro-2024-16gb",
            "index.html",
            "style.css",
            "x509",
            "0x",
            "@me",
            "SHA256",
            "MyOrders",
            "MTA",
            "NoOp",
            "OAUTH2",
            "@vite",
            "power.paula",
            "_debug",
            "forgot-password",
            "internationalization",
            "two-factor-authentication",
            "base64",
            ".env",
            "latest",
            "facade",
            "defaced1",
            "face2face",
            "plan-b",
            "404-not-found",
            "2-factor-auth",
            "1.2",
        ] {
            check(name, None);
        }
    }

    #[test]
    fn paths_are_brought_to_one_form() {
        let mut path = Path::default();
        path.parse("//Users/./Anna%20K;v=1/orders/17/");
        let segments: Vec<&str> = (0..path.len()).map(|at| path.segment(at)).collect();
        assert_eq!(segments, ["Users", "Anna K", "orders", "17"]);
        assert_eq!(path.lower(0), "users");
    }

    #[test]
    fn keys_and_custom_methods_are_steps_of_their_own() {
        let check = |text: &str, expected: &[&str]| {
            let mut path = Path::default();
            path.parse(text);
            let steps: Vec<&str> = (0..path.len()).map(|at| path.segment(at)).collect();
            assert_eq!(steps, expected, "{text}");
        };
        check("/odata/Products(12)/Name", &["odata", "Products(", "12", "Name"]);
        check("/Customers('ALFKI')", &["Customers(", "ALFKI"]);
        let mut path = Path::default();
        path.parse("/Customers('ALFKI')/Orders(7)");
        let kinds: Vec<bool> = (0..4).map(|at| path.kind(at).is_some()).collect();
        assert_eq!(kinds, [false, true, false, true]);
        check("/Lines(Order=1,No=2)", &["Lines(", "Order=1,No=2"]);
        check("/v1/topics/clicks:publish", &["v1", "topics", "clicks", ":publish"]);
        check("/v1/documents:batchGet", &["v1", "documents", ":batchGet"]);
        for name in ["Mercury_(planet)", "Titanic_(1997)", "f()", "tag:blue", "a:b:stop", "x(y)"] {
            check(&format!("/{name}"), &[name]);
        }
    }

    #[test]
    fn a_date_that_leads_is_a_version() {
        let mut path = Path::default();
        path.parse("/2024-01-01/functions/x");
        assert_eq!(path.kind(0), None);
        path.parse("/1.4.2/functions/x");
        assert_eq!(path.kind(0), None);
        path.parse("/reports/2024-01-01/x");
        assert_eq!(path.kind(1), Some(SlotKind::Date));
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(text in "\\PC{0,200}") {
            let mut path = Path::default();
            path.parse(&text);
            for at in 0..path.len() {
                let _ = path.kind(at);
            }
        }
    }
}
