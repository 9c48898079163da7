//! Brotli and Zstandard as writers: coded bytes in, decoded bytes on to the writer below, with a
//! buffer of fixed size between.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use std::io::{self, ErrorKind, Write};
use zstd::stream::raw::{self, DParameter, Operation};

/// Bytes decoded at a time.
const STEP: usize = 16 << 10;
/// Largest Zstandard window, as a power of two: 8 MiB (RFC 9659 §3).
const WINDOW_LOG_MAX: u32 = 23;

/// Brotli (RFC 7932). Its window is at most 16 MiB, and grows with the content.
pub(super) struct Brotli<W> {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    out: Vec<u8>,
    total: usize,
    over: bool,
    below: W,
}

impl<W: Write> Brotli<W> {
    pub(super) fn new(below: W) -> Self {
        let alloc = StandardAlloc::default;
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { state, out: vec![0; STEP], total: 0, over: false, below }
    }

    pub(super) fn below(&mut self) -> &mut W {
        &mut self.below
    }

    pub(super) fn below_ref(&self) -> &W {
        &self.below
    }

    /// Bytes of memory that it has written to, about: its tables, and the window as it has grown.
    pub(super) fn weight(&self) -> usize {
        (64_usize << 10).saturating_add(self.total.min(16 << 20))
    }

    pub(super) fn finish(&self) -> io::Result<()> {
        if self.over { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

impl<W: Write> Write for Brotli<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.over {
            // Something stands behind the end.
            return Err(ErrorKind::InvalidData.into());
        }
        let (mut left, mut at) = (data.len(), 0);
        loop {
            let (mut room, mut written) = (self.out.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                data,
                &mut room,
                &mut written,
                &mut self.out,
                &mut self.total,
                &mut self.state,
            );
            self.below.write_all(self.out.get(..written).unwrap_or_default())?;
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(data.len()),
                BrotliResult::ResultSuccess => {
                    self.over = true;
                    return if left == 0 { Ok(data.len()) } else { Ok(at) };
                }
                BrotliResult::ResultFailure => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.below.flush()
    }
}

/// Zstandard (RFC 8878), one or more frames.
pub(super) struct Zstd<W> {
    decoder: raw::Decoder<'static>,
    out: Vec<u8>,
    total: usize,
    /// A frame has ended and none was begun since.
    between: bool,
    below: W,
}

impl<W: Write> Zstd<W> {
    pub(super) fn new(below: W) -> io::Result<Self> {
        let mut decoder = raw::Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self { decoder, out: vec![0; STEP], total: 0, between: false, below })
    }

    pub(super) fn below(&mut self) -> &mut W {
        &mut self.below
    }

    pub(super) fn below_ref(&self) -> &W {
        &self.below
    }

    /// As for Brotli.
    pub(super) fn weight(&self) -> usize {
        (160_usize << 10).saturating_add(self.total.min(1 << WINDOW_LOG_MAX))
    }

    pub(super) fn finish(&self) -> io::Result<()> {
        if self.between { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

impl<W: Write> Write for Zstd<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut rest = data;
        loop {
            if self.between {
                if rest.is_empty() {
                    return Ok(data.len());
                }
                self.decoder.reinit()?;
            }
            let status = self.decoder.run_on_buffers(rest, &mut self.out)?;
            rest = rest.get(status.bytes_read..).unwrap_or_default();
            let out = self.out.get(..status.bytes_written).unwrap_or_default();
            self.total = self.total.saturating_add(out.len());
            self.below.write_all(out)?;
            self.between = status.remaining == 0;
            // Where the buffer was filled there may be more to come.
            if rest.is_empty() && status.bytes_written < STEP {
                return Ok(data.len());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.below.flush()
    }
}
