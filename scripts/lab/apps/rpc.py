"""Designs with few addresses and much in the body: actions, GraphQL, JSON-RPC."""
import json
import re

from ..lab.actors import Ask
from .design import Design
from .host import Reply


class Cn(Design):
    """POST only, 200 to everything, a code in the body, its own token header, Chinese messages."""

    SERVER, HOST, NAMES = "openresty", "api.dingdan.lab", "plain"

    def answer(self, code, msg, data=None):
        """The envelope."""
        return Reply({"code": code, "msg": msg, "data": data, "ts": 1795680000123})

    def handle(self, r):
        """The application."""
        world, body = self.world, r.json()
        me = world.tokens.get(r.headers.get("X-Token"))
        show = lambda t: {"orderId": t.ident, "buyerId": t.owner.number, "amount": t.total, "state": 2}
        if r.path == "/api/user/login":
            if world.down == "503":
                return self.answer(5000, "系统繁忙")
            known = world.check(body.get("account"), body.get("pwd"))
            if not known:
                return self.answer(1001, "账号或密码错误")
            return self.answer(0, "成功", {"token": world.token(known), "uid": known.number, "nick": known.name})
        if r.path == "/api/user/register":
            account = world.account(body["account"], body["pwd"])
            return self.answer(0, "成功", {"uid": account.number})
        if r.path == "/api/ping":
            return self.answer(0, "成功")
        if r.path == "/api/goods/list":
            page = body.get("page", 1)
            return self.answer(0, "成功", {"list": [world.items[n] for n in range(20 * page - 19, 20 * page + 1)]})
        if r.path == "/api/goods/detail":
            return self.answer(0, "成功", world.items[body["id"]])
        if not me:
            return self.answer(401, "请先登录")
        if r.path == "/api/order/list":
            return self.answer(0, "成功", {"list": [show(t) for t in world.of(me, body["page"])], "total": 9})
        if r.path == "/api/admin/orders":
            if me.role != "staff":
                return self.answer(403, "无权限")
            things = list(world.things.values())
            return self.answer(0, "成功", {"list": [show(t) for t in things[50 * body["page"] - 50:50 * body["page"]]]})
        if r.path == "/api/order/create":
            return self.answer(0, "成功", show(world.add(me)))
        found = world.thing(body.get("orderId"))
        if r.path == "/api/order/detail":
            return self.answer(0, "成功", show(found)) if found else self.answer(404, "订单不存在")
        if r.path == "/api/invoice/get":
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return self.answer(0, "成功", show(found)) if mine else self.answer(2003, "无权访问该订单")
        return self.answer(404, "not found")

    def ask(self, client, path, **body):
        """One call."""
        return Ask("POST", path, body=body, headers={"X-Token": client.token} if client.token else None)

    def login(self, client, name, secret):
        return self.ask(client, "/api/user/login", account=name, pwd=secret, device="h5")

    def keep(self, client, answer):
        client.token = (answer.json().get("data") or {}).get("token")

    def signup(self, client, name, secret):
        return self.ask(client, "/api/user/register", account=name, pwd=secret, device="h5")

    def ids(self, answer):
        return [o["orderId"] for o in ((answer.json().get("data") or {}).get("list") or [])]

    def mine(self, client, page):
        return self.ask(client, "/api/order/list", page=page, size=10)

    def all(self, client, page):
        return self.ask(client, "/api/admin/orders", page=page)

    def open(self, client, ident):
        return self.ask(client, "/api/order/detail", orderId=ident)

    def guarded(self, client, ident):
        return self.ask(client, "/api/invoice/get", orderId=ident)

    def make(self, client):
        return self.ask(client, "/api/order/create", goods=[{"id": 7, "num": 1}])

    def catalogue(self, client, page):
        return self.ask(client, "/api/goods/list", page=page)

    def item(self, client, number):
        return self.ask(client, "/api/goods/detail", id=number)

    def health(self, _client):
        return Ask("POST", "/api/ping", body={})


