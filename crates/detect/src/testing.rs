//! What tests of detections share: a town whose floors are the real ones, and applications of
//! different make to live in it.

use crate::agents::{Agents, Ai};
use crate::context::{Context, Greeting, Observation};
use crate::registry::Detectors;
use crate::settings::Config;
use crate::spec::NotEvaluated;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use stilt_baseline::Baseline;
use stilt_inventory::openapi::Documents;
use stilt_inventory::test_support::{EPOCH, Tx, World, get, jwt, post};
use stilt_inventory::{Inventory, Who};
use stilt_model::saved::Remember;
use stilt_model::{
    ActorId, ClientHello, Finding, IdBuilder, Key, Outcome, SessionRecord, Severity, Timestamp,
    Transaction,
};
use stilt_policy::{Gate, Policies};
use stilt_session::objects::Objects;
use stilt_session::{Origins, Sessions};

pub(crate) const MINUTE: f64 = 60.0;
pub(crate) const HOUR: f64 = 3600.0;
pub(crate) const DAY: f64 = 86_400.0;

/// All floors in the engine's order; what happens is planned first and then run in order of time.
pub(crate) struct Town {
    world: World,
    inventory: Inventory,
    sessions: Sessions,
    objects: Objects,
    gate: Option<Gate>,
    baseline: Baseline,
    detectors: Detectors,
    agents: Agents,
    closed: Vec<SessionRecord>,
    plan: Vec<(f64, Tx)>,
    findings: Vec<Finding>,
    ticked: i64,
    countries: Option<fn() -> Vec<u8>>,
}

/// What was told of one actor in the end.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) user: Option<String>,
    pub(crate) message: String,
}

impl Town {
    /// A town that one detection watches.
    pub(crate) fn new(rule: &str) -> Self {
        let detectors = Detectors::new(&Config::default(), &[rule.to_owned()], &[]);
        Self {
            world: World::new(),
            inventory: Inventory::new(&stilt_inventory::Config::default()),
            sessions: Sessions::new(&stilt_session::Config::default(), &Key::new([7; 32])),
            objects: Objects::new(&stilt_session::objects::Config::default()),
            gate: None,
            baseline: Baseline::new(&stilt_baseline::Config::default()),
            detectors: detectors.unwrap(),
            agents: Agents::new(&Key::new([7; 32]), Ai::default()),
            closed: Vec::new(),
            plan: Vec::new(),
            findings: Vec::new(),
            ticked: 0,
            countries: None,
        }
    }

    /// A file says where addresses are.
    pub(crate) fn enriched_by(&mut self, file: fn() -> Vec<u8>) {
        let mut origins = Origins::default();
        origins.add(file()).unwrap();
        self.sessions.enrich(origins);
        self.countries = Some(file);
    }

    /// The API is documented so.
    pub(crate) fn document(&mut self, documents: &[&str]) {
        let files = documents.iter().map(|text| ("api.yaml".to_owned(), (*text).to_owned()));
        let files: Vec<(String, String)> = files.collect();
        self.inventory.document(Documents::read(&files).unwrap());
    }

    /// Runs what is planned; time passes by transactions only.
    pub(crate) fn run_without_ticks(&mut self) {
        for (at, tx) in core::mem::take(&mut self.plan) {
            let tx = self.world.tx(tx.at(at));
            self.observe(&tx);
        }
    }

    /// The capture ends.
    pub(crate) fn ends(&mut self) {
        let now = Timestamp::from_secs(EPOCH).plus(Duration::from_secs(self.ticked as u64));
        self.detectors.observe(&Observation::End(now), &mut self.findings);
    }

    /// The town has policies.
    pub(crate) fn governed_by(&mut self, text: &str) {
        let policies = Policies::of(vec![("town.cedar".into(), text.to_owned())]);
        self.gate = Some(Gate::new(policies.unwrap()));
    }

    /// Models, prices and budgets are configured so.
    pub(crate) fn has_ai(&mut self, ai: Ai) {
        self.agents = Agents::new(&Key::new([7; 32]), ai);
    }

    /// A client opens a connection for TLS.
    pub(crate) fn opens_tls(&mut self, at: f64, client: &str, host: &str) {
        let mut tx = self.world.tx(get("/").from(client).at(at));
        (tx.request, tx.response) = (None, None);
        let hello = ClientHello { server_name: Some(host.to_owned()), ..ClientHello::default() };
        let greeting = Greeting { tx: &tx, hello: &hello, ai: self.agents.ai() };
        self.detectors.observe(&Observation::Tls(&greeting), &mut self.findings);
    }

