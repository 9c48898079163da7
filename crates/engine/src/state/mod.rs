//! What a run remembers, kept over restarts (`--state`): one file in a folder of its own, replaced
//! in one step, readable by its owner alone.
//!
//! A live run hands what is to be written to a thread: a slow disk must not hold packets up. What
//! was not written when the next save is due is passed over, and told.

mod file;

pub(crate) use file::{Parts, encode};

use crate::error::{Error, plain};
use crate::private;
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use stilt_model::{Key, Timestamp};

/// The file, and what is written before it takes its place.
const FILE: &str = "stilt.state";
const DRAFT: &str = ".stilt.state.part";
/// Held by the run that uses the folder.
const LOCK: &str = "lock";
/// Longest time of a replay between two states that are saved.
const HOUR: Duration = Duration::from_secs(3600);
/// A state that is larger is none of ours.
const BYTES_MAX: u64 = 64 << 30;

/// A folder with the state of an installation.
pub(crate) struct Store {
    folder: PathBuf,
    key: Key,
    every: Duration,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    writer: Option<Writer>,
    /// Kept open while the folder is in use.
    _lock: File,
}

/// Seals and writes states as they come.
struct Writer {
    orders: Sender<(Timestamp, Parts)>,
    done: Receiver<Result<(), String>>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens a folder, made where it is not there, and reads the state in it, where there is one.
    ///
    /// # Errors
    /// It can't be used, another run uses it, or the state in it is damaged or of another make.
    pub(crate) fn open(
        folder: &Path,
        key: &Key,
        every: Duration,
    ) -> Result<(Self, Option<Parts>), Error> {
        let wrong = |path: &Path, why: String| Error::State { path: path.to_owned(), why };
        private::make_folder(folder).map_err(|error| wrong(folder, plain(&error)))?;
        let path = folder.join(LOCK);
        let lock = private::hold(&path).map_err(|error| wrong(&path, plain(&error)))?;
        let in_use = || wrong(folder, "in use by another run; name another folder".to_owned());
        let lock = lock.ok_or_else(in_use)?;
        let path = folder.join(FILE);
        let parts = match read(&path) {
            Ok(bytes) => Some(file::decode(key, bytes).map_err(|why| wrong(&path, why))?.1),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(&path, plain(&error))),
        };
        let (folder, key) = (folder.to_owned(), key.clone());
        let store = Self { folder, key, every, first: None, last: None, writer: None, _lock: lock };
        Ok((store, parts))
    }

    /// Reads the state in a folder, or a state file, which stays as it is.
    ///
    /// # Errors
    /// There is none, or it is damaged or of another make.
    pub(crate) fn peek(place: &Path, key: &Key) -> Result<Parts, Error> {
        let path = if place.is_file() { place.to_owned() } else { place.join(FILE) };
        let wrong = |why: String| Error::State { path: path.clone(), why };
        let bytes = read(&path).map_err(|error| wrong(plain(&error)))?;
        file::decode(key, bytes).map(|(_, parts)| parts).map_err(wrong)
    }

    /// Tries whether a state can be written, before hours are spent on what it would hold.
    ///
    /// # Errors
    /// It could not.
    pub(crate) fn check(folder: &Path) -> Result<(), Error> {
        let draft = folder.join(DRAFT);
        let tried = private::file().create(true).truncate(true).open(&draft);
        let tried = tried.and_then(|_| fs::remove_file(&draft));
        tried.map_err(|error| Error::State { path: folder.to_owned(), why: plain(&error) })
    }

    /// Lets states be written by a thread of its own.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let (orders, taken) = bounded::<(Timestamp, Parts)>(0);
        let (told, done) = bounded(1);
        let (folder, key) = (self.folder.clone(), self.key.clone());
        let thread = thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                for (at, parts) in taken {
                    if told.send(seal_and_write(&folder, &key, at, &parts)).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::Thread)?;
        self.writer = Some(Writer { orders, done, thread });
        Ok(())
    }

    /// It is time to save. A replay, in which hours pass in a second, saves ever more rarely: when
    /// half as much again was read, and at least once an hour.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        let first = *self.first.get_or_insert(now);
        let last = *self.last.get_or_insert(now);
        let every = match self.writer {
            Some(_) => self.every,
            None => (last.since(first) / 2).min(HOUR).max(self.every),
        };
        let due = now.since(last) >= every;
        if due {
            self.last = Some(now);
        }
        due
    }

    /// Saves, as far as it can be done; gives what there is to tell. Only what is remembered is
    /// written down by who calls: it is sealed where it is written.
    pub(crate) fn save(&mut self, now: Timestamp, parts: Parts) -> Option<String> {
        let path = self.folder.join(FILE);
        let failed =
            |why: String| format!("{}: {why}; the state is saved again later", path.display());
        let Some(writer) = &self.writer else {
            return seal_and_write(&self.folder, &self.key, now, &parts).err().map(failed);
        };
        let before = writer.done.try_recv().ok().and_then(Result::err).map(failed);
        // The thread waits for what is next unless it is still at what was before.
        let late = writer.orders.try_send((now, parts)).is_err();
        before.or_else(|| {
            late.then(|| {
                format!("{}: the disk is slow; a save of the state is left out", path.display())
            })
        })
    }

    /// Saves at the end, after what was begun is done.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn finish(mut self, now: Timestamp, parts: &Parts) -> Result<(), Error> {
        if let Some(Writer { orders, done, thread }) = self.writer.take() {
            drop((orders, done));
            let _ = thread.join();
        }
        let failed = |why: String| Error::State { path: self.folder.join(FILE), why };
        seal_and_write(&self.folder, &self.key, now, parts).map_err(failed)
    }
}

