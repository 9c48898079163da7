//! Words of names: cut, made singular, looked up in the general vocabulary of web interfaces.

/// Calls `each` with the lower-case words of `name` (`orderId`, `order_id` and `order-id` give
/// `order`, `id`), at most 8 of them; letters beyond ASCII stay as they are.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut last = ' ';
    let mut chars = name.chars().take(96).peekable();
    while let Some(char) = chars.next() {
        let next_lower = chars.peek().is_some_and(char_is_lower);
        let starts =
            char.is_uppercase() && (last.is_lowercase() || (last.is_uppercase() && next_lower));
        if (starts || !char.is_alphanumeric()) && !word.is_empty() {
            words.push(core::mem::take(&mut word));
        }
        if char.is_alphanumeric() {
            word.extend(char.to_lowercase());
        }
        last = char;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.truncate(8);
    words
}

fn char_is_lower(char: &char) -> bool {
    char.is_lowercase()
}

/// Singular of a resource's name, lower case (`Categories` → `category`).
pub(crate) fn singular(name: &str) -> String {
    let mut name = name.to_ascii_lowercase();
    if let Some(stem) = name.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        name.truncate(stem.len());
        name.push('y');
    } else if ["sses", "shes", "ches", "xes"].iter().any(|suffix| name.ends_with(suffix)) {
        name.truncate(name.len().saturating_sub(2));
    } else if name.ends_with('s')
        && !name.ends_with("ss")
        && !name.ends_with("us")
        && name.len() > 2
    {
        name.pop();
    }
    name
}

/// `v1`, `v2.1`, `v1beta2`: a version of an interface. Three numbers (`v1.4.2`) are of a thing.
pub(crate) fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix(['v', 'V']) else { return false };
    let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let tail = rest.get(digits..).unwrap_or_default();
    digits > 0
        && rest.get(..digits).is_some_and(|number| number.matches('.').count() < 2)
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && (tail.is_empty()
            || ["a", "b", "rc", "alpha", "beta", "p"].iter().any(|stage| {
                tail.strip_prefix(stage).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
            }))
}

/// Codes of languages that web sites are written in (ISO 639-1), without those that are words of
/// paths as often.
const LANGUAGES: &[&str] = &[
    "af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et",
    "eu", "fa", "fi", "fr", "ga", "gl", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka",
    "kk", "km", "ko", "lt", "lv", "mk", "mn", "ms", "mt", "nb", "nl", "nn", "no", "pl", "pt", "ro",
    "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "th", "tr", "uk", "ur", "uz", "vi", "zh",
];

/// The word is the code of a language, with a region or script or without.
pub(crate) fn names_language(segment: &str) -> bool {
    let language = segment.split(['-', '_']).next().unwrap_or_default();
    is_language(segment) && LANGUAGES.contains(&language)
}

/// `de`, `pt-BR`, `zh_Hant`: has the look of a language tag (RFC 5646 §2.1).
pub(crate) fn is_language(segment: &str) -> bool {
    let (language, region) = segment.split_once(['-', '_']).unwrap_or((segment, "XX"));
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    language.len() == 2
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && matches!(region.len(), 2 | 4)
        && letters(region)
}

/// Path words that name a function, never a thing: they stay apart from the values beside them.
pub(crate) fn is_function(segment: &str) -> bool {
    const WORDS: &[&str] = &[
        "me",
        "self",
        "current",
        "latest",
        "mine",
        "whoami",
        "login",
        "logout",
        "signin",
        "signout",
        "logon",
        "logoff",
        "register",
        "signup",
        "registration",
        "search",
        "export",
        "import",
        "new",
        "create",
        "count",
        "stats",
        "statistics",
        "health",
        "healthz",
        "status",
        "bulk",
        "batch",
        "token",
        "tokens",
        "refresh",
        "callback",
        "verify",
        "validate",
        "reset",
        "forgot",
        "auth",
        "oauth",
        "session",
        "sessions",
        "graphql",
        "metrics",
        "upload",
        "download",
        "preview",
        "checkout",
        "autocomplete",
        "suggest",
        "authenticate",
        "sso",
        "api",
    ];
    let plain = |word: &str| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let mark = segment.starts_with(['_', '.', '$']);
    (mark && segment.bytes().skip(1).all(|b| b.is_ascii_lowercase() || b"-_.".contains(&b)))
        || plain(segment)
        || ["sign-in", "sign-out", "sign-up", "log-in", "log-out", "sign_in", "sign_out", "sign_up"]
            .iter()
            .any(|known| segment.eq_ignore_ascii_case(known))
}

