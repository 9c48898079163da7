//! Names of the headers that tell something of an endpoint: what every message has, what proxies
//! add and what carries a credential is left out. Requests of one client have the same set again
//! and again, so that each is made once.

use crate::header_names::{Carries, HeaderNames};
use crate::mask::Masker;
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_model::{Head, SmolStr};

/// Sets remembered; past it all are forgotten.
const SETS_MAX: usize = 1024;
/// Names of one set, and bytes of a name.
const NAMES_MAX: usize = 32;
const NAME_MAX: usize = 64;

/// Headers of any message that say nothing of the endpoint: of the connection, of proxies, of
/// traces, and what is told elsewhere.
const COMMON: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "alt-svc",
    "baggage",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "nel",
    "origin",
    "pragma",
    "priority",
    "proxy-connection",
    "referer",
    "report-to",
    "server",
    "server-timing",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "x-powered-by",
    "x-real-ip",
    "x-runtime",
    "x-served-by",
    "x-timer",
];
const COMMON_STARTS: &[&str] =
    &["sec-", "cf-", "x-forwarded-", "x-b3-", "x-amz-cf-", "x-amzn-", "x-envoy-", "x-cache"];

/// The sets met.
#[derive(Debug, Default)]
pub(crate) struct HeaderSets {
    sets: HashMap<u64, Arc<[SmolStr]>, RandomState>,
    hashes: RandomState,
}

impl HeaderSets {
    /// Names in `head` that tell something: lower case, sorted, each once.
    pub(crate) fn of(
        &mut self,
        head: &Head,
        names: &mut HeaderNames,
        masker: &Masker,
    ) -> Arc<[SmolStr]> {
        let mut hasher = self.hashes.build_hasher();
        for (name, _) in head.headers() {
            hasher.write(name);
            hasher.write_u8(b'\n');
        }
        // What a client sends is no set of what a server sends.
        hasher.write_u8(u8::from(head.status > 0));
        let key = hasher.finish();
        if let Some(known) = self.sets.get(&key) {
            return Arc::clone(known);
        }
        let set: Arc<[SmolStr]> = set(head, names, masker).into();
        if self.sets.len() >= SETS_MAX {
            self.sets.clear();
        }
        self.sets.insert(key, Arc::clone(&set));
        set
    }
}

fn set(head: &Head, names: &mut HeaderNames, masker: &Masker) -> Vec<SmolStr> {
    let mut found: Vec<SmolStr> = Vec::new();
    for (name, _) in head.headers() {
        let credential = !matches!(names.of(name).carries, Carries::Token);
        let Ok(text) = core::str::from_utf8(name) else { continue };
        let secret = matches!(masker.text_max(text, NAME_MAX), std::borrow::Cow::Owned(_));
        let text = text.to_ascii_lowercase();
        let plain = (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if found.len() < NAMES_MAX && plain && !secret && !credential && !is_common(&text) {
            found.push(text.into());
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn is_common(name: &str) -> bool {
    COMMON.binary_search(&name).is_ok()
        || COMMON_STARTS.iter().any(|start| name.starts_with(start))
        || crate::headers::REQUEST_IDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::tests::head;
    use stilt_model::Key;

    #[test]
    fn names_that_tell_something_are_kept_once_and_sorted() {
        assert!(COMMON.is_sorted());
        let masker = Masker::new(Key::new([1; 32]));
        let (mut sets, mut names) = (HeaderSets::default(), HeaderNames::default());
        let headers = [
            ("Host", "a"),
            ("X-Tenant", "t1"),
            ("Idempotency-Key", "k"),
            ("x-tenant", "t2"),
            ("Authorization", "Bearer x"),
            ("X-Api-Key", "k"),
            ("X-Request-Id", "1"),
            ("Sec-Fetch-Mode", "cors"),
            ("If-Match", "\"1\""),
            ("AKIAIOSFODNN7EXAMPLE", "1"),
            ("a b", "1"),
        ];
        for _ in 0..2 {
            let set = sets.of(&head(("GET", "/"), 0, &headers), &mut names, &masker);
            assert_eq!(*set, ["idempotency-key", "if-match", "x-tenant"]);
        }
    }

    #[test]
    fn made_up_names_fill_no_table() {
        let masker = Masker::new(Key::new([1; 32]));
        let (mut sets, mut names) = (HeaderSets::default(), HeaderNames::default());
        for n in 0..3 * SETS_MAX {
            let name = format!("x-{n}");
            let set = sets.of(&head(("GET", "/"), 0, &[(&name, "1")]), &mut names, &masker);
            assert_eq!(*set, [name.as_str()]);
        }
        assert!(sets.sets.len() <= SETS_MAX);
    }
}
