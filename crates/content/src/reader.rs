//! One exchange read into one transaction.

use crate::bytes::{percent_decode, prefix};
use crate::columns::Columns;
use crate::config::Config;
use crate::header_names::HeaderNames;
use crate::header_sets::HeaderSets;
use crate::leaves::paths::Paths;
use crate::leaves::{Sink, form, graphql, html, json, multipart, protobuf, skeleton, xml};
use crate::mask::{Masker, Tally, credential_kind, scheme_off};
use crate::prompt::Judged;
use crate::wsse;
use crate::{
    as_sent, cookie, credential, dialect, drawn, exposure, headers, jwks, jwt, method, shape,
    target,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_model::{
    Credential, CredentialKind, Exchange, Head, IdBuilder, Issued, Key, Leaf, LoginName, Message,
    Order, Place, Pseudonym, Request, Response, SecretKind, SmolStr, Stage, Timestamp, Transaction,
    TransactionId, Value,
};

/// Reads exchanges. Keeps nothing between them but compiled patterns and the classes of names.
pub struct Reader {
    masker: Masker,
    /// Texts of talks that were judged before.
    judged: Judged,
    paths: Paths,
    names: HeaderNames,
    sets: HeaderSets,
    config: Config,
    /// User agents as masked before: few, long, and in every request.
    agents: HashMap<Vec<u8>, Arc<str>>,
    /// Requests and responses whose body was kept in part.
    cut: [u64; 2],
}

/// What a reader counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Marks that stand for secrets and personal data, in the order of [`SecretKind::ALL`].
    pub marks: [u64; SecretKind::ALL.len()],
    /// Requests and responses with a body of which a part only was kept.
    pub cut: [u64; 2],
}

impl Counts {
    /// Adds what another reader counted.
    pub fn add(&mut self, other: &Self) {
        let marks = self.marks.iter_mut().zip(other.marks);
        for (to, from) in marks.chain(self.cut.iter_mut().zip(other.cut)) {
            *to = to.saturating_add(from);
        }
    }
}

/// User agents remembered, and bytes of one that is.
const AGENTS_MAX: usize = 1024;
const AGENT_BYTES_MAX: usize = 512;

