//! Request rates: what one actor does on one endpoint, what its peers do, and what it did before.

use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use stilt_model::{ActorId, EndpointId, Timestamp};

/// How the actor's rate on an endpoint compares, over a sliding window of ten minutes.
#[derive(Clone, Debug, PartialEq)]
pub struct RateStatus {
    /// Window the counts are over.
    pub window: Duration,
    /// Requests of this actor to this endpoint in the window that ends now.
    pub count: u64,
    /// Highest count this actor ever had in such a window before the present one, in up to 14 days.
    /// What was more than three times as much as its busiest peer counts after 20 hours only, so
    /// that nobody can raise it step by step.
    pub own_max: u64,
    /// Days of history of this actor on this endpoint.
    pub own_days: f64,
    /// Highest count any other actor ever had in such a window. Actors that were flagged are left
    /// out, and so are the few (at most one in ten) that stand as far above all others as this one.
    pub peer_max: u64,
    /// Actors that use the endpoint, this one left out.
    pub peers: u64,
    /// Those of them that were there when the window began: of others it is not known yet what they
    /// do in one.
    pub settled: u64,
    /// 99.9th percentile of the count per actor and window over 14 days; `None` until there are
    /// 200 transactions and 10 principals.
    pub p999: Option<u64>,
    /// Windows of all actors that are known, and those of them with as many requests.
    pub windows: u64,
    /// See `windows`.
    pub windows_as_high: u64,
    /// The requests come at even intervals of five seconds or more: a client that polls.
    pub steady: bool,
    /// Actors, this one included, that within the window began to ask more than three times as much
    /// as
    /// ever before.
    pub surging: u64,
}

/// Minutes in the window.
const WINDOW: usize = 10;
/// Minutes remembered: the window and the one before it.
const MINUTES: usize = 2 * WINDOW;
/// Counts below this are never looked at.
const COUNT_MIN: u64 = 30;
/// An actor that was quiet on an endpoint for so long is forgotten there.
const FORGET: Duration = Duration::from_secs(14 * 86_400);
/// Minutes that what stands apart from all peers waits before it is anybody's own measure.
const WAITING: i64 = 20 * 60;
/// Times above its busiest peer that stand apart.
const APART: u64 = 3;
/// Settled peers with whom there is something to stand apart from, or others among whom some have
/// shown what is usual.
const SETTLED_MIN: u64 = 3;
const PEERS_FULL: u64 = 10;
/// Gaps shorter than this are no polling.
const POLL_GAP_MIN: f32 = 5.0;

/// One actor on one endpoint: as small as can be, because there are many.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Track {
    /// Requests by minute, the latest first; what is beyond 65,535 counts as that.
    #[serde(deserialize_with = "capped")]
    minutes: [u16; MINUTES],
    first: i64,
    last: i64,
    own_max: u32,
    /// The highest count that waits to be the own measure, and since which minute.
    #[serde(default)]
    waiting: (u32, i64),
    best: u32,
    flagged: bool,
    surging: bool,
    /// In the window there was nobody yet to be held against: it becomes the own measure.
    #[serde(default)]
    early: bool,
    gap_mean: f32,
    gap_spread: f32,
    gaps: u32,
}

/// What is known of an endpoint as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Peers {
    /// Best window count → actors, those flagged left out.
    best: BTreeMap<u64, u64>,
    /// Window count → windows of any actor.
    windows: BTreeMap<u64, u64>,
    actors: u64,
    requests: u64,
    /// Minutes in which an actor began to surge, the latest window only.
    surges: VecDeque<i64>,
    /// Minutes of the latest window in which actors came for the first time, and how many.
    #[serde(default)]
    joined: VecDeque<(i64, u64)>,
}

/// Rates of all actors on all endpoints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Rates {
    tracks: HashMap<(EndpointId, ActorId), Track, RandomState>,
    idle: BTreeSet<(i64, EndpointId, ActorId)>,
    peers: BTreeMap<EndpointId, Peers>,
}

