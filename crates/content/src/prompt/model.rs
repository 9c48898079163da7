//! The trained weights, and how they are read.
//!
//! Layout, little-endian: the magic `STPM2`, the number of heads (1 byte), for each head its bias,
//! its scale and one threshold and slope a role (`f32`), the number of features (`u32`), their
//! hashes in ascending order (`u32` each), then for each head one `i8` a feature.

use super::Head;
use std::collections::HashMap;
use std::sync::LazyLock;
use stilt_model::talk::TrustRole;

/// First bytes of a file of weights.
pub(super) const MAGIC: &[u8] = b"STPM2";
/// Heads: texts that speak for a user, texts that are data to the model, passages of these.
pub(super) const HEADS: usize = 3;
/// Roles that a score is calibrated for.
pub(super) const ROLES: usize = 4;

/// One head of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Calibrated {
    /// Where the sum begins.
    pub bias: f32,
    /// What one step of a weight is worth.
    pub step: f32,
    /// The sum from which on a text of each role is more likely an injection than not, at the
    /// false alerts that were asked for.
    pub threshold: [f32; ROLES],
}

/// A linear model over hashed features.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    /// Its heads.
    pub heads: [Calibrated; HEADS],
    /// Weight of each feature, by head.
    pub weights: HashMap<u32, [i8; HEADS], foldhash::fast::FixedState>,
}

static BUILT_IN: LazyLock<Model> =
    LazyLock::new(|| Model::parse(include_bytes!("weights.bin")).unwrap_or_default());

/// The model that is part of the program.
pub(super) fn built_in() -> &'static Model {
    &BUILT_IN
}

impl Model {
    /// Reads a file of weights; `None` where it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut model = Self::default();
        let (heads, after) = rest.split_first()?;
        rest = after;
        if usize::from(*heads) != HEADS {
            return None;
        }
        for head in &mut model.heads {
            head.bias = float(&mut rest)?;
            head.step = float(&mut rest)?;
            for threshold in &mut head.threshold {
                *threshold = float(&mut rest)?;
            }
        }
        let count = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let hashes = rest.get(..count.checked_mul(4)?)?;
        let values = rest.get(hashes.len()..)?;
        for (at, hash) in hashes.as_chunks().0.iter().enumerate() {
            let mut weights = [0_i8; HEADS];
            for (head, weight) in weights.iter_mut().enumerate() {
                let place = head.checked_mul(count)?.checked_add(at)?;
                *weight = i8::from_le_bytes([*values.get(place)?]);
            }
            model.weights.insert(u32::from_le_bytes(*hash), weights);
        }
        Some(model)
    }

    /// The sum of a head over some features.
    pub fn sum(&self, head: Head, features: &[(u32, f32)]) -> f32 {
        let Some(calibrated) = self.heads.get(head as usize) else { return 0.0 };
        let sum: f32 = features
            .iter()
            .filter_map(|(name, value)| {
                let weight = self.weights.get(name)?.get(head as usize)?;
                Some(f32::from(*weight) * value)
            })
            .sum();
        calibrated.bias + sum * calibrated.step
    }

    /// A sum as a score from 0 to 1: 0.5 at the threshold of the role.
    pub fn score(&self, head: Head, role: TrustRole, sum: f32) -> f32 {
        let threshold = self
            .heads
            .get(head as usize)
            .and_then(|head| head.threshold.get(role_at(role)).copied())
            .unwrap_or(0.0);
        1.0 / (1.0 + (threshold - sum).exp())
    }
}

/// What a window of data and a passage of it tell together. Beyond a point, how harmless one of
/// them looks takes nothing from the other.
pub(super) fn both(window: f32, passage: Option<f32>) -> f32 {
    window.max(FLOOR) + passage.map_or(FLOOR, |sum| sum.max(FLOOR))
}

const FLOOR: f32 = -1.0;

/// Where a role's threshold stands.
pub(super) fn role_at(role: TrustRole) -> usize {
    match role {
        TrustRole::System => 0,
        TrustRole::User | TrustRole::Assistant => 1,
        TrustRole::ToolDefinition => 2,
        TrustRole::ToolResult => 3,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn float(rest: &mut &[u8]) -> Option<f32> {
    take(rest).map(f32::from_le_bytes).filter(|value| value.is_finite())
}
