//! What only the words around it tell: dates of birth, postal addresses.

use super::{Span, What};
use crate::bytes::{before, byte, part, prefix, run_end};
use stilt_model::Sensitive;

/// Words before a date of birth.
pub(super) const BIRTH: &[&str] = &[
    "born on",
    "born",
    "Born",
    "date of birth",
    "Date of Birth",
    "Date of birth",
    "DOB",
    "D.O.B",
    "dob",
    "birth date",
    "Birth date",
    "Birth Date",
    "birthdate",
    "Birthdate",
    "birthday",
    "Birthday",
    "geboren am",
    "Geburtsdatum",
    "geb.",
    "née le",
    "né le",
    "ate de naissance",
    "echa de nacimiento",
    "nacido el",
    "ata di nascita",
    "ata de nascimento",
    "eboortedatum",
    "fødselsdato",
    "出生日期",
    "生年月日",
    "дата рождения",
];

/// Words before a postal address.
pub(super) const ADDRESS: &[&str] = &[
    "address",
    "Address",
    "lives at",
    "live at",
    "living at",
    "ship to",
    "Ship to",
    "shipped to",
    "deliver to",
    "Deliver to",
    "delivered to",
    "Anschrift",
    "wohnhaft in",
    "Adresse",
    "adresse",
    "irección",
    "ireccion",
    "omicilio",
    "ndirizzo",
    "resides at",
];

/// Bytes behind such words in which the thing must begin, and end.
const NEAR: usize = 24;
const ADDRESS_MAX: usize = 120;

/// Where what follows a word begins: behind `:`, `is`, quotes and spaces.
fn value_at(text: &str, end: usize) -> usize {
    let skip = |byte: u8| matches!(byte, b' ' | b':' | b'"' | b'\'' | b'=' | b'\t' | b'.' | b'-');
    let bytes = text.as_bytes();
    let mut at = run_end(bytes, end, skip);
    for word in ["is ", "was ", "on ", "of "] {
        if part(text, at, at.saturating_add(word.len())) == word {
            at = at.saturating_add(word.len());
        }
    }
    at
}

/// The date of birth behind words for it.
pub(super) fn birth(text: &str, start: usize, end: usize) -> Option<Span> {
    let at = value_at(text, end);
    if before(text.as_bytes(), start).is_ascii_lowercase() && !part(text, start, end).contains("d")
        || at.saturating_sub(end) > NEAR
    {
        return None;
    }
    let stop = at.saturating_add(date(part(text, at, text.len()))?);
    Some((at, stop, What::of(Sensitive::BirthDate)))
}

/// The postal address behind words for it.
pub(super) fn address(text: &str, start: usize, end: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    if before(bytes, start).is_ascii_lowercase() && byte(bytes, start).is_ascii_uppercase() {
        return None;
    }
    let at = value_at(text, end);
    let line = prefix(part(text, at, text.len()), ADDRESS_MAX);
    let line = line.split(['\n', '"', ';', '<', '|', '{', '}']).next().unwrap_or_default();
    let line = line.split(". ").next().unwrap_or_default();
    let long = street_end(line)?;
    Some((at, at.saturating_add(long), What::of(Sensitive::Address)))
}

