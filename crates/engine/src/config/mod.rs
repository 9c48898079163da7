//! The configuration file: one TOML file, every key with a default.

mod load;
mod schema;
mod validate;

pub use load::ConfigError;
pub use schema::schema;

use crate::evidence::Bounds;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use stilt_alert::{Identities, Suppress};

/// Everything a user may set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How this sensor names itself.
    pub observer: Observer,
    /// Limits of links and TCP reassembly.
    pub capture: stilt_capture::assembler::Limits,
    /// How much of a message is understood.
    pub content: stilt_content::Config,
    /// Names of services, limits of the inventory.
    pub services: stilt_inventory::Config,
    /// Actors and sessions.
    pub identity: stilt_session::Config,
    /// Limits of what is remembered of objects.
    pub objects: stilt_session::objects::Config,
    /// What is learned, and when it counts.
    pub baseline: stilt_baseline::Config,
    /// Stories and their end.
    pub alerts: AlertSettings,
    /// Key and names.
    pub privacy: Privacy,
    /// Settings by detection id: on or off, severity, thresholds.
    pub detections: stilt_detect::Config,
    /// Models that may be used, what they cost, and what may be spent.
    pub ai: stilt_detect::Ai,
    /// Owners of services, and how much depends on them.
    pub assets: stilt_alert::Assets,
    /// Where addresses are.
    pub enrich: Enrich,
    /// Dismissals.
    pub suppress: Vec<Suppress>,
    /// How a live run shows how it stands.
    pub metrics: MetricsSettings,
    /// What is kept over restarts, where `--state` says where.
    pub state: StateSettings,
    /// Packets that a live run keeps.
    pub evidence: EvidenceSettings,
    /// What a run gives up once everything is open.
    pub sandbox: SandboxSettings,
}

/// `[enrich]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrich {
    /// Files in MaxMind's format (countries, cities, autonomous systems), the most exact first.
    pub files: Vec<PathBuf>,
}

/// `[observer]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observer {
    /// `observer.name` of every alert.
    pub name: String,
}

impl Default for Observer {
    fn default() -> Self {
        Self { name: stilt_alert::Config::default().observer_name }
    }
}

/// `[alerts]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Seconds of packet time without news after which a story is closed.
    pub quiet_secs: u64,
    /// Open stories kept at most.
    pub stories_max: usize,
    /// Bytes of records that wait for each output of a live run while it takes none.
    pub waiting_max: usize,
}

impl Default for AlertSettings {
    fn default() -> Self {
        let of = stilt_alert::Config::default();
        let stories_max = of.stories_max;
        Self { quiet_secs: of.alert_quiet_secs, stories_max, waiting_max: 32 << 20 }
    }
}

/// `[privacy]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Where the installation key lies; made on first use. Default:
    /// `$XDG_STATE_HOME/stilt/key`, else `~/.local/state/stilt/key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// How user names are shown.
    pub identities: Identities,
}

/// `[metrics]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// Where `watch` answers `/metrics`, `/live` and `/ready`: an address with a port, or a port of
    /// this machine alone. Default: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
}

/// `[state]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSettings {
    /// Seconds of packet time from one save to the next.
    pub save_secs: u64,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { save_secs: 60 }
    }
}

/// `[evidence]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceSettings {
    /// Folder in which `watch` keeps packets. Default: none are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Bytes on disk at most, but for what alerts hold. There is no default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<u64>,
    /// Seconds that packets are kept at most, but for what alerts hold. There is no default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_secs: Option<u64>,
    /// Bytes on disk at most of what alerts hold beyond that.
    pub pinned_max: u64,
    /// Seconds that it is held after an alert was told last.
    pub pinned_keep_secs: u64,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self {
            folder: None,
            size_max: None,
            keep_secs: None,
            pinned_max: 1 << 30,
            pinned_keep_secs: 30 * 24 * 3600,
        }
    }
}

impl EvidenceSettings {
    /// The folder and how much is kept there; `None` where nothing is.
    pub(crate) fn bounds(&self) -> Option<(PathBuf, Bounds)> {
        let bounds = Bounds {
            size_max: self.size_max?,
            keep: Duration::from_secs(self.keep_secs?),
            pinned_max: self.pinned_max,
            pinned_keep: Duration::from_secs(self.pinned_keep_secs),
        };
        Some((self.folder.clone()?, bounds))
    }
}

/// `[sandbox]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// Privileges, files and system calls that are not needed are given up once all is open.
    pub enabled: bool,
    /// Whom a run becomes that was started by root: a name of `/etc/passwd` or `UID:GID`. Default:
    /// `replay` and its like stay who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self { enabled: true, user: None }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, has an unknown key, or a value out of range; the
    /// message names file, line and column, and the nearest known key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(path, crate::error::plain(&error)))?;
        Self::parse(path, &text)
    }

    /// As [`Config::load`], from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| load::explain(path, text, &error))?;
        validate::check(&config).map_err(|wrong| load::place(path, text, &wrong))?;
        Ok(config)
    }

    /// The effective configuration, defaults included, as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Sections that differ and can't be taken while a run goes on.
    pub(crate) fn sections_that_differ(&self, other: &Self) -> Vec<String> {
        let sections = |config: &Self| {
            let fixed =
                Self { detections: Default::default(), suppress: Vec::new(), ..config.clone() };
            toml::Table::try_from(fixed).unwrap_or_default()
        };
        let (own, others) = (sections(self), sections(other));
        own.iter()
            .filter(|(name, section)| others.get(*name) != Some(section))
            .map(|(name, _)| format!("[{name}]"))
            .collect()
    }

    /// `stilt.config`: digest of all that can change a verdict; the place of the key, the sandbox,
    /// when the state is saved, which packets are kept and who is shown the metrics can't.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut shown = self.clone();
        shown.privacy.key_file = None;
        shown.sandbox = SandboxSettings::default();
        shown.state = StateSettings::default();
        shown.evidence = EvidenceSettings::default();
        shown.metrics = MetricsSettings::default();
        let digest = Sha256::digest(shown.to_toml().as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_written_and_read_back_alike() {
        let config = Config::default();
        let text = config.to_toml();
        assert!(text.contains("[identity]"), "{text}");
        let again = Config::parse(Path::new("x"), &text).unwrap();
        assert_eq!(again.to_toml(), text);
        assert_eq!(again.digest(), config.digest());
    }

    #[test]
    fn the_digest_follows_what_changes_a_verdict() {
        let of = |text| Config::parse(Path::new("x"), text).unwrap().digest();
        assert_eq!(of(""), of("[privacy]\nkey_file = \"/elsewhere/key\"\n"));
        assert_eq!(of(""), of("[sandbox]\nenabled = false\nuser = \"nobody\"\n"));
        assert_eq!(of(""), of("[state]\nsave_secs = 5\n"));
        assert_eq!(of(""), of("[evidence]\npinned_keep_secs = 5\n"));
        assert_ne!(of(""), of("[identity]\nsession_idle_secs = 60\n"));
        assert!(of("").starts_with("sha256:") && of("").len() == 71);
    }
}
