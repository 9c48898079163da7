//! What answers about somebody say of their rights, where no token claims any.

use crate::aliases::plain;
use std::collections::BTreeSet;
use stilt_model::{Jwt, Leaf, Value};

/// Roles of one principal kept.
const ROLES_MAX: usize = 16;
/// Longest role.
const ROLE_MAX: usize = 64;
/// Longer answers are about more than one person.
const LEAVES_MAX: usize = 200;

/// Names whose value is a role, their separators left out.
const ROLES: [&str; 20] = [
    "role",
    "roles",
    "userrole",
    "userroles",
    "usertype",
    "accounttype",
    "rolename",
    "scope",
    "scopes",
    "groups",
    "permissions",
    "authorities",
    "rolle",
    "rollen",
    "rol",
    "papel",
    "ruolo",
    "benutzerrolle",
    "nutzerrolle",
    "berechtigungen",
];

/// Names whose truth says that somebody has more rights than others, and what they are then.
const FLAGS: [(&str, &str); 8] = [
    ("isadmin", "admin"),
    ("admin", "admin"),
    ("administrator", "admin"),
    ("isstaff", "staff"),
    ("staff", "staff"),
    ("issuperuser", "superuser"),
    ("superuser", "superuser"),
    ("ismoderator", "moderator"),
];

/// What somebody is called of whom such a name is not true.
pub const ORDINARY: &str = "user";

/// The role is one that a flag of an account tells (`is_admin`).
#[must_use]
pub fn is_of_flag(role: &str) -> bool {
    FLAGS.iter().any(|(_, told)| told.eq_ignore_ascii_case(role))
}

/// Names whose value is a tenant.
const TENANTS: [&str; 33] = [
    "tenant",
    "tenantid",
    "org",
    "orgid",
    "organization",
    "organizationid",
    "organisationid",
    "company",
    "companyid",
    "workspace",
    "workspaceid",
    "realm",
    "tenants",
    "tenantids",
    "orgs",
    "orgids",
    "organizations",
    "companies",
    "workspaces",
    "mandant",
    "mandantid",
    "mandanten",
    "mandantenid",
    "firmaid",
    "empresa",
    "empresaid",
    "idempresa",
    "inquilino",
    "inquilinoid",
    "organizacao",
    "organizacaoid",
    "organisation",
    "azienda",
];

/// What may stand above a name in an answer about oneself.
const ABOUT: [&str; 31] = [
    "user",
    "account",
    "customer",
    "profile",
    "me",
    "member",
    "data",
    "identity",
    "attributes",
    "viewer",
    "person",
    "result",
    "payload",
    "currentuser",
    "authentication",
    "session",
    "response",
    "body",
    "userinfo",
    "details",
    "daten",
    "konto",
    "nutzer",
    "benutzer",
    "profil",
    "dados",
    "datos",
    "usuario",
    "cuenta",
    "conta",
    "utilisateur",
];

/// What a record of a tenant calls it by.
const CALLED: [&str; 6] = ["slug", "id", "uuid", "key", "name", "handle"];

/// A path without what SOAP wraps around an answer: the envelope, its body, and an element that is
/// called after the operation (`Envelope.Body.loginResponse.role`; WSDL 1.1, §3.5).
fn unpacked(path: &str) -> &str {
    let inside = path.strip_prefix("Envelope.Body.");
    inside.and_then(|inside| inside.split_once('.')).map_or(path, |(_, rest)| rest)
}

/// The name of a leaf that stands in an answer about one person, its separators left out.
fn about_one(leaf: &Leaf, own: &[&str]) -> Option<String> {
    let path = leaf.path.strip_suffix("[]").unwrap_or(&leaf.path);
    let inside = unpacked(path);
    if path.contains("[]") || inside.matches('.').count() > 2 {
        return None;
    }
    let mut words = inside.rsplit('.');
    let name = plain(words.next()?);
    let above = path.rsplit_once('.').map_or("", |(above, _)| above);
    let fits = own.contains(&above) || words.all(|w| ABOUT.contains(&plain(w).as_str()));
    fits.then_some(name)
}

/// Where an answer to somebody who signs in speaks of them, whatever it is called: what stands
/// beside one of their names.
pub(crate) fn places<'a>(leaves: &'a [Leaf], aliases: &[String]) -> Vec<&'a str> {
    let mut places = Vec::new();
    for leaf in leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.contains("[]")) {
        let named = leaf
            .value
            .as_key()
            .filter(|key| key.len() >= 3 && key.bytes().any(|byte| !byte.is_ascii_digit()));
        if named.is_some_and(|key| aliases.binary_search(&key).is_ok()) {
            let above = leaf.path.rsplit_once('.').map_or("", |(above, _)| above);
            if !places.contains(&above) {
                places.push(above);
            }
        }
    }
    places
}

