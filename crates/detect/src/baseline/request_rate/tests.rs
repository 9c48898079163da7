//! Actors that ask far too often, and what looks like them.

use super::{Judgement, Limits};
use crate::testing::{
    APPS, Answer, App, HOUR, MINUTE, Town, browser, chance, dice, elsewhere, home,
};
use core::time::Duration;
use stilt_baseline::RateStatus;
use stilt_inventory::test_support::{Tx, get, post};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 24;
/// What happens out of the ordinary happens when the house has been watched for so long.
const LATER: f64 = 2.0 * HOUR;
const MALLORY: u64 = 5;

fn ask(app: App, page: u64, answer: Answer) -> Tx {
    let body = r#"{"code":0,"results":[{"title":"x"},{"title":"y"}]}"#;
    let tx = match app {
        App::Json => get(&format!("/api/v1/search?q=shoes&page={page}")),
        App::Calls => post("/rpc/find").json(&format!(r#"{{"words":"shoes","from":{page}}}"#)),
        App::Pages => get(&format!("/buscar.php?q=zapatos&p={page}")),
        App::Actions => post("/api?action=suche").json(&format!(r#"{{"wort":"x","n":{page}}}"#)),
        App::Form => post("/find").form(&format!("words=shoes&from={page}")),
        App::Envelope => {
            post("/gw/quote").json(&format!(r#"{{"from":"FRA","to":"OSL","n":{page}}}"#))
        }
    };
    match answer {
        Answer::Yes => tx.answer(body),
        Answer::No => tx.status(403).answer(r#"{"error":"forbidden"}"#),
        Answer::Down => tx.status(503),
        Answer::Later => tx.status(429),
        Answer::Unseen => tx.unanswered(),
    }
}

fn usual(town: &mut Town, app: App, hours: u64) {
    for user in 0..USERS {
        let tx = app.sign_in(user, "right", Answer::Yes);
        town.at(1.0 + user as f64, tx.from(&home(user)).agent(browser(user)));
        for hour in 0..hours {
            let at = HOUR * (hour as f64 + 0.9 * chance(&[hour, user])) + 60.0;
            for n in 0..2 + dice(&[hour, user, 3]) % 7 {
                let at = at + 11.0 * n as f64 + 5.0 * chance(&[hour, user, n]);
                town.at(at, app.by(user, ask(app, n % 2, Answer::Yes)));
            }
        }
    }
}

/// What must be told of what is added to the usual life of an application, and how many notices.
fn check_with_notices(
    plan: impl Fn(&mut Town, App),
    expected: Option<(Severity, Outcome)>,
    notices: usize,
) {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        assert!(stories.iter().all(|story| !story.message.is_empty()));
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}, {:?}", town.not_evaluated());
        assert!(stories.len() <= 1, "{app:?}: {stories:#?}");
        assert_eq!(town.notices().len(), notices, "{app:?}");
    }
}

fn check(plan: impl Fn(&mut Town, App), expected: Option<(Severity, Outcome)>) {
    check_with_notices(plan, expected, 0);
}

const SILENT: Option<(Severity, Outcome)> = None;
const SERVED: Option<(Severity, Outcome)> = Some((Severity::Medium, Outcome::Success));
const REFUSED: Option<(Severity, Outcome)> = Some((Severity::Low, Outcome::Failure));
const UNKNOWN: Option<(Severity, Outcome)> = Some((Severity::Low, Outcome::Unknown));

/// At uneven intervals around `every`.
fn hammer(town: &mut Town, app: App, requests: u64, every: f64, answer: Answer) {
    for n in 0..requests {
        let at = LATER + every * (n as f64 + 0.8 * chance(&[n, 71]));
        town.at(at, app.by(MALLORY, ask(app, n % 3, answer)));
    }
}

#[test]
fn one_who_asks_far_more_often_than_all_is_told() {
    check(|town, app| hammer(town, app, 300, 0.5, Answer::Yes), SERVED);
    check(|town, app| hammer(town, app, 120, 4.0, Answer::Yes), SERVED);
}

#[test]
fn one_who_raises_it_step_by_step_is_told() {
    let raise = |town: &mut Town, app: App, steps: &[u64]| {
        for (at, requests) in steps.iter().enumerate() {
            for n in 0..*requests {
                let pause = 500.0 * (n as f64 + 0.8 * chance(&[n, 3])) / *requests as f64;
                let at = LATER - 6000.0 + 1500.0 * at as f64 + pause;
                town.at(at, app.by(MALLORY, ask(app, n % 3, Answer::Yes)));
            }
        }
    };
    // Never more than three times what it was before.
    check(|town, app| raise(town, app, &[20, 50, 120, 300, 700]), SERVED);
    check(|town, app| raise(town, app, &[20, 24, 22, 26, 28]), SILENT);
}

#[test]
fn many_questions_about_one_own_thing_are_no_sync_of_own_things() {
    for app in [App::Json, App::Calls, App::Form] {
        let mut town = Town::new(RULE);
        usual(&mut town, app, 4);
        for n in 0..240 {
            // Each time other words, below what is shown to each as the own.
            let tx = match app {
                App::Json => get(&format!("/api/v1/teams/7{MALLORY}/find?q=word{n}")),
                _ => post(&format!("/teams/7{MALLORY}/find")).json(&format!(r#"{{"q":"w{n}"}}"#)),
            };
            let at = LATER + 1.1 * (n as f64 + 0.8 * chance(&[n, 71]));
            town.at(at, app.by(MALLORY, tx.answer(r#"{"results":[{"title":"x"}]}"#)));
        }
        for user in 0..USERS {
            let own = format!(r#"{{"teams":[{{"team_id":"7{user}","name":"of {user}"}}]}}"#);
            let list = match app {
                App::Json => get("/api/v1/teams"),
                _ => post("/teams"),
            };
            town.at(200.0 + user as f64, app.by(user, list.answer(&own)));
            for n in 0..4 {
                let at = 400.0 + 900.0 * n as f64 + 7.0 * user as f64;
                let tx = match app {
                    App::Json => get(&format!("/api/v1/teams/7{user}/find?q=word{n}")),
                    _ => post(&format!("/teams/7{user}/find")).json(&format!(r#"{{"q":"w{n}"}}"#)),
                };
                town.at(at, app.by(user, tx.answer(r#"{"results":[{"title":"x"}]}"#)));
            }
        }
        town.run();
        assert_eq!(town.stories().len(), 1, "{app:?}: {:?}", town.not_evaluated());
    }
}

#[test]
fn one_who_does_so_while_everybody_else_has_just_come_is_told() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for user in 0..USERS {
            for n in 0..9 {
                let at = 60.0 * chance(&[user]) + 8.0 * (n as f64 + chance(&[user, n]));
                town.at(at, app.by(user, ask(app, n, Answer::Yes)));
            }
        }
        for n in 0..300 {
            let at = 100.0 + 0.6 * (n as f64 + 0.8 * chance(&[n, 71]));
            town.at(at, app.by(900, ask(app, n % 3, Answer::Yes)));
        }
        town.run();
        assert_eq!(town.stories().len(), 1, "{app:?}");
    }
}

#[test]
fn a_job_of_the_first_minutes_that_comes_again_is_usual_and_one_that_goes_on_is_told() {
    let few = |town: &mut Town, app: App| {
        for user in 0..7 {
            for n in 0..20 {
                let at = 30.0 * user as f64 + 900.0 * n as f64 + 200.0 * chance(&[user, n]);
                town.at(at, app.by(user, ask(app, n % 2, Answer::Yes)));
            }
        }
    };
    for app in [App::Json, App::Form, App::Pages] {
        for (goes_on, expected) in [(false, 0), (true, 1)] {
            let mut town = Town::new(RULE);
            few(&mut town, app);
            // Each hour alike, from before anybody was there for ten minutes; or all the time.
            for n in 0..if goes_on { 1600 } else { 480 } {
                let at = match goes_on {
                    true => 300.0 + 1.1 * n as f64 + chance(&[n, 61]),
                    false => 300.0 + HOUR * (n / 120) as f64 + 0.4 * (n % 120) as f64,
                };
                town.at(at, app.by(900, ask(app, n % 3, Answer::Yes)));
            }
            town.run();
            assert_eq!(town.stories().len(), expected, "{app:?} {:#?}", town.stories());
        }
    }
}

#[test]
fn one_who_polls_and_hammers_is_told() {
    check(
        |town, app| {
            for n in 0..200 {
                town.at(LATER + 10.0 * n as f64, app.by(MALLORY, ask(app, 1, Answer::Yes)));
            }
            for n in 0..300 {
                let at = LATER + 700.0 + 0.8 * (n as f64 + 0.8 * chance(&[n, 84]));
                town.at(at, app.by(MALLORY, ask(app, n % 3, Answer::Yes)));
            }
        },
        SERVED,
    );
}

#[test]
fn what_is_refused_is_told_lower() {
    check(|town, app| hammer(town, app, 300, 0.5, Answer::No), REFUSED);
    check(|town, app| hammer(town, app, 300, 0.5, Answer::Later), REFUSED);
}

#[test]
fn what_is_not_answered_is_told_as_unknown() {
    check(|town, app| hammer(town, app, 300, 0.5, Answer::Unseen), UNKNOWN);
    check(|town, app| hammer(town, app, 300, 0.5, Answer::Down), UNKNOWN);
}

#[test]
fn asking_for_something_new_each_time_is_told_all_the_same() {
    check(
        |town, app| {
            for n in 0..400 {
                let at = LATER + 0.7 * (n as f64 + 0.8 * chance(&[n, 72]));
                town.at(at, app.by(MALLORY, ask(app, n, Answer::Yes)));
            }
        },
        SERVED,
    );
}

#[test]
fn ever_changing_addresses_hide_nobody() {
    check(
        |town, app| {
            for n in 0..300 {
                let at = LATER + 0.9 * (n as f64 + 0.8 * chance(&[n, 73]));
                let tx = app.by(MALLORY, ask(app, n % 3, Answer::Yes));
                town.at(at, tx.from(&elsewhere(n)));
            }
        },
        SERVED,
    );
}

#[test]
fn a_stranger_without_credential_is_told() {
    check(
        |town, app| {
            for n in 0..300 {
                let at = LATER + 0.9 * (n as f64 + 0.8 * chance(&[n, 74]));
                town.at(at, ask(app, n % 3, Answer::Yes).from(&elsewhere(4)).agent("curl"));
            }
        },
        SERVED,
    );
}

#[test]
fn few_peers_are_no_measure_and_are_counted() {
    for app in APPS {
        let mut town = Town::new(RULE);
        hammer(&mut town, app, 300, 0.5, Answer::Yes);
        town.run();
        assert!(town.stories().is_empty(), "{app:?}");
        assert_eq!(town.not_evaluated().len(), 1, "{app:?}");
    }
}

#[test]
fn a_client_that_polls_is_usual() {
    for every in [5.5, 10.0, 60.0] {
        check(
            |town, app| {
                for n in 0..400 {
                    let at = LATER + every * n as f64 + 0.4 * chance(&[n, 75]);
                    town.at(at, app.by(MALLORY, ask(app, 1, Answer::Yes)));
                }
            },
            SILENT,
        );
    }
}

#[test]
fn all_users_at_once_are_one_notice_and_no_alert() {
    let plan = |town: &mut Town, app: App| {
        for user in 0..USERS {
            let start = LATER + 60.0 * chance(&[user, 76]);
            for n in 0..80 + dice(&[user, 77]) % 40 {
                let at = start + 3.0 * (n as f64 + 0.8 * chance(&[n, user, 78]));
                town.at(at, app.by(user, ask(app, n % 3, Answer::Yes)));
            }
        }
    };
    check_with_notices(plan, SILENT, 1);
}

#[test]
fn retries_after_the_server_was_out_of_order_are_usual() {
    check(
        |town, app| {
            for user in 0..USERS {
                for n in 0..12 {
                    let at = LATER + 5.0 * chance(&[user, 79]) + 4.0 * n as f64;
                    let answer = if n < 9 { Answer::Down } else { Answer::Yes };
                    town.at(at, app.by(user, ask(app, 1, answer)));
                }
            }
        },
        SILENT,
    );
}

#[test]
fn one_client_that_retries_while_it_gets_503_is_no_attack() {
    check(
        |town, app| {
            for n in 0..60 {
                let at = LATER + 4.0 * (n as f64 + 0.6 * chance(&[n, 80]));
                let answer = if n < 57 { Answer::Down } else { Answer::Yes };
                town.at(at, app.by(MALLORY, ask(app, 1, answer)));
            }
        },
        SILENT,
    );
}

#[test]
fn a_power_user_is_usual() {
    check(
        |town, app| {
            for hour in 0..4 {
                for n in 0..22 {
                    let at = HOUR * hour as f64 + 900.0 + 20.0 * (n as f64 + chance(&[n, 81]));
                    town.at(at, app.by(MALLORY, ask(app, n % 4, Answer::Yes)));
                }
            }
        },
        SILENT,
    );
}

#[test]
fn a_job_with_an_endpoint_of_its_own_is_usual() {
    check(
        |town, app| {
            for n in 0..600 {
                let tx = get(&format!("/api/v1/export?cursor={n}")).answer(r#"{"rows":[1,2]}"#);
                town.at(LATER + 0.5 * n as f64, app.by(900, tx));
            }
        },
        SILENT,
    );
}

#[test]
fn opening_each_of_ones_own_items_once_is_usual() {
    check(
        |town, app| {
            for user in 0..USERS {
                let own: Vec<_> = (0..8).map(|n| (n * USERS + user, user)).collect();
                let at = HOUR * (0.1 + chance(&[user, 82]));
                town.at(at, app.by(user, app.list(&own)));
                for (n, (thing, owner)) in own.iter().take(4).enumerate() {
                    let tx = app.by(user, app.open(*thing, *owner, Answer::Yes));
                    town.at(at + 9.0 + 9.0 * n as f64, tx);
                }
            }
            let own: Vec<_> = (0..300).map(|n| (1000 + n, MALLORY)).collect();
            town.at(LATER, app.by(MALLORY, app.list(&own)));
            for (n, (thing, owner)) in own.iter().enumerate() {
                let tx = app.by(MALLORY, app.open(*thing, *owner, Answer::Yes));
                town.at(LATER + 2.0 + n as f64, tx);
            }
        },
        SILENT,
    );
}

#[test]
fn paging_through_a_list_is_usual() {
    check(
        |town, app| {
            for page in 0..60 {
                let at = LATER + 1.5 * page as f64 + chance(&[page, 83]);
                town.at(at, app.by(MALLORY, ask(app, page, Answer::Yes)));
            }
        },
        SILENT,
    );
}

#[test]
fn an_alarm_that_goes_on_stays_one_story() {
    check(|town, app| hammer(town, app, 1500, 3.0 * MINUTE / 60.0, Answer::Yes), SERVED);
}

fn rate(count: u64) -> RateStatus {
    RateStatus {
        window: Duration::from_secs(600),
        count,
        own_max: 0,
        own_days: 0.1,
        peer_max: 12,
        peers: 20,
        settled: 20,
        p999: None,
        windows: 40,
        windows_as_high: 0,
        steady: false,
        surging: 1,
    }
}

fn check_judgement(change: impl FnOnce(&mut RateStatus), expected: Judgement) {
    let mut status = rate(100);
    change(&mut status);
    assert_eq!(Limits::default().judge(&status, 3), expected);
}

#[test]
fn three_times_the_busiest_peer_and_ones_own_past_is_beyond() {
    check_judgement(|_| {}, Judgement::Beyond);
    check_judgement(|status| status.peer_max = 34, Judgement::Usual);
    check_judgement(|status| status.own_max = 34, Judgement::Usual);
    check_judgement(|status| status.p999 = Some(120), Judgement::Usual);
    check_judgement(|status| status.count = 29, Judgement::Usual);
    // Many who have just come show what is usual, a few do not.
    check_judgement(|status| status.settled = 0, Judgement::Beyond);
    check_judgement(|status| (status.peers, status.settled) = (8, 2), Judgement::NoPeers);
    check_judgement(|status| (status.peers, status.settled) = (8, 3), Judgement::Beyond);
}

#[test]
fn after_two_weeks_ones_own_past_is_the_measure() {
    check_judgement(
        |status| (status.own_days, status.peer_max, status.own_max) = (15.0, 90, 20),
        Judgement::Beyond,
    );
    check_judgement(
        |status| (status.own_days, status.peer_max, status.own_max) = (15.0, 1, 90),
        Judgement::Usual,
    );
}

#[test]
fn polling_is_usual_and_few_peers_are_no_measure() {
    check_judgement(|status| status.steady = true, Judgement::Usual);
    check_judgement(|status| status.peers = 2, Judgement::NoPeers);
}

#[test]
fn many_at_once_are_a_shift_of_the_population() {
    let busy = |status: &mut RateStatus| (status.peer_max, status.own_max) = (60, 5);
    check_judgement(
        |status| {
            busy(status);
            status.surging = 6;
        },
        Judgement::Shift,
    );
    check_judgement(
        |status| {
            busy(status);
            status.surging = 3;
        },
        Judgement::Usual,
    );
    // One who stands out among many who are busy still does.
    check_judgement(|status| status.surging = 6, Judgement::Beyond);
}

#[test]
fn stamps_and_numbers_of_requests_do_not_make_each_a_new_one() {
    let plan = |town: &mut Town, app: App| {
        for n in 0..120 {
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":{n},"method":"find","params":{{"w":"x","nonce":"n{n}"}}}}"#
            );
            let tx = post("/rpc").json(&call).answer(r#"{"jsonrpc":"2.0","id":1,"result":[1,2]}"#);
            let at = LATER + 4.0 * (n as f64 + 0.8 * chance(&[n, 71]));
            town.at(at, app.by(MALLORY, tx));
        }
        for n in 0..90 {
            let call = r#"{"jsonrpc":"2.0","id":1,"method":"find","params":{"w":"x","nonce":"a"}}"#;
            let tx = post("/rpc").json(call).answer(r#"{"jsonrpc":"2.0","id":1,"result":[1,2]}"#);
            town.at(600.0 * chance(&[n, 5]) + 300.0, app.by(10 + n % 9, tx));
        }
    };
    check(plan, SERVED);
}
