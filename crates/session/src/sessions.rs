//! The table of sessions: one open session per actor, with idle and absolute time-outs.

use crate::defaults::Defaults;
use crate::identity::{Identity, IdentityKey, Who};
use crate::links::{From, Links};
use crate::open::Open;
use crate::origins::Origins;
use crate::proxy::Proxies;
use crate::seen::Seen;
use crate::signatures::{Signature, Signatures};
use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use stilt_inventory::{EndpointKind, Sighting};
use stilt_model::{
    Actor, ActorId, Closed, IdBuilder, Key, Outcome, Pseudonym, SessionId, SessionRecord,
    SessionRef, SigningKey, Timestamp, Transaction, Value,
    saved::{self, Unfit},
};

/// `[identity]` and the limits of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A session ends after this many seconds without a request.
    pub session_idle_secs: u64,
    /// A session ends after this many seconds in any case.
    pub session_max_secs: u64,
    /// Sessions kept at most.
    pub sessions_max: usize,
    /// Addresses or networks whose forwarding headers are believed; empty: learned.
    pub trusted_proxies: Vec<String>,
    /// A file with the keys that tokens are signed with (JWKS, RFC 7517; `oct` keys for HS256 and
    /// its like). Beside it, keys are learned from `/.well-known/jwks.json` as it is served.
    pub jwks: Option<PathBuf>,
    /// Where identity is found, in order; what no key says is learned.
    pub keys: Vec<IdentityKey>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_idle_secs: 1800,
            session_max_secs: 86_400,
            sessions_max: 500_000,
            trusted_proxies: Vec::new(),
            jwks: None,
            keys: Vec::new(),
        }
    }
}

impl Config {
    /// What of the configuration makes no sense: the key, and what is wrong with the mend.
    ///
    /// # Errors
    /// A trusted proxy that is no address or network; a key of identity that names no place.
    pub fn check(&self) -> Result<(), (Vec<String>, String)> {
        if let Some(wrong) =
            self.trusted_proxies.iter().find(|text| !crate::proxy::is_network(text))
        {
            let text = format!("`{wrong}` is no address or network; write 10.0.0.5 or 10.0.0.0/8");
            return Err((vec!["trusted_proxies".to_owned()], text));
        }
        crate::identity::check(&self.keys).map_err(|(number, field, text)| {
            (vec!["keys".to_owned(), number.to_string(), field.to_owned()], text)
        })
    }

    /// Headers whose values the keys of identity need, in lower case.
    #[must_use]
    pub fn named_headers(&self) -> Vec<String> {
        let header = |key: &IdentityKey| Some(key.at.strip_prefix("header:")?.to_ascii_lowercase());
        self.keys.iter().filter_map(header).collect()
    }
}

/// Actors and their sessions.
#[derive(Serialize, Deserialize)]
pub struct Sessions {
    #[serde(skip)]
    config: Config,
    #[serde(skip)]
    defaults: Defaults,
    links: Links,
    #[serde(skip)]
    origins: Origins,
    proxies: Proxies,
    identity: Identity,
    signatures: Signatures,
    /// In boxes: a table has room to spare.
    open: HashMap<ActorId, Box<Open>, RandomState>,
    by_session: HashMap<SessionId, ActorId, RandomState>,
    /// When each session is looked at next; one that was used meanwhile is put off.
    due: BTreeSet<(Timestamp, SessionId, ActorId)>,
    closed: Vec<SessionRecord>,
    #[serde(skip)]
    opened: u64,
    #[serde(skip)]
    evicted: u64,
}

impl Sessions {
    /// An empty table.
    #[must_use]
    pub fn new(config: &Config, key: &Key) -> Self {
        let mut identity = Identity::default();
        identity.is_given(&config.keys);
        Self {
            defaults: Defaults::new(key),
            links: Links::default(),
            origins: Origins::default(),
            proxies: Proxies::new(&config.trusted_proxies),
            config: config.clone(),
            identity,
            signatures: Signatures::default(),
            open: HashMap::default(),
            by_session: HashMap::default(),
            due: BTreeSet::new(),
            closed: Vec::new(),
            opened: 0,
            evicted: 0,
        }
    }

