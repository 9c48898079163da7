//! What an answer means: success, refusal, or nothing that can be told.

use crate::chosen;
use crate::words::{LOGIN_PAGE, has_word};
use stilt_model::{Leaf, Outcome, Response, Transaction, Value};

/// Leaves of a body that are looked at.
const LEAVES_MAX: usize = 48;
/// Bodies with more leaves than this are things, not verdicts.
const SMALL: usize = 6;
/// Longer texts are no messages of an error.
const MESSAGE_MAX: usize = 200;

/// What one answer means, by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Option<Outcome>,
    /// For lack of right or existence.
    pub(crate) refused: bool,
    /// An error body under a status that tells success.
    pub(crate) body_error: bool,
}

impl Verdict {
    pub(crate) fn outcome(self) -> Outcome {
        self.outcome.unwrap_or(Outcome::Unknown)
    }
}

/// Reads an answer.
pub(crate) fn judge(tx: &Transaction) -> Verdict {
    let Some(response) = &tx.response else { return Verdict::default() };
    let outcome = |outcome, refused| Verdict { outcome: Some(outcome), refused, body_error: false };
    if let Some(code) = response.grpc_status.filter(|code| *code != 0) {
        return grpc(code);
    }
    let fault = soap_fault(&response.leaves);
    match response.status {
        status @ (200..=299 | 500) if fault == Some(true) => Verdict {
            outcome: Some(Outcome::Failure),
            refused: denies(&response.leaves),
            body_error: status != 500,
        },
        200..=299 if fault.is_some() => Verdict::default(),
        200..=299 => match body(&response.leaves) {
            Some(refused) => Verdict { outcome: Some(Outcome::Failure), refused, body_error: true },
            None if response.page_failed.is_some() => Verdict {
                outcome: Some(Outcome::Failure),
                refused: response.page_failed == Some(true),
                body_error: true,
            },
            None => outcome(Outcome::Success, false),
        },
        300..=399 => {
            let asked = tx.request.as_ref().is_some_and(|request| {
                is_login_page(&request.path) || chosen::chooses_password(request)
            });
            let sent_away = response.location.as_deref().is_some_and(is_login_page);
            if sent_away && !asked {
                outcome(Outcome::Failure, true)
            } else {
                outcome(Outcome::Success, false)
            }
        }
        408 | 425 | 429 => Verdict::default(),
        status @ 400..=499 => {
            outcome(Outcome::Failure, matches!(status, 401 | 403 | 404 | 407 | 410))
        }
        // Some frameworks answer 500 to whatever they refuse, and say what was wrong with it.
        500 if blames_input(&response.leaves) => outcome(Outcome::Failure, false),
        _ => Verdict::default(),
    }
}

/// What the status of a gRPC call means (gRPC, "Status codes and their use"): some say that the
/// request was at fault, others that the service was, or that it was too busy.
fn grpc(code: u8) -> Verdict {
    const AT_FAULT: [u8; 8] = [3, 5, 6, 7, 9, 11, 12, 16];
    const REFUSED: [u8; 3] = [5, 7, 16];
    if !AT_FAULT.contains(&code) {
        return Verdict::default();
    }
    let refused = REFUSED.contains(&code);
    Verdict { outcome: Some(Outcome::Failure), refused, body_error: false }
}

/// Whether the fault that a body is blames who asked: SOAP 1.1 answers every fault with 500 (§6.2),
/// `Client` (§4.4.1) and 1.2's `Sender` (part 1, §5.4.6) say that the request was at fault.
fn soap_fault(leaves: &[Leaf]) -> Option<bool> {
    let code = leaves.iter().take(LEAVES_MAX).find(|leaf| {
        let path = leaf.path.as_str();
        path.ends_with("Fault.faultcode") || path.ends_with("Fault.Code.Value")
    })?;
    let Value::Text(code) = &code.value else { return Some(false) };
    let local = code.rsplit(':').next().unwrap_or_default();
    let class = local.split('.').next().unwrap_or_default();
    Some(matches!(class, "Client" | "Sender"))
}

