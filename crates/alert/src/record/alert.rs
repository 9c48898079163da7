//! Alert and posture records.

use super::gen_ai::{GenAi, Talk};
use super::parts::{
    AssetFields, Client, ECS, Ecs, Endpoint, Network, Url, User, UserAgent, peer_and_client,
};
use super::wire::Wire;
use super::{SCHEMA_VERSION, cap, cap_cow, line, rounded};
use crate::format::Telling;
use core::net::IpAddr;
use serde::Serialize;
use std::borrow::Cow;
use stilt_model::{
    Criticality, Evidence, Observed, Rule, SessionRef, Severity, Signal, Subject, Timestamp,
    TransactionId, Tunnel,
};

/// The alert record of a story: an act by an actor.
#[must_use]
pub fn alert(telling: &Telling<'_>) -> String {
    line(&Record::new(telling, true))
}

/// The posture record of a weakness of the application itself. It is about the endpoint: who
/// happened to show it is not told.
#[must_use]
pub fn posture(telling: &Telling<'_>) -> String {
    line(&Record::new(telling, false))
}

/// Severity weighed with confidence: full severity when certain, a third of it when not at all
/// (`severity × (1 + 2 × confidence) / 3`, rounded to a tenth), and with how much depends on the
/// service, where that is configured; at most 100.
fn risk_score(severity: Severity, confidence: f64, criticality: Option<Criticality>) -> f64 {
    let weight = criticality.map_or(1.0, Criticality::weight);
    let score = f64::from(severity.number()) * (1.0 + 2.0 * confidence) / 3.0 * weight;
    rounded(score.min(100.0), 10.0)
}

/// `event.category` and `event.type` of a family, from the values ECS allows.
fn category(family: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match family {
        "auth" => (&["intrusion_detection", "authentication"], &["info"]),
        "authz" | "data" => (&["intrusion_detection", "api"], &["access"]),
        "agent" | "abuse" => (&["intrusion_detection", "api"], &["info"]),
        "protocol" => (&["intrusion_detection", "network"], &["info", "protocol"]),
        "recon" => (&["intrusion_detection", "web"], &["access"]),
        _ => (&["intrusion_detection", "web"], &["info"]),
    }
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    ecs: Ecs,
    event: Event,
    rule: RuleFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threat: Option<Threat>,
    observer: Observer<'a>,
    source: Endpoint<'a>,
    destination: Endpoint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    related: Related<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<UserAgent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    url: Url<'a>,
    network: Network,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Trace<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gen_ai: Option<GenAi<'a>>,
    message: Cow<'a, str>,
    stilt: Stilt<'a>,
}

#[derive(Serialize)]
struct Event {
    kind: &'static str,
    category: &'static [&'static str],
    r#type: &'static [&'static str],
    dataset: &'static str,
    id: String,
    start: Timestamp,
    end: Timestamp,
    severity: u8,
    risk_score: f64,
    outcome: &'static str,
}

#[derive(Serialize)]
struct RuleFields<'a> {
    id: &'a str,
    name: &'a str,
    category: &'a str,
}

#[derive(Serialize)]
struct Threat {
    framework: &'static str,
    technique: super::parts::Id<&'static [&'static str]>,
}

#[derive(Serialize)]
struct Observer<'a> {
    r#type: &'static str,
    product: &'static str,
    version: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress: Option<Ingress<'a>>,
}

#[derive(Serialize)]
struct Ingress<'a> {
    interface: Interface<'a>,
}

#[derive(Serialize)]
struct Interface<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ip: &'a [IpAddr],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<String>,
}

#[derive(Serialize)]
struct Http<'a> {
    version: &'a str,
    request: HttpRequest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<HttpResponse>,
}

#[derive(Serialize)]
struct HttpRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    method: Cow<'a, str>,
}

#[derive(Serialize)]
struct HttpResponse {
    status_code: u16,
}

#[derive(Serialize)]
struct Trace<'a> {
    id: Cow<'a, str>,
}

