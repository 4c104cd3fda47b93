//! See [`azmqtt_fuzz::mqtt5::from_server`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt5::from_server(data);
});
