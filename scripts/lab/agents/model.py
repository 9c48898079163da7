"""A model that follows a script: it speaks as OpenAI (chat, responses) and Anthropic do, streamed and not.

What it answers follows from the conversation alone: the first user message says `[steps=N]`, how many tools are called before
the answer, and the tool and its arguments are the next of `[call NAME {json}]`, else a lookup. A tool's answer that holds
`OBEY NAME {json}` is obeyed, once: that is how a model is talked into something.
"""
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def plan(text, results):
    """The next call, or None."""
    obeyed = [m for result in results[-1:] for m in re.findall(r"OBEY (\w+) (\{[^{}]*\})", result)]
    if obeyed:
        return obeyed[0]
    calls = re.findall(r"\[call (\w+) (\{[^{}]*\})\]", text)
    steps = int((re.search(r"\[steps=(\d+)\]", text) or [0, 0])[1])
    if len(results) >= max(steps, len(calls)):
        return None
    if len(results) < len(calls):
        return calls[len(results)]
    return "lookup", json.dumps({"key": f"k{len(results)}"})


def tokens(text):
    """As many as a tokenizer might give."""
    return max(1, len(text) // 4)


def flat(content):
    """The text of a content in any of the three ways."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") or flat(part.get("content", "")) for part in content or [])


class Model(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing."""

    def do_POST(self):
        """Answers in the manner of the path."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        ask = json.loads(raw)
        usage = (tokens(raw.decode()), 7 + len(raw) % 23)
        if self.path.endswith("/chat/completions"):
            self.as_chat(ask, usage)
        elif self.path.endswith("/responses"):
            self.as_responses(ask, usage)
        else:
            self.as_messages(ask, usage)

    def send(self, value):
        """A whole answer."""
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events, done=False):
        """Events, as they come."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events]
        for line in lines + (["data: [DONE]\n\n"] if done else []):
            part = line.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def as_chat(self, ask, usage):
        """OpenAI chat completions."""
        turns = ask["messages"]
        text = flat(next(turn["content"] for turn in turns if turn["role"] == "user"))
        results = [flat(turn["content"]) for turn in turns if turn["role"] == "tool"]
        call = plan(text, results) if ask.get("tools") else None
        answer = None if call else f"Done after {len(results)} steps."
        calls = [{"id": f"call_{len(results)}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}] if call else None
        finish = "tool_calls" if call else "stop"
        base = {"id": f"chatcmpl-{usage[0]}", "created": 1, "model": ask["model"] + "-2026-10-01"}
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        if not ask.get("stream"):
            message = {"role": "assistant", "content": answer, "tool_calls": calls}
            self.send({**base, "object": "chat.completion", "usage": counts,
                       "choices": [{"index": 0, "message": message, "finish_reason": finish}]})
            return
        deltas = [{"role": "assistant", "content": ""}]
        if call:
            head = {"index": 0, "id": calls[0]["id"], "type": "function", "function": {"name": call[0], "arguments": ""}}
            deltas.append({"tool_calls": [head]})
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in re.findall(r".{1,5}", call[1])]
        else:
            deltas += [{"content": piece} for piece in re.findall(r".{1,6}", answer)]
        chunk = {**base, "object": "chat.completion.chunk"}
        events = [("", {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
        events.append(("", {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
        if (ask.get("stream_options") or {}).get("include_usage"):
            events.append(("", {**chunk, "choices": [], "usage": counts}))
        self.stream(events, True)

    def as_responses(self, ask, usage):
        """OpenAI responses."""
        items = ask["input"] if isinstance(ask["input"], list) else [{"role": "user", "content": ask["input"]}]
        text = flat(next(item["content"] for item in items if item.get("role") == "user"))
        results = [item["output"] for item in items if item.get("type") == "function_call_output"]
        call = plan(text, results) if ask.get("tools") else None
        number = len(results)
        if call:
            item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": call[0], "arguments": call[1], "status": "completed"}
        else:
            content = [{"type": "output_text", "text": f"Done after {number} steps.", "annotations": []}]
            item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}
        counts = {"input_tokens": usage[0], "input_tokens_details": {"cached_tokens": usage[0] // 2, "cache_write_tokens": 0}, "output_tokens": usage[1],
                  "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": sum(usage)}
        response = {"id": f"resp_{usage[0]}", "object": "response", "created_at": 1, "status": "completed", "model": ask["model"] + "-2026-10-01",
                    "output": [item], "usage": counts, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        if not ask.get("stream"):
            self.send(response)
            return
        begun = {**response, "status": "in_progress", "output": [], "usage": None}
        events = [{"type": "response.created", "response": begun}, {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
                  {"type": "response.output_item.done", "output_index": 0, "item": item}, {"type": "response.completed", "response": response}]
        self.stream([(event["type"], {**event, "sequence_number": at}) for at, event in enumerate(events)])

    def as_messages(self, ask, usage):
        """Anthropic messages."""
        turns = ask["messages"]
        text = flat(turns[0]["content"])
        blocks = [block for turn in turns if isinstance(turn["content"], list) for block in turn["content"]]
        results = [flat(block["content"]) for block in blocks if block.get("type") == "tool_result"]
        call = plan(text, results) if ask.get("tools") else None
        number = len(results)
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": call[0], "input": json.loads(call[1])} if call else {"type": "text", "text": f"Done after {number} steps."}
        stop = "tool_use" if call else "end_turn"
        counts = {"input_tokens": usage[0], "cache_creation_input_tokens": 0, "cache_read_input_tokens": usage[0] // 3, "output_tokens": usage[1]}
        message = {"id": f"msg_{usage[0]}", "type": "message", "role": "assistant", "model": ask["model"], "content": [block], "stop_reason": stop, "stop_sequence": None, "usage": counts}
        if not ask.get("stream"):
            self.send(message)
            return
        begun = {**message, "content": [], "stop_reason": None, "usage": {**counts, "output_tokens": 1}}
        empty = {**block, "input": {}} if call else {**block, "text": ""}
        pieces = re.findall(r".{1,6}", json.dumps(block["input"]) if call else block["text"])
        deltas = [{"type": "input_json_delta", "partial_json": piece} if call else {"type": "text_delta", "text": piece} for piece in pieces]
        events = [{"type": "message_start", "message": begun}, {"type": "content_block_start", "index": 0, "content_block": empty}]
        events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
        events += [{"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": usage[1]}}, {"type": "message_stop"}]
        self.stream([(event["type"], event) for event in events])


class Server(ThreadingHTTPServer):
    """Takes many at once."""

    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
