//! One application's requests in many orders: sorted, backwards, route by route, shuffled. The
//! templates at the end are the same, and those of the route table.

use super::routes::{dice, unnamed, value};
use super::*;
use std::collections::BTreeSet;

/// Routes with what they answer; `$n` in an answer is the `n`th value of the path.
const ROUTES: &[(&str, &str)] = &[
    ("GET /v2/orgs/{name}/projects", r#"{"projects":[{"name":"x-y"}]}"#),
    ("GET /v2/orgs/{name}/projects/{slug}/envs/{env}/items", r#"{"items":[{"id":1,"qty":1}]}"#),
    (
        "GET /v2/orgs/{name}/projects/{slug}/envs/{env}/items/{int}",
        r#"{"id":$4,"state":"on","qty":3}"#,
    ),
    ("POST /v2/orgs/{name}/projects/{slug}/envs/{env}/restart", r#"{"restarted":true}"#),
    ("GET /v1/orgs/{name}/audit", r#"{"entries":[{"at":1,"who":"x"}]}"#),
    ("GET /articles/{slug}", r#"{"slug":"$1","title":"x y","words":7}"#),
    ("GET /articles/{slug}/comments", r#"{"comments":[{"text":"x","up":1}]}"#),
    ("GET /articles/top", r#"{"top":[{"slug":"x"}],"since":"y"}"#),
    ("GET /users/{name}", r#"{"login":"$1","joined":"2026-01-02"}"#),
    ("GET /users/me", r#"{"login":"x","settings":{"theme":"dark","beta":true}}"#),
    ("GET /{locale}/shop/{int}", r#"{"sku":$2,"price":9}"#),
    ("GET /{locale}/help", r#"{"topics":["a","b"]}"#),
    ("GET /weather/{city}", r#"{"temp":3,"wind":5}"#),
    ("GET /rates/{cur}/{cur}", r#"{"rate":0.5}"#),
    ("GET /week/{week}", r#"{"hours":8}"#),
    ("GET /informes/{span}", r#"{"informe":"$1","total":5,"filas":3}"#),
    ("GET /orders", r#"{"orders":[{"number":1,"total":5}],"count":1}"#),
    ("POST /orders", r#"{"number":1,"total":5}"#),
    ("GET /orders/{int}", r#"{"number":$1,"total":5}"#),
    ("GET /orders/export", r#"{"url":"x","expires":1}"#),
    ("GET /customers", r#"{"customers":[{"vat":1,"street":"x"}],"count":1}"#),
    ("GET /customers/{int}", r#"{"vat":1,"street":"x"}"#),
    ("GET /customers/export", r#"{"url":"x","expires":1}"#),
    ("GET /invoices", r#"{"invoices":[{"due":1,"sum":5}],"count":1}"#),
    ("GET /invoices/{int}", r#"{"due":1,"sum":5}"#),
    ("GET /invoices/export", r#"{"url":"x","expires":1}"#),
    ("GET /parcels", r#"{"parcels":[{"weight":1,"to":"x"}],"count":1}"#),
    ("GET /parcels/{int}", r#"{"weight":1,"to":"x"}"#),
    ("GET /parcels/export", r#"{"url":"x","expires":1}"#),
    ("GET /refunds", r#"{"refunds":[{"why":"x","of":3}],"count":1}"#),
    ("GET /refunds/{int}", r#"{"why":"x","of":3}"#),
    ("GET /refunds/export", r#"{"url":"x","expires":1}"#),
    ("POST /login", r#"{"token":"abcdefgh1"}"#),
    ("POST /logout", r#"{"ok":true}"#),
    ("GET /admin/users/list", r#"{"rows":[{"id":1,"name":"x"}],"total":1}"#),
    ("POST /admin/users/lock", r#"{"code":0,"msg":"ok"}"#),
    ("GET /admin/roles/list", r#"{"rows":[{"role":"x","rights":["y"]}],"total":1}"#),
    ("POST /admin/roles/lock", r#"{"code":0,"msg":"ok"}"#),
    ("GET /admin/keys/list", r#"{"rows":[{"key":"x","until":5}],"total":1}"#),
    ("POST /admin/keys/lock", r#"{"code":0,"msg":"ok"}"#),
];

/// A request: its route, its path, and the answer.
type Asked = (usize, String, String);

fn requests(each: u64) -> Vec<Asked> {
    let mut all = Vec::new();
    for (route, (name, answer)) in ROUTES.iter().enumerate() {
        let path = name.split_once(' ').unwrap().1;
        for n in 0..each {
            let (mut asked, mut told) = (String::new(), (*answer).to_owned());
            for (at, part) in path.split('{').enumerate() {
                let (sort, rest) = part.split_once('}').unwrap_or(("", part));
                if !sort.is_empty() {
                    // The first values are few: tenants, locales.
                    let few = [9, 5, 30, 60][at.min(4) - 1];
                    let value = value(sort, dice(&[route as u64 / 4, at as u64, n]) % few);
                    told = told.replace(&format!("${at}"), &value);
                    asked.push_str(&value);
                }
                asked.push_str(rest);
            }
            all.push((route, asked, told));
        }
    }
    all
}

fn learned(requests: &[Asked]) -> BTreeSet<String> {
    let mut app = Watched::new();
    for (route, path, answer) in requests {
        let method = ROUTES[*route].0.split(' ').next().unwrap();
        let tx = Tx::new(method, path);
        let tx = if method == "POST" { tx.json(r#"{"a":1}"#) } else { tx };
        let seen = app.see(tx.answer(answer));
        assert!(app.inventory.endpoint(seen.endpoint).is_some());
    }
    app.inventory.settle();
    app.names().into_iter().collect()
}

fn check(each: u64) {
    let plain = requests(each);
    let mut sorted = plain.clone();
    sorted.sort_by(|a, b| a.1.cmp(&b.1));
    let backwards: Vec<Asked> = sorted.iter().rev().cloned().collect();
    let mut orders = vec![plain.clone(), sorted, backwards];
    for seed in 0..5_u64 {
        let mut shuffled: Vec<(u64, Asked)> =
            plain.iter().cloned().enumerate().map(|(n, r)| (dice(&[seed, n as u64]), r)).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        orders.push(shuffled.into_iter().map(|(_, request)| request).collect());
    }
    let expected: BTreeSet<String> = ROUTES.iter().map(|(name, _)| unnamed(name)).collect();
    let first = learned(&orders[0]);
    let mut wrong = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let named = learned(order);
        let found: BTreeSet<String> = named.iter().map(|name| unnamed(name)).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        let extra: Vec<_> = found.difference(&expected).take(12).collect();
        if !missing.is_empty() || !extra.is_empty() {
            wrong.push(format!("order {at}: missing {missing:?}, too many {extra:?}"));
        }
        let other: Vec<_> = named.symmetric_difference(&first).collect();
        if !other.is_empty() {
            wrong.push(format!("order {at}: other names than before: {other:?}"));
        }
    }
    assert!(wrong.is_empty(), "{each} of each route:\n{}", wrong.join("\n"));
}

#[test]
fn any_order_gives_the_same_templates() {
    check(40);
}

#[test]
fn any_order_gives_the_same_templates_of_long_captures() {
    check(150);
}
