//! Hosts at which models are asked, told by the name that a client gives when it opens a connection
//! for TLS: what is said there is not seen.

/// Interfaces of the makers and resellers of models, and a name under which each is known. A `*`
/// stands for any beginning. What people open in a browser to chat is none.
const HOSTS: &[(&str, &str)] = &[
    ("api.openai.com", "OpenAI"),
    ("*.api.openai.com", "OpenAI"),
    ("*.openai.azure.com", "Azure OpenAI"),
    ("*.services.ai.azure.com", "Azure AI"),
    ("*.models.ai.azure.com", "Azure AI"),
    ("models.inference.ai.azure.com", "GitHub Models"),
    ("models.github.ai", "GitHub Models"),
    ("*.githubcopilot.com", "GitHub Copilot"),
    ("api.anthropic.com", "Anthropic"),
    ("generativelanguage.googleapis.com", "Gemini"),
    ("aiplatform.googleapis.com", "Vertex AI"),
    ("*-aiplatform.googleapis.com", "Vertex AI"),
    ("bedrock-runtime.*", "Bedrock"),
    ("bedrock-runtime-fips.*", "Bedrock"),
    ("api.mistral.ai", "Mistral"),
    ("codestral.mistral.ai", "Mistral"),
    ("api.cohere.com", "Cohere"),
    ("api.cohere.ai", "Cohere"),
    ("api.x.ai", "xAI"),
    ("api.deepseek.com", "DeepSeek"),
    ("api.groq.com", "Groq"),
    ("api.cerebras.ai", "Cerebras"),
    ("api.together.xyz", "Together"),
    ("api.together.ai", "Together"),
    ("api.fireworks.ai", "Fireworks"),
    ("api.perplexity.ai", "Perplexity"),
    ("api.replicate.com", "Replicate"),
    ("api.deepinfra.com", "DeepInfra"),
    ("api.ai21.com", "AI21"),
    ("api.moonshot.ai", "Moonshot"),
    ("api.moonshot.cn", "Moonshot"),
    ("api.minimax.io", "MiniMax"),
    ("api.z.ai", "Zhipu"),
    ("open.bigmodel.cn", "Zhipu"),
    ("dashscope.aliyuncs.com", "Alibaba"),
    ("dashscope-intl.aliyuncs.com", "Alibaba"),
    ("ark.cn-beijing.volces.com", "Volcengine"),
    ("openrouter.ai", "OpenRouter"),
    ("integrate.api.nvidia.com", "NVIDIA"),
    ("router.huggingface.co", "Hugging Face"),
    ("api-inference.huggingface.co", "Hugging Face"),
    ("ai-gateway.vercel.sh", "Vercel"),
    ("gateway.ai.cloudflare.com", "Cloudflare"),
    ("api.sambanova.ai", "SambaNova"),
    ("api.novita.ai", "Novita"),
];

/// Whose models are asked at a host.
pub(super) fn provider(host: &str) -> Option<&'static str> {
    let is = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => host.len() > end.len() && host.ends_with(end),
        (_, Some(begin)) => host.starts_with(begin) && is_amazon(host),
        _ => host == pattern,
    };
    HOSTS.iter().find(|(pattern, _)| is(pattern)).map(|(_, name)| *name)
}

fn is_amazon(host: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_models_are_known_and_what_only_sounds_like_one_is_not() {
        for host in [
            "api.openai.com",
            "eu.api.openai.com",
            "contoso.openai.azure.com",
            "europe-west4-aiplatform.googleapis.com",
            "bedrock-runtime.eu-central-1.amazonaws.com",
        ] {
            assert!(provider(host).is_some(), "{host}");
        }
        for host in [
            "openai.com",
            "chatgpt.com",
            "api.openai.com.evil.test",
            "notapi.openai.com.test",
            "bedrock-runtime.evil.test",
            "bedrock.eu-central-1.amazonaws.com",
            "storage.googleapis.com",
            "-aiplatform.googleapis.com",
        ] {
            assert_eq!(provider(host), None, "{host}");
        }
    }
}
