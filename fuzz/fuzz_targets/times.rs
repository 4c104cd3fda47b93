//! See [`azmqtt_fuzz::messages::times`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::messages::times(data);
});
