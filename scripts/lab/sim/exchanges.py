"""Requests and answers as JSON lines, many of them: a million transactions in minutes."""
import json
import random
import sys

from .http import Request


class Exchanges:
    """Writes exchanges to standard output; a share of them is asked once more, with an odd value
    and a parameter that nobody sends, and answered alike. With `poison` three people do so
    beside all others, for so many requests of every other one."""

    def __init__(self, simulation, share, poison):
        self.play, self.share, self.dice = simulation, share, random.Random(5)
        self.poison, self.mine, self.own = poison, [], {}
        self.address = f"{simulation.server_ip}:{simulation.port}"

    def tell(self, request, response, latency):
        """One exchange, and now and then its odd twin."""
        self.write(request, response, latency, odd=request.client.episode is not None)
        if self.dice.random() < self.share:
            self.again(request.asked, request.client, request.at + 0.2, response)
        if self.poison:
            self.attack(request, response)

    def attack(self, request, response):
        """Three who were seen early ask oddly, in turn, what they asked before."""
        client = request.client
        known = id(client) in self.own or len(self.own) < 3 and (client.cookies or
                                                                 request.header("authorization"))
        if known:
            self.own[id(client)] = client
            self.mine.append((request.asked, client, response))
        if self.mine and self.dice.random() < self.poison:
            asked, client, answer = self.dice.choice(self.mine)
            self.again(asked, client, request.at + 0.3, answer, poison=True)

    def again(self, asked, client, at, response, **marks):
        """The same, oddly."""
        from .behaviour import mutated  # what plays behaviour needs exchanges in turn
        odd = mutated(asked, self.dice, self.dice.choice(("debug", "admin", "_method", None)))
        if odd != asked:
            request = Request(odd, client, at, self.play.host)
            self.write(request, response, 0.03, odd=True, **marks)

    def write(self, request, response, latency, **marks):
        """One line."""
        first = [] if "host" in request.named else [("Host", request.host)]
        row = {
            "at": round(request.at, 6), "client": request.client.ip, "server": self.address,
            "method": request.method, "target": request.target, "latency": round(1000 * latency),
            "headers": first + request.headers, "body": request.data.decode("utf-8", "replace"),
            "status": response.status, "kind": response.kind if response.body else "",
            "told": response.headers, "answer": response.text, **marks,
        }
        sys.stdout.write(json.dumps(row) + "\n")
