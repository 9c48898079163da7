//! What the inventory says of one transaction.

use crate::openapi::Found;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use stilt_model::{EndpointId, Outcome, Pseudonym};

/// What an endpoint is for, as far as sessions and detections need to know.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum EndpointKind {
    /// Anything else.
    #[default]
    Other,
    /// Takes a user and a secret and, where they are right, hands out a token or session.
    Login,
    /// Takes a user and a new secret, and creates an account.
    Signup,
    /// Ends a session.
    Logout,
    /// Renews a token.
    Refresh,
}

/// Type of a path slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SlotKind {
    /// Decimal number.
    Integer,
    /// UUID (RFC 9562) or ULID.
    Uuid,
    /// Hex or base64url digest, at least 16 characters.
    Hash,
    /// ISO date or date-time.
    Date,
    /// A word that varies.
    Slug,
}

/// One slot of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Index of the path segment, from 0.
    pub segment: usize,
    /// Its name in the template, without braces ("id", "order_id").
    pub name: String,
    /// Its type.
    pub kind: SlotKind,
}

/// An object a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Resource class, singular, lower case: `order` for `/orders/{id}` and for `order_id=`.
    pub class: Arc<str>,
    /// The id as text (percent-decoded, as in the leaf that would disclose it).
    pub id: String,
    /// The id as a number, where it is one: walks are told by order and stride.
    pub number: Option<i64>,
    /// It stands in the path (else in query or body).
    pub in_path: bool,
}

/// An attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name as given: clear text (for e-mail addresses: the mark).
    pub user: String,
    /// What stands for the password or code.
    pub secret: Option<Pseudonym>,
    /// `Success` only where a token or session was issued (or the login endpoint is known to answer
    /// so); `Failure` for a refusal of the credentials; `Unknown` for 429, 5xx and unseen answers.
    pub outcome: Outcome,
}

/// What a request does to an account beside signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// A one-time code is asked for, or sent again.
    CodeSent,
    /// A one-time code is given.
    CodeGiven,
    /// A new password is asked for.
    ResetAsked,
    /// A token or code is shown to set a new password.
    ResetDone,
    /// A password is set by one who is signed in.
    PasswordSet,
    /// Whether a name is taken is asked, or found out by making an account.
    Lookup,
}

/// A step of an account's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub kind: StepKind,
    /// The account named: clear text, or a mark.
    pub user: Option<String>,
    /// Key of the code, token or new password: equal for equal ones of one installation.
    pub secret: Option<u64>,
}

/// What the inventory says of one transaction.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Endpoint; `None` where no request was seen.
    pub endpoint: EndpointId,
    /// As shown: `GET /v1/orders/{id}`.
    pub name: Arc<str>,
    /// Service name.
    pub service: Arc<str>,
    /// Whose accounts and numbers they are: the service's, or of one host of those it has (a
    /// tenant at a name of its own).
    pub realm: Arc<str>,
    /// Resource the endpoint is about: singular, lower case.
    pub resource: Arc<str>,
    /// Names by which the service's lists call their records, beside `id` and the like.
    pub keys: Arc<BTreeSet<Box<str>>>,
    /// What the endpoint is for.
    pub kind: EndpointKind,
    /// The request changes state (POST, PUT, PATCH, DELETE; a GraphQL mutation).
    pub changes_state: bool,
    /// Objects asked for: ids in path slots, then id-typed query and body leaves.
    pub objects: Vec<ObjectRef>,
    /// What the application did: learned success classifier; an answer 200 with an error body is a
    /// failure.
    pub outcome: Outcome,
    /// It refused for lack of right or existence (401, 403, 404, 410, or the like in a 200 body).
    pub refused: bool,
    /// Sign-in attempt, where it is one.
    pub login: Option<Login>,
    /// What else it does to an account.
    pub step: Option<Step>,
    /// Endpoint ids that this sighting has just merged into `endpoint` (a template was learned).
    pub merged: Vec<EndpointId>,
    /// The names that those were told under; at most 64.
    pub was: Vec<Arc<str>>,
    /// What the documented API says of it; `None` where no document is about the service.
    pub documented: Option<Found>,
    /// What the requests inside it ask for, where it is a batch.
    pub inside: Vec<Inside>,
}

/// One request of a batch.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Its place in the list.
    pub record: u32,
    /// What it asks for, and what came of it.
    pub sighting: Sighting,
}
