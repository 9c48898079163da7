//! Baseline files: JSON with a name, a version and a checksum, replaced in one step.

use crate::baseline::{Error, Saved};
use crate::features::NAMES;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use stilt_model::IdBuilder;

const FORMAT: &str = "stilt-baseline";
const VERSION: u32 = 3;
const READ: &str = "read";
const WRITE: &str = "write";

#[derive(Deserialize)]
struct Envelope {
    format: String,
    version: u32,
    /// Of the bytes of `baseline`; earlier versions had none.
    #[serde(default)]
    checksum: String,
    baseline: Box<RawValue>,
}

/// BLAKE3 of what was learned, 64 bits of it: against damage, not against forgery.
fn checksum(baseline: &str) -> String {
    format!("{:016x}", IdBuilder::new(FORMAT).text(baseline).finish())
}

fn io(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| {
        let mend = match (source.kind(), doing) {
            (ErrorKind::NotFound, READ) => "learn one with stilt learn",
            (ErrorKind::NotFound, _) => "create the directory first",
            (ErrorKind::IsADirectory, _) => "name a file in it",
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => {
                "free space there, or name a file on another disk"
            }
            (ErrorKind::PermissionDenied, READ) => "allow reading it",
            (ErrorKind::PermissionDenied, _) => "allow writing there, or name another file",
            _ => "check the device, or name another file",
        };
        Error::Io { doing, path: path.clone(), source, mend }
    }
}

pub(crate) fn read(path: &Path) -> Result<Saved, Error> {
    let wrong = |reason: String| Error::Format { path: path.display().to_string(), reason };
    let file = File::open(path).map_err(io(READ, path))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(io(READ, path)(ErrorKind::IsADirectory.into()));
    }
    let mut text = String::new();
    let mut file = file;
    file.read_to_string(&mut text).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => wrong("it is no text; learn it anew with stilt learn".to_owned()),
        _ => io(READ, path)(error),
    })?;
    let unread = |error| wrong(format!("{error}; learn it anew with stilt learn"));
    let envelope: Envelope = serde_json::from_str(&text).map_err(unread)?;
    if envelope.format != FORMAT || envelope.version != VERSION {
        return Err(wrong(format!(
            "it says {} version {}, wanted is {FORMAT} version {VERSION}; \
             learn it anew with stilt learn",
            envelope.format, envelope.version
        )));
    }
    let found = checksum(envelope.baseline.get());
    if envelope.checksum != found {
        return Err(wrong(format!(
            "it is damaged (checksum {found}, written was {}); learn it anew with stilt learn",
            envelope.checksum
        )));
    }
    let saved: Saved = serde_json::from_str(envelope.baseline.get()).map_err(unread)?;
    if saved.features != NAMES {
        return Err(wrong("it holds other features; learn it anew with stilt learn".to_owned()));
    }
    Ok(saved)
}

/// The file that is written, links followed, and whether it is one that can be replaced: a device
/// or a pipe must never be.
fn place(path: &Path) -> (PathBuf, bool) {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let ordinary = fs::metadata(&real).map_or(true, |about| about.is_file() || about.is_dir());
    (real, ordinary)
}

/// Beside the file, so that it can take its place in one step.
fn draft(real: &Path) -> PathBuf {
    let mut draft = real.as_os_str().to_owned();
    draft.push(".part");
    PathBuf::from(draft)
}

/// What would keep a baseline from being written there, found out before it is learned.
pub(crate) fn check_target(path: &Path) -> Result<(), Error> {
    let (real, ordinary) = place(path);
    if real.is_dir() {
        return Err(io(WRITE, path)(ErrorKind::IsADirectory.into()));
    }
    if ordinary {
        let draft = draft(&real);
        File::create(&draft).and_then(|_| fs::remove_file(&draft)).map_err(io(WRITE, path))?;
    }
    Ok(())
}

pub(crate) fn write(path: &Path, saved: &Saved) -> Result<(), Error> {
    let baseline = serde_json::to_string(saved).map_err(|error| io(WRITE, path)(error.into()))?;
    let sum = checksum(&baseline);
    let fill = |file: File| {
        let mut writer = BufWriter::new(file);
        write!(writer, r#"{{"format":"{FORMAT}","version":{VERSION},"checksum":"{sum}","#)?;
        writeln!(writer, r#""baseline":{baseline}}}"#)?;
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)
    };
    let (real, ordinary) = place(path);
    if !ordinary {
        let file = File::options().write(true).open(&real);
        return file.and_then(fill).map(|_| ()).map_err(io(WRITE, path));
    }
    let draft = draft(&real);
    let written = File::create(&draft)
        .and_then(fill)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&draft, &real));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map_err(io(WRITE, path))
}
