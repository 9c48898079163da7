//! JWT tampering (RFC 7519, RFC 8725; OWASP API2:2023, CWE-347).
//!
//! A signed token is told to be made or changed by its bearer: it needs no signature, it changes
//! the class of algorithm or brings its own key, its key id is a path or a query, it shares its
//! signature with a token of other content, its signature was checked and is wrong, or it was never
//! handed out by an application that hands out all of its tokens under our eyes (`issuers.rs`). It
//! may also be let in after its time, before it, or although it is for somebody else (`claims.rs`).
//! What came of it decides how grave it is.

mod claims;
#[cfg(test)]
mod claims_tests;
mod issuers;
#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::guarded::Guarded;
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::Tale;
use crate::tell::{self, signal};
use claims::{Claims, Odd};
use issuers::{Issuers, Origin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{
    Actor, Credential, Finding, Jwt, Outcome, Rule, Severity,
    saved::{self, Word},
};
use stilt_session::Signature;

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "auth.jwt_tampering",
        title: "JWT tampering",
        owasp: &["API2:2023"],
        attack: &["T1606", "T1190"],
        references: &["CWE-347"],
    },
    severity: Severity::Critical,
    looks_for: "Signed tokens that their bearer made or changed: no signature, another class of \
                algorithm or a key of their own, a key id that is a path or a query, one signature \
                under two contents, a signature that is wrong under the issuer's keys, or a token \
                that the application never handed out although it hands out all others in sight. \
                Tokens that are let in after their time, before it, or although they are for \
                another audience or of another issuer than all before.",
    needs: "Requests with their tokens; for made-up tokens, sign-ins with whole answers; for \
            signatures, the issuer's keys (served in sight or `[identity] jwks`); for time, the \
            server's `Date`. Shared secrets (HS256) are not known unless configured.",
    look_alikes: "A new signing key (tokens that the service itself hands out tell) or a token of \
                  another issuer (issuers apart); tokens from before the capture (their `iat` \
                  tells); answers that were lost (no judgement for a while); opaque tokens of \
                  three parts; clocks that differ; a service that looks at no expiry (posture); \
                  a new audience that several bearers come with.",
    tuning: &[
        Tuning {
            key: "streak_min",
            meaning: "tokens seen handed out, one after the other, before one that was not counts",
        },
        Tuning {
            key: "unknown_min",
            meaning: "refused made-up tokens of one client that are told",
        },
        Tuning { key: "tokens_max", meaning: "tokens remembered" },
    ],
    build: |settings| Ok(Box::new(JwtTampering::new(settings)?)),
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    streak_min: u64,
    unknown_min: usize,
    tokens_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streak_min: 12, unknown_min: 2, tokens_max: 200_000 }
    }
}

/// What one client does with tokens.
#[derive(Serialize, Deserialize)]
struct Forger {
    actor: Actor,
    tale: Tale,
    outcome: Outcome,
    #[serde(deserialize_with = "saved::words")]
    signs: BTreeSet<Word>,
    unknown: BTreeSet<u64>,
}

#[derive(Serialize, Deserialize)]
struct JwtTampering {
    #[serde(skip)]
    limits: Limits,
    issuers: Issuers,
    claims: Claims,
    doors: Guarded,
    forgers: Keep<u64, Forger>,
}

impl JwtTampering {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            issuers: Issuers::new(limits.tokens_max, limits.streak_min),
            claims: Claims::default(),
            doors: Guarded::default(),
            forgers: Keep::new(20_000),
            limits,
        })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let mut flagged = false;
        let tokens = request.credentials.iter().filter(|own| own.jwt.is_some()).take(4);
        for own in tokens {
            let Some(jwt) = own.jwt.as_deref() else { continue };
            flagged |= self.token(context, own, jwt, findings);
        }
        self.issuers.hand_out(context);
        if let Some(response) = &context.tx.response {
            self.claims.hand_out(context, &response.issued);
        }
        if !flagged {
            self.doors.learn(context);
        }
    }

    fn token(
        &mut self,
        context: &Context<'_>,
        own: &Credential,
        jwt: &Jwt,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let held = self.issuers.held(context, own);
        let origin = self.issuers.origin(context, own, jwt);
        let worth = context.seen.tokens.iter().find(|(mark, _)| *mark == own.mark);
        let worth = worth.map(|(_, worth)| *worth);
        let wrong = (worth == Some(Signature::Forged)).then_some("wrong_signature");
        let mut sign = signs(jwt).or(wrong).or(match origin {
            Origin::OtherClass => Some("algorithm_class"),
            Origin::OtherContent => Some("signature_of_another_token"),
            Origin::OwnKey => Some("key_of_its_own"),
            Origin::Known | Origin::New | Origin::NeverIssued => None,
        });
        let outcome = self.outcome(context);
        let place = tell::key(&context.sighting.service, &context.seen.client_ip.to_string());
        if sign.is_none() && origin == Origin::NeverIssued {
            let forger = self.forger(context, place);
            forger.unknown.insert(tell::secret(own.mark));
            let several = forger.unknown.len();
            if outcome != Outcome::Failure || several >= self.limits.unknown_min {
                sign = Some("never_handed_out");
            }
        }
        if sign.is_none() {
            let genuine = matches!(worth, Some(Signature::Verified | Signature::Expired));
            let accepted = outcome == Outcome::Success;
            match self.claims.judge(context, jwt, &held, accepted, genuine) {
                Some(Odd::Sign(odd)) => sign = Some(odd),
                Some(Odd::Weak) => findings.push(weak(context)),
                None => {}
            }
        }
        let Some(sign) = sign else { return false };
        let forger = self.forger(context, place);
        forger.signs.insert(sign);
        forger.outcome = forger.outcome.max(outcome);
        let note = format!("{}: {}", words(sign), whose(jwt));
        forger.tale.add(context, note, outcome == Outcome::Success);
        if let Some(user) = &jwt.sub {
            forger.tale.user(user);
        }
        forger.tell(context, jwt, findings);
        true
    }

    fn forger(&mut self, context: &Context<'_>, place: u64) -> &mut Forger {
        self.forgers.touch(context.at(), place, || Forger {
            actor: tell::client(context),
            tale: Tale::default(),
            outcome: Outcome::Failure,
            signs: BTreeSet::new(),
            unknown: BTreeSet::new(),
        })
    }

    /// What came of showing the token: it opened something only where nothing opens without one.
    fn outcome(&self, context: &Context<'_>) -> Outcome {
        match context.sighting.outcome {
            Outcome::Success if self.doors.accepts(context) => Outcome::Success,
            Outcome::Failure => Outcome::Failure,
            _ => Outcome::Unknown,
        }
    }
}

