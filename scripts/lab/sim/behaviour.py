"""People of an application who begin to behave unlike everybody: too often, with odd values, in an
odd order, at sensitive functions where they never were; noisily and quietly.

Nothing here knows an application: what its people asked and were granted is asked again, otherwise.
Among the benign are a campaign that many follow at once and a new mobile client; what looks like
atypical access to sensitive functions is in `lookalikes`.
"""
import copy
import heapq
import re

from .clients import Client
from .http import Response
from .lookalikes import Lookalikes

FIRST = 1000  # transactions before the first episode
FRESH = 600  # seconds since a sign-in whose credential outlasts an episode
RECENT = 1200  # seconds in which a credential that was used is still good
BETWEEN = 1300  # seconds from one episode to the next
ODD = ("-1", "99999999999", "a'b\"c", "{{7*7}}", "..%2f..%2fetc", "true,false", "0x1f", "[[]]",
       "<i>x</i>", "%%%", "null;1", "$top")
EPISODES = (("rate_abuse", "noisy"), ("query_pattern", "noisy"), ("sequence", "noisy"),
            ("sensitive_access", "noisy"), ("rate_abuse", "quiet"), ("query_pattern", "quiet"),
            ("sequence", "quiet"), ("sensitive_access", "quiet"))


DAY = 86400
NIGHT = 19 * 3600  # after the morning: three o'clock
PEERS = 10  # people who do the same
BEFORE = 20  # requests after which somebody is no newcomer


class Past:
    """What one client was granted."""

    def __init__(self, client):
        self.asked, self.last, self.since, self.headers = [], 0, 0, []
        self.client = client


def granted(asked, response):
    """The application did what it was asked for."""
    done = (200, 201, 204) if asked.method == "GET" else (200, 201, 204, 302, 303)
    return response.status in done and response.json.get("ok", True) is True


def mutated(asked, dice, unknown):
    """The same request with one odd value, and with `unknown` a parameter that nobody sends."""
    odd = copy.deepcopy(asked)
    value = dice.choice(ODD)
    path, _, query = odd.target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    fields = odd.form if odd.form is not None else odd.body
    if isinstance(fields, dict) and fields:
        fields[dice.choice(sorted(fields))] = value
    elif pairs:
        at = dice.randrange(len(pairs))
        pairs[at] = (pairs[at][0], "=", value.replace(" ", "+").replace("#", ""))
    if unknown:
        pairs.append((unknown, "=", dice.choice(("1", "true", "all"))))
    odd.target = path + ("?" + "&".join("".join(pair) for pair in pairs) if pairs else "")
    return odd


def place(asked):
    """The endpoint of a request, near enough: ids are words with digits."""
    parts = asked.target.partition("?")[0].split("/")
    return asked.method + "/".join("{}" if re.search(r"\d", part) else part for part in parts)


