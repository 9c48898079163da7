//! What the session floor says of one transaction.

use crate::rights::is_privileged;
use crate::signatures::Signature;
use core::net::IpAddr;
use std::sync::Arc;
use stilt_model::{Actor, ActorId, Origin, Pseudonym, SessionRef};

/// Who a transaction belongs to, on every level that is known.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The best name there is: principal, else the session's credential, else the client.
    pub actor: Arc<Actor>,
    /// Address and fingerprint.
    pub client: ActorId,
    /// Client address after trusted-proxy resolution.
    pub client_ip: IpAddr,
    /// Where that address is, as enrichment says.
    pub origin: Option<Arc<Origin>>,
    /// A trusted proxy stood between: `client_ip` is a forwarded address.
    pub forwarded: bool,
    /// Clients that look alike (header order, user-agent family).
    pub cluster: ActorId,
    /// The named principal, where known.
    pub principal: Option<ActorId>,
    /// The named principal as records show it.
    pub person: Option<Arc<Actor>>,
    /// Whom records say it is of: the actor, but a sign-in that succeeded is of the one who signs
    /// in, and a request without a credential of the one who uses its connection. Nothing is
    /// concluded from it.
    pub shown: Arc<Actor>,
    /// Everything this principal is known to be called: name, JWT subject, ids and addresses from
    /// its
    /// claims and from answers to its login, as leaf values would show them. Sorted.
    pub aliases: Arc<Vec<String>>,
    /// Roles, from claims.
    pub roles: Arc<Vec<String>>,
    /// Roles inferred from answers about the principal itself (`role`, `is_admin`, `scopes`).
    pub told_roles: Arc<Vec<String>>,
    /// Roles of the service that are called like those above users, and that most have: they are
    /// the users there. Sorted.
    pub common_roles: Arc<Vec<String>>,
    /// Tenant, from claims, else from answers about the principal itself.
    pub tenant: Option<Arc<str>>,
    /// All tenants that the principal belongs to, from the same sources. Sorted.
    pub tenants: Arc<Vec<String>>,
    /// The request carried a credential that the application issued or accepts.
    pub authenticated: bool,
    /// A gateway that signs in for the service says in headers whom the request is for.
    pub vouched: bool,
    /// The request names this known user in a header as a gateway would, from where none sits: it
    /// is not believed.
    pub pretends: Option<Arc<str>>,
    /// The tenant that the user keeps to, and the other one that a header names.
    pub strays: Option<(Arc<str>, Arc<str>)>,
    /// The name of the field that tells roles at the service, where it has none of the usual names:
    /// letters and digits, in lower case.
    pub rank_field: Option<String>,
    /// The agent that acts, where the configuration says where that stands.
    pub agent: Option<Arc<str>>,
    /// It shows a name with the password that its maker gave to both (`admin` with `admin`).
    pub default_credentials: bool,
    /// What the signatures of the tokens it carries are worth.
    pub tokens: Vec<(Pseudonym, Signature)>,
    /// The session.
    pub session: SessionRef,
}

impl Seen {
    /// What the signature of its token is worth: the worst, where it carries several.
    #[must_use]
    pub fn signature(&self) -> Option<Signature> {
        self.tokens.iter().map(|(_, worth)| *worth).max()
    }

    /// The role stands above users at the service.
    #[must_use]
    pub fn is_above(&self, role: &String) -> bool {
        is_privileged(role) && self.common_roles.binary_search(role).is_err()
    }

    /// Roles from claims, else those inferred from answers.
    #[must_use]
    pub fn best_roles(&self) -> &Arc<Vec<String>> {
        if self.roles.is_empty() { &self.told_roles } else { &self.roles }
    }
}
