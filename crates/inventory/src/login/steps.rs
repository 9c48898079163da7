//! What a request does to an account beside signing in: codes are sent and given, passwords asked
//! for anew and set, names looked up.
//!
//! A step is told by what the request holds (a code, a token beside a new password, a name beside
//! nothing); the words of its path only decide between steps that hold the same.

use crate::login::fields;
use crate::sighting::{EndpointKind, Step, StepKind};
use crate::template::Hint;
use crate::words::{has_word, words};
use serde::{Deserialize, Serialize};
use stilt_model::{Pseudonym, Request, SecretKind, Value};

/// Longest code that somebody types.
const CODE_MAX: u32 = 10;
/// Shortest and longest token of a link.
const DRAWN_MIN: usize = 16;
const DRAWN_MAX: usize = 256;
/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 32;
/// Leaves of a form that asks for a new password: a name, and what guards the form.
const ASKED_MAX: usize = 6;

/// What the words of a path are about, as far as accounts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// One-time codes.
    code: bool,
    /// Sending something.
    send: bool,
    /// A password that was forgotten.
    reset: bool,
    /// Whether something exists.
    check: bool,
}

/// Words of looking up whether something exists.
const CHECKS: &[&str] = &[
    "check",
    "exists",
    "exist",
    "available",
    "availability",
    "lookup",
    "taken",
    "validate",
    "verfugbar",
    "verfuegbar",
    "disponible",
    "disponivel",
    "discover",
    "identify",
    "prefill",
    "isregistered",
    "registered",
    "find",
    "securityquestion",
    "sicherheitsfrage",
    "preguntaseguridad",
    "hint",
];

impl About {
    /// What the names of a path say.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut about = Self::default();
        for name in names {
            let has = |needles: &[&str]| has_word(name, needles);
            about.code |= has(&[
                "otp",
                "totp",
                "mfa",
                "2fa",
                "tfa",
                "twofactor",
                "twostep",
                "secondfactor",
                "pin",
                "tan",
                "sms",
                "verification",
                "verify",
                "passcode",
                "challenge",
                "onetime",
                "code",
                "codes",
                "codigo",
                "einmalcode",
                "factor",
                "stepup",
            ]);
            about.send |= has(&[
                "send",
                "resend",
                "request",
                "issue",
                "generate",
                "start",
                "sms",
                "initiate",
                "trigger",
                "push",
                "enviar",
                "senden",
                "envoyer",
                "challenge",
                "call",
                "text",
            ]);
            about.reset |= has(&[
                "forgot",
                "forgotten",
                "forget",
                "reset",
                "recover",
                "recovery",
                "lost",
                "olvide",
                "olvidado",
                "recuperar",
                "restablecer",
                "vergessen",
                "zurucksetzen",
                "zuruecksetzen",
                "oublie",
                "oubli",
                "reinitialiser",
                "esqueci",
                "redefinir",
                "lostpassword",
                "forgotpassword",
                "resetpassword",
                "passwordreset",
                "dimenticata",
                "wachtwoordvergeten",
                "glemt",
            ]);
            about.check |= has(CHECKS);
        }
        about
    }

    /// It is about codes, or about passwords that were forgotten.
    pub(crate) fn proves(self) -> bool {
        self.code || self.reset
    }

    /// It is about passwords that were forgotten.
    pub(crate) fn resets(self) -> bool {
        self.reset
    }

    /// It is known to send codes.
    pub(crate) fn sending(self, known: bool) -> Self {
        Self { code: self.code || known, send: self.send || known, ..self }
    }

    /// Both together: an address and one of its functions.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            code: self.code || other.code,
            send: self.send || other.send,
            reset: self.reset || other.reset,
            check: self.check || other.check,
        }
    }
}

/// What a request holds.
#[derive(Default)]
struct Held {
    password: Option<u64>,
    code: Option<u64>,
    token: Option<u64>,
    /// A value that is a token by its looks.
    drawn: Option<u64>,
    card: bool,
    leaves: usize,
}

