//! Who sends a request: from the credentials it carries, and from what was bound to them at
//! sign-in.

use crate::aliases;
use crate::carried;
use crate::delegates::{Delegates, For};
use crate::gateways::{Gateways, Said, Says};
use crate::mirrors::Mirrors;
use crate::pending::Pending;
use crate::people::People;
use crate::precedents::Precedents;
use crate::principal::Principal;
use crate::ranks::Ranks;
use crate::signatures::Signature;
use crate::standing::Standing;
use crate::told;
use crate::vouchers::Vouchers;
use core::hash::{BuildHasher, Hasher};
use core::net::IpAddr;
use foldhash::fast::{FixedState, RandomState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_inventory::{EndpointKind, Sighting};
use stilt_model::{
    Actor, ActorId, ActorKind, Credential, CredentialKind, IdBuilder, Issued, Jwt, Outcome,
    Pseudonym, Request, Response, SmolStr, Transaction, saved::Keyed,
};

mod given;
mod own;

pub(crate) use given::check;
use given::{Found, Given};
pub use given::{IdentityKey, Names, Of};
use own::{in_body, is_of_itself, masked, name_given, written_to_itself};

/// Credentials that are bound to a principal, remembered at most; the older half goes first.
const BOUND_MAX: usize = 1_000_000;
const SUBJECTS_MAX: usize = 500_000;
const CLIENTS_MAX: usize = 200_000;
/// Leaves of a request among which a session is looked for.
const LEAVES_MAX: usize = 32;
/// Names of cookies that sign-in hands out, per service.
const COOKIE_NAMES_MAX: usize = 16;

/// How one is known whom nothing but a token names.
const BY_TOKEN: &str = "JWT subject";

/// What a credential is bound to that was handed out before anybody signed in.
const NOBODY: ActorId = ActorId(0);

/// An address with its fingerprint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) actor: Arc<Actor>,
    pub(crate) cluster: ActorId,
}

/// What headers of one request claim that is not believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// It names somebody, and comes from where no gateway sits.
    strange: bool,
    /// Whom it names so, where that is a known user.
    pub(crate) pretends: Option<Arc<str>>,
    /// The tenant that its user keeps to, and the one that it names.
    pub(crate) strays: Option<(Arc<str>, Arc<str>)>,
}

/// Who a request was found to be from.
pub(crate) enum Who {
    /// A named principal.
    Principal(ActorId),
    /// A credential whose owner is not known.
    Credential(Arc<Actor>),
    /// Nobody but the client.
    Nobody,
}

/// Principals, and the credentials that stand for them.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Identity {
    bound: [HashMap<[u64; 2], ActorId, RandomState>; 2],
    principals: People,
    /// Subject of a token → principal that signed in under another name.
    subjects: HashMap<(Arc<str>, String), ActorId, RandomState>,
    delegates: Delegates,
    gateways: Gateways,
    pending: Pending,
    vouchers: Vouchers,
    standing: Standing,
    mirrors: Mirrors,
    precedents: Precedents,
    ranks: Ranks,
    /// What the headers of the present request claim against custom.
    #[serde(skip)]
    claims: Claims,
    /// Where identity is found, as configured, and what that says of the present request.
    #[serde(skip)]
    given: Given,
    #[serde(skip)]
    found: Found,
    cookies: BTreeMap<Arc<str>, BTreeSet<String>>,
    clients: HashMap<u64, Client, RandomState>,
    unnamed: HashMap<[u64; 2], Arc<Actor>, RandomState>,
    hasher: Keyed,
}

/// A hash of the letters of a user agent: versions change, makes do not.
pub(crate) fn agent_family(agent: &str) -> u64 {
    let mut hasher = FixedState::with_seed(7).build_hasher();
    for byte in agent.bytes().filter(u8::is_ascii_alphabetic).take(256) {
        hasher.write_u8(byte);
    }
    hasher.finish()
}

impl Identity {
    /// A principal as it is told.
    pub(crate) fn actor(&self, id: ActorId) -> Option<&Arc<Actor>> {
        self.principals.get(id).map(|known| &known.actor)
    }

