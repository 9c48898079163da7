"""The portal's pages; its holes are marked."""
import random

from ..http import Response, html, redirect, reply
from ..names import people, text_of

LAYOUT = (
    '<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8"><title>{0} - Clinique des '
    'Tilleuls</title><link rel="stylesheet" href="/static/app.css"></head><body><nav><a href='
    '"/accueil">Accueil</a> <a href="/mes-dossiers">Mes dossiers</a> <a href="/rendez-vous">'
    'Rendez-vous</a> <a href="/profil">Profil</a> <a href="/deconnexion">Déconnexion</a></nav>'
    "<h1>{0}</h1>{1}<footer>© Clinique des Tilleuls</footer></body></html>")
SIGN_IN = (
    '<form method="post"><label>Identifiant<input name="identifiant"></label><label>Mot de passe'
    '<input type="password" name="mot_de_passe"></label><input type="hidden" name="jeton_csrf" '
    'value="{}"><button>Se connecter</button></form>')
CODE = '<form method="post"><input name="code" inputmode="numeric"></form>'
SERVICES = ["Cardio", "Onco", "Pediatrie"]
STAFF = ("medecin", "secretaire", "admin")


def page(title, body, status=200):
    """A page of the site."""
    return html(LAYOUT.format(title, body), status)


def role_of(number):
    """The role of the person with a number."""
    for limit, role in ((60, "patient"), (74, "medecin"), (84, "secretaire"), (87, "admin")):
        if number < limit:
            return role
    return "patient"


def row(record):
    """A file in a table."""
    number, name = record["number"], record["patient"]["nom"]
    return f'<tr><td><a href="/dossiers/{number}">{number}</a></td><td>{name}</td></tr>'


