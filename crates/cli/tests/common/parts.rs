//! The parts that other processes of a test play, each in a namespace of its own: an application,
//! its users, a recorder.

use super::net::message;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Accounts that a burst of sign-ins tries.
pub const TRIED: usize = 15;
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Plays the part that the environment names, if it names one.
pub fn play() {
    let Ok(part) = std::env::var("STILT_TEST_PART") else { return };
    let args = std::env::var("STILT_TEST_ARGS").unwrap_or_default();
    let args: Vec<&str> = args.split(' ').collect();
    match part.as_str() {
        "serve" => serve(args[0]),
        "visit" => visit(args[0], args[1].parse().unwrap(), Duration::from_millis(2)),
        "stuff" => stuff(args[0]),
        "record" => record(args[0], args[1]),
        other => panic!("no part {other}"),
    }
}

/// Reads a message's head; gives its first line and the length of its body.
fn head(reader: &mut impl BufRead) -> Option<(String, usize)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() && !first.is_empty() {
            return Some((first, length));
        }
        if first.is_empty() {
            first = line.to_owned();
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().unwrap();
        }
    }
}

/// A small application: sign-in, a list, and what is on it. It serves until it is killed.
fn serve(address: &str) {
    let listener = TcpListener::bind(address).unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut writer = stream;
            while let Some((first, length)) = head(&mut reader) {
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                if writer.write_all(&answer(&first, &body)).is_err() {
                    break;
                }
            }
        });
    }
}

fn answer(first: &str, body: &str) -> Vec<u8> {
    let path = first.split(' ').nth(1).unwrap_or_default();
    if path == "/api/v2/signin" {
        if !body.contains("horse") {
            let error = r#"{"error":"wrong name or password"}"#;
            return message("HTTP/1.1 401 Unauthorized", &[JSON], error);
        }
        let mark: u64 = body.bytes().fold(7, |mark, byte| mark * 31 % 1_000_003 + u64::from(byte));
        let token = format!(r#"{{"access_token":"{:040x}"}}"#, mark * 7_777_777);
        return message("HTTP/1.1 200 OK", &[JSON], &token);
    }
    let body = match path.strip_prefix("/api/v2/parcels/") {
        Some(id) => format!(r#"{{"id":{id},"state":"shipped"}}"#),
        None => {
            let of = path.rsplit('=').next().and_then(|n| n.parse().ok()).unwrap_or(0_u64);
            let rows: Vec<String> =
                (0..4).map(|n| format!(r#"{{"id":{}}}"#, 10_000 + of * 4 + n)).collect();
            format!(r#"{{"parcels":[{}]}}"#, rows.join(","))
        }
    };
    message("HTTP/1.1 200 OK", &[JSON], &body)
}

struct Client {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn open(address: &str) -> Self {
        // The application may still be starting.
        let stream = (0..500).find_map(|_| {
            TcpStream::connect(address).ok().or_else(|| {
                thread::sleep(Duration::from_millis(10));
                None
            })
        });
        let writer = stream.unwrap();
        writer.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(writer.try_clone().unwrap()), writer }
    }

    fn ask(&mut self, request: &[u8]) {
        self.writer.write_all(request).unwrap();
        let (_, length) = head(&mut self.reader).unwrap();
        self.reader.read_exact(&mut vec![0; length]).unwrap();
    }

    fn sign_in(&mut self, agent: &str, user: &str, password: &str) {
        let headers = [("Host", "parcels.example"), ("User-Agent", agent), JSON];
        let body = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
        self.ask(&message("POST /api/v2/signin HTTP/1.1", &headers, &body));
    }
}

/// People who look at their parcels.
fn visit(address: &str, people: u64, pause: Duration) {
    let headers = [("Host", "parcels.example"), ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")];
    for person in 0..people {
        let mut client = Client::open(address);
        client.sign_in(headers[1].1, &format!("person{person}"), &format!("{person}-horse"));
        let list = format!("GET /api/v2/parcels?of={person} HTTP/1.1");
        client.ask(&message(&list, &headers, ""));
        let open = format!("GET /api/v2/parcels/{} HTTP/1.1", 10_000 + person * 4);
        client.ask(&message(&open, &headers, ""));
        thread::sleep(pause);
    }
}

/// A list of stolen passwords is tried; the last fits.
fn stuff(address: &str) {
    for tried in 0..TRIED {
        let password = if tried + 1 == TRIED { "right-horse" } else { "stolen" };
        let user = format!("victim{tried}");
        Client::open(address).sign_in("python-requests/2.31", &user, password);
    }
}

/// Records an interface until standard input is closed.
fn record(interface: &str, file: &str) {
    let capture = pcap::Capture::from_device(interface)
        .unwrap()
        .promisc(true)
        .timeout(10)
        .precision(pcap::Precision::Nano)
        .open()
        .unwrap();
    let mut capture = capture.setnonblock().unwrap();
    let mut saved = capture.savefile(file).unwrap();
    saved.flush().unwrap();
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let end = std::sync::Arc::clone(&ended);
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        end.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    File::create(format!("{file}.ready")).unwrap();
    loop {
        let last = ended.load(std::sync::atomic::Ordering::Relaxed);
        thread::sleep(Duration::from_millis(50));
        capture.dispatch(None, |packet| saved.write(&packet)).unwrap();
        saved.flush().unwrap();
        if last {
            return;
        }
    }
}
