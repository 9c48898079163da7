use crate::test_support::{Tx, World, get, post};
use crate::{Config, EndpointKind, Inventory, Sighting};
use stilt_model::{CredentialKind, SecretKind, Transaction, Value};

struct Seen {
    world: World,
    inventory: Inventory,
}

impl Seen {
    fn new() -> Self {
        Self { world: World::new(), inventory: Inventory::new(&Config::default()) }
    }

    fn see(&mut self, tx: Tx) -> (Transaction, Sighting) {
        let mut tx = self.world.tx(tx);
        self.inventory.prepare(&mut tx);
        let sighting = self.inventory.observe(&tx);
        (tx, sighting)
    }
}

fn token(n: usize) -> String {
    format!("{:016x}{:016x}", 0x9f3a_51c7_02b4_e6d8_u64.wrapping_mul(n as u64 + 3), n * 7919 + 77)
}

fn signs_in(user: &str, word: &str, token: &str) -> Tx {
    post("/rpc/anmelden")
        .json(&format!(r#"{{"kennung":"{user}","losung":"{word}"}}"#))
        .answer(&format!(r#"{{"sitzung":"{token}","ok":true}}"#))
}

fn turned_down(user: &str, word: &str) -> Tx {
    post("/rpc/anmelden")
        .json(&format!(r#"{{"kennung":"{user}","losung":"{word}"}}"#))
        .status(401)
        .answer(r#"{"fehler":"nein"}"#)
}

/// Four people sign in, work, and one of them comes again.
fn a_morning(seen: &mut Seen) {
    for (n, user) in ["ann", "ben", "cyd", "dan", "cyd"].iter().enumerate() {
        seen.see(signs_in(user, &format!("geheim-{user}"), &token(n)));
        seen.see(get("/konto").bearer(&token(n)).answer(r#"{"saldo":5}"#));
    }
}

#[test]
fn what_is_handed_out_and_comes_back_is_a_token_whatever_it_is_called() {
    let mut seen = Seen::new();
    let (first, _) = seen.see(signs_in("ann", "geheim-ann", &token(0)));
    assert!(first.response.unwrap().issued.is_empty());
    seen.see(get("/konto").bearer(&token(0)).answer(r#"{"saldo":5}"#));
    let (second, _) = seen.see(signs_in("ben", "geheim-ben", &token(1)));
    let (third, _) = seen.see(get("/konto").bearer(&token(1)).answer(r#"{"saldo":5}"#));
    let issued = second.response.unwrap().issued;
    let carried = &third.request.as_ref().unwrap().credentials;
    assert_eq!((issued.len(), issued[0].name.as_str()), (1, "sitzung"));
    assert_eq!(issued[0].mark, carried[0].mark);
}

#[test]
fn what_is_typed_for_it_is_a_user_and_a_password() {
    let mut seen = Seen::new();
    a_morning(&mut seen);
    let (tx, sighting) = seen.see(signs_in("eva", "geheim-eva", &token(9)));
    let login = sighting.login.unwrap();
    assert_eq!((sighting.kind, login.user.as_str()), (EndpointKind::Login, "eva"));
    assert_eq!(login.secret.unwrap().kind, SecretKind::Password);
    // It is not shown any more.
    let leaf = &tx.request.unwrap().leaves[1];
    assert!(matches!(leaf.value, Value::Masked { length: 10, .. }), "{leaf:?}");
    let (_, sighting) = seen.see(turned_down("eva", "geraten"));
    assert_eq!(sighting.login.unwrap().outcome, stilt_model::Outcome::Failure);
}

#[test]
fn what_makes_accounts_or_registers_devices_is_no_sign_in() {
    let check = |form: &dyn Fn(usize) -> String| {
        let mut seen = Seen::new();
        for n in 0..24 {
            let made = post("/beginn").json(&form(n)).answer(&format!(r#"{{"x":"{}"}}"#, token(n)));
            let (_, sighting) = seen.see(made);
            assert!(sighting.login.is_none(), "{n}");
            seen.see(get("/konto").bearer(&token(n)).answer(r#"{"saldo":5}"#));
        }
    };
    check(&|n| format!(r#"{{"spitzname":"anna{n}","motto":"carpe {n} diem"}}"#));
    check(&|n| {
        format!(r#"{{"geraet":"g{n}","modell":"{}"}}"#, ["pixel", "iphone", "nokia"][n % 3])
    });
    // The same device registers again and again.
    check(&|n| {
        let device = n % 8;
        format!(
            r#"{{"geraet":"g{device}","modell":"{}"}}"#,
            ["pixel", "iphone", "nokia"][device % 3]
        )
    });
}

/// Calls of several sorts that bring a value in the body.
fn calls(field: &str, value: &str) -> Vec<Tx> {
    let call = |path: &str| {
        post(path)
            .json(&format!(r#"{{"{field}":"{value}","seite":1}}"#))
            .answer(r#"{"zeilen":3,"summe":7}"#)
    };
    ["/depot", "/kurse", "/auftrag", "/profil", "/verlauf"].map(call).into()
}

#[test]
fn a_body_may_carry_what_says_who_asks() {
    let mut seen = Seen::new();
    for (n, user) in ["ann", "ben", "cyd", "dan"].iter().enumerate() {
        seen.see(signs_in(user, &format!("geheim-{user}"), &token(n)));
        for call in calls("auth", &token(n)) {
            seen.see(call);
        }
    }
    let (tx, _) = seen.see(calls("auth", &token(1)).remove(0));
    let carried = tx.request.unwrap().credentials;
    assert_eq!((carried.len(), carried[0].kind), (1, CredentialKind::Bearer));
    let (tx, _) = seen.see(signs_in("eve", "geheim-eve", &token(8)));
    assert_eq!(tx.response.unwrap().issued[0].name, "sitzung");
}

#[test]
fn a_cart_and_an_order_are_no_credentials() {
    let mut seen = Seen::new();
    for n in 0..12 {
        let made = post("/korb").json(r#"{"land":"DE"}"#);
        seen.see(made.answer(&format!(r#"{{"korb":"{}"}}"#, token(n))));
        // Two sorts of calls know it; and with a credential it is a thing like others.
        for call in calls("korb", &token(n)).into_iter().take(2) {
            let (tx, _) = seen.see(call);
            assert!(tx.request.unwrap().credentials.is_empty());
        }
        for call in calls("korb", &token(n)) {
            let (tx, _) = seen.see(call.bearer("kundin-0815-0815-ab"));
            assert_eq!(tx.request.unwrap().credentials.len(), 1);
        }
    }
}

#[test]
fn a_handle_in_the_path_stands_for_who_was_named() {
    let mut seen = Seen::new();
    let begin = post("/anmeldung/start").json(r#"{"nummer":"+41791234567"}"#);
    seen.see(begin.answer(r#"{"vorgang":"x7k2p9q4"}"#));
    let (_, sighting) = seen.see(
        post("/anmeldung/x7k2p9q4")
            .json(r#"{"pin":"482913"}"#)
            .answer(&format!(r#"{{"access_token":"{}"}}"#, token(1))),
    );
    let login = sighting.login.unwrap();
    assert!(login.user.starts_with("<phone:"), "{login:?}");
    // Who was never named stays nobody.
    let (_, sighting) = seen.see(
        post("/anmeldung/zzz99999")
            .json(r#"{"pin":"482913"}"#)
            .answer(&format!(r#"{{"access_token":"{}"}}"#, token(2))),
    );
    assert!(sighting.login.is_none_or(|login| !login.user.starts_with("<phone:")));
}
