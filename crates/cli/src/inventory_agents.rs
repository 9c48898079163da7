//! Agents, models and tool servers, as text for people and as JSON.

use core::fmt::Write;
use serde_json::{Value, json};
use stilt_detect::{Agents, KnownAgent, KnownModel, KnownServer};

/// Names shown of one list.
const SHOWN: usize = 8;

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&str> = names.map(String::as_str).collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    let some: Vec<&str> = all.into_iter().take(SHOWN).collect();
    if some.is_empty() { "-".to_owned() } else { format!("{}{more}", some.join(", ")) }
}

/// What no terminal may be told: control characters of names that came from the wire.
fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '�' } else { char }).collect()
}

/// Tables; nothing where no agent was seen.
pub(crate) fn write(agents: &Agents) -> String {
    let mut out = String::new();
    let (all, models, servers) = (agents.agents(), agents.models(), agents.servers());
    if !models.is_empty() {
        out.push_str("models\n");
    }
    for model in models {
        let [read, written] = model.tokens;
        let cost = if model.cost > 0 {
            format!(", {:.2} dollars", model.cost as f64 / 1e9)
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "  {} at {} ({}, {}): {} requests, {read} tokens read, {written} written{cost}",
            plain(&model.model),
            plain(&model.service),
            plain(&model.provider),
            model.dialect,
            model.requests,
        );
    }
    if !servers.is_empty() {
        out.push_str("tool servers\n");
    }
    for server in servers {
        let _ = writeln!(
            out,
            "  {} at {} (MCP {}): {} requests by {}; {} tools: {}",
            plain(if server.server.is_empty() { "unnamed" } else { &server.server }),
            plain(&server.service),
            plain(&listed(server.protocols.iter())),
            server.requests,
            plain(&listed(server.clients.iter())),
            server.tools.len(),
            plain(&listed(server.tools.keys())),
        );
    }
    if !all.is_empty() {
        out.push_str("agents\n");
    }
    for agent in all {
        let _ = writeln!(
            out,
            "  {}: {} requests, {} to {}; of {}; tools: {}",
            plain(&agent.name),
            agent.requests,
            agent.first,
            agent.last,
            plain(&listed(agent.models.iter())),
            plain(&listed(agent.tools.iter())),
        );
    }
    out
}

/// A record each.
pub(crate) fn records(agents: &Agents) -> Vec<Value> {
    let models = agents.models().into_iter().map(model);
    let servers = agents.servers().into_iter().map(server);
    models.chain(servers).chain(agents.agents().into_iter().map(agent)).collect()
}

fn event(dataset: &str) -> Value {
    json!({ "kind": "state", "dataset": dataset })
}

fn model(model: &KnownModel) -> Value {
    json!({
        "event": event("stilt.model"),
        "service": model.service,
        "model": model.model,
        "provider": model.provider,
        "dialect": model.dialect,
        "requests": model.requests,
        "input_tokens": model.tokens[0],
        "output_tokens": model.tokens[1],
        "cost_usd": (model.cost > 0).then_some(model.cost as f64 / 1e9),
        "first_seen": model.first,
        "last_seen": model.last,
    })
}

fn server(server: &KnownServer) -> Value {
    let tools: Vec<Value> = server
        .tools
        .iter()
        .map(|(name, tool)| {
            let versions: Vec<String> =
                tool.versions.iter().map(|digest| format!("{digest:016x}")).collect();
            json!({ "name": name, "calls": tool.calls, "definitions": versions })
        })
        .collect();
    json!({
        "event": event("stilt.tool_server"),
        "service": server.service,
        "server": server.server,
        "protocols": server.protocols,
        "clients": server.clients,
        "requests": server.requests,
        "tools": tools,
        "first_seen": server.first,
        "last_seen": server.last,
    })
}

fn agent(agent: &KnownAgent) -> Value {
    json!({
        "event": event("stilt.agent"),
        "agent": agent.name,
        "client": agent.client,
        "requests": agent.requests,
        "models": agent.models,
        "tools": agent.tools,
        "first_seen": agent.first,
        "last_seen": agent.last,
    })
}
