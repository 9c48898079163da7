//! Business logic: the order of actions, and what they move.

pub(crate) mod money_movement;
