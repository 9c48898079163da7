//! Where records go. A new sink is a file here and a line in [`SINKS`].

mod file;
mod stdout;

use std::io;

/// Takes records away, one line each.
pub trait Sink: Send {
    /// Writes one record and its line end; it may stay in a buffer.
    ///
    /// # Errors
    /// Where the output takes no more (a full disk, a closed pipe).
    fn write(&mut self, line: &str) -> Result<(), SinkError>;

    /// Empties the buffer.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn flush(&mut self) -> Result<(), SinkError>;
}

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
    pub open: fn(&str) -> Result<Box<dyn Sink>, SinkError>,
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

/// Opens a file (emptied first), or standard output for `-`.
///
/// # Errors
/// Where it cannot be opened; the message names it and says what to do.
pub fn open(target: &str) -> Result<Box<dyn Sink>, SinkError> {
    match SINKS.iter().find(|spec| (spec.takes)(target)) {
        Some(spec) => (spec.open)(target),
        None => Err(SinkError::Unknown { target: target.to_owned() }),
    }
}

/// A buffered writer with a name for its errors.
struct Lines<W: io::Write> {
    target: String,
    writer: io::BufWriter<W>,
}

/// Bytes gathered before the system is asked.
const BUFFER_BYTES: usize = 64 * 1024;

impl<W: io::Write> Lines<W> {
    fn new(target: &str, writer: W) -> Self {
        Self {
            target: target.to_owned(),
            writer: io::BufWriter::with_capacity(BUFFER_BYTES, writer),
        }
    }
}

impl<W: io::Write + Send> Sink for Lines<W> {
    fn write(&mut self, line: &str) -> Result<(), SinkError> {
        io::Write::write_all(&mut self.writer, line.as_bytes())
            .and_then(|()| io::Write::write_all(&mut self.writer, b"\n"))
            .map_err(|error| SinkError::write(&self.target, error))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        io::Write::flush(&mut self.writer).map_err(|error| SinkError::write(&self.target, error))
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
        assert!(matches!(open(""), Err(SinkError::Unknown { .. })));
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        let closed = SinkError::write("-", io::ErrorKind::BrokenPipe.into());
        assert!(closed.is_closed_pipe());
        assert!(!SinkError::write("-", io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
