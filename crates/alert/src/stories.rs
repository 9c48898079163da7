//! One story, one alert.
//!
//! A story is what one actor does at one endpoint as one rule sees it. It is written at once, and
//! again under the same id when severity, outcome or the list of further rules grows, or its count
//! passes 10, 100, 1,000…; an hour without news closes it. Findings of other rules about the same
//! act join it (`join.rs`). A weakness of the application is told once per endpoint instead.

use crate::config::Config;
use crate::format::{Act, Telling};
use crate::identity::Names;
use crate::story::{Story, StoryKey, event_id};
use crate::suppress::{Suppress, names_rule};
use crate::table::Table;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::IpAddr;
use stilt_model::{
    Asset, Finding, Key, Rule, Severity, Timestamp,
    saved::{self, Unfit},
};

/// What was told and what was withheld, for the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts (stories, not lines) by rule.
    pub by_rule: BTreeMap<String, u64>,
    /// Alerts by their severity as it stands.
    pub by_severity: BTreeMap<Severity, u64>,
    /// Alerts by rule and the severity they were raised with; unlike severity as it stands, such a
    /// count only grows.
    pub raised: BTreeMap<(String, Severity), u64>,
    /// Posture records by rule.
    pub posture: BTreeMap<String, u64>,
    /// Findings withheld, by the reason of the suppression.
    pub suppressed: BTreeMap<String, u64>,
    /// Findings of other rules that joined a story.
    pub joined: u64,
    /// Records written again because something grew.
    pub updates: u64,
    /// Stories closed early because the table was full.
    pub evicted: u64,
    /// Highest severity of an alert, for `--fail-on`; posture does not count.
    pub highest: Option<Severity>,
}

impl Counts {
    /// Alerts by family.
    #[must_use]
    pub fn by_family(&self) -> BTreeMap<&str, u64> {
        let mut families = BTreeMap::new();
        for (rule, count) in &self.by_rule {
            let family = rule.split('.').next().unwrap_or(rule);
            let sum: &mut u64 = families.entry(family).or_default();
            *sum = sum.saturating_add(*count);
        }
        families
    }

    /// All alerts.
    #[must_use]
    pub fn alerts(&self) -> u64 {
        self.by_severity.values().sum()
    }

    fn moved(&mut self, from: Option<Severity>, to: Severity) {
        if let Some(count) = from.and_then(|from| self.by_severity.get_mut(&from)) {
            *count = count.saturating_sub(1);
        }
        add(&mut self.by_severity, to);
        self.by_severity.retain(|_, count| *count > 0);
        self.highest = self.highest.max(Some(to));
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// An alert that was told, or told again, for who keeps what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `event.id`.
    pub id: String,
    /// `rule.id`.
    pub rule: &'static str,
    /// `stilt.actor.id`.
    pub actor: String,
    /// `stilt.service`.
    pub service: String,
    /// `stilt.endpoint`.
    pub endpoint: String,
    /// Addresses in it, those of its evidence first.
    pub addresses: Vec<IpAddr>,
    /// Its first act.
    pub first: Timestamp,
    /// When it was told.
    pub at: Timestamp,
}

impl Told {
    fn of(story: &Story, names: &Names) -> Self {
        let told = &story.told;
        let own = told.evidence.iter().map(|one| one.source.ip());
        let own = own.chain([told.subject.source.ip()]);
        let times = told.evidence.iter().map(|one| one.time);
        Self {
            id: format!("{:016x}", story.id),
            rule: told.rule,
            actor: names.actor(&told.actor),
            service: told.service.clone(),
            endpoint: told.endpoint.clone(),
            addresses: own.chain(told.related_ips.iter().copied()).collect(),
            first: times.fold(told.start, Timestamp::min),
            at: told.at.max(told.end),
        }
    }
}

/// Turns findings into alert and posture records.
pub struct Alerts {
    config: Config,
    names: Names,
    rules: BTreeMap<&'static str, Rule>,
    alerts: Table,
    postures: Table,
    now: Timestamp,
    counts: Counts,
    expiry_told: Vec<bool>,
    warnings: Vec<String>,
    /// What was told since it was asked for last, where it is asked for.
    told: Option<Vec<Told>>,
}

impl Alerts {
    /// `rules` is the catalogue; `key` makes the marks that stand for names.
    #[must_use]
    pub fn new(config: Config, rules: &[Rule], key: Option<Key>) -> Self {
        let mut warnings = Vec::new();
        for suppress in &config.suppress {
            if let Some(pattern) = &suppress.rule
                && !rules.is_empty()
                && !rules.iter().any(|rule| names_rule(pattern, rule.id))
            {
                warnings.push(format!(
                    "the suppression \"{}\" names no detection: `{pattern}`; `stilt detections` \
                     lists them",
                    suppress.reason
                ));
            }
        }
        Self {
            names: Names::new(config.identities, key),
            rules: rules.iter().map(|rule| (rule.id, *rule)).collect(),
            alerts: Table::default(),
            postures: Table::default(),
            now: Timestamp::from_nanos(i64::MIN),
            counts: Counts::default(),
            expiry_told: vec![false; config.suppress.len()],
            warnings,
            told: None,
            config,
        }
    }

