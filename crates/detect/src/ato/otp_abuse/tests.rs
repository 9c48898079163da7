//! Codes guessed and sent without end, and what looks like it.

use crate::testing::{Town, browser, elsewhere, home, name};
use stilt_inventory::test_support::{Tx, post};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;

/// A code is given: as JSON, as a form, or as a call of a function.
fn give(make: usize, user: u64, code: u64, right: bool) -> Tx {
    let (name, code) = (name(user), format!("{:06}", code % 1_000_000));
    match (make, right) {
        (0, true) => post("/auth/otp/verify")
            .json(&format!(r#"{{"username":"{name}","otp":"{code}"}}"#))
            .answer(r#"{"verified":true}"#),
        (0, false) => post("/auth/otp/verify")
            .json(&format!(r#"{{"username":"{name}","otp":"{code}"}}"#))
            .status(401)
            .answer(r#"{"error":"wrong code"}"#),
        (1, true) => post("/login/tan").form(&format!("benutzer={name}&tan={code}")).location("/"),
        (1, false) => post("/login/tan")
            .form(&format!("benutzer={name}&tan={code}"))
            .status(403)
            .html("<p>falsch</p>"),
        (_, true) => post("/rpc")
            .json(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"otp.check","params":{{"user":"{name}","otp":"{code}"}}}}"#
            ))
            .answer(r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#),
        (_, false) => post("/rpc")
            .json(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"otp.check","params":{{"user":"{name}","otp":"{code}"}}}}"#
            ))
            .answer(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"wrong code"}}"#),
    }
}

fn send(user: u64) -> Tx {
    post("/auth/otp/send")
        .json(&format!(r#"{{"username":"{}"}}"#, name(user)))
        .answer(r#"{"sent":true}"#)
}

fn check(plan: impl Fn(&mut Town, usize), expected: Option<(Severity, Outcome)>) {
    for make in 0..3 {
        let mut town = Town::new(RULE);
        for user in 0..20_u64 {
            let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
            let at = 60.0 * user as f64;
            town.at(at, own(send(user)));
            town.at(at + 8.0, own(give(make, user, 1000 + user, false)));
            town.at(at + 15.0, own(give(make, user, 9000 + user, true)));
        }
        plan(&mut town, make);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{make}: {stories:#?}");
        assert!(stories.len() <= 1, "{make}: {stories:#?}");
    }
}

fn thief(tx: Tx) -> Tx {
    tx.from(&elsewhere(1)).agent("curl/8")
}

#[test]
fn codes_that_are_guessed_are_told_and_a_right_one_makes_it_critical() {
    let guess = |town: &mut Town, make, right: bool| {
        for n in 0..12 {
            town.at(2000.0 + 4.0 * n as f64, thief(give(make, 3, 111_111 * n + 7, false)));
        }
        if right {
            town.at(2100.0, thief(give(make, 3, 424_242, true)));
        }
    };
    check(|town, make| guess(town, make, false), Some((Severity::Medium, Outcome::Failure)));
    check(|town, make| guess(town, make, true), Some((Severity::Critical, Outcome::Success)));
    // Slowly, over hours.
    check(
        |town, make| {
            for n in 0..20 {
                town.at(2000.0 + 900.0 * n as f64, thief(give(make, 3, 31_111 * n + 7, false)));
            }
        },
        Some((Severity::Medium, Outcome::Failure)),
    );
    // One or two for each of many.
    check(
        |town, make| {
            for n in 0..60 {
                town.at(2000.0 + 9.0 * n as f64, thief(give(make, 100 + n / 2, 1234 + n, false)));
            }
        },
        Some((Severity::Medium, Outcome::Failure)),
    );
}

#[test]
fn codes_sent_again_and_again_or_to_many_are_told() {
    check(
        |town, _| {
            for n in 0..9 {
                town.at(2000.0 + 30.0 * f64::from(n), thief(send(5)));
            }
        },
        Some((Severity::Medium, Outcome::Success)),
    );
    check(
        |town, _| {
            for n in 0..40 {
                town.at(2000.0 + 20.0 * n as f64, thief(send(200 + n)));
            }
        },
        Some((Severity::Medium, Outcome::Success)),
    );
}

#[test]
fn people_who_mistype_and_back_ends_that_ask_for_many_are_silent() {
    check(
        |town, make| {
            let own = |tx: Tx| tx.from(&home(4)).agent(browser(4));
            for n in 0..4 {
                town.at(2000.0 + 9.0 * n as f64, own(give(make, 4, 1234 + n, false)));
                town.at(2005.0 + 60.0 * n as f64, own(send(4)));
            }
            town.at(2300.0, own(give(make, 4, 424_242, true)));
            for n in 0..80 {
                let back = |tx: Tx| tx.from("10.0.9.9").agent("node-fetch/3");
                let at = 2000.0 + 30.0 * n as f64;
                town.at(at, back(send(300 + n)));
                town.at(at + 20.0, back(give(make, 300 + n, 5000 + n, true)));
            }
        },
        None,
    );
}

/// A code beside the password that it lets one choose; whatever is wrong is answered 500.
fn chooses(user: u64, code: u64, right: bool) -> Tx {
    let body = format!(r#"{{"username":"{}","otp":"{code:04}","password":"New-1"}}"#, name(user));
    let tx = post("/identity/api/auth/v2/check-otp").json(&body);
    if right {
        tx.answer(r#"{"message":"OTP verified","status":200}"#)
    } else {
        tx.status(500).answer(r#"{"message":"Invalid OTP! Please try again..","status":500}"#)
    }
}

#[test]
fn codes_for_a_new_password_are_told_though_they_are_answered_500() {
    let check = |wrong: u64, expected: Option<(Severity, Outcome)>| {
        let mut town = Town::new(RULE);
        for n in 0..=wrong {
            let tx = chooses(3, 1000 + n, n == wrong).from(&elsewhere(1)).agent("curl/8");
            town.at(60.0 + 2.0 * n as f64, tx);
        }
        town.run();
        let worst = town.stories().iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{:#?}", town.stories());
    };
    check(40, Some((Severity::Critical, Outcome::Success)));
    check(3, None);
}

#[test]
fn a_page_with_the_form_again_is_a_wrong_code() {
    let page = "<form method=post><input name=csrf><input name=token></form>";
    let give = |code: u64| post("/two-factor").form(&format!("csrf=abc&token={code:06}"));
    let mut town = Town::new(RULE);
    for user in 0..12_u64 {
        let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        town.at(60.0 * user as f64, own(give(1000 + user).html(page)));
        town.at(60.0 * user as f64 + 9.0, own(give(2000 + user).location("/dashboard")));
    }
    for n in 0..20 {
        let tx = give(5000 + n).html(page).from(&elsewhere(1)).agent("curl/8");
        town.at(3000.0 + n as f64, tx);
    }
    town.run();
    assert_eq!(town.stories().len(), 1, "{:#?}", town.stories());
    assert_eq!(town.stories()[0].outcome, Outcome::Failure);
}
