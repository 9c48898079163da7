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

/// A page that hardly anybody opens; `shown` by one who may.
fn export(rows: u64) -> Tx {
    let rows: Vec<String> = (0..rows).map(|n| format!(r#"{{"no":{n},"sum":{}}}"#, n * 7)).collect();
    get("/v1/reports/yearly").answer(&format!(r#"{{"rows":[{}]}}"#, rows.join(",")))
}

#[test]
fn a_rare_page_that_was_just_refused_and_then_opens_is_told() {
    let refused = || export(0).status(401).answer(r#"{"error":"who are you?"}"#);
    for (seen_before, tries, expected) in [(true, true, 1), (false, true, 0), (true, false, 0)] {
        let mut town = Town::new(RULE);
        usual(&mut town, App::Json);
        if seen_before {
            let tx = App::Json.by(3, export(4));
            town.at(LATER - 60.0, tx.from(&home(3)).agent(browser(3)));
        }
        for n in 0..u32::from(tries) * 2 {
            let tx = if n == 0 { refused() } else { refused().bearer("null") };
            town.at(LATER + f64::from(n), tx.from(&elsewhere(1)).agent("curl/8"));
        }
        let tx = export(4).header("X-Internal", "true");
        town.at(LATER + 30.0, tx.from(&elsewhere(1)).agent("curl/8"));
        town.run();
        let stories = town.stories();
        assert_eq!(stories.len(), expected, "{seen_before} {tries}: {stories:#?}");
        assert!(stories.iter().all(|story| story.severity == Severity::Critical));
    }
}

#[test]
fn one_function_behind_one_address_has_one_door_whatever_the_method() {
    let mut town = Town::new(RULE);
    let call = |method: &str| match method {
        "GET" => get("/gql?query=query%20Bills%7Bbills%7Bid%20sum%7D%7D"),
        _ => stilt_inventory::test_support::post("/gql")
            .json(r#"{"query":"query Bills{bills{id sum}}"}"#),
    };
    let bills = r#"{"data":{"bills":[{"id":1,"sum":5},{"id":2,"sum":7}]}}"#;
    let denied = r#"{"errors":[{"message":"not permitted: please log in"}],"data":null}"#;
    for user in 0..24 {
        let tx = App::Json.sign_in(user, &password(user), Answer::Yes);
        town.at(user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..3 {
            let tx = App::Json.by(user, call("POST").answer(bills));
            town.at(
                60.0 + 10.0 * n as f64 + user as f64,
                tx.from(&home(user)).agent(browser(user)),
            );
        }
    }
    town.at(200.0, call("POST").answer(denied).from(&home(5)).agent(browser(5)));
    town.at(LATER, call("GET").answer(bills).from(&elsewhere(1)).agent("curl/8"));
    town.run();
    assert_eq!(town.stories().len(), 1, "{:#?}", town.stories());
}

/// A service behind a gateway that says in headers who asks.
fn said(user: u64, tx: Tx) -> Tx {
    let org = format!("org{}", user % 4);
    tx.from("10.0.0.3:4000")
        .header("X-Forwarded-For", &format!("203.0.113.{user}"))
        .header("X-User-Id", &format!("u{user}"))
        .header("X-Org", &org)
}

#[test]
fn who_comes_past_the_gateway_is_told_and_what_is_open_to_all_is_not() {
    let orders = || get("/v2/orders").answer(r#"{"rows":[{"no":1}]}"#);
    let report = || get("/v2/reports").answer(r#"{"rows":[{"no":1,"phone":"x"}]}"#);
    let refused = || get("/v2/orders").status(401).answer(r#"{"error":"no identity"}"#);
    let straight = |tx: Tx| tx.from("10.0.0.77:4000").agent("curl/8");
    for (tried, public, expected) in [(true, false, 1), (false, false, 0), (true, true, 0)] {
        let mut town = Town::new(RULE);
        for turn in 0..6 {
            for user in 0..12 {
                let at = 600.0 * turn as f64 + 30.0 * user as f64;
                town.at(at, said(user, orders()));
                town.at(at + 3.0, said(user, report()));
                if public && turn > 1 {
                    let bare = report().from(&elsewhere(user)).agent(browser(user));
                    town.at(at + 5.0, bare);
                }
            }
        }
        if tried {
            town.at(LATER, straight(refused()));
        }
        town.at(LATER + 9.0, straight(report()));
        town.run();
        let told = town.stories();
        assert_eq!(told.len(), expected, "{tried} {public} {told:#?}");
    }
}

#[test]
fn who_names_a_user_itself_past_the_gateway_is_told_and_another_gateway_is_believed() {
    let report = || get("/v2/reports").answer(r#"{"rows":[{"no":1,"phone":"x"}]}"#);
    let outsider = || report().from("10.0.9.77:4000").agent("curl/8").header("X-User-Id", "u5");
    let another = || said(5, report()).from("10.0.0.4:4000");
    let unknown = || report().from("10.0.9.77:4000").agent("curl/8").header("X-User-Id", "probe");
    for (late, expected) in [(outsider(), 1), (another(), 0), (unknown(), 0)] {
        let mut town = Town::new(RULE);
        for turn in 0..17 {
            for user in 0..12 {
                let at = 600.0 * turn as f64 + 30.0 * user as f64;
                town.at(at, said(user, report()));
            }
        }
        town.at(3.0 * HOUR, late);
        town.run();
        let told = town.stories();
        assert_eq!(told.len(), expected, "{told:#?}");
        assert!(told.iter().all(|story| story.user.is_none()), "it is not that user");
    }
}