fn seal_and_write(folder: &Path, key: &Key, at: Timestamp, parts: &Parts) -> Result<(), String> {
    let bytes = encode(key, at, parts)?;
    write(folder, &bytes).map_err(|error| plain(&error))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the file in one step: whoever looks sees the old one or the new one, also after the
/// power went.
fn write(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join(DRAFT);
    let written = (|| {
        // A draft that was left is not ours to trust: it may be a link, or open to others.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private::file().create_new(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(FILE))?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    const MINUTE: Duration = Duration::from_secs(60);

    fn parts(byte: u8) -> Parts {
        [("x".to_owned(), vec![byte; 1000])].into()
    }

    fn open(scratch: &Scratch) -> Result<(Store, Option<Parts>), Error> {
        Store::open(&scratch.path("state"), &Key::new([7; 32]), MINUTE)
    }

    #[test]
    fn a_long_replay_is_saved_a_few_times_an_hour_at_most() {
        let scratch = Scratch::new("state");
        let (mut store, _) = open(&scratch).unwrap();
        let minutes = (0..=600).map(|minute| Timestamp::from_secs(minute * 60));
        let saves = minutes.filter(|now| store.is_due(*now)).count();
        assert!((10..=25).contains(&saves), "{saves}");
    }

    #[test]
    fn what_is_saved_is_found_again_by_its_owner_alone() {
        let scratch = Scratch::new("state");
        let (mut store, before) = open(&scratch).unwrap();
        assert_eq!(before, None);
        assert!(open(&scratch).err().unwrap().to_string().contains("in use by another run"));
        let at = Timestamp::from_secs;
        let due: Vec<bool> = [0, 59, 60, 61, 120].map(|now| store.is_due(at(now))).into();
        assert_eq!(due, [false, false, true, false, true]);
        assert_eq!(store.save(at(0), parts(1)), None);
        store.start().unwrap();
        // The thread may not have come round to wait yet.
        let begun = (0..2000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            store.save(at(60), parts(2)).is_none()
        });
        assert!(begun);
        store.finish(at(90), &parts(3)).unwrap();
        let (_store, after) = open(&scratch).unwrap();
        assert_eq!(after, Some(parts(3)));
        #[cfg(unix)]
        for (name, expected) in [("state", 0o700), ("state/stilt.state", 0o600)] {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(scratch.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{name}");
        }
        assert_eq!(fs::read_dir(scratch.path("state")).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn what_is_no_state_is_refused_and_stays_as_it_is() {
        let scratch = Scratch::new("nostate");
        fs::create_dir(scratch.path("state")).unwrap();
        let path = scratch.write("state/stilt.state", b"my notes");
        let why = open(&scratch).err().unwrap().to_string();
        assert!(why.contains("stilt.state: not a state file"), "{why}");
        assert_eq!(fs::read(path).unwrap(), b"my notes");
        let file = scratch.write("plain", b"");
        assert!(Store::open(&file, &Key::new([7; 32]), MINUTE).is_err());
    }
}
