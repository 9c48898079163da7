//! What a detector is shown.

use crate::agents::{AgentSeen, Ai};
use stilt_baseline::{RateStatus, Score};
use stilt_inventory::{Inventory, Sighting};
use stilt_model::talk::Summary;
use stilt_model::{
    Actor, ClientHello, Evidence, Finding, Observed, Outcome, Severity, Subject, Timestamp,
    Transaction,
};
use stilt_policy::Decision;
use stilt_session::Seen;
use stilt_session::objects::Objects;

/// One transaction with everything the lower floors say of it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The transaction.
    pub tx: &'a Transaction,
    /// Which endpoint, which objects, what came of it.
    pub sighting: &'a Sighting,
    /// Who.
    pub seen: &'a Seen,
    /// How the actor's rate on the endpoint compares, where it is worth a look.
    pub rate: Option<&'a RateStatus>,
    /// How unusual the transaction is.
    pub score: &'a Score,
    /// What each actor was shown, and whose it is.
    pub objects: &'a Objects,
    /// What is known of endpoints, and the documented API.
    pub inventory: &'a Inventory,
    /// What the policies say, where one speaks of the function.
    pub decision: Option<&'a Decision>,
    /// Which agent talks, and what of the talk is new, where there is one.
    pub agent: Option<&'a AgentSeen>,
}

impl Context<'_> {
    /// When the transaction was complete.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.tx.end
    }

    /// The transaction as evidence.
    #[must_use]
    pub fn evidence(&self, note: impl Into<String>) -> Evidence {
        let (method, path) = self.tx.request.as_ref().map_or_else(Default::default, |request| {
            (request.method.clone(), request.path.clone())
        });
        Evidence {
            transaction: self.tx.id,
            time: self.tx.start,
            method,
            path,
            status: self.tx.status(),
            source: self.tx.source(),
            client: self.client(),
            note: note.into(),
            packets: (self.tx.first_packet, self.tx.last_packet),
        }
    }

    /// The forwarded client, where it differs from the TCP peer.
    #[must_use]
    pub fn client(&self) -> Option<core::net::IpAddr> {
        (self.seen.client_ip != self.tx.source().ip()).then_some(self.seen.client_ip)
    }

    /// The transaction as the subject of an alert.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let request = self.tx.request.as_ref();
        Subject {
            source: self.tx.source(),
            destination: self.tx.flow.server,
            client: self.client(),
            origin: self.seen.origin.as_deref().cloned().map(Box::new),
            version: self.tx.version.name(),
            method: request.map(|request| request.method.clone()).unwrap_or_default(),
            host: request.and_then(|request| request.host.clone()),
            target: request.map(|request| request.target.clone()).unwrap_or_default(),
            path: request.map(|request| request.path.clone()).unwrap_or_default(),
            status: self.tx.status(),
            user_agent: request
                .and_then(|request| request.user_agent.as_deref())
                .map(str::to_owned),
            request_id: request.and_then(|request| request.request_id.clone()),
            trace_id: request.and_then(|request| request.trace_id.clone()),
            vlan: self.tx.flow.vlan.clone(),
            tunnel: self.tx.flow.tunnel,
            talk: self.talk().map(Box::new),
        }
    }

    /// What records tell of its talk.
    #[must_use]
    pub fn talk(&self) -> Option<Summary> {
        let mut talk = self.tx.talk.as_deref()?.summary();
        if let Some(agent) = self.agent {
            agent.name_in(&mut talk);
        }
        Some(talk)
    }

    /// How whole the picture of this transaction is.
    #[must_use]
    pub fn observed(&self) -> Observed {
        Observed::of(self.tx)
    }

    /// A finding about this transaction alone; detectors fill in the story.
    #[must_use]
    pub fn finding(&self, rule: &'static str, severity: Severity, actor: Actor) -> Finding {
        Finding {
            rule,
            posture: false,
            severity,
            confidence: 0.9,
            outcome: Outcome::Unknown,
            at: self.at(),
            start: self.tx.start,
            end: self.at(),
            actor,
            thread: 0,
            session: Some(self.seen.session),
            service: self.sighting.service.to_string(),
            endpoint: self.sighting.name.to_string(),
            message: String::new(),
            remediation: String::new(),
            why: Vec::new(),
            evidence: Vec::new(),
            count: 1,
            subject: self.subject(),
            related_ips: vec![self.seen.client_ip],
            related_users: Vec::new(),
            observed: self.observed(),
        }
    }
}

/// The opening of a connection for TLS.
pub struct Greeting<'a> {
    /// The connection: what is said on it is not seen.
    pub tx: &'a Transaction,
    /// What the client says first.
    pub hello: &'a ClientHello,
    /// What was configured of AI.
    pub ai: &'a Ai,
}

/// What detectors are told, in the capture's order.
pub enum Observation<'a> {
    /// A finished transaction.
    Transaction(&'a Context<'a>),
    /// A transaction whose answer is still being sent, as far as it was: it will be told again, as
    /// often as it has grown, and once more when it is over.
    Running(&'a Context<'a>),
    /// A client opens a connection for TLS.
    Tls(&'a Greeting<'a>),
    /// Packet time has reached this second.
    Tick(Timestamp),
    /// The capture ended then, and nothing is kept for another: what waited for more is told.
    End(Timestamp),
}

impl<'a> Observation<'a> {
    /// The transaction, where it is over, or else where it may be `running`.
    #[must_use]
    pub fn exchange(&self, running: bool) -> Option<&'a Context<'a>> {
        match self {
            Self::Transaction(context) => Some(context),
            Self::Running(context) => running.then_some(*context),
            Self::Tls(_) | Self::Tick(_) | Self::End(_) => None,
        }
    }
}
