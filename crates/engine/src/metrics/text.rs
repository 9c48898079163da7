//! Figures in the text form that Prometheus reads (exposition format 0.0.4).
//!
//! No label names a user, a client or anything else that traffic chooses: what the labels can be
//! is bounded by configuration and program.

use core::fmt::Write;
use stilt_alert::Counts;
use stilt_capture::source::Losses;
use stilt_capture::{assembler, link};

/// How things stand.
pub(crate) struct Standing<'a> {
    /// Ports that packets come from.
    pub(crate) source: &'a str,
    pub(crate) losses: Losses,
    pub(crate) shed: crate::shed::Shed,
    pub(crate) links: &'a link::Counters,
    pub(crate) flows: &'a assembler::Counters,
    pub(crate) alerts: &'a Counts,
    pub(crate) transactions: u64,
    pub(crate) bodies_cut: u64,
    pub(crate) sessions: u64,
    pub(crate) sessions_evicted: u64,
    pub(crate) endpoints: u64,
    /// Of each output: where it goes, bytes that wait, records that were lost.
    pub(crate) outputs: &'a [(String, u64, u64)],
    pub(crate) memory: u64,
}

/// One family of figures: its name, its type, what it counts, and its series.
struct Family<'a>(&'a str, &'a str, &'a str, Vec<Series<'a>>);

/// Labels and a value.
type Series<'a> = (Vec<(&'a str, &'a str)>, u64);

impl Standing<'_> {
    /// All figures.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(8192);
        for family in [self.capture(), self.protocols(), self.judged()].into_iter().flatten() {
            family.write(&mut out);
        }
        out
    }

    fn capture(&self) -> Vec<Family<'_>> {
        let dropped = |stage, count| (vec![("source", self.source), ("stage", stage)], count);
        let error = |reason, count| (vec![("proto", "any"), ("reason", reason)], count);
        vec![
            Family(
                "stilt_build_info",
                "gauge",
                "The program that runs.",
                vec![(vec![("version", env!("CARGO_PKG_VERSION"))], 1)],
            ),
            Family(
                "stilt_capture_packets_total",
                "counter",
                "Packets read.",
                vec![(vec![("source", self.source)], self.losses.packets)],
            ),
            Family(
                "stilt_capture_dropped_total",
                "counter",
                "Packets that were not analysed, by where they were dropped.",
                vec![
                    dropped("kernel", self.losses.kernel),
                    dropped("interface", self.losses.interface),
                    dropped("queue", self.shed.packets),
                ],
            ),
            Family(
                "stilt_shed_total",
                "counter",
                "Connections left out because more came than could be analysed.",
                vec![
                    (vec![("class", "new")], self.shed.flows.saturating_sub(self.shed.cut)),
                    (vec![("class", "followed")], self.shed.cut),
                ],
            ),
            Family(
                "stilt_decap_errors_total",
                "counter",
                "Frames in which no segment could be found.",
                vec![
                    error("malformed", self.links.malformed),
                    error("too_deep", self.links.too_deep),
                    error("unknown_link", self.links.unknown_link),
                    error("encrypted", self.links.encrypted),
                    error("bad_checksum", self.links.bad_checksums),
                ],
            ),
            Family(
                "stilt_memory_bytes",
                "gauge",
                "Memory in use.",
                vec![(vec![("pool", "process")], self.memory)],
            ),
        ]
    }

    fn protocols(&self) -> Vec<Family<'_>> {
        let flows = self.flows;
        let messages = |dir, count| (vec![("version", "1"), ("dir", dir)], count);
        let one = |value| vec![(Vec::new(), value)];
        let by = |reason, count| (vec![("reason", reason)], count);
        vec![
            Family("stilt_tcp_flows_total", "counter", "Connections seen.", one(flows.flows)),
            Family(
                "stilt_tcp_flows_evicted_total",
                "counter",
                "Connections given up before their end.",
                vec![
                    by("full", flows.evicted),
                    by("half_open", flows.half_open_evicted),
                    by("idle", flows.timed_out),
                ],
            ),
            Family(
                "stilt_tcp_gap_bytes_total",
                "counter",
                "Bytes of connections that were never seen.",
                one(flows.streams.lost_bytes),
            ),
            Family(
                "stilt_tcp_duplicate_segments_total",
                "counter",
                "Copies of segments, made by mirroring.",
                one(flows.duplicates),
            ),
            Family(
                "stilt_http_messages_total",
                "counter",
                "Messages read.",
                vec![messages("request", flows.requests), messages("response", flows.responses)],
            ),
            Family(
                "stilt_http_unpaired_total",
                "counter",
                "Requests without response, and responses without request.",
                vec![by("unanswered", flows.unanswered), by("unasked", flows.unasked)],
            ),
            Family(
                "stilt_http_bypassed_total",
                "counter",
                "Connections handed over to another protocol.",
                vec![by("handed_over", flows.handed_over)],
            ),
            Family(
                "stilt_body_truncated_total",
                "counter",
                "Transactions with a body of which a part only was kept.",
                one(self.bodies_cut),
            ),
        ]
    }

    fn judged(&self) -> Vec<Family<'_>> {
        let one = |value| vec![(Vec::new(), value)];
        let sink = |target| vec![("sink", target)];
        let raised = self.alerts.raised.iter().map(|((rule, severity), count)| {
            (vec![("detector", rule.as_str()), ("severity", severity.name())], *count)
        });
        let suppressed = self.alerts.suppressed.iter();
        let suppressed = suppressed.map(|(why, count)| (vec![("reason", why.as_str())], *count));
        let (outputs, of) = (self.outputs.iter(), self.outputs.iter());
        vec![
            Family("stilt_transactions_total", "counter", "Transactions.", one(self.transactions)),
            Family("stilt_sessions_active", "gauge", "Open sessions.", one(self.sessions)),
            Family(
                "stilt_sessions_evicted_total",
                "counter",
                "Sessions ended because the table was full.",
                vec![(vec![("reason", "full")], self.sessions_evicted)],
            ),
            Family("stilt_endpoints_known", "gauge", "Endpoints known.", one(self.endpoints)),
            Family(
                "stilt_alerts_total",
                "counter",
                "Alerts raised, by the severity they were raised with.",
                raised.collect(),
            ),
            Family(
                "stilt_alerts_suppressed_total",
                "counter",
                "Findings withheld, by the reason that was given.",
                suppressed.collect(),
            ),
            Family(
                "stilt_output_queue_depth",
                "gauge",
                "Bytes of records that wait for an output.",
                outputs.map(|(target, waiting, _)| (sink(target.as_str()), *waiting)).collect(),
            ),
            Family(
                "stilt_output_failures_total",
                "counter",
                "Records that an output never took.",
                of.map(|(target, _, lost)| (sink(target.as_str()), *lost)).collect(),
            ),
        ]
    }
}

