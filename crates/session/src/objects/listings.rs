//! Lists by what they give to whom: everybody the own, everybody all, or somebody more than the
//! rest.
//!
//! Where a list gives most of those who ask their own things only, it chooses by right, and what it
//! gives to one of the few, whoever is named in it, was shown to that one by right.

use super::shows::Shown;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use stilt_model::{ActorId, EndpointId};

const PLACES_MAX: usize = 20_000;
/// Receivers that are told apart per list, of each sort.
const RECEIVERS_MAX: usize = 64;
/// So many who own something, or nobody by name, see others' records at a public place, and they
/// are one in so many of those who do: where parents and teachers read what is of pupils, two
/// pupils who get at it too make it public to nobody.
const PUBLIC_MIN: usize = 2;
const PUBLIC_SHARE: usize = 4;
/// So many were given their own only where a list chooses by right, and so many times more than
/// were given others'.
const OWN_ONLY_MIN: usize = 5;
const OWN_ONLY_TIMES: usize = 2;

/// Who got which records at one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    foreign: BTreeSet<ActorId>,
    anybody: bool,
    /// Who got records that name them, and none of others.
    #[serde(default)]
    own: BTreeSet<ActorId>,
}

impl Place {
    /// Most are given their own only.
    fn chooses(&self) -> bool {
        let own = self.own.len();
        !self.anybody
            && own >= OWN_ONLY_MIN
            && own >= self.foreign.len().saturating_mul(OWN_ONLY_TIMES)
    }
}

/// What an answer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gave {
    /// Records that name the one who asked.
    pub(super) own: bool,
    /// Records of others.
    pub(super) foreign: bool,
    /// Nobody by name asked.
    pub(super) to_anybody: bool,
    /// Records of several.
    pub(super) several: bool,
}

/// All lists.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Listings(HashMap<EndpointId, Place, RandomState>);

impl Listings {
    /// Notes what an endpoint gave to whom.
    pub(super) fn note(&mut self, place: EndpointId, actor: ActorId, gave: Gave) {
        let place = Shown::place(place);
        if !(gave.own || gave.foreign)
            || (self.0.len() >= PLACES_MAX && !self.0.contains_key(&place))
        {
            return;
        }
        let place = self.0.entry(place).or_default();
        // Who is not known by name and gets the things of one may be that one.
        place.anybody |= gave.to_anybody && gave.foreign && gave.several;
        if gave.to_anybody {
            return;
        }
        let sort = if gave.foreign {
            place.own.remove(&actor);
            &mut place.foreign
        } else if place.foreign.contains(&actor) {
            return;
        } else {
            &mut place.own
        };
        if sort.len() < RECEIVERS_MAX {
            sort.insert(actor);
        }
    }

    /// The endpoint shows others' records to those who own some themselves (`owns`), or to
    /// anybody.
    pub(super) fn is_public(&self, place: EndpointId, owns: impl Fn(ActorId) -> bool) -> bool {
        self.0.get(&Shown::place(place)).is_some_and(|place| {
            let owning = place.foreign.iter().filter(|actor| owns(**actor)).count();
            let many =
                owning >= PUBLIC_MIN && owning.saturating_mul(PUBLIC_SHARE) >= place.foreign.len();
            place.anybody || (many && !place.chooses())
        })
    }

    /// The endpoint gives most of those who ask their own only.
    pub(super) fn chooses(&self, place: EndpointId) -> bool {
        self.0.get(&Shown::place(place)).is_some_and(Place::chooses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: EndpointId = EndpointId(7);

    fn listings(own: u64, foreign: u64) -> Listings {
        let mut listings = Listings::default();
        let gave = |foreign| Gave { own: true, foreign, to_anybody: false, several: foreign };
        (0..own).for_each(|who| listings.note(LIST, ActorId(who), gave(false)));
        (0..foreign).for_each(|who| listings.note(LIST, ActorId(1000 + who), gave(true)));
        listings
    }

    #[test]
    fn a_list_chooses_where_most_get_their_own_only() {
        assert!(listings(12, 3).chooses(LIST));
        assert!(!listings(12, 3).is_public(LIST, |_| true));
        assert!(!listings(4, 1).chooses(LIST), "too few are known");
        // Everybody gets all of it.
        assert!(!listings(0, 30).chooses(LIST) && listings(0, 30).is_public(LIST, |_| true));
        assert!(!listings(12, 12).chooses(LIST));
        // More than can be told apart on both sides.
        assert!(!listings(900, 900).chooses(LIST) && listings(900, 20).chooses(LIST));
    }

    #[test]
    fn a_few_who_get_at_what_others_read_for_a_living_make_no_place_public() {
        let parents = listings(0, 30);
        assert!(!parents.is_public(LIST, |who| who.0 >= 1028));
        assert!(parents.is_public(LIST, |who| who.0 >= 1020));
    }

    #[test]
    fn who_got_others_once_is_none_of_those_who_get_their_own() {
        let mut listings = listings(6, 0);
        assert!(listings.chooses(LIST));
        let all = Gave { own: true, foreign: true, to_anybody: false, several: true };
        (0..3).for_each(|who| listings.note(LIST, ActorId(who), all));
        let own = Gave { foreign: false, ..all };
        (0..3).for_each(|who| listings.note(LIST, ActorId(who), own));
        assert!(!listings.chooses(LIST));
    }

    #[test]
    fn what_anybody_gets_is_public() {
        let mut listings = listings(12, 0);
        let of_one = Gave { own: false, foreign: true, to_anybody: true, several: false };
        listings.note(LIST, ActorId(98), of_one);
        assert!(listings.chooses(LIST), "a credential that is not understood");
        listings.note(LIST, ActorId(99), Gave { several: true, ..of_one });
        assert!(listings.is_public(LIST, |_| false) && !listings.chooses(LIST));
    }
}