    /// The client level of a request.
    pub(crate) fn client(
        &mut self,
        ip: IpAddr,
        request: Option<&Request>,
        service: &str,
    ) -> Client {
        let agent = request.and_then(|request| request.user_agent.as_deref()).unwrap_or_default();
        let order = request.map_or(0, |request| request.header_order);
        let mut hasher = self.hasher.build_hasher();
        match ip {
            IpAddr::V4(ip) => hasher.write(&ip.octets()),
            IpAddr::V6(ip) => hasher.write(&ip.octets()),
        }
        hasher.write_u64(order);
        hasher.write(agent.as_bytes());
        hasher.write(service.as_bytes());
        let key = hasher.finish();
        if let Some(client) = self.clients.get(&key) {
            return client.clone();
        }
        let family = agent_family(agent);
        let shown = ip.to_string();
        let id = IdBuilder::new("client").text(&shown).number(order).number(family).finish();
        let cluster = IdBuilder::new("cluster").text(service).number(order).number(family).finish();
        let client = Client {
            actor: Arc::new(Actor {
                id: ActorId(id),
                kind: ActorKind::Client,
                name: format!("client:{shown}"),
                user: None,
                roles: Vec::new(),
                identified_by: SmolStr::new_static("address and client fingerprint"),
            }),
            cluster: ActorId(cluster),
        };
        if self.clients.len() >= CLIENTS_MAX {
            self.clients.clear();
        }
        self.clients.insert(key, client.clone());
        client
    }

    /// Roles of everybody at a service, with those of the principal counted.
    pub(crate) fn common_roles(
        &mut self,
        service: &Arc<str>,
        who: Option<ActorId>,
    ) -> Arc<Vec<String>> {
        match who.and_then(|id| self.principals.get(id)) {
            Some(known) => {
                let best = if known.roles.is_empty() { &known.told } else { &known.roles };
                let id = known.actor.id;
                match self.ranks.of(service, id).filter(|_| best.is_empty()) {
                    Some(rank) => self.standing.note(service, id, &Arc::new(vec![rank])),
                    None => self.standing.note(service, id, best),
                }
            }
            None => self.standing.common(service),
        }
    }

    /// What headers of the present request claim against custom.
    pub(crate) fn claimed(&mut self) -> Claims {
        core::mem::take(&mut self.claims)
    }

    /// What a principal is, as a field without a usual name tells it.
    pub(crate) fn rank(&self, service: &str, id: ActorId) -> Option<String> {
        self.ranks.of(service, id)
    }

    /// The name of that field.
    pub(crate) fn rank_field(&self, service: &str) -> Option<String> {
        self.ranks.field(service)
    }

    /// A principal is heard of.
    pub(crate) fn used(&mut self, id: ActorId) {
        self.principals.used(id);
    }

    pub(crate) fn principal(&self, id: ActorId) -> Option<&Principal> {
        self.principals.get(id)
    }

