//! Attacks on sign-in, and what looks like them.

use crate::testing::{
    APPS, Answer, App, DAY, HOUR, MINUTE, Town, browser, chance, dice, elsewhere, home, name,
    password,
};
use stilt_inventory::test_support::Tx;
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 40;
/// Attacks begin when the house has been watched for so long.
const LATER: f64 = 3.0 * HOUR;

/// A user signs in from the own device.
fn device(app: App, user: u64, secret: &str, answer: Answer) -> Tx {
    app.sign_in(user, secret, answer).from(&home(user)).agent(browser(user))
}

/// Everybody signs in about once an hour; every sixth time it takes a second try, and one in
/// twenty-five gives up after a wrong password.
fn usual(town: &mut Town, app: App, hours: u64) {
    for hour in 0..hours {
        for user in 0..USERS {
            let luck = chance(&[hour, user, 1]);
            let at = (hour as f64 + chance(&[hour, user])) * HOUR;
            if luck < 0.2 {
                town.at(at, device(app, user, "Wrong-1", Answer::No));
            }
            if luck > 0.04 {
                town.at(at + 20.0, device(app, user, &password(user), Answer::Yes));
            }
        }
    }
}

/// What must be told of what is added to the usual life of an application.
fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        assert!(stories.iter().all(|story| !story.message.is_empty()));
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}");
        assert!(stories.len() <= 1, "{app:?}: one story, {stories:#?}");
        // Of the house nobody is accused alone.
        let strange = |story: &crate::testing::Story| {
            story.ips.iter().filter(|ip| ip.to_string().starts_with("198.")).count() * 2
                > story.ips.len()
        };
        assert!(stories.iter().all(strange), "{app:?}: {stories:#?}");
    }
}

const SILENT: Option<(Severity, Outcome)> = None;
const REFUSED: Option<(Severity, Outcome)> = Some((Severity::Medium, Outcome::Failure));
const LET_IN: Option<(Severity, Outcome)> = Some((Severity::Critical, Outcome::Success));

/// One try with a leaked pair from `client`; the `lucky`th account gives in.
fn leaked(town: &mut Town, app: App, at: f64, client: &str, n: u64, lucky: Option<u64>) {
    let answer = if lucky == Some(n) { Answer::Yes } else { Answer::No };
    let secret = format!("leaked-{:x}", dice(&[n, 9]));
    // Half of the accounts exist.
    let user = if n.is_multiple_of(2) { n % USERS } else { 1000 + n };
    town.at(at, app.sign_in(user, &secret, answer).from(client).agent(browser(n % 2)));
}

fn noisy(town: &mut Town, app: App, accounts: u64, every: f64, lucky: Option<u64>) {
    for n in 0..accounts {
        let at = LATER + every * n as f64;
        town.at(at, app.sign_in(500 + n, "leaked", Answer::No).from(&elsewhere(1)).agent("curl"));
        if lucky == Some(n) {
            let tx = app.sign_in(n, &password(n), Answer::Yes);
            town.at(at + 1.0, tx.from(&elsewhere(1)).agent("curl"));
        }
    }
}

#[test]
fn a_burst_from_one_client_that_is_refused_is_told() {
    check(|town, app| noisy(town, app, 40, 2.0, None), REFUSED);
    check(|town, app| noisy(town, app, 11, 20.0, None), REFUSED);
}

#[test]
fn an_account_that_gives_in_makes_it_critical() {
    check(|town, app| noisy(town, app, 40, 2.0, Some(30)), LET_IN);
    check(|town, app| noisy(town, app, 40, 2.0, Some(3)), LET_IN);
    check(|town, app| noisy(town, app, 40, 2.0, Some(39)), LET_IN);
}

#[test]
fn two_tries_for_each_account_are_told_as_well() {
    check(
        |town, app| {
            noisy(town, app, 20, 6.0, None);
            noisy(town, app, 20, 6.5, None);
        },
        REFUSED,
    );
}

#[test]
fn a_burst_at_the_very_start_of_a_capture_is_told() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for n in 0..30 {
            let tx = app.sign_in(n, "leaked", Answer::No).from(&elsewhere(1));
            town.at(1.0 + n as f64, tx);
        }
        town.run();
        assert_eq!(town.stories().len(), 1, "{app:?}");
    }
}

#[test]
fn one_client_that_takes_days_is_told() {
    check(|town, app| noisy(town, app, 40, 0.9 * HOUR, None), REFUSED);
    check(|town, app| noisy(town, app, 40, 0.9 * HOUR, Some(35)), LET_IN);
}

