//! What the sign-in attempts at one endpoint taught: which answers let somebody in.

use crate::login::answers::{Answers, Attempt};
use crate::login::cookies::Cookies;
use crate::login::fields::Fields;
use crate::login::namer::Namer;
use crate::outcome::{Verdict, is_login_page, path_of};
use crate::words::{has_word, words};
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use stilt_model::{
    CredentialKind, Leaf, Outcome, Pseudonym, Request, Response, Transaction, Value, saved,
};

/// Users remembered for one endpoint.
const USERS_MAX: usize = 1024;
/// Places that answers lead to, remembered.
const ANSWERS_MAX: usize = 16;
/// Refusals by a page, a status or a body that show how an endpoint refuses.
const TOLD_NO: u32 = 3;
/// Users of whom none came back, until an endpoint is taken for one where accounts are made.
const NEW_ONLY: usize = 5;
/// So many users beside one credential: it is that of a service, not of one who is signed in.
const BESIDE: usize = 3;
/// Credentials remembered for that.
const BESIDE_MAX: usize = 64;

/// What was learned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoginStats {
    hasher: saved::Keyed,
    #[serde(default)]
    sorts: Answers,
    #[serde(default)]
    pub(crate) namer: Namer,
    /// Users who were let in.
    #[serde(serialize_with = "saved::sorted")]
    users: HashSet<u64, RandomState>,
    /// Some user was let in twice.
    came_back: bool,
    /// Some attempt was turned down.
    turned_down: bool,
    /// Attempts were turned down by the status that says so (401, 403).
    by_status: bool,
    /// Attempts were turned down by what the body says.
    by_body: bool,
    /// Users that were given beside one credential, and whether it stands for a service.
    beside: HashMap<[u64; 2], [u64; BESIDE], RandomState>,
    /// All that succeeded was answered 201.
    only_created: Option<bool>,
    /// Somebody was let in by a token, a redirect, a cookie.
    by_token: bool,
    by_redirect: bool,
    by_cookie: bool,
    /// A page came without a cookie that tells.
    bare_page: bool,
    /// Where those were sent who were let in by a cookie, and whether somebody turned down was
    /// sent anywhere.
    #[serde(serialize_with = "saved::sorted")]
    let_in_to: HashSet<u64, RandomState>,
    turned_down_by_redirect: bool,
    /// Where those were sent who were turned down or got nothing new, and how many were turned down
    /// by a page, a status or a body instead.
    turned_to: HashMap<u64, u32, RandomState>,
    told_no: u32,
}

impl LoginStats {
    /// Users come back: accounts are not made here.
    pub(crate) fn returns(&self) -> bool {
        self.came_back && (self.only_created != Some(true) || self.by_token)
    }

    /// Attempts were turned down here before.
    pub(crate) fn refused_before(&self) -> bool {
        self.turned_down
    }

    /// Attempts were turned down by 401 or 403.
    pub(crate) fn unauthorized_before(&self) -> bool {
        self.by_status
    }

    /// Notes who is given beside the credential that a request carries; `true` where that is one
    /// under which many sign in.
    pub(crate) fn is_service(&mut self, credential: [u64; 2], user: &str) -> bool {
        let user = self.hasher.hash_one(user) | 1;
        if self.beside.len() >= BESIDE_MAX && !self.beside.contains_key(&credential) {
            return false;
        }
        let users = self.beside.entry(credential).or_default();
        if !users.contains(&user)
            && let Some(place) = users.iter_mut().find(|place| **place == 0)
        {
            *place = user;
        }
        users.iter().all(|place| *place != 0)
    }

    /// Each user succeeded once, and was then `created`.
    pub(crate) fn only_new(&self) -> bool {
        !self.came_back && self.users.len() >= NEW_ONLY && self.only_created == Some(true)
    }

    /// Learns what came of an attempt.
    pub(crate) fn came_out(&mut self, outcome: Outcome, fields: &Fields, status: Option<u16>) {
        match outcome {
            Outcome::Failure => {
                self.turned_down |= status != Some(409);
                self.by_status |= matches!(status, Some(401 | 403));
            }
            Outcome::Success => {
                let user = self.hasher.hash_one(fields.user.as_str());
                let created = status == Some(201);
                self.only_created = Some(self.only_created.unwrap_or(true) && created);
                if self.users.contains(&user) {
                    self.came_back = true;
                } else if self.users.len() < USERS_MAX {
                    self.users.insert(user);
                }
            }
            Outcome::Unknown => {}
        }
    }

