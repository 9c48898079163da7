//! Whole exchanges through the reader.

use crate::headers::tests::head;
use crate::{Config, Reader};
use proptest::prelude::*;
use stilt_model::{
    Body, CredentialKind, Exchange, Flow, FlowId, Key, Leaf, Mark, Message, SecretKind, Timestamp,
    Transaction, Value,
};
use stilt_protocol::events;

pub(crate) fn message(
    start: (&str, &str),
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Message {
    let mark = |packet| Mark { time: Timestamp::from_secs(1_700_000_000), packet };
    let bytes = body.len() as u64;
    let head = head(start, status, headers);
    let events = events::Kind::of(&head).map(|kind| Box::new(events::read(kind, body, b"", true)));
    Message {
        head,
        body: Body {
            kept: body.to_vec(),
            events,
            bytes,
            encoded_bytes: bytes,
            complete: true,
            ..Body::default()
        },
        start: mark(3),
        end: mark(4),
        offset: 0,
        anomalies: Vec::new(),
        trailers: Vec::new(),
    }
}

pub(crate) fn exchange(request: Option<Message>, response: Option<Message>) -> Exchange {
    let flow = Flow {
        client: "10.0.0.1:40000".parse().unwrap(),
        server: "10.0.0.2:80".parse().unwrap(),
        vlan: Vec::new(),
        tunnel: None,
    };
    let completed = Mark { time: Timestamp::from_secs(1_700_000_001), packet: 9 };
    Exchange {
        flow,
        proxied: None,
        flow_id: FlowId(7),
        ordinal: 0,
        request,
        response,
        flags: stilt_model::Flags::default(),
        completed,
        stage: stilt_model::Stage::Over,
    }
}

fn read(request: Message, response: Message) -> Transaction {
    Reader::new(Key::new([5; 32]), &Config::default()).read(exchange(Some(request), Some(response)))
}

fn answer(headers: &[(&str, &str)], body: &str) -> Message {
    message(("", ""), 200, headers, body.as_bytes())
}

fn leaf<'a>(leaves: &'a [Leaf], path: &str) -> &'a Value {
    let found = leaves.iter().find(|leaf| leaf.path == path);
    &found.unwrap_or_else(|| panic!("no {path} in {leaves:?}")).value
}

#[test]
fn tools_beyond_the_cap_are_told_as_not_analysed() {
    for (tools, cut) in [(1000, false), (1100, true)] {
        let list: Vec<String> = (0..tools)
            .map(|n| format!(r#"{{"type":"function","function":{{"name":"t{n}"}}}}"#))
            .collect();
        let body = format!(
            r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"hi"}}],"tools":[{}]}}"#,
            list.join(",")
        );
        let asked = message(("POST", "/v1/chat/completions"), 0, &[JSON], body.as_bytes());
        let read = read(asked, answer(&[JSON], r#"{"choices":[]}"#));
        assert!(read.talk.is_some());
        assert_eq!(read.flags.body_cut, cut, "{tools}");
    }
}

