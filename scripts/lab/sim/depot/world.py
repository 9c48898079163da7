"""The companies, their members, and what they own."""
import random
import string
import uuid

from ..names import FIRST, LAST, people, text_of

COMPANIES = ["acme-tools", "blue-heron", "cobalt", "dunes-ltd", "elm-street", "fjord", "granit",
             "harbour"]
ROLES = ["owner", "admin", "member", "member", "member", "viewer", "member", "member"]
LETTERS = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lIB")


class World:
    """All that the service stores."""

    def __init__(self, seed):
        self.dice = random.Random(11 + seed)
        self.users, self.items, self.keys = {}, {}, {}
        self.companies = {
            name: {"members": {}, "projects": {}, "drafts": {}} for name in COMPANIES
        }
        for number, (first, last) in enumerate(people(68, self.dice)):
            self.add_user(number, first, last)
        for name, company in self.companies.items():
            self.furnish(name, company)

    def word(self, length=8):
        """A random word."""
        return text_of(self.dice, length, LETTERS)

    def uuid(self):
        """A random UUID."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def add_user(self, number, first, last):
        """A member of a company, or one of the four of the support."""
        company = COMPANIES[number % 8] if number < 64 else None
        email = f"{first}.{last}@{(company or 'depot-support').replace('-', '')}.test"
        user = {
            "id": "usr_" + self.word(10), "email": email, "timezone": "Europe/Berlin",
            "display_name": f"{first.title()} {last.title()}", "avatar": None,
            "is_staff": company is None, "password": "Pw-" + self.word(6), "company": company,
            "role": ROLES[number // 8] if company else "staff",
        }
        self.users[email] = user
        if company:
            self.companies[company]["members"][user["id"]] = user

    def furnish(self, name, company):
        """Projects with items, drafts, contacts and a machine's key for a company."""
        dice, members = self.dice, list(company["members"])
        for number in range(4):
            key = self.word()
            title = dice.choice(["North", "South", "Yard", "Office"])
            company["projects"][key] = {"id": key, "name": f"{title} {number}", "items": []}
            for _ in range(dice.randrange(25, 60)):
                self.add_item(name, key, dice.choice(members))
        for member in members:
            for _ in range(dice.randrange(3, 8)):
                key = self.uuid()
                company["drafts"][key] = {
                    "id": key, "author_id": member, "subject": "Draft " + self.word(4),
                    "body": "text " + self.word(12),
                }
        count = 1500 if name == "cobalt" else 120
        company["contacts"] = [self.contact() for _ in range(count)]
        self.keys["dk_live_" + self.word(32)] = name

    def add_item(self, company, project, author):
        """An item of a project."""
        choose = self.dice.choice
        verb = choose(["Fix", "Check", "Order", "Move", "Paint", "Count"])
        thing = choose(["shelf", "ramp", "door", "label", "pump", "crate"])
        item = {
            "id": self.uuid(), "project": project,
            "title": f"{verb} {thing} {self.dice.randrange(900)}",
            "state": choose(["open", "done", "blocked"]), "created_by": author,
            "assignee": choose(list(self.companies[company]["members"])),
            "org_id": "org_" + company[:4],
        }
        self.items[item["id"]] = item
        self.companies[company]["projects"][project]["items"].append(item["id"])
        return item

    def contact(self):
        """A customer of a company."""
        dice = self.dice
        return {
            "id": "ct_" + self.word(9),
            "name": f"{dice.choice(FIRST).title()} {dice.choice(LAST).title()}",
            "email": f"{self.word(6).lower()}@mail{dice.randrange(40)}.test",
            "phone": "+4930" + str(dice.randrange(10**6, 10**7)),
            "iban": "DE" + str(dice.randrange(10**19, 10**20)),
        }

    def items_of(self, company):
        """(project, item) of all items of a company."""
        projects = self.companies[company]["projects"].values()
        return [(project["id"], item) for project in projects for item in project["items"]]

    def member(self, company, role="member", number=0):
        """A member by role."""
        members = self.companies[company]["members"].values()
        return [user for user in members if user["role"] == role][number]
