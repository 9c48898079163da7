//! Forms that choose a password for an account that nobody is signed in to: signing up, and the
//! last step of a reset. They end at the page for signing in, where others are sent that lack a
//! session.

use crate::login::fields;
use crate::login::steps::{self, About};
use crate::path;
use crate::words::{SIGNUP, has_word};
use stilt_model::{Request, SecretKind, Value};

/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 32;
/// Words of passwords in paths.
const PASSWORD: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passwort",
    "kennwort",
    "clave",
    "contrasena",
    "contrasenya",
    "senha",
    "passe",
    "motdepasse",
    "mdp",
    "parola",
    "wachtwoord",
    "haslo",
    "losenord",
    "adgangskode",
];

/// Whether a request chooses a password, and shows by something other than a session that it may:
/// by what a mail brought, or since the account is made with it. Who changes a password gives the
/// one before as well, and is signed in.
pub(crate) fn chooses_password(request: &Request) -> bool {
    if !matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        return false;
    }
    let (mut password, mut proof) = (None, false);
    for leaf in request.leaves.iter().take(LEAVES_MAX) {
        match &leaf.value {
            Value::Masked { mark, .. } if mark.kind == SecretKind::Password => {
                if password.is_some_and(|known| known != *mark) {
                    return false;
                }
                password = Some(*mark);
            }
            _ if steps::is_guard(leaf.name()) => {}
            Value::Masked { mark, .. } => {
                proof |= matches!(
                    mark.kind,
                    SecretKind::Token | SecretKind::Jwt | SecretKind::Secret | SecretKind::Code
                );
            }
            Value::Text(text) => proof |= steps::is_drawn(text),
            _ => {}
        }
    }
    if password.is_none() {
        return false;
    }
    let names = || request.path.split('/').filter(|name| !name.is_empty());
    if names().any(|name| has_word(name, SIGNUP)) {
        return true;
    }
    let resets = |name: &str| About::of([name].into_iter()).resets();
    let named = fields::named(request).is_some();
    let about = names().any(resets);
    // `/password/new/VALUE`: what the mail brought stands last.
    let before = names().any(|name| resets(name) || has_word(name, PASSWORD));
    let last = names().next_back().is_some_and(|name| path::kind(name).is_some());
    (about && (proof || named))
        || (before && last && !named)
        || (proof && !named && request.credentials.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::outcome::judge;
    use crate::test_support::{Tx, World, post};
    use stilt_model::Outcome;

    fn check(tx: Tx, expected: Outcome) {
        let shown = format!("{tx:?}");
        let verdict = judge(&World::new().tx(tx.location("/login")));
        assert_eq!(verdict.outcome(), expected, "{shown}");
    }

    #[test]
    fn signing_up_and_the_end_of_a_reset_lead_to_the_page_for_signing_in() {
        let new = "password=New-pass-1&password_confirm=New-pass-1";
        for tx in [
            post("/clave/nueva/403117").form("clave=Nueva-clave-1"),
            post("/reset/8f0c1a77d2e94b5f01aa").form(new),
            post("/reinitialiser").form("jeton=8f0c1a77d2e94b5f01aa&mot_de_passe=New-pass-1"),
            post("/register").form(&format!("username=ann&{new}")),
        ] {
            check(tx, Outcome::Success);
        }
    }

    #[test]
    fn who_lacks_a_session_is_refused_there() {
        for tx in [
            post("/session").form("username=ann&password=Wrong-1"),
            post("/account/password").form("old_password=Old-1&new_password=New-pass-1"),
            post("/account/password").form("password=New-pass-1"),
            post("/users/17").form("name=ann&password=New-pass-1"),
            post("/account/reset-api-key").form("password=Mine-1"),
            post("/transfer").form("amount=1"),
            post("/reset/8f0c1a77d2e94b5f01aa").form("step=1"),
        ] {
            check(tx, Outcome::Failure);
        }
    }
}
