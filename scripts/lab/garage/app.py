"""A garage: three services behind one address, RS256 tokens, vehicles by UUID, reports and orders by number, posts by object id.

It has the holes that such services have: locations, reports and orders are given to whoever asks, the second version of the one-time code is not
limited, an admin function hangs beside the users' one, sign-up and order take every field, one part accepts tokens without a signature."""
import base64
import hashlib
import itertools
import json
import random
import sys
import uuid

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..lab.clock import told

draw = random.Random(9)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
USERS, CARS, POSTS, ORDERS, REPORTS, VIDEOS, OTPS, SENT = {}, {}, {}, {}, {}, {}, {}, {}
NUMBERS = itertools.count(1)
PRODUCTS = [{"id": n, "name": f"{what}", "price": f"{10 + 7 * n}.00", "image_url": f"images/{what.lower()}.svg"}
            for n, what in enumerate(["Seat", "Wheel", "Mirror", "Lamp", "Wiper", "Battery", "Horn", "Mat"], 1)]
COUPONS = {"TRAC075": 75, "TRAC065": 65, "SPRING10": 10}


def vin():
    """A vehicle number."""
    return "".join(draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(17))


def user(email, password, name, number, role="ROLE_USER"):
    """Adds an account with a car, an order or two and a visit to the garage."""
    who = USERS[email] = {"id": 8 + len(USERS), "email": email, "name": name, "number": number, "role": role, "secret": password,
                          "available_credit": 100.0, "picture_url": None}
    if role == "ROLE_USER":
        for _ in range(draw.choice([1, 1, 2])):
            ident = str(uuid.UUID(int=draw.getrandbits(128), version=4))
            CARS[ident] = {"uuid": ident, "vin": vin(), "year": draw.randint(2009, 2024), "model": {"model": draw.choice(["Hawk", "Lynx", "Orca"]), "fuel_type": "DIESEL"},
                           "owner": who, "place": [round(30 + draw.random() * 20, 6), round(-90 + draw.random() * 40, 6)]}
        for _ in range(draw.randint(2, 9)):
            order(who, draw.choice(PRODUCTS), draw.randint(1, 3))
        for _ in range(draw.randint(1, 4)):
            report(who, "noise when braking")
    return who


def order(who, product, quantity):
    """Adds an order."""
    number = len(ORDERS) + 1
    ORDERS[number] = {"id": number, "who": who, "product": product, "quantity": quantity, "status": "delivered",
                      "transaction_id": str(uuid.UUID(int=draw.getrandbits(128), version=4)), "created_on": "2026-11-20T10:11:12.131415"}
    return ORDERS[number]


def report(who, text):
    """Adds a visit to the garage."""
    number = len(REPORTS) + 1
    car = next(c for c in CARS.values() if c["owner"] is who)
    REPORTS[number] = {"id": number, "car": car, "text": text, "status": "pending", "mechanic": f"TRAC_{draw.choice(['JHN', 'MHK'])}"}
    return REPORTS[number]


def post(who, title, content):
    """Adds a post; everybody sees the author's car."""
    ident = hashlib.sha1(f"{title}{len(POSTS)}".encode()).hexdigest()[:22]
    car = next((c["uuid"] for c in CARS.values() if c["owner"] is who), "")
    POSTS[ident] = {"id": ident, "title": title, "content": content, "author": {"nickname": who["name"], "email": who["email"], "vehicleid": car,
                    "profile_pic_url": "", "created_at": "2026-11-21T09:00:00Z"}, "comments": [], "authorid": who["id"], "CreatedAt": "2026-11-21T09:00:00Z"}
    return POSTS[ident]


def token(who):
    """A token for a week."""
    now = int(told())
    return jwt.encode({"sub": who["email"], "iat": now, "exp": now + 604800, "role": who["role"].removeprefix("ROLE_").lower()}, KEY, "RS256")


