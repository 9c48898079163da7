//! Which headers the messages of an endpoint have. Names only: values are never kept.

use serde::{Deserialize, Serialize};
use stilt_model::SmolStr;

/// Names remembered of one sort of message.
const NAMES_MAX: usize = 32;
/// Messages that must have a header, and one in how many, for it to be one of the endpoint.
const SEEN_MIN: u64 = 2;
const ONE_IN: u64 = 20;

/// One header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, lower case.
    pub name: Box<str>,
    /// Messages that had it, of those that were looked at.
    pub messages: u64,
}

/// Headers of one sort of message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Headers {
    /// Messages that were looked at.
    pub messages: u64,
    names: Vec<Header>,
}

impl Headers {
    pub(crate) fn see(&mut self, names: &[SmolStr]) {
        self.messages = self.messages.saturating_add(1);
        for name in names {
            self.add(name, 1);
        }
    }

    fn add(&mut self, name: &str, messages: u64) {
        if let Some(known) = self.names.iter_mut().find(|known| *known.name == *name) {
            known.messages = known.messages.saturating_add(messages);
            return;
        }
        if self.names.len() >= NAMES_MAX {
            // Names that clients make up keep no place from one that is used.
            let Some(at) = self.names.iter().position(|known| known.messages < SEEN_MIN) else {
                return;
            };
            self.names.remove(at);
        }
        self.names.push(Header { name: name.into(), messages });
    }

    /// Headers that belong to the endpoint, by name: one that a single message had is none, nor is
    /// one of fewer than a twentieth.
    #[must_use]
    pub fn usual(&self) -> Vec<&Header> {
        let often = |one: &&Header| {
            one.messages >= SEEN_MIN && one.messages.saturating_mul(ONE_IN) >= self.messages
        };
        let mut found: Vec<&Header> = self.names.iter().filter(often).collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Every message had it.
    #[must_use]
    pub fn always(&self, header: &Header) -> bool {
        header.messages >= self.messages
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.messages = self.messages.saturating_add(other.messages);
        for header in &other.names {
            self.add(&header.name, header.messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_neither_stays_nor_is_told() {
        let mut headers = Headers::default();
        for n in 0..1000_u32 {
            let names = [SmolStr::new(format!("x-{n}")), SmolStr::new("etag")];
            headers.see(if n % 2 == 0 { &names } else { &names[..1] });
        }
        let told: Vec<(&str, u64)> =
            headers.usual().iter().map(|one| (&*one.name, one.messages)).collect();
        assert_eq!(told, [("etag", 500)]);
        assert!(headers.names.len() <= NAMES_MAX);
        assert!(!headers.always(headers.usual()[0]));
    }
}
