use super::*;

fn mark(packet: u64) -> Mark {
    Mark { packet, ..Mark::default() }
}

/// Reads a stream cut at `cuts`; gives what each message was, in short.
pub(super) fn read(
    side: Side,
    stream: &[u8],
    cuts: &[usize],
    method: &[u8],
    clean: bool,
) -> Vec<String> {
    read_within(&Limits::default(), side, stream, cuts, method, clean)
}

fn read_within(
    limits: &Limits,
    side: Side,
    stream: &[u8],
    cuts: &[usize],
    method: &[u8],
    clean: bool,
) -> Vec<String> {
    let mut parser = Parser::new(side, false);
    let mut out = Vec::new();
    let mut edges: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    edges.extend([0, stream.len()]);
    edges.sort_unstable();
    edges.dedup();
    for (number, piece) in edges.windows(2).enumerate() {
        let (mut at, end) = (piece[0], piece[1]);
        let (mut fresh, mut idle) = (true, 0);
        while at < end {
            let (taken, step) =
                parser.advance(&stream[at..end], at as u64, mark(number as u64), fresh, limits);
            fresh &= taken == 0;
            at += taken;
            // An endless loop is a failure, not a test that never ends.
            idle = if taken == 0 { idle + 1 } else { 0 };
            assert!(idle < 25, "no progress at {at}");
            match step {
                Step::More | Step::NotHttp => {}
                Step::Message(message) => out.push(show(&message)),
                Step::Head => {
                    let message = &mut parser.message;
                    let framing = match side {
                        Side::Request => Framing::of_request(message),
                        Side::Response => Framing::of_response(message, method),
                    };
                    if let Some(message) = parser.frame(framing) {
                        out.push(show(&message));
                    }
                }
            }
        }
    }
    out.extend(parser.end(clean).map(|message| show(&message)));
    out
}

fn show(message: &Message) -> String {
    let head = &message.head;
    let start = if head.status > 0 {
        head.status.to_string()
    } else {
        [head.method(), head.target()]
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .join(" ")
    };
    let odd: Vec<String> = message.anomalies.iter().map(|a| format!(" {a:?}")).collect();
    format!(
        "{start} {}h {}b {:?}{}{}",
        head.headers.len(),
        message.body.bytes,
        String::from_utf8_lossy(&message.body.kept),
        if message.body.complete { "" } else { " cut" },
        odd.concat(),
    )
}

fn requests(stream: &str, expected: &[&str]) {
    assert_eq!(read(Side::Request, stream.as_bytes(), &[], b"", true), expected);
}

fn responses(stream: &str, method: &str, expected: &[&str]) {
    assert_eq!(read(Side::Response, stream.as_bytes(), &[], method.as_bytes(), true), expected);
}

#[test]
fn requests_are_framed_by_length_chunks_or_nothing() {
    requests(
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc\
         \r\nPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
        &["GET /a 1h 0b \"\"", "POST /b 1h 3b \"abc\"", "PUT /c 1h 3b \"abc\""],
    );
}

#[test]
fn responses_without_body_have_none_whatever_they_declare() {
    responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", &["200 1h 0b \"\""]);
    responses(
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
        "GET",
        &["304 1h 0b \"\"", "204 0h 0b \"\""],
    );
    responses(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "POST",
        &["100 0h 0b \"\"", "200 1h 2b \"hi\""],
    );
    responses("HTTP/1.1 200 ok\r\n\r\n\x16\x03\x01tls", "CONNECT", &["200 0h 0b \"\""]);
    responses("HTTP/1.1 101 x\r\nUpgrade: w\r\n\r\n\x01\x02", "GET", &["101 1h 0b \"\""]);
}

#[test]
fn a_body_until_close_is_whole_only_after_a_clean_close() {
    let stream = b"HTTP/1.0 200 OK\r\n\r\nhello";
    assert_eq!(read(Side::Response, stream, &[], b"GET", true), ["200 0h 5b \"hello\""]);
    assert_eq!(read(Side::Response, stream, &[], b"GET", false), ["200 0h 5b \"hello\" cut"]);
}

#[test]
fn what_servers_accept_is_read_and_flagged() {
    requests("GET /a HTTP/1.1\nHost: x\n\n", &["GET /a 1h 0b \"\""]);
    requests(
        "GET /a b HTTP/1.1\r\nX : y\r\nno colon\r\nZ: 1\r\n 2\r\n\r\n",
        &["GET /a b 2h 0b \"\" BadStartLine BadHeader ObsFold"],
    );
    requests(
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &["POST / 2h 0b \"\" LengthAndChunked"],
    );
    requests(
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        &["POST / 2h 1b \"a\" BadContentLength"],
    );
    responses(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET",
        &["200 1h 0b \"\" cut BadChunk"],
    );
}

