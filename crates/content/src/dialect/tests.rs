//! Each dialect, whole and streamed.

use crate::tests::{exchange, message};
use crate::{Config, Reader};
use core::fmt::Write;
use stilt_model::{Key, Talk, TrustRole, Value};

pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
}

pub(super) fn talk(asked: &Asked<'_>, media: &str, answer: &[u8]) -> Option<Talk> {
    refused(asked, 200, media, answer)
}

/// A talk that was answered with that status.
pub(super) fn refused(asked: &Asked<'_>, status: u16, media: &str, answer: &[u8]) -> Option<Talk> {
    let mut headers = vec![("Host", "models.test"), ("Content-Type", "application/json")];
    headers.extend_from_slice(asked.headers);
    let request = message((asked.method, asked.path), 0, &headers, asked.body.as_bytes());
    let response = message(("", ""), status, &[("Content-Type", media)], answer);
    let mut reader = Reader::new(Key::new([5; 32]), &Config::default());
    let tx = reader.read(exchange(Some(request), Some(response)));
    tx.talk.map(|talk| *talk)
}

pub(super) fn post<'a>(path: &'a str, body: &'a str) -> Asked<'a> {
    Asked { method: "POST", path, headers: &[], body }
}

/// A talk in short: `role: text [call(arguments)]` per turn, those of the answer behind `>`.
pub(super) fn show(talk: &Talk) -> String {
    let mut out = format!("{} {}", talk.dialect.name(), talk.model().unwrap_or("-"));
    for turn in &talk.turns {
        let role = match turn.role {
            TrustRole::System => "S",
            TrustRole::User => "U",
            TrustRole::Assistant => "A",
            TrustRole::ToolDefinition => "D",
            TrustRole::ToolResult => "R",
        };
        let _ =
            write!(out, "\n{}{role}: {}", if turn.answered { ">" } else { "" }, turn.text.shown);
        if let Some(tool) = &turn.tool {
            let _ = write!(out, " <{tool}");
        }
        for call in &turn.calls {
            let _ = write!(out, " [{}", call.name);
            for leaf in &call.arguments {
                let value = match &leaf.value {
                    Value::Text(text) => text.to_string(),
                    other => serde_json::to_string(other).unwrap_or_default(),
                };
                let _ = write!(out, " {}={value}", leaf.path.as_str());
            }
            out.push(']');
        }
        if turn.refused {
            out.push_str(" refused");
        }
    }
    for tool in &talk.tools {
        let _ = write!(out, "\nT: {}", tool.name);
        for param in &tool.params {
            let _ = write!(out, " {}{}", param.name, if param.required { "!" } else { "" });
        }
    }
    if let Some(usage) = talk.usage {
        let _ = write!(out, "\n{}+{}", usage.input, usage.output);
        let more = (usage.cached, usage.cache_written, usage.reasoning);
        if more != (0, 0, 0) {
            let _ = write!(out, " {more:?}");
        }
        out.push_str(if usage.estimated { " about" } else { "" });
    }
    out + if talk.broken_off { "\nbroken off" } else { "" }
}

#[track_caller]
pub(super) fn check(asked: &Asked<'_>, media: &str, answer: &str, expected: &str) {
    let talk = talk(asked, media, answer.as_bytes());
    assert_eq!(talk.as_ref().map(show).as_deref(), Some(expected));
}

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

const CHAT: &str = r#"{"model":"gpt-x","stream":true,"messages":[
 {"role":"system","content":"Be brief"},{"role":"user","content":[{"type":"text","text":"Weather?"},{"type":"image_url","image_url":{"url":"data:x"}}]},
 {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]},
 {"role":"tool","tool_call_id":"c1","content":"rain"}],
 "tools":[{"type":"function","function":{"name":"weather","description":"Looks","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}"#;

const CHAT_SAYS: &str =
    "openai.chat gpt-x-1\nS: Be brief\nU: Weather?\nA:  [weather city=Bern]\nR: rain <weather\n";

#[test]
fn chat_completions_whole_and_streamed() {
    let whole = r#"{"id":"r1","object":"chat.completion","model":"gpt-x-1","choices":[{"index":0,"message":{"role":"assistant","content":"It rains"},"finish_reason":"stop"}],
      "usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":1}}}"#;
    let says = format!("{CHAT_SAYS}>A: It rains\nT: weather city!\n12+3 (8, 0, 1)");
    check(&post("/v1/chat/completions", CHAT), JSON, whole, &says);
    let chunks = concat!(
        "data: {\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-x-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
        "data: {\"model\":\"gpt-x-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It \"}}]}\n\n",
        "data: {\"model\":\"gpt-x-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"rains\"}}]}\n\n",
        "data: {\"model\":\"gpt-x-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"model\":\"gpt-x-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
    );
    let says = format!("{CHAT_SAYS}>A: It rains\nT: weather city!\n12+3");
    check(&post("/openai/deployments/d/chat/completions", CHAT), SSE, chunks, &says);
    let cut = &chunks[..chunks.find("rains").unwrap()];
    let told = talk(&post("/x", CHAT), SSE, cut.as_bytes()).unwrap();
    assert!(told.broken_off && told.usage.unwrap().estimated, "{}", show(&told));
}

