//! Property tests of the session types.
