//! What is wrong is told in one line that names it, and nothing else is written.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::{FILE_HEADER, RECORD_HEADER, Ticks};
use common::{Ran, Scratch, records, shop};
use std::fs;
use std::io::Write;

/// One line on standard error that begins with the program's name and holds `words`.
fn one_line(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(ran.err.starts_with("stilt: ") && ran.err.ends_with('\n'), "{ran:?}");
    for word in words {
        assert!(ran.err.contains(word), "no `{word}`: {ran:?}");
    }
}

fn refused(scratch: &Scratch, args: &[&str], code: i32, words: &[&str]) {
    let ran = scratch.run(args);
    one_line(&ran, code, words);
    assert_eq!(ran.out, "", "{args:?}");
}

fn with_capture(test: &str) -> (Scratch, String) {
    let scratch = Scratch::new(test);
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    (scratch, capture)
}

#[test]
fn inputs_that_are_no_captures_are_named_and_fail() {
    let scratch = Scratch::new("inputs");
    refused(&scratch, &["replay", "nosuch.pcap"], 1, &["nosuch.pcap", "no such file"]);
    scratch.write("notes.txt", b"Meeting at noon about the parcels.\n");
    refused(&scratch, &["replay", "notes.txt"], 1, &["notes.txt", "text"]);
    scratch.write("empty.pcap", b"");
    refused(&scratch, &["replay", "empty.pcap"], 1, &["empty.pcap", "empty"]);
    fs::create_dir(scratch.path("folder")).unwrap();
    refused(&scratch, &["replay", "folder"], 1, &["folder", "directory"]);
    scratch.write("zeros.pcap", &[0; 4096]);
    refused(&scratch, &["replay", "zeros.pcap"], 1, &["zeros.pcap"]);
    scratch.write("short.pcap", &[0xd4, 0xc3, 0xb2]);
    refused(&scratch, &["replay", "short.pcap"], 1, &["short.pcap"]);
    scratch.write("cut.pcap", &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0]);
    refused(&scratch, &["replay", "cut.pcap"], 1, &["cut.pcap", "cut off inside the header"]);
    scratch.write("old.snoop", b"snoop\0\0\0\0\0\0\x02\0\0\0\x04");
    refused(&scratch, &["replay", "old.snoop"], 1, &["old.snoop", "editcap"]);
    scratch.write("torn.pcap.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);
    refused(&scratch, &["replay", "torn.pcap.gz"], 1, &["torn.pcap.gz"]);
    refused(&scratch, &["sessions", "nosuch.pcap"], 1, &["nosuch.pcap"]);
    refused(&scratch, &["learn", "nosuch.pcap", "-o", "learned"], 1, &["nosuch.pcap"]);
    assert!(!scratch.path("learned").exists());
}

#[test]
fn one_bad_capture_among_good_ones_is_named() {
    let (scratch, capture) = with_capture("among");
    refused(&scratch, &["replay", &capture, "nosuch.pcap"], 1, &["nosuch.pcap"]);
}

