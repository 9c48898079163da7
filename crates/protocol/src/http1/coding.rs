//! Content codings undone one behind the other as the bytes come, under caps (RFC 9110 §8.4).
//!
//! Every layer writes into a [`Meter`], which counts what passes and refuses what is beyond the
//! cap: so neither the last layer nor one in between can be blown up without end.

use super::body::keep_tail;
use super::streams::{Brotli, Zstd};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use stilt_model::wire::Head;

/// Codings on top of each other that are undone.
const LAYERS_MAX: usize = 4;

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 1950, which some send without its wrapper (RFC 1951): told by the first bytes.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    fn of(name: &[u8]) -> Option<Self> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"gzip") || is(b"x-gzip") {
            Some(Self::Gzip)
        } else if is(b"deflate") {
            Some(Self::Deflate)
        } else if is(b"br") {
            Some(Self::Brotli)
        } else if is(b"zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// Whether bytes can be the start of this coding; `None` where more must be seen.
    pub(super) fn fits(self, start: &[u8]) -> Option<bool> {
        const GZIP: [u8; 2] = [0x1f, 0x8b];
        const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let begins = |magic: &[u8]| {
            let shared = start.len().min(magic.len());
            let same = start.get(..shared) == magic.get(..shared);
            if same && shared < magic.len() { None } else { Some(same) }
        };
        match self {
            Self::Gzip => begins(&GZIP),
            // A frame to be skipped may come first (RFC 8878 §3.1.2).
            Self::Zstd if start.first().is_some_and(|byte| byte & 0xf0 == 0x50) => Some(true),
            Self::Zstd => begins(&ZSTD),
            Self::Deflate | Self::Brotli => Some(true),
        }
    }
}

/// The codings of a body in the order in which they are undone; `None` where one is not known, or
/// where there are too many.
pub(super) fn codings(head: &Head) -> Option<Vec<Coding>> {
    let mut found = Vec::new();
    for (name, value) in head.headers() {
        if name.len() != 16 || !name.eq_ignore_ascii_case(b"content-encoding") {
            continue;
        }
        for name in value.split(|byte| *byte == b',') {
            // What stands around a name and belongs to none is passed over by most readers.
            let Some(from) = name.iter().position(u8::is_ascii_graphic) else { continue };
            let to = name.iter().rposition(u8::is_ascii_graphic).unwrap_or(from);
            let name = name.get(from..=to).unwrap_or_default();
            if !name.eq_ignore_ascii_case(b"identity") {
                found.push(Coding::of(name)?);
            }
        }
    }
    found.reverse();
    (found.len() <= LAYERS_MAX).then_some(found)
}

/// Counts decoded bytes on their way, and stops them at a cap.
#[derive(Default)]
pub(super) struct Meter {
    passed: u64,
    max: u64,
    to: To,
}

/// What is kept of the content.
#[derive(Default)]
struct Keep {
    kept: Vec<u8>,
    max: usize,
    /// The last bytes, where those matter too.
    tail: Vec<u8>,
    tail_max: usize,
    hash: Option<Box<Sha256>>,
}

impl Keep {
    fn take(&mut self, data: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(data);
        }
        let room = self.max.saturating_sub(self.kept.len()).min(data.len());
        let (first, rest) = data.split_at_checked(room).unwrap_or((data, b""));
        self.kept.extend_from_slice(first);
        if self.tail_max > 0 && !rest.is_empty() {
            keep_tail(&mut self.tail, rest, self.tail_max);
        }
    }
}

/// Where decoded bytes go.
enum To {
    /// They are the content: the first of them are kept.
    Keep(Keep),
    /// There is another coding below.
    Layer(Box<Layer>),
}

impl Default for To {
    fn default() -> Self {
        Self::Keep(Keep::default())
    }
}

impl Write for Meter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.passed = self.passed.saturating_add(data.len() as u64);
        match &mut self.to {
            To::Keep(keep) => keep.take(data),
            To::Layer(layer) => layer.write_all(data)?,
        }
        if self.passed > self.max {
            return Err(io::Error::other("decompression cap"));
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Keep(_) => Ok(()),
            To::Layer(layer) => layer.flush(),
        }
    }
}

/// One coding being undone.
enum Layer {
    Gzip(MultiGzDecoder<Meter>),
    Zlib(ZlibDecoder<Meter>),
    Raw(DeflateDecoder<Meter>),
    /// Which of the two is not known yet: its first byte may be here.
    Deflate(Option<u8>, Meter),
    Brotli(Box<Brotli<Meter>>),
    Zstd(Box<Zstd<Meter>>),
}

