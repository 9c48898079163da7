//! What a run remembers, kept over restarts (`--state`): one file in a folder of its own, replaced
//! in one step, readable by its owner alone.
//!
//! A live run hands what is to be written to a thread: a slow disk must not hold packets up. What
//! was not written when the next save is due is passed over, and told.

mod file;

pub(crate) use file::Parts;

use crate::error::{Error, plain};
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use stilt_model::{Key, Timestamp};

/// The file, and what is written before it takes its place.
const FILE: &str = "stilt.state";
const DRAFT: &str = ".stilt.state.part";
/// Held by the run that uses the folder.
const LOCK: &str = "lock";
/// A state that is larger is none of ours.
const BYTES_MAX: u64 = 64 << 30;

/// A folder with the state of an installation.
pub(crate) struct Store {
    folder: PathBuf,
    key: Key,
    every: Duration,
    last: Option<Timestamp>,
    writer: Option<Writer>,
    /// Kept open while the folder is in use.
    _lock: File,
}

/// Writes states as they come.
struct Writer {
    orders: Sender<Vec<u8>>,
    done: Receiver<io::Result<()>>,
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
        make_folder(folder).map_err(|error| wrong(folder, plain(&error)))?;
        let path = folder.join(LOCK);
        let lock = private().create(true).truncate(false).open(&path);
        let lock = lock.map_err(|error| wrong(&path, plain(&error)))?;
        if !hold(&lock) {
            return Err(wrong(folder, "in use by another run; name another folder".to_owned()));
        }
        let path = folder.join(FILE);
        let parts = match read(&path) {
            Ok(bytes) => Some(file::decode(key, bytes).map_err(|why| wrong(&path, why))?.1),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(&path, plain(&error))),
        };
        let (folder, key) = (folder.to_owned(), key.clone());
        Ok((Self { folder, key, every, last: None, writer: None, _lock: lock }, parts))
    }

    /// Tries whether a state can be written, before hours are spent on what it would hold.
    ///
    /// # Errors
    /// It could not.
    pub(crate) fn check(folder: &Path) -> Result<(), Error> {
        let draft = folder.join(DRAFT);
        let tried = private().create(true).truncate(true).open(&draft);
        let tried = tried.and_then(|_| fs::remove_file(&draft));
        tried.map_err(|error| Error::State { path: folder.to_owned(), why: plain(&error) })
    }

    /// Lets states be written by a thread of its own.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let (orders, taken) = bounded::<Vec<u8>>(0);
        let (told, done) = bounded(1);
        let folder = self.folder.clone();
        let thread = thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                for bytes in taken {
                    if told.send(write(&folder, &bytes)).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::Thread)?;
        self.writer = Some(Writer { orders, done, thread });
        Ok(())
    }

    /// It is time to save.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        let last = *self.last.get_or_insert(now);
        let due = now.since(last) >= self.every;
        if due {
            self.last = Some(now);
        }
        due
    }

    /// Saves, as far as it can be done; gives what there is to tell.
    pub(crate) fn save(&mut self, now: Timestamp, parts: &Parts) -> Option<String> {
        let path = self.folder.join(FILE);
        let failed = |error: io::Error| {
            format!("{}: {}; the state is saved again later", path.display(), plain(&error))
        };
        let bytes = match file::encode(&self.key, now, parts) {
            Ok(bytes) => bytes,
            Err(why) => return Some(format!("{}: {why}", path.display())),
        };
        let Some(writer) = &self.writer else {
            return write(&self.folder, &bytes).err().map(failed);
        };
        let before = writer.done.try_recv().ok().and_then(Result::err).map(failed);
        // The thread waits for what is next unless it is still at what was before.
        let late = writer.orders.try_send(bytes).is_err();
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
        let bytes = file::encode(&self.key, now, parts).map_err(failed)?;
        write(&self.folder, &bytes).map_err(|error| failed(plain(&error)))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whether the folder is ours now: two that write one state would undo each other's.
fn hold(lock: &File) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = lock;
        true
    }
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
        let mut file = private().create_new(true).open(&draft)?;
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
    fn what_is_saved_is_found_again_by_its_owner_alone() {
        let scratch = Scratch::new("state");
        let (mut store, before) = open(&scratch).unwrap();
        assert_eq!(before, None);
        assert!(open(&scratch).err().unwrap().to_string().contains("in use by another run"));
        let at = Timestamp::from_secs;
        let due: Vec<bool> = [0, 59, 60, 61, 120].map(|now| store.is_due(at(now))).into();
        assert_eq!(due, [false, false, true, false, true]);
        assert_eq!(store.save(at(0), &parts(1)), None);
        store.start().unwrap();
        // The thread may not have come round to wait yet.
        let begun = (0..2000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            store.save(at(60), &parts(2)).is_none()
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