#[test]
fn arguments_of_calls_come_in_pieces_side_by_side() {
    let chunk = |delta: &str| {
        format!("data: {{\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")
    };
    let chunks = [
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"send","arguments":""}},{"index":1,"id":"b","function":{"name":"read","arguments":"{"}}]}"#,
        ),
        chunk(r#"{"tool_calls":[{"index":1,"function":{"arguments":"\"n\":2}"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"to\":"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"ann@x.org\"}"}}]}"#),
        "data: [DONE]\n\n".to_owned(),
    ];
    let body = r#"{"model":"m","messages":[{"role":"user","content":"Go"}]}"#;
    let told = talk(&post("/v1/chat/completions", body), SSE, chunks.concat().as_bytes()).unwrap();
    let calls: Vec<_> = told.calls().collect();
    assert_eq!((calls[0].name.as_str(), calls[1].name.as_str()), ("send", "read"));
    assert!(matches!(calls[0].arguments[0].value, Value::Masked { .. }));
    assert_eq!(calls[1].arguments[0].value, Value::Integer(2));
    assert!(!told.broken_off);
}

const ANTHROPIC: &str = r#"{"model":"claude-x","max_tokens":99,"system":[{"type":"text","text":"Be brief"}],"metadata":{"user_id":"u-7"},"messages":[
 {"role":"user","content":"Weather?"},
 {"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"t1","name":"weather","input":{"city":"Bern"}}]},
 {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"rain"}]},{"type":"text","text":"And?"}]}],
 "tools":[{"name":"weather","description":"Looks","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#;

#[test]
fn anthropic_messages_whole_and_streamed() {
    let says = "anthropic.messages claude-x-1\nS: Be brief\nU: Weather?\nA:  [weather city=Bern]\nR: rain <weather\nU: And?\n>A: It rains [mail to=bob]\nT: weather city\n12+7 (3, 4, 0)";
    let whole = r#"{"id":"m1","type":"message","role":"assistant","model":"claude-x-1","content":[{"type":"text","text":"It rains"},{"type":"tool_use","id":"t2","name":"mail","input":{"to":"bob"}}],
      "stop_reason":"tool_use","usage":{"input_tokens":12,"cache_read_input_tokens":3,"cache_creation_input_tokens":4,"output_tokens":7}}"#;
    check(&post("/v1/messages", ANTHROPIC), JSON, whole, says);
    let events = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"type\":\"message\",\"model\":\"claude-x-1\",\"content\":[],\"usage\":{\"input_tokens\":12,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":4,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"It \"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"rains\"}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"mail\",\"input\":{}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"to\\\": \\\"b\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"ob\\\"}\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":7}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    check(&post("/v1/messages", ANTHROPIC), SSE, events, says);
    let cut = &events[..events.find("event: message_delta").unwrap()];
    let told = talk(&post("/v1/messages", ANTHROPIC), SSE, cut.as_bytes()).unwrap();
    assert!(told.broken_off && told.usage.unwrap().estimated);
    assert_eq!(told.user.as_deref(), Some("u-7"));
}

#[test]
fn responses_whole_and_streamed() {
    let ask = r#"{"model":"gpt-x","instructions":"Be brief","previous_response_id":"resp_0","input":[{"role":"user","content":"Weather?"},
      {"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Bern\"}"},{"type":"function_call_output","call_id":"c1","output":"rain"}]}"#;
    let response = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-x-1","output":[{"type":"reasoning","summary":[]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"It rains"}]}],
      "usage":{"input_tokens":12,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":15}}"#;
    let says = "openai.responses gpt-x-1\nS: Be brief\nU: Weather?\nA:  [weather city=Bern]\nR: rain <weather\n>A: It rains\n12+3 (2, 0, 1)";
    check(&post("/v1/responses", ask), JSON, response, says);
    let response = response.replace('\n', "");
    let events = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"gpt-x-1\"}}}}\n\nevent: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"output_index\":1,\"delta\":\"It rains\"}}\n\nevent: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{response}}}\n\n"
    );
    check(&post("/v1/responses", ask), SSE, &events, says);
    let cut = &events[..events.find("event: response.completed").unwrap()];
    let told = talk(&post("/v1/responses", ask), SSE, cut.as_bytes()).unwrap();
    assert!(told.broken_off && show(&told).contains(">A: It rains"));
    assert_eq!(told.previous.as_deref(), Some("resp_0"));
}