class Action(Design):
    """One address with ?action=, German names, 200 to everything, a session cookie that everybody gets."""

    SERVER, HOST, NAMES = "Apache", "portal.lab", "dotted"

    def handle(self, r):
        """The application."""
        world, body, action = self.world, r.json(), r.query.get("action", "")
        sid, new = r.cookies.get("sitzung"), []
        if not sid:
            sid = world.token(None)
            new = [("Set-Cookie", f"sitzung={sid}; path=/; HttpOnly")]
        me = world.tokens.get(sid)
        fine = lambda **more: Reply({"erfolg": True, **more}, headers=new)
        bad = lambda text: Reply({"erfolg": False, "meldung": text}, headers=new)
        show = lambda t: {"nummer": t.ident, "kunde": t.owner.number, "betrag": t.total}
        if action == "anmelden":
            if world.down == "503":
                return Reply("<html>Wartung</html>", 503)
            known = world.check(body.get("benutzer"), body.get("kennwort"))
            if not known:
                return bad("Benutzer oder Kennwort falsch")
            world.tokens[sid] = known
            return fine(name=known.name, kundennummer=known.number)
        if action == "abmelden":
            world.tokens[sid] = None
            return fine()
        if action == "status":
            return fine(version="7.2")
        if action == "artikelliste":
            return fine(artikel=[world.items[n] for n in range(20 * body["seite"] - 19, 20 * body["seite"] + 1)])
        if action == "artikel":
            return fine(artikel=world.items[body["id"]])
        if not me:
            return bad("Bitte anmelden")
        if action == "auftragsliste":
            return fine(auftraege=[show(t) for t in world.of(me, body["seite"])])
        if action == "alle":
            if me.role != "staff":
                return bad("Keine Berechtigung")
            return fine(auftraege=[show(t) for t in list(world.things.values())[50 * body["seite"] - 50:50 * body["seite"]]])
        if action == "neu":
            return fine(auftrag=show(world.add(me)))
        found = world.thing(body.get("nummer"))
        if action == "auftrag":
            return fine(auftrag=show(found)) if found else bad("Auftrag nicht gefunden")
        if action == "rechnung":
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return fine(rechnung=show(found)) if mine else bad("Kein Zugriff auf diesen Auftrag")
        return bad("unbekannt")

    def ask(self, action, **body):
        """One call."""
        return Ask("POST", f"/api/index.php?action={action}", body=body)

    def before(self, _client):
        return [self.ask("status")]

    def login(self, client, name, secret):
        return self.ask("anmelden", benutzer=name, kennwort=secret)

    def leave(self, _client):
        return self.ask("abmelden")

    def ids(self, answer):
        return [o["nummer"] for o in answer.json().get("auftraege", [])]

    def mine(self, client, page):
        return self.ask("auftragsliste", seite=page)

    def all(self, client, page):
        return self.ask("alle", seite=page)

    def open(self, client, ident):
        return self.ask("auftrag", nummer=ident)

    def guarded(self, client, ident):
        return self.ask("rechnung", nummer=ident)

    def make(self, client):
        return self.ask("neu", positionen=[{"artikel": 7, "menge": 1}])

    def catalogue(self, client, page):
        return self.ask("artikelliste", seite=page)

    def item(self, client, number):
        return self.ask("artikel", id=number)

    def health(self, _client):
        return self.ask("status")


