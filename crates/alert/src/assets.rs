//! `[assets]`: who answers for a service, and how much depends on it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use stilt_model::{Asset, Criticality};

/// Rows of a file read at most.
const ROWS_MAX: usize = 100_000;
/// Longest field.
const FIELD_MAX: usize = 256;

/// Services by name; `*.shop.internal` is every service below that name, the longest such name
/// first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Assets {
    /// A file with more of them: CSV with a head
    /// (`service,owner,criticality,environment,time_zone`), or TOML like `services` here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Services, as records name them.
    pub services: BTreeMap<String, Asset>,
}

impl Assets {
    /// What is known of a service.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<&Asset> {
        if self.services.is_empty() {
            return None;
        }
        let without_port = service.rsplit_once(':').map_or(service, |(host, _)| host);
        let exact = self.services.get(service).or_else(|| self.services.get(without_port));
        exact.or_else(|| {
            let mut rest = without_port;
            while let Some((_, above)) = rest.split_once('.') {
                if let Some(found) = self.services.get(&format!("*.{above}")) {
                    return Some(found);
                }
                rest = above;
            }
            self.services.get("*")
        })
    }

    /// Adds what a CSV says. What the configuration itself says goes before it.
    ///
    /// # Errors
    /// A head without `service`, or a value that means nothing, with its line.
    pub fn add_csv(&mut self, text: &str) -> Result<(), String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let head = lines.next().map(|(_, line)| fields(line)).unwrap_or(Some(Vec::new()));
        let head = head.ok_or("line 1: a quotation mark is not closed")?;
        let name = |field: &String| field.trim_start_matches('\u{feff}').trim().to_lowercase();
        let known = ["service", "owner", "criticality", "environment", "time_zone"];
        if let Some(other) = head.iter().map(name).find(|name| !known.contains(&name.as_str())) {
            return Err(format!("line 1: no column `{other}`; they are {}", known.join(", ")));
        }
        let column = |name: &str| {
            head.iter().position(|field| {
                field.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case(name)
            })
        };
        let service = column("service").ok_or("no column `service` in its first line")?;
        let columns = ["owner", "criticality", "environment", "time_zone"].map(column);
        for (number, (at, line)) in lines.enumerate() {
            if number >= ROWS_MAX {
                return Err(format!("more than {ROWS_MAX} rows"));
            }
            let open = || format!("line {}: a quotation mark is not closed", at.saturating_add(1));
            let row = fields(line).ok_or_else(open)?;
            let field = |at: Option<usize>| {
                let text = row.get(at?)?.trim();
                (!text.is_empty()).then(|| text.chars().take(FIELD_MAX).collect::<String>())
            };
            let [owner, criticality, environment, time_zone] = columns.map(field);
            let criticality = criticality
                .map(|name| {
                    Criticality::parse(&name).ok_or_else(|| {
                        format!(
                            "line {}: criticality `{name}`; it is low, medium, high or critical",
                            at.saturating_add(1)
                        )
                    })
                })
                .transpose()?;
            let Some(name) = field(Some(service)) else { continue };
            let asset = Asset { owner, criticality, environment, time_zone };
            self.services.entry(name).or_insert(asset);
        }
        Ok(())
    }
}

/// The fields of one line (RFC 4180, without line breaks inside fields); none where a quotation
/// mark is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(core::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_name_and_by_what_stands_above_them() {
        let mut assets = Assets::default();
        let text = "\u{feff}Service,criticality,owner,time_zone\r\n\
                    shop.internal,high,\"Team \"\"Shop\"\", Berlin\",Europe/Berlin\r\n\
                    *.internal,low,,\r\n\r\n10.0.0.1:8080,critical,ops,\r\n";
        assets.add_csv(text).unwrap();
        let shop = assets.of("shop.internal:8443").unwrap();
        assert_eq!(shop.owner.as_deref(), Some("Team \"Shop\", Berlin"));
        assert_eq!(shop.criticality, Some(Criticality::High));
        assert_eq!(assets.of("a.b.internal").unwrap().criticality, Some(Criticality::Low));
        assert_eq!(assets.of("10.0.0.1:8080").unwrap().owner.as_deref(), Some("ops"));
        assert!(assets.of("elsewhere.test").is_none());
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_line() {
        let mut assets = Assets::default();
        assert!(assets.add_csv("name,owner\nx,y\n").unwrap_err().contains("service"));
        let open = assets.add_csv("service,owner\na,\"Team A\nb,c\n").unwrap_err();
        assert!(open.starts_with("line 2: a quotation mark"), "{open}");
        let column = assets.add_csv("service,ownr\na,b\n").unwrap_err();
        assert!(column.contains("`ownr`") && column.contains("owner"), "{column}");
        let wrong = assets.add_csv("service,criticality\na,low\nb,enormous\n").unwrap_err();
        assert!(wrong.contains("line 3") && wrong.contains("enormous"), "{wrong}");
    }
}
