//! Packet time.

use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment of packet time: nanoseconds since the Unix epoch, UTC.
///
/// Detectors never read a clock; the capture's stamps are the only time there is.
/// All arithmetic saturates, because stamps come from untrusted files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, also the stamp of "never".
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Seconds since the epoch, for ratios and features only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "features tolerate sub-microsecond rounding")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time from `earlier` to `self`; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// `self` moved forward.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// `self` moved back.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds, or nanoseconds where the stamp has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = if self.0 % 1000 == 0 { 6 } else { 9 };
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp:.precision$}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000000Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Only as it is saved: records are not read back.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339_with_micros_or_nanos() {
        let at = Timestamp::from_nanos(1_795_348_551_393_242_000);
        assert_eq!(at.to_string(), "2026-11-22T11:55:51.393242Z");
        assert_eq!(Timestamp::from_nanos(1).to_string(), "1970-01-01T00:00:00.000000001Z");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::ZERO.since(Timestamp::from_secs(5)), Duration::ZERO);
        let _ = Timestamp::from_nanos(i64::MAX).plus(Duration::from_secs(u64::MAX));
        let _ = Timestamp::from_nanos(i64::MIN).minus(Duration::from_secs(u64::MAX));
        let _ = Timestamp::from_nanos(i64::MIN).to_string();
    }
}
