//! Tokens that another implementation signed, and what is made of them and of changed ones.

use super::*;
use stilt_model::{Key, Sealed, SecretKind};

const N: &str = "s27FrwFZnQvheI7mm9DztnayxRfWbnY2jvM1wlAsgJT7cwX5VWS-TBlYxqbtFiJva4V0E-wMuFzyegKG78Cn\
     v7mwXiwUfHDCHb5dIiN259g2r5q2Sk8p55YrxHSgPODMXmgOCPXl8n30sE6l13Bh-kn0l3oTj1OvGXyTYWvI\
     xVc2FnMalAmQWDI9Pqc_qQYiQcvDlV2W5hQvXV4QurmKpCxSgHVaemtrPJ3oLqtoqU5vwOYu1oeJngvx7njO\
     _MpKJ-677x1-17bVUN2YjqUGBCvy9j9pmRRyd3G35R6uw6hsGhrJPymAX4cXj5HQ4prxFqCFaHiwMhszokbJ\
     zia-wQ";

/// Algorithm, key id and token; all say `iss: https://auth.example, sub: alice`.
const TOKENS: &[(&str, &str, &str)] = &[
    (
        "RS256",
        "rsa",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1YiI\
     6ImFsaWNlIn0.Dalut3oEbl06NIIx8IZRVCjkVtlUN9f8WAxLDrxIeZNaYNU3bxfaIDu8-6_YIic8M5o5_V1\
     x6jCS9ndONqJEhfQ9e13BH7Moq0Dq4u_Xwr9XYmVzGJ-ZHDB0BJQWVcKoYiaO0cs7_dGlE5ccIqw01PiZmkc\
     bOzBZL-R0CT4W9MjH3dg_m94bRmmTmP2W3IGLAVrCZzJzZYk_9eWpXb3rHDj-oSd-l5fJYdjhbZNf3tIHJlL\
     NFg_FBo1LahuUCPXgqUMO2TGp5O4HSuueLCAhnypH0MtuudwiWIKc9bPHrRt3s3Qjx_pQS-p5FTB9t2LO7IM\
     9cukswZC90dbBolwbSQ",
    ),
    (
        "RS512",
        "rsa",
        "eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1YiI\
     6ImFsaWNlIn0.Sf2zJjB4QKZ2Ko2KiB4NYFHHEnX7Y3AijeL40Iry9-VUnOU7vtUB1QWNX8TQw8UtrU3CtlT\
     DqDV3yam61nlCE9stoJhEdCXtM3WJ6E1LyVA1E1YHMhQBxrJcLlqHckzCJtU1AiW5DH8stUbSIX7MJQJnun-\
     1QmxcpSdx77nLp_1e7nrKyQmnSpPndMlHBu1j_s4YN3DiWik1oJLC4ngh13Fl0uFE96Wmpspa9uebyrYqJlZ\
     4nOHpBjyfAxQ1vLXyY6cg6hBstbLBkjr4zrKLOWh0khS5M3SUdAbjbhMM39LSBlP8bRRNYzegPhcJKsJMrpX\
     0siZ4lTIUKubfgqHZyw",
    ),
    (
        "PS256",
        "rsa",
        "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1YiI\
     6ImFsaWNlIn0.F6cekw0hkbdBQPo7FcPV5mTX1R8uGa4i8w-ExR0OYeFpIeg1u06aJBpKljgHbVQ77Jpppja\
     khb97rQktIFjBLNtX1zSGdE_oJrFT4pGuPvZjdya2d1KYZHaB41i95n2-v6ry3YKeKvKKtln1w4yUVMNEJYe\
     o2URehlDTE-0nvPTEvqElNhFmuadLrdnm6LN4L29eHMbztPucHYgFJG6P_SxQ1Hxye-tXtMTTa7dO7AmZShs\
     d1AYWxW1fqgk-rXqPZ0RfK1lihg4J_scMb2QVpNOynwxkJGD3GnsY1XucFZhQYg5PC-DDENLpOZjR6BxPTsd\
     6ZVey6fMaLAxDL1R-RQ",
    ),
    (
        "ES256",
        "p256",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6InAyNTYifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1Y\
     iI6ImFsaWNlIn0.72nfm1zMtG72OIx_BDE8yeXqovs7U4bEh7aHexgRdLPg9MqmUvTrZd3JboCbyZm-c4GLv\
     F6N3SANfUIf5bXuPg",
    ),
    (
        "ES384",
        "p384",
        "eyJhbGciOiJFUzM4NCIsImtpZCI6InAzODQifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1Y\
     iI6ImFsaWNlIn0.0QlZ6xorXhJwdha4_SP696zyO5JZ2lL5sSApB4MCO4qryxn7u75bYdjuQ-HofAtuFeyaO\
     8TEBlwQq9HOrjOcnW7yj9fMPttPP_FTrNnGu-ZU2JZA3YU8kz32_9aleUte",
    ),
    (
        "EdDSA",
        "ed",
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSIsInN1YiI6\
     ImFsaWNlIn0.LwbHLnol7bogifhJOotJHskXVYTMPhw0i7Da81kJQWMDnE7o0e3anVzMgiM7O3sce2xil-MI\
     _7kHJC-OzHRSDg",
    ),
];

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn point(x: &str, y: &str) -> Vec<u8> {
    [&[4_u8][..], &bytes(x), &bytes(y)].concat()
}

