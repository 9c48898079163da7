//! The fields of a request that name a user and hold a secret.

use crate::login::namer;
use crate::login::steps::is_drawn;
use crate::words::words;
use stilt_model::{Leaf, LeafPath, Pseudonym, Request, SecretKind, Value};

/// Leaves of a request that are looked at; forms for signing in are short.
const LEAVES_MAX: usize = 48;
/// Longest user name kept.
const USER_MAX: usize = 128;

/// OAuth 2.0 grant (RFC 6749).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Password,
    Refresh,
    /// A program signs in for itself (RFC 6749 §4.4).
    Client,
    Other,
}

/// User and secret of a request.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) user: String,
    pub(crate) secret: Option<Pseudonym>,
    /// The secret is given twice, as where one is chosen.
    pub(crate) repeated: bool,
    /// An old and a new secret.
    pub(crate) changes: bool,
    /// The secret is a code or PIN.
    pub(crate) code_only: bool,
    /// A code stands beside the password.
    pub(crate) code_beside: bool,
    /// A user name and an e-mail address.
    pub(crate) two_names: bool,
    /// Other fields that say something of a person.
    pub(crate) extras: usize,
    pub(crate) grant: Option<Grant>,
    /// No name says that the user is one: it is the only text beside the secret, and drawn by
    /// chance.
    pub(crate) by_chance: bool,
}

/// The grant asked for.
pub(crate) fn grant(request: &Request) -> Option<Grant> {
    let leaf = request.leaves.iter().take(LEAVES_MAX).find(|leaf| {
        leaf.name().eq_ignore_ascii_case("grant_type") || leaf.name() == "grantType"
    })?;
    match &leaf.value {
        Value::Text(text) if text == "password" => Some(Grant::Password),
        Value::Text(text) if text == "refresh_token" => Some(Grant::Refresh),
        Value::Text(text) if text == "client_credentials" => Some(Grant::Client),
        _ => Some(Grant::Other),
    }
}

/// Name and secret of a program that signs in for itself, in the body.
pub(crate) fn client(request: &Request) -> Option<(String, Option<Pseudonym>)> {
    let named = |leaf: &Leaf, name: &str| words(leaf.name()).concat() == name;
    let leaves = || request.leaves.iter().take(LEAVES_MAX);
    let user = leaves().find(|leaf| named(leaf, "clientid"))?.value.as_key()?;
    let secret = leaves().find(|leaf| named(leaf, "clientsecret"))?;
    match &secret.value {
        Value::Masked { mark, .. } => Some((user, Some(*mark))),
        _ => None,
    }
}

