//! pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, several interfaces and link
//! types.

use super::input::Input;
use super::merge::{Next, Record};
use super::pcap::read;
use stilt_model::Timestamp;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Kinds of blocks besides the first six: secrets, journal, and custom ones.
const KINDS: [u32; 4] = [9, 10, 0x0bad, 0x4000_0bad];
/// Bytes searched for the next block after damage.
const RESYNC_MAX: usize = 1 << 20;
/// Interfaces of one section kept.
const INTERFACES_MAX: usize = 4096;
/// Options of one block read.
const OPTIONS_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    snaplen: u32,
    /// Ticks per second as (base 2?, exponent).
    resolution: u8,
    offset_secs: i64,
}

/// Reads the blocks of one file.
#[derive(Debug)]
pub(super) struct Pcapng {
    big: bool,
    interfaces: Vec<Interface>,
    interface_base: u16,
    packet_max: usize,
}

impl Pcapng {
    /// Where the bytes begin with a section header.
    pub(super) fn begin(input: &Input, packet_max: usize) -> Option<Self> {
        let magic = input.peek().get(..4)?;
        (magic == [0x0a, 0x0d, 0x0d, 0x0a]).then_some(Self {
            big: false,
            interfaces: Vec::new(),
            interface_base: 0,
            packet_max,
        })
    }

    /// The next packet; its bytes are at the front of the input's window.
    pub(super) fn next(&mut self, input: &mut Input, wait: bool) -> Next {
        loop {
            if !wait && !input.has(12) {
                return Next::Wait;
            }
            if !input.need(12) {
                if !input.is_ended() {
                    return Next::Wait;
                }
                let rest = input.peek().len();
                return if rest == 0 && input.trouble.is_none() {
                    Next::End
                } else {
                    let why =
                        input.trouble.take().unwrap_or_else(|| "the file is cut off".to_owned());
                    Next::Damage(format!("{why} inside a block header; read up to here"))
                };
            }
            let Some(length) = self.block_length(input.peek()) else {
                return self.resync(input, "a block of impossible length");
            };
            if !wait && !input.has(length) {
                return Next::Wait;
            }
            if !input.need(length) {
                if !input.is_ended() {
                    return Next::Wait;
                }
                if let Some(trouble) = input.trouble.take() {
                    return Next::Damage(format!("{trouble} inside a block; read up to here"));
                }
                // Either it is cut off, or this length is wrong.
                return match self.resync(input, "a damaged block") {
                    Next::Skip(what, bytes) => Next::Skip(what, bytes),
                    _ => Next::Damage(
                        "the file is cut off inside a block; read up to here".to_owned(),
                    ),
                };
            }
            if !self.ends_alike(input.peek(), length) {
                return self.resync(input, "a damaged block");
            }
            if let Some(next) = self.block(input, length) {
                return next;
            }
            input.consume(length);
        }
    }

    /// A block tells its length at both ends.
    fn ends_alike(&self, bytes: &[u8], length: usize) -> bool {
        let Some(told) = read(bytes, 4, self.big) else { return false };
        // Some writers do not count the padding.
        let short = usize::try_from(told).unwrap_or(usize::MAX);
        [length, short].iter().any(|end| read(bytes, end.saturating_sub(4), self.big) == Some(told))
    }

    /// After a block that makes no sense: looks for two in a row that do.
    fn resync(&self, input: &mut Input, what: &str) -> Next {
        input.need(RESYNC_MAX);
        let window = input.peek();
        let next_of = |at: usize| -> Option<usize> {
            let block = window.get(at..)?;
            let kind = read(block, 0, self.big)?;
            let section = kind == SECTION;
            let mut order = Self { interfaces: Vec::new(), ..*self };
            let length = order.block_length(block)?;
            let known = section || (1..=6).contains(&kind) || KINDS.contains(&kind);
            (known && order.ends_alike(block, length)).then(|| at.saturating_add(length))
        };
        let found = (4..window.len()).find(|at| {
            next_of(*at).is_some_and(|next| next_of(next).is_some() || next == window.len())
        });
        match found {
            Some(skip) => Next::Skip(format!("{what}; {skip} bytes were skipped"), skip),
            None => Next::Damage(format!("{what}; read up to here")),
        }
    }

    fn block_length(&mut self, bytes: &[u8]) -> Option<usize> {
        let kind = bytes.get(..4)?;
        if kind == SECTION.to_be_bytes() {
            // The byte order is told by the magic after the length.
            self.big = bytes.get(8..12)? == [0x1a, 0x2b, 0x3c, 0x4d];
            if !self.big && bytes.get(8..12)? != [0x4d, 0x3c, 0x2b, 0x1a] {
                return None;
            }
        }
        let length = usize::try_from(read(bytes, 4, self.big)?).ok()?;
        let length = length.checked_add(3)? & !3;
        (length >= 12 && length <= self.packet_max.saturating_add(1 << 16)).then_some(length)
    }

