//! Errors of the configuration file, each on one line with its place and its mend.

use core::fmt;
use core::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Furthest edit distance at which a key is offered as the one that was meant.
const NEAR_MAX: usize = 4;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    place: Option<(usize, usize)>,
    message: String,
}

impl ConfigError {
    pub(crate) fn new(path: &Path, message: String) -> Self {
        Self { path: path.into(), place: None, message }
    }

    fn at(path: &Path, text: &str, offset: Option<usize>, message: String) -> Self {
        Self { path: path.into(), place: offset.map(|offset| line_column(text, offset)), message }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// A value that is well-formed but wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Keys from the top.
    pub(super) key: Vec<String>,
    /// What is wrong with it.
    pub(super) message: String,
}

/// The place and the mend of what the parser refused.
pub(super) fn explain(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let message = one_line(error.message());
    let offset = error.span().map(|span| span.start);
    let keys = error.span().and_then(|span| keys_at(text, &span)).unwrap_or_default();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let mut words = rest.split('`').skip(1).step_by(2);
        let unknown = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        let offset = offset_of_key(text, unknown, offset).or(offset);
        return ConfigError::at(path, text, offset, unknown_key(unknown, &known));
    }
    let message = match keys.last() {
        Some(key) if message.starts_with("invalid ") => {
            format!("`{key}`: {}", plain_type_error(&message))
        }
        _ => message,
    };
    ConfigError::at(path, text, offset, message)
}

/// The parser's `invalid type: string "x", expected u64` in a user's words.
pub(super) fn plain_type_error(message: &str) -> String {
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let whole = |name: &str| {
        name.strip_prefix(['u', 'i'])
            .is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok())
    };
    let expected = match expected {
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => "a list in [ ]",
        "f64" | "f32" => "a number",
        name if whole(name) => "a whole number",
        "a map" => "a table",
        other => other,
    };
    let found = found.replace("string ", "the text ").replace("sequence", "a list");
    let found = found.replace("map", "a table").replace("boolean ", "");
    format!("must be {expected}, not {found}")
}

/// The message for a key that is not known.
pub(super) fn unknown_key(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known) {
        Some(near) => format!("unknown key `{unknown}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown key `{unknown}`"),
        None => format!("unknown key `{unknown}`; known here: {}", known.join(", ")),
    }
}

/// Gives a wrong value its place in the text.
pub(super) fn place(path: &Path, text: &str, wrong: &Wrong) -> ConfigError {
    let offset = DeTable::parse(text).ok().and_then(|table| find(table.get_ref(), &wrong.key));
    ConfigError::at(path, text, offset, wrong.message.clone())
}

/// Offset of the deepest key of the path that is written out.
///
/// A key with a dot in it may be written as a table in a table.
fn find(table: &DeTable<'_>, keys: &[String]) -> Option<usize> {
    let (first, rest) = keys.split_first()?;
    let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == first.as_str()) else {
        let (outer, inner) = first.split_once('.')?;
        let split = [&[outer.to_owned(), inner.to_owned()], rest].concat();
        return find(table, &split);
    };
    let deeper = match value.get_ref() {
        DeValue::Table(inner) => find(inner, rest),
        // `[[suppress]]`: the key after it is the number of the entry.
        DeValue::Array(items) => rest.split_first().and_then(|(number, rest)| {
            match items.get(number.parse::<usize>().ok()?)?.get_ref() {
                DeValue::Table(inner) => find(inner, rest),
                _ => None,
            }
        }),
        _ => None,
    };
    Some(deeper.unwrap_or(key.span().start))
}

/// Where an unknown key stands: the parser points at it or at the table around it.
fn offset_of_key(text: &str, key: &str, near: Option<usize>) -> Option<usize> {
    fn search(table: &DeTable<'_>, wanted: &str, out: &mut Vec<usize>) {
        for (key, value) in table.iter() {
            if key.get_ref() == wanted {
                out.push(key.span().start);
            }
            visit(value.get_ref(), &mut |inner| search(inner, wanted, out));
        }
    }
    let table = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    search(table.get_ref(), key, &mut found);
    let near = near.unwrap_or(0);
    found.sort_unstable();
    found.iter().copied().find(|at| *at >= near).or_else(|| found.first().copied())
}

/// The keys that lead to the value at `span`.
fn keys_at(text: &str, span: &Range<usize>) -> Option<Vec<String>> {
    fn search(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<String>) -> bool {
        for (key, value) in table.iter() {
            path.push(key.get_ref().to_string());
            let here = value.span().start <= span.start && span.end <= value.span().end;
            let mut deeper = false;
            visit(value.get_ref(), &mut |inner| deeper = deeper || search(inner, span, path));
            if deeper || here {
                return true;
            }
            path.pop();
        }
        false
    }
    let table = DeTable::parse(text).ok()?;
    let mut path = Vec::new();
    search(table.get_ref(), span, &mut path).then_some(path)
}

