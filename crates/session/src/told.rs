//! What answers about somebody say of their rights, where no token claims any.

use stilt_model::{Jwt, Leaf, Value};

/// Roles of one principal kept.
const ROLES_MAX: usize = 16;
/// Longest role.
const ROLE_MAX: usize = 64;
/// Longer answers are about more than one person.
const LEAVES_MAX: usize = 200;

/// Names whose value is a role, their separators left out.
const ROLES: [&str; 14] = [
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
    "rol",
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

/// What somebody is of whom such a name is not true.
const ORDINARY: &str = "user";

/// Names whose value is a tenant.
const TENANTS: [&str; 12] = [
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
];

/// What may stand above a name in an answer about oneself.
const ABOUT: [&str; 14] = [
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
];

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The name of a leaf that stands in an answer about one person, its separators left out.
fn about_one(leaf: &Leaf) -> Option<String> {
    let path = leaf.path.strip_suffix("[]").unwrap_or(&leaf.path);
    if path.contains("[]") || path.matches('.').count() > 2 {
        return None;
    }
    let mut words = path.rsplit('.');
    let name = plain(words.next()?);
    words.all(|above| ABOUT.contains(&plain(above).as_str())).then_some(name)
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

/// Roles in an answer about one person, sorted.
pub(crate) fn roles(leaves: &[Leaf]) -> Vec<String> {
    let mut roles = Vec::new();
    if leaves.len() > LEAVES_MAX {
        return roles;
    }
    let mut ordinary = false;
    for leaf in leaves {
        let Some(name) = about_one(leaf) else { continue };
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

/// The tenant in an answer about one person.
pub(crate) fn tenant(leaves: &[Leaf]) -> Option<String> {
    if leaves.len() > LEAVES_MAX {
        return None;
    }
    let tells = |leaf: &&Leaf| {
        about_one(leaf).is_some_and(|name| TENANTS.contains(&name.as_str()))
            && matches!(leaf.value, Value::Text(_) | Value::Integer(_))
    };
    leaves.iter().find(tells).and_then(|leaf| leaf.value.as_key()).filter(|t| t.len() <= ROLE_MAX)
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
        let check = |leaves: &[Leaf], expected: &[&str]| assert_eq!(roles(leaves), expected);
        check(&[leaf("user.role", text("clerk"))], &["clerk"]);
        check(&[leaf("roles[]", text("b")), leaf("roles[]", text("a"))], &["a", "b"]);
        check(&[leaf("data.admin", Value::Bool(true))], &["admin"]);
        check(&[leaf("is_admin", Value::Bool(false))], &["user"]);
        check(&[leaf("scope", text("orders:read orders:write"))], &["orders:read", "orders:write"]);
        check(&[leaf("users[].role", text("admin"))], &[]);
        check(&[leaf("order.role", text("x")), leaf("name", text("ann"))], &[]);
    }

    #[test]
    fn a_tenant_is_a_word_or_number_about_oneself() {
        assert_eq!(tenant(&[leaf("user.org_id", Value::Integer(3))]).as_deref(), Some("3"));
        assert_eq!(tenant(&[leaf("orders[].org_id", Value::Integer(3))]), None);
    }
}
