//! One parameter or field of a body: what its values are.

use super::class::{CLASSES, Class};
use serde::{Deserialize, Serialize};
use stilt_model::{ActorId, SecretKind, Sensitive, Value};

/// Different values remembered, and the longest of them.
const VALUES_MAX: usize = 12;
const VALUE_BYTES_MAX: usize = 32;
/// Values a field must have had before its few values are called all there are…
const ENUMERATED_MIN: u64 = 24;
/// …and how often each.
const EACH_MIN: u32 = 3;

/// A value that was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    text: Box<str>,
    count: u32,
    /// Who sent or got it first; `shared`: others did as well.
    actor: ActorId,
    shared: bool,
}

/// What is known of one field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Field {
    /// Messages that had it.
    pub messages: u64,
    /// Values, also several of one message.
    pub values: u64,
    /// Values that were null.
    pub nulls: u64,
    /// Values that were true or false, whole numbers, other numbers.
    pub bools: u64,
    /// Whole numbers.
    pub integers: u64,
    /// Other numbers.
    pub numbers: u64,
    /// Texts, by their form.
    pub texts: [u32; CLASSES.len()],
    /// Kinds of secrets it held, a bit each by [`SecretKind`]'s order.
    masked: u32,
    /// Kinds of sensitive data, a bit each by [`Sensitive`]'s order.
    #[serde(default)]
    sensitive: u32,
    /// Least and greatest number.
    pub range: Option<(f64, f64)>,
    /// Shortest and longest text, in bytes.
    pub lengths: Option<(u32, u32)>,
    known: Vec<Known>,
    /// There were more different values than are remembered.
    many: bool,
    /// The message that had it last, to count each once.
    last: u64,
}

impl Field {
    /// Takes in a value of the `message`th message, counted where that is `whole`.
    pub(crate) fn see(&mut self, value: &Value, actor: ActorId, message: u64) {
        if self.last != message || self.values == 0 {
            self.messages = self.messages.saturating_add(1);
            self.last = message;
        }
        self.values = self.values.saturating_add(1);
        match value {
            Value::Null => self.nulls = self.nulls.saturating_add(1),
            Value::Bool(_) => self.bools = self.bools.saturating_add(1),
            Value::Integer(number) => {
                self.integers = self.integers.saturating_add(1);
                #[expect(clippy::cast_precision_loss, reason = "a range, for people")]
                self.ranged(*number as f64);
                if !self.many {
                    self.remember(&number.to_string(), actor);
                }
            }
            Value::Number(number) => {
                self.numbers = self.numbers.saturating_add(1);
                self.ranged(*number);
                self.many = true;
            }
            Value::Text(text) => self.text(text, actor),
            Value::Masked { mark, length } => {
                self.count(Class::Mark);
                self.masked |= 1 << (mark.kind as u32);
                self.long(*length);
                self.many = true;
            }
        }
    }

    /// A value was, or held, sensitive data.
    pub(crate) fn hold(&mut self, kind: Sensitive) {
        self.sensitive |= 1 << (kind as u32);
    }

    /// Its values were, or held, sensitive data of that kind.
    #[must_use]
    pub fn holds(&self, kind: Sensitive) -> bool {
        self.sensitive >> (kind as u32) & 1 == 1
    }

    /// As [`Self::see`], for a segment of the path.
    pub(crate) fn see_text(&mut self, text: &str, actor: ActorId) {
        self.messages = self.messages.saturating_add(1);
        self.values = self.values.saturating_add(1);
        self.text(text, actor);
    }

    fn text(&mut self, text: &str, actor: ActorId) {
        let class = Class::of(text);
        self.count(class);
        self.long(u32::try_from(text.len()).unwrap_or(u32::MAX));
        match class {
            Class::Integer => {
                if let Ok(number) = text.parse::<f64>() {
                    self.ranged(number);
                }
                self.remember(text, actor);
            }
            Class::Word => self.remember(text, actor),
            Class::Empty | Class::Truth => {}
            Class::Mark => {
                self.masked |= mark_bit(text);
                self.many = true;
            }
            _ => self.many = true,
        }
    }

