//! Request targets (RFC 9112 §3.2) and other URLs, masked part by part.

use crate::bytes::{percent_decode, prefix};
use crate::leaves::inner::hidden;
use crate::mask::{Masker, Tally};
use crate::path_words;
use std::borrow::Cow;
use stilt_model::SecretKind;

/// A target, cut into its parts as sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// Scheme, where the target is absolute.
    pub(crate) scheme: Option<&'a str>,
    /// Host and port, where the target holds them; without user and password.
    pub(crate) authority: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

/// Cuts a target; `connect`: the method is CONNECT, its target an authority.
pub(crate) fn parse(target: &str, connect: bool) -> Parts<'_> {
    if connect {
        let authority = target.rsplit_once('@').map_or(target, |(_, host)| host);
        return Parts {
            scheme: None,
            authority: Some(authority),
            path: "",
            query: None,
            fragment: None,
        };
    }
    let (rest, fragment) = split(target, '#');
    let (rest, query) = split(rest, '?');
    let (scheme, authority, path) = match rest.split_once("://") {
        Some((scheme, tail)) if is_scheme(scheme) => {
            let at = tail.find('/').unwrap_or(tail.len());
            let (host, path) = tail.split_at_checked(at).unwrap_or((tail, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            (Some(scheme), Some(host), path)
        }
        _ => (None, None, rest),
    };
    Parts { scheme, authority, path, query, fragment }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 16
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Whether people sign in at a path of these words, so that a bare `code` there is a secret.
pub(crate) fn signs_in(path: &str) -> bool {
    path.split(['/', '-', '_', '.', '?', ';']).any(|word| {
        let mut lower = [0_u8; 16];
        let Some(lower) = lower.get_mut(..word.len()) else { return false };
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        matches!(
            &*lower,
            b"auth"
                | b"oauth"
                | b"oauth2"
                | b"oidc"
                | b"login"
                | b"signin"
                | b"logon"
                | b"otp"
                | b"mfa"
                | b"2fa"
                | b"totp"
                | b"verify"
                | b"verification"
                | b"callback"
                | b"token"
                | b"tokens"
                | b"sso"
                | b"saml"
                | b"reset"
                | b"password"
                | b"recover"
                | b"recovery"
                | b"activate"
                | b"activation"
                | b"confirm"
                | b"session"
                | b"sessions"
                | b"forgot"
                | b"authorize"
                | b"authenticate"
                | b"challenge"
        )
    })
}

/// `path` with secrets masked, percent-encoding kept where nothing was.
pub(crate) fn mask_path<'a>(masker: &mut Masker, path: &'a str, max: usize) -> Cow<'a, str> {
    // Where nothing is encoded, what a segment holds is found in the whole as well; only a long
    // random segment is judged by the one before it.
    if !path.bytes().any(|byte| matches!(byte, b'%' | b';' | b'@'))
        && !path.split('/').any(|segment| segment.len() >= 16)
        && !path_words::tells(path)
    {
        return masker.text_max(path, max);
    }
    let mut out: Option<String> = None;
    let mut before = "";
    let mut offset = 0_usize;
    for (at, segment) in path.split('/').enumerate() {
        let masked = mask_segment(masker, before, segment);
        if masked.is_some() && out.is_none() {
            out = Some(path.get(..offset).unwrap_or_default().trim_end_matches('/').to_owned());
            if offset > 0 && at > 0 {
                // What stood before keeps its slashes, but for the one added below.
                let head = path.get(..offset.saturating_sub(1)).unwrap_or_default();
                out = Some(head.to_owned());
            }
        }
        if let Some(out) = &mut out {
            if at > 0 {
                out.push('/');
            }
            out.push_str(masked.as_deref().unwrap_or(segment));
        }
        offset = offset.saturating_add(segment.len()).saturating_add(1);
        if !segment.is_empty() {
            before = segment;
        }
    }
    // Once more as a whole: a secret may hold slashes.
    match out {
        Some(path) => Cow::Owned(masker.text_max(&path, max).into_owned()),
        None if path.len() >= 12 => masker.text_max(path, max),
        None => Cow::Borrowed(prefix(path, max)),
    }
}

/// Counts the sensitive data in a path.
pub(crate) fn count_path(masker: &Masker, path: &str, tally: &mut Tally) {
    for segment in path.split('/').filter(|segment| segment.len() >= 5) {
        masker.count(&percent_decode(segment, false), tally);
    }
}

