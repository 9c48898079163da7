"""Attacks on the wallet."""
from ..http import get
from .day import CENTRE, number
from .world import decode, token

REPEATED = ("Idempotency-Key", "11111111-1111-4111-8111-111111111111")


class Attacks:
    """Each method plays one episode; some sign in first, in the user's own name."""

    def __init__(self, day):
        self.day, self.dice, self.service = day, day.dice, day.service
        self.customers = day.service.having("cust")
        self.everybody = list(day.service.users.values())

    def now(self):
        """Seconds since the epoch."""
        return int(self.day.simulation.epoch + self.day.simulation.now)

    def claims(self, user, issued, roles=("cust",)):
        """What a token says of a user."""
        return {"sub": user["id"], "did": user["device"], "roles": list(roles), "iat": issued,
                "exp": issued + 7200}

    def guesses_code(self, session):
        """E01"""
        answer = yield session.ask_code("x1")
        reference = answer.json["ref"]
        yield 3
        for _ in range(9):
            yield session.give_code(reference, right=False, device="x1")
            yield 4
        answer = yield session.give_code(reference, device="x1")
        session.token = answer.json["jwt"]
        yield session.get("/m/me")
        yield session.get("/m/wallets")

    def pumps_messages(self, session):
        """E02"""
        for k in range(60):
            session.user = {"phone": f"+88213{5500 + k * 7:07d}", "device": self.service.uuid()}
            yield session.ask_code()
            yield self.dice.uniform(10, 30)

    def bombs_number(self, session):
        """E03"""
        for _ in range(9):
            yield session.ask_code("y")
            yield 40

    def unsigned(self, session):
        """E04"""
        session.token = token(self.claims(session.user, self.now()), "none")
        yield session.get("/m/me")
        yield 5
        yield session.get("/m/wallets")

    def resigned(self, session):
        """E05"""
        yield from session.sign_in()
        head, payload, signature = session.token.split(".")
        yield 60
        session.client.episode = "E05"
        forged = token({**decode(payload), "roles": ["agent"]})
        broken = ".".join((head, forged.split(".")[1], signature))
        path = "/m/admin/users?msisdn="
        credential = [("Authorization", "Bearer " + broken)]
        yield get(path + number(self.customers[9]), credential)
        yield 200
        session.token = forged
        for k in (9, 10, 11):
            yield session.get(path + number(self.customers[k]))
            yield 9

    def expired(self, session):
        """E06"""
        issued = int(self.day.simulation.epoch) + 600
        session.token = token(self.claims(session.user, issued))
        yield session.get("/m/wallets")
        yield 9
        yield session.get("/m/payees")

    def one_document(self, session):
        """E07"""
        yield from session.sign_in()
        yield session.get("/m/me")
        yield 20
        session.client.episode = "E07"
        yield session.get("/m/kyc/" + self.customers[20]["document"])

    def wallets(self, session):
        """E08"""
        yield from session.sign_in()
        session.client.episode = "E08"
        wallets = self.service.wallets.items()
        others = [key for key, wallet in wallets if wallet["user"] is not session.user]
        for key in others[10:34]:
            yield session.get(f"/m/wallets/{key}/tx?page=1")
            yield self.dice.uniform(3, 8)

    def victim(self, session, thief):
        """Whose token is used in E09 and E18."""
        yield from session.sign_in()
        yield session.get("/m/wallets")
        thief.token = session.token
        for k in range(10):
            yield session.get(f"/m/notifications?since={k}")
            yield 45

    def takes_all(self, session):
        """E09"""
        user = session.user
        yield session.get("/m/wallets")
        yield 20
        answer = yield self.new_payee(session, "Max Muster")
        yield 10
        balance = int(self.service.wallets[user["wallets"][0]]["bal"])
        yield from session.transfer(answer.json["pid"], balance - 5)

    def new_payee(self, session, name):
        """A payee at a bank abroad."""
        iban = self.service.iban("LT", 18)
        body = {"name": name, "iban": iban, "pin": session.user["pin"]}
        return session.post("/m/payees", body)

    def looks(self, session):
        """E18"""
        for name in ("wallets", "payees", "me"):
            yield session.get("/m/" + name)
            yield 50

    def skips_pin(self, session):
        """E10"""
        yield from session.sign_in()
        session.client.episode = "E10"
        payee = session.user["payees"][0]
        answer = yield session.quote(payee, 400)
        yield 2
        body = {"qid": answer.json["qid"], "payee": payee}
        header = ("Idempotency-Key", self.service.uuid())
        yield session.post("/m/transfer/execute", body, [header])

    def repeats(self, session):
        """E11"""
        yield from session.sign_in()
        payee = session.user["payees"][0]
        answer = yield session.quote(payee, 100)
        quote = answer.json["qid"]
        yield 5
        body = {"qid": quote, "pin": session.user["pin"]}
        answer = yield session.post("/m/transfer/confirm", body)
        session.client.episode = "E11"
        body = {"qid": quote, "ctok": answer.json["ctok"], "payee": payee}
        for _ in range(7):
            yield session.post("/m/transfer/execute", body, [REPEATED])
            yield 0.3

    def guesses_pin(self, session):
        """E12"""
        yield from session.sign_in()
        session.client.episode = "E12"
        answer = yield session.quote(session.user["payees"][0], 900)
        for k in range(14):
            body = {"qid": answer.json["qid"], "pin": f"{1000 + k * 37}"}
            yield session.post("/m/transfer/confirm", body)
            yield 3

    def raises_limit(self, session):
        """E13"""
        yield from session.sign_in()
        yield 30
        session.client.episode = "E13"
        yield session.get("/m/admin/users?msisdn=%2B4179")
        yield 20
        yield session.post("/m/admin/limits", {"user": session.user["id"], "limit": 100000})

    def vouchers(self, session):
        """E14"""
        yield from session.sign_in()
        session.client.episode = "E14"
        for k in range(45):
            code = "KIVO5" if k == 44 else self.service.word(8)
            yield session.post("/m/vouchers/redeem", {"code": code})
            yield self.dice.uniform(1, 3)

    def own_level(self, session):
        """E15"""
        yield from session.sign_in()
        yield 9
        session.client.episode = "E15"
        user = session.user
        body = {"name": user["name"], "email": user["email"], "lang": "de", "kyc_level": 3}
        yield session.post("/m/profile", body)
        yield 3
        yield session.get("/m/me")

    def draws_all(self, session):
        """E16"""
        yield from session.sign_in()
        session.client.episode = "E16"
        for user in self.everybody:
            yield session.get("/m/admin/users?msisdn=" + number(user))
            yield 1
            yield session.get("/m/kyc/" + user["document"])
            yield self.dice.uniform(1, 3)

    def pays_new_payees(self, session):
        """E17"""
        yield from session.sign_in()
        session.client.episode = "E17"
        for _ in range(6):
            answer = yield self.new_payee(session, self.service.word(6))
            yield 15
            yield from session.transfer(answer.json["pid"], 800)
            yield 30

    def resolves(self, session):
        """E19"""
        yield from session.sign_in()
        session.client.episode = "E19"
        dice = self.service.dice
        for k in range(70):
            phone = "+4179" + str(dice.randrange(10**6, 10**7))
            user = self.dice.choice(self.everybody) if k % 6 == 0 else {"phone": phone}
            yield session.get("/m/payees/resolve?msisdn=" + number(user))
            yield self.dice.uniform(1, 3)


