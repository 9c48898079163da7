//! Caps are honoured, and the summary tells when they bite.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use common::Scratch;
use common::net::{Capture, Connection, SECOND, Ticks, message};

const FLOWS: u64 = 400;

/// Connections that stay open after one exchange, or in the middle of a request.
fn left_open() -> Vec<u8> {
    let mut capture = Capture::default();
    for number in 0..FLOWS {
        let client = format!("10.9.{}.{}:40000", number / 200, number % 200 + 1);
        let at = 1_750_000_000 * SECOND + number * SECOND / 100;
        let mut connection = Connection::open(&mut capture, &client, "10.9.9.9:80", at);
        let request = message("GET /orders HTTP/1.1", &[("Host", "shop.example")], "");
        let response = message("HTTP/1.1 200 OK", &[], "[]");
        connection.exchange(&request, &response);
        connection.exchange(&request[..request.len() - 2], b"");
    }
    capture.pcap(Ticks::Micro)
}

#[test]
fn connections_beyond_the_cap_are_handed_over_and_counted() {
    let scratch = Scratch::new("flows-max");
    let capture = scratch.write("open.pcap", &left_open());
    let config = scratch.write("config.toml", b"[capture]\nflows_max = 64\n");
    let args = ["replay", &capture, "--transactions", "t"];
    for (more, evicts) in [(&[][..], false), (&["--config", config.as_str()], true)] {
        let ran = scratch.run(&[&args[..], more].concat()).good();
        // One connection in each of the 64 shards stays; all the others had to go.
        let told = ran.err.contains(" flows evicted");
        assert_eq!(told, evicts, "{}", ran.err);
        let cut = format!("{FLOWS} requests cut off in their head");
        assert!(ran.err.contains(&cut), "{}", ran.err);
        assert_eq!(scratch.read("t").lines().count() as u64, 2 * FLOWS);
    }
}
