//! Fits the model of windows beside the traffic: whoever reads packets waits for no fit.
//!
//! A fit begins at a point that packet time and counts set, on a copy of the windows, and what it
//! found is taken up at the first tick a minute of packet time later: so a replay gives the same
//! however long the fit takes. Live, a minute is many times as long as any fit.

use crate::features::Features;
use crate::model::Model;
use core::time::Duration;
use std::thread::{self, JoinHandle};
use stilt_model::Timestamp;

/// Packet time from the beginning of a fit until its model is used.
const DELAY: Duration = Duration::from_secs(60);

/// A fit that is under way.
pub(crate) struct Fitting {
    /// Windows there were when it began.
    pub(crate) windows_seen: u64,
    due: Timestamp,
    work: Work,
}

enum Work {
    Beside(JoinHandle<Option<Model>>),
    /// No thread could be had.
    Done(Box<Option<Model>>),
}

impl Fitting {
    /// Begins a fit.
    pub(crate) fn begin(
        windows: &[Features],
        windows_seen: u64,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let copy = windows.to_vec();
        let named = thread::Builder::new().name("stilt-fit".to_owned());
        let work = match named.spawn(move || Model::fit(&copy, seed)) {
            Ok(thread) => Work::Beside(thread),
            Err(_) => Work::Done(Box::new(Model::fit(windows, seed))),
        };
        Self { windows_seen, due: now.plus(DELAY), work }
    }

    /// It is time to take up what was found.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.due
    }

    /// What was found; `None` where there is nothing to fit.
    pub(crate) fn take(self) -> Option<Model> {
        match self.work {
            Work::Beside(thread) => thread.join().ok().flatten(),
            Work::Done(model) => *model,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::usual;

    #[test]
    fn a_fit_beside_the_traffic_finds_what_a_fit_in_place_does() {
        let windows: Vec<Features> = (0..4096).map(usual).collect();
        let start = Timestamp::from_secs(1000);
        let fitting = Fitting::begin(&windows, 4096, 7, start);
        assert!(matches!(fitting.work, Work::Beside(_)));
        assert!(!fitting.is_due(Timestamp::from_secs(1059)));
        assert!(fitting.is_due(Timestamp::from_secs(1060)));
        assert_eq!(fitting.take(), Model::fit(&windows, 7));
    }
}
