//! Bytes of one input, decompressed, with a window that grows to what a record needs.

use super::{SourceError, shown};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCK: usize = 1 << 20;
/// How long a pipe is waited for before its reader may look at something else.
const PATIENCE: rustix::event::Timespec =
    rustix::event::Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// How long a file that is followed is given to grow before it is looked at again.
const GROWTH_WAIT: std::time::Duration = std::time::Duration::from_millis(100);
/// Compression inside compression that is undone.
const LAYERS_MAX: usize = 2;

/// Counts what is read, for progress.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// One input.
pub(super) struct Input {
    pub(super) file: String,
    reader: Box<dyn Read + Send>,
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` in the decompressed stream.
    pub(super) offset: u64,
    ended: bool,
    /// Why reading stopped early, where it did.
    pub(super) trouble: Option<String>,
    /// It may still grow while it is read.
    pub(super) live: bool,
    /// A file whose end is not the end: the file itself, to ask for its length.
    followed: Option<File>,
    /// The pipe itself, to ask whether something is there; standard input where it is none.
    pipe: Option<File>,
    count: Arc<AtomicU64>,
    pub(super) size: Option<u64>,
}

impl Input {
    pub(super) fn open(path: &Path, follow: bool) -> Result<Self, SourceError> {
        let file = shown(path);
        let wrong = |what: String| SourceError::Open { file: file.clone(), what };
        let count = Arc::new(AtomicU64::new(0));
        let (mut pipe, mut followed) = (None, None);
        let (reader, live, size): (Box<dyn Read + Send>, bool, Option<u64>) =
            if path.as_os_str() == "-" {
                (Box::new(Counted { inner: io::stdin(), count: Arc::clone(&count) }), true, None)
            } else {
                let opened = File::open(path).map_err(|error| wrong(explain(&error)))?;
                let about = opened.metadata().map_err(|error| wrong(explain(&error)))?;
                if about.is_dir() {
                    return Err(wrong("is a directory; name the capture files in it".to_owned()));
                }
                let follow = follow && about.is_file();
                let size = (about.is_file() && !follow).then_some(about.len());
                if follow {
                    followed = opened.try_clone().ok();
                } else if !about.is_file() {
                    pipe = opened.try_clone().ok();
                }
                let counted = Counted { inner: opened, count: Arc::clone(&count) };
                (Box::new(counted), size.is_none(), size)
            };
        let mut input = Self {
            file: file.clone(),
            reader,
            window: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            trouble: None,
            live,
            followed,
            pipe,
            count,
            size,
        };
        for _ in 0..LAYERS_MAX {
            while !input.need(4) && !input.ended {}
            if !input.has(4) {
                break;
            }
            let packed =
                matches!(input.peek().get(..4), Some([0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd]));
            if packed && input.followed.is_some() {
                return Err(wrong("is compressed, so it can't be followed; unpack it".to_owned()));
            }
            match input.peek().get(..4) {
                Some([0x1f, 0x8b, ..]) => {
                    input = input.wrap(|bytes| {
                        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(bytes))))
                    })?
                }
                Some([0x28, 0xb5, 0x2f, 0xfd]) => {
                    input = input
                        .wrap(|bytes| Ok(Box::new(zstd::stream::read::Decoder::new(bytes)?)))?
                }
                _ => break,
            }
        }
        Ok(input)
    }

    /// Puts a decoder between the bytes and the window.
    fn wrap(
        self,
        decoder: impl FnOnce(Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>>,
    ) -> Result<Self, SourceError> {
        let seen = self.peek().to_vec();
        let rest: Box<dyn Read + Send> = Box::new(io::Cursor::new(seen).chain(self.reader));
        let reader = decoder(rest).map_err(|error| SourceError::Open {
            file: self.file.clone(),
            what: format!("can't be decompressed: {error}"),
        })?;
        Ok(Self {
            file: self.file,
            reader,
            window: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            trouble: None,
            live: self.live,
            followed: self.followed,
            pipe: self.pipe,
            count: self.count,
            size: self.size,
        })
    }

    /// Bytes read of the file so far, before decompression.
    pub(super) fn position(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// What is in the window.
    pub(super) fn peek(&self) -> &[u8] {
        self.window.get(self.start..self.end).unwrap_or_default()
    }

    /// `count` bytes are there without reading.
    pub(super) fn has(&self, count: usize) -> bool {
        self.end.saturating_sub(self.start) >= count
    }

    /// Nothing more will come.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether a read would give something (or the end) soon; a file always does.
    fn is_ready(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        if !self.live || self.followed.is_some() {
            return true;
        }
        let asked = match &self.pipe {
            Some(pipe) => poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&PATIENCE)),
            None => {
                poll(&mut [PollFd::new(&rustix::stdio::stdin(), PollFlags::IN)], Some(&PATIENCE))
            }
        };
        // A signal that comes meanwhile is no sign of bytes.
        !matches!(asked, Ok(0) | Err(rustix::io::Errno::INTR))
    }

    /// Reads until `count` bytes are in the window; `false` where the input ends before, or a pipe
    /// keeps its reader waiting.
    pub(super) fn need(&mut self, count: usize) -> bool {
        while !self.has(count) {
            if self.ended || !self.is_ready() {
                return false;
            }
            // Never more is moved than was consumed since: however little of a long look-ahead is
            // taken each time, a byte costs the same.
            let held = self.end.saturating_sub(self.start);
            if self.start > 0 && held <= self.start {
                self.window.copy_within(self.start..self.end, 0);
                self.end = held;
                self.start = 0;
            }
            let wanted = count.saturating_mul(2).max(BLOCK);
            if self.window.len() < wanted {
                self.window.resize(wanted, 0);
            }
            let Some(room) = self.window.get_mut(self.end..) else { return false };
            match self.reader.read(room) {
                Ok(0) if self.followed.is_some() => return self.wait_for_growth(),
                Ok(0) => self.ended = true,
                Ok(read) => self.end = self.end.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.trouble = Some(error.to_string());
                }
            }
        }
        true
    }

    /// At the end of a file that is followed: gives it time to grow. `false`, as nothing was read.
    fn wait_for_growth(&mut self) -> bool {
        let length = self.followed.as_ref().and_then(|file| file.metadata().ok());
        if length.is_none_or(|about| about.len() < self.position()) {
            self.ended = true;
            self.trouble = Some("the file was made shorter while it was followed".to_owned());
        } else {
            std::thread::sleep(GROWTH_WAIT);
        }
        false
    }

    /// Moves on.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(count);
        self.offset = self.offset.saturating_add(count as u64);
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; it must be readable".to_owned(),
        _ => error.to_string(),
    }
}

/// What bytes that are no capture look like.
pub(super) fn looks_like(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let text = core::str::from_utf8(start).text_or_cut();
    match start {
        [b'{' | b'[', ..] if text => "it looks like JSON".to_owned(),
        [b'<', ..] if text => "it looks like HTML or XML".to_owned(),
        [b'P', b'K', ..] => "it is a zip archive; unpack it first".to_owned(),
        [b'B', b'Z', b'h', ..] => "it is bzip2; unpack it first".to_owned(),
        [0xfd, b'7', b'z', ..] => "it is xz; unpack it first".to_owned(),
        [b's', b'n', b'o', b'o', b'p', 0, ..] => {
            "it is a capture of snoop; `editcap -F pcapng IN OUT` makes it one".to_owned()
        }
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..] => "it is cut off inside the header of the file".to_owned(),
        _ if text => "it looks like text".to_owned(),
        _ => {
            let hex: Vec<String> = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("it begins with {}", hex.join(" "))
        }
    }
}

trait TextOrCut {
    fn text_or_cut(self) -> bool;
}

impl TextOrCut for Result<&str, core::str::Utf8Error> {
    /// Printable text, but for a character that was cut at the end.
    fn text_or_cut(self) -> bool {
        match self {
            Ok(text) => text.chars().all(|c| !c.is_control() || c.is_whitespace()),
            Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_taken_of_a_long_look_ahead_moves_nothing() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let count = Arc::new(AtomicU64::new(0));
        let mut input = Input {
            file: String::new(),
            reader: Box::new(io::Cursor::new(bytes.clone())),
            window: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            trouble: None,
            live: false,
            followed: None,
            pipe: None,
            count,
            size: None,
        };
        let (mut at, mut moved) = (0, 0);
        while input.need(BLOCK) {
            assert_eq!(input.peek().get(..BLOCK), bytes.get(at..at + BLOCK), "{at}");
            let before = input.start;
            input.consume(997);
            at += 997;
            moved += usize::from(input.start < before + 997);
            input.need(BLOCK);
            moved += usize::from(input.start < before);
        }
        assert!(input.is_ended() && moved <= 3, "{moved}");
        assert_eq!(input.peek(), bytes.get(at..).unwrap());
    }
}
