//! Dismissals: what an analyst has looked at and does not want to be told again.
//!
//! A dismissal names its scope, must give a reason, and may expire. Parsing checks it whole, so
//! that a value of [`Suppress`] is always usable.

use crate::network::Network;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use stilt_model::{Finding, Timestamp};

/// One `[[suppress]]` entry. Every scope that is given must match; `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Suppress {
    /// Rule id or family (`recon`, `recon.scanning`, `inject.*`).
    pub rule: Option<String>,
    /// Actor as in `stilt.actor.id`.
    pub actor: Option<String>,
    /// User name as in `user.id`, in clear.
    pub user: Option<String>,
    /// Address or network that every address of the story's evidence lies in.
    pub source: Option<Network>,
    /// Service name.
    pub service: Option<String>,
    /// Endpoint as shown (`POST /login`).
    pub endpoint: Option<String>,
    /// Why this is no alert; never empty.
    pub reason: String,
    /// Until when it holds.
    pub expires: Option<Expiry>,
}

impl Suppress {
    /// Whether every scope fits the finding; expiry is the caller's matter.
    #[must_use]
    pub fn covers(&self, finding: &Finding) -> bool {
        let fits = |pattern: &Option<String>, value: &str| {
            pattern.as_ref().is_none_or(|pattern| glob(pattern, value))
        };
        self.rule.as_ref().is_none_or(|rule| names_rule(rule, finding.rule))
            && fits(&self.actor, &finding.actor.name)
            && self
                .user
                .as_ref()
                .is_none_or(|user| finding.actor.user.as_ref().is_some_and(|name| glob(user, name)))
            && fits(&self.service, &finding.service)
            && fits(&self.endpoint, &finding.endpoint)
            && self.source.is_none_or(|network| only_from(network, finding))
    }

    /// Whether it still holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.as_ref().is_none_or(|expiry| now < expiry.at)
    }
}

/// Whether `pattern` (an id, a family, or a pattern with `*`) names the rule `id`.
#[must_use]
pub fn names_rule(pattern: &str, id: &str) -> bool {
    let family = id.split('.').next().unwrap_or(id);
    glob(pattern, id) || pattern == family
}

/// An attack in which one address outside takes part is not what was dismissed.
fn only_from(network: Network, finding: &Finding) -> bool {
    let origin = |client: Option<IpAddr>, peer: IpAddr| client.unwrap_or(peer);
    let subject = &finding.subject;
    network.contains(origin(subject.client, subject.source.ip()))
        && finding
            .evidence
            .iter()
            .all(|evidence| network.contains(origin(evidence.client, evidence.source.ip())))
}

/// Matches `*` as any run of characters, all else literally.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = text.get(at.saturating_add(part.len())..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(tail)
}

/// An entry as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Expiry>,
}

impl TryFrom<Raw> for Suppress {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let reason = raw
            .reason
            .filter(|reason| !reason.trim().is_empty())
            .ok_or("a suppression needs a reason: add `reason = \"why this is expected here\"`")?;
        let scopes = [&raw.rule, &raw.actor, &raw.user, &raw.source, &raw.service, &raw.endpoint];
        if scopes.iter().all(|scope| scope.is_none()) {
            return Err(format!(
                "the suppression \"{reason}\" has no scope and would dismiss everything: add at \
                 least one of rule, actor, user, source, service, endpoint"
            ));
        }
        if scopes.iter().any(|scope| scope.as_ref().is_some_and(|scope| scope.trim().is_empty())) {
            return Err(format!(
                "the suppression \"{reason}\" has an empty scope: give it a value or remove it"
            ));
        }
        let source = raw.source.as_deref().map(Network::from_str).transpose()?;
        Ok(Self {
            rule: raw.rule,
            actor: raw.actor,
            user: raw.user,
            source,
            service: raw.service,
            endpoint: raw.endpoint,
            reason,
            expires: raw.expires,
        })
    }
}

impl From<Suppress> for Raw {
    fn from(from: Suppress) -> Self {
        Self {
            rule: from.rule,
            actor: from.actor,
            user: from.user,
            source: from.source.map(|network| network.to_string()),
            service: from.service,
            endpoint: from.endpoint,
            reason: Some(from.reason),
            expires: from.expires,
        }
    }
}

/// End of a dismissal: an RFC 3339 date (through that day, UTC) or date-time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// As written.
    pub text: String,
    /// First moment at which it no longer holds.
    pub at: Timestamp,
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no expiry: write a date (2026-12-31) or a date-time with its offset \
                 (2026-12-31T18:00:00Z)"
            )
        };
        let stamp = match text.parse::<jiff::Timestamp>() {
            Ok(stamp) => stamp,
            Err(_) if text.len() == "2026-12-31".len() => text
                .parse::<jiff::civil::Date>()
                .and_then(|date| date.tomorrow())
                .and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC))
                .map_err(|_| wrong())?
                .timestamp(),
            Err(_) => return Err(wrong()),
        };
        let nanos = i64::try_from(stamp.as_nanosecond()).map_err(|_| wrong())?;
        Ok(Self { text: text.to_owned(), at: Timestamp::from_nanos(nanos) })
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpiryVisitor)
    }
}

