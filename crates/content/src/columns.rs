//! Numbers in texts without fields: tables of comma-separated values, tables of pages, logs.
//!
//! Of random numbers of sixteen digits one in forty has the lead and the check digit of a card. A
//! column of cards holds hardly anything else, so that the column as a whole tells which it is:
//! order numbers stay order numbers.

use crate::mask::names::NameClass;
use crate::mask::{Masker, Tally, What};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stilt_model::{IdBuilder, NumberColumn, Sensitive};

/// Columns of one text that are told apart.
const COLUMNS_MAX: usize = 32;
/// Digits of numbers that are compared with what passed a check.
const DIGITS: core::ops::RangeInclusive<usize> = 9..=19;
/// Marks of cells of one page that are looked at.
const CELLS_MAX: usize = 16_384;
/// Bytes before a number among which a word may say that it is a card.
const SAID: usize = 32;

/// Cells of a text: from which byte on which column goes, in the order of the text.
#[derive(Default)]
struct Cells {
    starts: Vec<(usize, u32)>,
    /// Columns whose heading says that they hold cards.
    cards: BTreeSet<u32>,
}

/// No column.
const LOOSE: u32 = 0;

impl Cells {
    fn of(text: &str, media: &str, masker: &Masker) -> Self {
        if media.contains("html") || media.contains("xml") {
            return Self::of_page(text, masker);
        }
        let separated = [',', ';', '\t', '|'].into_iter().find(|separator| {
            let mut counts = text.lines().take(3).map(|line| line.matches(*separator).count());
            let first = counts.next().unwrap_or_default();
            first > 0 && counts.all(|count| count == first)
        });
        separated.map(|separator| Self::of_lines(text, separator, masker)).unwrap_or_default()
    }

    fn of_lines(text: &str, separator: char, masker: &Masker) -> Self {
        let mut cells = Self::default();
        let (mut at, mut column) = (0_usize, 1_u32);
        cells.starts.push((0, column));
        let heading = text.lines().next().unwrap_or_default();
        for (name, number) in heading.split(separator).zip(1..) {
            cells.note(name, number, masker);
        }
        for char in text.chars() {
            at = char.len_utf8().saturating_add(at);
            if char == separator || char == '\n' {
                column = if char == '\n' { 1 } else { column.saturating_add(1) };
                if cells.starts.len() >= CELLS_MAX {
                    break;
                }
                cells.starts.push((at, column));
            }
        }
        cells
    }

    fn of_page(text: &str, masker: &Masker) -> Self {
        let mut cells = Self::default();
        let mut column = LOOSE;
        for (at, _) in text.match_indices('<') {
            let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
            let word = rest.bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'/').count();
            let now = match rest.get(..word).unwrap_or_default() {
                "tr" | "TR" => LOOSE,
                "td" | "th" | "TD" | "TH" => column.saturating_add(1),
                "/table" | "/TABLE" => LOOSE,
                _ => continue,
            };
            column = now;
            if cells.starts.len() >= CELLS_MAX {
                break;
            }
            cells.starts.push((at, column));
            if rest.starts_with("th") {
                let inside = rest.split_once('>').map_or("", |(_, inside)| inside);
                let name = inside.split('<').next().unwrap_or_default();
                cells.note(name, column, masker);
            }
        }
        cells
    }

    fn note(&mut self, name: &str, column: u32, masker: &Masker) {
        let name = name.trim().trim_matches('"');
        if matches!(masker.class(name), Some(NameClass::Card)) || says_card(name) {
            self.cards.insert(column);
        }
    }

    fn at(&self, at: usize) -> u32 {
        let after = self.starts.partition_point(|(start, _)| *start <= at);
        after.checked_sub(1).and_then(|at| self.starts.get(at)).map_or(LOOSE, |(_, column)| *column)
    }
}

/// A word of it is `card`, and none says that it is a card of another sort.
fn says_card(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            "card" | "cards" | "creditcard" | "karte" | "kreditkarte" | "pan" | "tarjeta"
        ) || matches!(word, "carte" | "cartão" | "cartao" | "visa" | "mastercard" | "amex")
    })
}

/// Numbers of one column and one length.
#[derive(Default)]
struct Seen {
    plain: u32,
    passed: BTreeMap<Sensitive, Vec<What>>,
}

