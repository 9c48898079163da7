//! What can be asked for.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use stilt_model::Severity;

/// Watches mirrored API traffic and tells, as JSON alerts, when business logic is being abused.
/// Passive, always.
#[derive(Debug, Parser)]
#[command(name = "stilt", version, about, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Analyses capture files (pcap, pcapng, also .gz and .zst; - reads standard input)
    Replay(Replay),
    /// Analyses what interfaces and cloud mirrors show, live, until Ctrl-C
    Watch(Watch),
    /// Cuts out the packets behind one alert, as a capture that raises it again
    Carve(Carve),
    /// Says what would keep traffic from being seen, on an interface or in a capture
    Doctor(Doctor),
    /// Shows each actor's sequence of actions
    Sessions(Sessions),
    /// Shows the services and endpoints that were seen, and what is known of them
    Inventory(Inventory),
    /// Learns a baseline and raises no alert
    Learn(Learn),
    /// Shows or merges baselines
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Lists the detections, or explains one
    Detections {
        /// Id of one detection
        id: Option<String>,
    },
    /// Prints a JSON Schema
    Schema {
        /// alert, posture, transaction, session, visibility or config
        record: String,
    },
    /// Checks or shows configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Checks, tries or suggests policies
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Shows what was learned: a line per endpoint, or one endpoint with its parameters
    Show {
        /// Baseline file
        file: PathBuf,
        /// Part of the endpoint's name, as `GET /orders`
        endpoint: Option<String>,
    },
    /// Makes one baseline of those of several sensors (with one installation key)
    Merge {
        /// Baseline files
        #[arg(required = true, num_args = 2.., value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where to write the merged baseline
        #[arg(short, long, value_name = "BASELINE")]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks a file
    Check {
        /// TOML file
        file: PathBuf,
    },
    /// Prints the effective configuration, defaults included
    Show {
        /// TOML file
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks policies, against the functions of captures where some are given
    Check {
        /// Cedar file, or a folder of them
        file: PathBuf,
        #[command(flatten)]
        input: Captures,
    },
    /// Shows what policies would have flagged
    Test {
        /// Cedar file, or a folder of them
        file: PathBuf,
        #[command(flatten)]
        input: Input,
        /// Show only what these policies would not have flagged alike
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Writes a least-privilege policy from traffic
    Suggest {
        #[command(flatten)]
        input: Input,
    },
}

/// Captures that may be left out.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Captures {
    /// Capture files that show the functions there are
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What commands that read captures share.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Input {
    /// Capture files, merged by packet time
    #[arg(required = true, value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What all commands that analyse share.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Common {
    /// TOML configuration
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Capture filter, tcpdump syntax
    #[arg(long, value_name = "BPF")]
    pub(crate) filter: Option<String>,
    /// Flow workers [default: the cores there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// No progress bar and no summary
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Once everything is open, go on as this user (a name or UID:GID; started as root only)
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Keep privileges, files and system calls that are given up otherwise
    #[arg(long, conflicts_with = "user")]
    pub(crate) no_sandbox: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Go on reading the last capture as it grows, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    /// Exit 3 when an alert at or above it was raised
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Level>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Watch {
    /// Interface; several carry the two directions of one tap; any is all of them
    #[arg(short, long = "interface", value_name = "IFACE", value_delimiter = ',')]
    pub(crate) interfaces: Vec<String>,
    /// Cloud mirror to listen for: vxlan://ADDRESS:PORT or geneve://ADDRESS:PORT[?vni=N,N]
    #[arg(long, value_name = "URL")]
    pub(crate) listen: Vec<String>,
    /// Bytes taken of each packet
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub(crate) snaplen: Option<u32>,
    /// MiB that the kernel holds for each interface until they are read
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=2047))]
    pub(crate) ring: Option<u32>,
    /// Take only packets that are for this machine
    #[arg(long)]
    pub(crate) no_promiscuous: bool,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Exit 3 when an alert at or above it was raised
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Level>,
}

/// Where records go and what raises them.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Output {
    /// Alert records, one JSON object per line; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) alerts: String,
    /// Shape of the alert records
    #[arg(long, default_value = "ecs")]
    pub(crate) format: String,
    /// Every transaction, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub(crate) transactions: Option<String>,
    /// Every session as it closes, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub(crate) sessions: Option<String>,
    /// Start from a learned baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what was learned at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) save_baseline: Option<PathBuf>,
    /// A folder in which what is remembered is kept over restarts; a state file is begun with and
    /// stays as it is
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The documented API (OpenAPI 3.0 or 3.1, JSON or YAML), one file or several; what departs
    /// from it is told
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Vec<PathBuf>,
    /// Policies in Cedar: a file, or a folder of them
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) policy: Option<PathBuf>,
    /// Detections by id or family; none: transactions and sessions only
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Detections that do not take part
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
}

/// CAPTURE may be the folder in which a live run keeps packets ([evidence])
#[derive(Debug, ClapArgs)]
pub(crate) struct Carve {
    #[command(flatten)]
    pub(crate) input: Input,
    /// The alert's event.id
    #[arg(long, value_name = "ID")]
    pub(crate) alert: String,
    /// Where to write the packets (pcapng)
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The learned baseline that the run which raised it started from
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// The state that it started from: a copy of its folder, which is only read
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// Capture files; the machine is looked at where none is named
    #[arg(value_name = "CAPTURE", conflicts_with = "interfaces")]
    pub(crate) captures: Vec<PathBuf>,
    /// Interface to listen on for a while
    #[arg(short, long = "interface", value_name = "IFACE", value_delimiter = ',')]
    pub(crate) interfaces: Vec<String>,
    /// How long to listen
    #[arg(long, value_name = "N", default_value = "5",
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: u16,
    /// The filter that a run would have
    #[arg(long, value_name = "BPF")]
    pub(crate) filter: Option<String>,
    /// TOML configuration
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Shape of the output
    #[arg(long, default_value = "table")]
    pub(crate) format: Shape,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sessions {
    #[command(flatten)]
    pub(crate) input: Input,
    /// One actor, as shown in stilt.actor.id, or a user name
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Shape of the output
    #[arg(long, default_value = "table")]
    pub(crate) format: Shape,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inventory {
    #[command(flatten)]
    pub(crate) input: Input,
    /// One service; an OpenAPI document is always about one
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Shape of the output
    #[arg(long, default_value = "table")]
    pub(crate) format: InventoryShape,
    /// Short values that were seen may be shown in the OpenAPI document
    #[arg(long)]
    pub(crate) examples: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Learn {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Where to write the baseline
    #[arg(short, long, value_name = "BASELINE")]
    pub(crate) output: PathBuf,
    /// Start from an earlier baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// For people.
    Table,
    /// One JSON object per line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InventoryShape {
    /// For people.
    Table,
    /// One JSON object per line and endpoint.
    Json,
    /// An OpenAPI 3.1 document.
    Openapi,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    Low,
    Medium,
    High,
    Critical,
}

impl Level {
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}
