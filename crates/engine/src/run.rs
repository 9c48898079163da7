//! One run over captures.

use crate::config::Config;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::front::{Counted, Front};
use crate::guard::{self, Made, Plan, Sandbox};
use crate::intake::Intake;
use crate::load::Load;
use crate::memory;
use crate::metrics::Metrics;
use crate::outputs::{Collected, Target};
use crate::round::Round;
use crate::state::Store;
use crate::summary::Summary;
use crate::teller::{Signals, Teller};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use stilt_alert::format::Format;
use stilt_baseline::Baseline;
use stilt_capture::assembler;
use stilt_capture::source::{self, Source, live};
use stilt_model::saved::Keyed;
use stilt_model::{Key, Mark, Transaction};

/// Batches on their way at once, per worker.
const QUEUE: usize = 4;
/// The same in a live run, where a batch is what came in a few milliseconds: a worker that is held
/// up must not hold the reader up.
const QUEUE_LIVE: usize = 64;

/// What to run on, and where to.
#[derive(Clone)]
pub struct Options {
    /// Captures; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// Live ports, instead of captures.
    pub live: Option<live::Settings>,
    /// What is asked by signal while it runs.
    pub signals: Signals,
    /// Where the configuration was read, to read it again.
    pub config_file: Option<PathBuf>,
    /// The last capture is still being written: its end is waited at.
    pub follow: bool,
    /// Capture filter.
    pub filter: Option<String>,
    /// Flow workers; at least 1.
    pub threads: usize,
    /// Detections that take part; all where empty.
    pub only: Vec<String>,
    /// Detections that do not.
    pub skip: Vec<String>,
    /// Shape of alert records.
    pub format: &'static dyn Format,
    /// Where alerts go.
    pub alerts: Target,
    /// Where transactions go.
    pub transactions: Target,
    /// Where sessions go.
    pub sessions: Target,
    /// A baseline to start from.
    pub baseline: Option<PathBuf>,
    /// Where to save what was learned.
    pub save_baseline: Option<PathBuf>,
    /// A folder in which what is remembered is kept over restarts.
    pub state: Option<PathBuf>,
    /// A folder with the state that it begins with, or the state file, which stays as it is.
    pub begin_with: Option<PathBuf>,
    /// Policies that transactions are held against: a file, or a folder of them.
    pub policy: Option<PathBuf>,
    /// Other policies that are decided by as well, to be compared with.
    pub policy_against: Option<PathBuf>,
    /// What functions are used how is gathered, for policies to be made or checked by.
    pub study: bool,
    /// What is given up once everything is open; nothing where there is none. It is given up by
    /// the whole process, for good.
    pub sandbox: Option<Sandbox>,
    /// The documented API: OpenAPI documents.
    pub openapi: Vec<PathBuf>,
    /// What was learned of services and endpoints is given with the summary.
    pub inventory: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            captures: Vec::new(),
            live: None,
            signals: Signals::default(),
            config_file: None,
            follow: false,
            filter: None,
            threads: 1,
            only: Vec::new(),
            skip: Vec::new(),
            format: stilt_alert::format::DEFAULT,
            alerts: Target::Nowhere,
            transactions: Target::Nowhere,
            sessions: Target::Nowhere,
            baseline: None,
            save_baseline: None,
            state: None,
            begin_with: None,
            policy: None,
            policy_against: None,
            study: false,
            sandbox: None,
            openapi: Vec::new(),
            inventory: false,
        }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes read of the captures.
    pub read: u64,
    /// Their size, where it is known.
    pub size: Option<u64>,
    /// Packets read.
    pub packets: u64,
    /// Transactions found.
    pub transactions: u64,
    /// Alerts raised.
    pub alerts: u64,
}

/// What the owner of a run is told while it goes on.
pub trait Watcher {
    /// The captures are open: from here on a stop is a clean one. Before, a pipe that says nothing
    /// may hold the run up.
    fn opened(&mut self) {}
    /// It has come so far.
    fn progress(&mut self, progress: Progress);
    /// Something the user should know.
    fn warn(&mut self, text: &str);
    /// Something the user asked for by signal.
    fn status(&mut self, _text: &str) {}
}

