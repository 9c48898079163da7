//! `stilt carve`: the packets behind one alert.

use crate::args::Carve;
use crate::commands::{Done, config_of, key_of, options_of, refuse_same, sandbox_of, threads};
use crate::say;
use crate::talk::{Failure, Stop, Talk};
use stilt_engine::Options;
use stilt_engine::carve::{self as carving, Carved, Scope};

pub(crate) fn carve(asked: &Carve) -> Done {
    let common = &asked.input.common;
    let config = config_of(common.config.as_deref())?;
    if asked.alert.is_empty() || !asked.alert.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let text = format!("`{}` is no alert; --alert takes its event.id", asked.alert);
        return Err(Failure::Usage(text));
    }
    let captures = &asked.input.captures;
    if captures.iter().any(|path| path.as_os_str() == "-") {
        let text = "captures are read more than once: name files, not standard input";
        return Err(Failure::Usage(text.to_owned()));
    }
    if asked.output.as_os_str() == "-" {
        let text = "a capture is written to a file: name one with -o";
        return Err(Failure::Usage(text.to_owned()));
    }
    if asked.output.extension().is_some_and(|extension| extension == "state") {
        let text = "a state has that ending; name the output FILE.pcapng";
        return Err(Failure::Usage(text.to_owned()));
    }
    let used = captures.iter().map(|path| ("a capture", path));
    let used = used.chain(common.config.iter().map(|path| ("the configuration", path)));
    let used = used.chain(asked.baseline.iter().map(|path| ("the baseline", path)));
    refuse_same([&asked.output].into_iter(), used)?;
    let key = key_of(&config)?;
    let configured = Some(&config.capture.filter).filter(|filter| !filter.is_empty());
    let options = Options {
        filter: common.filter.as_ref().or(configured).cloned(),
        threads: threads(common, &config),
        baseline: asked.baseline.clone(),
        begin_with: asked.state.clone(),
        sandbox: sandbox_of(common, &config)?,
        ..options_of(&asked.input)
    };
    let (stop, opening) = Stop::on_signals();
    let mut talk = Talk::new(common.quiet, opening);
    let wanted = (asked.alert.as_str(), asked.output.as_path());
    let done = carving::carve(&config, &key, &options, wanted, &stop.asked, &mut talk);
    talk.end();
    let Carved { rule, id, packets, of, scope, state } = done?;
    if !common.quiet {
        let what = match scope {
            Scope::Addresses => "the connections of its addresses".to_owned(),
            Scope::Others(part) => format!(
                "the connections of its addresses and, because it rests on what others did, of \
                 {part} % of those who asked the same server until then"
            ),
            Scope::Whole => "everything: it does not come back with less".to_owned(),
        };
        let out = asked.output.display();
        say::line(&format!("{out}: {packets} of {of} packets, {what}"));
        if let Some(state) = state {
            let state = state.display();
            say::line(&format!("{state}: what was known before; replay {out} --state {state}"));
        }
        if id == asked.alert {
            say::line(&format!("replayed, it raises {rule} {id} again"));
        } else {
            say::line(&format!(
                "replayed, it raises {rule} {} again, as {id}: its connections began before what \
                 is kept",
                asked.alert
            ));
        }
    }
    Ok(0)
}