    /// Who sends this request, from which `client`; `tokens`: what signatures are worth. A forged
    /// one names nobody.
    pub(crate) fn who(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        client: ActorId,
        tokens: &[(Pseudonym, Signature)],
    ) -> Who {
        let Some(request) = &tx.request else { return Who::Nobody };
        if let Some(id) = self.by_keys(tx, sighting) {
            return Who::Principal(id);
        }
        let refused = tx.status() == Some(401);
        match self.delegates.see(request) {
            For::User(user) => {
                let service = &sighting.service;
                let known = self.subject(&sighting.realm, user);
                let by = "user named by a service that asks for many";
                if let Some(id) = known.or_else(|| self.name(&sighting.realm, user, by)) {
                    self.is_said(id, request, service, user);
                    return Who::Principal(id);
                }
            }
            For::Anybody => return Who::Nobody,
            For::Itself => {}
        }
        if let Some(id) = self.by_gateway(tx, request, sighting, client) {
            return Who::Principal(id);
        }
        // Beside what was handed out before anybody signed in (a mark against forged forms).
        let mut bound = request.credentials.iter().filter_map(|own| self.bound_to(own.mark));
        if let Some(id) = bound.find(|id| *id != NOBODY) {
            // Another token beside the one that is known may be anybody's, or made up.
            let own = request.credentials.iter().filter(|c| self.bound_to(c.mark) == Some(id));
            let own: Vec<&Jwt> = own.filter_map(|c| c.jwt.as_deref()).collect();
            for jwt in own {
                self.claims(id, jwt, sighting);
            }
            return Who::Principal(id);
        }
        if sighting.kind == EndpointKind::Refresh
            && let Some(id) = masked(&request.leaves)
                .filter_map(|mark| self.bound_to(mark))
                .find(|id| *id != NOBODY)
        {
            return Who::Principal(id);
        }
        if refused {
            return Who::Nobody;
        }
        let service = &sighting.service;
        let is = |mark: Pseudonym, worth| tokens.contains(&(mark, worth));
        let mut own = request.credentials.iter().filter(|c| !is(c.mark, Signature::Forged));
        if let Some((mark, jwt)) = own.find_map(|c| Some((c.mark, c.jwt.as_ref()?)))
            && let Some(subject) = &jwt.sub
        {
            let known = self.subject(&sighting.realm, subject);
            let id = known.or_else(|| self.name(&sighting.realm, subject, BY_TOKEN));
            if let Some(id) = id {
                let usual = self.precedents.note(service, jwt, id);
                let alone = self.actor(id).is_some_and(|known| known.identified_by == BY_TOKEN);
                if usual || alone || is(mark, Signature::Verified) {
                    self.claims(id, jwt, sighting);
                }
                return Who::Principal(id);
            }
        }
        if let Some(user) = request.credentials.iter().find_map(|c| c.user.as_ref())
            && let Some(id) = self.name(&sighting.realm, user, "HTTP Basic user")
        {
            return Who::Principal(id);
        }
        let speaking = request.credentials.iter().filter(|c| self.speaks(c, service));
        if let Some(credential) = speaking.min_by_key(|c| c.kind) {
            return Who::Credential(self.unnamed(credential));
        }
        // The session may be a parameter of the call.
        let given = masked(request.leaves.get(..LEAVES_MAX).unwrap_or(&request.leaves));
        let bound = given.filter_map(|mark| self.bound_to(mark)).find(|id| *id != NOBODY);
        bound.or_else(|| self.carried(request)).map_or(Who::Nobody, Who::Principal)
    }

    /// The user whom headers name, at a service behind a gateway that signs in for it.
    fn by_gateway(
        &mut self,
        tx: &Transaction,
        request: &Request,
        sighting: &Sighting,
        client: ActorId,
    ) -> Option<ActorId> {
        let (service, realm) = (&sighting.service, &sighting.realm);
        if tx.status() == Some(401) {
            return None;
        }
        let says = self.gateways.user(service, request, client, tx.source().ip());
        if let Some(response) = &tx.response {
            self.gateways.answered(service, request, response);
        }
        let user = match says {
            Says::User(user) => user,
            Says::Pretends(user) => {
                self.claims.strange = true;
                self.claims.pretends = user.map(Arc::from);
                return None;
            }
            Says::Nothing => return None,
        };
        let known = self.subjects.get(&(Arc::clone(realm), user.clone())).copied();
        let by = "user named in a header by a gateway";
        let id = known.or_else(|| self.name(realm, &user, by))?;
        self.is_said(id, request, service, &user);
        Some(id)
    }

    /// The request bears what only a gateway sets.
    pub(crate) fn is_vouched(&self, tx: &Transaction, service: &str) -> bool {
        !self.claims.strange
            && tx.request.as_ref().is_some_and(|request| self.gateways.vouches(service, request))
    }

    /// Takes what headers say of a user beside who it is.
    fn is_said(&mut self, id: ActorId, request: &Request, service: &Arc<str>, user: &str) {
        if request.said.is_empty() {
            return;
        }
        let Said { mut roles, tenants, strays } = self.gateways.traits(service, request, user);
        self.claims.strays = strays;
        for (name, value) in &request.said {
            self.ranks.told(service, id, &format!("header:{name}"), value);
        }
        let Some(principal) = self.principals.get_mut(id) else { return };
        roles.sort();
        roles.dedup();
        principal.has_roles(roles);
        if let Some(first) = tenants.first()
            && principal.tenant.as_deref() != Some(first)
        {
            principal.tenant = Some(Arc::from(first.as_str()));
        }
        // Where each keeps to one, it is that one alone.
        if !tenants.is_empty() && *principal.tenants != tenants {
            principal.tenants = Arc::new(tenants);
        }
    }