class GraphQl(Design):
    """GraphQL on one address, a login mutation, bearer tokens, errors under 200."""

    SERVER, HOST, NAMES, IDS = "Apollo", "graph.lab", "mail", "short"
    QUERIES = {
        "SignIn": "mutation SignIn($email: String!, $password: String!) { signIn(email: $email, password: $password) { accessToken viewer { id email } } }",
        "SignUp": "mutation SignUp($email: String!, $password: String!) { signUp(email: $email, password: $password) { id } }",
        "Orders": "query Orders($page: Int) { orders(page: $page) { nodes { id total } } }",
        "AllOrders": "query AllOrders($page: Int) { allOrders(page: $page) { nodes { id total owner { id email } } } }",
        "Order": "query Order($id: ID!) { order(id: $id) { id total owner { id email } } }",
        "Invoice": "query Invoice($orderId: ID!) { invoice(orderId: $orderId) { orderId total } }",
        "NewOrder": "mutation NewOrder($item: Int!) { newOrder(item: $item) { id total } }",
        "Items": "query Items($page: Int) { items(page: $page) { id title price } }",
        "Item": "query Item($id: Int!) { item(id: $id) { id title price } }",
        "Ping": "query Ping { __typename }",
    }

    def handle(self, r):
        """The application."""
        world, asked = self.world, r.json()
        name, given = asked.get("operationName"), asked.get("variables") or {}
        me = world.tokens.get(r.bearer())
        error = lambda text, code: Reply({"errors": [{"message": text, "path": [name], "extensions": {"code": code}}], "data": None})
        brief = lambda t: {"id": t.ident, "total": t.total}
        whole = lambda t: {**brief(t), "owner": {"id": t.owner.uuid, "email": t.owner.name}}
        if name == "SignIn":
            if world.down == "503":
                return Reply("upstream", 503)
            known = world.check(given.get("email"), given.get("password"))
            if not known:
                return error("Those details do not match our records", "BAD_USER_INPUT")
            return Reply({"data": {"signIn": {"accessToken": world.token(known, 40), "viewer": {"id": known.uuid, "email": known.name}}}})
        if name == "SignUp":
            return Reply({"data": {"signUp": {"id": world.account(given["email"], given["password"]).uuid}}})
        if name == "Ping":
            return Reply({"data": {"__typename": "Query"}})
        if name == "Items":
            return Reply({"data": {"items": [world.items[n] for n in range(20 * given["page"] - 19, 20 * given["page"] + 1)]}})
        if name == "Item":
            return Reply({"data": {"item": world.items[given["id"]]}})
        if not me:
            return error("Not signed in", "UNAUTHENTICATED")
        if name == "Orders":
            return Reply({"data": {"orders": {"nodes": [brief(t) for t in world.of(me, given["page"])]}}})
        if name == "AllOrders":
            if me.role != "staff":
                return error("Staff only", "FORBIDDEN")
            return Reply({"data": {"allOrders": {"nodes": [whole(t) for t in list(world.things.values())[50 * given["page"] - 50:50 * given["page"]]]}}})
        if name == "NewOrder":
            return Reply({"data": {"newOrder": brief(world.add(me))}})
        found = world.thing(given.get("id") or given.get("orderId"))
        if name == "Order":
            return Reply({"data": {"order": whole(found) if found else None}})
        if name == "Invoice":
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return Reply({"data": {"invoice": {"orderId": found.ident, "total": found.total}}}) if mine else error("Order is not yours", "FORBIDDEN")
        return error("Unknown operation", "GRAPHQL_VALIDATION_FAILED")

    def ask(self, client, name, **variables):
        """One operation."""
        return Ask("POST", "/graphql", body={"operationName": name, "query": self.QUERIES[name], "variables": variables}, token=client.token)

    def login(self, client, name, secret):
        return self.ask(client, "SignIn", email=name, password=secret)

    def keep(self, client, answer):
        client.token = (((answer.json().get("data") or {}).get("signIn")) or {}).get("accessToken")

    def signup(self, client, name, secret):
        return self.ask(client, "SignUp", email=name, password=secret)

    def ids(self, answer):
        data = answer.json().get("data") or {}
        return [n["id"] for n in ((data.get("orders") or data.get("allOrders") or {}).get("nodes") or [])]

    def mine(self, client, page):
        return self.ask(client, "Orders", page=page)

    def all(self, client, page):
        return self.ask(client, "AllOrders", page=page)

    def open(self, client, ident):
        return self.ask(client, "Order", id=ident)

    def guarded(self, client, ident):
        return self.ask(client, "Invoice", orderId=ident)

    def make(self, client):
        return self.ask(client, "NewOrder", item=7)

    def catalogue(self, client, page):
        return self.ask(client, "Items", page=page)

    def item(self, client, number):
        return self.ask(client, "Item", id=number)

    def health(self, client):
        return self.ask(client, "Ping")


