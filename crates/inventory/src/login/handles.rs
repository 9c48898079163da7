//! Which endpoints send one-time codes, told by what follows: the handle that an answer holds is
//! given back beside a code.
//!
//! `POST /start {"msisdn":…} → {"ref":…}`, then `POST /confirm {"ref":…,"code":…}`: no word of the
//! first says what it does.

use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, VecDeque};
use stilt_model::{EndpointId, Leaf, Request, Response, Value, saved};

/// Handles remembered of one service.
const HANDLES_MAX: usize = 2048;
/// Endpoints that send codes.
const SENDERS_MAX: usize = 64;
/// Leaves of a request that asks for a code: somebody, and little else.
const ASKED_MAX: usize = 3;
/// Leaves of an answer that looks like a handle.
const ANSWER_MAX: usize = 8;
/// Shortest text that is a handle.
const HANDLE_MIN: usize = 6;

/// What is remembered of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Handles {
    hasher: saved::Keyed,
    given: HashMap<u64, EndpointId, RandomState>,
    order: VecDeque<u64>,
    senders: BTreeSet<EndpointId>,
}

impl Handles {
    /// The endpoint sends codes.
    pub(crate) fn sends(&self, endpoint: EndpointId) -> bool {
        self.senders.contains(&endpoint)
    }

    /// Notes the handles in the answer to one who is nobody yet and names somebody.
    pub(crate) fn note(&mut self, endpoint: EndpointId, request: &Request, response: &Response) {
        let asks = request.method == "POST"
            && request.credentials.is_empty()
            && (1..=ASKED_MAX).contains(&request.leaves.len())
            && response.status < 300
            && response.leaves.len() <= ANSWER_MAX;
        if !asks || self.sends(endpoint) {
            return;
        }
        for key in keys(&response.leaves, &self.hasher) {
            if self.given.insert(key, endpoint).is_none() {
                self.order.push_back(key);
            }
        }
        while self.order.len() > HANDLES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.given.remove(&oldest);
            }
        }
    }

    /// A code is given: who gave the handle beside it has sent the code.
    pub(crate) fn code_given(&mut self, endpoint: EndpointId, request: &Request) {
        if self.given.is_empty() || self.senders.len() >= SENDERS_MAX {
            return;
        }
        let path = request.path.split('/').filter(|segment| segment.len() >= HANDLE_MIN);
        let path = path.map(|segment| self.hasher.hash_one(segment));
        let found =
            keys(&request.leaves, &self.hasher).chain(path).find_map(|key| self.given.get(&key));
        if let Some(sender) = found.copied().filter(|sender| *sender != endpoint) {
            self.senders.insert(sender);
        }
    }
}

/// Keys of the values that may be handles.
pub(crate) fn keys(leaves: &[Leaf], hasher: &saved::Keyed) -> impl Iterator<Item = u64> {
    let plain = leaves.iter().take(ANSWER_MAX).filter(|leaf| !leaf.path.in_array());
    plain.filter_map(move |leaf| match &leaf.value {
        Value::Masked { mark, .. } => Some(hasher.hash_one(mark.digest)),
        Value::Text(text) if text.len() >= HANDLE_MIN && is_opaque(text) => {
            Some(hasher.hash_one(text.as_str()))
        }
        _ => None,
    })
}

/// No word and no sentence: it holds a digit, and no blank.
fn is_opaque(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use crate::test_support::{World, post};
    use crate::{Config, Inventory, StepKind};

    /// Steps told of asking for a code, before and after `second` was seen.
    fn asked(first: (&str, &str), second: (&str, &str)) -> [Option<StepKind>; 2] {
        let mut world = World::new();
        let mut inventory = Inventory::new(&Config::default());
        let mut see = |path: &str, body: &str, answer: &str| {
            let tx = world.tx(post(path).json(body).answer(answer));
            inventory.observe(&tx).step.map(|step| step.kind)
        };
        let before = see("/m/begin", first.0, first.1);
        see(second.0, second.1, r#"{"ok":true,"session":"k2j4h5g6f7d8s9a0q1w2"}"#);
        [before, see("/m/begin", first.0, first.1)]
    }

    #[test]
    fn what_comes_before_a_code_has_sent_it() {
        let start = (r#"{"msisdn":"+41791234567"}"#, r#"{"ref":"x7k2p9q4"}"#);
        let given = ("/m/confirm", r#"{"ref":"x7k2p9q4","otp":"123456"}"#);
        assert_eq!(asked(start, given), [None, Some(StepKind::CodeSent)]);
        // Another handle beside the code; no code beside the handle.
        let other = ("/m/confirm", r#"{"ref":"zzz99999","otp":"123456"}"#);
        assert_eq!(asked(start, other), [None, None]);
        let plain = ("/m/confirm", r#"{"ref":"x7k2p9q4","colour":"blue"}"#);
        assert_eq!(asked(start, plain), [None, None]);
        // A payment that is confirmed by a PIN sends none.
        let pay = (
            r#"{"msisdn":"+41791234567","amount":5,"currency":"EUR","note":"x"}"#,
            r#"{"ref":"x7k2p9q4"}"#,
        );
        assert_eq!(asked(pay, given), [None, None]);
    }
}
