//! Outputs of a live run, each written by a thread of its own: a disk that is full or a reader that
//! stops reading must not keep packets from being read. What waits is bounded; what finds no room
//! is counted and told.

use crate::error::Error;
use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use stilt_alert::sink::{Sink, SinkError};

/// How long a failing output is left alone before it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How long the end of a run waits for an output to take what is left.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const NAP: Duration = Duration::from_millis(10);

enum Order {
    Line(String),
    Reopen,
}

/// What both sides know.
#[derive(Default)]
struct Shared {
    /// Bytes of the records on their way.
    waiting: AtomicUsize,
    /// Records that found no room.
    lost: AtomicU64,
    /// Records that were taken on and are not known to be written.
    unwritten: AtomicU64,
    /// The run is over.
    ending: AtomicBool,
    /// Its reader has gone away.
    closed: AtomicBool,
    /// What the user should know.
    notices: Mutex<Vec<String>>,
}

impl Shared {
    fn tell(&self, text: String) {
        if let Ok(mut notices) = self.notices.lock() {
            notices.push(text);
        }
    }
}

/// An output and the thread that writes it.
pub(crate) struct Pump {
    target: String,
    orders: Option<Sender<Order>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Bytes of records that may wait.
    waiting_max: usize,
    /// Records lost when their number was told last.
    told: u64,
    /// It was told that records are being lost.
    losing: bool,
}

impl Pump {
    /// Starts the thread; so many bytes of records may wait for it.
    pub(crate) fn start(
        target: &str,
        sink: Box<dyn Sink>,
        waiting_max: usize,
    ) -> Result<Self, Error> {
        let (orders, taken) = unbounded();
        let shared = Arc::new(Shared::default());
        let (of_thread, name) = (Arc::clone(&shared), target.to_owned());
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || pump(&name, sink, &taken, &of_thread))
            .map_err(Error::Thread)?;
        Ok(Self {
            target: target.to_owned(),
            orders: Some(orders),
            shared,
            thread: Some(thread),
            waiting_max,
            told: 0,
            losing: false,
        })
    }

    /// What there is to tell; and, once there is room again, how many records found none.
    pub(crate) fn news(&mut self, notices: &mut Vec<String>) -> u64 {
        if let Ok(mut own) = self.shared.notices.lock() {
            notices.append(&mut own);
        }
        let lost = self.shared.lost.load(Ordering::Relaxed).saturating_sub(self.told);
        if lost > 0 && !self.losing {
            self.losing = true;
            notices.push(format!(
                "{}: takes no more records; {} KiB of them wait, and further ones are lost",
                self.target,
                self.waiting_max >> 10
            ));
        }
        let room = self.shared.waiting.load(Ordering::Relaxed) < self.waiting_max / 2;
        if self.losing && (room || self.orders.is_none()) {
            self.losing = false;
            self.told = self.told.saturating_add(lost);
            notices.push(format!("{}: {lost} records were lost", self.target));
            return lost;
        }
        0
    }

    /// Where it goes, bytes that wait, records that were lost.
    pub(crate) fn standing(&self) -> (String, u64, u64) {
        let waiting = self.shared.waiting.load(Ordering::Relaxed) as u64;
        (self.target.clone(), waiting, self.shared.lost.load(Ordering::Relaxed))
    }

    /// Its reader has gone away for good.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    /// Waits a while until all is written; gives what there is to tell at the end.
    pub(crate) fn end(&mut self, notices: &mut Vec<String>) -> u64 {
        self.orders = None;
        self.shared.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let naps = LAST_WAIT.as_millis() / NAP.as_millis();
            for _ in 0..naps {
                if thread.is_finished() {
                    break;
                }
                thread::sleep(NAP);
            }
            if !thread.is_finished() {
                notices.push(format!(
                    "{}: {} bytes of records were not taken by the end",
                    self.target,
                    self.shared.waiting.load(Ordering::Relaxed)
                ));
            }
        }
        let lost = self.news(notices);
        let left = self.shared.unwritten.load(Ordering::Relaxed);
        if left == 0 || self.is_closed() {
            return lost;
        }
        // Of what failed as a whole, the first lines may be there.
        notices
            .push(format!("{}: at most {left} records at the end were not written", self.target));
        lost.saturating_add(left)
    }
}

