//! The sandbox is on wherever captures are read, in every thread, and keeps nobody from working.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Running, Scratch, shop, wait_until};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

/// Past the capture of what tests print: a test that did not run must not look like one.
fn skip(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn with_capture(test: &str) -> (Scratch, String) {
    let scratch = Scratch::new(test);
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    (scratch, capture)
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t0"))
}

/// A field of the status of every thread of a process.
fn of_threads(process: u32, field: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    status
        .filter_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(field))?;
            Some(line.trim().to_owned())
        })
        .collect()
}

/// A run that has come so far that it told of transactions, and waits for more.
fn waiting(scratch: &Scratch, more: &[&str]) -> Running {
    let bytes = shop::lively().pcap(Ticks::Micro);
    let args = ["replay", "-", "--alerts", "a", "--transactions", "t", "--threads", "3"];
    let mut running = Running::start(scratch, &[&args[..], more].concat());
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(&bytes[..bytes.len() / 2]).unwrap();
    running.child.stdin = Some(stdin);
    assert!(wait_until(|| { fs::metadata(scratch.path("t")).is_ok_and(|about| about.len() > 0) }));
    running
}

#[test]
fn every_thread_of_a_run_has_given_up_what_it_does_not_need() {
    let scratch = Scratch::new("threads");
    let mut running = waiting(&scratch, &[]);
    let process = running.child.id();
    for (field, expected) in [
        ("Seccomp:", "2"),
        ("NoNewPrivs:", "1"),
        ("CapEff:", "0000000000000000"),
        ("CapPrm:", "0000000000000000"),
    ] {
        let found = of_threads(process, field);
        assert!(found.len() >= 5, "{found:?}");
        assert!(found.iter().all(|value| value == expected), "{field} {found:?}");
    }
    drop(running.child.stdin.take());
    running.end().good();
}

#[test]
fn the_sandbox_is_off_where_it_is_not_wanted() {
    let scratch = Scratch::new("off");
    scratch.write("off.toml", b"[sandbox]\nenabled = false\n");
    for more in [&["--no-sandbox"][..], &["--config", "off.toml"]] {
        let mut running = waiting(&scratch, more);
        let found = of_threads(running.child.id(), "NoNewPrivs:");
        // The test itself may run without the right to gain privileges.
        let ours = of_threads(std::process::id(), "NoNewPrivs:");
        assert!(found.iter().all(|value| *value == ours[0]), "{found:?}");
        drop(running.child.stdin.take());
        running.end().good();
        fs::remove_file(scratch.path("t")).unwrap();
    }
}

#[test]
fn with_every_option_it_tells_the_same_in_the_sandbox_and_out_of_it() {
    let (scratch, capture) = with_capture("alike");
    scratch.run(&["learn", "--quiet", &capture, "-o", "usual"]).good();
    fs::create_dir(scratch.path("folder")).unwrap();
    std::os::unix::fs::symlink("folder/linked", scratch.path("link")).unwrap();
    scratch.write("folder/linked", b"");
    let run = |names: [&str; 4], more: &[&str]| {
        let [a, t, s, b] = names;
        let files = ["--alerts", a, "--transactions", t, "--sessions", s, "--save-baseline", b];
        let args =
            ["replay", "--quiet", &capture, "--filter", "tcp port http or tcp portrange 1-65535"];
        let usual = ["--baseline", "usual", "--threads", "2"];
        let ran = scratch.run(&[&args[..], &files, &usual, more].concat()).good();
        let known = |line: &str| line.contains("of times that the baseline was learned from");
        assert!(ran.err.lines().all(known), "{}", ran.err);
        [a, t, s].map(|name| scratch.read(name))
    };
    let without = run(["a", "t", "s", "folder/b"], &["--no-sandbox"]);
    assert!(without.iter().all(|text| !text.is_empty()));
    assert!(run(["a1", "t1", "s1", "folder/b1"], &[]) == without);
    assert_eq!(scratch.read("folder/b"), scratch.read("folder/b1"));
    // Through a link, in the current folder, and over what is there.
    run(["a2", "t2", "s2", "link"], &[]);
    assert_eq!(scratch.read("folder/b"), scratch.read("folder/linked"));
    run(["a2", "t2", "s2", "b2"], &[]);
    run(["a2", "t2", "s2", "b2"], &[]);
    assert_eq!(scratch.read("folder/b"), scratch.read("b2"));
}