    /// What is told from here on can be asked for.
    pub fn note_told(&mut self) {
        self.told.get_or_insert_default();
    }

    /// Takes what alerts were told since the last call, where [`Alerts::note_told`] was called.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.told.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// What was told, to be remembered: what is told again raises nothing.
    ///
    /// # Errors
    /// A memory that can't be written.
    pub fn save(&self) -> Result<Vec<u8>, Unfit> {
        saved::write(&(&self.alerts, &self.postures))
    }

    /// Takes what was remembered in place of all that was told; counts stay those of this run.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        (self.alerts, self.postures) = saved::read(memory)?;
        Ok(())
    }

    /// Takes changed dismissals, and the digest of the configuration that holds from now on.
    pub fn configure(&mut self, suppress: Vec<Suppress>, config_digest: String) {
        self.expiry_told = vec![false; suppress.len()];
        (self.config.suppress, self.config.config_digest) = (suppress, config_digest);
    }

    /// What is known of a service beside its traffic.
    #[must_use]
    pub fn asset(&self, service: &str) -> Option<&Asset> {
        self.config.assets.of(service)
    }

    /// How names may be shown, for the records that are built elsewhere.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What was told so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the warnings that have come up since the last call.
    pub fn warnings(&mut self) -> Vec<String> {
        core::mem::take(&mut self.warnings)
    }

    /// Tells the findings of one transaction, the most telling first, so that its rule names the
    /// story and the others join it.
    pub fn tell_all(&mut self, mut findings: Vec<Finding>, out: &mut Vec<String>) {
        let confidence = |finding: &Finding| (finding.confidence.clamp(0.0, 1.0) * 1e6) as u32;
        findings.sort_by_key(|finding| {
            (Reverse((finding.severity, finding.outcome, confidence(finding))), finding.rule)
        });
        for finding in findings {
            self.tell(finding, out);
        }
    }

    /// Takes in one finding; pushes zero or more records, one line each, without the line end.
    pub fn tell(&mut self, finding: Finding, out: &mut Vec<String>) {
        self.tick(finding.at, out);
        let holding =
            |suppress: &&Suppress| suppress.holds(finding.at) && suppress.covers(&finding);
        if let Some(suppress) = self.config.suppress.iter().find(holding) {
            add(&mut self.counts.suppressed, suppress.reason.clone());
            return;
        }
        let key = StoryKey::of(&finding);
        if finding.posture {
            self.tell_posture(key, finding, out);
        } else if let Some(number) = self.alerts.by_key(&key) {
            self.tell_again(number, finding, out);
        } else if let Some(number) = self.alerts.same_act(&finding) {
            self.counts.joined = self.counts.joined.saturating_add(1);
            self.alerts.alias(number, key);
            self.tell_again(number, finding, out);
        } else if let Some(id) = event_id(&finding, self.alerts.closed(&key)) {
            self.open(key, Story::new(id, finding), out);
        }
    }

