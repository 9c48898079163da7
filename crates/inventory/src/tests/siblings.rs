//! Hosts that are one application, and hosts that are not.

use super::*;

/// What people do at a host of a tracker, in so many rounds.
fn tracker(app: &mut Watched, host: &str, rounds: u32) -> Sighting {
    let mut last = None;
    for n in 0..rounds {
        let one = format!(r#"{{"id":{n},"title":"x","done":false}}"#);
        let all = format!(r#"{{"issues":[{one}],"total":1}}"#);
        for tx in [
            get("/api/issues").answer(&all),
            get(&format!("/api/issues/{}", 40 + n)).answer(&one),
            get("/api/me").answer(r#"{"login":"ann","plan":"pro"}"#),
            get("/api/boards").answer(r#"{"boards":[{"slug":"b","columns":3}]}"#),
            post("/api/issues").json(r#"{"title":"x"}"#).status(201).answer(&one),
        ] {
            last = Some(app.see(tx.host(host)));
        }
    }
    last.unwrap()
}

/// What people do at a host of a shop.
fn shop(app: &mut Watched, host: &str, rounds: u32) -> Sighting {
    let mut last = None;
    for n in 0..rounds {
        for tx in [
            get("/api/me").answer(r#"{"login":"ann","plan":"pro"}"#),
            get("/api/cart").answer(r#"{"lines":[{"sku":"a","n":1}],"sum":4}"#),
            get(&format!("/api/wares/{}", 70 + n)).answer(r#"{"sku":"a","price":4}"#),
            post("/api/orders").json(r#"{"cart":"c"}"#).answer(r#"{"order":9,"sum":4}"#),
        ] {
            last = Some(app.see(tx.host(host)));
        }
    }
    last.unwrap()
}

#[test]
fn hosts_that_answer_alike_are_one_service_and_keep_their_accounts_apart() {
    let mut app = Watched::new();
    tracker(&mut app, "acme.app.test", 8);
    for host in ["globex.app.test", "initech.app.test", "tracker.customer.test"] {
        let seen = tracker(&mut app, host, 8);
        assert_eq!(&*seen.service, "acme.app.test", "{host}");
        assert_eq!(&*seen.realm, host);
    }
    let own = tracker(&mut app, "acme.app.test", 1);
    assert_eq!((&*own.service, &*own.realm), ("acme.app.test", "acme.app.test"));
    let names = app.names();
    assert_eq!(names.len(), 5, "each endpoint once: {names:?}");
    assert_eq!(app.inventory.counters().services, 1);
}

#[test]
fn two_applications_under_one_domain_stay_apart() {
    let mut app = Watched::new();
    tracker(&mut app, "tracker.app.test", 30);
    let seen = shop(&mut app, "shop.app.test", 30);
    assert_eq!((&*seen.service, &*seen.realm), ("shop.app.test", "shop.app.test"));
    // Nor are they one that are alike, and have nothing to do with each other.
    let far = "one.other.test";
    for _ in 0..30 {
        let seen = app.see(get("/api/me").answer(r#"{"login":"a","plan":"b"}"#).host(far));
        assert_eq!(&*seen.service, far);
    }
}

#[test]
fn very_many_tenants_are_one_service_and_all_is_remembered() {
    let mut app = Watched::new();
    for n in 0..200 {
        tracker(&mut app, &format!("t{n}.app.test"), 8);
    }
    assert_eq!(app.inventory.counters().services, 1);
    assert_eq!(app.inventory.counters().folded_hosts, 0);
    let saved = app.inventory.save().unwrap();
    let mut again = Watched::new();
    again.inventory.restore(&saved).unwrap();
    let seen = tracker(&mut again, "t150.app.test", 1);
    assert_eq!((&*seen.service, &*seen.realm), ("t0.app.test", "t150.app.test"));
}

#[test]
fn all_hosts_below_a_domain_may_bear_one_name() {
    let names = [("*.app.test".to_owned(), "tracker".to_owned())];
    let mut app = Watched::with(&Config { names: names.into(), ..Config::default() });
    for host in ["acme.app.test", "globex.app.test:8443"] {
        let seen = app.see(get("/").host(host));
        assert_eq!((&*seen.service, &*seen.realm), ("tracker", host));
    }
    assert_eq!(&*app.see(get("/").host("app.test")).service, "app.test");
}
