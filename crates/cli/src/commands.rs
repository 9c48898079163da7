//! The commands.

use crate::args::{Common, Input, Learn, Level, Output, Replay, Sessions, Shape, Watch};
use crate::signals;
use crate::talk::{FAIL_ON, FAILED, Failure, INTERRUPTED, Stop, Talk};
use crate::{say, table};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stilt_alert::format::{self, Format};
use stilt_alert::{Names, record, schema as schemas};
use stilt_detect::DETECTORS;
use stilt_engine::guard::{Account, Sandbox};
use stilt_engine::{Collected, Config, Options, Summary, Target, open_key, run};
use stilt_model::{Key, SessionRecord};

pub(crate) type Done = Result<u8, Failure>;

pub(crate) fn config_of(path: Option<&Path>) -> Result<Config, Failure> {
    match path {
        Some(path) => Config::load(path).map_err(|error| Failure::Run(error.into())),
        None => Ok(Config::default()),
    }
}

/// The installation key: `STILT_KEY_FILE`, else as configured, else where it lies by default.
pub(crate) fn key_of(config: &Config) -> Result<Key, Failure> {
    let named = std::env::var_os("STILT_KEY_FILE").map(PathBuf::from);
    let path =
        named.or_else(|| config.privacy.key_file.clone()).or_else(stilt_engine::default_path);
    let installation = open_key(path.as_deref())?;
    if let Some(warning) = installation.warning {
        say::line(&format!("stilt: warning: {warning}"));
    }
    Ok(installation.key)
}

/// Flow workers: as asked for, else as configured, else the cores there are.
pub(crate) fn threads(common: &Common, config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let configured = Some(config.capture.workers).filter(|workers| *workers > 0);
    common.threads.map(usize::from).or(configured).unwrap_or_else(cores)
}

pub(crate) fn options_of(input: &Input) -> Options {
    Options { captures: input.captures.clone(), ..Options::default() }
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) summary: Summary,
    pub(crate) collected: Collected,
    pub(crate) names: Names,
    pub(crate) code: u8,
}

pub(crate) fn go(input: &Input, options: &Options) -> Result<Ran, Failure> {
    let common = &input.common;
    let config = config_of(common.config.as_deref())?;
    refuse_twice(input)?;
    refuse_overwriting(common, options)?;
    let key = key_of(&config)?;
    let configured = Some(&config.capture.filter).filter(|filter| !filter.is_empty());
    let options = Options {
        filter: common.filter.as_ref().or(configured).cloned(),
        threads: threads(common, &config),
        sandbox: sandbox_of(common, &config)?,
        ..options.clone()
    };
    let (stop, opening) = Stop::on_signals();
    let mut talk = Talk::new(common.quiet, opening);
    let ran = run(&config, &key, &options, &stop.asked, &mut talk);
    talk.end();
    let (summary, collected) = ran?;
    if !common.quiet {
        say::line(summary.to_string().trim_end());
    }
    let code = if summary.interrupted { INTERRUPTED } else { 0 };
    let names = Names::new(config.privacy.identities, Some(key));
    Ok(Ran { summary, collected, names, code })
}

/// What the run gives up once everything is open; command line before configuration.
pub(crate) fn sandbox_of(common: &Common, config: &Config) -> Result<Option<Sandbox>, Failure> {
    if common.no_sandbox || !(config.sandbox.enabled || common.user.is_some()) {
        return Ok(None);
    }
    let named = common.user.as_ref().or(config.sandbox.user.as_ref());
    let user = named.map(|name| Account::find(name)).transpose().map_err(Failure::Usage)?;
    Ok(Some(Sandbox { user }))
}

/// A run that goes on for weeks does so as root only where it is told to.
pub(crate) fn not_as_root(sandbox: Sandbox) -> Result<Sandbox, Failure> {
    let user = match sandbox.user {
        None if stilt_engine::guard::is_root() => {
            Some(Account::instead_of_root().map_err(Failure::Usage)?)
        }
        user => user,
    };
    Ok(Sandbox { user })
}

