//! `stilt watch` gives up all but what it needs, and still sees an interface that comes back.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt};
use common::{Running, Scratch, parts, wait_until};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

const SERVER: &str = "10.77.0.1:8080";
/// `CAP_NET_RAW` alone, as `/proc` shows it.
const NET_RAW: &str = "0000000000002000";
const NOBODY: u32 = 65534;

fn span(test: &str) -> Option<Lab> {
    let lab = Lab::new(test, &["app", "user", "tap"])?;
    lab.join(("app", "eth0"), ("user", "eth0"));
    lab.address("app", "eth0", "10.77.0.1/24");
    lab.address("user", "eth0", "10.77.0.2/24");
    mirrored(&lab);
    Some(lab)
}

fn mirrored(lab: &Lab) {
    lab.join(("app", "span"), ("tap", "mon0"));
    lab.mirror("app", "eth0", "ingress", "span");
    lab.mirror("app", "eth0", "egress", "span");
}

/// Every thread of it has these and no more; what is asked later counts, because giving up comes
/// after opening.
fn has_given_up(running: &Running) {
    let is_so = |status: &str| {
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        value("Uid:") == [NOBODY.to_string().as_str(); 4].join("\t")
            && value("CapEff:") == NET_RAW
            && value("CapPrm:") == NET_RAW
            && value("Seccomp:") == "2"
            && value("NoNewPrivs:") == "1"
    };
    let folder = format!("/proc/{}/task", running.child.id());
    let status = || -> Vec<String> {
        let threads = fs::read_dir(&folder).into_iter().flatten().flatten();
        threads.filter_map(|one| fs::read_to_string(one.path().join("status")).ok()).collect()
    };
    let so = wait_until(|| {
        let threads = status();
        threads.len() > 1 && threads.iter().all(|status| is_so(status))
    });
    assert!(so, "{}\n{:?}", running.said(), status());
}

fn reaches(scratch: &Scratch, count: usize, running: &Running) {
    let lines = || fs::read_to_string(scratch.path("t")).map_or(0, |text| text.lines().count());
    assert!(wait_until(|| lines() >= count), "{} of {count}: {}", lines(), running.said());
}

#[test]
fn what_root_started_goes_on_as_nobody_and_sees_an_interface_come_back() {
    let Some(lab) = span("guard-flap") else { return };
    let scratch = Scratch::new("guard-flap");
    let _app = lab.part("app", "serve", &[SERVER]);
    let args = ["-i", "mon0", "--threads", "2", "--user", "65534:65534", "--transactions", "t"];
    let mut running = lab.watch("tap", &scratch, &args);
    has_given_up(&running);
    lab.part("user", "visit", &[SERVER, "5"]).done();
    reaches(&scratch, 15, &running);
    for round in 1..=2 {
        lab.sh("tap", "ip link set mon0 down; ip link set mon0 up");
        lab.sh("app", "tc qdisc del dev eth0 clsact");
        lab.sh("tap", "ip link del mon0");
        assert!(wait_until(|| running.said().matches("is opened again").count() == round));
        mirrored(&lab);
        assert!(wait_until(|| running.said().matches("back after").count() == round));
        lab.part("user", "visit", &[SERVER, "5"]).done();
        reaches(&scratch, 15 * (round + 1), &running);
    }
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("sandbox"), "{}", ran.err);
}

#[test]
fn a_user_without_any_other_right_can_watch() {
    let Some(lab) = span("guard-user") else { return };
    let scratch = Scratch::new("guard-user");
    fs::copy(env!("CARGO_BIN_EXE_stilt"), scratch.path("stilt")).unwrap();
    for name in ["", "key"] {
        chown(scratch.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let _app = lab.part("app", "serve", &[SERVER]);
    let mut running = Running::start_by(&scratch, |_| {
        let mut command = lab.command("tap", "setpriv");
        command
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--bounding-set=-all,+net_raw",
            ])
            .args(["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--no-new-privs"])
            .args(["./stilt", "watch", "-i", "mon0", "--threads", "2", "--transactions", "t"])
            .args(["--save-baseline", "b"]);
        command
    });
    assert!(wait_until(|| running.said().contains("watching")), "{}", running.said());
    has_given_up(&running);
    lab.part("user", "visit", &[SERVER, "5"]).done();
    reaches(&scratch, 15, &running);
    let ran = interrupt(&mut running);
    assert!(!ran.err.contains("sandbox"), "{}", ran.err);
    assert!(scratch.path("b").is_file());
}

#[test]
fn the_doctor_tells_a_mirror_of_one_direction_and_an_interface_that_is_down() {
    let Some(lab) = span("doctor") else { return };
    let scratch = Scratch::new("doctor-live");
    let _app = lab.part("app", "serve", &[SERVER]);
    let examine = |seconds: &str| {
        let args = ["doctor", "-i", "mon0", "--seconds", seconds];
        let mut running = lab.stilt("tap", &scratch, &args);
        // It does not say when it begins to listen.
        while running.goes_on() {
            lab.part("user", "visit", &[SERVER, "20"]).done();
        }
        running.end()
    };
    let ran = examine("4");
    assert!(ran.code == 0 && !ran.out.contains("problem"), "{ran:?}");
    assert!(ran.out.contains("are HTTP/1") && ran.out.contains("no packet was dropped"), "{ran:?}");
    lab.sh("app", "tc filter del dev eth0 egress");
    let ran = examine("4");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("one direction only") && ran.out.contains("-i A -i B"), "{ran:?}");
    lab.sh("tap", "ip link set mon0 down");
    let ran = examine("1");
    assert!(ran.code == 1 && ran.out.contains("mon0 is down"), "{ran:?}");
}
