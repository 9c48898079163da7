"""A usual day: customers (a third behind a carrier's NAT), a call centre, payrolls."""
import urllib.parse

from ..clients import Client
from ..http import get, post
from ..names import FIRST

CENTRE = "192.0.2.15"
RIGHTS = 7000  # seconds after which a token is renewed


def number(user):
    """A user's number as it stands in a query."""
    return urllib.parse.quote(user["phone"])


class Session:
    """A user at a program."""

    def __init__(self, day, client, user):
        self.day, self.client, self.user = day, client, user
        self.dice, self.service, self.play = day.dice, day.service, day.simulation
        self.token = self.renewal = None
        self.until = 0

    @property
    def headers(self):
        """The credential."""
        return [("Authorization", "Bearer " + self.token)]

    def get(self, path):
        """A GET with the credential."""
        return get(path, self.headers)

    def post(self, path, body, headers=()):
        """A POST with the credential."""
        return post(path, body, [*self.headers, *headers])

    def ask_code(self, device=None):
        """Asks for a code by SMS."""
        device = device or self.user["device"]
        return post("/m/auth/start", {"msisdn": self.user["phone"], "did": device})

    def give_code(self, reference, right=True, device=None):
        """Gives the code, or a wrong one."""
        code = f"{self.service.dice.randrange(10**6):06d}"
        if right:
            code = self.service.codes[reference][1]
        body = {"ref": reference, "otp": code, "did": device or self.user["device"]}
        return post("/m/auth/verify", body)

    def sign_in(self, wrong=0):
        """Signs in, after some wrong codes; now and then the code has to be sent again."""
        answer = yield self.ask_code()
        yield self.dice.uniform(6, 20)
        if self.dice.random() < 0.06:
            answer = yield self.ask_code()
            yield 10
        reference = answer.json["ref"]
        for _ in range(wrong):
            yield self.give_code(reference, right=False)
            yield 5
        answer = yield self.give_code(reference)
        self.token, self.renewal = answer.json["jwt"], answer.json["rt"]
        self.until = self.play.now + RIGHTS

    def renew(self):
        """Renews the token when it is due."""
        if self.play.now > self.until:
            answer = yield post("/m/auth/renew", {"rt": self.renewal})
            self.token, self.until = answer.json["jwt"], self.play.now + RIGHTS

    def quote(self, payee, amount, wallet=None):
        """The first step of a transfer."""
        wallet = wallet or self.user["wallets"][0]
        return self.post("/m/transfer/quote", {"from": wallet, "payee": payee, "amt": amount})

    def transfer(self, payee, amount, wallet=None, typo=False):
        """All three steps; the last again while the service fails."""
        answer = yield self.quote(payee, amount, wallet)
        key = answer.json["qid"]
        yield self.dice.uniform(2, 9)
        if typo:
            yield self.post("/m/transfer/confirm", {"qid": key, "pin": "0001"})
            yield 4
        answer = yield self.post("/m/transfer/confirm", {"qid": key, "pin": self.user["pin"]})
        body = {"qid": key, "ctok": answer.json["ctok"], "payee": payee}
        yield 0.5
        header = ("Idempotency-Key", self.service.uuid())
        for _ in range(4):
            answer = yield self.post("/m/transfer/execute", body, [header])
            if answer.status != 503:
                break
            yield 2


