//! Figures in the text form that Prometheus reads (exposition format 0.0.4).
//!
//! No label names a user, a client or anything else that traffic chooses: what the labels can be
//! is bounded by configuration and program.

use super::histogram;
use crate::evidence::Kept;
use core::fmt::Write;
use core::time::Duration;
use stilt_alert::Counts;
use stilt_capture::link::TUNNELS;
use stilt_capture::source::Losses;
use stilt_capture::{assembler, link};
use stilt_detect::Took;
use stilt_inventory as inventory;
use stilt_model::SecretKind;

/// How things stand.
pub(crate) struct Standing<'a> {
    /// Ports that packets come from.
    pub(crate) source: &'a str,
    pub(crate) losses: Losses,
    pub(crate) shed: crate::shed::Shed,
    pub(crate) links: &'a link::Counters,
    pub(crate) flows: &'a assembler::Counters,
    pub(crate) content: &'a stilt_content::Counts,
    /// How long each detection took.
    pub(crate) took: &'a [(&'static str, &'a Took)],
    pub(crate) baseline_age: Option<Duration>,
    /// Packets that are kept, where some are.
    pub(crate) evidence: Option<Kept>,
    pub(crate) alerts: &'a Counts,
    pub(crate) transactions: u64,
    pub(crate) sessions: u64,
    pub(crate) sessions_evicted: u64,
    pub(crate) endpoints: inventory::Counters,
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
        let families = [self.capture(), self.flows(), self.protocols(), self.judged()];
        for family in families.into_iter().flatten() {
            family.write(&mut out);
        }
        histogram::write(
            &mut out,
            "stilt_detector_eval_seconds",
            "Time that detections take for a transaction; one in 64 is measured.",
            self.took,
        );
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
                "stilt_decap_total",
                "counter",
                "Tunnels undone.",
                TUNNELS
                    .iter()
                    .zip(self.links.tunnels)
                    .map(|(spec, count)| (vec![("proto", spec.name)], count))
                    .collect(),
            ),
            Family(
                "stilt_memory_bytes",
                "gauge",
                "Memory in use.",
                vec![(vec![("pool", "process")], self.memory)],
            ),
        ]
    }

    fn flows(&self) -> Vec<Family<'_>> {
        let flows = self.flows;
        let one = |value| vec![(Vec::new(), value)];
        let by = |reason, count| (vec![("reason", reason)], count);
        let state = |state, count| (vec![("state", state)], count);
        let way = |dir, count| (vec![("dir", dir)], count);
        vec![
            Family(
                "stilt_tcp_flows",
                "gauge",
                "Connections at present: of which the handshake alone was seen, that have said \
                 something, and that were closed a short while ago.",
                vec![
                    state("opening", flows.opening_now),
                    state("open", flows.open_now),
                    state("closed", flows.closed_now),
                ],
            ),
            Family(
                "stilt_tcp_oneway_flows_total",
                "counter",
                "Connections with HTTP of which one direction alone was seen, by that direction.",
                vec![way("request", flows.only_client), way("response", flows.only_server)],
            ),
            // Nothing is decrypted yet.
            Family(
                "stilt_tls_flows_total",
                "counter",
                "Connections that began with TLS.",
                vec![(vec![("status", "unsupported")], flows.tls)],
            ),
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
        ]
    }

    fn protocols(&self) -> Vec<Family<'_>> {
        let flows = self.flows;
        let messages = |dir, count| (vec![("version", "1"), ("dir", dir)], count);
        let by = |reason, count| (vec![("reason", reason)], count);
        let [requests, responses] = self.content.cut;
        vec![
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
                "Messages with a body of which a part only was kept.",
                vec![(vec![("dir", "request")], requests), (vec![("dir", "response")], responses)],
            ),
            Family(
                "stilt_redactions_total",
                "counter",
                "Marks made in place of secrets and personal data.",
                SecretKind::ALL
                    .iter()
                    .zip(self.content.marks)
                    .map(|(kind, count)| (vec![("kind", kind.name())], count))
                    .collect(),
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
            Family(
                "stilt_endpoints_known",
                "gauge",
                "Endpoints that are known, and those that went into the template of another.",
                vec![
                    (vec![("state", "known")], self.endpoints.endpoints),
                    (vec![("state", "merged")], self.endpoints.merged),
                ],
            ),
            Family(
                "stilt_baseline_age_seconds",
                "gauge",
                "Packet time since the model of sessions was fitted or loaded.",
                self.baseline_age
                    .iter()
                    .map(|age| (vec![("endpoint_class", "all")], age.as_secs()))
                    .collect(),
            ),
            Family(
                "stilt_evidence_bytes",
                "gauge",
                "Packets that are kept, with states: in the ring, and for alerts beyond it.",
                (self.evidence.iter())
                    .flat_map(|kept| [("ring", kept.ring), ("pinned", kept.pinned)])
                    .map(|(pool, bytes)| (vec![("pool", pool)], bytes))
                    .collect(),
            ),
            Family(
                "stilt_evidence_dropped_total",
                "counter",
                "Packets that were to be kept and were not.",
                self.evidence.iter().map(|kept| (Vec::new(), kept.lost)).collect(),
            ),
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
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            assert!(seen.insert(series.to_owned()), "twice: {line}");
            let labels = series.strip_prefix(&family).unwrap();
            let labels = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| labels.strip_prefix(part))
                .unwrap_or(labels);
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

    const CONTRACT: &[(&str, &str)] = &[
        ("stilt_capture_packets_total", "source"),
        ("stilt_capture_dropped_total", "stage"),
        ("stilt_decap_total", "proto"),
        ("stilt_decap_errors_total", "reason"),
        ("stilt_tcp_flows", "state"),
        ("stilt_tcp_gap_bytes_total", ""),
        ("stilt_tcp_duplicate_segments_total", ""),
        ("stilt_tcp_oneway_flows_total", "dir"),
        ("stilt_tls_flows_total", "status"),
        ("stilt_http_messages_total", "version"),
        ("stilt_http_unpaired_total", "reason"),
        ("stilt_http_bypassed_total", "reason"),
        ("stilt_body_truncated_total", "dir"),
        ("stilt_sessions_active", ""),
        ("stilt_sessions_evicted_total", "reason"),
        ("stilt_endpoints_known", "state"),
        ("stilt_detector_eval_seconds", "detector"),
        ("stilt_alerts_total", "detector"),
        ("stilt_alerts_suppressed_total", "reason"),
        ("stilt_baseline_age_seconds", "endpoint_class"),
        ("stilt_output_queue_depth", "sink"),
        ("stilt_output_failures_total", "sink"),
        ("stilt_shed_total", "class"),
        ("stilt_redactions_total", "kind"),
        ("stilt_memory_bytes", "pool"),
        ("stilt_build_info", "version"),
    ];

    #[test]
    fn the_text_is_one_that_prometheus_reads_whatever_a_user_wrote() {
        let mut alerts = Counts::default();
        alerts.raised.insert(("ato.brute_force".to_owned(), Severity::High), 3);
        alerts.suppressed.insert("our \"own\" scanner\\\nreally".to_owned(), 2);
        let outputs = [("/var/log/a b".to_owned(), 7, 0)];
        let mut took = Took { nanos: 1_500_000, ..Took::default() };
        (took.classes[0], took.classes[3], took.classes[7]) = (5, 2, 1);
        let text = Standing {
            source: "eth1,eth2",
            losses: Losses { packets: 9, kernel: 1, ..Losses::default() },
            shed: crate::shed::Shed { flows: 5, cut: 2, packets: 40 },
            links: &link::Counters::default(),
            flows: &assembler::Counters::default(),
            alerts: &alerts,
            transactions: 4,
            sessions: 1,
            sessions_evicted: 0,
            endpoints: inventory::Counters::default(),
            content: &stilt_content::Counts::default(),
            took: &[("ato.brute_force", &took)],
            baseline_age: Some(Duration::from_secs(90)),
            evidence: Some(Kept::default()),
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
            "stilt_baseline_age_seconds{endpoint_class=\"all\"} 90",
            "stilt_detector_eval_seconds_bucket{detector=\"ato.brute_force\",le=\"0.0001\"} 5",
            "stilt_detector_eval_seconds_bucket{detector=\"ato.brute_force\",le=\"0.001\"} 7",
            "stilt_detector_eval_seconds_bucket{detector=\"ato.brute_force\",le=\"+Inf\"} 8",
            "stilt_detector_eval_seconds_sum{detector=\"ato.brute_force\"} 0.0015",
            "stilt_detector_eval_seconds_count{detector=\"ato.brute_force\"} 8",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        // What scripts and dashboards are written against.
        for (family, label) in CONTRACT {
            let series = text.lines().filter(|line| !line.starts_with('#')).any(|line| {
                let rest = line.strip_prefix(family);
                let rest = rest.map(|rest| rest.strip_prefix("_bucket").unwrap_or(rest));
                rest.is_some_and(|rest| match *label {
                    "" => rest.starts_with([' ', '{']),
                    label => rest.starts_with('{') && rest.contains(&format!("{label}=\"")),
                })
            });
            assert!(series, "{family}{{{label}}}\n{text}");
        }
    }
}
