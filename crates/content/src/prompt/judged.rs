//! Judgements of texts that were judged before: most dialects send the whole history again with
//! every request, and every request to a model carries the same definitions of tools.

use super::judge;
use std::collections::{HashMap, VecDeque};
use stilt_model::talk::{Suspicion, TrustRole};

/// Texts remembered.
const TEXTS_MAX: usize = 8192;
/// Scores below this tell nothing, in thousandths, and are not kept.
const PERMILLE_MIN: u16 = 250;

/// Judges texts, each once while it is remembered. What is remembered changes no judgement.
#[derive(Default)]
pub(crate) struct Judged {
    known: HashMap<(u64, TrustRole), Option<Suspicion>, foldhash::fast::RandomState>,
    order: VecDeque<(u64, TrustRole)>,
}

impl Judged {
    /// What the classifier says of `text`, whose keyed digest is given, as words of `role`. What a
    /// model says is not judged: nobody is talked into something by it.
    pub(crate) fn of(&mut self, text: &str, digest: u64, role: TrustRole) -> Option<Suspicion> {
        if text.is_empty() || role == TrustRole::Assistant {
            return None;
        }
        let key = (digest, role);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let found = judge(text, role).filter(|found| found.permille >= PERMILLE_MIN);
        if self.order.len() >= TEXTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key);
        self.known.insert(key, found.clone());
        found
    }
}
