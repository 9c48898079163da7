//! Streams that are judged while they run: an answer of events may go on for an hour.
//!
//! What was said so far is handed over as often as it has grown several times, and, where it comes
//! slowly, after waits that grow as well: all copies together are not much more than the last.

use super::{Conversation, Said};
use crate::assembler::Work;
use core::time::Duration;
use stilt_model::{Exchange, Flags, Stage, Timestamp};

/// Bytes after which a stream is handed over for the first time, and how much it grows in between.
const FIRST: u64 = 8 << 10;
const GROWTH: u64 = 4;
/// The same for one that comes slowly.
const SLOWLY: Duration = Duration::from_secs(4);
const SLOW_GROWTH: u32 = 4;
const SLOW_BYTES: u64 = 512;

/// How much of a stream was handed over, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    bytes: u64,
    at: Option<Timestamp>,
}

impl Shown {
    /// Whether so many bytes are worth being handed over, of a stream that has begun then.
    fn is_due(self, bytes: u64, begun: Timestamp, now: Timestamp) -> bool {
        if bytes >= self.bytes.saturating_mul(GROWTH).max(FIRST) {
            return true;
        }
        let age = now.since(begun);
        let wait = SLOWLY.max(age.checked_div(SLOW_GROWTH).unwrap_or_default());
        bytes >= self.bytes.saturating_add(SLOW_BYTES)
            && now.since(self.at.unwrap_or(begun)) >= wait
    }
}

impl Conversation {
    /// Hands over a stream that goes on, where enough of it is new.
    pub(super) fn show_running(&mut self, side: usize, said: &Said<'_>, work: &mut Work<'_>) {
        if self.opaque || self.client() == Some(side) {
            return;
        }
        let Some(asked) = self.answering.as_deref_mut() else { return };
        let parser = self.voices.get(side).and_then(|voice| voice.parser.as_deref());
        let Some(parser) = parser else { return };
        // Only what is asked in JSON is answered by a model.
        let json = |body: &[u8]| body.trim_ascii_start().first() == Some(&b'{');
        let Some(request) = asked.message.as_deref().filter(|asked| json(&asked.body.kept)) else {
            return;
        };
        let Some(bytes) = parser.streamed() else { return };
        let begun = parser.message().start.time;
        if !asked.shown.is_due(bytes, begun, said.now.time) {
            return;
        }
        let Some(response) = parser.so_far() else { return };
        let request = request.clone();
        asked.shown = Shown { bytes, at: Some(said.now.time) };
        let (flow, flow_id) = self.flow(self.client().unwrap_or(0), work);
        self.name(flow_id);
        work.out.push(Exchange {
            flow,
            proxied: self.around.as_deref().and_then(|around| around.client),
            flow_id,
            ordinal: self.ordinal,
            request: Some(request),
            response: Some(*response),
            flags: Flags {
                midstream: self.midstream,
                one_sided: !self.both_seen,
                incomplete: true,
                ..Flags::default()
            },
            completed: said.now,
            stage: Stage::Running,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_streams_by_their_growth_and_slow_ones_by_waits_that_grow() {
        let begun = Timestamp::from_secs(100);
        let mut fast = Shown::default();
        let mut times = Vec::new();
        for kilobytes in 1..=256_u64 {
            if fast.is_due(kilobytes << 10, begun, begun) {
                times.push(kilobytes);
                fast = Shown { bytes: kilobytes << 10, at: Some(begun) };
            }
        }
        assert_eq!(times, [8, 32, 128]);
        let (mut slow, mut count) = (Shown::default(), 0);
        for second in 0..3600 {
            let now = Timestamp::from_secs(100 + second);
            let bytes = u64::try_from(second).unwrap() * 200;
            if slow.is_due(bytes, begun, now) {
                slow = Shown { bytes, at: Some(now) };
                count += 1;
            }
        }
        assert!((15..60).contains(&count), "{count}");
    }
}
