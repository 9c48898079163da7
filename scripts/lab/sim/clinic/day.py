"""A usual day at the portal: patients at home, staff behind one address, a partner, a crawler."""
import base64
import re

from ..clients import BROWSERS, Client
from ..http import get, post

OFFICE = "192.0.2.40"


def files_in(response):
    """Numbers of the files that a page links to."""
    return re.findall(r'href="/dossiers/(DOS-[0-9-]+)"', response.text)


def csrf_in(response):
    """The token of a page's form."""
    found = re.search(r'jeton_csrf" value="(\w+)"', response.text)
    return found.group(1) if found else ""


def password_form(user, password, token):
    """The sign-in form, filled in."""
    form = {"identifiant": user["id"], "mot_de_passe": password, "jeton_csrf": token}
    return post("/connexion", form=form)


class Day:
    """Everybody who uses the portal."""

    def __init__(self, service, simulation):
        self.service, self.simulation, self.dice = service, simulation, simulation.dice
        self.homes = {}

    def begin(self):
        """Starts everybody."""
        play, dice = self.simulation, self.dice
        days = {"patient": self.patient, "medecin": self.doctor, "secretaire": self.secretary,
                "admin": self.admin}
        for number, user in enumerate(self.service.users.values()):
            staff = user["role"] != "patient"
            ip = OFFICE if staff else f"81.{number}.14.{number + 3}"
            self.homes[user["id"]] = ip
            client = Client(ip, "chrome" if staff else BROWSERS[number % 4])
            note = user["role"] + (" behind the clinic's address" if staff else "")
            play.actor(user["id"], [ip], note, user["id"])
            play.start(dice.uniform(0, 8000), client, days[user["role"]](user))
        client = Client("192.0.2.77", "go")
        play.actor("dmp-sync", [client.ip], "partner", "dmp-sync")
        play.start(50, client, self.partner())
        client = Client("66.249.66.1", "crawler", cookies=False)
        play.actor("crawler", [client.ip], "crawler")
        play.start(4000, client, self.crawler())
        for number, at in enumerate((6000, 12000, 18000, 21000)):
            user = self.service.patients[number * 5]
            play.start(at, Client(self.homes[user["id"]], "safari"), self.forgetful(user))
        for number in range(12):
            client = Client(f"92.1.{number}.9", "safari")
            play.actor(f"newcomer{number}", [client.ip], "types a name, which is checked")
            play.start(2000 + number * 1900, client, self.newcomer())

    def wrong_code(self):
        """A code that is not the right one."""
        code = f"{self.service.dice.randrange(10**6):06d}"
        return post(self.service.code_path, form={"code": code})

    def sign_in(self, user, typos=0, first=True):
        """Signs in, after some mistakes."""
        answer = yield get("/connexion")
        if first:
            yield get("/static/app.css")
        token, right = csrf_in(answer), user["password"]
        for _ in range(typos):
            yield password_form(user, right[:-1], token)
            yield self.dice.uniform(4, 12)
        answer = yield password_form(user, right, token)
        path = self.service.code_path
        if answer.header("Location") == path:
            yield get(path)
            yield self.dice.uniform(8, 25)
            if self.dice.random() < 0.15:
                yield self.wrong_code()
                yield 6
            yield post(path, form={"code": user["code"]})
        yield get("/accueil")

    def patient(self, user):
        """Reads the own files, now and then books or changes the profile."""
        dice = self.dice
        for visit in range(4):
            typos = dice.choice([0, 0, 0, 0, 1, 2, 4 if visit == 0 else 0])
            yield from self.sign_in(user, typos, visit == 0)
            yield dice.uniform(3, 15)
            answer = yield get("/mes-dossiers")
            for number in files_in(answer):
                if dice.random() < 0.8:
                    yield get("/dossiers/" + number)
                    yield dice.uniform(6, 40)
                if dice.random() < 0.4:
                    yield get(f"/dossiers/{number}/ordonnance.pdf")
            yield from self.errands(user)
            if dice.random() < 0.6:
                yield get("/deconnexion")
            yield dice.uniform(4000, 9000)

    def errands(self, user):
        """Appointments, the profile, messages."""
        dice = self.dice
        yield get("/rendez-vous")
        if dice.random() < 0.5:
            date = f"2026-12-{self.service.dice.randrange(1, 28):02d}"
            yield post("/rendez-vous/nouveau", form={"date": date, "motif": "controle"})
            yield get("/rendez-vous")
        if dice.random() < 0.4:
            answer = yield get("/profil")
            yield 12
            form = {name: user[name] for name in ("nom", "courriel", "tel")}
            yield post("/profil", form={**form, "jeton_csrf": csrf_in(answer)})
            yield get("/profil")
        for _ in range(dice.randrange(3)):
            yield get("/messages")
            yield 30

    def doctor(self, user):
        """Files of the own service; in an emergency any other, known from a bracelet."""
        dice = self.dice
        for visit in range(6):
            yield from self.sign_in(user, dice.choice([0, 0, 1]), visit == 0)
            for number in range(1, dice.randrange(1, 4) + 1):
                answer = yield get(f"/service/patients?page={number}")
                files = files_in(answer)
                for file in dice.sample(files, min(len(files), dice.randrange(4, 9))):
                    yield get("/dossiers/" + file)
                    yield dice.uniform(20, 120)
            if dice.random() < 0.3:
                yield get("/dossiers/" + dice.choice(list(self.service.files)))
            yield get("/deconnexion")
            yield dice.uniform(1500, 5000)

    def secretary(self, user):
        """Looks patients up by name."""
        dice = self.dice
        for visit in range(8):
            yield from self.sign_in(user, dice.choice([0, 0, 1, 3]), visit == 0)
            for _ in range(dice.randrange(4, 9)):
                name = dice.choice(self.service.patients)["nom"].split()[1]
                answer = yield get("/recherche?nom=" + name)
                for file in files_in(answer)[:dice.randrange(1, 4)]:
                    yield get("/dossiers/" + file)
                    yield dice.uniform(15, 90)
            yield dice.uniform(1200, 3000)

    def admin(self, user):
        """Users, a role, the export, the log."""
        for visit in range(3):
            yield from self.sign_in(user, 0, visit == 0)
            yield get("/administration/utilisateurs")
            yield 30
            other = self.dice.choice(self.service.patients)
            path = f"/administration/utilisateurs/{other['id']}/role"
            yield post(path, form={"role": other["role"]})
            yield get("/administration/utilisateurs")
            yield get("/administration/export.csv")
            yield 40
            yield get("/administration/journal")
            yield self.dice.uniform(4000, 8000)

    def partner(self):
        """Fetches what changed, every ten minutes."""
        secret = base64.b64encode(b"dmp-sync:partner-secret").decode()
        for k in range(48):
            headers = [("Authorization", "Basic " + secret)]
            yield get(f"/api/sync/dossiers?depuis={k * 600}", headers)
            yield 600

    def crawler(self):
        """Reads the news."""
        yield get("/")
        for k in range(80):
            yield get(f"/actualites/{k}")
            yield self.dice.uniform(10, 40)

    def forgetful(self, user):
        """Four wrong passwords, then a new one by mail."""
        yield get("/connexion")
        for guess in ("tilleul1", "Tilleul1", "Tilleul1!", "tilleul2024"):
            yield password_form(user, guess, "x")
            yield 11
        yield get("/mot-de-passe-oublie")
        yield post("/mot-de-passe-oublie", form={"courriel": user["courriel"], "jeton_csrf": "x"})
        yield 120
        resets = self.service.resets
        token = next(key for key, owner in resets.items() if owner is user)
        yield get("/reinitialiser?jeton=" + token)
        yield 20
        yield post("/reinitialiser",
                   form={"jeton": token, "nouveau_mot_de_passe": "Tilleul2026!"})
        yield get("/connexion")
        yield 5
        yield from self.sign_in(user, 0, False)

    def newcomer(self):
        """A sign-up form that asks whether a name is free while it is typed."""
        for name in ("ma", "mari", "marie." + self.service.hex(4)):
            yield get("/inscription/verifier?identifiant=" + name)
            yield 0.4
