//! The user name token of a SOAP message (OASIS WS-Security `UsernameToken` Profile 1.1.1): who
//! asks, in the header of the envelope, with each call. It is what HTTP Basic is elsewhere, and no
//! form for signing in.

use crate::mask::Masker;
use stilt_model::{Credential, CredentialKind, Leaf, LeafPath, Pseudonym, SecretKind, Value};

/// Where headers of an envelope stand.
const HEADER: &str = "Envelope.Header.";
const TOKEN: &str = "Security.UsernameToken.";
/// Leaves that are looked at: headers come first.
const LEAVES_MAX: usize = 64;

/// The leaf stands in the header of an envelope.
pub(crate) fn in_header(path: &LeafPath) -> bool {
    path.starts_with(HEADER)
}

/// The token a message carries, if it names somebody.
pub(crate) fn credential(masker: &mut Masker, leaves: &[Leaf]) -> Option<Credential> {
    let field = |name: &str| {
        let is = |leaf: &&Leaf| {
            let own = leaf.path.strip_prefix(HEADER).and_then(|path| path.strip_prefix(TOKEN));
            own == Some(name)
        };
        leaves.iter().take(LEAVES_MAX).find(is).map(|leaf| &leaf.value)
    };
    let user = field("Username")?.as_key()?;
    // A digest is another one each time: the password in it can't be told from others.
    let digest = field("Nonce").is_some()
        || field("Password.@Type")
            .and_then(Value::as_key)
            .is_some_and(|kind| kind.ends_with("Digest"));
    let password = field("Password").filter(|_| !digest).map(|value| mark(masker, value));
    let all = format!("{user}\n{}", password.map(|mark| mark.to_string()).unwrap_or_default());
    Some(Credential {
        kind: if password.is_some() { CredentialKind::Basic } else { CredentialKind::Other },
        name: "wsse".to_owned(),
        mark: masker.mark(SecretKind::Secret, &all),
        length: crate::bytes::length(user.len()),
        user: Some(user),
        password,
        jwt: None,
    })
}

/// What stands for a password: it has its mark, unless it is empty or looks like nothing secret.
fn mark(masker: &mut Masker, value: &Value) -> Pseudonym {
    match value {
        Value::Masked { mark, .. } => *mark,
        other => masker.mark(SecretKind::Password, &other.as_key().unwrap_or_default()),
    }
}
