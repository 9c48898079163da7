"""A release of the programs that an application's people use: from the middle of the days on what
they send has two parameters and a field that nobody sent before."""
import copy
import random

DAY = 86400
WAYS = ("at_once", "gradual")
LASTS = 2 * DAY  # until the last has it, where it comes gradually


class Release:
    """Changes requests of those who have it already: all of them from one hour on, or one
    after the other."""

    def __init__(self, simulation, way, days):
        self.play, self.gradual = simulation, way == "gradual"
        self.begins = days * DAY // 2 + 3600

    def has(self, client):
        """Whether that person has it by now."""
        since = self.play.now - self.begins
        if client.number is None or since < 0:
            return False
        return not self.gradual or random.Random(client.number).random() * LASTS < since

    def changed(self, client, asked):
        """The request as the new programs send it."""
        named = [name.lower() for name, _ in asked.headers]
        person = client.cookies or "authorization" in named
        if not person or not self.has(client):
            return asked
        new = copy.deepcopy(asked)
        path, _, query = new.target.partition("?")
        if new.method == "GET":
            new.target = f"{path}?{query + '&' if query else ''}app=8.1%2Bweb&locale=en"
        if isinstance(new.body, dict):
            new.body["client_build"] = {"version": "8.1", "flags": ["a", "b"]}
        return new