    /// What came of an attempt to sign in.
    pub(crate) fn judge(
        &mut self,
        cookies: &mut Cookies,
        tx: &Transaction,
        request: &Request,
        fields: &Fields,
        verdict: Verdict,
    ) -> Outcome {
        let Some(response) = &tx.response else { return Outcome::Unknown };
        match response.status {
            200..=399 => {}
            408 | 425 | 429 => return Outcome::Unknown,
            400..=499 => {
                cookies.learn(tx);
                self.told_no = self.told_no.saturating_add(1);
                return Outcome::Failure;
            }
            // A fault that blames who asked (SOAP 1.1 sends every fault with 500).
            _ if verdict.outcome() == Outcome::Failure => {
                self.by_body = true;
                self.told_no = self.told_no.saturating_add(1);
                return Outcome::Failure;
            }
            _ => return Outcome::Unknown,
        }
        let token = hands_out_token(response);
        let cookie = cookies.tells(request, Some(response));
        let turned_down = self.turns_down(tx, response, fields, token || cookie);
        let outcome = if verdict.body_error {
            self.by_body = true;
            Outcome::Failure
        } else if asks_for_more(response) {
            Outcome::Unknown
        } else if token {
            self.by_token = true;
            Outcome::Success
        } else if turned_down {
            self.by_body |= response.status < 300;
            Outcome::Failure
        } else if response.status >= 300 {
            self.redirect(request, response, cookie)
        } else {
            self.page(request, response, cookie)
        };
        match outcome {
            Outcome::Success => cookies.let_in(response),
            Outcome::Failure => {
                self.told_no = self.told_no.saturating_add(u32::from(response.status < 300));
                cookies.learn(tx);
            }
            Outcome::Unknown => {}
        }
        outcome
    }

    fn redirect(&mut self, request: &Request, response: &Response, cookie: bool) -> Outcome {
        let location = response.location.as_deref().unwrap_or_default();
        // What lies below the page for signing in is a step on the way.
        let deeper = goes_deeper(path_of(location), &request.path);
        let place = self.hasher.hash_one(path_of(location));
        if leads_back(location, &request.path) || (!deeper && is_login_page(location)) {
            self.turned_down_by_redirect = true;
            self.turns_to(place);
            return Outcome::Failure;
        }
        if cookie {
            if self.let_in_to.len() < ANSWERS_MAX {
                self.let_in_to.insert(place);
            }
            self.by_redirect = true;
            self.by_cookie = true;
            return Outcome::Success;
        }
        // Where all go who are let in, and nobody who is turned down: a session that was there
        // before is let in without a new one.
        if self.by_cookie && self.let_in_to.contains(&place) && self.is_for_those_let_in(place) {
            return Outcome::Success;
        }
        // A session that was there before may have been let in; not where others get a new one.
        let has_session = request.credentials.iter().any(|own| own.kind == CredentialKind::Cookie)
            || response.issued.iter().any(|issued| !issued.cleared);
        // A client that had no session gets one on any answer: there the way it is sent tells.
        let sets = response.issued.iter().any(|issued| !issued.cleared);
        if self.by_cookie
            && sets
            && self.let_in_to.contains(&place)
            && !self.turned_down_by_redirect
        {
            Outcome::Success
        } else if self.by_cookie {
            self.turned_down_by_redirect = true;
            self.turns_to(place);
            Outcome::Failure
        } else if has_session {
            self.by_redirect = true;
            Outcome::Success
        } else {
            Outcome::Unknown
        }
    }

