//! A talk in the making: raw texts, before anything in them is hidden.

use super::mcp::Marks;
use super::texts::Texts;
use super::{Said, hide, provider, schema};
use crate::config::Config;
use crate::leaves::Scalar;
use crate::leaves::paths::{PathId, Paths, ROOT};
use crate::mask::Masker;
use crate::prompt::Judged;
use crate::tree::Node;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use stilt_model::talk::{Hints, Operation, Usage};
use stilt_model::{Dialect, Place, SmolStr, Talk, ToolCall, TrustRole, Turn};

/// Turns kept of one talk: the first few, and the last.
const TURNS_MAX: usize = 512;
const TURNS_FIRST: usize = 16;
/// Calls kept of one turn.
const CALLS_MAX: usize = 64;
/// Calls without an id that wait for what their tools gave.
const OPEN_MAX: usize = 512;
/// Tools kept of one talk.
const TOOLS_MAX: usize = 1024;
/// Arguments kept of one call, and bytes of one.
const ARGUMENTS_MAX: usize = 64;
const ARGUMENT_BYTES_MAX: usize = 1024;
/// Bytes of a short word: a model, a tool, an id.
pub(super) const WORD_MAX: usize = 128;
/// Bytes of text that a token stands for, about, where nobody counted.
const BYTES_PER_TOKEN: u64 = 4;

/// A turn as it was sent.
#[derive(Debug)]
pub(super) struct RawTurn {
    pub(super) role: TrustRole,
    pub(super) answered: bool,
    pub(super) text: String,
    pub(super) media: u16,
    pub(super) calls: Vec<RawCall>,
    pub(super) call_id: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) failed: bool,
    pub(super) refused: bool,
}

impl RawTurn {
    pub(super) fn new(role: TrustRole, answered: bool) -> Self {
        Self {
            role,
            answered,
            text: String::new(),
            media: 0,
            calls: Vec::new(),
            call_id: None,
            tool: None,
            failed: false,
            refused: false,
        }
    }

    /// Adds a part of the text, on a line of its own.
    pub(super) fn say(&mut self, text: &str) {
        if !self.text.is_empty() && !text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    pub(super) fn show(&mut self) {
        self.media = self.media.saturating_add(1);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.calls.is_empty() && self.media == 0 && !self.refused
    }
}

/// A call as it was sent.
#[derive(Debug, Default)]
pub(super) struct RawCall {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// JSON.
    pub(super) arguments: String,
    pub(super) hosted: bool,
}

/// A tool as it was sent.
pub(super) struct RawTool<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) schema: &'a Node<'a>,
    /// All of the definition.
    pub(super) whole: &'a Node<'a>,
    pub(super) hints: Hints,
    pub(super) hosted: bool,
}

/// A talk whose texts are still as they were sent.
pub(crate) struct Draft<'a> {
    pub(super) talk: Talk,
    pub(super) turns: Vec<RawTurn>,
    pub(super) tools: Vec<RawTool<'a>>,
    /// Tokens are counted by nobody, and can be reckoned.
    pub(super) reckon: bool,
    /// Ids that become marks.
    pub(super) marks: Marks,
}

/// A short word as it may be shown.
pub(super) fn word(text: &str) -> SmolStr {
    crate::bytes::prefix(text.trim(), WORD_MAX).into()
}

