//! What the round remembers, in parts: each floor's own, and each detection's.

use super::Round;
use crate::error::Error;
use crate::evidence::WITHIN;
use crate::state::{Parts, Store};
use stilt_model::Timestamp;
use stilt_model::saved::{Remember, Unfit};

/// Before the name of a detection's part.
const DETECTION: &str = "detect.";
/// Which documents the detections' memories speak of.
const DOCUMENTS: &str = "documents";

impl Round {
    /// All that is remembered. Detections that do not take part in this run keep what they had.
    pub(super) fn memory(&self) -> Result<Parts, Unfit> {
        let mut parts = self.unused.clone();
        let floors = [
            ("inventory", self.inventory.save()?),
            ("sessions", Remember::save(&self.sessions)?),
            ("objects", Remember::save(&self.objects)?),
            ("baseline", Remember::save(&self.baseline)?),
            ("agents", Remember::save(&self.agents)?),
            ("alerts", self.alerts.save()?),
            (DOCUMENTS, self.inventory.documents().digest().to_le_bytes().to_vec()),
        ];
        parts.extend(floors.map(|(name, memory)| (name.to_owned(), memory)));
        let detections = self.detectors.save()?.into_iter();
        parts.extend(detections.map(|(id, memory)| (format!("{DETECTION}{id}"), memory)));
        Ok(parts)
    }

    /// Takes what was remembered. A part that this version can't read is begun anew, and told.
    pub(super) fn recall(&mut self, mut parts: Parts) {
        let within = parts.remove(WITHIN).and_then(|bytes| bytes.try_into().ok());
        self.within = within.map(|nanos| Timestamp::from_nanos(i64::from_le_bytes(nanos)));
        let mut anew = Vec::new();
        let mut take = |name: &'static str, read: &mut dyn FnMut(&[u8]) -> Result<(), Unfit>| {
            if parts.remove(name).is_some_and(|memory| read(&memory).is_err()) {
                anew.push(name);
            }
        };
        take("inventory", &mut |memory| self.inventory.restore(memory));
        take("sessions", &mut |memory| self.sessions.restore(memory));
        take("objects", &mut |memory| self.objects.restore(memory));
        take("baseline", &mut |memory| self.baseline.restore(memory));
        take("agents", &mut |memory| self.agents.restore(memory));
        take("alerts", &mut |memory| self.alerts.restore(memory));
        let digest = self.inventory.documents().digest().to_le_bytes();
        let same = parts.remove(DOCUMENTS).is_some_and(|memory| memory == digest);
        let detections = parts
            .into_iter()
            .filter_map(|(name, memory)| Some((name.strip_prefix(DETECTION)?.to_owned(), memory)));
        let mut memories = detections.collect();
        anew.extend(self.detectors.load(&mut memories, same));
        self.unused =
            memories.into_iter().map(|(id, memory)| (format!("{DETECTION}{id}"), memory)).collect();
        if !anew.is_empty() {
            self.told.push(format!(
                "the state was saved by another version: {} can't be read and begin anew",
                anew.join(", ")
            ));
        }
    }

    /// Saves where it is time to. That it can't be saved ends no run.
    pub(super) fn save_state(&mut self, now: Timestamp) {
        let Some(mut store) = self.store.take() else { return };
        if store.is_due(now) {
            let told = match self.memory() {
                Ok(parts) => store.save(now, parts),
                Err(error) => Some(format!("the state can't be saved: {error}; please report it")),
            };
            self.told.extend(told);
        }
        self.store = Some(store);
    }

    /// Saves for good. `false` where nothing is kept.
    pub(super) fn end_state(&mut self, now: Timestamp) -> Result<bool, Error> {
        let Some(store) = self.store.take() else { return Ok(false) };
        let parts = self.memory().map_err(|error| Error::Unsaved(error.to_string()))?;
        store.finish(now, &parts)?;
        Ok(true)
    }

    /// The folder of the state, with what is in it.
    pub(super) fn keep_state(&mut self, store: Store, parts: Option<Parts>) {
        self.store = Some(store);
        if let Some(parts) = parts {
            self.recall(parts);
        }
    }
}
