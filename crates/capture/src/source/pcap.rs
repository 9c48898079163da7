//! Classic pcap: micro- and nanoseconds, both byte orders, and Kuznetzov's modified form.

use super::input::Input;
use super::merge::{Next, Record};
use stilt_model::Timestamp;

/// Bytes searched for the next record after damage.
const RESYNC_MAX: usize = 1 << 20;
/// Two records further apart than this are no neighbours, when searching after damage.
const NEIGHBOUR_SECS: i64 = 7 * 86_400;

/// Reads the records of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    big: bool,
    nanos: bool,
    modified: bool,
    link: u16,
    packet_max: usize,
    last_secs: Option<i64>,
}

pub(super) const HEADER: usize = 24;

impl Pcap {
    /// Reads the file header, where it is one.
    pub(super) fn begin(input: &mut Input, packet_max: usize) -> Option<Self> {
        let header = input.peek().get(..HEADER)?;
        let magic: [u8; 4] = header.get(..4)?.try_into().ok()?;
        let (big, nanos, modified) = match u32::from_le_bytes(magic) {
            0xa1b2_c3d4 => (false, false, false),
            0xd4c3_b2a1 => (true, false, false),
            0xa1b2_3c4d => (false, true, false),
            0x4d3c_b2a1 => (true, true, false),
            0xa1b2_cd34 => (false, false, true),
            0x34cd_b2a1 => (true, false, true),
            _ => return None,
        };
        let network = read(header, 20, big)?;
        input.consume(HEADER);
        // The upper bits tell the length of a frame check sequence.
        let link = u16::try_from(network & 0xffff).ok()?;
        Some(Self { big, nanos, modified, link, packet_max, last_secs: None })
    }

    fn record_header(&self) -> usize {
        if self.modified { 24 } else { 16 }
    }

    /// Seconds, fraction, captured and original length of a record header that makes sense.
    fn parse(&self, bytes: &[u8]) -> Option<(i64, u32, usize, u32)> {
        let secs = i64::from(read(bytes, 0, self.big)?);
        let fraction = read(bytes, 4, self.big)?;
        let captured = usize::try_from(read(bytes, 8, self.big)?).ok()?;
        let original = read(bytes, 12, self.big)?;
        (captured <= self.packet_max).then_some((secs, fraction, captured, original))
    }

    /// The next record; its bytes are at the front of the input's window.
    pub(super) fn next(&mut self, input: &mut Input, wait: bool) -> Next {
        let header = self.record_header();
        if !wait && !input.has(header) {
            return Next::Wait;
        }
        if !input.need(header) {
            if !input.is_ended() {
                return Next::Wait;
            }
            let rest = input.peek().len();
            return if rest == 0 && input.trouble.is_none() {
                Next::End
            } else {
                let why = input.trouble.take().unwrap_or_else(|| "the file is cut off".to_owned());
                Next::Damage(format!("{why} inside a record header; read up to here"))
            };
        }
        let Some((secs, fraction, captured, original)) = self.parse(input.peek()) else {
            return self.resync(input);
        };
        let whole = header.saturating_add(captured);
        if !wait && !input.has(whole) {
            return Next::Wait;
        }
        if !input.need(whole) {
            if !input.is_ended() {
                return Next::Wait;
            }
            if let Some(trouble) = input.trouble.take() {
                return Next::Damage(format!("{trouble} inside a packet; read up to here"));
            }
            // Either it is cut off, or this length is wrong.
            return match self.resync(input) {
                Next::Skip(what, bytes) => Next::Skip(what, bytes),
                _ => {
                    Next::Damage("the file is cut off inside a packet; read up to here".to_owned())
                }
            };
        }
        self.last_secs = Some(secs);
        input.consume(header);
        let unit = if self.nanos { 1 } else { 1000 };
        let nanos = secs
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(fraction).saturating_mul(unit));
        Next::Record(Record {
            time: Timestamp::from_nanos(nanos),
            link: self.link,
            interface: 0,
            captured,
            pad: 0,
            original,
        })
    }

    /// After a record that makes no sense: looks for two headers in a row that do.
    fn resync(&mut self, input: &mut Input) -> Next {
        let header = self.record_header();
        input.need(RESYNC_MAX);
        let window = input.peek();
        let near = |secs: i64| {
            self.last_secs.is_none_or(|last| secs.abs_diff(last) <= NEIGHBOUR_SECS.unsigned_abs())
        };
        let plausible = |at: usize| -> Option<usize> {
            let (secs, fraction, captured, original) = self.parse(window.get(at..)?)?;
            let limit = if self.nanos { 1_000_000_000 } else { 1_000_000 };
            let fits = fraction < limit
                && captured > 0
                && captured <= 262_144
                && original as usize >= captured
                && near(secs);
            fits.then(|| at.saturating_add(header).saturating_add(captured))
        };
        let found = (1..window.len()).find(|at| {
            plausible(*at).is_some_and(|next| plausible(next).is_some() || next == window.len())
        });
        match found {
            Some(skip) => {
                let text = format!("a damaged record; {skip} bytes were skipped");
                Next::Skip(text, skip)
            }
            None => Next::Damage("a damaged record; read up to here".to_owned()),
        }
    }
}

/// A 32-bit field.
pub(super) fn read(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let field: [u8; 4] = bytes.get(at..at.saturating_add(4))?.try_into().ok()?;
    Some(if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}
