//! Who gave the right password, and has a second step before them.
//!
//! The password step names the user, the code step does not: what the first hands out, or the
//! session it was made with, comes back in the second, and says whose code it is.

use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stilt_inventory::{Sighting, StepKind};
use stilt_model::{
    CredentialKind, Leaf, Outcome, Pseudonym, Request, Response, Timestamp, Transaction, Value,
    saved::Keyed,
};

/// Handles remembered at most; the older half goes first.
const WAITING_MAX: usize = 100_000;
/// Leaves of a message among which a handle is looked for.
const LEAVES_MAX: usize = 16;
/// Handles of one message.
const HANDLES_MAX: usize = 8;
/// Shortest cookie that is a session, and shortest text that is a handle.
const COOKIE_MIN: u32 = 16;
const TEXT_MIN: usize = 6;

/// A second step is taken within this time.
const WAIT: Duration = Duration::from_secs(1800);

/// Somebody whose password was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Halfway {
    /// The name as requests show it.
    pub(crate) user: String,
    /// The name that the principal goes by.
    pub(crate) called: String,
    at: Timestamp,
}

/// Handles of second steps, and who waits behind them; nobody, where several do.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Pending {
    waiting: [HashMap<[u64; 2], Option<Halfway>, RandomState>; 2],
    hasher: Keyed,
}

/// Somebody's second step, done.
pub(crate) struct Done {
    pub(crate) who: Halfway,
    /// The credential that carried the step.
    pub(crate) by: Option<Pseudonym>,
}

impl Pending {
    /// Notes a right password that does not let anybody in yet.
    pub(crate) fn note(&mut self, tx: &Transaction, sighting: &Sighting, called: &str) {
        let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return };
        let Some(login) = &sighting.login else { return };
        let again = response.form_again && response.status < 300;
        if login.outcome != Outcome::Unknown || again || !(200..400).contains(&response.status) {
            return;
        }
        let (user, called) = (login.user.clone(), called.to_owned());
        let who = Halfway { user, called, at: tx.start };
        let sessions = sessions(request, response);
        for mark in sessions.take(HANDLES_MAX) {
            // Who signs in anew with the same session is another one from then on.
            self.insert(mark.digest, Some(who.clone()));
        }
        let handles: Vec<_> = self.handles(&response.leaves, &sighting.realm).collect();
        for key in handles {
            let others = self
                .get(key)
                .is_some_and(|known| known.as_ref().is_none_or(|known| known.called != who.called));
            self.insert(key, (!others).then(|| who.clone()));
        }
    }

    /// Whose second step has succeeded.
    pub(crate) fn done(&mut self, tx: &Transaction, sighting: &Sighting) -> Option<Done> {
        let step = sighting.step.as_ref()?;
        let (request, response) = (tx.request.as_ref()?, tx.response.as_ref()?);
        let again = response.form_again && response.status < 300;
        if step.kind != StepKind::CodeGiven || sighting.outcome != Outcome::Success || again {
            return None;
        }
        let carried = request.credentials.iter().map(|own| own.mark);
        let by =
            carried.take(HANDLES_MAX).find(|mark| matches!(self.get(mark.digest), Some(Some(_))));
        let key = by.map(|mark| mark.digest).or_else(|| {
            let mut handles = self.handles(&request.leaves, &sighting.realm);
            handles.find(|key| matches!(self.get(*key), Some(Some(_))))
        })?;
        let who = self.take(key).filter(|who| tx.start.since(who.at) <= WAIT)?;
        Some(Done { who, by })
    }

    /// Who waits behind a handle that is given in place of a name.
    pub(crate) fn behind(
        &mut self,
        tx: &Transaction,
        handle: &str,
        service: &str,
    ) -> Option<Halfway> {
        if !is_opaque(handle) {
            return None;
        }
        let who = self.take(self.key(handle, service))?;
        (tx.start.since(who.at) <= WAIT).then_some(who)
    }

    /// Values that may be handles.
    fn handles<'a>(
        &'a self,
        leaves: &'a [Leaf],
        service: &'a str,
    ) -> impl Iterator<Item = [u64; 2]> + 'a {
        let plain = leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.contains("[]"));
        let keys = plain.filter_map(move |leaf| match &leaf.value {
            Value::Masked { mark, .. } => Some(mark.digest),
            Value::Text(text) if is_opaque(text) => Some(self.key(text, service)),
            _ => None,
        });
        keys.take(HANDLES_MAX)
    }

    fn key(&self, text: &str, service: &str) -> [u64; 2] {
        use core::hash::BuildHasher;
        [self.hasher.hash_one(text), self.hasher.hash_one(service)]
    }

    fn get(&self, key: [u64; 2]) -> Option<&Option<Halfway>> {
        self.waiting.iter().find_map(|half| half.get(&key))
    }

    fn take(&mut self, key: [u64; 2]) -> Option<Halfway> {
        let mut taken = None;
        for half in &mut self.waiting {
            taken = half.remove(&key).flatten().or(taken);
        }
        taken
    }

    fn insert(&mut self, key: [u64; 2], who: Option<Halfway>) {
        let [young, old] = &mut self.waiting;
        if young.len() >= WAITING_MAX / 2 {
            *old = core::mem::take(young);
        }
        young.insert(key, who);
    }
}

/// What carries somebody from the first step to the second: what the answer sets, else the session
/// that was there.
fn sessions<'a>(
    request: &'a Request,
    response: &'a Response,
) -> impl Iterator<Item = Pseudonym> + 'a {
    let set = response.issued.iter().filter(|issued| !issued.cleared).map(|issued| issued.mark);
    let renews = |name: &str| response.issued.iter().any(|issued| issued.name == name);
    let kept = request.credentials.iter().filter(move |own| {
        own.kind == CredentialKind::Cookie && own.length >= COOKIE_MIN && !renews(&own.name)
    });
    set.chain(kept.map(|own| own.mark))
}

/// No word and no sentence: it holds a digit, and no blank.
fn is_opaque(text: &str) -> bool {
    text.len() >= TEXT_MIN
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.contains(char::is_whitespace)
}
