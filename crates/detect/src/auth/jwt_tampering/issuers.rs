//! Which tokens an application hands out, learned service by service.

use crate::context::Context;
use crate::keep::Keep;
use crate::tell;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{
    ActorId, Credential, Issued, Jwt, Outcome, Timestamp,
    saved::{self, Word},
};

/// After an answer that should have held a token was lost, for so long no token counts as made up.
const LOST: Duration = Duration::from_secs(7200);
/// Issuers remembered at most.
const ISSUERS_MAX: usize = 1024;

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Handed out, or in use before.
    Known,
    /// Not seen before, and nothing speaks against it.
    New,
    /// Its algorithm is of another class than all tokens of its issuer.
    OtherClass,
    /// Its signature belongs to a token of other content.
    OtherContent,
    /// It brings a key, as no token of its issuer does.
    OwnKey,
    /// All others are handed out in sight; this one was not.
    NeverIssued,
}

/// What one issuer's tokens are like.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Issuer {
    #[serde(deserialize_with = "saved::by_word")]
    classes: BTreeMap<Word, u64>,
    own_key: bool,
    /// Tokens seen handed out before they were used, one after the other.
    streak: u64,
    /// The latest and the earliest `iat` of tokens handed out.
    iat: Option<(i64, i64)>,
    lost: Option<Timestamp>,
}

/// A token that was handed out or used.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    /// It was handed out in sight.
    handed: bool,
    /// And not used yet.
    unused: bool,
    /// Where it was first.
    ip: IpAddr,
    make: ActorId,
}

impl Token {
    fn new(context: &Context<'_>, handed: bool) -> Self {
        let (ip, make) = (context.seen.client_ip, context.seen.cluster);
        Self { handed, unused: handed, ip, make }
    }
}

/// What is known of a token that is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// It was handed out in sight.
    pub(super) handed: bool,
    /// It was not used before.
    pub(super) first: bool,
    /// It comes from another address and another make of client than it did at first.
    pub(super) moved: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Issuers {
    issuers: BTreeMap<u64, Issuer>,
    /// Tokens handed out or used, by their mark.
    tokens: Keep<u64, Token>,
    /// Mark of the token that a signature belongs to.
    signatures: Keep<u64, u64>,
    streak_min: u64,
}

/// HMAC, RSA, elliptic curves, none (RFC 7518 §3.1).
fn class(alg: &str) -> &'static str {
    let is = |prefix: &str| alg.get(..2).is_some_and(|two| two.eq_ignore_ascii_case(prefix));
    if is("HS") {
        "hmac"
    } else if is("RS") || is("PS") {
        "rsa"
    } else if is("ES") || is("Ed") {
        "curve"
    } else {
        "other"
    }
}

impl Issuers {
    pub(super) fn new(tokens_max: usize, streak_min: u64) -> Self {
        Self {
            issuers: BTreeMap::new(),
            tokens: Keep::new(tokens_max),
            signatures: Keep::new(tokens_max),
            streak_min: streak_min.max(1),
        }
    }

    /// Takes other limits.
    pub(super) fn configure(&mut self, tokens_max: usize, streak_min: u64) {
        self.tokens.resize(tokens_max);
        self.signatures.resize(tokens_max);
        self.streak_min = streak_min.max(1);
    }

    /// What is known of a token before [`Self::origin`] looks at it.
    pub(super) fn held(&self, context: &Context<'_>, own: &Credential) -> Held {
        let token = self.tokens.get(&tell::secret(own.mark));
        let (ip, make) = (context.seen.client_ip, context.seen.cluster);
        Held {
            handed: token.is_some_and(|token| token.handed),
            first: token.is_none_or(|token| token.unused),
            moved: token.is_some_and(|token| token.ip != ip && token.make != make),
        }
    }