impl Family<'_> {
    fn write(&self, out: &mut String) {
        let Self(name, kind, about, series) = self;
        if series.is_empty() {
            return;
        }
        // Writing to a string can't fail.
        let _ = write!(out, "# HELP {name} {about}\n# TYPE {name} {kind}\n");
        for (labels, value) in series {
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
                .collect();
            let _ = match labels.as_slice() {
                [] => writeln!(out, "{name} {value}"),
                labels => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
            };
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Severity;

    /// Whether a text is one that Prometheus reads: each series after the head of its family, each
    /// once, names and labels of the allowed letters, strings closed.
    fn check(text: &str) -> usize {
        let name = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let (mut family, mut seen) = (String::new(), std::collections::BTreeSet::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# HELP ") {
                family = head.split(' ').next().unwrap().to_owned();
                assert!(name(&family) && family.starts_with("stilt_"), "{line}");
                continue;
            }
            if let Some(head) = line.strip_prefix("# TYPE ") {
                let kind = head.strip_prefix(&family).unwrap().trim();
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            value.parse::<u64>().unwrap();
            assert!(seen.insert(series.to_owned()), "twice: {line}");
            let labels = series.strip_prefix(&family).unwrap();
            let inside = labels.strip_prefix('{').map(|rest| rest.strip_suffix('}').unwrap());
            // What is between quotes, escapes apart, holds no quote.
            let plain = inside.unwrap_or_default().replace("\\\\", "").replace("\\\"", "");
            let parts: Vec<&str> = plain.split('"').collect();
            assert_eq!(parts.len() % 2, 1, "{line}");
            for label in parts.iter().step_by(2).filter(|part| !part.is_empty()) {
                assert!(name(label.trim_start_matches(',').strip_suffix('=').unwrap()), "{line}");
            }
        }
        seen.len()
    }

    #[test]
    fn the_text_is_one_that_prometheus_reads_whatever_a_user_wrote() {
        let mut alerts = Counts::default();
        alerts.raised.insert(("ato.brute_force".to_owned(), Severity::High), 3);
        alerts.suppressed.insert("our \"own\" scanner\\\nreally".to_owned(), 2);
        let outputs = [("/var/log/a b".to_owned(), 7, 0)];
        let text = Standing {
            source: "eth1,eth2",
            losses: Losses { packets: 9, kernel: 1, ..Losses::default() },
            shed: crate::shed::Shed { flows: 5, cut: 2, packets: 40 },
            links: &link::Counters::default(),
            flows: &assembler::Counters::default(),
            alerts: &alerts,
            transactions: 4,
            bodies_cut: 0,
            sessions: 1,
            sessions_evicted: 0,
            endpoints: 2,
            outputs: &outputs,
            memory: 1 << 20,
        }
        .text();
        assert!(check(&text) > 25, "{text}");
        for line in [
            "stilt_capture_packets_total{source=\"eth1,eth2\"} 9",
            "stilt_capture_dropped_total{source=\"eth1,eth2\",stage=\"queue\"} 40",
            "stilt_shed_total{class=\"new\"} 3",
            "stilt_alerts_total{detector=\"ato.brute_force\",severity=\"high\"} 3",
            "stilt_alerts_suppressed_total{reason=\"our \\\"own\\\" scanner\\\\\\nreally\"} 2",
            "stilt_output_queue_depth{sink=\"/var/log/a b\"} 7",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }
}
