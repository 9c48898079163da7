//! `stilt baseline`: what was learned, and baselines of several sensors made one.

use crate::args::BaselineCommand;
use crate::commands::Done;
use crate::say;
use crate::talk::Failure;
use std::path::{Path, PathBuf};
use stilt_baseline::{Baseline, Config, Error};
use stilt_engine::Error as Engine;

pub(crate) fn run(command: BaselineCommand) -> Done {
    match command {
        BaselineCommand::Show { file, endpoint } => show(&file, endpoint.as_deref()),
        BaselineCommand::Merge { files, output } => merge(&files, &output),
    }
}

fn failed(error: Error) -> Failure {
    Failure::Run(Engine::from(error))
}

fn show(file: &Path, endpoint: Option<&str>) -> Done {
    let baseline = Baseline::load(&Config::default(), file).map_err(failed)?;
    let told = baseline.told(endpoint);
    if let (true, Some(name)) = (told.is_empty(), endpoint) {
        return Err(Failure::Usage(format!(
            "{}: no endpoint `{name}`; without a name all are shown",
            file.display()
        )));
    }
    say::out(&told.concat())?;
    Ok(0)
}

fn merge(files: &[PathBuf], output: &Path) -> Done {
    let config = Config::default();
    let mut merged = Baseline::new(&config);
    Baseline::check_target(output).map_err(failed)?;
    for file in files {
        merged.merge(Baseline::load(&config, file).map_err(failed)?);
    }
    merged.save(output).map_err(failed)?;
    say::line(&format!("{}: {} baselines in one", output.display(), files.len()));
    Ok(0)
}
