//! The ring of segments on disk, and what is kept beyond it: written by one thread.

use super::folder::{DRAFT, Folder, Segment, Sort};
use super::pin::Pin;
use super::{Cut, Marks, Shared, WITHIN};
use crate::error::plain;
use crate::private;
use crate::state;
use crate::stopwatch;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use stilt_capture::link::{self, Decoder};
use stilt_capture::source::{self, Batch, Frame};
use stilt_capture::write::Writer;
use stilt_model::{Key, Timestamp};

/// Segments in a full ring, about; and in the time that packets are kept.
const SEGMENTS: u32 = 16;
/// A segment is read as a whole when it leaves the ring.
const SEGMENT_MAX: u64 = 128 << 20;
/// How long a failing disk is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long it must have worked again until it is believed: on a full disk there is a little room
/// ever again.
const SURE: Duration = Duration::from_secs(3);
/// Alerts that hold something.
const PINS_MAX: usize = 10_000;
/// What the file of a pin takes on disk, about.
const PIN_BYTES: u64 = 4096;

/// How much is kept for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) size_max: u64,
    pub(crate) keep: Duration,
    pub(crate) pinned_max: u64,
    pub(crate) pinned_keep: Duration,
}

/// The segment that is being written.
struct Open {
    file: File,
    writer: Writer<Vec<u8>>,
}

/// What lies in the folder.
pub(super) struct Ring {
    folder: PathBuf,
    bounds: Bounds,
    links: link::Limits,
    key: Key,
    shared: Arc<Shared>,
    /// Whole segments, the oldest first; the last is being written while `open` is there.
    ring: VecDeque<Segment>,
    kept: BTreeMap<u64, Segment>,
    pins: BTreeMap<String, Pin>,
    open: Option<Open>,
    next: u64,
    /// What the next segment begins with.
    state: Option<Cut>,
    /// The disk fails.
    trouble: Option<Trouble>,
}

/// A disk that fails.
struct Trouble {
    /// When it is tried again.
    retry: Instant,
    /// When it failed last.
    since: Instant,
    /// Packets not kept before it did.
    lost: u64,
}

impl Ring {
    /// Goes on with what lies in a folder.
    pub(super) fn open(
        folder: &Path,
        bounds: Bounds,
        links: link::Limits,
        key: Key,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let found = Folder::read(folder)?;
        let next = found.segments.last().map_or(0, |last| last.number.saturating_add(1));
        let (ring, kept): (Vec<_>, Vec<_>) =
            found.segments.into_iter().partition(|segment| segment.sort == Sort::Ring);
        let mut ring = Self {
            folder: folder.to_owned(),
            bounds,
            links,
            key,
            shared,
            ring: ring.into(),
            kept: kept.into_iter().map(|segment| (segment.number, segment)).collect(),
            pins: found.pins.into_iter().map(|pin| (pin.id.clone(), pin)).collect(),
            open: None,
            next,
            state: None,
            trouble: None,
        };
        ring.sweep();
        ring.share();
        Ok(ring)
    }

    /// Takes the packets of a batch, and what it gave beside them.
    pub(super) fn take(&mut self, batch: Option<&Batch>, now: Timestamp, marks: Marks) {
        self.expire(now);
        let mut frames = batch.map_or(&[][..], |batch| &batch.frames);
        for cut in marks.cuts {
            let at = frames.partition_point(|frame| frame.mark.packet < cut.packet);
            let (before, after) = frames.split_at(at);
            self.append(batch, before);
            self.open = None;
            self.state = Some(cut);
            self.shared.wanted.store(false, Ordering::Relaxed);
            frames = after;
        }
        self.append(batch, frames);
        for pin in marks.pins {
            self.pin(pin);
        }
        self.share();
    }

    /// All was taken.
    pub(super) fn end(&mut self) {
        self.open = None;
        self.share();
    }

    fn share(&self) {
        self.shared.ring.store(self.ring_size(), Ordering::Relaxed);
        self.shared.pinned.store(self.pinned_size(), Ordering::Relaxed);
    }

    fn ring_size(&self) -> u64 {
        self.ring.iter().map(Segment::size).sum()
    }

    fn pinned_size(&self) -> u64 {
        let kept: u64 = self.kept.values().map(Segment::size).sum();
        kept.saturating_add(PIN_BYTES.saturating_mul(self.pins.len() as u64))
    }

