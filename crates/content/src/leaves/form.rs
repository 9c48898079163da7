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
        let name = percent_decode(name, true);
        if !field(&name, percent_decode(value, true), place, sink) {
            return;
        }
    }
}

/// Adds one field.
pub(super) fn field(name: &str, value: Cow<'_, str>, place: Place, sink: &mut Sink<'_>) -> bool {
    let path = sink.field(name);
    sink.add(place, path, 0, Scalar::Text(value))
}
