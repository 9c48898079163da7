//! Long texts with their secrets hidden.

use crate::bytes::{length, prefix};
use crate::mask::Masker;
use crate::prompt::Judged;
use stilt_model::talk::{Text, TrustRole};

/// Bytes looked at at once; only secrets that begin in the first half are taken from it, so that
/// one of up to half this length is seen whole.
const WINDOW: usize = 8192;
const STEP: usize = WINDOW / 2;
/// Bytes that are looked at again, for what they say of those behind them.
const BEHIND: usize = 512;
/// Hidden things that are told of one text.
const HIDDEN_MAX: usize = 32;

/// Hides what is secret, and keeps count of how much text is shown.
pub(super) struct Texts<'a> {
    pub(super) masker: &'a mut Masker,
    judged: &'a mut Judged,
    left: usize,
}

impl<'a> Texts<'a> {
    /// Shows at most `max` bytes of all texts together.
    pub(super) fn new(masker: &'a mut Masker, judged: &'a mut Judged, max: usize) -> Self {
        Self { masker, judged, left: max }
    }

    /// A text that `role` says, judged, and at most `max` bytes of it shown.
    pub(super) fn said(&mut self, raw: &str, role: TrustRole, max: usize) -> Text {
        let mut text = self.text(raw, max);
        text.suspicion = match role {
            TrustRole::ToolResult => {
                let masker = &*self.masker;
                self.judged.given(raw, text.digest, |piece| masker.hash("piece", piece.as_bytes()))
            }
            _ => self.judged.of(raw, text.digest, role),
        };
        text
    }

    /// A text, at most `max` bytes of it shown.
    pub(super) fn text(&mut self, raw: &str, max: usize) -> Text {
        let mut text = Text {
            bytes: length(raw.len()),
            digest: self.masker.hash("text", raw.trim().as_bytes()),
            ..Text::default()
        };
        let max = max.min(self.left);
        let mut shown = 0_usize;
        while shown < raw.len() && text.shown.len() < max {
            // What stands before a value may say that it is secret: `password: …`.
            let rest = raw.get(shown..).unwrap_or_default();
            let base = before(raw, shown);
            let seen = prefix(raw.get(base..).unwrap_or_default(), WINDOW);
            let mut at = shown.saturating_sub(base);
            let last = seen.len() >= rest.len().saturating_add(at);
            let mut end = if last { seen.len() } else { cut(seen, at) };
            for (range, what) in self.masker.inspect(seen) {
                if range.start >= end {
                    break;
                }
                if range.start < at {
                    continue;
                }
                let secret = seen.get(range.clone()).unwrap_or_default();
                let mark = self.masker.mark(what.mark, secret);
                text.shown.push_str(seen.get(at..range.start).unwrap_or_default());
                text.shown.push_str(&mark.shown());
                if let Some(kind) = what.kind
                    && text.hidden.len() < HIDDEN_MAX
                {
                    text.hidden.push((kind, mark.digest[0]));
                }
                at = range.end;
                end = end.max(range.end);
            }
            text.shown.push_str(seen.get(at..end).unwrap_or_default());
            shown = base.saturating_add(end);
        }
        let rest = raw.get(shown..).unwrap_or_default();
        text.cut = !rest.is_empty() || text.shown.len() > max;
        if text.shown.len() > max {
            text.shown.truncate(prefix(&text.shown, max).len());
        }
        self.left = self.left.saturating_sub(text.shown.len());
        text
    }
}

/// Where the window begins whose text is shown from `at` on.
fn before(raw: &str, at: usize) -> usize {
    let wanted = at.saturating_sub(BEHIND);
    (wanted..=at).find(|at| raw.is_char_boundary(*at)).unwrap_or(at)
}

/// Where a window is cut that is shown from `from` on: where a line or a word ends, if one does.
fn cut(seen: &str, from: usize) -> usize {
    let half = prefix(seen, STEP);
    half.rfind(['\n', ' ']).filter(|at| *at > from).unwrap_or(half.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    #[test]
    fn a_secret_is_hidden_wherever_windows_are_cut() {
        let secret = "hunter2-Xk93kfPq";
        for before in (3900..4200).chain(7900..8200) {
            let filler = "some words ".repeat(before / 11);
            let raw =
                format!("{filler}{} password: {secret} and more {filler}", "x".repeat(before % 11));
            let mut masker = Masker::new(Key::new([5; 32]));
            let text = Texts::new(&mut masker, &mut Judged::default(), 1 << 20).text(&raw, 1 << 20);
            assert!(!text.shown.contains(secret), "{before}");
            assert_eq!(text.hidden.len(), 1);
            assert!(!text.cut && text.shown.ends_with(filler.as_str()));
        }
    }
}
