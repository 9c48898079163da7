//! How well the sequence model tells unusual sequences, on labelled sequences as JSON lines from
//! standard input (`seq`, `label`).
//!
//! Five times a fifth of the benign ones is held out and the rest learned, each from an actor of
//! its own; the score of a sequence is that of its least likely step. Prints the mean area under
//! the curve.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example prints, and may panic")]

use std::io::BufRead;
use stilt_baseline::sequence::{Markov, contexts};
use stilt_model::{ActorId, IdBuilder};

const LONGEST: usize = 2;

fn steps(row: &serde_json::Value) -> Vec<u64> {
    let names = row["seq"].as_array().unwrap().iter().map(ToString::to_string);
    let end = core::iter::once("the end".to_owned());
    names.chain(end).map(|name| IdBuilder::new("step").text(&name).finish()).collect()
}

fn score(model: &Markov, steps: &[u64]) -> f64 {
    let each = steps.iter().enumerate().map(|(at, step)| {
        let contexts = contexts(0, &steps[..at], LONGEST);
        -model.likelihood(&contexts, *step, ActorId(u64::MAX)).p.ln()
    });
    each.fold(0.0, f64::max)
}

fn ratio(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole.max(1)).unwrap())
}

fn main() {
    let rows: Vec<serde_json::Value> = std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect();
    let of = |benign: bool| -> Vec<Vec<u64>> {
        rows.iter().filter(|row| (row["label"] == "benign") == benign).map(steps).collect()
    };
    let (benign, odd) = (of(true), of(false));
    let mut areas = 0.0;
    for fold in 0..5 {
        let mut model = Markov::new(100_000);
        for (at, sequence) in benign.iter().enumerate().filter(|(at, _)| at % 5 != fold) {
            let actor = ActorId(IdBuilder::new("actor").number(at as u64).finish());
            for (at, step) in sequence.iter().enumerate() {
                model.learn(&contexts(0, &sequence[..at], LONGEST), *step, actor);
            }
        }
        let held_out = benign.iter().skip(fold).step_by(5);
        let mut usual: Vec<f64> = held_out.map(|sequence| score(&model, sequence)).collect();
        usual.sort_by(f64::total_cmp);
        let area: f64 = odd
            .iter()
            .map(|sequence| {
                let score = score(&model, sequence);
                let below = usual.partition_point(|known| *known < score);
                let at = usual.partition_point(|known| *known <= score);
                ratio(below + at, 2 * usual.len())
            })
            .sum::<f64>()
            / ratio(odd.len(), 1);
        println!("fold {fold}: {} held out, {} unusual, AUC {area:.4}", usual.len(), odd.len());
        areas += area;
    }
    println!("mean AUC {:.4}", areas / 5.0);
}
