"""Designs whose credential is a value of its own: a token in the query, a key in a header, tokens that are renewed."""
import base64
import hashlib
import hmac
import json

from ..lab.actors import Ask
from .design import Design
from .host import Reply


class Shelf(Design):
    """What these designs share: shelves of records under /records, a public list, an own page."""

    def me(self, request):
        """The account that a request is of."""
        raise NotImplementedError

    def enter(self, request):
        """Answers sign-in and what belongs to it; nothing where the request is another."""
        raise NotImplementedError

    def handle(self, r):
        """The application."""
        world = self.world
        show = lambda t: {"id": t.ident, "owner": t.owner.name, "weight": t.total}
        if r.path == "/up":
            return Reply({"up": True})
        if r.path == "/titles":
            at = 20 * int(r.query.get("page", 1))
            return Reply({"titles": [world.items[n] for n in range(at - 19, at + 1)]})
        if r.path.startswith("/titles/"):
            return Reply(world.items[int(r.path.split("/")[2])])
        if world.down == "503":
            return Reply({"error": "unavailable"}, 503)
        entered = self.enter(r)
        if entered:
            return entered
        me = self.me(r)
        if not me:
            return Reply({"error": "unauthenticated"}, 401)
        if r.path == "/records" and r.method == "POST":
            return Reply(show(world.add(me)), 201)
        if r.path == "/records":
            page = int(r.query.get("page", 1))
            things = world.of(me, page) if me.role != "staff" else list(world.things.values())[50 * page - 50:50 * page]
            return Reply({"records": [show(t) for t in things]})
        found = world.thing(r.path.split("/")[2]) if r.path.startswith("/records/") else None
        if not found:
            return Reply({"error": "not found"}, 404)
        if r.path.endswith("/label") and found.owner is not me and me.role != "staff" and me.name not in found.readers:
            return Reply({"error": "forbidden"}, 403)
        return Reply(show(found))

    def ask(self, client, method, target, body=None):
        """One call, with what the client was given."""
        raise NotImplementedError

    def ids(self, answer):
        return [o["id"] for o in answer.json().get("records", [])]

    def mine(self, client, page):
        return self.ask(client, "GET", f"/records?page={page}")

    all = mine

    def open(self, client, ident):
        return self.ask(client, "GET", f"/records/{ident}")

    def guarded(self, client, ident):
        return self.ask(client, "GET", f"/records/{ident}/label")

    def make(self, client):
        return self.ask(client, "POST", "/records", {"kind": "box"})

    def catalogue(self, client, page):
        return self.ask(client, "GET", f"/titles?page={page}")

    def item(self, client, number):
        return self.ask(client, "GET", f"/titles/{number}")

    def health(self, _client):
        return Ask("GET", "/up")


class Query(Shelf):
    """The session is a parameter of the query (`?tk=`), new with each sign-in."""

    SERVER, HOST, NAMES = "Jetty(11.0)", "shelf.lab", "dotted"

    def me(self, request):
        return self.world.tokens.get(request.query.get("tk"))

    def enter(self, request):
        if request.path != "/enter":
            return None
        known = self.world.check(request.json().get("user"), request.json().get("password"))
        if not known:
            return Reply({"error": "bad credentials"}, 403)
        return Reply({"tk": self.world.token(known, 28), "ttl": 3600})

    def ask(self, client, method, target, body=None):
        if client.token:
            target += ("&" if "?" in target else "?") + f"tk={client.token}"
        return Ask(method, target, body=body)

    def login(self, _client, name, secret):
        return Ask("POST", "/enter", body={"user": name, "password": secret})

    def keep(self, client, answer):
        client.token = answer.json().get("tk")


