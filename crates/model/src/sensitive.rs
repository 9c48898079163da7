//! Kinds of sensitive data, and how often each was seen.

use crate::pseudonym::SecretKind;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What sort of sensitive data a value is: told by its form and a check of it, or by its field's
/// name and a check that the value can be such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sensitive {
    /// An e-mail address.
    Email,
    /// A telephone number (E.164, or under a name that says so).
    Phone,
    /// A payment card: issuer range, length and Luhn's check.
    Card,
    /// A card number that a payment service publishes for tests.
    TestCard,
    /// A card's verification value.
    CardCode,
    /// A bank account (IBAN): country length and modulo 97.
    Iban,
    /// A national identity, tax, health or social security number.
    NationalId,
    /// A date of birth.
    BirthDate,
    /// A postal address.
    Address,
    /// A password.
    Password,
    /// A hash of a password.
    PasswordHash,
    /// A private key.
    PrivateKey,
    /// A cloud or vendor key.
    ApiKey,
    /// A signed token.
    Jwt,
    /// An opaque token.
    Token,
    /// A session id.
    SessionId,
    /// A one-time code or PIN.
    Code,
    /// A connection string, or a URL with a password.
    ConnectionString,
    /// Another secret, told by its name and its entropy.
    Secret,
}

/// What a kind is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SensitiveClass {
    /// Data about a person.
    Personal,
    /// Money.
    Financial,
    /// It opens something.
    Credential,
}

impl Sensitive {
    /// All kinds, in their order.
    pub const ALL: [Self; 19] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::TestCard,
        Self::CardCode,
        Self::Iban,
        Self::NationalId,
        Self::BirthDate,
        Self::Address,
        Self::Password,
        Self::PasswordHash,
        Self::PrivateKey,
        Self::ApiKey,
        Self::Jwt,
        Self::Token,
        Self::SessionId,
        Self::Code,
        Self::ConnectionString,
        Self::Secret,
    ];

    /// The word for it in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::TestCard => "test_card",
            Self::CardCode => "card_code",
            Self::Iban => "iban",
            Self::NationalId => "national_id",
            Self::BirthDate => "birth_date",
            Self::Address => "address",
            Self::Password => "password",
            Self::PasswordHash => "password_hash",
            Self::PrivateKey => "private_key",
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::Token => "token",
            Self::SessionId => "session_id",
            Self::Code => "code",
            Self::ConnectionString => "connection_string",
            Self::Secret => "secret",
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn class(self) -> SensitiveClass {
        match self {
            Self::Email | Self::Phone | Self::NationalId | Self::BirthDate | Self::Address => {
                SensitiveClass::Personal
            }
            Self::Card | Self::TestCard | Self::CardCode | Self::Iban => SensitiveClass::Financial,
            _ => SensitiveClass::Credential,
        }
    }

    /// The sort of mark that stands for such a value. Keys, tokens and session ids share one, so
    /// that all places of a credential join.
    #[must_use]
    pub const fn mark(self) -> SecretKind {
        match self {
            Self::Email => SecretKind::Email,
            Self::Phone => SecretKind::Phone,
            Self::Card | Self::TestCard | Self::CardCode => SecretKind::Card,
            Self::Iban => SecretKind::Iban,
            Self::NationalId => SecretKind::NationalId,
            Self::BirthDate => SecretKind::BirthDate,
            Self::Address => SecretKind::Address,
            Self::Password => SecretKind::Password,
            Self::PasswordHash => SecretKind::PasswordHash,
            Self::PrivateKey => SecretKind::PrivateKey,
            Self::ApiKey | Self::Token | Self::SessionId => SecretKind::Token,
            Self::Jwt => SecretKind::Jwt,
            Self::Code => SecretKind::Code,
            Self::ConnectionString => SecretKind::ConnectionString,
            Self::Secret => SecretKind::Secret,
        }
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| serde::de::Error::custom("no such kind of sensitive data"))
    }
}

/// How many values of each kind were seen; a count stops at 65,535.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SensitiveCounts([u16; Sensitive::ALL.len()]);

/// The numbers of one column of a text without fields, or of the text outside of tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberColumn {
    /// Which: the same in all texts.
    pub column: u64,
    /// Numbers that passed no check.
    pub plain: u32,
    /// What the others passed the check of, and how many they are.
    pub passed: Option<(Sensitive, u32)>,
}

impl SensitiveCounts {
    /// One more of `kind`.
    pub fn add(&mut self, kind: Sensitive) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// All that `other` counted as well.
    pub fn merge(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(more);
        }
    }

    /// How many of `kind`.
    #[must_use]
    pub fn count(&self, kind: Sensitive) -> u16 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }

    /// None of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// The kinds that were seen, in their order, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Sensitive, u16)> + '_ {
        Sensitive::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for SensitiveCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (kind, count) in self.iter() {
            map.serialize_entry(kind.name(), &count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_apart_and_listed_in_their_order() {
        for (at, kind) in Sensitive::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{}", kind.name());
        }
        let mut counts = SensitiveCounts::default();
        assert!(counts.is_empty());
        counts.add(Sensitive::Secret);
        counts.add(Sensitive::Email);
        let mut more = SensitiveCounts::default();
        more.add(Sensitive::Email);
        counts.merge(&more);
        let seen: Vec<_> = counts.iter().collect();
        assert_eq!(seen, [(Sensitive::Email, 2), (Sensitive::Secret, 1)]);
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"email":2,"secret":1}"#);
        for kind in Sensitive::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<Sensitive>(&text).unwrap(), kind);
        }
        assert!(serde_json::from_str::<Sensitive>(r#""e-mail""#).is_err());
    }
}
