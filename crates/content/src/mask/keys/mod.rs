//! Secrets told by how they begin: vendor keys, signed tokens, private keys, password hashes,
//! connection strings, and `Bearer …` inside text.

mod hashes;
mod inside;
pub(super) mod vendors;

use super::context;
use super::{Span, Spans, What};
use crate::bytes::{before, byte, is_random, part, run_end, run_end_within, run_start};
use crate::jwt;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use hashes::Scheme;
use inside::{INSIDE, Inside};
use std::sync::OnceLock;
use stilt_model::Sensitive;
use vendors::{VENDORS, Vendor, Verdict};

/// Bytes in which user, password and host of a URL end.
const AUTHORITY_MAX: usize = 1024;

#[derive(Clone, Copy)]
enum Rule {
    /// A vendor's key.
    Vendor(&'static Vendor),
    /// A vendor's key that is told by what stands inside it.
    Inside(&'static Inside),
    /// A URL that whoever knows it may post to.
    Webhook(&'static str),
    /// A signed token, or the start of one.
    Jwt,
    Pem,
    Hash(Scheme),
    Url,
    Scheme,
    /// Words before a date of birth.
    Birth,
    /// Words before a postal address.
    Address,
}

const RULES: &[(&str, Rule)] = &[
    ("hooks.slack.com/", Rule::Webhook("slack_webhook")),
    ("/api/webhooks/", Rule::Webhook("discord_webhook")),
    (".webhook.office.com/", Rule::Webhook("teams_webhook")),
    ("eyJ", Rule::Jwt),
    ("-----BEGIN ", Rule::Pem),
    ("PuTTY-User-Key-File", Rule::Pem),
    ("$2a$", Rule::Hash(Scheme::Bcrypt)),
    ("$2b$", Rule::Hash(Scheme::Bcrypt)),
    ("$2x$", Rule::Hash(Scheme::Bcrypt)),
    ("$2y$", Rule::Hash(Scheme::Bcrypt)),
    ("$argon2", Rule::Hash(Scheme::Argon2)),
    ("$scrypt$", Rule::Hash(Scheme::Scrypt)),
    ("$pbkdf2", Rule::Hash(Scheme::Pbkdf2)),
    ("$1$", Rule::Hash(Scheme::Crypt)),
    ("$5$", Rule::Hash(Scheme::Crypt)),
    ("$6$", Rule::Hash(Scheme::Crypt)),
    ("$7$", Rule::Hash(Scheme::Crypt)),
    ("$y$", Rule::Hash(Scheme::Crypt)),
    ("$gy$", Rule::Hash(Scheme::Crypt)),
    ("$apr1$", Rule::Hash(Scheme::Crypt)),
    ("$P$", Rule::Hash(Scheme::Crypt)),
    ("$H$", Rule::Hash(Scheme::Crypt)),
    ("{SSHA", Rule::Hash(Scheme::Ldap)),
    ("{SHA", Rule::Hash(Scheme::Ldap)),
    ("{MD5}", Rule::Hash(Scheme::Ldap)),
    ("{CRYPT}", Rule::Hash(Scheme::Ldap)),
    ("pbkdf2_sha", Rule::Hash(Scheme::Pbkdf2)),
    ("pbkdf2:", Rule::Hash(Scheme::Pbkdf2)),
    ("scrypt:", Rule::Hash(Scheme::Scrypt)),
    ("bcrypt_sha256$", Rule::Hash(Scheme::Bcrypt)),
    ("argon2$", Rule::Hash(Scheme::Argon2)),
    ("://", Rule::Url),
    ("%3A%2F%2F", Rule::Url),
    ("%3a%2f%2f", Rule::Url),
    ("Bearer ", Rule::Scheme),
    ("bearer ", Rule::Scheme),
    ("BEARER ", Rule::Scheme),
    ("Basic ", Rule::Scheme),
    ("basic ", Rule::Scheme),
    ("BASIC ", Rule::Scheme),
];

/// All rules with their words, in the order in which the automaton numbers them.
fn rules() -> impl Iterator<Item = (&'static str, Rule)> {
    let vendors = VENDORS.iter().map(|vendor| (vendor.word, Rule::Vendor(vendor)));
    let inside = INSIDE.iter().map(|inside| (inside.word, Rule::Inside(inside)));
    let birth = context::BIRTH.iter().map(|word| (*word, Rule::Birth));
    let address = context::ADDRESS.iter().map(|word| (*word, Rule::Address));
    RULES.iter().copied().chain(vendors).chain(inside).chain(birth).chain(address)
}

/// The prefixes, looked for in one pass.
pub(super) struct Keys {
    automaton: Option<AhoCorasick>,
    rules: Vec<Rule>,
}

impl Keys {
    /// Compiled once for the process: it is large, and the same for all.
    pub(super) fn shared() -> &'static Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        KEYS.get_or_init(|| {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::DFA))
                .build(rules().map(|(word, _)| word));
            Self { automaton: automaton.ok(), rules: rules().map(|(_, rule)| rule).collect() }
        })
    }

