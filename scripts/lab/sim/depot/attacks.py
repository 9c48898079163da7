"""Attacks on the depot."""
from ..clients import Client
from ..http import get, post
from ..names import people
from .day import batch


class Attacks:
    """Each method plays one episode."""

    def __init__(self, day):
        self.day, self.dice = day, day.dice
        self.service, self.play = day.service, day.simulation

    def foreign_items(self, company, count):
        """(project, item) of some items of a company."""
        return self.service.dice.sample(self.service.items_of(company), count)

    def foreign_drafts(self, user):
        """Drafts of colleagues."""
        drafts = self.service.companies[user["company"]]["drafts"].values()
        return [draft["id"] for draft in drafts if draft["author_id"] != user["id"]]

    def one_item(self, session):
        """E01"""
        yield from session.sign_in()
        yield session.get("/v1/me")
        project = list(self.service.companies[session.user["company"]]["projects"])[0]
        path = f"{session.home}/projects/{project}/items"
        yield session.get(path + "?limit=20")
        yield 20
        session.client.episode = "E01"
        yield session.get(f"{path}/{self.foreign_items('granit', 1)[0][1]}")
        session.client.episode = None
        yield 30
        yield session.get("/v1/me")

    def other_company(self, session):
        """E02"""
        yield from session.sign_in()
        yield session.get("/v1/me")
        yield 5
        session.client.episode = "E02"
        yield session.get("/v1/orgs/dunes-ltd/projects")
        yield 4
        for project, item in self.foreign_items("dunes-ltd", 5):
            yield session.get(f"/v1/orgs/dunes-ltd/projects/{project}/items/{item}")
            yield self.dice.uniform(10, 60)

    def one_draft(self, session):
        """E03"""
        yield from session.sign_in()
        yield session.get(session.home + "/drafts")
        yield 6
        session.client.episode = "E03"
        yield session.get(f"{session.home}/drafts/{self.foreign_drafts(session.user)[4]}")

    def drafts_in_batches(self, session):
        """E04"""
        yield from session.sign_in()
        yield 3
        session.client.episode = "E04"
        drafts = self.foreign_drafts(session.user)
        for start in (0, 7):
            yield batch(session, [f"{session.home}/drafts/{d}" for d in drafts[start:start + 7]])
            yield 30

    def becomes_staff(self, session):
        """E05"""
        yield from session.sign_in()
        yield session.get("/v1/me")
        yield 9
        session.client.episode = "E05"
        body = {"display_name": session.user["display_name"], "is_staff": True}
        yield session.send("PATCH", "/v1/me", body)
        yield 3
        yield session.get("/v1/me")
        yield 5
        yield session.get("/v1/admin/search?q=iban")

    def becomes_owner(self, session):
        """E06"""
        yield from session.sign_in()
        yield session.get(session.home + "/members")
        yield 8
        session.client.episode = "E06"
        path = f"{session.home}/members/{session.user['id']}"
        yield session.send("PATCH", path, {"role": "owner"})
        yield 5
        yield session.get(session.home + "/billing")
        yield 3
        yield session.get(session.home + "/export")

    def refused_admin(self, session):
        """E07"""
        yield from session.sign_in()
        yield 5
        session.client.episode = "E07"
        other = self.service.member(session.user["company"])["id"]
        for method, name in (("GET", "audit-log"), ("GET", "billing"), ("GET", "export"),
                             ("DELETE", "members/" + other)):
            yield session.send(method, f"{session.home}/{name}")
            yield self.dice.uniform(20, 90)

    def signs_out(self, session, thief):
        """The victim of E08."""
        yield from session.sign_in()
        yield session.get("/v1/me")
        yield 200
        yield session.send("POST", "/oauth/revoke", form={"token": session.token})
        thief.token = session.token

    def works(self, session, thief):
        """The victim of E09."""
        yield from session.sign_in()
        thief.token = session.token
        for _ in range(10):
            yield session.get(session.home + "/search?q=door")
            yield self.dice.uniform(30, 80)

    def uses_token(self, session, paths, wait):
        """E08, E09"""
        for path in paths:
            yield session.get(path)
            yield wait

    def uses_key(self, key, company):
        """E10"""
        for name in ("projects", "contacts?limit=25", "contacts?limit=25&offset=25", "members",
                     "export"):
            yield get(f"/v1/orgs/{company}/{name}", [("X-Api-Key", key)])
            yield 25

    def renews(self, session, thief):
        """The victim of E11."""
        yield from session.sign_in()
        thief.renewal = session.renewal
        yield 3600
        yield from session.renew()
        yield session.get("/v1/me")

    def renews_again(self, session):
        """E11"""
        yield from session.renew(always=True)
        yield session.get("/v1/me")
        yield 9
        yield session.get(session.home + "/contacts?limit=25")

    def tries(self, pairs, low, high):
        """E12, E13"""
        for email, password in pairs:
            form = {"grant_type": "password", "username": email, "password": password}
            yield post("/oauth/token", form=form)
            yield self.dice.uniform(low, high)

    def by_header(self):
        """E14"""
        path, inner = "/v1/orgs/cobalt/export", [("X-Internal", "true")]
        yield get(path)
        yield 5
        yield get(path, [("Authorization", "Bearer null")])
        yield 9
        yield get(path, inner)
        yield 8
        yield get("/v1/orgs/granit/members", inner)

    def draws_contacts(self, session):
        """E15"""
        yield from session.sign_in()
        session.client.episode = "E15"
        for page in range(15):
            yield session.get(f"{session.home}/contacts?limit=100&offset={page * 100}")
            yield self.dice.uniform(8, 20)

    def guesses_projects(self, session):
        """E16"""
        yield from session.sign_in()
        session.client.episode = "E16"
        known = list(self.service.companies["granit"]["projects"])
        for k in range(45):
            project = self.dice.choice(known) if k % 15 == 7 else self.service.word()
            yield session.get(f"/v1/orgs/granit/projects/{project}/items?limit=20")
            yield self.dice.uniform(1, 4)

    def floods(self, session):
        """E17"""
        yield from session.sign_in()
        session.client.episode = "E17"
        for k in range(300):
            yield session.get(f"{session.home}/search?q=w{k}")
            yield self.dice.uniform(0.3, 1.2)


