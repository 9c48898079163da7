//! The binary event stream of AWS (`application/vnd.amazon.eventstream`): a length, the length of
//! the headers, a checksum of both, headers, payload, a checksum of all.

use super::{EVENT_MAX, push};
use stilt_model::StreamEvents;

/// Length, length of headers, checksum.
const PRELUDE: usize = 12;
/// The prelude and the checksum at the end.
const AROUND: usize = 16;

/// A reader of messages. Where a prelude's checksum is wrong, the next byte is tried.
#[derive(Debug, Default)]
pub(super) struct Amazon {
    held: Vec<u8>,
}

impl Amazon {
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut StreamEvents) {
        self.held.extend_from_slice(bytes);
        let mut at = 0_usize;
        while let Some(rest) = self.held.get(at..).filter(|rest| rest.len() >= PRELUDE) {
            let Some(length) = length(rest) else {
                out.cut = true;
                at = at.saturating_add(1);
                continue;
            };
            let Some(message) = rest.get(..length) else { break };
            let body = message.get(..length.saturating_sub(4)).unwrap_or_default();
            if number(message, body.len()) == Some(crc(body)) {
                told(body, out);
            } else {
                out.cut = true;
            }
            at = at.saturating_add(length);
        }
        self.held.drain(..at.min(self.held.len()));
    }

    pub(super) fn gap(&mut self) {
        self.held.clear();
    }
}

/// The length of the message that begins here, if one does.
fn length(bytes: &[u8]) -> Option<usize> {
    let prelude = bytes.get(..8)?;
    let length = usize::try_from(number(bytes, 0)?).ok()?;
    let headers = usize::try_from(number(bytes, 4)?).ok()?;
    let fits = (AROUND..=EVENT_MAX).contains(&length) && headers <= length.saturating_sub(AROUND);
    (fits && number(bytes, 8)? == crc(prelude)).then_some(length)
}

/// A message without its last checksum.
fn told(message: &[u8], out: &mut StreamEvents) {
    let Some(headers) = number(message, 4).and_then(|length| usize::try_from(length).ok()) else {
        return;
    };
    let end = PRELUDE.saturating_add(headers);
    let (Some(headers), Some(payload)) = (message.get(PRELUDE..end), message.get(end..)) else {
        return;
    };
    push(out, event_type(headers), payload);
}

/// The header `:event-type`, or `:exception-type` where it tells an error.
fn event_type(headers: &[u8]) -> &[u8] {
    let mut rest = headers;
    while let Some((length, after)) = rest.split_first() {
        let Some((name, after)) = after.split_at_checked(usize::from(*length)) else { break };
        let Some((kind, after)) = after.split_first() else { break };
        let (size, after) = match kind {
            0 | 1 => (0, after),
            2 => (1, after),
            3 => (2, after),
            4 => (4, after),
            5 | 8 => (8, after),
            6 | 7 => match after.split_first_chunk::<2>() {
                Some((size, after)) => (usize::from(u16::from_be_bytes(*size)), after),
                None => break,
            },
            9 => (16, after),
            _ => break,
        };
        let Some((value, after)) = after.split_at_checked(size) else { break };
        if *kind == 7 && matches!(name, b":event-type" | b":exception-type") {
            return value;
        }
        rest = after;
    }
    b""
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// CRC-32 (IEEE 802.3), four bits at a time.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = [
        0x0000_0000,
        0x1db7_1064,
        0x3b6e_20c8,
        0x26d9_30ac,
        0x76dc_4190,
        0x6b6b_51f4,
        0x4db2_6158,
        0x5005_713c,
        0xedb8_8320,
        0xf00f_9344,
        0xd6d6_a3e8,
        0xcb61_b38c,
        0x9b64_c2b0,
        0x86d3_d2d4,
        0xa00a_e278,
        0xbdbd_f21c,
    ];
    let half = |crc: u32| TABLE.get((crc & 15) as usize).copied().unwrap_or(0) ^ (crc >> 4);
    !bytes.iter().fold(u32::MAX, |crc, byte| half(half(crc ^ u32::from(*byte))))
}
