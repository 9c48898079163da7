//! No secret and no personal data that is on the wire is in anything the program writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod common;

use common::net::{Capture, Connection, SECOND, Ticks, message};
use common::{Dice, Scratch, base64, percent, records, shop};
use std::collections::BTreeSet;
use std::fs;

/// Secrets of each kind.
const EACH: usize = 10;

/// One secret that is planted.
struct Secret {
    kind: &'static str,
    /// A field that holds such a thing.
    field: &'static str,
    value: String,
    /// Its form alone tells it, so that it may stand anywhere.
    shaped: bool,
    /// It is what a client shows to be let in.
    credential: bool,
    /// Parts of it that must not be seen either.
    parts: Vec<String>,
}

fn secret(kind: &'static str, field: &'static str, value: String) -> Secret {
    Secret { kind, field, value, shaped: false, credential: false, parts: Vec::new() }
}

fn shaped(kind: &'static str, field: &'static str, value: String) -> Secret {
    Secret { shaped: true, ..secret(kind, field, value) }
}

fn credential(kind: &'static str, field: &'static str, value: String) -> Secret {
    Secret { credential: true, ..secret(kind, field, value) }
}

/// Luhn's check digit behind `digits`.
fn card(dice: &mut Dice) -> String {
    let digits = format!("4{}", dice.digits(14));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn iban(dice: &mut Dice) -> String {
    let account = dice.digits(18);
    // D is 13, E is 14 (ISO 13616).
    let rest = format!("{account}131400")
        .bytes()
        .fold(0, |rest: u32, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

/// A Brazilian taxpayer's number with its two check digits.
fn cpf(dice: &mut Dice) -> String {
    let mut digits: Vec<u32> =
        dice.digits(9).bytes().map(|digit| u32::from(digit - b'0')).collect();
    for _ in 0..2 {
        let weight = u32::try_from(digits.len()).unwrap() + 1;
        let sum: u32 = digits.iter().zip(0..).map(|(digit, at)| digit * (weight - at)).sum();
        digits.push(if sum % 11 < 2 { 0 } else { 11 - sum % 11 });
    }
    digits.iter().map(|digit| char::from_digit(*digit, 10).unwrap()).collect()
}

fn jwt(dice: &mut Dice) -> String {
    let head = base64(br#"{"alg":"HS256","typ":"JWT"}"#, true);
    let claims = format!(r#"{{"sub":"{}","exp":1750003600}}"#, dice.draw());
    format!("{head}.{}.{}", base64(claims.as_bytes(), true), dice.word(43))
}

fn email(dice: &mut Dice) -> Secret {
    let local = format!("{}.{}", dice.text("bcdfgaeiou", 7), dice.text("klmnprstaeiou", 9));
    Secret {
        parts: vec![local.clone()],
        ..shaped("e-mail address", "contact", format!("{local}@mail.example.org"))
    }
}

fn pem(dice: &mut Dice) -> Secret {
    let lines: Vec<String> = (0..4).map(|_| dice.word(64)).collect();
    let body = lines.join("\n");
    let value = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    Secret { parts: lines, ..shaped("private key", "pem", value) }
}

fn connection_string(dice: &mut Dice) -> Secret {
    let password = dice.word(18);
    let value = format!("postgres://ledger:{password}@db7.internal:5432/ledger");
    Secret { parts: vec![password], ..shaped("connection string", "dsn", value) }
}

fn all_of(dice: &mut Dice) -> Vec<Secret> {
    let key_id = dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
    vec![
        credential("bearer token", "access_token", dice.word(40)),
        Secret { credential: true, ..shaped("signed token", "id_token", jwt(dice)) },
        credential("session cookie", "session_id", dice.hex(32)),
        secret("password", "password", format!("{}-{}", dice.word(9), dice.digits(3))),
        secret("new password", "newPassword", format!("{}!{}", dice.word(8), dice.word(4))),
        credential("API key", "api_key", dice.word(32)),
        credential("client secret", "client_secret", dice.word(30)),
        shaped("card", "pan", card(dice)),
        shaped("IBAN", "iban", iban(dice)),
        secret("national id", "cpf", cpf(dice)),
        email(dice),
        shaped("AWS key id", "aws_key", format!("AKIA{key_id}")),
        secret("AWS secret", "aws_secret_access_key", dice.word(40)),
        shaped("GitHub token", "deploy", format!("ghp_{}", dice.word(36))),
        shaped("Stripe key", "stripe", format!("sk_live_{}", dice.word(24))),
        shaped("Slack token", "bot", format!("xoxb-{}-{}", dice.digits(12), dice.word(24))),
        pem(dice),
        connection_string(dice),
        secret("one-time code", "otp", dice.digits(8)),
        credential("refresh token", "refresh_token", dice.word(48)),
        shaped("password hash", "hash", format!("$2b$12${}", dice.word(53))),
        shaped("telephone number", "phone", format!("+4915{}", dice.digits(9))),
    ]
}

fn planted() -> Vec<Secret> {
    let mut dice = Dice(2024);
    (0..EACH).flat_map(|_| all_of(&mut dice)).collect()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const HOST: (&str, &str) = ("Host", "vault.example");

/// A target that holds the secret as a parameter and, where its form tells it, as a part of the
/// path and under a name that says nothing.
fn target(secret: &Secret, path: &str, number: usize) -> String {
    let value = percent(&secret.value);
    let loose = if secret.shaped { value.as_str() } else { "nothing" };
    format!("{path}/{loose}/parts?{}={value}&note={loose}&mark=visible{number}", secret.field)
}

/// `{"field": value}`, also deeper, in a list, inside text and as text of its own.
fn json(secret: &Secret) -> String {
    let (field, value) = (secret.field, serde_json::to_string(&secret.value).unwrap());
    let inner = serde_json::to_string(&format!("{{\"{field}\":{value}}}")).unwrap();
    let loose = if secret.shaped { secret.value.as_str() } else { "nothing" };
    let text = serde_json::to_string(&format!("we saw {loose} there")).unwrap();
    format!(
        r#"{{"{field}":{value},"items":[{{"of":{{"{field}":{value}}}}}],"raw":{inner},"text":{text}}}"#
    )
}

/// Every place of an exchange that may hold the secret holds it.
fn plant(capture: &mut Capture, number: usize, secret: &Secret, email: &str) {
    let client = format!("10.7.{}.{}:{}", number / 200, number % 200 + 1, 42_000 + number);
    let at = shop::START + number as u64 * 20 * SECOND;
    let mut connection = Connection::open(capture, &client, "10.20.0.9:80", at);
    let line = secret.value.trim_end().replace('\n', " ");
    let agent = if secret.shaped { format!("Agent/1.0 ({line})") } else { "Agent/1.0".to_owned() };
    let mut headers = vec![HOST, JSON, ("User-Agent", agent.as_str())];
    let cookie = format!("lang=en; {}={}; theme=dark", secret.field, percent(&secret.value));
    headers.push(("Cookie", &cookie));
    let bearer = format!("Bearer {line}");
    if secret.credential {
        headers.extend([("Authorization", bearer.as_str()), ("X-Api-Key", line.as_str())]);
    }
    if secret.shaped {
        headers.extend([("Referer", line.as_str()), ("X-Request-Id", line.as_str())]);
    }
    let set = format!("{}={}; Path=/; HttpOnly", secret.field, percent(&secret.value));
    let location = target(secret, "/v3/vaults", number);
    let reply = [JSON, ("Set-Cookie", set.as_str()), ("Location", location.as_str())];
    let (body, place) = (json(secret), target(secret, "/v3/vaults", number));
    for method in ["POST", "PUT"] {
        let request = message(&format!("{method} {place} HTTP/1.1"), &headers, &body);
        connection.exchange(&request, &message("HTTP/1.1 201 Created", &reply, &body));
        connection.pause(SECOND);
    }
    let form = format!("user=person{number}&{}={}", secret.field, percent(&secret.value));
    let basic = format!("Basic {}", base64(format!("{email}:{line}").as_bytes(), false));
    let headers = [
        HOST,
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", basic.as_str()),
    ];
    let request = message("POST /v3/forms HTTP/1.1", &headers, &form);
    connection.exchange(&request, &message("HTTP/1.1 403 Forbidden", &[JSON], &body));
    let part = format!(
        "--B7\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n--B7--\r\n",
        secret.field, secret.value
    );
    let headers = [HOST, ("Content-Type", "multipart/form-data; boundary=B7")];
    let request = message("POST /v3/uploads HTTP/1.1", &headers, &part);
    connection.exchange(
        &request,
        &message("HTTP/1.1 500 Oops", &[("Content-Type", "text/plain")], &line),
    );
    connection.close();
}

/// Sign-ins that raise an alert, with secrets wherever an alert might quote them.
fn burst(capture: &mut Capture, secrets: &[Secret]) {
    let of = |kind: &'static str| secrets.iter().filter(move |secret| secret.kind == kind);
    let at = shop::START + 9000 * SECOND;
    let told: Vec<&Secret> = secrets.iter().filter(|secret| secret.kind != "private key").collect();
    let tries = of("e-mail address")
        .chain(of("e-mail address"))
        .zip(of("password").chain(of("new password")));
    // One client: its address and what it says of itself stay the same.
    let agent = format!("requests/2 {}", of("GitHub token").next().unwrap().value);
    for (number, (user, password)) in tries.enumerate() {
        // An address of the second round is a name that was not tried before.
        let user = format!("{}{}", if number < EACH { "" } else { "x" }, user.value);
        let with = told[number * 7 % told.len()];
        let client = format!("{}:{}", shop::ATTACKER, 51_000 + number);
        let time = at + number as u64 * 2 * SECOND;
        let mut connection = Connection::open(capture, &client, "10.20.0.9:80", time);
        let body = format!(r#"{{"email":"{user}","password":"{}"}}"#, password.value);
        let target = format!("/v3/signin?{}={}", with.field, percent(&with.value));
        let headers = [HOST, JSON, ("User-Agent", agent.as_str())];
        let request = message(&format!("POST {target} HTTP/1.1"), &headers, &body);
        let response = if number == 18 {
            let token = of("bearer token").nth(number % EACH).unwrap();
            let body = format!(r#"{{"access_token":"{}","email":"{user}"}}"#, token.value);
            message("HTTP/1.1 200 OK", &[JSON], &body)
        } else {
            message("HTTP/1.1 401 Unauthorized", &[JSON], r#"{"error":"wrong name or password"}"#)
        };
        connection.exchange(&request, &response);
        connection.close();
    }
}

/// How a secret might show.
fn forms(secret: &Secret) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    let whole = secret.value.trim_end();
    let bare = whole.trim_start_matches('+');
    for text in [whole, bare].into_iter().chain(secret.parts.iter().map(String::as_str)) {
        let escaped = serde_json::to_string(text).unwrap();
        forms.insert(text.to_owned());
        forms.insert(escaped.trim_matches('"').to_owned());
        forms.insert(percent(text));
        forms.insert(percent(text).to_lowercase());
        forms.insert(base64(text.as_bytes(), false).trim_end_matches('=').to_owned());
        forms.insert(base64(text.as_bytes(), true));
    }
    forms
}

/// What the program wrote under a configuration, by name.
fn outputs(scratch: &Scratch, capture: &str, config: &str) -> Vec<(&'static str, String)> {
    scratch.write("stilt.toml", config.as_bytes());
    let run = |command: &str, more: &[&str]| {
        let given = [command, capture, "--config", "stilt.toml", "--threads", "2"];
        scratch.run(&[&given, more].concat()).good()
    };
    let more = ["--transactions", "t", "--sessions", "s", "--save-baseline", "b"];
    let ran = run("replay", &more);
    let _ = fs::remove_dir_all(scratch.path("state"));
    run("replay", &["--state", "state", "--alerts", "a3"]);
    let state = fs::read(scratch.path("state/stilt.state")).unwrap();
    let baseline = String::from_utf8_lossy(&fs::read(scratch.path("b")).unwrap()).into_owned();
    let table = run("sessions", &[]);
    let json = run("sessions", &["--format", "json"]);
    let learned = run("learn", &["-o", "b2"]);
    let again = run("replay", &["--baseline", "b", "--alerts", "a2"]);
    vec![
        ("alerts", ran.out),
        ("transactions", scratch.read("t")),
        ("sessions", scratch.read("s")),
        ("baseline", baseline),
        ("state", String::from_utf8_lossy(&state).into_owned()),
        ("standard error", ran.err),
        ("table of sessions", table.out),
        ("sessions as JSON", json.out),
        ("standard error of sessions", table.err),
        ("standard error of learn", learned.err),
        ("alerts after learning", scratch.read("a2")),
        ("standard error after learning", again.err),
    ]
}

/// Leaks of `secrets` in `text`, each with what stands around it.
fn leaks(secrets: &[Secret], name: &str, text: &str) -> Vec<String> {
    let mut leaks = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        for form in forms(secret) {
            let Some(at) = text.find(&form) else { continue };
            let end = (at + form.len() + 30).min(text.len());
            let around = text.as_bytes().get(at.saturating_sub(120)..end).unwrap();
            let around = String::from_utf8_lossy(around);
            leaks.push(format!("{} {number} in {name}: …{around}…", secret.kind));
        }
    }
    leaks
}

/// Who signs in is shown as `user.id` and there alone, also where that is an address.
fn without_user_ids(text: &str) -> String {
    let mut lines = records(text);
    for record in &mut lines {
        if let Some(user) = record["user"].as_object_mut() {
            user.remove("id");
        }
    }
    lines.iter().map(|record| format!("{record}\n")).collect()
}

fn vault(secrets: &[Secret]) -> Capture {
    let mut capture = Capture::default();
    let emails: Vec<&Secret> = secrets.iter().filter(|s| s.kind == "e-mail address").collect();
    for (number, secret) in secrets.iter().enumerate() {
        plant(&mut capture, number, secret, &emails[number % emails.len()].value);
    }
    burst(&mut capture, secrets);
    capture
}

const RECORDS: [&str; 5] =
    ["alerts", "transactions", "sessions", "sessions as JSON", "alerts after learning"];

fn check(test: &str, config: &str, user_ids: bool) {
    let secrets = planted();
    let scratch = Scratch::new(test);
    let capture = scratch.write("vault.pcap", &vault(&secrets).pcap(Ticks::Micro));
    let outputs = outputs(&scratch, &capture, config);
    let mut found = Vec::new();
    for (name, text) in &outputs {
        if user_ids && RECORDS.contains(name) {
            found.extend(leaks(&secrets, name, &without_user_ids(text)));
        } else {
            found.extend(leaks(&secrets, name, text));
        }
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    not_vacuous(&secrets, &outputs);
}

#[test]
fn no_secret_on_the_wire_is_in_any_output() {
    check("secrets", "", true);
}

#[test]
fn nor_is_an_address_in_user_id_where_names_are_hidden() {
    check("secrets-hidden", "[privacy]\nidentities = \"pseudonym\"\n", false);
}

#[test]
fn a_leak_would_be_found() {
    let secrets = planted();
    for secret in &secrets {
        for shown in [
            secret.value.clone(),
            percent(&secret.value),
            base64(secret.value.trim_end().as_bytes(), false),
        ] {
            let text = format!("{{\"a\":\"b\"}}\n{{\"x\":\"…{shown}…\"}}\n");
            assert!(!leaks(&secrets, "text", &text).is_empty(), "{}", secret.kind);
        }
    }
}

/// The outputs do hold what they may, so that a secret in them would have been found.
fn not_vacuous(secrets: &[Secret], outputs: &[(&str, String)]) {
    let kinds: BTreeSet<&str> = secrets.iter().map(|secret| secret.kind).collect();
    let values: BTreeSet<&str> = secrets.iter().map(|secret| secret.value.as_str()).collect();
    assert!(kinds.len() >= 20 && values.len() >= 200, "{} {}", kinds.len(), values.len());
    let of = |name: &str| &outputs.iter().find(|(known, _)| *known == name).unwrap().1;
    let transactions = of("transactions");
    assert_eq!(records(transactions).len(), secrets.len() * 4 + EACH * 2);
    for number in 0..secrets.len() {
        assert!(transactions.contains(&format!("mark=visible{number}\"")), "{number}");
    }
    assert!(transactions.matches("<email:").count() > 10, "no address became a mark");
    let alerts = records(of("alerts"));
    assert!(alerts.iter().any(|alert| alert["rule"]["id"] == "ato.credential_stuffing"));
    assert!(of("alerts").contains("/v3/signin"));
    assert!(of("baseline").len() > 2000, "{}", of("baseline"));
    assert!(of("sessions").contains("/v3/vaults") && of("table of sessions").contains("/v3/"));
}