    /// Finds secrets in `text`.
    pub(super) fn find(&self, text: &str, spans: &mut Spans) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        let mut done = 0_usize;
        let mut run = 0_usize;
        for found in automaton.find_iter(text) {
            // What lies inside a span already found belongs to it.
            if found.start() < done {
                continue;
            }
            let Some(rule) = self.rules.get(found.pattern().as_usize()) else {
                continue;
            };
            if let Some((start, end, what)) =
                apply(*rule, text, found.start(), found.end(), &mut run)
            {
                spans.add(start, end, what);
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

/// What `rule`, whose word stands from `start` to `end`, finds. `run` is the end of the run of key
/// bytes that was met last: prefixes may follow each other in it without end.
fn apply(rule: Rule, text: &str, start: usize, end: usize, run: &mut usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let opens = !before(bytes, start).is_ascii_alphanumeric();
    match rule {
        Rule::Vendor(vendor) => {
            if !opens {
                return None;
            }
            if *run < end {
                *run = run_end(bytes, end, is_key);
            }
            let body = part(text, end, *run);
            let stop = end.saturating_add(body.trim_end_matches(['.', '/', '-']).len());
            let what = What::named(vendor.name, Sensitive::ApiKey);
            match vendor.judge(body) {
                Verdict::No => None,
                Verdict::Hide => Some((start, stop, what.hidden())),
                Verdict::Yes => Some((start, stop, what)),
            }
        }
        Rule::Inside(inside) => inside.find(text, start, end),
        Rule::Webhook(name) => {
            let stop = run_end(bytes, end, is_key);
            let what = What::named(name, Sensitive::ApiKey);
            let body = part(text, end, stop);
            let long = body.rsplit('/').next().is_some_and(|last| is_random(last, 16));
            (body.len() >= 40 && long && vendors::drawn(body)).then_some((start, stop, what))
        }
        Rule::Jwt => jwt_span(text, start, opens),
        Rule::Pem => pem_span(text, start, end),
        Rule::Hash(scheme) => {
            let wanted = |byte| is_key(byte) || matches!(byte, b'$' | b',' | b':' | b'}' | b'%');
            let stop = run_end(bytes, end, wanted);
            if stop.saturating_sub(end) < 20 {
                return None;
            }
            let what = What::named(scheme.name(), Sensitive::PasswordHash);
            let sure = scheme.checks(part(text, start, stop));
            Some((start, stop, if sure { what } else { what.hidden() }))
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
            (opens && secret).then_some((end, stop, What::credential(value)))
        }
        Rule::Birth => context::birth(text, start, end),
        Rule::Address => context::address(text, start, end),
    }
}

/// A signed token, also an encrypted or cut one; other encoded objects (cursors) stay.
fn jwt_span(text: &str, start: usize, opens: bool) -> Option<Span> {
    let stop = run_end(text.as_bytes(), start, |b| is_word(b) || b == b'.');
    let value = part(text, start, stop);
    let dots = value.bytes().filter(|b| *b == b'.').count();
    if dots >= 2 && jwt::is_jwt(value) {
        return Some((start, stop, What::of(Sensitive::Jwt)));
    }
    (opens && dots >= 1 && value.len() >= 24).then(|| {
        let what = What::of(Sensitive::Token);
        (start, stop, if dots >= 2 { what } else { what.hidden() })
    })
}

fn pem_span(text: &str, start: usize, end: usize) -> Option<Span> {
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
    // A title alone is what a manual shows.
    let body = part(text, start, stop).bytes().filter(u8::is_ascii_alphanumeric).count();
    let what = What::of(Sensitive::PrivateKey);
    Some((start, stop, if body >= 96 { what } else { what.hidden() }))
}

/// A URL whose authority holds a user or password, masked whole.
fn url_span(text: &str, start: usize, end: usize) -> Option<Span> {
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
    let user = authority.rsplit_once('@').map_or(authority, |(user, _)| user);
    let told = user.split_once(':').is_some_and(|(_, password)| is_password(password)) || slashed;
    let what = What::of(Sensitive::ConnectionString);
    Some((scheme, stop, if told { what } else { what.hidden() }))
}

/// What stands for a password in a URL, and is none (`user:${PASSWORD}@`, `user:***@`).
fn is_password(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['$', '{', '<', '[', '*', '%'])
}
