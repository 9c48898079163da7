//! The flow workers' work: segments become understood, masked transactions.

use crate::load::{Event, Load};
use crate::shard::{SHARDS, worker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use stilt_capture::assembler::{Assembler, Counters, Limits};
use stilt_content::{Counts, Reader};
use stilt_model::{Exchange, Key, Mark, Transaction};

/// One in so many connections is given up at once where memory is short.
const EVICTED: usize = 16;

/// Connections of a shard that are ended at a time, so that a million that were left open need not
/// be held as transactions at once.
const PART: usize = 128;

/// One worker: the shards that are its own.
pub(crate) struct Front {
    limits: Limits,
    number: usize,
    workers: usize,
    shards: Vec<Assembler>,
    reader: Reader,
    exchanges: Vec<Exchange>,
    /// Work that ended in a panic; its flow or exchange was dropped.
    panics: u64,
    key: Key,
    content: stilt_content::Config,
    lost: Counters,
    /// What readers counted that ended in a panic.
    lost_counts: Counts,
}

/// What a worker counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) flows: Counters,
    pub(crate) content: Counts,
    /// Work that ended in a panic.
    pub(crate) panics: u64,
}

impl Counted {
    /// The same of all workers.
    pub(crate) fn sum(all: &[Self]) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.flows.add(&one.flows);
            sum.content.add(&one.content);
            sum.panics = sum.panics.saturating_add(one.panics);
        }
        sum
    }
}

impl Front {
    pub(crate) fn new(
        key: &Key,
        limits: &Limits,
        content: &stilt_content::Config,
        number: usize,
        workers: usize,
    ) -> Self {
        let limits = limits.of_shard(SHARDS);
        Self {
            number,
            workers,
            shards: (0..SHARDS).map(|_| Assembler::new(&limits)).collect(),
            limits,
            reader: Reader::new(key.clone(), content),
            exchanges: Vec::new(),
            panics: 0,
            key: key.clone(),
            content: content.clone(),
            lost: Counters::default(),
            lost_counts: Counts::default(),
        }
    }

    /// Takes the own segments of a batch; transactions are pushed, in no order.
    pub(crate) fn take(&mut self, load: &Load, out: &mut Vec<Transaction>) {
        if load.evict {
            self.evict(load.end(), out);
        }
        for event in load.events() {
            match event {
                Event::Tick(tick) => {
                    for shard in 0..SHARDS {
                        if worker(index(shard), self.workers) == self.number {
                            self.guard(shard, |assembler, out| {
                                assembler.tick(tick.time, tick.packet, out);
                            });
                        }
                    }
                }
                Event::Cut(shard, head) => {
                    if worker(shard, self.workers) == self.number {
                        self.guard(usize::from(shard), |assembler, out| assembler.cut(&head, out));
                    }
                }
                Event::Segment(shard, segment) => {
                    if worker(shard, self.workers) == self.number {
                        self.guard(usize::from(shard), |assembler, out| {
                            assembler.segment(&segment, out);
                        });
                    }
                }
            }
            if !self.exchanges.is_empty() {
                self.read(out);
            }
        }
    }

    /// Memory is short: the own shards give up the connections idle longest.
    fn evict(&mut self, now: Mark, out: &mut Vec<Transaction>) {
        for shard in 0..SHARDS {
            if worker(index(shard), self.workers) == self.number {
                self.guard(shard, |assembler, out| assembler.evict(EVICTED, now, out));
                self.read(out);
            }
        }
    }

    /// Every shard, in the order in which they end, each as often as it has parts.
    pub(crate) fn ends(&self) -> impl Iterator<Item = u8> + Send + use<> {
        let parts = self.limits.flows_max.div_ceil(PART).max(1);
        (0..SHARDS).flat_map(move |shard| core::iter::repeat_n(index(shard), parts))
    }

    /// The capture has ended for one shard: a part of what it holds is handed over.
    pub(crate) fn finish(&mut self, shard: u8, mark: Mark, out: &mut Vec<Transaction>) {
        if worker(shard, self.workers) == self.number {
            self.guard(usize::from(shard), |assembler, out| {
                assembler.finish_some(PART, mark, out);
            });
        }
        self.read(out);
    }

    /// What the shards and the reader counted.
    pub(crate) fn counted(&self) -> Counted {
        let (mut flows, mut content) = (self.lost, self.lost_counts);
        for shard in &self.shards {
            flows.add(&shard.standing());
        }
        content.add(&self.reader.counts());
        Counted { flows, content, panics: self.panics }
    }

    /// A shard that panics all the same is begun anew; the run goes on.
    fn guard(&mut self, shard: usize, work: impl FnOnce(&mut Assembler, &mut Vec<Exchange>)) {
        let Some(assembler) = self.shards.get_mut(shard) else { return };
        let exchanges = &mut self.exchanges;
        if catch_unwind(AssertUnwindSafe(|| work(assembler, exchanges))).is_err() {
            self.panics = self.panics.saturating_add(1);
            self.lost.add(assembler.counters());
            *assembler = Assembler::new(&self.limits);
        }
    }

    fn read(&mut self, out: &mut Vec<Transaction>) {
        for exchange in self.exchanges.drain(..) {
            let reader = &mut self.reader;
            match catch_unwind(AssertUnwindSafe(|| reader.read(exchange))) {
                Ok(transaction) => out.push(transaction),
                Err(_) => {
                    self.panics = self.panics.saturating_add(1);
                    self.lost_counts.add(&self.reader.counts());
                    self.reader = Reader::new(self.key.clone(), &self.content);
                }
            }
        }
    }
}

fn index(shard: usize) -> u8 {
    u8::try_from(shard).unwrap_or(0)
}
