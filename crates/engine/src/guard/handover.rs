//! What is made before another user is become belongs to that user: else it could not be opened
//! anew, nor read after a restart.

use super::account::Account;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files and folders that were not there before the run made them.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    /// Takes note of what is not there yet, folders above it as well.
    pub(crate) fn before<'a>(wanted: impl Iterator<Item = &'a Path>) -> Self {
        let mut absent = Vec::new();
        for path in wanted {
            let missing = path.ancestors().take_while(|part| {
                !part.as_os_str().is_empty()
                    && fs::symlink_metadata(part)
                        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            });
            absent.extend(missing.map(Path::to_owned));
        }
        absent.sort();
        absent.dedup();
        Self(absent)
    }

    /// Gives what was made since to `user`, where this process may; files in new folders too. What
    /// was there before stays as it was, links are never followed.
    pub(crate) fn give_to(&self, user: &Account) {
        for path in &self.0 {
            let Ok(about) = fs::symlink_metadata(path) else { continue };
            if about.is_dir() {
                let inside = fs::read_dir(path).into_iter().flatten().flatten();
                inside.for_each(|entry| give(&entry.path(), user));
            }
            give(path, user);
        }
    }
}

/// That it can't be given is told where it is opened the next time.
fn give(path: &Path, user: &Account) {
    let plain = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir() || about.is_file());
    if plain {
        #[cfg(unix)]
        let _ = std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn what_was_made_is_given_and_what_was_there_is_not() {
        let scratch = Scratch::new("handover");
        let old = scratch.write("old.jsonl", b"");
        let (new, folder) = (scratch.path("new.jsonl"), scratch.path("a/b"));
        let link = scratch.path("link");
        symlink(&old, &link).unwrap();
        let wanted = [old.as_path(), &new, &folder, &link];
        let made = Made::before(wanted.into_iter());
        fs::write(&new, b"").unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("lock"), b"").unwrap();
        let own = fs::metadata(&old).unwrap().uid();
        // Only root can give away; anybody can give to himself.
        let uid = if super::super::is_root() { 65_534 } else { own };
        let gid = fs::metadata(&old).unwrap().gid();
        made.give_to(&Account { name: "other".to_owned(), uid, gid });
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        for path in [&new, &scratch.path("a"), &folder, &folder.join("lock")] {
            assert_eq!(owner(path), uid, "{path:?}");
        }
        assert_eq!((owner(&old), owner(&link)), (own, own));
    }
}
