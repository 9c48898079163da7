//! Visibility records: what could not be seen, and which limit bit.

use super::parts::{ECS, Ecs};
use super::{SCHEMA_VERSION, cap, line};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use stilt_model::{IdBuilder, Timestamp};

/// A record that at `at` things of one `kind` (`lost_bytes`, `flows_evicted`, `bodies_cut`, …) were
/// counted, for one service or for all; `message` says it in words.
#[must_use]
pub fn visibility(
    at: Timestamp,
    kind: &str,
    service: Option<&str>,
    counts: &BTreeMap<&str, u64>,
    message: &str,
) -> String {
    let id = IdBuilder::new("visibility").text(kind).text(service.unwrap_or_default());
    line(&Record {
        timestamp: at,
        ecs: ECS,
        event: Event {
            kind: "metric",
            category: &["network"],
            r#type: &["info"],
            dataset: "stilt.visibility",
            id: format!("{:016x}", id.bytes(&at.nanos().to_le_bytes()).finish()),
        },
        message: cap(message),
        stilt: Stilt {
            schema: SCHEMA_VERSION,
            visibility: Visibility { kind, service: service.map(cap), counts },
        },
    })
}

#[derive(Serialize)]
struct Record<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    ecs: Ecs,
    event: Event,
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
}

#[derive(Serialize)]
struct Stilt<'a> {
    schema: u32,
    visibility: Visibility<'a>,
}

#[derive(Serialize)]
struct Visibility<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Cow<'a, str>>,
    counts: &'a BTreeMap<&'a str, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use crate::testing::at;

    #[test]
    fn a_limit_that_bit_is_told_with_its_counts() {
        let counts = [("flows", 3), ("bytes", 900)].into();
        let line = visibility(at(0), "flows_evicted", Some("shop"), &counts, "3 flows evicted");
        let record = serde_json::from_str(&line).unwrap();
        schema::tests::check(&schema::visibility(), &record);
        assert_eq!(record["stilt"]["visibility"]["counts"]["flows"], 3);
        let other = visibility(at(1), "flows_evicted", None, &counts, "x");
        let other: serde_json::Value = serde_json::from_str(&other).unwrap();
        assert_ne!(other["event"]["id"], record["event"]["id"]);
    }
}
