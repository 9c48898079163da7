//! Functions of applications, and the groups that policies may name instead of listing them.

/// Words that make a function financial.
const FINANCIAL: [&str; 22] = [
    "pay",
    "payment",
    "payments",
    "payout",
    "payouts",
    "transfer",
    "transfers",
    "refund",
    "refunds",
    "withdraw",
    "withdrawal",
    "withdrawals",
    "deposit",
    "deposits",
    "invoice",
    "invoices",
    "billing",
    "checkout",
    "charge",
    "charges",
    "loan",
    "loans",
];
/// Words that make a function administrative.
const ADMIN: [&str; 14] = [
    "admin",
    "administration",
    "internal",
    "manage",
    "management",
    "backoffice",
    "roles",
    "role",
    "permissions",
    "settings",
    "config",
    "debug",
    "audit",
    "impersonate",
];
/// Words that make a function an export.
const EXPORT: [&str; 9] =
    ["export", "exports", "download", "downloads", "report", "reports", "dump", "backup", "csv"];

/// Groups that a function may be in, beside its method.
pub(crate) const GROUPS: [&str; 5] = ["read", "write", "financial", "admin", "export"];

/// Methods that policies may name as groups.
pub(crate) const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// Groups of the function shown as `name` (`POST /orders/{id}/refunds`).
pub(crate) fn groups(name: &str, changes: bool) -> Vec<&'static str> {
    let (method, path) = name.split_once(' ').unwrap_or(("", name));
    let mut groups = vec![if changes { "write" } else { "read" }];
    groups.extend(METHODS.iter().filter(|known| **known == method));
    let has = |words: &[&str]| {
        path.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    for (group, words) in
        [("financial", &FINANCIAL[..]), ("admin", &ADMIN[..]), ("export", &EXPORT[..])]
    {
        if has(words) {
            groups.push(group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_grouped_by_method_effect_and_business() {
        let check = |name, changes, expected: &[&str]| assert_eq!(groups(name, changes), expected);
        check("GET /orders/{id}", false, &["read", "GET"]);
        check("POST /orders/{id}/refunds", true, &["write", "POST", "financial"]);
        check("GET /admin/reports", false, &["read", "GET", "admin", "export"]);
        check("POST /graphql getOrder", false, &["read", "POST"]);
    }
}
