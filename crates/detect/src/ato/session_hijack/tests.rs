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

/// Another program behind the owner's address, with headers of its own.
fn beside(tx: Tx) -> Tx {
    tx.from(&home(5)).agent("curl/8").header("Accept-Encoding", "identity").header("X-Odd", "1")
}

/// The owner's session at two functions, one after the other.
fn both(town: &mut Town, app: App, user: u64, at: f64, place: impl Fn(Tx) -> Tx) {
    let list = get("/account/list").answer(r#"{"items":[]}"#);
    town.at(at, app.bearing(user, place(list)));
    town.at(at + 5.0, app.bearing(user, place(app.open(100 * user + 3, user, Answer::Yes))));
}

/// Sessions of so many users are used by their own program and by another one in turns.
fn in_turns(users: u64, place: fn(u64, Tx) -> Tx) -> Vec<usize> {
    let count = |app| {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        for user in 0..24 {
            let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
            both(&mut town, app, user, 800.0 + user as f64, own);
        }
        for user in 5..5 + users {
            for n in 0..4 {
                let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
                let at = LATER + 500.0 * (user - 5) as f64 + 40.0 * n as f64;
                both(&mut town, app, user, at, own);
                both(&mut town, app, user, at + 20.0, |tx| place(user, tx));
            }
        }
        town.run();
        assert!(town.stories().iter().all(|story| story.severity == Severity::Medium));
        town.stories().len()
    };
    APPS.map(count).to_vec()
}

#[test]
fn two_programs_in_turns_behind_one_address_are_told_where_nobody_else_has_two() {
    assert!(in_turns(1, |_, tx| beside(tx)).iter().all(|told| *told == 1));
    // An application that opens pages in a window of its own.
    let window = |user: u64, tx: Tx| {
        tx.from(&home(user)).agent("WebView").header("Accept-Encoding", "br").header("X-Odd", "1")
    };
    let many = in_turns(8, window);
    assert!(many.iter().all(|told| *told <= 1), "{many:?}");
    // The same headers: another version, or a tool built on the same library.
    let alike = |user: u64, tx: Tx| tx.from(&home(user)).agent("curl/8");
    assert!(in_turns(1, alike).iter().all(|told| *told == 0));
}

/// Jobs with keys of their own, one of which is used elsewhere.
fn jobs(hours: u64, elsewhere: impl Fn(&mut Town, &str)) -> usize {
    let mut town = Town::new(RULE);
    let own = |job: u64| format!("key-{}", &key(job)[..24]);
    for job in 0..5_u64 {
        for n in 0..12 * hours {
            let at = 10.0 * job as f64 + 300.0 * n as f64;
            let at_home = |tx: Tx| {
                let tx = tx.from(&format!("10.9.{job}.7")).agent("Go-http-client/1.1");
                tx.header("X-Api-Key", &own(job))
            };
            town.at(at, at_home(get("/v1/builds").answer(r#"{"builds":[]}"#)));
            town.at(at + 2.0, at_home(post("/v1/builds").json("{}").answer(r#"{"id":1}"#)));
        }
    }
    elsewhere(&mut town, &own(2));
    town.run();
    town.stories().len()
}

#[test]
fn a_key_from_before_the_capture_that_is_used_elsewhere_for_other_things_is_told() {
    let at = LATER + 1800.0;
    let uses = |town: &mut Town, key: &str, agent: &str, paths: [&str; 4], at: f64| {
        for (n, path) in paths.into_iter().enumerate() {
            let tx = get(path).answer(r#"{"items":[]}"#).header("X-Api-Key", key);
            town.at(at + 20.0 * n as f64, tx.from(&elsewhere(1)).agent(agent));
        }
    };
    let other = ["/v1/builds", "/v1/contacts", "/v1/members", "/v1/export"];
    assert_eq!(jobs(2, |town, key| uses(town, key, THIEF, other, at)), 1);
    // The job has moved, or does what it always did; the same program travels; nothing is known
    // of it yet; a key that is carried beside a user's own.
    assert_eq!(jobs(2, |town, key| uses(town, key, THIEF, other, 4.0 * HOUR)), 0);
    let same = ["/v1/builds", "/v1/builds", "/v1/builds", "/v1/builds"];
    assert_eq!(jobs(2, |town, key| uses(town, key, THIEF, same, at)), 0);
    assert_eq!(jobs(2, |town, key| uses(town, key, "Go-http-client/2.0", other, at)), 0);
    assert_eq!(jobs(2, |town, key| uses(town, key, THIEF, other, 900.0)), 0);
}
