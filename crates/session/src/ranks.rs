//! Roles under names of an application's own (`stufe`, `perfil`, `nivel`, `art`).
//!
//! What answers about oneself, tokens and headers say of many principals in few words is a role
//! where it foretells what they use: all who use some function bear one word, which the rest do
//! not, beyond what chance explains. A language, a currency or a plan of no consequence does not.

use crate::aliases::plain;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_model::{ActorId, EndpointId, Leaf, SmolStr, Value};

const SERVICES_MAX: usize = 64;
/// Fields of one service, principals of one field, functions, and values of a field.
const FIELDS_MAX: usize = 32;
const PRINCIPALS_MAX: usize = 512;
const FUNCTIONS_MAX: usize = 256;
const VALUES_MAX: usize = 6;
/// Length of a value, in bytes.
const VALUE_LEN: usize = 24;
/// Leaves of an answer that are looked at.
const LEAVES_MAX: usize = 64;
/// Principals that must be known by a field.
const PRINCIPALS_MIN: usize = 12;
/// Uses of functions between two looks at what foretells what.
const LOOK_EACH: u32 = 256;
/// Those who use a function: at least so many.
const USERS_MIN: usize = 2;
/// How unlikely it is by chance, as a logarithm: one in a hundred thousand.
const CHANCE: f64 = -11.5;

/// What principals are said to be, by one field.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Field {
    values: BTreeMap<ActorId, SmolStr>,
    /// It has more values than roles do.
    many: bool,
    /// Those who wrote it themselves: what they were before holds.
    frozen: BTreeSet<ActorId>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Service {
    fields: BTreeMap<SmolStr, Field>,
    used: BTreeMap<EndpointId, BTreeSet<ActorId>>,
    uses: u32,
    /// The field that tells roles.
    chosen: Option<SmolStr>,
}

/// Roles of the principals of all services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ranks(BTreeMap<Arc<str>, Service>);

/// The letters and digits of the last key of a path, in lower case.
fn tail(path: &str) -> String {
    plain(path.rsplit(['.', ':']).next().unwrap_or_default())
}

/// Names of where somebody belongs, whose members have functions of their own without standing
/// above anybody.
fn names_place(name: &str) -> bool {
    const PLACES: [&str; 22] = [
        "namespace",
        "ns",
        "team",
        "project",
        "projectid",
        "cluster",
        "clustername",
        "env",
        "environment",
        "region",
        "zone",
        "site",
        "branch",
        "store",
        "shop",
        "filiale",
        "standort",
        "sucursal",
        "filial",
        "country",
        "aud",
        "iss",
    ];
    PLACES.contains(&name)
}

/// A value that may be a role: a word or two, or a small number.
fn may_be_role(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let word = !value.is_empty() && value.len() <= VALUE_LEN && !value.contains(['@', '/', '.']);
    word && digits <= 2
}

impl Ranks {
    /// A field, by its path in what says it, says what a principal is.
    pub(crate) fn told(&mut self, service: &Arc<str>, id: ActorId, path: &str, value: &str) {
        if self.0.len() >= SERVICES_MAX && !self.0.contains_key(service) {
            return;
        }
        let fields = &mut self.0.entry(Arc::clone(service)).or_default().fields;
        if fields.len() >= FIELDS_MAX && !fields.contains_key(path) {
            // What tells nothing makes room.
            fields.retain(|_, field| !field.many);
            if fields.len() >= FIELDS_MAX {
                return;
            }
        }
        let field = fields.entry(path.into()).or_default();
        if !may_be_role(value) {
            field.many = true;
            field.values.clear();
        }
        if field.many || field.frozen.contains(&id) {
            return;
        }
        if field.values.len() >= PRINCIPALS_MAX && !field.values.contains_key(&id) {
            return;
        }
        if field.values.get(&id).is_none_or(|known| *known != value) {
            field.values.insert(id, value.into());
            if field.counts().len() > VALUES_MAX {
                field.many = true;
                field.values.clear();
            }
        }
    }

