//! What policies read: only that is worked out, and only that keeps decisions apart in the cache.

use cedar_policy::{ActionConstraint, EntityUid, Policy, PrincipalConstraint};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a set of policies reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Attributes of the context.
    pub(crate) context: BTreeSet<String>,
    /// Leaves of the request by name.
    pub(crate) leaves: BTreeSet<String>,
    /// The whole context, or the whole request, is read.
    pub(crate) all_leaves: bool,
    /// The single object, not only its endpoint, decides.
    pub(crate) object: bool,
    /// Whether the object is known to be another's decides.
    pub(crate) foreign: bool,
    /// Conditions look at the principal.
    pub(crate) principal: bool,
    /// Principals, roles and tenants that scopes name.
    pub(crate) named: BTreeSet<String>,
    /// Functions that policies speak of, by name or group; `None`: of all.
    pub(crate) functions: Option<BTreeSet<EntityUid>>,
}

impl Needs {
    pub(crate) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut needs = Self { functions: Some(BTreeSet::new()), ..Self::default() };
        for policy in policies {
            match (policy.action_constraint(), &mut needs.functions) {
                (_, None) => {}
                (ActionConstraint::Any, functions) => *functions = None,
                (ActionConstraint::In(list), Some(functions)) => functions.extend(list),
                (ActionConstraint::Eq(one), Some(functions)) => {
                    functions.insert(one);
                }
            }
            match policy.principal_constraint() {
                PrincipalConstraint::In(uid)
                | PrincipalConstraint::IsIn(_, uid)
                | PrincipalConstraint::Eq(uid) => {
                    needs.named.insert(uid.id().unescaped().to_owned());
                }
                PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
            }
            match policy.to_json() {
                Ok(json) => needs.read(&json),
                Err(_) => {
                    (needs.all_leaves, needs.object, needs.foreign) = (true, true, true);
                    needs.principal = true;
                }
            }
        }
        needs
    }

    fn read(&mut self, json: &Value) {
        match json {
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    if (key == "." || key == "has") && self.access(value) {
                        continue;
                    }
                    if key == "Var" {
                        // A variable that is read whole.
                        self.all_leaves |= value == "context";
                        self.object |= value == "resource";
                        self.principal |= value == "principal";
                        continue;
                    }
                    let constrains = key == "resource" && value.get("op").is_some();
                    self.object |= constrains
                        && value.get("op") != Some(&Value::from("All"))
                        && !about_places(value);
                    if !constrains {
                        self.read(value);
                    }
                }
            }
            _ => {}
        }
    }

    /// `left.attr`, where `left` is the context, its request, or the resource.
    fn access(&mut self, value: &Value) -> bool {
        let (Some(left), Some(attr)) =
            (value.get("left"), value.get("attr").and_then(Value::as_str))
        else {
            return false;
        };
        if left.get("Var") == Some(&Value::from("context")) {
            self.context.insert(attr.to_owned());
            return true;
        }
        if left.get("Var") == Some(&Value::from("resource")) {
            if attr == "foreign" {
                self.foreign = true;
            } else {
                self.object = true;
            }
            return true;
        }
        let inner = left.get(".").filter(|inner| {
            inner.get("attr") == Some(&Value::from("request"))
                && inner.pointer("/left/Var") == Some(&Value::from("context"))
        });
        if inner.is_some() {
            self.context.insert("request".to_owned());
            self.leaves.insert(attr.to_owned());
            return true;
        }
        false
    }

    /// The name of a principal, role or tenant can change a decision.
    pub(crate) fn tells(&self, name: &str) -> bool {
        self.principal || self.named.contains(name)
    }

    /// The context is read by this name.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.all_leaves || self.context.contains(name)
    }

    /// The leaf is read.
    pub(crate) fn reads_leaf(&self, name: &str) -> bool {
        self.all_leaves || self.leaves.contains(name)
    }
}

/// A scope on the resource that names services or endpoints only.
fn about_places(value: &Value) -> bool {
    let text = value.to_string();
    (text.contains("\"Service\"") || text.contains("\"Endpoint\"")) && !text.contains("\"Object\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> Needs {
        let policy = Policy::parse(None, text).unwrap();
        Needs::of(core::iter::once(&policy))
    }

    #[test]
    fn what_is_read_is_told_by_name() {
        let read = needs(
            "permit (principal, action, resource) when { context.authenticated && \
             context.request has amount && context.request.amount < 1000 };",
        );
        assert_eq!(read.context, ["authenticated", "request"].map(str::to_owned).into());
        assert_eq!(read.leaves, ["amount".to_owned()].into());
        assert!(!read.object && !read.all_leaves && read.functions.is_none());
        let plain =
            needs("permit (principal in Role::\"a\", action in Action::\"admin\", resource);");
        assert!(plain.context.is_empty() && !plain.object && plain.functions.is_some());
        assert!(needs("permit (principal, action, resource) when { resource.own };").object);
        assert!(!needs("permit (principal, action, resource in Service::\"a\");").object);
    }
}
