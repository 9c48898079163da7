//! One story while it is open: what is known of it, and what of that has been written.

use crate::join::Act;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{
    Evidence, Finding, IdBuilder, Outcome, Severity, Timestamp, TransactionId,
    saved::{self, Word},
};

/// Transactions a record shows at most.
pub(crate) const EVIDENCE_MAX: usize = 20;
/// Addresses and user names a record shows at most, each.
pub(crate) const RELATED_MAX: usize = 100;
/// Signals a record shows at most.
pub(crate) const WHY_MAX: usize = 20;
/// Transactions a story remembers, to tell a new one from one that is told again.
const SEEN_MAX: usize = 256;

/// What names a story: rule, actor (none for posture), service, endpoint, and for posture the
/// weakness, which is what its first signal is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct StoryKey {
    #[serde(deserialize_with = "saved::word")]
    rule: Word,
    actor: Option<u64>,
    service: String,
    endpoint: String,
    /// Tells conversations under one key apart.
    #[serde(default)]
    thread: u64,
    weakness: Option<String>,
}

/// What a posture finding is about.
fn weakness(finding: &Finding) -> Option<&str> {
    finding.why.first().filter(|_| finding.posture).map(|why| why.signal.as_str())
}

impl StoryKey {
    /// The key of the story a finding belongs to by name.
    pub(crate) fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule,
            actor: (!finding.posture).then_some(finding.actor.id.0),
            service: finding.service.clone(),
            endpoint: finding.endpoint.clone(),
            thread: if finding.posture { 0 } else { finding.thread },
            weakness: weakness(finding).map(str::to_owned),
        }
    }
}

/// `event.id`: rule, actor and first evidence after `closed`, the end of an earlier story of the
/// same key. None where the finding brings nothing that the earlier story had not seen.
pub(crate) fn event_id(finding: &Finding, closed: Option<Timestamp>) -> Option<u64> {
    if finding.posture {
        let id = IdBuilder::new("posture").text(finding.rule);
        let id = id.text(&finding.service).text(&finding.endpoint);
        return Some(id.text(weakness(finding).unwrap_or_default()).finish());
    }
    let fresh = |time: Timestamp| closed.is_none_or(|closed| time > closed);
    let id = IdBuilder::new("alert").text(finding.rule).number(finding.actor.id.0);
    let first = finding
        .evidence
        .iter()
        .filter(|evidence| fresh(evidence.time))
        .min_by_key(|evidence| (evidence.time, evidence.transaction));
    match first {
        Some(evidence) => Some(id.number(evidence.transaction.0).finish()),
        None if !fresh(finding.end) => None,
        None => Some(
            id.text(&finding.service)
                .text(&finding.endpoint)
                .bytes(&finding.end.nanos().to_le_bytes())
                .finish(),
        ),
    }
}

/// What a record that was written said; a story is written again when one of these has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    severity: Severity,
    outcome: Outcome,
    also: usize,
    decade: u32,
}

/// An open story.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Story {
    /// `event.id`.
    pub(crate) id: u64,
    /// Everything told so far, as one finding.
    pub(crate) told: Finding,
    /// Further rules that saw the same act.
    #[serde(deserialize_with = "saved::words")]
    pub(crate) also: BTreeSet<Word>,
    /// Last moment something was told of it.
    pub(crate) last: Timestamp,
    /// Transactions of its own rule's evidence, the latest ones.
    pub(crate) seen: BTreeSet<(Timestamp, TransactionId)>,
    seen_cut: Option<(Timestamp, TransactionId)>,
    /// Transactions of the runs of findings before the present one. A run is a series of
    /// findings that overlap, each counting what the one before counted; one that begins after
    /// all that is known opens the next run.
    counted: u64,
    /// The present run: what findings said, and what evidence shows.
    run: (u64, u64),
    run_start: Timestamp,
    /// What a finding over several runs counted.
    counted_min: u64,
    written: Written,
    /// How grave its own rule found it.
    own: (Severity, Outcome),
    /// What another rule said that found it graver.
    graver: Option<Graver>,
}

/// What a rule said that found a story graver than its own.
#[derive(Debug, Serialize, Deserialize)]
struct Graver {
    rule: String,
    severity: Severity,
    outcome: Outcome,
    words: String,
}

