use super::*;
use crate::knowledge::Level;
use crate::{Function, Known, Who, functions};
use stilt_model::ActorId;

impl Watched {
    /// Sees an exchange by an actor, and learns from it.
    fn by(&mut self, actor: u64, roles: &[&str], tx: Tx) {
        let tx = self.world.tx(tx);
        let sighting = self.inventory.observe(&tx);
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let authenticated = tx.request.as_ref().is_some_and(|r| !r.credentials.is_empty());
        let who = Who { actor: ActorId(actor), authenticated, roles: &roles };
        self.inventory.learn(&tx, &sighting, who, false);
    }

    fn known(&self, name: &str) -> Known<'_> {
        let all = self.inventory.known();
        all.into_iter().find(|known| &*known.endpoint.name == name).expect("it was seen")
    }

    fn functions(&self, name: &str) -> Vec<Function> {
        functions(self.known(name)).into_iter().map(|(function, _)| function).collect()
    }
}

#[test]
fn callers_statuses_and_times_are_counted() {
    let mut app = Watched::new();
    for n in 0..40 {
        let tx = get("/orders/1").latency(10 + n).answer(r#"{"id":1}"#);
        let tx = if n % 4 == 0 { tx.status(404) } else { tx.bearer("token-of-some-length") };
        app.by(n % 8, &["customer"], tx);
    }
    let known = app.known("GET /orders/{id}").knowledge;
    assert_eq!((known.requests, known.successes), (40, 30));
    let statuses: Vec<_> = known.answers.iter().map(|one| (one.status, one.count)).collect();
    assert_eq!(statuses, [(404, 10), (200, 30)]);
    assert_eq!(known.actors.count(), 8);
    assert_eq!(&*known.actors.roles[0].name, "customer");
    assert_eq!(known.auth.level(), Level::Always);
    let median = known.latency.quantile(0.5).unwrap();
    assert!((0.027..0.032).contains(&median), "{median}");
    assert_eq!(known.slots[0].range, Some((1.0, 1.0)));
}

#[test]
fn what_merges_keeps_what_was_known() {
    let mut app = Watched::new();
    for n in 0..12 {
        let word = format!("{}book", char::from(b'a' + n));
        app.by(u64::from(n), &[], get(&format!("/shelf/{word}")).answer(r#"{"a":1,"b":2,"c":3}"#));
    }
    let known = app.known("GET /shelf/{slug}").knowledge;
    assert_eq!((known.requests, known.actors.count()), (12, 12));
    assert_eq!(known.answers[0].schema.messages, 12);
}

#[test]
fn paths_that_are_only_refused_are_no_endpoints() {
    let mut app = Watched::new();
    app.by(1, &[], get("/orders/1").answer(r#"{"id":1}"#));
    for n in 0..500 {
        app.by(2, &[], get(&format!("/guess{n}/x")).status(if n % 2 == 0 { 404 } else { 403 }));
    }
    assert_eq!(app.inventory.known().len(), 1);
    assert!(app.inventory.refused() > 0);
}

#[test]
fn business_is_told_by_what_messages_carry() {
    let mut app = Watched::new();
    let auth = |tx: Tx| tx.bearer("token-of-some-length");
    for n in 0..6 {
        let transfer = r#"{"to":"DE89370400440532013000","amount":12.5,"currency":"EUR"}"#;
        app.by(n, &["customer"], auth(post("/v1/move").json(transfer).status(201)));
        let note = r#"{"recipient":"ann@example.org","message":"see you at eight"}"#;
        app.by(n, &["customer"], auth(post("/notes").json(note).status(202)));
        let prompt = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
        app.by(n, &["customer"], auth(post("/v1/chat").json(prompt)));
        let list: Vec<String> = (0..150).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let list = format!("[{}]", list.join(","));
        app.by(n, &["customer"], auth(get("/all")).answer(&list));
        app.by(n, &["customer"], auth(get("/locked")).status(403));
        app.by(n, &["boss"], auth(get("/locked")).answer(r#"{"a":1}"#));
        let change = r#"{"old_password":"abc","new_password":"def"}"#;
        app.by(n, &["customer"], auth(post("/me/secret").json(change).status(204)));
        app.by(n, &["customer"], auth(get("/catalogue")).answer(r#"{"price":5,"total":9}"#));
    }
    assert_eq!(app.functions("POST /v1/move"), [Function::Payment]);
    assert_eq!(app.functions("POST /notes"), [Function::Messaging]);
    assert_eq!(app.functions("POST /v1/chat"), [Function::Ai]);
    assert_eq!(app.functions("GET /all"), [Function::Export]);
    assert_eq!(app.functions("GET /locked"), [Function::Admin]);
    assert!(app.functions("POST /me/secret").contains(&Function::Account));
    assert_eq!(app.functions("GET /catalogue"), []);
}

#[test]
fn a_text_for_somebody_is_a_message_and_what_is_measured_no_payment() {
    let mut app = Watched::new();
    let auth = |tx: Tx| tx.bearer("token-of-some-length");
    for n in 0..6 {
        app.by(n, &[], auth(post(&format!("/contacts/{n}/sms")).json(r#"{"body":"at eight"}"#)));
        app.by(n, &[], auth(post(&format!("/posts/{n}/comments")).json(r#"{"body":"nice"}"#)));
        let measured = r#"{"subject":{"reference":"p/7"},"quantity":{"value":7.5,"unit":"kg"}}"#;
        app.by(n, &[], auth(post("/observations").json(measured)));
        let paid = r#"{"value":7.5,"currency":"EUR","card":"c-1"}"#;
        app.by(n, &[], auth(post("/settle").json(paid)));
    }
    assert_eq!(app.functions("POST /contacts/{id}/sms"), [Function::Messaging]);
    assert_eq!(app.functions("POST /posts/{id}/comments"), []);
    assert_eq!(app.functions("POST /observations"), []);
    assert_eq!(app.functions("POST /settle"), [Function::Payment]);
}

#[test]
fn fields_of_all_endpoints_together_are_bounded() {
    let mut app = Watched::with(&Config { fields_max: 50, ..Config::default() });
    for n in 0..40 {
        let name = char::from(b'a' + n % 26);
        let fields: Vec<String> =
            (0..20).map(|f| format!(r#""{name}{name}{}":1"#, "x".repeat(f))).collect();
        app.by(1, &[], get(&format!("/p{name}x")).answer(&format!("{{{}}}", fields.join(","))));
    }
    let fields: usize = app.inventory.known().iter().map(|known| known.knowledge.fields()).sum();
    assert!((1..=50).contains(&fields), "{fields}");
}

#[test]
fn sensitive_data_is_told_by_direction_kind_and_field() {
    use stilt_model::Sensitive::{Email, Iban, Password};
    let mut app = Watched::new();
    let answer = r#"{"user":{"email":"ann@example.org","name":"x"},"copy":"ann@example.org"}"#;
    for n in 0..300_u64 {
        let ask = r#"{"password":"hunter2-or-so","iban":"DE89370400440532013000"}"#;
        let tx = post("/profile").json(ask).answer(answer);
        app.by(n, &[], if n % 3 == 0 { tx.status(422).answer("{}") } else { tx });
    }
    let knowledge = app.known("POST /profile").knowledge;
    let told = |way| {
        let all = crate::report::sensitive_fields(knowledge, way);
        let plain =
            all.into_iter().map(|(one, fields)| (one.kind, one.messages, one.values, fields));
        plain.map(|(kind, m, v, fields)| (kind, m, v, fields.join(" "))).collect::<Vec<_>>()
    };
    // Of every message, also of those that were not looked at in detail; of refused ones, none.
    let taken = [(Iban, 200, 200, "iban".to_owned()), (Password, 200, 200, "password".to_owned())];
    assert_eq!(told(crate::report::Direction::Request), taken);
    let given = [(Email, 200, 400, "copy user.email".to_owned())];
    assert_eq!(told(crate::report::Direction::Response), given);
    let text = crate::report::endpoint(app.known("POST /profile")).to_string();
    assert!(!text.contains("ann@") && !text.contains("hunter2") && !text.contains("DE89"));
}

#[test]
fn random_numbers_that_pass_a_check_make_no_field_of_cards() {
    use stilt_model::Sensitive::Card;
    let mut app = Watched::new();
    // A tenth of numbers drawn at random has the check digit of a card.
    let ids = (0..300_u64).map(|n| 4_000_000_000_000_000 + n * 7_919_191_919 % 900_000_000_000_000);
    let card = ["4539578763621486", "4929718094857890", "4716059471239080"];
    for (n, id) in ids.enumerate() {
        let answer = format!(r#"{{"id":"{id}","link":"/x/{id}/y","card":"{}"}}"#, card[n % 3]);
        app.by(n as u64 % 7, &[], get("/orders").answer(&answer));
    }
    let knowledge = app.known("GET /orders").knowledge;
    let told = crate::report::sensitive_fields(knowledge, crate::report::Direction::Response);
    let cards: Vec<_> = told.iter().filter(|(one, _)| one.kind == Card).collect();
    let held = |path: &str| knowledge.answers[0].schema.fields[path].holds(Card);
    assert!(held("link") && cards.len() == 1, "{told:?} {}", held("id"));
    assert_eq!((cards[0].0.values, cards[0].1.as_slice()), (300, &["card"][..]));
}

#[test]
fn functions_that_an_address_does_not_have_are_none() {
    let mut app = Watched::new();
    let call = |method: &str, params: &str, answer: &str| {
        let ask = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        post("/rpc").json(&ask).answer(&format!(r#"{{"jsonrpc":"2.0","id":1,{answer}}}"#))
    };
    let tool = |name: &str, answer: &str| {
        call("tools/call", &format!(r#"{{"name":"{name}","arguments":{{"a":1}}}}"#), answer)
    };
    let graph = |ask: &str, answer: &str| post("/graphql").json(ask).answer(answer);
    let hash = r#""extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}"#;
    for tx in [
        call("order.list", "{}", r#""result":{"total":1}"#),
        call("order.dump", "{}", r#""error":{"code":-32601,"message":"Method not found"}"#),
        // It is there, and was asked in a wrong way.
        call("order.read", "{}", r#""error":{"code":-32602,"message":"Invalid params"}"#),
        tool("search", r#""result":{"content":[{"type":"text","text":"3 hits"}]}"#),
        tool("run_sql", r#""error":{"code":-32602,"message":"Unknown tool: run_sql"}"#),
        graph(r#"{"query":"{ orders { id } }"}"#, r#"{"data":{"orders":[{"id":1}]}}"#),
        graph(
            r#"{"query":"{ secrets { id } }"}"#,
            r#"{"errors":[{"message":"Cannot query field \"secrets\" on type \"Query\"."}]}"#,
        ),
        graph(
            &format!(r#"{{"operationName":"AllUsers",{hash}}}"#),
            r#"{"errors":[{"message":"PersistedQueryNotFound"}]}"#,
        ),
    ] {
        app.by(1, &[], tx);
    }
    let known = app.inventory.known();
    let names: Vec<&str> = known.iter().map(|known| &*known.endpoint.name).collect();
    let functions: Vec<&str> =
        names.iter().filter_map(|name| name.split_once('#')).map(|(_, name)| name).collect();
    assert_eq!(functions, ["orders", "order.list", "order.read", "tools/call:search"]);
}

#[test]
fn headers_that_matter_are_told_with_how_often_they_came() {
    let mut app = Watched::new();
    for n in 0..40 {
        let tx = post("/orders").json(r#"{"a":1}"#).header("X-Tenant", "t1");
        let tx = tx.header("X-Forwarded-For", "10.1.1.1").header("X-Probe-Once", "1");
        let tx = if n % 2 == 0 { tx.header("Idempotency-Key", "k") } else { tx };
        app.by(n, &[], tx.answer("{}").answer_header("Deprecation", "true"));
    }
    let known = app.known("POST /orders");
    let headers = &known.knowledge.headers;
    let told: Vec<(&str, bool)> =
        headers.usual().into_iter().map(|one| (&*one.name, headers.always(one))).collect();
    assert_eq!(told, [("idempotency-key", false), ("x-probe-once", true), ("x-tenant", true)]);
    let answer = &known.knowledge.answers[0].headers;
    assert_eq!(answer.usual()[0].name.as_ref(), "deprecation");
}

#[test]
fn rights_passwords_and_money_by_other_names() {
    let mut app = Watched::new();
    for n in 0..6 {
        let token = format!("token-of-some-length-{n}");
        let signed = |tx: Tx| tx.bearer(&token);
        let role = signed(put("/teams/7/members/9").json(r#"{"papel":"editor"}"#));
        app.by(n, &[], role.answer(r#"{"done":1}"#));
        let role = signed(post("/api/roles").json(r#"{"matricule":"M7","role":"chef"}"#));
        app.by(n, &[], role.answer(r#"{"ok":true}"#));
        app.by(n, &[], signed(get("/m/admin/users")).answer(r#"{"n":5}"#));
        let run = signed(post("/transfer/run").json(r#"{"payee":"P7","qid":"q"}"#));
        app.by(n, &[], run.answer(r#"{"txid":"t","balance":55}"#));
        let login = r#"{"operationName":"In","query":"mutation In($i: I) { enter(input: $i) { key } }",
            "variables":{"input":{"email":"a@b.example","password":"p7"}}}"#;
        let told = r#"{"data":{"enter":{"key":"abcdefgh1234567890abc"}}}"#;
        app.by(n, &[], post("/gql").json(login).answer(told));
        let spec =
            r#"{"openapi":"3.1.0","paths":{"/x":{"example":{"access_token":"abcdefgh12345678"}}}}"#;
        app.by(n, &[], get("/openapi.json").answer(spec));
    }
    assert_eq!(app.functions("PUT /teams/{team_id}/members/{id}"), [Function::Admin]);
    assert_eq!(app.functions("POST /api/roles"), [Function::Admin]);
    assert_eq!(app.functions("GET /m/admin/users"), [Function::Admin]);
    assert_eq!(app.functions("POST /transfer/run"), [Function::Payment]);
    assert!(!app.functions("POST /gql#enter").contains(&Function::Account));
    assert_eq!(app.functions("GET /openapi.json"), []);
}

#[test]
fn messages_to_people_by_number_and_ones_own_record() {
    let mut app = Watched::new();
    for n in 0..6 {
        let token = format!("token-of-some-length-{n}");
        let signed = |tx: Tx| tx.bearer(&token);
        let write = signed(post("/inbox").json(r#"{"to":1234,"subject":"Hi","body":"a text"}"#));
        app.by(n, &[], write.answer(r#"{"id":7}"#));
        let pay = signed(post("/pay").json(r#"{"to":1234,"amount":5.5,"message":"rent"}"#));
        app.by(n, &[], pay.answer(r#"{"id":7}"#));
        let into = signed(post("/translate").json(r#"{"to":"de","text":"a text"}"#));
        app.by(n, &[], into.answer(r#"{"text":"ein Text"}"#));
        let me = signed(get("/v1/me"));
        app.by(n, &[], me.answer(r#"{"name":"Ann","email":"ann@b.example"}"#));
    }
    for n in 0..6 {
        let body = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header>\
                    <w:Security xmlns:w='urn:w'><w:UsernameToken><w:Username>ann</w:Username>\
                    <w:Password>s3cretpw</w:Password></w:UsernameToken></w:Security></e:Header>\
                    <e:Body><ListItems><shop>7</shop></ListItems></e:Body></e:Envelope>";
        app.by(n, &[], post("/ws").asks_xml(body).xml("<r><n>1</n></r>"));
    }
    assert_eq!(app.functions("POST /ws#ListItems"), []);
    assert_eq!(app.functions("POST /inbox"), [Function::Messaging]);
    assert!(!app.functions("POST /pay").contains(&Function::Messaging));
    assert!(!app.functions("POST /translate").contains(&Function::Messaging));
    assert_eq!(app.functions("GET /v1/me"), [Function::Account]);
}

#[test]
fn the_status_of_a_grpc_call_tells_what_came_of_it() {
    let mut app = Watched::new();
    let mut call = |status: &str| {
        let tx = post("/shop.Orders/Cancel").answer_header("Content-Type", "application/grpc-web");
        let seen = app.see(tx.answer_header("Grpc-Status", status));
        (seen.outcome, seen.refused)
    };
    assert_eq!(call("0"), (Outcome::Success, false));
    assert_eq!(call("7"), (Outcome::Failure, true));
    assert_eq!(call("3"), (Outcome::Failure, false));
    assert_eq!(call("14"), (Outcome::Unknown, false));
}

#[test]
fn cookies_for_other_purposes_are_no_way_to_sign_in() {
    let mut app = Watched::new();
    let session = "0f9a8b7c6d5e4f3a2b1c";
    app.by(1, &[], get("/").answer(r#"{"a":1}"#).set_cookie("theme", "dark-and-long-enough"));
    let form = r#"{"user":"ann","password":"hunter2-or-so"}"#;
    app.by(1, &[], post("/login").json(form).answer(r#"{"ok":true}"#).set_cookie("sid", session));
    for _ in 0..8 {
        let cookies = format!("consent=yes; theme=dark-and-long-enough; sid={session}");
        app.by(1, &[], get("/mine").header("Cookie", &cookies).answer(r#"{"a":1,"b":2}"#));
    }
    let known = app.known("GET /mine").knowledge;
    let by: Vec<&str> = known.auth.telling().iter().map(|carrier| &*carrier.name).collect();
    assert_eq!(by, ["sid"]);
}
