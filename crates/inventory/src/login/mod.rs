//! Signing in: which requests try it, and what came of it.

pub(crate) mod answers;
pub(crate) mod basic;
pub(crate) mod cookies;
pub(crate) mod fields;
pub(crate) mod handles;
pub(crate) mod namer;
pub(crate) mod stats;
pub(crate) mod steps;

use crate::outcome::Verdict;
use crate::record::Record;
use crate::service::Service;
use crate::sighting::{EndpointKind, Login, Step, StepKind};
use crate::template::Hint;
use fields::{Fields, Grant};
use stats::LoginStats;
use stilt_model::{CredentialKind, Outcome, Request, SecretKind, Transaction, Value};

/// What a request is, as far as signing in goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assessed {
    pub(crate) kind: EndpointKind,
    pub(crate) login: Option<Login>,
    pub(crate) step: Option<Step>,
    /// The token or code that the step holds was not accepted, as the endpoint tells it.
    pub(crate) wrong: bool,
}

/// Assesses one transaction, and learns from it.
pub(crate) fn assess(
    service: &mut Service,
    record: &mut Record,
    tx: &Transaction,
    verdict: Verdict,
    folded: bool,
) -> Assessed {
    let Some(request) = &tx.request else { return Assessed::default() };
    let login = &mut record.login;
    let fields =
        fields::read(request, |candidates| login.get_or_insert_default().namer.choose(candidates));
    let mut assessed = match &fields {
        Some(fields) if !folded => with_fields(service, record, tx, request, fields, verdict),
        _ => without(service, record, tx, request, verdict),
    };
    if assessed.login.is_none() && lets_nobody_in(request, assessed.kind, verdict) {
        service.cookies.learn(tx);
    }
    if !folded && !(record.confirmed_not_there(tx)) {
        let signed_in = request.credentials.iter().any(|own| own.kind != CredentialKind::Basic);
        let id = record.endpoint.id;
        let about = record.about.sending(service.handles.sends(id));
        assessed.step = steps::of(request, about, record.hint, assessed.kind, signed_in);
        let by_code = fields.as_ref().is_some_and(|fields| fields.code_only);
        let given = match &assessed.step {
            Some(step) => step.kind == StepKind::CodeGiven,
            None => by_code && assessed.login.is_some(),
        };
        match (&assessed.step, &tx.response) {
            _ if given => service.handles.code_given(id, request),
            (None, Some(response)) if assessed.login.is_none() => {
                service.handles.note(id, request, response);
            }
            _ => {}
        }
    }
    assessed.wrong = assessed.step.as_ref().is_some_and(|step| record.turns_back(tx, step.kind));
    if assessed.kind != EndpointKind::Other && !folded && !record.hint_is_shared() {
        record.endpoint.kind = assessed.kind;
    }
    assessed
}

/// What such an answer sets is set for anybody: a page, or a refusal; not what comes after an
/// account was made, a second step, or a way back from another place to sign in.
fn lets_nobody_in(request: &Request, kind: EndpointKind, verdict: Verdict) -> bool {
    let page = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    let brings_a_proof = || {
        request.leaves.iter().take(16).any(|leaf| match &leaf.value {
            Value::Masked { mark, .. } => matches!(
                mark.kind,
                SecretKind::Code | SecretKind::Token | SecretKind::Jwt | SecretKind::Password
            ),
            _ => false,
        })
    };
    verdict.outcome() == Outcome::Failure
        || (page && kind == EndpointKind::Other && !brings_a_proof())
}

impl Record {
    /// A path that is not there takes nothing.
    fn confirmed_not_there(&self, tx: &Transaction) -> bool {
        !self.confirmed && matches!(tx.status(), Some(404 | 405 | 501))
    }

    /// One path for many functions (GraphQL, RPC): its kind is told request by request.
    fn hint_is_shared(&self) -> bool {
        matches!(&*self.resource, "graphql" | "gql" | "rpc" | "jsonrpc" | "query")
    }
}

/// A request with a user and a secret.
fn with_fields(
    service: &mut Service,
    record: &mut Record,
    tx: &Transaction,
    request: &Request,
    fields: &Fields,
    verdict: Verdict,
) -> Assessed {
    match fields.grant {
        Some(Grant::Refresh) => {
            return Assessed { kind: EndpointKind::Refresh, ..Assessed::default() };
        }
        Some(Grant::Other | Grant::Client) => return Assessed::default(),
        _ => {}
    }
    // A path that is not there takes no passwords.
    let absent = !record.confirmed && matches!(tx.status(), Some(404 | 405 | 501));
    if absent || !matches!(request.method.as_str(), "POST" | "GET" | "PUT" | "PATCH") {
        return Assessed::default();
    }
    // The token of a link, and the password that it lets one choose.
    if fields.by_chance && (record.about.resets() || record.hint != Hint::Login) {
        return Assessed::default();
    }
    // A code that was sent, and the password that it lets one choose.
    if fields.code_beside && record.about.proves() {
        return Assessed::default();
    }
    let stats = record.login.get_or_insert_default();
    let kind = kind(stats, record.hint, service, tx, request, fields, verdict);
    match kind {
        EndpointKind::Login => {
            let outcome = stats.judge(&mut service.cookies, tx, request, fields, verdict);
            stats.came_out(outcome, fields, tx.status());
            let login = Login { user: fields.user.clone(), secret: fields.secret, outcome };
            Assessed { kind, login: Some(login), step: None, wrong: false }
        }
        EndpointKind::Signup => {
            stats.came_out(verdict.outcome(), fields, tx.status());
            Assessed { kind, ..Assessed::default() }
        }
        kind => Assessed { kind, ..Assessed::default() },
    }
}

