"""Users and attackers: generators that yield waits and requests, played in the order of simulated time."""
import heapq
import http.client
import itertools
import json
import time
import urllib.parse

from .clock import tell

# Header orders and names as these clients send them; `{}` are filled in.
PROFILES = {
    "chrome": ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36",
               ["Host", "Connection", "Content-Length", "User-Agent", "Content-Type", "Accept", "Accept-Language", "Cookie", "Authorization"]),
    "firefox": ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
                ["Host", "User-Agent", "Accept", "Accept-Language", "Content-Type", "Content-Length", "Authorization", "Connection", "Cookie"]),
    "safari": ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
               ["Host", "Accept", "Content-Type", "Authorization", "Cookie", "Content-Length", "User-Agent", "Accept-Language", "Connection"]),
    "okhttp": ("okhttp/4.12.0", ["Authorization", "Content-Type", "Content-Length", "Host", "Connection", "Accept-Encoding", "Cookie", "User-Agent"]),
    "requests": ("python-requests/2.32.3", ["Host", "User-Agent", "Accept-Encoding", "Accept", "Connection", "Cookie", "Content-Length", "Content-Type", "Authorization"]),
    "go": ("Go-http-client/1.1", ["Host", "User-Agent", "Content-Length", "Authorization", "Content-Type", "Cookie", "Accept-Encoding"]),
    "curl": ("curl/8.14.1", ["Host", "Authorization", "Cookie", "User-Agent", "Accept", "Content-Length", "Content-Type"]),
}
FILL = {"Connection": "keep-alive", "Accept": "application/json, */*", "Accept-Language": "en-GB,en;q=0.8", "Accept-Encoding": "identity"}


class Wait:
    """Do nothing for so many seconds of played time."""

    def __init__(self, seconds):
        self.seconds = seconds


class Ask:
    """One request; `data` is a body of bytes and its media type."""

    def __init__(self, method, target, body=None, form=None, token=None, key=None, headers=None, data=None):
        self.method, self.target, self.body, self.form, self.token, self.key = method, target, body, form, token, key
        self.data = data
        self.headers = headers or {}
        self.then = None  # what the client does with the answer


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body

    def json(self):
        """The body as JSON, or an empty object."""
        try:
            return json.loads(self.text)
        except ValueError:
            return {}


class Client:
    """A client at one address that sends headers in one order, and keeps cookies."""

    def __init__(self, lab, address, profile, agent=None, episode=None):
        self.lab, self.address, self.profile, self.episode = lab, address, profile, episode
        self.agent = agent or PROFILES[profile][0]
        self.cookies, self.connection, self.used, self.token = {}, None, -1e9, None
        self.signed = None  # the user that it is signed in as, from the request that does it on

    def move(self, address):
        """Goes on from another address."""
        self.address = address
        self.close()

    def close(self):
        """Ends the connection."""
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, ask, now, request_id):
        """Sends; gives the answer, its real start and end, and the own address."""
        if now - self.used > 20:
            self.close()
        self.used = now
        body, kind = None, None
        if ask.body is not None:
            body, kind = json.dumps(ask.body).encode(), "application/json"
        elif ask.form is not None:
            body, kind = urllib.parse.urlencode(ask.form).encode(), "application/x-www-form-urlencoded"
        elif ask.data is not None:
            body, kind = ask.data
        values = dict(FILL, Host=self.lab.host)
        values["User-Agent"] = self.agent
        if body is not None:
            values.update({"Content-Length": str(len(body)), "Content-Type": kind})
        if ask.token:
            values["Authorization"] = f"Bearer {ask.token}"
        if self.cookies:
            values["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        values.update(ask.headers)
        source = self.address
        if self.lab.gateway:
            source, values["X-Forwarded-For"] = self.lab.gateway, self.address
        for attempt in (0, 1):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.lab.port, source_address=(source, 0), timeout=20)
                self.connection.connect()
            begin, left = time.time(), dict(values)
            connection = self.connection
            try:
                connection.putrequest(ask.method, ask.target, skip_host=True, skip_accept_encoding=True)
                for name in [*PROFILES[self.profile][1], *ask.headers, *(["X-Forwarded-For"] if self.lab.gateway else [])]:
                    if name in left:
                        connection.putheader(name, left.pop(name))
                if ask.key:
                    connection.putheader("X-Api-Key", ask.key)
                connection.putheader("X-Request-Id", request_id)
                connection.endheaders(body)
                own = (self.address, connection.sock.getsockname()[1])
                response = connection.getresponse()
                text = response.read().decode("utf-8", "replace")
                break
            except (http.client.HTTPException, OSError):
                self.close()
                if attempt:
                    raise
        for header in response.headers.get_all("Set-Cookie") or []:
            name, _, value = header.split(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, text), begin, time.time(), f"{own[0]}:{own[1]}"


class Stage:
    """Plays actors in the order of played time, one request at a time."""

    def __init__(self, clock, host, port, gateway=None):
        self.clock, self.host, self.port, self.gateway = clock, host, port, gateway
        self.queue, self.order = [], itertools.count()
        self.requests, self.total = {}, 0
        self.rows = []  # every request, with the user it is of

    def add(self, at, script, client):
        """Lets `script` (a generator) begin `at` seconds after the start."""
        heapq.heappush(self.queue, (self.clock.start + at, next(self.order), script, client, None))

    def keep(self, episodes):
        """Drops the attacks that are not wanted."""
        self.queue = [entry for entry in self.queue if entry[3].episode is None or entry[3].episode in episodes]
        heapq.heapify(self.queue)

    def play(self):
        """Runs to the end."""
        while self.queue:
            now, _, script, client, answer = heapq.heappop(self.queue)
            try:
                step = script.send(answer)
            except StopIteration:
                client.close()
                continue
            if isinstance(step, Wait):
                heapq.heappush(self.queue, (now + step.seconds, next(self.order), script, client, None))
                continue
            self.total += 1
            tell(now)
            name = f"r{self.total:07x}"
            answer, begin, end, own = client.send(step, now, name)
            shown = self.clock.request(now, begin, end)
            self.rows.append({"id": name, "t": shown, "client": own, "user": client.signed, "episode": client.episode,
                              "method": step.method, "target": step.target, "status": answer.status})
            if client.episode:
                self.requests.setdefault(client.episode, []).append({
                    "id": name, "t": shown, "client": own, "method": step.method, "target": step.target,
                    "status": answer.status})
            heapq.heappush(self.queue, (shown + (end - begin), next(self.order), script, client, answer))