#[derive(Serialize)]
struct Stilt<'a> {
    schema: u32,
    severity: &'static str,
    confidence: f64,
    owasp: &'static [&'static str],
    #[serde(skip_serializing_if = "str::is_empty")]
    config: &'a str,
    also: Vec<&'static str>,
    remediation: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ActorFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionRef>,
    service: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset: Option<AssetFields<'a>>,
    endpoint: Cow<'a, str>,
    why: Vec<Why<'a>>,
    evidence: Vec<EvidenceFields<'a>>,
    count: u64,
    wire: Wire,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'static [&'static str],
    observed: Observed,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    talk: Option<Talk<'a>>,
}

#[derive(Serialize)]
struct ActorFields<'a> {
    kind: &'static str,
    id: String,
    identified_by: Cow<'a, str>,
}

#[derive(Serialize)]
struct Why<'a> {
    signal: &'a str,
    observed: Cow<'a, str>,
    expected: Cow<'a, str>,
}

#[derive(Serialize)]
struct EvidenceFields<'a> {
    transaction: TransactionId,
    time: Timestamp,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    note: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<[u64; 2]>,
}

impl<'a> Record<'a> {
    fn new(telling: &Telling<'a>, act: bool) -> Self {
        let finding = telling.finding;
        let (actor, subject) = (&finding.actor, &finding.subject);
        let text = Text::of(telling);
        let user = actor.user.as_deref().and_then(|user| telling.names.user(user));
        let related = finding.related_users.iter().filter(|_| act);
        let origin = subject.origin.as_deref();
        let (source, client) = peer_and_client(subject.source, subject.client, origin);
        Self {
            timestamp: finding.at,
            ecs: ECS,
            event: Event::new(telling, act),
            rule: RuleFields {
                id: telling.rule.id,
                name: telling.rule.title,
                category: telling.rule.id.split('.').next().unwrap_or(telling.rule.id),
            },
            threat: Threat::of(&telling.rule),
            observer: Observer {
                r#type: "sensor",
                product: "Stilt",
                version: env!("CARGO_PKG_VERSION"),
                name: telling.observer_name,
                ingress: telling.interface.map(|name| Ingress { interface: Interface { name } }),
            },
            source,
            destination: subject.destination.into(),
            client,
            related: Related {
                ip: &finding.related_ips,
                user: related.filter_map(|user| telling.names.elsewhere(user)).collect(),
            },
            user: if act { User::of(user, &actor.roles) } else { None },
            user_agent: UserAgent::of(subject.user_agent.as_deref()),
            http: (!is_tls(subject)).then(|| Http::of(subject)),
            url: Url::new(
                subject.host.as_deref(),
                text.show(&subject.path),
                text.show(&subject.target),
                None,
            ),
            network: Network::of(subject.source, subject.destination, &subject.vlan)
                .speaking(if is_tls(subject) { "tls" } else { "http" }),
            trace: subject.trace_id.as_deref().map(|id| Trace { id: cap(id) }),
            gen_ai: subject.talk.as_deref().map(GenAi::of),
            message: text.show(&finding.message),
            stilt: Stilt::new(telling, &text, act),
        }
    }
}

impl Event {
    fn new(telling: &Telling<'_>, act: bool) -> Self {
        let finding = telling.finding;
        let (category, r#type) = if act {
            category(telling.rule.family())
        } else {
            (&["vulnerability", "web"] as &[_], &["info"] as &[_])
        };
        Self {
            kind: if act { "alert" } else { "state" },
            category,
            r#type,
            dataset: if act { "stilt.alert" } else { "stilt.posture" },
            id: format!("{:016x}", telling.id),
            start: finding.start,
            end: finding.end,
            severity: finding.severity.number(),
            risk_score: risk_score(
                finding.severity,
                confidence(finding.confidence),
                telling.asset.and_then(|asset| asset.criticality),
            ),
            outcome: finding.outcome.name(),
        }
    }
}

impl Threat {
    /// MITRE ATLAS ids (`AML.T0051`) are told as such where there are no others.
    fn of(rule: &Rule) -> Option<Self> {
        let atlas = rule.attack.iter().all(|id| id.starts_with("AML."));
        (!rule.attack.is_empty()).then_some(Self {
            framework: if atlas { "MITRE ATLAS" } else { "MITRE ATT&CK" },
            technique: super::parts::Id { id: rule.attack },
        })
    }
}