/// A fault that speaks of lack of right or existence.
fn denies(leaves: &[Leaf]) -> bool {
    leaves.iter().take(LEAVES_MAX).any(|leaf| {
        let path = leaf.path.as_str();
        let told = path.contains("Fault.") && !path.ends_with("code");
        told && matches!(&leaf.value, Value::Text(text) if text.len() <= MESSAGE_MAX)
            && refuses(&leaf.value)
    })
}

/// A short body whose message speaks of what was sent, not of what broke.
fn blames_input(leaves: &[Leaf]) -> bool {
    if leaves.len() > SMALL {
        return false;
    }
    let says = |leaf: &&Leaf| matches!(role(leaf.name()), Role::Message | Role::Error);
    let mut texts = leaves.iter().filter(says).filter_map(|leaf| match &leaf.value {
        Value::Text(text) if text.len() <= MESSAGE_MAX => Some(text.to_ascii_lowercase()),
        _ => None,
    });
    texts.any(|text| {
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let wrong =
            ["invalid", "incorrect", "wrong", "not correct", "not valid", "not match", "mismatch"];
        let given = ["expired", "already", "not registered", "bad credentials", "not found"];
        let broken = ["exception", "null", "pointer", "syntax", "server", "timeout", "connection"];
        (any(&wrong) || any(&given)) && !any(&broken)
    })
}

/// A URL whose path names a page for signing in.
pub(crate) fn is_login_page(url: &str) -> bool {
    let path = path_of(url);
    path.rsplit('/')
        .filter(|segment| !segment.is_empty())
        .take(2)
        .any(|segment| has_word(segment, LOGIN_PAGE))
}

/// The path of a URL or target.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split(['?', '#']).next().unwrap_or_default();
    match rest.split_once("://") {
        Some((_, tail)) => tail.find('/').and_then(|at| tail.get(at..)).unwrap_or("/"),
        None => rest,
    }
}

/// What a name at the top of a body is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// `success`, `ok`: a truth value.
    Truth,
    /// `status`, `result`: a word or a number.
    Status,
    /// `error`: anything but nothing.
    Error,
    /// `code`, `errno`: a number, 0 for success.
    Code,
    /// `message`: text for people.
    Message,
    Other,
}

fn role(name: &str) -> Role {
    if name.len() > 20 || name.is_empty() {
        return Role::Other;
    }
    let mut buffer = [0_u8; 20];
    let mut len = 0;
    for byte in name.bytes().filter(|b| !matches!(b, b'_' | b'-')) {
        if let Some(place) = buffer.get_mut(len) {
            *place = byte.to_ascii_lowercase();
            len += 1;
        }
    }
    match buffer.get(..len).unwrap_or_default() {
        b"success" | b"ok" | b"succeeded" | b"issuccess" | b"successful" | b"erfolg"
        | b"erfolgreich" | b"sucesso" | b"exito" | b"succes" | b"successo" => Role::Truth,
        b"status" | b"result" | b"outcome" | b"statuscode" | b"httpstatus" | b"responsecode" => {
            Role::Status
        }
        b"error" | b"errors" | b"err" | b"exception" | b"fault" | b"errormessage" | b"errormsg"
        | b"errorcode" | b"errordescription" | b"errcode" | b"errmsg" | b"failure" | b"fehler"
        | b"erro" | b"erros" | b"errores" | b"erreur" | b"erreurs" | b"errore" | b"fout" => {
            Role::Error
        }
        b"code" | b"errno" | b"ret" | b"retcode" | b"resultcode" | b"returncode" => Role::Code,
        b"message" | b"msg" | b"detail" | b"details" | b"reason" | b"description" | b"info"
        | b"title" | b"text" | b"meldung" | b"nachricht" | b"hinweis" | b"mensagem"
        | b"mensaje" | b"messaggio" | b"bericht" => Role::Message,
        _ => Role::Other,
    }
}

