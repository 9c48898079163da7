use super::*;
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{Tx, World, get};
use stilt_model::Key;
use stilt_session::Sessions;

struct Town {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    sequences: Sequences,
}

fn town() -> Town {
    Town {
        world: World::new(),
        inventory: Inventory::new(&stilt_inventory::Config::default()),
        sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
        sequences: Sequences::default(),
    }
}

impl Town {
    fn step(&mut self, tx: Tx) -> Option<Step> {
        let tx = self.world.tx(tx.answer("{\"a\":1}"));
        let sighting = self.inventory.observe(&tx);
        let seen = self.sessions.observe(&tx, &sighting);
        let step = self.sequences.score(&tx, &sighting, &seen);
        self.sequences.learn(seen.actor.id, false);
        step
    }

    fn walk(&mut self, user: u64, paths: &[&str]) -> Vec<Option<Step>> {
        let from = format!("10.3.{}.{}", user / 200, user % 200);
        let token = format!("t{user:030}");
        paths.iter().map(|path| self.step(get(path).from(&from).bearer(&token))).collect()
    }
}

#[test]
fn a_step_that_nobody_takes_is_told_with_what_was_expected() {
    let mut town = town();
    for user in 0..60 {
        let told = town.walk(user, &["/cart", "/pay", "/pay", "/confirm", "/track"]);
        assert!(told.iter().all(Option::is_none), "{user} {told:?}");
    }
    let told = town.walk(99, &["/cart", "/confirm"]);
    let step = told[1].as_ref().unwrap();
    assert!(step.likelihood < 0.03 && step.support > 50, "{step:?}");
    assert_eq!(step.expected.len(), 1);
    assert!(step.actors >= 20 && step.surprise > step.others, "{step:?}");
    let saved = serde_json::to_string(&town.sequences.save()).unwrap();
    town.sequences = Sequences::load(serde_json::from_str(&saved).unwrap());
    assert!(town.walk(98, &["/cart", "/confirm"])[1].is_some());
}

#[test]
fn a_session_in_no_order_is_told_from_one_that_keeps_its_own() {
    let mut town = town();
    for user in 0..40 {
        let told = town.walk(user, &["/cart", "/pay", "/confirm", "/track", "/cart", "/pay"]);
        assert!(told.iter().flatten().all(|step| step.odds < 10.0), "{user} {told:?}");
    }
    let disorder = ["/confirm", "/cart", "/track", "/pay", "/cart", "/confirm", "/pay", "/track"];
    let told = town.walk(99, &disorder.repeat(3));
    let last = told.iter().flatten().last().unwrap();
    assert!(last.odds > 2.0 * last.odds_others && last.ways >= 6, "{last:?}");
    // Round and round in one circle of its own is an order.
    let told = town.walk(98, &["/track", "/confirm", "/track"].repeat(20));
    assert!(told.iter().flatten().all(|step| step.odds < 20.0), "{told:?}");
}

#[test]
fn an_address_of_many_people_keeps_no_order_and_tells_nothing() {
    let mut town = town();
    for user in 0..40 {
        town.walk(user, &["/cart", "/pay", "/confirm", "/track"]);
    }
    let told: Vec<Option<Step>> = ["/confirm", "/cart", "/track", "/pay", "/cart", "/confirm"]
        .repeat(4)
        .iter()
        .map(|path| town.step(get(path).from("10.9.9.9")))
        .collect();
    assert!(told.iter().flatten().all(|step| step.odds == 0.0), "{told:?}");
}
