//! The packets behind one alert, as a capture of their own that raises the same alert.
//!
//! An alert rests on more than its own requests: on what its actor did before, and on what others
//! do usually. So whole connections are taken, of the alert's addresses first; what was carved is
//! replayed at once, and where the same alert (`event.id`) does not come back, more is taken: of
//! what others asked the same servers until then a sixteenth, a quarter, all; at last everything.
//!
//! Of the folder in which a live run keeps packets, those are looked through that it keeps for the
//! alert, from the state that was saved with them ([`kept`]).

mod kept;

use crate::config::Config;
use crate::error::{Error, plain};
use crate::guard::{self, Plan, Sandbox};
use crate::outputs::{Sought, Target};
use crate::private;
use crate::run::{Options, Watcher, run};
use foldhash::fast::FixedState;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use stilt_capture::link::Decoder;
use stilt_capture::segment::SegmentHead;
use stilt_capture::source::{self, Batch};
use stilt_capture::write::Writer;
use stilt_model::Key;

/// How much had to be taken for the alert to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connections of the alert's addresses.
    Addresses,
    /// With them those of so many of a hundred other addresses that asked the same servers until
    /// the alert's last packet.
    Others(u8),
    /// All packets.
    Whole,
}

/// What was carved.
#[derive(Clone, Debug)]
pub struct Carved {
    /// `rule.id` of the alert.
    pub rule: String,
    /// `event.id` that it comes back under.
    pub id: String,
    /// Packets written.
    pub packets: u64,
    /// Packets that were looked through.
    pub of: u64,
    /// How much had to be taken.
    pub scope: Scope,
    /// The state that they follow on, written beside them.
    pub state: Option<PathBuf>,
}

/// Captures in which an alert may be found, and the state before them.
struct Case {
    captures: Vec<PathBuf>,
    begin_with: Option<PathBuf>,
    sought: Sought,
    /// The state is to be written beside what is carved.
    with_state: bool,
    /// Files that are kept open, so that a run that goes on can't take them away.
    _held: Vec<File>,
}

/// Carves the alert `id` out of the captures of `options`, or out of the folder in which a live
/// run keeps packets, into `out`.
///
/// # Errors
/// No such alert comes of these captures; it does not come back even of all packets; the run or
/// the output fails. `out` is written whole or not at all.
pub fn carve(
    config: &Config,
    key: &Key,
    options: &Options,
    (id, out): (&str, &Path),
    stop: &AtomicBool,
    watcher: &mut dyn Watcher,
) -> Result<Carved, Error> {
    watcher.opened();
    if let Some(sandbox) = &options.sandbox {
        enter(options, sandbox, out)?;
    }
    let cases = match options.captures.as_slice() {
        [folder] if folder.is_dir() => kept::cases(folder, id, key)?,
        captures => vec![Case {
            captures: captures.to_vec(),
            begin_with: options.begin_with.clone(),
            sought: Sought { id: id.to_owned(), story: None },
            with_state: false,
            _held: Vec::new(),
        }],
    };
    let mut work = Work { config, key, options, stop, watcher };
    let mut found = false;
    for case in &cases {
        let Some((alert, of)) = work.find(case, case.captures.clone(), true)? else { continue };
        found = true;
        if let Some(carved) = work.cut(case, &alert, of, out)? {
            return Ok(carved);
        }
    }
    Err(Error::Carve(if found {
        format!(
            "alert `{id}` does not come back, even of all packets: it rests on what is in no \
             capture; nothing was written"
        )
    } else {
        format!(
            "no alert `{id}` comes of these captures; name all of them, and the configuration, \
             baseline, state and key of the run that raised it"
        )
    }))
}

/// What carving one alert goes by.
struct Work<'a> {
    config: &'a Config,
    key: &'a Key,
    options: &'a Options,
    stop: &'a AtomicBool,
    watcher: &'a mut dyn Watcher,
}

