//! What an application gives away of itself by its settings (OWASP API8:2023).
//!
//! Traces of its own code in errors, listings of folders, answers that any site may read with the
//! user's credentials, versions of its software, headers for debugging, consoles for developers,
//! TRACE. Each is told once per endpoint, or per service where it is the server's and not the
//! endpoint's.

#[cfg(test)]
mod tests;

use super::weakness;
use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_model::{EndpointId, Exposure, Finding, Rule, Severity};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "surface.misconfiguration",
        title: "The application gives itself away",
        owasp: &["API8:2023"],
        attack: &[],
        references: &["CWE-16", "CWE-209", "CWE-548", "CWE-942"],
    },
    severity: Severity::Medium,
    looks_for: "Stack traces in error answers, folder listings, answers that echo any Origin \
                together with Access-Control-Allow-Credentials, exact versions in headers, headers \
                for debugging, a GraphQL console, TRACE that answers.",
    needs: "Answers of the application.",
    look_alikes: "Documentation and stored texts that show a trace (answers that tell success); an \
                  origin list that lets a site's own front ends read (fewer than three sites that \
                  have nothing in common); a server's name without a version.",
    tuning: &[],
    build: |settings| Ok(Box::new(Misconfiguration::new(settings)?)),
};

/// Weaknesses remembered as told.
const TOLD_MAX: usize = 16_384;
/// Sites whose origin is echoed before any is taken to be.
const SITES_MIN: usize = 3;
const SERVICES_MAX: usize = 1024;

/// It has no settings of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoLimits {}

#[derive(Serialize, Deserialize)]
struct Misconfiguration {
    told: BTreeSet<(Arc<str>, Option<EndpointId>, Exposure)>,
    sites: BTreeMap<Arc<str>, BTreeSet<String>>,
}

/// What is told of one kind of exposure.
struct Said {
    severity: Severity,
    observed: &'static str,
    expected: &'static str,
    mend: &'static str,
    /// It is the server's, not the endpoint's.
    everywhere: bool,
}

fn said(exposure: Exposure) -> Said {
    let (severity, observed, expected, mend, everywhere) = match exposure {
        Exposure::StackTrace => (
            Severity::Medium,
            "an error answer shows a stack trace",
            "a message without the code behind it",
            "switch debugging off, and answer errors with a message and an id to look up",
            false,
        ),
        Exposure::DirectoryListing => (
            Severity::Medium,
            "the files of a folder are listed",
            "no listing",
            "switch listings off",
            false,
        ),
        Exposure::Version => (
            Severity::Low,
            "a header names the exact version of the software",
            "no version",
            "leave the version out of Server, X-Powered-By and the like",
            true,
        ),
        Exposure::DebugHeader => (
            Severity::Low,
            "a header carries debugging information",
            "none outside development",
            "switch debugging off",
            true,
        ),
        Exposure::Console => (
            Severity::Low,
            "a GraphQL console is served",
            "none outside development",
            "switch the console off, or let developers only reach it",
            false,
        ),
        Exposure::Trace => {
            (Severity::Low, "TRACE is answered with the request", "405", "switch TRACE off", true)
        }
        Exposure::AnyOrigin => (
            Severity::High,
            "any Origin is allowed to read answers with the user's credentials",
            "a list of one's own sites",
            "compare Origin with a list; never echo it together with credentials",
            true,
        ),
    };
    Said { severity, observed, expected, mend, everywhere }
}

impl Misconfiguration {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let NoLimits {} = settings.own()?;
        Ok(Self { told: BTreeSet::new(), sites: BTreeMap::new() })
    }

    fn judge(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(response) = &context.tx.response else { return };
        for exposure in response.exposed.iter() {
            self.tell(context, exposure, findings);
        }
        if let Some(origin) = &response.echoed_origin
            && self.any(context, origin)
        {
            self.tell(context, Exposure::AnyOrigin, findings);
        }
    }

    /// Whether it is plain by now that every site is let in.
    fn any(&mut self, context: &Context<'_>, origin: &str) -> bool {
        if origin == "null" {
            return true;
        }
        let service = &context.sighting.service;
        let site = site(origin);
        let request = context.tx.request.as_ref();
        let own = request.and_then(|request| request.host.as_deref()).map(self::site);
        if own.as_deref() == Some(&*site) {
            return false;
        }
        if self.sites.len() >= SERVICES_MAX && !self.sites.contains_key(service) {
            return false;
        }
        let sites = self.sites.entry(Arc::clone(service)).or_default();
        if sites.len() < SITES_MIN {
            sites.insert(site);
        }
        sites.len() >= SITES_MIN
    }

    fn tell(&mut self, context: &Context<'_>, exposure: Exposure, findings: &mut Vec<Finding>) {
        let said = said(exposure);
        let sighting = context.sighting;
        let endpoint = (!said.everywhere).then_some(sighting.endpoint);
        if self.told.len() >= TOLD_MAX
            || !self.told.insert((Arc::clone(&sighting.service), endpoint, exposure))
        {
            return;
        }
        let why = vec![signal(exposure.name(), said.observed.to_owned(), said.expected)];
        let mut finding = weakness(context, SPEC.rule.id, said.severity, why);
        let place = if said.everywhere { &sighting.service } else { &sighting.name };
        finding.message = format!("{place}: {}", said.observed);
        finding.remediation = said.mend.to_owned();
        finding.evidence = vec![context.evidence(exposure.name())];
        findings.push(finding);
    }
}

/// The last two labels of a host, which most sites share among themselves; an address as it is.
fn site(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    let numbers = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numbers || labels.len() < 2 {
        return host.to_ascii_lowercase();
    }
    let site: Vec<&str> = labels.into_iter().rev().collect();
    site.join(".").to_ascii_lowercase()
}

impl Detector for Misconfiguration {
    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.judge(context, findings);
        }
    }
}