/// An output that is something else as well would destroy it.
fn refuse_overwriting(common: &Common, options: &Options) -> Result<(), Failure> {
    let outputs = [&options.alerts, &options.transactions, &options.sessions];
    let lines: Vec<PathBuf> = outputs
        .into_iter()
        .filter_map(|target| match target {
            Target::Lines(name) if name != "-" => Some(PathBuf::from(name)),
            _ => None,
        })
        .collect();
    let learned = options.save_baseline.as_ref();
    let captures = || options.captures.iter().map(|path| ("a capture", path));
    let config = || common.config.iter().map(|path| ("the configuration", path));
    // A baseline may be learned further in its own file.
    let used = captures().chain(config());
    refuse_same(learned.into_iter(), used)?;
    let baseline = options.baseline.iter().chain(learned).map(|path| ("the baseline", path));
    refuse_same(lines.iter(), captures().chain(config()).chain(baseline))
}

pub(crate) fn refuse_same<'a>(
    outputs: impl Iterator<Item = &'a PathBuf>,
    used: impl Iterator<Item = (&'static str, &'a PathBuf)>,
) -> Result<(), Failure> {
    // A file that is not there yet is known by its folder and name.
    let real = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(path.file_name()?))
        })
    };
    let used: Vec<_> = used.map(|(what, path)| (what, real(path))).collect();
    for output in outputs {
        let Some(place) = real(output).filter(|place| place.is_file() || !place.exists()) else {
            continue;
        };
        if let Some((what, _)) = used.iter().find(|(_, path)| path.as_ref() == Some(&place)) {
            return Err(Failure::Usage(format!(
                "{} is both {what} and an output; name another file",
                output.display()
            )));
        }
    }
    Ok(())
}

/// Standard input can be read once.
fn refuse_twice(input: &Input) -> Result<(), Failure> {
    match input.captures.iter().filter(|path| path.as_os_str() == "-").count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::Usage("`-` (standard input) is named twice; name it once".to_owned())),
    }
}

fn lines(target: Option<String>) -> Target {
    target.map_or(Target::Nowhere, Target::Lines)
}

/// The options that say where records go and what raises them.
fn told(output: Output, options: Options) -> Result<Options, Failure> {
    let format: &'static dyn Format =
        format::by_name(&output.format).map_err(|error| Failure::Usage(error.to_string()))?;
    // A state that was cut out with packets is a file, not the folder of a run.
    let (begin_with, state) = match output.state {
        Some(place) if place.is_file() => (Some(place), None),
        place => (None, place),
    };
    Ok(Options {
        only: output.only,
        skip: output.skip,
        format,
        alerts: Target::Lines(output.alerts),
        transactions: lines(output.transactions),
        sessions: lines(output.sessions),
        baseline: output.baseline,
        openapi: output.openapi,
        save_baseline: output.save_baseline,
        state,
        begin_with,
        policy: output.policy,
        ..options
    })
}

/// An alert was raised that the user wants to fail on.
fn met(fail_on: Option<Level>, summary: &Summary) -> bool {
    let highest = summary.alerts.highest;
    fail_on.is_some_and(|level| highest.is_some_and(|highest| highest >= level.severity()))
}

/// `stilt replay`
pub(crate) fn replay(replay: Replay) -> Done {
    let options = Options { follow: replay.follow, ..options_of(&replay.input) };
    let options = told(replay.output, options)?;
    let ran = go(&replay.input, &options)?;
    let met = met(replay.fail_on, &ran.summary);
    Ok(if ran.code == 0 && met { FAIL_ON } else { ran.code })
}

