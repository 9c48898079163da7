//! How well profiles tell unusual requests, on labelled requests as JSON lines from standard input
//! (`label`, and `request` with `method`, `path`, `query`, `body`).
//!
//! Four fifths of the benign ones teach, each from an actor of its own; the rest and everything
//! else is scored and teaches nothing. Prints the share that is found at one per cent of false
//! positives, the area under the curve, and how often benign ones fall below nominal p-values.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example may fail by panicking")]
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::collections::BTreeMap;
use std::io::BufRead;
use stilt_baseline::{Baseline, Config};
use stilt_inventory::test_support::{World, get, post};
use stilt_inventory::{Inventory, Who};
use stilt_model::{IdBuilder, Key};
use stilt_session::Sessions;

struct Floors {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    baseline: Baseline,
    count: u32,
}

impl Floors {
    /// Scores a request, and learns it where `teaches`; gives its score and p-value.
    fn see(&mut self, request: &serde_json::Value, teaches: bool) -> (f64, f64) {
        let text = |name: &str| request[name].as_str().unwrap_or("").to_owned();
        let query = text("query");
        let mark = if query.is_empty() { "" } else { "?" };
        let target =
            format!("{}{mark}{query}", text("path").trim()).replace([' ', '\r', '\n'], "%20");
        let body = text("body");
        let [_, a, b, c] = self.count.to_be_bytes();
        self.count += 1;
        let tx = if body.is_empty() { get(&target) } else { post(&target).form(&body) };
        let tx = self.world.tx(tx.from(&format!("10.{a}.{b}.{c}")).answer(r#"{"ok":true}"#));
        let sighting = self.inventory.observe(&tx);
        let seen = self.sessions.observe(&tx, &sighting);
        let score = self.baseline.score(&tx, &sighting, &seen);
        if teaches {
            self.baseline.learn(&tx, &sighting, &seen, false);
            let who = Who { actor: seen.actor.id, authenticated: false, roles: &[] };
            self.inventory.learn(&tx, &sighting, who, false);
        }
        let p = score.request.and_then(|request| request.p).unwrap_or(1.0);
        (f64::from(self.baseline.request_score()), p)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole.max(1)).unwrap())
}

fn main() {
    let rows = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut rows: Vec<serde_json::Value> =
        rows.filter_map(|line| serde_json::from_str(&line).ok()).collect();
    // In an order that has nothing to do with the labels, the same every time.
    rows.sort_by_key(|row| IdBuilder::new("order").text(&row["id"].to_string()).finish());
    let (benign, other): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["label"] == "benign");
    let cut = benign.len() * 4 / 5;
    let mut floors = Floors {
        world: World::new(),
        inventory: Inventory::new(&stilt_inventory::Config::default()),
        sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
        baseline: Baseline::new(&Config::default()),
        count: 0,
    };
    for row in benign.iter().take(cut) {
        floors.see(&row["request"], true);
    }
    let usual: Vec<(f64, f64)> =
        benign.iter().skip(cut).map(|row| floors.see(&row["request"], false)).collect();
    let mut scores: Vec<f64> = usual.iter().map(|(score, _)| *score).collect();
    scores.sort_by(f64::total_cmp);
    let limit = scores[scores.len() - 1 - scores.len() / 100];
    println!("{cut} benign requests learned, {} held out, limit {limit:.2}", usual.len());
    let mut found: BTreeMap<String, (usize, usize, f64)> = BTreeMap::new();
    for row in &other {
        let (score, _) = floors.see(&row["request"], false);
        let entry = found.entry(row["label"].as_str().unwrap_or("?").to_owned()).or_default();
        entry.0 += usize::from(score > limit);
        entry.1 += 1;
        let (below, at) = (
            scores.partition_point(|known| *known < score),
            scores.partition_point(|known| *known <= score),
        );
        entry.2 += ratio(below + at, 2 * scores.len());
    }
    for (label, (hits, all, area)) in found {
        let (share, area) = (100.0 * ratio(hits, all), area / ratio(all, 1));
        println!("{label}: {hits} of {all} ({share:.1} %) at 1 % false positives, AUC {area:.4}");
    }
    for nominal in [0.01, 0.001] {
        let false_alarms = usual.iter().filter(|(_, p)| *p <= nominal).count();
        println!("benign with p <= {nominal}: {:.5}", ratio(false_alarms, usual.len()));
    }
}
