//! Whatever way the bytes of a stream are cut into segments, and in whatever order and however
//! often those come, the stream is the same.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use stilt_capture::assembler::Limits;
use stilt_capture::tcp::{Chunk, Stream, StreamCounters};
use stilt_capture::{Segment, SegmentHead, TcpFlags};
use stilt_model::{Mark, Timestamp};

/// Plays segments (offset, length) of a stream that begins at `isn`; gives its bytes, and the gaps
/// as (offset, length).
fn play(
    isn: u32,
    bytes: &[u8],
    segments: &[(usize, usize)],
    limits: &Limits,
) -> (Vec<u8>, Vec<(u64, u64)>, StreamCounters) {
    let mut stream = Stream::default();
    let (mut counters, mut out, mut gaps) = (StreamCounters::default(), Vec::new(), Vec::new());
    let mut take = |chunk: Chunk<'_>| match chunk {
        Chunk::Data { bytes, offset, .. } => {
            assert_eq!(offset, out.len() as u64);
            out.extend_from_slice(bytes);
        }
        Chunk::Gap { bytes, end, .. } => {
            gaps.push((end - bytes, bytes));
            out.resize(usize::try_from(end).unwrap(), 0);
        }
    };
    stream.syn(stilt_capture::tcp::SeqNumber(isn));
    for (packet, (offset, length)) in (1..).zip(segments) {
        let seq = isn.wrapping_add(1).wrapping_add(u32::try_from(*offset).unwrap());
        let mark = Mark { time: Timestamp::from_nanos(packet), packet: packet.unsigned_abs() };
        let ends = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let head =
            SegmentHead { seq, flags: TcpFlags(16), ..SegmentHead::new(mark, ends.0, ends.1) };
        let payload = &bytes[*offset..offset + length];
        stream.push(&Segment { head, payload }, limits, &mut counters, &mut take);
    }
    for late in 0..2000 {
        stream.tick(Timestamp::from_secs(late * 10), limits, &mut counters, &mut take);
    }
    assert!(!stream.is_waiting());
    assert_eq!(counters.waiting_bytes, 0);
    (out, gaps, counters)
}

/// A stream cut into segments that overlap, in another order, some of them several times.
fn carried() -> impl Strategy<Value = (u32, Vec<u8>, Vec<(usize, usize)>)> {
    let sizes = prop::collection::vec((1_usize..60, 0_usize..20, 0_usize..12), 1..80);
    (any::<u32>(), any::<u8>(), sizes).prop_map(|(isn, first, sizes)| {
        let length: usize = sizes.iter().map(|(size, ..)| size).sum();
        let bytes: Vec<u8> = (0..length)
            .map(|at| first.wrapping_add(u8::try_from(at * 31 % 251).unwrap()))
            .collect();
        let (mut at, mut placed) = (0, Vec::new());
        for (number, (size, more, late)) in sizes.iter().enumerate() {
            let end = (at + size + more).min(length);
            placed.push((number + late, (at, end - at)));
            if more % 5 == 1 {
                placed.push((number + late * 2, (at / 2, (end - at / 2).min(90))));
            }
            at += size;
        }
        placed.sort_by_key(|(place, _)| *place);
        (isn, bytes, placed.into_iter().map(|(_, segment)| segment).collect())
    })
}

proptest! {
    #[test]
    fn any_cut_order_copies_and_overlap_give_the_same_stream((isn, bytes, segments) in carried()) {
        for isn in [isn, u32::MAX - 20] {
            let (out, gaps, counters) = play(isn, &bytes, &segments, &Limits::default());
            prop_assert_eq!(&out, &bytes);
            prop_assert!(gaps.is_empty());
            prop_assert_eq!((counters.overlaps_differing, counters.lost_bytes), (0, 0));
        }
    }

    #[test]
    fn what_is_lost_is_told_and_what_is_there_stands_where_it_belongs(
        (isn, bytes, mut segments) in carried(),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
    ) {
        for index in lost {
            if !segments.is_empty() {
                segments.remove(index.index(segments.len()));
            }
        }
        let mut seen = vec![false; bytes.len()];
        for (offset, length) in &segments {
            seen[*offset..offset + length].fill(true);
        }
        let (out, gaps, counters) = play(isn, &bytes, &segments, &Limits::default());
        let end = seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        prop_assert_eq!(out.len(), end);
        for (at, byte) in out.iter().enumerate() {
            prop_assert!(!seen[at] || *byte == bytes[at], "byte {} is wrong", at);
        }
        let missing = seen[..end].iter().filter(|seen| !**seen).count() as u64;
        prop_assert_eq!(gaps.iter().map(|(_, length)| length).sum::<u64>(), missing);
        prop_assert_eq!(counters.lost_bytes, missing);
    }

    #[test]
    fn what_waits_is_bounded_over_all_streams((isn, bytes, segments) in carried()) {
        let limits = Limits { waiting_bytes_max: 100, ..Limits::default() };
        let (out, ..) = play(isn, &bytes, &segments, &limits);
        prop_assert!(out.len() <= bytes.len());
    }
}
