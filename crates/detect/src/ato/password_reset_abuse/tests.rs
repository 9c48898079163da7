//! New passwords for others, and what looks like it.

use crate::testing::{Answer, App, Town, browser, elsewhere, home, key, name, password};
use stilt_inventory::test_support::{Tx, get, post, put};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const APP: App = App::Json;

fn ask(user: u64) -> Tx {
    let body = format!(r#"{{"username":"{}"}}"#, name(user));
    post("/password/forgot").json(&body).answer(r#"{"message":"look at your mail"}"#)
}

fn confirm(n: u64, right: bool) -> Tx {
    let body = format!(r#"{{"reset_token":"{}","password":"New-pass-{n}"}}"#, key(n));
    let tx = post("/password/reset").json(&body);
    if right { tx.answer(r#"{"done":1}"#) } else { tx.status(400).answer(r#"{"error":"expired"}"#) }
}

fn check(plan: impl Fn(&mut Town), expected: Option<(Severity, Outcome)>) {
    let mut town = Town::new(RULE);
    for user in 0..20_u64 {
        let own = |tx: Tx| tx.from(&home(user)).agent(browser(user));
        let at = 60.0 * user as f64;
        town.at(at, own(APP.sign_in(user, &password(user), Answer::Yes)));
        town.at(at + 9.0, APP.by(user, APP.open(user, user, Answer::Yes)));
        if user % 4 == 0 {
            town.at(at + 900.0, own(ask(user)));
            town.at(at + 990.0, own(confirm(400 + user, true)));
        }
    }
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(worst, expected, "{stories:#?}");
    assert!(stories.len() <= 1, "{stories:#?}");
}

fn thief(tx: Tx) -> Tx {
    tx.from(&elsewhere(1)).agent("curl/8")
}

#[test]
fn new_passwords_for_many_are_told() {
    check(
        |town| {
            for n in 0..30 {
                town.at(3000.0 + 20.0 * n as f64, thief(ask(100 + n)));
            }
        },
        Some((Severity::Medium, Outcome::Success)),
    );
}

#[test]
fn a_strange_host_where_a_link_is_sent_is_told() {
    let told = Some((Severity::High, Outcome::Success));
    check(|town| town.at(3000.0, thief(ask(5)).host("evil.test")), told);
    let forwarded = |tx: Tx| tx.header("X-Forwarded-Host", "evil.test");
    check(|town| town.at(3000.0, forwarded(thief(ask(5)))), told);
}

#[test]
fn tokens_that_are_guessed_are_told_by_what_came_of_it() {
    let guess = |town: &mut Town, right: bool| {
        for n in 0..9 {
            town.at(3000.0 + 5.0 * n as f64, thief(confirm(n, false)));
        }
        if right {
            town.at(3100.0, thief(confirm(77, true)));
        }
    };
    check(|town| guess(town, false), Some((Severity::Medium, Outcome::Failure)));
    check(|town| guess(town, true), Some((Severity::Critical, Outcome::Success)));
}

fn set(by: u64, of: u64, secret: &str) -> Tx {
    let path = format!("/users/{}/password", name(of));
    APP.by(by, put(&path).json(&format!(r#"{{"password":"{secret}"}}"#)).status(204))
}

#[test]
fn a_password_set_for_another_and_used_at_once_is_told() {
    check(
        |town| {
            town.at(3000.0, set(3, 8, "Mine-now-1"));
            let tx = APP.sign_in(8, "Mine-now-1", Answer::Yes);
            town.at(3060.0, tx.from(&home(3)).agent(browser(3)));
        },
        Some((Severity::Critical, Outcome::Success)),
    );
}

#[test]
fn ones_own_password_old_links_and_a_help_desk_are_silent() {
    check(
        |town| {
            town.at(3000.0, set(3, 3, "Mine-own-1"));
            let tx = APP.sign_in(3, "Mine-own-1", Answer::Yes);
            town.at(3060.0, tx.from(&home(3)).agent(browser(3)));
            // A help desk sets one, and its owner signs in at home.
            town.at(3100.0, set(4, 9, "Temp-1234"));
            let tx = APP.sign_in(9, "Temp-1234", Answer::Yes);
            town.at(3200.0, tx.from(&home(9)).agent(browser(9)));
            for n in 0..20 {
                // One link that has expired, and one person who asks again and again.
                let own = |tx: Tx| tx.from(&home(6)).agent(browser(6));
                town.at(3300.0 + 20.0 * f64::from(n), own(confirm(55, false)));
                town.at(3301.0 + 20.0 * f64::from(n), own(ask(6)));
            }
        },
        None,
    );
}

/// The form of a link in another language, which answers with a page, or leads on.
fn form(n: u64, right: bool) -> Tx {
    let token = &key(n)[..20];
    let body = format!("jeton={token}&nouveau_mot_de_passe=New-pass-{n}");
    let tx = post("/reinitialiser").form(&body);
    if right { tx.location("/connexion") } else { tx.html("<p>Ce lien est invalide.</p>") }
}

#[test]
fn tokens_of_a_form_that_answers_with_a_page_are_guessed_whether_or_not_a_right_one_was_seen() {
    let guesses = |town: &mut Town, tokens: u64| {
        for n in 0..tokens {
            town.at(3000.0 + 5.0 * n as f64, thief(form(500 + n, false)));
        }
    };
    let owner = |town: &mut Town| {
        town.at(2500.0, form(400, true).from(&home(3)).agent(browser(3)));
    };
    let told = Some((Severity::Medium, Outcome::Failure));
    check(|town| guesses(town, 15), told);
    check(
        |town| {
            owner(town);
            guesses(town, 8);
        },
        told,
    );
    // A link that has expired, tried again; and links opened by what scans mails.
    check(
        |town| {
            owner(town);
            guesses(town, 2);
            for n in 0..40 {
                let open = get(&format!("/reinitialiser?jeton={}", &key(600 + n)[..20]));
                town.at(3200.0 + 2.0 * n as f64, thief(open.html("<form method=post>")));
            }
        },
        None,
    );
}

/// A link opens a form, whatever its token; what is sent from it is judged.
fn by_form(n: u64, right: bool) -> [Tx; 2] {
    let form = format!("reset_password_token={}&password=New-pass-{n}", key(n));
    let sent = put("/users/password").form(&form);
    let page = get(&format!("/users/password/edit?reset_password_token={}", key(n)));
    let page = page.html("<form>new password</form>");
    [page, if right { sent.location("/") } else { sent.status(422).html("<form>invalid</form>") }]
}

#[test]
fn the_page_that_a_link_opens_makes_no_guess_right() {
    check(
        |town| {
            for n in 0..9 {
                for (step, tx) in by_form(n, false).into_iter().enumerate() {
                    town.at(3000.0 + 9.0 * n as f64 + 2.0 * step as f64, thief(tx));
                }
            }
        },
        Some((Severity::Medium, Outcome::Failure)),
    );
    check(
        |town| {
            for (at, right) in [(3000.0, false), (3060.0, true)] {
                for (step, tx) in by_form(at as u64, right).into_iter().enumerate() {
                    town.at(at + 2.0 * step as f64, thief(tx));
                }
            }
        },
        None,
    );
}
