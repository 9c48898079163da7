//! Transaction records.

use super::gen_ai::{GenAi, Talk};
use super::parts::{
    AssetFields, Client, ECS, Ecs, Endpoint, Id, Network, Url, User, UserAgent, peer_and_client,
};
use super::{SCHEMA_VERSION, TARGET_CHARS_MAX, cap, cap_at, line, rounded};
use core::fmt::Write;
use core::net::IpAddr;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use stilt_model::talk::Summary;
use stilt_model::{
    Anomaly, AsSent, Asset, Observed, Origin, Request, Response, SessionId, Timestamp, Transaction,
    TransactionId, Tunnel,
};

/// What is known of a transaction beyond itself. Names are as they shall be shown
/// ([`crate::Names`]).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TransactionContext<'a> {
    /// Endpoint as shown (`GET /v1/orders/{id}`).
    pub endpoint: &'a str,
    /// Names of endpoints that have just turned out to be this one.
    pub merged: &'a [Arc<str>],
    /// Service name.
    pub service: &'a str,
    /// Session.
    pub session: Option<SessionId>,
    /// `stilt.actor`; empty where not known.
    pub actor: &'a str,
    /// `user.id`.
    pub user: Option<&'a str>,
    /// Forwarded client, where a trusted peer said so.
    pub client: Option<IpAddr>,
    /// Where the client is, as enrichment says.
    pub origin: Option<&'a Origin>,
    /// What is known of the service beside its traffic.
    pub asset: Option<&'a Asset>,
    /// Anomaly score, 0 to 1, once there is a baseline.
    pub anomaly: Option<f64>,
    /// What it says to a model or a tool server.
    pub talk: Option<&'a Summary>,
}

/// The record of one transaction.
#[must_use]
pub fn transaction(transaction: &Transaction, context: &TransactionContext<'_>) -> String {
    line(&Record::new(transaction, context))
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    ecs: Ecs,
    event: Event,
    source: Endpoint<'a>,
    destination: Endpoint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Client<'a>>,
    network: Network,
    http: Http<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<UserAgent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Id<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gen_ai: Option<GenAi<'a>>,
    stilt: Stilt<'a>,
}

#[derive(Serialize)]
struct Event {
    kind: &'static str,
    category: &'static [&'static str],
    r#type: &'static [&'static str],
    dataset: &'static str,
    id: TransactionId,
    start: Timestamp,
    end: Timestamp,
    duration: u128,
}

#[derive(Serialize)]
struct Http<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<HttpRequest<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<HttpResponse<'a>>,
}

#[derive(Serialize)]
struct HttpRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    method: Cow<'a, str>,
    body: Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct HttpResponse<'a> {
    status_code: u16,
    body: Body,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Body {
    bytes: u64,
}

#[derive(Serialize)]
struct Stilt<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    service: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    endpoint: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merged: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset: Option<AssetFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(skip_serializing_if = "str::is_empty")]
    actor: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anomaly: Option<f64>,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    wire_anomalies: &'a [Anomaly],
    lost_bytes: u64,
    observed: Observed,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Sent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Sent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    talk: Option<Talk<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<Wire>,
}

/// What more is told of a message as it was sent.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    encoded_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<Trailer<'a>>,
}