impl Layer {
    fn new(coding: Coding, below: Meter) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(below)),
            Coding::Deflate => Self::Deflate(None, below),
            Coding::Brotli => Self::Brotli(Box::new(Brotli::new(below))),
            Coding::Zstd => Self::Zstd(Box::new(Zstd::new(below)?)),
        })
    }

    fn below(&mut self) -> &mut Meter {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Raw(decoder) => decoder.get_mut(),
            Self::Deflate(_, meter) => meter,
            Self::Brotli(decoder) => decoder.below(),
            Self::Zstd(decoder) => decoder.below(),
        }
    }

    fn below_ref(&self) -> &Meter {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Raw(decoder) => decoder.get_ref(),
            Self::Deflate(_, meter) => meter,
            Self::Brotli(decoder) => decoder.below_ref(),
            Self::Zstd(decoder) => decoder.below_ref(),
        }
    }

    /// Bytes of memory held, about, with those of the layers below.
    fn weight(&self) -> usize {
        /// Window, state, and buffer of an inflater.
        const INFLATER: usize = 80 << 10;
        let own = match self {
            Self::Gzip(_) | Self::Zlib(_) | Self::Raw(_) => INFLATER,
            Self::Deflate(..) => 0,
            Self::Brotli(decoder) => decoder.weight(),
            Self::Zstd(decoder) => decoder.weight(),
        };
        own.saturating_add(match &self.below_ref().to {
            To::Keep(keep) => keep.kept.capacity().saturating_add(keep.tail.capacity()),
            To::Layer(layer) => layer.weight(),
        })
    }

    /// Looks for the zlib wrapper: method 8, and the first two bytes divide by 31 (RFC 1950 §2.2).
    /// Gives what is left of `data`.
    fn settle<'a>(&mut self, data: &'a [u8]) -> io::Result<&'a [u8]> {
        let Self::Deflate(first, meter) = self else { return Ok(data) };
        let Some((byte, rest)) = data.split_first() else { return Ok(data) };
        let Some(first) = *first else {
            *first = Some(*byte);
            return self.settle(rest);
        };
        let below = core::mem::take(meter);
        let wrapped = first & 15 == 8 && u16::from_be_bytes([first, *byte]) % 31 == 0;
        *self = if wrapped {
            Self::Zlib(ZlibDecoder::new(below))
        } else {
            Self::Raw(DeflateDecoder::new(below))
        };
        self.write_all(&[first])?;
        Ok(data)
    }

    /// No more bytes come: an error where some are missing.
    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish()?,
            Self::Zlib(decoder) => decoder.try_finish()?,
            Self::Raw(decoder) => decoder.try_finish()?,
            Self::Deflate(..) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Brotli(decoder) => decoder.finish()?,
            Self::Zstd(decoder) => decoder.finish()?,
        }
        match &mut self.below().to {
            To::Keep(_) => Ok(()),
            To::Layer(layer) => layer.finish(),
        }
    }
}

impl Write for Layer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let rest = self.settle(data)?;
        match self {
            _ if rest.is_empty() => {}
            Self::Gzip(decoder) => decoder.write_all(rest)?,
            Self::Zlib(decoder) => decoder.write_all(rest)?,
            Self::Raw(decoder) => decoder.write_all(rest)?,
            Self::Deflate(..) => {}
            Self::Brotli(decoder) => decoder.write_all(rest)?,
            Self::Zstd(decoder) => decoder.write_all(rest)?,
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.flush(),
            Self::Zlib(decoder) => decoder.flush(),
            Self::Raw(decoder) => decoder.flush(),
            Self::Deflate(..) => Ok(()),
            Self::Brotli(decoder) => decoder.flush(),
            Self::Zstd(decoder) => decoder.flush(),
        }
    }
}

/// What a chain has given.
pub(super) struct Taken {
    /// The first decoded bytes.
    pub(super) kept: Vec<u8>,
    /// The last of those behind them, where they were asked for.
    pub(super) tail: Vec<u8>,
    /// How many there were.
    pub(super) bytes: u64,
    /// A cap was met.
    pub(super) capped: bool,
    /// Their digest.
    pub(super) hash: Option<Box<Sha256>>,
}

/// All codings of one body.
pub(super) struct Chain(Layer);

impl Chain {
    /// Undoes `codings`, the first of them first; `None` where there are none. Of what lies
    /// beyond the bytes that are kept, the last `tail_max` are kept too.
    pub(super) fn new(codings: &[Coding], hash: bool, tail_max: usize) -> Option<Self> {
        let hash = hash.then(Box::default);
        let to = To::Keep(Keep { hash, tail_max, ..Keep::default() });
        let mut below = Meter { to, ..Meter::default() };
        let (first, rest) = codings.split_first()?;
        for coding in rest.iter().rev() {
            let layer = Layer::new(*coding, below).ok()?;
            below = Meter { to: To::Layer(Box::new(layer)), ..Meter::default() };
        }
        Layer::new(*first, below).ok().map(Self)
    }

    /// Takes coded bytes; every layer may have given `bytes_max` bytes afterwards.
    pub(super) fn feed(&mut self, data: &[u8], bytes_max: u64, kept_max: usize) -> io::Result<()> {
        let mut meter = self.0.below();
        loop {
            meter.max = bytes_max;
            match &mut meter.to {
                To::Keep(keep) => {
                    keep.max = kept_max;
                    break;
                }
                To::Layer(layer) => meter = layer.below(),
            }
        }
        self.0.write_all(data)?;
        self.0.flush()
    }

    /// Bytes of memory held, about.
    pub(super) fn weight(&self) -> usize {
        self.0.weight()
    }

    /// What was decoded so far: what was kept of it, its end beyond that, and how much it was.
    pub(super) fn so_far(&self) -> (&[u8], &[u8], u64) {
        let mut meter = self.0.below_ref();
        loop {
            match &meter.to {
                To::Keep(keep) => return (&keep.kept, &keep.tail, meter.passed),
                To::Layer(layer) => meter = layer.below_ref(),
            }
        }
    }

    /// The body is over: `false` where the coding was not.
    pub(super) fn finish(&mut self) -> bool {
        self.0.finish().is_ok()
    }

    /// What was decoded.
    pub(super) fn take(&mut self) -> Taken {
        let mut meter = self.0.below();
        let mut capped = false;
        loop {
            capped |= meter.passed > meter.max;
            match &mut meter.to {
                To::Keep(keep) => {
                    let Keep { kept, tail, hash, .. } = core::mem::take(keep);
                    return Taken { kept, tail, bytes: meter.passed, capped, hash };
                }
                To::Layer(layer) => meter = layer.below(),
            }
        }
    }
}
