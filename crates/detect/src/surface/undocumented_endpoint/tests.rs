use crate::testing::{DAY, Town};
use stilt_inventory::test_support::{Tx, delete, get, post};

const SHOP: &str = r##"
openapi: 3.0.3
info: {title: Shop, version: "2.0"}
servers: [{url: "https://app.test/api"}]
paths:
  /orders:
    get: {responses: {"200": {description: ok}}}
  /orders/{id}:
    get: {responses: {"200": {description: ok}}}
  /v2/rates:
    get: {responses: {"200": {description: ok}}}
  /carts:
    get: {deprecated: true, responses: {"200": {description: ok}}}
"##;

fn town(documents: &[&str]) -> Town {
    let mut town = Town::new("surface.undocumented_endpoint");
    town.document(documents);
    town
}

/// The same request by several callers, minutes apart.
fn often(town: &mut Town, tx: Tx) {
    for caller in 0..3 {
        let from = format!("10.3.0.{}", 1 + caller);
        town.at(f64::from(caller) * 400.0, tx.clone().from(&from).agent(&from));
    }
}

fn check(tx: Tx, expected: Option<(&str, &str)>) {
    let shown = format!("{tx:?}");
    let mut town = town(&[SHOP]);
    often(&mut town, get("/api/orders").answer(r#"{"items":[]}"#));
    often(&mut town, tx);
    town.run();
    let told: Vec<(&str, &str)> = town
        .notices()
        .iter()
        .map(|one| (one.why[0].signal.as_str(), one.endpoint.as_str()))
        .collect();
    assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{shown}");
}

fn json(tx: Tx) -> Tx {
    tx.answer(r#"{"a":1}"#)
}

#[test]
fn what_no_document_has_is_a_shadow() {
    check(json(get("/api/debug/users")), Some(("shadow", "GET /api/debug/users")));
    check(json(delete("/api/orders/17")), Some(("shadow", "DELETE /api/orders/{id}")));
    check(post("/api/carts").status(204), Some(("shadow", "POST /api/carts")));
}

#[test]
fn what_is_documented_is_none() {
    check(json(get("/api/orders/17?x=1")), None);
    check(json(get("/api/v2/rates")), None);
    check(Tx::new("HEAD", "/api/orders"), None);
    check(Tx::new("OPTIONS", "/api/anything").status(204), None);
}

#[test]
fn what_was_left_behind_is_a_zombie() {
    check(json(get("/api/carts")), Some(("zombie", "GET /api/carts")));
    check(json(get("/api/v1/rates")), Some(("zombie", "GET /api/v1/rates")));
}

#[test]
fn guesses_that_are_refused_and_pages_are_none() {
    check(get("/api/.env").status(404), None);
    check(get("/api/admin").status(403), None);
    check(get("/api/app").html("<html></html>"), None);
    check(get("/static/app.js").answer_header("Content-Type", "text/javascript"), None);
}

#[test]
fn the_page_of_any_path_is_no_shadow() {
    let with_pages = SHOP.replace(
        "  /v2/rates:\n    get: {responses: {\"200\": {description: ok}}}",
        "  /help:\n    get: {responses: {\"200\": {description: ok, content: {text/html: {}}}}}",
    );
    assert!(with_pages.contains("text/html"));
    let shell = "<html><title>Desk</title><script src=\"/main.js\"></script><div id=root></div>";
    let mut town = town(&[&with_pages]);
    often(&mut town, get("/api/orders").answer(r#"{"items":[]}"#));
    for place in ["inbox", "settings", "billing", "team"] {
        town.at(0.0, get(&format!("/api/desk/{place}")).html(shell).from("10.3.0.1"));
    }
    for place in ["inbox", "settings", "billing", "team"] {
        often(&mut town, get(&format!("/api/desk/{place}")).html(shell));
    }
    // A page of its own is one.
    often(&mut town, get("/api/console").html("<html><h1>Console</h1> Run a query on the host"));
    town.run();
    let told: Vec<&str> = town.notices().iter().map(|one| one.endpoint.as_str()).collect();
    assert_eq!(told, ["GET /api/console"]);
}

#[test]
fn one_caller_or_one_moment_says_little() {
    let mut alone = town(&[SHOP]);
    let mut moment = town(&[SHOP]);
    for n in 0..9 {
        let from = format!("10.3.0.{}", 1 + n);
        alone.at(f64::from(n) * 400.0, json(get("/api/hidden")));
        moment.at(f64::from(n), json(get("/api/hidden")).from(&from).agent(&from));
    }
    alone.run();
    moment.run();
    assert!(alone.notices().is_empty() && moment.notices().is_empty());
}

#[test]
fn a_later_document_retires_what_it_drops() {
    let old = SHOP.replace("\"2.0\"", "\"1.9\"").replace("  /carts:", "  /baskets:");
    let mut town = town(&[SHOP, &old]);
    often(&mut town, json(get("/api/baskets")));
    often(&mut town, json(get("/api/orders")));
    town.run();
    let told: Vec<&str> = town.notices().iter().map(|one| one.why[0].signal.as_str()).collect();
    assert_eq!(told, ["zombie"]);
}

#[test]
fn a_document_of_another_host_is_about_who_answers_its_operations() {
    let elsewhere = SHOP.replace("app.test", "api.shop.example");
    let mut stranger = town(&[&elsewhere]);
    often(&mut stranger, json(get("/api/hidden")));
    often(&mut stranger, json(get("/api/orders")));
    stranger.run();
    assert!(stranger.notices().is_empty());
    assert_eq!(stranger.not_evaluated().len(), 1);
    let mut same = town(&[&elsewhere]);
    for path in ["/api/orders", "/api/orders/17", "/api/v2/rates", "/api/hidden"] {
        often(&mut same, json(get(path)));
    }
    for caller in 0..3 {
        let from = format!("10.4.0.{}", 1 + caller);
        same.at(2000.0 + f64::from(caller) * 400.0, json(get("/api/hidden")).from(&from));
    }
    same.run();
    let told: Vec<&str> = same.notices().iter().map(|one| one.endpoint.as_str()).collect();
    assert_eq!(told, ["GET /api/hidden"]);
}

#[test]
fn what_nobody_asks_for_in_a_month_is_an_orphan() {
    let run = |days: u32| {
        let mut town = town(&[SHOP]);
        for day in 0..days {
            for path in ["/api/orders", "/api/orders/5", "/api/v2/rates"] {
                town.at(f64::from(day) * DAY, json(get(path)));
            }
        }
        town.run_without_ticks();
        town.notices().iter().map(|one| one.endpoint.clone()).collect::<Vec<_>>()
    };
    assert!(run(25).is_empty());
    assert_eq!(run(40), ["GET /carts"]);
}

#[test]
fn one_caller_that_goes_on_asking_is_a_client() {
    let mut town = town(&[SHOP]);
    for n in 0..25 {
        town.at(f64::from(n) * 100.0, json(post("/api/sync").json(r#"{"a":1}"#)));
    }
    town.run();
    let told: Vec<&str> = town.notices().iter().map(|one| one.endpoint.as_str()).collect();
    assert_eq!(told, ["POST /api/sync"]);
}

#[test]
fn a_path_whose_words_are_learned_late_is_told_once() {
    let mut town = town(&[SHOP]);
    for (team, round) in ["acme", "globex", "initech", "umbrella", "hooli"].iter().zip(0..) {
        for caller in 0..3 {
            let from = format!("10.3.{round}.{}", 1 + caller);
            let at = f64::from(round) * 5000.0 + f64::from(caller) * 400.0;
            let answer = r#"{"items":[{"slug":"a","size":1}],"total":1}"#;
            let tx = get(&format!("/api/teams/{team}/docs")).answer(answer);
            town.at(at, tx.from(&from).agent(&from));
        }
    }
    town.run();
    let told: Vec<&str> = town.notices().iter().map(|one| one.endpoint.as_str()).collect();
    assert_eq!(told, ["GET /api/teams/acme/docs"]);
}

#[test]
fn functions_of_documented_collections_are_told_apart() {
    let mut town = town(&[SHOP]);
    for path in ["/api/rates/audit", "/api/carts/audit"] {
        often(&mut town, json(get(path)));
    }
    town.run();
    assert_eq!(town.notices().len(), 2);
}

const ITEMS: &str = r##"
openapi: 3.0.3
info: {title: Items, version: "1.0"}
servers: [{url: "https://app.test"}]
paths:
  /items/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                type: object
                required: [id, title]
                properties: {id: {type: integer}, title: {type: string}}
                additionalProperties: false
"##;

#[test]
fn a_function_that_a_parameter_takes_is_a_shadow_and_no_drift() {
    for rule in ["surface.undocumented_endpoint", "surface.schema_drift"] {
        let mut town = Town::new(rule);
        town.document(&[ITEMS]);
        for id in 17..30 {
            let body = format!(r#"{{"id":{id},"title":"x"}}"#);
            often(&mut town, get(&format!("/items/{id}")).answer(&body));
        }
        for _ in 0..8 {
            often(&mut town, get("/items/featured").answer(r#"{"hits":[1,2],"took":3}"#));
            often(&mut town, get("/items/lamp").answer(r#"{"id":5,"title":"x"}"#));
        }
        town.run();
        let told: Vec<&str> = town.notices().iter().map(|one| one.endpoint.as_str()).collect();
        let shadow = rule == "surface.undocumented_endpoint";
        let expected: &[&str] = if shadow { &["GET /items/featured"] } else { &[] };
        assert_eq!(told, expected, "{rule}");
    }
}
