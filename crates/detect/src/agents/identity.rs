//! Which agent it is: what it shows, which program it is, and what it was built with.

use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use stilt_model::{CredentialKind, Talk, Transaction, TrustRole};
use stilt_session::Seen;

/// Letters of a system text that tell one agent from another: what comes later is often the date,
/// the user or what was found for this question.
const OPENING: usize = 96;

/// Who talks.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) agent: u64,
    pub(super) name: String,
    /// Name of the client program, where it says so.
    pub(super) client: String,
}

/// The agent behind a talk.
pub(super) fn of(tx: &Transaction, talk: &Talk, seen: &Seen) -> Identity {
    let request = tx.request.as_ref();
    let agent_header = request.and_then(|request| request.user_agent.as_deref());
    let make: String = agent_header
        .unwrap_or_default()
        .split(['/', ' '])
        .next()
        .unwrap_or_default()
        .chars()
        .take(64)
        .collect();
    let named = talk.mcp.as_ref().and_then(|mcp| mcp.client.as_ref());
    let client = named.map_or_else(|| make.clone(), |named| named.name.to_string());
    let mut hasher = FixedState::with_seed(23).build_hasher();
    if let Some(name) = &seen.agent {
        hasher.write(name.as_bytes());
        let mut identity =
            Identity { agent: hasher.finish(), name: String::new(), client: String::new() };
        identity.call(name);
        return identity;
    }
    // A key that many share says less than a session's own credential, but an agent keeps it.
    let own = request.into_iter().flat_map(|request| &request.credentials).find(|credential| {
        matches!(credential.kind, CredentialKind::Bearer | CredentialKind::ApiKey)
            // It names a session, not who holds it.
            && credential.name != "mcp-session-id"
    });
    match own {
        Some(own) => hasher.write_u64(crate::tell::secret(own.mark)),
        None => hasher.write_u64(seen.client.0),
    }
    if talk.dialect.is_model() {
        opening(talk, &mut hasher);
    } else if !seen.forwarded {
        // The client says its name once only, where there are sessions.
        hasher.write(make.as_bytes());
    }
    let agent = hasher.finish();
    let mut identity = Identity { agent, name: String::new(), client: String::new() };
    identity.call(&client);
    identity
}

impl Identity {
    /// Gives the agent the name by which its program calls itself.
    pub(super) fn call(&mut self, client: &str) {
        let shown = if client.is_empty() { "agent" } else { client };
        self.name = format!("{shown}:{:08x}", self.agent >> 32);
        client.clone_into(&mut self.client);
    }
}

fn opening(talk: &Talk, hasher: &mut impl Hasher) {
    let system = talk.asked().find(|turn| turn.role == TrustRole::System);
    let Some(system) = system else { return };
    let letters = system.text.shown.chars().filter(|char| char.is_alphabetic()).take(OPENING);
    for letter in letters {
        hasher.write_u32(letter as u32);
    }
}