/// The step a request is, where it is one.
pub(crate) fn of(
    request: &Request,
    about: About,
    hint: Hint,
    kind: EndpointKind,
    signed_in: bool,
) -> Option<Step> {
    if matches!(kind, EndpointKind::Logout | EndpointKind::Refresh) {
        return None;
    }
    let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    if !(writes || about.check || about.reset || about.code) {
        return None;
    }
    let held = held(request, about);
    let make = |kind, secret: Option<u64>| {
        let user = fields::named(request);
        Some(Step { kind, user, secret })
    };
    if held.card {
        return None;
    }
    if let Some(password) = held.password {
        let chooses = about.reset || hint == Hint::Password;
        return match kind {
            EndpointKind::Login => None,
            EndpointKind::Signup => make(StepKind::Lookup, None).filter(|step| step.user.is_some()),
            // A code that was sent, and what the password shall be.
            _ if held.code.is_some() && (about.code || chooses) => {
                make(StepKind::CodeGiven, held.code)
            }
            _ if held.token.or(held.code).is_some() && chooses => {
                make(StepKind::ResetDone, held.token.or(held.code))
            }
            // Drawn by chance, beside a password, by one who is nobody: what a mail brought.
            _ if writes && held.drawn.is_some() && (chooses || !signed_in) => {
                make(StepKind::ResetDone, held.drawn)
            }
            _ if writes && (chooses || signed_in) => make(StepKind::PasswordSet, Some(password)),
            _ => None,
        };
    }
    if let Some(code) = held.code {
        let signs_in = kind == EndpointKind::Login && !about.code;
        return if signs_in { None } else { make(StepKind::CodeGiven, Some(code)) };
    }
    if kind == EndpointKind::Login {
        return None;
    }
    if about.reset {
        return match held.token.or(held.drawn) {
            Some(token) => make(StepKind::ResetDone, Some(token)),
            None => make(StepKind::ResetAsked, None).filter(|step| step.user.is_some()),
        };
    }
    // A new password is asked for where passwords are set, by one who gives none.
    let asks = hint == Hint::Password && request.method == "POST";
    if asks && held.token.or(held.drawn).is_none() && held.leaves <= ASKED_MAX {
        return make(StepKind::ResetAsked, None).filter(|step| step.user.is_some());
    }
    if about.code && writes && held.token.is_none() {
        let step = make(StepKind::CodeSent, None)?;
        return (about.send || step.user.is_some()).then_some(step);
    }
    if about.check && held.token.is_none() && held.leaves <= 4 {
        return make(StepKind::Lookup, None).filter(|step| step.user.is_some());
    }
    None
}

fn held(request: &Request, about: About) -> Held {
    let mut held = Held::default();
    for leaf in request.leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.in_array()) {
        held.leaves = held.leaves.saturating_add(1);
        match &leaf.value {
            Value::Masked { mark, length } => match mark.kind {
                // What is called a token, and is as short as a code.
                SecretKind::Token | SecretKind::Secret
                    if about.code && *length <= CODE_MAX && !is_guard(leaf.name()) =>
                {
                    held.code = held.code.or(Some(key(*mark)));
                }
                SecretKind::Password => held.password = Some(key(*mark)),
                SecretKind::Code => held.code = Some(key(*mark)),
                SecretKind::Card => held.card = true,
                SecretKind::Token | SecretKind::Jwt | SecretKind::Secret
                    if !is_guard(leaf.name()) =>
                {
                    held.token = held.token.or(Some(key(*mark)));
                }
                _ => {}
            },
            // The answer to a question of old stands for a token.
            Value::Text(text) if about.reset && is_answer(leaf.name()) => {
                held.token = held.token.or(Some(text_key(text)));
            }
            Value::Text(text) if is_drawn(text) && !is_guard(leaf.name()) => {
                held.drawn = held.drawn.or(Some(text_key(text)));
            }
            value if about.code && held.code.is_none() => {
                held.code = plain_code(leaf.name(), value);
            }
            _ => {}
        }
    }
    if about.reset && held.password.is_some() && held.token.or(held.code).is_none() {
        // What the new password is chosen with, where no name says so.
        let mut plain = request.leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.in_array());
        held.code = plain.find_map(|leaf| plain_code(leaf.name(), &leaf.value));
    }
    if held.token.is_none() && request.path.contains("<token:") {
        held.token = request.path.split("<token:").nth(1).map(text_key);
    }
    held
}