/// Reads counts that may be higher than are kept.
fn capped<'de, D: Deserializer<'de>>(from: D) -> Result<[u16; MINUTES], D::Error> {
    let counts = <[u32; MINUTES]>::deserialize(from)?;
    Ok(counts.map(|count| u16::try_from(count).unwrap_or(u16::MAX)))
}

impl Track {
    fn new(now: Timestamp) -> Self {
        Self {
            minutes: [0; MINUTES],
            first: now.secs(),
            last: now.nanos(),
            own_max: 0,
            waiting: (0, 0),
            best: 0,
            flagged: false,
            surging: false,
            early: false,
            gap_mean: 0.0,
            gap_spread: 0.0,
            gaps: 0,
        }
    }

    fn sum(&self, range: core::ops::Range<usize>) -> u32 {
        self.minutes.get(range).unwrap_or_default().iter().map(|count| u32::from(*count)).sum()
    }

    /// Days since its first request.
    fn days(&self, now: Timestamp) -> f64 {
        let since = Timestamp::from_secs(now.secs()).since(Timestamp::from_secs(self.first));
        since.as_secs_f64() / 86_400.0
    }

    /// The minute that the latest count is of.
    fn minute(&self) -> i64 {
        Timestamp::from_nanos(self.last).secs().div_euclid(60)
    }

    /// Moves to the minute of `now`; the windows that ended become history.
    fn roll(&mut self, now: Timestamp, peers: &mut Peers) {
        let minute = now.secs().div_euclid(60);
        let steps = usize::try_from(minute.saturating_sub(self.minute())).unwrap_or(0);
        for _ in 0..steps.min(MINUTES) {
            let ended = self.sum(0..WINDOW);
            if ended > 0 && !self.flagged {
                let count = peers.windows.entry(bucket(u64::from(ended))).or_default();
                *count = count.saturating_add(1);
            }
            self.minutes.rotate_right(1);
            if let Some(newest) = self.minutes.first_mut() {
                *newest = 0;
            }
            self.take_measure(self.sum(WINDOW..MINUTES), minute, peers);
        }
        let (most, since) = self.waiting;
        if most > 0 && minute.saturating_sub(since) >= WAITING {
            (self.own_max, self.waiting) = (self.own_max.max(most), (0, 0));
        }
    }

    /// A window of so many requests has become history: the own measure, or what waits to be it.
    fn take_measure(&mut self, ended: u32, minute: i64, peers: &Peers) {
        if ended <= self.own_max {
            return;
        }
        let count = u64::from(ended);
        let own = if self.flagged { u64::MAX } else { u64::from(self.best) };
        let apart = count >= COUNT_MIN
            && !self.early
            && !self.steady()
            && count > peers.busiest(own).saturating_mul(APART);
        if !apart {
            self.own_max = ended;
        } else if ended > self.waiting.0 {
            let since = if self.waiting.0 == 0 { minute } else { self.waiting.1 };
            self.waiting = (ended, since);
        }
    }

    /// Notes whether the window at hand, with so many requests, can be held against anybody.
    fn judge_window(&mut self, count: u32, peers: &Peers, now: Timestamp) {
        let early = u64::from(count) >= COUNT_MIN && !self.flagged && !peers.can_judge(self, now);
        if early {
            self.early = true;
        } else if self.sum(WINDOW..MINUTES) == 0 || u64::from(count) >= COUNT_MIN {
            self.early = false;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a gap needs no more than f32")]
    fn beat(&mut self, now: Timestamp) {
        let gap = now.since(Timestamp::from_nanos(self.last)).as_secs_f64() as f32;
        self.last = self.last.max(now.nanos());
        self.gaps = self.gaps.saturating_add(1);
        if self.gaps == 1 {
            self.gap_mean = gap;
            return;
        }
        let weight = (1.0 / (self.gaps.min(32) as f32)).max(1.0 / 32.0);
        let off = (gap - self.gap_mean).abs();
        self.gap_mean += weight * (gap - self.gap_mean);
        self.gap_spread += weight * (off - self.gap_spread);
    }

    fn steady(&self) -> bool {
        self.gaps >= 8 && self.gap_mean >= POLL_GAP_MIN && self.gap_spread <= 0.25 * self.gap_mean
    }
}

/// Counts above 64 are kept to within about three per cent, so that the table stays small.
fn bucket(count: u64) -> u64 {
    let bits = 64_u32.saturating_sub(count.leading_zeros());
    let shift = bits.saturating_sub(6);
    count >> shift << shift
}

impl Peers {
    fn leave(&mut self, best: u64) {
        if let Some(count) = self.best.get_mut(&best) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.best.remove(&best);
            }
        }
    }

