//! `[ai]`: which models may be used, what they cost, and what may be spent.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use stilt_model::Talk;

/// What may be spent in a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Of which agent, as records name it before the colon; all together where none is named.
    pub agent: String,
    /// Of which model: a name, or its beginning and `*`.
    pub model: String,
    /// Dollars a day.
    pub usd_per_day: f64,
    /// Tokens a day.
    pub tokens_per_day: u64,
}

/// `[ai]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ai {
    /// Models that may be used: names, or beginnings and `*`. Empty: not judged by name.
    pub approved_models: Vec<String>,
    /// Hosts at which models may be asked. Empty: not judged by host.
    pub approved_hosts: Vec<String>,
    /// Hosts of tool servers that may be used. Empty: not judged.
    pub approved_tool_servers: Vec<String>,
    /// Hosts of models that may be told personal data and secrets: one's own.
    pub trusted_hosts: Vec<String>,
    /// File with the prices of models (TOML; see docs/agents.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<PathBuf>,
    /// What may be spent.
    pub budgets: Vec<Budget>,
    /// The prices themselves.
    #[serde(skip)]
    pub table: Prices,
}

/// Whether a name fits a pattern: equal, or, where the pattern ends or begins in `*`, beginning or
/// ending so.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(begin), _) => name.starts_with(begin),
        (None, Some(end)) => name.ends_with(end),
        (None, None) => pattern == name,
    }
}

/// What a model costs, in dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    name: String,
    input: f64,
    output: f64,
    #[serde(default)]
    cached: Option<f64>,
    #[serde(default)]
    cache_written: Option<f64>,
}

/// A table of prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day from which they hold, as the table says.
    #[serde(default)]
    pub date: String,
    #[serde(default, rename = "model")]
    models: Vec<Price>,
}

/// A table that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricesError(String);

impl fmt::Display for PricesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PricesError {}

impl Prices {
    /// Reads a table.
    ///
    /// # Errors
    /// It is no TOML, has another key, or a price that is none.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let wrong = |what: String| PricesError(what);
        let table: Self =
            toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        let bad = |price: &&Price| {
            let all = [Some(price.input), Some(price.output), price.cached, price.cache_written];
            !all.into_iter().flatten().all(|one| (0.0..1e6).contains(&one))
        };
        match table.models.iter().find(bad) {
            Some(price) => {
                Err(wrong(format!("{}: prices are dollars per million tokens", price.name)))
            }
            None => Ok(table),
        }
    }

    /// The price of a model: by its whole name, else by the longest beginning.
    fn of(&self, model: &str) -> Option<&Price> {
        self.models
            .iter()
            .filter(|price| fits(&price.name, model))
            .max_by_key(|price| (!price.name.ends_with('*'), price.name.len()))
    }
}

impl Ai {
    /// What a talk cost, in billionths of a dollar.
    #[must_use]
    pub fn cost(&self, talk: &Talk) -> Option<u64> {
        let usage = talk.usage?;
        let price = self.table.of(talk.model()?)?;
        // Dollars per million tokens are thousands of billionths per token.
        let times = |tokens: u64, dollars: f64| tokens as f64 * dollars * 1000.0;
        let apart = usage.cached.saturating_add(usage.cache_written);
        let plain =
            if usage.cached_apart { usage.input } else { usage.input.saturating_sub(apart) };
        let total = times(plain, price.input)
            + times(usage.cached, price.cached.unwrap_or(price.input))
            + times(usage.cache_written, price.cache_written.unwrap_or(price.input))
            + times(usage.output, price.output);
        Some(total.round() as u64)
    }
}
