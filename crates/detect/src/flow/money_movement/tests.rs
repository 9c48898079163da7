//! Transfers after an account changed hands, and what looks like it.

use crate::testing::{DAY, HOUR, MINUTE, Town, browser, elsewhere, home, name};
use stilt_inventory::test_support::{Tx, get, jwt, post, put};
use stilt_model::Severity;

const SHAPES: usize = 3;

fn signed(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.bearer(&jwt(&claims))
}

fn by(user: u64, tx: Tx) -> Tx {
    signed(user, tx.from(&home(user)).agent(browser(user)))
}

fn thief(user: u64, tx: Tx) -> Tx {
    signed(user, tx.from(&elsewhere(9)).agent("curl/8.9"))
}

fn send(shape: usize, amount: u64, payee: &str) -> Tx {
    match shape {
        0 => post("/v1/transfers")
            .json(&format!(r#"{{"amount":{amount},"currency":"EUR","to_account":"{payee}"}}"#))
            .answer(r#"{"id":77,"state":"booked"}"#),
        1 => post("/rpc").json(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"pay","params":{{"sum":"{amount}.00","beneficiary":{{"iban":"{payee}"}}}}}}"#
        )).answer(r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#),
        _ => post("/ueberweisung")
            .form(&format!("betrag={amount}&empfaenger={payee}&text=Miete"))
            .answer(r#"{"erfolg":true}"#),
    }
}

fn payee(number: u64) -> String {
    format!("ACC{:08}", 10_000 + number * 37)
}

/// Twelve people who each pay the same three for a week.
fn town(shape: usize) -> Town {
    let mut town = Town::new(super::SPEC.rule.id);
    for day in 0..7 {
        for user in 0..12 {
            let at = day as f64 * DAY + user as f64 * MINUTE;
            town.at(at, by(user, send(shape, 40 + user * 5 + day, &payee(user * 3 + day % 3))));
        }
    }
    town
}

fn check(shape: usize, plan: impl Fn(&mut Town), expected: Option<Severity>) {
    let mut town = town(shape);
    plan(&mut town);
    town.run();
    let told = town.stories().iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "shape {shape}: {:#?}", town.stories());
}

fn new_password(user: u64) -> Tx {
    let body =
        format!(r#"{{"current_password":"pw-old-{user}","new_password":"pw-new-{user}-x"}}"#);
    post("/me/password").json(&body).status(204)
}

fn new_address() -> Tx {
    put("/me/profile").json(r#"{"email":"mallory@evil.example"}"#).answer(r#"{"ok":true}"#)
}

#[test]
fn a_large_sum_to_a_new_payee_from_elsewhere_is_told() {
    for shape in 0..SHAPES {
        check(
            shape,
            |town| town.at(8.0 * DAY, thief(3, send(shape, 4000, &payee(900)))),
            Some(Severity::High),
        );
    }
}

#[test]
fn a_changed_address_and_a_new_device_together_are_graver() {
    check(
        0,
        |town| {
            town.at(8.0 * DAY, thief(3, new_address()));
            town.at(8.0 * DAY + HOUR, thief(3, send(0, 4000, &payee(900))));
        },
        Some(Severity::Critical),
    );
}

#[test]
fn the_owners_own_changes_count_as_well() {
    check(
        0,
        |town| {
            town.at(8.0 * DAY, by(3, new_password(3)));
            town.at(8.0 * DAY + 5.0 * HOUR, by(3, send(0, 4000, &payee(900))));
        },
        Some(Severity::High),
    );
}

#[test]
fn many_small_sums_to_new_payees_are_told() {
    check(
        0,
        |town| {
            for n in 0..4 {
                let at = 8.0 * DAY + n as f64 * 10.0 * MINUTE;
                town.at(at, thief(3, send(0, 49, &payee(900 + n))));
            }
        },
        Some(Severity::High),
    );
}

#[test]
fn an_account_without_a_past_is_measured_by_all() {
    check(
        0,
        |town| {
            town.at(8.0 * DAY, by(40, new_password(40)));
            town.at(8.0 * DAY + HOUR, by(40, send(0, 4000, &payee(900))));
            town.at(8.0 * DAY + HOUR, by(41, new_password(41)));
            town.at(8.0 * DAY + 2.0 * HOUR, by(41, send(0, 30, &payee(901))));
        },
        Some(Severity::High),
    );
}

#[test]
fn each_sign_alone_is_everyday() {
    for shape in 0..SHAPES {
        // A large sum to somebody new, from home.
        check(shape, |town| town.at(8.0 * DAY, by(3, send(shape, 4000, &payee(900)))), None);
        // A new telephone and the usual payments, one of them to somebody new.
        check(
            shape,
            |town| {
                town.at(8.0 * DAY, thief(3, send(shape, 60, &payee(9))));
                town.at(8.0 * DAY + 60.0, thief(3, send(shape, 55, &payee(900))));
            },
            None,
        );
        // More than ever, to one who was always paid.
        check(shape, |town| town.at(8.0 * DAY, thief(3, send(shape, 4000, &payee(9)))), None);
        // What the application refused moved nothing.
        check(
            shape,
            |town| {
                let refused = send(shape, 4000, &payee(900)).status(403);
                town.at(8.0 * DAY, thief(3, refused.answer(r#"{"error":"limit"}"#)));
            },
            None,
        );
    }
}

#[test]
fn an_old_change_and_a_device_in_use_for_days_are_forgotten() {
    check(
        0,
        |town| {
            town.at(7.5 * DAY, by(3, new_password(3)));
            for n in 0..8 {
                town.at(7.2 * DAY + n as f64 * HOUR, thief(3, send(0, 50, &payee(9))));
            }
            town.at(9.5 * DAY, thief(3, send(0, 4000, &payee(900))));
        },
        None,
    );
}

#[test]
fn who_pays_many_every_month_may_do_so_with_a_new_password() {
    check(
        0,
        |town| {
            for month in 0..3 {
                for n in 0..20 {
                    let at = 10.0 * DAY + month as f64 * 30.0 * DAY + n as f64 * MINUTE;
                    // Each month some staff is new.
                    town.at(at, by(60, send(0, 2000 + n, &payee(500 + n + month * 15))));
                }
            }
            town.at(69.9 * DAY, by(60, new_password(60)));
        },
        None,
    );
}

#[test]
fn buying_is_no_transfer() {
    check(
        0,
        |town| {
            for n in 0..5 {
                let cart = post("/cart/items")
                    .json(r#"{"product_id":7,"quantity":3,"amount":9000,"to":"cart"}"#)
                    .answer(r#"{"ok":true}"#);
                town.at(8.0 * DAY + n as f64 * 60.0, thief(3, cart));
            }
        },
        None,
    );
}

/// Makes a payee, whose number the answer tells, and pays it.
fn makes_and_pays(town: &mut Town, user: u64, at: f64, number: u64, amount: u64) {
    let iban = format!(r#"{{"name":"max","iban":"LT{}"}}"#, 10_000_000_000_000_000 + number);
    let made = format!(r#"{{"ok":true,"pid":"{}"}}"#, payee(number));
    town.at(at, by(user, post("/v1/payees").json(&iban).answer(&made)));
    town.at(at + MINUTE, by(user, send(0, amount, &payee(number))));
}

#[test]
fn payees_that_are_made_and_paid_one_after_the_other_are_told() {
    let run = |payees: u64, amount: u64, every: f64| {
        move |town: &mut Town| {
            for n in 0..payees {
                makes_and_pays(town, 3, 8.0 * DAY + every * n as f64, 900 + n, amount);
            }
        }
    };
    check(0, run(5, 800, 2.0 * MINUTE), Some(Severity::Medium));
    check(0, run(2, 800, 2.0 * MINUTE), None);
    check(0, run(5, 40, 2.0 * MINUTE), None);
    check(0, run(5, 800, 5.0 * HOUR), None);
}

#[test]
fn where_everybody_pays_somebody_else_each_time_a_new_payee_is_no_sign() {
    let mut town = Town::new(super::SPEC.rule.id);
    let mut next = 0;
    for day in 0..7 {
        for user in 0..12 {
            let at = day as f64 * DAY + user as f64 * MINUTE;
            next += 1;
            town.at(at, by(user, send(0, 40 + user * 5 + day, &payee(next))));
        }
    }
    town.at(8.0 * DAY, by(3, new_address()));
    for n in 0..5 {
        next += 1;
        let at = 8.0 * DAY + HOUR + 60.0 * f64::from(n);
        town.at(at, by(3, send(0, 400, &payee(next))));
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

/// Fifteen people who draw what they earn to an account that they gave once, by its id; few draw
/// often.
fn payouts(town: &mut Town) {
    for user in 0..15 {
        let start = user as f64 * MINUTE;
        town.at(start, by(user, gives(user)));
        for n in 0..3 {
            let amount = 300 + user * 10 + n;
            town.at(start + HOUR * (1.0 + n as f64), by(user, draws(user, amount)));
        }
        for n in 0..6 {
            let news = get("/v1/news").answer(r#"{"news":[]}"#);
            town.at(start + HOUR * n as f64, by(user, news));
        }
    }
}

fn gives(account: u64) -> Tx {
    let iban = format!("LT60101001234567{:04}", 1000 + account);
    post("/v1/payout_accounts")
        .json(&format!(r#"{{"iban":"{iban}","holder":"X"}}"#))
        .status(201)
        .answer(&format!(r#"{{"id":"pay_k{account}x93","last4":"{}"}}"#, 1000 + account))
}

fn draws(account: u64, amount: u64) -> Tx {
    post("/v1/cashout")
        .json(&format!(r#"{{"payout_account":"pay_k{account}x93","amount":{amount}}}"#))
        .status(201)
        .answer(r#"{"status":"pending"}"#)
}

#[test]
fn what_is_drawn_to_a_payee_kept_by_an_id_is_a_transfer() {
    let check = |plan: &dyn Fn(&mut Town), expected: Option<Severity>| {
        let mut town = Town::new(super::SPEC.rule.id);
        payouts(&mut town);
        plan(&mut town);
        town.run();
        let told = town.stories().iter().map(|story| story.severity).max();
        assert_eq!(told, expected, "{:#?}", town.stories());
    };
    let late = 8.0 * HOUR;
    let steals = |amount: u64| {
        move |town: &mut Town| {
            town.at(late, thief(3, gives(90)));
            town.at(late + 40.0, thief(3, draws(90, amount)));
        }
    };
    check(&steals(4000), Some(Severity::High));
    check(&steals(400), None);
    let password = |town: &mut Town| {
        town.at(late - 60.0, thief(3, new_password(3)));
        steals(4000)(town);
    };
    check(&password, Some(Severity::Critical));
    // The owner at home with a new account; from elsewhere, to the usual one.
    let moves = |town: &mut Town| {
        town.at(late, by(3, gives(90)));
        town.at(late + 40.0, by(3, draws(90, 4000)));
    };
    check(&moves, None);
    check(&|town| town.at(late, thief(3, draws(3, 4000))), None);
    // The usual id leads to another account now.
    let turned = |town: &mut Town| {
        let turn = put("/v1/payout_accounts/pay_k3x93")
            .json(r#"{"iban":"LT601010012345679999"}"#)
            .answer(r#"{"id":"pay_k3x93"}"#);
        town.at(late, thief(3, turn));
        town.at(late + 40.0, thief(3, draws(3, 4000)));
    };
    check(&turned, Some(Severity::High));
}
