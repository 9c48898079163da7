//! Gateways of one's own: JSON that nobody else speaks, told by what a talk with a model *is*.
//!
//! Names of members say nothing here. A request holds a long text of instructions, the history as a
//! list whose items each bear one of a few roles and a text, and the tools on offer, each with a
//! name, a sentence about it and its parameters; the answer counts tokens. Who speaks is told by
//! who calls tools and who begins.

use super::draft::{Draft, RawCall, RawTool, RawTurn, json, word};
use super::openai_chat::role as known_role;
use super::{Said, Spec, own_stream};
use crate::tree::Node;
use std::collections::BTreeSet;
use stilt_model::talk::{Hints, Operation, Usage};
use stilt_model::{Dialect, Message, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Bytes and words of instructions, at least.
const BRIEF_BYTES: usize = 120;
const BRIEF_WORDS: usize = 16;
/// Roles of one history, and bytes of the name of one.
const ROLES_MAX: usize = 5;
const ROLE_BYTES: usize = 24;
/// Bytes of a text beside the history that is a source.
const SOURCE_BYTES: usize = 40;
/// Items that are looked at of one list.
const ITEMS_MAX: usize = 512;
/// How counts of tokens are called in most languages.
const TOKEN: &str = "tok";

/// Whether the exchange may be such a talk: long enough to hold instructions, and tokens are spoken
/// of in the answer, or it is a stream.
pub(super) fn may_be(asked: &[u8], response: Option<&Message>) -> bool {
    let Some(response) = response.filter(|_| asked.len() >= 2 * BRIEF_BYTES) else { return false };
    let counts = |bytes: &[u8]| {
        [&b"tok"[..], b"Tok", b"TOK"].iter().any(|word| memchr::memmem::find(bytes, word).is_some())
    };
    counts(&response.body.kept) || response.body.events.is_some()
}

fn speaks(said: &Said<'_>) -> bool {
    Shape::of(said).is_some()
}

/// Where the parts of a talk stand in a request.
struct Shape<'n, 'a> {
    brief: &'n str,
    history: &'n [Node<'a>],
    role: &'n str,
    tools: &'n [Node<'a>],
}

impl<'n, 'a> Shape<'n, 'a> {
    fn of(said: &'n Said<'a>) -> Option<Self> {
        let ask = said.ask();
        let texts = ask.members().iter().filter_map(|(_, value)| value.text());
        let brief = texts.filter(|text| is_brief(text)).max_by_key(|text| text.len())?;
        let lists = || {
            let all = ask.members().iter().map(|(_, value)| value.items());
            all.filter(|items| items.iter().all(Node::is_object) && !items.is_empty())
        };
        let tools = lists().find(|items| items.iter().all(is_tool)).unwrap_or(&[]);
        let counted = said.answers().any(|node| usage(node).is_some());
        // A stream tells what it cost when it ends.
        let goes_on = !said.events.is_empty() && !tools.is_empty();
        if !(counted || goes_on) {
            return None;
        }
        let others = lists().filter(|items| !core::ptr::eq(*items, tools));
        let (history, role) = others.filter_map(|items| Some((items, role_of(items)?))).next()?;
        // A list with a word and a text in each item is much else too, if nobody answers in it.
        let speaks = !tools.is_empty() || roles(history, role).len() >= 2;
        speaks.then_some(Self { brief, history, role, tools })
    }

    fn names(&self) -> BTreeSet<&'n str> {
        self.tools.iter().filter_map(tool_name).collect()
    }
}

fn is_brief(text: &str) -> bool {
    text.len() >= BRIEF_BYTES && text.split_whitespace().count() >= BRIEF_WORDS
}

/// A name as programs have it.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

fn tool_name<'n>(tool: &'n Node<'_>) -> Option<&'n str> {
    tool.members().iter().filter_map(|(_, value)| value.text()).find(|text| is_name(text))
}

