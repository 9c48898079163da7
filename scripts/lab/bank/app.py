"""A small bank: JWTs, UUIDs, roles; its account page shows whatever account it is asked for."""
import random
import sys
import time
import uuid

import jwt
from aiohttp import web

SECRET = "lab-only-signing-key-that-is-long-enough-0123456789"
draw = random.Random(7)
USERS, BY_ID, ACCOUNTS, STATE = {}, {}, {}, {"down": None, "asked": 0}
routes = web.RouteTableDef()


def new_uuid():
    """A UUID from the seeded source."""
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def user(name, secret, role="customer"):
    """Adds a user with one to three accounts."""
    own = {"id": new_uuid(), "username": name, "secret": secret, "role": role, "accounts": []}
    USERS[name] = BY_ID[own["id"]] = own
    for _ in range(draw.randint(1, 3) if role == "customer" else 0):
        account = {"id": new_uuid(), "holder": own["id"], "balance": round(draw.random() * 9000, 2), "currency": "EUR"}
        ACCOUNTS[account["id"]] = account
        own["accounts"].append(account["id"])


def tokens(own):
    """Access and refresh token."""
    now = int(time.time())
    claims = {"sub": own["id"], "preferred_username": own["username"], "roles": [own["role"]], "iat": now, "iss": "bank.lab"}
    return {
        "access_token": jwt.encode({**claims, "exp": now + 36000, "jti": new_uuid()}, SECRET, "HS256"),
        "refresh_token": jwt.encode({"sub": own["id"], "typ": "refresh", "iat": now, "exp": now + 360000, "jti": new_uuid()}, SECRET, "HS256"),
        "token_type": "bearer", "expires_in": 36000,
    }


def who(request):
    """Who asks; 401 where the token is none of ours."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return BY_ID[jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False})["sub"]]
    except (jwt.PyJWTError, KeyError):
        raise web.HTTPUnauthorized(text='{"code":401,"message":"token missing or not valid"}', content_type="application/json")


def refused(status, text):
    """An error."""
    return web.json_response({"code": status, "message": text}, status=status)


@routes.post("/v1/auth/token")
async def sign_in(request):
    """Sign-in."""
    given = await request.json()
    if STATE["down"] == "503":
        return refused(503, "try later")
    own = USERS.get(given.get("username"))
    if not own or own["secret"] != given.get("password") or STATE["down"] == "deny":
        return refused(401, "bad credentials")
    return web.json_response(tokens(own))


@routes.post("/v1/auth/refresh")
async def refresh(request):
    """New tokens for old."""
    given = await request.json()
    try:
        own = BY_ID[jwt.decode(given.get("refresh_token", ""), SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False})["sub"]]
    except (jwt.PyJWTError, KeyError):
        return refused(401, "bad token")
    return web.json_response(tokens(own))


@routes.get("/v1/me")
async def me(request):
    """The own profile."""
    own = who(request)
    return web.json_response({"user": {"id": own["id"], "username": own["username"], "role": own["role"]}})


@routes.get("/v1/accounts")
async def accounts(request):
    """The own accounts; all of them for a teller."""
    own = who(request)
    found = ACCOUNTS.values() if own["role"] in ("teller", "service") else [ACCOUNTS[n] for n in own["accounts"]]
    start = int(request.query.get("offset", 0))
    return web.json_response({"data": list(found)[start:start + 40], "offset": start})


@routes.get("/v1/accounts/{id}")
async def account(request):
    """One account: this is the hole."""
    who(request)
    found = ACCOUNTS.get(request.match_info["id"])
    return web.json_response(found) if found else refused(404, "no such account")


@routes.get("/v1/accounts/{id}/transactions")
async def history(request):
    """Movements, properly guarded; they show other people's account numbers."""
    own = who(request)
    found = ACCOUNTS.get(request.match_info["id"])
    if not found:
        return refused(404, "no such account")
    if found["holder"] != own["id"] and own["role"] != "teller":
        return refused(403, "not yours")
    seeded = random.Random(found["id"])
    others = list(ACCOUNTS)
    return web.json_response({"items": [
        {"id": str(uuid.UUID(int=seeded.getrandbits(128), version=4)), "amount": round(seeded.random() * 200 - 90, 2),
         "counterparty": {"account_id": seeded.choice(others), "name": "somebody"}} for _ in range(seeded.randint(3, 9))]})


@routes.post("/v1/transfers")
async def transfer(request):
    """Pays somebody."""
    own = who(request)
    given = await request.json()
    STATE["asked"] += 1
    if STATE["asked"] % 17 == 0:
        return refused(503, "busy")
    if given.get("from") not in own["accounts"]:
        return refused(403, "not your account")
    return web.json_response({"id": new_uuid(), "state": "booked", "amount": given.get("amount")}, status=201)


@routes.get("/v1/rates")
async def rates(request):
    """Exchange rates, for everybody who is signed in."""
    who(request)
    return web.json_response({"base": "EUR", "rates": {"USD": 1.1, "GBP": 0.86}})


@routes.get("/healthz")
async def health(_request):
    """For the probe."""
    return web.json_response({"status": "up"})


@routes.post("/_lab/{state}")
async def lab(request):
    """Breaks or mends sign-in."""
    STATE["down"] = None if request.match_info["state"] == "up" else request.match_info["state"]
    return web.json_response({"accounts": list(ACCOUNTS)})


if __name__ == "__main__":
    for index in range(110):
        user(f"{('ann', 'bo', 'cy', 'dee', 'eve', 'flo', 'gus')[index % 7]}{index:03}", f"s3cret-{index * 104729 % 1000003}")
    user("teller.one", "teller-one-secret", "teller")
    user("teller.two", "teller-two-secret", "teller")
    user("night.batch", "batch-secret-99", "service")
    application = web.Application()
    application.add_routes(routes)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
