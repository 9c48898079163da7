//! E-mail addresses (RFC 5321), also with an encoded `@`.

use super::{Spans, What};
use crate::bytes::{byte, run_end, run_start};
use stilt_model::Sensitive;

/// Ends of file names that follow an `@` without being a host (`logo@2x.png`).
const NOT_A_DOMAIN: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "mjs", "ts", "tsx", "json",
    "map", "html", "txt", "xml", "woff", "woff2",
];

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._%+-'!#$&*/=?^`{|}~".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'.' || byte == b'-'
}

/// A letter or mark of a writing without blanks between words: Thai, Chinese, Japanese.
const fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{0e00}'..='\u{0e7f}' | '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{ff00}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

/// Finds addresses in `text`.
pub(super) fn find(text: &str, spans: &mut Spans) {
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'@', b'%', bytes) {
        let domain = if byte(bytes, at) == b'@' {
            at.saturating_add(1)
        } else if bytes.get(at..at.saturating_add(3)) == Some(b"%40") {
            at.saturating_add(3)
        } else {
            continue;
        };
        let mut start = run_start(bytes, at, 64, is_local);
        // `to=`, `?q=` and the like stand before an address inside a URL, not in it.
        if let Some(cut) = bytes
            .get(start..at)
            .and_then(|local| local.iter().rposition(|b| b"=&?/{|`#".contains(b)))
        {
            start = start.saturating_add(cut).saturating_add(1);
        }
        while !text.is_char_boundary(start) {
            start = start.saturating_add(1);
        }
        // Nor is what was written before it without a blank, but for an address in that writing.
        let local = text.get(start..at).unwrap_or_default();
        if let Some((cut, last)) = local.char_indices().rfind(|(_, char)| is_unspaced(*char)) {
            let behind = start.saturating_add(cut).saturating_add(last.len_utf8());
            start = if behind < at { behind } else { start };
        }
        while start < at && (byte(bytes, start) == b'.' || byte(bytes, start) == b'\'') {
            start = start.saturating_add(1);
        }
        let end = domain_end(text, domain);
        if start < at && end > domain {
            spans.add(start, end, What::of(Sensitive::Email));
        }
    }
}

/// End of the host that starts at `from`; `from` where none stands there.
fn domain_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = run_end(bytes, from, is_domain).min(from.saturating_add(255));
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    // What follows without a blank is not its either.
    let latin = text.get(from..end).unwrap_or_default().find(is_unspaced);
    if let Some(cut) = latin.filter(|cut| *cut > 0) {
        end = from.saturating_add(cut);
    }
    while end > from && matches!(byte(bytes, end.saturating_sub(1)), b'.' | b'-') {
        end = end.saturating_sub(1);
    }
    let Some(domain) = text.get(from..end) else {
        return from;
    };
    if domain.eq_ignore_ascii_case("localhost") {
        return end;
    }
    let Some((head, top)) = domain.rsplit_once('.') else {
        return from;
    };
    let real = !head.is_empty()
        && top.len() >= 2
        && top.chars().all(|c| c.is_alphabetic() || top.starts_with("xn--"))
        && !NOT_A_DOMAIN.iter().any(|ending| top.eq_ignore_ascii_case(ending));
    if real { end } else { from }
}