    /// Plans an exchange, `at` seconds from the start.
    pub(crate) fn at(&mut self, at: f64, tx: Tx) {
        self.plan.push((at, tx));
    }

    /// Runs what is planned, and a quarter of an hour beyond.
    pub(crate) fn run(&mut self) {
        let mut plan = core::mem::take(&mut self.plan);
        plan.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = plan.len();
        for (count, (at, tx)) in plan.into_iter().enumerate() {
            if count == all / 3 || count == all * 2 / 3 || count + 1 == all {
                self.restart();
            }
            let tx = self.world.tx(tx.at(at));
            self.tick(tx.end.secs() - EPOCH);
            self.observe(&tx);
        }
        self.tick(self.ticked + 900);
    }

    /// All that is remembered is saved, forgotten, and read again: no detection may notice.
    fn restart(&mut self) {
        let floors = [
            self.inventory.save(),
            Remember::save(&self.sessions),
            Remember::save(&self.objects),
            Remember::save(&self.baseline),
        ];
        let [inventory, sessions, objects, baseline] = floors.map(Result::unwrap);
        let fresh = Self::new("none");
        let documents = core::mem::replace(&mut self.inventory, fresh.inventory);
        self.inventory.document(documents.documents().clone());
        self.inventory.restore(&inventory).unwrap();
        (self.sessions, self.objects, self.baseline) =
            (fresh.sessions, fresh.objects, fresh.baseline);
        if let Some(file) = self.countries {
            self.enriched_by(file);
        }
        self.sessions.restore(&sessions).unwrap();
        self.objects.restore(&objects).unwrap();
        self.baseline.restore(&baseline).unwrap();
        assert!(self.inventory.save().unwrap() == inventory, "the same memory, the same bytes");
        assert!(Remember::save(&self.sessions).unwrap() == sessions, "of sessions too");
        assert!(Remember::save(&self.objects).unwrap() == objects, "of objects too");
        assert!(Remember::save(&self.baseline).unwrap() == baseline, "of rates too");
        let memories = self.detectors.save().unwrap();
        let only: Vec<String> = memories.keys().cloned().collect();
        self.detectors = Detectors::new(&Config::default(), &only, &[]).unwrap();
        assert_eq!(self.detectors.load(&mut memories.clone(), true), [""; 0]);
        assert!(self.detectors.save().unwrap() == memories, "the same memory, the same bytes");
    }

    fn observe(&mut self, tx: &Transaction) {
        let sighting = self.inventory.observe(tx);
        let seen = self.sessions.observe(tx, &sighting);
        let agent = self.agents.observe(tx, &sighting, &seen);
        let rate = self.baseline.rate(tx, &sighting, &seen);
        let score = self.baseline.score(tx, &sighting, &seen);
        let gate = self.gate.as_mut();
        let decision = gate.and_then(|gate| gate.decide(tx, &sighting, &seen, &self.objects));
        let context = Context {
            tx,
            sighting: &sighting,
            seen: &seen,
            rate: rate.as_ref(),
            score: &score,
            objects: &self.objects,
            inventory: &self.inventory,
            decision: decision.as_deref(),
            agent: agent.as_ref(),
        };
        let before = self.findings.len();
        if tx.is_running() {
            return self.detectors.observe(&Observation::Running(&context), &mut self.findings);
        }
        self.detectors.observe(&Observation::Transaction(&context), &mut self.findings);
        let flagged = self.findings.iter().skip(before).any(|finding| !finding.posture);
        if !flagged {
            self.objects.learn(tx, &sighting, &seen);
        }
        self.baseline.learn(tx, &sighting, &seen, flagged);
        let who =
            Who { actor: seen.actor.id, authenticated: seen.authenticated, roles: &seen.roles };
        self.inventory.learn(tx, &sighting, who, flagged);
    }

    fn tick(&mut self, until: i64) {
        while self.ticked < until {
            self.ticked += 1;
            let now = Timestamp::from_secs(EPOCH).plus(Duration::from_secs(self.ticked as u64));
            self.sessions.tick(now, &mut self.closed);
            self.closed.clear();
            self.detectors.observe(&Observation::Tick(now), &mut self.findings);
            self.baseline.tick(now);
        }
    }

