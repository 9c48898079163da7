//! Links of pages: what a page lets its reader open next.
//!
//! Only where the links lead is read, as `link[].href`; one record for each.

use super::paths::ROOT;
use super::{Scalar, Sink};
use crate::bytes::{FNV_START, fnv};
use std::borrow::Cow;
use stilt_model::Place;

/// Links of one page that are looked at.
const LINKS_MAX: usize = 512;
/// Longest link.
const LINK_MAX: usize = 256;
/// Bytes before an attribute among which its tag begins.
const TAG_MAX: usize = 512;

/// Reads the links of `body`, a page at `path`.
pub(crate) fn read(body: &[u8], path: &str, sink: &mut Sink<'_>) {
    let at = sink.child(ROOT, b"link");
    let at = sink.paths.element(at);
    let at = sink.child(at, b"href");
    let mut record = 0_u32;
    for start in memchr::memmem::find_iter(body, b"href=").take(LINKS_MAX) {
        let rest = body.get(start.saturating_add(5)..).unwrap_or_default();
        if !in_tag(body.get(start.saturating_sub(TAG_MAX)..start).unwrap_or_default()) {
            continue;
        }
        let Some(link) = value(rest) else { continue };
        let Some(link) = resolve(link, path) else { continue };
        if !sink.add(Place::Html, at, record, Scalar::Text(link)) {
            return;
        }
        record = record.saturating_add(1);
    }
}

/// Bytes of a page that tell which page it is, and words of a path that are looked for in it.
const SAYS_MAX: usize = 8192;
const SEGMENTS_MAX: usize = 8;
/// Shortest text of letters and digits that is drawn: a nonce, a mark against forgery.
const DRAWN_MIN: usize = 16;

/// Hashes of what a page says, numbers and drawn texts left out: as it stands, and without the
/// words of the `path` it was asked by, which some pages repeat ("/x was not found").
pub(crate) fn says(body: &[u8], path: &str) -> [u64; 2] {
    let body = body.get(..body.len().min(SAYS_MAX)).unwrap_or_default();
    let segments: Vec<&[u8]> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take(SEGMENTS_MAX)
        .map(str::as_bytes)
        .collect();
    let [mut whole, mut bare] = [FNV_START; 2];
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(byte);
    for part in body.chunk_by(|a, b| in_word(a) == in_word(b)) {
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits == part.len() || part.len() >= DRAWN_MIN && digits > 0 {
            continue;
        }
        whole = fnv(whole, part.iter().copied());
        if !segments.contains(&part) {
            bare = fnv(bare, part.iter().copied().filter(|byte| *byte != b'/'));
        }
    }
    [whole.max(1), bare.max(1)]
}

/// Titles of pages that say that it did not work: what is not there or not allowed, and others.
const REFUSALS: &[&str] = &[
    "not found",
    "page not found",
    "file not found",
    "forbidden",
    "access denied",
    "unauthorized",
    "unauthorised",
    "permission denied",
    "no access",
    "page does not exist",
    "login required",
    "nicht gefunden",
    "seite nicht gefunden",
    "zugriff verweigert",
    "kein zugriff",
    "page introuvable",
    "introuvable",
    "accès refusé",
    "accès interdit",
    "no encontrado",
    "página no encontrada",
    "acceso denegado",
    "não encontrado",
    "página não encontrada",
    "acesso negado",
    "non trovato",
    "pagina non trovata",
    "accesso negato",
    "niet gevonden",
    "pagina niet gevonden",
];
const FAILURES: &[&str] = &[
    "error",
    "an error occurred",
    "an error has occurred",
    "bad request",
    "invalid request",
    "something went wrong",
    "oops",
    "internal server error",
    "server error",
    "method not allowed",
    "too many requests",
    "validation error",
    "fehler",
    "ungültige anfrage",
    "erreur",
    "erro",
    "errore",
    "fout",
];
/// Bytes of a page among which its title stands.
const TITLE_MAX: usize = 4096;