fn mask_segment(masker: &mut Masker, before: &str, segment: &str) -> Option<String> {
    if segment.len() < 5 {
        return None;
    }
    let (name, parameters) = split(segment, ';');
    if let Some(parameters) = parameters {
        let masked = mask_query(masker, parameters, ';', false);
        let head = mask_segment(masker, before, name);
        if head.is_some() || matches!(masked, Cow::Owned(_)) {
            return Some(format!("{};{masked}", head.as_deref().unwrap_or(name)));
        }
        return None;
    }
    let decoded = percent_decode(segment, false);
    let twice = percent_decode(&decoded, false);
    let shown = masker.text(&twice);
    if let Cow::Owned(masked) = shown {
        return Some(masked);
    }
    // `user:password@host`, as in `//bob:hunter2@host/`.
    let signs_in = twice.split_once('@').and_then(|(user, _)| user.split_once(':'));
    if signs_in.is_some_and(|(_, password)| !password.is_empty()) {
        return Some(masker.mark(SecretKind::ConnectionString, &twice).to_string());
    }
    if path_words::secret_after(before, &twice) {
        return Some(masker.credential(&twice).to_string());
    }
    hidden(masker, &twice).map(|mark| mark.to_string())
}

/// A query string (or the parameters after `;`) with the secrets in it masked.
pub(crate) fn mask_query<'a>(
    masker: &mut Masker,
    query: &'a str,
    separator: char,
    auth: bool,
) -> Cow<'a, str> {
    let auth = auth || query.contains("state=");
    let mut out: Option<String> = None;
    let mut offset = 0_usize;
    for (at, pair) in query.split(separator).enumerate() {
        let masked = mask_pair(masker, pair, auth);
        if masked.is_some() && out.is_none() {
            let head = query.get(..offset.saturating_sub(1)).unwrap_or_default();
            out = Some(head.to_owned());
        }
        if let Some(out) = &mut out {
            if at > 0 {
                out.push(separator);
            }
            out.push_str(masked.as_deref().unwrap_or(pair));
        }
        offset = offset.saturating_add(pair.len()).saturating_add(1);
    }
    out.map_or(Cow::Borrowed(query), Cow::Owned)
}

fn mask_pair(masker: &mut Masker, pair: &str, auth: bool) -> Option<String> {
    let (name, value) = split(pair, '=');
    let once = percent_decode(name, true);
    let plain = percent_decode(&once, true);
    let shown = masker.text(&plain);
    let masked_name = matches!(shown, Cow::Owned(_)).then(|| shown.into_owned());
    let masked_value = value.and_then(|value| {
        let decoded = percent_decode(value, true);
        if let Some((mark, _)) =
            masker.class(&plain).and_then(|class| masker.by_name(class, &decoded, auth))
        {
            return Some(mark.to_string());
        }
        if decoded.len() < 5 {
            return None;
        }
        let twice = percent_decode(&decoded, false);
        // `+` is a space in forms, but stands before a telephone number as well.
        let literal = percent_decode(value, false);
        let shown =
            [&*decoded, &*twice, &*literal].into_iter().find_map(|text| match masker.text(text) {
                Cow::Owned(masked) => Some(masked),
                Cow::Borrowed(_) => None,
            });
        let encoded = || [&*twice, &*literal].into_iter().find_map(|text| hidden(masker, text));
        shown.or_else(|| encoded().map(|mark| mark.to_string()))
    });
    if masked_name.is_none() && masked_value.is_none() {
        return None;
    }
    let name = masked_name.as_deref().unwrap_or(name);
    Some(match value {
        Some(value) => format!("{name}={}", masked_value.as_deref().unwrap_or(value)),
        None => name.to_owned(),
    })
}

/// A whole URL or target, masked part by part: `Location` and the target itself.
pub(crate) fn mask_url(masker: &mut Masker, url: &str, max: usize) -> String {
    let parts = parse(url, false);
    let mut out = String::with_capacity(url.len());
    if let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) {
        out.push_str(scheme);
        out.push_str("://");
        out.push_str(&masker.text_max(authority, max));
    }
    out.push_str(&mask_path(masker, parts.path, max));
    let auth = signs_in(parts.path);
    for (sign, part) in [('?', parts.query), ('#', parts.fragment)] {
        if let Some(part) = part {
            out.push(sign);
            out.push_str(&mask_query(masker, part, '&', auth));
        }
    }
    let clean = masker.text_max(&out, max);
    clean.into_owned()
}

