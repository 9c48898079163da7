//! Where identity is found, as `[[identity.keys]]` says: what is set outright need not be learned,
//! and goes before what was.

use super::{Identity, Who};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{
    ActorId, Credential, CredentialKind, Jwt, Leaf, Place, Request, SmolStr, Transaction, Value,
};

/// Keys at most.
const KEYS_MAX: usize = 256;
/// Values taken of one place, and characters of one.
const VALUES_MAX: usize = 32;
const CHARS_MAX: usize = 128;

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// The user on whose behalf a request is made.
    User,
    /// Roles of that user, several parted by commas, semicolons or blanks.
    Role,
    /// The tenant that the user belongs to.
    Tenant,
    /// The agent that acts.
    Agent,
}

/// The message in which it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The request.
    #[default]
    Request,
    /// The response: a user named there is who holds the request's credentials from then on.
    Response,
}

/// One entry of `[[identity.keys]]`. The first that finds a value counts, for each of what they
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityKey {
    /// What it names.
    pub names: Names,
    /// Where it stands: `header:X-User-Id`, `cookie:uid`, `query:user`, `body:/user/id` (a JSON
    /// pointer, RFC 6901; of a form the name alone), `claim:email` of a signed token: a scalar at
    /// its top or in the object that holds the bearer's (`user`, `data`); roles and scopes of all
    /// usual claims count as one.
    pub at: String,
    /// The message in which it stands.
    #[serde(default)]
    pub of: Of,
    /// The service that it holds for, as records call it; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A regular expression that the value must match; its first group, where it has one, is what
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Header(String),
    Cookie(String),
    Query(String),
    Claim(String),
    Body(String),
}

impl At {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no place; write header:NAME, cookie:NAME, query:NAME, claim:NAME or \
                 body:/JSON/POINTER"
            )
        };
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        if name.is_empty() {
            return Err(wrong());
        }
        match kind {
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "cookie" => Ok(Self::Cookie(name.to_owned())),
            "query" => Ok(Self::Query(name.to_owned())),
            "claim" => Ok(Self::Claim(name.to_owned())),
            "body" => Ok(Self::Body(path_of(name))),
            _ => Err(wrong()),
        }
    }
}

/// A JSON pointer as the path of a leaf: `/items/0/owner` is `items[].owner`.
fn path_of(pointer: &str) -> String {
    let Some(steps) = pointer.strip_prefix('/') else { return pointer.to_owned() };
    let mut path = String::new();
    for step in steps.split('/') {
        let element = step == "-" || step == "*" || step.bytes().all(|byte| byte.is_ascii_digit());
        if element && !step.is_empty() {
            path.push_str("[]");
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&step.replace("~1", "/").replace("~0", "~"));
    }
    path
}

#[derive(Clone, Debug)]
struct Spot {
    names: Names,
    at: At,
    of: Of,
    service: Option<String>,
    pattern: Option<Regex>,
    /// How one is known whom it names.
    by: String,
}

/// The keys, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(Vec<Spot>);

/// What they say of one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    user: Option<(String, String, Of)>,
    roles: Vec<String>,
    tenant: Option<String>,
    pub(crate) agent: Option<Arc<str>>,
}

impl Given {
    /// The keys of a configuration.
    ///
    /// # Errors
    /// The number of the first that makes no sense, its field, and the mend.
    pub(crate) fn new(keys: &[IdentityKey]) -> Result<Self, (usize, &'static str, String)> {
        if keys.len() > KEYS_MAX {
            return Err((KEYS_MAX, "at", format!("more than {KEYS_MAX} keys; leave some out")));
        }
        let place = |(number, key): (usize, &IdentityKey)| {
            let at = At::parse(&key.at).map_err(|text| (number, "at", text))?;
            if matches!(at, At::Claim(_)) && key.of == Of::Response {
                let text = "claims are read of the tokens that requests carry; leave `of` out";
                return Err((number, "of", text.to_owned()));
            }
            let pattern = key.pattern.as_deref().map(Regex::new).transpose();
            let pattern = pattern.map_err(|error| {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default().to_owned();
                (number, "pattern", format!("is no regular expression: {last}"))
            })?;
            let by = format!("{}, as configured", key.at);
            let (names, of, service) = (key.names, key.of, key.service.clone());
            Ok(Spot { names, at, of, service, pattern, by })
        };
        keys.iter().enumerate().map(place).collect::<Result<_, _>>().map(Self)
    }

