//! Whole applications, made up, seen through the table.

use crate::test_support::{Tx, World, delete, get, jwt, post, put};
use crate::{Config, EndpointKind, Inventory, Sighting};
use stilt_model::{Outcome, SecretKind};

mod grid;
mod knowledge;
mod learning;
mod logins;
mod objects;
mod orders;
mod pages;
mod routes;
mod scanner;
mod siblings;

/// A world with the table that watches it.
struct Watched {
    world: World,
    inventory: Inventory,
}

impl Watched {
    fn new() -> Self {
        Self::with(&Config::default())
    }

    fn with(config: &Config) -> Self {
        Self { world: World::new(), inventory: Inventory::new(config) }
    }

    fn see(&mut self, tx: Tx) -> Sighting {
        let tx = self.world.tx(tx);
        self.inventory.observe(&tx)
    }

    fn name(&mut self, tx: Tx) -> String {
        self.see(tx).name.to_string()
    }

    /// Kind of the endpoint and outcome of the attempt, where it is one.
    fn login(&mut self, tx: Tx) -> Option<Outcome> {
        self.see(tx).login.map(|login| login.outcome)
    }

    fn names(&self) -> Vec<String> {
        self.inventory.endpoints().iter().map(|endpoint| endpoint.name.to_string()).collect()
    }
}