/// Whose credential a request with user and secret carries already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignedIn {
    Nobody,
    User,
    /// One beside which many users are given.
    Service,
}

fn signed_in(stats: &mut LoginStats, request: &Request, fields: &Fields) -> SignedIn {
    let carried = request.credentials.iter().find(|credential| {
        matches!(credential.kind, CredentialKind::Bearer | CredentialKind::ApiKey)
    });
    match carried {
        None => SignedIn::Nobody,
        Some(own) if stats.is_service(own.mark.digest, &fields.user) => SignedIn::Service,
        Some(_) => SignedIn::User,
    }
}

/// Whether a request with user and secret signs in, signs up, or does something else.
fn kind(
    stats: &mut LoginStats,
    hint: Hint,
    service: &Service,
    tx: &Transaction,
    request: &Request,
    fields: &Fields,
    verdict: Verdict,
) -> EndpointKind {
    let signed_in = signed_in(stats, request, fields);
    if fields.grant == Some(Grant::Password) {
        return EndpointKind::Login;
    }
    // Who joins chooses a password, and may type it twice unlike.
    if hint == Hint::Signup {
        return EndpointKind::Signup;
    }
    if fields.changes || matches!(hint, Hint::Password | Hint::Logout | Hint::Refresh) {
        return EndpointKind::Other;
    }
    let writes = request.method == "POST";
    let profile = fields.repeated || fields.extras > 3;
    match hint {
        Hint::Login if fields.repeated || fields.extras > 6 => return EndpointKind::Signup,
        Hint::Login => return EndpointKind::Login,
        _ if !writes => return EndpointKind::Other,
        Hint::People if !stats.returns() => return EndpointKind::Signup,
        _ => {}
    }
    if profile || fields.two_names || stats.only_new() {
        return EndpointKind::Signup;
    }
    if stats.returns() {
        return EndpointKind::Login;
    }
    match signed_in {
        SignedIn::User => return EndpointKind::Other,
        // What a service is told of a user and a secret that do not fit.
        SignedIn::Service
            if stats.unauthorized_before() || matches!(tx.status(), Some(401 | 403)) =>
        {
            return EndpointKind::Login;
        }
        SignedIn::Service => return EndpointKind::Other,
        SignedIn::Nobody if stats.refused_before() => return EndpointKind::Login,
        SignedIn::Nobody => {}
    }
    let hands_out = tx.response.as_ref().is_some_and(|response| {
        response
            .issued
            .iter()
            .any(|issued| issued.kind != CredentialKind::Cookie && !issued.cleared)
    }) || service.cookies.tells(request, tx.response.as_ref());
    let turned_down = matches!(tx.status(), Some(400 | 401 | 403 | 422 | 423))
        || verdict.body_error
        || (tx.status() == Some(500) && verdict.outcome() == Outcome::Failure);
    if hands_out || (turned_down && !fields.code_only) {
        return EndpointKind::Login;
    }
    EndpointKind::Other
}

/// A request without them: the end or renewal of a session, or HTTP Basic.
fn without(
    service: &mut Service,
    record: &Record,
    tx: &Transaction,
    request: &Request,
    verdict: Verdict,
) -> Assessed {
    let login = service.basic.attempt(tx, request, verdict);
    let deletes = request.method == "DELETE";
    let kind = match record.hint {
        Hint::Logout => EndpointKind::Logout,
        Hint::Login if deletes => EndpointKind::Logout,
        Hint::Refresh => EndpointKind::Refresh,
        _ if fields::grant(request) == Some(Grant::Refresh) => EndpointKind::Refresh,
        _ if service.cookies.ends(request, tx.response.as_ref())
            && verdict.outcome() == Outcome::Success =>
        {
            EndpointKind::Logout
        }
        _ => match record.endpoint.kind {
            // Only what signs in with a secret is told by its fields.
            kind @ (EndpointKind::Login | EndpointKind::Signup) if !record.hint_is_shared() => kind,
            _ => EndpointKind::Other,
        },
    };
    Assessed { kind, login, step: None, wrong: false }
}