#[test]
fn doubtful_chunking_is_settled_by_the_first_bytes_of_the_body() {
    let response = |headers: &str, body: &str| {
        let stream = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}");
        let whole = read(Side::Response, stream.as_bytes(), &[], b"GET", true);
        let cuts: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(
            read(Side::Response, stream.as_bytes(), &cuts, b"GET", true),
            whole,
            "{headers}"
        );
        whole.join(" ")
    };
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    for headers in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding : chunked",
    ] {
        let odd = response(headers, chunks);
        assert!(
            odd.contains("3b \"abc\"") && odd.contains("BadTransferEncoding"),
            "{headers} {odd}"
        );
        let odd = response(headers, "no chunks");
        assert!(odd.contains("9b \"no chunks\""), "{headers} {odd}");
        let both = response(&format!("{headers}\r\nContent-Length: 2"), "abHTTP/1.1 204 x\r\n\r\n");
        assert!(both.contains("2b \"ab\"") && both.ends_with("204 0h 0b \"\""), "{headers} {both}");
    }
    requests(
        "POST /a HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\nDELETE /b HTTP/1.1\r\n\r\n",
        &["POST /a 1h 0b \"\" BadTransferEncoding", "DELETE /b 0h 0b \"\""],
    );
}

#[test]
fn lengths_that_are_none_and_sizes_with_something_behind_them_are_flagged() {
    for length in ["18446744073709551615", "9223372036854775808", "+1", "1,", "0x1", "1, 2", "-1"] {
        let stream =
            format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
        requests(&stream, &["POST / 1h 0b \"\" BadContentLength", "GET /2 0h 0b \"\""]);
    }
    requests("POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\na", &["POST / 1h 1b \"a\""]);
    for (line, odd) in
        [("1 ;x=y", ""), ("1\0", " BadChunk"), ("1,", " BadChunk"), (" 1", " BadChunk")]
    {
        let stream = format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{line}\r\na\r\n0\r\n\r\n"
        );
        requests(&stream, &[&format!("POST / 1h 1b \"a\"{odd}")]);
    }
}

#[test]
fn a_known_connection_reads_no_less_than_an_unknown_one() {
    // Once lost, it is found again by the strict rule, and must then be begun.
    let stream = b"GET /1 HTTP/1.1\r\n\r\n\x16\x03GET /\x01 HTTP/1.1\r\n\r\n";
    let told = read(Side::Request, stream, &[19, 21], b"", true);
    assert_eq!(told, ["GET /1 0h 0b \"\"", "GET /\u{1} 0h 0b \"\""]);
}

/// Found by fuzzing: what is no start line was taken for one where it was cut.
#[test]
fn a_start_line_is_judged_as_a_whole_however_it_is_cut() {
    let stream = b"POST / HTTP/1.1\r\n\r\nabcGET b HTTP/1.1\xf6\xa71\r\n\r\n";
    let responses = b"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 206JH\r\n\r\nab";
    for (side, stream) in [(Side::Request, &stream[..]), (Side::Response, &responses[..])] {
        let whole = read(side, stream, &[], b"GET", true);
        assert_eq!(whole.len(), 1);
        for cut in 0..stream.len() {
            assert_eq!(read(side, stream, &[cut], b"GET", true), whole, "{cut}");
        }
    }
}

#[test]
fn trailers_are_kept_and_counted() {
    let limits = Limits { headers_max: 3, ..Limits::default() };
    let mut parser = Parser::new(Side::Request, false);
    let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = b"1\r\na\r\n0\r\nA: 1\r\nX-B:\t2 \r\nbad line\r\nC:\r\nD: 4\r\n\r\n";
    let mut told = None;
    for byte in head.iter().chain(body) {
        let mut taken = 0;
        while taken == 0 {
            let (took, step) = parser.advance(&[*byte], 0, mark(1), true, &limits);
            taken = took;
            match step {
                Step::Head => {
                    let framing = Framing::of_request(parser.message_mut());
                    parser.frame(framing);
                }
                Step::Message(message) => told = Some(message),
                Step::More | Step::NotHttp => {}
            }
        }
    }
    let message = told.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let trailers: Vec<String> =
        message.trailers.iter().map(|(name, value)| text(name) + "=" + &text(value)).collect();
    assert_eq!(trailers, ["A=1", "X-B=2", "C="]);
    assert!(message.body.complete && message.anomalies.contains(&Anomaly::BadHeader));
}

