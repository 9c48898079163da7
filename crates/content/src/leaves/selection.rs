//! What a GraphQL document selects: how much, how deep, and at what cost.

use super::graphql::{split, string};
use std::collections::HashMap;
use stilt_model::GraphQl;

/// Steps taken to put fragments in their places.
const STEPS_MAX: u32 = 4096;
/// Fragments of one document, and places where fragments are put.
const SPREADS_MAX: usize = 1024;

/// One operation or fragment.
#[derive(Default)]
struct Definition<'a> {
    depth: u32,
    cost: u64,
    /// Fragments that stand in it: name, depth and size of the lists above.
    spreads: Vec<(&'a str, u32, u64)>,
}

/// Adds what `document` selects to `sum`.
pub(super) fn add(document: &str, sum: &mut GraphQl) {
    let mut fragments: HashMap<&str, Definition<'_>> = HashMap::new();
    let mut operations = Vec::new();
    let mut rest = document;
    while let Some((head, body)) = rest.split_once('{') {
        // Variables may have objects as defaults: those braces stand in parentheses.
        let open = head.matches('(').count() > head.matches(')').count();
        if open {
            rest = body;
            continue;
        }
        let (definition, after) = selection(body, sum);
        let mut words = head.split_whitespace();
        let fragment = words.find(|word| *word == "fragment").and_then(|_| words.next());
        match fragment {
            Some(name) if fragments.len() < SPREADS_MAX => {
                fragments.insert(name, definition);
            }
            _ => operations.push(definition),
        }
        rest = after;
    }
    if operations.is_empty() {
        return;
    }
    sum.documents = sum.documents.saturating_add(1);
    let mut steps = STEPS_MAX;
    for operation in &operations {
        let (depth, cost) = whole(operation, &fragments, 16, &mut steps);
        sum.depth = sum.depth.max(depth);
        sum.cost = sum.cost.saturating_add(cost);
    }
}

/// Depth and cost with fragments in their places.
fn whole(
    definition: &Definition<'_>,
    fragments: &HashMap<&str, Definition<'_>>,
    nested: u8,
    steps: &mut u32,
) -> (u32, u64) {
    let (mut depth, mut cost) = (definition.depth, definition.cost);
    for (name, at, size) in &definition.spreads {
        let (Some(fragment), Some(left)) = (fragments.get(name), steps.checked_sub(1)) else {
            continue;
        };
        *steps = left;
        if let Some(nested) = nested.checked_sub(1) {
            let (more, price) = whole(fragment, fragments, nested, steps);
            depth = depth.max(at.saturating_add(more));
            cost = cost.saturating_add(price.saturating_mul(*size));
        }
    }
    (depth, cost)
}

/// Reads the selection that begins behind its brace; gives what follows its end.
fn selection<'a>(body: &'a str, sum: &mut GraphQl) -> (Definition<'a>, &'a str) {
    let mut found = Definition { depth: 1, ..Definition::default() };
    // Sizes of the lists above each open brace.
    let mut sizes = vec![1_u64];
    let (mut size, mut arguments, mut name) = (1_u64, 0_u32, "");
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '"' => string(rest).1,
            '#' => after.split_once('\n').map_or("", |(_, after)| after),
            '(' => {
                arguments = arguments.saturating_add(1);
                after
            }
            ')' => {
                arguments = arguments.saturating_sub(1);
                after
            }
            '0'..='9' if arguments > 0 => {
                let (digits, after) = split(rest, |byte| byte.is_ascii_digit());
                if is_size(name) {
                    size = digits.parse::<u64>().unwrap_or(u64::MAX).max(1);
                }
                after
            }
            '{' if arguments == 0 => {
                let above = sizes.last().copied().unwrap_or(1);
                sizes.push(above.saturating_mul(size));
                size = 1;
                let depth = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
                found.depth = found.depth.max(depth);
                after
            }
            '}' if arguments == 0 => {
                sizes.pop();
                size = 1;
                if sizes.is_empty() {
                    return (found, after);
                }
                after
            }
            '.' if arguments == 0 => {
                let (_, after) = split(rest, |byte| byte == b'.');
                let after = after.trim_start();
                let (word, tail) = split(after, is_name);
                if word == "on" || !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                {
                    let tail = if word == "on" { tail.trim_start() } else { after };
                    split(tail, is_name).1
                } else {
                    if found.spreads.len() < SPREADS_MAX {
                        let depth = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
                        let above = sizes.last().copied().unwrap_or(1);
                        found.spreads.push((word, depth.saturating_sub(1), above));
                    }
                    tail
                }
            }
            '@' | '$' => split(after, is_name).1,
            '_' | 'a'..='z' | 'A'..='Z' => {
                let (word, after) = split(rest, is_name);
                if arguments > 0 {
                    name = word;
                } else if after.trim_start().starts_with(':') {
                    sum.aliases = sum.aliases.saturating_add(1);
                } else {
                    size = 1;
                    sum.fields = sum.fields.saturating_add(1);
                    sum.introspection |= matches!(word, "__schema" | "__type");
                    let price = sizes.last().copied().unwrap_or(1);
                    found.cost = found.cost.saturating_add(price);
                }
                after
            }
            _ => after,
        };
    }
    (found, "")
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Arguments that say how many elements a list has.
fn is_size(name: &str) -> bool {
    matches!(
        name,
        "first" | "last" | "limit" | "size" | "count" | "take" | "pageSize" | "perPage" | "top"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(document: &str) -> GraphQl {
        let mut sum = GraphQl::default();
        add(document, &mut sum);
        sum
    }

    #[test]
    fn fields_depth_and_cost_are_summed_with_fragments_in_their_places() {
        let plain =
            sum("query Q($f: F = {a: 1}) { orders(first: 10) { id lines(first: 5) { sku } } }");
        assert_eq!((plain.documents, plain.fields, plain.depth, plain.aliases), (1, 4, 3, 0));
        // One field, ten times two, fifty times one.
        assert_eq!(plain.cost, 1 + 20 + 50);
        let aliased = sum("{ a: login(n: 1) { t } b: login(n: 2) { t } }");
        assert_eq!((aliased.aliases, aliased.fields, aliased.depth), (2, 4, 2));
        let spread = sum("{ me { ...A } } fragment A on U { friends(first: 9) { name ...A } }");
        assert!(spread.depth > 10 && spread.cost > 1_000, "{spread:?}");
        assert!(sum("{ __schema { types { name } } }").introspection);
        assert!(!sum("{ x(t: \"__schema {\") }").introspection);
        let inline = sum("{ node(id: 5) { ... on Order { id } } }");
        assert_eq!((inline.fields, inline.depth), (2, 3));
    }

    #[test]
    fn fragments_that_hold_each_other_end() {
        let mut document = "{ ...F0 }".to_owned();
        for number in 0..30 {
            let next = (number + 1) % 30;
            document.push_str(&format!(" fragment F{number} on T {{ x ...F{next} ...F{next} }}"));
        }
        assert!(sum(&document).cost > 0);
    }
}
