//! One look at a text that tells which searches can find anything in it. Most texts are short
//! words, dates and numbers, and need none.

const DIGIT: u8 = 1;
const AT: u8 = 2;
const PERCENT: u8 = 4;
const ASSIGN: u8 = 8;
const SPACE: u8 = 16;
/// A byte that keys, tokens and hashes are made of.
const KEY: u8 = 32;
const DASH: u8 = 64;
/// How hashes of passwords begin.
const HASH: u8 = 128;

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks it")]
static KINDS: [u8; 256] = {
    let mut kinds = [0_u8; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT | KEY,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b'/' | b'+' => KEY,
            b'-' => KEY | DASH,
            b'=' => ASSIGN | KEY,
            b':' => ASSIGN,
            b'@' => AT,
            b'%' => PERCENT,
            b' ' | b'\t' | b'\n' | b'\r' => SPACE,
            b'$' | b'{' => HASH,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

fn kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// What a text is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    pub(super) digits: usize,
    pub(super) at_sign: bool,
    pub(super) percent: bool,
    pub(super) assigns: bool,
    space: bool,
    hash: bool,
    dashes: bool,
    /// Length of the longest run of key bytes.
    run: usize,
    letters: usize,
    /// It holds something else than letters and digits.
    parted: bool,
}

/// The shortest vendor key with its prefix (`xoxb-` and 8 more).
const KEY_RUN_MIN: usize = 12;
/// No text of letters shorter than this holds a key: neither one alone (see [`KEY_RUN_MIN`]), nor
/// one behind `Basic `.
const SHORT: usize = 12;
/// The longest number of a person or account that is written with letters, in one piece.
const NUMBER_RUN_MAX: usize = 20;
/// The shortest value after `Basic `.
const SCHEME_RUN_MIN: usize = 8;

impl Survey {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let all = bytes.iter().fold(0, |all, byte| all | kind(*byte));
        // Most texts are a few plain words: nothing of them needs to be counted.
        if all & (DIGIT | AT | PERCENT | ASSIGN | DASH | HASH) == 0 && bytes.len() < SHORT {
            return Self::default();
        }
        let (mut digits, mut letters, mut run, mut longest) = (0_usize, 0_usize, 0_usize, 0_usize);
        let mut dashes = false;
        let mut last = 0;
        for byte in bytes {
            let kind = kind(*byte);
            digits = digits.saturating_add(usize::from(kind & DIGIT));
            letters = letters.saturating_add(usize::from(byte.is_ascii_alphabetic()));
            run = if kind & KEY == 0 { 0 } else { run.saturating_add(1) };
            longest = longest.max(run);
            dashes |= last & kind & DASH != 0;
            last = kind;
        }
        Self {
            digits,
            at_sign: all & AT != 0,
            percent: all & PERCENT != 0,
            assigns: all & ASSIGN != 0,
            space: all & SPACE != 0,
            hash: all & HASH != 0,
            dashes,
            run: longest,
            letters,
            parted: letters.saturating_add(digits) < bytes.len(),
        }
    }

    /// No search finds anything.
    pub(super) fn is_plain(&self) -> bool {
        self.digits < 6 && !self.at_sign && !self.percent && !self.assigns && !self.may_hold_key()
    }

    /// Numbers of cards, telephones and people stand alone or in groups: one long run of letters
    /// and digits, as of a hash or token, holds none.
    pub(super) fn has_room_for_numbers(&self) -> bool {
        self.parted || self.run <= NUMBER_RUN_MAX || self.letters == 0
    }

    /// There is room for a key, token, hash, key file or connection string (see `keys.rs`).
    pub(super) fn may_hold_key(&self) -> bool {
        self.run >= KEY_RUN_MIN
            || self.percent
            || self.assigns
            || self.hash
            || self.dashes
            || (self.space && self.run >= SCHEME_RUN_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_times_of_day_and_small_numbers_are_plain() {
        let check = |text: &str, plain: bool| {
            assert_eq!(Survey::of(text.as_bytes()).is_plain(), plain, "{text}");
        };
        check("pending", true);
        check("2024-1", true);
        check("Garden chair, blue", true);
        check("EUR", true);
        check("alice@example.com", false);
        check("xoxb-12345678", false);
        check("Basic YTpiYzpk", false);
        check("123456", false);
        check("$1$abc", false);
        check("-----BEGIN RSA", false);
        check("a%40b", false);
    }
}
