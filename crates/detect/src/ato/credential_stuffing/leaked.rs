//! Pairs that leaked here: an answer shows names with their passwords, and somebody signs in with
//! them.
//!
//! Nothing fails then, so that nothing of stuffing is to be seen but where the pairs come from. One
//! client that opens several accounts with passwords an answer has shown to somebody before, at a
//! place where none of these accounts has ever signed in, has them from there. One such account is
//! nobody's doing: people do move.

use crate::context::Context;
use crate::keep::Keep;
use crate::tale::Tale;
use crate::tell::{self, signal};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use stilt_inventory::Login;
use stilt_model::{Actor, ActorId, Finding, Outcome, SecretKind, Severity, Timestamp, Value};

/// Pairs, accounts and clients remembered at most.
const PAIRS_MAX: usize = 100_000;
const ACCOUNTS_MAX: usize = 100_000;
const CLIENTS_MAX: usize = 10_000;
/// Places and makes of one account.
const HOMES_MAX: usize = 8;
/// Words of one record that may be a name.
const WORDS_MAX: usize = 16;
/// For so long a pair counts as leaked, and sign-ins of one client as one act.
const LEAKED: Duration = Duration::from_secs(7 * 86_400);
const ACT: Duration = Duration::from_secs(86_400);
/// Accounts opened by one client: so many where neither address nor make was ever theirs, or so
/// many where the address was not.
const STRANGE_MIN: usize = 2;
const AWAY_MIN: usize = 3;

/// Where a pair was shown.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    at: Timestamp,
    to: IpAddr,
    by: String,
}

/// From where an account signs in.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Homes {
    places: Vec<u64>,
    makes: Vec<u64>,
}

/// What one client opens with pairs that leaked.
#[derive(Debug, Serialize, Deserialize)]
struct Taker {
    actor: Actor,
    begun: Timestamp,
    away: BTreeSet<u64>,
    strange: BTreeSet<u64>,
    tale: Tale,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Leaked {
    pairs: Keep<u64, Shown>,
    homes: Keep<u64, Homes>,
    takers: Keep<ActorId, Taker>,
}

impl Default for Leaked {
    fn default() -> Self {
        Self {
            pairs: Keep::new(PAIRS_MAX),
            homes: Keep::new(ACCOUNTS_MAX),
            takers: Keep::new(CLIENTS_MAX),
        }
    }
}

fn pair(service: &str, user: &str, secret: u64) -> u64 {
    tell::key(service, user).rotate_left(23) ^ secret
}

fn note(list: &mut Vec<u64>, value: u64) {
    if list.len() < HOMES_MAX && !list.contains(&value) {
        list.push(value);
    }
}

impl Leaked {
    /// Takes the pairs that an answer shows: passwords, and the words beside them in one record.
    pub(super) fn shown(&mut self, context: &Context<'_>) {
        let Some(response) = &context.tx.response else { return };
        let is_password = |value: &Value| match value {
            Value::Masked { mark, .. } if mark.kind == SecretKind::Password => Some(*mark),
            _ => None,
        };
        if !response.leaves.iter().any(|leaf| is_password(&leaf.value).is_some()) {
            return;
        }
        let request = context.tx.request.as_ref();
        let sent: BTreeSet<u64> = request
            .iter()
            .flat_map(|request| &request.leaves)
            .filter_map(|leaf| is_password(&leaf.value).map(tell::secret))
            .collect();
        let mut records: BTreeMap<u32, (Vec<u64>, Vec<String>)> = BTreeMap::new();
        for leaf in &response.leaves {
            let record = records.entry(leaf.record).or_default();
            if let Some(mark) = is_password(&leaf.value) {
                record.0.push(tell::secret(mark));
            } else if record.1.len() < WORDS_MAX {
                record.1.extend(leaf.value.as_key());
            }
        }
        let service = &context.sighting.realm;
        for (secrets, words) in records.into_values() {
            let own = words.iter().any(|word| context.seen.aliases.binary_search(word).is_ok());
            for secret in secrets.iter().filter(|secret| !own && !sent.contains(secret)).take(2) {
                for word in &words {
                    self.pairs.touch(context.at(), pair(service, word, *secret), || Shown {
                        at: context.at(),
                        to: context.seen.client_ip,
                        by: context.sighting.name.to_string(),
                    });
                }
            }
        }
    }