/// Path words that stand for whoever asks, and never for a thing of that name.
pub(crate) fn is_self(segment: &str) -> bool {
    ["me", "self", "current", "mine", "whoami", "my"]
        .iter()
        .any(|known| segment.eq_ignore_ascii_case(known))
}

/// Any of `needles` is a word of `name`, or two neighbouring words joined.
#[must_use]
pub fn has_word(name: &str, needles: &[&str]) -> bool {
    let words = words(name);
    words.iter().any(|word| needles.contains(&word.as_str()))
        || words.windows(2).any(|pair| {
            let joined = pair.concat();
            needles.contains(&joined.as_str())
        })
}

/// Words that name signing in.
pub(crate) const LOGIN: &[&str] = &[
    "login",
    "signin",
    "logon",
    "auth",
    "authenticate",
    "authentication",
    "authorize",
    "session",
    "sessions",
    "token",
    "tokens",
    "sso",
    "anmelden",
    "connexion",
    "acceso",
    "entrar",
    "accedi",
    "einloggen",
    "anmeldung",
    "acceder",
    "autenticar",
    "identificar",
    "iniciarsesion",
    "inloggen",
    "logga",
    "ingresar",
];

/// Words that name a page for signing in, where a redirect leads those who may not go on.
pub(crate) const LOGIN_PAGE: &[&str] = &[
    "login",
    "signin",
    "logon",
    "sso",
    "authorize",
    "unauthorized",
    "denied",
    "forbidden",
    "anmelden",
    "anmeldung",
    "connexion",
    "entrar",
    "acceso",
    "accedi",
];

/// Words that name the making of an account.
pub(crate) const SIGNUP: &[&str] = &[
    "register",
    "registration",
    "signup",
    "enroll",
    "enrol",
    "enrollment",
    "join",
    "onboarding",
    "createuser",
    "createaccount",
    "newuser",
    "adduser",
    "registrieren",
    "registrierung",
    "registrar",
    "registrarse",
    "registro",
    "cadastro",
    "cadastrar",
    "inscription",
    "inscrire",
    "registrati",
    "registrazione",
    "registreren",
];

/// Collections of those who can sign in.
pub(crate) const PEOPLE: &[&str] =
    &["user", "account", "customer", "member", "client", "profile", "person", "employee"];

/// Words for people that are on record, and need not have accounts of their own.
pub(crate) const PERSONS: &[&str] = &[
    "patient",
    "pupil",
    "student",
    "teacher",
    "resident",
    "guest",
    "passenger",
    "citizen",
    "applicant",
    "candidate",
    "kunde",
    "mitarbeiter",
    "schueler",
    "utilisateur",
    "eleve",
    "usuario",
    "cliente",
    "paciente",
    "alumno",
    "aluno",
    "utente",
    "paziente",
];

/// Words that name signing out.
pub(crate) const LOGOUT: &[&str] = &[
    "logout",
    "signout",
    "logoff",
    "signoff",
    "abmelden",
    "abmeldung",
    "ausloggen",
    "deconnexion",
    "salir",
    "sair",
    "cerrarsesion",
    "esci",
    "uitloggen",
];

/// Words that name the end of something, of a session where `AROUND` stands beside them.
pub(crate) const REVOKE: &[&str] = &["revoke", "revocation", "invalidate"];

/// Words that name a renewal, of a token where `AROUND` stands beside them.
pub(crate) const REFRESH: &[&str] = &["refresh", "renew"];

/// Words that say that a path is about who may act.
pub(crate) const AROUND: &[&str] = &[
    "auth",
    "oauth",
    "oauth2",
    "oidc",
    "token",
    "tokens",
    "session",
    "sessions",
    "jwt",
    "login",
    "identity",
    "connect",
    "sso",
    "user",
    "users",
    "account",
    "accounts",
    "authentication",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        let check = |name: &str, expected: &[&str]| assert_eq!(words(name), expected, "{name}");
        check("orderId", &["order", "id"]);
        check("order_id", &["order", "id"]);
        check("userID", &["user", "id"]);
        check("HTTPServerName", &["http", "server", "name"]);
        check("", &[]);
    }

    #[test]
    fn plurals_become_singular_and_singulars_stay() {
        let check = |name: &str, expected: &str| assert_eq!(singular(name), expected);
        check("Orders", "order");
        check("categories", "category");
        check("addresses", "address");
        check("status", "status");
        check("boxes", "box");
        check("news", "new");
        check("me", "me");
    }

    #[test]
    fn versions_are_told_from_words() {
        for version in ["v1", "V2", "v2.1", "v1beta2", "v1alpha"] {
            assert!(is_version(version), "{version}");
        }
        for word in ["v", "vat", "v1x", "via1", "1", "v1.4.2"] {
            assert!(!is_version(word), "{word}");
        }
    }
}
