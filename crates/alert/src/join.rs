//! When two findings are one story.

use std::collections::BTreeSet;
use stilt_model::{ActorId, ActorKind, Evidence, Finding, Timestamp, TransactionId};

/// What of a story or finding decides whether it is the same act as another.
pub(crate) struct Act<'a> {
    /// Who.
    pub(crate) actor: ActorId,
    /// Where: service and endpoint.
    pub(crate) place: (&'a str, &'a str),
    /// In which conversation; 0 where there is none.
    pub(crate) thread: u64,
    /// When.
    pub(crate) span: (Timestamp, Timestamp),
    /// Several clients together.
    pub(crate) many: bool,
}

impl<'a> Act<'a> {
    /// The act a finding tells of.
    pub(crate) fn of(finding: &'a Finding) -> Self {
        Self {
            actor: finding.actor.id,
            place: (&finding.service, &finding.endpoint),
            thread: finding.thread,
            span: (finding.start, finding.end),
            many: finding.actor.kind == ActorKind::Cluster,
        }
    }
}

/// How strongly two acts are one; the greater binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bond {
    /// One actor at one endpoint at the same time.
    Place,
    /// So many transactions bear both out.
    Evidence(usize),
}

/// Whether `new` tells of the act that the open story `open` tells of.
///
/// Two rules that saw one transaction saw one act, whatever level each names the actor on; but two
/// campaigns of several clients that meet in a few attempts stay two. Without
/// a common transaction it takes one actor, one endpoint and overlapping time: one actor's attacks
/// on two endpoints are two stories.
pub(crate) fn bond(
    open: &Act<'_>,
    open_transactions: &BTreeSet<TransactionId>,
    new: &Act<'_>,
    new_evidence: &[Evidence],
) -> Option<Bond> {
    let shared = new_evidence
        .iter()
        .filter(|evidence| open_transactions.contains(&evidence.transaction))
        .count();
    let campaigns = open.many && new.many && open.actor != new.actor;
    if shared > 0 && !(campaigns && shared.saturating_mul(2) < new_evidence.len()) {
        return Some(Bond::Evidence(shared));
    }
    let overlap = open.span.0 <= new.span.1 && new.span.0 <= open.span.1;
    let one = open.thread == new.thread || open.thread == 0 || new.thread == 0;
    (open.actor == new.actor && open.place == new.place && overlap && one).then_some(Bond::Place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, evidence, finding};

    fn check(change: impl FnOnce(&mut Finding), expected: Option<Bond>) {
        let mut open = finding("ato.brute_force");
        open.end = at(60);
        let transactions = open.evidence.iter().map(|seen| seen.transaction).collect();
        let mut new = finding("inject.sql");
        new.evidence = vec![evidence(2, 30)];
        (new.start, new.end) = (at(30), at(30));
        change(&mut new);
        let (open, new_act) = (Act::of(&open), Act::of(&new));
        assert_eq!(bond(&open, &transactions, &new_act, &new.evidence), expected);
    }

    #[test]
    fn one_actor_at_one_endpoint_in_overlapping_time_is_one_story() {
        check(|_| {}, Some(Bond::Place));
        check(|new| new.start = at(60), Some(Bond::Place));
    }

    #[test]
    fn a_common_transaction_is_one_story_on_whatever_level_the_actor_is_named() {
        check(
            |new| {
                new.evidence = vec![evidence(1, 0), evidence(2, 30)];
                new.actor.id.0 = 99;
                new.endpoint = "GET /other".to_owned();
                (new.start, new.end) = (at(500), at(500));
            },
            Some(Bond::Evidence(1)),
        );
    }

    #[test]
    fn campaigns_that_meet_in_a_few_attempts_are_two_stories() {
        let check = |common: u64, expected: Option<Bond>| {
            let mut open = finding("ato.credential_stuffing");
            open.actor.kind = ActorKind::Cluster;
            let transactions = open.evidence.iter().map(|seen| seen.transaction).collect();
            let mut new = finding("ato.brute_force");
            (new.actor.kind, new.actor.id.0) = (ActorKind::Cluster, 99);
            new.evidence =
                (0..4).map(|n| evidence(if n < common { 1 } else { 7 + n }, 0)).collect();
            let (open, new_act) = (Act::of(&open), Act::of(&new));
            assert_eq!(bond(&open, &transactions, &new_act, &new.evidence), expected);
        };
        check(1, None);
        check(2, Some(Bond::Evidence(2)));
    }

    #[test]
    fn two_conversations_under_one_key_are_two_stories() {
        for (threads, one) in [((1, 2), false), ((1, 1), true), ((0, 2), true)] {
            let mut open = finding("agent.jailbreak");
            open.thread = threads.0;
            let mut new = finding("agent.runaway_loop");
            (new.thread, new.evidence) = (threads.1, vec![evidence(2, 0)]);
            let bond = bond(&Act::of(&open), &BTreeSet::new(), &Act::of(&new), &new.evidence);
            assert_eq!(bond.is_some(), one, "{threads:?}");
        }
    }

    #[test]
    fn another_actor_endpoint_service_or_time_is_another_story() {
        check(|new| new.actor.id.0 = 99, None);
        check(|new| new.endpoint = "GET /other".to_owned(), None);
        check(|new| new.service = "other".to_owned(), None);
        check(|new| (new.start, new.end) = (at(61), at(90)), None);
        check(|new| (new.start, new.end) = (at(-9), at(-1)), None);
    }
}
