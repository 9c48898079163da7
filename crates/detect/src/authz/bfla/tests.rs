//! Functions of others' roles, used and tried, and what looks like it.

use crate::testing::{HOUR, Town, browser, chance, home, name};
use stilt_inventory::test_support::{Tx, delete, get, jwt, post};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 14;
const LATER: f64 = 3.0 * HOUR;
const MALLORY: u64 = 5;
const ADMIN: u64 = 100;

fn by(user: u64, role: &str, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","roles":["{role}"],"iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn person(user: u64) -> Tx {
    let body = format!(r#"{{"username":"{0}","city":"Bern"}}"#, name(user));
    get(&format!("/people/{}", name(user))).answer(&body)
}

fn usual(town: &mut Town) {
    for hour in 0..4 {
        for user in 0..USERS {
            let at = (hour as f64 + 0.9 * chance(&[hour, user])) * HOUR;
            town.at(at, by(user, "customer", person(user)));
            town.at(at + 1.0, by(user, "customer", person((user + 1) % USERS)));
            let list = get("/news").answer(r#"{"news":[{"title":"x"}]}"#);
            town.at(at + 2.0, by(user, "customer", list));
        }
        let at = hour as f64 * HOUR + 60.0;
        let report = get("/admin/report").answer(r#"{"total":7}"#);
        town.at(at, by(ADMIN, "admin", report));
        town.at(at + 5.0, by(ADMIN, "admin", removes(&format!("gone.{hour}"))));
    }
}

fn removes(who: &str) -> Tx {
    delete(&format!("/people/{who}")).answer(r#"{"removed":true}"#)
}

fn forbidden(tx: Tx) -> Tx {
    tx.status(403).answer(r#"{"error":"forbidden"}"#)
}

fn check(plan: impl Fn(&mut Town), expected: Option<(Severity, Outcome)>) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(told, expected, "{stories:#?} {:?}", town.not_evaluated());
}

const USED: Option<(Severity, Outcome)> = Some((Severity::Critical, Outcome::Success));
const TRIED: Option<(Severity, Outcome)> = Some((Severity::Low, Outcome::Failure));

#[test]
fn a_function_of_administrators_let_happen_for_a_customer_is_told() {
    check(
        |town| {
            let report = get("/admin/report").answer(r#"{"total":7}"#);
            town.at(LATER, by(MALLORY, "customer", report));
        },
        USED,
    );
    check(|town| town.at(LATER, by(MALLORY, "customer", removes(&name(3)))), USED);
}

#[test]
fn tries_at_several_things_are_told_low() {
    check(
        |town| {
            town.at(LATER - 9.0, by(MALLORY, "customer", person(MALLORY)));
            for n in 0..4 {
                let tx = forbidden(removes(&name(n)));
                town.at(LATER + 60.0 * n as f64, by(MALLORY, "customer", tx));
            }
        },
        TRIED,
    );
}

#[test]
fn what_nobody_uses_counts_beside_two_things_that_others_do() {
    let tries = |paths: &'static [&'static str]| {
        move |town: &mut Town| {
            town.at(600.0, by(ADMIN, "admin", get("/keys").answer(r#"{"keys":[]}"#)));
            town.at(610.0, by(ADMIN, "admin", get("/audit").answer(r#"{"lines":[]}"#)));
            town.at(LATER - 9.0, by(MALLORY, "customer", person(MALLORY)));
            for (n, path) in paths.iter().enumerate() {
                let tx = forbidden(get(path));
                town.at(LATER + 20.0 * n as f64, by(MALLORY, "customer", tx));
            }
        }
    };
    check(tries(&["/keys", "/audit", "/billing"]), TRIED);
    check(tries(&["/keys", "/billing", "/reports"]), None);
    check(tries(&["/news/x", "/billing", "/reports"]), None);
}

#[test]
fn one_or_two_refusals_are_a_mistake() {
    check(
        |town| {
            town.at(LATER - 9.0, by(MALLORY, "customer", person(MALLORY)));
            for n in 0..2 {
                let tx = forbidden(removes(&name(n)));
                town.at(LATER + 60.0 * n as f64, by(MALLORY, "customer", tx));
            }
        },
        None,
    );
}

#[test]
fn a_page_that_asks_for_what_everybody_is_refused_is_silent() {
    check(
        |town| {
            for user in 0..USERS {
                for n in 0..4 {
                    let at = (0.2 + n as f64 * 0.1) * HOUR + user as f64;
                    let tx = forbidden(get(&format!("/admin/badge{n}")));
                    town.at(at, by(user, "customer", tx));
                }
            }
        },
        None,
    );
}

#[test]
fn a_credential_that_is_refused_everywhere_has_expired() {
    check(
        |town| {
            for n in 0..5 {
                let tx = removes(&name(n)).status(401).answer(r#"{"error":"token expired"}"#);
                town.at(LATER + 5.0 * n as f64, by(200, "customer", tx));
            }
        },
        None,
    );
}

#[test]
fn who_was_made_an_administrator_is_one() {
    check(
        |town| {
            let grant = post("/people/roles")
                .json(&format!(r#"{{"user":"{}","role":"admin"}}"#, name(MALLORY)));
            town.at(LATER - 99.0, by(ADMIN, "admin", grant.answer(r#"{"ok":true}"#)));
            town.at(LATER, by(MALLORY, "customer", removes(&name(3))));
            town.at(LATER + 9.0, by(6, "admin", removes(&name(4))));
        },
        None,
    );
}

#[test]
fn a_role_that_a_customer_gives_is_none() {
    check(
        |town| {
            let grant = post("/groups")
                .json(&format!(r#"{{"user":"{}","group":"friends"}}"#, name(MALLORY)));
            town.at(LATER - 99.0, by(6, "customer", grant.answer(r#"{"ok":true}"#)));
            town.at(LATER, by(MALLORY, "customer", removes(&name(3))));
        },
        USED,
    );
}

#[test]
fn a_new_function_that_customers_find_is_silent() {
    check(
        |town| {
            for user in 0..3 {
                let tx = get("/beta/map").answer(r#"{"map":1}"#);
                town.at(LATER + user as f64, by(user, "customer", tx));
            }
        },
        None,
    );
}

#[test]
fn where_roles_are_not_known_it_is_counted() {
    let mut town = Town::new(RULE);
    usual(&mut town);
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(300));
    let tx = removes(&name(3)).from(&home(300)).bearer(&jwt(&claims));
    town.at(LATER - 5.0, get("/news").from(&home(300)).bearer(&jwt(&claims)));
    town.at(LATER, tx);
    town.run();
    assert!(town.stories().is_empty());
    assert!(!town.not_evaluated().is_empty());
}

#[test]
fn a_function_named_for_administrators_opens_for_a_customer() {
    let wipe = || delete("/api/v2/admin/videos/7").answer(r#"{"message":"deleted"}"#);
    let opened = Some((Severity::Critical, Outcome::Success));
    check(|town| town.at(LATER, by(MALLORY, "customer", wipe())), opened);
    check(|town| town.at(LATER, by(ADMIN, "admin", wipe())), None);
    let album = || delete("/api/v2/albums/7").answer(r#"{"message":"deleted"}"#);
    check(|town| town.at(LATER, by(MALLORY, "customer", album())), None);
}

#[test]
fn being_led_to_sign_in_is_a_refusal_but_not_of_what_was_ones_own() {
    let away = |path: &str| get(path).location("/login?next=/");
    let staff = ["/admin/report", "/admin/people", "/admin/export"];
    let works = |town: &mut Town| {
        for path in staff {
            town.at(600.0, by(ADMIN, "admin", get(path).answer(r#"{"n":1}"#)));
            town.at(900.0, by(ADMIN + 1, "admin", get(path).answer(r#"{"n":1}"#)));
        }
    };
    let tries = |town: &mut Town, who: u64, role: &str| {
        works(town);
        town.at(LATER - 9.0, by(who, role, person(3)));
        for (n, path) in staff.iter().enumerate() {
            town.at(LATER + 5.0 * n as f64, by(who, role, away(path)));
        }
    };
    check(|town| tries(town, MALLORY, "customer"), TRIED);
    check(|town| tries(town, ADMIN, "admin"), None);
}

/// Documents: each customer's is shown in its profile, and those who help look at all of them.
fn documents(town: &mut Town) {
    for helper in 0..2 {
        for user in 0..USERS {
            let at = 0.5 * HOUR + 60.0 * user as f64 + 5.0 * helper as f64;
            town.at(at, by(ADMIN + 5 + helper, "agent", document(user)));
        }
    }
    for user in 0..USERS {
        let body =
            format!(r#"{{"username":"{}","document_id":"doc-{}"}}"#, name(user), 7000 + user);
        town.at(1.0 * HOUR + user as f64, by(user, "customer", get("/me").answer(&body)));
    }
}

fn document(user: u64) -> Tx {
    let body = format!(r#"{{"id":"doc-{}","state":"passed"}}"#, 7000 + user);
    get(&format!("/documents/doc-{}", 7000 + user)).answer(&body)
}

#[test]
fn customers_who_open_what_is_their_own_are_silent_though_only_helpers_did_before() {
    check(
        |town| {
            documents(town);
            for user in 0..6 {
                town.at(LATER + 60.0 * user as f64, by(user, "customer", document(user)));
            }
        },
        None,
    );
}

#[test]
fn a_function_that_three_customers_were_told_of_is_open_to_the_fourth() {
    let mut town = Town::new(RULE);
    usual(&mut town);
    let statistics = || get("/statistics").answer(r#"{"total":7}"#);
    for turn in 1..6 {
        town.at(1500.0 * turn as f64, by(ADMIN, "admin", statistics()));
    }
    for user in 0..6 {
        town.at(LATER + 60.0 * user as f64, by(user, "customer", statistics()));
    }
    town.run();
    assert_eq!(town.stories().len(), 3, "{:#?}", town.stories());
}

#[test]
fn what_was_used_once_says_nothing_of_rights_and_what_was_used_often_does() {
    // One administrator did it once, or looked at it again at once; in the other town for days.
    let prints = || post("/labels").answer(r#"{"printed":true}"#);
    let uses = |times: &'static [f64]| {
        move |town: &mut Town| {
            for at in times {
                town.at(*at, by(ADMIN, "admin", prints()));
            }
            town.at(LATER, by(MALLORY, "agent", prints()));
            town.at(LATER + 9.0, by(6, "agent", prints()));
        }
    };
    let agents = |plan: &dyn Fn(&mut Town), expected| {
        let mut town = Town::new(RULE);
        for hour in 0..4 {
            for user in 0..52 {
                let at = (hour as f64 + 0.9 * chance(&[hour, user])) * HOUR;
                let list = get("/news").answer(r#"{"news":[{"title":"x"}]}"#);
                town.at(at, by(user, "agent", person(user)));
                town.at(at + 2.0, by(user, "agent", list));
            }
            town.at(hour as f64 * HOUR + 60.0, by(ADMIN, "admin", person(ADMIN)));
        }
        plan(&mut town);
        town.run();
        let stories = town.stories();
        let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(told, expected, "{stories:#?} {:?}", town.not_evaluated());
    };
    agents(&uses(&[900.0]), None);
    agents(&uses(&[900.0, 905.0, 960.0, 1000.0, 1190.0]), None);
    agents(&uses(&[900.0, 2700.0, 5400.0, 8100.0]), USED);
}

/// Rights that only answers tell.
fn told(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

#[test]
fn rights_that_one_writes_to_itself_and_is_told_of_at_once_are_none() {
    let plan = |town: &mut Town, steals: bool| {
        let me = |user: u64, staff: bool| {
            format!(r#"{{"username":"{}","city":"Bern","is_staff":{staff}}}"#, name(user))
        };
        let patch = |user: u64, more: &str, staff: bool| {
            let tx = Tx::new("PATCH", "/me").json(&format!(r#"{{"city":"Bern"{more}}}"#));
            told(user, tx.answer(&me(user, staff)))
        };
        let search = || get("/internal/search").answer(r#"{"hits":[]}"#);
        for hour in 0..4 {
            for user in (0..USERS).chain([ADMIN, ADMIN + 1]) {
                let at = (hour as f64 + 0.5) * HOUR + 9.0 * user as f64;
                let staff = user >= ADMIN;
                town.at(at, told(user, get("/me").answer(&me(user, staff))));
                town.at(at + 1.0, told(user, get("/news").answer(r#"{"news":[]}"#)));
                town.at(at + 2.0, patch(user, "", staff));
                if staff {
                    town.at(at + 3.0, told(user, search()));
                }
            }
        }
        let late = 5.0 * HOUR;
        town.at(late, told(MALLORY, get("/me").answer(&me(MALLORY, false))));
        if steals {
            town.at(late + 5.0, patch(MALLORY, r#","is_staff":true"#, true));
            town.at(late + 9.0, told(MALLORY, get("/me").answer(&me(MALLORY, true))));
            town.at(late + 12.0, told(MALLORY, search()));
        }
        town.at(late + 20.0, told(MALLORY, get("/news").answer(r#"{"news":[]}"#)));
    };
    for steals in [true, false] {
        let mut town = Town::new(RULE);
        plan(&mut town, steals);
        town.run();
        let stories = town.stories();
        let of_search = stories.iter().filter(|s| s.message.contains("/internal/search")).count();
        assert_eq!((stories.len(), of_search), (usize::from(steals), usize::from(steals)));
    }
}

#[test]
fn who_registered_as_an_administrator_and_changes_what_others_only_read_is_told() {
    let joins = |user: u64, more: &str| {
        let body = format!(r#"{{"username":"{}","password":"pw-{user}"{more}}}"#, name(user));
        post("/register").json(&body).answer(r#"{"status":"created"}"#).from(&home(user))
    };
    let plan = |town: &mut Town, more: &str| {
        for user in 20..40 {
            town.at(20.0 * user as f64, joins(user, ""));
        }
        town.at(LATER - 600.0, joins(77, more));
        let me = format!(r#"{{"username":"{}","is_admin":{}}}"#, name(77), !more.is_empty());
        town.at(LATER - 60.0, told(77, get("/me").answer(&me)));
        town.at(LATER - 50.0, told(77, person(77)));
        let gone = delete(&format!("/people/{}", name(30))).answer(r#"{"removed":true}"#);
        town.at(LATER, told(77, gone));
    };
    let usual_but_removals = |town: &mut Town| {
        for hour in 0..2 {
            for user in 0..USERS {
                let at = (hour as f64 + 0.9 * chance(&[hour, user])) * HOUR;
                town.at(at, by(user, "customer", person(user)));
            }
        }
    };
    for (more, stories) in [(r#","is_admin":true"#, 1), ("", 0)] {
        let mut town = Town::new(RULE);
        usual_but_removals(&mut town);
        plan(&mut town, more);
        town.run();
        assert_eq!(town.stories().len(), stories, "{more} {:#?}", town.stories());
    }
}

#[test]
fn who_gives_itself_a_role_marks_nobody_who_has_it() {
    // Each call bears a number of its own, as JSON-RPC does; answers to advisers show it again.
    let call = |user: u64, n: u64, method: &str, params: &str, answer: &str| {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{n},"method":"{method}","params":{{{params}}}}}"#);
        let answer = format!(r#"{{"jsonrpc":"2.0","id":{n},"result":{answer}}}"#);
        told(user, post("/rpc").json(&body).answer(&answer))
    };
    let me = |user: u64, role: &str| {
        format!(r#"{{"username":"{}","city":"Bern","role":"{role}"}}"#, name(user))
    };
    let role = |user: u64| if user >= ADMIN { "agent" } else { "customer" };
    for writes in [true, false] {
        let mut town = Town::new(RULE);
        for hour in 0..4 {
            for (n, user) in (0..USERS).chain(ADMIN..ADMIN + 4).enumerate() {
                let at = (hour as f64 + 0.5) * HOUR + 30.0 * n as f64;
                let city = r#""city":"Bern""#;
                town.at(at, call(user, 1, "me.get", "", &me(user, role(user))));
                town.at(at + 2.0, call(user, 2, "me.set", city, &me(user, role(user))));
                town.at(at + 4.0, call(user, 3, "news.list", "", r#"{"news":[]}"#));
                if user >= ADMIN {
                    town.at(at + 6.0, call(user, 4, "clients.find", "", r#"{"hits":[]}"#));
                }
            }
        }
        let at = 2.2 * HOUR;
        if writes {
            // It names the real holders, too.
            let holders: Vec<String> =
                (0..4).map(|n| format!(r#""n{n}":"{}""#, name(ADMIN + n))).collect();
            let params = format!(r#""role":"agent","city":"Bern",{}"#, holders.join(","));
            town.at(at, call(MALLORY, 2, "me.set", &params, &me(MALLORY, "agent")));
        }
        town.run();
        let told: Vec<String> = town.stories().iter().map(|s| s.message.clone()).collect();
        assert_eq!(told, [""; 0], "{:#?}", town.stories());
    }
}

/// Administrators see two lists all the time; one of them signed a leave once.
fn leaves_of_absence(town: &mut Town) {
    for helper in 0..5 {
        let at = 900.0 + 700.0 * helper as f64;
        for (n, path) in ["/teams", "/wages"].into_iter().enumerate() {
            let list = get(path).answer(r#"{"list":[{"n":1}]}"#);
            town.at(at + n as f64, by(ADMIN + 10 + helper, "admin", list));
        }
    }
    town.at(1200.0, by(ADMIN + 10, "admin", sign(7000)));
}

fn sign(leave: u64) -> Tx {
    post(&format!("/leaves/{leave}/sign")).answer(r#"{"state":"signed"}"#)
}

#[test]
fn what_is_seldom_used_is_told_of_one_who_was_just_refused_at_other_things() {
    let signs = |town: &mut Town| {
        leaves_of_absence(town);
        town.at(LATER - 9.0, by(MALLORY, "customer", person(MALLORY)));
        town.at(LATER + 90.0, by(MALLORY, "customer", sign(7100)));
    };
    check(signs, None);
    let after = |paths: &'static [&'static str]| {
        move |town: &mut Town| {
            signs(town);
            for (n, path) in paths.iter().enumerate() {
                town.at(LATER + n as f64, by(MALLORY, "customer", forbidden(get(path))));
            }
        }
    };
    check(after(&["/teams"]), None);
    check(after(&["/teams", "/wages"]), USED);
}

/// One of thirty members or five leaders, as a token says under a name of the house's own.
fn claims(user: u64, field: &str, value: &str, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","{field}":"{value}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

#[test]
fn a_role_under_a_name_of_the_houses_own_is_one_and_a_language_is_none() {
    let week = || get("/reports/week").answer(r#"{"total":7}"#);
    let check = |field: &str, says: fn(u64) -> &'static str, expected| {
        let mut town = Town::new(RULE);
        for turn in 0..30 {
            for user in (0..30).chain(100..105) {
                let at = (turn as f64 + 0.9 * chance(&[turn, user])) * HOUR / 6.0;
                let list = get("/news").answer(r#"{"news":[{"title":"x"}]}"#);
                town.at(at, claims(user, field, says(user), list));
                if user >= 100 {
                    town.at(at + 1.0, claims(user, field, says(user), week()));
                }
            }
        }
        town.at(6.0 * HOUR, claims(MALLORY, field, says(MALLORY), week()));
        town.run();
        let stories = town.stories();
        let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(told, expected, "{field} {stories:#?} {:?}", town.not_evaluated());
    };
    check("stufe", |user| if user >= 100 { "leitung" } else { "mitglied" }, USED);
    check("sprache", |user| if user.is_multiple_of(3) { "fr" } else { "de" }, None);
}
