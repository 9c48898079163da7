//! What every file of the house must keep: lengths, banned calls, the direction of dependencies.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 100;
const COLUMNS_MAX: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, out);
        } else if path.is_file() {
            out.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut files = Vec::new();
    walk(&root.join("crates"), &mut files);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(), text)
        })
        .collect()
}

fn complain(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn files_and_lines_are_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        for (number, line) in text.lines().enumerate() {
            // Text that can't be broken (a link, a literal, a row of test bytes) is left as it is.
            let literal = line.contains("http") || line.contains('"') || path.contains("tests");
            if line.chars().count() > COLUMNS_MAX && !literal {
                wrong.push(format!("{path}:{}: over {COLUMNS_MAX} columns", number + 1));
            }
        }
    }
    complain(&wrong);
}

/// Lengths of functions, told by indentation, which `cargo fmt` keeps.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let words: Vec<&str> = trimmed.split(' ').take(6).collect();
        let is_function = words.contains(&"fn")
            && !trimmed.starts_with("//")
            && trimmed.contains('(')
            && !trimmed.ends_with(';');
        if is_function {
            let depth = indent(line);
            let end = lines[start..].iter().position(|line| {
                indent(line) == depth && (line.trim() == "}" || line.trim_end().ends_with(" }"))
            });
            found.push((start + 1, end.map_or(1, |end| end + 1)));
        }
    }
    found
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (line, length) in functions(&text) {
            if length > FUNCTION_LINES_MAX {
                wrong.push(format!("{path}:{line}: {length} lines, at most {FUNCTION_LINES_MAX}"));
            }
        }
    }
    complain(&wrong);
}

/// Who may read a clock.
const CLOCKS: &[&str] = &[
    "crates/cli/",
    "crates/engine/",
    "crates/capture/src/source/live/clock.rs",
    "crates/baseline/examples/lab.rs",
];

#[test]
fn banned_calls_stay_where_they_may_stand() {
    // What, where it may stand, and why it is banned elsewhere.
    const BANNED: &[(&str, &[&str], &str)] = &[
        ("SystemTime::now", CLOCKS, "time is packet time, passed in"),
        ("Instant::now", CLOCKS, "time is packet time, passed in"),
        (
            "thread::Builder",
            &["crates/engine/", "crates/cli/", "crates/baseline/src/fitting.rs"],
            "only the engine has threads, and fits",
        ),
        ("thread::spawn", &["crates/engine/", "crates/cli/"], "only the engine has threads"),
        (
            "File::open",
            &[
                "crates/capture/src/source",
                "crates/cli/",
                "crates/engine/",
                "crates/baseline/src/",
                "crates/capture/examples",
            ],
            "files are opened by sources and state",
        ),
        ("todo!(", &[], "no stubs"),
        ("unimplemented!(", &[], "no stubs"),
        ("TODO", &[], "what is left to do is an issue"),
        ("FIXME", &[], "what is left to do is an issue"),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("tests/tidy.rs")) {
        for (call, allowed, why) in BANNED {
            if allowed.iter().any(|allowed| path.starts_with(allowed)) {
                continue;
            }
            for (number, line) in text.lines().enumerate() {
                if line.contains(call) {
                    wrong.push(format!("{path}:{}: {call}: {why}", number + 1));
                }
            }
        }
    }
    complain(&wrong);
}

/// Floor of each crate (`docs/architecture.md`): an arrow may only point down.
const FLOORS: &[(&str, u8)] = &[
    ("stilt-model", 1),
    ("stilt-protocol", 2),
    ("stilt-content", 2),
    ("stilt-alert", 2),
    ("stilt-capture", 3),
    ("stilt-inventory", 3),
    ("stilt-session", 4),
    ("stilt-baseline", 5),
    ("stilt-policy", 5),
    ("stilt-detect", 6),
    ("stilt-engine", 7),
    ("stilt-cli", 8),
];

#[test]
fn dependencies_point_down() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(floor) = floors.get(name) else {
            wrong.push(format!("{name} stands on no floor"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let dev = dependency["kind"].as_str() == Some("dev");
            if let Some(below) = floors.get(on)
                && below >= floor
                && !dev
            {
                wrong.push(format!("{name} (floor {floor}) depends on {on} (floor {below})"));
            }
        }
    }
    complain(&wrong);
}

#[test]
fn every_fixture_says_where_it_comes_from() {
    let mut wrong = Vec::new();
    let Ok(entries) = fs::read_dir(root().join("fixtures")) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("README.md").is_file() {
            wrong.push(format!("{} has no README.md", path.display()));
        }
    }
    complain(&wrong);
}

#[test]
fn every_crate_that_parses_the_wire_forbids_what_can_panic() {
    for name in ["protocol", "capture", "content"] {
        let text = fs::read_to_string(root().join(format!("crates/{name}/src/lib.rs"))).unwrap();
        for lint in ["clippy::indexing_slicing", "clippy::arithmetic_side_effects"] {
            assert!(text.contains(lint), "crates/{name} does not deny {lint}");
        }
    }
}
