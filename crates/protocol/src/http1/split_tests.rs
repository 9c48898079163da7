//! Any cut of the bytes gives the same messages.

use super::tests::read;
use super::*;
use proptest::prelude::*;

const STARTS: [(Side, &str); 6] = [
    (Side::Request, "GET /a HTTP/1.1\r\n"),
    (Side::Request, "\r\nPOST http://h/b?c=d HTTP/1.0\r\n"),
    (Side::Request, "OPTIONS /a b HTTP/1.1\n"),
    (Side::Response, "HTTP/1.1 200 OK\r\n"),
    (Side::Response, "HTTP/1.0 404\r\n"),
    (Side::Response, "\r\nHTTP/1.1  206 x\n"),
];

const HEADERS: [&str; 9] = [
    "",
    "Host: x\r\n",
    "X-A: 1\r\n 2\r\n\t3\r\n",
    "X-B : 1\n",
    "no colon\r\n",
    ": nothing\r\n",
    "Content-Type: text/plain\r\nX-C:\x0b y\r\n",
    "Content-Length: 99x\r\n",
    "Expect: 100-continue\r\n",
];

const TEXT: &str = "five and twenty bytes it is";

/// Headers and bytes of a body.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let chunks = |body: &[u8]| {
        let mut out = Vec::new();
        for chunk in body.chunks(7) {
            out.extend(format!("{:x};a=b\r\n", chunk.len()).as_bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\nTrailer: t\r\n\r\n");
        out
    };
    let mut found = vec![("Content-Length: 0\r\n".to_owned(), Vec::new())];
    let zstd = zstd::stream::encode_all(TEXT.as_bytes(), 1).unwrap();
    let brotli = vec![0x0b, 0x02, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x03];
    let stored =
        [&[0x78, 0x01, 0x01, 5, 0, 0xfa, 0xff][..], b"hello", &[6, 0x2c, 2, 0x15]].concat();
    for (coding, body) in [
        ("", TEXT.as_bytes().to_vec()),
        ("Content-Encoding: zstd\r\n", zstd),
        ("Content-Encoding: br\r\n", brotli),
        ("Content-Encoding: deflate\r\n", stored),
        ("Content-Encoding: gzip\r\n", TEXT.as_bytes().to_vec()),
        ("Content-Encoding: gzip, deflate\r\n", vec![0x78, 0, 7, 7, 7]),
    ] {
        let length = body.len();
        found.push((format!("{coding}Transfer-Encoding: chunked\r\n"), chunks(&body)));
        found.push((format!("{coding}Transfer-Encoding: xchunked\r\n"), chunks(&body)));
        found.push((
            format!("Transfer-Encoding : chunked\r\nContent-Length: {length}\r\n{coding}"),
            body.clone(),
        ));
        found.push((format!("{coding}Content-Length: {length}, {length}\r\n"), body));
    }
    found
}

/// A stream of messages of one side.
fn stream() -> impl Strategy<Value = (Side, Vec<u8>)> {
    let message = (0_usize..3, prop::collection::vec(0..HEADERS.len(), 0..4), 0..bodies().len());
    (any::<bool>(), prop::collection::vec(message, 1..5)).prop_map(|(asks, messages)| {
        let side = if asks { Side::Request } else { Side::Response };
        let bodies = bodies();
        let mut out = Vec::new();
        for (start, headers, body) in messages {
            let start = STARTS.iter().filter(|(of, _)| *of == side).nth(start).unwrap().1;
            out.extend(start.as_bytes());
            for header in headers {
                out.extend(HEADERS[header].as_bytes());
            }
            let (headers, body) = &bodies[body];
            out.extend(headers.as_bytes());
            out.extend(b"\r\n");
            out.extend(body);
        }
        (side, out)
    })
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_messages(
        (side, stream) in stream(),
        cuts in prop::collection::vec(0_usize.., 0..60),
    ) {
        let whole = read(side, &stream, &[], b"GET", true);
        prop_assert!(!whole.is_empty());
        prop_assert_eq!(&read(side, &stream, &cuts, b"GET", true), &whole);
        let every: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&read(side, &stream, &every, b"GET", true), &whole);
    }

    #[test]
    fn no_bytes_make_it_panic(
        (side, mut stream) in stream(),
        changes in prop::collection::vec((0_usize.., any::<u8>()), 0..12),
        cuts in prop::collection::vec(0_usize.., 0..10),
    ) {
        for (at, byte) in changes {
            let at = at % stream.len();
            stream[at] = byte;
        }
        read(side, &stream, &cuts, b"GET", false);
    }

    #[test]
    fn no_noise_makes_it_panic(
        start in 0..STARTS.len(),
        rest in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(0_usize.., 0..10),
    ) {
        let (side, start) = STARTS[start];
        let stream = [start.as_bytes(), &rest].concat();
        read(side, &stream, &cuts, b"GET", false);
        read(side, &rest, &cuts, b"HEAD", true);
    }
}
