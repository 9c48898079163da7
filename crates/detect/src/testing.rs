//! What tests of detections share.
