use crate::testing::Town;
use stilt_inventory::test_support::{Tx, get, post};

const SHOP: &str = r##"
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: "http://app.test"}]
paths:
  /orders/{id}:
    get:
      parameters:
        - {name: page, in: query, schema: {type: integer}}
        - {name: "filter[state]", in: query, schema: {type: string}}
        - {name: "expand[]", in: query, schema: {type: array, items: {type: string}}}
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Order"}
  /orders:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [sku]
              properties: {sku: {type: string}, count: {type: integer}}
      responses: {"201": {description: made}}
components:
  schemas:
    Order:
      type: object
      required: [id, state]
      properties:
        id: {type: integer}
        state: {type: string, enum: [open, paid]}
        note: {type: [string, "null"]}
        lines: {type: array, items: {type: object, properties: {sku: {type: string}}}}
        extra: {type: object}
"##;

const GOOD: &str = r#"{"id":1,"state":"open","note":null,"lines":[{"sku":"a"}],"extra":{"x":1}}"#;

/// What is told where `callers` of 20 get the odd message and the others the good one.
fn told(callers: usize, odd: &Tx, good: &Tx) -> Vec<String> {
    let mut town = Town::new("surface.schema_drift");
    town.document(&[SHOP]);
    for n in 0..60_usize {
        let caller = n % 20;
        let from = format!("10.3.0.{}", 1 + caller);
        let tx = if caller < callers { odd } else { good };
        town.at(n as f64, tx.clone().from(&from).agent(&from));
    }
    town.run();
    town.notices().iter().map(|one| one.why[0].signal.clone()).collect()
}

fn answers(body: &str) -> Tx {
    get("/orders/1").answer(body)
}

fn check(body: &str, expected: &[&str]) {
    assert_eq!(told(8, &answers(body), &answers(GOOD)), expected, "{body}");
}

