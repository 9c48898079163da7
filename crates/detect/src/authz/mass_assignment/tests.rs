//! Fields that grant rights, set by those who may not, and what looks like it.

use crate::testing::{HOUR, Town, browser, chance, home, name};
use stilt_inventory::test_support::{Tx, jwt, post, put};
use stilt_model::Severity;

const RULE: &str = super::SPEC.rule.id;
const LATER: f64 = 3.0 * HOUR;

fn registers(user: u64, more: &str) -> Tx {
    let body = format!(r#"{{"username":"{}","password":"pw-{user}"{more}}}"#, name(user));
    post("/register").json(&body).answer(r#"{"status":"created"}"#).from(&home(user))
}

fn by(user: u64, role: &str, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","roles":["{role}"],"iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn profile(user: u64, body: &str) -> Tx {
    put("/me").json(body).answer(&format!(r#"{{"username":"{}","role":"basic"}}"#, name(user)))
}

fn usual(town: &mut Town) {
    for user in 0..16 {
        town.at(2.0 * HOUR * chance(&[user]), registers(user, ""));
        let tx = by(user, "customer", profile(user, r#"{"city":"Bern","phone":"1"}"#));
        town.at(2.0 * HOUR + user as f64, tx);
    }
}

fn check(plan: impl Fn(&mut Town), expected: Option<Severity>) {
    let mut town = Town::new(RULE);
    usual(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let told = stories.iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "{stories:#?}");
}

#[test]
fn a_field_that_grants_rights_is_told_and_critical_once_it_shows() {
    check(|town| town.at(LATER, registers(77, r#","is_admin":true"#)), Some(Severity::High));
    check(
        |town| {
            town.at(LATER, registers(77, r#","is_admin":true"#));
            let me = Tx::new("GET", "/me");
            let body = format!(r#"{{"username":"{}","is_admin":true}}"#, name(77));
            town.at(LATER + 60.0, by(77, "customer", me.answer(&body)));
        },
        Some(Severity::Critical),
    );
    check(
        |town| town.at(LATER, by(3, "customer", profile(3, r#"{"city":"Bern","balance":999}"#))),
        Some(Severity::High),
    );
}

#[test]
fn a_question_about_groups_assigns_nothing() {
    let asks = |user: u64, groups: &str, answer: &str| {
        let body = format!(r#"{{"spec":{{"user":"{}","verb":"get"{groups}}}}}"#, name(user));
        let answer = format!(r#"{{"spec":{{"verb":"get"{groups}}},"status":{answer}}}"#);
        by(user, "customer", post("/reviews").json(&body).answer(&answer))
    };
    let groups = r#","groups":["system:masters"]"#;
    let plan = |town: &mut Town, answer: &str| {
        for user in 0..16 {
            town.at(2.5 * HOUR + user as f64, asks(user, "", r#"{"seen":true}"#));
        }
        town.at(LATER, asks(3, groups, answer));
    };
    check(|town| plan(town, r#"{"allowed":false,"reason":"no rule"}"#), None);
    check(|town| plan(town, r#"{"seen":true}"#), Some(Severity::Critical));
}

#[test]
fn what_was_refused_or_grants_nothing_is_silent() {
    let refused = |user| registers(user, r#","is_admin":true"#).status(400).answer("{}");
    check(|town| town.at(LATER, refused(77)), None);
    check(|town| town.at(LATER, registers(77, r#","is_admin":false,"role":"user""#)), None);
    check(|town| town.at(LATER, registers(77, r#","nickname":"admin""#)), None);
}

#[test]
fn an_administrator_may_and_a_record_may_be_sent_back_as_it_was_read() {
    check(
        |town| town.at(LATER, by(90, "admin", profile(90, r#"{"city":"Bern","role":"vip"}"#))),
        None,
    );
    check(
        |town| {
            let me = Tx::new("GET", "/me").answer(r#"{"city":"Bern","balance":120}"#);
            town.at(LATER, by(3, "customer", me));
            let back = profile(3, r#"{"city":"Basel","balance":120}"#);
            town.at(LATER + 9.0, by(3, "customer", back));
        },
        None,
    );
}

#[test]
fn a_state_that_the_house_gives_is_told_and_one_that_customers_choose_is_not() {
    let order = |user: u64, more: &str| {
        let body = format!(r#"{{"quantity":2{more}}}"#);
        let tx = put(&format!("/orders/{user}")).json(&body);
        by(user, "customer", tx.answer(&format!(r#"{{"id":{user},"quantity":2}}"#)))
    };
    let orders = |town: &mut Town| {
        for user in 0..16 {
            town.at(2.5 * HOUR + user as f64, order(user, ""));
        }
    };
    for (more, told) in [
        (r#","status":"returned""#, Some(Severity::High)),
        (r#","status":"cancelled""#, None),
        (r#","guthaben":500"#, Some(Severity::High)),
    ] {
        check(
            |town| {
                orders(town);
                town.at(LATER, order(3, more));
            },
            told,
        );
    }
}

#[test]
fn an_answer_that_tells_the_right_that_was_just_set_makes_nobody_an_administrator() {
    let me = |role: &str| format!(r#"{{"username":"{}","role":"{role}"}}"#, name(3));
    let plain = |tx: Tx| {
        let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(3));
        tx.from(&home(3)).agent(browser(3)).bearer(&jwt(&claims))
    };
    check(
        |town| {
            town.at(LATER - 9.0, plain(Tx::new("GET", "/me").answer(&me("customer"))));
            let sets = put("/me").json(r#"{"city":"Bern","role":"admin"}"#);
            town.at(LATER, plain(sets.answer(&me("admin"))));
        },
        Some(Severity::Critical),
    );
}

#[test]
fn a_level_that_only_answers_tell_is_told_once_it_shows_as_it_was_set() {
    let me = |user: u64, level: u64| {
        let body = format!(r#"{{"username":"{}","kyc_level":{level},"theme":"dark"}}"#, name(user));
        by(user, "customer", Tx::new("GET", "/me").answer(&body))
    };
    let sets = |user: u64, more: &str| {
        let tx = put("/profile").json(&format!(r#"{{"city":"Bern"{more}}}"#));
        by(user, "customer", tx.answer(r#"{"ok":true}"#))
    };
    let plan = |town: &mut Town, more: &str, after: u64| {
        for user in 0..16 {
            town.at(2.1 * HOUR + user as f64, me(user, 1));
            town.at(2.2 * HOUR + user as f64, sets(user, ""));
            town.at(2.3 * HOUR + user as f64, sets(user, ""));
        }
        town.at(LATER, sets(3, more));
        town.at(LATER + 9.0, me(3, after));
    };
    check(|town| plan(town, r#","kyc_level":3"#, 3), Some(Severity::High));
    // It was not taken; it is what it was; it speaks of no standing.
    check(|town| plan(town, r#","kyc_level":3"#, 1), None);
    check(|town| plan(town, r#","kyc_level":1"#, 1), None);
    check(|town| plan(town, r#","theme":"light""#, 1), None);
    // Others set it as well.
    check(
        |town| {
            town.at(2.5 * HOUR, sets(9, r#","kyc_level":2"#));
            plan(town, r#","kyc_level":3"#, 3);
        },
        None,
    );
}

#[test]
fn a_field_that_tells_roles_under_a_name_of_its_own_is_told_once_it_shows() {
    let by = |user: u64, tx: Tx| {
        let rang = if user >= 100 { "leitung" } else { "gast" };
        let claims = format!(r#"{{"sub":"{}","rang":"{rang}","iat":1795305600}}"#, name(user));
        tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
    };
    let sets = |user: u64, body: &str, shows: &str| {
        put("/mine")
            .json(body)
            .answer(&format!(r#"{{"username":"{}","rang":"{shows}"}}"#, name(user)))
    };
    for (body, shows, expected) in [
        (r#"{"city":"Bern","rang":"leitung"}"#, "leitung", Some(Severity::High)),
        (r#"{"city":"Bern","rang":"leitung"}"#, "gast", None),
        (r#"{"city":"Bern","motto":"leitung"}"#, "gast", None),
    ] {
        let mut town = Town::new(RULE);
        for turn in 0..12 {
            for user in (0..30).chain(100..105) {
                let at = (turn as f64 + 0.9 * chance(&[turn, user])) * HOUR / 6.0;
                let rang = if user >= 100 { "leitung" } else { "gast" };
                town.at(at, by(user, sets(user, r#"{"city":"Bern"}"#, rang)));
                if user >= 100 {
                    town.at(at + 1.0, by(user, Tx::new("GET", "/week").answer(r#"{"n":7}"#)));
                }
            }
        }
        town.at(LATER, by(5, sets(5, body, shows)));
        // Who sends somebody's record back as it was listed, or gives somebody a role, does its work.
        let list = format!(r#"{{"people":[{{"username":"{}","rang":"gast"}}]}}"#, name(7));
        town.at(LATER + 9.0, by(6, Tx::new("GET", "/people").answer(&list)));
        let of = |rang: &str| {
            let body = format!(r#"{{"username":"{}","rang":"{rang}"}}"#, name(7));
            put(&format!("/people/{}", name(7))).json(&body).answer(&body)
        };
        town.at(LATER + 19.0, by(6, of("gast")));
        town.at(LATER + 29.0, by(100, of("leitung")));
        town.run();
        let stories = town.stories();
        let told = stories.iter().map(|story| story.severity).max();
        assert_eq!(told, expected, "{body} {shows} {stories:#?}");
    }
}

#[test]
fn what_is_said_to_a_model_or_around_a_tool_sets_nothing_and_what_a_tool_is_given_does() {
    let call = |user: u64, tool: &str, more: &str, around: &str| {
        let params = format!(r#"{{"name":"{tool}","arguments":{{"city":"Bern"{more}}}{around}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let answer =
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}"#;
        by(user, "customer", post("/mcp").json(&body).answer(answer))
    };
    let asks = |user: u64, told: &str| {
        let told = format!(r#"{{"role":"tool","tool_call_id":"c1","content":"{told}"}}"#);
        let asked = r#"{"role":"user","content":"Which rooms are free?"}"#;
        let body = format!(r#"{{"model":"m-1","messages":[{asked},{told}]}}"#);
        let answer = r#"{"choices":[{"message":{"role":"assistant","content":"All."}}]}"#;
        by(user, "customer", post("/v1/chat/completions").json(&body).answer(answer))
    };
    let talks = |town: &mut Town| {
        for user in 0..12 {
            let at = 2.5 * HOUR + user as f64;
            town.at(at, asks(user, "none"));
            town.at(at + 30.0, call(user, "update_profile", "", ""));
        }
    };
    check(
        |town| {
            talks(town);
            town.at(LATER, asks(3, r#"{\"rooms\":[{\"owner\":\"ann\",\"approved\":true}]}"#));
            town.at(LATER + 9.0, call(3, "update_profile", "", r#","_meta":{"role":"admin"}"#));
        },
        None,
    );
    check(
        |town| {
            talks(town);
            town.at(LATER, call(3, "update_profile", r#","role":"admin""#, ""));
        },
        Some(Severity::High),
    );
}