/// Takes a quoted date, and TOML's own dates, which its reader hands over as a map of one entry.
struct ExpiryVisitor;

impl<'de> Visitor<'de> for ExpiryVisitor {
    type Value = Expiry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date (2026-12-31) or a date-time with its offset (2026-12-31T18:00:00Z)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Expiry, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expiry, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((_, text)) => text.parse().map_err(de::Error::custom),
            None => Err(de::Error::custom("an expiry must not be empty")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::finding;

    fn parse(text: &str) -> Result<Suppress, String> {
        toml::from_str::<Suppress>(text).map_err(|error| error.to_string())
    }

    fn check(scope: &str, expected: bool) {
        let suppress = parse(&format!("{scope}\nreason = \"known\"")).unwrap();
        assert_eq!(suppress.covers(&finding("ato.brute_force")), expected, "{scope}");
    }

    #[test]
    fn every_scope_narrows_by_what_it_names() {
        check("rule = \"ato.brute_force\"", true);
        check("rule = \"ato\"", true);
        check("rule = \"ato.*\"", true);
        check("rule = \"at\"", false);
        check("rule = \"ato.credential_stuffing\"", false);
        check("actor = \"user:alice\"", true);
        check("actor = \"user:bob\"", false);
        check("user = \"alice\"", true);
        check("user = \"ali\"", false);
        check("source = \"10.0.0.0/24\"", true);
        check("source = \"10.0.0.66\"", true);
        check("source = \"192.168.0.0/16\"", false);
        check("service = \"shop.internal\"", true);
        check("endpoint = \"POST /login\"", true);
        check("endpoint = \"POST *\"", true);
        check("endpoint = \"GET *\"", false);
    }

    #[test]
    fn all_scopes_given_must_match() {
        check("rule = \"ato\"\nuser = \"alice\"", true);
        check("rule = \"ato\"\nuser = \"bob\"", false);
    }

    #[test]
    fn a_source_does_not_dismiss_what_an_address_outside_took_part_in() {
        let mut finding = finding("ato.brute_force");
        finding.evidence[0].source = "203.0.113.5:1000".parse().unwrap();
        let suppress = parse("source = \"10.0.0.0/24\"\nreason = \"known\"").unwrap();
        assert!(!suppress.covers(&finding));
        finding.evidence[0].client = Some("10.0.0.5".parse().unwrap());
        assert!(suppress.covers(&finding), "the forwarded client counts, not the proxy");
    }

    #[test]
    fn what_is_wrong_says_how_to_mend_it() {
        let told = |text: &str, words: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        };
        told("rule = \"ato\"", "add `reason = ");
        told("rule = \"ato\"\nreason = \" \"", "add `reason = ");
        told("reason = \"all\"", "at least one of rule, actor");
        told("rule = \"\"\nreason = \"x\"", "empty scope");
        told("source = \"10.0.0.0/40\"\nreason = \"x\"", "10.0.0.0/8");
        told("rule = \"ato\"\nreason = \"x\"\nexpires = \"soon\"", "2026-12-31T18:00:00Z");
        told("rule = \"ato\"\nreason = \"x\"\nexpires = \"2026-12-31T18:00:00\"", "offset");
        told("rules = \"ato\"\nreason = \"x\"", "rules");
    }

    #[test]
    fn a_date_holds_through_its_day_quoted_or_not() {
        for date in ["\"2026-12-31\"", "2026-12-31"] {
            let entry = parse(&format!("rule = \"a\"\nreason = \"x\"\nexpires = {date}")).unwrap();
            let midnight = Timestamp::from_secs(1_798_761_600);
            assert_eq!(entry.expires.as_ref().unwrap().at, midnight);
            assert!(entry.holds(midnight.minus(core::time::Duration::from_nanos(1))));
            assert!(!entry.holds(midnight));
        }
        let entry = parse("rule = \"a\"\nreason = \"x\"\nexpires = 2026-12-31T19:00:00+01:00");
        let at = entry.unwrap().expires.unwrap().at;
        assert_eq!(at.to_string(), "2026-12-31T18:00:00.000000Z");
    }

    #[test]
    fn is_written_as_it_was_read() {
        let text = "rule = \"ato\"\nsource = \"10.0.0.0/24\"\nreason = \"x\"\n\
                    expires = \"2026-12-31\"\n";
        assert_eq!(toml::to_string(&parse(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn globs_match_runs_only_at_stars() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("*", "", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
