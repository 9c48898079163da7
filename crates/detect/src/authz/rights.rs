//! Who stands above users, and which functions are for those who do.

use std::sync::Arc;
use stilt_session::Seen;

/// Words of paths that lead to functions of those who run an application.
const RUNNING: [&str; 15] = [
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
    "retaguarda",
];

/// A path whose plain segments say that it is for those who run the application.
pub(super) fn is_for_running(path: &str) -> bool {
    path.split(['/', '.', '-', '_'])
        .any(|word| RUNNING.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The roles of who sent a request, as they are shown: `clerk, teller`.
pub(super) fn shown(roles: &Arc<Vec<String>>) -> String {
    match roles.as_slice() {
        [] => "no known role".to_owned(),
        [one] => format!("role {one}"),
        [first, rest @ ..] => format!("roles {first} and {} more", rest.len()),
    }
}

/// One of the roles stands above users, where `seen` asks.
pub(super) fn any_above(seen: &Seen, roles: &[String]) -> bool {
    roles.iter().any(|role| seen.is_above(role))
}

/// Somebody has a role that stands above users.
pub(crate) fn has_privilege(seen: &Seen) -> bool {
    seen.best_roles().iter().any(|role| seen.is_above(role))
}

#[cfg(test)]
mod tests {
    use super::*;

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
