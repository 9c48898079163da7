"""Serves a design over loopback, from the driver's own process."""
import http.server
import json
import socket
import threading
import urllib.parse
from http.cookies import SimpleCookie


class Request:
    """What a design is asked."""

    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, query = target.partition("?")
        self.path = urllib.parse.unquote(self.path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.cookies = {name: morsel.value for name, morsel in SimpleCookie(headers.get("Cookie", "")).items()}

    def json(self):
        """The body as JSON, or an empty object."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def form(self):
        """The body as a form."""
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))

    def bearer(self):
        """The bearer token."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


class Reply:
    """What a design answers: a dict or list becomes JSON, a str a page."""

    def __init__(self, body=None, status=200, headers=(), media=None):
        self.status, self.headers = status, list(headers)
        if isinstance(body, (dict, list)):
            body, media = json.dumps(body, ensure_ascii=False), media or "application/json"
        self.body = (body or "").encode()
        self.media = media or "text/html; charset=utf-8"


def serve(design, port):
    """Starts serving; gives the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def run(self):
            """Answers one request in one piece."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = design.handle(Request(self.command, self.path, self.headers, body))
            head = [f"HTTP/1.1 {reply.status} {http.server.BaseHTTPRequestHandler.responses.get(reply.status, ('X',))[0]}",
                    f"Server: {design.SERVER}"]
            head += [f"{name}: {value}" for name, value in reply.headers]
            if reply.body:
                head.append(f"Content-Type: {reply.media}")
            head.append(f"Content-Length: {len(reply.body)}")
            self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = run

        def setup(self):
            """No waiting for more to send."""
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().setup()

        def log_message(self, *_):
            """Stays silent."""

    class Server(http.server.ThreadingHTTPServer):
        """Many connections at once."""

        daemon_threads, request_queue_size, address_family = True, 128, socket.AF_INET

    server = Server(("0.0.0.0", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
