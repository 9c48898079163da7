"""The simulated day: scripts of clients in the order of time, packets, and the truth about them."""
import collections
import datetime
import heapq
import itertools
import json
import random

from .http import Ask, Request
from .wire import Connection, Wire

PAUSE = 0.002  # seconds between an answer and the script's next request
IDLE = 65  # seconds after which a connection isn't used again


class Simulation:
    """An application, `answer(request)`, and who asks it.

    Scripts are generators that yield seconds to wait, or an `Ask` whose `Response` they are sent.
    With `proxy`, an address, all requests come from there over shared connections, with the
    client in X-Forwarded-For. Without `attacks` what belongs to an episode isn't played.
    """

    def __init__(self, name, answer, software, *, seed, attacks=True, host, port=8080,
                 start="2026-11-20T08:00:00", server="nginx", server_ip="10.1.0.10", proxy=None):
        self.name, self.answer, self.software, self.attacks = name, answer, software, attacks
        self.dice = random.Random(seed)
        self.epoch = datetime.datetime.fromisoformat(start + "+00:00").timestamp()
        self.host, self.port, self.server, self.server_ip = host, port, server, server_ip
        self.proxy, self.pool = proxy, []
        self.wire, self.now = Wire(), 0
        self.waiting, self.order, self.ports = [], itertools.count(), itertools.count()
        self.rows, self.episodes, self.benign = [], {}, []
        self.attacking = False
        # One day after the other: who begins each of them, when it began, who stays away.
        self.service = self.begin_day = None
        self.morning, self.numbers, self.absent = 0, itertools.count(), set()
        self.tolerant = False  # of scripts that fail over what others did to the application
        self.tell = None  # takes exchanges, in place of packets
        self.changed = None  # what a release of the clients makes of a request

    # Who takes part

    def actor(self, name, ips, note, username=None):
        """Records a benign actor, once."""
        if self.morning:
            return
        identity = {"ip": list(ips)}
        if username:
            identity["username"] = username
        self.benign.append({"id": name, "kind": "benign", "identity": identity, "note": note})

    def episode(self, name, kind, description, ips=(), username=None, *, also=(),
                volume="noisy", success=True, shared=False):
        """Records an attack of a class; what is started from now on belongs to attacks.

        `shared`: others, who do nothing wrong, share its addresses, which so name nobody.
        """
        identity = {"ip": list(ips)}
        if username:
            identity["username"] = username
        self.attacking = True
        self.episodes[name] = {
            "id": name, "class": kind, "also_accept": list(also), "owasp": "",
            "actor": "atk-" + name, "volume": volume, "success": success,
            "description": description, "actor_identity": identity, "requests": [],
            "sources": [], "shared": shared,
        }

    def start(self, at, client, script):
        """Begins a script at a second of the day."""
        if client.number is None:
            client.number = next(self.numbers)
        if client.number not in self.absent and (self.attacks or not self.attacking):
            at += self.morning
            heapq.heappush(self.waiting, (at, next(self.order), client, script, None))

    def next_day(self):
        """Everybody begins another day; who has the same number is the same person."""
        self.morning, self.numbers = self.now, itertools.count()
        self.begin_day()
        self.morning = 0

    # The play

    def play(self):
        """Plays all scripts to their ends."""
        while self.waiting:
            self.now, _, client, script, answer = heapq.heappop(self.waiting)
            try:
                wanted = script.send(answer)
            except StopIteration:
                continue
            except (KeyError, IndexError, ValueError, TypeError):
                if self.tolerant:
                    continue
                raise
            if isinstance(wanted, Ask):
                answer, ended = self.exchange(client, wanted)
                at = ended + PAUSE
            else:
                answer, at = None, self.now + max(0.001, wanted)
            heapq.heappush(self.waiting, (at, next(self.order), client, script, answer))

    def exchange(self, client, asked):
        """One request and its answer, on the wire and in the truth."""
        if self.changed:
            asked = self.changed(client, asked)
        request = Request(asked, client, self.epoch + self.now, self.host)
        response = self.answer(request)
        client.take_cookies(response)
        latency = response.delay
        if latency is None:
            latency = self.dice.lognormvariate(-3.6, 0.5)
        if self.tell:
            self.tell(request, response, latency)
            return response, self.now + latency
        conn = self.connection(client)
        answer = response.wire(asked.method, self.server, request.at)
        sent = request.wire(bool(self.proxy))
        ended = self.wire.exchange(self.now, conn, sent, answer, latency)
        row = {
            "t": round(request.at, 6), "client": f"{client.ip}:{conn.source_port}",
            "method": asked.method, "target": asked.target, "status": response.status,
        }
        if self.proxy:
            row["wire_client"] = f"{conn.source}:{conn.source_port}"
        self.rows.append((row, client.episode))
        if client.episode:
            self.episodes[client.episode]["requests"].append(row)
        return response, ended

    def connection(self, client):
        """A connection for a request now: the client's own, or one of the proxy's."""
        if self.proxy:
            for conn in self.pool:
                if conn.busy < self.now - 0.001 and self.now - conn.last < IDLE:
                    return conn
        elif client.connection:
            conn = client.connection
            usable = conn.busy < self.now and self.now - conn.last < IDLE
            if usable and conn.source == client.ip:
                return conn
            self.wire.close(max(conn.busy, min(self.now - 0.002, conn.last + 30)), conn)
        source = self.proxy or client.ip
        port = 32768 + next(self.ports) % 28000
        conn = Connection(source, port, self.server_ip, self.port, self.dice)
        self.wire.connect(self.now, conn)
        if self.proxy:
            self.pool.append(conn)
        client.connection = conn
        return conn

    # What is written

    def write(self, out):
        """Writes capture.pcap, truth.json and requests.jsonl into a folder; a line about them."""
        out.mkdir(parents=True, exist_ok=True)
        size = self.wire.write(out / "capture.pcap", self.epoch)
        truth = self.truth(size)
        (out / "truth.json").write_text(json.dumps(truth, indent=1))
        with open(out / "requests.jsonl", "w") as rows:
            for row, episode in self.rows:
                rows.write(json.dumps({**row, "episode": episode}) + "\n")
        status = collections.Counter(row["status"] for row, _ in self.rows)
        return (f"{self.name}: {len(self.rows)} transactions, {truth['attack_transactions']} of "
                f"{len(truth['episodes'])} attacks; status {dict(status.most_common())}")

    def truth(self, size):
        """Who did what and when, in the schema of all labelled captures."""
        told = [self.told(episode) for episode in self.episodes.values()] if self.attacks else []
        attacks = sum(len(episode["requests"]) for episode in told)
        times = [row["t"] for row, _ in self.rows]
        return {
            "name": self.name, "schema": "stilt-truth/1",
            "software": {"server": self.software, "clients": "simulated"},
            "server_port": self.port,
            "capture": {
                "file": "capture.pcap", "packets": len(self.wire.packets), "bytes": size,
                "first": min(times), "last": max(times),
            },
            "http_transactions": len(times), "benign_transactions": len(times) - attacks,
            "attack_transactions": attacks,
            "baseline_until": min((episode["start"] for episode in told), default=None),
            "benign_actors": self.benign,
            "attackers": [
                {"id": e["actor"], "kind": "attacker", "identity": e["actor_identity"]}
                for e in told
            ],
            "episodes": told,
        }

    def told(self, episode):
        """An episode with its span and its sources."""
        rows = episode["requests"]
        if not rows:
            raise ValueError(f"{self.name}: {episode['id']} made no request")
        told = {k: v for k, v in episode.items() if k != "shared"}
        told["start"], told["end"] = rows[0]["t"], rows[-1]["t"]
        if not episode["shared"]:
            told["sources"] = sorted({row["client"].rsplit(":", 1)[0] for row in rows})
        return told
