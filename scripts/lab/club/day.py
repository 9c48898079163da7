"""A day in the club: members, the staff, a crawler, and attacks as testers make them."""
import hashlib
import re

from ..lab.actors import Ask, PROFILES, Wait
from ..lab.cast import Cast, again, jar
from ..lab.server import Running, python, wait_for

SOFTWARE = {"server": "Django on gunicorn", "clients": "http.client with the header orders of browsers and libraries"}
PORT = 5651
FIRST = ("clara", "tiago", "maren", "ilya", "noor", "beatriz", "henrik", "paula", "samir", "greta")
LAST = ("vogel", "costa", "lund", "petrov", "haddad", "ramos", "olsen")
PROFILES["edge"] = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
                    ["Host", "Connection", "Content-Length", "Cache-Control", "Origin", "Content-Type", "User-Agent", "Accept", "Referer", "Accept-Encoding", "Accept-Language", "Cookie"])


def start(_out):
    """Starts the club."""
    process = python("scripts.lab.club.app", PORT)
    wait_for(PORT)
    return Running("club.example:5651", PORT, PORT, [process])


def address(n):
    """The address of a member."""
    return f"{FIRST[n % 10]}.{LAST[n // 10 % 7]}@{('club', 'post', 'web')[n % 3]}.example"


def secret(n):
    """Its password."""
    return f"{LAST[n % 7].title()}#{n * 53 % 997}"


def code(email):
    """The second factor."""
    return f"{int(hashlib.sha1((email + 'code').encode()).hexdigest(), 16) % 1000000:06}"


def slug(n):
    """The public name."""
    return address(n).split("@")[0].replace(".", "-")


def hidden(answer):
    """The token of a form."""
    found = re.search(r'name=csrfmiddlewaretoken value="([^"]+)"', answer.text)
    return found.group(1) if found else ""


def links(answer, start):
    """Where a page leads to."""
    return list(dict.fromkeys(re.findall(rf"href=({start}[^ >]+)", answer.text)))


