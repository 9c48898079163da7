//! Authorization at tool servers (MCP02:2025, MCP07:2025).
//!
//! A server that takes a token that was made for another one lets itself be used as a passage; a
//! tool that only callers with some scope were given is given to one without it.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::agents::words::{looks_only, parts};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Dialect, Finding, Jwt, Outcome, Rule, Severity, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_authorization",
        title: "A tool server accepts whom it should not",
        owasp: &["MCP02:2025", "MCP07:2025", "ASI03:2026", "API5:2023"],
        attack: &["T1550.001"],
        references: &["CWE-863", "CWE-441"],
    },
    severity: Severity::High,
    looks_for: "A token made for another audience than all tokens before is accepted (token \
                passthrough); a tool that every caller so far used with some scope or role is \
                given to a caller that has none of them, or less than all, and nothing else, where \
                what is missing says that it is for writing and the tool writes, or where others \
                without it never used the tool; a call without any credential is accepted by a \
                server that all others gave one.",
    needs: "Signed tokens whose claims can be read, and any credential for the last; twenty \
            accepted calls by three callers.",
    look_alikes: "New scopes that come with those all callers have; scopes that only say what is \
                  told of the user (openid, profile, email); another scope that allows for \
                  writing; several callers who never had a credential; opaque tokens; refusals.",
    tuning: &[
        Tuning { key: "calls_min", meaning: "accepted calls before anything is usual" },
        Tuning { key: "callers_min", meaning: "callers behind them" },
    ],
    build: |settings| Ok(Box::new(McpAuthorization::new(settings)?)),
};

const PLACES_MAX: usize = 20_000;
const CALLERS_MAX: usize = 256;
/// Calls of a tool with a credential, before one without is told.
const TOOL_MIN: u64 = 3;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: u64,
    callers_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 20, callers_min: 3 }
    }
}

/// What accepted calls had in common.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Usual {
    calls: u64,
    callers: BTreeSet<u64>,
    counts: BTreeMap<String, u64>,
}

