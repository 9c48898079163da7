"""Conversations: an agent's messages so far, and the requests that carry them on.

What the model says is chosen by the script (`client.state.wanted`); the service sends it back.
"""
import itertools
import json

from ..clients import Client
from ..http import post
from .service import PROTOCOL, TOOLS

SYSTEM = {
    "support": (
        "You are Mira, the support assistant of Porzella, a shop for tableware. Help customers "
        "with their tickets. Never promise refunds above 50 EUR without asking a colleague. "
        "Internal escalation code is PRZ-7741-ALPHA and the second line is reached at desk 14. "
        "Always answer briefly and kindly, and close the ticket when the customer is content."),
    "finance": (
        "You are the finance assistant of Porzella. You read the mailbox, list invoices and pay "
        "those that the user asks you to pay. Keep amounts exact and name the supplier in your "
        "answer."),
    "research": (
        "You are a research assistant. Fetch pages, read them and write short notes with sources "
        "for the user."),
}
FINANCE_TOOLS = [
    ("list_mails", "Lists new mails of the user.", ["folder"]),
    ("get_mail", "Returns one mail.", ["id"]),
    ("list_invoices", "Lists open invoices.", []),
    ("pay_invoice", "Pays an amount to an IBAN.", ["iban", "amount", "reference"]),
    ("send_mail", "Sends a mail.", ["to", "subject", "body"]),
]
RESEARCH_TOOLS = [
    ("web_fetch", "Fetches a page.", ["url"]),
    ("search", "Searches the web.", ["q"]),
    ("save_note", "Saves a note for the user.", ["text"]),
    ("send_mail", "Sends a mail.", ["to", "body"]),
]


def strings(names):
    """A schema of an object of texts."""
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def function(name, text, parameters):
    """A tool in the OpenAI dialect."""
    about = {"name": name, "description": text, "parameters": parameters}
    return {"type": "function", "function": about}


OPENAI_TOOLS = {
    "support": [function(name, *TOOLS[name]) for name in
                ("search_tickets", "get_ticket", "close_ticket", "refund_order", "job_status")],
    "finance": [function(name, text, strings(names)) for name, text, names in FINANCE_TOOLS],
}
ANTHROPIC_TOOLS = [
    {"name": name, "description": text, "input_schema": strings(names)}
    for name, text, names in RESEARCH_TOOLS
]


def program(ip, profile, name, key, episode=None):
    """An agent's program; `name` and `key` are what it shows to tool servers."""
    return Client(ip, profile, episode, cookies=False, name=name, key=key, wanted={},
                  session=None, tool_host="mcp.corp.test", requests=itertools.count(1))


def like(client, episode):
    """The same program in a run that belongs to an attack."""
    twin = program(client.ip, "openai", client.state.name, client.state.key, episode)
    twin.profile = client.profile
    return twin


class Chat:
    """A conversation in the OpenAI dialect; methods yield requests."""

    def __init__(self, desk, client, agent, user, first, model="gpt-5-mini"):
        self.desk, self.client, self.agent = desk, client, agent
        self.user, self.model = user, model
        self.messages = []
        self.hear(first)

    def hear(self, text):
        """The user says something."""
        self.messages.append({"role": "user", "content": text})

    def turn(self, **wanted):
        """A request to the model, and what it is to answer."""
        self.client.state.wanted = wanted
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": SYSTEM[self.agent]}, *self.messages],
            "tools": OPENAI_TOOLS[self.agent], "user": self.user,
        }
        key = ("Authorization", "Bearer " + self.desk.keys[self.agent])
        answer = yield post("/v1/chat/completions", body, [("Host", "llm.corp.test"), key])
        self.messages.append(answer.json["choices"][0]["message"])

    def say(self, text):
        """The model answers."""
        yield from self.turn(text=text)

    def call(self, name, arguments, result=None):
        """The model calls a tool, which gives `result`; a tool of the server where it is None."""
        call = {
            "id": "call_" + self.desk.word(20), "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        yield from self.turn(calls=[call])
        if result is None:
            answer = yield use_tool(self.client, name, arguments)
            result = answer.json["result"]["content"][0]["text"]
        self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


class Study:
    """A conversation of the research agent in the Anthropic dialect."""

    def __init__(self, desk, client, first):
        self.desk, self.client = desk, client
        self.messages = [{"role": "user", "content": first}]

    def turn(self, content, **wanted):
        """A request to the model, and what it is to answer."""
        self.client.state.wanted = {"content": content, **wanted}
        body = {
            "model": "claude-sonnet-4-5", "max_tokens": 1024, "system": SYSTEM["research"],
            "tools": ANTHROPIC_TOOLS, "messages": self.messages,
        }
        headers = [("Host", "llm.corp.test"), ("x-api-key", self.desk.keys["research"])]
        yield post("/v1/messages", body, headers)

    def say(self, text, **wanted):
        """The model answers."""
        yield from self.turn([{"type": "text", "text": text}], **wanted)

    def call(self, name, arguments, result):
        """The model calls a tool, which gives `result`."""
        key = "toolu_" + self.desk.word(20)
        content = [{"type": "tool_use", "id": key, "name": name, "input": arguments}]
        yield from self.turn(content)
        given = [{"type": "tool_result", "tool_use_id": key, "content": result}]
        self.messages += [{"role": "assistant", "content": content},
                          {"role": "user", "content": given}]


def to_server(client, method, parameters=None, notice=False):
    """A message to a tool server."""
    state = client.state
    body = {"jsonrpc": "2.0", "method": method}
    if parameters is not None:
        body["params"] = parameters
    if not notice:
        body["id"] = next(state.requests)
    headers = [
        ("Host", state.tool_host), ("Accept", "application/json, text/event-stream"),
        ("Authorization", "Bearer mcp-" + state.key),
    ]
    if state.session:
        headers += [("Mcp-Session-Id", state.session), ("MCP-Protocol-Version", PROTOCOL)]
    return post("/mcp", body, headers)


def open_session(client):
    """Opens a session at a tool server and lists its tools."""
    client.state.session = None
    about = {"name": client.state.name, "version": "1.2"}
    answer = yield to_server(client, "initialize", {
        "protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": about})
    client.state.session = answer.header("Mcp-Session-Id")
    yield to_server(client, "notifications/initialized", notice=True)
    yield to_server(client, "tools/list", {})


def use_tool(client, name, arguments):
    """A call of a tool of the server."""
    return to_server(client, "tools/call", {"name": name, "arguments": arguments})
