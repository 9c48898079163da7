use super::*;
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{Tx, World, get, post};

/// Requests of many actors to an application, one after the other.
struct Town {
    world: World,
    inventory: Inventory,
    profiles: Profiles,
}

impl Town {
    fn new() -> Self {
        Self {
            world: World::new(),
            inventory: Inventory::new(&stilt_inventory::Config::default()),
            profiles: Profiles::new(1000),
        }
    }

    fn send(&mut self, actor: u64, tx: Tx) -> Oddity {
        let tx = self.world.tx(tx);
        let sighting = self.inventory.observe(&tx);
        let actor = ActorId(actor.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let odd = self.profiles.score(&tx, &sighting, actor);
        self.profiles.learn(&tx, &sighting, false);
        odd.unwrap_or_default()
    }

    /// Thirty users who search and page.
    fn usual(&mut self) {
        for round in 0..12 {
            for user in 0..30 {
                self.send(user, search(&format!("shoe{}", user + round), round % 4 + 1));
            }
        }
    }

    fn groups(&mut self, actor: u64, tx: Tx) -> Vec<Group> {
        let mut groups: Vec<Group> =
            self.send(actor, tx).deviations.iter().map(|one| one.group).collect();
        groups.sort_unstable();
        groups
    }
}

fn search(words: &str, page: u64) -> Tx {
    get(&format!("/search?q={words}&page={page}&sort=price")).answer(r#"{"found":[1,2,3]}"#)
}

fn check(tx: Tx, expected: &[Group]) {
    let mut town = Town::new();
    town.usual();
    assert_eq!(town.groups(99, tx), expected);
}

#[test]
fn usual_requests_do_not_deviate() {
    check(search("boots77", 2), &[]);
    check(search("hats5", 5), &[]);
    check(search("slippers123", 1), &[]);
}

#[test]
fn each_way_to_deviate_is_told() {
    check(get("/search?q=shoe1&page=9000&sort=price").answer("{}"), &[Group::Form]);
    check(get("/search?q=shoe1&page=1&sort=secret").answer("{}"), &[Group::Form]);
    check(get("/search?q=shoe1&page=1'&sort=price").answer("{}"), &[Group::Form, Group::Syntax]);
    check(get("/search?q=shoe1&page=1&sort=price&debug=1").answer("{}"), &[Group::Structure]);
    check(get("/search?q=shoe1&page=1&page=2&sort=price").answer("{}"), &[Group::Structure]);
    check(get("/search?q=shoe1&sort=price").answer("{}"), &[Group::Structure]);
    check(get("/search?q=it's(a)&page=1&sort=price").answer("{}"), &[Group::Free]);
    check(search("shoe1", 1).status(500), &[Group::Answer]);
}

#[test]
fn reasons_are_in_an_analysts_words() {
    let mut town = Town::new();
    town.usual();
    let odd = town.send(99, get("/search?q=shoe1&page=9000&sort=price").answer("{}"));
    let one = &odd.deviations[0];
    assert_eq!((one.feature.as_str(), one.observed.as_str()), ("size of page", "9000"));
    assert_eq!(one.expected, "at most 4");
    assert!(one.p < 0.01 && one.support > 300, "{one:?}");
    assert!((20..50).contains(&odd.actors), "{}", odd.actors);
}

#[test]
fn one_who_repeats_oneself_teaches_others_nothing() {
    let mut town = Town::new();
    town.usual();
    for _ in 0..200 {
        town.send(7, get("/search?q=shoe1&page=1&sort=secret").answer("{}"));
    }
    assert_eq!(
        town.groups(7, get("/search?q=shoe2&page=1&sort=secret").answer("{}")),
        [Group::Form]
    );
    assert_eq!(
        town.groups(8, get("/search?q=shoe2&page=1&sort=secret").answer("{}")),
        [Group::Form]
    );
}

#[test]
fn what_several_begin_to_do_is_usual_soon() {
    let mut town = Town::new();
    town.usual();
    let new = || get("/search?q=shoe1&page=1&sort=price&lang=en&v=2").answer("{}");
    assert_eq!(town.groups(1, new()), [Group::Structure]);
    for user in 2..12 {
        town.send(user, new());
    }
    assert_eq!(town.groups(13, new()), []);
}

#[test]
fn what_three_do_again_and_again_is_no_usage_and_what_many_do_is() {
    let mut town = Town::new();
    town.usual();
    let odd = || get("/search?q=shoe1&page=1&sort=price&debug=1").answer("{}");
    for n in 0..12 {
        town.send(n % 3, odd());
        (0..4).for_each(|more| drop(town.send(30 + 4 * n + more, search("boots1", 1))));
    }
    assert_eq!(town.groups(9, odd()), [Group::Structure]);
    assert!(town.send(9, odd()).p.is_some_and(|p| p <= 0.01));
    // What waits for a day teaches then, and is still the usage of three.
    let now = town.world.now().plus(core::time::Duration::from_secs(90_000));
    town.profiles.tick(now);
    assert_eq!(town.groups(9, odd()), [Group::Structure]);
    for user in 0..15 {
        town.send(user, odd());
    }
    let odd = town.send(20, odd());
    assert_eq!(odd.deviations, []);
}

#[test]
fn a_release_of_many_endpoints_is_one_deviation() {
    let mut town = Town::new();
    for n in 0..1200 {
        let path = format!("/{}?q=shoe{}", ["find", "list", "news", "help"][n % 4], n % 7);
        town.send(n as u64 % 40, get(&path).answer("{}"));
    }
    let new = |place: &str| get(&format!("/{place}?q=shoe1&app=7")).answer("{}");
    let keys: BTreeSet<Vec<u64>> = ["find", "list", "news"]
        .iter()
        .flat_map(|place| town.send(1, new(place)).deviations)
        .map(|one| one.parts)
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    for user in 2..6 {
        town.send(user, new("find"));
    }
    assert_eq!(town.groups(9, new("help")), []);
}

#[test]
fn what_deviates_twice_waits_a_day_before_it_teaches() {
    let mut town = Town::new();
    town.usual();
    let odd = || get("/search?q=shoe1&page=1'--&sort=price").answer("{}");
    let both = [Group::Form, Group::Syntax];
    assert_eq!(town.groups(50, odd()), both);
    assert_eq!(town.profiles.waiting.len(), 1);
    let now = town.world.now();
    town.profiles.tick(now.plus(core::time::Duration::from_secs(90_000)));
    assert!(town.profiles.waiting.is_empty());
}

#[test]
fn made_up_parameters_take_no_room() {
    let mut town = Town::new();
    town.usual();
    for n in 0..500 {
        town.send(5, get(&format!("/search?q=shoe1&page=1&sort=price&x{n}=1")).answer("{}"));
    }
    let most = town.profiles.endpoints.values().map(|profile| profile.params().len()).max();
    assert_eq!(most, Some(3));
    assert!(town.profiles.spread.len() <= SPREAD_MAX);
}

#[test]
fn two_sensors_together_know_what_each_saw() {
    let (mut one, mut other) = (Town::new(), Town::new());
    one.usual();
    for user in 100..130 {
        other.send(user, post("/pay").json(r#"{"amount":12,"to":"shop"}"#));
        other.send(user, search("socks", 1));
    }
    let text = serde_json::to_string(&other.profiles.saved()).unwrap();
    other.profiles = Profiles::load(1000, serde_json::from_str(&text).unwrap());
    let before: u32 = one.profiles.endpoints.values().map(|profile| profile.whole.turns).sum();
    one.profiles.absorb(&other.profiles);
    let after: u32 = one.profiles.endpoints.values().map(|profile| profile.whole.turns).sum();
    assert!(after >= before + 60, "{before} {after}");
    let odd = one.send(200, post("/pay").json(r#"{"amount":12,"to":"shop","fee":-3}"#));
    assert_eq!(odd.deviations[0].observed, "fee");
}
