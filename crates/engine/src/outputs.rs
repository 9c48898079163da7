//! Where the records of a run go.

use crate::error::Error;
use stilt_alert::sink::{self, Sink};
use stilt_alert::{Names, record};
use stilt_model::SessionRecord;

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
}

/// What was kept rather than written.
#[derive(Default)]
pub struct Collected {
    /// Closed sessions, in the order they closed.
    pub sessions: Vec<SessionRecord>,
}

/// Open outputs.
pub(crate) struct Outputs {
    alerts: Option<Box<dyn Sink>>,
    pub(crate) transactions: Option<Box<dyn Sink>>,
    sessions: Option<Box<dyn Sink>>,
    keep_sessions: bool,
    pub(crate) collected: Collected,
}

fn open(target: &Target) -> Result<Option<Box<dyn Sink>>, Error> {
    match target {
        Target::Lines(name) => Ok(Some(sink::open(name)?)),
        Target::Nowhere | Target::Kept => Ok(None),
    }
}

impl Outputs {
    pub(crate) fn open(
        alerts: &Target,
        transactions: &Target,
        sessions: &Target,
    ) -> Result<Self, Error> {
        Ok(Self {
            alerts: open(alerts)?,
            transactions: open(transactions)?,
            sessions: open(sessions)?,
            keep_sessions: *sessions == Target::Kept,
            collected: Collected::default(),
        })
    }

    pub(crate) fn alerts(&mut self, lines: &mut Vec<String>) -> Result<(), Error> {
        for line in lines.drain(..) {
            if let Some(sink) = &mut self.alerts {
                sink.write(&line)?;
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
            if let Some(sink) = &mut self.sessions {
                sink.write(&record::session(&session, names))?;
            }
            if self.keep_sessions {
                self.collected.sessions.push(session);
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        for sink in
            [&mut self.alerts, &mut self.transactions, &mut self.sessions].into_iter().flatten()
        {
            sink.flush()?;
        }
        Ok(())
    }
}
