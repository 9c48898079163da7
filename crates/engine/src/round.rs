//! The work that needs memory of other transactions, done in the capture's order: endpoint, actor
//! and session, score, detection, alert; and only then learning, so that nothing flagged teaches.

mod keep;
mod remember;
#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::documents;
use crate::error::Error;
use crate::evidence::{Evidence, Marks};
use crate::memory;
use crate::metrics::Standing;
use crate::outputs::{Collected, Outputs, Target};
use crate::run::Options;
use crate::shed::Shed;
use crate::state::{Parts, Store};
use crate::stopwatch;
use crate::summary::Summary;
use crate::ticks::Tick;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;
use stilt_alert::record::TransactionContext;
use stilt_alert::sink::Begin;
use stilt_alert::{Alerts, record};
use stilt_baseline::{Baseline, Score};
use stilt_capture::source::Losses;
use stilt_capture::{assembler, link};
use stilt_detect::{AgentSeen, Agents, Context, DETECTORS, Detectors, Greeting, Observation};
use stilt_inventory::{Inventory, Sighting, Who};
use stilt_model::{
    ClientHello, Finding, Key, Rule, SessionRecord, Stage, Talk, Timestamp, Transaction,
};
use stilt_policy::{Gate, Policies, Usage};
use stilt_session::objects::Objects;
use stilt_session::{Seen, Sessions};

/// Everything above the flow workers.
pub(crate) struct Round {
    inventory: Inventory,
    sessions: Sessions,
    objects: Objects,
    gate: Option<Gate>,
    against: Option<Gate>,
    usage: Option<Usage>,
    baseline: Baseline,
    detectors: Detectors,
    agents: Agents,
    alerts: Alerts,
    outputs: Outputs,
    learns: bool,
    findings: Vec<Finding>,
    lines: Vec<String>,
    closed: Vec<SessionRecord>,
    transactions: u64,
    first: Option<Timestamp>,
    last: Timestamp,
    bodies_cut: u64,
    gaps: u64,
    cut_off: u64,
    /// A live run saves what it has learned at intervals.
    saves: Option<Saves>,
    /// Where all that is remembered is kept.
    store: Option<Store>,
    /// Packets that are kept, where some are, and what this batch gave beside them.
    evidence: Option<Evidence>,
    marks: Marks,
    /// When the state may be given for them again.
    next_cut: Timestamp,
    /// The state that it began with was taken among packets: what was told of those before that
    /// time is in it, and the tick of it has not come yet.
    within: Option<Timestamp>,
    /// What was remembered of detections that do not take part.
    unused: Parts,
    /// What the user should know.
    told: Vec<String>,
    /// Bytes of records that wait for an output.
    waiting_max: usize,
    /// How long detections take is measured, for the metrics: since when the run goes on.
    measure: Option<Instant>,
    /// Alerts are ECS, so that other records may stand among them.
    plain: bool,
}

struct Saves {
    path: PathBuf,
    every: Duration,
    last: Option<Timestamp>,
}

/// One in so many transactions is measured.
const MEASURED: u64 = 64;