/// What was found in a text, taken in piece by piece.
pub(crate) struct Columns<'a> {
    cells: Cells,
    text: &'a str,
    seen: HashMap<(u32, usize), Seen, RandomState>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(text: &'a str, media: &str, masker: &Masker) -> Self {
        Self { cells: Cells::of(text, media, masker), text, seen: HashMap::default() }
    }

    /// Takes in the piece of the text from `from` to `to`.
    pub(crate) fn take(&mut self, (from, to): (usize, usize), masker: &Masker, tally: &mut Tally) {
        let piece = self.text.get(from..to).unwrap_or_default();
        let mut doubtful = Vec::new();
        for (range, what) in masker.inspect(piece) {
            let (start, end) = (from.saturating_add(range.start), from.saturating_add(range.end));
            let number = self.text.get(start..end).unwrap_or_default();
            let by_check = matches!(what.kind, Some(Sensitive::Card | Sensitive::NationalId));
            if !by_check || self.is_named(start) {
                tally.add(what);
            } else {
                doubtful.push((start, digits(number), what));
            }
        }
        for (start, length, what) in &doubtful {
            if let Some(kind) = what.kind
                && let Some(seen) = self.seen(*start, *length)
            {
                seen.passed.entry(kind).or_default().push(*what);
            }
        }
        let mut at = from;
        for word in piece.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')) {
            let start = at;
            at = at.saturating_add(word.len());
            let mark = self.text.get(at..).and_then(|rest| rest.chars().next());
            at = at.saturating_add(mark.map_or(0, char::len_utf8));
            let solid = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
            let known = || doubtful.iter().any(|(place, ..)| *place == start);
            if solid
                && DIGITS.contains(&word.len())
                && !known()
                && let Some(seen) = self.seen(start, word.len())
            {
                seen.plain = seen.plain.saturating_add(1);
            }
        }
    }

    /// Its column, or the words before it, say that it is a card.
    fn is_named(&self, start: usize) -> bool {
        let from =
            (0..=start.saturating_sub(SAID)).rev().find(|at| self.text.is_char_boundary(*at));
        let before = self.text.get(from.unwrap_or_default()..start).unwrap_or_default();
        let column = self.cells.at(start);
        self.cells.cards.contains(&column) || column == LOOSE && says_card(before)
    }

    fn seen(&mut self, start: usize, length: usize) -> Option<&mut Seen> {
        let key = (self.cells.at(start), length);
        let room = self.seen.len() < COLUMNS_MAX || self.seen.contains_key(&key);
        room.then(|| self.seen.entry(key).or_default())
    }

    /// Counts what columns show to be more than chance; gives back what each of them held.
    pub(crate) fn end(self, tally: &mut Tally) -> Vec<NumberColumn> {
        let mut columns = Vec::new();
        let mut seen: Vec<_> = self.seen.into_iter().collect();
        seen.sort_unstable_by_key(|(key, _)| *key);
        for ((column, length), seen) in seen {
            let all: usize = seen.passed.values().map(Vec::len).sum();
            let others = usize::try_from(seen.plain).unwrap_or(usize::MAX);
            let id = IdBuilder::new("numbers").number(u64::from(column)).number(length as u64);
            let mut found =
                NumberColumn { column: id.finish(), plain: seen.plain, ..Default::default() };
            for (kind, passed) in &seen.passed {
                // Most of them do not pass: those that do, do by chance.
                if passed.len() <= others.saturating_add(all).saturating_sub(passed.len()) {
                    let more = u32::try_from(passed.len()).unwrap_or(u32::MAX);
                    found.plain = found.plain.saturating_add(more);
                    continue;
                }
                passed.iter().for_each(|what| tally.add(*what));
                found.passed = Some((*kind, u32::try_from(passed.len()).unwrap_or(u32::MAX)));
            }
            columns.push(found);
        }
        columns
    }
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    fn check(text: &str, media: &str, cards: u16) {
        let masker = Masker::new(Key::new([7; 32]));
        let mut tally = Tally::default();
        let mut columns = Columns::new(text, media, &masker);
        columns.take((0, text.len()), &masker, &mut tally);
        columns.end(&mut tally);
        assert_eq!(tally.counts.count(Sensitive::Card), cards, "{text}");
    }

    /// A number of sixteen digits that begins as given; `right`: with the check digit of a card.
    fn number(lead: &str, right: bool) -> String {
        let body = format!("{lead:0<15}");
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, byte)| {
                let digit = u32::from(byte - b'0');
                if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
            })
            .sum();
        let last = (10 - sum % 10 + u32::from(!right)) % 10;
        format!("{body}{last}")
    }

    #[test]
    fn a_column_tells_whether_its_numbers_are_cards() {
        let rows = |head: &str, right: &dyn Fn(u32) -> bool| {
            let row = |n: u32| format!("{},paid\n", number(&format!("45{n:07}31"), right(n)));
            format!("{head}{}", (0..20).map(row).collect::<String>())
        };
        check(&rows("number,status\n", &|n| n % 10 == 0), "text/csv", 0);
        check(&rows("number,status\n", &|_| true), "text/csv", 20);
        check(&rows("card number,status\n", &|n| n < 2), "text/csv", 2);
        let mixed: String = (0..20)
            .map(|n| {
                format!(
                    "{};{}\n",
                    number(&format!("41{n}"), n == 3),
                    number(&format!("52{n}"), true)
                )
            })
            .collect();
        check(&mixed, "text/csv", 20);
    }

    #[test]
    fn tables_of_pages_have_columns_too() {
        let row =
            |n: u32, right| format!("<tr><td>{n}<td>{}</tr>", number(&format!("47{n}"), right));
        let page = |right: &dyn Fn(u32) -> bool, name: &str| {
            let rows: String = (0..9).map(|n| row(n, right(n))).collect();
            format!("<table><tr><th>No<th>{name}</tr>{rows}</table>")
        };
        check(&page(&|n| n == 4, "Order"), "text/html", 0);
        check(&page(&|_| true, "Order"), "text/html", 9);
        check(&page(&|n| n == 4, "Credit card"), "text/html", 1);
        check(&format!("<p>Paid with card {}</p>", number("4539", true)), "text/html", 1);
    }
}
