//! Route tables of many designs and traffic made of them: every route is one endpoint, and nothing
//! else is, however much is asked and in whichever order the actors come.

use super::*;
use std::collections::BTreeSet;
use stilt_model::IdBuilder;

/// A number from numbers, the same on each run.
pub(super) fn dice(parts: &[u64]) -> u64 {
    parts.iter().fold(IdBuilder::new("routes"), |id, part| id.number(*part)).finish()
}

/// An application's routes, as `METHOD /path/{int}`. What stands in braces is a sort of value.
struct Design {
    name: &'static str,
    routes: &'static [&'static str],
}

const DESIGNS: &[Design] = &[
    Design {
        name: "nested resources by number",
        routes: &[
            "GET /api/v1/users",
            "POST /api/v1/users",
            "GET /api/v1/users/me",
            "GET /api/v1/users/{int}",
            "PUT /api/v1/users/{int}",
            "DELETE /api/v1/users/{int}",
            "GET /api/v1/users/{int}/orders",
            "GET /api/v1/users/{int}/orders/{int}",
            "POST /api/v1/users/{int}/orders/{int}/refund",
            "GET /api/v1/users/{int}/orders/{int}/lines/{int}",
            "GET /api/v1/health",
        ],
    },
    Design {
        name: "two versions, UUIDs",
        routes: &[
            "GET /v1/accounts",
            "GET /v1/accounts/{uuid}",
            "GET /v2/accounts",
            "GET /v2/accounts/{uuid}",
            "PATCH /v2/accounts/{uuid}",
            "GET /v2/accounts/{uuid}/limits",
            "POST /v2/transfers",
            "GET /v2/transfers/{uuid}/status",
        ],
    },
    Design {
        name: "slugs with words",
        routes: &[
            "GET /articles",
            "GET /articles/{slug}",
            "PUT /articles/{slug}",
            "GET /articles/{slug}/comments",
            "DELETE /articles/{slug}/comments/{int}",
            "GET /profiles/{name}",
            "POST /profiles/{name}/follow",
            "GET /articles/overview",
            "GET /tags",
            "GET /feed",
        ],
    },
    Design {
        name: "hashes, codes and tokens",
        routes: &[
            "GET /objects/{hex}",
            "GET /objects/{hex}/raw",
            "GET /links/{base64}",
            "GET /orders/{code}",
            "POST /orders/{code}/cancel",
            "GET /blobs/{sha}",
            "GET /ulids/{ulid}",
            "GET /status",
        ],
    },
    Design {
        name: "dates",
        routes: &[
            "GET /reports/{date}",
            "GET /reports/{date}/summary",
            "GET /calendar/{year}/{month}/{day}",
            "GET /rates/{date}/{cur}",
            "GET /rates/latest",
            "GET /2024-10-01/functions",
        ],
    },
    Design {
        name: "locales and files",
        routes: &[
            "GET /{locale}/products",
            "GET /{locale}/products/{int}",
            "GET /files/{hex}.pdf",
            "GET /invoices/{int}.xml",
            "GET /robots.txt",
            "GET /api/countries.json",
        ],
    },
    Design {
        name: "people by address",
        routes: &[
            "GET /contacts",
            "GET /contacts/{email}",
            "PUT /contacts/{email}/consent",
            "GET /teams/{name}/members/{email}",
            "GET /teams",
        ],
    },
    Design {
        name: "functions",
        routes: &[
            "POST /rpc/getUser",
            "POST /rpc/listUsers",
            "POST /rpc/createUser",
            "POST /rpc/deleteUser",
            "POST /shop.v1.Orders/Get",
            "POST /shop.v1.Orders/List",
            "POST /shop.v1.Orders/Create",
            "GET /admin/users/export",
            "GET /admin/users/{int}",
            "POST /admin/users/search",
        ],
    },
    Design {
        name: "ids of all sorts in one place",
        routes: &[
            "GET /things",
            "GET /things/{mixed}",
            "PUT /things/{mixed}",
            "GET /things/{mixed}/parts/{int}",
            "GET /owners/{int}/things/{mixed}",
            "GET /about",
        ],
    },
];