impl Reader {
    /// A reader that masks under `key`.
    #[must_use]
    pub fn new(key: Key, config: &Config) -> Self {
        Self {
            masker: Masker::new(key),
            judged: Judged::default(),
            paths: Paths::new(config.leaf_path_max),
            names: HeaderNames::default(),
            sets: HeaderSets::default(),
            config: config.clone(),
            agents: HashMap::new(),
            cut: [0; 2],
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { marks: self.masker.made(), cut: self.cut }
    }

    /// What `exchange` means, with nothing secret left in it.
    pub fn read(&mut self, exchange: Exchange) -> Transaction {
        let (stage, made) = (exchange.stage.clone(), self.masker.made());
        let transaction = self.understand(exchange);
        if stage == Stage::Running {
            self.masker.uncount(made);
        }
        transaction
    }

    fn understand(&mut self, exchange: Exchange) -> Transaction {
        let messages = || exchange.request.iter().chain(&exchange.response);
        let first = messages().next();
        let start = first.map_or(exchange.completed.time, |message| message.start.time);
        let mut flags = exchange.flags;
        let is_cut = |message: &Option<Message>| {
            message.as_ref().is_some_and(|message| cut(message) && message.body.bytes > 0)
        };
        let were_cut = [is_cut(&exchange.request), is_cut(&exchange.response)];
        for (count, cut) in self.cut.iter_mut().zip(were_cut) {
            // What is still being sent is counted when it is over.
            let counts = cut && exchange.stage == Stage::Over;
            *count = count.saturating_add(u64::from(counts));
            flags.body_cut |= cut;
        }
        let mut anomalies: Vec<_> =
            messages().flat_map(|message| message.anomalies.iter().copied()).collect();
        anomalies.sort_unstable();
        anomalies.dedup();
        let id = IdBuilder::new("transaction")
            .number(exchange.flow_id.0)
            .number(u64::from(exchange.request.is_none()))
            .number(first.map_or(0, |message| message.offset))
            .bytes(&start.nanos().to_le_bytes())
            .finish();
        let path = exchange.request.as_ref().map(|message| {
            let raw = crate::bytes::lossy(message.head.target()).into_owned();
            target::parse(&raw, false).path.to_owned()
        });
        let path = path.unwrap_or_default();
        let auth = target::signs_in(&path);
        let talk = dialect::read(
            &exchange,
            (&mut self.masker, &mut self.judged),
            &mut self.paths,
            &self.config,
        );
        // What a list holds beyond the caps was not judged, and that is told.
        flags.body_cut |= talk.as_ref().is_some_and(|talk| talk.tools_cut);
        let end = |message: &Message| message.end.time.max(message.start.time);
        let request = exchange.request.as_ref().map(|message| {
            let mut request = self.request(message, auth);
            // Nearer than any header: the proxy has named its own peer.
            request.forwarded.extend(exchange.proxied);
            request
        });
        let response = exchange.response.as_ref().map(|message| {
            let asked = exchange.request.as_ref().map(|message| &message.head);
            let mut response = self.response(message, asked, auth, &path);
            response.form_again = asks_again(request.as_ref(), &response, message);
            response
        });
        Transaction {
            id: TransactionId(id),
            order: Order {
                packet: exchange.completed.packet,
                flow: exchange.flow_id,
                ordinal: exchange.ordinal,
            },
            start,
            end: messages().map(end).max().unwrap_or(start),
            first_packet: messages().map(|m| m.start.packet).min().unwrap_or(0),
            last_packet: messages().map(|m| m.end.packet.max(m.start.packet)).max().unwrap_or(0),
            version: first.map(|message| message.head.version).unwrap_or_default(),
            lost_bytes: messages().map(|m| m.body.lost).fold(0, u64::saturating_add),
            request,
            response,
            flow: exchange.flow,
            flags,
            anomalies,
            talk,
            stage: exchange.stage,
        }
    }

    /// What headers say of who asks. Who a signed token is of, it says itself.
    fn said(&mut self, head: &Head, credentials: &[Credential]) -> Vec<(SmolStr, SmolStr)> {
        if credentials.iter().any(|own| own.jwt.is_some()) {
            return self.named(head);
        }
        let said = headers::said(head, &mut self.names);
        let clean = |text: &str| self.masker.text_max(text.trim(), 128).into_owned();
        let mut said: Vec<(SmolStr, SmolStr)> =
            said.into_iter().map(|(name, value)| (name.into(), clean(&value).into())).collect();
        for named in self.named(head) {
            if !said.contains(&named) {
                said.push(named);
            }
        }
        said
    }

    /// What headers say that the configuration asks for.
    fn named(&self, head: &Head) -> Vec<(SmolStr, SmolStr)> {
        if self.config.named_headers.is_empty() {
            return Vec::new();
        }
        let is = |name: &[u8], own: &String| name.eq_ignore_ascii_case(own.as_bytes());
        let named = head.headers().filter_map(|(name, value)| {
            let own = self.config.named_headers.iter().find(|own| is(name, own))?;
            let text = String::from_utf8_lossy(value.trim_ascii());
            let text = self.masker.text_max(&text, 128).into_owned();
            (!text.is_empty()).then(|| (own.as_str().into(), text.into()))
        });
        named.take(self.config.named_headers.len().saturating_mul(2)).collect()
    }

    fn request(&mut self, message: &Message, auth: bool) -> Request {
        let (head, max) = (&message.head, self.config.header_max);
        let raw = crate::bytes::lossy(head.target()).into_owned();
        let parts = target::parse(&raw, head.method() == b"CONNECT");
        let host_header = headers::text(head, "host");
        let authority = parts.authority.or(host_header.as_deref());
        let host = authority.and_then(|host| target::host(&self.masker, host, max));
        let mut credentials = credential::read(
            &mut self.masker,
            (head, &mut self.names),
            parts.query,
            self.config.credentials_max,
            self.config.jwt_max,
        );
        let path = target::mask_path(&mut self.masker, parts.path, self.config.target_max);
        let mut counted = Tally::default();
        if matches!(path, Cow::Owned(_)) {
            target::count_path(&self.masker, parts.path, &mut counted);
        }
        let query = parts.query.map(|query| target::mask_query(&mut self.masker, query, '&', auth));
        let user_agent = head.header("user-agent").map(|agent| self.agent(agent));
        let mut sink = sink(&mut self.masker, &mut self.paths, &self.config, auth, false);
        let redirect = auth || parts.query.is_some_and(|query| query.contains("state="));
        sink.auth = redirect;
        parts.query.iter().for_each(|query| form::read(query, Place::Query, true, &mut sink));
        sink.auth = auth;
        read_body(message, self.config.depth_max, &mut sink, true);
        let documents = core::mem::take(&mut sink.documents);
        let graphql = graphql::read(&documents, &mut sink);
        let mut sensitive = sink.tally.counts;
        sensitive.merge(&counted.counts);
        let (leaves, leaves_cut, email) = (sink.leaves, sink.cut, sink.email);
        let login_name = email.filter(|_| leaves.iter().any(signs_in)).map(LoginName);
        let room = self.config.credentials_max.saturating_sub(credentials.len());
        credentials.extend(wsse::credential(&mut self.masker, &leaves).into_iter().take(room));
        let said = self.said(head, &credentials);
        let clean = |text: &str, max: usize| self.masker.text_max(text.trim(), max).into_owned();
        let shown_target = match (parts.scheme, parts.authority) {
            (Some(scheme), Some(_)) => {
                format!("{scheme}://{}{path}", host.as_deref().unwrap_or_default())
            }
            (None, Some(authority)) => clean(authority, self.config.target_max),
            _ => path.clone().into_owned(),
        };
        // Once more as a whole: a secret may stand in several parts.
        let (target, query) = match query {
            Some(query) => {
                let whole = format!("{shown_target}?{query}");
                match self.masker.text_max(&whole, self.config.target_max) {
                    Cow::Borrowed(shown) => {
                        let query = prefix(&query, self.config.target_max).to_owned();
                        (shown.to_owned(), Some(query))
                    }
                    Cow::Owned(target) => (target, Some(clean(&query, self.config.target_max))),
                }
            }
            None => (shown_target, None),
        };
        let drawn = drawn::by_chance(&self.masker, &leaves);
        let typed = if credentials.is_empty() {
            drawn::typed(&self.masker, head.method(), &leaves)
        } else {
            Vec::new()
        };
        Request {
            drawn,
            typed,
            person: None,
            method: method::shown(&self.masker, &crate::bytes::lossy(head.method())),
            host,
            target,
            path: path.into_owned(),
            query,
            user_agent,
            header_order: headers::order(head, &mut self.names),
            headers: self.sets.of(head, &mut self.names, &self.masker),
            forwarded: headers::forwarded(head, self.config.forwarded_max),
            forwarded_host: headers::text(head, "x-forwarded-host")
                .and_then(|host| target::host(&self.masker, host.trim(), max)),
            encrypted_before: headers::encrypted_before(head),
            content_type: headers::media_type(head, max).map(|media| clean(&media, max)),
            body_bytes: message.body.bytes,
            as_sent: as_sent::read(message, &self.masker, &mut self.names, max),
            credentials,
            leaves,
            leaves_cut,
            sensitive,
            graphql,
            login_name,
            said,
            soap_action: headers::soap_action(head).map(|action| clean(&action, 256)),
            on_behalf: headers::on_behalf(head).map(|user| clean(&user, 128)),
            request_id: headers::REQUEST_IDS
                .iter()
                .find_map(|name| headers::text(head, name))
                .map(|id| clean(&id, 128)),
            trace_id: headers::trace_id(head),
        }
    }

    fn agent(&mut self, raw: &[u8]) -> Arc<str> {
        if let Some(known) = self.agents.get(raw) {
            return Arc::clone(known);
        }
        let text = crate::bytes::lossy(raw);
        let shown: Arc<str> = self.masker.text_max(text.trim(), self.config.header_max).into();
        if raw.len() <= AGENT_BYTES_MAX && self.agents.len() < AGENTS_MAX {
            self.agents.insert(raw.to_vec(), Arc::clone(&shown));
        }
        shown
    }

    fn response(
        &mut self,
        message: &Message,
        asked: Option<&Head>,
        auth: bool,
        path: &str,
    ) -> Response {
        let head = &message.head;
        let media = headers::media_type(head, self.config.header_max)
            .map(|media| self.masker.text_max(&media, self.config.header_max).into_owned());
        let mut issued = self.issued_in_head(head, message.start.time);
        let mut sink = sink(&mut self.masker, &mut self.paths, &self.config, auth, true);
        read_body(message, self.config.depth_max, &mut sink, false);
        let (mut page, mut page_failed, mut built) = ([0; 2], None, 0);
        if media.as_deref().is_some_and(|media| media.contains("html")) && sink.leaves.is_empty() {
            html::read(&message.body.kept, path, &mut sink);
            page = html::says(&message.body.kept, path);
            built = skeleton::skeleton(&message.body.kept, path);
            page_failed = html::tells_failure(&message.body.kept);
        }
        let (leaves, leaves_cut, mut sensitive) = (sink.leaves, sink.cut, sink.tally.counts);
        let columns = sink.columns;
        issued.extend(sink.issued.unwrap_or_default());
        issued.truncate(self.config.credentials_max);
        let drawn = drawn::handed_out(&self.masker, &leaves);
        let location = headers::text(head, "location").map(|location| {
            let shown = target::mask_url(&mut self.masker, location.trim(), self.config.target_max);
            let mut counted = Tally::default();
            self.masker.count(&location, &mut counted);
            sensitive.merge(&counted.counts);
            shown
        });
        let keys = if head.status == 200 && jwks::may_be(path) {
            jwks::parse(&message.body.kept, false)
        } else {
            Vec::new()
        };
        Response {
            said: self.named(head),
            keys,
            status: head.status,
            shape: shape::shape(&leaves, media.as_deref(), message.body.bytes),
            exposed: exposure::read(asked, message, media.as_deref()),
            echoed_origin: exposure::echoed_origin(asked, head)
                .map(|origin| self.masker.text_max(&origin, self.config.header_max).into_owned()),
            content_type: media,
            body_bytes: message.body.bytes,
            headers: self.sets.of(head, &mut self.names, &self.masker),
            as_sent: as_sent::read(message, &self.masker, &mut self.names, self.config.header_max),
            start: message.start.time,
            date: headers::text(head, "date").and_then(|date| cookie::date(&date)),
            leaves,
            leaves_cut,
            sensitive,
            issued,
            drawn,
            location,
            grpc_status: headers::grpc_status(message),
            columns,
            page,
            skeleton: built,
            page_failed,
            form_again: false,
        }
    }

    /// Cookies and token headers.
    fn issued_in_head(&mut self, head: &Head, now: Timestamp) -> Vec<Issued> {
        const HEADERS: &[&str] = &[
            "authorization",
            "x-auth-token",
            "x-access-token",
            "x-session-token",
            "access-token",
            "x-refresh-token",
            "x-token",
            "x-subject-token",
            "mcp-session-id",
            "x-session-id",
            "auth-token",
            "x-jwt",
            "x-api-key",
            "token",
        ];
        let mut issued = Vec::new();
        for (name, value) in head.headers() {
            if issued.len() >= self.config.credentials_max {
                break;
            }
            let value = crate::bytes::lossy(value);
            if name.eq_ignore_ascii_case(b"set-cookie") {
                let Some(set) = cookie::set_cookie(&value, now) else { continue };
                let token = scheme_off(set.value);
                issued.push(Issued {
                    kind: CredentialKind::Cookie,
                    name: self.masker.text_max(set.name, 64).into_owned(),
                    mark: self.masker.credential(token),
                    cleared: set.cleared,
                    jwt: jwt::decode(&mut self.masker, token, self.config.jwt_max).map(Arc::new),
                });
                continue;
            }
            let known = HEADERS.iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes()));
            let token = scheme_off(&value);
            if let Some(name) = known.filter(|_| token.len() >= 8) {
                issued.push(Issued {
                    kind: CredentialKind::Bearer,
                    name: (*name).to_owned(),
                    mark: self.masker.credential(token),
                    cleared: false,
                    jwt: jwt::decode(&mut self.masker, token, self.config.jwt_max).map(Arc::new),
                });
            }
        }
        issued
    }
}

