//! Guessing at one account, and what looks like it.

use crate::testing::{APPS, Answer, App, HOUR, MINUTE, Town, browser, elsewhere, home, password};
use stilt_inventory::test_support::Tx;
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;

fn device(app: App, user: u64, secret: &str, answer: Answer) -> Tx {
    app.sign_in(user, secret, answer).from(&home(user)).agent(browser(user))
}

/// Everybody signs in from the own device once; then what is planned.
fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    for app in APPS {
        let mut town = Town::new(RULE);
        for user in 0..20 {
            town.at(60.0 * user as f64, device(app, user, "typo", Answer::No));
            town.at(60.0 * user as f64 + 9.0, device(app, user, &password(user), Answer::Yes));
            let again = 1800.0 + 60.0 * user as f64;
            town.at(again, device(app, user, &password(user), Answer::Yes));
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

/// `count` guesses at account 3 from `clients` addresses, one every `every` seconds.
fn guess(town: &mut Town, app: App, count: u64, every: f64, clients: u64) {
    for n in 0..count {
        let tx = app.sign_in(3, &format!("guess-{n}"), Answer::No);
        town.at(LATER + every * n as f64, tx.from(&elsewhere(n % clients)).agent("curl/8"));
    }
}

#[test]
fn a_burst_a_slow_drip_and_many_clients_are_told() {
    check(|town, app| guess(town, app, 12, 2.0, 1), REFUSED);
    check(|town, app| guess(town, app, 44, 90.0, 1), REFUSED);
    check(|town, app| guess(town, app, 40, 1800.0, 1), REFUSED);
    check(|town, app| guess(town, app, 60, 20.0, 30), REFUSED);
}

#[test]
fn a_guess_that_is_right_makes_it_critical_and_the_owner_who_comes_later_does_not() {
    check(
        |town, app| {
            guess(town, app, 60, 3.0, 1);
            let tx = app.sign_in(3, &password(3), Answer::Yes);
            town.at(LATER + 200.0, tx.from(&elsewhere(0)).agent("curl/8"));
        },
        LET_IN,
    );
    check(
        |town, app| {
            guess(town, app, 60, 3.0, 1);
            town.at(LATER + 300.0, device(app, 3, &password(3), Answer::Yes));
        },
        REFUSED,
    );
}

#[test]
fn being_told_to_come_back_later_hides_no_guessing() {
    check(
        |town, app| {
            for n in 0..40 {
                let answer = if n < 5 { Answer::No } else { Answer::Later };
                let tx = app.sign_in(3, &format!("guess-{n}"), answer);
                town.at(LATER + 2.0 * n as f64, tx.from(&elsewhere(1)).agent("curl/8"));
            }
        },
        REFUSED,
    );
}

#[test]
fn answers_that_were_not_seen_are_counted_and_not_judged() {
    let mut town = Town::new(RULE);
    for n in 0..40 {
        let tx = App::Json.sign_in(3, &format!("guess-{n}"), Answer::Unseen);
        town.at(LATER + 2.0 * n as f64, tx.from(&elsewhere(1)));
    }
    town.run();
    assert!(town.stories().is_empty());
    assert_eq!(town.not_evaluated().first().map(|not| not.count), Some(40));
}

#[test]
fn what_users_and_their_programs_do_is_no_guessing() {
    // One who forgot, on a device known to the account.
    check(
        |town, app| {
            for n in 0..12 {
                town.at(LATER + 9.0 * n as f64, device(app, 7, &format!("old-{n}"), Answer::No));
            }
            town.at(LATER + 200.0, device(app, 7, &password(7), Answer::Yes));
        },
        SILENT,
    );
    // A program with one old password, for a day.
    check(
        |town, app| {
            for n in 0..300 {
                let tx = app.sign_in(9, "old-password", Answer::No).from(&home(99));
                town.at(LATER + 5.0 * MINUTE * n as f64, tx.agent("Sync/2"));
            }
        },
        SILENT,
    );
    // A password manager that tries the four it keeps, twice, from a new device.
    check(
        |town, app| {
            for n in 0..8 {
                let tx = app.sign_in(5, &format!("kept-{}", n % 4), Answer::No);
                town.at(LATER + 3.0 * n as f64, tx.from(&home(500)).agent(browser(1)));
            }
            let tx = app.sign_in(5, &password(5), Answer::Yes);
            town.at(LATER + 60.0, tx.from(&home(500)).agent(browser(1)));
        },
        SILENT,
    );
    // An outage that refuses the right passwords of all.
    check(
        |town, app| {
            for n in 0..200 {
                let user = n % 20;
                town.at(LATER + 2.0 * n as f64, device(app, user, &password(user), Answer::No));
            }
        },
        SILENT,
    );
    // Three people who mistype behind one address, and get in.
    check(
        |town, app| {
            for n in 0..9 {
                let tx = app.sign_in(10 + n % 3, &format!("typo-{n}"), Answer::No);
                town.at(LATER + 4.0 * n as f64, tx.from("10.250.0.1").agent(browser(0)));
            }
            for user in 10..13 {
                let tx = app.sign_in(user, &password(user), Answer::Yes);
                town.at(LATER + 60.0 + user as f64, tx.from("10.250.0.1").agent(browser(0)));
            }
        },
        SILENT,
    );
}

/// Keys of an interface, tried by one client, behind which `own` customers ask with good ones.
fn keys(tried: u64, own: u64) -> usize {
    use stilt_inventory::test_support::get;
    let mut town = Town::new(RULE);
    let from = |key: &str, tx: Tx| tx.from("203.0.113.7").agent("Go/1").header("X-Api-Key", key);
    for n in 0..own {
        let key = format!("live-{:016x}", 0x51c7_02b4_e6d8_u64 * (n + 7));
        town.at(60.0 + n as f64, from(&key, get("/v1/records").answer(r#"{"rows":[1]}"#)));
    }
    for n in 0..tried {
        let key = format!("live-{:016x}", 0x9f3a_51c7_02b4_u64 * (n + 3));
        let refused = get("/v1/records").status(401).answer(r#"{"error":"unknown key"}"#);
        town.at(600.0 + n as f64, from(&key, refused));
    }
    for n in 0..40 {
        let old = get("/v1/records").status(401).answer(r#"{"error":"unknown key"}"#);
        let old = old.from("198.51.100.3").header("X-Api-Key", "live-0123456789abcdef");
        town.at(700.0 + 5.0 * n as f64, old);
    }
    town.run();
    town.stories().len()
}

#[test]
fn keys_that_nobody_ever_had_are_told_and_an_old_key_or_a_gateway_is_not() {
    assert_eq!(keys(40, 0), 1);
    assert_eq!(keys(0, 0), 0, "one old key");
    assert_eq!(keys(16, 60), 0, "a gateway of many customers, some of whom have left");
}
