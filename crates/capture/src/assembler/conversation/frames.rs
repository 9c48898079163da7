//! How the body of a response is framed, which depends on the request that it answers.

use super::{Conversation, Said};
use crate::assembler::Work;
use stilt_model::{Mark, Message};
use stilt_protocol::http1::{Framing, Likeness, looks_like_response};

impl Conversation {
    /// Says how the body of a response is framed whose head is whole; `rest` is what came behind.
    ///
    /// A response to `HEAD` has no body, whatever it declares. Where its request was not read,
    /// what comes next tells. It is waited for, unless it is `told` whether there is no body.
    pub(super) fn frame_response(
        &mut self,
        side: usize,
        (rest, told): (&[u8], Option<bool>),
        end: u64,
        said: &Said<'_>,
        work: &mut Work<'_>,
    ) {
        if self.answering.is_none() {
            self.answer_begins(said.now, work);
            self.answering = self.match_request(said, work).map(Box::new);
        }
        self.announced = true;
        let method = self.answering.as_ref().map(|asked| asked.method.clone());
        let Some(parser) = self.voices.get_mut(side).and_then(|voice| voice.parser.as_mut()) else {
            return;
        };
        let wait = told.is_none() && rest.is_empty() && may_have_body(parser.message());
        if method.is_none() && wait {
            return;
        }
        let bare = told.unwrap_or_else(|| looks_like_response(rest) == Likeness::Yes);
        let bare = bare && method.is_none();
        let method = if bare { b"HEAD".to_vec() } else { method.unwrap_or_default() };
        let status = parser.message().head.status;
        let framing = Framing::of_response(parser.message_mut(), &method);
        // Behind an accepted CONNECT or upgrade anything may follow, HTTP too: content will tell,
        // unless it is named.
        let handed_over = framing == Framing::Opaque;
        let upgrade = status == 101 && names_other_protocol(parser.message());
        let tunnel = handed_over && !upgrade;
        let whole = parser.frame(if tunnel { Framing::None } else { framing });
        if tunnel {
            parser.lose();
        }
        if let Some(message) = whole {
            self.message(side, message, end, said, work);
        }
        if handed_over && !(self.opaque || self.tunnel) {
            work.counters.handed_over = work.counters.handed_over.saturating_add(1);
        }
        self.opaque |= upgrade;
        self.tunnel |= tunnel;
    }

    /// Nothing will tell more of a response whose framing was waited for.
    pub(super) fn settle_frame(
        &mut self,
        side: usize,
        bare: bool,
        end: u64,
        now: Mark,
        work: &mut Work<'_>,
    ) {
        let parser = self.voices.get(side).and_then(|voice| voice.parser.as_ref());
        let waits = self.announced && parser.is_some_and(|parser| parser.is_unframed());
        if waits && self.client() != Some(side) {
            let said = self.said_nothing(now, end);
            self.frame_response(side, (&[], Some(bare)), end, &said, work);
        }
    }
}

/// Whether a response may have a body, unless it answers `HEAD`.
fn may_have_body(message: &Message) -> bool {
    let length = message.head.header("content-length");
    !matches!(message.head.status, 100..=199 | 204 | 304) && length.is_none_or(|text| text != b"0")
}

/// The protocol that a 101 response switches to is known not to be HTTP/1.
fn names_other_protocol(message: &Message) -> bool {
    let upgrade = message.head.header("upgrade").unwrap_or_default();
    [&b"websocket"[..], b"h2c"].iter().any(|name| upgrade.trim_ascii().eq_ignore_ascii_case(name))
}