#[test]
fn answers_that_depart_are_told_by_field() {
    check(&GOOD.replace(r#""id":1"#, r#""id":1,"owner":"x""#), &["response owner"]);
    check(&GOOD.replace(r#""id":1,"#, ""), &["response id"]);
    check(&GOOD.replace(r#""id":1"#, r#""id":"1""#), &["response id"]);
    check(&GOOD.replace("open", "lost"), &["response state"]);
    check(&GOOD.replace(r#""state":"open""#, r#""state":null"#), &["response state"]);
    check(&GOOD.replace(r#"{"sku":"a"}"#, r#"{"sku":"a","cost":2}"#), &["response lines[].cost"]);
}

#[test]
fn another_thing_at_the_path_is_told_once() {
    let mut town = Town::new("surface.schema_drift");
    town.document(&[SHOP]);
    for n in 0..60_usize {
        let from = format!("10.3.0.{}", 1 + n % 20);
        let other = r#"{"latest":[{"ean":"4"}],"until":"x","by":{"name":"n","shop":3}}"#;
        let tx = if n % 20 < 8 { get("/orders/latest").answer(other) } else { answers(GOOD) };
        town.at(n as f64, tx.from(&from).agent(&from));
    }
    town.run();
    let told = town.notices();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains("more fields depart"), "{}", told[0].message);
}

#[test]
fn answers_as_documented_are_silent() {
    for body in [GOOD, r#"{"id":1,"state":"paid"}"#, r#"{"id":1,"state":"paid","lines":[]}"#] {
        check(body, &[]);
    }
    check(&GOOD.replace(r#"{"x":1}"#, r#"{"y":{"z":[1]}}"#), &[]);
}

#[test]
fn requests_are_compared_as_well() {
    let make = |body: &str| post("/orders").json(body).status(201);
    let good = make(r#"{"sku":"a","count":1}"#);
    assert_eq!(told(8, &make(r#"{"sku":"a","is_admin":true}"#), &good), ["request is_admin"]);
    assert_eq!(told(8, &make(r#"{"count":1}"#), &good), ["request sku"]);
    let asked = |query: &str| get(&format!("/orders/1?{query}")).answer(GOOD);
    assert_eq!(told(8, &asked("page=1&debug=1"), &asked("page=2")), ["query debug"]);
    assert!(told(8, &asked("page=2"), &asked("page=3")).is_empty());
    let brackets = asked("filter[state]=open&expand%5B%5D=lines&expand[]=note");
    assert!(told(8, &brackets, &asked("page=3")).is_empty());
    assert_eq!(told(8, &asked("filter[owner]=7"), &asked("page=3")), ["query filter.owner"]);
}

#[test]
fn what_few_make_up_or_the_application_refuses_is_no_drift() {
    let make = |body: &str| post("/orders").json(body).status(201);
    let good = make(r#"{"sku":"a"}"#);
    let odd = make(r#"{"sku":"a","is_admin":true}"#);
    assert!(told(4, &odd, &good).is_empty());
    assert!(told(8, &odd.status(422), &good).is_empty());
}

/// What is told of a service without a document: a day and two hours in which 20 callers get
/// `before`, then three hours of `after`; every `one_in`th message of those is odd.
fn learned(
    before: impl Fn(usize) -> Tx,
    after: impl Fn(usize) -> Tx,
    one_in: usize,
) -> Vec<String> {
    let mut town = Town::new("surface.schema_drift");
    let mut say = |at: f64, n: usize, tx: Tx| {
        let from = format!("10.3.0.{}", 1 + n % 20);
        town.at(at, tx.from(&from).agent(&from));
    };
    for n in 0..900 {
        say(n as f64 * 104.0, n, before(n));
    }
    for n in 0..300 {
        let tx = if n % one_in == 0 { after(n) } else { before(n) };
        say(93_600.0 + n as f64 * 36.0, n, tx);
    }
    town.run();
    town.notices().iter().map(|one| one.why[0].signal.clone()).collect()
}

const LEARNED: &str = r#"{"id":1,"state":"open","note":"x","owner":null,"lines":[],"of":{"n":1}}"#;

fn check_learned(body: &str, expected: &[&str]) {
    let (usual, odd) = (answers(LEARNED), answers(body));
    assert_eq!(learned(|_| usual.clone(), |_| odd.clone(), 1), expected, "{body}");
}

#[test]
fn answers_that_change_after_a_day_are_told_once_by_field() {
    check_learned(
        &LEARNED.replace(r#""id":1"#, r#""id":1,"password_hash":"x""#),
        &["response password_hash"],
    );
    check_learned(&LEARNED.replace(r#""state":"open","#, ""), &["response state"]);
    check_learned(&LEARNED.replace(r#""open""#, "5"), &["response state"]);
    check_learned(&LEARNED.replace(r#""open""#, "null"), &["response state"]);
    check_learned(&LEARNED.replace(r#"{"n":1}"#, r#"{"n":1,"m":2}"#), &["response of.m"]);
}

#[test]
fn what_was_empty_rare_or_made_up_is_no_change() {
    check_learned(LEARNED, &[]);
    check_learned(&LEARNED.replace("[]", r#"[{"sku":"a","n":2}]"#), &[]);
    check_learned(&LEARNED.replace(r#""owner":null"#, r#""owner":{"name":"x"}"#), &[]);
    check_learned(&LEARNED.replace(r#"{"n":1}"#, "null"), &["response of"]);
    check_learned(&LEARNED.replace(r#""id":1"#, r#""id":1.5"#), &[]);
    let odd = LEARNED.replace(r#""id":1"#, r#""id":1,"gift":true"#);
    // One message in ninety had it all along, and by chance more have it now.
    let rare = |n: usize| answers(if n % 90 == 7 { &odd } else { LEARNED });
    assert!(learned(rare, |_| answers(&odd), 9).is_empty());
    // Too few to tell from a field that is rare.
    assert!(learned(|_| answers(LEARNED), |_| answers(&odd), 60).is_empty());
    // Answers hold what the request asks for.
    let chosen = get("/orders/1?fields=gift").answer(&odd);
    assert!(learned(|_| answers(LEARNED), |_| chosen.clone(), 1).is_empty());
    let refused = answers(&odd).status(409);
    assert!(learned(|_| answers(LEARNED), |_| refused.clone(), 1).is_empty());
}

#[test]
fn keys_that_name_things_come_and_go() {
    let held = |n: usize, more: &str| {
        let (one, two) = [("EUR", "USD"), ("EUR", "GBP"), ("EUR", "SEK"), ("USD", "GBP")][n % 4];
        answers(&format!(r#"{{"id":1,"held":{{"{one}":5,"{two}":7{more}}}}}"#))
    };
    assert!(learned(|n| held(n, ""), |n| held(n, r#","NOK":1"#), 1).is_empty());
    let switches = |more: &str| {
        let all: Vec<String> = (0..14).map(|n| format!(r#""f{}":true"#, "x".repeat(n))).collect();
        answers(&format!(r#"{{"id":1,"on":{{{}{more}}}}}"#, all.join(",")))
    };
    assert!(learned(|_| switches(""), |_| switches(r#","new":false"#), 1).is_empty());
}

#[test]
fn a_short_time_teaches_no_schema() {
    let mut town = Town::new("surface.schema_drift");
    let odd = LEARNED.replace(r#""id":1"#, r#""id":1,"gift":true"#);
    for n in 0..1200 {
        let from = format!("10.3.0.{}", 1 + n % 20);
        let tx = answers(if n < 800 { LEARNED } else { &odd });
        town.at(n as f64 * 30.0, tx.from(&from).agent(&from));
    }
    town.run();
    assert!(town.notices().is_empty());
}

const CALLS: &str = r##"
openapi: 3.1.0
info: {title: Calls, version: "1"}
servers: [{url: "http://app.test"}]
paths:
  /graphql:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [query]
              properties: {query: {type: string}, operationName: {type: string}}
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: {type: object, required: [data], properties: {data: {type: object}}}
"##;

#[test]
fn a_list_of_calls_is_not_compared_with_one_call() {
    let one = r#"{"operationName":"A","query":"query A { orders { id } }"}"#;
    let data = r#"{"data":{"orders":[{"id":1}]}}"#;
    let told = |odd: Tx| {
        let mut town = Town::new("surface.schema_drift");
        town.document(&[CALLS]);
        for n in 0..60_usize {
            let from = format!("10.3.0.{}", 1 + n % 20);
            let good = post("/graphql").json(one).answer(data);
            let tx = if n % 3 == 0 { odd.clone() } else { good };
            town.at(n as f64, tx.from(&from).agent(&from));
        }
        town.run();
        town.notices().len()
    };
    let list = post("/graphql").json(&format!("[{one},{one}]"));
    assert_eq!(told(list.answer(&format!("[{data},{data}]"))), 0);
    let without = post("/graphql").json(r#"{"operationName":"A"}"#);
    assert!(told(without.answer(data)) > 0, "one call that departs is told");
}
