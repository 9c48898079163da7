//! Policies over the real floors below.

use crate::{Gate, Policies, Usage, Verdict, check, suggest};
use std::sync::Arc;
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{Tx, World, get, jwt, post};
use stilt_model::Key;
use stilt_session::Sessions;
use stilt_session::objects::Objects;

struct Town {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    objects: Objects,
    gate: Gate,
    usage: Usage,
}

fn policies(text: &str) -> Policies {
    Policies::of(vec![("a.cedar".into(), text.to_owned())]).unwrap()
}

impl Town {
    fn new(text: &str) -> Self {
        Self {
            world: World::new(),
            inventory: Inventory::new(&stilt_inventory::Config::default()),
            sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
            objects: Objects::new(&stilt_session::objects::Config::default()),
            gate: Gate::new(policies(text)),
            usage: Usage::default(),
        }
    }

    fn see(&mut self, tx: Tx) -> Option<Arc<crate::Decision>> {
        let tx = self.world.tx(tx);
        let sighting = self.inventory.observe(&tx);
        let seen = self.sessions.observe(&tx, &sighting);
        let decision = self.gate.decide(&tx, &sighting, &seen, &self.objects);
        self.usage.add(&tx, &sighting, &seen, &self.objects);
        self.objects.learn(&tx, &sighting, &seen);
        decision
    }

    fn verdict(&mut self, tx: Tx) -> Option<Verdict> {
        self.see(tx).map(|decision| decision.verdict)
    }
}

