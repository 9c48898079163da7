//! Live capture: interfaces and the listeners of cloud mirrors, merged by time as they come.
//!
//! Nothing is ever sent: this module holds no call that could (clippy bans them by name). Packets
//! are handed over as soon as they are there; where several ports are open, a packet waits for the
//! others' earlier ones, but never longer than [`HOLD`].

mod clock;
mod device;
mod listen;
mod port;

use super::{Batch, Losses, Source, SourceError, Warning};
use clock::Clock;
use core::time::Duration;
use device::Device;
use listen::Listener;
pub use listen::parse as parse_listener;
use port::Port;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::Instant;
use stilt_model::Timestamp;

/// How long a packet waits at most for earlier ones of a port that shows nothing but is not known
/// to hold nothing: the kernel hands a block over once it is full or has waited for a millisecond,
/// which a busy machine stretches much.
const HOLD: Duration = Duration::from_millis(100);
/// How often is looked meanwhile.
const HELD: Duration = Duration::from_millis(1);
/// Between the stamp of a packet and the moment it is counted.
const STAMPED: Duration = Duration::from_millis(1);
/// How long a quiet link is waited for before the reader may look at something else.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often counters, the clock and interfaces that are down are looked at.
const CHECK: Duration = Duration::from_millis(250);
/// What may still be on its way when a port was found empty.
const SLACK: Duration = Duration::from_millis(500);
/// Packets that are read so late are as bad as a buffer that is full. A busy machine, or a large
/// state that is being saved, makes them late by a second or two while there is room for many more.
const LATE: Duration = Duration::from_secs(10);
/// Packets taken of one port at a time.
const TAKE: usize = 256;
/// Packets handed over at once, and their bytes, about: enough to be worth its cost, little
/// enough that the first does not wait for the last.
const BATCH_FRAMES: usize = 2048;
const BATCH_BYTES: usize = 1 << 20;

/// What to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Interfaces; `any` is all of them.
    pub interfaces: Vec<String>,
    /// Listeners of cloud mirrors: `vxlan://ADDRESS:PORT` or `geneve://ADDRESS:PORT`, with
    /// `?vni=N,N…` where only these are wanted.
    pub listen: Vec<String>,
    /// Capture filter in tcpdump's syntax, for interfaces: it runs in the kernel.
    pub filter: Option<String>,
    /// Bytes of a packet that are taken.
    pub snaplen: u32,
    /// Bytes that the kernel may hold for one port until they are read.
    pub ring: u64,
    /// Also take packets for others than this machine.
    pub promiscuous: bool,
}

/// Open ports.
pub struct Live {
    ports: Vec<Port>,
    clock: Clock,
    notices: Vec<String>,
    checked: Instant,
    number: u64,
    /// Every packet that is still to come has a later stamp.
    passed: Option<Timestamp>,
    bytes: u64,
    ring: u64,
    /// Packets that the kernel had dropped when it was looked last.
    dropped: u64,
    pressure: u16,
}

impl Live {
    /// Opens every port.
    ///
    /// # Errors
    /// One can't be opened; the message says what to do.
    pub fn open(settings: &Settings) -> Result<Self, SourceError> {
        if settings.interfaces.is_empty() && settings.listen.is_empty() {
            return Err(SourceError::NoPort);
        }
        for names in [&settings.interfaces, &settings.listen] {
            let before = |at: usize, name: &String| names.iter().take(at).any(|one| one == name);
            let twice = names.iter().enumerate().find(|(at, name)| before(*at, name));
            if let Some((_, name)) = twice {
                return Err(SourceError::Twice(name.clone()));
            }
        }
        let mut ports = Vec::new();
        for name in &settings.interfaces {
            let device = Device::open(name, settings)?;
            ports.push(Port::new(port::Tap::Device(device)));
        }
        for text in &settings.listen {
            let listener = Listener::open(text, settings.ring)?;
            ports.push(Port::new(port::Tap::Listener(listener)));
        }
        Ok(Self {
            ports,
            clock: Clock::default(),
            notices: Vec::new(),
            checked: clock::monotonic(),
            number: 0,
            passed: None,
            bytes: 0,
            ring: settings.ring.max(1),
            dropped: 0,
            pressure: 0,
        })
    }

    /// Looks after what is not packets.
    fn check(&mut self) {
        let now = clock::monotonic();
        if now.saturating_duration_since(self.checked) < CHECK {
            return;
        }
        self.checked = now;
        for port in &mut self.ports {
            port.check(&mut self.notices);
        }
    }

    /// Reads what is there of every port whose earlier packets were handed over. `now` is a time
    /// before.
    fn read(&mut self, now: Timestamp) {
        for (at, port) in self.ports.iter_mut().enumerate() {
            if port.queue.is_empty() {
                port.queue.clear();
                let interface = u16::try_from(at).unwrap_or(u16::MAX);
                port.read(interface, TAKE, &self.clock, &mut self.notices);
            }
        }
        if self.ports.iter().all(|port| port.queue.is_empty()) {
            return;
        }
        for port in self.ports.iter_mut().filter(|port| port.queue.is_empty()) {
            if port.is_drained() {
                port.shown = now.minus(STAMPED);
            }
        }
    }

