//! Vouchers that one place hands its user for another: the code of OAuth 2.0 and OpenID Connect
//! (RFC 6749 §4.1.2), the ticket of CAS and their like. A redirect carries it to the other place,
//! whose session is that user's from then on, also where no password was asked for again.

use core::hash::BuildHasher;
use core::net::IpAddr;
use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stilt_model::{ActorId, Place, Timestamp, Transaction, Value, saved::Keyed};

/// Vouchers remembered at most; the older half goes first.
const VOUCHERS_MAX: usize = 100_000;
/// Values of one redirect, and parameters of one request that are looked at.
const VALUES_MAX: usize = 8;
/// A voucher is longer than any number or word.
const LENGTH_MIN: usize = 16;
/// Browsers follow a redirect at once; RFC 6749 §4.1.2 has codes end after ten minutes.
const VALID: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Voucher {
    user: ActorId,
    /// Who was sent on: what others bring is an invitation, or stolen.
    bearer: u64,
    at: Timestamp,
}

/// What was handed out, and to whom.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Vouchers {
    given: [HashMap<u64, Voucher, RandomState>; 2],
    hasher: Keyed,
}

impl Vouchers {
    /// An answer sends `user` on with what its request did not hold.
    pub(crate) fn note(&mut self, tx: &Transaction, ip: IpAddr, user: ActorId) {
        let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return };
        let Some(location) = response.location.as_deref() else { return };
        if !(300..400).contains(&response.status) {
            return;
        }
        let Some((_, query)) = location.split_once('?') else { return };
        let query = query.split('#').next().unwrap_or_default();
        let asked = request.query.as_deref().unwrap_or_default();
        let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
        let fresh = values.filter(|value| is_drawn(value) && !asked.contains(value));
        let voucher = Voucher { user, bearer: self.bearer(tx, ip), at: tx.end };
        for value in fresh.take(VALUES_MAX) {
            let key = self.hasher.hash_one(value);
            let [young, old] = &mut self.given;
            if young.len() >= VOUCHERS_MAX / 2 {
                *old = core::mem::take(young);
            }
            young.insert(key, voucher);
        }
    }

    /// Whose voucher a request brings, where that is followed by a session.
    pub(crate) fn brought(&self, tx: &Transaction, ip: IpAddr) -> Option<ActorId> {
        let (request, response) = (tx.request.as_ref()?, tx.response.as_ref()?);
        if response.status >= 400 || self.given.iter().all(HashMap::is_empty) {
            return None;
        }
        let bearer = self.bearer(tx, ip);
        let brought = request.leaves.iter().filter(|leaf| {
            matches!(leaf.place, Place::Query | Place::Form) && !leaf.path.contains("[]")
        });
        let values = brought.take(VALUES_MAX).filter_map(|leaf| match &leaf.value {
            Value::Text(text) if is_drawn(text) => Some(text.to_string()),
            Value::Masked { mark, .. } => Some(mark.to_string()),
            _ => None,
        });
        let mut known = values.filter_map(|value| {
            let key = self.hasher.hash_one(value.as_str());
            self.given.iter().find_map(|half| half.get(&key))
        });
        let holds =
            |voucher: &&Voucher| voucher.bearer == bearer && tx.start.since(voucher.at) <= VALID;
        known.find(holds).map(|voucher| voucher.user)
    }

    /// Address and make of the client: headers differ from host to host.
    fn bearer(&self, tx: &Transaction, ip: IpAddr) -> u64 {
        let agent = tx.request.as_ref().and_then(|request| request.user_agent.as_deref());
        self.hasher.hash_one((ip, agent))
    }
}

/// Drawn by chance, or the mark of what is.
fn is_drawn(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    value.len() >= LENGTH_MIN && digits >= 3 && letters >= 3 && !value.contains(' ')
}
