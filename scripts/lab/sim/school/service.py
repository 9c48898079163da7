"""What the school's service answers; its holes are marked."""
import random

from ..http import Response, html, reply
from ..names import people, text_of

FORBIDDEN = {"error": "forbidden"}
OUTAGE = (12600, 13200)  # seconds of the day in which nobody can sign in
SYNC_KEY = "sk-" + "7f" * 16
APP = '<html><div id=app></div><script src="/static/main.js"></script></html>'


def role_of(number):
    """The role of the person with a number."""
    for limit, role in ((16, "teacher"), (18, "head"), (40, "parent")):
        if number < limit:
            return role
    return "pupil"


class Service:
    """People, grades, sessions, and the API over them."""

    def __init__(self, seed, role_leaf):
        self.dice, self.role_leaf, self.simulation = random.Random(61 + seed), role_leaf, None
        self.users, self.sessions, self.grades = {}, {}, {}
        for number, (first, last) in enumerate(people(120, self.dice)):
            self.users[number + 100] = {
                "id": number + 100, "login": f"{first[0]}{last}{number}", "last": last.title(),
                "first": first.title(), "role": role_of(number), "children": [],
                "class": f"{7 + number % 4}{'ab'[number % 2]}", "password": "Sch" + self.hex(6),
            }
        self.by_login = {user["login"]: user for user in self.users.values()}
        self.pupils, parents = self.having("pupil"), self.having("parent")
        for number, pupil in enumerate(self.pupils):
            parents[number % len(parents)]["children"].append(pupil["id"])
        self.last_grade = 20000
        for pupil in self.pupils:
            for _ in range(self.dice.randrange(5, 12)):
                subject = self.dice.choice(["maths", "art", "bio", "latin"])
                self.add_grade(pupil["id"], subject, self.dice.randrange(1, 7), self.hex(6))

    def hex(self, length):
        """Random hexadecimal digits."""
        return text_of(self.dice, length, "abcdef0123456789")

    def having(self, role):
        """Everybody of a role."""
        return [user for user in self.users.values() if user["role"] == role]

    def add_grade(self, pupil, subject, mark, comment=""):
        """A grade of a pupil."""
        self.last_grade += self.dice.randrange(1, 6)
        grade = {"id": self.last_grade, "pupil_id": pupil, "subject": subject, "mark": mark,
                 "comment": comment}
        self.grades[self.last_grade] = grade
        return grade

    def answer(self, request):
        """Answers one request."""
        path = request.path
        if path == "/":
            return html(APP)
        if path == "/static/main.js":
            return Response(200, "console.log(1)", "application/javascript")
        if path == "/api/login":
            return self.sign_in(request.json)
        if path == "/api/sso/sync":
            right = request.header("x-sync-key") == SYNC_KEY
            return reply({"synced": len(self.users)}) if right else reply(FORBIDDEN, 403)
        user = self.sessions.get(request.cookies.get("sess"))
        if not user:
            return reply({"error": "auth_required"}, 401)
        staff = user["role"] in ("teacher", "head")
        return self.own(request, user) or self.shared(request, user, staff)

    def sign_in(self, body):
        """Checks a password, while the directory can be reached."""
        if OUTAGE[0] < self.simulation.now < OUTAGE[1]:
            return reply({"error": "directory not reachable"}, 503)
        user = self.by_login.get(body.get("login"))
        if not user or user["password"] != body.get("password"):
            return reply({"error": "login_failed"}, 401)
        told = {"id": user["id"], "login": user["login"], self.role_leaf: user["role"],
                "name": f"{user['first']} {user['last']}"}
        token = ("Set-Cookie", f"XSRF={self.hex(16)}; Path=/")
        return reply({"user": told}, headers=[self.open_session(user), token])

    def open_session(self, user):
        """The header that sets a new session."""
        key = self.hex(40)
        self.sessions[key] = user
        return "Set-Cookie", f"sess={key}; HttpOnly; SameSite=Lax; Path=/"

    def own(self, request, user):
        """Functions about the caller."""
        path = request.path
        if path == "/api/logout":
            self.sessions.pop(request.cookies["sess"], None)
            return Response(204, headers=[("Set-Cookie", "sess=; Path=/; Max-Age=0")])
        if path == "/api/me":
            return reply({"id": user["id"], "login": user["login"],
                          self.role_leaf: user["role"], "children": user["children"]})
        if path == "/api/feed":
            return reply({"unread": self.dice.randrange(3), "at": int(self.simulation.now)})
        if path == "/api/timetable":
            slots = [{"day": day, "subject": "maths"} for day in range(5)]
            return reply({"class": user["class"], "slots": slots})
        if path == "/api/password":
            if request.json["old"] != user["password"]:
                return reply({"error": "wrong_old"}, 400)
            user["password"] = request.json["new"]
            return Response(204)
        if path == "/api/impersonate":
            if user["role"] != "head":
                return reply(FORBIDDEN, 403)
            other = self.users[request.json["user_id"]]
            return reply({"as": other["id"]}, headers=[self.open_session(other)])
        return None

    def shared(self, request, user, staff):
        """Classes, pupils, grades, staff."""
        path, parts = request.path, request.parts[1:]
        if path == "/api/export/grades.csv":
            if user["role"] != "head":
                return reply(FORBIDDEN, 403)
            rows = [f"{g['id']};{g['pupil_id']};{g['mark']}" for g in self.grades.values()]
            return Response(200, "\n".join(["id;pupil;mark", *rows]), "text/csv")
        if parts[0] == "grades":
            return self.grade(request, staff)
        if parts[0] == "pupils":
            return self.pupil(int(parts[1]), parts[2], user, staff)
        if not staff:
            known = parts[0] in ("classes", "staff")
            return reply(FORBIDDEN, 403) if known else reply({"error": "not_found"}, 404)
        if parts == ["classes"]:
            return reply({"classes": sorted({pupil["class"] for pupil in self.pupils})})
        if parts[0] == "classes":
            rows = [{name: pupil[name] for name in ("id", "first", "last")}
                    for pupil in self.pupils if pupil["class"] == parts[1]]
            return reply({"pupils": rows})
        if parts[0] == "staff":
            rows = [{"id": t["id"], "name": t["last"]} for t in self.having("teacher")]
            return reply({"teachers": rows})
        return reply({"error": "not_found"}, 404)

    def pupil(self, key, kind, user, staff):
        """A pupil's grades or address. Hole: grades of anybody for anybody."""
        if kind == "grades":
            rows = [grade for grade in self.grades.values() if grade["pupil_id"] == key]
            return reply({"grades": rows})
        if not staff and key not in user["children"]:
            return reply(FORBIDDEN, 403)
        return reply({"pupil": key, "phone": f"+49151{10**6 + key * 37}",
                      "address": f"Weg {key}", "parent": "p"})

    def grade(self, request, staff):
        """One grade. Holes: of anybody, and anybody changes it."""
        if request.method == "POST":
            if not staff:
                return reply(FORBIDDEN, 403)
            body = request.json
            grade = self.add_grade(body["pupil_id"], body["subject"], body["mark"])
            return reply(grade, 201)
        grade = self.grades.get(int(request.parts[2]))
        if not grade:
            return reply({"error": "not_found"}, 404)
        if request.method == "PUT":
            grade.update({k: v for k, v in request.json.items() if k in ("mark", "comment")})
        return reply(grade)