def caller(request, loose=False):
    """Who asks; `loose` believes tokens that nobody signed."""
    text = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        if loose and jwt.get_unverified_header(text).get("alg", "").lower() == "none":
            part = text.split(".")[1]
            return USERS.get(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"])
        return USERS.get(jwt.decode(text, KEY.public_key(), ["RS256"], options={"verify_iat": False, "verify_exp": False})["sub"])
    except (jwt.PyJWTError, KeyError, ValueError):
        return None


def say(message, status=200, **more):
    """The answer of the Java part."""
    return JSONResponse({"message": message, "status": status, **more}, status)


def closed(handler, loose=False):
    """Only for who is signed in."""
    async def run(request):
        me = caller(request, loose)
        if me is None:
            return JSONResponse({"error": "JWT Token required!"} if "/workshop/" in request.url.path else {"message": "Invalid Token", "status": 401}, 401)
        body = {}
        if request.method in ("POST", "PUT") and "json" in request.headers.get("content-type", ""):
            body = json.loads(await request.body() or b"{}")
        return await handler(request, me, body)
    return run


async def login(request):
    """Gives a token; an unknown address and a wrong password are told apart."""
    body = await request.json()
    who = USERS.get(body.get("email"))
    if who is None:
        return JSONResponse({"token": None, "type": "Bearer", "message": "Given Email is not registered! ", "mfaRequired": False}, 401)
    if who["secret"] != body.get("password"):
        return JSONResponse({"token": None, "type": "Bearer", "message": "Invalid Credentials", "mfaRequired": False}, 401)
    return JSONResponse({"token": token(who), "type": "Bearer", "message": "Login successful", "mfaRequired": False, "role": who["role"]})


async def signup(request):
    """Takes every field it is given."""
    body = await request.json()
    if body["email"] in USERS:
        return say(f"Email already registered! Email: {body['email']}", 403)
    who = user(body["email"], body["password"], body["name"], body["number"])
    who.update({key: value for key, value in body.items() if key in ("role", "available_credit")})
    return say("User registered successfully! Please Login.", user={key: value for key, value in who.items() if key != "secret"})


async def forget(request):
    """Sends a code of four digits."""
    email = (await request.json()).get("email")
    if email not in USERS:
        return say("Given Email is not registered! ", 404)
    OTPS[email] = [f"{int(hashlib.sha1((email + 'otp').encode()).hexdigest(), 16) % 10000:04}", 0]
    return say(f"OTP Sent on the provided email, {email}")


async def check(request):
    """Sets a new password; the third version allows ten guesses."""
    body = await request.json()
    known = OTPS.get(body.get("email"))
    if known is None or known[0] != body.get("otp"):
        if known and "v3" in request.url.path:
            known[1] += 1
            if known[1] >= 10:
                return say("ERROR..", 503)
        return say("Invalid OTP! Please try again..", 500)
    USERS[body["email"]]["secret"] = body["password"]
    OTPS.pop(body["email"])
    return say("OTP verified")


async def logout(_request, _me, _body):
    """Says good bye, and revokes nothing."""
    return say("Logged out")


async def dashboard(_request, me, _body):
    """The own account."""
    return JSONResponse({key: value for key, value in me.items() if key != "secret"} | {"video_id": 0, "video_url": None})


async def vehicles(_request, me, _body):
    """The own cars."""
    return JSONResponse([{key: value for key, value in car.items() if key not in ("owner", "place")} for car in CARS.values() if car["owner"] is me])


async def location(request, _me, _body):
    """Where a car is, whosoever's."""
    car = CARS.get(request.path_params["ident"])
    if car is None:
        return say("Sorry, Didn't get vehicle location. ", 404)
    car["place"] = [round(x + draw.uniform(-.01, .01), 6) for x in car["place"]]
    return JSONResponse({"carId": car["uuid"], "vehicleLocation": {"id": 3, "latitude": str(car["place"][0]), "longitude": str(car["place"][1])},
                         "fullName": car["owner"]["name"], "email": car["owner"]["email"]})


async def password(_request, me, body):
    """Changes the own password."""
    me["secret"] = body["password"]
    return say("Password reset completed.")


async def upload(_request, me, _body):
    """Takes a video."""
    number = 40 + len(VIDEOS)
    VIDEOS[number] = {"id": number, "video_name": "trip.mp4", "conversion_params": "-v codec h264", "owner": me["email"]}
    return JSONResponse({"id": number, "video_name": "trip.mp4", "conversion_params": "-v codec h264", "profileVideo": "data:video/mp4;base64,AAAA"})


async def video(request, me, body):
    """Renames a video; deleting is the administrator's."""
    found = VIDEOS.get(int(request.path_params["ident"]))
    if found is None or found["owner"] != me["email"]:
        return say("Sorry, Didn't get any profile video name for the user.", 404)
    if request.method == "DELETE":
        return say("This is an admin function. Try to access the admin API", 403)
    found["video_name"] = body.get("videoName", found["video_name"])
    found["conversion_params"] = body.get("conversion_params", found["conversion_params"])
    return JSONResponse({key: value for key, value in found.items() if key != "owner"})


async def remove(request, _me, _body):
    """The administrator's function that forgot to ask for one."""
    return say("User video deleted successfully.") if VIDEOS.pop(int(request.path_params["ident"]), None) else say("Video not found", 404)


async def posts(request, me, body):
    """Recent posts, or a new one."""
    if request.method == "POST":
        return JSONResponse(post(me, body["title"], body["content"]))
    at, size = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 30))
    found = list(reversed(POSTS.values()))
    return JSONResponse({"posts": found[at:at + size], "next_offset": at + size, "previous_offset": None, "total": len(found)})


