//! What a user may set about alerts, and what the engine adds.

use crate::assets::Assets;
use crate::format::{self, Format};
use crate::suppress::Suppress;
use serde::{Deserialize, Serialize};

/// How user names are shown in records (`[privacy] identities`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identities {
    /// In clear in `user.id`, so that an analyst can act on them.
    #[default]
    Clear,
    /// As a keyed mark everywhere.
    Pseudonym,
}

/// Everything [`crate::Alerts`] needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `observer.name`.
    pub observer_name: String,
    /// Seconds of packet time without a finding after which a story is closed.
    pub alert_quiet_secs: u64,
    /// Open stories kept at most; the one idle longest is closed first.
    pub stories_max: usize,
    /// How user names are shown.
    pub identities: Identities,
    /// Dismissals with scope, reason and expiry.
    pub suppress: Vec<Suppress>,
    /// Owners of services, and how much depends on them.
    pub assets: Assets,
    /// `observer.ingress.interface.name`, for live capture.
    #[serde(skip)]
    pub interface: Option<String>,
    /// Digest of the effective configuration (`sha256:…`), given by the engine.
    #[serde(skip)]
    pub config_digest: String,
    /// Shape of the alert records.
    #[serde(skip)]
    pub format: &'static dyn Format,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            observer_name: "stilt".to_owned(),
            alert_quiet_secs: 3600,
            stories_max: 20_000,
            identities: Identities::Clear,
            suppress: Vec::new(),
            assets: Assets::default(),
            interface: None,
            config_digest: String::new(),
            format: format::DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_sets_what_is_theirs_and_an_unknown_key_is_an_error() {
        let config: Config = toml::from_str(
            "alert_quiet_secs = 60\nidentities = \"pseudonym\"\n\
             [[suppress]]\nrule = \"recon\"\nsource = \"10.9.0.0/16\"\nreason = \"our scanner\"\n",
        )
        .unwrap();
        assert_eq!(config.alert_quiet_secs, 60);
        assert_eq!(config.identities, Identities::Pseudonym);
        assert_eq!(config.suppress.len(), 1);
        let error = toml::from_str::<Config>("alert_quiet_sec = 60\n").unwrap_err().to_string();
        assert!(error.contains("alert_quiet_sec"), "{error}");
    }
}
