//! The TCP checksum (RFC 9293 §3.1, RFC 8200 §8.1).

use core::net::IpAddr;

/// Whether a whole segment, header and payload, adds up.
pub(super) fn is_right(source: IpAddr, destination: IpAddr, segment: &[u8]) -> bool {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    let mut sum = Sum::default();
    for end in [source, destination] {
        match end {
            IpAddr::V4(ip) => sum.add(&ip.octets()),
            IpAddr::V6(ip) => sum.add(&ip.octets()),
        }
    }
    sum.add(&length.to_be_bytes());
    sum.add(&[0, 6]);
    sum.add(segment);
    sum.folded() == 0xffff
}

/// Adds 16-bit words; a byte that is left over counts as the upper half of one.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<2>();
        let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
        let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
        self.0 = self.0.saturating_add(sum).saturating_add(last);
    }

    fn folded(&self) -> u64 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff).saturating_add(sum >> 16);
        }
        sum
    }
}
