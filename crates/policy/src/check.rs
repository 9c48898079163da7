//! Whether policies fit an application: names, types and functions, by a schema made of its use.

use crate::functions::{GROUPS, METHODS};
use crate::policies::{Policies, offset_of, place, text_of};
use crate::suggest::quoted;
use crate::usage::{Sort, Usage};
use cedar_policy::{ActionConstraint, PolicySet, Schema, ValidationMode, Validator};
use core::fmt::Write;
use std::path::PathBuf;

/// Something wrong in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right where that is clear.
    pub text: String,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.text)
    }
}

/// Checks policies against what was seen of the applications; without it (`None`) only words that
/// Stilt gives are checked: functions may be called anything.
#[must_use]
pub fn check(policies: &Policies, usage: Option<&Usage>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in &policies.texts {
        let Ok(set) = text.parse::<PolicySet>() else { continue };
        let source = schema_of(usage, &set);
        let problem = |offset: usize, reason: String| {
            let (line, column) = place(text, offset);
            Problem { path: path.clone(), line, column, text: reason }
        };
        let schema = match Schema::from_cedarschema_str(&source) {
            Ok((schema, _)) => schema,
            Err(error) => {
                problems.push(problem(0, format!("no schema could be made: {error}")));
                continue;
            }
        };
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            problems.push(problem(offset_of(error).unwrap_or(0), text_of(error)));
        }
    }
    problems.sort_by(|one, other| {
        (&one.path, one.line, one.column).cmp(&(&other.path, other.line, other.column))
    });
    problems.dedup();
    problems
}

/// The schema of an application, in Cedar's own language.
fn schema_of(usage: Option<&Usage>, set: &PolicySet) -> String {
    let mut out = String::from(
        "entity Role;\nentity Tenant;\nentity Service;\n\
         entity User in [Role, Tenant] = { name: String, tenant?: String };\n\
         entity Client in [Role, Tenant] = { name: String, tenant?: String };\n\
         entity Endpoint in [Service] = { foreign: Bool };\n\
         entity Object in [Endpoint] = { foreign: Bool, class: String, id: String, \
         owner?: String };\n",
    );
    let groups: Vec<&str> = GROUPS.iter().chain(&METHODS).copied().collect();
    for group in &groups {
        let _ = writeln!(out, "action {};", quoted(group));
    }
    let mut leaves = String::new();
    let mut functions: Vec<(String, Vec<&str>)> = Vec::new();
    match usage {
        Some(usage) => {
            for (name, sort) in &usage.leaves {
                let sort = match sort {
                    Sort::Long => "Long",
                    Sort::Bool => "Bool",
                    Sort::Text => "String",
                    Sort::Mixed => continue,
                };
                let _ = write!(leaves, "{}?: {sort}, ", quoted(name));
            }
            functions.extend(
                usage.functions.iter().map(|(name, function)| {
                    (name.clone(), function.groups.iter().copied().collect())
                }),
            );
        }
        // Without a capture every function that is named counts as one.
        None => {
            for policy in set.policies() {
                let named = match policy.action_constraint() {
                    ActionConstraint::Any => Vec::new(),
                    ActionConstraint::In(list) => list,
                    ActionConstraint::Eq(one) => vec![one],
                };
                functions.extend(
                    named
                        .iter()
                        .map(|uid| uid.id().unescaped().to_owned())
                        .filter(|name| name.contains(' ') && !groups.contains(&name.as_str()))
                        .map(|name| (name, groups.clone())),
                );
            }
            functions.push(("GET /any".to_owned(), groups.clone()));
            functions.sort();
            functions.dedup();
        }
    }
    for (name, groups) in functions {
        let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
        let _ = writeln!(
            out,
            "action {} in [{}] appliesTo {{ principal: [User, Client], resource: [Endpoint, \
             Object], context: {{ ip: ipaddr, hour: Long, minute_of_day: Long, weekday: Long, \
             authenticated: Bool, auth: String, amount?: Long, on_behalf?: String, \
             request: {{ {leaves} }} }} }};",
            quoted(&name),
            groups.join(", ")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let policies = Policies::of(vec![("a.cedar".into(), text.to_owned())]).unwrap();
        check(&policies, None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_of_the_schema_are_checked_without_a_capture() {
        let good = "permit (principal in Role::\"clerk\", action == Action::\"POST /refunds\", \
                    resource) when { context.authenticated && !resource.foreign };";
        assert!(problems(good).is_empty(), "{:?}", problems(good));
        let wrong = problems("permit (principal in Rle::\"a\", action, resource);");
        assert!(wrong.iter().any(|problem| problem.starts_with("a.cedar:1:")), "{wrong:?}");
        let group = problems("\npermit (principal, action in Action::\"finance\", resource);");
        assert!(group.iter().any(|problem| problem.starts_with("a.cedar:2:")), "{group:?}");
    }
}
