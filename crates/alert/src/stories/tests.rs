use super::*;
use crate::schema;
use crate::testing::{RULES, at, evidence, finding, key, later};
use crate::{Identities, Suppress};
use proptest::prelude::*;
use serde_json::{Value, json};
use stilt_model::{ActorId, Outcome};

fn alerts(change: impl FnOnce(&mut Config)) -> Alerts {
    let mut config = Config {
        observer_name: "tap-2".to_owned(),
        interface: Some("eth1".to_owned()),
        config_digest: "sha256:5e1f".to_owned(),
        ..Config::default()
    };
    change(&mut config);
    Alerts::new(config, RULES, Some(key()))
}

/// Tells the findings in order; gives the records, each checked against its schema.
fn tell(alerts: &mut Alerts, findings: Vec<Finding>) -> Vec<Value> {
    tell_unchecked(alerts, findings)
        .into_iter()
        .map(|record| {
            let posture = record["event"]["kind"] == "state";
            schema::tests::check(
                &if posture { schema::posture() } else { schema::alert() },
                &record,
            );
            record
        })
        .collect()
}

fn tell_unchecked(alerts: &mut Alerts, findings: Vec<Finding>) -> Vec<Value> {
    let mut out = Vec::new();
    for finding in findings {
        alerts.tell(finding, &mut out);
    }
    out.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["event"]["id"].as_str().unwrap()).collect()
}

#[test]
fn one_alert_line_is_the_contracts_to_the_byte() {
    let mut story = finding("ato.credential_stuffing");
    story.severity = Severity::Critical;
    story.outcome = Outcome::Success;
    story.count = 57;
    let mut out = Vec::new();
    alerts(|_| ()).tell(story, &mut out);
    let id = stilt_model::IdBuilder::new("alert").text("ato.credential_stuffing");
    let id = format!("{:016x}", id.number(5).number(1).finish());
    let community = crate::community_id::v1(
        0,
        "10.0.0.66:40112".parse().unwrap(),
        "10.0.1.10:8080".parse().unwrap(),
        6,
    );
    let expected = r#"{"@timestamp":"2026-11-22T10:15:00.000000Z","ecs":{"version":"9.4.0"},"event":{"kind":"alert","category":["intrusion_detection","web"],"type":["info"],"dataset":"stilt.alert","id":"ID","start":"2026-11-22T10:15:00.000000Z","end":"2026-11-22T10:15:00.000000Z","severity":99,"risk_score":97.0,"outcome":"success"},"rule":{"id":"ato.credential_stuffing","name":"Credential stuffing","category":"ato"},"threat":{"framework":"MITRE ATT&CK","technique":{"id":["T1110.004"]}},"observer":{"type":"sensor","product":"Stilt","version":"VERSION","name":"tap-2","ingress":{"interface":{"name":"eth1"}}},"source":{"ip":"10.0.0.66","port":40112},"destination":{"ip":"10.0.1.10","port":8080},"related":{"ip":["10.0.0.66"],"user":["alice","bob"]},"user":{"id":"alice","roles":["customer"]},"user_agent":{"original":"python-requests/2.32"},"http":{"version":"1.1","request":{"method":"POST"},"response":{"status_code":200}},"url":{"domain":"shop.internal","path":"/login","original":"/login"},"network":{"transport":"tcp","protocol":"http","community_id":"COMMUNITY"},"message":"57 accounts tried","stilt":{"schema":1,"severity":"critical","confidence":0.97,"owasp":["API2:2023"],"config":"sha256:5e1f","also":[],"remediation":"reset the accounts","actor":{"kind":"principal","id":"user:alice","identified_by":"JWT subject"},"session":{"id":"0000000000000abc","start":"2026-11-22T10:14:00.000000Z","requests":57},"service":"shop.internal","endpoint":"POST /login","why":[{"signal":"distinct_accounts","observed":"57","expected":"at most 2 in 10 min"}],"evidence":[{"transaction":"0000000000000001","time":"2026-11-22T10:15:00.000000Z","method":"POST","path":"/login","status":401,"source":"10.0.0.66:40112","note":"account carol","packets":[1201,8110]}],"count":57,"wire":{"first_packet":1201,"last_packet":8110,"filter":"host 10.0.0.66 and tcp port 8080"},"references":["OAT-008"],"observed":{"complete":true,"lost_bytes":0,"one_sided":false,"truncated":false}}}"#
        .replace("\"ID\"", &format!("\"{id}\""))
        .replace("COMMUNITY", &community)
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(out, [expected]);
}