    /// Notes that an actor comes for the first time.
    fn join(&mut self, minute: i64) {
        self.actors = self.actors.saturating_add(1);
        self.enter(0);
        match self.joined.back_mut() {
            Some((last, count)) if *last >= minute => *count = count.saturating_add(1),
            _ => self.joined.push_back((minute, 1)),
        }
        let over = minute.saturating_sub(WINDOW as i64);
        while self.joined.front().is_some_and(|(minute, _)| *minute < over) {
            self.joined.pop_front();
        }
    }

    /// Actors beside one that were there when the window began.
    fn settled(&self, track: &Track, now: Timestamp) -> u64 {
        let over = now.secs().div_euclid(60).saturating_sub(WINDOW as i64);
        let lately = self.joined.iter().filter(|(minute, _)| *minute >= over);
        let lately = lately.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        let own = u64::from(track.first.div_euclid(60) < over);
        self.actors.saturating_sub(lately).saturating_sub(own)
    }

    fn can_judge(&self, track: &Track, now: Timestamp) -> bool {
        self.settled(track, now) >= SETTLED_MIN || self.actors > PEERS_FULL
    }

    fn enter(&mut self, best: u64) {
        let count = self.best.entry(best).or_default();
        *count = count.saturating_add(1);
    }

    /// The busiest peer of one whose best is `own`: of those that are left when the few that stand
    /// apart (more than three times above the next, `own` among them) are taken away.
    fn busiest(&self, own: u64) -> u64 {
        let all: u64 = self.best.values().sum();
        let apart_max = (all / 10).max(1);
        let mut apart = 0_u64;
        let mut own_left_out = false;
        for (best, actors) in self.best.iter().rev() {
            let mut others = *actors;
            if *best == own && !own_left_out {
                own_left_out = true;
                others = others.saturating_sub(1);
                apart = apart.saturating_add(1);
            }
            if others == 0 {
                continue;
            }
            // These stand apart as well, if there are few of them and all others are far below.
            let alike = best.saturating_mul(3) > own;
            apart = apart.saturating_add(others);
            let below = self.best.range(..*best).next_back().map_or(0, |(below, _)| *below);
            let far = *best > below.saturating_mul(3) && *best >= COUNT_MIN;
            if alike && apart <= apart_max && (far || self.gap_below(*best, apart_max)) {
                continue;
            }
            return *best;
        }
        0
    }

    /// Whether a wide gap follows before more than `apart_max` actors are passed.
    fn gap_below(&self, from: u64, apart_max: u64) -> bool {
        let mut passed: u64 = self.best.range(from..).map(|(_, actors)| *actors).sum();
        let mut above = from;
        for (best, actors) in self.best.range(..from).rev() {
            if above > best.saturating_mul(3) && above >= COUNT_MIN {
                return true;
            }
            passed = passed.saturating_add(*actors);
            if passed > apart_max {
                return false;
            }
            above = *best;
        }
        false
    }

    /// Windows that ended, and those of them with at least so many requests.
    fn ended(&self, count: u64) -> (u64, u64) {
        let as_high: u64 = self.windows.range(bucket(count)..).map(|(_, windows)| *windows).sum();
        (self.windows.values().sum(), as_high)
    }

