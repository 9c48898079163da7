//! The words every floor of Stilt shares: time, flow, message, transaction, actor, finding.
//!
//! No logic lives here beyond the invariants of the types themselves. Everything that crosses a
//! thread boundary is owned, bounded and serialisable.

pub mod actor;
pub mod exposure;
pub mod finding;
pub mod flow;
pub mod id;
pub mod leaf;
pub mod leaf_path;
pub mod origin;
pub mod pseudonym;
pub mod recent;
pub mod record;
pub mod saved;
pub mod sensitive;
pub mod talk;
pub mod time;
pub mod transaction;
pub mod wire;

pub use actor::{Actor, ActorId, ActorKind};
pub use exposure::{Exposure, Exposures};
pub use finding::{
    Evidence, Finding, Observed, Outcome, Rule, SessionRef, Severity, Signal, Subject,
};
pub use flow::{Flow, Tunnel, VlanTag};
pub use id::{EndpointId, FlowId, IdBuilder, SessionId, TransactionId};
pub use leaf::{Leaf, Place, Value};
pub use leaf_path::{LeafPath, PathMemo, Question};
pub use origin::{Asset, Criticality, Origin};
pub use pseudonym::{Key, Pseudonym, SecretKind};
pub use recent::Recent;
pub use record::{Closed, SessionRecord, Step};
pub use sensitive::{NumberColumn, Sensitive, SensitiveClass, SensitiveCounts};
pub use smol_str::SmolStr;
pub use talk::{Dialect, Talk, ToolCall, ToolDef, TrustRole, Turn};
pub use time::Timestamp;
pub use transaction::{
    AsSent, Credential, CredentialKind, Drawn, Flags, GraphQl, Issued, Jwt, KeyMaterial, LoginName,
    Order, Request, Response, Sealed, SigningKey, Transaction,
};
pub use wire::{
    Anomaly, Body, ClientHello, Exchange, Head, HttpVersion, Mark, Message, Stage, StreamEvents,
};
