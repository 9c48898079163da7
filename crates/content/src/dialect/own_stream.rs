//! The text of a stream that nobody else speaks: of all members of its events, the one that grows.

use super::Said;
use super::own::{is_name, usage};
use std::collections::BTreeSet;

/// Members told apart, and values of one that are compared.
const MEMBERS_MAX: usize = 32;
const VALUES_MAX: usize = 64;

/// A member of the events, and of an object in them.
struct Member<'n> {
    name: (&'n str, &'n str),
    values: Vec<&'n str>,
    /// It stands beside the count of tokens, where the text is over.
    at_end: bool,
    /// It is what kind of event it is.
    label: bool,
}

impl Member<'_> {
    /// How likely it is the text: words rather than names, none that stands at the end as well,
    /// many values rather than a few.
    fn rank(&self) -> (bool, bool, usize, usize) {
        let shown = self.values.get(..VALUES_MAX).unwrap_or(&self.values);
        let words = shown.iter().any(|value| !is_name(value));
        let distinct: BTreeSet<&&str> = shown.iter().collect();
        let bytes = self.values.iter().map(|value| value.len()).sum();
        (words, !self.at_end, distinct.len(), bytes)
    }

    fn is_id(&self) -> bool {
        let id = |value: &&str| is_name(value) && value.bytes().any(|byte| byte.is_ascii_digit());
        self.values.iter().all(id)
    }

    /// All its values: pieces that follow one another, or each all there is so far.
    fn text(&self) -> String {
        let grows = |pair: &[&str]| matches!(pair, [one, next] if next.starts_with(one));
        let (last, before) = self.values.split_last().unwrap_or((&"", &[]));
        if !before.is_empty() && self.values.windows(2).all(grows) {
            return (*last).to_owned();
        }
        let pieces = before.concat();
        // Some say it all again at the end.
        if *last == pieces { pieces } else { pieces + last }
    }
}

/// What the events of a stream say; nothing that was asked.
pub(super) fn text(said: &Said<'_>, echoed: &BTreeSet<&str>) -> String {
    let mut members: Vec<Member<'_>> = Vec::new();
    for (event, node) in &said.events {
        let at_end = usage(node).is_some();
        for (name, value) in node.members() {
            let inner = value.members().iter().map(|(inner, value)| ((&**name, &**inner), value));
            let all = inner.chain([((&**name, ""), value)]);
            for (name, value) in all.filter_map(|(name, node)| Some((name, node.text()?))) {
                if value.is_empty() || echoed.contains(value) {
                    continue;
                }
                let known = members.iter().position(|member| member.name == name);
                let at = known.unwrap_or(members.len());
                if known.is_none() && members.len() < MEMBERS_MAX {
                    members.push(Member { name, values: Vec::new(), at_end: false, label: false });
                }
                if let Some(member) = members.get_mut(at) {
                    member.values.push(value);
                    member.at_end |= at_end;
                    member.label |= value == event;
                }
            }
        }
    }
    members.retain(|member| !member.label && !member.is_id());
    members.iter().max_by_key(|member| member.rank()).map(Member::text).unwrap_or_default()
}
