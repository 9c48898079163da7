//! Tokens that are let in after their time, before it, for others, or with a wrong signature.

use crate::testing::{HOUR, Town, browser, elsewhere, home, name};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use stilt_inventory::test_support::{EPOCH, Tx, get, post, token};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const HS: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// What a token lasts, in seconds.
const LIFE: i64 = 900;

/// `Date` of an answer, `at` seconds from the start of the day.
fn dated(at: f64, tx: Tx) -> Tx {
    let at = at as i64;
    let (hour, minute, second) = (at / 3600, at / 60 % 60, at % 60);
    tx.answer_header("Date", &format!("Sun, 22 Nov 2026 {hour:02}:{minute:02}:{second:02} GMT"))
}

fn claims(user: u64, at: f64, more: &str) -> String {
    let iat = EPOCH + at as i64;
    format!(r#"{{"sub":"{}","iat":{iat},"exp":{}{more}}}"#, name(user), iat + LIFE)
}

fn signed(user: u64, at: f64, more: &str) -> String {
    let claims = claims(user, at, more);
    token(HS, &claims, &claims)
}

const SHOP: &str = r#","aud":"shop","iss":"https://id.test""#;

fn sign_in(town: &mut Town, user: u64, at: f64, own: &str) {
    let body = format!(r#"{{"username":"{}","password":"pw-{user}"}}"#, name(user));
    let tx = post("/login").json(&body).answer(&format!(r#"{{"access_token":"{own}"}}"#));
    town.at(at, dated(at, tx.from(&home(user)).agent(browser(user))));
}

fn me(at: f64, own: &str) -> Tx {
    dated(at, get("/me").bearer(own).answer(r#"{"username":"somebody","plan":"basic"}"#))
}

fn refused(at: f64) -> Tx {
    dated(at, get("/me").status(401).answer(r#"{"error":"no token"}"#))
}

/// Users sign in, look at themselves, and sign in again before the token ends.
fn usual(town: &mut Town) {
    for user in 0..30_u64 {
        let from = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        for round in 0..4 {
            let at = 40.0 * user as f64 + 850.0 * f64::from(round);
            let own = signed(user, at, SHOP);
            sign_in(town, user, at, &own);
            for n in 1..4 {
                let at = at + 200.0 * f64::from(n);
                town.at(at, from(me(at, &own)));
            }
        }
        town.at(40.0 * user as f64 + 5.0, from(refused(40.0 * user as f64 + 5.0)));
    }
}

/// The gravest of what is told, and how many weaknesses.
fn told(plan: impl Fn(&mut Town)) -> (Option<(Severity, Outcome)>, usize) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    assert!(stories.len() <= 1, "{stories:#?}");
    let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
    (worst, town.notices().len())
}

const SILENT: (Option<(Severity, Outcome)>, usize) = (None, 0);
const GRAVE: (Option<(Severity, Outcome)>, usize) =
    (Some((Severity::Critical, Outcome::Success)), 0);

fn shows(town: &mut Town, at: f64, own: &str, who: u64) {
    town.at(at, me(at, own).from(&home(who)).agent(browser(who)));
}

#[test]
fn an_expired_token_that_is_let_in_is_told_where_that_is_unusual() {
    let late = 2.0 * HOUR;
    let own = signed(7, 280.0 + 850.0 * 3.0, SHOP);
    // Whoever signs in again in time is the rule: one who does not stands out.
    assert_eq!(told(|town| shows(town, late, &own, 7)).0, Some((Severity::High, Outcome::Success)));
    // Elsewhere, where nobody has renewed anything.
    let mut town = Town::new(RULE);
    for user in 0..4 {
        let own = signed(user, 0.0, SHOP);
        sign_in(&mut town, user, 0.0, &own);
        shows(&mut town, 60.0, &own, user);
        town.at(70.0, refused(70.0));
        town.at(late, me(late, &own).from(&elsewhere(user)).agent("curl/8"));
    }
    town.run();
    assert!(!town.stories().is_empty());
}

#[test]
fn a_service_that_looks_at_no_expiry_is_weak_and_nobody_is_accused() {
    let mut town = Town::new(RULE);
    for user in 0..12 {
        let own = signed(user, 0.0, SHOP);
        sign_in(&mut town, user, 0.0, &own);
        town.at(70.0, refused(70.0));
        for n in 0..20 {
            shows(&mut town, 60.0 + 600.0 * f64::from(n), &own, user);
        }
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
    assert_eq!(town.notices().len(), 1);
}

#[test]
fn an_expired_token_that_is_refused_or_brought_to_be_renewed_is_silent() {
    let own = signed(7, 280.0 + 850.0 * 3.0, SHOP);
    let at = 2.0 * HOUR;
    let no = || dated(at, get("/me").bearer(&own).status(401).answer(r#"{"error":"expired"}"#));
    assert_eq!(told(|town| town.at(at, no().from(&home(7)).agent(browser(7)))), SILENT);
    // The leeway of any service.
    let soon = 280.0 + 850.0 * 3.0 + LIFE as f64 + 100.0;
    assert_eq!(told(|town| shows(town, soon, &own, 7)), SILENT);
    // The capture's clock is not the server's: a stretched day makes no token old.
    let stretched = || me(soon, &own).from(&home(7)).agent(browser(7));
    assert_eq!(told(|town| town.at(at, stretched())), SILENT);
}

#[test]
fn a_token_from_the_future_is_told_unless_the_issuers_clock_is_ahead() {
    let at = 2.0 * HOUR;
    let future = signed(7, at + 4000.0, SHOP);
    assert_eq!(told(|town| shows(town, at, &future, 7)), GRAVE);
    let soon = signed(7, at + 30.0, SHOP);
    let fine = |town: &mut Town| {
        sign_in(town, 7, at - 1.0, &soon);
        shows(town, at, &soon, 7);
    };
    assert_eq!(told(fine), SILENT);
    let ahead = |town: &mut Town| {
        for user in 0..20 {
            let own = signed(user, at + 400.0 + user as f64, SHOP);
            sign_in(town, user, at + user as f64, &own);
            shows(town, at + 20.0 + user as f64, &own, user);
        }
    };
    assert_eq!(told(ahead), SILENT);
}

#[test]
fn a_token_for_another_audience_is_told_until_several_bear_one() {
    // From before the capture, so that it is not told as never handed out.
    let foreign = |user: u64| signed(user, -100.0, r#","aud":"billing","iss":"https://id.test""#);
    let day = LIFE as f64 - 200.0;
    let settled = |town: &mut Town| {
        for user in 40..46 {
            for n in 0..6 {
                let at = 30.0 + f64::from(n);
                let own = signed(user, at, SHOP);
                sign_in(town, user, at, &own);
                shows(town, at + 5.0, &own, user);
            }
        }
        town.at(20.0, refused(20.0));
    };
    let one = |town: &mut Town| {
        settled(town);
        shows(town, day, &foreign(50), 50);
    };
    assert_eq!(told(one), GRAVE);
    let own = |town: &mut Town| {
        settled(town);
        sign_in(town, 50, day, &foreign(50));
        shows(town, day + 2.0, &foreign(50), 50);
    };
    assert_eq!(told(own), SILENT, "the service itself hands it out");
}

/// A key pair, the set that serves it, and tokens signed with it.
struct Keys(Ed25519KeyPair);

impl Keys {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn set(&self) -> Tx {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        let key = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"{x}"}}"#);
        get("/.well-known/jwks.json").answer(&format!(r#"{{"keys":[{key}]}}"#))
    }

    fn sign(&self, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", part(r#"{"alg":"EdDSA","kid":"k1"}"#), part(claims));
        let end = URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()));
        format!("{text}.{end}")
    }
}

/// A service that serves its keys; then `plan`.
fn with_keys(plan: impl Fn(&mut Town)) -> Vec<(Severity, Outcome)> {
    let (keys, mut town) = (Keys::new(1), Town::new(RULE));
    town.at(0.5, keys.set());
    for user in 0..8 {
        let own = keys.sign(&claims(user, 1.0, ""));
        sign_in(&mut town, user, 1.0 + user as f64, &own);
        shows(&mut town, 20.0 + user as f64, &own, user);
        town.at(30.0, refused(30.0));
    }
    plan(&mut town);
    town.run();
    town.stories().iter().map(|story| (story.severity, story.outcome)).collect()
}

#[test]
fn a_wrong_signature_is_an_attempt_and_accepted_it_is_critical() {
    let forged = Keys::new(2).sign(&claims(3, -50.0, ""));
    let tried = |town: &mut Town| {
        let no = get("/me").bearer(&forged).status(401).answer(r#"{"error":"bad token"}"#);
        town.at(100.0, dated(100.0, no.from(&elsewhere(1)).agent("curl/8")));
    };
    assert_eq!(with_keys(tried), [(Severity::Medium, Outcome::Failure)]);
    let taken = |town: &mut Town| {
        town.at(100.0, me(100.0, &forged).from(&elsewhere(1)).agent("curl/8"));
    };
    assert_eq!(with_keys(taken), [(Severity::Critical, Outcome::Success)]);
}

#[test]
fn keys_that_changed_under_one_id_forge_nothing() {
    let rotated = |town: &mut Town| {
        let keys = Keys::new(9);
        for user in 0..8 {
            let at = 200.0 + user as f64;
            let own = keys.sign(&claims(user, at, ""));
            sign_in(town, user, at, &own);
            shows(town, at + 20.0, &own, user);
        }
    };
    assert_eq!(with_keys(rotated), []);
}
