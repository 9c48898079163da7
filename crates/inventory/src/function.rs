//! What business an endpoint does, where that is worth guarding; told from what its messages
//! carry and who may ask, and from words only beside such evidence.

use crate::inventory::Known;
use crate::knowledge::class::Class;
use crate::knowledge::field::Field;
use crate::knowledge::{Level, Schema};
use crate::sighting::EndpointKind;
use crate::words::{has_word, words};
use stilt_model::{SecretKind, Sensitive};

/// Records of one answer, and bytes, from which on it is a bulk list.
const BULK_RECORDS: u64 = 100;
const BULK_BYTES: u64 = 1 << 20;

/// A sensitive business function.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Function {
    /// Signing in and out, tokens.
    Authentication,
    /// Accounts and personal records of people.
    Account,
    /// Money moves.
    Payment,
    /// For few roles only.
    Admin,
    /// Hands out much at once.
    Export,
    /// Sends something to somebody.
    Messaging,
    /// Talks to a language model or its tools.
    Ai,
}

impl Function {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Account => "account",
            Self::Payment => "payment",
            Self::Admin => "admin",
            Self::Export => "export",
            Self::Messaging => "messaging",
            Self::Ai => "ai",
        }
    }
}

/// The sensitive functions of an endpoint, each with the evidence for it.
#[must_use]
pub fn functions(known: Known<'_>) -> Vec<(Function, &'static str)> {
    let evidence: [(Function, Option<&'static str>); 7] = [
        (Function::Authentication, authentication(known)),
        (Function::Account, account(known)),
        (Function::Payment, payment(known)),
        (Function::Admin, admin(known)),
        (Function::Export, export(known)),
        (Function::Messaging, messaging(known)),
        (Function::Ai, ai(known)),
    ];
    evidence.into_iter().filter_map(|(function, why)| Some((function, why?))).collect()
}

/// The endpoint is about whoever asks (`/me`): nobody else's record is there.
#[must_use]
pub fn is_own(known: Known<'_>) -> bool {
    known.endpoint.template.rsplit(['/', '#']).next().is_some_and(crate::words::is_self)
}

fn changes(known: Known<'_>) -> bool {
    matches!(known.endpoint.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
}

/// Fields of requests: query and body. What stands in the header of a SOAP envelope says who asks
/// (WS-Security), not what for.
fn asked(known: Known<'_>) -> impl Iterator<Item = (&str, &Field)> {
    let (query, body) = (&known.knowledge.query, &known.knowledge.body);
    let all = query.fields.iter().chain(&body.fields).map(|(path, field)| (&**path, field));
    all.filter(|(path, _)| !path.starts_with("Envelope.Header."))
}

/// Fields of answers that tell success.
fn told(known: Known<'_>) -> impl Iterator<Item = (&str, &Field)> {
    known
        .knowledge
        .answers
        .iter()
        .filter(|answer| answer.status / 100 == 2)
        .flat_map(|answer| answer.schema.fields.iter().map(|(path, field)| (&**path, field)))
}

fn holds(field: &Field, kinds: &[SecretKind]) -> bool {
    field.secrets().any(|kind| kinds.contains(&kind))
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]")
}

fn authentication(known: Known<'_>) -> Option<&'static str> {
    match known.endpoint.kind {
        EndpointKind::Login => return Some("takes a user and a secret and hands out a token"),
        EndpointKind::Signup => return Some("takes a user and a new secret"),
        EndpointKind::Refresh => return Some("renews a token"),
        EndpointKind::Logout => return Some("ends a session"),
        EndpointKind::Other => {}
    }
    let secret = [SecretKind::Password, SecretKind::Code];
    if changes(known) && asked(known).any(|(_, field)| holds(field, &secret)) {
        return Some("takes a password or code");
    }
    if asks_for_reset(known) {
        return Some("asks for a new password, for somebody who is not signed in");
    }
    hands_out(known)
}

/// Somebody who is not signed in names an account at an address that speaks of what was forgotten.
fn asks_for_reset(known: Known<'_>) -> bool {
    const FORGOTTEN: &[&str] = &[
        "forgot",
        "forgotten",
        "reset",
        "recover",
        "recovery",
        "lost",
        "vergessen",
        "oublie",
        "olvidada",
        "olvido",
        "esqueci",
        "esqueceu",
        "dimenticata",
        "recuperar",
        "zuruecksetzen",
    ];
    let account = [SecretKind::Email, SecretKind::Phone];
    changes(known)
        && known.knowledge.auth.level() == Level::None
        && has_word(&known.endpoint.template, FORGOTTEN)
        && asked(known).any(|(_, field)| holds(field, &account))
}

fn hands_out(known: Known<'_>) -> Option<&'static str> {
    let tokens = [SecretKind::Token, SecretKind::Jwt];
    let knowledge = known.knowledge;
    // What describes an API gives examples, to all the same.
    let describes = told(known).any(|(path, _)| matches!(path, "openapi" | "swagger"));
    let always_hands_out = knowledge.successes > 0
        && knowledge.issued.saturating_mul(2) >= knowledge.successes
        && !describes
        && told(known).any(|(_, field)| holds(field, &tokens));
    always_hands_out.then_some("its answers hand out tokens")
}

fn account(known: Known<'_>) -> Option<&'static str> {
    const PERSONAL: &[SecretKind] = &[SecretKind::Email, SecretKind::Phone, SecretKind::NationalId];
    // A record of a person, not a list in which some address occurs.
    let single = |path: &str| !path.contains("[]");
    let people = has_word(&known.endpoint.template, crate::words::PEOPLE)
        || words(&known.endpoint.template).iter().any(|word| {
            let one = crate::words::singular(word);
            [crate::words::PEOPLE, crate::words::PERSONS].iter().any(|all| all.contains(&&*one))
        });
    // `/me` is a person whatever it is called.
    let people = people || is_own(known);
    if people && tells_on_page(known) {
        return Some("a page tells personal data of a person");
    }
    // Who signs in says who that is, and is told it at most.
    let signs_in = known.endpoint.kind == EndpointKind::Login;
    let tells =
        !signs_in && told(known).any(|(path, field)| single(path) && holds(field, PERSONAL));
    let takes =
        changes(known) && !signs_in && asked(known).any(|(_, field)| holds(field, PERSONAL));
    // Who signs in or up shows nothing but a name; who changes a password is signed in, gives the
    // one
    // before, or what a mail brought.
    let passwords = asked(known).filter(|(_, field)| holds(field, &[SecretKind::Password])).count();
    let proof = [SecretKind::Code, SecretKind::Token, SecretKind::Jwt, SecretKind::Secret];
    let shown = passwords > 1
        || known.knowledge.auth.level() != Level::None
        || asked(known).any(|(_, field)| holds(field, &proof));
    let secret = changes(known)
        && passwords > 0
        && shown
        && hands_out(known).is_none()
        && known.endpoint.kind == EndpointKind::Other;
    if secret {
        Some("changes a password")
    } else if takes && people {
        Some("takes personal data of people")
    } else if tells && people {
        Some("tells personal data of a person")
    } else {
        None
    }
}

/// Most pages of an endpoint hold personal data, of one person: no list of people.
fn tells_on_page(known: Known<'_>) -> bool {
    let knowledge = known.knowledge;
    let page = knowledge.answers_of(2).any(|answer| {
        answer.media.iter().any(|media| media.contains("html")) && answer.schema.fields.is_empty()
    });
    let personal = [Sensitive::Email, Sensitive::Phone, Sensitive::NationalId];
    page && knowledge.given.iter().any(|seen| {
        personal.contains(&seen.kind)
            && seen.messages.saturating_mul(2) >= knowledge.successes.max(1)
            && seen.values <= seen.messages.saturating_mul(3)
    })
}

/// Words of amounts, and of where money goes or lies.
const AMOUNT: &[&str] = &[
    "amount", "amt", "sum", "total", "price", "value", "betrag", "summe", "montant", "importe",
    "monto", "valor", "importo", "cents", "bedrag", "kwota", "cantidad",
];
const BALANCE: &[&str] = &["balance", "saldo", "solde", "kontostand"];
const AROUND: &[&str] = &[
    "currency",
    "iban",
    "account",
    "recipient",
    "beneficiary",
    "payee",
    "card",
    "payment",
    "payout",
    "transfer",
    "withdrawal",
    "debtor",
    "creditor",
    "wallet",
    "coupon",
    "refund",
    "reference",
    "zahlung",
    "auszahlung",
    "ueberweisung",
    "überweisung",
    "empfaenger",
    "empfänger",
    "konto",
    "paiement",
    "virement",
    "beneficiaire",
    "bénéficiaire",
    "compte",
    "pago",
    "transferencia",
    "destinatario",
    "beneficiario",
    "cuenta",
    "pagamento",
    "pix",
    "conta",
    "bonifico",
    "conto",
    "betaling",
    "rekening",
    "overboeking",
];

/// Words of means to pay.
const MEANS: &[&str] = &[
    "payment",
    "card",
    "wallet",
    "billing",
    "zahlung",
    "zahlungsart",
    "zahlungsmittel",
    "paiement",
    "pago",
    "pagamento",
    "betaling",
];

fn payment(known: Known<'_>) -> Option<&'static str> {
    let bank = [SecretKind::Card, SecretKind::Iban];
    if !changes(known) {
        // What somebody pays with, called so.
        let named = words_of(known).iter().any(|word| MEANS.contains(&word.as_str()));
        let tells = named && told(known).any(|(_, field)| holds(field, &bank));
        return tells.then_some("tells with which card or account is paid");
    }
    if asked(known).any(|(_, field)| holds(field, &bank)) {
        return Some("takes a card or account number");
    }
    let number = |field: &Field| {
        field.integers > 0
            || field.numbers > 0
            || field.texts_of(Class::Decimal) > 0
            || field.texts_of(Class::Integer) > 0
    };
    let amount = asked(known).any(|(path, field)| number(field) && has_word(last(path), AMOUNT));
    // Whatever is measured has a value, and anything can be referred to.
    let money = asked(known).any(|(path, field)| {
        let name = last(path);
        number(field) && has_word(name, AMOUNT) && !has_word(name, &["value", "valor"])
    });
    let to = asked(known).any(|(path, _)| has_word(last(path), AROUND));
    let place = asked(known).any(|(path, _)| {
        let name = last(path);
        has_word(name, AROUND) && !has_word(name, &["reference"])
    });
    let named = words_of(known).iter().any(|word| AROUND.contains(&word.as_str()));
    if amount && (place || named) || money && to {
        return Some("takes an amount and where it goes");
    }
    // What an order made before holds is carried out, and leaves so much.
    let left = |(path, field): (&str, &Field)| {
        let name = last(path);
        !path.contains("[]") && number(field) && (has_word(name, AMOUNT) || has_word(name, BALANCE))
    };
    (to && told(known).any(left)).then_some("takes where money goes and tells how much")
}

/// Words of the address, singular.
fn words_of(known: Known<'_>) -> Vec<String> {
    words(&known.endpoint.template).iter().map(|word| crate::words::singular(word)).collect()
}

/// Words for what people may do.
const ROLE: &[&str] = &[
    "role",
    "roles",
    "permission",
    "permissions",
    "privilege",
    "privileges",
    "rolle",
    "rollen",
    "recht",
    "rechte",
    "berechtigung",
    "droit",
    "droits",
    "rol",
    "permiso",
    "permisos",
    "papel",
    "permissao",
    "ruolo",
    "permesso",
];

/// A signed-in caller says which role or right somebody has, by a field of that name or at an
/// address of it.
fn gives_rights(known: Known<'_>) -> bool {
    let body = &known.knowledge.body;
    let names = |path: &str| has_word(last(path), ROLE);
    let says = body.fields.iter().any(|(path, field)| names(path) && field.text_count() > 0);
    // Who, beside the role: a field, or a value of the address.
    let whom = !known.endpoint.slots.is_empty()
        || body.fields.iter().any(|(path, field)| {
            !names(path)
                && (field.text_count() > 0 || field.integers > 0)
                && !matches!(last(path), "query" | "operationName" | "jsonrpc" | "method")
        });
    changes(known)
        && known.knowledge.auth.level() == Level::Always
        && known.endpoint.kind == EndpointKind::Other
        && whom
        && (says
            || known
                .endpoint
                .template
                .rsplit(['/', '#'])
                .next()
                .is_some_and(|word| ROLE.contains(&word.to_ascii_lowercase().as_str())))
}

/// A function that is called after shutting people out, or acting as them, and is not done for
/// everybody who is signed in.
fn shuts_out(known: Known<'_>) -> bool {
    const ACTS: &[&str] = &[
        "ban",
        "unban",
        "suspend",
        "unsuspend",
        "impersonate",
        "disable",
        "deactivate",
        "promote",
        "demote",
        "sperren",
        "entsperren",
    ];
    let name = known.endpoint.template.rsplit(['/', '#', ':']).next().unwrap_or_default();
    let acts = words(name).iter().any(|word| ACTS.contains(&word.as_str()));
    acts && changes(known)
        && known.knowledge.auth.level() == Level::Always
        && known.knowledge.denied > 0
        && has_word(&known.endpoint.template, PEOPLE_WORDS)
}

/// People, one or many.
const PEOPLE_WORDS: &[&str] = &[
    "user",
    "users",
    "account",
    "accounts",
    "member",
    "members",
    "customer",
    "customers",
    "client",
    "clients",
    "player",
    "players",
    "person",
    "people",
    "employee",
    "employees",
    "benutzer",
];

/// Requests of administrators alone that show a function to be theirs, where nobody was refused.
const PASSED_MIN: u64 = 10;

fn admin(known: Known<'_>) -> Option<&'static str> {
    let roles = &known.knowledge.actors.roles;
    let passed = |role: &&crate::knowledge::Role| role.passed > 0;
    let shut = |role: &&crate::knowledge::Role| role.refused > 0 && role.passed == 0;
    if roles.iter().any(|role| passed(&role)) && roles.iter().any(|role| shut(&role)) {
        return Some("lets some roles through and refuses others");
    }
    let telling = |name: &str| {
        has_word(name, &["admin", "administrator", "root", "superuser", "staff", "operator"])
    };
    let only = !roles.is_empty() && roles.iter().filter(passed).all(|role| telling(&role.name));
    // One who came by is no rule.
    let rule = known.knowledge.denied > 0
        || has_word(&known.endpoint.template, &["admin", "administration", "backoffice"])
        || roles.iter().map(|role| role.passed).sum::<u64>() >= PASSED_MIN;
    if only && rule && roles.iter().any(|role| passed(&role)) {
        return Some("only administrators get through");
    }
    let named = words(&known.endpoint.template)
        .iter()
        .any(|word| matches!(word.as_str(), "admin" | "administration" | "backoffice"));
    if named && known.knowledge.auth.level() == Level::Always {
        let refuses = |status: u16| matches!(status, 401 | 403);
        let refuses = known.knowledge.answers.iter().any(|answer| refuses(answer.status));
        return Some(match refuses {
            true => "called so, and refuses callers",
            false => "called so, and answers nobody who is not signed in",
        });
    }
    if shuts_out(known) {
        return Some("shuts people out, and refuses callers");
    }
    // The roles of a conversation are none of people.
    (gives_rights(known) && ai(known).is_none()).then_some("says who has which role or right")
}

fn export(known: Known<'_>) -> Option<&'static str> {
    const FILES: &[&str] =
        &["csv", "spreadsheet", "ms-excel", "zip", "x-ndjson", "x-tar", "gzip", "parquet"];
    for answer in known.knowledge.answers_of(2) {
        let file = |media: &str| FILES.iter().any(|part| media.contains(part));
        if answer.media.iter().any(|media| file(media)) {
            return Some("hands out a file of records");
        }
        let json = answer.media.iter().any(|media| media.contains("json"));
        if answer.records_max >= BULK_RECORDS || (json && answer.bytes_max >= BULK_BYTES) {
            return Some("one answer holds a hundred records or more");
        }
    }
    None
}

/// Words of what people send each other.
const MESSAGES: &[&str] = &[
    "message",
    "mail",
    "email",
    "sms",
    "chat",
    "inbox",
    "conversation",
    "nachricht",
    "mensaje",
    "mensagem",
    "messaggio",
    "bericht",
];

fn messaging(known: Known<'_>) -> Option<&'static str> {
    const TO: &[&str] = &[
        "to",
        "recipient",
        "recipients",
        "receiver",
        "phone",
        "mobile",
        "msisdn",
        "channel",
        "email",
        "destination",
    ];
    const SAYS: &[&str] = &[
        "message",
        "text",
        "body",
        "content",
        "subject",
        "template",
        "html",
        "sms",
        "nachricht",
        "betreff",
        "mensaje",
        "asunto",
        "mensagem",
        "assunto",
        "messaggio",
        "oggetto",
        "bericht",
        "onderwerp",
    ];
    if !changes(known) {
        return None;
    }
    let body: &Schema = &known.knowledge.body;
    let to = body.fields.iter().any(|(path, field)| {
        has_word(last(path), TO) && holds(field, &[SecretKind::Email, SecretKind::Phone])
    });
    let says = body
        .fields
        .iter()
        .filter(|(path, field)| has_word(last(path), SAYS) && field.text_count() > 0)
        .count();
    // One named by a number is a recipient where no money goes there.
    const WHOM: &[&str] = &["to", "recipient", "recipients", "receiver", "addressee"];
    let about = words_of(known).iter().any(|word| MESSAGES.contains(&word.as_str()));
    let numbered = body.fields.iter().any(|(path, field)| {
        has_word(last(path), WHOM)
            && (field.integers > 0 || field.text_count() > 0 && (says > 1 || about))
    });
    let amount = body.fields.keys().any(|path| has_word(last(path), AMOUNT));
    if says > 0 && (to || numbered && !amount) {
        return Some("takes a recipient and a text");
    }
    // An answer goes to who wrote what it answers.
    let replies = words_of(known).iter().any(|word| matches!(word.as_str(), "reply" | "antwort"));
    if says > 0 && about && replies && !known.endpoint.slots.is_empty() {
        return Some("takes a text in answer to a message");
    }
    // Whom it goes to stands before (`/contacts/{id}/sms`, `/rooms/{id}/messages`).
    let last = known.endpoint.template.rsplit('/').next().unwrap_or_default();
    let sends = words(last).iter().any(|word| {
        MESSAGES.contains(&word.as_str()) || MESSAGES.contains(&&*crate::words::singular(word))
    });
    let addressed = known.endpoint.template.contains("}/") && sends;
    (says > 0 && addressed && ai(known).is_none()).then_some("takes a text for somebody")
}

fn ai(known: Known<'_>) -> Option<&'static str> {
    let body = &known.knowledge.body;
    let asks = |path: &str| body.fields.contains_key(path);
    let of = |head: &str| body.fields.keys().any(|path| path.starts_with(head));
    let tokens = told(known).any(|(path, _)| {
        let words = words(last(path));
        words.iter().any(|word| word == "tokens") || words.iter().any(|word| word == "token_count")
    });
    if asks("jsonrpc") && known.endpoint.template.contains("#tools/") {
        return Some("lists or calls tools of a model (MCP)");
    }
    let chat = of("messages[].role") && of("messages[].content") && asks("model");
    let prompt = asks("prompt") && (asks("model") || tokens);
    let gemini = of("contents[].parts[]");
    if chat || prompt || gemini {
        return Some("takes a prompt for a model");
    }
    (changes(known) && tokens && (asks("model") || asks("input")))
        .then_some("counts tokens of a model")
}
