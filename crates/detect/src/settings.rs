//! `[detections.ID]`: what a user may set of each detection.

use crate::registry::DETECTORS;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{ActorKind, Finding, Severity};

/// Settings per detection: `[detections."ato.credential_stuffing"]`, or, the same,
/// `[detections.ato.credential_stuffing]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Config(pub BTreeMap<String, toml::Table>);

/// A setting that a detection does not know, or that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("detections.{id}: {reason}")]
pub struct SettingsError {
    /// The table.
    pub id: String,
    /// The key in it, where one is at fault.
    pub key: Option<String>,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Who is left out of a detection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exception {
    /// Actor as shown in `stilt.actor.id`.
    pub actor: Option<String>,
    /// Service.
    pub service: Option<String>,
    /// Endpoint as shown (`POST /login`).
    pub endpoint: Option<String>,
    /// Client address or network in CIDR form, alone or as every address of a finding.
    pub source: Option<String>,
}

/// The settings of one detection: those that all share, and its own.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    id: &'static str,
    /// It takes part.
    pub enabled: bool,
    /// Severity given by the user instead of the detection's own.
    pub severity: Option<Severity>,
    /// Findings that are withheld.
    pub exceptions: Vec<Exception>,
    own: toml::Table,
    /// Percent of the usual room for what is remembered of each caller.
    room: Room,
}

/// Percent of the usual room that tables with an entry per caller may take. Who caps connections or
/// memory wants little of it taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room(pub u8);

impl Default for Room {
    fn default() -> Self {
        Self(100)
    }
}

impl Room {
    /// Entries that are kept in any case.
    const LEAST: usize = 10_000;

    /// The entries of a table that usually holds at most `usual`.
    #[must_use]
    pub fn of(self, usual: usize) -> usize {
        (usual / 100).saturating_mul(usize::from(self.0)).max(usual.min(Self::LEAST)).min(usual)
    }
}

impl Settings {
    /// The defaults of a detection.
    #[must_use]
    pub fn of(id: &'static str) -> Self {
        Self { id, enabled: true, ..Self::default() }
    }

    /// The detection they are of.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// Whether the detection's own settings are those of another time.
    #[must_use]
    pub fn same_own(&self, other: &Self) -> bool {
        self.own == other.own
    }

    /// The detection's own settings, read into its struct.
    ///
    /// # Errors
    /// A key it does not know, or a value that does not fit.
    pub fn own<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.own.clone().try_into().map_err(|error: toml::de::Error| {
            // The parser does not say which key it stopped at: it is one that fails alone.
            let fails = |(key, value): &(&String, &toml::Value)| {
                let alone = toml::Table::from_iter([((*key).clone(), (*value).clone())]);
                alone.try_into::<T>().is_err()
            };
            let key = self.own.iter().find(fails).map(|(key, _)| key.clone());
            let named = key.iter().filter(|_| error.message().starts_with("invalid "));
            let named: String = named.map(|key| format!("{key}: ")).collect();
            SettingsError {
                id: self.id.to_owned(),
                key,
                reason: format!(
                    "{named}{}; `stilt detections {}` lists its settings",
                    error.message(),
                    self.id
                ),
            }
        })
    }

    /// The entries of a table of callers that usually holds at most `usual`.
    #[must_use]
    pub fn room(&self, usual: usize) -> usize {
        self.room.of(usual)
    }

    /// The same of a table whose size is a setting: what the user has set holds.
    #[must_use]
    pub fn room_of(&self, key: &str, limit: usize) -> usize {
        if self.own.contains_key(key) { limit } else { self.room(limit) }
    }

    /// Takes so much room.
    pub(crate) fn sparing(&mut self, room: Room) {
        self.room = room;
    }

    /// A finding that the user does not want to hear of.
    #[must_use]
    pub fn excepts(&self, finding: &Finding) -> bool {
        self.exceptions.iter().any(|exception| exception.covers(finding))
    }
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        let actor = self.actor.as_ref().is_none_or(|name| {
            *name == finding.actor.name
                || (finding.actor.kind == ActorKind::Principal
                    && finding.actor.user.as_ref() == Some(name))
        });
        let source = self.source.as_ref().is_none_or(|network| {
            !finding.related_ips.is_empty()
                && finding.related_ips.iter().all(|ip| within(*ip, network))
        });
        actor
            && source
            && self.service.as_ref().is_none_or(|service| *service == finding.service)
            && self.endpoint.as_ref().is_none_or(|endpoint| *endpoint == finding.endpoint)
    }

    fn check(&self) -> Result<(), String> {
        if *self == Self::default() {
            return Err("an exception without scope would silence the detection: give actor, \
                        service, endpoint or source"
                .to_owned());
        }
        match &self.source {
            Some(network) if parse_network(network).is_none() => {
                Err(format!("`{network}` is no address or network; write 10.0.0.0/8"))
            }
            _ => Ok(()),
        }
    }
}

