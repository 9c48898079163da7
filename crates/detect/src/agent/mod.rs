//! Agents, models and tool servers: what they are told, do, give away and cost.

pub(crate) mod approval_skipped;
mod asks;
pub(crate) mod confused_deputy;
pub(crate) mod cost_budget;
pub(crate) mod excessive_agency;
pub(crate) mod guardrail_bypass;
pub(crate) mod identity_downgrade;
pub(crate) mod identity_spoofing;
pub(crate) mod indirect_injection;
pub(crate) mod jailbreak;
pub(crate) mod link_exfiltration;
mod many_shot;
pub(crate) mod mcp_authorization;
pub(crate) mod mcp_desync;
pub(crate) mod mcp_invalid_call;
pub(crate) mod mcp_session_hijack;
pub(crate) mod memory_poisoning;
pub(crate) mod model_extraction;
pub(crate) mod off_purpose_use;
mod persons;
pub(crate) mod prompt_injection;
pub(crate) mod runaway_loop;
pub(crate) mod sensitive_from_agent;
pub(crate) mod sensitive_to_model;
mod suspect;
pub(crate) mod system_prompt_leak;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tool_poisoning;
pub(crate) mod tool_rug_pull;
pub(crate) mod tool_shadowing;
pub(crate) mod tool_split_view;
pub(crate) mod unapproved_model;
mod unseen_models;

use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::tale::Tale;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};
use stilt_model::{
    Actor, ActorKind, Evidence, Finding, Outcome, Severity, Signal, SmolStr, Talk, Timestamp,
};

/// Stories kept by one detection.
const STORIES_MAX: usize = 10_000;

/// What is to be told of one act.
pub(crate) struct Word {
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    pub(crate) confidence: f64,
    /// What this transaction shows.
    pub(crate) note: String,
    pub(crate) message: String,
    pub(crate) why: Vec<Signal>,
    pub(crate) remediation: String,
}

/// The stories of one detection, by who and what.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stories(Keep<u64, Tale>);

impl Default for Stories {
    fn default() -> Self {
        Self(Keep::new(STORIES_MAX))
    }
}