/// `stilt watch`
pub(crate) fn watch(watch: Watch) -> Done {
    let common = watch.common;
    let config = config_of(common.config.as_deref())?;
    let mut live = config.capture.live();
    if !watch.interfaces.is_empty() || !watch.listen.is_empty() {
        (live.interfaces, live.listen) = (watch.interfaces, watch.listen);
    }
    live.filter = common.filter.clone().or(live.filter);
    live.snaplen = watch.snaplen.unwrap_or(live.snaplen);
    live.ring = watch.ring.map_or(live.ring, |mib| u64::from(mib) << 20);
    live.promiscuous &= !watch.no_promiscuous;
    let ports = [live.interfaces.as_slice(), &live.listen].concat().join(", ");
    let options = told(watch.output, Options { live: Some(live), ..Options::default() })?;
    if let Some(file) = &options.begin_with {
        let text = format!("{}: a file; --state takes the folder to keep it in", file.display());
        return Err(Failure::Usage(text));
    }
    let sandbox = sandbox_of(&common, &config)?.map(not_as_root).transpose()?;
    let options = Options { threads: threads(&common, &config), sandbox, ..options };
    refuse_overwriting(&common, &options)?;
    let key = key_of(&config)?;
    let signals = signals::watch();
    let asked = stilt_engine::Signals {
        reload: Arc::clone(&signals.reload),
        status: Arc::clone(&signals.status),
    };
    let options = Options { signals: asked, config_file: common.config.clone(), ..options };
    let become_of = options.sandbox.as_ref().map(|sandbox| sandbox.user.as_ref());
    let how = match become_of {
        None => ", without a sandbox".to_owned(),
        Some(Some(user)) => format!(", as user {user}"),
        Some(None) => String::new(),
    };
    let mut talk = Talk::live(common.quiet, &format!("{ports}{how}"));
    let ran = run(&config, &key, &options, &signals.stop, &mut talk);
    talk.end();
    let (summary, _) = ran?;
    if !common.quiet {
        say::line(summary.to_string().trim_end());
    }
    if let Some(why) = &summary.failed {
        say::line(&format!("stilt: {why}"));
        return Ok(FAILED);
    }
    Ok(if signals.interrupted.load(Ordering::Relaxed) {
        INTERRUPTED
    } else if met(watch.fail_on, &summary) {
        FAIL_ON
    } else {
        0
    })
}

/// `stilt sessions`
pub(crate) fn sessions(asked: &Sessions) -> Done {
    let options = Options { sessions: Target::Kept, ..options_of(&asked.input) };
    let Ran { collected, names, code, .. } = go(&asked.input, &options)?;
    let wanted = |session: &SessionRecord| {
        asked.actor.as_deref().is_none_or(|name| {
            names.actor(&session.actor) == name
                || session.actor.user.as_deref() == Some(name)
                || session.actor.id.to_string() == name
        })
    };
    let mut found: Vec<SessionRecord> = collected.sessions.into_iter().filter(wanted).collect();
    found.sort_by_key(|session| (session.start, session.id));
    if let (true, Some(name)) = (found.is_empty(), &asked.actor) {
        say::line(&format!("stilt: no session of `{name}`; without --actor all are shown"));
    }
    match asked.format {
        Shape::Table => say::out(&table::sessions(&found, &names))?,
        Shape::Json => {
            for session in &found {
                say::out(&format!("{}\n", record::session(session, &names)))?;
            }
        }
    }
    Ok(code)
}

/// `stilt learn`
pub(crate) fn learn(learn: Learn) -> Done {
    let options = Options {
        baseline: learn.baseline,
        save_baseline: Some(learn.output),
        ..options_of(&learn.input)
    };
    Ok(go(&learn.input, &options)?.code)
}

/// `stilt detections`
pub(crate) fn detections(id: Option<&str>) -> Done {
    let Some(id) = id else {
        say::out(&table::detections(DETECTORS))?;
        return Ok(0);
    };
    match DETECTORS.iter().find(|spec| spec.rule.id == id) {
        Some(spec) => say::out(&table::detection(spec))?,
        None => {
            return Err(Failure::Usage(format!(
                "no detection `{id}`; stilt detections lists them"
            )));
        }
    }
    Ok(0)
}

/// `stilt schema`
pub(crate) fn schema(record: &str) -> Done {
    let schema = if record == "config" {
        Some(stilt_engine::config::schema())
    } else {
        schemas::by_name(record)
    };
    let Some(mut schema) = schema else {
        return Err(Failure::Usage(format!(
            "no schema `{record}`: alert, posture, transaction, session, visibility or config"
        )));
    };
    // The order in which maps were filled must not show.
    schema.sort_all_objects();
    say::out(&format!("{schema:#}\n"))?;
    Ok(0)
}

/// `stilt config check`
pub(crate) fn config_check(file: &Path) -> Done {
    stilt_engine::examine(&config_of(Some(file))?).map_err(Failure::Run)?;
    say::line(&format!("{}: good", file.display()));
    Ok(0)
}

/// `stilt config show`
pub(crate) fn config_show(file: Option<&Path>) -> Done {
    say::out(&config_of(file)?.to_toml())?;
    Ok(0)
}
