//! Tokens used after their end, and what looks like it.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, elsewhere, home, key, password};
use stilt_inventory::test_support::{Tx, post};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;

fn usual(town: &mut Town, app: App) {
    for user in 0..20 {
        let tx = app.sign_in(user, &password(user), Answer::Yes);
        town.at(30.0 * user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..6 {
            let at = 30.0 * user as f64 + 20.0 + 150.0 * n as f64;
            town.at(at, app.by(user, app.open(100 * user + n, user, Answer::Yes)));
        }
        let late = app.open(100 * user, user, Answer::No).status(401);
        town.at(30.0 * user as f64 - 5.0, late.from(&home(user)).agent(browser(user)));
    }
}

fn sign_out(app: App, user: u64) -> Tx {
    app.by(user, post("/auth/logout").answer(r#"{"ok":true}"#).set_cookie("SID", ""))
}

fn check(plan: impl Fn(&mut Town, App), alerts: Option<(Severity, Outcome)>, notices: usize) {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, alerts, "{app:?}: {stories:#?}");
        assert_eq!(town.notices().len(), notices, "{app:?}: {:#?}", town.notices());
    }
}

#[test]
fn a_session_used_by_another_after_its_owner_signed_out_is_told() {
    check(
        |town, app| {
            town.at(LATER, sign_out(app, 5));
            let tx = app.open(503, 5, Answer::Yes).from(&elsewhere(1)).agent("curl/8");
            town.at(LATER + 300.0, app.bearing(5, tx));
        },
        Some((Severity::High, Outcome::Success)),
        0,
    );
}

#[test]
fn the_same_by_its_own_client_is_a_weakness_of_the_application() {
    check(
        |town, app| {
            town.at(LATER, sign_out(app, 5));
            town.at(LATER + 300.0, app.by(5, app.open(503, 5, Answer::Yes)));
        },
        None,
        1,
    );
}

#[test]
fn requests_in_flight_refusals_and_new_sign_ins_are_silent() {
    check(
        |town, app| {
            town.at(LATER, sign_out(app, 5));
            town.at(LATER + 2.0, app.by(5, app.open(503, 5, Answer::Yes)));
            town.at(LATER + 100.0, app.by(5, app.open(503, 5, Answer::No).status(401)));
            let again = app.sign_in(5, &password(5), Answer::Yes);
            town.at(LATER + 200.0, app.by(5, again));
            town.at(LATER + 300.0, app.by(5, app.open(503, 5, Answer::Yes)));
        },
        None,
        0,
    );
}

fn renew(old: u64, new: u64) -> Tx {
    post("/auth/token/refresh")
        .json(&format!(r#"{{"refresh_token":"{}"}}"#, key(old)))
        .answer(&format!(r#"{{"access_token":"{}","refresh_token":"{}"}}"#, key(900), key(new)))
}

#[test]
fn an_exchanged_refresh_token_that_comes_back_from_elsewhere_is_told() {
    for (refused, expected) in
        [(false, (Severity::High, Outcome::Success)), (true, (Severity::Medium, Outcome::Failure))]
    {
        let mut town = Town::new(RULE);
        town.at(10.0, renew(501, 502).from(&home(1)).agent(browser(1)));
        let tx = renew(501, 777).from(&elsewhere(1)).agent("curl/8");
        let denied = tx.clone().status(401).answer(r#"{"error":"reuse"}"#);
        town.at(900.0, if refused { denied } else { tx });
        town.run();
        let stories = town.stories();
        let told: Vec<_> = stories.iter().map(|one| (one.severity, one.outcome)).collect();
        assert_eq!(told, [expected]);
    }
}

#[test]
fn renewals_in_order_and_retries_are_silent() {
    let mut town = Town::new(RULE);
    for n in 0..20 {
        town.at(600.0 * n as f64, renew(501 + n, 502 + n).from(&home(1)).agent(browser(1)));
        let again = renew(501 + n, 502 + n).from(&home(1)).agent(browser(1));
        town.at(600.0 * n as f64 + 3.0, again);
        // Never exchanged.
        let same = renew(400, 400).from(&home(2)).agent(browser(2));
        town.at(600.0 * n as f64 + 9.0, same);
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

/// A user of number `n` signs in and gets two tokens, and signs out with the first of them.
fn in_and_out(town: &mut Town, n: u64, at: f64) {
    let own = |tx: Tx| tx.from(&home(n)).agent(browser(n));
    let tokens = format!(r#"{{"access_token":"{}","refresh_token":"{}"}}"#, key(n), key(n + 100));
    let body = format!(r#"{{"username":"u{n}","password":"{}"}}"#, password(n));
    town.at(at, own(post("/login").json(&body).answer(&tokens)));
    let out = post("/auth/logout").bearer(&key(n)).status(204);
    town.at(at + 600.0, own(out));
}

/// The second token is exchanged.
fn exchange(n: u64) -> Tx {
    post("/auth/token/refresh")
        .json(&format!(r#"{{"refresh_token":"{}"}}"#, key(n + 100)))
        .answer(&format!(r#"{{"access_token":"{}"}}"#, key(n + 200)))
}

#[test]
fn a_refresh_token_used_by_another_after_its_owner_signed_out_is_told() {
    let told = |tx: Option<Tx>| {
        let mut town = Town::new(RULE);
        (0..8).for_each(|n| in_and_out(&mut town, n, 30.0 * n as f64));
        if let Some(tx) = tx {
            town.at(2000.0, tx);
        }
        town.run();
        let stories = town.stories();
        stories.iter().map(|one| (one.severity, one.outcome)).collect::<Vec<_>>()
    };
    let thief = |tx: Tx| tx.from(&elsewhere(1)).agent("curl/8");
    assert_eq!(told(Some(thief(exchange(3)))), [(Severity::High, Outcome::Success)]);
    let refused = exchange(3).status(401).answer(r#"{"error":"ended"}"#);
    assert_eq!(told(Some(thief(refused))), [(Severity::Medium, Outcome::Failure)]);
    assert_eq!(told(Some(exchange(3).from(&home(3)).agent(browser(3)))), [], "its own client");
    assert_eq!(told(None), []);
    // Of somebody who did not sign out it is just a renewal.
    assert_eq!(told(Some(thief(exchange(40)))), []);
}