    fn p999(&self) -> Option<u64> {
        if self.requests < 200 || self.actors < 10 {
            return None;
        }
        let all: u64 = self.windows.values().sum();
        let mut beyond = all / 1000;
        for (count, windows) in self.windows.iter().rev() {
            if *windows > beyond {
                return Some(*count);
            }
            beyond = beyond.saturating_sub(*windows);
        }
        None
    }
}

impl Rates {
    /// Counts a request and says how the actor's rate compares, where it is worth a look.
    pub fn count(
        &mut self,
        endpoint: EndpointId,
        actor: ActorId,
        now: Timestamp,
    ) -> Option<RateStatus> {
        let key = (endpoint, actor);
        let peers = self.peers.entry(endpoint).or_default();
        peers.requests = peers.requests.saturating_add(1);
        let track = self.tracks.entry(key).or_insert_with(|| {
            peers.join(now.secs().div_euclid(60));
            self.idle.insert((now.secs(), endpoint, actor));
            Track::new(now)
        });
        let seen = track.last.div_euclid(1_000_000_000);
        if seen != now.secs() {
            self.idle.remove(&(seen, endpoint, actor));
            self.idle.insert((now.secs().max(seen), endpoint, actor));
        }
        track.roll(now, peers);
        track.beat(now);
        if let Some(newest) = track.minutes.first_mut() {
            *newest = newest.saturating_add(1);
        }
        let count = track.sum(0..WINDOW);
        if count > track.best {
            if !track.flagged {
                peers.leave(u64::from(track.best));
                peers.enter(u64::from(count));
            }
            track.best = count;
        }
        track.judge_window(count, peers, now);
        let surging = count >= 5 && count > track.own_max.saturating_mul(3);
        if surging && !track.surging {
            peers.surges.push_back(track.minute());
        }
        track.surging = surging;
        let over = track.minute().saturating_sub(WINDOW as i64);
        while peers.surges.front().is_some_and(|minute| *minute < over) {
            peers.surges.pop_front();
        }
        let count = u64::from(count);
        if count < COUNT_MIN {
            return None;
        }
        let own = if track.flagged { u64::MAX } else { u64::from(track.best) };
        let (windows, windows_as_high) = peers.ended(count);
        Some(RateStatus {
            window: Duration::from_secs(WINDOW as u64 * 60),
            windows,
            windows_as_high,
            count,
            own_max: u64::from(track.own_max),
            own_days: track.days(now),
            peer_max: peers.busiest(own),
            peers: peers.actors.saturating_sub(1),
            settled: peers.settled(track, now),
            p999: peers.p999(),
            steady: track.steady(),
            surging: peers.surges.len() as u64,
        })
    }

    /// A rate that was counted elsewhere, held against what is known here of the same time: of the
    /// peers, and of the actor itself.
    #[must_use]
    pub fn compared(
        &self,
        rate: RateStatus,
        endpoint: EndpointId,
        actor: ActorId,
        now: Timestamp,
    ) -> RateStatus {
        let Some(peers) = self.peers.get(&endpoint) else { return rate };
        let track = self.tracks.get(&(endpoint, actor));
        let own = track.filter(|track| !track.flagged).map_or(u64::MAX, |track| track.best.into());
        let known = track.map_or(0, |track| track.own_max);
        let days = track.map_or(0.0, |track| track.days(now));
        let (windows, windows_as_high) = peers.ended(rate.count);
        RateStatus {
            windows: windows.max(rate.windows),
            windows_as_high: windows_as_high.max(rate.windows_as_high),
            own_max: rate.own_max.max(known.into()),
            own_days: rate.own_days.max(days),
            peer_max: peers.busiest(own).max(rate.peer_max),
            peers: peers.actors.saturating_sub(u64::from(track.is_some())).max(rate.peers),
            settled: peers.actors.saturating_sub(u64::from(track.is_some())).max(rate.settled),
            p999: peers.p999().or(rate.p999),
            ..rate
        }
    }

