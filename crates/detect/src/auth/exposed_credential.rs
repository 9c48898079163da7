//! Credentials that show where they should not (CWE-598, CWE-522; OWASP API8:2023).
//!
//! A weakness of the application, told once per endpoint: tokens, keys and passwords in the query
//! of a URL end in logs, histories and referrers. One key that callers of several tenants share is
//! nobody's. A name that gets in with the password its maker gave it lets anybody in. Credentials
//! over HTTP in clear are the rule behind a proxy that ends TLS, so they are told once per service,
//! as low, and only where no proxy says that the client's own leg is encrypted. Links that are made
//! to be opened once (to reset a password, to confirm an address) and signed links to files are
//! meant to hold a secret.

use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tell::{self, signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{
    CredentialKind, EndpointId, Finding, Leaf, Outcome, Place, Rule, SecretKind, Severity, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "auth.exposed_credential",
        title: "Credentials on the wire where they leak",
        owasp: &["API8:2023"],
        attack: &["T1552"],
        references: &["CWE-598", "CWE-522", "CWE-319", "CWE-1392"],
    },
    severity: Severity::Medium,
    looks_for: "Passwords, tokens and keys in the query of a URL, again and again at one endpoint; \
                one key used for several tenants; an account that opens with its maker's password \
                (`admin`, `admin`); credentials over HTTP in clear, where no proxy says that the \
                client's leg is encrypted. Told as posture, once per endpoint, account or service.",
    needs: "Requests; their answers add little.",
    look_alikes: "Links to reset a password or confirm an address, the way back from another place \
                  to sign in, signed links to files: these are made to hold a secret once.",
    tuning: &[
        Tuning { key: "requests_min", meaning: "requests with a credential in the URL" },
        Tuning { key: "tenants_min", meaning: "tenants that share one key" },
        Tuning {
            key: "clear_min",
            meaning: "accepted requests with a credential over clear HTTP; 0: not told",
        },
    ],
    build: |settings| Ok(Box::new(ExposedCredential::new(settings)?)),
};

const ENDPOINTS_MAX: usize = 20_000;
const KEYS_MAX: usize = 20_000;
const TENANTS_MAX: usize = 16;
const SERVICES_MAX: usize = 2_000;
const ACCOUNTS_MAX: usize = 10_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    requests_min: u64,
    tenants_min: usize,
    clear_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_min: 3, tenants_min: 2, clear_min: 10 }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Key {
    tenants: BTreeSet<String>,
    told: bool,
}

#[derive(Serialize, Deserialize)]
struct ExposedCredential {
    #[serde(skip)]
    limits: Limits,
    urls: Keep<EndpointId, u64>,
    keys: Keep<u64, Key>,
    clear: Keep<u64, Clear>,
    /// Accounts that opened with their maker's password.
    defaults: Keep<u64, bool>,
}

/// Credentials of one service over clear HTTP.
#[derive(Default, Serialize, Deserialize)]
struct Clear {
    /// Accepted requests that carried one.
    requests: u64,
    /// Of these, behind a proxy that says it ends TLS.
    encrypted: u64,
    passwords: bool,
    told: bool,
}

impl ExposedCredential {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            urls: Keep::new(ENDPOINTS_MAX),
            keys: Keep::new(KEYS_MAX),
            clear: Keep::new(SERVICES_MAX),
            defaults: Keep::new(ACCOUNTS_MAX),
        })
    }

    fn in_url(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let query = request.leaves.iter().filter(|leaf| leaf.place == Place::Query);
        let Some((leaf, password)) = query.take(16).find_map(exposed) else { return };
        if context.sighting.step.is_some() || context.sighting.refused {
            return;
        }
        let count = self.urls.touch(context.at(), context.sighting.endpoint, || 0);
        *count = count.saturating_add(1);
        // A password in a URL is one too many.
        let enough = if password { 1 } else { self.limits.requests_min };
        if *count != enough {
            return;
        }
        let what = if password { "a password" } else { "a credential" };
        let severity = if password { Severity::High } else { Severity::Medium };
        let mut finding = posture(context, severity);
        finding.message =
            format!("{what} is sent in the URL (parameter {}), where logs keep it", leaf.name());
        finding.why = vec![signal("credential_in_url", leaf.name(), "in a header or a body")];
        finding.remediation =
            "send it in the Authorization header or the body, and change what was sent so".into();
        findings.push(finding);
    }

    fn shared(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let (Some(request), Some(tenant)) = (&context.tx.request, tenant(context)) else { return };
        let keys = request.credentials.iter().filter(|own| {
            matches!(own.kind, CredentialKind::ApiKey | CredentialKind::Basic) && own.jwt.is_none()
        });
        if context.sighting.outcome != Outcome::Success {
            return;
        }
        for own in keys.take(2) {
            let key = self.keys.touch(context.at(), tell::secret(own.mark), Key::default);
            if key.tenants.len() < TENANTS_MAX && !key.tenants.contains(&tenant) {
                key.tenants.insert(tenant.clone());
            }
            if key.told || key.tenants.len() < self.limits.tenants_min {
                continue;
            }
            key.told = true;
            let mut finding = posture(context, Severity::Medium);
            let tenants = key.tenants.len();
            finding.message = format!("one key ({}) is used for {tenants} tenants", own.name);
            finding.why = vec![signal("tenants_of_one_key", tenants.to_string(), "1")];
            finding.remediation = "give each tenant a key of its own".to_owned();
            findings.push(finding);
        }
    }
}

