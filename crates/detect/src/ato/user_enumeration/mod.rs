//! User enumeration (OWASP API2:2023, ATT&CK T1087, OAT-018).
//!
//! One client asks for one name after another whether it exists: where accounts are made, where
//! names are looked up, among people's profiles, or by signing in where the answer to an unknown
//! user differs from that to a wrong password. Counted are names that nobody has signed in with;
//! one who types a name letter by letter asks for one name.

mod behaviour;
#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use crate::usual::Usual;
use behaviour::Lookups;
use core::time::Duration;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use stilt_inventory::{EndpointKind, StepKind};
use stilt_model::{
    Actor, ActorId, EndpointId, Finding, Outcome, Response, Rule, Severity, Timestamp, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.user_enumeration",
        title: "User enumeration",
        owasp: &["API2:2023"],
        attack: &["T1087", "T1589"],
        references: &["OAT-018", "CWE-204"],
    },
    severity: Severity::Medium,
    looks_for: "One client asks for many names whether they exist: at sign-in (where the answers \
                tell), sign-up, look-ups and people's profiles.",
    needs: "Requests with their answers; at sign-in, some wrong passwords of known users.",
    look_alikes: "A field that checks a name while it is typed (one name); people who sign up and \
                  in (their names become known); a back end that asks for all users (several \
                  signed-in callers, or as many names as ever).",
    tuning: &[
        Tuning { key: "names_min", meaning: "unknown names asked for by one client in 10 minutes" },
        Tuning { key: "names_day_min", meaning: "unknown names asked for in 24 hours" },
        Tuning { key: "clients_max", meaning: "clients remembered" },
        Tuning { key: "names_max", meaning: "names known to sign in that are remembered" },
    ],
    build: |settings| Ok(Box::new(UserEnumeration::new(settings)?)),
};

const FAST: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const EVENTS_MAX: usize = 1024;
const KEPT_MAX: u64 = 30;
/// Signed-in callers from which on a client is a back end.
const CALLERS: usize = 3;
/// Sets names that were refused to a newcomer apart from those asked for elsewhere.
const TAKEN: u64 = 0x7461_6b65_6e5f_5f5f;
/// Sorts of refusals remembered per endpoint.
const SORTS_MAX: usize = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    names_min: u64,
    names_day_min: u64,
    clients_max: usize,
    names_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { names_min: 30, names_day_min: 30, clients_max: 50_000, names_max: 500_000 }
    }
}

/// One client that asks for names.
#[derive(Serialize, Deserialize)]
struct Asker {
    fast: Distinct,
    day: Distinct,
    usual: Usual,
    callers: BTreeSet<ActorId>,
    last: String,
    tale: Tale,
    story: Option<Actor>,
}

/// One sort of refusal at sign-in.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Refusal {
    /// Accounts that got it and have signed in.
    known: u64,
}

#[derive(Serialize, Deserialize)]
struct UserEnumeration {
    #[serde(skip)]
    limits: Limits,
    askers: Keep<u64, Asker>,
    /// Names that somebody has signed in with.
    known: Keep<u64, ()>,
    /// The client that last asked for a name nobody had signed in with.
    asked: Keep<u64, u64>,
    refusals: Keep<EndpointId, BTreeMap<u64, Refusal>>,
    lookups: Lookups,
}

/// How a name was asked for.
enum Asked {
    /// Somewhere that tells by design.
    Openly(String),
    /// By an attempt to sign in, and what was answered.
    SigningIn(String),
}

