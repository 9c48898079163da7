//! Every shipped capture, replayed by the real binary: each attack that its truth names is found,
//! nothing else is told, and each alert says what it said before.
//!
//! `UPDATE_GOLDEN=1 cargo test -p stilt-cli --test golden` writes what is expected anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
/// Seconds by which a moment in truth and one in evidence may differ.
const SLACK: f64 = 2.0;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("truth.json").is_file())
        .collect();
    found.sort();
    found
}

/// Alerts of a replay, by id, as they stood last.
fn replay(fixture: &Path) -> BTreeMap<String, Value> {
    let key = std::env::temp_dir().join(format!("stilt-golden-{}", std::process::id()));
    fs::write(&key, KEY).unwrap();
    let truth: Value =
        serde_json::from_slice(&fs::read(fixture.join("truth.json")).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_stilt"))
        .args(["replay", "--quiet"])
        .arg(fixture.join(truth["capture"]["file"].as_str().unwrap()))
        .env("STILT_KEY_FILE", &key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let alerts: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    alerts
        .into_iter()
        .filter(|alert| alert["event"]["kind"] == "alert")
        .map(|alert| (alert["event"]["id"].as_str().unwrap().to_owned(), alert))
        .collect()
}

/// Seconds since the epoch of an RFC 3339 time in UTC.
fn seconds(text: &str) -> f64 {
    let number = |range: core::ops::Range<usize>| text[range].parse::<f64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since the epoch (Howard Hinnant, days_from_civil).
    let shifted = if month <= 2.0 { year - 1.0 } else { year };
    let era = (shifted / 400.0).floor();
    let of_era = shifted - era * 400.0;
    let of_year = ((153.0 * ((month + 9.0) % 12.0) + 2.0) / 5.0).floor() + day - 1.0;
    let days = era * 146_097.0 + of_era * 365.0 + (of_era / 4.0).floor() - (of_era / 100.0).floor()
        + of_year
        - 719_468.0;
    let clock = number(11..13) * 3600.0 + number(14..16) * 60.0;
    days * 86_400.0 + clock + text[17..].trim_end_matches('Z').parse::<f64>().unwrap()
}

fn rules_of(class: &str) -> &'static [&'static str] {
    match class {
        "credential_stuffing" => &["ato.credential_stuffing"],
        // The first access is told by itself; the walk joins it.
        "bola_enumeration" => &["authz.bola_access", "authz.bola_enumeration"],
        "rate_abuse" => &["baseline.request_rate"],
        "session_hijack" => &["agent.mcp_session_hijack"],
        "data_leakage" => &["agent.sensitive_to_model"],
        "prompt_injection_direct" => &["agent.prompt_injection", "agent.jailbreak"],
        "prompt_injection_indirect" => &["agent.indirect_injection", "agent.link_exfiltration"],
        "jailbreak" => &["agent.jailbreak", "agent.prompt_injection"],
        "system_prompt_leak" => &["agent.system_prompt_leak"],
        "tool_poisoning" => &["agent.tool_poisoning"],
        "tool_rug_pull" => &["agent.tool_rug_pull"],
        "excessive_agency" => &["agent.excessive_agency"],
        "runaway_loop" => &["agent.runaway_loop"],
        "token_cost_overuse" => &["agent.cost_budget"],
        "unapproved_model" => &["agent.unapproved_model"],
        "agent_identity_spoofing" => &["agent.identity_spoofing"],
        "agent.mcp_invalid_call" => &["agent.mcp_invalid_call"],
        other => panic!("no rule is known for the class {other}"),
    }
}

/// Whether an alert's evidence is one of the episode's requests.
fn points_at(alert: &Value, episode: &Value) -> bool {
    let requests = episode["requests"].as_array().unwrap();
    alert["stilt"]["evidence"].as_array().unwrap().iter().any(|evidence| {
        let at = seconds(evidence["time"].as_str().unwrap());
        let source = evidence["source"].as_str().unwrap();
        requests.iter().any(|request| {
            let near = (request["t"].as_f64().unwrap() - at).abs() <= SLACK;
            near && [&request["client"], &request["wire_client"]].contains(&&json!(source))
        })
    })
}

#[test]
fn every_attack_is_found_and_nothing_else_is_told() {
    for fixture in fixtures() {
        let truth: Value =
            serde_json::from_slice(&fs::read(fixture.join("truth.json")).unwrap()).unwrap();
        let alerts = replay(&fixture);
        let episodes = truth["episodes"].as_array().unwrap();
        for episode in episodes {
            let rules = rules_of(episode["class"].as_str().unwrap());
            let found = alerts.values().any(|alert| {
                // Another rule may have told the act first: then it stands beside.
                let also = alert["stilt"]["also"].as_array();
                let mut told = also.into_iter().flatten().chain([&alert["rule"]["id"]]);
                let fits = told.any(|rule| rules.contains(&rule.as_str().unwrap()));
                fits && points_at(alert, episode)
            });
            assert!(found, "{}: {} was missed", fixture.display(), episode["id"]);
        }
        for alert in alerts.values() {
            let right = episodes.iter().any(|episode| points_at(alert, episode));
            assert!(right, "{}: false alert: {alert:#}", fixture.display());
        }
    }
}

/// What of an alert a reader acts on.
fn essence(alert: &Value) -> Value {
    let mut essence = json!({
        "id": alert["event"]["id"],
        "rule": alert["rule"]["id"],
        "severity": alert["stilt"]["severity"],
        "outcome": alert["event"]["outcome"],
        "actor": alert["stilt"]["actor"]["id"],
        "endpoint": alert["stilt"]["endpoint"],
        "also": alert["stilt"]["also"],
        "message": alert["message"],
    });
    // Which order a map keeps depends on what else is built.
    essence.sort_all_objects();
    essence
}

#[test]
fn each_alert_says_what_it_said() {
    for fixture in fixtures() {
        let told: String =
            replay(&fixture).values().map(|alert| format!("{}\n", essence(alert))).collect();
        let path = fixture.join("expected.jsonl");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &told).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap();
        assert_eq!(told, expected, "{}", path.display());
    }
}
