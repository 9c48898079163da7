//! Hosts that are one application: `acme.app.test` and `globex.app.test`, a virtual host per
//! customer.
//!
//! A new host is a service of its own until its endpoints are those of another service nearby (at
//! the same address, or under the same domain), and answer alike. From then on both are one
//! service, which bears the name that was there first. What stands apart all the same are accounts
//! and numbers: `Sighting::realm` is the host.

use crate::evidence::{Likeness, likeness};
use crate::inventory::Inventory;
use crate::path::Path;
use crate::record::Record;
use crate::service::{Request, Service};
use crate::tree::{Method, NONE, Query};

/// Endpoints of both that answer alike, and in a way that says something.
const TELLING_MIN: u32 = 4;
/// Where pages say little: so many of those, and so many alike in all.
const TELLING_FEW: u32 = 2;
const ALIKE_MIN: u32 = 8;
/// Of the endpoints that both have, one in so many may differ; one in so many may be of one alone.
const DIFFERS_ONE_IN: u32 = 10;
const ALONE_ONE_IN: u32 = 4;
/// Endpoints that are compared at most.
const COMPARED_MAX: usize = 256;

/// How much of one service is another as well.
#[derive(Clone, Copy, Debug, Default)]
struct Common {
    telling: u32,
    alike: u32,
    differs: u32,
    alone: u32,
}

impl Common {
    fn is_one_application(self) -> bool {
        let enough =
            self.telling >= TELLING_MIN || self.telling >= TELLING_FEW && self.alike >= ALIKE_MIN;
        let both = self.alike.saturating_add(self.differs);
        let all = both.saturating_add(self.alone);
        enough
            && self.differs.saturating_mul(DIFFERS_ONE_IN) <= both
            && self.alone.saturating_mul(ALONE_ONE_IN) <= all
    }
}

impl Inventory {
    /// Looks, now and then, for a service that is the same application; the younger goes on in the
    /// older.
    pub(crate) fn join_siblings(&mut self, service: u32) {
        let Some(own) = self.services.get(service as usize) else { return };
        if !own.looks_round() {
            return;
        }
        for other in self.hosts.siblings(service) {
            let (young, old) = (service.max(other), service.min(other));
            if self.compare(young, old).is_one_application() && self.hosts.join(young, old) {
                self.unite(young, old);
                return;
            }
        }
    }

    fn compare(&self, young: u32, old: u32) -> Common {
        let mut common = Common::default();
        let (Some(young), Some(old)) =
            (self.services.get(young as usize), self.services.get(old as usize))
        else {
            return common;
        };
        for at in self.records.of_service(&young.name).into_iter().take(COMPARED_MAX) {
            let Some(own) = self.records.get(at) else { continue };
            if !own.confirmed || own.bucket || own.functions > 0 {
                continue;
            }
            let twin = self.twin(own, old).and_then(|at| self.records.get(at));
            let Some(twin) = twin.filter(|twin| twin.confirmed && !twin.bucket) else {
                common.alone = common.alone.saturating_add(1);
                continue;
            };
            match likeness(own, twin) {
                Likeness::Telling => {
                    common.telling = common.telling.saturating_add(1);
                    common.alike = common.alike.saturating_add(1);
                }
                Likeness::Same => common.alike = common.alike.saturating_add(1),
                Likeness::Weak if own.asks_like(twin) => {
                    common.telling = common.telling.saturating_add(1);
                    common.alike = common.alike.saturating_add(1);
                }
                Likeness::Weak => common.alike = common.alike.saturating_add(1),
                Likeness::Differs => common.differs = common.differs.saturating_add(1),
                Likeness::Unknown => {}
            }
        }
        common
    }

    /// The endpoint of another service that is asked for as one is.
    fn twin(&self, own: &Record, service: &Service) -> Option<u32> {
        if own.node == NONE {
            return self.records.twin(&service.name, own);
        }
        let (mut path, mut slots) = (Path::default(), Vec::new());
        path.parse(&own.sample);
        let method = Method::of(&own.endpoint.method);
        service.tree.find(Query { path: &path, method, soft: false }, &mut slots)
    }

    /// Lets the endpoints of one service go on in another.
    fn unite(&mut self, young: u32, old: u32) {
        let (Some(gone), Some(name)) = (
            self.services.get(young as usize).map(|young| young.name.clone()),
            self.services.get(old as usize).map(|old| old.name.clone()),
        ) else {
            return;
        };
        let (mut path, mut slots) = (Path::default(), Vec::new());
        for at in self.records.of_service(&gone) {
            let Some(own) = self.records.get(at) else { continue };
            if own.node == NONE || !own.confirmed || own.bucket {
                self.records.moves(at, &name);
                continue;
            }
            let (method, sample) = (Method::of(&own.endpoint.method), own.sample.clone());
            path.parse(&sample);
            let asked =
                Request { path: &path, sample: &sample, method, confirms: true, missing: false };
            let Some(service) = self.services.get_mut(old as usize) else { return };
            let found = service.file(&mut self.records, &self.limits, asked, &mut slots);
            self.records.absorb(found.record, at);
        }
        if let Some(young) = self.services.get_mut(young as usize) {
            *young = Service::new(gone);
        }
    }
}
