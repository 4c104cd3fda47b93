//! MQTT 3.1.1 on a byte stream, without I/O.