    /// The alerts, one per actor, with the gravest severity and best outcome told.
    pub(crate) fn stories(&self) -> Vec<Story> {
        let mut stories: BTreeMap<ActorId, Story> = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| !finding.posture) {
            let learned = finding.rule.starts_with("baseline.");
            let mut reasons = finding.why.iter().take(2);
            assert!(!learned || reasons.all(|why| why.expected.contains("(p ")), "{finding:#?}");
            let (severity, outcome) = stories
                .get(&finding.actor.id)
                .map_or((finding.severity, finding.outcome), |old| (old.severity, old.outcome));
            let story = Story {
                severity: severity.max(finding.severity),
                outcome: outcome.max(finding.outcome),
                ips: finding.related_ips.clone(),
                user: finding.actor.user.clone(),
                message: finding.message.clone(),
            };
            stories.insert(finding.actor.id, story);
        }
        stories.into_values().collect()
    }

    /// Notices about the application or its population.
    pub(crate) fn notices(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.posture).collect()
    }

    /// All that was told.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn not_evaluated(&self) -> Vec<NotEvaluated> {
        self.detectors.not_evaluated()
    }
}

/// How an application is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    /// JSON with a JWT; whole numbers as ids, in sequence; records name their owner.
    Json,
    /// A form to sign in and a session cookie; UUIDs; nothing names an owner.
    Form,
    /// Answers 200 to everything and tells failures in the body; opaque token; words as ids.
    Envelope,
    /// Calls of functions by POST; ids in the body, whole numbers far apart; answers name owners.
    Calls,
    /// Pages and forms; ids in the query and in links; who may not is led elsewhere.
    Pages,
    /// One address with an action, German names, a flag for failure under 200; ids in the body.
    Actions,
}

pub(crate) const APPS: [App; 6] =
    [App::Json, App::Form, App::Envelope, App::Calls, App::Pages, App::Actions];

/// What the application makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It does as asked.
    Yes,
    /// It refuses.
    No,
    /// It is out of order.
    Down,
    /// It asks to come back later.
    Later,
    /// The answer was not seen.
    Unseen,
}

/// A number from numbers, the same on each run.
pub(crate) fn dice(parts: &[u64]) -> u64 {
    parts.iter().fold(IdBuilder::new("dice"), |id, part| id.number(*part)).finish()
}

/// From 0 to 1.
pub(crate) fn chance(parts: &[u64]) -> f64 {
    (dice(parts) % 1_000_000) as f64 / 1e6
}

pub(crate) fn name(user: u64) -> String {
    const FIRST: [&str; 16] = [
        "ann", "ben", "carla", "dmitri", "eve", "fatma", "george", "hana", "ivan", "jo", "kim",
        "lena", "mo", "nils", "olga", "pia",
    ];
    format!("{}.{user}", FIRST[(dice(&[user]) % 16) as usize])
}

/// Address of a user's own device.
pub(crate) fn home(user: u64) -> String {
    format!("10.{}.{}.{}", 20 + user / 60_000, user / 250 % 250, 1 + user % 250)
}

/// Address of somebody from elsewhere.
pub(crate) fn elsewhere(n: u64) -> String {
    format!("198.{}.{}.{}", 18 + n / 60_000, n / 250 % 250, 1 + n % 250)
}

pub(crate) fn password(user: u64) -> String {
    format!("pw-{:x}", dice(&[user, 77]))
}

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "App/7.1 (iPhone; iOS 19.0)",
];

pub(crate) fn browser(user: u64) -> &'static str {
    BROWSERS[(user % 4) as usize]
}