def begin(day):
    """Records and starts all episodes."""
    attacks = Attacks(day)
    by_members(day, attacks)
    by_thieves(day, attacks)
    at_the_door(day, attacks)


def by_members(day, attacks):
    """Episodes of users in their own name, from home."""
    member = day.service.member
    walk = ["bola_enumeration"]
    for name, at, user, profile, script, kind, description, more in [
        ("E01", 16000, member("acme-tools"), "chrome", attacks.one_item, "bola",
         "one item of another tenant through the own path", {"also": walk, "volume": "quiet"}),
        ("E02", 17000, member("cobalt", "member", 1), "firefox", attacks.other_company, "bola",
         "lists another tenant and opens 5 items", {"also": walk}),
        ("E03", 17500, member("fjord", "member", 2), "chrome", attacks.one_draft, "bola",
         "one private draft of a colleague (author_id in answer)", {"volume": "quiet"}),
        ("E04", 18000, member("granit", "member", 1), "okhttp", attacks.drafts_in_batches,
         "bola_enumeration", "14 drafts of colleagues inside two batch requests", {}),
        ("E05", 18500, member("harbour"), "curl", attacks.becomes_staff, "mass_assignment",
         "is_staff in PATCH /me, then staff search", {"also": ["bfla"]}),
        ("E06", 19000, member("dunes-ltd", "member", 2), "chrome", attacks.becomes_owner, "bfla",
         "member makes himself owner, then billing and export", {"also": ["mass_assignment"]}),
        ("E07", 19500, member("elm-street", "viewer"), "firefox", attacks.refused_admin, "bfla",
         "viewer tries four admin functions, all 403", {"success": False, "volume": "quiet"}),
        ("E15", 25000, member("cobalt", "member", 3), "firefox", attacks.draws_contacts,
         "data_leakage", "insider draws 1,500 contacts (usual 25)",
         {"also": ["excessive_data_exposure", "scraping"]}),
        ("E16", 25500, member("blue-heron", "member", 2), "node", attacks.guesses_projects,
         "bola_enumeration", "45 guessed project ids of another tenant, 404 and 403",
         {"success": False}),
        ("E17", 26000, member("granit", "viewer"), "chrome", attacks.floods, "rate_abuse",
         "300 searches in 5 minutes", {}),
    ]:
        session = day.session(user, profile)
        day.simulation.episode(
            name, kind, description, [session.client.ip], user["email"], **more)
        day.simulation.start(at, session.client, script(session))