    fn segment_max(&self) -> u64 {
        (self.bounds.size_max / u64::from(SEGMENTS)).min(SEGMENT_MAX)
    }

    fn append(&mut self, batch: Option<&Batch>, frames: &[Frame]) {
        let (Some(batch), Some(first)) = (batch, frames.first()) else { return };
        let waits = self.trouble.as_ref().is_some_and(|trouble| stopwatch::now() < trouble.retry);
        let written = if waits { None } else { Some(self.write(batch, frames)) };
        match written {
            Some(Ok(())) => self.recovered(),
            failed => {
                self.shared.lost.fetch_add(frames.len() as u64, Ordering::Relaxed);
                if let Some(Err(error)) = failed {
                    self.failed(&error);
                }
                return;
            }
        }
        self.make_room();
        self.look(first.mark.time);
    }

    fn write(&mut self, batch: &Batch, frames: &[Frame]) -> io::Result<()> {
        if self.open.is_none()
            && let Some(first) = frames.first()
        {
            self.begin(first.mark.time)?;
        }
        let (Some(open), Some(segment)) = (&mut self.open, self.ring.back_mut()) else {
            return Ok(());
        };
        let links = open.writer.links();
        for frame in frames {
            open.writer.packet(frame, batch.bytes(frame))?;
        }
        let new_link = open.writer.links() > links;
        let bytes = open.writer.get_mut();
        let Err(error) = open.file.write_all(bytes) else {
            segment.bytes = segment.bytes.saturating_add(bytes.len() as u64);
            bytes.clear();
            return Ok(());
        };
        // A packet that is there in part would end the file for whoever reads it. Link types that
        // are taken back are not written a second time.
        let taken_back = open.file.set_len(segment.bytes);
        let taken_back = taken_back.and_then(|()| open.file.seek(SeekFrom::End(0)));
        bytes.clear();
        if taken_back.is_err() || new_link {
            self.open = None;
        }
        Err(error)
    }

    /// Begins a segment.
    fn begin(&mut self, time: Timestamp) -> io::Result<()> {
        let cut = self.state.take();
        let start = cut.as_ref().and_then(|cut| cut.time).unwrap_or(time);
        let mut segment =
            Segment { number: self.next, sort: Sort::Ring, start, bytes: 0, state: 0 };
        self.next = self.next.saturating_add(1);
        if let Some(cut) = cut {
            let mut parts = cut.parts;
            if let Some(time) = cut.time {
                parts.insert(WITHIN.to_owned(), time.nanos().to_le_bytes().to_vec());
            }
            let sealed = state::encode(&self.key, start, &parts).map_err(io::Error::other)?;
            put(&self.folder, &segment.state_in(&self.folder), &sealed)?;
            segment.state = sealed.len() as u64;
        }
        let opened = private::file().create_new(true).open(segment.packets_in(&self.folder));
        let opened = opened.and_then(|file| Ok(Open { file, writer: Writer::new(Vec::new())? }));
        match opened {
            Ok(open) => {
                self.ring.push_back(segment);
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(segment.state_in(&self.folder));
                Err(error)
            }
        }
    }

    /// Asks for a new segment, with the state at its beginning, where the present one is full or
    /// old; begins one without where none comes.
    fn look(&mut self, now: Timestamp) {
        let segment = self.ring.back().copied().filter(|_| self.open.is_some());
        let Some(segment) = segment else { return };
        let (max, age) = (self.segment_max(), now.since(segment.start));
        let old = age >= self.bounds.keep / SEGMENTS;
        if segment.bytes < max && !old {
            return;
        }
        // States take at most half of the ring.
        let states: u64 = self.ring.iter().map(|one| one.state).sum();
        let last = self.ring.iter().rev().map(|one| one.state).find(|state| *state > 0);
        if states.saturating_add(last.unwrap_or(0)) <= self.bounds.size_max / 2 {
            self.shared.wanted.store(true, Ordering::Relaxed);
        } else {
            self.open = None;
        }
        if segment.bytes >= max.saturating_mul(2) || age >= self.bounds.keep / (SEGMENTS / 2) {
            self.open = None;
        }
    }