    /// The actor was flagged on the endpoint: what it does there is nobody's measure.
    pub fn flag(&mut self, endpoint: EndpointId, actor: ActorId) {
        if let Some(track) = self.tracks.get_mut(&(endpoint, actor))
            && !track.flagged
        {
            track.flagged = true;
            if let Some(peers) = self.peers.get_mut(&endpoint) {
                peers.leave(u64::from(track.best));
            }
        }
    }

    /// Packet time moves on: bursts end, and what was idle for too long is forgotten.
    pub fn tick(&mut self, now: Timestamp) {
        let old = now.minus(FORGET).secs();
        while self.idle.first().is_some_and(|(last, _, _)| *last < old) {
            self.forget_oldest();
        }
    }

    /// Holds at most so many pairs of endpoint and actor: those idle longest go.
    pub(crate) fn bound(&mut self, tracks_max: usize) {
        while self.tracks.len() > tracks_max && self.forget_oldest() {}
    }

    /// The pair idle longest is forgotten; `false` where there is none.
    fn forget_oldest(&mut self) -> bool {
        let Some((_, endpoint, actor)) = self.idle.pop_first() else { return false };
        if let Some(track) = self.tracks.remove(&(endpoint, actor))
            && let Some(peers) = self.peers.get_mut(&endpoint)
        {
            peers.actors = peers.actors.saturating_sub(1);
            if !track.flagged {
                peers.leave(u64::from(track.best));
            }
            if peers.actors == 0 {
                self.peers.remove(&endpoint);
            }
        }
        true
    }

    /// Adds what another sensor learned. Of an actor that both saw at one endpoint the busier
    /// track stays.
    pub fn absorb(&mut self, other: Self) {
        for (endpoint, theirs) in other.peers {
            let own = self.peers.entry(endpoint).or_default();
            own.requests = own.requests.saturating_add(theirs.requests);
            own.actors = own.actors.saturating_add(theirs.actors);
            for (from, into) in [(theirs.best, &mut own.best), (theirs.windows, &mut own.windows)] {
                for (count, times) in from {
                    let sum = into.entry(count).or_default();
                    *sum = sum.saturating_add(times);
                }
            }
        }
        for (key, track) in other.tracks {
            let (endpoint, actor) = key;
            let seconds = |track: &Track| track.last.div_euclid(1_000_000_000);
            let Some(own) = self.tracks.get_mut(&key) else {
                self.idle.insert((seconds(&track), endpoint, actor));
                self.tracks.insert(key, track);
                continue;
            };
            let (less, more) =
                if own.best >= track.best { (&track, &*own) } else { (&*own, &track) };
            if let Some(peers) = self.peers.get_mut(&endpoint) {
                peers.actors = peers.actors.saturating_sub(1);
                if !less.flagged {
                    peers.leave(u64::from(less.best));
                }
            }
            let more = more.clone();
            self.idle.remove(&(seconds(own), endpoint, actor));
            self.idle.insert((seconds(&more), endpoint, actor));
            *own = more;
        }
    }

    /// What can be saved: tracks and endpoints, in order.
    #[must_use]
    pub fn save(&self) -> SavedRates {
        let mut tracks: Vec<_> = self
            .tracks
            .iter()
            .map(|((endpoint, actor), track)| (endpoint.0, actor.0, track.clone()))
            .collect();
        tracks.sort_by_key(|(endpoint, actor, _)| (*endpoint, *actor));
        let peers = self.peers.iter().map(|(id, peers)| (id.0, peers.clone())).collect();
        SavedRates { tracks, peers }
    }

    /// What was saved.
    #[must_use]
    pub fn load(saved: SavedRates) -> Self {
        let mut rates = Self::default();
        for (endpoint, actor, track) in saved.tracks {
            let (endpoint, actor) = (EndpointId(endpoint), ActorId(actor));
            rates.idle.insert((track.last.div_euclid(1_000_000_000), endpoint, actor));
            rates.tracks.insert((endpoint, actor), track);
        }
        rates.peers = saved.peers.into_iter().map(|(id, peers)| (EndpointId(id), peers)).collect();
        rates
    }
}