impl ExposedCredential {
    fn in_clear(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(request) = &context.tx.request else { return };
        let signs_in = context.sighting.login.as_ref().is_some_and(|login| login.secret.is_some());
        let basic = request.credentials.iter().any(|own| own.kind == CredentialKind::Basic);
        let shows = signs_in || context.seen.authenticated;
        if !shows || context.sighting.outcome != Outcome::Success {
            return;
        }
        let place = tell::key(&context.sighting.service, "");
        let clear = self.clear.touch(context.at(), place, Clear::default);
        clear.requests = clear.requests.saturating_add(1);
        clear.encrypted = clear.encrypted.saturating_add(u64::from(request.encrypted_before));
        clear.passwords |= signs_in || basic;
        let open = clear.requests.saturating_sub(clear.encrypted);
        let few = open < self.limits.clear_min || open <= clear.encrypted;
        if clear.told || self.limits.clear_min == 0 || few {
            return;
        }
        clear.told = true;
        let what = if clear.passwords { "passwords and sessions" } else { "tokens or keys" };
        let mut finding = posture(context, Severity::Low);
        finding.message = format!("{what} travel over HTTP in clear");
        finding.why =
            vec![signal("clear_http", what, "over TLS, or behind a proxy that says it ends TLS")];
        finding.remediation =
            "encrypt this leg too, or see that nobody but the proxy can reach and read it".into();
        findings.push(finding);
    }

    fn by_default(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let login = context.sighting.login.as_ref();
        let outcome = login.map_or(context.sighting.outcome, |login| login.outcome);
        if !context.seen.default_credentials || outcome != Outcome::Success {
            return;
        }
        let basic = || {
            let request = context.tx.request.as_ref()?;
            request.credentials.iter().find_map(|own| own.user.as_deref())
        };
        let user = login.map(|login| login.user.as_str()).or_else(basic).unwrap_or_default();
        let account = tell::key(&context.sighting.realm, user);
        let told = self.defaults.touch(context.at(), account, || false);
        if core::mem::replace(told, true) {
            return;
        }
        let mut finding = posture(context, Severity::High);
        finding.message = format!("account {user} opens with its maker's password");
        finding.why = vec![signal("default_credentials", user, "a password of its own")];
        finding.related_users = vec![user.to_owned()];
        finding.remediation = "change the password, and look at what was done with it".to_owned();
        findings.push(finding);
    }
}

/// A credential in a parameter, and whether it is a password; signatures of links are none.
fn exposed(leaf: &Leaf) -> Option<(&Leaf, bool)> {
    let Value::Masked { mark, .. } = &leaf.value else { return None };
    let name = leaf.name().to_ascii_lowercase();
    let once = ["sig", "state", "nonce", "code", "ticket", "invite", "confirm", "verif", "csrf"];
    let cursor = ["page", "cursor", "next", "continuation"];
    if once.iter().chain(&cursor).any(|word| name.contains(word)) || name.starts_with("x-") {
        return None;
    }
    match mark.kind {
        SecretKind::Password => Some((leaf, true)),
        SecretKind::Token | SecretKind::Jwt | SecretKind::ApiKey => Some((leaf, false)),
        _ => None,
    }
}

/// The tenant a request is for, by its signed token or its caller's.
fn tenant(context: &Context<'_>) -> Option<String> {
    let request = context.tx.request.as_ref()?;
    let claimed = request.credentials.iter().find_map(|own| own.jwt.as_ref()?.tenant.clone());
    // What a gateway says beside the one credential of all is no tenant of that credential.
    if request.on_behalf.is_some() {
        return claimed;
    }
    claimed.or_else(|| context.seen.tenant.as_ref().map(ToString::to_string))
}