#[test]
fn embeddings_and_completions() {
    let ask = r#"{"model":"e","input":["one","two"]}"#;
    let answer = r#"{"object":"list","data":[{"object":"embedding","embedding":[0.1],"index":0}],"model":"e-1","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    check(&post("/v1/embeddings", ask), JSON, answer, "openai.embeddings e-1\nU: one\ntwo\n2+0");
    let ask = r#"{"model":"m","prompt":"Once"}"#;
    let answer = r#"{"id":"x","model":"m","choices":[{"text":" upon","index":0,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    check(
        &post("/v1/completions", ask),
        JSON,
        answer,
        "openai.completion m\nU: Once\n>A:  upon\n1+1",
    );
}

#[test]
fn gemini_whole_and_streamed() {
    let ask = r#"{"systemInstruction":{"parts":[{"text":"Be brief"}]},"contents":[{"role":"user","parts":[{"text":"Weather?"}]},{"role":"model","parts":[{"functionCall":{"name":"weather","args":{"city":"Bern"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"weather","response":{"sky":"rain"}}}]}],"tools":[{"functionDeclarations":[{"name":"weather","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}}}}]}]}"#;
    let says = "gemini gemini-x-1\nS: Be brief\nU: Weather?\nA:  [weather city=Bern]\nR: rain <weather\n>A: It rains\nT: weather city\n12+4 (0, 0, 1)";
    let part = |text: &str, more: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{text}"}}]}}{more}}}],"modelVersion":"gemini-x-1","usageMetadata":{{"promptTokenCount":12,"candidatesTokenCount":3,"thoughtsTokenCount":1,"totalTokenCount":16}}}}"#
        )
    };
    let stop = r#","finishReason":"STOP""#;
    check(
        &post("/v1beta/models/gemini-x:generateContent", ask),
        JSON,
        &part("It rains", stop),
        says,
    );
    let stream = format!("data: {}\r\n\r\ndata: {}\r\n\r\n", part("It ", ""), part("rains", stop));
    check(&post("/v1beta/models/gemini-x:streamGenerateContent?alt=sse", ask), SSE, &stream, says);
    let list = format!("[{},\n{}]", part("It ", ""), part("rains", stop));
    check(&post("/v1beta/models/gemini-x:streamGenerateContent", ask), JSON, &list, says);
}

#[test]
fn ollama_in_lines_and_the_small_servers() {
    let ask = r#"{"model":"llama","messages":[{"role":"user","content":"Hi"}]}"#;
    let lines = "{\"model\":\"llama\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"He\"},\"done\":false}\n{\"model\":\"llama\",\"message\":{\"content\":\"llo\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":5,\"eval_count\":2}\n";
    let says = "ollama llama\nU: Hi\n>A: Hello\n5+2";
    check(&post("/api/chat", ask), "application/x-ndjson", lines, says);
    check(&post("/api/chat", ask), JSON, lines, says);
    let tgi = "data:{\"index\":1,\"token\":{\"id\":1,\"text\":\"He\"},\"generated_text\":null}\n\ndata:{\"token\":{\"text\":\"llo\"},\"generated_text\":\"Hello\",\"details\":{\"finish_reason\":\"eos_token\",\"generated_tokens\":2}}\n\n";
    check(
        &post("/generate_stream", r#"{"inputs":"Hi"}"#),
        SSE,
        tgi,
        "text_generation -\nU: Hi\n>A: Hello\n1+2 about",
    );
    let llama =
        r#"{"content":"Hello","stop":true,"model":"q","tokens_evaluated":1,"tokens_predicted":2}"#;
    check(
        &post("/completion", r#"{"prompt":"Hi"}"#),
        JSON,
        llama,
        "text_generation q\nU: Hi\n>A: Hello\n1+2",
    );
}

/// A message of AWS's stream of events, its checksums reckoned bit by bit.
fn amazon(event: &str, payload: &str) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
            })
        })
    };
    let mut headers = vec![11];
    headers.extend_from_slice(b":event-type\x07\0");
    headers.push(u8::try_from(event.len()).unwrap());
    headers.extend_from_slice(event.as_bytes());
    let mut out = u32::try_from(16 + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out
}