fn keys() -> Vec<SigningKey> {
    vec![
        SigningKey {
            kid: Some("rsa".into()),
            material: KeyMaterial::Rsa { n: bytes(N), e: vec![1, 0, 1] },
        },
        SigningKey {
            kid: Some("p256".into()),
            material: KeyMaterial::P256(point(
                "zocOD9mwQseNGJnOgSgP0Ilbrj3IUcV7mnI_QiaeDYE",
                "iXuobGhysMpAoGUX3CsVBu1pBrPgloYS3OPzln2h2XE",
            )),
        },
        SigningKey {
            kid: Some("p384".into()),
            material: KeyMaterial::P384(point(
                "WYna0V4lSEu2fD40kCxa7ZOa5qdDFdVV1YQmTcjVewzjnHoOlqOqjQSr80c9_ZEL",
                "CuiAK0CTok8tbJ7NwIpASCaVKoZ3BHA3b0HM15E5uDD7tSSonZwGRuqdP1RdVBhC",
            )),
        },
        SigningKey {
            kid: Some("ed".into()),
            material: KeyMaterial::Ed25519(bytes("Ow4b4ofAc4K3tWfToQ95StP0w0v_hIWi6-RlxRz0kGE")),
        },
    ]
}

fn token(alg: &str, kid: &str, text: &str) -> (Pseudonym, Jwt) {
    let mark = Key::new([1; 32]).pseudonym(SecretKind::Jwt, text.as_bytes());
    let jwt = Jwt {
        alg: alg.to_owned(),
        kid: Some(kid.to_owned()),
        iss: Some("https://auth.example".to_owned()),
        signature: Some(1),
        sealed: Some(Sealed::new(text)),
        ..Jwt::default()
    };
    (mark, jwt)
}

/// The same signature under other claims.
fn changed(text: &str) -> String {
    let mut parts = text.split('.');
    let (head, _, end) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
    format!("{head}.{}.{end}", URL_SAFE_NO_PAD.encode(r#"{"sub":"admin"}"#))
}

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

#[test]
fn every_algorithm_is_verified_and_a_changed_token_is_forged() {
    let mut all = Signatures::default();
    all.learn(&keys(), Some(&"auth.example".into()));
    for (alg, kid, text) in TOKENS {
        let (mark, jwt) = token(alg, kid, text);
        assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Verified, "{alg}");
        let (mark, jwt) = token(alg, kid, &changed(text));
        assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Forged, "{alg}");
    }
    let (mark, mut jwt) = token(TOKENS[0].0, TOKENS[0].1, TOKENS[0].2);
    jwt.exp = Some(1_600_000_000);
    assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Expired);
    jwt.alg = "none".to_owned();
    assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Unsigned);
    // A secret made of the public key opens nothing (RFC 8725 §2.1).
    let (mark, jwt) = token("HS256", "rsa", &changed(TOKENS[1].2));
    assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Forged);
}

#[test]
fn nothing_is_called_forged_before_its_issuer_is_known_to_use_the_key() {
    let (alg, kid, text) = TOKENS[0];
    let bad = token(alg, kid, &changed(text));
    let good = token(alg, kid, text);
    let mut all = Signatures::default();
    assert_eq!(all.of(bad.0, &bad.1, "shop", NOW), Signature::UnknownKey);
    // Somebody else's keys under the same id are no keys of this issuer.
    all.learn(&keys(), Some(&"evil.example".into()));
    assert_eq!(all.of(good.0, &good.1, "shop", NOW), Signature::UnknownKey);
    all.learn(&keys(), Some(&"auth.example".into()));
    assert_eq!(all.of(bad.0, &bad.1, "shop", NOW), Signature::UnknownKey);
    assert_eq!(all.of(good.0, &good.1, "shop", NOW), Signature::Verified);
    let later = token(alg, kid, &format!("{}A", changed(text)));
    assert_eq!(all.of(later.0, &later.1, "shop", NOW), Signature::Forged);
    // A configured key is known to be used.
    let mut all = Signatures::default();
    all.learn(&keys(), None);
    assert_eq!(all.of(bad.0, &bad.1, "shop", NOW), Signature::Forged);
}

#[test]
fn keys_are_taken_where_services_keep_them() {
    let mut all = Signatures::default();
    assert!(all.is_set("/.well-known/jwks.json") && !all.is_set("/uploads/jwks.json"));
    all.names_path("https://auth.example/oauth2/v1/keys");
    assert!(all.is_set("/oauth2/v1/keys") && !all.is_set("/"));
}

#[test]
fn a_configured_secret_verifies_and_keys_never_grow_without_end() {
    let mut all = Signatures::default();
    let secret = KeyMaterial::Secret(b"correct horse battery staple".to_vec());
    all.learn(&[SigningKey { kid: Some("s".to_owned()), material: secret }], None);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode("{}"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"correct horse battery staple");
    let end = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    let (mark, jwt) = token("HS256", "s", &format!("{message}.{end}"));
    assert_eq!(all.of(mark, &jwt, "shop", NOW), Signature::Verified);
    for number in 0..2_000_u32 {
        let material = KeyMaterial::Ed25519(number.to_be_bytes().to_vec());
        let kid = Some(format!("{}", number % 700));
        all.learn(&[SigningKey { kid, material }], Some(&"x".into()));
    }
    assert!(all.keys.len() <= KIDS_MAX && all.keys.values().all(|k| k.len() <= KEYS_OF_ONE_MAX));
}