/// Reads them; `None` where the request holds no secret, or names no user. `choose` tells which of
/// several fields without a telling name does.
pub(crate) fn read<'a>(
    request: &'a Request,
    choose: impl FnOnce(&[&'a Leaf]) -> Option<&'a Leaf>,
) -> Option<Fields> {
    // Who asks stands in the header of a SOAP envelope with each call (WS-Security).
    let of_body = |leaf: &&Leaf| !leaf.path.starts_with("Envelope.Header.");
    let leaves = || request.leaves.iter().take(LEAVES_MAX).filter(of_body);
    if !leaves().any(is_secret) {
        return None;
    }
    let mut passwords: Vec<(&Leaf, Option<Pseudonym>)> = Vec::new();
    let mut code = None;
    let mut changes = false;
    for leaf in leaves().filter(|leaf| !leaf.path.contains("[]")) {
        match &leaf.value {
            Value::Masked { mark, .. } if is_password(mark.kind, leaf) => {
                passwords.push((leaf, Some(*mark)));
            }
            Value::Masked { mark, .. } if mark.kind == SecretKind::Code => code = Some(*mark),
            Value::Null | Value::Text(_) if is_password_name(&leaf.path) => {
                passwords.push((leaf, None));
            }
            _ => continue,
        }
        let words = words(&leaf.path);
        changes |=
            words.iter().any(|w| ["old", "new", "current", "previous"].contains(&w.as_str()))
                && words.iter().any(|w| w.contains("pass") || w.contains("pwd"));
    }
    if passwords.is_empty() && code.is_none() {
        return None;
    }
    let first = passwords.first().and_then(|(_, mark)| *mark);
    let repeated = passwords.len() > 1 && passwords.iter().all(|(_, mark)| *mark == first);
    changes |= passwords.len() > 1 && !repeated;
    let mut best: Option<(u8, &Leaf)> = None;
    let (mut names, mut mails, mut others) = (false, false, Vec::new());
    for leaf in leaves().filter(|leaf| !leaf.path.contains("[]") && !is_secret(leaf)) {
        let Some(rank) = rank(leaf) else {
            if counts(leaf) {
                others.push(leaf);
            }
            continue;
        };
        names |= rank == 0;
        mails |= rank == 1;
        if best.is_some_and(|(known, _)| known <= rank) {
            others.push(leaf);
        } else if let Some((_, displaced)) = best.replace((rank, leaf)) {
            others.push(displaced);
        }
    }
    let user = match (best, &request.person) {
        (Some((_, leaf)), _) => text(&leaf.value)?,
        // A handle stands for who was named before.
        (None, Some(person)) => person.clone(),
        (None, None) => {
            let candidates = namer::candidates(&others, !passwords.is_empty());
            let several = candidates.len() > 1;
            let chosen = if several { choose(&candidates) } else { None };
            let leaf = chosen.or_else(|| namer::only(&candidates))?;
            others.retain(|other| !core::ptr::eq(*other, leaf));
            text(&leaf.value)?
        }
    };
    let by_chance = best.is_none() && request.person.is_none() && is_drawn(&user);
    Some(Fields {
        user,
        secret: first.or(code),
        repeated,
        changes,
        code_only: passwords.is_empty(),
        code_beside: !passwords.is_empty() && code.is_some(),
        two_names: names && mails,
        extras: others.len(),
        grant: grant(request),
        by_chance,
    })
}

/// The user that a request names, be there a secret or not; only names that speak of one count.
pub(crate) fn named(request: &Request) -> Option<String> {
    let plain = request.leaves.iter().take(LEAVES_MAX);
    let ranked = plain
        .filter(|leaf| !leaf.path.in_array() && !is_secret(leaf))
        .filter_map(|leaf| Some((rank(leaf)?, leaf)));
    let (_, leaf) = ranked.filter(|(rank, _)| *rank < 4).min_by_key(|(rank, _)| *rank)?;
    text(&leaf.value)
}

/// A password, or what is just called a secret (that of a client or a signature is another thing).
fn is_password(kind: SecretKind, leaf: &Leaf) -> bool {
    kind == SecretKind::Password
        || (kind == SecretKind::Secret && leaf.name().eq_ignore_ascii_case("secret"))
}

fn is_secret(leaf: &Leaf) -> bool {
    match &leaf.value {
        Value::Masked { mark, .. } => mark.kind == SecretKind::Code || is_password(mark.kind, leaf),
        Value::Null => is_password_name(&leaf.path),
        Value::Text(text) => text.is_empty() && is_password_name(&leaf.path),
        _ => false,
    }
}

/// An empty password has no mark; its name must do.
fn is_password_name(path: &str) -> bool {
    words(path).iter().any(|word| {
        matches!(
            word.as_str(),
            "password" | "passwd" | "pwd" | "pass" | "passwort" | "senha" | "contrasena"
        )
    })
}

/// The name of a leaf speaks of a user.
pub(crate) fn names_a_user(path: &LeafPath) -> bool {
    rank_of(path.name(), None).is_some_and(|rank| rank < 4)
}

/// How much a leaf speaks for its being the user, 0 most.
fn rank(leaf: &Leaf) -> Option<u8> {
    text(&leaf.value)?;
    let named = rank_of(leaf.name(), Some(&leaf.value));
    // The number of a person, whatever it is called, names them better than a name that may be
    // that of anything.
    let number = matches!(&leaf.value, Value::Masked { mark, .. }
        if matches!(mark.kind, SecretKind::NationalId | SecretKind::Phone));
    if number { named.or(Some(3)).map(|rank| rank.min(3)) } else { named }
}

fn rank_of(name: &str, value: Option<&Value>) -> Option<u8> {
    const USER: &[&str] = &[
        "username",
        "user",
        "login",
        "loginname",
        "userid",
        "uname",
        "usr",
        "identifier",
        "uid",
        "principal",
        "signin",
        "benutzer",
        "benutzername",
        "usuario",
        "utilisateur",
        "identifiant",
        "logon",
        "log",
        "nick",
        "nickname",
        "handle",
        "useremail",
        "userlogin",
        "loginid",
        "jusername",
        "usernameoremail",
        "emailorusername",
        "kennung",
        "utente",
        "subject",
    ];
    const MAIL: &[&str] = &["email", "mail", "emailaddress", "correo"];
    const NUMBER: &[&str] = &[
        "account",
        "accountnumber",
        "accountid",
        "accountno",
        "customerid",
        "customernumber",
        "phone",
        "mobile",
        "phonenumber",
        "mobilenumber",
        "msisdn",
        "memberid",
        "member",
        "customer",
        "tel",
        "employeeid",
        "clientnumber",
        "cardnumber",
        "telephone",
        "personalnumber",
        "ssn",
        "accountname",
    ];
    const LAST: &[&str] = &["id", "name", "code", "number"];
    let name: String = words(name).concat();
    let is = |list: &[&str]| list.contains(&name.as_str());
    if is(USER) {
        // `user.name` and `user.id` come by the last list, `user` alone by this one.
        return Some(0);
    }
    if is(MAIL) {
        return Some(1);
    }
    if matches!(value, Some(Value::Masked { mark, .. }) if mark.kind == SecretKind::Email) {
        return Some(2);
    }
    if is(NUMBER) {
        return Some(3);
    }
    is(LAST).then_some(4)
}

/// A leaf that says something of a person, not of the form.
fn counts(leaf: &Leaf) -> bool {
    const FORM: &[&str] = &[
        "csrf",
        "xsrf",
        "csrfmiddlewaretoken",
        "token",
        "remember",
        "rememberme",
        "redirect",
        "next",
        "return",
        "returnurl",
        "returnto",
        "captcha",
        "recaptcha",
        "client",
        "grant",
        "scope",
        "device",
        "platform",
        "locale",
        "lang",
        "language",
        "submit",
        "action",
        "type",
        "realm",
        "tenant",
        "domain",
        "commit",
        "utf",
        "authenticity",
        "verification",
        "state",
        "nonce",
        "audience",
        "version",
        "app",
        "os",
        "keep",
        "persistent",
        "url",
        "uri",
        "target",
        "service",
        "execution",
        "event",
        "viewstate",
        "method",
        "mode",
        "provider",
        "connection",
        "response",
        "operation",
        "query",
        "fingerprint",
        "timezone",
        "step",
        "form",
        "button",
        "continue",
        "source",
        "login",
    ];
    if matches!(leaf.value, Value::Null) {
        return false;
    }
    let words = words(&leaf.path);
    !words.iter().any(|word| FORM.contains(&word.as_str()))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.chars().take(USER_MAX).collect()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Masked { mark, .. }
            if matches!(
                mark.kind,
                SecretKind::Email
                    | SecretKind::Phone
                    | SecretKind::NationalId
                    | SecretKind::Iban
                    | SecretKind::Card
                    | SecretKind::User
            ) =>
        {
            Some(mark.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, post};

    fn fields(tx: Tx) -> Option<Fields> {
        read(World::new().tx(tx).request.as_ref()?, |_| None)
    }

    #[test]
    fn the_user_is_found_under_many_names() {
        let check = |body: &str, expected: Option<&str>| {
            let found = fields(post("/x").json(body));
            assert_eq!(found.map(|fields| fields.user).as_deref(), expected, "{body}");
        };
        check(r#"{"username":"ann","password":"x1"}"#, Some("ann"));
        check(r#"{"user":{"login":"ann","password":"x1"}}"#, Some("ann"));
        check(r#"{"customer_id":1234,"pin":"4711"}"#, Some("1234"));
        check(r#"{"kunde":"ann","passwort":"x1"}"#, Some("ann"));
        check(r#"{"username":"ann","password":""}"#, Some("ann"));
        check(r#"{"numeroCliente":40771,"senha":"x1"}"#, Some("40771"));
        let device = "927606ed-6a0f-4e35-9d6b-5d1f0c7b1a22";
        let with = |name: &str| format!(r#"{{"{name}":"A77120","clave":"{device}","senha":"x1"}}"#);
        check(&with("matricula"), Some("A77120"));
        check(&with("documento"), Some("A77120"));
        check(r#"{"password":"x1"}"#, None);
        check(r#"{"username":"ann"}"#, None);
        check(r#"{"a":"b","c":"d","password":"x1"}"#, None);
        check(r#"[{"username":"ann","password":"x1"}]"#, None);
    }

    #[test]
    fn an_email_address_stands_as_its_mark() {
        let world = World::new();
        let mark = world.mark(SecretKind::Email, "ann@example.com").to_string();
        let found =
            fields(post("/x").form("email=ann%40example.com&password=x1&csrf=abc")).unwrap();
        assert_eq!((found.user, found.extras), (mark, 0));
    }

    #[test]
    fn a_national_number_or_phone_names_its_owner() {
        for body in [
            r#"{"cpf":"52998224725","senha":"x1","name":"Galaxy"}"#,
            r#"{"telefone":"+5511912345678","senha":"x1","id":7}"#,
        ] {
            let user = fields(post("/x").json(body)).unwrap().user;
            assert!(user.starts_with('<'), "{user}");
        }
    }

    #[test]
    fn choosing_and_changing_a_password_is_told_from_giving_one() {
        let of = |body: &str| fields(post("/x").json(body)).unwrap();
        assert!(of(r#"{"username":"a","password":"p1","password2":"p1"}"#).repeated);
        assert!(of(r#"{"username":"a","old_password":"p1","new_password":"p2"}"#).changes);
        assert!(of(r#"{"username":"a","email":"a@b.example","password":"p1"}"#).two_names);
        assert_eq!(
            of(r#"{"username":"a","password":"p1","first_name":"A","city":"B","zip":"C","age":4}"#)
                .extras,
            4
        );
    }
}