#[test]
fn whom_a_proxy_names_as_it_connects_stands_behind_whom_headers_name() {
    let asked = message(("GET", "/"), 0, &[("X-Forwarded-For", "198.51.100.1")], b"");
    let proxied = "203.0.113.7".parse().ok();
    let told = Exchange { proxied, ..exchange(Some(asked), None) };
    let read = Reader::new(Key::new([5; 32]), &Config::default()).read(told);
    let forwarded = read.request.unwrap().forwarded;
    assert_eq!(
        forwarded.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["198.51.100.1", "203.0.113.7"]
    );
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_token_has_one_mark_wherever_it_appears() {
    for token in [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        "8f14e45fceea167a5a36dedd4bea2543",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    ] {
        let bearer = format!("Bearer {token}");
        let cookie = format!("a=1; sid={token}");
        let target = format!("/x?access_token={token}");
        let headers = [("Authorization", &*bearer), ("Cookie", &*cookie), ("X-Api-Key", token)];
        let set = format!("sid={token}; Path=/");
        let body = format!(r#"{{"session":{{"accessToken":"{token}"}}}}"#);
        let seen = read(
            message(("GET", &target), 0, &headers, b""),
            answer(&[JSON, ("Set-Cookie", &set)], &body),
        );
        let request = seen.request.unwrap();
        let issued = seen.response.unwrap().issued;
        let carried: Vec<_> = request.credentials.iter().filter(|c| c.name != "a").collect();
        assert_eq!((carried.len(), issued.len()), (4, 2), "{token} {carried:?} {issued:?}");
        assert!(carried.iter().all(|c| c.mark == issued[0].mark), "{carried:?}");
        assert!(issued.iter().all(|i| i.mark == issued[0].mark), "{issued:?}");
    }
}

#[test]
fn a_login_shows_its_user_and_marks_its_password() {
    let headers = [("Authorization", "Basic YWxpY2U6aHVudGVyMg=="), JSON];
    let body = br#"{"username":"alice","password":"hunter2"}"#;
    let request =
        read(message(("POST", "/login"), 0, &headers, body), answer(&[], "")).request.unwrap();
    let basic = &request.credentials[0];
    assert_eq!((basic.kind, basic.user.as_deref()), (CredentialKind::Basic, Some("alice")));
    assert_eq!(leaf(&request.leaves, "username"), &Value::Text("alice".into()));
    let Value::Masked { mark, length } = *leaf(&request.leaves, "password") else { panic!() };
    assert_eq!((Some(mark), length), (basic.password, 7));
    assert_eq!(mark.kind, SecretKind::Password);
}

#[test]
fn bodies_of_every_syntax_become_leaves() {
    let check = |content_type: &str, body: &str, path: &str, expected: Value| {
        let request =
            message(("POST", "/a"), 0, &[("Content-Type", content_type)], body.as_bytes());
        let request = read(request, answer(&[], "")).request.unwrap();
        assert_eq!(leaf(&request.leaves, path), &expected, "{body}");
    };
    let text = |text: &str| Value::Text(text.into());
    check("application/x-www-form-urlencoded", "a=1&b%5Bc%5D=x+y", "b.c", text("x y"));
    check("application/x-www-form-urlencoded", "a=17", "a", Value::Integer(17));
    check("application/x-www-form-urlencoded", "a=007", "a", text("007"));
    let multi = "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nhello\r\n--B--\r\n";
    check("multipart/form-data; boundary=B", multi, "q", text("hello"));
    check("application/json", r#"{"a":[{"b":1.5}]}"#, "a[].b", Value::Number(1.5));
    check(
        "text/xml",
        "<?xml version='1.0'?><s:E xmlns:s='x'><s:B n='7'>a &amp; b</s:B></s:E>",
        "E.B",
        text("a & b"),
    );
    check("application/soap+xml", "<e><b n='7'/></e>", "e.b.@n", Value::Integer(7));
    let list = "<e><l><b><n>7</n></b><c/><b><n>8</n></b></l></e>";
    check("text/xml", list, "e.l.b[].n", Value::Integer(7));
    check("application/protobuf", "\x08\x11\x12\x05hello", "f2", text("hello"));
    check("application/protobuf", "\x0a\x02\x08\x11", "f1.f1", Value::Integer(17));
    check("application/grpc", "\0\0\0\0\x02\x08\x11", "f1", Value::Integer(17));
    check("application/json", r#"{"raw":"{\"a\":{\"b\":7}}"}"#, "raw.a.b", Value::Integer(7));
    check("application/json", r#"{"raw":"eyJhIjp7ImIiOjd9fQ=="}"#, "raw.a.b", Value::Integer(7));
    check("application/x-ndjson", "{\"a\":1}\n{\"b\":2}\n", "b", Value::Integer(2));
    check("application/x-www-form-urlencoded", "a=x%252Fy", "a", text("x/y"));
    let file = "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\
                Content-Type: image/png\r\n\r\n12345\r\n--B--\r\n";
    check("multipart/form-data; boundary=B", file, "f.filename", text("a.png"));
    check("multipart/form-data; boundary=B", file, "f.type", text("image/png"));
    check("multipart/form-data; boundary=B", file, "f.length", Value::Integer(5));
    check("text/plain", r#"{"a":"\u00e9\ud83d\ude00\n"}"#, "a", text("é😀\n"));
    check("application/json", r#"{"a":true,"n":null}"#, "n", Value::Null);
}

#[test]
fn records_of_the_outermost_array_are_counted() {
    let body = r#"{"items":[{"id":1,"tags":["a","b"]},{"id":2,"tags":[]}],"n":3}"#;
    let response =
        read(message(("GET", "/"), 0, &[], b""), answer(&[JSON], body)).response.unwrap();
    let seen: Vec<_> = response.leaves.iter().map(|l| (l.path.as_str(), l.record)).collect();
    let expected = [
        ("items[].id", 0),
        ("items[].tags[]", 0),
        ("items[].tags[]", 0),
        ("items[].id", 1),
        ("n", 0),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn cut_bodies_give_what_was_whole_and_say_so() {
    let check = |content_type: &str, body: &str, count: usize| {
        let mut cut =
            message(("POST", "/a"), 0, &[("Content-Type", content_type)], body.as_bytes());
        cut.body.bytes += 100;
        let seen = read(cut, answer(&[], ""));
        let request = seen.request.unwrap();
        assert_eq!(request.leaves.len(), count, "{body}: {:?}", request.leaves);
        assert!(request.leaves_cut && seen.flags.body_cut);
    };
    check("application/json", r#"{"a":1,"email":"alice@exam"#, 1);
    check("application/json", r#"{"a":1,"b":12"#, 1);
    check("application/x-www-form-urlencoded", "a=1&password=hun", 1);
    check("application/json", &"[".repeat(100_000), 0);
}

#[test]
fn leaves_stop_at_their_caps() {
    let body = format!("[{}1]", "1,".repeat(5000));
    let response =
        read(message(("GET", "/"), 0, &[], b""), answer(&[JSON], &body)).response.unwrap();
    assert_eq!((response.leaves.len(), response.leaves_cut), (2048, true));
}

#[test]
fn ids_and_names_of_things_stay_in_clear() {
    let body = r#"{"id":4111111111111111,"order_id":"1700000000000","uuid":"3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "sku":"4006381333931","passengers":"3 adults","token_type":"bearer","expires_in":3600,"total_tokens":1500,
        "code":"OUT_OF_STOCK","slug":"red-shoes-2024","created":1700000000,"session_id":17,"state":"shipped",
        "country_code":"DE","key":"color","user":"bob","at":"2024-01-15T10:20:30Z"}"#;
    let response =
        read(message(("GET", "/auth/x"), 0, &[], b""), answer(&[JSON], body)).response.unwrap();
    let masked: Vec<_> =
        response.leaves.iter().filter(|l| matches!(l.value, Value::Masked { .. })).collect();
    assert!(masked.is_empty() && response.issued.is_empty(), "{masked:?}");
    assert!(!format!("{:?}", response.leaves).contains('<'));
}

/// Secrets told by their form alone, with the kind they are of.
const SHAPED: &[&str] = &[
    "alice.planted@example.com",
    "bob_planted@mail.example.org",
    "4111111111111111",
    "5555-5555-5555-4444",
    "378282246310005",
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "123-45-6789",
    "529.982.247-25",
    "RSSMRA85T10A562S",
    "+4915112345678",
    "+14155552671",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIiwibWFpbCI6InEifQ.c2lnbmF0dXJlMQ",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "xoxb-123456789012-abcdefABCDEF",
    "glpat-abcDEF123456ghiJKL78",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
    "postgres://app:s3cretPlanted@db.internal:5432/shop",
    "-----BEGIN PRIVATE KEY-----MIIBplantedplanted-----END PRIVATE KEY-----",
];

/// Secrets told by the name of their field.
const NAMED: &[(&str, &str)] = &[
    ("password", "Tr0ub4dor-planted"),
    ("user_pass", "plantedPass"),
    ("mot_de_passe", "motplanted"),
    ("token", "planted-opaque-token"),
    ("apiKey", "plantedkey99"),
    ("otp", "918273"),
    ("client_secret", "planted-secret-x"),
    ("cvv", "739"),
    ("ssn", "219099999"),
    ("refresh_token", "rt-planted-1"),
    ("signature", "plantedsig1"),
    ("pin", "84621"),
    ("sessionId", "f00dfacef00dfacecafe1234"),
    ("state", "Zk3vQ9mT2xLr8YbN5cWp"),
];

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

/// One exchange that holds `secret` under `name` in every place that has names, and, where it is
/// told by its form, in those that have none.
fn planted(name: &str, secret: &str, shaped: bool) -> Transaction {
    let (url, loose) = (encode(secret), if shaped { secret } else { "nothing" });
    let target = format!("/a/{}/b?{name}={url}&t={}", encode(loose), encode(loose));
    let flat = loose.replace('\n', " ");
    let cookie = format!("c={url}; d={}", secret.replace(';', ""));
    let bearer = format!("Bearer {secret}");
    let location = format!("https://h/x/{}?{name}={url}#{name}={url}", encode(loose));
    let quoted = serde_json::to_string(secret).unwrap();
    let inner = serde_json::to_string(&format!("{{\"{name}\":{quoted}}}")).unwrap();
    let text = serde_json::to_string(&format!("see {flat} there")).unwrap();
    let json = format!(
        r#"{{"{name}":{quoted},"list":[{{"deep":{{"{name}":{quoted}}}}}],"{name}2":[{quoted}],"s":{inner},"t":{text},"{}":1}}"#,
        flat.replace('"', "")
    );
    let headers = [
        ("Host", "shop.example"),
        ("User-Agent", &*flat),
        ("Cookie", &*cookie),
        ("X-Request-Id", &*flat),
        ("Authorization", &*bearer),
        ("X-Api-Key", secret),
        JSON,
    ];
    let reply =
        [JSON, ("Location", &*location), ("Set-Cookie", &*cookie), ("X-Auth-Token", secret)];
    let mut whole =
        read(message(("POST", &target), 0, &headers, json.as_bytes()), answer(&reply, &json));
    let form = format!("{name}={url}&x={}", encode(loose));
    let multi = format!(
        "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{secret}\r\n--B--\r\n"
    );
    for (media, body) in
        [("application/x-www-form-urlencoded", &form), ("multipart/form-data; boundary=B", &multi)]
    {
        let request = message(("POST", "/"), 0, &[("Content-Type", media)], body.as_bytes());
        let more = read(request, answer(&[], "")).request.unwrap();
        assert!(!more.leaves.is_empty());
        whole.request.as_mut().unwrap().leaves.extend(more.leaves);
    }
    whole
}

#[test]
fn no_planted_secret_survives_anywhere() {
    let all = SHAPED
        .iter()
        .map(|secret| ("note", *secret, true))
        .chain(SHAPED.iter().map(|secret| ("password", *secret, true)))
        .chain(NAMED.iter().map(|(name, secret)| (*name, *secret, false)));
    for (name, secret, shaped) in all {
        let seen = planted(name, secret, shaped);
        for shown in [serde_json::to_string(&seen).unwrap(), format!("{seen:?}")] {
            for form in [secret.to_owned(), encode(secret)] {
                let at = shown.find(&form);
                let around = at.map(|at| &shown[at.saturating_sub(80)..(at + 80).min(shown.len())]);
                assert_eq!(around, None, "{name}: {secret}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        target in "\\PC{0,80}", body in proptest::collection::vec(any::<u8>(), 0..300), kind in 0_usize..4,
    ) {
        let media = ["application/json", "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=B", "text/event-stream"][kind];
        let request = message(("GET", &target), 0, &[("Content-Type", media), ("Cookie", &target)], &body);
        let response = message(("", ""), 200, &[("Content-Type", media), ("Location", &target)], &body);
        let _ = read(request, response);
    }

    #[test]
    fn any_cut_of_a_json_body_is_read(cut in 0_usize..140) {
        let body = r#"{"a":[{"id":1,"email":"alice@example.com","n":[1.5e3,true,null,"\u00e9\""]}],"password":"hunter2","z":{"y":"x"}}"#;
        let part = &body.as_bytes()[..cut.min(body.len())];
        let seen = read(message(("POST", "/"), 0, &[JSON], part), answer(&[], ""));
        let shown = format!("{seen:?}");
        prop_assert!(!shown.contains("alice") && !shown.contains("hunter"));
    }
}

#[test]
fn the_links_of_a_page_are_leaves_and_its_sort_does_not_depend_on_them() {
    let page = |body: &str| {
        let request = message(("GET", "/shop/list.php"), 0, &[], b"");
        let head = [("Content-Type", "text/html")];
        let answer = message(("", ""), 200, &head, body.as_bytes());
        let mut reader = Reader::new(Key::new([1; 32]), &Config::default());
        reader.read(exchange(Some(request), Some(answer))).response.unwrap()
    };
    let one = page("<a href=\"order.php?id=7\">7</a> <a href='/order.php?id=8'>8</a>");
    let shown: Vec<(String, u32)> = one
        .leaves
        .iter()
        .map(|leaf| (leaf.value.as_key().unwrap_or_default(), leaf.record))
        .collect();
    let expected = [("/shop/order.php?id=7", 0), ("/order.php?id=8", 1)];
    assert_eq!(shown, expected.map(|(link, record)| (link.to_owned(), record)));
    assert_eq!(one.shape, page("nothing").shape);
}

#[test]
fn the_user_a_service_asks_for_is_read_and_masked() {
    let read = |value: &str| {
        let request = message(("GET", "/orders"), 0, &[("X-User-Id", value)], b"");
        let mut reader = Reader::new(Key::new([1; 32]), &Config::default());
        reader.read(exchange(Some(request), None)).request.unwrap().on_behalf
    };
    assert_eq!(read("1042").as_deref(), Some("1042"));
    assert!(read("ann@example.com").is_some_and(|user| user.starts_with("<email:")));
    assert_eq!(read(" "), None);
}

#[test]
fn secrets_in_a_graphql_document_are_masked_there_too() {
    let body = r#"{"query":"mutation { login(email: \"ann@example.com\", password: \"hunter2-secret\") { token } }"}"#;
    let seen = read(message(("POST", "/graphql"), 0, &[JSON], body.as_bytes()), answer(&[], ""));
    let request = seen.request.unwrap();
    assert!(matches!(leaf(&request.leaves, "args.password"), Value::Masked { .. }));
    let shown = format!("{request:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("ann@example"), "{shown}");
}

#[test]
fn sensitive_data_is_counted_per_kind_and_direction() {
    use stilt_model::Sensitive;
    let body = r#"{"email":"a@example.com","card":"4539 5787 6362 1486","n":1}"#;
    let inner = r#"{"dob":"1984-03-12","raw":"{\"iban\":\"DE89370400440532013000\"}",
        "b":"bWFpbCB0byBib2JAZXhhbXBsZS5jb20="}"#;
    let seen = read(
        message(
            ("POST", "/users/bob@example.com?phone=%2B442079460958"),
            0,
            &[JSON],
            body.as_bytes(),
        ),
        answer(&[JSON], inner),
    );
    let (request, response) = (seen.request.unwrap(), seen.response.unwrap());
    let asked: Vec<_> = request.sensitive.iter().collect();
    assert_eq!(asked, [(Sensitive::Email, 2), (Sensitive::Phone, 1), (Sensitive::Card, 1)]);
    let answered: Vec<_> = response.sensitive.iter().collect();
    let expected = [(Sensitive::Email, 1), (Sensitive::Iban, 1), (Sensitive::BirthDate, 1)];
    assert_eq!(answered, expected);
    let of = |path: &str| response.leaves.iter().find(|leaf| leaf.path == path).unwrap();
    assert_eq!(of("dob").sensitive, Some(Sensitive::BirthDate));
    assert!(matches!(of("b").value, Value::Masked { mark, .. } if mark.kind == SecretKind::Email));
    assert_eq!(of("raw.iban").sensitive, Some(Sensitive::Iban));
    // A page has no fields, but says something all the same.
    let page = answer(&[("Content-Type", "text/html")], "<p>Mail ann@example.com</p>");
    let page = read(message(("GET", "/"), 0, &[], b""), page).response.unwrap();
    assert_eq!(page.sensitive.count(Sensitive::Email), 1);
}

#[test]
fn bodies_of_odd_syntax_end_without_panic() {
    let deep = "<a>".repeat(5_000);
    let entity = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    for (media, body) in [
        ("text/xml", deep.as_str()),
        ("text/xml", entity),
        ("text/xml", "<a b='<"),
        ("application/protobuf", "\u{7f}\u{7f}\u{7f}"),
        ("application/grpc", "\0\u{7f}\u{7f}\u{7f}\u{7f}x"),
        (
            "multipart/form-data; boundary=B",
            "--B\r\nContent-Disposition: form-data; name=\"\r\n\r\n",
        ),
    ] {
        let request = message(("POST", "/"), 0, &[("Content-Type", media)], body.as_bytes());
        let request = read(request, answer(&[], "")).request.unwrap();
        assert!(request.leaves.len() <= 512);
        assert!(!request.leaves.iter().any(|leaf| format!("{leaf:?}").contains("aaaa")), "{media}");
    }
}

#[test]
fn trailers_are_masked_like_headers_and_told_with_lengths_and_digest() {
    let mut response = answer(&[("Content-Type", "application/json")], "{}");
    let plain = read(message(("GET", "/"), 0, &[], b""), response.clone());
    assert_eq!(plain.response.unwrap().as_sent, None);
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
    let trailers = [
        ("Server-Timing", "db;dur=53"),
        ("Authorization", "Bearer abcdefghijkl"),
        ("X-Api-Key", "k-123456"),
        ("Set-Cookie", "sid=abcdef"),
        ("X-Note", token),
    ];
    response.trailers = trailers
        .iter()
        .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
        .collect();
    response.body.encoded_bytes = 40;
    response.body.sha256 = Some(Box::new([7; 32]));
    let told = read(message(("GET", "/"), 0, &[], b""), response).response.unwrap();
    let sent = told.as_sent.unwrap();
    assert_eq!((sent.encoded_bytes, sent.sha256), (Some(40), Some([7; 32])));
    assert_eq!(sent.trailers[0], ("server-timing".to_owned(), "db;dur=53".to_owned()));
    assert_eq!(sent.trailers.len(), trailers.len());
    for ((_, shown), (_, value)) in sent.trailers.iter().zip(trailers).skip(1) {
        assert!(shown.starts_with('<') && !shown.contains(value), "{shown}");
    }
}