    /// Whose session a request carries as a value that looks like none.
    fn carried(&self, request: &Request) -> Option<ActorId> {
        let leaves = request.leaves.get(..LEAVES_MAX).unwrap_or(&request.leaves);
        let keys = leaves.iter().filter_map(carried::drawn).map(|text| self.value_key(text));
        keys.filter_map(|key| self.bound_key(key)).find(|id| *id != NOBODY)
    }

    fn value_key(&self, text: &str) -> [u64; 2] {
        [self.hasher.hash_one(text), 0]
    }

    /// A credential that says who somebody is, rather than carrying a preference.
    fn speaks(&self, credential: &Credential, service: &str) -> bool {
        if credential.kind != CredentialKind::Cookie {
            return true;
        }
        if self.bound_to(credential.mark) == Some(NOBODY) {
            return false;
        }
        match self.cookies.get(service) {
            Some(names) => names.contains(&credential.name),
            None => aliases::names_session(&credential.name) && credential.length >= 16,
        }
    }

    fn unnamed(&mut self, credential: &Credential) -> Arc<Actor> {
        if let Some(actor) = self.unnamed.get(&credential.mark.digest) {
            return Arc::clone(actor);
        }
        let mark = credential.mark.to_string();
        let (kind, by) = match credential.kind {
            CredentialKind::ApiKey => ("key", format!("API key {}", credential.name)),
            CredentialKind::Cookie => ("cookie", format!("cookie {}", credential.name)),
            _ => ("token", format!("{} token", credential.name)),
        };
        let id = IdBuilder::new("credential").text(&mark).finish();
        let actor = Arc::new(Actor {
            id: ActorId(id),
            kind: ActorKind::Session,
            name: format!("{kind}:{mark}"),
            user: None,
            roles: Vec::new(),
            identified_by: by.into(),
        });
        if self.unnamed.len() >= CLIENTS_MAX {
            self.unnamed.clear();
        }
        self.unnamed.insert(credential.mark.digest, Arc::clone(&actor));
        actor
    }

    fn bound_to(&self, mark: Pseudonym) -> Option<ActorId> {
        self.bound_key(mark.digest)
    }

    fn bound_key(&self, key: [u64; 2]) -> Option<ActorId> {
        let bound = self.bound.iter().find_map(|half| half.get(&key).copied())?;
        // Whoever was forgotten is to be found out anew.
        (bound == NOBODY || self.principals.get(bound).is_some()).then_some(bound)
    }

    fn bind(&mut self, mark: Pseudonym, id: ActorId) {
        self.bind_key(mark.digest, id);
    }

    fn bind_key(&mut self, key: [u64; 2], id: ActorId) {
        let [young, old] = &mut self.bound;
        if young.len() >= BOUND_MAX / 2 {
            *old = core::mem::take(young);
        }
        young.insert(key, id);
    }

    /// The principal of a name in a realm; made where it is new.
    fn name(&mut self, realm: &Arc<str>, user: &str, by: &str) -> Option<ActorId> {
        let id = ActorId(IdBuilder::new("principal").text(realm).text(user).finish());
        if let Some(known) = self.principals.get_mut(id) {
            if by != BY_TOKEN && known.actor.identified_by == BY_TOKEN {
                known.is_proved(by);
            }
            return Some(id);
        }
        if user.is_empty() {
            return None;
        }
        self.principals.insert(id, Principal::new(id, user, by));
        Some(id)
    }

    /// The principal that a subject stands for, where it is known.
    fn subject(&self, realm: &Arc<str>, subject: &str) -> Option<ActorId> {
        let id = self.subjects.get(&(Arc::clone(realm), subject.to_owned())).copied()?;
        self.principals.get(id).map(|_| id)
    }

    /// A token with that subject is the principal's, unless it is known as another's: people
    /// choose some of the names that answers call them by.
    fn stands_for(&mut self, realm: &Arc<str>, subject: &str, id: ActorId) {
        if self.subjects.len() < SUBJECTS_MAX {
            self.subjects.entry((Arc::clone(realm), subject.to_owned())).or_insert(id);
        }
    }

