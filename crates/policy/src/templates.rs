//! Functions that policies name, found again under the name that the inventory gives them today:
//! names of slots change, and a path whose words are not known to be values yet has no slots.

use cedar_policy::EntityUid;
use std::collections::BTreeMap;

/// Functions that policies name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    /// By their names without those of slots.
    exact: BTreeMap<String, EntityUid>,
    /// Those with slots, as method and steps; the most specific first.
    slotted: Vec<(String, Vec<String>, EntityUid)>,
}

impl Templates {
    pub(crate) fn of(named: impl Iterator<Item = EntityUid>) -> Self {
        let mut found = Self::default();
        for uid in named {
            let bare = unnamed(uid.id().unescaped());
            let Some((method, path)) = bare.split_once(' ') else { continue };
            if path.contains("{}") {
                let steps = path.split('/').map(str::to_owned).collect();
                found.slotted.push((method.to_owned(), steps, uid.clone()));
            }
            found.exact.entry(bare).or_insert(uid);
        }
        found.slotted.sort_by_key(|(_, steps, uid)| {
            (steps.iter().filter(|step| step.contains("{}")).count(), uid.clone())
        });
        found
    }

    /// The function of a policy that the one called `name` is, and whether it may be another.
    pub(crate) fn find(&self, name: &str) -> Option<(EntityUid, bool)> {
        let bare = unnamed(name);
        if let Some(uid) = self.exact.get(&bare) {
            return Some((uid.clone(), false));
        }
        let (method, path) = bare.split_once(' ')?;
        let own: Vec<&str> = path.split('/').collect();
        let fits = |(of, steps, _): &&(String, Vec<String>, EntityUid)| {
            of == method
                && steps.len() == own.len()
                && steps.iter().zip(&own).all(|(step, own)| step == own || step == "{}")
        };
        self.slotted.iter().find(fits).map(|(.., uid)| (uid.clone(), true))
    }
}

/// A name without the names of its slots: `GET /orders/{}`.
fn unnamed(name: &str) -> String {
    let mut bare = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, slot)) = rest.split_once('{') {
        bare.push_str(before);
        match slot.split_once('}') {
            Some((_, after)) => {
                bare.push_str("{}");
                rest = after;
            }
            None => {
                bare.push('{');
                rest = slot;
            }
        }
    }
    bare.push_str(rest);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::uid;

    #[test]
    fn functions_are_found_under_other_names_of_slots_and_before_words_are_values() {
        let names = ["GET /orgs/{org_slug}/docs/{id}", "GET /orgs/{slug}/me", "POST /pay"];
        let templates = Templates::of(names.iter().filter_map(|name| uid("Action", name)));
        let check = |name: &str, expected: Option<(&str, bool)>| {
            let found = templates.find(name);
            let found = found.as_ref().map(|(uid, other)| (uid.id().unescaped(), *other));
            assert_eq!(found, expected, "{name}");
        };
        check("GET /orgs/{id}/docs/{doc_id}", Some((names[0], false)));
        check("GET /orgs/acme/docs/{id}", Some((names[0], true)));
        check("GET /orgs/acme/me", Some((names[1], true)));
        check("POST /pay", Some((names[2], false)));
        check("GET /orgs/{id}/docs/{id}/x", None);
        check("DELETE /orgs/acme/docs/{id}", None);
        check("GET /{slug}/acme/docs/{id}", None);
    }
}
