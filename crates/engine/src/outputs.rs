//! Where the records of a run go.

use crate::error::Error;
use crate::pump::Pump;
use std::path::PathBuf;
use stilt_alert::sink::{self, Begin, Sink};
use stilt_alert::{Names, record};
use stilt_detect::Agents;
use stilt_inventory::Inventory;
use stilt_model::SessionRecord;
use stilt_policy::{Tally, Usage};

/// What becomes of one sort of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// It is not written.
    #[default]
    Nowhere,
    /// It is written to a file, or to standard output for `-`.
    Lines(String),
    /// It is kept and given with the summary (sessions only).
    Kept,
    /// What is told of one alert is kept, all else is not (alerts only).
    Alert(Sought),
}

/// Which alert is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// `event.id`.
    pub id: String,
    /// What names its story, where it may come back under another id: a connection that is joined
    /// later than the run did gives its transactions, and so alerts, other ids.
    pub story: Option<StoryName>,
}

/// One actor at one endpoint, as one rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryName {
    /// `rule.id`.
    pub rule: String,
    /// `stilt.actor.id`.
    pub actor: String,
    /// `stilt.service`.
    pub service: String,
    /// `stilt.endpoint`.
    pub endpoint: String,
}

impl Sought {
    /// Whether a record is of that alert.
    fn is(&self, line: &str) -> bool {
        let words = [Some(&self.id), self.story.as_ref().map(|story| &story.rule)];
        // Few lines hold one of them; that it is not another thing's is seen by reading the record.
        if !words.into_iter().flatten().any(|word| line.contains(word.as_str())) {
            return false;
        }
        let Ok(record) = serde_json::from_str::<serde_json::Value>(line) else { return false };
        let known = &record["stilt"];
        record["event"]["id"] == self.id.as_str()
            || self.story.as_ref().is_some_and(|story| {
                record["event"]["kind"] == "alert"
                    && record["rule"]["id"] == story.rule.as_str()
                    && known["actor"]["id"] == story.actor.as_str()
                    && known["service"] == story.service.as_str()
                    && known["endpoint"] == story.endpoint.as_str()
            })
    }
}

/// What was kept rather than written.
#[derive(Default)]
pub struct Collected {
    /// Closed sessions, in the order they closed.
    pub sessions: Vec<SessionRecord>,
    /// Each time the alert that was asked for was told.
    pub alerts: Vec<String>,
    /// Services and endpoints.
    pub inventory: Option<Inventory>,
    /// Agents, models and tool servers.
    pub agents: Option<Agents>,
    /// What functions were used how, where it was asked for.
    pub usage: Option<Usage>,
    /// What policies decided, where there are any.
    pub tally: Option<Tally>,
    /// What the policies to compare with decided.
    pub tally_against: Option<Tally>,
}

/// Open outputs. Records of several sorts that go to one place go through one sink, so that no
/// line is torn and none is written over another.
pub(crate) struct Outputs {
    sinks: Vec<Out>,
    alerts: Option<usize>,
    transactions: Option<usize>,
    sessions: Option<usize>,
    keep_sessions: bool,
    /// The alert that is kept.
    keep_alert: Option<Sought>,
    pub(crate) collected: Collected,
}

/// An open output.
enum Out {
    /// Written by who has the record.
    Direct(String, Box<dyn Sink>),
    /// Written by a thread of its own.
    Pumped(Pump),
    /// It could not be given a thread.
    Gone,
}

impl Out {
    fn sink(&mut self) -> Option<&mut dyn Sink> {
        match self {
            Self::Direct(_, sink) => Some(sink.as_mut()),
            Self::Pumped(pump) => Some(pump),
            Self::Gone => None,
        }
    }
}

/// Sinks with the places they write to.
struct Opened {
    begin: Begin,
    sinks: Vec<Out>,
    places: Vec<PathBuf>,
}

impl Opened {
    fn open(&mut self, target: &Target) -> Result<Option<usize>, Error> {
        let Target::Lines(name) = target else { return Ok(None) };
        // A file that is open already is there, so that its other names lead to the same path.
        if let Some(at) = self.places.iter().position(|known| *known == place(name)) {
            return Ok(Some(at));
        }
        self.sinks.push(Out::Direct(name.clone(), sink::open(name, self.begin)?));
        self.places.push(place(name));
        Ok(Some(self.places.len().saturating_sub(1)))
    }
}

