// Invoices for many tenants: node app.js PORT. Everything is answered 200; `status` says whether it worked.
// Holes: invoices and people of any tenant are given to whoever knows the id, the account takes every field, sessions are never renewed nor ended.
const http = require("http"), crypto = require("crypto");

let seed = 7;
const draw = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
const ident = (prefix, size = 14) => prefix + "_" + Array.from({ length: size }, () => "0123456789abcdefghijkmnpqrstuvwxyz"[draw(34)]).join("");
const hash = (text) => crypto.createHash("sha256").update(text).digest("hex");
const tenants = [], people = new Map(), invoices = new Map(), customers = new Map(), sessions = new Map(), keys = new Map(), tokens = new Map(), codes = new Map();

function person(kennung, kennwort, mandanten, rolle) {
  const one = { id: ident("ntz", 8), kennung, kennwort, mandanten, rolle, name: kennung.split(".").map((w) => w[0].toUpperCase() + w.slice(1)).join(" "), sprache: "de" };
  people.set(kennung, one);
  return one;
}
function invoice(mandant, kunde) {
  const one = { id: ident("rng"), nummer: "2026-" + (10000 + invoices.size), mandant, kunde: kunde.id, betrag: 20 + draw(90000) / 100, zustand: ["offen", "bezahlt", "gemahnt"][draw(3)], notiz: "" };
  invoices.set(one.id, one);
  return one;
}
const FIRST = ["anke", "bernd", "carla", "dirk", "elif", "frank", "gesa", "horst"], LAST = ["maier", "schulz", "vogt", "keller"];
for (let t = 0; t < 8; t++) {
  const mandant = { id: ident("mnd", 10), firma: "Firma " + t };
  tenants.push(mandant);
  const own = [];
  for (let k = 0; k < 40; k++) {
    const one = { id: ident("kde", 12), mandant: mandant.id, name: "Kunde " + k, email: `kunde${t * 40 + k}@post.example`, iban: "DE" + (10 + draw(89)) + "5001051754073249" + (10 + draw(89)), telefon: "+49170" + (1000000 + draw(8999999)) };
    customers.set(one.id, one);
    own.push(one);
  }
  for (let k = 0; k < 60; k++) invoice(mandant.id, own[draw(40)]);
  for (let p = 0; p < 5; p++) person(`${FIRST[(t + p) % 8]}.${LAST[(t + 2 * p) % 4]}${t}`, `Wort-${t}${p}-${(t * 5 + p) * 77 % 1000}`, [mandant.id], p === 0 ? "leitung" : "sachbearbeitung");
  keys.set(hash("key" + t).slice(0, 40), mandant.id);
}
person("steuer.berater", "Steuer-1", [tenants[0].id, tenants[3].id, tenants[5].id], "sachbearbeitung");
person("haus.betrieb", "Betrieb-1", tenants.map((t) => t.id), "betreiber");

const ok = (daten, more = {}) => [200, { status: "ok", daten, ...more }, {}];
const no = (nr, text) => [200, { status: "fehler", fehler: { nr, text } }, {}];
const shown = (one) => ({ ...one, _links: { self: { href: "/api/rechnungen/" + one.id }, pdf: { href: `/api/rechnungen/${one.id}/pdf` }, kunde: { href: "/api/kunden/" + one.kunde } } });
const profile = (one) => ({ id: one.id, kennung: one.kennung, name: one.name, rolle: one.rolle, mandanten: one.mandanten, sprache: one.sprache });

function pages(list, query, path) {
  const at = query.nach ? Number(Buffer.from(query.nach, "base64url").toString()) : 0, size = Math.min(Number(query.anzahl || 20), 500);
  const next = at + size < list.length ? Buffer.from(String(at + size)).toString("base64url") : null;
  return ok(list.slice(at, at + size), { weiter: next, _links: next ? { weiter: { href: `${path}?nach=${next}` } } : {} });
}

function open(method, path, body, ask) {
  if (path === "/api/zustand") return ok("läuft");
  if (path === "/api/anmelden") {
    const one = people.get(body.kennung);
    if (!one || one.kennwort !== body.kennwort) return no(1102, "Kennung oder Kennwort falsch");
    sessions.set(ask.sid, one);
    return ok({ konto: profile(one) });
  }
  if (path === "/api/registrieren") {
    if (people.has(body.kennung)) return no(1110, "Diese Kennung ist vergeben");
    const mandant = { id: ident("mnd", 10), firma: body.firma };
    tenants.push(mandant);
    const one = person(body.kennung, body.kennwort, [mandant.id], "sachbearbeitung"), kunde = { id: ident("kde", 12), mandant: mandant.id, name: "Kunde", email: "k@post.example" };
    customers.set(kunde.id, kunde);
    for (let k = 0; k < 3; k++) invoice(mandant.id, kunde);
    return ok({ konto: profile(one) });
  }
  if (path === "/api/kennwort/vergessen") {
    if (people.has(body.kennung)) codes.set(body.kennung, String(parseInt(hash(body.kennung + "code").slice(0, 8), 16) % 100000).padStart(5, "0"));
    return ok({ hinweis: "Falls es das Konto gibt, ist ein Code unterwegs" });
  }
  if (path === "/api/kennwort/neu") {
    if (!codes.has(body.kennung) || codes.get(body.kennung) !== String(body.bestaetigungscode)) return no(1121, "Der Code stimmt nicht");
    people.get(body.kennung).kennwort = body.kennwort;
    codes.delete(body.kennung);
    return ok({ geaendert: true });
  }
  if (path === "/oauth2/token") {
    const [id, secret] = Buffer.from((ask.headers.authorization || "").replace("Basic ", ""), "base64").toString().split(":");
    const t = Number((id || "").replace("partner-", ""));
    if (!tenants[t] || secret !== hash("secret" + t).slice(0, 32)) return [401, { error: "invalid_client" }, {}];
    const text = crypto.randomBytes(24).toString("base64url");
    tokens.set(text, tenants[t].id);
    return [200, { access_token: text, token_type: "Bearer", expires_in: 3600 }, {}];
  }
  return null;
}

