//! Names with the passwords that makers give to both (CWE-1392): everybody knows them.

use foldhash::fast::RandomState;
use std::collections::HashMap;
use stilt_inventory::Sighting;
use stilt_model::{Key, Pseudonym, SecretKind, Transaction};

/// Passwords, each with the names that makers ship it for.
const PAIRS: &[(&str, &[&str])] = &[
    ("admin", &["admin", "administrator", "root", "user", "sysadmin", "superadmin", "manager"]),
    ("password", &["admin", "administrator", "root", "user", "test", "guest", "operator"]),
    ("admin123", &["admin", "administrator", "root"]),
    ("admin1234", &["admin", "administrator"]),
    ("password1", &["admin", "administrator", "root", "user"]),
    ("password123", &["admin", "administrator", "root", "user"]),
    ("Password1", &["admin", "administrator"]),
    ("P@ssw0rd", &["admin", "administrator", "root"]),
    ("Passw0rd", &["admin", "administrator", "root"]),
    ("changeme", &["admin", "administrator", "root", "user", "splunk", "test"]),
    ("changeit", &["admin", "administrator", "root"]),
    ("change_me", &["admin", "administrator"]),
    ("default", &["admin", "default", "user"]),
    ("letmein", &["admin", "administrator", "root"]),
    ("secret", &["admin", "root", "tomcat"]),
    ("s3cret", &["admin", "tomcat"]),
    ("root", &["root", "admin", "sysadmin"]),
    ("toor", &["root"]),
    ("guest", &["guest"]),
    ("test", &["test", "tester", "testuser"]),
    ("test123", &["test", "tester", "testuser"]),
    ("demo", &["demo"]),
    ("user", &["user"]),
    ("1234", &["admin", "root", "user"]),
    ("12345", &["admin", "root", "user"]),
    ("123456", &["admin", "administrator", "root", "user", "test"]),
    ("12345678", &["admin", "administrator", "root"]),
    ("123456789", &["admin", "administrator"]),
    ("tomcat", &["tomcat", "admin"]),
    ("manager", &["manager", "admin"]),
    ("postgres", &["postgres"]),
    ("oracle", &["oracle"]),
    ("elastic", &["elastic"]),
    ("kibana", &["kibana"]),
    ("minioadmin", &["minioadmin"]),
    ("rabbitmq", &["rabbitmq"]),
    ("grafana", &["admin", "grafana"]),
    ("nagiosadmin", &["nagiosadmin"]),
    ("zabbix", &["admin", "zabbix"]),
    ("jenkins", &["admin", "jenkins"]),
    ("weblogic", &["weblogic"]),
    ("weblogic1", &["weblogic"]),
    ("welcome1", &["weblogic", "admin", "administrator"]),
    ("sa", &["sa"]),
    ("pi", &["pi"]),
    ("raspberry", &["pi"]),
    ("ubnt", &["ubnt"]),
    ("cisco", &["cisco", "admin"]),
    ("vagrant", &["vagrant"]),
    ("karaf", &["karaf"]),
    ("activemq", &["admin", "activemq"]),
    ("airflow", &["airflow"]),
    ("superset", &["admin"]),
    ("neo4j", &["neo4j"]),
    ("couchbase", &["administrator", "admin"]),
    ("operator", &["operator"]),
    ("support", &["support"]),
    ("service", &["service"]),
    ("supervisor", &["supervisor"]),
];

/// What stands for these passwords under the key of this installation.
#[derive(Default)]
pub(crate) struct Defaults(HashMap<[u64; 2], &'static [&'static str], RandomState>);

impl Defaults {
    pub(crate) fn new(key: &Key) -> Self {
        let mark = |password: &str| key.pseudonym(SecretKind::Password, password.as_bytes());
        Self(PAIRS.iter().map(|(password, names)| (mark(password).digest, *names)).collect())
    }

    /// Whether a name with this password is such a pair; names are told apart by no case.
    fn holds(&self, user: &str, password: Pseudonym) -> bool {
        let name = user.split_once('@').map_or(user, |(name, _)| name);
        let names = self.0.get(&password.digest);
        names.is_some_and(|names| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// Whether a request shows such a pair, to sign in or with each call.
    pub(crate) fn are_shown(&self, tx: &Transaction, sighting: &Sighting) -> bool {
        let Some(request) = &tx.request else { return false };
        let login = sighting.login.as_ref().and_then(|login| {
            // An e-mail address is shown by its mark; the name in clear is kept beside it.
            let name = request.login_name.as_ref().map_or(login.user.as_str(), |name| &name.0);
            Some((name, login.secret?))
        });
        let basic = request
            .credentials
            .iter()
            .filter_map(|own| Some((own.user.as_deref()?, own.password?)));
        login.into_iter().chain(basic).any(|(user, password)| self.holds(user, password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_inventory::test_support::{Tx, World, get, post};
    use stilt_inventory::{Config, Inventory};

    #[test]
    fn pairs_of_makers_are_known_at_sign_in_and_with_each_call() {
        let defaults = Defaults::new(&Key::new([7; 32]));
        let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
        let mut shows = |tx: Tx| {
            let tx = world.tx(tx);
            let sighting = inventory.observe(&tx);
            defaults.are_shown(&tx, &sighting)
        };
        let login = |user: &str, password: &str| {
            let body = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
            post("/login").json(&body).answer(r#"{"access_token":"t0k3n-0123456789abcdef"}"#)
        };
        assert!(shows(login("admin", "admin")) && shows(login("Root", "toor")));
        assert!(shows(login("admin@shop.test", "changeme")));
        assert!(!shows(login("ann", "admin")) && !shows(login("admin", "f7-otter-lamp")));
        assert!(shows(get("/status").basic("tomcat", "s3cret")));
        assert!(!shows(get("/status").basic("tomcat", "kQ8-zebra")));
    }
}
