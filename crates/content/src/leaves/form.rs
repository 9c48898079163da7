//! Query strings and `application/x-www-form-urlencoded` bodies (WHATWG URL §5).

use super::{Scalar, Sink};
use crate::bytes::percent_decode;
use std::borrow::Cow;
use stilt_model::Place;

/// Reads the pairs of `text`; the last one is left out where the body was cut.
pub(crate) fn read(text: &str, place: Place, whole: bool, sink: &mut Sink<'_>) {
    let text = if whole {
        text
    } else {
        sink.cut = true;
        text.rsplit_once('&').map_or("", |(head, _)| head)
    };
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let once = percent_decode(name, true);
        let name = percent_decode(&once, true);
        let value = twice(value);
        if !field(&name, value, place, sink) {
            return;
        }
    }
}

/// A value as an application reads it: where it was encoded twice, most decode it twice.
fn twice(raw: &str) -> Cow<'_, str> {
    let once = percent_decode(raw, true);
    match percent_decode(&once, false) {
        Cow::Borrowed(_) => once,
        Cow::Owned(twice) => Cow::Owned(twice),
    }
}

/// Adds one field.
pub(super) fn field(name: &str, value: Cow<'_, str>, place: Place, sink: &mut Sink<'_>) -> bool {
    let path = sink.field(name);
    sink.add(place, path, 0, Scalar::Text(value))
}
