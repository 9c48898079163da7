//! A file, emptied when it is opened.

use super::{Lines, Sink, SinkError, Spec};
use std::fs::File;

pub(super) const SPEC: Spec =
    Spec { name: "file", about: "a path: that file", takes: |target| !target.is_empty(), open };

fn open(target: &str) -> Result<Box<dyn Sink>, SinkError> {
    let file = File::create(target).map_err(|error| SinkError::open(target, error))?;
    Ok(Box::new(Lines::new(target, file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_in_order_once_flushed() {
        let path = std::env::temp_dir().join(format!("stilt-sink-{}", std::process::id()));
        let mut sink = open(path.to_str().unwrap()).unwrap();
        sink.write("{\"a\":1}").unwrap();
        sink.write("{\"b\":2}").unwrap();
        sink.flush().unwrap();
        let written = std::fs::read_to_string(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(written.unwrap(), "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn what_cannot_be_opened_is_named_with_what_to_do() {
        let error = open("/nowhere/at/all.jsonl").err().unwrap().to_string();
        assert!(error.contains("/nowhere/at/all.jsonl") && error.contains("directory"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut sink = open("/dev/full").unwrap();
        sink.write("{}").unwrap();
        let error = sink.flush().unwrap_err().to_string();
        assert!(error.contains("/dev/full") && error.contains("free space"), "{error}");
    }
}
