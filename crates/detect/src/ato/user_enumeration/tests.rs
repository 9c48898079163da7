//! Names asked for one after the other, and what looks like it.

use crate::testing::{Town, browser, dice, elsewhere, home, key, name};
use stilt_inventory::test_support::{Tx, get, post};

const RULE: &str = super::SPEC.rule.id;

fn sign_in(user: &str, right: bool, exists: bool, tells: bool) -> Tx {
    let tx = post("/login").json(&format!(r#"{{"username":"{user}","password":"p-{right}"}}"#));
    match (right, exists || !tells) {
        (true, _) => tx.answer(&format!(r#"{{"token":"{}"}}"#, key(dice(&[user.len() as u64])))),
        (false, true) => tx.status(401).answer(r#"{"error":"the password is wrong"}"#),
        (false, false) => tx.status(401).answer(r#"{"error":"there is no such user"}"#),
    }
}

fn check(tells: bool, plan: impl Fn(&mut Town), told: usize) {
    let mut town = Town::new(RULE);
    for user in 0..20_u64 {
        let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        let at = 60.0 * user as f64;
        town.at(at, own(sign_in(&name(user), true, true, tells)));
        town.at(at + 600.0, own(sign_in(&name(user), false, true, tells)));
        town.at(at + 20.0, own(profile(user)));
        if user % 5 == 0 {
            let typo = format!("{}x", name(user));
            town.at(at + 900.0, own(sign_in(&typo, false, false, tells)));
        }
    }
    plan(&mut town);
    town.run();
    assert_eq!(town.stories().len(), told, "{:#?}", town.stories());
}

fn profile(user: u64) -> Tx {
    let name = name(user);
    get(&format!("/users/{name}")).answer(&format!(r#"{{"username":"{name}","bio":"hello"}}"#))
}

fn thief(tx: Tx) -> Tx {
    tx.from(&elsewhere(1)).agent("curl/8")
}

fn guess(n: u64) -> String {
    format!("{}{}", ["max", "lea", "tom", "zoe"][(n % 4) as usize], dice(&[n]) % 10_000)
}

#[test]
fn names_tried_at_sign_in_are_told_where_the_answers_tell() {
    let tries = |town: &mut Town| {
        for n in 0..60 {
            town.at(3000.0 + 3.0 * n as f64, thief(sign_in(&guess(n), false, false, true)));
        }
    };
    check(true, tries, 1);
    let alike = |town: &mut Town| {
        for n in 0..60 {
            town.at(3000.0 + 3.0 * n as f64, thief(sign_in(&guess(n), false, false, false)));
        }
    };
    check(false, alike, 0);
}

#[test]
fn names_asked_for_openly_are_told_fast_and_slow() {
    let lookup =
        |name: &str| get(&format!("/signup/check?username={name}")).answer(r#"{"available":true}"#);
    for every in [3.0, 600.0] {
        check(
            true,
            |town| {
                for n in 0..60 {
                    town.at(3000.0 + every * n as f64, thief(lookup(&guess(n))));
                }
            },
            1,
        );
        check(
            true,
            |town| {
                for n in 0..60 {
                    let tx = get(&format!("/users/{}", guess(n))).status(404);
                    let tx = tx.answer(r#"{"error":"no such user"}"#);
                    town.at(3000.0 + every * n as f64, thief(tx));
                }
            },
            1,
        );
    }
}

#[test]
fn a_field_that_checks_as_one_types_and_new_users_are_silent() {
    let lookup =
        |name: &str| get(&format!("/signup/check?username={name}")).answer(r#"{"available":true}"#);
    check(
        true,
        |town| {
            let long = "alexandra-of-the-very-long-and-winding-name";
            for n in 1..long.len() {
                let tx = lookup(&long[..n]).from(&home(50)).agent(browser(1));
                town.at(3000.0 + 0.2 * n as f64, tx);
            }
            for n in 0..80 {
                // A back end by which people sign up and in.
                let back = |tx: Tx| tx.from("10.0.9.9").agent("node-fetch/3");
                let at = 3000.0 + 12.0 * n as f64;
                town.at(at, back(lookup(&guess(n))));
                town.at(at + 9.0, back(sign_in(&guess(n), true, true, true)));
            }
        },
        0,
    );
}

#[test]
fn names_that_a_sign_up_says_are_taken_are_told_though_they_are_known() {
    let joins = |name: &str| {
        let body = format!(r#"{{"username":"{name}","email":"{name}@x.test","password":"p"}}"#);
        post("/register").json(&body).status(409).answer(r#"{"error":"already registered"}"#)
    };
    let check = |names: u64, told: usize| {
        let mut town = Town::new(RULE);
        for user in 0..40_u64 {
            let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
            town.at(60.0 * user as f64, own(sign_in(&name(user), true, true, true)));
        }
        for n in 0..names {
            town.at(3000.0 + 60.0 * n as f64, thief(joins(&name(n))));
        }
        town.run();
        assert_eq!(town.stories().len(), told, "{:#?}", town.stories());
    };
    check(36, 1);
    check(6, 0);
}

/// One client gives so many values to an endpoint that no word tells apart.
fn asks(names: u64, answer: fn(u64, bool) -> Tx) -> usize {
    let mut town = Town::new(RULE);
    for user in 0..20_u64 {
        let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        town.at(60.0 * user as f64, own(sign_in(&name(user), true, true, true)));
    }
    for n in 0..names {
        let exists = n % 3 == 0 && n < 60;
        let which = if exists { n / 3 } else { 1000 + n };
        town.at(3000.0 + 3.0 * n as f64, thief(answer(which, exists)));
    }
    town.run();
    town.stories().len()
}

#[test]
fn a_look_up_in_any_language_is_told_by_what_it_takes_and_answers() {
    fn asked(value: &str) -> Tx {
        get(&format!("/inscription/verifier?identifiant={value}"))
    }
    let free = |n: u64, exists: bool| {
        let value = if exists { name(n) } else { guess(n) };
        asked(&value).answer(&format!(r#"{{"disponible":{}}}"#, !exists))
    };
    assert_eq!(asks(60, free), 1);
    assert_eq!(asks(20, free), 0, "few");
    // Whether somebody is there just now.
    let online = |n: u64, exists: bool| {
        let value = if exists { name(n) } else { guess(n) };
        asked(&value).answer(&format!(r#"{{"enligne":{}}}"#, n.is_multiple_of(2)))
    };
    assert_eq!(asks(60, online), 0);
    // A search, and a coupon.
    let found = |n: u64, exists: bool| {
        let value = if exists { name(n) } else { guess(n) };
        let list = if exists { r#"{"trouve":[{"nom":"a"},{"nom":"b"}]}"# } else { r#"{"n":0}"# };
        asked(&value).answer(list)
    };
    assert_eq!(asks(60, found), 0);
    let coupon = |n: u64, exists: bool| {
        asked(&format!("promo{n}")).answer(&format!(r#"{{"valable":{exists}}}"#))
    };
    assert_eq!(asks(60, coupon), 0);
}