    /// Somebody who was turned down, or may have been, is sent there.
    fn turns_to(&mut self, place: u64) {
        if self.turned_to.len() < ANSWERS_MAX || self.turned_to.contains_key(&place) {
            let count = self.turned_to.entry(place).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Those who are turned down are told so otherwise; nearly nobody was sent there with nothing.
    fn is_for_those_let_in(&self, place: u64) -> bool {
        let there = self.turned_to.get(&place).copied().unwrap_or(0);
        self.told_no >= TOLD_NO && self.told_no >= there.saturating_mul(4)
    }

    fn page(&mut self, request: &Request, response: &Response, cookie: bool) -> Outcome {
        let html = response.content_type.as_deref().is_some_and(|media| media.contains("html"));
        if html {
            let known = self.bare_page && !self.by_redirect;
            return match (cookie, known) {
                (true, true) => {
                    self.by_cookie = true;
                    Outcome::Success
                }
                (true, false) if !self.by_redirect => Outcome::Unknown,
                (true, false) => Outcome::Failure,
                (false, _) => {
                    self.bare_page = true;
                    Outcome::Failure
                }
            };
        }
        if cookie {
            self.by_cookie = true;
            return Outcome::Success;
        }
        if is_bare_no(response) {
            return Outcome::Failure;
        }
        if self.by_token || self.by_cookie {
            // Others were handed something here, and nothing speaks of an error.
            return if response.leaves.iter().take(16).any(says_success) {
                Outcome::Unknown
            } else {
                Outcome::Failure
            };
        }
        if self.by_status || self.by_body {
            // Who is turned down is told so; this one is not.
            return Outcome::Success;
        }
        let session = request.credentials.iter().any(|own| own.kind == CredentialKind::Cookie);
        if session && response.leaves.iter().take(16).any(says_success) {
            return Outcome::Success;
        }
        Outcome::Unknown
    }

    /// Notes an answer; `true` where the like lets nobody in, by what users do after it.
    fn turns_down(
        &mut self,
        tx: &Transaction,
        response: &Response,
        fields: &Fields,
        hands_out: bool,
    ) -> bool {
        let mut names: Vec<&str> = response
            .issued
            .iter()
            .filter(|issued| !issued.cleared)
            .map(|issued| issued.name.as_str())
            .collect();
        names.sort_unstable();
        let location = response.location.as_deref().map_or("", path_of);
        let agent = tx.request.as_ref().and_then(|request| request.user_agent.as_deref());
        let attempt = Attempt {
            answer: self.hasher.hash_one((
                response.status,
                response.shape,
                hands_out,
                location,
                names,
            )),
            hands_out,
            user: self.hasher.hash_one(fields.user.as_str()),
            secret: self.secret(fields.secret),
            client: self.hasher.hash_one((tx.source().ip(), agent)),
            at: tx.start.secs(),
        };
        self.sorts.turns_down(&attempt)
    }

    fn secret(&self, secret: Option<Pseudonym>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        if let Some(secret) = secret {
            core::hash::Hash::hash(&secret, &mut hasher);
        }
        hasher.finish() | 1
    }
}

/// Words by which a redirect says that it did not work.
const COMPLAINTS: &[&str] = &[
    "error", "err", "fail", "failed", "failure", "invalid", "denied", "erreur", "echec", "fehler",
    "erro", "errore", "fout",
];

/// A redirect to where one comes from, or that says that something did not work.
pub(crate) fn leads_back(location: &str, from: &str) -> bool {
    let path = path_of(location).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let query = location.split_once('?').map_or("", |(_, query)| query);
    path == from.trim_end_matches('/')
        || [last, query].iter().any(|text| has_word(text, COMPLAINTS))
}

/// A path below another one.
fn goes_deeper(path: &str, than: &str) -> bool {
    let below = path.strip_prefix(than.trim_end_matches('/'));
    below.is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

/// A token in the body or a header, and not one that only leads to a second step.
fn hands_out_token(response: &Response) -> bool {
    let in_location = response
        .location
        .as_deref()
        .is_some_and(|location| location.contains("<jwt:") || location.contains("<token:"));
    in_location
        || response.issued.iter().any(|issued| {
            issued.kind != CredentialKind::Cookie
                && !issued.cleared
                && !is_second_step(&issued.name)
        })
}

fn is_second_step(name: &str) -> bool {
    let holds = |part: &str| {
        name.as_bytes().windows(part.len()).any(|at| at.eq_ignore_ascii_case(part.as_bytes()))
    };
    // Cutting a name into words is dear; most names hold none of these.
    ["fa", "otp", "challenge", "factor"].iter().any(|part| holds(part))
        && words(name).iter().any(|word| {
            ["mfa", "otp", "totp", "challenge", "twofactor", "2fa", "factor"]
                .contains(&word.as_str())
        })
}

/// Words of pages that ask for a code once the password was right.
const SECOND_PAGES: &[&str] = &[
    "code",
    "codes",
    "verify",
    "verification",
    "verifier",
    "verificar",
    "verifizieren",
    "codigo",
    "codice",
    "passcode",
    "pin",
    "tan",
    "sms",
    "authenticator",
    "secondfactor",
    "secondstep",
    "confirmcode",
    "einmalcode",
    "stepup",
];

/// The password was right, but a second step follows: neither let in nor turned down.
fn asks_for_more(response: &Response) -> bool {
    let leads = response.location.as_deref().is_some_and(|location| {
        let path = path_of(location);
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        has_word(last, SECOND_PAGES)
            || path.split('/').any(|segment| {
                is_second_step(segment) || segment.contains("2fa") || segment.contains("two-factor")
            })
    });
    leads
        || response.leaves.iter().take(16).any(|leaf| {
            is_second_step(leaf.name())
                && !matches!(leaf.value, Value::Null | Value::Bool(false) | Value::Integer(0))
        })
}

/// Nothing but a flag that is not set, and a text: `{"erfolg":false,"meldung":"…"}`.
fn is_bare_no(response: &Response) -> bool {
    let leaves = &response.leaves;
    let no = |leaf: &Leaf| matches!(leaf.value, Value::Bool(false));
    let says = |leaf: &Leaf| matches!(leaf.value, Value::Text(_) | Value::Null);
    (1..=3).contains(&leaves.len())
        && leaves.iter().filter(|leaf| no(leaf)).count() == 1
        && leaves.iter().all(|leaf| (no(leaf) || says(leaf)) && !leaf.path.contains('.'))
}

fn says_success(leaf: &Leaf) -> bool {
    let name = leaf.name();
    let named = ["success", "ok", "status", "authenticated", "result", "logged_in", "loggedIn"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
    match &leaf.value {
        Value::Bool(truth) => named && *truth,
        Value::Text(text) => {
            let lower = text.to_ascii_lowercase();
            (named && matches!(lower.as_str(), "ok" | "success" | "true"))
                || lower.contains("successful")
        }
        _ => false,
    }
}
