//! What names of roles say of the rights of who has them.

use std::sync::Arc;
use stilt_session::Seen;

/// Words of roles that have more rights than users do.
const PRIVILEGED: [&str; 46] = [
    "admin",
    "administrator",
    "root",
    "superuser",
    "super",
    "sysadmin",
    "owner",
    "staff",
    "support",
    "helpdesk",
    "agent",
    "clerk",
    "manager",
    "operator",
    "moderator",
    "auditor",
    "employee",
    "backoffice",
    "service",
    "system",
    "internal",
    "teller",
    "officer",
    "finance",
    "ops",
    "administrador",
    "administradora",
    "administrateur",
    "amministratore",
    "verwalter",
    "verwaltung",
    "mitarbeiter",
    "sachbearbeiter",
    "betreuer",
    "gerente",
    "gestor",
    "funcionario",
    "empleado",
    "soporte",
    "suporte",
    "gestionnaire",
    "mod",
    "superadmin",
    "accounting",
    "accountant",
    "buchhaltung",
];

/// Words of paths that lead to functions of those who run an application.
const RUNNING: [&str; 14] = [
    "admin",
    "administration",
    "administrator",
    "administracion",
    "administracao",
    "superadmin",
    "sysadmin",
    "backoffice",
    "management",
    "manage",
    "verwaltung",
    "gestion",
    "moderation",
    "staff",
];

/// A path whose plain segments say that it is for those who run the application.
pub(super) fn is_for_running(path: &str) -> bool {
    path.split(['/', '.', '-', '_'])
        .any(|word| RUNNING.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// A role that stands above users, by its name.
pub(super) fn is_privileged(role: &str) -> bool {
    role.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| PRIVILEGED.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The roles of who sent a request, as they are shown: `clerk, teller`.
pub(super) fn shown(roles: &Arc<Vec<String>>) -> String {
    match roles.as_slice() {
        [] => "no known role".to_owned(),
        [one] => format!("role {one}"),
        [first, rest @ ..] => format!("roles {first} and {} more", rest.len()),
    }
}

/// Somebody has a role that stands above users.
pub(crate) fn has_privilege(seen: &Seen) -> bool {
    seen.best_roles().iter().any(|role| is_privileged(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_that_stand_above_users() {
        for (role, expected) in
            [("admin", true), ("ROLE_ADMIN", true), ("customer", false), ("orders:read", false)]
        {
            assert_eq!(is_privileged(role), expected, "{role}");
        }
    }

    #[test]
    fn paths_for_those_who_run_an_application() {
        for (path, expected) in [
            ("/identity/api/v2/admin/videos/{id}", true),
            ("/back/user-management/{id}", true),
            ("/orders/{id}", false),
            ("/administered-drugs", false),
        ] {
            assert_eq!(is_for_running(path), expected, "{path}");
        }
    }
}
