//! Walks through other people's things, and what looks like them.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, chance, dice, elsewhere, name};
use stilt_inventory::test_support::{Tx, get, jwt, post, put};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 24;
/// Things of each user; thing `n` belongs to user `n % USERS`.
const EACH: u64 = 8;
/// Attacks begin when the house has been watched for so long.
const LATER: f64 = 3.0 * HOUR;
/// The user who attacks.
const MALLORY: u64 = 5;

fn own(user: u64) -> Vec<(u64, u64)> {
    (0..EACH).map(|n| (n * USERS + user, user)).collect()
}

fn signs_in(town: &mut Town, app: App, user: u64, at: f64) {
    let tx = app.sign_in(user, "right", Answer::Yes);
    town.at(at, tx.from(&crate::testing::home(user)).agent(browser(user)));
}

/// A user signs in, looks at the own list and opens some of it.
fn visit(town: &mut Town, app: App, user: u64, at: f64, opened: u64) {
    signs_in(town, app, user, at);
    town.at(at + 2.0, app.by(user, app.list(&own(user))));
    for n in 0..opened {
        let thing = (dice(&[user, n, at as u64]) % EACH) * USERS + user;
        town.at(at + 6.0 + 5.0 * n as f64, app.by(user, app.open(thing, user, Answer::Yes)));
    }
}

fn usual(town: &mut Town, app: App, hours: u64) {
    for hour in 0..hours {
        for user in 0..USERS {
            let at = (hour as f64 + 0.95 * chance(&[hour, user])) * HOUR;
            visit(town, app, user, at, 1 + dice(&[hour, user, 2]) % 5);
        }
    }
}

fn check_in(
    apps: &[App],
    plan: impl Fn(&mut Town, App),
    expected: Option<(Severity, Outcome)>,
    stories_max: usize,
) {
    for app in apps.iter().copied() {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        assert!(stories.iter().all(|story| !story.message.is_empty()));
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}, {:?}", town.not_evaluated());
        assert!(stories.len() <= stories_max, "{app:?}: {stories:#?}");
    }
}

/// What must be told of what is added to the usual life of an application.
fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    check_in(&APPS, plan, expected, 1);
}

const SILENT: Option<(Severity, Outcome)> = None;
const REFUSED: Option<(Severity, Outcome)> = Some((Severity::Low, Outcome::Failure));
const OPENED: Option<(Severity, Outcome)> = Some((Severity::High, Outcome::Success));

/// Mallory opens one thing after the other, each its owner's.
fn walk(town: &mut Town, app: App, things: u64, every: f64, answer: Answer) {
    signs_in(town, app, MALLORY, LATER);
    for n in 0..things {
        let tx = app.open(n, n % USERS, answer);
        town.at(LATER + 10.0 + every * n as f64, app.by(MALLORY, tx));
    }
}

#[test]
fn a_walk_through_others_things_that_is_let_happen_is_told() {
    check(|town, app| walk(town, app, 60, 1.0, Answer::Yes), OPENED);
    check(|town, app| walk(town, app, 20, 12.0, Answer::Yes), OPENED);
}

#[test]
fn a_walk_that_is_refused_is_told_lower() {
    check(|town, app| walk(town, app, 60, 1.0, Answer::No), REFUSED);
}

#[test]
fn a_walk_is_told_where_no_sign_in_was_seen() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for user in 0..USERS {
            let at = 2.9 * HOUR * chance(&[user, 14]);
            town.at(at, app.by(user, app.list(&own(user))));
            for (n, (thing, owner)) in own(user).iter().enumerate().skip((user % 5) as usize) {
                let tx = app.by(user, app.open(*thing, *owner, Answer::Yes));
                town.at(at + 6.0 + 5.0 * n as f64, tx);
            }
        }
        for n in 0..60 {
            let tx = app.by(MALLORY, app.open(n, n % USERS, Answer::Yes));
            town.at(LATER + 10.0 + 2.0 * n as f64, tx);
        }
        town.run();
        let told: Vec<_> = town.stories().iter().map(|s| (s.severity, s.outcome)).collect();
        assert_eq!(told, Vec::from_iter(OPENED), "{app:?}: {:?}", town.not_evaluated());
    }
}