impl Work<'_> {
    /// The alert as captures tell it, and how many packets there are.
    fn find(
        &mut self,
        case: &Case,
        captures: Vec<PathBuf>,
        filtered: bool,
    ) -> Result<Option<(Value, u64)>, Error> {
        let options = Options {
            alerts: Target::Alert(case.sought.clone()),
            captures,
            filter: self.options.filter.clone().filter(|_| filtered),
            begin_with: case.begin_with.clone(),
            sandbox: None,
            ..self.options.clone()
        };
        let (summary, collected) =
            run(self.config, self.key, &options, self.stop, &mut *self.watcher)?;
        if summary.interrupted {
            return Err(Error::Carve("stopped; nothing was written".to_owned()));
        }
        // The last time it was told it knew the most; one of the same id comes before others.
        let told = collected.alerts.iter().filter_map(|line| serde_json::from_str(line).ok());
        let told: Vec<Value> = told.collect();
        let same = told.iter().rfind(|alert| alert["event"]["id"] == case.sought.id.as_str());
        Ok(same.or(told.last()).map(|alert| (alert.clone(), summary.packets)))
    }

    /// Takes more and more until the alert comes back; `None` where it never does.
    fn cut(
        &mut self,
        case: &Case,
        alert: &Value,
        of: u64,
        out: &Path,
    ) -> Result<Option<Carved>, Error> {
        let wanted = Wanted::of(alert);
        let draft = Draft::beside(out)?;
        let options = Options { captures: case.captures.clone(), ..self.options.clone() };
        let others = [6, 25, 100].map(Scope::Others);
        for scope in [Scope::Addresses].into_iter().chain(others).chain([Scope::Whole]) {
            let packets = draft.fill(self.config, &options, &wanted, scope, self.stop)?;
            let again = self.find(case, vec![draft.path.clone()], false)?;
            let Some((again, _)) = again else { continue };
            if again["rule"]["id"] != alert["rule"]["id"] {
                continue;
            }
            let state = case.begin_with.as_ref().filter(|_| case.with_state);
            let state = state.map(|state| beside(state, out)).transpose()?;
            draft.place(out)?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (rule, id) = (text(&again["rule"]["id"]), text(&again["event"]["id"]));
            return Ok(Some(Carved { rule, id, packets, of, scope, state }));
        }
        Ok(None)
    }
}

/// Copies the state that a capture follows on to where it is found beside it.
fn beside(state: &Path, out: &Path) -> Result<PathBuf, Error> {
    let place = out.with_extension("state");
    let draft = Draft::beside(&place)?;
    let copied = fs::read(state).and_then(|bytes| draft.open()?.write_all(&bytes));
    copied.map_err(|error| cannot(&place, &error))?;
    draft.place(&place)?;
    Ok(place)
}

/// Captures are read more than once, so that they are opened after the sandbox was entered.
fn enter(options: &Options, sandbox: &Sandbox, out: &Path) -> Result<(), Error> {
    let names = ["/etc/services", "/etc/protocols", "/etc/nsswitch.conf"].map(PathBuf::from);
    let known = names.into_iter().filter(|path| path.exists());
    let captures =
        options.captures.iter().chain(&options.baseline).chain(&options.begin_with).cloned();
    // One that is not there is told when it is opened.
    let reads = captures.filter(|path| path.exists()).chain(known).collect();
    let writes = vec![folder(out)];
    guard::enter(&Plan { user: sandbox.user.clone(), reads, writes, ..Plan::default() }).map(|_| ())
}

