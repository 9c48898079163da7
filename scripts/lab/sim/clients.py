"""Programs that ask: headers as browsers, apps and libraries send them."""
from types import SimpleNamespace

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
MACINTOSH = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15"
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

PROFILES = {
    "chrome": [
        ("User-Agent", WINDOWS + " Chrome/142.0.0.0 Safari/537.36"), ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate, br"), ("Accept-Language", "en-GB,en;q=0.9"),
    ],
    "chrome-mac": [
        ("sec-ch-ua-platform", '"macOS"'),
        ("User-Agent", MACINTOSH + " (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"),
        ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"),
        ("Accept-Language", "en-US,en;q=0.9"),
    ],
    "firefox": [
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
        ("Accept", "*/*"), ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ],
    "safari": [
        ("Accept", "*/*"), ("Accept-Language", "en-GB,en;q=0.9"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("User-Agent", IPHONE + " (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    ],
    "okhttp": [("Accept-Encoding", "gzip"), ("User-Agent", "okhttp/4.12.0")],
    "ios": [
        ("Accept", "*/*"), ("User-Agent", "WalletApp/5.2.1 CFNetwork/1568.200.51 Darwin/24.1.0"),
        ("Accept-Language", "en-GB,en;q=0.9"), ("Accept-Encoding", "gzip, deflate"),
    ],
    "requests": [
        ("User-Agent", "python-requests/2.32.3"), ("Accept-Encoding", "gzip, deflate"),
        ("Accept", "*/*"),
    ],
    "curl": [("User-Agent", "curl/8.9.1"), ("Accept", "*/*")],
    "go": [("User-Agent", "Go-http-client/1.1"), ("Accept-Encoding", "gzip")],
    "node": [
        ("Accept", "application/json, text/plain, */*"), ("User-Agent", "axios/1.7.9"),
        ("Accept-Encoding", "gzip, compress, deflate, br"),
    ],
    "openai": [
        ("Accept-Encoding", "gzip, deflate"), ("Accept", "application/json"),
        ("User-Agent", "OpenAI/Python 1.99.1"), ("X-Stainless-Lang", "python"),
        ("X-Stainless-Package-Version", "1.99.1"),
    ],
    "anthropic": [
        ("Accept-Encoding", "gzip, deflate"), ("Accept", "application/json"),
        ("User-Agent", "Anthropic/Python 0.64.0"), ("X-Stainless-Lang", "python"),
        ("anthropic-version", "2023-06-01"),
    ],
    "hydra": [("User-Agent", "Mozilla/5.0 (Hydra)")],
    "crawler": [
        ("User-Agent", CRAWLER), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"),
    ],
}
BROWSERS = ("chrome", "safari", "firefox", "chrome-mac")


class Client:
    """One program at one address; while `episode` is set its requests belong to an attack.

    `state` is the script's own: tokens and the like.
    """

    def __init__(self, ip, profile="chrome", episode=None, cookies=True, **state):
        self.ip, self.episode, self.connection, self.number = ip, episode, None, None
        self.profile, self.headers = PROFILES[profile], []
        self.cookies = {} if cookies else None
        self.state = SimpleNamespace(**state)

    def take_cookies(self, response):
        """Keeps, or forgets, what Set-Cookie says (RFC 6265)."""
        for name, value in response.headers:
            if name.lower() == "set-cookie" and self.cookies is not None:
                cookie, _, content = value.split(";")[0].partition("=")
                if content == "" or "Max-Age=0" in value:
                    self.cookies.pop(cookie, None)
                else:
                    self.cookies[cookie] = content
