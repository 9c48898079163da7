//! Sequence numbers, which wrap.

/// A TCP sequence number; owns all arithmetic that wraps (RFC 9293 §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// So many bytes further.
    #[must_use]
    pub const fn plus(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// How far `self` is ahead of `other`; negative where it is behind.
    #[must_use]
    pub const fn ahead_of(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_wrap() {
        let near_end = SeqNumber(u32::MAX - 1);
        assert_eq!(near_end.plus(5), SeqNumber(3));
        assert_eq!(SeqNumber(3).ahead_of(near_end), 5);
        assert_eq!(near_end.ahead_of(SeqNumber(3)), -5);
    }
}
