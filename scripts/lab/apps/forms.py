"""Designs made of pages: forms, redirects, ids in the query."""
import html
import re

from ..lab.actors import Ask
from .design import Design
from .host import Reply


class Php(Design):
    """Pages and forms: 302 whether sign-in fails or not, one session from before it on, ?id=, Spanish fields."""

    SERVER, HOST, NAMES = "Apache/2.4.58 (Debian)", "tienda.lab", "mail"

    def page(self, title, inner, new):
        """A page."""
        return Reply(f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>{inner}</body></html>", headers=new)

    def handle(self, r):
        """The application."""
        world, sid, new = self.world, r.cookies.get("PHPSESSID"), []
        if not sid:
            sid = world.token(None, 26)
            new = [("Set-Cookie", f"PHPSESSID={sid}; path=/")]
        me = world.tokens.get(sid)
        away = lambda to: Reply(None, 302, [("Location", to), *new])
        rows = lambda things: "<table>" + "".join(f'<tr><td><a href="pedido.php?id={t.ident}">Pedido {t.ident}</a></td><td>{t.total}</td></tr>' for t in things) + "</table>"
        if r.path == "/login.php" and r.method == "POST":
            if world.down == "503":
                return Reply("<h1>Service Unavailable</h1>", 503)
            given = r.form()
            known = world.check(given.get("usuario"), given.get("contraseña"))
            if not known:
                return away("/login.php?err=1")
            world.tokens[sid] = known
            return away("/cuenta.php")
        if r.path == "/login.php":
            wrong = "<p class=aviso>Datos incorrectos</p>" if "err" in r.query else ""
            return self.page("Entrar", wrong + "<form method=post><input name=usuario><input type=password name=contraseña></form>", new)
        if r.path == "/salir.php":
            world.tokens[sid] = None
            return away("/index.php")
        if r.path == "/index.php":
            return self.page("Tienda", "Bienvenidos", new)
        if r.path == "/catalogo.php":
            page = int(r.query.get("p", 1))
            return self.page("Catálogo", "".join(f'<a href="producto.php?id={n}">Item {n}</a>' for n in range(20 * page - 19, 20 * page + 1)), new)
        if r.path == "/producto.php":
            return self.page("Producto", world.items[int(r.query["id"])]["title"], new)
        if not me:
            return away("/login.php")
        if r.path == "/cuenta.php":
            return self.page("Mi cuenta", f"Hola {html.escape(me.name)}", new)
        if r.path == "/pedidos.php":
            return self.page("Mis pedidos", rows(world.of(me, int(r.query.get("p", 1)))), new)
        if r.path == "/admin/pedidos.php":
            page = int(r.query.get("p", 1))
            return self.page("Pedidos", rows(list(world.things.values())[50 * page - 50:50 * page]), new) if me.role == "staff" else Reply("<h1>403</h1>", 403)
        if r.path == "/comprar.php":
            return away(f"/pedido.php?id={world.add(me).ident}")
        found = world.thing(r.query.get("id"))
        if r.path == "/pedido.php":
            return self.page(f"Pedido {found.ident}", f"<p>Cliente: {html.escape(found.owner.name)}</p><p>{found.total} EUR</p>", new) if found else Reply("<h1>404</h1>", 404)
        if r.path == "/factura.php":
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return self.page("Factura", f"{found.ident}: {found.total}", new) if mine else away("/cuenta.php?aviso=sin_permiso")
        return Reply("<h1>404</h1>", 404)

    def before(self, _client):
        return [Ask("GET", "/index.php"), Ask("GET", "/login.php")]

    def login(self, client, name, secret):
        return Ask("POST", "/login.php", form={"usuario": name, "contraseña": secret, "entrar": "Entrar"})

    def after(self, _client):
        return [Ask("GET", "/cuenta.php")]

    def leave(self, _client):
        return Ask("GET", "/salir.php")

    def ids(self, answer):
        return re.findall(r"pedido\.php\?id=(\d+)", answer.text)

    def mine(self, client, page):
        return Ask("GET", f"/pedidos.php?p={page}")

    def all(self, client, page):
        return Ask("GET", f"/admin/pedidos.php?p={page}")

    def open(self, client, ident):
        return Ask("GET", f"/pedido.php?id={ident}")

    def guarded(self, client, ident):
        return Ask("GET", f"/factura.php?id={ident}")

    def make(self, client):
        return Ask("POST", "/comprar.php", form={"producto": 7, "cantidad": 1})

    def catalogue(self, client, page):
        return Ask("GET", f"/catalogo.php?p={page}")

    def item(self, client, number):
        return Ask("GET", f"/producto.php?id={number}")

    def health(self, _client):
        return Ask("GET", "/index.php")


class Rails(Design):
    """Pages with a CSRF token, ids in the path, 422 and the form again on failure, a new signed cookie on every answer."""

    SERVER, HOST, NAMES, IDS = "nginx/1.24.0", "club.lab", "mail", "number"

    def handle(self, r):
        """The application."""
        world = self.world
        me = world.tokens.get(r.cookies.get("_club_session"))
        # The cookie holds the session itself and is signed anew each time.
        sealed = lambda who: ("Set-Cookie", f"_club_session={world.token(who, 64)}; path=/; HttpOnly; SameSite=Lax")
        page = lambda text, status=200: Reply(f"<html><meta name=csrf-token content={world.hits:08x}><body>{text}</body></html>", status, [sealed(me)])
        away = lambda to, who: Reply("<html><body>You are being redirected.</body></html>", 302, [("Location", f"http://{self.HOST}{to}"), sealed(who)])
        world.hits += 1
        if r.path == "/users/sign_in" and r.method == "POST":
            if world.down == "503":
                return Reply("<h1>We're sorry</h1>", 503)
            given = r.form()
            known = world.check(given.get("user[email]"), given.get("user[password]"))
            return away("/", known) if known else page("<p>Invalid Email or password.</p><form action=/users/sign_in>…</form>", 422)
        if r.path == "/users" and r.method == "POST":
            given = r.form()
            return away("/", world.account(given["user[email]"], given["user[password]"]))
        if r.path == "/users/sign_out":
            return away("/", None)
        if r.path in ("/", "/users/sign_in", "/up"):
            return page("Club")
        if r.path == "/articles":
            return page(" ".join(f"<a href=/articles/{n}>Item</a>" for n in range(20 * int(r.query.get("page", 1)) - 19, 20 * int(r.query.get("page", 1)) + 1)))
        if r.path.startswith("/articles/"):
            return page("Article")
        if not me:
            return away("/users/sign_in", None)
        if r.path == "/bookings" and r.method == "POST":
            return away(f"/bookings/{world.add(me).ident}", me)
        if r.path == "/bookings":
            return page(" ".join(f"<a href=/bookings/{t.ident}>Booking</a>" for t in world.of(me, int(r.query.get("page", 1)))))
        if r.path == "/admin/bookings":
            at = 50 * int(r.query.get("page", 1))
            return page(" ".join(f"<a href=/bookings/{t.ident}>Booking</a>" for t in list(world.things.values())[at - 50:at])) if me.role == "staff" else page("no", 403)
        found = world.thing(r.path.split("/")[2])
        if r.path.endswith("/receipt"):
            mine = found and (found.owner is me or me.role == "staff" or me.name in found.readers)
            return page("Receipt") if mine else page("not found", 404)
        return page(f"Booking of {html.escape(found.owner.name)}") if found else page("not found", 404)

    def before(self, _client):
        return [Ask("GET", "/users/sign_in")]

    def login(self, client, name, secret):
        return Ask("POST", "/users/sign_in", form={"authenticity_token": f"{self.world.hits:032x}", "user[email]": name, "user[password]": secret, "user[remember_me]": "0", "commit": "Log in"})

    def signup(self, client, name, secret):
        return Ask("POST", "/users", form={"authenticity_token": f"{self.world.hits:032x}", "user[email]": name, "user[password]": secret, "user[password_confirmation]": secret, "commit": "Sign up"})

    def after(self, _client):
        return [Ask("GET", "/")]

    def leave(self, _client):
        return Ask("DELETE", "/users/sign_out")

    def ids(self, answer):
        return re.findall(r"/bookings/(\d+)", answer.text)

    def mine(self, client, page):
        return Ask("GET", f"/bookings?page={page}")

    def all(self, client, page):
        return Ask("GET", f"/admin/bookings?page={page}")

    def open(self, client, ident):
        return Ask("GET", f"/bookings/{ident}")

    def guarded(self, client, ident):
        return Ask("GET", f"/bookings/{ident}/receipt")

    def make(self, client):
        return Ask("POST", "/bookings", form={"authenticity_token": f"{self.world.hits:032x}", "booking[slot]": "7"})

    def catalogue(self, client, page):
        return Ask("GET", f"/articles?page={page}")

    def item(self, client, number):
        return Ask("GET", f"/articles/{number}")

    def health(self, _client):
        return Ask("GET", "/up")


DESIGNS = {"php": Php, "rails": Rails}
