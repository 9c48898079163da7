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

/// Adds one field; `a[b][]` becomes the path `a.b[]`.
pub(super) fn field(name: &str, value: Cow<'_, str>, place: Place, sink: &mut Sink<'_>) -> bool {
    let path = path(name);
    let class = sink.masker.class(path.rsplit('.').next().unwrap_or_default());
    // Operators smuggled into a form (`password[$ne]`) still hold what their parent names.
    let class = class.or_else(|| {
        let (parent, last) = path.rsplit_once('.')?;
        let class = sink.masker.class(parent.rsplit('.').next()?);
        class.filter(|_| crate::mask::names::inherits(last))
    });
    let shown = sink.key(&path).into_owned();
    sink.add(place, &shown, 0, class, Scalar::Text(value))
}

fn path(name: &str) -> Cow<'_, str> {
    if !name.contains('[') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    for part in name.split('[') {
        match part.strip_suffix(']') {
            Some("") => out.push_str("[]"),
            Some(index) if index.bytes().all(|b| b.is_ascii_digit()) => out.push_str("[]"),
            Some(key) => {
                out.push('.');
                out.push_str(key);
            }
            None => out.push_str(part),
        }
    }
    Cow::Owned(out)
}