impl Round {
    pub(crate) fn new(config: &Config, options: &Options, key: &Key) -> Result<Self, Error> {
        let room = memory::for_callers(&config.capture);
        let detectors = Detectors::sparing(&config.detections, &options.only, &options.skip, room)
            .map_err(|error| Error::Usage(error.to_string()))?;
        let gate_of = |path: &Option<PathBuf>| {
            path.as_deref().map(Policies::load).transpose().map(|found| found.map(Gate::new))
        };
        let (gate, against) = (gate_of(&options.policy)?, gate_of(&options.policy_against)?);
        let (learning, identity) = (memory::learning(config, room), memory::identity(config, room));
        let baseline = match &options.baseline {
            Some(path) => Baseline::load(&learning, path)?,
            None => Baseline::new(&learning),
        };
        if let Some(path) = &options.save_baseline {
            Baseline::check_target(path)?;
        }
        let rules: Vec<Rule> = DETECTORS.iter().map(|spec| spec.rule).collect();
        let alerts = stilt_alert::Config {
            observer_name: config.observer.name.clone(),
            alert_quiet_secs: config.alerts.quiet_secs,
            stories_max: config.alerts.stories_max,
            identities: config.privacy.identities,
            suppress: config.suppress.clone(),
            assets: crate::given::assets(&config.assets)?,
            config_digest: config.digest(),
            interface: options.live.as_ref().map(|live| live.interfaces.join(",")),
            format: options.format,
        };
        let ai = crate::given::ai(config)?;
        let mut sessions = Sessions::new(&identity, key);
        if let Some(path) = &config.identity.jwks {
            sessions.trust(&crate::given::signing_keys(path)?);
        }
        sessions.enrich(crate::given::origins(&config.enrich)?);
        let mut inventory = Inventory::new(&config.services);
        inventory.document(documents::read(&options.openapi)?);
        // What was told before a restart is kept.
        let begin = if options.live.is_some() { Begin::Further } else { Begin::Anew };
        let outputs =
            Outputs::open(&options.alerts, &options.transactions, &options.sessions, begin)?;
        let kept = options
            .state
            .as_ref()
            .map(|folder| Store::open(folder, key, Duration::from_secs(config.state.save_secs)));
        let mut round = Self {
            inventory,
            sessions,
            objects: Objects::new(&config.objects),
            learns: gate.is_some()
                || options.study
                || !detectors.is_empty()
                || options.state.is_some()
                || options.save_baseline.is_some(),
            gate,
            against,
            usage: options.study.then(Usage::default),
            baseline,
            detectors,
            agents: Agents::new(key, ai),
            alerts: Alerts::new(alerts, &rules, Some(key.clone())),
            outputs,
            findings: Vec::new(),
            lines: Vec::new(),
            closed: Vec::new(),
            transactions: 0,
            first: None,
            last: Timestamp::ZERO,
            bodies_cut: 0,
            gaps: 0,
            cut_off: 0,
            saves: options.live.as_ref().and(options.save_baseline.clone()).map(|path| Saves {
                path,
                every: Duration::from_secs(config.baseline.save_secs),
                last: None,
            }),
            store: None,
            evidence: None,
            marks: Marks::default(),
            next_cut: Timestamp::ZERO,
            within: None,
            unused: Parts::new(),
            told: Vec::new(),
            waiting_max: config.alerts.waiting_max,
            measure: (options.live.as_ref().and(config.metrics.listen.as_ref()))
                .map(|_| stopwatch::now()),
            plain: options.format.name() == stilt_alert::format::DEFAULT.name(),
        };
        if options.live.is_some() {
            let links = config.capture.link_limits();
            round.evidence = Evidence::open(&config.evidence, &links, key)?;
            round.evidence.iter().for_each(|_| round.alerts.note_told());
        }
        if let Some(place) = &options.begin_with {
            round.recall(Store::peek(place, key)?);
        }
        if let Some((store, parts)) = kept.transpose()? {
            round.keep_state(store, parts);
        }
        Ok(round)
    }

    /// Takes what one batch gave: transactions in any order, and ticks in theirs.
    pub(crate) fn take(
        &mut self,
        transactions: &mut Vec<Transaction>,
        ticks: impl Iterator<Item = Tick>,
    ) -> Result<(), Error> {
        transactions.sort_unstable_by_key(|tx| tx.order);
        let mut ticks = ticks.peekable();
        for mut tx in transactions.drain(..) {
            while let Some(tick) = ticks.next_if(|tick| tick.packet <= tx.order.packet) {
                self.tick(tick)?;
            }
            if self.within.is_none_or(|within| tx.end >= within) {
                self.transaction(&mut tx)?;
            }
        }
        for tick in ticks {
            self.tick(tick)?;
        }
        Ok(())
    }

