//! What can keep a run from starting, or end it early.

use crate::config::ConfigError;
use std::io;
use std::path::PathBuf;
use stilt_alert::sink::SinkError;
use stilt_capture::source::SourceError;

/// A run that could not start, or not go on. Each message is one line that names the thing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An option that contradicts another, or names what is not there.
    #[error("{0}")]
    Usage(String),
    /// The installation key.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An OpenAPI document that cannot be used.
    #[error("{}: {why}", path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A capture that cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An output that takes no more.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The baseline file.
    #[error(transparent)]
    Baseline(#[from] stilt_baseline::Error),
    /// The state of an earlier run, or where it is kept.
    #[error("{}: {why}", path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The folder in which packets are kept.
    #[error("{}: {why}", path.display())]
    Evidence {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A memory that can't be written down.
    #[error("internal error: the state can't be saved: {0}; please report this")]
    Unsaved(String),
    /// Privileges that could not be given up.
    #[error("{0}")]
    Guard(String),
    /// An alert whose packets can't be carved out.
    #[error("{0}")]
    Carve(String),
    /// A policy that can't be used.
    #[error(transparent)]
    Policy(#[from] stilt_policy::LoadError),
    /// A thread that could not be started.
    #[error("cannot start a thread: {}", plain(.0))]
    Thread(io::Error),
    /// A thread that ended without its work being done.
    #[error("internal error: the {0} ended early; please report this")]
    Lost(&'static str),
}

impl Error {
    /// The user can mend it by changing options or configuration (exit code 2); else the run failed
    /// (exit code 1).
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_)
            | Self::Usage(_)
            | Self::Document { .. }
            | Self::State { .. }
            | Self::Evidence { .. }
            | Self::Policy(_) => true,
            Self::Source(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// What the system said, without its number, in the lower case our messages have.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the device".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut letters = text.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_read_like_ours() {
        for (code, expected) in
            [(2, "no such file"), (13, "permission denied"), (5, "input/output error")]
        {
            assert_eq!(plain(&io::Error::from_raw_os_error(code)), expected);
        }
    }
}