impl Usual {
    fn add(&mut self, caller: u64, values: &[&str]) {
        self.calls = self.calls.saturating_add(1);
        if self.callers.len() < CALLERS_MAX {
            self.callers.insert(caller);
        }
        for value in values.iter().take(32) {
            if self.counts.len() < 64 || self.counts.contains_key(*value) {
                let count = self.counts.entry((*value).to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Values that every call had.
    fn common(&self) -> Vec<&str> {
        let all = self.counts.iter().filter(|(_, count)| **count == self.calls);
        all.map(|(value, _)| value.as_str()).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct McpAuthorization {
    #[serde(skip)]
    limits: Limits,
    audiences: Keep<u64, Usual>,
    scopes: Keep<u64, Usual>,
    /// Calls with any credential, by service and by tool of it, and who calls without.
    #[serde(default = "places")]
    shown: Keep<u64, Usual>,
    #[serde(default = "bare_places")]
    bare: Keep<u64, BTreeSet<u64>>,
    stories: Stories,
}

fn places() -> Keep<u64, Usual> {
    Keep::new(PLACES_MAX)
}

fn bare_places() -> Keep<u64, BTreeSet<u64>> {
    Keep::new(PLACES_MAX)
}

impl Default for McpAuthorization {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            audiences: places(),
            scopes: places(),
            shown: places(),
            bare: bare_places(),
            stories: Stories::default(),
        }
    }
}

/// Scopes that say what is told of the user, and open no tool.
const OF_IDENTITY: &[&str] =
    &["openid", "profile", "email", "address", "phone", "offline_access", "basic", "default"];

/// A scope that allows for changing things, by its words.
fn writes(scope: &str) -> bool {
    const WORDS: &[&str] = &[
        "write",
        "readwrite",
        "create",
        "update",
        "edit",
        "modify",
        "delete",
        "manage",
        "admin",
        "execute",
        "full",
        "all",
        "owner",
        "rw",
    ];
    parts(scope).iter().any(|part| WORDS.contains(&part.as_str()))
}

impl McpAuthorization {
    fn see(&mut self, context: &Context<'_>, talk: &Talk, _: &AgentSeen, out: &mut Vec<Finding>) {
        let accepted = outcome_of(context, talk) == Outcome::Success;
        let called = talk.calls().next().map(|call| call.name.as_str());
        let (Dialect::Mcp, true, Some(tool)) = (talk.dialect, accepted, called) else { return };
        let Some(request) = &context.tx.request else { return };
        let service = text_key(&context.sighting.service);
        let told = match request.credentials.iter().find_map(|own| own.jwt.as_deref()) {
            Some(jwt) => self
                .audience(context, jwt, service)
                .or_else(|| self.scope(context, jwt, (service, tool))),
            None => None,
        };
        let bare = self.bare(context, (service, tool));
        if let Some((key, word)) = told.or(bare) {
            self.stories.tell(context, (SPEC.rule.id, key), word, out);
        }
    }

    fn enough(&self, usual: &Usual) -> bool {
        usual.calls >= self.limits.calls_min && usual.callers.len() >= self.limits.callers_min
    }

    /// The token was made for somebody else.
    fn audience(&mut self, context: &Context<'_>, jwt: &Jwt, service: u64) -> Option<(u64, Word)> {
        let named: Vec<&str> = jwt.aud.iter().map(String::as_str).collect();
        if named.is_empty() {
            return None;
        }
        let mut usual =
            core::mem::take(self.audiences.touch(context.at(), service, Usual::default));
        let common = usual.common().join(", ");
        let alien = !named.iter().any(|name| usual.common().contains(name));
        let word = (self.enough(&usual) && !common.is_empty() && alien).then(|| {
            let bound = 100.0 * rate_upper(0, usual.calls, 0.05);
            let audience = named.join(", ");
            Word {
                severity: SPEC.severity,
                outcome: Outcome::Success,
                confidence: 0.85,
                note: format!("a token for {audience} is accepted"),
                message: format!(
                    "{} accepted a token made for {audience}; all {} before were made for {common}",
                    context.sighting.service, usual.calls
                ),
                why: vec![signal(
                    "token_audience",
                    audience,
                    format!("{common}; others in at most {bound:.1} % by bound"),
                )],
                remediation: "let the server refuse tokens that were not made for it".into(),
            }
        });
        if word.is_none() {
            usual.add(caller(context), &named);
        }
        *self.audiences.touch(context.at(), service, Usual::default) = usual;
        word.map(|word| (hash(&[service, text_key(&named.join(" "))]), word))
    }

    /// The token allows for less than all callers of the tool were allowed.
    fn scope(
        &mut self,
        context: &Context<'_>,
        jwt: &Jwt,
        (service, tool): (u64, &str),
    ) -> Option<(u64, Word)> {
        let roles: Vec<&str> = jwt.roles.iter().map(String::as_str).collect();
        let key = hash(&[service, text_key(tool)]);
        let everywhere = self.scopes.touch(context.at(), service, Usual::default);
        // Scopes that a good part of the server's calls do without.
        let calls = everywhere.calls;
        let needless = |count: &u64| count.saturating_mul(10) < calls.saturating_mul(9);
        let known = everywhere.counts.iter();
        let of_some: BTreeSet<String> =
            known.filter(|(_, count)| needless(count)).map(|(scope, _)| scope.clone()).collect();
        everywhere.add(caller(context), &roles);
        let mut usual = core::mem::take(self.scopes.touch(context.at(), key, Usual::default));
        let common = usual.common();
        let missing: Vec<&str> =
            common.iter().copied().filter(|scope| !roles.contains(scope)).collect();
        // Another scope may allow for the same: only who has less, and nothing else, lacks it.
        let open = |scope: &str| !OF_IDENTITY.contains(&scope);
        let less = roles.iter().all(|role| !open(role) || common.contains(role));
        let to_write = !looks_only(tool) && !roles.iter().any(|role| open(role) && writes(role));
        let lacks = !missing.is_empty()
            && (missing.len() == common.len()
                || less
                    && missing.iter().any(|scope| {
                        open(scope) && (of_some.contains(*scope) || to_write && writes(scope))
                    }));
        let word = (self.enough(&usual) && lacks).then(|| {
            let missing = missing.join(", ");
            Word {
                severity: SPEC.severity,
                outcome: Outcome::Success,
                confidence: 0.8,
                note: format!("{tool} without {missing}"),
                message: format!(
                    "{tool} of {} was given to a caller without {missing}, which all {} calls of {} callers had",
                    context.sighting.service,
                    usual.calls,
                    usual.callers.len()
                ),
                why: vec![signal("scopes", roles.join(" "), common.join(" "))],
                remediation: format!("let the server ask for {missing} before it runs {tool}"),
            }
        });
        if word.is_none() {
            usual.add(caller(context), &roles);
        }
        *self.scopes.touch(context.at(), key, Usual::default) = usual;
        word.map(|word| (key, word))
    }

    /// Nobody said who he is, where everybody had to.
    fn bare(&mut self, context: &Context<'_>, (service, tool): (u64, &str)) -> Option<(u64, Word)> {
        let credentials = context.tx.request.iter().flat_map(|request| &request.credentials);
        // A session's id is handed out by the server to whoever asks.
        let shows = credentials.filter(|own| own.name != "mcp-session-id").count() > 0;
        let caller = caller(context);
        let keys = [service, hash(&[service, text_key(tool)])];
        if shows {
            for key in keys {
                self.shown.touch(context.at(), key, Usual::default).add(caller, &[]);
            }
            return None;
        }
        let strangers = self.bare.touch(context.at(), service, BTreeSet::new);
        if strangers.len() < CALLERS_MAX {
            strangers.insert(caller);
        }
        let strangers = strangers.len();
        let [all, of_tool] = keys.map(|key| self.shown.get(&key));
        let (all, of_tool) = (all.filter(|all| self.enough(all))?, of_tool?);
        // Where several do without, it is the custom.
        if of_tool.calls < TOOL_MIN || strangers.saturating_mul(2) > all.callers.len() {
            return None;
        }
        let bound = 100.0 * rate_upper(0, all.calls, 0.05);
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.75,
            note: format!("{tool} without any credential"),
            message: format!(
                "{tool} of {} was given to a caller without any credential; all {} calls of {} callers before showed one",
                context.sighting.service,
                all.calls,
                all.callers.len()
            ),
            why: vec![signal(
                "credential",
                "none",
                format!("in every call; none in at most {bound:.1} % by bound"),
            )],
            remediation: "let the server refuse calls without a token, whichever tool they name"
                .into(),
        };
        Some((hash(&[service, 1]), word))
    }
}

fn caller(context: &Context<'_>) -> u64 {
    context.seen.principal.unwrap_or(context.seen.actor.id).0
}

detector!(McpAuthorization);

#[cfg(test)]
mod tests {
    use super::super::testing::call;
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, jwt};

    fn by(user: usize, audience: &str, scope: &str) -> Tx {
        let token = jwt(&format!(r#"{{"sub":"user{user}","aud":"{audience}","scope":"{scope}"}}"#));
        call("pay_invoice", r#"{"id":7}"#, "paid")
            .bearer(&token)
            .from(&format!("10.1.0.{}", 1 + user))
    }

    fn told(last: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..30 {
            town.at(
                10.0 * n as f64,
                by(n % 5, "https://tools.test", if n % 2 == 0 { "pay" } else { "pay read" }),
            );
        }
        town.at(500.0, last);
        town.run();
        town.stories().len()
    }

    #[test]
    fn a_token_for_others_and_a_missing_scope_are_told() {
        assert_eq!(told(by(9, "https://graph.test", "pay")), 1);
        assert_eq!(told(by(9, "https://tools.test", "read")), 1);
    }

    #[test]
    fn less_than_all_had_is_told_where_it_is_missed() {
        let told = |usual: &str, last: &str, reads: &str| {
            let mut town = Town::new(super::SPEC.rule.id);
            for n in 0..30 {
                town.at(10.0 * n as f64, by(n % 5, "https://tools.test", usual));
                let look = by(5 + n % 3, "https://tools.test", reads);
                let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_invoices","arguments":{}}}"#;
                town.at(10.0 * n as f64 + 1.0, look.json(body));
            }
            town.at(500.0, by(9, "https://tools.test", last));
            town.run();
            town.stories().len()
        };
        let both = "bills:read bills:write";
        assert_eq!(told(both, "bills:read", both), 1, "reading only, and it writes");
        assert_eq!(told("bills pay", "bills", "bills"), 1, "others without it only look");
        assert_eq!(told("bills pay", "bills", "bills pay"), 0, "nothing says what it is for");
        assert_eq!(told(both, "bills:read bills:admin", both), 0, "another right to write");
        assert_eq!(told("openid email bills", "openid bills", "bills"), 0, "of the user only");
    }

    #[test]
    fn one_token_for_several_is_for_each_of_them() {
        let list = |user: usize, audience: &str| {
            let claims = format!(r#"{{"sub":"user{user}","aud":[{audience}],"scope":"pay"}}"#);
            call("pay_invoice", r#"{"id":7}"#, "paid").bearer(&jwt(&claims))
        };
        assert_eq!(told(list(9, r#""https://graph.test""#)), 1);
        assert_eq!(told(list(9, r#""https://graph.test","https://tools.test""#)), 0);
    }

    #[test]
    fn a_call_without_any_credential_is_told_where_all_others_have_one() {
        let bare = |n: u8| call("pay_invoice", r#"{"id":7}"#, "paid").from(&format!("10.9.0.{n}"));
        assert_eq!(told(bare(1)), 1);
        assert_eq!(told(bare(1).status(401)), 0);
        assert_eq!(told(bare(1).header("X-API-Key", "k3y-0123456789abcdef0123")), 0);
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..60 {
            town.at(10.0 * n as f64, by(n % 5, "https://tools.test", "pay"));
            town.at(10.0 * n as f64 + 1.0, bare(1 + (n % 5) as u8));
        }
        town.run();
        assert_eq!(town.stories().len(), 0, "a server that is open to all");
    }

    #[test]
    fn new_callers_with_what_is_usual_and_refusals_are_silent() {
        assert_eq!(told(by(9, "https://tools.test", "pay admin")), 0);
        assert_eq!(told(by(9, "https://graph.test", "pay").status(403)), 0);
    }
}
