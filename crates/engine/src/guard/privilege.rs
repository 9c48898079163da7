//! Users, capabilities, core dumps.

use super::{Account, Plan};
use crate::error::Error;
use rustix::process::{DumpableBehavior, Resource, Rlimit, geteuid, set_dumpable_behavior};
use rustix::process::{getegid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// Becomes the user of the plan and gives up what it does not need.
pub(super) fn drop_all(plan: &Plan) -> Result<(), Error> {
    let held = capabilities(None).map_err(|error| failed("capabilities", error))?.permitted;
    let keep = needed(plan).intersection(held);
    // While the capability to do so is still there. Unprivileged, there is nothing to take away.
    for capability in CapabilitySet::all().iter() {
        let _ = remove_capability_from_bounding_set(capability);
    }
    if let Some(account) = &plan.user {
        become_user(account, !keep.is_empty())?;
    }
    let _ = clear_ambient_capability_set();
    let sets =
        CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|error| failed("capabilities", error))?;
    set_no_new_privs(true).map_err(|error| failed("no_new_privs", error))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|error| failed("core dumps", error))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed("core dumps", error))
}

/// Root that stays root still has to replace files in folders of others.
fn needed(plan: &Plan) -> CapabilitySet {
    let mut keep = CapabilitySet::empty();
    if plan.reopens {
        keep |= CapabilitySet::NET_RAW;
    }
    if plan.user.is_none() && !plan.writes.is_empty() {
        keep |= CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
    }
    keep
}

fn become_user(account: &Account, keep: bool) -> Result<(), Error> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    if (geteuid(), getegid()) == (uid, gid) && !uid.is_root() {
        return Ok(());
    }
    let cannot = |error: rustix::io::Errno| {
        Error::Usage(format!(
            "cannot become user {account}: {error}; start as root, or as {account}"
        ))
    };
    set_keep_capabilities(keep).map_err(cannot)?;
    set_thread_groups(&[gid]).map_err(cannot)?;
    set_thread_res_gid(gid, gid, gid).map_err(cannot)?;
    set_thread_res_uid(uid, uid, uid).map_err(cannot)?;
    set_keep_capabilities(false).map_err(cannot)
}

fn failed(what: &str, error: rustix::io::Errno) -> Error {
    let reason = crate::error::plain(&error.into());
    Error::Guard(format!("cannot give up {what}: {reason}; --no-sandbox runs without"))
}