fn posture(context: &Context<'_>, severity: Severity) -> Finding {
    let mut finding = context.finding(SPEC.rule.id, severity, tell::client(context));
    finding.posture = true;
    finding.session = None;
    finding.outcome = context.sighting.outcome;
    finding.evidence = vec![context.evidence("carries it")];
    finding
}

impl Detector for ExposedCredential {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.in_url(context, findings);
            self.shared(context, findings);
            self.in_clear(context, findings);
            self.by_default(context, findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Town, home};
    use stilt_inventory::test_support::{Tx, get, post};
    use stilt_model::Finding;

    fn notices(tx: impl Fn(u64) -> Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for user in 0..12 {
            town.at(10.0 * user as f64, tx(user).from(&home(user)));
        }
        town.run();
        assert!(town.stories().is_empty());
        let clear = |one: &&&Finding| one.message.ends_with("in clear");
        assert!(town.notices().iter().filter(clear).count() <= 1);
        town.notices().iter().filter(|one| !clear(one)).count()
    }

    fn in_clear(tx: impl Fn(u64) -> Tx) -> bool {
        let mut town = Town::new(super::SPEC.rule.id);
        for user in 0..40 {
            town.at(10.0 * user as f64, tx(user).from(&home(user)));
        }
        town.run();
        town.notices().iter().any(|one| one.message.ends_with("in clear"))
    }

    #[test]
    fn credentials_in_clear_are_told_once_unless_a_proxy_ends_tls() {
        let own = |n: u64| format!("t0k3n{n:027x}");
        let read = |n: u64| get("/me").bearer(&own(n)).answer(r#"{"n":1}"#);
        assert!(in_clear(read));
        assert!(in_clear(|n| get("/me").basic("ann", &format!("pw-{n}")).answer(r#"{"n":1}"#)));
        assert!(!in_clear(|n| read(n).header("X-Forwarded-Proto", "https")));
        assert!(!in_clear(|n| read(n).status(401)));
        assert!(!in_clear(|_| get("/public").answer(r#"{"n":1}"#)));
    }

    #[test]
    fn an_account_that_opens_with_its_makers_password_is_told_once() {
        let login = |user: &str, password: &str| {
            let body = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
            post("/login").json(&body)
        };
        let yes = r#"{"access_token":"t0k3n-0123456789abcdef"}"#;
        assert_eq!(notices(|_| login("admin", "admin").answer(yes)), 1);
        assert_eq!(notices(|_| login("admin", "fj3-lamp-otter").answer(yes)), 0);
        let no = r#"{"error":"wrong password"}"#;
        assert_eq!(notices(|_| login("admin", "admin").status(401).answer(no)), 0);
        assert_eq!(notices(|_| get("/x").basic("tomcat", "s3cret").answer(r#"{"n":1}"#)), 1);
    }

    #[test]
    fn keys_tokens_and_passwords_in_urls_are_told_once() {
        let key = |n: u64| get(&format!("/v1/list?api_key=a8f0{n:028x}")).answer(r#"{"n":1}"#);
        assert_eq!(notices(key), 1);
        let token = |n: u64| get(&format!("/v1/x?access_token=t0k3n{n:027x}")).answer(r#"{"n":1}"#);
        assert_eq!(notices(token), 1);
        let one = |n: u64| {
            if n == 3 { get("/login?user=ann&password=s3cret-1") } else { get("/") }
        };
        assert_eq!(notices(one), 1);
    }

    #[test]
    fn one_key_for_two_tenants_is_told() {
        let shared = |n: u64| {
            let own = stilt_inventory::test_support::jwt(&format!(
                r#"{{"sub":"u{n}","tenant":"t{}"}}"#,
                n % 3
            ));
            get("/v1/list").header("X-Api-Key", "8d1c2e7f90ab34cd").bearer(&own)
        };
        assert_eq!(notices(shared), 1);
    }

    #[test]
    fn links_that_are_made_to_hold_a_secret_are_silent() {
        let reset = |n: u64| get(&format!("/password/reset?token=8f0c1a77d2e9{n:04x}8f0c1a77d2e9"));
        assert_eq!(notices(reset), 0);
        let back = |n: u64| get(&format!("/callback?code=8f0c1a77d2e9{n:020x}&state=99aa88bb77cc"));
        assert_eq!(notices(back), 0);
        let link = |n: u64| get(&format!("/files/9.pdf?sig=8f0c1a77d2e9{n:020x}&expires=17"));
        assert_eq!(notices(link), 0);
        assert_eq!(notices(|_| post("/login").form("user=ann&password=s3cret-1")), 0);
    }
}
