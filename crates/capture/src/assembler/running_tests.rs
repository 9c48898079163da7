//! Streams that are handed over while they run, and connections that are opened for TLS.

use super::tests::{Part, Script, exchanges};
use super::*;
use stilt_model::Stage;

const ASK: &str = "POST /v1/chat HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n\
    Content-Length: 15\r\n\r\n{\"stream\":true}";

fn answer(media: &str, events: usize) -> String {
    let mut text =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n");
    for number in 0..events {
        let event = format!("data: {{\"number\":{number},\"text\":\"{}\"}}\n\n", "x".repeat(90));
        text.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    }
    text
}

fn stages(script: &[Part]) -> Vec<(Stage, usize, bool)> {
    let all = exchanges(&Limits::default(), script);
    let told = all.iter().map(|exchange| {
        assert_eq!(exchange.flow_id, all[0].flow_id);
        assert_eq!(exchange.ordinal, 0);
        let events = exchange.response.as_ref().and_then(|one| one.body.events.as_deref());
        (exchange.stage.clone(), events.map_or(0, |events| events.len()), exchange.flags.incomplete)
    });
    told.collect()
}

#[test]
fn a_long_stream_is_shown_while_it_runs_and_once_more_when_it_is_over() {
    let (ask, events) = (ASK, answer("text/event-stream", 400));
    let whole = stages(&Script::talk(7, &[(ask, &format!("{events}0\r\n\r\n"))], 700));
    let [(Stage::Running, first, true), (Stage::Running, second, true), last] = &whole[..] else {
        panic!("{whole:?}");
    };
    assert!((60..90).contains(first) && (250..300).contains(second), "{whole:?}");
    assert_eq!(*last, (Stage::Over, 400, false));
    // It breaks off.
    let mut script = Script::new(7);
    script.say(true, ask, 700);
    script.say(false, &events, 700);
    script.control(false, 4);
    let broken = stages(&script.parts);
    assert_eq!(broken.len(), 3);
    assert_eq!(broken[2], (Stage::Over, 400, true));
}

#[test]
fn short_streams_and_other_bodies_are_shown_once() {
    let plain = answer("application/json", 400);
    assert_eq!(stages(&Script::talk(7, &[(ASK, &format!("{plain}0\r\n\r\n"))], 700)).len(), 1);
    let get = "GET /ticks HTTP/1.1\r\nHost: m\r\n\r\n";
    let ticks = answer("text/event-stream", 400);
    assert_eq!(stages(&Script::talk(7, &[(get, &format!("{ticks}0\r\n\r\n"))], 700)).len(), 1);
    let short = answer("text/event-stream", 20);
    assert_eq!(stages(&Script::talk(7, &[(ASK, &format!("{short}0\r\n\r\n"))], 700)).len(), 1);
}

fn hello() -> Vec<u8> {
    let long = |data: &[u8]| [&u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat();
    let name = long(&[&[0], &long(b"api.example.com")[..]].concat());
    let keys = [&[0, 51][..], &long(&[5; 1300])].concat();
    let extensions = long(&[&[0, 0][..], &long(&name), &keys].concat());
    let body = [&[3, 3][..], &[7; 32], &[0], &long(&[0x13, 1]), &[1, 0], &extensions].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]], &body[..]].concat();
    [&[22, 3, 1][..], &long(&message)].concat()
}

fn names(script: &[Part]) -> Vec<Option<String>> {
    let all = exchanges(&Limits::default(), script);
    let names = all.iter().filter_map(|exchange| match &exchange.stage {
        Stage::Tls(hello) => Some(hello.server_name.clone()),
        _ => None,
    });
    names.collect()
}

#[test]
fn a_connection_for_tls_names_its_server_however_it_is_cut() {
    for size in [1, 5, 100, 1400, 9000] {
        let mut script = Script::new(9);
        script.say_bytes(true, &hello(), size);
        script.say_bytes(false, b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9000);
        script.say_bytes(true, b"\x17\x03\x03\x00\x05hello", 9000);
        assert_eq!(names(&script.parts), [Some("api.example.com".to_owned())], "{size}");
    }
    let proxied = [b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n", &hello()[..]].concat();
    let mut script = Script::new(9);
    script.say_bytes(true, &proxied, 600);
    assert_eq!(names(&script.parts), [Some("api.example.com".to_owned())]);
    let mut script = Script::new(9);
    script.say(true, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n\r\n", 900);
    script.say(false, "HTTP/1.1 200 OK\r\n\r\n", 900);
    script.say_bytes(true, &hello(), 900);
    assert_eq!(names(&script.parts), [Some("api.example.com".to_owned())], "by a proxy");
    let mut script = Script::new(9);
    script.say_bytes(true, &hello()[..900], 300);
    assert_eq!(names(&script.parts), [], "it never came whole");
    assert_eq!(names(&Script::talk(7, &[(ASK, "HTTP/1.1 204 No\r\n\r\n")], 9)), []);
}
