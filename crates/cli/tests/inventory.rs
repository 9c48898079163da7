//! `stilt inventory`, and replays compared with the document it writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::{Scratch, records};
use serde_json::Value;
use std::path::Path;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    folder.join("capture.pcap.zst").to_str().unwrap().to_owned()
}

fn inventory(scratch: &Scratch, capture: &str, format: &str) -> String {
    scratch.run(&["inventory", "--quiet", "--format", format, capture]).good().out
}

/// What a replay tells of the documented API: rule and endpoint.
fn told(scratch: &Scratch, capture: &str, document: &Value) -> Vec<(String, String)> {
    let path = scratch.write("api.json", document.to_string().as_bytes());
    let only = "surface.undocumented_endpoint,surface.schema_drift";
    let ran = scratch.run(&["replay", "--quiet", "--only", only, capture, "--openapi", &path]);
    let text = |record: &Value, pointer: &str| {
        record.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    };
    records(&ran.good().out)
        .iter()
        .map(|record| (text(record, "/rule/id"), text(record, "/stilt/endpoint")))
        .collect()
}

#[test]
fn a_capture_is_as_its_own_document_says_and_a_path_taken_out_is_told() {
    agrees(&["demo", "gateway-attack", "pages-attack"]);
}

#[test]
fn longer_captures_are_as_their_own_documents_say() {
    agrees(&["bank-attack", "shop-attack"]);
}

fn agrees(names: &[&str]) {
    for name in names {
        let scratch = Scratch::new(&format!("document-{name}"));
        let capture = fixture(name);
        let mut document: Value =
            serde_json::from_str(&inventory(&scratch, &capture, "openapi")).unwrap();
        assert_eq!(told(&scratch, &capture, &document), [], "{name}");
        let paths = document["paths"].as_object_mut().unwrap();
        // One that several ask for, by one method.
        let busiest = paths
            .iter()
            .filter(|(_, item)| item.as_object().unwrap().len() == 1)
            .max_by_key(|(_, item)| {
                let operation = item.as_object().unwrap().values().next().unwrap();
                let number = |key: &str| operation["x-stilt"][key].as_u64().unwrap();
                (number("actors").min(5), number("requests"))
            })
            .map(|(path, item)| {
                (path.clone(), item.as_object().unwrap().keys().next().unwrap().to_uppercase())
            });
        let (path, method) = busiest.unwrap();
        paths.remove(&path);
        let expected = ("surface.undocumented_endpoint".to_owned(), format!("{method} {path}"));
        assert_eq!(told(&scratch, &capture, &document), [expected], "{name}");
    }
}

/// What the standard says of a document (OpenAPI 3.1.0 §4.8), as far as structure goes.
fn check_structure(document: &Value) {
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/') && !path.contains(['?', '#']), "{path}");
        let mut slots: Vec<&str> =
            path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        slots.sort_unstable();
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let mut named: Vec<&str> = parameters
                .iter()
                .filter(|one| one["in"] == "path" && one["required"] == true)
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            named.sort_unstable();
            assert_eq!(slots, named, "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.is_empty());
            for (status, response) in responses {
                assert!(status == "default" || status.parse::<u16>().is_ok(), "{status}");
                assert!(response["description"].is_string());
            }
            for way in operation["security"].as_array().into_iter().flatten() {
                for scheme in way.as_object().unwrap().keys() {
                    assert!(document["components"]["securitySchemes"][scheme].is_object());
                }
            }
        }
    }
}

#[test]
fn documents_have_the_structure_of_the_standard() {
    let scratch = Scratch::new("structure");
    for name in ["demo", "gateway-attack"] {
        let text = inventory(&scratch, &fixture(name), "openapi");
        check_structure(&serde_json::from_str(&text).unwrap());
    }
}

#[test]
fn tables_and_lines_show_every_endpoint_and_no_other() {
    let scratch = Scratch::new("table");
    let capture = fixture("demo");
    let routes = [
        "GET /",
        "GET /account",
        "GET /api/invoices/{id}",
        "GET /api/orders",
        "POST /api/orders",
        "GET /api/orders/{id}",
        "GET /api/products",
        "GET /api/products/{id}",
        "GET /api/search",
        "GET /export/orders",
        "GET /export/orders/{id}",
        "GET /health",
        "GET /login",
        "POST /login",
        "POST /logout",
        "GET /staff/orders",
    ];
    let lines = records(&inventory(&scratch, &capture, "json"));
    let seen: Vec<&str> = lines.iter().map(|line| line["endpoint"].as_str().unwrap()).collect();
    assert_eq!(seen, routes);
    let login = &lines[13];
    assert_eq!(login["business"][0]["function"], "authentication");
    assert_eq!(lines[2]["authentication"]["seen"], "always");
    let table = inventory(&scratch, &capture, "table");
    for route in routes {
        let (method, path) = route.split_once(' ').unwrap();
        let row = |line: &&str| line.split_whitespace().take(2).eq([method, path]);
        assert_eq!(table.lines().filter(row).count(), 1, "{route}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
}

#[test]
fn a_capture_may_follow_the_documents() {
    let scratch = Scratch::new("follows");
    let capture = fixture("demo");
    let one = scratch.write("one.json", inventory(&scratch, &capture, "openapi").as_bytes());
    let only = ["--only", "surface.schema_drift"];
    let after = ["replay", "--quiet", only[0], only[1], "--openapi", &one, &one, &capture];
    assert_eq!(scratch.run(&after).good().out, "");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let scratch = Scratch::new("cannot");
    let capture = fixture("gateway-attack");
    let ran = scratch.run(&["inventory", "--quiet", "--service", "nosuch", &capture]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("orders.internal"), "{}", ran.err);
    let file = scratch.write("old.yaml", b"swagger: '2.0'\n");
    let ran = scratch.run(&["replay", "--quiet", &capture, "--openapi", &file]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("old.yaml") && ran.err.contains("3.1"), "{}", ran.err);
    // A capture without a packet.
    let header =
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0];
    let empty = scratch.write("empty.pcap", &header);
    let ran = scratch.run(&["inventory", "--quiet", "--format", "openapi", &empty]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("no endpoint was seen to answer"), "{}", ran.err);
    let ran = scratch.run(&["replay", "--quiet", &capture, "--openapi", "no-such.json"]);
    assert_eq!((ran.code, ran.err.contains("no such file")), (2, true), "{}", ran.err);
}