#[test]
fn many_clients_with_one_try_each_are_told_as_one() {
    for lucky in [None, Some(44)] {
        check(
            |town, app| {
                for n in 0..60 {
                    leaked(town, app, LATER + 12.0 * n as f64, &elsewhere(n), n, None);
                    if lucky == Some(n) {
                        let tx = app.sign_in(n % USERS, &password(n % USERS), Answer::Yes);
                        town.at(LATER + 12.0 * n as f64 + 400.0, tx.from(&elsewhere(n)));
                    }
                }
            },
            REFUSED,
        );
    }
}

#[test]
fn a_client_of_many_that_gets_into_another_account_makes_it_critical() {
    check(
        |town, app| {
            for n in 0..60 {
                let at = LATER + 12.0 * n as f64;
                leaked(town, app, at, &elsewhere(n % 20), n, Some(44));
            }
        },
        LET_IN,
    );
}

/// Forty clients of one make with two pairs each, the second half a minute later; the `lucky`th
/// client gets in with its second.
fn pairs(town: &mut Town, app: App, lucky: Option<u64>) {
    for n in 0..40 {
        let at = LATER + 45.0 * n as f64;
        let client = |tx: Tx| tx.from(&elsewhere(n)).agent(browser(1));
        town.at(at, client(app.sign_in(700 + n, "leaked-1", Answer::No)));
        let (user, secret, answer) = match lucky == Some(n) {
            true => (n % USERS, password(n % USERS), Answer::Yes),
            false => (800 + n, format!("leaked-{n}"), Answer::No),
        };
        town.at(at + 30.0, client(app.sign_in(user, &secret, answer)));
    }
}

#[test]
fn a_client_that_joins_a_running_story_by_getting_in_makes_it_critical() {
    for lucky in [2, 30, 39] {
        check(|town, app| pairs(town, app, Some(lucky)), LET_IN);
    }
    // Somebody of that make who mistyped the name meanwhile is none of them.
    check(
        |town, app| {
            pairs(town, app, None);
            let own = |tx: Tx| tx.from(&home(901)).agent(browser(1));
            let at = LATER + 1200.0;
            let near = |other: &u64| strsim::levenshtein(&name(*other), &name(12)) <= 2;
            let slip = (1000..9999).find(near).unwrap();
            town.at(at, own(app.sign_in(slip, &password(12), Answer::No)));
            town.at(at + 8.0, own(app.sign_in(12, &password(12), Answer::Yes)));
        },
        REFUSED,
    );
}

#[test]
fn each_further_account_that_gives_in_is_told() {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        for n in 0..40 {
            let at = LATER + 2.0 * n as f64;
            let client = |tx: Tx| tx.from(&elsewhere(1)).agent("curl");
            let lets_in = n == 20 || n == 23;
            let secret = if lets_in { password(n) } else { format!("leaked-{n}") };
            let answer = if lets_in { Answer::Yes } else { Answer::No };
            town.at(at, client(app.sign_in(if lets_in { n } else { 500 + n }, &secret, answer)));
        }
        town.run();
        let told = |text: &str| town.findings().iter().any(|one| one.message.contains(text));
        assert!(told("1 account let in"), "{app:?}");
        let last = town.findings().last().unwrap();
        assert!(last.message.contains("2 accounts let in"), "{app:?}: {}", last.message);
    }
}

#[test]
fn many_clients_over_hours_are_told() {
    check(
        |town, app| {
            for n in 0..150 {
                leaked(town, app, LATER + 90.0 * n as f64, &elsewhere(n % 75), n, None);
            }
        },
        REFUSED,
    );
}

#[test]
fn answers_that_were_not_seen_are_counted_and_not_judged() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for answer in [Answer::Unseen, Answer::Later] {
            for n in 0..40 {
                let tx = app.sign_in(500 + n, "leaked", answer).from(&elsewhere(1));
                town.at(LATER + 2.0 * n as f64, tx);
            }
        }
        town.run();
        assert!(town.stories().is_empty(), "{app:?}");
        let counted = town.not_evaluated().first().map_or(0, |not| not.count);
        assert!(counted >= 40, "{app:?}: {:?}", town.not_evaluated());
    }
}

#[test]
fn a_lost_answer_here_and_there_hides_nothing() {
    check(
        |town, app| {
            noisy(town, app, 40, 2.0, None);
            for n in 0..10 {
                let tx = app.sign_in(900 + n, "leaked", Answer::Unseen).from(&elsewhere(1));
                town.at(LATER + 8.0 * n as f64 + 1.0, tx.agent("curl"));
            }
        },
        REFUSED,
    );
}

