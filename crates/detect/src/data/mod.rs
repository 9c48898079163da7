//! Data that goes where it should not.

pub(crate) mod excessive_exposure;
pub(crate) mod exfiltration;
