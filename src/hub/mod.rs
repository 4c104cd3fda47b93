//! The local IoT Hub on tokio.
