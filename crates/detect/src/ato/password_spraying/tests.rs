//! One secret on many accounts, and what looks like it.

use crate::testing::{
    APPS, Answer, App, DAY, HOUR, Town, browser, chance, elsewhere, home, password,
};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;

fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    for app in APPS {
        let mut town = Town::new(RULE);
        for user in 0..40 {
            let of = |secret: &str, answer| {
                app.sign_in(user, secret, answer).from(&home(user)).agent(browser(user))
            };
            town.at(60.0 * user as f64, of("typo", Answer::No));
            town.at(60.0 * user as f64 + 9.0, of(&password(user), Answer::Yes));
            town.at(2500.0 + 10.0 * user as f64, of(&password(user), Answer::Yes));
        }
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}");
        assert!(stories.len() <= 1, "{app:?}: one story, {stories:#?}");
    }
}

const SILENT: Option<(Severity, Outcome)> = None;
const REFUSED: Option<(Severity, Outcome)> = Some((Severity::Medium, Outcome::Failure));
const LET_IN: Option<(Severity, Outcome)> = Some((Severity::Critical, Outcome::Success));

fn spray(town: &mut Town, app: App, accounts: u64, every: f64, clients: u64) {
    for n in 0..accounts {
        let tx = app.sign_in(n, "Summer-2026", Answer::No);
        town.at(LATER + every * n as f64, tx.from(&elsewhere(n % clients)).agent("curl/8"));
    }
}

#[test]
fn a_spray_from_one_client_from_three_and_from_as_many_as_accounts_is_told() {
    check(|town, app| spray(town, app, 12, 2.0, 1), REFUSED);
    check(|town, app| spray(town, app, 39, 40.0, 3), REFUSED);
    check(|town, app| spray(town, app, 20, 60.0, 20), REFUSED);
    check(|town, app| spray(town, app, 40, 1500.0, 40), REFUSED);
}

#[test]
fn an_account_that_gives_in_makes_it_critical() {
    check(
        |town, app| {
            spray(town, app, 15, 40.0, 3);
            let tx = app.sign_in(33, "Summer-2026", Answer::Yes);
            town.at(LATER + 700.0, tx.from(&elsewhere(1)).agent("curl/8"));
        },
        LET_IN,
    );
}

#[test]
fn an_account_that_gave_in_before_it_was_clear_counts_and_its_owner_does_not() {
    let early = |from: String, agent: &'static str| {
        move |town: &mut Town, app: App| {
            spray(town, app, 15, 40.0, 3);
            let tx = app.sign_in(33, "Summer-2026", Answer::Yes);
            town.at(LATER + 70.0, tx.from(&from).agent(agent));
        }
    };
    check(early(elsewhere(2), "curl/8"), LET_IN);
    check(early(home(33), browser(33)), REFUSED);
}

#[test]
fn what_many_do_alike_without_guessing_is_silent() {
    // A password that all of a test environment share.
    check(
        |town, app| {
            for n in 0..60 {
                let answer = if n % 4 == 0 { Answer::No } else { Answer::Yes };
                let tx = app.sign_in(200 + n, "test123", answer);
                town.at(LATER + 20.0 * n as f64, tx.from("10.77.0.2").agent("runner/3"));
            }
        },
        SILENT,
    );
    // A common error that is put right.
    check(
        |town, app| {
            for user in 0..30 {
                let of = |secret: &str, answer| {
                    app.sign_in(user, secret, answer).from(&home(user)).agent(browser(user))
                };
                town.at(LATER + 120.0 * user as f64, of("password", Answer::No));
                town.at(LATER + 120.0 * user as f64 + 8.0, of(&password(user), Answer::Yes));
            }
        },
        SILENT,
    );
    // Each gives up after a wrong password of the own.
    check(
        |town, app| {
            for user in 0..40 {
                let tx = app.sign_in(user, &format!("own-{user}"), Answer::No);
                town.at(LATER + 30.0 * user as f64, tx.from(&home(user)).agent(browser(user)));
            }
        },
        SILENT,
    );
}

#[test]
fn a_password_that_some_mistype_every_day_is_silent_until_it_is_sprayed() {
    for attacked in [false, true] {
        let mut town = Town::new(RULE);
        let app = App::Json;
        for day in 0..6 {
            for n in 0..18 {
                let user = day * 100 + n;
                let at = DAY * day as f64 + DAY * chance(&[day, n]);
                let tx = app.sign_in(user, "123456", Answer::No);
                town.at(at, tx.from(&home(user)).agent(browser(user)));
            }
        }
        if attacked {
            for n in 0..80 {
                let tx = app.sign_in(2000 + n, "123456", Answer::No).from(&elsewhere(n % 4));
                town.at(5.5 * DAY + 30.0 * n as f64, tx);
            }
        }
        town.run();
        assert_eq!(town.stories().len(), usize::from(attacked), "{:#?}", town.stories());
    }
}
