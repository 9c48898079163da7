use super::*;

fn masker() -> Masker {
    Masker::new(Key::new([9; 32]))
}

/// `text` with `secret` in it comes out with one mark of `kind` in its place.
fn masks(kind: &str, text: &str, secret: &str) {
    let shown = masker().text(text).into_owned();
    let (head, tail) = text.split_once(secret).unwrap();
    let middle = shown.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    let middle = middle.unwrap_or_else(|| panic!("{text} → {shown}"));
    assert!(
        middle.starts_with(&format!("<{kind}:")) && middle.len() == kind.len() + 19,
        "{text} → {shown}"
    );
}

#[test]
fn personal_data_is_masked_inside_longer_text() {
    masks("email", "mail to alice.b+x@example.co.uk, please", "alice.b+x@example.co.uk");
    masks("email", "to=josé@exämple.de", "josé@exämple.de");
    masks("email", "一覧をすべてeva@soto.exampleへ転送し、黙って", "eva@soto.example");
    masks("email", "宛先 山田@例え.テスト", "山田@例え.テスト");
    masks("card", "paid with 4111 1111 1111 1111 today", "4111 1111 1111 1111");
    masks("card", "paid with 5555-5555-5555-4444.", "5555-5555-5555-4444");
    masks("card", "x 378282246310005 y", "378282246310005");
    masks("iban", "to DE89 3704 0044 0532 0130 00 now", "DE89 3704 0044 0532 0130 00");
    masks("iban", "GB82WEST12345698765432", "GB82WEST12345698765432");
    masks("phone", "call +44 20 7946 0958!", "+44 20 7946 0958");
    masks("phone", "tel:+14155552671", "+14155552671");
    masks("national_id", "his number is 123-45-6789", "123-45-6789");
    masks("national_id", "CPF 529.982.247-25 ok", "529.982.247-25");
    masks("national_id", "cf RSSMRA85T10A562S!", "RSSMRA85T10A562S");
    masks("national_id", "DNI: 12345678Z", "12345678Z");
    masks("national_id", "pesel 44051401359", "44051401359");
    masks("national_id", "hetu 131052-308T ok", "131052-308T");
    masks("national_id", "aadhaar 2341 2341 2346", "2341 2341 2346");
    masks("national_id", "ahv 756.9217.0769.85", "756.9217.0769.85");
    masks("national_id", "id 11010519491231002X", "11010519491231002X");
}

#[test]
fn what_stands_in_a_uuid_is_no_number_of_anybody() {
    for uuid in [
        "41111111-1111-4111-8111-1111abcdef01",
        "abcdefab-4111-1111-1111-1111abcdef01",
        "a1234567-ad12-0001-2030-200359100100",
        "12345678-1234-4123-8123-123456789012",
    ] {
        for text in [format!("/f/{uuid}/pos"), format!("see {uuid}."), format!("id-{uuid}")] {
            assert!(masker().inspect(&text).is_empty(), "{text}");
        }
    }
    // Beside one is not in it.
    masks("iban", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6 AD12 0001 2030 2003 5910 0100", IBAN);
    masks("card", "/f81d4fae-7dec-11d0-a765-00a0c91e6bf6/4111-1111-1111-1111", CARD);
}

const IBAN: &str = "AD12 0001 2030 2003 5910 0100";
const CARD: &str = "4111-1111-1111-1111";

#[test]
fn keys_tokens_and_hashes_are_masked_inside_longer_text() {
    masks("token", "key AKIAIOSFODNN7EXAMPLE end", "AKIAIOSFODNN7EXAMPLE");
    masks(
        "token",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    );
    masks("token", "use sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc");
    masks("token", "h: Bearer 8f14e45fceea167a5a36 x", "8f14e45fceea167a5a36");
    masks(
        "password_hash",
        "h $2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW .",
        "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
    );
    masks(
        "connection_string",
        "at postgres://app:s3cret@db:5432/x end",
        "postgres://app:s3cret@db:5432/x",
    );
    masks(
        "private_key",
        "k -----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY----- z",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    );
    masks("password", "Server=db;User=sa;Password=hunter2;", "hunter2");
    masks("password", r#"{"password": "hunter2"}"#, "hunter2");
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    masks("jwt", &format!("got {jwt} here"), jwt);
}

#[test]
fn look_alikes_stay_in_clear() {
    for text in [
        "order 1700000000000 at 1700000000",
        "2024-01-15T10:20:30.123456Z",
        "2024-01-15T10:20:30+02:00",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "5f43a1b2c3d4e5f60718293a",
        "ORD-2024-00012345",
        "AB123456C",
        "be2161101111e225",
        "12345678Z",
        "20240115-1234",
        "ISBN 978-3-16-148410-0",
        "4006381333931",
        "192.168.100.200",
        "1234567890123456789",
        "version 10.12.2024.1",
        "lodash@4.17.21 and logo@2x.png",
        "https://medium.com/@writer/post",
        "http://10.0.0.1:8080/a/b",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0",
        "eyJpZCI6MTB9",
        "wireless-headphones-black-2024",
        "44051401359",
        "price: 129.95 total=1299",
        "sk-learn-tutorial-for-beginners",
        "The bearer of this letter is known",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ] {
        assert_eq!(masker().text(text), text);
    }
}

#[test]
fn equal_secrets_have_equal_marks_however_written() {
    let check = |kind: SecretKind, one: &str, two: &str| {
        assert_eq!(masker().mark(kind, one), masker().mark(kind, two), "{one} {two}");
    };
    check(SecretKind::Email, "Alice@Example.com", "alice%40example.com");
    check(SecretKind::Card, "4111 1111 1111 1111", "4111111111111111");
    check(SecretKind::Iban, "de89 3704 0044 0532 0130 00", "DE89370400440532013000");
    check(SecretKind::Phone, "+44 20 7946 0958", "%2B442079460958");
    let differ = |kind, one: &str, two: &str| {
        assert_ne!(masker().mark(kind, one), masker().mark(kind, two), "{one} {two}");
    };
    differ(SecretKind::Phone, "+442079460958", "+442079460959");
    differ(SecretKind::Password, "Hunter2", "hunter2");
}

#[test]
fn text_beyond_the_window_is_never_shown() {
    let text = format!("{} alice@example.com", "word ".repeat(1640));
    let shown = masker().text(&text).into_owned();
    assert!(!shown.contains("alice") && shown.len() <= 8192);
}

proptest::proptest! {
    #[test]
    fn any_text_is_masked_without_panic(text in "\\PC{0,200}", cut in 0_usize..64) {
        let shown = masker().text_max(&text, cut).into_owned();
        proptest::prop_assert!(shown.len() <= cut);
    }

    #[test]
    fn any_mix_of_digits_and_marks_is_masked_without_panic(text in "[0-9A-Za-z@%+ .:=/$\u{e9}-]{0,120}") {
        let _ = masker().text(&text);
        let _ = names::classify(&text);
    }
}
