//! Which roles are those of everybody, whatever they are called.
//!
//! A clerk stands above the customers of a shop; where nearly all who sign in are clerks, it is
//! they who are the users.

use crate::rights::is_privileged;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_model::ActorId;

/// Principals of one service whose roles are counted; later ones don't change what is common.
const PRINCIPALS_MAX: usize = 4096;
const SERVICES_MAX: usize = 1024;
/// Principals with a known role from which on a role can be common.
const PRINCIPALS_MIN: usize = 12;

/// Roles of the principals of all services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    services: BTreeMap<Arc<str>, Service>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Service {
    roles: BTreeMap<ActorId, Arc<Vec<String>>>,
    counts: BTreeMap<String, usize>,
    common: Arc<Vec<String>>,
}

impl Standing {
    /// Notes the roles that a principal has; gives those that are common at the service.
    pub(crate) fn note(
        &mut self,
        service: &Arc<str>,
        id: ActorId,
        roles: &Arc<Vec<String>>,
    ) -> Arc<Vec<String>> {
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(service) {
            return Arc::default();
        }
        let service = self.services.entry(Arc::clone(service)).or_default();
        service.note(id, roles);
        Arc::clone(&service.common)
    }

    /// The roles that are common at a service.
    pub(crate) fn common(&self, service: &str) -> Arc<Vec<String>> {
        self.services.get(service).map(|known| Arc::clone(&known.common)).unwrap_or_default()
    }
}

impl Service {
    fn note(&mut self, id: ActorId, roles: &Arc<Vec<String>>) {
        let known = self.roles.get(&id);
        let full = known.is_none() && self.roles.len() >= PRINCIPALS_MAX;
        if roles.is_empty() || full || known.is_some_and(|known| known == roles) {
            return;
        }
        let before = self.roles.insert(id, Arc::clone(roles)).unwrap_or_default();
        for role in before.iter() {
            if let Some(count) = self.counts.get_mut(role) {
                *count = count.saturating_sub(1);
            }
        }
        for role in roles.iter() {
            *self.counts.entry(role.clone()).or_default() += 1;
        }
        self.counts.retain(|_, count| *count > 0);
        let all = self.roles.len();
        let most = self.counts.values().copied().max().unwrap_or(0);
        // Half of all; or a quarter, and no other role has more.
        let common = |count: usize| {
            all >= PRINCIPALS_MIN && (count * 2 >= all || (count == most && count * 4 >= all))
        };
        let common =
            self.counts.iter().filter(|(role, count)| is_privileged(role) && common(**count));
        let common: Vec<String> = common.map(|(role, _)| role.clone()).collect();
        if *self.common != common {
            self.common = Arc::new(common);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(roles: &[&str]) -> Vec<String> {
        let mut standing = Standing::default();
        let service: Arc<str> = "app".into();
        for (id, role) in roles.iter().enumerate() {
            standing.note(&service, ActorId(id as u64 + 1), &Arc::new(vec![(*role).to_owned()]));
        }
        (*standing.common("app")).clone()
    }

    #[test]
    fn a_role_of_nearly_all_is_no_privilege_and_one_of_few_is() {
        let with = |clerks: usize, others: usize, other: &'static str| {
            let mut roles = vec!["clerk"; clerks];
            roles.extend(vec![other; others]);
            common(&roles)
        };
        assert_eq!(with(18, 2, "admin"), ["clerk"]);
        assert_eq!(with(2, 18, "customer"), [""; 0]);
        assert_eq!(with(7, 13, "customer"), [""; 0]);
        // Of a handful nothing is concluded.
        assert_eq!(with(5, 1, "admin"), [""; 0]);
    }

    #[test]
    fn a_principal_counts_once_with_the_roles_that_it_has_now() {
        let mut standing = Standing::default();
        let service: Arc<str> = "app".into();
        let role = |role: &str| Arc::new(vec![role.to_owned()]);
        for id in 1..20 {
            standing.note(&service, ActorId(id), &role("staff"));
        }
        for id in 1..20 {
            standing.note(&service, ActorId(id), &role("guest"));
        }
        assert!(standing.common("app").is_empty());
    }
}