    fn failed(&mut self, error: &io::Error) {
        // Of a segment that nothing came into nothing is left.
        if self.open.is_none()
            && self.ring.back().is_some_and(|segment| segment.bytes == 0)
            && let Some(empty) = self.ring.pop_back()
        {
            let _ = fs::remove_file(empty.packets_in(&self.folder));
            let _ = fs::remove_file(empty.state_in(&self.folder));
        }
        // What comes next does not follow on what is known.
        self.state = None;
        self.shared.wanted.store(true, Ordering::Relaxed);
        let now = stopwatch::now();
        match &mut self.trouble {
            Some(trouble) => (trouble.retry, trouble.since) = (now + RETRY, now),
            None => {
                let lost = self.shared.lost.load(Ordering::Relaxed);
                self.trouble = Some(Trouble { retry: now + RETRY, since: now, lost });
                self.tell(&format!("{}; packets are not kept until it takes them", plain(error)));
            }
        }
    }

    fn recovered(&mut self) {
        let Some(trouble) = self.trouble.take_if(|trouble| trouble.since.elapsed() >= SURE) else {
            return;
        };
        let lost = self.shared.lost.load(Ordering::Relaxed).saturating_sub(trouble.lost);
        self.tell(&format!("packets are kept again; more than {lost} were not"));
        for pin in self.pins.values() {
            let _ = self.save_pin(pin);
        }
    }

    fn tell(&self, text: &str) {
        self.shared.tell(format!("{}: {text}", self.folder.display()));
    }

    /// The oldest segments leave a ring that is full.
    fn make_room(&mut self) {
        while self.ring.len() > 1 && self.ring_size() > self.bounds.size_max {
            self.leave();
        }
    }

    /// What is too old leaves: a segment is as old as its first packet.
    fn expire(&mut self, now: Timestamp) {
        let keep = self.bounds.keep;
        while self.ring.front().is_some_and(|one| now.since(one.start) > keep) {
            self.leave();
        }
        let pinned_keep = self.bounds.pinned_keep;
        let old = self.pins.values().filter(|pin| now.since(pin.told) > pinned_keep);
        for id in old.map(|pin| pin.id.clone()).collect::<Vec<_>>() {
            self.unpin(&id);
        }
    }

    /// The oldest segment leaves the ring; of it remains what alerts hold.
    fn leave(&mut self) {
        if self.ring.len() == 1 {
            self.open = None;
        }
        let Some(segment) = self.ring.pop_front() else { return };
        let covering = || self.pins.values().filter(|pin| pin.covers(segment.number));
        let addresses: BTreeSet<IpAddr> =
            covering().flat_map(|pin| pin.addresses.iter().copied()).collect();
        let anchors = covering().any(|pin| pin.anchor == Some(segment.number));
        if !addresses.is_empty() || anchors {
            match self.shorten(&segment, &addresses, anchors) {
                Ok(kept) => drop(self.kept.insert(kept.number, kept)),
                Err(error) => {
                    let why = plain(&error);
                    self.tell(&format!("{why}; a part of what alerts rest on is not kept"));
                }
            }
        }
        let _ = fs::remove_file(segment.packets_in(&self.folder));
        let _ = fs::remove_file(segment.state_in(&self.folder));
        while self.pinned_size() > self.bounds.pinned_max && self.forget_oldest() {}
    }

    /// Makes a smaller file of a segment, with the connections of some addresses.
    fn shorten(
        &self,
        segment: &Segment,
        addresses: &BTreeSet<IpAddr>,
        with_state: bool,
    ) -> io::Result<Segment> {
        let mut kept = Segment { sort: Sort::Kept, ..*segment };
        if with_state && segment.state > 0 {
            fs::rename(segment.state_in(&self.folder), kept.state_in(&self.folder))?;
        } else {
            kept.state = 0;
        }
        kept.bytes = 0;
        if segment.bytes == 0 {
            return Ok(kept);
        }
        let other = |error: source::SourceError| io::Error::other(error.to_string());
        let options = source::Options::default();
        let mut source =
            source::open(&[segment.packets_in(&self.folder)], &options).map_err(other)?;
        let draft = self.folder.join(DRAFT);
        let _ = fs::remove_file(&draft);
        let file = private::file().create_new(true).open(&draft)?;
        let mut writer = Writer::new(BufWriter::new(file))?;
        let (mut decoder, mut batch) = (Decoder::new(&self.links), Batch::default());
        let mut more = true;
        while more {
            more = source.fill(&mut batch).map_err(other)?;
            for frame in &batch.frames {
                let bytes = batch.bytes(frame);
                let mut found = decoder.decode(frame, bytes);
                let mut wanted = false;
                while let Some(one) = found {
                    let ends = [one.head.source, one.head.destination];
                    wanted |= ends.iter().any(|end| addresses.contains(&end.ip()));
                    found = decoder.more(frame, bytes);
                }
                if wanted {
                    writer.packet(frame, bytes)?;
                }
            }
        }
        writer.into_inner().flush()?;
        kept.bytes = fs::metadata(&draft)?.len();
        fs::rename(&draft, kept.packets_in(&self.folder))?;
        Ok(kept)
    }

