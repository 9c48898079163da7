//! Judgements of texts that were judged before: most dialects send the whole history again with
//! every request, and every request to a model carries the same definitions of tools.

use super::judge;
use super::pieces::{letters, pieces};
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
        self.keep(key, found)
    }

    /// What the classifier says of what a tool gave: of the worst of its texts, which are judged
    /// one by one. What stands in two mails is no speech of one, and a passage is known again
    /// whatever it is found with.
    pub(crate) fn given(
        &mut self,
        text: &str,
        digest: u64,
        hash: impl Fn(&str) -> u64,
    ) -> Option<Suspicion> {
        let key = (digest, TrustRole::ToolResult);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let mut worst: Option<Suspicion> = None;
        for piece in pieces(text) {
            let own = hash(&piece);
            let found = self.of(&piece, own, TrustRole::ToolResult);
            if let Some(mut found) = found
                && worst.as_ref().is_none_or(|worst| found.permille > worst.permille)
            {
                found.piece = hash(&letters(&piece, found.span));
                worst = Some(found);
            }
        }
        self.keep(key, worst)
    }

    fn keep(&mut self, key: (u64, TrustRole), found: Option<Suspicion>) -> Option<Suspicion> {
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