#[test]
fn an_office_behind_one_address_in_the_morning_is_no_attack() {
    check(
        |town, app| {
            for user in 0..30 {
                let from = |tx: Tx| tx.from("10.250.0.1").agent(browser(0));
                let at = LATER + 15.0 * user as f64;
                for typo in 0..dice(&[user, 4]) % 3 {
                    let tx = app.sign_in(user, &format!("pw-typo{typo}"), Answer::No);
                    town.at(at + 5.0 * typo as f64, from(tx));
                }
                town.at(at + 14.0, from(app.sign_in(user, &password(user), Answer::Yes)));
            }
        },
        SILENT,
    );
}

#[test]
fn an_office_of_which_some_never_get_in_is_no_attack() {
    check(
        |town, app| {
            for user in 0..36 {
                let from = |tx: Tx| tx.from("10.250.0.1").agent(browser(0));
                let at = LATER + 15.0 * user as f64;
                town.at(at, from(app.sign_in(user, "Summer-1", Answer::No)));
                if user % 3 != 0 {
                    town.at(at + 9.0, from(app.sign_in(user, &password(user), Answer::Yes)));
                }
            }
        },
        SILENT,
    );
}

#[test]
fn a_user_who_forgot_the_password_is_no_attack() {
    check(
        |town, app| {
            for n in 0..12 {
                let tx = device(app, 7, &format!("guess-{n}"), Answer::No);
                town.at(LATER + 9.0 * n as f64, tx);
            }
            town.at(LATER + 200.0, device(app, 7, &password(7), Answer::Yes));
        },
        SILENT,
    );
}

