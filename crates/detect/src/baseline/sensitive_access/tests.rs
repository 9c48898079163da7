//! Granted access to sensitive functions that is not this caller's, and what looks like it.

use crate::testing::{App, DAY, HOUR, Town, browser, chance, elsewhere, home};
use stilt_inventory::test_support::{Tx, get, jwt, post};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 16;
const STAFF: u64 = 4;

/// The token tells who it is, and what for.
fn by(user: u64, role: &str, tx: Tx) -> Tx {
    let claims =
        format!(r#"{{"sub":"{}","role":"{role}","iat":1795305600}}"#, crate::testing::name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn role(user: u64) -> &'static str {
    if user < STAFF { "clerk" } else { "customer" }
}

/// A transfer of money that clerks do.
fn payout(n: u64) -> Tx {
    post("/bank/payouts")
        .json(&format!(r#"{{"amount":{},"recipient":"acct-{n}","currency":"EUR"}}"#, 10 + n))
        .answer(r#"{"ok":true,"state":"booked"}"#)
}

fn read(n: u64) -> Tx {
    get(&format!("/bank/news?page={}", n % 3)).answer(r#"{"news":[{"title":"x"}]}"#)
}

/// Five days from eight to six: clerks pay out, everybody reads.
fn usual(town: &mut Town, days: u64) {
    for user in 0..USERS {
        for day in 0..days {
            let morning = DAY * day as f64 + 8.0 * HOUR;
            for n in 0..12 {
                let at = morning + 10.0 * HOUR * chance(&[user, day, n]);
                town.at(at, by(user, role(user), read(n)));
                if user < STAFF && n % 2 == 0 {
                    town.at(at + 30.0, by(user, role(user), payout(n + day)));
                }
            }
        }
    }
}

fn check(days: u64, plan: impl Fn(&mut Town, f64), expected: usize) {
    let mut town = Town::new(RULE);
    usual(&mut town, days);
    plan(&mut town, DAY * days as f64);
    town.run();
    let stories = town.stories();
    assert_eq!(stories.len(), expected, "{stories:#?} {:?}", town.not_evaluated());
}

#[test]
fn an_old_caller_of_another_role_in_a_closed_circle_is_told() {
    check(3, |town, end| town.at(end + 9.0 * HOUR, by(9, "customer", payout(1))), 1);
}

#[test]
fn a_clerk_at_night_from_elsewhere_is_told() {
    check(
        4,
        |town, end| {
            let tx = by(2, "clerk", payout(1)).from(&elsewhere(7)).agent("curl/8.5");
            town.at(end + 2.0 * HOUR, tx);
        },
        1,
    );
}

#[test]
fn two_ways_may_come_one_after_the_other() {
    // From a train, and far more often than anybody.
    check(
        4,
        |town, end| {
            for n in 0..20 {
                let tx = by(2, "clerk", payout(n)).from(&elsewhere(7)).agent("curl/8.5");
                town.at(end + 9.0 * HOUR + 100.0 * n as f64, tx);
            }
        },
        1,
    );
    // A colleague who never did it, and then does hardly anything else.
    check(
        3,
        |town, end| {
            for n in 0..30 {
                town.at(end + 8.0 * HOUR + 60.0 * n as f64, by(40, "clerk", read(n)));
            }
            for n in 0..20 {
                town.at(end + 9.0 * HOUR + 100.0 * n as f64, by(40, "clerk", payout(n)));
            }
        },
        1,
    );
}

#[test]
fn a_colleague_of_the_same_role_is_usual() {
    check(
        3,
        |town, end| {
            for n in 0..30 {
                town.at(end + 8.0 * HOUR + 60.0 * n as f64, by(40, "clerk", read(n)));
            }
            town.at(end + 9.0 * HOUR, by(40, "clerk", payout(1)));
        },
        0,
    );
}

#[test]
fn one_thing_out_of_the_ordinary_is_usual() {
    // Late at night.
    check(4, |town, end| town.at(end + 2.0 * HOUR, by(2, "clerk", payout(1))), 0);
    // From a train.
    check(
        4,
        |town, end| {
            let tx = by(2, "clerk", payout(1)).from(&elsewhere(7));
            town.at(end + 9.0 * HOUR, tx);
        },
        0,
    );
    // The end of the month.
    check(
        4,
        |town, end| {
            for n in 0..40 {
                town.at(end + 9.0 * HOUR + 30.0 * n as f64, by(2, "clerk", payout(n)));
            }
        },
        0,
    );
}

#[test]
fn what_is_no_secret_or_open_to_all_is_usual() {
    check(
        4,
        |town, end| {
            let tx = by(9, "customer", read(1)).from(&elsewhere(7)).agent("curl/8.5");
            town.at(end + 2.0 * HOUR, tx);
        },
        0,
    );
    let mut town = Town::new(RULE);
    for user in 0..40 {
        for n in 0..8 {
            let at = HOUR * (n as f64 + chance(&[user, n]));
            let own = App::Json.by(user, read(n));
            town.at(at, own);
            if user + n > 12 {
                town.at(at + 5.0, App::Json.by(user, payout(n)));
            }
        }
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

/// A report that few read, whatever it is called: those who look into stock as well.
fn report(n: u64) -> Tx {
    get(&format!("/bank/quarter?part={}", n % 4)).answer(r#"{"rows":[{"title":"x"}]}"#)
}

fn stock(n: u64) -> Tx {
    get(&format!("/bank/stock?shelf={}", n % 4)).answer(r#"{"rows":[{"title":"y"}]}"#)
}

/// Nobody is said to have a role; five of thirty read reports and look into stock.
fn few(town: &mut Town) {
    for user in 0..30 {
        for day in 0..3 {
            let morning = DAY * day as f64 + 8.0 * HOUR;
            for n in 0..12 {
                let at = morning + 10.0 * HOUR * chance(&[user, day, n]);
                town.at(at, plain(user, read(n)));
                if user < 5 {
                    town.at(at + 30.0, plain(user, if n % 2 == 0 { report(n) } else { stock(n) }));
                }
            }
        }
    }
}

fn plain(user: u64, tx: Tx) -> Tx {
    App::Json.by(user, tx).agent(browser(user))
}

fn check_few(plan: impl Fn(&mut Town, f64), expected: usize, notices: usize) {
    let mut town = Town::new(RULE);
    few(&mut town);
    plan(&mut town, 3.0 * DAY + 9.0 * HOUR);
    town.run();
    let stories = town.stories();
    assert_eq!(stories.len(), expected, "{stories:#?} {:?}", town.not_evaluated());
    assert_eq!(town.notices().len(), notices, "{:#?}", town.notices());
}

#[test]
fn who_draws_much_out_of_what_few_use_and_is_none_of_them_is_told() {
    check_few(
        |town, at| {
            for n in 0..25 {
                town.at(at + 20.0 * n as f64, plain(17, report(n)));
            }
        },
        1,
        0,
    );
}

#[test]
fn who_comes_to_what_few_use_as_they_do_is_usual() {
    // One who was given another task, and no role that could be seen.
    check_few(
        |town, at| {
            for n in 0..6 {
                let tx = if n % 2 == 0 { report(n) } else { stock(n) };
                town.at(at + 900.0 * n as f64, plain(17, tx));
            }
        },
        0,
        0,
    );
    // The end of the quarter.
    check_few(
        |town, at| {
            for n in 0..40 {
                town.at(at + 60.0 * n as f64, plain(n % 5, report(n)));
            }
        },
        0,
        0,
    );
}

#[test]
fn a_release_that_many_try_at_once_is_usual() {
    check_few(
        |town, at| {
            for user in 12..22 {
                for n in 0..25 {
                    let at = at + 15.0 * n as f64 + 20.0 * (user - 12) as f64;
                    town.at(at, plain(user, report(n)));
                }
            }
        },
        0,
        0,
    );
    // Three at night, who all come to it within minutes: one notice about the function.
    let mut town = Town::new(RULE);
    usual(&mut town, 4);
    for (at, user) in [(0.0, 7), (200.0, 9), (400.0, 11)] {
        town.at(4.0 * DAY + 2.0 * HOUR + at, by(user, "customer", payout(user)));
    }
    town.at(4.0 * DAY + 3.0 * HOUR, by(1, "clerk", read(1)));
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
    assert_eq!(town.notices().len(), 1, "{:#?}", town.notices());
}

#[test]
fn one_who_was_promoted_is_usual() {
    check(
        3,
        |town, end| {
            for n in 0..30 {
                town.at(end + 8.0 * HOUR + 60.0 * n as f64, by(9, "customer", read(n)));
            }
            for n in 0..6 {
                town.at(end + 9.0 * HOUR + 500.0 * n as f64, by(9, "clerk", payout(n)));
            }
        },
        0,
    );
}

/// The token tells several roles, one of which everybody has.
fn of(user: u64, more: &str, tx: Tx) -> Tx {
    let claims = format!(
        r#"{{"sub":"{}","roles":["user"{more}],"iat":1795305600}}"#,
        crate::testing::name(user)
    );
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

/// Three days of clerks, who have a role beside the one of all, and of others with `plain`.
fn check_roles(plain: &str, plan: impl Fn(&mut Town, f64), expected: usize, notices: usize) {
    let mut town = Town::new(RULE);
    for user in 0..2 * USERS {
        for n in 0..36 {
            let at = DAY * (n / 12) as f64 + 8.0 * HOUR + 10.0 * HOUR * chance(&[user, n]);
            let more = if user < STAFF { r#","clerk""# } else { plain };
            town.at(at, of(user, more, read(n)));
            if user < STAFF && n % 2 == 0 {
                town.at(at + 30.0, of(user, more, payout(n)));
            }
        }
    }
    plan(&mut town, 3.0 * DAY + 9.0 * HOUR);
    town.run();
    assert_eq!(town.stories().len(), expected, "{:#?}", town.stories());
    assert_eq!(town.notices().len(), notices, "{:#?}", town.notices());
}

#[test]
fn the_role_of_all_is_no_role_of_those_who_may() {
    for plain in ["", r#","customer""#] {
        check_roles(plain, |town, at| town.at(at, of(9, plain, payout(1))), 1, 0);
        // Who has one more role than the others has theirs.
        let lead = |town: &mut Town, at: f64| {
            for n in 0..4 {
                town.at(at + 90.0 * n as f64, of(2, r#","clerk","lead""#, payout(n)));
            }
        };
        check_roles(plain, lead, 0, 0);
    }
    // Of a role that one alone has nobody knows where it belongs.
    let auditor = |town: &mut Town, at: f64| {
        for n in 0..30 {
            town.at(at - 4.0 * HOUR + 60.0 * n as f64, of(60, r#","auditor""#, read(n)));
        }
        town.at(at, of(60, r#","auditor""#, payout(1)));
    };
    check_roles("", auditor, 0, 0);
}

#[test]
fn who_comes_with_others_who_may_is_no_story() {
    let plan = |town: &mut Town, at: f64| {
        for user in 60..62 {
            for n in 0..30 {
                let day = at - 4.0 * HOUR + 60.0 * n as f64;
                town.at(day, of(user, r#","clerk""#, read(n)));
            }
            town.at(at + user as f64, of(user, r#","clerk""#, payout(user)));
        }
        town.at(at + 90.0, of(9, "", payout(1)));
    };
    check_roles("", plan, 0, 1);
}