/// One value of a sort, the `n`th thing of its kind.
pub(super) fn value(sort: &str, n: u64) -> String {
    const WORDS: [&str; 24] = [
        "amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heron", "iris", "jasper",
        "kelp", "lotus", "maple", "north", "otter", "pearl", "quartz", "river", "stone", "thorn",
        "umber", "violet", "willow", "yarrow",
    ];
    let word = |salt: u64| WORDS[(dice(&[n, salt]) % 24) as usize];
    let (a, b) = (dice(&[n, 1]), dice(&[n, 2]));
    match sort {
        "int" => (1 + n * 7 % 9000).to_string(),
        "uuid" => format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            b & 0xfff,
            b >> 52,
            b >> 12 & 0xffff_ffff_ffff
        ),
        "slug" => format!("{}-{}-{}", word(3), word(4), word(5)),
        "name" => format!(
            "{}{}",
            word(6),
            if n.is_multiple_of(3) { String::new() } else { n.to_string() }
        ),
        "hex" => format!("{a:016x}{:08x}", b >> 32),
        "sha" => format!("{a:016x}{b:016x}{:08x}", a >> 32),
        "base64" => {
            const LETTERS: &[u8; 64] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            (0..22).map(|at| LETTERS[(dice(&[n, at]) % 64) as usize] as char).collect()
        }
        "ulid" => {
            const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
            let tail: String =
                (0..24).map(|at| LETTERS[(dice(&[n, at]) % 32) as usize] as char).collect();
            format!("01{tail}")
        }
        "code" => format!("ORD-{}", 1000 + n),
        "date" => format!("2026-{:02}-{:02}", 1 + n % 12, 1 + n % 28),
        "year" => (2020 + n % 7).to_string(),
        "month" => format!("{:02}", 1 + n % 12),
        "day" => format!("{:02}", 1 + n % 28),
        "env" => ["prod", "staging", "dev", "qa", "preview", "canary"][(n % 6) as usize].to_owned(),
        "span" => ["diario", "mensual", "anual"][(n % 3) as usize].to_owned(),
        "city" => [
            "berlin", "paris", "rome", "oslo", "lyon", "porto", "vienna", "madrid", "turin",
            "bern", "zurich", "milan",
        ][(n % 12) as usize]
            .to_owned(),
        "week" => format!("2026-W{:02}", 1 + n % 52),
        "cur" => ["EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "PLN"][(n % 8) as usize].into(),
        "locale" => ["en", "de", "fr", "es", "it", "nl", "pl", "pt"][(n % 8) as usize].to_owned(),
        "email" => format!("{}.{n}@example.org", word(7)),
        "mixed" => value(["int", "uuid", "slug", "hex", "date", "code"][(n % 6) as usize], n),
        other => panic!("no such sort: {other}"),
    }
}

/// The path of one route for the `n`th thing.
fn address(design: &Design, route: usize, n: u64) -> String {
    let (_, path) = design.routes[route].split_once(' ').unwrap();
    let (mut asked, mut rest) = (String::new(), path);
    while let Some((before, tail)) = rest.split_once('{') {
        let (sort, after) = tail.split_once('}').unwrap();
        asked.push_str(before);
        asked.push_str(&value(sort, n));
        rest = after;
    }
    asked + rest
}