    /// What the keys find.
    fn read(&self, tx: &Transaction, service: &str) -> Found {
        let mut found = Found::default();
        let holds = |place: &&Spot| {
            place.service.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(service))
        };
        for place in self.0.iter().filter(holds) {
            let is_open = match place.names {
                Names::User => found.user.is_none(),
                Names::Role => found.roles.is_empty(),
                Names::Tenant => found.tenant.is_none(),
                Names::Agent => found.agent.is_none(),
            };
            if !is_open {
                continue;
            }
            let mut values = place.values(tx);
            match place.names {
                Names::Role => {
                    let parted = values.iter().flat_map(|text| text.split([',', ';', ' ']));
                    let roles = parted.map(str::trim).filter(|role| !role.is_empty());
                    found.roles = roles.map(str::to_owned).take(VALUES_MAX).collect();
                    found.roles.sort();
                    found.roles.dedup();
                }
                _ if values.is_empty() => {}
                Names::User => {
                    found.user = Some((values.swap_remove(0), place.by.clone(), place.of));
                }
                Names::Tenant => found.tenant = Some(values.swap_remove(0)),
                Names::Agent => found.agent = Some(values.swap_remove(0).into()),
            }
        }
        found
    }
}

/// What of the keys makes no sense: its number, its field, and the mend.
///
/// # Errors
/// A place that is none, or a pattern that is no regular expression.
pub(crate) fn check(keys: &[IdentityKey]) -> Result<(), (usize, &'static str, String)> {
    Given::new(keys).map(|_| ())
}

impl Spot {
    /// What stands there, in order.
    fn values(&self, tx: &Transaction) -> Vec<String> {
        let mut values = Vec::new();
        let mut take = |text: &str| {
            if let Some(value) = self.value(text.trim())
                && values.len() < VALUES_MAX
            {
                values.push(value);
            }
        };
        let (request, response) = (tx.request.as_ref(), tx.response.as_ref());
        let said = |said: &[(SmolStr, SmolStr)], name: &str, take: &mut dyn FnMut(&str)| {
            said.iter().filter(|(own, _)| own == name).for_each(|(_, value)| take(value));
        };
        match (&self.at, self.of) {
            (At::Header(name), Of::Request) => {
                said(request.map_or(&[], |request| &request.said), name, &mut take);
            }
            (At::Header(name), Of::Response) => {
                said(response.map_or(&[], |response| &response.said), name, &mut take);
            }
            (At::Cookie(name), Of::Request) => credentials(request)
                .filter(|own| own.kind == CredentialKind::Cookie && own.name == *name)
                .for_each(|own| take(&own.mark.to_string())),
            (At::Cookie(name), Of::Response) => response
                .iter()
                .flat_map(|response| &response.issued)
                .filter(|own| own.kind == CredentialKind::Cookie && own.name == *name)
                .filter(|own| !own.cleared)
                .for_each(|own| take(&own.mark.to_string())),
            (At::Claim(name), _) => credentials(request)
                .filter_map(|own| own.jwt.as_deref())
                .for_each(|jwt| claim(jwt, name, &mut take)),
            (At::Query(name), _) => {
                leaves(request.map_or(&[], |request| &request.leaves), |leaf| {
                    leaf.place == Place::Query && *leaf.path == **name
                })
                .for_each(|text| take(&text))
            }
            (At::Body(path), of) => {
                let of_request = || request.map_or(&[][..], |request| &request.leaves);
                let of_response = || response.map_or(&[][..], |response| &response.leaves);
                let all = if of == Of::Request { of_request() } else { of_response() };
                let in_body =
                    |leaf: &Leaf| !matches!(leaf.place, Place::Query | Place::Header | Place::Html);
                leaves(all, |leaf| in_body(leaf) && *leaf.path == **path)
                    .for_each(|text| take(&text));
            }
        }
        values
    }

