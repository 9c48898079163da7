//! How much memory a live run takes, and whether that is too much.

use crate::config::Config;
use std::fs::File;
use std::os::unix::fs::FileExt;
use stilt_capture::assembler::Limits;
use stilt_capture::source;

/// Share of the ceiling, in percent, from which nothing new is followed.
const TIGHT: u64 = 90;
/// Batches after which it is looked again, where no second has passed.
const LOOK: u32 = 64;

/// How things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    #[default]
    Enough,
    /// Nothing new is to be followed.
    Tight,
    /// Something must go.
    None,
}

/// Packets in a batch where memory is spared: what is in flight between threads, transactions with
/// all that was read of them, is a few batches.
const SPARE_FRAMES: usize = 128;

/// Who caps memory or connections wants little of it taken: large pages, which are a tenth faster,
/// hold a fifth more than is needed.
pub(crate) fn spare_for(limits: &Limits) {
    if is_spared(limits) {
        // A kernel that refuses leaves the process larger, and nothing else.
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}

/// Packets to read from files at a time.
pub(crate) fn batch_frames(limits: &Limits) -> usize {
    let usual = source::Options::default().batch_frames;
    if is_spared(limits) { usual.min(SPARE_FRAMES) } else { usual }
}

/// Batches that may be on their way between threads, of `usual` ones.
pub(crate) fn queue(limits: &Limits, usual: usize) -> usize {
    if is_spared(limits) { usual.div_ceil(4) } else { usual }
}

/// What no cap makes smaller (the program itself, what is on its way between threads) is about one
/// part in so many of what a run without a cap may take.
const FIXED: usize = 11;

/// Room for what is remembered of callers: they are as many as connections are, less what is taken
/// whatever the cap.
pub(crate) fn for_callers(limits: &Limits) -> stilt_detect::Room {
    let usual = Limits::default().flows_max.max(1);
    let percent = limits.flows_max.saturating_mul(100).div_ceil(usual).clamp(1, 100);
    let percent = percent.saturating_sub((100 - percent) / FIXED).max(1);
    u8::try_from(percent).map(stilt_detect::Room).unwrap_or_default()
}

/// `[baseline]` with so much room; what was set by itself holds.
pub(crate) fn learning(config: &Config, room: stilt_detect::Room) -> stilt_baseline::Config {
    let usual = stilt_baseline::Config::default();
    let mut own = config.baseline.clone();
    for (max, usual) in
        [(&mut own.open_max, usual.open_max), (&mut own.tracks_max, usual.tracks_max)]
    {
        *max = if *max == usual { room.of(usual) } else { *max };
    }
    own
}

/// `[identity]` likewise.
pub(crate) fn identity(config: &Config, room: stilt_detect::Room) -> stilt_session::Config {
    let usual = stilt_session::Config::default().sessions_max;
    let mut own = config.identity.clone();
    if own.sessions_max == usual {
        own.sessions_max = room.of(usual);
    }
    own
}

fn is_spared(limits: &Limits) -> bool {
    let usual = Limits::default();
    limits.memory_max < usual.memory_max || limits.flows_max < usual.flows_max
}

/// The process's memory against its ceiling.
pub(crate) struct Memory {
    /// Opened before files can't be any more.
    status: Option<File>,
    max: u64,
    since: u32,
    room: Room,
    used: u64,
}

impl Memory {
    pub(crate) fn new(max: u64) -> Self {
        let status = File::open("/proc/self/status").ok();
        // It is looked with the first batch.
        Self { status, max, since: LOOK, room: Room::Enough, used: 0 }
    }

    /// How things are; looked at once a second or every few batches.
    pub(crate) fn room(&mut self, second: bool) -> Room {
        self.since = self.since.saturating_add(1);
        if second || self.since >= LOOK {
            self.since = 0;
            self.used = self.used().unwrap_or(0);
            self.room = judge(self.used, self.max);
        }
        self.room
    }

    /// Something was let go: it is looked again with the next batch.
    pub(crate) fn look_again(&mut self) {
        self.since = LOOK;
    }

    /// Bytes in memory when it was looked last.
    pub(crate) fn used_last(&self) -> u64 {
        self.used
    }

    /// Bytes in memory.
    fn used(&self) -> Option<u64> {
        let mut text = [0; 4096];
        let length = self.status.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = String::from_utf8_lossy(text.get(..length)?);
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib << 10)
    }
}

fn judge(used: u64, max: u64) -> Room {
    if used > max {
        Room::None
    } else if used > max / 100 * TIGHT {
        Room::Tight
    } else {
        Room::Enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_shrink_with_connections_and_make_room_for_what_does_not() {
        let room = |share: usize| {
            let flows_max = Limits::default().flows_max * share / 100;
            for_callers(&Limits { flows_max, ..Limits::default() }).0
        };
        assert_eq!([room(100), room(200), room(50), room(10), room(0)], [100, 100, 46, 2, 1]);
    }

    #[test]
    fn what_is_used_is_known_and_judged() {
        let used = Memory::new(1).used().unwrap();
        assert!((1 << 20..1 << 40).contains(&used), "{used}");
        assert_eq!(Memory::new(1).room(true), Room::None);
        assert_eq!(Memory::new(u64::MAX).room(true), Room::Enough);
        assert_eq!(
            [judge(89, 100), judge(91, 100), judge(101, 100)],
            [Room::Enough, Room::Tight, Room::None]
        );
    }
}