async def one_post(request, me, body):
    """One post, or a comment on it."""
    found = POSTS.get(request.path_params["ident"])
    if found is None:
        return JSONResponse({"error": "not found"}, 404)
    if request.method == "POST":
        found["comments"].append({"id": "", "content": body["content"], "author": {"nickname": me["name"], "email": me["email"]}})
    return JSONResponse(found)


async def validate(_request, _me, body):
    """Whether a coupon is good; an operator instead of a code matches."""
    code = body.get("coupon_code")
    if isinstance(code, dict):
        code = "TRAC075"
    if code not in COUPONS:
        return JSONResponse({}, 500)
    return JSONResponse({"coupon_code": code, "amount": str(COUPONS[code]), "CreatedAt": "2026-11-01T00:00:00Z"})


async def apply(_request, me, body):
    """Adds its worth."""
    if str(body.get("coupon_code")) not in COUPONS:
        return JSONResponse({"message": "Coupon not found"} if "'" not in str(body.get("coupon_code")) else
                            {"message": "syntax error at or near \"'\"\nLINE 1: SELECT coupon_code FROM applied_coupon WHERE"}, 400)
    me["available_credit"] += float(body["amount"])
    return JSONResponse({"credit": me["available_credit"], "message": "Coupon successfully applied!"})


async def products(_request, me, _body):
    """What can be bought."""
    return JSONResponse({"products": PRODUCTS, "credit": me["available_credit"]})


def shown(o):
    """An order as it is shown."""
    return {"id": o["id"], "user": {"email": o["who"]["email"], "number": o["who"]["number"]}, "product": o["product"], "quantity": o["quantity"],
            "status": o["status"], "transaction_id": o["transaction_id"], "created_on": o["created_on"]}