    /// The part of a value that counts.
    fn value(&self, text: &str) -> Option<String> {
        let part = match &self.pattern {
            None => text,
            Some(pattern) => {
                let found = pattern.captures(text)?;
                found.get(1).or_else(|| found.get(0))?.as_str()
            }
        };
        (!part.is_empty()).then(|| part.chars().take(CHARS_MAX).collect())
    }
}

fn credentials(request: Option<&Request>) -> impl Iterator<Item = &Credential> {
    request.into_iter().flat_map(|request| &request.credentials)
}

fn leaves<'a>(
    all: &'a [Leaf],
    is: impl Fn(&Leaf) -> bool + 'a,
) -> impl Iterator<Item = Cow<'a, str>> + 'a {
    all.iter().filter(move |leaf| is(leaf)).filter_map(|leaf| match &leaf.value {
        Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
        other => other.as_key().map(Cow::Owned),
    })
}

/// What a token says under a name.
fn claim(jwt: &Jwt, name: &str, take: &mut impl FnMut(&str)) {
    // All that say what the bearer may do are read as one.
    const ROLES: [&str; 9] = [
        "role",
        "roles",
        "scope",
        "scopes",
        "scp",
        "groups",
        "permissions",
        "authorities",
        "realm_access.roles",
    ];
    match name {
        _ if name == "sub" || jwt.sub_claim == name => {
            jwt.sub.as_deref().into_iter().for_each(take);
        }
        "iss" => jwt.iss.as_deref().into_iter().for_each(take),
        _ if ROLES.contains(&name) => jwt.roles.iter().for_each(|role| take(role)),
        _ => jwt.claims.get(name).into_iter().for_each(|value| take(value)),
    }
}

impl Identity {
    /// Takes the keys of a configuration; those that make no sense were refused with it.
    pub(crate) fn is_given(&mut self, keys: &[IdentityKey]) {
        self.given = Given::new(keys).unwrap_or_default();
    }

    /// What was configured goes on with what was remembered.
    pub(crate) fn keep_given(&mut self, before: &mut Self) {
        self.given = core::mem::take(&mut before.given);
    }

    /// Whom the keys name in a transaction, with all else that they say of that user.
    pub(super) fn by_keys(&mut self, tx: &Transaction, sighting: &Sighting) -> Option<ActorId> {
        if self.given.0.is_empty() {
            return None;
        }
        self.found = self.given.read(tx, &sighting.service);
        let (user, by, of) = self.found.user.take()?;
        // What a request that is refused says of itself, nobody has believed.
        if matches!(tx.status(), Some(401)) {
            return None;
        }
        let id = self.subject(&sighting.realm, &user);
        let id = id.or_else(|| self.name(&sighting.realm, &user, &by))?;
        if of == Of::Response {
            for own in credentials(tx.request.as_ref()) {
                self.bind(own.mark, id);
            }
        }
        Some(id)
    }

    /// Takes what the keys say of a user beside who it is, and gives the agent that they name.
    pub(crate) fn takes_given(&mut self, who: &Who) -> Option<Arc<str>> {
        if self.given.0.is_empty() {
            return None;
        }
        let found = core::mem::take(&mut self.found);
        if let Who::Principal(id) = who
            && let Some(principal) = self.principals.get_mut(*id)
        {
            principal.has_roles(found.roles);
            if let Some(tenant) = found.tenant
                && principal.tenant.as_deref() != Some(&tenant)
            {
                principal.tenant = Some(Arc::from(tenant.as_str()));
                principal.tenants = Arc::new(vec![tenant]);
            }
        }
        found.agent
    }
}
