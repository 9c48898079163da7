//! Policy files: read, and told wrong by line and column.

use crate::needs::Needs;
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicyId, PolicySet};
use miette::Diagnostic;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest policy file, in bytes.
const FILE_MAX: u64 = 4 << 20;
/// Policies that are taken at most.
const POLICIES_MAX: usize = 10_000;

/// Why policies can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file can't be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why, and what helps.
        reason: String,
    },
    /// The text is no Cedar.
    #[error("{path}:{line}:{column}: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

/// One policy as it is told of.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) policy: Policy,
    /// Its `@id`, else its number in its file.
    pub(crate) name: String,
    /// Its conditions look at the principal.
    pub(crate) reads_principal: bool,
}

/// The policies of a run.
#[derive(Clone, Debug)]
pub struct Policies {
    pub(crate) set: PolicySet,
    pub(crate) named: BTreeMap<PolicyId, Named>,
    pub(crate) needs: Needs,
    /// The files as read, for telling where something stands.
    pub(crate) texts: Vec<(PathBuf, String)>,
}

/// Line and column, from 1, of a byte of a text.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    let before = text.get(..at).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
    let start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let column = before.get(start..).unwrap_or_default().chars().count().saturating_add(1);
    (line, column)
}

/// Where an error says that it is.
pub(crate) fn offset_of(error: &dyn Diagnostic) -> Option<usize> {
    error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset())
}

/// An error with its help.
pub(crate) fn text_of(error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    }
}

impl Policies {
    /// Functions that they name, groups left out.
    pub(crate) fn functions(&self) -> impl Iterator<Item = EntityUid> {
        self.named
            .values()
            .flat_map(|named| match named.policy.action_constraint() {
                ActionConstraint::Any => Vec::new(),
                ActionConstraint::In(list) => list,
                ActionConstraint::Eq(one) => vec![one],
            })
            .filter(|uid| uid.id().unescaped().contains(' '))
    }

    /// Reads a file, or every `.cedar` file of a folder.
    ///
    /// # Errors
    /// A file that can't be read, or is no Cedar.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let wrong = |path: &Path, reason: String| LoadError::File { path: path.into(), reason };
        let mut files = Vec::new();
        if path.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| wrong(path, error.to_string()))?;
            for entry in entries {
                let file = entry.map_err(|error| wrong(path, error.to_string()))?.path();
                if file.extension().is_some_and(|extension| extension == "cedar") {
                    files.push(file);
                }
            }
            files.sort();
            if files.is_empty() {
                return Err(wrong(path, "holds no file that ends in .cedar".to_owned()));
            }
        } else {
            files.push(path.to_owned());
        }
        let mut texts = Vec::new();
        for file in files {
            let size = fs::metadata(&file).map_err(|error| wrong(&file, error.to_string()))?.len();
            if size > FILE_MAX {
                return Err(wrong(&file, format!("is over {FILE_MAX} bytes; split it")));
            }
            let text =
                fs::read_to_string(&file).map_err(|error| wrong(&file, error.to_string()))?;
            texts.push((file, text));
        }
        Self::of(texts)
    }

    /// Takes policies from texts with their names.
    ///
    /// # Errors
    /// A text that is no Cedar.
    pub fn of(texts: Vec<(PathBuf, String)>) -> Result<Self, LoadError> {
        let mut set = PolicySet::new();
        let mut named = BTreeMap::new();
        for (path, text) in &texts {
            let wrong = |offset: usize, reason: String| {
                let (line, column) = place(text, offset);
                LoadError::Syntax { path: path.clone(), line, column, reason }
            };
            let parsed: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
                let offset = errors.iter().find_map(|error| offset_of(error)).unwrap_or(0);
                let reason = errors.iter().next().map_or(errors.to_string(), |e| text_of(e));
                wrong(offset, reason)
            })?;
            if parsed.templates().next().is_some() {
                return Err(wrong(0, "templates are not taken; write policies".to_owned()));
            }
            let mut policies: Vec<&Policy> = parsed.policies().collect();
            policies.sort_by_key(|policy| number_of(policy));
            let file = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
            for (at, policy) in policies.into_iter().enumerate() {
                if named.len() >= POLICIES_MAX {
                    return Err(wrong(0, format!("more than {POLICIES_MAX} policies")));
                }
                let id = PolicyId::new(format!("{:06}", named.len()));
                let name = policy.annotation("id").map_or_else(
                    || format!("policy {} of {file}", at.saturating_add(1)),
                    str::to_owned,
                );
                let policy = policy.new_id(id.clone());
                set.add(policy.clone()).map_err(|error| wrong(0, error.to_string()))?;
                let reads_principal = Needs::of(core::iter::once(&policy)).principal;
                named.insert(id, Named { policy, name, reads_principal });
            }
        }
        let needs = Needs::of(named.values().map(|named| &named.policy));
        Ok(Self { set, named, needs, texts })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.values().map(|named| named.name.as_str())
    }
}

/// Cedar numbers the policies of a text in their order.
fn number_of(policy: &Policy) -> u64 {
    policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_text_is_told_by_line_and_column() {
        let text =
            "permit (principal, action, resource);\n\npermit (principal, acton, resource);\n";
        let error = Policies::of(vec![("a.cedar".into(), text.to_owned())]).unwrap_err();
        assert!(matches!(error, LoadError::Syntax { line: 3, .. }), "{error}");
        assert!(error.to_string().starts_with("a.cedar:3:"), "{error}");
    }

    #[test]
    fn policies_are_named_by_id_or_number() {
        let text = "@id(\"refunds\") permit (principal, action, resource);\n\
                    forbid (principal, action, resource) when { context.hour > 22 };";
        let policies = Policies::of(vec![("a.cedar".into(), text.to_owned())]).unwrap();
        assert_eq!(policies.names().collect::<Vec<_>>(), ["refunds", "policy 2 of a.cedar"]);
    }
}
