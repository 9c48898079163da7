"""A day in the shop: customers with habits, everything that looks like an attack and is none, and the attacks."""
import itertools
import http.client

from ..lab.actors import Ask, Client, Wait
from ..lab.server import Running, python, wait_for

SOFTWARE = {"server": "Flask on waitress", "clients": "http.client with the header orders of browsers and libraries"}
PORT, HOUR = 5611, 3600.0
KEY = "nightly-4f1c8a77d2e94b06b7a1"
BROWSERS = ["chrome", "firefox", "safari", "okhttp"]


def start(_out):
    """Starts the shop."""
    process = python("scripts.lab.shop.app", PORT, 120)
    wait_for(PORT)
    return Running("shop.lab:5611", PORT, PORT, [process])


def control(state):
    """Breaks or mends sign-in, on the port that no sensor watches."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT + 1)
    connection.request("POST", f"/_lab/{state}")
    connection.getresponse().read()


def name(index):
    """E-mail of a customer."""
    return f"user{index:03}@example.org"


def password(index):
    """Its password."""
    return f"pw-{index * 7919 % 100003}"


class Day:
    """Writes the script of the day."""

    def __init__(self, stage, draw, scale):
        self.stage, self.draw, self.scale = stage, draw, scale
        self.people, self.attackers, self.episodes = [], [], []
        self.addresses = (f"127.{20 + n // 250}.7.{1 + n % 250}" for n in itertools.count())

    def person(self, who, note, address=None, profile=None, agent=None):
        """A benign client."""
        client = Client(self.stage, address or next(self.addresses), profile or self.draw.choice(BROWSERS), agent)
        self.people.append({"id": who, "kind": "benign", "identity": {"username": who, "ip": [client.address]}, "note": note})
        return client

    def attacker(self, episode, kind, volume, success, text, addresses, profile, identity=None):
        """An episode and its clients."""
        clients = [Client(self.stage, address, profile, episode=episode) for address in addresses]
        found = {"ip": addresses, **(identity or {})}
        self.attackers.append({"id": f"atk-{episode}", "kind": "attacker", "identity": found})
        self.episodes.append({"id": episode, "class": kind, "also_accept": ["scraping"] if kind == "rate_abuse" else [],
                              "owasp": {"credential_stuffing": "API2:2023", "bola_enumeration": "API1:2023"}.get(kind, "API4:2023"),
                              "actor": f"atk-{episode}", "volume": volume, "success": success, "description": text,
                              "actor_identity": found})
        return clients

    def think(self, middle):
        """A pause."""
        return Wait(min(self.draw.lognormvariate(0, 0.8) * middle, middle * 8))

    # What people do -------------------------------------------------------------------------------------------

    def sign_in(self, client, index, wrong=0, secret=None):
        """Signs in, after some typing errors."""
        yield Ask("GET", "/login")
        yield self.think(6)
        for attempt in range(wrong):
            yield Ask("POST", "/login", form={"email": name(index), "password": password(index)[:-1] + str(attempt)})
            yield self.think(8)
        client.signed = name(index)
        answer = yield Ask("POST", "/login", form={"email": name(index), "password": secret or password(index)})
        client.signed = name(index) if answer.status in (302, 303) else None
        yield Ask("GET", "/account")

    def visit(self, client, index, wrong=0, steps=None):
        """Browses, looks at own orders, buys now and then."""
        yield Ask("GET", "/")
        yield self.think(5)
        yield from self.sign_in(client, index, wrong)
        for _ in range(steps or self.draw.randint(4, 14)):
            yield self.think(12)
            what = self.draw.random()
            if what < 0.35:
                page = yield Ask("GET", f"/api/products?page={self.draw.randint(1, 6)}")
                for item in self.draw.sample(page.json().get("items", []), 2):
                    yield self.think(9)
                    yield Ask("GET", f"/api/products/{item['id']}")
            elif what < 0.45:
                yield Ask("GET", f"/api/search?q={self.draw.randint(1, 30)}")
            elif what < 0.9:
                answer = yield Ask("GET", "/api/orders")
                found = answer.json().get("orders", [])
                for item in self.draw.sample(found, min(len(found), self.draw.randint(1, 3))):
                    yield self.think(7)
                    yield Ask("GET", f"/api/orders/{item['id']}")
                    if self.draw.random() < 0.4:
                        yield Ask("GET", f"/api/invoices/{item['id']}")
            else:
                answer = yield Ask("POST", "/api/orders", body={"lines": [{"product_id": 7, "quantity": 1}]})
                while answer.status == 503:
                    yield Wait(2)
                    answer = yield Ask("POST", "/api/orders", body={"lines": [{"product_id": 7, "quantity": 1}]})
                yield Ask("GET", f"/api/orders/{answer.json().get('id')}")
        if self.draw.random() < 0.5:
            yield Ask("POST", "/logout")
            client.signed = None

    def pager(self, client, index):
        """Pages through the whole own list and opens each item, as a phone does after it was off."""
        yield from self.sign_in(client, index)
        for page in range(1, 4):
            answer = yield Ask("GET", f"/api/orders?page={page}")
            for item in answer.json().get("orders", []):
                yield Wait(0.4)
                yield Ask("GET", f"/api/orders/{item['id']}")

    def forgetful(self, client, index, tries):
        """Tries what it may have been, and gives up."""
        for attempt in range(tries):
            yield Ask("POST", "/login", form={"email": name(index), "password": f"old-{attempt}"})
            yield self.think(15)

    def stale(self, client, index):
        """An old device that repeats the password from before."""
        for _ in range(60):
            yield Ask("POST", "/login", form={"email": name(index), "password": "before-the-change"})
            yield Wait(300)

    def probe(self, client, seconds, until):
        """Monitoring."""
        for _ in range(int(until / seconds)):
            yield Ask("GET", "/health")
            yield Wait(seconds)

    def staff(self, client, who, secret):
        """Lists all orders and opens many, because that is the job."""
        client.signed = who
        yield Ask("POST", "/login", form={"email": who, "password": secret})
        yield Ask("GET", "/account")
        for page in range(1, 7):
            answer = yield Ask("GET", f"/staff/orders?page={page}")
            for item in self.draw.sample(answer.json().get("orders", []), 12):
                yield self.think(6)
                yield Ask("GET", f"/api/orders/{item['id']}")
                yield Ask("GET", f"/api/invoices/{item['id']}")

    def nightly(self, client):
        """Reads every order by number."""
        answer = yield Ask("GET", "/export/orders", key=KEY)
        for number in answer.json()["ids"][:int(700 * self.scale)]:
            yield Wait(0.5)
            yield Ask("GET", f"/export/orders/{number}", key=KEY)

    def crawler(self, client):
        """A search engine on public pages."""
        for number in range(1, 301):
            yield Ask("GET", f"/api/products/{number}")
            yield self.think(4)

    def shared(self, client, index, number):
        """A link to somebody's order, sent by a friend."""
        yield from self.sign_in(client, index)
        yield Ask("GET", f"/api/orders/{number}")

    def roaming(self, client, index, other):
        """Leaves the house: the address changes, the session stays."""
        yield from self.visit(client, index, steps=4)
        client.move(other)
        yield from self.visit(client, index, steps=4)

    def poller(self, client, index):
        """A dashboard that asks for the own orders every fifteen seconds."""
        yield from self.sign_in(client, index)
        for _ in range(int(400 * self.scale)):
            yield Wait(15)
            yield Ask("GET", "/api/orders")

    def suite(self, client):
        """A test suite signs in with its accounts, and checks that a wrong password is refused."""
        for index in range(100, 112):
            yield from self.sign_in(client, index)
            yield Ask("POST", "/logout")
            client.signed = None
        yield Ask("POST", "/login", form={"email": name(100), "password": "wrong"})

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
                client = self.person(name(index), "customer") if _ == 0 else client_again(client)
                add(draw.uniform(0, 9.5 * HOUR), self.visit(client, index, wrong=draw.choice([0] * 8 + [1, 1, 2])), client)
        office = "127.19.0.9"
        for index in range(60, 72):
            client = self.person(name(index), "office: twelve people behind one address, at nine", office, "chrome")
            add(HOUR + draw.uniform(0, 500), self.visit(client, index, wrong=draw.choice([0, 0, 0, 1, 2])), client)
        for at, index in ((1.2, 72), (2.2, 73), (6.1, 74)):
            client = self.person(name(index), "mistypes three times")
            add(at * HOUR, self.visit(client, index, wrong=3), client)
        for at, index in ((2.5, 75), (7.5, 76)):
            client = self.person(name(index), "forgot it and gives up")
            add(at * HOUR, self.forgetful(client, index, 4), client)
        home = "127.19.1.4"
        for index in (77, 78):
            client = self.person(name(index), "two people behind one address", home)
            add(3 * HOUR + index, self.visit(client, index), client)
        for at, index in ((1.7, 79), (5.2, 80)):
            client = self.person(name(index), "pages through the own list and opens each item", None, "okhttp")
            add(at * HOUR, self.pager(client, index), client)
        client = self.person(name(81), "an old device repeats an old password")
        add(0.7 * HOUR, self.stale(client, 81), client)
        client = self.person("probe", "monitoring every 30 s", "127.19.2.2", "curl")
        add(1, self.probe(client, 30, 9.5 * HOUR), client)
        for at, who, secret in ((2.8, "staff@shop.example", "staff-secret"), (6.6, "auditor@shop.example", "auditor-secret")):
            client = self.person(who, "staff: lists and opens everybody's orders")
            add(at * HOUR, self.staff(client, who, secret), client)
        client = self.person("nightly", "nightly job: reads all orders by number, with a key", "127.19.2.3", "go")
        add(9.6 * HOUR, self.nightly(client), client)
        client = self.person("crawler", "search crawler on public articles", None, "requests", "Mozilla/5.0 (compatible; FindBot/2.1)")
        add(4 * HOUR, self.crawler(client), client)
        for index, number in ((82, 4003), (83, 4003), (84, 4120)):
            client = self.person(name(index), "opens a shared link")
            add(5 * HOUR + index * 11, self.shared(client, index, number), client)
        client = self.person(name(85), "phone moves from Wi-Fi to mobile", "127.19.3.3", "safari")
        add(3.4 * HOUR, self.roaming(client, 85, "127.19.4.4"), client)
        client = self.person(name(86), "dashboard polls every 15 s")
        add(1.5 * HOUR, self.poller(client, 86), client)
        client = self.person("suite", "test suite signs in with its accounts", "127.19.5.5", "requests")
        add(2.1 * HOUR, self.suite(client), client)
        client = self.person(name(87), "power user")
        for at in (0.9, 2.0, 3.3, 4.8, 6.2, 7.7, 8.8):
            client = client_again(client)
            add(at * HOUR, self.visit(client, 87, steps=40), client)
        idle = Client(self.stage, "127.19.9.9", "curl")
        for at, state in ((4.5, "deny"), (4.66, "up"), (8.2, "503"), (8.4, "up")):
            add(at * HOUR, self.switch(state), idle)
        for index in range(24):
            client = self.person(name(index), "tries to sign in while sign-in is down")
            add((4.51 if index < 14 else 8.21) * HOUR + index * 20, self.forgetful_not(client, index), client)

    def forgetful_not(self, client, index):
        """The right password, refused because sign-in is broken."""
        for _ in range(3):
            yield Ask("POST", "/login", form={"email": name(index), "password": password(index)})
            yield self.think(10)

    def attacks(self):
        """Noisy, spread out and slow; some that succeed and some that fail."""
        add, draw = self.stage.add, self.draw

        def stuff(pairs, pause):
            for user, secret in pairs:
                yield Ask("POST", "/login", form={"email": user, "password": secret})
                yield Wait(draw.uniform(0.5, 1.5) * pause)

        leaked = lambda n: (f"leak{n:04}@mail.example", f"leaked-{n}")
        pairs = [leaked(n) for n in range(100)] + [(name(90), password(90)), (name(91), password(91))]
        draw.shuffle(pairs)
        [client] = self.attacker("E01-stuffing-noisy", "credential_stuffing", "noisy", True, "102 pairs from one address, 2 right", ["127.66.1.1"], "requests")
        add(5.5 * HOUR, stuff(pairs, 3), client)
        pairs = [leaked(n) for n in range(200, 300)] + [(name(92), password(92))]
        draw.shuffle(pairs)
        many = self.attacker("E02-stuffing-distributed", "credential_stuffing", "distributed", True, "45 addresses, 2 or 3 pairs each, within 75 minutes",
                             [f"127.67.{n}.{n + 7}" for n in range(45)], "chrome")
        for at, client in enumerate(many):
            own, pairs = pairs[:draw.choice([2, 2, 3])], pairs[2:]
            add(6.9 * HOUR + at * 100 + draw.uniform(0, 60), stuff(own, 20), client)
        [client] = self.attacker("E03-stuffing-slow", "credential_stuffing", "low-and-slow", False, "30 accounts from one address over seven hours", ["127.66.3.3"], "firefox")
        add(2.3 * HOUR, stuff([leaked(n) for n in range(400, 430)], 840), client)

        def walk(client, index, numbers, pause, own):
            yield from self.sign_in(client, index)
            for number in numbers:
                if own and draw.random() < 0.5:
                    answer = yield Ask("GET", "/api/orders")
                    for item in answer.json().get("orders", [])[:2]:
                        yield self.think(8)
                        yield Ask("GET", f"/api/orders/{item['id']}")
                yield Ask("GET", f"{own or '/api/orders'}/{number}")
                yield Wait(draw.uniform(0.6, 1.4) * pause)

        def bola(episode, volume, success, text, index, numbers, pause, own, at, address):
            [client] = self.attacker(episode, "bola_enumeration", volume, success, text, [address], "chrome", {"username": name(index)})
            add(at * HOUR, walk(client, index, numbers, pause, own), client)

        bola("E04-bola-noisy", "noisy", True, "reads 60 orders in sequence within two minutes", 93, range(4200, 4260), 2, None, 3.1, "127.66.4.4")
        bola("E05-bola-slow", "low-and-slow", True, "28 orders of others over four hours amid normal use", 94,
             draw.sample(range(4000, 5000), 28), 500, "/api/orders", 4.1, "127.66.5.5")
        bola("E06-bola-refused", "noisy", False, "40 invoices of others, all refused", 95, range(4400, 4440), 2, "/api/invoices", 7.2, "127.66.6.6")

        def hammer(client, index, count, pause):
            yield from self.sign_in(client, index)
            for _ in range(count):
                yield Ask("GET", "/api/orders?page=1")
                yield Wait(draw.uniform(0.2, 1.8) * pause)

        for episode, index, count, pause, at, volume in (("E07-rate-noisy", 96, 500, 0.5, 8.6, "noisy"),
                                                         ("E08-rate-quieter", 97, 260, 2.2, 7.9, "quiet")):
            [client] = self.attacker(episode, "rate_abuse", volume, True, f"{count} list requests", [f"127.66.{index}.1"], "okhttp", {"username": name(index)})
            add(at * HOUR, hammer(client, index, count, pause), client)
        # Spread over three accounts and addresses.
        clients = self.attacker("E09-bola-distributed", "bola_enumeration", "distributed", True,
                                "three accounts share a walk over 75 orders", ["127.68.1.1", "127.68.2.2", "127.68.3.3"], "firefox",
                                {"username": [name(98), name(99), name(89)]})
        for at, (client, index) in enumerate(zip(clients, (98, 99, 89))):
            add(6.3 * HOUR + at * 40, walk(client, index, range(4600 + at, 4675, 3), 9, None), client)


def client_again(client):
    """The same device on another visit."""
    again = Client(client.lab, client.address, client.profile, client.agent)
    return again
