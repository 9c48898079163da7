//! Times in classes, as Prometheus reads them: each class holds those below it as well.

use core::fmt::Write;
use stilt_detect::{TOOK_MAX, Took};

/// Writes the times of each detection, where some were measured.
pub(super) fn write(out: &mut String, name: &str, about: &str, all: &[(&str, &Took)]) {
    let measured = || all.iter().filter(|(_, took)| took.classes.iter().any(|count| *count > 0));
    if measured().next().is_none() {
        return;
    }
    // Writing to a string can't fail.
    let _ = write!(out, "# HELP {name} {about}\n# TYPE {name} histogram\n");
    for (detector, took) in measured() {
        let mut sum = 0_u64;
        let ends = TOOK_MAX.iter().map(|nanos| seconds(*nanos)).chain(["+Inf".to_owned()]);
        for (end, count) in ends.zip(took.classes) {
            sum = sum.saturating_add(count);
            let _ = writeln!(out, "{name}_bucket{{detector=\"{detector}\",le=\"{end}\"}} {sum}");
        }
        let nanos = seconds(took.nanos);
        let _ = writeln!(out, "{name}_sum{{detector=\"{detector}\"}} {nanos}");
        let _ = writeln!(out, "{name}_count{{detector=\"{detector}\"}} {sum}");
    }
}

/// Nanoseconds as seconds, without zeros at the end.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
