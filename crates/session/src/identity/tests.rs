//! Who sends a request, and whose story it belongs to.

use crate::{Config, IdentityKey, Names, Of, Seen, Sessions};
use stilt_inventory::Inventory;
use stilt_inventory::test_support::{Tx, World, get, jwt, post};
use stilt_model::Key;

struct Town(World, Inventory, Sessions);

impl Town {
    fn new() -> Self {
        let inventory = Inventory::new(&stilt_inventory::Config::default());
        Self(World::new(), inventory, Sessions::new(&Config::default(), &Key::new([7; 32])))
    }

    fn see(&mut self, tx: Tx) -> Seen {
        let mut tx = self.0.tx(tx);
        self.1.prepare(&mut tx);
        let sighting = self.1.observe(&tx);
        self.2.observe(&tx, &sighting)
    }

    fn sign_in(&mut self, user: &str, cookie: &str, answer: &str) -> Seen {
        let body = format!(r#"{{"username":"{user}","password":"correct-horse"}}"#);
        self.see(post("/login").json(&body).set_cookie("sid", cookie).answer(answer))
    }
}

const MALLORY: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_made_up_token_beside_a_session_says_nothing_of_its_bearer() {
    let mut town = Town::new();
    let mallory = town.sign_in("mallory", MALLORY, "{}").principal;
    assert!(mallory.is_some());
    let forged = jwt(r#"{"sub":"bob","user_id":"4209"}"#);
    let seen = town.see(get("/orders").cookie("sid", MALLORY).bearer(&forged));
    assert_eq!(seen.principal, mallory);
    assert_eq!(*seen.aliases, ["mallory"]);
    let bob = town.see(get("/orders").bearer(&jwt(r#"{"sub":"bob","iat":1}"#)));
    assert!(bob.principal.is_some() && bob.principal != mallory);
}

#[test]
fn a_session_is_known_by_how_it_comes_back_whatever_it_is_called() {
    let mut town = Town::new();
    let value = "h7ScWHnvpZNHtZyih0caANQFBzcm";
    let answer = format!(r#"{{"tk":"{value}","access_token":"t0k3n-0123456789abcdef"}}"#);
    let ann = town.sign_in("ann", MALLORY, &answer).principal;
    assert!(ann.is_some());
    let seen = town.see(get(&format!("/records?page=2&tk={value}")));
    assert_eq!((seen.principal, seen.authenticated), (ann, true));
    let other = town.see(get("/records?tk=aaScWHnvpZNHtZyih0caANQFBz11"));
    assert_eq!(other.principal, None);
}

#[test]
fn a_session_in_the_envelope_is_whose_sign_in_it_carried() {
    let mut town = Town::new();
    let envelope = |name: &str, session: &str, body: &str| {
        let header = format!("<h:Ctx><SessionId>{session}</SessionId></h:Ctx>");
        let text = format!(
            r#"<s:Envelope xmlns:s="urn:s" xmlns:h="urn:h"><s:Header>{header}</s:Header><s:Body><h:{name}>{body}</h:{name}></s:Body></s:Envelope>"#
        );
        post("/ws").header("SOAPAction", name).xml_sent(&text)
    };
    let answer = |text: &str| {
        format!(r#"<s:Envelope xmlns:s="urn:s"><s:Body><R>{text}</R></s:Body></s:Envelope>"#)
    };
    let mut last = None;
    for n in 0_u64..6 {
        let session = format!("{:032X}", 0x9f3a_51c7_02b4_e6d8_u128 * u128::from(n + 3) * 7919);
        let opened = answer(&format!("<SessionId>{session}</SessionId>"));
        town.see(envelope("OpenSession", "", "<Version>7</Version>").xml(&opened));
        let wrong = "<UserName>user0</UserName><Password>wrong</Password>";
        let fault =
            "<s:Fault><faultcode>s:Client</faultcode><faultstring>No</faultstring></s:Fault>";
        town.see(envelope("Login", &session, wrong).status(500).xml(&answer(fault)));
        let given = format!("<UserName>user{n}</UserName><Password>p-{n}</Password>");
        town.see(envelope("Login", &session, &given).xml(&answer("<Result>OK</Result>")));
        for call in ["List", "Read", "Change", "Look"] {
            let done = answer("<Row>1</Row><Name>x</Name>");
            last = town.see(envelope(call, &session, "<A>1</A>").xml(&done)).shown.user.clone();
        }
    }
    assert_eq!(last.as_deref(), Some("user5"));
    let other = envelope("List", &"AB12".repeat(8), "<A>1</A>").xml(&answer("<Row>1</Row>"));
    assert_eq!(town.see(other).principal, None);
}

#[test]
fn a_key_from_before_the_capture_is_known_by_an_answer_about_oneself_and_when_it_is_changed() {
    let mut town = Town::new();
    let me = |key: &str, name: &str| {
        get("/v1/me").header("X-Api-Key", key).answer(&format!(r#"{{"username":"{name}"}}"#))
    };
    let (old, new) = ("k3y-0123456789abcdef0123", "k3y-fedcba98765432109999");
    let records = |key: &str| get("/v1/records").header("X-Api-Key", key);
    assert_eq!(town.see(records(old)).principal, None);
    let ann = town.see(me(old, "ann"));
    assert_eq!(ann.principal, None, "it is known from its answer on");
    let ann = town.see(records(old)).principal;
    assert!(ann.is_some());
    let rotate = post("/v1/keys/rotate").header("X-Api-Key", old);
    town.see(rotate.answer(&format!(r#"{{"apiKey":"{new}"}}"#)));
    assert_eq!(town.see(records(new)).principal, ann);
    // What is made for somebody else is not one's own.
    let invite = "inv-0123456789abcdef4711";
    let made = post("/v1/invites").header("X-Api-Key", new);
    town.see(made.answer(&format!(r#"{{"inviteToken":"{invite}"}}"#)));
    assert_eq!(town.see(get("/v1/records").bearer(invite)).principal, None);
}

#[test]
fn a_connection_is_one_persons_story_before_and_after_sign_in() {
    let mut town = Town::new();
    let on = |tx: Tx| tx.from("10.1.1.1:40000");
    let before = town.see(on(get("/")));
    let body = r#"{"username":"ann","password":"correct-horse"}"#;
    let login = on(post("/login").json(body).set_cookie("sid", MALLORY));
    let login = town.see(login);
    assert_eq!(login.session.id, before.session.id, "one story");
    assert_eq!(login.shown.user.as_deref(), Some("ann"));
    let own = town.see(on(get("/orders").cookie("sid", MALLORY)));
    assert_eq!(own.session.id, before.session.id);
    let bare = town.see(on(get("/style.css")));
    assert_eq!((bare.principal, bare.authenticated), (None, false));
    assert_eq!(bare.shown.user.as_deref(), Some("ann"));
    assert_eq!(bare.session.id, before.session.id);
}

#[test]
fn nobody_takes_the_name_of_another() {
    let mut town = Town::new();
    let bob = town.sign_in("bob", "b0b3456789abcdef0123456789abcdef", r#"{"user":{"id":42}}"#);
    town.sign_in("mallory", MALLORY, r#"{"user":{"id":9,"nickname":"bob","userno":"42"}}"#);
    for subject in ["bob", "42"] {
        let token = jwt(&format!(r#"{{"sub":"{subject}"}}"#));
        assert_eq!(town.see(get("/orders").bearer(&token)).principal, bob.principal);
    }
}

#[test]
fn who_makes_an_account_and_gets_a_session_is_known_by_it() {
    let mut town = Town::new();
    let joins = |user: &str, cookie: &str| {
        let body = format!(r#"{{"username":"{user}","email":"{user}@x.test","password":"p1"}}"#);
        post("/register").json(&body).set_cookie("sid", cookie).status(201)
    };
    town.see(joins("eve", MALLORY));
    let eve = town.see(get("/orders").cookie("sid", MALLORY));
    assert!(eve.principal.is_some() && eve.aliases.contains(&"eve".to_owned()));
    let bob = town.sign_in("bob", "b0b3456789abcdef0123456789abcdef", "{}");
    let other = "fedcba9876543210fedcba9876543210";
    town.see(joins("bob", other));
    let seen = town.see(get("/orders").cookie("sid", other));
    assert_ne!(seen.principal, bob.principal, "nobody joins under the name of another");
}

/// A sign-in in two steps: `first` answers the right password, `second` gives the code.
fn in_two_steps(first: impl Fn(Tx) -> Tx, second: impl Fn(Tx) -> Tx, code: &str) -> Option<String> {
    let mut town = Town::new();
    let body = "user=ann&password=correct-horse";
    town.see(first(post("/login").cookie("sid", "99999999aaaaaaaa99999999aaaaaaaa").form(body)));
    town.see(second(post("/login/code").form(code)));
    town.see(get("/orders").cookie("sid", MALLORY)).shown.user.clone()
}

#[test]
fn who_gives_the_code_after_the_password_is_known_with_and_without_a_new_cookie() {
    let new = |tx: Tx| tx.set_cookie("sid", MALLORY);
    let asks = |tx: Tx| tx.status(302).location("/login/code");
    let old = |tx: Tx| tx.cookie("sid", MALLORY);
    let home = |tx: Tx| tx.status(302).location("/home");
    let ann = Some("ann".to_owned());
    assert_eq!(in_two_steps(|tx| asks(new(tx)), |tx| home(old(tx)), "code=123456"), ann);
    let same = |tx: Tx| asks(tx.set_cookie("sid", "88888888bbbbbbbb88888888bbbbbbbb"));
    let later = |tx: Tx| home(new(tx.cookie("sid", "88888888bbbbbbbb88888888bbbbbbbb")));
    assert_eq!(in_two_steps(same, later, "code=123456"), ann);
    let ticket = |tx: Tx| tx.answer(r#"{"mfa_required":true,"ticket":"x7k2p9q4"}"#);
    let given = |tx: Tx| new(tx.answer(r#"{"ok":true}"#));
    assert_eq!(in_two_steps(ticket, given, "ticket=x7k2p9q4&code=123456"), ann);
    assert_ne!(in_two_steps(ticket, given, "ticket=zzzzzz99&code=123456"), ann, "another's");
    // A wrong code, and the form again.
    let wrong = |tx: Tx| tx.status(401);
    assert_eq!(in_two_steps(|tx| asks(new(tx)), |tx| wrong(old(tx)), "code=123456"), None);
    let again = |tx: Tx| tx.html(r#"<form method="post"><input name="code"></form>"#);
    assert_eq!(in_two_steps(|tx| asks(new(tx)), |tx| again(old(tx)), "code=123456"), None);
}

#[test]
fn a_right_is_one_from_before_the_request_and_what_one_writes_to_itself_is_none() {
    let mut town = Town::new();
    let me = |role: &str| format!(r#"{{"username":"ann","role":"{role}"}}"#);
    town.sign_in("ann", MALLORY, &me("customer"));
    let with = |tx: Tx| tx.cookie("sid", MALLORY);
    let patch = |role: &str| {
        let body = format!(r#"{{"role":"{role}"}}"#);
        with(Tx::new("PATCH", "/me")).json(&body).answer(&me(role))
    };
    let roles = |seen: Seen| seen.told_roles.join(" ");
    assert_eq!(roles(town.see(patch("admin"))), "customer");
    assert_eq!(roles(town.see(with(get("/me")).answer(&me("admin")))), "customer");
    // A role that others give is one from the next request on.
    assert_eq!(roles(town.see(with(get("/me")).answer(&me("auditor")))), "auditor");
    // So is one of no more rights, whoever chose it.
    assert_eq!(roles(town.see(patch("buyer"))), "auditor");
    assert_eq!(roles(town.see(with(get("/me")).answer(&me("buyer")))), "buyer");
}

#[test]
fn a_list_of_ones_tenants_tells_tenants_and_roles() {
    let mut town = Town::new();
    town.sign_in("ann", MALLORY, r#"{"username":"ann","is_staff":false}"#);
    let with = |tx: Tx| tx.cookie("sid", MALLORY);
    let orgs = r#"{"orgs":[{"slug":"acme","role":"owner"},{"slug":"globex","role":"viewer"}]}"#;
    let seen = town.see(with(get("/orgs")).answer(orgs));
    assert_eq!(*seen.told_roles, ["owner", "user", "viewer"]);
    assert_eq!(*seen.tenants, ["acme", "globex"]);
}

#[test]
fn a_page_that_answers_each_with_themselves_names_them_whatever_it_is_called() {
    let mut town = Town::new();
    let people = ["ann.b", "bert", "carl-k", "dora", "emil"];
    let key = |name: &str| format!("k3y-of-somebody-{name}-0123456789");
    let ask = |town: &mut Town, path: &str, name: &str| {
        let answer = format!(r#"{{"handle":"{name}","stufe":"mitglied","team":"blau"}}"#);
        let asked = get(path).header("X-Api-Key", &key(name)).answer(&answer);
        town.see(asked);
        town.see(get("/api/v4/repos").header("X-Api-Key", &key(name)).answer("[]"))
    };
    for round in 0..3 {
        for name in people {
            let seen = ask(&mut town, "/api/v4/ich", name);
            let known = seen.shown.user.as_deref();
            assert!(round < 2 || known == Some(name), "{name}: {known:?}");
            assert!(round > 0 || known.is_none(), "nothing is clear yet");
        }
    }
}

#[test]
fn what_a_token_claims_of_one_who_is_known_otherwise_needs_a_precedent() {
    let mut town = Town::new();
    let forged = || jwt(r#"{"sub":"eve","roles":["admin"],"org":"acme","user_id":"4209"}"#);
    let read = |town: &mut Town, token: &str| town.see(get("/news").bearer(token).answer("[]"));
    // Before she signs in, and after it.
    assert_eq!(*read(&mut town, &forged()).roles, ["admin"], "so far nothing else names her");
    let eve = town.sign_in("eve", MALLORY, "{}");
    assert!(eve.principal.is_some());
    let sent = read(&mut town, &forged());
    assert_eq!(sent.principal, eve.principal);
    let seen = town.see(get("/orders").cookie("sid", MALLORY));
    assert_eq!((&*seen.roles, &*seen.aliases), (&vec![], &vec!["eve".to_owned()]));
    assert_eq!(seen.tenant, None);
    // Where others come with such tokens they are the service's.
    for user in ["ann", "bob", "carl"] {
        read(&mut town, &jwt(&format!(r#"{{"sub":"{user}","roles":["customer"]}}"#)));
    }
    assert_eq!(*read(&mut town, &forged()).roles, ["admin"]);
}

#[test]
fn what_made_room_is_handed_over_before_the_next_tick() {
    let mut town = Town::new();
    let few = Config { sessions_max: 10, ..Config::default() };
    town.2 = Sessions::new(&few, &Key::new([7; 32]));
    let (mut closed, mut handed_over, mut waited) = (Vec::new(), 0, 0);
    for caller in 0..1000_u32 {
        let from = std::net::IpAddr::from(0x0A00_0001_u32.wrapping_add(caller).to_be_bytes());
        town.see(get("/records").from(&from.to_string()));
        town.2.made_room(&mut closed);
        waited = waited.max(closed.len());
        handed_over += closed.len();
        closed.clear();
    }
    assert_eq!(town.2.evicted(), 990);
    assert!(waited < 300 && handed_over > 700, "{waited} at once, {handed_over} in all");
}

fn configured(keys: Vec<IdentityKey>) -> Town {
    let mut town = Town::new();
    let config = Config { keys, ..Config::default() };
    config.check().unwrap();
    town.0.keep_headers(config.named_headers());
    town.2 = Sessions::new(&config, &Key::new([7; 32]));
    town
}

fn key(names: Names, at: &str) -> IdentityKey {
    IdentityKey { names, at: at.to_owned(), of: Of::Request, service: None, pattern: None }
}

#[test]
fn who_asks_is_where_the_configuration_says() {
    let badge = IdentityKey {
        pattern: Some("^badge=([a-z]+)$".to_owned()),
        ..key(Names::User, "header:X-Op")
    };
    let mut town = configured(vec![
        badge,
        key(Names::User, "query:op"),
        key(Names::User, "body:/by/0/name"),
        key(Names::Role, "header:X-Rights"),
        key(Names::Tenant, "body:/firm"),
        key(Names::Agent, "header:X-Robot"),
    ]);
    let seen = town.see(
        get("/records?op=eve").header("X-Op", "badge=ann").header("X-Rights", "clerk, auditor"),
    );
    let ann = seen.principal;
    assert_eq!(seen.actor.user.as_deref(), Some("ann"), "the first key that finds one counts");
    assert_eq!(seen.actor.identified_by, "header:X-Op, as configured");
    assert_eq!(*seen.roles, ["auditor", "clerk"]);
    let seen = town.see(get("/records?op=ann").header("X-Op", "no badge"));
    assert_eq!((seen.principal, seen.agent), (ann, None), "a pattern that does not match");
    let body = r#"{"by":[{"name":"bob"}],"firm":"acme"}"#;
    let seen = town.see(post("/records").header("X-Robot", "planner").json(body));
    assert_eq!(seen.actor.user.as_deref(), Some("bob"));
    assert_eq!((seen.tenant.as_deref(), seen.agent.as_deref()), (Some("acme"), Some("planner")));
    // Who is refused is not believed, and what no key finds is learned as ever.
    let seen = town.see(get("/records?op=carol").status(401));
    assert_eq!(seen.principal, None);
    let carol = town.sign_in("carol", MALLORY, "{}").principal;
    assert_eq!(town.see(get("/records").cookie("sid", MALLORY)).principal, carol);
}

#[test]
fn a_user_whom_an_answer_names_holds_the_credential_from_then_on() {
    let named = IdentityKey { of: Of::Response, ..key(Names::User, "header:X-Served-For") };
    let elsewhere =
        IdentityKey { service: Some("other".to_owned()), ..key(Names::User, "query:q") };
    let mut town = configured(vec![elsewhere, named]);
    let other = "fedcba9876543210fedcba9876543210";
    let asked = |cookie: &str| get("/records?q=shoes").cookie("sid", cookie);
    let seen = town.see(asked(MALLORY).answer_header("X-Served-For", "ann"));
    assert_eq!(seen.actor.user.as_deref(), Some("ann"));
    assert_eq!(town.see(asked(MALLORY)).principal, seen.principal);
    assert_eq!(town.see(asked(other)).principal, None);
}

#[test]
fn keys_that_make_no_sense_are_refused_with_the_mend() {
    let wrong = |key: IdentityKey| {
        let config = Config { keys: vec![key], ..Config::default() };
        config.check().unwrap_err()
    };
    let (at, text) = wrong(key(Names::User, "X-User"));
    assert_eq!(at, ["keys", "0", "at"]);
    assert!(text.contains("write header:NAME"), "{text}");
    let (at, _) =
        wrong(IdentityKey { pattern: Some("(".to_owned()), ..key(Names::User, "query:u") });
    assert_eq!(at, ["keys", "0", "pattern"]);
    let (at, _) = wrong(IdentityKey { of: Of::Response, ..key(Names::User, "claim:sub") });
    assert_eq!(at, ["keys", "0", "of"]);
}

#[test]
fn a_cookie_from_before_the_sign_in_hides_no_session() {
    let mut town = Town::new();
    let forms = "aa23456789abcdef0123456789abcdef";
    town.see(get("/login").set_cookie("forms", forms));
    let body = r#"{"username":"ann","password":"correct-horse"}"#;
    let sign_in = post("/login").cookie("forms", forms).json(body).status(302);
    let ann = town.see(sign_in.set_cookie("app", MALLORY).location("/home")).principal;
    assert!(ann.is_some());
    for (first, second) in
        [(("forms", forms), ("app", MALLORY)), (("app", MALLORY), ("forms", forms))]
    {
        let asked = get("/records").cookie(first.0, first.1).cookie(second.0, second.1);
        assert_eq!(town.see(asked).principal, ann, "{first:?} first");
    }
    assert_eq!(town.see(get("/records").cookie("forms", forms)).principal, None);
}

#[test]
fn the_session_behind_a_redirect_with_a_code_is_of_the_one_who_was_sent() {
    let mut town = Town::new();
    let at = |host: &str, tx: Tx| tx.host(host);
    let code = "0c41d9b2-77f0-4a53-9be1-5d2a90c3e8f7";
    let (sso, app) = ("fedcba9876543210fedcba9876543210", MALLORY);
    let back = |code: &str| format!("https://app.test/callback?state=s7x9q2w4e6r8t0y1&code={code}");
    let body = r#"{"username":"ann","password":"correct-horse"}"#;
    let sign_in = post("/authenticate?state=s7x9q2w4e6r8t0y1").json(body).status(302);
    let ann =
        town.see(at("sso.test", sign_in.set_cookie("idp", sso).location(&back(code)))).principal;
    assert!(ann.is_some());
    let called = |code: &str| get(&format!("/callback?state=s7x9q2w4e6r8t0y1&code={code}"));
    // Who brings it from elsewhere was sent a link, or stole it.
    let elsewhere = called(code)
        .from("192.0.2.77")
        .status(302)
        .set_cookie("own", "ee23456789abcdef0123456789abcdef");
    town.see(at("app.test", elsewhere));
    let theirs =
        get("/records").from("192.0.2.77").cookie("own", "ee23456789abcdef0123456789abcdef");
    assert_eq!(town.see(at("app.test", theirs)).principal, None);
    let came = called(code).status(302).set_cookie("sid", app).location("/");
    town.see(at("app.test", came));
    assert_eq!(town.see(at("app.test", get("/records").cookie("sid", app))).principal, ann);
    // Hours later the first place knows its user, and asks for no password.
    let (again, later) =
        ("7be1a0c4-18d3-4f6a-8c29-6f0e5b7d2a91", "dd23456789abcdef0123456789abcdef");
    let asked = get("/authorize?state=s7x9q2w4e6r8t0y1").cookie("idp", sso).status(302);
    assert_eq!(town.see(at("sso.test", asked.location(&back(again)))).principal, ann);
    town.see(at("app.test", called(again).status(302).set_cookie("sid", later).location("/")));
    assert_eq!(town.see(at("app.test", get("/records").cookie("sid", later))).principal, ann);
    // The state was there before, and vouches for nobody.
    let state =
        get("/other?state=s7x9q2w4e6r8t0y1").set_cookie("sid", "cc23456789abcdef0123456789abcdef");
    town.see(at("app.test", state));
    let asked = get("/records").cookie("sid", "cc23456789abcdef0123456789abcdef");
    assert_eq!(town.see(at("app.test", asked)).principal, None);
}

#[test]
fn claims_name_whom_the_configuration_says() {
    let mut town = configured(vec![
        key(Names::User, "claim:login"),
        key(Names::User, "claim:preferred_username"),
        key(Names::Role, "claim:groups"),
        key(Names::Tenant, "claim:branch"),
    ]);
    let token = |claims: &str| get("/records").bearer(&jwt(claims));
    let seen =
        town.see(token(r#"{"sub":"4711","login":"ann","groups":["till"],"branch":"north"}"#));
    assert_eq!(seen.actor.user.as_deref(), Some("ann"));
    assert_eq!((seen.roles.join(" "), seen.tenant.as_deref()), ("till".to_owned(), Some("north")));
    // What stands for the subject is found under its own name as well.
    let seen = town.see(token(r#"{"preferred_username":"bob"}"#));
    assert_eq!(seen.actor.user.as_deref(), Some("bob"));
    assert_eq!(seen.actor.identified_by, "claim:preferred_username, as configured");
    let seen = town.see(token(r#"{"sub":"4712"}"#));
    assert_eq!(seen.actor.identified_by, "JWT subject");
}

#[test]
fn who_is_sent_on_within_a_place_signs_in_no_second_time() {
    let mut town = Town::new();
    let ann = town.sign_in("ann", MALLORY, "{}").principal;
    let next = "bb23456789abcdef0123456789abcdef";
    let step = post("/checkout").cookie("sid", MALLORY).status(302);
    let step = step.location("/done?receipt=7be1a0c418d34f6a8c29").set_cookie("sid", next);
    assert_eq!(town.see(step).principal, ann);
    let done = get("/done?receipt=7be1a0c418d34f6a8c29").cookie("sid", next);
    let seen = town.see(done.set_cookie("sid", "cc23456789abcdef0123456789abcdef"));
    assert_eq!((seen.principal, seen.actor.user.as_deref()), (ann, Some("ann")));
}