/// A name, a sentence and parameters.
fn is_tool(node: &Node<'_>) -> bool {
    let told = node.members().iter().filter_map(|(_, value)| value.text());
    let sentence = told.clone().any(|text| text.trim().contains(' '));
    let parameters = node.members().iter().any(|(_, value)| value.is_object());
    tool_name(node).is_some() && sentence && parameters && node.members().len() <= 8
}

fn roles<'n>(items: &'n [Node<'_>], role: &str) -> BTreeSet<&'n str> {
    items.iter().take(ITEMS_MAX).filter_map(|item| item.str(role)).collect()
}

/// The member that says who speaks: a word out of a few in every item, beside a text in some.
fn role_of<'n>(items: &'n [Node<'_>]) -> Option<&'n str> {
    let texts = |item: &Node<'_>| {
        item.members().iter().any(|(_, value)| value.text().is_some_and(|text| text.contains(' ')))
    };
    if !items.iter().take(ITEMS_MAX).any(texts) {
        return None;
    }
    let first = items.first()?;
    let names = first.members().iter().filter(|(_, value)| value.text().is_some_and(is_role));
    names.map(|(name, _)| name.as_ref()).find(|name| {
        let all = items.iter().take(ITEMS_MAX);
        let fits = all.clone().all(|item| item.str(name).is_some_and(is_role));
        // Ids are each another.
        let found = roles(items, name);
        fits && found.len() <= ROLES_MAX && (items.len() < ROLES_MAX || found.len() < items.len())
    })
}

fn is_role(text: &str) -> bool {
    is_name(text)
        && text.len() <= ROLE_BYTES
        && text.chars().next().is_some_and(char::is_alphabetic)
}

/// Calls in an item: objects with the name of a tool on offer and an object of arguments.
fn calls(node: &Node<'_>, names: &BTreeSet<&str>) -> Vec<RawCall> {
    let lists = node.members().iter().flat_map(|(_, value)| value.each()).chain([node]);
    lists.take(64).filter_map(|call| called(call, names)).collect()
}

fn called(node: &Node<'_>, names: &BTreeSet<&str>) -> Option<RawCall> {
    let name = named(node, names)?;
    let arguments = node.members().iter().find(|(_, value)| value.is_object())?;
    Some(RawCall {
        id: other_word(node, name),
        name: name.to_owned(),
        arguments: json(&arguments.1),
        hosted: false,
    })
}

fn named<'n>(node: &'n Node<'_>, names: &BTreeSet<&str>) -> Option<&'n str> {
    let mut texts = node.members().iter().filter_map(|(_, value)| value.text());
    texts.find(|text| names.contains(text))
}

/// The id that stands beside the name of a tool.
fn other_word(node: &Node<'_>, name: &str) -> Option<String> {
    let texts = node.members().iter().filter_map(|(_, value)| value.text());
    let id =
        |text: &&str| *text != name && is_name(text) && text.bytes().any(|b| b.is_ascii_digit());
    texts.filter(id).map(str::to_owned).next()
}

/// What tools gave: objects with the name of a tool, or the id of a call, and a value.
fn results(node: &Node<'_>, names: &BTreeSet<&str>) -> Vec<RawTurn> {
    let mut out = Vec::new();
    for one in node.members().iter().flat_map(|(_, value)| value.items()).chain([node]).take(64) {
        let Some(name) = named(one, names) else { continue };
        let id = other_word(one, name);
        let mut values = one.members().iter().map(|(_, value)| value).filter(|value| {
            value.text().is_none_or(|text| text != name && Some(text) != id.as_deref())
        });
        let mut turn = RawTurn::new(TrustRole::ToolResult, false);
        turn.tool = Some(name.to_owned());
        match values.next_back() {
            Some(Node::Text(text)) => turn.say(text),
            Some(value) => turn.say(&json(value)),
            None => continue,
        }
        turn.call_id = id;
        out.push(turn);
    }
    out
}

/// The longest text of a node that is none of its roles and names.
fn said_in<'n>(node: &'n Node<'_>, not: &dyn Fn(&str) -> bool) -> Option<&'n str> {
    let texts = node.members().iter().filter_map(|(_, value)| value.text());
    texts.filter(|text| !text.is_empty() && !not(text)).max_by_key(|text| text.len())
}

/// Tokens, where two whole numbers of one object are called so.
pub(super) fn usage(node: &Node<'_>) -> Option<Usage> {
    let of = |node: &Node<'_>| {
        let mut counts = node.members().iter().filter_map(|(name, _)| {
            name.to_lowercase().contains(TOKEN).then(|| node.count(name)).flatten()
        });
        let (input, output) = (counts.next()?, counts.next()?);
        Some(Usage { input, output, ..Usage::default() })
    };
    of(node).or_else(|| node.members().iter().find_map(|(_, value)| of(value)))
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let mut draft = Draft::new(Dialect::Own, Operation::Chat);
    let Some(shape) = Shape::of(said) else { return draft };
    let ask = said.ask();
    let names = shape.names();
    draft.text(TrustRole::System, false, shape.brief);
    for tool in shape.tools {
        let texts = tool.members().iter().filter_map(|(_, value)| value.text());
        let parameters = tool.members().iter().find(|(_, value)| value.is_object());
        draft.tool(RawTool {
            name: tool_name(tool).unwrap_or_default(),
            description: texts.max_by_key(|text| text.len()).unwrap_or_default(),
            schema: parameters.map_or(tool, |(_, value)| value),
            whole: tool,
            hints: Hints::default(),
            hosted: false,
        });
    }
    sources(&mut draft, ask, &shape);
    history(&mut draft, &shape, &names);
    // A question beside the history, where that does not end with one.
    let asked = draft
        .turns
        .last()
        .is_some_and(|turn| matches!(turn.role, TrustRole::User | TrustRole::ToolResult));
    let other = said_in(ask, &|text| text == shape.brief || !text.trim().contains(' '));
    if let Some(question) = other.filter(|_| !asked) {
        draft.text(TrustRole::User, false, question);
    }
    answer(&mut draft, said, &names);
    draft
}

