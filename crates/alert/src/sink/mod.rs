//! Where records go. A new sink is a file here and a line in [`SINKS`].

mod file;
mod stdout;

use std::io;

/// Takes records away, one line each.
pub trait Sink: Send {
    /// Writes one record and its line end; it may stay in a buffer.
    ///
    /// # Errors
    /// Where the output takes no more (a full disk, a closed pipe). The record is kept all the
    /// same: what was not taken goes out with the next flush, from the byte where it stopped.
    fn write(&mut self, line: &str) -> Result<(), SinkError>;

    /// Empties the buffer.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Opens a file anew, because it was moved away to be kept; other outputs stay as they are.
    ///
    /// # Errors
    /// What was written before can't be flushed, or the file can't be opened; then the old one
    /// stays in use.
    fn reopen(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// How a file is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It is emptied.
    Anew,
    /// It is gone on with, after its last whole line.
    Further,
}

/// Opens a target as it is to be begun.
pub type Open = fn(&str, Begin) -> Result<Box<dyn Sink>, SinkError>;

/// A sort of sink.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Whether it takes targets of this form. The first in [`SINKS`] that does is used.
    pub takes: fn(&str) -> bool,
    /// Opens one.
    pub open: Open,
}

/// Every sort of sink; those with the narrower form of target come first.
pub const SINKS: &[Spec] = &[stdout::SPEC, file::SPEC];

/// An output that failed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It could not be opened.
    #[error("cannot open {target} for writing: {source}; {mend}")]
    Open {
        /// As the user named it.
        target: String,
        /// What the system said.
        source: io::Error,
        /// What to do.
        mend: &'static str,
    },
    /// It took no more.
    #[error("cannot write to {target}: {source}; {mend}")]
    Write {
        /// As the user named it.
        target: String,
        /// What the system said.
        source: io::Error,
        /// What to do.
        mend: &'static str,
    },
    /// No sink takes such a target.
    #[error("no sink takes `{target}`: name a file, or `-` for standard output")]
    Unknown {
        /// As the user named it.
        target: String,
    },
}

impl SinkError {
    /// The reader went away (`stilt … | head`), which is no failure of ours.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Write { source, .. } => {
                source.kind() == io::ErrorKind::BrokenPipe
            }
            Self::Unknown { .. } => false,
        }
    }

    fn open(target: &str, source: io::Error) -> Self {
        let mend = mend(&source);
        Self::Open { target: target.to_owned(), source, mend }
    }

    fn write(target: &str, source: io::Error) -> Self {
        let mend = mend(&source);
        Self::Write { target: target.to_owned(), source, mend }
    }
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space there, or name a file on another disk"
        }
        io::ErrorKind::NotFound => "create the directory first",
        io::ErrorKind::PermissionDenied => "allow writing there, or name another file",
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::BrokenPipe => "the reader has gone away",
        _ => "check the device, or name another file",
    }
}

/// Opens a file, or standard output for `-`.
///
/// # Errors
/// Where it cannot be opened; the message names it and says what to do.
pub fn open(target: &str, begin: Begin) -> Result<Box<dyn Sink>, SinkError> {
    match SINKS.iter().find(|spec| (spec.takes)(target)) {
        Some(spec) => (spec.open)(target, begin),
        None => Err(SinkError::Unknown { target: target.to_owned() }),
    }
}

/// A writer with a name for its errors. Lines gather until there is enough of them, and go out
/// whole in one write.
struct Lines<W: io::Write> {
    target: String,
    writer: W,
    pending: Vec<u8>,
    reopen: Option<fn(&str) -> io::Result<W>>,
}

/// Bytes gathered before the system is asked.
const BUFFER_BYTES: usize = 64 * 1024;

impl<W: io::Write> Lines<W> {
    fn new(target: &str, writer: W) -> Self {
        Self { target: target.to_owned(), writer, pending: Vec::new(), reopen: None }
    }

    /// The same, with the way to open it anew.
    fn reopened_by(self, reopen: fn(&str) -> io::Result<W>) -> Self {
        Self { reopen: Some(reopen), ..self }
    }
}

impl<W: io::Write + Send> Sink for Lines<W> {
    fn write(&mut self, line: &str) -> Result<(), SinkError> {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
        if self.pending.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let mut written = 0;
        let done = loop {
            let Some(rest) = self.pending.get(written..).filter(|rest| !rest.is_empty()) else {
                break self.writer.flush();
            };
            match self.writer.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => written = written.saturating_add(taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..written.min(self.pending.len()));
        done.map_err(|error| SinkError::write(&self.target, error))
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        let Some(reopen) = self.reopen else { return Ok(()) };
        self.flush()?;
        self.writer = reopen(&self.target).map_err(|error| SinkError::open(&self.target, error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_finds_its_sink() {
        for (target, expected) in [("-", "stdout"), ("alerts.jsonl", "file"), ("./-", "file")] {
            let found = SINKS.iter().find(|spec| (spec.takes)(target)).map(|spec| spec.name);
            assert_eq!(found, Some(expected), "{target}");
        }
        assert!(matches!(open("", Begin::Anew), Err(SinkError::Unknown { .. })));
    }

    /// Takes so many bytes, then none until more is allowed.
    struct Narrow(std::sync::Arc<std::sync::Mutex<(Vec<u8>, usize)>>);

    impl io::Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (taken, room) = &mut *self.0.lock().unwrap();
            let now = bytes.len().min(*room);
            *room -= now;
            taken.extend_from_slice(&bytes[..now]);
            if now == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(now) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_taken_in_part_goes_on_where_it_stopped() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new((Vec::new(), 5)));
        let mut lines = Lines::new("x", Narrow(std::sync::Arc::clone(&seen)));
        lines.write("one").unwrap();
        lines.write("two").unwrap();
        assert!(lines.flush().is_err());
        assert_eq!(seen.lock().unwrap().0, b"one\nt");
        seen.lock().unwrap().1 = 100;
        lines.write("three").unwrap();
        lines.flush().unwrap();
        assert_eq!(seen.lock().unwrap().0, b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        let closed = SinkError::write("-", io::ErrorKind::BrokenPipe.into());
        assert!(closed.is_closed_pipe());
        assert!(!SinkError::write("-", io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
