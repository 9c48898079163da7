//! The fence around files and TCP ports: Landlock.

use super::Plan;
use crate::error::Error;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::path::Path;

/// The newest set of rights that is asked for; a kernel takes of it what it knows.
const RIGHTS: ABI = ABI::V6;

pub(super) fn fence(plan: &Plan) -> Result<Vec<String>, Error> {
    let status = restrict(plan).map_err(|error| Error::Guard(error.to_string()))?;
    Ok(match status {
        RulesetStatus::FullyEnforced => Vec::new(),
        RulesetStatus::PartiallyEnforced => {
            vec!["this kernel knows a part of Landlock only (Linux 6.12 knows all)".to_owned()]
        }
        RulesetStatus::NotEnforced => vec![
            "this kernel has no Landlock, or it is off: files are not fenced (Linux 5.13, lsm=)"
                .to_owned(),
        ],
    })
}

fn restrict(plan: &Plan) -> Result<RulesetStatus, Trouble> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let replace = write | AccessFs::ReadDir | AccessFs::MakeReg | AccessFs::RemoveFile;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()?;
    for path in &plan.reads {
        rules = rules.add_rule(beneath(path, read)?)?;
    }
    for path in &plan.writes {
        rules = rules.add_rule(beneath(path, replace)?)?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// For a file, those of the rights that a file can have.
fn beneath(path: &Path, rights: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, Trouble> {
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(RIGHTS) };
    let opened = PathFd::new(path).map_err(|_| Trouble::Path(path.display().to_string()))?;
    Ok(PathBeneath::new(opened, rights))
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}: no such file or folder; it must be there before the sandbox is entered")]
    Path(String),
    #[error("cannot fence files off: {0}; --no-sandbox runs without")]
    Rules(#[from] RulesetError),
}
