//! Several inputs as one timeline.

use super::filter::Filter;
use super::input::{Input, looks_like};
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::{Batch, Frame, Options, Source, SourceError, Warning};
use std::path::PathBuf;
use stilt_model::{Mark, Timestamp};

/// One packet whose bytes stand at the front of its input's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    pub(super) link: u16,
    pub(super) interface: u16,
    pub(super) captured: usize,
    /// Bytes after the packet that belong to its record.
    pub(super) pad: usize,
    pub(super) original: u32,
}

/// What a reader finds next.
#[derive(Debug)]
pub(super) enum Next {
    Record(Record),
    /// Nothing without waiting.
    Wait,
    End,
    /// It can't go on.
    Damage(String),
    /// It goes on after so many bytes.
    Skip(String, usize),
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

struct One {
    input: Input,
    format: Format,
    pending: Option<Record>,
    ended: bool,
    interface_base: u16,
}

/// Capture files and pipes, merged by packet time; ties by the order they were named in.
pub struct Files {
    inputs: Vec<One>,
    filter: Option<Filter>,
    options: Options,
    warnings: Vec<Warning>,
    number: u64,
}

/// Damaged places of one input that are told.
const WARNINGS_MAX: usize = 100;

impl One {
    fn open(
        path: &std::path::Path,
        at: usize,
        follow: bool,
        options: &Options,
    ) -> Result<Self, SourceError> {
        let mut input = Input::open(path, follow)?;
        let not_a_capture = |input: &Input, what: String| SourceError::NotACapture {
            file: input.file.clone(),
            what,
        };
        while !input.need(super::pcap::HEADER) && !input.is_ended() {}
        if let Some(trouble) = input.trouble.take() {
            return Err(SourceError::Open { file: input.file.clone(), what: trouble });
        }
        if input.peek().is_empty() {
            return Err(not_a_capture(&input, "it is empty".to_owned()));
        }
        let format = if let Some(pcapng) = Pcapng::begin(&input, options.packet_max) {
            Format::Pcapng(pcapng)
        } else if let Some(pcap) = Pcap::begin(&mut input, options.packet_max) {
            Format::Pcap(pcap)
        } else {
            let what = looks_like(input.peek());
            return Err(not_a_capture(&input, what));
        };
        let interface_base = u16::try_from(at).unwrap_or(u16::MAX).saturating_mul(64);
        Ok(Self { input, format, pending: None, ended: false, interface_base })
    }

    /// Makes sure a packet is pending; `false` where there is none (yet).
    fn advance(&mut self, wait: bool, warnings: &mut Vec<Warning>) -> bool {
        let mut told = 0_usize;
        while self.pending.is_none() && !self.ended {
            let next = match &mut self.format {
                Format::Pcap(pcap) => pcap.next(&mut self.input, wait),
                Format::Pcapng(pcapng) => pcapng.next(&mut self.input, wait),
            };
            let mut warn = |text: String, offset: u64| {
                told = told.saturating_add(1);
                if told <= WARNINGS_MAX {
                    warnings.push(Warning { file: self.input.file.clone(), offset, text });
                }
            };
            match next {
                Next::Record(mut record) => {
                    record.interface = record.interface.saturating_add(self.interface_base);
                    self.pending = Some(record);
                }
                Next::Wait => return false,
                Next::End => self.ended = true,
                Next::Damage(text) => {
                    warn(text, self.input.offset);
                    self.ended = true;
                }
                Next::Skip(text, bytes) => {
                    warn(text, self.input.offset);
                    self.input.consume(bytes);
                }
            }
        }
        self.pending.is_some()
    }
}

impl Files {
    /// Opens all of them.
    ///
    /// # Errors
    /// As [`super::open`].
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Self, SourceError> {
        let filter = options.filter.as_deref().map(Filter::new).transpose()?;
        let inputs = paths
            .iter()
            .enumerate()
            .map(|(at, path)| {
                let last = at.saturating_add(1) == paths.len();
                One::open(path, at, options.follow && last, options)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { inputs, filter, options: options.clone(), warnings: Vec::new(), number: 0 })
    }

    /// Index of the input whose pending packet is the earliest.
    fn earliest(&self) -> Option<usize> {
        self.inputs
            .iter()
            .enumerate()
            .filter_map(|(at, one)| one.pending.map(|record| (record.time, at)))
            .min()
            .map(|(_, at)| at)
    }

    fn take(&mut self, at: usize, batch: &mut Batch) -> Result<(), SourceError> {
        let Some(one) = self.inputs.get_mut(at) else { return Ok(()) };
        let Some(record) = one.pending.take() else { return Ok(()) };
        self.number = self.number.saturating_add(1);
        let bytes = one.input.peek().get(..record.captured).unwrap_or_default();
        let passes = match &mut self.filter {
            Some(filter) => filter.passes(record.link, bytes)?,
            None => true,
        };
        if passes {
            let start = u32::try_from(batch.data.len()).unwrap_or(u32::MAX);
            batch.data.extend_from_slice(bytes);
            batch.frames.push(Frame {
                mark: Mark { time: record.time, packet: self.number },
                link: record.link,
                start,
                len: u32::try_from(record.captured).unwrap_or(u32::MAX),
                wire_len: record.original,
                interface: record.interface,
            });
        }
        one.input.consume(record.captured.saturating_add(record.pad));
        Ok(())
    }
}

impl Source for Files {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        batch.clear();
        loop {
            let full = batch.data.len() >= self.options.batch_bytes
                || batch.frames.len() >= self.options.batch_frames;
            if full {
                return Ok(true);
            }
            let mut ready = true;
            for one in &mut self.inputs {
                let wait = !one.input.live || batch.frames.is_empty();
                let pending = one.advance(wait, &mut self.warnings);
                ready &= pending || one.ended;
            }
            if !ready {
                return Ok(true);
            }
            match self.earliest() {
                Some(at) => self.take(at, batch)?,
                None => return Ok(!batch.frames.is_empty()),
            }
        }
    }

    fn take_warnings(&mut self) -> Vec<Warning> {
        core::mem::take(&mut self.warnings)
    }

    fn position(&self) -> (u64, Option<u64>) {
        let read = self.inputs.iter().map(|one| one.input.position()).sum();
        let size = self.inputs.iter().map(|one| one.input.size).sum();
        (read, size)
    }
}
