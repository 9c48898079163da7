use super::*;

const S: Option<Outcome> = Some(Outcome::Success);
const F: Option<Outcome> = Some(Outcome::Failure);
const U: Option<Outcome> = Some(Outcome::Unknown);

fn credentials(user: &str, password: &str) -> String {
    format!(r#"{{"username":"{user}","password":"{password}"}}"#)
}

fn sign_in(path: &str, user: &str, password: &str) -> Tx {
    post(path).json(&credentials(user, password))
}

#[test]
fn a_step_below_the_login_page_turns_nobody_down() {
    let mut app = Watched::new();
    let form =
        |user: &str| post("/connexion").form(&format!("identifiant={user}&motdepasse=p-{user}"));
    let pending = |user: &str| {
        form(user).cookie("sid", "before-12345").location("/connexion/code").set_cookie("sid", user)
    };
    for user in ["staff-abcdefgh1", "staff-abcdefgh2"] {
        assert_eq!(app.login(pending(user)), U);
    }
    let inside = |user: &str| {
        form(user).cookie("sid", "before-12345").location("/accueil").set_cookie("sid", user)
    };
    assert_eq!(app.login(inside("client-abcdefg1")), S);
    assert_eq!(app.login(form("client-abcdefg1").location("/connexion?erreur=1")), F);
    assert_eq!(app.login(form("client-abcdefg1").location("/connexion/echec")), F);
    assert_eq!(app.login(inside("client-abcdefg2")), S);
}

#[test]
fn failures_under_status_200_are_failures() {
    let mut app = Watched::new();
    let path = "/users/v1/login";
    let token = jwt(r#"{"sub":"ann"}"#);
    let good = format!(
        r#"{{"auth_token":"{token}","message":"Successfully logged in.","status":"success"}}"#
    );
    let sighting = app.see(sign_in(path, "ann", "p1").answer(&good));
    let login = sighting.login.unwrap();
    assert_eq!((sighting.kind, login.outcome), (EndpointKind::Login, Outcome::Success));
    assert_eq!(
        (login.user.as_str(), login.secret),
        ("ann", Some(app.world.mark(SecretKind::Password, "p1")))
    );
    let wrong = r#"{"status":"fail","message":"Password is not correct for the given username."}"#;
    let sighting = app.see(sign_in(path, "ann", "p2").answer(wrong));
    assert_eq!(sighting.login.unwrap().outcome, Outcome::Failure);
    assert_eq!(sighting.outcome, Outcome::Failure);
    assert_eq!(
        app.login(
            sign_in(path, "x", "p2")
                .answer(r#"{"status":"fail","message":"Username does not exist"}"#)
        ),
        F
    );
    assert_eq!(app.login(sign_in(path, "x", "p2").status(429)), U);
    assert_eq!(app.login(sign_in(path, "x", "p2").status(502)), U);
    assert_eq!(app.login(sign_in(path, "x", "p2").unanswered()), U);
}

#[test]
fn making_an_account_is_no_sign_in_even_with_a_token() {
    let mut app = Watched::new();
    let check = |app: &mut Watched, tx: Tx| {
        let sighting = app.see(tx);
        assert_eq!(
            (sighting.kind, sighting.login),
            (EndpointKind::Signup, None),
            "{}",
            sighting.name
        );
    };
    let body = r#"{"username":"ann","password":"p1","email":"ann@x.example"}"#;
    check(
        &mut app,
        post("/users/v1/register").json(body).answer(r#"{"status":"success","message":"ok"}"#),
    );
    check(
        &mut app,
        post("/auth/sign-up")
            .json(&credentials("a", "p"))
            .status(201)
            .answer(r#"{"token":"abcdefgh1"}"#),
    );
    check(
        &mut app,
        post("/api/users").json(&credentials("a", "p")).status(201).answer(r#"{"id":1}"#),
    );
    check(&mut app, post("/enter").json(body).status(201).answer(r#"{"token":"abcdefgh1"}"#));
    check(
        &mut app,
        post("/auth").form("username=a&password=p1&password_confirmation=p1").location("/"),
    );
}

#[test]
fn accounts_made_at_a_path_without_a_name_are_told_by_their_answers() {
    let mut app = Watched::new();
    for n in 0..8 {
        app.see(
            sign_in("/enter", &format!("u{n}"), "p").status(201).answer(r#"{"token":"abcdefgh1"}"#),
        );
    }
    let sighting =
        app.see(sign_in("/enter", "u9", "p").status(201).answer(r#"{"token":"abcdefgh1"}"#));
    assert_eq!((sighting.kind, sighting.login), (EndpointKind::Signup, None));
}

#[test]
fn a_password_change_is_no_sign_in() {
    let mut app = Watched::new();
    let token = jwt(r#"{"sub":"ann"}"#);
    for tx in [
        put("/users/v1/ann/password").json(r#"{"password":"new"}"#).bearer(&token).status(204),
        post("/account")
            .json(r#"{"username":"ann","old_password":"a1","new_password":"b1"}"#)
            .bearer(&token),
        post("/password/reset").json(r#"{"email":"a@b.example","password":"b1"}"#),
        post("/connections").json(r#"{"user":"db","password":"b1"}"#).bearer(&token).status(201),
    ] {
        let sighting = app.see(tx);
        assert_eq!(
            (sighting.kind, sighting.login),
            (EndpointKind::Other, None),
            "{}",
            sighting.name
        );
    }
}

#[test]
fn a_form_that_redirects_tells_by_where_it_leads() {
    let mut app = Watched::new();
    let form = |user: &str, password: &str| {
        post("/login").form(&format!("email={user}&password={password}&csrf=x"))
    };
    app.see(get("/login").html("<form>"));
    assert_eq!(
        app.login(form("ann", "p1").location("/account").set_cookie("sid", "abcdefghij1")),
        S
    );
    assert_eq!(app.login(form("ann", "p2").html("<form>Wrong")), F);
    assert_eq!(app.login(form("ann", "p3").location("/login?error=1")), F);
    assert_eq!(app.login(form("ann", "p4").status(401).html("<form>")), F);
    let out = app.see(get("/bye").cookie("sid", "abcdefghij1").location("/").set_cookie("sid", ""));
    assert_eq!(out.kind, EndpointKind::Logout);
    assert_eq!(app.see(get("/logout")).kind, EndpointKind::Logout);
}

#[test]
fn a_session_from_before_is_let_in_where_all_go_who_are_let_in() {
    let check = |refuses: fn(Tx) -> Tx, expected: Option<Outcome>| {
        let mut app = Watched::new();
        let form = |user: &str, session: &str| {
            let tx = post("/login").form(&format!("login={user}&password=p-{user}"));
            tx.cookie("sid", session)
        };
        for user in ["ann", "bob", "eve"] {
            let inside = form(user, "before-12345678").location("/home");
            assert_eq!(app.login(inside.set_cookie("sid", &format!("later-{user}-1234"))), S);
            assert_eq!(app.login(refuses(form(user, "before-12345678"))), F);
        }
        let planted = form("joe", "planted-12345678").location("/home");
        assert_eq!(app.login(planted), expected);
    };
    check(|tx| tx.html("<form>Wrong"), S);
    check(|tx| tx.status(401), S);
    // Here those who are turned down go there as well.
    check(|tx| tx.location("/home"), F);
}

#[test]
fn a_cookie_on_every_answer_tells_nothing() {
    let mut app = Watched::new();
    let form = |n: u8| {
        post("/login.php").form(&format!("user=ann&pass=p{n}")).cookie("PHPSESSID", "abcdefghij1")
    };
    app.see(get("/index.php").html("<p>").set_cookie("PHPSESSID", "abcdefghij1"));
    for n in 0..6 {
        let failed = form(n).html("<form>Wrong").set_cookie("PHPSESSID", "abcdefghij1");
        assert_eq!(app.login(failed), F, "{n}");
    }
    assert_eq!(app.login(form(9).location("/home.php").set_cookie("PHPSESSID", "abcdefghij1")), S);
    // A client that never asked for a page gets its first cookie with the refusal.
    let first = post("/login.php")
        .form("user=bob&pass=x1")
        .html("<form>Wrong")
        .set_cookie("PHPSESSID", "zzzzzzzzzz1");
    assert_eq!(app.login(first), F);
}

#[test]
fn a_new_cookie_on_each_refusal_is_never_a_success() {
    let mut app = Watched::new();
    for n in 0..20 {
        let failed = post("/login")
            .form(&format!("user=ann&pass=p{n}"))
            .location("/")
            .cookie("session", &format!("abcdefghij{n}"))
            .set_cookie("session", &format!("bcdefghijk{n}"));
        app.see(
            get("/")
                .html("x")
                .cookie("session", "a1b2c3d4e5")
                .set_cookie("session", &format!("cdefghijkl{n}")),
        );
        let outcome = app.login(failed);
        assert!(n < 2 || outcome == F, "{n}: {outcome:?}");
    }
}

#[test]
fn json_with_a_session_cookie_signs_in() {
    let mut app = Watched::new();
    assert_eq!(
        app.login(sign_in("/api/session", "ann", "p1").status(401).answer(r#"{"error":"no"}"#)),
        F
    );
    assert_eq!(
        app.login(
            sign_in("/api/session", "ann", "p2")
                .answer(r#"{"user":{"id":1}}"#)
                .set_cookie("sid", "abcdefghij1")
        ),
        S
    );
    assert_eq!(
        app.see(delete("/api/session").cookie("sid", "abcdefghij1").status(204)).kind,
        EndpointKind::Logout
    );
}

#[test]
fn a_path_without_a_name_signs_in_where_it_hands_out_a_token() {
    let mut app = Watched::new();
    assert_eq!(app.login(sign_in("/enter", "ann", "p0").status(401)), F);
    assert_eq!(app.login(sign_in("/enter", "ann", "p1").answer(r#"{"token":"abcdefgh1"}"#)), S);
    assert_eq!(app.login(sign_in("/smtp", "relay", "p1").answer(r#"{"saved":true}"#)), None);
}

#[test]
fn a_stale_token_in_the_request_changes_nothing() {
    let mut app = Watched::new();
    let stale = jwt(r#"{"sub":"ann"}"#);
    assert_eq!(app.login(sign_in("/auth/login", "ann", "p0").bearer(&stale).status(401)), F);
}

#[test]
fn grants_tell_what_a_token_endpoint_is_asked_for() {
    let mut app = Watched::new();
    let token = r#"{"access_token":"abcdefgh12","refresh_token":"zbcdefgh12"}"#;
    let form = |body: &str| post("/oauth/token").form(body).basic("app", "s3cret").answer(token);
    assert_eq!(app.login(form("grant_type=password&username=ann&password=p1")), S);
    let refresh = app.see(form("grant_type=refresh_token&refresh_token=zbcdefgh12"));
    assert_eq!((refresh.kind, refresh.login), (EndpointKind::Refresh, None));
    assert_eq!(app.login(form("grant_type=client_credentials")), S, "a program for itself");
    assert_eq!(
        app.see(post("/auth/refresh").json(r#"{"refreshToken":"zbcdefgh12"}"#)).kind,
        EndpointKind::Refresh
    );
}

#[test]
fn basic_is_tried_where_refused_or_first_accepted() {
    let mut app = Watched::new();
    let get = |password: &str| get("/repo").basic("ann", password);
    assert_eq!(app.login(get("bad").status(401)), F);
    assert_eq!(app.login(get("good")), S);
    assert_eq!(app.login(get("good")), None);
    assert_eq!(app.login(get("good").status(403)), None);
    let mut open = Watched::new();
    assert_eq!(open.login(get("any")), None);
}

#[test]
fn a_second_step_is_neither_success_nor_failure() {
    let mut app = Watched::new();
    assert_eq!(
        app.login(
            sign_in("/login", "ann", "p1")
                .answer(r#"{"mfa_required":true,"mfa_token":"abcdefgh1"}"#)
        ),
        U
    );
    assert_eq!(app.login(post("/login").form("user=a&pass=p1").location("/login-2fa")), U);
}

#[test]
fn scans_for_login_pages_are_no_attempts() {
    let mut app = Watched::new();
    assert_eq!(app.login(post("/wp-login.php").form("log=admin&pwd=admin").status(404)), None);
}

#[test]
fn a_bank_behind_a_proxy_works_by_codes_and_accounts() {
    let mut app = Watched::new();
    let pin = |pin: &str| {
        post("/api/v1/auth/login")
            .json(&format!(r#"{{"customer_id":88123,"pin":"{pin}"}}"#))
            .forwarded("203.0.113.9")
    };
    let sighting = app
        .see(pin("4711").answer(&format!(r#"{{"accessToken":"{}"}}"#, jwt(r#"{"sub":"88123"}"#))));
    let login = sighting.login.unwrap();
    assert_eq!((login.user.as_str(), login.outcome), ("88123", Outcome::Success));
    assert!(login.secret.is_some());
    assert_eq!(app.login(pin("0000").status(403).answer(r#"{"title":"Forbidden"}"#)), F);
    let pay = post("/api/v1/payments")
        .json(r#"{"account":17,"pin":"4711","amount":5}"#)
        .bearer(&jwt(r#"{"sub":"88123"}"#));
    assert_eq!(app.login(pay.status(403)), None);
}

#[test]
fn the_cookie_of_a_new_account_still_tells_at_sign_in() {
    let mut app = Watched::new();
    let body = "username=ann&email=ann%40x.example&password=p1&password2=p1";
    app.see(post("/register").form(body).location("/").set_cookie("sid", "abcdefghij1"));
    let form = |password: &str| post("/login").form(&format!("username=ann&password={password}"));
    assert_eq!(app.login(form("p1").location("/").set_cookie("sid", "bbcdefghij1")), S);
    assert_eq!(app.login(form("p2").location("/")), F);
}

#[test]
fn a_client_that_describes_itself_still_signs_in() {
    let mut app = Watched::new();
    let body = r#"{"email":"a@x.example","password":"p1","device":{"model":"m","os":"o","id":"d"},"app_version":"1"}"#;
    assert_eq!(app.login(post("/v2/auth/login").json(body).status(401)), F);
}

#[test]
fn a_service_asks_for_its_users_and_hands_out_no_token() {
    let mut app = Watched::new();
    let ask = |user: &str, secret: &str| {
        sign_in("/identity/verify", user, secret).bearer("service-credential-1")
    };
    let fine = r#"{"userId":7,"displayName":"Ann"}"#;
    assert_eq!(app.login(ask("ann", "p1").answer(fine)), None, "may be one who is signed in");
    app.see(ask("bob", "p1").answer(fine));
    assert_eq!(app.login(ask("eve", "p2").status(401)), F);
    assert_eq!(app.login(ask("ann", "p1").answer(fine)), S);
}

#[test]
fn one_who_is_signed_in_and_gives_a_password_does_not_sign_in() {
    let mut app = Watched::new();
    for (name, status) in [("db1", 201), ("db2", 422), ("db3", 201), ("db4", 422), ("db5", 201)] {
        let body = format!(r#"{{"user":"{name}","password":"b1"}}"#);
        let tx = post("/connections").json(&body).bearer("own-credential-22").status(status);
        assert_eq!(app.login(tx), None, "{name}");
    }
}

#[test]
fn answers_that_users_put_right_turn_down_whatever_their_language() {
    let mut app = Watched::new();
    let wrong = r#"{"estado":"KO","texto":"Datos incorrectos"}"#;
    let right = r#"{"estado":"OK","usuario":"x","saldo":3}"#;
    for user in ["a", "b", "c", "d"] {
        app.see(sign_in("/acceso", user, "p0").answer(wrong));
        app.see(sign_in("/acceso", user, "p1").answer(right));
    }
    assert_eq!(app.login(sign_in("/acceso", "e", "p1").answer(wrong)), F);
    assert_eq!(app.login(sign_in("/acceso", "a", "p1").answer(right)), S);
}

#[test]
fn whoever_tries_other_peoples_accounts_takes_nobodys_sign_in_away() {
    let mut app = Watched::new();
    let wrong = r#"{"errors":[{"message":"Invalid"}],"data":null}"#;
    let right = |user: &str| format!(r#"{{"data":{{"viewer":{{"id":"{user}"}}}}}}"#);
    let inside = |user: &str| {
        let tx = sign_in("/enter", user, user).answer(&right(user));
        tx.set_cookie("sid", &format!("session-of-{user}-1234")).from("10.1.0.5")
    };
    for n in 0..12 {
        let user = format!("u{n}");
        assert_eq!(app.login(inside(&user)), S);
        // Sprayed from elsewhere, and from the same address (a proxy's).
        for from in ["203.0.113.9", "10.1.0.5"] {
            let sprayed = sign_in("/enter", &user, "Spring1!").answer(wrong).from(from);
            assert_eq!(app.login(sprayed), F);
        }
    }
    assert_eq!(app.login(inside("late")), S);
}

#[test]
fn one_who_changes_the_own_password_takes_nobodys_sign_in_away() {
    let mut app = Watched::new();
    let right = r#"{"estado":"OK","saldo":3}"#;
    let enter = |user: &str, secret: &str, at: f64| {
        sign_in("/acceso", user, secret)
            .answer(right)
            .set_cookie("sid", "s-0123456789abcdef")
            .at(at)
    };
    for (round, at) in [0.0, 4000.0, 8000.0].into_iter().enumerate() {
        for n in 0..10 {
            app.see(enter(&format!("u{n}"), "p", at + f64::from(n)));
        }
        app.see(enter("eve", &format!("new{round}"), at + 60.0));
    }
    assert_eq!(app.login(enter("u1", "p", 9000.0)), S);
    // Nobody comes back to an answer that turns down with what was wrong before.
    let wrong = r#"{"estado":"KO","texto":"Datos"}"#;
    for n in 0..3 {
        let guess = sign_in("/acceso", "u1", &format!("x{n}")).answer(wrong).at(9100.0);
        app.see(guess.set_cookie("sid", &format!("anonymous-0123456{n}")));
    }
    let guess = sign_in("/acceso", "u1", "x9").answer(wrong).at(9200.0);
    assert_eq!(app.login(guess.set_cookie("sid", "anonymous-01234567")), F);
}

#[test]
fn the_field_that_varies_with_those_who_sign_in_names_them() {
    let mut app = Watched::new();
    let mut users = Vec::new();
    for n in 0..6 {
        let kind = ["PF", "PJ"][n % 2];
        let body =
            format!(r#"{{"tipo":"{kind}","registro":"M{n}77","canal":"web","senha":"p{n}"}}"#);
        let tx = post("/login").json(&body).answer(r#"{"token":"abcdefgh12345678"}"#);
        users.push(app.see(tx).login.map(|login| login.user));
    }
    assert_eq!(users.last().unwrap().as_deref(), Some("M577"));
    assert!(users.iter().flatten().all(|user| user.starts_with('M')), "{users:?}");
}

#[test]
fn a_known_basic_pair_from_elsewhere_is_a_sign_in_of_its_own() {
    let mut app = Watched::new();
    let ask = |from: &str| get("/whoami").basic("ann", "p1").from(from);
    assert_eq!(app.login(get("/whoami").basic("ann", "p0").status(401)), F);
    assert_eq!(app.login(ask("10.1.0.5")), S);
    assert_eq!(app.login(ask("10.1.0.5")), None);
    assert_eq!(app.login(ask("203.0.113.9")), S);
}

#[test]
fn a_soap_call_with_a_user_name_token_is_no_form_for_signing_in() {
    let mut app = Watched::new();
    let call = |password: &str| {
        let body = format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header><w:Security \
             xmlns:w='urn:w'><w:UsernameToken><w:Username>ann</w:Username><w:Password>{password}\
             </w:Password></w:UsernameToken></w:Security></e:Header><e:Body><GetRates>\
             <currency>USD</currency></GetRates></e:Body></e:Envelope>"
        );
        post("/ws").asks_xml(&body)
    };
    let fault = |text: &str| {
        format!(
            "<e:Envelope><e:Body><e:Fault><faultcode>{text}</faultcode></e:Fault></e:Body></e:Envelope>"
        )
    };
    let rates = "<e:Envelope><e:Body><r><n>1.2</n></r></e:Body></e:Envelope>";
    let wrong = fault("wsse:FailedAuthentication");
    assert_eq!(app.login(call("first-try").status(500).xml(&wrong)), F);
    let right = app.see(call("s3cretpw").xml(rates));
    assert_eq!(
        right.login.map(|login| (login.user, login.outcome)),
        Some(("ann".into(), Outcome::Success))
    );
    assert_eq!(right.kind, EndpointKind::Other);
    // What follows with the same token is no sign-in, whatever comes of it.
    for _ in 0..5 {
        assert!(app.see(call("s3cretpw").xml(rates)).login.is_none());
    }
    let missing = fault("e:Client.NotFound");
    assert!(app.see(call("s3cretpw").status(500).xml(&missing)).login.is_none());
}

#[test]
fn a_function_whose_name_has_a_dot_signs_in_from_the_first_time_on() {
    let mut app = Watched::new();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"user.login","params":{"email":"ann@b.example","password":"s3cretpw"}}"#;
    let token = jwt(r#"{"sub":"ann"}"#);
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"token":"{token}"}}}}"#);
    assert_eq!(app.see(post("/rpc").json(call).answer(&answer)).kind, EndpointKind::Login);
    let joins = call.replace("user.login", "user.signup");
    assert_eq!(app.see(post("/rpc").json(&joins).answer(&answer)).kind, EndpointKind::Signup);
}