    /// Where a token that a request carries comes from; it counts as known from now on where
    /// nothing speaks against it.
    pub(super) fn origin(&mut self, context: &Context<'_>, own: &Credential, jwt: &Jwt) -> Origin {
        let (now, mark) = (context.at(), tell::secret(own.mark));
        let Some(issuer) = self.issuers.get_mut(&key(context, jwt)) else {
            self.remember(context, mark, jwt);
            self.issuer(context, jwt);
            return Origin::New;
        };
        if let Some(token) = self.tokens.get_mut(&mark) {
            // The first use of one that was handed out.
            if core::mem::replace(&mut token.unused, false) {
                issuer.streak = issuer.streak.saturating_add(1);
            }
            return Origin::Known;
        }
        let other = jwt.signature.and_then(|signature| self.signatures.get(&signature));
        if other.is_some_and(|other| *other != mark) {
            return Origin::OtherContent;
        }
        if jwt.own_key && !issuer.own_key && !issuer.classes.is_empty() {
            return Origin::OwnKey;
        }
        let own_class = class(&jwt.alg);
        let others = issuer.classes.iter().filter(|(name, _)| **name != own_class);
        let handed: u64 = others.map(|(_, count)| *count).sum();
        if handed >= 2 && !issuer.classes.contains_key(own_class) {
            return Origin::OtherClass;
        }
        let young = match (jwt.iat, issuer.iat) {
            (Some(iat), Some((_, earliest))) => iat > earliest,
            _ => false,
        };
        let whole = issuer.lost.is_none_or(|lost| now.since(lost) > LOST);
        if issuer.streak >= self.streak_min && young && whole {
            return Origin::NeverIssued;
        }
        if young {
            issuer.streak = 0;
        }
        self.remember(context, mark, jwt);
        Origin::New
    }

    fn remember(&mut self, context: &Context<'_>, mark: u64, jwt: &Jwt) {
        let now = context.at();
        self.tokens.touch(now, mark, || Token::new(context, false));
        if let Some(signature) = jwt.signature {
            self.signatures.touch(now, signature, || mark);
        }
    }

    fn issuer(&mut self, context: &Context<'_>, jwt: &Jwt) -> Option<&mut Issuer> {
        let key = key(context, jwt);
        if self.issuers.len() >= ISSUERS_MAX && !self.issuers.contains_key(&key) {
            return None;
        }
        Some(self.issuers.entry(key).or_default())
    }

    /// Learns from the tokens an answer hands out, and from answers that were lost.
    pub(super) fn hand_out(&mut self, context: &Context<'_>) {
        let now = context.at();
        let response = context.tx.response.as_ref();
        let signs_in = context.sighting.login.as_ref();
        let unclear = signs_in.is_some_and(|login| login.outcome == Outcome::Unknown);
        let cut = response.is_none_or(|response| response.leaves_cut)
            || !context.tx.flags.whole()
            || context.tx.lost_bytes > 0;
        if unclear || cut {
            let service = tell::key(&context.sighting.service, "");
            for (key, issuer) in &mut self.issuers {
                if *key >> 32 == service >> 32 {
                    issuer.lost = Some(now);
                }
            }
        }
        let issued = response.map(|response| response.issued.as_slice()).unwrap_or_default();
        for Issued { mark, jwt, .. } in issued.iter().filter(|issued| !issued.cleared) {
            let Some(jwt) = jwt.as_deref() else { continue };
            let mark = tell::secret(*mark);
            if let Some(signature) = jwt.signature {
                self.signatures.touch(now, signature, || mark);
            }
            if self.tokens.get(&mark).is_none() {
                self.tokens.touch(now, mark, || Token::new(context, true));
            }
            let Some(issuer) = self.issuer(context, jwt) else { continue };
            let count = issuer.classes.entry(class(&jwt.alg)).or_default();
            *count = count.saturating_add(1);
            issuer.own_key |= jwt.own_key;
            if let Some(iat) = jwt.iat {
                let (latest, earliest) = issuer.iat.unwrap_or((iat, iat));
                issuer.iat = Some((latest.max(iat), earliest.min(iat)));
            }
        }
    }
}

/// Key of an issuer at a service; the upper half is the service's.
fn key(context: &Context<'_>, jwt: &Jwt) -> u64 {
    let service = tell::key(&context.sighting.service, "");
    let issuer = tell::key("", jwt.iss.as_deref().unwrap_or_default());
    (service >> 32 << 32) | (issuer >> 32)
}
