//! Enters the sandbox and then tries one thing: `guarded WHAT FOLDER`, where FOLDER is all that
//! may be written. Exits 0 where it could be done, 1 where it was refused; what ends the process
//! ends it by `SIGSYS`. Used by `tests/guard.rs`.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socket, socket_with};
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    use rustix::thread::{CapabilitySet, Uid, capabilities, no_new_privs, set_thread_res_uid};
    use std::fs::{self, File};
    use std::io::{self, Error, Write};
    use std::net::{SocketAddrV4, UdpSocket};
    use std::os::fd::OwnedFd;
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitCode};
    use std::thread;
    use stilt_engine::guard::{Account, Plan, enter};

    /// What was open before the sandbox was entered.
    struct Before {
        folder: PathBuf,
        udp: UdpSocket,
        tcp: OwnedFd,
        /// Where the right to it is there and it is asked for.
        packets: Option<OwnedFd>,
        open: File,
    }

    pub(super) fn main() -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [what, folder, user @ ..] = arguments.as_slice() else { return ExitCode::from(2) };
        let done = prepare(what, folder.into()).and_then(|before| {
            let plan = Plan {
                user: user
                    .first()
                    .map(|name| Account::find(name))
                    .transpose()
                    .map_err(Error::other)?,
                writes: vec![before.folder.clone()],
                sockets_from: before.packets.is_some().then_some(DESCRIPTOR_MIN),
                reopens: what.starts_with("reopen"),
                ..Plan::default()
            };
            let shortfalls = enter(&plan).map_err(Error::other)?;
            if !shortfalls.is_empty() {
                say(&format!("not in force: {}", shortfalls.join("; ")));
                return Ok(ExitCode::from(3));
            }
            Ok(match attempt(what, before) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    say(&error.to_string());
                    ExitCode::FAILURE
                }
            })
        });
        done.unwrap_or_else(|error| {
            say(&error.to_string());
            ExitCode::from(4)
        })
    }

    fn say(text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn prepare(what: &str, folder: PathBuf) -> io::Result<Before> {
        let packets = match what {
            "send-frame" | "write-frame" => Some(packet_socket()?),
            _ => None,
        };
        Ok(Before {
            open: File::create(folder.join("opened-before"))?,
            folder,
            udp: UdpSocket::bind("127.0.0.1:0")?,
            tcp: socket(AddressFamily::INET, SocketType::STREAM, None)?,
            packets,
        })
    }

    /// Of no protocol and bound to no interface: it sees nothing, and what is sent needs a name.
    fn packet_socket() -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC;
        let made = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        Ok(rustix::io::fcntl_dupfd_cloexec(made, DESCRIPTOR_MIN)?)
    }

    fn attempt(what: &str, before: Before) -> io::Result<()> {
        let inside = |name: &str| before.folder.join(name);
        match what {
            "nothing" => Ok(()),
            "write-open" => (&before.open).write_all(b"x"),
            "replace" => {
                fs::write(inside("draft"), b"x")?;
                fs::rename(inside("draft"), inside("whole"))?;
                fs::remove_file(inside("whole"))
            }
            "work" => work(),
            "read-elsewhere" => fs::read("/etc/passwd").map(|_| ()),
            "read-elsewhere-in-a-thread" => thread::spawn(|| fs::read("/etc/passwd").map(|_| ()))
                .join()
                .map_err(|_| Error::other("panic"))?,
            "list-elsewhere" => fs::read_dir("/etc").map(|_| ()),
            "write-elsewhere" => fs::write(inside("../elsewhere"), b"x"),
            "remove-elsewhere" => fs::remove_file(inside("../kept")),
            "make-folder" => fs::create_dir(inside("folder")),
            "link-out" => std::os::unix::fs::symlink("/etc/passwd", inside("link")),
            "exec" => Err(Command::new("/bin/true").exec()),
            "spawn" => Command::new("/bin/true").status().map(|_| ()),
            "socket" => UdpSocket::bind("127.0.0.1:0").map(|_| ()),
            "connect" => {
                let to = SocketAddrV4::new([127, 0, 0, 1].into(), 9);
                Ok(rustix::net::connect(&before.tcp, &to)?)
            }
            "bind" => {
                let to = SocketAddrV4::new([127, 0, 0, 1].into(), 0);
                Ok(rustix::net::bind(&before.tcp, &to)?)
            }
            "send" => before.udp.send_to(b"x", "127.0.0.1:9").map(|_| ()),
            "send-frame" => with(before.packets.as_ref(), |fd| {
                Ok(rustix::net::send(fd, &FRAME, SendFlags::empty()).map(|_| ())?)
            }),
            "write-frame" => {
                with(before.packets.as_ref(), |fd| Ok(rustix::io::write(fd, &FRAME).map(|_| ())?))
            }
            "reopen-packets" => packet_socket().map(|_| ()),
            "reopen-udp" => UdpSocket::bind("127.0.0.1:0").map(|_| ()),
            "signal" => {
                let parent = rustix::process::getppid().ok_or(Error::other("no parent"))?;
                Ok(rustix::process::test_kill_process(parent)?)
            }
            "root-again" => {
                let root = Uid::ROOT;
                Ok(set_thread_res_uid(root, root, root)?)
            }
            "unprivileged" => unprivileged(CapabilitySet::empty()),
            "reopen-unprivileged" => unprivileged(CapabilitySet::NET_RAW),
            other => Err(Error::other(format!("no attempt {other}"))),
        }
    }

    const DESCRIPTOR_MIN: i32 = 64;
    const FRAME: [u8; 60] = [0; 60];

    fn with(
        socket: Option<&OwnedFd>,
        then: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> io::Result<()> {
        then(socket.ok_or(Error::other("no packet socket"))?)
    }

    /// What every run does: threads, memory, time, chance.
    fn work() -> io::Result<()> {
        let busy = |n: usize| {
            move || {
                let table: std::collections::HashMap<usize, Vec<u8>> =
                    (0..n).map(|at| (at, vec![1; at])).collect();
                thread::sleep(std::time::Duration::from_millis(1));
                table.values().map(Vec::len).sum::<usize>()
            }
        };
        let threads: Vec<_> = (1..8).map(|n| thread::spawn(busy(n * 200))).collect();
        for thread in threads {
            thread.join().map_err(|_| Error::other("panic"))?;
        }
        std::panic::catch_unwind(|| {
            assert!(Path::new("/nowhere").exists(), "on purpose");
        })
        .map_or(Ok(()), |()| Err(Error::other("no panic")))
    }

    /// Root that stays root keeps what replacing files of others needs.
    fn unprivileged(kept: CapabilitySet) -> io::Result<()> {
        let of_files = CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
        let mut sets = capabilities(None)?;
        if rustix::process::geteuid().is_root() {
            sets.permitted -= of_files;
            sets.effective -= of_files;
        }
        let core = getrlimit(Resource::Core);
        let so = [
            ("permitted", sets.permitted == kept),
            ("effective", sets.effective == kept),
            ("inheritable", sets.inheritable.is_empty()),
            ("no_new_privs", no_new_privs()?),
            ("dumpable", dumpable_behavior()? == DumpableBehavior::NotDumpable),
            ("core", (core.current, core.maximum) == (Some(0), Some(0))),
        ];
        let wrong: Vec<&str> = so.iter().filter(|(_, so)| !so).map(|(name, _)| *name).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::other(wrong.join(", "))) }
    }
}
