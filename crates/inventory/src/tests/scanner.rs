//! A scanner that asks for paths without end: what is remembered stops growing, whatever the
//! application answers, and what is there stays known.

use super::*;
use stilt_model::IdBuilder;

/// Paths asked for before memory is measured, and in all.
const FIRST: u64 = 1500;
const ALL: u64 = 4000;
/// Bytes of saved memory by which it may still grow, in a hundred: counts have more digits.
const GROWTH: usize = 2;

/// The `n`th path that is not there: words, numbers and random letters, one to six segments.
fn guess(n: u64) -> String {
    const WORDS: [&str; 12] = [
        "admin",
        "backup",
        "old",
        "test",
        "api",
        "config",
        "wp-content",
        "db",
        "users",
        "v1",
        "x",
        "console",
    ];
    let dice = |salt: u64| IdBuilder::new("guess").number(n).number(salt).finish();
    let mut path = String::new();
    for at in 0..=dice(0) % 6 {
        let part = match dice(at + 1) % 4 {
            0 => WORDS[(dice(at + 9) % 12) as usize].to_owned(),
            1 => (dice(at + 9) % 100_000).to_string(),
            2 => {
                let letters = (0..8).map(|k| (b'a' + (dice(at * 8 + k + 99) % 26) as u8) as char);
                letters.collect()
            }
            _ => format!("{}{}", WORDS[(dice(at + 9) % 12) as usize], dice(at + 20) % 1000),
        };
        path.push('/');
        path.push_str(&part);
    }
    if dice(77) % 3 == 0 { format!("{path}.php") } else { path }
}

fn real(app: &mut Watched, n: u64) {
    app.see(get(&format!("/orders/{}", 1 + n % 400)).answer(r#"{"id":1,"state":"open","n":2}"#));
    app.see(get("/orders").answer(r#"{"orders":[{"id":1},{"id":2}],"count":2}"#));
    app.see(post("/orders").json(r#"{"sku":"a"}"#).status(201).answer(r#"{"id":3,"made":true}"#));
}

fn existing(app: &Watched) -> Vec<String> {
    let endpoints = app.inventory.endpoints().into_iter();
    let mut names: Vec<String> = endpoints
        .filter(|one| app.inventory.exists(one.id))
        .map(|endpoint| endpoint.name.to_string())
        .collect();
    names.sort();
    names
}

/// Endpoints that exist after the scan, and whether memory stayed as it was from the [`FIRST`] path
/// on.
fn scanned(answer: impl Fn(Tx, &str, u64) -> Tx) -> (Vec<String>, bool) {
    let mut app = Watched::new();
    (0..20).for_each(|n| real(&mut app, n));
    let mut first = 0;
    for n in 0..ALL {
        let path = guess(n);
        app.see(answer(get(&path), &path, n));
        if n % 100 == 0 {
            real(&mut app, n);
        }
        if n == FIRST {
            first = app.inventory.save().unwrap().len();
        }
    }
    // What appears while the scanner is at work is learned as well.
    for _ in 0..3 {
        app.see(get("/invoices/17").answer(r#"{"id":17,"total":2,"paid":true}"#));
    }
    let last = app.inventory.save().unwrap().len();
    (existing(&app), last <= first + first * GROWTH / 100)
}

const REAL: [&str; 4] = ["GET /invoices/{id}", "GET /orders", "GET /orders/{id}", "POST /orders"];

#[test]
fn refused_paths_fill_no_memory_and_add_no_endpoint() {
    let check = |what: &str, answer: &dyn Fn(Tx, &str, u64) -> Tx| {
        let (names, bounded) = scanned(answer);
        assert_eq!(names, REAL, "{what}");
        assert!(bounded, "{what}: memory grows");
    };
    check("not found", &|tx, _, _| tx.status(404).html("<p>not found</p>"));
    check("not found, as JSON that names the path", &|tx, path, _| {
        tx.status(404).answer(&format!(r#"{{"error":"no such path","path":"{path}"}}"#))
    });
    check("forbidden", &|tx, _, _| tx.status(403).html("no"));
    check("who are you", &|tx, _, _| tx.status(401).answer(r#"{"error":"sign in"}"#));
    check("wrong", &|tx, _, n| tx.status(if n % 2 == 0 { 400 } else { 500 }).html("oops"));
    check("throttled", &|tx, _, _| tx.status(429).answer(r#"{"error":"slow down"}"#));
}

#[test]
fn catch_all_answers_fill_no_memory_and_add_no_endpoint() {
    let page = format!("<html><body>{}</body></html>", "the application ".repeat(40));
    let check = |what: &str, answer: &dyn Fn(Tx, &str, u64) -> Tx| {
        let (names, bounded) = scanned(answer);
        assert_eq!(names, REAL, "{what}");
        assert!(bounded, "{what}: memory grows");
    };
    check("one page", &|tx, _, _| tx.html(&page));
    check("to the sign-in", &|tx, _, _| tx.status(302).location("/login"));
    check("to the sign-in and back", &|tx, path, _| {
        tx.status(302).location(&format!("/login?next={path}"))
    });
    check("a page that names the path", &|tx, path, n| {
        let told =
            format!("<html><body><h1>Sorry</h1>{path} is not here ({n}).{page}</body></html>");
        tx.html(&told)
    });
    check("a page whose title says so", &|tx, path, _| {
        tx.html(&format!("<html><title>Oops</title><p>Sorry, we found no page {path}</p></html>"))
    });
}

#[test]
fn an_application_of_pages_below_one_segment_adds_no_endpoint() {
    let shell = "<html><title>Desk</title><script src=\"/main.js\"></script><div id=root></div>";
    let mut app = Watched::new();
    for n in 0..40 {
        for place in
            ["orders", "orders/17/edit", "settings", "settings/profile", "help", "team/ann"]
        {
            app.see(get(&format!("/app/{place}")).html(shell));
        }
        app.see(get(&format!("/app/orders/{n}")).html(shell));
        real(&mut app, n);
    }
    assert_eq!(existing(&app), REAL[1..], "{:?}", REAL);
}

#[test]
fn one_sign_in_page_of_many_tenants_is_an_endpoint() {
    let page = "<html><form action=in><input name=user><input name=password></form> Welcome back";
    let mut app = Watched::new();
    for _ in 0..3 {
        for n in 0..12_u8 {
            app.see(get(&format!("/{}corp/sign-in", char::from(b'a' + n))).html(page));
        }
    }
    assert!(existing(&app).iter().any(|name| name.ends_with("/sign-in")), "{:?}", existing(&app));
}
