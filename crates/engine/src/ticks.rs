//! Packet time as it passes for the whole run: what every time-out is taken by.
//!
//! A worker sees only its own flows, so its last packet is not the time. The router looks at every
//! packet and stamps a tick for each whole second that begins, before the first packet at or after
//! it; all workers and the pipeline get every tick. Ticks follow from the packet times alone.

use stilt_model::{Mark, Timestamp};

/// Ticks a single jump in packet time gives at most; a longer quiet is stepped through coarsely.
pub const TICKS_PER_JUMP_MAX: i64 = 120;
/// How many of them are one second apart, at the start of the jump.
const FINE: i64 = TICKS_PER_JUMP_MAX / 2;

/// A moment of global packet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// A whole second.
    pub time: Timestamp,
    /// Number of the packet it comes before.
    pub packet: u64,
}

/// Turns packet marks into ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    latest: Option<Mark>,
    second: i64,
}

impl Clock {
    /// Notes a packet, in capture order; pushes the ticks that come before it.
    pub fn advance(&mut self, mark: Mark, out: &mut Vec<Tick>) {
        let Some(latest) = &mut self.latest else {
            self.latest = Some(mark);
            self.second = mark.time.secs();
            return;
        };
        latest.packet = mark.packet;
        latest.time = latest.time.max(mark.time);
        let target = mark.time.secs();
        if target > self.second {
            push_ticks(self.second, target, mark.packet, out);
            self.second = target;
        }
    }

    /// Time has gone by without a packet up to `time`; pushes the ticks of it, which come before
    /// the next packet. Before the first packet there is no time.
    pub fn pass(&mut self, time: Timestamp, out: &mut Vec<Tick>) {
        if let Some(latest) = self.latest {
            self.advance(Mark { time, packet: latest.packet.saturating_add(1) }, out);
            self.latest = Some(Mark { time: latest.time.max(time), ..latest });
        }
    }

    /// The latest packet time and the number of the last packet; `None` before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Mark> {
        self.latest
    }
}

fn push_ticks(from: i64, to: i64, packet: u64, out: &mut Vec<Tick>) {
    let mut push = |second| out.push(Tick { time: Timestamp::from_secs(second), packet });
    let jump = to.saturating_sub(from);
    let fine = if jump <= TICKS_PER_JUMP_MAX { jump } else { FINE };
    for step in 1..=fine {
        push(from.saturating_add(step));
    }
    if fine < jump {
        let coarse = TICKS_PER_JUMP_MAX - FINE;
        let rest = i128::from(jump - fine);
        for step in 1..=coarse {
            let ahead = rest * i128::from(step) / i128::from(coarse);
            let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
            push(from.saturating_add(fine).saturating_add(ahead));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(millis: &[i64]) -> Vec<(i64, u64)> {
        let mut clock = Clock::default();
        let mut out = Vec::new();
        for (index, at) in millis.iter().enumerate() {
            let time = Timestamp::from_nanos(at.saturating_mul(1_000_000));
            clock.advance(Mark { time, packet: index as u64 + 1 }, &mut out);
        }
        out.iter().map(|tick| (tick.time.secs(), tick.packet)).collect()
    }

    #[test]
    fn each_second_ticks_once_before_the_first_packet_at_or_after_it() {
        assert_eq!(ticks(&[100, 900, 1000, 1500, 3200]), [(1, 3), (2, 5), (3, 5)]);
    }

    #[test]
    fn time_that_passes_in_quiet_ticks_once_and_before_the_next_packet() {
        let at = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        let (mut clock, mut out) = (Clock::default(), Vec::new());
        clock.pass(at(7000), &mut out);
        assert!(out.is_empty(), "there was no packet yet");
        clock.advance(Mark { time: at(900), packet: 1 }, &mut out);
        for quiet in [950, 2100, 1800, 2200] {
            clock.pass(at(quiet), &mut out);
        }
        clock.advance(Mark { time: at(2050), packet: 2 }, &mut out);
        clock.advance(Mark { time: at(3050), packet: 3 }, &mut out);
        let seen: Vec<_> = out.iter().map(|tick| (tick.time.secs(), tick.packet)).collect();
        assert_eq!(seen, [(1, 2), (2, 2), (3, 3)]);
    }

    #[test]
    fn time_never_goes_back() {
        assert_eq!(ticks(&[5000, 1000, 5900, 6000]), [(6, 4)]);
    }

    #[test]
    fn the_first_packet_starts_the_clock_without_a_tick() {
        assert_eq!(ticks(&[1_795_348_551_000]), []);
    }

    #[test]
    fn a_long_quiet_is_bounded_strictly_rising_and_ends_on_its_last_second() {
        for quiet in [119, 120, 121, 122, 1000, 86_400, i64::MAX / 2_000_000_000_000] {
            let seen = ticks(&[0, quiet * 1000]);
            assert!(seen.len() as i64 <= TICKS_PER_JUMP_MAX, "{quiet}: {}", seen.len());
            assert_eq!(seen.last().map(|tick| tick.0), Some(quiet));
            assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{quiet}");
            assert_eq!(seen[..60], (1..=60).map(|s| (s, 2)).collect::<Vec<_>>()[..]);
        }
        assert!(ticks(&[i64::MIN, i64::MAX]).len() as i64 <= TICKS_PER_JUMP_MAX);
    }
}
