//! Networks of a test's own: namespaces joined by veth pairs, gone when the test is over.

use super::{Ran, Running, Scratch, wait_until};
use std::process::{Child, Command, Stdio};

/// Namespaces that belong together.
pub struct Lab {
    tag: String,
    names: Vec<String>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

impl Lab {
    /// Makes a namespace for each role; `None`, loudly, where that can't be done.
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    pub fn new(test: &str, roles: &[&str]) -> Option<Self> {
        let tag = format!("stilt-{test}-{}", std::process::id());
        let mut lab = Self { tag, names: Vec::new() };
        for role in roles {
            let name = lab.name(role);
            let made = Command::new("ip").args(["netns", "add", &name]).output();
            let why = match made {
                Ok(output) if output.status.success() => None,
                Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                assert!(std::env::var_os("STILT_NEED_NETNS").is_none(), "no namespace: {why}");
                eprintln!("SKIPPED {test}: no network namespaces here (root is needed): {why}");
                return None;
            }
            lab.names.push(name);
            // Nothing is said on a link but what the test says.
            lab.sh(role, "sysctl -qw net.ipv6.conf.default.disable_ipv6=1; ip link set lo up");
        }
        Some(lab)
    }

    fn name(&self, role: &str) -> String {
        format!("{}-{role}", self.tag)
    }

    /// A command that runs where `role` is.
    pub fn command(&self, role: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(role), program]);
        command
    }

    /// Runs a line of shell there, which must go well.
    pub fn sh(&self, role: &str, line: &str) -> String {
        let output = self.command(role, "sh").args(["-ec", line]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{role}: {line}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Joins two roles by a pair of interfaces.
    pub fn join(&self, one: (&str, &str), other: (&str, &str)) {
        let ((role, left), (far, right)) = (one, other);
        let far_name = self.name(far);
        self.sh(role, &format!("ip link add {left} type veth peer name {right} netns {far_name}"));
        self.sh(role, &format!("ip link set {left} up"));
        self.sh(far, &format!("ip link set {right} up"));
    }

    /// Gives an interface an address (`10.0.0.1/24`).
    pub fn address(&self, role: &str, interface: &str, address: &str) {
        self.sh(role, &format!("ip addr add {address} dev {interface}"));
    }

    /// Mirrors what passes `from` (`ingress` or `egress` of it) to `to`: a SPAN port.
    pub fn mirror(&self, role: &str, from: &str, way: &str, to: &str) {
        self.sh(
            role,
            &format!(
                "tc qdisc add dev {from} clsact 2>/dev/null || true
                 tc filter add dev {from} {way} bpf bytecode '1,6 0 0 4294967295,' \
                 action mirred egress mirror dev {to}"
            ),
        );
    }

    /// Frames that an interface has sent.
    pub fn sent(&self, role: &str, interface: &str) -> u64 {
        let path = format!("cat /sys/class/net/{interface}/statistics/tx_packets");
        self.sh(role, &path).trim().parse().unwrap()
    }

    /// Starts this test program again there, in a role of its own.
    pub fn part(&self, role: &str, part: &str, args: &[&str]) -> Part {
        let program = std::env::current_exe().unwrap();
        let child = self
            .command(role, program.to_str().unwrap())
            .args(["--exact", "part", "--ignored", "--nocapture"])
            .env("STILT_TEST_PART", part)
            .env("STILT_TEST_ARGS", args.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Part(child)
    }

    /// Starts the program there.
    pub fn stilt(&self, role: &str, scratch: &Scratch, args: &[&str]) -> Running {
        Running::start_by(scratch, |stilt| {
            let mut command = self.command(role, stilt);
            command.args(args);
            command
        })
    }

    /// The same, once it watches.
    pub fn watch(&self, role: &str, scratch: &Scratch, args: &[&str]) -> Running {
        let running = self.stilt(role, scratch, &[&["watch"], args].concat());
        assert!(wait_until(|| running.said().contains("watching")), "{}", running.said());
        running
    }
}

/// A folder with a little room of its own, which is given back.
pub struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Makes one of that size (`2m`), owned by a user; `None`, loudly, where that can't be done.
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    pub fn mount(scratch: &Scratch, name: &str, size: &str, owner: u32) -> Option<Self> {
        let path = scratch.path(name);
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},uid={owner},gid={owner},mode=700");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&path)
            .output();
        if made.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        assert!(std::env::var_os("STILT_NEED_NETNS").is_none(), "no mount: {made:?}");
        eprintln!("SKIPPED: no tmpfs can be mounted here: {made:?}");
        None
    }

    /// Gives it more room.
    pub fn grow(&mut self, size: &str) {
        let options = format!("remount,size={size}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A part that another process of the test plays.
pub struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Part {
    /// It has played its part to the end.
    pub fn done(&mut self) {
        drop(self.0.stdin.take());
        let mut code = None;
        assert!(wait_until(|| {
            code = self.0.try_wait().unwrap();
            code.is_some()
        }));
        assert!(code.unwrap().success());
    }
}

/// Sends a signal.
pub fn signal(running: &Running, name: &str) {
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// Ends a run as Ctrl-C does.
pub fn interrupt(running: &mut Running) -> Ran {
    signal(running, "INT");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{ran:?}");
    ran
}
