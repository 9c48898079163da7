//! Departures from what was learned as normal.

pub(crate) mod request_rate;