class Service:
    """People, files, sessions, and the pages over them."""

    def __init__(self, seed, code_path):
        self.dice, self.code_path, self.simulation = random.Random(23 + seed), code_path, None
        self.users, self.files, self.sessions, self.resets = {}, {}, {}, {}
        for number, (first, last) in enumerate(people(90, self.dice)):
            key = f"{first}.{last}"
            self.users[key] = {
                "id": key, "nom": f"{first.title()} {last.title()}",
                "courriel": f"{key}@courrier.test", "role": role_of(number),
                "tel": "06" + str(self.dice.randrange(10**7, 10**8)),
                "password": "Mdp!" + self.hex(6), "service": self.dice.choice(SERVICES),
            }
        self.patients = self.having("patient")
        for patient in self.patients:
            for _ in range(self.dice.randrange(2, 5)):
                self.add_file(patient)

    def hex(self, length):
        """Random hexadecimal digits."""
        return text_of(self.dice, length, "0123456789abcdef")

    def having(self, role):
        """Everybody of a role."""
        return [user for user in self.users.values() if user["role"] == role]

    def add_file(self, patient):
        """A medical file; numbers run on, whoever's it is."""
        dice = self.dice
        number = f"DOS-{dice.choice(['2023', '2024'])}-{len(self.files) + 1:05d}"
        birth = f"{dice.choice('12')}{dice.randrange(40, 99)}{dice.randrange(1, 13):02d}75"
        rest = f"{dice.randrange(100, 999)}{dice.randrange(100, 999)} {dice.randrange(10, 97)}"
        illness = dice.choice(["Hypertension", "Fracture", "Asthme", "Migraine"])
        self.files[number] = {
            "number": number, "patient": patient, "service": dice.choice(SERVICES),
            "nir": birth + rest, "illness": f"{illness} {self.hex(3)}",
        }

    def answer(self, request):
        """Answers one request."""
        public = self.public(request)
        if public:
            return public
        key = request.query.get("sid") or request.cookies.get("clinique_sid")
        session, fresh = self.sessions.get(key), []
        if not session or "sid" in request.query:  # hole: a session can be planted by ?sid=
            key = key if "sid" in request.query else self.hex(32)
            planted = "sid" in request.query
            new = {"user": None, "csrf": self.hex(16), "planted": planted, "pending": None}
            session = self.sessions.setdefault(key, new)
            fresh = [cookie(key)]
        door = {
            "/mot-de-passe-oublie": self.forgotten, "/reinitialiser": self.reset,
            "/connexion": self.sign_in, self.code_path: self.code,
        }.get(request.path)
        response = door(request, session, key) if door else None
        if not response and not session["user"]:
            response = redirect("/connexion")
        if response:
            set_already = response.header("Set-Cookie")
            response.headers += [] if set_already else fresh
            return response
        return self.inside(request, session)

    def public(self, request):
        """Pages that need no session, and the partner's function."""
        path = request.path
        if path == "/api/sync/dossiers" and request.header("authorization").startswith("Basic"):
            files = self.dice.sample(list(self.files.values()), 30)
            now = int(self.simulation.now)
            return reply({"dossiers": [
                {"no": file["number"], "service": file["service"], "maj": now} for file in files
            ]})
        if path == "/":
            return page("Bienvenue", '<p>La clinique vous accueille.</p><a href="/connexion">'
                        'Connexion</a> <a href="/actualites/3">Nouvelles</a>')
        if path.startswith("/actualites/"):
            return page("Actualités " + path[12:], "<p>Texte.</p>")
        if path == "/static/app.css":
            return Response(200, "body{margin:0}", "text/css",
                            [("Cache-Control", "max-age=3600")])
        if path == "/inscription/verifier":
            return reply({"disponible": request.query.get("identifiant") not in self.users})
        return None

    def forgotten(self, request, session, _key):
        """Asks for a link that resets the password."""
        if request.method == "GET":
            hidden = f'<input type="hidden" name="jeton_csrf" value="{session["csrf"]}">'
            form = f'<form method="post"><input name="courriel">{hidden}</form>'
            return page("Mot de passe oublié", form)
        mail = request.form.get("courriel")
        for user in self.users.values():
            if user["courriel"] == mail:
                self.resets[self.hex(20)] = user
        return page("Mot de passe oublié", '<p class="info">Si un compte existe, un courriel vous '
                    "a été envoyé.</p>")

    def reset(self, request, _session, _key):
        """Takes a new password from who has the link."""
        token = request.form.get("jeton") or request.query.get("jeton")
        if request.method == "GET":
            return page("Nouveau mot de passe", '<form method="post"><input type="hidden" name='
                        f'"jeton" value="{token}"><input type="password" name='
                        '"nouveau_mot_de_passe"></form>')
        user = self.resets.pop(token, None)
        if not user:
            return page("Nouveau mot de passe",
                        '<p class="erreur">Ce lien est invalide ou expiré.</p>')
        user["password"] = request.form["nouveau_mot_de_passe"]
        return redirect("/connexion")

    def sign_in(self, request, session, key):
        """The first step; a planted session is kept."""
        form = SIGN_IN.format(session["csrf"])
        if request.method == "GET":
            return page("Connexion", form)
        user = self.users.get(request.form.get("identifiant"))
        if not user or user["password"] != request.form.get("mot_de_passe"):
            wrong = '<p class="erreur">Identifiant ou mot de passe incorrect.</p>'
            return page("Connexion", wrong + form)
        headers = []
        if not session["planted"]:
            self.sessions.pop(key, None)
            key = self.hex(32)
            self.sessions[key] = session
            headers = [cookie(key)]
        if user["role"] in ("medecin", "admin"):
            session["pending"] = user
            user["code"] = f"{self.dice.randrange(10**6):06d}"
            return redirect(self.code_path, headers)
        session["user"] = user
        return redirect("/accueil", headers)

    def code(self, request, session, _key):
        """The second step of staff."""
        if not session["pending"]:
            return None
        if request.method == "GET":
            return page("Code de sécurité", CODE)
        if request.form.get("code") == session["pending"]["code"]:
            session["user"] = session["pending"]
            return redirect("/accueil")
        return page("Code de sécurité", '<p class="erreur">Code incorrect.</p>' + CODE)

    def inside(self, request, session):
        """Pages of who is signed in."""
        user, path = session["user"], request.path
        own = [file for file in self.files.values() if file["patient"] is user]
        if path == "/deconnexion":  # hole: the session stays good
            return redirect("/", [("Set-Cookie", "clinique_sid=; Path=/; Max-Age=0")])
        if path == "/accueil":
            more = '<a href="/service/patients">Mon service</a>' * (user["role"] == "medecin")
            return page("Bonjour " + user["nom"], "".join(
                f'<li><a href="/dossiers/{f["number"]}">{f["number"]}</a></li>' for f in own
            ) + more)
        if path == "/mes-dossiers":
            return page("Mes dossiers", "<ul>" + "".join(
                f'<li><a href="/dossiers/{f["number"]}">{f["number"]} {f["illness"]}</a></li>'
                for f in own) + "</ul>")
        if path.startswith("/dossiers/"):
            return self.file(request)
        if path == "/rendez-vous":
            return page("Rendez-vous", "<p>Aucun rendez-vous.</p>")
        if path == "/rendez-vous/nouveau":
            return redirect("/rendez-vous")
        if path == "/messages":
            return page("Messages", "<ul><li>RAS</li></ul>")
        if path == "/profil":
            return self.profile(request, session, user)
        if path.startswith("/administration/"):
            return self.administration(request, user)
        found = self.staff_page(request, user)
        return found or page("Introuvable", "<p>Page introuvable</p>", 404)

    def file(self, request):
        """A file or its prescription. Hole: it doesn't ask whose it is."""
        number = request.parts[1]
        file = self.files.get(number)
        if not file:
            return page("Introuvable", "<p>Ce dossier n'existe pas.</p>", 404)
        if request.path.endswith("ordonnance.pdf"):
            return Response(200, b"%PDF-1.4 " + number.encode() * 40, "application/pdf")
        patient = file["patient"]
        rows = [("Patient", patient["nom"]), ("NIR", file["nir"]), ("Téléphone", patient["tel"]),
                ("Diagnostic", file["illness"])]
        table = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
        return page("Dossier " + number, f"<dl>{table}</dl><a href=\"/dossiers/{number}/"
                    'ordonnance.pdf">Ordonnance</a>')

    def profile(self, request, session, user):
        """The profile. Hole: the form takes a role."""
        if request.method == "POST":
            if request.form.get("jeton_csrf") != session["csrf"]:
                return html("jeton", 403)
            allowed = ("nom", "courriel", "tel", "role")
            user.update({k: v for k, v in request.form.items() if k in allowed})
            return redirect("/profil")
        inputs = "".join(f'<input name="{k}" value="{user[k]}">'
                         for k in ("nom", "courriel", "tel"))
        return page("Profil", f'<form method="post">{inputs}<input type="hidden" name="jeton_csrf" '
                    f'value="{session["csrf"]}"></form><p>Rôle : {user["role"]}</p>')

    def staff_page(self, request, user):
        """Lists of files for doctors and secretaries."""
        files = self.files.values()
        if request.path == "/service/patients" and user["role"] == "medecin":
            number = int(request.query.get("page", 1))
            mine = [file for file in files if file["service"] == user["service"]]
            rows = "".join(row(file) for file in mine[(number - 1) * 15:number * 15])
            more = f'<a href="/service/patients?page={number + 1}">Suivant</a>'
            return page("Patients du service", f"<table>{rows}</table>{more}")
        if request.path == "/recherche" and user["role"] in STAFF:
            name = request.query.get("nom", "").lower()
            found = [file for file in files if name in file["patient"]["nom"].lower()][:12]
            rows = "".join(row(file) for file in found)
            return page("Recherche", f"<table>{rows}</table>")
        return None

    def administration(self, request, user):
        """Users, their roles, an export. Hole: roles can be given by anybody."""
        if request.path.endswith("/role") and request.method == "POST":
            self.users[request.parts[2]]["role"] = request.form["role"]
            return redirect("/administration/utilisateurs")
        if user["role"] != "admin":
            return page("Accès refusé", "<p>Vous n'avez pas les droits.</p>", 403)
        if request.path.endswith("export.csv"):
            lines = ["no;patient;nir;diag"] + [
                ";".join((f["number"], f["patient"]["nom"], f["nir"], f["illness"]))
                for f in self.files.values()
            ]
            return Response(200, "\n".join(lines), "text/csv; charset=utf-8")
        if request.path.endswith("utilisateurs"):
            rows = "".join(
                f'<tr><td><a href="/administration/utilisateurs/{u["id"]}">{u["id"]}</a></td>'
                f'<td>{u["role"]}</td></tr>' for u in self.users.values())
            return page("Utilisateurs", f"<table>{rows}</table>")
        return page("Journal", "<p>vide</p>")


def cookie(key):
    """The header that sets the session."""
    return "Set-Cookie", f"clinique_sid={key}; Path=/; HttpOnly"