    /// Reads one block that is wholly in the window; gives what it yields, if anything.
    fn block(&mut self, input: &mut Input, length: usize) -> Option<Next> {
        let block = input.peek().get(..length)?;
        let kind = read(block, 0, self.big)?;
        match kind {
            SECTION => {
                let known = u16::try_from(self.interfaces.len()).unwrap_or(u16::MAX);
                self.interface_base = self.interface_base.saturating_add(known);
                self.interfaces.clear();
                None
            }
            INTERFACE => {
                if self.interfaces.len() < INTERFACES_MAX
                    && let Some(interface) = self.interface(block)
                {
                    self.interfaces.push(interface);
                }
                None
            }
            ENHANCED_PACKET | OLD_PACKET => {
                let number = read(block, 8, self.big)?;
                let number = if kind == ENHANCED_PACKET { number } else { self.old_number(number) };
                let high = u64::from(read(block, 12, self.big)?);
                let low = u64::from(read(block, 16, self.big)?);
                let captured = usize::try_from(read(block, 20, self.big)?).ok()?;
                let original = read(block, 24, self.big)?;
                Some(self.packet(
                    input,
                    length,
                    28,
                    number,
                    Some((high << 32) | low),
                    captured,
                    original,
                ))
            }
            SIMPLE_PACKET => {
                let original = read(block, 8, self.big)?;
                let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
                let cut = if snaplen == 0 { original } else { original.min(snaplen) };
                let captured = usize::try_from(cut).ok()?.min(length.saturating_sub(16));
                Some(self.packet(input, length, 12, 0, None, captured, original))
            }
            _ => None,
        }
    }

    /// The obsolete packet block has a 16-bit interface and a drop count.
    fn old_number(&self, field: u32) -> u32 {
        if self.big { field >> 16 } else { field & 0xffff }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one block")]
    fn packet(
        &self,
        input: &mut Input,
        length: usize,
        head: usize,
        number: u32,
        ticks: Option<u64>,
        captured: usize,
        original: u32,
    ) -> Next {
        let room = length.saturating_sub(head).saturating_sub(4);
        let interface =
            usize::try_from(number).ok().and_then(|at| self.interfaces.get(at)).copied();
        let (Some(interface), true) = (interface, captured <= room) else {
            let what = if captured > room {
                "a packet longer than its block was skipped"
            } else {
                "a packet of an interface that was not described was skipped"
            };
            return Next::Skip(what.to_owned(), length);
        };
        let time = ticks.map_or(Timestamp::ZERO, |ticks| interface.time(ticks));
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        input.consume(head);
        Next::Record(Record {
            time,
            link: interface.link,
            interface: self.interface_base.saturating_add(number),
            captured,
            pad: length.saturating_sub(head).saturating_sub(captured),
            original,
        })
    }

    fn interface(&self, block: &[u8]) -> Option<Interface> {
        let word = |at: usize| -> Option<u16> {
            let field: [u8; 2] = block.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if self.big { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
        };
        let mut interface = Interface {
            link: word(8)?,
            snaplen: read(block, 12, self.big)?,
            resolution: 6,
            offset_secs: 0,
        };
        let mut at = 16_usize;
        for _ in 0..OPTIONS_MAX {
            let (Some(code), Some(length)) = (word(at), word(at.saturating_add(2))) else { break };
            let value = block.get(at.saturating_add(4)..)?.get(..usize::from(length));
            match (code, value) {
                (0, _) | (_, None) => break,
                (9, Some([resolution, ..])) => interface.resolution = *resolution,
                (14, Some(value)) => {
                    if let Ok(field) = <[u8; 8]>::try_from(value) {
                        interface.offset_secs = if self.big {
                            i64::from_be_bytes(field)
                        } else {
                            i64::from_le_bytes(field)
                        };
                    }
                }
                _ => {}
            }
            at = at.saturating_add(4).saturating_add(usize::from(length).saturating_add(3) & !3);
        }
        Some(interface)
    }
}

impl Interface {
    /// `if_tsresol`: the top bit tells a power of two, else of ten.
    fn time(self, ticks: u64) -> Timestamp {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let nanos = if self.resolution & 0x80 != 0 {
            ticks.saturating_mul(1_000_000_000).checked_shr(exponent).unwrap_or(0)
        } else if exponent <= 9 {
            ticks.saturating_mul(10_u128.pow(9_u32.saturating_sub(exponent)))
        } else {
            ticks
                .checked_div(10_u128.checked_pow(exponent.saturating_sub(9)).unwrap_or(u128::MAX))
                .unwrap_or(0)
        };
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Timestamp::from_nanos(nanos.saturating_add(self.offset_secs.saturating_mul(1_000_000_000)))
    }
}
