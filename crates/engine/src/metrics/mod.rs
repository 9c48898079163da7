//! A listener that shows how a live run stands (`[metrics]`): `/metrics` for Prometheus, `/live`
//! and `/ready` for whoever keeps it running.
//!
//! It is bound before the sandbox is entered and answers from a thread of its own, one request a
//! connection, of bounded size and time. What it shows is made once a second of packet time; a
//! scrape looks at nothing else. Answers are written by `write`: what sends is forbidden here.

mod histogram;
mod text;

pub(crate) use text::Standing;

use crate::error::{Error, plain};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Bytes of a request that are read, and how long is waited for some of them.
const REQUEST_MAX: usize = 4096;
const WAIT: Duration = Duration::from_secs(1);
/// Reads of one request: it can't take longer than so many waits.
const READS_MAX: usize = 4;
/// How often is looked for a connection.
const NAP: Duration = Duration::from_millis(50);
/// Looks without a batch after which the run does not live any more: half a minute.
const STILL_MAX: u32 = 600;

/// Where to listen: an address with a port, or a port of this machine alone.
///
/// # Errors
/// What else it is.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let address = port.or_else(|_| text.parse::<SocketAddr>()).ok();
    address.filter(|address| address.port() != 0).ok_or_else(|| {
        format!(
            "`{text}` is no address with a port; write 9464 (this machine alone) or 10.0.0.5:9464"
        )
    })
}

/// What is shown.
#[derive(Default)]
pub(crate) struct Board {
    text: Mutex<String>,
    /// Batches that went through.
    beats: AtomicU64,
    over: AtomicBool,
}

impl Board {
    /// A batch went through.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows how things stand.
    pub(crate) fn show(&self, standing: &Standing<'_>) {
        if let Ok(mut text) = self.text.lock() {
            *text = standing.text();
        }
    }
}

/// A listener that was bound.
pub(crate) struct Metrics {
    listener: TcpListener,
}

impl Metrics {
    /// Binds it.
    ///
    /// # Errors
    /// It is no address of this machine, or in use.
    pub(crate) fn open(listen: &str) -> Result<Self, Error> {
        let address =
            parse(listen).map_err(|why| Error::Usage(format!("metrics.listen: {why}")))?;
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = bound.map_err(|error| {
            let why = match error.kind() {
                ErrorKind::AddrInUse => "in use; name another port".to_owned(),
                ErrorKind::AddrNotAvailable => "no address of this machine".to_owned(),
                _ => plain(&error),
            };
            Error::Usage(format!("metrics.listen: {address}: {why}"))
        })?;
        Ok(Self { listener })
    }

    /// What should be told of where it listens.
    pub(crate) fn warning(&self) -> Option<String> {
        let address = self.listener.local_addr().ok()?;
        let others = !matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback())
            && !matches!(address.ip(), IpAddr::V6(ip) if ip.is_loopback());
        others.then(|| format!("metrics are shown to whoever reaches {address}"))
    }

    /// Answers from a thread of its own.
    pub(crate) fn start(self) -> Result<Serving, Error> {
        let board = Arc::new(Board::default());
        let shown = Arc::clone(&board);
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || serve(&self.listener, &shown))
            .map_err(Error::Thread)?;
        Ok(Serving { board, thread: Some(thread) })
    }
}

/// A listener that answers, until this is dropped.
pub(crate) struct Serving {
    pub(crate) board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.board.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, board: &Board) {
    let (mut beats, mut still) = (0, 0_u32);
    while !board.over.load(Ordering::Relaxed) {
        let now = board.beats.load(Ordering::Relaxed);
        still = if now == beats { still.saturating_add(1) } else { 0 };
        beats = now;
        match listener.accept() {
            // Who asks may go away at any time; that is no matter.
            Ok((stream, _)) => drop(answer(stream, board, still < STILL_MAX, now > 0)),
            Err(_) => thread::sleep(NAP),
        }
    }
}

fn answer(stream: TcpStream, board: &Board, lives: bool, ready: bool) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let mut stream = File::from(OwnedFd::from(stream));
    let (mut request, mut length) = ([0; REQUEST_MAX], 0);
    for _ in 0..READS_MAX {
        let Some(room) = request.get_mut(length..).filter(|room| !room.is_empty()) else { break };
        match stream.read(room)? {
            0 => break,
            read => length += read,
        }
        let read = request.get(..length).unwrap_or_default();
        if read.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let line = request.get(..length).unwrap_or_default().split(|byte| *byte == b'\r').next();
    let line = core::str::from_utf8(line.unwrap_or_default()).unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let state = |good: bool| if good { "200 OK" } else { "503 Service Unavailable" };
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            ("200 OK", board.text.lock().map(|text| text.clone()).unwrap_or_default())
        }
        ("GET" | "HEAD", "/live") => (state(lives), format!("live: {lives}\n")),
        ("GET" | "HEAD", "/ready") => (state(lives && ready), format!("ready: {ready}\n")),
        ("GET" | "HEAD", _) => ("404 Not Found", "see /metrics, /live, /ready\n".to_owned()),
        _ => ("405 Method Not Allowed", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_of_this_machine_alone() {
        assert_eq!(parse("9464"), Ok("127.0.0.1:9464".parse().unwrap()));
        assert_eq!(parse("[::1]:80"), Ok("[::1]:80".parse().unwrap()));
        for wrong in ["", "0", "127.0.0.1:0", "localhost:80", "70000"] {
            assert!(parse(wrong).unwrap_err().contains("9464"), "{wrong}");
        }
    }

    #[test]
    fn it_answers_what_is_asked_and_waits_for_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Metrics { listener }.start().unwrap();
        let ask = |request: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        let get = |path: &str| ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(get("/ready").starts_with("HTTP/1.1 503 "));
        serving.board.beat();
        assert!(get("/ready").starts_with("HTTP/1.1 200 "));
        assert!(get("/live").starts_with("HTTP/1.1 200 "));
        *serving.board.text.lock().unwrap() = "stilt_x 1\n".to_owned();
        // One that says nothing, and one that never ends, hold nobody up for long.
        let silent = TcpStream::connect(address).unwrap();
        assert!(ask(&"x".repeat(10_000)).len() < 200);
        assert!(get("/metrics?x=1").ends_with("\r\n\r\nstilt_x 1\n"));
        assert!(get("/").starts_with("HTTP/1.1 404 "));
        assert!(ask("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(!ask("HEAD /metrics HTTP/1.1\r\n\r\n").contains("stilt_x"));
        drop(silent);
    }
}