class Behaviour:
    """Watches a simulation, and plays episodes once enough was seen."""

    def __init__(self, simulation, sensitive, signing, days=1):
        self.play, self.dice, self.days = simulation, simulation.dice, days
        self.sensitive, self.signing = re.compile(sensitive), re.compile(signing)
        self.pasts, self.used, self.answer = {}, set(), simulation.answer
        self.scripts, self.coming = set(), days - 1
        # Sensitive places: who was granted what there, by the number of the person.
        self.circles, self.granted, self.lent = {}, {}, set()
        simulation.answer, simulation.tolerant = self.watched, True

    def begin(self, attacks):
        """Forgets the application's own episodes; starts what is benign, and the director."""
        self.play.episodes, self.play.attacking, self.play.attacks = {}, False, True
        self.start(60, Client("192.0.2.201", "go"), self.campaign())
        self.start(60, Client("192.0.2.203", "go"), self.newer())
        self.start(60, Client("192.0.2.204", "go"), self.mornings())
        Lookalikes(self).begin()
        if attacks:
            self.start(60, Client("192.0.2.202", "go"), self.director())
        else:
            self.play.attacks = False

    def start(self, at, client, script):
        """Begins a script that is none of the application's."""
        self.scripts.add(script)
        self.play.start(at, client, script)

    def over(self):
        """The application's people have gone: who waits for one of them waits for ever."""
        return not self.coming and all(entry[3] in self.scripts for entry in self.play.waiting)

    def mornings(self):
        """One day after the other."""
        for day in range(1, self.days):
            yield day * DAY - self.play.now
            self.coming -= 1
            self.play.next_day()

    def watched(self, request):
        """Answers, and remembers; an application that falls over answers 500."""
        asked, client = request.asked, request.client
        if id(client) in self.lent and asked.target in self.granted:
            return copy.copy(self.granted[asked.target][1])
        try:
            response = self.answer(request)
        except Exception:  # noqa: BLE001 - odd values break applications in odd ways
            response = Response(500, b'{"error":"internal"}')
        past = self.pasts.setdefault(id(client), Past(client))
        if self.signing.search(asked.target):
            # Until something is granted with the new credential, or never.
            past.last, past.since = 0, self.play.now
        elif client.episode is None and granted(asked, response):
            past.asked.append(asked)
            if client.cookies or request.header("authorization"):
                past.last, past.headers = self.play.now, asked.headers
            if asked.method == "GET" and self.sensitive.search(asked.target):
                self.circles.setdefault(self.about(asked), set()).add(client.number)
                self.granted[asked.target] = (asked, response)
        return response

    # Who

    def insiders(self, wanted):
        """Clients with a good credential, and what of their past is `wanted`; the best first."""
        found = []
        for key, past in self.pasts.items():
            fits = [asked for asked in past.asked if wanted(asked)]
            if self.play.now - past.last < RECENT and key not in self.used and fits:
                fresh = self.play.now - past.since < FRESH
                found.append((fresh, len(past.asked), past.client.ip, key, fits))
        return [(key, fits) for *_, key, fits in sorted(found, key=lambda one: one[:3])[::-1]]

    def outsiders(self, here=True):
        """Established people with a credential who never were at a sensitive place, the best
        first; `here`: who are still busy."""
        members = set().union(*self.circles.values())
        counts = {}
        for past in self.pasts.values():
            counts[past.client.number] = counts.get(past.client.number, 0) + len(past.asked)
        found = []
        for key, past in self.pasts.items():
            number, recent = past.client.number, self.play.now - past.last < RECENT
            known = past.last and key not in self.used and number not in members
            if known and counts[number] >= BEFORE and (recent or not here):
                found.append((past.last, counts[number], key))
        return [key for *_, key in sorted(found)[::-1]]

    def about(self, asked):
        """What makes a place a sensitive one: the same for all companies."""
        return self.sensitive.search(asked.target).group(0)

    def coveted(self, past, least=3):
        """What the others were granted at sensitive places of several, the nearest to what one
        knows first: of one's own company, say."""
        own = {part for asked in past.asked for part in asked.target.split("/")}
        places = [name for name, members in self.circles.items() if len(members) >= least]
        fits = [asked for asked, _ in self.granted.values() if self.about(asked) in places]
        near = lambda asked: sum(part in own for part in asked.target.split("/"))
        best = max(map(near, fits), default=0)
        return [asked for asked in fits if near(asked) == best]

    def take(self, client, key):
        """Is that person from now on: their own day ends here."""
        self.used.add(key)
        past = self.pasts[key]
        others = [entry for entry in self.play.waiting if entry[2] is not past.client]
        self.play.waiting = others
        heapq.heapify(others)
        client.ip, client.profile = past.client.ip, past.client.profile
        client.cookies = None if past.client.cookies is None else dict(past.client.cookies)
        client.number = past.client.number
        if client.episode:
            self.play.episodes[client.episode]["actor_identity"]["ip"] = [client.ip]
        return past

    def become(self, client, wanted):
        """Waits for somebody who fits, and takes over: their own day ends here. Without anybody the
        episode does not take place."""
        while not (found := self.insiders(wanted)):
            if self.over():
                self.play.episodes.pop(client.episode, None)
                return None, []
            yield 30
        key, fits = found[0]
        return self.take(client, key), fits

    def trespass(self, client, here=True):
        """Waits for an established outsider, whom the application lets in where others are (a
        right given by mistake); with what there is to see."""
        while True:
            for key in self.outsiders(here):
                fits = self.coveted(self.pasts[key])
                if fits:
                    self.lent.add(id(client))
                    return self.take(client, key), fits
            if self.over() or not here:
                self.play.episodes.pop(client.episode, None)
                return None, []
            yield 30

    def again(self, past, asked):
        """A request of the past with the present credential."""
        other = copy.deepcopy(asked)
        other.headers = list(past.headers)
        return other

    def once(self, past, asked):
        """Asks for one thing."""
        yield self.again(past, asked)

    def until(self, rows):
        """Waits for so many transactions, or for the end of the day."""
        while len(self.play.rows) < rows and not self.over():
            yield 60

    # What is benign

    def campaign(self):
        """At once half of those who are there look at what they know, twice as much as usual."""
        yield from self.until(2 * FIRST)
        for key, fits in self.insiders(lambda asked: asked.method == "GET")[::2]:
            client = copy.copy(self.pasts[key].client)
            self.start(self.play.now + self.dice.uniform(0, 240), client,
                       self.look(key, fits[-12:], []))
        yield 1

    def newer(self):
        """From some hour on a third of the visits come by a new app, which tells its version."""
        yield from self.until(1.5 * FIRST)
        for _ in range(12):
            yield self.dice.uniform(60, 400)
            for key, fits in self.insiders(lambda asked: asked.method == "GET")[:1]:
                client = copy.copy(self.pasts[key].client)
                self.used.add(key)
                self.start(self.play.now, client, self.look(key, fits[-8:], [("app", "7.2")]))

    def look(self, key, asked, more):
        """Looks at these once more."""
        for one in asked:
            other = self.again(self.pasts[key], one)
            for name, value in more:
                other.target += f"{'&' if '?' in other.target else '?'}{name}={value}"
            yield other
            yield self.dice.uniform(2, 9)

    # Episodes

    def director(self):
        """One episode after another; where there are days before, the last of them at night."""
        if self.days > 3:
            yield (self.days - 2) * DAY + NIGHT - self.play.now
            self.begin_episode("B0", "sensitive_access", "quiet", self.night)
        if self.days > 1:
            yield (self.days - 1) * DAY + 3600 - self.play.now
        yield from self.until(FIRST)
        for number, (kind, volume) in enumerate(EPISODES):
            self.begin_episode(f"B{number + 1}", kind, volume, getattr(self, kind))
            yield BETWEEN

    def begin_episode(self, name, kind, volume, script):
        """One episode."""
        self.play.episode(name, kind, f"{kind}, {volume}, by one who is signed in",
                          volume=volume, shared=True)
        client = Client("192.0.2.202", "go", name)
        self.start(self.play.now, client, script(client, volume == "quiet"))

    def rate_abuse(self, client, quiet):
        """The same again and again: 400 in three minutes, or 240 in ten."""
        past, fits = yield from self.become(client, lambda asked: asked.method == "GET")
        if past is None:
            return
        places = [place(asked) for asked in fits]
        often = max(sorted(set(places)), key=places.count)
        chosen = [asked for asked in fits if place(asked) == often]
        for _ in range(240 if quiet else 400):
            yield self.again(past, self.dice.choice(chosen))
            yield self.dice.uniform(0.2, 1.8) * (2.4 if quiet else 0.4)

    def query_pattern(self, client, quiet):
        """Odd values: 25 in some minutes, or three in half an hour."""
        valued = lambda asked: "?" in asked.target or asked.form or isinstance(asked.body, dict)
        past, fits = yield from self.become(client, valued)
        if past is None:
            return
        for number in range(3 if quiet else 25):
            unknown = ("debug", "admin", "_method", "fields")[number % 4]
            yield mutated(self.again(past, self.dice.choice(fits)), self.dice, unknown)
            yield self.dice.uniform(300, 700) if quiet else self.dice.uniform(2, 12)

    def sequence(self, client, quiet):
        """All that one may do, in any order: 60 steps in six minutes, or 30 in most of an hour; by
        one of many who do the like."""
        people = {}
        for past in self.pasts.values():
            for asked in past.asked:
                people.setdefault(place(asked), set()).add(past.client.number)
        often = lambda asked: len(people.get(place(asked), ())) > PEERS
        past, fits = yield from self.become(
            client, lambda asked: asked.method != "GET" and often(asked))
        if past is None:
            return
        ways = {place(asked): asked for asked in past.asked}
        changing = {place(asked): asked for asked in fits}
        for number in range(30 if quiet else 60):
            among = changing if number % 2 else ways
            yield self.again(past, among[self.dice.choice(sorted(among))])
            yield self.dice.uniform(40, 140) if quiet else self.dice.uniform(2, 10)

    def sensitive_access(self, client, quiet):
        """Sensitive functions where one never was: 20 in minutes, 12 in an hour."""
        past, fits = yield from self.trespass(client)
        if past is None:
            return
        for _ in range(12 if quiet else 20):
            yield self.again(past, self.dice.choice(fits))
            yield self.dice.uniform(180, 300) if quiet else self.dice.uniform(3, 20)

    def night(self, client, _quiet):
        """The same at three in the morning: five in a quarter of an hour."""
        past, fits = yield from self.trespass(client, here=False)
        if past is None:
            return
        for _ in range(5):
            yield self.again(past, self.dice.choice(fits))
            yield self.dice.uniform(60, 240)
