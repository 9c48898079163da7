//! How well sensitive data is told: figures per kind on labelled texts, and what is told in the
//! leaves of captures that are known. `scripts/sensitive` runs it.
//!
//! `sensitive texts < FILE`: one JSON object a line with `cls`, `label` (`leak` or not) and `text`.
//! `sensitive leaves CAPTURE…`: every kind with the paths under which it was told.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::path::PathBuf;
use stilt_capture::assembler::{Assembler, Limits};
use stilt_capture::link::Decoder;
use stilt_capture::segment::Segment;
use stilt_capture::source::{self, Batch, Options};
use stilt_content::{Config, Masker, Reader};
use stilt_model::{Exchange, Key, Mark, Stage, Transaction};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("texts") => texts(args.next().is_some()),
        Some("leaves") => leaves(&args.map(PathBuf::from).collect::<Vec<_>>()),
        _ => Err("use: sensitive texts [each] < FILE, or sensitive leaves CAPTURE…".into()),
    }
}

/// Texts of one class.
#[derive(Default)]
struct Class {
    found: u32,
    missed: u32,
    false_hits: u32,
    clean: u32,
    names: BTreeMap<&'static str, u32>,
}

/// Counts hits of any kind per class of texts; `each`: shows the texts that are judged wrong.
fn texts(each: bool) -> Result<(), Box<dyn Error>> {
    let masker = Masker::new(Key::new([1; 32]));
    let mut classes: BTreeMap<String, Class> = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let record: serde_json::Value = serde_json::from_str(&line?)?;
        let word = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let (text, leak) = (word("text"), record["label"] == "leak");
        let class = classes.entry(word("cls")).or_default();
        let told: Vec<_> =
            masker.inspect(&text).into_iter().filter(|(_, what)| what.kind.is_some()).collect();
        for (_, what) in &told {
            *class.names.entry(what.name).or_default() += 1;
        }
        match (leak, told.is_empty()) {
            (true, false) => class.found += 1,
            (true, true) => class.missed += 1,
            (false, false) => class.false_hits += 1,
            (false, true) => class.clean += 1,
        }
        if each && leak == told.is_empty() {
            let names: Vec<_> = told.iter().map(|(_, what)| what.name).collect();
            println!("{}\t{}\t{names:?}\t{text:?}", record["label"], record["cls"]);
        }
    }
    for (name, class) in classes {
        let Class { found, missed, false_hits, clean, names } = class;
        println!(
            "{name}\tfound {found} of {}\tfalse {false_hits} of {}\t{names:?}",
            found + missed,
            false_hits + clean
        );
    }
    Ok(())
}

/// Reads captures and tells where each kind was found.
fn leaves(captures: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let limits = Limits::default();
    let mut source = source::open(captures, &Options::default())?;
    let mut decoder = Decoder::new(&limits.link_limits());
    let mut assembler = Assembler::new(&limits);
    let mut reader = Reader::new(Key::new([1; 32]), &Config::default());
    let (mut batch, mut exchanges, mut last) = (Batch::default(), Vec::new(), None::<Mark>);
    let mut told = Told::default();
    while source.fill(&mut batch)? {
        for frame in &batch.frames {
            let bytes = batch.bytes(frame);
            last = Some(frame.mark);
            let Some(decoded) = decoder.decode(frame, bytes) else { continue };
            let from = if decoded.reassembled { decoder.reassembled() } else { bytes };
            let payload = from.get(decoded.payload.clone()).unwrap_or_default();
            assembler.segment(&Segment { head: decoded.head, payload }, &mut exchanges);
        }
        told.take(&mut reader, &mut exchanges);
    }
    if let Some(mark) = last {
        assembler.finish(mark, &mut exchanges);
    }
    told.take(&mut reader, &mut exchanges);
    println!("{} leaves", told.leaves);
    for ((kind, path), count) in told.places {
        println!("{kind}\t{count}\t{path}");
    }
    Ok(())
}

#[derive(Default)]
struct Told {
    leaves: u64,
    places: BTreeMap<(&'static str, String), u64>,
}

impl Told {
    fn take(&mut self, reader: &mut Reader, exchanges: &mut Vec<Exchange>) {
        for exchange in exchanges.drain(..).filter(|one| one.stage == Stage::Over) {
            let seen: Transaction = reader.read(exchange);
            let asked = seen.request.iter().flat_map(|request| &request.leaves);
            let answered = seen.response.iter().flat_map(|response| &response.leaves);
            for leaf in asked.chain(answered) {
                self.leaves += 1;
                if let Some(kind) = leaf.sensitive {
                    *self.places.entry((kind.name(), leaf.path.to_string())).or_default() += 1;
                }
            }
        }
    }
}
