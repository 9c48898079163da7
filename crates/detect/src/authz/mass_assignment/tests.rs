//! Fields that grant rights, set by those who may not, and what looks like it.

use crate::testing::{HOUR, Town, browser, chance, home, name};
use stilt_inventory::test_support::{Tx, jwt, post, put};
use stilt_model::Severity;

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = 3.0 * HOUR;

fn registers(user: u64, more: &str) -> Tx {
    let body = format!(r#"{{"username":"{}","password":"pw-{user}"{more}}}"#, name(user));
    post("/register").json(&body).answer(r#"{"status":"created"}"#).from(&home(user))
}

fn by(user: u64, role: &str, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","roles":["{role}"],"iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn profile(user: u64, body: &str) -> Tx {
    put("/me").json(body).answer(&format!(r#"{{"username":"{}","role":"basic"}}"#, name(user)))
}

fn usual(town: &mut Town) {
    for user in 0..16 {
        town.at(2.0 * HOUR * chance(&[user]), registers(user, ""));
        let tx = by(user, "customer", profile(user, r#"{"city":"Bern","phone":"1"}"#));
        town.at(2.0 * HOUR + user as f64, tx);
    }
}

fn check(plan: impl Fn(&mut Town), expected: Option<Severity>) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let told = stories.iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "{stories:#?}");
}

#[test]
fn a_field_that_grants_rights_is_told_and_critical_once_it_shows() {
    check(|town| town.at(LATER, registers(77, r#","is_admin":true"#)), Some(Severity::High));
    check(
        |town| {
            town.at(LATER, registers(77, r#","is_admin":true"#));
            let me = Tx::new("GET", "/me");
            let body = format!(r#"{{"username":"{}","is_admin":true}}"#, name(77));
            town.at(LATER + 60.0, by(77, "customer", me.answer(&body)));
        },
        Some(Severity::Critical),
    );
    check(
        |town| town.at(LATER, by(3, "customer", profile(3, r#"{"city":"Bern","balance":999}"#))),
        Some(Severity::High),
    );
}

#[test]
fn what_was_refused_or_grants_nothing_is_silent() {
    let refused = |user| registers(user, r#","is_admin":true"#).status(400).answer("{}");
    check(|town| town.at(LATER, refused(77)), None);
    check(|town| town.at(LATER, registers(77, r#","is_admin":false,"role":"user""#)), None);
    check(|town| town.at(LATER, registers(77, r#","nickname":"admin""#)), None);
}

#[test]
fn an_administrator_may_and_a_record_may_be_sent_back_as_it_was_read() {
    check(
        |town| town.at(LATER, by(90, "admin", profile(90, r#"{"city":"Bern","role":"vip"}"#))),
        None,
    );
    check(
        |town| {
            let me = Tx::new("GET", "/me").answer(r#"{"city":"Bern","balance":120}"#);
            town.at(LATER, by(3, "customer", me));
            let back = profile(3, r#"{"city":"Basel","balance":120}"#);
            town.at(LATER + 9.0, by(3, "customer", back));
        },
        None,
    );
}

#[test]
fn a_state_that_the_house_gives_is_told_and_one_that_customers_choose_is_not() {
    let order = |user: u64, more: &str| {
        let body = format!(r#"{{"quantity":2{more}}}"#);
        let tx = put(&format!("/orders/{user}")).json(&body);
        by(user, "customer", tx.answer(&format!(r#"{{"id":{user},"quantity":2}}"#)))
    };
    let orders = |town: &mut Town| {
        for user in 0..16 {
            town.at(2.5 * HOUR + user as f64, order(user, ""));
        }
    };
    for (more, told) in [
        (r#","status":"returned""#, Some(Severity::High)),
        (r#","status":"cancelled""#, None),
        (r#","guthaben":500"#, Some(Severity::High)),
    ] {
        check(
            |town| {
                orders(town);
                town.at(LATER, order(3, more));
            },
            told,
        );
    }
}
