"""A day at the kiosk: customers with a single-page front end, its administrator, and attacks."""
import base64
import hashlib
import json
import subprocess

from ..lab.actors import Ask, Wait
from ..lab.cast import Cast, again, jar
from ..lab.server import Running, wait_for

SOFTWARE = {"server": "Node", "clients": "http.client with the header orders of browsers and libraries"}
PORT = 5671


def start(_out):
    """Starts the kiosk."""
    node = subprocess.Popen(["node", "scripts/lab/kiosk/app.js", str(PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(PORT)
    return Running("kiosk.example:5671", PORT, PORT, [node])


def email(n):
    """A customer."""
    return f"{('liv', 'odd', 'siri', 'tor', 'ada', 'jens', 'nora')[n % 7]}{n}@{('kiosk', 'bygd')[n % 2]}.example"


def secret(n):
    """Its password."""
    return f"Saft-{n * 61 % 499}"


def totp(who):
    """The second factor."""
    return f"{int(hashlib.md5((who + 'totp').encode()).hexdigest()[:8], 16) % 1000000:06}"


def login(who, word):
    """Sign-in."""
    return Ask("POST", "/rest/user/login", body={"email": who, "password": word})


class Day(Cast):
    """Writes the script of the day."""

    NET, AGENTS = 90, (("chrome", None), ("firefox", None), ("safari", None), ("okhttp", None))

    def customer(self, n, note="customer", **place):
        """A customer and the client."""
        client = self.person(email(n), note, **place)
        client.word = secret(n)
        return client

    def ask(self, client, method, path, body=None):
        """One call with the own token."""
        return Ask(method, path, body=body, token=client.token)

    # What people do -------------------------------------------------------------------------------------------

    def enter(self, client, wrong=0):
        """Opens the page and signs in; with a second step where that is wanted."""
        yield Ask("GET", "/")
        yield Ask("GET", "/rest/admin/application-version")
        yield Ask("GET", "/rest/products/search?q=")
        for n in range(wrong):
            yield login(client.who, client.word + "qwe"[n])
            yield self.think(7)
        answer = yield login(client.who, client.word)
        if answer.json().get("status") == "totp_token_required":
            half = answer.json()["data"]["tmpToken"]
            for code in self.draw.choice([[], [], ["123456"]]) + [totp(client.who)]:
                yield self.think(12)
                answer = yield Ask("POST", "/rest/2fa/verify", body={"tmpToken": half, "totpToken": code})
        got = answer.json().get("authentication", {})
        client.token, client.basket = got.get("token"), got.get("bid")
        client.number = (yield self.ask(client, "GET", "/rest/user/whoami")).json()["user"].get("id")
        yield self.ask(client, "GET", f"/rest/basket/{client.basket}")

    def visit(self, client, wrong=0, steps=None):
        """Looks at juices, fills the basket, orders, tracks."""
        draw, ask = self.draw, self.ask
        yield from self.enter(client, wrong)
        for _ in range(steps or draw.randint(4, 12)):
            yield self.think(13)
            what = draw.random()
            if what < 0.3:
                yield ask(client, "GET", f"/rest/products/search?q={draw.choice(['', 'apple', 'berry', 'dill+juice'])}")
                n = draw.randint(1, 36)
                yield ask(client, "GET", f"/api/Products/{n}")
                yield ask(client, "GET", f"/rest/products/{n}/reviews")
                if draw.random() < 0.15:
                    yield ask(client, "PUT", f"/rest/products/{n}/reviews", {"message": "It's good -- 5/5 <3", "author": client.who})
            elif what < 0.6:
                made = yield ask(client, "POST", "/api/BasketItems/", {"ProductId": draw.randint(1, 36), "BasketId": str(client.basket), "quantity": 1})
                yield ask(client, "GET", f"/rest/basket/{client.basket}")
                if draw.random() < 0.4:
                    yield ask(client, "PUT", f"/api/BasketItems/{made.json()['data']['id']}", {"quantity": 2})
                if draw.random() < 0.3:
                    for code in draw.choice([["WELCOME10"], ["WELCOME1O", "WELCOME10"]]):
                        yield ask(client, "PUT", f"/rest/basket/{client.basket}/coupon/{code}")
                    done = yield ask(client, "POST", f"/rest/basket/{client.basket}/checkout", {"couponData": "", "orderDetails": {"paymentId": "wallet", "addressId": 1}})
                    yield ask(client, "GET", f"/rest/track-order/{done.json()['orderConfirmation']}")
            elif what < 0.8:
                found = (yield ask(client, "GET", "/rest/order-history")).json()["data"]
                for item in draw.sample(found, min(2, len(found))):
                    yield self.think(6)
                    yield ask(client, "GET", f"/rest/track-order/{item['orderId']}")
            elif what < 0.92:
                for item in (yield ask(client, "GET", "/api/Addresss")).json()["data"][:1]:
                    yield ask(client, "GET", f"/api/Addresss/{item['id']}")
                yield ask(client, "GET", "/rest/wallet/balance")
            else:
                yield ask(client, "POST", "/api/Feedbacks", {"UserId": client.number, "captchaId": 3, "captcha": "12", "comment": "More ice, please", "rating": 4})

    def newcomer(self, client, role=None):
        """Makes an account and looks around."""
        client.word = "Newcomer-1"
        yield Ask("POST", "/api/Users/", body={"email": client.who, "password": client.word, "passwordRepeat": client.word, "securityQuestion": {"id": 2, "question": "Your first pet?"}, "securityAnswer": "rex", **({"role": role} if role else {})})
        yield self.think(6)
        yield from self.visit(client, steps=4)

    def forgot(self, client, answers):
        """Answers the question for a new password."""
        yield Ask("GET", f"/rest/user/security-question?email={client.who}")
        client.word = "Other-1"
        for answer in answers:
            yield self.think(12)
            yield Ask("POST", "/rest/user/reset-password", body={"email": client.who, "answer": answer, "new": client.word, "repeat": client.word})
        yield from self.visit(client, steps=3)

    def office(self, client):
        """The administrator: all people and orders."""
        yield from self.enter(client)
        yield self.ask(client, "GET", "/rest/user/authentication-details")
        for n in self.draw.sample(range(1, 50), 8):
            yield self.ask(client, "GET", f"/api/Users/{n}")
            yield self.think(8)
        yield self.ask(client, "GET", "/rest/order-history/orders")
        yield self.ask(client, "GET", "/rest/admin/application-configuration")

    def probe(self, client):
        """Monitoring."""
        for _ in range(280):
            yield Ask("GET", "/rest/admin/application-version")
            yield Wait(120)

    def benign(self):
        """Everybody who means no harm."""
        draw, at = self.draw, self.at
        for n in range(42):
            client = self.customer(n)
            for visit in range(max(1, round(draw.choice([1, 2, 3]) * self.scale))):
                own = again(client) if visit else client
                own.word = client.word
                at(draw.uniform(0, 9.5), self.visit(own, draw.choice([0] * 8 + [1, 2, 3])), own)
        probe = self.person("probe", "monitoring", profile="go")
        at(0.02, self.probe(probe), probe)
        for n, hour in ((42, 1.0), (43, 3.3), (44, 6.0)):
            client = self.customer(n, "forgot the password")
            right = ("rex", "oslo", "blue", "pizza", "anna")[n % 5]
            at(hour, self.forgot(client, ["Rex!", right][n % 2:]), client)
        for n, hour in enumerate((0.5, 1.7, 3.0, 4.3, 5.5, 7.2)):
            client = self.person(f"new{n}@bygd.example", "makes an account")
            at(hour, self.newcomer(client), client)
        for who, word, hours in (("admin@kiosk.example", "admin-juice-1", (0.8, 4.0)), ("bookkeeper@kiosk.example", "count-1", (2.0, 6.4))):
            client = self.person(who, "runs the kiosk", profile="firefox")
            client.word = word
            for hour in hours:
                own = again(client)
                own.word = word
                at(hour, self.office(own), own)

    # The attacks -----------------------------------------------------------------------------------------------

    def mine(self, n, episode, *args, **more):
        """An attacker with an account."""
        client = self.foe(episode, *args, username=[f"sneak{n}@bygd.example"], **more)
        client.who = f"sneak{n}@bygd.example"
        return client

    def then(self, client, asks, pause):
        """Makes an account, looks around, sends."""
        yield from self.newcomer(client)
        yield from self.fire([self.ask(client, *ask) for ask in asks], pause)

    def attacks(self):
        """All of them."""
        at = self.at
        leaked = lambda n: (f"{('al', 'bo', 'cy')[n % 3]}{n}@{('fast', 'free')[n % 2]}.example", f"pass{n}word")
        client = self.foe("K01-stuffing", "credential_stuffing", "60 pairs, one right", "requests", success=True)
        at(5.0, self.fire([login(*pair) for pair in [leaked(n) for n in range(45)] + [(email(45), secret(45))] + [leaked(n) for n in range(45, 60)]], 1.5), client)
        for n, client in enumerate(self.foe("K02-stuffing-spread", "credential_stuffing", "22 addresses, three pairs each, within two hours", "chrome", count=22, volume="distributed")):
            at(6.2 + n / 11, self.fire([login(*leaked(100 + 3 * n + k)) for k in range(3)], 30), client)
        client = self.foe("K03-brute", "brute_force", "80 passwords on the administrator", "go")
        at(4.5, self.fire([login("admin@kiosk.example", f"admin{n}") for n in range(80)], 0.5), client)
        client = self.foe("K04-spray", "password_spraying", "one password on 36 accounts, one in 80 s", "firefox", volume="low-and-slow")
        at(7.0, self.fire([login(email(n), "Juice2026") for n in range(36)], 80), client)
        client = self.foe("K05-question", "user_enumeration", "whose security question is there: 70 addresses", "curl")
        at(3.7, self.fire([Ask("GET", f"/rest/user/security-question?email={who}") for who in [leaked(n)[0] for n in range(200, 262)] + [email(n) for n in range(8)]], 0.8), client)
        client = self.foe("K06-answer", "brute_force", "25 answers to the security question of one, the last right, then in", "chrome", success=True, accept=["account_takeover"], victim=email(46))
        at(8.0, self.answer(client, 46), client)
        client = self.foe("K07-second-factor", "brute_force", "has the password; 50 codes, all wrong", "requests", victim=email(49))
        at(8.4, self.second(client, 49), client)
        client = self.foe("K08-signup-enum", "user_enumeration", "which of 40 are customers, by the sign-up", "okhttp", volume="low-and-slow")
        at(6.0, self.fire([Ask("POST", "/api/Users/", body={"email": email(n), "password": "x1234", "passwordRepeat": "x1234", "securityAnswer": "a"}) for n in range(40)], 60), client)
        client = self.mine(1, "K09-baskets", "bola_enumeration", "reads baskets 1 to 40", "chrome", success=True)
        at(5.3, self.then(client, [("GET", f"/rest/basket/{n}") for n in range(1, 41)], 0.7), client)
        client = self.mine(2, "K10-basket-one", "bola", "reads two baskets of others", "safari", success=True, volume="quiet")
        at(6.8, self.then(client, [("GET", "/rest/basket/7"), ("GET", "/rest/basket/12")], 20), client)
        client = self.mine(3, "K11-addresses", "bola_enumeration", "tries 35 addresses of others, all refused with 400", "requests")
        at(7.3, self.then(client, [("GET", f"/api/Addresss/{n}") for n in range(2, 37)], 0.9), client)
        client = self.mine(4, "K12-users", "bola_enumeration", "reads users 1 to 45", "go", success=True, accept=["excessive_data_exposure", "bfla", "user_enumeration"])
        at(7.6, self.then(client, [("GET", f"/api/Users/{n}") for n in range(1, 46)], 0.5), client)
        client = self.mine(5, "K13-details", "excessive_data_exposure", "the list of all users with hashes", "curl", success=True, volume="quiet", accept=["bfla"])
        at(7.9, self.then(client, [("GET", "/rest/user/authentication-details")], 5), client)
        client = self.mine(6, "K14-admin-refused", "bfla", "tries three functions of those who run the kiosk, refused", "firefox")
        at(8.2, self.then(client, [("GET", "/rest/order-history/orders"), ("GET", "/rest/admin/application-configuration"), ("GET", "/rest/admin/users")], 10), client)
        client = self.mine(7, "K15-admin-signup", "mass_assignment", "makes an account as administrator and uses it", "chrome", success=True, accept=["bfla"])
        at(8.6, self.rise(client), client)
        for episode, n, profile, hour, count in (("K16-hijack", 47, "curl", 3.2, 8), ("K17-hijack-browser", 48, "firefox", 7.1, 4)):
            victim = self.customer(n, "robbed of the token", profile="safari")
            thief = self.foe(episode, "session_hijack", f"{count} requests with a stolen token in turns with the owner", profile, success=True, volume="quiet", accept=["account_takeover"], victim=email(n))
            at(hour - 0.05, self.stay(victim), victim)
            at(hour, self.rob(thief, victim, count), thief)
        client = self.mine(8, "K18-forged", "jwt_tampering", "own claims changed, no signature; own claims changed, old signature", "requests", accept=["auth_bypass"])
        at(5.8, self.forge(client), client)
        client = self.mine(9, "K19-hammer", "rate_abuse", "350 pieces of feedback", "requests", success=True)
        at(4.2, self.then(client, [("POST", "/api/Feedbacks", {"UserId": 3, "comment": "x", "rating": 1})] * 350, 0.8), client)

    def answer(self, client, n):
        """Guesses the answer."""
        guesses = [f"pet{k}" for k in range(24)] + [("rex", "oslo", "blue", "pizza", "anna")[n % 5]]
        yield Ask("GET", f"/rest/user/security-question?email={email(n)}")
        yield from self.fire([Ask("POST", "/rest/user/reset-password", body={"email": email(n), "answer": guess, "new": "Owned-1", "repeat": "Owned-1"}) for guess in guesses], 3)
        client.who, client.word = email(n), "Owned-1"
        yield from self.enter(client)

    def second(self, client, n):
        """Guesses the code."""
        half = (yield login(email(n), secret(n))).json()["data"]["tmpToken"]
        yield from self.fire([Ask("POST", "/rest/2fa/verify", body={"tmpToken": half, "totpToken": f"{(int(totp(email(n))) + k) % 1000000:06}"}) for k in range(1, 51)], 1)

    def rise(self, client):
        """An account with a role."""
        yield from self.newcomer(client, role="admin")
        yield from self.fire([self.ask(client, "GET", path) for path in ("/rest/order-history/orders", "/rest/admin/application-configuration")], 10)

    def stay(self, client):
        """Is there for a quarter of an hour."""
        yield from self.enter(client)
        for n in range(16):
            yield self.ask(client, "GET", ("/rest/order-history", f"/rest/basket/{client.basket}", "/rest/wallet/balance")[n % 3])
            yield self.think(50)

    def rob(self, thief, victim, count):
        """Uses the token."""
        jar(thief, victim)
        yield from self.fire([self.ask(thief, "GET", ("/rest/user/whoami", "/rest/order-history", "/rest/wallet/balance", "/api/Addresss")[n % 4]) for n in range(count)], 20)

    def forge(self, client):
        """Changes the own token."""
        yield from self.newcomer(client)
        head, body, mark = client.token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        claims["data"].update(id=57, email="admin@kiosk.example", role="admin")
        part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
        for forged in (f"{part({'typ': 'JWT', 'alg': 'none'})}.{part(claims)}.", f"{head}.{part(claims)}.{mark}", f"{part({'typ': 'JWT', 'alg': 'NoNe'})}.{part(claims)}."):
            yield Ask("GET", "/rest/order-history/orders", token=forged)
            yield self.think(10)