    fn transaction(&mut self, tx: &mut Transaction) -> Result<(), Error> {
        match &tx.stage {
            Stage::Over => {}
            Stage::Running => return self.running(tx),
            Stage::Tls(hello) => return self.greeting(tx, hello),
        }
        self.transactions = self.transactions.saturating_add(1);
        self.first.get_or_insert(tx.start);
        self.last = self.last.max(tx.end);
        self.bodies_cut = self.bodies_cut.saturating_add(u64::from(tx.flags.body_cut));
        self.gaps = self.gaps.saturating_add(u64::from(tx.flags.gap));
        if tx.flags.head_cut {
            return self.cut_off(tx);
        }
        self.inventory.prepare(tx);
        let tx = &*tx;
        let sighting = self.inventory.observe(tx);
        let seen = self.sessions.observe(tx, &sighting);
        self.sessions.made_room(&mut self.closed);
        if !self.closed.is_empty() {
            self.outputs.sessions(&mut self.closed, self.alerts.names())?;
        }
        let agent = self.agents.observe(tx, &sighting, &seen);
        let score = if self.learns {
            self.judge(tx, &sighting, &seen, agent.as_ref())?
        } else {
            Score::default()
        };
        if let Some(sink) = self.outputs.transactions() {
            let names = self.alerts.names();
            let actor = names.actor(&seen.shown);
            let user = seen.shown.user.as_deref().and_then(|user| names.user(user));
            let mut talk = tx.talk.as_deref().map(Talk::summary);
            if let (Some(talk), Some(agent)) = (&mut talk, &agent) {
                agent.name_in(talk);
            }
            let context = TransactionContext {
                endpoint: &sighting.name,
                merged: &sighting.was,
                service: &sighting.service,
                session: Some(seen.session.id),
                actor: &actor,
                user: user.as_deref(),
                client: (seen.client_ip != tx.source().ip()).then_some(seen.client_ip),
                origin: seen.origin.as_deref(),
                asset: self.alerts.asset(&sighting.service),
                anomaly: score.anomaly,
                talk: talk.as_ref(),
            };
            sink.write(&record::transaction(tx, &context))?;
        }
        Ok(())
    }

    /// An answer that is still being sent: what it says is judged, and teaches nothing yet.
    fn running(&mut self, tx: &mut Transaction) -> Result<(), Error> {
        if !self.learns || !tx.talk.as_ref().is_some_and(|talk| talk.dialect.is_model()) {
            return Ok(());
        }
        self.inventory.prepare(tx);
        let tx = &*tx;
        let sighting = self.inventory.observe(tx);
        let seen = self.sessions.observe(tx, &sighting);
        let agent = self.agents.observe(tx, &sighting, &seen);
        let context = Context {
            tx,
            sighting: &sighting,
            seen: &seen,
            rate: None,
            score: &Score::default(),
            objects: &self.objects,
            inventory: &self.inventory,
            decision: None,
            agent: agent.as_ref(),
        };
        self.detectors.observe(&Observation::Running(&context), &mut self.findings);
        self.tell(Some(&seen))
    }

    /// A client opens a connection for TLS, of which no more than that is seen.
    fn greeting(&mut self, tx: &Transaction, hello: &ClientHello) -> Result<(), Error> {
        if !self.learns {
            return Ok(());
        }
        let greeting = Greeting { tx, hello, ai: self.agents.ai() };
        self.detectors.observe(&Observation::Tls(&greeting), &mut self.findings);
        self.tell(None)
    }

    /// A request of which not even the head came: it is told, but opens no session and teaches
    /// nothing, because who sent it may have been in what is missing.
    fn cut_off(&mut self, tx: &Transaction) -> Result<(), Error> {
        self.cut_off = self.cut_off.saturating_add(1);
        match self.outputs.transactions() {
            Some(sink) => Ok(sink.write(&record::transaction(tx, &TransactionContext::default()))?),
            None => Ok(()),
        }
    }

    /// Score, detect, then learn.
    fn judge(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        agent: Option<&AgentSeen>,
    ) -> Result<Score, Error> {
        let rate = self.baseline.rate(tx, sighting, seen);
        let score = self.baseline.score(tx, sighting, seen);
        let gate = self.gate.as_mut();
        let decision = gate.and_then(|gate| gate.decide(tx, sighting, seen, &self.objects));
        if let Some(against) = &mut self.against {
            against.decide(tx, sighting, seen, &self.objects);
        }
        let context = Context {
            tx,
            sighting,
            seen,
            rate: rate.as_ref(),
            score: &score,
            objects: &self.objects,
            inventory: &self.inventory,
            decision: decision.as_deref(),
            agent,
        };
        let seen_now = Observation::Transaction(&context);
        match &self.measure {
            Some(since) if self.transactions.is_multiple_of(MEASURED) => {
                let clock = || u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.detectors.observe_by(&seen_now, &mut self.findings, &clock);
            }
            _ => self.detectors.observe(&seen_now, &mut self.findings),
        }
        let flagged = self.findings.iter().any(|finding| !finding.posture);
        self.study(tx, sighting, seen);
        if let Some(anomaly) = score.anomaly {
            self.sessions.annotate(seen.session.id, anomaly, None);
        }
        self.tell(Some(seen))?;
        if !flagged {
            self.objects.learn(tx, sighting, seen);
        }
        self.baseline.learn(tx, sighting, seen, flagged);
        let who =
            Who { actor: seen.actor.id, authenticated: seen.authenticated, roles: &seen.roles };
        self.inventory.learn(tx, sighting, who, flagged);
        Ok(score)
    }