/// An error told by the body: `Some(refused)`; `None` where the body tells of none.
fn body(leaves: &[Leaf]) -> Option<bool> {
    let mut found = false;
    let mut refused = false;
    let (mut message, mut data, mut fine) = (None, false, false);
    let mut code = None;
    let small = leaves.len() <= SMALL;
    for leaf in leaves.iter().take(LEAVES_MAX) {
        let path = leaf.path.as_str();
        if path.contains('[') && !path.starts_with('e') {
            data |= path.starts_with("data") || !small;
            continue;
        }
        let (top, rest) = path.split_once('.').unwrap_or((path, ""));
        let top_role = role(top.trim_end_matches("[]"));
        if top_role == Role::Error {
            let hit = if rest.is_empty() {
                is_error(&leaf.value, small)
            } else {
                !is_nothing(&leaf.value)
            };
            found |= hit;
            refused |= hit && refuses(&leaf.value);
            continue;
        }
        if path.contains("[]") {
            data |= top == "data" || !small;
            continue;
        }
        let wrapped = matches!(top, "meta" | "response" | "header" | "head" | "result" | "status");
        let name = if rest.is_empty() {
            top
        } else if wrapped {
            rest
        } else {
            data |= top == "data";
            continue;
        };
        match (role(name), &leaf.value) {
            (Role::Truth, Value::Bool(truth)) => {
                found |= !truth;
                fine |= truth;
            }
            (Role::Truth, Value::Text(text)) => {
                found |= matches!(text.as_str(), "false" | "no" | "0");
            }
            (Role::Status, Value::Bool(truth)) if small => found |= !truth,
            (Role::Status, Value::Integer(number @ 400..=599)) if small => {
                found = true;
                refused |= matches!(number, 401 | 403 | 404 | 410);
            }
            (Role::Status, Value::Text(text)) if small => {
                found |= is_failing_word(text);
                fine |= is_fine_word(text);
            }
            (Role::Code, value) => code = Some(value),
            (Role::Message, Value::Text(_)) => message = message.or(Some(&leaf.value)),
            _ if path.is_empty() => message = message.or(Some(&leaf.value)),
            _ => {}
        }
    }
    if let (Some(code), Some(message), true) = (code, message, small && !fine) {
        found |= is_error_code(code) && !is_fine_message(message);
        refused |= matches!(code, Value::Integer(401 | 403 | 404 | 410));
    }
    if let Some(message) = message {
        // A body that says nothing but that it did not work.
        found = found || (leaves.len() <= 2 && !fine && !data && complains(message));
        refused = refused || (found && refuses(message));
    }
    (found && !(data && fine)).then_some(refused)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Integer(0) => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// The value of a leaf called `error`.
fn is_error(value: &Value, small: bool) -> bool {
    match value {
        Value::Text(text) => {
            !text.is_empty()
                && !is_fine_word(text)
                && !["none", "null", "false", "0", "no"]
                    .iter()
                    .any(|w| text.eq_ignore_ascii_case(w))
        }
        Value::Bool(truth) => *truth,
        // Counts of errors are of interest to monitoring; codes stand in small bodies.
        Value::Integer(number) => small && *number != 0,
        Value::Masked { .. } => true,
        _ => false,
    }
}

fn is_error_code(value: &Value) -> bool {
    match value {
        Value::Integer(number) => *number != 0 && !(200..300).contains(number),
        Value::Text(text) => match text.parse::<i64>() {
            Ok(number) => number != 0 && !(200..300).contains(&number),
            Err(_) => complains(value),
        },
        _ => false,
    }
}

fn is_failing_word(text: &str) -> bool {
    [
        "fail",
        "failed",
        "failure",
        "error",
        "err",
        "ko",
        "nok",
        "denied",
        "unauthorized",
        "unauthorised",
        "forbidden",
        "invalid",
        "false",
        "not_found",
        "notfound",
        "not found",
        "unauthenticated",
        "rejected",
        "bad_request",
        "fehler",
        "fehlgeschlagen",
        "abgelehnt",
        "erro",
        "falha",
        "falhou",
        "fallo",
        "erreur",
        "echec",
        "errore",
        "fout",
    ]
    .iter()
    .any(|word| text.eq_ignore_ascii_case(word))
}

fn is_fine_word(text: &str) -> bool {
    [
        "ok",
        "success",
        "successful",
        "succeeded",
        "done",
        "true",
        "created",
        "accepted",
        "erfolg",
        "erfolgreich",
        "sucesso",
        "exito",
        "succes",
    ]
    .iter()
    .any(|word| text.eq_ignore_ascii_case(word))
}

fn is_fine_message(value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    let lower = text.to_ascii_lowercase();
    is_fine_word(&lower) || (lower.contains("success") && !lower.contains("unsuccess"))
}

/// Text that tells of something that did not work.
fn complains(value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    if text.len() > MESSAGE_MAX {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    refuses(value)
        || [
            "invalid",
            "incorrect",
            "wrong",
            "fail",
            "error",
            "expired",
            "missing",
            "unable",
            "cannot",
            "must be",
            "is required",
            "not correct",
            "not valid",
            "not match",
            "no such",
            "mismatch",
            "bad request",
            "unknown",
            "unsuccess",
            "rejected",
            "falsch",
            "ungültig",
            "ungueltig",
            "fehlgeschlagen",
            "incorrecto",
            "incorreto",
            "inválid",
            "errad",
            "vergeben",
        ]
        .iter()
        .any(|word| lower.contains(word))
}

/// Text that tells of lack of right or existence.
fn refuses(value: &Value) -> bool {
    let Value::Text(text) = value else {
        return matches!(value, Value::Integer(401 | 403 | 404 | 410));
    };
    let lower = text.to_ascii_lowercase();
    [
        "not found",
        "not_found",
        "notfound",
        "forbidden",
        "denied",
        "unauthorized",
        "unauthorised",
        "unauthenticated",
        "not allowed",
        "permission",
        "does not exist",
        "doesn't exist",
        "not exist",
        "not authorized",
        "not authorised",
        "no access",
        "privilege",
        "no such",
        "log in",
        "login required",
        "not permitted",
        "nicht gefunden",
        "kein zugriff",
        "nicht berechtigt",
        "nicht erlaubt",
        "keine berechtigung",
        "verboten",
        "bitte anmelden",
        "nicht angemeldet",
        "não encontrad",
        "nao encontrad",
        "não autorizad",
        "sem permiss",
        "acesso negado",
        "no encontrad",
        "no autorizad",
        "sin permiso",
        "acceso denegado",
        "introuvable",
        "non autoris",
        "accès refusé",
        "interdit",
        "non trovat",
        "non autorizz",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// Whether an answer shows that its path is one of the application's.
pub(crate) fn confirms(response: Option<&Response>, verdict: Verdict) -> bool {
    response.is_some_and(|response| (200..400).contains(&response.status)) && !verdict.refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Tx, World, get, post};

    fn check(tx: Tx, expected: Outcome, refused: bool) {
        let shown = format!("{tx:?}");
        let verdict = judge(&World::new().tx(tx));
        assert_eq!((verdict.outcome(), verdict.refused), (expected, refused), "{shown}");
    }

    #[test]
    fn status_decides_where_the_body_says_nothing_else() {
        check(get("/x"), Outcome::Success, false);
        check(get("/x").status(304), Outcome::Success, false);
        check(get("/x").status(404), Outcome::Failure, true);
        check(get("/x").status(401), Outcome::Failure, true);
        check(get("/x").status(422), Outcome::Failure, false);
        check(get("/x").status(429), Outcome::Unknown, false);
        check(get("/x").status(503), Outcome::Unknown, false);
        check(get("/x").unanswered(), Outcome::Unknown, false);
    }

    #[test]
    fn a_soap_fault_tells_whose_fault_it_was() {
        let check = |status: u16, fault: &str, expected: Outcome| {
            let body = format!("<s:Body><s:Fault>{fault}</s:Fault></s:Body>");
            let body = format!(r#"<s:Envelope xmlns:s="urn:x">{body}</s:Envelope>"#);
            let asked = post("/ws").header("Content-Type", "text/xml");
            let tx = World::new().tx(asked.status(status).xml(&body));
            assert_eq!(judge(&tx).outcome(), expected, "{status} {fault}");
        };
        let old = |code: &str| format!("<faultcode>{code}</faultcode><faultstring>x</faultstring>");
        check(500, &old("s:Client"), Outcome::Failure);
        check(500, &old("Client.Authentication"), Outcome::Failure);
        check(200, &old("s:Client"), Outcome::Failure);
        check(500, &old("s:Server"), Outcome::Unknown);
        let new = |code: &str| format!("<s:Code><s:Value>{code}</s:Value></s:Code>");
        check(500, &new("s:Sender"), Outcome::Failure);
        check(500, &new("s:Receiver"), Outcome::Unknown);
    }

    #[test]
    fn a_500_that_blames_what_was_sent_is_a_failure() {
        let broken = |body: &str| post("/x").json(r#"{"otp":"1"}"#).status(500).answer(body);
        let invalid = r#"{"message":"Invalid OTP! Please try again..","status":500}"#;
        check(broken(invalid), Outcome::Failure, false);
        for body in [
            r#"{"message":"Internal server error"}"#,
            r#"{"error":"invalid memory address or nil pointer dereference"}"#,
            r#"{}"#,
        ] {
            check(broken(body), Outcome::Unknown, false);
        }
        let away = post("/x").status(503).answer(invalid);
        check(away, Outcome::Unknown, false);
    }

    #[test]
    fn a_redirect_to_a_login_page_is_a_refusal() {
        check(get("/cart").location("/login?next=/cart"), Outcome::Failure, true);
        check(get("/cart").location("https://id.test/sso/x"), Outcome::Failure, true);
        check(get("/").location("/home"), Outcome::Success, false);
        check(get("/login").location("/login/"), Outcome::Success, false);
    }

    #[test]
    fn errors_in_a_200_body_are_failures() {
        for (body, refused) in [
            (r#"{"status":"fail","message":"Username does not exist"}"#, true),
            (r#"{"success":false}"#, false),
            (r#"{"ok":false,"error":"denied"}"#, true),
            (r#"{"error":{"code":7,"message":"Order not found"}}"#, true),
            (r#"{"errors":[{"message":"Cannot query field"}],"data":null}"#, false),
            (r#"{"code":1042,"message":"invalid signature"}"#, false),
            (r#"{"code":403,"msg":"no"}"#, true),
            (r#"{"message":"Wrong password"}"#, false),
            (
                r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#,
                true,
            ),
            (r#"{"status":404,"title":"Not here"}"#, true),
            (r#"{"status":"fehler","fehler":{"nr":1403,"text":"Kein Zugriff auf diese"}}"#, true),
            (r#"{"sucesso":false,"mensagem":"Senha incorreta"}"#, false),
        ] {
            check(get("/x").answer(body), Outcome::Failure, refused);
        }
    }

    #[test]
    fn things_that_speak_of_failure_are_no_failures() {
        for body in [
            r#"{"id":1,"status":"failed","amount":10,"currency":"EUR","card":"x","at":"y","by":"z"}"#,
            r#"{"error":null,"data":{"id":1}}"#,
            r#"{"errors":[],"data":{"id":1}}"#,
            r#"{"code":0,"message":"ok","data":{"id":1}}"#,
            r#"{"code":200,"message":"done"}"#,
            r#"{"code":1,"message":"success"}"#,
            r#"{"items":[{"error":"late","status":"failed"}],"total":1}"#,
            r#"{"success":true,"message":"no error"}"#,
            r#"{"message":"Welcome back"}"#,
            r#"{"jobs":10,"errors":2,"warnings":0,"a":1,"b":2,"c":3,"d":4}"#,
        ] {
            check(get("/x").answer(body), Outcome::Success, false);
        }
    }
}
