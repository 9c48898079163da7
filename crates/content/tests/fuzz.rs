//! The fuzz targets on their saved corpora, and on changes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

#[path = "../fuzz/entries.rs"]
mod entries;
#[path = "../../protocol/fuzz/mutate.rs"]
mod mutate;

use std::path::Path;

const WORDS: &[&[u8]] = &[
    b"{\"password\":\"",
    b"\"id\":",
    b"[[[[[[[[[[[[[[[[",
    b"\\u00e9",
    b"%41%00",
    b"\r\n--xYz\r\n",
    b"4111111111111111",
    b"DE89370400440532013000",
    b"alice@example.com",
    b"Bearer ey",
    b"Set-Cookie: a=b\n",
    b"data: ",
    b"<a href=\"",
    b"query{",
    b"\"messages\":[{\"role\":\"user\",\"content\":",
    b"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":",
    b"\"choices\":[{\"delta\":",
    b"\n---\n",
];

#[test]
fn saved_and_changed_inputs_break_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let only = std::env::var("STILT_FUZZ_TARGET").ok();
    for (name, entry) in entries::ENTRIES {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        mutate::run(&corpus.join(name), WORDS, *entry);
    }
}
