use super::*;
use flate2::Compression;
use std::io::Write;

const TEXT: &[u8] =
    b"hello hello hello hello hello hello hello hello hello hello hello hello hello \
                      hello hello hello hello hello hello hello ";
/// `TEXT` as the reference encoder writes it.
const BROTLI: [u8; 21] = [
    0x1b, 0x77, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0x96, 0x6c, 0x20, 0x6f, 0x11,
    0x5b, 0x1c, 0x80, 0xc5, 0x01,
];

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn raw(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(data, 3).unwrap()
}

/// Reads a response with this body in pieces of `size` bytes.
fn decode(codings: &str, body: &[u8], size: usize, limits: &Limits) -> Box<Message> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut parser = Parser::new(Side::Response, false);
    for piece in [head.as_bytes(), body].concat().chunks(size) {
        let mut at = 0;
        while at < piece.len() {
            let (taken, step) = parser.advance(&piece[at..], 0, Mark::default(), false, limits);
            at += taken;
            match step {
                Step::Head => {
                    let framing = Framing::of_response(parser.message_mut(), b"GET");
                    if let Some(message) = parser.frame(framing) {
                        return message;
                    }
                }
                Step::Message(message) => return message,
                Step::More | Step::NotHttp => {}
            }
        }
    }
    panic!("no message");
}

/// What it decodes to, whatever the pieces are.
fn whole(codings: &str, body: &[u8]) -> Box<Message> {
    let limits = Limits::default();
    let message = decode(codings, body, 1 << 20, &limits);
    for size in [1, 2, 7] {
        let cut = decode(codings, body, size, &limits);
        assert_eq!(cut.body.kept, message.body.kept, "{codings} {size}");
        assert_eq!(cut.body.bytes, message.body.bytes, "{codings} {size}");
        assert_eq!(cut.anomalies, message.anomalies, "{codings} {size}");
    }
    assert_eq!(message.body.encoded_bytes, body.len() as u64);
    message
}

#[test]
fn every_coding_is_undone_alone_and_on_top_of_others() {
    let twice = [gzip(&TEXT[..50]), gzip(&TEXT[50..])].concat();
    let frames = [zstd(&TEXT[..50]), zstd(&TEXT[50..])].concat();
    for (codings, body) in [
        ("gzip", gzip(TEXT)),
        ("X-GZIP", twice),
        ("deflate", zlib(TEXT)),
        ("deflate", raw(TEXT)),
        ("br", BROTLI.to_vec()),
        ("zstd", frames),
        ("br, gzip", gzip(&BROTLI)),
        ("deflate,identity, ,zstd", zstd(&raw(TEXT))),
        ("gzip\r\nContent-Encoding: deflate", zlib(&gzip(TEXT))),
        ("zstd, deflate, gzip, deflate", raw(&gzip(&zlib(&zstd(TEXT))))),
        ("\x0bgzip", gzip(TEXT)),
        ("identity", TEXT.to_vec()),
    ] {
        let message = whole(codings, &body);
        assert_eq!(message.body.kept, TEXT, "{codings}");
        assert_eq!(message.body.bytes, TEXT.len() as u64, "{codings}");
        assert_eq!(message.anomalies, [], "{codings}");
    }
}

#[test]
fn nothing_compressed_is_nothing() {
    for (codings, body) in
        [("gzip", gzip(b"")), ("deflate", raw(b"")), ("zstd", zstd(b"")), ("br", vec![0x3b])]
    {
        let message = whole(codings, &body);
        assert_eq!((message.body.bytes, message.anomalies.len()), (0, 0), "{codings}");
    }
}

#[test]
fn what_cannot_be_undone_is_flagged_and_counted_as_it_came() {
    let mut broken = gzip(TEXT);
    broken[12] ^= 0xff;
    for (codings, body) in [
        ("compress", TEXT.to_vec()),
        ("gzip, aws-chunked", TEXT.to_vec()),
        ("gzip, gzip, gzip, gzip, gzip", TEXT.to_vec()),
        ("zstd", zstd(TEXT)[..7].to_vec()),
        ("deflate", vec![0x78]),
        ("br", vec![0xff; 9]),
    ] {
        let message = whole(codings, &body);
        assert_eq!(message.anomalies, [Anomaly::BadContentCoding], "{codings}");
        assert_eq!(message.body.bytes, body.len() as u64, "{codings}");
        assert!(message.body.kept.is_empty(), "{codings}");
    }
    assert_eq!(whole("gzip", &broken).anomalies, [Anomaly::BadContentCoding]);
    let cut = whole("br", &BROTLI[..18]);
    assert!(TEXT.starts_with(&cut.body.kept));
    assert_eq!(cut.anomalies, [Anomaly::BadContentCoding]);
    let more = whole("br", &[&BROTLI[..], b"x"].concat());
    assert_eq!(
        (&more.body.kept[..], &more.anomalies[..]),
        (TEXT, &[Anomaly::BadContentCoding][..])
    );
}

