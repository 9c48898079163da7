"""Attacks on the school."""
from ..clients import Client
from ..http import ask, get, post
from ..names import people
from .day import SCHOOL, sign_in_with


class Attacks:
    """Each method plays one episode."""

    def __init__(self, day):
        self.day, self.dice, self.service = day, day.dice, day.service
        self.pupils = day.service.pupils

    def spray(self, users):
        """E01"""
        for user in users:
            yield sign_in_with(user["login"], "Sommer2026")
            yield self.dice.uniform(20, 60)

    def passwords(self, user):
        """E02"""
        for _ in range(40):
            yield sign_in_with(user["login"], "Sch" + self.service.hex(6))
            yield self.dice.uniform(4, 12)
        yield sign_in_with(user["login"], user["password"])
        yield get("/api/me")
        yield get("/api/classes")

    def one_pupil(self, client, user):
        """E03"""
        yield from self.day.sign_in(user)
        yield get(f"/api/pupils/{user['id']}/grades")
        yield 9
        client.episode = "E03"
        yield get(f"/api/pupils/{self.pupils[11]['id']}/grades")

    def many_pupils(self, client, user):
        """E04"""
        yield from self.day.sign_in(user)
        client.episode = "E04"
        for pupil in self.pupils[20:48]:
            yield get(f"/api/pupils/{pupil['id']}/grades")
            yield self.dice.uniform(2, 6)

    def own_grade(self, client, user):
        """E05"""
        yield from self.day.sign_in(user)
        answer = yield get(f"/api/pupils/{user['id']}/grades")
        yield 5
        client.episode = "E05"
        grade = answer.json["grades"][0]["id"]
        yield ask("PUT", f"/api/grades/{grade}", {"mark": 1, "comment": "ok"})

    def refused(self, client, user):
        """E06"""
        yield from self.day.sign_in(user)
        yield 9
        client.episode = "E06"
        contact = f"pupils/{self.pupils[2]['id']}/contact"
        for name in ("classes", "classes/7a/pupils", "export/grades.csv", "staff/list", contact):
            yield get("/api/" + name)
            yield 20

    def victim(self, client, user, thief):
        """Whose cookie is used in E07 and E08."""
        yield from self.day.sign_in(user)
        thief.cookies = dict(client.cookies)
        for _ in range(8):
            yield get("/api/feed")
            yield 40

    def thief(self):
        """E07, E08"""
        for name in ("me", "classes", "classes/8a/pupils"):
            yield get("/api/" + name)
            yield 20
        body = {"pupil_id": self.pupils[0]["id"], "subject": "maths", "mark": 1}
        yield post("/api/grades", body)

    def impersonates(self, client, user):
        """E09"""
        yield from self.day.sign_in(user)
        client.episode = "E09"
        yield post("/api/impersonate", {"user_id": user["id"]})
        yield 9
        teacher = self.service.having("teacher")[0]
        yield post("/api/impersonate", {"user_id": teacher["id"]})

    def stuffs(self):
        """E10"""
        dice = self.service.dice
        for first, last in people(60, dice):
            yield sign_in_with(f"{first[0]}{last}{dice.randrange(120)}", self.service.hex(8))
            yield self.dice.uniform(2, 5)

    def contacts(self, client, user):
        """E11"""
        yield from self.day.sign_in(user)
        client.episode = "E11"
        for pupil in self.pupils:
            yield get(f"/api/pupils/{pupil['id']}/contact")
            yield self.dice.uniform(1, 3)


def begin(day):
    """Records and starts all episodes."""
    attacks = Attacks(day)
    play, teachers = day.simulation, day.service.having("teacher")
    by_users(day, attacks)
    for name, at, ip, profile, script, kind, description, more in [
        ("E01", 14000, SCHOOL, "firefox", attacks.spray(attacks.pupils[30:60]),
         "password_spraying", "pupil behind the school's address tries one password on 30 "
         "accounts in 20 min",
         {"also": ["credential_stuffing"], "success": False, "volume": "quiet"}),
        ("E02", 15500, SCHOOL, "chrome", attacks.passwords(teachers[3]), "brute_force",
         "40 passwords on a teacher from the school's address, then in", {}),
        ("E10", 20000, "185.5.5.5", "requests", attacks.stuffs(), "credential_stuffing",
         "60 pairs from outside", {"also": ["user_enumeration", "brute_force"],
                                   "success": False}),
    ]:
        shared = ip == SCHOOL
        play.episode(name, kind, description, () if shared else [ip], shared=shared, **more)
        play.start(at, Client(ip, profile, name), script)
    for name, at, user, programs, ip, description in [
        ("E07", 18500, teachers[5], ("chrome", "curl"), SCHOOL,
         "teacher's cookie used by curl behind the same address, interleaved"),
        ("E08", 19000, teachers[6], ("firefox", "safari"), "91.204.5.5",
         "teacher's cookie used by a phone at home, interleaved"),
    ]:
        client, thief = Client(SCHOOL, programs[0]), Client(ip, programs[1], name)
        shared = ip == SCHOOL
        play.episode(name, "session_hijack", description, () if shared else [ip], shared=shared)
        play.start(at, client, attacks.victim(client, user, thief))
        play.start(at + 100, thief, attacks.thief())


def by_users(day, attacks):
    """Episodes of users in their own name, from home."""
    pupils, teachers = attacks.pupils, day.service.having("teacher")
    parent = day.service.having("parent")[4]
    quiet = {"volume": "quiet"}
    refused = {"volume": "quiet", "success": False}
    for name, at, number, user, profile, script, kind, description, more in [
        ("E03", 16500, 200, pupils[10], "safari", attacks.one_pupil, "bola",
         "pupil reads the grades of one other", quiet),
        ("E04", 17000, 201, pupils[12], "chrome", attacks.many_pupils, "bola_enumeration",
         "pupil reads the grades of 28 others", {}),
        ("E05", 17500, 202, pupils[14], "firefox", attacks.own_grade, "bfla",
         "pupil changes the own grade (PUT of teachers only)", quiet),
        ("E06", 18000, 203, pupils[16], "chrome-mac", attacks.refused, "bfla",
         "pupil tries five functions of teachers, 403", refused),
        ("E09", 19500, 205, parent, "chrome", attacks.impersonates, "bfla",
         "parent tries to impersonate, twice, 403", refused),
        ("E11", 21000, 206, teachers[9], "chrome", attacks.contacts, "data_leakage",
         "teacher draws contacts of all 80 pupils in 3 min at home",
         {"also": ["bola_enumeration", "rate_abuse", "scraping"]}),
    ]:
        client = Client(f"91.{number}.5.5", profile)
        day.simulation.episode(name, kind, description, [client.ip], user["login"], **more)
        day.simulation.start(at, client, script(client, user))
