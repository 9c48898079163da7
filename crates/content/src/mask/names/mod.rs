//! What the name of a field says about its value.
//!
//! Names are cut into words (`newUserPassword`, `new_user-password`, `user[password]` all give the
//! word `password`); whole words decide, not substrings.

mod lists;

use super::national;
use lists::{
    ABOUT, AFTER_PASS, CODE_CONTEXT, KEY_CONTEXT, NATIONAL, NO_CREDENTIAL, PASSES, PASSWORDS,
    PHONES,
};

/// What a field of that name holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameClass {
    /// A password.
    Password,
    /// A hash of a password.
    PasswordHash,
    /// A token, key or other credential; `issued` where a response that holds it hands it out.
    Token {
        /// It is one a client would come back with (not a CSRF or paging token).
        issued: bool,
    },
    /// A one-time code or PIN.
    Code,
    /// A `code` that is a secret only where people sign in.
    BareCode,
    /// A card number.
    Card,
    /// A card's verification value.
    CardCode,
    /// An IBAN.
    Iban,
    /// A national id.
    NationalId,
    /// Key material.
    PrivateKey,
    /// A telephone number.
    Phone,
    /// A session id: secret where it is no plain number.
    Session,
    /// `key`, `state`, `auth`, `nonce`: secret where the value looks random.
    Random,
    /// Some other secret.
    Secret,
    /// `signature`, `csrf`: hidden, but nothing is lost with it.
    Proof,
    /// A date of birth.
    BirthDate,
    /// A line of a postal address.
    Address,
    /// A word of a country's number of a person: one where form and check digits fit.
    NumberOfPerson,
}

