//! What is far from normal, as it was learned from the traffic itself.

pub(crate) mod budget;
pub(crate) mod busiest;
pub(crate) mod query_pattern;
pub(crate) mod request_rate;
pub(crate) mod sensitive_access;
pub(crate) mod sequence;
pub(crate) mod several;
