//! What a run tells while it goes on, and what it does when it is asked to from outside.

use crate::config::Config;
use crate::front::Counted;
use crate::load::Load;
use crate::metrics::{Board, Standing};
use crate::round::Round;
use crate::run::{Options, Progress, Watcher};
use crate::shed::Shed;
use crate::summary::Summary;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stilt_capture::source::{Losses, Warning};
use stilt_model::Timestamp;

/// Packet time between two records of what could not be seen.
const TELL: Duration = Duration::from_secs(10);

/// One sort of what could not be seen: its kind, its counts, and in words.
type Account<'a> = (&'a str, &'a [(&'a str, u64)], String);

/// What is asked of a run by signal; each is unset once it is done.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Read the configuration again and open outputs again.
    pub reload: Arc<AtomicBool>,
    /// Say how things are.
    pub status: Arc<AtomicBool>,
}

/// The part of a run that is the same for one thread and many.
pub(crate) struct Teller<'a> {
    watcher: &'a mut dyn Watcher,
    stop: &'a AtomicBool,
    progress: Progress,
    damaged: u64,
    live: Option<Live>,
}

/// What a live run has to look after.
struct Live {
    signals: Signals,
    file: Option<PathBuf>,
    config: Config,
    losses: Losses,
    shed: Shed,
    lost_records: u64,
    /// What was told last, and when.
    told: (Losses, Shed, u64),
    told_at: Option<Timestamp>,
    failed: Option<String>,
    /// Where it is shown how things stand.
    board: Option<Arc<Board>>,
    /// Its ports, as they are shown there.
    source: String,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(
        watcher: &'a mut dyn Watcher,
        config: &Config,
        options: &Options,
        stop: &'a AtomicBool,
        board: Option<Arc<Board>>,
    ) -> Self {
        let live = options.live.as_ref().map(|settings| Live {
            signals: options.signals.clone(),
            file: options.config_file.clone(),
            config: config.clone(),
            losses: Losses::default(),
            shed: Shed::default(),
            lost_records: 0,
            told: Default::default(),
            told_at: None,
            failed: None,
            board,
            source: [settings.interfaces.as_slice(), &settings.listen].concat().join(","),
        });
        Self { watcher, stop, progress: Progress::default(), damaged: 0, live }
    }

    /// What it knows of the run at its end.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            interrupted: self.stop.load(Ordering::Relaxed),
            packets: self.progress.packets,
            damaged: self.damaged,
            live: self.live.as_ref().map(|live| live.losses),
            shed: self.live.as_ref().map(|live| live.shed).unwrap_or_default(),
            records_lost: self.live.as_ref().map_or(0, |live| live.lost_records),
            failed: self.live.as_ref().and_then(|live| live.failed.clone()),
            ..Summary::default()
        }
    }

    /// After each batch.
    pub(crate) fn batch(
        &mut self,
        load: &Load,
        round: &mut Round,
        counted: impl FnOnce() -> Counted,
    ) {
        self.warn(&load.warnings);
        for text in load.notices.iter().cloned().chain(round.warnings()) {
            self.watcher.warn(&text);
        }
        self.progress.packets = self.progress.packets.saturating_add(load.packets);
        (self.progress.read, self.progress.size) = load.position;
        self.progress.transactions = round.transactions();
        self.progress.alerts = round.alerts();
        if let Some(live) = &mut self.live {
            live.look(load, round, self.watcher, self.progress);
            live.show(load, round, counted);
            if live.failed.is_some() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
        self.watcher.progress(self.progress);
    }

    /// All was read: what is still to be told of a live run.
    pub(crate) fn end(&mut self, round: &mut Round, now: Timestamp) {
        if let Some(live) = &mut self.live {
            live.tell(round, self.watcher, now);
        }
    }

    /// All was written, as far as it could be.
    pub(crate) fn ended(&mut self, summary: &mut Summary, round_news: (Vec<String>, u64)) {
        let (notices, lost) = round_news;
        notices.iter().for_each(|text| self.watcher.warn(text));
        summary.records_lost = summary.records_lost.saturating_add(lost);
        if lost > 0 {
            summary.failed.get_or_insert_with(|| "an output did not take all records".to_owned());
        }
    }

    fn warn(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.damaged = self.damaged.saturating_add(1);
            self.watcher.warn(&warning.to_string());
        }
    }
}