/// A short number by itself, at a place for codes; not one that names somebody.
fn plain_code(name: &str, value: &Value) -> Option<u64> {
    let text = match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        _ => return None,
    };
    let short = (4..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let named = words(name);
    let is = |list: &[&str]| named.iter().any(|word| list.contains(&word.as_str()));
    let other =
        is(&["id", "user", "account", "customer", "phone", "amount", "time", "year", "zip"]);
    (short && !other).then(|| text_key(&text))
}

/// Letters and digits by chance, as the token of a link is, whatever it is called.
pub(crate) fn is_drawn(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
    (DRAWN_MIN..=DRAWN_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && count(u8::is_ascii_digit) >= 3
        && count(u8::is_ascii_alphabetic) >= 3
}

/// The answer to a question that only the owner should know.
fn is_answer(name: &str) -> bool {
    has_word(name, &["answer", "securityanswer", "antwort", "respuesta", "resposta", "reponse"])
}

/// A token that guards a form, and names nothing.
pub(crate) fn is_guard(name: &str) -> bool {
    const GUARDS: [&str; 14] = [
        "csrf",
        "xsrf",
        "captcha",
        "recaptcha",
        "csrfmiddlewaretoken",
        "authenticity",
        "antiforgery",
        "requestverification",
        "requestverificationtoken",
        "formkey",
        "formtoken",
        "wpnonce",
        "viewstate",
        "eventvalidation",
    ];
    has_word(name, &GUARDS) || name.rsplit('.').next() == Some("_token")
}

fn key(mark: Pseudonym) -> u64 {
    let [first, second] = mark.digest;
    first ^ second.rotate_left(17)
}

fn text_key(text: &str) -> u64 {
    stilt_model::IdBuilder::new("code").text(text).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, get, post, put};
    use crate::{Config, Inventory};

    fn step(tx: Tx) -> Option<(StepKind, Option<String>)> {
        let tx = World::new().tx(tx);
        let step = Inventory::new(&Config::default()).observe(&tx).step?;
        Some((step.kind, step.user))
    }

    fn check(tx: Tx, kind: StepKind, user: Option<&str>) {
        let shown = format!("{tx:?}");
        assert_eq!(step(tx), Some((kind, user.map(str::to_owned))), "{shown}");
    }

    #[test]
    fn codes_are_sent_and_given() {
        check(post("/auth/otp/verify").json(r#"{"otp":"123456"}"#), StepKind::CodeGiven, None);
        check(post("/login/2fa").form("user=ann&code=123456"), StepKind::CodeGiven, Some("ann"));
        check(post("/two-factor").form("csrf_token=x&token=123456"), StepKind::CodeGiven, None);
        check(post("/tan/pruefen").json(r#"{"wert":"771200"}"#), StepKind::CodeGiven, None);
        check(post("/otp/send").json(r#"{"username":"ann"}"#), StepKind::CodeSent, Some("ann"));
        let query = r#"{"query":"mutation { verifyOtp(code: \"123456\") { ok } }"}"#;
        check(post("/graphql").json(query), StepKind::CodeGiven, None);
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"otp.check","params":{"otp":"1234"}}"#;
        check(post("/rpc").json(call), StepKind::CodeGiven, None);
    }

    #[test]
    fn passwords_are_asked_for_anew_and_set() {
        let asked = post("/password/forgot").json(r#"{"username":"ann"}"#);
        check(asked, StepKind::ResetAsked, Some("ann"));
        check(post("/olvide").form("usuario=ann"), StepKind::ResetAsked, Some("ann"));
        let asked = post("/users/password").form("user%5Bemail%5D=ann%40a.test&commit=Send");
        let mail = World::new().mark(SecretKind::Email, "ann@a.test").to_string();
        check(asked, StepKind::ResetAsked, Some(&mail));
        for guard in ["__RequestVerificationToken", "_token", "form_key"] {
            let asked = format!("Input.Email=ann%40a.test&{guard}=CfDJ8f0c1a77d2e94b5f01aa77c1x");
            check(post("/Account/ForgotPassword").form(&asked), StepKind::ResetAsked, Some(&mail));
            let done = format!("{asked}&Input.Code=8f0c1a77d2e94b5f&Input.Password=New-pass-1");
            let sets = step(post("/Account/ResetPassword").form(&done)).map(|(kind, _)| kind);
            assert_ne!(sets, Some(StepKind::ResetAsked));
        }
        let code = r#"{"operationName":"X","query":"mutation X($c:String!,$p:String!){resetPassword(code:$c,newPassword:$p){ok}}","variables":{"c":"482915","p":"New-pass-1"}}"#;
        assert!(matches!(
            step(post("/graphql").json(code)),
            Some((StepKind::CodeGiven, None)) | None
        ));
        let code = code.replace("\"c\":", "\"code\":").replace("\"p\":", "\"newPassword\":");
        check(post("/graphql").json(&code), StepKind::CodeGiven, None);
        let done = r#"{"reset_token":"8f0c1a77d2e94b5f","password":"New-pass-1"}"#;
        check(post("/password/reset").json(done), StepKind::ResetDone, None);
        let code = r#"{"email":"ann@a.test","otp":"1234","password":"New-pass-1"}"#;
        let user = World::new().mark(SecretKind::Email, "ann@a.test").to_string();
        for status in [200, 401, 500] {
            let given = post("/auth/v2/check-otp").json(code).status(status);
            check(given, StepKind::CodeGiven, Some(&user));
        }
        let link = "jeton=8f0c1a77d2e94b5f01aa&nouveau_mot_de_passe=New-pass-1";
        check(post("/reinitialiser").form(link), StepKind::ResetDone, None);
        check(post("/nulstil").form(link), StepKind::ResetDone, None);
        check(get("/reinitialiser?jeton=8f0c1a77d2e94b5f01aa"), StepKind::ResetDone, None);
        let answer = r#"{"username":"ann","answer":"Rex","new":"New-1","repeat":"New-1"}"#;
        check(post("/reset-password").json(answer), StepKind::ResetDone, Some("ann"));
        let set = put("/users/v1/ann/password").bearer("abcdefgh12345678");
        check(set.json(r#"{"password":"New-pass-1"}"#), StepKind::PasswordSet, None);
    }

    #[test]
    fn names_are_looked_up() {
        check(get("/signup/check?username=ann"), StepKind::Lookup, Some("ann"));
        let made =
            post("/register").json(r#"{"username":"ann","password":"p1","email":"a@b.test"}"#);
        check(made, StepKind::Lookup, Some("ann"));
    }

    #[test]
    fn signing_in_paying_and_everything_else_is_no_step() {
        for tx in [
            post("/login").json(r#"{"username":"ann","password":"p1"}"#),
            post("/login").json(r#"{"customer_id":1234,"pin":"4711"}"#),
            post("/pay").json(r#"{"card_number":"4111111111111111","cvc":"123","pin":"1234"}"#),
            post("/orders").json(r#"{"username":"ann","code":"SUMMER"}"#),
            get("/orders?user=ann"),
            post("/logout"),
        ] {
            let shown = format!("{tx:?}");
            assert_eq!(step(tx), None, "{shown}");
        }
    }
}
