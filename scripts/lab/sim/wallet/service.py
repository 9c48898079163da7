"""What the service answers, nearly always with status 200; its holes are marked."""
import hmac

from ..http import reply
from .world import World, decode, sign, token

LIFETIME = 7200  # seconds


def good(**fields):
    """A success."""
    return reply({"ok": True, **fields})


def bad(code, text, status=200):
    """A failure."""
    return reply({"ok": False, "err": {"c": code, "m": text}}, status)


def pick(record, *names):
    """Some fields of a record."""
    return {name: record[name] for name in names}


class Service(World):
    """The API over the world."""

    def __init__(self, seed):
        super().__init__(seed)
        self.codes, self.quotes, self.renewals, self.failed_once = {}, {}, {}, set()

    def answer(self, request):
        """Answers one request."""
        body = request.json or {}
        if request.path.startswith("/m/auth/"):
            return self.sign_in(request, body)
        user, roles = self.caller(request)
        if not user:
            return bad("E100", "session required")
        plain = {
            "/m/me": self.me, "/m/wallets": self.wallet_list, "/m/profile": self.profile,
            "/m/payees": self.payee_list, "/m/vouchers/redeem": self.voucher,
            "/m/notifications": self.notifications, "/m/payees/resolve": self.resolve,
            "/m/transfer/quote": self.quote, "/m/transfer/confirm": self.confirm,
            "/m/transfer/execute": self.execute,
        }.get(request.path)
        if plain:
            return plain(request, user, body)
        kind, name = request.parts[1], request.parts[2]
        if kind == "wallets":
            return self.wallet(request, name)
        if kind == "tx":
            found = self.transactions.get(name)
            mine = found and self.wallets[found["wid"]]["user"] is user
            allowed = found and (mine or "agent" in roles)
            return good(tx=found) if allowed else bad("E204", "no such transaction")
        if kind == "kyc":  # hole: any document for anybody
            found = self.documents.get(name)
            return good(kyc=found) if found else bad("E204", "no such document")
        if kind == "admin":
            return self.admin(request, name, roles, body)
        return bad("E404", "no such function")

    def sign_in(self, request, body):
        """A code for a number, the code given, a token renewed."""
        step = request.parts[2]
        if step == "start":
            reference = self.word(12)
            code = f"{self.dice.randrange(10**6):06d}"
            self.codes[reference] = (self.users.get(body.get("msisdn")), code)
            return good(ref=reference, ttl=300)
        if step == "verify":
            user, code = self.codes.get(body.get("ref"), (None, None))
            if not user or code != body.get("otp"):
                return bad("E104", "code not accepted")
            renewal = self.word(40)
            self.renewals[renewal] = user
            return good(jwt=self.token_for(user, request.at), rt=renewal)
        user = self.renewals.get(body.get("rt"))
        if not user:
            return bad("E105", "renew failed")
        return good(jwt=self.token_for(user, request.at), rt=body["rt"])

    def token_for(self, user, at):
        """The token of a user."""
        return token({"sub": user["id"], "did": user["device"], "roles": [user["role"]],
                      "iat": int(at), "exp": int(at) + LIFETIME})

    def caller(self, request):
        """Who asks and the roles. Holes: no expiry, and the algorithm none is taken."""
        parts = request.header("authorization")[7:].split(".")
        if len(parts) != 3:
            return None, ()
        head, claims = decode(parts[0]), decode(parts[1])
        right = hmac.compare_digest(sign(parts[0] + "." + parts[1]), parts[2])
        if head["alg"].lower() != "none" and not right:
            return None, ()
        return self.by_id.get(claims["sub"]), claims["roles"]

    def me(self, _request, user, _body):
        """The caller."""
        return good(me={**pick(user, "id", "name"), "msisdn": user["phone"],
                        **pick(user, "email", "kyc_level"), "kyc_doc": user["document"]})

    def wallet_list(self, _request, user, _body):
        """The own wallets."""
        rows = [pick(self.wallets[key], "wid", "ccy", "bal") for key in user["wallets"]]
        return good(wallets=rows)

    def wallet(self, request, key):
        """A page of a wallet's transactions. Hole: of anybody's wallet."""
        wallet, page = self.wallets.get(key), int(request.query.get("page", 1))
        if not wallet:
            return bad("E204", "no such wallet")
        rows = [self.transactions[t] for t in wallet["tx"][(page - 1) * 10:page * 10]]
        more = len(wallet["tx"]) > page * 10
        return good(wid=key, holder=wallet["user"]["id"], tx=rows, more=more)

    def payee_list(self, request, user, body):
        """The own payees, or one more."""
        if request.method == "GET":
            rows = [pick(self.payees[key], "pid", "name", "iban") for key in user["payees"]]
            return good(payees=rows)
        if body.get("pin") != user["pin"]:
            return bad("E301", "pin")
        return good(pid=self.add_payee(user, body.get("name")))

    def resolve(self, request, _user, _body):
        """The name that belongs to a number."""
        found = self.users.get(request.query.get("msisdn"))
        if not found:
            return bad("E204", "not a customer")
        first, last = found["name"].split()
        return good(display=f"{first[0]}. {last}")

    def quote(self, _request, _user, body):
        """The first step of a transfer."""
        key = "Q" + self.word(10)
        self.quotes[key] = {**pick(body, "amt", "from"), "confirmation": None}
        return good(qid=key, fee=1, total=body["amt"] + 1)

    def confirm(self, _request, user, body):
        """The second step, with the PIN."""
        if body.get("pin") != user["pin"]:
            return bad("E301", "wrong pin")
        quote = self.quotes[body["qid"]]
        quote["confirmation"] = self.word(16)
        return good(ctok=quote["confirmation"])

    def execute(self, request, _user, body):
        """The third step, which sometimes fails at first. Hole: without, or again and again."""
        key = request.header("idempotency-key")
        if self.dice.random() < 0.05 and key not in self.failed_once:
            self.failed_once.add(key)
            return bad("E900", "try again", 503)
        quote = self.quotes[body["qid"]]
        wallet = self.wallets[quote["from"]]
        to = body.get("payee", "?")
        transaction = self.add_transaction(wallet["wid"], quote["amt"], to, int(request.at))
        wallet["bal"] -= quote["amt"]
        return good(txid=transaction, balance=wallet["bal"])

    def profile(self, _request, user, body):
        """A change of the profile. Hole: it takes kyc_level."""
        names = ("name", "email", "lang", "kyc_level")
        user.update({name: value for name, value in body.items() if name in names})
        return good(profile=pick(user, *names))

    def voucher(self, _request, _user, body):
        """A voucher for a credit."""
        known = body.get("code", "").startswith("KIVO5")
        return good(credit=5) if known else bad("E410", "voucher unknown")

    def notifications(self, request, _user, _body):
        """Nothing new."""
        return good(items=[], next=int(request.at))

    def admin(self, request, name, roles, body):
        """Functions of agents. Hole: limits can be changed by anybody."""
        if name == "limits":
            return good(user=body.get("user"), limit=body.get("limit"))
        if "agent" not in roles:
            return bad("E403", "not allowed")
        found = self.users.get(request.query.get("msisdn"))
        if not found:
            return bad("E204", "none")
        return good(user={**pick(found, "id", "name"), "msisdn": found["phone"],
                          **pick(found, "email", "wallets"), "kyc_doc": found["document"]})