/// Lists of texts beside the history: what was looked up for the model.
fn sources(draft: &mut Draft<'_>, ask: &Node<'_>, shape: &Shape<'_, '_>) {
    for (name, value) in ask.members() {
        let items = value.items();
        let own = core::ptr::eq(items, shape.history) || core::ptr::eq(items, shape.tools);
        let long = |text: &str| text.len() >= SOURCE_BYTES;
        let is_source = |item: &Node<'_>| {
            item.members().iter().any(|(_, value)| value.text().is_some_and(long))
        };
        if own || !items.iter().any(is_source) {
            continue;
        }
        let mut turn = RawTurn::new(TrustRole::ToolResult, false);
        turn.tool = Some(name.to_string());
        turn.say(&json(value));
        draft.turn(turn);
    }
}

fn history(draft: &mut Draft<'_>, shape: &Shape<'_, '_>, names: &BTreeSet<&str>) {
    let mut model: Option<&str> = None;
    let mut user: Option<&str> = None;
    for item in shape.history {
        let role = item.str(shape.role).unwrap_or_default();
        if known_role(role) == TrustRole::Assistant || !calls(item, names).is_empty() {
            model = model.or(Some(role));
        }
    }
    for item in shape.history {
        let role = item.str(shape.role).unwrap_or_default();
        let own = calls(item, names);
        let given = if model == Some(role) { Vec::new() } else { results(item, names) };
        if !given.is_empty() {
            given.into_iter().for_each(|turn| draft.turn(turn));
            continue;
        }
        let text = said_in(item, &|text| text == role).unwrap_or_default();
        let known = known_role(role);
        let trust = match () {
            () if known != TrustRole::User => known,
            () if model == Some(role) => TrustRole::Assistant,
            () if user.is_none() || user == Some(role) => TrustRole::User,
            () => TrustRole::Assistant,
        };
        if trust == TrustRole::User {
            user = user.or(Some(role));
        }
        let mut turn = RawTurn::new(trust, false);
        turn.say(text);
        turn.calls = own;
        if !turn.is_empty() {
            draft.turn(turn);
        }
    }
}

