//! The distributed story: many clients, each of which fails on an account or two.

use super::strangers::Surge;
use super::{SPEC, Service, client_actor, remediation, severity};
use crate::context::Context;
use crate::stats::to_f64;
use crate::tale::{Tale, counted, lasting};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_inventory::Login;
use stilt_model::{
    Actor, ActorId, ActorKind, Finding, IdBuilder, Outcome, Severity, SmolStr, Timestamp,
};

/// The distributed story that is running.
#[derive(Serialize, Deserialize)]
pub(super) struct Campaign {
    actor: Actor,
    clients: BTreeSet<ActorId>,
    tale: Tale,
    outcome: Outcome,
    /// Accounts that let one of the clients in.
    inside: u64,
    pub(super) surge: Surge,
    pub(super) last: Timestamp,
    /// A finding about the latest transaction, to be filled when it is told.
    finding: Finding,
}

impl Campaign {
    /// One more client belongs to it, with what it did so far.
    fn take(&mut self, id: ActorId, client: &mut super::Client) -> bool {
        if !self.clients.insert(id) {
            return false;
        }
        client.gather();
        self.tale.absorb(&client.tale);
        if client.outcome == Outcome::Success {
            self.outcome = Outcome::Success;
            self.inside = self.inside.saturating_add(client.inside.max(1));
            self.tale.news();
        }
        true
    }

    fn tell(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        if !self.tale.due(now, self.outcome) {
            return;
        }
        let mut finding = self.finding.clone();
        finding.actor = self.actor.clone();
        finding.severity = severity(self.outcome);
        finding.outcome = self.outcome;
        finding.at = now;
        finding.session = None;
        self.tale.fill(&mut finding);
        let attempts = self.tale.count;
        let accounts = self.tale.users().max(self.surge.accounts);
        // One that was let in before it joined counts as well.
        let last = if self.outcome == Outcome::Success {
            format!("{} let in", counted(self.inside.max(1), "account"))
        } else {
            "none let in".to_owned()
        };
        finding.message = format!(
            "{} tried from {} clients that never signed in, in {}, {last}",
            counted(accounts, "account"),
            self.clients.len(),
            lasting(finding.end.since(finding.start)),
        );
        finding.confidence = 0.85;
        finding.why = vec![
            signal(
                "clients_that_only_failed",
                format!("{} within {}", self.surge.clients, lasting(self.surge.span)),
                format!("about {:.1}", self.surge.expected),
            ),
            signal("distinct_accounts", accounts.to_string(), "few who forgot a password"),
            signal(
                "attempts_per_account",
                format!("{:.1}", to_f64(attempts) / to_f64(accounts.max(1))),
                "several on one's own account",
            ),
        ];
        finding.remediation = remediation(self.outcome, &finding.endpoint);
        findings.push(finding);
    }
}

impl Service {
    pub(super) fn open_campaign(
        &mut self,
        mut clients: Vec<ActorId>,
        surge: Surge,
        latest: Finding,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) {
        clients.sort_unstable();
        let mut campaign = Campaign {
            actor: latest.actor.clone(),
            clients: BTreeSet::new(),
            tale: Tale::default(),
            outcome: Outcome::Failure,
            inside: 0,
            surge,
            last: now,
            finding: latest,
        };
        for id in clients {
            self.strangers.forget(id);
            if let Some(client) = self.clients.get_mut(&id) {
                campaign.take(id, client);
            }
        }
        let mut name = IdBuilder::new("cluster").text(SPEC.rule.id).text(&campaign.finding.service);
        name = name.number(campaign.tale.first_transaction());
        let cluster = ActorId(name.finish());
        campaign.actor = Actor {
            id: cluster,
            kind: ActorKind::Cluster,
            name: format!("cluster:{cluster}"),
            user: None,
            roles: Vec::new(),
            identified_by: SmolStr::new_static("clients that never signed in and fail alike"),
        };
        campaign.tell(now, findings);
        self.campaign = Some(campaign);
    }

    /// One more client joins the running campaign.
    pub(super) fn enlist(&mut self, id: ActorId, now: Timestamp, findings: &mut Vec<Finding>) {
        self.strangers.forget(id);
        let (Some(campaign), Some(client)) = (&mut self.campaign, self.clients.get_mut(&id)) else {
            return;
        };
        if campaign.take(id, client) {
            campaign.last = now;
            campaign.surge.clients = campaign.clients.len() as u64;
            campaign.tell(now, findings);
        }
    }

    /// Most clients of the running campaign are of that make.
    fn is_of_campaign(&self, make: ActorId) -> bool {
        let Some(campaign) = &self.campaign else { return false };
        let known = campaign.clients.iter().filter_map(|id| self.clients.get(id));
        let same = known.filter(|client| client.cluster == make).count();
        same.saturating_mul(2) >= campaign.clients.len()
    }

    /// A further attempt of a client that may belong to the campaign. `new_here`: the account lets
    /// the client in for the first time.
    pub(super) fn join_campaign(
        &mut self,
        context: &Context<'_>,
        login: &Login,
        (new_here, note): (bool, String),
        findings: &mut Vec<Finding>,
    ) {
        let id = context.seen.client;
        let failed = login.outcome == Outcome::Failure;
        let belongs = |campaign: &Option<Campaign>| {
            campaign.as_ref().is_some_and(|c| c.clients.contains(&id))
        };
        if new_here
            && !belongs(&self.campaign)
            && let Some(client) = self.clients.get_mut(&id)
            && !client.welcome
            && client.slow.count().failing > 0
            && !client.held.is_slip(login)
        {
            // It failed on others and now gets into this one.
            client.outcome = Outcome::Success;
            let make = client.cluster;
            if self.is_of_campaign(make)
                && let Some(client) = self.clients.get_mut(&id)
            {
                client.gather();
                client.tale.add(context, note, true);
                client.tale.user(&login.user);
                self.point_at(context);
                self.enlist(id, context.at(), findings);
            }
            return;
        }
        let Some(campaign) =
            self.campaign.as_mut().filter(|campaign| campaign.clients.contains(&id))
        else {
            return;
        };
        // Who gets in where the client got in before is the owner of the account.
        if !failed && !new_here {
            return;
        }
        campaign.last = context.at();
        campaign.tale.add(context, note, !failed);
        campaign.tale.user(&login.user);
        if !failed {
            campaign.outcome = Outcome::Success;
            campaign.inside = campaign.inside.saturating_add(1);
            campaign.tale.news();
            self.point_at(context);
        }
        if let Some(campaign) = &mut self.campaign {
            campaign.tell(context.at(), findings);
        }
    }

    /// What is told of the campaign from now on is told of this transaction.
    fn point_at(&mut self, context: &Context<'_>) {
        if let Some(campaign) = &mut self.campaign {
            campaign.finding =
                context.finding(SPEC.rule.id, Severity::Critical, client_actor(context));
        }
    }
}
