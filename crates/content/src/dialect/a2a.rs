//! Agent2Agent: messages and tasks over JSON-RPC, and the card by which an agent names itself.

use super::draft::{Draft, RawTurn, word};
use super::gemini::given;
use super::mcp::{id, named};
use super::{Said, Spec};
use crate::tree::Node;
use stilt_model::talk::{Mcp, McpError, Offer, OfferKind, Operation};
use stilt_model::{Dialect, Message, TrustRole};

pub(super) const SPEC: Spec = Spec { speaks, read };

/// Ends of the paths of cards.
const CARDS: &[&str] = &["/.well-known/agent-card.json", "/.well-known/agent.json"];

/// The request asks for an agent's card.
pub(super) fn is_card(request: &Message) -> bool {
    let target = request.head.target();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    request.head.method() == b"GET" && CARDS.iter().any(|card| path.ends_with(card.as_bytes()))
}

fn is_method(method: &str) -> bool {
    const METHODS: &[&str] = &[
        "message/send",
        "message/stream",
        "tasks/get",
        "tasks/list",
        "tasks/cancel",
        "tasks/resubscribe",
        "tasks/send",
        "tasks/sendSubscribe",
        "agent/getAuthenticatedExtendedCard",
        "SendMessage",
        "SendStreamingMessage",
        "GetTask",
        "CancelTask",
        "SubscribeToTask",
    ];
    METHODS.contains(&method) || method.starts_with("tasks/pushNotificationConfig/")
}

fn speaks(said: &Said<'_>) -> bool {
    let ask = said.ask();
    let calls = ask.has("jsonrpc") && ask.str("method").is_some_and(is_method);
    let card = CARDS.iter().any(|card| said.ends(card))
        && said.method == b"GET"
        && said.first_answer().has("skills");
    calls || card
}

fn read<'a>(said: &'a Said<'a>) -> Draft<'a> {
    let (ask, card) = (said.ask(), said.first_answer());
    let mut draft = Draft::new(Dialect::A2a, Operation::Other);
    let mut mcp = Mcp { messages: 1, ..Mcp::default() };
    if !ask.has("method") {
        mcp.method = "card".into();
        mcp.server = named(card);
        mcp.protocol = card.str("protocolVersion").map(word);
        for skill in card.get("skills").items().iter().take(64) {
            let name = skill.str("id").or_else(|| skill.str("name")).unwrap_or_default();
            mcp.offers.push(Offer { kind: OfferKind::Prompt, name: word(name) });
        }
        draft.talk.mcp = Some(Box::new(mcp));
        return draft;
    }
    let (method, params) = (ask.str("method").unwrap_or_default(), ask.get("params"));
    mcp.method = word(method);
    mcp.duplicate_keys = said.asked_odd.duplicate_keys;
    if params.get("message").is_object() {
        draft.talk.operation = Operation::InvokeAgent;
        let message = params.get("message");
        draft.talk.previous = message.str("contextId").or_else(|| message.str("taskId")).map(word);
        parts(&mut draft, message, TrustRole::User, false);
    }
    for node in said.answers() {
        let result = node.get("result");
        if node.get("error").is_object() {
            let code = match node.get("error").get("code") {
                Node::Number(text) => text.parse().unwrap_or(0),
                _ => 0,
            };
            mcp.error = Some(McpError { code });
        }
        let own = result.str("contextId").map(str::to_owned).or_else(|| id(result));
        draft.talk.response_id = own.as_deref().map(word).or(draft.talk.response_id.take());
        for inner in [result, result.get("message"), result.get("status").get("message")] {
            parts(&mut draft, inner, TrustRole::Assistant, true);
        }
        let artifacts = result.get("artifacts").items().iter();
        for artifact in artifacts.chain([result.get("artifact")]) {
            parts(&mut draft, artifact, TrustRole::Assistant, true);
        }
        draft.finished(result.get("status").str("state"));
    }
    draft.talk.mcp = Some(Box::new(mcp));
    draft
}

fn parts(draft: &mut Draft<'_>, message: &Node<'_>, role: TrustRole, answered: bool) {
    let mut turn = RawTurn::new(role, answered);
    for part in message.get("parts").items() {
        if let Some(text) = part.str("text") {
            turn.say(text);
        } else if part.has("data") {
            given(&mut turn, part.get("data"));
        } else {
            turn.show();
        }
    }
    if !turn.is_empty() {
        draft.turn(turn);
    }
}
