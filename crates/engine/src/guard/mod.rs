//! What a run gives up once everything is open: the bytes it reads are chosen by attackers, so
//! that a mistake in a parser must be worth nothing to them.
//!
//! [`enter`] is called when captures, devices and outputs are open and before the first thread
//! starts; what is given up there is given up by every thread that comes later, for good:
//!
//! * privileges: another user where one is named, no capabilities but those still needed, none to
//!   be gained (`no_new_privs`), no core dump and no debugger with traffic in it;
//! * files: Landlock lets through what the [`Plan`] names and nothing else, no TCP port either;
//! * system calls: a list of those the program needs. What is harmless is refused with `EPERM`;
//!   starting a program, tracing another, connecting or sending ends the process at once.
//!
//! What a kernel can't do is told, never an error: an older kernel is no reason not to analyse.

mod account;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
mod handover;
#[cfg(target_os = "linux")]
mod privilege;

pub use account::Account;
pub(crate) use handover::Made;

use crate::error::Error;
use std::path::PathBuf;

/// What a run may still do once it has begun. What was opened before stays open.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whom to become; the same user where none is named.
    pub user: Option<Account>,
    /// Files and folders that are opened for reading later.
    pub reads: Vec<PathBuf>,
    /// Files that are written in place later, and folders in which files are made and replaced.
    pub writes: Vec<PathBuf>,
    /// Sockets that packets come from have descriptors from this number on: they are read, and
    /// nothing is written to them.
    pub sockets_from: Option<i32>,
    /// A listener that is open takes connections; what it answers is written, not sent.
    pub answers: bool,
    /// A device that went away is opened again: `CAP_NET_RAW` is kept, and packet sockets may be
    /// made.
    pub reopens: bool,
}

/// Whether this process may do what root may.
#[must_use]
pub fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::geteuid().is_root();
    #[cfg(not(target_os = "linux"))]
    false
}

/// What a user may say about it.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    /// Whom to become once everything is open.
    pub user: Option<Account>,
}

/// Gives up what the plan does not name; what could not be given up comes back in words.
///
/// # Errors
/// The user of the plan can't be become, a path of it is not there, or threads run already.
pub fn enter(plan: &Plan) -> Result<Vec<String>, Error> {
    #[cfg(target_os = "linux")]
    {
        alone()?;
        privilege::drop_all(plan)?;
        let mut shortfalls = files::fence(plan)?;
        shortfalls.extend(calls::restrict(plan));
        Ok(shortfalls)
    }
    #[cfg(not(target_os = "linux"))]
    {
        match &plan.user {
            Some(_) => Err(Error::Guard("another user can be become on Linux only".to_owned())),
            None => Ok(vec!["this system has no sandbox that is supported".to_owned()]),
        }
    }
}

/// User and Landlock are a thread's own: one that runs already would keep all it has.
#[cfg(target_os = "linux")]
fn alone() -> Result<(), Error> {
    // One that was joined may be seen for a moment longer.
    for _ in 0..ENDING_LOOKS {
        if std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count) <= 1 {
            return Ok(());
        }
        std::thread::sleep(ENDING_LOOK);
    }
    Err(Error::Guard("internal error: a thread before the sandbox; please report it".to_owned()))
}

#[cfg(target_os = "linux")]
const ENDING_LOOK: std::time::Duration = std::time::Duration::from_millis(1);
#[cfg(target_os = "linux")]
const ENDING_LOOKS: u32 = 2000;