/// The body is not all there.
/// Whether a page that answers a form holds the same form again.
fn asks_again(request: Option<&Request>, response: &Response, message: &Message) -> bool {
    let media = response.content_type.as_deref();
    if !media.is_some_and(|media| media.contains("html")) {
        return false;
    }
    let leaves = request.map(|request| request.leaves.as_slice()).unwrap_or_default();
    let sent = leaves.iter().filter(|leaf| leaf.place == Place::Form).map(Leaf::name);
    html::asks_again(&message.body.kept, sent)
}

fn cut(message: &Message) -> bool {
    let body = &message.body;
    !body.complete
        || body.lost > 0
        || u64::try_from(body.kept.len()).is_ok_and(|kept| kept < body.bytes)
}

fn sink<'a>(
    masker: &'a mut Masker,
    paths: &'a mut Paths,
    config: &Config,
    auth: bool,
    response: bool,
) -> Sink<'a> {
    paths.begin();
    Sink {
        masker,
        paths,
        leaves: Vec::new(),
        tally: Tally::default(),
        issued: response.then(Vec::new),
        cut: false,
        max: if response { config.leaves_response_max } else { config.leaves_request_max },
        text_max: config.text_max,
        issued_max: config.credentials_max,
        jwt_max: config.jwt_max,
        auth,
        email: None,
        columns: Vec::new(),
        documents: Vec::new(),
        nested: 0,
    }
}