impl UserEnumeration {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            askers: Keep::new(limits.clients_max),
            known: Keep::new(limits.names_max),
            asked: Keep::new(limits.clients_max.saturating_mul(4)),
            refusals: Keep::new(4096),
            lookups: Lookups::new(limits.clients_max),
            limits,
        })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let sighting = context.sighting;
        let realm = &sighting.realm;
        let success = sighting.outcome == Outcome::Success;
        if let Some(login) = &sighting.login {
            if login.outcome == Outcome::Success {
                self.exists(context.at(), tell::key(realm, &login.user));
                return;
            }
        } else if sighting.kind == EndpointKind::Signup
            && success
            && let Some(user) = sighting.step.as_ref().and_then(|step| step.user.as_ref())
        {
            self.exists(context.at(), tell::key(realm, user));
            return;
        }
        let Some(asked) = asked(context) else {
            if sighting.login.is_none() && sighting.step.is_none() {
                self.lookups.see(context, &self.limits, &self.known, findings);
            }
            return;
        };
        let name = match &asked {
            Asked::Openly(name) => name,
            Asked::SigningIn(name) => name,
        };
        let key = tell::key(realm, name);
        let known = self.known.get(&key).is_some();
        if matches!(asked, Asked::SigningIn(_)) && !self.tells(context, known) {
            return;
        }
        // Who makes an account asks for few names, be they known: that they are taken is told.
        let taken = sighting.kind == EndpointKind::Signup && sighting.outcome == Outcome::Failure;
        if taken {
            self.ask(context, name, key ^ TAKEN, findings);
        } else if !known {
            self.ask(context, name, key, findings);
        }
    }

    /// Somebody signs in with a name: whoever asked for it before asked for a real one.
    fn exists(&mut self, now: Timestamp, name: u64) {
        self.known.touch(now, name, || ());
        if let Some(asker) = self.asked.remove(&name)
            && let Some(asker) = self.askers.get_mut(&asker)
            && asker.story.is_none()
        {
            asker.fast.forget(name);
            asker.day.forget(name);
        }
    }

    /// The refusal is one that known users never get, at an endpoint where they get another.
    fn tells(&mut self, context: &Context<'_>, known: bool) -> bool {
        let Some(response) = &context.tx.response else { return false };
        let (now, endpoint) = (context.at(), context.sighting.endpoint);
        let sorts = self.refusals.touch(now, endpoint, BTreeMap::new);
        let sort = sort(response);
        if sorts.len() < SORTS_MAX || sorts.contains_key(&sort) {
            let refusal = sorts.entry(sort).or_default();
            refusal.known = refusal.known.saturating_add(u64::from(known));
        }
        let own = sorts.get(&sort).map_or(1, |refusal| refusal.known);
        own == 0 && sorts.values().any(|refusal| refusal.known >= 2)
    }

    fn ask(&mut self, context: &Context<'_>, name: &str, key: u64, findings: &mut Vec<Finding>) {
        let now = context.at();
        let place = Place::of(context);
        let client = tell::key(&context.sighting.service, &place.ip.to_string()) ^ place.make;
        self.asked.touch(now, key, || client);
        let asker = self.askers.touch(now, client, Asker::new);
        asker.hear(context, name, key);
        asker.judge(context, &self.limits, findings);
    }
}

/// The name a transaction asks for.
fn asked(context: &Context<'_>) -> Option<Asked> {
    let sighting = context.sighting;
    let response = context.tx.response.as_ref()?;
    // A fault that blames who asked is an answer, whatever its status.
    let broken = response.status >= 500 && sighting.outcome != Outcome::Failure;
    if response.status == 429 || broken {
        return None;
    }
    if let Some(login) = &sighting.login {
        let failed = login.outcome == Outcome::Failure;
        return failed.then(|| Asked::SigningIn(login.user.clone()));
    }
    if let Some(step) = &sighting.step {
        let user = step.user.clone()?;
        return match step.kind {
            StepKind::Lookup => Some(Asked::Openly(user)),
            StepKind::ResetAsked => Some(Asked::SigningIn(user)),
            _ => None,
        };
    }
    // A profile that is not there.
    const PEOPLE: &[&str] = &[
        "user",
        "u",
        "account",
        "customer",
        "member",
        "client",
        "profile",
        "person",
        "people",
        "employee",
        "author",
        "seller",
        "benutzer",
        "nutzer",
        "mitglied",
        "kunde",
        "usuario",
        "cliente",
        "perfil",
        "utilisateur",
        "membre",
        "profil",
        "utente",
    ];
    let missing =
        matches!(response.status, 404 | 410) || (sighting.refused && response.status < 300);
    let object = sighting.objects.iter().find(|object| {
        object.in_path && object.number.is_none() && PEOPLE.contains(&&*object.class)
    })?;
    let word = object.id.len() < 20 || object.id.contains(['@', '.']);
    (missing && word).then(|| Asked::Openly(object.id.clone()))
}