fn by(user: &str, role: &str, tx: Tx) -> Tx {
    tx.bearer(&jwt(&format!(r#"{{"sub":"{user}","roles":["{role}"],"tenant":"t1","iat":1}}"#)))
}

fn refund(amount: &str) -> Tx {
    post("/refunds").json(&format!(r#"{{"amount":{amount}}}"#)).answer(r#"{"ok":true}"#)
}

const REFUNDS: &str = r#"
@id("refunds")
permit (principal in Role::"finance", action in Action::"financial", resource);
@id("small-refunds")
permit (principal in Role::"clerk", action == Action::"POST /refunds", resource)
when { context has amount && context.amount <= 1000 };
@id("nights")
forbid (principal, action in Action::"financial", resource)
when { context.ip.isInRange(ip("10.9.0.0/16")) };
"#;

#[test]
fn roles_amounts_and_places_decide_and_reasons_are_named() {
    let mut town = Town::new(REFUNDS);
    assert_eq!(town.verdict(by("fay", "finance", refund("5000"))), Some(Verdict::Permitted));
    assert_eq!(town.verdict(by("cy", "clerk", refund("1000"))), Some(Verdict::Permitted));
    assert_eq!(town.verdict(get("/news").answer("{}")), None, "nobody speaks of it");
    let over = town.see(by("cy", "clerk", refund("1000.01"))).unwrap();
    assert_eq!(over.verdict, Verdict::NotPermitted);
    let needed = over.needed.join("; ");
    assert!(needed.contains("Role::\"finance\"") && needed.contains("small-refunds"), "{needed}");
    let inside = town.see(by("fay", "finance", refund("1")).from("10.9.1.1")).unwrap();
    assert_eq!(
        (inside.verdict, &*inside.policies),
        (Verdict::Forbidden, &["nights".to_owned()][..])
    );
}

#[test]
fn two_amounts_in_one_request_count_as_the_larger() {
    let mut town = Town::new(REFUNDS);
    let twice = post("/refunds").json(r#"{"amount":10,"items":[{"amount":9000}]}"#).answer("{}");
    assert_eq!(town.verdict(by("cy", "clerk", twice)), Some(Verdict::NotPermitted));
}

#[test]
fn decisions_are_remembered_until_something_that_they_read_changes() {
    let mut town = Town::new(REFUNDS);
    for _ in 0..20 {
        town.see(by("cy", "clerk", refund("10")));
    }
    assert_eq!((town.gate.tally().governed, town.gate.tally().evaluated), (20, 1));
    town.see(by("cy", "clerk", refund("11")));
    town.see(by("cy", "finance", refund("11")));
    assert_eq!(town.gate.tally().evaluated, 3);
}

#[test]
fn one_decision_is_that_of_all_who_are_alike_to_the_policies() {
    let mut town = Town::new(REFUNDS);
    for n in 0..20 {
        assert_eq!(
            town.verdict(by(&format!("cy{n}"), "clerk", refund("10"))),
            Some(Verdict::Permitted)
        );
    }
    assert_eq!(town.gate.tally().evaluated, 1);
    assert_eq!(town.verdict(by("eve", "guest", refund("10"))), Some(Verdict::NotPermitted));
    let own = "permit (principal, action, resource) when { principal.name == \"ann\" };";
    let mut town = Town::new(own);
    for (user, expected) in [("ann", Verdict::Permitted), ("bob", Verdict::NotPermitted)] {
        assert_eq!(town.verdict(by(user, "clerk", refund("10"))), Some(expected));
    }
    let mut town = Town::new("permit (principal == User::\"ann\", action, resource);");
    for (user, expected) in [("bob", Verdict::NotPermitted), ("ann", Verdict::Permitted)] {
        assert_eq!(town.verdict(by(user, "clerk", refund("10"))), Some(expected));
    }
}

#[test]
fn what_is_anothers_is_foreign() {
    let text = "permit (principal, action == Action::\"GET /orders/{id}\", resource) when { !resource.foreign };";
    let mut town = Town::new(text);
    for (user, id) in [("ann", 7001), ("bob", 7002), ("cyd", 7003)] {
        let order = |id: i64| {
            get(&format!("/orders/{id}")).answer(&format!(r#"{{"id":{id},"owner":"{user}"}}"#))
        };
        for _ in 0..3 {
            town.see(by(user, "customer", order(id)));
        }
    }
    let order = |user: &str| {
        let answer = r#"{"id":7001,"owner":"ann"}"#;
        by(user, "customer", get("/orders/7001").answer(answer))
    };
    assert_eq!(town.verdict(order("ann")), Some(Verdict::Permitted));
    assert_eq!(town.verdict(order("bob")), Some(Verdict::NotPermitted));
}

fn usual(town: &mut Town) {
    for n in 0..30 {
        let user = format!("user{}", n % 6);
        town.see(by(&user, "customer", get("/orders").answer(r#"{"orders":[]}"#)));
        let pays = post("/payments").json(&format!(r#"{{"amount":{}}}"#, 10 + n)).answer("{}");
        town.see(by(&user, "customer", pays));
        town.see(by("root", "admin", get("/admin/users").answer("{}")));
        town.see(by("root", "admin", post("/admin/users").json("{}").answer("{}")));
        town.see(get("/news").answer(r#"{"news":1}"#));
    }
}

#[test]
fn a_suggested_policy_fits_what_it_came_from_and_nothing_else() {
    let mut town = Town::new("permit (principal, action, resource);");
    usual(&mut town);
    town.usage.settle(&town.inventory);
    let text = suggest(&town.usage, true);
    let suggested = policies(&text);
    assert_eq!(check(&suggested, Some(&town.usage)), [], "{text}");
    assert!(text.contains("Action::\"admin\"") && text.contains("context.amount <= 78"), "{text}");
    town.gate = Gate::new(suggested);
    usual(&mut town);
    let tally = town.gate.tally();
    assert!(tally.lines.is_empty() && tally.coverage() > 0.99, "{tally:?}\n{text}");
    let admin = by("user1", "customer", get("/admin/users").answer("{}"));
    assert_eq!(town.verdict(admin), Some(Verdict::NotPermitted));
    let much = post("/payments").json(r#"{"amount":5000}"#).answer("{}");
    assert_eq!(town.verdict(by("user1", "customer", much)), Some(Verdict::NotPermitted));
}

#[test]
fn what_a_key_without_an_owner_does_is_its_own_right() {
    let mut town = Town::new("permit (principal, action, resource);");
    let export = |key: &str| {
        let rows = r#"{"rows":[{"id":1},{"id":2}]}"#;
        let tx = get("/export/orders").answer(rows);
        if key.is_empty() { tx } else { tx.header("X-Api-Key", key) }
    };
    for _ in 0..12 {
        usual(&mut town);
        town.see(export("k3y-of-the-nightly-job-8f3a11d09c"));
    }
    town.usage.settle(&town.inventory);
    for names in [true, false] {
        let text = suggest(&town.usage, names);
        let mut town = Town { gate: Gate::new(policies(&text)), ..Town::new("") };
        usual(&mut town);
        let own = town.verdict(export("k3y-of-the-nightly-job-8f3a11d09c"));
        assert_eq!(own, Some(Verdict::Permitted), "{text}");
        assert_eq!(town.verdict(export("")), Some(Verdict::NotPermitted), "{text}");
        let other = town.verdict(export("k3y-of-somebody-else-77aa01bc44de"));
        let expected = if names { Verdict::NotPermitted } else { Verdict::Permitted };
        assert_eq!(other, Some(expected), "{text}");
        let news = town.verdict(get("/news").answer(r#"{"news":1}"#));
        assert_eq!(news, Some(Verdict::Permitted), "{text}");
    }
}

#[test]
fn a_misspelt_function_is_found_where_a_capture_is_known() {
    let mut town = Town::new("permit (principal, action, resource);");
    usual(&mut town);
    let wrong = policies("permit (principal,\n action == Action::\"POST /paymnts\", resource);");
    assert_eq!(check(&wrong, None), []);
    town.usage.settle(&town.inventory);
    let problems = check(&wrong, Some(&town.usage));
    assert!(problems.iter().any(|problem| problem.line == 2), "{problems:?}");
}

#[test]
fn names_from_the_wire_stay_inside_their_quotes() {
    let mut town = Town::new("permit (principal, action, resource);");
    let odd = "eve\\\"); permit (principal, action, resource); //\\n";
    town.see(by(odd, "a\\\"b", get("/news").answer(r#"{"news":1}"#)));
    town.usage.settle(&town.inventory);
    let text = suggest(&town.usage, true);
    let again = policies(&text);
    assert_eq!(again.len(), 1, "{text}");
}
