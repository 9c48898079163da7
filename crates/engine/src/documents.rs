//! OpenAPI documents, read from files.

use crate::error::Error;
use std::io::Read;
use std::path::PathBuf;
use stilt_inventory::openapi::Documents;

/// Longest document that is read, in bytes.
const BYTES_MAX: u64 = 33 << 20;

/// Reads the documents of a run.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Documents, Error> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let wrong = |why: String| Error::Document { path: path.clone(), why };
        let file = std::fs::File::open(path).map_err(|error| wrong(crate::error::plain(&error)))?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(crate::error::plain(&error)))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8 text".to_owned()))?;
        files.push((path.display().to_string(), text));
    }
    Documents::read(&files)
        .map_err(|(name, why)| Error::Document { path: name.into(), why: why.to_string() })
}
