//! The two ways out: records and tables to standard output, talk to standard error.

use std::io::{self, Write};

/// One line to a person.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What was asked for.
///
/// # Errors
/// Standard output takes no more.
pub(crate) fn out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
