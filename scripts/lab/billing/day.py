"""A day at the invoicing service: clerks of several tenants, integrations by key, a tax adviser, and attacks."""
import base64
import hashlib
import http.client
import json
import subprocess

from ..lab.actors import Ask, PROFILES, Wait
from ..lab.cast import Cast, again, jar
from ..lab.server import Running, wait_for

SOFTWARE = {"server": "Node behind nginx, the sensor before nginx", "clients": "http.client with the header orders of browsers and libraries"}
PORT, FRONT = 5662, 5661
FIRST = ("anke", "bernd", "carla", "dirk", "elif", "frank", "gesa", "horst")
LAST = ("maier", "schulz", "vogt", "keller")
NGINX = """
daemon off; pid {out}/nginx.pid; error_log {out}/nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; gzip on; gzip_types application/json; gzip_proxied any;
  client_body_temp_path {out}; proxy_temp_path {out}; fastcgi_temp_path {out}; uwsgi_temp_path {out}; scgi_temp_path {out};
  upstream app {{ server 127.0.0.1:{port}; keepalive 8; }}
  server {{
    listen 0.0.0.0:{front}; keepalive_requests 100000;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }}
  }}
}}
"""
PROFILES["node"] = ("node", ["host", "connection", "content-type", "accept", "accept-language", "user-agent", "accept-encoding", "content-length", "Cookie"])
PROFILES["php"] = ("GuzzleHttp/7", ["Content-Length", "User-Agent", "Content-Type", "Cookie", "Host"])
PROFILES["java"] = ("Apache-HttpClient/5.4 (Java/21)", ["Accept-Encoding", "Content-Type", "Authorization", "Content-Length", "Host", "Connection", "User-Agent", "Cookie"])