#[test]
fn the_same_finding_told_again_raises_nothing_new() {
    let mut alerts = alerts(|_| ());
    let again = || later("inject.sql", 1, 0);
    assert_eq!(tell(&mut alerts, vec![again(), again(), again()]).len(), 1);
    alerts.tick(at(10_000), &mut Vec::new());
    assert_eq!(tell(&mut alerts, vec![again()]).len(), 0, "nor after its story was closed");
    assert_eq!(alerts.counts().alerts(), 1);
}

#[test]
fn a_story_is_written_again_with_its_id_when_something_grows() {
    let mut alerts = alerts(|_| ());
    let mut graver = later("inject.sql", 2, 1);
    graver.severity = Severity::Critical;
    let mut success = later("inject.sql", 3, 2);
    success.outcome = Outcome::Success;
    let records = tell(
        &mut alerts,
        vec![later("inject.sql", 1, 0), graver, success, later("inject.sql", 4, 3)],
    );
    assert_eq!(records.len(), 3, "a fourth alike is no news");
    assert!(ids(&records).iter().all(|id| *id == ids(&records)[0]));
    assert_eq!(records[1]["stilt"]["severity"], "critical");
    assert_eq!(records[2]["event"]["outcome"], "success");
    assert_eq!(records[2]["event"]["severity"], 99, "what has grown does not shrink");
    assert_eq!(alerts.counts().by_severity, [(Severity::Critical, 1)].into());
    assert_eq!(alerts.counts().highest, Some(Severity::Critical));
}

#[test]
fn a_story_is_written_again_when_its_count_passes_a_power_of_ten() {
    let all = (1..=1000).map(|n| later("inject.sql", n, i64::try_from(n).unwrap())).collect();
    let records = tell(&mut alerts(|_| ()), all);
    let counts: Vec<u64> =
        records.iter().map(|record| record["stilt"]["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 10, 100, 1000]);
    assert_eq!(records[3]["stilt"]["evidence"].as_array().unwrap().len(), 20);
}

#[test]
fn an_hour_of_quiet_closes_a_story_and_the_next_finding_opens_another() {
    let mut alerts = alerts(|_| ());
    let records = tell(
        &mut alerts,
        vec![later("inject.sql", 1, 0), later("inject.sql", 2, 3600), later("inject.sql", 3, 7201)],
    );
    assert_eq!(records.len(), 2);
    assert_ne!(ids(&records)[0], ids(&records)[1]);
    // A detector that still lists the evidence of the closed story first names no old id.
    let mut listing = later("inject.sql", 9, 20_000);
    listing.evidence = vec![evidence(1, 0), evidence(9, 20_000)];
    let next = tell(&mut alerts, vec![listing]);
    assert!(!ids(&records).contains(&ids(&next)[0]));
}

#[test]
fn another_rule_on_the_same_act_joins_and_never_takes_the_name() {
    let mut alerts = alerts(|_| ());
    let mut graver = finding("ato.credential_stuffing");
    graver.severity = Severity::Critical;
    let records = tell(
        &mut alerts,
        vec![finding("ato.brute_force"), graver, finding("ato.credential_stuffing")],
    );
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["rule"]["id"], "ato.brute_force");
    assert_eq!(records[1]["stilt"]["also"], json!(["ato.credential_stuffing"]));
    assert_eq!(records[1]["stilt"]["severity"], "critical");
    assert_eq!(alerts.counts().alerts(), 1);
    assert_eq!(alerts.counts().joined, 1);
}

#[test]
fn a_cluster_and_its_client_seen_in_one_transaction_are_one_story() {
    let mut cluster = finding("ato.brute_force");
    cluster.actor.id = ActorId(77);
    let records = tell(&mut alerts(|_| ()), vec![finding("ato.brute_force"), cluster]);
    assert_eq!(records.len(), 1);
}

#[test]
fn two_attacks_of_one_actor_on_two_endpoints_are_two_alerts() {
    let mut other = later("ato.brute_force", 2, 0);
    other.endpoint = "GET /v1/orders/{id}".to_owned();
    let records = tell(&mut alerts(|_| ()), vec![later("inject.sql", 1, 0), other]);
    assert_eq!(records.len(), 2);
    assert_ne!(ids(&records)[0], ids(&records)[1]);
}

#[test]
fn the_most_telling_of_one_transactions_findings_names_the_story() {
    let mut low = finding("ato.brute_force");
    low.severity = Severity::Low;
    for findings in [vec![low.clone(), finding("inject.sql")], vec![finding("inject.sql"), low]] {
        let (mut alerts, mut out) = (alerts(|_| ()), Vec::new());
        alerts.tell_all(findings, &mut out);
        let last: Value = serde_json::from_str(out.last().unwrap()).unwrap();
        assert_eq!(last["rule"]["id"], "inject.sql");
        assert_eq!(last["stilt"]["also"][0], "ato.brute_force");
    }
}

#[test]
fn posture_is_told_once_per_endpoint_whoever_shows_it() {
    let mut alerts = alerts(|_| ());
    let showing = |n: u64, actor| {
        let mut finding = later("surface.misconfiguration", n, i64::try_from(n).unwrap() * 9000);
        finding.posture = true;
        finding.actor.id = ActorId(actor);
        finding
    };
    let records = tell(&mut alerts, (0..30).map(|n| showing(n, n % 3)).collect());
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["event"]["dataset"], "stilt.posture");
    assert!(record.get("user").is_none() && record["stilt"].get("actor").is_none());
    let mut elsewhere = showing(40, 1);
    elsewhere.endpoint = "GET /other".to_owned();
    let mut graver = showing(41, 1);
    graver.severity = Severity::Critical;
    let more = tell(&mut alerts, vec![elsewhere, graver]);
    assert_eq!(more.len(), 2);
    assert_eq!(ids(&more)[1], ids(&records)[0]);
    assert_eq!(alerts.counts().highest, None, "posture fails no build");
    assert_eq!(alerts.counts().posture["surface.misconfiguration"], 2);
}

