//! See [`azmqtt_fuzz::mqtt5_sessions::server_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt5_sessions::server_session(data);
});