class Inline(GraphQl):
    """GraphQL with the arguments in the document, no operation names, numbers as ids."""

    IDS, HOST = "number", "inline.lab"

    def handle(self, r):
        """Understands such a document, and goes on as with variables."""
        document = r.json().get("query", "")
        field, given = re.match(r"(?:query|mutation)?\s*{\s*(\w+)(?:\((.*?)\))?", document).groups()
        name = next(n for n, q in self.QUERIES.items() if re.search(r"{ (\w+)", q).group(1) == field)
        variables = json.loads("{" + re.sub(r"(\w+):", r'"\1":', given) + "}") if given else {}
        r.body = json.dumps({"operationName": name, "variables": variables}).encode()
        return super().handle(r)

    def ask(self, client, name, **variables):
        """One operation."""
        kind = "mutation " if self.QUERIES[name].startswith("mutation") else ""
        body = self.QUERIES[name][self.QUERIES[name].index("{"):]
        given = ", ".join(f"{key}: {json.dumps(value)}" for key, value in variables.items())
        document = kind + re.sub(r"\(.*?\)", f"({given})", body, count=1)
        return Ask("POST", "/graphql", body={"query": document}, token=client.token)


class JsonRpc(Design):
    """JSON-RPC 2.0 on one address, the session as a parameter of every call."""

    SERVER, HOST, IDS = "Jetty(11)", "rpc.lab", "uuid"

    def handle(self, r):
        """The application."""
        world, call = self.world, r.json()
        method, given = call.get("method"), call.get("params") or {}
        me = world.tokens.get(given.get("session"))
        fine = lambda result: Reply({"jsonrpc": "2.0", "id": call.get("id"), "result": result})
        bad = lambda code, text: Reply({"jsonrpc": "2.0", "id": call.get("id"), "error": {"code": code, "message": text}})
        show = lambda t: {"id": t.ident, "partner": t.owner.name, "total": t.total}
        if method == "common.authenticate":
            if world.down == "503":
                return bad(-32000, "database is starting up")
            known = world.check(given.get("login"), given.get("password"))
            return fine({"session": world.token(known, 40), "uid": known.number}) if known else fine(False)
        if method == "common.version":
            return fine("16.0")
        if method == "item.search":
            return fine([world.items[n] for n in range(given["offset"] + 1, given["offset"] + 21)])
        if method == "item.read":
            return fine(world.items[given["item_id"]])
        if not me:
            return bad(100, "Session expired")
        if method == "order.search":
            own = world.of(me, given["offset"] // 10 + 1) if me.role != "staff" else list(world.things.values())[given["offset"]:given["offset"] + 50]
            return fine([show(t) for t in own])
        if method == "order.create":
            return fine(world.add(me).ident)
        found = world.thing(given.get("order_id"))
        if method == "order.read":
            return fine(show(found)) if found else bad(404, "Record does not exist or has been deleted")
        if method == "invoice.read":
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return fine({"order": found.ident, "total": found.total}) if mine else bad(200, "AccessError: you may not read this document")
        return bad(-32601, "Method not found")

    def ask(self, client, method, **params):
        """One call."""
        if client.token:
            params["session"] = client.token
        self.world.hits += 1
        return Ask("POST", "/jsonrpc", body={"jsonrpc": "2.0", "method": method, "params": params, "id": self.world.hits})

    def login(self, client, name, secret):
        return self.ask(client, "common.authenticate", db="prod", login=name, password=secret)

    def keep(self, client, answer):
        client.token = (answer.json().get("result") or {}).get("session")

    def ids(self, answer):
        return [o["id"] for o in (answer.json().get("result") or [])]

    def mine(self, client, page):
        return self.ask(client, "order.search", offset=10 * page - 10)

    def all(self, client, page):
        return self.ask(client, "order.search", offset=50 * page - 50)

    def open(self, client, ident):
        return self.ask(client, "order.read", order_id=ident)

    def guarded(self, client, ident):
        return self.ask(client, "invoice.read", order_id=ident)

    def make(self, client):
        return self.ask(client, "order.create", item_id=7)

    def catalogue(self, client, page):
        return self.ask(client, "item.search", offset=20 * page - 20)

    def item(self, client, number):
        return self.ask(client, "item.read", item_id=number)

    def health(self, client):
        return self.ask(client, "common.version")


DESIGNS = {"cn": Cn, "action": Action, "graphql": GraphQl, "inline": Inline, "jsonrpc": JsonRpc}
