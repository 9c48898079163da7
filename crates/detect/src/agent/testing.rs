//! Talks for tests: chats with a model and calls of tool servers, written in few words.

use core::fmt::Write;
use stilt_inventory::test_support::{Tx, post};

/// Text as JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A chat in the making.
#[derive(Clone, Default)]
pub(crate) struct Chat {
    messages: Vec<String>,
    tools: Vec<String>,
    more: String,
    answer: String,
    calls: String,
    model: Option<String>,
    tokens: (u64, u64),
    next: u64,
}

impl Chat {
    pub(crate) fn new(system: &str) -> Self {
        let mut chat = Self { tokens: (100, 10), ..Self::default() };
        if !system.is_empty() {
            chat.say("system", system);
        }
        chat
    }

    fn say(&mut self, role: &str, text: &str) {
        self.messages.push(format!(r#"{{"role":"{role}","content":{}}}"#, quoted(text)));
    }

    /// The user speaks.
    pub(crate) fn user(mut self, text: &str) -> Self {
        self.say("user", text);
        self
    }

    /// The model spoke.
    pub(crate) fn assistant(mut self, text: &str) -> Self {
        self.say("assistant", text);
        self
    }

    /// A tool was called and gave something.
    pub(crate) fn tool(mut self, name: &str, arguments: &str, result: &str) -> Self {
        self.next += 1;
        let id = format!("call_{}", self.next);
        self.messages.push(format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"{name}","arguments":{}}}}}]}}"#,
            quoted(arguments)
        ));
        self.messages.push(format!(
            r#"{{"role":"tool","tool_call_id":"{id}","content":{}}}"#,
            quoted(result)
        ));
        self
    }

    /// More members of the request (`,"logprobs":true`).
    pub(crate) fn with(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// The model answers.
    pub(crate) fn answers(mut self, text: &str) -> Self {
        self.answer = text.to_owned();
        self
    }

    /// The model wants a tool called.
    pub(crate) fn calls(mut self, name: &str, arguments: &str) -> Self {
        self.next += 1;
        let comma = if self.calls.is_empty() { "" } else { "," };
        let _ = write!(
            self.calls,
            r#"{comma}{{"id":"call_{}","type":"function","function":{{"name":"{name}","arguments":{}}}}}"#,
            self.next,
            quoted(arguments)
        );
        self
    }

    /// Another model answers than was asked.
    pub(crate) fn by(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    pub(crate) fn tokens(mut self, input: u64, output: u64) -> Self {
        self.tokens = (input, output);
        self
    }

    /// The exchange.
    pub(crate) fn tx(&self) -> Tx {
        self.asking("gpt-x")
    }

    /// The exchange, of that model.
    pub(crate) fn asking(&self, model: &str) -> Tx {
        let body = format!(
            r#"{{"model":"{model}","messages":[{}]{}{}}}"#,
            self.messages.join(","),
            self.tools.join(","),
            self.more
        );
        let calls = if self.calls.is_empty() {
            String::new()
        } else {
            format!(r#","tool_calls":[{}]"#, self.calls)
        };
        let answer = format!(
            r#"{{"id":"x","model":"{}","choices":[{{"index":0,"message":{{"role":"assistant","content":{}{calls}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{},"completion_tokens":{}}}}}"#,
            self.model.as_deref().unwrap_or(model),
            quoted(&self.answer),
            self.tokens.0,
            self.tokens.1
        );
        post("/v1/chat/completions")
            .json(&body)
            .answer(&answer)
            .bearer("k3y-of-the-agent-0123456789abcdef")
            .agent("OpenAI/Python 1.99.0")
    }
}

/// A request to a tool server, and its result.
pub(crate) fn rpc(method: &str, params: &str, result: &str) -> Tx {
    post("/mcp")
        .json(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
        .header("MCP-Protocol-Version", "2025-11-25")
        .agent("python-httpx/0.28.1")
        .answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
}

/// A handshake with a server of that name and version.
pub(crate) fn hello(server: &str, version: &str) -> Tx {
    rpc(
        "initialize",
        r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":"desk","version":"1"}}"#,
        &format!(
            r#"{{"protocolVersion":"2025-11-25","serverInfo":{{"name":"{server}","version":"{version}"}}}}"#
        ),
    )
}

/// A tool's definition: name, description, members of its schema, and its required ones.
pub(crate) fn tool(name: &str, description: &str, properties: &str, required: &str) -> String {
    format!(
        r#"{{"name":"{name}","description":{},"inputSchema":{{"type":"object","properties":{{{properties}}},"required":[{required}],"additionalProperties":false}}}}"#,
        quoted(description)
    )
}

/// A list of tools.
pub(crate) fn list(tools: &[String]) -> Tx {
    rpc("tools/list", "{}", &format!(r#"{{"tools":[{}]}}"#, tools.join(",")))
}

/// A call, and the text it gave.
pub(crate) fn call(name: &str, arguments: &str, text: &str) -> Tx {
    rpc(
        "tools/call",
        &format!(r#"{{"name":"{name}","arguments":{arguments}}}"#),
        &format!(r#"{{"content":[{{"type":"text","text":{}}}]}}"#, quoted(text)),
    )
}

/// A call that the server refuses.
pub(crate) fn refused(name: &str, arguments: &str) -> Tx {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
    );
    post("/mcp")
        .json(&body)
        .header("MCP-Protocol-Version", "2025-11-25")
        .agent("python-httpx/0.28.1")
        .answer(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params"}}"#)
}