/// Cuts a name into lower-case words; accents are taken off the letters that have them.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last = ' ';
    let mut chars = name.chars().take(128).peekable();
    while let Some(char) = chars.next() {
        if !char.is_alphanumeric() {
            if !word.is_empty() {
                words.push(core::mem::take(&mut word));
            }
            last = ' ';
            continue;
        }
        let next_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let starts = (char.is_uppercase()
            && (last.is_lowercase() || (last.is_uppercase() && next_lower)))
            || (char.is_numeric() != last.is_numeric() && last.is_alphanumeric());
        if starts && !word.is_empty() {
            words.push(core::mem::take(&mut word));
        }
        last = char;
        for lower in char.to_lowercase() {
            word.push(plain(lower));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn plain(char: char) -> char {
    match char {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' | 'ą' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ę' => 'e',
        'í' | 'î' | 'ï' | 'ı' => 'i',
        'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => 'o',
        'ú' | 'ü' | 'û' => 'u',
        'ñ' | 'ń' => 'n',
        'ç' | 'ć' | 'č' => 'c',
        'ś' | 'ş' | 'š' => 's',
        'ł' => 'l',
        other => other,
    }
}

/// What a field of that name holds; `None` where the name tells nothing.
#[must_use]
pub fn classify(name: &str) -> Option<NameClass> {
    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit())) {
        words.pop();
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let last = *words.last()?;
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let pair = |first: &str, second: &str| {
        words.windows(2).any(|pair| pair.first() == Some(&first) && pair.get(1) == Some(&second))
    };
    if let Some(class) = session(&words, last) {
        return Some(class);
    }
    if let Some(class) = personal(&words, last, &pair) {
        return Some(class);
    }
    if ABOUT.contains(&last) {
        let number = matches!(last, "number" | "no" | "num" | "nr" | "id");
        let national = number && national::is_spoken_of(&words.join(" "));
        return national.then_some(NameClass::NumberOfPerson);
    }
    // `reset_password_token`: what stands for a password, and is none.
    let instead = last.ends_with("token") || last.ends_with("tokens");
    let password =
        words.iter().enumerate().any(|(at, word)| {
            PASSWORDS.contains(word) && !(*word == "pass" && is_ticket(&words, at))
        }) || pair("mot", "passe")
            || words.windows(3).any(|w| w == ["mot", "de", "passe"])
            || words.iter().any(|word| {
                (word.contains("password") && !word.contains("passwordless"))
                    || word.contains("passwd")
                    || word.ends_with("passwort")
            });
    if password && !instead {
        let hash = has(&["hash", "hashed", "digest", "hashes", "salt", "salted", "encrypted"])
            || last.ends_with("hash");
        return Some(if hash { NameClass::PasswordHash } else { NameClass::Password });
    }
    let national = || national::is_spoken_of(&words.join(" "));
    credential(&words, last, &pair).or_else(|| national().then_some(NameClass::NumberOfPerson))
}

/// Bytes of a long name that are looked at together, and how far apart such pieces begin.
const PIECE: usize = 128;
const STEP: usize = 96;
/// Pieces of one name that are looked at.
const PIECES_MAX: usize = 64;

/// As [`classify`], for names that a client has stuffed: its end is looked at first, then all of it
/// piece by piece.
#[must_use]
pub fn classify_long(name: &str) -> Option<NameClass> {
    let piece = |from: usize| {
        // A character has four bytes at most.
        let rest = (0..4_usize).find_map(|more| name.get(from.saturating_add(more)..));
        crate::bytes::prefix(rest.unwrap_or_default(), PIECE)
    };
    let starts = core::iter::successors(Some(0_usize), |at| at.checked_add(STEP));
    core::iter::once(name.len().saturating_sub(PIECE))
        .chain(starts.take_while(|at| *at < name.len()).take(PIECES_MAX))
        .find_map(|from| classify(piece(from)))
}

/// The `pass` is a ticket, an outcome or a filter: `boardingPass`, `passRate`.
fn is_ticket(words: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    let after = words.get(at.saturating_add(1));
    before.is_some_and(|word| PASSES.contains(word))
        || after.is_some_and(|word| AFTER_PASS.contains(word))
}

fn session(words: &[&str], last: &str) -> Option<NameClass> {
    let joined = last == "sid"
        || ["sessid", "sessionid", "sessiontoken", "sessionkey"]
            .iter()
            .any(|word| last.contains(word));
    let before = words.len().checked_sub(2).and_then(|at| words.get(at)).copied();
    let two = matches!((before, last), (Some("session" | "sess"), "id" | "key" | "cookie"));
    let bare = words.len() == 1 && matches!(last, "session" | "sess");
    // What a client counts its own visits by opens nothing.
    let visit = words.iter().any(|w| ["client", "browser", "visit", "visitor", "ad"].contains(w));
    (joined || (two && !visit) || bare).then_some(NameClass::Session)
}

fn personal(words: &[&str], last: &str, pair: &impl Fn(&str, &str) -> bool) -> Option<NameClass> {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if has(&["cvv", "cvc", "csc", "cvn"]) || pair("card", "code") || pair("security", "value") {
        return Some(NameClass::CardCode);
    }
    let number = matches!(last, "number" | "no" | "num" | "nr");
    if (has(&["card", "cc"]) && number)
        || matches!(last, "cardnumber" | "ccnumber" | "ccnum" | "cardno" | "pan" | "creditcard")
        || pair("credit", "card")
        || pair("debit", "card")
    {
        return (!ABOUT.contains(&last)).then_some(NameClass::Card);
    }
    if has(&["iban"]) && !ABOUT.contains(&last) {
        return Some(NameClass::Iban);
    }
    let national = has(NATIONAL) && (last == "id" || !ABOUT.contains(&last))
        || pair("social", "security")
        || pair("national", "id")
        || pair("national", "insurance")
        || pair("tax", "id")
        || pair("tax", "number")
        || pair("identity", "number")
        || pair("steuer", "id")
        || pair("codice", "fiscale")
        || has(&["driver", "drivers", "driving"]) && has(&["license", "licence"]);
    if national {
        return Some(NameClass::NationalId);
    }
    let phone = has(PHONES) && !ABOUT.contains(&last) && last != "model";
    if phone {
        return Some(NameClass::Phone);
    }
    let birth = ["dob", "birthdate", "birthday", "dateofbirth", "geburtsdatum", "geboortedatum"];
    if has(&birth)
        || pair("birth", "date")
        || (has(&["date", "day"]) && matches!(last, "birth"))
        || matches!(last, "nacimiento" | "nascimento" | "naissance" | "nascita") && words.len() > 1
        || words == ["born"]
        || words == ["born", "on"]
    {
        return Some(NameClass::BirthDate);
    }
    is_address(words, last, pair).then_some(NameClass::Address)
}

/// A line of a postal address, and not one of a machine, a mailbox or an account.
fn is_address(words: &[&str], last: &str, pair: &impl Fn(&str, &str) -> bool) -> bool {
    const OTHERS: &[&str] = &[
        "email",
        "mail",
        "ip",
        "mac",
        "wallet",
        "web",
        "server",
        "host",
        "remote",
        "bind",
        "contract",
        "token",
        "memory",
        "listen",
        "peer",
        "source",
        "destination",
        "client",
    ];
    const LINES: &[&str] = &[
        "address",
        "addr",
        "street",
        "streetaddress",
        "addressline",
        "strasse",
        "straße",
        "calle",
        "direccion",
        "domicilio",
        "adresse",
        "indirizzo",
        "endereco",
        "anschrift",
        "adres",
    ];
    let line = LINES.contains(&last) || pair("address", "line") || pair("street", "name");
    line && !words.iter().any(|word| OTHERS.contains(word))
}

fn credential(words: &[&str], last: &str, pair: &impl Fn(&str, &str) -> bool) -> Option<NameClass> {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if has(&["otp", "totp", "pin", "passcode", "hotp", "tan", "puk"]) || last == "passcode" {
        return Some(NameClass::Code);
    }
    if has(&["code", "codes"]) {
        return match words.len() {
            1 => Some(NameClass::BareCode),
            _ if has(CODE_CONTEXT) => Some(NameClass::Code),
            _ => None,
        };
    }
    if pair("private", "key")
        || last == "privatekey"
        || has(&["pem", "mnemonic"])
        || pair("seed", "phrase")
    {
        return Some(NameClass::PrivateKey);
    }
    let token = words.iter().any(|w| w.ends_with("token") || w.ends_with("tokens"));
    if token || has(&["jwt", "bearer"]) {
        let issued = !has(NO_CREDENTIAL)
            && !words.iter().any(|w| ["csrf", "xsrf"].iter().any(|bad| w.starts_with(bad)));
        return Some(NameClass::Token { issued });
    }
    if has(&["authorization"]) {
        return Some(NameClass::Token { issued: true });
    }
    if last.ends_with("apikey") || matches!(last, "accesskey" | "secretkey" | "authkey" | "appkey")
    {
        return Some(NameClass::Token { issued: true });
    }
    if matches!(last, "key" | "keys") && words.len() > 1 {
        return has(KEY_CONTEXT).then_some(NameClass::Token { issued: true });
    }
    if words.iter().any(|w| w.ends_with("secret") || w.ends_with("secrets"))
        || has(&["credential", "credentials"])
    {
        return Some(NameClass::Secret);
    }
    if has(&["signature", "sig", "hmac", "csrf", "xsrf"]) {
        return Some(NameClass::Proof);
    }
    // The digest of public content names it.
    if last == "hash" && has(&["info", "file", "content", "commit", "block", "tx", "image"]) {
        return None;
    }
    let drawn = [
        "key",
        "state",
        "auth",
        "nonce",
        "ticket",
        "assertion",
        "cookie",
        "verifier",
        "challenge",
        "hash",
        "magic",
        "csrfmiddleware",
        "grant",
        "invite",
        "otk",
    ];
    has(&drawn).then_some(NameClass::Random)
}

/// Names below a secret's name that still hold the secret (`password: {"value": …}`).
#[must_use]
pub fn inherits(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "value"
            | "plain"
            | "plaintext"
            | "raw"
            | "text"
            | "new"
            | "old"
            | "current"
            | "confirm"
            | "confirmation"
            | "repeat"
            | "again"
            | "hash"
            | "key"
            | "data"
            | "content"
            | "set"
            | "equals"
            | "$eq"
            | "$ne"
            | "$gt"
            | "$regex"
            | "$in"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: Option<NameClass>) {
        for name in names {
            assert_eq!(classify(name), expected, "{name}");
        }
    }

    #[test]
    fn passwords_are_known_in_many_spellings_and_languages() {
        check(
            &[
                "password",
                "Password",
                "user_pass",
                "pass",
                "pass_confirm",
                "dbPass",
                "newPassword",
                "new-password",
                "passwd",
                "pwd",
                "user[password]",
                "password_confirmation",
                "password2",
                "userpassword",
                "mot_de_passe",
                "kennwort",
                "passwort",
                "contrasena",
                "contraseña",
                "senha",
                "haslo",
                "hasło",
                "parola",
                "PASSWORD",
                "j_password",
                "txtPassword",
            ],
            Some(NameClass::Password),
        );
        check(&["password_hash", "passwordHash", "hashed_password"], Some(NameClass::PasswordHash));
    }

    #[test]
    fn words_that_only_contain_a_secret_word_tell_nothing() {
        check(
            &[
                "passenger",
                "passengers",
                "compass",
                "bypass",
                "boardingPass",
                "season_pass",
                "passRate",
                "lowPassFilter",
                "passed",
                "pinned",
                "shipping",
                "tokenizer",
                "codec",
                "country_code",
                "zip_code",
                "status_code",
                "secretary",
                "keyboard",
                "primary_key",
                "sort_key",
                "monkey",
                "author",
                "authority",
                "password_changed_at",
                "token_type",
                "expires_in",
                "password_policy",
                "token_id",
                "order_id",
                "id",
                "card_type",
                "card_id",
                "username",
                "name",
                "company",
                "panel",
                "total",
            ],
            None,
        );
    }

    #[test]
    fn tokens_keys_and_codes_are_known() {
        let issued = Some(NameClass::Token { issued: true });
        check(
            &[
                "token",
                "access_token",
                "accessToken",
                "refreshToken",
                "id_token",
                "authToken",
                "jwt",
                "api_key",
                "apiKey",
                "APIKey",
                "x-api-key",
                "secret_key",
                "Authorization",
                "accesstoken",
            ],
            issued,
        );
        check(
            &["csrf_token", "csrfToken", "next_page_token", "pageToken"],
            Some(NameClass::Token { issued: false }),
        );
        check(
            &["otp", "pin", "mfa_code", "verificationCode", "pin_code", "auth_code"],
            Some(NameClass::Code),
        );
        check(&["code"], Some(NameClass::BareCode));
        check(
            &["session_id", "sessionId", "sid", "PHPSESSID", "JSESSIONID"],
            Some(NameClass::Session),
        );
        check(&["clientSessionId", "visit_session_id", "info_hash", "commitHash"], None);
        check(&["key", "state", "hash"], Some(NameClass::Random));
        check(&["client_secret", "secret"], Some(NameClass::Secret));
        check(&["signature", "csrf"], Some(NameClass::Proof));
        check(&["private_key", "privateKey"], Some(NameClass::PrivateKey));
    }

    #[test]
    fn a_name_is_told_behind_letters_that_stuff_it() {
        let stuffed = |text: &str| format!("{}{text}", "é".repeat(300));
        assert_eq!(classify_long(&stuffed("_password")), Some(NameClass::Password));
        let middle = stuffed(&format!("[password]{}", "b".repeat(500)));
        assert_eq!(classify_long(&middle), Some(NameClass::Password));
        assert_eq!(classify_long(&stuffed("_note")), None);
    }

    #[test]
    fn personal_numbers_are_known() {
        check(&["card_number", "cardNumber", "credit_card", "pan"], Some(NameClass::Card));
        check(&["cvv", "cvc", "cvv2", "card_cvc"], Some(NameClass::CardCode));
        check(&["iban", "user_iban"], Some(NameClass::Iban));
        check(
            &["ssn", "social_security_number", "nationalId", "passport_number"],
            Some(NameClass::NationalId),
        );
        check(&["phone", "mobile_number", "phoneNumber"], Some(NameClass::Phone));
        check(&["dob", "birthDate", "date_of_birth"], Some(NameClass::BirthDate));
        check(&["address", "street", "address_line1", "shippingAddress"], Some(NameClass::Address));
        check(&["ip_address", "macAddress", "wallet_address", "birthplace"], None);
        check(&["nhs_number", "nhsNumber", "ppsn", "tfn", "cpr"], Some(NameClass::NumberOfPerson));
        check(&["uid", "run_id", "nhs_number_type", "order_number"], None);
    }
}
