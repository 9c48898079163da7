"""What the service answers; its holes are marked."""
import copy
import urllib.parse

from ..http import Response, reply
from .world import COMPANIES, World

LIFETIME = 3600  # seconds that a token is good for
FORBIDDEN = {"error": "forbidden"}
MISSING = {"error": "not_found"}
ADMINS = ("owner", "admin", "bot")


def pick(record, *names):
    """Some fields of a record."""
    return {name: record[name] for name in names}


class Service(World):
    """The API over the world."""

    def __init__(self, seed, variant):
        super().__init__(seed)
        self.variant, self.simulation = variant, None
        self.tokens, self.renewals, self.guests = {}, {}, {}

    def answer(self, request):
        """Answers one request."""
        if request.path == "/healthz":
            return reply({"status": "ok"})
        if request.path == "/oauth/token":
            return self.token(request.form)
        user = self.caller(request)
        if not user and request.header("x-internal") == "true":  # hole: a header opens all
            company = request.parts[2] if len(request.parts) > 2 else None
            user = {"id": "int", "role": "owner", "company": company, "is_staff": True}
        if not user:
            return reply({"error": "unauthorized"}, 401, [("WWW-Authenticate", "Bearer")])
        if request.path == "/oauth/revoke":
            return Response(200)  # hole: the token stays good
        if request.path == "/v1/batch":
            return self.batch(request, user)
        return self.route(request, user)

    def token(self, form):
        """Sign-in, and tokens renewed. Hole: a used refresh token stays good."""
        if form.get("grant_type") == "password":
            user = self.users.get(form["username"])
            if not user or user["password"] != form["password"]:
                return reply({"error": "invalid_grant"}, 400)
        else:
            user = self.renewals.get(form.get("refresh_token"))
            if not user:
                return reply({"error": "invalid_grant"}, 400)
        access, renewal = self.word(43), self.word(43)
        self.tokens[access] = (user, self.simulation.now + LIFETIME)
        self.renewals[renewal] = user
        return reply({"access_token": access, "token_type": "Bearer", "expires_in": LIFETIME,
                      "refresh_token": renewal}, headers=[("Cache-Control", "no-store")])

    def caller(self, request):
        """Who asks: a user, a machine by its key, or None."""
        key = request.header("x-api-key")
        if key:
            company = self.keys.get(key)
            machine = {"id": "key", "role": "bot", "company": company, "is_staff": False}
            return machine if company else None
        user, until = self.tokens.get(request.header("authorization")[7:], (None, 0))
        return user if until > self.simulation.now else None

    def batch(self, request, user):
        """Several requests in one."""
        answers = []
        for wanted in request.json["requests"]:
            inner = copy.copy(request)
            inner.method, inner.json = wanted.get("method", "GET"), wanted.get("body")
            parts = urllib.parse.urlsplit(wanted["path"])
            inner.path, inner.query = parts.path, dict(urllib.parse.parse_qsl(parts.query))
            inner.parts = inner.path.strip("/").split("/")
            answer = self.route(inner, user)
            told = {"id": wanted.get("id"), "status": answer.status, "body": answer.json}
            answers.append(told)
        return reply({"responses": answers})

    def route(self, request, user):
        """Functions outside a company, then those of one."""
        parts = request.parts[1:]
        if parts == ["me"]:
            return self.me(request, user)
        if parts == ["orgs"]:
            own = {"slug": user["company"], "role": user["role"]}
            return reply({"orgs": [own] if user["company"] else []})
        if parts == ["shared"]:
            shared = self.guests.get(user["id"], [])
            rows = [dict(zip(("org", "project", "shared_by"), row)) for row in shared]
            return reply({"projects": rows})
        if parts == ["admin", "search"]:
            return self.search_everywhere() if user["is_staff"] else reply(FORBIDDEN, 403)
        if parts[0] != "orgs" or len(parts) < 3 or parts[1] not in self.companies:
            return reply(MISSING, 404)
        if parts[2] == "projects":
            return self.projects(request, user, parts[1], parts[3:])
        if not user["is_staff"] and user["company"] != parts[1]:
            return reply(FORBIDDEN, 403)
        return self.company(request, user, self.companies[parts[1]], parts[2:])

    def me(self, request, user):
        """The profile. Hole: a change takes every field."""
        if request.method == "PATCH":
            user.update({k: v for k, v in request.json.items() if k in user})
            if self.variant:
                return Response(204)
        told = pick(user, "id", "email", "display_name", "timezone", "avatar")
        if self.variant == "roles":
            return reply({**told, "role": "staff" if user["is_staff"] else user["role"]})
        return reply({**told, "is_staff": user["is_staff"]})

    def search_everywhere(self):
        """Items of all companies, for the support."""
        known = [(name, item) for name in COMPANIES for _, item in self.items_of(name)]
        found = self.dice.sample(known, 6)
        return reply({"items": [{**self.items[item], "org": name} for name, item in found]})

    def projects(self, request, user, company, rest):
        """Projects and items. Holes: the list and single items don't ask whose they are."""
        projects, method = self.companies[company]["projects"], request.method
        if not rest:
            return reply({"projects": [
                {"id": p["id"], "name": p["name"], "count": len(p["items"])}
                for p in projects.values()
            ]})
        project = projects.get(rest[0])
        if not project:
            return reply(MISSING, 404)
        if rest[1:] == ["share"] and method == "POST":
            guest = self.users[request.json["email"]]
            self.guests.setdefault(guest["id"], []).append((company, rest[0], user["id"]))
            return reply({"shared_with": guest["email"], "project": rest[0]}, 201)
        if len(rest) == 2 and method == "POST":
            item = self.add_item(company, rest[0], user["id"])
            item["title"] = request.json.get("title")
            return reply(item, 201)
        if len(rest) == 2:
            return self.item_list(request, user, company, project)
        item = self.items.get(rest[2])
        if not item:
            return reply(MISSING, 404)
        if method == "PATCH":
            allowed = ("title", "state", "assignee")
            item.update({k: v for k, v in request.json.items() if k in allowed})
        newer = {"etag": self.word(6)} if request.parts[0] == "v2" else {}
        return reply({**item, **newer})

    def item_list(self, request, user, company, project):
        """A page of a project's items, for members, guests and the support."""
        guest = (company, project["id"]) in [row[:2] for row in self.guests.get(user["id"], [])]
        if not (user["is_staff"] or user["company"] == company or guest):
            return reply(FORBIDDEN, 403)
        start, count = int(request.query.get("cursor", 0)), int(request.query.get("limit", 20))
        rows = [self.items[item] for item in project["items"][start:start + count]]
        more = start + count < len(project["items"])
        return reply({"items": [pick(row, "id", "title", "state", "assignee") for row in rows],
                      "next": str(start + count) if more else None})

    def company(self, request, user, company, rest):
        """The other functions of a company, for its members."""
        kind, members = rest[0], company["members"]
        if kind == "drafts" and len(rest) == 1:
            own = [d for d in company["drafts"].values() if d["author_id"] == user["id"]]
            return reply({"drafts": own})
        if kind == "drafts":  # hole: any member opens any draft
            draft = company["drafts"].get(rest[1])
            return reply(draft) if draft else reply(MISSING, 404)
        if kind == "members" and len(rest) == 1:
            rows = [pick(row, "id", "display_name", "role") for row in members.values()]
            return reply({"members": rows})
        if kind == "members":
            return self.member_change(request, user, members.get(rest[1]))
        if kind == "contacts":
            start = int(request.query.get("offset", 0))
            rows = company["contacts"][start:start + int(request.query.get("limit", 25))]
            return reply({"contacts": rows, "total": len(company["contacts"])})
        items = [self.items[i] for p in company["projects"].values() for i in p["items"]]
        if kind == "search":
            hits = self.dice.sample(items, 5)
            return reply({"hits": [pick(hit, "id", "title", "project") for hit in hits]})
        if kind not in ("audit-log", "billing", "export"):
            return reply(MISSING, 404)
        if not user["is_staff"] and user["role"] not in ADMINS:
            return reply(FORBIDDEN, 403)
        if kind == "export":
            return reply({"items": items}, delay=1.5)
        rows = [{"at": int(self.simulation.now), "actor": member, "event": "login"}
                for member in list(members)[:5]]
        return reply({kind: rows})

    def member_change(self, request, user, member):
        """A member's role. Hole: it doesn't ask for the caller's."""
        if not member:
            return reply(MISSING, 404)
        if request.method == "PATCH":
            member["role"] = request.json["role"]
            if self.variant == "roles":
                return Response(204)
            return reply(pick(member, "id", "role"))
        allowed = user["is_staff"] or user["role"] in ADMINS
        return Response(204) if allowed else reply(FORBIDDEN, 403)
