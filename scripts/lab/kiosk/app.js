// A kiosk for a single-page front end: node app.js PORT. Baskets and tracked orders are given to whoever asks; accounts take every field.
const http = require("http"), crypto = require("crypto");

let seed = 3;
const draw = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
const SECRET = "kiosk-secret", users = [], items = [], orders = [], reviews = [], feedback = [], addresses = [];
const products = Array.from({ length: 36 }, (_, n) => ({ id: n + 1, name: ["Apple", "Berry", "Carrot", "Dill"][n % 4] + " juice " + n, price: 1.99 + n % 7, image: `p${n}.jpg` }));
const coupons = { WELCOME10: 10, JULY15: 15 };
const md5 = (text) => crypto.createHash("md5").update(text).digest("hex");
const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const clock = () => { try { return require("fs").readFileSync(require("os").tmpdir() + "/lab-clock").readDoubleLE(0); } catch (_) { return Date.now() / 1000; } };
const sign = (text) => crypto.createHmac("sha256", SECRET).update(text).digest("base64url");

function token(data) {
  const now = Math.floor(clock()), text = b64({ typ: "JWT", alg: "HS256" }) + "." + b64({ status: "success", data, iat: now, exp: now + 36000 });
  return text + "." + sign(text);
}
function read(text) {
  const [head, body, mark] = (text || "").split(".");
  if (!body || sign(head + "." + body) !== mark) return null;
  return JSON.parse(Buffer.from(body, "base64url").toString()).data;
}
function add(email, password, answer, role = "customer", totp = false) {
  const one = { id: users.length + 1, username: "", email, password: md5(password), role, deluxeToken: "", answer, totp, wallet: 40 };
  users.push(one);
  if (role === "customer") {
    for (let k = draw(4); k >= 0; k--) order(one, [products[draw(36)]]);
    addresses.push({ id: addresses.length + 1, UserId: one.id, fullName: email.split("@")[0], streetAddress: draw(90) + " Elm Street", city: "Oslo" });
  }
  return one;
}
function order(one, list) {
  const made = { orderId: md5(one.email).slice(0, 4) + "-" + crypto.createHash("sha1").update(one.email + orders.length).digest("hex").slice(0, 16), email: one.email.replace(/[aeiou]/g, "*"), owner: one.id, totalPrice: 9, products: list, delivered: false };
  orders.push(made);
  return made;
}
for (let n = 0; n < 56; n++) add(`${["liv", "odd", "siri", "tor", "ada", "jens", "nora"][n % 7]}${n}@${["kiosk", "bygd"][n % 2]}.example`, `Saft-${n * 61 % 499}`, ["rex", "oslo", "blue", "pizza", "anna"][n % 5], "customer", n % 9 === 4);
add("admin@kiosk.example", "admin-juice-1", "x", "admin");
add("bookkeeper@kiosk.example", "count-1", "x", "accounting");

const json = (status, value) => [status, JSON.stringify(value), "application/json; charset=utf-8"];
const text = (status, value) => [status, value, "text/html; charset=utf-8"];
const data = (value, status = 200) => json(status, { status: "success", data: value });
const safe = ({ id, username, email, role, deluxeToken }) => ({ id, username, email, role, deluxeToken, isActive: true, createdAt: "2026-11-01T10:00:00.000Z" });
const entry = (one) => json(200, { authentication: { token: token({ id: one.id, username: one.username, email: one.email, password: one.password, role: one.role, deluxeToken: one.deluxeToken }), bid: one.id, umail: one.email } });