#[test]
fn a_suppressed_finding_is_counted_by_reason_until_the_suppression_expires() {
    let suppress: Suppress = toml::from_str(
        "rule = \"inject\"\nreason = \"weekly scan\"\nexpires = \"2026-11-22T10:16:40Z\"",
    )
    .unwrap();
    let mut alerts = alerts(|config| config.suppress.push(suppress));
    assert_eq!(tell(&mut alerts, vec![later("inject.sql", 1, 0)]).len(), 0);
    assert_eq!(alerts.counts().suppressed, [("weekly scan".to_owned(), 1)].into());
    assert!(alerts.warnings().is_empty());
    let records = tell(&mut alerts, vec![later("inject.sql", 2, 100), later("inject.sql", 3, 101)]);
    assert_eq!(records.len(), 1);
    let warnings = alerts.warnings();
    assert_eq!(warnings.len(), 1, "said once: {warnings:?}");
    assert!(warnings[0].contains("weekly scan") && warnings[0].contains("2026-11-22T10:16:40Z"));
    assert!(alerts.warnings().is_empty());
}

#[test]
fn a_suppression_of_a_rule_there_is_none_of_is_warned_of() {
    let suppress = toml::from_str("rule = \"injekt\"\nreason = \"x\"").unwrap();
    let warnings = alerts(|config| config.suppress.push(suppress)).warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("injekt"), "{warnings:?}");
}

#[test]
fn pseudonyms_leave_no_name_in_an_alert() {
    let mut story = finding("ato.brute_force");
    story.message = "alice locked out".to_owned();
    story.subject.path = "/users/alice".to_owned();
    story.evidence[0].note = "account alice".to_owned();
    let mut out = Vec::new();
    alerts(|config| config.identities = Identities::Pseudonym).tell(story.clone(), &mut out);
    assert!(!out[0].contains("alice") && !out[0].contains("bob"), "{}", out[0]);
    schema::tests::check(&schema::alert(), &serde_json::from_str(&out[0]).unwrap());
    story.related_users = vec!["carol@example.com".to_owned()];
    let told = tell(&mut alerts(|_| ()), vec![story]);
    let related = told[0]["related"]["user"][0].as_str().unwrap();
    assert!(related.starts_with("<email:"), "{related}");
}

