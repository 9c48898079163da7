//! Where the packets of a story are.

use serde::Serialize;
use std::collections::BTreeSet;
use stilt_model::{Evidence, Subject};

/// Addresses a capture filter names at most.
const HOSTS_MAX: usize = 16;

/// `stilt.wire`.
#[derive(Serialize)]
pub(super) struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_packet: Option<u64>,
    filter: String,
}

impl Wire {
    pub(super) fn of(subject: &Subject, evidence: &[Evidence]) -> Self {
        let numbers = || {
            evidence.iter().flat_map(|seen| [seen.packets.0, seen.packets.1]).filter(|no| *no > 0)
        };
        Self {
            first_packet: numbers().min(),
            last_packet: numbers().max(),
            filter: filter(subject, evidence),
        }
    }
}

/// A capture filter in tcpdump's syntax that finds the peers' packets to the server.
fn filter(subject: &Subject, evidence: &[Evidence]) -> String {
    let mut peers: BTreeSet<_> = evidence.iter().map(|seen| seen.source.ip()).collect();
    peers.insert(subject.source.ip());
    let hosts = if peers.len() > HOSTS_MAX {
        format!("host {}", subject.destination.ip())
    } else {
        let all: Vec<_> = peers.iter().map(|ip| format!("host {ip}")).collect();
        let joined = all.join(" or ");
        if all.len() > 1 { format!("({joined})") } else { joined }
    };
    // After `vlan` a filter looks behind the tag, so tags come first, the outermost foremost.
    let tags: String = subject.vlan.iter().map(|tag| format!("vlan {tag} and ")).collect();
    format!("{tags}{hosts} and tcp port {}", subject.destination.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evidence, finding};

    fn check(sources: &[&str], vlan: &[u16], expected: &str) {
        let mut subject = finding("ato.x").subject;
        subject.vlan = vlan.to_vec();
        let evidence: Vec<_> = sources
            .iter()
            .map(|source| {
                let mut seen = evidence(1, 0);
                seen.source = format!("{source}:1").parse().unwrap();
                seen
            })
            .collect();
        assert_eq!(filter(&subject, &evidence), expected);
    }

    #[test]
    fn names_the_peers_the_port_and_the_tags() {
        check(&["10.0.0.66"], &[], "host 10.0.0.66 and tcp port 8080");
        check(
            &["10.0.0.67", "10.0.0.66"],
            &[100, 12],
            "vlan 100 and vlan 12 and (host 10.0.0.66 or host 10.0.0.67) and tcp port 8080",
        );
        let many: Vec<String> = (0..40).map(|n| format!("10.1.0.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many, &[], "host 10.0.1.10 and tcp port 8080");
    }
}
