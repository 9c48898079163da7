//! Which cookies tell that somebody was let in, learned from where else they are set.

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use stilt_model::{CredentialKind, Issued, Request, Response, Transaction};

/// Names of cookies remembered for a service.
const NAMES_MAX: usize = 256;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Cookie {
    /// Given to clients that had none, on answers that let nobody in.
    given: bool,
    /// Changed for clients that had one, on answers that let nobody in.
    changed: bool,
    /// Set where somebody was let in.
    lets_in: bool,
}

/// The cookies of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cookies(HashMap<Box<str>, Cookie, RandomState>);

impl Cookies {
    /// A response that let nobody in: what it sets tells nothing.
    pub(crate) fn learn(&mut self, tx: &Transaction) {
        let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return };
        for issued in set(response) {
            let carried = carried(request, issued);
            if let Some(cookie) = self.entry(&issued.name) {
                match carried {
                    None => cookie.given = true,
                    Some(same) => cookie.changed |= !same,
                }
            }
        }
    }

    /// A response that let somebody in.
    pub(crate) fn let_in(&mut self, response: &Response) {
        for issued in set(response) {
            if let Some(cookie) = self.entry(&issued.name) {
                cookie.lets_in = true;
            }
        }
    }

    fn entry(&mut self, name: &str) -> Option<&mut Cookie> {
        if !self.0.contains_key(name) {
            if self.0.len() >= NAMES_MAX {
                return None;
            }
            self.0.insert(name.into(), Cookie::default());
        }
        self.0.get_mut(name)
    }

    /// The response sets a cookie that is not set in that way where nobody is let in.
    pub(crate) fn tells(&self, request: &Request, response: Option<&Response>) -> bool {
        response.is_some_and(|response| {
            set(response).any(|issued| {
                let known = self.0.get(issued.name.as_str()).copied().unwrap_or_default();
                match carried(request, issued) {
                    None => !known.given,
                    Some(same) => !same && !known.changed,
                }
            })
        })
    }

    /// A sign-in set the cookie, and it is no mark against forged requests.
    pub(crate) fn lets_in(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        let guard = ["csrf", "xsrf"].iter().any(|word| lower.contains(word));
        !guard && self.0.get(name).is_some_and(|cookie| cookie.lets_in)
    }

    /// The response takes away a cookie that is set where somebody is let in.
    pub(crate) fn ends(&self, request: &Request, response: Option<&Response>) -> bool {
        response.is_some_and(|response| {
            response.issued.iter().any(|issued| {
                issued.cleared
                    && carried(request, issued).is_some()
                    && self.0.get(issued.name.as_str()).is_some_and(|cookie| cookie.lets_in)
            })
        })
    }
}

fn set(response: &Response) -> impl Iterator<Item = &Issued> {
    response.issued.iter().filter(|issued| issued.kind == CredentialKind::Cookie && !issued.cleared)
}

/// The request carried that cookie; `true`: with that very value.
fn carried(request: &Request, issued: &Issued) -> Option<bool> {
    request
        .credentials
        .iter()
        .find(|own| own.kind == CredentialKind::Cookie && own.name == issued.name)
        .map(|own| own.mark == issued.mark)
}