function machine(method, path, query, mandant) {
  if (path === "/v1/ereignisse") return pages([...invoices.values()].filter((i) => i.mandant === mandant).slice(-5).map((i) => ({ art: "rechnung.erstellt", rechnung: i.id })), query, path);
  if (path === "/v1/rechnungen") return pages([...invoices.values()].filter((i) => i.mandant === mandant).map(shown), query, path);
  const one = invoices.get(path.split("/")[3]);
  return one && one.mandant === mandant ? ok(shown(one)) : no(1404, "Nicht gefunden");
}

function inside(method, path, query, body, me) {
  const part = path.split("/"), mine = (thing) => me.mandanten.includes(thing.mandant);
  if (path === "/api/konto") {
    if (method === "PATCH") for (const name of ["name", "sprache", "rolle", "mandanten"]) if (name in body) me[name] = body[name];
    return ok(profile(me));
  }
  if (path === "/api/konto/kennwort") { if (body.altes_kennwort !== me.kennwort) return no(1103, "Altes Kennwort falsch"); me.kennwort = body.neues_kennwort; return ok({ geaendert: true }); }
  if (path === "/api/rechnungen" && method === "GET") return pages([...invoices.values()].filter(mine).map(shown), query, path);
  if (path === "/api/rechnungen") {
    const kunde = customers.get(body.kunde);
    return kunde && mine(kunde) ? ok(shown(invoice(kunde.mandant, kunde))) : no(1404, "Kunde nicht gefunden");
  }
  if (part[2] === "rechnungen") {
    const one = invoices.get(part[3]);
    if (!one) return no(1404, "Rechnung nicht gefunden");
    if (part[4] === "pdf") return mine(one) ? [200, "%PDF-1.7\n" + one.nummer.repeat(90), { "Content-Type": "application/pdf" }] : no(1403, "Kein Zugriff auf diese Rechnung");
    if (method === "PATCH") { if (!mine(one)) return no(1403, "Kein Zugriff auf diese Rechnung"); one.notiz = body.notiz; }
    return ok(shown(one));
  }
  if (path === "/api/kunden") return pages([...customers.values()].filter(mine), query, path);
  if (part[2] === "kunden") { const one = customers.get(part[3]); return one && mine(one) ? ok(one) : no(1404, "Kunde nicht gefunden"); }
  if (part[2] === "mandanten" && part[4] === "nutzer") {
    if (method === "PATCH") return me.rolle === "leitung" || me.rolle === "betreiber" ? ok({ geaendert: part[5] }) : no(1403, "Dafür fehlt Ihnen die Rolle");
    return ok([...people.values()].filter((p) => p.mandanten.includes(part[3])).map(profile));
  }
  if (path === "/api/webhaken") return ok({ id: ident("whk", 8), ziel: body.ziel });
  if (path === "/api/stapel") return ok((body.anfragen || []).slice(0, 50).map((a) => (inside(a.methode, a.pfad, {}, {}, me) || no(1404, "?"))[1]));
  if (part[2] === "betrieb") {
    if (me.rolle !== "betreiber") return no(1403, "Dafür fehlt Ihnen die Rolle");
    return ok(path === "/api/betrieb/mandanten" ? tenants : { rechnungen: invoices.size, nutzer: people.size });
  }
  return no(1400, "Unbekannt");
}

http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
    const url = new URL(request.url, "http://x"), query = Object.fromEntries(url.searchParams), path = url.pathname;
    let body = {};
    try { body = JSON.parse(Buffer.concat(chunks).toString() || "{}"); } catch (_) { /* a form */ }
    const given = /sitzung=([^;]+)/.exec(request.headers.cookie || ""), sid = (given && given[1]) || query.sitzung || crypto.randomBytes(16).toString("hex");
    let answer = open(request.method, path, body, { sid, headers: request.headers });
    if (!answer && path === "/api/abmelden") answer = ok({ hinweis: "Bis bald" });
    if (!answer && path.startsWith("/v1/")) {
      const mandant = keys.get(request.headers["x-api-schluessel"] || query.api_key) || tokens.get((request.headers.authorization || "").replace("Bearer ", ""));
      answer = mandant ? machine(request.method, path, query, mandant) : [401, { status: "fehler", fehler: { nr: 1001, text: "Schlüssel fehlt" } }, {}];
    }
    if (!answer) {
      const me = sessions.get(sid) || (path === "/api/betrieb/kennzahlen" && request.headers["x-original-url"] ? people.get("haus.betrieb") : null);
      answer = me ? inside(request.method, path, query, body, me) : no(1001, "Bitte anmelden");
    }
    const [status, content, headers] = answer, text = typeof content === "string" ? content : JSON.stringify(content);
    const cookie = given ? {} : { "Set-Cookie": `sitzung=${sid}; Path=/; HttpOnly` };
    response.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", ...cookie, ...headers, "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
