//! What a principal is called: in claims, and in answers about itself.

use std::sync::Arc;
use stilt_model::{Jwt, Leaf, Value};

/// Names of one principal kept.
const ALIASES_MAX: usize = 64;
/// Longest name.
const NAME_MAX: usize = 96;

/// Leaves among which the version of a call stands.
const CALL_MAX: usize = 64;

/// Claims that name the bearer.
const CLAIMS: [&str; 18] = [
    "user_id",
    "userid",
    "uid",
    "username",
    "user_name",
    "preferred_username",
    "login",
    "email",
    "upn",
    "customer_id",
    "customerid",
    "account_id",
    "accountid",
    "client_id",
    "name_id",
    "oid",
    "id",
    "_id",
];

/// Names that say who something is about, their separators left out.
const NAMES: [&str; 48] = [
    "user",
    "username",
    "login",
    "loginname",
    "email",
    "mail",
    "userid",
    "uid",
    "sub",
    "customerid",
    "customer",
    "accountid",
    "memberid",
    "nickname",
    "userno",
    "usernumber",
    "customerno",
    "customernumber",
    "accountnumber",
    "memberno",
    "personid",
    "personnumber",
    "employeeid",
    "employeenumber",
    "patientid",
    "studentid",
    "driverid",
    "buyerid",
    "playerid",
    "kundennummer",
    "kundenid",
    "benutzer",
    "benutzername",
    "benutzerid",
    "usuario",
    "idusuario",
    "cliente",
    "utilisateur",
    "kennung",
    "benutzerkennung",
    "nutzer",
    "nutzername",
    "nutzerid",
    "usuarioid",
    "clienteid",
    "correo",
    "courriel",
    "identifiant",
];

/// What may stand above an `id` that is the person's own.
const PERSONS: [&str; 28] = [
    "user",
    "account",
    "customer",
    "profile",
    "me",
    "member",
    "data",
    "client",
    "identity",
    "owner",
    "attributes",
    "viewer",
    "person",
    "result",
    "payload",
    "currentuser",
    "authentication",
    "userinfo",
    "daten",
    "konto",
    "nutzer",
    "benutzer",
    "profil",
    "usuario",
    "cuenta",
    "conta",
    "perfil",
    "utilisateur",
];

/// Names whose value, where it is the asker's, says that an answer is about them.
const SELF: [&str; 15] = [
    "username",
    "login",
    "email",
    "mail",
    "sub",
    "userid",
    "loginname",
    "kennung",
    "benutzername",
    "nutzername",
    "usuario",
    "correo",
    "utilisateur",
    "identifiant",
    "courriel",
];

/// A name without its separators, in lower case.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The name of a cookie that commonly carries a session.
pub(crate) fn names_session(name: &str) -> bool {
    let name = plain(name);
    ["sess", "sid", "auth", "token", "jwt", "login", "remember", "identity", "ticket"]
        .iter()
        .any(|word| name.contains(word))
        && !["csrf", "xsrf"].iter().any(|word| name.contains(word))
}

/// Adds names; the list is replaced only where it grows.
pub(crate) fn add(aliases: &mut Arc<Vec<String>>, new: impl IntoIterator<Item = String>) {
    for name in new {
        if name.is_empty() || name.len() > NAME_MAX || aliases.len() >= ALIASES_MAX {
            continue;
        }
        if let Err(at) = aliases.binary_search(&name) {
            Arc::make_mut(aliases).insert(at, name);
        }
    }
}