impl Story {
    /// Begins with its first finding.
    pub(crate) fn new(id: u64, finding: Finding) -> Self {
        let mut story = Self {
            id,
            also: BTreeSet::new(),
            last: finding.at.max(finding.end),
            seen: BTreeSet::new(),
            seen_cut: None,
            counted: 0,
            run: (finding.count, 0),
            run_start: finding.start,
            counted_min: 0,
            written: Written {
                severity: finding.severity,
                outcome: finding.outcome,
                also: 0,
                decade: 0,
            },
            own: (finding.severity, finding.outcome),
            graver: None,
            told: finding,
        };
        let evidence = core::mem::take(&mut story.told.evidence);
        story.run.1 = story.note(&evidence);
        story.told.evidence = telling(evidence);
        story.bound();
        story.count();
        story.written.decade = decade(story.told.count);
        story
    }

    /// What decides whether a finding tells of the same act.
    pub(crate) fn act(&self) -> Act<'_> {
        Act::of(&self.told)
    }

    /// Takes in a further finding of its own rule; telling it again changes nothing.
    pub(crate) fn update(&mut self, finding: Finding) {
        let (severity, outcome) = self.own;
        let grows = finding.severity > severity || finding.outcome > outcome;
        let falls = finding.severity < severity || finding.outcome < outcome;
        self.own = (severity.max(finding.severity), outcome.max(finding.outcome));
        let begins_anew = finding.start > self.told.end;
        let fresh = self.note(&finding.evidence);
        if begins_anew && fresh > 0 {
            self.counted = self.counted.saturating_add(self.run.0.max(self.run.1));
            self.run = (finding.count, fresh);
            self.run_start = finding.start;
        } else if finding.start >= self.run_start {
            self.run = (self.run.0.max(finding.count), self.run.1.saturating_add(fresh));
        } else {
            // It covers earlier runs too, or is one of them told again.
            self.run.1 = self.run.1.saturating_add(fresh);
            self.counted_min = self.counted_min.max(finding.count);
        }
        if grows || (!falls && finding.at >= self.told.at) {
            self.retell(&finding);
        }
        self.merge(finding);
    }

    /// As it is to be read: its own words, and behind them those of a rule that found it graver,
    /// so that words and severity fit.
    pub(crate) fn shown(&self) -> Cow<'_, Finding> {
        match &self.graver {
            Some(graver) if graver.severity > self.own.0 || graver.outcome > self.own.1 => {
                let message = format!("{}; {}", self.told.message, graver.words);
                Cow::Owned(Finding { message, ..self.told.clone() })
            }
            _ => Cow::Borrowed(&self.told),
        }
    }

    /// Takes in a finding of another rule about the same act. The story keeps its name and words.
    pub(crate) fn absorb(&mut self, finding: Finding) {
        if finding.rule != self.told.rule {
            self.also.insert(finding.rule);
        }
        if finding.severity > self.told.severity {
            self.told.confidence = finding.confidence;
        }
        let graver = self.graver.as_ref();
        let known = graver.map_or(self.own, |graver| (graver.severity, graver.outcome));
        let again = graver.is_some_and(|graver| graver.rule == finding.rule)
            && (finding.severity, finding.outcome) == known;
        if finding.severity > known.0 || finding.outcome > known.1 || again {
            self.graver = Some(Graver {
                rule: finding.rule.to_owned(),
                severity: finding.severity,
                outcome: finding.outcome,
                words: finding.message.clone(),
            });
        }
        self.merge(finding);
    }

    /// Whether something grew that a reader must be told; what is asked counts as written.
    pub(crate) fn take_growth(&mut self) -> bool {
        let now = Written {
            severity: self.told.severity,
            outcome: self.told.outcome,
            also: self.also.len(),
            decade: decade(self.told.count).max(self.written.decade),
        };
        let grown = now != self.written;
        self.written = now;
        grown
    }

    /// As [`Self::take_growth`], for posture: requests that show it once more are no news.
    pub(crate) fn take_posture_growth(&mut self) -> bool {
        self.written.decade = decade(self.told.count).max(self.written.decade);
        self.take_growth()
    }

    /// Notes evidence; gives how many transactions were new.
    fn note(&mut self, evidence: &[Evidence]) -> u64 {
        let mut fresh: u64 = 0;
        for seen in evidence.iter().map(|evidence| (evidence.time, evidence.transaction)) {
            if self.seen_cut.is_none_or(|cut| seen > cut) && self.seen.insert(seen) {
                fresh = fresh.saturating_add(1);
            }
        }
        while self.seen.len() > SEEN_MAX {
            self.seen_cut = self.seen.pop_first();
        }
        fresh
    }

    /// The words and figures of the most telling, latest finding replace the earlier ones.
    fn retell(&mut self, finding: &Finding) {
        let told = &mut self.told;
        told.at = told.at.max(finding.at);
        told.message.clone_from(&finding.message);
        told.remediation.clone_from(&finding.remediation);
        told.why.clone_from(&finding.why);
        told.subject.clone_from(&finding.subject);
        told.session = finding.session.or(told.session);
        told.actor.clone_from(&finding.actor);
        if finding.severity > told.severity {
            told.confidence = finding.confidence;
        }
        told.confidence = told.confidence.max(finding.confidence);
    }

    fn merge(&mut self, finding: Finding) {
        self.last = self.last.max(finding.at).max(finding.end);
        let told = &mut self.told;
        told.severity = told.severity.max(finding.severity);
        told.outcome = told.outcome.max(finding.outcome);
        told.at = told.at.max(finding.at);
        told.start = told.start.min(finding.start);
        told.end = told.end.max(finding.end);
        let observed = &mut told.observed;
        observed.join(&finding.observed);
        observed.lost_bytes = observed.lost_bytes.max(finding.observed.lost_bytes);
        told.related_ips.extend(finding.related_ips);
        told.related_users.extend(finding.related_users);
        let mut evidence = core::mem::take(&mut told.evidence);
        evidence.extend(finding.evidence);
        told.evidence = telling(evidence);
        self.bound();
        self.count();
    }

    fn count(&mut self) {
        let runs = self.counted.saturating_add(self.run.0.max(self.run.1));
        self.told.count = runs.max(self.counted_min).max(1);
    }

    fn bound(&mut self) {
        let told = &mut self.told;
        told.related_ips.sort_unstable();
        told.related_ips.dedup();
        told.related_ips.truncate(RELATED_MAX);
        told.related_users.sort_unstable();
        told.related_users.dedup();
        told.related_users.truncate(RELATED_MAX);
        told.why.truncate(WHY_MAX);
    }
}

