//! The installation key: what every pseudonym of this installation is made with.

use crate::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use stilt_model::Key;

/// Longest key file that is looked at.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// A key with where it came from.
#[derive(Debug)]
pub struct Installation {
    /// The key.
    pub key: Key,
    /// What the user should know of it: it could not be kept, or others can read it.
    pub warning: Option<String>,
}

/// Where the key lies unless configuration says otherwise: `$XDG_STATE_HOME/stilt/key`, else
/// `~/.local/state/stilt/key`; `None` where neither is known.
#[must_use]
pub fn default_path() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("stilt/key"))
}

/// Reads the key at `path`, or makes one there, readable by its owner alone.
///
/// # Errors
/// The file is there but cannot be read, or holds no key: going on with another key would silently
/// change every pseudonym. A file that cannot be *made* is a warning only.
pub fn open(path: Option<&Path>) -> Result<Installation, Error> {
    let Some(path) = path else {
        return for_this_run("no home directory is known");
    };
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() || meta.len() > KEY_FILE_BYTES_MAX => Err(bad(path)),
        Ok(meta) => {
            let key = read(path)?;
            Ok(Installation { key, warning: exposed(path, &meta) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path) {
            Ok(Some(key)) => Ok(Installation { key, warning: None }),
            Ok(None) => Ok(Installation { key: read(path)?, warning: None }),
            Err(error) => for_this_run(&format!("{}: {}", path.display(), plain(&error))),
        },
        Err(error) => Err(Error::Key { path: path.into(), reason: plain(&error) }),
    }
}

fn read(path: &Path) -> Result<Key, Error> {
    let text =
        fs::read(path).map_err(|error| Error::Key { path: path.into(), reason: plain(&error) })?;
    parse(&text).ok_or_else(|| bad(path))
}

/// 64 hexadecimal digits, white space around them allowed.
fn parse(text: &[u8]) -> Option<Key> {
    let text = core::str::from_utf8(text).ok()?.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0_u8; 32];
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(Key::new(key))
}

/// Makes the file whole or not at all; `None` where another process was quicker.
fn create(path: &Path) -> io::Result<Option<Key>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_private_folder(folder)?;
    let bytes = random()?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = folder.join(format!(".key-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file.write_all(format!("{digits}\n").as_bytes()).and_then(|()| file.sync_all());
    // A hard link never replaces a key that is there already.
    let placed = written.and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match placed {
        Ok(()) => Ok(Some(Key::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if folder.as_os_str().is_empty() { Ok(()) } else { builder.create(folder) }
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

fn for_this_run(reason: &str) -> Result<Installation, Error> {
    let key = random().map(Key::new).map_err(|error| Error::Key {
        path: PathBuf::from("random source"),
        reason: plain(&error),
    })?;
    Ok(Installation {
        key,
        warning: Some(format!(
            "the installation key could not be kept ({reason}): pseudonyms of this run match no \
             other run; set [privacy] key_file"
        )),
    })
}

fn bad(path: &Path) -> Error {
    Error::Key {
        path: path.into(),
        reason: "not a key: 64 hexadecimal digits expected; remove the file to have a new one made"
            .to_owned(),
    }
}

fn exposed(path: &Path, meta: &fs::Metadata) -> Option<String> {
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0 {
        return Some(format!(
            "{}: others can read the installation key; run chmod 600 on it",
            path.display()
        ));
    }
    let _ = (path, meta);
    None
}

fn plain(error: &io::Error) -> String {
    crate::error::plain(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use stilt_model::SecretKind;

    fn mark(key: &Key) -> String {
        key.pseudonym(SecretKind::Token, b"x").to_string()
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_found_again() {
        let scratch = Scratch::new("key");
        let path = scratch.path("state/stilt/key");
        let first = open(Some(&path)).unwrap();
        assert!(first.warning.is_none());
        assert_eq!(mark(&first.key), mark(&open(Some(&path)).unwrap().key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(open(Some(&path)).unwrap().warning.unwrap().contains("chmod 600"));
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_holds_no_key_is_an_error_and_stays_as_it_is() {
        let scratch = Scratch::new("badkey");
        for text in ["", "zz", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65)] {
            let path = scratch.write("key", text.as_bytes());
            assert!(open(Some(&path)).is_err(), "{text}");
            assert_eq!(fs::read(&path).unwrap(), text.as_bytes());
        }
        assert!(open(Some(scratch.root())).is_err());
    }

    #[test]
    fn where_no_file_can_be_made_the_run_has_a_key_of_its_own_and_says_so() {
        let one = open(Some(Path::new("/proc/nowhere/key"))).unwrap();
        let two = open(None).unwrap();
        assert!(one.warning.unwrap().contains("key_file"));
        assert_ne!(mark(&one.key), mark(&two.key));
    }

    #[test]
    fn the_digits_are_the_key() {
        let key = parse(format!("  {}\n", "07".repeat(32)).as_bytes()).unwrap();
        assert_eq!(mark(&key), mark(&Key::new([7; 32])));
    }
}
