//! A cluster: programs and people without roles, each with a few functions that hardly anybody
//! shares. Nothing is told of them, and a person who tries what it may not still is.

use crate::testing::{HOUR, MINUTE, Town, browser, chance, dice, home, name};
use stilt_inventory::test_support::{Tx, delete, get, jwt, post, put};
use stilt_model::{Outcome, Severity};

const KINDS: [&str; 10] = [
    "pods", "leases", "jobs", "volumes", "quotas", "routes", "tokens", "limits", "charts",
    "rollouts",
];
const SPACES: [&str; 5] = ["core", "web", "pay", "build", "watch"];
const PROGRAMS: u64 = 36;
const PEOPLE: u64 = 10;

fn by(who: u64, tx: Tx) -> Tx {
    let space = SPACES[(who % 5) as usize];
    let sub = if who < PROGRAMS { format!("system:{space}:{}", name(who)) } else { name(who) };
    let claims =
        format!(r#"{{"sub":"{sub}","kubernetes.io":{{"namespace":"{space}"}},"iat":1795305600}}"#);
    tx.from(&home(who)).agent(browser(who)).bearer(&jwt(&claims))
}

fn path(space: &str, kind: &str) -> String {
    format!("/api/v1/namespaces/{space}/{kind}")
}

fn missing(tx: Tx) -> Tx {
    tx.status(404).answer(r#"{"kind":"Status","reason":"NotFound","code":404}"#)
}

fn forbidden(tx: Tx) -> Tx {
    tx.status(403).answer(r#"{"kind":"Status","reason":"Forbidden","code":403}"#)
}

/// One thing that a program does: which, is its own.
fn acts(who: u64, turn: u64) -> Tx {
    let kind = KINDS[(dice(&[who, turn % 3]) % 10) as usize];
    let space = SPACES[((who + turn) % 5) as usize];
    let all = path(space, kind);
    let one = format!("{all}/{kind}-{}", dice(&[who, turn]) % 40);
    let body =
        format!(r#"{{"kind":"{kind}","metadata":{{"name":"x","labels":{{"role":"web"}}}}}}"#);
    match dice(&[who, turn % 3, 9]) % 8 {
        0 => delete(&one).answer(r#"{"kind":"Status","status":"Success"}"#),
        1 => missing(delete(&one)),
        2 => put(&format!("{one}/status")).json(r#"{"status":{"phase":"Ready"}}"#).answer(&body),
        3 => post(&all).json(&body).status(201).answer(&body),
        4 => missing(get(&one)),
        5 => get(&format!("{one}/log")).answer(r#"{"lines":["x"]}"#),
        _ => get(&all).answer(&format!(r#"{{"items":[{body}]}}"#)),
    }
}

fn cluster(town: &mut Town) {
    for turn in 0..24 {
        for who in 0..PROGRAMS + PEOPLE {
            let at = (turn as f64 + chance(&[who, turn])) * 12.0 * MINUTE;
            town.at(at, by(who, acts(who, turn)));
            let list = get("/api/v1/nodes").answer(r#"{"items":[{"kind":"Node"}]}"#);
            town.at(at + 2.0, by(who, list));
        }
        // One is set up wrong, and asks again and again for what it may not.
        for (n, kind) in ["secrets", "events", "nodes/x"].iter().enumerate() {
            for again in 0..2 {
                let at = (turn as f64 + 0.1 + 0.5 * again as f64) * 12.0 * MINUTE + n as f64;
                town.at(at, by(1, forbidden(get(&path("core", kind)))));
            }
        }
    }
    // Two work with roles and grants: what they write names roles, but not their own.
    for turn in 0..12 {
        for who in [2, 3, 4, 5, 6, 7] {
            let role = if who == 2 { r#","role":"admin""# } else { "" };
            let body = format!(r#"{{"kind":"Binding","name":"b{turn}{who}"{role}}}"#);
            let tx = post("/api/v1/bindings").json(&body).status(201).answer(&body);
            town.at((turn as f64 + chance(&[turn, who])) * 20.0 * MINUTE, by(who, tx));
        }
    }
}

#[test]
fn programs_and_people_with_functions_of_their_own_are_silent() {
    let mut town = Town::new(super::SPEC.rule.id);
    cluster(&mut town);
    // A new program, and one that begins to do what nobody did, or only one.
    for turn in 0..9 {
        town.at((3.0 + 0.1 * turn as f64) * HOUR, by(80, acts(17, turn)));
        let evict = post("/api/v1/namespaces/web/pods/pods-3/eviction").json("{}").status(201);
        town.at(4.0 * HOUR + turn as f64, by(2, evict.answer(r#"{"status":"Success"}"#)));
        town.at(4.1 * HOUR + turn as f64, by(2, acts(23, turn)));
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

#[test]
fn who_tries_several_functions_of_few_is_told() {
    let mut town = Town::new(super::SPEC.rule.id);
    cluster(&mut town);
    let who = PROGRAMS + 3;
    for turn in 0..3 {
        for user in [PROGRAMS, PROGRAMS + 1] {
            for kind in ["audits", "grants", "backups"] {
                let tx = get(&format!("/api/v1/{kind}")).answer(r#"{"items":[]}"#);
                town.at((1.0 + turn as f64) * HOUR, by(user, tx));
            }
        }
    }
    for (n, kind) in ["audits", "grants", "backups"].iter().enumerate() {
        let tx = forbidden(get(&format!("/api/v1/{kind}")));
        town.at(4.5 * HOUR + 30.0 * n as f64, by(who, tx));
    }
    town.run();
    let told: Vec<_> = town.stories().iter().map(|s| (s.severity, s.outcome)).collect();
    assert_eq!(told, [(Severity::Low, Outcome::Failure)], "{:#?}", town.stories());
}
