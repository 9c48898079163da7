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
mod passages;
mod pieces;
mod plain;
mod prior;
mod reader;
mod spelled;
mod tokens;
mod tongues;
pub mod training;
mod windows;

pub(crate) use judged::Judged;
use model::Model;
use stilt_model::talk::{Act, Suspicion, TrustRole};

/// Which part of the model judges a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Head {
    /// Texts of those who may give orders: an order is no mark.
    Told = 0,
    /// Texts that are data: whatever orders, is a mark.
    Data = 1,
    /// Passages of such texts that ask for something, by themselves.
    Passage = 2,
}

impl Head {
    pub(crate) fn of(role: TrustRole) -> Self {
        match role {
            TrustRole::System | TrustRole::User | TrustRole::Assistant => Self::Told,
            TrustRole::ToolDefinition | TrustRole::ToolResult => Self::Data,
        }
    }

    /// What judges a window of a text that this part judges.
    pub(crate) const fn of_window(self, passage: bool) -> Self {
        if passage { Self::Passage } else { self }
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
    let mut worst: Option<Worst> = None;
    let mut passage: Option<Worst> = None;
    windows::each(text, head, &mut |window, span| {
        let (tally, features) = features::read(window);
        let own = head.of_window(window.setting.is_some());
        let sum = model.sum(own, &features);
        let place = if own == Head::Passage { &mut passage } else { &mut worst };
        if place.as_ref().is_none_or(|worst| sum > worst.sum) {
            let acts: Vec<Act> = tally.met().map(|(act, _)| act).collect();
            *place = Some(Worst { sum, acts, span });
        }
    });
    let worst = worst?;
    // What a definition says, all of it says: it has no text around its orders.
    if role != TrustRole::ToolResult {
        let score = model.score(head, role, worst.sum);
        return Some(Suspicion::new(score, worst.acts, worst.span));
    }
    let both = model::both(worst.sum, passage.as_ref().map(|passage| passage.sum));
    let score = model.score(head, role, both);
    // The passage says best where the order stands; the window may have acts more.
    let told = passage.filter(|passage| passage.sum > worst.sum).unwrap_or(worst);
    Some(Suspicion::new(score, told.acts, told.span))
}

/// The worst window so far.
struct Worst {
    sum: f32,
    acts: Vec<Act>,
    span: (u32, u32),
}

#[cfg(test)]
mod tests;