function handle(method, path, query, body, me) {
  const part = path.split("/"), own = users.find((one) => one.id === (me && me.id));
  if (path === "/" ) return text(200, "<!doctype html><html><body><app-root></app-root>" + "<script src=main.js></script>".repeat(8) + "</body></html>");
  if (path === "/rest/admin/application-version") return json(200, { version: "1.4.2" });
  if (path === "/rest/user/login") {
    const one = users.find((u) => u.email === body.email && u.password === md5(String(body.password)));
    if (!one) return text(401, "Invalid email or password.");
    return one.totp ? json(401, { status: "totp_token_required", data: { tmpToken: token({ userId: one.id, type: "password_valid_needs_second_factor_token" }) } }) : entry(one);
  }
  if (path === "/rest/2fa/verify") {
    const half = read(body.tmpToken), one = half && users.find((u) => u.id === half.userId);
    return one && body.totpToken === String(parseInt(md5(one.email + "totp").slice(0, 8), 16) % 1000000).padStart(6, "0") ? entry(one) : text(401, "Unauthorized");
  }
  if (path === "/api/Users/" && method === "POST") {
    if (users.some((u) => u.email === body.email)) return json(400, { message: "Validation error", errors: [{ field: "email", message: "email must be unique" }] });
    return data(safe(add(body.email, body.password, body.securityAnswer, body.role || "customer")), 201);
  }
  if (path === "/rest/user/security-question") { const one = users.find((u) => u.email === query.email); return json(200, one ? { question: { id: 2, question: "Your first pet?" } } : {}); }
  if (path === "/rest/user/reset-password") {
    const one = users.find((u) => u.email === body.email);
    if (!one || one.answer !== body.answer) return text(401, "Wrong answer to security question.");
    one.password = md5(body.new);
    return json(200, { user: safe(one) });
  }
  if (path === "/rest/products/search") return data(products.filter((p) => p.name.toLowerCase().includes((query.q || "").toLowerCase())));
  if (part[1] === "api" && part[2] === "Products") { const p = products[Number(part[3]) - 1]; return p ? data(p) : json(404, { message: "Not Found", errors: [] }); }
  if (part[2] === "products" && part[4] === "reviews" && method === "GET") return data(reviews.filter((r) => r.product === part[3]));
  if (path === "/rest/user/whoami") return json(200, { user: own ? { id: own.id, email: own.email, lastLoginIp: "0.0.0.0", profileImage: "default.svg" } : {} });
  if (!own) return text(401, "<html><head><title>UnauthorizedError: No Authorization header was found</title></head><body><h1>UnauthorizedError: No Authorization header was found</h1></body></html>");
  if (part[2] === "products" && part[4] === "reviews") { reviews.push({ product: part[3], message: body.message, author: body.author, _id: crypto.randomBytes(8).toString("hex") }); return json(201, { status: "success" }); }
  if (path === "/rest/user/change-password") { if (own.password !== md5(query.current || "")) return text(401, "Current password is not correct."); own.password = md5(query.new); return json(200, { user: safe(own) }); }
  if (part[2] === "basket" && part[4] === "checkout") { const made = order(own, items.filter((i) => i.BasketId === Number(part[3]))); return json(200, { orderConfirmation: made.orderId }); }
  if (part[2] === "basket" && part[4] === "coupon") return coupons[part[5]] ? json(200, { discount: coupons[part[5]] }) : text(404, "Invalid coupon.");
  if (part[2] === "basket") { const id = Number(part[3]); return users[id - 1] ? data({ id, coupon: null, UserId: id, createdAt: "2026-11-01T10:00:00.000Z", Products: items.filter((i) => i.BasketId === id).map((i) => ({ ...products[i.ProductId - 1], BasketItem: i })) }) : data(null); }
  if (path === "/api/BasketItems/") { const made = { id: items.length + 1, ProductId: body.ProductId, BasketId: Number(body.BasketId), quantity: body.quantity }; items.push(made); return data(made); }
  if (part[2] === "BasketItems") { const one = items[Number(part[3]) - 1]; if (one && method === "PUT") one.quantity = body.quantity; return one ? data(one) : json(404, { message: "Not Found" }); }
  if (path === "/rest/order-history") return data(orders.filter((o) => o.owner === own.id).map(({ owner, ...o }) => o));
  if (part[2] === "track-order") { const one = orders.find((o) => o.orderId === part[3]); return data(one ? [{ orderId: one.orderId, email: one.email, products: one.products, totalPrice: one.totalPrice }] : []); }
  if (path === "/api/Addresss") return data(addresses.filter((a) => a.UserId === own.id));
  if (part[2] === "Addresss") { const one = addresses.find((a) => a.id === Number(part[3]) && a.UserId === own.id); return one ? data(one) : json(400, { status: "error", data: "Malicious activity detected." }); }
  if (path === "/rest/wallet/balance") { if (method === "PUT") own.wallet += Number(body.balance); return data(own.wallet); }
  if (path === "/api/Feedbacks") { const made = { id: feedback.length + 1, UserId: body.UserId, comment: body.comment, rating: body.rating }; feedback.push(made); return data(made, 201); }
  if (path === "/rest/user/authentication-details") return data(users.map((u) => ({ ...safe(u), password: u.password, totpSecret: "" })));
  if (part[2] === "Users" && part[3]) { const one = users[Number(part[3]) - 1]; return one ? data(safe(one)) : json(404, { message: "Not Found" }); }
  if (part[2] === "admin" || path === "/rest/order-history/orders") return own.role === "customer" ? json(403, { error: "Access denied" }) : data(orders.slice(0, 20).map(({ owner, ...o }) => o));
  return json(404, { message: "Not Found" });
}

http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
    const url = new URL(request.url, "http://x");
    let body = {};
    try { body = JSON.parse(Buffer.concat(chunks).toString() || "{}"); } catch (_) { /* none */ }
    const me = read((request.headers.authorization || "").replace("Bearer ", ""));
    const [status, content, media] = handle(request.method, url.pathname, Object.fromEntries(url.searchParams), body, me);
    response.writeHead(status, { "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*", "Content-Type": media, ETag: `W/"${md5(content).slice(0, 12)}"`, Vary: "Accept-Encoding" });
    response.end(content);
  });
}).listen(Number(process.argv[2]));
