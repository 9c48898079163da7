"""A usual day: members, the support, machines, a probe, a project shared with another company."""
from ..clients import Client
from ..http import ask, get, post
from .world import COMPANIES

OFFICE = "blue-heron"  # the company whose members share one address


class Session:
    """A user at a client: requests with the token that was handed out."""

    def __init__(self, day, client, user):
        self.day, self.client, self.user = day, client, user
        self.dice, self.play = day.dice, day.simulation
        self.token = self.renewal = None
        self.until = 0
        self.home = f"/v1/orgs/{user['company']}"

    @property
    def headers(self):
        """The credential."""
        return [("Authorization", "Bearer " + self.token)]

    def get(self, path):
        """A GET with the credential."""
        return get(path, self.headers)

    def send(self, method, path, body=None, form=None):
        """A request with a body and the credential."""
        return ask(method, path, body, self.headers, form)

    def sign_in(self, typos=0):
        """Signs in, after some mistakes."""
        form = {"grant_type": "password", "username": self.user["email"]}
        right = self.user["password"]
        for _ in range(typos):
            wrong = right[:-1] + self.day.service.dice.choice("xyz")
            yield post("/oauth/token", form={**form, "password": wrong})
            yield self.dice.uniform(3, 9)
        answer = yield post("/oauth/token", form={**form, "password": right})
        self.take(answer)

    def renew(self, always=False):
        """Renews the token when it is due."""
        if always or self.play.now > self.until:
            form = {"grant_type": "refresh_token", "refresh_token": self.renewal}
            answer = yield post("/oauth/token", form=form)
            self.take(answer)

    def take(self, answer):
        """Keeps what was handed out."""
        self.token, self.renewal = answer.json["access_token"], answer.json["refresh_token"]
        self.until = self.play.now + 3500


