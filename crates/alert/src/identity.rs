//! How people are named in records.
//!
//! A user name stands in clear in `user.id` unless configuration asks for pseudonyms; an e-mail
//! address follows the same switch there, and is a mark everywhere else.

use crate::config::Identities;
use std::borrow::Cow;
use stilt_model::{Actor, Key, SecretKind};

/// Names shorter than this are not looked for inside running text: they would hit ordinary words.
const TEXT_NAME_CHARS_MIN: usize = 3;

/// Turns names into what may be shown.
#[derive(Clone, Debug)]
pub struct Names {
    identities: Identities,
    key: Option<Key>,
}

impl Names {
    /// Without a key no mark can be made: what would have to be one is left out.
    #[must_use]
    pub fn new(identities: Identities, key: Option<Key>) -> Self {
        Self { identities, key }
    }

    /// Users may be named in clear.
    #[must_use]
    pub fn shows_users(&self) -> bool {
        self.identities == Identities::Clear
    }

    /// For `user.id`.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<String> {
        match self.identities {
            Identities::Clear => Some(name.to_owned()),
            Identities::Pseudonym => self.mark(name),
        }
    }

    /// For `related.user` and every other field.
    #[must_use]
    pub fn elsewhere(&self, name: &str) -> Option<String> {
        if self.hides(name) { self.mark(name) } else { Some(name.to_owned()) }
    }

    /// For `stilt.actor.id`.
    #[must_use]
    pub fn actor(&self, actor: &Actor) -> String {
        let shown = &actor.name;
        let (level, name) = match &actor.user {
            Some(user) if shown.ends_with(user.as_str()) => {
                shown.split_at_checked(shown.len().saturating_sub(user.len()))
            }
            _ => shown.split_once(':').filter(|(_, name)| is_email(name)),
        }
        .unwrap_or((shown, ""));
        if name.is_empty() || !self.hides(name) {
            return shown.clone();
        }
        let level = level.trim_end_matches(':');
        format!("{level}:{}", self.mark(name).unwrap_or_else(|| "<user>".to_owned()))
    }

    /// Replaces `names`, where they must not be shown, as whole words of running text.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str, names: &[&str]) -> Cow<'a, str> {
        let mut hidden: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| name.chars().count() >= TEXT_NAME_CHARS_MIN && self.hides(name))
            .collect();
        hidden.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        if !hidden.iter().any(|name| text.contains(name)) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let inside = out.chars().next_back().is_some_and(char::is_alphanumeric);
            let word = hidden.iter().find(|name| {
                rest.strip_prefix(**name).is_some_and(|after| {
                    !inside && !after.chars().next().is_some_and(char::is_alphanumeric)
                })
            });
            match word {
                Some(name) => {
                    out.push_str(&self.mark(name).unwrap_or_else(|| "<user>".to_owned()));
                    rest = rest.get(name.len()..).unwrap_or_default();
                }
                None => {
                    out.push(next);
                    rest = rest.get(next.len_utf8()..).unwrap_or_default();
                }
            }
        }
        Cow::Owned(out)
    }

    fn hides(&self, name: &str) -> bool {
        !is_mark(name) && (self.identities == Identities::Pseudonym || is_email(name))
    }

    fn mark(&self, name: &str) -> Option<String> {
        if is_mark(name) {
            return Some(name.to_owned());
        }
        let kind = if is_email(name) { SecretKind::Email } else { SecretKind::User };
        self.key.as_ref().map(|key| key.pseudonym(kind, name.as_bytes()).to_string())
    }
}

/// What has been masked already stays as it is.
fn is_mark(name: &str) -> bool {
    name.strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(kind, digits)| {
            kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                && digits.len() == 16
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// `local@domain.tld`, without spaces.
fn is_email(name: &str) -> bool {
    name.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && !name.contains(char::is_whitespace)
            && domain.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::finding;

    fn names(identities: Identities) -> Names {
        Names::new(identities, Some(Key::new([7; 32])))
    }

    #[test]
    fn a_name_is_clear_unless_configured_and_an_address_is_clear_in_user_id_only() {
        let clear = names(Identities::Clear);
        assert_eq!(clear.user("alice").unwrap(), "alice");
        assert_eq!(clear.user("a@example.com").unwrap(), "a@example.com");
        assert_eq!(clear.elsewhere("alice").unwrap(), "alice");
        assert!(clear.elsewhere("a@example.com").unwrap().starts_with("<email:"));
    }

    #[test]
    fn pseudonyms_reach_every_field_and_leave_marks_alone() {
        let hidden = names(Identities::Pseudonym);
        let mark = hidden.user("alice").unwrap();
        assert!(mark.starts_with("<user:"));
        assert_eq!(hidden.elsewhere("alice").unwrap(), mark);
        assert_eq!(hidden.elsewhere(&mark).unwrap(), mark);
        assert_eq!(hidden.actor(&finding("ato.x").actor), format!("user:{mark}"));
        assert_eq!(
            hidden.text("account alice, not malice or alice2; /u/alice", &["alice"]),
            format!("account {mark}, not malice or alice2; /u/{mark}")
        );
    }

    #[test]
    fn an_address_in_an_actor_id_becomes_a_mark() {
        let mut actor = finding("ato.x").actor;
        actor.name = "user:a@example.com".to_owned();
        actor.user = Some("a@example.com".to_owned());
        assert!(names(Identities::Clear).actor(&actor).starts_with("user:<email:"));
        actor.user = None;
        assert!(names(Identities::Clear).actor(&actor).starts_with("user:<email:"));
        actor.name = "client:10.0.0.1".to_owned();
        assert_eq!(names(Identities::Clear).actor(&actor), "client:10.0.0.1");
    }

    #[test]
    fn without_a_key_nothing_that_must_be_hidden_is_shown() {
        let keyless = Names::new(Identities::Pseudonym, None);
        assert_eq!(keyless.user("alice"), None);
        assert_eq!(keyless.text("account alice", &["alice"]), "account <user>");
    }

    #[test]
    fn the_word_user_does_not_spoil_a_mark() {
        let hidden = names(Identities::Pseudonym);
        let text = hidden.text("alice and user", &["alice", "user"]).into_owned();
        assert_eq!(text.matches("<user:").count(), 2, "{text}");
        assert!(text.split(" and ").all(is_mark), "{text}");
    }
}
