//! Every record that is written is as its schema says.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::net::Ticks;
use common::{Scratch, records, shop};
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema(scratch: &Scratch, sort: &str) -> Validator {
    let ran = scratch.run(&["schema", sort]).good();
    assert_eq!(ran.err, "");
    let schema: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(schema["$schema"].is_string(), "{sort}");
    jsonschema::validator_for(&schema).unwrap()
}

fn check(validator: &Validator, record: &Value) {
    let wrong: Vec<String> = validator
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{}\n{record:#}", wrong.join("\n"));
}

/// What a schema must not let through: it would let anything through.
fn can_fail(validator: &Validator, record: &Value) {
    for (pointer, wrong) in [
        ("/@timestamp", json!("yesterday noon, or so")),
        ("/event", json!(7)),
        ("/stilt", json!([])),
    ] {
        let mut spoiled = record.clone();
        *spoiled.pointer_mut(pointer).unwrap() = wrong;
        let timestamp = pointer == "/@timestamp";
        // Whether a format is asserted is the validator's choice; types always are.
        if !timestamp {
            assert!(!validator.is_valid(&spoiled), "{pointer}");
        }
    }
    let mut without = record.clone();
    without.as_object_mut().unwrap().remove("@timestamp");
    assert!(!validator.is_valid(&without));
}

#[test]
fn every_record_is_as_its_schema_says() {
    let scratch = Scratch::new("schema");
    let capture = scratch.write("lively.pcap", &shop::lively().pcap(Ticks::Micro));
    let ran = scratch
        .run(&["replay", "--quiet", &capture, "--transactions", "t", "--sessions", "s"])
        .good();
    let sorts = ["alert", "posture", "visibility", "transaction", "session"];
    let validators = sorts.map(|sort| schema(&scratch, sort));
    let mut seen = sorts.map(|_| 0_usize);
    let all = [ran.out, scratch.read("t"), scratch.read("s")].map(|text| records(&text));
    for record in all.iter().flatten() {
        let dataset = record["event"]["dataset"].as_str().unwrap();
        let sort = dataset.strip_prefix("stilt.").unwrap();
        let at = sorts.iter().position(|known| *known == sort).unwrap();
        check(&validators[at], record);
        if seen[at] == 0 {
            can_fail(&validators[at], record);
        }
        seen[at] += 1;
    }
    let [alerts, _, _, transactions, sessions] = seen;
    assert!(alerts >= 1 && transactions > 700 && sessions >= 40, "{seen:?}");
    assert!(all[0].iter().all(|record| record["event"]["dataset"] != "stilt.transaction"));
}

#[test]
fn the_schema_of_the_configuration_is_one() {
    let scratch = Scratch::new("schema-config");
    let validator = schema(&scratch, "config");
    check(&validator, &json!({}));
    assert!(!validator.is_valid(&json!({"nosuch": 1})));
}
