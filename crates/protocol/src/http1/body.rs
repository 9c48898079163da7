//! A body as its bytes come: decoded, counted, and its beginning kept.

use super::coding::{Chain, Coding, codings};
use super::{Limits, note};
use crate::events::{self, Kind};
use sha2::{Digest, Sha256};
use stilt_model::{Anomaly, Body, Message};

/// How the bytes of a body become its content.
pub(super) enum Decoder {
    /// As they are, with their digest where it is asked for.
    Identity(Option<Box<Sha256>>),
    /// Coded as the headers say, if it begins so: its first bytes are not all here.
    Undecided { codings: Vec<Coding>, held: Vec<u8> },
    /// Codings being undone.
    Coded(Box<Chain>),
    /// A coding that is not undone, or could not be: counted only.
    Counted,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::Identity(None)
    }
}

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Identity(_) => "Identity",
            Self::Undecided { .. } => "Undecided",
            Self::Coded(_) => "Coded",
            Self::Counted => "Counted",
        })
    }
}

impl Decoder {
    /// What the headers of a message ask for.
    pub(super) fn of(message: &mut Message) -> Self {
        match codings(&message.head) {
            Some(codings) if codings.is_empty() => Self::default(),
            Some(codings) => Self::Undecided { codings, held: Vec::new() },
            None => {
                note(message, Anomaly::BadContentCoding);
                Self::Counted
            }
        }
    }

    /// Takes encoded bytes.
    pub(super) fn feed(&mut self, data: &[u8], message: &mut Message, limits: &Limits) {
        if data.is_empty() {
            return;
        }
        let body = &mut message.body;
        body.encoded_bytes = body.encoded_bytes.saturating_add(data.len() as u64);
        if let Self::Undecided { codings, held } = self {
            let before = held.len();
            // The longest magic number has four bytes.
            let want = 4_usize.saturating_sub(before).min(data.len());
            held.extend_from_slice(data.get(..want).unwrap_or_default());
            let Some(coding) = codings.first() else { return };
            let Some(fits) = coding.fits(held) else { return };
            held.truncate(before);
            let held = core::mem::take(held);
            let tail_max = if Kind::of(&message.head).is_some() { TAIL_MAX } else { 0 };
            *self = match Chain::new(codings, limits.body_hash, tail_max).filter(|_| fits) {
                Some(chain) => Self::Coded(Box::new(chain)),
                None => {
                    // It says so and is not: who does not look at the header reads it as it is.
                    note(message, Anomaly::BadContentCoding);
                    Self::default()
                }
            };
            self.decode(&held, message, limits);
        }
        self.decode(data, message, limits);
    }

    fn decode(&mut self, data: &[u8], message: &mut Message, limits: &Limits) {
        let body = &mut message.body;
        match self {
            Self::Identity(hash) => {
                let before = body.kept.len();
                plain(data, body, hash, limits);
                let rest = data.get(body.kept.len().saturating_sub(before)..).unwrap_or_default();
                if !rest.is_empty() && !body.shed && Kind::of(&message.head).is_some() {
                    keep_tail(&mut body.tail, rest, TAIL_MAX);
                }
            }
            Self::Undecided { .. } | Self::Counted => {}
            Self::Coded(chain) => {
                let by_ratio = body.encoded_bytes.saturating_mul(limits.ratio_max).max(1 << 20);
                let bytes_max = limits.decoded_max.min(by_ratio);
                if chain.feed(data, bytes_max, limits.body_kept_max).is_err() {
                    let (capped, _) = self.settle(body);
                    let cap = Anomaly::DecompressionCap;
                    note(message, if capped { cap } else { Anomaly::BadContentCoding });
                }
            }
        }
    }

    /// Hands over what was decoded and only counts from here on; tells whether a cap was met, and
    /// the digest.
    fn settle(&mut self, body: &mut Body) -> (bool, Option<Box<Sha256>>) {
        match core::mem::replace(self, Self::Counted) {
            Self::Coded(mut chain) => {
                let taken = chain.take();
                (body.kept, body.tail, body.bytes) = (taken.kept, taken.tail, taken.bytes);
                (taken.capped, taken.hash)
            }
            Self::Identity(hash) => (false, hash),
            Self::Undecided { .. } | Self::Counted => (false, None),
        }
    }