    /// Gathers what functions are used how; who is behind a finding does not teach.
    fn study(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) {
        let Some(usage) = &mut self.usage else { return };
        for finding in &self.findings {
            usage.suspect(finding, Some(seen));
        }
        usage.add(tx, sighting, seen, &self.objects);
    }

    fn tell(&mut self, seen: Option<&Seen>) -> Result<(), Error> {
        if self.findings.is_empty() {
            return Ok(());
        }
        for finding in self.findings.iter().filter(|finding| !finding.posture) {
            let session = finding.session.map(|session| session.id);
            if let Some(session) = session.or(seen.map(|seen| seen.session.id)) {
                self.sessions.annotate(session, 0.0, Some(finding.rule));
            }
        }
        let findings = core::mem::take(&mut self.findings);
        self.alerts.tell_all(findings, &mut self.lines);
        self.outputs.alerts(&mut self.lines)
    }

    fn tick(&mut self, tick: Tick) -> Result<(), Error> {
        let now = tick.time;
        if let Some(within) = self.within {
            if now >= within {
                self.within = None;
            }
            if now <= within {
                return Ok(());
            }
        }
        self.sessions.tick(now, &mut self.closed);
        self.outputs.sessions(&mut self.closed, self.alerts.names())?;
        if self.learns {
            self.detectors.observe(&Observation::Tick(now), &mut self.findings);
            self.tell(None)?;
            self.baseline.tick(now);
        }
        self.alerts.tick(now, &mut self.lines);
        self.save(now);
        self.save_state(now);
        self.cut(tick);
        self.outputs.alerts(&mut self.lines)
    }

    /// Saves what was learned, where it is time to. That it can't be saved ends no live run.
    fn save(&mut self, now: Timestamp) {
        let Some(saves) = &mut self.saves else { return };
        let last = *saves.last.get_or_insert(now);
        if now.since(last) < saves.every {
            return;
        }
        saves.last = Some(now);
        if let Err(error) = self.baseline.save(&saves.path) {
            self.told.push(format!("{error}; it is tried again later"));
        }
    }

    /// Lets outputs be written by threads of their own.
    pub(crate) fn pump(&mut self) -> Result<(), Error> {
        if let Some(store) = &mut self.store {
            store.start()?;
        }
        self.keep_packets()?;
        self.outputs.pump(self.waiting_max)
    }

    /// What there is to tell of outputs, and how many records were lost since the last call.
    pub(crate) fn output_news(&mut self, notices: &mut Vec<String>) -> u64 {
        self.evidence.iter_mut().for_each(|evidence| evidence.news(notices));
        self.outputs.news(notices)
    }

