//! One parameter of an endpoint: what its values usually look like, and how far one is from it.
//!
//! About 0.9 KB for a parameter of words, 1.5 KB at the most.

use super::facts::{By, Fact, Facts, Peak, singles, support, surprise};
use super::text;
use super::view::Item;
use serde::{Deserialize, Serialize};

/// Values told apart; a parameter with more of them is free.
const KNOWN_MAX: usize = 24;
/// Values up to this length are shown to an analyst once several actors use them.
const SHOWN_MAX: usize = 24;
/// Share of turns that may bring a new value where there is a list of values.
const CLOSED_NEW: f32 = 0.05;
/// Words that nobody can be thinking up, and turns until that is known.
const FEW: usize = 4;
const FEW_TURNS: u32 = 50;
/// Turns after which counts are halved, so that what is new weighs more than what is old.
const TURNS_MAX: u32 = 20_000;

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    value: u64,
    fact: Fact,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<Box<str>>,
}

/// What is unusual about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Another kind: text where numbers are, a word where dates are.
    Kind,
    /// Marks, or a succession of characters, that no value has.
    Marks,
    /// Far longer.
    Length,
    /// A far greater number.
    Number,
    /// Not one of the few values there are.
    Value,
}

/// How unusual a value is on each side, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Oddness {
    pub(crate) kind: f32,
    pub(crate) marks: f32,
    /// Marks with a meaning to parsers that no other's value has, a bit each.
    pub(crate) syntax: u128,
    pub(crate) length: f32,
    pub(crate) number: f32,
    pub(crate) value: f32,
}

impl Oddness {
    /// Sides with their scores.
    pub(crate) fn sides(&self) -> [(Side, f32); 5] {
        [
            (Side::Kind, self.kind),
            (Side::Marks, self.marks),
            (Side::Length, self.length),
            (Side::Number, self.number),
            (Side::Value, self.value),
        ]
    }

    pub(crate) fn most(&self) -> f32 {
        self.sides().into_iter().map(|(_, score)| score).fold(0.0, f32::max)
    }
}

/// What is known of one parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Param {
    /// Its path, as reasons show it.
    pub(crate) name: Box<str>,
    /// Requests that carried it.
    pub(crate) whole: Fact,
    /// Turns its endpoint had when it first came.
    pub(crate) born: u32,
    kinds: Facts,
    marks: Facts,
    steps: Facts,
    length: Peak,
    number: Peak,
    /// Values of it in one request.
    many: Peak,
    /// How unusual its values were.
    pub(crate) odd: Peak,
    known: Vec<Known>,
    /// Turns with values beyond those.
    spill: u32,
}

impl Param {
    pub(crate) fn new(name: &str, born: u32) -> Self {
        Self { name: name.into(), born, ..Self::default() }
    }

    /// Actors with values of their own, turns beyond the list among them, and all turns.
    fn values(&self) -> (u32, u32) {
        let turns =
            self.known.iter().fold(self.spill, |sum, known| sum.saturating_add(known.fact.turns));
        let single = singles(self.known.iter().map(|known| &known.fact));
        (single.saturating_add(self.spill), turns)
    }

