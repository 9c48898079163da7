//! Secrets of several people in one answer, and what looks like it.

use crate::testing::{Town, home, name};
use stilt_inventory::test_support::{Tx, get, jwt, post};
use stilt_model::Severity;

fn by(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).bearer(&jwt(&claims))
}

fn dump(secret: &str) -> Tx {
    let each: Vec<String> = (0..6)
        .map(|user| format!(r#"{{"username":"{}","{secret}":"pw-{user}xyz"}}"#, name(user)))
        .collect();
    get("/debug/users").answer(&format!(r#"{{"users":[{}]}}"#, each.join(",")))
}

fn check(plan: impl Fn(&mut Town), expected: Option<Severity>) -> Town {
    let mut town = Town::new(super::SPEC.rule.id);
    for user in 0..6 {
        town.at(user as f64, by(user, get("/news").answer(r#"{"news":1}"#)));
    }
    plan(&mut town);
    town.run();
    let told = town.stories().iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "{:#?}", town.stories());
    town
}

#[test]
fn passwords_of_others_are_told_whoever_asks() {
    check(|town| town.at(60.0, dump("password").from("10.99.0.1")), Some(Severity::High));
    check(|town| town.at(60.0, by(50, dump("password"))), Some(Severity::High));
}

#[test]
fn names_alone_ones_own_secret_and_an_echo_are_silent() {
    check(|town| town.at(60.0, by(1, dump("nickname"))), None);
    check(
        |town| {
            let body = format!(r#"{{"username":"{}","password":"pw-1xyz"}}"#, name(1));
            town.at(60.0, by(1, get("/me").answer(&body)));
            town.at(70.0, post("/register").json(&body).answer(&body));
        },
        None,
    );
}

#[test]
fn an_answer_that_was_not_seen_tells_nothing() {
    check(|town| town.at(60.0, dump("password").unanswered()), None);
}

#[test]
fn what_everybody_gets_is_a_weakness_of_the_application() {
    let town = check(
        |town| {
            for user in 50..56 {
                town.at(60.0 * user as f64, by(user, dump("password")));
            }
        },
        Some(Severity::High),
    );
    assert_eq!(town.stories().len(), 2);
    assert!(!town.notices().is_empty());
}
