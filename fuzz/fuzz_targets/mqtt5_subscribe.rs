//! See [`azmqtt_fuzz::mqtt5::subscribe`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt5::subscribe(data);
});
