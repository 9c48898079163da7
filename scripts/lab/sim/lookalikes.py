"""What looks like atypical access to sensitive functions, and is everyday life: a new colleague, a
promotion, work at night, a function that is new to all, the end of the month, a nightly job."""
from .clients import Client
from .http import get

DAY = 86400
NIGHT = 19 * 3600  # after the morning: three o'clock
COLLEAGUES = 4  # people of a place before somebody new comes to it


class Lookalikes:
    """Beside a behaviour, which knows who was granted what."""

    def __init__(self, behaviour):
        self.people, self.play, self.dice = behaviour, behaviour.play, behaviour.dice
        self.number = 205

    def begin(self):
        """Starts those that so many days have room for."""
        scripts = [self.month_end, self.feature]
        if self.people.days > 1:
            scripts += [self.colleague, self.promotion, self.nightly]
        if self.people.days > 3:
            scripts.append(self.on_call)
        for script in scripts:
            client = Client(f"192.0.2.{self.number}", "go")
            self.number += 1
            self.people.start(30, client, script(client))

    def until(self, day, seconds):
        """Waits for a time of a day."""
        yield max(1, day * DAY + seconds - self.play.now)

    def last_day(self):
        """The number of the last one."""
        return self.people.days - 1

    def sensitive(self, key):
        """What somebody was granted at sensitive places."""
        asked = self.people.pasts[key].asked
        return [one for one in asked
                if one.method == "GET" and self.people.sensitive.search(one.target)]

    def busiest(self):
        """Members of the place with the most of them."""
        return max(self.people.circles.values(), key=len, default=set())

    def month_end(self, _client):
        """Who is there looks at four times as much of what they always look at."""
        yield from self.until(self.last_day(), 5 * 3600)
        for key, fits in self.people.insiders(lambda asked: True):
            own = self.sensitive(key)[-4:]
            if own and fits:
                client = self.people.pasts[key].client
                self.people.start(self.play.now + self.dice.uniform(0, 900), client,
                                  self.people.look(key, own * 4, []))

    def feature(self, _client):
        """Six find what is new to them within minutes, as a release lets them."""
        yield from self.until(self.last_day(), int(6.2 * 3600))
        for key in self.people.outsiders(here=False)[:6]:
            past = self.people.pasts[key]
            client = Client(past.client.ip)
            self.people.take(client, key)
            self.people.lent.add(id(client))
            for asked in self.people.coveted(past)[:2]:
                at = self.play.now + self.dice.uniform(0, 500)
                self.people.start(at, client, self.people.once(past, asked))

    def colleague(self, _client):
        """Somebody of a place with many stays away until the last day."""
        yield from self.until(0, DAY - 3600)
        members = sorted(number for number in self.busiest() if number is not None)
        if self.people.days < 3 or len(members) <= COLLEAGUES:
            return
        self.play.absent = {members[len(members) // 2]}
        yield from self.until(self.last_day(), -3600)
        self.play.absent = set()

    def promotion(self, _client):
        """One with the commonest role is given one of a place's members, overnight."""
        yield from self.until(self.last_day(), -3600)
        users = list(getattr(self.play.service, "users", {}).values())
        roles = [user.get("role") for user in users]
        if not users or not self.people.promoted:
            return
        before, after = self.people.promoted
        assert before in roles and after in roles
        next(user for user in users[::-1] if user["role"] == before)["role"] = after

    def nightly(self, client):
        """A job reads a report every night, from the first on."""
        for day in range(self.people.days):
            yield from self.until(day, NIGHT - 7200)
            reports = sorted(self.people.granted)[:3]
            self.people.lent.add(id(client))
            for target in reports:
                yield get(target, [("X-Api-Key", "job_" + "4c" * 14)])
                yield 2

    def on_call(self, _client):
        """Two who have the right use it at night, once."""
        yield from self.until(self.last_day() - 1, NIGHT + 1800)
        found = [(self.people.pasts[key].last, key) for key in self.people.pasts
                 if key not in self.people.used and self.people.pasts[key].last
                 and self.sensitive(key)]
        for _, key in sorted(found)[-2:]:
            past, own = self.people.pasts[key], self.sensitive(key)
            client = Client(past.client.ip)
            self.people.take(client, key)
            self.people.lent.add(id(client))
            for asked in own[:3]:
                at = self.play.now + self.dice.uniform(0, 600)
                self.people.start(at, client, self.people.once(past, asked))
