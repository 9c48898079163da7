"""What a design is: how an application speaks, on both sides."""
from .world import World


class Design:
    """An application (`handle`) and how its clients ask (all else)."""

    SERVER, HOST, GATEWAY, IDS, NAMES = "lab", "app.lab", None, "number", "plain"

    def __init__(self, users, small):
        self.small = small
        self.world = World(12 if small else users, self.IDS, self.NAMES)

    def handle(self, request):
        """Answers a request."""
        raise NotImplementedError

    def before(self, _client):
        """What is asked before signing in."""
        return []

    def after(self, _client):
        """What is asked after it."""
        return []

    def keep(self, client, answer):
        """Keeps what sign-in gave."""

    def leave(self, _client):
        """Signs out; nothing where there is no such thing."""
        return None

    def signup(self, _client, _name, _secret):
        """Makes an account; nothing where nobody can."""
        return None