/// Whether the title of a page says that what was asked for did not work, and if so whether for
/// lack of right or existence. What else stands in a title (the name of the site) is set apart.
pub(crate) fn tells_failure(body: &[u8]) -> Option<bool> {
    let head = body.get(..body.len().min(TITLE_MAX)).unwrap_or_default();
    let open = memchr::memmem::find(head, b"<title")?;
    let rest = head.get(open..)?;
    let rest = rest.get(memchr::memchr(b'>', rest)?.saturating_add(1)..)?;
    let title = rest.get(..memchr::memchr(b'<', rest)?)?;
    let title = crate::bytes::lossy(title).to_lowercase();
    let parts = title.split(['|', '·', '–', '—', '»', '«', ':']).flat_map(|part| part.split(" - "));
    let mut failed = None;
    for part in parts {
        let text = part.trim().trim_end_matches(['!', '.', '?']);
        let bare = text.trim_start_matches("error ").trim_start_matches("http ").trim_start();
        let code: String = bare.chars().take_while(char::is_ascii_digit).collect();
        let words = bare.get(code.len()..).unwrap_or_default().trim_start();
        let code = code.parse::<u16>().unwrap_or_default();
        let alone = words.is_empty() && bare.len() == 3;
        // A number alone is the name of a thing as often, unless it is that of these errors.
        if REFUSALS.contains(&words) || alone && matches!(code, 403 | 404) {
            return Some(true);
        }
        if FAILURES.contains(&words) || FAILURES.contains(&text) {
            failed = Some(false);
        }
    }
    failed
}

/// Names of a form, sent with it for the machines, that are looked for in the answer.
const FIELDS_MAX: usize = 32;

/// Whether a page holds a form with most of the fields `sent`; what guards a form stands on any
/// page, and does not count.
pub(crate) fn asks_again<'a>(body: &[u8], sent: impl Iterator<Item = &'a str>) -> bool {
    let guards = ["csrf", "xsrf", "authenticity", "viewstate", "verificationtoken", "eventvalid"];
    let mut asked: Vec<&str> = sent
        .filter(|name| {
            let plain = name.to_ascii_lowercase().replace(['_', '-'], "");
            !plain.is_empty() && !guards.iter().any(|guard| plain.contains(guard))
        })
        .take(FIELDS_MAX)
        .collect();
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() {
        return false;
    }
    let mut found = vec![false; asked.len()];
    for start in memchr::memmem::find_iter(body, b"name=").take(LINKS_MAX) {
        let rest = body.get(start.saturating_add(5)..).unwrap_or_default();
        let before = body.get(start.saturating_sub(TAG_MAX)..start).unwrap_or_default();
        let Some(name) = value(rest).filter(|_| in_tag(before)) else { continue };
        // `user[email]` is sent as `email` of `user`.
        let name = name.rsplit('[').next().unwrap_or_default().trim_end_matches(']');
        if let Ok(at) = asked.binary_search(&name)
            && let Some(place) = found.get_mut(at)
        {
            *place = true;
        }
    }
    found.iter().filter(|found| **found).count().saturating_mul(2) > asked.len()
}

/// Whether an attribute may stand behind `before`: in a tag, outside of quotes. What a page
/// repeats of its reader's own words, escaped, is no link.
fn in_tag(before: &[u8]) -> bool {
    let Some(open) = memchr::memrchr(b'<', before) else { return false };
    let tag = before.get(open.saturating_add(1)..).unwrap_or_default();
    if !tag.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let mut quote = None;
    for byte in tag {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'>') => return false,
            _ => {}
        }
    }
    quote.is_none() && tag.last().is_some_and(|b| b.is_ascii_whitespace() || b"\"'/".contains(b))
}

/// The value of an attribute, quoted or not.
pub(super) fn value(rest: &[u8]) -> Option<&str> {
    let rest = rest.get(..LINK_MAX.min(rest.len())).unwrap_or_default();
    let (rest, end) = match rest.first()? {
        quote @ (b'"' | b'\'') => {
            let inner = rest.get(1..)?;
            (inner, memchr::memchr(*quote, inner)?)
        }
        _ => (rest, rest.iter().position(|b| b.is_ascii_whitespace() || *b == b'>')?),
    };
    core::str::from_utf8(rest.get(..end)?).ok().filter(|link| !link.is_empty())
}

