//! What an answer gives away of the application behind it.

use serde::{Deserialize, Serialize};

/// One sort of exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// An error answer shows a trace of the code (CWE-209).
    StackTrace,
    /// The files of a folder (CWE-548).
    DirectoryListing,
    /// The exact version of software, in a header (CWE-200).
    Version,
    /// A header for debugging.
    DebugHeader,
    /// A GraphQL console for developers.
    Console,
    /// TRACE was answered with the request (CWE-693).
    Trace,
    /// The origin of whoever asks is allowed to read answers with credentials (CWE-942).
    AnyOrigin,
}

impl Exposure {
    const ALL: [Self; 7] = [
        Self::StackTrace,
        Self::DirectoryListing,
        Self::Version,
        Self::DebugHeader,
        Self::Console,
        Self::Trace,
        Self::AnyOrigin,
    ];

    /// As signals name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StackTrace => "stack_trace",
            Self::DirectoryListing => "directory_listing",
            Self::Version => "software_version",
            Self::DebugHeader => "debug_header",
            Self::Console => "graphql_console",
            Self::Trace => "trace_method",
            Self::AnyOrigin => "any_origin_with_credentials",
        }
    }
}

/// A set of exposures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposures(u8);

impl Exposures {
    /// Adds one.
    pub fn add(&mut self, exposure: Exposure) {
        self.0 |= 1 << exposure as u8;
    }

    /// All that are in it, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Exposure> {
        Exposure::ALL.into_iter().filter(move |one| self.0 >> (*one as u8) & 1 == 1)
    }
}
