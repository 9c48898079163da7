//! What names of roles say of the rights of who has them.

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

/// A role that stands above users, by its name.
#[must_use]
pub fn is_privileged(role: &str) -> bool {
    role.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| PRIVILEGED.iter().any(|known| word.eq_ignore_ascii_case(known)))
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
}
