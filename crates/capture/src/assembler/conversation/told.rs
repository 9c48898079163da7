//! Handing exchanges over, with what is missing in them.

use super::Conversation;
use super::pairs::{Answer, Asked};
use crate::assembler::Work;
use stilt_model::{Anomaly, Exchange, Flags, Flow, FlowId, Mark, Message, Stage};

impl Conversation {
    /// Takes what is known to be missing in and before a message.
    pub(super) fn flags_of(&mut self, side: usize, message: &mut Message) -> (bool, bool) {
        let Some(voice) = self.voices.get_mut(side) else { return (false, false) };
        if core::mem::take(&mut voice.overlap)
            && !message.anomalies.contains(&Anomaly::OverlapDiffers)
        {
            message.anomalies.push(Anomaly::OverlapDiffers);
        }
        let gap = core::mem::take(&mut voice.gap);
        let snaplen = core::mem::take(&mut voice.snaplen);
        ((gap || message.body.lost > 0) && !snaplen, snaplen)
    }

    /// The flow, seen from its client, and its id.
    pub(super) fn flow(&self, client: usize, work: &Work<'_>) -> (Flow, FlowId) {
        let (near, far) = match work.ends {
            [low, high] if client == 0 => (low, high),
            [low, high] => (high, low),
        };
        let around = self.around.as_deref();
        let vlan = around.map(|around| around.vlan.clone()).unwrap_or_default();
        let tunnel = around.and_then(|around| around.tunnel);
        let flow = Flow { client: near, server: far, vlan, tunnel };
        let id = if self.named { FlowId(self.id.cast_unsigned()) } else { flow.id(self.id) };
        (flow, id)
    }

    /// Its id stays what it was when somebody asked for it first.
    pub(super) fn name(&mut self, id: FlowId) {
        (self.id, self.named) = (id.0.cast_signed(), true);
    }

    pub(super) fn emit(
        &mut self,
        asked: Option<Asked>,
        answer: Option<Answer>,
        completed: Mark,
        work: &mut Work<'_>,
    ) {
        let (flow, id) = self.flow(self.client().unwrap_or(0), work);
        self.name(id);
        let proxied = self.around.as_deref().and_then(|around| around.client);
        let (asked_gap, asked_cut) =
            asked.as_ref().map_or((false, false), |asked| (asked.gap, asked.snaplen));
        let (answer_gap, answer_cut) =
            answer.as_ref().map_or((false, false), |answer| (answer.gap, answer.snaplen));
        // It acknowledges what was never heard.
        let beyond = answer.as_ref().is_some_and(|answer| answer.acked > Some(self.heard));
        let request = asked.and_then(|asked| asked.message).map(|message| *message);
        let mut response = answer.map(|answer| *answer.message);
        if request.is_none() && response.is_none() {
            return;
        }
        // Nothing was lost that could have held its request.
        let unasked = request.is_none() && self.both_seen && !self.doubt && !beyond;
        if let (true, Some(response)) = (unasked, &mut response) {
            response.anomalies.push(Anomaly::UnexpectedResponse);
        }
        let lost = request.is_none() && self.both_seen && !unasked;
        let lacks = response.is_none() || lost;
        let cut = |message: &Option<Message>| {
            message.as_ref().is_some_and(|message| !message.body.complete && message.body.lost == 0)
        };
        let repaired = core::mem::take(&mut self.repaired) && response.is_some();
        let flags = Flags {
            midstream: self.midstream,
            one_sided: !self.both_seen,
            gap: asked_gap || answer_gap,
            snaplen: asked_cut || answer_cut,
            incomplete: cut(&request) || cut(&response) || lacks,
            body_cut: false,
            repaired,
            head_cut: response.is_none() && request.as_ref().is_some_and(is_head_cut),
        };
        let counters = &mut work.counters;
        for (count, counts) in [
            (&mut counters.exchanges, true),
            (&mut counters.unanswered, response.is_none()),
            (&mut counters.unasked, request.is_none()),
            (&mut counters.one_sided, flags.one_sided),
            (&mut counters.repaired, repaired),
        ] {
            *count = count.saturating_add(u64::from(counts));
        }
        work.out.push(Exchange {
            flow,
            proxied,
            flow_id: id,
            ordinal: self.ordinal,
            request,
            response,
            flags,
            completed,
            stage: Stage::Over,
        });
        self.ordinal = self.ordinal.saturating_add(1);
    }
}

/// A head that ends before its empty line.
fn is_head_cut(message: &Message) -> bool {
    let raw = &message.head.raw;
    !(raw.ends_with(b"\n\r\n") || raw.ends_with(b"\n\n"))
}
