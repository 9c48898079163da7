//! Things and functions that somebody has no right to.

mod assigned;
pub(crate) mod bfla;
pub(crate) mod bola_access;
pub(crate) mod bola_enumeration;
pub(crate) mod mass_assignment;
pub(crate) mod policy_violation;
pub(crate) mod rights;