class Keys(Shelf):
    """A key in X-Api-Key: handed out at the desk and changed there, or in use from before; `/me` tells whose it is."""

    SERVER, HOST, NAMES, IDS = "Caddy", "keys.lab", "plain", "uuid"

    def __init__(self, users, small):
        super().__init__(users, small)
        self.known = {}
        for number, account in enumerate(self.world.accounts.values()):
            if number % 2:
                self.known[account.name] = self.world.token(account, 40)

    def me(self, request):
        return self.world.tokens.get(request.headers.get("X-Api-Key"))

    def enter(self, request):
        me = self.me(request)
        if request.path == "/me":
            return Reply({"login": me.name, "plan": "basic"}) if me else Reply({"error": "no key"}, 401)
        if request.path == "/keys/rotate" and me:
            self.world.tokens.pop(request.headers.get("X-Api-Key"))
            return Reply({"apiKey": self.world.token(me, 40)}, 201)
        if request.path != "/keys":
            return None
        known = self.world.check(request.json().get("login"), request.json().get("password"))
        return Reply({"apiKey": self.world.token(known, 40)}, 201) if known else Reply({"error": "wrong"}, 401)

    def ask(self, client, method, target, body=None):
        return Ask(method, target, body=body, headers={"X-Api-Key": client.token} if client.token else None)

    def login(self, client, name, secret):
        key = self.known.get(name) if getattr(client, "secret", None) == secret else None
        if key:
            return Ask("GET", "/me", headers={"X-Api-Key": key})
        return Ask("POST", "/keys", body={"login": name, "password": secret})

    def keep(self, client, answer):
        client.token = answer.json().get("apiKey") or (self.known.get(client.who) if answer.status == 200 else None)

    def after(self, client):
        """Every third changes its key after it came in."""
        if client.token and getattr(client, "index", 0) % 3 == 0 and client.who not in self.known:
            def changed(answer):
                client.token = answer.json().get("apiKey") or client.token
            ask = self.ask(client, "POST", "/keys/rotate")
            ask.then = changed
            return [ask]
        return []


class Renewed(Shelf):
    """JWTs in Authorization with a refresh token in the body; renewed after every visit to the own list; /signout."""

    SERVER, HOST, NAMES = "uvicorn", "renew.lab", "mail"
    KEY = b"a key of the lab that nobody guesses"

    def sign(self, account):
        """An access token and a refresh token."""
        part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        self.world.hits += 1
        claims = {"sub": str(account.number), "jti": self.world.hits}
        text = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
        signed = text + "." + part(hmac.new(self.KEY, text.encode(), hashlib.sha256).digest())
        self.world.tokens[signed] = account
        return {"accessToken": signed, "renewal": self.world.token(account, 36)}

    def me(self, request):
        return self.world.tokens.get(request.bearer())

    def enter(self, request):
        given = request.json()
        if request.path == "/session" and request.method == "POST":
            known = self.world.check(given.get("mail"), given.get("password"))
            return Reply(self.sign(known), 201) if known else Reply({"error": "denied"}, 401)
        if request.path == "/session/renew":
            known = self.world.tokens.pop(given.get("renewal"), None)
            return Reply(self.sign(known), 201) if known else Reply({"error": "denied"}, 401)
        if request.path == "/session/end":
            self.world.tokens.pop(request.bearer(), None)
            return Reply({"ended": True})
        return None

    def ask(self, client, method, target, body=None):
        return Ask(method, target, body=body, token=client.token)

    def login(self, _client, name, secret):
        return Ask("POST", "/session", body={"mail": name, "password": secret})

    def keep(self, client, answer):
        given = answer.json()
        client.token, client.renewal = given.get("accessToken"), given.get("renewal")

    def after(self, client):
        ask = Ask("POST", "/session/renew", body={"renewal": getattr(client, "renewal", None)})
        ask.then = lambda answer: self.keep(client, answer) if answer.status == 201 else None
        return [ask] if client.token else []

    def leave(self, client):
        return self.ask(client, "POST", "/session/end")


DESIGNS = {"query": Query, "keys": Keys, "renewed": Renewed}
