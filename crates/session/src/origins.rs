//! `[enrich]`: where addresses are, from files in MaxMind's format (GeoLite2, DB-IP and the like).

use core::net::IpAddr;
use foldhash::fast::RandomState;
use maxminddb::Reader;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_model::Origin;

/// Addresses whose place is remembered.
const CACHED_MAX: usize = 65_536;

/// What of a row is used; a file has some of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    country: Country<'a>,
    #[serde(borrow)]
    registered_country: Country<'a>,
    location: Location,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
    accuracy_radius: Option<u16>,
}

/// Files, and what they said.
#[derive(Default)]
pub struct Origins {
    files: Vec<Reader<Vec<u8>>>,
    cached: HashMap<IpAddr, Option<Arc<Origin>>, RandomState>,
}

impl Origins {
    /// Adds a file; what an earlier one says of an address goes before it.
    ///
    /// # Errors
    /// Bytes that are no such file.
    pub fn add(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        self.files.push(Reader::from_source(bytes).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// What is known of an address.
    pub(crate) fn of(&mut self, ip: IpAddr) -> Option<Arc<Origin>> {
        if self.files.is_empty() {
            return None;
        }
        if let Some(known) = self.cached.get(&ip) {
            return known.clone();
        }
        let mut origin = Origin::default();
        for row in self.files.iter().filter_map(|file| file.lookup(ip).ok()) {
            if let Ok(Some(row)) = row.decode::<Row<'_>>() {
                take(&mut origin, &row);
            }
        }
        let found = (origin != Origin::default()).then(|| Arc::new(origin));
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        self.cached.insert(ip, found.clone());
        found
    }
}

fn take(origin: &mut Origin, row: &Row<'_>) {
    let text = |text: &str| text.chars().take(128).collect::<String>();
    let country = row.country.iso_code.or(row.registered_country.iso_code);
    origin.country = origin.country.take().or_else(|| country.map(text));
    origin.network = origin.network.or(row.autonomous_system_number);
    let organization = row.autonomous_system_organization.map(text);
    origin.organization = origin.organization.take().or(organization);
    if let (None, Some(latitude), Some(longitude)) =
        (origin.place, row.location.latitude, row.location.longitude)
    {
        origin.place = Some((latitude, longitude));
        origin.radius = row.location.accuracy_radius.unwrap_or(100);
    }
}

#[cfg(any(test, feature = "test-support"))]
pub mod test_support;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_where_an_address_is_and_what_is_none_is_refused() {
        let mut origins = Origins::default();
        assert!(origins.add(b"no such file".to_vec()).is_err());
        assert!(origins.of(IpAddr::from([1, 2, 3, 4])).is_none());
        let file = test_support::file(&[([1, 2], "DE", 3320, 52.5, 13.4)]);
        origins.add(file).unwrap();
        let found = origins.of(IpAddr::from([1, 2, 3, 4])).unwrap();
        assert_eq!(found.shown(), "DE, AS3320");
        assert_eq!((found.place, found.radius), (Some((52.5, 13.4)), 20));
        assert!(origins.of(IpAddr::from([9, 9, 9, 9])).is_none());
    }
}
