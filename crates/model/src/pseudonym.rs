//! Keyed pseudonyms: what stands for a secret from the moment it is parsed.
//!
//! The same secret gives the same mark under one installation key, so that an analyst can still
//! join records; without the key the mark tells nothing (BLAKE3 in keyed mode, 16 bytes).

use core::fmt;
use core::ops::Deref;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What sort of secret a pseudonym stands for; its name is part of the mark and of the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SecretKind {
    /// A password or passphrase.
    Password,
    /// A bearer, access, refresh or other opaque token.
    Token,
    /// A signed JSON web token.
    Jwt,
    /// A cookie value.
    Cookie,
    /// An API key, vendor key or cloud key.
    ApiKey,
    /// A private key or other key material.
    PrivateKey,
    /// A one-time code, PIN or recovery code.
    Code,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card number or its verification value.
    Card,
    /// A bank account number (IBAN).
    Iban,
    /// A national identity, tax or social security number.
    NationalId,
    /// A date of birth.
    BirthDate,
    /// A postal address.
    Address,
    /// A hash of a password.
    PasswordHash,
    /// A connection string or URL with credentials in it.
    ConnectionString,
    /// A user name, where configuration asks for pseudonyms.
    User,
    /// Anything else that must not be shown.
    Secret,
}

impl SecretKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Password,
        Self::Token,
        Self::Jwt,
        Self::Cookie,
        Self::ApiKey,
        Self::PrivateKey,
        Self::Code,
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::NationalId,
        Self::BirthDate,
        Self::Address,
        Self::PasswordHash,
        Self::ConnectionString,
        Self::User,
        Self::Secret,
    ];

    /// The word used inside the mark.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::Jwt => "jwt",
            Self::Cookie => "cookie",
            Self::ApiKey => "api_key",
            Self::PrivateKey => "private_key",
            Self::Code => "code",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::NationalId => "national_id",
            Self::BirthDate => "birth_date",
            Self::Address => "address",
            Self::PasswordHash => "password_hash",
            Self::ConnectionString => "connection_string",
            Self::User => "user",
            Self::Secret => "secret",
        }
    }
}

/// The installation key; never printed.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Wraps 32 bytes of key material.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The mark for `secret`. Two kinds never share a digest.
    #[must_use]
    pub fn pseudonym(&self, kind: SecretKind, secret: &[u8]) -> Pseudonym {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(kind.name().as_bytes()).update(&[0]).update(secret);
        let mut digest = [[0_u8; 8]; 2];
        hasher.finalize_xof().fill(digest.as_flattened_mut());
        Pseudonym { kind, digest: digest.map(u64::from_be_bytes) }
    }

    /// A key for another purpose; it tells nothing of this one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes()).update(&[2]);
        *hasher.finalize().as_bytes()
    }

    /// A keyed 64-bit hash, for sharding that an attacker can't steer.
    #[must_use]
    pub fn hash(&self, domain: &str, value: &[u8]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(domain.as_bytes()).update(&[1]).update(value);
        let mut digest = [0_u8; 8];
        hasher.finalize_xof().fill(&mut digest);
        u64::from_be_bytes(digest)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What stands for one secret; prints as `<kind:16 hex digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym {
    /// What the secret was.
    pub kind: SecretKind,
    /// Its keyed digest; the first half is what is shown.
    pub digest: [u64; 2],
}

impl Pseudonym {
    /// The mark as text, without allocation.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let mut shown = Shown { bytes: [0; SHOWN_MAX], length: 0 };
        shown.push(b"<");
        shown.push(self.kind.name().as_bytes());
        shown.push(b":");
        for byte in self.digest[0].to_be_bytes() {
            for half in [byte >> 4, byte & 15] {
                shown.push(&[if half < 10 { b'0' + half } else { b'a' - 10 + half }]);
            }
        }
        shown.push(b">");
        shown
    }
}

/// The longest kind, two brackets, a colon and 16 digits.
const SHOWN_MAX: usize = 40;

/// A mark as text.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    bytes: [u8; SHOWN_MAX],
    length: usize,
}

impl Shown {
    fn push(&mut self, text: &[u8]) {
        let end = self.length.saturating_add(text.len());
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text);
            self.length = end;
        }
    }
}

impl Deref for Shown {
    type Target = str;

    fn deref(&self) -> &str {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.kind, self.digest).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Pseudonym {
    /// Only as it is saved: what a record shows is half of it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <(SecretKind, [u64; 2])>::deserialize(deserializer)
            .map(|(kind, digest)| Self { kind, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mark_is_shown_whole() {
        let key = Key::new([7; 32]);
        for kind in [SecretKind::ConnectionString, SecretKind::PasswordHash, SecretKind::Jwt] {
            let mark = key.pseudonym(kind, b"x");
            assert_eq!(*mark.shown(), format!("<{}:{:016x}>", kind.name(), mark.digest[0]));
        }
    }

    #[test]
    fn one_secret_one_mark_per_key_and_kind() {
        let key = Key::new([7; 32]);
        let mark = key.pseudonym(SecretKind::Token, b"s3cret");
        assert_eq!(mark, key.pseudonym(SecretKind::Token, b"s3cret"));
        assert_ne!(mark.digest, key.pseudonym(SecretKind::Cookie, b"s3cret").digest);
        assert_ne!(mark, Key::new([8; 32]).pseudonym(SecretKind::Token, b"s3cret"));
        let shown = mark.to_string();
        assert!(shown.starts_with("<token:") && shown.len() == "<token:>".len() + 16);
        assert!(!format!("{key:?}").contains('7'));
    }
}
