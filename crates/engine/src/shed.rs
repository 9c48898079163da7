//! What is done when more comes than can be analysed: whole connections are left out, before
//! anything of them is parsed, so that the others are seen whole.
//!
//! Which ones is decided by a keyed hash of their ends against a level that rises while the
//! kernel's buffers fill and falls when they have been empty for a while. A connection that is left
//! out stays so until it ends, or until the pressure has long been gone. At first only connections
//! that begin are left out; where that does not help, some that are followed are cut.

use crate::networks::Networks;
use core::hash::{BuildHasher, Hasher};
use foldhash::quality::FixedState;
use std::collections::HashMap;
use stilt_capture::SegmentHead;
use stilt_model::{Key, Timestamp};

/// Classes by hash; those of services to be shed last come after all others.
const CLASSES: u32 = 256;
/// Pressure (in thousandths) from which more is left out, from which also what is followed, and
/// below which less is.
const HIGH: u16 = 400;
const CRITICAL: u16 = 700;
const LOW: u16 = 100;
/// Nanoseconds of packet time without pressure after which less is left out, step by step.
const CALM: i64 = 500_000_000;
/// Nanoseconds without any after which what was left out is forgotten.
const RECOVERED: i64 = 5_000_000_000;
/// Connections left out that are remembered; beyond, what begins is left out by class alone.
const LEFT_OUT_MAX: usize = 1 << 20;

/// What was left out so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shed {
    /// Connections.
    pub flows: u64,
    /// Of them, such as were being followed.
    pub cut: u64,
    /// Their packets.
    pub packets: u64,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    Drop,
    /// Its connection, which may be followed, is left out from here on.
    Cut,
}

/// Decides which connections are left out.
pub(crate) struct Shedder {
    hasher: FixedState,
    last: Networks,
    /// Classes below it are left out when they begin.
    level: u32,
    /// Classes below it are left out also when they are being followed.
    cut: u32,
    /// Since when there is no pressure.
    calm: Option<Timestamp>,
    /// Connections left out, with the ends (FIN) that were seen of them.
    out: HashMap<u64, u8, foldhash::fast::RandomState>,
    pub(crate) shed: Shed,
}

impl Shedder {
    pub(crate) fn new(key: &Key, last: Networks) -> Self {
        Self {
            hasher: FixedState::with_seed(key.hash("shed", b"flows")),
            last,
            level: 0,
            cut: 0,
            calm: None,
            out: HashMap::default(),
            shed: Shed::default(),
        }
    }

    /// Everything is kept.
    pub(crate) fn is_idle(&self) -> bool {
        self.level == 0 && self.out.is_empty()
    }

    /// Takes note of the pressure after a batch whose last packet has that time. `tight`: memory is
    /// short, so that nothing new is to be followed.
    pub(crate) fn note(&mut self, pressure: u16, tight: bool, now: Timestamp) {
        if pressure >= HIGH || tight {
            self.calm = None;
            let most = CLASSES.saturating_mul(2);
            self.level =
                self.level.saturating_add((most - self.level.min(most)) / 16 + 1).min(most);
            if pressure >= CRITICAL {
                self.cut = self.cut.max(self.level / 2);
            }
            return;
        }
        if pressure > LOW {
            self.calm = None;
            return;
        }
        let calm = *self.calm.get_or_insert(now);
        let quiet = now.nanos().saturating_sub(calm.nanos());
        if self.level > 0 && quiet >= CALM {
            self.level = self.level.saturating_sub(self.level / 4 + 1);
            self.cut = self.cut.min(self.level);
            self.calm = Some(now);
        } else if self.level == 0 && quiet >= RECOVERED {
            self.out = HashMap::default();
        }
    }

    /// What becomes of a segment, before anything of it is parsed.
    pub(crate) fn judge(&mut self, head: &SegmentHead) -> Verdict {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&head.symmetric_key());
        let flow = hasher.finish();
        let opens = head.flags.syn() && !head.flags.ack();
        if opens {
            // Ports that are used again: another connection.
            self.out.remove(&flow);
        }
        if let Some(ends) = self.out.get_mut(&flow) {
            *ends = ends.saturating_add(u8::from(head.flags.fin()));
            if head.flags.rst() || *ends > 1 {
                self.out.remove(&flow);
            }
            self.shed.packets = self.shed.packets.saturating_add(1);
            return Verdict::Drop;
        }
        let late = self.last.covers(head.source) || self.last.covers(head.destination);
        let class = (flow >> 32) as u32 % CLASSES + if late { CLASSES } else { 0 };
        if class >= if opens { self.level } else { self.cut } {
            return Verdict::Keep;
        }
        if self.out.len() < LEFT_OUT_MAX {
            self.out.insert(flow, 0);
        }
        self.shed.flows = self.shed.flows.saturating_add(1);
        self.shed.packets = self.shed.packets.saturating_add(1);
        if opens {
            return Verdict::Drop;
        }
        self.shed.cut = self.shed.cut.saturating_add(1);
        Verdict::Cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use stilt_capture::TcpFlags;
    use stilt_model::Mark;

    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const FIN: u8 = 17;