class Day(Cast):
    """Writes the script of the day."""

    NET, AGENTS = 86, (("chrome", None), ("edge", None), ("firefox", None), ("safari", None),
                       ("safari", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15"))

    def member(self, n, note="member", **place):
        """A member and the client."""
        client = self.person(address(n), note, **place)
        client.word, client.factor = secret(n), n % 5 == 0
        return client

    # What people do -------------------------------------------------------------------------------------------

    def send(self, client, page, target, fields, pause=6):
        """Opens a page with a form, fills it in, and goes where the answer leads."""
        shown = yield Ask("GET", page)
        yield self.think(pause)
        answer = yield Ask("POST", target, form={"csrfmiddlewaretoken": hidden(shown), **fields})
        if answer.status == 302:
            answer = yield Ask("GET", answer.headers["Location"])
        return answer

    def enter(self, client, wrong=0, mistyped=0, after=""):
        """Signs in, with typing errors."""
        yield Ask("GET", "/")
        yield Ask("GET", "/static/club.css")
        for n in range(wrong):
            yield from self.send(client, "/accounts/login/", "/accounts/login/", {"email": client.who, "password": client.word[:-1] + "qx+z"[n], "next": after})
        answer = yield from self.send(client, "/accounts/login/", "/accounts/login/", {"email": client.who, "password": client.word, "next": after})
        if client.factor:
            for n in range(mistyped + 1):
                yield self.think(15)
                token = code(client.who) if n == mistyped else f"{(int(code(client.who)) + n + 7) % 1000000:06}"
                answer = yield Ask("POST", "/accounts/two-factor/", form={"csrfmiddlewaretoken": hidden(answer), "token": token})
            yield Ask("GET", "/dashboard/")

    def visit(self, client, wrong=0, steps=None):
        """Looks what is on, at the own bookings and messages, books."""
        draw = self.draw
        yield from self.enter(client, wrong, draw.choice([0, 0, 1, 2]))
        for _ in range(steps or draw.randint(3, 11)):
            yield self.think(15)
            what = draw.random()
            if what < 0.25:
                found = links((yield Ask("GET", f"/events/?page={draw.randint(1, 4)}")), "/events/")
                for link in draw.sample(found, min(2, len(found))):
                    yield self.think(9)
                    shown = yield Ask("GET", link)
                if found and draw.random() < 0.3:
                    answer = yield Ask("POST", link + "book/", form={"csrfmiddlewaretoken": hidden(shown), "seats": draw.choice([1, 2]), "coupon": draw.choice(["", "", "SUMMER"]), "guest": ""})
                    yield Ask("GET", answer.headers["Location"])
            elif what < 0.65:
                found = links((yield Ask("GET", "/bookings/")), "/bookings/")
                for link in draw.sample(found, min(2, len(found))):
                    yield self.think(7)
                    shown = yield Ask("GET", link)
                    if draw.random() < 0.5:
                        yield Ask("GET", link + "ticket/")
                    elif draw.random() < 0.3:
                        yield Ask("GET", links(shown, "/documents/")[0])
                    elif draw.random() < 0.1:
                        yield Ask("POST", link + "refund/", form={"csrfmiddlewaretoken": hidden(shown), "reason": "Ill, sorry"})
            elif what < 0.8:
                found = links((yield Ask("GET", "/messages/")), r"/messages/\d")
                for link in draw.sample(found, min(2, len(found))):
                    yield self.think(9)
                    yield Ask("GET", link)
                if draw.random() < 0.4:
                    yield Ask("GET", f"/api/suggest/?q={FIRST[draw.randint(0, 9)][:2]}")
                    yield from self.send(client, "/messages/new/", "/messages/new/", {"to": address(draw.randint(0, 69)), "text": "Don't be late; it's <b>cold</b> -- really"})
            elif what < 0.88:
                yield Ask("GET", f"/search/?q={draw.choice(['yoga', 'dinner', 'regatta+may', 'sauna+by+night', 'lecture'])}")
                yield Ask("GET", f"/u/{slug(draw.randint(0, 69))}/")
            elif what < 0.94:
                yield from self.send(client, "/profile/", "/profile/", {"name": client.who.split("@")[0].title(), "phone": "+4915112345678", "bio": draw.choice(["Sailor.", "I like tea & books"])})
            else:
                yield from self.send(client, "/wallet/", "/wallet/", {"recipient": address(draw.randint(0, 12)), "amount": draw.choice([5, 8, 10])})
        if draw.random() < 0.4:
            shown = yield Ask("GET", "/dashboard/")
            yield Ask("POST", "/accounts/logout/", form={"csrfmiddlewaretoken": hidden(shown)})
            client.cookies.pop("sessionid", None)

    def forgot(self, client):
        """Tries, asks for a mail, sets a new password, signs in."""
        for word in ("maybe1", "maybe2", "maybe3"):
            yield from self.send(client, "/accounts/login/", "/accounts/login/", {"email": client.who, "password": word, "next": ""})
        yield from self.send(client, "/accounts/password_reset/", "/accounts/password_reset/", {"email": client.who})
        yield Wait(90)
        link = f"/accounts/reset/MzA/c{hashlib.sha1(client.who.encode()).hexdigest()[:5]}-{hashlib.sha256(client.who.encode()).hexdigest()[:32]}/"
        client.word = "Brand-new-1"
        yield from self.send(client, link, link, {"new_password1": client.word, "new_password2": client.word})
        yield from self.visit(client, steps=3)

    def newcomer(self, client, taken=None):
        """Joins; the first address may be known already."""
        client.word, client.factor = "Newcomer#1", False
        for email in ([taken] if taken else []) + [client.who]:
            yield from self.send(client, "/accounts/signup/", "/accounts/signup/", {"email": email, "password1": client.word, "password2": client.word})
        yield self.think(9)
        for link in links((yield Ask("GET", "/events/")), "/events/")[:2]:
            yield Ask("GET", link)

    def desk(self, client, count):
        """The staff: members, their bookings, bookings made for members, a table for the treasurer."""
        client.factor = False
        yield from self.enter(client)
        found = []
        for page in (1, 2, 3):
            found += links((yield Ask("GET", f"/staff/members/?page={page}")), "/staff/members/")
        for link in self.draw.sample(found, count):
            yield self.think(20)
            shown = yield Ask("GET", link)
            if self.draw.random() < 0.3:
                yield Ask("POST", link, form={"csrfmiddlewaretoken": hidden(shown), "phone": "+4915100000001"})
        for page in range(1, 4):
            for link in links((yield Ask("GET", f"/bookings/?page={page}")), "/bookings/")[:6]:
                yield self.think(10)
                yield Ask("GET", link)
        for n in (31, 32, 33):
            event = links((yield Ask("GET", "/events/")), "/events/")[n % 7]
            yield from self.send(client, event, event + "book/", {"seats": 1, "member": address(n), "coupon": "", "guest": ""})
        if count > 8:
            yield Ask("GET", "/staff/export/")

    def crawler(self, client):
        """A search robot on public pages."""
        for n in range(1, 6):
            for link in links((yield Ask("GET", f"/events/?page={n}")), "/events/"):
                yield Wait(2)
                yield Ask("GET", link)
        for n in range(30):
            yield Wait(2)
            yield Ask("GET", f"/u/{slug(n)}/")

    def probe(self, client):
        """Monitoring."""
        for _ in range(550):
            yield Ask("GET", "/ping/")
            yield Wait(60)

    def host(self, client, friend):
        """Books for two; the friend opens the same booking and the ticket."""
        yield from self.enter(client)
        event = links((yield Ask("GET", "/events/")), "/events/")[3]
        shown = yield from self.send(client, event, event + "book/", {"seats": 2, "coupon": "", "guest": friend.who})
        self.stage.add(7.0 * 3600, self.guest(friend, links(shown, r"/bookings/\d+/ticket")[0].removesuffix("ticket/")), friend)

    def guest(self, client, link):
        """Opens the link in a mail: signs in first, and comes back to it."""
        yield Ask("GET", link)
        yield from self.enter(client, after=link)
        yield Ask("GET", link)
        yield Ask("GET", link + "ticket/")

    def benign(self):
        """Everybody who means no harm."""
        draw, at = self.draw, self.at
        for n in range(48):
            client = self.member(n)
            for visit in range(max(1, round(draw.choice([1, 2, 3]) * self.scale))):
                own = again(client) if visit else client
                own.word, own.factor = client.word, client.factor
                at(draw.uniform(0, 9.5), self.visit(own, draw.choice([0] * 8 + [1, 2, 3])), own)
        probe = self.person("probe", "monitoring", profile="go")
        at(0.01, self.probe(probe), probe)
        for n, hour in ((48, 2.1), (49, 4.7), (51, 6.8)):
            client = self.member(n, "forgot the password and has a new one")
            at(hour, self.forgot(client), client)
        for n, hour in enumerate((0.9, 2.6, 3.4, 5.8, 7.9)):
            client = self.person(f"newcomer{n}@post.example", "joins")
            at(hour, self.newcomer(client, address(52) if n == 3 else None), client)
        for n, name in enumerate(("desk", "treasurer")):
            client = self.person(f"{name}@club.example", "staff", profile="firefox")
            client.word = f"Staff#{n}1921"
            for hour in (0.7 + n, 4.0 + n, 7.4):
                own = again(client)
                own.word = client.word
                at(hour, self.desk(own, 10 - 4 * n), own)
        client = self.person("robot", "search crawler on public pages", profile="requests", agent="Mozilla/5.0 (compatible; FindBot/2.1)")
        at(3.0, self.crawler(client), client)
        client, friend = self.member(53, "books for two"), self.member(54, "opens the booking a friend made for two")
        at(6.5, self.host(client, friend), client)

    # The attacks -----------------------------------------------------------------------------------------------

    def fill_in(self, page, target, rows, pause):
        """A script that fetches the form and posts it, row by row."""
        for fields in rows:
            shown = yield Ask("GET", page)
            yield Ask("POST", target, form={"csrfmiddlewaretoken": hidden(shown), **fields})
            yield Wait(self.draw.uniform(0.6, 1.4) * pause)

    def stuff(self, pairs, pause):
        """Tries pairs."""
        yield from self.fill_in("/accounts/login/", "/accounts/login/", [{"email": who, "password": word} for who, word in pairs], pause)

    def mine(self, n, episode, *args, **more):
        """An attacker with an account of the house."""
        client = self.foe(episode, *args, username=[f"mallory{n}@web.example"], **more)
        client.who, client.word, client.factor = f"mallory{n}@web.example", "Mallory#1", False
        return client

    def attacks(self):
        """All of them."""
        at, draw = self.at, self.draw
        leaked = lambda n: (f"{('kai', 'lou', 'max')[n % 3]}{n}@{('gmx', 'live')[n % 2]}.example", f"letmein{n}")
        pairs = [leaked(n) for n in range(60)] + [(address(56), secret(56))]
        draw.shuffle(pairs)
        client = self.foe("C01-stuffing", "credential_stuffing", "61 pairs from one address, one right", "requests", success=True)
        at(5.4, self.stuff(pairs, 2.5), client)
        pairs = [leaked(n) for n in range(100, 150)] + [(address(57), secret(57)), (address(58), secret(58))]
        for n, client in enumerate(self.foe("C02-stuffing-spread", "credential_stuffing", "26 addresses, two pairs each, within 80 minutes", "chrome", count=26, volume="distributed", success=True)):
            at(6.0 + n / 20, self.stuff(pairs[2 * n:2 * n + 2], 20), client)
        client = self.foe("C03-brute-locked", "brute_force", "50 passwords on one account, locked after eight", "go")
        at(4.1, self.stuff([(address(59), f"qwerty{n}") for n in range(50)], 1), client)
        client = self.foe("C04-brute-slow", "brute_force", "a password every four minutes on one account", "chrome", volume="low-and-slow")
        at(3.1, self.stuff([(address(61), f"{word}#{n}") for n in range(10) for word in ("Vogel", "Costa", "Lund", "Olsen")], 240), client)
        client = self.foe("C05-spray", "password_spraying", "one password on 40 accounts, one a minute", "firefox")
        at(7.0, self.stuff([(address(n), "Hafen2026!") for n in draw.sample(range(56), 40)], 60), client)
        client = self.foe("C06-enum-signup", "user_enumeration", "which of 60 addresses are members, by the sign-up form", "requests")
        at(5.0, self.fill_in("/accounts/signup/", "/accounts/signup/", [{"email": address(n), "password1": "x", "password2": "y"} for n in range(60)], 4), client)
        client = self.foe("C07-second-factor", "brute_force", "has the password; 40 codes, then right, then reads", "chrome", success=True, accept=["account_takeover"], victim=address(60))
        at(8.2, self.second(client, 60, 40), client)
        client = self.foe("C08-reset-host", "account_takeover", "asks for a new password with a forwarded host of the own", "curl", volume="quiet")
        at(6.6, self.poison(client), client)
        client = self.foe("C09-reset-many", "user_enumeration", "asks for new passwords of 40 addresses within minutes", "requests", accept=["account_takeover"])
        at(7.7, self.fill_in("/accounts/password_reset/", "/accounts/password_reset/", [{"email": leaked(n)[0]} for n in range(300, 340)], 5), client)
        self.objects()
        self.rest()

    def second(self, client, n, count):
        """Guesses the code."""
        client.who, client.word, client.factor = address(n), secret(n), True
        shown = yield Ask("GET", "/accounts/login/")
        yield Ask("POST", "/accounts/login/", form={"csrfmiddlewaretoken": hidden(shown), "email": client.who, "password": client.word})
        shown = yield Ask("GET", "/accounts/two-factor/")
        right = int(code(client.who))
        for guess in range(right - count, right + 1):
            answer = yield Ask("POST", "/accounts/two-factor/", form={"csrfmiddlewaretoken": hidden(shown), "token": f"{guess % 1000000:06}"})
            yield Wait(1)
        yield Ask("GET", "/dashboard/")
        yield Ask("GET", "/bookings/")
        return answer

    def poison(self, client):
        """A link to elsewhere."""
        shown = yield Ask("GET", "/accounts/password_reset/")
        yield Ask("POST", "/accounts/password_reset/", form={"csrfmiddlewaretoken": hidden(shown), "email": address(62)}, headers={"X-Forwarded-Host": "club-example.evil.test"})

    def join(self, client):
        """Becomes a member, looks at the own things."""
        yield from self.send(client, "/accounts/signup/", "/accounts/signup/", {"email": client.who, "password1": client.word, "password2": client.word})
        found = links((yield Ask("GET", "/bookings/")), "/bookings/")
        for link in found[:2]:
            yield Ask("GET", link)

    def then(self, client, targets, pause):
        """Joins, then reads."""
        yield from self.join(client)
        yield from self.fire([Ask("GET", target) for target in targets], pause)

    def objects(self):
        """What is not theirs."""
        at, draw = self.at, self.draw
        client = self.mine(1, "C10-bookings", "bola_enumeration", "intruder on /bookings/N/, 70 of others", "firefox", success=True)
        at(5.2, self.then(client, [f"/bookings/{10240 + 3 * n}/" for n in range(40, 110)], 0.5), client)
        client = self.mine(2, "C11-tickets", "bola_enumeration", "ffuf on /bookings/N/ticket/ with every number, all 404", "go", agent="Fuzz Faster U Fool v2.1.0-dev")
        at(6.3, self.then(client, [f"/bookings/{10300 + n}/ticket/" for n in range(150)], 0.1), client)
        client = self.mine(3, "C12-messages-slow", "bola_enumeration", "18 messages of others over three hours", "safari", success=True, volume="low-and-slow")
        at(5.9, self.then(client, [f"/messages/{700 + n}/" for n in draw.sample(range(160), 18)], 600), client)
        client = self.mine(4, "C13-refund", "bola", "opens one booking of another and has it refunded", "chrome", success=True, volume="quiet", accept=["business_flow_abuse"])
        at(8.4, self.take(client), client)

    def take(self, client):
        """Reads and refunds what is another's."""
        yield from self.join(client)
        for number in (10240 + 3 * 77, 10240 + 3 * 90):
            shown = yield Ask("GET", f"/bookings/{number}/")
            yield self.think(10)
            yield Ask("POST", f"/bookings/{number}/refund/", form={"csrfmiddlewaretoken": hidden(shown), "reason": "x"})

    def rest(self):
        """Rights, data, sessions, amounts."""
        at = self.at
        client = self.mine(5, "C14-staff-refused", "bfla", "tries the staff's pages, sent to sign in each time", "edge")
        at(6.9, self.then(client, ["/staff/members/", "/staff/members/301/", "/staff/export/", "/staff/members/?page=2"], 8), client)
        client = self.mine(6, "C15-make-staff", "mass_assignment", "is_staff in the profile form, then the staff's pages", "chrome", success=True, accept=["bfla"])
        at(7.2, self.rise(client), client)
        client = self.mine(7, "C16-directory", "excessive_data_exposure", "the directory gives hashes of passwords of everybody", "curl", success=True, volume="quiet")
        at(8.0, self.then(client, ["/api/directory/"], 5), client)
        for episode, n, profile, hour, count in (("C17-hijack", 63, "curl", 3.3, 7), ("C18-hijack-browser", 64, "firefox", 8.7, 4)):
            victim = self.member(n, "robbed of the session", profile="safari")
            thief = self.foe(episode, "session_hijack", f"{count} pages with a stolen cookie, in turns with the owner", profile, success=True, volume="quiet", accept=["account_takeover"], victim=address(n))
            at(hour - 0.05, self.stay(victim), victim)
            at(hour, self.rob(thief, victim, count), thief)
        client = self.mine(8, "C19-search-hammer", "rate_abuse", "450 searches in ten minutes", "requests", success=True, accept=["scraping"])
        at(4.9, self.then(client, [f"/search/?q=a{n % 9}" for n in range(450)], 1.2), client)
        client = self.foe("C20-takeover", "account_takeover", "signs in with a known password from elsewhere, changes it, empties the wallet", "edge", success=True, volume="quiet", victim=address(3))
        at(9.0, self.empty(client), client)
        client = self.foe("C21-people", "user_enumeration", "ffuf with first and last names on /u/, mostly 404", "go", agent="Fuzz Faster U Fool v2.1.0-dev", accept=["scraping", "reconnaissance", "bola_enumeration"])
        at(4.4, self.fire([Ask("GET", f"/u/{first}-{last}/") for first in ("anna", "tom", "lisa", "clara", "jan", "ute", "max", "eva") for last in LAST + ("meyer", "koch")], 0.3), client)

    def rise(self, client):
        """Gives itself the staff's rights."""
        yield from self.join(client)
        yield from self.send(client, "/profile/", "/profile/", {"name": "M", "phone": "+491511", "bio": "", "is_staff": "on"})
        yield from self.fire([Ask("GET", target) for target in ("/staff/members/", "/staff/members/302/", "/staff/export/")], 8)

    def stay(self, client):
        """Is there for a quarter of an hour."""
        client.factor = False
        yield from self.enter(client)
        for n in range(16):
            yield Ask("GET", ("/bookings/", "/messages/", "/dashboard/", "/wallet/")[n % 4])
            yield self.think(50)

    def rob(self, thief, victim, count):
        """Uses the cookie."""
        jar(thief, victim)
        yield from self.fire([Ask("GET", ("/dashboard/", "/bookings/", "/wallet/", "/profile/")[n % 4]) for n in range(count)], 25)

    def empty(self, client):
        """Takes the account and what is in it."""
        client.who, client.word, client.factor = address(3), secret(3), False
        yield from self.enter(client)
        yield from self.send(client, "/accounts/password_change/", "/accounts/password_change/", {"old_password": client.word, "new_password1": "Gone#1", "new_password2": "Gone#1"})
        yield self.think(20)
        for amount in (60, 30):
            yield from self.send(client, "/wallet/", "/wallet/", {"recipient": "mallory8@web.example", "amount": amount})
