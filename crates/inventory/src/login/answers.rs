//! Which sorts of answers to sign-in attempts let nobody in, told by what users do after them.
//!
//! Anybody can try anything at somebody else's account, so no such sign is final: what users do who
//! come back with the one secret they have outweighs it.

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Sorts of answers remembered, and users for each.
const ANSWERS_MAX: usize = 16;
const TRIES_MAX: usize = 512;
/// Users whose last attempt is remembered.
const USERS_MAX: usize = 1024;
/// Different secrets of one user that gave the same answer: it is no letting in.
const WRONG: usize = 3;
/// So many users who got one sort of answer, tried another secret and got another sort.
const PUT_RIGHT: usize = 3;
/// Users remembered of whom one sort of answer followed another.
const FOLLOWED_MAX: usize = 32;
/// Who mistyped tries again within so many seconds.
const AGAIN_SECS: i64 = 900;
/// Who gives the same secret so many seconds later is another visit's.
const VISIT_SECS: i64 = 1800;
/// So many users who keep to one secret outweigh one who got the answer with several.
const OUTWEIGH: usize = 3;

/// One attempt, and the sort of answer it got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) answer: u64,
    /// The answer hands something out that may be a session.
    pub(crate) hands_out: bool,
    pub(crate) user: u64,
    /// Never 0.
    pub(crate) secret: u64,
    /// The address and program it came from.
    pub(crate) client: u64,
    /// Seconds.
    pub(crate) at: i64,
}

/// What one user gave to get an answer.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tries {
    secrets: [u64; WRONG],
    first: i64,
    /// It came back with the only secret it ever gave.
    kept: bool,
}

/// One sort of answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Answer {
    tries: HashMap<u64, Tries, RandomState>,
    /// Users who got it with several secrets.
    guessing: usize,
    /// Users who put right what led to it.
    put_right: usize,
    /// Users who came back with the one secret they gave before.
    kept: usize,
}

/// A user's last attempt.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Last {
    answer: u64,
    hands_out: bool,
    secret: u64,
    client: u64,
    at: i64,
}

/// The sorts of answers of one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    sorts: HashMap<u64, Answer, RandomState>,
    last: HashMap<u64, Last, RandomState>,
    /// Users who got one sort of answer after another as they tried again.
    followed: HashMap<(u64, u64), Vec<u64>, RandomState>,
}

impl Answer {
    fn note(&mut self, attempt: &Attempt) {
        if self.tries.len() >= TRIES_MAX && !self.tries.contains_key(&attempt.user) {
            return;
        }
        let tries = self.tries.entry(attempt.user).or_default();
        let [first, others @ ..] = &tries.secrets;
        if *first == 0 {
            tries.first = attempt.at;
        }
        let only = *first == attempt.secret && others.iter().all(|place| *place == 0);
        if only && !tries.kept && attempt.at.saturating_sub(tries.first) >= VISIT_SECS {
            tries.kept = true;
            self.kept = self.kept.saturating_add(1);
        }
        if !tries.secrets.contains(&attempt.secret)
            && let Some(place) = tries.secrets.iter_mut().find(|place| **place == 0)
        {
            *place = attempt.secret;
            if tries.secrets.iter().all(|place| *place != 0) {
                self.guessing = self.guessing.saturating_add(1);
            }
        }
    }

    fn turns_down(&self) -> bool {
        let signs = self.guessing.saturating_add(self.put_right);
        signs > 0 && self.kept < signs.saturating_mul(OUTWEIGH)
    }
}

impl Answers {
    /// Notes an answer; `true` where what users do after the like says that it lets nobody in.
    pub(crate) fn turns_down(&mut self, attempt: &Attempt) -> bool {
        let known = self.sorts.contains_key(&attempt.answer);
        if !known && self.sorts.len() >= ANSWERS_MAX {
            return false;
        }
        if let Some((before, users)) = self.put_right(attempt)
            && let Some(answer) = self.sorts.get_mut(&before)
        {
            answer.put_right = answer.put_right.max(users);
        }
        let answer = self.sorts.entry(attempt.answer).or_default();
        answer.note(attempt);
        answer.turns_down()
    }

    /// Who was turned down tries another secret and is let in; who was let in does not try again,
    /// and gets more than those who were not. Gives the answer that several users put right so.
    fn put_right(&mut self, attempt: &Attempt) -> Option<(u64, usize)> {
        if self.last.len() >= USERS_MAX && !self.last.contains_key(&attempt.user) {
            self.last.clear();
        }
        let Attempt { answer, hands_out, user, secret, client, at } = *attempt;
        let last = self.last.insert(user, Last { answer, hands_out, secret, client, at })?;
        // Somebody else's attempt puts nothing right.
        let same = last.client == client && at.saturating_sub(last.at) <= AGAIN_SECS;
        let lost = last.hands_out && !hands_out;
        if last.answer == answer || last.secret == secret || !same || lost {
            return None;
        }
        let users = self.followed.entry((last.answer, answer)).or_default();
        if users.len() < FOLLOWED_MAX && !users.contains(&user) {
            users.push(user);
        }
        let there = users.len();
        let back = self.followed.get(&(answer, last.answer)).map_or(0, Vec::len);
        (there >= PUT_RIGHT && there >= back.saturating_mul(4)).then_some((last.answer, there))
    }
}
