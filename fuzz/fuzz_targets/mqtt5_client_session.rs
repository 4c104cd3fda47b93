//! See [`azmqtt_fuzz::mqtt5_sessions::client_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt5_sessions::client_session(data);
});
