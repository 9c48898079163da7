//! Files of context that the configuration names: assets and where addresses are.

use crate::config::{Config, Enrich};
use crate::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use stilt_alert::Assets;
use stilt_capture::source::Filter;
use stilt_detect::{Ai, Prices};
use stilt_model::SigningKey;
use stilt_session::Origins;

/// Bytes read of a list of assets, and of a file of addresses.
const ASSETS_MAX: u64 = 64 << 20;
const ORIGINS_MAX: u64 = 1 << 30;
/// Bytes read of a file of keys.
const JWKS_MAX: u64 = 1 << 20;

fn read(path: &Path, max: u64, key: &str) -> Result<Vec<u8>, Error> {
    let wrong = |what: String| Error::Usage(format!("{key}: {}: {what}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > max {
        return Err(wrong(format!("more than {max} bytes")));
    }
    Ok(bytes)
}

/// What is known of services: what the configuration says, and beside it the file.
pub(crate) fn assets(configured: &Assets) -> Result<Assets, Error> {
    let mut assets = configured.clone();
    let Some(path) = &configured.file else { return Ok(assets) };
    let wrong = |what: &str| Error::Usage(format!("assets.file: {}: {what}", path.display()));
    let bytes = read(path, ASSETS_MAX, "assets.file")?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("is no UTF-8"))?;
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml")) {
        let more: Assets = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
        for (name, asset) in more.services {
            assets.services.entry(name).or_insert(asset);
        }
    } else {
        assets.add_csv(&text).map_err(|error| wrong(&error))?;
    }
    Ok(assets)
}

/// Where addresses are.
pub(crate) fn origins(enrich: &Enrich) -> Result<Origins, Error> {
    let mut origins = Origins::default();
    for path in &enrich.files {
        let bytes = read(path, ORIGINS_MAX, "enrich.files")?;
        origins.add(bytes).map_err(|error| {
            Error::Usage(format!(
                "enrich.files: {}: {error}; it must be a file in MaxMind's format (.mmdb)",
                path.display()
            ))
        })?;
    }
    Ok(origins)
}

/// The keys of a configured file.
pub(crate) fn signing_keys(path: &Path) -> Result<Vec<SigningKey>, Error> {
    let wrong = |what: &str| Error::Usage(format!("identity.jwks: {}: {what}", path.display()));
    let file = File::open(path).map_err(|error| wrong(&error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(JWKS_MAX).read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    let keys = stilt_content::jwks::parse(&bytes, true);
    if keys.is_empty() {
        return Err(wrong("no keys in it; it must be a JSON Web Key Set (RFC 7517)"));
    }
    Ok(keys)
}

/// What is configured of AI, with the prices of its table.
pub(crate) fn ai(config: &Config) -> Result<Ai, Error> {
    let mut ai = config.ai.clone();
    if let Some(path) = &ai.prices {
        let wrong = |what: String| Error::Usage(format!("ai.prices: {}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        ai.table = Prices::parse(&text).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(ai)
}

/// Reads all that the configuration names, and compiles its filter, as a run would.
///
/// # Errors
/// The first that can't be used.
pub fn examine(config: &Config) -> Result<(), Error> {
    assets(&config.assets)?;
    origins(&config.enrich)?;
    ai(config)?;
    config.identity.jwks.as_deref().map(signing_keys).transpose()?;
    if !config.capture.filter.is_empty() {
        Filter::new(&config.capture.filter)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use stilt_model::Criticality;

    #[test]
    fn what_files_say_stands_beside_the_configuration_and_below_it() {
        let folder = Scratch::new("assets");
        let file = "[services.a]\ncriticality = \"low\"\n[services.b]\nowner = \"x\"\n";
        let path = folder.write("assets.toml", file.as_bytes());
        let text = format!("file = {path:?}\n[services.a]\ncriticality = \"high\"\n");
        let found = assets(&toml::from_str(&text).unwrap()).unwrap();
        assert_eq!(found.of("a").unwrap().criticality, Some(Criticality::High));
        assert_eq!(found.of("b").unwrap().owner.as_deref(), Some("x"));
        let lost = Assets { file: Some("no/such.csv".into()), ..Assets::default() };
        assert!(assets(&lost).unwrap_err().to_string().contains("assets.file"));
        let csv = folder.write("a.csv", b"host,owner\n");
        let wrong = Assets { file: Some(csv), ..Assets::default() };
        assert!(assets(&wrong).unwrap_err().to_string().contains("service"));
    }

    #[test]
    fn a_file_of_addresses_that_is_none_is_refused() {
        let folder = Scratch::new("origins");
        let path = folder.write("city.mmdb", b"hello");
        let error = origins(&Enrich { files: vec![path] }).err().unwrap().to_string();
        assert!(error.contains("enrich.files") && error.contains("MaxMind"), "{error}");
    }
}