def by_thieves(day, attacks):
    """Episodes with what was stolen from others."""
    member, play, home = day.service.member, day.simulation, "/v1/orgs/"
    for name, kind, also, user, ip, programs, times, victim, description in [
        ("E08", "token_replay", "session_hijack", member("harbour", "admin"), "185.220.4.9",
         ("chrome", "requests"), (20000, 21000), attacks.signs_out,
         "token used after revocation from elsewhere"),
        ("E09", "session_hijack", "token_replay", member("acme-tools", "owner"), "185.220.4.77",
         ("chrome-mac", "curl"), (22000, 22200), attacks.works,
         "bearer used from another network with curl while owner is active"),
        ("E11", "token_replay", "session_hijack", member("blue-heron", "member", 1),
         "185.220.4.120", ("chrome", "requests"), (16500, 21500), attacks.renews,
         "rotated refresh token used again from elsewhere"),
    ]:
        play.episode(name, kind, description, [ip], also=[also])
        session = day.session(user, programs[0])
        thief = day.session(user, programs[1], ip, name)
        path = home + user["company"]
        script = {
            "E08": attacks.uses_token(thief, [path + "/contacts?limit=25"] * 4, 30),
            "E09": attacks.uses_token(thief, ["/v1/me", "/v1/orgs", path + "/contacts?limit=25",
                                              path + "/members"], 40),
            "E11": attacks.renews_again(thief),
        }[name]
        play.start(times[0], session.client, victim(session, thief))
        play.start(times[1], thief.client, script)
    client = Client("185.220.4.101", "requests", "E10")
    key, company = list(day.service.keys.items())[1]
    play.episode("E10", "session_hijack", "key of a machine used from elsewhere for other "
                 "functions", [client.ip], also=["api_key_theft", "agent_identity_spoofing"])
    play.start(22500, client, attacks.uses_key(key, company))


def at_the_door(day, attacks):
    """Episodes of nobody in particular: sign-in, and a way around it."""
    play, service = day.simulation, day.service
    pairs = [(f"{a}{b}{service.dice.randrange(99)}@mail.test", service.word(8))
             for a, b in people(70, service.dice)]
    hit = service.member("fjord", "admin")
    pairs[40] = (hit["email"], hit["password"])
    client = Client("185.220.5.5", "go", "E12")
    play.episode("E12", "credential_stuffing", "70 accounts from one address, 1 right",
                 [client.ip], also=["user_enumeration", "password_spraying"])
    play.start(23000, client, attacks.tries(pairs, 1, 3))
    users = list(service.users.values())
    play.episode("E13", "credential_stuffing", "48 real accounts from 24 addresses over 2 h, "
                 "2 each, 2 right", [f"45.9.{k}.7" for k in range(24)], volume="quiet",
                 also=["password_spraying"])
    for k in range(24):
        second = users[k + 24]
        password = second["password"] if k in (5, 17) else service.word(9)
        pairs = [(users[k]["email"], service.word(9)), (second["email"], password)]
        client = Client(f"45.9.{k}.7", "chrome", "E13")
        play.start(16000 + k * 290, client, attacks.tries(pairs, 200, 900))
    client = Client("185.220.6.1", "curl", "E14")
    play.episode("E14", "auth_bypass", "export without a token by X-Internal header",
                 [client.ip])
    play.start(24000, client, attacks.by_header())
