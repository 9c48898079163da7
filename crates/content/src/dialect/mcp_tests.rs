//! Tool servers of all revisions, and agents that ask each other.

use super::tests::{Asked, check, post, show, talk};
use stilt_model::talk::Operation;

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

fn rpc(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)
}

#[test]
fn a_handshake_and_a_list_by_json_or_events() {
    let ask = rpc(
        "initialize",
        r#"{"protocolVersion":"2025-06-18","clientInfo":{"name":"desk","version":"1"}}"#,
    );
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"files","version":"2"}}}"#;
    let told = talk(&post("/mcp", &ask), JSON, answer.as_bytes()).unwrap();
    let mcp = told.mcp.unwrap();
    assert_eq!(
        (mcp.client.unwrap().name, mcp.server.unwrap().version),
        ("desk".into(), "2".into())
    );
    assert_eq!(mcp.protocol.as_deref(), Some("2025-06-18"));
    let list = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"read","description":"Reads a file","inputSchema":{"type":"object","properties":{"path":{"type":"string","description":"where"}},"required":["path"]},"annotations":{"readOnlyHint":true}}],"nextCursor":"x"}}"#;
    let says = "mcp -\nT: read path!";
    check(&post("/mcp", &rpc("tools/list", "{}")), JSON, list, says);
    let events = format!("event: message\ndata: {list}\n\n");
    let told = talk(&post("/mcp", &rpc("tools/list", "{}")), SSE, events.as_bytes()).unwrap();
    assert_eq!(show(&told), says);
    assert_eq!(told.tools[0].hints.read_only, Some(true));
    assert_eq!(told.tools[0].schema_text.shown, "where\n");
    assert!(told.mcp.unwrap().partial);
}

#[test]
fn a_call_and_what_came_of_it() {
    let ask = rpc("tools/call", r#"{"name":"read","arguments":{"path":"/etc/motd"}}"#);
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"hello"}],"structuredContent":{"basketHandle":"h-8f1c22"},"isError":false}}"#;
    let asked = Asked {
        headers: &[("Mcp-Session-Id", "8f14e45fceea167a5a36dedd4bea2543")],
        ..post("/mcp", &ask)
    };
    check(&asked, JSON, answer, "mcp -\nA:  [read path=/etc/motd]\n>R: hello <read");
    let told = talk(&asked, JSON, answer.as_bytes()).unwrap();
    let calls: Vec<_> = told.calls().map(|call| call.name.as_str()).collect();
    assert_eq!((told.operation, calls), (Operation::ExecuteTool, vec!["read"]));
    let mcp = told.mcp.unwrap();
    assert_eq!((mcp.target.as_deref(), mcp.handles_issued.len()), (Some("read"), 1));
    assert!(mcp.session.is_some());
    let again = rpc("tools/call", r#"{"name":"add","arguments":{"basketHandle":"h-8f1c22"}}"#);
    let used = talk(&post("/mcp", &again), JSON, b"{}").unwrap().mcp.unwrap();
    assert_eq!(used.handles_used, mcp.handles_issued);
}

#[test]
fn without_sessions_headers_must_say_what_the_body_says() {
    let ask = rpc(
        "tools/call",
        r#"{"name":"read","arguments":{"region":"eu"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"desk","version":"3"}}}"#,
    );
    let headers = |name: &'static str, region: &'static str| {
        [
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", name),
            ("Mcp-Param-Region", region),
        ]
    };
    let mismatch = |name, region| {
        let headers = headers(name, region);
        let asked = Asked { headers: &headers, ..post("/mcp", &ask) };
        let mcp = talk(&asked, JSON, b"{}").unwrap().mcp.unwrap();
        assert_eq!(mcp.client.unwrap().version, "3");
        mcp.mismatch.len()
    };
    assert_eq!(
        (mismatch("read", "eu"), mismatch("delete", "eu"), mismatch("read", "us")),
        (0, 1, 1)
    );
    assert_eq!(mismatch("=?base64?cmVhZA==?=", "eu"), 0);
    let twice =
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","name":"b"}}"#;
    assert!(talk(&post("/mcp", twice), JSON, b"{}").unwrap().mcp.unwrap().duplicate_keys);
}