async def orders(request, me, body):
    """The own orders, or a new one."""
    if request.method == "POST":
        product = next((p for p in PRODUCTS if p["id"] == body["product_id"]), None)
        if product is None or me["available_credit"] < float(product["price"]) * body["quantity"]:
            return JSONResponse({"message": "Insufficient Balance. Please apply coupons to get more balance!"}, 400)
        me["available_credit"] -= float(product["price"]) * body["quantity"]
        return JSONResponse({"id": order(me, product, body["quantity"])["id"], "message": "Order sent successfully.", "credit": me["available_credit"]})
    found = [o for o in ORDERS.values() if o["who"] is me]
    at, size = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 30))
    return JSONResponse({"orders": [shown(o) for o in found[at:at + size]], "next_offset": None, "previous_offset": None, "count": len(found)})


async def one_order(request, me, body):
    """An order, whosoever's; or a change to it, of any field."""
    found = ORDERS.get(int(request.path_params["ident"]))
    if found is None:
        return JSONResponse({"message": "The order does not exist"}, 404)
    if request.method == "PUT":
        found["status"] = body.get("status", found["status"])
        found["quantity"] = body.get("quantity", found["quantity"])
        if body.get("status") == "returned":
            me["available_credit"] += float(found["product"]["price"]) * found["quantity"]
        return JSONResponse({"orders": shown(found)})
    return JSONResponse({"order": shown(found), "payment": {"transaction_id": found["transaction_id"], "order_id": found["id"], "amount": found["product"]["price"],
                                                            "card_number": "XXXXXXXXXXXX9541", "card_owner_name": found["who"]["name"], "card_type": "MasterCard", "currency": "USD"}})


async def give_back(request, me, _body):
    """Sends an order back."""
    found = ORDERS.get(int(request.query_params.get("order_id", 0)))
    if found is None or found["who"] is not me:
        return JSONResponse({"message": "You are not the owner of the order."}, 403)
    found["status"] = "return pending"
    return JSONResponse({"message": "Please use the following QR code to return your order to a UPS store!", "qr_code_url": "/workshop/qr/7", "order": shown(found)})


async def mechanics(_request, _me, _body):
    """Who repairs."""
    return JSONResponse({"mechanics": [{"id": n, "mechanic_code": code, "user": {"email": f"{code.lower()}@garage.example", "number": ""}} for n, code in ((1, "TRAC_JHN"), (2, "TRAC_MHK"))]})


async def contact(_request, me, body):
    """Asks for a visit, and gives a link to the report."""
    made = report(me, body.get("problem_details", ""))
    link = f"http://garage.example/workshop/api/mechanic/mechanic_report?report_id={made['id']}"
    return JSONResponse({"response_from_mechanic_api": {"id": made["id"], "sent": True, "report_link": link}, "status": 200})


def visit(r):
    """A report as it is shown."""
    own = r["car"]["owner"]
    return {"id": r["id"], "mechanic": {"id": 1, "mechanic_code": r["mechanic"], "user": {"email": "mechanic@garage.example", "number": ""}},
            "vehicle": {"id": 4, "vin": r["car"]["vin"], "owner": {"email": own["email"], "number": own["number"]}}, "problem_details": r["text"], "status": r["status"]}


async def one_report(request, _me, _body):
    """A report, whosoever's."""
    found = REPORTS.get(int(request.query_params.get("report_id", 0)))
    return JSONResponse(visit(found)) if found else JSONResponse({"message": "Report does not exist"}, 400)


async def service(request, me, _body):
    """What a mechanic has to do."""
    if me["role"] != "ROLE_MECHANIC":
        return JSONResponse({"message": "Unauthorized"}, 403)
    at = int(request.query_params.get("offset", 0))
    return JSONResponse({"service_requests": [visit(r) for r in list(REPORTS.values())[at:at + 30]], "count": len(REPORTS)})


async def management(request, _me, _body):
    """All people with their credit."""
    at, size = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 30))
    return JSONResponse({"users": [{"user": {"email": u["email"], "number": u["number"]}, "available_credit": u["available_credit"]} for u in list(USERS.values())[at:at + size]]})


