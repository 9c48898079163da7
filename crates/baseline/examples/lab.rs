//! How the baseline learns and judges, on exchanges of a simulated application as JSON lines from
//! standard input (`scripts/lab/run sim APPLICATION --exchanges`).
//!
//! Everything benign is scored and then learned. Odd requests are scored and teach nothing, but
//! those of poisoners until `--learn N` benign ones were seen, where `--poisoned` is given: nobody
//! was warned of them. Prints how often benign ones fall to nominal p-values, how many of the odd
//! ones do after so many benign transactions, and what it costs; with `--daily` also how often
//! benign ones of each day do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example may fail by panicking")]
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::io::BufRead;
use std::time::{Duration, Instant};
use stilt_baseline::{Baseline, Config};
use stilt_inventory::test_support::{EPOCH, Tx, World};
use stilt_inventory::{Inventory, Who};
use stilt_model::{Key, Timestamp};
use stilt_session::Sessions;

/// Nominal p-values.
const NOMINAL: [f64; 4] = [0.1, 0.01, 0.001, 0.0001];
/// Benign transactions after which the odd ones are counted anew.
const STEPS: [usize; 7] = [250, 500, 1000, 2000, 4000, 8000, usize::MAX];

/// One kind of p-value.
#[derive(Default)]
struct Rates {
    judged: usize,
    below: [usize; NOMINAL.len()],
}

impl Rates {
    fn add(&mut self, p: Option<f64>) {
        let Some(p) = p else { return };
        self.judged += 1;
        for (count, nominal) in self.below.iter_mut().zip(NOMINAL) {
            *count += usize::from(p <= nominal);
        }
    }

    fn print(&self, name: &str) {
        let shares: Vec<String> = NOMINAL
            .iter()
            .zip(self.below)
            .map(|(nominal, count)| format!("{nominal}: {:.6}", ratio(count, self.judged)))
            .collect();
        println!("{name}: {} judged, realised {}", self.judged, shares.join(", "));
    }
}

/// Odd requests that were found, after so many benign ones.
#[derive(Default)]
struct Found {
    odd: usize,
    /// With a p-value of one per cent and less, and with two ways that are told.
    rare: usize,
    told: usize,
}

struct Floor {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    baseline: Baseline,
    spent: Duration,
    ticked: i64,
}

/// What was said of one transaction.
struct Verdict {
    request: Option<f64>,
    all: Option<f64>,
    ways: usize,
}

impl Floor {
    #[allow(clippy::disallowed_methods, reason = "what it costs is measured")]
    fn see(&mut self, row: &serde_json::Value, teaches: bool) -> Verdict {
        let text = |name: &str| row[name].as_str().unwrap_or("").to_owned();
        let pairs = |name: &str| -> Vec<(String, String)> {
            serde_json::from_value(row[name].clone()).unwrap_or_default()
        };
        let mut tx = Tx::new(&text("method"), &text("target").replace(' ', "%20"))
            .from(&text("client"))
            .to(&text("server"))
            .at(row["at"].as_f64().unwrap() - f64::from(u32::try_from(EPOCH).unwrap()))
            .latency(row["latency"].as_u64().unwrap_or(20))
            .sends(&text("body"))
            .status(u16::try_from(row["status"].as_u64().unwrap()).unwrap())
            .tells(&text("answer"));
        for (name, value) in pairs("headers") {
            tx = if name == "Host" { tx.host(&value) } else { tx.header(&name, &value) };
        }
        for (name, value) in pairs("told") {
            tx = tx.answer_header(&name, &value);
        }
        if !text("kind").is_empty() {
            tx = tx.answer_header("Content-Type", &text("kind"));
        }
        let tx = self.world.tx(tx);
        self.tick(tx.start);
        let sighting = self.inventory.observe(&tx);
        let seen = self.sessions.observe(&tx, &sighting);
        let begin = Instant::now();
        self.baseline.rate(&tx, &sighting, &seen);
        let score = self.baseline.score(&tx, &sighting, &seen);
        if teaches {
            self.baseline.learn(&tx, &sighting, &seen, false);
        }
        self.spent += begin.elapsed();
        let who = Who { actor: seen.actor.id, authenticated: true, roles: seen.best_roles() };
        self.inventory.learn(&tx, &sighting, who, !teaches);
        Verdict {
            request: score.request.as_ref().and_then(|request| request.p),
            all: score.anomaly.map(|anomaly| 1.0 - anomaly),
            ways: score.request.map_or(0, |request| request.deviations.len()),
        }
    }

    fn tick(&mut self, now: Timestamp) {
        if now.secs() > self.ticked {
            self.ticked = now.secs();
            let mut closed = Vec::new();
            self.sessions.tick(now, &mut closed);
            self.baseline.tick(now);
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole.max(1)).unwrap())
}

/// The number after an argument.
fn argument(name: &str, otherwise: usize) -> usize {
    let mut all = std::env::args().skip_while(|known| known != name);
    all.nth(1).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn main() {
    let learn = argument("--learn", 1000);
    let is_poisoned = std::env::args().any(|argument| argument == "--poisoned");
    let mut floor = Floor {
        world: World::new(),
        inventory: Inventory::new(&stilt_inventory::Config::default()),
        sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
        baseline: Baseline::new(&Config::default()),
        spent: Duration::ZERO,
        ticked: 0,
    };
    let (mut request, mut all) = (Rates::default(), Rates::default());
    let mut found: Vec<Found> = STEPS.iter().map(|_| Found::default()).collect();
    let is_daily = std::env::args().any(|argument| argument == "--daily");
    let (mut daily, mut begin) = (Vec::<Rates>::new(), None);
    let (mut benign, mut poisoned, mut seen) = (0, 0, 0_u32);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(row) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        seen += 1;
        if row["odd"] == true {
            if row["poison"] == true {
                if is_poisoned && benign < learn {
                    poisoned += 1;
                    floor.see(&row, true);
                }
                continue;
            }
            let verdict = floor.see(&row, false);
            let step = STEPS.iter().position(|until| benign < *until).unwrap();
            found[step].odd += 1;
            found[step].rare += usize::from(verdict.request.is_some_and(|p| p <= 0.01));
            found[step].told += usize::from(verdict.ways >= 1);
            continue;
        }
        let verdict = floor.see(&row, true);
        benign += 1;
        let at = row["at"].as_f64().unwrap();
        let day = Duration::from_secs_f64(at - *begin.get_or_insert(at)).as_secs() / 86_400;
        let day = usize::try_from(day).unwrap();
        daily.resize_with(daily.len().max(day + 1), Rates::default);
        daily[day].add(verdict.request);
        if benign > learn {
            request.add(verdict.request);
            all.add(verdict.all);
        }
    }
    for (day, rates) in daily.iter().enumerate().filter(|_| is_daily) {
        rates.print(&format!("day {}, request", day + 1));
    }
    println!("{benign} benign transactions, {poisoned} odd ones taught");
    request.print("request");
    all.print("combined");
    for (until, found) in STEPS.iter().zip(&found).filter(|(_, found)| found.odd > 0) {
        let until = if *until == usize::MAX { "the end".to_owned() } else { until.to_string() };
        let (rare, told) = (ratio(found.rare, found.odd), ratio(found.told, found.odd));
        println!(
            "until {until}: {} odd, {rare:.3} with p <= 0.01, {told:.3} deviate beyond all others",
            found.odd
        );
    }
    println!(
        "{:.1} us a transaction in the baseline",
        1e6 * (floor.spent / seen.max(1)).as_secs_f64()
    );
}