fn add(roles: &mut Vec<String>, role: &str) {
    let fits = !role.is_empty() && role.len() <= ROLE_MAX && roles.len() < ROLES_MAX;
    if fits && !roles.iter().any(|known| known == role) {
        roles.push(role.to_owned());
    }
}

fn flag(name: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, role)| *role)
}

/// Roles that a request writes, wherever in it they stand.
pub(crate) fn written(leaves: &[Leaf]) -> Vec<String> {
    let mut roles = Vec::new();
    for leaf in leaves.iter().take(LEAVES_MAX) {
        let name = plain(leaf.name());
        match (&leaf.value, flag(&name)) {
            (Value::Bool(true) | Value::Integer(1), Some(role)) => add(&mut roles, role),
            (Value::Text(text), Some(role)) if ["true", "1", "on"].contains(&text.as_str()) => {
                add(&mut roles, role);
            }
            (Value::Text(text), None) if ROLES.contains(&name.as_str()) => {
                for role in text.split([' ', ',']) {
                    add(&mut roles, role);
                }
            }
            _ => {}
        }
    }
    roles
}

/// Roles in an answer about one person, sorted; `own`: where it speaks of that person for sure.
pub(crate) fn roles(leaves: &[Leaf], own: &[&str]) -> Vec<String> {
    let mut roles = Vec::new();
    if leaves.len() > LEAVES_MAX {
        return roles;
    }
    let mut ordinary = false;
    for leaf in leaves {
        let Some(name) = about_one(leaf, own) else { continue };
        match (&leaf.value, flag(&name)) {
            (Value::Bool(true) | Value::Integer(1), Some(role)) => add(&mut roles, role),
            (Value::Bool(false) | Value::Integer(0), Some(_)) => ordinary = true,
            (Value::Text(text), None) if ROLES.contains(&name.as_str()) => {
                for role in text.split([' ', ',']) {
                    add(&mut roles, role);
                }
            }
            _ => {}
        }
    }
    if roles.is_empty() && ordinary {
        add(&mut roles, ORDINARY);
    }
    roles.sort();
    roles
}

/// What the asker is in the tenants that an answer lists: a list of tenants, each with a role, is
/// of those that one belongs to (`{"orgs":[{"slug":"acme","role":"owner"}]}`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    /// Its roles there, sorted.
    pub(crate) roles: Vec<String>,
    /// What these tenants are called.
    pub(crate) tenants: Vec<String>,
}

/// Reads such a list.
pub(crate) fn membership(leaves: &[Leaf]) -> Membership {
    let mut found = Membership::default();
    if leaves.len() > LEAVES_MAX {
        return found;
    }
    let mut with_role = BTreeSet::new();
    let mut records = BTreeSet::new();
    let mut called = Vec::new();
    for leaf in leaves {
        let Some(name) = of_tenants(leaf) else { continue };
        records.insert(leaf.record);
        match &leaf.value {
            Value::Text(text) if ROLES.contains(&name.as_str()) => {
                with_role.insert(leaf.record);
                text.split([' ', ',']).for_each(|role| add(&mut found.roles, role));
            }
            value if CALLED.contains(&name.as_str()) || is_tenant(&name) => {
                called.extend(value.as_key());
            }
            _ => {}
        }
    }
    if records.is_empty() || with_role != records || called.is_empty() {
        return Membership::default();
    }
    called.retain(|tenant| !tenant.is_empty() && tenant.len() <= ROLE_MAX);
    called.truncate(ROLES_MAX);
    found.roles.sort();
    found.tenants = called;
    found
}

/// The name of a leaf of a record in a list of tenants.
fn of_tenants(leaf: &Leaf) -> Option<String> {
    let (list, name) = leaf.path.split_once("[].")?;
    let mut words = list.rsplit('.');
    let last = plain(words.next()?);
    let fits = is_tenant(&last) || last == "memberships" || last == "teams";
    let plain_name = plain(name);
    (fits && !name.contains(['.', '[']) && words.all(|word| ABOUT.contains(&plain(word).as_str())))
        .then_some(plain_name)
}

/// Roles that claims tell by a truth value (`is_admin`).
pub(crate) fn of_claims(jwt: &Jwt) -> Vec<String> {
    let mut roles = Vec::new();
    let mut ordinary = false;
    for (claim, value) in &jwt.claims {
        match (flag(&plain(claim)), value.as_str()) {
            (Some(role), "true" | "1") => add(&mut roles, role),
            (Some(_), "false" | "0") => ordinary = true,
            _ => {}
        }
    }
    if roles.is_empty() && ordinary {
        add(&mut roles, ORDINARY);
    }
    roles.sort();
    roles
}

