//! Path words behind which a secret follows (`/reset/8f3a…`).

/// Behind these a value that looks drawn at random is a secret.
const TELLING: &[&str] = &[
    "token",
    "tokens",
    "reset",
    "verify",
    "verification",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "magic",
    "invite",
    "invitation",
    "unsubscribe",
    "apikey",
    "secret",
    "password",
    "recover",
    "unlock",
    "otp",
    "jwt",
    "session",
    "sid",
];

/// Behind these any word is a secret that is no word of an API's own.
const ALWAYS: &[&str] =
    &["reset", "password", "passwd", "secret", "otp", "apikey", "token", "magic", "unlock"];

/// Words of APIs that stand behind those and are no secrets.
const OWN: &[&str] = &[
    "accept",
    "access",
    "account",
    "accounts",
    "activate",
    "active",
    "admin",
    "attempts",
    "auth",
    "authorize",
    "available",
    "batch",
    "cancel",
    "change",
    "changed",
    "check",
    "client",
    "clients",
    "code",
    "codes",
    "complete",
    "completed",
    "config",
    "confirm",
    "confirmation",
    "confirmed",
    "count",
    "create",
    "created",
    "current",
    "customer",
    "customers",
    "delete",
    "details",
    "device",
    "devices",
    "disable",
    "done",
    "email",
    "emails",
    "enable",
    "error",
    "exchange",
    "expire",
    "expired",
    "expires",
    "export",
    "failed",
    "failure",
    "finish",
    "forget",
    "forgot",
    "forgotten",
    "generate",
    "health",
    "history",
    "index",
    "info",
    "init",
    "initiate",
    "introspect",
    "introspection",
    "invalid",
    "invalidate",
    "invite",
    "issue",
    "list",
    "login",
    "logout",
    "lookup",
    "manage",
    "mobile",
    "notify",
    "password",
    "passwords",
    "pending",
    "phone",
    "policies",
    "policy",
    "prepare",
    "profile",
    "public",
    "query",
    "recover",
    "recovery",
    "refresh",
    "register",
    "reissue",
    "remove",
    "renew",
    "request",
    "requested",
    "requests",
    "required",
    "requirements",
    "resend",
    "reset",
    "resets",
    "result",
    "retry",
    "revocation",
    "revoke",
    "revoked",
    "rotate",
    "rules",
    "search",
    "secret",
    "secrets",
    "send",
    "server",
    "service",
    "session",
    "sessions",
    "settings",
    "setup",
    "signin",
    "start",
    "state",
    "status",
    "strength",
    "submit",
    "success",
    "suggest",
    "support",
    "template",
    "templates",
    "test",
    "token",
    "tokens",
    "unlock",
    "update",
    "updated",
    "upload",
    "usage",
    "user",
    "users",
    "valid",
    "validate",
    "validation",
    "value",
    "values",
    "verification",
    "verified",
    "verify",
    "version",
    "versions",
    "wallet",
    "webhook",
    "webhooks",
];

fn is_one(words: &[&str], segment: &str) -> bool {
    segment
        .split(['-', '_', '.'])
        .any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Whether a word of `path` is one behind which any word is a secret.
pub(crate) fn tells(path: &str) -> bool {
    // Nearly all paths have none of these letters where such a word has them.
    path.split('/').any(|segment| (3..=32).contains(&segment.len()) && is_one(ALWAYS, segment))
}

/// Whether `segment`, decoded, is a secret because of the segment before it.
pub(crate) fn secret_after(before: &str, segment: &str) -> bool {
    if segment.len() >= 16
        && is_one(TELLING, before)
        && (crate::bytes::is_random(segment, 16)
            || (crate::bytes::is_uuid(segment) && !before.ends_with(['s', 'S'])))
    {
        return true;
    }
    // Numbers are ids, and files and versions have dots.
    let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!$*~".contains(&byte));
    let letters = segment.bytes().any(|byte| byte.is_ascii_alphabetic());
    segment.len() >= 5
        && plain
        && letters
        && is_one(ALWAYS, before)
        && !OWN.iter().any(|own| segment.eq_ignore_ascii_case(own))
}
