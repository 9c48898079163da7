//! A file, emptied when it is opened, or gone on with.

use super::{Begin, Lines, Sink, SinkError, Spec};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};

pub(super) const SPEC: Spec =
    Spec { name: "file", about: "a path: that file", takes: |target| !target.is_empty(), open };

/// Bytes searched backwards at a time for the end of the last whole line.
const BLOCK: u64 = 1 << 16;

fn open(target: &str, begin: Begin) -> Result<Box<dyn Sink>, SinkError> {
    let file = open_file(target, begin).map_err(|error| SinkError::open(target, error))?;
    Ok(Box::new(Lines::new(target, file).reopened_by(|target| open_file(target, Begin::Further))))
}

fn open_file(target: &str, begin: Begin) -> io::Result<File> {
    match begin {
        Begin::Anew => File::create(target),
        Begin::Further => {
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            // To look at its end; a device or pipe need not be readable.
            let file = match std::fs::metadata(target) {
                Ok(about) if !about.is_file() => return options.open(target),
                _ => options.read(true).open(target)?,
            };
            cut_torn_line(file)
        }
    }
}

/// Takes away what stands after the last line end: a run that was killed may have left half a
/// line, which would spoil the next.
fn cut_torn_line(mut file: File) -> io::Result<File> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        (&mut file).take(end.saturating_sub(start)).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            end = start.saturating_add(at as u64).saturating_add(1);
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, text: &str) -> Self {
            let name = format!("stilt-sink-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).unwrap();
            Self(path)
        }

        fn open(&self, begin: Begin) -> Box<dyn Sink> {
            open(self.0.to_str().unwrap(), begin).unwrap()
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.0).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn lines_arrive_in_order_once_flushed() {
        let scratch = Scratch::new("order", "old\n");
        let mut sink = scratch.open(Begin::Anew);
        sink.write("{\"a\":1}").unwrap();
        sink.write("{\"b\":2}").unwrap();
        sink.flush().unwrap();
        assert_eq!(scratch.text(), "{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn a_file_is_gone_on_with_after_its_last_whole_line() {
        let long = "x".repeat(200_000);
        for (before, kept) in [
            ("one\ntwo\n", "one\ntwo\n".to_owned()),
            ("one\ntw", "one\n".to_owned()),
            ("torn", String::new()),
            (&format!("one\n{long}"), "one\n".to_owned()),
        ] {
            let scratch = Scratch::new("further", before);
            let mut sink = scratch.open(Begin::Further);
            sink.write("three").unwrap();
            sink.flush().unwrap();
            assert_eq!(scratch.text(), kept + "three\n");
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let scratch = Scratch::new("rotated", "");
        let moved = scratch.0.with_extension("1");
        let mut sink = scratch.open(Begin::Further);
        sink.write("one").unwrap();
        std::fs::rename(&scratch.0, &moved).unwrap();
        sink.write("two").unwrap();
        sink.reopen().unwrap();
        sink.write("three").unwrap();
        sink.flush().unwrap();
        let old = std::fs::read_to_string(&moved);
        std::fs::remove_file(&moved).unwrap();
        assert_eq!((old.unwrap().as_str(), scratch.text().as_str()), ("one\ntwo\n", "three\n"));
    }

    #[test]
    fn what_cannot_be_opened_is_named_with_what_to_do() {
        for begin in [Begin::Anew, Begin::Further] {
            let error = open("/nowhere/at/all.jsonl", begin).err().unwrap().to_string();
            let named = error.contains("/nowhere/at/all.jsonl") && error.contains("directory");
            assert!(named, "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut sink = open("/dev/full", Begin::Anew).unwrap();
        sink.write("{}").unwrap();
        let error = sink.flush().unwrap_err().to_string();
        assert!(error.contains("/dev/full") && error.contains("free space"), "{error}");
    }
}
