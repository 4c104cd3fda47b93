//! See [`azmqtt_fuzz::mqtt5::publish`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt5::publish(data);
});