    /// What was decoded so far: what was kept of it, its end beyond that, and how much it was.
    pub(super) fn so_far<'a>(&'a self, body: &'a Body) -> (&'a [u8], &'a [u8], u64) {
        match self {
            Self::Coded(chain) => chain.so_far(),
            _ => (&body.kept, &body.tail, body.bytes),
        }
    }

    /// Bytes of memory held, about.
    pub(super) fn weight(&self) -> usize {
        if let Self::Coded(chain) = self { chain.weight() } else { 0 }
    }

    /// Memory is short: what was kept is dropped, and the rest is counted only.
    pub(super) fn shed(&mut self, message: &mut Message) {
        if let Self::Coded(_) = self {
            self.settle(&mut message.body);
            note(message, Anomaly::DecompressionCap);
        }
        message.body.kept = Vec::new();
        message.body.tail = Vec::new();
        message.body.shed = true;
    }

    /// Bytes of the body that were lost: what is compressed can't be undone behind them.
    pub(super) fn lose(&mut self, bytes: u64, message: &mut Message) {
        let body = &mut message.body;
        body.lost = body.lost.saturating_add(bytes);
        body.encoded_bytes = body.encoded_bytes.saturating_add(bytes);
        match self {
            Self::Identity(hash) => {
                *hash = None;
                body.bytes = body.bytes.saturating_add(bytes);
            }
            Self::Coded(_) => {
                self.settle(body);
            }
            Self::Undecided { .. } | Self::Counted => *self = Self::Counted,
        }
    }

    /// The body is over.
    pub(super) fn end(mut self, message: &mut Message) {
        let whole = match &mut self {
            Self::Identity(_) => true,
            Self::Coded(chain) => chain.finish(),
            // Not one byte, or so few that they can't be what they should.
            Self::Undecided { held, .. } => held.is_empty(),
            Self::Counted => false,
        };
        if !whole && !matches!(self, Self::Counted) {
            note(message, Anomaly::BadContentCoding);
        }
        let (_, hash) = self.settle(&mut message.body);
        message.body.sha256 =
            hash.filter(|_| whole).map(|hash| Box::new(<[u8; 32]>::from(hash.finalize())));
        if !whole && message.body.bytes == 0 {
            // Not decoded: its length on the wire is all that is known.
            message.body.bytes = message.body.encoded_bytes;
        }
        let kept = &message.body.kept;
        let kind = Kind::of(&message.head).or_else(|| Kind::guess(&message.head, kept));
        let Some(kind) = kind else { return };
        let body = &mut message.body;
        let tail = newest(&body.tail, TAIL_MAX);
        let shown = body.kept.len().saturating_add(tail.len());
        let whole = body.lost == 0 && u64::try_from(shown).is_ok_and(|shown| shown == body.bytes);
        let events = events::read(kind, &body.kept, tail, whole);
        body.tail = Vec::new();
        body.events = (!events.is_empty()).then(|| Box::new(events));
    }
}

/// Bytes kept of the end of a stream of events.
const TAIL_MAX: usize = 32 << 10;

/// Adds bytes of which only the last `max` matter; up to twice as many are held.
pub(super) fn keep_tail(tail: &mut Vec<u8>, data: &[u8], max: usize) {
    let data = newest(data, max);
    if tail.len().saturating_add(data.len()) > max.saturating_mul(2) {
        let old = tail.len().saturating_sub(max);
        tail.drain(..old);
    }
    tail.extend_from_slice(data);
}

/// The end of a stream of events that is longer than what is kept.
pub(super) fn end_of(tail: &[u8]) -> &[u8] {
    newest(tail, TAIL_MAX)
}

fn newest(data: &[u8], max: usize) -> &[u8] {
    data.get(data.len().saturating_sub(max)..).unwrap_or(data)
}

fn plain(data: &[u8], body: &mut Body, hash: &mut Option<Box<Sha256>>, limits: &Limits) {
    if limits.body_hash && body.bytes == 0 {
        *hash = Some(Box::default());
    }
    if let Some(hash) = hash {
        hash.update(data);
    }
    let kept_max = if body.shed { 0 } else { limits.body_kept_max };
    let room = kept_max.saturating_sub(body.kept.len()).min(data.len());
    body.kept.extend_from_slice(data.get(..room).unwrap_or_default());
    body.bytes = body.bytes.saturating_add(data.len() as u64);
}