#[test]
fn a_body_that_is_not_what_it_says_is_read_as_it_is() {
    for codings in ["gzip", "zstd", "br, gzip"] {
        let message = whole(codings, b"{\"a\":1}");
        assert_eq!(message.body.kept, b"{\"a\":1}", "{codings}");
        assert_eq!(message.anomalies, [Anomaly::BadContentCoding], "{codings}");
    }
}

#[test]
fn bombs_are_stopped_in_every_layer() {
    let zeros = vec![0; 3 << 20];
    let limits = Limits { decoded_max: 1 << 20, body_kept_max: 1000, ..Limits::default() };
    let empty = gzip(b"").repeat(1 << 16);
    // As the reference encoder writes three megabytes of zeros.
    let brotli =
        [0x9b, 0xff, 0xff, 0x2f, 0, 0x24, 0, 0xe2, 0xb1, 0x40, 0x72, 0xef, 0x5f, 0].to_vec();
    for (codings, body) in [
        ("gzip", gzip(&zeros)),
        ("deflate", raw(&zeros)),
        ("zstd", zstd(&zeros)),
        ("br", brotli.clone()),
        ("br, gzip, zstd", zstd(&gzip(&brotli))),
        ("zstd, gzip", gzip(&zstd(&zeros))),
        ("gzip, zstd", zstd(&gzip(&zeros))),
        // The content is nothing at all: it is the layer between that grows.
        ("gzip, gzip", gzip(&empty)),
    ] {
        assert!(body.len() < 45_000, "{codings} {}", body.len());
        let message = decode(codings, &body, 1460, &limits);
        assert_eq!(message.anomalies, [Anomaly::DecompressionCap], "{codings}");
        let most = limits.decoded_max + (64 << 10);
        assert!(message.body.bytes <= most, "{codings} {}", message.body.bytes);
        assert!(message.body.kept.capacity() <= 2048, "{codings}");
    }
    // By ratio, where the size alone would be allowed.
    let limits = Limits { ratio_max: 500, ..Limits::default() };
    let message = decode("gzip", &gzip(&zeros), 1460, &limits);
    assert_eq!(message.anomalies, [Anomaly::DecompressionCap]);
    assert!(message.body.bytes <= 500 * message.body.encoded_bytes + (64 << 10));
}

#[test]
fn a_window_larger_than_the_web_allows_is_refused_before_it_is_made() {
    let mut out = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    out.window_log(27).unwrap();
    out.write_all(TEXT).unwrap();
    out.flush().unwrap();
    out.write_all(TEXT).unwrap();
    let message = whole("zstd", &out.finish().unwrap());
    assert_eq!(message.anomalies, [Anomaly::BadContentCoding]);
    // Brotli's large window is an extension that no browser takes.
    let large = [0x11, 0x1e, 0x00, 0x00, 0x00];
    assert_eq!(whole("br", &large).anomalies, [Anomaly::BadContentCoding]);
}

#[test]
fn digests_are_of_the_decoded_body_and_only_of_whole_ones() {
    use sha2::{Digest, Sha256};
    let limits = Limits { body_hash: true, ..Limits::default() };
    let of = |data: &[u8]| Some(Box::new(<[u8; 32]>::from(Sha256::digest(data))));
    for (codings, body) in [
        ("identity", TEXT.to_vec()),
        ("gzip", gzip(TEXT)),
        ("deflate", raw(TEXT)),
        ("br", BROTLI.to_vec()),
        ("zstd, gzip, deflate", zlib(&gzip(&zstd(TEXT)))),
        // It says so and is not.
        ("gzip", TEXT.to_vec()),
    ] {
        for size in [1, 7, 1 << 20] {
            let message = decode(codings, &body, size, &limits);
            assert_eq!(message.body.sha256, of(TEXT), "{codings} {size}");
        }
        assert_eq!(whole(codings, &body).body.sha256, None);
    }
    let large = vec![b'x'; 1 << 20];
    assert_eq!(decode("identity", &large, 1400, &limits).body.sha256, of(&large));
    // Beyond a cap, cut off, damaged: none.
    let capped = Limits { decoded_max: 1000, ..limits.clone() };
    assert_eq!(decode("gzip", &gzip(&large), 1400, &capped).body.sha256, None);
    let mut damaged = gzip(TEXT);
    damaged.truncate(20);
    assert_eq!(decode("gzip", &damaged, 1400, &limits).body.sha256, None);
    let mut parser = Parser::new(Side::Response, false);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    for _ in 0..2 {
        parser.advance(head, 0, Mark::default(), true, &limits);
    }
    let framing = Framing::of_response(parser.message_mut(), b"GET");
    parser.frame(framing);
    parser.advance(b"hello", 0, Mark::default(), true, &limits);
    assert!(parser.gap(3, Mark::default()).is_none());
    let (_, step) = parser.advance(b"xy", 0, Mark::default(), true, &limits);
    let Step::Message(message) = step else { panic!("{step:?}") };
    assert_eq!((message.body.bytes, message.body.sha256), (10, None));
}