/// The exchange of one route for the `n`th thing; the answer says things of its own.
fn exchange(design: &Design, route: usize, n: u64) -> Tx {
    let (method, path) = design.routes[route].split_once(' ').unwrap();
    let asked = address(design, route, n);
    let sort = path.rsplit_once('{').map(|(_, tail)| tail.split('}').next().unwrap());
    let last = sort.map(|sort| value(sort, n)).unwrap_or_default();
    let tx = Tx::new(method, &asked);
    if method == "DELETE" || method == "PUT" {
        return tx.json(r#"{"note":"x"}"#).status(204);
    }
    let list = path.ends_with('s') && !path.contains('{') && method == "GET";
    let tx = if method == "POST" || method == "PATCH" { tx.json(r#"{"a":1}"#) } else { tx };
    if list {
        // Lists show what there is, where things have names.
        let collection = format!("{} {path}/", "GET");
        let sort = design.routes.iter().find_map(|other| {
            let sort = other.strip_prefix(&collection)?.strip_prefix('{')?.strip_suffix('}')?;
            (!sort.contains('}')).then_some(sort)
        });
        let items: Vec<String> = (0..5)
            .map(|at| {
                let id = sort.map_or_else(|| at.to_string(), |sort| value(sort, n + at));
                format!(r#"{{"slug":"{id}","r{route}":1}}"#)
            })
            .collect();
        return tx.answer(&format!(r#"{{"r{route}":[{}],"count":5}}"#, items.join(",")));
    }
    tx.answer(&format!(r#"{{"slug":"{last}","r{route}":{n},"at":"x","of":{{"n":1}}}}"#))
}

/// What the table should hold: routes with their slots unnamed, file extensions in them.
fn expected(design: &Design) -> BTreeSet<String> {
    design.routes.iter().map(|route| unnamed(route)).collect()
}

pub(super) fn unnamed(route: &str) -> String {
    let mut out = String::new();
    for (at, part) in route.split('/').enumerate() {
        if at > 0 {
            out.push('/');
        }
        out.push_str(if part.contains('{') { "{}" } else { part });
    }
    out
}

/// Names of what is known to exist after traffic of actors in that order.
fn learned(design: &Design, requests: u64, order: &[u64], noise: bool) -> BTreeSet<String> {
    let mut app = Watched::new();
    let routes = design.routes.len() as u64;
    let each = requests / order.len() as u64;
    for actor in order {
        for n in 0..each {
            // Everybody asks all routes, each for things of their own and of others.
            let route = (n + actor) % routes;
            let thing = dice(&[*actor, n]) % 60;
            app.see(exchange(design, route as usize, thing));
            if noise && n % 5 == 0 {
                let guess = format!("/{}/{}.php", value("name", n), value("name", n + 1));
                app.see(get(&guess).status(404).html("no"));
                let guess = format!("{}/backup", address(design, route as usize, thing));
                app.see(get(&guess).status(404).answer(r#"{"error":"not found"}"#));
            }
        }
    }
    app.inventory.settle();
    let known = app.inventory.endpoints().into_iter().map(|endpoint| endpoint.id);
    known
        .filter(|id| app.inventory.exists(*id))
        .filter_map(|id| app.inventory.endpoint(id))
        .map(|endpoint| endpoint.name.to_string())
        .collect()
}

/// Plays each design once for each order of the actors. Every route must be one endpoint, nothing
/// else may be, and the order must make no difference, not even to the names of slots.
fn check(requests: u64, orders: &[[u64; 6]], noise: bool) {
    let mut wrong = Vec::new();
    for design in DESIGNS {
        let expected = expected(design);
        let mut first: Option<BTreeSet<String>> = None;
        for order in orders {
            let named = learned(design, requests, order, noise);
            let found: BTreeSet<String> = named.iter().map(|name| unnamed(name)).collect();
            let name = design.name;
            if found != expected || found.len() != named.len() {
                let missing: Vec<_> = expected.difference(&found).collect();
                let extra: Vec<_> = found.difference(&expected).take(12).collect();
                wrong.push(format!("{name}, {order:?}: missing {missing:?}, too many {extra:?}"));
            }
            let before = first.get_or_insert_with(|| named.clone());
            let other: Vec<_> = named.symmetric_difference(before).collect();
            if !other.is_empty() {
                wrong.push(format!("{name}, {order:?}: other names than before: {other:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{requests} requests:\n{}", wrong.join("\n"));
}

const ORDERS: [[u64; 6]; 4] =
    [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2], [2, 5, 1, 4, 0, 3]];

#[test]
fn every_route_is_one_endpoint_after_50_requests() {
    check(50, &ORDERS, false);
}

#[test]
fn every_route_is_one_endpoint_after_600_requests() {
    check(600, &ORDERS[2..], false);
}

#[test]
fn every_route_is_one_endpoint_after_5000_requests() {
    check(5000, &ORDERS[..2], false);
}

#[test]
fn a_scanner_beside_them_adds_none() {
    check(66, &ORDERS, true);
    check(1200, &ORDERS[2..], true);
}