class Day:
    """Everybody who uses the service."""

    def __init__(self, service, simulation):
        self.service, self.simulation, self.dice = service, simulation, simulation.dice
        self.homes = {}

    def session(self, user, profile, ip=None, episode=None):
        """A user at a program, at home unless an address is given."""
        ip = ip or self.homes[user["email"]]
        return Session(self, Client(ip, profile, episode), user)

    def begin(self):
        """Starts everybody."""
        play = self.simulation
        for number, user in enumerate(self.service.users.values()):
            if user["company"]:
                self.begin_member(number, user)
        staff = [user for user in self.service.users.values() if user["is_staff"]]
        for k, user in enumerate(staff):
            session = self.session(user, "chrome", f"192.0.2.{20 + k}")
            play.actor(user["email"], [session.client.ip], "support staff", user["email"])
            play.start(1000 + k * 900, session.client, self.support(session))
        for k, (key, company) in enumerate(list(self.service.keys.items())[:5]):
            client = Client(f"192.0.2.{60 + k}", "go")
            play.actor("bot-" + company, [client.ip], "builds, by a key")
            play.start(300 + k * 100, client, self.machine(key, company))
        client = Client("192.0.2.90", "go")
        play.actor("probe", [client.ip], "monitoring")
        play.start(5, client, self.probe())
        self.begin_sharing()

    def begin_member(self, number, user):
        """Starts a member's day."""
        mobile = number % 4 == 1
        ip = f"203.0.{number}.{10 + number}"
        if user["company"] == OFFICE:
            ip = "198.51.100.7"
        self.homes[user["email"]] = ip
        profile = "okhttp" if mobile else ["chrome", "chrome-mac", "firefox"][number % 3]
        session = self.session(user, profile)
        note = "member in an office with one address" if user["company"] == OFFICE else "member"
        self.simulation.actor(user["email"], [ip], note, user["email"])
        script = self.member(session, mobile, number % 4 == 2)
        self.simulation.start(self.dice.uniform(0, 4000), session.client, script)

    def member(self, session, mobile, updated):
        """Four visits; the program of some is `updated` during the day, and asks differently."""
        dice = self.dice
        yield dice.uniform(0, 3000)
        yield from session.sign_in(dice.choice([0, 0, 0, 0, 1, 3]))
        yield session.get("/v1/me")
        yield session.get("/v1/orgs")
        for visit in range(4):
            yield from session.renew()
            newer = updated and self.simulation.now > 15000
            yield from self.browse(session, mobile, newer)
            yield from self.office_work(session)
            for _ in range(dice.randrange(0, 3)):
                word = dice.choice(["ramp", "door", "pump"])
                yield session.get(f"{session.home}/search?q={word}")
                yield dice.uniform(4, 20)
            if mobile and visit == 1 and dice.random() < 0.5:  # from Wi-Fi to the cell
                session.client.ip = f"100.72.{dice.randrange(256)}.{dice.randrange(1, 255)}"
            yield dice.uniform(1500, 6500)
        if dice.random() < 0.5:
            yield from session.renew()
            yield session.send("POST", "/oauth/revoke", form={"token": session.token})

    def browse(self, session, mobile, newer):
        """Pages through a project and opens items of it; phones ask for several at once."""
        dice = self.dice
        version = "v2" if newer else "v1"
        answer = yield session.get(session.home + "/projects")
        project = dice.choice(answer.json["projects"])["id"]
        path, cursor = f"{session.home}/projects/{project}/items", None
        for _ in range(dice.choice([1, 1, 2, 3])):
            more = f"&cursor={cursor}" if cursor else ""
            answer = yield session.get(f"{path}?limit=20{more}")
            rows = answer.json["items"]
            yield dice.uniform(2, 15)
            chosen = dice.sample(rows, min(len(rows), dice.randrange(2, 6)))
            if mobile:
                yield batch(session, [f"{path}/{row['id']}" for row in chosen])
                yield dice.uniform(5, 30)
            else:
                yield from self.items(session, path.replace("/v1/", f"/{version}/"), chosen)
            cursor = answer.json.get("next")
            if not cursor:
                break
        if session.user["role"] != "viewer" and dice.random() < 0.6:
            body = {"title": "New " + self.service.word(5)}
            if newer:
                body.update(labels=["a"], client_version="7.1.0")
            yield session.send("POST", path, body)

    def items(self, session, path, rows):
        """Opens items and changes some."""
        for row in rows:
            yield session.get(f"{path}/{row['id']}")
            yield self.dice.uniform(3, 40)
            if session.user["role"] != "viewer" and self.dice.random() < 0.25:
                state = self.dice.choice(["open", "done"])
                yield session.send("PATCH", f"{path}/{row['id']}", {"state": state})

    def office_work(self, session):
        """Drafts, contacts, members; for owners and admins the log, bills and roles."""
        dice, home, user = self.dice, session.home, session.user
        answer = yield session.get(home + "/drafts")
        drafts = answer.json.get("drafts", [])  # a token may just have run out
        for draft in dice.sample(drafts, min(2, len(drafts))):
            yield session.get(f"{home}/drafts/{draft['id']}")
            yield dice.uniform(2, 9)
        if dice.random() < 0.5:
            yield session.get(home + "/contacts?limit=25")
        if dice.random() < 0.3:
            yield session.get(home + "/members")
        if user["role"] in ("owner", "admin"):
            yield session.get(home + "/audit-log")
            yield session.get(home + "/billing")
            if dice.random() < 0.25:
                yield session.get(home + "/export")
            if dice.random() < 0.3:
                members = self.service.companies[user["company"]]["members"]
                other = dice.choice(list(members.values()))
                path = f"{home}/members/{other['id']}"
                yield session.send("PATCH", path, {"role": other["role"]})
        if dice.random() < 0.15:
            body = {"display_name": user["display_name"], "timezone": "Europe/Paris"}
            yield session.send("PATCH", "/v1/me", body)

    def support(self, session):
        """Searches everywhere and opens what companies ask about."""
        yield from session.sign_in()
        for _ in range(7):
            yield from session.renew()
            answer = yield session.get("/v1/admin/search?q=ramp")
            for row in answer.json["items"][:self.dice.randrange(2, 6)]:
                yield session.get(
                    f"/v1/orgs/{row['org']}/projects/{row['project']}/items/{row['id']}")
                yield self.dice.uniform(5, 40)
            company = self.dice.choice(COMPANIES)
            yield session.get(f"/v1/orgs/{company}/members")
            yield session.get(f"/v1/orgs/{company}/audit-log")
            yield self.dice.uniform(1200, 3600)

    def machine(self, key, company):
        """A build every ten minutes, and one export."""
        headers, home = [("X-Api-Key", key)], f"/v1/orgs/{company}"
        for number in range(40):
            answer = yield get(home + "/projects", headers)
            project = answer.json["projects"][number % 4]["id"]
            path = f"{home}/projects/{project}/items"
            yield get(path + "?limit=50", headers)
            yield post(path, {"title": f"CI build {number}"}, headers)
            if number == 20:
                yield get(home + "/export", headers)
            yield 600 + self.dice.uniform(-20, 20)

    def probe(self):
        """Is the service well? Every minute."""
        for _ in range(400):
            yield get("/healthz")
            yield 60

    def begin_sharing(self):
        """An owner shares a project with a member of another company, who opens it."""
        owner = self.service.member("elm-street", "owner")
        guest = list(self.service.companies["fjord"]["members"].values())[3]
        project = list(self.service.companies["elm-street"]["projects"])[0]
        path = f"/v1/orgs/elm-street/projects/{project}"

        def share(session):
            yield from session.sign_in()
            yield session.send("POST", path + "/share", {"email": guest["email"]})

        def visit(session):
            yield from session.sign_in()
            yield session.get("/v1/shared")
            answer = yield session.get(path + "/items?limit=20")
            for row in answer.json["items"][:6]:
                yield session.get(f"{path}/items/{row['id']}")
                yield self.dice.uniform(5, 20)

        for at, user, profile, script in ((12000, owner, "firefox", share),
                                          (13000, guest, "chrome", visit)):
            session = self.session(user, profile)
            self.simulation.start(at, session.client, script(session))


def batch(session, paths):
    """Several GETs in one request."""
    wanted = [{"id": str(k), "method": "GET", "path": path} for k, path in enumerate(paths)]
    return session.send("POST", "/v1/batch", {"requests": wanted})