#[test]
fn bedrock_whole_streamed_and_invoked() {
    const AWS: &str = "application/vnd.amazon.eventstream";
    let ask = r#"{"system":[{"text":"Be brief"}],"messages":[{"role":"user","content":[{"text":"Weather?"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"weather","inputSchema":{"json":{"properties":{"city":{"type":"string"}}}}}}]}}"#;
    let says = "bedrock.converse vendor.model:0\nS: Be brief\nU: Weather?\n>A: Well [weather city=Bern]\nT: weather city\n12+3";
    let whole = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Well"},{"toolUse":{"toolUseId":"t","name":"weather","input":{"city":"Bern"}}}]}},"stopReason":"tool_use","usage":{"inputTokens":12,"outputTokens":3,"totalTokens":15}}"#;
    check(&post("/model/vendor.model%3A0/converse", ask), JSON, whole, says);
    let stream = [
        amazon("messageStart", r#"{"role":"assistant"}"#),
        amazon("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Well"}}"#),
        amazon(
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"weather"}}}"#,
        ),
        amazon(
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"city\":"}}}"#,
        ),
        amazon(
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"\"Bern\"}"}}}"#,
        ),
        amazon("messageStop", r#"{"stopReason":"tool_use"}"#),
        amazon("metadata", r#"{"usage":{"inputTokens":12,"outputTokens":3}}"#),
    ];
    let told = talk(&post("/model/vendor.model%3A0/converse-stream", ask), AWS, &stream.concat());
    assert_eq!(told.as_ref().map(show).as_deref(), Some(says));
    let ask = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    use base64::Engine;
    let chunk = |json: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.encode(json);
        amazon("chunk", &format!(r#"{{"bytes":"{bytes}"}}"#))
    };
    let stream = [
        chunk(
            r#"{"type":"message_start","message":{"id":"m","type":"message","model":"claude","usage":{"input_tokens":2,"output_tokens":1}}}"#,
        ),
        chunk(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        ),
        chunk(
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
        ),
        chunk(
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#,
        ),
    ];
    let told = talk(
        &post("/model/anthropic.claude/invoke-with-response-stream", ask),
        AWS,
        &stream.concat(),
    )
    .unwrap();
    assert_eq!(show(&told), "anthropic.messages claude\nU: Hi\n>A: Hello\n2+3");
    assert_eq!(told.provider.as_deref(), Some("aws.bedrock"));
}

#[test]
fn what_is_no_talk_is_none() {
    for (path, ask, answer) in [
        ("/orders", r#"{"items":[1],"messages":"none"}"#, "{}"),
        ("/chat", r#"{"messages":[{"from":"ann","content":"hi"}]}"#, r#"{"ok":true}"#),
        ("/tts", r#"{"model":"voice","input":"say this"}"#, r#"{"url":"x"}"#),
        (
            "/rpc",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":"0x"}"#,
        ),
        ("/search", r#"{"prompt":"shoes","model":"x"}"#, r#"{"results":[]}"#),
        ("/cms", r#"{"content":"text","inputs":["a"]}"#, r#"{"content":"text"}"#),
    ] {
        assert!(talk(&post(path, ask), JSON, answer.as_bytes()).is_none(), "{path}");
    }
}

#[test]
fn secrets_in_texts_are_hidden_and_told_and_a_resent_turn_is_the_same() {
    let key = "sk_live_9f8e7d6c5b4a39281706f5e4";
    let filler = "words and more words ".repeat(600);
    let ask = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{filler} the key is {key} thanks"}}]}}"#
    );
    let answer =
        r#"{"choices":[{"message":{"role":"assistant","content":"Done"},"finish_reason":"stop"}]}"#;
    let one = talk(&post("/v1/chat/completions", &ask), JSON, answer.as_bytes()).unwrap();
    let turn = &one.turns[0];
    assert!(!turn.text.shown.contains(key) && turn.text.shown.ends_with("thanks"));
    assert_eq!(turn.text.hidden.len(), 1);
    let again = ask.replace(
        "]}",
        r#",{"role":"assistant","content":"Done"},{"role":"user","content":"More"}]}"#,
    );
    let two = talk(&post("/v1/chat/completions", &again), JSON, answer.as_bytes()).unwrap();
    assert_eq!((two.turns[0].digest, two.turns[1].digest), (turn.digest, one.turns[1].digest));
    assert_ne!(two.turns[2].digest, turn.digest);
}
