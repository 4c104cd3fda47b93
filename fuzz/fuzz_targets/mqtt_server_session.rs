//! See [`azmqtt_fuzz::mqtt::server_session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt::server_session(data);
});
