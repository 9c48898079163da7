"""Who plays in a day: people, attackers with their episodes, and what all of them do the same way."""
import itertools

from .actors import Client, Wait

HOUR = 3600.0
OWASP = {"bola": "API1:2023", "bola_enumeration": "API1:2023", "mass_assignment": "API3:2023", "excessive_data_exposure": "API3:2023",
         "rate_abuse": "API4:2023", "scraping": "API6:2023", "bfla": "API5:2023", "injection": "API8:2023", "reconnaissance": "API9:2023"}


class Cast:
    """The people of a day; `NET` is the second byte of their addresses, `AGENTS` what browsers they have."""

    NET, AGENTS = 80, (("chrome", None), ("firefox", None), ("safari", None))

    def __init__(self, stage, draw, scale):
        self.stage, self.draw, self.scale = stage, draw, scale
        self.people, self.attackers, self.episodes = [], [], []
        self.addresses = (f"127.{self.NET + n // 200}.{3 + n % 17}.{1 + n % 200}" for n in itertools.count())
        self.foes = (f"127.{self.NET + 60}.{1 + n % 50}.{9 + n % 240}" for n in itertools.count())

    def person(self, who, note, address=None, profile=None, agent=None):
        """A benign client."""
        if profile is None:
            profile, agent = self.draw.choice(self.AGENTS)
        client = Client(self.stage, address or next(self.addresses), profile, agent)
        client.who = who
        self.people.append({"id": who, "kind": "benign", "identity": {"username": who, "ip": [client.address]}, "note": note})
        return client

    def foe(self, episode, kind, text, profile="requests", agent=None, count=1, volume="noisy", success=False, accept=(), address=None, **identity):
        """An episode; gives its client, or its clients where `count` is more than one."""
        addresses = [address] if address else [next(self.foes) for _ in range(count)]
        clients = [Client(self.stage, own, profile, agent, episode) for own in addresses]
        found = {"ip": addresses, **identity}
        self.attackers.append({"id": f"atk-{episode}", "kind": "attacker", "identity": found})
        self.episodes.append({"id": episode, "class": kind, "also_accept": list(accept), "owasp": OWASP.get(kind, "API2:2023"), "actor": f"atk-{episode}",
                              "volume": volume, "success": success, "description": text, "actor_identity": found})
        return clients if count > 1 else clients[0]

    def at(self, hours, script, client):
        """Lets a script begin so many hours after the start."""
        self.stage.add(hours * HOUR, script, client)

    def think(self, middle):
        """A pause."""
        return Wait(min(self.draw.lognormvariate(0, 0.8) * middle, middle * 8))

    def fire(self, asks, pause):
        """Sends one after the other, as a tool with a list does."""
        for ask in asks:
            yield ask
            yield Wait(self.draw.uniform(0.6, 1.4) * pause)


def again(client, episode=None):
    """The same device on another visit."""
    other = Client(client.lab, client.address, client.profile, client.agent, episode)
    other.who = client.who
    return other


def jar(thief, owner):
    """The thief has whatever the owner was given."""
    thief.cookies, thief.token = dict(owner.cookies), owner.token
