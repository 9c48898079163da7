//! What was seen, and what could not be seen.

use crate::shed::Shed;
use core::fmt;
use stilt_alert::Counts;
use stilt_capture::source::Losses;
use stilt_capture::{assembler, link};
use stilt_detect::NotEvaluated;
use stilt_model::Timestamp;

/// The closing account of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// It was stopped before the end.
    pub interrupted: bool,
    /// What live ports received and lost, where any were watched.
    pub live: Option<Losses>,
    /// Connections that were left out because more came than could be analysed.
    pub shed: Shed,
    /// Records that an output did not take.
    pub records_lost: u64,
    /// Packets that were to be kept (`[evidence]`) and were not.
    pub packets_not_kept: u64,
    /// Why a live run ended early.
    pub failed: Option<String>,
    /// Packets read.
    pub packets: u64,
    /// First transaction.
    pub first: Option<Timestamp>,
    /// End of the last transaction.
    pub last: Timestamp,
    /// What the links counted.
    pub links: link::Counters,
    /// What the flow workers counted.
    pub flows: assembler::Counters,
    /// Transactions.
    pub transactions: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Endpoints known at the end.
    pub endpoints: u64,
    /// The command tells no alerts: it learns, or shows sessions.
    pub alerts_untold: bool,
    /// Alerts and what was withheld.
    pub alerts: Counts,
    /// Transactions that policies spoke of, and their share of all; where there are policies.
    pub policy: Option<(u64, f64)>,
    /// What could not be judged.
    pub not_evaluated: Vec<NotEvaluated>,
    /// Transactions with a body of which a part only was kept.
    pub bodies_cut: u64,
    /// Transactions in or before which bytes were lost.
    pub gap_transactions: u64,
    /// Requests whose head never came whole.
    pub cut_off: u64,
    /// Sessions ended because the table was full.
    pub sessions_evicted: u64,
    /// Actors of whom it was forgotten what they were shown.
    pub actors_forgotten: u64,
    /// Places in the captures that were damaged.
    pub damaged: u64,
    /// Work that ended in an internal error and was dropped.
    pub panics: u64,
    /// What the sandbox could not keep the run from.
    pub unguarded: Vec<String>,
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interrupted && self.live.is_none() {
            writeln!(f, "stopped before the end of the captures")?;
        }
        writeln!(
            f,
            "saw      {} packets, {} flows ({} with HTTP), {} transactions, {} sessions, {} endpoints",
            grouped(self.packets),
            grouped(self.flows.flows),
            grouped(self.flows.http_flows),
            grouped(self.transactions),
            grouped(self.sessions),
            grouped(self.endpoints),
        )?;
        if let Some(first) = self.first {
            writeln!(f, "from     {first} to {}", self.last)?;
        }
        self.alerts(f)?;
        if let Some((governed, share)) = self.policy {
            let share = 100.0 * share;
            writeln!(f, "policies spoke of {} transactions ({share:.1} %)", grouped(governed))?;
        }
        for lacking in &self.not_evaluated {
            writeln!(
                f,
                "not evaluated: {}: {} {}",
                lacking.rule,
                grouped(lacking.count),
                lacking.reason
            )?;
        }
        for shortfall in &self.unguarded {
            writeln!(f, "sandbox  {shortfall}")?;
        }
        self.beside(f)?;
        self.unseen(f)
    }
}

