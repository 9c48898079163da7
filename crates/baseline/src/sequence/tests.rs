use super::*;
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{World, get};
use stilt_model::Key;
use stilt_session::Sessions;

struct Town {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    sequences: Sequences,
}

impl Town {
    fn walk(&mut self, user: u64, paths: &[&str]) -> Vec<Option<Step>> {
        let each = paths.iter().map(|path| {
            let from = format!("10.3.{}.{}", user / 200, user % 200);
            let tx = self.world.tx(get(path).from(&from).answer("{\"a\":1}"));
            let sighting = self.inventory.observe(&tx);
            let seen = self.sessions.observe(&tx, &sighting);
            let step = self.sequences.score(&tx, &sighting, &seen);
            self.sequences.learn(seen.actor.id, false);
            step
        });
        each.collect()
    }
}

#[test]
fn a_step_that_nobody_takes_is_told_with_what_was_expected() {
    let mut town = Town {
        world: World::new(),
        inventory: Inventory::new(&stilt_inventory::Config::default()),
        sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
        sequences: Sequences::default(),
    };
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
