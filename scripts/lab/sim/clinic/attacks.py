"""Attacks on the portal."""
from ..clients import Client
from ..http import get, post
from ..names import FIRST, LAST, people
from .day import OFFICE, csrf_in, files_in, password_form


class Attacks:
    """Each method plays one episode."""

    def __init__(self, day):
        self.day, self.dice, self.service = day, day.dice, day.service
        self.planted = self.service.hex(32)

    def one_file(self, client, user):
        """E01"""
        yield from self.day.sign_in(user)
        yield get("/mes-dossiers")
        yield 20
        files = self.service.files.items()
        others = [number for number, file in files if file["patient"] is not user]
        client.episode = "E01"
        yield get("/dossiers/" + others[77])
        client.episode = None
        yield 9
        yield get("/messages")

    def walk(self, client, user, name, count, low, high):
        """E02, E03"""
        yield from self.day.sign_in(user)
        yield 10
        client.episode = name
        for number in list(self.service.files)[20:20 + count]:
            yield get("/dossiers/" + number)
            yield self.dice.uniform(low, high)

    def refused_admin(self, client, user):
        """E04"""
        yield from self.day.sign_in(user)
        yield 6
        client.episode = "E04"
        for name in ("utilisateurs", "export.csv", "journal"):
            yield get("/administration/" + name)
            yield 15

    def becomes_admin(self, client, user):
        """E05"""
        yield from self.day.sign_in(user)
        yield 20
        client.episode = "E05"
        path = f"/administration/utilisateurs/{user['id']}/role"
        yield post(path, form={"role": "admin"})
        yield 4
        yield get("/administration/export.csv")

    def passwords(self, user, count):
        """E06"""
        answer = yield get("/connexion")
        for _ in range(count):
            yield password_form(user, self.service.hex(8), csrf_in(answer))
            yield self.dice.uniform(1, 3)
        yield password_form(user, user["password"], csrf_in(answer))
        yield get("/accueil")

    def spray(self, users):
        """E07"""
        answer = yield get("/connexion")
        for user in users:
            yield password_form(user, "Printemps2026!", csrf_in(answer))
            yield self.dice.uniform(200, 300)

    def unknown_accounts(self):
        """E08"""
        dice = self.service.dice
        for first, last in people(50, dice):
            user = {"id": f"{last}{first}{dice.randrange(99)}"}
            yield password_form(user, self.service.hex(7), "0")
            yield self.dice.uniform(0.5, 2)

    def codes(self, user):
        """E09"""
        path = self.service.code_path
        answer = yield get("/connexion")
        yield password_form(user, user["password"], csrf_in(answer))
        yield get(path)
        for _ in range(14):
            yield self.day.wrong_code()
            yield self.dice.uniform(3, 8)
        yield post(path, form={"code": user["code"]})
        answer = yield get("/service/patients?page=1")
        for number in files_in(answer)[:5]:
            yield get("/dossiers/" + number)
            yield 8

    def resets(self):
        """E10"""
        yield get("/mot-de-passe-oublie")
        for user in list(self.service.users.values())[::3]:
            form = {"courriel": user["courriel"], "jeton_csrf": "0"}
            yield post("/mot-de-passe-oublie", form=form)
            yield self.dice.uniform(15, 50)

    def reset_tokens(self):
        """E11"""
        for _ in range(15):
            form = {"jeton": self.service.hex(20), "nouveau_mot_de_passe": "Hack3d!!"}
            yield post("/reinitialiser", form=form)
            yield self.dice.uniform(5, 12)

    def names(self):
        """E12"""
        known, choose = list(self.service.users), self.dice.choice
        for k in range(45):
            name = choose(known) if k % 3 == 0 else f"{choose(FIRST)}.{choose(LAST)}"
            yield get("/inscription/verifier?identifiant=" + name)
            yield self.dice.uniform(1, 3)

    def victim(self, client, user, thief):
        """Whose session is used in E13."""
        yield from self.day.sign_in(user)
        thief.cookies = dict(client.cookies)
        for _ in range(8):
            yield get("/messages")
            yield self.dice.uniform(20, 50)

    def thief(self, pages, wait):
        """E13, E15"""
        for path in pages:
            yield get(path)
            yield wait

    def plants(self):
        """E14"""
        yield get("/connexion?sid=" + self.planted)
        yield 900
        yield get("/accueil")
        yield 10
        yield get("/mes-dossiers")

    def takes_planted(self, user):
        """The victim of E14."""
        answer = yield get("/connexion?sid=" + self.planted)
        yield 15
        yield password_form(user, user["password"], csrf_in(answer))
        yield get("/accueil")
        yield 20
        yield get("/mes-dossiers")

    def signs_out(self, client, user, thief):
        """The victim of E15."""
        yield from self.day.sign_in(user)
        thief.cookies = dict(client.cookies)
        yield 60
        yield get("/mes-dossiers")
        yield 90
        yield get("/deconnexion")

    def role_in_profile(self, client, user):
        """E16"""
        yield from self.day.sign_in(user)
        answer = yield get("/profil")
        yield 8
        client.episode = "E16"
        form = {name: user[name] for name in ("nom", "courriel", "tel")}
        yield post("/profil", form={**form, "jeton_csrf": csrf_in(answer), "role": "medecin"})
        yield get("/profil")
        yield 5
        yield get("/service/patients?page=1")

    def every_file(self, client, user):
        """E17"""
        yield from self.day.sign_in(user)
        client.episode = "E17"
        for name in LAST:
            answer = yield get("/recherche?nom=" + name)
            for number in files_in(answer):
                yield get("/dossiers/" + number)
                yield self.dice.uniform(1, 3)


