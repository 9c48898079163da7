//! Tokens at two places, and what looks like it.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, elsewhere, home, key, password};
use stilt_inventory::test_support::{Tx, get, post};
use stilt_model::Severity;
use stilt_session::origins::test_support::file;

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;
const THIEF: &str = "python-requests/2.32.3";

fn usual(town: &mut Town, app: App) {
    for user in 0..24 {
        let tx = app.sign_in(user, &password(user), Answer::Yes);
        town.at(30.0 * user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..30 {
            let at = 30.0 * user as f64 + 20.0 + 150.0 * n as f64;
            town.at(at, app.by(user, app.open(100 * user + n % 9, user, Answer::Yes)));
        }
    }
}

/// A request with the token of `user`, from wherever `place` puts it.
fn with_token(app: App, user: u64, place: impl Fn(Tx) -> Tx) -> Tx {
    app.bearing(user, place(app.open(100 * user + 3, user, Answer::Yes)))
}

fn check(plan: impl Fn(&mut Town, App), told: bool) {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        assert_eq!(stories.len(), usize::from(told), "{app:?}: {stories:#?}");
        assert!(stories.iter().all(|story| story.severity == Severity::High), "{stories:#?}");
        if let Some(story) = stories.first() {
            assert!(story.ips.contains(&elsewhere(1).parse().unwrap()), "{app:?}: {stories:#?}");
        }
    }
}

#[test]
fn a_stolen_token_used_while_the_owner_goes_on_is_told() {
    let stolen = |tx: Tx| tx.from(&elsewhere(1)).agent(THIEF);
    check(
        |town, app| {
            for n in 0..6 {
                town.at(LATER + 20.0 * n as f64, with_token(app, 5, stolen));
            }
        },
        true,
    );
    // A single request, and the owner is back a while later.
    check(|town, app| town.at(LATER, with_token(app, 5, stolen)), true);
}

#[test]
fn a_thief_who_copies_the_user_agent_is_told_by_the_headers() {
    let stolen = |tx: Tx| {
        let tx = tx.from(&elsewhere(1)).header("Accept-Encoding", "identity");
        tx.header("X-Odd", "1").agent(browser(5))
    };
    check(|town, app| town.at(LATER, with_token(app, 5, stolen)), true);
}

#[test]
fn a_session_that_is_renewed_with_every_answer_is_followed() {
    let mut town = Town::new(RULE);
    for user in 0..10_u64 {
        let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        let value = |n: u64| key(1000 * user + n);
        let body = format!("user=u{user}&password={}", password(user));
        let login = post("/login").form(&body).set_cookie("_app", &value(0)).location("/home");
        town.at(30.0 * user as f64, own(login));
        for n in 0..20 {
            let page = |n: u64| {
                let tx = get("/account").answer(r#"{"plan":"basic"}"#);
                tx.cookie("_app", &value(n)).set_cookie("_app", &value(n + 1))
            };
            let at = 400.0 + 30.0 * user as f64 + 60.0 * n as f64;
            town.at(at, own(page(n)));
            if user == 5 && n == 9 {
                let stolen = page(n).set_cookie("_app", &key(777));
                town.at(at + 9.0, stolen.from(&elsewhere(1)).agent(THIEF));
            }
        }
    }
    town.run();
    assert_eq!(town.stories().len(), 1, "{:#?}", town.stories());
}

#[test]
fn one_difference_alone_is_no_theft() {
    // Between networks.
    check(
        |town, app| {
            for n in 0..20 {
                let place = |tx: Tx| tx.from(&elsewhere(n % 5 * 300)).agent(browser(5));
                town.at(LATER + 20.0 * n as f64, with_token(app, 5, place));
            }
        },
        false,
    );
    // Another program on the same network.
    check(
        |town, app| {
            for n in 0..20 {
                let place = |tx: Tx| tx.from(&home(5)).agent("curl/8");
                town.at(LATER + 20.0 * n as f64, with_token(app, 5, place));
            }
        },
        false,
    );
}

#[test]
fn a_front_end_that_asks_for_its_users_is_no_thief() {
    check(
        |town, app| {
            for user in 0..24 {
                for n in 0..6 {
                    let place = |tx: Tx| tx.from("10.0.9.9").agent("node-fetch/3");
                    let at = 40.0 + 30.0 * user as f64 + 300.0 * n as f64;
                    town.at(at, with_token(app, user, place));
                }
            }
        },
        false,
    );
}

#[test]
fn a_refused_token_is_no_story() {
    check(
        |town, app| {
            for n in 0..6 {
                let tx = app.open(100, 5, Answer::No).status(401);
                let tx = tx.from(&elsewhere(1)).agent(THIEF);
                town.at(LATER + 20.0 * n as f64, app.bearing(5, tx));
            }
        },
        false,
    );
}

/// Two countries and networks, half the world apart.
fn countries() -> Vec<u8> {
    let (here, there) = ([10, 20], [198, 18]);
    file(&[(here, "DE", 3320, 52.5, 13.4), (there, "AU", 1221, -33.9, 151.2)])
}

/// The session of one user is used with the same program at both places in turn, so many times.
fn jumps(times: u32, enriched: bool) -> usize {
    let (app, mut town) = (App::Form, Town::new(RULE));
    if enriched {
        town.enriched_by(countries);
    }
    usual(&mut town, app);
    let owner = |tx: Tx| tx.from(&home(5)).agent(browser(5));
    let other = |tx: Tx| tx.from(&elsewhere(1)).agent(browser(5));
    for n in 0..times {
        let at = LATER + 120.0 * f64::from(n);
        town.at(at, with_token(app, 5, other));
        town.at(at + 60.0, with_token(app, 5, owner));
    }
    town.run();
    town.stories().len()
}

#[test]
fn a_session_that_is_back_and_forth_between_countries_is_told_where_they_are_known() {
    assert_eq!(jumps(4, true), 1);
    assert_eq!(jumps(1, true), 0, "a VPN that is turned on and off");
    assert_eq!(jumps(4, false), 0, "nothing is known of countries");
}
