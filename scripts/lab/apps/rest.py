"""Designs with addresses for things: behind a gateway, OAuth with JSON:API, Basic, tenants and slugs."""
import base64

from ..lab.actors import Ask
from .design import Design
from .host import Reply


class Gateway(Design):
    """The service behind a gateway: one credential for all, the user in X-User-Id, the client in X-Forwarded-For."""

    SERVER, HOST, NAMES, GATEWAY = "Kestrel", "orders.internal", "mail", "127.1.1.1"
    SERVICE = {"Authorization": "Bearer svc-9f27c1e04b6d4c0fa3b8e55d10aa7c42"}

    def handle(self, r):
        """The application."""
        world = self.world
        me = next((a for a in world.accounts.values() if str(a.number) == r.headers.get("X-User-Id")), None)
        problem = lambda status, title: Reply({"type": "about:blank", "title": title, "status": status}, status, media="application/problem+json")
        show = lambda t: {"orderId": t.ident, "customerId": t.owner.number, "amount": t.total}
        if r.path == "/healthz":
            return Reply("Healthy", media="text/plain")
        if r.path == "/identity/verify":
            if world.down == "503":
                return problem(503, "Unavailable")
            known = world.check(r.json().get("login"), r.json().get("password"))
            return Reply({"userId": known.number, "displayName": known.name}) if known else problem(401, "Invalid credentials")
        if r.path == "/identity/users":
            return Reply({"userId": world.account(r.json()["login"], r.json()["password"]).number}, 201)
        if r.path == "/catalog":
            at = int(r.query.get("skip", 0))
            return Reply([world.items[n] for n in range(at + 1, at + 21)])
        if r.path.startswith("/catalog/"):
            return Reply(world.items[int(r.path.split("/")[2])])
        if not me:
            return problem(401, "No user")
        if r.path == "/orders" and r.method == "POST":
            return Reply(show(world.add(me)), 201)
        if r.path == "/orders":
            at = int(r.query.get("skip", 0))
            return Reply({"value": [show(t) for t in (world.of(me, at // 10 + 1) if me.role != "staff" else list(world.things.values())[at:at + 50])]})
        found = world.thing(r.path.split("/")[2])
        if not found:
            return problem(404, "Not found")
        if r.path.endswith("/invoice"):
            if found.owner is not me and me.role != "staff" and me.name not in found.readers:
                return problem(403, "Forbidden")
            return Reply({"invoiceNumber": 90000 + found.ident, "amount": found.total})
        return Reply(show(found))

    def ask(self, client, method, target, body=None):
        """One call, as the gateway passes it on."""
        headers = {**self.SERVICE, **({"X-User-Id": str(client.token)} if client.token else {})}
        return Ask(method, target, body=body, headers=headers)

    def login(self, client, name, secret):
        return self.ask(client, "POST", "/identity/verify", {"login": name, "password": secret})

    def signup(self, client, name, secret):
        return self.ask(client, "POST", "/identity/users", {"login": name, "password": secret})

    def keep(self, client, answer):
        client.token = answer.json().get("userId")

    def ids(self, answer):
        return [o["orderId"] for o in answer.json().get("value", [])]

    def mine(self, client, page):
        return self.ask(client, "GET", f"/orders?skip={10 * page - 10}")

    def all(self, client, page):
        return self.ask(client, "GET", f"/orders?skip={50 * page - 50}")

    def open(self, client, ident):
        return self.ask(client, "GET", f"/orders/{ident}")

    def guarded(self, client, ident):
        return self.ask(client, "GET", f"/orders/{ident}/invoice")

    def make(self, client):
        return self.ask(client, "POST", "/orders", {"items": [{"sku": 7, "qty": 1}]})

    def catalogue(self, client, page):
        return self.ask(client, "GET", f"/catalog?skip={20 * page - 20}")

    def item(self, client, number):
        return self.ask(client, "GET", f"/catalog/{number}")

    def health(self, client):
        return self.ask(client, "GET", "/healthz")


class OAuth(Design):
    """OAuth password grant (400 invalid_grant), UUIDs, JSON:API with the owner as a link."""

    SERVER, HOST, IDS, NAMES = "Vert.x", "api.oauth.lab", "uuid", "number"

    def handle(self, r):
        """The application."""
        world, media = self.world, "application/vnd.api+json"
        me = world.tokens.get(r.bearer())
        error = lambda status, title: Reply({"errors": [{"status": str(status), "title": title}]}, status, media=media)
        show = lambda t: {"type": "contracts", "id": t.ident, "attributes": {"monthly": t.total},
                          "relationships": {"holder": {"links": {"related": f"/people/{t.owner.number}"}}}, "links": {"self": f"/contracts/{t.ident}"}}
        if r.path == "/oauth/token":
            if world.down == "503":
                return Reply({"error": "temporarily_unavailable"}, 503)
            known = world.check(r.form().get("username"), r.form().get("password"))
            if not known:
                return Reply({"error": "invalid_grant", "error_description": "Bad credentials"}, 400)
            return Reply({"access_token": world.token(known, 43), "token_type": "bearer", "expires_in": 3600, "refresh_token": world.token(known, 43)})
        if r.path == "/ping":
            return Reply(None, 204)
        if r.path == "/tariffs":
            at = 20 * int(r.query.get("page[number]", 1))
            return Reply({"data": [{"type": "tariffs", "id": str(n), "attributes": world.items[n]} for n in range(at - 19, at + 1)]}, media=media)
        if r.path.startswith("/tariffs/"):
            return Reply({"data": {"type": "tariffs", "id": r.path.split("/")[2], "attributes": world.items[int(r.path.split("/")[2])]}}, media=media)
        if not me:
            return error(401, "Unauthorized")
        if r.path == "/people/me":
            return Reply({"data": {"type": "people", "id": str(me.number), "attributes": {"username": me.name}, "links": {"self": f"/people/{me.number}"}}}, media=media)
        if r.path == "/contracts" and r.method == "POST":
            return Reply({"data": show(world.add(me))}, 201, media=media)
        if r.path == "/contracts":
            page = int(r.query.get("page[number]", 1))
            things = world.of(me, page) if me.role != "staff" else list(world.things.values())[50 * page - 50:50 * page]
            return Reply({"data": [show(t) for t in things], "links": {"next": f"/contracts?page[number]={page + 1}"}}, media=media)
        found = world.thing(r.path.split("/")[2])
        if not found:
            return error(404, "Not found")
        if r.path.endswith("/bills"):
            # Says that it is not there, where it is not one's own.
            if found.owner is not me and me.role != "staff" and me.name not in found.readers:
                return error(404, "Not found")
            return Reply({"data": [{"type": "bills", "id": f"{found.ident[:8]}-1", "attributes": {"due": found.total}}]}, media=media)
        return Reply({"data": show(found)}, media=media)

    def ask(self, client, method, target, body=None):
        """One call."""
        return Ask(method, target, body=body, token=client.token)

    def login(self, client, name, secret):
        basic = base64.b64encode(b"mobile-app:app-secret-2f6d").decode()
        return Ask("POST", "/oauth/token", form={"grant_type": "password", "username": name, "password": secret, "scope": "read write"}, headers={"Authorization": f"Basic {basic}"})

    def keep(self, client, answer):
        client.token = answer.json().get("access_token")

    def after(self, client):
        return [self.ask(client, "GET", "/people/me")]

    def ids(self, answer):
        return [o["id"] for o in answer.json().get("data", [])]

    def mine(self, client, page):
        return self.ask(client, "GET", f"/contracts?page[number]={page}")

    all = mine

    def open(self, client, ident):
        return self.ask(client, "GET", f"/contracts/{ident}")

    def guarded(self, client, ident):
        return self.ask(client, "GET", f"/contracts/{ident}/bills")

    def make(self, client):
        return self.ask(client, "POST", "/contracts", {"data": {"type": "contracts", "attributes": {"tariff": 7}}})

    def catalogue(self, client, page):
        return self.ask(client, "GET", f"/tariffs?page[number]={page}")

    def item(self, client, number):
        return self.ask(client, "GET", f"/tariffs/{number}")

    def health(self, client):
        return Ask("GET", "/ping")


class BasicAuth(Design):
    """HTTP Basic on every request, short random ids, no owner named anywhere."""

    SERVER, HOST, IDS, NAMES = "gunicorn", "files.lab", "short", "plain"

    def handle(self, r):
        """The application."""
        world, me = self.world, None
        given = r.headers.get("Authorization", "")
        if given.startswith("Basic "):
            name, _, secret = base64.b64decode(given[6:]).decode().partition(":")
            me = world.check(name, secret)
        show = lambda t: {"key": t.ident, "bytes": int(t.total * 1000)}
        if r.path == "/live":
            return Reply({"ok": True})
        if r.path == "/public":
            at = 20 * int(r.query.get("page", 1))
            return Reply({"entries": [world.items[n] for n in range(at - 19, at + 1)]})
        if r.path.startswith("/public/"):
            return Reply(world.items[int(r.path.split("/")[2])])
        if world.down == "503":
            return Reply({"detail": "starting"}, 503)
        if not me:
            return Reply({"detail": "authentication required"}, 401, [("WWW-Authenticate", 'Basic realm="files"')])
        if r.path == "/whoami":
            return Reply({"name": me.name})
        if r.path == "/files" and r.method == "POST":
            made = world.add(me)
            return Reply(show(made), 201, [("Location", f"/files/{made.ident}")])
        if r.path == "/files":
            page = int(r.query.get("page", 1))
            things = world.of(me, page) if me.role != "staff" else list(world.things.values())[50 * page - 50:50 * page]
            return Reply({"entries": [show(t) for t in things]})
        found = world.thing(r.path.split("/")[2])
        if not found:
            return Reply({"detail": "no such file"}, 404)
        if r.path.endswith("/history") and found.owner is not me and me.role != "staff" and me.name not in found.readers:
            return Reply({"detail": "permission denied"}, 403)
        return Reply({**show(found), "revision": 3})

    def ask(self, client, method, target, body=None):
        """One call."""
        return Ask(method, target, body=body, headers={"Authorization": client.token} if client.token else None)

    def login(self, client, name, secret):
        return Ask("GET", "/whoami", headers={"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()})

    def keep(self, client, answer):
        if answer.status == 200:
            client.token = "Basic " + base64.b64encode(f"{client.who}:{client.secret}".encode()).decode()

    def ids(self, answer):
        return [o["key"] for o in answer.json().get("entries", [])]

    def mine(self, client, page):
        return self.ask(client, "GET", f"/files?page={page}")

    all = mine

    def open(self, client, ident):
        return self.ask(client, "GET", f"/files/{ident}")

    def guarded(self, client, ident):
        return self.ask(client, "GET", f"/files/{ident}/history")

    def make(self, client):
        return self.ask(client, "POST", "/files", {"name": "note.txt"})

    def catalogue(self, client, page):
        return Ask("GET", f"/public?page={page}")

    def item(self, client, number):
        return Ask("GET", f"/public/{number}")

    def health(self, client):
        return Ask("GET", "/live")


class Saas(Design):
    """Tenants and slugs in the path, documents shared with others, a session cookie only where sign-in succeeded."""

    SERVER, HOST, IDS, NAMES = "Caddy", "docs.lab", "slug", "mail"

    def __init__(self, users, small):
        super().__init__(users, small)
        # A third of the documents is shared with some of the others.
        names = [a.name for a in self.world.accounts.values() if a.role == "user"]
        for thing in list(self.world.things.values())[::3]:
            thing.readers.update(self.world.draw.sample(names, 2))

    def handle(self, r):
        """The application."""
        world, me, parts = self.world, self.world.tokens.get(r.cookies.get("docs_auth")), r.path.split("/")
        show = lambda t: {"slug": t.ident, "title": t.ident.replace("-", " "), "size": t.total,
                          "author": {"id": t.owner.uuid, "email": t.owner.name}, "url": f"/w/{t.owner.tenant}/docs/{t.ident}"}
        if r.path == "/api/auth/sessions" and r.method == "POST":
            if world.down == "503":
                return Reply({"error": "unavailable"}, 503)
            known = world.check(r.json().get("email"), r.json().get("password"))
            if not known:
                return Reply({"error": {"code": "auth/wrong-password", "message": "Wrong e-mail or password"}}, 403)
            return Reply({"me": {"id": known.uuid, "email": known.name, "workspace": known.tenant}}, 200, [("Set-Cookie", f"docs_auth={world.token(known, 43)}; Path=/; HttpOnly; Secure")])
        if r.path == "/api/auth/sessions":
            return Reply(None, 204, [("Set-Cookie", "docs_auth=; Max-Age=0; Path=/")])
        if r.path == "/api/accounts":
            return Reply({"id": world.account(r.json()["email"], r.json()["password"]).uuid}, 201)
        if r.path == "/api/health":
            return Reply({"status": "ok"})
        if r.path == "/api/templates":
            at = 20 * int(r.query.get("page", 1))
            return Reply({"items": [world.items[n] for n in range(at - 19, at + 1)], "page": at // 20})
        if r.path.startswith("/api/templates/"):
            return Reply(world.items[int(parts[3])])
        if not me:
            return Reply({"error": {"code": "auth/required", "message": "Sign in first"}}, 401)
        if r.path == f"/api/w/{me.tenant}/docs" and r.method == "POST":
            return Reply(show(world.add(me)), 201)
        if r.path == f"/api/w/{me.tenant}/docs":
            return Reply({"items": [show(t) for t in world.of(me, int(r.query.get("page", 1)))], "total": 12})
        if r.path == "/api/support/docs":
            page = int(r.query.get("page", 1))
            return Reply({"items": [show(t) for t in list(world.things.values())[50 * page - 50:50 * page]]}) if me.role == "staff" else Reply({"error": {"code": "role", "message": "Support only"}}, 403)
        found = world.thing(parts[5]) if len(parts) > 5 else None
        if not found:
            return Reply({"error": {"code": "missing", "message": "No such document"}}, 404)
        if parts[-1] == "content" and found.owner is not me and me.role != "staff" and me.name not in found.readers:
            return Reply({"error": {"code": "acl", "message": "You have no access to this document"}}, 403)
        return Reply({**show(found), "blocks": [{"type": "text", "text": "…"}]})

    def place(self, client, ident=None):
        """The workspace of a document, or one's own."""
        found = self.world.thing(ident) if ident else None
        account = found.owner if found else self.world.accounts.get(getattr(client, "who", ""))
        return f"/api/w/{account.tenant if account else 'team-0'}/docs"

    def login(self, client, name, secret):
        return Ask("POST", "/api/auth/sessions", body={"email": name, "password": secret})

    def signup(self, client, name, secret):
        return Ask("POST", "/api/accounts", body={"email": name, "password": secret})

    def leave(self, _client):
        return Ask("DELETE", "/api/auth/sessions")

    def ids(self, answer):
        return [o["slug"] for o in answer.json().get("items", [])]

    def mine(self, client, page):
        return Ask("GET", f"{self.place(client)}?page={page}")

    def all(self, client, page):
        return Ask("GET", f"/api/support/docs?page={page}")

    def open(self, client, ident):
        return Ask("GET", f"{self.place(client, ident)}/{ident}")

    def guarded(self, client, ident):
        return Ask("GET", f"{self.place(client, ident)}/{ident}/content")

    def make(self, client):
        return Ask("POST", self.place(client), body={"title": "Untitled"})

    def catalogue(self, client, page):
        return Ask("GET", f"/api/templates?page={page}")

    def item(self, client, number):
        return Ask("GET", f"/api/templates/{number}")

    def health(self, client):
        return Ask("GET", "/api/health")


DESIGNS = {"gateway": Gateway, "oauth": OAuth, "basic": BasicAuth, "saas": Saas}