fn read_body(message: &Message, depth: usize, sink: &mut Sink<'_>, request: bool) {
    let body = &message.body.kept;
    if body.is_empty() {
        sink.cut |= message.body.bytes > 0;
        return;
    }
    let full = headers::text(&message.head, "content-type").unwrap_or_default();
    let media = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let whole = !cut(message);
    if media == "multipart/form-data" {
        if let Some(boundary) = multipart::boundary(&full) {
            multipart::read(body, boundary, sink);
        }
    } else if media == "application/x-www-form-urlencoded" && !json::looks_like(body) {
        form::read(crate::bytes::lossy(body).trim_end(), Place::Form, whole, sink);
    } else if let Some(framed) = protobuf::is_media(&media) {
        protobuf::read(body, framed, sink);
    } else if (media.contains("xml") && !media.contains("html") && !media.contains("svg"))
        || (media.is_empty() && request && xml::looks_like(body))
    {
        xml::read(body, depth, sink);
    } else if media == "text/event-stream" {
        json::read_events(body, depth, sink);
    } else if media.contains("json") || json::looks_like(body) {
        json::read(body, depth, sink);
    } else if request && media.is_empty() && body.is_ascii() && body.contains(&b'=') {
        form::read(crate::bytes::lossy(body).trim_end(), Place::Form, whole, sink);
    } else {
        if !request && body.len() <= sink.jwt_max {
            bare_token(body, sink);
        }
        text_of(body, &media, sink);
    }
    sink.cut |= !whole;
}

