//! Groups of fields that several records share.

use super::{ECS_VERSION, cap};
use crate::community_id;
use core::net::{IpAddr, SocketAddr};
use serde::Serialize;
use std::borrow::Cow;
use stilt_model::{Asset, Criticality, Origin};

/// `ecs.*`.
#[derive(Serialize)]
pub(super) struct Ecs {
    version: &'static str,
}

pub(super) const ECS: Ecs = Ecs { version: ECS_VERSION };

/// `source.*` or `destination.*`.
#[derive(Serialize)]
pub(super) struct Endpoint<'a> {
    ip: IpAddr,
    port: u16,
    #[serde(flatten)]
    origin: Place<'a>,
}

impl From<SocketAddr> for Endpoint<'_> {
    fn from(from: SocketAddr) -> Self {
        Self { ip: from.ip(), port: from.port(), origin: Place::default() }
    }
}

/// `client.*`.
#[derive(Serialize)]
pub(super) struct Client<'a> {
    ip: IpAddr,
    #[serde(flatten)]
    origin: Place<'a>,
}

/// The TCP peer, and the client behind it where it is not the peer itself; `origin` is the
/// client's.
pub(super) fn peer_and_client(
    peer: SocketAddr,
    client: Option<IpAddr>,
    origin: Option<&Origin>,
) -> (Endpoint<'_>, Option<Client<'_>>) {
    let mut source = Endpoint::from(peer);
    let place = origin.map(Place::of).unwrap_or_default();
    match client.filter(|client| *client != peer.ip()) {
        Some(ip) => (source, Some(Client { ip, origin: place })),
        None => {
            source.origin = place;
            (source, None)
        }
    }
}

/// `geo.*` and `as.*` of an address.
#[derive(Default, Serialize)]
struct Place<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Geo<'a>>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    network: Option<System<'a>>,
}

#[derive(Serialize)]
struct Geo<'a> {
    country_iso_code: Cow<'a, str>,
}

#[derive(Serialize)]
struct System<'a> {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: Cow<'a, str>,
}

impl<'a> Place<'a> {
    fn of(origin: &'a Origin) -> Self {
        let named = |name: &'a String| Named { name: cap(name) };
        Self {
            geo: origin.country.as_deref().map(|code| Geo { country_iso_code: cap(code) }),
            network: origin.network.map(|number| System {
                number,
                organization: origin.organization.as_ref().map(named),
            }),
        }
    }
}

/// `stilt.asset`: what is known of the service beside its traffic.
#[derive(Serialize)]
pub(super) struct AssetFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    criticality: Option<Criticality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<Cow<'a, str>>,
}

impl<'a> AssetFields<'a> {
    pub(super) fn of(asset: &'a Asset) -> Self {
        Self {
            owner: asset.owner.as_deref().map(cap),
            criticality: asset.criticality,
            environment: asset.environment.as_deref().map(cap),
            time_zone: asset.time_zone.as_deref().map(cap),
        }
    }
}

/// An object with one `id`.
#[derive(Serialize)]
pub(super) struct Id<T> {
    pub(super) id: T,
}

/// `user_agent.*`.
#[derive(Serialize)]
pub(super) struct UserAgent<'a> {
    original: Cow<'a, str>,
}

impl<'a> UserAgent<'a> {
    pub(super) fn of(original: Option<&'a str>) -> Option<Self> {
        original.map(|original| Self { original: cap(original) })
    }
}

/// `user.*`.
#[derive(Serialize)]
pub(super) struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
}

impl<'a> User<'a> {
    pub(super) fn of(id: Option<String>, roles: &'a [String]) -> Option<Self> {
        (id.is_some() || !roles.is_empty()).then_some(Self { id, roles })
    }
}

/// `url.*`.
#[derive(Serialize)]
pub(super) struct Url<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    path: Cow<'a, str>,
    original: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<Cow<'a, str>>,
}

impl<'a> Url<'a> {
    pub(super) fn new(
        host: Option<&'a str>,
        path: Cow<'a, str>,
        original: Cow<'a, str>,
        query: Option<Cow<'a, str>>,
    ) -> Self {
        let (domain, port) = host.map_or((None, None), |host| {
            let (domain, port) = split_port(host);
            (Some(cap(domain)), port)
        });
        Self { domain, port, path, original, query }
    }
}

/// Splits `host:port`; a bare IPv6 address keeps its colons, one in brackets keeps those.
fn split_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((domain, port)) if !domain.contains(':') || domain.ends_with(']') => {
            port.parse().map_or((host, None), |port| (domain, Some(port)))
        }
        _ => (host, None),
    }
}

/// `network.*`.
#[derive(Serialize)]
pub(super) struct Network {
    transport: &'static str,
    protocol: &'static str,
    community_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<Id<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner: Option<Inner>,
}

/// `network.inner.*`: the innermost tag of several.
#[derive(Serialize)]
struct Inner {
    vlan: Id<String>,
}

impl Network {
    /// The same with another protocol.
    pub(super) fn speaking(self, protocol: &'static str) -> Self {
        Self { protocol, ..self }
    }

    pub(super) fn of(client: SocketAddr, server: SocketAddr, vlan: &[u16]) -> Self {
        let tag = |tag: &u16| Id { id: tag.to_string() };
        Self {
            transport: "tcp",
            protocol: "http",
            community_id: community_id::v1(0, client, server, community_id::TCP),
            vlan: vlan.first().map(tag),
            inner: vlan.get(1..).and_then(<[_]>::last).map(|id| Inner { vlan: tag(id) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_split_off_a_host_but_not_off_an_address() {
        for (host, domain, port) in [
            ("shop.internal", "shop.internal", None),
            ("shop.internal:8080", "shop.internal", Some(8080)),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("::1", "::1", None),
            ("shop:x", "shop:x", None),
        ] {
            assert_eq!(split_port(host), (domain, port));
        }
    }
}
