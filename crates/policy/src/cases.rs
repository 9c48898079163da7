//! A transaction as Cedar sees it: principal, action, resource, context.

use crate::functions;
use crate::needs::Needs;
use crate::templates::Templates;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{CredentialKind, Leaf, Place, Transaction, Value};
use stilt_session::Seen;
use stilt_session::objects::Objects;

/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 128;
const DAY: i64 = 86_400;

/// Names whose number is an amount of money or of things, by their last word.
const AMOUNTS: [&str; 10] = [
    "amount", "total", "sum", "value", "betrag", "importe", "montant", "price", "quantity", "limit",
];

/// What a policy may compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    Long(i64),
    Bool(bool),
    Text(String),
}

impl Scalar {
    fn expression(&self) -> RestrictedExpression {
        match self {
            Self::Long(number) => RestrictedExpression::new_long(*number),
            Self::Bool(truth) => RestrictedExpression::new_bool(*truth),
            Self::Text(text) => RestrictedExpression::new_string(text.clone()),
        }
    }

    fn of(leaf: &Leaf) -> Option<Self> {
        let number = |number: f64| {
            // Rounded up, so that what is over a limit by cents is over it.
            let up = number.ceil();
            (up.abs() < 9e15).then_some(Self::Long(up as i64))
        };
        match &leaf.value {
            Value::Null => None,
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Integer(value) => Some(Self::Long(*value)),
            Value::Number(value) => number(*value),
            Value::Text(text) => {
                // Forms and queries know text only.
                let parsed = if leaf.place == Place::Json { None } else { text.parse().ok() };
                parsed.and_then(number).or_else(|| Some(Self::Text(text.to_string())))
            }
            Value::Masked { mark, .. } => Some(Self::Text(mark.to_string())),
        }
    }

    /// Of two values under one name the one that a limit is for.
    fn worse(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Long(one), Self::Long(two)) if two > one => other,
            _ => self,
        }
    }
}

/// A function as policies see it.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) uid: EntityUid,
    pub(crate) groups: Vec<EntityUid>,
    pub(crate) name: Arc<str>,
    pub(crate) service: Arc<str>,
    /// It fits a function that a policy names, and may be one of its own.
    pub(crate) unsure: bool,
}

impl Function {
    pub(crate) fn of(sighting: &Sighting, templates: &Templates) -> Option<Self> {
        let groups = functions::groups(&sighting.name, sighting.changes_state);
        let own = uid("Action", &sighting.name)?;
        let (uid_of, unsure) = templates.find(&sighting.name).unwrap_or((own, false));
        Some(Self {
            uid: uid_of,
            unsure,
            groups: groups.iter().filter_map(|group| uid("Action", group)).collect(),
            name: Arc::clone(&sighting.name),
            service: Arc::clone(&sighting.service),
        })
    }

    /// Some policy speaks of it.
    pub(crate) fn is_governed(&self, needs: &Needs) -> bool {
        needs.functions.as_ref().is_none_or(|spoken| {
            spoken.contains(&self.uid) || self.groups.iter().any(|group| spoken.contains(group))
        })
    }
}

/// Facts of one transaction that policies read.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) context: BTreeMap<&'static str, Scalar>,
    pub(crate) leaves: BTreeMap<String, Scalar>,
    /// Class and id of the object, and its owner as shown.
    pub(crate) object: Option<(Arc<str>, String, Option<String>)>,
    pub(crate) foreign: bool,
}

