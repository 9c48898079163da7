//! What is known of one named principal: its names, rights and tenants.

use crate::aliases;
use crate::rights::is_privileged;
use crate::told;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stilt_model::{Actor, ActorId, ActorKind, Leaf};

/// Roles that one principal wrote to itself.
const SELFMADE_MAX: usize = 8;

/// A named principal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Principal {
    pub(crate) actor: Arc<Actor>,
    pub(crate) aliases: Arc<Vec<String>>,
    pub(crate) roles: Arc<Vec<String>>,
    /// What answers said of its rights.
    pub(crate) told: Arc<Vec<String>>,
    /// Roles above users that it wrote to itself: to be told of them later proves no right.
    selfmade: Vec<String>,
    /// What it is in its tenants.
    member: Vec<String>,
    pub(crate) tenant: Option<Arc<str>>,
    /// All tenants that it belongs to, sorted.
    pub(crate) tenants: Arc<Vec<String>>,
    /// The token whose claims were read last.
    #[serde(skip)]
    pub(crate) read: Option<u64>,
}

impl Principal {
    /// Takes what an answer about it says of its rights and its tenant.
    pub(crate) fn told_by(&mut self, leaves: &[Leaf], own: &[&str]) {
        let mut told = told::roles(leaves, own);
        told.retain(|role| !self.is_selfmade(role));
        if !told.is_empty() {
            self.is_told(told);
        }
        self.belongs_to(told::tenants(leaves, own));
    }

    /// Takes the roles that a token, or a gateway, says it has.
    pub(crate) fn has_roles(&mut self, mut roles: Vec<String>) {
        roles.retain(|role| !self.is_selfmade(role));
        if *self.roles != roles && !roles.is_empty() {
            let mut actor = (*self.actor).clone();
            actor.roles.clone_from(&roles);
            self.actor = Arc::new(actor);
            self.roles = Arc::new(roles);
        }
    }

    fn is_told(&mut self, mut told: Vec<String>) {
        told.extend(self.member.iter().cloned());
        told.sort();
        told.dedup();
        if *self.told != told {
            self.told = Arc::new(told);
        }
    }

    fn belongs_to(&mut self, tenants: Vec<String>) {
        if self.tenant.is_none() {
            self.tenant = tenants.first().map(|tenant| Arc::from(tenant.as_str()));
        }
        aliases::add(&mut self.tenants, tenants);
    }

    /// Takes what a list of its tenants says.
    pub(crate) fn is_member(&mut self, leaves: &[Leaf]) {
        let told::Membership { mut roles, tenants } = told::membership(leaves);
        roles.retain(|role| !self.is_selfmade(role));
        if !roles.is_empty() {
            let mut told = (*self.told).clone();
            told.retain(|role| !self.member.contains(role));
            self.member = roles;
            self.is_told(told);
        }
        self.belongs_to(tenants);
    }

    /// It is known otherwise than by a token from now on. What that token claimed, it claims again
    /// where it is worth something.
    pub(crate) fn is_proved(&mut self, by: &str) {
        let mut actor = (*self.actor).clone();
        actor.roles.clear();
        actor.identified_by = by.into();
        self.aliases = Arc::new(actor.user.iter().cloned().collect());
        self.actor = Arc::new(actor);
        self.roles = Arc::default();
        self.told = Arc::default();
        self.tenant = None;
        self.tenants = Arc::default();
        self.read = None;
    }

    pub(crate) fn is_selfmade(&self, role: &String) -> bool {
        self.selfmade.contains(role)
    }

    /// Somebody without rights above users wrote roles to itself, or where it names nobody else.
    pub(crate) fn writes(&mut self, roles: Vec<String>, common: &[String]) {
        let above = |role: &String| is_privileged(role) && !common.contains(role);
        let has = self.told.iter().chain(self.roles.iter()).any(above);
        for role in roles {
            let room = self.selfmade.len() < SELFMADE_MAX && !self.selfmade.contains(&role);
            if room && !has && above(&role) {
                self.selfmade.push(role);
            }
        }
    }

    /// A principal of whom nothing but its name is known.
    pub(crate) fn new(id: ActorId, user: &str, by: &str) -> Self {
        Self {
            actor: Arc::new(Actor {
                id,
                kind: ActorKind::Principal,
                name: format!("user:{user}"),
                user: Some(user.to_owned()),
                roles: Vec::new(),
                identified_by: by.into(),
            }),
            aliases: Arc::new(vec![user.to_owned()]),
            roles: Arc::default(),
            told: Arc::default(),
            selfmade: Vec::new(),
            member: Vec::new(),
            tenant: None,
            tenants: Arc::default(),
            read: None,
        }
    }
}
