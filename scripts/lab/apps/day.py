"""One day for every design: people with habits, all that looks like an attack and is none, and attacks."""
import itertools

from ..lab.actors import Ask, Client, Wait
from .world import name_of, secret_of

HOUR = 3600.0
BROWSERS = ["chrome", "firefox", "safari", "okhttp"]
KINDS = {"bola_enumeration": "API1:2023", "rate_abuse": "API4:2023"}


class Day:
    """Writes the script of the day for `design`."""

    def __init__(self, stage, draw, scale, design):
        self.stage, self.draw, self.scale, self.design = stage, draw, scale, design
        self.world, self.small = design.world, design.small
        self.people, self.attackers, self.episodes = [], [], []
        self.addresses = (f"127.{20 + n // 250}.7.{1 + n % 250}" for n in itertools.count())
        self.free = itertools.count()

    def person(self, who, note, address=None, profile=None, agent=None):
        """A benign client."""
        client = Client(self.stage, address or next(self.addresses), profile or self.draw.choice(BROWSERS), agent)
        self.people.append({"id": who, "kind": "benign", "identity": {"username": who, "ip": [client.address]}, "note": note})
        return client

    def user(self, note, *place):
        """The next account and its client."""
        index = next(self.free)
        who = name_of(index, self.world.names)
        client = self.person(who, note, *place)
        client.who, client.secret, client.index = who, secret_of(index), index
        return client

    def attacker(self, episode, kind, volume, success, text, addresses, profile, identity=None):
        """An episode and its clients, each with an account."""
        clients = [Client(self.stage, address, profile, episode=episode) for address in addresses]
        found = {"ip": addresses, **(identity or {})}
        if kind in ("bola_enumeration", "rate_abuse"):
            for client in clients:
                index = next(self.free)
                client.who, client.secret = name_of(index, self.world.names), secret_of(index)
            found["username"] = [client.who for client in clients]
        self.attackers.append({"id": f"atk-{episode}", "kind": "attacker", "identity": found})
        self.episodes.append({"id": episode, "class": kind, "also_accept": ["scraping"] if kind == "rate_abuse" else [],
                              "owasp": KINDS.get(kind, "API2:2023"), "actor": f"atk-{episode}", "volume": volume, "success": success,
                              "description": text, "actor_identity": found})
        return clients

    def think(self, middle):
        """A pause."""
        return Wait(min(self.draw.lognormvariate(0, 0.8) * middle, middle * 8))

    # What people do -------------------------------------------------------------------------------------------

    def sign_in(self, client, wrong=0, form=True):
        """Signs in, after some typing errors."""
        for ask in self.design.before(client) if form else ():
            yield ask
            yield self.think(5)
        for attempt in range(wrong):
            yield self.design.login(client, client.who, client.secret[:-1] + str(attempt) + "x")
            yield self.think(8)
        client.signed = client.who if self.world.check(client.who, client.secret) else None
        answer = yield self.design.login(client, client.who, client.secret)
        self.design.keep(client, answer)
        for ask in self.design.after(client):
            answer = yield ask
            if ask.then:
                ask.then(answer)

    def visit(self, client, wrong=0, steps=None):
        """Browses, looks at own things, makes some."""
        design = self.design
        yield from self.sign_in(client, wrong)
        for _ in range(steps or self.draw.randint(4, 14)):
            yield self.think(12)
            what = self.draw.random()
            if what < 0.3:
                yield design.catalogue(client, self.draw.randint(1, 6))
                for item in self.draw.sample(range(1, 201), 2):
                    yield self.think(9)
                    yield design.item(client, item)
            elif what < 0.9:
                found = design.ids((yield design.mine(client, 1)))
                for ident in self.draw.sample(found, min(len(found), self.draw.randint(1, 3))):
                    yield self.think(7)
                    yield design.open(client, ident)
                    if self.draw.random() < 0.4:
                        yield design.guarded(client, ident)
            else:
                yield design.make(client)
        if self.draw.random() < 0.5 and design.leave(client):
            yield design.leave(client)
            client.signed = None

    def pager(self, client):
        """Pages through the whole own list and opens each item, as a sync client does."""
        yield from self.sign_in(client)
        for page in range(1, 4):
            for ident in self.design.ids((yield self.design.mine(client, page))):
                yield Wait(0.4)
                yield self.design.open(client, ident)

    def tries(self, client, secrets, pause):
        """Signs in with these and no more."""
        for secret in secrets:
            yield self.design.login(client, client.who, secret)
            yield self.think(pause)

    def again(self, client, pause, until):
        """A stale device repeats the password from before."""
        for _ in range(int(until / pause)):
            yield self.design.login(client, client.who, "before-the-change")
            yield Wait(pause)

    def probe(self, client, every, until):
        """Monitoring."""
        for _ in range(int(until / every)):
            yield self.design.health(client)
            yield Wait(every)

    def staff(self, client):
        """Lists everybody's things and opens them."""
        yield from self.sign_in(client)
        for page in range(1, 4):
            answer = yield self.design.all(client, page)
            for ident in self.design.ids(answer)[:25]:
                yield self.think(3)
                yield self.design.open(client, ident)

    def crawler(self, client):
        """A search robot on public pages."""
        for page in range(1, 11):
            yield self.design.catalogue(client, page)
            for item in range(20 * page - 19, 20 * page + 1):
                yield Wait(1)
                yield self.design.item(client, item)

    def shared(self, client, ident):
        """Opens a link that a friend sent."""
        self.world.thing(ident).readers.add(client.who)
        yield from self.sign_in(client)
        yield self.think(5)
        yield self.design.open(client, ident)
        yield self.design.guarded(client, ident)

    def roaming(self, client, other):
        """Leaves the house: the address changes, the session stays."""
        yield from self.visit(client, steps=4)
        client.move(other)
        found = self.design.ids((yield self.design.mine(client, 1)))
        for ident in found[:4]:
            yield self.think(7)
            yield self.design.open(client, ident)

    def poller(self, client):
        """A dashboard asks for the own list every fifteen seconds."""
        yield from self.sign_in(client)
        for _ in range(int(300 * self.scale)):
            yield Wait(15)
            yield self.design.mine(client, 1)

    def suite(self, client, first):
        """A test suite signs in with its accounts, and checks that a wrong password is refused."""
        for index in range(first, first + 12):
            client.who, client.secret = name_of(index, self.world.names), secret_of(index)
            yield from self.sign_in(client, form=False)
            client.cookies, client.token, client.signed = {}, None, None
        yield self.design.login(client, client.who, "wrong")

    def renewed(self, client):
        """All passwords were changed by the house: the old one, the old one again, then the new one."""
        yield self.design.login(client, client.who, "Old-" + client.secret)
        yield self.think(9)
        if self.draw.random() < 0.4:
            yield self.design.login(client, client.who, "Old-" + client.secret)
            yield self.think(9)
        yield from self.visit(client, steps=3)

    def join(self, client, index):
        """Makes an account, and signs in with it."""
        client.who, client.secret = f"new{name_of(index, self.world.names)}", secret_of(index)
        ask = self.design.signup(client, client.who, client.secret)
        if ask:
            yield ask
            yield self.think(6)
            yield from self.sign_in(client, form=False)

    def switch(self, state):
        """Breaks or mends sign-in."""
        self.world.down = state
        yield Wait(0)

    # The day ---------------------------------------------------------------------------------------------------

    def benign(self):
        """Everybody who means no harm."""
        add, draw, world = self.stage.add, self.draw, self.world
        regulars = []
        for _ in range(8 if self.small else 55):
            client = self.user("customer")
            regulars.append(client)
            for visit in range(max(1, round(draw.choice([2, 3, 5]) * self.scale))):
                client = again(client) if visit else client
                add(draw.uniform(0, 9.5 * HOUR), self.visit(client, draw.choice([0] * 8 + [1, 1, 2])), client)
        probe = self.person("probe", "monitoring", "127.19.2.2", "curl")
        add(1, self.probe(probe, 60 if self.small else 30, 9.5 * HOUR / (4 if self.small else 1)), probe)
        staff = self.person("support", "staff: lists and opens everybody's things")
        staff.who, staff.secret = "support", "support-secret"
        add(2.8 * HOUR, self.staff(staff), staff)
        client = self.user("pages through the own list and opens each item", None, "okhttp")
        add(1.7 * HOUR, self.pager(client), client)
        client = self.user("mistypes three times")
        add(1.2 * HOUR, self.visit(client, wrong=3), client)
        if self.small:
            return
        auditor = self.person("auditor", "a second one, later")
        auditor.who, auditor.secret = "auditor", "auditor-secret"
        add(6.6 * HOUR, self.staff(auditor), auditor)
        for at in range(12):
            client = self.user("office: twelve people behind one address, at nine", "127.19.0.9", "chrome")
            add(HOUR + draw.uniform(0, 500), self.visit(client, draw.choice([0, 0, 0, 1, 2])), client)
        for at in (2.5, 7.5):
            client = self.user("forgot it and gives up")
            add(at * HOUR, self.tries(client, ["was", "it", "this", "one"], 15), client)
        for at in (5.2, 5.9):
            client = self.user("sync client", None, "okhttp")
            add(at * HOUR, self.pager(client), client)
        client = self.user("an old device repeats an old password")
        add(0.7 * HOUR, self.again(client, 300, 5 * HOUR), client)
        client = self.person("crawler", "search crawler on public pages", None, "requests", "Mozilla/5.0 (compatible; FindBot/2.1)")
        add(4 * HOUR, self.crawler(client), client)
        for number in range(3):
            client = self.user("opens a shared link")
            add(5 * HOUR + number * 11, self.shared(client, world.everything[number // 2]), client)
        client = self.user("phone moves from Wi-Fi to mobile", "127.19.3.3", "safari")
        add(3.4 * HOUR, self.roaming(client, "127.19.4.4"), client)
        client = self.user("dashboard polls every 15 s")
        add(1.5 * HOUR, self.poller(client), client)
        client = self.user("power user")
        for at in (0.9, 2.0, 3.3, 4.8, 6.2, 7.7, 8.8):
            client = again(client)
            add(at * HOUR, self.visit(client, steps=40), client)
        client = self.person("suite", "test suite signs in with its accounts", "127.19.5.5", "requests")
        add(2.1 * HOUR, self.suite(client, 100), client)
        for _ in range(14):
            client = self.user("all passwords were changed: old one first")
            add(3.9 * HOUR + draw.uniform(0, 1500), self.renewed(client), client)
        for index in range(14):
            client = self.person(f"workshop{index}", "fourteen people of a workshop make accounts from one address", "127.19.6.6", "chrome")
            add(5.7 * HOUR + draw.uniform(0, 400), self.join(client, 400 + index), client)
        idle = Client(self.stage, "127.19.9.9", "curl")
        for at, state in ((4.5, "deny"), (4.66, None), (8.2, "503"), (8.4, None)):
            add(at * HOUR, self.switch(state), idle)
        for number, old in enumerate(regulars[:24]):
            client = again(old)
            add((4.51 if number < 14 else 8.21) * HOUR + number * 20, self.tries(client, [old.secret] * 3, 10), client)

    # The attacks -----------------------------------------------------------------------------------------------

    def attacks(self):
        """Noisy, spread out and slow; some that succeed and some that fail."""
        if self.small:
            return self.few()
        add, draw = self.stage.add, self.draw
        leaked = lambda n: (name_of(1000 + n, self.world.names), f"leaked-{n}")
        victim = lambda n: (name_of(110 + n, self.world.names), secret_of(110 + n))
        pairs = [leaked(n) for n in range(90)] + [victim(0), victim(1)]
        draw.shuffle(pairs)
        [client] = self.attacker("E01-stuffing-noisy", "credential_stuffing", "noisy", True, "92 pairs from one address, 2 right", ["127.66.1.1"], "requests")
        add(5.5 * HOUR, self.stuff(client, pairs, 3), client)
        pairs = [leaked(n) for n in range(200, 300)] + [victim(2)]
        draw.shuffle(pairs)
        many = self.attacker("E02-stuffing-distributed", "credential_stuffing", "distributed", True, "45 addresses, 2 or 3 pairs each, within 75 minutes",
                             [f"127.67.{n}.{n + 7}" for n in range(45)], "chrome")
        for at, client in enumerate(many):
            own, pairs = pairs[:draw.choice([2, 2, 3])], pairs[2:]
            add(6.9 * HOUR + at * 100 + draw.uniform(0, 60), self.stuff(client, own, 20), client)
        [client] = self.attacker("E03-stuffing-slow", "credential_stuffing", "low-and-slow", False, "30 accounts from one address over seven hours", ["127.66.3.3"], "firefox")
        add(2.3 * HOUR, self.stuff(client, [leaked(n) for n in range(400, 430)], 840), client)
        run = self.sequence(4 + len(self.world.everything) // 3)
        self.bola("E04-bola-noisy", "noisy", True, "reads 60 things of others within two minutes", run[:60], 2, 3.1, False, False)
        self.bola("E05-bola-slow", "low-and-slow", True, "28 things of others over four hours amid normal use", draw.sample(run, 28), 500, 4.1, True, False)
        self.bola("E06-bola-refused", "noisy", False, "40 of others, all refused", run[100:140], 2, 7.2, False, True)
        for episode, count, pause, at, volume in (("E07-rate-noisy", 500, 0.5, 8.6, "noisy"), ("E08-rate-quieter", 260, 2.2, 7.9, "quiet")):
            [client] = self.attacker(episode, "rate_abuse", volume, True, f"{count} list requests", [f"127.66.9.{count % 200}"], "okhttp")
            add(at * HOUR, self.hammer(client, count, pause), client)
        clients = self.attacker("E09-bola-distributed", "bola_enumeration", "distributed", True,
                                "three accounts share a walk over 75", ["127.68.1.1", "127.68.2.2", "127.68.3.3"], "firefox")
        for at, client in enumerate(clients):
            add(6.3 * HOUR + at * 40, self.walk(client, run[200 + at:275:3], 9, False, False), client)

        self.accounts(victim)

    def accounts(self, victim):
        """Attacks on accounts one by one, and on sessions; and people who only forgot."""
        add, draw = self.stage.add, self.draw
        for episode, volume, success, count, pause, at, address in (
                ("E10-brute-noisy", "noisy", True, 60, 3, 5.1, "127.69.1.1"), ("E11-brute-slow", "low-and-slow", False, 40, 280, 4.4, "127.69.2.2")):
            who, right = victim(5 + (not success))
            guesses = [(who, f"guess-{n}") for n in range(count)] + [(who, right)] * success
            [client] = self.attacker(episode, "brute_force", volume, success, f"{count} secrets on one account", [address], "requests" if success else "chrome")
            add(at * HOUR, self.stuff(client, guesses, pause), client)
        sprayed = [victim(n)[0] for n in range(7, 31)] + [name_of(2000 + n, self.world.names) for n in range(12)]
        draw.shuffle(sprayed)
        for episode, volume, clients, pause, at in (("E12-spray", "noisy", 3, 25, 6.4), ("E13-spray-distributed", "distributed", 18, 900, 2.8)):
            many = self.attacker(episode, "password_spraying", volume, False, f"one secret on {len(sprayed)} accounts from {clients} addresses",
                                 [f"127.69.{10 + clients}.{n + 1}" for n in range(clients)], "firefox")
            for number, client in enumerate(many):
                add(at * HOUR + number * pause / clients, self.stuff(client, [(who, f"Season-{clients}") for who in sprayed[number::clients]], pause), client)
        for episode, volume, count, profile, at in (("E14-hijack", "quiet", 8, "requests", 6.05), ("E15-hijack-single", "quiet", 1, "curl", 7.55)):
            owner = self.user("robbed of a session")
            [thief] = self.attacker(episode, "session_hijack", volume, True, f"{count} requests with the session of another", [f"127.70.{count}.9"], profile,
                                    {"victim": owner.who})
            add((at - 0.05) * HOUR, self.robbed(owner), owner)
            add(at * HOUR, self.rob(thief, owner, count), thief)
        for number in range(3):
            client = self.user("look-alike: forgot the password, tries ten on the own device")
            add((3.3 + number) * HOUR, self.visit(client), client)
            add((4.3 + number) * HOUR, self.visit(again(client), wrong=10), client)

    def robbed(self, client):
        """Goes on for a quarter of an hour."""
        yield from self.sign_in(client)
        for _ in range(14):
            yield self.design.mine(client, 1)
            yield self.think(60)

    def rob(self, thief, owner, count):
        """Uses whatever the owner was given."""
        own = {key: value for key, value in vars(owner).items() if key not in ("lab", "address", "profile", "agent", "episode", "connection", "used")}
        vars(thief).update(own, cookies=dict(owner.cookies))
        for _ in range(count):
            yield self.design.mine(thief, 1)
            yield Wait(self.draw.uniform(5, 20))

    def few(self):
        """Three attacks for a small population."""
        leaked = lambda n: (name_of(1000 + n, self.world.names), f"leaked-{n}")
        [client] = self.attacker("E01-stuffing-noisy", "credential_stuffing", "noisy", False, "25 pairs from one address", ["127.66.1.1"], "requests")
        self.stage.add(7.5 * HOUR, self.stuff(client, [leaked(n) for n in range(25)], 5), client)
        self.bola("E04-bola-noisy", "noisy", True, "reads 30 things of others", self.sequence(20)[:30], 3, 6.1, False, False)
        [client] = self.attacker("E07-rate-noisy", "rate_abuse", "noisy", True, "300 list requests", ["127.66.9.7"], "okhttp")
        self.stage.add(8.6 * HOUR, self.hammer(client, 300, 0.6), client)

    def sequence(self, skip):
        """Things to walk through: numbers in order, or ids that leaked somewhere."""
        known = list(self.world.things) if self.world.ids == "number" else self.world.everything
        return known[skip:] + known[:skip]

    def bola(self, episode, volume, success, text, idents, pause, at, own, guarded):
        """One walker."""
        address = f"127.66.{4 + len(self.episodes)}.4"
        [client] = self.attacker(episode, "bola_enumeration", volume, success, text, [address], "chrome")
        self.stage.add(at * HOUR, self.walk(client, idents, pause, own, guarded), client)

    def stuff(self, client, pairs, pause):
        """Tries pairs."""
        for user, secret in pairs:
            yield self.design.login(client, user, secret)
            yield Wait(self.draw.uniform(0.5, 1.5) * pause)

    def walk(self, client, idents, pause, own, guarded):
        """Opens what belongs to others, amid what is the own."""
        design = self.design
        yield from self.sign_in(client)
        for ident in idents:
            if own and self.draw.random() < 0.5:
                for mine in design.ids((yield design.mine(client, 1)))[:2]:
                    yield self.think(8)
                    yield design.open(client, mine)
            yield design.guarded(client, ident) if guarded else design.open(client, ident)
            yield Wait(self.draw.uniform(0.6, 1.4) * pause)

    def hammer(self, client, count, pause):
        """Asks for the same again and again."""
        yield from self.sign_in(client)
        for _ in range(count):
            yield self.design.mine(client, 1)
            yield Wait(self.draw.uniform(0.2, 1.8) * pause)


def again(client):
    """The same device on another visit."""
    other = Client(client.lab, client.address, client.profile, client.agent)
    other.who, other.secret, other.index = client.who, client.secret, getattr(client, "index", 0)
    return other