def begin(day):
    """Records and starts all episodes."""
    attacks = Attacks(day)
    by_strangers(day, attacks)
    by_customers(day, attacks)
    by_thieves(day, attacks)
    agent = day.service.having("agent")[2]
    session = day.session(agent, CENTRE, "chrome")
    day.simulation.episode(
        "E16", "data_leakage", "agent draws all customers and passports in 6 min", (),
        agent["id"], also=["rate_abuse", "bola_enumeration", "scraping"], shared=True)
    day.simulation.start(23000, session.client, attacks.draws_all(session))


def by_strangers(day, attacks):
    """Episodes of who isn't the user whose number or token is shown."""
    for k, at, profile, script, kind, also, description in [
        (1, 15000, "requests", attacks.guesses_code, "otp_bruteforce", ["brute_force"],
         "9 wrong codes for one number, then right"),
        (2, 15500, "okhttp", attacks.pumps_messages, "ato.otp_abuse", ["user_enumeration"],
         "codes sent to 60 numbers of one range"),
        (3, 16000, "curl", attacks.bombs_number, "ato.otp_abuse", [],
         "nine codes sent to one number"),
        (4, 16500, "requests", attacks.unsigned, "jwt_tampering", [], "alg none, accepted"),
        (6, 19500, "requests", attacks.expired, "jwt_tampering", ["token_replay"],
         "token expired 3 h ago accepted"),
    ]:
        session = day.session(attacks.customers[k], f"185.9.{k}.1", profile, f"E0{k}")
        day.simulation.episode(f"E0{k}", kind, description, [session.client.ip], also=also)
        day.simulation.start(at, session.client, script(session))