/// A value as JSON that [`Node::parse`] reads again.
pub(super) fn json(node: &Node<'_>) -> String {
    let mut out = Vec::new();
    node.canonical(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

impl<'a> Draft<'a> {
    pub(super) fn new(dialect: Dialect, operation: Operation) -> Self {
        Self {
            talk: Talk::new(dialect, operation),
            turns: Vec::new(),
            tools: Vec::new(),
            reckon: false,
            marks: Marks::default(),
        }
    }

    pub(super) fn turn(&mut self, turn: RawTurn) {
        self.turns.push(turn);
    }

    /// A text of one role, where there is one.
    pub(super) fn text(&mut self, role: TrustRole, answered: bool, text: &str) {
        if !text.is_empty() {
            let mut turn = RawTurn::new(role, answered);
            turn.say(text);
            self.turns.push(turn);
        }
    }

    pub(super) fn tool(&mut self, tool: RawTool<'a>) {
        if self.tools.len() < TOOLS_MAX {
            self.tools.push(tool);
        } else {
            self.talk.tools_cut = true;
        }
    }

    pub(super) fn finished(&mut self, why: Option<&str>) {
        if let Some(why) = why
            && self.talk.finish.len() < 8
        {
            self.talk.finish.push(word(why));
        }
    }

    /// Hides what must be hidden, and gives the talk.
    pub(super) fn finish(
        mut self,
        said: &Said<'_>,
        (masker, judged): (&mut Masker, &mut Judged),
        paths: &mut Paths,
        config: &Config,
    ) -> Talk {
        self.talk.provider = provider::of(said, self.talk.dialect);
        self.talk.turns_cut |= said.asked_odd.cut;
        self.pair();
        self.name_tools();
        if self.turns.len() > TURNS_MAX {
            let excess = self.turns.len().saturating_sub(TURNS_MAX);
            self.turns.drain(TURNS_FIRST..TURNS_FIRST.saturating_add(excess));
            self.talk.turns_cut = true;
        }
        let ok = (200..300).contains(&said.status);
        if self.reckon && self.talk.usage.is_none() && ok {
            self.talk.usage = Some(self.reckoned());
        }
        let mut texts = Texts::new(masker, judged, config.talk_text_max);
        let mut talk = self.talk;
        if let Some(mcp) = &mut talk.mcp {
            self.marks.settle(mcp, texts.masker);
        }
        talk.tools = self.tools.iter().map(|tool| schema::definition(tool, &mut texts)).collect();
        // The newest turns are shown first; what the agent was built with before everything else.
        let newest = (0..self.turns.len()).rev();
        let is_system =
            |at: &usize| self.turns.get(*at).is_some_and(|turn| turn.role == TrustRole::System);
        let order: Vec<usize> =
            newest.clone().filter(is_system).chain(newest.filter(|at| !is_system(at))).collect();
        let mut shown: Vec<Option<Turn>> = self.turns.iter().map(|_| None).collect();
        for at in order {
            if let (Some(raw), Some(place)) = (self.turns.get(at), shown.get_mut(at)) {
                *place = Some(settle(raw, &mut texts, paths, config));
            }
        }
        talk.turns = shown.into_iter().flatten().collect();
        hide::words(&mut talk, texts.masker);
        for turn in &talk.turns {
            let side = usize::from(turn.answered);
            if let Some(counts) = talk.sensitive.get_mut(side) {
                turn.text.hidden.iter().for_each(|(kind, _)| counts.add(*kind));
            }
        }
        talk
    }

    /// Pairs what tools gave with calls where the dialect knows no ids: they come in the order of
    /// the calls.
    fn pair(&mut self) {
        if !self.talk.dialect.is_model() {
            return;
        }
        let mut open: VecDeque<(String, String)> = VecDeque::new();
        let mut number = 0_usize;
        for turn in &mut self.turns {
            for call in turn.calls.iter_mut().filter(|call| call.id.is_none() && !call.hosted) {
                number = number.saturating_add(1);
                let id = format!("#{number}");
                if open.len() < OPEN_MAX {
                    open.push_back((call.name.clone(), id.clone()));
                }
                call.id = Some(id);
            }
            if turn.role == TrustRole::ToolResult && turn.call_id.is_none() {
                let named = |name: &str| turn.tool.as_deref().is_none_or(|tool| tool == name);
                let at = open.iter().position(|(name, _)| named(name));
                turn.call_id = at.and_then(|at| open.remove(at)).map(|(_, id)| id);
            }
        }
    }

    /// Gives answers of tools the names of the tools, from the calls they answer.
    fn name_tools(&mut self) {
        let mut names: HashMap<String, String> = HashMap::new();
        for turn in &mut self.turns {
            for call in &turn.calls {
                if let Some(id) = &call.id
                    && names.len() < 4096
                {
                    names.insert(id.clone(), call.name.clone());
                }
            }
            if turn.tool.is_none()
                && let Some(id) = &turn.call_id
            {
                turn.tool = names.get(id).cloned();
            }
        }
    }

    /// Tokens by the length of the texts.
    fn reckoned(&self) -> Usage {
        let length = |answered: bool| {
            let turns = self.turns.iter().filter(|turn| turn.answered == answered);
            let bytes = turns.map(|turn| {
                turn.text.len().saturating_add(turn.calls.iter().map(|c| c.arguments.len()).sum())
            });
            let bytes: usize = bytes.sum();
            (bytes as u64).div_ceil(BYTES_PER_TOKEN)
        };
        let mut tools = Vec::new();
        self.tools.iter().for_each(|tool| tool.whole.canonical(&mut tools));
        let input = length(false).saturating_add((tools.len() as u64).div_ceil(BYTES_PER_TOKEN));
        Usage { input, output: length(true), estimated: true, ..Usage::default() }
    }
}

/// A turn with its secrets hidden.
fn settle(raw: &RawTurn, texts: &mut Texts<'_>, paths: &mut Paths, config: &Config) -> Turn {
    let text = texts.said(&raw.text, raw.role, config.talk_turn_max);
    let calls: Vec<ToolCall> = raw
        .calls
        .iter()
        .take(CALLS_MAX)
        .map(|call| settle_call(call, texts, paths, config))
        .collect();
    let mut whole = vec![raw.role as u8];
    whole.extend_from_slice(&text.digest.to_le_bytes());
    for call in &calls {
        whole.extend_from_slice(call.name.as_bytes());
        whole.extend_from_slice(&call.digest.to_le_bytes());
    }
    whole.extend_from_slice(&raw.media.to_le_bytes());
    let shown = |text: &Option<String>, texts: &Texts<'_>| {
        text.as_ref().map(|text| SmolStr::from(texts.masker.text_max(text, WORD_MAX).as_ref()))
    };
    Turn {
        role: raw.role,
        answered: raw.answered,
        media: raw.media,
        call_id: raw.call_id.as_deref().map(word),
        tool: shown(&raw.tool, texts),
        failed: raw.failed,
        refused: raw.refused,
        digest: texts.masker.hash("turn", &whole),
        text,
        calls,
    }
}

fn settle_call(
    raw: &RawCall,
    texts: &mut Texts<'_>,
    paths: &mut Paths,
    config: &Config,
) -> ToolCall {
    let (node, odd) = Node::parse(raw.arguments.as_bytes());
    let empty = raw.arguments.trim().is_empty();
    let mut canonical = Vec::new();
    node.canonical(&mut canonical);
    let name = SmolStr::from(texts.masker.text_max(&raw.name, WORD_MAX).as_ref());
    let digest = texts.masker.hash("arguments", &canonical);
    let mut sink = crate::leaves::Sink::of_arguments(
        texts.masker,
        paths,
        (ARGUMENTS_MAX, ARGUMENT_BYTES_MAX, config.jwt_max),
    );
    if node.is_object() || node.is_list() {
        walk(&node, ROOT, (0, 0), &mut sink);
    } else if !empty {
        sink.add(Place::Json, ROOT, 0, scalar(&node));
    }
    ToolCall {
        id: raw.id.as_deref().map(word),
        name,
        cut: sink.cut || (odd.cut && !empty),
        arguments: sink.leaves,
        digest,
        hosted: raw.hosted,
    }
}

fn scalar<'n>(node: &'n Node<'_>) -> Scalar<'n> {
    match node {
        Node::Bool(bool) => Scalar::Bool(*bool),
        Node::Number(text) => Scalar::Number(text),
        Node::Text(text) => Scalar::Text(Cow::Borrowed(text)),
        _ => Scalar::Null,
    }
}

/// Adds every scalar of a tree; `(depth, record)` is where it stands.
fn walk(
    node: &Node<'_>,
    path: PathId,
    (depth, record): (usize, u32),
    sink: &mut crate::leaves::Sink<'_>,
) {
    match node {
        Node::Object(members) => {
            for (key, value) in members {
                let child = sink.child(path, key.as_bytes());
                walk(value, child, (depth.saturating_add(1), record), sink);
                if sink.cut {
                    return;
                }
            }
        }
        Node::List(items) => {
            let element = sink.paths.element(path);
            for (at, item) in items.iter().enumerate() {
                let record = u32::try_from(at).unwrap_or(u32::MAX);
                walk(item, element, (depth.saturating_add(1), record), sink);
                if sink.cut {
                    return;
                }
            }
        }
        _ => {
            sink.add(Place::Json, path, record, scalar(node));
        }
    }
}
