//! Typed leaves: one view of what a message says, whatever its syntax.

use crate::leaf_path::LeafPath;
use crate::pseudonym::Pseudonym;
use crate::sensitive::Sensitive;
use serde::Serialize;
use smol_str::SmolStr;

/// Where in the message a leaf stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The query string.
    Query,
    /// A form body (`application/x-www-form-urlencoded` or multipart).
    Form,
    /// A JSON body.
    Json,
    /// An XML body.
    Xml,
    /// A protobuf message, fields by number.
    Protobuf,
    /// A link of a page.
    Html,
    /// A header.
    Header,
}

/// One scalar of a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leaf {
    /// Where it stood.
    pub place: Place,
    /// Its path; at most 256 bytes.
    pub path: LeafPath,
    /// For a leaf inside arrays: the index of the element of the outermost array, so that leaves of
    /// one record can be put together again. 0 outside arrays.
    pub record: u32,
    /// What it says, already masked.
    pub value: Value,
    /// What sort of sensitive data it is or holds: the first that was found in it.
    pub sensitive: Option<Sensitive>,
}

impl Leaf {
    /// The last key of the path (`items[].owner.id` → `id`).
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.name()
    }
}

/// The value of a leaf. Secrets never appear in clear.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// JSON null, or an empty parameter.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text in clear, at most 256 bytes (cut on a character boundary).
    Text(SmolStr),
    /// A secret, replaced, with its original length in bytes.
    Masked {
        /// The mark.
        mark: Pseudonym,
        /// Length of the secret in bytes.
        length: u32,
    },
}

impl Value {
    /// The value as an identifier would be compared: integers and text alike, masked by its mark.
    #[must_use]
    pub fn as_key(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            Self::Text(text) if !text.is_empty() => Some(text.to_string()),
            Self::Masked { mark, .. } => Some(mark.to_string()),
            _ => None,
        }
    }
}