/// Names in the claims of a token.
pub(crate) fn of_claims(jwt: &Jwt) -> impl Iterator<Item = String> {
    let named = jwt.claims.iter().filter(|(claim, _)| {
        CLAIMS.contains(&claim.as_str()) || CLAIMS.contains(&claim.to_ascii_lowercase().as_str())
    });
    jwt.sub
        .iter()
        .cloned()
        .chain(named.map(|(_, value)| value.clone()))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Names in an answer about one person: nothing inside arrays counts. `own`: where it speaks of
/// that person for sure, whatever that is called.
pub(crate) fn of_answer(leaves: &[Leaf], own: &[&str]) -> Vec<String> {
    let beside = |leaf: &Leaf| {
        let above = leaf.path.rsplit_once('.').map_or("", |(above, _)| above);
        let id = matches!(plain(leaf.name()).as_str(), "id" | "uuid" | "guid");
        id && own.contains(&above) && matches!(leaf.value, Value::Text(_) | Value::Integer(_))
    };
    // The number of a call is nobody's (JSON-RPC 2.0 §5).
    let of_call = leaves.iter().take(CALL_MAX).any(|leaf| leaf.path == "jsonrpc");
    let named = leaves.iter().filter(|leaf| names_person(leaf) || beside(leaf));
    let named = named.filter(|leaf| !(of_call && leaf.path == "id"));
    named.filter_map(|leaf| leaf.value.as_key()).collect()
}

fn names_person(leaf: &Leaf) -> bool {
    if leaf.path.contains("[]") || leaf.path.matches('.').count() > 2 {
        return false;
    }
    if matches!(leaf.value, Value::Bool(_) | Value::Number(_) | Value::Null) {
        return false;
    }
    let name = plain(leaf.name());
    let parent = leaf.path.rsplit('.').nth(1).map(plain);
    let about_person = parent.as_deref().is_none_or(|parent| PERSONS.contains(&parent));
    about_person && (NAMES.contains(&name.as_str()) || matches!(name.as_str(), "id" | "uuid"))
}

/// The name of a session or key that is handed out to the one who asks.
pub(crate) fn names_own_session(name: &str) -> bool {
    let name = plain(name);
    let other = ["csrf", "xsrf", "reset", "invite", "verif", "confirm", "upload", "page", "share"];
    let own = ["accesstoken", "refreshtoken", "idtoken", "session", "apikey", "jwt", "bearer"];
    !other.iter().any(|word| name.contains(word))
        && (own.iter().any(|word| name.contains(word)) || matches!(name.as_str(), "token" | "key"))
}

/// Whether the last part of a path asks who one is.
pub(crate) fn is_oneself(part: &str) -> bool {
    let part = plain(part);
    [
        "me",
        "whoami",
        "userinfo",
        "currentuser",
        "self",
        "myself",
        "session",
        "profile",
        "myprofile",
        "account",
        "myaccount",
        "viewer",
    ]
    .contains(&part.as_str())
}

/// Names of what somebody signs in with, the surest first.
const SIGN_IN: [&str; 9] = [
    "username",
    "login",
    "loginname",
    "preferredusername",
    "email",
    "mail",
    "userid",
    "uid",
    "sub",
];

/// Whether a leaf says by its own name what a person is called, and if so whether that is a mail
/// address.
pub(crate) fn calls_person(leaf: &Leaf) -> Option<bool> {
    let name = plain(leaf.name());
    let calls =
        names_person(leaf) && (SIGN_IN.contains(&name.as_str()) || SELF.contains(&name.as_str()));
    calls.then(|| ["email", "mail", "correo", "courriel"].contains(&name.as_str()))
}

/// What an answer about one person calls them, by the name they sign in with.
pub(crate) fn first_name(leaves: &[Leaf]) -> Option<String> {
    if leaves.len() > 200 || leaves.iter().any(|leaf| leaf.path.starts_with("[]")) {
        return None;
    }
    let rank = |leaf: &Leaf| SIGN_IN.iter().position(|name| *name == plain(leaf.name()));
    let named = leaves.iter().filter(|leaf| names_person(leaf));
    let best = named.filter_map(|leaf| Some((rank(leaf)?, leaf))).min_by_key(|(rank, _)| *rank);
    best.and_then(|(_, leaf)| leaf.value.as_key()).filter(|name| name.len() <= NAME_MAX)
}

/// Whether an answer is about the one who is called so: it names them as the person it is about.
pub(crate) fn is_about(leaves: &[Leaf], aliases: &[String]) -> bool {
    if leaves.len() > 200 || leaves.iter().any(|leaf| leaf.path.starts_with("[]")) {
        return false;
    }
    leaves.iter().any(|leaf| {
        let name = plain(leaf.name());
        SELF.contains(&name.as_str())
            && names_person(leaf)
            && leaf.value.as_key().is_some_and(|value| aliases.binary_search(&value).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Place;

    fn leaf(path: &str, value: Value) -> Leaf {
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    #[test]
    fn an_answer_about_oneself_names_one_and_a_list_names_nobody() {
        let text = |text: &str| Value::Text(text.into());
        let me = [leaf("user.id", Value::Integer(7)), leaf("user.username", text("ann"))];
        assert_eq!(of_answer(&me, &[]), ["7", "ann"]);
        assert!(is_about(&me, &["ann".to_owned()]));
        assert!(!is_about(&me, &["bob".to_owned()]));
        let nested = [leaf("data.id", text("7")), leaf("data.attributes.username", text("ann"))];
        assert!(is_about(&nested, &["ann".to_owned()]), "JSON:API");
        let list = [leaf("[].id", Value::Integer(7)), leaf("[].username", text("ann"))];
        assert!(of_answer(&list, &[]).is_empty() && !is_about(&list, &["ann".to_owned()]));
        let call = [leaf("jsonrpc", text("2.0")), leaf("id", Value::Integer(5))];
        assert!(of_answer(&call, &[]).is_empty());
        let order = [leaf("order.id", Value::Integer(7)), leaf("total", Value::Number(1.5))];
        assert!(of_answer(&order, &[]).is_empty());
    }

    #[test]
    fn names_are_sorted_bounded_and_shared_until_they_grow() {
        let mut aliases = Arc::new(vec!["b".to_owned()]);
        let before = Arc::clone(&aliases);
        add(&mut aliases, ["b".to_owned()]);
        assert!(Arc::ptr_eq(&before, &aliases));
        add(&mut aliases, (0..100).map(|n| format!("a{n:03}")));
        assert!(aliases.is_sorted() && aliases.len() == ALIASES_MAX);
    }

    #[test]
    fn a_session_cookie_is_told_by_its_name() {
        for (name, expected) in
            [("PHPSESSID", true), ("connect.sid", true), ("lang", false), ("csrf_token", false)]
        {
            assert_eq!(names_session(name), expected, "{name}");
        }
    }
}