    /// Takes what a token says of its bearer.
    fn claims(&mut self, id: ActorId, jwt: &Jwt, sighting: &Sighting) {
        let Some(principal) = self.principals.get(id) else { return };
        if let Some(subject) = &jwt.sub
            && principal.aliases.binary_search(subject).is_err()
        {
            self.stands_for(&sighting.realm, subject, id);
        }
        let Some(principal) = self.principals.get_mut(id) else { return };
        aliases::add(&mut principal.aliases, aliases::of_claims(jwt));
        if principal.read != jwt.signature || jwt.signature.is_none() {
            principal.read = jwt.signature;
            for (claim, value) in &jwt.claims {
                self.ranks.told(&sighting.service, id, &format!("claim:{claim}"), value);
            }
        }
        principal.has_roles(jwt.roles.clone());
        let mut told = told::of_claims(jwt);
        told.retain(|role| !principal.is_selfmade(role));
        if !told.is_empty() && *principal.told != told {
            principal.told = Arc::new(told);
        }
        if let Some(tenant) = &jwt.tenant
            && principal.tenant.as_deref() != Some(tenant)
        {
            principal.tenant = Some(Arc::from(tenant.as_str()));
            aliases::add(&mut principal.tenants, [tenant.clone()]);
        }
    }

    /// Binds what a transaction hands out; gives who signed in, where somebody did.
    pub(crate) fn learn(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        (who, ip): (Option<ActorId>, IpAddr),
    ) -> Option<ActorId> {
        let signed_in = self.learns(tx, sighting, (who, ip));
        if let Some(user) = signed_in.or(who) {
            self.vouchers.note(tx, ip, user);
        }
        signed_in
    }

    fn learns(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        (who, ip): (Option<ActorId>, IpAddr),
    ) -> Option<ActorId> {
        let response = tx.response.as_ref()?;
        let signed_in =
            sighting.login.as_ref().filter(|login| login.outcome == Outcome::Success).and_then(
                |login| {
                    let halfway = self.pending.behind(tx, &login.user, &sighting.realm);
                    let user = halfway.as_ref().map_or(&login.user, |who| &who.user).clone();
                    let called = match &halfway {
                        Some(who) => &who.called,
                        None => name_given(tx, &login.user),
                    };
                    let id = self.name(&sighting.realm, called, "sign-in")?;
                    if let Some(principal) = self.principals.get_mut(id) {
                        aliases::add(&mut principal.aliases, [user]);
                    }
                    Some(id)
                },
            );
        let signed_in = signed_in.or_else(|| self.joined(tx, sighting, response));
        let signed_in = signed_in.or_else(|| self.second_step(tx, sighting));
        let signed_in = signed_in.or_else(|| self.sent_on(tx, (who, ip)));
        if let Some(id) = signed_in {
            let issued: Vec<_> = response.issued.iter().filter(|issued| !issued.cleared).collect();
            for issued in &issued {
                self.bind(issued.mark, id);
                if issued.kind == CredentialKind::Cookie {
                    self.cookie_name(&sighting.service, &issued.name);
                }
                if let Some(jwt) = &issued.jwt {
                    self.claims(id, jwt, sighting);
                }
            }
            if issued.is_empty() {
                // The session that was there before sign-in is the one that carries it now.
                let request = tx.request.as_ref();
                let own = request.into_iter().flat_map(|request| &request.credentials);
                for session in own.filter(|own| own.length >= 16) {
                    if session.kind == CredentialKind::Cookie {
                        self.cookie_name(&sighting.service, &session.name);
                    } else if !request.is_some_and(|request| in_body(request, session)) {
                        continue;
                    }
                    self.bind(session.mark, id);
                }
            }
            let names = self.principals.get(id).map(|own| Arc::clone(&own.aliases));
            let own = told::places(&response.leaves, &names.unwrap_or_default());
            for text in carried::handed_out(&response.leaves) {
                let key = self.value_key(text);
                // What several are given says nothing of any of them.
                let others = self.bound_key(key).is_some_and(|other| other != id);
                self.bind_key(key, if others { NOBODY } else { id });
            }
            self.ranks.answered(&sighting.service, id, &response.leaves);
            let called = aliases::of_answer(&response.leaves, &own);
            let login = sighting.login.iter().map(|login| &login.user);
            for name in called.iter().chain(login) {
                self.stands_for(&sighting.realm, name, id);
            }
            if let Some(principal) = self.principals.get_mut(id) {
                aliases::add(&mut principal.aliases, called);
                principal.told_by(&response.leaves, &own);
            }
            return Some(id);
        }
        let who = who.or_else(|| self.told_by_answer(tx, sighting));
        let Some(id) = who else {
            // A session that is given to everybody says who nobody is, until somebody signs in with
            // it.
            // What a sign-in gives is one's own, even where it is not clear that it succeeded.
            let refused =
                sighting.login.as_ref().is_none_or(|login| login.outcome == Outcome::Failure);
            for issued in response.issued.iter().filter(|issued| !issued.cleared) {
                let new = refused && self.bound_to(issued.mark).is_none();
                if issued.kind == CredentialKind::Cookie && new {
                    self.bind(issued.mark, NOBODY);
                }
            }
            return None;
        };
        for issued in response.issued.iter().filter(|issued| !issued.cleared) {
            // A session that goes on under a new credential.
            let goes_on = issued.kind == CredentialKind::Cookie
                || sighting.kind == EndpointKind::Refresh
                || self.is_anew(issued, id, sighting);
            if goes_on {
                self.bind(issued.mark, id);
            }
        }
        self.told_of_itself(tx, sighting, (id, response));
        None
    }