/// The tenants in an answer about one person.
pub(crate) fn tenants(leaves: &[Leaf], own: &[&str]) -> Vec<String> {
    if leaves.len() > LEAVES_MAX {
        return Vec::new();
    }
    let tells = |leaf: &&Leaf| {
        about_one(leaf, own).is_some_and(|name| is_tenant(&name))
            && matches!(leaf.value, Value::Text(_) | Value::Integer(_))
    };
    let named = leaves.iter().filter(tells).filter_map(|leaf| leaf.value.as_key());
    named.filter(|tenant| !tenant.is_empty() && tenant.len() <= ROLE_MAX).take(ROLES_MAX).collect()
}

/// A name, its separators left out, whose value is a tenant.
fn is_tenant(name: &str) -> bool {
    TENANTS.contains(&name)
}

/// The name of a leaf whose value is a tenant.
pub(crate) fn names_tenant(name: &str) -> bool {
    is_tenant(&plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Place;

    fn leaf(path: &str, value: Value) -> Leaf {
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    #[test]
    fn roles_are_read_where_an_answer_is_about_one_person() {
        let text = |text: &str| Value::Text(text.into());
        let check = |leaves: &[Leaf], expected: &[&str]| assert_eq!(roles(leaves, &[]), expected);
        check(&[leaf("user.role", text("clerk"))], &["clerk"]);
        check(&[leaf("roles[]", text("b")), leaf("roles[]", text("a"))], &["a", "b"]);
        check(&[leaf("data.admin", Value::Bool(true))], &["admin"]);
        check(&[leaf("is_admin", Value::Bool(false))], &["user"]);
        check(&[leaf("scope", text("orders:read orders:write"))], &["orders:read", "orders:write"]);
        check(&[leaf("users[].role", text("admin"))], &[]);
        check(&[leaf("order.role", text("x")), leaf("name", text("ann"))], &[]);
        check(&[leaf("Envelope.Body.LoginResponse.Role", text("clerk"))], &["clerk"]);
        check(&[leaf("Envelope.Body.GetOrderResponse.Order.Role", text("x"))], &[]);
    }

    #[test]
    fn a_tenant_is_a_word_or_number_about_oneself() {
        assert_eq!(tenants(&[leaf("user.org_id", Value::Integer(3))], &[]), ["3"]);
        assert!(tenants(&[leaf("orders[].org_id", Value::Integer(3))], &[]).is_empty());
    }

    #[test]
    fn a_list_of_tenants_with_roles_is_a_membership() {
        let text = |text: &str| Value::Text(text.into());
        let mut two = vec![leaf("orgs[].slug", text("acme")), leaf("orgs[].role", text("owner"))];
        let found = membership(&two);
        assert_eq!((found.roles, found.tenants), (vec!["owner".into()], vec!["acme".into()]));
        // One without a role: all there are, not the asker's.
        two.push(Leaf { record: 1, ..leaf("orgs[].slug", text("globex")) });
        assert_eq!(membership(&two), Membership::default());
        let people = [leaf("users[].id", text("ann")), leaf("users[].role", text("owner"))];
        assert_eq!(membership(&people), Membership::default());
    }

    #[test]
    fn what_a_request_writes_of_roles() {
        let roles = [
            leaf("variables.input.role", Value::Text("ADMIN".into())),
            leaf("isStaff", Value::Bool(true)),
            leaf("isAdmin", Value::Bool(false)),
        ];
        assert_eq!(written(&roles), ["ADMIN", "staff"]);
    }

    #[test]
    fn what_stands_beside_a_name_of_somebody_who_signs_in_is_about_them() {
        let text = |text: &str| Value::Text(text.into());
        let answer = [
            leaf("antwort.wer.kennung", text("ann.b")),
            leaf("antwort.wer.rolle", text("leitung")),
            leaf("antwort.wer.mandanten[]", text("mnd_1")),
            leaf("antwort.wer.mandanten[]", text("mnd_2")),
            leaf("antwort.stand.rolle", text("other")),
        ];
        let own = places(&answer, &["ann.b".to_owned()]);
        assert_eq!(own, ["antwort.wer"]);
        assert_eq!(roles(&answer, &own), ["leitung"]);
        assert_eq!(tenants(&answer, &own), ["mnd_1", "mnd_2"]);
        assert!(places(&answer, &["bob".to_owned()]).is_empty());
    }
}
