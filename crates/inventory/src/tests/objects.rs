use super::*;

fn objects(app: &mut Watched, tx: Tx) -> Vec<String> {
    let show = |object: &crate::ObjectRef| {
        let number = object.number.map_or(String::new(), |number| format!("#{number}"));
        format!("{}:{}{number}{}", object.class, object.id, if object.in_path { "" } else { "?" })
    };
    app.see(tx).objects.iter().map(show).collect()
}

#[test]
fn slots_come_first_and_then_leaves() {
    let mut app = Watched::new();
    app.see(get("/orders").answer("[]"));
    app.see(get("/accounts").answer("[]"));
    let uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    let mut check = |tx: Tx, expected: &[&str]| assert_eq!(objects(&mut app, tx), expected);
    check(get("/orders/17"), &["order:17#17"]);
    check(get("/orders/17.json?page=3&limit=10&sort=asc"), &["order:17#17"]);
    check(get("/users/5/orders/6"), &["user:5#5", "order:6#6"]);
    check(get("/orders?order_id=9&id=10"), &["order:9#9?", "order:10#10?"]);
    check(
        post("/transfers")
            .json(&format!(r#"{{"from_account":"{uuid}","to_account_id":7,"amount":50}}"#)),
        &[&format!("account:{uuid}?"), "account:7#7?"],
    );
    check(get("/reports/2024-05-01"), &[]);
    check(
        get("/people/ann%40example.com").status(404),
        &[&format!("people:{}", World::new().mark(SecretKind::Email, "ann@example.com"))],
    );
}

#[test]
fn learned_words_are_objects() {
    let mut app = Watched::new();
    for title in ["dune", "emma", "ulysses"] {
        app.see(
            get(&format!("/books/v1/{title}"))
                .answer(&format!(r#"{{"title":"{title}","pages":1}}"#)),
        );
    }
    assert_eq!(objects(&mut app, get("/books/v1/Lolita").status(404)), ["book:Lolita"]);
}

#[test]
fn a_word_where_numbers_stand_is_no_object() {
    let mut app = Watched::new();
    app.see(get("/orders/17").answer(r#"{"id":17}"#));
    assert_eq!(objects(&mut app, get("/orders/nosuch").status(404)), [""; 0]);
}

#[test]
fn a_mutation_changes_state_and_a_query_does_not() {
    let mut app = Watched::new();
    let mut check = |tx: Tx, expected: bool| assert_eq!(app.see(tx).changes_state, expected);
    check(get("/x"), false);
    check(post("/x"), true);
    check(delete("/x/1"), true);
    check(post("/graphql").json(r#"{"query":"query { me { id } }"}"#), false);
    check(post("/graphql").json(r#"{"query":"mutation { pay { id } }"}"#), true);
}

#[test]
fn names_of_ids_are_learned_from_lists_in_any_language() {
    let mut app = Watched::new();
    let ask = || post("/auftrag").json(r#"{"nummer":17,"menge":2}"#);
    assert_eq!(objects(&mut app, ask()), [""; 0]);
    let each = |n: u32| format!(r#"{{"nummer":{n},"menge":1,"betrag":{}}}"#, n % 2);
    let list = (10..16).map(each).collect::<Vec<_>>().join(",");
    app.see(get("/liste").answer(&format!(r#"{{"posten":[{list}]}}"#)));
    assert_eq!(objects(&mut app, ask()), ["auftrag:17#17?"]);
    // What is the same in several records, or stands first nowhere, names none of them.
    let list = r#"[{"rang":1,"n":1},{"rang":1,"n":2},{"rang":1,"n":3},{"rang":2,"n":4}]"#;
    app.see(get("/tabelle").answer(list));
    assert_eq!(objects(&mut app, post("/auftrag").json(r#"{"rang":1,"betrag":4}"#)), [""; 0]);
}

#[test]
fn a_call_names_what_its_function_is_about_and_its_number_names_nothing() {
    let mut app = Watched::new();
    let call = |params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":9,"method":"order.read","params":{params}}}"#);
        post("/rpc").json(&body).answer(r#"{"jsonrpc":"2.0","id":9,"result":{"total":1}}"#)
    };
    assert_eq!(objects(&mut app, call(r#"{"id":5}"#)), ["order:5#5?"]);
    assert_eq!(objects(&mut app, call("[6,2]")), ["order:6#6?"]);
    assert_eq!(app.names(), ["POST /rpc", "POST /rpc#order.read"]);
}

#[test]
fn arguments_in_a_graphql_document_are_read() {
    let mut app = Watched::new();
    let ask = |query: &str| {
        post("/graphql").json(&format!("{{\"query\":{query:?}}}")).answer(r#"{"data":{"a":1}}"#)
    };
    assert_eq!(objects(&mut app, ask("{ order(id: 5) { total } }")), ["order:5#5?"]);
    let sign_in = ask("mutation { login(email: \"ann\", password: \"p1\") { token } }")
        .answer(r#"{"data":{"login":{"token":"abcdefgh1"}}}"#);
    assert_eq!(app.login(sign_in), Some(Outcome::Success));
}
