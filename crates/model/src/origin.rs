//! Where an address is, and what stands behind a service: context that is given, not observed.

use serde::{Deserialize, Serialize};

/// What an enrichment file says of an address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// ISO 3166-1 alpha-2 code of the country.
    pub country: Option<String>,
    /// Number of the autonomous system.
    pub network: Option<u32>,
    /// Who runs it.
    pub organization: Option<String>,
    /// Latitude and longitude in degrees, where the file knows no more than a place within
    /// [`Origin::radius`].
    pub place: Option<(f64, f64)>,
    /// Kilometres within which the place is right.
    pub radius: u16,
}

impl Origin {
    /// Kilometres between two places at least: the great circle without what is uncertain.
    #[must_use]
    pub fn apart(&self, other: &Self) -> Option<f64> {
        let ((lat, lon), (lat2, lon2)) = (self.place?, other.place?);
        let (a, b) = (lat.to_radians(), lat2.to_radians());
        let (dlat, dlon) = ((b - a) / 2.0, (lon2 - lon).to_radians() / 2.0);
        let h = dlat.sin().powi(2) + a.cos() * b.cos() * dlon.sin().powi(2);
        let km = 2.0 * 6371.0 * h.clamp(0.0, 1.0).sqrt().asin();
        Some((km - f64::from(self.radius) - f64::from(other.radius)).max(0.0))
    }

    /// Whether two addresses are of one network in one country, as far as both are known.
    #[must_use]
    pub fn same_network(&self, other: &Self) -> bool {
        self.network.is_some() && self.network == other.network && self.country == other.country
    }

    /// In few words: `DE, AS3320`.
    #[must_use]
    pub fn shown(&self) -> String {
        let network = self.network.map(|number| format!("AS{number}"));
        let parts: Vec<&str> = self.country.iter().chain(&network).map(String::as_str).collect();
        parts.join(", ")
    }
}

/// How much depends on a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criticality {
    /// Little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
    /// All.
    Critical,
}

impl Criticality {
    /// The value of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|one| one.name().eq_ignore_ascii_case(name.trim()))
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// By how much it raises or lowers a risk.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Self::Low => 0.7,
            Self::Medium => 1.0,
            Self::High => 1.1,
            Self::Critical => 1.2,
        }
    }
}

/// What is known of a service beside its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asset {
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How much depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Criticality>,
    /// `production`, `test` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Time zone of its users (`Europe/Berlin`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_leaves_out_what_is_uncertain() {
        let at = |place, radius| Origin { place: Some(place), radius, ..Origin::default() };
        let (berlin, sydney) = (at((52.52, 13.40), 20), at((-33.87, 151.21), 50));
        let km = berlin.apart(&sydney).unwrap();
        assert!((15_900.0..16_100.0).contains(&km), "{km}");
        assert_eq!(berlin.apart(&at((52.4, 13.1), 100)), Some(0.0));
        assert_eq!(berlin.apart(&Origin::default()), None);
    }

    #[test]
    fn networks_are_the_same_only_where_both_are_known() {
        let of = |network, country: &str| Origin {
            network,
            country: Some(country.to_owned()),
            ..Origin::default()
        };
        assert!(of(Some(3320), "DE").same_network(&of(Some(3320), "DE")));
        assert!(!of(Some(3320), "DE").same_network(&of(Some(3320), "FR")));
        assert!(!of(None, "DE").same_network(&of(None, "DE")));
        assert_eq!(of(Some(3320), "DE").shown(), "DE, AS3320");
    }
}
