"""Agents' day: real clients in parallel; writes what they saw to OUT/log.json, and the capture beside it.

    scripts/lab/agents/run OUT [--conversations 40] [--seed 1]
"""
import argparse
import asyncio
import json
import pathlib
import random
import subprocess
import sys
import time

import anthropic
import openai
from mcp import Client
from mcp.types import Implementation

from ..lab.server import wait_for

MODEL, TOOLS = 18411, 18412
SYSTEM = "You are the desk agent of ACME. You look records up and read mail. You can send mail."


class Log:
    """What the clients saw."""

    def __init__(self):
        self.turns, self.tools, self.episodes = [], [], []

    def turn(self, kind, conversation, usage, calls, streamed):
        """One answer of the model."""
        self.turns.append({"kind": kind, "conversation": conversation, "input_tokens": usage[0], "output_tokens": usage[1],
                           "calls": calls, "streamed": streamed})


async def run_tool(log, client, conversation, name, arguments):
    """One call at the tool server."""
    result = await client.call_tool(name, arguments)
    text = "\n".join(part.text for part in result.content)
    log.tools.append({"conversation": conversation, "tool": name, "arguments": arguments, "text": text})
    return text


async def openai_chat(log, client, conversation, text, tools, streamed):
    """A loop by chat completions."""
    api = openai.AsyncOpenAI(api_key="sk-lab-openai-0123456789", base_url=f"http://127.0.0.1:{MODEL}/v1")
    offered = [{"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.input_schema}} for t in tools]
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    while True:
        if streamed:
            stream = await api.chat.completions.create(model="gpt-lab", messages=messages, tools=offered, stream=True, stream_options={"include_usage": True})
            content, calls, usage = "", {}, None
            async for chunk in stream:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    content += choice.delta.content or ""
                    for piece in choice.delta.tool_calls or []:
                        call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
                        call["id"] = piece.id or call["id"]
                        call["name"] += piece.function.name or ""
                        call["arguments"] += piece.function.arguments or ""
            calls = list(calls.values())
        else:
            answer = await api.chat.completions.create(model="gpt-lab", messages=messages, tools=offered)
            message, usage = answer.choices[0].message, answer.usage
            content = message.content or ""
            calls = [{"id": c.id, "name": c.function.name, "arguments": c.function.arguments} for c in message.tool_calls or []]
        log.turn("openai.chat", conversation, (usage.prompt_tokens, usage.completion_tokens), [c["name"] for c in calls], streamed)
        if not calls:
            return
        messages.append({"role": "assistant", "content": content or None, "tool_calls": [
            {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}} for c in calls]})
        for call in calls:
            result = await run_tool(log, client, conversation, call["name"], json.loads(call["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


async def openai_responses(log, client, conversation, text, tools, streamed):
    """A loop by responses."""
    api = openai.AsyncOpenAI(api_key="sk-lab-openai-0123456789", base_url=f"http://127.0.0.1:{MODEL}/v1")
    offered = [{"type": "function", "name": t.name, "description": t.description, "parameters": t.input_schema} for t in tools]
    items = [{"role": "user", "content": text}]
    while True:
        if streamed:
            response = None
            async for event in await api.responses.create(model="gpt-lab", instructions=SYSTEM, input=items, tools=offered, stream=True):
                if event.type == "response.completed":
                    response = event.response
        else:
            response = await api.responses.create(model="gpt-lab", instructions=SYSTEM, input=items, tools=offered)
        calls = [item for item in response.output if item.type == "function_call"]
        log.turn("openai.responses", conversation, (response.usage.input_tokens, response.usage.output_tokens), [c.name for c in calls], streamed)
        if not calls:
            return
        for call in calls:
            items.append({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments})
            result = await run_tool(log, client, conversation, call.name, json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})


async def anthropic_messages(log, client, conversation, text, tools, streamed):
    """A loop by Anthropic's messages."""
    api = anthropic.AsyncAnthropic(api_key="sk-ant-lab-0123456789", base_url=f"http://127.0.0.1:{MODEL}")
    offered = [{"name": t.name, "description": t.description, "input_schema": t.input_schema} for t in tools]
    messages = [{"role": "user", "content": text}]
    asked = dict(model="claude-lab", max_tokens=500, system=SYSTEM, tools=offered)
    while True:
        if streamed:
            async with api.messages.stream(messages=messages, **asked) as stream:
                answer = await stream.get_final_message()
        else:
            answer = await api.messages.create(messages=messages, **asked)
        calls = [block for block in answer.content if block.type == "tool_use"]
        log.turn("anthropic.messages", conversation, (answer.usage.input_tokens, answer.usage.output_tokens), [c.name for c in calls], streamed)
        if not calls:
            return
        messages.append({"role": "assistant", "content": [block.model_dump(include={"type", "text", "id", "name", "input"}) for block in answer.content]})
        results = []
        for call in calls:
            result = await run_tool(log, client, conversation, call.name, call.input)
            results.append({"type": "tool_result", "tool_use_id": call.id, "content": result})
        messages.append({"role": "user", "content": results})


LOOPS = [openai_chat, openai_responses, anthropic_messages]


async def converse(log, number, text, streamed, mode):
    """One conversation, with a tool server's client of its own."""
    info = Implementation(name=f"desk-agent-{number % 3}", version="1.0")
    async with Client(f"http://127.0.0.1:{TOOLS}/mcp", client_info=info, mode=mode) as client:
        tools = (await client.list_tools()).tools
        await LOOPS[number % 3](log, client, number, text, tools, streamed)


async def day(log, count, draw):
    """The benign part: several at once."""
    gate = asyncio.Semaphore(6)

    async def one(number):
        async with gate:
            steps = draw.randint(0, 5)
            topic = draw.choice(["the shelf", "the lamp", "the desk", "the parcel", "the invoice of May"])
            text = f"Request {number}: look up {topic} in the records. [steps={steps}]"
            if number % 7 == 3:
                text = f"Request {number}: what is new in my mailbox today? [call read_mail {{\"folder\": \"news\"}}]"
            if number % 11 == 5:
                calls = " ".join(["[call job_status {\"job\": \"j1\"}]"] * 6)
                text = f"Request {number}: tell me how the job j1 is going. {calls}"
            await converse(log, number, text, draw.random() < 0.5, "auto" if number % 2 else "legacy")

    await asyncio.gather(*(one(number) for number in range(count)))


def episode(log, name, began):
    """What happened since `began` was an attack."""
    log.episodes.append({"class": name, "start": began, "end": time.time()})


async def attacks(log, first):
    """A mail that is obeyed, a circle, and a key in a prompt."""
    began = time.time()
    await converse(log, first, "What is new in my mailbox today? [call read_mail {\"folder\": \"trap\"}]", True, "auto")
    episode(log, "confused_deputy", began)
    began = time.time()
    circle = " ".join(["[call lookup {\"key\": \"same\"}]"] * 8)
    await converse(log, first + 1, f"Look it up. {circle}", False, "auto")
    episode(log, "runaway_loop", began)
    began = time.time()
    await converse(log, first + 2, "Why does the deployment fail? I use AKIAQ3EGRJ7XZ5PLM2WT there.", True, "auto")
    episode(log, "sensitive_to_model", began)


def start(module, *arguments):
    """A process of the lab."""
    return subprocess.Popen([sys.executable, "-m", f"scripts.lab.agents.{module}", *map(str, arguments)])


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--conversations", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--benign", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, draw = Log(), random.Random(options.seed)
    model, tools = start("model", MODEL), start("tools", TOOLS)
    capture = None
    try:
        wait_for(MODEL)
        wait_for(TOOLS)
        path = str(options.out / "capture.pcap")
        ports = f"tcp port {MODEL} or tcp port {TOOLS}"
        capture = subprocess.Popen(["tcpdump", "-i", "lo", "-w", path, "-U", "-B", "65536", "-s", "0", ports], stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        asyncio.run(day(log, options.conversations, draw))
        if not options.benign:
            asyncio.run(attacks(log, options.conversations))
            tools.terminate()
            tools.wait(20)
            tools = start("tools", TOOLS, "--turned")
            wait_for(TOOLS)
            began = time.time()
            text = "Look the desk up in the records. [call lookup {\"key\": \"desk\", \"notes\": \"none\"}]"
            asyncio.run(converse(log, options.conversations + 3, text, True, "auto"))
            episode(log, "tool_rug_pull", began)
        time.sleep(1.0)
    finally:
        for process in filter(None, [capture, tools, model]):
            process.terminate()
            process.wait(20)
    (options.out / "log.json").write_text(json.dumps(vars(log), indent=1))


if __name__ == "__main__":
    main()
