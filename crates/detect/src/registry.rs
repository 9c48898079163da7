//! The table of detections.

use crate::context::Observation;
use crate::settings::{Config, Room, Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec};
use std::collections::BTreeMap;
use stilt_model::saved::Unfit;
use stilt_model::{Finding, Rule};

/// Every detection there is, in the order they judge and are listed.
pub const DETECTORS: &[&Spec] = &[
    &crate::agent::approval_skipped::SPEC,
    &crate::agent::confused_deputy::SPEC,
    &crate::agent::cost_budget::SPEC,
    &crate::agent::excessive_agency::SPEC,
    &crate::agent::guardrail_bypass::SPEC,
    &crate::agent::identity_downgrade::SPEC,
    &crate::agent::identity_spoofing::SPEC,
    &crate::agent::indirect_injection::SPEC,
    &crate::agent::jailbreak::SPEC,
    &crate::agent::link_exfiltration::SPEC,
    &crate::agent::mcp_authorization::SPEC,
    &crate::agent::mcp_desync::SPEC,
    &crate::agent::mcp_invalid_call::SPEC,
    &crate::agent::mcp_session_hijack::SPEC,
    &crate::agent::memory_poisoning::SPEC,
    &crate::agent::model_extraction::SPEC,
    &crate::agent::off_purpose_use::SPEC,
    &crate::agent::prompt_injection::SPEC,
    &crate::agent::runaway_loop::SPEC,
    &crate::agent::sensitive_from_agent::SPEC,
    &crate::agent::sensitive_to_model::SPEC,
    &crate::agent::system_prompt_leak::SPEC,
    &crate::agent::tool_poisoning::SPEC,
    &crate::agent::tool_rug_pull::SPEC,
    &crate::agent::tool_shadowing::SPEC,
    &crate::agent::tool_split_view::SPEC,
    &crate::agent::unapproved_model::SPEC,
    &crate::ato::brute_force::SPEC,
    &crate::ato::credential_stuffing::SPEC,
    &crate::ato::otp_abuse::SPEC,
    &crate::ato::password_reset_abuse::SPEC,
    &crate::ato::password_spraying::SPEC,
    &crate::ato::session_fixation::SPEC,
    &crate::ato::session_hijack::SPEC,
    &crate::ato::token_replay::SPEC,
    &crate::ato::user_enumeration::SPEC,
    &crate::auth::bypass::SPEC,
    &crate::auth::exposed_credential::SPEC,
    &crate::auth::jwt_tampering::SPEC,
    &crate::authz::bfla::SPEC,
    &crate::authz::bola_access::SPEC,
    &crate::authz::bola_enumeration::SPEC,
    &crate::authz::mass_assignment::SPEC,
    &crate::authz::policy_violation::SPEC,
    &crate::baseline::query_pattern::SPEC,
    &crate::baseline::request_rate::SPEC,
    &crate::baseline::sensitive_access::SPEC,
    &crate::baseline::sequence::SPEC,
    &crate::data::excessive_exposure::SPEC,
    &crate::data::exfiltration::SPEC,
    &crate::flow::money_movement::SPEC,
    &crate::surface::misconfiguration::SPEC,
    &crate::surface::schema_drift::SPEC,
    &crate::surface::undocumented_endpoint::SPEC,
];

/// A name given to `--only` or `--skip` that is no detection and no family.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The name.
    #[error("no detection or family `{0}`; `stilt detections` lists them")]
    Name(String),
    /// What one asks for the other leaves out.
    #[error("--only and --skip leave no detection; drop one of them")]
    Nothing,
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

struct Running {
    settings: Settings,
    detector: Box<dyn Detector>,
    took: Took,
}

/// Upper ends of the classes of [`Took`], in nanoseconds.
pub const TOOK_MAX: [u64; 7] =
    [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// How long a detection took to judge, of those times that were measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// Times in each class of [`TOOK_MAX`], and those beyond the last.
    pub classes: [u64; TOOK_MAX.len() + 1],
    /// All of them together, in nanoseconds.
    pub nanos: u64,
}

impl Took {
    fn add(&mut self, nanos: u64) {
        let class = TOOK_MAX.partition_point(|max| *max < nanos);
        if let Some(count) = self.classes.get_mut(class) {
            *count = count.saturating_add(1);
        }
        self.nanos = self.nanos.saturating_add(nanos);
    }
}

/// The detections that take part in a run.
pub struct Detectors {
    running: Vec<Running>,
    only: Vec<String>,
    skip: Vec<String>,
    room: Room,
}

impl Detectors {
    /// Makes every detection that is enabled, named by `only` (or `only` is empty) and not by
    /// `skip`.
    /// Names are ids or families; `none` names nothing.
    ///
    /// # Errors
    /// A name or setting that no detection knows.
    pub fn new(config: &Config, only: &[String], skip: &[String]) -> Result<Self, Unknown> {
        Self::sparing(config, only, skip, Room::default())
    }

