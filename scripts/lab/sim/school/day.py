"""A usual day: pupils and teachers behind one address, parents at home, the head, machines."""
from ..clients import BROWSERS, Client
from ..http import ask, get, post
from .service import SYNC_KEY

SCHOOL = "193.25.4.10"


def sign_in_with(login, password):
    """One try."""
    return post("/api/login", {"login": login, "password": password})


class Day:
    """Everybody who uses the service."""

    def __init__(self, service, simulation):
        self.service, self.simulation, self.dice = service, simulation, simulation.dice

    def begin(self):
        """Starts everybody."""
        play, dice = self.simulation, self.dice
        days = {"pupil": self.pupil, "parent": self.parent, "teacher": self.teacher,
                "head": self.head}
        for number, user in enumerate(self.service.users.values()):
            parent = user["role"] == "parent"
            ip = f"87.{number}.2.2" if parent else SCHOOL
            client = Client(ip, BROWSERS[number % 4], home=f"91.{number}.5.5")
            ips = [ip] if parent else [ip, client.state.home]
            play.actor(user["login"], ips, user["role"], user["login"])
            at = dice.uniform(0, 1500 if user["role"] == "pupil" else 9000)
            play.start(at, client, days[user["role"]](client, user))
        client = Client("192.0.2.5", "go")
        play.actor("sync", [client.ip], "directory job")
        play.start(10, client, self.sync())
        client = Client(SCHOOL, "node", cookies=False)
        play.actor("foyer", [SCHOOL], "a screen with an old password, which tries on", "foyer")
        play.start(100, client, self.screen())

    def sign_in(self, user, typos=0):
        """Signs in after mistakes, again and again while the directory is out."""
        for k in range(typos):
            yield sign_in_with(user["login"], user["password"][:-1] + "xyz"[k % 3])
            yield self.dice.uniform(3, 8)
        for _ in range(20):
            answer = yield sign_in_with(user["login"], user["password"])
            if answer.status != 503:
                break
            yield self.dice.uniform(20, 60)
        yield get("/api/me")

    def pupil(self, client, user):
        """The timetable, the own grades, the feed; at school and at home."""
        dice = self.dice
        for visit in range(4):
            yield get("/")
            mistakes = [0, 0, 1, 1, 2, 3, 4] if visit == 0 else [0, 0, 0, 1]
            yield from self.sign_in(user, dice.choice(mistakes))
            yield get("/api/timetable")
            yield get("/api/feed")
            answer = yield get(f"/api/pupils/{user['id']}/grades")
            for grade in answer.json["grades"][:dice.randrange(0, 4)]:
                yield get(f"/api/grades/{grade['id']}")
                yield dice.uniform(3, 15)
            for _ in range(dice.randrange(2, 6)):
                yield dice.uniform(30, 200)
                yield get("/api/feed")
            if visit == 0 and dice.random() < 0.15:
                new = "Neu" + self.service.hex(5)
                yield post("/api/password", {"old": user["password"], "new": new})
            if dice.random() < 0.5:
                yield post("/api/logout")
            yield dice.uniform(3500, 9000)
            client.ip = dice.choice([SCHOOL, client.state.home])

    def parent(self, _client, user):
        """Grades of the children."""
        dice = self.dice
        for _ in range(3):
            yield get("/")
            yield from self.sign_in(user, dice.choice([0, 0, 0, 1, 2]))
            for child in user["children"]:
                answer = yield get(f"/api/pupils/{child}/grades")
                yield dice.uniform(4, 20)
                for grade in answer.json["grades"][:2]:
                    yield get(f"/api/grades/{grade['id']}")
                    yield 4
                if dice.random() < 0.3:
                    yield get(f"/api/pupils/{child}/contact")
            yield dice.uniform(6000, 12000)

    def teacher(self, _client, user):
        """A class: grades read, given and changed."""
        dice = self.dice
        for _ in range(6):
            yield get("/")
            yield from self.sign_in(user, dice.choice([0, 0, 1]))
            answer = yield get("/api/classes")
            answer = yield get(f"/api/classes/{dice.choice(answer.json['classes'])}/pupils")
            pupils = [row["id"] for row in answer.json["pupils"]]
            for pupil in pupils[:dice.randrange(3, 10)]:
                yield get(f"/api/pupils/{pupil}/grades")
                yield dice.uniform(5, 30)
            for pupil in pupils[:dice.randrange(2, 7)]:
                mark = dice.randrange(1, 6)
                body = {"pupil_id": pupil, "subject": "maths", "mark": mark}
                yield post("/api/grades", body)
                yield dice.uniform(5, 20)
            answer = yield get(f"/api/pupils/{pupils[0]}/grades")
            grade = answer.json["grades"][-1]["id"]
            yield ask("PUT", f"/api/grades/{grade}", {"mark": 2, "comment": "ok"})
            if dice.random() < 0.4:
                yield get(f"/api/pupils/{pupils[0]}/contact")
            yield post("/api/logout")
            yield dice.uniform(2000, 5000)

    def head(self, _client, user):
        """Staff, the export, a class; once the head acts as a pupil."""
        for visit in range(4):
            yield from self.sign_in(user)
            yield get("/api/staff/list")
            yield get("/api/export/grades.csv")
            yield 60
            answer = yield get("/api/classes/7a/pupils")
            for row in answer.json["pupils"][:12]:
                yield get(f"/api/pupils/{row['id']}/grades")
                yield 8
            if visit == 1:
                pupil = self.service.pupils[3]["id"]
                yield post("/api/impersonate", {"user_id": pupil})
                yield get("/api/me")
                yield get(f"/api/pupils/{pupil}/grades")
                yield post("/api/logout")
            yield 6000

    def sync(self):
        """A job every ten minutes."""
        for k in range(50):
            yield get(f"/api/sso/sync?since={k}", [("X-Sync-Key", SYNC_KEY)])
            yield 600

    def screen(self):
        """Tries an old password every minute and a half."""
        for _ in range(300):
            yield sign_in_with("foyer", "Old1234")
            yield 90
