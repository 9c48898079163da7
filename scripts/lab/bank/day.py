"""A day at the bank: the sensor stands between nginx and the application, so that all clients share one peer."""
import http.client
import itertools
import json
import subprocess

from ..lab.actors import Ask, Client, Wait
from ..lab.server import Running, python, wait_for

SOFTWARE = {"server": "aiohttp behind nginx", "clients": "http.client with the header orders of browsers and libraries"}
PORT, FRONT, HOUR = 5621, 5620, 3600.0
NGINX = """
daemon off; pid {out}/nginx.pid; error_log {out}/nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {out}; proxy_temp_path {out}; fastcgi_temp_path {out}; uwsgi_temp_path {out}; scgi_temp_path {out};
  upstream app {{ server 127.0.0.1:{port}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{front};
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host bank.lab; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""


def start(out):
    """Starts the application and nginx before it."""
    application = python("scripts.lab.bank.app", PORT)
    wait_for(PORT)
    config = (out / "nginx.conf").resolve()
    config.write_text(NGINX.format(out=out.resolve(), port=PORT, front=FRONT))
    nginx = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    wait_for(FRONT)
    return Running("bank.lab", FRONT, PORT, [application, nginx])


def control(state):
    """Breaks or mends sign-in; gives all account numbers."""
    connection = http.client.HTTPConnection("127.0.0.1", FRONT)
    connection.request("POST", f"/_lab/{state}")
    return json.loads(connection.getresponse().read())["accounts"]


def name(index):
    """User name."""
    return f"{('ann', 'bo', 'cy', 'dee', 'eve', 'flo', 'gus')[index % 7]}{index:03}"


def secret(index):
    """Password."""
    return f"s3cret-{index * 104729 % 1000003}"


class Day:
    """Writes the script of the day."""

    def __init__(self, stage, draw, scale):
        self.stage, self.draw, self.scale = stage, draw, scale
        self.people, self.attackers, self.episodes = [], [], []
        self.addresses = (f"127.{40 + n // 250}.9.{1 + n % 250}" for n in itertools.count())
        self.accounts = control("up")

    def person(self, who, note, address=None, profile=None, agent=None):
        """A benign client."""
        client = Client(self.stage, address or next(self.addresses), profile or self.draw.choice(["okhttp", "safari", "chrome", "firefox"]), agent)
        self.people.append({"id": who, "kind": "benign", "identity": {"username": who, "ip": [client.address]}, "note": note})
        return client

    def attacker(self, episode, kind, volume, success, text, addresses, profile, identity=None):
        """An episode and its clients."""
        clients = [Client(self.stage, address, profile, episode=episode) for address in addresses]
        found = {"ip": addresses, **(identity or {})}
        self.attackers.append({"id": f"atk-{episode}", "kind": "attacker", "identity": found})
        self.episodes.append({"id": episode, "class": kind, "also_accept": [],
                              "owasp": {"credential_stuffing": "API2:2023", "bola_enumeration": "API1:2023"}.get(kind, "API4:2023"),
                              "actor": f"atk-{episode}", "volume": volume, "success": success, "description": text, "actor_identity": found})
        return clients

    def think(self, middle):
        """A pause."""
        return Wait(min(self.draw.lognormvariate(0, 0.8) * middle, middle * 8))

    # What people do -------------------------------------------------------------------------------------------

    def sign_in(self, client, who, password, wrong=0):
        """Signs in; keeps the tokens with the client."""
        for attempt in range(wrong):
            yield Ask("POST", "/v1/auth/token", body={"username": who, "password": password + str(attempt)})
            yield self.think(8)
        client.signed = who
        answer = yield Ask("POST", "/v1/auth/token", body={"username": who, "password": password})
        client.tokens = answer.json()
        client.signed = who if "access_token" in client.tokens else None
        yield Ask("GET", "/v1/me", token=client.tokens.get("access_token"))

    def visit(self, client, index, wrong=0, steps=None, sign_in=True):
        """Looks at the own accounts and movements, pays, looks at the receiver."""
        if sign_in:
            yield from self.sign_in(client, name(index), secret(index), wrong)
        for _ in range(steps or self.draw.randint(3, 10)):
            token = client.tokens.get("access_token")
            yield self.think(14)
            what = self.draw.random()
            answer = yield Ask("GET", "/v1/accounts", token=token)
            own = [account["id"] for account in answer.json().get("data", [])]
            if not own:
                return
            account = self.draw.choice(own)
            if what < 0.5:
                yield Ask("GET", f"/v1/accounts/{account}", token=token)
                yield self.think(6)
                yield Ask("GET", f"/v1/accounts/{account}/transactions", token=token)
            elif what < 0.7:
                yield Ask("GET", "/v1/rates", token=token)
            elif what < 0.9:
                paid = {"from": account, "to": self.draw.choice(self.accounts), "amount": self.draw.randint(1, 90)}
                answer = yield Ask("POST", "/v1/transfers", body=paid, token=token)
                while answer.status == 503:
                    yield Wait(3)
                    answer = yield Ask("POST", "/v1/transfers", body=paid, token=token)
            else:
                answer = yield Ask("POST", "/v1/auth/refresh", body={"refresh_token": client.tokens["refresh_token"]})
                client.tokens = answer.json()

    def tries(self, index, count, password, pause):
        """The same account again and again."""
        for attempt in range(count):
            yield Ask("POST", "/v1/auth/token", body={"username": name(index), "password": password.format(attempt)})
            yield Wait(pause)

    def probe(self, seconds, until):
        """Monitoring."""
        for _ in range(int(until / seconds)):
            yield Ask("GET", "/healthz")
            yield Wait(seconds)

    def teller(self, client, who, password):
        """Serves customers: lists accounts and opens many."""
        yield from self.sign_in(client, who, password)
        token = client.tokens["access_token"]
        for offset in (0, 40, 80, 120):
            answer = yield Ask("GET", f"/v1/accounts?offset={offset}", token=token)
            for account in self.draw.sample(answer.json()["data"], 12):
                yield self.think(20)
                yield Ask("GET", f"/v1/accounts/{account['id']}", token=token)
                yield Ask("GET", f"/v1/accounts/{account['id']}/transactions", token=token)

    def batch(self, client):
        """Reads every account by number, with the role of a service."""
        yield from self.sign_in(client, "night.batch", "batch-secret-99")
        for account in self.accounts:
            yield Wait(0.3)
            yield Ask("GET", f"/v1/accounts/{account}", token=client.tokens["access_token"])

    def poller(self, client, index):
        """An app that shows the balance every twenty seconds."""
        yield from self.sign_in(client, name(index), secret(index))
        answer = yield Ask("GET", "/v1/accounts", token=client.tokens["access_token"])
        account = answer.json()["data"][0]["id"]
        for _ in range(int(500 * self.scale)):
            yield Wait(20)
            yield Ask("GET", f"/v1/accounts/{account}", token=client.tokens["access_token"])

    def shared(self, client, index):
        """Opens the account of somebody who sent a link."""
        yield from self.sign_in(client, name(index), secret(index))
        yield Ask("GET", f"/v1/accounts/{self.accounts[5]}", token=client.tokens["access_token"])

    def roaming(self, client, index, other):
        """Wi-Fi to mobile, with the same token."""
        yield from self.visit(client, index, steps=4)
        client.move(other)
        yield from self.visit(client, index, steps=4, sign_in=False)

    def switch(self, state):
        """Breaks or mends sign-in."""
        control(state)
        yield Wait(0)

    # The day ---------------------------------------------------------------------------------------------------

    def benign(self):
        """Everybody who means no harm."""
        add, draw = self.stage.add, self.draw
        for index in range(60):
            for _ in range(max(1, round(draw.choice([2, 3, 5]) * self.scale))):
                client = self.person(name(index), "customer") if _ == 0 else Client(self.stage, client.address, client.profile)
                add(draw.uniform(0, 23 * HOUR), self.visit(client, index, wrong=draw.choice([0] * 8 + [1, 1, 2])), client)
        for index in range(60, 72):
            client = self.person(name(index), "office: twelve people behind one address, at nine", "127.39.0.9", "chrome")
            add(HOUR + draw.uniform(0, 500), self.visit(client, index, wrong=draw.choice([0, 0, 0, 1, 2])), client)
        for at, index in ((1.2, 72), (4.1, 73), (9.6, 74)):
            client = self.person(name(index), "mistypes three times")
            add(at * HOUR, self.visit(client, index, wrong=3), client)
        for at, index in ((2.5, 75), (11.5, 76)):
            add(at * HOUR, self.tries(index, 4, "was-it-{}", 15), self.person(name(index), "forgot it and gives up"))
        for index in (77, 78):
            client = self.person(name(index), "two people behind one address", "127.39.1.4")
            add(3 * HOUR + index, self.visit(client, index), client)
        add(0.7 * HOUR, self.tries(81, 80, "before-the-change", 300), self.person(name(81), "an old device repeats an old password"))
        client = self.person("probe", "monitoring every 30 s", "127.39.2.2", "curl")
        add(1, self.probe(30, 23 * HOUR * min(1, self.scale)), client)
        for at, who in ((2.8, "one"), (7.6, "two")):
            client = self.person(f"teller.{who}", "teller: lists and opens everybody's accounts")
            add(at * HOUR, self.teller(client, f"teller.{who}", f"teller-{who}-secret"), client)
        client = self.person("night.batch", "nightly job: reads all accounts", "127.39.2.3", "go")
        add(16 * HOUR, self.batch(client), client)
        for index in (82, 83, 84):
            client = self.person(name(index), "opens a shared link")
            add(5 * HOUR + index * 11, self.shared(client, index), client)
        client = self.person(name(85), "phone moves from Wi-Fi to mobile", "127.39.3.3", "safari")
        add(3.4 * HOUR, self.roaming(client, 85, "127.39.4.4"), client)
        client = self.person(name(86), "app polls every 20 s")
        add(1.5 * HOUR, self.poller(client, 86), client)
        for at in (0.9, 2.0, 3.3, 4.8, 6.2, 7.7, 8.8):
            client = self.person(name(87), "power user", "127.39.8.7", "chrome")
            add(at * HOUR, self.visit(client, 87, steps=40), client)
        idle = Client(self.stage, "127.39.9.9", "curl")
        for at, state in ((6.5, "deny"), (6.7, "up"), (12.2, "503"), (12.4, "up")):
            add(at * HOUR, self.switch(state), idle)
        for index in range(24):
            client = self.person(name(index), "tries to sign in while sign-in is down")
            add((6.51 if index < 14 else 12.21) * HOUR + index * 20, self.tries(index, 3, secret(index), 9), client)
        client = self.person("suite", "test suite signs in with its accounts", "127.39.5.5", "requests")
        for at, index in enumerate(range(100, 110)):
            add(2.1 * HOUR + at * 4, self.tries(index, 1, secret(index), 1), client)
        add(2.1 * HOUR + 60, self.tries(100, 1, "wrong", 1), client)

    def attacks(self):
        """Noisy, spread out and slow; some that succeed and some that fail."""
        add, draw = self.stage.add, self.draw

        def stuff(pairs, pause):
            for user, password in pairs:
                yield Ask("POST", "/v1/auth/token", body={"username": user, "password": password})
                yield Wait(draw.uniform(0.5, 1.5) * pause)

        leaked = [(f"leak{n:04}", f"leaked-{n}") for n in range(500)]
        pairs = leaked[:90] + [(name(90), secret(90))]
        draw.shuffle(pairs)
        [client] = self.attacker("E01-stuffing-noisy", "credential_stuffing", "noisy", True, "91 pairs from one address, 1 right", ["127.76.1.1"], "requests")
        add(8.5 * HOUR, stuff(pairs, 2), client)
        pairs = leaked[100:205] + [(name(92), secret(92))]
        draw.shuffle(pairs)
        many = self.attacker("E02-stuffing-distributed", "credential_stuffing", "distributed", True, "42 addresses, 2 or 3 pairs each, within 70 minutes",
                             [f"127.77.{n}.{n + 9}" for n in range(42)], "chrome")
        for at, client in enumerate(many):
            own, pairs = pairs[:draw.choice([2, 2, 3])], pairs[3:] if len(pairs) > 90 else pairs[2:]
            add(10.3 * HOUR + at * 100 + draw.uniform(0, 60), stuff(own, 20), client)
        [client] = self.attacker("E03-stuffing-slow", "credential_stuffing", "low-and-slow", False, "28 accounts from one address over nineteen hours", ["127.76.3.3"], "firefox")
        add(2.3 * HOUR, stuff(leaked[300:328], 2400), client)

        def walk(client, index, accounts, pause, own):
            yield from self.sign_in(client, name(index), secret(index))
            for account in accounts:
                if own and draw.random() < 0.6:
                    yield from self.visit(client, index, steps=1, sign_in=False)
                yield Ask("GET", f"/v1/accounts/{account}{own or ''}", token=client.tokens["access_token"])
                yield Wait(draw.uniform(0.6, 1.4) * pause)

        def bola(episode, volume, success, text, index, accounts, pause, own, at, address):
            [client] = self.attacker(episode, "bola_enumeration", volume, success, text, [address], "chrome", {"username": name(index)})
            add(at * HOUR, walk(client, index, accounts, pause, own), client)

        bola("E04-bola-noisy", "noisy", True, "reads 45 accounts within two minutes", 93, draw.sample(self.accounts, 45), 2, None, 5.1, "127.76.4.4")
        bola("E06-bola-refused", "noisy", False, "movements of 35 accounts of others, all refused", 95, draw.sample(self.accounts, 35), 2, "/transactions", 9.2, "127.76.6.6")
        [client] = self.attacker("E05-bola-slow", "bola_enumeration", "low-and-slow", True, "26 accounts of others over eight hours amid normal use",
                                 ["127.76.5.5"], "safari", {"username": name(94)})

        def quiet():
            yield from self.sign_in(client, name(94), secret(94))
            for account in draw.sample(self.accounts, 26):
                if draw.random() < 0.6:
                    yield from self.visit(client, 94, steps=1, sign_in=False)
                yield Ask("GET", f"/v1/accounts/{account}", token=client.tokens["access_token"])
                yield Wait(draw.uniform(0.6, 1.4) * 1100)
        add(6.1 * HOUR, quiet(), client)

        def hammer(client, index, count, pause):
            yield from self.sign_in(client, name(index), secret(index))
            for _ in range(count):
                yield Ask("GET", "/v1/accounts", token=client.tokens["access_token"])
                yield Wait(draw.uniform(0.2, 1.8) * pause)

        for episode, index, count, pause, at, volume in (("E07-rate-noisy", 96, 450, 0.6, 11.6, "noisy"), ("E08-rate-quieter", 97, 240, 2.4, 13.9, "quiet")):
            [other] = self.attacker(episode, "rate_abuse", volume, True, f"{count} list requests", [f"127.76.{index}.1"], "okhttp", {"username": name(index)})
            add(at * HOUR, hammer(other, index, count, pause), other)
