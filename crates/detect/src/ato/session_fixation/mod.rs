//! Session fixation (CWE-384; ATT&CK T1539 comes closest).
//!
//! A session that was there before its user signed in carries the user afterwards, under the same
//! name. That is a weakness of the application, told as posture; where the session was first
//! somebody else's (another network, another make of client), it was planted.

use crate::context::{Context, Observation};
use crate::guarded::Guarded;
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, lasting};
use crate::tell::{self, signal};
use crate::tokens::let_through;
use serde::{Deserialize, Serialize};
use stilt_model::{
    ActorId, Credential, CredentialKind, Evidence, Finding, Outcome, Request, Rule, Severity, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.session_fixation",
        title: "Session fixation",
        owasp: &["API2:2023"],
        attack: &["T1539"],
        references: &["CWE-384"],
    },
    severity: Severity::High,
    looks_for: "A session cookie that was given to one client, with which another client signs in, \
                and which is not renewed. From one client alone it is a weakness (posture).",
    needs: "Requests with cookies before and after sign-in, whole.",
    look_alikes: "A guest's cart (a second cookie carries the sign-in); a phone that changes \
                  networks between the first page and the sign-in (same program).",
    tuning: &[Tuning { key: "sessions_max", meaning: "sessions before sign-in remembered" }],
    build: |settings| Ok(Box::new(SessionFixation::new(settings)?)),
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    sessions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions_max: 200_000 }
    }
}

/// A session before anybody signed in with it.
#[derive(Serialize, Deserialize)]
struct Early {
    place: Place,
    client: ActorId,
    /// Without its note: there are many of these, and few are ever told.
    first: Evidence,
}

/// One that carries a sign-in under its old name.
#[derive(Serialize, Deserialize)]
struct Fixed {
    early: Early,
    place: Place,
    user: String,
    login: Evidence,
    told: bool,
}

#[derive(Serialize, Deserialize)]
struct SessionFixation {
    early: Keep<u64, Early>,
    fixed: Keep<u64, Fixed>,
    doors: Guarded,
}

impl SessionFixation {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        let room = settings.room_of("sessions_max", limits.sessions_max);
        Ok(Self { early: Keep::new(room), fixed: Keep::new(room), doors: Guarded::default() })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        let now = context.at();
        let login = context.sighting.login.as_ref();
        let success = login.filter(|login| login.outcome == Outcome::Success);
        for own in request.credentials.iter().filter(|own| is_session(request, own)) {
            let key = tell::secret(own.mark);
            match success {
                // Anything new that is handed out carries the sign-in from now on.
                Some(login) if response.issued.iter().all(|issued| issued.cleared) => {
                    if let Some(early) = self.early.remove(&key) {
                        self.fixed.touch(now, key, || Fixed {
                            early,
                            place: Place::of(context),
                            user: login.user.clone(),
                            login: context.evidence(format!("{} signs in with it", login.user)),
                            told: false,
                        });
                    }
                }
                Some(_) => {
                    self.early.remove(&key);
                }
                None if self.fixed.get(&key).is_some() => {
                    let surely = self.doors.door(context).is_some_and(|door| door.refused > 0);
                    if let_through(context.tx, context)
                        && (surely || self.doors.answers_as_signed_in(context))
                        && let Some(fixed) = self.fixed.get_mut(&key)
                        && (surely || fixed.is_planted())
                    {
                        fixed.tell(context, findings);
                    }
                }
                None => {
                    self.early.touch(now, key, || early(context));
                }
            }
        }
        if success.is_none() {
            for issued in response.issued.iter().filter(|issued| !issued.cleared).take(8) {
                self.early.touch(now, tell::secret(issued.mark), || early(context));
            }
        }
        self.doors.learn(context);
    }
}

/// A cookie, or a value that calls carry in their bodies.
fn is_session(request: &Request, own: &Credential) -> bool {
    let in_body = || {
        let mut marks = request.leaves.iter().filter_map(|leaf| match leaf.value {
            Value::Masked { mark, .. } => Some(mark),
            _ => None,
        });
        own.kind == CredentialKind::Bearer && marks.any(|mark| mark == own.mark)
    };
    own.length >= 16 && (own.kind == CredentialKind::Cookie || in_body())
}

fn early(context: &Context<'_>) -> Early {
    Early { place: Place::of(context), client: context.seen.client, first: context.evidence("") }
}

