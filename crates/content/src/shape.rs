//! Which sort of answer a response was.

use crate::bytes::{FNV_START, fnv};
use stilt_model::{IdBuilder, Leaf, Place, Value};

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Integer(_) | Value::Number(_) => 2,
        Value::Text(_) => 3,
        Value::Masked { .. } => 4,
    }
}

/// Hash of the set of (path, kind); without leaves, of the media type and whether there was a body.
pub(crate) fn shape(leaves: &[Leaf], media: Option<&str>, bytes: u64) -> u64 {
    // How many links a page has says nothing of its sort.
    if leaves.iter().all(|leaf| leaf.place == Place::Html) {
        return IdBuilder::new("shape")
            .text(media.unwrap_or_default())
            .number(u64::from(bytes > 0))
            .finish();
    }
    let mut set: Vec<u64> =
        leaves.iter().map(|leaf| fnv(leaf.path.stable(), [0, kind(&leaf.value)])).collect();
    set.sort_unstable();
    set.dedup();
    set.into_iter().fold(FNV_START, |hash, leaf| fnv(hash, leaf.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(path: &str, value: Value) -> Leaf {
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    #[test]
    fn values_and_array_lengths_do_not_matter_but_fields_and_kinds_do() {
        let one = [leaf("a[].id", Value::Integer(1)), leaf("n", Value::Null)];
        let two = [
            leaf("n", Value::Null),
            leaf("a[].id", Value::Integer(1)),
            leaf("a[].id", Value::Integer(2)),
        ];
        let other = [leaf("a[].id", Value::Text("1".into())), leaf("n", Value::Null)];
        assert_eq!(shape(&one, None, 9), shape(&two, None, 9));
        assert_ne!(shape(&one, None, 9), shape(&other, None, 9));
        assert_ne!(shape(&[], Some("text/html"), 9), shape(&[], Some("text/html"), 0));
    }
}
