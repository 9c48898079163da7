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
    /// Cuts `path`: percent-decoded, empty and `.` segments and matrix parameters left out.
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
            let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            self.spans.push((offset(start), offset(self.text.len())));
        }
        self.lower.clear();
        self.lower.push_str(&self.text);
        self.lower.make_ascii_lowercase();
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
        Some(kind)
    }
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
            "10.1.2",
            "plan-b",
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
    fn a_date_that_leads_is_a_version() {
        let mut path = Path::default();
        path.parse("/2024-01-01/functions/x");
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
