//! Endpoints that are learned from captures of the lab, held against the route tables in the
//! applications' own sources.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::{Scratch, records};
use std::collections::BTreeSet;
use std::path::Path;

/// `GET /api/orders/{}` of each route in a source: decorators of Flask and aiohttp.
fn table(source: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/lab").join(source);
    let text = std::fs::read_to_string(path).unwrap();
    let route = |line: &str| {
        let rest = line.strip_prefix("@app.").or(line.strip_prefix("@routes."))?;
        let (method, rest) = rest.split_once("(\"")?;
        let (path, _) = rest.split_once('"')?;
        Some(format!("{} {}", method.to_uppercase(), unnamed(path)))
    };
    text.lines().filter_map(route).filter(|route| !route.contains("/_lab/")).collect()
}

/// A path with its slots unnamed: `<int:id>` and `{id}` are `{}`.
fn unnamed(path: &str) -> String {
    let part = |part: &str| match part.starts_with(['<', '{']) {
        true => "{}".to_owned(),
        false => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The route that answers a request, as the application would choose it: names before slots.
fn route<'a>(table: &'a [String], method: &str, path: &str) -> Option<&'a String> {
    let fits = |route: &&String| {
        let (own, template) = route.split_once(' ').unwrap();
        let (parts, asked) = (template.split('/'), path.split('/'));
        own == method
            && parts.clone().count() == asked.clone().count()
            && parts.zip(asked).all(|(part, asked)| part == asked || part == "{}")
    };
    let slots = |route: &&String| route.matches("{}").count();
    table.iter().filter(fits).min_by_key(slots)
}

fn check(fixture: &str, source: &str) {
    let table = table(source);
    assert!(table.len() >= 8, "{table:?}");
    let scratch = Scratch::new(&format!("routes-{fixture}"));
    let capture = format!("{}/../../fixtures/{fixture}", env!("CARGO_MANIFEST_DIR"));
    let capture = format!("{capture}/capture.pcap.zst");
    let seen = scratch.arg("transactions.jsonl");
    let ask = ["replay", "--quiet", "--transactions", &seen, &capture];
    scratch.run(&ask).good();
    let mut asked = BTreeSet::new();
    for record in records(&std::fs::read_to_string(&seen).unwrap()) {
        let status = record.pointer("/http/response/status_code").and_then(|s| s.as_u64());
        let method = record.pointer("/http/request/method").and_then(|m| m.as_str());
        let path = record.pointer("/url/path").and_then(|path| path.as_str());
        if let (Some(200..=399), Some(method), Some(path)) = (status, method, path) {
            asked.extend(route(&table, method, path).cloned());
        }
    }
    let json = scratch.run(&["inventory", "--quiet", "--format", "json", &capture]).good().out;
    let mut found = Vec::new();
    for record in records(&json) {
        let Some(name) = record["endpoint"].as_str() else { continue };
        let (method, path) = name.split_once(' ').unwrap();
        // By which the driver of the lab prepares the application; no part of it.
        if path.starts_with("/_lab/") {
            continue;
        }
        found.push(format!("{method} {}", unnamed(path)));
    }
    found.sort();
    assert_eq!(found, asked.into_iter().collect::<Vec<_>>(), "{fixture}");
}

#[test]
fn every_route_of_the_shop_that_answered_is_one_endpoint_and_nothing_else_is() {
    check("demo", "shop/app.py");
    check("shop-attack", "shop/app.py");
}

#[test]
fn every_route_of_the_bank_that_answered_is_one_endpoint_and_nothing_else_is() {
    check("bank-attack", "bank/app.py");
}
