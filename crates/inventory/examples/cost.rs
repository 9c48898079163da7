//! What the inventory costs per transaction, as instructions that no load of the machine changes.
//!
//! Build it with `--release --features test-support`, and let callgrind count twice: once with
//! `none`, which only reads the transactions, once with `observe` or `learn`. The difference over
//! the number of transactions is the cost. `scan` asks for as many paths that are not there beside
//! a few calls, and tells how many bytes the memory has, saved, on the way.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use stilt_inventory::test_support::{Tx, World, get, post};
use stilt_inventory::{Config, Inventory, Who};
use stilt_model::ActorId;

/// The `n`th call to an application of small JSON messages: 300 callers, five routes.
fn call(n: u64) -> Tx {
    let order = 1000 + n * 7 % 4000;
    let tx = match n % 5 {
        0 => get(&format!("/api/v1/orders/{order}")).answer(&format!(
            concat!(
                r#"{{"id":{},"state":"open","total":{}.50,"owner":{{"id":{},"name":"n"}},"#,
                r#""lines":[{{"sku":"A-1","n":2}},{{"sku":"B-2","n":1}}]}}"#
            ),
            order,
            n % 90,
            n % 300
        )),
        1 => get(&format!("/api/v1/orders?page={}&size=10", n % 9)).answer(&format!(
            concat!(
                r#"{{"orders":[{{"id":{},"state":"open"}},{{"id":{},"state":"paid"}},"#,
                r#"{{"id":{},"state":"sent"}}],"count":3}}"#
            ),
            order,
            order + 1,
            order + 2
        )),
        2 => post("/api/v1/orders")
            .json(&format!(r#"{{"sku":"A-{}","count":2,"note":"ring twice"}}"#, n % 40))
            .status(201)
            .answer(&format!(r#"{{"id":{order},"state":"open"}}"#)),
        3 => get("/api/v1/me").answer(&format!(
            r#"{{"id":{},"email":"user{}@example.org","roles":["customer"]}}"#,
            n % 300,
            n % 300
        )),
        _ => get(&format!("/api/v1/products/{}/stock", n % 500)).answer(&format!(
            r#"{{"product":{},"left":{}}}"#,
            n % 500,
            n % 17
        )),
    };
    tx.bearer(&format!("t0k3n-of-caller-{:08x}", n % 300)).header("X-Tenant", "t1")
}

/// The `n`th path that is not there, with a call among a hundred of them.
fn scan(world: &mut World, inventory: &mut Inventory, n: u64) {
    let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (word, number) = (hash >> 40, hash % 9973);
    let tx = match n % 100 {
        0 => call(n / 100),
        1..=40 => get(&format!("/w{word:x}/{number}")).status(404).html("not found"),
        41..=70 => get(&format!("/api/v1/{word:x}y/x{number}.php")).status(403).html("no"),
        _ => get(&format!("/q{word:x}/r/s{number}?a={n}")).status(404).answer(r#"{"error":1}"#),
    };
    let tx = world.tx(tx);
    let sighting = inventory.observe(&tx);
    let who = Who { actor: ActorId(n % 300), authenticated: true, roles: &[] };
    inventory.learn(&tx, &sighting, who, false);
    if (n + 1).to_string().trim_end_matches('0') == "1" {
        let bytes = inventory.save().map_or(0, |memory| memory.len());
        println!("{} paths: {bytes} bytes, {} endpoints", n + 1, inventory.known().len());
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let count = args.next().and_then(|text| text.parse().ok()).unwrap_or(20_000_u64);
    let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
    for n in 0..count {
        if mode == "scan" {
            scan(&mut world, &mut inventory, n);
            continue;
        }
        let tx = world.tx(call(n));
        if mode == "none" {
            continue;
        }
        let sighting = inventory.observe(&tx);
        if mode == "learn" {
            let who = Who { actor: ActorId(n % 300), authenticated: true, roles: &[] };
            inventory.learn(&tx, &sighting, who, false);
        }
    }
    println!("{mode}: {count} transactions, {} endpoints", inventory.known().len());
}