fn folder(out: &Path) -> PathBuf {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Ends of the connections that an alert is about.
struct Wanted {
    clients: BTreeSet<IpAddr>,
    servers: BTreeSet<SocketAddr>,
    /// Its last packet; others' connections that begin later can't have had a part in it.
    last: u64,
}

impl Wanted {
    fn of(alert: &Value) -> Self {
        let address = |value: &Value| value.as_str()?.parse::<IpAddr>().ok();
        let end = |value: &Value| {
            let port = u16::try_from(value["port"].as_u64()?).ok()?;
            Some(SocketAddr::new(address(&value["ip"])?, port))
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut clients: BTreeSet<IpAddr> =
            list(&alert["related"]["ip"]).iter().filter_map(address).collect();
        clients.extend(address(&alert["source"]["ip"]));
        for one in list(&alert["stilt"]["evidence"]) {
            let source = one["source"].as_str().and_then(|text| text.parse::<SocketAddr>().ok());
            clients.extend(source.map(|source| source.ip()));
        }
        let evidence = list(&alert["stilt"]["evidence"]);
        let packets = evidence.iter().map(|one| &one["packets"][1]);
        let packets = packets.chain([&alert["stilt"]["wire"]["last_packet"]]);
        let last = packets.filter_map(Value::as_u64).max().unwrap_or(u64::MAX);
        Self { clients, servers: end(&alert["destination"]).into_iter().collect(), last }
    }

    fn holds(&self, head: &SegmentHead, scope: Scope) -> bool {
        let ends = [head.source, head.destination];
        match scope {
            Scope::Addresses => ends.iter().any(|end| self.clients.contains(&end.ip())),
            Scope::Others(part) => {
                self.holds(head, Scope::Addresses)
                    || ends.iter().any(|end| self.servers.contains(end))
                        && ends.iter().all(|end| self.servers.contains(end) || drawn(end, part))
            }
            Scope::Whole => true,
        }
    }
}

/// Whether an address is among so many of a hundred; all its connections are, or none.
fn drawn(end: &SocketAddr, part: u8) -> bool {
    FixedState::with_seed(0x000c_a74e).hash_one(end.ip()) % 100 < u64::from(part)
}

/// Connections that have begun.
#[derive(Default)]
struct Begun(HashSet<(SocketAddr, SocketAddr)>);

impl Begun {
    /// Whether a segment is wanted, of a connection that began in time.
    fn wants(&mut self, head: &SegmentHead, wanted: &Wanted, scope: Scope) -> bool {
        let own = wanted.holds(head, Scope::Addresses);
        if own || !wanted.holds(head, scope) {
            return own;
        }
        let early = head.mark.packet <= wanted.last;
        if early {
            self.0.insert(head.pair());
        }
        early || self.0.contains(&head.pair())
    }
}

/// A file that takes its place when it is whole; nobody else may read it.
struct Draft {
    path: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Draft {
    fn beside(out: &Path) -> Result<Self, Error> {
        if fs::metadata(out).is_ok_and(|about| !about.is_file()) {
            return Err(Error::Carve(format!("{}: not a file; name a file", out.display())));
        }
        let mut name = out.as_os_str().to_owned();
        name.push(".part");
        let draft = Self { path: name.into() };
        draft.open().map_err(|error| cannot(&draft.path, &error))?;
        Ok(draft)
    }

    fn open(&self) -> io::Result<File> {
        // What an earlier run left may have another owner or mode.
        let _ = fs::remove_file(&self.path);
        private::file().create_new(true).open(&self.path)
    }

    /// Writes the packets that are wanted, and how many.
    fn fill(
        &self,
        config: &Config,
        options: &Options,
        wanted: &Wanted,
        scope: Scope,
        stop: &AtomicBool,
    ) -> Result<u64, Error> {
        let failed = |error: io::Error| cannot(&self.path, &error);
        let mut writer =
            Writer::new(BufWriter::new(self.open().map_err(failed)?)).map_err(failed)?;
        let how = source::Options { filter: options.filter.clone(), ..source::Options::default() };
        let mut source = source::open(&options.captures, &how)?;
        let mut decoder = Decoder::new(&config.capture.link_limits());
        let (mut batch, mut begun) = (Batch::default(), Begun::default());
        while source.fill(&mut batch)? && !stop.load(Ordering::Relaxed) {
            for frame in &batch.frames {
                let bytes = batch.bytes(frame);
                let found = decoder.decode(frame, bytes);
                let whole = scope == Scope::Whole;
                if whole || found.is_some_and(|found| begun.wants(&found.head, wanted, scope)) {
                    writer.packet(frame, bytes).map_err(failed)?;
                }
            }
        }
        let written = writer.written();
        writer.into_inner().flush().map_err(failed)?;
        Ok(written)
    }

    fn place(self, out: &Path) -> Result<(), Error> {
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.and_then(|()| fs::rename(&self.path, out)).map_err(|error| cannot(out, &error))
    }
}

fn cannot(path: &Path, error: &io::Error) -> Error {
    Error::Carve(format!("{}: cannot be written: {}", path.display(), plain(error)))
}
