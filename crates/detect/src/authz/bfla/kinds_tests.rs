//! Functions of callers of another kind, where nothing tells roles, and what looks like it.

use crate::testing::{HOUR, Town, browser, home, name};
use stilt_inventory::test_support::{Tx, get, jwt, post};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 30;
const STAFF: u64 = 100;
const LATER: f64 = 5.0 * HOUR;
const MALLORY: u64 = 5;

fn by(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn page(path: &str) -> Tx {
    get(path).answer(r#"{"entries":[{"title":"x"}]}"#)
}

fn approve() -> Tx {
    post("/desk/approve").json(r#"{"case":7}"#).answer(r#"{"state":"approved"}"#)
}

/// Five hours of thirty users and three who work at the desk; those do as users do, too, where
/// `both`.
fn usual(town: &mut Town, both: bool, paths: [&str; 2]) {
    for hour in 0..5 {
        for user in (0..USERS).chain(STAFF..STAFF + 3) {
            let at = (f64::from(hour) + 0.2) * HOUR + 20.0 * user as f64;
            let works = user >= STAFF;
            for n in 0..3 {
                if !works || both {
                    town.at(at + 3.0 * f64::from(n), by(user, page("/market")));
                    town.at(at + 3.0 * f64::from(n) + 1.0, by(user, page("/basket")));
                }
                if works {
                    for (k, path) in paths.iter().enumerate() {
                        let late = 20.0 + 3.0 * f64::from(n) + k as f64;
                        town.at(at + late, by(user, page(path)));
                    }
                    town.at(at + 35.0 + f64::from(n), by(user, approve()));
                }
            }
        }
    }
}

fn told(both: bool, paths: [&str; 2], plan: impl Fn(&mut Town)) -> usize {
    let mut town = Town::new(RULE);
    usual(&mut town, both, paths);
    plan(&mut town);
    town.run();
    town.ends();
    town.stories().len()
}

const DESK: [&str; 2] = ["/desk/queue", "/desk/cases"];
const ADMIN: [&str; 2] = ["/admin/people", "/admin/report"];

#[test]
fn one_of_the_many_at_what_the_few_do_is_told_where_others_were_refused() {
    let refused = |town: &mut Town| {
        let tx = page("/desk/queue").status(403).answer(r#"{"error":"forbidden"}"#);
        town.at(LATER - 300.0, by(9, tx));
    };
    let steps = |town: &mut Town| town.at(LATER, by(MALLORY, approve()));
    assert_eq!(told(false, DESK, |town| (refused(town), steps(town)).1), 1);
    assert_eq!(told(false, DESK, steps), 0, "nobody was ever refused");
    let both = told(true, DESK, |town| (refused(town), steps(town)).1);
    assert_eq!(both, 0, "those of the desk are users as well");
}

#[test]
fn what_its_name_keeps_for_the_few_is_theirs_though_they_are_users_too() {
    let steps = |town: &mut Town| town.at(LATER, by(MALLORY, page("/admin/report")));
    assert_eq!(told(true, ADMIN, steps), 1);
    let several = |town: &mut Town| {
        for user in 5..9 {
            town.at(LATER + 60.0 * user as f64, by(user, page("/admin/report")));
        }
    };
    assert_eq!(told(true, ADMIN, several), 0, "a right that was given to many");
    let newcomer = |town: &mut Town| {
        for n in 0..12 {
            town.at(LATER + f64::from(n), by(200, page("/market")));
        }
        town.at(LATER + 20.0, by(200, page("/admin/report")));
    };
    assert_eq!(told(true, ADMIN, newcomer), 0, "a new colleague");
}

#[test]
fn who_takes_up_another_program_does_other_things() {
    // Those of the desk, and the one who comes to it, use a program that none of the others has.
    let app = |user: u64, tx: Tx| by(user, tx).agent("DeskApp/3.1");
    let mut town = Town::new(RULE);
    for hour in 0..5 {
        for user in (0..USERS).chain(STAFF..STAFF + 3) {
            for n in 0..6 {
                let at = (f64::from(hour) + 0.2) * HOUR + 20.0 * user as f64 + f64::from(n);
                if user < STAFF {
                    town.at(at, by(user, page("/market")));
                } else {
                    town.at(at, app(user, page("/admin/people")));
                    town.at(at + 0.5, app(user, page("/admin/report")));
                }
            }
        }
    }
    town.at(LATER, app(MALLORY, page("/admin/report")));
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}
