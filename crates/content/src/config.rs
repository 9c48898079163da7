//! Caps of the reader.

use serde::{Deserialize, Serialize};

/// How much of a message is understood. Every value is a cap; what lies beyond is flagged as cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Leaves kept of one request.
    pub leaves_request_max: usize,
    /// Leaves kept of one response.
    pub leaves_response_max: usize,
    /// Nesting of a JSON body that is followed; deeper parts are skipped. At most 256.
    pub depth_max: usize,
    /// Bytes kept of a text value.
    pub text_max: usize,
    /// Bytes kept of a leaf's path.
    pub leaf_path_max: usize,
    /// Bytes kept of target, path, query and `Location`.
    pub target_max: usize,
    /// Bytes kept of host, media type, user agent and ids from headers.
    pub header_max: usize,
    /// Credentials kept of one request, and credentials handed out of one response.
    pub credentials_max: usize,
    /// Forwarded addresses kept of one request.
    pub forwarded_max: usize,
    /// Bytes of a signed token that are decoded; longer ones are marked only.
    pub jwt_max: usize,
    /// Bytes of text kept of one talk with a model or a tool server, all turns together; the newest
    /// come first.
    pub talk_text_max: usize,
    /// Bytes of text kept of one turn.
    pub talk_turn_max: usize,
    /// Headers whose values are kept since the configuration says that they name somebody, in lower
    /// case.
    #[serde(skip)]
    pub named_headers: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            leaves_request_max: 512,
            leaves_response_max: 2048,
            depth_max: 64,
            text_max: 256,
            leaf_path_max: 256,
            target_max: 8192,
            header_max: 256,
            credentials_max: 64,
            forwarded_max: 16,
            jwt_max: 16_384,
            talk_text_max: 128 << 10,
            talk_turn_max: 32 << 10,
            named_headers: Vec::new(),
        }
    }
}
