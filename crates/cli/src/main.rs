//! `stilt`: what the user asked for.
//!
//! Standard output carries records only; everything that is said to a person goes to standard
//! error.

mod args;
mod baseline;
mod carve;
mod commands;
mod doctor;
mod documents;
mod inventory;
mod inventory_agents;
mod inventory_table;
mod policy;
mod say;
mod signals;
mod table;
mod talk;

use args::{Args, Command, ConfigCommand};
use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;
use talk::{FAILED, USAGE};

/// Messages become many small values that live for one transaction: what the system's allocator
/// does with them takes a quarter of the run. How it is set is in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = match Args::try_parse_from(documents::spread(std::env::args_os())) {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let done = match args.command {
        Command::Replay(replay) => commands::replay(replay),
        Command::Watch(watch) => commands::watch(watch),
        Command::Carve(asked) => carve::carve(&asked),
        Command::Doctor(doctor) => doctor::doctor(&doctor),
        Command::Sessions(sessions) => commands::sessions(&sessions),
        Command::Inventory(inventory) => inventory::show(&inventory),
        Command::Learn(learn) => commands::learn(learn),
        Command::Baseline(command) => baseline::run(command),
        Command::Detections { id } => commands::detections(id.as_deref()),
        Command::Schema { record } => commands::schema(&record),
        Command::Policy(command) => policy::run(command),
        Command::Config(ConfigCommand::Check { file }) => commands::config_check(&file),
        Command::Config(ConfigCommand::Show { config }) => commands::config_show(config.as_deref()),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) if failure.is_closed_pipe() => ExitCode::from(FAILED),
        Err(failure) => {
            say::line(&format!("stilt: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

/// Wrong usage is one line; help and version are what was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(USAGE)
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first).trim_end_matches(':');
            let missing: Vec<&str> = match error.kind() {
                ErrorKind::MissingRequiredArgument => text
                    .lines()
                    .skip(1)
                    .map(str::trim)
                    .take_while(|line| !line.is_empty())
                    .collect(),
                _ => Vec::new(),
            };
            let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
            // Nobody who mistypes an option means it as a value.
            let tip = tip.filter(|tip| !tip.ends_with('\'') || !tip.contains("as a value"));
            let parts: Vec<String> = core::iter::once(format!("stilt: {first}"))
                .chain((!missing.is_empty()).then(|| missing.join(" ")))
                .chain(tip.map(str::to_owned))
                .collect();
            say::line(&format!("{}; see stilt --help", parts.join("; ")));
            ExitCode::from(USAGE)
        }
    }
}
