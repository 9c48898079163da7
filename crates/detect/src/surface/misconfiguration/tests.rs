use crate::testing::Town;
use stilt_inventory::test_support::{Tx, get};

fn told(plan: Vec<Tx>) -> Vec<String> {
    let mut town = Town::new("surface.misconfiguration");
    for (at, tx) in plan.into_iter().enumerate() {
        town.at(at as f64, tx);
    }
    town.run();
    assert!(town.stories().is_empty(), "a weakness is nobody's act");
    town.notices().iter().map(|one| format!("{} {}", one.why[0].signal, one.endpoint)).collect()
}

const TRACE: &str = "<pre>Traceback (most recent call last):\n  File \"app.py\", line 3</pre>";

#[test]
fn a_trace_in_an_error_is_told_once_per_endpoint() {
    let error = |path: &str| get(path).status(500).html(TRACE);
    let found = told(vec![error("/a"), error("/a"), error("/b")]);
    assert_eq!(found, ["stack_trace GET /a", "stack_trace GET /b"]);
}

#[test]
fn a_lesson_that_shows_a_trace_is_none() {
    assert!(told(vec![get("/docs/errors").html(TRACE)]).is_empty());
    let plain = get("/a").status(500).answer(r#"{"error":"internal","id":"e-17"}"#);
    assert!(told(vec![plain]).is_empty());
}

#[test]
fn listings_and_consoles_are_told() {
    let listing = get("/files/").html("<html><title>Index of /files</title></html>");
    let console = get("/graphiql").html("<html><title>GraphiQL</title></html>");
    let page = get("/help").html("<html><title>Index of terms</title></html>");
    let found = told(vec![listing, console, page]);
    assert_eq!(found, ["directory_listing GET /files", "graphql_console GET /graphiql"]);
}

#[test]
fn a_version_is_told_once_per_service() {
    let with = |path: &str, server: &str| get(path).answer_header("Server", server);
    let found = told(vec![with("/a", "nginx/1.22.1"), with("/b", "nginx/1.22.1")]);
    assert_eq!(found, ["software_version GET /a"]);
    assert!(told(vec![with("/a", "nginx")]).is_empty());
}

fn echoed(origin: &str) -> Tx {
    get("/me")
        .header("Origin", origin)
        .answer_header("Access-Control-Allow-Origin", origin)
        .answer_header("Access-Control-Allow-Credentials", "true")
}

#[test]
fn any_origin_is_three_sites_that_have_nothing_in_common() {
    let any = ["https://a.example", "https://b.example.net:8443", "http://evil.test2"];
    let found = told(any.map(echoed).to_vec());
    assert_eq!(found, ["any_origin_with_credentials GET /me"]);
    assert_eq!(told(vec![echoed("null")]).len(), 1);
}

#[test]
fn a_sites_own_front_ends_are_a_list() {
    let own = ["https://www.shop.example", "https://m.shop.example", "https://admin.shop.example"];
    assert!(told(own.map(echoed).to_vec()).is_empty());
    let fixed = |origin: &str| {
        get("/me")
            .header("Origin", origin)
            .answer_header("Access-Control-Allow-Origin", "https://www.shop.example")
            .answer_header("Access-Control-Allow-Credentials", "true")
    };
    let any = ["https://a.example", "https://b.example.net", "http://evil.test2"];
    assert!(told(any.map(fixed).to_vec()).is_empty(), "the list stays the list");
    let open = |origin: &str| {
        get("/rates").header("Origin", origin).answer_header("Access-Control-Allow-Origin", "*")
    };
    assert!(told(any.map(open).to_vec()).is_empty(), "public, without credentials");
}
