//! Saved corpora and changes of them, the same in every run: what can be had of fuzzing with a
//! stable compiler. `STILT_FUZZ_ROUNDS` and `STILT_FUZZ_SEED` make longer and other runs.

use std::path::Path;

/// Changed inputs per corpus, unless told otherwise.
const ROUNDS: u64 = 250;
/// Longest input.
const LENGTH_MAX: usize = 16 << 10;

/// xorshift64* (Vigna, 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % end.max(1)
    }

    fn range(&mut self, bytes: &[u8]) -> core::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        let longest = [4, 16, 64, 1024][self.below(4)];
        start..(start + self.below(longest) + 1).min(bytes.len())
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs `entry` over the corpus in `folder` and over changes of it.
pub fn run(folder: &Path, words: &[&[u8]], entry: fn(&[u8])) {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!corpus.is_empty(), "{}", folder.display());
    corpus.iter().for_each(|input| entry(input));
    let mut random = Random(number("STILT_FUZZ_SEED").unwrap_or(1).wrapping_mul(0x9e37_79b9) | 1);
    for _ in 0..number("STILT_FUZZ_ROUNDS").unwrap_or(ROUNDS) {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(5) {
            let other = &corpus[random.below(corpus.len())];
            change(&mut input, other, words, &mut random);
        }
        input.truncate(LENGTH_MAX);
        let kept = Told(&input);
        entry(&input);
        core::mem::forget(kept);
    }
}

/// Tells what was being read where it panics.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    #[allow(clippy::print_stderr, reason = "the input that fails must be known")]
    fn drop(&mut self) {
        eprintln!("input: {}", self.0.escape_ascii());
    }
}

fn change(input: &mut Vec<u8>, other: &[u8], words: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(11) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => {
            input[at] = [0, 1, 0x7f, 0x80, 0xff, b'\r', b'\n'][random.below(7)]
        }
        2 => drop(input.drain(random.range(input))),
        3 => {
            let piece = input[random.range(input)].repeat(1 + random.below(6));
            input.splice(at..at, piece);
        }
        // What other inputs hold, in place of something or beside it.
        4 | 5 => {
            let piece = &other[random.range(other)];
            let end = if random.below(2) == 0 { at } else { (at + piece.len()).min(input.len()) };
            input.splice(at..end, piece.iter().copied());
        }
        6 => {
            let from = random.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        7 | 8 if !words.is_empty() => {
            let word = words[random.below(words.len())];
            let end = if random.below(2) == 0 { at } else { (at + word.len()).min(input.len()) };
            input.splice(at..end, word.iter().copied());
        }
        // Numbers near the edges of their types.
        9 => {
            let number = (1_u64 << random.below(64)).wrapping_sub(random.next() & 1);
            let text = match random.below(4) {
                0 => number.to_string().into_bytes(),
                1 => format!("{number:x}").into_bytes(),
                2 => number.to_le_bytes()[..1 << random.below(4)].to_vec(),
                _ => number.to_be_bytes()[8 - (1 << random.below(4))..].to_vec(),
            };
            let end = (at + text.len()).min(input.len());
            input.splice(at..end, text);
        }
        _ => input.truncate(at),
    }
}