/// Bytes of a text without fields in which sensitive data is looked for.
const TEXT_MAX: usize = 65_536;
/// Bytes that are looked at at once.
const PIECE: usize = 4096;

/// Counts the sensitive data in a text that has no fields: a page, a table, a log.
fn text_of(body: &[u8], media: &str, sink: &mut Sink<'_>) {
    const BINARY: [&str; 6] = ["image/", "video/", "audio/", "font/", "octet-stream", "zip"];
    const CODE: [&str; 3] = ["javascript", "css", "wasm"];
    if BINARY.iter().chain(&CODE).any(|kind| media.contains(kind)) {
        return;
    }
    let text = crate::bytes::lossy(body.get(..TEXT_MAX).unwrap_or(body));
    let mut columns = Columns::new(&text, media, sink.masker);
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let seen = prefix(rest, PIECE);
        // Cut where a line ends, so that nothing is cut in two.
        let end = if seen.len() < rest.len() {
            seen.rfind(['\n', ' ', '>']).filter(|at| *at > 0).unwrap_or(seen.len())
        } else {
            seen.len()
        };
        let to = at.saturating_add(end.max(1));
        columns.take((at, to), sink.masker, &mut sink.tally);
        at = to;
    }
    sink.columns = columns.end(&mut sink.tally);
}

/// A response that is nothing but a signed token.
fn bare_token(body: &[u8], sink: &mut Sink<'_>) {
    let Ok(text) = core::str::from_utf8(body) else { return };
    let text = percent_decode(text.trim(), false);
    let token = scheme_off(&text);
    if token.starts_with("ey") && credential_kind(token) == SecretKind::Jwt {
        let jwt = jwt::decode(sink.masker, token, sink.jwt_max).map(Arc::new);
        let mark = sink.masker.credential(token);
        if let Some(issued) = &mut sink.issued {
            issued.push(Issued {
                kind: CredentialKind::Bearer,
                name: "body".to_owned(),
                mark,
                cleared: false,
                jwt,
            });
        }
    }
}

/// The leaf is a password.
fn signs_in(leaf: &Leaf) -> bool {
    let is_password = |mark: Pseudonym| mark.kind == SecretKind::Password;
    matches!(leaf.value, Value::Masked { mark, .. } if is_password(mark))
        && !wsse::in_header(&leaf.path)
}