impl Fixed {
    /// It was another client's before.
    fn is_planted(&self) -> bool {
        !self.place.near(&self.early.place) && !self.place.alike(&self.early.place)
    }

    fn tell(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        if self.told {
            return;
        }
        self.told = true;
        let planted = self.is_planted();
        let severity = if planted { Severity::High } else { Severity::Low };
        let mut finding = context.finding(
            SPEC.rule.id,
            severity,
            tell::client_at(self.early.client, self.early.place.ip),
        );
        let mut tale = Tale::default();
        let mut first = self.early.first.clone();
        first.note = "the session before anybody signed in".to_owned();
        for (evidence, ip) in [(first, self.early.place.ip), (self.login.clone(), self.place.ip)] {
            let time = evidence.time;
            tale.add_evidence(evidence, ip, context.observed(), time, true);
        }
        tale.add(context, "the same session opens a guarded endpoint".to_owned(), true);
        tale.user(&self.user);
        tale.fill(&mut finding);
        finding.posture = !planted;
        finding.session = None;
        finding.outcome = Outcome::Success;
        finding.confidence = 0.85;
        let age = lasting(self.login.time.since(self.early.first.time));
        finding.message = if planted {
            format!(
                "{} signed in with a session that {} had {age} before",
                self.user, self.early.place.ip
            )
        } else {
            "a session keeps its name when its user signs in".to_owned()
        };
        finding.why = vec![
            signal("session_before_sign_in", age, "a new one at sign-in"),
            signal("first_seen_from", self.early.place.ip.to_string(), "the client that signs in"),
        ];
        finding.remediation = "give a new session at sign-in, and end the old one".to_owned();
        findings.push(finding);
    }
}

impl Detector for SessionFixation {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        let limits: Limits = settings.own()?;
        let room = settings.room_of("sessions_max", limits.sessions_max);
        self.early.resize(room);
        self.fixed.resize(room);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Town, browser, elsewhere, home, key, password};
    use stilt_inventory::test_support::{Tx, get, post};
    use stilt_model::Severity;

    fn at_home(user: u64, tx: Tx) -> Tx {
        tx.from(&home(user)).agent(browser(user))
    }

    /// Ten users open a page, get a session, sign in with it and look at their account.
    fn town(renew: bool, first: impl Fn(u64, Tx) -> Tx) -> Town {
        let mut town = Town::new(super::SPEC.rule.id);
        for user in 0..10_u64 {
            let at = 100.0 * user as f64;
            let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
            let (guest, later) = (key(user), if renew { key(user + 50) } else { key(user) });
            town.at(at, first(user, get("/").set_cookie("SID", &guest).html("<p>hi</p>")));
            let closed = get("/account").status(401).answer(r#"{"error":"sign in"}"#);
            town.at(at + 4.0, own(closed.cookie("SID", &guest)));
            let body = format!("user=u{user}&password={}", password(user));
            let login = post("/login").form(&body).cookie("SID", &guest);
            let login = if renew { login.set_cookie("SID", &later) } else { login };
            town.at(at + 9.0, own(login.location("/home")));
            let page = get("/account").answer(r#"{"username":"me","plan":"basic"}"#);
            town.at(at + 20.0, own(page.cookie("SID", &later)));
        }
        town.run();
        town
    }

    #[test]
    fn a_planted_session_is_told_and_one_that_is_just_kept_is_posture() {
        let planted = town(false, |user, tx| {
            if user == 7 { tx.from(&elsewhere(1)).agent("curl/8") } else { at_home(user, tx) }
        });
        let stories = planted.stories();
        assert_eq!(stories.len(), 1, "{stories:#?}");
        assert_eq!(stories.first().map(|story| story.severity), Some(Severity::High));
        let kept = town(false, at_home);
        assert!(kept.stories().is_empty() && !kept.notices().is_empty());
    }

    #[test]
    fn a_session_that_is_renewed_and_a_phone_that_moves_are_silent() {
        let renewed = town(true, |_, tx| tx.from(&elsewhere(1)).agent("curl/8"));
        assert!(renewed.stories().is_empty() && renewed.notices().is_empty());
        let moved = town(false, |user, tx| tx.from(&elsewhere(user)).agent(browser(user)));
        assert!(moved.stories().is_empty(), "{:#?}", moved.stories());
    }
}
