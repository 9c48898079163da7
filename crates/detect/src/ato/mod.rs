//! Account takeover.

pub(crate) mod credential_stuffing;