    /// An answer says what a principal is.
    pub(crate) fn answered(&mut self, service: &Arc<str>, id: ActorId, leaves: &[Leaf]) {
        for leaf in leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.in_array()) {
            match &leaf.value {
                Value::Text(text) => self.told(service, id, &leaf.path, text),
                Value::Integer(number) => self.told(service, id, &leaf.path, &number.to_string()),
                Value::Bool(truth) => self.told(service, id, &leaf.path, &truth.to_string()),
                _ => {}
            }
        }
    }

    /// A principal writes to itself: what it is told to be from then on, it made itself.
    pub(crate) fn wrote(&mut self, service: &str, id: ActorId, leaves: &[Leaf]) {
        let Some(known) = self.0.get_mut(service) else { return };
        for (path, field) in &mut known.fields {
            let Some(own) = field.values.get(&id) else { continue };
            let name = tail(path);
            let other = |leaf: &&Leaf| {
                leaf.path.plain() == name
                    && leaf.value.as_key().is_some_and(|value| *own != value.as_str())
            };
            if leaves.iter().take(LEAVES_MAX).any(|leaf| other(&leaf)) {
                field.frozen.insert(id);
            }
        }
    }

    /// A principal was let use a function.
    pub(crate) fn used(&mut self, service: &str, id: ActorId, function: EndpointId) {
        let Some(known) = self.0.get_mut(service) else { return };
        known.uses = known.uses.saturating_add(1);
        if known.uses.is_multiple_of(LOOK_EACH) && known.chosen.is_none() {
            known.chosen = known.choose();
        }
        if known.used.len() < FUNCTIONS_MAX || known.used.contains_key(&function) {
            let users = known.used.entry(function).or_default();
            if users.len() < PRINCIPALS_MAX {
                users.insert(id);
            }
        }
    }

    /// What a principal is, where a field tells it.
    pub(crate) fn of(&self, service: &str, id: ActorId) -> Option<String> {
        let known = self.0.get(service)?;
        let path = known.chosen.as_ref()?;
        let value = known.fields.get(path)?.values.get(&id)?;
        let is_word = value.bytes().any(|byte| byte.is_ascii_alphabetic());
        let truth = matches!(value.as_str(), "true" | "false");
        Some(if is_word && !truth { value.to_string() } else { format!("{}:{value}", tail(path)) })
    }

    /// The name of the field that tells roles at a service: letters and digits, in lower case.
    pub(crate) fn field(&self, service: &str) -> Option<String> {
        self.0.get(service)?.chosen.as_deref().map(tail)
    }
}

impl Service {
    /// The field that foretells best what principals use.
    fn choose(&self) -> Option<SmolStr> {
        let fits = |field: &&Field| {
            !field.many && field.values.len() >= PRINCIPALS_MIN && field.counts().len() >= 2
        };
        let fields = self.fields.iter().filter(|(path, field)| {
            let name = tail(path);
            fits(field) && !crate::told::names_tenant(&name) && !names_place(&name)
        });
        let chances = fields.map(|(path, field)| (path, self.chance(field)));
        let best = chances.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, p)| *p <= CHANCE);
        best.map(|(path, _)| path.clone())
    }

    /// How likely it is by chance that those who use one function bear one value, and that at
    /// least half of those who bear it use it: a logarithm.
    fn chance(&self, field: &Field) -> f64 {
        let counts = field.counts();
        let mut best = 0.0_f64;
        for users in self.used.values() {
            let mut bearing = users.iter().filter_map(|user| field.values.get(user));
            let Some(value) = bearing.next() else { continue };
            let mut with = 1_usize;
            if !bearing.all(|other| {
                with = with.saturating_add(1);
                other == value
            }) {
                continue;
            }
            let all = counts.get(value).copied().unwrap_or(0);
            if with >= USERS_MIN && with.saturating_mul(2) >= all && with <= all {
                let draw = |at: usize| {
                    let (own, any) = (all - at, field.values.len() - at);
                    (own as f64 / any as f64).ln()
                };
                best = best.min((0..with).map(draw).sum());
            }
        }
        best
    }
}

