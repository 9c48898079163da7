//! `stilt watch` on what mirrors send: VLAN tags, GRE, ERSPAN, and VXLAN and GENEVE to a listener.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::lab::{Lab, interrupt};
use common::net::Ticks;
use common::{Running, Scratch, parts, records, shop, wait_until};

/// What other processes of these tests do.
#[test]
#[ignore = "a part of other tests, played in a process of its own"]
fn part() {
    parts::play();
}

fn lines(scratch: &Scratch, name: &str) -> usize {
    std::fs::read_to_string(scratch.path(name)).map_or(0, |text| text.lines().count())
}

/// Waits until as many transactions are told as the capture has.
fn all_are_told(scratch: &Scratch, running: &Running) {
    scratch.run(&["replay", "seen.pcap", "--alerts", "/dev/null", "--transactions", "all"]).good();
    let all = lines(scratch, "all");
    assert!(all > 500, "{all}");
    let told = wait_until(|| lines(scratch, "t") >= all);
    assert!(told, "{} of {all}: {}", lines(scratch, "t"), running.said());
    assert_eq!(lines(scratch, "t"), all);
}

#[test]
fn frames_are_read_through_vlan_tags_gre_and_erspan() {
    let Some(lab) = Lab::new("wraps", &["far", "tap"]) else { return };
    lab.join(("far", "span"), ("tap", "mon0"));
    lab.sh("far", "ip link set span mtu 9000");
    lab.sh("tap", "ip link set mon0 mtu 9000");
    for wrap in ["vlan", "gre", "erspan"] {
        let scratch = Scratch::new(&format!("wraps-{wrap}"));
        let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
        let mut running = lab.watch("tap", &scratch, &["-i", "mon0", "--transactions", "t"]);
        lab.part("far", "send", &["span", &file, wrap, "1"]).done();
        all_are_told(&scratch, &running);
        let ran = interrupt(&mut running);
        assert!(ran.err.contains("unseen   nothing"), "{wrap}: {}", ran.err);
        if wrap == "vlan" {
            let first = &records(&scratch.read("t"))[0];
            assert_eq!(first["network"]["vlan"]["id"], "12", "{first}");
        }
    }
    assert_eq!(lab.sent("tap", "mon0"), 0);
}

#[test]
fn a_geneve_mirror_is_taken_and_other_networks_are_not() {
    let Some(lab) = Lab::new("geneve", &["far", "tap"]) else { return };
    lab.join(("far", "up0"), ("tap", "up0"));
    lab.address("far", "up0", "10.88.0.1/24");
    lab.address("tap", "up0", "10.88.0.2/24");
    let scratch = Scratch::new("geneve");
    let file = scratch.write("seen.pcap", &shop::lively().pcap(Ticks::Nano));
    let listen = "geneve://10.88.0.2:6081?vni=70000,5";
    let mut running = lab.watch("tap", &scratch, &["--listen", listen, "--transactions", "t"]);
    lab.part("far", "mirror", &["10.88.0.2:6081", &file, "70001"]).done();
    lab.part("far", "mirror", &["10.88.0.2:6081", &file, "70000"]).done();
    all_are_told(&scratch, &running);
    // Bound to the address given and no other.
    assert!(!lab.sh("tap", "cat /proc/net/udp").contains(" 00000000:17C1 "));
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("of networks not asked for"), "{}", ran.err);
    assert!(ran.err.contains("unseen   nothing"), "{}", ran.err);
}

#[test]
fn the_vxlan_mirror_of_a_kernel_is_taken() {
    const SERVER: &str = "10.77.0.1:8080";
    let Some(lab) = Lab::new("vxlan", &["app", "user", "tap"]) else { return };
    lab.join(("app", "eth0"), ("user", "eth0"));
    lab.address("app", "eth0", "10.77.0.1/24");
    lab.address("user", "eth0", "10.77.0.2/24");
    lab.join(("app", "up0"), ("tap", "up0"));
    for (role, interface, address) in
        [("app", "up0", "10.88.0.1/24"), ("tap", "up0", "10.88.0.2/24")]
    {
        lab.address(role, interface, address);
        // What a mirror adds must fit.
        lab.sh(role, &format!("ip link set {interface} mtu 9000"));
    }
    lab.sh(
        "app",
        "ip link add vx0 type vxlan id 7 remote 10.88.0.2 dstport 4789 dev up0 noudpcsum nolearning
         ip link set vx0 up",
    );
    lab.mirror("app", "eth0", "ingress", "vx0");
    lab.mirror("app", "eth0", "egress", "vx0");
    let scratch = Scratch::new("vxlan");
    let _app = lab.part("app", "serve", &[SERVER]);
    let listen = "vxlan://10.88.0.2:4789?vni=7";
    let mut running = lab.watch("tap", &scratch, &["--listen", listen, "--transactions", "t"]);
    lab.part("user", "visit", &[SERVER, "20"]).done();
    let told = wait_until(|| lines(&scratch, "t") >= 60);
    assert!(told, "{}: {}", lines(&scratch, "t"), running.said());
    let ran = interrupt(&mut running);
    assert!(ran.err.contains("unseen   nothing"), "{}", ran.err);
    for record in records(&scratch.read("t")) {
        assert_eq!(record["http"]["response"]["status_code"], 200, "{record}");
    }
}