    /// Its values follow a form or a list of words; what does not is wrong, and not only new.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_strict()
            || (self.is_list() && !self.kinds.iter().any(|(kind, _)| text::is_free(kind)))
    }

    /// Marks of a syntax have no place in its values: they follow a form, or are so few words that
    /// nobody can be thinking them up.
    pub(crate) fn is_rigid(&self) -> bool {
        let few = (1..=FEW).contains(&self.known.len())
            && self.spill == 0
            && self.whole.turns >= FEW_TURNS;
        self.is_strict() || (few && self.is_closed())
    }

    /// Its values follow a form: numbers, dates and the like.
    pub(crate) fn is_strict(&self) -> bool {
        let sum = |strict: bool| {
            let kinds = self.kinds.iter().filter(|(kind, _)| !strict || text::is_strict(*kind));
            kinds.fold(0_u32, |sum, (_, fact)| sum.saturating_add(fact.turns))
        };
        sum(true).saturating_mul(20) >= sum(false).saturating_mul(19)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts")]
    fn is_list(&self) -> bool {
        let (odd, turns) = self.values();
        odd as f32 <= CLOSED_NEW * turns as f32
    }

    /// How unusual a value is, of what others than `by` sent.
    pub(crate) fn odd(&self, item: &Item, by: By) -> Oddness {
        let (turns, needed) = (self.whole.turns, support(self.whole.about()));
        let alike = |facts: &Facts, what| facts.supported(what, by, needed, turns);
        let mut odd = Oddness {
            kind: surprise(alike(&self.kinds, item.kind).max(self.kinds.singles()), turns),
            ..Oddness::default()
        };
        let is_new = |mark: &u8| !self.marks.is_usage(*mark, by, needed, turns);
        let rarest = |facts: &Facts, all: &mut dyn Iterator<Item = u8>| {
            let counts = all.filter(|one| !facts.is_usage(*one, by, needed, turns));
            counts.map(|one| alike(facts, one)).min()
        };
        if let Some(count) = rarest(&self.marks, &mut item.made.marks()) {
            odd.marks = surprise(count.max(self.marks.singles()), turns);
            odd.syntax = item
                .made
                .marks()
                .filter(|mark| is_new(mark) && text::is_syntax(*mark))
                .fold(0, |set, mark| set | 1 << mark);
        }
        if let Some(count) = rarest(&self.steps, &mut item.made.steps()) {
            odd.marks = odd.marks.max(surprise(count.max(self.steps.singles()), turns));
        }
        let most = surprise(0, turns);
        odd.length = most * beyond(item.length, self.length.of_others(by), 8.0, 1.0);
        if let Some(number) = item.number {
            odd.number = most * beyond(number, self.number.of_others(by), 2.0, 3.0);
        }
        if item.listed {
            let known = self.known.iter().find(|known| known.value == item.value);
            let (single, turns) = self.values();
            let by_others = known.map_or(0, |known| known.fact.supported(by, needed, turns));
            odd.value = surprise(by_others.max(single), turns);
        }
        odd
    }

    /// How unusual so many values of it in one request are.
    pub(crate) fn too_many(&self, count: f32, by: By) -> f32 {
        let usual = self.many.of_others(by);
        let scale = if usual <= 1.0 { 0.5 } else { 2.0 };
        surprise(0, self.whole.turns) * beyond(count, usual.max(1.0), 0.0, scale)
    }

    /// Learns a request's values of it, `count` of them.
    pub(crate) fn count(&mut self, count: f32, by: By) -> bool {
        self.many.see(count, by);
        if self.whole.turns >= TURNS_MAX {
            self.halve();
        }
        self.whole.see(by)
    }

    pub(crate) fn halve(&mut self) {
        self.whole.halve();
        self.born = 0;
        self.kinds.halve();
        self.marks.halve();
        self.steps.halve();
        self.known.iter_mut().for_each(|known| known.fact.halve());
        self.spill = self.spill.div_ceil(2);
    }

    /// Learns one value; `shown` is its text where it may be kept.
    pub(crate) fn see(&mut self, item: &Item, by: By, shown: Option<&str>) {
        self.kinds.see(item.kind, by);
        for mark in item.made.marks() {
            self.marks.see(mark, by);
        }
        for step in item.made.steps() {
            self.steps.see(step, by);
        }
        self.length.see(item.length, by);
        if let Some(number) = item.number {
            self.number.see(number, by);
        }
        if !item.listed {
            return;
        }
        if let Some(known) = self.known.iter_mut().find(|known| known.value == item.value) {
            known.fact.see(by);
            if known.fact.shared && known.shown.is_none() {
                known.shown = shown.filter(|text| text.len() <= SHOWN_MAX).map(Box::from);
            }
        } else if self.known.len() < KNOWN_MAX {
            let mut fact = Fact::default();
            fact.see(by);
            self.known.push(Known { value: item.value, fact, shown: None });
        } else {
            self.spill = self.spill.saturating_add(1);
        }
    }

    /// Marks of a value that no other's has.
    pub(crate) fn marks_alone(&self, item: &Item, by: By) -> impl Iterator<Item = u8> {
        let (turns, needed) = (self.whole.turns, support(self.whole.about()));
        item.made.marks().filter(move |mark| !self.marks.is_usage(*mark, by, needed, turns))
    }

    /// The same as they are shown.
    pub(crate) fn new_marks(&self, item: &Item, by: By) -> String {
        let new = self.marks_alone(item, by);
        let names: Vec<String> = new.take(12).map(text::mark_name).collect();
        if names.is_empty() { "in another succession".to_owned() } else { names.join(" ") }
    }

    /// What is usual on one side, in an analyst's words.
    pub(crate) fn expected(&self, side: Side, by: By) -> String {
        match side {
            Side::Kind => {
                let mut kinds: Vec<_> = self
                    .kinds
                    .iter()
                    .filter(|(kind, _)| self.kinds.by_others(*kind, by) > 0)
                    .collect();
                kinds.sort_by_key(|(kind, fact)| (core::cmp::Reverse(fact.turns), *kind));
                let names: Vec<_> =
                    kinds.iter().take(3).map(|(kind, _)| text::kind_name(*kind)).collect();
                names.join(" or ")
            }
            Side::Marks => {
                let marks: Vec<_> = self
                    .marks
                    .iter()
                    .filter(|(mark, _)| self.marks.by_others(*mark, by) > 0)
                    .collect();
                let names: Vec<_> =
                    marks.iter().take(12).map(|(mark, _)| text::mark_name(*mark)).collect();
                if names.is_empty() {
                    "letters and digits only".to_owned()
                } else {
                    format!("letters, digits, {}", names.join(" "))
                }
            }
            Side::Length => format!("at most {:.0} bytes", self.length.of_others(by)),
            Side::Number => format!("at most {:.0}", self.number.of_others(by)),
            Side::Value => {
                let shown = self.known.iter().filter_map(|known| known.shown.as_deref());
                let list: Vec<&str> = shown.take(5).collect();
                match (list.is_empty(), self.known.len()) {
                    (false, _) => format!("one of {}", list.join(", ")),
                    (true, 1) => "always the same value".to_owned(),
                    (true, count) => format!("one of {count} values"),
                }
            }
        }
    }

    /// In one line, for `stilt baseline show`: kind, length and values.
    pub(crate) fn told(&self) -> String {
        let nobody = By::default();
        let mut parts = vec![self.expected(Side::Kind, nobody)];
        let (length, number) = (self.length.of_others(nobody), self.number.of_others(nobody));
        if number > 0.0 {
            parts.push(format!("up to {number:.0}"));
        } else if length > 0.0 {
            parts.push(format!("up to {length:.0} bytes"));
        }
        if self.is_list() && !self.known.is_empty() {
            parts.push(self.expected(Side::Value, nobody));
        }
        parts.join(", ")
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let facts = self.kinds.len() + self.marks.len() + self.steps.len();
        let known = self
            .known
            .iter()
            .map(|known| size_of::<Known>() + known.shown.as_ref().map_or(0, |text| text.len()));
        size_of::<Self>() + self.name.len() + 16 * facts + known.sum::<usize>()
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.whole.absorb(&other.whole);
        self.born = self.born.min(other.born);
        self.kinds.absorb(&other.kinds);
        self.marks.absorb(&other.marks);
        self.steps.absorb(&other.steps);
        self.length.absorb(&other.length);
        self.number.absorb(&other.number);
        self.many.absorb(&other.many);
        self.odd.absorb(&other.odd);
        self.spill = self.spill.saturating_add(other.spill);
        for known in &other.known {
            if let Some(own) = self.known.iter_mut().find(|own| own.value == known.value) {
                own.fact.absorb(&known.fact);
                if own.shown.is_none() {
                    own.shown.clone_from(&known.shown);
                }
            } else if self.known.len() < KNOWN_MAX {
                self.known.push(known.clone());
            } else {
                self.spill = self.spill.saturating_add(known.fact.turns);
            }
        }
    }
}

/// How far `value` is beyond `most`: 1 at `2^octaves` times it, at most 1.5; small values are made
/// alike by `offset`.
pub(crate) fn beyond(value: f32, most: f32, offset: f32, octaves: f32) -> f32 {
    (((value + offset) / (most + offset).max(f32::MIN_POSITIVE)).log2() / octaves).clamp(0.0, 1.5)
}
