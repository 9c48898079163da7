//! Ways through an application that nobody takes, and what looks like them.

use crate::testing::{Answer, App, HOUR, Town, browser, chance, dice, home};
use stilt_inventory::test_support::{Tx, get, post};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 24;
const MALLORY: u64 = 5;
const LATER: f64 = 5.0 * HOUR;

fn action(name: &str) -> Tx {
    let ok = r#"{"ok":true,"items":[{"title":"x"}]}"#;
    match name {
        "browse" => get("/shop/items").answer(ok),
        "look" => get("/shop/items/17").answer(ok),
        "cart" => post("/shop/cart").json(r#"{"item":17}"#).answer(ok),
        "address" => post("/shop/address").json(r#"{"street":"Elm"}"#).answer(ok),
        "pay" => post("/shop/pay").json(r#"{"method":"card"}"#).answer(ok),
        "confirm" => post("/shop/confirm").json(r#"{"yes":true}"#).answer(ok),
        "refund" => post("/shop/refund").json(r#"{"yes":true}"#).answer(ok),
        other => get(&format!("/shop/{other}")).answer(ok),
    }
}

fn walk(town: &mut Town, user: u64, start: f64, steps: &[&str]) {
    for (n, step) in steps.iter().enumerate() {
        let at = start + 20.0 * n as f64 + 3.0 * chance(&[user, n as u64]);
        town.at(at, App::Json.by(user, action(step)));
    }
}

/// Everybody buys, in a few ways.
fn usual(town: &mut Town) {
    for user in 0..USERS {
        let tx = App::Json.sign_in(user, "right", Answer::Yes);
        town.at(1.0 + user as f64, tx.from(&home(user)).agent(browser(user)));
        for round in 0..5 {
            let start = HOUR * (0.2 + 0.9 * round as f64) + 1500.0 * chance(&[user, round]);
            let steps: &[&str] = match dice(&[user, round]) % 4 {
                0 => &["browse", "look", "cart", "address", "pay", "confirm", "track"],
                1 => &["browse", "look", "look", "browse", "look", "browse"],
                2 => &["browse", "cart", "address", "pay", "confirm"],
                _ => &["track", "browse", "look", "cart", "address", "pay", "confirm", "track"],
            };
            walk(town, user, start, steps);
        }
    }
}

fn check(plan: impl Fn(&mut Town), expected: usize) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    assert_eq!(stories.len(), expected, "{stories:#?} {:?}", town.not_evaluated());
    assert!(stories.iter().all(|story| story.message.contains("expected was")), "{stories:#?}");
}

#[test]
fn one_who_goes_all_ways_that_nobody_goes_is_told() {
    check(
        |town| {
            walk(
                town,
                MALLORY,
                LATER,
                &[
                    "confirm", "browse", "confirm", "cart", "look", "pay", "browse", "confirm",
                    "look", "address", "cart", "confirm", "address", "track", "pay",
                ],
            );
        },
        1,
    );
}

#[test]
fn one_unusual_step_is_usual() {
    check(|town| walk(town, MALLORY, LATER, &["browse", "look", "cart", "pay", "confirm"]), 0);
    check(|town| walk(town, MALLORY, LATER, &["browse", "help", "look", "cart", "address"]), 0);
}

#[test]
fn a_new_way_that_several_take_is_usual() {
    check(
        |town| {
            for user in 0..USERS {
                let start = LATER + 900.0 * chance(&[user, 8]);
                walk(town, user, start, &["browse", "express", "confirm", "rate", "browse"]);
            }
        },
        0,
    );
}

#[test]
fn reading_around_changes_nothing_and_is_usual() {
    check(
        |town| {
            let steps = ["track", "look", "help", "track", "faq", "look", "terms", "browse"];
            walk(town, MALLORY, LATER, &steps);
        },
        0,
    );
}
