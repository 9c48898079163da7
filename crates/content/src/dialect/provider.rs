//! Who serves a model, for the record only: nothing is recognised by it.

use super::Said;
use stilt_model::{Dialect, SmolStr};

/// Ends of host names, and whose they are (`gen_ai.provider.name`).
const HOSTS: &[(&str, &str)] = &[
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("amazonaws.com", "aws.bedrock"),
    ("mistral.ai", "mistral_ai"),
    ("groq.com", "groq"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("together.xyz", "together_ai"),
    ("fireworks.ai", "fireworks_ai"),
    ("huggingface.co", "hugging_face"),
];

/// The provider as far as it shows.
pub(super) fn of(said: &Said<'_>, dialect: Dialect) -> Option<SmolStr> {
    if !dialect.is_model() {
        return None;
    }
    let host = said.host.split(':').next().unwrap_or_default();
    let ends = |end: &str| {
        host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            // Regional hosts of Vertex AI are joined by a dash.
            || host.strip_suffix(end).is_some_and(|rest| rest.ends_with('-'))
    };
    if let Some((_, provider)) = HOSTS.iter().find(|(end, _)| ends(end)) {
        return Some((*provider).into());
    }
    let by_answer = || {
        let head = said.answer_head?;
        if head.headers().any(|(name, _)| name.to_ascii_lowercase().starts_with(b"x-litellm-")) {
            return Some("litellm");
        }
        let server = said.answer_header("server")?.to_ascii_lowercase();
        ["llama.cpp", "vllm", "ollama"].into_iter().find(|name| server.contains(name))
    };
    let by_words = || {
        let print = said.first_answer().str("system_fingerprint").unwrap_or_default();
        ["ollama", "vllm", "tgi"].into_iter().find(|name| print.contains(name))
    };
    let family = match dialect {
        Dialect::Anthropic if said.ask().has("anthropic_version") => {
            if said.path.contains("/publishers/") { "gcp.vertex_ai" } else { "aws.bedrock" }
        }
        Dialect::Anthropic => "anthropic",
        Dialect::Gemini if said.path.contains("/projects/") => "gcp.vertex_ai",
        Dialect::Gemini => "gcp.gemini",
        Dialect::Bedrock => "aws.bedrock",
        Dialect::Ollama => "ollama",
        Dialect::Own => return None,
        Dialect::TextGeneration => return by_answer().map(SmolStr::new_static),
        _ if said.path.contains("/openai/deployments/") => "azure.ai.openai",
        _ => "openai",
    };
    Some(SmolStr::new_static(by_answer().or_else(by_words).unwrap_or(family)))
}
