//! Doors opened without a key, and what looks like it.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, elsewhere, home, password};
use stilt_inventory::test_support::{Tx, get};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = HOUR;

fn usual(town: &mut Town, app: App) {
    for user in 0..24 {
        let tx = app.sign_in(user, &password(user), Answer::Yes);
        town.at(30.0 * user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..10 {
            let at = 30.0 * user as f64 + 20.0 + 150.0 * n as f64;
            town.at(at, app.by(user, app.open(100 * user + n % 9, user, Answer::Yes)));
        }
        if user % 3 == 0 {
            let late = app.open(100 * user, user, Answer::No).status(401);
            town.at(30.0 * user as f64 + 5.0, late.from(&home(user)).agent(browser(user)));
        }
    }
}

fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    // A page without fields may be the one to sign in at: it is not judged.
    for app in APPS.into_iter().filter(|app| *app != App::Pages || expected.is_none()) {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}");
        assert!(stories.len() <= 1, "{app:?}: {stories:#?}");
    }
}

#[test]
fn an_answer_without_a_credential_at_a_closed_door_is_told() {
    check(
        |town, app| {
            let tx = app.open(501, 5, Answer::Yes);
            town.at(LATER, tx.from(&elsewhere(1)).agent("curl/8"));
        },
        Some((Severity::Critical, Outcome::Success)),
    );
}

#[test]
fn a_door_that_stands_open_is_told_as_posture() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    for n in 0..40 {
        let tx = App::Json.open(501 + n, 5, Answer::Yes).from(&elsewhere(n));
        town.at(LATER + 10.0 * n as f64, tx.agent("curl/8"));
    }
    town.run();
    assert_eq!(town.notices().len(), 1);
}

#[test]
fn several_ways_tried_at_one_door_are_told() {
    let tries: [fn(Tx) -> Tx; 6] = [
        |tx| tx,
        |tx| tx.bearer("null"),
        |tx| tx.bearer("deadbeefdeadbeefdeadbeef"),
        |tx| tx.basic("admin", "admin"),
        |tx| tx.header("X-Original-URL", "/admin"),
        |tx| tx.header("X-Api-Key", "00000000-0000-4000-8000-000000000000"),
    ];
    check(
        |town, app| {
            for (n, with) in tries.iter().enumerate() {
                let tx = with(app.open(501, 5, Answer::No).status(401));
                town.at(LATER + 20.0 * n as f64, tx.from(&elsewhere(1)).agent("curl/8"));
            }
        },
        Some((Severity::Medium, Outcome::Failure)),
    );
}

#[test]
fn expired_sessions_and_public_pages_are_silent() {
    check(
        |town, app| {
            // One expired session that is tried again and again.
            for n in 0..30 {
                let tx = app.by(5, app.open(501, 5, Answer::No).status(401));
                town.at(LATER + 20.0 * n as f64, tx);
            }
            // Twelve users behind one address, each with a session that ran out.
            for user in 100..112 {
                let tx = app.open(501, 5, Answer::No).status(401).from("10.250.0.1");
                town.at(LATER + 20.0 * user as f64, app.bearing(user, tx).agent(browser(0)));
            }
            // A page for everybody.
            for n in 0..60 {
                let tx = get("/news").answer(r#"{"items":3}"#).from(&elsewhere(n));
                town.at(LATER + 20.0 * n as f64, tx);
            }
        },
        None,
    );
}