    /// An alert was told: what it rests on is to be kept.
    fn pin(&mut self, mut pin: Pin) {
        let Some(last) = self.ring.back().map(|segment| segment.number) else { return };
        pin.segments = (last, last);
        let known = if let Some(known) = self.pins.get_mut(&pin.id) {
            known.grow(pin);
            known.clone()
        } else {
            self.anchor(&mut pin);
            while self.pins.len() >= PINS_MAX && self.unpin_oldest() {}
            self.pins.insert(pin.id.clone(), pin.clone());
            pin
        };
        // While the disk fails that is known already; all are saved when it takes them again.
        if let Err(error) = self.save_pin(&known)
            && self.trouble.is_none()
        {
            self.failed(&error);
        }
    }

    /// From which state its packets are told again: the latest before its first act, with the
    /// segment before it for connections that were open then; else the first there is.
    fn anchor(&self, pin: &mut Pin) {
        let with_state = || self.ring.iter().enumerate().filter(|(_, one)| one.state > 0);
        let before = with_state().rev().find(|(_, one)| one.start <= pin.first);
        let anchor = before.or_else(|| with_state().next());
        pin.anchor = anchor.map(|(_, segment)| segment.number);
        let from = anchor.map_or(0, |(at, _)| at.saturating_sub(1));
        if let Some(first) = self.ring.get(from) {
            pin.segments.0 = first.number;
        }
    }

    fn save_pin(&self, pin: &Pin) -> io::Result<()> {
        let text = serde_json::to_vec(pin).map_err(io::Error::other)?;
        put(&self.folder, &self.folder.join(format!("{}.json", pin.name())), &text)
    }

    fn unpin_oldest(&mut self) -> bool {
        let oldest = self.pins.values().min_by_key(|pin| (pin.told, pin.id.clone()));
        let Some(id) = oldest.map(|pin| pin.id.clone()) else { return false };
        self.unpin(&id);
        true
    }

    /// Lets go of an alert, and of what nothing else holds.
    fn unpin(&mut self, id: &str) {
        let Some(pin) = self.pins.remove(id) else { return };
        let _ = fs::remove_file(self.folder.join(format!("{}.json", pin.name())));
        self.sweep();
    }

    /// Lets go of what no alert holds.
    fn sweep(&mut self) {
        let held = |number: &u64| self.pins.values().any(|pin| pin.covers(*number));
        let free: Vec<u64> = self.kept.keys().copied().filter(|number| !held(number)).collect();
        free.into_iter().for_each(|number| self.forget(number));
    }

    /// Lets go of the oldest that is kept beyond the ring; `false` where nothing is.
    fn forget_oldest(&mut self) -> bool {
        let Some(number) = self.kept.keys().next().copied() else { return self.unpin_oldest() };
        self.forget(number);
        let first = self.kept.keys().next().copied();
        let first = first.or_else(|| self.ring.front().map(|segment| segment.number));
        let gone = self.pins.values().filter(|pin| first.is_none_or(|at| pin.segments.1 < at));
        for id in gone.map(|pin| pin.id.clone()).collect::<Vec<_>>() {
            self.unpin(&id);
        }
        true
    }

    fn forget(&mut self, number: u64) {
        if let Some(kept) = self.kept.remove(&number) {
            let _ = fs::remove_file(kept.packets_in(&self.folder));
            let _ = fs::remove_file(kept.state_in(&self.folder));
        }
    }
}

/// Puts a file in its place in one step.
fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join(DRAFT);
    let _ = fs::remove_file(&draft);
    let written = (private::file().create_new(true).open(&draft))
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