#[test]
fn what_is_compressed_or_saved_to_a_device_is_handled_in_the_sandbox_too() {
    let (scratch, capture) = with_capture("packed");
    let plain = scratch.run(&["replay", "--quiet", &capture]).good().out;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&fs::read(&capture).unwrap()).unwrap();
    scratch.write("lively.pcap.gz", &packed.finish().unwrap());
    assert_eq!(scratch.run(&["replay", "--quiet", "lively.pcap.gz"]).good().out, plain);
    scratch.run(&["learn", "--quiet", &capture, "-o", "/dev/null"]).good();
}

#[test]
fn a_wrong_user_is_told_before_anything_is_read() {
    let (scratch, capture) = with_capture("wrong-user");
    scratch.write("user.toml", b"[sandbox]\nuser = \"no-such\"\n");
    for (more, words) in [
        (&["--user", "no-such-user"][..], "no user `no-such-user`"),
        (&["--user", "1:x"], "UID:GID"),
        (&["--user", "nobody", "--no-sandbox"], "--no-sandbox"),
        (&["--config", "user.toml"], "user.toml:2:1: `sandbox.user`"),
    ] {
        let ran = scratch.run(&[&["replay", &capture, "--alerts", "a"][..], more].concat());
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
        assert!(!scratch.path("a").exists());
    }
    if !is_root() {
        let ran = scratch.run(&["replay", &capture, "--user", "0:0"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("cannot become user 0:0"), "{ran:?}");
    }
}

#[test]
fn root_goes_on_as_the_user_who_is_named() {
    if !is_root() {
        return skip("another user can be become by root only");
    }
    let scratch = Scratch::new("as-user");
    let mut running = waiting(&scratch, &["--user", "65534:65533"]);
    let process = running.child.id();
    let same = |number: &str| [number; 4].join("\t");
    assert!(of_threads(process, "Uid:").iter().all(|ids| *ids == same("65534")));
    assert!(of_threads(process, "Gid:").iter().all(|ids| *ids == same("65533")));
    assert!(of_threads(process, "Groups:").iter().all(|ids| ids == "65533"));
    drop(running.child.stdin.take());
    running.end().good();
    // Where that user may not write a baseline, it is told at once, not at the end.
    let args = ["replay", "-", "--user", "65534:65533", "--save-baseline", "b"];
    let ran = scratch.feed(&args, &shop::lively().pcap(Ticks::Micro));
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("Permission denied"), "{ran:?}");
}

#[test]
fn a_user_without_privileges_can_use_it() {
    if !is_root() {
        return skip("this user is no root, so that all other tests show it");
    }
    let (scratch, capture) = with_capture("plain-user");
    for name in ["", "key", "lively.pcap"] {
        chown(scratch.path(name), Some(65534), Some(65534)).unwrap();
    }
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let expected = scratch.run(&["replay", "--quiet", &capture]).good().out;
    let become_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    // The program may lie in a folder that others can't enter.
    fs::copy(env!("CARGO_BIN_EXE_stilt"), scratch.path("stilt")).unwrap();
    let mut asked = Command::new("setpriv");
    asked.args(become_nobody).arg("./stilt").args(["replay", "--quiet", "lively.pcap"]);
    asked.args(["--alerts", "a", "--save-baseline", "b"]);
    let output = asked.current_dir(scratch.path("")).env("STILT_KEY_FILE", "key").output();
    let Ok(output) = output else { return skip("setpriv is not there") };
    let told = String::from_utf8_lossy(&output.stderr);
    if told.contains("setpriv") || told.contains("chdir") {
        return skip(&format!("another user can't get here: {told}"));
    }
    assert_eq!((output.status.code(), told.as_ref()), (Some(0), ""), "{output:?}");
    assert_eq!(scratch.read("a"), expected);
}