    /// Takes what a principal writes to itself, and what an answer says of it.
    fn told_of_itself(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        (id, response): (ActorId, &Response),
    ) {
        if sighting.outcome == Outcome::Success
            && sighting.changes_state
            && let Some(principal) = self.principals.get_mut(id)
        {
            let of_itself = written_to_itself(tx, sighting, &principal.aliases);
            if !of_itself.is_empty() {
                principal.writes(of_itself, &self.standing.common(&sighting.service));
            }
            let leaves = tx.request.as_ref().map_or(&[][..], |request| &request.leaves);
            if is_of_itself(leaves, sighting, &principal.aliases) {
                self.ranks.wrote(&sighting.service, id, leaves);
            }
        }
        if sighting.outcome == Outcome::Success {
            self.ranks.used(&sighting.service, id, sighting.endpoint);
        }
        let own = sighting.outcome == Outcome::Success && sighting.objects.is_empty();
        if own
            && !sighting.changes_state
            && let Some(principal) = self.principals.get_mut(id)
        {
            principal.is_member(&response.leaves);
        }
        let found = self.mirrors.look(sighting, id.0, &response.leaves);
        let Some(principal) = self.principals.get_mut(id).filter(|_| own) else { return };
        if aliases::is_about(&response.leaves, &principal.aliases) {
            aliases::add(&mut principal.aliases, aliases::of_answer(&response.leaves, &[]));
            principal.told_by(&response.leaves, &[]);
            self.ranks.answered(&sighting.service, id, &response.leaves);
        } else if let Some(found) = found {
            let above = found.path.rsplit_once('.').map_or("", |(above, _)| above);
            if found.clear {
                aliases::add(
                    &mut principal.aliases,
                    aliases::of_answer(&response.leaves, &[above]),
                );
            }
            principal.told_by(&response.leaves, &[above]);
            aliases::add(&mut principal.aliases, [found.name]);
            self.ranks.answered(&sighting.service, id, &response.leaves);
        }
    }

    /// Who comes with what another place has handed it, and has no session of its own here.
    fn sent_on(
        &mut self,
        tx: &Transaction,
        (who, ip): (Option<ActorId>, IpAddr),
    ) -> Option<ActorId> {
        let response = tx.response.as_ref()?;
        if who.is_some() && response.issued.iter().all(|issued| issued.cleared) {
            return None;
        }
        // Who is sent on within a place stays who it is: that is no sign-in.
        let user = self.vouchers.brought(tx, ip).filter(|user| Some(*user) != who)?;
        self.principals.get(user).map(|_| user)
    }

    /// Who gives the code that was asked for after the right password. The session that carries
    /// the steps is theirs from then on.
    fn second_step(&mut self, tx: &Transaction, sighting: &Sighting) -> Option<ActorId> {
        if let Some(login) = &sighting.login {
            self.pending.note(tx, sighting, name_given(tx, &login.user));
        }
        let done = self.pending.done(tx, sighting)?;
        let id = self.name(&sighting.realm, &done.who.called, "sign-in in two steps")?;
        if let Some(principal) = self.principals.get_mut(id) {
            aliases::add(&mut principal.aliases, [done.who.user]);
        }
        let own = tx.request.iter().flat_map(|request| &request.credentials);
        for own in own.filter(|own| Some(own.mark) == done.by) {
            self.bind(own.mark, id);
            if own.kind == CredentialKind::Cookie {
                self.cookie_name(&sighting.service, &own.name);
            }
        }
        Some(id)
    }

