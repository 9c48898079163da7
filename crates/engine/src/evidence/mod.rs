//! Packets that a live run keeps (`[evidence]`), so that what an alert rests on can be looked at:
//! a ring of segments in a folder of its owner's alone, and, beyond it, the connections of alerts.
//!
//! A thread of its own writes. Batches wait for it within bounds; what finds no room is not kept,
//! and counted: neither a slow nor a full disk holds capture up. At the beginning of most segments
//! stands all that was remembered then ([`Cut`]), so that from there on replaying the packets tells
//! what the run told.

mod folder;
mod pin;
mod ring;
#[cfg(test)]
mod tests;

pub(crate) use folder::{Folder, Segment};
pub(crate) use pin::Pin;

use crate::config::EvidenceSettings;
use crate::error::{Error, plain};
use crate::load::Load;
use crate::private;
use crate::state::Parts;
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
pub(crate) use ring::Bounds;
use ring::Ring;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use stilt_capture::link;
use stilt_model::{Key, Timestamp};

/// Bytes of packets that may wait to be written.
const WAITING_MAX: u64 = 64 << 20;
/// Pins that wait where packets find no room.
const PINS_WAITING_MAX: usize = 1024;
/// How long the end of a run waits for what is left to be written, and how often it looks.
const LAST_WAIT: Duration = Duration::from_secs(10);
const NAP: Duration = Duration::from_millis(10);
/// Batches that come back to be filled again.
const SPARE_MAX: usize = 8;
/// A part of the state that says: it was taken among packets, and what was told of those before
/// its time is in it.
pub(crate) const WITHIN: &str = "within";

/// All that was remembered at a moment between two packets.
pub(crate) struct Cut {
    /// Number of the first packet that is not in it.
    pub(crate) packet: u64,
    /// When; none for what a run began with.
    pub(crate) time: Option<Timestamp>,
    pub(crate) parts: Parts,
}

/// What one batch gave beside its packets.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) cuts: Vec<Cut>,
    pub(crate) pins: Vec<Pin>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.cuts.is_empty() && self.pins.is_empty()
    }

    fn append(&mut self, mut other: Self) {
        self.cuts.append(&mut other.cuts);
        self.pins.append(&mut other.pins);
        self.pins.truncate(PINS_WAITING_MAX);
    }
}

/// What the thread takes.
struct Order {
    load: Option<Arc<Load>>,
    now: Timestamp,
    marks: Marks,
}

/// What both sides know.
#[derive(Default)]
pub(crate) struct Shared {
    waiting: AtomicU64,
    /// Packets that were not kept.
    lost: AtomicU64,
    /// A segment is to be begun, with the state at its beginning.
    wanted: AtomicBool,
    /// Bytes on disk: of the ring, and of what alerts hold beyond it.
    ring: AtomicU64,
    pinned: AtomicU64,
    notices: Mutex<Vec<String>>,
}

impl Shared {
    fn tell(&self, text: String) {
        if let Ok(mut notices) = self.notices.lock() {
            notices.push(text);
        }
    }
}

/// How things stand with it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) ring: u64,
    pub(crate) pinned: u64,
    pub(crate) lost: u64,
}

/// The folder that packets are kept in, and the thread that writes there.
pub(crate) struct Evidence {
    folder: PathBuf,
    ring: Option<Ring>,
    orders: Option<Sender<Order>>,
    spare: Option<Receiver<Load>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// What waits with packets that found no room.
    pending: Marks,
    /// Packets are being lost, which was told.
    losing: Option<u64>,
    _lock: File,
}

impl Evidence {
    /// Opens the folder; `None` where nothing is to be kept.
    ///
    /// # Errors
    /// It can't be made or read, or another run uses it.
    pub(crate) fn open(
        settings: &EvidenceSettings,
        links: &link::Limits,
        key: &Key,
    ) -> Result<Option<Self>, Error> {
        let Some((folder, bounds)) = settings.bounds() else { return Ok(None) };
        let wrong = |path: &Path, why: String| Error::Evidence { path: path.to_owned(), why };
        private::make_folder(&folder).map_err(|error| wrong(&folder, plain(&error)))?;
        let path = folder.join("lock");
        let lock = private::hold(&path).map_err(|error| wrong(&path, plain(&error)))?;
        let in_use = || wrong(&folder, "in use by another run; name another folder".to_owned());
        let lock = lock.ok_or_else(in_use)?;
        let shared = Arc::new(Shared::default());
        let ring = Ring::open(&folder, bounds, links.clone(), key.clone(), Arc::clone(&shared))
            .map_err(|error| wrong(&folder, plain(&error)))?;
        Ok(Some(Self {
            folder,
            ring: Some(ring),
            orders: None,
            spare: None,
            thread: None,
            shared,
            pending: Marks::default(),
            losing: None,
            _lock: lock,
        }))
    }

