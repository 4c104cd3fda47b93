//! The language of IoT Hub, pure and shared by both sides of the wire.