impl Sink for Pump {
    fn write(&mut self, line: &str) -> Result<(), SinkError> {
        let Some(orders) = &self.orders else { return Ok(()) };
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        if waiting.saturating_add(line.len()) > self.waiting_max {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.shared.waiting.fetch_add(line.len(), Ordering::Relaxed);
        self.shared.unwritten.fetch_add(1, Ordering::Relaxed);
        // The thread ends before only where the reader has gone away, which is told.
        let _ = orders.send(Order::Line(line.to_owned()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        if let Some(orders) = &self.orders {
            let _ = orders.send(Order::Reopen);
        }
        Ok(())
    }
}

/// Writes what comes, and flushes as soon as nothing more is there.
fn pump(target: &str, mut sink: Box<dyn Sink>, orders: &Receiver<Order>, shared: &Shared) {
    while let Ok(first) = orders.recv() {
        let mut next = Some(first);
        let mut lines = 0;
        while let Some(order) = next {
            let done = match order {
                Order::Line(line) => {
                    shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                    lines += 1;
                    sink.write(&line)
                }
                Order::Reopen => {
                    if let Err(error) = sink.reopen() {
                        shared.tell(format!("{error}; the file that was open stays in use"));
                    }
                    Ok(())
                }
            };
            if !settle(target, done, sink.as_mut(), shared) {
                return;
            }
            next = orders.try_recv().ok();
        }
        let done = sink.flush();
        if !settle(target, done, sink.as_mut(), shared) {
            return;
        }
        shared.unwritten.fetch_sub(lines, Ordering::Relaxed);
    }
}

/// After a failure: tells it, and tries until the output works again. `false` where it never will,
/// or the run is over.
fn settle(
    target: &str,
    mut done: Result<(), SinkError>,
    sink: &mut dyn Sink,
    shared: &Shared,
) -> bool {
    let mut failed = false;
    while let Err(error) = done {
        if error.is_closed_pipe() && target == "-" {
            shared.tell(error.to_string());
            shared.closed.store(true, Ordering::Relaxed);
            return false;
        }
        if !failed {
            shared.tell(format!("{error}; records wait until it takes them"));
            failed = true;
        }
        if shared.ending.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(RETRY);
        done = sink.flush();
    }
    if failed {
        shared.tell(format!("{target}: takes records again"));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes records while it is open, and none while it is not.
    #[derive(Clone, Default)]
    struct Gate(Arc<(Mutex<Vec<String>>, AtomicBool)>);

    impl Sink for Gate {
        fn write(&mut self, line: &str) -> Result<(), SinkError> {
            while !self.0.1.load(Ordering::Relaxed) {
                thread::sleep(NAP);
            }
            self.0.0.lock().unwrap().push(line.to_owned());
            Ok(())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_is_waited_for_within_bounds_and_what_is_lost_is_counted() {
        let gate = Gate::default();
        let mut pump = Pump::start("x", Box::new(gate.clone()), 32 << 20).unwrap();
        let line = "y".repeat(1 << 20);
        for _ in 0..40 {
            pump.write(&line).unwrap();
        }
        let mut notices = Vec::new();
        assert_eq!(pump.news(&mut notices), 0, "not before it is known how many");
        assert!(notices[0].contains("takes no more records"), "{notices:?}");
        gate.0.1.store(true, Ordering::Relaxed);
        let lost = pump.end(&mut notices);
        assert_eq!(gate.0.0.lock().unwrap().len() as u64 + lost, 40);
        assert!((7..=8).contains(&lost), "{lost}");
    }

    /// A disk that is full: what is written to it never comes through.
    struct Full;

    impl Sink for Full {
        fn write(&mut self, _line: &str) -> Result<(), SinkError> {
            Ok(())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            Err(SinkError::Write {
                target: "x".to_owned(),
                source: std::io::ErrorKind::StorageFull.into(),
                mend: "free space there",
            })
        }
    }

    #[test]
    fn what_a_full_disk_never_took_is_counted_at_the_end() {
        let mut pump = Pump::start("x", Box::new(Full), 1 << 20).unwrap();
        for _ in 0..3 {
            pump.write("line").unwrap();
        }
        let mut notices = Vec::new();
        assert_eq!(pump.end(&mut notices), 3);
        assert!(notices.iter().any(|text| text.contains("at most 3 records")), "{notices:?}");
    }
}