    /// The port whose first packet is the earliest, with its time.
    fn earliest(&self) -> Option<(Timestamp, usize)> {
        let heads = self.ports.iter().enumerate();
        heads.filter_map(|(at, port)| port.queue.first().map(|time| (time, at))).min()
    }

    /// Hands over what need not wait for another port. `now` is a time before the ports were read.
    fn merge(&mut self, now: Timestamp, batch: &mut Batch) {
        while batch.frames.len() < BATCH_FRAMES && batch.data.len() < BATCH_BYTES {
            let Some((time, at)) = self.earliest() else { return };
            let all = self
                .ports
                .iter()
                .all(|port| !port.queue.is_empty() || port.is_down() || port.shown >= time);
            // A stamp from the future waits for nothing.
            let held = time > now.minus(HOLD) && time <= now.plus(HOLD);
            if !all && held {
                return;
            }
            let Some(port) = self.ports.get_mut(at) else { return };
            self.number = self.number.saturating_add(1);
            port.queue.take(self.number, batch);
        }
    }

    /// Estimates how full the kernel's buffers are: by how late the packets of a full batch are
    /// read, and how many came in how long.
    fn weigh(&mut self, batch: &Batch) {
        let dropped = self.losses().kernel;
        let drops = dropped > core::mem::replace(&mut self.dropped, dropped);
        let full = batch.frames.len() >= BATCH_FRAMES || batch.data.len() >= BATCH_BYTES;
        let (Some(first), Some(last)) = (batch.frames.first(), batch.frames.last()) else { return };
        let late = self.clock.now().since(last.mark.time).as_nanos();
        let span = last.mark.time.since(first.mark.time).as_nanos().max(1);
        let waiting = late.saturating_mul(batch.data.len() as u128);
        let waiting = waiting.checked_div(span).unwrap_or(0);
        let filled = waiting.saturating_mul(1000).checked_div(u128::from(self.ring)).unwrap_or(0);
        let slow = late.saturating_mul(1000).checked_div(LATE.as_nanos()).unwrap_or(0);
        self.pressure = match (drops, full) {
            (true, _) => 1000,
            (false, true) => u16::try_from(filled.max(slow)).unwrap_or(1000).min(1000),
            // All that was there was read.
            (false, false) => 0,
        };
    }

    /// Waits until a port has something, or at most for `patience`.
    fn wait(&self, patience: Duration) {
        let mut asked: Vec<PollFd<'_>> = self
            .ports
            .iter()
            .filter(|port| port.queue.is_empty())
            .filter_map(Port::descriptor)
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let patience = Timespec { tv_sec: 0, tv_nsec: i64::from(patience.subsec_nanos()) };
        // A signal ends the wait early, which does no harm; an error of a port is told as it is
        // read.
        let _ = poll(&mut asked, Some(&patience));
    }
}

/// A port without others: its packets are handed over as they were read.
fn alone(
    port: &mut Port,
    clock: &Clock,
    number: &mut u64,
    batch: &mut Batch,
    notices: &mut Vec<String>,
) {
    port.queue.swap(batch);
    while port.queue.len() < BATCH_FRAMES && port.queue.bytes() < BATCH_BYTES {
        let before = port.queue.len();
        port.read(0, TAKE, clock, notices);
        if port.queue.len() < before.saturating_add(TAKE) {
            break;
        }
    }
    port.queue.swap(batch);
    for frame in &mut batch.frames {
        *number = number.saturating_add(1);
        frame.mark.packet = *number;
    }
}

impl Source for Live {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        batch.clear();
        let begun = clock::monotonic();
        loop {
            self.check();
            let now = self.clock.look(&mut self.notices);
            if let [port] = self.ports.as_mut_slice() {
                alone(port, &self.clock, &mut self.number, batch, &mut self.notices);
            } else {
                self.read(now);
                self.merge(now, batch);
            }
            let held = self.ports.iter().any(|port| !port.queue.is_empty());
            if !batch.frames.is_empty() {
                self.bytes = self.bytes.saturating_add(batch.data.len() as u64);
                self.passed = None;
                self.weigh(batch);
                return Ok(true);
            }
            self.pressure = 0;
            if !held {
                self.passed = Some(now.minus(SLACK));
            }
            let waited = clock::monotonic().saturating_duration_since(begun);
            let patience = if held { HELD } else { PATIENCE.saturating_sub(waited) };
            if waited >= PATIENCE {
                return Ok(true);
            }
            self.wait(patience);
        }
    }

    fn take_warnings(&mut self) -> Vec<Warning> {
        Vec::new()
    }

    fn position(&self) -> (u64, Option<u64>) {
        (self.bytes, None)
    }

    fn passed(&self) -> Option<Timestamp> {
        self.passed
    }

    fn take_notices(&mut self) -> Vec<String> {
        core::mem::take(&mut self.notices)
    }

    fn sockets_from(&self) -> Option<i32> {
        Some(device::DESCRIPTOR_MIN)
    }

    /// Where the kernel tells what interfaces dropped.
    fn reads(&self) -> &'static [&'static str] {
        &["/sys/class/net", "/sys/devices"]
    }

    fn pressure(&self) -> u16 {
        self.pressure
    }

    fn losses(&self) -> Losses {
        let mut sum = Losses::default();
        for port in &self.ports {
            sum.add(port.losses());
        }
        sum
    }
}