/// Nothing but the opening of a connection was seen.
fn is_tls(subject: &Subject) -> bool {
    subject.method.is_empty() && subject.status.is_none() && subject.path.is_empty()
}

impl<'a> Http<'a> {
    fn of(subject: &'a Subject) -> Self {
        Self {
            version: subject.version,
            request: HttpRequest {
                id: subject.request_id.as_deref().map(cap),
                method: cap(&subject.method),
            },
            response: subject.status.map(|status_code| HttpResponse { status_code }),
        }
    }
}

impl<'a> Stilt<'a> {
    fn new(telling: &Telling<'a>, text: &Text<'a>, act: bool) -> Self {
        let finding = telling.finding;
        Self {
            schema: SCHEMA_VERSION,
            severity: finding.severity.name(),
            confidence: confidence(finding.confidence),
            owasp: telling.rule.owasp,
            config: telling.config_digest,
            also: telling.also.iter().copied().collect(),
            remediation: text.show(&finding.remediation),
            actor: act.then(|| ActorFields {
                kind: finding.actor.kind.name(),
                id: telling.names.actor(&finding.actor),
                identified_by: cap(&finding.actor.identified_by),
            }),
            session: finding.session.filter(|_| act),
            service: cap(&finding.service),
            asset: telling.asset.map(AssetFields::of),
            endpoint: cap(&finding.endpoint),
            why: finding.why.iter().map(|signal| Why::of(signal, text)).collect(),
            evidence: finding.evidence.iter().map(|seen| text.evidence(seen)).collect(),
            count: finding.count,
            wire: Wire::of(&finding.subject, &finding.evidence),
            references: telling.rule.references,
            observed: finding.observed,
            tunnel: finding.subject.tunnel,
            talk: finding.subject.talk.as_deref().map(Talk::of),
        }
    }
}

impl<'a> Why<'a> {
    fn of(signal: &'a Signal, text: &Text<'a>) -> Self {
        Self {
            signal: &signal.signal,
            observed: text.show(&signal.observed),
            expected: text.show(&signal.expected),
        }
    }
}

fn confidence(confidence: f64) -> f64 {
    rounded(confidence.clamp(0.0, 1.0), 1000.0)
}

/// Running text, with the names that must not be shown replaced.
struct Text<'a> {
    names: &'a crate::Names,
    people: Vec<&'a str>,
}

impl<'a> Text<'a> {
    fn of(telling: &Telling<'a>) -> Self {
        let users = telling.finding.related_users.iter().map(String::as_str);
        let people = users.chain(telling.finding.actor.user.as_deref()).collect();
        Self { names: telling.names, people }
    }

    fn show(&self, text: &'a str) -> Cow<'a, str> {
        cap_cow(self.names.text(text, &self.people))
    }

    fn evidence(&self, seen: &'a Evidence) -> EvidenceFields<'a> {
        EvidenceFields {
            transaction: seen.transaction,
            time: seen.time,
            method: cap(&seen.method),
            path: self.show(&seen.path),
            status: seen.status,
            source: seen.source.to_string(),
            client: seen.client.filter(|client| *client != seen.source.ip()),
            note: self.show(&seen.note),
            packets: (seen.packets.1 > 0).then_some([seen.packets.0, seen.packets.1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_is_severity_weighed_with_confidence() {
        for (severity, confidence, expected) in [
            (Severity::Critical, 0.97, 97.0),
            (Severity::Critical, 1.0, 99.0),
            (Severity::Low, 0.0, 7.0),
            (Severity::Medium, 0.5, 31.3),
        ] {
            assert_eq!(risk_score(severity, confidence, None), expected);
            let medium = Some(Criticality::Medium);
            assert_eq!(risk_score(severity, confidence, medium), expected);
            let high = risk_score(severity, confidence, Some(Criticality::Critical));
            assert!(high > expected && high <= 100.0);
        }
    }
}
