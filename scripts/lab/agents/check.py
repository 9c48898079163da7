"""Holds what Stilt read from a capture against what the clients logged: python3 scripts/lab/agents/check.py OUT [path of stilt].

Every turn, tool call and token count must be there, and every conversation be one.
"""
import collections
import json
import pathlib
import subprocess
import sys


def main():
    """The command line."""
    out = pathlib.Path(sys.argv[1])
    stilt = sys.argv[2] if len(sys.argv) > 2 else "target/release/stilt"
    records = out / "transactions.jsonl"
    run = [stilt, "replay", str(out / "capture.pcap"), "--quiet", "--transactions", str(records), "--alerts", str(out / "alerts.jsonl")]
    subprocess.run(run, check=True)
    log = json.loads((out / "log.json").read_text())
    talks = [record for record in map(json.loads, records.read_text().splitlines()) if "gen_ai" in record]
    wrong = []

    def same(what, seen, logged):
        if seen != logged:
            wrong.append(f"{what}: {sum((seen - logged).values())} seen only, {sum((logged - seen).values())} logged only")
            print(sorted((seen - logged).items(), key=str)[:3], sorted((logged - seen).items(), key=str)[:3])

    models = [talk for talk in talks if talk["gen_ai"].get("usage")]
    seen = collections.Counter(
        (talk["stilt"]["talk"]["dialect"], talk["gen_ai"]["usage"]["input_tokens"], talk["gen_ai"]["usage"]["output_tokens"],
         tuple(talk["stilt"]["talk"].get("calls", [])), talk["stilt"]["talk"]["streamed"]) for talk in models)
    same("turns", seen, collections.Counter(
        (turn["kind"], turn["input_tokens"], turn["output_tokens"], tuple(turn["calls"]), turn["streamed"]) for turn in log["turns"]))
    called = collections.Counter(
        talk["stilt"]["talk"]["mcp"]["target"] for talk in talks if talk["stilt"]["talk"].get("mcp", {}).get("method") == "tools/call")
    same("tool calls", called, collections.Counter(call["tool"] for call in log["tools"]))
    sizes = collections.Counter(collections.Counter(talk["gen_ai"]["conversation"]["id"] for talk in models).values())
    same("turns per conversation", sizes, collections.Counter(collections.Counter(turn["conversation"] for turn in log["turns"]).values()))
    alerts = collections.Counter(alert["rule"]["id"] for alert in map(json.loads, (out / "alerts.jsonl").read_text().splitlines()))
    print(f"{len(models)} turns, {sum(called.values())} tool calls, {sum(sizes.values())} conversations; alerts: {dict(alerts)}")
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