fn visit(value: &DeValue<'_>, to: &mut dyn FnMut(&DeTable<'_>)) {
    match value {
        DeValue::Table(inner) => to(inner),
        DeValue::Array(items) => items.iter().for_each(|item| visit(item.get_ref(), to)),
        _ => {}
    }
}

/// The known word closest to `word`, if it is close enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = NEAR_MAX.min(word.chars().count().div_ceil(2));
    known
        .iter()
        .map(|known| (strsim::levenshtein(word, known), *known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn check(text: &str, expected: &str) {
        let error = Config::parse(Path::new("stilt.toml"), text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n  not {expected}");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_key_that_was_meant() {
        check(
            "# x\n[identity]\n  sesion_idle_secs = 3\n",
            "stilt.toml:3:3: unknown key `sesion_idle_secs`; did you mean `session_idle_secs`?",
        );
        check("[identty]\n", "stilt.toml:1:2: unknown key `identty`; did you mean `identity`?");
        check(
            "[privacy]\nzzzzzzzzzzz = 1\n",
            "stilt.toml:2:1: unknown key `zzzzzzzzzzz`; known here: ",
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key() {
        check(
            "[identity]\nsession_idle_secs = \"x\"\n",
            "stilt.toml:2:21: `session_idle_secs`: must be a whole number, not the text \"x\"",
        );
    }

    #[test]
    fn broken_toml_is_one_line() {
        check("[identity\n", "stilt.toml:1:10: ");
        check("a = = 1\n", "stilt.toml:1:");
    }

    #[test]
    fn a_value_out_of_range_is_placed() {
        check(
            "[observer]\nname = \"tap\"\n[identity]\nsessions_max = 0\n",
            "stilt.toml:4:1: `identity.sessions_max` must be at least 1",
        );
    }

    #[test]
    fn a_place_of_identity_that_is_none_is_placed() {
        let key = |more: &str| format!("[[identity.keys]]\nnames = \"user\"\n{more}\n");
        check(
            &key("at = \"X-User\""),
            "stilt.toml:3:1: `identity.keys.at`: `X-User` is no place; write header:NAME",
        );
        check(
            &key("at = \"query:u\"\npattern = \"(\""),
            "stilt.toml:4:1: `identity.keys.pattern`: is no regular expression",
        );
        check(
            "[identity]\ntrusted_proxies = [\"proxy\"]\n",
            "stilt.toml:2:1: `identity.trusted_proxies`: `proxy` is no address or network",
        );
        let good = key("at = \"header:X-User\"\nof = \"response\"\nservice = \"shop\"");
        assert_eq!(Config::parse(Path::new("x"), &good).unwrap().identity.keys.len(), 1);
    }

    #[test]
    fn packets_are_kept_only_where_place_size_and_time_are_given() {
        let all = "[evidence]\nfolder = \"e\"\nsize_max = 1048576\nkeep_secs = 60\n";
        assert!(Config::parse(Path::new("x"), all).unwrap().evidence.bounds().is_some());
        for (text, expected) in [
            ("folder = \"e\"", "stilt.toml:2:1: `evidence.folder` is given without `evidence.size"),
            ("keep_secs = 9", "stilt.toml:2:1: `evidence.keep_secs` is given without `evidence.fo"),
            (
                "keep_secs = 9\nsize_max = 9\nfolder = \"e\"",
                "stilt.toml:3:1: `evidence.size_max` must be at least 1048576 (bytes)",
            ),
            ("keep_secs = 0", "stilt.toml:2:1: `evidence.keep_secs` must be at least 1"),
            ("sizemax = 9", "stilt.toml:2:1: unknown key `sizemax`; did you mean `size_max`?"),
        ] {
            check(&format!("[evidence]\n{text}\n"), expected);
        }
    }

    #[test]
    fn a_dismissal_of_an_unknown_rule_is_placed() {
        check(
            "[[suppress]]\nrule = \"ato\"\nreason = \"r\"\n[[suppress]]\nrule = \"atto.x\"\n\
             reason = \"r\"\n",
            "stilt.toml:5:1: `suppress.rule`: no detection or family `atto.x`",
        );
    }

    #[test]
    fn a_support_of_zero_is_no_support() {
        check(
            "[detections.authz.bola_enumeration]\nobjects_min = 0\n",
            "stilt.toml:2:1: `detections.authz.bola_enumeration.objects_min` must be at least 1",
        );
    }

    #[test]
    fn a_wrong_setting_of_a_detection_is_placed() {
        for table in ["detections.\"authz.bola_enumeration\"", "detections.authz.bola_enumeration"]
        {
            for (line, expected) in [
                ("objects_mn = 3", "unknown field `objects_mn`"),
                ("objects_min = \"x\"", "objects_min: invalid type"),
                ("severity = \"hihg\"", "severity: low, medium"),
            ] {
                check(
                    &format!("[{table}]\nenabled = true\n{line}\n"),
                    &format!("stilt.toml:3:1: detections.authz.bola_enumeration: {expected}"),
                );
            }
        }
    }
}