/// Reads the captures to their end, or until `stop` is set.
///
/// # Errors
/// A capture, configuration or output that can't be used.
pub fn run(
    config: &Config,
    key: &Key,
    options: &Options,
    stop: &AtomicBool,
    watcher: &mut dyn Watcher,
) -> Result<(Summary, Collected), Error> {
    Keyed::begin(key.hash("tables", b"seed"));
    memory::spare_for(&config.capture);
    let kept = config.evidence.bounds().map(|(folder, _)| folder);
    let kept = kept.filter(|_| options.live.is_some());
    let made = Made::before(files(options).chain(options.state.as_deref()).chain(kept.as_deref()));
    let source = open(options, &config.capture)?;
    let intake = Intake::new(config, key, source, options.live.is_some())?;
    let mut round = Round::new(config, options, key)?;
    let listen = config.metrics.listen.as_ref().filter(|_| options.live.is_some());
    let metrics = listen.map(|listen| Metrics::open(listen)).transpose()?;
    watcher.opened();
    // Devices, captures and outputs are open, and no thread was started yet.
    if let Some(user) = options.sandbox.as_ref().and_then(|sandbox| sandbox.user.as_ref()) {
        made.give_to(user);
    }
    let unguarded = enter_sandbox(options, intake.source(), metrics.is_some(), kept)?;
    if options.live.is_some() {
        unguarded.iter().for_each(|shortfall| watcher.warn(&format!("sandbox: {shortfall}")));
        round.pump()?;
    }
    let told = metrics.as_ref().and_then(Metrics::warning);
    told.iter().for_each(|text| watcher.warn(text));
    let serving = metrics.map(Metrics::start).transpose()?;
    let board = serving.as_ref().map(|serving| Arc::clone(&serving.board));
    let mut teller = Teller::new(watcher, config, options, stop, board);
    let mut content = config.content.clone();
    content.named_headers = config.identity.named_headers();
    let front =
        |number: usize, workers: usize| Front::new(key, &config.capture, &content, number, workers);
    let (mut summary, collected) = if options.threads <= 1 {
        alone(intake, front(0, 1), round, options, stop, &mut teller)?
    } else {
        let fronts = (0..options.threads).map(|n| front(n, options.threads)).collect();
        let queue = if options.live.is_some() { QUEUE_LIVE } else { QUEUE };
        let queue = memory::queue(&config.capture, queue);
        together(intake, fronts, round, options, (stop, queue), &mut teller)?
    };
    summary.unguarded = unguarded;
    Ok((summary, collected))
}

/// Gives up what the run does not need; what could not be given up comes back in words.
fn enter_sandbox(
    options: &Options,
    source: &dyn Source,
    answers: bool,
    kept: Option<PathBuf>,
) -> Result<Vec<String>, Error> {
    let Some(sandbox) = &options.sandbox else { return Ok(Vec::new()) };
    // What SIGHUP opens again, each by the folder in which it may have been replaced.
    let live = options.live.is_some();
    let config = options.config_file.iter().filter(|_| live).map(|path| replaced_in(path));
    let files = files(options).filter(|_| live).map(replaced_in);
    let plan = Plan {
        user: sandbox.user.clone(),
        reads: (source.reads().iter().map(PathBuf::from).filter(|path| path.exists()))
            .chain(config)
            .collect(),
        writes: (options.save_baseline.iter().map(|path| replaced_in(path)))
            .chain(options.state.clone())
            .chain(kept.clone())
            .chain(files)
            .collect(),
        sockets_from: source.sockets_from(),
        answers,
        reopens: options.live.as_ref().is_some_and(|live| !live.interfaces.is_empty()),
    };
    let shortfalls = guard::enter(&plan)?;
    // Found out now, not when all is read: another user may not write there.
    if let Some(path) = &options.save_baseline {
        Baseline::check_target(path)?;
    }
    if let Some(folder) = &options.state {
        Store::check(folder)?;
    }
    if let Some(folder) = &kept {
        Evidence::check(folder)?;
    }
    Ok(shortfalls)
}

/// Files that records go to.
fn files(options: &Options) -> impl Iterator<Item = &Path> {
    let outputs = [&options.alerts, &options.transactions, &options.sessions];
    outputs.into_iter().filter_map(|target| match target {
        Target::Lines(name) if name != "-" => Some(Path::new(name)),
        _ => None,
    })
}

/// The folder in which a file is made anew; what is no ordinary file is written to itself.
fn replaced_in(path: &Path) -> PathBuf {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real.exists() && !real.is_file() {
        return real;
    }
    let folder = real.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn open(options: &Options, limits: &assembler::Limits) -> Result<Box<dyn Source>, Error> {
    if let Some(settings) = &options.live {
        return Ok(Box::new(live::Live::open(settings)?));
    }
    let how = source::Options {
        filter: options.filter.clone(),
        follow: options.follow,
        batch_frames: memory::batch_frames(limits),
        ..source::Options::default()
    };
    Ok(source::open(&options.captures, &how)?)
}

fn alone(
    mut intake: Intake,
    mut front: Front,
    mut round: Round,
    options: &Options,
    stop: &AtomicBool,
    teller: &mut Teller<'_>,
) -> Result<(Summary, Collected), Error> {
    let mut load = Load::default();
    let mut transactions = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let more = intake.next(&mut load)?;
        front.take(&load, &mut transactions);
        round.take(&mut transactions, load.ticks())?;
        teller.batch(&load, &mut round, || front.counted());
        if load.position.1.is_none() {
            round.flush()?;
        }
        load = round.keep(Arc::new(load)).unwrap_or_default();
        if !more {
            break;
        }
    }
    let end = intake.end();
    for shard in front.ends() {
        front.finish(shard, end, &mut transactions);
        round.take(&mut transactions, core::iter::empty())?;
    }
    let mut summary = Summary {
        links: intake.links(),
        flows: front.counted().flows,
        panics: front.counted().panics,
        ..teller.summary()
    };
    finish(round, options, end, &mut summary, teller)
}