    /// The same, with so much room for what is remembered of callers.
    ///
    /// # Errors
    /// Those of [`Detectors::new`].
    pub fn sparing(
        config: &Config,
        only: &[String],
        skip: &[String],
        room: Room,
    ) -> Result<Self, Unknown> {
        for name in only.iter().chain(skip) {
            if name != "none" && !DETECTORS.iter().any(|spec| names(name, &spec.rule)) {
                return Err(Unknown::Name(name.clone()));
            }
        }
        let mut settings = config.resolve()?;
        let mut running = Vec::new();
        for spec in DETECTORS {
            let mut settings =
                settings.remove(spec.rule.id).unwrap_or_else(|| Settings::of(spec.rule.id));
            settings.sparing(room);
            let wanted = only.is_empty() || only.iter().any(|name| names(name, &spec.rule));
            let skipped = skip.iter().any(|name| names(name, &spec.rule));
            // Built even when it does not take part, so that a wrong setting is told.
            let detector = (spec.build)(&settings)?;
            if settings.enabled && wanted && !skipped {
                running.push(Running { settings, detector, took: Took::default() });
            }
        }
        let asked = !only.is_empty() && !only.iter().any(|name| name == "none");
        if running.is_empty() && asked && !skip.is_empty() {
            return Err(Unknown::Nothing);
        }
        Ok(Self { running, only: only.to_vec(), skip: skip.to_vec(), room })
    }

    /// Takes changed settings; detections keep what they have
    /// seen. Gives the ids of those whose own
    /// settings count from the next start on.
    ///
    /// # Errors
    /// A setting that is wrong; then nothing is changed.
    pub fn configure(&mut self, config: &Config) -> Result<Vec<&'static str>, Unknown> {
        // Made anew to find what is wrong before anything is changed, and for those that begin.
        let fresh = Self::sparing(config, &self.only, &self.skip, self.room)?;
        let mut before = core::mem::take(&mut self.running);
        let mut later = Vec::new();
        for new in fresh.running {
            let id = new.settings.id();
            let known = before.iter().position(|running| running.settings.id() == id);
            let Some(known) = known else {
                self.running.push(new);
                continue;
            };
            let mut old = before.swap_remove(known);
            let same = old.settings.same_own(&new.settings);
            if !same && !old.detector.configure(&new.settings).unwrap_or(false) {
                later.push(id);
            }
            old.settings = new.settings;
            self.running.push(old);
        }
        Ok(later)
    }

    /// No detection takes part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Shows an observation to each detection in turn.
    pub fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        self.show(observation, findings, None);
    }

    /// The same, and measures how long each takes. `clock` gives nanoseconds since any moment.
    pub fn observe_by(
        &mut self,
        observation: &Observation<'_>,
        findings: &mut Vec<Finding>,
        clock: &dyn Fn() -> u64,
    ) {
        self.show(observation, findings, Some(clock));
    }

    /// How long each detection took, by its id, where it was measured.
    pub fn took(&self) -> impl Iterator<Item = (&'static str, &Took)> {
        self.running.iter().map(|running| (running.settings.id(), &running.took))
    }

    fn show(
        &mut self,
        observation: &Observation<'_>,
        findings: &mut Vec<Finding>,
        clock: Option<&dyn Fn() -> u64>,
    ) {
        for Running { settings, detector, took } in &mut self.running {
            let (before, begun) = (findings.len(), clock.map(|clock| clock()));
            detector.observe(observation, findings);
            if let (Some(begun), Some(clock)) = (begun, clock) {
                took.add(clock().saturating_sub(begun));
            }
            if findings.len() == before {
                continue;
            }
            for finding in findings.iter_mut().skip(before) {
                finding.severity = settings.severity.unwrap_or(finding.severity);
            }
            let mut at = 0;
            findings.retain(|finding| {
                at += 1;
                at <= before || !settings.excepts(finding)
            });
        }
    }

    /// What each detection remembers, by its id.
    ///
    /// # Errors
    /// A memory that can't be written.
    pub fn save(&self) -> Result<BTreeMap<String, Vec<u8>>, Unfit> {
        let saved =
            |running: &Running| Ok((running.settings.id().to_owned(), running.detector.save()?));
        self.running.iter().map(saved).collect()
    }

    /// Takes out what each detection remembered; their settings are those of this run. What speaks
    /// of documents is left where these are not the `same_documents`. Gives the ids of those whose
    /// memory is of another make: they begin anew.
    pub fn load(
        &mut self,
        memories: &mut BTreeMap<String, Vec<u8>>,
        same_documents: bool,
    ) -> Vec<&'static str> {
        let mut anew = Vec::new();
        for Running { settings, detector, .. } in &mut self.running {
            let Some(memory) = memories.remove(settings.id()) else { continue };
            if detector.rests_on_documents() && !same_documents {
                continue;
            }
            if detector.load(&memory).is_err() {
                anew.push(settings.id());
            }
            // They were right when the detector was made.
            let _ = detector.configure(settings);
        }
        anew
    }

    /// What the detections could not judge, in the order of the table.
    #[must_use]
    pub fn not_evaluated(&self) -> Vec<NotEvaluated> {
        self.running.iter().flat_map(|running| running.detector.not_evaluated()).collect()
    }
}

