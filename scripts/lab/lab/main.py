"""Starts an application and tcpdump, plays a day, and writes OUT/capture.pcap, OUT/truth.json and OUT/requests.jsonl."""
import argparse
import importlib
import json
import os
import pathlib
import random
import subprocess
import time

from ..apps import Play
from .actors import Stage
from .clock import Clock, rewrite, senders, tell

DAYS = ("shop", "bank", "garage", "club", "billing", "kiosk")
START = 1795680000.0  # 2026-11-26T08:00:00Z


def tcpdump(port, path):
    """Captures the leg that a sensor would see."""
    process = subprocess.Popen(
        ["tcpdump", "-i", "lo", "-w", path, "-U", "-B", "65536", "-s", "0", f"tcp port {port}"],
        stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    return process


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help=f"{', '.join(DAYS)}, or one of apps/designs.py")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--benign", action="store_true", help="no attack at all")
    parser.add_argument("--small", action="store_true", help="ten users and a thousand requests (apps only)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many users and visits, as a factor")
    parser.add_argument("--episodes", default="", help="only attacks whose id begins with one of these, comma-separated")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.name in DAYS:
        module = importlib.import_module(f"scripts.lab.{options.name}.day")
    else:
        module = Play(options.name, options.small)
    clock = Clock(START)
    tell(START)
    running = module.start(options.out)
    raw = str(options.out / "raw.pcap")
    capture = tcpdump(running.sensor_port, raw)
    try:
        stage = Stage(clock, running.host, running.port, running.gateway)
        script = module.Day(stage, random.Random(options.seed), options.scale)
        script.benign()
        if not options.benign:
            script.attacks()
            wanted = tuple(options.episodes.split(","))
            script.episodes = [episode for episode in script.episodes if episode["id"].startswith(wanted)]
            stage.keep({episode["id"] for episode in script.episodes})
        stage.play()
        time.sleep(1.0)
    finally:
        capture.terminate()
        capture.wait(20)
        running.stop()
    target = options.out / "capture.pcap"
    packets, size, first, last = rewrite(raw, target, clock)
    peers = senders(target)
    episodes = []
    for episode in script.episodes:
        requests = stage.requests.get(episode["id"], [])
        if not requests:
            raise SystemExit(f"{episode['id']} sent no request")
        for request in requests:
            wire = peers.get(request.pop("id"))
            if wire and wire != request["client"]:
                request["wire_client"] = wire
        episode.update(start=requests[0]["t"], end=max(r["t"] for r in requests), requests=requests)
        episode["sources"] = sorted({request["client"].rpartition(":")[0] for request in requests})
        episodes.append(episode)
    attacks = sum(len(episode["requests"]) for episode in episodes)
    json.dump({
        "name": options.name, "schema": "stilt-truth/1", "software": module.SOFTWARE,
        "server_port": running.sensor_port,
        "capture": {"file": "capture.pcap", "packets": packets, "bytes": size, "first": first, "last": last},
        "http_transactions": stage.total, "benign_transactions": stage.total - attacks,
        "attack_transactions": attacks,
        "baseline_until": min((episode["start"] for episode in episodes), default=last),
        "benign_actors": script.people, "attackers": script.attackers, "episodes": episodes,
    }, open(options.out / "truth.json", "w"), indent=1)
    with open(options.out / "requests.jsonl", "w") as rows:
        rows.writelines(json.dumps(row) + "\n" for row in stage.rows)
    os.remove(raw)
    print(f"{options.out}: {stage.total} transactions, {attacks} of them attacks, {packets} packets")


if __name__ == "__main__":
    main()