/// The link as a path or URL; none where it stays on the page or leaves the web.
fn resolve<'a>(link: &'a str, path: &str) -> Option<Cow<'a, str>> {
    if link.starts_with(['#', '?']) || link.starts_with("//") {
        return None;
    }
    let link: Cow<'_, str> =
        if link.contains("&amp;") { link.replace("&amp;", "&").into() } else { link.into() };
    if link.starts_with('/') || link.starts_with("http://") || link.starts_with("https://") {
        return Some(link);
    }
    let head = link.split(['/', '?']).next().unwrap_or_default();
    if head.contains(':') {
        return None;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // A page at a very long path must not be repeated with each of its links.
    if folder.len() > LINK_MAX {
        return None;
    }
    let link = link.strip_prefix("./").unwrap_or(&link);
    Some(format!("{folder}/{link}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_whatever_their_quotes() {
        let check = |rest: &str, expected| assert_eq!(value(rest.as_bytes()), expected, "{rest}");
        check("\"/orders/7\">x", Some("/orders/7"));
        check("'/orders/7'>x", Some("/orders/7"));
        check("/orders/7>x", Some("/orders/7"));
        check("\"/never ends", None);
        check("", None);
    }

    #[test]
    fn a_form_that_is_shown_again_is_told_by_its_fields() {
        let check = |page: &str, sent: &[&str], expected| {
            assert_eq!(asks_again(page.as_bytes(), sent.iter().copied()), expected, "{page}");
        };
        let page = "<form><input type=hidden name=csrf_token value=1><input name=\"code\"></form>";
        check(page, &["csrf_token", "code"], true);
        check(page, &["csrf_token", "email"], false);
        check(page, &["csrf_token"], false);
        check("<input name='email'><p>A code was sent", &["email", "password"], false);
        check("<input name=a><textarea name=b></textarea>", &["a", "b", "is_staff"], true);
        check("<p>name=code", &["code"], false);
        check("<input name='user[email]'>", &["email"], true);
        check("", &[], false);
    }

    #[test]
    fn a_title_tells_that_it_did_not_work() {
        let check = |title: &str, expected: Option<bool>| {
            let page = format!("<!doctype html><html><head><title>{title}</title></head></html>");
            assert_eq!(tells_failure(page.as_bytes()), expected, "{title}");
        };
        check("Not found - Old Shop", Some(true));
        check("404 Not Found", Some(true));
        check("Old Shop | Seite nicht gefunden", Some(true));
        check("Error 403: Forbidden", Some(true));
        check("404", Some(true));
        check("Error - Old Shop", Some(false));
        check("Oops! - Shop", Some(false));
        for title in [
            "Old Shop",
            "Error log - Admin",
            "How to fix error 404 not found in nginx",
            "Found: 3 results",
            "Lost and not found games",
            "500 pieces puzzle",
            "",
        ] {
            check(title, None);
        }
    }

    #[test]
    fn only_what_stands_in_a_tag_is_an_attribute() {
        let check = |before: &str, expected| {
            assert_eq!(in_tag(before.as_bytes()), expected, "{before}");
        };
        check("<a ", true);
        check("<p>see <a class='x' data-when=\"a > b\"\n", true);
        check("<p>&lt;a ", false);
        check("<p>you searched for ", false);
        check("<input value=\"", false);
        check("<input value=\"x ", false);
        check("<a data-", false);
        check("<!-- ", false);
        check("", false);
    }

    #[test]
    fn links_lead_from_where_the_page_stands() {
        let check = |link: &str, expected: Option<&str>| {
            assert_eq!(resolve(link, "/shop/list.php").as_deref(), expected, "{link}");
        };
        check("/orders/7", Some("/orders/7"));
        check("order.php?id=7&amp;x=1", Some("/shop/order.php?id=7&x=1"));
        check("./order.php", Some("/shop/order.php"));
        check("https://shop.test/orders/7", Some("https://shop.test/orders/7"));
        let far = "/shop".repeat(52);
        assert_eq!(resolve("order.php?id=7", &format!("{far}/list.php")), None);
        for link in ["#top", "?page=2", "javascript:void(0)", "mailto:a@b.test", "//cdn.test/x"] {
            check(link, None);
        }
    }
}
