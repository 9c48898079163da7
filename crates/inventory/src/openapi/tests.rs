use super::*;
use crate::knowledge::Who;
use crate::test_support::{Tx, World, delete, get, post};
use crate::{Config, Inventory};
use serde_json::{Value, json};
use stilt_model::ActorId;

/// An inventory after some exchanges, each by one of five callers.
fn seen(exchanges: impl IntoIterator<Item = Tx>) -> Inventory {
    let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
    for (at, tx) in exchanges.into_iter().enumerate() {
        let tx = world.tx(tx);
        let sighting = inventory.observe(&tx);
        let actor = ActorId(at as u64 % 5);
        inventory.learn(&tx, &sighting, Who { actor, authenticated: true, roles: &[] }, false);
    }
    inventory
}

fn shop() -> Vec<Tx> {
    let states = ["open", "paid", "sent"];
    let mut all = Vec::new();
    for n in 0..60 {
        let state = states[n % 3];
        all.push(
            get(&format!("/api/orders?page={n}&state={state}"))
                .bearer("a-token-of-some-length")
                .answer(&format!(
                    r#"{{"items":[{{"id":{n},"state":"{state}","note":null}}],"total":1.5}}"#
                )),
        );
        all.push(get(&format!("/api/orders/{n}")).answer(&format!(
            r#"{{"id":{n},"state":"{state}","at":"2026-01-02T03:04:05Z","by":{{"name":"x"}}}}"#
        )));
        all.push(post("/api/orders").json(r#"{"sku":"a-1","count":2}"#).status(201));
        all.push(delete(&format!("/api/orders/{n}")).status(204));
    }
    all
}

fn document() -> Value {
    write("app.test", &seen(shop()).known(), Options::default())
}

#[test]
fn what_was_seen_is_written() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/api/orders", "/api/orders/{id}"]);
    let list = &document["paths"]["/api/orders"]["get"];
    let parameter = |name: &str| {
        let all = list["parameters"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(parameter("page")["schema"]["type"], "integer");
    assert_eq!(parameter("state")["schema"]["enum"], json!(["open", "paid", "sent"]));
    assert_eq!(list["security"], json!([{ "bearer": [] }]));
    let answer = &list["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer["required"], json!(["items", "total"]));
    let item = &answer["properties"]["items"]["items"];
    assert_eq!(item["properties"]["note"]["type"], "null");
    assert_eq!(item["properties"]["id"]["type"], "integer");
    assert_eq!(item.get("required"), None, "of elements it is not known how many there were");
    let one = &document["paths"]["/api/orders/{id}"]["get"];
    assert_eq!(
        one["parameters"][0],
        json!({
            "name": "id", "in": "path", "required": true,
            "schema": { "type": "integer", "x-stilt-range": [0, 59] },
        })
    );
    let at = &one["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["at"];
    assert_eq!(at["format"], "date-time");
    let made = &document["paths"]["/api/orders"]["post"];
    let body = &made["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["properties"]["count"]["type"], "integer");
    assert!(made["responses"]["201"].get("content").is_none());
}

/// What each exchange departs in from the documents.
fn departs(text: &str, exchanges: Vec<Tx>) -> Vec<String> {
    let documents = Documents::read(&[("x".to_owned(), text.to_owned())]).unwrap();
    let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
    inventory.document(documents);
    let mut told = Vec::new();
    for tx in exchanges {
        let tx = world.tx(tx);
        let found = inventory.observe(&tx).documented.expect("the host is the document's");
        let request = tx.request.as_ref().unwrap();
        let Some(at) = found.operation else {
            told.push(format!("{} {}", request.method, request.path));
            continue;
        };
        let operation = &inventory.documents().get(0).unwrap().operations()[at];
        let response = tx.response.as_ref().unwrap();
        let shape = operation.answer(response.status).expect("the status is documented");
        if !shape.is_empty() {
            let body = shape.departures(response.leaves.iter(), true);
            told.extend(body.iter().map(|departure| departure.told().0));
        }
    }
    told
}

#[test]
fn what_was_written_describes_what_was_seen() {
    let text = document().to_string();
    assert_eq!(departs(&text, shop()), Vec::<String>::new());
    let mut less = document();
    less["paths"].as_object_mut().unwrap().remove("/api/orders/{id}");
    let told = departs(&less.to_string(), shop());
    assert_eq!(told.len(), 120);
    assert!(told.iter().all(|one| one.contains("/api/orders/")));
}

#[test]
fn examples_are_shown_only_if_allowed() {
    let plain = document().to_string();
    assert!(!plain.contains("examples"));
    let known = seen(shop());
    let shown = write("app.test", &known.known(), Options { examples: true });
    let sku = &shown["paths"]["/api/orders"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"]["properties"]["count"];
    assert_eq!(sku["examples"], json!([2]));
}

#[test]
fn functions_of_one_address_are_one_operation() {
    let call = |method: &str, n: u32| {
        post("/rpc").json(&format!(
            r#"{{"jsonrpc":"2.0","id":{n},"method":"{method}","params":{{"id":{n}}}}}"#
        ))
    };
    let known = seen((0..4).flat_map(|n| [call("order.read", n), call("order.list", n)]));
    let document = write("app.test", &known.known(), Options::default());
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/rpc"]);
    let functions = &paths["/rpc"]["post"]["x-stilt"]["functions"];
    assert_eq!(*functions, json!(["order.list", "order.read"]));
}

const YAML: &str = r##"
openapi: "3.0.1"
info: {title: Pets, version: 1.0.0}
servers:
  - url: https://{region}.app.test/base
    variables: {region: {default: eu}}
  - url: http://app.test/base
paths:
  /pets/{petId}/file.{format}:
    parameters: [{$ref: "#/components/parameters/Verbose"}]
    get:
      responses:
        200: {description: ok}
        4XX: {$ref: "#/components/responses/Wrong"}
  /pets/mine:
    get: {responses: {default: {description: any}}}
  /pets/{petId}:
    get:
      responses:
        '200':
          description: ok
          content:
            application/json: {schema: {$ref: "#/components/schemas/Pet"}}
components:
  parameters:
    Verbose: {name: verbose, in: query, schema: {type: boolean}}
  responses:
    Wrong: {description: wrong, content: {application/json: {schema: {type: object, properties: {error: {type: string}}}}}}
  schemas:
    Named: {type: object, required: [name], properties: {name: {type: string}}}
    Pet:
      allOf:
        - $ref: "#/components/schemas/Named"
        - description: only words
        - type: object
          properties:
            parent: {$ref: "#/components/schemas/Pet"}
            born: {type: string, nullable: true}
            kind: {oneOf: [{type: string}, {type: integer}]}
            tags: {type: object, additionalProperties: {type: number}}
"##;

#[test]
fn a_document_of_3_0_in_yaml_is_read() {
    let wrong = |path: &str, status: u16, body: &str| {
        departs(YAML, vec![get(path).status(status).answer(body)])
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(wrong("/base/pets/7", 200, r#"{"name":"a","born":null,"kind":3}"#), none);
    assert_eq!(wrong("/base/pets/7", 200, r#"{"name":"a","tags":{"x":1.5,"y":2}}"#), none);
    let deep = r#"{"name":"a","parent":{"name":"b","parent":{"name":"c"}}}"#;
    assert_eq!(wrong("/base/pets/7", 200, deep), none);
    assert_eq!(
        wrong("/base/pets/7", 200, r#"{"kind":true}"#),
        ["name is missing", "kind is boolean"]
    );
    assert_eq!(wrong("/base/pets/7", 200, r#"{"name":"a","age":3}"#), ["age is there"]);
    assert_eq!(wrong("/base/pets/7", 200, r#"{"name":null}"#), ["name is null"]);
    assert_eq!(wrong("/base/pets/7/file.pdf", 404, r#"{"fault":"x"}"#), ["fault is there"]);
    assert_eq!(wrong("/base/pets", 200, "{}"), ["GET /base/pets"]);
    assert_eq!(wrong("/pets/mine", 500, r#"{"any":1}"#), none, "a proxy may take off the base");
}

#[test]
fn what_is_no_document_is_told() {
    let why = |text: &str| {
        let error = Documents::read(&[("x".to_owned(), text.to_owned())]).unwrap_err();
        error.1.to_string()
    };
    assert!(why("{").starts_with("neither JSON nor YAML"));
    assert!(why("a: [").starts_with("neither JSON nor YAML"));
    assert!(why("swagger: '2.0'").contains("3.0 and 3.1"));
    assert!(why("hello").contains("no `openapi` key"));
    assert!(why("openapi: 3.1.0\npaths: {}").contains("no operation"));
}

#[test]
fn a_document_that_leads_in_circles_or_elsewhere_ends() {
    let text = r##"{"openapi":"3.1.0","info":{"title":"x","version":"1"},"servers":[{"url":"http://app.test"}],
      "paths":{"/a":{"get":{"responses":{"200":{"description":"x","content":{"application/json":
        {"schema":{"$ref":"#/components/schemas/A"}}}}}},
        "post":{"responses":{"200":{"description":"x","content":{"application/json":
        {"schema":{"$ref":"https://elsewhere.test/s.json"}}}}}}}},
      "components":{"schemas":{"A":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/A"}}}}"##;
    let any = vec![get("/a").answer(r#"{"x":1}"#), post("/a").answer(r#"{"y":[1]}"#)];
    assert_eq!(departs(text, any), Vec::<String>::new());
    let bomb = format!(
        "openapi: 3.1.0\npaths: {{/a: {{get: {{}}}}}}\na: &a [x]\n{}",
        (b'b'..=b'k').fold(String::new(), |text, c| {
            let (own, last) = (char::from(c), char::from(c - 1));
            let nine = vec![format!("*{last}"); 9].join(",");
            format!("{text}{own}: &{own} [{nine}]\n")
        })
    );
    assert!(Documents::read(&[("bomb".to_owned(), bomb)]).is_err());
}

/// Four hundred answers, of which a few have what no other has.
fn rarely_more() -> Vec<Tx> {
    let one = |n: u64| {
        let state =
            if n > 250 && n.is_multiple_of(9) { "lost" } else { ["open", "paid"][n as usize % 2] };
        let more = match n {
            301 => r#","labels":[{"name":"a"}]"#,
            333 => r#","note":null"#,
            _ => "",
        };
        let total = if n == 355 { "" } else { r#","total":1"# };
        let page = if n == 377 { "&sort=up" } else { "" };
        get(&format!("/api/orders?page={n}{page}"))
            .answer(&format!(r#"{{"id":{n},"state":"{state}"{more}{total}}}"#))
    };
    (0..400).map(one).collect()
}

#[test]
fn what_few_messages_have_is_written_and_never_required() {
    let document = write("app.test", &seen(rarely_more()).known(), Options::default());
    let list = &document["paths"]["/api/orders"]["get"];
    let answer = &list["responses"]["200"]["content"]["application/json"]["schema"];
    let properties = answer["properties"].as_object().unwrap();
    let names: Vec<&String> = properties.keys().collect();
    assert_eq!(names, ["id", "labels", "note", "state", "total"]);
    assert_eq!(answer["required"], json!(["id", "state"]));
    assert_ne!(properties["state"]["enum"], json!(["open", "paid"]));
    assert_eq!(departs(&document.to_string(), rarely_more()), Vec::<String>::new());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(openapi: 3.1.0\n)?\\PC{0,200}") {
        let _ = Documents::read(&[("x".to_owned(), text)]);
    }
}

#[test]
fn a_word_is_no_value_of_a_parameter_that_is_a_whole_number() {
    let mut numbers = document();
    let word = || vec![get("/api/orders/latest").answer(r#"{"newest":{"id":1}}"#)];
    assert_eq!(departs(&numbers.to_string(), word()), ["GET /api/orders/latest"]);
    let schema = &mut numbers["paths"]["/api/orders/{id}"]["get"]["parameters"][0]["schema"];
    *schema = json!({"type": "string"});
    assert!(!departs(&numbers.to_string(), word()).contains(&"GET /api/orders/latest".to_owned()));
}

#[test]
fn parameters_with_brackets_are_written_with_them() {
    let ask = || get("/orders?filter[state]=open&ids%5B%5D=1&user.name=a").answer(r#"{"n":1}"#);
    let known = seen((0..6).map(|_| ask()));
    let document = write("app.test", &known.known(), Options::default());
    let parameters = document["paths"]["/orders"]["get"]["parameters"].as_array().unwrap();
    let named = parameters.iter().filter(|one| one["in"] == "query");
    let names: Vec<&str> = named.filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["filter[state]", "ids[]", "user.name"]);
}
