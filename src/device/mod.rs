//! One device connection on tokio.
