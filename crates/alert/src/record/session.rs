//! Session records.

use super::parts::{ECS, Ecs, User};
use super::{SCHEMA_VERSION, cap, line, rounded};
use crate::Names;
use core::net::IpAddr;
use serde::Serialize;
use std::borrow::Cow;
use stilt_model::{Closed, Observed, SessionId, SessionRecord, Step, Timestamp};

/// The record of one closed session.
#[must_use]
pub fn session(session: &SessionRecord, names: &Names) -> String {
    line(&Record::new(session, names))
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    ecs: Ecs,
    event: Event,
    related: Related<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    stilt: Stilt<'a>,
}

#[derive(Serialize)]
struct Event {
    kind: &'static str,
    category: &'static [&'static str],
    r#type: &'static [&'static str],
    dataset: &'static str,
    id: SessionId,
    start: Timestamp,
    end: Timestamp,
    duration: u128,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ip: &'a [IpAddr],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<String>,
}

#[derive(Serialize)]
struct Stilt<'a> {
    schema: u32,
    actor: Actor<'a>,
    service: Cow<'a, str>,
    closed: Closed,
    requests: u64,
    failures: u64,
    bytes_in: u64,
    bytes_out: u64,
    addresses: &'a [IpAddr],
    user_agents: Vec<Cow<'a, str>>,
    endpoints: Vec<Endpoint<'a>>,
    sequence: Vec<StepFields<'a>>,
    sequence_cut: bool,
    anomaly: f64,
    alerts: &'a [String],
    observed: Observed,
}

#[derive(Serialize)]
struct Actor<'a> {
    kind: &'static str,
    id: String,
    identified_by: Cow<'a, str>,
}

/// A list, not a map: a client must not choose field names.
#[derive(Serialize)]
struct Endpoint<'a> {
    endpoint: Cow<'a, str>,
    requests: u64,
}

/// One step of the sequence of actions.
#[derive(Serialize)]
struct StepFields<'a> {
    time: Timestamp,
    endpoint: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: &'static str,
    times: u32,
}

impl<'a> StepFields<'a> {
    fn of(step: &'a Step) -> Self {
        Self {
            time: step.time,
            endpoint: cap(&step.endpoint),
            status: step.status,
            outcome: step.outcome.name(),
            times: step.times,
        }
    }
}

impl<'a> Record<'a> {
    fn new(session: &'a SessionRecord, names: &Names) -> Self {
        let actor = &session.actor;
        let user = actor.user.as_deref();
        Self {
            timestamp: session.end,
            ecs: ECS,
            event: Event {
                kind: "event",
                category: &["session"],
                r#type: &["end"],
                dataset: "stilt.session",
                id: session.id,
                start: session.start,
                end: session.end,
                duration: session.end.since(session.start).as_nanos(),
            },
            related: Related {
                ip: &session.addresses,
                user: user.and_then(|user| names.elsewhere(user)).into_iter().collect(),
            },
            user: User::of(user.and_then(|user| names.user(user)), &actor.roles),
            stilt: Stilt {
                schema: SCHEMA_VERSION,
                actor: Actor {
                    kind: actor.kind.name(),
                    id: names.actor(actor),
                    identified_by: cap(&actor.identified_by),
                },
                service: cap(&session.service),
                closed: session.closed,
                requests: session.requests,
                failures: session.failures,
                bytes_in: session.bytes_in,
                bytes_out: session.bytes_out,
                addresses: &session.addresses,
                user_agents: session.user_agents.iter().map(|agent| cap(agent)).collect(),
                endpoints: session
                    .endpoints
                    .iter()
                    .map(|(endpoint, requests)| Endpoint {
                        endpoint: cap(endpoint),
                        requests: *requests,
                    })
                    .collect(),
                sequence: session.sequence.iter().map(StepFields::of).collect(),
                sequence_cut: session.sequence_cut,
                anomaly: rounded(session.anomaly.clamp(0.0, 1.0), 1000.0),
                alerts: &session.alerts,
                observed: session.observed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, finding, key};
    use crate::{Identities, schema};
    use serde_json::{Value, json};
    use stilt_model::Outcome;

    fn sample() -> SessionRecord {
        SessionRecord {
            id: SessionId(0xabc),
            actor: finding("ato.x").actor,
            service: "shop.internal".to_owned(),
            start: at(0),
            end: at(2),
            closed: Closed::Idle,
            requests: 3,
            failures: 1,
            bytes_in: 10,
            bytes_out: 900,
            addresses: vec!["10.0.0.66".parse().unwrap()],
            user_agents: vec!["curl/8".to_owned()],
            endpoints: [("POST /login".to_owned(), 3)].into(),
            sequence: vec![Step {
                time: at(0),
                endpoint: "POST /login".to_owned(),
                status: None,
                outcome: Outcome::Unknown,
                times: 3,
            }],
            sequence_cut: false,
            anomaly: f64::NAN,
            alerts: vec!["ato.x".to_owned()],
            observed: Observed::default(),
        }
    }

    #[test]
    fn a_session_is_told_with_its_sequence() {
        let names = Names::new(Identities::Clear, Some(key()));
        let record: Value = serde_json::from_str(&session(&sample(), &names)).unwrap();
        schema::tests::check(&schema::session(), &record);
        assert_eq!(record["event"]["dataset"], "stilt.session");
        assert_eq!(record["event"]["duration"], 2_000_000_000_u64);
        assert_eq!(
            record["stilt"]["endpoints"],
            json!([{"endpoint": "POST /login", "requests": 3}])
        );
        assert_eq!(record["stilt"]["sequence"][0]["times"], 3);
        assert_eq!(record["stilt"]["anomaly"], 0.0);
        assert!(record["stilt"]["sequence"][0].get("status").is_none(), "absent, never null");
    }

    #[test]
    fn pseudonyms_reach_a_session_too() {
        let names = Names::new(Identities::Pseudonym, Some(key()));
        let line = session(&sample(), &names);
        assert!(!line.contains("alice") && line.contains("<user:"), "{line}");
        schema::tests::check(&schema::session(), &serde_json::from_str(&line).unwrap());
    }
}
