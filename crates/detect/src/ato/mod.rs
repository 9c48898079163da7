//! Account takeover.

mod accounts;
pub(crate) mod brute_force;
pub(crate) mod credential_stuffing;
mod guessers;
pub(crate) mod otp_abuse;
pub(crate) mod password_reset_abuse;
pub(crate) mod password_spraying;
pub(crate) mod session_fixation;
pub(crate) mod session_hijack;
pub(crate) mod token_replay;
pub(crate) mod user_enumeration;