/// An entity of a type.
pub(crate) fn uid(kind: &'static str, id: &str) -> Option<EntityUid> {
    let kind: EntityTypeName = kind.parse().ok()?;
    Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// The name of a principal as policies write it.
pub(crate) fn principal(seen: &Seen) -> (&'static str, &str) {
    match &seen.person {
        Some(person) => ("User", person.user.as_deref().unwrap_or(&person.name)),
        None => ("Client", &seen.actor.name),
    }
}

/// The amount that a request is about: the largest of its leaves that is called so.
pub(crate) fn amount(tx: &Transaction) -> Option<i64> {
    let request = tx.request.as_ref()?;
    let called = |leaf: &&Leaf| {
        let name = leaf.name().to_ascii_lowercase();
        AMOUNTS.iter().any(|amount| name.ends_with(amount))
    };
    let leaves = request.leaves.iter().take(LEAVES_MAX).filter(called);
    leaves
        .filter_map(|leaf| match (Scalar::of(leaf)?, &leaf.value) {
            (Scalar::Long(number), _) => Some(number),
            (_, Value::Text(text)) => text.parse().ok().map(|n: f64| n.ceil() as i64),
            _ => None,
        })
        .max()
}

/// Leaves of a request by name, those that `wanted`.
pub(crate) fn leaves(tx: &Transaction, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Scalar> {
    let mut found: BTreeMap<String, Scalar> = BTreeMap::new();
    let leaves = tx.request.iter().flat_map(|request| &request.leaves).take(LEAVES_MAX);
    for leaf in leaves.filter(|leaf| wanted(leaf.name())) {
        let Some(value) = Scalar::of(leaf) else { continue };
        let value = match found.remove(leaf.name()) {
            Some(before) => before.worse(value),
            None => value,
        };
        found.insert(leaf.name().to_owned(), value);
    }
    found
}

/// How the principal proved who it is.
fn proof(tx: &Transaction) -> &'static str {
    let credentials = tx.request.iter().flat_map(|request| &request.credentials);
    let strongest = credentials.min_by_key(|credential| credential.kind);
    match strongest {
        None => "none",
        Some(credential) if credential.jwt.is_some() => "jwt",
        Some(credential) => match credential.kind {
            CredentialKind::Bearer => "bearer",
            CredentialKind::Basic => "basic",
            CredentialKind::Cookie => "cookie",
            CredentialKind::ApiKey => "api_key",
            CredentialKind::Other => "other",
        },
    }
}

impl<'a> Case<'a> {
    pub(crate) fn of(
        needs: &Needs,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &'a Seen,
        objects: &Objects,
    ) -> Self {
        let mut context = BTreeMap::new();
        let mut put = |name: &'static str, value: &dyn Fn() -> Option<Scalar>| {
            if needs.reads(name)
                && let Some(value) = value()
            {
                context.insert(name, value);
            }
        };
        let secs = tx.start.secs();
        let of_day = secs.rem_euclid(DAY);
        put("ip", &|| Some(Scalar::Text(seen.client_ip.to_string())));
        put("hour", &|| Some(Scalar::Long(of_day / 3600)));
        put("minute_of_day", &|| Some(Scalar::Long(of_day / 60)));
        // The epoch was a Thursday; Monday is 1.
        put("weekday", &|| Some(Scalar::Long((secs.div_euclid(DAY) + 3).rem_euclid(7) + 1)));
        put("authenticated", &|| Some(Scalar::Bool(seen.authenticated)));
        put("auth", &|| Some(Scalar::Text(proof(tx).to_owned())));
        put("amount", &|| amount(tx).map(Scalar::Long));
        put("on_behalf", &|| {
            tx.request.as_ref().and_then(|r| r.on_behalf.clone()).map(Scalar::Text)
        });
        let wants_leaves = needs.all_leaves || !needs.leaves.is_empty();
        let leaves =
            if wants_leaves { leaves(tx, |name| needs.reads_leaf(name)) } else { BTreeMap::new() };
        let mut object = None;
        let mut foreign = false;
        if needs.object || needs.foreign {
            for asked in sighting.objects.iter().filter(|object| object.in_path).take(4) {
                let verdict = objects.judge(tx, sighting, seen, asked);
                foreign |= verdict.is_foreign();
                let owner = verdict.owner_id.and_then(|id| objects.person(id));
                let owner = owner.and_then(|person| person.actor.user.clone());
                object.get_or_insert((Arc::clone(&asked.class), asked.id.clone(), owner));
            }
        }
        let object = object.filter(|_| needs.object);
        Self { seen, context, leaves, object, foreign }
    }

    /// The request and its entities; `None` where a name can't be one of Cedar's.
    pub(crate) fn request(&self, function: &Function) -> Option<(Request, Entities)> {
        let (kind, name) = principal(self.seen);
        let actor = uid(kind, name)?;
        let roles = self.seen.best_roles().iter().filter_map(|role| uid("Role", role));
        let tenant = self.seen.tenant.iter().filter_map(|tenant| uid("Tenant", tenant));
        let parents: HashSet<EntityUid> = roles.chain(tenant).collect();
        let mut about =
            HashMap::from([("name".to_owned(), RestrictedExpression::new_string(name.to_owned()))]);
        if let Some(tenant) = &self.seen.tenant {
            about.insert("tenant".to_owned(), RestrictedExpression::new_string(tenant.to_string()));
        }
        let service = uid("Service", &function.service)?;
        let endpoint = uid("Endpoint", &function.name)?;
        let foreign = || ("foreign".to_owned(), RestrictedExpression::new_bool(self.foreign));
        let mut entities = vec![
            Entity::new(actor.clone(), about, parents).ok()?,
            Entity::new_no_attrs(function.uid.clone(), function.groups.iter().cloned().collect()),
            Entity::new(endpoint.clone(), HashMap::from([foreign()]), [service].into()).ok()?,
        ];
        let mut resource = endpoint.clone();
        if let Some((class, id, owner)) = &self.object {
            resource = uid("Object", &format!("{class}/{id}"))?;
            let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
            let mut about = HashMap::from([
                foreign(),
                ("class".to_owned(), text(class)),
                ("id".to_owned(), text(id)),
            ]);
            about.extend(owner.as_ref().map(|owner| ("owner".to_owned(), text(owner))));
            entities.push(Entity::new(resource.clone(), about, [endpoint].into()).ok()?);
        }
        let mut context: Vec<(String, RestrictedExpression)> = self
            .context
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    Scalar::Text(ip) if *name == "ip" => RestrictedExpression::new_ip(ip),
                    other => other.expression(),
                };
                ((*name).to_owned(), value)
            })
            .collect();
        let leaves = self.leaves.iter().map(|(name, value)| (name.clone(), value.expression()));
        context.push(("request".to_owned(), RestrictedExpression::new_record(leaves).ok()?));
        let context = Context::from_pairs(context).ok()?;
        let request = Request::new(actor, function.uid.clone(), resource, context, None).ok()?;
        Some((request, Entities::from_entities(entities, None).ok()?))
    }
}
