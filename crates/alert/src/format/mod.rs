//! Shapes of alert records. A new one is a file here and a line in [`FORMATS`].

mod ecs;

use crate::identity::Names;
use core::fmt;
use std::collections::BTreeSet;
use stilt_model::{Asset, Finding, Rule};

pub use ecs::Ecs;

/// Every format, by name.
pub const FORMATS: &[&dyn Format] = &[&Ecs];

/// What is used unless `--format` says otherwise.
pub const DEFAULT: &dyn Format = &Ecs;

/// What becomes of a story with this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is told for the first time.
    Create,
    /// Something of it has grown.
    Update,
    /// It has been quiet for long.
    Close,
}

/// A story as a format is given it. What must not be shown is still in clear: [`Names`] masks it.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// What becomes of the story.
    pub act: Act,
    /// `event.id`.
    pub id: u64,
    /// All that is known of it.
    pub finding: &'a Finding,
    /// Further rules that saw it.
    pub also: &'a BTreeSet<&'static str>,
    /// What the catalogue says of its rule.
    pub rule: Rule,
    /// What is known of its service beside its traffic.
    pub asset: Option<&'a Asset>,
    /// `observer.name`.
    pub observer_name: &'a str,
    /// Interface of live capture.
    pub interface: Option<&'a str>,
    /// Digest of the configuration.
    pub config_digest: &'a str,
    /// How people may be named.
    pub names: &'a Names,
}

/// A shape of alert records.
pub trait Format: Send + Sync {
    /// As `--format` names it.
    fn name(&self) -> &'static str;
    /// One line of help.
    fn about(&self) -> &'static str;
    /// The record, on one line without its end; none where this format says nothing of the act.
    fn render(&self, telling: &Telling<'_>) -> Option<String>;
}

impl fmt::Debug for dyn Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown alert format `{name}`; known: {known}")]
pub struct UnknownFormat {
    name: String,
    known: String,
}

/// The format of that name.
///
/// # Errors
/// Where there is none; the message lists those there are.
pub fn by_name(name: &str) -> Result<&'static dyn Format, UnknownFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name).ok_or_else(|| UnknownFormat {
        name: name.to_owned(),
        known: FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_own_name() {
        for format in FORMATS {
            assert_eq!(by_name(format.name()).unwrap().name(), format.name());
            assert!(!format.about().is_empty());
        }
    }

    #[test]
    fn an_unknown_format_lists_the_known_ones() {
        let error = by_name("xml").unwrap_err().to_string();
        assert_eq!(error, "unknown alert format `xml`; known: ecs");
    }
}
