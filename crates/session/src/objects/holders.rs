//! Who was shown an object as own.

use super::staff::Staff;
use serde::{Deserialize, Serialize};
use stilt_model::ActorId;

/// More holders than these make an object shared.
const HOLDERS_MAX: usize = 3;
/// Holders of what was shown to somebody unnamed.
const ANYBODY: u8 = u8::MAX;

/// In the place of a tenant: it stands below several.
const SEVERAL: u64 = 0;

/// Who was shown one object as own, the first few, and what it says of itself.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Holders {
    first: [u64; HOLDERS_MAX],
    count: u8,
    /// Hash of the name in its owner field.
    pub(super) named: Option<u64>,
    /// Hash of the tenant that it names, or below which it stands.
    tenant: Option<u64>,
    /// The first of them made it.
    made: bool,
}

impl Holders {
    /// It names a tenant, or stands below one: what it names says more.
    pub(super) fn stands_below(&mut self, named: Option<u64>, below: Option<u64>) {
        self.tenant = match (named, self.tenant, below) {
            (Some(named), ..) => Some(named),
            (None, Some(known), Some(below)) if known != below => Some(SEVERAL),
            (None, known, below) => known.or(below),
        };
    }

    /// The one tenant whose it is, as far as is known.
    pub(super) fn tenant(&self) -> Option<u64> {
        self.tenant.filter(|tenant| *tenant != SEVERAL)
    }

    fn held(&self) -> impl Iterator<Item = ActorId> {
        self.first.iter().take(usize::from(self.count)).map(|held| ActorId(*held))
    }

    /// Adds one to whom it is shown; `made`: by its own act. Those who work with everybody's things
    /// make room for others.
    pub(super) fn add(&mut self, actor: ActorId, made: bool, staff: &mut Staff) {
        if self.is_anybodys() || self.holds(actor) {
            return;
        }
        if self.count > 0 {
            staff.shares(actor);
        }
        if let (1, Some(first)) = (self.count, self.held().next()) {
            staff.shares(first);
        }
        self.made |= made && self.count == 0;
        if let Some(slot) = self.first.get_mut(usize::from(self.count)) {
            *slot = actor.0;
            self.count += 1;
            return;
        }
        self.count = self.count.max(HOLDERS_MAX as u8 + 1);
        let mut replaced = self.first.iter_mut().skip(usize::from(self.made));
        let replaced = replaced.find(|held| staff.is(ActorId(**held)));
        if let (Some(slot), false) = (replaced, staff.is(actor)) {
            *slot = actor.0;
        }
    }

    /// It was shown to somebody unnamed.
    pub(super) fn is_shown_to_anybody(&mut self) {
        self.count = ANYBODY;
    }

    fn is_anybodys(&self) -> bool {
        self.count == ANYBODY
    }

    /// Nobody was shown it.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// It is common to many; one among those who work with it is not.
    pub(super) fn many(&self, staff: &Staff) -> bool {
        usize::from(self.count) > HOLDERS_MAX
            && (self.is_anybodys() || self.apart(staff).count() != 1)
    }

    /// The holders that do not work with everybody's.
    fn apart<'a>(&'a self, staff: &'a Staff) -> impl Iterator<Item = ActorId> + 'a {
        self.held().filter(|held| !staff.is(*held))
    }

    /// The one whose it is.
    pub(super) fn single(&self, staff: &Staff) -> Option<ActorId> {
        if self.is_anybodys() {
            return None;
        }
        if self.count == 1 {
            return self.held().next();
        }
        let mut apart = self.apart(staff);
        apart.next().filter(|_| apart.next().is_none())
    }

    /// It was made by the one.
    pub(super) fn made_by(&self, actor: ActorId) -> bool {
        self.made && self.first.first() == Some(&actor.0)
    }

    pub(super) fn holds(&self, actor: ActorId) -> bool {
        self.held().any(|held| held == actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clinic: each patient is shown its file, and four who work there all files.
    fn clinic(patients: u64, workers: u64) -> (Vec<Holders>, Staff) {
        let mut staff = Staff::default();
        let mut files = vec![Holders::default(); usize::try_from(patients).unwrap()];
        for who in (1000..1000 + workers).rev() {
            files.iter_mut().for_each(|file| file.add(ActorId(who), false, &mut staff));
        }
        for (patient, file) in (1..).zip(&mut files) {
            file.add(ActorId(patient), false, &mut staff);
        }
        (files, staff)
    }

    #[test]
    fn a_file_is_the_patients_whoever_works_with_it() {
        let (files, staff) = clinic(60, 4);
        assert!(staff.is(ActorId(1000)) && !staff.is(ActorId(1)));
        let last = files.last().unwrap();
        assert!(!last.many(&staff));
        assert_eq!(last.single(&staff), Some(ActorId(60)));
    }

    #[test]
    fn what_all_are_shown_is_common() {
        let mut staff = Staff::default();
        let mut goods = vec![Holders::default(); 40];
        for who in 1..40 {
            goods.iter_mut().for_each(|good| good.add(ActorId(who), false, &mut staff));
        }
        assert!(goods.iter().all(|good| good.many(&staff) && good.single(&staff).is_none()));
    }

    #[test]
    fn what_stands_below_several_tenants_is_none_of_theirs() {
        let mut good = Holders::default();
        good.stands_below(None, Some(5));
        assert_eq!(good.tenant(), Some(5));
        good.stands_below(None, Some(6));
        assert_eq!(good.tenant(), None);
        good.stands_below(Some(7), None);
        assert_eq!(good.tenant(), Some(7));
    }

    #[test]
    fn what_one_made_stays_its_own() {
        let mut staff = Staff::default();
        let mut file = Holders::default();
        file.add(ActorId(7), true, &mut staff);
        file.add(ActorId(8), true, &mut staff);
        assert!(file.made_by(ActorId(7)) && !file.made_by(ActorId(8)));
    }
}
