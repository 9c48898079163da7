//! What is sent to wear the reader out: bounds are shown by counting bytes, not by the clock.

use super::*;

/// Pushes `piece` up to `times` times; gives the messages, and the most bytes that were held.
fn push(parser: &mut Parser, piece: &[u8], times: u64) -> (Vec<Message>, usize) {
    let limits = Limits::default();
    let (mut out, mut most) = (Vec::new(), 0);
    for number in 0..times {
        let (mut at, mut fresh) = (0, true);
        while at < piece.len() {
            let (taken, step) =
                parser.advance(&piece[at..], number, Mark::default(), fresh, &limits);
            at += taken;
            fresh = false;
            match step {
                Step::Head => {
                    let framing = match parser.side {
                        Side::Request => Framing::of_request(parser.message_mut()),
                        Side::Response => Framing::of_response(parser.message_mut(), b"GET"),
                    };
                    out.extend(parser.frame(framing).map(|message| *message));
                }
                Step::Message(message) => out.push(*message),
                Step::More | Step::NotHttp => {}
            }
            most = most.max(held(parser));
        }
    }
    (out, most)
}

fn held(parser: &Parser) -> usize {
    let line = if let State::Chunked(chunked) = &parser.state { chunked.held() } else { 0 };
    let message = &parser.message;
    message.head.raw.len() + message.body.kept.len() + parser.pending.len() + line
}

#[test]
fn ten_gigabytes_are_counted_in_constant_memory() {
    const TEN: u64 = 10 << 30;
    let mebibyte = vec![b'x'; 1 << 20];
    let mut parser = Parser::new(Side::Response, false);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {TEN}\r\n\r\n");
    push(&mut parser, head.as_bytes(), 1);
    let (messages, most) = push(&mut parser, &mebibyte, TEN >> 20);
    assert_eq!((messages.len(), messages[0].body.bytes), (1, TEN));
    assert!(messages[0].body.complete && most <= 257 << 10, "{most}");

    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    push(&mut parser, head, 1);
    for _ in 0..10 {
        let (_, most) = push(&mut parser, b"40000000\r\n", 1);
        let (messages, more) = push(&mut parser, &mebibyte, 1 << 10);
        assert!(messages.is_empty() && most.max(more) <= 257 << 10, "{most} {more}");
        push(&mut parser, b"\r\n", 1);
    }
    let (messages, _) = push(&mut parser, b"0\r\n\r\n", 1);
    assert_eq!((messages[0].body.bytes, messages[0].body.complete), (TEN, true));

    // Until the connection closes.
    push(&mut parser, b"HTTP/1.1 200 OK\r\n\r\n", 1);
    push(&mut parser, &mebibyte, TEN >> 20);
    let message = parser.end(true).unwrap();
    assert_eq!((message.body.bytes, message.body.complete), (TEN, true));
}

#[test]
fn endless_heads_are_cut_and_told_as_far_as_they_were_read() {
    let start: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n";
    for piece in ["A: b\r\n".repeat(200), "x".repeat(1400), ": ".repeat(700), " \n".repeat(700)] {
        let mut parser = Parser::new(Side::Request, false);
        push(&mut parser, start, 1);
        let (messages, most) = push(&mut parser, piece.as_bytes(), 10_000);
        assert!(most <= (64 << 10) + 1400, "{most}");
        assert_eq!(messages.len(), 1, "{}", &piece[..8]);
        let head = &messages[0].head;
        assert_eq!(head.target(), b"/x");
        assert!(head.header("host").is_some_and(|host| host.starts_with(b"a")));
        assert!(head.headers.len() <= Limits::default().headers_max);
        assert!(!messages[0].body.complete);
        assert!(messages[0].anomalies.contains(&Anomaly::HeadCap));
        // What comes next is read again.
        let (messages, _) = push(&mut parser, b"GET /y HTTP/1.1\r\n\r\n", 1);
        assert_eq!(messages[0].head.target(), b"/y");
    }
    let mut parser = Parser::new(Side::Request, false);
    let (messages, most) = push(&mut parser, &b"GET /".repeat(280), 10_000);
    assert!(messages.is_empty() && most <= 34 << 10, "{most}");
}

#[test]
fn endless_lines_between_chunks_and_sizes_beyond_reason_end_the_message() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (start, piece) in [("1;", "x"), ("0\r\nA: ", "b"), ("0\r\n", "A: b\r\n"), ("", "0")] {
        let mut parser = Parser::new(Side::Request, false);
        push(&mut parser, format!("{head}{start}").as_bytes(), 1);
        let (messages, most) = push(&mut parser, piece.repeat(1000).as_bytes(), 1000);
        assert!(most <= 20 << 10, "{most}");
        assert_eq!(messages.len(), 1, "{start:?}");
        assert!(!messages[0].body.complete && parser.is_lost());
    }
    for size in ["ffffffffffffffff", "fffffffffffffffff", "-1", "8000000000000000"] {
        let mut parser = Parser::new(Side::Request, false);
        push(&mut parser, format!("{head}{size}\r\n").as_bytes(), 1);
        let (_, most) = push(&mut parser, &[b'x'; 1400], 1000);
        assert!(most <= 257 << 10, "{most}");
    }
}

#[test]
fn ten_million_headers_are_cut_at_the_cap() {
    let mut parser = Parser::new(Side::Request, false);
    push(&mut parser, b"GET /x HTTP/1.1\r\n", 1);
    let (messages, most) = push(&mut parser, "A: b\r\n".repeat(10_000).as_bytes(), 1000);
    assert_eq!((messages.len(), messages[0].head.headers.len()), (1, 256));
    assert!(most <= (64 << 10) + 60_000, "{most}");
    assert!(parser.is_lost());
}

/// Calls that it takes to read a stream that comes byte by byte.
fn calls(side: Side, stream: &[u8]) -> (usize, usize) {
    let limits = Limits { head_max: 1 << 20, ..Limits::default() };
    let (mut parser, mut calls, mut most) = (Parser::new(side, false), 0, 0);
    for byte in stream {
        let mut taken = 0;
        while taken == 0 {
            let (took, step) = parser.advance(&[*byte], 0, Mark::default(), true, &limits);
            (taken, calls) = (took, calls + 1);
            if let Step::Head = step {
                let framing = Framing::of_request(parser.message_mut());
                parser.frame(framing);
            }
        }
        most = most.max(held(&parser));
    }
    (calls, most)
}

#[test]
fn one_byte_at_a_time_takes_one_call_for_each() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for stream in [
        "GET / HTTP/1.1\r\n".to_owned() + &"A: b\r\n".repeat(20_000) + "\r\n",
        head.to_owned() + "1;" + &"x".repeat(60_000),
        head.to_owned() + &"1\r\nx\r\n".repeat(9000) + "0\r\n" + &"A: b\r\n".repeat(2000) + "\r\n",
        format!("POST / HTTP/1.1\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000)),
        "\r\n".repeat(50_000),
    ] {
        let (calls, most) = calls(Side::Request, stream.as_bytes());
        assert!(calls <= stream.len() + 8, "{calls} calls for {} bytes", stream.len());
        assert!(most <= 257 << 10, "{most}");
    }
}