#[derive(Serialize)]
struct Trailer<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Sent<'a> {
    fn of(sent: &'a AsSent) -> Self {
        let hex = |bytes: [u8; 32]| {
            bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a string can't fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
        };
        Self {
            encoded_bytes: sent.encoded_bytes,
            sha256: sent.sha256.map(hex),
            trailers: sent
                .trailers
                .iter()
                .map(|(name, value)| Trailer { name: cap(name), value: cap(value) })
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct Wire {
    first_packet: u64,
    last_packet: u64,
}

impl<'a> Record<'a> {
    fn new(tx: &'a Transaction, context: &TransactionContext<'a>) -> Self {
        let request = tx.request.as_ref();
        let (source, client) = peer_and_client(tx.flow.client, context.client, context.origin);
        Self {
            timestamp: tx.start,
            ecs: ECS,
            event: Event {
                kind: "event",
                category: &["web"],
                r#type: &["access"],
                dataset: "stilt.transaction",
                id: tx.id,
                start: tx.start,
                end: tx.end,
                duration: tx.end.since(tx.start).as_nanos(),
            },
            source,
            destination: tx.flow.server.into(),
            client,
            network: Network::of(tx.flow.client, tx.flow.server, &tx.flow.vlan),
            http: Http {
                version: tx.version.name(),
                request: request.map(HttpRequest::of),
                response: tx.response.as_ref().map(HttpResponse::of),
            },
            url: request.map(|request| {
                Url::new(
                    request.host.as_deref(),
                    cap_at(&request.path, TARGET_CHARS_MAX),
                    cap_at(&request.target, TARGET_CHARS_MAX),
                    request.query.as_deref().map(|query| cap_at(query, TARGET_CHARS_MAX)),
                )
            }),
            user: User::of(context.user.map(str::to_owned), &[]),
            user_agent: UserAgent::of(request.and_then(|request| request.user_agent.as_deref())),
            trace: request
                .and_then(|request| request.trace_id.as_deref())
                .map(|id| Id { id: cap(id) }),
            gen_ai: context.talk.map(GenAi::of),
            stilt: Stilt {
                schema: SCHEMA_VERSION,
                service: cap(context.service),
                endpoint: cap(context.endpoint),
                merged: context.merged.iter().map(|name| cap(name)).collect(),
                asset: context.asset.map(AssetFields::of),
                session: context.session,
                actor: cap(context.actor),
                anomaly: context.anomaly.map(|score| rounded(score.clamp(0.0, 1.0), 1000.0)),
                flags: tx.flags.names(),
                wire_anomalies: &tx.anomalies,
                lost_bytes: tx.lost_bytes,
                observed: Observed::of(tx),
                request: request.and_then(|one| one.as_sent.as_deref()).map(Sent::of),
                response: tx.response.as_ref().and_then(|one| one.as_sent.as_deref()).map(Sent::of),
                tunnel: tx.flow.tunnel,
                talk: context.talk.map(Talk::of),
                wire: (tx.last_packet > 0)
                    .then_some(Wire { first_packet: tx.first_packet, last_packet: tx.last_packet }),
            },
        }
    }
}

impl<'a> HttpRequest<'a> {
    fn of(request: &'a Request) -> Self {
        Self {
            id: request.request_id.as_deref().map(cap),
            method: cap(&request.method),
            body: Body { bytes: request.body_bytes },
            mime_type: request.content_type.as_deref().map(cap),
        }
    }
}

impl<'a> HttpResponse<'a> {
    fn of(response: &'a Response) -> Self {
        Self {
            status_code: response.status,
            body: Body { bytes: response.body_bytes },
            mime_type: response.content_type.as_deref().map(cap),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use crate::testing::transaction as sample;
    use serde_json::{Value, json};

    #[test]
    fn where_the_client_is_and_what_the_service_is_are_told_as_they_are_given() {
        let origin = Origin {
            country: Some("DE".to_owned()),
            network: Some(3320),
            organization: Some("Example Net".to_owned()),
            ..Origin::default()
        };
        let asset = Asset { owner: Some("team".to_owned()), ..Asset::default() };
        let mut context = TransactionContext {
            origin: Some(&origin),
            asset: Some(&asset),
            ..TransactionContext::default()
        };
        let shown = |context: &TransactionContext<'_>| {
            let record: Value = serde_json::from_str(&transaction(&sample(), context)).unwrap();
            schema::tests::check(&schema::transaction(), &record);
            record
        };
        let record = shown(&context);
        assert_eq!(record["source"]["geo"]["country_iso_code"], "DE");
        assert_eq!(record["source"]["as"]["organization"]["name"], "Example Net");
        assert_eq!(record["stilt"]["asset"], json!({"owner": "team"}));
        context.client = Some("192.0.2.7".parse().unwrap());
        let record = shown(&context);
        assert!(record["source"]["geo"].is_null());
        assert_eq!(record["client"]["as"]["number"], 3320);
    }

    fn told(change: impl FnOnce(&mut Transaction)) -> Value {
        let mut tx = sample();
        change(&mut tx);
        let context = TransactionContext {
            endpoint: "GET /v1/orders/{id}",
            merged: &["GET /v1/orders/latest".into()],
            service: "shop.internal",
            session: Some(SessionId(0xabc)),
            actor: "user:alice",
            user: Some("alice"),
            origin: None,
            asset: None,
            client: None,
            anomaly: Some(0.12),
            talk: None,
        };
        let record: Value = serde_json::from_str(&transaction(&tx, &context)).unwrap();
        schema::tests::check(&schema::transaction(), &record);
        record
    }

    #[test]
    fn a_whole_transaction_is_told_as_the_contract_shows_it() {
        let expected = r#"{"@timestamp":"2026-11-22T10:15:00.000000Z","ecs":{"version":"9.4.0"},"event":{"kind":"event","category":["web"],"type":["access"],"dataset":"stilt.transaction","id":"0000000000000011","start":"2026-11-22T10:15:00.000000Z","end":"2026-11-22T10:15:00.001250Z","duration":1250000},"source":{"ip":"10.0.0.66","port":40112},"destination":{"ip":"10.0.1.10","port":8080},"network":{"transport":"tcp","protocol":"http","community_id":"COMMUNITY","vlan":{"id":"12"}},"http":{"version":"1.1","request":{"method":"GET","body":{"bytes":0}},"response":{"status_code":200,"body":{"bytes":512},"mime_type":"application/json"}},"url":{"domain":"shop.internal","path":"/v1/orders/17","original":"/v1/orders/17?x=1","query":"x=1"},"stilt":{"schema":1,"flags":["midstream"],"lost_bytes":0,"observed":{"complete":true,"lost_bytes":0,"one_sided":false,"truncated":false},"wire":{"first_packet":4,"last_packet":6}}}"#;
        let tx = sample();
        let community = crate::community_id::v1(0, tx.flow.client, tx.flow.server, 6);
        let line = transaction(&tx, &TransactionContext::default());
        assert_eq!(line, expected.replace("COMMUNITY", &community));
        let full = told(|_| ());
        assert_eq!(full["stilt"]["merged"], json!(["GET /v1/orders/latest"]));
        assert_eq!(full["stilt"]["endpoint"], "GET /v1/orders/{id}");
        assert_eq!(full["stilt"]["session"], "0000000000000abc");
        assert_eq!(full["stilt"]["anomaly"], 0.12);
        assert_eq!(full["user"], json!({"id": "alice"}));
    }

    #[test]
    fn a_tunnel_and_what_keeps_the_picture_from_being_whole_are_told() {
        let record = told(|tx| {
            tx.flow.tunnel = Some(Tunnel {
                kind: "vxlan",
                id: Some(4096),
                outer: ["192.0.2.1".parse().unwrap(), "192.0.2.9".parse().unwrap()],
            });
            (tx.flags.gap, tx.lost_bytes) = (true, 1400);
            tx.anomalies.push(Anomaly::BadContentCoding);
        });
        let tunnel = json!({"kind": "vxlan", "id": 4096, "outer": ["192.0.2.1", "192.0.2.9"]});
        assert_eq!(record["stilt"]["tunnel"], tunnel);
        assert_eq!(
            record["stilt"]["observed"],
            json!({"complete": false, "lost_bytes": 1400, "one_sided": false, "truncated": false,
                "undecoded": true})
        );
    }

    #[test]
    fn length_on_the_wire_digest_and_trailers_are_told_where_there_are_any() {
        let record = told(|tx| {
            let sent = AsSent {
                encoded_bytes: Some(100),
                sha256: Some([0xab; 32]),
                trailers: vec![("server-timing".to_owned(), "db".to_owned())],
            };
            tx.response.as_mut().unwrap().as_sent = Some(Box::new(sent));
        });
        assert_eq!(
            record["stilt"]["response"],
            json!({"encoded_bytes": 100, "sha256": "ab".repeat(32),
                "trailers": [{"name": "server-timing", "value": "db"}]})
        );
        assert!(record["stilt"].get("request").is_none());
    }

    #[test]
    fn what_was_not_seen_is_absent() {
        let record = told(|tx| tx.response = None);
        assert!(record["http"].get("response").is_none());
        let record = told(|tx| tx.request = None);
        assert!(record["http"].get("request").is_none() && record.get("url").is_none());
    }

    #[test]
    fn a_long_target_is_cut_and_control_characters_are_escaped() {
        let record = told(|tx| {
            let request = tx.request.as_mut().unwrap();
            request.target = "/".to_owned() + &"a".repeat(100_000);
            request.user_agent = Some("evil\n\u{1b}[31m\"".into());
        });
        assert_eq!(record["url"]["original"].as_str().unwrap().chars().count(), 8192);
        assert_eq!(record["user_agent"]["original"], "evil\n\u{1b}[31m\"");
    }
}