#[test]
fn nothing_on_standard_input_fails() {
    let scratch = Scratch::new("nothing");
    refused(&scratch, &["replay", "-"], 1, &["standard input"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named_and_fails() {
    use std::os::unix::fs::PermissionsExt;
    let (scratch, capture) = with_capture("unreadable");
    fs::set_permissions(&capture, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&capture).is_ok() {
        // Past the capture of what tests print: a test that did not run must not look like one.
        let skipped = "SKIPPED: this user may read any file, so that none is unreadable";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    }
    refused(&scratch, &["replay", &capture], 1, &["lively.pcap", "permission denied"]);
}

#[test]
fn wrong_usage_is_told_before_anything_is_read() {
    let (scratch, capture) = with_capture("usage");
    let refuse = |args: &[&str], words: &[&str]| {
        let all: Vec<&str> = ["replay", &capture].into_iter().chain(args.iter().copied()).collect();
        refused(&scratch, &all, 2, words);
    };
    refuse(&["--frobnicate"], &["--frobnicate"]);
    refuse(&["--format", "xml"], &["xml", "ecs"]);
    refuse(&["--only", "nosuch"], &["nosuch"]);
    refuse(&["--skip", "ato,nosuch.thing"], &["nosuch.thing"]);
    refuse(&["--threads", "0"], &["--threads"]);
    refuse(&["--threads", "many"], &["many"]);
    refuse(&["--fail-on", "worst"], &["worst"]);
    refused(&scratch, &["replay"], 2, &["CAPTURE"]);
    refused(&scratch, &["repaly", &capture], 2, &["repaly", "replay"]);
    refused(&scratch, &["detections", "ato.nosuch"], 2, &["ato.nosuch"]);
    refused(&scratch, &["schema", "nosuch"], 2, &["nosuch"]);
}

#[test]
fn a_filter_that_does_not_compile_is_named() {
    let (scratch, capture) = with_capture("filter");
    for filter in ["tcp prot 80", "host ("] {
        let ran = scratch.run(&["replay", &capture, "--filter", filter]);
        one_line(&ran, ran.code, &[filter]);
        assert!(ran.code != 0 && ran.out.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_filter_that_does_not_compile_is_wrong_usage() {
    let (scratch, capture) = with_capture("filter-usage");
    refused(&scratch, &["replay", &capture, "--filter", "tcp prot 80"], 2, &["tcp prot 80"]);
}

#[test]
fn bad_configuration_is_told_with_file_and_line() {
    let (scratch, capture) = with_capture("configuration");
    let refuse = |text: &str, words: &[&str]| {
        scratch.write("stilt.toml", text.as_bytes());
        for args in [
            &["replay", &capture, "--config", "stilt.toml"][..],
            &["config", "check", "stilt.toml"],
            &["config", "show", "--config", "stilt.toml"],
        ] {
            refused(&scratch, args, 2, words);
        }
    };
    refuse("[identity]\nsession_idle_sec = 60\n", &["stilt.toml:2", "session_idle_secs"]);
    refuse("[nosuch]\n", &["stilt.toml:1", "nosuch"]);
    refuse("[identity]\nsession_idle_secs = \"soon\"\n", &["stilt.toml:2"]);
    refuse("[identity\n", &["stilt.toml:1"]);
    refused(&scratch, &["replay", &capture, "--config", "nosuch.toml"], 2, &["nosuch.toml"]);
}

#[test]
fn a_bad_key_file_or_baseline_is_named() {
    let (scratch, capture) = with_capture("state");
    scratch.write("learned", b"no baseline");
    refused(&scratch, &["replay", &capture, "--baseline", "learned"], 1, &["learned"]);
    refused(&scratch, &["replay", &capture, "--baseline", "nosuch"], 1, &["nosuch"]);
    scratch.write("key", b"not sixty-four digits");
    refused(&scratch, &["replay", &capture], 1, &["key"]);
    assert_eq!(scratch.read("key"), "not sixty-four digits");
}

#[test]
fn a_capture_that_is_cut_off_is_read_up_to_there_and_a_warning_says_where() {
    let (scratch, capture) = with_capture("cut");
    let whole = fs::read(&capture).unwrap();
    // Ends of the records, as the file itself says.
    let mut ends = vec![FILE_HEADER];
    while let Some(end) = ends.last().copied().filter(|end| *end < whole.len()) {
        let length: [u8; 4] = whole[end + 8..end + 12].try_into().unwrap();
        ends.push(end + RECORD_HEADER + u32::from_le_bytes(length) as usize);
    }
    let last = ends[ends.len() / 2];
    let transactions = |capture: &str, target: &str| {
        let args = ["replay", "--quiet", capture, "--alerts", "a", "--transactions", target];
        (scratch.run(&args).good(), scratch.read(target))
    };
    scratch.write("whole-records.pcap", &whole[..last]);
    let (ran, expected) = transactions("whole-records.pcap", "expected");
    assert_eq!(ran.err, "");
    assert!(records(&expected).len() > 200);
    for more in [1, RECORD_HEADER - 1, RECORD_HEADER, RECORD_HEADER + 5] {
        scratch.write("cut.pcap", &whole[..last + more]);
        let (ran, seen) = transactions("cut.pcap", "seen");
        one_line(&ran, 0, &["warning", "cut.pcap", &format!("byte {last}")]);
        assert!(seen == expected, "cut {more} bytes into a record");
    }
}

#[test]
fn a_record_of_impossible_length_ends_the_capture_with_a_warning() {
    let (scratch, capture) = with_capture("corrupt");
    let mut bytes = fs::read(&capture).unwrap();
    let length: [u8; 4] = bytes[FILE_HEADER + 8..FILE_HEADER + 12].try_into().unwrap();
    let second = FILE_HEADER + RECORD_HEADER + u32::from_le_bytes(length) as usize;
    bytes[second + 8..second + 12].copy_from_slice(&[0xff; 4]);
    scratch.write("corrupt.pcap", &bytes);
    let ran = scratch.run(&["replay", "--quiet", "corrupt.pcap"]).good();
    assert!(ran.err.starts_with("stilt: warning: "), "{ran:?}");
    assert!(
        ran.err.contains("corrupt.pcap") && ran.err.contains(&format!("byte {second}")),
        "{ran:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_with_one_line() {
    let (scratch, capture) = with_capture("full");
    for threads in ["1", "3"] {
        for option in ["--alerts", "--transactions", "--sessions"] {
            let args = ["replay", "--threads", threads, &capture, option, "/dev/full"];
            one_line(&scratch.run(&args), 1, &["/dev/full", "space"]);
        }
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = scratch.command(&["replay", &capture]).stdout(full).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let ran = Ran { code: output.status.code().unwrap(), out: String::new(), err };
    one_line(&ran, 1, &["standard output", "space"]);
}

#[test]
fn outputs_that_cannot_be_opened_fail_with_one_line() {
    let (scratch, capture) = with_capture("unopened");
    let target = "no/such/folder/file";
    for option in ["--alerts", "--transactions", "--sessions"] {
        refused(&scratch, &["replay", &capture, option, target], 1, &[target]);
    }
    let args = ["replay", "--quiet", &capture, "--alerts", "a", "--save-baseline", target];
    refused(&scratch, &args, 1, &[target, "directory first"]);
    assert!(!scratch.path("a").exists(), "found out only when all was read");
}

#[test]
fn an_output_that_is_a_capture_is_refused_and_the_capture_kept() {
    let (scratch, capture) = with_capture("same");
    let before = fs::read(&capture).unwrap();
    let link = scratch.path("link.pcap");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&capture, &link).unwrap();
    #[cfg(not(unix))]
    let link = std::path::PathBuf::from(&capture);
    for option in ["--alerts", "--transactions", "--sessions", "--save-baseline"] {
        for target in ["lively.pcap", "./lively.pcap", &capture, link.to_str().unwrap()] {
            refused(&scratch, &["replay", &capture, option, target], 2, &[target, "both"]);
        }
    }
    refused(&scratch, &["learn", &capture, "-o", &capture], 2, &["both"]);
    assert!(fs::read(&capture).unwrap() == before);
}

#[test]
fn an_output_that_is_the_baseline_or_the_configuration_is_refused() {
    let (scratch, capture) = with_capture("same-state");
    scratch.run(&["learn", "--quiet", &capture, "-o", "learned"]).good();
    scratch.write("stilt.toml", b"");
    let learned = scratch.read("learned");
    let refuse = |args: &[&str]| {
        let all: Vec<&str> = ["replay", &capture].into_iter().chain(args.iter().copied()).collect();
        refused(&scratch, &all, 2, &["both"]);
    };
    refuse(&["--baseline", "learned", "--alerts", "./learned"]);
    refuse(&["--save-baseline", "new", "--alerts", "new"]);
    refuse(&["--config", "stilt.toml", "--save-baseline", "stilt.toml"]);
    assert!(scratch.read("learned") == learned);
    let args = ["replay", "--quiet", &capture, "--baseline", "learned", "--alerts", "a"];
    scratch.run(&[&args[..], &["--save-baseline", "learned"]].concat()).good();
    refused(&scratch, &["replay", "-", "-"], 2, &["twice"]);
}

#[test]
fn records_of_several_sorts_in_one_file_or_on_standard_output_are_whole() {
    let (scratch, capture) = with_capture("shared");
    let apart = ["--alerts", "a", "--transactions", "t", "--sessions", "s"];
    scratch.run(&[&["replay", "--quiet", &capture][..], &apart].concat()).good();
    let mut expected: Vec<String> = ["a", "t", "s"]
        .iter()
        .flat_map(|name| scratch.read(name).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    expected.sort();
    for names in [["all", "./all", "all"], ["-", "-", "-"]] {
        let shared = ["--alerts", names[0], "--transactions", names[1], "--sessions", names[2]];
        let ran = scratch.run(&[&["replay", "--quiet", &capture][..], &shared].concat()).good();
        let text = if names[0] == "-" { ran.out } else { scratch.read("all") };
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert!(lines == expected, "{names:?}");
    }
}

#[test]
fn fail_on_tells_whether_an_alert_was_as_grave() {
    let (scratch, capture) = with_capture("failon");
    let code = |args: &[&str]| {
        let all: Vec<&str> =
            ["replay", "--quiet", &capture].into_iter().chain(args.iter().copied()).collect();
        let ran = scratch.run(&all);
        assert_eq!(ran.err, "");
        (ran.code, ran.out.is_empty())
    };
    assert_eq!(code(&[]), (0, false));
    assert_eq!(code(&["--fail-on", "low"]), (3, false));
    assert_eq!(code(&["--fail-on", "low", "--only", "none"]), (0, true));
}

#[test]
fn standard_output_holds_records_only_and_the_summary_goes_to_standard_error() {
    let (scratch, capture) = with_capture("summary");
    let ran = scratch.run(&["replay", &capture]).good();
    assert!(!records(&ran.out).is_empty());
    assert!(ran.err.contains("transactions") && ran.err.contains("raised"), "{}", ran.err);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}
