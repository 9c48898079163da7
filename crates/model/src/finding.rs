//! What a detector concludes, complete enough to be told without looking anything up.

use crate::actor::Actor;
use crate::flow::Tunnel;
use crate::id::{SessionId, TransactionId};
use crate::origin::Origin;
use crate::saved::{self, Word};
use crate::talk::Summary;
use crate::time::Timestamp;
use crate::transaction::Transaction;
use crate::wire::Anomaly;
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};

/// How grave an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Needs action.
    High,
    /// Needs action now.
    Critical,
}

impl Severity {
    /// `event.severity`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }

    /// `stilt.severity`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What the application did with the act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It refused.
    Failure,
    /// The answer was not seen, or tells nothing.
    Unknown,
    /// It let it happen.
    Success,
}

impl Outcome {
    /// `event.outcome`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Unknown => "unknown",
            Self::Success => "success",
        }
    }
}

/// One signal that raised a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Snake-case name.
    pub signal: String,
    /// What was observed: a number or a short text.
    pub observed: String,
    /// What would have been expected.
    pub expected: String,
}

/// One transaction that bears a finding out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The transaction.
    pub transaction: TransactionId,
    /// Its start.
    pub time: Timestamp,
    /// Method.
    pub method: String,
    /// Path, masked.
    pub path: String,
    /// Status, where seen.
    pub status: Option<u16>,
    /// TCP peer.
    pub source: SocketAddr,
    /// Forwarded client, where it differs.
    pub client: Option<IpAddr>,
    /// What it shows ("account carol").
    pub note: String,
    /// First and last packet.
    pub packets: (u64, u64),
}

/// How whole the picture was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Nothing was missing.
    pub complete: bool,
    /// Bytes lost.
    pub lost_bytes: u64,
    /// Only one direction was seen.
    pub one_sided: bool,
    /// Packets or bodies were cut.
    pub truncated: bool,
    /// A body was there whose content coding could not be undone.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub undecoded: bool,
}

impl Observed {
    /// How whole one transaction is.
    #[must_use]
    pub fn of(tx: &Transaction) -> Self {
        let undecoded = tx.anomalies.iter().any(|anomaly| {
            matches!(anomaly, Anomaly::BadContentCoding | Anomaly::DecompressionCap)
        });
        Self {
            complete: tx.flags.whole(),
            lost_bytes: tx.lost_bytes,
            one_sided: tx.flags.one_sided,
            truncated: tx.flags.snaplen || tx.flags.body_cut || tx.flags.head_cut,
            undecoded,
        }
    }

    /// What holds of both together, their lost bytes apart.
    pub fn join(&mut self, other: &Self) {
        self.complete &= other.complete;
        self.one_sided |= other.one_sided;
        self.truncated |= other.truncated;
        self.undecoded |= other.undecoded;
    }
}

/// Session a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRef {
    /// Its id.
    pub id: SessionId,
    /// When it started.
    pub start: Timestamp,
    /// Requests so far.
    pub requests: u64,
}

/// The most telling transaction: fills `http`, `url`, `source`, `user_agent` of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// TCP peer.
    pub source: SocketAddr,
    /// Server.
    pub destination: SocketAddr,
    /// Forwarded client, where a trusted peer said so.
    pub client: Option<IpAddr>,
    /// Where the client is, as enrichment says.
    #[serde(default)]
    pub origin: Option<Box<Origin>>,
    /// HTTP version name.
    #[serde(deserialize_with = "saved::word")]
    pub version: Word,
    /// Method.
    pub method: String,
    /// Host.
    pub host: Option<String>,
    /// Target, masked.
    pub target: String,
    /// Path, masked.
    pub path: String,
    /// Status.
    pub status: Option<u16>,
    /// User agent.
    pub user_agent: Option<String>,
    /// `http.request.id`.
    pub request_id: Option<String>,
    /// `trace.id`.
    pub trace_id: Option<String>,
    /// VLAN tags.
    pub vlan: Vec<u16>,
    /// The innermost tunnel around its flow.
    pub tunnel: Option<Tunnel>,
    /// What it says to a model or a tool server.
    #[serde(default)]
    pub talk: Option<Box<Summary>>,
}

/// What a detector concludes. A later finding of the same story (rule, actor, endpoint) updates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `family.name`.
    #[serde(deserialize_with = "saved::word")]
    pub rule: Word,
    /// `true`: a weakness of the application itself, told as a posture record, not an alert.
    pub posture: bool,
    /// Severity.
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// What the application did.
    pub outcome: Outcome,
    /// When the finding became certain.
    pub at: Timestamp,
    /// First act of the story.
    pub start: Timestamp,
    /// Last act of the story.
    pub end: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Tells apart what one actor does at one endpoint: conversations under one key. 0: no more
    /// than one story.
    #[serde(default)]
    pub thread: u64,
    /// Session, where there is one.
    pub session: Option<SessionRef>,
    /// Service name.
    pub service: String,
    /// Endpoint as shown (`POST /login`).
    pub endpoint: String,
    /// One sentence with the figures.
    pub message: String,
    /// What to do.
    pub remediation: String,
    /// Signals.
    pub why: Vec<Signal>,
    /// At most 20 transactions: the first, the last, the most telling.
    pub evidence: Vec<Evidence>,
    /// Transactions that belong to the story.
    pub count: u64,
    /// The most telling transaction.
    pub subject: Subject,
    /// Addresses involved, at most 100, sorted.
    pub related_ips: Vec<IpAddr>,
    /// User names involved, at most 100, sorted, never secrets.
    pub related_users: Vec<String>,
    /// How whole the picture was.
    pub observed: Observed,
}

/// What the catalogue says of one rule; the detection's `SPEC` holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `family.name`.
    pub id: &'static str,
    /// Title in the field's words (`rule.name`).
    pub title: &'static str,
    /// OWASP ids with edition ("API1:2023").
    pub owasp: &'static [&'static str],
    /// MITRE ATT&CK technique ids.
    pub attack: &'static [&'static str],
    /// Further references ("CWE-639", "OAT-008").
    pub references: &'static [&'static str],
}

impl Rule {
    /// The family: what stands before the dot.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}