#[test]
fn a_walk_that_guesses_and_sometimes_hits_is_told() {
    check(
        |town, app| {
            signs_in(town, app, MALLORY, LATER);
            for n in 0..60 {
                let answer = if n % 4 == 0 { Answer::Yes } else { Answer::No };
                let thing = if n % 4 == 0 { n } else { 1000 + n };
                let tx = app.by(MALLORY, app.open(thing, n % USERS, answer));
                town.at(LATER + 10.0 + 2.0 * n as f64, tx);
            }
        },
        OPENED,
    );
}

#[test]
fn a_walk_from_ever_changing_addresses_is_told() {
    check(
        |town, app| {
            signs_in(town, app, MALLORY, LATER);
            for n in 0..60 {
                let tx = app.by(MALLORY, app.open(n, n % USERS, Answer::Yes));
                town.at(LATER + 10.0 + 4.0 * n as f64, tx.from(&elsewhere(n)));
            }
        },
        OPENED,
    );
}

#[test]
fn a_walk_shared_among_accounts_is_told_of_each() {
    let plan = |town: &mut Town, app: App| {
        for n in 0..60 {
            let mallory = 100 + n % 2;
            if n < 2 {
                signs_in(town, app, mallory, LATER);
            }
            let tx = app.by(mallory, app.open(n, n % USERS, Answer::Yes));
            town.at(LATER + 10.0 + 2.0 * n as f64, tx);
        }
    };
    check_in(&APPS, plan, OPENED, 2);
}

#[test]
fn a_walk_that_takes_a_day_is_told() {
    check(|town, app| walk(town, app, 80, 900.0, Answer::Yes), OPENED);
    check(|town, app| walk(town, app, 80, 900.0, Answer::No), REFUSED);
}

#[test]
fn a_walk_out_of_order_is_told() {
    check(
        |town, app| {
            signs_in(town, app, MALLORY, LATER);
            for n in 0..60 {
                let thing = dice(&[n, 91]) % (USERS * EACH);
                let tx = app.open(thing, thing % USERS, Answer::Yes);
                town.at(LATER + 10.0 + 2.0 * n as f64, app.by(MALLORY, tx));
            }
        },
        OPENED,
    );
}

#[test]
fn a_walk_without_any_credential_is_told() {
    check(
        |town, app| {
            for n in 0..60 {
                let tx = app.open(n, n % USERS, Answer::Yes).from(&elsewhere(3)).agent("curl");
                town.at(LATER + 10.0 + 2.0 * n as f64, tx);
            }
        },
        OPENED,
    );
}

#[test]
fn a_walk_of_which_answers_are_lost_is_still_told() {
    check(
        |town, app| {
            walk(town, app, 60, 2.0, Answer::Yes);
            for n in 60..80 {
                let tx = app.by(MALLORY, app.open(n, n % USERS, Answer::Unseen));
                town.at(LATER + 11.0 + 2.0 * n as f64, tx);
            }
        },
        OPENED,
    );
}

#[test]
fn a_walk_of_which_no_answer_was_seen_is_counted_and_not_judged() {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        walk(&mut town, app, 60, 2.0, Answer::Unseen);
        town.run();
        assert!(town.stories().is_empty(), "{app:?}: {:#?}", town.stories());
        assert!(!town.not_evaluated().is_empty(), "{app:?}");
    }
}

#[test]
fn opening_each_item_of_ones_own_list_is_no_attack() {
    check(
        |town, app| {
            for page in 0..4 {
                let at = LATER + 60.0 * page as f64;
                let things: Vec<_> = (0..15).map(|n| (600 + page * 15 + n, MALLORY)).collect();
                if page == 0 {
                    signs_in(town, app, MALLORY, at);
                }
                town.at(at + 1.0, app.by(MALLORY, app.list(&things)));
                for (n, (thing, owner)) in things.iter().enumerate() {
                    let tx = app.by(MALLORY, app.open(*thing, *owner, Answer::Yes));
                    town.at(at + 2.0 + 2.0 * n as f64, tx);
                }
            }
        },
        SILENT,
    );
}