/// Whether `name` is the id of a rule or its family.
fn names(name: &str, rule: &Rule) -> bool {
    name == rule.id || name.trim_end_matches('.') == rule.family()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_sorted_by_family() {
        let ids: Vec<&str> = DETECTORS.iter().map(|spec| spec.rule.id).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        for spec in DETECTORS {
            let (family, name) = spec.rule.id.split_once('.').unwrap();
            let plain = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(family) && plain(name) && !name.is_empty(), "{}", spec.rule.id);
        }
    }

    #[test]
    fn each_says_what_it_is_and_maps_to_public_ids() {
        for spec in DETECTORS {
            let Rule { id, title, owasp, attack, references } = spec.rule;
            let texts = [title, spec.looks_for, spec.needs, spec.look_alikes];
            assert!(texts.iter().all(|text| text.len() > 10), "{id}");
            assert!(!owasp.is_empty() && !references.is_empty(), "{id}");
            assert!(owasp.iter().all(|one| one.contains(":20")), "{id}: edition");
            let known = |one: &&str| one.starts_with('T') || one.starts_with("AML.T");
            assert!(attack.iter().all(known), "{id}");
        }
    }

    fn build(spec: &Spec, key: &str, value: impl Into<toml::Value>) -> bool {
        let table = toml::Table::from_iter([(key.to_owned(), value.into())]);
        let config = Config([(spec.rule.id.to_owned(), table)].into());
        Detectors::new(&config, &[], &[]).is_ok()
    }

    #[test]
    fn every_setting_that_is_listed_is_accepted_and_no_other() {
        for spec in DETECTORS {
            let keys: BTreeSet<&str> = spec.tuning.iter().map(|tuning| tuning.key).collect();
            assert_eq!(keys.len(), spec.tuning.len(), "{}", spec.rule.id);
            for tuning in spec.tuning {
                let taken = build(spec, tuning.key, 7) || build(spec, tuning.key, 0.5);
                assert!(taken && !tuning.meaning.is_empty(), "{} {}", spec.rule.id, tuning.key);
                assert!(!build(spec, tuning.key, "many"), "{} {}", spec.rule.id, tuning.key);
            }
            assert!(!build(spec, "no_such_key", 7), "{}", spec.rule.id);
        }
    }

    #[test]
    fn changed_settings_are_taken_by_all_or_by_none() {
        let config = |key: &str, value: toml::Value| {
            let table = toml::Table::from_iter([(key.to_owned(), value)]);
            Config([("ato.credential_stuffing".to_owned(), table)].into())
        };
        let mut detectors = Detectors::new(&Config::default(), &[], &[]).unwrap();
        let all = detectors.running.len();
        assert!(detectors.configure(&config("no_such_key", 1.into())).is_err());
        assert_eq!(detectors.running.len(), all);
        assert_eq!(detectors.configure(&config("enabled", false.into())), Ok(vec![]));
        assert_eq!(detectors.running.len(), all - 1);
        let severity = config("severity", "low".into());
        assert_eq!(detectors.configure(&severity), Ok(vec![]));
        let ids: Vec<&str> = detectors.running.iter().map(|one| one.settings.id()).collect();
        assert_eq!(ids, DETECTORS.iter().map(|spec| spec.rule.id).collect::<Vec<_>>());
        for spec in DETECTORS {
            for tuning in spec.tuning {
                for value in [toml::Value::from(7), toml::Value::from(0.5)] {
                    let table = toml::Table::from_iter([(tuning.key.to_owned(), value)]);
                    let config = Config([(spec.rule.id.to_owned(), table)].into());
                    if Detectors::new(&config, &[], &[]).is_ok() {
                        let later = detectors.configure(&config).unwrap();
                        assert!(!later.contains(&spec.rule.id), "{}", tuning.key);
                    }
                }
            }
        }
    }

    #[test]
    fn names_of_rules_and_families_choose_and_others_are_told() {
        let make = |only: &[&str], skip: &[&str]| {
            let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let (only, skip): (Vec<String>, Vec<String>) = (own(only), own(skip));
            Detectors::new(&Config::default(), &only, &skip).map(|made| made.running.len())
        };
        assert_eq!(make(&[], &[]), Ok(DETECTORS.len()));
        assert_eq!(make(&["ato"], &[]), make(&["ato."], &[]));
        assert_eq!(make(&["none"], &[]), Ok(0));
        assert_eq!(make(&["ato.credential_stuffing"], &["ato"]), Err(Unknown::Nothing));
        assert_eq!(make(&["ato.nothing"], &[]), Err(Unknown::Name("ato.nothing".to_owned())));
    }
}
