//! Tokens made or changed by their bearers, and what looks like it.

use crate::testing::{HOUR, Town, browser, elsewhere, home, name};
use stilt_inventory::test_support::{EPOCH, Tx, get, post, token};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;
const HS: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn claims(user: u64, iat: i64) -> String {
    format!(r#"{{"sub":"{}","iat":{},"jti":"{user}-{iat}"}}"#, name(user), EPOCH + iat)
}

fn signed(user: u64, iat: i64) -> String {
    let claims = claims(user, iat);
    token(HS, &claims, &claims)
}

fn me(token: &str) -> Tx {
    get("/me").bearer(token).answer(r#"{"username":"somebody","plan":"basic"}"#)
}

/// Users sign in and look at themselves; some come without a token and are refused.
fn usual(town: &mut Town) {
    for user in 0..30_u64 {
        let at = 40.0 * user as f64;
        let body = format!(r#"{{"username":"{}","password":"pw-{user}"}}"#, name(user));
        let own = signed(user, 40 * user as i64);
        let answer = format!(r#"{{"access_token":"{own}"}}"#);
        let from = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        town.at(at, from(post("/login").json(&body).answer(&answer)));
        for n in 0..5 {
            town.at(at + 10.0 + 600.0 * f64::from(n), from(me(&own)));
        }
        town.at(at + 5.0, from(get("/me").status(401).answer(r#"{"error":"no token"}"#)));
    }
}

fn check(plan: impl Fn(&mut Town), expected: Option<(Severity, Outcome)>) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(worst, expected, "{stories:#?}");
    assert!(stories.len() <= 1, "{stories:#?}");
}

const TRIED: Option<(Severity, Outcome)> = Some((Severity::Medium, Outcome::Failure));
const TAKEN: Option<(Severity, Outcome)> = Some((Severity::Critical, Outcome::Success));

fn shown(town: &mut Town, at: f64, token: &str, accepted: bool) {
    let tx = me(token).from(&elsewhere(1)).agent("curl/8");
    let refused = tx.clone().status(401).answer(r#"{"error":"bad token"}"#);
    town.at(at, if accepted { tx } else { refused });
}

#[test]
fn forged_tokens_are_told_by_what_they_are_and_graded_by_what_came_of_them() {
    let admin = r#"{"sub":"admin","iat":1795309200}"#;
    let with = |head: &str, seed: &str| token(head, admin, seed);
    let none = with(r#"{"alg":"nOnE","typ":"JWT"}"#, "");
    let path = with(r#"{"alg":"HS256","kid":"../../dev/null"}"#, "a");
    let query = with(r#"{"alg":"HS256","kid":"k' UNION SELECT 'x"}"#, "b");
    let class = with(r#"{"alg":"RS256","typ":"JWT"}"#, "c");
    let own_key = with(r#"{"alg":"HS256","jku":"https://evil.test/k"}"#, "d");
    let changed = token(HS, admin, &claims(3, 120));
    for forged in [none, path, query, class, own_key, changed] {
        check(|town| shown(town, LATER, &forged, false), TRIED);
        check(|town| shown(town, LATER, &forged, true), TAKEN);
    }
}

#[test]
fn a_well_signed_token_that_was_never_handed_out_is_told() {
    check(|town| shown(town, LATER, &signed(77, 3000), true), TAKEN);
    check(
        |town| {
            for n in 0..3 {
                shown(town, LATER + 10.0 * n as f64, &signed(77, 3000 + n), false);
            }
        },
        TRIED,
    );
}

#[test]
fn tokens_that_may_come_from_elsewhere_are_silent() {
    // From before the capture.
    check(|town| shown(town, LATER, &signed(77, -5000), true), None);
    // A single refused one.
    check(|town| shown(town, LATER, &signed(77, 3000), false), None);
    // Handed out in an answer that was lost.
    check(
        |town| {
            let body = format!(r#"{{"username":"{}","password":"pw"}}"#, name(77));
            town.at(LATER - 60.0, post("/login").json(&body).from(&home(77)).unanswered());
            shown(town, LATER, &signed(77, 3540), true);
        },
        None,
    );
    // Of another issuer, with another class of algorithm.
    let foreign = r#"{"sub":"x","iss":"https://other.test","iat":1795309200}"#;
    let foreign = token(r#"{"alg":"RS256","kid":"2026-01"}"#, foreign, "e");
    check(|town| shown(town, LATER, &foreign, true), None);
    // Nobody's tokens are handed out in sight.
    let mut town = Town::new(RULE);
    for user in 0..60 {
        town.at(20.0 * user as f64, me(&signed(user, 20 * user as i64)).from(&home(user)));
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}