/// Whether a field of such a name holds a date of birth.
pub(super) fn is_birth_date(text: &str) -> bool {
    let text = text.trim();
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = |from, to| part(text, from, to).parse::<u32>().unwrap_or(0);
        return is_date(number(0, 4), number(4, 6), number(6, 8));
    }
    // A time of day may follow.
    date(text)
        .is_some_and(|end| end == text.len() || matches!(byte(text.as_bytes(), end), b'T' | b' '))
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    (1900..=2026).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// End of the date with which `text` starts: three parts, one of them a year of four digits.
fn date(text: &str) -> Option<usize> {
    let text = prefix(text, 40);
    let bytes = text.as_bytes();
    let mut parts = [""; 3];
    let mut at = 0_usize;
    for (number, slot) in parts.iter_mut().enumerate() {
        if number > 0 {
            let next = run_end(bytes, at, |byte| matches!(byte, b' ' | b'-' | b'/' | b'.' | b','));
            if next == at || next > at.saturating_add(2) {
                return None;
            }
            at = next;
        }
        let digits = byte(bytes, at).is_ascii_digit();
        let end = run_end(bytes, at, |byte| {
            if digits { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
        });
        *slot = part(text, at, end);
        at = end;
        // `12th March`.
        let ordinal = at.saturating_add(2);
        if digits && number < 2 && ["st", "nd", "rd", "th"].contains(&part(text, at, ordinal)) {
            at = ordinal;
        }
    }
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let [first, second, third] = parts;
    let found = if first.len() == 4 && first.bytes().all(|byte| byte.is_ascii_digit()) {
        is_date(number(first), month(second), number(third))
    } else if third.len() == 4 {
        let year = number(third);
        is_date(year, month(second), number(first)) || is_date(year, month(first), number(second))
    } else {
        false
    };
    found.then_some(at)
}

/// A month's number, from digits or its English name.
fn month(text: &str) -> u32 {
    const NAMES: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    if let Ok(number) = text.parse() {
        return number;
    }
    let lower = text.get(..3).unwrap_or_default().to_ascii_lowercase();
    NAMES.iter().zip(1..).find(|(name, _)| **name == lower).map_or(0, |(_, number)| number)
}

/// Words of streets, and ends of words that are streets.
const STREETS: &[&str] = &[
    "st",
    "street",
    "ave",
    "avenue",
    "road",
    "rd",
    "lane",
    "ln",
    "drive",
    "dr",
    "blvd",
    "boulevard",
    "way",
    "court",
    "ct",
    "place",
    "pl",
    "square",
    "sq",
    "terrace",
    "close",
    "crescent",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "circle",
    "row",
    "walk",
    "trail",
    "box",
    "strasse",
    "straße",
    "str",
    "weg",
    "platz",
    "allee",
    "gasse",
    "rue",
    "chemin",
    "impasse",
    "calle",
    "avenida",
    "av",
    "plaza",
    "paseo",
    "via",
    "viale",
    "corso",
    "piazza",
    "rua",
    "travessa",
    "straat",
    "laan",
    "plein",
    "gatan",
    "vägen",
    "gade",
    "vej",
    "ulica",
    "ul",
];
const STREET_ENDS: &[&str] = &[
    "strasse", "straße", "str", "weg", "platz", "allee", "gasse", "straat", "laan", "plein",
    "gatan", "vägen", "gade", "vej", "veien", "katu",
];

/// Words with which an address has gone on into a sentence.
const SENTENCE: &[&str] = &["and", "but", "or", "when", "because", "please", "is", "was", "for"];

/// End of the address with which `line` starts: a house number and a street within a few words.
fn street_end(line: &str) -> Option<usize> {
    let (mut number, mut street, mut names, mut end) = (false, false, false, 0_usize);
    let mut at = 0_usize;
    for word in line.split_inclusive([' ', ',']).take(12) {
        let bare = word.trim_end_matches([' ', ',', '.', ')']);
        let lower = bare.to_lowercase();
        if SENTENCE.contains(&lower.as_str()) {
            break;
        }
        number |= is_house_number(bare);
        street |= is_street(&lower);
        names |= bare.starts_with(char::is_uppercase);
        end = at.saturating_add(bare.len());
        at = at.saturating_add(word.len());
    }
    (number && street && names).then_some(end)
}

fn is_house_number(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits) && word.len() <= digits.saturating_add(1)
}

fn is_street(lower: &str) -> bool {
    STREETS.contains(&lower)
        || (lower.len() > 6 && STREET_ENDS.iter().any(|end| lower.ends_with(end)))
}

/// Whether a field of such a name holds a line of a postal address: a house number among words.
pub(super) fn is_address(text: &str) -> bool {
    let text = text.trim();
    let words: Vec<&str> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).collect();
    let number = words.iter().any(|word| is_house_number(word.trim_end_matches('.')));
    let name = words.iter().any(|word| {
        word.chars().count() >= 3 && word.chars().all(|c| c.is_alphabetic() || ".'-".contains(c))
    });
    (6..=250).contains(&text.len()) && (2..=30).contains(&words.len()) && number && name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_birth_are_dates_and_in_the_past() {
        for text in ["1984-03-12", "12.03.1984", "3/12/1984", "12 March 1984", "March 12, 1984"] {
            assert_eq!(date(text), Some(text.len()), "{text}");
        }
        for text in ["1984", "12-03-84x", "2084-01-01", "1984-13-40", "10.1.2.3", "1-800-1984"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert!(is_birth_date("1984-03-12T00:00:00Z") && is_birth_date("19840312"));
        assert!(!is_birth_date("unknown") && !is_birth_date("19841399"));
    }

    #[test]
    fn an_address_has_a_house_number_and_a_street() {
        let found = |line: &str| street_end(line).map(|end| line.get(..end).unwrap().to_owned());
        assert_eq!(found("12 High Street, London").as_deref(), Some("12 High Street, London"));
        assert_eq!(
            found("Hauptstraße 5a, 10115 Berlin").as_deref(),
            Some("Hauptstraße 5a, 10115 Berlin")
        );
        assert_eq!(found("12 High Street and call me").as_deref(), Some("12 High Street"));
        assert_eq!(found("10.0.0.1 is down"), None);
        assert_eq!(found("the problem in 5 steps on the way"), None);
        assert!(is_address("12 Main") && is_address("Calle Mayor 3, 2B"));
        assert!(!is_address("0x52908400098527886E0F7030069857D2E4169EE7"));
        assert!(!is_address("10.0.0.1") && !is_address("home"));
    }
}
