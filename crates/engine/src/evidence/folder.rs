//! What lies in the folder, by name: `ring-NUMBER-NANOSECONDS.pcapng` with the packets of a
//! segment and `….state` with what was remembered at its beginning; `kept-…` where only the
//! connections of alerts are left of it; `alert-ID.json` for what an alert holds.

use super::Pin;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use stilt_model::Timestamp;

/// Written before it takes its place.
pub(crate) const DRAFT: &str = ".part";
/// A pin is a few kilobytes; a larger file is none of ours.
const PIN_BYTES_MAX: u64 = 1 << 20;

/// How much of a segment there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// The connections of alerts.
    Kept,
    /// All its packets.
    Ring,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Kept => "kept",
        }
    }
}

/// A segment of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) sort: Sort,
    /// When it begins.
    pub(crate) start: Timestamp,
    /// Bytes of its packets, and of the state at its beginning; 0 where there is none.
    pub(crate) bytes: u64,
    pub(crate) state: u64,
}

impl Segment {
    pub(crate) fn packets_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.name("pcapng"))
    }

    pub(crate) fn state_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.name("state"))
    }

    fn name(&self, extension: &str) -> String {
        let (sort, start) = (self.sort.name(), self.start.nanos());
        format!("{sort}-{:010}-{start}.{extension}", self.number)
    }

    /// All that it takes on disk.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.saturating_add(self.state)
    }
}

/// Sort, number and beginning, by the name of a file without its extension.
fn parse(stem: &str) -> Option<(Sort, u64, Timestamp)> {
    let (sort, rest) = stem.split_once('-')?;
    let sort = [Sort::Ring, Sort::Kept].into_iter().find(|one| one.name() == sort)?;
    let (number, start) = rest.split_once('-')?;
    Some((sort, number.parse().ok()?, Timestamp::from_nanos(start.parse().ok()?)))
}

/// What was found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// By number; of a number that lies there in both sorts, the whole one alone.
    pub(crate) segments: Vec<Segment>,
    pub(crate) pins: Vec<Pin>,
}

impl Folder {
    /// Looks what there is. What has another name, or can't be understood, is not ours.
    ///
    /// # Errors
    /// The folder can't be read.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let (Some(stem), Some(extension)) = (path.file_stem(), path.extension()) else {
                continue;
            };
            let (stem, extension) = (stem.to_string_lossy(), extension.to_string_lossy());
            let Some(length) = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)
            else {
                continue;
            };
            let length = length.len();
            if extension == "json" && stem.starts_with("alert-") && length <= PIN_BYTES_MAX {
                let text = fs::read_to_string(&path).unwrap_or_default();
                found.pins.extend(Pin::parse(&text).filter(|pin| pin.name() == stem));
            }
            if let Some((sort, number, start)) = parse(&stem) {
                found.add(sort, number, start, &extension, length);
            }
        }
        // A segment that lies there twice was being made smaller.
        found.segments.sort_by_key(|one| (one.number, core::cmp::Reverse(one.sort)));
        found.segments.dedup_by_key(|one| one.number);
        found.pins.sort_by(|one, other| (one.told, &one.id).cmp(&(other.told, &other.id)));
        Ok(found)
    }

    fn add(&mut self, sort: Sort, number: u64, start: Timestamp, extension: &str, length: u64) {
        let known = self.segments.iter().position(|one| (one.number, one.sort) == (number, sort));
        let at = known.unwrap_or_else(|| {
            self.segments.push(Segment { number, sort, start, bytes: 0, state: 0 });
            self.segments.len().saturating_sub(1)
        });
        let Some(segment) = self.segments.get_mut(at) else { return };
        match extension {
            "pcapng" => segment.bytes = length,
            "state" => segment.state = length,
            _ => {}
        }
    }
}
