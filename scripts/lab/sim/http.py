"""What applications and their clients say to each other: HTTP/1.1 (RFC 9112), whole messages."""
import datetime
import json
import urllib.parse
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass
class Ask:
    """A request as a client's script states it; the client adds its own headers."""
    method: str
    target: str
    body: object = None
    headers: list = field(default_factory=list)
    form: dict = None


def ask(method, target, body=None, headers=(), form=None):
    """A request to be yielded by a client's script; `body` is sent as JSON."""
    return Ask(method, target, body, list(headers), form)


def get(target, headers=()):
    """A GET request."""
    return ask("GET", target, headers=headers)


def post(target, body=None, headers=(), form=None):
    """A POST request."""
    return ask("POST", target, body, headers, form)


def compact(value):
    """JSON as most programs write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Response:
    """What an application answers; `delay` in seconds, drawn where it is None."""

    def __init__(self, status=200, body=b"", kind="application/json", headers=(), delay=None):
        self.status = status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.kind, self.headers, self.delay = kind, list(headers), delay

    @property
    def text(self):
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        """The body as JSON, an empty object where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def header(self, name):
        """The first header of a name, or None."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def wire(self, method, server, epoch):
        """The bytes of the answer, dated `epoch`."""
        date = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
        headers = [("Server", server), ("Date", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))]
        if self.body:
            headers.append(("Content-Type", self.kind))
        headers += self.headers
        if self.status not in (204, 304):
            headers.append(("Content-Length", str(len(self.body))))
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        return head(line, headers) + (b"" if method == "HEAD" else self.body)


def reply(value, status=200, headers=(), delay=None):
    """A JSON answer."""
    return Response(status, compact(value), headers=headers, delay=delay)


def html(text, status=200, headers=()):
    """An answer that is a page."""
    return Response(status, text, "text/html; charset=utf-8", headers)


def redirect(target, headers=()):
    """A 302 to another page."""
    return Response(302, b"", headers=[("Location", target), *headers])


def head(line, headers):
    """The head of a message."""
    return (line + "\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n").encode()


class Request:
    """A request as the application sees it."""

    def __init__(self, asked, client, at, default_host):
        self.method, self.target, self.at, self.client = asked.method, asked.target, at, client
        self.asked = asked
        parts = urllib.parse.urlsplit(asked.target)
        self.path = urllib.parse.unquote(parts.path)
        self.parts = self.path.strip("/").split("/")
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers = [*client.profile, *client.headers, *asked.headers]
        self.json, self.form, self.data = asked.body, dict(asked.form or {}), b""
        if asked.form is not None:
            self.data = urllib.parse.urlencode(asked.form).encode()
            self.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        elif asked.body is not None:
            self.data = compact(asked.body).encode()
            self.headers.append(("Content-Type", "application/json"))
            self.json = json.loads(self.data)
        self.cookies = dict(client.cookies or {})
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            self.headers.append(("Cookie", pairs))
        if self.data or self.method in ("POST", "PUT", "PATCH"):
            self.headers.append(("Content-Length", str(len(self.data))))
        self.named = {name.lower(): value for name, value in self.headers}
        self.host = self.named.get("host", default_host)

    def header(self, name):
        """A header's value by its name in small letters, empty where there is none."""
        return self.named.get(name, "")

    def wire(self, proxied):
        """The bytes of the request, as a proxy passes it on where `proxied`."""
        first = [] if "host" in self.named else [("Host", self.host)]
        if proxied:
            first += [("X-Real-IP", self.client.ip), ("X-Forwarded-For", self.client.ip)]
            first.append(("X-Forwarded-Proto", "https"))
        else:
            first.append(("Connection", "keep-alive"))
        return head(f"{self.method} {self.target} HTTP/1.1", first + self.headers) + self.data
