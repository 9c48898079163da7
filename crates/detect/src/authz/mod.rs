//! Access to what is not one's own.

pub(crate) mod bola_enumeration;