/// [`Rates`] as a file holds them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedRates {
    tracks: Vec<(u64, u64, Track)>,
    peers: Vec<(u64, Peers)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    /// `peers` actors with five requests each over an hour, then one with `count` within `span`.
    fn burst(
        rates: &mut Rates,
        peers: u64,
        actor: u64,
        count: i64,
        span: i64,
    ) -> Option<RateStatus> {
        for peer in 0..peers {
            for n in 0..5 {
                rates.count(EndpointId(1), ActorId(1000 + peer), at(n * 700 + peer.cast_signed()));
            }
        }
        (0..count)
            .map(|n| rates.count(EndpointId(1), ActorId(actor), at(4000 + n * span / count)))
            .last()
            .flatten()
    }

    #[test]
    fn a_burst_is_compared_with_peers_and_with_ones_own_past() {
        let status = burst(&mut Rates::default(), 12, 1, 100, 60).unwrap();
        assert_eq!((status.count, status.own_max, status.peer_max, status.peers), (100, 0, 1, 12));
        assert!(!status.steady);
    }

    #[test]
    fn two_that_stand_apart_do_not_hide_each_other() {
        let mut rates = Rates::default();
        burst(&mut rates, 30, 1, 100, 60);
        let second = burst(&mut rates, 0, 2, 110, 60).unwrap();
        assert_eq!(second.peer_max, 1);
    }

    #[test]
    fn two_sensors_together_know_the_actors_of_both() {
        let (mut one, mut other) = (Rates::default(), Rates::default());
        burst(&mut one, 12, 1, 10, 60);
        burst(&mut other, 20, 1, 40, 60);
        one.absorb(other);
        let status = burst(&mut one, 0, 2, 100, 60).unwrap();
        // The 20 peers of the other sensor, and actor 1, whom both saw.
        assert_eq!((status.peers, status.peer_max), (21, 1));
        one.tick(at(100 * 86_400));
        assert!(one.peers.is_empty() && one.idle.is_empty() && one.tracks.is_empty());
    }

    #[test]
    fn where_many_are_busy_the_busiest_is_the_measure() {
        let mut rates = Rates::default();
        for actor in 1..=10 {
            burst(&mut rates, 0, actor, 80, 60);
        }
        let status = burst(&mut rates, 12, 50, 100, 60).unwrap();
        assert_eq!(status.peer_max, 80);
    }

    #[test]
    fn flagged_actors_are_nobodys_measure() {
        let mut rates = Rates::default();
        burst(&mut rates, 5, 1, 100, 60);
        rates.flag(EndpointId(1), ActorId(1));
        assert_eq!(burst(&mut rates, 0, 2, 40, 60).unwrap().peer_max, 1);
    }

    #[test]
    fn a_client_that_polls_is_steady_and_its_own_past_is_its_measure() {
        let mut rates = Rates::default();
        let status = (0..400)
            .map(|n| rates.count(EndpointId(1), ActorId(1), at(n * 10)))
            .last()
            .flatten()
            .unwrap();
        assert!(status.steady);
        assert!(status.own_max >= 59, "{status:?}");
    }

    #[test]
    fn saved_and_loaded_it_says_the_same() {
        let mut rates = Rates::default();
        burst(&mut rates, 12, 1, 60, 60);
        let text = serde_json::to_string(&rates.save()).unwrap();
        let mut loaded = Rates::load(serde_json::from_str(&text).unwrap());
        assert_eq!(
            loaded.count(EndpointId(1), ActorId(1), at(4070)),
            rates.count(EndpointId(1), ActorId(1), at(4070))
        );
    }

    #[test]
    fn tracks_are_bounded() {
        let mut rates = Rates::default();
        for actor in 0..600 {
            rates.count(EndpointId(1), ActorId(actor), at(0));
        }
        rates.bound(500);
        assert_eq!((rates.tracks.len(), rates.idle.len()), (500, 500));
    }
}