async def dump(_request):
    """Left behind by a developer."""
    return JSONResponse({"users": [{"id": u["id"], "email": u["email"], "role": u["role"],
                                    "password": "$2a$10$" + base64.b64encode(hashlib.sha256(u["secret"].encode()).digest()).decode()[:43].replace("+", ".") + "abcdefghij"} for u in USERS.values()]})


async def health(_request):
    """Whether it lives."""
    return Response("OK", media_type="text/plain")


ID, SHOP, TALK = "/identity/api", "/workshop/api", "/community/api/v2"
app = Starlette(routes=[Route(path, handler, methods=methods.split()) for methods, path, handler in (
    ("POST", f"{ID}/auth/login", login), ("POST", f"{ID}/auth/signup", signup), ("POST", f"{ID}/auth/forget-password", forget),
    ("POST", f"{ID}/auth/v2/check-otp", check), ("POST", f"{ID}/auth/v3/check-otp", check), ("POST", f"{ID}/auth/logout", closed(logout)),
    ("GET", f"{ID}/v2/user/dashboard", closed(dashboard)), ("POST", f"{ID}/v2/user/reset-password", closed(password)),
    ("GET", f"{ID}/v2/vehicle/vehicles", closed(vehicles)), ("GET", f"{ID}/v2/vehicle/{{ident}}/location", closed(location)),
    ("POST", f"{ID}/v2/user/videos", closed(upload)), ("PUT DELETE", f"{ID}/v2/user/videos/{{ident}}", closed(video)),
    ("DELETE", f"{ID}/v2/admin/videos/{{ident}}", closed(remove)), ("GET", f"{ID}/v2/debug/users", dump),
    ("GET POST", f"{TALK}/community/posts", closed(posts)), ("GET", f"{TALK}/community/posts/recent", closed(posts, True)),
    ("GET POST", f"{TALK}/community/posts/{{ident}}", closed(one_post, True)), ("POST", f"{TALK}/community/posts/{{ident}}/comment", closed(one_post)),
    ("POST", f"{TALK}/coupon/validate-coupon", closed(validate)), ("POST", f"{SHOP}/shop/apply_coupon", closed(apply)),
    ("GET", f"{SHOP}/shop/products", closed(products)), ("GET", f"{SHOP}/shop/orders/all", closed(orders)), ("POST", f"{SHOP}/shop/orders", closed(orders)),
    ("POST", f"{SHOP}/shop/orders/return_order", closed(give_back)), ("GET PUT", f"{SHOP}/shop/orders/{{ident}}", closed(one_order)),
    ("GET", f"{SHOP}/mechanic/", closed(mechanics)), ("POST", f"{SHOP}/merchant/contact_mechanic", closed(contact)),
    ("GET", f"{SHOP}/mechanic/mechanic_report", closed(one_report)), ("GET", f"{SHOP}/mechanic/service_requests", closed(service)),
    ("GET", f"{SHOP}/management/users/all", closed(management)), ("GET", "/health", health))])

if __name__ == "__main__":
    for n in range(int(sys.argv[2])):
        first = ("adam", "priya", "kofi", "yuki", "marta", "omar", "lena", "raul")[n % 8]
        user(f"{first}.{n:02}@{('mail', 'post', 'inbox')[n % 3]}.example", f"{first.title()}!{n * 37 % 91}", first.title(), f"98765{n:05}")
    for n, code in enumerate(("jhn", "mhk")):
        user(f"{code}@garage.example", "Mechanic1!", code, f"41541{n:05}", "ROLE_MECHANIC")
    user("admin@garage.example", "Admin!123", "Admin", "9010203040", "ROLE_ADMIN")
    for n, who in enumerate([u for u in USERS.values() if u["role"] == "ROLE_USER"][:24]):
        post(who, f"Question {n}", "Does anybody know this sound?")
    uvicorn.run(app, host="0.0.0.0", port=int(sys.argv[1]), log_level="error")
