//! A process in the sandbox tries to get out of it (`examples/guarded.rs`).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `SIGSYS`, where `signal(7)` numbers it so (x86, ARM, RISC-V).
const SIGSYS: i32 = 31;

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// With a folder `allowed` in it and a file `kept` beside that.
    fn new(test: &str) -> Self {
        let name = format!("guard-{test}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(folder.join("allowed")).unwrap();
        fs::write(folder.join("kept"), b"kept").unwrap();
        Self(folder)
    }
}

/// Beside the folder that this test was built into.
fn guarded() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let built = this.ancestors().nth(2).unwrap().join("examples/guarded");
    assert!(built.is_file(), "build it first: cargo build -p stilt-engine --examples");
    built
}

/// Past the capture of what tests print: a test that did not run must not look like one.
fn skip(why: &str) {
    let line = format!("SKIPPED: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn ask(scratch: &Scratch, before: &[&str], what: &str, user: &[&str]) -> Output {
    let mut words: Vec<std::ffi::OsString> = before.iter().map(Into::into).collect();
    words.push(guarded().into());
    words.push(what.into());
    words.push(scratch.0.join("allowed").into());
    words.extend(user.iter().map(Into::into));
    Command::new(&words[0]).args(&words[1..]).output().unwrap()
}

/// Whether this kernel can do all of it.
fn in_force(scratch: &Scratch) -> bool {
    let output = ask(scratch, &[], "nothing", &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => true,
        Some(3) if told.contains("this kernel") => {
            skip(&format!("the sandbox can't be tested here, {told}"));
            false
        }
        _ => panic!("{output:?}"),
    }
}

fn done(scratch: &Scratch, what: &str) {
    let output = ask(scratch, &[], what, &[]);
    assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
}

fn refused(scratch: &Scratch, what: &str, words: &str) {
    let output = ask(scratch, &[], what, &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
    assert!(told.contains(words), "{what}: {told}");
}

fn killed(scratch: &Scratch, before: &[&str], what: &str) {
    let output = ask(scratch, before, what, &[]);
    let by = output.status.signal().or(output.status.code().map(|code| code - 128));
    assert_eq!(by, Some(SIGSYS), "{what}: {output:?}");
}

#[test]
fn what_a_run_needs_still_works() {
    let scratch = Scratch::new("works");
    if in_force(&scratch) {
        for what in ["write-open", "replace", "work", "unprivileged"] {
            done(&scratch, what);
        }
    }
}

#[test]
fn other_files_are_out_of_reach() {
    let scratch = Scratch::new("files");
    if !in_force(&scratch) {
        return;
    }
    for what in [
        "read-elsewhere",
        "read-elsewhere-in-a-thread",
        "list-elsewhere",
        "write-elsewhere",
        "remove-elsewhere",
    ] {
        refused(&scratch, what, "ermission denied");
    }
    for what in ["make-folder", "link-out"] {
        refused(&scratch, what, "not permitted");
    }
    assert!(scratch.0.join("kept").is_file() && !scratch.0.join("elsewhere").exists());
}

#[test]
fn the_network_is_out_of_reach() {
    let scratch = Scratch::new("network");
    if !in_force(&scratch) {
        return;
    }
    for what in ["socket", "bind", "reopen-udp"] {
        refused(&scratch, what, "not permitted");
    }
    for what in ["connect", "send"] {
        killed(&scratch, &[], what);
    }
}

#[test]
fn no_program_is_started_and_no_other_process_touched() {
    let scratch = Scratch::new("processes");
    if !in_force(&scratch) {
        return;
    }
    killed(&scratch, &[], "exec");
    for what in ["spawn", "signal", "root-again"] {
        refused(&scratch, what, "not permitted");
    }
}

/// In a network of its own, in which it may do what a sensor may.
const APART: &[&str] = &["unshare", "--user", "--map-root-user", "--net"];

fn apart() -> bool {
    let tried = Command::new(APART[0]).args(&APART[1..]).arg("true").output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        skip("no user and network namespace can be made here");
    }
    can
}

#[test]
fn no_frame_leaves_a_socket_that_packets_come_from() {
    let scratch = Scratch::new("frames");
    if !in_force(&scratch) || !apart() {
        return;
    }
    killed(&scratch, APART, "send-frame");
    let output = ask(&scratch, APART, "write-frame", &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(told.contains("not permitted"), "{told}");
}

#[test]
fn a_device_can_be_opened_again_and_nothing_else() {
    let scratch = Scratch::new("reopen");
    if !in_force(&scratch) || !apart() {
        return;
    }
    for what in ["reopen-packets", "reopen-unprivileged"] {
        let output = ask(&scratch, APART, what, &[]);
        assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
    }
}

#[test]
fn root_becomes_another_user_who_keeps_what_reopening_needs() {
    let scratch = Scratch::new("user");
    let is_root = rustix::process::geteuid().is_root();
    if !in_force(&scratch) || !is_root {
        skip("another user can be become by root only");
        return;
    }
    // What is there already belongs to another now: nothing there can be replaced any more.
    for (what, code) in [("unprivileged", 0), ("reopen-unprivileged", 0), ("replace", 1)] {
        let output = ask(&scratch, &[], what, &["65534:65534"]);
        assert_eq!(output.status.code(), Some(code), "{what}: {output:?}");
    }
    let output = ask(&scratch, &[], "root-again", &["65534:65534"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn nobody_becomes_a_user_they_are_not() {
    let scratch = Scratch::new("other");
    if !rustix::process::geteuid().is_root() {
        let output = ask(&scratch, &[], "nothing", &["0:0"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("cannot become user 0:0"), "{told}");
        return;
    }
    skip("root may become any user");
}