#[test]
fn a_forwarded_client_is_told_only_where_there_is_one() {
    let mut story = finding("inject.sql");
    story.subject.client = Some("198.51.100.9".parse().unwrap());
    story.evidence[0].client = story.subject.client;
    let told = tell(&mut alerts(|_| ()), vec![story, later("ato.brute_force", 9, 900)]);
    assert_eq!(told[0]["client"]["ip"], "198.51.100.9");
    assert_eq!(told[0]["stilt"]["evidence"][0]["client"], "198.51.100.9");
    assert!(told[1].get("client").is_none());
}

#[test]
fn a_full_table_closes_the_story_quiet_longest_and_counts_it() {
    let mut alerts = alerts(|config| config.stories_max = 2);
    let from = |actor: u64, n: i64| {
        let mut finding = later("inject.sql", actor, n);
        finding.actor.id = ActorId(actor);
        finding
    };
    let records = tell(&mut alerts, vec![from(1, 0), from(2, 1), from(1, 2), from(3, 3)]);
    assert_eq!(records.len(), 3);
    assert_eq!(alerts.counts().evicted, 1);
    assert_eq!(tell(&mut alerts, vec![from(1, 2)]).len(), 0, "the busier story stayed open");
}

#[test]
fn hostile_lengths_and_numbers_stay_within_the_schema() {
    let mut story = finding("inject.sql");
    story.subject.user_agent = Some("x".repeat(100_000));
    story.subject.target = "\u{0}\"\\\n".repeat(50_000);
    story.message = "m".repeat(100_000);
    story.confidence = f64::NAN;
    story.related_users = (0..500).map(|n| format!("user{n}")).collect();
    story.evidence = (0..500).map(|n| evidence(n, i64::try_from(n).unwrap())).collect();
    story.why = vec![story.why[0].clone(); 500];
    let told = tell(&mut alerts(|_| ()), vec![story]);
    assert_eq!(told[0]["stilt"]["evidence"].as_array().unwrap().len(), 20);
    assert_eq!(told[0]["related"]["user"].as_array().unwrap().len(), 100);
    assert_eq!(told[0]["stilt"]["confidence"], 0.0);
}

#[test]
fn the_schema_catches_what_breaks_the_contract() {
    let record = tell(&mut alerts(|_| ()), vec![finding("inject.sql")]).remove(0);
    let validator = jsonschema::validator_for(&schema::alert()).unwrap();
    for (pointer, wrong) in [
        ("/event/kind", json!("state")),
        ("/event/id", json!("0x12")),
        ("/event/severity", json!(50)),
        ("/event/outcome", json!("maybe")),
        ("/@timestamp", json!("yesterday")),
        ("/related/user/0", json!("carol@example.com")),
        ("/stilt/confidence", json!(1.5)),
        ("/stilt/evidence/0/transaction", json!(17)),
        ("/stilt/why/0", json!({"signal": "x"})),
        ("/stilt/actor", json!(null)),
        ("/network/community_id", json!("2:abc")),
    ] {
        let mut broken = record.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&broken), "{pointer}");
    }
    let mut more = record;
    more["labels"] = json!({"site": "x"});
    assert!(validator.is_valid(&more), "fields may be added");
}

proptest! {
    #[test]
    fn a_whole_stream_told_again_raises_nothing_new(
        stream in proptest::collection::vec((0..3_usize, 0..3_u64, 0..40_u64, 0..40_i64, 1..30_u64), 1..60),
    ) {
        let findings: Vec<Finding> = stream
            .iter()
            .map(|(rule, actor, transaction, span, count)| {
                let mut finding = later(RULES[*rule].id, *transaction, i64::try_from(*transaction).unwrap());
                finding.actor.id = ActorId(*actor);
                finding.start = at(i64::try_from(*transaction).unwrap() - span);
                finding.count = *count;
                finding
            })
            .collect();
        let mut alerts = alerts(|_| ());
        let first = tell_unchecked(&mut alerts, findings.clone());
        prop_assert!(!first.is_empty());
        prop_assert!(ids(&first).iter().collect::<std::collections::BTreeSet<_>>().len() as u64 == alerts.counts().alerts());
        prop_assert_eq!(tell_unchecked(&mut alerts, findings).len(), 0);
    }
}