impl Stories {
    /// Tells of an act by whoever sent the transaction, where there is news.
    pub(crate) fn tell(
        &mut self,
        context: &Context<'_>,
        (rule, key): (&'static str, u64),
        word: Word,
        out: &mut Vec<Finding>,
    ) {
        let actor = (*context.seen.actor).clone();
        let key = hash(&[key, actor.id.0]);
        if let Some(finding) = self.told(context, (rule, key), word, actor) {
            out.push(finding);
        }
    }

    /// Tells of what a stranger did, once the owner going on shows that it was one.
    pub(crate) fn tell_of(
        &mut self,
        context: &Context<'_>,
        (rule, key): (&'static str, u64),
        (stranger, note): (&Stranger, &str),
        word: Word,
        out: &mut Vec<Finding>,
    ) {
        let actor = stranger.place.client();
        let key = hash(&[key, actor.id.0]);
        let tale = self.0.touch(context.at(), key, Tale::default);
        for seen in &stranger.seen {
            let seen = Evidence { note: note.to_owned(), ..seen.clone() };
            let at = seen.time;
            tale.add_evidence(seen, stranger.place.ip, context.observed(), at, true);
        }
        if let Some(mut finding) = self.told(context, (rule, key), word, actor) {
            if let Some(last) = stranger.seen.last() {
                crate::tell::about(&mut finding, last);
            }
            out.push(finding);
        }
    }

    /// Tells of a weakness, once.
    pub(crate) fn posture(
        &mut self,
        context: &Context<'_>,
        (rule, key): (&'static str, u64),
        word: Word,
        out: &mut Vec<Finding>,
    ) {
        let actor = crate::tell::client(context);
        let Some(mut finding) = self.told(context, (rule, key), word, actor) else { return };
        finding.posture = true;
        finding.session = None;
        out.push(finding);
    }

    fn told(
        &mut self,
        context: &Context<'_>,
        (rule, key): (&'static str, u64),
        word: Word,
        actor: Actor,
    ) -> Option<Finding> {
        let tale = self.0.touch(context.at(), key, Tale::default);
        tale.add(context, word.note, true);
        if let Some(user) = context.agent.and_then(|agent| agent.user.as_deref()) {
            tale.user(user);
        }
        if !tale.due(context.at(), word.outcome) {
            return None;
        }
        let actor = named(context, actor);
        let mut finding = context.finding(rule, word.severity, actor);
        finding.thread = key;
        tale.fill(&mut finding);
        finding.outcome = word.outcome;
        finding.confidence = word.confidence;
        finding.message = word.message;
        finding.why = word.why;
        finding.remediation = word.remediation;
        Some(finding)
    }
}

/// Where a talk says for whom it is, and its key says no more than which program talks: the agent
/// acts, and that user is the principal.
fn named(context: &Context<'_>, actor: Actor) -> Actor {
    let talks = context.tx.talk.as_deref().is_some_and(|talk| talk.dialect.is_model());
    let own = actor.id == context.seen.actor.id;
    let agent = context.agent.filter(|_| talks && own && actor.user.is_none());
    let Some((agent, user)) = agent.and_then(|agent| Some((agent, agent.user.as_deref()?))) else {
        return actor;
    };
    Actor {
        kind: ActorKind::Principal,
        name: format!("agent:{}", agent.name),
        user: Some(user.to_owned()),
        identified_by: SmolStr::new_static("key and system text of the agent; user as it says"),
        ..actor
    }
}

/// A program that uses what belongs to another one, as long as it may be the owner itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stranger {
    pub(crate) place: Place,
    pub(crate) last: Timestamp,
    /// Its first requests.
    seen: Vec<Evidence>,
}

/// Requests of a stranger that are kept.
const STRANGE_MAX: usize = 6;

impl Stranger {
    /// Adds a request to a stranger, or begins with another one.
    pub(crate) fn note(stranger: &mut Option<Box<Self>>, context: &Context<'_>, place: Place) {
        let fresh = || Box::new(Self { place, last: context.at(), seen: Vec::new() });
        let known = stranger.get_or_insert_with(fresh);
        if known.place.differs(&place) {
            *known = fresh();
        }
        known.last = context.at();
        if known.seen.len() < STRANGE_MAX {
            known.seen.push(context.evidence(""));
        }
    }
}

/// A key of several.
pub(crate) fn hash(parts: &[u64]) -> u64 {
    let mut hasher = FixedState::with_seed(31).build_hasher();
    parts.iter().for_each(|part| hasher.write_u64(*part));
    hasher.finish()
}

/// A key of a text.
pub(crate) fn text_key(text: &str) -> u64 {
    crate::tell::key("", text)
}

/// What came of a call of a tool server.
pub(crate) fn outcome_of(context: &Context<'_>, talk: &Talk) -> Outcome {
    let failed = talk.answers().any(|turn| turn.failed) || talk.error.is_some();
    let waits = talk.mcp.as_deref().is_some_and(|mcp| mcp.awaits_input);
    match context.tx.status() {
        Some(status) if status < 400 && !failed && waits => Outcome::Unknown,
        None => Outcome::Unknown,
        Some(status) if status >= 400 || failed => Outcome::Failure,
        Some(202) => Outcome::Unknown,
        Some(_) => Outcome::Success,
    }
}

/// What every detection of agents has in common: it sees talks, and takes its settings. Those that
/// judge what is answered are `running`: they see it while it is still being sent, too.
macro_rules! detector {
    ($name:ident) => {
        $crate::agent::detector!(@all $name, false);
    };
    ($name:ident, running) => {
        $crate::agent::detector!(@all $name, true);
    };
    (@all $name:ident, $running:literal) => {
        impl $crate::spec::Detector for $name {
            fn configure(
                &mut self,
                settings: &$crate::settings::Settings,
            ) -> Result<bool, $crate::settings::SettingsError> {
                self.limits = settings.own()?;
                Ok(true)
            }

            fn observe(
                &mut self,
                observation: &$crate::context::Observation<'_>,
                out: &mut Vec<stilt_model::Finding>,
            ) {
                if let Some(context) = observation.exchange($running)
                    && let (Some(talk), Some(agent)) = (context.tx.talk.as_deref(), context.agent)
                {
                    self.see(context, talk, agent, out);
                }
            }
        }

        impl $name {
            fn new(
                settings: &$crate::settings::Settings,
            ) -> Result<Self, $crate::settings::SettingsError> {
                Ok(Self { limits: settings.own()?, ..Self::default() })
            }
        }
    };
}
pub(crate) use detector;
