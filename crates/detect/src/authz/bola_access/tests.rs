//! One access to what is another's, and what looks like it.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, chance, dice, home, name};
use stilt_inventory::test_support::{Tx, get, jwt, post, put};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 16;
const EACH: u64 = 6;
const LATER: f64 = 3.0 * HOUR;
const MALLORY: u64 = 5;

fn own(user: u64) -> Vec<(u64, u64)> {
    (0..EACH).map(|n| (n * USERS + user, user)).collect()
}

fn usual(town: &mut Town, app: App) {
    for hour in 0..4 {
        for user in 0..USERS {
            let at = (hour as f64 + 0.9 * chance(&[hour, user])) * HOUR;
            let tx = app.sign_in(user, "right", Answer::Yes);
            town.at(at, tx.from(&home(user)).agent(browser(user)));
            town.at(at + 2.0, app.by(user, app.list(&own(user))));
            for n in 0..3 {
                let thing = (dice(&[user, n, hour]) % EACH) * USERS + user;
                let tx = app.by(user, app.open(thing, user, Answer::Yes));
                town.at(at + 6.0 + 5.0 * n as f64, tx);
            }
        }
    }
}

/// Applications whose answers name owners, so that one access tells.
const NAMING: [App; 4] = [App::Json, App::Envelope, App::Calls, App::Actions];

fn check(apps: &[App], plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    for app in apps.iter().copied() {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(told, expected, "{app:?}: {stories:#?} {:?}", town.not_evaluated());
    }
}

const OPENED: Option<(Severity, Outcome)> = Some((Severity::High, Outcome::Success));