def start(out):
    """Starts the service and nginx before it."""
    node = subprocess.Popen(["node", "scripts/lab/billing/app.js", str(PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(PORT)
    config = (out / "nginx.conf").resolve()
    config.write_text(NGINX.format(out=out.resolve(), port=PORT, front=FRONT))
    nginx = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    wait_for(FRONT)
    return Running("rechnung.example", FRONT, FRONT, [node, nginx])


def clerk(t, p):
    """Name and password of one of a tenant's people."""
    return f"{FIRST[(t + p) % 8]}.{LAST[(t + 2 * p) % 4]}{t}", f"Wort-{t}{p}-{(t * 5 + p) * 77 % 1000}"


def key(t):
    """A tenant's key for machines."""
    return hashlib.sha256(f"key{t}".encode()).hexdigest()[:40]


def code(name):
    """The code that was sent."""
    return f"{int(hashlib.sha256((name + 'code').encode()).hexdigest()[:8], 16) % 100000:05}"


def login(who, word):
    """Sign-in."""
    return Ask("POST", "/api/anmelden", body={"kennung": who, "kennwort": word})


class Day(Cast):
    """Writes the script of the day."""

    NET, AGENTS = 88, (("chrome", None), ("firefox", None), ("chrome", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36"))

    def clerk(self, t, p, note="clerk", **place):
        """One of a tenant's people and the client."""
        who, word = clerk(t, p)
        client = self.person(who, note, **place)
        client.word, client.tenant = word, t
        return client

    # What people do -------------------------------------------------------------------------------------------

    def enter(self, client, wrong=0):
        """Signs in."""
        yield Ask("GET", "/api/zustand")
        for n in range(wrong):
            yield login(client.who, client.word + "äöü"[n])
            yield self.think(7)
        answer = yield login(client.who, client.word)
        client.account = answer.json().get("daten", {}).get("konto", {})

    def visit(self, client, wrong=0, steps=None):
        """Looks at invoices, writes some, calls customers."""
        draw = self.draw
        yield from self.enter(client, wrong)
        for _ in range(steps or draw.randint(4, 12)):
            yield self.think(16)
            what = draw.random()
            if what < 0.5:
                page = yield Ask("GET", f"/api/rechnungen?anzahl={draw.choice([10, 20, 20])}")
                if draw.random() < 0.5 and page.json().get("weiter"):
                    yield self.think(4)
                    page = yield Ask("GET", f"/api/rechnungen?nach={page.json()['weiter']}")
                found = page.json().get("daten", [])
                for item in draw.sample(found, min(3, len(found))):
                    yield self.think(8)
                    yield Ask("GET", item["_links"]["self"]["href"])
                    if draw.random() < 0.4:
                        yield Ask("GET", item["_links"]["pdf"]["href"])
                    elif draw.random() < 0.2:
                        yield Ask("PATCH", item["_links"]["self"]["href"], body={"notiz": "Kunde rief an; zahlt 'nächste Woche'"})
            elif what < 0.75:
                found = (yield Ask("GET", "/api/kunden?anzahl=40")).json().get("daten", [])
                for item in draw.sample(found, min(2, len(found))):
                    yield self.think(8)
                    yield Ask("GET", f"/api/kunden/{item['id']}")
            elif what < 0.85:
                found = (yield Ask("GET", "/api/kunden?anzahl=40")).json().get("daten", [])
                if found:
                    made = yield Ask("POST", "/api/rechnungen", body={"kunde": draw.choice(found)["id"], "positionen": [{"text": "Beratung", "menge": 2, "preis": 90}]})
                    yield Ask("GET", f"/api/rechnungen/{made.json()['daten']['id']}")
            elif what < 0.9:
                yield Ask("PATCH", "/api/konto", body={"sprache": draw.choice(["de", "en"])} if draw.random() < 0.5 else {"name": client.who.title()})
            elif what < 0.95:
                yield Ask("GET", f"/api/mandanten/{client.account['mandanten'][0]}/nutzer")
            else:
                found = (yield Ask("GET", "/api/rechnungen?anzahl=20")).json().get("daten", [])
                yield Ask("POST", "/api/stapel", body={"anfragen": [{"methode": "GET", "pfad": i["_links"]["self"]["href"]} for i in found[:draw.randint(2, 6)]]})
        if draw.random() < 0.5:
            yield Ask("POST", "/api/abmelden")

    def forgot(self, client, wrong):
        """Has a code sent and sets a new password."""
        yield Ask("POST", "/api/kennwort/vergessen", body={"kennung": client.who})
        yield self.think(40)
        client.word = "Ganz-neu-1"
        for guess in [f"{(int(code(client.who)) + n + 1) % 100000:05}" for n in range(wrong)] + [code(client.who)]:
            yield Ask("POST", "/api/kennwort/neu", body={"kennung": client.who, "bestaetigungscode": guess, "kennwort": client.word})
            yield self.think(10)
        yield from self.visit(client, steps=3)

    def newcomer(self, client, steps=4):
        """Registers a company."""
        client.word = "Neu-hier-1"
        yield Ask("POST", "/api/registrieren", body={"kennung": client.who, "kennwort": client.word, "firma": "Neu GmbH"})
        yield self.think(8)
        yield from self.visit(client, steps=steps)

    def head(self, client):
        """The head of a tenant gives people roles, exports everything, sets a webhook."""
        yield from self.enter(client)
        found = (yield Ask("GET", f"/api/mandanten/{client.account['mandanten'][0]}/nutzer")).json()["daten"]
        for item in found[1:3]:
            yield self.think(15)
            yield Ask("PATCH", f"/api/mandanten/{client.account['mandanten'][0]}/nutzer/{item['id']}", body={"rolle": "sachbearbeitung"})
        after = ""
        for _ in range(5):
            page = (yield Ask("GET", "/api/rechnungen?anzahl=50" + after)).json()
            yield Wait(2)
            if not page.get("weiter"):
                break
            after = f"&nach={page['weiter']}"
        yield Ask("POST", "/api/webhaken", body={"ziel": "https://shop.example/haken"})

    def operator(self, client):
        """Who runs the service looks around."""
        yield from self.enter(client)
        found = (yield Ask("GET", "/api/betrieb/mandanten")).json()["daten"]
        for item in found[:5]:
            yield self.think(20)
            yield Ask("GET", f"/api/mandanten/{item['id']}/nutzer")
        for _ in range(4):
            yield Ask("GET", "/api/betrieb/kennzahlen")
            yield Wait(120)

    def machine(self, client, headers, every, count):
        """An integration polls for events and reads new invoices."""
        for _ in range(count):
            found = (yield Ask("GET", "/v1/ereignisse?anzahl=5", headers=headers)).json().get("daten", [])
            for item in found[:self.draw.choice([0, 0, 1, 2])]:
                yield Wait(0.3)
                yield Ask("GET", f"/v1/rechnungen/{item['rechnung']}", headers=headers)
            yield Wait(every)

    def partner(self, client, t):
        """A partner fetches a token by its client's secret and reads by it, hour by hour."""
        basic = base64.b64encode(f"partner-{t}:{hashlib.sha256(f'secret{t}'.encode()).hexdigest()[:32]}".encode()).decode()
        for _ in range(9):
            answer = yield Ask("POST", "/oauth2/token", form={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"})
            headers, after = {"Authorization": f"Bearer {answer.json()['access_token']}"}, ""
            for _ in range(3):
                page = (yield Ask("GET", "/v1/rechnungen?anzahl=20" + after, headers=headers)).json()
                after = f"&nach={page.get('weiter')}"
                yield Wait(1)
                if not page.get("weiter"):
                    break
            yield Wait(3600)

    def again(self, client):
        """The same on another visit."""
        own = again(client)
        own.word, own.tenant = client.word, client.tenant
        return own

    def benign(self):
        """Everybody who means no harm."""
        draw, at = self.draw, self.at
        for t in range(7):
            for p in range(5):
                client = self.clerk(t, p, "head of a tenant" if p == 0 else "clerk")
                for visit in range(max(1, round(draw.choice([2, 3, 4]) * self.scale))):
                    own = self.again(client) if visit else client
                    at(draw.uniform(0, 9.5), self.visit(own, draw.choice([0] * 8 + [1, 2, 3])), own)
                if p == 0:
                    own = self.again(client)
                    at(0.5 + t, self.head(own), own)
        client = self.person("steuer.berater", "tax adviser of three tenants")
        client.word, client.tenant = "Steuer-1", 0
        for hour in (1.5, 4.5, 7.5):
            own = self.again(client)
            at(hour, self.visit(own, steps=14), own)
        client = self.person("haus.betrieb", "who runs the service")
        client.word, client.tenant = "Betrieb-1", 0
        for hour in (0.8, 5.1):
            own = self.again(client)
            at(hour, self.operator(own), own)
        for t, profile in enumerate(("node", "php", "java", "go", "okhttp")):
            client = self.person(f"integration-{t}", "polls by key", profile=profile)
            at(0.1 + t / 50, self.machine(client, {"X-Api-Schluessel": key(t)}, (60, 120, 300, 60, 600)[t], (540, 270, 110, 540, 55)[t]), client)
        client = self.person("partner-6", "partner by client credentials", profile="java")
        at(0.3, self.partner(client, 6), client)
        for t, hour in ((0, 1.2), (2, 3.6), (5, 6.0)):
            client = self.clerk(7, t % 5, "forgot the password, mistypes the code")
            at(hour, self.forgot(client, t % 4), client)
        for n, hour in enumerate((0.7, 2.9, 4.2, 5.7, 7.0, 8.0)):
            client = self.person(f"neu.firma{n}", "registers")
            client.tenant = None
            at(hour, self.newcomer(client), client)

    # The attacks -----------------------------------------------------------------------------------------------

    def stuff(self, pairs, pause):
        """Tries pairs."""
        yield from self.fire([login(*pair) for pair in pairs], pause)

    def mine(self, n, episode, *args, **more):
        """An attacker with a company of its own."""
        client = self.foe(episode, *args, username=[f"boese.firma{n}"], **more)
        client.who, client.word, client.tenant = f"boese.firma{n}", "Neu-hier-1", None
        return client

    def then(self, client, asks, pause):
        """Registers, looks around, and sends."""
        yield from self.newcomer(client, 3)
        yield from self.fire(asks() if callable(asks) else asks, pause)

    def spy(self, client):
        """Ids of invoices as they leak: read with a tenant's key where no sensor looks."""
        found = []
        for t in range(8):
            connection = http.client.HTTPConnection("127.0.0.1", PORT)
            connection.request("GET", "/v1/rechnungen?anzahl=60", headers={"X-Api-Schluessel": key(t)})
            found += [item for item in json.loads(connection.getresponse().read())["daten"]]
        self.draw.shuffle(found)
        return found

    def attacks(self):
        """All of them."""
        at, draw = self.at, self.draw
        leaked = lambda n: (f"{('moritz', 'lara', 'emil')[n % 3]}.{('koch', 'weber')[n % 2]}{n}", f"Passwort{n}")
        pairs = [leaked(n) for n in range(75)] + [clerk(1, 1)]
        draw.shuffle(pairs)
        client = self.foe("N01-stuffing", "credential_stuffing", "76 pairs from one address, one right, all answered 200", "go", success=True)
        at(5.2, self.stuff(pairs, 1), client)
        for n, client in enumerate(self.foe("N02-stuffing-spread", "credential_stuffing", "24 addresses, three pairs each, within two hours", "firefox", count=24, volume="distributed")):
            at(6.2 + n / 12, self.stuff([leaked(100 + 3 * n + k) for k in range(3)], 40), client)
        client = self.foe("N03-brute", "brute_force", "90 passwords on one account", "requests")
        at(4.4, self.stuff([(clerk(2, 2)[0], f"Sommer{n}") for n in range(90)], 0.8), client)
        client = self.foe("N04-spray", "password_spraying", "one password on 34 accounts, one every two minutes", "chrome", volume="low-and-slow")
        at(7.1, self.stuff([(clerk(t, p)[0], "Rechnung2026") for t in range(7) for p in range(5)][:34], 120), client)
        client = self.foe("N05-codes", "brute_force", "150 codes for a new password of one account, the last right, then in", "chrome", success=True, accept=["account_takeover"], victim=clerk(3, 4)[0])
        at(8.2, self.guess(client, clerk(3, 4)[0], 150), client)
        client = self.foe("N06-enum-register", "user_enumeration", "which of 45 names are taken, by registering", "php")
        at(3.8, self.fire([Ask("POST", "/api/registrieren", body={"kennung": clerk(n % 8, n // 8 % 5)[0], "kennwort": "x", "firma": "y"}) for n in range(40)], 5), client)
        self.objects()
        self.rest()

    def guess(self, client, who, count):
        """Guesses the code."""
        yield Ask("POST", "/api/kennwort/vergessen", body={"kennung": who})
        for n in range(count, -1, -1):
            yield Ask("POST", "/api/kennwort/neu", body={"kennung": who, "bestaetigungscode": f"{(int(code(who)) - n) % 100000:05}", "kennwort": "Meins-1"})
            yield Wait(0.5)
        client.who, client.word = who, "Meins-1"
        yield from self.enter(client)

    def objects(self):
        """What is another tenant's."""
        at = self.at
        client = self.mine(1, "N07-invoices", "bola_enumeration", "opens 45 invoices of other tenants by leaked ids", "chrome", success=True)
        at(5.0, self.then(client, lambda: [Ask("GET", f"/api/rechnungen/{i['id']}") for i in self.spy(client)[:45]], 1), client)
        client = self.mine(2, "N08-pdfs", "bola_enumeration", "asks for 40 documents of other tenants, all refused under 200", "requests")
        at(6.6, self.then(client, lambda: [Ask("GET", f"/api/rechnungen/{i['id']}/pdf") for i in self.spy(client)[50:90]], 1), client)
        client = self.mine(3, "N09-invoice-one", "bola", "opens two invoices of another tenant", "firefox", success=True, volume="quiet")
        at(7.7, self.then(client, lambda: [Ask("GET", f"/api/rechnungen/{i['id']}") for i in self.spy(client)[100:102]], 30), client)
        client = self.mine(4, "N10-people", "bola_enumeration", "lists people of eight tenants", "go", success=True, accept=["excessive_data_exposure", "bfla", "bola"])
        at(8.6, self.then(client, lambda: [Ask("GET", f"/api/mandanten/{m}/nutzer") for m in sorted({i["mandant"] for i in self.spy(client)})], 4), client)
        client = self.mine(5, "N11-batch", "bola_enumeration", "opens 60 invoices of others in batches of 20", "node", success=True)
        at(8.0, self.then(client, lambda: [Ask("POST", "/api/stapel", body={"anfragen": [{"methode": "GET", "pfad": f"/api/rechnungen/{i['id']}"} for i in self.spy(client)[n:n + 20]]}) for n in (0, 20, 40)], 10), client)

    def rest(self):
        """Rights, sessions, keys, data."""
        at = self.at
        client = self.mine(6, "N12-role", "mass_assignment", "gives itself the operator's role with the account form, and uses it", "chrome", success=True, accept=["bfla"])
        at(6.0, self.then(client, lambda: [Ask("PATCH", "/api/konto", body={"name": "B", "rolle": "betreiber"}), Ask("GET", "/api/betrieb/mandanten"), Ask("GET", "/api/betrieb/kennzahlen")], 15), client)
        client = self.mine(7, "N13-operator-refused", "bfla", "tries the operator's functions and roles, all refused under 200", "firefox")
        at(7.4, self.then(client, lambda: [Ask("GET", "/api/betrieb/mandanten"), Ask("GET", "/api/betrieb/kennzahlen"), Ask("PATCH", f"/api/mandanten/{self.spy(client)[0]['mandant']}/nutzer/ntz_x", body={"rolle": "leitung"})], 10), client)
        client = self.foe("N14-bypass", "auth_bypass", "the operator's figures without a session, by a header of the proxy", "curl", success=True, volume="quiet", accept=["bfla"])
        at(8.8, self.fire([Ask("GET", "/api/betrieb/kennzahlen"), Ask("GET", "/api/betrieb/kennzahlen", headers={"X-Original-URL": "/api/zustand"})], 5), client)
        thief = self.foe("N15-key", "session_hijack", "the key of an integration from another network and program", "curl", success=True, volume="quiet", accept=["account_takeover", "api_key_theft"])
        at(5.6, self.fire([Ask("GET", f"/v1/rechnungen?anzahl={20 + n}", headers={"X-Api-Schluessel": key(0)}) for n in range(12)], 20), thief)
        victim = self.clerk(7, 3, "signs out; the session lives on", profile="chrome")
        thief = self.foe("N16-after-logout", "token_replay", "the cookie of one who signed out is used from elsewhere", "requests", success=True, volume="quiet", accept=["session_hijack"], victim=victim.who)
        at(4.7, self.leave(victim), victim)
        at(5.0, self.rob(thief, victim, 5), thief)
        victim = self.clerk(7, 4, "robbed of the session", profile="firefox")
        thief = self.foe("N17-hijack", "session_hijack", "a stolen cookie in turns with the owner", "php", success=True, volume="quiet", accept=["account_takeover"], victim=victim.who)
        at(6.95, self.stay(victim), victim)
        at(7.0, self.rob(thief, victim, 6), thief)
        victim = self.clerk(7, 1, "opened a link with a session in it", profile="chrome")
        thief = self.foe("N18-fixation", "session_fixation", "makes a session, hands it on in a link, and uses it after the sign-in", "safari", success=True, volume="quiet", accept=["session_hijack"], victim=victim.who)
        at(7.8, self.plant(thief, victim), thief)
        client = self.foe("N19-client-secret", "brute_force", "60 secrets for a partner's client", "curl", accept=["credential_stuffing", "password_spraying"])
        at(3.2, self.fire([Ask("POST", "/oauth2/token", form={"grant_type": "client_credentials"}, headers={"Authorization": "Basic " + base64.b64encode(f"partner-6:secret{n}".encode()).decode()}) for n in range(60)], 1), client)
        client = self.mine(8, "N20-hammer", "rate_abuse", "asks 500 times for its invoices in eight minutes", "requests", success=True, accept=["scraping"])
        at(4.0, self.then(client, [Ask("GET", "/api/rechnungen?anzahl=20") for _ in range(500)], 0.9), client)

    def stay(self, client):
        """Is there for a quarter of an hour."""
        yield from self.enter(client)
        for _ in range(15):
            yield Ask("GET", "/api/rechnungen?anzahl=20")
            yield self.think(50)

    def leave(self, client):
        """Comes and goes."""
        yield from self.visit(client, steps=3)
        yield Ask("POST", "/api/abmelden")

    def rob(self, thief, victim, count):
        """Uses the cookie."""
        jar(thief, victim)
        yield from self.fire([Ask("GET", ("/api/konto", "/api/rechnungen?anzahl=20", "/api/kunden?anzahl=40")[n % 3]) for n in range(count)], 20)

    def plant(self, thief, victim):
        """Gets a session, plants it, waits, uses it."""
        yield Ask("GET", "/api/zustand")
        planted = thief.cookies["sitzung"]
        self.stage.add(7.9 * 3600, self.lured(victim, planted), victim)
        yield Wait(1500)
        yield from self.fire([Ask("GET", "/api/konto"), Ask("GET", "/api/rechnungen?anzahl=20"), Ask("GET", "/api/kunden?anzahl=40")], 15)

    def lured(self, client, planted):
        """Opens the link, signs in."""
        client.cookies["sitzung"] = planted
        yield Ask("GET", f"/api/zustand?sitzung={planted}")
        yield from self.visit(client, steps=5)
