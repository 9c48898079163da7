//! Trains the prompt classifier, and judges it on sources that it has not seen.
//!
//! `scripts/train-prompts` calls it; see `docs/prompt-classifier.md`.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a tool of the developers, not of the wire"
)]

mod corpus;
mod fit;
mod report;

use corpus::{Dice, Text};
use fit::{Knobs, Line, Names, Read};
use std::collections::BTreeSet;
use std::path::PathBuf;
use stilt_model::talk::TrustRole;

/// Which texts a head learns from.
fn teaches(text: &Text, head: usize) -> bool {
    let data = matches!(text.role, TrustRole::ToolDefinition | TrustRole::ToolResult);
    match (head, text.attack) {
        (0, _) => !data,
        // Orders of a user are orders in a tool result; requests that are none of its business too.
        // What a user asks is no harm in a document, unless it asks the reader to act.
        (_, true) => data,
        (_, false) => {
            data || ["gsm8k", "fuzzyai", "own_user"].iter().any(|name| text.source.contains(name))
        }
    }
}

pub struct Setup {
    pub texts: Vec<Text>,
    pub unseen: Vec<Text>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut train = PathBuf::new();
    let mut unseen = None;
    let mut documents = None;
    let mut out = None;
    while let Some(name) = args.next() {
        let value = args.next().map(PathBuf::from).unwrap_or_default();
        match name.as_str() {
            "--train" => train = value,
            "--unseen" => unseen = Some(value),
            "--documents" => documents = Some(value),
            "--out" => out = Some(value),
            other => panic!("no option {other}"),
        }
    }
    let setup = gather(&train, unseen.as_deref(), documents.as_deref());
    let told = Knobs { features_max: 900, source_max: 300, alpha: 40.0 };
    let data = Knobs { features_max: 2500, source_max: 800, alpha: 300.0 };
    let knobs = [told, data, data];
    for (source, (benign, attack)) in corpus::count(&setup.texts) {
        println!("{source:28} {benign:5} benign {attack:5} attack");
    }
    let trained = report::evaluate(&setup, knobs);
    if let Some(out) = out {
        std::fs::write(out, trained.bytes()).expect("weights are written");
    }
}

/// All texts; attacks that no source has inside tool results are put there.
fn gather(
    train: &std::path::Path,
    unseen: Option<&std::path::Path>,
    documents: Option<&std::path::Path>,
) -> Setup {
    let mut texts = corpus::public(train);
    texts.extend(corpus::seeds());
    // Personas that one corpus calls harmful are those that another has as harmless.
    texts.retain(|text| !text.attack || !text.text.starts_with("I want you to act as"));
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let own: Vec<Text> = corpus::documents(&docs, "own_docs_tool")
        .into_iter()
        .filter(|text| !text.class.contains("prompt-classifier"))
        .collect();
    texts.extend(own);
    for text in texts.iter_mut() {
        if text.class.starts_with("indirect") {
            text.role = TrustRole::ToolResult; // A document with a request in front of it.
        }
    }
    let placed = place(&texts);
    texts.retain(|text| {
        !text.attack || text.role != TrustRole::ToolResult || text.class.starts_with("indirect")
    });
    texts.extend(placed);
    let mut other: Vec<Text> = unseen.map(corpus::public).unwrap_or_default();
    let known: BTreeSet<&str> = texts.iter().map(|text| text.text.as_str()).collect();
    other.retain(|text| !known.contains(text.text.as_str()));
    for text in &mut other {
        if text.class == "system_prompt" {
            text.role = TrustRole::System;
        }
    }
    if let Some(folder) = documents {
        let found = corpus::documents(folder, "");
        let (judge, teach) = found.into_iter().partition(|text| text.source == "documents_tool");
        texts.extend::<Vec<Text>>(teach);
        other.extend::<Vec<Text>>(judge);
    }
    Setup { texts, unseen: other }
}

/// Attacks as they stand in what tools give: in harmless texts, which are none of those that judge
/// when the attack teaches. Tasks that one corpus has for a writer are attacks where a document
/// sets them.
fn place(texts: &[Text]) -> Vec<Text> {
    let fold = |text: &Text| text.source.ends_with("_b");
    let carriers: Vec<&Text> = texts
        .iter()
        .filter(|text| !text.attack && text.role == TrustRole::ToolResult)
        .filter(|text| text.source.starts_with("own_tool"))
        .collect();
    let halves = [false, true]
        .map(|half| carriers.iter().filter(|text| fold(text) == half).copied().collect::<Vec<_>>());
    let speaks = ["own_user_attack", "own_tool", "asb_tools", "giskard"];
    let mut dice = Dice(11);
    let mut placed = Vec::new();
    for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.text.len() < 800) {
        let mut text = text.clone();
        let mut half = fold(&text);
        if text.attack && speaks.iter().any(|name| text.source.starts_with(name)) {
            half |= !text.source.starts_with("own") && at % 2 == 0;
        } else if is_task(&text) {
            text.source = format!("task_{}", text.source);
            text.attack = true;
            half = at % 2 == 0;
        } else {
            continue;
        }
        placed.push(corpus::carried(&text, &halves[usize::from(half)], &mut dice));
    }
    placed
}

/// A task for a writer, in the form of an order.
fn is_task(text: &Text) -> bool {
    let sources = ["self_instruct", "mtbench", "cse_mitre_frr"];
    let first = text.text.split([' ', ',']).next().unwrap_or("");
    let orders = [
        "Write",
        "Create",
        "Generate",
        "Give",
        "Compose",
        "Draft",
        "Describe",
        "Explain",
        "Tell",
        "Translate",
        "Rewrite",
        "Suggest",
        "List",
        "Summarize",
        "Design",
        "Make",
        "Convert",
        "Find",
        "Develop",
        "Provide",
        "Please",
        "Craft",
        "Analyze",
        "Identify",
        "Edit",
        "Come",
        "Produce",
    ];
    !text.attack
        && text.text.len() < 400
        && sources.contains(&text.source.as_str())
        && orders.contains(&first)
}

/// A fit of one head without the sources in `without`.
pub fn fit_head(
    reads: &[Read<'_>],
    names: &Names,
    head: usize,
    without: &[&str],
    knobs: [Knobs; 3],
) -> Line {
    let chosen: Vec<&Read<'_>> = reads
        .iter()
        .filter(|read| teaches(read.text, head) && !without.contains(&read.text.source.as_str()))
        .collect();
    let line = fit::fit(&chosen, head == 2, names, knobs[head]);
    // Of what is data, a score of 0.7 is what one in fifty of the hard harmless texts reaches.
    if head == 0 { line } else { line.scaled(1.0 / 3.0) }
}
