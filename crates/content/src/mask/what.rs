//! What a search found: which row of its table, what that is, and as what it is masked.

use stilt_model::{SecretKind, Sensitive};

/// One thing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What {
    /// The row: a vendor's key, a country's number.
    pub name: &'static str,
    /// As what it is masked.
    pub mark: SecretKind,
    /// What it is told as; `None` where it is only hidden to be on the safe side.
    pub kind: Option<Sensitive>,
}

impl What {
    /// A thing that is told as `kind`.
    pub(crate) const fn of(kind: Sensitive) -> Self {
        Self::named(kind.name(), kind)
    }

    /// The same, of a row with a name of its own.
    pub(crate) const fn named(name: &'static str, kind: Sensitive) -> Self {
        Self { name, mark: kind.mark(), kind: Some(kind) }
    }

    /// The same, but hidden only.
    pub(crate) const fn hidden(self) -> Self {
        Self { kind: None, ..self }
    }

    /// A credential, by its value: a signed token or an opaque one.
    pub(crate) fn credential(value: &str) -> Self {
        match super::credential_kind(value) {
            SecretKind::Jwt => Self::of(Sensitive::Jwt),
            _ => Self::of(Sensitive::Token),
        }
    }
}
