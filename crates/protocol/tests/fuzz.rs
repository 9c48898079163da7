//! The fuzz targets on their saved corpora, and on changes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panicking")]

#[path = "../fuzz/entries.rs"]
mod entries;
#[path = "../fuzz/mutate.rs"]
mod mutate;

use std::path::Path;

const WORDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"\r\n ",
    b" ",
    b":",
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