    /// The reader of an output has gone away for good.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.outputs.is_closed()
    }

    /// Opens files anew, which were moved away to be kept.
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        self.outputs.reopen()
    }

    /// Packets passed about `now` that were not seen.
    pub(crate) fn missed(&mut self, now: Timestamp) {
        self.objects.missed(now);
    }

    /// Tells what could not be seen.
    pub(crate) fn visibility(
        &mut self,
        at: Timestamp,
        kind: &str,
        counts: &BTreeMap<&str, u64>,
        message: &str,
    ) {
        if self.plain {
            self.lines.push(record::visibility(at, kind, None, counts, message));
            if let Err(error) = self.outputs.alerts(&mut self.lines) {
                self.told.push(error.to_string());
            }
        }
    }

    /// Takes what can be taken of a changed configuration: settings of detections and dismissals.
    /// Gives what counts from the next start on.
    pub(crate) fn reload(&mut self, config: &Config) -> Result<Vec<String>, String> {
        let later = self.detectors.configure(&config.detections).map_err(|e| e.to_string())?;
        self.alerts.configure(config.suppress.clone(), config.digest());
        Ok(later.into_iter().map(|id| format!("[detections.{id}]")).collect())
    }

    /// How things stand here; what the reader and the flow workers know is left open.
    pub(crate) fn standing(&self, now: Timestamp, show: impl FnOnce(Standing<'_>)) {
        let took: Vec<_> = self.detectors.took().collect();
        show(Standing {
            source: "",
            losses: Losses::default(),
            shed: Shed::default(),
            links: &link::Counters::default(),
            flows: &assembler::Counters::default(),
            content: &stilt_content::Counts::default(),
            took: &took,
            baseline_age: self.baseline.fitted().map(|fitted| now.since(fitted)),
            evidence: self.evidence.as_ref().map(|evidence| evidence.kept()),
            alerts: self.alerts.counts(),
            transactions: self.transactions,
            sessions: self.sessions.open(),
            sessions_evicted: self.sessions.evicted(),
            endpoints: self.inventory.counters(),
            outputs: &self.outputs.standing(),
            memory: 0,
        });
    }

    /// Writes out what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.outputs.flush()
    }

    /// What the user should know, since the last call.
    pub(crate) fn warnings(&mut self) -> Vec<String> {
        let mut told = self.alerts.warnings();
        told.append(&mut self.told);
        told
    }

    pub(crate) fn transactions(&self) -> u64 {
        self.transactions
    }

    pub(crate) fn alerts(&self) -> u64 {
        self.alerts.counts().alerts()
    }

    /// Says so where traffic was played again that the baseline was learned from.
    fn known_again(&self) -> Option<String> {
        let again = self.baseline.repeated();
        (again > 0).then(|| {
            format!(
                "{again} transactions are of times that the baseline was learned from: judged, \
                 and not learned again (what another sensor saw is added by stilt baseline merge)"
            )
        })
    }

    /// The capture has ended: closes sessions, saves what was learned, and fills the summary.
    pub(crate) fn finish(
        mut self,
        options: &Options,
        last: Timestamp,
        summary: &mut Summary,
    ) -> Result<(Collected, (Vec<String>, u64)), Error> {
        if self.learns {
            self.detectors.observe(&Observation::Tick(last), &mut self.findings);
            self.tell(None)?;
        }
        let kept = self.end_state(last);
        if self.learns && matches!(kept, Ok(false)) {
            self.detectors.observe(&Observation::End(last), &mut self.findings);
            self.tell(None)?;
        }
        let (outputs, names) = (&mut self.outputs, self.alerts.names());
        outputs.sessions(&mut self.closed, names)?;
        // A session that is kept is not over: it is told when it is.
        if matches!(kept, Ok(false)) {
            self.sessions.finish(|closed| outputs.sessions(closed, names))?;
        }
        self.outputs.flush()?;
        let mut notices = Vec::new();
        let lost = self.outputs.end(&mut notices);
        summary.packets_not_kept = self.end_evidence(last, &mut notices);
        kept?;
        notices.extend(self.known_again());
        if let Some(path) = &options.save_baseline {
            self.baseline.tick(last);
            self.baseline.settle();
            self.baseline.save(path)?;
        }
        summary.transactions = self.transactions;
        summary.first = self.first;
        summary.last = self.last;
        summary.sessions = self.sessions.opened();
        summary.sessions_evicted = self.sessions.evicted();
        summary.endpoints = self.inventory.endpoints().len() as u64;
        summary.alerts_untold = matches!(options.alerts, Target::Nowhere);
        summary.alerts = self.alerts.counts().clone();
        summary.not_evaluated = self.detectors.not_evaluated();
        summary.bodies_cut = self.bodies_cut;
        summary.gap_transactions = self.gaps;
        summary.cut_off = self.cut_off;
        summary.actors_forgotten = self.objects.forgotten();
        self.inventory.settle();
        let mut collected = self.outputs.collected;
        if let Some(usage) = &mut self.usage {
            usage.settle(&self.inventory);
        }
        collected.inventory = options.inventory.then_some(self.inventory);
        collected.agents = options.inventory.then_some(self.agents);
        collected.usage = self.usage;
        collected.tally_against = self.against.map(|gate| gate.tally().clone());
        collected.tally = self.gate.map(|gate| gate.tally().clone());
        summary.policy = collected.tally.as_ref().map(|tally| (tally.decided(), tally.coverage()));
        Ok((collected, (notices, lost)))
    }
}
