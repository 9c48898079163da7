//! What a page is built of: which template of its application made it, whatever it says.

use super::html::value;
use crate::bytes::{FNV_START, fnv};

/// Bytes of a page, tags, and building blocks that are looked at.
const BYTES_MAX: usize = 128 * 1024;
const TAGS_MAX: usize = 4096;
const BLOCKS_MAX: usize = 256;
/// Pages of fewer building blocks have no look of their own.
const BLOCKS_MIN: usize = 5;
/// Bytes of one tag, words of its class, and length of a heading of a table.
const TAG_MAX: usize = 1024;
const CLASSES_MAX: usize = 16;
const HEADING_MAX: usize = 64;
/// Classes of what is chosen or closed just now.
const STATES: [&[u8]; 8] = [
    b"active",
    b"current",
    b"selected",
    b"disabled",
    b"hidden",
    b"open",
    b"is-active",
    b"is-current",
];

/// Hash of the set of building blocks of a page: tags with their classes, names of the fields of
/// forms, headings of tables; numbers and the words of the `path` left out. 0 where there are too
/// few of them.
pub(crate) fn skeleton(body: &[u8], path: &str) -> u64 {
    let body = body.get(..body.len().min(BYTES_MAX)).unwrap_or_default();
    let words: Vec<&[u8]> =
        path.split('/').filter(|word| word.len() > 2).take(8).map(str::as_bytes).collect();
    let mut blocks: Vec<u64> = Vec::new();
    // Heads are full of what single pages bring along; classes of the body name the page.
    let mut at = memchr::memmem::find(body, b"<body").map_or(0, |at| at.saturating_add(5));
    for _ in 0..TAGS_MAX {
        let Some(rest) = body.get(at..) else { break };
        let Some(open) = memchr::memchr(b'<', rest) else { break };
        let rest = rest.get(open.saturating_add(1)..).unwrap_or_default();
        at = at.saturating_add(open).saturating_add(1);
        let Some(tag) = tag(rest) else { continue };
        let name = tag.get(..tag.iter().take_while(|b| b.is_ascii_alphanumeric()).count());
        let name = name.unwrap_or_default();
        at = at.saturating_add(tag.len());
        if name.eq_ignore_ascii_case(b"script") || name.eq_ignore_ascii_case(b"style") {
            // What a program holds looks like tags.
            let end = body.get(at..).and_then(|rest| memchr::memmem::find(rest, b"</"));
            // One that never ends is looked through once.
            let Some(end) = end else { break };
            at = at.saturating_add(end);
            continue;
        }
        note(&mut blocks, tag, name, &words);
        if name.eq_ignore_ascii_case(b"th")
            && let Some(heading) = rest.get(tag.len().saturating_add(1)..)
            && let Some(end) = memchr::memchr(b'<', heading).filter(|end| *end <= HEADING_MAX)
        {
            let letters = heading.get(..end).unwrap_or_default().iter().copied();
            add(&mut blocks, fnv(FNV_START, letters.filter(|byte| !byte.is_ascii_digit())));
        }
        if blocks.len() >= BLOCKS_MAX {
            break;
        }
    }
    if blocks.len() < BLOCKS_MIN {
        return 0;
    }
    blocks.into_iter().fold(FNV_START, |hash, block| fnv(hash, block.to_le_bytes())).max(1)
}

/// The tag that begins here, without its `>`.
fn tag(rest: &[u8]) -> Option<&[u8]> {
    rest.first().filter(|byte| byte.is_ascii_alphabetic())?;
    let rest = rest.get(..rest.len().min(TAG_MAX)).unwrap_or_default();
    let mut quote = None;
    for (at, byte) in rest.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'>') => return rest.get(..at),
            _ => {}
        }
    }
    None
}

fn note(blocks: &mut Vec<u64>, tag: &[u8], name: &[u8], words: &[&[u8]]) {
    let lower = |bytes: &[u8]| bytes.iter().map(u8::to_ascii_lowercase).collect::<Vec<u8>>();
    let element = fnv(FNV_START, lower(name));
    add(blocks, element);
    if let Some(classes) = attribute(tag, b"class=") {
        for class in classes.split_ascii_whitespace().take(CLASSES_MAX) {
            let class = class.as_bytes();
            let own = words.iter().any(|word| memchr::memmem::find(class, word).is_some());
            if !own && !STATES.contains(&class) {
                let letters = class.iter().copied().filter(|byte| !byte.is_ascii_digit());
                add(blocks, fnv(fnv(element, [b'.']), letters));
            }
        }
    }
    let field = [&b"input"[..], b"select", b"textarea", b"button"];
    if field.iter().any(|field| name.eq_ignore_ascii_case(field))
        && let Some(field) = attribute(tag, b"name=")
    {
        let letters = field.bytes().filter(|byte| !byte.is_ascii_digit());
        add(blocks, fnv(fnv(element, [b'=']), letters));
    }
}

fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let at = memchr::memmem::find_iter(tag, name)
        .find(|at| tag.get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_whitespace))?;
    value(tag.get(at.saturating_add(name.len())..)?)
}

fn add(blocks: &mut Vec<u64>, block: u64) {
    if let Err(at) = blocks.binary_search(&block) {
        blocks.insert(at, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: usize, name: &str) -> String {
        let item = format!("<li class='card p-{items}'><a href='/p/{items}'>x</a></li>");
        format!(
            "<html><head><title>{name}</title></head><body class='{name}'><main><h1>{name}</h1>\
             <ul class='grid cat-{name}'>{}</ul></main></body></html>",
            item.repeat(items)
        )
    }

    #[test]
    fn pages_of_one_template_are_built_alike_and_others_are_not() {
        let one = skeleton(page(3, "lamps").as_bytes(), "/c/lamps");
        assert_ne!(one, 0);
        assert_eq!(one, skeleton(page(7, "chairs").as_bytes(), "/c/chairs"));
        let form = page(3, "lamps").replace("</main>", "<input name=q></main>");
        assert_ne!(one, skeleton(form.as_bytes(), "/c/lamps"));
        let table = |heading: &str| {
            let table = format!("<table><tr><th>{heading}</th></tr></table></main>");
            skeleton(page(3, "lamps").replace("</main>", &table).as_bytes(), "/c/lamps")
        };
        assert_ne!(table("Price"), table("E-mail"));
        assert_eq!(table("Price 1"), table("Price 2"));
    }

    #[test]
    fn what_says_too_little_has_no_look_and_nothing_panics() {
        assert_eq!(skeleton(b"<html><body><p>Hi</p></body></html>", "/"), 0);
        for bytes in
            [&b"<"[..], b"<a class=", b"<body><a class=\"", b"<th>", b"<script><", b"\xff<\xff"]
        {
            assert_eq!(skeleton(bytes, "/x"), 0);
        }
    }
}
