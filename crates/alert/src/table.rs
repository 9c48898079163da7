//! The open stories and the ways to find one.

use crate::join::{Act, Bond, bond};
use crate::story::{Story, StoryKey};
use core::cmp::Reverse;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stilt_model::{ActorId, Finding, Timestamp, TransactionId};

/// Keys one story answers to at most; beyond them a finding is joined by its evidence alone.
const KEYS_MAX: usize = 512;
/// Pieces of evidence of one finding that are looked up.
const LOOKUP_MAX: usize = 64;

/// Actor, service, endpoint.
type Place = (ActorId, String, String);

/// Stories by number, in the order they began; numbers never come back.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    stories: BTreeMap<u64, Entry>,
    next: u64,
    by_key: HashMap<StoryKey, u64>,
    by_place: HashMap<Place, BTreeSet<u64>>,
    by_transaction: HashMap<TransactionId, u64>,
    idle: BTreeSet<(Timestamp, u64)>,
    /// Ends of closed stories, so that what is told again raises nothing.
    closed: BTreeMap<StoryKey, Timestamp>,
    closed_order: BTreeSet<(Timestamp, StoryKey)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    story: Story,
    keys: BTreeSet<StoryKey>,
    transactions: BTreeSet<TransactionId>,
}

impl Table {
    /// Open stories.
    pub(crate) fn len(&self) -> usize {
        self.stories.len()
    }

    /// An open story.
    pub(crate) fn get(&self, number: u64) -> Option<&Story> {
        self.stories.get(&number).map(|entry| &entry.story)
    }

    /// The story that answers to `key`.
    pub(crate) fn by_key(&self, key: &StoryKey) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// The open story that tells of the same act, the strongest bond first, then the oldest.
    pub(crate) fn same_act(&self, finding: &Finding) -> Option<u64> {
        let new = Act::of(finding);
        let place = (finding.actor.id, finding.service.clone(), finding.endpoint.clone());
        let mut candidates = self.by_place.get(&place).cloned().unwrap_or_default();
        candidates.extend(
            finding
                .evidence
                .iter()
                .take(LOOKUP_MAX)
                .filter_map(|evidence| self.by_transaction.get(&evidence.transaction)),
        );
        candidates
            .into_iter()
            .filter_map(|number| {
                let Entry { story, transactions, .. } = self.stories.get(&number)?;
                let bond = bond(&story.act(), transactions, &new, &finding.evidence)?;
                // One rule tells two acts at one place apart by itself; only evidence joins them.
                let apart = story.told.rule == finding.rule && bond == Bond::Place;
                (!apart).then_some((bond, Reverse(number)))
            })
            .max()
            .map(|(_, Reverse(number))| number)
    }

    /// Changes a story, and gives what `change` gives.
    pub(crate) fn with<T>(
        &mut self,
        number: u64,
        change: impl FnOnce(&mut Story) -> T,
    ) -> Option<T> {
        let entry = self.stories.get_mut(&number)?;
        let before = entry.story.last;
        let out = change(&mut entry.story);
        if entry.story.last != before {
            self.idle.remove(&(before, number));
            self.idle.insert((entry.story.last, number));
        }
        let current: BTreeSet<TransactionId> =
            entry.story.seen.iter().map(|(_, transaction)| *transaction).collect();
        for gone in entry.transactions.difference(&current) {
            if self.by_transaction.get(gone) == Some(&number) {
                self.by_transaction.remove(gone);
            }
        }
        for new in current.difference(&entry.transactions) {
            self.by_transaction.entry(*new).or_insert(number);
        }
        entry.transactions = current;
        Some(out)
    }

    /// Lets a story answer to one more key.
    pub(crate) fn alias(&mut self, number: u64, key: StoryKey) {
        if let Some(entry) = self.stories.get_mut(&number)
            && entry.keys.len() < KEYS_MAX
            && entry.keys.insert(key.clone())
        {
            self.by_key.insert(key, number);
        }
    }

    /// Opens a story.
    pub(crate) fn open(&mut self, key: StoryKey, story: Story) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let told = &story.told;
        let place = (told.actor.id, told.service.clone(), told.endpoint.clone());
        self.by_place.entry(place).or_default().insert(number);
        self.idle.insert((story.last, number));
        let entry = Entry { story, keys: BTreeSet::new(), transactions: BTreeSet::new() };
        self.stories.insert(number, entry);
        self.alias(number, key);
        self.with(number, |_| ());
        number
    }

    /// Closes and gives one story that has been quiet for longer than `quiet` at `now`.
    pub(crate) fn pop_quiet(
        &mut self,
        now: Timestamp,
        quiet: Duration,
        closed_max: usize,
    ) -> Option<Story> {
        let (last, number) = *self.idle.first()?;
        (now.since(last) > quiet).then(|| self.close(number, closed_max)).flatten()
    }

    /// Closes and gives the story that has been quiet longest.
    pub(crate) fn pop_oldest(&mut self, closed_max: usize) -> Option<Story> {
        let (_, number) = *self.idle.first()?;
        self.close(number, closed_max)
    }

    /// Until when the last closed story of `key` went.
    pub(crate) fn closed(&self, key: &StoryKey) -> Option<Timestamp> {
        self.closed.get(key).copied()
    }

    fn close(&mut self, number: u64, closed_max: usize) -> Option<Story> {
        let Entry { story, keys, transactions } = self.stories.remove(&number)?;
        self.idle.remove(&(story.last, number));
        let told = &story.told;
        let place = (told.actor.id, told.service.clone(), told.endpoint.clone());
        if let Some(here) = self.by_place.get_mut(&place) {
            here.remove(&number);
            if here.is_empty() {
                self.by_place.remove(&place);
            }
        }
        for transaction in transactions {
            if self.by_transaction.get(&transaction) == Some(&number) {
                self.by_transaction.remove(&transaction);
            }
        }
        for key in keys {
            self.by_key.remove(&key);
            if let Some(before) = self.closed.insert(key.clone(), told.end) {
                self.closed_order.remove(&(before, key.clone()));
            }
            self.closed_order.insert((told.end, key));
        }
        while self.closed.len() > closed_max {
            let Some((_, key)) = self.closed_order.pop_first() else { break };
            self.closed.remove(&key);
        }
        Some(story)
    }
}
