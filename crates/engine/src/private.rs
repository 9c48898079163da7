//! Files and folders that are for their owner alone.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// How a file is opened for writing that nobody else may read, should it be made.
pub(crate) fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder, where it is not there, that nobody else may enter.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Takes a folder for this run; `None` where another run has it. It is given back when the file is
/// closed, however the run ends.
pub(crate) fn hold(lock: &Path) -> io::Result<Option<File>> {
    let lock = file().create(true).truncate(false).open(lock)?;
    #[cfg(target_os = "linux")]
    let held =
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
    #[cfg(not(target_os = "linux"))]
    let held = true;
    Ok(held.then_some(lock))
}