/// Which sort of refusal an answer is: status, shape, and its first words.
fn sort(response: &Response) -> u64 {
    let mut hasher = FixedState::with_seed(17).build_hasher();
    hasher.write_u16(response.status);
    hasher.write_u64(response.shape);
    for leaf in response.leaves.iter().take(6) {
        match &leaf.value {
            // Names and times that an answer repeats are no sort of their own.
            Value::Text(text) if text.len() <= 120 => {
                let words = text.split_whitespace().take(8);
                for word in words.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase())) {
                    hasher.write(word.as_bytes());
                }
            }
            Value::Bool(truth) => hasher.write_u8(u8::from(*truth)),
            Value::Integer(number) if leaf.name().to_ascii_lowercase().contains("code") => {
                hasher.write_i64(*number);
            }
            _ => {}
        }
    }
    if let Some(location) = &response.location {
        hasher.write(location.as_bytes());
    }
    hasher.finish()
}

impl Asker {
    fn new() -> Self {
        Self {
            fast: Distinct::new(FAST, EVENTS_MAX),
            day: Distinct::new(DAY, EVENTS_MAX),
            usual: Usual::default(),
            callers: BTreeSet::new(),
            last: String::new(),
            tale: Tale::default(),
            story: None,
        }
    }

    /// Takes in one more name; gives the one before, where it was only typed further.
    fn hear(&mut self, context: &Context<'_>, name: &str, key: u64) -> Option<u64> {
        let now = context.at();
        if let Some(principal) = context.seen.principal
            && self.callers.len() < CALLERS
        {
            self.callers.insert(principal);
        }
        // Typed letter by letter.
        let grows = name.starts_with(&self.last) || self.last.starts_with(name);
        let before = core::mem::replace(&mut self.last, name.to_owned());
        let before =
            (grows && !before.is_empty()).then(|| tell::key(&context.sighting.service, &before));
        if let Some(before) = before {
            self.fast.forget(before);
            self.day.forget(before);
        }
        if !self.day.holds(key) {
            self.usual.add(now, HOUR);
        }
        self.fast.add(now, key);
        self.day.add(now, key);
        if self.tale.count < KEPT_MAX || self.story.is_some() {
            self.tale.add(context, format!("asks for {name}"), false);
            self.tale.user(name);
        }
        before
    }

    /// Tells of a client that has asked for too many.
    fn judge(&mut self, context: &Context<'_>, limits: &Limits, findings: &mut Vec<Finding>) {
        let (fast, day) = (self.fast.different(), self.day.different());
        let many = fast >= limits.names_min || day >= limits.names_day_min;
        let back_end = self.callers.len() >= CALLERS;
        let usual = self.usual.most().saturating_mul(3);
        if self.story.is_none() && many && !back_end && day >= usual {
            self.story = Some(tell::client(context));
        }
        self.tell(context, day, findings);
    }

    fn tell(&mut self, context: &Context<'_>, names: u64, findings: &mut Vec<Finding>) {
        let Some(actor) = self.story.clone() else { return };
        if !self.tale.due(context.at(), Outcome::Success) {
            return;
        }
        let mut finding = context.finding(SPEC.rule.id, Severity::Medium, actor);
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = Outcome::Success;
        finding.confidence = 0.85;
        finding.message = format!(
            "{} asked for from {} in {}, whether they exist",
            counted(names, "name"),
            context.seen.client_ip,
            lasting(finding.end.since(finding.start)),
        );
        finding.why = vec![signal(
            "unknown_names",
            format!("{names} in 24 hours"),
            "fewer than 30, and three times as many as ever from this client",
        )];
        finding.remediation = format!(
            "answer alike whether a name exists or not on {}, and slow such clients down",
            finding.endpoint
        );
        findings.push(finding);
    }
}

impl Detector for UserEnumeration {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.askers.resize(self.limits.clients_max);
        self.lookups.resize(self.limits.clients_max);
        self.known.resize(self.limits.names_max);
        self.asked.resize(self.limits.clients_max.saturating_mul(4));
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}