    /// Takes what was remembered in place of all that is known; settings and configured keys stay.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        let mut before = core::mem::replace(self, saved::read(memory)?);
        self.config = before.config;
        self.defaults = before.defaults;
        self.origins = before.origins;
        self.proxies.configure(&mut before.proxies);
        self.identity.keep_given(&mut before.identity);
        self.signatures.keep_configured(before.signatures);
        // What is held once while it runs is held once again.
        let identity = &self.identity;
        for open in self.open.values_mut() {
            open.share(identity);
        }
        Ok(())
    }

    /// Takes keys that tokens are signed with, as configured.
    pub fn trust(&mut self, keys: &[SigningKey]) {
        self.signatures.learn(keys, None);
    }

    /// Takes files that say where addresses are.
    pub fn enrich(&mut self, origins: Origins) {
        self.origins = origins;
    }

    /// Sessions that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// Sessions opened so far.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Sessions ended because the table was full.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Files a transaction under its actor and session.
    ///
    /// A sign-in is the client's act, and names the principal that came of it. Its session is the
    /// principal's where it succeeded: what the client did before it without a name, what follows
    /// with the new credential, and what comes on the same connection without one are one story.
    pub fn observe(&mut self, tx: &Transaction, sighting: &Sighting) -> Seen {
        let peer = tx.source().ip();
        let (client_ip, forwarded) = match &tx.request {
            Some(request) => self.proxies.client(peer, request),
            None => (peer, false),
        };
        let client = self.identity.client(client_ip, tx.request.as_ref(), &sighting.service);
        let tokens = self.signatures(tx, sighting);
        let who = self.identity.who(tx, sighting, client.actor.id, &tokens);
        let agent = self.identity.takes_given(&who);
        let vouched = self.identity.is_vouched(tx, &sighting.service);
        let claimed = self.identity.claimed();
        let (mut principal, mut actor) = match &who {
            Who::Principal(id) => {
                self.identity.used(*id);
                (Some(*id), None)
            }
            Who::Credential(actor) => (None, Some(Arc::clone(actor))),
            Who::Nobody => (None, None),
        };
        let before = principal.and_then(|id| self.identity.principal(id));
        let before = before.map(|principal| Arc::clone(&principal.told));
        let rank = principal.and_then(|id| self.identity.rank(&sighting.service, id));
        // An answer that is still being sent tells when it is over.
        let signed_in = match tx.is_running() {
            true => None,
            false => self.identity.learn(tx, sighting, (principal, client_ip)),
        };
        if signed_in.is_some() || sighting.login.is_some() {
            principal = signed_in;
            actor = Some(Arc::clone(&client.actor));
        }
        let known = principal.and_then(|id| self.identity.principal(id)).cloned();
        // The rights that a request may make use of are those from before it; a sign-in, and an
        // answer to who only asks, tell what was so already.
        let changes = sighting.changes_state && signed_in.is_none();
        let told = known.as_ref().map(|p| Arc::clone(&p.told)).unwrap_or_default();
        let told_roles = before.filter(|_| changes).unwrap_or(told);
        // Where nothing of a usual name tells it, what foretells who uses what does.
        let rank = rank.or_else(|| self.identity.rank(&sighting.service, principal?));
        let told_roles = match rank.filter(|_| told_roles.is_empty()) {
            Some(rank) => Arc::new(vec![rank]),
            None => told_roles,
        };
        let actor = match (actor, &known) {
            (Some(actor), _) => actor,
            (None, Some(principal)) => Arc::clone(&principal.actor),
            (None, None) => Arc::clone(&client.actor),
        };
        let authenticated = (vouched || !matches!(who, Who::Nobody)) && tx.status() != Some(401);
        let person = known.as_ref().map(|principal| Arc::clone(&principal.actor));
        let from =
            From { flow: tx.order.flow, peer, client: client.actor.id, forwarded, at: tx.start };
        let shown = self.shown(tx, sighting, (&who, signed_in), (&client.actor, &actor), from);
        let session = self.file(tx, sighting, &shown, client_ip);
        if sighting.kind == EndpointKind::Logout && sighting.outcome == Outcome::Success {
            self.end(shown.id, Closed::Logout);
            self.links.left(from);
        }
        Seen {
            client: client.actor.id,
            client_ip,
            origin: self.origins.of(client_ip),
            forwarded,
            cluster: client.cluster,
            principal,
            person,
            shown,
            aliases: known.as_ref().map(|p| Arc::clone(&p.aliases)).unwrap_or_default(),
            roles: known.as_ref().map(|p| Arc::clone(&p.roles)).unwrap_or_default(),
            told_roles,
            common_roles: self.identity.common_roles(&sighting.service, principal),
            tenants: known.as_ref().map(|p| Arc::clone(&p.tenants)).unwrap_or_default(),
            tenant: known.and_then(|principal| principal.tenant),
            authenticated,
            vouched,
            pretends: claimed.pretends,
            strays: claimed.strays,
            rank_field: self.identity.rank_field(&sighting.service),
            agent,
            default_credentials: self.defaults.are_shown(tx, sighting),
            tokens,
            session,
            actor,
        }
    }

    /// Whom a request is told to be of, beyond what its credential proves.
    fn shown(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        (who, signed_in): (&Who, Option<ActorId>),
        (client, actor): (&Arc<Actor>, &Arc<Actor>),
        from: From,
    ) -> Arc<Actor> {
        let named = |id: Option<ActorId>| Some(Arc::clone(self.identity.actor(id?)?));
        let idle = Duration::from_secs(self.config.session_idle_secs);
        let shown = match who {
            _ if signed_in.is_some() => named(signed_in),
            Who::Nobody if sighting.login.is_none() => {
                let user = self.links.user(from, idle);
                return user.unwrap_or_else(|| Arc::clone(actor));
            }
            Who::Nobody => return Arc::clone(actor),
            // The answer may just have told whose it is.
            Who::Credential(_) => named(self.identity.by_credential(tx)),
            Who::Principal(_) => None,
        };
        let shown = shown.unwrap_or_else(|| Arc::clone(actor));
        if signed_in.is_some() {
            self.adopt(tx, client, &shown);
        }
        self.links.used(from, &shown);
        shown
    }

    /// Learns keys, and judges the signatures of the tokens that a request carries.
    fn signatures(&mut self, tx: &Transaction, sighting: &Sighting) -> Vec<(Pseudonym, Signature)> {
        let Some(request) = &tx.request else { return Vec::new() };
        let mut found = Vec::new();
        for credential in &request.credentials {
            let Some(jwt) = credential.jwt.as_deref() else { continue };
            let worth = self.signatures.of(credential.mark, jwt, &sighting.service, tx.start);
            found.push((credential.mark, worth));
        }
        let issued = tx.response.iter().flat_map(|response| &response.issued);
        for jwt in issued.filter_map(|issued| issued.jwt.as_deref()) {
            self.signatures.handed_out(jwt, &sighting.service);
        }
        if let Some(response) = tx.response.as_ref().filter(|response| response.status == 200) {
            if !response.keys.is_empty() && self.signatures.is_set(&request.path) {
                self.signatures.learn(&response.keys, Some(&sighting.service));
            }
            if request.path.starts_with("/.well-known/") {
                let uris = response.leaves.iter().filter(|leaf| leaf.path == "jwks_uri");
                for leaf in uris {
                    if let Value::Text(uri) = &leaf.value {
                        self.signatures.names_path(uri);
                    }
                }
            }
        }
        found
    }

    fn file(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        actor: &Arc<Actor>,
        ip: core::net::IpAddr,
    ) -> SessionRef {
        let idle = Duration::from_secs(self.config.session_idle_secs);
        let longest = Duration::from_secs(self.config.session_max_secs);
        let over = self.open.get(&actor.id).and_then(|open| {
            if tx.start.since(open.last) > idle {
                Some(Closed::Idle)
            } else {
                (tx.start.since(open.start) > longest).then_some(Closed::Absolute)
            }
        });
        if let Some(why) = over {
            self.end(actor.id, why);
        }
        if !self.open.contains_key(&actor.id) {
            self.begin(tx, actor, idle.min(longest));
        }
        match self.open.get_mut(&actor.id) {
            Some(open) => {
                if !tx.is_running() {
                    open.add(tx, sighting, actor, ip);
                }
                SessionRef { id: open.id, start: open.start, requests: u64::from(open.requests) }
            }
            None => SessionRef { id: SessionId(0), start: tx.start, requests: 0 },
        }
    }

    /// Who signs in goes on with the session that the client has begun without a name, where it is
    /// one person's: nobody else tried to sign in from it.
    fn adopt(&mut self, tx: &Transaction, client: &Arc<Actor>, person: &Arc<Actor>) {
        let idle = Duration::from_secs(self.config.session_idle_secs);
        if self.open.contains_key(&person.id) {
            return;
        }
        let name = tx.request.as_ref().and(person.user.as_deref()).unwrap_or_default();
        let begun = self
            .open
            .get(&client.id)
            .filter(|open| tx.start.since(open.last) <= idle && open.is_of_one(name));
        if begun.is_none() {
            return;
        }
        let Some(mut open) = self.open.remove(&client.id) else { return };
        self.due.remove(&(open.due, open.id, client.id));
        self.due.insert((open.due, open.id, person.id));
        self.by_session.insert(open.id, person.id);
        open.goes_on_as(person);
        self.open.insert(person.id, open);
    }

    fn begin(&mut self, tx: &Transaction, actor: &Arc<Actor>, wait: Duration) {
        while self.open.len() >= self.config.sessions_max.max(1) {
            let Some((_, _, oldest)) = self.due.first().copied() else { break };
            self.evicted = self.evicted.saturating_add(1);
            self.end(oldest, Closed::Evicted);
        }
        let id = IdBuilder::new("session").number(actor.id.0).number(tx.id.0).finish();
        let id = SessionId(id);
        self.opened = self.opened.saturating_add(1);
        let due = tx.start.plus(wait);
        let open = Open::new(id, Arc::clone(actor), tx.start, due);
        self.open.insert(actor.id, Box::new(open));
        self.by_session.insert(id, actor.id);
        self.due.insert((due, id, actor.id));
    }

    fn end(&mut self, actor: ActorId, why: Closed) {
        let Some(open) = self.open.remove(&actor) else { return };
        self.by_session.remove(&open.id);
        self.due.remove(&(open.due, open.id, actor));
        self.closed.push(open.close(why));
    }

    /// Notes the anomaly score of the session's last window, and a rule that raised an alert in it.
    pub fn annotate(&mut self, session: SessionId, anomaly: f64, alert: Option<&'static str>) {
        if let Some(open) = self.by_session.get(&session).and_then(|id| self.open.get_mut(id)) {
            open.annotate(anomaly, alert);
        }
    }

    /// Ends what has timed out at `now`; closed sessions are pushed to `out`, oldest first.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<SessionRecord>) {
        let idle = Duration::from_secs(self.config.session_idle_secs);
        let longest = Duration::from_secs(self.config.session_max_secs);
        while let Some((at, id, actor)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.pop_first();
            let Some(open) = self.open.get_mut(&actor).filter(|open| open.id == id) else {
                continue;
            };
            let ends = open.last.plus(idle).min(open.start.plus(longest));
            if ends >= now {
                open.due = ends.max(now.plus(Duration::from_secs(1)));
                self.due.insert((open.due, id, actor));
            } else if now.since(open.last) > idle {
                self.end(actor, Closed::Idle);
            } else {
                self.end(actor, Closed::Absolute);
            }
        }
        out.append(&mut self.closed);
    }

    /// Sessions that made room for others, where many wait: a burst of callers between two ticks
    /// would else leave its records in memory, which is what making room was for.
    pub fn made_room(&mut self, out: &mut Vec<SessionRecord>) {
        const WAITING_MAX: usize = 256;
        if self.closed.len() >= WAITING_MAX {
            out.append(&mut self.closed);
        }
    }

    /// Ends every session, and hands them over a few at a time: there may be very many.
    ///
    /// # Errors
    /// That of `take`.
    pub fn finish<E>(
        &mut self,
        mut take: impl FnMut(&mut Vec<SessionRecord>) -> Result<(), E>,
    ) -> Result<(), E> {
        const AT_ONCE: usize = 1024;
        let mut rest: Vec<(Timestamp, SessionId, ActorId)> =
            self.open.iter().map(|(actor, open)| (open.last, open.id, *actor)).collect();
        rest.sort_unstable();
        self.due.clear();
        for some in rest.chunks(AT_ONCE) {
            for (_, _, actor) in some {
                self.end(*actor, Closed::End);
            }
            take(&mut self.closed)?;
            self.closed.clear();
        }
        Ok(())
    }
}
