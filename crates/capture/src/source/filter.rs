//! Capture filters in tcpdump's syntax, applied to packets of files.

use super::SourceError;
use crate::link::LINKS;
use pcap::{BpfProgram, Capture, Linktype};
use std::collections::BTreeMap;

/// A filter, compiled once per link type.
pub struct Filter {
    text: String,
    programs: BTreeMap<u16, BpfProgram>,
}

impl Filter {
    /// Checks the expression on Ethernet, and compiles it for every link type that is known: once a
    /// run has begun, no file is there any more to look names of ports up in.
    ///
    /// # Errors
    /// It does not compile.
    pub fn new(text: &str) -> Result<Self, SourceError> {
        let mut filter = Self { text: text.to_owned(), programs: BTreeMap::new() };
        filter.program(1)?;
        for link in LINKS.iter().flat_map(|spec| spec.types) {
            // What makes no sense there is told when such a packet comes.
            let _ = filter.program(*link);
        }
        Ok(filter)
    }

    fn program(&mut self, link: u16) -> Result<&BpfProgram, SourceError> {
        let wrong = |error: pcap::Error| {
            let what = match error {
                pcap::Error::PcapError(text) => text,
                other => other.to_string(),
            };
            SourceError::Filter { filter: self.text.clone(), what }
        };
        match self.programs.entry(link) {
            std::collections::btree_map::Entry::Occupied(slot) => Ok(slot.into_mut()),
            std::collections::btree_map::Entry::Vacant(slot) => {
                let capture = Capture::dead(Linktype(i32::from(dlt(link)))).map_err(wrong)?;
                let program = capture.compile(&self.text, true).map_err(wrong)?;
                Ok(slot.insert(program))
            }
        }
    }

    /// Whether a packet passes. Those of a link type that is not known do, and are counted as such:
    /// what they carry can't be told from what was not asked for.
    ///
    /// # Errors
    /// It does not compile for packets of this link type.
    pub fn passes(&mut self, link: u16, bytes: &[u8]) -> Result<bool, SourceError> {
        if !LINKS.iter().any(|spec| spec.types.contains(&link)) {
            return Ok(true);
        }
        Ok(self.program(link)?.filter(bytes))
    }
}

/// The number that libpcap compiles for, where it differs from the one in files.
fn dlt(link: u16) -> u16 {
    match link {
        101 | 228 | 229 => 12,
        other => other,
    }
}