#[test]
fn a_stale_client_with_one_old_password_is_no_attack() {
    check(
        |town, app| {
            for n in 0..400 {
                let tx = app.sign_in(9, "old-password", Answer::No).from(&home(9)).agent("Sync/2");
                town.at(LATER + 60.0 * n as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn several_stale_clients_are_no_attack() {
    check(
        |town, app| {
            for n in 0..400 {
                let user = n % 8;
                let tx = app.sign_in(user, "old-password", Answer::No);
                let tx = tx.from(&format!("10.9.0.{}", 1 + user)).agent("Sync/2");
                town.at(LATER + 60.0 * n as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn an_outage_that_refuses_right_passwords_is_no_attack() {
    check(
        |town, app| {
            for n in 0..80 {
                let user = n % USERS;
                let at = LATER + 600.0 * chance(&[n, 3]);
                town.at(at, device(app, user, &password(user), Answer::No));
            }
        },
        SILENT,
    );
}

#[test]
fn an_outage_of_an_office_behind_one_address_is_no_attack() {
    check(
        |town, app| {
            for (n, answer) in [(0, Answer::Yes), (1, Answer::No)] {
                for user in 0..30 {
                    let from = |tx: Tx| tx.from("10.250.0.1").agent(browser(0));
                    let at = LATER + n as f64 * 1200.0 + 15.0 * user as f64;
                    town.at(at, from(app.sign_in(user, &password(user), answer)));
                }
            }
        },
        SILENT,
    );
}

#[test]
fn an_outage_from_the_start_of_a_capture_is_not_taken_for_users_own_doing() {
    // The passwords were never seen to be right: each user repeats one, from the own device.
    for app in APPS {
        let mut town = Town::new(RULE);
        for n in 0..120 {
            let user = n % USERS;
            town.at(5.0 * n as f64, device(app, user, &password(user), Answer::No));
        }
        for user in 0..USERS {
            town.at(700.0 + user as f64, device(app, user, &password(user), Answer::Yes));
        }
        town.run();
        assert!(town.stories().is_empty(), "{app:?}: {:#?}", town.stories());
    }
}

#[test]
fn a_server_out_of_order_is_no_attack() {
    check(
        |town, app| {
            for n in 0..200 {
                let user = n % USERS;
                let at = LATER + 600.0 * chance(&[n, 3]);
                town.at(at, device(app, user, &password(user), Answer::Down));
            }
        },
        SILENT,
    );
}

#[test]
fn a_test_suite_that_tries_wrong_passwords_is_no_attack() {
    check(
        |town, app| {
            for run in 0..6 {
                for n in 0..12 {
                    let from = |tx: Tx| tx.from("10.77.0.2").agent("test-runner/3.1");
                    let at = LATER + 1200.0 * f64::from(run) + 2.0 * n as f64;
                    let user = 2000 + n % 6;
                    town.at(at, from(app.sign_in(user, "right", Answer::Yes)));
                    if n % 3 == 0 {
                        town.at(at + 1.0, from(app.sign_in(user, "wrong", Answer::No)));
                        town.at(at + 1.5, from(app.sign_in(2999, "wrong", Answer::No)));
                    }
                }
            }
        },
        SILENT,
    );
}

#[test]
fn a_busy_monday_morning_is_no_attack() {
    check(
        |town, app| {
            for user in 0..3 * USERS {
                let at = LATER + 900.0 * chance(&[user, 8]);
                let luck = chance(&[user, 12]);
                if luck < 0.25 {
                    town.at(at, device(app, user, "Weekend-1", Answer::No));
                }
                if luck > 0.05 {
                    town.at(at + 30.0, device(app, user, &password(user), Answer::Yes));
                }
            }
        },
        SILENT,
    );
}

#[test]
fn a_password_manager_that_tries_what_it_keeps_is_no_attack() {
    check(
        |town, app| {
            for n in 0..4 {
                let tx = device(app, 11, &format!("kept-{n}"), Answer::No);
                town.at(LATER + 2.0 * n as f64, tx);
            }
            for n in 0..5 {
                let tx =
                    device(app, 3000 + n, "kept", if n == 4 { Answer::Yes } else { Answer::No });
                town.at(LATER + 400.0 + 8.0 * n as f64, tx.from(&home(12)));
            }
        },
        SILENT,
    );
}

#[test]
fn forgetting_users_over_a_week_behind_one_address_are_no_attack() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for day in 0..6 {
            for user in 0..USERS {
                let from = |tx: Tx| tx.from("10.250.0.1").agent(browser(0));
                let at = DAY * day as f64 + 10.0 * MINUTE + 40.0 * user as f64;
                if chance(&[day, user, 31]) < 0.3 {
                    town.at(at, from(app.sign_in(user, "Oops-1", Answer::No)));
                }
                if chance(&[day, user, 32]) < 0.8 {
                    town.at(at + 9.0, from(app.sign_in(user, &password(user), Answer::Yes)));
                }
            }
        }
        town.run();
        assert!(town.stories().is_empty(), "{app:?}: {:#?}", town.stories());
    }
}

#[test]
fn stale_clients_of_a_quiet_night_do_not_hide_an_attack() {
    check(
        |town, app| {
            for user in [3, 4] {
                // Right until the evening, then changed elsewhere.
                let first = app.sign_in(user, "old", Answer::Yes);
                town.at(60.0, first.from(&home(user)).agent("Sync/2"));
                for n in 0..240 {
                    let tx = app.sign_in(user, "old", Answer::No).from(&home(user));
                    town.at(2.0 * HOUR + 120.0 * n as f64 + user as f64, tx.agent("Sync/2"));
                }
            }
            let night = 7.0 * HOUR;
            for n in 0..40 {
                let tx = app.sign_in(500 + n, "leaked", Answer::No).from(&elsewhere(1));
                town.at(night + 3.0 * n as f64, tx.agent("curl"));
            }
        },
        REFUSED,
    );
}

#[test]
fn no_password_is_told() {
    let mut town = Town::new(RULE);
    noisy(&mut town, App::Json, 20, 2.0, None);
    town.run();
    let shown = format!("{:?}", town.findings());
    assert!(shown.contains(&name(503)) && !shown.contains("leaked"), "{shown}");
}

/// Fifty people behind one address with one make of browser, of whom some mistype; one of them
/// tries the accounts of others.
fn building(secret: fn(u64) -> String) -> Vec<crate::testing::Story> {
    let mut town = Town::new(RULE);
    let own = |tx: Tx| tx.from("193.25.4.10").agent("Mozilla/5.0 (X11) Firefox/128.0");
    for user in 0..50_u64 {
        for hour in 0..3 {
            let at = f64::from(hour) * HOUR + chance(&[user, 9]) * HOUR;
            if user % 6 == 0 {
                let wrong = format!("Mistyped-{user}");
                town.at(at - 9.0, own(App::Json.sign_in(user, &wrong, Answer::No)));
            }
            town.at(at, own(App::Json.sign_in(user, &password(user), Answer::Yes)));
        }
    }
    for n in 0..50 {
        let at = 1.5 * HOUR + 6.0 * n as f64;
        town.at(at, own(App::Json.sign_in(200 + n, &secret(n), Answer::No)));
    }
    town.run();
    town.stories()
}

#[test]
fn behind_one_address_only_those_who_are_attacked_are_named() {
    let told = building(|n| format!("Leaked-{n}"));
    assert_eq!(told.len(), 1);
    for story in &told {
        assert_eq!((story.severity, story.outcome), REFUSED.unwrap(), "{story:#?}");
        assert!(story.message.ends_with("none of them let in"), "{story:#?}");
    }
    assert!(building(|_| "Summer2026".to_owned()).is_empty(), "that is spraying");
}
