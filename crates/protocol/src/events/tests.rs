//! Events of each kind, however they are cut.

use super::*;
use proptest::prelude::*;

fn told(events: &StreamEvents) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    events.iter().map(|(name, data)| (text(name), text(data))).collect()
}

fn check(kind: Kind, body: &[u8], expected: &[(&str, &str)]) {
    let own = |(name, data): &(&str, &str)| ((*name).to_owned(), (*data).to_owned());
    let expected: Vec<_> = expected.iter().map(own).collect();
    assert_eq!(told(&read(kind, body, b"", true)), expected);
    for cut in 0..body.len() {
        let (mut reader, mut out) = (Reader::new(kind), StreamEvents::default());
        reader.feed(&body[..cut], &mut out);
        reader.feed(&body[cut..], &mut out);
        reader.end(&mut out);
        assert_eq!(told(&out), expected, "cut at {cut}");
    }
}

/// A message of the binary event stream.
fn message(event: &str, payload: &str) -> Vec<u8> {
    let mut headers = vec![13];
    headers.extend_from_slice(b":content-type\x07\x00\x10application/json");
    headers.push(11);
    headers.extend_from_slice(b":event-type\x07");
    headers.extend_from_slice(&u16::try_from(event.len()).unwrap().to_be_bytes());
    headers.extend_from_slice(event.as_bytes());
    let length = 16 + headers.len() + payload.len();
    let mut out = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&amazon::crc(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&amazon::crc(&out).to_be_bytes());
    out
}

#[test]
fn server_sent_events_are_read_as_the_standard_says() {
    check(
        Kind::Sse,
        b"\xef\xbb\xbf: hello\n\nevent: a\r\ndata: {\"x\":1}\r\n\r\ndata:one\ndata:  two\n\nid: 7\n\ndata\n\n",
        &[("a", "{\"x\":1}"), ("", "one\n two"), ("", "")],
    );
    check(Kind::Sse, b"data: 1\r\rdata: [DONE]", &[("", "1"), ("", "[DONE]")]);
}

#[test]
fn lines_are_read_one_by_one() {
    check(
        Kind::Lines,
        b"{\"a\":1}\r\n\n{\"b\":2}\n{\"c\"",
        &[("", "{\"a\":1}"), ("", "{\"b\":2}"), ("", "{\"c\"")],
    );
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(amazon::crc(b"123456789"), 0xcbf4_3926);
}

#[test]
fn binary_messages_are_read_and_found_again_behind_rubbish() {
    let first = message("contentBlockDelta", r#"{"delta":{"text":"Hi"}}"#);
    let last = message("metadata", r#"{"usage":{"inputTokens":3}}"#);
    let expected = [
        ("contentBlockDelta", r#"{"delta":{"text":"Hi"}}"#),
        ("metadata", r#"{"usage":{"inputTokens":3}}"#),
    ];
    check(Kind::Amazon, &[first.clone(), last.clone()].concat(), &expected);
    let broken = [first.clone(), first[..20].to_vec(), last.clone()].concat();
    let out = read(Kind::Amazon, &broken, b"", true);
    assert!(out.cut);
    let mut wrong = first;
    wrong[40] ^= 1;
    let out = read(Kind::Amazon, &[wrong, last].concat(), b"", true);
    assert_eq!((told(&out).len(), out.cut), (1, true));
}

#[test]
fn behind_lost_bytes_the_next_whole_event_is_read() {
    let tail = b"rest of an event\n\ndata: {\"usage\":7}\n\n";
    let out = read(Kind::Sse, b"data: a\n\ndata: b", tail, false);
    assert_eq!(
        told(&out),
        [("".to_owned(), "a".to_owned()), ("".to_owned(), "{\"usage\":7}".to_owned())]
    );
    let out = read(Kind::Lines, b"{\"a\":1}\n{\"b", b"...}\n{\"z\":1}\n", false);
    assert_eq!(told(&out).len(), 2);
    assert!(out.cut);
}

proptest! {
    #[test]
    fn any_cut_of_any_bytes_says_the_same(
        body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r')], 0..200),
        cuts in proptest::collection::vec(0usize..200, 0..4),
    ) {
        for kind in [Kind::Sse, Kind::Lines, Kind::Amazon] {
            let whole = read(kind, &body, b"", true);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(body.len())).collect();
            cuts.sort_unstable();
            let (mut reader, mut out, mut from) = (Reader::new(kind), StreamEvents::default(), 0);
            for cut in cuts.into_iter().chain([body.len()]) {
                reader.feed(&body[from..cut], &mut out);
                from = cut;
            }
            reader.end(&mut out);
            prop_assert_eq!(told(&whole), told(&out));
        }
    }
}
