//! Authentication: what lets callers in.

pub(crate) mod bypass;
pub(crate) mod exposed_credential;
pub(crate) mod jwt_tampering;