impl Live {
    fn look(
        &mut self,
        load: &Load,
        round: &mut Round,
        watcher: &mut dyn Watcher,
        progress: Progress,
    ) {
        let missed = load.losses.kernel > self.losses.kernel
            || load.losses.outages > self.losses.outages
            || load.shed.flows > self.shed.flows;
        (self.losses, self.shed) = (load.losses, load.shed);
        if missed {
            round.missed(load.now);
        }
        let mut notices = Vec::new();
        self.lost_records = self.lost_records.saturating_add(round.output_news(&mut notices));
        notices.iter().for_each(|text| watcher.warn(text));
        if self.failed.is_none() && round.is_closed() {
            self.failed = Some("the reader of the records has gone away".to_owned());
        }
        if self.told_at.is_none_or(|at| load.now.since(at) >= TELL) {
            self.tell(round, watcher, load.now);
        }
        if self.signals.reload.swap(false, Ordering::Relaxed) {
            self.reload(round, watcher);
        }
        if self.signals.status.swap(false, Ordering::Relaxed) {
            watcher.status(&self.status(load, round, progress));
        }
    }

    /// Shows how things stand, once a second.
    fn show(&self, load: &Load, round: &Round, counted: impl FnOnce() -> Counted) {
        let Some(board) = &self.board else { return };
        board.beat();
        if load.ticks().next().is_some() {
            let counted = counted();
            round.standing(load.now, |standing| {
                board.show(&Standing {
                    source: &self.source,
                    losses: self.losses,
                    shed: self.shed,
                    links: &load.links,
                    flows: &counted.flows,
                    content: &counted.content,
                    memory: load.memory,
                    ..standing
                });
            });
        }
    }

    /// Tells what could not be seen since it was told last.
    fn tell(&mut self, round: &mut Round, watcher: &mut dyn Watcher, now: Timestamp) {
        let (losses, shed, records) = self.told;
        let since = |now: u64, before: u64| now.saturating_sub(before);
        let kernel = since(self.losses.kernel, losses.kernel);
        let interface = since(self.losses.interface, losses.interface);
        let away = since(self.losses.outages, losses.outages);
        let (flows, cut) = (since(self.shed.flows, shed.flows), since(self.shed.cut, shed.cut));
        let packets = since(self.shed.packets, shed.packets);
        let lost = since(self.lost_records, records);
        let told: [Account<'_>; 4] = [
            (
                "packets_dropped",
                &[("kernel", kernel), ("interface", interface)],
                format!("{kernel} packets dropped by the kernel, {interface} by the interface"),
            ),
            (
                "flows_shed",
                &[("flows", flows), ("cut", cut), ("packets", packets)],
                format!(
                    "{flows} connections left out ({cut} of them cut), {packets} packets: more \
                     came than could be analysed"
                ),
            ),
            ("interface_away", &[("times", away)], format!("an interface was away {away} times")),
            ("records_lost", &[("records", lost)], format!("{lost} records were lost")),
        ];
        let mut some = false;
        for (kind, counts, message) in &told {
            if counts.iter().any(|(_, count)| *count > 0) {
                some = true;
                let counts: BTreeMap<&str, u64> = counts.iter().copied().collect();
                round.visibility(now, kind, &counts, message);
                // An outage and lost records were told as they came.
                if matches!(*kind, "packets_dropped" | "flows_shed") {
                    watcher.warn(message);
                }
            }
        }
        if some {
            self.told = (self.losses, self.shed, self.lost_records);
            self.told_at = Some(now);
        }
    }

    /// Takes what can be taken of a changed configuration, and opens outputs anew.
    fn reload(&mut self, round: &mut Round, watcher: &mut dyn Watcher) {
        // What can't be opened is told by its output.
        if let Err(error) = round.reopen() {
            watcher.warn(&error.to_string());
        }
        let Some(file) = &self.file else {
            watcher.status("opening outputs anew; there is no configuration file to read");
            return;
        };
        let taken = Config::load(file)
            .map_err(|error| error.to_string())
            .and_then(|config| round.reload(&config).map(|later| (config, later)));
        match taken {
            Ok((config, mut later)) => {
                later.extend(self.config.sections_that_differ(&config));
                self.config = Config {
                    detections: config.detections,
                    suppress: config.suppress,
                    ..self.config.clone()
                };
                let rest = match later.as_slice() {
                    [] => String::new(),
                    later => format!("; at the next start also {}", later.join(", ")),
                };
                watcher.status(&format!("the configuration was read again{rest}"));
            }
            Err(error) => watcher.warn(&format!("{error}; the configuration in use stays")),
        }
    }

    fn status(&self, load: &Load, round: &Round, progress: Progress) -> String {
        // Before the first packet there is no time.
        let at = match load.now {
            Timestamp::ZERO => "before the first packet".to_owned(),
            now => format!("at {now}"),
        };
        format!(
            "{at}: {} packets, {} transactions, {} alerts; {} packets dropped by the kernel, {} \
             by the interface, {} connections left out; {} MiB in memory{}",
            progress.packets,
            round.transactions(),
            round.alerts(),
            self.losses.kernel,
            self.losses.interface,
            self.shed.flows,
            load.memory >> 20,
            if load.shedding { "; at present connections are left out" } else { "" },
        )
    }
}