    fn shedder(last: &[&str]) -> Shedder {
        let last: Vec<String> = last.iter().map(|text| (*text).to_owned()).collect();
        Shedder::new(&Key::new([3; 32]), Networks::parse(&last).unwrap())
    }

    fn head(from: &str, to: &str, flags: u8) -> SegmentHead {
        let ends = (from.parse().unwrap(), to.parse().unwrap());
        let head = SegmentHead::new(Mark::default(), ends.0, ends.1);
        SegmentHead { flags: TcpFlags(flags), ..head }
    }

    fn client(port: u32) -> String {
        format!("10.0.0.1:{port}")
    }

    /// Ports whose connections are left out when they begin.
    fn begin(shedder: &mut Shedder, server: &str) -> BTreeSet<u32> {
        let dropped =
            |port: &u32| shedder.judge(&head(&client(*port), server, SYN)) == Verdict::Drop;
        (1000..2000).filter(dropped).collect()
    }

    fn press(shedder: &mut Shedder, pressure: u16, times: usize) {
        for _ in 0..times {
            shedder.note(pressure, false, Timestamp::from_secs(1));
        }
    }

    #[test]
    fn nothing_is_left_out_without_pressure_and_more_the_longer_it_lasts() {
        let mut shedder = shedder(&[]);
        press(&mut shedder, LOW, 100);
        assert!(shedder.is_idle() && begin(&mut shedder, "10.0.0.2:80").is_empty());
        press(&mut shedder, HIGH, 3);
        let some = begin(&mut shedder, "10.0.0.2:80");
        assert!((100..900).contains(&some.len()), "{}", some.len());
        press(&mut shedder, HIGH, 100);
        assert_eq!(begin(&mut shedder, "10.0.0.2:80").len(), 1000);
    }

    #[test]
    fn a_connection_is_left_out_whole_and_both_ways_until_it_ends() {
        let mut shedder = shedder(&[]);
        press(&mut shedder, HIGH, 3);
        let out = begin(&mut shedder, "10.0.0.2:80");
        for port in 1000..2000 {
            let left_out = out.contains(&port);
            let expected = if left_out { Verdict::Drop } else { Verdict::Keep };
            let (here, there) = (client(port), "10.0.0.2:80");
            for (from, to) in [(here.as_str(), there), (there, here.as_str())] {
                assert_eq!(shedder.judge(&head(from, to, ACK)), expected);
            }
        }
        // Also when the pressure has gone; until both sides ended.
        (shedder.level, shedder.cut) = (0, 0);
        let (here, there) = (client(*out.first().unwrap()), "10.0.0.2:80");
        for flags in [ACK, FIN, ACK] {
            assert_eq!(shedder.judge(&head(&here, there, flags)), Verdict::Drop);
        }
        assert_eq!(shedder.judge(&head(there, &here, FIN)), Verdict::Drop);
        assert_eq!(shedder.judge(&head(&here, there, SYN)), Verdict::Keep);
    }

    #[test]
    fn what_is_followed_is_cut_only_where_it_is_critical() {
        let mut shedder = shedder(&[]);
        let followed = head(&client(1), "10.0.0.2:80", ACK);
        press(&mut shedder, HIGH, 100);
        assert_eq!(shedder.judge(&followed), Verdict::Keep);
        press(&mut shedder, CRITICAL, 1);
        assert_eq!(shedder.judge(&followed), Verdict::Cut);
        assert_eq!(shedder.judge(&followed), Verdict::Drop);
        assert_eq!(shedder.shed, Shed { flows: 1, cut: 1, packets: 2 });
    }

    #[test]
    fn services_named_to_be_last_are_kept_while_others_are_left_out() {
        let mut shedder = shedder(&["10.0.0.2:443", "10.9.0.0/16"]);
        press(&mut shedder, HIGH, 12);
        assert_eq!(begin(&mut shedder, "10.0.0.2:80").len(), 1000);
        assert!(begin(&mut shedder, "10.0.0.2:443").len() < 600);
        assert!(begin(&mut shedder, "10.9.7.1:80").len() < 600);
    }

    #[test]
    fn after_the_pressure_everything_is_kept_again() {
        let mut shedder = shedder(&[]);
        press(&mut shedder, 1000, 50);
        let cut = head(&client(7), "10.0.0.2:80", ACK);
        assert_eq!(shedder.judge(&cut), Verdict::Cut);
        for tenth in 0..400 {
            shedder.note(0, false, Timestamp::from_nanos(tenth * 100_000_000));
        }
        assert!(shedder.is_idle());
        assert_eq!(shedder.judge(&cut), Verdict::Keep);
    }
}
