//! What the end-to-end tests share: captures, an application's life, the real program.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

#[cfg(target_os = "linux")]
pub mod lab;
pub mod net;
#[cfg(target_os = "linux")]
pub mod parts;
pub mod shop;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The program.
const STILT: &str = env!("CARGO_BIN_EXE_stilt");
/// A run that takes longer hangs.
const HANG: Duration = Duration::from_secs(120);

/// A folder of a test's own with a key file in it, gone when the test is over.
pub struct Scratch {
    folder: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The run went well.
    pub fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }
}

impl Scratch {
    pub fn new(test: &str) -> Self {
        let name = format!("{test}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let scratch = Self { folder };
        scratch.write("key", "5a".repeat(32).as_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(scratch.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        }
        scratch
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// As an argument.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.arg(name)
    }

    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        String::from_utf8(bytes).unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(STILT);
        command.args(args);
        self.settle(&mut command);
        command
    }

    /// Lets a command run in this folder, with its key.
    fn settle(&self, command: &mut Command) {
        command
            .current_dir(&self.folder)
            .env("STILT_KEY_FILE", self.path("key"))
            .env_remove("XDG_STATE_HOME");
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.feed(args, b"")
    }

    /// Runs with `input` on standard input.
    pub fn feed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut running = Running::start(self, args);
        let mut stdin = running.child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = thread::spawn(move || {
            // A program that ends early closes the pipe: no failure of the test.
            let _ = stdin.write_all(&input);
        });
        let ran = running.end();
        feeder.join().unwrap();
        ran
    }
}

/// A run that goes on.
pub struct Running {
    pub child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Drop for Running {
    /// A test that fails leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// What it says goes to files, so that no pipe fills up.
    pub fn start(scratch: &Scratch, args: &[&str]) -> Self {
        Self::start_by(scratch, |stilt| {
            let mut command = Command::new(stilt);
            command.args(args);
            command
        })
    }

    /// The same, by a command that is made from the program's path.
    pub fn start_by(scratch: &Scratch, command: impl FnOnce(&str) -> Command) -> Self {
        let free = |sort: &str| {
            (0..).map(|n| scratch.path(&format!("{sort}.{n}"))).find(|path| !path.exists()).unwrap()
        };
        let (out, err) = (free("stdout"), free("stderr"));
        let mut command = command(STILT);
        scratch.settle(&mut command);
        let child = command
            .stdin(Stdio::piped())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Self { child, out, err }
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// What it has written to standard output so far.
    pub fn written(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }

    /// It still runs.
    pub fn goes_on(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Ran {
        let mut code = None;
        let ended = wait_until(|| {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        let read = |path: &Path| String::from_utf8(fs::read(path).unwrap()).unwrap();
        let (out, err) = (read(&self.out), read(&self.err));
        assert!(ended, "it hangs; it said: {err}");
        Ran { code: code.unwrap().code().unwrap_or(-1), out, err }
    }
}

const NAP: Duration = Duration::from_millis(10);
/// Naps after which a run hangs: two minutes and more.
const NAPS_MAX: u32 = 12_000;

/// Asks until it is so; `false` where that never happens.
pub fn wait_until(mut so: impl FnMut() -> bool) -> bool {
    for _ in 0..NAPS_MAX {
        if so() {
            return true;
        }
        thread::sleep(NAP);
    }
    false
}

/// Records of one JSON object per line.
pub fn records(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// Draws that are the same on every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// `count` characters of `alphabet`.
    pub fn text(&mut self, alphabet: &str, count: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..count).map(|_| letters[usize::try_from(self.draw()).unwrap() % letters.len()]).collect()
    }

    pub fn hex(&mut self, count: usize) -> String {
        self.text("0123456789abcdef", count)
    }

    pub fn digits(&mut self, count: usize) -> String {
        self.text("0123456789", count)
    }

    pub fn word(&mut self, count: usize) -> String {
        self.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", count)
    }
}

/// Base64 (RFC 4648), with padding; the URL alphabet without it where `url`.
pub fn base64(bytes: &[u8], url: bool) -> String {
    let last = if url { "-_" } else { "+/" };
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last.chars()).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for at in 0..4 {
            if at <= chunk.len() {
                out.push(alphabet[(bits >> (18 - 6 * at)) as usize & 63]);
            } else if !url {
                out.push('=');
            }
        }
    }
    out
}

/// Everything but letters and digits as `%XX`.
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