/// Where a target leads: `-` is no path.
fn place(name: &str) -> PathBuf {
    let path = PathBuf::from(name);
    if name == "-" { path } else { path.canonicalize().unwrap_or(path) }
}

impl Outputs {
    pub(crate) fn open(
        alerts: &Target,
        transactions: &Target,
        sessions: &Target,
        begin: Begin,
    ) -> Result<Self, Error> {
        let mut opened = Opened { begin, sinks: Vec::new(), places: Vec::new() };
        Ok(Self {
            alerts: opened.open(alerts)?,
            transactions: opened.open(transactions)?,
            sessions: opened.open(sessions)?,
            sinks: opened.sinks,
            keep_sessions: *sessions == Target::Kept,
            keep_alert: match alerts {
                Target::Alert(sought) => Some(sought.clone()),
                _ => None,
            },
            collected: Collected::default(),
        })
    }

    /// Of each output that a thread writes: where it goes, bytes that wait, records that were lost.
    pub(crate) fn standing(&self) -> Vec<(String, u64, u64)> {
        let pumps = self.sinks.iter().filter_map(|out| match out {
            Out::Pumped(pump) => Some(pump.standing()),
            _ => None,
        });
        pumps.collect()
    }

    /// Lets threads of their own write, so that no output holds the run up.
    pub(crate) fn pump(&mut self, waiting_max: usize) -> Result<(), Error> {
        for out in &mut self.sinks {
            *out = match core::mem::replace(out, Out::Gone) {
                Out::Direct(target, sink) => Out::Pumped(Pump::start(&target, sink, waiting_max)?),
                other => other,
            };
        }
        Ok(())
    }

    fn pumps(&mut self) -> impl Iterator<Item = &mut Pump> {
        self.sinks.iter_mut().filter_map(|out| match out {
            Out::Pumped(pump) => Some(pump),
            _ => None,
        })
    }

    /// What there is to tell of outputs, and how many records were lost since the last call.
    pub(crate) fn news(&mut self, notices: &mut Vec<String>) -> u64 {
        self.pumps().map(|pump| pump.news(notices)).sum()
    }

    /// An output of which the reader has gone away for good.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.pumps().any(|pump| pump.is_closed())
    }

    /// Opens files anew, which were moved away to be kept.
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        for sink in self.sinks.iter_mut().filter_map(Out::sink) {
            sink.reopen()?;
        }
        Ok(())
    }

    /// Waits, not for ever, until all is written.
    pub(crate) fn end(&mut self, notices: &mut Vec<String>) -> u64 {
        self.pumps().map(|pump| pump.end(notices)).sum()
    }

    fn sink(&mut self, at: Option<usize>) -> Option<&mut dyn Sink> {
        self.sinks.get_mut(at?)?.sink()
    }

    /// Where transactions go.
    pub(crate) fn transactions(&mut self) -> Option<&mut dyn Sink> {
        self.sink(self.transactions)
    }

    pub(crate) fn alerts(&mut self, lines: &mut Vec<String>) -> Result<(), Error> {
        for line in lines.drain(..) {
            if let Some(sink) = self.sink(self.alerts) {
                sink.write(&line)?;
            }
            if self.keep_alert.as_ref().is_some_and(|alert| alert.is(&line)) {
                self.collected.alerts.push(line);
            }
        }
        Ok(())
    }

    pub(crate) fn sessions(
        &mut self,
        closed: &mut Vec<SessionRecord>,
        names: &Names,
    ) -> Result<(), Error> {
        for session in closed.drain(..) {
            if let Some(sink) = self.sink(self.sessions) {
                sink.write(&record::session(&session, names))?;
            }
            if self.keep_sessions {
                self.collected.sessions.push(session);
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        for sink in self.sinks.iter_mut().filter_map(Out::sink) {
            sink.flush()?;
        }
        Ok(())
    }
}
