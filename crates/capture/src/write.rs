//! Writing packets: pcapng (draft-ietf-opsawg-pcapng), nanosecond stamps, one interface for each
//! link type. What comes out of it is read by tcpdump and Wireshark.

use crate::source::Frame;
use std::io::{self, Write};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Little-endian, version 1.0, of unknown length.
const SECTION_BODY: [u8; 16] =
    [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// `if_tsresol` (9), one byte: 10⁻⁹ seconds; then the end of options.
const NANOSECONDS: [u8; 12] = [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];

/// Writes one section of packets.
pub struct Writer<W: Write> {
    to: W,
    links: Vec<u16>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// Where the output takes no more; so do the others.
    pub fn new(to: W) -> io::Result<Self> {
        let mut writer = Self { to, links: Vec::new(), written: 0 };
        writer.block(SECTION, &[&SECTION_BODY])?;
        Ok(writer)
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn packet(&mut self, frame: &Frame, bytes: &[u8]) -> io::Result<()> {
        let interface = match self.links.iter().position(|link| *link == frame.link) {
            Some(known) => known,
            None => {
                let head = u32::from(frame.link).to_le_bytes();
                self.block(INTERFACE, &[&head, &[0; 4], &NANOSECONDS])?;
                self.links.push(frame.link);
                self.links.len().saturating_sub(1)
            }
        };
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let nanos = u64::try_from(frame.mark.time.nanos()).unwrap_or(0);
        let fields = [
            number(interface as u64),
            number(nanos >> 32),
            number(nanos & 0xffff_ffff),
            number(bytes.len() as u64),
            frame.wire_len.to_le_bytes(),
        ];
        self.block(PACKET, &[fields.as_flattened(), bytes])?;
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    /// Packets written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Link types written so far; packets refer to them.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// What it is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Gives the output back.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// Type, length, body padded to four bytes, length.
    fn block(&mut self, kind: u32, parts: &[&[u8]]) -> io::Result<()> {
        let body = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let pad = body.wrapping_neg() % 4;
        let length = u32::try_from(body.saturating_add(pad).saturating_add(12));
        let length = length.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.to.write_all(&kind.to_le_bytes())?;
        self.to.write_all(&length.to_le_bytes())?;
        for part in parts {
            self.to.write_all(part)?;
        }
        self.to.write_all([0_u8; 3].get(..pad).unwrap_or_default())?;
        self.to.write_all(&length.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{self, Batch};
    use stilt_model::{Mark, Timestamp};

    #[test]
    fn what_is_written_is_read_back_alike() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let packets: [(u16, i64, &[u8]); 4] = [
            (1, 1_700_000_000_123_456_789, b"abcde"),
            (113, 5, b""),
            (1, 7, b"x"),
            (1, 9, &[7; 64]),
        ];
        for (link, nanos, bytes) in packets {
            let mark = Mark { time: Timestamp::from_nanos(nanos), packet: 1 };
            let len = bytes.len() as u32;
            let frame = Frame { mark, link, start: 0, len, wire_len: len + 3, interface: 0 };
            writer.packet(&frame, bytes).unwrap();
        }
        assert_eq!(writer.written(), 4);
        let path = std::env::temp_dir().join(format!("stilt-write-{}", std::process::id()));
        std::fs::write(&path, writer.into_inner()).unwrap();
        let mut source = source::open(std::slice::from_ref(&path), &Default::default()).unwrap();
        let mut batch = Batch::default();
        source.fill(&mut batch).unwrap();
        std::fs::remove_file(&path).unwrap();
        let read = batch.frames.iter().map(|frame| {
            assert_eq!(frame.wire_len, frame.len + 3);
            (frame.link, frame.mark.time.nanos(), batch.bytes(frame))
        });
        assert_eq!(read.collect::<Vec<_>>(), packets);
        assert!(source.take_warnings().is_empty());
    }
}
