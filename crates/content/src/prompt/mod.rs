//! Is a text talking its reader into something: the prompt classifier.
//!
//! A text is first undone ([`plain`], [`encoded`], [`spelled`]: invisible characters, look-alike
//! letters, letters apart, text in code), then read in windows of a few sentences: what each word
//! means ([`lexicon`]), who is ordered to do what ([`mood`], [`acts`]), and what signs of a prompt
//! it bears ([`marks`]). A linear model weighs that ([`model`]), calibrated for whose words they
//! are; the worst window is the verdict. Nothing leaves the machine, and nothing is kept.

mod acts;
mod encoded;
mod features;
mod judged;
mod lexicon;
mod marks;
mod model;
mod mood;
mod pieces;
mod plain;
mod prior;
mod spelled;
mod tokens;
mod tongues;
pub mod training;
mod windows;

pub(crate) use judged::Judged;
use model::Model;
use stilt_model::talk::{Act, Suspicion, TrustRole};

/// Which half of the model judges a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Head {
    /// Texts of those who may give orders: an order is no mark.
    Told = 0,
    /// Texts that are data: whatever orders, is a mark.
    Data = 1,
}

impl Head {
    pub(crate) fn of(role: TrustRole) -> Self {
        match role {
            TrustRole::System | TrustRole::User | TrustRole::Assistant => Self::Told,
            TrustRole::ToolDefinition | TrustRole::ToolResult => Self::Data,
        }
    }
}

/// Bytes of a text that are judged: its beginning and its end.
const TEXT_MAX: usize = 64 * 1024;

/// Judges `text` as words of `role`; `None` where there is nothing to judge.
#[must_use]
pub fn judge(text: &str, role: TrustRole) -> Option<Suspicion> {
    judge_by(model::built_in(), text, role)
}

fn judge_by(model: &Model, text: &str, role: TrustRole) -> Option<Suspicion> {
    let head = Head::of(role);
    let mut worst: Option<Suspicion> = None;
    windows::each(text, &mut |window, span| {
        let (tally, features) = features::read(window);
        let sum = model.sum(head, &features);
        let score = model.score(head, role, sum);
        if worst.as_ref().is_none_or(|worst| score > worst.score()) {
            let acts: Vec<Act> = tally.met().map(|(act, _)| act).collect();
            worst = Some(Suspicion::new(score, acts, span));
        }
    });
    worst
}

#[cfg(test)]
mod tests;
