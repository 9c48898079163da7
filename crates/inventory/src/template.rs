//! Templates: how a path with slots is written, and what its words say.

use crate::login::steps::About;
use crate::path;
use crate::sighting::{Slot, SlotKind};
use crate::words::{self, has_word, is_version, singular};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A plain name.
    Name(&'a str),
    /// A value; `learned`: told from names by behaviour, not by looks.
    Slot { kind: SlotKind, learned: bool },
}

/// What the words of a path say an endpoint is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hint {
    #[default]
    None,
    Login,
    Signup,
    Logout,
    Refresh,
    /// A collection of those who can sign in.
    People,
    /// Changing or resetting a password.
    Password,
}

/// A template with all that follows from its words.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) text: String,
    pub(crate) slots: Vec<Slot>,
    pub(crate) classes: Vec<Arc<str>>,
    pub(crate) resource: Arc<str>,
    pub(crate) hint: Hint,
    pub(crate) about: About,
}

impl Template {
    /// Writes `parts` down. The last slot is `id` (`date`, `slug`); where there are several, those
    /// before it are named after the plain segment before them (`user_id`).
    pub(crate) fn new(parts: &[Part<'_>]) -> Self {
        let last_slot = parts.iter().rposition(|part| matches!(part, Part::Slot { .. }));
        let mut template = Self {
            text: String::new(),
            slots: Vec::new(),
            classes: Vec::new(),
            resource: Arc::from(""),
            hint: hint(parts),
            about: About::of(parts.iter().filter_map(|part| match part {
                Part::Name(name) => Some(*name),
                Part::Slot { .. } => None,
            })),
        };
        let mut class: Arc<str> = Arc::from("");
        let mut keyed = false;
        for (segment, part) in parts.iter().enumerate() {
            let inside = core::mem::take(&mut keyed);
            let joined = inside || matches!(part, Part::Name(name) if path::is_method(name));
            if !joined {
                template.text.push('/');
            }
            match part {
                Part::Name(name) => {
                    template.text.push_str(name);
                    keyed = path::is_keyed(name);
                    if !is_version(name) && !path::is_method(name) {
                        let stem = path::split_extension(path::bare(name)).0;
                        class = singular(stem).into();
                    }
                }
                Part::Slot { kind, learned } => {
                    let base = match kind {
                        SlotKind::Date => "date",
                        SlotKind::Slug if *learned => "slug",
                        _ => "id",
                    };
                    let earlier = last_slot != Some(segment) && !class.is_empty();
                    let plain = if earlier { format!("{class}_{base}") } else { base.to_owned() };
                    let mut name = plain.clone();
                    let mut number = 2_u32;
                    while template.slots.iter().any(|slot| slot.name == name) {
                        name = format!("{plain}_{number}");
                        number = number.saturating_add(1);
                    }
                    template.text.push('{');
                    template.text.push_str(&name);
                    template.text.push('}');
                    template.slots.push(Slot { segment, name, kind: *kind });
                    template.classes.push(Arc::clone(&class));
                }
            }
            if inside {
                template.text.push(')');
            }
        }
        if parts.is_empty() {
            template.text.push('/');
        }
        template.resource = class;
        template
    }
}

/// What the last plain names of a path say.
fn hint(parts: &[Part<'_>]) -> Hint {
    let names = parts.iter().rev().filter_map(|part| match part {
        Part::Name(name) if !is_version(name) => Some(*name),
        _ => None,
    });
    for (at, name) in names.take(2).enumerate() {
        let stem = path::split_extension(path::bare(name)).0;
        let has = |needles: &[&str]| has_word(stem, needles);
        if has(&["password", "passwd", "forgot", "reset", "recover", "recovery", "passwort"]) {
            return Hint::Password;
        }
        if has(words::SIGNUP) {
            return Hint::Signup;
        }
        if has(words::LOGOUT) || (has(words::REVOKE) && about_access(parts)) {
            return Hint::Logout;
        }
        if has(words::REFRESH) && about_access(parts) {
            return Hint::Refresh;
        }
        if has(words::LOGIN) {
            return Hint::Login;
        }
        if at == 0 && words::PEOPLE.contains(&singular(stem).as_str()) {
            return Hint::People;
        }
    }
    Hint::None
}

/// The path is about who may act, or about nothing else in particular (`/api/refresh`).
fn about_access(parts: &[Part<'_>]) -> bool {
    let mut others = 0;
    for part in parts {
        match part {
            Part::Name(name) if is_version(name) || name.eq_ignore_ascii_case("api") => {}
            Part::Name(name) if has_word(name, words::AROUND) => return true,
            _ => others += 1,
        }
    }
    others <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<Part<'_>> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(|part| match part {
                "#" => Part::Slot { kind: SlotKind::Integer, learned: false },
                "*" => Part::Slot { kind: SlotKind::Slug, learned: true },
                "@" => Part::Slot { kind: SlotKind::Date, learned: false },
                name => Part::Name(name),
            })
            .collect()
    }

    #[test]
    fn slots_are_named_after_what_stands_before_them() {
        let check = |path: &str, expected: &str| {
            assert_eq!(Template::new(&parts(path)).text, expected);
        };
        check("/", "/");
        check("/orders/#", "/orders/{id}");
        check("/users/#/orders/#", "/users/{user_id}/orders/{id}");
        check("/users/v1/*/email", "/users/v1/{slug}/email");
        check("/reports/@", "/reports/{date}");
        check("/x/#/#/#", "/x/{x_id}/{x_id_2}/{id}");
        check("/#", "/{id}");
    }

    #[test]
    fn classes_come_from_the_plain_segment_before() {
        let template = Template::new(&parts("/users/v1/#/orders/#"));
        let classes: Vec<&str> = template.classes.iter().map(AsRef::as_ref).collect();
        assert_eq!(classes, ["user", "order"]);
    }

    #[test]
    fn words_of_a_path_tell_what_it_is_for() {
        let check = |path: &str, expected: Hint| assert_eq!(hint(&parts(path)), expected, "{path}");
        check("/api/v1/auth/login", Hint::Login);
        check("/users/v1/login", Hint::Login);
        check("/login.php", Hint::Login);
        check("/auth/register", Hint::Signup);
        check("/auth/sign-up", Hint::Signup);
        check("/users/v1", Hint::People);
        check("/auth/token/refresh", Hint::Refresh);
        check("/oauth/revoke", Hint::Logout);
        check("/api/v1/refresh", Hint::Refresh);
        check("/cache/refresh", Hint::None);
        check("/permissions/#/revoke", Hint::None);
        check("/account/change-password", Hint::Password);
        check("/orders/#", Hint::None);
    }
}
