//! Request methods: a token that anybody may choose, and so may hold a secret.

use crate::mask::Masker;
use stilt_model::SecretKind;

/// Methods longer than a short word that are registered (IANA) or in wide use.
const LONG: &[&str] = &[
    "BASELINE-CONTROL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MKCALENDAR",
    "MKACTIVITY",
    "ORDERPATCH",
    "PROPPATCH",
    "UNCHECKOUT",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    "UNSUBSCRIBE",
    "SUBSCRIBE",
    "BPROPPATCH",
    "BPROPFIND",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "SSTP_DUPLEX_POST",
    "CCM_POST",
    "BITS_POST",
    "M-SEARCH",
];
/// The longest word that is shown without being known.
const WORD_MAX: usize = 10;

/// The method as it is shown: a mark, where it is neither known nor a short word in capitals.
pub(crate) fn shown(masker: &Masker, method: &str) -> String {
    // A start line with a blank left out (`GET/HTTP/1.1`) hides nothing either.
    let bare = method.strip_suffix("HTTP/1.1").or(method.strip_suffix("HTTP/1.0"));
    let bare = bare.unwrap_or(method);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let word = bare.len() <= WORD_MAX && bare.bytes().all(|byte| byte.is_ascii_uppercase());
    if word || LONG.contains(&bare) {
        return method.to_owned();
    }
    // Clients that write a known one in small letters are wrong, but hide nothing.
    let small = method.len() <= WORD_MAX && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    const USUAL: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
    if small && USUAL.iter().any(|usual| method.eq_ignore_ascii_case(usual)) {
        return method.to_owned();
    }
    masker.mark(SecretKind::Secret, method).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    #[test]
    fn a_secret_in_the_place_of_a_method_is_hidden() {
        let masker = Masker::new(Key::new([3; 32]));
        for method in [
            "GET",
            "PROPFIND",
            "M-SEARCH",
            "Post",
            "VERSION-CONTROL",
            "",
            "GET/",
            "CCM_POST/HTTP/1.1",
        ] {
            assert_eq!(shown(&masker, method), method);
        }
        for method in ["hunter2", "ghp_16C7e42F292c6912E7710c838347Ae", "CorrectHorse"] {
            assert!(shown(&masker, method).starts_with("<secret:"), "{method}");
        }
    }
}
