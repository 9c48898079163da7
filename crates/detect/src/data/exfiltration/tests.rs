//! Records drawn out in bulk, and what looks like it.

use crate::testing::{DAY, HOUR, MINUTE, Town, home, name};
use stilt_inventory::test_support::{Tx, get, jwt, post};
use stilt_model::Severity;

fn by(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).bearer(&jwt(&claims))
}

fn record(number: u64, iban: bool) -> String {
    let extra = if iban { format!(r#","iban":"{}""#, bank_account(number)) } else { String::new() };
    format!(r#"{{"no":{number},"contact":"person{number}@mail{}.test"{extra}}}"#, number % 7)
}

/// A German account number with right check digits.
fn bank_account(number: u64) -> String {
    let own = format!("37040044{number:010}");
    let digits = format!("{own}131400");
    let rest = digits.bytes().fold(0_u64, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("DE{:02}{own}", 98 - rest)
}

/// A page of a list that everybody may look into.
fn page(at: u64, size: u64, iban: bool) -> Tx {
    let all: Vec<String> = (0..size).map(|n| record(at * size + n, iban)).collect();
    get(&format!("/v1/directory?page={at}")).answer(&format!(r#"{{"people":[{}]}}"#, all.join(",")))
}

fn plain(what: u64) -> Tx {
    let places = ["/v1/news", "/v1/menu", "/v1/settings", "/v1/help"];
    get(places[(what % 4) as usize]).answer(r#"{"ok":true}"#)
}

/// Eight people who use an application and look somebody up now and then, for `days` days.
fn town(days: u64) -> Town {
    let mut town = Town::new(super::SPEC.rule.id);
    for day in 0..days {
        for user in 0..8 {
            for n in 0..6 {
                let at = day as f64 * DAY + user as f64 * MINUTE + n as f64 * HOUR / 2.0;
                town.at(at, by(user, plain(n)));
            }
            let at = day as f64 * DAY + 3.0 * HOUR + user as f64 * MINUTE;
            town.at(at, by(user, page(user % 3, 5, false)));
        }
    }
    town
}

fn check(days: u64, plan: impl Fn(&mut Town), expected: Option<Severity>) {
    let mut town = town(days);
    plan(&mut town);
    town.run();
    let told = town.stories().iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "{:#?}", town.stories());
}

#[test]
fn one_who_reads_it_all_is_told() {
    let plan = |town: &mut Town| {
        for n in 0..60 {
            town.at(5.0 * HOUR + n as f64 * 2.0, by(3, page(n, 5, false)));
        }
    };
    check(1, plan, Some(Severity::Medium));
    check(3, plan, Some(Severity::Medium));
    check(
        1,
        |town| {
            for n in 0..60 {
                town.at(5.0 * HOUR + n as f64 * 2.0, by(3, page(n, 5, true)));
            }
        },
        Some(Severity::High),
    );
}

#[test]
fn slowly_and_one_by_one_is_told_as_well() {
    check(
        1,
        |town| {
            for user in 0..8 {
                let one = get(&format!("/v1/people/{user}")).answer(&record(user, false));
                town.at(4.0 * HOUR + user as f64, by(user, one));
            }
            for n in 0..130 {
                let one = get(&format!("/v1/people/{}", 100 + n)).answer(&record(100 + n, false));
                town.at(5.0 * HOUR + n as f64 * 8.0 * MINUTE, by(3, one));
            }
        },
        Some(Severity::Medium),
    );
}

#[test]
fn the_same_page_over_and_over_draws_nothing_new() {
    check(
        1,
        |town| {
            for n in 0..200 {
                town.at(5.0 * HOUR + n as f64 * 60.0, by(3, page(n % 4, 5, false)));
            }
        },
        None,
    );
}

#[test]
fn a_job_that_never_did_anything_else_is_silent() {
    check(
        2,
        |town| {
            for day in 0..2 {
                for n in 0..60 {
                    let at = day as f64 * DAY + 6.0 * HOUR + n as f64;
                    town.at(at, by(70, page(n, 5, true)));
                }
            }
        },
        None,
    );
}

#[test]
fn who_did_so_on_an_earlier_day_and_many_at_once_are_silent() {
    // The first day shows what they do: it is their job, and they do nothing strange on the next.
    check(
        1,
        |town| {
            for user in 0..8 {
                for n in 0..40 {
                    town.at(5.0 * HOUR + n as f64 * 7.0 + user as f64, by(user, page(n, 5, false)));
                }
            }
        },
        None,
    );
}

#[test]
fn records_without_sensitive_data_and_refusals_are_silent() {
    check(
        1,
        |town| {
            for n in 0..100 {
                let rows: Vec<String> =
                    (0..20).map(|row| format!(r#"{{"sku":"A-{n}-{row}","price":3}}"#)).collect();
                let list = get(&format!("/v1/goods?page={n}"));
                town.at(
                    5.0 * HOUR + n as f64,
                    by(3, list.answer(&format!(r#"{{"goods":[{}]}}"#, rows.join(",")))),
                );
                let refused = page(n, 5, true).status(403);
                town.at(5.0 * HOUR + n as f64 + 0.5, by(3, refused));
            }
            town.at(7.0 * HOUR, by(3, post("/v1/orders").json(r#"{"sku":"A"}"#).answer("{}")));
        },
        None,
    );
}

#[test]
fn where_nobody_else_looks_nothing_can_be_compared() {
    let mut town = Town::new(super::SPEC.rule.id);
    for n in 0..6 {
        town.at(n as f64, by(3, plain(n)));
    }
    for n in 0..60 {
        town.at(HOUR + n as f64, by(3, page(n, 5, true)));
    }
    town.run();
    assert!(town.stories().is_empty());
}
