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

/// What a text is made of; what is rarely asked is worked out when it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey<'a> {
    bytes: &'a [u8],
    all: u8,
    pub(super) digits: usize,
}

/// The shortest vendor key with its prefix (`xoxb-` and 8 more).
const KEY_RUN_MIN: usize = 12;
/// The shortest value after `Basic `.
const SCHEME_RUN_MIN: usize = 8;
/// The longest number of a person or account that is written with letters, in one piece.
const NUMBER_RUN_MAX: usize = 20;

impl<'a> Survey<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let all = bytes.iter().fold(0, |all, byte| all | kind(*byte));
        let digits = if all & DIGIT == 0 { 0 } else { count(bytes, u8::is_ascii_digit) };
        Self { bytes, all, digits }
    }

    fn has(&self, kinds: u8) -> bool {
        self.all & kinds != 0
    }

    pub(super) fn at_sign(&self) -> bool {
        self.has(AT)
    }

    pub(super) fn percent(&self) -> bool {
        self.has(PERCENT)
    }

    pub(super) fn assigns(&self) -> bool {
        self.has(ASSIGN)
    }

    /// No search finds anything.
    pub(super) fn is_plain(&self) -> bool {
        self.digits < 6 && !self.has(AT | PERCENT | ASSIGN) && !self.may_hold_key()
    }

    /// Numbers of cards, telephones and people stand alone or in groups: one long run of letters
    /// and digits, as of a hash or token, holds none.
    pub(super) fn has_room_for_numbers(&self) -> bool {
        let letters = count(self.bytes, u8::is_ascii_alphabetic);
        letters == 0
            || self.bytes.len() <= NUMBER_RUN_MAX
            || letters.saturating_add(self.digits) < self.bytes.len()
    }

    /// There is room for a key, token, hash, key file or connection string (see `keys.rs`).
    pub(super) fn may_hold_key(&self) -> bool {
        if self.has(PERCENT | ASSIGN | HASH) {
            return true;
        }
        if self.has(DASH) && self.bytes.windows(2).any(|pair| pair == b"--") {
            return true;
        }
        let min = if self.has(SPACE) { SCHEME_RUN_MIN } else { KEY_RUN_MIN };
        self.bytes.len() >= min && self.has_run(min)
    }

    /// So many key bytes stand in a row.
    fn has_run(&self, min: usize) -> bool {
        let mut run = 0_usize;
        self.bytes.iter().any(|byte| {
            run = if kind(*byte) & KEY == 0 { 0 } else { run.saturating_add(1) };
            run >= min
        })
    }
}

/// Counts byte by byte without a branch: that runs over many bytes at once.
fn count(bytes: &[u8], wanted: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().map(|byte| usize::from(wanted(byte))).fold(0, usize::wrapping_add)
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
