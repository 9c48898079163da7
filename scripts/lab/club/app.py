"""A club on Django: members, events, bookings, messages, a wallet, and rooms for the staff. Everything is a page or a form.

Bookings and messages are shown to whoever knows the number, tickets only to their owner; the profile form takes every field; a link to
members as JSON gives away more than it should; five wrong passwords lock an account for two minutes of real use (counted by attempts)."""
import hashlib
import json
import random
import sys
import uuid

import django
from django.conf import settings

settings.configure(
    DEBUG=False, SECRET_KEY="lab-club-secret-key-0123456789", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_X_FORWARDED_HOST=True,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache", CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    INSTALLED_APPS=["django.contrib.sessions"], TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()

from django.http import Http404, HttpResponse, HttpResponseForbidden, HttpResponseRedirect, JsonResponse  # noqa: E402
from django.middleware.csrf import get_token, rotate_token  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.html import escape  # noqa: E402

draw = random.Random(5)
MEMBERS, BOOKINGS, LETTERS, EVENTS, RESETS, PAID = {}, {}, {}, {}, {}, []
FIRST = ("clara", "tiago", "maren", "ilya", "noor", "beatriz", "henrik", "paula", "samir", "greta")
LAST = ("vogel", "costa", "lund", "petrov", "haddad", "ramos", "olsen")


def member(email, secret, staff=False, factor=False):
    """Adds a member with bookings."""
    name = email.split("@")[0].replace(".", " ").title()
    MEMBERS[email] = {"id": 300 + len(MEMBERS), "email": email, "secret": secret, "name": name, "slug": email.split("@")[0].replace(".", "-"), "is_staff": staff,
                      "factor": factor, "phone": f"+4915{draw.randint(10**8, 10**9 - 1)}", "bio": "", "credit": 120.0, "wrong": 0}
    for _ in range(0 if staff else draw.randint(3, 9)):
        book(MEMBERS[email], draw.choice(list(EVENTS.values())), 1)
    return MEMBERS[email]


def book(who, event, seats, guest=None):
    """Adds a booking."""
    number = 10240 + 3 * len(BOOKINGS)
    BOOKINGS[number] = {"id": number, "who": who, "event": event, "seats": seats, "state": "confirmed", "guest": guest, "paper": uuid.UUID(int=draw.getrandbits(128), version=4)}
    return BOOKINGS[number]


def letter(sender, to, text):
    """Adds a message."""
    number = 700 + len(LETTERS)
    LETTERS[number] = {"id": number, "from": sender, "to": to, "text": text}
    return LETTERS[number]


def page(request, title, inner, status=200):
    """A page of the house."""
    me = who(request)
    top = f"<a href=/dashboard/>{escape(me['name'])}</a> <form action=/accounts/logout/ method=post>{field(request)}<button>Sign out</button></form>" if me else "<a href=/accounts/login/>Sign in</a>"
    return HttpResponse(f"<!doctype html><html><head><title>{title} - Club</title><link rel=stylesheet href=/static/club.css></head><body><nav><a href=/events/>Events</a> {top}</nav>"
                        f"<h1>{title}</h1>{inner}<footer>{'Harbour club, since 1921. ' * 12}</footer></body></html>", status=status)


def field(request):
    """The hidden field of a form."""
    return f'<input type=hidden name=csrfmiddlewaretoken value="{get_token(request)}">'


def form(request, action, names, note=""):
    """A form."""
    return f"<p class=errorlist>{note}</p><form method=post action={action}>{field(request)}" + "".join(f"<input name={name}>" for name in names) + "<button>Go</button></form>"


def who(request):
    """Who is signed in."""
    return MEMBERS.get(request.session.get("member"))


def inside(view):
    """Only for members: others are sent to sign in."""
    def run(request, **args):
        me = who(request)
        return view(request, me, **args) if me else HttpResponseRedirect(f"/accounts/login/?next={request.path}")
    return run


def staff(view):
    """Only for the staff: others are sent to sign in, as Django's own admin does."""
    def run(request, me, **args):
        return view(request, me, **args) if me["is_staff"] else HttpResponseRedirect(f"/accounts/login/?next={request.path}")
    return inside(run)


def enter(request, me):
    """Signs in: a new session and a new token for forms."""
    request.session.cycle_key()
    request.session["member"] = me["email"]
    rotate_token(request)


def login(request):
    """The form, and what comes of it; after eight wrong ones in a row nobody gets in for a while."""
    if request.method == "GET":
        return page(request, "Sign in", form(request, "/accounts/login/", ["email", "password", "next"]))
    me = MEMBERS.get(request.POST.get("email", ""))
    if me and me["wrong"] >= 8:
        me["wrong"] += 1
        if me["wrong"] > 20:
            me["wrong"] = 0
        return HttpResponseForbidden("<html><body><h1>Too many attempts</h1>This account is locked. Try again later.</body></html>")
    if me is None or me["secret"] != request.POST.get("password"):
        if me:
            me["wrong"] += 1
        return page(request, "Sign in", form(request, "/accounts/login/", ["email", "password", "next"], "Please enter a correct email and password. Note that both fields may be case-sensitive."))
    me["wrong"] = 0
    if me["factor"]:
        request.session["half"] = me["email"]
        return HttpResponseRedirect("/accounts/two-factor/")
    enter(request, me)
    return HttpResponseRedirect(request.POST.get("next") or "/dashboard/")


def factor(request):
    """The second step."""
    me = MEMBERS.get(request.session.get("half"))
    if me is None:
        return HttpResponseRedirect("/accounts/login/")
    if request.method == "GET":
        return page(request, "One more step", form(request, "/accounts/two-factor/", ["token"]))
    if request.POST.get("token") != code(me["email"]):
        return page(request, "One more step", form(request, "/accounts/two-factor/", ["token"], "Invalid token. Please make sure you have entered it correctly."))
    enter(request, me)
    return HttpResponseRedirect("/dashboard/")


def code(email):
    """The code of a member."""
    return f"{int(hashlib.sha1((email + 'code').encode()).hexdigest(), 16) % 1000000:06}"


def logout(request):
    """Ends the session."""
    request.session.flush()
    return HttpResponseRedirect("/")


def signup(request):
    """Makes an account; says when there is one."""
    if request.method == "GET":
        return page(request, "Join", form(request, "/accounts/signup/", ["email", "password1", "password2"]))
    email = request.POST.get("email", "")
    if email in MEMBERS:
        return page(request, "Join", form(request, "/accounts/signup/", ["email", "password1", "password2"], "A member with this email already exists."))
    enter(request, member(email, request.POST.get("password1")))
    return HttpResponseRedirect("/dashboard/")


def forgot(request):
    """Sends a link, or says it does."""
    if request.method == "GET":
        return page(request, "Forgotten", form(request, "/accounts/password_reset/", ["email"]))
    if request.POST.get("email") in MEMBERS:
        RESETS[f"c{hashlib.sha1(request.POST['email'].encode()).hexdigest()[:5]}-{hashlib.sha256(request.POST['email'].encode()).hexdigest()[:32]}"] = request.POST["email"]
    return HttpResponseRedirect("/accounts/password_reset/done/")


def done(request):
    """The mail is on its way."""
    return page(request, "Mail sent", "We've emailed you instructions.")


def reset(request, uid, token):
    """The link of the mail."""
    email = RESETS.get(token)
    if email is None:
        return page(request, "Link unsuccessful", "The password reset link was invalid, possibly because it has already been used.")
    if request.method == "GET":
        return page(request, "New password", form(request, request.path, ["new_password1", "new_password2"]))
    MEMBERS[email].update(secret=request.POST.get("new_password1"), wrong=0)
    RESETS.pop(token)
    return HttpResponseRedirect("/accounts/reset/done/")


@inside
def dashboard(request, me):
    """The first page."""
    return page(request, f"Hello {me['name']}", "<a href=/bookings/>Bookings</a> <a href=/messages/>Messages</a> <a href=/wallet/>Wallet</a> <a href=/profile/>Profile</a>")


@inside
def profile(request, me):
    """The own profile; the form takes what it is given."""
    if request.method == "POST":
        for name, value in request.POST.items():
            if name in me and name not in ("id", "secret", "wrong", "email", "factor"):
                me[name] = bool(value) if name == "is_staff" else value
        return HttpResponseRedirect("/profile/")
    return page(request, "Profile", f"<dl><dt>Email<dd>{me['email']}<dt>Phone<dd>{me['phone']}<dt>Bio<dd>{escape(me['bio'])}</dl>" + form(request, "/profile/", ["name", "phone", "bio"]))


@inside
def password(request, me):
    """Changes the own password."""
    if request.method == "POST" and request.POST.get("old_password") == me["secret"]:
        me["secret"] = request.POST["new_password1"]
        return HttpResponseRedirect("/profile/")
    return page(request, "Change password", form(request, "/accounts/password_change/", ["old_password", "new_password1", "new_password2"]))


def person(request, slug):
    """What everybody may know of a member."""
    found = next((m for m in MEMBERS.values() if m["slug"] == slug), None)
    if found is None:
        raise Http404
    return page(request, escape(found["name"]), f"<p>{escape(found['bio'])}</p>")


def events(request):
    """What is on."""
    at = int(request.GET.get("page", 1))
    shown = list(EVENTS.values())[10 * at - 10:10 * at]
    return page(request, "Events", "<ul>" + "".join(f"<li><a href=/events/{e['slug']}/>{e['title']}</a>" for e in shown) + f"</ul><a href=?page={at + 1}>more</a>")


def event(request, slug):
    """One event."""
    found = EVENTS.get(slug)
    if found is None:
        raise Http404
    return page(request, found["title"], f"<p>EUR {found['price']}</p>" + form(request, f"/events/{slug}/book/", ["seats", "coupon", "guest"]))


@inside
def reserve(request, me, slug):
    """Books; the staff books for members."""
    whom = MEMBERS.get(request.POST.get("member", ""), me) if me["is_staff"] else me
    made = book(whom, EVENTS[slug], int(request.POST.get("seats") or 1), request.POST.get("guest") or None)
    return HttpResponseRedirect(f"/bookings/{made['id']}/")


@inside
def bookings(request, me):
    """The own ones; the staff sees all."""
    at = int(request.GET.get("page", 1))
    own = [b for b in BOOKINGS.values() if me["is_staff"] or b["who"] is me or b["guest"] == me["email"]]
    return page(request, "Bookings", "<table>" + "".join(f"<tr><td><a href=/bookings/{b['id']}/>{b['event']['title']}</a><td>{b['state']}" for b in own[20 * at - 20:20 * at]) + "</table>")


@inside
def booking(request, me, number):
    """One, whosoever's."""
    b = BOOKINGS.get(number)
    if b is None:
        raise Http404
    return page(request, f"Booking {number}", f"<p>{b['event']['title']}, {b['seats']} seats, for {escape(b['who']['name'])} ({b['who']['email']}): {b['state']}</p>"
                f"<a href=/bookings/{number}/ticket/>Ticket</a> <a href=/documents/{b['paper']}/>Invoice</a>" + form(request, f"/bookings/{number}/refund/", ["reason"]))


@inside
def ticket(request, me, number):
    """The ticket, for its owner, a guest and the staff."""
    b = BOOKINGS.get(number)
    if b is None or not (b["who"] is me or me["is_staff"] or b["guest"] == me["email"]):
        raise Http404
    return HttpResponse(b"%PDF-1.4\n" + bytes(str(number), "ascii") * 200, content_type="application/pdf")


@inside
def refund(request, me, number):
    """Gives it back, whosoever's."""
    b = BOOKINGS.get(number)
    if b is None or b["state"] != "confirmed":
        return page(request, "No refund", "This booking cannot be refunded.", 409)
    b["state"] = "refunded"
    return HttpResponseRedirect(f"/bookings/{number}/")


@inside
def document(request, me, ident):
    """An invoice."""
    b = next((b for b in BOOKINGS.values() if b["paper"] == ident), None)
    if b is None or not (b["who"] is me or me["is_staff"]):
        return HttpResponseForbidden("<h1>403 Forbidden</h1>")
    return HttpResponse(f"Invoice for {b['who']['name']}: EUR {b['event']['price']}", content_type="text/plain")


@inside
def messages(request, me):
    """In and out."""
    own = [m for m in LETTERS.values() if me in (m["from"], m["to"])]
    return page(request, "Messages", "<ul>" + "".join(f"<li><a href=/messages/{m['id']}/>{escape(m['from']['name'])}</a>" for m in own[-20:]) + "</ul><a href=/messages/new/>New</a>")


@inside
def message(request, me, number):
    """One, whosoever's."""
    m = LETTERS.get(number)
    if m is None:
        raise Http404
    return page(request, f"From {escape(m['from']['name'])}", f"<p>{escape(m['text'])}</p>")


@inside
def write(request, me):
    """A new one."""
    to = MEMBERS.get(request.POST.get("to", ""))
    if request.method == "GET" or to is None:
        return page(request, "Write", form(request, "/messages/new/", ["to", "text"], "" if request.method == "GET" else "No such member."))
    return HttpResponseRedirect(f"/messages/{letter(me, to, request.POST.get('text', ''))['id']}/")


@inside
def wallet(request, me):
    """Credit, and sending of it."""
    if request.method == "POST":
        to, amount = MEMBERS.get(request.POST.get("recipient", "")), float(request.POST.get("amount") or 0)
        if to is None or not 0 < amount <= me["credit"]:
            return page(request, "Wallet", form(request, "/wallet/", ["recipient", "amount"], "Not possible."))
        me["credit"] -= amount
        to["credit"] += amount
        return HttpResponseRedirect("/wallet/")
    return page(request, "Wallet", f"<p>EUR {me['credit']:.2f}</p>" + form(request, "/wallet/", ["recipient", "amount"]))


def search(request):
    """Finds events and members."""
    text = request.GET.get("q", "")
    found = [e for e in EVENTS.values() if text.lower() in e["title"].lower()]
    return page(request, "Search", f"<p>{len(found)} results for {escape(text)}</p>" + "".join(f"<a href=/events/{e['slug']}/>{e['title']}</a>" for e in found[:10]))


@inside
def suggest(request, me):
    """Names while one types."""
    text = request.GET.get("q", "").lower()
    return JsonResponse({"results": [{"slug": m["slug"], "name": m["name"]} for m in MEMBERS.values() if text and m["slug"].startswith(text)][:8]})


@inside
def directory(request, me):
    """Members for the phone's address book: far too much of them."""
    rows = [{"id": m["id"], "email": m["email"], "name": m["name"], "phone": m["phone"], "password": "pbkdf2_sha256$870000$" + hashlib.sha256(m["secret"].encode()).hexdigest()[:22] + "$" + "kX3v" * 11} for m in MEMBERS.values()]
    return HttpResponse(json.dumps(rows), content_type="application/json")


@staff
def members(request, me):
    """All members."""
    at = int(request.GET.get("page", 1))
    return page(request, "Members", "<table>" + "".join(f"<tr><td><a href=/staff/members/{m['id']}/>{escape(m['name'])}</a><td>{m['email']}" for m in list(MEMBERS.values())[25 * at - 25:25 * at]) + "</table>")


@staff
def one_member(request, me, number):
    """One member, to be changed."""
    m = next((m for m in MEMBERS.values() if m["id"] == number), None)
    if m is None:
        raise Http404
    if request.method == "POST":
        m.update({key: value for key, value in request.POST.items() if key in ("name", "phone", "credit")})
        m["credit"] = float(m["credit"])
        return HttpResponseRedirect("/staff/members/")
    return page(request, escape(m["name"]), form(request, f"/staff/members/{number}/", ["name", "phone", "credit"]))


@staff
def export(request, me):
    """All of them as a table."""
    return HttpResponse("\n".join(f"{m['id']},{m['email']},{m['phone']}" for m in MEMBERS.values()), content_type="text/csv")


def plain(text, kind="text/plain"):
    """Something that is always the same."""
    return lambda request: HttpResponse(text, content_type=kind)


urlpatterns = [path(*route) for route in (
    ("", lambda request: page(request, "Harbour club", "<a href=/events/>Events</a>")), ("static/club.css", plain("body{margin:1em}" * 40, "text/css")), ("ping/", plain("pong")),
    ("accounts/login/", login), ("accounts/two-factor/", factor), ("accounts/logout/", logout), ("accounts/signup/", signup), ("accounts/password_reset/", forgot),
    ("accounts/password_reset/done/", done), ("accounts/reset/done/", done), ("accounts/reset/<uid>/<token>/", reset), ("accounts/password_change/", password), ("dashboard/", dashboard),
    ("profile/", profile), ("u/<slug:slug>/", person), ("events/", events), ("events/<slug:slug>/", event), ("events/<slug:slug>/book/", reserve), ("bookings/", bookings),
    ("bookings/<int:number>/", booking), ("bookings/<int:number>/ticket/", ticket), ("bookings/<int:number>/refund/", refund), ("documents/<uuid:ident>/", document),
    ("messages/", messages), ("messages/new/", write), ("messages/<int:number>/", message), ("wallet/", wallet), ("search/", search), ("api/suggest/", suggest),
    ("api/directory/", directory), ("staff/members/", members), ("staff/members/<int:number>/", one_member), ("staff/export/", export))]


def address(n):
    """The address of a member."""
    return f"{FIRST[n % 10]}.{LAST[n // 10 % 7]}@{('club', 'post', 'web')[n % 3]}.example"


def secret(n):
    """Its password."""
    return f"{LAST[n % 7].title()}#{n * 53 % 997}"


def fill():
    """Events, members, messages."""
    for n in range(48):
        title = f"{('Regatta', 'Dinner', 'Yoga', 'Lecture', 'Concert', 'Sauna')[n % 6]} {('at dawn', 'for all', 'in May', 'by night')[n % 4]} {n}"
        EVENTS[title.lower().replace(" ", "-")] = {"slug": title.lower().replace(" ", "-"), "title": title, "price": 8 + n}
    for n in range(70):
        member(address(n), secret(n), factor=n % 5 == 0)
    for n, name in enumerate(("desk", "treasurer")):
        member(f"{name}@club.example", f"Staff#{n}1921", staff=True)
    people = list(MEMBERS.values())[:70]
    for n in range(160):
        letter(draw.choice(people), draw.choice(people), f"See you at eight? {n}")


if __name__ == "__main__":
    from django.core.wsgi import get_wsgi_application
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        """gunicorn with threads."""

        def load_config(self):
            """One process, so that all is in one memory."""
            for key, value in (("bind", f"0.0.0.0:{sys.argv[1]}"), ("threads", 8), ("worker_class", "gthread"), ("keepalive", 30), ("loglevel", "error")):
                self.cfg.set(key, value)

        def load(self):
            """The application."""
            fill()
            return get_wsgi_application()

    Server().run()
