"""What all designs hold: accounts, things that belong to them, things for everybody."""
import hashlib
import random
import uuid

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def name_of(index, style):
    """User name: a plain one, a dotted one, an e-mail address, or a customer number."""
    first = ("ana", "jonas", "lea", "mehmet", "ines", "pavel", "wei", "sofia", "noah", "emma")[index % 10]
    last = ("berg", "lopez", "chen", "novak", "silva", "kaya", "moreau", "rossi")[index // 10 % 8]
    return {
        "plain": f"{first}{last}{index}", "dotted": f"{first}.{last}.{index}",
        "mail": f"{first}.{last}{index}@mail.example", "number": str(70000 + index * 13),
    }[style]


def secret_of(index):
    """Password."""
    return f"Pw-{index * 7919 % 100003}-{index}"


class Account:
    """Somebody who can sign in."""

    def __init__(self, number, name, secret, role="user"):
        self.number, self.name, self.secret, self.role = number, name, secret, role
        self.uuid = str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))
        self.tenant = f"team-{number % 7}"


class Thing:
    """Something that belongs to somebody."""

    def __init__(self, ident, owner, total):
        self.ident, self.owner, self.total, self.readers = ident, owner, total, set()


class World:
    """Accounts and things. `ids` says what things are called by: number, uuid, short or slug."""

    def __init__(self, users, ids, names):
        self.draw, self.ids = random.Random(77), ids
        self.accounts, self.things, self.tokens = {}, {}, {}
        self.names, self.down, self.hits = names, None, 0
        self.items = {n: {"id": n, "title": f"Item {n}", "price": 5 + n % 40} for n in range(1, 201)}
        for index in range(users):
            account = self.account(name_of(index, names), secret_of(index))
            for _ in range(self.draw.randint(4, 18)):
                self.add(account)
        for who in ("support", "auditor"):
            self.account(who, f"{who}-secret", "staff")
        self.everything = list(self.things)
        self.draw.shuffle(self.everything)

    def account(self, name, secret, role="user"):
        """Adds an account."""
        self.accounts[name] = Account(101 + len(self.accounts), name, secret, role)
        return self.accounts[name]

    def add(self, owner):
        """Adds a thing."""
        number = 5000 + len(self.things)
        ident = {
            "number": number,
            "uuid": str(uuid.UUID(int=self.draw.getrandbits(128), version=4)),
            "short": "".join(self.draw.choice(LETTERS) for _ in range(8)),
            "slug": f"{self.draw.choice(['plan', 'draft', 'budget', 'notes', 'photo'])}-{self.draw.choice(['alpha', 'north', 'spring', 'blue'])}-{number}",
        }[self.ids]
        thing = Thing(ident, owner, round(self.draw.random() * 90 + 9, 2))
        self.things[ident] = thing
        return thing

    def thing(self, ident):
        """By id, as text or number."""
        if self.ids == "number":
            ident = int(ident) if str(ident).isdigit() else -1
        return self.things.get(ident)

    def of(self, account, page=1, size=10):
        """One's own, a page of them."""
        own = [t for t in self.things.values() if t.owner is account or account.name in t.readers]
        return own[size * (page - 1):size * page]

    def check(self, name, secret):
        """The account, where name and secret are right and sign-in works."""
        account = self.accounts.get(str(name))
        return account if account and account.secret == secret and not self.down else None

    def token(self, account, size=32):
        """A new opaque token."""
        token = "".join(self.draw.choice(LETTERS) for _ in range(size))
        self.tokens[token] = account
        return token
