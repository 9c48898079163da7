//! Services and endpoints as text for people.

use console::{measure_text_width, truncate_str};
use core::fmt::Write;
use std::collections::BTreeMap;
use stilt_inventory::knowledge::Level;
use stilt_inventory::knowledge::field::Field;
use stilt_inventory::report::Direction;
use stilt_inventory::{Known, functions, report};
use stilt_model::SecretKind;

/// Width where standard output is no terminal, and the least that is laid out for.
const WIDTH: usize = 120;
const WIDTH_MIN: usize = 72;
/// Columns that a path may take.
const PATH_MAX: usize = 56;
/// Parameters of one endpoint that are shown.
const PARAMETERS_MAX: usize = 24;
/// Fields of one kind of sensitive data that are named.
const FIELDS_MAX: usize = 3;

/// Columns of the terminal.
pub(crate) fn width() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(WIDTH, |(_, columns)| usize::from(columns)).max(WIDTH_MIN)
}

/// All endpoints, service by service.
pub(crate) fn write(known: &[Known<'_>], refused: usize, width: usize) -> String {
    let mut services: BTreeMap<&str, Vec<Known<'_>>> = BTreeMap::new();
    for one in known {
        services.entry(&one.endpoint.service).or_default().push(*one);
    }
    let mut out = String::new();
    for (service, endpoints) in &services {
        head(&mut out, service, endpoints);
        let longest = endpoints.iter().map(|one| measure_text_width(&path_of(*one))).max();
        let path = longest.unwrap_or(0).clamp(4, PATH_MAX.min(width.saturating_sub(56)));
        let _ = writeln!(
            out,
            "  {:7} {:path$} {:>8} {:>6}  {:14} {:11} business",
            "method", "path", "requests", "actors", "authentication", "p50/p95 ms"
        );
        for one in endpoints {
            endpoint(&mut out, *one, path, width);
        }
        out.push('\n');
    }
    if known.is_empty() {
        out.push_str("no endpoint was seen to answer\n");
    }
    if refused > 0 {
        let _ = writeln!(out, "{refused} more paths were only ever refused, and are not listed");
    }
    out
}

fn head(out: &mut String, service: &str, endpoints: &[Known<'_>]) {
    let requests: u64 = endpoints.iter().map(|one| one.knowledge.requests).sum();
    let first = endpoints.iter().map(|one| one.knowledge.first).min().unwrap_or_default();
    let last = endpoints.iter().map(|one| one.knowledge.last).max().unwrap_or_default();
    let _ = writeln!(
        out,
        "{}: {} endpoints, {requests} requests, {first} to {last}",
        printable(service),
        endpoints.len()
    );
}

fn path_of(one: Known<'_>) -> String {
    printable(&one.endpoint.template)
}

fn endpoint(out: &mut String, one: Known<'_>, path: usize, width: usize) {
    let knowledge = one.knowledge;
    let shown = path_of(one);
    // A path that does not fit has lines of its own: cut off, two would look the same.
    let fits = measure_text_width(&shown) <= path;
    let method = if fits { &*one.endpoint.method } else { "" };
    if !fits {
        let room = width.saturating_sub(10).max(20);
        let mut rest = shown.as_str();
        let mut lead = one.endpoint.method.as_str();
        while !rest.is_empty() {
            let end = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            let (line, more) = rest.split_at(end);
            let _ = writeln!(out, "  {lead:7} {line}");
            (rest, lead) = (more, "");
        }
    }
    let gap = " ".repeat(path.saturating_sub(if fits { measure_text_width(&shown) } else { 0 }));
    let shown = if fits { shown.as_str() } else { "" };
    let millis = |q: f64| {
        knowledge.latency.quantile(q).map_or_else(|| "-".to_owned(), |secs| short(secs * 1000.0))
    };
    let business: Vec<&str> = functions(one).iter().map(|(function, _)| function.name()).collect();
    let mut line = format!(
        "  {method:7} {shown}{gap} {:>8} {:>6}  {:14} {:11} ",
        knowledge.requests,
        knowledge.actors.count(),
        authentication(one),
        format!("{}/{}", millis(0.5), millis(0.95)),
    );
    let beside = measure_text_width(&line).saturating_add(business.join(", ").len()) <= width;
    if beside {
        line.push_str(&business.join(", "));
    }
    let _ = writeln!(out, "{}", truncate_str(line.trim_end(), width, "…"));
    if !beside {
        details(
            out,
            "business",
            &business.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(),
            width,
        );
    }
    details(out, "statuses", &statuses(one), width);
    let roles = &knowledge.actors.roles;
    if !roles.is_empty() {
        let one = |role: &stilt_inventory::knowledge::Role| {
            let refused = if role.refused > 0 {
                format!(" ({} refused)", role.refused)
            } else {
                String::new()
            };
            format!("{}{refused}", printable(&role.name))
        };
        details(out, "roles", &roles.iter().map(one).collect::<Vec<_>>(), width);
    }
    let all = report::parameters_of(one);
    for place in ["path", "query", "body"] {
        let own = all.iter().filter(|(at, ..)| *at == place);
        let count = own.clone().count();
        let mut items: Vec<String> = own
            .take(PARAMETERS_MAX)
            .map(|(_, name, field, always)| parameter(name, *field, *always))
            .collect();
        if count > PARAMETERS_MAX {
            items.push(format!("{} more", count - PARAMETERS_MAX));
        }
        details(out, place, &items, width);
    }
    details(out, "headers", &headers(one), width);
    details(out, "takes", &sensitive(one, Direction::Request), width);
    details(out, "gives", &sensitive(one, Direction::Response), width);
}

/// Headers of requests; a question mark where not every request had it.
fn headers(one: Known<'_>) -> Vec<String> {
    let headers = &one.knowledge.headers;
    let usual = headers.usual().into_iter().take(PARAMETERS_MAX);
    usual
        .map(|header| format!("{}{}", header.name, if headers.always(header) { "" } else { "?" }))
        .collect()
}

/// `<email> ×40 (user.email)`: sensitive data that goes one way, never the values.
fn sensitive(one: Known<'_>, way: Direction) -> Vec<String> {
    let kinds = report::sensitive_fields(one.knowledge, way).into_iter();
    kinds
        .map(|(kind, fields)| {
            let more = if fields.len() > FIELDS_MAX { ", …" } else { "" };
            let named: Vec<&str> = fields.into_iter().take(FIELDS_MAX).collect();
            let at = match named.is_empty() {
                true => String::new(),
                false => format!(" ({}{more})", printable(&named.join(", "))),
            };
            format!("<{}> ×{}{at}", kind.kind.name(), kind.values)
        })
        .collect()
}

fn authentication(one: Known<'_>) -> String {
    let auth = &one.knowledge.auth;
    let level = match auth.level() {
        Level::Unknown => return "?".to_owned(),
        Level::None => return "none".to_owned(),
        Level::Some => "some ",
        Level::Always => "",
    };
    let by = auth.telling().first().map_or("credential", |carrier| match carrier.jwt {
        true => "JWT",
        false => report::carrier_name(carrier.kind),
    });
    format!("{level}{by}")
}

fn statuses(one: Known<'_>) -> Vec<String> {
    let mut all: Vec<_> = one.knowledge.answers.iter().collect();
    all.sort_by_key(|answer| answer.status);
    all.into_iter().map(|answer| format!("{} ×{}", answer.status, answer.count)).collect()
}

/// `limit integer 10..100`, `state paid|open?`; a question mark where not every request had it.
fn parameter(name: &str, field: Option<&Field>, always: bool) -> String {
    let mut text = printable(name);
    if !always {
        text.push('?');
    }
    let Some(field) = field.filter(|field| field.values > 0) else { return text };
    if let Some(values) = field.enumeration() {
        let _ = write!(text, " {}", printable(&values.join("|")));
        return text;
    }
    let masked = field.secrets().map(SecretKind::name).map(|name| format!("<{name}>"));
    let classes = report::classes(field).into_iter().map(str::to_owned);
    let classes: Vec<String> = masked.chain(classes).collect();
    let _ = write!(text, " {}", classes.join("|"));
    if let Some((least, greatest)) = field.range
        && least < greatest
    {
        let _ = write!(text, " {}..{}", short(least), short(greatest));
    }
    text
}

/// A number with three digits that count.
fn short(number: f64) -> String {
    let size = number.abs();
    if number.fract() == 0.0 || size >= 100.0 {
        format!("{number:.0}")
    } else if size >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

/// Items under a title, broken between items at the width.
fn details(out: &mut String, title: &str, items: &[String], width: usize) {
    if items.is_empty() {
        return;
    }
    let indent = 20;
    let mut line = format!("          {title:9} ");
    let mut column = indent;
    for (at, item) in items.iter().enumerate() {
        let comma = if at + 1 < items.len() { ", " } else { "" };
        let item = truncate_str(item, width.saturating_sub(indent + 2), "…");
        let size = measure_text_width(&item);
        if column + size + 1 > width && column > indent {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
            column = indent;
        }
        let _ = write!(line, "{item}{comma}");
        column += size + comma.len();
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// Text from the wire, without what could steer a terminal.
fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_broken_at_the_width() {
        let mut out = String::new();
        let items: Vec<String> = (0..40).map(|n| format!("parameter{n}")).collect();
        details(&mut out, "query", &items, 72);
        assert!(out.lines().count() > 5);
        assert!(out.lines().all(|line| measure_text_width(line) <= 72), "{out}");
    }

    #[test]
    fn a_name_from_the_wire_steers_no_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.125, 12.34, 1234.5, 17.0].map(short), ["0.12", "12.3", "1234", "17"]);
    }
}