/// Host in lower case, without user, with its port where that is not 80 or 443.
pub(crate) fn host(masker: &Masker, authority: &str, max: usize) -> Option<String> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).trim();
    let bare = authority.strip_suffix(":80").or(authority.strip_suffix(":443"));
    let bare = bare.unwrap_or(authority).trim_end_matches('.').to_ascii_lowercase();
    (!bare.is_empty()).then(|| masker.text_max(&bare, max).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    fn masker() -> Masker {
        Masker::new(Key::new([3; 32]))
    }

    #[test]
    fn every_form_of_target_is_cut_into_its_parts() {
        let check = |target: &str,
                     connect: bool,
                     authority: Option<&str>,
                     path: &str,
                     query: Option<&str>| {
            let parts = parse(target, connect);
            assert_eq!(
                (parts.authority, parts.path, parts.query),
                (authority, path, query),
                "{target}"
            );
        };
        check("/a/b?x=1", false, None, "/a/b", Some("x=1"));
        check("http://h:8080/a?x", false, Some("h:8080"), "/a", Some("x"));
        check("http://u:p@h/a", false, Some("h"), "/a", None);
        check("http://h", false, Some("h"), "", None);
        check("h:443", true, Some("h:443"), "", None);
        check("*", false, None, "*", None);
        check("/go?to=http://x/y", false, None, "/go", Some("to=http://x/y"));
    }

    #[test]
    fn resource_ids_in_paths_stay_as_sent() {
        for path in [
            "/orders/1700000000000",
            "/orders/3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "/items/5f43a1b2c3d4e5f60718293a",
            "/p/wireless-headphones%20black/",
            "/a//b/",
            "/users/alice/posts/17",
            "/files/report-2024-01-15.pdf",
            "/password/reset",
            "/auth/password/strength",
            "/verify/email",
            "/tokens/refresh",
            "/reset/17",
            "/@alice/posts",
        ] {
            assert_eq!(mask_path(&mut masker(), path, 2048), path);
        }
    }

    #[test]
    fn secrets_in_paths_and_queries_are_masked() {
        let check = |url: &str, start: &str, end: &str, gone: &str| {
            let shown = mask_url(&mut masker(), url, 2048);
            assert!(shown.starts_with(start) && shown.ends_with(end), "{shown}");
            assert!(!shown.contains(gone), "{shown}");
        };
        check("/users/alice@example.com/x", "/users/<email:", ">/x", "alice");
        check("/users/alice%40example.com", "/users/<email:", ">", "alice");
        check("/a?password=hunter2&b=1", "/a?password=<password:", ">&b=1", "hunter2");
        check("/cb?code=abc123&state=x", "/cb?code=<code:", "&state=x", "abc123");
        check("/r#access_token=abcdef", "/r#access_token=<token:", ">", "abcdef");
        check("/x;jsessionid=A1B2C3D4E5F6A7B8C9D0", "/x;jsessionid=<token:", ">", "A1B2");
        check("/reset/8f14e45fceea167a5a36dedd4bea2543", "/reset/<token:", ">", "8f14");
        check("//x//4111111111111111", "//x//<card:", ">", "4111");
        check("/reset/correcthorse", "/reset/<token:", ">", "correct");
        check("/login/password/opensesame", "/login/password/<token:", ">", "sesame");
        check("//bob:SECRET@x/a", "//<connection_string:", ">/a", "SECRET");
        check("/a?%2570assword=hunter2", "/a?%2570assword=<password:", ">", "hunter2");
        // `mail to alice@example.com`, and the same encoded twice.
        let once = "bWFpbCB0byBhbGljZUBleGFtcGxlLmNvbQ==";
        check(&format!("/a?x={once}&b=1"), "/a?x=<email:", ">&b=1", "bWFp");
        let twice = "YldGcGJDQjBieUJoYkdsalpVQmxlR0Z0Y0d4bExtTnZiUT09";
        check(&format!("/a?x={twice}"), "/a?x=<email:", ">", "YldG");
        check(&format!("/a/{once}/b"), "/a/<email:", ">/b", "bWFp");
        // `{"password":"hunter2"}`
        check("/a?x=eyJwYXNzd29yZCI6Imh1bnRlcjIifQ", "/a?x=<password:", ">", "eyJw");
        let long = format!("/a?{}_password=hunter2", "a".repeat(300));
        check(&long, "/a?aaaa", ">", "hunter2");
    }
}