def begin(day):
    """Records and starts all episodes."""
    attacks = Attacks(day)
    by_patients(day, attacks)
    by_staff(day, attacks)
    at_the_door(day, attacks)
    by_thieves(day, attacks)


def by_patients(day, attacks):
    """Episodes of patients in their own name."""
    fast, slow = ("E02", 40, 2, 6), ("E03", 28, 200, 500)
    for name, at, number, script, kind, description, more in [
        ("E01", 13000, 3, attacks.one_file, "bola",
         "patient opens one file of another (name in HTML)", {"volume": "quiet"}),
        ("E02", 14000, 8, lambda c, u: attacks.walk(c, u, *fast), "bola_enumeration",
         "40 files in sequence in 3 min", {}),
        ("E03", 14500, 12, lambda c, u: attacks.walk(c, u, *slow), "bola_enumeration",
         "28 files over 3 h", {"volume": "quiet"}),
        ("E04", 15000, 15, attacks.refused_admin, "bfla",
         "patient tries three administration pages, 403", {"success": False, "volume": "quiet"}),
        ("E16", 23000, 40, attacks.role_in_profile, "mass_assignment",
         "role=medecin in the profile form", {"also": ["bfla"]}),
    ]:
        user = day.service.patients[number]
        client = Client(day.homes[user["id"]])
        day.simulation.episode(name, kind, description, [client.ip], user["id"], **more)
        day.simulation.start(at, client, script(client, user))


def by_staff(day, attacks):
    """Episodes behind the clinic's address."""
    secretaries = day.service.having("secretaire")
    for name, at, user, script, kind, description, more in [
        ("E05", 15500, secretaries[3], attacks.becomes_admin, "bfla",
         "secretary makes himself admin and exports",
         {"also": ["data_leakage", "mass_assignment"], "volume": "quiet"}),
        ("E17", 24000, secretaries[6], attacks.every_file, "data_leakage",
         "secretary opens every file (200) in 10 min",
         {"also": ["bola_enumeration", "scraping", "rate_abuse"]}),
    ]:
        client = Client(OFFICE)
        day.simulation.episode(name, kind, description, (), user["id"], shared=True, **more)
        day.simulation.start(at, client, script(client, user))


def at_the_door(day, attacks):
    """Episodes of nobody in particular, around sign-in."""
    play, patients = day.simulation, day.service.patients
    doctor = day.service.having("medecin")[5]
    for name, at, ip, profile, script, kind, description, more in [
        ("E06", 16000, "185.1.1.1", "hydra", attacks.passwords(patients[20], 60), "brute_force",
         "60 passwords on one account, then in", {}),
        ("E08", 18000, "185.1.3.1", "requests", attacks.unknown_accounts(),
         "credential_stuffing", "50 unknown accounts from one address",
         {"success": False, "also": ["user_enumeration", "brute_force"]}),
        ("E09", 18500, "185.1.4.1", "chrome", attacks.codes(doctor), "otp_bruteforce",
         "14 codes on a doctor, then in", {"also": ["brute_force"]}),
        ("E10", 19000, "185.1.5.1", "requests", attacks.resets(), "ato.password_reset_abuse",
         "resets asked for 30 addresses", {"also": ["user_enumeration"]}),
        ("E11", 19500, "185.1.5.9", "curl", attacks.reset_tokens(), "ato.password_reset_abuse",
         "15 reset tokens guessed", {"success": False}),
        ("E12", 20000, "185.1.6.1", "node", attacks.names(), "user_enumeration",
         "45 names asked at the sign-up check", {}),
    ]:
        play.episode(name, kind, description, [ip], **more)
        play.start(at, Client(ip, profile, name), script)
    ips = [f"185.1.2.{k + 1}" for k in range(3)]
    play.episode("E07", "password_spraying", "one password on 36 accounts from 3 addresses, "
                 "60 min", ips, volume="quiet", success=False, also=["credential_stuffing"])
    for k, ip in enumerate(ips):
        script = attacks.spray(patients[k::5][:12])
        play.start(17000 + k * 200, Client(ip, "firefox", "E07"), script)


def by_thieves(day, attacks):
    """Episodes with sessions of others."""
    play, patients = day.simulation, day.service.patients

    def home(user):
        return Client(day.homes[user["id"]])

    play.episode("E13", "session_hijack", "cookie used from another network and program",
                 ["185.1.7.1"])
    client, thief = home(patients[25]), Client("185.1.7.1", "requests", "E13")
    play.start(20500, client, attacks.victim(client, patients[25], thief))
    pages = ("/accueil", "/mes-dossiers", "/profil")
    play.start(20600, thief, attacks.thief(pages, 30))

    client, thief = home(patients[30]), Client("185.1.8.1", "firefox", "E14")
    play.episode("E14", "session_fixation", "planted session by ?sid=, used after the victim "
                 "signed in", [thief.ip, client.ip], also=["session_hijack"])
    play.start(21000, thief, attacks.plants())
    play.start(21300, client, attacks.takes_planted(patients[30]))

    client, thief = home(patients[35]), Client("185.1.9.1", "safari", "E15")
    play.episode("E15", "token_replay", "cookie used 20 min after sign-out, elsewhere",
                 [thief.ip], also=["session_hijack"])
    play.start(21500, client, attacks.signs_out(client, patients[35], thief))
    play.start(22900, thief, attacks.thief(("/mes-dossiers", "/profil"), 20))
