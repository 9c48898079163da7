//! Secrets told by how they begin: vendor keys, signed tokens, private keys, password hashes,
//! connection strings, and `Bearer …` inside text.

use super::Spans;
use crate::bytes::{before, byte, is_random, part, run_end, run_end_within, run_start};
use crate::jwt;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use stilt_model::SecretKind;

/// Bytes after a short prefix that must look random.
const RANDOM_MAX: usize = 256;
/// Bytes in which user, password and host of a URL end.
const AUTHORITY_MAX: usize = 1024;

#[derive(Clone, Copy)]
enum Rule {
    /// A vendor prefix, with at least so many characters after it.
    Vendor(usize),
    /// A prefix so short that what follows must look random as well.
    Random(usize),
    /// A signed token, or the start of one.
    Jwt,
    Pem,
    Hash,
    Url,
    Scheme,
}

const RULES: &[(&str, Rule)] = &[
    ("AKIA", Rule::Vendor(16)),
    ("ASIA", Rule::Vendor(16)),
    ("AROA", Rule::Vendor(16)),
    ("AIDA", Rule::Vendor(16)),
    ("ABIA", Rule::Vendor(16)),
    ("ghp_", Rule::Vendor(20)),
    ("gho_", Rule::Vendor(20)),
    ("ghu_", Rule::Vendor(20)),
    ("ghs_", Rule::Vendor(20)),
    ("ghr_", Rule::Vendor(20)),
    ("github_pat_", Rule::Vendor(20)),
    ("sk_live_", Rule::Vendor(8)),
    ("sk_test_", Rule::Vendor(8)),
    ("rk_live_", Rule::Vendor(8)),
    ("rk_test_", Rule::Vendor(8)),
    ("whsec_", Rule::Vendor(12)),
    ("sk-ant-", Rule::Vendor(16)),
    ("sk-proj-", Rule::Vendor(16)),
    ("sk-or-", Rule::Vendor(16)),
    ("sk-", Rule::Random(20)),
    ("xoxb-", Rule::Vendor(8)),
    ("xoxp-", Rule::Vendor(8)),
    ("xoxa-", Rule::Vendor(8)),
    ("xoxr-", Rule::Vendor(8)),
    ("xoxs-", Rule::Vendor(8)),
    ("xoxe-", Rule::Vendor(8)),
    ("xapp-", Rule::Vendor(12)),
    ("glpat-", Rule::Vendor(12)),
    ("glrt-", Rule::Vendor(12)),
    ("gldt-", Rule::Vendor(12)),
    ("AIza", Rule::Vendor(30)),
    ("ya29.", Rule::Vendor(16)),
    ("GOCSPX-", Rule::Vendor(16)),
    ("SG.", Rule::Random(20)),
    ("npm_", Rule::Vendor(24)),
    ("pypi-", Rule::Vendor(32)),
    ("hf_", Rule::Random(28)),
    ("dop_v1_", Rule::Vendor(24)),
    ("doo_v1_", Rule::Vendor(24)),
    ("shpat_", Rule::Vendor(24)),
    ("shpss_", Rule::Vendor(24)),
    ("sq0atp-", Rule::Vendor(16)),
    ("sq0csp-", Rule::Vendor(16)),
    ("dckr_pat_", Rule::Vendor(16)),
    ("lin_api_", Rule::Vendor(24)),
    ("hvs.", Rule::Random(20)),
    ("gsk_", Rule::Random(28)),
    ("pplx-", Rule::Random(28)),
    ("nvapi-", Rule::Vendor(28)),
    ("tvly-", Rule::Random(20)),
    ("glc_", Rule::Random(28)),
    ("PMAK-", Rule::Vendor(24)),
    ("NRAK-", Rule::Vendor(20)),
    ("key-", Rule::Random(28)),
    ("AccountKey=", Rule::Vendor(20)),
    ("eyJ", Rule::Jwt),
    ("-----BEGIN ", Rule::Pem),
    ("PuTTY-User-Key-File", Rule::Pem),
    ("AGE-SECRET-KEY-", Rule::Vendor(24)),
    ("$2a$", Rule::Hash),
    ("$2b$", Rule::Hash),
    ("$2x$", Rule::Hash),
    ("$2y$", Rule::Hash),
    ("$argon2", Rule::Hash),
    ("$scrypt$", Rule::Hash),
    ("$pbkdf2", Rule::Hash),
    ("$1$", Rule::Hash),
    ("$5$", Rule::Hash),
    ("$6$", Rule::Hash),
    ("$7$", Rule::Hash),
    ("$y$", Rule::Hash),
    ("$gy$", Rule::Hash),
    ("$apr1$", Rule::Hash),
    ("$P$", Rule::Hash),
    ("$H$", Rule::Hash),
    ("{SSHA", Rule::Hash),
    ("{SHA", Rule::Hash),
    ("{MD5}", Rule::Hash),
    ("{CRYPT}", Rule::Hash),
    ("pbkdf2_sha", Rule::Hash),
    ("pbkdf2:", Rule::Hash),
    ("scrypt:", Rule::Hash),
    ("bcrypt_sha256$", Rule::Hash),
    ("argon2$", Rule::Hash),
    ("://", Rule::Url),
    ("%3A%2F%2F", Rule::Url),
    ("%3a%2f%2f", Rule::Url),
    ("Bearer ", Rule::Scheme),
    ("bearer ", Rule::Scheme),
    ("BEARER ", Rule::Scheme),
    ("Basic ", Rule::Scheme),
    ("basic ", Rule::Scheme),
];

