//! Tools: what they say of themselves, and calls of them.

use super::Text;
use crate::leaf::Leaf;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// JSON types as a set (JSON Schema `type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds(u8);

impl Kinds {
    /// `null`.
    pub const NULL: Self = Self(1);
    /// `boolean`.
    pub const BOOL: Self = Self(2);
    /// `integer`.
    pub const INTEGER: Self = Self(4);
    /// `number`.
    pub const NUMBER: Self = Self(8);
    /// `string`.
    pub const TEXT: Self = Self(16);
    /// `array`.
    pub const LIST: Self = Self(32);
    /// `object`.
    pub const OBJECT: Self = Self(64);

    /// Both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Nothing is said of the type.
    #[must_use]
    pub const fn is_any(self) -> bool {
        self.0 == 0
    }

    /// A value of that type fits. A whole number is a number, and a number may be whole.
    #[must_use]
    pub const fn takes(self, kind: Self) -> bool {
        let number = Self::INTEGER.0 | Self::NUMBER.0;
        let wanted = if kind.0 & number == 0 { kind.0 } else { number };
        self.0 == 0 || self.0 & wanted != 0
    }

    /// The set for a word of JSON Schema.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "null" => Self::NULL,
            "boolean" => Self::BOOL,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::TEXT,
            "array" => Self::LIST,
            "object" => Self::OBJECT,
            _ => Self::default(),
        }
    }
}

/// One parameter of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: SmolStr,
    /// Types it takes.
    pub kinds: Kinds,
    /// It must be given.
    pub required: bool,
    /// The values it takes, where they are listed; at most 64.
    pub allowed: Vec<SmolStr>,
    /// The list of values was longer.
    pub allowed_cut: bool,
    /// A free text: neither a list of values nor a pattern nor a format.
    pub free: bool,
}

/// What a tool says of its own effects (MCP `annotations`). Words of the server, not facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
    /// `idempotentHint`.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: it reaches beyond the server's own data.
    pub open_world: Option<bool>,
}

/// A tool on offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToolDef {
    /// Its name.
    pub name: SmolStr,
    /// What it says of itself.
    pub description: Text,
    /// Texts inside its schema (descriptions, titles, defaults, listed values), joined by line
    /// ends.
    pub schema_text: Text,
    /// Parameters at the top of its schema, in the order of their names; at most 64.
    pub params: Vec<Param>,
    /// Other arguments than those listed are refused (`additionalProperties: false`).
    pub closed: bool,
    /// The schema says more than `params` can tell (`oneOf`, `$ref`, …), or was cut.
    pub partly: bool,
    /// Hash of the schema in canonical form: member order does not matter.
    pub schema: u64,
    /// Hash of all of the definition in canonical form.
    pub digest: u64,
    /// Its hints.
    pub hints: Hints,
    /// The provider runs it itself.
    pub hosted: bool,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToolCall {
    /// The call's id.
    pub id: Option<SmolStr>,
    /// The tool.
    pub name: SmolStr,
    /// Its arguments as leaves, masked; at most 64, texts at most 1,024 bytes.
    pub arguments: Vec<Leaf>,
    /// Arguments were left out or cut, or were no JSON.
    pub cut: bool,
    /// Keyed hash of the arguments in canonical form.
    pub digest: u64,
    /// The provider runs it itself.
    pub hosted: bool,
}