class Day:
    """Everybody who uses the service."""

    def __init__(self, service, simulation):
        self.service, self.simulation, self.dice = service, simulation, simulation.dice

    def session(self, user, ip, profile, episode=None):
        """A user at a program without cookies."""
        return Session(self, Client(ip, profile, episode, cookies=False), user)

    def begin(self):
        """Starts everybody."""
        play = self.simulation
        for k, user in enumerate(self.service.having("cust")):
            shared = k % 3 == 0
            ip = f"100.64.1.{k % 4 + 1}" if shared else f"178.{k}.3.{k + 1}"
            session = self.session(user, ip, "okhttp" if k % 2 else "ios")
            note = "customer behind a carrier's NAT" if shared else "customer"
            play.actor(user["id"], [ip], note, user["id"])
            play.start(self.dice.uniform(0, 7000), session.client,
                       self.customer(session, k % 5 == 0))
        for k, user in enumerate(self.service.having("agent")):
            session = self.session(user, CENTRE, "chrome")
            play.actor(user["id"], [CENTRE], "call centre behind one address", user["id"])
            play.start(500 + 200 * k, session.client, self.agent(session))
        for k, user in enumerate(self.service.having("merchant")[:3]):
            for _ in range(12):
                self.service.add_payee(user)
            session = self.session(user, f"194.5.{k}.9", "go")
            play.actor(user["id"], [session.client.ip], "payroll", user["id"])
            play.start(3000 + k * 1500, session.client, self.payroll(session))

    def customer(self, session, polls):
        """Six visits."""
        dice, user = self.dice, session.user
        yield from session.sign_in(dice.choice([0, 0, 0, 1, 2]))
        yield session.get("/m/me")
        for _ in range(6):
            yield from session.renew()
            yield from self.banking(session)
            if dice.random() < 0.15:
                yield session.get("/m/kyc/" + user["document"])
            if dice.random() < 0.15:
                body = {"name": user["name"], "email": user["email"], "lang": "fr"}
                yield session.post("/m/profile", body)
            if dice.random() < 0.2:
                other = dice.choice(list(self.service.users.values()))
                yield session.get("/m/payees/resolve?msisdn=" + number(other))
            if dice.random() < 0.15:
                right = dice.random() < 0.7
                code = "KIVO5" + self.service.word(3) if right else self.service.word(8)
                yield session.post("/m/vouchers/redeem", {"code": code})
            for _ in range(12 if polls else 0):
                since = int(self.simulation.epoch + self.simulation.now)
                yield session.get(f"/m/notifications?since={since}")
                yield 30
            if dice.random() < 0.3:  # onto the carrier's network
                session.client.ip = f"100.64.1.{dice.randrange(1, 5)}"
            yield dice.uniform(1500, 5500)

    def banking(self, session):
        """Wallets, transactions, a transfer."""
        dice, user = self.dice, session.user
        answer = yield session.get("/m/wallets")
        wallet = dice.choice(answer.json["wallets"])["wid"]
        answer = yield session.get(f"/m/wallets/{wallet}/tx?page=1")
        rows = answer.json["tx"]
        for row in dice.sample(rows, min(len(rows), dice.randrange(0, 4))):
            yield session.get("/m/tx/" + row["txid"])
            yield dice.uniform(2, 12)
        if dice.random() < 0.3:
            yield session.get(f"/m/wallets/{wallet}/tx?page=2")
        if dice.random() < 0.6:
            yield session.get("/m/payees")
            yield 4
            if dice.random() < 0.2:
                body = {"name": dice.choice(FIRST).title(), "pin": user["pin"]}
                yield session.post("/m/payees", {**body, "iban": self.service.iban("CH", 19)})
            payee, amount = dice.choice(user["payees"]), dice.randrange(10, 250)
            yield from session.transfer(payee, amount, wallet, dice.random() < 0.1)

    def agent(self, session):
        """Looks customers up, at their call."""
        dice = self.dice
        yield from session.sign_in()
        for _ in range(28):
            yield from session.renew()
            other = dice.choice(list(self.service.users.values()))
            yield session.get("/m/admin/users?msisdn=" + number(other))
            yield dice.uniform(10, 40)
            for wallet in other["wallets"]:
                yield session.get(f"/m/wallets/{wallet}/tx?page=1")
                yield dice.uniform(10, 60)
            if dice.random() < 0.4:
                rows = self.service.wallets[other["wallets"][0]]["tx"]
                yield session.get("/m/tx/" + dice.choice(rows))
            if dice.random() < 0.3:
                yield session.get("/m/kyc/" + other["document"])
            if dice.random() < 0.3:
                yield session.post("/m/admin/limits", {"user": other["id"], "limit": 2000})
            yield dice.uniform(300, 1100)

    def payroll(self, session):
        """Fourteen transfers in a row, three times."""
        dice, user = self.dice, session.user
        yield from session.sign_in()
        for _ in range(3):
            yield from session.renew()
            yield session.get("/m/payees")
            for _ in range(14):
                yield from session.transfer(
                    dice.choice(user["payees"]), dice.randrange(900, 2500))
                yield dice.uniform(5, 15)
            yield 8000
