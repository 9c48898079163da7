//! Standard output, for pipes.

use super::{Lines, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "stdout",
    about: "`-`: standard output",
    takes: |target| target == "-",
    open: |_, _| Ok(Box::new(Lines::new("standard output", std::io::stdout()))),
};
