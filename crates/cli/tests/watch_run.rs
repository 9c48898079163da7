//! `stilt watch` over a long time: signals, rotated files, interfaces that go, readers that leave.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt, signal};
use common::net::Ticks;
use common::{Running, Scratch, parts, records, shop, wait_until};
use std::process::{Command, Stdio};

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

/// A wire that the test sends on.
fn wire(test: &str) -> Option<(Lab, Scratch, String)> {
    let lab = Lab::new(test, &["far", "tap"])?;
    lab.join(("far", "span"), ("tap", "mon0"));
    let scratch = Scratch::new(test);
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    Some((lab, scratch, file))
}

fn send(lab: &Lab, file: &str) {
    lab.part("far", "send", &["span", file, "plain", "1"]).done();
}

fn lines(scratch: &Scratch, name: &str) -> usize {
    std::fs::read_to_string(scratch.path(name)).map_or(0, |text| text.lines().count())
}

/// Lines of a file once it grows no more: all that was sent has been read and written.
fn settled(scratch: &Scratch, name: &str) -> usize {
    let mut before = lines(scratch, name);
    assert!(wait_until(|| {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let now = lines(scratch, name);
        core::mem::replace(&mut before, now) == now
    }));
    before
}

fn says(running: &Running, text: &str) {
    assert!(wait_until(|| running.said().contains(text)), "no `{text}`: {}", running.said());
}

#[test]
fn files_are_opened_anew_and_settings_taken_and_the_status_told_by_signal() {
    let Some((lab, scratch, file)) = wire("signals") else { return };
    let config = scratch.write("stilt.toml", b"[observer]\nname = \"tap-1\"\n");
    let args = ["-i", "mon0", "--user", "root", "--config", &config, "--alerts", "a"];
    let args = [&args[..], &["--transactions", "t", "--save-baseline", "b"]].concat();
    let mut running = lab.watch("tap", &scratch, &args);
    send(&lab, &file);
    assert!(wait_until(|| lines(&scratch, "a") > 0));
    signal(&running, "USR1");
    says(&running, "packets dropped by the kernel");
    let all = settled(&scratch, "t");

    // A log rotation, and a dismissal of what was told before.
    std::fs::rename(scratch.path("t"), scratch.path("t.1")).unwrap();
    scratch.write(
        "stilt.toml",
        b"[observer]\nname = \"tap-1\"\n[capture]\nidle_secs = 9\n\
          [[suppress]]\nrule = \"ato\"\nreason = \"our scanner\"\n",
    );
    signal(&running, "HUP");
    says(&running, "the configuration was read again; at the next start also [capture]");
    assert!(wait_until(|| scratch.path("t").exists()));
    send(&lab, &file);
    assert!(wait_until(|| lines(&scratch, "t") >= all), "{}", lines(&scratch, "t"));
    assert_eq!(lines(&scratch, "t.1") + lines(&scratch, "t"), 2 * all);

    scratch.write("stilt.toml", b"[observer\n");
    signal(&running, "HUP");
    says(&running, "the configuration in use stays");
    signal(&running, "TERM");
    let ran = running.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("withheld"), "the dismissal was not taken: {}", ran.err);
    assert!(scratch.path("b").metadata().unwrap().len() > 0);
}

#[test]
fn an_interface_that_goes_and_comes_back_is_told_and_watched_again() {
    let Some((lab, scratch, file)) = wire("flap") else { return };
    let mut running = lab.watch("tap", &scratch, &["-i", "mon0", "--transactions", "t"]);
    send(&lab, &file);
    assert!(wait_until(|| lines(&scratch, "t") > 100));
    lab.sh("far", "ip link del span");
    says(&running, "it is opened again when it is back");
    lab.join(("far", "span"), ("tap", "mon0"));
    says(&running, "back after");
    let before = lines(&scratch, "t");
    send(&lab, &file);
    assert!(wait_until(|| lines(&scratch, "t") > before + 100), "{}", running.said());
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("1 times that an interface was away"), "{}", ran.err);
    let visible = records(&ran.out).into_iter().any(|record| {
        record["event"]["dataset"] == "stilt.visibility"
            && record["stilt"]["visibility"]["kind"] == "interface_away"
    });
    assert!(visible, "{}", ran.out);
}

#[test]
fn what_was_told_before_a_kill_stays_whole_and_is_gone_on_with() {
    let Some((lab, scratch, file)) = wire("kill") else { return };
    let args = ["-i", "mon0", "--transactions", "t", "--alerts", "a"];
    let mut running = lab.watch("tap", &scratch, &args);
    let mut sender = lab.part("far", "send", &["span", &file, "plain", "1"]);
    assert!(wait_until(|| lines(&scratch, "t") > 50));
    signal(&running, "KILL");
    let _ = running.child.wait();
    sender.done();
    let text = scratch.read("t");
    let (whole, torn) = text.rsplit_once('\n').unwrap();
    let told = records(whole).len();
    assert!(torn.is_empty() && told > 50, "{torn}");
    // What a kill inside a write would leave.
    std::fs::write(scratch.path("t"), format!("{whole}\n{{\"@time")).unwrap();
    let mut running = lab.watch("tap", &scratch, &args);
    send(&lab, &file);
    assert!(wait_until(|| lines(&scratch, "t") > told + 100));
    interrupt(&mut running);
    assert!(records(&scratch.read("t")).len() > told + 100);
}

#[test]
fn a_reader_that_leaves_ends_the_run_cleanly() {
    let Some((lab, scratch, file)) = wire("leaves") else { return };
    let mut command = lab.command("tap", env!("CARGO_BIN_EXE_stilt"));
    let mut child = command
        .args(["watch", "-i", "mon0", "--alerts", "/dev/null", "--transactions", "-"])
        .env("STILT_KEY_FILE", scratch.path("key"))
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(scratch.path("err")).unwrap())
        .spawn()
        .unwrap();
    assert!(wait_until(|| scratch.read("err").contains("watching")));
    drop(child.stdout.take());
    send(&lab, &file);
    let mut code = None;
    let ended = wait_until(|| {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    if !ended {
        let _ = child.kill();
    }
    let said = scratch.read("err");
    assert!(ended && code.unwrap().code() == Some(1), "{said}");
    assert!(said.contains("reader") && said.contains("saw "), "{said}");
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let scratch = Scratch::new("nothing");
    let ran = scratch.run(&["watch"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("-i eth1"), "{}", ran.err);
    let ran = scratch.run(&["watch", "--listen", "gre://10.0.0.1"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = scratch.run(&["watch", "-i", "lo", "-i", "lo"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("lo is named twice"), "{}", ran.err);
    let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
    if root {
        let ran = scratch.run(&["watch", "-i", "nowhere0"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("nowhere0: no such interface; there are"), "{}", ran.err);
        let ran = scratch.run(&["watch", "-i", "lo", "--filter", "tcp prot 80"]);
        assert_eq!(ran.code, 2, "{ran:?}");
    }
}