/// The prefixes, looked for in one pass.
pub(super) struct Keys(Option<AhoCorasick>);

impl Keys {
    pub(super) fn new() -> Self {
        let words = RULES.iter().map(|(word, _)| *word);
        let builder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words);
        Self(builder.ok())
    }

    /// Finds secrets in `text`.
    pub(super) fn find(&self, text: &str, spans: &mut Spans) {
        let Some(automaton) = &self.0 else {
            return;
        };
        let mut done = 0_usize;
        let mut run = 0_usize;
        for found in automaton.find_iter(text) {
            // What lies inside a span already found belongs to it.
            if found.start() < done {
                continue;
            }
            let Some((_, rule)) = RULES.get(found.pattern().as_usize()) else {
                continue;
            };
            if let Some((start, end, kind)) =
                apply(*rule, text, found.start(), found.end(), &mut run)
            {
                spans.add(start, end, kind);
                done = end;
            }
        }
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// `run` is the end of the run of key bytes that was met last: prefixes may follow each other in it
/// without end.
fn apply(
    rule: Rule,
    text: &str,
    start: usize,
    end: usize,
    run: &mut usize,
) -> Option<(usize, usize, SecretKind)> {
    let bytes = text.as_bytes();
    let opens = !before(bytes, start).is_ascii_alphanumeric();
    match rule {
        Rule::Vendor(min) | Rule::Random(min) => {
            if *run < end {
                *run = run_end(bytes, end, is_key);
            }
            let body = part(text, end, *run);
            let stop = end.saturating_add(body.trim_end_matches(['.', '/', '-']).len());
            let enough = stop.saturating_sub(end) >= min;
            let look = part(text, end, stop.min(end.saturating_add(RANDOM_MAX)));
            let drawn = matches!(rule, Rule::Vendor(_)) || is_random(look, min);
            (opens && enough && drawn).then_some((start, stop, SecretKind::ApiKey))
        }
        Rule::Jwt => jwt_span(text, start, opens),
        Rule::Pem => pem_span(text, start, end),
        Rule::Hash => {
            let wanted = |byte| is_key(byte) || matches!(byte, b'$' | b',' | b':' | b'}' | b'%');
            let stop = run_end(bytes, end, wanted);
            (stop.saturating_sub(end) >= 20).then_some((start, stop, SecretKind::PasswordHash))
        }
        Rule::Url => url_span(text, start, end),
        Rule::Scheme => {
            let stop = run_end(bytes, end, |b| is_key(b) || b == b'~' || b == b':');
            let value = part(text, end, stop);
            let basic = byte(bytes, start).eq_ignore_ascii_case(&b'b')
                && byte(bytes, start.saturating_add(1)).eq_ignore_ascii_case(&b'a');
            let secret = if basic {
                value.len() >= 8 && crate::credential::basic(value).is_some()
            } else {
                value.len() >= 12 && value.bytes().any(|b| b.is_ascii_digit())
                    || is_random(value, 12)
            };
            (opens && secret).then_some((end, stop, super::credential_kind(value)))
        }
    }
}

/// A signed token, also an encrypted or cut one; other encoded objects (cursors) stay.
fn jwt_span(text: &str, start: usize, opens: bool) -> Option<(usize, usize, SecretKind)> {
    let stop = run_end(text.as_bytes(), start, |b| is_word(b) || b == b'.');
    let value = part(text, start, stop);
    let dots = value.bytes().filter(|b| *b == b'.').count();
    if dots >= 2 && jwt::is_jwt(value) {
        return Some((start, stop, SecretKind::Jwt));
    }
    (opens && dots >= 1 && value.len() >= 24).then_some((start, stop, SecretKind::Token))
}

fn pem_span(text: &str, start: usize, end: usize) -> Option<(usize, usize, SecretKind)> {
    let head = part(text, end, text.len());
    let title = crate::bytes::prefix(head, 64);
    let title = title.split("-----").next().unwrap_or_default();
    if !title.contains("PRIVATE KEY") && !part(text, start, end).starts_with("PuTTY") {
        return None;
    }
    let stop = head.find("-----END").map_or(text.len(), |at| {
        let at = end.saturating_add(at).saturating_add(8);
        let line = part(text, at, text.len());
        line.find("-----").map_or(text.len(), |rest| at.saturating_add(rest).saturating_add(5))
    });
    Some((start, stop, SecretKind::PrivateKey))
}

/// A URL whose authority holds a user or password, masked whole.
fn url_span(text: &str, start: usize, end: usize) -> Option<(usize, usize, SecretKind)> {
    let bytes = text.as_bytes();
    let inside = |b: u8| b > 0x20 && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`');
    let look = run_end_within(bytes, end, AUTHORITY_MAX, inside);
    let look = (end..=look).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(end);
    let rest = part(text, end, look);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.split("%2F").next().unwrap_or_default();
    // A password may hold a slash that was not encoded: an `@` after a colon tells it as well.
    let slashed = rest.split_once('@').is_some_and(|(user, host)| {
        user.contains(':') && user.len() < 256 && !user.contains("//") && {
            let port = user.split_once(':').map_or("", |(_, tail)| tail);
            !port.starts_with(|c: char| c.is_ascii_digit()) && host.len() > 2
        }
    });
    if !(authority.contains('@') || authority.contains("%40") || slashed) {
        return None;
    }
    let stop = run_end(bytes, look, inside);
    let scheme = run_start(bytes, start, 32, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-')
    });
    Some((scheme, stop, SecretKind::ConnectionString))
}
