//! Baseline files: JSON with a name and a version, replaced in one step.

use crate::baseline::{Error, Saved};
use crate::features::NAMES;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const FORMAT: &str = "stilt-baseline";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: String,
    version: u32,
    baseline: T,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { path: path.clone(), source }
}

pub(crate) fn read(path: &Path) -> Result<Saved, Error> {
    let wrong = |reason: String| Error::Format { path: path.display().to_string(), reason };
    let file = File::open(path).map_err(io(path))?;
    let envelope: Envelope<Saved> = serde_json::from_reader(BufReader::new(file))
        .map_err(|error| wrong(format!("{error}; learn it anew with stilt learn")))?;
    if envelope.format != FORMAT || envelope.version != VERSION {
        return Err(wrong(format!(
            "it says {} version {}, wanted is {FORMAT} version {VERSION}",
            envelope.format, envelope.version
        )));
    }
    if envelope.baseline.features != NAMES {
        return Err(wrong("it holds other features; learn it anew with stilt learn".to_owned()));
    }
    Ok(envelope.baseline)
}

pub(crate) fn write(path: &Path, saved: &Saved) -> Result<(), Error> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let envelope = Envelope { format: FORMAT.to_owned(), version: VERSION, baseline: saved };
    let written = File::create(&draft).and_then(|file| {
        let mut writer = BufWriter::new(file);
        serde_json::to_writer(&mut writer, &envelope)?;
        writer.write_all(b"\n")?;
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map_err(io(path))
}