impl Summary {
    fn alerts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alerts = self.alerts.alerts();
        // Nobody asked for alerts, and there are none to speak of.
        if self.alerts_untold && alerts == 0 {
            return Ok(());
        }
        let plural = if alerts == 1 { "" } else { "s" };
        let raised = if self.alerts_untold { "found   " } else { "raised  " };
        write!(f, "{raised} {} alert{plural}", grouped(alerts))?;
        let families: Vec<String> = self
            .alerts
            .by_family()
            .into_iter()
            .map(|(family, count)| format!("{family} {}", grouped(count)))
            .collect();
        let severities: Vec<String> = self
            .alerts
            .by_severity
            .iter()
            .rev()
            .map(|(severity, count)| format!("{} {}", severity.name(), grouped(*count)))
            .collect();
        if !families.is_empty() {
            write!(f, " ({}; {})", families.join(", "), severities.join(", "))?;
        }
        if self.alerts_untold && alerts > 0 {
            write!(f, ", which `stilt replay` tells; what they rest on taught nothing")?;
        }
        writeln!(f)?;
        let posture: u64 = self.alerts.posture.values().sum();
        if posture > 0 {
            writeln!(f, "noted    {} posture records", grouped(posture))?;
        }
        for (reason, count) in &self.alerts.suppressed {
            writeln!(f, "withheld {} findings: {reason}", grouped(*count))?;
        }
        Ok(())
    }

    /// What was seen and is nothing to analyse: copies, and what carries no HTTP in clear.
    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = &self.links;
        for (title, counts) in [
            (
                "mirrored",
                &[
                    (self.flows.duplicates, "copies of segments"),
                    (self.flows.joined, "flows in several networks joined"),
                ][..],
            ),
            (
                "passed  ",
                &[
                    (self.flows.flows.saturating_sub(self.flows.http_flows), "flows without HTTP"),
                    (self.flows.handed_over, "flows handed over to other protocols"),
                    (self.flows.handed_over_bytes, "bytes in them"),
                    (links.udp, "packets of UDP"),
                    (links.other_ip, "of other IP protocols"),
                    (links.not_ip, "without IP"),
                    (links.encrypted, "encrypted below TCP"),
                    (self.live.unwrap_or_default().unwanted, "of networks not asked for"),
                ],
            ),
        ] {
            let told = told(counts);
            if !told.is_empty() {
                writeln!(f, "{title} {}", told.join(", "))?;
            }
        }
        Ok(())
    }

    /// What could not be seen; nothing where all was.
    fn unseen(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = &self.flows.streams;
        let live = self.live.unwrap_or_default();
        let parts = told(&[
            (live.kernel, "packets dropped by the kernel, which were not read in time"),
            (live.interface, "packets dropped by the interface"),
            (self.shed.flows, "flows left out, as more came than could be analysed"),
            (self.shed.packets, "packets of them"),
            (self.records_lost, "records lost, which an output did not take"),
            (self.packets_not_kept, "packets not kept as evidence"),
            (live.outages, "times that an interface was away"),
            (streams.lost_bytes, "bytes lost"),
            (self.flows.streams.out_of_window, "segments outside any window"),
            (streams.gaps, "gaps"),
            (streams.cut_bytes, "bytes cut by the capture length"),
            (self.gap_transactions, "transactions with a gap"),
            (self.flows.midstream, "flows joined midway"),
            (self.flows.one_sided, "transactions of which one direction was seen"),
            (self.flows.unanswered, "requests without response"),
            (self.flows.unasked, "responses without request"),
            (self.cut_off, "requests cut off in their head"),
            (self.bodies_cut, "bodies kept in part"),
            (self.flows.tls, "connections encrypted with TLS"),
            (self.flows.evicted, "flows evicted"),
            (self.flows.half_open_evicted, "flows evicted after their handshake"),
            (self.sessions_evicted, "sessions evicted"),
            (self.alerts.evicted, "alert stories evicted"),
            (self.actors_forgotten, "actors forgotten"),
            (self.links.bad_checksums, "segments with a wrong checksum"),
            (self.links.fragments_differing, "IP fragments that overlap with other bytes"),
            (self.links.malformed, "malformed packets"),
            (self.links.unknown_link, "packets of unknown link type"),
            (self.links.cut, "packets cut by the capture length"),
            (self.flows.timed_out, "flows given up as idle"),
            (self.links.fragments_lost, "IP packets of which fragments were lost"),
            (self.links.too_deep, "packets with too many layers"),
            (streams.overlaps_differing, "segments that overlap with other bytes"),
            (self.damaged, "damaged places in the captures"),
            (self.panics, "internal errors, please report them"),
        ]);
        if parts.is_empty() && self.packets == 0 {
            writeln!(f, "unseen   all there may be: not one packet came (`stilt doctor` says more)")
        } else if parts.is_empty() {
            writeln!(f, "unseen   nothing")
        } else {
            writeln!(f, "unseen   {}", parts.join(", "))
        }
    }
}

/// The counts that are not zero, in words.
fn told(counts: &[(u64, &str)]) -> Vec<String> {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_seen_and_what_was_not() {
        let mut summary = Summary { packets: 1_234_567, transactions: 12, ..Summary::default() };
        assert!(summary.to_string().contains("1,234,567 packets"));
        assert!(summary.to_string().ends_with("unseen   nothing\n"));
        (summary.flows.flows, summary.flows.http_flows, summary.links.udp) = (9, 2, 30);
        assert!(
            summary.to_string().contains("\npassed   7 flows without HTTP, 30 packets of UDP\n")
        );
        assert!(summary.to_string().contains("\nraised   0 alerts\n"));
        assert!(Summary::default().to_string().contains("not one packet"));
        summary.alerts_untold = true;
        assert!(!summary.to_string().contains("alerts"));
        summary.flows.streams.lost_bytes = 1000;
        assert!(summary.to_string().ends_with("unseen   1,000 bytes lost\n"));
    }
}