impl App {
    /// Somebody signs in; from no particular place.
    pub(crate) fn sign_in(self, user: u64, secret: &str, answer: Answer) -> Tx {
        let name = name(user);
        let tx = match self {
            Self::Json => post("/api/v1/login")
                .json(&format!(r#"{{"username":"{name}","password":"{secret}"}}"#)),
            Self::Form => post("/account/sign-in").form(&format!("user={name}&passwd={secret}")),
            Self::Envelope => post("/gw/auth")
                .json(&format!(r#"{{"account":"{name}","password":"{secret}","device":"web"}}"#)),
            Self::Calls => post("/rpc/openSession")
                .json(&format!(r#"{{"params":{{"login":"{name}","password":"{secret}"}}}}"#)),
            Self::Pages => post("/entrar.php").form(&format!("usuario={name}&clave={secret}")),
            Self::Actions => post("/api?action=anmelden")
                .json(&format!(r#"{{"benutzer":"{name}","kennwort":"{secret}"}}"#)),
        };
        match (answer, self) {
            (Answer::Yes, Self::Json) => tx.answer(&format!(r#"{{"token":"{}"}}"#, token(user))),
            (Answer::Yes, Self::Form) => tx.set_cookie("SID", &key(user)).location("/home"),
            (Answer::Yes, Self::Envelope) => tx.answer(&format!(
                r#"{{"code":0,"message":"ok","data":{{"sessionToken":"{}","nick":"{name}"}}}}"#,
                key(user)
            )),
            (Answer::Yes, Self::Calls) => tx.answer(&format!(
                r#"{{"result":{{"accessToken":"{}","expiresIn":3600}}}}"#,
                key(user)
            )),
            (Answer::Yes, Self::Pages) => tx.set_cookie("SID", &key(user)).location("/inicio.php"),
            (Answer::Yes, Self::Actions) => {
                tx.answer(&format!(r#"{{"erfolg":true,"token":"{}"}}"#, key(user)))
            }
            (Answer::No, Self::Pages) => tx.location("/entrar.php?e=1"),
            (Answer::No, Self::Actions) => {
                tx.answer(r#"{"erfolg":false,"meldung":"Benutzer oder Kennwort falsch"}"#)
            }
            (Answer::No, Self::Calls) => {
                tx.answer(r#"{"error":{"code":-32001,"message":"Wrong login or secret"}}"#)
            }
            (Answer::No, Self::Json) => {
                tx.status(401).answer(r#"{"error":"invalid username or password"}"#)
            }
            (Answer::No, Self::Form) => tx.location("/account/sign-in?failed=1"),
            (Answer::No, Self::Envelope) => {
                tx.answer(r#"{"code":1001,"message":"account or password is wrong","data":null}"#)
            }
            (other, _) => self.trouble(tx, other),
        }
    }

    fn trouble(self, tx: Tx, answer: Answer) -> Tx {
        match answer {
            Answer::Down => tx.status(503).html("<h1>Service unavailable</h1>"),
            Answer::Later => tx.status(429).answer_header("Retry-After", "30"),
            Answer::Unseen => tx.unanswered(),
            Answer::Yes => tx,
            Answer::No if self == Self::Envelope => {
                tx.answer(r#"{"code":404,"message":"not found","data":null}"#)
            }
            Answer::No if self == Self::Calls => {
                tx.answer(r#"{"error":{"code":-32004,"message":"Access denied"}}"#)
            }
            Answer::No if self == Self::Pages => tx.location("/inicio.php?aviso=1"),
            Answer::No if self == Self::Actions => {
                tx.answer(r#"{"erfolg":false,"meldung":"Kein Zugriff"}"#)
            }
            Answer::No => tx.status(404).answer(r#"{"detail":"Not found"}"#),
        }
    }

    /// The request carries what the user was given at sign-in, and comes from the user's device.
    pub(crate) fn by(self, user: u64, tx: Tx) -> Tx {
        self.bearing(user, tx.from(&home(user)).agent(browser(user)))
    }

    /// The request carries what the user was given at sign-in, wherever it comes from.
    pub(crate) fn bearing(self, user: u64, tx: Tx) -> Tx {
        match self {
            Self::Json => tx.bearer(&token(user)),
            Self::Calls | Self::Actions => tx.bearer(&key(user)),
            Self::Form | Self::Pages => tx.cookie("SID", &key(user)),
            Self::Envelope => tx.header("X-Auth-Token", &key(user)),
        }
    }

    /// The id of thing `n`.
    pub(crate) fn id(self, n: u64) -> String {
        const WORDS: [&str; 16] = [
            "amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heron", "iris",
            "jasper", "kelp", "lotus", "maple", "north", "otter", "pearl",
        ];
        match self {
            Self::Json | Self::Pages | Self::Actions => (4100 + n).to_string(),
            Self::Calls => (700_000 + 1000 * n + dice(&[n, 3]) % 1000).to_string(),
            Self::Form => {
                let (a, b) = (dice(&[n, 1]), dice(&[n, 2]));
                let (low, high) = (a & 0xffff, b & 0xffff_ffff_ffff);
                format!("{:08x}-{low:04x}-4{:03x}-8{:03x}-{high:012x}", a >> 32, b >> 52, a >> 52)
            }
            Self::Envelope => {
                let word = |at: u32| WORDS[(n / 16_u64.pow(at) % 16) as usize];
                format!("{}-{}-{}", word(0), word(1), word(2))
            }
        }
    }

    /// The list of things that `owner` gets to see, with their owners where the application names
    /// them.
    pub(crate) fn list(self, things: &[(u64, u64)]) -> Tx {
        let each: Vec<String> = things
            .iter()
            .map(|(thing, owner)| {
                let (id, owner) = (self.id(*thing), name(*owner));
                match self {
                    Self::Json => format!(r#"{{"id":{id},"customer":"{owner}","total":12.5}}"#),
                    Self::Calls => {
                        format!(r#"{{"invoiceId":{id},"holder":"{owner}","sum":12.5}}"#)
                    }
                    Self::Form => format!(r#"{{"uuid":"{id}","title":"Paper","pages":3}}"#),
                    Self::Envelope => {
                        format!(r#"{{"slug":"{id}","title":"Board","author":"{owner}"}}"#)
                    }
                    Self::Pages => format!("<a href='pedido.php?id={id}'>{owner}</a>"),
                    Self::Actions => format!(r#"{{"nummer":{id},"kunde":"{owner}"}}"#),
                }
            })
            .collect();
        let each = each.join(if self == Self::Pages { "" } else { "," });
        match self {
            Self::Json => get("/api/v1/orders").answer(&format!(r#"{{"orders":[{each}]}}"#)),
            Self::Calls => post("/rpc/listInvoices")
                .json("{}")
                .answer(&format!(r#"{{"result":{{"invoices":[{each}]}}}}"#)),
            Self::Pages => get("/pedidos.php").html(&format!("<h1>Pedidos</h1>{each}")),
            Self::Actions => post("/api?action=liste")
                .json("{}")
                .answer(&format!(r#"{{"erfolg":true,"posten":[{each}]}}"#)),
            Self::Form => {
                get("/documents").answer(&format!(r#"{{"items":[{each}],"total":{}}}"#, 9))
            }
            Self::Envelope => {
                get("/gw/boards").answer(&format!(r#"{{"code":0,"message":"ok","data":[{each}]}}"#))
            }
        }
    }

    /// One thing is opened; it belongs to `owner`.
    pub(crate) fn open(self, thing: u64, owner: u64, answer: Answer) -> Tx {
        let (id, owner) = (self.id(thing), name(owner));
        let tx = match self {
            Self::Json => get(&format!("/api/v1/orders/{id}")),
            Self::Form => get(&format!("/documents/{id}")),
            Self::Calls => {
                post("/rpc/getInvoice").json(&format!(r#"{{"params":{{"invoiceId":{id}}}}}"#))
            }
            Self::Envelope => get(&format!("/gw/boards/{id}")),
            Self::Pages => get(&format!("/pedido.php?id={id}")),
            Self::Actions => post("/api?action=auftrag").json(&format!(r#"{{"nummer":{id}}}"#)),
        };
        if answer != Answer::Yes {
            return self.trouble(tx, answer);
        }
        match self {
            Self::Json => tx.answer(&format!(
                r#"{{"id":{id},"customer":"{owner}","total":12.5,"lines":[{{"sku":"A-1","n":2}}]}}"#
            )),
            Self::Form => tx
                .answer(&format!(r#"{{"uuid":"{id}","title":"Paper","body":"text of the paper"}}"#)),
            Self::Calls => tx.answer(&format!(
                r#"{{"result":{{"invoiceId":{id},"holder":"{owner}","sum":12.5,"paid":true}}}}"#
            )),
            Self::Pages => tx.html(&format!("<h1>Pedido {id}</h1><p>{owner}</p>")),
            Self::Actions => tx.answer(&format!(
                r#"{{"erfolg":true,"auftrag":{{"nummer":{id},"kunde":"{owner}","betrag":7}}}}"#
            )),
            Self::Envelope => tx.answer(&format!(
                r#"{{"code":0,"message":"ok","data":{{"slug":"{id}","title":"Board","author":"{owner}"}}}}"#
            )),
        }
    }
}

fn token(user: u64) -> String {
    jwt(&format!(r#"{{"sub":"{}","iat":1795305600}}"#, name(user)))
}

pub(crate) fn key(user: u64) -> String {
    format!("k{:016x}{:016x}", dice(&[user, 5]), dice(&[user, 6]))
}
