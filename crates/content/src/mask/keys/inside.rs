//! Keys that have no prefix, but a mark somewhere inside.

use super::vendors::{Set, drawn};
use super::{Span, What};
use crate::bytes::{before, byte, part, run_end_within, run_start};
use stilt_model::Sensitive;

/// One kind of key.
pub(super) struct Inside {
    /// What stands inside it.
    pub(super) word: &'static str,
    name: &'static str,
    /// What stands before the word: characters of a set, so many at least and at most.
    head: (Set, usize, usize),
    /// The same behind it.
    tail: (Set, usize, usize),
}

/// The table.
pub(super) const INSIDE: &[Inside] = &[
    Inside {
        word: "Q~",
        name: "azure_client_secret",
        head: (Set::Azure, 4, 4),
        tail: (Set::Azure, 31, 34),
    },
    Inside {
        word: "-us",
        name: "mailchimp_key",
        head: (Set::Lowhex, 32, 32),
        tail: (Set::Digits, 1, 2),
    },
    Inside {
        word: ":AA",
        name: "telegram_bot_token",
        head: (Set::Digits, 8, 10),
        tail: (Set::Word, 33, 33),
    },
    Inside {
        word: ".atlasv1.",
        name: "terraform_token",
        head: (Set::Alnum, 14, 14),
        tail: (Set::Word, 60, 70),
    },
];

impl Inside {
    /// The key around the word from `start` to `end`.
    pub(super) fn find(&self, text: &str, start: usize, end: usize) -> Option<Span> {
        let bytes = text.as_bytes();
        let ((head, head_min, head_max), (tail, tail_min, tail_max)) = (self.head, self.tail);
        let from = run_start(bytes, start, head_max, |byte| head.holds(byte));
        let stop = run_end_within(bytes, end, tail_max, |byte| tail.holds(byte));
        let enough = start.saturating_sub(from) >= head_min && stop.saturating_sub(end) >= tail_min;
        let alone = !head.holds(before(bytes, from)) && !tail.holds(byte(bytes, stop));
        let what = What::named(self.name, Sensitive::ApiKey);
        let real = enough && alone && drawn(part(text, from, stop));
        real.then_some((from, stop, what))
    }
}
