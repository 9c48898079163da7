//! Request rates: what one actor does on one endpoint, what its peers do, and what it did before.

use core::time::Duration;

/// How the actor's rate on an endpoint compares, for the most telling window.
#[derive(Clone, Debug, PartialEq)]
pub struct RateStatus {
    /// Window the counts are over.
    pub window: Duration,
    /// Requests of this actor to this endpoint in the window that ends now.
    pub count: u64,
    /// Highest count this actor ever had in such a window before the present burst, in up to 14 days.
    pub own_max: u64,
    /// Days of history of this actor on this endpoint.
    pub own_days: f64,
    /// Highest count any other actor (not flagged) ever had in such a window.
    pub peer_max: u64,
    /// Actors that use the endpoint, this one left out.
    pub peers: u64,
    /// 99.9th percentile of the count per actor and window over 14 days; `None` until there are
    /// 200 transactions and 10 principals.
    pub p999: Option<u64>,
}
