use crate::testing::Town;
use stilt_inventory::test_support::{Tx, get, post};

const SHOP: &str = r##"
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: "http://app.test"}]
paths:
  /orders/{id}:
    get:
      parameters: [{name: page, in: query, schema: {type: integer}}]
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
}

#[test]
fn what_few_make_up_or_the_application_refuses_is_no_drift() {
    let make = |body: &str| post("/orders").json(body).status(201);
    let good = make(r#"{"sku":"a"}"#);
    let odd = make(r#"{"sku":"a","is_admin":true}"#);
    assert!(told(4, &odd, &good).is_empty());
    assert!(told(8, &odd.status(422), &good).is_empty());
}