    /// Moves packet time on: closes stories that have been quiet, and notes what has expired.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<String>) {
        if now <= self.now {
            return;
        }
        self.now = now;
        for (suppress, told) in self.config.suppress.iter().zip(&mut self.expiry_told) {
            if !*told && !suppress.holds(now) {
                *told = true;
                let expiry = suppress.expires.as_ref().map_or("", |expiry| &expiry.text);
                self.warnings.push(format!(
                    "the suppression \"{}\" expired on {expiry} and no longer holds: renew or \
                     remove it",
                    suppress.reason
                ));
            }
        }
        let quiet = Duration::from_secs(self.config.alert_quiet_secs);
        while let Some(story) = self.alerts.pop_quiet(now, quiet, self.config.stories_max) {
            self.write(Act::Close, &story, out);
        }
    }

    fn open(&mut self, key: StoryKey, story: Story, out: &mut Vec<String>) {
        while self.alerts.len() >= self.config.stories_max.max(1) {
            let Some(oldest) = self.alerts.pop_oldest(self.config.stories_max) else { break };
            self.counts.evicted = self.counts.evicted.saturating_add(1);
            self.write(Act::Close, &oldest, out);
        }
        add(&mut self.counts.by_rule, story.told.rule.to_owned());
        add(&mut self.counts.raised, (story.told.rule.to_owned(), story.told.severity));
        self.counts.moved(None, story.told.severity);
        self.write(Act::Create, &story, out);
        if let Some(told) = &mut self.told {
            told.push(Told::of(&story, &self.names));
        }
        self.alerts.open(key, story);
    }

    fn tell_again(&mut self, number: u64, finding: Finding, out: &mut Vec<String>) {
        let telling = self.alerts.with(number, |story| {
            let before = story.told.severity;
            let own = story.told.rule == finding.rule
                && story.told.actor.id == finding.actor.id
                && story.told.service == finding.service
                && story.told.endpoint == finding.endpoint
                && story.told.thread == finding.thread;
            if own {
                story.update(finding);
            } else {
                story.absorb(finding);
            }
            (before, story.told.severity, story.take_growth())
        });
        let Some((before, after, grown)) = telling else { return };
        if after != before {
            self.counts.moved(Some(before), after);
        }
        if grown {
            self.counts.updates = self.counts.updates.saturating_add(1);
            self.write_open(number, false, out);
            if let (Some(told), Some(story)) = (&mut self.told, self.alerts.get(number)) {
                told.push(Told::of(story, &self.names));
            }
        }
    }

    fn tell_posture(&mut self, key: StoryKey, finding: Finding, out: &mut Vec<String>) {
        if let Some(number) = self.postures.by_key(&key) {
            let grown = self.postures.with(number, |story| {
                story.update(finding);
                story.take_posture_growth()
            });
            if grown == Some(true) {
                self.counts.updates = self.counts.updates.saturating_add(1);
                self.write_open(number, true, out);
            }
            return;
        }
        let Some(id) = event_id(&finding, None) else { return };
        while self.postures.len() >= self.config.stories_max.max(1) {
            if self.postures.pop_oldest(0).is_none() {
                break;
            }
            self.counts.evicted = self.counts.evicted.saturating_add(1);
        }
        add(&mut self.counts.posture, finding.rule.to_owned());
        let story = Story::new(id, finding);
        self.write(Act::Create, &story, out);
        self.postures.open(key, story);
    }

    fn write_open(&self, number: u64, posture: bool, out: &mut Vec<String>) {
        let table = if posture { &self.postures } else { &self.alerts };
        if let Some(story) = table.get(number) {
            self.write(Act::Update, story, out);
        }
    }

    fn write(&self, act: Act, story: &Story, out: &mut Vec<String>) {
        let told = &*story.shown();
        let rule = self.rules.get(told.rule).copied().unwrap_or(Rule {
            id: told.rule,
            title: told.rule,
            owasp: &[],
            attack: &[],
            references: &[],
        });
        let telling = Telling {
            act,
            id: story.id,
            finding: told,
            also: &story.also,
            rule,
            asset: self.asset(&told.service),
            observer_name: &self.config.observer_name,
            interface: self.config.interface.as_deref(),
            config_digest: &self.config.config_digest,
            names: &self.names,
        };
        out.extend(self.config.format.render(&telling));
    }
}

#[cfg(test)]
mod tests;
