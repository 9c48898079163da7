"""Customers, wallets, transactions, documents, payees; and tokens."""
import base64
import hashlib
import hmac
import json
import random
import uuid

from ..names import FIRST, people, text_of

SECRET = b"kivo-prod-2025"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def encode(data):
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """A part of a token as JSON."""
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def sign(text):
    """The HS256 signature."""
    return encode(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())


def token(claims, algorithm="HS256"):
    """A JWT; without signature where the algorithm is none."""
    head = {"alg": algorithm, "typ": "JWT"}
    text = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
    return text + "." + ("" if algorithm == "none" else sign(text))


class World:
    """All that the service stores."""

    def __init__(self, seed):
        self.dice = random.Random(31 + seed)
        self.users, self.wallets, self.transactions = {}, {}, {}
        self.documents, self.payees = {}, {}
        pairs = people(76, self.dice)
        for number, (first, last) in enumerate(pairs):
            self.add_user(number, first, last)
        for user in self.users.values():
            for _ in range(self.dice.randrange(1, 4)):
                self.add_payee(user)
        self.by_id = {user["id"]: user for user in self.users.values()}

    def word(self, length):
        """A random word."""
        return text_of(self.dice, length, LETTERS)

    def uuid(self):
        """A random UUID."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def iban(self, country, digits):
        """A made-up account number."""
        return country + str(self.dice.randrange(10**(digits - 1), 10**digits))

    def add_user(self, number, first, last):
        """A customer, an agent of the call centre or a merchant, with wallets and a document."""
        dice = self.dice
        user = {
            "id": "u_" + self.word(9).lower(), "name": f"{first.title()} {last.title()}",
            "phone": "+4179" + str(dice.randrange(10**6, 10**7)),
            "email": f"{first}{last}@post.test", "lang": "de", "kyc_level": 1,
            "pin": f"{dice.randrange(10**4):04d}", "device": self.uuid(), "wallets": [],
            "payees": [], "role": "cust" if number < 68 else "agent" if number < 72 else "merchant",
        }
        self.users[user["phone"]] = user
        for currency in ("CHF", "EUR")[:1 if number % 3 else 2]:
            self.add_wallet(user, currency)
        document = user["document"] = self.uuid()
        born = f"19{dice.randrange(60, 99)}-0{dice.randrange(1, 9)}-1{dice.randrange(9)}"
        self.documents[document] = {
            "doc": document, "name": user["name"], "dob": born,
            "passport": "X" + str(dice.randrange(10**6, 10**7)),
            "address": f"{self.word(5).title()}weg {dice.randrange(90)}, Bern",
        }

    def add_wallet(self, user, currency):
        """A wallet with some transactions."""
        key = f"W-{self.word(4)}-{self.word(4)}"
        balance = self.dice.randrange(200, 9000)
        self.wallets[key] = {"wid": key, "ccy": currency, "bal": balance, "user": user, "tx": []}
        user["wallets"].append(key)
        for _ in range(self.dice.randrange(4, 18)):
            at = int(1.79e9) + self.dice.randrange(10**6)
            to = self.dice.choice(FIRST).title()
            self.add_transaction(key, self.dice.randrange(5, 300), to, at)

    def add_transaction(self, wallet, amount, to, at):
        """A transaction, the newest of its wallet; its id."""
        key = "01J" + self.word(23)
        self.transactions[key] = {"txid": key, "wid": wallet, "amt": amount, "to": to, "at": at}
        self.wallets[wallet]["tx"].insert(0, key)
        return key

    def add_payee(self, user, name=None):
        """Somebody whom a user pays; the id."""
        key = "P-" + self.word(6)
        name = name or self.dice.choice(FIRST).title()
        self.payees[key] = {"pid": key, "name": name, "iban": self.iban("CH", 19)}
        user["payees"].append(key)
        return key

    def having(self, role):
        """Everybody of a role."""
        return [user for user in self.users.values() if user["role"] == role]
