//! What a detector gathers of one story before and while it is told.

use crate::context::Context;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use stilt_model::{Evidence, Finding, Observed, Outcome, Timestamp, TransactionId};

const FIRST_MAX: usize = 10;
const LAST_MAX: usize = 6;
const TELLING_MAX: usize = 6;
const RELATED_MAX: usize = 100;
/// A story that goes on is told again at least this often, so that it stays one story.
const REMIND: Duration = Duration::from_secs(900);
/// After so long a story is closed; a slow one is then told again only when it has grown by half.
const QUIET: Duration = Duration::from_secs(3600);

/// Evidence and figures of one story: the first, the last and the most telling transactions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tale {
    first: Vec<Evidence>,
    /// What only stories of several transactions have; most never grow so far.
    more: Option<Box<More>>,
    /// In order.
    ips: Vec<IpAddr>,
    /// Transactions gathered.
    pub(crate) count: u64,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    observed: Option<Observed>,
    told: Option<Told>,
    /// Something was added that whoever knows the story must hear of.
    #[serde(default)]
    news: bool,
    /// The last is of a transaction whose answer was still being sent.
    #[serde(default)]
    running: Option<TransactionId>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct More {
    last: VecDeque<Evidence>,
    telling: Vec<Evidence>,
    users: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Told {
    at: Timestamp,
    count: u64,
    outcome: Outcome,
}

impl Tale {
    /// Adds a transaction; a telling one is kept whatever comes after it.
    pub(crate) fn add(&mut self, context: &Context<'_>, note: String, telling: bool) {
        if context.tx.is_running() || self.running.take() == Some(context.tx.id) {
            let told = self.all().any(|seen| seen.transaction == context.tx.id);
            self.running = context.tx.is_running().then_some(context.tx.id);
            if told {
                self.end = self.end.max(context.at());
                return;
            }
        }
        self.add_evidence(
            context.evidence(note),
            context.seen.client_ip,
            context.observed(),
            context.at(),
            telling,
        );
    }

    /// As [`Self::add`], for a transaction that was kept as evidence.
    pub(crate) fn add_evidence(
        &mut self,
        evidence: Evidence,
        ip: IpAddr,
        observed: Observed,
        end: Timestamp,
        telling: bool,
    ) {
        if self.count == 0 {
            self.start = evidence.time;
        }
        self.count = self.count.saturating_add(1);
        self.start = self.start.min(evidence.time);
        self.end = self.end.max(end);
        self.ip(ip);
        self.observe(observed);
        if telling && self.more().telling.len() < TELLING_MAX {
            self.more().telling.push(evidence);
        } else {
            self.in_order(evidence);
        }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Keeps evidence among the first or, where these are many, the last.
    fn in_order(&mut self, evidence: Evidence) {
        if self.first.len() < FIRST_MAX {
            // Most stories have one transaction: room is made for the first alone.
            self.first.reserve_exact(usize::from(self.first.is_empty()));
            return self.first.push(evidence);
        }
        let last = &mut self.more().last;
        if last.len() >= LAST_MAX {
            last.pop_front();
        }
        last.push_back(evidence);
    }

    /// All evidence: the first, the most telling, the last.
    fn all(&self) -> impl Iterator<Item = &Evidence> {
        let more = self.more.iter().flat_map(|more| more.telling.iter().chain(&more.last));
        self.first.iter().chain(more)
    }

    /// Takes in what was gathered of somebody who turns out to belong to this story.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.start = if self.count == 0 { other.start } else { self.start.min(other.start) };
        self.end = self.end.max(other.end);
        self.count = self.count.saturating_add(other.count);
        let more = other.more.as_ref();
        let last = more.into_iter().flat_map(|more| &more.last);
        for evidence in other.first.iter().chain(last).take(2) {
            self.in_order(evidence.clone());
        }
        for ip in &other.ips {
            self.ip(*ip);
        }
        if let Some(more) = more {
            let telling = &mut self.more().telling;
            let room = TELLING_MAX.saturating_sub(telling.len());
            telling.extend(more.telling.iter().take(room).cloned());
            for user in &more.users {
                self.user(user);
            }
        }
        if let Some(seen) = other.observed {
            self.observe(seen);
        }
    }

    /// Leaves out what others than `ip` did: one client turned out to be the whole story.
    pub(crate) fn only(&mut self, ip: IpAddr) {
        let own = |seen: &Evidence| seen.client.unwrap_or(seen.source.ip()) == ip;
        let all = self.all().count();
        self.first.retain(own);
        if let Some(more) = &mut self.more {
            more.last.retain(own);
            more.telling.retain(own);
        }
        let left = self.all().count();
        self.count = self.count.saturating_sub(all.saturating_sub(left) as u64);
        self.ips.retain(|other| *other == ip);
        let first = self.all().map(|seen| seen.time).min();
        self.start = first.unwrap_or(self.start);
    }

    fn ip(&mut self, ip: IpAddr) {
        if self.ips.len() < RELATED_MAX
            && let Err(at) = self.ips.binary_search(&ip)
        {
            self.ips.reserve_exact(usize::from(self.ips.is_empty()));
            self.ips.insert(at, ip);
        }
    }

    fn observe(&mut self, observed: Observed) {
        let whole = self.observed.get_or_insert(Observed { complete: true, ..Observed::default() });
        whole.join(&observed);
        whole.lost_bytes = whole.lost_bytes.saturating_add(observed.lost_bytes);
    }

    /// The transaction that came first, for derived names.
    pub(crate) fn first_transaction(&self) -> u64 {
        let first = self.all().min_by_key(|seen| (seen.time, seen.transaction));
        first.map_or(0, |seen| seen.transaction.0)
    }

    /// User names gathered, up to the cap.
    pub(crate) fn users(&self) -> u64 {
        self.more.as_ref().map_or(0, |more| more.users.len() as u64)
    }

    /// Adds a user name that is involved.
    pub(crate) fn user(&mut self, user: &str) {
        let users = &mut self.more().users;
        if users.len() < RELATED_MAX && !users.contains(user) {
            users.insert(user.to_owned());
        }
    }

    /// What was added last changes what must be done: one more account was let in, say.
    pub(crate) fn news(&mut self) {
        self.news = true;
    }

    /// Whether there is news: the first time, a better outcome for the attacker, something that is
    /// news by itself, half as many again, or a quarter of an hour since. What is asked counts as
    /// told.
    pub(crate) fn due(&mut self, now: Timestamp, outcome: Outcome) -> bool {
        let news = core::mem::take(&mut self.news);
        let due = self.told.is_none_or(|told| {
            outcome > told.outcome
                || news
                || (self.count > told.count
                    && (self.count >= told.count + told.count.div_ceil(2)
                        || (REMIND..=QUIET).contains(&now.since(told.at))))
        });
        if due {
            self.told = Some(Told { at: now, count: self.count, outcome });
        }
        due
    }

    /// Whether the story was told at least once.
    pub(crate) fn was_told(&self) -> bool {
        self.told.is_some()
    }

    /// Fills the story's part of a finding.
    pub(crate) fn fill(&self, finding: &mut Finding) {
        finding.start = self.start;
        finding.end = self.end.max(self.start);
        finding.count = self.count;
        finding.evidence = self.all().cloned().collect();
        finding.evidence.sort_by_key(|seen| (seen.time, seen.transaction));
        finding.related_ips = self.ips.clone();
        let users = self.more.iter().flat_map(|more| &more.users);
        finding.related_users = users.cloned().collect();
        if let Some(observed) = self.observed {
            finding.observed = observed;
        }
    }
}

/// "3 min" and the like: how long something took, for messages.
pub(crate) fn lasting(span: Duration) -> String {
    match span.as_secs() {
        0 => "under a second".to_owned(),
        secs @ 1..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs @ 7200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

/// "1 account", "2 accounts".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