    /// Tries whether a file can be made there, by whom the run has become.
    ///
    /// # Errors
    /// It can't.
    pub(crate) fn check(folder: &Path) -> Result<(), Error> {
        let draft = folder.join(folder::DRAFT);
        let tried = private::file().create(true).truncate(true).open(&draft);
        tried.and_then(|_| fs::remove_file(&draft)).map_err(|error| Error::Evidence {
            path: folder.to_owned(),
            why: format!("{}; the user that the run becomes must own it", plain(&error)),
        })
    }

    /// Writes from a thread of its own from here on.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let Some(mut ring) = self.ring.take() else { return Ok(()) };
        let (orders, taken) = unbounded::<Order>();
        let (give_back, spare) = bounded(SPARE_MAX);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || {
                for Order { load, now, marks } in taken {
                    ring.take(load.as_deref().map(|load| &load.batch), now, marks);
                    let Some(load) = load else { continue };
                    shared.waiting.fetch_sub(load.batch.data.len() as u64, Ordering::Relaxed);
                    if let Some(load) = Arc::into_inner(load) {
                        let _ = give_back.try_send(load);
                    }
                }
                ring.end();
            })
            .map_err(Error::Thread)?;
        (self.orders, self.spare, self.thread) = (Some(orders), Some(spare), Some(thread));
        Ok(())
    }

    /// The state is to be given with the next tick: a segment is full.
    pub(crate) fn wants_state(&self) -> bool {
        self.shared.wanted.load(Ordering::Relaxed)
    }

    /// The state was taken.
    pub(crate) fn has_state(&self) {
        self.shared.wanted.store(false, Ordering::Relaxed);
    }

    /// Takes a batch that went through the round. Gives one back to be filled again, where one is
    /// at hand.
    pub(crate) fn take(&mut self, load: Arc<Load>, marks: Marks) -> Option<Load> {
        let Some(orders) = &self.orders else { return Arc::into_inner(load) };
        let (bytes, now) = (load.batch.data.len() as u64, load.now);
        let idle = load.batch.frames.is_empty() && load.ticks().next().is_none();
        if idle && marks.is_empty() {
            return Arc::into_inner(load);
        }
        self.pending.append(marks);
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        if waiting.saturating_add(bytes) > WAITING_MAX {
            self.shared.lost.fetch_add(load.batch.frames.len() as u64, Ordering::Relaxed);
            // What comes next does not follow on them.
            self.pending.cuts.clear();
            self.shared.wanted.store(true, Ordering::Relaxed);
            return Arc::into_inner(load);
        }
        self.shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        let marks = core::mem::take(&mut self.pending);
        // The thread ends with the run, not before.
        let _ = orders.send(Order { load: Some(load), now, marks });
        self.spare.as_ref()?.try_recv().ok()
    }

    /// What there is to tell since the last call.
    pub(crate) fn news(&mut self, notices: &mut Vec<String>) {
        if let Ok(mut own) = self.shared.notices.lock() {
            notices.append(&mut own);
        }
        let lost = self.shared.lost.load(Ordering::Relaxed);
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        match self.losing {
            None if lost > 0 && waiting > WAITING_MAX / 2 => {
                self.losing = Some(lost);
                notices.push(format!(
                    "{}: {} MiB of packets wait to be written, and further ones are not kept",
                    self.folder.display(),
                    WAITING_MAX >> 20
                ));
            }
            Some(_) if waiting < WAITING_MAX / 4 => self.losing = None,
            _ => {}
        }
    }

    pub(crate) fn kept(&self) -> Kept {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = &self.shared;
        Kept { ring: of(&shared.ring), pinned: of(&shared.pinned), lost: of(&shared.lost) }
    }

    /// Waits, not for ever, until all is written.
    pub(crate) fn finish(&mut self, marks: Marks, now: Timestamp, notices: &mut Vec<String>) {
        self.pending.append(marks);
        if let Some(orders) = self.orders.take() {
            let marks = core::mem::take(&mut self.pending);
            let _ = orders.send(Order { load: None, now, marks });
        }
        if let Some(thread) = self.thread.take() {
            for _ in 0..LAST_WAIT.as_millis() / NAP.as_millis() {
                if thread.is_finished() {
                    break;
                }
                thread::sleep(NAP);
            }
            if !thread.is_finished() {
                let folder = self.folder.display();
                notices
                    .push(format!("{folder}: the disk is slow; the last packets may be missing"));
            }
        }
        self.news(notices);
    }
}
