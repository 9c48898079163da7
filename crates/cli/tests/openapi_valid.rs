//! Documents that `stilt inventory --format openapi` writes, before an independent validator:
//! `openapi-spec-validator` for Python (scripts/lab/setup installs it).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::Scratch;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit code that says that the validator is not there.
const MISSING: i32 = 77;
const PROGRAM: &str = "
import json, sys
try:
    from openapi_spec_validator import OpenAPIV31SpecValidator as Validator
except ImportError:
    sys.exit(77)
wrong = False
for name in sys.argv[1:]:
    for error in Validator(json.load(open(name))).iter_errors():
        wrong = True
        print(name, list(error.absolute_path), error.message[:400])
sys.exit(1 if wrong else 0)
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the validator says of files: whether it is there, and what is wrong.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn validate(files: &[String]) -> Option<String> {
    for python in [root().join(".lab/venv/bin/python"), "python3".into()] {
        let Ok(ran) = Command::new(&python).args(["-c", PROGRAM]).args(files).output() else {
            continue;
        };
        if ran.status.code() != Some(MISSING) {
            let told = [ran.stdout, ran.stderr].concat();
            let told = String::from_utf8_lossy(&told).into_owned();
            return Some(if ran.status.success() { String::new() } else { told + "?" });
        }
    }
    assert!(std::env::var_os("STILT_NEED_OPENAPI").is_none(), "no openapi-spec-validator");
    eprintln!("SKIPPED: no openapi-spec-validator for Python here; scripts/lab/setup installs it");
    None
}

#[test]
fn documents_are_valid_by_another_validator() {
    let scratch = Scratch::new("valid");
    let broken = scratch.write("broken.json", br#"{"openapi":"3.1.0","paths":{"/a":{"get":1}}}"#);
    let Some(told) = validate(&[broken]) else { return };
    assert_ne!(told, "", "the validator finds nothing in what is broken");
    let mut files = Vec::new();
    for name in ["demo", "bank-attack", "gateway-attack", "pages-attack", "shop-attack"] {
        let capture = root().join("fixtures").join(name).join("capture.pcap.zst");
        let ask = ["inventory", "--quiet", "--format", "openapi", "--examples"];
        let ask = [&ask[..], &[capture.to_str().unwrap()]].concat();
        let document = scratch.run(&ask).good().out;
        files.push(scratch.write(&format!("{name}.json"), document.as_bytes()));
    }
    assert_eq!(validate(&files).unwrap(), "");
}
