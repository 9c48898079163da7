//! What the names of headers say, worked out once each: every request repeats the same few.

use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Names remembered; past it, and beyond [`NAME_MAX`] bytes, each is looked at anew.
const NAMES_MAX: usize = 1024;
const NAME_MAX: usize = 64;
/// Values longer than this are no keys.
const VALUE_MAX: usize = 16_384;

/// What a header may carry, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Credentials with a scheme (RFC 9110 §11.6.2).
    Authorization,
    /// Cookies.
    Cookie,
    /// A key, where the value has at least so many bytes.
    Key { length_min: usize },
    /// A key only where the value is a signed token.
    Token,
}

impl Carries {
    /// Whether a value is worth a closer look.
    pub(crate) fn may_be(self, value: &[u8]) -> bool {
        match self {
            Self::Authorization | Self::Cookie => true,
            Self::Key { .. } => value.len() <= VALUE_MAX,
            // Signed tokens are base64 of a JSON object: they start with `e`.
            Self::Token => {
                (16..=VALUE_MAX).contains(&value.len()) && value.trim_ascii().starts_with(b"e")
            }
        }
    }
}

/// What one name says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderName {
    pub(crate) carries: Carries,
    /// It varies from request to request of one client.
    pub(crate) varies: bool,
    /// It may say for whom a request is.
    pub(crate) says_who: bool,
}

impl HeaderName {
    fn read(name: &[u8]) -> Self {
        let lower = name.to_ascii_lowercase();
        let (carries, varies) = (carries(&lower), crate::headers::varies(&lower));
        let says_who = carries == Carries::Token && crate::headers::may_say_who(&lower, varies);
        Self { carries, varies, says_who }
    }
}

/// The names met.
#[derive(Debug, Default)]
pub(crate) struct HeaderNames(HashMap<Box<[u8]>, HeaderName, RandomState>);

impl HeaderNames {
    /// What `name` says.
    pub(crate) fn of(&mut self, name: &[u8]) -> HeaderName {
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        let known = HeaderName::read(name);
        if self.0.len() < NAMES_MAX && name.len() <= NAME_MAX {
            self.0.insert(name.into(), known);
        }
        known
    }
}

/// How names of headers end that carry a key.
const KEY_ENDS: [&str; 14] = [
    "-token",
    "-key",
    "apikey",
    "-secret",
    "-session",
    "-sid",
    "-schluessel",
    "-sitzung",
    "-clave",
    "-sesion",
    "-chave",
    "-sessao",
    "-cle",
    "-chiave",
];

fn carries(lower: &[u8]) -> Carries {
    const EXACT: &[&str] = &[
        "x-api-key",
        "api-key",
        "apikey",
        "x-apikey",
        "x-auth-token",
        "x-access-token",
        "x-token",
        "ocp-apim-subscription-key",
        "x-auth",
        "x-auth-key",
        "x-session-token",
        "x-session-id",
        "x-session",
        "session-id",
        "access-token",
        "auth-token",
        "token",
        "x-vault-token",
        "private-token",
        "x-goog-api-key",
        "x-app-key",
        "x-secret-key",
        "mcp-session-id",
        "x-amz-security-token",
        "x-id-token",
        "x-jwt",
        "x-user-token",
        "x-gitlab-token",
    ];
    let Ok(name) = core::str::from_utf8(lower) else { return Carries::Token };
    // What a phone is reached by is no credential; the key of a device is.
    let skipped = match name.ends_with("-key") || name.ends_with("-secret") {
        true => ["csrf", "xsrf", "idempotency", "sec-websocket", "surrogate", "push", "cache"],
        false => ["csrf", "xsrf", "idempotency", "sec-websocket", "surrogate", "push", "device"],
    };
    match name {
        "authorization" | "proxy-authorization" => Carries::Authorization,
        "cookie" => Carries::Cookie,
        _ if EXACT.contains(&name) => Carries::Key { length_min: 1 },
        _ if KEY_ENDS.iter().any(|end| name.ends_with(end))
            && !skipped.iter().any(|word| name.contains(word)) =>
        {
            Carries::Key { length_min: 8 }
        }
        _ => Carries::Token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_may_be_a_credential() {
        let mut names = HeaderNames::default();
        let mut check = |name: &str, expected: Carries| {
            assert_eq!(names.of(name.as_bytes()).carries, expected, "{name}");
        };
        check("Authorization", Carries::Authorization);
        check("COOKIE", Carries::Cookie);
        check("X-Api-Key", Carries::Key { length_min: 1 });
        check("X-Partner-Token", Carries::Key { length_min: 8 });
        check("X-Api-Schluessel", Carries::Key { length_min: 8 });
        check("X-CSRF-Token", Carries::Token);
        check("X-Device-Key", Carries::Key { length_min: 8 });
        check("X-Device-Token", Carries::Token);
        check("Accept", Carries::Token);
    }
}