    /// Who has made an account, and was let in by that.
    fn joined(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        response: &Response,
    ) -> Option<ActorId> {
        if sighting.kind != EndpointKind::Signup || sighting.outcome != Outcome::Success {
            return None;
        }
        let user = sighting.step.as_ref().and_then(|step| step.user.as_ref())?;
        let carries = |issued: &Issued| {
            !issued.cleared
                && (issued.kind != CredentialKind::Cookie || aliases::names_session(&issued.name))
        };
        let lets_in = response.issued.iter().any(carries);
        let called = name_given(tx, user);
        let known = (Arc::clone(&sighting.realm), called.to_owned());
        // Nobody makes an account that there is.
        if !lets_in || self.subjects.contains_key(&known) {
            return None;
        }
        let before = self.principals.len();
        let id = self.name(&sighting.realm, called, "sign-up")?;
        if self.principals.len() == before {
            return None;
        }
        if let Some(principal) = self.principals.get_mut(id) {
            aliases::add(&mut principal.aliases, [user.clone()]);
        }
        Some(id)
    }

    /// The principal that a request's credentials are bound to by now.
    pub(crate) fn by_credential(&self, tx: &Transaction) -> Option<ActorId> {
        let credentials = &tx.request.as_ref()?.credentials;
        credentials.iter().filter_map(|own| self.bound_to(own.mark)).find(|id| *id != NOBODY)
    }

    /// A session or key that is handed out to one who has one: renewed, stepped up, or made by its
    /// user. What is for somebody else (an invitation, a link to reset) is called otherwise, and
    /// the handle of a conversation (`Mcp-Session-Id`) goes beside its user's own credential.
    fn is_anew(&self, issued: &Issued, id: ActorId, sighting: &Sighting) -> bool {
        let name = issued.name.rsplit('.').next().unwrap_or_default();
        let others = issued.jwt.as_ref().and_then(|jwt| jwt.sub.as_ref()).is_some_and(|sub| {
            let known = self.subjects.get(&(Arc::clone(&sighting.realm), sub.clone()));
            let own = self.principals.get(id);
            known.is_none_or(|known| *known != id)
                && own.is_none_or(|own| own.aliases.binary_search(sub).is_err())
        });
        sighting.changes_state
            && sighting.outcome == Outcome::Success
            && !issued.name.contains("[]")
            && !issued.name.ends_with("-session-id")
            && aliases::names_own_session(name)
            && !others
            && self.bound_to(issued.mark).is_none()
    }

    /// Whose credential this is, where an answer about oneself tells (`/me`): one that was in use
    /// before the capture began is known from then on.
    fn told_by_answer(&mut self, tx: &Transaction, sighting: &Sighting) -> Option<ActorId> {
        let (request, response) = (tx.request.as_ref()?, tx.response.as_ref()?);
        let last = request.path.trim_end_matches('/').rsplit('/').next()?;
        let asks = sighting.outcome == Outcome::Success && sighting.objects.is_empty();
        if !asks || request.credentials.iter().any(|own| own.jwt.is_some()) {
            return None;
        }
        let service = &sighting.service;
        // Beside a token of one's own, a key is the application's.
        let own = request.credentials.iter().filter(|own| self.speaks(own, service));
        let mark = own.min_by_key(|own| own.kind).map(|own| own.mark)?;
        let [asker, _] = mark.digest;
        let learned = self.mirrors.look(sighting, asker, &response.leaves);
        let called = aliases::is_oneself(last).then(|| aliases::first_name(&response.leaves));
        let name = called.flatten().or_else(|| Some(learned?.name))?;
        let known = self.subjects.get(&(Arc::clone(&sighting.realm), name.clone())).copied();
        let id = known.or_else(|| self.name(&sighting.realm, &name, "answer about itself"))?;
        self.bind(mark, id);
        Some(id)
    }

    fn cookie_name(&mut self, service: &Arc<str>, name: &str) {
        let names = self.cookies.entry(Arc::clone(service)).or_default();
        if names.len() < COOKIE_NAMES_MAX && !names.contains(name) {
            names.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
