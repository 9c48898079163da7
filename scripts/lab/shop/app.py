"""A small shop: cookie sessions, HTML sign-in form, integer ids, and an order page that forgets to ask whose order it is."""
import itertools
import random
import secrets
import sys

from flask import Flask, jsonify, make_response, redirect, request
from waitress import serve

app = Flask(__name__)
draw = random.Random(42)
ACCOUNTS, SESSIONS, ORDERS, CARTS = {}, {}, {}, {}
PRODUCTS = {n: {"id": n, "title": f"Article {n}", "price": 5 + n % 40, "stock": 3 + n % 17} for n in range(1, 301)}
NUMBERS = itertools.count(4000)
STATE = {"down": None, "flaky": 0}


def account(name, password, staff=False):
    """Adds an account with a few orders."""
    ACCOUNTS[name] = {"id": len(ACCOUNTS) + 101, "name": name, "password": password, "staff": staff}
    if not staff:
        for _ in range(draw.randint(4, 18)):
            order(name)


def order(name):
    """Adds an order."""
    number = next(NUMBERS)
    lines = [{"product_id": draw.randint(1, 300), "quantity": draw.randint(1, 3)} for _ in range(draw.randint(1, 3))]
    ORDERS[number] = {"id": number, "customer_id": ACCOUNTS[name]["id"], "status": draw.choice(["paid", "sent", "open"]),
                      "total": round(draw.random() * 90 + 9, 2), "lines": lines}
    return ORDERS[number]


def current():
    """Who asks, by cookie."""
    return ACCOUNTS.get(SESSIONS.get(request.cookies.get("shop_sid")))


@app.after_request
def give_session(response):
    """Everybody gets a session, signed in or not."""
    if "shop_sid" not in request.cookies and not any("shop_sid" in v for v in response.headers.getlist("Set-Cookie")):
        sid = secrets.token_hex(16)
        SESSIONS[sid] = None
        response.set_cookie("shop_sid", sid, httponly=True)
    return response


@app.get("/")
def home():
    """The start page."""
    return "<html><body><h1>Shop</h1><a href=/login>sign in</a></body></html>"


@app.get("/login")
def form():
    """The form."""
    return "<html><form method=post><input name=email><input name=password type=password></form></html>"


@app.post("/login")
def login():
    """Sign-in: on to the account, or the form again."""
    name, password = request.form.get("email", ""), request.form.get("password", "")
    known = ACCOUNTS.get(name)
    if STATE["down"] == "503":
        return make_response("<html>try later</html>", 503)
    if not known or known["password"] != password or STATE["down"] == "deny":
        return "<html><p class=error>Wrong e-mail or password.</p><form method=post>…</form></html>"
    response = redirect("/account")
    sid = secrets.token_hex(16)
    SESSIONS[sid] = name
    response.set_cookie("shop_sid", sid, httponly=True)
    return response


@app.post("/logout")
def logout():
    """Ends the session."""
    SESSIONS.pop(request.cookies.get("shop_sid"), None)
    response = redirect("/")
    response.delete_cookie("shop_sid")
    return response


@app.get("/account")
def me():
    """The own account."""
    known = current()
    if not known:
        return redirect("/login")
    return jsonify(id=known["id"], email=known["name"])


@app.get("/api/products")
def products():
    """The catalogue, for everybody."""
    page = int(request.args.get("page", 1))
    return jsonify(items=[PRODUCTS[n] for n in range(1 + 20 * (page - 1), min(301, 21 + 20 * (page - 1)))], page=page)


@app.get("/api/products/<int:number>")
def product(number):
    """One article, for everybody."""
    return jsonify(PRODUCTS[number]) if number in PRODUCTS else (jsonify(error="no such article"), 404)


@app.get("/api/search")
def search():
    """Search of the catalogue."""
    wanted = request.args.get("q", "")
    return jsonify(items=[p for p in PRODUCTS.values() if wanted in p["title"]][:20])


@app.get("/api/orders")
def orders():
    """The own orders."""
    known = current()
    if not known:
        return jsonify(error="sign in"), 401
    page = int(request.args.get("page", 1))
    own = [o for o in ORDERS.values() if o["customer_id"] == known["id"]]
    return jsonify(orders=[{"id": o["id"], "total": o["total"], "status": o["status"]} for o in own[10 * (page - 1):10 * page]])


@app.get("/api/orders/<int:number>")
def one_order(number):
    """One order: whoever is signed in may see it. This is the hole."""
    if not current():
        return jsonify(error="sign in"), 401
    return jsonify(ORDERS[number]) if number in ORDERS else (jsonify(error="no such order"), 404)


@app.get("/api/invoices/<int:number>")
def invoice(number):
    """The invoice of an order, properly guarded."""
    known = current()
    if not known:
        return jsonify(error="sign in"), 401
    found = ORDERS.get(number)
    if not found:
        return jsonify(error="no such invoice"), 404
    if found["customer_id"] != known["id"] and not known["staff"]:
        return jsonify(error="not yours"), 403
    return jsonify(invoice=number, order_id=number, total=found["total"])


@app.post("/api/orders")
def buy():
    """Buys."""
    known = current()
    if not known:
        return jsonify(error="sign in"), 401
    STATE["flaky"] += 1
    if STATE["flaky"] % 23 == 0:
        return jsonify(error="busy"), 503
    return jsonify(order(known["name"])), 201


@app.get("/staff/orders")
def staff_orders():
    """All orders, for staff."""
    known = current()
    if not known or not known["staff"]:
        return jsonify(error="staff only"), 403
    page = int(request.args.get("page", 1))
    return jsonify(orders=list(ORDERS.values())[50 * (page - 1):50 * page])


@app.get("/export/orders/<int:number>")
def export(number):
    """For the nightly job, by key."""
    if request.headers.get("X-Api-Key") != "nightly-4f1c8a77d2e94b06b7a1":
        return jsonify(error="key"), 401
    return jsonify(ORDERS[number]) if number in ORDERS else (jsonify(error="none"), 404)


@app.get("/export/orders")
def export_list():
    """Numbers of all orders, for the nightly job."""
    if request.headers.get("X-Api-Key") != "nightly-4f1c8a77d2e94b06b7a1":
        return jsonify(error="key"), 401
    return jsonify(ids=sorted(ORDERS))


@app.get("/health")
def health():
    """For the probe."""
    return jsonify(ok=True)


@app.post("/_lab/<state>")
def lab_state(state):
    """Sign-in goes down and comes back: on another port than the sensor watches."""
    STATE["down"] = None if state == "up" else state
    return "", 204


if __name__ == "__main__":
    for index in range(int(sys.argv[2])):
        account(f"user{index:03}@example.org", f"pw-{index * 7919 % 100003}")
    account("staff@shop.example", "staff-secret", staff=True)
    account("auditor@shop.example", "auditor-secret", staff=True)
    serve(app, listen=f"127.0.0.1:{sys.argv[1]} 127.0.0.1:{int(sys.argv[1]) + 1}", threads=4, ident="shop")