    /// Takes a sign-in that succeeded.
    pub(super) fn signed_in(
        &mut self,
        context: &Context<'_>,
        login: &Login,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let service = &context.sighting.realm;
        let account = tell::key(service, &login.user);
        let place = tell::key("", &context.seen.client_ip.to_string());
        let make = context.seen.cluster.0;
        let secret = login.secret.map(tell::secret);
        let shown = secret
            .and_then(|secret| self.pairs.get(&pair(service, &login.user, secret)))
            .filter(|shown| now.since(shown.at) <= LEAKED);
        let homes = self.homes.touch(now, account, Homes::default);
        let away = !homes.places.contains(&place);
        let strange = away && !homes.makes.contains(&make);
        let Some(shown) = shown.filter(|_| away) else {
            note(&mut homes.places, place);
            note(&mut homes.makes, make);
            return;
        };
        let new = || Taker {
            actor: tell::client(context),
            begun: now,
            away: BTreeSet::new(),
            strange: BTreeSet::new(),
            tale: Tale::default(),
        };
        let taker = self.takers.touch(now, context.seen.client, new);
        if now.since(taker.begun) > ACT && taker.tale.count > 0 {
            *taker = new();
        }
        if taker.away.len() < CLIENTS_MAX {
            taker.away.insert(account);
        }
        if strange && taker.strange.len() < CLIENTS_MAX {
            taker.strange.insert(account);
        }
        taker.tale.add(context, format!("account {} let in", login.user), true);
        taker.tale.user(&login.user);
        let enough = taker.strange.len() >= STRANGE_MIN || taker.away.len() >= AWAY_MIN;
        if enough && taker.tale.due(now, Outcome::Success) {
            findings.push(taker.tell(context, shown));
        }
    }
}

impl Taker {
    fn tell(&self, context: &Context<'_>, shown: &Shown) -> Finding {
        let severity = Severity::Critical;
        let mut finding = context.finding(super::SPEC.rule.id, severity, self.actor.clone());
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = Outcome::Success;
        finding.confidence = 0.9;
        let accounts = self.away.len();
        finding.message = format!(
            "{accounts} accounts opened from {} with passwords that {} had shown to {}",
            context.seen.client_ip, shown.by, shown.to
        );
        finding.why = vec![
            signal("passwords_that_leaked_here", format!("{accounts} accounts"), "none"),
            signal(
                "place_never_theirs",
                format!("{accounts} by address, {} by make of client too", self.strange.len()),
                "accounts sign in where they did before",
            ),
        ];
        finding.remediation = format!(
            "reset every account whose password {} shows, end their sessions, and close it",
            shown.by
        );
        finding
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{HOUR, Story, Town, browser, elsewhere, home, name};
    use stilt_inventory::test_support::{Tx, get, post};
    use stilt_model::{Outcome, Severity};

    fn login(user: u64) -> Tx {
        let body = format!(r#"{{"username":"{}","password":"pw-otter-{user}"}}"#, name(user));
        post("/login").json(&body).answer(&format!(r#"{{"token":"t0k3n{user:027x}"}}"#))
    }

    fn dump() -> Tx {
        let each =
            |user: u64| format!(r#"{{"username":"{}","password":"pw-otter-{user}"}}"#, name(user));
        let all: Vec<String> = (0..20).map(each).collect();
        get("/users/_debug").answer(&format!(r#"{{"users":[{}]}}"#, all.join(",")))
    }

    fn stories(plan: impl Fn(&mut Town)) -> Vec<Story> {
        let mut town = Town::new(super::super::SPEC.rule.id);
        for user in 0..20 {
            let at = 30.0 * user as f64;
            town.at(at, login(user).from(&home(user)).agent(browser(user)));
        }
        plan(&mut town);
        town.run();
        town.stories()
    }

    fn take(town: &mut Town, users: &[u64]) {
        for user in users {
            let at = 2.0 * HOUR + 120.0 * *user as f64;
            town.at(at, login(*user).from(&elsewhere(2)).agent("Pixel/9"));
        }
    }

    #[test]
    fn passwords_that_an_answer_showed_open_accounts_for_somebody_else() {
        let told = stories(|town| {
            town.at(HOUR, dump().from(&elsewhere(1)).agent("curl/8"));
            take(town, &[3, 8, 11]);
        });
        let [story] = told.as_slice() else { panic!("{told:#?}") };
        assert_eq!((story.severity, story.outcome), (Severity::Critical, Outcome::Success));
        assert!(story.message.contains("/users/_debug"), "{}", story.message);
    }

    #[test]
    fn people_at_home_one_who_moved_and_accounts_that_never_leaked_are_silent() {
        let leak = |town: &mut Town| town.at(HOUR, dump().from(&elsewhere(1)).agent("curl/8"));
        let at_home = stories(|town| {
            leak(town);
            for user in 0..20 {
                let at = 2.0 * HOUR + 30.0 * user as f64;
                town.at(at, login(user).from(&home(user)).agent(browser(user)));
            }
        });
        assert!(at_home.is_empty(), "{at_home:#?}");
        let moved = stories(|town| {
            leak(town);
            take(town, &[3]);
        });
        assert!(moved.is_empty(), "{moved:#?}");
        assert!(stories(|town| take(town, &[3, 8, 11])).is_empty());
        let own = |user: u64| {
            let body = format!(r#"{{"username":"{}","password":"pw-otter-{user}"}}"#, name(user));
            post("/register").json(&body).answer(&body)
        };
        let echoed = stories(|town| {
            for user in [3, 8, 11] {
                town.at(HOUR + user as f64, own(user).from(&home(user)).agent(browser(user)));
            }
            take(town, &[3, 8, 11]);
        });
        assert!(echoed.is_empty(), "{echoed:#?}");
    }
}