/// What a token says of itself that no issuer says.
fn signs(jwt: &Jwt) -> Option<&'static str> {
    if jwt.alg.trim().eq_ignore_ascii_case("none") || (jwt.signature.is_none() && jwt.sub.is_some())
    {
        return Some("no_signature");
    }
    let kid = jwt.kid.as_deref().unwrap_or_default();
    let path = kid.contains("../") || kid.contains("..\\") || kid.starts_with("/dev/");
    let query = kid.contains('\'') || kid.contains('"') || kid.contains(';') || kid.contains('|');
    (path || query || kid.contains('\0')).then_some("key_id_injection")
}

fn words(sign: &str) -> &'static str {
    match sign {
        "no_signature" => "a token without signature",
        "algorithm_class" => "a token of another class of algorithm",
        "signature_of_another_token" => "a signature under changed content",
        "key_of_its_own" => "a token that brings its own key",
        "key_id_injection" => "a key id that is a path or a query",
        "wrong_signature" => "a signature that its issuer did not make",
        "expired" => "a token long expired",
        "before_its_time" => "a token from the future",
        "audience_never_seen" => "a token for another audience",
        "issuer_never_seen" => "a token of an issuer never seen here",
        _ => "a token that was never handed out",
    }
}

fn whose(jwt: &Jwt) -> String {
    jwt.sub.as_ref().map_or_else(|| "of nobody".to_owned(), |sub| format!("of {sub}"))
}

/// The service lets expired tokens in.
fn weak(context: &Context<'_>) -> Finding {
    let mut finding = context.finding(SPEC.rule.id, Severity::Medium, tell::client(context));
    finding.posture = true;
    finding.session = None;
    finding.outcome = Outcome::Success;
    finding.message = "tokens are accepted long after they expired".to_owned();
    finding.why = vec![signal("expired", "let in", "refused at most 300 s after `exp`")];
    finding.evidence = vec![context.evidence("carries a token that has expired")];
    finding.remediation = "check `exp` in every service that takes the token".to_owned();
    finding
}

/// Signs that may have other causes than a forger.
const SOFT: [&str; 4] = ["never_handed_out", "expired", "audience_never_seen", "issuer_never_seen"];

impl Forger {
    fn tell(&mut self, context: &Context<'_>, jwt: &Jwt, findings: &mut Vec<Finding>) {
        if !self.tale.due(context.at(), self.outcome) {
            return;
        }
        let late = self.signs.iter().all(|sign| *sign == "expired");
        let severity = match self.outcome {
            Outcome::Success if late => Severity::High,
            Outcome::Success => Severity::Critical,
            Outcome::Unknown => Severity::High,
            Outcome::Failure => Severity::Medium,
        };
        let mut finding = context.finding(SPEC.rule.id, severity, self.actor.clone());
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        let soft = self.signs.iter().all(|sign| SOFT.contains(sign));
        finding.confidence = if soft { 0.8 } else { 0.95 };
        let came = match self.outcome {
            Outcome::Success => "accepted",
            Outcome::Unknown => "not seen to be refused",
            Outcome::Failure => "refused",
        };
        let told: Vec<&str> = self.signs.iter().map(|sign| words(sign)).collect();
        finding.message = format!("{} ({}), {came}", told.join("; "), whose(jwt));
        finding.why = self
            .signs
            .iter()
            .map(|sign| signal(*sign, words(sign), "what the issuer signs and hands out"))
            .collect();
        finding.remediation = if self.outcome == Outcome::Failure {
            "watch the client; make sure that every service pins algorithm and keys".to_owned()
        } else {
            "change the signing key, pin algorithm and keys in every service, and undo what was \
             done with these tokens"
                .to_owned()
        };
        findings.push(finding);
    }
}

impl Detector for JwtTampering {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.issuers.configure(self.limits.tokens_max, self.limits.streak_min);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}