/// Ends the round, and says what there is to say.
fn finish(
    mut round: Round,
    options: &Options,
    end: Mark,
    summary: &mut Summary,
    teller: &mut Teller<'_>,
) -> Result<(Summary, Collected), Error> {
    teller.end(&mut round, end.time);
    let collected = round.finish(options, end.time, summary)?;
    teller.ended(summary, collected.1);
    Ok((core::mem::take(summary), collected.0))
}

/// What a worker is told.
enum Order {
    Take(Arc<Load>),
    /// The capture has ended: hand over a part of what one shard holds.
    Finish(u8, Mark),
    /// All has been handed over.
    Count,
}

/// What a worker gives back for each order.
struct Done {
    transactions: Vec<Transaction>,
    /// What was counted so far: with each second, and with the last.
    counted: Option<Counted>,
}

fn work(mut front: Front, orders: &Receiver<Order>, done: &Sender<Done>) {
    for order in orders {
        let mut transactions = Vec::new();
        let last = match order {
            Order::Take(load) => {
                front.take(&load, &mut transactions);
                load.ticks().next().is_some()
            }
            Order::Finish(shard, mark) => {
                front.finish(shard, mark, &mut transactions);
                false
            }
            Order::Count => true,
        };
        let counted = last.then(|| front.counted());
        if done.send(Done { transactions, counted }).is_err() {
            return;
        }
    }
}

/// What the reader hands to the round: a batch that the workers have as well, or the end.
enum Read {
    Batch(Arc<Load>),
    /// A part of one shard is at its end.
    Part,
    /// With what was read from: it stays open until the run is over.
    End(Mark, Box<Intake>),
    Failed(Error),
}

fn read(
    mut intake: Intake,
    workers: &[Sender<Order>],
    to: &Sender<Read>,
    spent: &Receiver<Load>,
    (stop, ends): (&AtomicBool, impl Iterator<Item = u8>),
) {
    while !stop.load(Ordering::Relaxed) {
        let mut load = spent.try_recv().unwrap_or_default();
        let more = match intake.next(&mut load) {
            Ok(more) => more,
            Err(error) => {
                let _ = to.send(Read::Failed(error));
                return;
            }
        };
        let load = Arc::new(load);
        let sent = workers.iter().all(|worker| worker.send(Order::Take(Arc::clone(&load))).is_ok());
        if !sent || to.send(Read::Batch(load)).is_err() {
            return;
        }
        if !more {
            break;
        }
    }
    let end = intake.end();
    for shard in ends {
        let sent = workers.iter().all(|worker| worker.send(Order::Finish(shard, end)).is_ok());
        if !sent || to.send(Read::Part).is_err() {
            return;
        }
    }
    if workers.iter().all(|worker| worker.send(Order::Count).is_ok()) {
        let _ = to.send(Read::End(end, Box::new(intake)));
    }
}

fn together(
    intake: Intake,
    fronts: Vec<Front>,
    mut round: Round,
    options: &Options,
    (stop, queue): (&AtomicBool, usize),
    teller: &mut Teller<'_>,
) -> Result<(Summary, Collected), Error> {
    thread::scope(|scope| {
        let (mut orders, mut replies) = (Vec::new(), Vec::new());
        let ends = fronts.first().map(Front::ends).into_iter().flatten();
        for front in fronts {
            let (order, to_worker) = bounded(queue);
            let (from_worker, reply) = bounded(queue);
            thread::Builder::new()
                .name("flows".to_owned())
                .spawn_scoped(scope, move || work(front, &to_worker, &from_worker))
                .map_err(Error::Thread)?;
            orders.push(order);
            replies.push(reply);
        }
        let (to_round, reads) = bounded(queue);
        let (give_back, spent) = bounded(2 * QUEUE);
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn_scoped(scope, move || read(intake, &orders, &to_round, &spent, (stop, ends)))
            .map_err(Error::Thread)?;
        let mut transactions = Vec::new();
        let mut counted = vec![Counted::default(); replies.len()];
        loop {
            let next = reads.recv().map_err(|_| Error::Lost("reader"))?;
            if let Read::Failed(error) = next {
                return Err(error);
            }
            for (reply, counted) in replies.iter().zip(&mut counted) {
                let mut done = reply.recv().map_err(|_| Error::Lost("flow worker"))?;
                transactions.append(&mut done.transactions);
                *counted = done.counted.unwrap_or(*counted);
            }
            match next {
                Read::Failed(error) => return Err(error),
                Read::Part => round.take(&mut transactions, core::iter::empty())?,
                Read::Batch(load) => {
                    round.take(&mut transactions, load.ticks())?;
                    teller.batch(&load, &mut round, || Counted::sum(&counted));
                    if load.position.1.is_none() {
                        round.flush()?;
                    }
                    if let Some(load) = round.keep(load) {
                        let _ = give_back.try_send(load);
                    }
                }
                Read::End(end, intake) => {
                    round.take(&mut transactions, core::iter::empty())?;
                    let Counted { flows, panics, .. } = Counted::sum(&counted);
                    let links = intake.links();
                    let mut summary = Summary { links, flows, panics, ..teller.summary() };
                    return finish(round, options, end, &mut summary, teller);
                }
            }
        }
    })
}
