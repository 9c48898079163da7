//! Sensitive data that the inventory tells of captures of the lab, held against what its
//! applications hand out: no number, time, id or code of theirs may be taken for any.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::{Scratch, records};

/// Fields of the lab's messages that hold sensitive data, by kind. All else is none.
const TRUTH: &[(&str, &[&str])] = &[
    ("email", &["email", "user", "username", "login", "usuario", "displayName"]),
    ("password", &["password", "pass", "contraseña"]),
    ("jwt", &["access_token", "token", "refresh_token"]),
];

#[test]
fn no_leaf_of_the_lab_is_taken_for_sensitive_data_that_is_none() {
    let scratch = Scratch::new("sensitive");
    let (mut wrong, mut told) = (Vec::new(), 0);
    for name in ["demo", "bank-attack", "gateway-attack", "pages-attack", "shop-attack"] {
        let capture = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let capture = format!("{capture}/capture.pcap.zst");
        let ask = ["inventory", "--quiet", "--format", "json", &capture];
        for record in records(&scratch.run(&ask).good().out) {
            let endpoint = record["endpoint"].as_str().unwrap_or_default();
            let kinds = ["request", "response"].map(|way| record["sensitive"][way].as_array());
            for kind in kinds.into_iter().flatten().flatten() {
                told += kind["values"].as_u64().unwrap();
                let known = TRUTH.iter().find(|(name, _)| kind["kind"] == *name);
                let is = |field: &&serde_json::Value| {
                    let last = field.as_str().unwrap().rsplit('.').next().unwrap();
                    known.is_some_and(|(_, fields)| fields.contains(&last))
                };
                let fields = kind["fields"].as_array().unwrap();
                // Pages of HTML, which show whose they are, have no fields.
                let page = kind["kind"] == "email" && endpoint.ends_with(".php");
                if (fields.is_empty() && !page) || !fields.iter().all(|field| is(&field)) {
                    wrong.push(format!("{name}, {endpoint}: {kind}"));
                }
            }
        }
    }
    assert!(told > 1000, "{told} values were told");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