impl Field {
    fn counts(&self) -> BTreeMap<&SmolStr, usize> {
        let mut counts = BTreeMap::new();
        for value in self.values.values() {
            let count: &mut usize = counts.entry(value).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty principals, of whom every tenth uses the tenth function; `says` names each.
    fn field(says: impl Fn(u64) -> (&'static str, String)) -> Ranks {
        let mut ranks = Ranks::default();
        let service: Arc<str> = Arc::from("shop");
        for turn in 0..10 {
            for user in 0..60 {
                let (path, value) = says(user);
                ranks.told(&service, ActorId(user), path, &value);
                ranks.used("shop", ActorId(user), EndpointId((user + turn) % 8));
                if user % 10 == 0 {
                    ranks.used("shop", ActorId(user), EndpointId(10));
                }
            }
        }
        ranks
    }

    #[test]
    fn a_word_of_those_who_alone_use_something_is_a_role() {
        let stufe = |user: u64| {
            ("wer.stufe", if user.is_multiple_of(10) { "leitung" } else { "mitglied" }.to_owned())
        };
        let ranks = field(stufe);
        assert_eq!(ranks.of("shop", ActorId(20)).as_deref(), Some("leitung"));
        assert_eq!(ranks.of("shop", ActorId(21)).as_deref(), Some("mitglied"));
        assert_eq!(ranks.field("shop").as_deref(), Some("stufe"));
        let number = |user: u64| ("level", if user.is_multiple_of(10) { "3" } else { "1" }.into());
        assert_eq!(field(number).of("shop", ActorId(20)).as_deref(), Some("level:3"));
    }

    #[test]
    fn what_foretells_nothing_is_none() {
        let language = |user: u64| ("language", ["de", "en", "fr"][user as usize % 3].to_owned());
        assert_eq!(field(language).of("shop", ActorId(20)), None);
        let name = |user: u64| ("name", format!("ann-{}", ["x", "y", "z"][user as usize % 3]));
        assert_eq!(field(name).of("shop", ActorId(20)), None);
        let own = |user: u64| ("handle", char::from(b'a' + (user % 26) as u8).to_string());
        assert_eq!(field(own).of("shop", ActorId(20)), None, "a name of one's own");
        let org =
            |user: u64| ("org", if user.is_multiple_of(10) { "acme" } else { "globex" }.to_owned());
        assert_eq!(field(org).of("shop", ActorId(20)), None, "a tenant");
        let ns = |user: u64| {
            ("io.namespace", if user.is_multiple_of(10) { "web" } else { "core" }.to_owned())
        };
        assert_eq!(field(ns).of("shop", ActorId(20)), None, "a part of a cluster");
    }

    #[test]
    fn who_writes_it_stays_what_it_was_and_who_is_made_so_is_so() {
        let stufe = |user: u64| {
            ("stufe", if user.is_multiple_of(10) { "leitung" } else { "mitglied" }.to_owned())
        };
        let mut ranks = field(stufe);
        let service: Arc<str> = Arc::from("shop");
        let leaf = Leaf {
            place: stilt_model::Place::Json,
            path: "stufe".into(),
            record: 0,
            value: Value::Text("leitung".into()),
            sensitive: None,
        };
        ranks.wrote("shop", ActorId(21), &[leaf]);
        for user in [21, 22] {
            ranks.told(&service, ActorId(user), "stufe", "leitung");
        }
        assert_eq!(ranks.of("shop", ActorId(21)).as_deref(), Some("mitglied"));
        assert_eq!(ranks.of("shop", ActorId(22)).as_deref(), Some("leitung"));
    }
}