#[test]
fn one_access_to_anothers_thing_is_told_with_both_names() {
    let opens = |town: &mut Town, app: App| {
        town.at(LATER, app.by(MALLORY, app.open(7, 7, Answer::Yes)));
    };
    check(&NAMING, opens, OPENED);
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    opens(&mut town, App::Json);
    town.run();
    let message = &town.stories()[0].message;
    for part in ["order 4107", &name(7), &name(MALLORY), "never shown"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn one_access_is_told_where_owners_are_known_by_their_lists_alone() {
    let opens = |town: &mut Town, app: App| {
        town.at(LATER + 3600.0, app.by(MALLORY, app.open(7, 7, Answer::Yes)));
    };
    check(&[App::Form], opens, OPENED);
}

#[test]
fn an_access_is_told_though_packets_of_others_are_lost() {
    let plan = |town: &mut Town, app: App| {
        for n in 0..4 {
            let tx = app.by(MALLORY, app.open(n * USERS + MALLORY, MALLORY, Answer::Unseen));
            town.at(LATER - 30.0 + n as f64, tx);
        }
        town.at(LATER, app.by(MALLORY, app.open(7, 7, Answer::Yes)));
    };
    check(&NAMING, plan, OPENED);
}

#[test]
fn an_access_without_its_answer_is_counted_and_not_told() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    town.at(LATER, App::Json.by(MALLORY, App::Json.open(7, 7, Answer::Unseen)));
    town.run();
    assert!(town.stories().is_empty());
    assert!(town.not_evaluated().iter().any(|lack| lack.reason.contains("not seen")));
}

#[test]
fn a_refusal_is_the_authorization_at_work() {
    let plan = |town: &mut Town, app: App| {
        town.at(LATER, app.by(MALLORY, app.open(7, 7, Answer::No)));
    };
    check(&APPS, plan, None);
}

#[test]
fn usual_life_is_silent() {
    check(&APPS, |_, _| {}, None);
}

fn shares(owner: u64, request: Tx) -> Tx {
    App::Json.by(owner, request.answer(r#"{"ok":true}"#))
}

fn check_silent(first: impl Fn() -> Tx) {
    let plan = |town: &mut Town, app: App| {
        town.at(LATER - 60.0, first());
        town.at(LATER, app.by(MALLORY, app.open(7, 7, Answer::Yes)));
    };
    check(&[App::Json], plan, None);
}

#[test]
fn who_was_let_in_by_the_owner_may_open_it() {
    let mallory = name(MALLORY);
    let with = format!(r#"{{"user":"{mallory}","right":"read"}}"#);
    check_silent(|| shares(7, post("/api/v1/orders/4107/share").json(&with)));
    check_silent(|| shares(7, put(&format!("/api/v1/orders/4107/members/{mallory}"))));
    check_silent(|| {
        let patch = Tx::new("PATCH", "/api/v1/orders/4107");
        shares(7, patch.json(&format!(r#"{{"shared_with":["{mallory}"]}}"#)))
    });
    check_silent(|| {
        let patch = Tx::new("PATCH", "/api/v1/orders/4107");
        shares(7, patch.json(r#"{"visibility":"public"}"#))
    });
    check_silent(|| {
        let transfer = put("/api/v1/orders/4107");
        shares(7, transfer.json(&format!(r#"{{"customer":"{mallory}"}}"#)))
    });
    check_silent(|| {
        let delegates = post("/api/v1/delegations");
        shares(7, delegates.json(&format!(r#"{{"delegate":"{mallory}"}}"#)))
    });
}

#[test]
fn who_lets_itself_in_is_not_let_in() {
    let plan = |town: &mut Town, app: App| {
        let share = post("/api/v1/orders/4107/share");
        let body = format!(r#"{{"user":"{}"}}"#, name(MALLORY));
        let refused = share.json(&body).status(403).answer(r#"{"error":"forbidden"}"#);
        town.at(LATER - 60.0, app.by(MALLORY, refused));
        town.at(LATER, app.by(MALLORY, app.open(7, 7, Answer::Yes)));
    };
    check(&[App::Json], plan, OPENED);
}

#[test]
fn things_that_everybody_opens_belong_to_nobody() {
    let mut town = Town::new(RULE);
    let app = App::Json;
    usual(&mut town, app);
    for hour in 0..4 {
        for user in 0..USERS {
            let at = (hour as f64 + 0.05 + 0.9 * chance(&[hour, user])) * HOUR;
            for n in 0..3 {
                let author = (user + n * 5) % USERS;
                let body = format!(r#"{{"id":{},"author":"{}"}}"#, 900 + author, name(author));
                let tx = get(&format!("/posts/{}", 900 + author)).answer(&body);
                town.at(at + n as f64, app.by(user, tx));
            }
        }
    }
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

/// A customer's request in a town of tenants.
fn of_tenant(user: u64, role: &str, tx: Tx) -> Tx {
    let claims = format!(
        r#"{{"sub":"{}","tenant":"t{}","roles":["{role}"],"iat":1795305600}}"#,
        name(user),
        user % 3
    );
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn tenants(town: &mut Town) {
    for hour in 0..3 {
        for user in 0..USERS {
            let at = (hour as f64 + 0.9 * chance(&[hour, user])) * HOUR;
            for (n, (thing, owner)) in own(user).into_iter().enumerate() {
                let tx = App::Json.open(thing, owner, Answer::Yes);
                town.at(at + 4.0 * n as f64, of_tenant(user, "customer", tx));
            }
        }
    }
}

fn check_tenants(role: &str, user: u64, expected: Option<Severity>) {
    let mut town = Town::new(RULE);
    tenants(&mut town);
    for thing in [7, 9] {
        let tx = App::Json.open(thing, thing, Answer::Yes);
        town.at(LATER + thing as f64, of_tenant(user, role, tx));
    }
    town.run();
    let told = town.stories().iter().map(|story| story.severity).max();
    assert_eq!(told, expected, "{:#?} {:?}", town.stories(), town.not_evaluated());
}

#[test]
fn across_tenants_it_is_critical_and_a_role_of_its_own_is_not_judged() {
    check_tenants("customer", MALLORY, Some(Severity::Critical));
    check_tenants("support", 200, None);
}

/// A back office of four firms in which colleagues share everything and no record names a person.
fn firms(town: &mut Town) {
    for user in 0..USERS {
        let (who, firm) = (name(user), firm(user % 4));
        let at = 30.0 * user as f64;
        let me = post("/anmelden")
            .json(&format!(r#"{{"kennung":"{who}","kennwort":"p-{user}"}}"#))
            .set_cookie("sitzung", &crate::testing::key(user))
            .answer(&format!(
                r#"{{"daten":{{"wer":{{"kennung":"{who}","rolle":"kontor","mandanten":["{firm}"]}}}}}}"#
            ));
        town.at(at, me.from(&home(user)).agent(browser(user)));
        for n in 0..6 {
            town.at(at + 600.0 + 9.0 * n as f64, paper(user, user % 4 + 4 * n));
        }
    }
}

fn firm(at: u64) -> String {
    format!("mnd_{}", &crate::testing::key(7000 + at)[..10])
}

fn paper(user: u64, paper: u64) -> Tx {
    let ident = format!("rng_{}", &crate::testing::key(9000 + paper)[..14]);
    let body =
        format!(r#"{{"daten":{{"id":"{ident}","betrag":7,"mandant":"{}"}}}}"#, firm(paper % 4));
    let tx = get(&format!("/rechnungen/{ident}")).answer(&body);
    tx.from(&home(user)).agent(browser(user)).cookie("sitzung", &crate::testing::key(user))
}

#[test]
fn what_is_another_tenants_is_told_and_what_colleagues_share_is_not() {
    let check = |others: &[u64], told: usize| {
        let mut town = Town::new(RULE);
        firms(&mut town);
        for (n, other) in others.iter().enumerate() {
            town.at(LATER + 20.0 * n as f64, paper(MALLORY, *other));
        }
        town.run();
        assert_eq!(town.stories().len(), told, "{:#?} {:?}", town.stories(), town.not_evaluated());
    };
    check(&[6], 1);
    check(&[1, 5, 9, 13], 0);
}

#[test]
fn who_opens_a_thing_by_post_did_not_make_it() {
    let opens = |user: u64, thing: u64| {
        let body = format!(r#"{{"auftrag":{{"nummer":{},"betrag":7}}}}"#, 4100 + thing);
        let tx = post("/auftrag").json(&format!(r#"{{"nummer":{}}}"#, 4100 + thing)).answer(&body);
        App::Json.by(user, tx)
    };
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    for user in 0..USERS {
        for n in 0..EACH {
            town.at(600.0 * user as f64 + n as f64, opens(user, n * USERS + user));
        }
    }
    town.at(30.0, opens(90, 300));
    town.at(LATER, opens(7, 300));
    town.run();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
}

/// Firms whose name stands in the path; `told`: a list tells each its own.
fn projects(town: &mut Town, told: bool) {
    for round in 0..3 {
        for user in 0..24 {
            let at = 600.0 * round as f64 + 20.0 * user as f64;
            let (firm, who) = (FIRMS[user as usize % 4], name(user));
            let me = format!(r#"{{"username":"{who}","city":"Bern"}}"#);
            town.at(at, unroled(user, get("/me").answer(&me)));
            let list = format!(r#"{{"orgs":[{{"slug":"{firm}","role":"member"}}]}}"#);
            if told {
                town.at(at + 1.0, unroled(user, get("/orgs").answer(&list)));
            }
            for n in 0..4 {
                town.at(at + 2.0 + 3.0 * n as f64, items(user, firm));
                let item = user % 4 + 4 * ((user + n) % 6);
                town.at(at + 3.0 + 3.0 * n as f64, item_of(user, firm, item));
            }
        }
    }
}

const FIRMS: [&str; 4] = ["acme-tools", "blue-heron", "cobalt-works", "dunes-ltd"];

fn unroled(user: u64, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user));
    tx.from(&home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

fn item_id(item: u64) -> String {
    format!("8f14e45f-ceea-467f-a0e6-{:012x}", 900_000 + item)
}

/// Items of a firm: every fourth one.
fn items(user: u64, firm: &str) -> Tx {
    let at = FIRMS.iter().position(|known| *known == firm).unwrap() as u64;
    let items = (0..6).map(|n| format!(r#"{{"id":"{}","title":"x"}}"#, item_id(at + 4 * n)));
    let items: Vec<String> = items.collect();
    let tx = get(&format!("/v1/orgs/{firm}/items"));
    unroled(user, tx.answer(&format!(r#"{{"items":[{}]}}"#, items.join(","))))
}

fn item_of(user: u64, firm: &str, item: u64) -> Tx {
    let tx = get(&format!("/v1/orgs/{firm}/items/{}", item_id(item)));
    unroled(user, tx.answer(&format!(r#"{{"id":"{}","title":"x","state":"open"}}"#, item_id(item))))
}

#[test]
fn a_path_that_names_another_tenant_or_an_item_of_one_is_told_with_both() {
    let check = |told: bool, plan: &dyn Fn(&mut Town), expected: Option<Severity>| {
        let mut town = Town::new(RULE);
        projects(&mut town, told);
        plan(&mut town);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| story.severity).max();
        assert_eq!(worst, expected, "{told} {stories:#?} {:?}", town.not_evaluated());
        for story in stories {
            let text = &story.message;
            assert!(text.contains("dunes-ltd") && text.contains("tenant blue-heron"), "{text}");
        }
    };
    let told = true;
    // One of blue-heron looks at what dunes-ltd has, and at an item of it by its own path.
    let other = |town: &mut Town| town.at(LATER, items(5, "dunes-ltd"));
    check(told, &other, Some(Severity::Critical));
    // Somebody let it in.
    let invited = |town: &mut Town| {
        let list = get("/shared").answer(r#"{"shared":[{"org":"dunes-ltd","by":"ann"}]}"#);
        town.at(LATER, unroled(5, list));
        town.at(LATER + 5.0, items(5, "dunes-ltd"));
        town.at(LATER + 9.0, item_of(5, "dunes-ltd", 3));
    };
    check(told, &invited, None);
    // A colleague's item is no other tenant's.
    check(told, &|town: &mut Town| town.at(LATER, item_of(5, "blue-heron", 21)), None);
}

#[test]
fn one_request_of_a_batch_that_asks_for_anothers_thing_is_told() {
    let batch = |town: &mut Town, things: &[u64]| {
        let one = |n: usize, thing: &u64| {
            format!(r#"{{"id":"{n}","method":"GET","path":"/api/v1/orders/{}"}}"#, 4100 + thing)
        };
        let all: Vec<String> = things.iter().enumerate().map(|(n, t)| one(n, t)).collect();
        let answer = |n: usize, thing: &u64| {
            let id = 4100 + thing;
            format!(r#"{{"id":"{n}","status":200,"body":{{"id":{id},"total":7}}}}"#)
        };
        let told: Vec<String> = things.iter().enumerate().map(|(n, t)| answer(n, t)).collect();
        let tx = post("/api/batch").json(&format!(r#"{{"requests":[{}]}}"#, all.join(",")));
        let tx = tx.answer(&format!(r#"{{"responses":[{}]}}"#, told.join(",")));
        town.at(LATER, App::Json.by(MALLORY, tx));
    };
    for (things, told) in [(&[MALLORY, 7][..], 1), (&[MALLORY, MALLORY + USERS][..], 0)] {
        let mut town = Town::new(RULE);
        usual(&mut town, App::Json);
        batch(&mut town, things);
        town.run();
        assert_eq!(town.stories().len(), told, "{:#?} {:?}", town.stories(), town.not_evaluated());
    }
}

#[test]
fn what_one_makes_in_a_place_of_anothers_is_ones_own() {
    // Projects of teams of four, each in the name of one; its runs are in the name of who asked.
    let project = |user: u64| format!("feder-ck{}t", user % 4);
    let visit = |user: u64| {
        let body = format!(r#"{{"slug":"{}","owner":"{}"}}"#, project(user), name(user % 4));
        App::Json.by(user, get(&format!("/api/v1/projects/{}", project(user))).answer(&body))
    };
    let make = |user: u64, id: &str| {
        let run =
            post(&format!("/api/v1/projects/{}/runs", project(user))).json(r#"{"ref":"main"}"#);
        let answer = format!(r#"{{"run":"{id}","state":"new"}}"#);
        App::Json.by(user, run.status(201).answer(&answer))
    };
    let open = |user: u64, owner: u64, id: &str| {
        let body = format!(r#"{{"run":"{id}","state":"new","owner":"{}"}}"#, name(owner));
        App::Json.by(user, get(&format!("/api/v1/runs/{id}")).answer(&body))
    };
    let list = |user: u64, id: &str| {
        let runs = get(&format!("/api/v1/projects/{}/runs", project(user)));
        App::Json.by(user, runs.answer(&format!(r#"[{{"run":"{id}","state":"new"}}]"#)))
    };
    let check = |id: &str, before: Option<Tx>, told: usize| {
        let mut town = Town::new(RULE);
        usual(&mut town, App::Json);
        for user in 0..USERS {
            for n in 0..3 {
                let (id, at) = (format!("c0ffee{user:x}{n}"), HOUR + 60.0 * (3 * user + n) as f64);
                town.at(at, visit(user));
                town.at(at + 3.0, make(user, &id));
                town.at(at + 5.0, open(user, user, &id));
            }
        }
        if let Some(before) = before {
            town.at(LATER, before);
        }
        town.at(LATER + 9.0, open(MALLORY, 7, id));
        town.run();
        let stories = town.stories();
        assert_eq!(stories.len(), told, "{id} {stories:#?} {:?}", town.not_evaluated());
    };
    // A run that the application keeps in the name of another of the team; one that a list showed.
    let id = "c0ffee1d9";
    check(id, Some(make(MALLORY, id)), 0);
    check(id, Some(list(MALLORY, id)), 0);
    check(id, None, 1);
}

/// Shipments of firms, whose users a gateway names in headers: each of a firm, and three of staff.
fn shipment(user: u64, org: &str, n: u64) -> Tx {
    let body = format!(r#"{{"shipment":"sh-{n:04}","cliente":"{}","state":"new"}}"#, firm(n % 4));
    by_gateway(user, org, get(&format!("/v2/shipments/sh-{n:04}")).answer(&body))
}

fn by_gateway(user: u64, org: &str, tx: Tx) -> Tx {
    tx.from("10.0.0.3:4000")
        .header("X-Forwarded-For", &format!("203.0.113.{user}"))
        .header("X-User-Id", &format!("u{user}"))
        .header("X-Org", org)
}

#[test]
fn who_opens_what_is_another_tenants_is_told_by_the_headers_of_a_gateway_and_staff_are_not() {
    let plan = |town: &mut Town| {
        for turn in 0..6 {
            for user in 0..16 {
                let at = 600.0 * turn as f64 + 30.0 * user as f64;
                for n in 0..4 {
                    let own = user % 4 + 4 * (n + 4 * (user / 4));
                    town.at(at + 3.0 * n as f64, shipment(user, &firm(user % 4), own));
                }
            }
            for staff in 50..53 {
                let at = 600.0 * turn as f64 + 7.0 * staff as f64;
                for n in 0..6 {
                    let any = dice(&[staff, turn, n]) % 64;
                    town.at(at + 3.0 * n as f64, shipment(staff, "platform", any));
                }
            }
        }
    };
    let check = |late: &dyn Fn(&mut Town), expected: Option<Severity>| {
        let mut town = Town::new(RULE);
        plan(&mut town);
        late(&mut town);
        town.run();
        let told = town.stories().iter().map(|story| story.severity).max();
        assert_eq!(told, expected, "{:#?} {:?}", town.stories(), town.not_evaluated());
    };
    check(&|_| {}, None);
    // Another firm's, as oneself, and under the name of that firm.
    check(&|town| town.at(LATER, shipment(5, &firm(1), 62)), Some(Severity::Critical));
    check(&|town| town.at(LATER, shipment(5, &firm(2), 62)), Some(Severity::Critical));
    // A colleague's.
    check(&|town| town.at(LATER, shipment(5, &firm(1), 61)), None);
    // A list of another firm's; but not where one was told before to belong to it, too.
    let list = |org: &str| {
        let body = r#"{"rows":[{"state":"new"},{"state":"old"}]}"#;
        by_gateway(5, org, get("/v2/shipments").answer(body))
    };
    check(&|town| town.at(LATER, list(&firm(2))), Some(Severity::High));
    let told = |town: &mut Town| {
        let body = format!(r#"{{"firms":[{{"org":"{}"}},{{"org":"{}"}}]}}"#, firm(1), firm(2));
        town.at(LATER, by_gateway(5, &firm(1), get("/v2/mine").answer(&body)));
        town.at(LATER + 9.0, list(&firm(2)));
    };
    check(&told, None);
}

/// Users cancel orders of their own now and then; the answer says nothing.
fn cancellations(town: &mut Town, owners: u64, way: &dyn Fn(Tx) -> Tx) {
    for user in 0..owners {
        let order = App::Json.id(USERS + user);
        let tx = way(post(&format!("/api/v1/orders/{order}/cancel")));
        town.at(2.0 * HOUR + 7.0 * user as f64, App::Json.by(user, tx));
    }
    let order = App::Json.id(USERS + 7);
    let tx = way(post(&format!("/api/v1/orders/{order}/cancel")));
    town.at(LATER, App::Json.by(MALLORY, tx));
}

#[test]
fn what_is_known_of_a_thing_holds_for_all_that_is_done_with_it() {
    let thin: [&dyn Fn(Tx) -> Tx; 2] =
        [&|tx| tx.status(204), &|tx| tx.form("reason=late").location("/api/v1/orders")];
    for way in thin {
        check(&[App::Json], |town, _| cancellations(town, 9, way), OPENED);
        // What nobody was seen to do with the own may be for others to do.
        check(&[App::Json], |town, _| cancellations(town, 1, way), None);
    }
    // Who may not is led elsewhere.
    let elsewhere = |town: &mut Town, _| {
        cancellations(town, 4, &|tx| tx.form("reason=late").location("/api/v1/orders"));
        let order = App::Json.id(USERS + 8);
        let tx = post(&format!("/api/v1/orders/{order}/cancel")).form("reason=late");
        town.at(LATER - 60.0, App::Json.by(6, tx.location("/home?notice=1")));
    };
    check(&[App::Json], elsewhere, OPENED);
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    elsewhere(&mut town, App::Json);
    town.run();
    assert!(town.stories().iter().all(|story| story.user == Some(name(MALLORY))));
}

#[test]
fn what_only_reads_is_not_said_to_change() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Calls);
    town.at(LATER, App::Calls.by(MALLORY, App::Calls.open(7, 7, Answer::Yes)));
    town.run();
    assert!(town.stories()[0].message.contains("given all the same"), "{:?}", town.stories());
}

/// Nobody's role is known. Those who are `named` own something elsewhere (a ticket), nothing here,
/// and open orders that a queue lists them; or, where they are `unlisted`, any.
fn desk(named: &[u64], unlisted: bool) -> impl Fn(&mut Town, App) {
    let named = named.to_vec();
    move |town, app| {
        for (at, staff) in named.iter().enumerate() {
            let start = LATER + 300.0 * at as f64;
            let own = format!(r#"{{"ticket":{},"owner":"{}"}}"#, 90 + staff, name(*staff));
            let tickets = get("/api/v1/tickets").answer(&format!(r#"{{"tickets":[{own}]}}"#));
            town.at(start, app.by(*staff, tickets));
            let queue: Vec<(u64, u64)> = (0..4).map(|n| (n + 4 * at as u64, n)).collect();
            let each: Vec<String> = queue
                .iter()
                .map(|(thing, owner)| {
                    format!(r#"{{"id":{},"customer":"{}"}}"#, 4100 + thing, name(*owner))
                })
                .collect();
            if !unlisted {
                let body = format!(r#"{{"orders":[{}]}}"#, each.join(","));
                let list = get("/api/v1/queue").answer(&body);
                town.at(start + 20.0, app.by(*staff, list));
            }
            for (n, (thing, owner)) in queue.into_iter().enumerate() {
                let owner = if thing < USERS { thing } else { owner };
                let tx = app.open(thing, owner, Answer::Yes);
                town.at(start + 40.0 + 20.0 * n as f64, app.by(*staff, tx));
            }
        }
    }
}

#[test]
fn several_who_own_nothing_of_the_kind_and_open_what_they_were_listed_work_there() {
    let apps = &[App::Json];
    check(apps, desk(&[60, 61, 62], false), None);
    // One alone is told, once it is clear that nobody else does the like; so are those who guess.
    let alone = Some((Severity::Medium, Outcome::Success));
    check(apps, desk(&[60], false), alone);
    check(apps, desk(&[60, 61, 62], true), alone);
}

#[test]
fn to_stand_in_a_list_of_users_is_to_own_nothing() {
    let listed = |town: &mut Town, path: &str, key: &str| {
        let users = (0..USERS).chain([60]).map(|user| format!(r#"{{"{key}":"{}"}}"#, name(user)));
        let users: Vec<String> = users.collect();
        let tx = get(path).answer(&format!("[{}]", users.join(",")));
        town.at(HOUR, App::Json.by(90, tx.clone()));
        let staff = App::Json.by(60, get("/api/v1/news").answer(r#"{"news":"x"}"#));
        town.at(HOUR - 9.0, staff);
        for thing in [3, 4, 7] {
            let tx = App::Json.open(thing, thing, Answer::Yes);
            town.at(LATER + thing as f64, App::Json.by(60, tx));
        }
    };
    let paths = [("/api/v1/getUsers", "username"), ("/api/v1/accessList", "login")];
    for (path, key) in paths {
        check(&[App::Json], |town, _| listed(town, path, key), None);
    }
    check(
        &[App::Json],
        |town, _| listed(town, "/api/v1/tickets", "owner"),
        Some((Severity::Medium, Outcome::Success)),
    );
}

#[test]
fn who_may_be_staff_is_told_of_at_the_end_of_the_capture() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json);
    desk(&[60], false)(&mut town, App::Json);
    town.run_without_ticks();
    assert!(town.stories().is_empty(), "{:#?}", town.stories());
    town.ends();
    assert_eq!(town.stories().len(), 1, "{:?}", town.not_evaluated());
}
