//! Where packets come from: capture files, compressed or not, pipes, and live ports; merged by
//! time.
//!
//! Damage is no error: it becomes a [`Warning`] with file and offset, and what can be read is read.
//! An error is what keeps a run from beginning, or an input that fails while it is read.

mod filter;
mod input;
pub mod live;
mod merge;
mod pcap;
mod pcapng;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use stilt_model::{Mark, Timestamp};

pub use filter::Filter;
pub use merge::Files;

/// How captures are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Capture filter in tcpdump's syntax.
    pub filter: Option<String>,
    /// The last input goes on where it ends, if it is a file that is still being written.
    pub follow: bool,
    /// Bytes of packets in one batch, about.
    pub batch_bytes: usize,
    /// Packets in one batch at most.
    pub batch_frames: usize,
    /// Bytes of one packet at most; a longer record is damage.
    pub packet_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filter: None,
            follow: false,
            batch_bytes: 1 << 20,
            batch_frames: 4096,
            packet_max: 1 << 24,
        }
    }
}

/// One packet inside a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Number in the run, from 1, and time.
    pub mark: Mark,
    /// Link type (`LINKTYPE_…` as registered with tcpdump.org).
    pub link: u16,
    /// Where its bytes start in the batch.
    pub start: u32,
    /// Bytes captured.
    pub len: u32,
    /// Bytes on the wire.
    pub wire_len: u32,
    /// Interface, counted over the inputs.
    pub interface: u16,
}

/// Packets that travel together; reused.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The bytes of all packets.
    pub data: Vec<u8>,
    /// The packets, in order.
    pub frames: Vec<Frame>,
}

impl Batch {
    /// The bytes of one packet.
    #[must_use]
    pub fn bytes(&self, frame: &Frame) -> &[u8] {
        let start = frame.start as usize;
        let end = start.saturating_add(frame.len as usize);
        self.data.get(start..end).unwrap_or_default()
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.frames.clear();
    }
}

/// Damage that was read around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// Byte at which it was found, after decompression.
    pub offset: u64,
    /// What was found, and what became of it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}: {}", self.file, self.offset, self.text)
    }
}

/// Why an input can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No input was named.
    #[error("no capture given")]
    NoInput,
    /// It can't be opened or read.
    #[error("{file}: {what}")]
    Open {
        /// The file.
        file: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// It is no capture.
    #[error("{file}: not a capture file (pcap or pcapng, plain, gzip or zstd): {what}")]
    NotACapture {
        /// The file.
        file: String,
        /// What it looks like.
        what: String,
    },
    /// Neither interface nor listener was named.
    #[error("nothing to watch: name an interface (-i eth1) or a listener (--listen vxlan://…)")]
    NoPort,
    /// An interface or listener was named twice: every packet would be read twice.
    #[error("{0} is named twice; name it once")]
    Twice(String),
    /// A listener that can't be.
    #[error("listener `{listen}`: {what}")]
    Listen {
        /// As given.
        listen: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The filter does not compile.
    #[error("capture filter `{filter}`: {what}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What the compiler says.
        what: String,
    },
}

impl SourceError {
    /// The user asked for something that can't be (a wrong filter), rather than an input failing.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoInput
                | Self::NoPort
                | Self::Twice(_)
                | Self::Listen { .. }
                | Self::Filter { .. }
        )
    }
}

/// Packets in order.
pub trait Source: Send {
    /// Empties the batch and fills it anew; `false` at the end. A pipe gives what is there rather
    /// than wait for a whole batch.
    ///
    /// # Errors
    /// The input fails while it is read.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError>;

    /// Damage found since the last call.
    fn take_warnings(&mut self) -> Vec<Warning>;

    /// Bytes of the files read so far, and their size where it is known, for progress.
    fn position(&self) -> (u64, Option<u64>);

    /// A live link was quiet: every packet that is still to come has a later stamp than this.
    fn passed(&self) -> Option<Timestamp> {
        None
    }

    /// What a user should know since the last call that is no damage.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// How full the kernel's buffers are while more comes than is read, in thousandths.
    fn pressure(&self) -> u16 {
        0
    }

    /// What a live port received and lost, so far.
    fn losses(&self) -> Losses {
        Losses::default()
    }

    /// Sockets that packets come from have descriptors from this number on, so that writing to
    /// any of them can be forbidden; `None` where a source has no such socket.
    fn sockets_from(&self) -> Option<i32> {
        None
    }

    /// Files and folders that are read later, beside what is open.
    fn reads(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What live ports received, and what was lost before it could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Packets read.
    pub packets: u64,
    /// Packets that the kernel dropped because they were not read in time.
    pub kernel: u64,
    /// Packets that interface or driver dropped.
    pub interface: u64,
    /// Datagrams of networks that were not asked for.
    pub unwanted: u64,
    /// Times that an interface went away.
    pub outages: u64,
}

impl Losses {
    /// Adds the counts of another port.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.packets, other.packets),
            (&mut self.kernel, other.kernel),
            (&mut self.interface, other.interface),
            (&mut self.unwanted, other.unwanted),
            (&mut self.outages, other.outages),
        ] {
            *to = to.saturating_add(from);
        }
    }
}

/// Opens capture files (`-`: standard input) as one timeline.
///
/// # Errors
/// A file can't be opened, is no capture, or the filter does not compile.
pub fn open(paths: &[PathBuf], options: &Options) -> Result<Box<dyn Source>, SourceError> {
    if paths.is_empty() {
        return Err(SourceError::NoInput);
    }
    Ok(Box::new(Files::open(paths, options)?))
}

/// How a path is named in messages.
fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
