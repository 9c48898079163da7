//! What is told of a message as it was sent: length on the wire, digest, trailers.

use crate::header_names::{Carries, HeaderNames};
use crate::mask::{Masker, scheme_off};
use stilt_model::{AsSent, Message};

/// Trailers kept of one message.
const TRAILERS_MAX: usize = 16;
/// Bytes kept of a trailer's name.
const NAME_MAX: usize = 64;

/// `None` where there is nothing to tell.
pub(crate) fn read(
    message: &Message,
    masker: &Masker,
    names: &mut HeaderNames,
    value_max: usize,
) -> Option<Box<AsSent>> {
    let body = &message.body;
    let encoded_bytes = (body.encoded_bytes != body.bytes).then_some(body.encoded_bytes);
    let sha256 = body.sha256.as_deref().copied();
    if encoded_bytes.is_none() && sha256.is_none() && message.trailers.is_empty() {
        return None;
    }
    let trailers = message.trailers.iter().take(TRAILERS_MAX).map(|(name, value)| {
        let text = crate::bytes::lossy(value);
        let secret = name.eq_ignore_ascii_case(b"set-cookie")
            || match names.of(name).carries {
                Carries::Authorization | Carries::Cookie => true,
                Carries::Key { length_min } => value.len() >= length_min,
                Carries::Token => false,
            };
        let shown = if secret {
            masker.credential(scheme_off(&text)).to_string()
        } else {
            masker.text_max(text.trim(), value_max).into_owned()
        };
        (masker.text_max(&crate::bytes::lossy(name), NAME_MAX).to_ascii_lowercase(), shown)
    });
    Some(Box::new(AsSent { encoded_bytes, sha256, trailers: trailers.collect() }))
}
