//! Tokens and sessions that the application handed out to somebody who signed in.

use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_inventory::{EndpointKind, StepKind};
use stilt_model::{ActorKind, Credential, CredentialKind, Outcome, Timestamp, Transaction};

/// Names of session cookies per service, and services.
const NAMES_MAX: usize = 16;
const SERVICES_MAX: usize = 256;
/// Shorter values are flags and settings.
const LENGTH_MIN: u32 = 12;

/// What is known of one token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Whom it was given to, where that was seen.
    pub(crate) given_to: Option<(Place, Timestamp)>,
    /// The user, where known.
    pub(crate) user: Option<String>,
    /// The token that it goes back to: sessions are renewed, some with every answer.
    root: u64,
}

/// Tokens in use.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tokens {
    known: Keep<u64, Token>,
    cookies: BTreeMap<Arc<str>, BTreeSet<String>>,
}

impl Tokens {
    /// A table of at most `max` tokens.
    pub(crate) fn new(max: usize) -> Self {
        Self { known: Keep::new(max), cookies: BTreeMap::new() }
    }

    /// Holds at most so many from now on.
    pub(crate) fn resize(&mut self, max: usize) {
        self.known.resize(max);
    }

    /// What is known of a token.
    pub(crate) fn get(&self, token: u64) -> Option<&Token> {
        self.known.get(&token)
    }

    /// The token that a token goes back to.
    pub(crate) fn root(&self, token: u64) -> u64 {
        self.known.get(&token).map_or(token, |known| known.root)
    }

    /// The credentials of a request that stand for somebody who signed in: tokens that were handed
    /// out, cookies named as those that are, signed tokens that name somebody; each with the token
    /// that it goes back to.
    pub(crate) fn carried<'a>(
        &'a self,
        context: &'a Context<'_>,
    ) -> impl Iterator<Item = (u64, &'a Credential)> {
        let service = &context.sighting.service;
        let request = context.tx.request.as_ref();
        let own = request.map(|request| request.credentials.as_slice()).unwrap_or_default();
        own.iter().filter_map(move |own| {
            let key = tell::secret(own.mark);
            let stands = match own.kind {
                CredentialKind::Cookie => {
                    own.length >= LENGTH_MIN
                        && self.cookies.get(service).is_some_and(|names| names.contains(&own.name))
                }
                CredentialKind::Bearer | CredentialKind::ApiKey => {
                    self.known.get(&key).is_some()
                        || own.jwt.as_ref().is_some_and(|jwt| jwt.sub.is_some())
                }
                CredentialKind::Basic | CredentialKind::Other => false,
            };
            stands.then(|| (self.root(key), own))
        })
    }

    /// Learns what a transaction hands out.
    pub(crate) fn learn(&mut self, context: &Context<'_>) {
        let sighting = context.sighting;
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        let login = sighting.login.as_ref().filter(|login| login.outcome == Outcome::Success);
        let step = sighting.step.as_ref().filter(|step| step.kind == StepKind::CodeGiven);
        let goes_on = sighting.outcome == Outcome::Success
            && (sighting.kind == EndpointKind::Refresh || step.is_some());
        if login.is_none() && !goes_on {
            self.renew(context);
            return;
        }
        let (now, place) = (context.at(), Place::of(context));
        let named = context.seen.person.as_ref().and_then(|person| person.user.clone());
        let named = named.filter(|_| step.is_some() && goes_on);
        let user = login.map(|login| login.user.clone()).or(named).or_else(|| {
            let own = request.credentials.iter().map(|own| tell::secret(own.mark));
            own.filter_map(|key| self.known.get(&key)).find_map(|token| token.user.clone())
        });
        // The second step of a sign-in, by one who is known by it.
        let signs_in =
            context.seen.principal.is_some() && context.seen.actor.kind == ActorKind::Client;
        let lets_in = goes_on && step.is_some() && user.is_some() && signs_in;
        let issued = response.issued.iter().filter(|issued| !issued.cleared);
        let mut any = false;
        for issued in issued {
            any = true;
            let key = tell::secret(issued.mark);
            self.known.remove(&key);
            self.known.touch(now, key, || Token {
                given_to: Some((place, now)),
                user: user.clone(),
                root: key,
            });
            if issued.kind == CredentialKind::Cookie && (login.is_some() || lets_in) {
                self.cookie(&sighting.service, &issued.name);
            }
        }
        if !any && (login.is_some() || lets_in) {
            let cookies = request.credentials.iter();
            for own in cookies.filter(|own| own.kind == CredentialKind::Cookie && own.length >= 16)
            {
                let root = tell::secret(own.mark);
                let token = || Token { given_to: Some((place, now)), user: user.clone(), root };
                self.known.touch(now, root, token);
                self.cookie(&sighting.service, &own.name);
            }
        }
    }

    /// A session cookie that an answer changes goes on under the new value.
    fn renew(&mut self, context: &Context<'_>) {
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        let Some(names) = self.cookies.get(&context.sighting.service) else { return };
        let set = response.issued.iter().filter(|issued| {
            issued.kind == CredentialKind::Cookie && !issued.cleared && names.contains(&issued.name)
        });
        for issued in set.take(4) {
            let old = request.credentials.iter().find(|own| {
                own.kind == CredentialKind::Cookie
                    && own.name == issued.name
                    && own.mark != issued.mark
            });
            let Some(old) = old.map(|own| tell::secret(own.mark)) else { continue };
            if let Some(token) = self.known.get(&old).cloned() {
                self.known.touch(context.at(), tell::secret(issued.mark), || token);
            }
        }
    }

    fn cookie(&mut self, service: &Arc<str>, name: &str) {
        let guard = ["csrf", "xsrf"].iter().any(|word| name.to_ascii_lowercase().contains(word));
        if guard || (self.cookies.len() >= SERVICES_MAX && !self.cookies.contains_key(service)) {
            return;
        }
        let names = self.cookies.entry(Arc::clone(service)).or_default();
        if names.len() < NAMES_MAX && !names.contains(name) {
            names.insert(name.to_owned());
        }
    }
}

/// The request was let through: answered, and not with a refusal.
pub(crate) fn let_through(tx: &Transaction, context: &Context<'_>) -> bool {
    context.sighting.outcome == Outcome::Success
        && tx.status().is_some_and(|status| (200..300).contains(&status))
}