    fn count(&mut self, class: Class) {
        if let Some(count) = self.texts.get_mut(class as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn ranged(&mut self, number: f64) {
        if number.is_finite() {
            let (least, greatest) = self.range.unwrap_or((number, number));
            self.range = Some((least.min(number), greatest.max(number)));
        }
    }

    fn long(&mut self, length: u32) {
        let (least, greatest) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((least.min(length), greatest.max(length)));
    }

    fn remember(&mut self, text: &str, actor: ActorId) {
        if self.many {
            return;
        }
        if let Some(known) = self.known.iter_mut().find(|known| *known.text == *text) {
            known.count = known.count.saturating_add(1);
            known.shared |= known.actor != actor;
        } else if self.known.len() < VALUES_MAX && text.len() <= VALUE_BYTES_MAX {
            self.known.push(Known { text: text.into(), count: 1, actor, shared: false });
        } else {
            // What varies so much is no enumeration; its values are not kept.
            self.forget_values();
        }
    }

    /// It may have few values: words that it had again and again.
    pub(super) fn has_few(&self) -> bool {
        !self.many && !self.known.is_empty() && self.texts_of(Class::Word) > 0
    }

    /// It has few values so far, and this is none of them.
    pub(super) fn lacks(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => {
                self.has_few()
                    && !text.is_empty()
                    && !self.known.iter().any(|one| *one.text == **text)
            }
            _ => false,
        }
    }

    /// From now on its values are not told apart.
    pub(super) fn forget_values(&mut self) {
        self.many = true;
        self.known = Vec::new();
    }

    /// Texts of all forms.
    #[must_use]
    pub fn text_count(&self) -> u64 {
        self.texts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Texts of one form.
    #[must_use]
    pub fn texts_of(&self, class: Class) -> u64 {
        self.texts.get(class as usize).map_or(0, |count| u64::from(*count))
    }

    /// The form that all its texts have, empty ones left out.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        let mut found = CLASSES
            .iter()
            .copied()
            .filter(|class| *class != Class::Empty && self.texts_of(*class) > 0);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// Kinds of secrets it held.
    pub fn secrets(&self) -> impl Iterator<Item = SecretKind> {
        let bits = self.masked;
        SecretKind::ALL.into_iter().filter(move |kind| bits >> (*kind as u32) & 1 == 1)
    }

    /// All values it has: few words, each seen several times and by several actors. Words that
    /// belong to one actor each are names, and integers that go up are ids: neither is told.
    #[must_use]
    pub fn enumeration(&self) -> Option<Vec<&str>> {
        let words = self.texts_of(Class::Word);
        let plain = words == self.text_count() && self.integers == 0 && self.numbers == 0;
        let enough = self.values >= ENUMERATED_MIN && self.known.len() <= VALUES_MAX;
        let each = |known: &Known| known.count >= EACH_MIN && known.shared;
        if self.many || !plain || !enough || words == 0 || !self.known.iter().all(each) {
            return None;
        }
        let mut values: Vec<&str> = self.known.iter().map(|known| &*known.text).collect();
        values.sort_unstable();
        Some(values)
    }

    /// One of its values, where it has few: the first in order.
    #[must_use]
    pub fn example(&self) -> Option<&str> {
        let shared = self.known.iter().filter(|known| known.shared && !self.many);
        shared.map(|known| &*known.text).min()
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.values = self.values.saturating_add(other.values);
        self.nulls = self.nulls.saturating_add(other.nulls);
        self.bools = self.bools.saturating_add(other.bools);
        self.integers = self.integers.saturating_add(other.integers);
        self.numbers = self.numbers.saturating_add(other.numbers);
        for (own, other) in self.texts.iter_mut().zip(&other.texts) {
            *own = own.saturating_add(*other);
        }
        self.masked |= other.masked;
        self.sensitive |= other.sensitive;
        for number in other.range.into_iter().flat_map(|(least, greatest)| [least, greatest]) {
            self.ranged(number);
        }
        for length in other.lengths.into_iter().flat_map(|(least, greatest)| [least, greatest]) {
            self.long(length);
        }
        if other.many {
            self.many = true;
            self.known = Vec::new();
        }
        for known in &other.known {
            self.remember(&known.text, known.actor);
            if let Some(own) = self.known.iter_mut().find(|own| own.text == known.text) {
                own.count = own.count.saturating_add(known.count.saturating_sub(1));
                own.shared |= known.shared;
            }
        }
    }
}

/// The kind that a mark in a path names (`<email:…>`), as a bit.
fn mark_bit(mark: &str) -> u32 {
    let name = mark.trim_start_matches('<').split(':').next().unwrap_or_default();
    let kind = SecretKind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.map_or(0, |kind| 1 << (kind as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(values: impl Iterator<Item = (Value, u64)>) -> Field {
        let mut field = Field::default();
        for (message, (value, actor)) in values.enumerate() {
            field.see(&value, ActorId(actor), message as u64 + 1);
        }
        field
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn few_words_that_many_use_are_an_enumeration() {
        let states = ["paid", "open", "sent"];
        let of = |n: u64| (text(states[(n % 3) as usize]), n % 5);
        assert_eq!(field((0..40).map(of)).enumeration(), Some(vec!["open", "paid", "sent"]));
        assert_eq!(field((0..20).map(of)).enumeration(), None, "too few to say");
    }

    #[test]
    fn names_ids_and_rare_words_are_none() {
        let own = |n: u64| (text(&format!("user{}", n % 4)), n % 4);
        assert_eq!(field((0..60).map(own)).enumeration(), None, "one name per actor");
        let ids = |n: u64| (Value::Integer((n % 3) as i64), n % 5);
        assert_eq!(field((0..60).map(ids)).enumeration(), None);
        let rare = |n: u64| (text(if n == 7 { "odd" } else { "even" }), n % 5);
        assert_eq!(field((0..60).map(rare)).enumeration(), None);
        let free = |n: u64| (text(&format!("word{n}")), n % 5);
        assert_eq!(field((0..60).map(free)).enumeration(), None);
    }

    #[test]
    fn two_halves_make_the_whole() {
        let of = |n: u64| match n % 4 {
            0 => (text("paid"), n % 5),
            1 => (Value::Null, n),
            _ => (text("open"), n % 3),
        };
        let whole = field((0..80).map(of));
        let mut half = field((0..40).map(of));
        half.absorb(&field((40..80).map(of)));
        assert_eq!((half.values, half.nulls, half.texts), (whole.values, whole.nulls, whole.texts));
        assert_eq!(half.enumeration(), whole.enumeration());
        assert_eq!(half.lengths, Some((4, 4)));
    }
}
