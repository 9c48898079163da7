//! TCP put together: sequence numbers become stream offsets, segments become ordered bytes and
//! explicit gaps (RFC 9293).

mod seq;
mod stream;

pub use seq::SeqNumber;
pub use stream::{Chunk, Stream, StreamCounters};
