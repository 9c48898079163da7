use super::*;

fn book(title: &str) -> String {
    format!(r#"{{"book_title":"{title}","owner":"ann","secret":"s"}}"#)
}

fn get_book(title: &str) -> Tx {
    get(&format!("/books/v1/{title}")).answer(&book(title))
}

#[test]
fn values_become_slots_at_once() {
    let mut app = Watched::new();
    let mut check = |path: &str, expected: &str| assert_eq!(app.name(get(path)), expected);
    check("/orders/17", "GET /orders/{id}");
    check("/orders/18/", "GET /orders/{id}");
    check("//orders//19.json", "GET /orders/{id}");
    check("/Orders/20;v=2", "GET /orders/{id}");
    check(
        "/v1/accounts/3f2504e0-4f89-11d3-9a0c-0305e82c3301/transactions",
        "GET /v1/accounts/{id}/transactions",
    );
    check("/users/5/orders/6", "GET /users/{user_id}/orders/{id}");
    check("/reports/2024-05-01", "GET /reports/{date}");
    check("/v2.1/items", "GET /v2.1/items");
    check("/", "GET /");
}

#[test]
fn words_that_vary_are_learned_when_many_answer_alike() {
    let mut app = Watched::new();
    let (mut merged, mut was) = (Vec::new(), Vec::<String>::new());
    for n in 0..12 {
        let title = format!("{}book", char::from(b'a' + n));
        let body = format!(r#"{{"a":{n},"b":1,"c":2}}"#);
        let seen = app.see(get(&format!("/shelf/{title}")).answer(&body));
        assert_eq!(seen.was.len(), seen.merged.len());
        was.extend(seen.was.iter().map(|name| name.to_string()));
        merged.extend(seen.merged);
    }
    assert!(was.contains(&"GET /shelf/abook".to_owned()), "{was:?}");
    assert_eq!(app.names(), ["GET /shelf/{slug}"]);
    assert!(merged.len() >= 7, "{merged:?}");
    for id in merged {
        assert_eq!(&*app.inventory.endpoint(id).unwrap().name, "GET /shelf/{slug}");
    }
}

#[test]
fn words_that_messages_named_are_learned_sooner() {
    let mut app = Watched::new();
    app.see(get("/books/v1").answer(
        r#"{"Books":[{"book_title":"dune","user":"ann"},{"book_title":"emma","user":"bob"}]}"#,
    ));
    app.see(get_book("dune"));
    assert_eq!(app.name(get_book("emma")), "GET /books/v1/{slug}");
    assert_eq!(app.name(get_book("ulysses")), "GET /books/v1/{slug}");
    assert_eq!(
        app.name(get("/books/v1/nosuch").status(404).answer(r#"{"status":"fail"}"#)),
        "GET /books/v1/{slug}"
    );
    assert_eq!(app.names(), ["GET /books/v1", "GET /books/v1/{slug}"]);
}

#[test]
fn words_of_a_list_are_values_below_the_path_of_its_name() {
    let mut app = Watched::new();
    app.see(get("/classes").answer(r#"{"classes":["7a","10b"],"kinds":["rooms","terms"]}"#));
    let mut ask = |names: [&str; 2]| {
        for name in names {
            let answer = r#"{"pupils":[{"id":1,"age":9}]}"#;
            app.see(get(&format!("/classes/{name}/pupils")).answer(answer));
        }
        app.names().len()
    };
    // Words of a list called otherwise say nothing here.
    assert_eq!(ask(["rooms", "terms"]), 3);
    assert_eq!(ask(["7a", "10b"]), 2);
    assert_eq!(app.names(), ["GET /classes", "GET /classes/{slug}/pupils"]);
}

#[test]
fn one_function_below_things_that_nobody_asks_for_themselves() {
    let people = ["a.ono", "b.sato", "cyd.tan", "d-bo", "eve2", "f.lim", "g_ng", "hal.ek", "i.wu"];
    let mut app = Watched::new();
    for name in people {
        app.see(post(&format!("/people/{name}/role")).status(302).location("/people"));
    }
    assert_eq!(app.names(), ["POST /people/{slug}/role"]);
    // Models of an administration answer themselves, and are names.
    let mut app = Watched::new();
    for name in people {
        app.see(get(&format!("/admin/{name}")).html("<p>list</p>"));
        app.see(post(&format!("/admin/{name}/add")).status(302).location("/admin"));
    }
    assert_eq!(app.names().len(), 2 * people.len());
}

#[test]
fn tokens_without_a_digit_are_values_beside_those_with_one() {
    let tokens = ["XHdaoRVWExkfeymK", "x7dvfQUDnA4Fvb9Z", "dvfQUDnAMFvbtZky", "9kD2mfRt6QwLs0aB"];
    for turn in 0..tokens.len() {
        let mut app = Watched::new();
        for at in 0..tokens.len() {
            let token = tokens[(at + turn) % tokens.len()];
            app.see(get(&format!("/s/{token}")).answer(r#"{"docs":[{"title":"x","n":1}]}"#));
        }
        app.inventory.settle();
        assert_eq!(app.names(), ["GET /s/{id}"]);
    }
}

#[test]
fn what_lies_below_a_slot_joins_too() {
    let mut app = Watched::new();
    for name in ["anna60", "bert", "cleo"] {
        app.see(
            put(&format!("/users/v1/{name}/email")).json(r#"{"email":"a@b.example"}"#).status(204),
        );
        app.see(
            get(&format!("/users/v1/{name}"))
                .answer(&format!(r#"{{"username":"{name}","email":"x@y.example"}}"#)),
        );
    }
    app.see(put("/users/v1/dora/email").status(204));
    assert_eq!(app.names(), ["GET /users/v1/{slug}", "PUT /users/v1/{slug}/email"]);
}

#[test]
fn functions_beside_values_stay_apart() {
    let mut app = Watched::new();
    app.see(
        post("/users/v1/login")
            .json(r#"{"username":"a","password":"p"}"#)
            .answer(r#"{"token":"abcdefgh1"}"#),
    );
    app.see(
        post("/users/v1/register")
            .json(r#"{"username":"a","password":"p"}"#)
            .answer(r#"{"status":"success"}"#),
    );
    for n in 0..20 {
        let name = format!("user{}", char::from(b'a' + n));
        app.see(
            get(&format!("/users/v1/{name}"))
                .answer(&format!(r#"{{"username":"{name}","age":1}}"#)),
        );
        app.see(get(&format!("/orders/{n}")).answer(r#"{"id":1,"total":5}"#));
    }
    app.see(get("/users/v1/export").answer(r#"{"url":"x"}"#));
    app.see(get("/users/v1/summary").answer(r#"{"active":5,"locked":1}"#));
    app.see(get("/orders/export").answer(r#"{"url":"x"}"#));
    app.see(
        post("/users/v1/login")
            .json(r#"{"username":"a","password":"p"}"#)
            .answer(r#"{"token":"abcdefgh1"}"#),
    );
    assert_eq!(
        app.names(),
        [
            "GET /orders/export",
            "GET /orders/{id}",
            "GET /users/v1/export",
            "POST /users/v1/login",
            "POST /users/v1/register",
            "GET /users/v1/summary",
            "GET /users/v1/{slug}",
        ]
    );
}

#[test]
fn different_collections_are_no_values() {
    let mut app = Watched::new();
    for round in 0..30 {
        for (at, name) in [
            "orders", "items", "carts", "users", "shops", "taxes", "notes", "files", "tags", "logs",
        ]
        .iter()
        .enumerate()
        {
            let body = format!(r#"{{"{name}":[{{"id":{round},"f{at}":1}}]}}"#);
            app.see(get(&format!("/api/{name}")).answer(&body));
            app.see(
                get(&format!("/api/{name}/{round}"))
                    .answer(&format!(r#"{{"id":{round},"f{at}":1}}"#)),
            );
        }
    }
    assert_eq!(app.names().len(), 20, "{:?}", app.names());
}

#[test]
fn pages_asked_again_and_again_are_no_values() {
    let mut app = Watched::new();
    let pages = [
        "about", "contact", "cart", "products", "orders", "help", "terms", "privacy", "home",
        "news",
    ];
    for _ in 0..30 {
        for page in pages {
            app.see(get(&format!("/{page}")).html("<p>x</p>"));
        }
    }
    assert_eq!(app.names().len(), pages.len());
}

#[test]
fn pages_of_a_catalogue_are_values() {
    let mut app = Watched::new();
    for n in 0..40 {
        let name = format!("blue-{}-chair", char::from(b'a' + n % 26));
        app.see(
            get(&format!("/product/{name}{}", "x".repeat(usize::from(n) / 26))).html("<p>x</p>"),
        );
    }
    assert_eq!(app.names(), ["GET /product/{slug}"]);
}

#[test]
fn paths_that_are_not_there_are_kept_apart_and_bounded() {
    let mut app = Watched::new();
    app.see(get("/orders/17").answer(r#"{"id":17}"#));
    app.see(get("/health").answer(r#"{"up":true}"#));
    for n in 0..10_000 {
        let word: String = format!("{n:05}").bytes().map(|b| char::from(b + 49)).collect();
        app.see(get(&format!("/{word}/admin.php")).status(404).html("no"));
    }
    let counters = app.inventory.counters();
    assert!(counters.endpoints <= 110, "{counters:?}");
    assert_eq!(counters.folded, 9_900);
    assert!(app.names().contains(&"GET /{unknown path}".to_owned()));
    assert!(app.names().contains(&"GET /health".to_owned()));
    assert_eq!(app.name(get("/health")), "GET /health");
}

#[test]
fn a_path_that_was_refused_first_keeps_its_id() {
    let mut app = Watched::new();
    let refused = app.see(get("/admin/report").status(401));
    let shown = app.see(get("/admin/report").answer(r#"{"a":1}"#));
    assert_eq!(refused.endpoint, shown.endpoint);
    assert_eq!(app.inventory.endpoint(shown.endpoint).unwrap().requests, 2);
}

#[test]
fn hosts_are_services_and_junk_hosts_are_bounded() {
    let mut app = Watched::new();
    assert_eq!(&*app.see(get("/").host("Shop.test")).service, "shop.test");
    assert_eq!(&*app.see(get("/").host("shop.test").to("10.0.0.2:9000")).service, "shop.test");
    assert_eq!(&*app.see(get("/").host("shop.test:8443")).service, "shop.test:8443");
    app.world.host = None;
    assert_eq!(&*app.see(get("/").to("10.0.0.9:81")).service, "10.0.0.9:81");
    for n in 0..500 {
        app.see(get("/").host(&format!("h{n}.evil.test")));
    }
    assert_eq!(&*app.see(get("/").host("one.more.test")).service, "10.0.0.1:8080");
    assert_eq!(&*app.see(get("/").host("shop.test")).service, "shop.test");
    assert!(app.inventory.counters().services < 40);
}

#[test]
fn services_bear_the_names_they_are_given() {
    let names = [
        ("10.0.0.1:8080".to_owned(), "shop".to_owned()),
        ("API.test".to_owned(), "api".to_owned()),
    ];
    let mut app = Watched::with(&Config { names: names.into(), ..Config::default() });
    assert_eq!(&*app.see(get("/")).service, "shop");
    assert_eq!(&*app.see(get("/").host("api.test:9000")).service, "api");
}

#[test]
fn a_full_table_folds() {
    let mut app = Watched::with(&Config { endpoints_max: 5, ..Config::default() });
    for n in 0..20 {
        app.see(get(&format!("/{}x", char::from(b'a' + n))).answer(&format!(r#"{{"k{n}":1}}"#)));
    }
    assert_eq!(app.inventory.counters().endpoints, 6);
    assert_eq!(app.inventory.counters().folded, 15);
}

proptest::proptest! {
    #[test]
    fn any_sequence_of_requests_leaves_ids_that_lead_somewhere(
        steps in proptest::collection::vec((0..6_u8, 0..12_u8, 0..3_u8, proptest::bool::ANY), 1..120)
    ) {
        let mut app = Watched::new();
        let mut ids = Vec::new();
        let mut total = 0;
        for (parent, child, shape, found) in steps {
            let path = format!("/p{}/{}", char::from(b'a' + parent), char::from(b'a' + child));
            let path = if shape == 2 { format!("{path}/x") } else { path };
            let body = format!(r#"{{"id":1,"s{shape}":"c"}}"#);
            let tx = get(&path).status(if found { 200 } else { 404 }).answer(&body);
            let sighting = app.see(tx);
            total += 1;
            ids.push(sighting.endpoint);
            ids.extend(sighting.merged);
        }
        for id in ids {
            proptest::prop_assert!(app.inventory.endpoint(id).is_some());
        }
        let counted: u64 = app.inventory.endpoints().iter().map(|e| e.requests).sum();
        proptest::prop_assert_eq!(counted, total);
    }
}

#[test]
fn words_among_running_codes_are_values_but_not_among_numbers() {
    let mut app = Watched::new();
    app.see(get("/notes/memo-1234").answer(r#"{"title":"t","text":"x"}"#));
    assert_eq!(
        app.name(get("/notes/quentin").answer(r#"{"title":"t","text":"x"}"#)),
        "GET /notes/{id}"
    );
    app.see(get("/orders/17").answer(r#"{"total":1,"items":2}"#));
    assert_eq!(
        app.name(get("/orders/newest").answer(r#"{"total":1,"items":2}"#)),
        "GET /orders/newest"
    );
}

#[test]
fn tenants_are_values_though_they_are_few() {
    let docs = r#"{"items":[{"slug":"a","size":1}],"total":1}"#;
    let mut app = Watched::new();
    for team in ["team-1", "team-2", "team-3"] {
        app.see(get(&format!("/w/{team}/docs")).answer(docs));
    }
    assert_eq!(app.names(), ["GET /w/{slug}/docs"]);
    let mut app = Watched::new();
    for team in ["acme", "globex", "initech", "umbrella", "hooli"] {
        app.see(get(&format!("/w/{team}/docs")).answer(docs));
    }
    assert_eq!(app.names(), ["GET /w/{slug}/docs"]);
    let mut app = Watched::new();
    for name in ["orders", "users", "invoices", "products", "carts"] {
        app.see(get(&format!("/api/{name}")).answer(docs));
    }
    assert_eq!(app.names().len(), 5);
}

#[test]
fn a_client_that_makes_up_functions_fills_no_table() {
    let mut app = Watched::new();
    for n in 0..400 {
        app.see(get(&format!("/index.php?action=made-up-{n}")));
    }
    assert!(app.names().len() <= 258, "{}", app.names().len());
}

/// Words that are asked for as functions are.
const VERBS: [&str; 16] = [
    "like",
    "follow",
    "mute",
    "block",
    "share",
    "report",
    "pin",
    "archive",
    "subscribe",
    "vote",
    "hide",
    "boost",
    "repost",
    "bookmark",
    "rate",
    "flag",
];

#[test]
fn functions_that_take_fields_of_their_own_stay_apart_though_all_answer_ok() {
    let mut app = Watched::new();
    for round in 0..6 {
        for verb in VERBS {
            let body = format!(r#"{{"{verb}_id":{round},"{verb}_note":"x"}}"#);
            app.see(post(&format!("/api/{verb}")).json(&body).answer(r#"{"ok":true}"#));
        }
    }
    assert_eq!(app.names().len(), VERBS.len(), "{:?}", app.names());
    // Rooms that take the same are values.
    for room in VERBS {
        app.see(post(&format!("/rooms/{room}")).json(r#"{"lit":true}"#).answer(r#"{"ok":true}"#));
    }
    assert!(app.names().contains(&"POST /rooms/{slug}".to_owned()), "{:?}", app.names());
}

#[test]
fn pages_of_equal_length_are_pages_of_their_own() {
    let mut app = Watched::new();
    for verb in VERBS {
        let text = verb.repeat(120).chars().take(300).collect::<String>();
        app.see(get(&format!("/{verb}")).html(&format!("<html><p>{text}</p></html>")));
    }
    assert_eq!(app.names().len(), VERBS.len(), "{:?}", app.names());
}

/// A page with words of its own.
fn prose(top: &str, page: &str) -> String {
    let word = |n: usize| format!("{}{} ", &page[n % page.len()..], &top[n % 2..]);
    format!("<html><p>{}</p></html>", (0..30).map(word).collect::<String>())
}

#[test]
fn languages_are_values_above_pages_and_collections_are_none() {
    let mut app = Watched::new();
    for round in 0..40 {
        for top in ["de", "pt-BR", "fr", "en-GB"] {
            for page in ["help", "prices", "about"] {
                app.see(get(&format!("/{top}/{page}")).html(&prose(top, page)));
            }
        }
        for top in ["orders", "invoices", "parcels", "returns"] {
            for page in ["list", "latest", "totals"] {
                let text = format!("{}{round}", prose(top, page));
                app.see(get(&format!("/{top}/{page}")).html(&text));
            }
        }
    }
    let names = app.names();
    assert_eq!(names.iter().filter(|name| name.contains("{slug}")).count(), 3, "{names:?}");
    assert_eq!(names.len(), 15, "{names:?}");
}

#[test]
fn coordinates_are_values_and_versions_are_none() {
    let mut app = Watched::new();
    let weather = r#"{"temperature":12.5,"wind":3}"#;
    for n in 10..30 {
        app.see(get(&format!("/weather/47.{n}/8.{n}")).answer(weather));
        app.see(get("/api/1.10/stations").answer(r#"{"stations":[{"id":1,"name":"a"}]}"#));
    }
    let names = app.names();
    assert!(names.contains(&"GET /api/1.10/stations".to_owned()), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("GET /weather/{")), "{names:?}");
    assert_eq!(names.len(), 2, "{names:?}");
}
