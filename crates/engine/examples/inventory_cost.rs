//! What the inventory costs per transaction of a capture.
//!
//! `inventory_cost none|observe|learn CAPTURE…`: `none` reads the transactions, `observe` finds the
//! endpoint of each, `learn` takes in what it says as well. Run under `perf stat` or callgrind: the
//! difference over the number of transactions is the cost, whatever else the machine does.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::path::PathBuf;
use stilt_capture::assembler::{Assembler, Limits};
use stilt_capture::link::Decoder;
use stilt_capture::segment::Segment;
use stilt_capture::source::{self, Batch, Options};
use stilt_content::Reader;
use stilt_inventory::{Config, Inventory, Who};
use stilt_model::{ActorId, Exchange, IdBuilder, Key, Stage};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let captures: Vec<PathBuf> = args.map(PathBuf::from).collect();
    let limits = Limits::default();
    let mut source = source::open(&captures, &Options::default())?;
    let mut decoder = Decoder::new(&limits.link_limits());
    let mut assembler = Assembler::new(&limits);
    let mut reader = Reader::new(Key::new([1; 32]), &stilt_content::Config::default());
    let mut inventory = Inventory::new(&Config::default());
    let (mut batch, mut exchanges) = (Batch::default(), Vec::<Exchange>::new());
    let mut count = 0_u64;
    while source.fill(&mut batch)? {
        for frame in &batch.frames {
            let bytes = batch.bytes(frame);
            let Some(decoded) = decoder.decode(frame, bytes) else { continue };
            let from = if decoded.reassembled { decoder.reassembled() } else { bytes };
            let payload = from.get(decoded.payload.clone()).unwrap_or_default();
            assembler.segment(&Segment { head: decoded.head, payload }, &mut exchanges);
        }
        for exchange in exchanges.drain(..).filter(|one| one.stage == Stage::Over) {
            let tx = reader.read(exchange);
            count += 1;
            if mode == "none" {
                continue;
            }
            let sighting = inventory.observe(&tx);
            if mode == "learn" {
                let peer = format!("{:?}", tx.flow.client.ip());
                let actor = ActorId(IdBuilder::new("peer").text(&peer).finish());
                let who = Who { actor, authenticated: true, roles: &[] };
                inventory.learn(&tx, &sighting, who, false);
            }
        }
    }
    println!("{mode}: {count} transactions, {} endpoints", inventory.known().len());
    Ok(())
}
