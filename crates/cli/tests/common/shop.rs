//! A day in the life of a small application: people sign in, list what is theirs and open it.

use super::Dice;
use super::net::{Capture, Connection, SECOND, message};

/// When it begins.
pub const START: u64 = 1_750_000_000 * SECOND;
/// Where it is served.
pub const SERVER: &str = "10.20.0.5:8080";
/// Where the burst of sign-ins comes from.
pub const ATTACKER: &str = "198.51.100.77";
/// Accounts that are tried in the burst.
pub const TRIED: u64 = 15;
const PEOPLE: u64 = 40;
const VISITS: u64 = 6;
const AGENT: (&str, &str) = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const HOST: (&str, &str) = ("Host", "parcels.example");

/// A few hundred flows with one burst of stuffed credentials among them.
pub fn lively() -> Capture {
    let mut capture = Capture::default();
    let mut dice = Dice(7);
    for person in 0..PEOPLE {
        for visit in 0..VISITS {
            let at =
                START + (visit * 600 + dice.below(540)) * SECOND + dice.below(SECOND / 1000) * 1000;
            visit_by(&mut capture, &mut dice, person, visit, at);
        }
    }
    burst(&mut capture, &mut dice, START + 3000 * SECOND);
    capture
}

fn sign_in(
    connection: &mut Connection<'_>,
    agent: (&str, &str),
    user: &str,
    password: &str,
    token: Option<&str>,
) {
    let body = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
    let request = message("POST /api/v2/signin HTTP/1.1", &[HOST, agent, JSON], &body);
    let response = match token {
        Some(token) => {
            let body = format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
            message("HTTP/1.1 200 OK", &[JSON], &body)
        }
        None => {
            message("HTTP/1.1 401 Unauthorized", &[JSON], r#"{"error":"wrong name or password"}"#)
        }
    };
    connection.exchange(&request, &response);
}

fn visit_by(capture: &mut Capture, dice: &mut Dice, person: u64, visit: u64, at: u64) {
    let client = format!("10.1.{}.{}:{}", person / 8, person % 8 + 10, 40_000 + visit * 7 + person);
    let (user, password) = (format!("person{person}"), format!("Pw-{person}-horse"));
    let token = dice.hex(40);
    let bearer = format!("Bearer {token}");
    let headers = [HOST, AGENT, ("Authorization", bearer.as_str())];
    let mut connection = Connection::open(capture, &client, SERVER, at);
    if dice.below(12) == 0 {
        sign_in(&mut connection, AGENT, &user, "mistyped", None);
        connection.pause(4 * SECOND);
    }
    sign_in(&mut connection, AGENT, &user, &password, Some(&token));
    connection.pause(2 * SECOND);
    let own: Vec<u64> = (0..4).map(|n| 10_000 + person * 4 + n).collect();
    let list: Vec<String> = own
        .iter()
        .map(|id| format!(r#"{{"id":{id},"state":"shipped","weight":{}}}"#, id % 90))
        .collect();
    connection.exchange(
        &message("GET /api/v2/parcels?page=1&sort=date HTTP/1.1", &headers, ""),
        &message("HTTP/1.1 200 OK", &[JSON], &format!(r#"{{"parcels":[{}]}}"#, list.join(","))),
    );
    for _ in 0..1 + dice.below(3) {
        let id = own[usize::try_from(dice.below(4)).unwrap()];
        connection.pause(SECOND + dice.below(4) * SECOND);
        let body = format!(r#"{{"id":{id},"owner":"{user}","note":"{}"}}"#, dice.word(900));
        connection.exchange(
            &message(&format!("GET /api/v2/parcels/{id} HTTP/1.1"), &headers, ""),
            &message("HTTP/1.1 200 OK", &[JSON, ("X-Request-Id", &dice.hex(16))], &body),
        );
    }
    connection.close();
}

/// When half of the accounts have been tried, and no attempt is under way.
pub const MIDDLE_OF_BURST: u64 = START + 3013 * SECOND + SECOND / 10 * 9;

/// Fifteen accounts from one address, one after the other; one opens.
fn burst(capture: &mut Capture, dice: &mut Dice, at: u64) {
    for tried in 0..TRIED {
        let client = format!("{ATTACKER}:{}", 50_000 + tried);
        let at = at + tried * 2 * SECOND + dice.below(1000) * 1_000_000;
        let user = format!("victim{}", tried * 37);
        let token = (tried == 11).then(|| dice.hex(40));
        let mut connection = Connection::open(capture, &client, SERVER, at);
        let agent = ("User-Agent", "python-requests/2.31");
        sign_in(&mut connection, agent, &user, &dice.word(12), token.as_deref());
        connection.close();
    }
}
