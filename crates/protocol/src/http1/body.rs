//! Content codings undone as the bytes come, under caps (RFC 9110 §8.4).

use super::{Limits, note};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{self, Write};
use stilt_model::{Anomaly, Body, Message};

/// Takes decoded bytes, keeps the first of them, and counts all.
#[derive(Debug, Default)]
pub(super) struct Sink {
    kept: Vec<u8>,
    kept_max: usize,
    bytes: u64,
    bytes_max: u64,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = self.kept_max.saturating_sub(self.kept.len()).min(data.len());
        self.kept.extend_from_slice(data.get(..room).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(io::Error::other("decompression cap"));
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the bytes of a body become its content.
#[derive(Debug, Default)]
pub(super) enum Decoder {
    /// As they are.
    #[default]
    Identity,
    /// gzip, one or more members.
    Gzip(Box<MultiGzDecoder<Sink>>),
    /// `deflate`, which some send with and some without the zlib wrapper: told by the first bytes.
    DeflateUndecided,
    /// With it.
    Zlib(Box<ZlibDecoder<Sink>>),
    /// Without.
    Deflate(Box<DeflateDecoder<Sink>>),
    /// A coding that is not undone, or could not be: counted only.
    Counted,
}

impl Decoder {
    /// What the headers of a message ask for.
    pub(super) fn of(message: &mut Message) -> Self {
        let Some(value) = message.head.header("content-encoding") else { return Self::Identity };
        let value = value.trim_ascii();
        if value.is_empty() || value.eq_ignore_ascii_case(b"identity") {
            Self::Identity
        } else if value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip") {
            Self::Gzip(Box::new(MultiGzDecoder::new(Sink::default())))
        } else if value.eq_ignore_ascii_case(b"deflate") {
            Self::DeflateUndecided
        } else {
            Self::Counted
        }
    }

    /// Takes encoded bytes.
    pub(super) fn feed(&mut self, data: &[u8], message: &mut Message, limits: &Limits) {
        if data.is_empty() {
            return;
        }
        let body = &mut message.body;
        body.encoded_bytes = body.encoded_bytes.saturating_add(data.len() as u64);
        if let Self::DeflateUndecided = self {
            // RFC 1950 §2.2: method 8, and the first two bytes divide by 31.
            let zlib = matches!(data, [first, second, ..]
                if first & 15 == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0);
            let single = matches!(data, [first] if first & 15 == 8);
            *self = if zlib || single {
                Self::Zlib(Box::new(ZlibDecoder::new(Sink::default())))
            } else {
                Self::Deflate(Box::new(DeflateDecoder::new(Sink::default())))
            };
        }
        let encoded = body.encoded_bytes;
        let bytes_max =
            limits.decoded_max.min(encoded.saturating_mul(limits.ratio_max).max(1 << 20));
        let arm = |sink: &mut Sink| {
            (sink.kept_max, sink.bytes_max) = (limits.body_kept_max, bytes_max);
        };
        let written = match self {
            Self::Identity => {
                let room = limits.body_kept_max.saturating_sub(body.kept.len()).min(data.len());
                body.kept.extend_from_slice(data.get(..room).unwrap_or_default());
                body.bytes = body.bytes.saturating_add(data.len() as u64);
                return;
            }
            Self::Counted | Self::DeflateUndecided => return,
            Self::Gzip(decoder) => {
                arm(decoder.get_mut());
                decoder.write_all(data).and_then(|()| decoder.flush())
            }
            Self::Zlib(decoder) => {
                arm(decoder.get_mut());
                decoder.write_all(data).and_then(|()| decoder.flush())
            }
            Self::Deflate(decoder) => {
                arm(decoder.get_mut());
                decoder.write_all(data).and_then(|()| decoder.flush())
            }
        };
        if written.is_err() {
            let sink = self.take_sink();
            let capped = sink.bytes > sink.bytes_max;
            settle(sink, &mut message.body);
            let odd = if capped { Anomaly::DecompressionCap } else { Anomaly::BadContentCoding };
            note(message, odd);
        }
    }

    /// Gives the decoded bytes and becomes a counter.
    fn take_sink(&mut self) -> Sink {
        match core::mem::replace(self, Self::Counted) {
            Self::Gzip(mut decoder) => core::mem::take(decoder.get_mut()),
            Self::Zlib(mut decoder) => core::mem::take(decoder.get_mut()),
            Self::Deflate(mut decoder) => core::mem::take(decoder.get_mut()),
            _ => Sink::default(),
        }
    }

    /// Bytes of the body that were lost: what is compressed can't be undone behind them.
    pub(super) fn lose(&mut self, bytes: u64, message: &mut Message) {
        message.body.lost = message.body.lost.saturating_add(bytes);
        message.body.encoded_bytes = message.body.encoded_bytes.saturating_add(bytes);
        if let Self::Identity = self {
            message.body.bytes = message.body.bytes.saturating_add(bytes);
        } else {
            let sink = self.take_sink();
            settle(sink, &mut message.body);
        }
    }

    /// The body is over.
    pub(super) fn end(mut self, message: &mut Message) {
        match self {
            Self::Identity | Self::DeflateUndecided => {}
            // Not decoded: its length on the wire is all that is known.
            Self::Counted => {
                if message.body.bytes == 0 {
                    message.body.bytes = message.body.encoded_bytes;
                }
            }
            _ => {
                if self.is_cut() {
                    note(message, Anomaly::BadContentCoding);
                }
                let sink = self.take_sink();
                settle(sink, &mut message.body);
                if message.body.bytes == 0 {
                    message.body.bytes = message.body.encoded_bytes;
                }
            }
        }
    }

    /// The body ended before the coding did.
    fn is_cut(&mut self) -> bool {
        match self {
            Self::Gzip(decoder) => decoder.try_finish().is_err(),
            Self::Zlib(decoder) => decoder.try_finish().is_err(),
            Self::Deflate(decoder) => decoder.try_finish().is_err(),
            _ => false,
        }
    }
}

fn settle(sink: Sink, body: &mut Body) {
    body.bytes = sink.bytes.max(body.bytes);
    if body.kept.is_empty() {
        body.kept = sink.kept;
    }
}