def by_customers(day, attacks):
    """Episodes of customers in their own name, each from an address of its own."""
    sequence, rate, query = "baseline.sequence", "baseline.request_rate", "baseline.query_pattern"
    for name, at, number_of, script, kind, description, more in [
        ("E05", 17000, 4, attacks.resigned, "jwt_tampering",
         "role changed: old signature refused, then signed with the guessed secret, accepted",
         {"also": ["bfla"]}),
        ("E07", 18000, 6, attacks.one_document, "bola", "one KYC document of another customer",
         {"also": ["excessive_data_exposure"], "volume": "quiet"}),
        ("E08", 18500, 7, attacks.wallets, "bola_enumeration",
         "24 wallets of others (holder id in answer)", {}),
        ("E10", 20000, 9, attacks.skips_pin, "business_flow_skip",
         "transfer executed without the PIN step", {"also": [sequence, query], "volume": "quiet"}),
        ("E11", 20300, 10, attacks.repeats, "transaction_replay",
         "one confirmed quote executed seven times", {"also": [sequence, rate]}),
        ("E12", 20600, 11, attacks.guesses_pin, "otp_bruteforce", "14 PINs at the confirmation",
         {"also": ["brute_force"], "success": False}),
        ("E13", 21000, 12, attacks.raises_limit, "bfla", "customer raises his own limit at the "
         "admin function (users refused)", {"volume": "quiet"}),
        ("E14", 21300, 13, attacks.vouchers, "coupon_abuse", "45 voucher codes guessed",
         {"also": [rate, query]}),
        ("E15", 21600, 14, attacks.own_level, "mass_assignment",
         "kyc_level in the profile, reflected", {}),
        ("E17", 23500, 15, attacks.pays_new_payees, "flow.money_movement",
         "six new payees paid within 10 min", {"also": ["account_takeover"]}),
        ("E19", 24500, 19, attacks.resolves, "user_enumeration", "70 numbers resolved to names",
         {"also": [rate, "bola_enumeration"]}),
    ]:
        profile = "okhttp" if number_of % 2 else "ios"
        user = attacks.customers[number_of]
        session = day.session(user, f"178.{number_of + 100}.3.1", profile)
        day.simulation.episode(
            name, kind, description, [session.client.ip], user["id"], **more)
        day.simulation.start(at, session.client, script(session))


def by_thieves(day, attacks):
    """Episodes with tokens of others, while they use them."""
    play, user = day.simulation, attacks.customers[8]
    session = day.session(user, "178.108.3.1", "ios")
    thief = day.session(user, "185.9.9.1", "requests", "E09")
    play.episode("E09", "account_takeover", "stolen token elsewhere: payee added, everything "
                 "transferred", [thief.client.ip], also=["session_hijack"])
    play.start(19000, session.client, attacks.victim(session, thief))
    play.start(19150, thief.client, attacks.takes_all(thief))

    user = attacks.customers[18]
    session = day.session(user, "100.64.1.2", "ios")
    thief = day.session(user, "100.64.1.2", "okhttp", "E18")
    play.episode("E18", "session_hijack", "token used by another device behind the same carrier's "
                 "NAT, interleaved", (), volume="quiet", shared=True)
    play.start(24000, session.client, attacks.victim(session, thief))
    play.start(24150, thief.client, attacks.looks(thief))
