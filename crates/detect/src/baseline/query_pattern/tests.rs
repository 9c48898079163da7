//! Requests that are unlike all others, and what looks like them.

use crate::testing::{APPS, Answer, App, HOUR, Town, browser, chance, dice, elsewhere, home};
use stilt_inventory::test_support::{Tx, get, post};
use stilt_model::{Outcome, Severity};

const RULE: &str = super::SPEC.rule.id;
const USERS: u64 = 24;
const LATER: f64 = 3.0 * HOUR;
const MALLORY: u64 = 5;

const WORDS: [&str; 8] =
    ["shoes", "red shoes", "boots", "winter coat", "socks", "hat", "gloves", "rain coat"];

/// Somebody looks for something.
struct Ask<'a> {
    words: &'a str,
    page: &'a str,
    sort: &'a str,
    /// Parameters that nobody sends.
    more: &'a str,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self { words: "boots", page: "1", sort: "price", more: "" }
    }
}

fn ask(app: App, ask: &Ask<'_>, answer: Answer) -> Tx {
    let Ask { words, page, sort, more } = ask;
    let query = words.replace(' ', "+").replace('\'', "%27").replace('"', "%22");
    let escaped = words.replace('"', "\\\"");
    let extra: String = more
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| format!(r#","{name}":"{value}""#))
        .collect();
    let more = if more.is_empty() { String::new() } else { format!("&{more}") };
    let sort_query = sort.replace('\'', "%27").replace(' ', "+");
    let tx = match app {
        App::Json => get(&format!("/api/v1/search?q={query}&page={page}&sort={sort_query}{more}")),
        App::Calls => post("/rpc/find").json(&format!(
            r#"{{"params":{{"words":"{escaped}","page":"{page}","sort":"{sort}"{extra}}}}}"#
        )),
        App::Pages => get(&format!("/buscar.php?q={query}&p={page}&orden={sort_query}{more}")),
        App::Actions => post("/api?action=suche")
            .json(&format!(r#"{{"wort":"{escaped}","seite":"{page}","nach":"{sort}"{extra}}}"#)),
        App::Form => {
            post("/find").form(&format!("words={query}&page={page}&by={sort_query}{more}"))
        }
        App::Envelope => post("/gw/find")
            .json(&format!(r#"{{"words":"{escaped}","page":"{page}","sort":"{sort}"{extra}}}"#)),
    };
    match answer {
        Answer::No => tx.status(400).answer(r#"{"error":"bad request"}"#),
        _ => tx.answer(r#"{"code":0,"results":[{"title":"x"},{"title":"y"}]}"#),
    }
}

fn usual(town: &mut Town, app: App) {
    for user in 0..USERS {
        let tx = app.sign_in(user, "right", Answer::Yes);
        town.at(1.0 + user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..16 {
            let at = 60.0 + 0.9 * LATER * chance(&[user, n]);
            let words = WORDS[(dice(&[user, n]) % 8) as usize];
            let page = (1 + dice(&[user, n, 3]) % 3).to_string();
            let sort = ["price", "name"][(dice(&[user, n, 4]) % 2) as usize];
            let asked = Ask { words, page: &page, sort, more: "" };
            town.at(at, app.by(user, ask(app, &asked, Answer::Yes)));
        }
    }
}

type Expected = Option<(Severity, Outcome)>;
const SILENT: Expected = None;
const SERVED: Expected = Some((Severity::Medium, Outcome::Success));
const REFUSED: Expected = Some((Severity::Low, Outcome::Failure));

fn check_with_notices(plan: impl Fn(&mut Town, App), expected: Expected, notices: usize) {
    for app in APPS {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        plan(&mut town, app);
        town.run();
        let stories = town.stories();
        let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
        assert_eq!(worst, expected, "{app:?}: {stories:#?}, {:?}", town.not_evaluated());
        assert!(stories.len() <= 1, "{app:?}: {stories:#?}");
        assert_eq!(town.notices().len(), notices, "{app:?}: {:#?}", town.notices());
    }
}

fn check(plan: impl Fn(&mut Town, App), expected: Expected) {
    check_with_notices(plan, expected, 0);
}

/// Mallory asks so, once a minute.
fn check_asked(asked: &[Ask<'_>], answer: Answer, expected: Expected) {
    check(
        |town, app| {
            for (n, one) in asked.iter().enumerate() {
                let at = LATER + 60.0 * n as f64;
                town.at(at, app.by(MALLORY, ask(app, one, answer)));
            }
        },
        expected,
    );
}

#[test]
fn one_request_that_breaks_form_and_syntax_is_told() {
    let asked = || [Ask { sort: "name' or (1=1)", ..Ask::default() }];
    check_asked(&asked(), Answer::Yes, SERVED);
    check_asked(&asked(), Answer::No, REFUSED);
    check_asked(&[Ask { page: "1;sleep(5)", ..Ask::default() }], Answer::Yes, SERVED);
}

#[test]
fn unknown_parameters_beside_a_value_beyond_all_are_told() {
    let asked = [Ask { page: "90000", more: "include=owner&debug=1", ..Ask::default() }];
    check_asked(&asked, Answer::Yes, SERVED);
}

#[test]
fn one_odd_thing_after_the_other_is_told() {
    let tries: Vec<String> = (0..12).map(|n| format!("secret_{n}")).collect();
    let asked: Vec<Ask<'_>> = tries.iter().map(|sort| Ask { sort, ..Ask::default() }).collect();
    check_asked(&asked, Answer::Yes, SERVED);
    check_asked(&asked, Answer::No, REFUSED);
}

#[test]
fn a_stranger_with_ever_new_values_is_one_story() {
    check(
        |town, app| {
            for n in 0..80 {
                let sort = format!("name'{n}) or ({n}");
                let one = Ask { sort: &sort, ..Ask::default() };
                let tx = ask(app, &one, Answer::Yes).from(&elsewhere(3)).agent("curl");
                town.at(LATER + 2.0 * n as f64, tx);
            }
        },
        SERVED,
    );
}

#[test]
fn one_odd_value_is_usual() {
    for one in [
        Ask { words: "men's coat (long) \"x\"", ..Ask::default() },
        Ask { page: "90", ..Ask::default() },
        Ask { page: "all", ..Ask::default() },
        Ask { sort: "newest", ..Ask::default() },
        Ask { more: "utm_source=mail", ..Ask::default() },
    ] {
        check_asked(&[one], Answer::Yes, SILENT);
    }
    let typed = Ask { page: "abc", ..Ask::default() };
    check_asked(&[typed], Answer::No, SILENT);
}

#[test]
fn a_pasted_text_is_usual() {
    let words = "https://shop.example/x?y=1 the one with the very long name that somebody sent \
                 me (blue; size 44) - is it there?";
    check_asked(&[Ask { words, ..Ask::default() }], Answer::Yes, SILENT);
}

#[test]
fn many_words_of_a_power_user_are_usual() {
    let words: Vec<String> =
        (0..40).map(|n| format!("article {} for sale", 1000 + n * 37)).collect();
    let asked: Vec<Ask<'_>> = words.iter().map(|words| Ask { words, ..Ask::default() }).collect();
    check_asked(&asked, Answer::Yes, SILENT);
}

#[test]
fn a_release_is_one_notice() {
    let plan = |town: &mut Town, app: App| {
        for user in 0..USERS {
            for n in 0..4 {
                let at = LATER + 1200.0 * chance(&[user, n, 9]);
                let one = Ask { sort: "newest-first", more: "lang=en&v=71", ..Ask::default() };
                town.at(at, app.by(user, ask(app, &one, Answer::Yes)));
            }
        }
    };
    check_with_notices(plan, SILENT, 1);
}

#[test]
fn a_job_that_asks_its_own_way_is_usual() {
    check(
        |town, app| {
            for n in 0..60 {
                let one = Ask { more: "format=csv&since=2026-11-01", ..Ask::default() };
                let tx = ask(app, &one, Answer::Yes).agent("job/1.0");
                town.at(600.0 + 120.0 * n as f64, app.bearing(77, tx.from("10.9.9.9")));
            }
        },
        SILENT,
    );
}

#[test]
fn where_few_are_known_it_learns_and_says_so() {
    for app in APPS {
        let mut town = Town::new(RULE);
        for user in 0..4 {
            for n in 0..60 {
                let one = Ask { words: WORDS[(n % 8) as usize], ..Ask::default() };
                town.at(10.0 * n as f64 + user as f64, app.by(user, ask(app, &one, Answer::Yes)));
            }
        }
        let odd = Ask { sort: "name' or (1=1)", ..Ask::default() };
        town.at(LATER, app.by(MALLORY, ask(app, &odd, Answer::Yes)));
        town.run();
        assert!(town.stories().is_empty(), "{app:?}");
        assert_eq!(town.not_evaluated().len(), 1, "{app:?}");
    }
}

fn profile(name: &str, about: &str) -> Tx {
    let escaped = name.replace('\'', "%27").replace(' ', "%20").replace('=', "%3D");
    get(&format!("/people/{escaped}")).answer(&format!(r#"{{"username":"{about}","plan":"free"}}"#))
}

/// Everybody looks at the pages of people, whose names stand in the path.
fn check_named(plan: impl Fn(&mut Town), expected: Expected) {
    let app = App::Json;
    let mut town = Town::new(RULE);
    for user in 0..USERS {
        let tx = app.sign_in(user, "right", Answer::Yes);
        town.at(1.0 + user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..16 {
            let who = dice(&[user, n]) % 60;
            let name = format!("{}{}", ["anna", "bert", "carla", "dirk"][(who % 4) as usize], who);
            let at = 60.0 + 0.9 * LATER * chance(&[user, n]);
            town.at(at, app.by(user, profile(&name, &name)));
        }
    }
    plan(&mut town);
    town.run();
    let stories = town.stories();
    let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(worst, expected, "{stories:#?}");
}

#[test]
fn a_name_with_an_apostrophe_is_a_name() {
    check_named(
        |town| {
            for (n, name) in ["o'brien", "d'angelo", "o'neill", "o'hara"].iter().enumerate() {
                let at = LATER + 90.0 * n as f64;
                town.at(at, App::Json.by(MALLORY, profile(name, name)));
            }
        },
        SILENT,
    );
}

#[test]
fn a_name_that_gives_another_is_told() {
    check_named(
        |town| {
            // Somebody's honest name beside it must not hide it.
            for user in [8, 9] {
                town.at(LATER - 60.0, App::Json.by(user, profile("o'brien", "o'brien")));
            }
            town.at(LATER, App::Json.by(MALLORY, profile("x' or 'a'='a", "admin")));
        },
        SERVED,
    );
}

/// How clients get their tokens, and fetch lists.
fn token(kind: &str, more: &str) -> Tx {
    post("/oauth/token")
        .form(&format!("grant_type={kind}&client_id=app{more}"))
        .answer(r#"{"scope":"all","expires_in":900}"#)
}

fn check_tokens(odd: impl Fn() -> Tx, expected: Expected) {
    let app = App::Json;
    let mut town = Town::new(RULE);
    for user in 0..USERS {
        let tx = app.sign_in(user, "right", Answer::Yes);
        town.at(1.0 + user as f64, tx.from(&home(user)).agent(browser(user)));
        for n in 0..8 {
            let at = 60.0 + 0.9 * LATER * chance(&[user, n]);
            town.at(at, app.by(user, token("password", "&device=phone")));
        }
    }
    town.at(LATER, app.by(MALLORY, odd()));
    town.run();
    let stories = town.stories();
    let worst = stories.iter().map(|story| (story.severity, story.outcome)).max();
    assert_eq!(worst, expected, "{stories:#?}");
}

#[test]
fn a_value_and_the_parameter_that_it_brings_are_one_way() {
    check_tokens(|| token("device_code", "&device=phone&device_code=abc"), SILENT);
    check_tokens(|| token("device_code", "&device=phone&scope=abc"), SERVED);
}

#[test]
fn parameters_that_nobody_sends_tried_one_by_one_are_told() {
    let tried = ["debug=1", "admin=true", "_method=all"];
    let tried = tried.map(|more| Ask { more, ..Ask::default() });
    check_asked(&tried, Answer::Yes, SERVED);
    // A client of one's own sends them together, always.
    let own = [(); 3].map(|()| Ask { more: "tz=2&lang=de&build=77", ..Ask::default() });
    check_asked(&own, Answer::Yes, SILENT);
}

const PAYLOADS: [&str; 8] = [
    "name'",
    "name' or 1=1--",
    "name') or ('1'='1",
    "1;select sleep(5)",
    "name\" or \"a\"=\"a",
    "x' union select a,b from c",
    "name{{7*7}}",
    "name|id",
];

/// Five callers send the same payloads, in turns or one caller after the other.
fn check_script(
    asked: impl Fn(&'static str) -> Ask<'static>,
    strangers: bool,
    answer: Answer,
    told: usize,
    notices: usize,
) {
    for (app, in_turns) in APPS.into_iter().flat_map(|app| [(app, false), (app, true)]) {
        let mut town = Town::new(RULE);
        usual(&mut town, app);
        for caller in 0..5 {
            for (n, payload) in PAYLOADS.iter().enumerate() {
                let (step, wait) = if in_turns { (20.0, 3.0) } else { (5.0, 60.0) };
                let at = LATER + step * n as f64 + wait * caller as f64;
                let tx = ask(app, &asked(payload), answer);
                let stranger = |tx: Tx| tx.from(&elsewhere(caller)).agent("curl/8.5");
                town.at(at, if strangers { stranger(tx) } else { app.by(caller + 2, tx) });
            }
        }
        town.run();
        assert_eq!(town.stories().len(), told, "{app:?} {in_turns}: {:#?}", town.stories());
        assert_eq!(town.notices().len(), notices, "{app:?} {in_turns}: {:#?}", town.notices());
    }
}

#[test]
fn a_script_that_several_run_is_no_release() {
    check_script(|sort| Ask { sort, ..Ask::default() }, false, Answer::No, 5, 0);
    check_script(|page| Ask { page, ..Ask::default() }, false, Answer::No, 5, 0);
}

#[test]
fn a_script_against_free_text_is_no_fashion() {
    check_script(|words| Ask { words, ..Ask::default() }, true, Answer::No, 5, 0);
}

#[test]
fn a_release_with_a_syntax_of_its_own_is_one_notice() {
    let plan = |town: &mut Town, app: App| {
        for user in 0..USERS {
            for n in 0..4_u64 {
                let at = LATER + 1200.0 * chance(&[user, n, 9]);
                let sort = ["price|name", "name|price", "price|asc", "name|desc"][n as usize];
                let words = "something for the garden that needs no water & no sun, please";
                let one = Ask { sort, words, more: "tags=[1]", ..Ask::default() };
                town.at(at, app.by(user, ask(app, &one, Answer::Yes)));
            }
        }
    };
    check_with_notices(plan, SILENT, 1);
}

#[test]
fn a_mistake_of_a_new_client_is_one_notice() {
    // It is the same with all who have it, and refused.
    let plan = |town: &mut Town, app: App| {
        for user in 0..USERS {
            for n in 0..3_u64 {
                let at = LATER + 1200.0 * chance(&[user, n, 9]);
                let one = Ask { sort: "undefined", more: "v=9", ..Ask::default() };
                town.at(at, app.by(user, ask(app, &one, Answer::No)));
            }
        }
    };
    check_with_notices(plan, SILENT, 1);
}