/// Address bytes and prefix length.
fn parse_network(text: &str) -> Option<(core::net::IpAddr, u32)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: core::net::IpAddr = address.parse().ok()?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(widest);
    (length <= widest).then_some((address, length))
}

fn within(ip: core::net::IpAddr, network: &str) -> bool {
    use core::net::IpAddr::{V4, V6};
    match (ip, parse_network(network)) {
        (V4(ip), Some((V4(base), length))) => {
            let shift = 32 - length;
            shift == 32 || u32::from(ip) >> shift == u32::from(base) >> shift
        }
        (V6(ip), Some((V6(base), length))) => {
            let shift = 128 - length;
            shift == 128 || u128::from(ip) >> shift == u128::from(base) >> shift
        }
        _ => false,
    }
}

impl Config {
    /// The settings of each registered detection.
    ///
    /// # Errors
    /// A table that names no detection, or a shared key that does not fit.
    pub fn resolve(&self) -> Result<BTreeMap<&'static str, Settings>, SettingsError> {
        let mut tables = BTreeMap::new();
        for (key, table) in &self.0 {
            if key.contains('.') {
                tables.insert(key.clone(), table.clone());
                continue;
            }
            for (name, value) in table {
                let id = format!("{key}.{name}");
                let toml::Value::Table(table) = value else {
                    return Err(SettingsError {
                        id,
                        key: None,
                        reason: format!(
                            "settings belong to one detection: [detections.\"{key}.NAME\"]"
                        ),
                    });
                };
                tables.insert(id, table.clone());
            }
        }
        let known: BTreeSet<&str> = DETECTORS.iter().map(|spec| spec.rule.id).collect();
        if let Some(id) = tables.keys().find(|id| !known.contains(id.as_str())) {
            return Err(SettingsError {
                id: id.clone(),
                key: None,
                reason: "no detection of that name; `stilt detections` lists them".to_owned(),
            });
        }
        DETECTORS
            .iter()
            .map(|spec| {
                let id = spec.rule.id;
                Ok((id, read(id, tables.remove(id).unwrap_or_default())?))
            })
            .collect()
    }
}

fn read(id: &'static str, mut table: toml::Table) -> Result<Settings, SettingsError> {
    let wrong = |key: &str, why: String| SettingsError {
        id: id.to_owned(),
        key: Some(key.to_owned()),
        reason: format!("{key}: {why}"),
    };
    let mut settings = Settings::of(id);
    if let Some(value) = table.remove("enabled") {
        settings.enabled =
            value.as_bool().ok_or_else(|| wrong("enabled", "true or false".to_owned()))?;
    }
    if let Some(value) = table.remove("severity") {
        settings.severity = Some(
            value
                .try_into()
                .map_err(|_| wrong("severity", "low, medium, high or critical".to_owned()))?,
        );
    }
    if let Some(value) = table.remove("exceptions") {
        settings.exceptions = value
            .try_into()
            .map_err(|error: toml::de::Error| wrong("exceptions", error.message().to_owned()))?;
        for exception in &settings.exceptions {
            exception.check().map_err(|why| wrong("exceptions", why))?;
        }
    }
    settings.own = table;
    Ok(settings)
}