#[test]
fn the_oldest_http_is_flagged() {
    let mut parser = Parser::new(Side::Request, false).loosely();
    let stream = b"GET /a\r\n\r\n";
    let (taken, _) = parser.advance(stream, 0, mark(1), true, &Limits::default());
    let (_, step) = parser.advance(&stream[taken..], 0, mark(1), false, &Limits::default());
    assert!(matches!(step, Step::Head), "{step:?}");
    assert_eq!(parser.message.anomalies, [Anomaly::BadStartLine, Anomaly::Http09]);
    assert_eq!(looks_like_request(stream), Likeness::No);
    for text in ["GET key\r\n", "get /a\r\n", "PUT /a\r\n", "GET /a b\r\n"] {
        assert_eq!(looks_like_request_loosely(text.as_bytes(), false), Likeness::No, "{text:?}");
    }
}

#[test]
fn other_protocols_are_no_http() {
    for text in [
        "CONNECT {\"verbose\":false}\r\nPING\r\n",
        "PUB a.b 5\r\nhello\r\n",
        "INVITE sip:a@b SIP/2.0\r\nTo: x\r\n\r\n",
        "OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "EHLO example.org\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET key\r\n",
        "NOTIFY\r\n",
        "\x16\x03\x01\x02\x00",
        "* OK IMAP HTTP/1.1\r\n",
    ] {
        assert_eq!(looks_like_request(text.as_bytes()), Likeness::No, "{text:?}");
        requests(text, &[]);
    }
    for text in ["RTSP/1.0 200 OK\r\n", "SIP/2.0 200 OK\r\n", "ICY 200 OK\r\n", "HTTP/2 200\r\n"] {
        assert_eq!(looks_like_response(text.as_bytes()), Likeness::No, "{text:?}");
    }
}

#[test]
fn a_gap_inside_a_known_length_is_passed_over_and_any_other_is_searched_behind() {
    let limits = Limits::default();
    let mut parser = Parser::new(Side::Response, false);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab";
    let (taken, _) = parser.advance(head, 0, mark(1), true, &limits);
    let (taken, _) = parser.advance(&head[taken..], 0, mark(1), false, &limits);
    let framing = Framing::of_response(&mut parser.message, b"GET");
    assert!(parser.frame(framing).is_none());
    parser.advance(b"ab", 0, mark(1), false, &limits);
    let _ = taken;
    assert!(parser.gap(6, mark(2)).is_none());
    let (_, step) = parser.advance(b"ij", 0, mark(3), true, &limits);
    let Step::Message(message) = step else { panic!("{step:?}") };
    assert_eq!((message.body.bytes, message.body.lost, message.body.complete), (10, 6, false));
    assert!(parser.gap(100, mark(4)).is_none());
    parser.advance(b"...HTTP/1.1 200 OK\r\n", 0, mark(5), true, &limits);
    assert!(parser.is_lost());
    parser.advance(b"HTTP/1.1 200 OK\r\n", 0, mark(6), true, &limits);
    assert!(!parser.is_lost());
}

#[test]
fn of_a_long_stream_of_events_the_end_is_read_too() {
    let mut body = "data: {\"n\":1}\n\n".repeat(200);
    body.push_str("data: {\"usage\":7}\n\ndata: [DONE]\n\n");
    let limits = Limits { body_kept_max: 512, ..Limits::default() };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, body.as_bytes()).unwrap();
    let coded = gzip.finish().unwrap();
    for (extra, bytes) in [("", body.as_bytes()), ("Content-Encoding: gzip\r\n", &coded)] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{extra}Content-Length: {}\r\n\r\n",
            bytes.len()
        );
        let stream = [head.as_bytes(), bytes].concat();
        let mut parser = Parser::new(Side::Response, false);
        let (mut at, mut told) = (0, None);
        while told.is_none() {
            let end = (at + 700).min(stream.len());
            let (taken, step) =
                parser.advance(&stream[at..end], at as u64, Mark::default(), true, &limits);
            at += taken;
            match step {
                Step::Message(message) => told = Some(message),
                Step::Head => {
                    let framing = Framing::of_response(parser.message_mut(), b"GET");
                    told = parser.frame(framing);
                }
                _ => {}
            }
        }
        let message = told.unwrap();
        let events = message.body.events.unwrap();
        assert_eq!(events.iter().last().unwrap().1, b"[DONE]");
        assert_eq!(events.len(), 202);
        assert_eq!(message.body.kept.len(), 512);
    }
}