#[test]
fn a_legacy_server_answers_on_a_stream_of_its_own() {
    let asked = Asked { method: "GET", path: "/sse", headers: &[], body: "" };
    let events = "event: endpoint\ndata: /messages/?session_id=3f2504e04f8941d39a0c0305e82c3301\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}}\n\n";
    let stream = talk(&asked, SSE, events.as_bytes()).unwrap();
    assert_eq!(show(&stream), "mcp -\n>R: hello");
    let body = rpc("tools/call", r#"{"name":"read","arguments":{}}"#);
    let ask = post("/messages/?session_id=3f2504e04f8941d39a0c0305e82c3301", &body);
    let post = talk(&ask, "text/plain", b"Accepted").unwrap();
    let (issued, used) = (stream.mcp.unwrap(), post.mcp.unwrap());
    assert_eq!(issued.session_issued, used.session);
    assert_eq!(issued.session_bits, Some(128));
}

#[test]
fn what_a_server_asks_and_what_it_is_answered() {
    let events = "data: {\"jsonrpc\":\"2.0\",\"id\":\"e1\",\"method\":\"elicitation/create\",\"params\":{\"message\":\"Delete all?\"}}\n\n";
    let ask = rpc("tools/call", r#"{"name":"wipe","arguments":{}}"#);
    let told = talk(&post("/mcp", &ask), SSE, events.as_bytes()).unwrap();
    assert_eq!(told.mcp.unwrap().asks[0].method, "elicitation/create");
    let reply = r#"{"jsonrpc":"2.0","id":"e1","result":{"action":"accept"}}"#;
    let asked = Asked { headers: &[("Mcp-Session-Id", "abcdefgh")], ..post("/mcp", reply) };
    let told = talk(&asked, "text/plain", b"").unwrap().mcp.unwrap();
    assert_eq!(told.reply, Some(("e1".into(), "accept".into())));
}

#[test]
fn without_sessions_questions_and_answers_come_with_the_call() {
    let ask = rpc("tools/call", r#"{"name":"wipe","arguments":{}}"#);
    let first = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"sure":{"method":"elicitation/create","params":{"message":"Delete all?"}}},"requestState":"s"}}"#;
    let told = talk(&post("/mcp", &ask), JSON, first.as_bytes()).unwrap().mcp.unwrap();
    assert!(told.awaits_input);
    assert_eq!(
        (&*told.asks[0].method, told.asks[0].id.as_deref()),
        ("elicitation/create", Some("sure"))
    );
    let again = rpc(
        "tools/call",
        r#"{"name":"wipe","arguments":{},"inputResponses":{"sure":{"action":"decline"},"roots":{"roots":[]}},"requestState":"s"}"#,
    );
    let done = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[]}}"#;
    let told = talk(&post("/mcp", &again), JSON, done.as_bytes()).unwrap().mcp.unwrap();
    assert!(!told.awaits_input);
    let replies = [("sure".into(), "decline".into()), ("roots".into(), "result".into())];
    assert_eq!(told.replies, replies);
}

#[test]
fn agents_ask_each_other() {
    let ask = rpc(
        "message/send",
        r#"{"message":{"role":"user","parts":[{"kind":"text","text":"Book it"}],"messageId":"m1","contextId":"x1"}}"#,
    );
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"kind":"task","id":"t1","contextId":"x1","status":{"state":"completed"},"artifacts":[{"parts":[{"kind":"text","text":"Booked"}]}]}}"#;
    check(&post("/a2a", &ask), JSON, answer, "a2a -\nU: Book it\n>A: Booked");
    let card =
        Asked { method: "GET", path: "/.well-known/agent-card.json", headers: &[], body: "" };
    let told =
        talk(&card, JSON, br#"{"name":"travel","version":"1","skills":[{"id":"book"}]}"#).unwrap();
    assert_eq!(told.mcp.unwrap().server.unwrap().name, "travel");
}

#[test]
fn a_key_in_any_word_is_hidden() {
    const KEY: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let ask = format!(
        r#"{{"jsonrpc":"2.0","id":"{KEY}","method":"initialize","params":{{"protocolVersion":"{KEY}","clientInfo":{{"name":"{KEY}","version":"{KEY}"}}}}}}"#
    );
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":"{KEY}","result":{{"protocolVersion":"{KEY}","serverInfo":{{"name":"{KEY}","version":"1"}}}}}}"#
    );
    let told = talk(&post("/mcp", &ask), JSON, answer.as_bytes()).unwrap();
    assert!(!format!("{told:?}").contains(KEY), "{told:?}");
    let list = format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{{"name":"read","description":"Reads","inputSchema":{{"type":"object","properties":{{"{KEY}":{{"type":"string","enum":["{KEY}"]}}}}}}}}]}}}}"#
    );
    let told = talk(&post("/mcp", &rpc("tools/list", "{}")), JSON, list.as_bytes()).unwrap();
    assert!(!format!("{told:?}").contains(KEY), "{told:?}");
}
