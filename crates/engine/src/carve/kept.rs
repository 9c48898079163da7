//! Where in the folder of a live run (`[evidence]`) an alert is to be looked for.
//!
//! Segments follow on states. From the state before the alert's first act its packets tell what
//! the run told; the segment before it is read as well, for connections that were open then, and
//! what it tells is passed over, being in the state. Where the alert does not come back, earlier
//! and later states are tried: a message on its way when a state was taken is in neither part.

use super::Case;
use crate::error::{Error, plain};
use crate::evidence::{Folder, Pin, Segment, WITHIN};
use crate::outputs::{Sought, StoryName};
use crate::state::Store;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use stilt_model::Key;

/// States that are tried.
const STATES_MAX: usize = 4;

/// Looks at the folder, while a run makes it another.
const LOOKS: u32 = 20;

/// Captures with the states before them, the most promising first.
///
/// # Errors
/// The folder can't be read or holds no packets, or its states are another key's.
pub(super) fn cases(folder: &Path, id: &str, key: &Key) -> Result<Vec<Case>, Error> {
    let wrong = |why: String| Error::Carve(format!("{}: {why}", folder.display()));
    for _ in 0..LOOKS {
        let found = Folder::read(folder).map_err(|error| wrong(plain(&error)))?;
        if found.segments.is_empty() {
            let text = "no packets are kept there; name captures, or the folder of [evidence]";
            return Err(wrong(text.to_owned()));
        }
        match all(folder, &found, id, key) {
            Err(Gone::Away) => {}
            Err(Gone::Wrong(error)) => return Err(error),
            Ok(cases) => return Ok(cases),
        }
    }
    Err(wrong("the ring goes on faster than it can be read; give it a larger size_max".to_owned()))
}

/// Why cases can't be made of what was found.
enum Gone {
    /// A file has gone meanwhile.
    Away,
    Wrong(Error),
}

fn all(folder: &Path, found: &Folder, id: &str, key: &Key) -> Result<Vec<Case>, Gone> {
    let pin = found.pins.iter().find(|pin| pin.id == id);
    let story = pin.map(|pin| StoryName {
        rule: pin.rule.clone(),
        actor: pin.actor.clone(),
        service: pin.service.clone(),
        endpoint: pin.endpoint.clone(),
    });
    let sought = Sought { id: id.to_owned(), story };
    let make = |from: usize, state: Option<(PathBuf, File)>| -> Result<Case, Gone> {
        let mut case = Case {
            captures: Vec::new(),
            begin_with: None,
            sought: sought.clone(),
            with_state: state.is_some(),
            _held: Vec::new(),
        };
        for path in packets(folder, &found.segments, from, pin) {
            let (path, held) = hold(&path)?;
            case.captures.push(path);
            case._held.push(held);
        }
        if let Some((path, held)) = state {
            case.begin_with = Some(path);
            case._held.push(held);
        }
        Ok(case)
    };
    let (mut cases, mut unread) = (Vec::new(), None);
    for at in states(&found.segments, pin) {
        let Some(segment) = found.segments.get(at) else { continue };
        let state = hold(&segment.state_in(folder))?;
        let parts = match Store::peek(&state.0, key) {
            Ok(parts) => parts,
            Err(error) => {
                unread.get_or_insert(error);
                continue;
            }
        };
        // What a run began with follows on no packets.
        let from = if parts.contains_key(WITHIN) { at.saturating_sub(1) } else { at };
        cases.push(make(from, Some(state))?);
    }
    match unread {
        Some(error) if cases.is_empty() => return Err(Gone::Wrong(error)),
        _ if cases.is_empty() => cases.push(make(0, None)?),
        _ => {}
    }
    cases.retain(|case| !case.captures.is_empty());
    Ok(cases)
}

/// Opens a file, and gives a name that leads to it also when it has been removed.
fn hold(path: &Path) -> Result<(PathBuf, File), Gone> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Gone::Away,
        _ => Gone::Wrong(Error::Carve(format!("{}: {}", path.display(), plain(&error)))),
    })?;
    #[cfg(target_os = "linux")]
    let path = {
        use std::os::fd::AsRawFd;
        &PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    };
    Ok((path.to_owned(), file))
}

/// Places of the segments that begin with a state, in the order in which they are tried.
fn states(segments: &[Segment], pin: Option<&Pin>) -> Vec<usize> {
    let with_state = |(_, segment): &(usize, &Segment)| segment.state > 0;
    let mut states: Vec<usize> =
        segments.iter().enumerate().filter(with_state).map(|(at, _)| at).collect();
    let number = |at: &usize| segments.get(*at).map_or(0, |segment| segment.number);
    if let Some(pin) = pin {
        let anchor = pin.anchor.unwrap_or(pin.segments.0);
        states.retain(|at| number(at) <= pin.segments.1);
        // The anchor, then what is next to it, earlier ones first.
        states.sort_by_key(|at| (number(at).abs_diff(anchor), number(at)));
    }
    states.truncate(STATES_MAX);
    states
}

/// The segments from one on, to the one behind the last that an alert holds.
fn packets(folder: &Path, segments: &[Segment], from: usize, pin: Option<&Pin>) -> Vec<PathBuf> {
    let last = pin.map_or(u64::MAX, |pin| pin.segments.1.saturating_add(1));
    let wanted = segments.iter().skip(from);
    let wanted = wanted.filter(|segment| segment.bytes > 0 && segment.number <= last);
    wanted.map(|segment| segment.packets_in(folder)).collect()
}