/// 0 below 10, 1 from 10, 2 from 100, and so on.
fn decade(count: u64) -> u32 {
    count.checked_ilog10().unwrap_or(0)
}

/// The evidence in order of time, each transaction once; of more than fits the first, the last,
/// and those whose status, then whose note, is the rarest: one success among refusals tells more
/// than one refusal more.
fn telling(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    // Stable: of two accounts of one transaction the one told first stays.
    evidence.sort_by_key(|seen| (seen.time, seen.transaction));
    evidence.dedup_by_key(|seen| seen.transaction);
    if evidence.len() <= EVIDENCE_MAX {
        return evidence;
    }
    let mut by_status: BTreeMap<Option<u16>, usize> = BTreeMap::new();
    let mut by_note: BTreeMap<String, usize> = BTreeMap::new();
    for seen in &evidence {
        *by_status.entry(seen.status).or_default() += 1;
        *by_note.entry(seen.note.clone()).or_default() += 1;
    }
    let last = evidence.len().saturating_sub(1);
    let mut ranked: Vec<_> = evidence
        .into_iter()
        .enumerate()
        .map(|(at, seen)| {
            let rank = if at == 0 || at == last {
                (0, 0)
            } else {
                let status = by_status.get(&seen.status).copied().unwrap_or(1);
                (status, by_note.get(&seen.note).copied().unwrap_or(1))
            };
            (rank, core::cmp::Reverse(at), seen)
        })
        .collect();
    ranked.sort_by_key(|(rank, at, _)| (*rank, *at));
    ranked.truncate(EVIDENCE_MAX);
    ranked.sort_by_key(|(_, core::cmp::Reverse(at), _)| *at);
    ranked.into_iter().map(|(_, _, seen)| seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, evidence, finding, later};

    #[test]
    fn a_later_finding_adds_to_the_count_and_the_same_one_told_again_does_not() {
        let mut story = Story::new(1, later("inject.sql", 1, 0));
        for round in 0..2 {
            story.update(later("inject.sql", 2, 5));
            story.update(later("inject.sql", 3, 5));
            assert_eq!(story.told.count, 3, "round {round}");
        }
    }

    #[test]
    fn a_cumulative_count_is_taken_as_it_is() {
        let mut story = Story::new(1, finding("ato.brute_force"));
        for count in [5, 9, 9, 7] {
            let mut next = finding("ato.brute_force");
            next.end = at(count);
            next.evidence.push(evidence(count.unsigned_abs() + 1, count));
            next.count = count.unsigned_abs();
            story.update(next);
        }
        assert_eq!(story.told.count, 9);
    }

    #[test]
    fn words_say_what_made_a_story_graver() {
        let spraying = || {
            let mut own = later("ato.password_spraying", 1, 10);
            (own.severity, own.outcome) = (Severity::High, Outcome::Failure);
            own.message = "one secret tried on 23 accounts, none let in".to_owned();
            own
        };
        let mut story = Story::new(1, spraying());
        let mut lesser = later("baseline.request_rate", 2, 11);
        (lesser.severity, lesser.outcome) = (Severity::Low, Outcome::Failure);
        story.absorb(lesser);
        assert_eq!(story.shown().message, spraying().message);
        let mut other = later("ato.credential_stuffing", 3, 12);
        (other.severity, other.outcome) = (Severity::Critical, Outcome::Success);
        other.message = "ann was let in".to_owned();
        story.absorb(other);
        let both = "one secret tried on 23 accounts, none let in; ann was let in";
        assert_eq!(story.shown().message, both);
        // Its own rule goes on, and its words with it.
        let mut more = spraying();
        (more.at, more.message) = (at(30), "tried on 40 accounts, none let in".to_owned());
        story.update(more);
        assert_eq!(story.shown().message, "tried on 40 accounts, none let in; ann was let in");
    }

    #[test]
    fn a_lesser_or_older_finding_does_not_replace_the_words() {
        let mut story = Story::new(1, later("inject.sql", 2, 10));
        let mut older = later("inject.sql", 1, 5);
        older.message = "older".to_owned();
        story.update(older);
        let mut lesser = later("inject.sql", 3, 20);
        lesser.message = "lesser".to_owned();
        lesser.severity = Severity::Low;
        story.update(lesser);
        assert_eq!(story.told.message, "57 accounts tried");
        let mut graver = later("inject.sql", 4, 30);
        graver.message = "graver".to_owned();
        graver.outcome = Outcome::Success;
        story.update(graver);
        assert_eq!(story.told.message, "graver");
        assert_eq!(story.told.start, at(5));
        assert_eq!(story.told.end, at(30));
    }

    #[test]
    fn evidence_keeps_first_last_and_the_success_among_refusals() {
        let mut all: Vec<Evidence> = (0..50).map(|n| evidence(n, n64(n))).collect();
        all[25].status = Some(200);
        let kept = telling(all);
        let ids: Vec<u64> = kept.iter().map(|seen| seen.transaction.0).collect();
        assert_eq!(kept.len(), EVIDENCE_MAX);
        assert_eq!((ids[0], ids[EVIDENCE_MAX - 1]), (0, 49));
        assert!(ids.contains(&25) && ids.is_sorted(), "{ids:?}");
    }

    fn n64(n: u64) -> i64 {
        i64::try_from(n).unwrap()
    }

    #[test]
    fn the_id_is_that_of_the_first_evidence_not_of_its_place_in_the_list() {
        let mut one = finding("inject.sql");
        one.evidence = vec![evidence(2, 9), evidence(1, 3)];
        let id = event_id(&one, None);
        one.evidence.reverse();
        assert_eq!(event_id(&one, None), id);
        assert_ne!(event_id(&one, Some(at(3))), id, "evidence of a closed story names no other");
        assert_eq!(event_id(&one, Some(at(9))), None, "nothing new");
    }

    #[test]
    fn what_a_story_remembers_is_bounded_and_still_counts_on() {
        let mut story = Story::new(1, later("inject.sql", 0, 0));
        for n in 1..1000 {
            story.update(later("inject.sql", n, n64(n)));
        }
        assert!(story.seen.len() <= SEEN_MAX);
        assert_eq!(story.told.count, 1000);
        story.update(later("inject.sql", 3, 3));
        assert_eq!(story.told.count, 1000, "an old one told again is no new one");
    }
}
