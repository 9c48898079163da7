//! Which tokens a service's users are known to come with.
//!
//! Anybody can write a token that claims rights, and send it where nobody looks at it. What such a
//! token claims of one who is known otherwise is believed once others came with tokens of its make.

use core::hash::BuildHasher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{ActorId, Jwt, saved::Keyed};

/// Principals that came with tokens of a make before these are the service's.
const USERS_MIN: usize = 3;
/// Makes remembered; what comes later is not believed.
const MAKES_MAX: usize = 4096;

/// Makes of tokens, with the first few who came with one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Precedents {
    makes: BTreeMap<u64, Vec<ActorId>>,
    hasher: Keyed,
}

impl Precedents {
    /// Notes that somebody came with a token; whether enough others did with one of its make.
    pub(crate) fn note(&mut self, service: &str, jwt: &Jwt, id: ActorId) -> bool {
        let make = self.hasher.hash_one((service, &jwt.alg, &jwt.iss, &jwt.kid));
        let room = self.makes.len() < MAKES_MAX;
        if !room && !self.makes.contains_key(&make) {
            return false;
        }
        let users = self.makes.entry(make).or_default();
        if users.len() <= USERS_MIN && !users.contains(&id) {
            users.push(id);
        }
        users.iter().filter(|user| **user != id).count() >= USERS_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_make_is_known_once_three_others_came_with_it() {
        let mut precedents = Precedents::default();
        let token = |alg: &str| Jwt { alg: alg.to_owned(), ..Jwt::default() };
        for user in 1..=3 {
            assert!(!precedents.note("shop", &token("HS256"), ActorId(user)));
        }
        assert!(!precedents.note("shop", &token("HS256"), ActorId(2)), "two others");
        assert!(precedents.note("shop", &token("HS256"), ActorId(9)));
        assert!(!precedents.note("shop", &token("none"), ActorId(9)));
        assert!(!precedents.note("bank", &token("HS256"), ActorId(9)));
    }
}
