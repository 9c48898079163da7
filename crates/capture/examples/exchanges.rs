//! Prints the exchanges of captures, one JSON object per line: the capture side alone, for scoring
//! and profiling. `exchanges CAPTURE… [--count]`
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a tool")]

use std::path::PathBuf;
use stilt_capture::assembler::{Assembler, Limits};
use stilt_capture::link::{self, Decoder};
use stilt_capture::segment::Segment;
use stilt_capture::source::{self, Batch};
use stilt_model::{Exchange, Mark, Stage, Timestamp};

fn main() {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let count = paths.iter().any(|path| path.as_os_str() == "--count");
    paths.retain(|path| path.as_os_str() != "--count");
    let mut source = match source::open(&paths, &source::Options::default()) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let mut decoder = Decoder::new(&link::Limits::default());
    let mut assembler = Assembler::new(&Limits::default());
    let (mut batch, mut out) = (Batch::default(), Vec::new());
    let (mut second, mut last) = (i64::MIN, Mark::default());
    let mut exchanges = 0_u64;
    while source.fill(&mut batch).unwrap() {
        for frame in &batch.frames {
            if frame.mark.time.secs() > second {
                second = frame.mark.time.secs();
                assembler.tick(Timestamp::from_secs(second), frame.mark.packet, &mut out);
            }
            last = frame.mark;
            let bytes = batch.bytes(frame);
            let mut found = decoder.decode(frame, bytes);
            while let Some(decoded) = found {
                let all = if decoded.reassembled { decoder.reassembled() } else { bytes };
                let payload = all.get(decoded.payload).unwrap_or_default();
                assembler.segment(&Segment { head: decoded.head, payload }, &mut out);
                found = decoder.more(frame, bytes);
            }
        }
        out.retain(|one: &Exchange| one.stage == Stage::Over);
        exchanges += out.len() as u64;
        if count {
            out.clear();
        }
        print(&mut out);
    }
    assembler.finish(last, &mut out);
    out.retain(|one| one.stage == Stage::Over);
    exchanges += out.len() as u64;
    if !count {
        print(&mut out);
    }
    for warning in source.take_warnings() {
        eprintln!("{warning}");
    }
    eprintln!("{exchanges} exchanges, {:?}, {:?}", decoder.counters(), assembler.counters());
}

fn print(out: &mut Vec<Exchange>) {
    for exchange in out.drain(..) {
        let mut http = Vec::new();
        let mut url = String::new();
        if let Some(request) = &exchange.request {
            http.push(format!(
                "\"version\":\"{}\",\"request\":{{\"method\":{},\"body\":{{\"bytes\":{}}}}}",
                request.head.version.name(),
                text(request.head.method()),
                request.body.bytes
            ));
            url = format!("\"url\":{{\"original\":{}}},", text(request.head.target()));
        }
        if let Some(response) = &exchange.response {
            if exchange.request.is_none() {
                http.push(format!("\"version\":\"{}\"", response.head.version.name()));
            }
            http.push(format!(
                "\"response\":{{\"status_code\":{},\"body\":{{\"bytes\":{}}}}}",
                response.head.status, response.body.bytes
            ));
        }
        let flow = &exchange.flow;
        println!(
            "{{\"event\":{{\"dataset\":\"stilt.transaction\"}},\"source\":{{\"ip\":\"{}\",\"port\":{}}},\"destination\":{{\"ip\":\"{}\",\"port\":{}}},{url}\"http\":{{{}}},\"stilt\":{{\"flags\":{:?}}}}}",
            flow.client.ip(),
            flow.client.port(),
            flow.server.ip(),
            flow.server.port(),
            http.join(","),
            exchange.flags.names()
        );
    }
}

/// A JSON string; bytes that are no UTF-8 are taken for Latin-1.
fn text(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}
