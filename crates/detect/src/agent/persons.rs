//! Whose numbers a text holds: several accounts of one customer are one person's.
//!
//! A tool answers in records. A number belongs to whom its own record names, else to whom the
//! record around it names; a short list that names nobody is of the one who was asked about. In
//! prose nobody can tell, and each number counts for a person. Records are read as far as they go:
//! what is shown of a long answer may be cut anywhere.

use super::sensitive_to_model::is_personal;
use super::text_key;
use crate::agents::words::parts;
use std::collections::BTreeSet;
use stilt_model::talk::Text;

/// Records within records that are followed.
const DEPTH_MAX: usize = 64;
/// So many numbers of nobody in one answer may be one customer's.
const OWN_MAX: usize = 8;

/// Persons whose numbers a text holds.
#[derive(Debug, Default)]
pub(super) struct Persons {
    /// By name, each once.
    pub(super) named: BTreeSet<u64>,
    /// Numbers that cannot be told apart: each for a person.
    pub(super) loose: BTreeSet<u64>,
}

impl Persons {
    /// Adds the persons of a text.
    pub(super) fn add(&mut self, text: &Text) {
        let marks: BTreeSet<u64> =
            text.hidden.iter().filter(|(kind, _)| is_personal(*kind)).map(|one| one.1).collect();
        if marks.is_empty() {
            return;
        }
        let records = text.shown.trim_start();
        if !records.starts_with(['{', '[']) {
            self.loose.extend(marks);
            return;
        }
        let mut reader = Reader { marks: &marks, open: Vec::new(), found: Self::default() };
        let mut nobodys = reader.read(records);
        let seen = reader.seen();
        self.named.extend(reader.found.named);
        // What stands where nothing is shown any more.
        self.loose.extend(marks.difference(&seen));
        let first = nobodys.first().copied();
        if nobodys.len() > OWN_MAX {
            self.loose.append(&mut nobodys);
        } else if self.named.is_empty() {
            self.loose.extend(first);
        }
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.named.len().saturating_add(self.loose.len())
    }
}

/// A record or list that is open.
#[derive(Debug, Default)]
struct Open {
    list: bool,
    owner: Option<u64>,
    /// Its own numbers, and those of records in it that name nobody.
    numbers: BTreeSet<u64>,
    key: String,
}

struct Reader<'a> {
    marks: &'a BTreeSet<u64>,
    open: Vec<Open>,
    found: Persons,
}

impl Reader<'_> {
    /// Reads all; gives the numbers that nobody owns.
    fn read(&mut self, text: &str) -> BTreeSet<u64> {
        let mut nobodys = BTreeSet::new();
        let mut rest = text;
        let mut name = true;
        while let Some(sign) = rest.chars().next() {
            let length = match sign {
                '{' | '[' if self.open.len() < DEPTH_MAX => {
                    self.open.push(Open { list: sign == '[', ..Open::default() });
                    name = sign == '{';
                    1
                }
                '}' | ']' => {
                    self.close(&mut nobodys);
                    name = false;
                    1
                }
                ',' => {
                    name = self.open.last().is_some_and(|open| !open.list);
                    1
                }
                ':' => {
                    name = false;
                    1
                }
                '"' => {
                    let (inside, length) = string(rest);
                    self.string(inside, name);
                    length
                }
                _ if sign.is_alphanumeric() || sign == '<' => {
                    let end = rest.find([',', '}', ']', '\n']).unwrap_or(rest.len()).max(1);
                    self.string(rest.get(..end).unwrap_or_default().trim(), false);
                    end
                }
                _ => sign.len_utf8(),
            };
            rest = rest.get(length..).unwrap_or("");
        }
        while !self.open.is_empty() {
            self.close(&mut nobodys);
        }
        nobodys
    }

    fn string(&mut self, text: &str, name: bool) {
        let marks: Vec<u64> = marks_in(text).filter(|mark| self.marks.contains(mark)).collect();
        self.found.loose.extend(&marks);
        let Some(open) = self.open.last_mut() else { return };
        if name {
            text.clone_into(&mut open.key);
        } else if !marks.is_empty() {
            open.numbers.extend(marks);
        } else if !open.list && open.owner.is_none() && is_owner(&open.key, text) {
            open.owner = Some(text_key(&text.to_lowercase()));
        }
    }

    fn close(&mut self, nobodys: &mut BTreeSet<u64>) {
        let Some(mut done) = self.open.pop() else { return };
        if done.numbers.is_empty() {
            // "owner": {"name": …} names whose the record around it is.
            if let (Some(owner), Some(around)) = (done.owner, self.open.last_mut())
                && !around.list
                && around.owner.is_none()
            {
                around.owner = Some(owner);
            }
        } else if let Some(owner) = done.owner {
            self.found.named.insert(owner);
        } else if let Some(around) = self.open.last_mut() {
            around.numbers.append(&mut done.numbers);
        } else {
            nobodys.append(&mut done.numbers);
        }
    }

    /// Marks that were met.
    fn seen(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.found.loose)
    }
}

/// What a string of JSON holds, and its length with both quotation marks.
fn string(text: &str) -> (&str, usize) {
    let mut escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (text.get(1..at).unwrap_or_default(), at.saturating_add(1)),
            _ => {}
        }
    }
    (text.get(1..).unwrap_or_default(), text.len())
}

/// The marks in a text: `<iban:0123456789abcdef>`.
fn marks_in(text: &str) -> impl Iterator<Item = u64> {
    text.split('<').skip(1).filter_map(|rest| {
        let (mark, _) = rest.split_once('>')?;
        u64::from_str_radix(mark.rsplit_once(':')?.1, 16).ok()
    })
}

/// A field says whose the record is: by its name, or a name as people have it.
fn is_owner(field: &str, value: &str) -> bool {
    const OWNERS: &str = "owner holder customer client user person people employee member \
                          patient student pupil tenant guest applicant beneficiary payee \
                          insured subscriber firstname lastname surname fullname username \
                          displayname email mail inhaber kunde kundin mitarbeiter nutzer \
                          versicherter titular cliente proprietario titulaire nom nombre \
                          nome vorname nachname";
    const NAMES: &str = "name";
    let parts = parts(field);
    let is = |words: &str| parts.iter().any(|part| words.split_whitespace().any(|w| w == part));
    let text = value.trim();
    if text.is_empty() || text == "null" {
        return false;
    }
    is(OWNERS) || is(NAMES) && is_name(text)
}

/// Two or more words, each with a capital: an account is called otherwise.
fn is_name(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
    (2..=5).contains(&words.len()) && words.iter().all(capital)
}