/// The wares that all can see.
fn wares(app: App) -> Tx {
    let each: Vec<String> =
        (0..80).map(|n| format!(r#"{{"id":{},"price":4.5}}"#, 70 + n)).collect();
    let each = each.join(",");
    match app {
        App::Envelope => get("/gw/wares").answer(&format!(r#"{{"code":0,"data":[{each}]}}"#)),
        _ => get("/wares").answer(&format!(r#"{{"wares":[{each}]}}"#)),
    }
}

fn ware(app: App, n: u64) -> Tx {
    let id = 70 + n;
    match app {
        App::Envelope => get(&format!("/gw/wares/{id}"))
            .answer(&format!(r#"{{"code":0,"data":{{"id":{id},"price":4.5}}}}"#)),
        _ => get(&format!("/wares/{id}")).answer(&format!(r#"{{"id":{id},"price":4.5}}"#)),
    }
}

fn shoppers(town: &mut Town, app: App) {
    for user in 0..USERS {
        let at = 2.0 * HOUR + HOUR * chance(&[user, 40]);
        town.at(at, app.by(user, wares(app)));
        for n in 0..4 {
            let tx = app.by(user, ware(app, dice(&[user, n, 41]) % 80));
            town.at(at + 5.0 + 5.0 * n as f64, tx);
        }
    }
}

#[test]
fn a_crawler_of_a_public_catalogue_is_no_attack() {
    check(
        |town, app| {
            shoppers(town, app);
            for n in 0..80 {
                let tx = ware(app, n).from("192.0.2.66").agent("Crawler/1.0");
                town.at(LATER + n as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn a_signed_in_reader_of_the_whole_catalogue_is_no_attack() {
    check(
        |town, app| {
            shoppers(town, app);
            for n in 0..80 {
                town.at(LATER + n as f64, app.by(MALLORY, ware(app, n)));
            }
        },
        SILENT,
    );
}

#[test]
fn an_administrator_who_lists_all_and_opens_each_is_no_attack() {
    check(
        |town, app| {
            let all: Vec<_> = (0..100).map(|n| (n, n % USERS)).collect();
            signs_in(town, app, 900, LATER);
            town.at(LATER + 2.0, app.by(900, app.list(&all)));
            for (n, (thing, owner)) in all.iter().enumerate() {
                let tx = app.by(900, app.open(*thing, *owner, Answer::Yes));
                town.at(LATER + 4.0 + 2.0 * n as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn a_nightly_batch_with_a_role_of_its_own_is_no_attack() {
    check_in(
        &[App::Json],
        |town, app| {
            let batch = jwt(r#"{"sub":"billing-job","roles":["batch"]}"#);
            for n in 0..150 {
                let tx = app.open(n, n % USERS, Answer::Yes).bearer(&batch);
                town.at(LATER + n as f64, tx.from("10.3.0.9").agent("billing/4"));
            }
        },
        SILENT,
        0,
    );
}

#[test]
fn a_shared_link_is_no_attack() {
    check(
        |town, app| {
            for user in 0..8 {
                let tx = app.by(user, app.open(USERS + 9, 9, Answer::Yes));
                town.at(LATER + 40.0 * user as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn a_client_that_asks_for_what_it_remembers_is_no_attack() {
    // Its list was shown before the capture began; the answers tell whose the things are, or
    // nobody else was shown them.
    check(
        |town, app| {
            signs_in(town, app, 300, LATER);
            for n in 0..EACH {
                let tx = app.by(300, app.open(5000 + 37 * n * n, 300, Answer::Yes));
                town.at(LATER + 5.0 + n as f64, tx);
            }
        },
        SILENT,
    );
    check_in(
        &[App::Json, App::Envelope],
        |town, app| {
            signs_in(town, app, 300, LATER);
            for n in 0..40 {
                let tx = app.by(300, app.open(1000 + n, 300, Answer::Yes));
                town.at(LATER + 5.0 + n as f64, tx);
            }
        },
        SILENT,
        0,
    );
}

/// Each user's client asks for `each` things that are gone, from `first` on.
fn stale(town: &mut Town, app: App, first: f64, each: u64) {
    for user in 0..USERS {
        for n in 0..each {
            let tx = app.by(user, app.open(900 + dice(&[n, 55]) % 60, user, Answer::No));
            town.at(first + 100.0 * user as f64 + 2.0 * n as f64, tx);
        }
    }
}

#[test]
fn stale_ids_that_all_clients_still_ask_for_are_no_attack() {
    check(|town, app| stale(town, app, HOUR, 4), SILENT);
    check(
        |town, app| {
            for round in 0..4 {
                for user in 0..USERS {
                    let at = HOUR * (round as f64 + chance(&[round, user, 61]));
                    for n in 0..4 {
                        let thing = 900 + 200 * user + dice(&[round, n, 62]) % 200;
                        let tx = app.by(user, app.open(thing, user, Answer::No));
                        town.at(at + 2.0 * n as f64, tx);
                    }
                }
            }
        },
        SILENT,
    );
}

#[test]
fn many_stale_ids_of_all_clients_are_told_of_the_first_few_at_most() {
    check_in(&APPS, |town, app| stale(town, app, HOUR, 12), REFUSED, 4);
}

#[test]
fn a_vain_walk_of_one_account_does_not_hide_that_of_another() {
    let plan = |town: &mut Town, app: App| {
        walk(town, app, 160, 1.0, Answer::No);
        signs_in(town, app, 100, LATER + 300.0);
        for n in 0..30 {
            let tx = app.by(100, app.open(n, n % USERS, Answer::Yes));
            town.at(LATER + 310.0 + 2.0 * n as f64, tx);
        }
    };
    check_in(&APPS, plan, OPENED, 2);
}

#[test]
fn a_walk_that_is_refused_first_and_then_succeeds_is_told_as_a_success() {
    check(
        |town, app| {
            walk(town, app, 40, 1.0, Answer::No);
            for n in 0..40 {
                let tx = app.by(MALLORY, app.open(n, n % USERS, Answer::Yes));
                town.at(LATER + 100.0 + n as f64, tx.header("X-Role", "admin"));
            }
        },
        OPENED,
    );
}

#[test]
fn what_a_search_found_may_be_opened() {
    check(
        |town, app| {
            for round in 0..4 {
                let at = LATER + 60.0 * round as f64;
                let found: Vec<String> = (0..10)
                    .map(|n| format!(r#"{{"id":"{}","title":"x"}}"#, app.id(700 + round * 10 + n)))
                    .collect();
                let found = found.join(",");
                let tx = get("/api/v1/search?q=paper")
                    .answer(&format!(r#"{{"hits":[{found}],"took":3}}"#));
                town.at(at, app.by(MALLORY, tx));
                for n in 0..10 {
                    let thing = 700 + round * 10 + n;
                    let tx = app.by(MALLORY, app.open(thing, MALLORY, Answer::Yes));
                    town.at(at + 3.0 + 3.0 * n as f64, tx);
                }
            }
        },
        SILENT,
    );
}

#[test]
fn naming_somebody_elses_account_in_a_transfer_is_no_attack() {
    check_in(
        &[App::Json],
        |town, app| {
            for user in 0..USERS {
                let n = 6000 + user;
                let profile = format!(r#"{{"account":{{"id":{n},"owner":"{}"}}}}"#, name(user));
                town.at(
                    90.0 * user as f64 + 60.0,
                    app.by(user, get("/api/v1/accounts/mine").answer(&profile)),
                );
            }
            for n in 0..300 {
                let (from, to) = (dice(&[n, 21]) % 4, dice(&[n, 22]) % USERS);
                let body = format!(
                    r#"{{"from_account_id":{},"to_account_id":{},"amount":{n}}}"#,
                    6000 + from,
                    6000 + to
                );
                let tx = post("/api/v1/transfers").json(&body).status(201);
                let tx = tx.answer(&format!(r#"{{"id":{},"state":"booked"}}"#, 90_000 + n));
                let at = LATER + 20.0 * n as f64;
                town.at(at, app.by(from, tx));
                let tx = get(&format!("/api/v1/transfers/{}", 90_000 + n));
                let tx = tx.answer(&format!(r#"{{"id":{},"state":"booked"}}"#, 90_000 + n));
                town.at(at + 3.0, app.by(from, tx));
            }
        },
        SILENT,
        0,
    );
}

#[test]
fn the_finding_names_who_and_whose() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json, 4);
    walk(&mut town, App::Json, 60, 1.0, Answer::Yes);
    town.run();
    let story = town.stories().pop().unwrap();
    assert_eq!(story.user, Some(name(MALLORY)));
    let notes: Vec<_> =
        town.findings().iter().flat_map(|finding| &finding.evidence).map(|one| &one.note).collect();
    assert!(notes.iter().any(|note| note.contains("names another owner")), "{notes:?}");
}

fn of(user: u64, tx: Tx) -> Tx {
    let tx = tx.from(&crate::testing::home(user)).agent(browser(user));
    tx.cookie("sid", &crate::testing::key(user))
}

#[test]
fn guesses_that_are_refused_are_told_though_the_rest_is_common_to_a_team() {
    let mut town = Town::new(RULE);
    let board = |n: u64| format!("brd-{}", crate::testing::key(n));
    for user in 0..USERS {
        let at = 40.0 * user as f64;
        let list: Vec<String> = (0..6).map(|n| format!(r#"{{"id":"{}"}}"#, board(n))).collect();
        let list = get("/boards").answer(&format!(r#"{{"boards":[{}]}}"#, list.join(",")));
        town.at(at, of(user, list));
        for n in 0..4 {
            let id = board((user + n) % 6);
            let body = format!(r#"{{"id":"{id}","title":"x"}}"#);
            town.at(at + 2.0 + n as f64, of(user, get(&format!("/boards/{id}")).answer(&body)));
        }
    }
    for n in 0..45 {
        let guess = get(&format!("/boards/{}", board(5000 + n))).status(404).answer("{}");
        town.at(LATER + 3.0 * n as f64, of(MALLORY, guess));
    }
    town.run();
    let told: Vec<_> = town.stories().iter().map(|s| (s.severity, s.outcome)).collect();
    assert_eq!(told, Vec::from_iter(REFUSED), "{:?}", town.not_evaluated());
}

#[test]
fn a_walk_inside_batches_is_told_as_one_by_one() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json, 4);
    for round in 0..3 {
        let of_round = || (0..12).map(move |n| 12 * round + n);
        let asked: Vec<String> = of_round()
            .map(|n| format!(r#"{{"method":"GET","url":"/api/v1/orders/{}"}}"#, 4100 + n))
            .collect();
        let told: Vec<String> = of_round()
            .map(|n| format!(r#"{{"status":200,"body":{{"id":{},"total":7}}}}"#, 4100 + n))
            .collect();
        let tx = post("/api/many").json(&format!("[{}]", asked.join(",")));
        let tx = tx.answer(&format!("[{}]", told.join(",")));
        town.at(LATER + 60.0 * round as f64, App::Json.by(MALLORY, tx));
    }
    town.run();
    let told: Vec<_> = town.stories().iter().map(|s| (s.severity, s.outcome)).collect();
    assert_eq!(told, Vec::from_iter(OPENED), "{:?}", town.not_evaluated());
}

/// A user is given things of others by a list and opens them, `rounds` times a dozen.
fn opens_what_it_is_listed(town: &mut Town, app: App, user: u64, list: &dyn Fn(Tx) -> Tx) {
    signs_in(town, app, user, LATER);
    for round in 0..3 {
        let at = LATER + 600.0 * round as f64 + 10.0 * user as f64;
        let things: Vec<(u64, u64)> = (0..12)
            .map(|n| dice(&[user, round, n, 9]) % (USERS * EACH))
            .map(|thing| (thing, thing % USERS))
            .collect();
        town.at(at, app.by(user, list(app.list(&things))));
        for (n, (thing, owner)) in things.iter().enumerate() {
            let tx = app.by(user, app.open(*thing, *owner, Answer::Yes));
            town.at(at + 3.0 + 3.0 * n as f64, tx);
        }
    }
}

#[test]
fn who_alone_is_listed_others_things_by_a_list_that_chooses_may_open_them() {
    // They own something themselves, and most are listed their own only.
    check_in(
        &[App::Json, App::Calls, App::Envelope],
        |town, app| (0..3).for_each(|user| opens_what_it_is_listed(town, app, user, &|list| list)),
        SILENT,
        0,
    );
}

#[test]
fn a_list_that_was_asked_for_by_the_name_of_another_gives_no_right() {
    let mut town = Town::new(RULE);
    usual(&mut town, App::Json, 4);
    signs_in(&mut town, App::Json, MALLORY, LATER);
    for victim in (6..20).step_by(3) {
        let at = LATER + 40.0 * victim as f64;
        let things = own(victim);
        let body = list_of(&things);
        let tx = get(&format!("/api/v1/orders?customer={}", name(victim))).answer(&body);
        town.at(at, App::Json.by(MALLORY, tx));
        for (n, (thing, owner)) in things.iter().enumerate() {
            let tx = App::Json.open(*thing, *owner, Answer::Yes);
            town.at(at + 3.0 + 3.0 * n as f64, App::Json.by(MALLORY, tx));
        }
    }
    town.run();
    let told: Vec<_> = town.stories().iter().map(|s| (s.severity, s.outcome)).collect();
    assert_eq!(told, Vec::from_iter(OPENED), "{:?}", town.not_evaluated());
}

/// What the list of orders says.
fn list_of(things: &[(u64, u64)]) -> String {
    let each: Vec<String> = things
        .iter()
        .map(|(thing, owner)| {
            let (id, owner) = (App::Json.id(*thing), name(*owner));
            format!(r#"{{"id":{id},"customer":"{owner}","total":12.5}}"#)
        })
        .collect();
    format!(r#"{{"orders":[{}]}}"#, each.join(","))
}

/// A token says which role its bearer has.
fn of_role(user: u64, role: &str, tx: Tx) -> Tx {
    let claims = format!(r#"{{"sub":"{}","roles":["{role}"],"iat":1795305600}}"#, name(user));
    tx.from(&crate::testing::home(user)).agent(browser(user)).bearer(&jwt(&claims))
}

/// Customers and five of the support, each of whom opens a dozen things of its own.
fn house_of_roles(town: &mut Town) {
    for user in 0..USERS {
        let role = if user < 5 { "support" } else { "customer" };
        let things: Vec<_> = (0..12).map(|n| (n * USERS + user, user)).collect();
        let at = 0.5 * HOUR + 60.0 * user as f64;
        town.at(at, of_role(user, role, App::Json.list(&things)));
        for (n, (thing, owner)) in things.iter().enumerate() {
            let tx = App::Json.open(*thing, *owner, Answer::Yes);
            town.at(at + 5.0 + 9.0 * n as f64, of_role(user, role, tx));
        }
    }
}

/// Somebody opens forty things of others in no order.
fn roams(town: &mut Town, user: u64, role: &str) {
    for n in 0..40 {
        let thing = dice(&[n, user]) % (USERS * 12);
        let tx = App::Json.open(thing, thing % USERS, Answer::Yes);
        town.at(LATER + 10.0 + 30.0 * n as f64, of_role(user, role, tx));
    }
}

fn check_roles(plan: impl Fn(&mut Town), expected: Option<(Severity, Outcome)>) {
    let mut town = Town::new(RULE);
    house_of_roles(&mut town);
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let told = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(told, expected, "{stories:#?} {:?}", town.not_evaluated());
}

#[test]
fn a_role_excuses_only_what_others_of_it_do_as_well() {
    // The support keeps to its own here: one of it who roams is no worker.
    check_roles(|town| roams(town, 3, "support"), OPENED);
    // Where colleagues do the like, it is what they are there for.
    let works = |town: &mut Town| {
        for worker in 200..204 {
            roams(town, worker, "support");
        }
    };
    check_roles(works, SILENT);
}

#[test]
fn who_gave_itself_a_role_is_not_excused_by_it() {
    let promotes = |town: &mut Town, by: Tx| {
        for worker in 200..204 {
            roams(town, worker, "support");
        }
        town.at(LATER - 60.0, by);
        let things: Vec<_> = (0..3).map(|n| (n * USERS + 9, 9)).collect();
        town.at(LATER - 30.0, of_role(9, "support", App::Json.list(&things)));
        roams(town, 9, "support");
    };
    let itself = || put("/api/v1/me").json(r#"{"city":"Bern","role":"support"}"#);
    let answer = format!(r#"{{"username":"{}","role":"support"}}"#, name(9));
    check_roles(|town| promotes(town, of_role(9, "customer", itself().answer(&answer))), OPENED);
    // Promoted by somebody who may: one of the support from then on.
    let by_admin = put(&format!("/api/v1/users/{}", name(9))).json(r#"{"role":"support"}"#);
    let by_admin = || of_role(300, "admin", by_admin.clone().answer(r#"{"ok":true}"#));
    check_roles(|town| promotes(town, by_admin()), SILENT);
}
