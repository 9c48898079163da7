//! One interface: opened through libpcap, and opened again when it has been away.

use super::Settings;
use super::clock::{self, Clock};
use super::port::Queue;
use crate::source::{Losses, SourceError};
use core::time::Duration;
use pcap::{Active, Capture, Precision, Stat};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;
use stilt_model::Timestamp;

/// How often an interface that is away is looked for.
const RETRY: Duration = Duration::from_millis(500);
/// Milliseconds that the kernel gathers packets into a block before it hands it over.
const BLOCK_MS: i32 = 1;
/// The lowest descriptor of a packet socket. A write to one is a frame on the wire: that numbers
/// tell them from files lets the sandbox forbid it, for those that are opened again too.
pub(super) const DESCRIPTOR_MIN: i32 = 64;
/// The interface that is all of them.
const ANY: &str = "any";
/// The number of raw IP in libpcap, and as it is registered.
const DLT_RAW: i32 = 12;
const LINKTYPE_RAW: u16 = 101;

enum State {
    Up(Capture<Active>),
    Down { since: Instant, tried: Instant },
}

/// An interface.
pub(super) struct Device {
    name: String,
    settings: Settings,
    state: State,
    link: u16,
    /// Counters of the present handle, as they were read last.
    last: Option<Stat>,
    /// Packets read through the present handle, modulo 2³² as the kernel counts.
    read: u32,
    pub(super) losses: Losses,
}

/// Takes the low descriptors, for as long as it is held: the kernel gives the lowest that is free.
fn low_descriptors() -> Vec<OwnedFd> {
    let mut held = Vec::new();
    while let Ok(one) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0) {
        if one.as_raw_fd() >= DESCRIPTOR_MIN {
            break;
        }
        held.push(one);
    }
    held
}

/// Opens a handle that does not wait.
fn open(name: &str, settings: &Settings) -> Result<Capture<Active>, pcap::Error> {
    let _low = low_descriptors();
    let capture = Capture::from_device(name)?
        // All interfaces at once can't be promiscuous.
        .promisc(settings.promiscuous && name != ANY)
        .snaplen(i32::try_from(settings.snaplen).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(settings.ring).unwrap_or(i32::MAX))
        .timeout(BLOCK_MS)
        .precision(Precision::Nano)
        .open()?;
    capture.setnonblock()
}

impl Device {
    pub(super) fn open(name: &str, settings: &Settings) -> Result<Self, SourceError> {
        let wrong = |error: pcap::Error| SourceError::Open {
            file: name.to_owned(),
            what: explain(name, &error),
        };
        let mut capture = open(name, settings).map_err(wrong)?;
        if let Some(filter) = &settings.filter {
            capture.filter(filter, true).map_err(|error| SourceError::Filter {
                filter: filter.clone(),
                what: told(&error),
            })?;
        }
        let link = link_type(&capture);
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            state: State::Up(capture),
            link,
            last: None,
            read: 0,
            losses: Losses::default(),
        })
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Up(capture) => Some(capture.as_fd()),
            State::Down { .. } => None,
        }
    }

    pub(super) fn read(
        &mut self,
        interface: u16,
        most: usize,
        clock: &Clock,
        queue: &mut Queue,
        notices: &mut Vec<String>,
    ) {
        let State::Up(capture) = &mut self.state else { return };
        let (link, mut count) = (self.link, 0_u32);
        let read = capture.dispatch(Some(most), |packet| {
            let time = clock.right(stamp(packet.header));
            queue.push(time, link, interface, packet.header.len, &[packet.data]);
            count = count.saturating_add(1);
        });
        self.read = self.read.wrapping_add(count);
        self.losses.packets = self.losses.packets.saturating_add(u64::from(count));
        if let Err(error) = read {
            self.close(&error, notices);
        }
    }

    fn close(&mut self, error: &pcap::Error, notices: &mut Vec<String>) {
        self.count();
        self.last = None;
        let now = clock::monotonic();
        self.state = State::Down { since: now, tried: now };
        self.losses.outages = self.losses.outages.saturating_add(1);
        notices.push(format!(
            "{}: {}; it is opened again when it is back",
            self.name,
            told(error).trim_end_matches('.')
        ));
    }

    /// The kernel holds nothing of it: it counts a packet before it hands its block over.
    pub(super) fn is_drained(&mut self) -> bool {
        self.count();
        self.last.is_some_and(|stat| stat.received.wrapping_sub(stat.dropped) == self.read)
    }

    /// Reads the kernel's counters; they restart with each handle.
    fn count(&mut self) {
        let State::Up(capture) = &mut self.state else { return };
        let Ok(now) = capture.stats() else { return };
        let last =
            self.last.unwrap_or(Stat { received: 0, dropped: 0, if_dropped: now.if_dropped });
        let since = |now: u32, last: u32| u64::from(now.wrapping_sub(last));
        let losses = &mut self.losses;
        losses.kernel = losses.kernel.saturating_add(since(now.dropped, last.dropped));
        losses.interface = losses.interface.saturating_add(since(now.if_dropped, last.if_dropped));
        self.last = Some(now);
    }

    /// Reads counters, and looks whether an interface that was away is back.
    pub(super) fn check(&mut self, notices: &mut Vec<String>) {
        self.count();
        let State::Down { since, tried } = &mut self.state else { return };
        let now = clock::monotonic();
        if now.saturating_duration_since(*tried) < RETRY {
            return;
        }
        *tried = now;
        let away = now.saturating_duration_since(*since);
        let Ok(mut capture) = open(&self.name, &self.settings) else { return };
        if let Some(filter) = &self.settings.filter
            && capture.filter(filter, true).is_err()
        {
            return;
        }
        self.link = link_type(&capture);
        self.read = 0;
        self.state = State::Up(capture);
        notices.push(format!("{}: back after {} s", self.name, away.as_secs()));
    }
}

/// The kernel's stamp: the handle was opened for nanoseconds, which stand where microseconds would.
fn stamp(header: &pcap::PacketHeader) -> Timestamp {
    let seconds = header.ts.tv_sec.saturating_mul(1_000_000_000);
    Timestamp::from_nanos(seconds.saturating_add(header.ts.tv_usec))
}

fn link_type(capture: &Capture<Active>) -> u16 {
    match capture.get_datalink().0 {
        DLT_RAW => LINKTYPE_RAW,
        other => u16::try_from(other).unwrap_or(u16::MAX),
    }
}

fn told(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What is wrong, and what to do.
fn explain(name: &str, error: &pcap::Error) -> String {
    let text = told(error);
    let small = text.to_lowercase();
    if small.contains("no such device") || small.contains("doesn't exist") {
        format!("no such interface{}", offer())
    } else if small.contains("permission") || small.contains("not permitted") {
        "no permission to capture: give CAP_NET_RAW \
         (setcap cap_net_raw+ep on the program, or a service unit that grants it)"
            .to_owned()
    } else if small.contains("not up") || small.contains("network is down") {
        format!("the interface is down; `ip link set {name} up` brings it up")
    } else {
        text
    }
}

/// The interfaces that there are.
fn offer() -> String {
    let Ok(entries) = std::fs::read_dir("/sys/class/net") else { return String::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    if names.is_empty() { String::new() } else { format!("; there are {}", names.join(", ")) }
}
