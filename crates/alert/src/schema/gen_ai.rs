//! `gen_ai` and `stilt.talk`.

use super::parts::{count, flag, id, list, open, text, word};
use serde_json::{Value, json};

/// `gen_ai.*`.
pub(super) fn gen_ai() -> Value {
    let name = || open(&["name"], json!({"name": text()}));
    open(
        &[],
        json!({
            "operation": name(),
            "provider": name(),
            "agent": open(&["id", "name"], json!({"id": id(), "name": text()})),
            "conversation": open(&["id"], json!({"id": id()})),
            "request": open(&[], json!({
                "model": text(), "max_tokens": count(), "temperature": {"type": "number"},
            })),
            "response": open(&[], json!({
                "id": text(), "model": text(), "finish_reasons": list(&text()),
            })),
            "usage": open(
                &["input_tokens", "output_tokens"],
                json!({"input_tokens": count(), "output_tokens": count()}),
            ),
            "tool": open(&["name"], json!({
                "name": text(),
                "call": open(&["id"], json!({"id": text()})),
            })),
        }),
    )
}

/// What ECS has no field for.
pub(super) fn talk() -> Value {
    open(
        &["dialect", "turns", "tools", "streamed"],
        json!({
            "dialect": word(),
            "turns": count(),
            "tools": count(),
            "calls": list(&text()),
            "streamed": flag(),
            "broken_off": flag(),
            "tokens": open(&["cached", "cache_written", "reasoning", "estimated"], json!({
                "cached": count(), "cache_written": count(), "reasoning": count(),
                "estimated": flag(),
            })),
            "cost_usd": {"type": "number", "minimum": 0},
            "mcp": open(&[], json!({
                "method": text(), "target": text(), "session": text(), "protocol": text(),
                "client": text(), "server": text(), "error": {"type": "integer"},
            })),
        }),
    )
}