fn answer(draft: &mut Draft<'_>, said: &Said<'_>, names: &BTreeSet<&str>) {
    let ask = said.ask();
    let echoed: BTreeSet<&str> =
        ask.members().iter().filter_map(|(_, value)| value.text()).collect();
    let mut turn = RawTurn::new(TrustRole::Assistant, true);
    let mut counted = false;
    for node in said.answer.iter() {
        turn.calls.extend(calls(node, names));
        let word = |text: &str| echoed.contains(text) || is_name(text) && text.len() < 8;
        turn.say(said_in(node, &word).unwrap_or_default());
        draft.talk.usage = usage(node).or(draft.talk.usage);
        counted |= draft.talk.usage.is_some();
    }
    for (_, node) in &said.events {
        turn.calls.extend(calls(node, names));
        draft.talk.usage = usage(node).or(draft.talk.usage);
        counted |= usage(node).is_some();
    }
    if !said.events.is_empty() {
        turn.say(&own_stream::text(said, &echoed));
    }
    let model = said.answers().chain([ask]).find_map(|node| node.str("model"));
    draft.talk.model_answered = model.map(word);
    draft.talk.broken_off = said.streamed() && !counted;
    turn.calls.truncate(64);
    if !turn.is_empty() {
        draft.turn(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{post, show, talk};

    const BRIEF: &str = "Sei Vale, l'assistente dello sportello. Rispondi in italiano semplice, con \
        frasi brevi, e non comunicare mai dati di altre persone a chi non ne ha diritto.";

    fn asked(history: &str) -> String {
        format!(
            r#"{{"agente":"vale","sessione":"s-1","istruzioni":"{BRIEF}","storico":[{history}],"strumenti":[{{"nome":"leggi_pratica","descrizione":"Legge una pratica.","parametri":{{"numero":{{"type":"string"}}}}}}],"fonti":[{{"titolo":"TARI","testo":"La tariffa si calcola per metro quadro e per componente."}}]}}"#
        )
    }

    #[test]
    fn a_gateway_of_ones_own_is_told_by_its_shape() {
        let history = r#"{"ruolo":"cittadino","testo":"A che punto è la mia pratica?"},{"ruolo":"sportello","testo":"","chiamate":[{"num":"c1","strumento":"leggi_pratica","parametri":{"numero":"7"}}]},{"ruolo":"esito","esiti":[{"num":"c1","strumento":"leggi_pratica","valore":{"stato":"accolta"}}]}"#;
        let answer = r#"{"sessione":"s-1","esito":"ok","risposta":"La pratica è accolta.","chiamate":[],"consumo":{"token_ingresso":120,"token_uscita":9}}"#;
        let body = asked(history);
        let found = talk(&post("/gw/dialogo", &body), "application/json", answer.as_bytes());
        let found = found.unwrap();
        let shown = show(&found);
        assert!(shown.starts_with(&format!("own -\nS: {BRIEF}")), "{shown}");
        for line in [
            "\nU: A che punto è la mia pratica?",
            "\nA:  [leggi_pratica numero=7]",
            "\nR: {\"stato\":\"accolta\",} <leggi_pratica",
            "\n>A: La pratica è accolta.",
        ] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        assert!(shown.contains("<fonti"), "{shown}");
        assert_eq!(found.usage.map(|usage| (usage.input, usage.output)), Some((120, 9)));
        let calls = r#"{"sessione":"s-1","esito":"ok","risposta":"","chiamate":[{"num":"c2","strumento":"leggi_pratica","parametri":{"numero":"8"}}],"consumo":{"token_ingresso":120,"token_uscita":9}}"#;
        let found = talk(&post("/gw/dialogo", &body), "application/json", calls.as_bytes());
        let shown = show(&found.unwrap());
        assert!(shown.contains("\n>A:  [leggi_pratica numero=8]"), "{shown}");
        let stream = "event: pezzo\ndata: {\"tipo\":\"pezzo\",\"testo\":\"La pratica\"}\n\n\
            event: pezzo\ndata: {\"tipo\":\"pezzo\",\"testo\":\" è accolta.\"}\n\n\
            event: fine\ndata: {\"tipo\":\"fine\",\"consumo\":{\"token_ingresso\":120,\"token_uscita\":9}}\n\n";
        let found = talk(&post("/gw/dialogo", &body), "text/event-stream", stream.as_bytes());
        let shown = show(&found.unwrap());
        assert!(shown.contains("\n>A: La pratica è accolta."), "{shown}");
    }

    #[test]
    fn streams_are_read_by_the_text_that_grows() {
        let history = r#"{"ruolo":"cittadino","testo":"A che punto è?"}"#;
        let body = asked(history);
        let end = r#"{"tipo":"fine","consumo":{"token_ingresso":120,"token_uscita":9}}"#;
        for (media, lines) in [
            (
                "application/x-ndjson",
                [
                    r#"{"tipo":"pezzo","id":"m-1","testo":"La"}"#,
                    r#"{"tipo":"pezzo","id":"m-2","testo":" pratica"}"#,
                    r#"{"tipo":"pezzo","id":"m-3","testo":" è accolta."}"#,
                ],
            ),
            (
                "application/x-ndjson",
                [
                    r#"{"tipo":"pezzo","testo":"La"}"#,
                    r#"{"tipo":"pezzo","testo":"La pratica"}"#,
                    r#"{"tipo":"pezzo","testo":"La pratica è accolta."}"#,
                ],
            ),
            (
                "text/event-stream",
                [
                    r#"{"pezzo":{"lingua":"it","testo":"La"}}"#,
                    r#"{"pezzo":{"lingua":"it","testo":" pratica è "}}"#,
                    r#"{"pezzo":{"lingua":"it","testo":"accolta."}}"#,
                ],
            ),
        ] {
            let event = |line: &str| match media {
                "text/event-stream" => format!("data: {line}\n\n"),
                _ => format!("{line}\n"),
            };
            let mut stream: String = lines.iter().map(|line| event(line)).collect();
            let begun = talk(&post("/gw/dialogo", &body), media, stream.as_bytes()).unwrap();
            assert!(show(&begun).contains("\n>A: La pratica è accolta."), "{}", show(&begun));
            assert!(begun.broken_off);
            stream.push_str(&event(end));
            let found = talk(&post("/gw/dialogo", &body), media, stream.as_bytes()).unwrap();
            assert!(show(&found).contains("\n>A: La pratica è accolta."), "{}", show(&found));
            assert_eq!(found.usage.map(|usage| usage.output), Some(9));
        }
    }

    #[test]
    fn other_documents_are_no_talk() {
        let order = format!(
            r#"{{"note":"{BRIEF}","items":[{{"kind":"lamp","text":"A lamp for the desk"}},{{"kind":"chair","text":"A chair for it"}}]}}"#
        );
        let signed = br#"{"token":"abc","expires":3600,"id":7}"#;
        assert!(talk(&post("/orders", &order), "application/json", signed).is_none());
        let counted = br#"{"id":7,"total":{"tokens_in":3}}"#;
        assert!(talk(&post("/orders", &order), "application/json", counted).is_none());
        let forum = format!(
            r#"{{"about":"{BRIEF}","posts":[{{"author":"ann","text":"Hello to all"}},{{"author":"bob","text":"Hi there"}}]}}"#
        );
        let saved = br#"{"saved":true}"#;
        assert!(talk(&post("/threads", &forum), "application/json", saved).is_none());
    }
}
