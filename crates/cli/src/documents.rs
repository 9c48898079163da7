//! `--openapi FILE…`: which of the files after it are documents. A capture that follows them is a
//! capture.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

const OPTION: &str = "--openapi";

/// How files begin that hold captures: pcap in both byte orders (with micro- and nanoseconds, and
/// Kuznetzov's), pcapng, gzip, Zstandard.
const MAGICS: [&[u8]; 9] = [
    &[0xd4, 0xc3, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xc3, 0xd4],
    &[0x4d, 0x3c, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0x3c, 0x4d],
    &[0x34, 0xcd, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xcd, 0x34],
    &[0x0a, 0x0d, 0x0d, 0x0a],
    &[0x1f, 0x8b],
    &[0x28, 0xb5, 0x2f, 0xfd],
];
/// How captures are called, where there is no file to look into.
const EXTENSIONS: [&str; 5] = ["pcap", "pcapng", "cap", "gz", "zst"];

/// The command line with the option before each document.
pub(crate) fn spread(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::new();
    let (mut listing, mut values, mut over) = (false, 0_usize, false);
    for arg in args {
        let dashed = arg.as_encoded_bytes().starts_with(b"-");
        over |= arg == *OsStr::new("--");
        if over || dashed {
            listing = !over && arg == *OsStr::new(OPTION);
            values = 0;
        } else if listing {
            values += 1;
            if values > 1 {
                listing = !is_capture(Path::new(&arg));
                if listing {
                    out.push(OPTION.into());
                }
            }
        }
        out.push(arg);
    }
    out
}

/// Only ordinary files are looked into: what a pipe says can be read once.
fn is_capture(path: &Path) -> bool {
    if path.is_file() {
        let mut begin = [0_u8; 4];
        let read = File::open(path).and_then(|mut file| file.read(&mut begin)).unwrap_or(0);
        return begin.get(..read).is_some_and(|b| MAGICS.iter().any(|magic| b.starts_with(magic)));
    }
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|own| EXTENSIONS.iter().any(|known| own.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_after_documents_is_no_document() {
        let check = |given: &[&str], expected: &str| {
            let out = spread(given.iter().map(OsString::from));
            let out: Vec<&str> = out.iter().filter_map(|arg| arg.to_str()).collect();
            assert_eq!(out.join(" "), expected);
        };
        check(
            &["replay", "--openapi", "a.yaml", "b.json", "c.pcap", "d.json"],
            "replay --openapi a.yaml --openapi b.json c.pcap d.json",
        );
        check(&["replay", "c.pcap", "--openapi", "a.yaml"], "replay c.pcap --openapi a.yaml");
        check(
            &["replay", "--openapi", "a", "b", "--quiet", "c"],
            "replay --openapi a --openapi b --quiet c",
        );
        check(&["replay", "--openapi", "a", "-"], "replay --openapi a -");
        check(&["replay", "--openapi", "a", "--", "b"], "replay --openapi a -- b");
        check(&["replay", "--openapi=a", "c"], "replay --openapi=a c");
    }
}
